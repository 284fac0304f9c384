//! What the core wants done: the next action for Python, and what happens without it. Warnings are kept until nothing is
//! borrowed, since handlers of Python's logging may come back here.

use super::errors::from_input;
use super::event_log::{self, Heard, Log};
use super::{EventData, Kept, Local, Stored, calls};
use crate::decode::read;
use crate::refusal::Refusal;
use crate::{encode, uuid};
use flink_agents_core::ids::{EventId, KeySlot, TaskId};
use flink_agents_core::memory::{BEGIN_EVENT, Node};
use flink_agents_core::run::{Effect, EventIn};
use flink_agents_core::value::{self, Value};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// What `next` has come to.
pub(super) enum Turn<'py> {
    Step(Bound<'py, PyAny>),
    Warned,
    Nothing,
}

impl Local {
    /// Carries out what is not running an action.
    fn apply(&mut self, py: Python<'_>, effect: Effect) -> PyResult<()> {
        self.trace(&effect);
        match effect {
            Effect::Emit { key, event, .. } => {
                if let (Some(Stored::Event(event)), Some(key)) =
                    (self.values.try_remove(event.0 as usize), self.keys.get(key.0 as usize))
                {
                    let attributes = read(py, &event.attributes)?.cast_into::<PyDict>()?;
                    let output = attributes.get_item(pyo3::intern!(py, "output"))?;
                    self.outputs.bind(py).append((&key.key, output))?;
                }
            }
            Effect::WriteMemory { key, path, node } => {
                let Some(name) = self.machine.symbols().name(path) else {
                    return Ok(());
                };
                let Some(key) = self.keys.get_mut(key.0 as usize) else {
                    return Ok(());
                };
                let kept = match node {
                    Node::Absent => {
                        key.known.memory.remove(name);
                        return Ok(());
                    }
                    Node::Object => Kept::Object,
                    Node::Value(handle) => match self.values.get(handle.0 as usize) {
                        Some(Stored::Memory(bytes)) => Kept::Value(bytes.clone()),
                        _ => return Ok(()),
                    },
                };
                match key.known.memory.get_mut(name) {
                    Some(there) => *there = kept,
                    None => _ = key.known.memory.insert(name.into(), kept),
                }
            }
            Effect::Begin { key } => self.begin(py, key)?,
            Effect::Processed { key, event } => {
                if let Some(Stored::Event(event)) = self.values.get(event.0 as usize) {
                    if let Some(log) = &mut self.log {
                        self.warnings
                            .extend(log.processed(key, &self.machine, &event.attributes));
                    }
                    if self.listened {
                        self.heard.push_back(Heard::of(py, event));
                    }
                }
            }
            Effect::Release(handle) => self.free(handle),
            Effect::RunEnded {
                key, sequence, idle, ..
            } => {
                if let Some(journal) = &mut self.journal {
                    journal.driver().run_ended(key, sequence, idle);
                    if let Some(key) = self.keys.get_mut(key.0 as usize) {
                        key.known.next_run = sequence + 1;
                    }
                }
                if idle {
                    self.release(key.0);
                }
            }
            Effect::Record { key, ticket, record } => {
                if let Some(journal) = &mut self.journal {
                    journal.driver().record(key, ticket, *record);
                }
            }
            // Inputs of a key come in the order of the list: what is not the next one will never come.
            Effect::AwaitInput { key, run } => self.machine.handle_await_over(key, run),
            Effect::Diverged { key, reason } => {
                self.meter.diverged();
                let text = format!("Agent '{}', key {}: {reason}", self.agent, self.shown_key(py, key)?);
                self.warnings.push(text);
            }
            Effect::Warn(text) => self.warnings.push(format!("Agent '{}': {text}", self.agent)),
            Effect::Fail { key, reason } => {
                self.failed = true;
                let key = self.shown_key(py, key)?;
                return Err(PyRuntimeError::new_err(format!(
                    "Agent '{}', key {key}: {reason}",
                    self.agent
                )));
            }
            Effect::DeadLetter { event, .. } => {
                if let Some(Stored::Event(event)) = self.values.try_remove(event.0 as usize) {
                    self.letters.bind(py).append(read(py, &event.attributes)?)?;
                }
            }
            Effect::Backoff {
                task, wait_ms, due_ms, ..
            } => self.backoffs.push((task, wait_ms, due_ms)),
            Effect::RunAction { .. }
            | Effect::Resume { .. }
            | Effect::Replay { .. }
            | Effect::CallReady { .. }
            | Effect::Forward(_) => {}
        }
        Ok(())
    }

