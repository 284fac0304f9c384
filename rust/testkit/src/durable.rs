//! A machine with a journal, its host and its store. What survives a crash is the [`World`]; an [`Attempt`] is what does
//! not. The world notices at once what must never happen: a call made again whose result was acknowledged, an action run
//! again whose completion was, an effect before its cause is durable.

mod effects;
mod memory;

use crate::agent::{Agent, CallOp, EventValue, Frame, ScriptRouter, Step};
use crate::host::{Handles, Inflight, KeyState, Value};
use flink_agents_core::ids::{ActionId, EventId, KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::journal::{
    CallStatus, Completion, Digest, History, JournalSettings, OnDivergence, RecordBody, Recovered, Tail, Ticket,
};
use flink_agents_core::run::{
    CallIn, CallOutcome, CallStep, Effect, EventIn, Limits, Machine, RecordOut, RestorePlan, Router, Verdict,
};
use flink_agents_core::symbols::{DEAD_LETTER_EVENT, INPUT_EVENT};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Identity of a record: key and tail.
pub type Identity = (String, Vec<u8>);

/// What calls brought.
type Results = Vec<(Identity, String)>;

/// The outcome of a reconciler that fails.
pub const UNKNOWN: &str = "!unknown";

/// A record that has become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The rest of its identity.
    pub tail: Vec<u8>,
    /// The record, or none: what was there before is removed.
    pub value: Option<Arc<[u8]>>,
}

/// One execution of a durable call.
#[derive(Debug, Clone)]
pub struct Execution {
    /// What it returned, different each time.
    pub value: String,
    /// The attempt that made it.
    pub attempt: u32,
    /// It raised an exception.
    pub failed: bool,
    /// One before was under way when its action failed.
    pub after_given_up: bool,
}

/// What is outside, and survives.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The store.
    pub log: BTreeMap<String, BTreeMap<Vec<u8>, Arc<[u8]>>>,
    /// Side effects, by the identity of their call.
    pub ledger: BTreeMap<Identity, Vec<Execution>>,
    /// Records whose acknowledgement arrived.
    pub acknowledged: BTreeSet<Identity>,
    /// How often things happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// Payloads of outputs, by key; those after the last checkpoint are forgotten at a crash.
    pub outputs: BTreeMap<String, Vec<String>>,
    /// The same of dead letters.
    pub letters: BTreeMap<String, Vec<String>>,
    /// Failures of actions that were decided, and acknowledged where that is recorded, by the identity of the action.
    failures: BTreeMap<Identity, u32>,
    /// What calls brought that only the completion of their action tells of, once that is durable.
    pub results: BTreeMap<Identity, String>,
    /// The same as long as it is not: by the completion and its bytes, which a snapshot may hold across a crash.
    left_out: BTreeMap<(Identity, Arc<[u8]>), Results>,
    /// Reasons of divergences.
    pub divergences: Vec<String>,
    /// Calls that were under way when their action failed, and may be made again.
    given_up: BTreeSet<Identity>,
    /// How often the reconciler of a call did not know.
    unknown: BTreeMap<Identity, usize>,
    /// Why the job failed.
    pub failure: Option<String>,
    /// Everything that happened, one line each, if that is wanted.
    pub transcript: Option<Vec<String>>,
    attempts: u32,
    numbers: u128,
}

