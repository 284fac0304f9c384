//! With a journal: what is written of actions and calls, and what is read back.

use super::journal::digest;
use super::{EventData, Local, Queued, Stored, Task, from_access, from_input, from_task};
use crate::encode::{Rules, write};
use crate::uuid;
use flink_agents_core::ids::{ActionId, EventId, KeySlot, TaskId, ValueHandle};
use flink_agents_core::journal::Completion;
use flink_agents_core::run::{CallStep, EventIn};
use flink_agents_core::symbols::{INPUT, INPUT_EVENT};
use flink_agents_runtime::journal::JournalError;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use std::time::Instant;

/// Bytes that a record has besides its values, at most: names and paths.
const REST: usize = 1 << 12;

/// What to do with a call, as Python is told: make it, ask the reconciler, return, raise, wait.
pub(super) fn step<'py>(py: Python<'py>, step: &CallStep) -> (u8, Option<Bound<'py, PyBytes>>) {
    match step {
        CallStep::Execute => (0, None),
        CallStep::Reconcile => (1, None),
        CallStep::Replay { failed, payload } => (2 + u8::from(*failed), Some(PyBytes::new(py, payload))),
        CallStep::Wait => (4, None),
    }
}

/// A digest of the arguments of a durable call: of plain data, which is the same in every process; None for anything else.
#[pyfunction]
pub(crate) fn args_digest<'py>(
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let py = args.py();
    let all = PyList::new(py, [args.to_list().into_any(), kwargs.clone().into_any()])?;
    let mut bytes = Vec::with_capacity(64);
    if write(&all, Rules::Memory, &mut bytes).is_err() {
        return Ok(None);
    }
    Ok(digest(&bytes, 0).map(|digest| PyBytes::new(py, &digest)))
}

impl Local {
    pub(super) fn store_failed(&self, error: &JournalError) -> PyErr {
        PyRuntimeError::new_err(format!("Agent '{}': {error}", self.agent))
    }

    /// Takes what the store has said.
    pub(super) fn poll_store(&mut self) -> PyResult<bool> {
        let Some(journal) = &mut self.journal else {
            return Ok(false);
        };
        let heard = journal.poll(&mut self.machine);
        while let Some(text) = journal.report() {
            self.warnings.push(format!("Agent '{}': {text}", self.agent));
        }
        heard.map_err(|error| self.store_failed(&error))
    }

