//! A machine with a journal: what may start before which record is acknowledged, and how a run goes along the records of an
//! earlier attempt.
//!
//! *Waiting for acknowledgements* (journal before effect). Tickets of one key count as acknowledged when those before them
//! are. A task starts after the completion of the task that sent its event; one of the input whose action is known to begin with
//! a call, after the run's first record. A durable call starts after the run's first
//! record and the calls before it in its action (`calls.rs`). An output leaves, and a run ends, after all records of the
//! run so far. Memory is visible at once: whoever read it writes later records, which the store keeps in order.
//!
//! *Going along the records* (`replay.rs`). A completed action is not run, its record is committed in its place. An action
//! that had not completed runs, and its calls are answered from their records.
//!
//! *Failures* (`attempts.rs`). A failed attempt is recorded before the next one starts.
//!
//! *Which input is which run* (`inputs.rs`): by the digest of the input, in the order of the journal.

mod attempts;
mod calls;
mod completions;
mod inputs;
mod replay;

pub(crate) use calls::JournalledCalls;
pub use calls::{CallIn, CallOutcome, CallStep};

use super::key::{EventIndex, Key, TaskIndex};
use super::{Effect, InputError, Machine, RecordOut, Router};
use crate::ids::{ActionId, KeySlot};
use crate::journal::Path;
use crate::journal::{Attempted, Digest, First, History, JournalSettings, Origin, Record, RecordBody, Tail, Ticket};
use replay::Replay;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// A record that was written and not acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Unacknowledged {
    pub(crate) ticket: Ticket,
    acknowledged: bool,
    pub(crate) out: RecordOut,
}

/// How far the journal of a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// There is a first record.
    pub(crate) begun: bool,
    /// Of the next record.
    pub(crate) order: u32,
    /// Actions that have completed.
    pub(crate) completed: u32,
    /// Of the run's input.
    pub(crate) digest: Option<Digest>,
    /// The job in which the run began.
    pub(crate) origin: Origin,
}

/// What the journal means for one key.
#[derive(Debug, Default)]
pub(crate) struct KeyJournal {
    /// Of the run in progress.
    pub(crate) progress: Progress,
    /// Every call comes after this ticket: the run's first record, or what was taken out of the journal.
    floor: Ticket,
    pub(crate) unacknowledged: VecDeque<Unacknowledged>,
    /// Outputs, each with the last ticket before it.
    pub(crate) held: VecDeque<(Ticket, EventIndex)>,
    /// What the run in progress goes along.
    replay: Option<Replay>,
    /// Calls that wait for an acknowledgement.
    waiting_calls: Vec<(TaskIndex, u32)>,
    history: History,
    /// Failures of tasks of the run that have not begun here.
    attempts: FxHashMap<Path, Attempted>,
    /// The history is being read: nothing may run.
    unread: bool,
    /// Records of the snapshot that may be missing in the store, until the history tells.
    rewritten: Vec<RecordOut>,
    /// The host was told to wait for the input of this run.
    awaited: Option<u64>,
    /// The input of this run is not waited for any more.
    expired: Option<u64>,
}

impl KeyJournal {
    /// Whether a ticket and all before it are acknowledged.
    fn covers(&self, ticket: Ticket) -> bool {
        self.unacknowledged.front().is_none_or(|oldest| ticket < oldest.ticket)
    }

    /// Records that the store may not have.
    pub(super) fn not_in_store(&self) -> impl Iterator<Item = &RecordOut> {
        let written = self.unacknowledged.iter().map(|record| &record.out);
        self.rewritten.iter().chain(written)
    }

    /// Whether the key has to stay although no input is left.
    pub(super) fn has_history(&self) -> bool {
        self.unread || !self.history.is_empty()
    }
}

/// The journal of a machine.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(super) settings: JournalSettings,
    /// Records that the restored snapshots need are not there.
    pub(super) has_holes: bool,
    written: Ticket,
    /// By action: whether it made a durable call when it ran last, and that was the first of its run to be written.
    calls_first: Vec<bool>,
    /// Where records are put together.
    buffer: Vec<u8>,
}

impl Journal {
    pub(super) fn new(settings: JournalSettings, actions: usize) -> Journal {
        Journal {
            settings,
            has_holes: false,
            written: 0,
            calls_first: vec![false; actions],
            buffer: Vec::new(),
        }
    }

    /// What the first thing was that an action did of all that is written: a call that began its run, or its completion.
    fn wrote_first(&mut self, action: ActionId, for_call: bool) {
        if let Some(calls_first) = self.calls_first.get_mut(action.0 as usize) {
            *calls_first = for_call;
        }
    }
}

