//! The link of a worker process: the core is in the TaskManager, at the other end of a socket.
//!
//! *Owned state*: the tasks of this worker that have begun and not ended, and what is known of the memory of their keys.
//! *Order to use*: [`Worker::receive`] takes what has come, [`Worker::next`] goes through it, [`Worker::flush`] sends the
//! answers. *Constraint*: one thread. Values rest as bytes of format version 1; Python gets fresh objects made of them.

mod incoming;

use crate::convert::encoded;
use crate::decode::read;
use crate::encode::Rules;
use crate::local::{absent, from_memory, object, space};
use crate::{plan, uuid};
use flink_agents_core::ids::{Symbol, ValueHandle};
use flink_agents_core::memory::{Draft, Lookup, MemoryError, Mirror, Node, Space, Written};
use flink_agents_core::symbols::Symbols;
use flink_agents_runtime::worker::frames::{self, Change, FromWorker, NAMES, Name, PROTOCOL, ToWorker};
use flink_agents_runtime::worker::stream::{self, FrameError, Received};
use incoming::{Names, Taken};
use pyo3::exceptions::{PyConnectionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyString};
use rustc_hash::FxHashMap;
use slab::Slab;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Interned texts are looked through for unused ones when there are more than this, and then at twice what is left.
const MANY_SYMBOLS: usize = 4096;
/// What is sent before the batch has been worked off, so that one batch never piles up beyond measure.
const MUCH: usize = 1 << 20;

struct Key {
    mirror: Mirror,
    text: Py<PyString>,
}

struct Task {
    slot: u32,
    draft: Draft,
    /// Names of children that the host has told, until they are used.
    children: Option<Vec<String>>,
}

/// The socket's end, with the tasks that run here.
#[pyclass(module = "flink_agents._core")]
pub(crate) struct Worker {
    socket: UnixStream,
    received: Received,
    out: Vec<u8>,
    ended: bool,
    agent: String,
    task_name: String,
    plan: String,
    beat: f64,
    action_names: Vec<Py<PyString>>,
    names: Names,
    symbols: Symbols,
    symbols_limit: usize,
    keys: FxHashMap<u32, Key>,
    tasks: FxHashMap<u64, Task>,
    values: Slab<Box<[u8]>>,
    answered: Vec<u64>,
    begun: Option<u32>,
}

/// The answer that is asked for.
fn wait(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static WAIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let wait = WAIT.get_or_try_init(py, || {
        py.import("flink_agents._core")?.getattr("WAIT").map(Bound::unbind)
    })?;
    Ok(wait.bind(py).clone())
}

fn wire(space: Space) -> frames::Space {
    match space {
        Space::Sensory => frames::Space::Sensory,
        Space::ShortTerm => frames::Space::ShortTerm,
    }
}

fn core(space: frames::Space) -> Space {
    match space {
        frames::Space::Sensory => Space::Sensory,
        frames::Space::ShortTerm => Space::ShortTerm,
    }
}

fn no_task() -> PyErr {
    PyRuntimeError::new_err("The action has ended: its context cannot be used any more")
}

fn lost(error: impl std::fmt::Display) -> PyErr {
    PyConnectionError::new_err(format!("the connection to the TaskManager broke: {error}"))
}

fn garbage(error: &FrameError) -> PyErr {
    PyConnectionError::new_err(format!("the TaskManager sent {error}"))
}

impl Worker {
    fn put(&mut self, frame: &FromWorker<'_>) -> PyResult<()> {
        stream::put(frame, &mut self.out).map_err(|error| PyValueError::new_err(error.to_string()))?;
        if self.out.len() > MUCH {
            self.send_out()?;
        }
        Ok(())
    }

