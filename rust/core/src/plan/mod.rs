//! The agent plan: what an agent consists of, as plain data that every language writes and the core reads.
//!
//! [`AgentPlan::from_json`] reads the documents of both languages in the current layout and in that of 0.3.1;
//! [`AgentPlan::to_json`] writes the current one. [`AgentPlan::validate`] is the client's check of trigger
//! conditions, [`Routes::compile`] the operator's, which also builds the tables that route events to actions.

mod error;
pub mod json;
mod model;
mod read;
mod routes;
mod write;

pub use error::{PlanError, PlanErrorKind};
pub use json::{MAX_DEPTH, RawJson};
pub use model::{
    Action, AgentPlan, BuiltIn, Descriptor, Function, Language, ProviderBody, ResourceProvider, ResourceType,
};
pub use read::FORMAT_VERSION;
pub use routes::{CompiledAction, OnConditionFailure, RouteError, Routes};

pub(crate) use error::quoted;
