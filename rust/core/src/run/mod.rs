//! The run machine: which action of which key runs next, and what becomes of the events it sends.

mod calls;
mod effect;
mod failures;
mod figures;
mod input;
mod journal;
mod key;
mod machine;
mod memory;
mod ready;
mod router;
mod routing;
mod segments;
mod snapshot;
mod tasks;
#[cfg(test)]
mod tests;
mod turns;

pub use calls::{ACTION, CallError, ScopeKind, TaskCalls};
pub use effect::{Effect, Marker, Observed, RecordOut};
pub use failures::{FailurePolicy, OnFailure, Verdict};
pub use figures::Figures;
pub use input::{EventIn, InputError, Limits, TaskError};
pub use journal::{CallIn, CallOutcome, CallStep};
pub use machine::Machine;
pub use memory::AccessError;
pub use router::Router;
pub use snapshot::{KeySnapshot, RestoreError, RestorePlan, SnapshotError};
