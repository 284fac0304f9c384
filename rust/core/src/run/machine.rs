//! The machine as its host sees it: its state, what it is told (`handle_*`) and what it orders (`poll_effect`). What follows
//! from that inside is in `routing.rs` (an event starts tasks), `tasks.rs` (the tasks themselves) and `turns.rs` (which key
//! goes on, the end of a run, failure); what can be said to it, and how it refuses, is in `input.rs`.
//!
//! Transitions of a task (a test checks that each is visited):
//!
//! ```text
//! (none)    --(its event is routed)-->      Queued
//! Queued    --(its turn: RunAction)-->      Running
//! Running   --(finished)-->                 (none)
//! Running   --(suspended)-->                Suspended
//! Suspended --(woken)-->                    Woken
//! Woken     --(its turn: Resume)-->         Running
//! Running   --(failed, is tried again)-->   Backoff
//! Backoff   --(the wait is over)-->         Queued
//! ```
//!
//! and of a key:
//!
//! ```text
//! idle   --(input)-->                       active
//! active --(input)-->                       active, one more waiting
//! active --(last task done, none waits)-->  idle       (RunEnded, idle)
//! active --(last task done, some wait)-->   active     (RunEnded, next run)
//! idle   --(restore)-->                     active
//! ```
//!
//! Poll order for a host: after every input, call [`Machine::poll_effect`] until it returns nothing. `RunAction` and
//! `Resume` come last; a host that has worked long enough passes `may_run = false` and comes back later.
//!
//! The shape (getters, `handle_*`, `poll_*`) is that of quinn-proto's `Connection`; asking the host to run code instead of
//! calling it is that of Restate's shared core.

use super::input::MAX_SLOT_GAP;
use super::journal::{Journal, KeyJournal};
use super::key::{Event, EventIndex, KEPT_BY_KEY, Key, Task, TaskIndex, TaskState, Waiting};
use super::ready::ReadyKeys;
use super::segments::Segments;
use super::{Effect, EventIn, Figures, InputError, Limits, Marker, Observed, OnFailure, Router, TaskError};
use crate::ids::{ActionId, EventId, KeySlot, Symbol, TaskId, ValueHandle};
use crate::journal::{Digest, JournalSettings, Ticket};
use crate::symbols::{DEAD_LETTER, Symbols};
use rustc_hash::FxHashMap;
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;

/// Entries that the machine's own collections keep room for when nothing is in flight; see [`KEPT_BY_KEY`].
pub(super) const KEPT_BY_MACHINE: usize = 1 << 14;

/// Decides for one subtask.
///
/// *Owned state*: keys with unfinished inputs, their runs, tasks, event headers and memory trees. *Lifecycle*: made with
/// a router, fed with inputs, polled for effects; dropped as a whole. *Constraint*: one caller at a time; no clock, no
/// randomness, no I/O: equal inputs give equal effects.
pub struct Machine<R: Router> {
    pub(super) router: R,
    pub(super) limits: Limits,
    /// Some action's failures end in dead letters, which tell the input.
    pub(super) keeps_inputs: bool,
    pub(super) symbols: Symbols,
    /// Where the exact matches of an interned type lie in `route_actions`.
    pub(super) routes: Vec<(u32, u32)>,
    pub(super) route_actions: Vec<ActionId>,
    pub(super) keys: Vec<Key>,
    pub(super) events: Slab<Event<R::Attributes>>,
    pub(super) tasks: Slab<Task>,
    pub(super) generations: Vec<u32>,
    pub(super) ready: ReadyKeys,
    pub(super) effects: VecDeque<Effect>,
    /// What is known of the events in [`Effect::Processed`] effects, in their order.
    pub(super) observed: VecDeque<Observed>,
    last_observed: Option<Observed>,
    /// The task whose events are routed.
    pub(super) finishing: Option<TaskId>,
    pub(super) segments: Segments,
    pub(super) dirty: Vec<KeySlot>,
    pub(super) unfinished: usize,
    pub(super) figures: Figures,
    pub(super) journal: Option<Journal>,
    /// Keys whose replay is to be looked at when there is nothing else to do.
    pub(super) replaying: VecDeque<KeySlot>,
    /// Identities of the actions, as the journal has them.
    pub(super) identities: Vec<Arc<str>>,
    /// What a journal may know them by besides, and their identities.
    pub(super) aliases: FxHashMap<String, Arc<str>>,
    frozen: bool,
    pub(super) ended: bool,
    /// Why nothing can go on.
    pub(super) failed: Option<String>,
    /// The failure was handed out.
    pub(super) over: bool,
    pub(super) selected: Vec<ActionId>,
    pub(super) warnings: Vec<String>,
    pub(super) spare_sent: Vec<Vec<EventIndex>>,
}

