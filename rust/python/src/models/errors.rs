//! Exceptions of models and tool servers.

use flink_agents_models as models;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    flink_agents._core,
    ModelError,
    PyRuntimeError,
    "A model did not answer. Attributes: kind, connection, model, attempt, attempts, status, retry_after, may_pass."
);
create_exception!(
    flink_agents._core,
    McpError,
    PyRuntimeError,
    "A tool server did not answer. Attributes: kind, server, question."
);

/// An argument that cannot be.
pub(super) fn wrong(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub(super) fn model_error(error: models::ModelError) -> PyErr {
    let raised = ModelError::new_err(error.to_string());
    Python::attach(|py| {
        let value = raised.value(py);
        let kind = serde_json::to_value(error.kind).unwrap_or_default();
        value.setattr("kind", kind.as_str())?;
        value.setattr("connection", &error.connection)?;
        value.setattr("model", &error.model)?;
        value.setattr("attempt", error.attempt)?;
        value.setattr("attempts", error.attempts)?;
        value.setattr("status", error.status)?;
        value.setattr("retry_after", error.retry_after.map(|wait| wait.as_secs_f64()))?;
        value.setattr("may_pass", error.may_pass())
    })
    .err()
    .unwrap_or(raised)
}

pub(super) fn mcp_error(error: models::McpError) -> PyErr {
    let raised = McpError::new_err(error.to_string());
    Python::attach(|py| {
        let value = raised.value(py);
        value.setattr("kind", error.kind.name())?;
        value.setattr("server", &error.server)?;
        value.setattr("question", &error.question)
    })
    .err()
    .unwrap_or(raised)
}
