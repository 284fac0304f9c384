//! Actions that failed, see [`Machine::handle_failed`](flink_agents_core::run::Machine::handle_failed).

use super::errors::from_task;
use super::{Local, Stored};
use crate::decode::read;
use flink_agents_core::ids::{TaskId, ValueHandle};
use flink_agents_core::letter::Part;
use flink_agents_core::run::Verdict;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// Id and attributes of an event.
type Shown<'py> = (Py<PyAny>, Bound<'py, PyAny>);

/// Whether the host fails (0), the action is tried again (1), or it sends its dead letter and finishes it (2); how often it was
/// tried; and for a letter the event of the run's input, and the one that the action handled.
pub(super) type Told<'py> = (u8, u32, Option<Shown<'py>>, Option<Shown<'py>>);

impl Local {
    /// See the method of Python.
    pub(super) fn decide<'py>(
        &mut self,
        py: Python<'py>,
        task: TaskId,
        text: &str,
        now_ms: i64,
    ) -> PyResult<Told<'py>> {
        let event = self.task(task).map_err(from_task)?.event;
        if self.failed || self.refused {
            return Ok((0, 1, None, None));
        }
        match self.machine.handle_failed(task, now_ms).map_err(from_task)? {
            Verdict::Fail { attempts } => Ok((0, attempts, None, None)),
            Verdict::Retry { attempts, .. } => {
                self.trace_end(task, Some(text));
                Ok((1, attempts, None, None))
            }
            Verdict::DeadLetter { attempts } => {
                self.trace_end(task, Some(text));
                let input = self.machine.input_of(task).map_err(from_task)?;
                let input = input.map(|input| self.shown_event(py, input)).transpose()?.flatten();
                Ok((2, attempts, input, self.shown_event(py, event)?))
            }
        }
    }

    pub(super) fn record_limit(&self) -> Option<usize> {
        self.journal.as_ref().map(|journal| journal.max_record_size)
    }

    fn shown_event<'py>(&self, py: Python<'py>, event: ValueHandle) -> PyResult<Option<Shown<'py>>> {
        match self.values.get(event.0 as usize) {
            Some(Stored::Event(event)) => Ok(Some((event.id.clone_ref(py), read(py, &event.attributes)?))),
            _ => Ok(None),
        }
    }

    /// See the method of Python.
    pub(super) fn take_backoffs(&mut self, now_ms: i64) -> Vec<(u64, f64)> {
        let left = |due_ms: i64, wait_ms: u64| {
            let left = u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or(0);
            left.min(wait_ms) as f64 / 1_000.0
        };
        let taken = std::mem::take(&mut self.backoffs).into_iter();
        taken
            .map(|(task, wait, due)| (task.to_bits(), left(due, wait)))
            .collect()
    }
}

pub(super) fn part(number: u8) -> PyResult<Part> {
    Part::of(number).ok_or_else(|| PyValueError::new_err(format!("a dead letter has no part {number}")))
}

/// The list that dead letters are put into.
pub(super) fn list(py: Python<'_>, given: Option<Py<PyList>>) -> Py<PyList> {
    given.unwrap_or_else(|| PyList::empty(py).unbind())
}