    /// Hands over to the store what was written.
    pub(super) fn flush(&mut self) -> PyResult<()> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let flushed = journal.flush(&mut self.machine);
        flushed.map_err(|error| self.store_failed(&error))
    }

    /// When nothing is left to do: the next input, or what the store says. False if there is neither.
    pub(super) fn go_on(&mut self, py: Python<'_>) -> PyResult<bool> {
        if let Some(input) = self.queued.pop_front() {
            self.take(py, input)?;
            if self.queued.is_empty() && self.ending {
                self.machine.handle_end_of_input();
            }
            return Ok(true);
        }
        self.flush()?;
        self.poll_store()
    }

    fn take(&mut self, py: Python<'_>, input: Queued) -> PyResult<()> {
        self.forget_unused_symbols();
        let attributes = self.attributes(&input.attributes)?;
        self.key_text = input.key;
        let slot = self.acquire(py)?;
        let known = &mut self.keys[slot as usize].known;
        let digest = digest(&input.attributes, known.inputs);
        known.inputs += 1;
        let value = self.put(Stored::Event(EventData {
            id: input.id,
            event_type: PyString::intern(py, INPUT_EVENT).unbind(),
            attributes: input.attributes,
            upstream: None,
        }));
        let event = EventIn {
            id: EventId(input.bits),
            event_type: INPUT,
            value,
            attributes,
        };
        self.machine
            .handle_digested_input(KeySlot(slot), event, None, digest)
            .map_err(from_input)
    }

    /// Notes what a task that begins belongs to.
    pub(super) fn enter(&mut self, task: TaskId, key: KeySlot, event: ValueHandle, action: ActionId) {
        let slot = task.to_bits() as u32 as usize;
        let entry = Task {
            key: key.0,
            event,
            action,
            since: Instant::now(),
        };
        if slot >= self.tasks.len() {
            self.tasks.resize(slot + 1, entry);
        }
        self.tasks[slot] = entry;
    }

    /// Where the trigger of a task came from, with a journal: events that were read back do not say it.
    pub(super) fn upstream_of(&self, py: Python<'_>, task: TaskId) -> PyResult<Option<(Py<PyAny>, ActionId)>> {
        if self.journal.is_none() {
            return Ok(None);
        }
        match self.machine.trigger_lineage(task).map_err(from_task)? {
            Some((id, action)) => Ok(Some((uuid::uuid_of(py, &uuid::to_int(py, id.0)?)?.unbind(), action))),
            None => Ok(None),
        }
    }

    /// An action that completed before takes effect.
    pub(super) fn replay(
        &mut self,
        py: Python<'_>,
        task: TaskId,
        key: KeySlot,
        action: ActionId,
        completion: &Completion,
    ) -> PyResult<()> {
        self.enter(task, key, ValueHandle(u32::MAX), action);
        self.meter.replayed(action);
        let mut handles = Vec::with_capacity(completion.values.len());
        let mut attributes = Vec::with_capacity(completion.events.len());
        for (number, bytes) in completion.values.iter().enumerate() {
            let stored = match completion.events.get(number) {
                Some((event_type, id)) => {
                    attributes.push(self.attributes(bytes)?);
                    Stored::Event(EventData {
                        id: uuid::uuid_of(py, &uuid::to_int(py, *id)?)?.unbind(),
                        event_type: PyString::new(py, event_type).unbind(),
                        attributes: bytes.clone(),
                        upstream: None,
                    })
                }
                None => Stored::Memory(bytes.as_slice().into()),
            };
            handles.push(self.put(stored));
        }
        self.machine
            .handle_replayed(task, completion, &handles, attributes)
            .map_err(from_access)
    }

    /// An action has ended: what it did becomes a record.
    pub(super) fn complete(&mut self, task: TaskId) -> PyResult<()> {
        let handles = self.machine.values_to_record(task).map_err(from_task)?;
        let values: Vec<Vec<u8>> = handles
            .iter()
            .map(|handle| match self.values.get(handle.0 as usize) {
                Some(Stored::Event(event)) => Ok(event.attributes.clone()),
                Some(Stored::Memory(bytes)) => Ok(bytes.to_vec()),
                None => Err(PyRuntimeError::new_err("the core names a value that it has released")),
            })
            .collect::<PyResult<_>>()?;
        let size = values.iter().map(Vec::len).sum::<usize>() + REST;
        let most = self
            .journal
            .as_ref()
            .map_or(usize::MAX, |journal| journal.max_record_size);
        if size > most {
            return Err(PyValueError::new_err(format!(
                "The events it sent and the values it set in memory have {} bytes together, and {most} are the most for a record of \
                 the journal. Keep what is large elsewhere and send where that is, or raise action-state.max-record-size",
                size - REST
            )));
        }
        self.machine.handle_completed(task, values).map_err(from_task)
    }

    /// See the method of Python.
    pub(super) fn key_of_call(&mut self, task: TaskId, call: u32) -> PyResult<String> {
        let key = self.task(task).map_err(from_task)?.key;
        let tail = self.machine.call_tail(task, call).map_err(from_task)?;
        let origin = self.machine.origin_of(task).map_err(from_task)?;
        self.journal
            .as_mut()
            .and_then(|journal| journal.driver().idempotency_key(KeySlot(key), origin, &tail))
            .ok_or_else(|| PyRuntimeError::new_err("there is no journal, or the key of the call is not open"))
    }
}
