//! Durable calls with a journal, which is at the host: what is said of them, and what comes back.

use super::{Task, Worker, from_call, no_task};
use crate::local::scope_kind;
use flink_agents_runtime::worker::frames::{Call, FromWorker, Outcome, Step};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// Step that Python is told when the answer is still to come.
const WAIT: u8 = 4;

/// Calls of a task, by their numbers.
#[derive(Default)]
pub(super) struct Told {
    next: u32,
    /// What identifies those to others that are to be made.
    keys: Vec<(u32, Box<str>)>,
}

impl Worker {
    /// Tells the host of a call; returns its number, and that its answer is to be waited for.
    pub(super) fn tell_call(
        &mut self,
        task: u64,
        scope: u32,
        function: &str,
        digest: Option<[u8; 16]>,
        reconcilable: bool,
        in_place: bool,
    ) -> PyResult<(u32, u8)> {
        self.calls(task)?.begin(scope).map_err(from_call)?;
        let told = &mut self.tasks.get_mut(&task).ok_or_else(no_task)?.told;
        let call = told.next;
        told.next += 1;
        let function = self.name(function)?;
        self.link.put(&FromWorker::Call(Call {
            task,
            scope,
            call,
            function,
            digest,
            reconcilable,
            in_place,
        }))?;
        Ok((call, WAIT))
    }

    /// Nothing is said of a call whose action has failed: it is over with the run.
    pub(super) fn tell_call_end(&mut self, task: u64, call: u32, failed: bool, payload: Option<&[u8]>) -> PyResult<()> {
        if !self.tasks.contains_key(&task) {
            return Ok(());
        }
        self.calls(task)?.end().map_err(from_call)?;
        let outcome = match payload {
            None => Outcome::Nothing,
            Some(_) if failed => Outcome::Failure,
            Some(_) => Outcome::Result,
        };
        self.link.put(&FromWorker::CallEnd {
            task,
            call,
            outcome,
            payload: payload.unwrap_or_default(),
        })
    }

    pub(super) fn open_scope(&mut self, task: u64, parent: u32, group: bool) -> PyResult<u32> {
        let scope = self
            .calls(task)?
            .open_scope(parent, scope_kind(group))
            .map_err(from_call)?;
        if self.journal.is_some() {
            self.link.put(&FromWorker::Scope {
                task,
                scope,
                parent,
                group,
            })?;
        }
        Ok(scope)
    }

    pub(super) fn tell_busy(&mut self, task: u64, busy: bool) -> PyResult<()> {
        self.owner.check()?;
        if !self.tasks.contains_key(&task) {
            return Ok(());
        }
        self.link.put(&FromWorker::Busy { task, busy })
    }

    /// What is to be done with a call: [task, call, step, what it brought]. Nothing if its action has ended.
    pub(super) fn call_ready<'py>(
        &mut self,
        py: Python<'py>,
        task: u64,
        call: u32,
        step: Step,
        key: &str,
        payload: &[u8],
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(Task { told, .. }) = self.tasks.get_mut(&task) else {
            return Ok(None);
        };
        let brought = match step {
            Step::Execute | Step::Reconcile => {
                told.keys.push((call, key.into()));
                None
            }
            Step::Return | Step::Raise => Some(PyBytes::new(py, payload)),
        };
        let ready = (task, call, step as u8, brought);
        Ok(Some(ready.into_pyobject(py)?.to_list()))
    }

    /// What identifies a call that is to be made now; asked once.
    pub(super) fn take_key(&mut self, task: u64, call: u32) -> PyResult<String> {
        let told = &mut self.tasks.get_mut(&task).ok_or_else(no_task)?.told;
        let found = told.keys.iter().position(|(number, _)| *number == call);
        let place = found.ok_or_else(|| PyRuntimeError::new_err("the call is not to be made now"))?;
        Ok(told.keys.swap_remove(place).1.into())
    }
}
