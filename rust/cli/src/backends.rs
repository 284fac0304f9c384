//! Which store a configuration names, for people who want to look into it: the one place where commands open stores.

use flink_agents_core::config::{ConfigError, ConfigMap};
use flink_agents_runtime::store::sqlite::SqliteSettings;
use flink_agents_runtime::store::tool::Tool;
use flink_agents_store_kafka::KafkaSettings;

/// The option that names the store.
pub(crate) const BACKEND: &str = "actionStateStoreBackend";
/// The file of a sqlite store.
pub(crate) const SQLITE_PATH: &str = "sqlite.path";
/// What jobs take for it when it is not set, in their working directory.
const SQLITE_FILE: &str = "flink-agents.sqlite";

/// The store that a configuration names. Nothing is opened yet, and nothing is made.
///
/// # Errors
/// When it names none, or none that can be looked into.
pub(crate) fn of(config: &ConfigMap) -> Result<Box<dyn Tool>, String> {
    let wrong = |error: ConfigError| error.to_string();
    match config.get_enum(BACKEND).map_err(wrong)? {
        Some("sqlite") => {
            let path = config.get_text(SQLITE_PATH).map_err(wrong)?;
            let mut settings = SqliteSettings::new(path.as_deref().unwrap_or(SQLITE_FILE));
            if let Some(retention) = config.get_duration("action-state.retention").map_err(wrong)? {
                settings.retention = retention;
            }
            Ok(Box::new(settings))
        }
        Some("memory") => Err(format!(
            "{BACKEND} is memory: such a store lies in the process of the job, and only that can look into it"
        )),
        Some("kafka") => match KafkaSettings::of(config) {
            Ok(settings) => Ok(Box::new(settings)),
            Err(error) => Err(error.to_string()),
        },
        Some(other) => Err(format!("{BACKEND} is {other}: use kafka or sqlite")),
        None => Err(format!(
            "which store? Name the file of a sqlite store, or the configuration of the job by --config FILE, or set \
             -Dagent.{BACKEND}=… and what belongs to it"
        )),
    }
}
