//! Secrets that a configuration refers to: the one place where they are looked up, for stores, resources and user code.

use flink_agents_core::config::Reference;

/// Why a secret is not where a value says. It names the reference, and never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Missing {
    /// What was looked for: `environment variable NAME`, `file PATH`.
    pub what: String,
    /// What came of it.
    pub why: String,
    /// How to mend it.
    pub remedy: &'static str,
}

impl Missing {
    /// What is missing, why, and how to mend it.
    pub fn told(&self) -> String {
        format!("{self}. {}", self.remedy)
    }
}

/// The value itself, or what it refers to: `${env:NAME}` a variable of this process, `${file:PATH}` the content of a file,
/// without the end of its last line.
///
/// # Errors
/// When the variable or the file is not there, or not UTF-8.
pub fn resolve(value: &str) -> Result<String, Missing> {
    match Reference::of(value) {
        None => Ok(value.to_owned()),
        Some(Reference::Env(name)) => std::env::var(name).map_err(|error| Missing {
            what: format!("environment variable {name}"),
            why: error.to_string(),
            remedy: "Set the variable for the processes that run the job's tasks",
        }),
        Some(Reference::File(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(Missing {
                what: format!("file {path}"),
                why: error.to_string(),
                remedy: "Put the file on every machine that runs the job's tasks, readable for its user",
            }),
        },
    }
}
