//! The functions that turn Python values into plain data and back.

use crate::decode::{read, read_plain};
use crate::encode::{Rules, write};
use flink_agents_core::value::{self, Value, to_plain_json};
use flink_agents_runtime::worker::frames::MAX_FRAME;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::Value as Json;

/// Most bytes of a value. It has to fit into a frame with all that goes along, also where there are no frames: an agent is to
/// behave alike everywhere.
const MOST: usize = MAX_FRAME - (1 << 20);

/// `value` under the rules of events, or the exception that names where in `path` it cannot be.
pub(crate) fn encoded(value: &Bound<'_, PyAny>, rules: Rules, path: &str, out: &mut Vec<u8>) -> PyResult<()> {
    write(value, rules, out).map_err(|refusal| refusal.into_py(value.py(), path))?;
    if out.len() > MOST {
        return Err(PyValueError::new_err(format!(
            "{path}: it has {} bytes as plain data, and {MOST} are the most for an event or a value of memory. Keep what is large \
             elsewhere, and put only where that is here",
            out.len()
        )));
    }
    Ok(())
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

/// The same as JSON text. What JSON has no word for is told by the rule of the core's plain view: NaN and infinities are
/// texts, halves of surrogate pairs U+FFFD.
#[pyfunction]
pub(crate) fn to_json(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut out = Vec::with_capacity(128);
    encoded(value, Rules::Event, "value", &mut out)?;
    let value = value::decode(&out).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(json_of(&value).to_string())
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, item)| (key.clone(), json_of(item)));
            entries.collect()
        }
        // A number as long as it is one to JSON's readers.
        Value::BigInt(_) => match to_plain_json(value) {
            Json::String(digits) => digits.parse().map_or(Json::String(digits), Json::Number),
            number => number,
        },
        _ => to_plain_json(value),
    }
}

/// Refuses what memory cannot hold.
#[pyfunction]
pub(crate) fn check_memory_value(path: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    encoded(value, Rules::Memory, path, &mut Vec::with_capacity(64))
}
