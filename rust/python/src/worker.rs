//! The link of a worker process: the core is in the TaskManager, at the other end of a socket.
//!
//! *Owned state*: the tasks of this worker that have begun and not ended, and what is known of the memory of their keys.
//! *Order to use*: [`Worker::receive`] takes what has come, [`Worker::next`] goes through it, [`Worker::flush`] sends the
//! answers. *Constraint*: one thread. Values rest as bytes of format version 1; Python gets fresh objects made of them.

mod calls;
mod exchange;
mod incoming;
mod link;
mod memory;

use crate::convert::encoded;
use crate::decode::read;
use crate::encode::Rules;
use crate::local::{absent, log_warning, object, space};
use crate::threads::Owner;
use crate::{plan, uuid};
use calls::Told;
pub(crate) use exchange::Exchange;
use flink_agents_core::event_log::CALL;
use flink_agents_core::memory::{Draft, Mirror, Node};
use flink_agents_core::run::{CallError, TaskCalls, TaskError};
use flink_agents_core::symbols::Symbols;
use flink_agents_runtime::worker::frames::{Change, FromWorker, NAMES, Name, PROTOCOL};
use incoming::{Names, Taken};
use link::{Greeting, Link, garbage, lost};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyList, PyString};
use rustc_hash::FxHashMap;
use slab::Slab;
use std::time::{Duration, Instant};

/// Interned texts are looked through for unused ones when there are more than this, and then at twice what is left.
const MANY_SYMBOLS: usize = 4096;
struct Key {
    mirror: Mirror,
    text: Py<PyString>,
}

struct Task {
    slot: u32,
    draft: Draft,
    /// Names of children that the host has told, until they are used.
    children: Option<Vec<String>>,
    action: u32,
    /// It waits: its code does not run, only tasks that it started may.
    suspended: bool,
    /// Its durable calls, once it makes some.
    calls: Option<TaskCalls>,
    /// The same as far as the host's journal knows them.
    told: Told,
    /// When it was handed to Python.
    since: Instant,
}

/// The socket's end, with the tasks that run here.
#[pyclass(module = "flink_agents._core")]
pub(crate) struct Worker {
    link: Link,
    greeting: Greeting,
    action_names: Vec<Py<PyString>>,
    names: Names,
    symbols: Symbols,
    symbols_limit: usize,
    keys: FxHashMap<u32, Key>,
    tasks: FxHashMap<u64, Task>,
    values: Slab<Box<[u8]>>,
    answered: Vec<u64>,
    begun: Option<u32>,
    owner: Owner,
    /// Where the plan names a store.
    journal: Option<plan::JournalOptions>,
    /// Whether the host is told of executions inside actions.
    traced: bool,
    /// Whether live spans are sent.
    spans: bool,
    /// Whether an action may be tried again, or end as a dead letter, by its number.
    policies: Vec<bool>,
    memory_events: u8,
}

/// The answer that is asked for.
fn wait(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static WAIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let wait = WAIT.get_or_try_init(py, || {
        py.import("flink_agents._core")?.getattr("WAIT").map(Bound::unbind)
    })?;
    Ok(wait.bind(py).clone())
}

fn no_task() -> PyErr {
    PyRuntimeError::new_err("The action has ended: its context cannot be used any more")
}

