//! Whose turn it is: a key starts the run of its oldest waiting input, stands in the ready queue while it has a queued task
//! and none running, and ends its run when no task is left. At the end of a run its memory is released, the watermarks
//! that waited for it pass, and the room of an unusually large one is given back. A failure ends everything: it is told to
//! the host once, and afterwards there are neither turns nor snapshots.

use super::journal::KeyJournal;
use super::key::{BEGIN_PLACE, Event, EventIndex, INPUT_PLACE, KEPT_BY_KEY, ROOT, TaskIndex, TaskState, Waiting};
use super::machine::KEPT_BY_MACHINE;
use super::snapshot::SnapshotError;
use super::{Effect, EventIn, InputError, Machine, Router};
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

    /// Starts the run of the oldest waiting input, or asks the host for the event before it; false if none waits.
    pub(super) fn start_next(&mut self, key: KeySlot) -> bool {
        if self.keys[key.0 as usize].beginning {
            return false;
        }
        if self.journal.is_some() && !self.pick_input(key) {
            return false;
        }
        if !self.limits.begin_events {
            return self.start_input(key, None);
        }
        let state = &mut self.keys[key.0 as usize];
        if state.waiting.is_empty() {
            return false;
        }
        // Until the answer comes the input waits where snapshots find it.
        state.beginning = true;
        self.effects.push_back(Effect::Begin { key });
        true
    }

    /// The host's answer to [`Effect::Begin`]: the event that is processed before the input, or nothing if there is to be none.
    ///
    /// # Errors
    /// When its type is not interned, or the host was not asked. The machine is as it was then.
    pub fn handle_begin(&mut self, key: KeySlot, event: Option<EventIn<R::Attributes>>) -> Result<(), InputError> {
        if !self.keys.get(key.0 as usize).is_some_and(|state| state.beginning) {
            return Err(InputError::NotAsked(key.0));
        }
        if let Some(event) = &event
            && self.symbols.name(event.event_type).is_none()
        {
            return Err(InputError::UnknownType(event.event_type.0));
        }
        self.keys[key.0 as usize].beginning = false;
        self.start_input(key, event);
        self.settle(key);
        Ok(())
    }

    fn start_input(&mut self, key: KeySlot, begin: Option<EventIn<R::Attributes>>) -> bool {
        let state = &mut self.keys[key.0 as usize];
        let Some(Waiting { event, segment, .. }) = state.waiting.pop_front() else {
            return false;
        };
        self.figures.waiting_inputs -= 1;
        state.active = true;
        state.segment = segment;
        let timestamp = self.events[event as usize].timestamp;
        state.timestamp = timestamp;
        if let Some(begin) = begin {
            let begin = self.events.insert(Event {
                id: begin.id,
                event_type: begin.event_type,
                value: begin.value,
                lineage: None,
                timestamp,
                uses: 0,
                attributes: begin.attributes,
            }) as EventIndex;
            self.route(key, begin, ROOT, BEGIN_PLACE, 0);
        }
        self.route(key, event, ROOT, INPUT_PLACE, 0);
        true
    }

    /// What happens to a key after any change: its next task gets a turn, or its run ends.
    pub(super) fn settle(&mut self, key: KeySlot) {
        loop {
            let state = &mut self.keys[key.0 as usize];
            if state.running.is_some() || state.ready || state.beginning {
                return;
            }
            if let Some(place) = self.next_in_queue(key) {
                let state = &mut self.keys[key.0 as usize];
                state.ready = true;
                let goes_on = self.tasks[state.queue[place] as usize].state == TaskState::Woken;
                self.ready.push(key, goes_on);
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
