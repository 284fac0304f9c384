//! Metrics of runs without Flink, as both languages tell them: a snapshot, which is data; its text page in the exposition format
//! of Prometheus (`page.rs`); and that page served on this machine (`server.rs`). `names.rs` is the table of the metrics that
//! this project itself has, wherever an agent runs.

pub mod names;
mod page;
mod server;

pub use page::page;
pub use server::Server;

use serde::Deserialize;
use std::collections::BTreeMap;

/// All metrics of one agent at a moment. Hosts write it as JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Snapshot {
    /// Name of the agent.
    pub agent: String,
    /// Its metrics, in any order.
    pub metrics: Vec<Metric>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Metric {
    /// Names of the groups above it, the outermost first; a group with a value has two.
    pub scope: Vec<Vec<String>>,
    /// Its own name.
    pub name: String,
    /// What it shows.
    #[serde(flatten)]
    pub value: Value,
}

/// What a metric shows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Value {
    /// A count, which may also go down.
    Counter {
        /// The count.
        count: i64,
    },
    /// How often something happens.
    Meter {
        /// How often it has happened.
        count: i64,
        /// How often a second.
        rate: f64,
    },
    /// A value.
    Gauge {
        /// A number, a text, a boolean, or nothing.
        value: serde_json::Value,
    },
    /// The last values of something.
    Histogram {
        /// How many there were.
        count: i64,
        /// By the quantile's text, such as `0.5`.
        quantiles: BTreeMap<String, f64>,
    },
}

/// What a host has told cannot be read: a mistake of the host.
#[derive(Debug, thiserror::Error)]
#[error("A snapshot of metrics cannot be read: {0}")]
pub struct SnapshotError(#[from] serde_json::Error);

/// Reads a list of snapshots.
///
/// # Errors
/// When it is not JSON of that form.
pub fn read(json: &[u8]) -> Result<Vec<Snapshot>, SnapshotError> {
    Ok(serde_json::from_slice(json)?)
}