impl World {
    /// Counts something.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// A line of the transcript.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push(line());
        }
    }

    /// A world for an attempt that was given up and goes on: what it does from now on counts nowhere else. `number` is another
    /// one for each, by which what its calls bring is told from everything else.
    pub fn apart(&self, number: u64) -> World {
        World {
            numbers: self.numbers + (u128::from(number) << 64),
            counts: BTreeMap::new(),
            transcript: None,
            ..self.clone()
        }
    }

    /// An attempt that was given up hears late that a record of it is durable. Where it is what the store has of that place,
    /// nobody may do again what it tells of.
    pub fn acknowledge_late(&mut self, key: &str, written: &Written) -> bool {
        let recorded = self.log.get(key).and_then(|log| log.get(&written.tail));
        let Some(value) = recorded.filter(|value| written.value.as_ref() == Some(value)) else {
            return false;
        };
        let safe = match Recovered::decode(&written.tail, value).unwrap().record.body {
            RecordBody::Call(call) => !matches!(call.status, CallStatus::Pending | CallStatus::Failed),
            RecordBody::Completion(_) => true,
            RecordBody::Run | RecordBody::Attempt(_) => false,
        };
        if safe {
            let identity = (key.to_owned(), written.tail.clone());
            self.acknowledge_calls_of(&identity);
            self.acknowledged.insert(identity);
        }
        safe
    }

    fn number(&mut self) -> u128 {
        self.numbers += 1;
        self.numbers
    }

    /// Takes note of a record that has become durable, if it is an attempt's: calls of it that failed may be made again.
    fn note_attempt(&mut self, key: &str, tail: &[u8]) {
        let Some(value) = self.log.get(key).and_then(|log| log.get(tail)) else {
            return;
        };
        let Recovered { tail: place, record } = Recovered::decode(tail, value).unwrap();
        let RecordBody::Attempt(attempt) = record.body else {
            return;
        };
        self.count("failure durable");
        self.failures.insert((key.to_owned(), tail.to_vec()), attempt.attempts);
        let log = &self.log[key];
        self.acknowledged.retain(|(owner, identity)| {
            let call = log.get(identity).filter(|_| owner == key);
            let of_task = Tail::decode(identity).unwrap();
            let same = of_task.run == place.run && of_task.task == place.task;
            !call.is_some_and(|value| {
                let body = Recovered::decode(identity, value).unwrap().record.body;
                same && matches!(body, RecordBody::Call(call) if call.status == CallStatus::Failed)
            })
        });
    }

    /// A completion was acknowledged: what its action's calls brought is safe by it.
    fn acknowledge_calls_of(&mut self, completion: &Identity) {
        let (key, tail) = (&completion.0, Tail::decode(&completion.1).unwrap());
        if tail.is_call() {
            return;
        }
        let made = self.ledger.keys().filter(|(owner, identity)| {
            let call = Tail::decode(identity).unwrap();
            owner == key && call.run == tail.run && call.task == tail.task
        });
        let made: Vec<Identity> = made.cloned().collect();
        self.acknowledged.extend(made);
    }

    /// Whether an attempt that made a call, with a record of this place, is known to be followed by another.
    fn is_tried_again(&self, key: &str, call: &Tail, order: u32) -> bool {
        let task = Tail {
            call: Vec::new(),
            ..call.clone()
        };
        let tail = task.encode();
        let record = self.log[key].get(&tail);
        record.is_some_and(|value| Recovered::decode(&tail, value).unwrap().record.order > order)
    }

    /// From here on, what was acknowledged may be done again: the agent was changed.
    pub fn forget_acknowledged(&mut self) {
        self.acknowledged.clear();
        self.failures.clear();
    }

    /// What a reconciler says that looks for the call here: what it brought, if it was made. Every second time that the call
    /// is to fail, the reconciler fails instead.
    fn reconcile(&mut self, key: &str, tail: &[u8], fails: usize) -> Option<String> {
        self.count("reconciler asked");
        let identity = (key.to_owned(), tail.to_vec());
        let unknown = self.unknown.entry(identity.clone()).or_default();
        if *unknown < fails / 2 {
            *unknown += 1;
            self.count("reconciler failed");
            return Some(UNKNOWN.into());
        }
        let made = self.ledger.get(&identity).into_iter().flatten();
        let mut made = made.filter(|execution| !execution.failed);
        made.next_back().map(|execution| execution.value.clone())
    }

    /// The side effect of a call.
    fn execute(&mut self, key: &str, tail: &[u8], fails: usize) -> String {
        let identity = (key.to_owned(), tail.to_vec());
        assert!(
            !self.acknowledged.contains(&identity),
            "the call {} of key {key} is made again, and its result was acknowledged",
            Tail::decode(tail).unwrap()
        );
        let earlier = self.ledger.get(&identity).map_or(0, Vec::len);
        let failed = earlier < fails;
        let value = format!("{}{}", if failed { "!" } else { "v" }, self.number());
        self.tell(|| format!("effect {key:?} {} = {value}", Tail::decode(tail).unwrap()));
        let attempt = self.attempts;
        let retried = self.given_up.remove(&identity);
        let executions = self.ledger.entry(identity).or_default();
        assert!(
            executions
                .iter()
                .all(|earlier| earlier.attempt != attempt || earlier.failed || retried),
            "a call is made twice in one attempt"
        );
        executions.push(Execution {
            value: value.clone(),
            attempt,
            failed,
            after_given_up: retried,
        });
        let again = executions.len() > 1;
        self.count(if again { "call made again" } else { "call made" });
        value
    }
}

/// What a call brought so far, and how it stands.
type Answers = Vec<(u32, Option<String>)>;

struct Started {
    key: String,
    task: TaskId,
    trigger: ValueHandle,
    frame: Frame,
    /// Calls it waits for, with what they brought so far.
    calls: Answers,
    /// The host carries out what the machine orders while the action runs. Else it does when the action has ended or waits, as
    /// hosts do whose actions run on their own thread.
    polled: bool,
}

/// A real store beside the simulated one. It hears what the machine orders, and gives the histories; whoever drives the attempt
/// tells the machine what it acknowledges, and notes it by [`Attempt::make_durable`] and [`Attempt::note_acknowledged`].
pub trait Books {
    /// A key gets a slot: its history, or none while that is being read.
    fn opened(&mut self, slot: KeySlot, key: &str) -> Option<History>;
    /// A record is to be written.
    fn record(&mut self, slot: KeySlot, ticket: Ticket, record: &RecordOut);
    /// A run has ended, and perhaps its key's slot is free.
    fn run_ended(&mut self, slot: KeySlot, sequence: u64, idle: bool);
}

/// A call that was started and has not ended.
#[derive(Debug, Clone)]
pub struct Executing {
    key: String,
    task: TaskId,
    call: u32,
    value: String,
}

