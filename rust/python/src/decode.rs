//! Plain data, format version 1, to Python values.

use crate::encode::tag;
use flink_agents_core::value::{self, MAX_DEPTH, Value, ValueError, to_plain_json};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};

/// Reads the one value that `bytes` holds, as fresh objects.
pub(crate) fn read<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    read_all(py, bytes, true)
}

/// Reads a value as JSON would hold it: rows stay dicts.
pub(crate) fn read_plain<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    read_all(py, bytes, false)
}

fn read_all<'py>(py: Python<'py>, bytes: &[u8], rows: bool) -> PyResult<Bound<'py, PyAny>> {
    let mut reader = Reader { bytes, at: 0, rows };
    let value = reader.value(py, 0)?;
    match bytes.len() - reader.at {
        0 => Ok(value),
        count => Err(malformed(&ValueError::TrailingBytes {
            offset: reader.at,
            count,
        })),
    }
}

fn malformed(error: &ValueError) -> PyErr {
    PyValueError::new_err(format!("the bytes of a value cannot be read: {error}"))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether what stands for a row is made one.
    rows: bool,
}

impl<'a> Reader<'a> {
    fn value<'py>(&mut self, py: Python<'py>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let offset = self.at;
        if depth > MAX_DEPTH {
            return Err(malformed(&ValueError::TooDeep { offset }));
        }
        let [found] = self.array("tag")?;
        Ok(match found {
            tag::TEXT => PyString::new(py, self.text()?).into_any(),
            tag::NULL => py.None().into_bound(py),
            tag::I32 => i32::from_le_bytes(self.array("integer")?).into_pyobject(py)?.into_any(),
            tag::I64 => i64::from_le_bytes(self.array("integer")?).into_pyobject(py)?.into_any(),
            tag::F64 => PyFloat::new(py, f64::from_le_bytes(self.array("float")?)).into_any(),
            tag::FALSE => PyBool::new(py, false).to_owned().into_any(),
            tag::TRUE => PyBool::new(py, true).to_owned().into_any(),
            tag::MAP => self.map(py, depth)?,
            tag::LIST => {
                let count = self.count("list", 1)?;
                let list = PyList::empty(py);
                for _ in 0..count {
                    list.append(self.value(py, depth + 1)?)?;
                }
                list.into_any()
            }
            tag::I8 => i8::from_le_bytes(self.array("integer")?).into_pyobject(py)?.into_any(),
            tag::I16 => i16::from_le_bytes(self.array("integer")?).into_pyobject(py)?.into_any(),
            tag::BYTES => PyBytes::new(py, self.span("bytes")?).into_any(),
            _ => {
                // Forms of other hosts are rare: by way of the core's own reader.
                let (value, length) = value::decode_prefix(&self.bytes[offset..]).map_err(|e| malformed(&e))?;
                self.at = offset + length;
                from_value(py, &value)?
            }
        })
    }

    fn map<'py>(&mut self, py: Python<'py>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let count = self.count("map", 2)?;
        let dict = PyDict::new(py);
        let mut typed = false;
        for _ in 0..count {
            let name = self.text()?;
            typed |= name == "type";
            dict.set_item(PyString::new(py, name), self.value(py, depth + 1)?)?;
        }
        if typed && count <= 3 && self.rows {
            row(dict)
        } else {
            Ok(dict.into_any())
        }
    }

    fn take(&mut self, length: usize, what: &'static str) -> PyResult<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        match rest.get(..length) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(malformed(&ValueError::Truncated {
                offset: self.at,
                what,
                needed: length as u64,
                left: rest.len(),
            })),
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> PyResult<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn length(&mut self) -> PyResult<usize> {
        let offset = self.at;
        let mut length = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array("length")?;
            let part = u32::from(byte & 0x7f);
            if (shift == 28 && part > 0xf) || (shift > 0 && byte == 0) {
                break;
            }
            length |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(length as usize);
            }
        }
        Err(malformed(&ValueError::BadLength { offset }))
    }

    fn count(&mut self, what: &'static str, least: usize) -> PyResult<usize> {
        let count = self.length()?;
        let left = self.bytes.len() - self.at;
        if count > left / least {
            return Err(malformed(&ValueError::Truncated {
                offset: self.at,
                what,
                needed: count as u64 * least as u64,
                left,
            }));
        }
        Ok(count)
    }

    fn span(&mut self, what: &'static str) -> PyResult<&'a [u8]> {
        let length = self.length()?;
        self.take(length, what)
    }

    fn text(&mut self) -> PyResult<&'a str> {
        let bytes = self.span("text")?;
        std::str::from_utf8(bytes).map_err(|error| {
            malformed(&ValueError::InvalidUtf8 {
                offset: self.at - bytes.len() + error.valid_up_to(),
            })
        })
    }
}

