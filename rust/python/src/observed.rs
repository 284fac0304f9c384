//! A processed event, or a record of an execution, on its way to Python's listeners and event loggers: the step of `next` that
//! `runtime/observers.py` takes.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// What is told.
pub(crate) struct Told<'py> {
    /// To the logger; else to the listeners.
    pub(crate) logged: bool,
    /// When, in microseconds since 1970.
    pub(crate) micros: u64,
    /// A UUID, or its bits.
    pub(crate) event: Bound<'py, PyAny>,
    pub(crate) kind: Bound<'py, PyString>,
    pub(crate) attributes: Bound<'py, PyAny>,
    pub(crate) upstream: Option<Bound<'py, PyAny>>,
    pub(crate) action: Option<Bound<'py, PyString>>,
    /// Its place in the execution trace, if there is one.
    pub(crate) trace: Option<Bound<'py, PyAny>>,
}

impl<'py> Told<'py> {
    /// A dictionary: no other step is one.
    pub(crate) fn into_step(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let step = PyDict::new(py);
        step.set_item("logged", self.logged)?;
        step.set_item("micros", self.micros)?;
        step.set_item("event_id", self.event)?;
        step.set_item("event_type", self.kind)?;
        step.set_item("attributes", self.attributes)?;
        step.set_item("upstream_id", self.upstream)?;
        step.set_item("upstream_action", self.action)?;
        step.set_item("trace", self.trace)?;
        Ok(step.into_any())
    }
}
