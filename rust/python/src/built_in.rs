//! The built-in actions: decided in the core, carried out by Python's host of actions.

use flink_agents_core::builtin::{self, BuiltInError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A built-in action at work.
#[pyclass(module = "flink_agents._core")]
pub(crate) struct BuiltIn {
    machine: builtin::BuiltIn,
}

fn wrong(error: BuiltInError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pymethods]
impl BuiltIn {
    /// Begins one; its first commands, JSON.
    #[staticmethod]
    fn begin(start: &str) -> PyResult<(BuiltIn, String)> {
        let (machine, commands) = builtin::BuiltIn::begin(start).map_err(wrong)?;
        Ok((BuiltIn { machine }, commands))
    }

    /// Takes the answer to the last command; the next ones.
    fn answer(&mut self, answer: &str) -> PyResult<String> {
        self.machine.answer(answer).map_err(wrong)
    }
}