impl Worker {
    /// The number of a text, given to it now if it has none and there are any left.
    fn name<'t>(&mut self, text: &'t str) -> PyResult<Name<'t>> {
        if let Some(number) = self.names.ours.get(text) {
            return Ok(Name::Number(*number));
        }
        let number = self.names.ours.len() as u32;
        if number == NAMES {
            return Ok(Name::Text(text));
        }
        self.names.ours.insert(text.into(), number);
        self.link.put(&FromWorker::Name { number, text })?;
        Ok(Name::Number(number))
    }

    /// Refuses what only an action's own code may do, while that runs: the host would take it for an error of this worker.
    fn check_running(&self, task: u64) -> PyResult<()> {
        self.owner.check()?;
        match self.tasks.get(&task) {
            None => Err(no_task()),
            Some(entry) if entry.suspended => Err(PyRuntimeError::new_err(TaskError::NotRunning.to_string())),
            Some(_) => Ok(()),
        }
    }

    /// Gives a sign of life in the middle of a batch, if it is time.
    fn keep_alive(&mut self, now: Instant) -> PyResult<()> {
        self.link.keep_alive(now, Duration::from_secs_f64(self.greeting.beat))
    }

    fn calls(&mut self, task: u64) -> PyResult<&mut TaskCalls> {
        self.owner.check()?;
        let entry = self.tasks.get_mut(&task).ok_or_else(no_task)?;
        Ok(entry.calls.get_or_insert_default())
    }

    /// The same warning as the core gives where it counts the calls.
    fn calls_under_way(&self, py: Python<'_>, task: u64) -> Option<String> {
        if self.journal.is_some() {
            return None;
        }
        let entry = self.tasks.get(&task)?;
        let open = entry.calls.as_ref().map_or(0, TaskCalls::open);
        if open == 0 {
            return None;
        }
        let action = self.action_names.get(entry.action as usize);
        let action = action.map_or_else(String::new, |name| name.bind(py).to_string());
        Some(format!(
            "Agent '{}': Action '{action}' ended while {open} of its durable calls were under way: what they bring is lost; \
             wait for each call before the action ends",
            self.greeting.agent
        ))
    }
}

