//! Writes to the SQLite store without end, and says which records were acknowledged, until it is killed: file, number of
//! keys. Each key has a key group of its own; the values of its records count from 0.

use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore};
use flink_agents_runtime::store::{
    Acked, Append, Events, Lineage, MissingHistory, OpenSession, Recovered, Store, StoreError,
};
use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

struct Acks(Sender<Vec<Acked>>);

impl Events for Acks {
    fn acked(&self, records: &[Acked]) {
        // After the other end is gone the program ends anyway.
        let _ = self.0.send(records.to_vec());
    }

    fn failed(&self, error: StoreError) {
        let _ = writeln!(std::io::stderr(), "{error}");
        std::process::exit(3);
    }

    fn recovered(&self, _: Vec<Recovered>) {}

    fn recovery_done(&self, _: RangeInclusive<u16>) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let keys: u16 = arguments[2].parse()?;
    let (sender, acks) = channel();
    let store = SqliteStore::new(SqliteSettings::new(&arguments[1]))?;
    let request = OpenSession {
        lineage: Lineage([0xa1; 16]),
        ancestors: Vec::new(),
        operator: "agent/walker".to_owned(),
        max_parallelism: 128,
        key_groups: 0..=127,
        markers: Vec::new(),
        missing_history: MissingHistory::Fail,
    };
    let mut session = store.open(request, Arc::new(Acks(sender)))?;
    let record = |key_group: u16, run: u64| Append {
        slot: u32::from(key_group),
        ticket: run,
        key_group,
        key: format!("key {key_group}").into_bytes().into(),
        tail: Arc::from(run.to_be_bytes()),
        value: Some(run.to_string().into_bytes().into()),
    };
    // Three records of each key are on their way at any time.
    session.append(
        (0..3)
            .flat_map(|run| (0..keys).map(move |key| record(key, run)))
            .collect(),
    )?;
    let mut out = std::io::stdout().lock();
    for acked in acks {
        let mut lines = String::new();
        let mut next = Vec::new();
        for record_acked in &acked {
            lines.push_str(&format!("{} {}\n", record_acked.slot, record_acked.ticket));
            next.push(record(record_acked.slot as u16, record_acked.ticket + 3));
        }
        out.write_all(lines.as_bytes())?;
        session.append(next)?;
    }
    Ok(())
}