impl<R: Router> Machine<R> {
    /// A machine without keys.
    pub fn new(router: R, limits: Limits) -> Self {
        let policy = |index| router.failure_policy(ActionId(index as u16));
        let dead_letters = |index| policy(index).on_failure == OnFailure::DeadLetter;
        let keeps_inputs = (0..router.action_count()).any(dead_letters);
        Machine {
            router,
            limits,
            keeps_inputs,
            symbols: Symbols::default(),
            routes: Vec::new(),
            route_actions: Vec::new(),
            keys: Vec::new(),
            events: Slab::new(),
            tasks: Slab::new(),
            generations: Vec::new(),
            ready: ReadyKeys::default(),
            effects: VecDeque::new(),
            observed: VecDeque::new(),
            last_observed: None,
            finishing: None,
            segments: Segments::default(),
            dirty: Vec::new(),
            unfinished: 0,
            figures: Figures::default(),
            journal: None,
            replaying: VecDeque::new(),
            identities: Vec::new(),
            aliases: FxHashMap::default(),
            frozen: false,
            ended: false,
            failed: None,
            over: false,
            selected: Vec::new(),
            warnings: Vec::new(),
            spare_sent: Vec::new(),
        }
    }

    /// A machine without keys that writes down what its runs do.
    pub fn with_journal(router: R, limits: Limits, settings: JournalSettings) -> Self {
        let mut machine = Machine::new(router, limits);
        machine.journal = Some(Journal::new(settings, machine.router.action_count()));
        for index in 0..machine.router.action_count() {
            let action = ActionId(index as u16);
            let identity: Arc<str> = machine.router.action_identity(action).into();
            let aliases = machine.router.action_aliases(action).iter();
            machine
                .aliases
                .extend(aliases.map(|name| (name.clone(), Arc::clone(&identity))));
            machine.identities.push(identity);
        }
        machine
    }

    // ---- getters

    /// The routing rules.
    pub fn router(&self) -> &R {
        &self.router
    }

    /// Inputs not finished, those waiting behind a busy key included.
    pub fn in_flight(&self) -> usize {
        self.unfinished
    }

    /// Inputs waiting behind a busy key.
    pub fn waiting_inputs(&self) -> usize {
        self.figures.waiting_inputs
    }

    /// Tasks that wait for something.
    pub fn suspended_tasks(&self) -> usize {
        self.figures.suspended_tasks
    }

    /// Markers held back by unfinished inputs.
    pub fn held_markers(&self) -> usize {
        self.segments.held()
    }

    /// How the machine is doing. Costs nothing to ask: all of it is counted on the way.
    pub fn figures(&self) -> Figures {
        Figures {
            unfinished_inputs: self.unfinished,
            held_markers: self.segments.held(),
            ..self.figures
        }
    }

    /// Whether [`Machine::poll_effect`] with `may_run` would run something.
    pub fn has_ready(&self) -> bool {
        !self.frozen && self.failed.is_none() && !(self.ready.is_empty() && self.replaying.is_empty())
    }

    /// Interned event types and paths.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Interns a type or path for this machine.
    pub fn intern(&mut self, text: &str) -> Symbol {
        self.symbols.intern(text)
    }

    // ---- inputs