    /// The run of a key begins with an event of what its short-term memory holds: no run of it is under way.
    fn begin(&mut self, py: Python<'_>, key: KeySlot) -> PyResult<()> {
        let Some(active) = self.keys.get(key.0 as usize) else {
            return Ok(());
        };
        let mut values: Vec<(&str, &[u8])> = Vec::new();
        for (path, kept) in &active.known.memory {
            if let Kept::Value(bytes) = kept
                && value::decode(bytes).is_ok_and(|value| is_json(&value))
            {
                values.push((path, bytes));
            }
        }
        values.sort_unstable_by_key(|(path, _)| *path);
        // Without the letter of its type, as dead letters have it.
        let text = active.text.split_once(':').map_or(&*active.text, |(_, text)| text);
        let mut bytes = Vec::with_capacity(256);
        let write = || -> Result<(), Box<Refusal>> {
            encode::map_header(2, &mut bytes)?;
            encode::key("key", &mut bytes)?;
            encode::text(text, &mut bytes)?;
            encode::key("value", &mut bytes)?;
            encode::map_header(values.len(), &mut bytes)?;
            for (path, value) in values {
                encode::key(path, &mut bytes)?;
                bytes.extend_from_slice(value);
            }
            Ok(())
        };
        write().map_err(|refusal| refusal.into_py(py, "value"))?;
        let bits = uuid::random_bits(py)?;
        let event_type = self.machine.intern(BEGIN_EVENT);
        let attributes = self.attributes(&bytes)?;
        let value = self.put(Stored::Event(EventData {
            id: uuid::uuid_of(py, &uuid::to_int(py, bits)?)?.unbind(),
            event_type: PyString::intern(py, BEGIN_EVENT).unbind(),
            attributes: bytes,
            upstream: None,
        }));
        let event = EventIn {
            id: EventId(bits),
            event_type,
            value,
            attributes,
        };
        self.machine.handle_begin(key, Some(event)).map_err(from_input)
    }

    /// Tells the execution trace of an effect.
    fn trace(&mut self, effect: &Effect) {
        if let Some(log) = self.log.as_mut().filter(|log| log.traces()) {
            self.warnings.extend(log.effect(effect, &self.machine));
        }
    }

    /// Tells the execution trace that an action has ended.
    pub(super) fn trace_end(&mut self, task: TaskId, failure: Option<&str>) {
        if let Some(log) = self.log.as_mut().filter(|log| log.traces()) {
            self.warnings.extend(log.ended(task, failure));
        }
    }

    /// Tells the execution trace of something inside an action.
    pub(super) fn trace_report(&mut self, task: TaskId, status: u8, what: &[u8]) -> PyResult<()> {
        if let Some(log) = self.log.as_mut().filter(|log| log.traces()) {
            let warning = log.reported(task, status, what);
            let warning = warning.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
            self.warnings.extend(warning);
        }
        Ok(())
    }

    fn shown_key(&self, py: Python<'_>, key: KeySlot) -> PyResult<String> {
        Ok(match self.keys.get(key.0 as usize) {
            Some(key) => key.key.bind(py).repr()?.to_string_lossy().into_owned(),
            None => "?".to_owned(),
        })
    }

    /// Without a journal: everything that runs no action. A key that became idle has to be known before its next input.
    pub(super) fn settle(&mut self, py: Python<'_>) -> PyResult<()> {
        while let Some(effect) = self.machine.poll_effect(false) {
            self.apply(py, effect)?;
        }
        Ok(())
    }

