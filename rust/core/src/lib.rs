//! The sans-IO core of flink-agents-rs: it decides, hosts execute.
#![forbid(unsafe_code)]
