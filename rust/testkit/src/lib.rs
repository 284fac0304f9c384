//! Simulated hosts and a naive reference machine, for tests of the core.
//!
//! * [`agent`]: scripted agents, whose actions are small programs, with a naive router;
//! * [`exact`]: a router by exact types, when there is nothing to script;
//! * [`host`]: the host's tables, which notice a value used after its release, released twice, or never;
//! * [`reference`](mod@reference): a slow machine that says what has to happen;
//! * [`cluster`]: core machines and reference in lockstep, with checkpoints, crashes and rescaling;
//! * [`story`]: hand-written scenarios, told four ways;
//! * [`model`]: random scenarios;
//! * [`durable`]: a machine with a journal, its host and its store, which can be crashed between any two steps;
//! * [`durable_model`]: random scenarios of that, with an oracle that counts side effects by the identity of their call.
#![forbid(unsafe_code)]
// A broken expectation in a test tool has to stop the test.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod agent;
pub mod cluster;
pub mod durable;
pub mod durable_model;
pub mod exact;
pub mod host;
pub mod model;
pub mod reference;
pub mod rng;
pub mod story;
pub mod subtask;
