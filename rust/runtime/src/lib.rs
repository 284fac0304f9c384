//! What the core may not have: threads, processes, sockets, files. Free of JNI and of Python, so that both ends of a protocol are
//! tested here without either.
#![forbid(unsafe_code)]

pub mod event_log;
pub mod http;
pub mod journal;
pub mod metrics;
pub mod otlp;
pub mod secrets;
pub mod store;
pub mod worker;
