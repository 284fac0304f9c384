//! A machine with a journal over real stores: an agent of two actions with a durable call each, crashed after any number of
//! calls and started again with nothing but its inputs and the store.
#![allow(clippy::unwrap_used)]

use flink_agents_core::ids::{ActionId, EventId, KeySlot, TaskId, ValueHandle};
use flink_agents_core::journal::JournalSettings;
use flink_agents_core::run::{CallIn, CallOutcome, CallStep, Effect, EventIn, Limits, Machine};
use flink_agents_core::symbols::{INPUT, INPUT_EVENT, OUTPUT};
use flink_agents_runtime::journal::JournalDriver;
use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore};
use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore};
use flink_agents_runtime::store::{Lineage, MissingHistory, OpenSession, Store};
use flink_agents_testkit::exact::Exact;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KEYS: u32 = 7;
const INPUTS: u32 = 30;
const GROUPS: u16 = 16;

/// Side effects, by idempotency key: their results.
type Ledger = BTreeMap<String, Vec<String>>;

struct Waiting {
    action: u16,
    payload: String,
    key: KeySlot,
    result: Option<String>,
}

/// One attempt of the subtask.
struct Attempt {
    machine: Machine<Exact>,
    driver: JournalDriver,
    woken: Receiver<()>,
    values: Vec<String>,
    tasks: HashMap<u64, Waiting>,
    outputs: BTreeMap<u32, Vec<String>>,
    /// Calls that may still be made before the crash.
    left: usize,
    replayed: usize,
}

impl Attempt {
    fn new(store: &dyn Store, lineage: Lineage, ancestors: Vec<Lineage>, left: usize) -> Attempt {
        let settings = JournalSettings {
            origin: lineage.0,
            ..JournalSettings::default()
        };
        let agent = Exact::new([("ask", INPUT_EVENT), ("pay", "paid")]);
        let (sender, woken) = channel();
        let sender = Mutex::new(sender);
        let session = OpenSession {
            lineage,
            ancestors,
            operator: "agent".into(),
            max_parallelism: GROUPS,
            key_groups: 0..=GROUPS - 1,
            markers: Vec::new(),
            missing_history: MissingHistory::Fail,
        };
        let wake = Arc::new(move || {
            // The attempt may have crashed.
            let _ = sender.lock().unwrap().send(());
        });
        Attempt {
            machine: Machine::with_journal(agent, Limits::default(), settings),
            driver: JournalDriver::open(store, session, wake).unwrap(),
            woken,
            values: Vec::new(),
            tasks: HashMap::new(),
            outputs: BTreeMap::new(),
            left,
            replayed: 0,
        }
    }

    fn value(&mut self, payload: String) -> ValueHandle {
        self.values.push(payload);
        ValueHandle(self.values.len() as u32 - 1)
    }

    fn id(&self) -> EventId {
        // Ids of an earlier attempt come back out of the journal.
        static IDS: AtomicU64 = AtomicU64::new(1);
        EventId(u128::from(IDS.fetch_add(1, Ordering::Relaxed)))
    }

