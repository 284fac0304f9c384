//! Python values to plain data, format version 1.

use crate::refusal::{Kind, Refusal, Step, type_name};
use flink_agents_core::value::MAX_DEPTH;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyCFunction, PyDict, PyFloat, PyInt, PyIterator, PyList, PyString, PyTuple,
};

pub(crate) mod tag {
    pub(crate) const NULL: u8 = 0;
    pub(crate) const FALSE: u8 = 1;
    pub(crate) const TRUE: u8 = 2;
    pub(crate) const I8: u8 = 3;
    pub(crate) const I16: u8 = 4;
    pub(crate) const I32: u8 = 5;
    pub(crate) const I64: u8 = 6;
    pub(crate) const F64: u8 = 8;
    pub(crate) const TEXT: u8 = 9;
    pub(crate) const BYTES: u8 = 10;
    pub(crate) const LIST: u8 = 11;
    pub(crate) const MAP: u8 = 12;
    pub(crate) const BIG_INT: u8 = 14;
    pub(crate) const WTF16: u8 = 24;
}

/// What may be written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rules {
    /// Events, inputs and outputs: what JSON can hold, and what has a JSON form.
    Event,
    /// Memory: values that come back as they are.
    Memory,
}

type Written = Result<(), Box<Refusal>>;

/// Appends `value` to `out`, which holds a part of the value after an error.
pub(crate) fn write(value: &Bound<'_, PyAny>, rules: Rules, out: &mut Vec<u8>) -> Written {
    any(value, rules, out, 0)
}

/// Starts a map of `count` entries.
pub(crate) fn map_header(count: usize, out: &mut Vec<u8>) -> Written {
    out.push(tag::MAP);
    length(count, out)
}

/// A key of a map.
pub(crate) fn key(text: &str, out: &mut Vec<u8>) -> Written {
    length(text.len(), out)?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// A text.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) -> Written {
    out.push(tag::TEXT);
    key(text, out)
}

fn any(value: &Bound<'_, PyAny>, rules: Rules, out: &mut Vec<u8>, depth: usize) -> Written {
    if depth > MAX_DEPTH {
        return Err(Refusal::new(
            Kind::Depth,
            format!("values nest deeper than {MAX_DEPTH} levels; flatten the value"),
        ));
    }
    if let Ok(text) = value.cast_exact::<PyString>() {
        write_text(text, out)
    } else if value.is_none() {
        out.push(tag::NULL);
        Ok(())
    } else if let Ok(number) = value.cast_exact::<PyInt>() {
        write_int(number, out)
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        write_dict(dict, rules, out, depth)
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        write_list(list, rules, out, depth)
    } else if let Ok(flag) = value.cast_exact::<PyBool>() {
        out.push(if flag.is_true() { tag::TRUE } else { tag::FALSE });
        Ok(())
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        write_float(number.value(), out);
        Ok(())
    } else {
        other(value, rules, out, depth)
    }
}

