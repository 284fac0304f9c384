//! Keys as text: a letter for the type, so that `1`, `"1"`, `1.0`, `True` and `b"1"` never meet.

use crate::encode::plain_hint;
use crate::refusal::type_name;
use flink_agents_runtime::event_log::Keys;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::Value as Json;
use std::fmt::Write;

/// Keys nest no deeper than this; a deeper one is a mistake.
const MAX_DEPTH: usize = 20;

/// Appends the text of a key.
pub(crate) fn write_key(key: &Bound<'_, PyAny>, out: &mut String) -> PyResult<()> {
    write(key, out, 0)
}

fn write(key: &Bound<'_, PyAny>, out: &mut String, depth: usize) -> PyResult<()> {
    if let Ok(text) = key.cast::<PyString>() {
        out.push_str("s:");
        out.push_str(text.to_str().map_err(|_| {
            PyValueError::new_err(format!(
                "the key {text:?} is not valid Unicode text: a key must not have lone surrogates"
            ))
        })?);
    } else if let Ok(flag) = key.cast::<PyBool>() {
        out.push_str(if flag.is_true() { "t:true" } else { "t:false" });
    } else if let Ok(number) = key.cast::<PyInt>() {
        match number.extract::<i64>() {
            Ok(number) => _ = write!(out, "i:{number}"),
            // Not str(): the class may have one of its own.
            Err(_) => {
                let text = key.py().get_type::<PyInt>().call_method1("__repr__", (number,))?;
                out.push_str("i:");
                out.push_str(text.cast::<PyString>()?.to_str()?);
            }
        }
    } else if let Ok(number) = key.cast::<PyFloat>() {
        let number = number.value();
        if number.is_nan() {
            return Err(PyValueError::new_err(
                "NaN cannot be a key: it is not equal to itself; use None or a text instead",
            ));
        }
        // 0.0 and -0.0 are equal, so they are one key.
        let shown = PyFloat::new(key.py(), if number == 0.0 { 0.0 } else { number }).repr()?;
        out.push_str("f:");
        out.push_str(shown.to_str()?);
    } else if key.is_none() {
        out.push_str("n:");
    } else if let Ok(bytes) = key.cast::<PyBytes>() {
        let options = PyDict::new(key.py());
        options.set_item("newline", false)?;
        let text = key
            .py()
            .import("binascii")?
            .call_method("b2a_base64", (bytes,), Some(&options))?;
        out.push_str("b:");
        out.push_str(text.call_method1("decode", ("ascii",))?.cast::<PyString>()?.to_str()?);
    } else if key.is_instance_of::<PyTuple>() || key.is_instance_of::<PyList>() {
        if depth >= MAX_DEPTH {
            return Err(PyValueError::new_err(format!(
                "a key nests deeper than {MAX_DEPTH} levels"
            )));
        }
        let mut items = Vec::new();
        for item in key.try_iter()? {
            let mut text = String::new();
            write(&item?, &mut text, depth + 1)?;
            items.push(Json::String(text));
        }
        _ = write!(out, "l:{}", Json::Array(items));
    } else {
        return Err(PyTypeError::new_err(format!(
            "a value of type '{}' cannot be a key; use str, int, float, bool, bytes, None or a tuple of these, for example \
             str(key){}",
            type_name(key),
            plain_hint(key)
        )));
    }
    Ok(())
}

/// The text of a key.
#[pyfunction]
pub(crate) fn key_text(key: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut text = String::new();
    write_key(key, &mut text)?;
    Ok(text)
}

/// The key of a text; lists come back as tuples, which can be keys of a dict.
#[pyfunction]
pub(crate) fn key_of<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let wrong = || PyValueError::new_err(format!("{text:?} is not the text of a key"));
    let (letter, rest) = text.split_once(':').ok_or_else(wrong)?;
    Ok(match letter {
        "s" => PyString::new(py, rest).into_any(),
        "i" => match rest.parse::<i64>() {
            Ok(number) => number.into_pyobject(py)?.into_any(),
            Err(_) => py.get_type::<PyInt>().call1((rest,))?,
        },
        "f" => py.get_type::<PyFloat>().call1((rest,))?,
        "t" => PyBool::new(py, rest == "true").to_owned().into_any(),
        "n" => py.None().into_bound(py),
        "b" => py.import("binascii")?.call_method1("a2b_base64", (rest,))?,
        "l" => {
            let items: Vec<String> = serde_json::from_str(rest).map_err(|_| wrong())?;
            let items = items
                .iter()
                .map(|item| key_of(py, item))
                .collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any()
        }
        _ => return Err(wrong()),
    })
}

/// A key as the log shows it, by a word of option `log.keys`; `None` if it does not.
#[pyfunction]
pub(crate) fn shown_key(text: &str, how: &str) -> Option<String> {
    // In front of the text stands a letter for its type.
    let plain = text.split_once(':').map_or(text, |(_, plain)| plain);
    Keys::of_word(how).show(plain)
}
