//! JSON values that the core carries without interpreting them, and strict reading of JSON objects.
//!
//! `serde_json::Value` would change what it does not understand: numbers beyond 64 bits lose digits, and of two
//! equal keys one disappears. Plans carry values of two languages through a third, so the text itself is kept.

use rustc_hash::FxHashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use super::error::Place;
use super::error::{PlanError, PlanErrorKind, quoted};

/// Deepest nesting of objects and arrays inside one opaque value. Every JSON reader that meets the value later
/// (Jackson, Python, `serde_json`) accepts at least this depth.
pub const MAX_DEPTH: usize = 100;

/// A JSON value kept as text: digits, key order and repeated keys stay as they were written, only white space
/// between tokens is dropped. Two are equal when their texts are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// The value `null`.
    pub fn null() -> Self {
        RawJson("null".into())
    }

    /// The value `{}`.
    pub fn empty_object() -> Self {
        RawJson("{}".into())
    }

    /// Checks that `text` is one JSON value, not nested deeper than [`MAX_DEPTH`].
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|e| malformed(&Place::ROOT, &e))?;
        Self::take(raw, &Place::ROOT)
    }

    /// The JSON text of `value`.
    pub fn from_value(value: &serde_json::Value) -> Self {
        RawJson(value.to_string().into_boxed_str())
    }

    /// The JSON text of the string `text`.
    pub fn string(text: &str) -> Self {
        Self::from_value(&serde_json::Value::String(text.to_owned()))
    }

    /// The JSON text, without insignificant white space.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// The value as a tree. Fails on what a tree cannot hold: numbers out of the range of a double, lone surrogates.
    pub fn to_value(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// The text of a JSON string; `None` for every other value.
    pub fn as_string(&self) -> Option<String> {
        if self.0.starts_with('"') {
            serde_json::from_str(&self.0).ok()
        } else {
            None
        }
    }

    pub(crate) fn take(raw: &RawValue, path: &Place<'_>) -> Result<Self, PlanError> {
        compact(raw.get()).map(RawJson).ok_or_else(|| {
            PlanError::new(
                PlanErrorKind::TooDeep,
                path,
                format!(
                    "objects and arrays are nested deeper than {MAX_DEPTH} levels. Make the value flatter, or pass it \
                     as JSON text inside a string"
                ),
            )
        })
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Drops white space outside strings; `None` when the value is nested too deeply. `text` is valid JSON.
fn compact(text: &str) -> Option<Box<str>> {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0usize;
    let mut start = 0;
    let (mut in_string, mut escaped) = (false, false);
    for (i, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return None;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.push_str(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push_str(&text[start..]);
    Some(out.into_boxed_str())
}

pub(crate) fn malformed(path: &Place<'_>, error: &serde_json::Error) -> PlanError {
    PlanError::new(
        PlanErrorKind::Malformed,
        path,
        format!("not valid JSON: {error}. Write the plan again; the text was cut off or changed on its way"),
    )
}

/// The entries of a JSON object in document order, repeated keys included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A JSON object being read: known keys are taken out one by one, what remains is kept as it is.
pub(crate) struct Object<'a> {
    entries: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Reads an object whose keys must differ; `text` is a part of a document whose syntax was already checked,
    /// or the document itself.
    pub(crate) fn read(text: &'a str, path: &Place<'_>) -> Result<Self, PlanError> {
        if text.trim_start().starts_with(['[', '"']) {
            return Err(wrong_type(path, text, "an object {…}"));
        }
        let Entries(entries) = match serde_json::from_str(text) {
            Ok(entries) => entries,
            Err(e) if e.is_data() && !text.trim_start().starts_with('{') => {
                return Err(wrong_type(path, text, "an object {…}"));
            }
            Err(e) => return Err(malformed(path, &e)),
        };
        let mut seen = FxHashSet::default();
        for (key, _) in &entries {
            if !seen.insert(key.as_str()) {
                return Err(PlanError::new(
                    PlanErrorKind::Duplicate,
                    path,
                    format!(
                        "the key {} occurs twice, so one entry would silently replace the other. Rename or remove one",
                        quoted(key)
                    ),
                ));
            }
        }
        Ok(Object { entries })
    }

    /// Takes the value of `key` out; `null` counts as absent.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let at = self.entries.iter().position(|(k, _)| k == key)?;
        let (_, raw) = self.entries.remove(at);
        (raw.get() != "null").then_some(raw)
    }

    /// Takes the value of a key that must be there and not `null`.
    pub(crate) fn require(&mut self, key: &str, path: &Place<'_>, expected: &str) -> Result<&'a RawValue, PlanError> {
        self.take(key).ok_or_else(|| {
            PlanError::new(
                PlanErrorKind::Missing,
                path.key(key),
                format!("missing or null; expected {expected}"),
            )
        })
    }

    /// Takes a required string that has more than white space in it.
    pub(crate) fn require_name(&mut self, key: &str, path: &Place<'_>) -> Result<String, PlanError> {
        let raw = self.require(key, path, "a non-blank string")?;
        let at = path.key(key);
        let text = string(raw, &at)?;
        if text.trim().is_empty() {
            return Err(PlanError::new(
                PlanErrorKind::Blank,
                at,
                format!("found {}; expected a non-blank string", quoted(&text)),
            ));
        }
        Ok(text)
    }

    /// All entries in document order.
    pub(crate) fn into_entries(self) -> Vec<(String, &'a RawValue)> {
        self.entries
    }

    /// What was not taken, as opaque values.
    pub(crate) fn rest(self, path: &Place<'_>) -> Result<Vec<(String, RawJson)>, PlanError> {
        self.entries
            .into_iter()
            .map(|(key, raw)| {
                let value = RawJson::take(raw, &path.key(&key))?;
                Ok((key, value))
            })
            .collect()
    }
}

/// Reads a JSON string.
pub(crate) fn string(raw: &RawValue, path: &Place<'_>) -> Result<String, PlanError> {
    if !raw.get().starts_with('"') {
        return Err(wrong_type(path, raw.get(), "a string"));
    }
    serde_json::from_str(raw.get()).map_err(|e| malformed(path, &e))
}

/// Reads a JSON array as its elements.
pub(crate) fn array<'a>(raw: &'a RawValue, path: &Place<'_>) -> Result<Vec<&'a RawValue>, PlanError> {
    if !raw.get().starts_with('[') {
        return Err(wrong_type(path, raw.get(), "an array […]"));
    }
    serde_json::from_str(raw.get()).map_err(|e| malformed(path, &e))
}

/// Reads a JSON array of strings.
pub(crate) fn strings(raw: &RawValue, path: &Place<'_>) -> Result<Vec<String>, PlanError> {
    array(raw, path)?
        .iter()
        .enumerate()
        .map(|(i, item)| string(item, &path.index(i)))
        .collect()
}

/// "found …; expected …" for a value of another JSON type.
pub(crate) fn wrong_type(path: &Place<'_>, found: &str, expected: &str) -> PlanError {
    let found = found.trim_start();
    let what = match found.bytes().next() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b'"') => serde_json::from_str::<String>(found).map_or("a string".to_owned(), |text| quoted(&text)),
        _ => found.trim_end().chars().take(40).collect(),
    };
    PlanError::new(
        PlanErrorKind::WrongType,
        path,
        format!("found {what}; expected {expected}"),
    )
}

/// Appends `key` and a colon to a JSON object being written, with a comma unless it is the first entry.
pub(crate) fn write_key(out: &mut String, key: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    write_string(out, key);
    out.push(':');
}

/// Appends a JSON string.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push_str(RawJson::string(text).as_str());
}

/// Appends a JSON array of strings.
pub(crate) fn write_strings(out: &mut String, items: &[String]) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, item);
    }
    out.push(']');
}
