//! Whose turn it is: a key starts the run of its oldest waiting input, stands in the ready queue while it has a queued task
//! and none running, and ends its run when no task is left. At the end of a run its memory is released, the watermarks
//! that waited for it pass, and the room of an unusually large one is given back. A failure ends everything: it is told to
//! the host once, and afterwards there are neither turns nor snapshots.

use super::journal::KeyJournal;
use super::key::{KEPT_BY_KEY, ROOT, TaskIndex, Waiting};
use super::machine::KEPT_BY_MACHINE;
use super::snapshot::SnapshotError;
use super::{Effect, Machine, Router};
use crate::ids::KeySlot;
use slab::Slab;

impl<R: Router> Machine<R> {
    /// Gives a restored key its turn; a key that had only waiting inputs starts the first.
    pub(super) fn begin_restored(&mut self, key: KeySlot) {
        if !self.keys[key.0 as usize].active {
            self.start_next(key);
        } else if !self.is_unread(key) {
            self.back_off_restored(key);
        }
        self.settle(key);
    }

    /// Starts the run of the oldest waiting input; false if none waits.
    pub(super) fn start_next(&mut self, key: KeySlot) -> bool {
        if self.journal.is_some() && !self.pick_input(key) {
            return false;
        }
        let state = &mut self.keys[key.0 as usize];
        let Some(Waiting { event, segment, .. }) = state.waiting.pop_front() else {
            return false;
        };
        self.figures.waiting_inputs -= 1;
        state.active = true;
        state.segment = segment;
        state.timestamp = self.events[event as usize].timestamp;
        self.route(key, event, ROOT, 0, 0);
        true
    }

    /// What happens to a key after any change: its next task gets a turn, or its run ends.
    pub(super) fn settle(&mut self, key: KeySlot) {
        loop {
            let state = &mut self.keys[key.0 as usize];
            if state.running.is_some() || state.ready {
                return;
            }
            if self.next_in_queue(key).is_some() {
                self.keys[key.0 as usize].ready = true;
                self.ready.push_back(key);
                return;
            }
            if self.journal.is_some() && (self.list_replay(key) || self.waits_for_store(key)) {
                return;
            }
            let state = &self.keys[key.0 as usize];
            if !state.suspended.is_empty() || !state.queue.is_empty() || !state.active {
                return;
            }
            self.end_run(key);
            if !self.start_next(key) {
                return;
            }
        }
    }

    /// Where the first task stands in the queue of its key that may take its turn.
    pub(super) fn next_in_queue(&self, key: KeySlot) -> Option<usize> {
        let queue = &self.keys[key.0 as usize].queue;
        if self.journal.is_none() {
            return (!queue.is_empty()).then_some(0);
        }
        // In the order of the queue, but for tasks that wait for their places among the records of an earlier attempt.
        queue.iter().position(|index| self.may_start(key, *index))
    }

    /// Takes the first task that may take its turn out of the queue of a ready key: one that may start, or one whose record
    /// takes its place, while none runs.
    pub(super) fn take_from_queue(&mut self, key: KeySlot) -> Option<TaskIndex> {
        if self.journal.is_none() {
            return self.keys[key.0 as usize].queue.pop_front();
        }
        let place = self.next_in_queue(key).unwrap_or(0);
        self.keys[key.0 as usize].queue.remove(place)
    }

    fn end_run(&mut self, key: KeySlot) {
        if let Some(input) = self.keys[key.0 as usize].input.take() {
            self.drop_use(input);
        }
        let effects = &mut self.effects;
        let state = &mut self.keys[key.0 as usize];
        state.sensory.clear(|value| effects.push_back(Effect::Release(value)));
        state
            .short_term
            .clear(|value| effects.push_back(Effect::Release(value)));
        state.active = false;
        state.events_seen = 0;
        state.forget_tasks();
        let idle = state.waiting.is_empty() && !state.journal.as_ref().is_some_and(|journal| journal.has_history());
        let persisted = state.persisted;
        let segment = state.segment;
        let sequence = state.sequence;
        state.sequence = state.sequence.wrapping_add(1);
        if idle {
            state.sequence = 0;
            state.persisted = false;
            if let Some(journal) = &mut state.journal {
                **journal = KeyJournal::default();
            }
            if state.waiting.capacity() > KEPT_BY_KEY {
                state.waiting.shrink_to(KEPT_BY_KEY);
            }
        }
        self.unfinished -= 1;
        if self.unfinished == 0 {
            trim_slab(&mut self.events);
            trim_slab(&mut self.tasks);
        }
        effects.push_back(Effect::RunEnded {
            key,
            sequence,
            idle,
            persisted,
        });
        self.segments
            .finished(segment, |marker| effects.push_back(Effect::Forward(marker)));
    }

    pub(super) fn fail(&mut self, key: KeySlot, reason: String) {
        if self.failed.is_none() {
            self.failed = Some(reason.clone());
            self.effects.push_back(Effect::Fail { key, reason });
        }
    }

    /// Refuses to make a snapshot of a run that broke off in the middle.
    pub(super) fn check_sound(&self) -> Result<(), SnapshotError> {
        match &self.failed {
            Some(reason) => Err(SnapshotError(reason.clone())),
            None => Ok(()),
        }
    }
}

fn trim_slab<T>(slab: &mut Slab<T>) {
    if slab.is_empty() && slab.capacity() > KEPT_BY_MACHINE {
        *slab = Slab::new();
    }
}