    /// Brings all inputs, and works until everything is done or the attempt crashes.
    fn work(&mut self, ledger: &mut Ledger) -> bool {
        for key in 0..KEYS {
            let slot = KeySlot(key);
            self.machine.handle_key_opened(slot, 0).unwrap();
            let history = self
                .driver
                .key_opened(slot, (key as u16 * 5) % GROUPS, &key.to_be_bytes())
                .unwrap();
            self.machine.handle_history(slot, history).unwrap();
        }
        for input in 0..INPUTS {
            let value = self.value(format!("input {input}"));
            let event = EventIn {
                id: self.id(),
                event_type: INPUT,
                value,
                attributes: None,
            };
            let mut digest = [0; 16];
            digest[..4].copy_from_slice(&input.to_be_bytes());
            self.machine
                .handle_digested_input(KeySlot(input % KEYS), event, None, Some(digest))
                .unwrap();
        }
        self.machine.handle_end_of_input();
        loop {
            while let Some(effect) = self.machine.poll_effect(true) {
                if !self.carry_out(effect, ledger) {
                    return false;
                }
            }
            self.driver.flush().unwrap();
            if self.machine.in_flight() == 0 {
                return true;
            }
            if !self.driver.poll(&mut self.machine).unwrap() {
                self.woken.recv_timeout(Duration::from_secs(60)).unwrap();
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, ledger: &mut Ledger) -> bool {
        match effect {
            Effect::RunAction {
                task,
                key,
                action: ActionId(action),
                event,
            } => {
                let payload = self.values[event.0 as usize].clone();
                let waiting = Waiting {
                    action,
                    payload,
                    key,
                    result: None,
                };
                self.tasks.insert(task.to_bits(), waiting);
                let call = CallIn {
                    function: if action == 0 { "ask" } else { "pay" },
                    ..CallIn::default()
                };
                let (number, step) = self.machine.handle_call(task, 0, call).unwrap();
                assert_eq!(number, 0);
                if !self.step(task, step, ledger) {
                    return false;
                }
                if self.tasks[&task.to_bits()].result.is_some() {
                    self.finish(task);
                } else {
                    self.machine.handle_suspended(task).unwrap();
                }
            }
            Effect::Resume { task, .. } => self.finish(task),
            Effect::CallReady { task, step, .. } => {
                if !self.step(task, *step, ledger) {
                    return false;
                }
                self.machine.handle_woken(task).unwrap();
            }
            Effect::Replay { task, completion, .. } => {
                self.replayed += 1;
                let texts = completion
                    .values
                    .iter()
                    .map(|bytes| String::from_utf8(bytes.clone()).unwrap());
                let texts: Vec<String> = texts.collect();
                let values: Vec<ValueHandle> = texts.into_iter().map(|text| self.value(text)).collect();
                self.machine
                    .handle_replayed(task, &completion, &values, Vec::new())
                    .unwrap();
            }
            Effect::Record { key, ticket, record } => self.driver.record(key, ticket, *record),
            Effect::RunEnded {
                key, sequence, idle, ..
            } => self.driver.run_ended(key, sequence, idle),
            Effect::Emit { key, event, .. } => {
                let payload = self.values[event.0 as usize].clone();
                self.outputs.entry(key.0).or_default().push(payload);
            }
            Effect::Release(_) => {}
            other => panic!("{other:?}"),
        }
        true
    }

    /// False: the attempt crashes instead of making the call.
    fn step(&mut self, task: TaskId, step: CallStep, ledger: &mut Ledger) -> bool {
        let waiting = self.tasks.get_mut(&task.to_bits()).unwrap();
        match step {
            CallStep::Wait => {}
            CallStep::Replay { failed, payload } => {
                assert!(!failed);
                self.replayed += 1;
                waiting.result = Some(String::from_utf8(payload).unwrap());
                self.machine.handle_call_ended(task, 0, None).unwrap();
            }
            CallStep::Execute => {
                if self.left == 0 {
                    return false;
                }
                self.left -= 1;
                let origin = self.machine.origin_of(task).unwrap();
                let tail = self.machine.call_tail(task, 0).unwrap();
                let key = self.driver.idempotency_key(waiting.key, origin, &tail).unwrap();
                let executions = ledger.entry(key).or_default();
                let result = format!("{} {} {}", waiting.payload, waiting.action, executions.len());
                executions.push(result.clone());
                let outcome = CallOutcome {
                    failed: false,
                    payload: result.as_bytes(),
                };
                self.machine.handle_call_ended(task, 0, Some(outcome)).unwrap();
                waiting.result = Some(result);
            }
            CallStep::Reconcile => panic!("there is no reconciler"),
        }
        true
    }

    fn finish(&mut self, task: TaskId) {
        let waiting = self.tasks.remove(&task.to_bits()).unwrap();
        let event_type = if waiting.action == 0 {
            self.machine.intern("paid")
        } else {
            OUTPUT
        };
        let value = self.value(waiting.result.unwrap());
        let event = EventIn {
            id: self.id(),
            event_type,
            value,
            attributes: None,
        };
        self.machine.handle_sent(task, event).unwrap();
        let values = self.machine.values_to_record(task).unwrap();
        let values = values
            .iter()
            .map(|value| self.values[value.0 as usize].clone().into_bytes());
        self.machine.handle_completed(task, values.collect()).unwrap();
    }
}

/// Crashes again and again until it is done; returns the ledger, the outputs, and how often something was replayed.
fn until_done(store: &dyn Store, lineage: Lineage, step: usize) -> (Ledger, BTreeMap<u32, Vec<String>>, usize) {
    let mut ledger = Ledger::new();
    let mut replayed = 0;
    for _ in 0..1_000 {
        let mut attempt = Attempt::new(store, lineage, Vec::new(), step);
        let done = attempt.work(&mut ledger);
        replayed += attempt.replayed;
        attempt.driver.close();
        if done {
            return (ledger, attempt.outputs, replayed);
        }
    }
    panic!("it never came to its end");
}

fn check(store: &dyn Store) {
    let first = Lineage([1; 16]);
    let (ledger, outputs, replayed) = until_done(store, first, 9);
    assert_eq!(ledger.len(), 2 * INPUTS as usize, "every call has a key of its own");
    // A closing session makes durable what it was given, or not; what the next one read back is not done again.
    let again = ledger.values().filter(|executions| executions.len() > 1).count();
    assert!(
        replayed > 100 && again < 2 * INPUTS as usize,
        "{replayed} replayed, {again} made again"
    );
    for input in 0..INPUTS {
        let seen = &outputs[&(input % KEYS)][(input / KEYS) as usize];
        assert!(seen.starts_with(&format!("input {input} 0 ")), "{seen}");
        assert!(
            ledger.values().any(|executions| executions.last() == Some(seen)),
            "{seen}"
        );
    }

    // Everything is in the journal: nothing is executed.
    let mut more = Ledger::new();
    let mut attempt = Attempt::new(store, first, Vec::new(), 0);
    assert!(attempt.work(&mut more) && more.is_empty());
    assert_eq!(attempt.outputs, outputs);
    attempt.driver.close();

    // A new submission knows nothing of it, and its calls have other keys.
    let (other, _, _) = until_done(store, Lineage([2; 16]), 1_000);
    assert_eq!(other.len(), 2 * INPUTS as usize);
    assert!(other.keys().all(|key| !ledger.contains_key(key)));

    // One that goes on from the first one's state has its records.
    let mut attempt = Attempt::new(store, Lineage([3; 16]), vec![first], 0);
    assert!(attempt.work(&mut more) && more.is_empty());
    assert_eq!(attempt.outputs, outputs);
    attempt.driver.close();
}

#[test]
fn over_the_store_in_memory() {
    check(&MemoryStore::threaded(MemorySettings::default()).unwrap());
}

#[test]
fn over_the_store_in_a_file() {
    let directory = std::env::temp_dir().join(format!("flink-agents-journal-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let store = SqliteStore::new(SqliteSettings::new(directory.join("journal.sqlite"))).unwrap();
    check(&store);
    drop(store);
    std::fs::remove_dir_all(&directory).unwrap();
}
