//! One core machine with its simulated host, and the reference machine beside it: every effect and every answer is
//! compared as it comes.

use crate::agent::{Agent, EventValue, Frame, ScriptRouter, Step};
use crate::host::{Handles, Inflight, KeyState, Stored, Value};
use crate::reference::{Expected, RefKey, Reference};
use flink_agents_core::ids::{ActionId, EventId, KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::memory::{Lookup, MemoryError, Node, Space, Written};
use flink_agents_core::run::{
    AccessError, Effect, EventIn, Limits, Machine, Marker, RestoreError, RestorePlan, Router, TaskError, Verdict,
};
use flink_agents_core::symbols::{DEAD_LETTER_EVENT, INPUT_EVENT};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was seen, over all subtasks and attempts.
#[derive(Debug, Default)]
pub struct Shared {
    /// How often things happened, by name; transitions by their line in the machine's head.
    pub counts: BTreeMap<&'static str, u64>,
    /// Payload and timestamp of outputs, by key.
    pub outputs: BTreeMap<String, Vec<(String, Option<i64>)>>,
    /// Payloads of dead letters, by key.
    pub letters: BTreeMap<String, Vec<String>>,
    /// Markers that passed: subtask and marker.
    pub forwarded: Vec<(usize, Marker)>,
    /// Texts of warnings.
    pub warnings: Vec<String>,
    /// Text of the failure.
    pub failure: Option<String>,
    /// Everything that happened, one line each.
    pub transcript: Vec<String>,
    ids: u128,
}

impl Shared {
    /// Counts something.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// How often something happened.
    pub fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    fn log(&mut self, line: String) {
        self.transcript.push(line);
    }

    fn new_id(&mut self) -> u128 {
        self.ids += 1;
        // Both halves in use, so that a cut number is noticed.
        (self.ids << 64) | (0xabc0_0000 + self.ids)
    }
}

/// Settings that all subtasks share.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The host keeps the number of a key's next run while the key is idle.
    pub keep_sequence: bool,
    /// Bound of a run.
    pub max_events: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            keep_sequence: true,
            max_events: Limits::default().max_events_per_run,
        }
    }
}

/// A place in the tree of a run.
type Path = Vec<(u32, usize)>;

/// A started task as its host keeps it.
struct Started {
    key: String,
    task: TaskId,
    trigger: ValueHandle,
    path: Vec<(u32, usize)>,
    frame: Frame,
}

/// A subtask.
pub struct Subtask {
    number: usize,
    agent: Arc<Agent>,
    options: Options,
    /// The machine under test.
    pub machine: Machine<ScriptRouter>,
    handles: Handles,
    slots: BTreeMap<String, u32>,
    free_slots: Vec<u32>,
    symbols: BTreeMap<String, Symbol>,
    running: Option<Started>,
    suspended: Vec<Started>,
    woken: Vec<Started>,
    /// Failed tasks that wait to be tried again: key, task and path.
    backoffs: Vec<(String, TaskId, Path)>,
    reference: Reference,
    /// Keyed state.
    pub state: BTreeMap<String, KeyState>,
    frozen: bool,
    loads: u64,
}

impl Subtask {
    /// Starts with the state of a checkpoint.
    ///
    /// # Errors
    /// When the machine refuses it.
    pub fn restore(
        number: usize,
        agent: &Arc<Agent>,
        options: Options,
        state: BTreeMap<String, KeyState>,
        reference: BTreeMap<String, RefKey>,
        shared: &mut Shared,
    ) -> Result<Subtask, RestoreError> {
        let limits = Limits {
            max_events_per_run: options.max_events,
            ..Limits::default()
        };
        let mut subtask = Subtask {
            number,
            agent: Arc::clone(agent),
            options,
            machine: Machine::new(ScriptRouter::new(agent), limits),
            handles: Handles::default(),
            slots: BTreeMap::new(),
            free_slots: Vec::new(),
            symbols: BTreeMap::new(),
            running: None,
            suspended: Vec::new(),
            woken: Vec::new(),
            backoffs: Vec::new(),
            reference: Reference::new(agent, options.keep_sequence, options.max_events, reference),
            state,
            frozen: false,
            loads: 0,
        };
        let inflight: Vec<(String, Inflight)> = subtask
            .state
            .iter()
            .filter_map(|(key, state)| state.inflight.clone().map(|inflight| (key.clone(), inflight)))
            .collect();
        for (key, inflight) in inflight {
            let plan = RestorePlan::parse(&inflight.bytes)?;
            assert_eq!(plan.value_count(), inflight.values.len());
            let mut attributes = Vec::new();
            let mut handles = Vec::new();
            for value in inflight.values {
                if let Value::Event(event) = &value {
                    attributes.push(Some(event.payload.clone()));
                }
                handles.push(subtask.handles.put(&key, value));
            }
            assert_eq!(plan.event_count(), attributes.len());
            let slot = subtask.slot(&key);
            subtask.machine.restore_key(slot, plan, &handles, attributes)?;
            shared.count("idle   --(restore)--> active");
            shared.log(format!("{number} restored {key}"));
        }
        subtask.drain(shared);
        Ok(subtask)
    }

