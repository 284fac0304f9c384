//! Merging all sources into the values that go into the plan.

use super::error::ConfigError;
use super::file::{FileValue, misplaced, parse_file};
use super::map::ConfigMap;
use super::nearest::check_key;
use super::options::find;
use crate::plan::json::{Object, Place, string, write_key, write_strings};
use crate::plan::{PlanError, RawJson};

/// The prefix of our keys on the command line and at the top level of a file.
const PREFIX: &str = "agent.";

/// Where values come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Name and text of Flink's configuration file, if there is one.
    pub file: Option<(String, String)>,
    /// Properties of the command line (`-D`), of which those that begin with `agent.` are ours.
    pub dynamic: Vec<(String, RawJson)>,
    /// Values set on the environment object.
    pub environment: Vec<(String, RawJson)>,
}

/// Reads and merges all sources; also returns warnings about keys that are probably misspelt or misplaced.
///
/// # Errors
/// A file that cannot be read, and a value that does not fit its option; the message names key, value, source and what
/// is allowed.
pub fn load(sources: &Sources) -> Result<(ConfigMap, Vec<String>), ConfigError> {
    let mut warnings = Vec::new();
    let mut layers: Vec<(String, RawJson, String)> = Vec::new();
    if let Some((name, text)) = &sources.file {
        let (values, file_warnings) = parse_file(name, text)?;
        warnings.extend(file_warnings);
        layers.extend(
            values
                .into_iter()
                .map(|FileValue { key, value, line }| (key, value, format!("{name}, line {line}"))),
        );
    }
    for (key, value) in &sources.dynamic {
        match key.strip_prefix(PREFIX) {
            Some(key) => layers.push((key.to_owned(), value.clone(), format!("-D{PREFIX}{key}"))),
            None => warnings.extend(misplaced(key).map(|text| format!("-D{key}: {text}"))),
        }
    }
    let from_environment = |(key, value): &(String, RawJson)| (key.clone(), value.clone(), ENVIRONMENT.to_owned());
    layers.extend(sources.environment.iter().map(from_environment));

    for (key, _, origin) in &layers {
        warnings.extend(check_key(key).map(|finding| finding.warning(origin)));
    }
    let config = merge(layers.iter().map(|(key, value, _)| (key.as_str(), value)));
    for (key, _) in config.iter() {
        config.check(key).map_err(|e| {
            // The last one set it; earlier values of the key were never used.
            let origin = layers
                .iter()
                .rev()
                .find(|(k, ..)| k == key)
                .map_or("", |(_, _, origin)| origin);
            e.with_origin(origin)
        })?;
    }
    Ok((config, warnings))
}

const ENVIRONMENT: &str = "set on the environment";

/// Puts values above each other, the last of a key winning. A null does not replace the value of an option that has a
/// default; for any other key it is a value, which typed getters read as unset.
pub fn merge<'a>(values: impl IntoIterator<Item = (&'a str, &'a RawJson)>) -> ConfigMap {
    let mut config = ConfigMap::default();
    for (key, value) in values {
        let ignored = value.is_null() && find(key).is_some_and(|option| option.default.is_some());
        if !ignored {
            config.set_raw(key, value.clone());
        }
    }
    config
}

/// [`load`] for hosts: takes `{"file_name", "file_text", "dynamic": {…}, "environment": {…}}`, each of which may be
/// missing or null, and returns `{"conf_data": {…}, "warnings": [text, …]}`. `conf_data` holds what was set, without
/// defaults; it is what the plan carries under `config`.
pub fn load_json(request: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let sources = read_request(request)?;
    let (config, warnings) = load(&sources)?;
    let mut out = String::from("{");
    write_key(&mut out, "conf_data");
    config.write_json(&mut out);
    write_key(&mut out, "warnings");
    write_strings(&mut out, &warnings);
    out.push('}');
    Ok(out.into_bytes())
}

fn read_request(request: &[u8]) -> Result<Sources, ConfigError> {
    let bad = |e: PlanError| ConfigError::Request {
        reason: format!("{}: {}", e.path(), e.message()),
    };
    let text = std::str::from_utf8(request).map_err(|e| ConfigError::Request {
        reason: format!("not UTF-8 text: {e}"),
    })?;
    let root = Place::ROOT;
    let mut object = Object::read(text, &root).map_err(bad)?;
    let mut texts = Vec::new();
    for key in ["file_name", "file_text"] {
        texts.push(
            object
                .take(key)
                .map(|raw| string(raw, &root.key(key)))
                .transpose()
                .map_err(bad)?,
        );
    }
    let mut maps = Vec::new();
    for key in ["dynamic", "environment"] {
        let at = root.key(key);
        let entries = object
            .take(key)
            .map(|raw| Object::read(raw.get(), &at)?.rest(&at))
            .transpose()
            .map_err(bad)?;
        maps.push(entries.unwrap_or_default());
    }
    if let Some((key, _)) = object.rest(&root).map_err(bad)?.first() {
        return Err(ConfigError::Request {
            reason: format!("unknown key '{key}'"),
        });
    }
    let environment = maps.pop().unwrap_or_default();
    let dynamic = maps.pop().unwrap_or_default();
    let text = texts.pop().flatten();
    let name = texts.pop().flatten().unwrap_or_else(|| "config.yaml".to_owned());
    Ok(Sources {
        file: text.map(|text| (name, text)),
        dynamic,
        environment,
    })
}