    fn send_out(&mut self) -> PyResult<()> {
        let sent = self.socket.write_all(&self.out).map_err(lost);
        self.out.clear();
        sent
    }

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
        self.put(&FromWorker::Name { number, text })?;
        Ok(Name::Number(number))
    }

    fn keep(&mut self, bytes: &[u8]) -> ValueHandle {
        ValueHandle(self.values.insert(bytes.into()) as u32)
    }

    fn forget_unused_symbols(&mut self) {
        if self.tasks.is_empty() && self.symbols.len() > self.symbols_limit {
            let mut used = vec![false; self.symbols.len() + 1];
            let mut mark = |symbol: Symbol| {
                let at = symbol.0 as usize;
                if at >= used.len() {
                    used.resize(at + 1, false);
                }
                used[at] = true;
            };
            self.keys
                .values()
                .flat_map(|key| key.mirror.symbols())
                .for_each(&mut mark);
            self.names.theirs.iter().flatten().for_each(|(_, symbol)| mark(*symbol));
            self.symbols
                .retain(|symbol| used.get(symbol.0 as usize).copied().unwrap_or(false));
            self.symbols_limit = MANY_SYMBOLS.max(2 * self.symbols.len());
        }
    }

    /// Runs a memory operation of a task, and asks the host for a path that is not known.
    fn access<T>(
        &mut self,
        task: u64,
        space: Space,
        operation: impl FnOnce(&mut Mirror, &mut Draft, &mut Symbols) -> Result<Result<T, Symbol>, MemoryError>,
    ) -> PyResult<Option<T>> {
        let entry = self.tasks.get_mut(&task).ok_or_else(no_task)?;
        let key = self.keys.get_mut(&entry.slot).ok_or_else(no_task)?;
        match operation(&mut key.mirror, &mut entry.draft, &mut self.symbols).map_err(|error| from_memory(&error))? {
            Ok(done) => Ok(Some(done)),
            Err(missing) => {
                let text = self.symbols.name(missing).unwrap_or_default().to_owned();
                let path = self.name(&text)?;
                self.put(&FromWorker::Get {
                    task,
                    space: wire(space),
                    path,
                })?;
                Ok(None)
            }
        }
    }

    fn write(
        &mut self,
        task: u64,
        space: Space,
        operation: impl FnOnce(&mut Mirror, &mut Draft, &mut Symbols) -> Result<Written, MemoryError>,
    ) -> PyResult<bool> {
        let unused = self.access(task, space, |mirror, draft, symbols| {
            Ok(match operation(mirror, draft, symbols)? {
                Written::Done(unused) => Ok(unused),
                Written::Load(path) => Err(path),
            })
        })?;
        if let Some(Some(unused)) = unused {
            self.values.try_remove(unused.0 as usize);
        }
        Ok(unused.is_some())
    }

    /// Its draft has to be committed or discarded, then unused symbols may be forgotten.
    fn end(&mut self, task: u64) -> PyResult<Task> {
        self.tasks.remove(&task).ok_or_else(no_task)
    }
}

