//! Values as expressions see them: the event's own values are borrowed and converted where they are touched.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::error::EvalError;
use super::event_type::{EVENT_TYPES, event_type};
use crate::value::{Value, to_plain_json};

/// A value during evaluation. Integers of an event are 64 bits wide here, floats are doubles, and whatever CEL has no
/// type for is text, as in plain JSON.
#[derive(Debug, Clone)]
pub(super) enum Cel<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    Timestamp(i128),
    /// Nanoseconds.
    Duration(i128),
    /// A type, by its name.
    Type(&'static str),
    List(List<'a>),
    Map(Map<'a>),
}

/// A list of the event or one made by the expression.
#[derive(Debug, Clone)]
pub(super) enum List<'a> {
    Host(&'a [Value]),
    Own(Arc<Vec<Cel<'a>>>),
}

/// A map of the event, the constants, or one made by the expression.
#[derive(Debug, Clone)]
pub(super) enum Map<'a> {
    Text(&'a [(String, Value)]),
    Table(&'a [(Value, Value)]),
    EventTypes,
    Own(Arc<Vec<(Cel<'a>, Cel<'a>)>>),
}

impl<'a> Cel<'a> {
    /// Normalises a value of the event; containers stay as they are until something reads their items.
    pub fn of(value: &'a Value) -> Result<Cel<'a>, EvalError> {
        Ok(match value {
            Value::Null => Cel::Null,
            Value::Bool(v) => Cel::Bool(*v),
            Value::I8(v) => Cel::Int((*v).into()),
            Value::I16(v) => Cel::Int((*v).into()),
            Value::I32(v) => Cel::Int((*v).into()),
            Value::I64(v) => Cel::Int(*v),
            // By way of the text: 0.1f is to be equal to 0.1.
            Value::F32(v) => Cel::Double(v.to_string().parse().unwrap_or(f64::from(*v))),
            Value::F64(v) => Cel::Double(*v),
            Value::Char(unit) => Cel::Text(String::from_utf16_lossy(&[*unit]).into()),
            Value::Text(v) => Cel::Text(Cow::Borrowed(v)),
            Value::Wtf16(units) => Cel::Text(String::from_utf16_lossy(units).into()),
            Value::Bytes(v) => Cel::Bytes(Cow::Borrowed(v)),
            Value::BigInt(bytes) => big_int(bytes)?,
            Value::BigDecimal { .. } => Cel::Double(as_double(value)?),
            Value::List(items) | Value::Set(items) => Cel::List(List::Host(items)),
            Value::Map(entries) => Cel::Map(Map::Text(entries)),
            Value::Table(entries) => Cel::Map(Map::Table(entries)),
            Value::Uuid(_)
            | Value::Instant { .. }
            | Value::Date(_)
            | Value::Time(_)
            | Value::DateTime { .. }
            | Value::OffsetDateTime { .. }
            | Value::ZonedDateTime { .. }
            | Value::Duration { .. } => Cel::Text(plain_text(value).into()),
            Value::Opaque { tag, .. } => {
                return Err(EvalError::Unreadable(format!(
                    "a value of the host's own kind (tag {tag}) cannot be seen by conditions"
                )));
            }
        })
    }

    /// The same value, borrowing its text.
    pub fn borrowed<'b>(&'b self) -> Cel<'b>
    where
        'a: 'b,
    {
        match self {
            Cel::Text(text) => Cel::Text(Cow::Borrowed(text)),
            Cel::Bytes(bytes) => Cel::Bytes(Cow::Borrowed(bytes)),
            other => other.clone(),
        }
    }

    /// Name of the type, as `type()` gives it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Cel::Null => "null_type",
            Cel::Bool(_) => "bool",
            Cel::Int(_) => "int",
            Cel::Uint(_) => "uint",
            Cel::Double(_) => "double",
            Cel::Text(_) => "string",
            Cel::Bytes(_) => "bytes",
            Cel::Timestamp(_) => "google.protobuf.Timestamp",
            Cel::Duration(_) => "google.protobuf.Duration",
            Cel::Type(_) => "type",
            Cel::List(_) => "list",
            Cel::Map(_) => "map",
        }
    }

    /// `a.name`, or `None` if `a` is no map or has no such key.
    pub fn field(&self, name: &str) -> Result<Option<Cel<'a>>, EvalError> {
        match self {
            Cel::Map(map) => map.get(&Cel::Text(Cow::Borrowed(name))),
            _ => Ok(None),
        }
    }

    /// `a[index]`.
    pub fn index(&self, index: &Cel<'_>) -> Result<Cel<'a>, EvalError> {
        match (self, index) {
            (Cel::List(list), Cel::Int(_) | Cel::Uint(_) | Cel::Double(_)) => {
                let position = index.as_position();
                let item = position.map_or(Ok(None), |position| list.get(position))?;
                item.ok_or_else(|| EvalError::IndexOutOfBounds {
                    index: index.brief(),
                    size: list.len(),
                })
            }
            (Cel::Map(map), Cel::Bool(_) | Cel::Int(_) | Cel::Uint(_) | Cel::Double(_) | Cel::Text(_)) => {
                map.get(index)?.ok_or_else(|| EvalError::NoSuchKey(index.brief()))
            }
            _ => Err(no_overload("_[_]", &[self, index])),
        }
    }

    fn as_position(&self) -> Option<usize> {
        match self {
            Cel::Int(v) => usize::try_from(*v).ok(),
            Cel::Uint(v) => usize::try_from(*v).ok(),
            // 2^53: beyond it doubles skip integers.
            Cel::Double(v) if v.fract() == 0.0 && (0.0..9.0e15).contains(v) => Some(*v as usize),
            _ => None,
        }
    }

    /// For messages: scalars as they are, texts cut.
    pub fn brief(&self) -> String {
        match self {
            Cel::Bool(v) => v.to_string(),
            Cel::Int(v) => v.to_string(),
            Cel::Uint(v) => v.to_string(),
            Cel::Double(v) => v.to_string(),
            Cel::Text(v) => format!("{:?}", v.chars().take(80).collect::<String>()),
            other => other.type_name().to_owned(),
        }
    }
}

impl<'a> List<'a> {
    pub fn len(&self) -> usize {
        match self {
            List::Host(items) => items.len(),
            List::Own(items) => items.len(),
        }
    }

    pub fn get(&self, index: usize) -> Result<Option<Cel<'a>>, EvalError> {
        match self {
            List::Host(items) => items.get(index).map(Cel::of).transpose(),
            List::Own(items) => Ok(items.get(index).cloned()),
        }
    }

    pub fn contains(&self, wanted: &Cel<'_>) -> Result<bool, EvalError> {
        match self {
            List::Host(items) => {
                for item in *items {
                    if equal(&Cel::of(item)?, wanted)? {
                        return Ok(true);
                    }
                }
            }
            List::Own(items) => {
                for item in items.iter() {
                    if equal(item, wanted)? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn equals(&self, other: &List<'_>) -> Result<bool, EvalError> {
        if self.len() != other.len() {
            return Ok(false);
        }
        for index in 0..self.len() {
            let (Some(a), Some(b)) = (self.get(index)?, other.get(index)?) else {
                return Ok(false);
            };
            if !equal(&a, &b)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<'a> Map<'a> {
    pub fn len(&self) -> usize {
        match self {
            Map::Text(entries) => entries.len(),
            Map::Table(entries) => entries.len(),
            Map::EventTypes => EVENT_TYPES.len(),
            Map::Own(entries) => entries.len(),
        }
    }

    /// The value under `key`; numbers are the same key whatever their type.
    pub fn get(&self, key: &Cel<'_>) -> Result<Option<Cel<'a>>, EvalError> {
        match (self, key) {
            (Map::Text(entries), Cel::Text(name)) => {
                let entry = entries.iter().find(|(key, _)| *key == **name);
                entry.map(|(_, value)| Cel::of(value)).transpose()
            }
            (Map::Table(entries), _) => {
                for (entry_key, value) in *entries {
                    if same_key(&Cel::of(entry_key)?, key) {
                        return Cel::of(value).map(Some);
                    }
                }
                Ok(None)
            }
            (Map::EventTypes, Cel::Text(name)) => Ok(event_type(name).map(|text| Cel::Text(text.into()))),
            (Map::Own(entries), _) => {
                let entry = entries.iter().find(|(entry_key, _)| same_key(entry_key, key));
                Ok(entry.map(|(_, value)| value.clone()))
            }
            _ => Ok(None),
        }
    }

    /// Entries in an order that depends on the keys only.
    fn sorted(&self) -> Result<Vec<(Cel<'a>, Cel<'a>)>, EvalError> {
        let mut entries = match self {
            Map::Text(entries) => entries
                .iter()
                .map(|(key, value)| Ok((Cel::Text(Cow::Borrowed(key)), Cel::of(value)?)))
                .collect::<Result<Vec<_>, EvalError>>()?,
            Map::Table(entries) => entries
                .iter()
                .map(|(key, value)| Ok((Cel::of(key)?, Cel::of(value)?)))
                .collect::<Result<Vec<_>, EvalError>>()?,
            Map::EventTypes => EVENT_TYPES
                .iter()
                .map(|(key, value)| (Cel::Text((*key).into()), Cel::Text((*value).into())))
                .collect(),
            Map::Own(entries) => entries.to_vec(),
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| key_kind(key).is_none()) {
            return Err(unsupported_key(key));
        }
        entries.sort_by(|(a, _), (b, _)| {
            let kinds = key_kind(a).cmp(&key_kind(b));
            kinds.then_with(|| compare(a, b).unwrap_or(Ordering::Equal))
        });
        Ok(entries)
    }

    /// By sorting: maps come from outside, and looking up each key in a list would be quadratic.
    fn equals(&self, other: &Map<'_>) -> Result<bool, EvalError> {
        if self.len() != other.len() {
            return Ok(false);
        }
        for ((a_key, a), (b_key, b)) in self.sorted()?.iter().zip(&other.sorted()?) {
            if !same_key(a_key, b_key) || !equal(a, b)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Kinds of keys CEL knows, numbers being one; `None` for anything else.
pub(super) fn key_kind(key: &Cel<'_>) -> Option<u8> {
    match key {
        Cel::Bool(_) => Some(0),
        Cel::Int(_) | Cel::Uint(_) => Some(1),
        Cel::Text(_) => Some(2),
        _ => None,
    }
}

pub(super) fn unsupported_key(key: &Cel<'_>) -> EvalError {
    EvalError::InvalidArgument {
        function: "map",
        reason: format!("keys are bool, int, uint or string, not {}", key.type_name()),
    }
}

pub(super) fn same_key(a: &Cel<'_>, b: &Cel<'_>) -> bool {
    compare(a, b) == Some(Ordering::Equal)
}

/// `a == b`: values of different kinds are different, numbers are compared by value.
pub(super) fn equal(a: &Cel<'_>, b: &Cel<'_>) -> Result<bool, EvalError> {
    match (a, b) {
        (Cel::List(a), Cel::List(b)) => a.equals(b),
        (Cel::Map(a), Cel::Map(b)) => a.equals(b),
        (Cel::Null, Cel::Null) => Ok(true),
        (Cel::Type(a), Cel::Type(b)) => Ok(a == b),
        _ => Ok(compare(a, b) == Some(Ordering::Equal)),
    }
}

/// Order of scalars of one kind; `None` for other values and where a NaN takes part.
pub(super) fn compare(a: &Cel<'_>, b: &Cel<'_>) -> Option<Ordering> {
    match (a, b) {
        (Cel::Bool(a), Cel::Bool(b)) => Some(a.cmp(b)),
        (Cel::Int(a), Cel::Int(b)) => Some(a.cmp(b)),
        (Cel::Uint(a), Cel::Uint(b)) => Some(a.cmp(b)),
        (Cel::Double(a), Cel::Double(b)) => a.partial_cmp(b),
        (Cel::Int(a), Cel::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Cel::Uint(a), Cel::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Cel::Int(a), Cel::Double(b)) => integer_to_double(i128::from(*a), *b),
        (Cel::Uint(a), Cel::Double(b)) => integer_to_double(i128::from(*a), *b),
        (Cel::Double(a), Cel::Int(b)) => integer_to_double(i128::from(*b), *a).map(Ordering::reverse),
        (Cel::Double(a), Cel::Uint(b)) => integer_to_double(i128::from(*b), *a).map(Ordering::reverse),
        (Cel::Text(a), Cel::Text(b)) => Some(a.cmp(b)),
        (Cel::Bytes(a), Cel::Bytes(b)) => Some(a.cmp(b)),
        (Cel::Timestamp(a), Cel::Timestamp(b)) | (Cel::Duration(a), Cel::Duration(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Exact: converting the integer to a double first would make 2^53 and 2^53 + 1 equal.
fn integer_to_double(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    // The cast saturates, so infinities are greater than every 64-bit integer.
    let whole = b.trunc();
    let order = a.cmp(&(whole as i128));
    Some(order.then_with(|| 0.0_f64.partial_cmp(&(b - whole)).unwrap_or(Ordering::Equal)))
}

pub(super) fn no_overload(function: &str, operands: &[&Cel<'_>]) -> EvalError {
    let types: Vec<&str> = operands.iter().map(|operand| operand.type_name()).collect();
    EvalError::NoSuchOverload {
        function: function.to_owned(),
        types: types.join(", "),
    }
}

fn plain_text(value: &Value) -> String {
    match to_plain_json(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Longest two's complement integer below the infinity of doubles, in bytes.
const MAX_FINITE_BYTES: usize = 129;

fn big_int(bytes: &[u8]) -> Result<Cel<'static>, EvalError> {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let significant = bytes.iter().position(|byte| *byte != fill).unwrap_or(bytes.len());
    // One byte more than needed at most: the sign bit may need it.
    let bytes = &bytes[significant.saturating_sub(1)..];
    if bytes.len() > MAX_FINITE_BYTES + 1 {
        return Ok(Cel::Double(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    if bytes.len() <= 9 {
        let start = if negative { -1_i128 } else { 0 };
        let wide = bytes.iter().fold(start, |wide, byte| wide << 8 | i128::from(*byte));
        return Ok(i64::try_from(wide).map_or(Cel::Double(wide as f64), Cel::Int));
    }
    as_double(&Value::BigInt(bytes.to_vec())).map(Cel::Double)
}

/// By way of the decimal text, which `parse` rounds correctly; beyond the range it is infinite, as in Java.
fn as_double(value: &Value) -> Result<f64, EvalError> {
    plain_text(value).parse().map_err(|_| {
        EvalError::Unreadable("a decimal of more than 1,024 bytes cannot be seen by conditions".to_owned())
    })
}
