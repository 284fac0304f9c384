//! The core in this process, for running without Flink.
//!
//! Ownership: values (events and memory) lie here as bytes of format version 1, from the call that brings them until the
//! machine releases them; Python gets fresh objects made of them. Short-term memory of a key moves with the key: into its
//! slot while it has unfinished inputs, and back when it is idle. Python code is run before the object is borrowed, since
//! a serializer of the user may come back here.

mod calls;
mod errors;
mod event_log;
mod failures;
mod figures;
mod journal;
mod turns;

use crate::convert::encoded;
use crate::decode::read;
use crate::encode::{self, Rules};
use crate::keys::{key_of, write_key};
use crate::threads::Owner;
use crate::{Marker, plan, uuid};
pub(crate) use calls::args_digest;
use errors::{from_access, from_input, from_task};
pub(crate) use errors::{from_memory, space};
use event_log::{Heard, Log};
use figures::Meter;
use flink_agents_core::event_log::CALL;
use flink_agents_core::ids::{ActionId, EventId, KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::memory::{Lookup, MAX_PATH_BYTES, Node, Space, Written, begin_events, memory_events};
use flink_agents_core::plan::Routes;
use flink_agents_core::run::{AccessError, CallIn, CallOutcome, EventIn, Limits, Machine, ScopeKind, TaskError};
use flink_agents_core::symbols::{INPUT, INPUT_EVENT, MAX_TEXT_BYTES};
use flink_agents_core::value::{self, Value};
use journal::{Choice, Journal};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use rustc_hash::FxHashMap;
use slab::Slab;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
pub(crate) use turns::log_warning;
use turns::{Turn, warn};

/// Nothing stands at a path.
pub(crate) fn absent(py: Python<'_>) -> PyResult<Py<Marker>> {
    static ABSENT: PyOnceLock<Py<Marker>> = PyOnceLock::new();
    let marker = ABSENT.get_or_try_init(py, || Py::new(py, Marker { name: "ABSENT" }))?;
    Ok(marker.clone_ref(py))
}

/// An object stands at a path.
pub(crate) fn object(py: Python<'_>) -> PyResult<Py<Marker>> {
    static OBJECT: PyOnceLock<Py<Marker>> = PyOnceLock::new();
    let marker = OBJECT.get_or_try_init(py, || Py::new(py, Marker { name: "OBJECT" }))?;
    Ok(marker.clone_ref(py))
}

struct EventData {
    /// Its UUID as an object: actions get the one that was sent.
    id: Py<PyAny>,
    event_type: Py<PyString>,
    attributes: Vec<u8>,
    upstream: Option<(Py<PyAny>, ActionId)>,
}

enum Stored {
    Event(EventData),
    Memory(Arc<[u8]>),
}

/// A node of short-term memory that outlives runs.
enum Kept {
    Object,
    Value(Arc<[u8]>),
}

type Memory = FxHashMap<Box<str>, Kept>;

/// What is kept of a key while it has no unfinished inputs.
#[derive(Default)]
struct Known {
    memory: Memory,
    /// Number of its next run; stays 0 without a journal.
    next_run: u64,
    /// Inputs it has had; stays 0 without a journal.
    inputs: u64,
}

/// A key with unfinished inputs.
struct ActiveKey {
    text: Arc<str>,
    shown: Py<PyString>,
    key: Py<PyAny>,
    known: Known,
}

/// A record that came, with a journal: it is taken when nothing else is left to do, since a key that became idle has to be
/// known before its next input, and what a journal orders has to be done one after another.
struct Queued {
    key: String,
    id: Py<PyAny>,
    bits: u128,
    attributes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Task {
    key: u32,
    event: ValueHandle,
    action: ActionId,
    /// When it was handed to Python.
    since: Instant,
}

/// The machine of one agent, with everything that a host keeps for it.
#[pyclass(module = "flink_agents._core")]
pub(crate) struct Local {
    agent: String,
    machine: Machine<Routes>,
    action_names: Vec<Py<PyString>>,
    memory_events: u8,
    slots: FxHashMap<Arc<str>, u32>,
    keys: Slab<ActiveKey>,
    idle: FxHashMap<Arc<str>, Known>,
    values: Slab<Stored>,
    /// By the slot of the task's id.
    tasks: Vec<Task>,
    outputs: Py<PyList>,
    /// Attributes of dead letters, for whoever gave the list.
    letters: Py<PyList>,
    /// Failed tasks that wait, how long, and until when in milliseconds since 1970.
    backoffs: Vec<(TaskId, u64, i64)>,
    /// The core has refused what an action did: it is not for that to go on.
    refused: bool,
    /// For Python's logging, which is called when this object is not borrowed: handlers may come back here.
    warnings: Vec<String>,
    key_text: String,
    /// Seconds that a durable call may take.
    call_timeout: Option<f64>,
    owner: Owner,
    journal: Option<Journal>,
    /// Nothing if no events are logged.
    log: Option<Log>,
    /// There are listeners, and what they are to be told.
    listened: bool,
    heard: VecDeque<Heard>,
    /// Only with a journal.
    queued: VecDeque<Queued>,
    /// No input follows those that are queued, which the machine has not been told.
    ending: bool,
    /// The core has said that it cannot go on; what it ordered after that is not carried out.
    failed: bool,
    meter: Meter,
}

impl Local {
    fn put(&mut self, value: Stored) -> ValueHandle {
        ValueHandle(self.values.insert(value) as u32)
    }

    fn free(&mut self, handle: ValueHandle) {
        self.values.try_remove(handle.0 as usize);
    }

    fn task(&self, task: TaskId) -> Result<Task, TaskError> {
        self.machine.run_of(task)?;
        let slot = task.to_bits() as u32;
        self.tasks.get(slot as usize).copied().ok_or(TaskError::Ended)
    }

    /// The slot of the key whose text is in `key_text`.
    fn acquire(&mut self, py: Python<'_>) -> PyResult<u32> {
        if let Some(slot) = self.slots.get(self.key_text.as_str()) {
            return Ok(*slot);
        }
        let (text, known) = match self.idle.remove_entry(self.key_text.as_str()) {
            Some(known) => known,
            None => (Arc::from(self.key_text.as_str()), Known::default()),
        };
        let next_run = known.next_run;
        let slot = self.keys.insert(ActiveKey {
            shown: PyString::new(py, &text).unbind(),
            key: key_of(py, &text)?.unbind(),
            text: text.clone(),
            known,
        }) as u32;
        if let Some(journal) = &mut self.journal {
            let opened = journal.key_opened(&mut self.machine, slot, next_run, &text);
            opened.map_err(|error| self.store_failed(&error))?;
        }
        if let Some(log) = self.log.as_mut().filter(|log| log.traces()) {
            log.key(KeySlot(slot), &text);
        }
        self.slots.insert(text, slot);
        Ok(slot)
    }

    fn release(&mut self, slot: u32) {
        if let Some(key) = self.keys.try_remove(slot as usize) {
            self.slots.remove(&key.text);
            if !key.known.memory.is_empty() || key.known.next_run > 0 {
                self.idle.insert(key.text, key.known);
            }
        }
    }

    /// What conditions read of an event.
    fn attributes(&self, bytes: &[u8]) -> PyResult<Option<Vec<(String, Value)>>> {
        if !self.machine.router().has_conditions() {
            return Ok(None);
        }
        match value::decode(bytes) {
            Ok(Value::Map(entries)) => Ok(Some(entries)),
            Ok(_) => Err(PyTypeError::new_err("the attributes of an event are no map")),
            Err(error) => Err(PyValueError::new_err(error.to_string())),
        }
    }

    fn forget_unused_symbols(&mut self) {
        // At any time: no number of a symbol is kept outside of the machine.
        if self.machine.symbols().should_collect() {
            let freed = self.machine.collect_symbols();
            if let Some(log) = &mut self.log {
                log.forget(&freed);
            }
        }
    }

    /// Puts what short-term memory holds at a path before the machine.
    fn load(&mut self, task: TaskId, path: Symbol) -> Result<(), AccessError> {
        let key = self.task(task)?.key;
        let kept = self
            .machine
            .symbols()
            .name(path)
            .and_then(|name| self.keys.get(key as usize)?.known.memory.get(name));
        let node = match kept {
            None => Node::Absent,
            Some(Kept::Object) => Node::Object,
            Some(Kept::Value(bytes)) => {
                let bytes = bytes.clone();
                Node::Value(self.put(Stored::Memory(bytes)))
            }
        };
        if let Some(unused) = self.machine.memory_loaded(task, path, node)? {
            self.free(unused);
        }
        Ok(())
    }

    /// The number of an event type or memory path.
    fn intern(&mut self, text: &str) -> PyResult<Symbol> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(PyValueError::new_err(format!(
                "An event type or memory path has {} bytes: {MAX_TEXT_BYTES} are the most for an event type, \
                 {MAX_PATH_BYTES} for a memory path; put what is long into the event or value, not into its name",
                text.len()
            )));
        }
        Ok(self.machine.intern(text))
    }

    fn node(&mut self, task: TaskId, space: Space, path: Symbol) -> Result<Node, AccessError> {
        loop {
            match self.machine.memory_get(task, space, path)? {
                Lookup::Found(node) => return Ok(node),
                Lookup::Load(missing) => self.load(task, missing)?,
            }
        }
    }

    fn write(
        &mut self,
        task: TaskId,
        write: impl Fn(&mut Machine<Routes>) -> Result<Written, AccessError>,
    ) -> Result<(), AccessError> {
        loop {
            match write(&mut self.machine)? {
                Written::Done(unused) => {
                    if let Some(unused) = unused {
                        self.free(unused);
                    }
                    return Ok(());
                }
                Written::Load(missing) => self.load(task, missing)?,
            }
        }
    }
}

