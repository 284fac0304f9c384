//! Reading our part of Flink's configuration file.
//!
//! The parser's events are walked with bounds on depth and on expanded text, so neither deep nesting nor aliases that
//! multiply each other cost more than the file is long.

use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::error::ConfigError;
use super::nearest::check_key;
use super::options::{OPTIONS, find};
use crate::plan::RawJson;

/// Larger files are refused; those of real clusters have some kilobytes.
const MAX_FILE_BYTES: usize = 1 << 20;
/// Bytes that our part may have once its aliases are written out.
const MAX_EXPANDED_BYTES: usize = 4 << 20;
const MAX_DEPTH: usize = 32;
/// Keys, values and ends of collections in a whole file.
const MAX_EVENTS: usize = 200_000;
const MAX_KEY_BYTES: usize = 1000;

/// A value of our part of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileValue {
    /// Dotted key, without the prefix `agent.`.
    pub key: String,
    /// The value; numbers that JSON writes differently, such as `007`, are texts.
    pub value: RawJson,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Reads what stands under a top-level `agent:` (nested, with dots at any level) and flat `agent.<key>` keys.
///
/// A file called `flink-conf.yaml` is of the older format, `key: value` in each line, where only our part has to be
/// YAML; every other file is YAML as a whole. Values that are null count as not set. Also returns warnings about keys
/// that look as if they were meant for us but stand in the wrong place.
///
/// # Errors
/// [`ConfigError::File`] with the line: no YAML, no mapping, more than one document, a key set twice, a key that is not
/// a scalar, merge keys, nesting deeper than 32 levels, a file above 1 MiB or
/// with more than 200,000 keys and values.
pub fn parse_file(name: &str, text: &str) -> Result<(Vec<FileValue>, Vec<String>), ConfigError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(ConfigError::file(
            name,
            None,
            format!(
                "it has {} bytes; at most {MAX_FILE_BYTES} are read. Is it the right file?",
                text.len()
            ),
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_legacy = name.rsplit(['/', '\\']).next() == Some("flink-conf.yaml");
    let (values, warnings) = if is_legacy {
        parse_yaml(name, &our_lines(text))?
    } else {
        parse_yaml(name, text)?
    };
    let mut lines = FxHashMap::default();
    for value in &values {
        match lines.entry(value.key.as_str()) {
            Entry::Vacant(entry) => {
                entry.insert(value.line);
            }
            Entry::Occupied(first) => {
                return Err(ConfigError::file(
                    name,
                    Some(value.line),
                    format!(
                        "the key '{}' was already set in line {}. Remove one of the two",
                        value.key,
                        first.get()
                    ),
                ));
            }
        }
    }
    Ok((values, warnings))
}

/// The older format is not YAML (values may hold `: ` and `#`), so all lines but ours are blanked out; blanked rather
/// than removed to keep line numbers right.
fn our_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_section = false;
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        if !indented && !line.trim().is_empty() && !line.starts_with('#') {
            in_section = line.split(':').next().is_some_and(|key| key.trim_end() == "agent");
        }
        match line.split_once(": ") {
            Some((key, value)) if !indented && key.starts_with("agent.") => {
                let value = value.split(" #").next().unwrap_or_default().trim();
                out.push_str(&format!("{}: {}", RawJson::string(key.trim_end()), as_scalar(value)));
            }
            _ if in_section => out.push_str(line),
            _ => {}
        }
        out.push('\n');
    }
    out
}

/// A value of the older format, whose text counts as it stands, as a YAML scalar.
fn as_scalar(value: &str) -> RawJson {
    let single = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\''));
    if let Some(inner) = single.filter(|v| !v.replace("''", "").contains('\'')) {
        return RawJson::string(&inner.replace("''", "'"));
    }
    match RawJson::parse(value) {
        Ok(json) if value.starts_with('"') => json,
        _ => plain_value(value).unwrap_or_else(|| RawJson::string(value)),
    }
}

/// The text of one of Flink's own keys, such as `python.executable`, in its configuration file; `None` when it is not set there,
/// is no single value, or the file cannot be read.
pub fn flink_text(name: &str, text: &str, key: &str) -> Option<String> {
    if name.rsplit(['/', '\\']).next() == Some("flink-conf.yaml") {
        let value = |line: &str| line.strip_prefix(key)?.strip_prefix(": ").map(|v| v.trim().to_owned());
        return text.lines().find_map(value);
    }
    let values = with_events(name, text, |walk| {
        walk.flatten(0, "", 0)?;
        Ok(std::mem::take(&mut walk.values))
    });
    let value = values.ok()?.into_iter().rev().find(|value| value.key == key)?.value;
    value.as_string().or_else(|| Some(value.as_str().to_owned()))
}

fn parse_yaml(name: &str, text: &str) -> Result<(Vec<FileValue>, Vec<String>), ConfigError> {
    with_events(name, text, |walk| {
        let warnings = walk.document()?;
        Ok((std::mem::take(&mut walk.values), warnings))
    })
}

