//! The vector store without a server.

use super::asked::awaited;
use super::{read, text, written, wrong};
use flink_agents_models::{Document, Filters, VectorStore as Store, VectorStoreError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// A vector store in a file, or in memory. Documents and filters are JSON.
#[pyclass(frozen, module = "flink_agents._core")]
pub(crate) struct VectorStore {
    store: Arc<Store>,
}

fn failed(error: VectorStoreError) -> PyErr {
    match error {
        VectorStoreError::Storage { .. } | VectorStoreError::Newer { .. } => PyOSError::new_err(error.to_string()),
        _ => wrong(error),
    }
}

impl VectorStore {
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&Store) -> Result<T, VectorStoreError> + Send,
    ) -> PyResult<T> {
        py.detach(|| question(&self.store)).map_err(failed)
    }
}

#[pymethods]
impl VectorStore {
    #[new]
    #[pyo3(signature = (path = None))]
    fn new(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Self> {
        let opened = py.detach(|| match &path {
            Some(path) => Store::open(path),
            None => Store::in_memory(),
        });
        Ok(Self {
            store: Arc::new(opened.map_err(failed)?),
        })
    }

    /// Makes a collection; one that is there stays as it is.
    fn create_collection(&self, py: Python<'_>, name: &str, metadata: &str) -> PyResult<()> {
        let metadata = read::<Map<String, Value>>(metadata)?;
        self.ask(py, |store| store.create_collection(name, &metadata))
    }

    /// Removes a collection; tells whether it was there.
    fn delete_collection(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.ask(py, |store| store.delete_collection(name))
    }

    /// Names of all collections, sorted.
    fn collections(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.ask(py, Store::collections)
    }

    /// Adds documents with their vectors, and replaces those whose id is there; returns their ids.
    fn add(&self, py: Python<'_>, collection: &str, documents: &str) -> PyResult<Vec<String>> {
        let documents = read::<Vec<Document>>(documents)?;
        self.ask(py, |store| store.add(collection, &documents))
    }

    /// Replaces documents, each of which has an id.
    fn update(&self, py: Python<'_>, collection: &str, documents: &str) -> PyResult<()> {
        let documents = read::<Vec<Document>>(documents)?;
        self.ask(py, |store| store.update(collection, &documents))
    }

    /// Documents by their ids (all, if None) that filters let through, without their vectors.
    #[pyo3(signature = (collection, ids, filters, limit))]
    fn get(
        &self,
        py: Python<'_>,
        collection: &str,
        ids: Option<Vec<String>>,
        filters: &str,
        limit: Option<usize>,
    ) -> PyResult<String> {
        let filters = read::<Filters>(filters)?;
        let found = self.ask(py, |store| store.get(collection, ids.as_deref(), &filters, limit))?;
        written(&found)
    }

    /// Removes them; returns how many there were.
    #[pyo3(signature = (collection, ids, filters))]
    fn delete(&self, py: Python<'_>, collection: &str, ids: Option<Vec<String>>, filters: &str) -> PyResult<usize> {
        let filters = read::<Filters>(filters)?;
        self.ask(py, |store| store.delete(collection, ids.as_deref(), &filters))
    }

    /// The documents nearest to a vector, the nearest first.
    fn query(
        &self,
        py: Python<'_>,
        collection: &str,
        vector: Vec<f32>,
        limit: usize,
        filters: &str,
    ) -> PyResult<String> {
        let filters = read::<Filters>(filters)?;
        let found = self.ask(py, |store| store.query(collection, &vector, limit, &filters))?;
        written(&found)
    }

    /// The same as a future.
    fn query_async<'py>(
        &self,
        py: Python<'py>,
        collection: String,
        vector: Vec<f32>,
        limit: usize,
        filters: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (store, filters) = (Arc::clone(&self.store), read::<Filters>(filters)?);
        let search = move || store.query(&collection, &vector, limit, &filters);
        let question = async move { tokio::task::spawn_blocking(search).await };
        awaited(py, question, |py, answer| {
            text(py, &answer.map_err(wrong)?.map_err(failed)?)
        })
    }
}
