//! Which store a plan's configuration names, and how the journal is to behave.
//!
//! *Owned state*: the store in memory, one for all cores of this copy of the library, so that a task that is restarted in the
//! same JVM finds what it wrote. It goes when the library is unloaded.

use crate::errors::Failure;
use flink_agents_core::config::{ConfigError, ConfigMap};
use flink_agents_core::journal::{JournalSettings, OnDivergence};
use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore};
use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore};
use flink_agents_runtime::store::{Lineage, MissingHistory, Store, StoreError};
use flink_agents_store_kafka::{KafkaSettings, KafkaStore, Reports};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The option that says whether there is a journal.
pub(crate) const BACKEND: &str = "actionStateStoreBackend";

/// File of the sqlite store, in the working directory of the process.
const FILE: &str = "flink-agents.sqlite";

static MEMORY: Mutex<Option<MemoryStore>> = Mutex::new(None);

impl From<StoreError> for Failure {
    #[cold]
    fn from(error: StoreError) -> Self {
        Failure::core(error.to_string())
    }
}

fn argument(error: ConfigError) -> Failure {
    Failure::argument(error.to_string())
}

/// How the journal behaves.
pub(crate) struct Settings {
    on_divergence: OnDivergence,
    pub(crate) missing_history: MissingHistory,
    /// A restored job takes over the lineage it was restored from.
    pub(crate) continues: bool,
    /// How long a run that the journal knows waits for its input.
    pub(crate) patience: Duration,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Settings {
    /// # Errors
    /// When an option is wrong.
    pub(crate) fn read(config: &ConfigMap) -> Result<Settings, Failure> {
        let word = |key: &str| config.get_enum(key).map_err(argument);
        let patience = config.get_duration("action-state.reorder-timeout").map_err(argument)?;
        Ok(Settings {
            patience: patience.unwrap_or(PATIENCE),
            on_divergence: match word("action-state.on-divergence")? {
                Some("fail") => OnDivergence::Fail,
                _ => OnDivergence::Reexecute,
            },
            missing_history: match word("action-state.on-missing-history")? {
                Some("reexecute") => MissingHistory::Reexecute,
                _ => MissingHistory::Fail,
            },
            continues: word("action-state.on-restore")? == Some("continue"),
        })
    }

    /// For the machine of a job.
    pub(crate) fn journal(&self, lineage: Lineage) -> JournalSettings {
        JournalSettings {
            on_divergence: self.on_divergence,
            origin: lineage.0,
        }
    }
}

/// The store that a configuration names. `reports` gets what users should know of it.
///
/// # Errors
/// When it names none that is here, an option is wrong, or the store does not start.
pub(crate) fn open(config: &ConfigMap, reports: &Arc<Reports>) -> Result<Box<dyn Store>, Failure> {
    match config.get_enum(BACKEND).map_err(argument)? {
        Some("memory") => {
            let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
            if memory.is_none() {
                let settings = MemorySettings {
                    // Of the process, not of a job.
                    max_record_size: usize::MAX,
                    ..MemorySettings::default()
                };
                *memory = Some(MemoryStore::threaded(settings)?);
            }
            let store = memory.clone();
            store
                .map(|store| Box::new(store) as Box<dyn Store>)
                .ok_or_else(|| Failure::core("the store in memory is gone"))
        }
        Some("sqlite") => Ok(Box::new(SqliteStore::new(sqlite(config)?)?)),
        Some("kafka") => Ok(Box::new(KafkaStore::new(KafkaSettings::of(config)?, reports.report())?)),
        Some(other) => Err(Failure::argument(format!(
            "Option {BACKEND} is {other}: there is no such store; use kafka, sqlite or memory"
        ))),
        None => Err(Failure::argument(format!(
            "Option {BACKEND} is not set: there is no journal without a store"
        ))),
    }
}

fn sqlite(config: &ConfigMap) -> Result<SqliteSettings, Failure> {
    let path = match config.get_text("sqlite.path").map_err(argument)? {
        Some(path) => PathBuf::from(path),
        None => Path::new(FILE).to_path_buf(),
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|error| {
            Failure::core(format!(
                "Option sqlite.path: directory {} cannot be made: {error}",
                parent.display()
            ))
        })?;
    }
    let mut settings = SqliteSettings::new(path);
    if let Some(retention) = config.get_duration("action-state.retention").map_err(argument)? {
        settings.retention = retention;
    }
    if let Some(size) = config.get_size("action-state.max-record-size").map_err(argument)? {
        settings.max_record_size = usize::try_from(size).unwrap_or(usize::MAX);
    }
    Ok(settings)
}

/// Ends the thread of the store in memory: the library is being unloaded.
pub(crate) fn unload() {
    let memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(memory);
}

#[cfg(test)]
mod tests {
    use super::*;
    use flink_agents_core::plan::AgentPlan;

    fn config(backend: &str) -> ConfigMap {
        let plan = format!(
            r#"{{"actions":{{}},"resource_providers":{{}},"config":{{"conf_data":{{"{BACKEND}":"{backend}"}}}}}}"#
        );
        AgentPlan::from_json(plan.as_bytes()).unwrap().config
    }

    fn refusal(backend: &str) -> String {
        open(&config(backend), &Arc::default())
            .err()
            .map(|failure| failure.text)
            .unwrap_or_default()
    }

    #[test]
    fn words_count_without_regard_to_case() {
        assert_eq!(refusal("Memory"), "");
        assert_eq!(refusal("memory"), "");
    }

    #[test]
    fn the_options_of_kafka_are_read_and_their_secrets_not_told() {
        assert!(
            refusal("kafka").contains("kafkaActionStateTopic: it is not set"),
            "{}",
            refusal("kafka")
        );
        let refused = |property: &str, value: &str| {
            let mut config = config("kafka");
            config.set("kafkaActionStateTopic", &"t".into());
            config.set(
                format!("kafka.properties.{property}"),
                &serde_json::from_str(value).unwrap(),
            );
            let failure = open(&config, &Arc::default()).err();
            failure.map(|failure| failure.text).unwrap_or_default()
        };
        assert_eq!(refused("linger.ms", "3"), "");
        assert!(refused("acks", "1").contains("kafka.properties.acks: it must be all"));
        let odd = refused("sasl.password", r#"["very-secret"]"#);
        assert!(
            odd.contains("sasl.password: its value is no text") && !odd.contains("very-secret"),
            "{odd}"
        );
        let missing = refused("sasl.password", r#""${env:FLINK_AGENTS_NO_SUCH}""#);
        assert!(
            missing.contains("environment variable FLINK_AGENTS_NO_SUCH"),
            "{missing}"
        );
    }

    #[test]
    fn stores_that_are_not_here_are_refused_by_name() {
        assert!(refusal("fluss").contains("not supported here"), "{}", refusal("fluss"));
        let typo = refusal("sqlight");
        for word in ["sqlight", "kafka", "sqlite", "memory"] {
            assert!(typo.contains(word), "{typo}");
        }
    }
}
