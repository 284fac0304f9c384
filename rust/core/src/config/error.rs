//! The error of configuration.

use super::options::{Kind, OptionSpec};
use super::secret::is_hidden;
use crate::plan::quoted;

/// Why configuration could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value does not fit its option.
    #[error("Invalid value {found} of configuration key '{key}'{source_text}: {allowed}")]
    Value {
        /// The full key, without the prefix `agent.`.
        key: String,
        /// The value, as JSON, shortened.
        found: String,
        /// Where the value came from, such as ` (config.yaml, line 3)`; empty when unknown.
        source_text: String,
        /// What the option takes.
        allowed: String,
    },
    /// A configuration file cannot be used.
    #[error("Cannot read the configuration file {file}{place}: {reason}")]
    File {
        /// Name of the file.
        file: String,
        /// `, line 3` or empty.
        place: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// A caller asked for a key that is not in the table of options.
    #[error("'{key}' is not an option of this version; read it as a raw value instead")]
    NotAnOption {
        /// The key asked for.
        key: String,
    },
    /// A request of a host cannot be understood.
    #[error("Cannot read the configuration request: {reason}")]
    Request {
        /// What is wrong.
        reason: String,
    },
}

impl ConfigError {
    pub(crate) fn value(key: &str, found: &str, option: &OptionSpec) -> Self {
        let found = if is_hidden(key, found.trim_matches('"')) {
            "(a secret, not shown)"
        } else {
            found
        };
        let shown: String = found.chars().take(80).collect();
        let shown = if shown.len() < found.len() {
            shown + "…"
        } else {
            shown
        };
        ConfigError::Value {
            key: key.to_owned(),
            found: shown,
            source_text: String::new(),
            allowed: allowed(option, found),
        }
    }

    pub(crate) fn with_origin(self, origin: &str) -> Self {
        match self {
            ConfigError::Value {
                key, found, allowed, ..
            } => ConfigError::Value {
                key,
                found,
                source_text: format!(" ({origin})"),
                allowed,
            },
            other => other,
        }
    }

    pub(crate) fn file(file: &str, line: Option<usize>, reason: impl Into<String>) -> Self {
        ConfigError::File {
            file: file.to_owned(),
            place: line.map(|l| format!(", line {l}")).unwrap_or_default(),
            reason: reason.into(),
        }
    }
}

fn allowed(option: &OptionSpec, found: &str) -> String {
    if let Kind::Enum { refused, .. } = option.kind {
        let word = found.trim_matches('"').to_lowercase();
        if let Some((_, reason)) = refused.iter().find(|(text, _)| *text == word) {
            return format!("{reason}; allowed: {}", option.kind.allowed());
        }
    }
    let default = option
        .default
        .map(|d| format!(" (default {})", quoted(d)))
        .unwrap_or_default();
    format!("allowed: {}{default}", option.kind.allowed())
}
