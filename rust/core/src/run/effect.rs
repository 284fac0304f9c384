//! What the core asks of its host.

use crate::ids::{ActionId, KeySlot, Symbol, TaskId, ValueHandle};
use crate::memory::Node;

/// Something of the stream that keeps its place among the records: it closes a segment of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A watermark, in milliseconds of event time.
    Watermark(i64),
    /// The input became idle (true) or active (false).
    Idle(bool),
    /// Record attributes; the number is the host's.
    Attributes(i64),
}

/// An order to the host. Effects are to be carried out in the order in which they are polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Run an action's code from its first line, then report it finished or suspended.
    RunAction {
        /// The task to name in everything the action does.
        task: TaskId,
        /// Its key.
        key: KeySlot,
        /// Which action.
        action: ActionId,
        /// The event that triggered it.
        event: ValueHandle,
    },
    /// Continue a suspended task.
    Resume {
        /// The task.
        task: TaskId,
        /// Its key.
        key: KeySlot,
    },
    /// The event is processed now: listeners and logs may look at it. Only when [`crate::run::Limits::observe_events`].
    Processed {
        /// Its key.
        key: KeySlot,
        /// The event.
        event: ValueHandle,
    },
    /// Send the payload of an output event downstream.
    Emit {
        /// Its key.
        key: KeySlot,
        /// The output event; released by this effect.
        event: ValueHandle,
        /// Timestamp of the input that caused it, in milliseconds.
        timestamp: Option<i64>,
    },
    /// Write one node of short-term memory to the host's keyed state.
    WriteMemory {
        /// Its key.
        key: KeySlot,
        /// The path.
        path: Symbol,
        /// What stands there now.
        node: Node,
    },
    /// Everything that arrived before this marker is finished: pass it on.
    Forward(Marker),
    /// The core no longer refers to this value.
    Release(ValueHandle),
    /// The run of a key has ended.
    RunEnded {
        /// The key.
        key: KeySlot,
        /// Number of the run that ended.
        sequence: u64,
        /// No input of this key is left: the slot is free for reuse.
        idle: bool,
        /// A snapshot of this key's unfinished run was taken: the host's copy is to be deleted when the key is idle.
        persisted: bool,
    },
    /// Something the operator of the job should read in a log.
    Warn(String),
    /// The run cannot go on; the host fails the task with this text. It is the last effect of a machine.
    Fail {
        /// The key whose run it is.
        key: KeySlot,
        /// What happened and how to mend it.
        reason: String,
    },
}