/// Subclasses of the plain types, and types that have a plain form. Apart from [`any`], so that its frame stays small.
#[inline(never)]
fn other(value: &Bound<'_, PyAny>, rules: Rules, out: &mut Vec<u8>, depth: usize) -> Written {
    if let Ok(text) = value.cast::<PyString>() {
        write_text(text, out)
    } else if let Ok(number) = value.cast::<PyInt>() {
        write_int(number, out)
    } else if let Ok(number) = value.cast::<PyFloat>() {
        write_float(number.value(), out);
        Ok(())
    } else if let Ok(dict) = value.cast::<PyDict>() {
        write_dict(dict, rules, out, depth)
    } else if let Ok(list) = value.cast::<PyList>() {
        write_list(list, rules, out, depth)
    } else if rules == Rules::Memory {
        match value.cast::<PyBytes>() {
            Ok(bytes) => {
                out.push(tag::BYTES);
                span(bytes.as_bytes(), out)
            }
            Err(_) => Err(Refusal::new(
                Kind::Type,
                format!(
                    "memory cannot hold a value of type '{}'; it takes None, bool, int, float, str, bytes, list and dict \
                     with str keys, such as model_dump() or list(...) make{}",
                    type_name(value),
                    plain_hint(value)
                ),
            )),
        }
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        header(tag::LIST, tuple.len(), out)?;
        for (index, item) in tuple.iter().enumerate() {
            any(&item, rules, out, depth + 1).map_err(|e| e.below(value, Step::Index(index)))?;
        }
        Ok(())
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        bytes_as_text(bytes.as_bytes(), out)
    } else if let Ok(bytes) = value.cast::<PyByteArray>() {
        bytes_as_text(&bytes.to_vec(), out)
    } else if value.cast::<PyIterator>().is_ok() {
        // The check of an event would use it up, and nothing be left to send.
        Err(Refusal::new(
            Kind::Type,
            format!(
                "a value of type '{}' can be read only once; send a list made of it, by list(…)",
                type_name(value)
            ),
        ))
    } else if is_row(value) {
        any(&row(value).map_err(|e| failed(value, e))?, rules, out, depth)
    } else {
        let plain = jsonable(value).map_err(|e| failed(value, e))?;
        if plain.get_type().is(value.get_type()) {
            return Err(unknown(value));
        }
        any(&plain, rules, out, depth)
    }
}

/// What makes plain values of those of numpy and its like, which look like numbers and lists.
pub(crate) fn plain_hint(value: &Bound<'_, PyAny>) -> &'static str {
    match value.hasattr("tolist") {
        Ok(true) => "; its method tolist() makes a plain value of it",
        _ => "",
    }
}

fn unknown(value: &Bound<'_, PyAny>) -> Box<Refusal> {
    Refusal::new(
        Kind::Type,
        format!(
            "a value of type '{}' is not JSON-able; send None, bool, int, float, str, list, dict, a pydantic model, a \
             dataclass, an enum or a date, and keep anything else in a resource{}",
            type_name(value),
            plain_hint(value)
        ),
    )
}

fn failed(value: &Bound<'_, PyAny>, error: PyErr) -> Box<Refusal> {
    let refusal = if type_name(value).is_empty() || is_opaque(value) {
        unknown(value)
    } else {
        let text = error.value(value.py()).str().map_or_else(
            |_| "its serializer failed".to_owned(),
            |text| text.to_string_lossy().into_owned(),
        );
        Refusal::new(
            Kind::Type,
            format!("a value of type '{}' is not JSON-able: {text}", type_name(value)),
        )
    };
    refusal.because(error)
}

/// Values of which the type alone tells that nothing can be made of them.
fn is_opaque(value: &Bound<'_, PyAny>) -> bool {
    let serializer = value.hasattr("__pydantic_serializer__").unwrap_or(false);
    let dataclass = value.hasattr("__dataclass_fields__").unwrap_or(false);
    !serializer && !dataclass
}

fn write_text(text: &Bound<'_, PyString>, out: &mut Vec<u8>) -> Written {
    match text.to_str() {
        Ok(text) => {
            out.push(tag::TEXT);
            span(text.as_bytes(), out)
        }
        // Half a surrogate pair: Java's strings can hold it, UTF-8 cannot.
        Err(_) => {
            let units = text
                .call_method1("encode", ("utf-16-le", "surrogatepass"))
                .and_then(|bytes| Ok(bytes.cast_into::<PyBytes>()?))
                .map_err(|e| failed(text, e))?;
            let units = units.as_bytes();
            header(tag::WTF16, units.len() / 2, out)?;
            out.extend_from_slice(units);
            Ok(())
        }
    }
}

/// As Jackson reads JSON: 32 bits if they suffice, else 64, else any size.
fn write_int(number: &Bound<'_, PyInt>, out: &mut Vec<u8>) -> Written {
    match number.extract::<i64>() {
        Ok(number) => {
            match i32::try_from(number) {
                Ok(small) => {
                    out.push(tag::I32);
                    out.extend_from_slice(&small.to_le_bytes());
                }
                Err(_) => {
                    out.push(tag::I64);
                    out.extend_from_slice(&number.to_le_bytes());
                }
            }
            Ok(())
        }
        Err(_) => {
            let bytes = big_int_bytes(number).map_err(|e| failed(number, e))?;
            out.push(tag::BIG_INT);
            span(bytes.as_bytes(), out)
        }
    }
}

fn big_int_bytes<'py>(number: &Bound<'py, PyInt>) -> PyResult<Bound<'py, PyBytes>> {
    let bits: usize = number.call_method0("bit_length")?.extract()?;
    let signed = PyDict::new(number.py());
    signed.set_item("signed", true)?;
    Ok(number
        .call_method("to_bytes", (bits / 8 + 1, "big"), Some(&signed))?
        .cast_into::<PyBytes>()?)
}

