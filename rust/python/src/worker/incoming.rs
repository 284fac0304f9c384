//! What comes from the TaskManager.

use super::calls::Told;
use super::link::garbage;
use super::memory::core;
use super::{Key, Task, Worker, no_task};
use crate::decode::read;
use crate::observed::Told as Seen;
use crate::uuid;
use flink_agents_core::ids::Symbol;
use flink_agents_core::memory::{Mirror, Node, Space};
use flink_agents_core::symbols::Symbols;
use flink_agents_runtime::worker::frames::{self, NAMES, Name, Observer, ToWorker};
use flink_agents_runtime::worker::stream;
use pyo3::exceptions::PyConnectionError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rustc_hash::FxHashMap;
use std::time::Instant;

/// Names that are known by numbers, from the host and to it.
#[derive(Default)]
pub(super) struct Names {
    pub(super) theirs: Vec<Option<(Py<PyString>, Symbol)>>,
    pub(super) ours: FxHashMap<Box<str>, u32>,
}

impl Names {
    fn learn(&mut self, number: u32, text: Py<PyString>, symbol: Symbol) {
        let at = number.min(NAMES - 1) as usize;
        if at >= self.theirs.len() {
            self.theirs.resize_with(at + 1, || None);
        }
        self.theirs[at] = Some((text, symbol));
    }

    fn text<'py>(&self, py: Python<'py>, name: &Name<'_>) -> PyResult<Bound<'py, PyString>> {
        match name {
            Name::Text(text) => Ok(PyString::new(py, text)),
            Name::Number(number) => match self.theirs.get(*number as usize) {
                Some(Some((text, _))) => Ok(text.bind(py).clone()),
                _ => Err(unknown(*number)),
            },
        }
    }

    fn symbol(&self, name: &Name<'_>, symbols: &mut Symbols) -> PyResult<Symbol> {
        match name {
            Name::Text(text) => Ok(symbols.intern(text)),
            Name::Number(number) => match self.theirs.get(*number as usize) {
                Some(Some((_, symbol))) => Ok(*symbol),
                _ => Err(unknown(*number)),
            },
        }
    }
}

fn unknown(number: u32) -> PyErr {
    PyConnectionError::new_err(format!("the TaskManager used name {number}, which it never told"))
}

/// What became of a frame.
pub(super) enum Taken<'py> {
    Step(Bound<'py, PyAny>),
    Nothing,
}

