//! The flat map of configuration values and its typed getters.

use std::time::Duration;

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::error::ConfigError;
use super::options::{Kind, OptionSpec, find};
use super::units::{parse_duration, parse_size};
use crate::plan::RawJson;
use crate::plan::json::write_key;

/// Dotted key → JSON value, in the order in which keys were first set. Keys carry no prefix `agent.`. Keys that the
/// framework does not know are kept for user code.
///
/// Typed getters take the key of an [option](super::OPTIONS) and return its default when nothing is set; `None`
/// means unset without a default. Values may be texts (`"false"`, `"5 min"`) as well as JSON values.
#[derive(Debug, Clone, Default)]
pub struct ConfigMap {
    entries: Vec<(String, RawJson)>,
    index: FxHashMap<String, usize>,
}

/// Equal when both hold the same values, in whatever order.
impl PartialEq for ConfigMap {
    fn eq(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len() && self.entries.iter().all(|(k, v)| other.raw(k) == Some(v))
    }
}

impl ConfigMap {
    /// Sets a value; an earlier one of the same key is replaced in its place.
    pub fn set_raw(&mut self, key: impl Into<String>, value: RawJson) {
        let key = key.into();
        match self.index.get(&key) {
            Some(&at) => self.entries[at].1 = value,
            None => {
                self.index.insert(key.clone(), self.entries.len());
                self.entries.push((key, value));
            }
        }
    }

    /// Sets a value.
    pub fn set(&mut self, key: impl Into<String>, value: &Value) {
        self.set_raw(key, RawJson::from_value(value));
    }

    /// The value as it was set, without conversion or default.
    pub fn raw(&self, key: &str) -> Option<&RawJson> {
        self.index.get(key).map(|&at| &self.entries[at].1)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawJson)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The map as a JSON object.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    pub(crate) fn write_json(&self, out: &mut String) {
        out.push('{');
        for (key, value) in &self.entries {
            write_key(out, key);
            out.push_str(value.as_str());
        }
        out.push('}');
    }

    /// A yes/no option.
    pub fn get_bool(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        self.convert(key, |_, text| match text.to_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A whole number.
    pub fn get_int(&self, key: &str) -> Result<Option<i64>, ConfigError> {
        self.convert(key, |option, text| {
            let number = parse_int(text)?;
            match option.kind {
                Kind::Int { min, max } => (min..=max).contains(&number).then_some(number),
                _ => Some(number),
            }
        })
    }

    /// A number.
    pub fn get_float(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        self.convert(key, |option, text| {
            let number = text.parse::<f64>().ok().filter(|n| n.is_finite())?;
            match option.kind {
                Kind::Float { min, max } => (min..=max).contains(&number).then_some(number),
                _ => Some(number),
            }
        })
    }

    /// A text; numbers and booleans come as their JSON text.
    pub fn get_text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        self.convert(key, |_, text| Some(text.to_owned()))
    }

    /// An enum option as one of its words, spelt as in the table.
    pub fn get_enum(&self, key: &str) -> Result<Option<&'static str>, ConfigError> {
        self.convert(key, |option, text| match option.kind {
            Kind::Enum { words, .. } => words.iter().copied().find(|w| same_word(w, text)),
            _ => None,
        })
    }

    /// A duration; `none` counts as unset.
    pub fn get_duration(&self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let found = self.convert(key, |_, text| {
            if is_none(text) {
                Some(None)
            } else {
                parse_duration(text).map(Some)
            }
        });
        Ok(found?.flatten())
    }

    /// A size in bytes; `none` counts as unset.
    pub fn get_size(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        let found = self.convert(key, |_, text| {
            if is_none(text) {
                Some(None)
            } else {
                parse_size(text).map(Some)
            }
        });
        Ok(found?.flatten())
    }

