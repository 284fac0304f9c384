//! Per-key bookkeeping: the run in progress and the inputs waiting behind it.

use crate::ids::{ActionId, EventId, KeySlot, Symbol, ValueHandle};
use crate::journal::{Digest, Ticket};
use crate::memory::{Committed, Overlay};
use crate::run::TaskCalls;
use crate::run::failures::Failures;
use crate::run::journal::{JournalledCalls, KeyJournal};
use crate::run::segments::SegmentId;
use std::collections::VecDeque;

/// Header of an event; its payload is with the host.
#[derive(Debug)]
pub(crate) struct Event<A> {
    pub(crate) id: EventId,
    pub(crate) event_type: Symbol,
    pub(crate) value: ValueHandle,
    /// The event and the action this one came from; nothing for inputs.
    pub(crate) lineage: Option<(EventId, ActionId)>,
    pub(crate) timestamp: Option<i64>,
    /// Tasks that still need the event.
    pub(crate) uses: u32,
    pub(crate) attributes: Option<A>,
}

/// Index of an event in the machine.
pub(crate) type EventIndex = u32;
/// Slot of a task in the machine.
pub(crate) type TaskIndex = u32;

/// A place in the tree of tasks of a run: (parent task, index of the event among those the parent sent, action).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskNode {
    /// [`ROOT`] for tasks of the input event.
    pub(crate) parent: u32,
    pub(crate) event_index: u32,
    pub(crate) action: ActionId,
}

/// Parent of the tasks that the input event triggered, and the event before it.
pub(crate) const ROOT: u32 = u32::MAX;
/// Places of these two among the events of a run that no action has sent. Journals and snapshots have them.
pub(crate) const INPUT_PLACE: u32 = 0;
pub(crate) const BEGIN_PLACE: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskState {
    /// Waits for its turn to run from its first line.
    Queued,
    /// The host runs it now.
    Running,
    /// It waits for something; others of its run may go on.
    Suspended,
    /// What it waited for has come; waits for its turn to continue.
    Woken,
    /// It failed; waits until it is run again from its first line.
    Backoff,
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) key: KeySlot,
    pub(crate) event: EventIndex,
    pub(crate) action: ActionId,
    pub(crate) node: u32,
    pub(crate) state: TaskState,
    pub(crate) sent: Vec<EventIndex>,
    pub(crate) sensory: Overlay,
    pub(crate) short_term: Overlay,
    /// Commits of both memories when it started: later ones on the same path are conflicts.
    pub(crate) since: (u32, u32),
    /// Its durable calls, if it makes any.
    pub(crate) calls: Option<Box<TaskCalls>>,
    /// The same with what the journal needs of them, if there is a journal.
    pub(crate) journalled: Option<Box<JournalledCalls>>,
    /// Code of the action goes on beside what waits for its calls.
    pub(crate) busy: bool,
    /// What was replayed for it has not reached its code yet.
    pub(crate) held: bool,
    /// Its attempts that failed, if there are any.
    pub(crate) failures: Option<Box<Failures>>,
    /// It has failed for good: all it may still send is its dead letter.
    pub(crate) dead: bool,
    /// The ticket it may start after: the completion of the task that sent its event.
    pub(crate) after: Ticket,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) event: EventIndex,
    pub(crate) digest: Option<Digest>,
    pub(crate) segment: SegmentId,
}

/// Everything about one key. Reused with its capacity, since keys come and go with every record.
#[derive(Debug, Default)]
pub(crate) struct Key {
    /// A run is in progress.
    pub(crate) active: bool,
    /// The host was asked for the event before the oldest waiting input.
    pub(crate) beginning: bool,
    /// The key stands in the ready queue.
    pub(crate) ready: bool,
    /// Changed since its last snapshot.
    pub(crate) dirty: bool,
    /// The host's state holds a snapshot of it.
    pub(crate) persisted: bool,
    /// Number of the run in progress, from 0.
    pub(crate) sequence: u64,
    pub(crate) segment: SegmentId,
    pub(crate) timestamp: Option<i64>,
    pub(crate) events_seen: u32,
    /// Of the run in progress, where dead letters may need it.
    pub(crate) input: Option<EventIndex>,
    pub(crate) nodes: Vec<TaskNode>,
    pub(crate) queue: VecDeque<TaskIndex>,
    pub(crate) running: Option<TaskIndex>,
    pub(crate) suspended: Vec<TaskIndex>,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) sensory: Committed,
    pub(crate) short_term: Committed,
    /// Only in a machine with a journal.
    pub(crate) journal: Option<Box<KeyJournal>>,
}

/// Entries that each collection of an idle key keeps room for: the usual run fits. Without a bound, every slot would keep
/// what the largest run needed that ever came by.
pub(crate) const KEPT_BY_KEY: usize = 256;

impl Key {
    /// Forgets the tasks of a run that has ended, and gives back the room of an unusually large one.
    pub(crate) fn forget_tasks(&mut self) {
        let large = self.nodes.len() > KEPT_BY_KEY;
        self.nodes.clear();
        if large {
            // No more of its tasks waited at a time than there were, and none does now.
            self.nodes.shrink_to(KEPT_BY_KEY);
            self.queue.shrink_to(KEPT_BY_KEY);
            self.suspended.shrink_to(KEPT_BY_KEY);
        }
    }

    /// Unfinished inputs, the one in progress included.
    pub(crate) fn unfinished(&self) -> usize {
        usize::from(self.active) + self.waiting.len()
    }
}
