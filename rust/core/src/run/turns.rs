//! Whose turn it is: a key starts the run of its oldest waiting input, stands in the ready queue while it has a queued task
//! and none running, and ends its run when no task is left. At the end of a run its memory is released, the watermarks
//! that waited for it pass, and the room of an unusually large one is given back. A failure ends everything: it is told to
//! the host once, and afterwards there are neither turns nor snapshots.

use super::key::{KEPT_BY_KEY, ROOT, Waiting};
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
        }
        self.settle(key);
    }

    /// Starts the run of the oldest waiting input; false if none waits.
    pub(super) fn start_next(&mut self, key: KeySlot) -> bool {
        let state = &mut self.keys[key.0 as usize];
        let Some(Waiting { event, segment }) = state.waiting.pop_front() else {
            return false;
        };
        state.active = true;
        state.segment = segment;
        state.timestamp = self.events[event as usize].timestamp;
        self.route(key, event, ROOT, 0);
        true
    }

    /// What happens to a key after any change: its next task gets a turn, or its run ends.
    pub(super) fn settle(&mut self, key: KeySlot) {
        loop {
            let state = &mut self.keys[key.0 as usize];
            if state.running.is_some() {
                return;
            }
            if !state.queue.is_empty() {
                if !state.ready {
                    state.ready = true;
                    self.ready.push_back(key);
                }
                return;
            }
            if !state.suspended.is_empty() || !state.active {
                return;
            }
            self.end_run(key);
            if !self.start_next(key) {
                return;
            }
        }
    }

    fn end_run(&mut self, key: KeySlot) {
        let effects = &mut self.effects;
        let state = &mut self.keys[key.0 as usize];
        state.sensory.clear(|value| effects.push_back(Effect::Release(value)));
        state
            .short_term
            .clear(|value| effects.push_back(Effect::Release(value)));
        state.active = false;
        state.events_seen = 0;
        state.forget_tasks();
        let idle = state.waiting.is_empty();
        let persisted = state.persisted;
        let segment = state.segment;
        let sequence = state.sequence;
        state.sequence = state.sequence.wrapping_add(1);
        if idle {
            state.sequence = 0;
            state.persisted = false;
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
