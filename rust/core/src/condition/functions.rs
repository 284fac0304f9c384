//! The standard functions.

use std::borrow::Cow;

use super::check::pattern;
use super::error::EvalError;
use super::eval::Leaf;
use super::node::Function;
use super::time;
use super::value::{Cel, no_overload};

/// Calls `function`; with a receiver, that is the first argument. The checker has seen to their number.
pub(super) fn call<'a>(function: &Function, args: Vec<Cel<'a>>) -> Leaf<'a> {
    let mut args = args.into_iter();
    let Some(first) = args.next() else {
        return Err(no_overload("call", &[]));
    };
    match (function, args.next()) {
        (Function::Size, _) => size(&first),
        (Function::Contains, Some(part)) => on_text("contains", &first, &part, |a, b| a.contains(b)),
        (Function::StartsWith, Some(part)) => on_text("startsWith", &first, &part, |a, b| a.starts_with(b)),
        (Function::EndsWith, Some(part)) => on_text("endsWith", &first, &part, |a, b| a.ends_with(b)),
        (Function::Matches, Some(text)) => matches(&first, &text),
        (Function::MatchesConstant(regex), _) => match &first {
            Cel::Text(text) => Ok(Cel::Bool(regex.is_match(text))),
            _ => Err(no_overload("matches", &[&first, &Cel::Text("".into())])),
        },
        (Function::Bool, _) => to_bool(first),
        (Function::Bytes, _) => to_bytes(first),
        (Function::Double, _) => to_double(first),
        (Function::Dyn, _) => Ok(first),
        (Function::Int, _) => to_int(first),
        (Function::Text, _) => to_text(first),
        (Function::Uint, _) => to_uint(first),
        (Function::Type, _) => Ok(Cel::Type(first.type_name())),
        (Function::Timestamp, _) => to_timestamp(first),
        (Function::Duration, _) => to_duration(first),
        (Function::Part(part), zone) => part_of(part, &first, zone),
        (function, None) => Err(no_overload(&format!("{function:?}"), &[&first])),
    }
}

fn size<'a>(value: &Cel<'a>) -> Leaf<'a> {
    let size = match value {
        Cel::Text(text) => text.chars().count(),
        Cel::Bytes(bytes) => bytes.len(),
        Cel::List(list) => list.len(),
        Cel::Map(map) => map.len(),
        _ => return Err(no_overload("size", &[value])),
    };
    Ok(Cel::Int(size as i64))
}

fn on_text<'a>(name: &str, text: &Cel<'a>, part: &Cel<'a>, test: impl Fn(&str, &str) -> bool) -> Leaf<'a> {
    match (text, part) {
        (Cel::Text(text), Cel::Text(part)) => Ok(Cel::Bool(test(text, part))),
        _ => Err(no_overload(name, &[text, part])),
    }
}

fn matches<'a>(text: &Cel<'a>, wanted: &Cel<'a>) -> Leaf<'a> {
    let (Cel::Text(text), Cel::Text(wanted)) = (text, wanted) else {
        return Err(no_overload("matches", &[text, wanted]));
    };
    let regex = pattern(wanted).map_err(|reason| invalid("matches", reason))?;
    Ok(Cel::Bool(regex.is_match(text)))
}

fn invalid(function: &'static str, reason: String) -> EvalError {
    EvalError::InvalidArgument { function, reason }
}

fn cannot_read(function: &'static str, value: &Cel<'_>) -> EvalError {
    invalid(function, format!("cannot read {}", value.brief()))
}

fn out_of_range(function: &'static str, value: &Cel<'_>) -> EvalError {
    EvalError::Overflow(format!("{function}({})", value.brief()))
}

fn to_bool<'a>(value: Cel<'a>) -> Leaf<'a> {
    match &value {
        Cel::Bool(_) => Ok(value),
        Cel::Text(text) => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Cel::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Cel::Bool(false)),
            _ => Err(cannot_read("bool", &value)),
        },
        _ => Err(no_overload("bool", &[&value])),
    }
}

fn to_bytes<'a>(value: Cel<'a>) -> Leaf<'a> {
    match value {
        Cel::Bytes(_) => Ok(value),
        Cel::Text(Cow::Borrowed(text)) => Ok(Cel::Bytes(Cow::Borrowed(text.as_bytes()))),
        Cel::Text(Cow::Owned(text)) => Ok(Cel::Bytes(Cow::Owned(text.into_bytes()))),
        _ => Err(no_overload("bytes", &[&value])),
    }
}

fn to_double<'a>(value: Cel<'a>) -> Leaf<'a> {
    match &value {
        Cel::Double(_) => Ok(value),
        Cel::Int(v) => Ok(Cel::Double(*v as f64)),
        Cel::Uint(v) => Ok(Cel::Double(*v as f64)),
        Cel::Text(text) => text.parse().map(Cel::Double).map_err(|_| cannot_read("double", &value)),
        _ => Err(no_overload("double", &[&value])),
    }
}