/// A subtask between two crashes.
pub struct Attempt {
    agent: Arc<Agent>,
    /// The machine under test.
    pub machine: Machine<ScriptRouter>,
    handles: Handles,
    slots: BTreeMap<String, u32>,
    free_slots: Vec<u32>,
    symbols: BTreeMap<String, Symbol>,
    running: Option<Started>,
    suspended: BTreeMap<u64, Started>,
    woken: BTreeMap<u64, Started>,
    /// How often a call raises an exception.
    fails: BTreeMap<(u64, u32), usize>,
    /// Calls that have a reconciler.
    reconcilable: BTreeSet<(u64, u32)>,
    /// Keyed state.
    pub state: BTreeMap<String, KeyState>,
    /// Records not yet durable, by key.
    written: BTreeMap<String, VecDeque<(KeySlot, Ticket, RecordOut)>>,
    /// Durable ones whose acknowledgement has not arrived, by key.
    durable: BTreeMap<String, VecDeque<(KeySlot, Ticket, Vec<u8>)>>,
    /// Calls under way.
    pub executing: Vec<Executing>,
    /// Keys whose history has not been handed over.
    pub unread: BTreeSet<String>,
    /// Failed tasks that wait to be tried again.
    pub backoffs: Vec<TaskId>,
    /// Inputs the host was told to wait for.
    pub awaited: Vec<(KeySlot, u64)>,
    /// No two actions of a run are under way at a time.
    alone: bool,
    /// Actions that began.
    begun: u32,
    /// What calls brought whose records the machine has not ordered yet.
    unpolled: BTreeMap<Identity, String>,
    /// Of events that were sent: the record of the action that sent them.
    sent_after: BTreeMap<u128, Ticket>,
    books: Option<Box<dyn Books>>,
}

fn digest(payload: &str) -> Digest {
    let mut digest = [0u8; 16];
    for (index, byte) in payload.bytes().enumerate() {
        digest[index % 16] = digest[index % 16].wrapping_mul(31) ^ byte;
    }
    digest
}

fn value_bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Memory(text) => [b"m", text.as_bytes()].concat(),
        Value::Event(event) => format!(
            "e{}\u{1}{}\u{1}{}\u{1}{}",
            event.id, event.event_type, event.depth, event.payload
        )
        .into_bytes(),
    }
}

fn value_of(bytes: &[u8]) -> Value {
    let text = std::str::from_utf8(bytes).unwrap();
    match text.split_at(1) {
        ("m", text) => Value::Memory(text.into()),
        (_, text) => {
            let parts: Vec<&str> = text.splitn(4, '\u{1}').collect();
            Value::Event(EventValue {
                id: parts[0].parse().unwrap(),
                event_type: parts[1].into(),
                depth: parts[2].parse().unwrap(),
                payload: parts[3].into(),
            })
        }
    }
}

impl Attempt {
    /// Starts with the state of a checkpoint. `read`: the history of each key is there at once. `alone`: no two actions of a
    /// run are under way at a time.
    pub fn new(
        agent: &Arc<Agent>,
        alone: bool,
        on_divergence: OnDivergence,
        state: BTreeMap<String, KeyState>,
        read: bool,
        world: &mut World,
    ) -> Attempt {
        Attempt::begin(agent, alone, on_divergence, state, read, None, world)
    }

    /// The same over a real store.
    pub fn over(
        books: Box<dyn Books>,
        agent: &Arc<Agent>,
        alone: bool,
        on_divergence: OnDivergence,
        state: BTreeMap<String, KeyState>,
        world: &mut World,
    ) -> Attempt {
        Attempt::begin(agent, alone, on_divergence, state, false, Some(books), world)
    }

    fn begin(
        agent: &Arc<Agent>,
        alone: bool,
        on_divergence: OnDivergence,
        state: BTreeMap<String, KeyState>,
        read: bool,
        books: Option<Box<dyn Books>>,
        world: &mut World,
    ) -> Attempt {
        world.attempts += 1;
        let settings = JournalSettings {
            on_divergence,
            origin: [7; 16],
        };
        let mut attempt = Attempt {
            agent: Arc::clone(agent),
            machine: Machine::with_journal(ScriptRouter::new(agent), Limits::default(), settings),
            handles: Handles::default(),
            slots: BTreeMap::new(),
            free_slots: Vec::new(),
            symbols: BTreeMap::new(),
            running: None,
            suspended: BTreeMap::new(),
            woken: BTreeMap::new(),
            fails: BTreeMap::new(),
            reconcilable: BTreeSet::new(),
            state,
            written: BTreeMap::new(),
            durable: BTreeMap::new(),
            executing: Vec::new(),
            unread: BTreeSet::new(),
            backoffs: Vec::new(),
            awaited: Vec::new(),
            alone,
            begun: 0,
            unpolled: BTreeMap::new(),
            sent_after: BTreeMap::new(),
            books,
        };
        let inflight: Vec<(String, Inflight)> = attempt
            .state
            .iter()
            .filter_map(|(key, state)| state.inflight.clone().map(|inflight| (key.clone(), inflight)))
            .collect();
        for (key, inflight) in inflight {
            let plan = RestorePlan::parse(&inflight.bytes).unwrap();
            let slot = attempt.open(&key, read, world);
            let mut attributes = Vec::new();
            let mut handles = Vec::new();
            for value in inflight.values {
                if let Value::Event(event) = &value {
                    attributes.push(Some(event.payload.clone()));
                }
                handles.push(attempt.handles.put(&key, value));
            }
            world.count("run restored");
            attempt.machine.restore_key(slot, plan, &handles, attributes).unwrap();
        }
        attempt.drain(world);
        attempt
    }

