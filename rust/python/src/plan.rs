//! Plans and configuration: what the JVM host has too.

use flink_agents_core::config::{self, ConfigMap};
use flink_agents_core::event_log;
use flink_agents_core::journal;
use flink_agents_core::memory::memory_events;
use flink_agents_core::plan::{AgentPlan, Routes};
use flink_agents_runtime::{otlp, secrets};
use pyo3::exceptions::{PyLookupError, PyValueError};
use pyo3::prelude::*;
use std::time::Duration;

/// Reads and checks a plan as far as the client can.
pub(crate) fn read(plan: &str) -> PyResult<AgentPlan> {
    let plan = AgentPlan::from_json(plan.as_bytes()).map_err(|e| PyValueError::new_err(e.to_string()))?;
    plan.validate().map_err(|e| PyValueError::new_err(e.to_string()))?;
    Ok(plan)
}

/// Seconds that a durable call may take, of option `call.timeout`.
pub(crate) fn call_timeout(plan: &AgentPlan) -> PyResult<Option<f64>> {
    let limit = plan.config.get_duration("call.timeout");
    let limit = limit.map_err(|e| PyValueError::new_err(e.to_string()))?;
    Ok(limit.map(|limit| limit.as_secs_f64()))
}

/// Whether there is an execution trace.
pub(crate) fn is_traced(config: &ConfigMap) -> bool {
    // A wrong option is told of by whoever opens the log.
    event_log::Settings::read(config).is_ok_and(|settings| settings.trace) || has_spans(config)
}

/// Whether live spans are sent.
pub(crate) fn has_spans(config: &ConfigMap) -> bool {
    otlp::endpoint(config).is_ok_and(|endpoint| endpoint.is_some())
}

/// Whether each action, in the order of the plan, may be tried again or end as a dead letter.
pub(crate) fn failure_policies(plan: &AgentPlan) -> Vec<bool> {
    // A plan that is wrong is told of by whoever loads it.
    let routes = Routes::compile(plan);
    let asked = |routes: Routes| {
        routes
            .actions()
            .iter()
            .map(|action| action.failure_policy.is_asked_for())
            .collect()
    };
    routes.map(asked).unwrap_or_default()
}

/// Which uses of memory become events. A plan that is wrong is told of by whoever loads it.
pub(crate) fn events_of_memory(plan: &AgentPlan) -> u8 {
    let routes = Routes::compile(plan).ok();
    routes
        .and_then(|routes| memory_events(&plan.config, &routes).ok())
        .unwrap_or_default()
}

/// What the configuration says of a journal, wherever its store is.
pub(crate) struct JournalOptions {
    /// Name of the store.
    pub(crate) backend: &'static str,
    /// Bytes that a record may have.
    pub(crate) max_record_size: usize,
    /// How long code of an action is waited for that may bring what the journal has.
    pub(crate) patience: Duration,
}

/// Nothing without `actionStateStoreBackend`.
pub(crate) fn journal_options(config: &ConfigMap) -> Result<Option<JournalOptions>, String> {
    let wrong = |error: config::ConfigError| error.to_string();
    let Some(backend) = config.get_enum("actionStateStoreBackend").map_err(wrong)? else {
        return Ok(None);
    };
    let max_record_size = journal::max_record_size(config).map_err(wrong)?;
    let patience = config.get_duration("action-state.reorder-timeout").map_err(wrong)?;
    Ok(Some(JournalOptions {
        backend,
        max_record_size: max_record_size.unwrap_or(usize::MAX),
        patience: patience.unwrap_or(Duration::from_secs(30)),
    }))
}

/// Checks a plan (JSON) and returns it in the current form.
#[pyfunction]
pub(crate) fn validate_plan(plan_json: &str) -> PyResult<String> {
    Ok(read(plan_json)?.to_json())
}

/// Merges the sources of configuration: JSON in, JSON out, as `AgentsCore.loadConfig` of the JVM host.
#[pyfunction]
pub(crate) fn load_config(request_json: &str) -> PyResult<String> {
    let merged = config::load_json(request_json.as_bytes()).map_err(|e| PyValueError::new_err(e.to_string()))?;
    String::from_utf8(merged).map_err(|e| PyValueError::new_err(e.to_string()))
}

/// What a value of a configuration refers to, `${env:NAME}` or `${file:PATH}`; any other value as it is.
#[pyfunction]
pub(crate) fn resolve_secret(value: &str) -> PyResult<String> {
    secrets::resolve(value).map_err(|missing| PyLookupError::new_err(missing.told()))
}

/// Whether messages must not show the value of a key: a secret that lies there itself.
#[pyfunction]
pub(crate) fn is_hidden(key: &str, value: &str) -> bool {
    config::is_hidden(key, value)
}
