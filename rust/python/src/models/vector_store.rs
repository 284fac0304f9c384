//! Vector stores, with a server or without one.

use super::asked::{awaited, blocking, runtime};
use super::{read, wrong};
use flink_agents_models::{Store, StoreCall, StoreKind, VectorStoreError};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use serde_json::Value;

/// A vector store of a kind. What it is asked and what it answers are JSON.
#[pyclass(frozen, module = "flink_agents._core")]
pub(crate) struct VectorStore {
    store: Store,
}

fn failed(error: VectorStoreError) -> PyErr {
    match error {
        VectorStoreError::Storage { .. } | VectorStoreError::Newer { .. } => PyOSError::new_err(error.to_string()),
        VectorStoreError::Server { .. } => PyRuntimeError::new_err(error.to_string()),
        _ => wrong(error),
    }
}

#[pymethods]
impl VectorStore {
    #[new]
    fn new(py: Python<'_>, kind: &str, name: &str, arguments: &str) -> PyResult<Self> {
        let kind = serde_json::from_value::<StoreKind>(kind.into()).map_err(wrong)?;
        let arguments = read::<Value>(arguments)?;
        let runtime = runtime()?;
        let opened = py.detach(|| {
            let _entered = runtime.enter();
            Store::open(kind, name, &arguments)
        });
        Ok(Self {
            store: opened.map_err(failed)?,
        })
    }

    /// Asks, and waits for the answer.
    fn ask(&self, py: Python<'_>, call: &str) -> PyResult<String> {
        let call = read::<StoreCall>(call)?;
        blocking(py, self.store.call(call))?.map_err(failed)
    }

    /// Asks, and returns the answer as a future.
    fn ask_async<'py>(&self, py: Python<'py>, call: &str) -> PyResult<Bound<'py, PyAny>> {
        let (store, call) = (self.store.clone(), read::<StoreCall>(call)?);
        let question = async move { store.call(call).await };
        awaited(py, question, |py, answer| {
            Ok(answer.map_err(failed)?.into_pyobject(py)?.into_any().unbind())
        })
    }
}
