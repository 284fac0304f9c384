//! What a host hands to a machine, and how the machine refuses it. A host sets [`Limits`] once, brings records and sent
//! events as [`EventIn`], and gets an [`InputError`] for a record the machine does not take or a [`TaskError`] for a report
//! about a task that is not where the host believes it to be. Both are mistakes of the caller, and leave the machine as it
//! was.

use super::CallError;
use crate::ids::{EventId, Symbol, ValueHandle};
use crate::symbols::DEAD_LETTER_EVENT;

/// Bounds of a machine.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Events of one run, the input included, before the run fails (`max-events-per-run`).
    pub max_events_per_run: u32,
    /// Tell the host of every event when it is processed, for listeners and logs.
    pub observe_events: bool,
    /// Ask the host for an event before the input of each run (`agent-run.begin-event`), see [`Effect::Begin`](super::Effect::Begin).
    pub begin_events: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_events_per_run: 10_000,
            observe_events: false,
            begin_events: false,
        }
    }
}

/// An event as a host hands it over.
#[derive(Debug)]
pub struct EventIn<A> {
    /// Its identity.
    pub id: EventId,
    /// Its interned type.
    pub event_type: Symbol,
    /// Where the host keeps it.
    pub value: ValueHandle,
    /// What conditions read of it; needed only when [`Router::has_conditions`](super::Router::has_conditions).
    pub attributes: Option<A>,
}

/// How far above the slots used so far a new one may lie. Hosts give out the lowest free number; the gap leaves room for
/// those that restore keys in some other order.
pub(super) const MAX_SLOT_GAP: u32 = 1 << 12;

/// An input the machine does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The host said before that no input would follow.
    #[error("A record arrived after the end of the input")]
    AfterEnd,
    /// The type is not interned.
    #[error("Unknown event type symbol {0}")]
    UnknownType(u32),
    /// The host answers what it was not asked.
    #[error("No run of key slot {0} is about to begin")]
    NotAsked(u32),
    /// The key's number is absurd: everything below it takes room.
    #[error(
        "Key slot {slot} is out of range: slots are to be small and reused, and {used} have been used so far, so that at most {} may be next; give out the lowest free number",
        used + MAX_SLOT_GAP
    )]
    KeySlot {
        /// The number.
        slot: u32,
        /// One past the highest used so far.
        used: u32,
    },
}

/// A report about a task that is not running.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Its action has ended.
    #[error("The action has ended: its context cannot be used any more; keep values, not the context")]
    Ended,
    /// The action waits.
    #[error(
        "The action is suspended: its context can be used only by its own code, while that runs; let tasks and threads \
         that it started return their results to it, and use the context there"
    )]
    NotRunning,
    /// The task is not suspended.
    #[error("The task is not suspended")]
    NotSuspended,
    /// An event would be its own cause.
    #[error(
        "The event {0} sent by action '{1}' has the id of the event that triggered the action; make a new event instead of sending the received one again"
    )]
    OwnTrigger(EventId, String),
    /// The type is not interned.
    #[error("Unknown event type symbol {0}")]
    UnknownType(u32),
    /// Only the machine decides what is a dead letter.
    #[error(
        "Action '{0}' sent an event of type \"{DEAD_LETTER_EVENT}\", which is reserved; to have this input dead-lettered, raise an exception and set `action.{0}.on-failure` to dead-letter"
    )]
    ReservedType(String),
    /// The run has as many events as it may.
    #[error(
        "Action '{0}' alone has sent more than the {1} events that one input may cause: does it send without end? If the run is meant to be this long, raise `max-events-per-run`"
    )]
    TooManyEvents(String, u32),
    /// A programming error of the host.
    #[error("The record of an action has {expected} values, {found} were handed over")]
    Values {
        /// As the action's events and memory writes have.
        expected: usize,
        /// As handed over.
        found: usize,
    },
    /// About a durable call.
    #[error(transparent)]
    Call(#[from] CallError),
}