fn write_float(number: f64, out: &mut Vec<u8>) {
    out.push(tag::F64);
    out.extend_from_slice(&number.to_le_bytes());
}

fn write_list(list: &Bound<'_, PyList>, rules: Rules, out: &mut Vec<u8>, depth: usize) -> Written {
    let count = list.len();
    header(tag::LIST, count, out)?;
    for index in 0..count {
        // By index: the serializer of an item may change the list.
        let Ok(item) = list.get_item(index) else {
            return Err(Refusal::new(
                Kind::Value,
                "the list was changed while it was read; the serializer of a value in it, or another thread, must not do so",
            ));
        };
        any(&item, rules, out, depth + 1).map_err(|e| e.below(list, Step::Index(index)))?;
    }
    Ok(())
}

type Entry<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The entries of a dictionary that serializers of the user may change meanwhile: the iterator itself would panic.
fn entries<'py>(dict: &Bound<'py, PyDict>) -> impl Iterator<Item = Result<Entry<'py>, Box<Refusal>>> {
    let (count, dict) = (dict.len(), dict.clone());
    let mut left = dict.iter();
    (0..count).map(move |_| {
        if dict.len() == count
            && let Some(entry) = left.next()
        {
            return Ok(entry);
        }
        Err(Refusal::new(
            Kind::Value,
            "the dict was changed while it was read; the serializer of a value in it, or another thread, must not do so",
        ))
    })
}

fn write_dict(dict: &Bound<'_, PyDict>, rules: Rules, out: &mut Vec<u8>, depth: usize) -> Written {
    let start = out.len();
    map_header(dict.len(), out)?;
    for entry in entries(dict) {
        let (name, item) = entry?;
        let Ok(name) = name.cast::<PyString>() else {
            out.truncate(start);
            return write_dict(&text_keys(dict, rules)?, rules, out, depth);
        };
        let Ok(text) = name.to_str() else {
            return Err(Refusal::new(
                Kind::Value,
                format!("the key {name:?} is not valid Unicode text; use keys without lone surrogates"),
            ));
        };
        key(text, out)?;
        any(&item, rules, out, depth + 1).map_err(|e| e.below(dict, Step::Key(text.to_owned())))?;
    }
    Ok(())
}