fn from_call(error: CallError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

#[pymethods]
impl Worker {
    /// Connects to the TaskManager and takes its greeting.
    #[new]
    fn new(path: &str) -> PyResult<Worker> {
        let (link, greeting) = Link::connect(path)?;
        // A plan that cannot be read is told of where the agent is loaded, and so is one of another version.
        let plan = plan::read(&greeting.plan).ok();
        let traced = plan.as_ref().is_some_and(|plan| plan::is_traced(&plan.config));
        let spans = plan.as_ref().is_some_and(|plan| plan::has_spans(&plan.config));
        let policies = plan.as_ref().map(plan::failure_policies).unwrap_or_default();
        let memory_events = plan.as_ref().map_or(0, plan::events_of_memory);
        let journal = plan.map_or(Ok(None), |plan| plan::journal_options(&plan.config));
        Ok(Worker {
            traced,
            spans,
            policies,
            memory_events,
            journal: journal.map_err(PyValueError::new_err)?,
            link,
            greeting,
            action_names: Vec::new(),
            names: Names::default(),
            symbols: Symbols::default(),
            symbols_limit: MANY_SYMBOLS,
            keys: FxHashMap::default(),
            tasks: FxHashMap::default(),
            values: Slab::new(),
            answered: Vec::new(),
            begun: None,
            owner: Owner::default(),
        })
    }

    /// Questions about memory may have to wait.
    #[classattr]
    fn may_wait() -> bool {
        true
    }

    /// Ids of events are ints in `next` and `send`, not UUIDs.
    #[classattr]
    fn uuids() -> bool {
        false
    }

    /// Whether there is a journal: durable calls go by `call` and `call_ended`.
    #[getter]
    fn journalled(&self) -> bool {
        self.journal.is_some()
    }

    /// Name of the agent.
    #[getter]
    fn agent(&self) -> &str {
        &self.greeting.agent
    }

    /// Name of the host's task.
    #[getter]
    fn task_name(&self) -> &str {
        &self.greeting.task
    }

    /// Connects once more, for questions about resources; None if there are none. Before `ready`.
    fn exchange(&self) -> PyResult<Option<Exchange>> {
        self.greeting.exchange.as_deref().map(Exchange::connect).transpose()
    }

    /// The plan, JSON; empty if the host speaks another version of the protocol.
    #[getter]
    fn plan(&self) -> &str {
        &self.greeting.plan
    }

    /// Seconds between signs of life.
    #[getter]
    fn beat_seconds(&self) -> f64 {
        self.greeting.beat
    }

    /// Names of the actions, by the numbers that `next` tells.
    #[getter]
    fn actions(&mut self, py: Python<'_>) -> PyResult<Vec<Py<PyString>>> {
        if self.action_names.is_empty() {
            let plan = plan::read(&self.greeting.plan)?;
            let names = plan.actions.iter();
            self.action_names = names.map(|action| PyString::new(py, &action.name).unbind()).collect();
        }
        Ok(self.action_names.iter().map(|name| name.clone_ref(py)).collect())
    }

    /// Seconds that a durable call may take, None if it may take as long as it likes.
    #[getter]
    fn call_timeout(&self) -> PyResult<Option<f64>> {
        plan::call_timeout(&plan::read(&self.greeting.plan)?)
    }

    /// Actions that have begun here and not ended.
    fn unfinished(&self) -> usize {
        self.tasks.len()
    }

    /// Memory values kept at the moment, for tests.
    fn kept_values(&self) -> usize {
        self.values.len()
    }

    /// Ends this process when the process that started it ends: a second line beside the end of the socket.
    fn end_with_parent(&self) -> PyResult<()> {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(lost)
    }

    /// Says that the worker can start.
    fn ready(&mut self, python: &str) -> PyResult<()> {
        self.link.put(&FromWorker::Ready {
            protocol: PROTOCOL,
            build: env!("CARGO_PKG_VERSION"),
            python,
        })?;
        self.link.send_all()
    }

    /// Says that the worker cannot start.
    fn refuse(&mut self, reason: &str) -> PyResult<()> {
        self.link.put(&FromWorker::Refused { reason })?;
        self.link.send_all()
    }

    /// Number of the socket, for a loop that watches it.
    fn fileno(&self) -> i32 {
        self.link.number()
    }

    /// Takes what has come, without waiting for more. False when the TaskManager has closed the connection or said stop.
    fn receive(&mut self) -> bool {
        self.link.receive()
    }

    /// Whether the TaskManager has said that this is the end.
    #[getter]
    fn ended(&self) -> bool {
        self.link.ended
    }

    /// The next action to run: (task, action, key, event id, event type, attributes, upstream event id, upstream action).
    /// An int is a suspended task that may go on, a dictionary what `observers.py` is to be told. None: nothing can run now.
    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.owner.is_here();
        loop {
            // Taken out, so that its bytes can be read while the rest of this object changes.
            let mut received = std::mem::take(&mut self.link.received);
            let taken = match received.frame() {
                Ok(Some(bytes)) => self.take(py, bytes).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(garbage(&error)),
            };
            self.link.received = received;
            match taken? {
                Some(Taken::Step(step)) => return Ok(Some(step)),
                Some(Taken::Nothing) => {}
                None => return Ok(None),
            }
        }
    }

    /// Tasks whose questions have been answered since the last call.
    fn answered(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.answered)
    }

    /// Sends what has come together.
    fn flush(&mut self, py: Python<'_>) -> PyResult<()> {
        if let Some(batch) = self.begun.take() {
            self.link.put(&FromWorker::Mark { batch })?;
        }
        self.link.flush(py)
    }

    /// Gives a sign of life.
    fn beat(&mut self) -> PyResult<()> {
        self.link.put(&FromWorker::Beat)?;
        self.link.send_all()
    }

    /// The running action sends an event; it is frozen as it is now.
    fn send(
        slf: &Bound<'_, Self>,
        task: u64,
        event_id: &Bound<'_, PyInt>,
        event_type: &Bound<'_, PyString>,
        attributes: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let mut bytes = Vec::with_capacity(256);
        // Before the object is borrowed: code of the user may run here.
        encoded(attributes, Rules::Event, "attributes", &mut bytes)?;
        let event = uuid::to_bits(event_id)?;
        let text = event_type.to_str()?;
        let mut this = slf.borrow_mut();
        this.check_running(task)?;
        let kind = this.name(text)?;
        this.link
        .put(&FromWorker::Send {
            task,
            event,
            kind,
            attributes: &bytes,
        })
        .map_err(|error| {
            PyValueError::new_err(format!(
                "The event of type '{text}' is too large to be sent: {}. Keep what is large elsewhere, and send where it is",
                error.value(slf.py())
            ))
        })
    }

    /// What stands at a path: a value, ABSENT, OBJECT, or WAIT. Memory 0 is sensory, 1 short-term.
    fn memory_get<'py>(&mut self, py: Python<'py>, task: u64, memory: u8, path: &str) -> PyResult<Bound<'py, PyAny>> {
        self.check_running(task)?;
        let space = space(memory)?;
        match self.look_up(task, space, path)? {
            None => wait(py),
            Some(Node::Absent) => Ok(absent(py)?.into_bound(py).into_any()),
            Some(Node::Object) => Ok(object(py)?.into_bound(py).into_any()),
            Some(Node::Value(handle)) => match self.values.get(handle.0 as usize) {
                Some(bytes) => read(py, bytes),
                None => Err(PyRuntimeError::new_err("a memory value was released too early")),
            },
        }
    }

    /// Writes a value, creating missing parents.
    fn memory_set<'py>(
        slf: &Bound<'py, Self>,
        task: u64,
        memory: u8,
        path: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut bytes = Vec::with_capacity(64);
        encoded(value, Rules::Memory, path, &mut bytes)?;
        let space = space(memory)?;
        slf.borrow().check_running(task)?;
        let done = slf.borrow_mut().set(task, space, path, &bytes)?;
        Ok(if done { None } else { Some(wait(slf.py())?) })
    }

    /// Makes an object, creating missing parents; one that exists is kept.
    fn memory_new_object<'py>(
        &mut self,
        py: Python<'py>,
        task: u64,
        memory: u8,
        path: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.check_running(task)?;
        let space = space(memory)?;
        let done = self.new_object(task, space, path)?;
        Ok(if done { None } else { Some(wait(py)?) })
    }

    /// Names of the direct children of an object, sorted.
    fn memory_children<'py>(
        &mut self,
        py: Python<'py>,
        task: u64,
        memory: u8,
        path: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.check_running(task)?;
        let space = space(memory)?;
        match self.children(task, space, path)? {
            Some(names) => Ok(names.into_pyobject(py)?),
            None => wait(py),
        }
    }

    /// The action's code has returned: its writes and its events are the host's from now on.
    fn finish(slf: &Bound<'_, Self>, task: u64) -> PyResult<()> {
        let mut this = slf.borrow_mut();
        let warning = this.calls_under_way(slf.py(), task);
        let since = this.tasks.get(&task).map(|entry| entry.since);
        this.commit(task)?;
        let now = Instant::now();
        let micros = since.map_or(0, |since| now.duration_since(since).as_micros() as u64);
        this.link.put(&FromWorker::Finish { task, micros })?;
        this.keep_alive(now)?;
        drop(this);
        warning.map_or(Ok(()), |text| log_warning(slf.py(), &text))
    }

    /// The action failed. What follows from that, for instance what it raises then, is not told.
    fn fail(&mut self, task: u64, text: &str) -> PyResult<()> {
        if self.journal.is_some() && !self.tasks.contains_key(&task) {
            return Ok(());
        }
        self.discard(task)?;
        self.link.put(&FromWorker::Fail { task, reason: text })
    }

    /// Whether some action may be tried again, or end as a dead letter.
    #[getter]
    fn policies(&self) -> bool {
        self.policies.contains(&true)
    }

    /// Which uses of memory become events, a bit for each as the core's `memory_events` has them.
    #[getter]
    fn memory_events(&self) -> u8 {
        self.memory_events
    }

    /// The action failed by an exception of its own: whether the host decides what follows. Then its task has ended.
    fn threw(&mut self, task: u64, kind: &str, message: &str, what: &str, trace: &str) -> PyResult<bool> {
        let action = self.tasks.get(&task).ok_or_else(no_task)?.action as usize;
        if !self.policies.get(action).is_some_and(|asked| *asked) {
            return Ok(false);
        }
        self.discard(task)?;
        self.link.put(&FromWorker::Threw {
            task,
            kind,
            message,
            what,
            trace,
        })?;
        Ok(true)
    }

    /// The running action waits; others of its run may go on.
    fn suspend(&mut self, task: u64) -> PyResult<()> {
        self.tasks.get_mut(&task).ok_or_else(no_task)?.suspended = true;
        self.link.put(&FromWorker::Suspend { task })
    }

    /// What a suspended action waited for has come; `next` tells when it may go on. Nothing if it has failed meanwhile.
    fn wake(&mut self, task: u64) -> PyResult<()> {
        if !self.tasks.contains_key(&task) {
            return Ok(());
        }
        self.link.put(&FromWorker::Wake { task })
    }

    /// An action asks for a durable call; returns its place in the scope. Scope 0 is the action's own code.
    fn call_begin(&mut self, task: u64, scope: u32) -> PyResult<u32> {
        self.calls(task)?.begin(scope).map_err(from_call)
    }

    /// An action opens a scope of durable calls in another one: of calls side by side, or of a piece of code.
    fn call_scope(&mut self, task: u64, parent: u32, group: bool) -> PyResult<u32> {
        self.open_scope(task, parent, group)
    }

    /// A durable call has ended, or was given up.
    fn call_end(&mut self, task: u64) -> PyResult<()> {
        self.calls(task)?.end().map_err(from_call)
    }

    // ---- durable calls with a journal

    /// An action begins a durable call; returns its number, and that its answer is to be waited for.
    #[expect(clippy::too_many_arguments, reason = "they are those of Python's method")]
    fn call<'py>(
        &mut self,
        py: Python<'py>,
        task: u64,
        scope: u32,
        function: &str,
        digest: Option<[u8; 16]>,
        reconcilable: bool,
        in_place: bool,
    ) -> PyResult<(u32, u8, Bound<'py, PyAny>)> {
        let (call, step) = self.tell_call(task, scope, function, digest, reconcilable, in_place)?;
        Ok((call, step, py.None().into_bound(py)))
    }

    /// A call has ended with what is to be recorded, or without.
    #[pyo3(signature = (task, call, failed = false, payload = None))]
    fn call_ended(&mut self, task: u64, call: u32, failed: bool, payload: Option<&[u8]>) -> PyResult<()> {
        self.tell_call_end(task, call, failed, payload)
    }

    /// The action's own code waits for the answer to a call. The host knows that from the call.
    fn await_in_place(&self, task: u64) -> PyResult<()> {
        self.check_running(task)
    }

    /// That answer has come; whether the action may go on at once.
    fn answered_in_place(&self, task: u64) -> PyResult<bool> {
        self.check_running(task)?;
        Ok(true)
    }

    /// A text that is the same for a call in all its attempts; asked once, when the call is to be made.
    fn idempotency_key(&mut self, task: u64, call: u32) -> PyResult<String> {
        self.take_key(task, call)
    }

    /// Whether code of an action goes on beside what waits for its calls.
    fn busy(&mut self, task: u64, busy: bool) -> PyResult<()> {
        self.tell_busy(task, busy)
    }

    /// Seconds for which such code is waited for when the journal has something that the run does not come to.
    #[getter]
    fn patience(&self) -> f64 {
        self.journal
            .as_ref()
            .map_or(0.0, |journal| journal.patience.as_secs_f64())
    }

    /// Bytes that a record may have.
    #[getter]
    fn max_record_size(&self) -> Option<usize> {
        self.journal.as_ref().map(|journal| journal.max_record_size)
    }

    /// Whether there is an execution trace that takes reports.
    #[getter]
    fn traced(&self) -> bool {
        self.traced
    }

    /// Something begins or ends inside the running action: `status` and `what` as the core's `Report::read` takes them.
    fn report(slf: &Bound<'_, Self>, task: u64, status: u8, what: &Bound<'_, PyList>) -> PyResult<()> {
        let mut bytes = Vec::with_capacity(64);
        encoded(what, Rules::Event, "entity_metadata", &mut bytes)?;
        let mut this = slf.borrow_mut();
        this.check_running(task)?;
        let what = &bytes;
        this.link.put(&FromWorker::Report { task, status, what })
    }

    /// Whether live spans are sent, of which [`Self::report_call`] is one.
    #[getter]
    fn spans(&self) -> bool {
        self.spans
    }

    /// A durable call of an action, which may wait, is over: `what` as the core's `CallReport::read` takes it.
    fn report_call(&mut self, task: u64, what: &Bound<'_, PyList>) -> PyResult<()> {
        let mut bytes = Vec::with_capacity(64);
        encoded(what, Rules::Event, "call", &mut bytes)?;
        self.owner.check()?;
        if !self.tasks.contains_key(&task) {
            return Ok(());
        }
        let (status, what) = (CALL, &bytes[..]);
        self.link.put(&FromWorker::Report { task, status, what })
    }

    /// A metric has changed. `change` is count, mark, gauge or sample; `group` the names of groups, each with a line feed.
    fn metric(&mut self, group: &str, name: &str, change: &str, value: f64) -> PyResult<()> {
        let change = match change {
            "count" => Change::Count(value as i64),
            "mark" => Change::Mark(value as i64),
            "gauge" => Change::Gauge(value),
            "sample" => Change::Sample(value as i64),
            other => return Err(PyValueError::new_err(format!("{other:?} is no change of a metric"))),
        };
        let group = self.name(group)?;
        let name = self.name(name)?;
        self.link.put(&FromWorker::Metric { group, name, change })
    }
}