    /// Gives a key its slot, and its history or the word that it is being read.
    fn open(&mut self, key: &str, read: bool, world: &mut World) -> KeySlot {
        if let Some(slot) = self.slots.get(key) {
            return KeySlot(*slot);
        }
        let slot = self.free_slots.pop().unwrap_or(self.slots.len() as u32);
        self.slots.insert(key.to_owned(), slot);
        let slot = KeySlot(slot);
        let next = self.state.entry(key.to_owned()).or_default().sequence;
        self.machine.handle_key_opened(slot, next).unwrap();
        if let Some(books) = &mut self.books {
            let history = books.opened(slot, key);
            self.machine.handle_history(slot, history).unwrap();
            return slot;
        }
        self.machine.handle_history(slot, None).unwrap();
        self.unread.insert(key.to_owned());
        if read {
            self.history_read(key, world);
        }
        slot
    }

    /// The store has read a key's history.
    pub fn history_read(&mut self, key: &str, world: &mut World) {
        assert!(self.unread.remove(key));
        let records = world.log.get(key).into_iter().flatten();
        let history = History::new(records.map(|(tail, value)| Recovered::decode(tail, value).unwrap()));
        if !history.is_empty() {
            world.count("history handed over");
        }
        self.machine
            .handle_history(KeySlot(self.slots[key]), Some(history))
            .unwrap();
        self.drain(world);
    }

    fn key_of(&self, slot: KeySlot) -> String {
        let found = self.slots.iter().find(|(_, number)| **number == slot.0);
        found.map_or_else(|| panic!("{slot:?} belongs to no key"), |(key, _)| key.clone())
    }

    fn symbol(&mut self, text: &str) -> Symbol {
        let machine = &mut self.machine;
        *self
            .symbols
            .entry(text.to_owned())
            .or_insert_with(|| machine.intern(text))
    }

    /// A record of a key.
    pub fn input(&mut self, key: &str, payload: &str, read: bool, world: &mut World) {
        world.tell(|| format!("input {key:?} {payload}"));
        let slot = self.open(key, read, world);
        let value = EventValue {
            id: world.number(),
            event_type: INPUT_EVENT.into(),
            payload: payload.into(),
            depth: 0,
        };
        let event = self.hand_over(key, value);
        self.machine
            .handle_digested_input(slot, event, None, Some(digest(payload)))
            .unwrap();
        self.drain(world);
    }

    fn hand_over(&mut self, key: &str, value: EventValue) -> EventIn<String> {
        let event_type = self.symbol(&value.event_type);
        let attributes = self.machine.router().has_conditions().then(|| value.payload.clone());
        EventIn {
            id: EventId(value.id),
            event_type,
            value: self.handles.put(key, Value::Event(value)),
            attributes,
        }
    }

    /// No input follows.
    pub fn end_of_input(&mut self, world: &mut World) {
        self.machine.handle_end_of_input();
        self.drain(world);
    }

    /// The host has waited long enough.
    pub fn await_over(&mut self, index: usize, world: &mut World) {
        let (key, run) = self.awaited.remove(index);
        world.tell(|| format!("await over {key:?} {run}"));
        self.machine.handle_await_over(key, run);
        self.drain(world);
    }

    // ---- the store

    /// Keys with records to make durable, and with acknowledgements to deliver.
    pub fn store_work(&self) -> (Vec<String>, Vec<String>) {
        (
            self.written.keys().cloned().collect(),
            self.durable.keys().cloned().collect(),
        )
    }

    /// Records of a key that are durable and whose acknowledgements have not arrived, with what lies there now.
    pub fn unheard(&self, key: &str, world: &World) -> Vec<Written> {
        let log = world.log.get(key);
        let durable = self.durable.get(key).into_iter().flatten();
        let written = durable.map(|(_, _, tail)| Written {
            tail: tail.clone(),
            value: log.and_then(|log| log.get(tail)).cloned(),
        });
        written.collect()
    }

