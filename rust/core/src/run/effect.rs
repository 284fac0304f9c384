//! What the core asks of its host.

use crate::ids::{ActionId, EventId, KeySlot, Symbol, TaskId, ValueHandle};
use crate::journal::{Completion, Ticket};
use crate::memory::Node;
use crate::run::CallStep;
use std::sync::Arc;

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

/// What the machine knows of a processed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub event_type: Symbol,
    /// The event and the action it came from; nothing for inputs.
    pub lineage: Option<(EventId, ActionId)>,
    /// The task that has sent it, if that ended in this machine.
    pub sender: Option<TaskId>,
}

/// A record as it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOut {
    /// Identity of the record in its key, see [`crate::journal::Tail`].
    pub tail: Arc<[u8]>,
    /// The record; nothing to remove it.
    pub value: Option<Arc<[u8]>>,
}

/// An order to the host. Small, since they are copied through queues: what is large stands in a box. Effects are to be carried out in the order in which they are polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A run is about to begin: say [`crate::run::Machine::handle_begin`] with the event that tells so, of the key's short-term
    /// memory as it is now. Only when [`crate::run::Limits::begin_events`].
    Begin {
        /// The key, which does nothing until then.
        key: KeySlot,
    },
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
    /// An attempt of an action has failed and is followed by another: say [`crate::run::Machine::handle_backoff_over`] at
    /// `due_ms`, and no later than `wait_ms` from now, whatever the clock shows.
    Backoff {
        /// The task, under its new number.
        task: TaskId,
        /// Its key.
        key: KeySlot,
        /// The wait, in milliseconds, from the failure on.
        wait_ms: u64,
        /// When it ends, in milliseconds since 1970 as the host reckons.
        due_ms: i64,
    },
    /// An action completed before a crash: instead of running it, read the values of its record and hand them to
    /// [`crate::run::Machine::handle_replayed`]. Only with a journal.
    Replay {
        /// The task.
        task: TaskId,
        /// Its key.
        key: KeySlot,
        /// Which action.
        action: ActionId,
        /// Its record.
        completion: Box<Completion>,
    },
    /// What is to be done with a durable call that had to wait. Only with a journal.
    CallReady {
        /// The task, which may have other calls under way.
        task: TaskId,
        /// Its key.
        key: KeySlot,
        /// The call's number.
        call: u32,
        /// Never [`CallStep::Wait`].
        step: Box<CallStep>,
    },
    /// Write a record, or remove it, and say [`crate::run::Machine::handle_acknowledged`] when that is durable. Records of
    /// one key have to become durable in the order of these effects. Only with a journal.
    Record {
        /// The key.
        key: KeySlot,
        /// To acknowledge it by.
        ticket: Ticket,
        /// What to write.
        record: Box<RecordOut>,
    },
    /// A key has inputs, and all of them come after the input of this run, which was in the journal before a crash. When
    /// that does not arrive in time, say [`crate::run::Machine::handle_await_over`]. Only with a journal.
    AwaitInput {
        /// The key.
        key: KeySlot,
        /// The run.
        run: u64,
    },
    /// A run does not match its journal and goes on without it. Only with a journal.
    Diverged {
        /// The key.
        key: KeySlot,
        /// What the journal says, and what happened.
        reason: String,
    },
    /// The event is processed now: listeners and logs may look at it, see [`crate::run::Machine::observed`]. Only when
    /// [`crate::run::Limits::observe_events`].
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
    /// Send a dead letter to where dead letters go.
    DeadLetter {
        /// Its key.
        key: KeySlot,
        /// The letter; released by this effect.
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
