//! `flink_agents._core`: the core for Python hosts.
//!
//! Everything here is called by Python code under its global lock. Values of agents cross as Python objects or as plain data
//! of format version 1; only what models are asked and answer is JSON text, as it is on their wires. A panic becomes Python's `PanicException`.
#![forbid(unsafe_code)]

mod built_in;
mod convert;
mod decode;
mod encode;
mod keys;
mod local;
mod metrics;
mod models;
mod observed;
mod plan;
mod refusal;
mod threads;
mod uuid;
mod worker;

use pyo3::prelude::*;

/// A constant that stands for an answer that is no value.
#[pyclass(frozen, module = "flink_agents._core")]
pub(crate) struct Marker {
    name: &'static str,
}

#[pymethods]
impl Marker {
    fn __repr__(&self) -> &'static str {
        self.name
    }

    /// Pickles and copies as the constant itself.
    fn __reduce__(&self) -> &'static str {
        self.name
    }
}

/// The version of this build.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Names and purposes of the commands of `flink-agents` that `command` runs.
#[pyfunction]
fn commands() -> Vec<(&'static str, &'static str)> {
    flink_agents_cli::COMMANDS.to_vec()
}

/// Runs a command of `flink-agents`: exit status, and the texts for standard output and standard error.
#[pyfunction]
fn command(py: Python<'_>, words: Vec<String>) -> (u8, String, String) {
    let answer = py.detach(|| flink_agents_cli::main(&words));
    (answer.status, answer.output, answer.errors)
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_function(wrap_pyfunction!(version, module)?)?;
    module.add_function(wrap_pyfunction!(commands, module)?)?;
    module.add_function(wrap_pyfunction!(command, module)?)?;
    module.add_function(wrap_pyfunction!(convert::encode, module)?)?;
    module.add_function(wrap_pyfunction!(convert::decode, module)?)?;
    module.add_function(wrap_pyfunction!(convert::check_plain, module)?)?;
    module.add_function(wrap_pyfunction!(convert::to_plain, module)?)?;
    module.add_function(wrap_pyfunction!(convert::to_json, module)?)?;
    module.add_function(wrap_pyfunction!(convert::check_memory_value, module)?)?;
    module.add_function(wrap_pyfunction!(keys::key_text, module)?)?;
    module.add_function(wrap_pyfunction!(keys::key_of, module)?)?;
    module.add_function(wrap_pyfunction!(keys::shown_key, module)?)?;
    module.add_function(wrap_pyfunction!(uuid::random_uuid, module)?)?;
    module.add_function(wrap_pyfunction!(uuid::uuid_of, module)?)?;
    module.add_function(wrap_pyfunction!(local::args_digest, module)?)?;
    module.add_function(wrap_pyfunction!(plan::validate_plan, module)?)?;
    module.add_function(wrap_pyfunction!(plan::load_config, module)?)?;
    module.add_function(wrap_pyfunction!(plan::resolve_secret, module)?)?;
    module.add_function(wrap_pyfunction!(plan::is_hidden, module)?)?;
    module.add_function(wrap_pyfunction!(metrics::metrics_page, module)?)?;
    module.add_class::<metrics::MetricsServer>()?;
    module.add_function(wrap_pyfunction!(models::chat_parameters, module)?)?;
    module.add_function(wrap_pyfunction!(models::embedding_parameters, module)?)?;
    module.add_class::<built_in::BuiltIn>()?;
    module.add_class::<models::ChatClient>()?;
    module.add_class::<models::EmbeddingClient>()?;
    module.add_class::<models::McpClient>()?;
    module.add_class::<models::VectorStore>()?;
    module.add("ModelError", py.get_type::<models::ModelError>())?;
    module.add("McpError", py.get_type::<models::McpError>())?;
    module.add_class::<local::Local>()?;
    module.add_class::<worker::Exchange>()?;
    module.add_class::<worker::Worker>()?;
    module.add("ABSENT", local::absent(py)?)?;
    module.add("OBJECT", local::object(py)?)?;
    module.add("WAIT", Py::new(py, Marker { name: "WAIT" })?)?;
    Ok(())
}