/// The dictionary with keys as JSON would have them. Keys that fall together are an error, not a loss.
#[inline(never)]
fn text_keys<'py>(dict: &Bound<'py, PyDict>, rules: Rules) -> Result<Bound<'py, PyDict>, Box<Refusal>> {
    let py = dict.py();
    let plain = PyDict::new(py);
    for entry in entries(dict) {
        let (name, item) = entry?;
        let text = match name.cast::<PyString>() {
            Ok(text) => text.clone(),
            Err(_) if rules == Rules::Memory => {
                return Err(Refusal::new(
                    Kind::Type,
                    format!(
                        "memory takes dicts with str keys only; the key {} is of type '{}'",
                        shown(&name),
                        type_name(&name)
                    ),
                ));
            }
            Err(_) => key_as_text(&name).map_err(|e| {
                Refusal::new(
                    Kind::Type,
                    format!(
                        "the key {} of type '{}' has no text form; use str keys",
                        shown(&name),
                        type_name(&name)
                    ),
                )
                .because(e)
            })?,
        };
        if plain.contains(&text).unwrap_or(false) {
            return Err(Refusal::new(
                Kind::Value,
                format!(
                    "two keys become the same text {:?}; use str keys",
                    text.to_string_lossy()
                ),
            ));
        }
        plain.set_item(text, item).map_err(|e| failed(dict, e))?;
    }
    Ok(plain)
}

fn key_as_text<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let one = PyDict::new(name.py());
    one.set_item(name, name.py().None())?;
    let plain = jsonable(one.as_any())?.cast_into::<PyDict>()?;
    let text = plain.keys().get_item(0)?;
    Ok(text.cast_into::<PyString>()?)
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(
        |_| "?".to_owned(),
        |text| text.to_string_lossy().chars().take(80).collect(),
    )
}

fn bytes_as_text(bytes: &[u8], out: &mut Vec<u8>) -> Written {
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(Refusal::new(
            Kind::Value,
            format!(
                "bytes that are not UTF-8 (byte {}); send text, for example base64.b64encode(data).decode()",
                error.valid_up_to()
            ),
        ));
    }
    out.push(tag::TEXT);
    span(bytes, out)
}

/// PyFlink is looked for by name: it is not to be imported for this.
fn is_row(value: &Bound<'_, PyAny>) -> bool {
    let class = value.get_type();
    class.name().is_ok_and(|name| name == "Row")
        && class
            .module()
            .is_ok_and(|module| module.to_string_lossy().starts_with("pyflink."))
}

fn row<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let plain = PyDict::new(py);
    plain.set_item("type", "Row")?;
    let values = PyList::empty(py);
    for item in value.try_iter()? {
        values.append(item?)?;
    }
    plain.set_item("values", values)?;
    if let Some(fields) = value.getattr_opt("_fields")?
        && !fields.is_none()
    {
        plain.set_item("fields", fields.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
    }
    Ok(plain.into_any())
}

/// As pydantic makes it: models, dataclasses, enums, dates, UUIDs, decimals, sets, …
fn jsonable<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static FUNCTION: PyOnceLock<(Py<PyAny>, Py<PyDict>)> = PyOnceLock::new();
    let py = value.py();
    let (function, options) = FUNCTION.get_or_try_init(py, || {
        let function = py.import("pydantic_core")?.getattr("to_jsonable_python")?;
        let fallback = PyCFunction::new_closure(py, None, None, |args, _| -> PyResult<Py<PyAny>> {
            let value = args.get_item(0)?;
            if is_row(&value) {
                return Ok(row(&value)?.unbind());
            }
            Err(pyo3::exceptions::PyTypeError::new_err(format!(
                "it holds a value of type '{}'",
                type_name(&value)
            )))
        })?;
        let options = PyDict::new(py);
        options.set_item("fallback", fallback)?;
        PyResult::Ok((function.unbind(), options.unbind()))
    })?;
    function.bind(py).call((value,), Some(options.bind(py)))
}

fn header(tag: u8, count: usize, out: &mut Vec<u8>) -> Written {
    out.push(tag);
    length(count, out)
}

fn span(bytes: &[u8], out: &mut Vec<u8>) -> Written {
    length(bytes.len(), out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn length(length: usize, out: &mut Vec<u8>) -> Written {
    let Ok(mut rest) = u32::try_from(length) else {
        return Err(Refusal::new(
            Kind::Value,
            format!(
                "a value of {length} elements cannot be stored: at most {} are possible",
                u32::MAX
            ),
        ));
    };
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    Ok(())
}