    /// Tells the number of an idle key's next run, when the host keeps count of a key's runs while the key is idle.
    /// Without it every key starts at 0 whenever it was idle.
    ///
    /// # Errors
    /// When the number of the slot is out of range.
    pub fn handle_key_opened(&mut self, key: KeySlot, next_sequence: u64) -> Result<(), InputError> {
        self.ensure_key(key)?;
        let state = &mut self.keys[key.0 as usize];
        if !state.active {
            state.sequence = next_sequence;
        }
        Ok(())
    }

    /// A record of a key. Runs start in arrival order; this one waits if the key is busy.
    ///
    /// # Errors
    /// When the end of the input was announced, or a number is not one the machine gave out.
    pub fn handle_input(
        &mut self,
        key: KeySlot,
        event: EventIn<R::Attributes>,
        timestamp: Option<i64>,
    ) -> Result<(), InputError> {
        self.handle_digested_input(key, event, timestamp, None)
    }

    /// As [`Machine::handle_input`], with a digest by which the journal finds the input's run again when the inputs of a
    /// key come in another order after a crash. Without one they are found by their place alone.
    ///
    /// # Errors
    /// As for [`Machine::handle_input`].
    pub fn handle_digested_input(
        &mut self,
        key: KeySlot,
        event: EventIn<R::Attributes>,
        timestamp: Option<i64>,
        digest: Option<Digest>,
    ) -> Result<(), InputError> {
        if self.ended {
            return Err(InputError::AfterEnd);
        }
        if self.symbols.name(event.event_type).is_none() {
            return Err(InputError::UnknownType(event.event_type.0));
        }
        self.ensure_key(key)?;
        let segment = self.segments.arrived();
        self.unfinished += 1;
        let event = self.events.insert(Event {
            id: event.id,
            event_type: event.event_type,
            value: event.value,
            lineage: None,
            timestamp,
            uses: 0,
            attributes: event.attributes,
        }) as EventIndex;
        self.mark_dirty(key);
        self.figures.waiting_inputs += 1;
        let state = &mut self.keys[key.0 as usize];
        state.waiting.push_back(Waiting { event, digest, segment });
        if !state.active {
            self.start_next(key);
            self.settle(key);
        }
        Ok(())
    }

    /// A watermark, a change of idleness or record attributes: passes when everything before it is finished.
    pub fn handle_marker(&mut self, marker: Marker) {
        if let Some(marker) = self.segments.close(marker) {
            self.effects.push_back(Effect::Forward(marker));
        }
    }

    /// The running action sent an event. It is routed when the action finishes.
    ///
    /// # Errors
    /// When the task is not the one running, or the event is the one that triggered it.
    pub fn handle_sent(&mut self, task: TaskId, event: EventIn<R::Attributes>) -> Result<(), TaskError> {
        let index = self.running(task)?;
        if self.symbols.name(event.event_type).is_none() {
            return Err(TaskError::UnknownType(event.event_type.0));
        }
        let action = self.tasks[index as usize].action;
        let trigger = self.events[self.tasks[index as usize].event as usize].id;
        if trigger == event.id {
            return Err(TaskError::OwnTrigger(
                event.id,
                self.router.action_name(action).to_owned(),
            ));
        }
        if (event.event_type == DEAD_LETTER) != self.tasks[index as usize].dead {
            return Err(TaskError::ReservedType(self.router.action_name(action).to_owned()));
        }
        // Events count when they are routed, after the action; one that sends for ever never gets there.
        if self.tasks[index as usize].sent.len() > self.limits.max_events_per_run as usize {
            return Err(TaskError::TooManyEvents(
                self.router.action_name(action).to_owned(),
                self.limits.max_events_per_run,
            ));
        }
        let lineage = Some((trigger, action));
        let sent = self.new_event(event.id, event.event_type, event.value, lineage, event.attributes);
        self.tasks[index as usize].sent.push(sent);
        Ok(())
    }