    fn slot(&mut self, key: &str) -> KeySlot {
        if let Some(slot) = self.slots.get(key) {
            return KeySlot(*slot);
        }
        let slot = self.free_slots.pop().unwrap_or(self.slots.len() as u32);
        self.slots.insert(key.to_owned(), slot);
        KeySlot(slot)
    }

    fn key_of(&self, slot: KeySlot) -> String {
        let found = self.slots.iter().find(|(_, number)| **number == slot.0);
        found.map_or_else(|| panic!("{slot:?} belongs to no key"), |(key, _)| key.clone())
    }

    fn symbol(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let symbol = self.machine.intern(text);
        self.symbols.insert(text.to_owned(), symbol);
        symbol
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

    // ---- inputs

    /// A record of a key.
    pub fn input(&mut self, key: &str, payload: &str, timestamp: Option<i64>, shared: &mut Shared) {
        let fresh = !self.slots.contains_key(key);
        let slot = self.slot(key);
        if fresh {
            shared.count("idle   --(input)--> active");
            if self.options.keep_sequence {
                let next = self.state.get(key).map_or(0, |state| state.sequence);
                self.machine.handle_key_opened(slot, next).unwrap();
            }
        } else {
            shared.count("active --(input)--> active, one more waiting");
        }
        let value = EventValue {
            id: shared.new_id(),
            event_type: INPUT_EVENT.into(),
            payload: payload.into(),
            depth: 0,
        };
        shared.log(format!("{} input {key} {payload} {timestamp:?}", self.number));
        let event = self.hand_over(key, value.clone());
        self.state.entry(key.to_owned()).or_default();
        self.reference.input(key, value, timestamp);
        self.machine.handle_input(slot, event, timestamp).unwrap();
        self.drain(shared);
    }

    /// A marker.
    pub fn marker(&mut self, marker: Marker, shared: &mut Shared) {
        shared.log(format!("{} marker {marker:?}", self.number));
        self.reference.marker(marker);
        self.machine.handle_marker(marker);
        self.drain(shared);
    }

    /// Wakes the `index`th suspended task.
    pub fn wake(&mut self, index: usize, shared: &mut Shared) {
        let started = self.suspended.remove(index);
        shared.count("Suspended --(woken)--> Woken");
        shared.log(format!("{} woken {} {:?}", self.number, started.key, started.path));
        self.reference.wake(&started.key, &started.path);
        self.machine.handle_woken(started.task).unwrap();
        assert_eq!(self.machine.handle_woken(started.task), Err(TaskError::NotSuspended));
        self.woken.push(started);
        self.drain(shared);
    }

    /// The wait of the `index`th task that failed is over.
    pub fn back(&mut self, index: usize, shared: &mut Shared) {
        let (key, task, path) = self.backoffs.remove(index);
        shared.count("Backoff   --(the wait is over)--> Queued");
        shared.log(format!("{} back {key} {path:?}", self.number));
        self.reference.back(&key, &path);
        self.machine.handle_backoff_over(task);
        // Once more changes nothing.
        self.machine.handle_backoff_over(task);
        self.drain(shared);
    }

    /// Failed tasks that wait to be tried again.
    pub fn backoffs(&self) -> usize {
        self.backoffs.len()
    }

    /// Key and action of the suspended tasks that can be woken.
    pub fn suspended(&self) -> Vec<(String, String)> {
        let name = |started: &Started| self.agent.actions[started.frame.action].name.clone();
        let tasks = self.suspended.iter();
        tasks.map(|started| (started.key.clone(), name(started))).collect()
    }

    /// No effect comes out until [`Subtask::thaw`].
    pub fn freeze(&mut self, shared: &mut Shared) {
        shared.count("freeze");
        self.machine.freeze();
        self.frozen = true;
    }

    /// Ends [`Subtask::freeze`].
    pub fn thaw(&mut self, shared: &mut Shared) {
        assert_eq!(self.machine.poll_effect(true), None);
        self.machine.thaw();
        self.frozen = false;
        self.drain(shared);
    }

    /// Frees unused symbols. Not while a task runs.
    pub fn collect_symbols(&mut self, shared: &mut Shared) {
        assert!(self.running.is_none());
        for symbol in self.machine.collect_symbols() {
            shared.count("symbol freed");
            assert_eq!(self.machine.symbols().name(symbol), None);
            self.symbols.retain(|_, cached| *cached != symbol);
        }
        for (text, symbol) in &self.symbols {
            assert_eq!(self.machine.symbols().name(*symbol), Some(text.as_str()));
        }
    }

    // ---- effects

    /// Whether a task runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether nothing is left to do, waiting tasks excepted.
    pub fn is_quiet(&self) -> bool {
        self.running.is_none() && !self.machine.has_ready()
    }

    /// Starts or continues the next task, if there is one and none runs.
    pub fn turn(&mut self, shared: &mut Shared) -> bool {
        if self.running.is_some() || self.frozen || shared.failure.is_some() {
            return false;
        }
        match self.machine.poll_effect(true) {
            None => return false,
            Some(Effect::RunAction {
                task,
                key,
                action,
                event,
            }) => {
                shared.count("(none)    --(its event is routed)--> Queued");
                shared.count("Queued    --(its turn: RunAction)--> Running");
                let key = self.key_of(key);
                let trigger = self.handles.event(event).clone();
                shared.log(format!(
                    "{} run {key} {} {event:?} {}",
                    self.number, self.agent.actions[action.0 as usize].name, trigger.payload
                ));
                let (expected, sequence, resumes) = self.reference.turn(&key);
                assert!(!resumes, "a woken task was run from its first line");
                assert_eq!(expected.action, action.0 as usize);
                assert_eq!(expected.event.value, trigger);
                let path: Vec<(u32, usize)> = self.machine.task_path(task).unwrap().into_iter().map(plain).collect();
                assert_eq!(expected.path, path);
                assert_eq!(self.machine.run_of(task), Ok(sequence), "{key}");
                let lineage = self.machine.trigger_lineage(task).unwrap();
                assert_eq!(
                    lineage.map(|(event, action)| (event.0, action.0 as usize)),
                    expected.event.lineage
                );
                assert_eq!(TaskId::from_bits(task.to_bits()), task);
                assert_eq!(self.machine.failed_attempts(task), Ok(expected.attempts));
                let mut frame = Frame::new(action.0 as usize, trigger);
                frame.failed = expected.attempts;
                self.running = Some(Started {
                    key,
                    task,
                    trigger: event,
                    path,
                    frame,
                });
            }
            Some(Effect::Resume { task, key }) => {
                shared.count("Woken     --(its turn: Resume)--> Running");
                let key = self.key_of(key);
                let index = self.woken.iter().position(|started| started.task == task).unwrap();
                let started = self.woken.remove(index);
                shared.log(format!("{} resume {key} {:?}", self.number, started.path));
                let (expected, _, resumes) = self.reference.turn(&key);
                assert!(resumes, "a task was resumed that was not woken");
                assert_eq!((&started.key, &started.path), (&key, &expected.path));
                assert_eq!(self.handles.event(started.trigger), &started.frame.event);
                self.running = Some(started);
            }
            Some(other) => panic!("{other:?} was left over"),
        }
        true
    }

    /// Executes one operation of the running task.
    pub fn operation(&mut self, shared: &mut Shared) {
        let agent = Arc::clone(&self.agent);
        let started = self.running.as_mut().unwrap();
        let (key, task) = (started.key.clone(), started.task);
        let step = started.frame.next(&agent);
        let note = |this: &mut Subtask, what: &str, answer: String, expected: String| {
            assert_eq!(answer, expected, "{what} in key {key}");
            this.running.as_mut().unwrap().frame.note(what, &answer);
        };
        match step {
            Step::Get(space, path) => {
                let answer = self.get(&key, task, space, &path);
                let expected = self.reference.get(&key, space, &path);
                note(self, &path, answer, expected);
            }
            Step::Set(space, path, value) => {
                let answer = self.set(&key, task, space, &path, &value, shared);
                let expected = self.reference.set(&key, space, &path, &value);
                note(self, &path, answer, expected);
            }
            Step::NewObject(space, path, overwrite) => {
                let answer = self.new_object(&key, task, space, &path, overwrite);
                let expected = self.reference.new_object(&key, space, &path, overwrite);
                note(self, &path, answer, expected);
            }
            Step::Children(space, path) => {
                let answer = self.children(&key, task, space, &path);
                let expected = self.reference.children(&key, space, &path);
                note(self, &path, answer, expected);
            }
            Step::Send(event_type, payload) => {
                shared.count("event sent");
                let value = EventValue {
                    id: shared.new_id(),
                    event_type,
                    payload,
                    depth: self.running.as_ref().unwrap().frame.event.depth + 1,
                };
                let event = self.hand_over(&key, value.clone());
                self.machine.handle_sent(task, event).unwrap();
                self.reference.sent(&key, value);
            }
            Step::SendOwnTrigger => {
                let trigger = self.running.as_ref().unwrap().frame.event.clone();
                let event = self.hand_over(&key, trigger);
                let handle = event.value;
                let refused = self.machine.handle_sent(task, event);
                assert!(matches!(refused, Err(TaskError::OwnTrigger(..))), "{refused:?}");
                // A refused event stays with the host.
                self.handles.release(handle);
                self.running.as_mut().unwrap().frame.note("own", "!own");
            }
            Step::Fail => self.fail(&key, task, shared),
            Step::Call(_) | Step::Gather(_) => panic!("durable calls belong to crate::durable"),
            Step::Suspend => {
                shared.count("Running   --(suspended)--> Suspended");
                shared.log(format!("{} suspended {key}", self.number));
                let started = self.running.take().unwrap();
                self.reference.suspend(&key);
                self.machine.handle_suspended(task).unwrap();
                assert_eq!(self.machine.handle_finished(task), Err(TaskError::NotRunning));
                let refused = self.machine.memory_get(task, Space::Sensory, Symbol(0));
                assert_eq!(refused, Err(AccessError::Task(TaskError::NotRunning)));
                self.suspended.push(started);
                self.drain(shared);
            }
            Step::Finish => {
                shared.count("Running   --(finished)--> (none)");
                shared.log(format!("{} finished {key}", self.number));
                assert_eq!(self.machine.handle_woken(task), Err(TaskError::NotSuspended));
                self.running = None;
                self.reference.finish(&key);
                self.machine.handle_finished(task).unwrap();
                assert_eq!(self.machine.handle_finished(task), Err(TaskError::Ended));
                assert_eq!(self.machine.handle_woken(task), Err(TaskError::Ended));
                let refused = self.machine.memory_get(task, Space::ShortTerm, Symbol(0));
                assert_eq!(refused, Err(AccessError::Task(TaskError::Ended)));
                self.drain(shared);
            }
        }
    }

    /// The running task raises an exception.
    fn fail(&mut self, key: &str, task: TaskId, shared: &mut Shared) {
        shared.log(format!("{} failed {key}", self.number));
        let verdict = self.machine.handle_failed(task, 1_000_000).unwrap();
        let again = self.reference.failed(key);
        if again {
            shared.count("Running   --(failed, is tried again)--> Backoff");
            assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
            // Its context is of no use any more.
            assert_eq!(self.machine.handle_finished(task), Err(TaskError::Ended));
            self.running = None;
        } else {
            assert!(matches!(verdict, Verdict::DeadLetter { .. }), "{verdict:?}");
            let Ok(Some(input)) = self.machine.input_of(task) else {
                panic!("the input of a run is not kept");
            };
            let letter = EventValue {
                id: shared.new_id(),
                event_type: DEAD_LETTER_EVENT.into(),
                payload: self.handles.event(input).payload.clone(),
                depth: 0,
            };
            let event = self.hand_over(key, letter.clone());
            self.machine.handle_sent(task, event).unwrap();
            self.reference.sent(key, letter);
            self.running = None;
            self.reference.finish(key);
            self.machine.handle_finished(task).unwrap();
        }
        self.drain(shared);
    }

    fn load(&mut self, key: &str, task: TaskId, path: Symbol) {
        self.loads += 1;
        let text = self.machine.symbols().name(path).unwrap().to_owned();
        // Every third answer is given twice: the second handle has to come back.
        let times = if self.loads.is_multiple_of(3) { 2 } else { 1 };
        for time in 0..times {
            let node = match self.state[key].short_term.get(&text).cloned() {
                None => Node::Absent,
                Some(Stored::Object) => Node::Object,
                Some(Stored::Value(value)) => Node::Value(self.handles.put(key, Value::Memory(value))),
            };
            let unused = self.machine.memory_loaded(task, path, node).unwrap();
            match (time, node) {
                (1, Node::Value(handle)) => {
                    assert_eq!(unused, Some(handle));
                    self.handles.release(handle);
                }
                _ => assert_eq!(unused, None),
            }
        }
    }

    fn get(&mut self, key: &str, task: TaskId, space: Space, path: &str) -> String {
        let symbol = self.symbol(path);
        loop {
            match self.machine.memory_get(task, space, symbol) {
                Ok(Lookup::Found(Node::Absent)) => return "absent".into(),
                Ok(Lookup::Found(Node::Object)) => return "object".into(),
                Ok(Lookup::Found(Node::Value(handle))) => return format!("'{}'", self.handles.memory(handle)),
                Ok(Lookup::Load(path)) => self.load(key, task, path),
                Err(refused) => return refusal(&refused),
            }
        }
    }

    fn set(&mut self, key: &str, task: TaskId, space: Space, path: &str, value: &str, shared: &mut Shared) -> String {
        let symbol = self.symbol(path);
        let handle = self.handles.put(key, Value::Memory(value.to_owned()));
        loop {
            match self.machine.memory_set(task, space, symbol, handle) {
                Ok(Written::Done(unused)) => {
                    if let Some(unused) = unused {
                        shared.count("own write replaced");
                        self.handles.release(unused);
                    }
                    return "ok".into();
                }
                Ok(Written::Load(path)) => self.load(key, task, path),
                Err(refused) => {
                    self.handles.release(handle);
                    return refusal(&refused);
                }
            }
        }
    }

    fn new_object(&mut self, key: &str, task: TaskId, space: Space, path: &str, overwrite: bool) -> String {
        let symbol = self.symbol(path);
        loop {
            match self.machine.memory_new_object(task, space, symbol, overwrite) {
                Ok(Written::Done(unused)) => {
                    unused.map(|unused| self.handles.release(unused));
                    return "ok".into();
                }
                Ok(Written::Load(path)) => self.load(key, task, path),
                Err(refused) => return refusal(&refused),
            }
        }
    }

    fn children(&mut self, key: &str, task: TaskId, space: Space, path: &str) -> String {
        let symbol = self.symbol(path);
        loop {
            let stored: Vec<String> = match space {
                Space::Sensory => Vec::new(),
                Space::ShortTerm => self.state[key].short_term.keys().cloned().collect(),
            };
            let stored = stored.iter().map(String::as_str);
            match self.machine.memory_children(task, space, symbol, stored) {
                Ok(Ok(names)) => return names.join(","),
                Ok(Err(path)) => self.load(key, task, path),
                Err(refused) => return refusal(&refused),
            }
        }
    }

    /// Carries out everything the machine wants, and compares it with what has to come.
    pub fn drain(&mut self, shared: &mut Shared) {
        let mut expected = std::mem::take(&mut self.reference.expected).into_iter();
        if self.frozen {
            assert_eq!(self.machine.poll_effect(true), None);
            assert!(!self.machine.has_ready());
            self.reference.expected = expected.collect();
            return;
        }
        let mut ended = Vec::new();
        let mut released = Vec::new();
        while let Some(effect) = self.machine.poll_effect(false) {
            shared.count("effect");
            if let Effect::Release(handle) = effect {
                released.push(handle.0);
                self.handles.release(handle);
                continue;
            }
            flush(self.number, &mut released, shared);
            shared.log(format!("{} {effect:?}", self.number));
            match effect {
                Effect::WriteMemory { key, path, node } => {
                    let key = self.key_of(key);
                    let path = self.machine.symbols().name(path).unwrap().to_owned();
                    let tree = &mut self.state.get_mut(&key).unwrap().short_term;
                    match node {
                        Node::Absent => {
                            shared.count("memory removed");
                            tree.remove(&path)
                        }
                        Node::Object => tree.insert(path, Stored::Object),
                        Node::Value(handle) => tree.insert(path, Stored::Value(self.handles.memory(handle).to_owned())),
                    };
                }
                Effect::Emit { key, event, timestamp } => {
                    let key = self.key_of(key);
                    let Value::Event(event) = self.handles.release(event) else {
                        panic!("no event was emitted");
                    };
                    let entry = Expected::Emit(key.clone(), event.payload.clone(), timestamp);
                    assert_eq!(expected.next(), Some(entry));
                    shared.count("output");
                    shared.outputs.entry(key).or_default().push((event.payload, timestamp));
                }
                Effect::DeadLetter { key, event, timestamp } => {
                    let key = self.key_of(key);
                    let Value::Event(event) = self.handles.release(event) else {
                        panic!("a dead letter is no event");
                    };
                    let entry = Expected::DeadLetter(key.clone(), event.payload.clone(), timestamp);
                    assert_eq!(expected.next(), Some(entry));
                    shared.count("dead letter");
                    shared.letters.entry(key).or_default().push(event.payload);
                }
                Effect::Backoff {
                    task,
                    key,
                    wait_ms,
                    due_ms,
                } => {
                    let key = self.key_of(key);
                    let path: Vec<(u32, usize)> =
                        self.machine.task_path(task).unwrap().into_iter().map(plain).collect();
                    let failed = self.reference.backed_off(&key, &path);
                    assert_eq!(failed, self.machine.failed_attempts(task).ok(), "{key} {path:?}");
                    // A second, twice as long each time; after a restore what was decided before.
                    assert_eq!(Some(wait_ms), failed.map(|failed| 1_000 << (failed - 1)));
                    assert_eq!(due_ms, 1_000_000 + wait_ms as i64);
                    self.backoffs.push((key, task, path));
                }
                Effect::RunEnded {
                    key: slot,
                    sequence,
                    idle,
                    persisted,
                } => {
                    let key = self.key_of(slot);
                    assert_eq!(expected.next(), Some(Expected::RunEnded(key.clone(), sequence, idle)));
                    let state = self.state.get_mut(&key).unwrap();
                    assert_eq!(persisted, state.inflight.is_some(), "{key}");
                    if idle {
                        shared.count("active --(last task done, none waits)--> idle       (RunEnded, idle)");
                        state.inflight = None;
                        state.sequence = sequence + 1;
                        self.slots.remove(&key);
                        self.free_slots.push(slot.0);
                    } else {
                        shared.count("active --(last task done, some wait)--> active     (RunEnded, next run)");
                    }
                    ended.push(key);
                }
                Effect::Forward(marker) => {
                    assert_eq!(expected.next(), Some(Expected::Forward(marker)));
                    shared.count("marker forwarded");
                    shared.forwarded.push((self.number, marker));
                }
                Effect::Warn(text) => {
                    assert_eq!(expected.next(), Some(Expected::Warn), "{text}");
                    shared.count("warning");
                    shared.warnings.push(text);
                }
                Effect::Fail { reason, .. } => {
                    assert_eq!(expected.next(), Some(Expected::Fail), "{reason}");
                    assert_eq!(self.machine.poll_effect(true), None, "nothing may follow a failure");
                    shared.failure = Some(reason);
                    return;
                }
                effect => {
                    panic!("{effect:?} came although nothing may run")
                }
            }
        }
        flush(self.number, &mut released, shared);
        assert_eq!(expected.next(), None, "an effect is missing");
        for key in ended {
            if self.reference.idle(&key) {
                assert_eq!(
                    self.handles.live_of(&key),
                    Vec::<&Value>::new(),
                    "values of idle key {key}"
                );
            } else if !self.reference.has_started(&key) {
                let live = self.handles.live_of(&key);
                assert_eq!(live.len(), self.reference.live_events(&key), "{live:?}");
            }
        }
        self.check(shared);
    }

    /// Compares what can be seen from outside.
    fn check(&mut self, shared: &mut Shared) {
        let (machine, reference) = (&self.machine, &self.reference);
        assert_eq!(machine.in_flight(), reference.in_flight());
        assert_eq!(machine.waiting_inputs(), reference.waiting());
        assert_eq!(machine.suspended_tasks(), reference.suspended());
        assert_eq!(machine.held_markers(), reference.held());
        assert_eq!(machine.has_ready(), reference.has_ready());
        if machine.held_markers() > 0 {
            shared.count("marker held");
        }
        for (key, state) in &self.state {
            let expected = self.reference.keys.get(key).map(|key| &key.short_term);
            assert_eq!(
                Some(&state.short_term).filter(|tree| !tree.is_empty()),
                expected.filter(|tree| !tree.is_empty()),
                "memory of {key}"
            );
        }
    }

    /// Values the host holds.
    pub fn live_values(&self) -> usize {
        self.handles.live()
    }

    // ---- checkpoints

    /// Writes what changed to the keyed state, and returns all of it with the reference's.
    pub fn checkpoint(&mut self, shared: &mut Shared) -> (BTreeMap<String, KeyState>, BTreeMap<String, RefKey>) {
        shared.count("checkpoint");
        let dirty = self.machine.take_dirty().unwrap();
        for slot in &dirty {
            let key = self.slots.iter().find(|(_, number)| **number == slot.0);
            let key = key.map(|(key, _)| key.clone());
            match (key, self.stored(*slot)) {
                (Some(key), Some(stored)) => self.state.get_mut(&key).unwrap().inflight = Some(stored),
                (None, None) => {}
                (key, stored) => panic!("{slot:?} of {key:?} has the snapshot {stored:?}"),
            }
        }
        assert_eq!(self.machine.take_dirty(), Ok(Vec::new()));
        // What is not dirty has to be what was stored, and idle keys store nothing.
        let active = self.slots.clone();
        for (key, slot) in &active {
            let now = self.stored(KeySlot(*slot));
            assert_eq!(now, self.state[key].inflight, "key {key} changed without being dirty");
        }
        for (key, state) in &self.state {
            assert_eq!(state.inflight.is_some(), active.contains_key(key), "{key}");
        }
        let reference = self.reference.keys.iter();
        let reference = reference.map(|(key, state)| (key.clone(), state.at_checkpoint()));
        (self.state.clone(), reference.collect())
    }

    fn stored(&mut self, slot: KeySlot) -> Option<Inflight> {
        let snapshot = self.machine.snapshot_key(slot).unwrap()?;
        let values = snapshot.values.iter().map(|handle| self.handles.value(*handle).clone());
        Some(Inflight {
            bytes: snapshot.bytes,
            values: values.collect(),
        })
    }
}

fn flush(number: usize, released: &mut Vec<u32>, shared: &mut Shared) {
    if !released.is_empty() {
        // In one batch their order says nothing.
        released.sort_unstable();
        shared.log(format!("{number} Release {released:?}"));
        released.clear();
    }
}

fn plain((index, action): (u32, ActionId)) -> (u32, usize) {
    (index, action.0 as usize)
}

fn refusal(error: &AccessError) -> String {
    match error {
        AccessError::Memory(MemoryError::Path(_) | MemoryError::TooLong { .. }) => "!path",
        AccessError::Memory(MemoryError::ObjectInTheWay(_)) => "!object",
        AccessError::Memory(MemoryError::ValueInTheWay(_)) => "!value",
        AccessError::Memory(MemoryError::ParentIsValue { .. }) => "!parent",
        AccessError::Memory(MemoryError::NotAnObject(_)) => "!notobject",
        AccessError::Task(error) => panic!("{error}"),
    }
    .into()
}