#[pymethods]
impl Local {
    #[new]
    #[pyo3(signature = (plan_json, name = None, directory = ".", letters = None))]
    fn new(
        py: Python<'_>,
        plan_json: &str,
        name: Option<&str>,
        directory: &str,
        letters: Option<Py<PyList>>,
    ) -> PyResult<Local> {
        let plan = plan::read(plan_json)?;
        let wrong = |error: String| PyValueError::new_err(error);
        let routes = Routes::compile(&plan).map_err(|e| wrong(e.to_string()))?;
        let mut limits = Limits {
            begin_events: begin_events(&plan.config).map_err(|e| wrong(e.to_string()))?,
            ..Limits::default()
        };
        let limit = plan
            .config
            .get_int("max-events-per-run")
            .map_err(|e| wrong(e.to_string()))?;
        if let Some(limit) = limit {
            limits.max_events_per_run = u32::try_from(limit).ok().filter(|limit| *limit > 0).ok_or_else(|| {
                wrong(format!(
                    "Option max-events-per-run is {limit}: it must be between 1 and {}",
                    u32::MAX
                ))
            })?;
        }
        let memory_events = memory_events(&plan.config, &routes).map_err(|e| wrong(e.to_string()))?;
        let call_timeout = plan::call_timeout(&plan)?;
        let agent = plan.agent_name.clone().unwrap_or_else(|| "agent".to_owned());
        let wrong = |error: String| PyValueError::new_err(format!("Agent '{agent}': {error}"));
        let choice = Choice::of(&plan, name, Path::new(directory)).map_err(wrong)?;
        let names = routes.actions().iter();
        let action_names = names.map(|action| PyString::new(py, &action.name).unbind()).collect();
        let meter = Meter::new(routes.actions().len());
        let mut machine = match &choice {
            Some(choice) => Machine::with_journal(routes, limits, choice.settings),
            None => Machine::new(routes, limits),
        };
        let journal = choice.map(Journal::open).transpose().map_err(wrong)?;
        let log = Log::open(py, &plan, &mut machine, &agent, name)?;
        let warnings = log.as_ref().and_then(Log::report).into_iter().collect();
        let listened = event_log::names_listeners(&plan)?;
        if listened {
            machine.observe_events();
        }
        Ok(Local {
            agent,
            action_names,
            memory_events,
            machine,
            slots: FxHashMap::default(),
            keys: Slab::new(),
            idle: FxHashMap::default(),
            values: Slab::new(),
            tasks: Vec::new(),
            outputs: PyList::empty(py).unbind(),
            letters: failures::list(py, letters),
            backoffs: Vec::new(),
            refused: false,
            warnings,
            key_text: String::new(),
            call_timeout,
            owner: Owner::default(),
            journal,
            log,
            listened,
            heard: VecDeque::new(),
            queued: VecDeque::new(),
            ending: false,
            failed: false,
            meter,
        })
    }

