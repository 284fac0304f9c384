//! How a machine is doing, for metrics: counted where it happens, so that asking costs nothing.

/// Numbers of a moment, and one that only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events processed since the machine was made: each when it is routed, an input when its run starts. Those of a replayed
    /// action count again.
    pub events: u64,
    /// Inputs not finished, those waiting behind a busy key included.
    pub unfinished_inputs: usize,
    /// Inputs waiting behind a busy key.
    pub waiting_inputs: usize,
    /// Tasks that wait for something.
    pub suspended_tasks: usize,
    /// Outputs held back until the records before them are durable.
    pub held_outputs: usize,
    /// Attempts of actions that failed and are, or were, followed by another; only grows.
    pub failed_attempts: u64,
    /// Dead letters that left; only grows.
    pub dead_letters: u64,
    /// Markers held back by unfinished inputs.
    pub held_markers: usize,
}