    /// The store makes the oldest record of a key durable.
    pub fn make_durable(&mut self, key: &str, world: &mut World) -> Written {
        let queue = self.written.get_mut(key).unwrap();
        let (slot, ticket, record) = queue.pop_front().unwrap();
        if queue.is_empty() {
            self.written.remove(key);
        }
        let log = world.log.entry(key.to_owned()).or_default();
        let written = Written {
            tail: record.tail.to_vec(),
            value: record.value.clone(),
        };
        let left_out = match record.value {
            Some(value) => {
                log.insert(record.tail.to_vec(), Arc::clone(&value));
                let completion = (key.to_owned(), record.tail.to_vec());
                world.left_out.get(&(completion, value)).cloned()
            }
            None => {
                log.remove(&*record.tail);
                None
            }
        };
        for (call, value) in left_out.into_iter().flatten() {
            world.count("result durable by its action's completion");
            world.results.insert(call, value);
        }
        world.note_attempt(key, &record.tail);
        world.tell(|| format!("durable {key:?} {}", Tail::decode(&record.tail).unwrap()));
        world.count("record durable");
        let durable = self.durable.entry(key.to_owned()).or_default();
        durable.push_back((slot, ticket, record.tail.to_vec()));
        written
    }

    /// The oldest acknowledgement of a key arrives.
    pub fn acknowledge(&mut self, key: &str, world: &mut World) {
        let (slot, ticket) = self.note_acknowledged(key, world);
        self.machine.handle_acknowledged(slot, ticket);
        self.drain(world);
    }

    /// The same for the world, not for the machine.
    pub fn note_acknowledged(&mut self, key: &str, world: &mut World) -> (KeySlot, Ticket) {
        let queue = self.durable.get_mut(key).unwrap();
        let (slot, ticket, tail) = queue.pop_front().unwrap();
        if queue.is_empty() {
            self.durable.remove(key);
        }
        let identity = (key.to_owned(), tail.clone());
        world.tell(|| format!("acknowledged {key:?} {}", Tail::decode(&tail).unwrap()));
        let recorded = world.log.get(key).and_then(|log| log.get(&tail));
        let final_record = recorded.is_some_and(|value| {
            let Recovered { tail, record } = Recovered::decode(&tail, value).unwrap();
            match record.body {
                RecordBody::Call(call) if call.status == CallStatus::Pending => false,
                RecordBody::Call(call) if call.status == CallStatus::Failed => {
                    !world.is_tried_again(key, &tail, record.order)
                }
                RecordBody::Attempt(_) => false,
                _ => true,
            }
        });
        if final_record {
            world.acknowledge_calls_of(&identity);
            world.acknowledged.insert(identity);
        } else {
            world.acknowledged.remove(&identity);
        }
        (slot, ticket)
    }

    /// Carries out what the machine orders after it was told something.
    pub fn settle(&mut self, world: &mut World) {
        self.drain(world);
    }

    // ---- tasks

    /// Whether a task runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Key and number of the tasks that wait for no call.
    pub fn asleep(&self) -> Vec<u64> {
        let asleep = self.suspended.iter().filter(|(_, started)| started.calls.is_empty());
        asleep.map(|(task, _)| *task).collect()
    }

    /// Wakes a task that waits for no call.
    pub fn wake(&mut self, task: u64, world: &mut World) {
        let started = self.suspended.remove(&task).unwrap();
        self.machine.handle_woken(started.task).unwrap();
        self.woken.insert(task, started);
        self.drain(world);
    }

    /// Starts or continues the next task, if there is one and none runs.
    pub fn turn(&mut self, world: &mut World) -> bool {
        if self.running.is_some() {
            return false;
        }
        match self.machine.poll_effect(true) {
            None => false,
            Some(Effect::RunAction {
                task,
                key,
                action: ActionId(action),
                event,
            }) => {
                let key = self.key_of(key);
                self.check_start(&key, task, world);
                let trigger = self.handles.event(event).clone();
                world.count("action run");
                let failed = self.machine.failed_attempts(task).unwrap();
                let known = world.failures.get(&(key.clone(), self.tail(task).encode()));
                assert!(known.is_none_or(|known| *known <= failed), "failures are forgotten");
                let own = self.tail(task).encode();
                assert!(
                    failed == 0 || !self.open_tails(&key).contains(&&own[..]),
                    "an action is tried again before its failure is acknowledged"
                );
                let mut frame = Frame::new(action as usize, trigger.clone());
                frame.failed = failed;
                let name = &self.agent.actions[action as usize].name;
                world.tell(|| format!("run {key:?} {name} {}", trigger.payload));
                self.running = Some(Started {
                    key,
                    task,
                    trigger: event,
                    frame,
                    calls: Vec::new(),
                    polled: self.begun % 2 == 1,
                });
                self.begun += 1;
                true
            }
            Some(Effect::Resume { task, .. }) => {
                let started = self.woken.remove(&task.to_bits()).unwrap();
                world.tell(|| format!("resume {:?}", started.key));
                assert!(self.handles.event(started.trigger).id == started.frame.event.id);
                self.running = Some(started);
                self.note_answers(world);
                true
            }
            Some(Effect::Replay {
                task, key, completion, ..
            }) => {
                world.count("action replayed");
                self.replay(task, key, &completion);
                self.drain(world);
                true
            }
            Some(other) => {
                self.carry_out(other, world);
                self.drain(world);
                true
            }
        }
    }

