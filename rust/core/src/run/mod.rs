//! The run machine: which action of which key runs next, and what becomes of the events it sends.

mod effect;
mod key;
mod machine;
mod memory;
mod router;
mod segments;
mod snapshot;
#[cfg(test)]
mod tests;

pub use effect::{Effect, Marker};
pub use machine::{EventIn, InputError, Limits, Machine, TaskError};
pub use memory::AccessError;
pub use router::Router;
pub use snapshot::{KeySnapshot, RestoreError, RestorePlan, SnapshotError};
