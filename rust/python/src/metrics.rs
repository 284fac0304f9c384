//! Metrics without Flink: the text page, and its server.

use flink_agents_runtime::metrics::{self, Server};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// The text page of snapshots, a JSON list.
#[pyfunction]
pub(crate) fn metrics_page(snapshots: &str) -> PyResult<String> {
    let snapshots = metrics::read(snapshots.as_bytes()).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(metrics::page(&snapshots))
}

/// Serves the page at a port of 127.0.0.1; 0 takes a free one.
#[pyclass(module = "flink_agents._core")]
pub(crate) struct MetricsServer {
    server: Option<Server>,
    port: u16,
}

#[pymethods]
impl MetricsServer {
    #[new]
    fn new(port: u16) -> PyResult<MetricsServer> {
        let server = Server::start(port).map_err(PyOSError::new_err)?;
        Ok(MetricsServer {
            port: server.port(),
            server: Some(server),
        })
    }

    /// The port it listens at.
    #[getter]
    fn port(&self) -> u16 {
        self.port
    }

    /// Replaces what is shown.
    fn publish(&self, snapshots: &str) {
        if let Some(server) = &self.server {
            server.publish(snapshots.as_bytes().to_vec());
        }
    }

    /// Ends it; the port is free afterwards.
    fn close(&mut self, py: Python<'_>) {
        let server = self.server.take();
        py.detach(|| drop(server));
    }
}
