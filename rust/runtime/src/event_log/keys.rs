//! How the execution trace shows business keys: option `log.keys`.

use flink_agents_core::config::{ConfigError, ConfigMap};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A manner of showing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// As a hash.
    Hash,
    /// As they are.
    Plain,
    /// Not at all.
    None,
}

impl Keys {
    /// What the configuration says.
    ///
    /// # Errors
    /// When the value is none of the option.
    pub fn read(config: &ConfigMap) -> Result<Keys, ConfigError> {
        Ok(match config.get_enum("log.keys")? {
            Some("plain") => Keys::Plain,
            Some("none") => Keys::None,
            _ => Keys::Hash,
        })
    }

    /// What a word of the option says; a hash for any other.
    pub fn of_word(word: &str) -> Keys {
        match word.trim().to_lowercase().as_str() {
            "plain" => Keys::Plain,
            "none" => Keys::None,
            _ => Keys::Hash,
        }
    }

    /// A key as it is shown. Its hash is that of a text in Java, so that a Python job shows a key alike on Flink and without.
    pub fn show(self, key: &str) -> Option<String> {
        match self {
            Keys::Plain => Some(key.to_owned()),
            Keys::None => None,
            Keys::Hash => {
                let digest = Sha256::digest(format!("java.lang.String/{key}"));
                let mut shown = "#".to_owned();
                for byte in &digest[..6] {
                    // A text takes whatever is written to it.
                    _ = write!(shown, "{byte:02x}");
                }
                Some(shown)
            }
        }
    }
}