#[pymethods]
impl Worker {
    /// Connects to the TaskManager and takes its greeting.
    #[new]
    fn new(path: &str) -> PyResult<Worker> {
        let mut socket = UnixStream::connect(path).map_err(lost)?;
        let mut received = Received::default();
        let (agent, task_name, plan, beat) = loop {
            if let Some(bytes) = received.frame().map_err(|e| garbage(&e))? {
                match stream::read::<ToWorker<'_>>(bytes) {
                    Ok(ToWorker::Hello {
                        protocol: PROTOCOL,
                        agent,
                        task,
                        plan,
                        beat,
                        ..
                    }) => {
                        let plan = std::str::from_utf8(plan).map_err(lost)?.to_owned();
                        break (agent.to_owned(), task.to_owned(), plan, f64::from(beat) / 1000.0);
                    }
                    // The refusal is for the host, which knows both versions: it gets ours with `ready`.
                    _ => break (String::new(), String::new(), String::new(), 1.0),
                }
            }
            match socket.read(received.room()).map_err(lost)? {
                0 => return Err(lost("it was closed")),
                count => received.filled(count),
            }
        };
        Ok(Worker {
            socket,
            received,
            out: Vec::with_capacity(64 << 10),
            ended: false,
            agent,
            task_name,
            plan,
            beat,
            action_names: Vec::new(),
            names: Names::default(),
            symbols: Symbols::default(),
            symbols_limit: MANY_SYMBOLS,
            keys: FxHashMap::default(),
            tasks: FxHashMap::default(),
            values: Slab::new(),
            answered: Vec::new(),
            begun: None,
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

    /// Name of the agent.
    #[getter]
    fn agent(&self) -> &str {
        &self.agent
    }

    /// Name of the host's task.
    #[getter]
    fn task_name(&self) -> &str {
        &self.task_name
    }

    /// The plan, JSON; empty if the host speaks another version of the protocol.
    #[getter]
    fn plan(&self) -> &str {
        &self.plan
    }

    /// Seconds between signs of life.
    #[getter]
    fn beat_seconds(&self) -> f64 {
        self.beat
    }

    /// Names of the actions, by the numbers that `next` tells.
    #[getter]
    fn actions(&mut self, py: Python<'_>) -> PyResult<Vec<Py<PyString>>> {
        if self.action_names.is_empty() {
            let plan = plan::read(&self.plan)?;
            let names = plan.actions.iter();
            self.action_names = names.map(|action| PyString::new(py, &action.name).unbind()).collect();
        }
        Ok(self.action_names.iter().map(|name| name.clone_ref(py)).collect())
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
        self.put(&FromWorker::Ready {
            protocol: PROTOCOL,
            build: env!("CARGO_PKG_VERSION"),
            python,
        })?;
        self.send_out()
    }

    /// Says that the worker cannot start.
    fn refuse(&mut self, reason: &str) -> PyResult<()> {
        self.put(&FromWorker::Refused { reason })?;
        self.send_out()
    }

    /// Number of the socket, for a loop that watches it.
    fn fileno(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// Takes what has come, without waiting for more. False when the TaskManager has closed the connection or said stop.
    fn receive(&mut self) -> PyResult<bool> {
        while !self.ended {
            let room = self.received.room();
            let size = room.len();
            match rustix::net::recv(&self.socket, room, rustix::net::RecvFlags::DONTWAIT) {
                Ok((_, 0)) => self.ended = true,
                Ok((_, count)) => {
                    self.received.filled(count);
                    if count < size {
                        break;
                    }
                }
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => self.ended = true,
            }
        }
        Ok(!self.ended)
    }

    /// Whether the TaskManager has said that this is the end.
    #[getter]
    fn ended(&self) -> bool {
        self.ended
    }

    /// The next action to run: (task, action, key, event id, event type, attributes, upstream event id, upstream action).
    /// An int is a suspended task that may go on. None: nothing can run now.
    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            // Taken out, so that its bytes can be read while the rest of this object changes.
            let mut received = std::mem::take(&mut self.received);
            let taken = match received.frame() {
                Ok(Some(bytes)) => self.take(py, bytes).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(garbage(&error)),
            };
            self.received = received;
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
            self.put(&FromWorker::Mark { batch })?;
        }
        if self.out.is_empty() {
            return Ok(());
        }
        let Worker { socket, out, .. } = self;
        let mut sent = 0;
        let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
        if let Ok(count) = rustix::net::send(&*socket, out, flags) {
            sent = count;
        }
        if sent < out.len() {
            // The other side is slow: other threads of this process need not be.
            py.detach(|| socket.write_all(&out[sent..])).map_err(lost)?;
        }
        out.clear();
        Ok(())
    }

    /// Gives a sign of life.
    fn beat(&mut self) -> PyResult<()> {
        self.put(&FromWorker::Beat)?;
        self.send_out()
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
        if !this.tasks.contains_key(&task) {
            return Err(no_task());
        }
        let kind = this.name(text)?;
        this.put(&FromWorker::Send {
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
        let space = space(memory)?;
        let symbol = self.symbols.intern(path);
        let found = self.access(task, space, |mirror, draft, symbols| {
            Ok(match mirror.get(draft, symbols, space, symbol)? {
                Lookup::Found(node) => Ok(node),
                Lookup::Load(path) => Err(path),
            })
        })?;
        match found {
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
        let mut this = slf.borrow_mut();
        let symbol = this.symbols.intern(path);
        let handle = this.keep(&bytes);
        let done = this.write(task, space, |mirror, draft, symbols| {
            mirror.set(draft, symbols, space, symbol, handle)
        });
        if !matches!(done, Ok(true)) {
            this.values.try_remove(handle.0 as usize);
        }
        Ok(if done? { None } else { Some(wait(slf.py())?) })
    }

    /// Makes an object, creating missing parents; one that exists is kept.
    fn memory_new_object<'py>(
        &mut self,
        py: Python<'py>,
        task: u64,
        memory: u8,
        path: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let space = space(memory)?;
        let symbol = self.symbols.intern(path);
        let done = self.write(task, space, |mirror, draft, symbols| {
            mirror.new_object(draft, symbols, space, symbol)
        })?;
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
        let space = space(memory)?;
        let symbol = self.symbols.intern(path);
        let entry = self.tasks.get_mut(&task).ok_or_else(no_task)?;
        let told = entry.children.take();
        let lazy = self.keys.get(&entry.slot).is_some_and(|key| key.mirror.is_lazy(space));
        if lazy && told.is_none() {
            let path = self.name(path)?;
            self.put(&FromWorker::List {
                task,
                space: wire(space),
                path,
            })?;
            return wait(py);
        }
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        let stored: Vec<String> = told.iter().flatten().map(|name| format!("{prefix}{name}")).collect();
        let names = self.access(task, space, |mirror, draft, symbols| {
            mirror.children(draft, symbols, space, symbol, stored.iter().map(String::as_str))
        })?;
        match names {
            Some(names) => Ok(names.into_pyobject(py)?),
            None => {
                if let Some(entry) = self.tasks.get_mut(&task) {
                    entry.children = told;
                }
                wait(py)
            }
        }
    }

    /// The action's code has returned: its writes and its events are the host's from now on.
    fn finish(&mut self, task: u64) -> PyResult<()> {
        let entry = self.end(task)?;
        for space in [Space::Sensory, Space::ShortTerm] {
            for (path, node) in entry.draft.writes(space) {
                let text = self.symbols.name(path).unwrap_or_default().to_owned();
                let path = self.name(&text)?;
                // Taken out while it is sent, since sending borrows this object.
                let (frame_node, taken) = match node {
                    Node::Absent => (frames::Node::Absent, None),
                    Node::Object => (frames::Node::Object, None),
                    Node::Value(handle) => {
                        let value = self.values.get_mut(handle.0 as usize).map(std::mem::take);
                        (frames::Node::Absent, value.map(|bytes| (handle, bytes)))
                    }
                };
                let node = taken
                    .as_ref()
                    .map_or(frame_node, |(_, bytes)| frames::Node::Value(bytes));
                let put = self.put(&FromWorker::Write {
                    task,
                    space: wire(space),
                    path,
                    node,
                });
                if let Some((handle, bytes)) = taken
                    && let Some(value) = self.values.get_mut(handle.0 as usize)
                {
                    *value = bytes;
                }
                put?;
            }
        }
        if let Some(key) = self.keys.get_mut(&entry.slot) {
            let values = &mut self.values;
            key.mirror.commit(entry.draft, &mut self.symbols, |handle| {
                drop(values.try_remove(handle.0 as usize));
            });
        }
        self.forget_unused_symbols();
        self.put(&FromWorker::Finish { task })
    }

    /// The action failed.
    fn fail(&mut self, task: u64, text: &str) -> PyResult<()> {
        let entry = self.end(task)?;
        let values = &mut self.values;
        entry.draft.discard(|handle| drop(values.try_remove(handle.0 as usize)));
        self.forget_unused_symbols();
        self.put(&FromWorker::Fail { task, reason: text })
    }

    /// The running action waits; others of its run may go on.
    fn suspend(&mut self, task: u64) -> PyResult<()> {
        self.put(&FromWorker::Suspend { task })
    }

    /// What a suspended action waited for has come; `next` tells when it may go on.
    fn wake(&mut self, task: u64) -> PyResult<()> {
        self.put(&FromWorker::Wake { task })
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
        self.put(&FromWorker::Metric { group, name, change })
    }
}