/// Takes a document apart, for `run` to walk through.
fn with_events<T>(
    name: &str,
    text: &str,
    run: impl FnOnce(&mut Walk<'_>) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    let mut events = Vec::new();
    let mut anchors = FxHashMap::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|e| ConfigError::file(name, Some(e.marker().line()), format!("not valid YAML: {}", e.info())))?;
        let line = span.start.line();
        match &event {
            Event::DocumentStart(_) => documents += 1,
            Event::Scalar(_, _, id, _) | Event::SequenceStart(id, _) | Event::MappingStart(id, _) if *id > 0 => {
                anchors.insert(*id, events.len());
            }
            _ => {}
        }
        if documents > 1 {
            return Err(ConfigError::file(
                name,
                Some(line),
                "it holds more than one YAML document. Keep one",
            ));
        }
        let is_content = !matches!(
            event,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd
        );
        if events.len() >= MAX_EVENTS {
            let reason = format!("it has more than {MAX_EVENTS} keys and values. Is it the right file?");
            return Err(ConfigError::file(name, Some(line), reason));
        }
        if is_content {
            events.push((event, line));
        }
    }
    run(&mut Walk {
        name,
        events: &events,
        anchors,
        budget: MAX_EXPANDED_BYTES,
        values: Vec::new(),
    })
}

struct Walk<'a> {
    name: &'a str,
    events: &'a [(Event<'a>, usize)],
    /// Anchor → index of its node's first event.
    anchors: FxHashMap<usize, usize>,
    budget: usize,
    values: Vec<FileValue>,
}

impl<'a> Walk<'a> {
    fn error<T>(&self, at: usize, reason: impl Into<String>) -> Result<T, ConfigError> {
        Err(ConfigError::file(self.name, self.events.get(at).map(|e| e.1), reason))
    }

    fn event(&self, at: usize) -> Option<&'a Event<'a>> {
        self.events.get(at).map(|e| &e.0)
    }

    fn document(&mut self) -> Result<Vec<String>, ConfigError> {
        let mut warnings = Vec::new();
        match self.event(0) {
            None => return Ok(warnings),
            Some(Event::Scalar(text, ScalarStyle::Plain, _, _)) if is_null(text) => return Ok(warnings),
            Some(Event::MappingStart(..)) => {}
            Some(_) => return self.error(0, "it must be a mapping of keys to values"),
        }
        let mut at = 1;
        while !matches!(self.event(at), None | Some(Event::MappingEnd)) {
            let line = self.events[at].1;
            let (key, value) = match self.event(at) {
                Some(Event::Scalar(key, ..)) => (key.as_ref(), at + 1),
                _ => ("", self.skip(at)),
            };
            at = if key == "agent" {
                self.flatten(value, "", 0)?
            } else if let Some(prefix) = key.strip_prefix("agent.") {
                self.check_key_text(at, prefix)?;
                self.flatten(value, prefix, 0)?
            } else {
                warnings.extend(misplaced(key).map(|text| format!("{}, line {line}: {text}", self.name)));
                self.skip(value)
            };
        }
        Ok(warnings)
    }

    /// The index after the node at `at`.
    fn skip(&self, mut at: usize) -> usize {
        let mut depth = 0usize;
        while let Some(event) = self.event(at) {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        at
    }

    /// Every node passes here once per place where it is expanded.
    fn enter(&mut self, at: usize, bytes: usize, depth: usize) -> Result<(), ConfigError> {
        if depth > MAX_DEPTH {
            return self.error(
                at,
                format!("it is nested deeper than {MAX_DEPTH} levels. Make it flatter"),
            );
        }
        match self.budget.checked_sub(bytes + 16) {
            Some(left) => self.budget = left,
            None => {
                return self.error(
                    at,
                    format!(
                        "with its aliases written out it has more than {MAX_EXPANDED_BYTES} bytes. Use fewer aliases"
                    ),
                );
            }
        }
        Ok(())
    }

    fn check_key_text(&self, at: usize, key: &str) -> Result<(), ConfigError> {
        if key == "<<" {
            return self.error(at, "merge keys (<<) are not supported. Write the keys out");
        }
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return self.error(at, format!("a key must have 1 to {MAX_KEY_BYTES} characters"));
        }
        Ok(())
    }

