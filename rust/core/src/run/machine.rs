//! Transitions of a task (a test checks that each is visited):
//!
//! ```text
//! (none)    --(its event is routed)-->      Queued
//! Queued    --(its turn: RunAction)-->      Running
//! Running   --(finished)-->                 (none)
//! Running   --(suspended)-->                Suspended
//! Suspended --(woken)-->                    Woken
//! Woken     --(its turn: Resume)-->         Running
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

use super::key::{Event, EventIndex, KEPT_BY_KEY, Key, ROOT, Task, TaskIndex, TaskNode, TaskState, Waiting};
use super::segments::Segments;
use super::snapshot::SnapshotError;
use super::{Effect, Marker, Router};
use crate::ids::{ActionId, EventId, KeySlot, Symbol, TaskId, ValueHandle};
use crate::memory::Overlay;
use crate::symbols::{OUTPUT, Symbols};
use slab::Slab;
use std::collections::VecDeque;

/// Bounds of a machine.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Events of one run, the input included, before the run fails (`max-events-per-run`).
    pub max_events_per_run: u32,
    /// Tell the host of every event when it is processed, for listeners and logs.
    pub observe_events: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_events_per_run: 10_000,
            observe_events: false,
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
    /// What conditions read of it; needed only when [`Router::has_conditions`].
    pub attributes: Option<A>,
}

/// An input the machine does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The host said before that no input would follow.
    #[error("A record arrived after the end of the input")]
    AfterEnd,
    /// The type is not interned.
    #[error("Unknown event type symbol {0}")]
    UnknownType(u32),
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
    /// The run has as many events as it may.
    #[error(
        "Action '{0}' alone has sent more than the {1} events that one input may cause: does it send without end? If the run is meant to be this long, raise `max-events-per-run`"
    )]
    TooManyEvents(String, u32),
}

/// How far above the slots used so far a new one may lie. Hosts give out the lowest free number; the gap leaves room for
/// those that restore keys in some other order.
const MAX_SLOT_GAP: u32 = 1 << 12;
/// Entries that the machine's own collections keep room for when nothing is in flight; see [`KEPT_BY_KEY`].
pub(super) const KEPT_BY_MACHINE: usize = 1 << 14;

const NO_ROUTES: (u32, u32) = (u32::MAX, 0);

/// Decides for one subtask.
///
/// *Owned state*: keys with unfinished inputs, their runs, tasks, event headers and memory trees. *Lifecycle*: made with
/// a router, fed with inputs, polled for effects; dropped as a whole. *Constraint*: one caller at a time; no clock, no
/// randomness, no I/O: equal inputs give equal effects.
pub struct Machine<R: Router> {
    pub(super) router: R,
    limits: Limits,
    pub(super) symbols: Symbols,
    /// Where the exact matches of an interned type lie in `route_actions`.
    routes: Vec<(u32, u32)>,
    pub(super) route_actions: Vec<ActionId>,
    pub(super) keys: Vec<Key>,
    pub(super) events: Slab<Event<R::Attributes>>,
    pub(super) tasks: Slab<Task>,
    pub(super) generations: Vec<u32>,
    pub(super) ready: VecDeque<KeySlot>,
    pub(super) effects: VecDeque<Effect>,
    pub(super) segments: Segments,
    pub(super) dirty: Vec<KeySlot>,
    unfinished: usize,
    frozen: bool,
    ended: bool,
    /// Why nothing can go on.
    failed: Option<String>,
    /// The failure was handed out.
    over: bool,
    selected: Vec<ActionId>,
    warnings: Vec<String>,
    pub(super) spare_sent: Vec<Vec<EventIndex>>,
}

impl<R: Router> Machine<R> {
    /// A machine without keys.
    pub fn new(router: R, limits: Limits) -> Self {
        Machine {
            router,
            limits,
            symbols: Symbols::default(),
            routes: Vec::new(),
            route_actions: Vec::new(),
            keys: Vec::new(),
            events: Slab::new(),
            tasks: Slab::new(),
            generations: Vec::new(),
            ready: VecDeque::new(),
            effects: VecDeque::new(),
            segments: Segments::default(),
            dirty: Vec::new(),
            unfinished: 0,
            frozen: false,
            ended: false,
            failed: None,
            over: false,
            selected: Vec::new(),
            warnings: Vec::new(),
            spare_sent: Vec::new(),
        }
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
        self.keys.iter().map(|key| key.waiting.len()).sum()
    }

