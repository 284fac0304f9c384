//! Python worker processes, and how a host talks to them.
//!
//! * [`frames`]: what is said, both ways. Both ends are Rust: the host's here, the worker's in `rust/python`.
//! * [`stream`]: frames on a socket: the length in front, the limit, what is half received.
//! * [`start`]: a process on its way to be a worker: it connects and answers the greeting, or the start is given up.
//! * [`server`]: the host's end of a worker: sends and receives, notices its end.
//! * [`exchange`]: a second connection, for questions about resources of the other language.
//! * [`flat`]: what was received, in a form that a host without serde reads.
//!
//! A worker is trusted as far as its user is: it runs the job's own code under the same user. What it sends is checked
//! nevertheless, because a defect must end the task and not the TaskManager.

pub mod exchange;
pub mod flat;
pub mod frames;
mod output;
mod process;
pub mod server;
mod socket;
pub mod start;
pub mod stream;

pub use output::{Level, LogLine};
pub use server::{Settings, Worker, WorkerError};
pub use start::{Progress, Starting};