    /// A list of texts: a JSON array, or a text with `;` or `,` between the items, in brackets or without.
    pub fn get_list(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let option = option(key)?;
        match self.raw(key) {
            None => Ok(None),
            Some(raw) if raw.is_null() => Ok(None),
            Some(raw) => as_list(raw)
                .map(Some)
                .ok_or_else(|| ConfigError::value(key, raw.as_str(), option)),
        }
    }

    /// The key to read for an option that may be set for one action (`action.<name>.<option>`) or for all.
    pub fn action_key(&self, action: &str, option: &str) -> String {
        let own = format!("action.{action}.{option}");
        match self.raw(&own) {
            Some(value) if !value.is_null() => own,
            _ => option.to_owned(),
        }
    }

    /// Checks the value of `key` against its option, if it has one.
    pub fn check(&self, key: &str) -> Result<(), ConfigError> {
        let Some(option) = find(key) else { return Ok(()) };
        match option.kind {
            Kind::Bool => self.get_bool(key).map(drop),
            Kind::Int { .. } => self.get_int(key).map(drop),
            Kind::Float { .. } => self.get_float(key).map(drop),
            Kind::Text { .. } => self.get_text(key).map(drop),
            Kind::List { .. } => self.get_list(key).map(drop),
            Kind::Enum { .. } => self.get_enum(key).map(drop),
            Kind::Duration => self.get_duration(key).map(drop),
            Kind::Size => self.get_size(key).map(drop),
        }
    }

    fn convert<T>(
        &self,
        key: &str,
        parse: impl Fn(&'static OptionSpec, &str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let option = option(key)?;
        let raw = match self.raw(key) {
            Some(raw) if !raw.is_null() => raw,
            _ => return Ok(option.default.and_then(|text| parse(option, text))),
        };
        let text = scalar(raw).map(|t| t.trim().to_owned());
        let value = text.and_then(|text| parse(option, &text));
        value
            .map(Some)
            .ok_or_else(|| ConfigError::value(key, raw.as_str(), option))
    }
}

fn option(key: &str) -> Result<&'static OptionSpec, ConfigError> {
    find(key).ok_or_else(|| ConfigError::NotAnOption { key: key.to_owned() })
}

/// The text of a string, number or boolean.
fn scalar(raw: &RawJson) -> Option<String> {
    match raw.as_str().as_bytes().first() {
        Some(b'"') => raw.as_string(),
        Some(b'{' | b'[') => None,
        _ => Some(raw.as_str().to_owned()),
    }
}

fn as_list(raw: &RawJson) -> Option<Vec<String>> {
    if raw.as_str().starts_with('[') {
        let Ok(Value::Array(items)) = raw.to_value() else {
            return None;
        };
        return items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Some(text),
                Value::Number(_) | Value::Bool(_) => Some(item.to_string()),
                _ => None,
            })
            .collect();
    }
    let text = raw.as_string()?;
    let inner = text.trim();
    let inner = inner
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(inner);
    let items = inner
        .split([';', ','])
        .map(|item| item.trim().trim_matches(['"', '\'']).to_owned());
    Some(items.filter(|item| !item.is_empty()).collect())
}

fn is_none(text: &str) -> bool {
    text.eq_ignore_ascii_case("none")
}

/// Without regard to case; Python spells its constants with `_` where words are joined by `-` here.
fn same_word(word: &str, text: &str) -> bool {
    let plain = |t: &str| t.to_lowercase().replace('_', "-");
    plain(word) == plain(text)
}

fn parse_int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1i128, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = |prefix: &str, radix| {
        digits
            .strip_prefix(prefix)
            .filter(|d| !d.starts_with(['+', '-']))
            .and_then(|d| u64::from_str_radix(d, radix).ok())
    };
    let magnitude = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| {
            digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())
                .flatten()
        })
        // A host may hand over 3 as 3.0.
        .or_else(|| {
            digits
                .strip_suffix(".0")
                .filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?
                .parse()
                .ok()
        })?;
    i64::try_from(sign * i128::from(magnitude)).ok()
}