impl Worker {
    /// Takes one frame.
    pub(super) fn take<'py>(&mut self, py: Python<'py>, bytes: &[u8]) -> PyResult<Taken<'py>> {
        match stream::read::<ToWorker<'_>>(bytes).map_err(|e| garbage(&e))? {
            ToWorker::Run(run) => return self.begin(py, &run).map(Taken::Step),
            ToWorker::Resume { task } => {
                if let Some(entry) = self.tasks.get_mut(&task) {
                    entry.suspended = false;
                }
                return Ok(Taken::Step(task.into_pyobject(py)?.into_any()));
            }
            ToWorker::Name { number, text } => {
                let symbol = self.symbols.intern(text);
                self.names.learn(number, PyString::intern(py, text).unbind(), symbol);
            }
            ToWorker::Node {
                task,
                space,
                path,
                node,
            } => {
                let path = self.names.symbol(&path, &mut self.symbols)?;
                if let Some(slot) = self.tasks.get(&task).map(|task| task.slot) {
                    self.told(slot, core(space), path, node);
                    self.answered.push(task);
                }
            }
            ToWorker::Names { task, names } => {
                if let Some(entry) = self.tasks.get_mut(&task) {
                    entry.children = Some(names.into_iter().map(str::to_owned).collect());
                    self.answered.push(task);
                }
            }
            ToWorker::RunEnded { slot } => {
                self.forget(slot);
                self.keys.remove(&slot);
            }
            ToWorker::Forget { slot } => self.forget(slot),
            ToWorker::Mark { batch } => self.begun = Some(batch),
            ToWorker::Stop => self.link.ended = true,
            ToWorker::CallReady {
                task,
                call,
                step,
                key,
                payload,
            } => {
                if let Some(ready) = self.call_ready(py, task, call, step, key, payload)? {
                    return Ok(Taken::Step(ready.into_any()));
                }
            }
            ToWorker::Observed(observed) => {
                // For those before it.
                self.keep_alive(Instant::now())?;
                return self.observed(py, &observed).map(Taken::Step);
            }
            ToWorker::Hello { .. } => return Err(PyConnectionError::new_err("the TaskManager greeted twice")),
        }
        Ok(Taken::Nothing)
    }

    fn begin<'py>(&mut self, py: Python<'py>, run: &frames::Run<'_>) -> PyResult<Bound<'py, PyAny>> {
        self.keys.entry(run.slot).or_insert_with(|| Key {
            mirror: Mirror::new(run.fresh),
            text: PyString::new(py, run.key).unbind(),
        });
        for known in &run.known {
            let path = self.names.symbol(&known.path, &mut self.symbols)?;
            self.told(run.slot, Space::ShortTerm, path, known.node);
        }
        let key = self.keys.get(&run.slot).ok_or_else(no_task)?;
        let entry = Task {
            slot: run.slot,
            draft: key.mirror.draft(),
            children: None,
            action: run.action,
            suspended: false,
            calls: None,
            told: Told::default(),
            since: Instant::now(),
        };
        let key = key.text.bind(py);
        let attributes = read(py, run.attributes)?;
        let (upstream, upstream_action) = match &run.upstream {
            Some(upstream) => (
                Some(uuid::to_int(py, upstream.event)?),
                Some(self.names.text(py, &upstream.action)?),
            ),
            None => (None, None),
        };
        let step = (
            run.task,
            run.action,
            key,
            uuid::to_int(py, run.event)?,
            self.names.text(py, &run.kind)?,
            attributes,
            upstream,
            upstream_action,
        )
            .into_pyobject(py)?
            .into_any();
        self.tasks.insert(run.task, entry);
        Ok(step)
    }

    fn observed<'py>(&self, py: Python<'py>, observed: &frames::Observed<'_>) -> PyResult<Bound<'py, PyAny>> {
        let (upstream, action) = match &observed.upstream {
            Some(upstream) => (
                Some(uuid::to_int(py, upstream.event)?.into_any()),
                Some(self.names.text(py, &upstream.action)?),
            ),
            None => (None, None),
        };
        let seen = Seen {
            logged: observed.observer == Observer::Logger,
            micros: observed.micros,
            event: uuid::to_int(py, observed.event)?.into_any(),
            kind: self.names.text(py, &observed.kind)?,
            attributes: read(py, observed.attributes)?,
            upstream,
            action,
            trace: if observed.trace.is_empty() {
                None
            } else {
                Some(read(py, observed.trace)?)
            },
        };
        seen.into_step(py)
    }

    fn told(&mut self, slot: u32, space: Space, path: Symbol, node: frames::Node<'_>) {
        let node = match node {
            frames::Node::Absent => Node::Absent,
            frames::Node::Object => Node::Object,
            frames::Node::Value(bytes) => Node::Value(self.keep(bytes)),
        };
        let unused = match (self.keys.get_mut(&slot), node) {
            (Some(key), node) => key.mirror.loaded(space, path, node),
            (None, Node::Value(unused)) => Some(unused),
            (None, _) => None,
        };
        if let Some(unused) = unused {
            self.values.try_remove(unused.0 as usize);
        }
    }

    fn forget(&mut self, slot: u32) {
        if let Some(key) = self.keys.get_mut(&slot) {
            let values = &mut self.values;
            key.mirror.forget(|handle| drop(values.try_remove(handle.0 as usize)));
        }
    }
}