    fn replay(&mut self, task: TaskId, key: KeySlot, completion: &Completion) {
        let key = self.key_of(key);
        let values: Vec<Value> = completion.values.iter().map(|bytes| value_of(bytes)).collect();
        let attributes = values.iter().filter_map(|value| match value {
            Value::Event(event) => Some(Some(event.payload.clone())),
            Value::Memory(_) => None,
        });
        let attributes = attributes.collect();
        let handles: Vec<ValueHandle> = values.into_iter().map(|value| self.handles.put(&key, value)).collect();
        self.machine
            .handle_replayed(task, completion, &handles, attributes)
            .unwrap();
    }

    /// An action runs from its first line: only after its cause, and never when its completion was acknowledged.
    fn check_start(&self, key: &str, task: TaskId, world: &World) {
        let mut tail = self.tail(task);
        let identity = (key.to_owned(), tail.encode());
        assert!(
            !world.acknowledged.contains(&identity),
            "{tail} of key {key:?} runs again, and its completion was acknowledged"
        );
        tail.task.pop();
        let parent = tail.encode();
        let open = self.open_tails(key);
        // What the input triggers waits for nothing.
        assert!(
            tail.task.is_empty() || !open.contains(&&*parent),
            "{tail} of key {key:?} is not acknowledged, and what it sent starts"
        );
    }

    /// Identity of a task's completion.
    fn tail(&self, task: TaskId) -> Tail {
        let path = self.machine.task_path(task).unwrap();
        Tail {
            run: self.machine.run_of(task).unwrap(),
            task: path
                .iter()
                .map(|(index, action)| (*index, self.name(*action)))
                .collect(),
            call: Vec::new(),
        }
    }

    fn name(&self, action: ActionId) -> Arc<str> {
        let name = &self.agent.actions[action.0 as usize].name;
        let declared = self.agent.identities.get(name);
        declared.map_or(name, |(identity, _)| identity).as_str().into()
    }

    /// Tails of a key's records whose acknowledgement has not arrived.
    fn open_tails(&self, key: &str) -> Vec<&[u8]> {
        let written = self
            .written
            .get(key)
            .into_iter()
            .flatten()
            .map(|(_, _, record)| &*record.tail);
        let durable = self.durable.get(key).into_iter().flatten().map(|(_, _, tail)| &**tail);
        written.chain(durable).collect()
    }

    /// Executes one operation of the running task.
    pub fn operation(&mut self, world: &mut World) {
        let agent = Arc::clone(&self.agent);
        let started = self.running.as_mut().unwrap();
        let (key, task) = (started.key.clone(), started.task);
        match started.frame.next(&agent) {
            Step::Get(space, path) => {
                let answer = self.get(&key, task, space, &path);
                self.note_memory(&path, &answer);
            }
            Step::Set(space, path, value) => {
                let answer = self.set(&key, task, space, &path, &value);
                self.note_memory(&path, &answer);
            }
            Step::NewObject(..) | Step::Children(..) | Step::SendOwnTrigger => {}
            Step::Send(event_type, payload) => {
                let value = EventValue {
                    id: world.number(),
                    event_type,
                    payload,
                    depth: self.running.as_ref().unwrap().frame.event.depth + 1,
                };
                let event = self.hand_over(&key, value);
                self.machine.handle_sent(task, event).unwrap();
            }
            Step::Call(call) => self.call(&key, task, 0, &call, world),
            Step::Gather(calls) => {
                let group = flink_agents_core::run::ScopeKind::Group;
                let scope = self.machine.handle_scope(task, 0, group).unwrap();
                for call in &calls {
                    self.call(&key, task, scope, call, world);
                }
            }
            Step::Fail => return self.fail(world),
            Step::Suspend => {
                let started = self.running.take().unwrap();
                self.suspended.insert(task.to_bits(), started);
                self.machine.handle_suspended(task).unwrap();
                return self.drain(world);
            }
            Step::Finish => return self.complete(&key, task, world),
        }
        // Waits for what is not there yet; goes on with what is.
        let started = self.running.as_mut().unwrap();
        let polled = started.polled;
        if started.calls.iter().any(|(_, value)| value.is_none()) {
            let started = self.running.take().unwrap();
            self.suspended.insert(task.to_bits(), started);
            self.machine.handle_suspended(task).unwrap();
        } else {
            self.note_answers(world);
        }
        if polled || self.running.is_none() {
            self.drain(world);
        }
    }

    /// Takes what the calls brought; an exception of one is the action's.
    fn note_answers(&mut self, world: &mut World) {
        let started = self.running.as_mut().unwrap();
        let answers: Answers = std::mem::take(&mut started.calls);
        let raised = |(_, value): &(u32, Option<String>)| value.as_ref().is_some_and(|value| value.starts_with('!'));
        if answers.iter().any(raised) {
            return self.fail(world);
        }
        for (call, value) in answers {
            started.frame.note(&format!("c{call}"), &value.unwrap());
        }
    }

