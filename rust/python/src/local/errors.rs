//! What the core refuses, as Python's exceptions.

use flink_agents_core::memory::{MemoryError, Space};
use flink_agents_core::run::{AccessError, InputError, TaskError};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

pub(crate) fn space(number: u8) -> PyResult<Space> {
    match number {
        0 => Ok(Space::Sensory),
        1 => Ok(Space::ShortTerm),
        _ => Err(PyValueError::new_err(format!(
            "{number} is no memory: 0 is sensory, 1 is short-term"
        ))),
    }
}

pub(super) fn from_task(error: TaskError) -> PyErr {
    match error {
        TaskError::OwnTrigger(..) => PyValueError::new_err(error.to_string()),
        _ => PyRuntimeError::new_err(error.to_string()),
    }
}

pub(super) fn from_access(error: AccessError) -> PyErr {
    match error {
        AccessError::Task(error) => from_task(error),
        AccessError::Memory(error) => from_memory(&error),
    }
}

/// The message without what only Java's methods take.
pub(crate) fn from_memory(error: &MemoryError) -> PyErr {
    PyValueError::new_err(match error {
        MemoryError::ValueInTheWay(path) => {
            format!("Cannot create object {path:?}: a value is stored there; use another name")
        }
        other => other.to_string(),
    })
}

pub(super) fn from_input(error: InputError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