    /// The running action's code returned: its memory writes are committed, its events routed in send order.
    ///
    /// # Errors
    /// When the task is not the one running, or there is a journal, see [`Machine::handle_completed`].
    pub fn handle_finished(&mut self, task: TaskId) -> Result<(), TaskError> {
        let index = self.running(task)?;
        if self.journal.is_some() {
            return Err(TaskError::Values {
                expected: self.values_to_record(task)?.len(),
                found: 0,
            });
        }
        self.finish(index, 0, false);
        Ok(())
    }

    /// A task has finished, or its record was replayed: what came of it starts after `ticket`.
    pub(super) fn finish(&mut self, index: TaskIndex, ticket: Ticket, replayed: bool) {
        self.finishing = Some(self.id_of(index));
        self.retire(index);
        let mut task = self.tasks.remove(index as usize);
        let key = task.key;
        self.mark_dirty(key);
        self.keys[key.0 as usize].running = None;
        self.commit(&mut task, replayed);
        self.check_calls(&task);
        let mut sent = std::mem::take(&mut task.sent);
        let usual = sent.len() <= KEPT_BY_KEY;
        for (event_index, event) in sent.drain(..).enumerate() {
            self.route(key, event, task.node, event_index as u32, ticket);
        }
        self.finishing = None;
        if usual && self.spare_sent.len() < KEPT_BY_MACHINE {
            self.spare_sent.push(sent);
        }
        self.drop_use(task.event);
        self.settle(key);
    }

    /// The running action waits for something; other tasks of its run and other keys go on.
    ///
    /// # Errors
    /// When the task is not the one running.
    pub fn handle_suspended(&mut self, task: TaskId) -> Result<(), TaskError> {
        let index = self.running(task)?;
        let task = &mut self.tasks[index as usize];
        task.state = TaskState::Suspended;
        let key = task.key;
        let state = &mut self.keys[key.0 as usize];
        state.running = None;
        state.suspended.push(index);
        self.figures.suspended_tasks += 1;
        self.settle(key);
        Ok(())
    }

    /// What a suspended task waited for has come; it continues after the tasks of its run that are queued already.
    ///
    /// # Errors
    /// When the task has ended or does not wait.
    pub fn handle_woken(&mut self, task: TaskId) -> Result<(), TaskError> {
        let index = self.live(task)?;
        let task = &mut self.tasks[index as usize];
        if task.state != TaskState::Suspended {
            return Err(TaskError::NotSuspended);
        }
        task.state = TaskState::Woken;
        let key = task.key;
        self.keys[key.0 as usize].queue.push_back(index);
        self.settle(key);
        Ok(())
    }

    /// No input follows. The machine is done when [`Machine::in_flight`] is 0.
    pub fn handle_end_of_input(&mut self) {
        self.ended = true;
        self.end_awaiting();
    }

    /// Between the snapshot of a synchronous savepoint and its end nothing may happen: no effect is given out.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// The synchronous savepoint was aborted: go on.
    pub fn thaw(&mut self) {
        self.frozen = false;
    }

    // ---- effects