/// 2^63 and 2^64: doubles at or beyond these do not fit in the integers.
const INT_LIMIT: f64 = 9_223_372_036_854_775_808.0;
const UINT_LIMIT: f64 = 18_446_744_073_709_551_616.0;

fn to_int<'a>(value: Cel<'a>) -> Leaf<'a> {
    match &value {
        Cel::Int(_) => Ok(value),
        Cel::Uint(v) => i64::try_from(*v).map(Cel::Int).map_err(|_| out_of_range("int", &value)),
        Cel::Double(v) if *v > -INT_LIMIT && *v < INT_LIMIT => Ok(Cel::Int(*v as i64)),
        Cel::Double(_) => Err(out_of_range("int", &value)),
        Cel::Text(text) => text.parse().map(Cel::Int).map_err(|_| cannot_read("int", &value)),
        Cel::Timestamp(nanos) => Ok(Cel::Int(time::seconds(*nanos))),
        _ => Err(no_overload("int", &[&value])),
    }
}

fn to_uint<'a>(value: Cel<'a>) -> Leaf<'a> {
    match &value {
        Cel::Uint(_) => Ok(value),
        Cel::Int(v) => u64::try_from(*v)
            .map(Cel::Uint)
            .map_err(|_| out_of_range("uint", &value)),
        Cel::Double(v) if *v >= 0.0 && *v < UINT_LIMIT => Ok(Cel::Uint(*v as u64)),
        Cel::Double(_) => Err(out_of_range("uint", &value)),
        Cel::Text(text) => text.parse().map(Cel::Uint).map_err(|_| cannot_read("uint", &value)),
        _ => Err(no_overload("uint", &[&value])),
    }
}

fn to_text<'a>(value: Cel<'a>) -> Leaf<'a> {
    let text = match &value {
        Cel::Text(_) => return Ok(value),
        Cel::Bool(v) => v.to_string(),
        Cel::Int(v) => v.to_string(),
        Cel::Uint(v) => v.to_string(),
        Cel::Double(v) => double_text(*v),
        Cel::Bytes(v) => match std::str::from_utf8(v) {
            Ok(text) => text.to_owned(),
            Err(_) => return Err(invalid("string", "the bytes are no valid UTF-8".to_owned())),
        },
        Cel::Timestamp(nanos) => time::timestamp_text(*nanos),
        Cel::Duration(nanos) => time::duration_text(*nanos),
        _ => return Err(no_overload("string", &[&value])),
    };
    Ok(Cel::Text(text.into()))
}

/// As Java writes doubles, for that is what conditions of the reference see: `1.0`, `1.5E10`.
fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => scientific,
    }
}

fn to_timestamp<'a>(value: Cel<'a>) -> Leaf<'a> {
    match &value {
        Cel::Timestamp(_) => Ok(value),
        Cel::Int(seconds) => timestamp_of(i128::from(*seconds) * time::SECOND),
        Cel::Text(text) => timestamp_of(time::parse_timestamp(text).ok_or_else(|| cannot_read("timestamp", &value))?),
        _ => Err(no_overload("timestamp", &[&value])),
    }
}

fn to_duration<'a>(value: Cel<'a>) -> Leaf<'a> {
    match &value {
        Cel::Duration(_) => Ok(value),
        Cel::Text(text) => duration_of(time::parse_duration(text).ok_or_else(|| cannot_read("duration", &value))?),
        _ => Err(no_overload("duration", &[&value])),
    }
}

/// A timestamp of the years 1 to 9999.
pub(super) fn timestamp_of<'a>(nanos: i128) -> Leaf<'a> {
    if time::is_timestamp(nanos) {
        return Ok(Cel::Timestamp(nanos));
    }
    Err(EvalError::Overflow("timestamp beyond the years 1 to 9999".to_owned()))
}

/// A duration of up to 10,000 years either way.
pub(super) fn duration_of<'a>(nanos: i128) -> Leaf<'a> {
    if time::is_duration(nanos) {
        return Ok(Cel::Duration(nanos));
    }
    Err(EvalError::Overflow("duration beyond 10,000 years".to_owned()))
}

fn part_of<'a>(part: &'static str, value: &Cel<'a>, zone: Option<Cel<'a>>) -> Leaf<'a> {
    let number = match (value, zone) {
        (Cel::Timestamp(nanos), None) => time::timestamp_part(part, *nanos, 0),
        (Cel::Timestamp(nanos), Some(Cel::Text(zone))) => {
            let offset = time::parse_offset(&zone).ok_or_else(|| {
                invalid(
                    part,
                    format!("unknown time zone {zone:?}; it is UTC or a distance from it, such as +02:00"),
                )
            })?;
            time::timestamp_part(part, *nanos, offset)
        }
        (Cel::Duration(nanos), None) => time::duration_part(part, *nanos),
        (_, Some(zone)) => return Err(no_overload(part, &[value, &zone])),
        (_, None) => None,
    };
    number.map(Cel::Int).ok_or_else(|| no_overload(part, &[value]))
}