    /// Whether an action may have to give way inside a method of its context. WAIT is never answered.
    #[getter]
    fn may_wait(&self) -> bool {
        self.journal.is_some()
    }

    /// Whether there is a journal: durable calls go by `call` and `call_ended`.
    #[getter]
    fn journalled(&self) -> bool {
        self.journal.is_some()
    }

    /// Ids of events are UUIDs in `next` and `send`, not ints.
    #[classattr]
    fn uuids() -> bool {
        true
    }

    /// Names of the actions, by the numbers that `next` tells.
    #[getter]
    fn actions(&self, py: Python<'_>) -> Vec<Py<PyString>> {
        self.action_names.iter().map(|name| name.clone_ref(py)).collect()
    }

    /// Seconds that a durable call may take, None if it may take as long as it likes.
    #[getter]
    fn call_timeout(&self) -> Option<f64> {
        self.call_timeout
    }

    /// A record of a key.
    fn input(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let mut bytes = Vec::with_capacity(256);
        let start = encode::map_header(1, &mut bytes).and_then(|()| encode::key("input", &mut bytes));
        start.map_err(|refusal| refusal.into_py(py, "input"))?;
        encoded(value, Rules::Event, "input", &mut bytes)?;
        let bits = uuid::random_bits(py)?;
        let event_type = PyString::intern(py, INPUT_EVENT).unbind();
        let id = uuid::uuid_of(py, &uuid::to_int(py, bits)?)?.unbind();
        let mut borrowed = slf.borrow_mut();
        let this = &mut *borrowed;
        if let Some(log) = &mut this.log {
            log.input(EventId(bits), &bytes);
        }
        if this.journal.is_some() {
            let mut text = String::new();
            write_key(key, &mut text)?;
            this.queued.push_back(Queued {
                key: text,
                id,
                bits,
                attributes: bytes,
            });
            return Ok(());
        }
        this.settle(py)?;
        this.forget_unused_symbols();
        let attributes = this.attributes(&bytes)?;
        this.key_text.clear();
        write_key(key, &mut this.key_text)?;
        let slot = this.acquire(py)?;
        let value = this.put(Stored::Event(EventData {
            id,
            event_type,
            attributes: bytes,
            upstream: None,
        }));
        let event = EventIn {
            id: EventId(bits),
            event_type: INPUT,
            value,
            attributes,
        };
        if let Err(error) = this.machine.handle_input(KeySlot(slot), event, None) {
            this.free(value);
            return Err(from_input(error));
        }
        this.settle(py)?;
        drop(borrowed);
        warn(slf)
    }

