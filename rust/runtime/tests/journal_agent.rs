//! A subtask with a journal over a store: an agent of two actions, each with a durable call, and its host.

use flink_agents_core::ids::{ActionId, EventId, KeySlot, TaskId, ValueHandle};
use flink_agents_core::journal::JournalSettings;
use flink_agents_core::run::{CallIn, CallOutcome, CallStep, Effect, EventIn, Limits, Machine, RestorePlan};
use flink_agents_core::symbols::{INPUT, INPUT_EVENT, OUTPUT};
use flink_agents_runtime::journal::{JournalDriver, JournalError};
use flink_agents_runtime::store::{Lineage, MissingHistory, OpenSession, Store};
use flink_agents_testkit::exact::Exact;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

pub const GROUPS: u16 = 16;

/// The key group of a key.
pub fn group_of(key: u32) -> u16 {
    (key as u16 * 5) % GROUPS
}

/// What is outside: side effects by idempotency key, and which of them are known to be in the journal.
#[derive(Default)]
pub struct Ledger {
    pub executions: BTreeMap<String, Vec<String>>,
    pub safe: BTreeSet<String>,
}

/// What a checkpoint has of a key.
#[derive(Clone, Default)]
pub struct KeyState {
    pub inflight: Option<(Vec<u8>, Vec<String>)>,
    pub sequence: u64,
}

struct Started {
    action: u16,
    payload: String,
    key: u32,
    identity: Option<String>,
    result: Option<String>,
}

/// See the head of the file.
pub struct Subtask {
    pub machine: Machine<Exact>,
    pub driver: JournalDriver,
    pub woken: Receiver<()>,
    pub state: BTreeMap<u32, KeyState>,
    pub outputs: Vec<(u32, String)>,
    /// Calls that were begun and have no result.
    pub executing: Vec<TaskId>,
    pub replayed: usize,
    key_groups: RangeInclusive<u16>,
    slots: HashMap<u32, u32>,
    keys: Vec<Option<u32>>,
    values: Vec<String>,
    tasks: HashMap<u64, Started>,
}

