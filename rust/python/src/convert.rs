//! The functions that turn Python values into plain data and back.

use crate::decode::{read, read_plain};
use crate::encode::{Rules, write};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// `value` under the rules of events, or the exception that names where in `path` it cannot be.
pub(crate) fn encoded(value: &Bound<'_, PyAny>, rules: Rules, path: &str, out: &mut Vec<u8>) -> PyResult<()> {
    write(value, rules, out).map_err(|refusal| refusal.into_py(value.py(), path))
}

/// Plain data of a value, without version byte.
#[pyfunction]
#[pyo3(signature = (value, path = "value"))]
pub(crate) fn encode<'py>(value: &Bound<'py, PyAny>, path: &str) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::with_capacity(128);
    encoded(value, Rules::Event, path, &mut out)?;
    Ok(PyBytes::new(value.py(), &out))
}

/// The value that the bytes hold, as fresh objects.
#[pyfunction]
pub(crate) fn decode<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    read(py, data)
}

/// Refuses what cannot be sent in an event.
#[pyfunction]
#[pyo3(signature = (value, path = "value"))]
pub(crate) fn check_plain(value: &Bound<'_, PyAny>, path: &str) -> PyResult<()> {
    encoded(value, Rules::Event, path, &mut Vec::with_capacity(128))
}

/// What the receiver of an event sees, as JSON would hold it: rows are dicts.
#[pyfunction]
#[pyo3(signature = (value, path = "value"))]
pub(crate) fn to_plain<'py>(value: &Bound<'py, PyAny>, path: &str) -> PyResult<Bound<'py, PyAny>> {
    let mut out = Vec::with_capacity(128);
    encoded(value, Rules::Event, path, &mut out)?;
    read_plain(value.py(), &out)
}

/// Refuses what memory cannot hold.
#[pyfunction]
pub(crate) fn check_memory_value(path: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    encoded(value, Rules::Memory, path, &mut Vec::with_capacity(64))
}
