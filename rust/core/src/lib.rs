//! The sans-IO core of flink-agents-rs: it decides, hosts execute.
//!
//! A host feeds a [`run::Machine`] with inputs and polls it for effects. There is no clock, no randomness and no I/O in
//! this crate: the same inputs give the same effects, so that every schedule, crash and replay is a plain unit test.
#![forbid(unsafe_code)]

pub mod builtin;
pub mod checkpoint;
pub mod condition;
pub mod config;
pub mod event_log;
pub mod ids;
pub mod journal;
pub mod letter;
pub mod memory;
pub mod plan;
pub mod run;
pub mod symbols;
pub mod value;