    /// Tasks that wait for something.
    pub fn suspended_tasks(&self) -> usize {
        self.keys.iter().map(|key| key.suspended.len()).sum()
    }

    /// Markers held back by unfinished inputs.
    pub fn held_markers(&self) -> usize {
        self.segments.held()
    }

    /// Whether [`Machine::poll_effect`] with `may_run` would run something.
    pub fn has_ready(&self) -> bool {
        !self.frozen && self.failed.is_none() && !self.ready.is_empty()
    }

    /// Interned event types and paths.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Interns a type or path for this machine.
    pub fn intern(&mut self, text: &str) -> Symbol {
        self.symbols.intern(text)
    }

    /// Where a task stands in the tree of its run: from the outermost, (index of the event among those its parent sent,
    /// action). Equal for the same task in every execution of the same run.
    pub fn task_path(&self, task: TaskId) -> Result<Vec<(u32, ActionId)>, TaskError> {
        let task = &self.tasks[self.live(task)? as usize];
        let nodes = &self.keys[task.key.0 as usize].nodes;
        let mut path = Vec::new();
        let mut at = task.node;
        while at != ROOT {
            let node = nodes[at as usize];
            path.push((node.event_index, node.action));
            at = node.parent;
        }
        path.reverse();
        Ok(path)
    }

    /// Number of the run a task belongs to, from 0 for the first input of its key.
    pub fn run_of(&self, task: TaskId) -> Result<u64, TaskError> {
        let task = &self.tasks[self.live(task)? as usize];
        Ok(self.keys[task.key.0 as usize].sequence)
    }

    /// The event and action an event of a task came from.
    pub fn trigger_lineage(&self, task: TaskId) -> Result<Option<(EventId, ActionId)>, TaskError> {
        let task = &self.tasks[self.live(task)? as usize];
        Ok(self.events[task.event as usize].lineage)
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
        let state = &mut self.keys[key.0 as usize];
        state.waiting.push_back(Waiting { event, segment });
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
        // Events count when they are routed, after the action; one that sends for ever never gets there.
        if self.tasks[index as usize].sent.len() > self.limits.max_events_per_run as usize {
            return Err(TaskError::TooManyEvents(
                self.router.action_name(action).to_owned(),
                self.limits.max_events_per_run,
            ));
        }
        let sent = self.events.insert(Event {
            id: event.id,
            event_type: event.event_type,
            value: event.value,
            lineage: Some((trigger, action)),
            timestamp: None,
            uses: 0,
            attributes: event.attributes,
        }) as EventIndex;
        self.tasks[index as usize].sent.push(sent);
        Ok(())
    }

    /// The running action's code returned: its memory writes are committed, its events routed in send order.
    ///
    /// # Errors
    /// When the task is not the one running.
    pub fn handle_finished(&mut self, task: TaskId) -> Result<(), TaskError> {
        let index = self.running(task)?;
        self.retire(index);
        let mut task = self.tasks.remove(index as usize);
        let key = task.key;
        self.mark_dirty(key);
        self.keys[key.0 as usize].running = None;
        self.commit(&mut task);
        let mut sent = std::mem::take(&mut task.sent);
        let usual = sent.len() <= KEPT_BY_KEY;
        for (event_index, event) in sent.drain(..).enumerate() {
            self.route(key, event, task.node, event_index as u32);
        }
        if usual && self.spare_sent.len() < KEPT_BY_MACHINE {
            self.spare_sent.push(sent);
        }
        self.drop_use(task.event);
        self.settle(key);
        Ok(())
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
        if let Some(effect) = self.effects.pop_front() {
            self.over = matches!(effect, Effect::Fail { .. });
            return Some(effect);
        }
        if self.effects.capacity() > KEPT_BY_MACHINE {
            self.effects.shrink_to(KEPT_BY_MACHINE);
        }
        if !may_run || self.failed.is_some() {
            return None;
        }
        let key = self.ready.pop_front()?;
        let state = &mut self.keys[key.0 as usize];
        state.ready = false;
        // A key is ready only with a queued task and none running.
        let index = state.queue.pop_front()?;
        state.running = Some(index);
        let id = self.id_of(index);
        let task = &mut self.tasks[index as usize];
        if task.state == TaskState::Woken {
            task.state = TaskState::Running;
            let suspended = &mut self.keys[key.0 as usize].suspended;
            suspended.retain(|other| *other != index);
            return Some(Effect::Resume { task: id, key });
        }
        task.state = TaskState::Running;
        let state = &self.keys[key.0 as usize];
        task.since = (state.sensory.commits(), state.short_term.commits());
        let event = self.events[task.event as usize].value;
        Some(Effect::RunAction {
            task: id,
            key,
            action: task.action,
            event,
        })
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
        Ok(())
    }