impl<R: Router> Machine<R> {
    /// Records written and not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        let of_key = |key: &Key| key.journal.as_ref().map_or(0, |journal| journal.unacknowledged.len());
        self.keys.iter().map(of_key).sum()
    }

    /// Takes the records that were ordered and not polled yet, ahead of other effects: for a host that is about to be held up
    /// by an action's code, or to end. Nothing that follows a failure is among them.
    pub fn take_records(&mut self) -> Vec<(KeySlot, Ticket, RecordOut)> {
        let mut taken = Vec::new();
        let mut over = self.over;
        self.effects.retain(|effect| {
            over |= matches!(effect, Effect::Fail { .. });
            match effect {
                Effect::Record { key, ticket, record } if !over => {
                    taken.push((*key, *ticket, (**record).clone()));
                    false
                }
                _ => true,
            }
        });
        taken
    }

    /// What the store has of a key, before its first input or with its restored run; `None` while that is being read,
    /// which holds the key's runs back. A key that nothing is said of has no history.
    ///
    /// # Errors
    /// When the number of the slot is out of range.
    pub fn handle_history(&mut self, key: KeySlot, history: Option<History>) -> Result<(), InputError> {
        self.ensure_key(key)?;
        match (history, &mut self.keys[key.0 as usize].journal) {
            (None, Some(journal)) => journal.unread = true,
            (Some(history), Some(_)) => {
                self.take_history(key, history);
                self.begin_restored(key);
            }
            (_, None) => {}
        }
        Ok(())
    }

    /// The store no longer has records that the restored snapshots need, and the job goes on without them: what is left of their
    /// runs may not fit, through no fault of the agent's.
    pub fn handle_missing_history(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.has_holes = true;
        }
    }

    /// Whether that was said.
    pub fn misses_history(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.has_holes)
    }

    /// The store has a record for good.
    pub fn handle_acknowledged(&mut self, key: KeySlot, ticket: Ticket) {
        let Some(journal) = self
            .keys
            .get_mut(key.0 as usize)
            .and_then(|state| state.journal.as_mut())
        else {
            return;
        };
        let unacknowledged = &mut journal.unacknowledged;
        match unacknowledged.binary_search_by_key(&ticket, |record| record.ticket) {
            Ok(index) => unacknowledged[index].acknowledged = true,
            Err(_) => return,
        }
        while unacknowledged.front().is_some_and(|record| record.acknowledged) {
            unacknowledged.pop_front();
        }
        self.mark_dirty(key);
        self.release_outputs(key);
        self.review_calls(key);
        self.settle(key);
    }

    // ---- inner steps

    /// Identity of a task's completion.
    pub(super) fn tail_of(&self, index: TaskIndex) -> Tail {
        let task = &self.tasks[index as usize];
        let state = &self.keys[task.key.0 as usize];
        let mut path = Vec::new();
        let mut at = task.node;
        while let Some(node) = state.nodes.get(at as usize) {
            path.push((node.event_index, Arc::clone(self.action_text(node.action))));
            at = node.parent;
        }
        path.reverse();
        Tail {
            run: state.sequence,
            task: path,
            call: Vec::new(),
        }
    }

    fn action_text(&self, action: ActionId) -> &Arc<str> {
        &self.identities[action.0 as usize]
    }

    /// The ticket a task starts after, whose event may start `after` another. An action that is known to begin with a durable
    /// call starts when that call may: it would only have to wait in its midst, which costs the host a change of threads.
    pub(super) fn start_after(&mut self, key: KeySlot, action: ActionId, after: Ticket) -> Ticket {
        let calls_first = |journal: &Journal| journal.calls_first.get(action.0 as usize).is_some_and(|calls| *calls);
        if !self.journal.as_ref().is_some_and(calls_first) || self.has_begun(key) {
            return after;
        }
        after.max(self.begin(key))
    }

    fn has_begun(&self, key: KeySlot) -> bool {
        let journal = self.keys[key.0 as usize].journal.as_ref();
        journal.is_none_or(|journal| journal.progress.begun)
    }

    /// Writes the first record of a run, which fixes its identity.
    fn begin(&mut self, key: KeySlot) -> Ticket {
        let run = Tail {
            run: self.keys[key.0 as usize].sequence,
            task: Vec::new(),
            call: Vec::new(),
        };
        self.write(key, &run, 0, RecordBody::Run)
    }

    /// Orders a record to be written. `after`: actions that had completed before what it tells of.
    fn write(&mut self, key: KeySlot, tail: &Tail, after: u32, body: RecordBody) -> Ticket {
        let (Some(all), Some(journal)) = (&mut self.journal, &mut self.keys[key.0 as usize].journal) else {
            return 0;
        };
        let progress = &mut journal.progress;
        let first = if progress.begun {
            First::No
        } else {
            First::Yes {
                origin: progress.origin,
                digest: progress.digest,
            }
        };
        let record = Record {
            order: progress.order,
            after,
            first,
            body,
        };
        progress.begun = true;
        progress.order += 1;
        let buffer = &mut all.buffer;
        buffer.clear();
        tail.write(buffer);
        let tail = buffer.as_slice().into();
        *buffer = record.encode_over(std::mem::take(buffer));
        let value = buffer.as_slice().into();
        let ticket = self.append(key, tail, Some(value));
        if first != First::No
            && let Some(journal) = &mut self.keys[key.0 as usize].journal
        {
            journal.floor = ticket;
        }
        ticket
    }

    /// Orders the bytes of a record, or its removal, to be written.
    fn append(&mut self, key: KeySlot, tail: Arc<[u8]>, value: Option<Arc<[u8]>>) -> Ticket {
        let (Some(all), Some(journal)) = (&mut self.journal, &mut self.keys[key.0 as usize].journal) else {
            return 0;
        };
        all.written += 1;
        let ticket = all.written;
        let out = RecordOut { tail, value };
        journal.unacknowledged.push_back(Unacknowledged {
            ticket,
            acknowledged: false,
            out: out.clone(),
        });
        self.effects.push_back(Effect::Record {
            key,
            ticket,
            record: Box::new(out),
        });
        self.mark_dirty(key);
        ticket
    }

    fn release_outputs(&mut self, key: KeySlot) {
        loop {
            let state = &mut self.keys[key.0 as usize];
            let Some(journal) = &mut state.journal else {
                return;
            };
            match journal.held.front() {
                Some((ticket, _)) if journal.covers(*ticket) => {}
                _ => return,
            }
            let Some((_, event)) = journal.held.pop_front() else {
                return;
            };
            let timestamp = state.timestamp;
            self.figures.held_outputs -= 1;
            self.emit(key, event, timestamp);
        }
    }

    /// Holds an output back until the records of its run so far are acknowledged; false if nothing is to be waited for.
    pub(super) fn hold(&mut self, key: KeySlot, event: EventIndex) -> bool {
        match &mut self.keys[key.0 as usize].journal {
            Some(journal) if !journal.unacknowledged.is_empty() || !journal.held.is_empty() => {
                let last = journal.unacknowledged.back().map_or(0, |record| record.ticket);
                journal.held.push_back((last, event));
                self.figures.held_outputs += 1;
                true
            }
            _ => false,
        }
    }

    /// Whether the run has nothing left to do but to wait for the store.
    pub(super) fn waits_for_store(&self, key: KeySlot) -> bool {
        let journal = self.keys[key.0 as usize].journal.as_ref();
        journal.is_some_and(|journal| journal.unread || !journal.unacknowledged.is_empty() || !journal.held.is_empty())
    }

    /// Takes back what a snapshot has of a run's journal: its records that were not acknowledged are written again if the
    /// store does not have them, and what came after them waits. Without a journal now, nothing need wait.
    pub(super) fn restore_journal(
        &mut self,
        key: KeySlot,
        progress: Progress,
        held: Vec<EventIndex>,
        unacknowledged: Vec<RecordOut>,
    ) {
        let timestamp = self.keys[key.0 as usize].timestamp;
        let Some(journal) = &mut self.keys[key.0 as usize].journal else {
            held.into_iter().for_each(|event| self.emit(key, event, timestamp));
            return;
        };
        journal.progress = progress;
        self.figures.held_outputs += held.len();
        journal.held = held.into_iter().map(|event| (0, event)).collect();
        journal.rewritten = unacknowledged;
        if !journal.unread {
            let history = std::mem::take(&mut journal.history);
            self.take_history(key, history);
        }
    }

    fn take_history(&mut self, key: KeySlot, mut history: History) {
        self.mark_dirty(key);
        history.rename(&self.aliases);
        let Some(journal) = &mut self.keys[key.0 as usize].journal else {
            return;
        };
        journal.unread = false;
        let written = journal.progress.order;
        let mut last = 0;
        for out in std::mem::take(&mut journal.rewritten) {
            let Some(mut tail) = Tail::decode(&out.tail) else {
                continue;
            };
            tail.rename(&self.aliases);
            let record = out.value.as_ref().and_then(|bytes| Record::decode(bytes).ok());
            // What the store has may be newer than the snapshot.
            let missing = match (history.order_of(&tail), &record) {
                (Some(stored), Some(record)) => stored < record.order,
                (Some(stored), None) => stored < written,
                (None, record) => record.is_some(),
            };
            if missing {
                // A record that goes lies under the name it was written with; one that comes is found under today's.
                let identity = if out.value.is_some() {
                    tail.encode().into()
                } else {
                    out.tail
                };
                history.put(tail, record);
                last = self.append(key, identity, out.value);
            }
        }
        let state = &mut self.keys[key.0 as usize];
        let Some(journal) = &mut state.journal else {
            return;
        };
        journal.floor = journal.floor.max(last);
        journal.held.iter_mut().for_each(|(ticket, _)| *ticket = last);
        for index in &state.queue {
            self.tasks[*index as usize].after = last;
        }
        let next = state.sequence;
        history.runs.retain(|run, _| *run >= next);
        journal.history = history;
        if state.active {
            self.begin_replay_of_restored(key);
        }
        self.release_outputs(key);
    }
}
