//! Plans and configuration: what the JVM host has too.

use flink_agents_core::config;
use flink_agents_core::plan::AgentPlan;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

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
