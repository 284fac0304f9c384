//! The journal: what a run has done, written down as it happens, so that nothing done is done again after a crash.
//!
//! A *record* says one thing about one run of one key: that a durable call ended with this result, or that an action
//! completed with these memory writes and events. Records of a run have an *order*, and a *tail* each, which together with
//! key, operator and job lineage is the record's identity: (run, task path, call position). Neither depends on what ends
//! first, so that the run finds its records when it is executed again ([`History`]). A record written and not yet
//! acknowledged is a *ticket*.
//!
//! What may start before which ticket is acknowledged, and how a run is executed along its records, is decided in
//! `run/journal.rs` by the machine. Stores are outside; of them the journal needs two things: records of one key become
//! durable in the order in which they were written, and what was acknowledged is read back.
//!
//! Matching calls by their position is what Temporal, Restate and Apache Flink Agents do; running along the recorded order
//! is Temporal's and Restate's way.

use crate::config::{ConfigError, ConfigMap};

mod attempts;
mod history;
mod record;
mod tail;

pub(crate) use attempts::{Attempted, Ending, RetainedCall, shown_attempt};
pub use history::{History, Recovered};
pub(crate) use history::{RecoveredCall, RecoveredRun};
pub use record::{
    AttemptRecord, CallRecord, CallStatus, Completion, Digest, First, NEWEST, Origin, Record, RecordBody, RecordError,
    VERSION,
};
pub(crate) use tail::Path;
pub use tail::Tail;

/// Number of a record that was written, counted from 1 for each machine.
pub type Ticket = u64;

/// Bytes that a record may have, as a configuration says: any where the store keeps them in the memory of this process, which has
/// no room of its own; nothing without a store.
///
/// # Errors
/// When an option is wrong.
pub fn max_record_size(config: &ConfigMap) -> Result<Option<usize>, ConfigError> {
    let Some(store) = config.get_enum("actionStateStoreBackend")? else {
        return Ok(None);
    };
    let size = config.get_size("action-state.max-record-size")?;
    Ok(Some(match store {
        "memory" => usize::MAX,
        _ => size.map_or(1 << 20, |size| usize::try_from(size).unwrap_or(usize::MAX)),
    }))
}

/// What becomes of a run that does not match its journal (`action-state.on-divergence`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDivergence {
    /// What is left of the journal of that run is dropped, and the run goes on without it.
    #[default]
    Reexecute,
    /// The job fails.
    Fail,
}

/// Settings of the journal of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalSettings {
    /// See there.
    pub on_divergence: OnDivergence,
    /// Of the runs that begin here.
    pub origin: Origin,
}