    /// No input follows.
    fn end_of_input(&mut self) {
        if self.queued.is_empty() {
            self.machine.handle_end_of_input();
        } else {
            self.ending = true;
        }
    }

    /// Inputs that are not finished.
    fn in_flight(&self) -> usize {
        self.machine.in_flight() + self.queued.len()
    }

    /// How the run is doing, for metrics. It is asked for now and then: what is to be said of spans follows with the next warnings.
    fn figures<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        if let Some(log) = &self.log {
            self.warnings.extend(log.spans_reports());
        }
        self.tell_figures(py)
    }

    /// A descriptor that can be read when the store has something to say; -1 without a journal.
    fn fileno(&self) -> i32 {
        self.journal.as_ref().map_or(-1, Journal::fileno)
    }

    /// The descriptor was seen.
    fn heard(&self) {
        if let Some(journal) = &self.journal {
            journal.heard();
        }
    }

    /// Whether something of the store is still to come.
    fn waits_for_store(&self) -> bool {
        let journal = self.journal.as_ref();
        journal.is_some_and(|journal| journal.waits(&self.machine))
    }

    /// Waits for what is on its way to the store, for a bounded time, and lets go of it.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let mut this = slf.borrow_mut();
        if let Some(mut journal) = this.journal.take() {
            // The run has ended, or has failed for a reason that was told.
            if !this.failed {
                let _ = journal.settle(py, &mut this.machine);
            }
            journal.close(py);
        }
        let reports = this.log.as_mut().map(|log| log.close(py)).unwrap_or_default();
        this.warnings.extend(reports);
        drop(this);
        warn(slf)
    }

    /// Values kept at the moment, for tests: events and memory values of unfinished runs.
    fn kept_values(&self) -> usize {
        self.values.len()
    }

    /// The outputs since the last call: (key, output).
    fn outputs(&mut self, py: Python<'_>) -> Py<PyList> {
        std::mem::replace(&mut self.outputs, PyList::empty(py).unbind())
    }

    /// The next action to run: (task, action, key, event id, event type, attributes, upstream event id, upstream action).
    /// An int is a suspended task that may go on, a dictionary what `observers.py` is to be told. None: nothing can run now.
    fn next<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        slf.borrow_mut().owner.is_here();
        loop {
            let turn = slf.borrow_mut().turn(slf.py())?;
            match turn {
                Turn::Step(step) => return Ok(Some(step)),
                Turn::Warned => warn(slf)?,
                Turn::Nothing => {
                    event_log::tell(slf)?;
                    return Ok(None);
                }
            }
        }
    }

    /// At the end: what listeners and a logger of the user's own were not told yet, as `next` tells it.
    fn unobserved<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut steps = Vec::new();
        while let Some(step) = self.next_observed(py)? {
            steps.push(step);
        }
        Ok(steps)
    }

    /// The running action sends an event; it is frozen as it is now.
    fn send(
        slf: &Bound<'_, Self>,
        task: u64,
        event_id: Bound<'_, PyAny>,
        event_type: Bound<'_, PyString>,
        attributes: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let py = slf.py();
        let mut bytes = Vec::with_capacity(256);
        encoded(attributes, Rules::Event, "attributes", &mut bytes)?;
        let bits = uuid::bits_of(&event_id)?;
        let mut this = slf.borrow_mut();
        let this = &mut *this;
        this.owner.check()?;
        let task = TaskId::from_bits(task);
        let entry = this.task(task).map_err(from_task)?;
        let upstream = match this.values.get(entry.event.0 as usize) {
            Some(Stored::Event(trigger)) => Some((trigger.id.clone_ref(py), entry.action)),
            _ => None,
        };
        let decoded = this.attributes(&bytes)?;
        let name = event_type.to_str().map_err(|_| {
            PyValueError::new_err(format!(
                "the event type {event_type:?} is not valid Unicode text: it must not have lone surrogates"
            ))
        })?;
        let symbol = this.intern(name)?;
        let value = this.put(Stored::Event(EventData {
            id: event_id.unbind(),
            event_type: event_type.unbind(),
            attributes: bytes,
            upstream,
        }));
        let event = EventIn {
            id: EventId(bits),
            event_type: symbol,
            value,
            attributes: decoded,
        };
        this.machine.handle_sent(task, event).map_err(|error| {
            this.values.try_remove(value.0 as usize);
            this.refused |= matches!(error, TaskError::TooManyEvents(..) | TaskError::ReservedType(_));
            from_task(error)
        })
    }

    /// What stands at a path: a value, ABSENT or OBJECT. Memory 0 is sensory, 1 short-term.
    fn memory_get<'py>(&mut self, py: Python<'py>, task: u64, memory: u8, path: &str) -> PyResult<Bound<'py, PyAny>> {
        self.owner.check()?;
        let symbol = self.intern(path)?;
        match self
            .node(TaskId::from_bits(task), space(memory)?, symbol)
            .map_err(from_access)?
        {
            Node::Absent => Ok(absent(py)?.into_bound(py).into_any()),
            Node::Object => Ok(object(py)?.into_bound(py).into_any()),
            Node::Value(handle) => match self.values.get(handle.0 as usize) {
                Some(Stored::Memory(bytes)) => read(py, bytes),
                _ => Err(PyRuntimeError::new_err(
                    "the core names a memory value that it has released",
                )),
            },
        }
    }

    /// Writes a value, creating missing parents.
    fn memory_set(slf: &Bound<'_, Self>, task: u64, memory: u8, path: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut bytes = Vec::with_capacity(64);
        encoded(value, Rules::Memory, path, &mut bytes)?;
        let (task, space) = (TaskId::from_bits(task), space(memory)?);
        let mut this = slf.borrow_mut();
        this.owner.check()?;
        let symbol = this.intern(path)?;
        let handle = this.put(Stored::Memory(bytes.into()));
        this.write(task, |machine| machine.memory_set(task, space, symbol, handle))
            .map_err(|error| {
                this.free(handle);
                from_access(error)
            })
    }

    /// Makes an object, creating missing parents; one that exists is kept.
    fn memory_new_object(&mut self, task: u64, memory: u8, path: &str) -> PyResult<()> {
        self.owner.check()?;
        let (task, space) = (TaskId::from_bits(task), space(memory)?);
        let symbol = self.intern(path)?;
        self.write(task, |machine| machine.memory_new_object(task, space, symbol, false))
            .map_err(from_access)
    }

    /// Names of the direct children of an object, sorted.
    fn memory_children(&mut self, task: u64, memory: u8, path: &str) -> PyResult<Vec<String>> {
        self.owner.check()?;
        let (task, space) = (TaskId::from_bits(task), space(memory)?);
        let symbol = self.intern(path)?;
        let key = self.task(task).map_err(from_task)?.key;
        loop {
            let Local { machine, keys, .. } = self;
            let stored = keys.get(key as usize).filter(|_| space == Space::ShortTerm);
            let stored = stored
                .iter()
                .flat_map(|key| key.known.memory.keys())
                .map(|path| &**path);
            match machine
                .memory_children(task, space, symbol, stored)
                .map_err(from_access)?
            {
                Ok(names) => return Ok(names),
                Err(missing) => self.load(task, missing).map_err(from_access)?,
            }
        }
    }

    /// The action's code has returned: writes are committed, events routed.
    fn finish(&mut self, task: u64) -> PyResult<()> {
        let task = TaskId::from_bits(task);
        let entry = self.task(task).map_err(from_task)?;
        let failed = self.machine.ends_by_letter(task);
        match self.journal {
            None => self.machine.handle_finished(task).map_err(from_task)?,
            Some(_) => self.complete(task)?,
        }
        self.meter.finished(entry.action, entry.since.elapsed());
        if !failed {
            self.trace_end(task, None);
        }
        Ok(())
    }

    /// The action failed. Whoever runs the agent raises the error: it is told to the execution trace only.
    fn fail(&mut self, task: u64, text: &str) {
        self.trace_end(TaskId::from_bits(task), Some(text));
    }

    /// Whether some action may be tried again, or end as a dead letter.
    #[getter]
    fn policies(&self) -> bool {
        self.machine.router().has_policies()
    }

    /// Which uses of memory become events, a bit for each as the core's `memory_events` has them.
    #[getter]
    fn memory_events(&self) -> u8 {
        self.memory_events
    }

    /// The running action failed: what is to be done.
    fn failed<'py>(&mut self, py: Python<'py>, task: u64, text: &str, now_ms: i64) -> PyResult<failures::Told<'py>> {
        self.decide(py, TaskId::from_bits(task), text, now_ms)
    }

    /// A text of a dead letter, as its part has room for it.
    fn letter_text(&self, part: u8, text: &str) -> PyResult<String> {
        Ok(failures::part(part)?.text(text, self.record_limit()).into_owned())
    }

    /// Whether a dead letter has room for a value of so many bytes in a part of it.
    fn letter_has_room(&self, part: u8, bytes: usize) -> PyResult<bool> {
        Ok(bytes <= failures::part(part)?.most(self.record_limit()))
    }

    /// Failed tasks that wait, and for how many seconds: those that have begun to since the last call.
    fn backoffs(&mut self, now_ms: i64) -> Vec<(u64, f64)> {
        self.take_backoffs(now_ms)
    }

    /// The wait of a failed task is over.
    fn backoff_over(&mut self, task: u64) {
        self.machine.handle_backoff_over(TaskId::from_bits(task));
    }

    /// Whether there is an execution trace that takes reports.
    #[getter]
    fn traced(&self) -> bool {
        self.log.as_ref().is_some_and(Log::traces)
    }

    /// Something begins or ends inside the running action: `status` and `what` as the core's `Report::read` takes them.
    fn report(slf: &Bound<'_, Self>, task: u64, status: u8, what: &Bound<'_, PyList>) -> PyResult<()> {
        let mut bytes = Vec::with_capacity(64);
        encoded(what, Rules::Event, "entity_metadata", &mut bytes)?;
        let mut this = slf.borrow_mut();
        this.owner.check()?;
        let task = TaskId::from_bits(task);
        this.task(task).map_err(from_task)?;
        this.trace_report(task, status, &bytes)
    }

    /// Whether live spans are sent, of which [`Self::report_call`] is one.
    #[getter]
    fn spans(&self) -> bool {
        self.log.as_ref().is_some_and(Log::has_spans)
    }

    /// A durable call of an action, which may wait, is over: `what` as the core's `CallReport::read` takes it.
    fn report_call(&mut self, task: u64, what: &Bound<'_, PyList>) -> PyResult<()> {
        let mut bytes = Vec::with_capacity(64);
        encoded(what, Rules::Event, "call", &mut bytes)?;
        self.owner.check()?;
        self.trace_report(TaskId::from_bits(task), CALL, &bytes)
    }

    /// The running action waits; others of its run may go on.
    fn suspend(&mut self, task: u64) -> PyResult<()> {
        self.machine
            .handle_suspended(TaskId::from_bits(task))
            .map_err(from_task)
    }

    /// What a suspended action waited for has come; `next` tells when it may go on.
    fn wake(&mut self, task: u64) -> PyResult<()> {
        self.machine.handle_woken(TaskId::from_bits(task)).map_err(from_task)
    }

    /// An action asks for a durable call; returns its place in the scope. Scope 0 is the action's own code.
    fn call_begin(&mut self, task: u64, scope: u32) -> PyResult<u32> {
        self.owner.check()?;
        self.machine
            .handle_call(TaskId::from_bits(task), scope, CallIn::default())
            .map(|(place, _)| place)
            .map_err(from_task)
    }

    /// An action opens a scope of durable calls in another one: of calls side by side, or of a piece of code.
    fn call_scope(&mut self, task: u64, parent: u32, group: bool) -> PyResult<u32> {
        self.owner.check()?;
        self.machine
            .handle_scope(TaskId::from_bits(task), parent, scope_kind(group))
            .map_err(from_task)
    }

    /// A durable call has ended, or was given up.
    fn call_end(&mut self, task: u64) -> PyResult<()> {
        self.owner.check()?;
        self.machine
            .handle_call_ended(TaskId::from_bits(task), 0, None)
            .map_err(from_task)
    }

    // ---- durable calls with a journal

    /// An action begins a durable call; returns its number, what to do, and what it brought if it was made before.
    #[expect(clippy::too_many_arguments, reason = "they are those of the worker's method")]
    #[expect(unused_variables, reason = "the names are those of the worker's method")]
    fn call<'py>(
        &mut self,
        py: Python<'py>,
        task: u64,
        scope: u32,
        function: &str,
        digest: Option<[u8; 16]>,
        reconcilable: bool,
        in_place: bool,
    ) -> PyResult<(u32, u8, Option<Bound<'py, PyBytes>>)> {
        self.owner.check()?;
        let call = CallIn {
            function,
            digest,
            reconcilable,
        };
        let begun = self.machine.handle_call(TaskId::from_bits(task), scope, call);
        let (number, step) = begun.map_err(from_task)?;
        self.meter.decided(&step);
        // The store works while the call is made.
        self.flush()?;
        let (step, payload) = calls::step(py, &step);
        Ok((number, step, payload))
    }

    /// A call has ended with what is to be recorded, or without.
    #[pyo3(signature = (task, call, failed = false, payload = None))]
    fn call_ended(&mut self, task: u64, call: u32, failed: bool, payload: Option<&[u8]>) -> PyResult<()> {
        self.owner.check()?;
        let outcome = payload.map(|payload| CallOutcome { failed, payload });
        self.machine
            .handle_call_ended(TaskId::from_bits(task), call, outcome)
            .map_err(from_task)
    }

    /// The action's own code waits for the answer to a call.
    fn await_in_place(&mut self, task: u64) -> PyResult<()> {
        self.suspend(task)
    }

    /// That answer has come; whether the action may go on at once, before `next` says so.
    fn answered_in_place(&mut self, task: u64) -> PyResult<bool> {
        self.wake(task)?;
        Ok(false)
    }

    /// A text that is the same for a call in all its attempts.
    fn idempotency_key(&mut self, task: u64, call: u32) -> PyResult<String> {
        self.key_of_call(TaskId::from_bits(task), call)
    }

    /// Whether code of an action goes on beside what waits for its calls.
    fn busy(&mut self, task: u64, busy: bool) -> PyResult<()> {
        self.machine
            .handle_busy(TaskId::from_bits(task), busy)
            .map_err(from_task)
    }

    /// Seconds for which such code is waited for when the journal has something that the run does not come to.
    #[getter]
    fn patience(&self) -> f64 {
        let journal = self.journal.as_ref();
        journal.map_or(0.0, |journal| journal.patience.as_secs_f64())
    }

    /// Bytes that a record may have.
    #[getter]
    fn max_record_size(&self) -> Option<usize> {
        self.record_limit()
    }
}

pub(crate) fn scope_kind(group: bool) -> ScopeKind {
    if group { ScopeKind::Group } else { ScopeKind::Sequence }
}
