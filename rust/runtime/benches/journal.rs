//! What a journal in a file costs: an agent of one action with one durable call that takes no time, 1,000 keys, each with one
//! input at a time. Prints durable calls and records a second, and the time from an input to its output.
//!
//!     cargo bench -p flink-agents-runtime --bench journal -- [keys] [seconds] [directory]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use flink_agents_core::ids::{EventId, KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::journal::JournalSettings;
use flink_agents_core::run::{CallIn, CallOutcome, CallStep, Effect, EventIn, Limits, Machine};
use flink_agents_core::symbols::{INPUT, INPUT_EVENT, OUTPUT};
use flink_agents_runtime::journal::JournalDriver;
use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore};
use flink_agents_runtime::store::{Lineage, MissingHistory, OpenSession};
use flink_agents_testkit::exact::Exact;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

struct Host {
    machine: Machine<Exact>,
    driver: JournalDriver,
    ids: u128,
    started: Vec<Instant>,
    delays: Vec<Duration>,
    sequences: Vec<u64>,
    calls: u64,
    records: u64,
}

impl Host {
    fn event(&mut self, event_type: Symbol, value: u32) -> EventIn<()> {
        self.ids += 1;
        EventIn {
            id: EventId(self.ids),
            event_type,
            value: ValueHandle(value),
            attributes: None,
        }
    }

    fn input(&mut self, key: u32) {
        let slot = KeySlot(key);
        self.started[key as usize] = Instant::now();
        self.machine
            .handle_key_opened(slot, self.sequences[key as usize])
            .unwrap();
        let history = self
            .driver
            .key_opened(slot, (key % 128) as u16, &key.to_be_bytes())
            .unwrap();
        self.machine.handle_history(slot, history).unwrap();
        let event = self.event(INPUT, key);
        self.machine
            .handle_digested_input(slot, event, None, Some([7; 16]))
            .unwrap();
    }

    fn call(&mut self, task: TaskId, step: &CallStep) -> bool {
        if *step != CallStep::Execute {
            return false;
        }
        self.calls += 1;
        let outcome = CallOutcome {
            failed: false,
            payload: &[b'r'; 100],
        };
        self.machine.handle_call_ended(task, 0, Some(outcome)).unwrap();
        true
    }

    fn finish(&mut self, task: TaskId) {
        let event = self.event(OUTPUT, u32::MAX);
        self.machine.handle_sent(task, event).unwrap();
        self.machine.handle_completed(task, vec![vec![b'o'; 200]]).unwrap();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::RunAction { task, .. } => {
                let call = CallIn {
                    function: "ask",
                    ..CallIn::default()
                };
                let (_, step) = self.machine.handle_call(task, 0, call).unwrap();
                if self.call(task, &step) {
                    self.finish(task);
                } else {
                    self.machine.handle_suspended(task).unwrap();
                }
            }
            Effect::CallReady { task, step, .. } => {
                assert!(self.call(task, &step));
                self.machine.handle_woken(task).unwrap();
            }
            Effect::Resume { task, .. } => self.finish(task),
            Effect::Record { key, ticket, record } => {
                self.records += 1;
                self.driver.record(key, ticket, *record);
            }
            Effect::RunEnded {
                key, sequence, idle, ..
            } => {
                self.driver.run_ended(key, sequence, idle);
                self.sequences[key.0 as usize] = sequence + 1;
                self.delays.push(self.started[key.0 as usize].elapsed());
                self.input(key.0);
            }
            _ => {}
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let number = |index: usize, default: u64| arguments.get(index).map_or(default, |text| text.parse().unwrap());
    let (keys, seconds) = (number(0, 1_000) as u32, number(1, 10));
    let directory = arguments.get(2).map_or_else(std::env::temp_dir, Into::into);
    let directory = directory.join(format!("flink-agents-journal-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let store = SqliteStore::new(SqliteSettings::new(directory.join("journal.sqlite"))).unwrap();
    let (sender, woken) = channel();
    let sender = std::sync::Mutex::new(sender);
    let session = OpenSession {
        lineage: Lineage([1; 16]),
        ancestors: Vec::new(),
        operator: "bench".into(),
        max_parallelism: 128,
        key_groups: 0..=127,
        markers: Vec::new(),
        missing_history: MissingHistory::Fail,
    };
    let wake = Arc::new(move || {
        let _ = sender.lock().unwrap().send(());
    });
    let agent = Exact::new([("ask", INPUT_EVENT)]);
    let mut host = Host {
        machine: Machine::with_journal(agent, Limits::default(), JournalSettings::default()),
        driver: JournalDriver::open(&store, session, wake).unwrap(),
        ids: 0,
        started: vec![Instant::now(); keys as usize],
        delays: Vec::new(),
        sequences: vec![0; keys as usize],
        calls: 0,
        records: 0,
    };
    (0..keys).for_each(|key| host.input(key));
    let mut begin = Instant::now();
    let mut warm = false;
    loop {
        while let Some(effect) = host.machine.poll_effect(true) {
            host.carry_out(effect);
        }
        host.driver.flush().unwrap();
        if !host.driver.poll(&mut host.machine).unwrap() && !host.machine.has_ready() {
            woken.recv().unwrap();
        }
        if !warm && begin.elapsed() > Duration::from_secs(2) {
            warm = true;
            begin = Instant::now();
            (host.calls, host.records) = (0, 0);
            host.delays.clear();
        }
        if warm && begin.elapsed() > Duration::from_secs(seconds) {
            break;
        }
    }
    let time = begin.elapsed().as_secs_f64();
    host.delays.sort_unstable();
    let at = |share: f64| host.delays[(host.delays.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "JOURNAL store=sqlite keys={keys} calls_per_s={:.0} records_per_s={:.0} run_ms_p50={:.2} p99={:.2}",
        host.calls as f64 / time,
        host.records as f64 / time,
        at(0.5),
        at(0.99),
    );
    host.driver.close();
    drop(store);
    std::fs::remove_dir_all(&directory).unwrap();
}