    /// The running action raises an exception.
    fn fail(&mut self, world: &mut World) {
        let started = self.running.take().unwrap();
        let (key, task) = (started.key, started.task);
        world.tell(|| format!("failed {key:?} {}", started.frame.event.payload));
        for call in self.executing.extract_if(.., |call| call.task == task) {
            let tail = self.machine.call_tail(task, call.call).unwrap();
            world.given_up.insert((key.clone(), tail));
            world.count("call given up");
        }
        match self.machine.handle_failed(task, 0).unwrap() {
            Verdict::Fail { .. } => panic!("no policy of these agents fails the job"),
            Verdict::Retry { .. } => world.count("action tried again"),
            Verdict::DeadLetter { .. } => {
                let input = self.machine.input_of(task).unwrap().unwrap();
                let letter = EventValue {
                    id: world.number(),
                    event_type: DEAD_LETTER_EVENT.into(),
                    payload: self.handles.event(input).payload.clone(),
                    depth: 0,
                };
                let event = self.hand_over(&key, letter);
                self.machine.handle_sent(task, event).unwrap();
                self.complete(&key, task, world);
            }
        }
        self.drain(world);
    }

    /// The wait of a task that failed is over.
    pub fn back(&mut self, index: usize, world: &mut World) {
        let task = self.backoffs.swap_remove(index);
        world.tell(|| "back".into());
        self.machine.handle_backoff_over(task);
        self.drain(world);
    }

    fn complete(&mut self, key: &str, task: TaskId, world: &mut World) {
        self.running = None;
        let tail = self.tail(task).encode();
        let values = self.machine.values_to_record(task).unwrap();
        let values: Vec<Value> = values
            .iter()
            .map(|handle| self.handles.value(*handle).clone())
            .collect();
        let bytes = values.iter().map(value_bytes).collect();
        let place = self.tail(task);
        self.machine.handle_completed(task, bytes).unwrap();
        self.drain(world);
        let queue = self.written.get(key).into_iter().flatten();
        let mut of_this = queue.filter(|(_, _, record)| *record.tail == *tail);
        let completion = of_this.next_back();
        let last = completion.map_or(0, |record| record.1);
        let unpolled = self.unpolled.iter().filter(|((owner, identity), _)| {
            let call = Tail::decode(identity).unwrap();
            owner == key && call.run == place.run && call.task == place.task
        });
        let left_out: Results = unpolled.map(|(call, value)| (call.clone(), value.clone())).collect();
        for (call, _) in &left_out {
            self.unpolled.remove(call);
        }
        left_out
            .iter()
            .for_each(|_| world.count("result left to its action's completion"));
        if let Some((_, _, RecordOut { value: Some(value), .. })) = completion {
            let completion = ((key.to_owned(), tail), Arc::clone(value));
            world.left_out.insert(completion, left_out);
        }
        for value in values {
            if let Value::Event(event) = value {
                self.sent_after.insert(event.id, last);
            }
        }
    }

    /// An action that begins again after a checkpoint finds the memory of the checkpoint. Where others of its run may have
    /// written meanwhile, that may be another one, and what it does may not depend on it.
    fn note_memory(&mut self, path: &str, answer: &str) {
        if self.alone {
            self.running.as_mut().unwrap().frame.note(path, answer);
        }
    }

    fn call(&mut self, key: &str, task: TaskId, scope: u32, op: &CallOp, world: &mut World) {
        let call = CallIn {
            function: &op.function,
            digest: Some(digest(&op.argument)),
            reconcilable: op.reconcilable,
        };
        let (number, step) = self.machine.handle_call(task, scope, call).unwrap();
        self.fails.insert((task.to_bits(), number), op.fails);
        if op.reconcilable {
            self.reconcilable.insert((task.to_bits(), number));
        }
        self.running.as_mut().unwrap().calls.push((number, None));
        if step == CallStep::Execute && !op.suspends {
            world.count("call made at once");
            let value = self.effect(key, task, number, world);
            self.end_call(key, task, number, &value);
        } else if step != CallStep::Wait {
            self.carry_out_call(key, task, number, step, world);
        } else {
            world.count("call waits");
        }
        if self.running.as_ref().unwrap().polled {
            self.drain(world);
        }
    }

    /// The side effect, after a look at whether its cause is durable.
    fn effect(&mut self, key: &str, task: TaskId, number: u32, world: &mut World) -> String {
        let tail = self.machine.call_tail(task, number).unwrap();
        let position = Tail::decode(&tail).unwrap();
        let run = position.run;
        // A tail begins with its run, so that they lie in this order.
        let log = world.log.get(key);
        let from_run_on = log.and_then(|log| log.range(run.to_be_bytes().to_vec()..).next());
        assert!(
            from_run_on.is_some_and(|(tail, _)| Tail::decode(tail).unwrap().run == run),
            "a call of a run that has no durable record"
        );
        for open in self.open_tails(key) {
            let open = Tail::decode(open).unwrap();
            // Calls of one action, one after another; what lies in a group has a longer position.
            let before = open.is_call() && open.task == position.task && open.run == run;
            if before && open.call.len() == 1 && position.call.len() == 1 {
                assert!(
                    open.call >= position.call,
                    "{position} starts, and {open} is not acknowledged"
                );
            }
        }
        for ((_, identity), _) in world.ledger.iter().filter(|((owner, _), _)| owner == key) {
            let earlier = Tail::decode(identity).unwrap();
            let before = earlier.task == position.task && earlier.run == run && earlier.call < position.call;
            if before && earlier.call.len() == 1 && position.call.len() == 1 {
                let record = world.log.get(key).and_then(|log| log.get(identity));
                let record = record.map(|value| Recovered::decode(identity, value).unwrap().record.body);
                assert!(
                    matches!(record, Some(RecordBody::Call(call)) if call.status != CallStatus::Pending),
                    "{position} starts, and what {earlier} brought is not in the store"
                );
            }
        }
        let fails = self.fails.get(&(task.to_bits(), number)).copied().unwrap_or(0);
        // The outcome of a call that takes too long is a failure, and it is made all the same.
        let too_long = fails % 2 == 1 && self.reconcilable.contains(&(task.to_bits(), number));
        let value = world.execute(key, &tail, if too_long { 0 } else { fails });
        if !too_long {
            return value;
        }
        world.count("call took too long");
        format!("!{value}")
    }