impl Subtask {
    pub fn new(
        store: &dyn Store,
        lineage: Lineage,
        ancestors: Vec<Lineage>,
        key_groups: RangeInclusive<u16>,
        markers: Vec<Vec<u8>>,
        state: BTreeMap<u32, KeyState>,
    ) -> Subtask {
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
            key_groups: key_groups.clone(),
            markers,
            missing_history: MissingHistory::Fail,
        };
        let wake = Arc::new(move || {
            // The subtask may have crashed.
            let _ = sender.lock().unwrap().send(());
        });
        let mut subtask = Subtask {
            machine: Machine::with_journal(agent, Limits::default(), settings),
            driver: JournalDriver::open(store, session, wake).unwrap(),
            woken,
            state,
            outputs: Vec::new(),
            executing: Vec::new(),
            replayed: 0,
            key_groups,
            slots: HashMap::new(),
            keys: Vec::new(),
            values: Vec::new(),
            tasks: HashMap::new(),
        };
        let inflight = subtask
            .state
            .iter()
            .filter_map(|(key, state)| Some((*key, state.inflight.clone()?)));
        for (key, (bytes, values)) in inflight.collect::<Vec<_>>() {
            let slot = subtask.open(key);
            let handles: Vec<ValueHandle> = values.into_iter().map(|value| subtask.value(value)).collect();
            let plan = RestorePlan::parse(&bytes).unwrap();
            subtask.machine.restore_key(slot, plan, &handles, Vec::new()).unwrap();
        }
        subtask
    }

    /// Whether a key is this subtask's.
    pub fn owns(&self, key: u32) -> bool {
        self.key_groups.contains(&group_of(key))
    }

    fn open(&mut self, key: u32) -> KeySlot {
        if let Some(slot) = self.slots.get(&key) {
            return KeySlot(*slot);
        }
        let free = self.keys.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.keys.push(None);
            self.keys.len() - 1
        });
        self.keys[slot] = Some(key);
        self.slots.insert(key, slot as u32);
        let slot = KeySlot(slot as u32);
        let next = self.state.entry(key).or_default().sequence;
        self.machine.handle_key_opened(slot, next).unwrap();
        let history = self.driver.key_opened(slot, group_of(key), &key.to_be_bytes()).unwrap();
        self.machine.handle_history(slot, history).unwrap();
        slot
    }

    fn key(&self, slot: KeySlot) -> u32 {
        self.keys[slot.0 as usize].unwrap()
    }

    fn value(&mut self, payload: String) -> ValueHandle {
        self.values.push(payload);
        ValueHandle(self.values.len() as u32 - 1)
    }

    /// Ids that no attempt has given out: those of earlier ones come back out of the journal.
    fn event(&self, event_type: flink_agents_core::ids::Symbol, value: ValueHandle) -> EventIn<()> {
        static IDS: AtomicU64 = AtomicU64::new(1);
        EventIn {
            id: EventId(u128::from(IDS.fetch_add(1, Ordering::Relaxed))),
            event_type,
            value,
            attributes: None,
        }
    }

    /// A record of a key; no two of a key are equal.
    pub fn input(&mut self, key: u32, input: u32) {
        let slot = self.open(key);
        let value = self.value(format!("input {input}"));
        let event = self.event(INPUT, value);
        let mut digest = [0; 16];
        digest[..4].copy_from_slice(&input.to_be_bytes());
        self.machine
            .handle_digested_input(slot, event, None, Some(digest))
            .unwrap();
    }

    /// Carries out one effect; false if there is none.
    pub fn turn(&mut self, ledger: &mut Ledger) -> bool {
        match self.machine.poll_effect(true) {
            Some(effect) => self.carry_out(effect, ledger),
            None => return false,
        }
        true
    }

    fn carry_out(&mut self, effect: Effect, ledger: &mut Ledger) {
        match effect {
            Effect::RunAction {
                task,
                key,
                action: ActionId(action),
                event,
            } => self.begin(task, self.key(key), action, event, ledger),
            Effect::Resume { task, .. } => self.finish(task),
            Effect::CallReady { task, step, .. } => {
                self.step(task, *step, ledger);
                if self.tasks[&task.to_bits()].result.is_some() {
                    self.machine.handle_woken(task).unwrap();
                }
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
            } => {
                let number = self.key(key);
                self.driver.run_ended(key, sequence, idle);
                let state = self.state.get_mut(&number).unwrap();
                state.sequence = sequence + 1;
                if idle {
                    state.inflight = None;
                    self.slots.remove(&number);
                    self.keys[key.0 as usize] = None;
                }
            }
            Effect::Emit { key, event, .. } => {
                let payload = self.values[event.0 as usize].clone();
                // What comes out is in the journal, and so is the call that it came from.
                let made = ledger.executions.iter().find(|(_, results)| results.contains(&payload));
                ledger.safe.extend(made.map(|(identity, _)| identity.clone()));
                self.outputs.push((self.key(key), payload));
            }
            Effect::Release(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn begin(&mut self, task: TaskId, key: u32, action: u16, event: ValueHandle, ledger: &mut Ledger) {
        let payload = self.values[event.0 as usize].clone();
        if action == 1 {
            // What the first action sent is in the journal, and so is the call that it came from.
            let made = ledger.executions.iter().find(|(_, results)| results.contains(&payload));
            let identity = made.unwrap_or_else(|| panic!("{payload} was never a result")).0.clone();
            ledger.safe.insert(identity);
        }
        let started = Started {
            action,
            payload,
            key,
            identity: None,
            result: None,
        };
        self.tasks.insert(task.to_bits(), started);
        let call = CallIn {
            function: if action == 0 { "ask" } else { "pay" },
            ..CallIn::default()
        };
        let (number, step) = self.machine.handle_call(task, 0, call).unwrap();
        assert_eq!(number, 0);
        self.step(task, step, ledger);
        if self.tasks[&task.to_bits()].result.is_some() {
            self.finish(task);
        } else {
            self.machine.handle_suspended(task).unwrap();
        }
    }

    fn step(&mut self, task: TaskId, step: CallStep, ledger: &mut Ledger) {
        let started = self.tasks.get_mut(&task.to_bits()).unwrap();
        match step {
            CallStep::Wait => {}
            CallStep::Replay { failed, payload } => {
                assert!(!failed);
                self.replayed += 1;
                started.result = Some(String::from_utf8(payload).unwrap());
                self.machine.handle_call_ended(task, 0, None).unwrap();
            }
            CallStep::Execute => {
                let slot = KeySlot(self.slots[&started.key]);
                let origin = self.machine.origin_of(task).unwrap();
                let tail = self.machine.call_tail(task, 0).unwrap();
                let identity = self.driver.idempotency_key(slot, origin, &tail).unwrap();
                assert!(
                    !ledger.safe.contains(&identity),
                    "{} is asked again, and its result was safe",
                    started.payload
                );
                let executions = ledger.executions.entry(identity.clone()).or_default();
                executions.push(format!("{} {} {}", started.payload, started.action, executions.len()));
                started.identity = Some(identity);
                self.executing.push(task);
            }
            CallStep::Reconcile => panic!("there is no reconciler"),
        }
    }

    /// The key of a call under way.
    pub fn key_of_call(&self, index: usize) -> Option<u32> {
        self.tasks
            .get(&self.executing[index].to_bits())
            .map(|started| started.key)
    }

    /// A call under way ends.
    pub fn end_call(&mut self, index: usize, ledger: &Ledger) {
        let task = self.executing.swap_remove(index);
        let started = self.tasks.get_mut(&task.to_bits()).unwrap();
        let result = ledger.executions[started.identity.as_ref().unwrap()]
            .last()
            .unwrap()
            .clone();
        let outcome = CallOutcome {
            failed: false,
            payload: result.as_bytes(),
        };
        self.machine.handle_call_ended(task, 0, Some(outcome)).unwrap();
        started.result = Some(result);
        self.machine.handle_woken(task).unwrap();
    }

    fn finish(&mut self, task: TaskId) {
        let started = self.tasks.remove(&task.to_bits()).unwrap();
        let event_type = if started.action == 0 {
            self.machine.intern("paid")
        } else {
            OUTPUT
        };
        let value = self.value(started.result.unwrap());
        let event = self.event(event_type, value);
        self.machine.handle_sent(task, event).unwrap();
        let values = self.machine.values_to_record(task).unwrap();
        let values = values
            .iter()
            .map(|value| self.values[value.0 as usize].clone().into_bytes());
        self.machine.handle_completed(task, values.collect()).unwrap();
    }

    /// Hands records out and answers in; true if there was an answer.
    pub fn exchange(&mut self) -> Result<bool, JournalError> {
        self.driver.flush()?;
        self.driver.poll(&mut self.machine)
    }

    /// What Flink would keep of this subtask: its keys, and its marker.
    pub fn checkpoint(&mut self, ledger: &mut Ledger) -> (BTreeMap<u32, KeyState>, Vec<u8>) {
        // What the machine has done is not in its snapshot: it has to be carried out before.
        while let Some(effect) = self.machine.poll_effect(false) {
            self.carry_out(effect, ledger);
        }
        for slot in self.machine.take_dirty().unwrap() {
            let Some(Some(key)) = self.keys.get(slot.0 as usize) else {
                continue;
            };
            let stored = self.machine.snapshot_key(slot).unwrap().map(|snapshot| {
                let values = snapshot
                    .values
                    .iter()
                    .map(|value| self.values[value.0 as usize].clone());
                (snapshot.bytes, values.collect())
            });
            self.state.get_mut(key).unwrap().inflight = stored;
        }
        (self.state.clone(), self.driver.marker())
    }

    /// Whether nothing is left to do, nor to carry out.
    pub fn is_idle(&self) -> bool {
        self.machine.in_flight() == 0 && self.slots.is_empty()
    }
}