/// A value in a form that Python hosts do not write: containers of Java, times, decimals, texts with lone surrogates.
fn from_value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::List(items) | Value::Set(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(from_value(py, item)?)?;
            }
            list.into_any()
        }
        Value::Map(entries) => {
            let dict = PyDict::new(py);
            for (name, item) in entries {
                dict.set_item(name, from_value(py, item)?)?;
            }
            row(dict)?
        }
        Value::Table(entries) => table(py, entries)?,
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::I8(number) => number.into_pyobject(py)?.into_any(),
        Value::I16(number) => number.into_pyobject(py)?.into_any(),
        Value::I32(number) => number.into_pyobject(py)?.into_any(),
        Value::I64(number) => number.into_pyobject(py)?.into_any(),
        Value::F64(number) => PyFloat::new(py, *number).into_any(),
        // By way of its shortest text: 0.1f32 is to be seen as 0.1, as in the plain view of the core.
        Value::F32(number) => PyFloat::new(py, number.to_string().parse().unwrap_or(f64::from(*number))).into_any(),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Wtf16(units) => {
            let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            PyBytes::new(py, &bytes).call_method1("decode", ("utf-16-le", "surrogatepass"))?
        }
        Value::BigInt(bytes) => {
            let signed = PyDict::new(py);
            signed.set_item("signed", true)?;
            py.get_type::<PyInt>()
                .call_method("from_bytes", (PyBytes::new(py, bytes), "big"), Some(&signed))?
        }
        Value::Opaque { tag, .. } => {
            return Err(PyValueError::new_err(format!(
                "a value that only the host which wrote it can open (tag {tag}), such as an object of a Java class; send \
                 plain data to Python actions"
            )));
        }
        // All others are text in plain JSON.
        _ => match to_plain_json(value) {
            serde_json::Value::String(text) => PyString::new(py, &text).into_any(),
            json => PyString::new(py, &json.to_string()).into_any(),
        },
    })
}

/// Keys that have distinct texts become keys of a dict, others a list of pairs, as in the plain view of the core.
fn table<'py>(py: Python<'py>, entries: &[(Value, Value)]) -> PyResult<Bound<'py, PyAny>> {
    let keys = entries.iter().map(|(key, _)| (key.clone(), Value::Null)).collect();
    if let serde_json::Value::Object(names) = to_plain_json(&Value::Table(keys))
        && names.len() == entries.len()
    {
        let dict = PyDict::new(py);
        for (name, (_, item)) in names.keys().zip(entries) {
            dict.set_item(name, from_value(py, item)?)?;
        }
        return Ok(dict.into_any());
    }
    let list = PyList::empty(py);
    for (key, item) in entries {
        let pair = PyDict::new(py);
        pair.set_item("key", from_value(py, key)?)?;
        pair.set_item("value", from_value(py, item)?)?;
        list.append(pair)?;
    }
    Ok(list.into_any())
}

/// `{"type": "Row", "values": […]}`, with as many names in `"fields"` or without, is PyFlink's Row, if PyFlink is there.
/// What only looks like one stays a dict: it was nobody's row.
fn row(dict: Bound<'_, PyDict>) -> PyResult<Bound<'_, PyAny>> {
    static ROW: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    let py = dict.py();
    let is_row =
        matches!(dict.get_item("type")?, Some(name) if name.cast::<PyString>().is_ok_and(|name| name == "Row"));
    let values = dict.get_item("values")?;
    let fields = dict.get_item("fields")?;
    let Some(values) = values.filter(|_| is_row && dict.len() == 2 + usize::from(fields.is_some())) else {
        return Ok(dict.into_any());
    };
    let Ok(values) = values.cast::<PyList>() else {
        return Ok(dict.into_any());
    };
    let fields = fields.filter(|fields| !fields.is_none());
    if let Some(fields) = &fields
        && !fields.cast::<PyList>().is_ok_and(|fields| {
            fields.len() == values.len() && fields.iter().all(|name| name.is_instance_of::<PyString>())
        })
    {
        return Ok(dict.into_any());
    }
    let class = ROW.get_or_init(py, || {
        let class = py.import("pyflink.common").and_then(|module| module.getattr("Row"));
        class.ok().map(Bound::unbind)
    });
    let Some(class) = class else {
        return Ok(dict.into_any());
    };
    let row = class.bind(py).call1(values.to_tuple())?;
    if let Some(fields) = fields {
        row.call_method1("set_field_names", (fields,))?;
    }
    Ok(row)
}