    /// The next order for the host; `may_run = false` leaves out running and resuming tasks. Nothing follows
    /// [`Effect::Fail`]: what the machine makes of the failed run must not be seen.
    pub fn poll_effect(&mut self, may_run: bool) -> Option<Effect> {
        if self.frozen || self.over {
            return None;
        }
        loop {
            if let Some(effect) = self.effects.pop_front() {
                match effect {
                    Effect::Fail { .. } => self.over = true,
                    Effect::Processed { .. } => self.last_observed = self.observed.pop_front(),
                    _ => {}
                }
                return Some(effect);
            }
            match self.replaying.pop_front() {
                Some(key) if self.failed.is_none() => self.advance_replay(key),
                _ => break,
            }
        }
        if self.effects.capacity() > KEPT_BY_MACHINE {
            self.effects.shrink_to(KEPT_BY_MACHINE);
            self.observed.shrink_to(KEPT_BY_MACHINE);
        }
        if !may_run || self.failed.is_some() {
            return None;
        }
        let key = self.ready.pop()?;
        self.keys[key.0 as usize].ready = false;
        let index = self.take_from_queue(key)?;
        self.keys[key.0 as usize].running = Some(index);
        let id = self.id_of(index);
        let task = &mut self.tasks[index as usize];
        if task.state == TaskState::Woken {
            task.state = TaskState::Running;
            let suspended = &mut self.keys[key.0 as usize].suspended;
            suspended.retain(|other| *other != index);
            self.figures.suspended_tasks -= 1;
            return Some(Effect::Resume { task: id, key });
        }
        task.state = TaskState::Running;
        let state = &self.keys[key.0 as usize];
        task.since = (state.sensory.commits(), state.short_term.commits());
        let action = task.action;
        let event = self.events[task.event as usize].value;
        if self.journal.is_some()
            && let Some(completion) = self.take_completion(key, index)
        {
            return Some(Effect::Replay {
                task: id,
                key,
                action,
                completion: Box::new(completion),
            });
        }
        Some(Effect::RunAction {
            task: id,
            key,
            action,
            event,
        })
    }

    /// Tells the host of every event that is processed from now on, as [`Limits::observe_events`] does from the start.
    pub fn observe_events(&mut self) {
        self.limits.observe_events = true;
    }

    /// What is known of the event of the [`Effect::Processed`] that was polled last.
    pub fn observed(&self) -> Option<&Observed> {
        self.last_observed.as_ref()
    }

    /// Frees symbols that no event and no memory entry uses. Call it with no task running; the host forgets those
    /// returned.
    pub fn collect_symbols(&mut self) -> Vec<Symbol> {
        let mut used = vec![false; self.symbols.capacity()];
        for (_, event) in &self.events {
            used[event.event_type.0 as usize] = true;
        }
        for key in &self.keys {
            for path in key.sensory.symbols().chain(key.short_term.symbols()) {
                used[path.0 as usize] = true;
            }
        }
        for (_, task) in &self.tasks {
            for (path, _) in task.sensory.iter().chain(task.short_term.iter()) {
                used[path.0 as usize] = true;
            }
        }
        for event in &self.observed {
            used[event.event_type.0 as usize] = true;
        }
        for effect in &self.effects {
            if let Effect::WriteMemory { path, .. } = effect {
                used[path.0 as usize] = true;
            }
        }
        let freed = self.symbols.retain(|symbol| used[symbol.0 as usize]);
        if !freed.is_empty() {
            // All of them, so that those of freed types do not pile up; they are asked for again when needed.
            self.routes.clear();
            self.route_actions.clear();
        }
        freed
    }

    // ---- inner steps

    pub(super) fn ensure_key(&mut self, key: KeySlot) -> Result<(), InputError> {
        if key.0 as usize >= self.keys.len() {
            let used = self.keys.len() as u32;
            if key.0 - used > MAX_SLOT_GAP {
                return Err(InputError::KeySlot { slot: key.0, used });
            }
            self.keys.resize_with(key.0 as usize + 1, Key::default);
        }
        if self.journal.is_some() {
            let _: &mut Box<KeyJournal> = self.keys[key.0 as usize].journal.get_or_insert_default();
        }
        Ok(())
    }

    pub(super) fn new_event(
        &mut self,
        id: EventId,
        event_type: Symbol,
        value: ValueHandle,
        lineage: Option<(EventId, ActionId)>,
        attributes: Option<R::Attributes>,
    ) -> EventIndex {
        self.events.insert(Event {
            id,
            event_type,
            value,
            lineage,
            timestamp: None,
            uses: 0,
            attributes,
        }) as EventIndex
    }

    pub(super) fn mark_dirty(&mut self, key: KeySlot) {
        let state = &mut self.keys[key.0 as usize];
        if !state.dirty {
            state.dirty = true;
            self.dirty.push(key);
        }
    }

    pub(super) fn count_restored(&mut self, inputs: usize) {
        self.unfinished += inputs;
    }
}
