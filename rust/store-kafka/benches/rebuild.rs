//! What it takes to read a journal back from a topic: RECORDS records of KEYS keys are written, each a call's result of 100
//! bytes, and another attempt of the same job reads them. Prints how many a second, of the clock and of the CPU.
//!
//!     cargo bench -p flink-agents-store-kafka --bench rebuild -- ADDRESS [RECORDS] [KEYS]
//!
//! ADDRESS is a broker's, as `scripts/kafka-broker start` prints it. Three attempts read, one after another.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use flink_agents_core::ids::KeySlot;
use flink_agents_core::journal::{CallRecord, CallStatus, First, JournalSettings, Record, RecordBody, Tail};
use flink_agents_core::run::{Limits, Machine, RecordOut};
use flink_agents_core::symbols::INPUT_EVENT;
use flink_agents_runtime::journal::JournalDriver;
use flink_agents_runtime::store::{Lineage, MissingHistory, OpenSession};
use flink_agents_store_kafka::{KafkaSettings, KafkaStore};
use flink_agents_testkit::exact::Exact;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const KEY_GROUPS: u16 = 128;

/// CPU seconds of this process so far, of all its threads.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    // utime and stime, in hundredths of a second on every Linux.
    fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}

fn machine() -> Machine<Exact> {
    let agent = Exact::new([("ask", INPUT_EVENT)]);
    Machine::with_journal(agent, Limits::default(), JournalSettings::default())
}

fn attempt(store: &KafkaStore) -> (JournalDriver, Receiver<()>) {
    let session = OpenSession {
        lineage: Lineage([1; 16]),
        ancestors: Vec::new(),
        operator: "bench".into(),
        max_parallelism: KEY_GROUPS,
        key_groups: 0..=KEY_GROUPS - 1,
        markers: Vec::new(),
        missing_history: MissingHistory::Fail,
    };
    let (sender, woken) = channel();
    let sender = std::sync::Mutex::new(sender);
    let wake = Arc::new(move || {
        let _ = sender.lock().unwrap().send(());
    });
    (JournalDriver::open(store, session, wake).unwrap(), woken)
}

/// One record of the call of an action, as a run of one call leaves it.
fn record(run: u64) -> RecordOut {
    let tail = Tail {
        run,
        task: vec![(0, "ask".into())],
        call: vec![0],
    };
    let record = Record {
        order: 1,
        after: 0,
        first: First::No,
        body: RecordBody::Call(CallRecord {
            status: CallStatus::Succeeded,
            function: "ask".into(),
            digest: Some([7; 16]),
            payload: vec![b'r'; 100],
        }),
    };
    RecordOut {
        tail: tail.encode().into(),
        value: Some(record.encode().into()),
    }
}

fn write(store: &KafkaStore, records: u64, keys: u64) -> u64 {
    let (mut driver, woken) = attempt(store);
    let mut machine = machine();
    let mut bytes = 0;
    for key in 0..keys {
        driver
            .key_opened(
                KeySlot(key as u32),
                (key % u64::from(KEY_GROUPS)) as u16,
                format!("key-{key}").as_bytes(),
            )
            .unwrap();
    }
    for number in 0..records {
        let record = record(number / keys);
        bytes += (record.tail.len() + record.value.as_ref().unwrap().len()) as u64;
        driver.record(KeySlot((number % keys) as u32), number, record);
        if number % 1000 == 999 {
            driver.flush().unwrap();
            while driver.figures().unacknowledged > 50_000 {
                woken.recv().unwrap();
                driver.poll(&mut machine).unwrap();
            }
        }
    }
    driver.flush().unwrap();
    while driver.figures().unacknowledged > 0 {
        woken.recv().unwrap();
        driver.poll(&mut machine).unwrap();
    }
    driver.close();
    bytes
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let Some(address) = arguments.first() else {
        println!("rebuild: the address of a broker is missing");
        std::process::exit(2);
    };
    let number = |index: usize, default: u64| arguments.get(index).map_or(default, |text| text.parse().unwrap());
    let (records, keys) = (number(1, 1_000_000), number(2, 1_000));
    let mut settings = KafkaSettings::new(address.as_str(), format!("rebuild-{}", std::process::id()));
    settings.open_timeout = Duration::from_secs(120);
    let store = KafkaStore::new(settings, Arc::new(|_: &str| ())).unwrap();
    let bytes = write(&store, records, keys);
    for _ in 0..3 {
        let (begin, used) = (Instant::now(), cpu());
        let (mut driver, woken) = attempt(&store);
        let mut machine = machine();
        while !driver.is_read() {
            woken.recv().unwrap();
            driver.poll(&mut machine).unwrap();
        }
        let (seconds, used) = (begin.elapsed().as_secs_f64(), cpu() - used);
        assert_eq!(driver.records_read(), records);
        println!(
            "JOURNAL rebuild store=kafka records={records} keys={keys} bytes={bytes} seconds={seconds:.2} cpu_s={used:.2} \
             records_per_s={:.0} records_per_cpu_s={:.0}",
            records as f64 / seconds,
            records as f64 / used,
        );
        driver.close();
    }
}