    fn end_call(&mut self, key: &str, task: TaskId, number: u32, value: &str) {
        let tail = self.machine.call_tail(task, number).unwrap();
        self.unpolled.insert((key.to_owned(), tail), value.to_owned());
        let outcome = CallOutcome {
            failed: value.starts_with('!'),
            payload: value.as_bytes(),
        };
        self.machine.handle_call_ended(task, number, Some(outcome)).unwrap();
        self.answer(task, number, value.to_owned());
    }

    /// Notes what a call brought, and wakes its task when that was the last.
    fn answer(&mut self, task: TaskId, number: u32, value: String) {
        let running = self.running.as_mut().filter(|started| started.task == task);
        let waiting = self.suspended.get_mut(&task.to_bits());
        let woken = self.woken.get_mut(&task.to_bits());
        let started = running.or(waiting).or(woken).unwrap();
        let entry = started.calls.iter_mut().find(|(call, _)| *call == number).unwrap();
        assert!(entry.1.replace(value).is_none(), "a call is answered twice");
        let failed = |value: &Option<String>| value.as_ref().is_some_and(|value| value.starts_with('!'));
        let all = started.calls.iter().all(|(_, value)| value.is_some())
            || started.calls.iter().any(|(_, value)| failed(value));
        if all && let Some(started) = self.suspended.remove(&task.to_bits()) {
            self.machine.handle_woken(task).unwrap();
            self.woken.insert(task.to_bits(), started);
        }
    }

    fn carry_out_call(&mut self, key: &str, task: TaskId, number: u32, step: CallStep, world: &mut World) {
        match step {
            CallStep::Replay { payload, failed } => {
                assert_eq!(failed, payload.starts_with(b"!"));
                world.count("call replayed");
                self.machine.handle_call_ended(task, number, None).unwrap();
                self.answer(task, number, String::from_utf8(payload).unwrap());
            }
            CallStep::Execute => {
                let value = self.effect(key, task, number, world);
                self.executing.push(Executing {
                    key: key.to_owned(),
                    task,
                    call: number,
                    value,
                });
            }
            CallStep::Reconcile => {
                let tail = self.machine.call_tail(task, number).unwrap();
                let fails = self.fails.get(&(task.to_bits(), number)).copied().unwrap_or(0);
                let made = world.reconcile(key, &tail, fails);
                let value = made.unwrap_or_else(|| self.effect(key, task, number, world));
                self.executing.push(Executing {
                    key: key.to_owned(),
                    task,
                    call: number,
                    value,
                });
            }
            CallStep::Wait => panic!("a decision that decides nothing"),
        }
    }

    /// A call under way ends.
    pub fn finish_call(&mut self, index: usize, world: &mut World) {
        let ended = self.executing.swap_remove(index);
        world.tell(|| format!("call of {:?} ends: {}", ended.key, ended.value));
        self.end_call(&ended.key, ended.task, ended.call, &ended.value);
        self.drain(world);
    }

    // ---- checkpoints

    /// Writes what changed to the keyed state, and returns all of it.
    pub fn checkpoint(&mut self) -> BTreeMap<String, KeyState> {
        for slot in self.machine.take_dirty().unwrap() {
            let key = self.slots.iter().find(|(_, number)| **number == slot.0);
            let Some((key, _)) = key else {
                assert_eq!(self.machine.snapshot_key(slot), Ok(None));
                continue;
            };
            let stored = self.machine.snapshot_key(slot).unwrap().map(|snapshot| Inflight {
                bytes: snapshot.bytes,
                values: snapshot
                    .values
                    .iter()
                    .map(|handle| self.handles.value(*handle).clone())
                    .collect(),
            });
            self.state.get_mut(key).unwrap().inflight = stored;
        }
        self.state.clone()
    }

    /// Whether nothing is left to do.
    pub fn is_idle(&self) -> bool {
        self.machine.in_flight() == 0 && self.written.is_empty() && self.durable.is_empty() && self.executing.is_empty()
    }

    /// Values the host holds.
    pub fn live_values(&self) -> usize {
        self.handles.live()
    }
}