    /// Goes on to the next action to run, or to the next warning: what has been polled is not lost if that cannot be told.
    pub(super) fn turn<'py>(&mut self, py: Python<'py>) -> PyResult<Turn<'py>> {
        self.poll_store()?;
        loop {
            if let Some(step) = self.next_observed(py)? {
                return Ok(Turn::Step(step));
            }
            if !self.warnings.is_empty() || self.log.as_ref().is_some_and(Log::is_full) {
                return Ok(Turn::Warned);
            }
            let Some(effect) = self.machine.poll_effect(true) else {
                if self.journal.is_some() && self.go_on(py)? {
                    continue;
                }
                return Ok(Turn::Nothing);
            };
            if !matches!(effect, Effect::RunEnded { .. }) {
                self.trace(&effect);
            }
            match effect {
                Effect::RunAction {
                    task,
                    key,
                    action,
                    event,
                } => {
                    let number = task.to_bits();
                    self.enter(task, key, event, action);
                    let before = self.upstream_of(py, task)?;
                    let (Some(Stored::Event(event)), Some(key)) =
                        (self.values.get(event.0 as usize), self.keys.get(key.0 as usize))
                    else {
                        return Err(PyRuntimeError::new_err(
                            "the core asks for an event that it has released",
                        ));
                    };
                    let attributes = read(py, &event.attributes)?;
                    let (upstream, upstream_action) = match event.upstream.as_ref().or(before.as_ref()) {
                        Some((id, action)) => (Some(id), self.action_names.get(usize::from(action.0))),
                        None => (None, None),
                    };
                    let step = (
                        number,
                        action.0,
                        &key.shown,
                        &event.id,
                        &event.event_type,
                        attributes,
                        upstream,
                        upstream_action,
                    );
                    return Ok(Turn::Step(step.into_pyobject(py)?.into_any()));
                }
                Effect::Resume { task, .. } => {
                    return Ok(Turn::Step(task.to_bits().into_pyobject(py)?.into_any()));
                }
                Effect::CallReady { task, call, step, .. } => {
                    self.meter.decided(&step);
                    let (step, payload) = calls::step(py, &step);
                    let told = (task.to_bits(), call, step, payload);
                    return Ok(Turn::Step(told.into_pyobject(py)?.to_list().into_any()));
                }
                Effect::Replay {
                    task,
                    key,
                    action,
                    completion,
                } => self.replay(py, task, key, action, &completion)?,
                other => self.apply(py, other)?,
            }
        }
    }

    /// What listeners, or the user's own logger, are to be told before anything else happens.
    pub(super) fn next_observed<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(log) = &mut self.log
            && let Some(step) = log.next_own(py)?
        {
            return Ok(Some(step));
        }
        match self.heard.pop_front() {
            Some(heard) => heard.into_step(py, &self.action_names).map(Some),
            None => Ok(None),
        }
    }
}

/// Hands warnings, and lines of the event log, over to Python's logging.
pub(super) fn warn(local: &Bound<'_, Local>) -> PyResult<()> {
    event_log::tell(local)?;
    let warnings = std::mem::take(&mut local.borrow_mut().warnings);
    for text in warnings {
        log_warning(local.py(), &text)?;
    }
    Ok(())
}

/// Tells Python's logging, whose handlers may come back here: nothing may be borrowed.
pub(crate) fn log_warning(py: Python<'_>, text: &str) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("flink_agents",))?;
    logger.call_method1("warning", ("%s", text))?;
    Ok(())
}

/// Whether a value of memory is one of JSON's: the others that memory takes are bytes.
fn is_json(value: &Value) -> bool {
    match value {
        Value::Bytes(_) => false,
        Value::List(values) => values.iter().all(is_json),
        Value::Map(entries) => entries.iter().all(|(_, value)| is_json(value)),
        _ => true,
    }
}