    /// Refuses to make a snapshot of a run that broke off in the middle.
    pub(super) fn check_sound(&self) -> Result<(), SnapshotError> {
        match &self.failed {
            Some(reason) => Err(SnapshotError(reason.clone())),
            None => Ok(()),
        }
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

    /// Gives a restored key its turn; a key that had only waiting inputs starts the first.
    pub(super) fn begin_restored(&mut self, key: KeySlot) {
        if !self.keys[key.0 as usize].active {
            self.start_next(key);
        }
        self.settle(key);
    }

    pub(super) fn live(&self, task: TaskId) -> Result<TaskIndex, TaskError> {
        match self.generations.get(task.slot as usize) {
            Some(generation) if *generation == task.generation && self.tasks.contains(task.slot as usize) => {
                Ok(task.slot)
            }
            _ => Err(TaskError::Ended),
        }
    }

    pub(super) fn running(&self, task: TaskId) -> Result<TaskIndex, TaskError> {
        let index = self.live(task)?;
        match self.tasks[index as usize].state {
            TaskState::Running => Ok(index),
            _ => Err(TaskError::NotRunning),
        }
    }

    fn id_of(&self, index: TaskIndex) -> TaskId {
        TaskId {
            slot: index,
            generation: self.generations[index as usize],
        }
    }

    fn retire(&mut self, index: TaskIndex) {
        let generation = &mut self.generations[index as usize];
        *generation = generation.wrapping_add(1);
    }

    pub(super) fn add_task(&mut self, key: KeySlot, event: EventIndex, action: ActionId, node: u32) -> TaskIndex {
        let sent = self.spare_sent.pop().unwrap_or_default();
        let index = self.tasks.insert(Task {
            key,
            event,
            action,
            node,
            state: TaskState::Queued,
            sent,
            sensory: Overlay::default(),
            short_term: Overlay::default(),
            since: (0, 0),
        }) as TaskIndex;
        if index as usize >= self.generations.len() {
            self.generations.resize(index as usize + 1, 0);
        }
        index
    }

    /// Starts the run of the oldest waiting input; false if none waits.
    fn start_next(&mut self, key: KeySlot) -> bool {
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

    /// Output events leave; others start one task for each action they trigger.
    fn route(&mut self, key: KeySlot, event: EventIndex, parent: u32, event_index: u32) {
        let state = &mut self.keys[key.0 as usize];
        if state.events_seen >= self.limits.max_events_per_run {
            self.fail_loop(key, event, parent);
            return;
        }
        state.events_seen += 1;
        let header = &mut self.events[event as usize];
        if self.limits.observe_events {
            self.effects.push_back(Effect::Processed {
                key,
                event: header.value,
            });
        }
        if header.event_type == OUTPUT {
            let timestamp = self.keys[key.0 as usize].timestamp;
            self.effects.push_back(Effect::Emit {
                key,
                event: header.value,
                timestamp,
            });
            self.events.remove(event as usize);
            return;
        }
        let event_type = header.event_type;
        let attributes = header.attributes.take();
        let mut selected = std::mem::take(&mut self.selected);
        selected.clear();
        let (start, count) = self.exact(event_type);
        selected.extend_from_slice(&self.route_actions[start as usize..(start + count) as usize]);
        if self.router.has_conditions() {
            let id = self.events[event as usize].id;
            let name = self.symbols.name(event_type).unwrap_or_default();
            let outcome = self
                .router
                .conditional(name, id, attributes.as_ref(), &mut selected, &mut self.warnings);
            for warning in self.warnings.drain(..) {
                self.effects.push_back(Effect::Warn(warning));
            }
            if let Err(reason) = outcome {
                self.fail(key, reason);
            }
        }
        self.events[event as usize].uses = selected.len() as u32;
        if selected.is_empty() {
            let value = self.events.remove(event as usize).value;
            self.effects.push_back(Effect::Release(value));
        }
        for action in selected.drain(..) {
            let nodes = &mut self.keys[key.0 as usize].nodes;
            let node = nodes.len() as u32;
            nodes.push(TaskNode {
                parent,
                event_index,
                action,
            });
            let task = self.add_task(key, event, action, node);
            self.keys[key.0 as usize].queue.push_back(task);
        }
        self.selected = selected;
    }

    fn exact(&mut self, event_type: Symbol) -> (u32, u32) {
        let index = event_type.0 as usize;
        if index >= self.routes.len() {
            self.routes.resize(index + 1, NO_ROUTES);
        }
        if self.routes[index] == NO_ROUTES {
            let name = self.symbols.name(event_type).unwrap_or_default();
            let actions = self.router.exact(name);
            self.routes[index] = if actions.is_empty() {
                (0, 0)
            } else {
                let start = self.route_actions.len() as u32;
                self.route_actions.extend_from_slice(actions);
                (start, actions.len() as u32)
            };
        }
        self.routes[index]
    }

    fn drop_use(&mut self, event: EventIndex) {
        let header = &mut self.events[event as usize];
        header.uses -= 1;
        if header.uses == 0 {
            let value = self.events.remove(event as usize).value;
            self.effects.push_back(Effect::Release(value));
        }
    }

    fn commit(&mut self, task: &mut Task) {
        if task.sensory.is_empty() && task.short_term.is_empty() {
            return;
        }
        let state = &mut self.keys[task.key.0 as usize];
        let (effects, symbols, key) = (&mut self.effects, &mut self.symbols, task.key);
        let sensory = state
            .sensory
            .commit(&mut task.sensory, task.since.0, symbols, |_, _, replaced| {
                effects.extend(replaced.map(Effect::Release));
            });
        let short_term =
            state
                .short_term
                .commit(&mut task.short_term, task.since.1, symbols, |path, node, replaced| {
                    effects.push_back(Effect::WriteMemory { key, path, node });
                    effects.extend(replaced.map(Effect::Release));
                });
        let lost = short_term.or(sensory);
        if let Some(path) = lost {
            let name = self.symbols.name(path).unwrap_or_default();
            let action = self.router.action_name(task.action);
            self.effects.push_back(Effect::Warn(format!(
                "Action '{action}' replaced memory path \"{name}\", which another action of the same run wrote while this one was suspended; the last to finish wins"
            )));
        }
    }

    fn fail_loop(&mut self, key: KeySlot, event: EventIndex, parent: u32) {
        let limit = self.limits.max_events_per_run;
        let header = &self.events[event as usize];
        let name = self.symbols.name(header.event_type).unwrap_or_default().to_owned();
        let sender = match self.keys[key.0 as usize].nodes.get(parent as usize) {
            Some(node) => format!("action '{}'", self.router.action_name(node.action)),
            None => "the input".to_owned(),
        };
        self.events.remove(event as usize);
        self.fail(
            key,
            format!(
                "One input caused more than {limit} events, the last of type \"{name}\" from {sender}: actions that trigger each other without end? If the run is meant to be this long, raise `max-events-per-run`"
            ),
        );
    }

    fn fail(&mut self, key: KeySlot, reason: String) {
        if self.failed.is_none() {
            self.failed = Some(reason.clone());
            self.effects.push_back(Effect::Fail { key, reason });
        }
    }
}

fn trim_slab<T>(slab: &mut Slab<T>) {
    if slab.is_empty() && slab.capacity() > KEPT_BY_MACHINE {
        *slab = Slab::new();
    }
}
