//! Values as plain JSON, for logs and people. This view is not read back: it drops widths and classes.

use serde_json::{Map, Number, Value as Json, json};

use super::{Value, text};

/// `value` as plain JSON.
///
/// Numbers that JSON cannot hold become text: non-finite floats (`NaN`, `Infinity`, `-Infinity`), decimals, and integers
/// beyond 64 bits. Bytes become Base64, times ISO 8601, half a surrogate pair U+FFFD. A map whose keys are all text, all
/// integers, all booleans, all characters or all UUIDs becomes an object, any other a list of `{"key": …, "value": …}`.
/// A host's own value becomes `{"opaque": tag, "length": bytes}`.
pub fn to_plain_json(value: &Value) -> Json {
    match value {
        Value::List(items) | Value::Set(items) => Json::Array(items.iter().map(to_plain_json).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, item)| (key.clone(), to_plain_json(item)))
                .collect(),
        ),
        Value::Table(entries) => table(entries),
        _ => plain_scalar(value),
    }
}

/// Everything that holds no other values; a function of its own because unoptimised frames are large, and containers nest.
pub(crate) fn plain_scalar(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(v) => Json::Bool(*v),
        Value::I8(v) => json!(v),
        Value::I16(v) => json!(v),
        Value::I32(v) => json!(v),
        Value::I64(v) => json!(v),
        // By way of its shortest text: 0.1f32 is to be shown as 0.1, not as 0.10000000149011612.
        Value::F32(v) => float(v.to_string().parse().unwrap_or(f64::from(*v))),
        Value::F64(v) => float(*v),
        Value::Char(v) => Json::String(String::from_utf16_lossy(&[*v])),
        Value::Text(v) => Json::String(v.clone()),
        Value::Wtf16(v) => Json::String(String::from_utf16_lossy(v)),
        Value::Bytes(v) => Json::String(text::base64(v)),
        Value::BigInt(v) => {
            let digits = text::big_int(v);
            digits.parse::<i64>().map_or(Json::String(digits), Json::from)
        }
        Value::BigDecimal { unscaled, scale } => Json::String(text::big_decimal(unscaled, *scale)),
        Value::Uuid(v) => Json::String(text::uuid(*v)),
        Value::Instant { secs, nanos } => Json::String(text::instant(*secs, *nanos)),
        Value::Date(day) => Json::String(text::date(*day)),
        Value::Time(nano) => Json::String(text::time(*nano)),
        Value::DateTime { day, nano } => Json::String(format!("{}T{}", text::date(*day), text::time(*nano))),
        Value::OffsetDateTime { day, nano, offset } => Json::String(format!(
            "{}T{}{}",
            text::date(*day),
            text::time(*nano),
            text::offset(*offset)
        )),
        Value::ZonedDateTime {
            day,
            nano,
            offset,
            zone,
        } => Json::String(format!(
            "{}T{}{}[{zone}]",
            text::date(*day),
            text::time(*nano),
            text::offset(*offset)
        )),
        Value::Duration { secs, nanos } => Json::String(text::duration(*secs, *nanos)),
        Value::List(_) | Value::Set(_) | Value::Map(_) | Value::Table(_) => to_plain_json(value),
        Value::Opaque { tag, bytes } => json!({"opaque": tag, "length": bytes.len()}),
    }
}

fn float(value: f64) -> Json {
    match Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => json!("NaN"),
        None => json!(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

fn table(entries: &[(Value, Value)]) -> Json {
    match table_keys(entries) {
        Some(keys) => Json::Object(
            keys.into_iter()
                .zip(entries)
                .map(|(key, (_, item))| (key, to_plain_json(item)))
                .collect::<Map<_, _>>(),
        ),
        None => Json::Array(
            entries
                .iter()
                .map(|(key, item)| json!({"key": to_plain_json(key), "value": to_plain_json(item)}))
                .collect(),
        ),
    }
}

/// The names under which the entries of a table stand in an object; nothing if they cannot.
pub(crate) fn table_keys(entries: &[(Value, Value)]) -> Option<Vec<String>> {
    // Keys of one kind have distinct texts; `1` and `"1"` in one map must not fall together.
    let kind = entries.first().map(|(key, _)| std::mem::discriminant(key));
    let text = |(key, _): &(Value, Value)| key_text(key).filter(|_| Some(std::mem::discriminant(key)) == kind);
    entries.iter().map(text).collect()
}

fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(_) | Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) => {
            Some(to_plain_json(key).to_string())
        }
        // Halves of surrogate pairs all look alike.
        Value::Char(unit) => char::from_u32(u32::from(*unit)).map(String::from),
        Value::Uuid(id) => Some(text::uuid(*id)),
        _ => None,
    }
}