    fn mapping_key(&self, at: usize) -> Result<&'a str, ConfigError> {
        let node = match self.event(at) {
            Some(Event::Alias(id)) => self.anchors.get(id).and_then(|&target| self.event(target)),
            other => other,
        };
        let Some(Event::Scalar(key, ..)) = node else {
            return self.error(at, "a key under 'agent' must be a plain text");
        };
        self.check_key_text(at, key)?;
        Ok(key)
    }

    fn alias_target(&self, at: usize, id: usize) -> Result<usize, ConfigError> {
        match self.anchors.get(&id) {
            Some(&target) => Ok(target),
            None => self.error(at, "an alias without an anchor"),
        }
    }

    /// Adds the values of the node at `at` under `prefix`; returns the index after it.
    fn flatten(&mut self, at: usize, prefix: &str, depth: usize) -> Result<usize, ConfigError> {
        let Some(event) = self.event(at) else { return Ok(at) };
        self.enter(at, prefix.len(), depth)?;
        match event {
            Event::Alias(id) => {
                let target = self.alias_target(at, *id)?;
                self.flatten(target, prefix, depth + 1)?;
                Ok(at + 1)
            }
            Event::MappingStart(..) => {
                let mut next = at + 1;
                while !matches!(self.event(next), None | Some(Event::MappingEnd)) {
                    let key = self.mapping_key(next)?;
                    let full = if prefix.is_empty() {
                        key.to_owned()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    self.check_key_text(next, &full)?;
                    next = self.flatten(next + 1, &full, depth + 1)?;
                }
                Ok(next + 1)
            }
            Event::Scalar(text, ScalarStyle::Plain, _, _) if is_null(text) => Ok(at + 1),
            _ if prefix.is_empty() => self.error(at, "the value of 'agent' must be a mapping of keys to values"),
            _ => {
                let mut json = String::new();
                let next = self.json(at, &mut json, depth)?;
                let value = RawJson::parse(&json)
                    .map_err(|e| ConfigError::file(self.name, Some(self.events[at].1), e.to_string()))?;
                self.values.push(FileValue {
                    key: prefix.to_owned(),
                    value,
                    line: self.events[at].1,
                });
                Ok(next)
            }
        }
    }

    /// Appends the node at `at` as JSON; returns the index after it.
    fn json(&mut self, at: usize, out: &mut String, depth: usize) -> Result<usize, ConfigError> {
        let Some(event) = self.event(at) else { return Ok(at) };
        match event {
            Event::Alias(id) => {
                self.enter(at, 0, depth)?;
                let target = self.alias_target(at, *id)?;
                self.json(target, out, depth + 1)?;
                Ok(at + 1)
            }
            Event::Scalar(text, style, _, tag) => {
                self.enter(at, text.len(), depth)?;
                let is_text = *style != ScalarStyle::Plain
                    || tag
                        .as_ref()
                        .is_some_and(|t| t.is_yaml_core_schema() && t.suffix == "str");
                let value = if is_text { None } else { plain_value(text) };
                out.push_str(value.unwrap_or_else(|| RawJson::string(text)).as_str());
                Ok(at + 1)
            }
            Event::SequenceStart(..) => {
                self.enter(at, 0, depth)?;
                out.push('[');
                let mut next = at + 1;
                while !matches!(self.event(next), None | Some(Event::SequenceEnd)) {
                    if next > at + 1 {
                        out.push(',');
                    }
                    next = self.json(next, out, depth + 1)?;
                }
                out.push(']');
                Ok(next + 1)
            }
            Event::MappingStart(..) => {
                self.enter(at, 0, depth)?;
                out.push('{');
                let mut next = at + 1;
                while !matches!(self.event(next), None | Some(Event::MappingEnd)) {
                    if next > at + 1 {
                        out.push(',');
                    }
                    let key = self.mapping_key(next)?;
                    self.enter(next, key.len(), depth)?;
                    out.push_str(RawJson::string(key).as_str());
                    out.push(':');
                    next = self.json(next + 1, out, depth + 1)?;
                }
                out.push('}');
                Ok(next + 1)
            }
            _ => Ok(at + 1),
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The value of an unquoted scalar after YAML 1.2, where `OFF` and `no` are texts. A number keeps its digits, and stays
/// a text when JSON has no such number (`007`, `+1`, `0x1f`, `.inf`): typed getters read it from there, and what was
/// meant as a text is not changed.
fn plain_value(text: &str) -> Option<RawJson> {
    match text {
        "true" | "True" | "TRUE" => return RawJson::parse("true").ok(),
        "false" | "False" | "FALSE" => return RawJson::parse("false").ok(),
        _ if is_null(text) => return Some(RawJson::null()),
        _ => {}
    }
    if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        RawJson::parse(text).ok()
    } else {
        None
    }
}

/// A key beside `agent:` that was probably meant to stand in it. Families are left out: `kafka.properties.x` may
/// well be somebody else's.
pub(super) fn misplaced(key: &str) -> Option<String> {
    if matches!(key.to_lowercase().as_str(), "agent" | "agents" | "agnet" | "agetn") {
        return Some(format!("'{key}' is not read; the section is called 'agent'"));
    }
    if OPTIONS.iter().any(|o| o.key == key) {
        return Some(format!("'{key}' has no effect without the prefix: write 'agent.{key}'"));
    }
    let bare = key
        .split_once('.')
        .filter(|(head, _)| matches!(head.to_lowercase().as_str(), "agent" | "agents" | "agnet"))?
        .1;
    let meant = match find(bare) {
        Some(_) => bare.to_owned(),
        None => check_key(bare)?.suggestion,
    };
    Some(format!("'{key}' is not read; did you mean 'agent.{meant}'?"))
}
