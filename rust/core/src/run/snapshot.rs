//! Unfinished runs to bytes and back.
//!
//! A snapshot holds what is committed: queued and unfinished tasks, waiting inputs, sensory memory. A task that has
//! started but not finished is stored as not started, since nothing of it is visible before it finishes; after a
//! restore it runs from its first line, before the tasks that were queued behind it. Of finished tasks those are stored
//! that an unfinished one came from. Of failures the number is stored, and the wait in progress. Short-term memory is the host's state already. Markers are not state.

use super::failures::Failures;
use super::journal::Progress;
use super::key::{Event, EventIndex, Key, ROOT, TaskIndex, TaskNode, TaskState, Waiting};
use super::{InputError, Machine, RecordOut, Router};
use crate::checkpoint::{FormatError, MAGIC, Reader, VERSION, VERSION_WITH_FAILURES, VERSION_WITH_JOURNAL, Writer};
use crate::ids::{ActionId, EventId, KeySlot, ValueHandle};
use crate::journal::Digest;
use crate::memory::Node;
use crate::symbols::DEAD_LETTER;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What is to be stored for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySnapshot {
    /// The core's part.
    pub bytes: Vec<u8>,
    /// Values to store beside it, in this order: first events, then memory values.
    pub values: Vec<ValueHandle>,
}

/// A snapshot that cannot be taken: a run has failed, and what is left of it is neither before nor after an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Unfinished runs cannot be stored, since one has failed; restore the last snapshot before. It failed because: {0}"
)]
pub struct SnapshotError(pub String);

/// A snapshot that cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Unreadable bytes.
    #[error("Unfinished runs cannot be restored: {0}")]
    Format(#[from] FormatError),
    /// The plan has changed.
    #[error(
        "Unfinished runs cannot be restored: they contain action '{0}', which the agent does not have; add it again, declare its id or former name where it was renamed, or stop the old job with --drain before removing an action"
    )]
    UnknownAction(String),
    /// The host's part does not fit.
    #[error("Unfinished runs cannot be restored: {expected} values belong to them, {found} were found")]
    Values {
        /// As the snapshot says.
        expected: usize,
        /// As handed over.
        found: usize,
    },
    /// A programming error of the host.
    #[error("Unfinished runs cannot be restored: the key is in use already")]
    KeyInUse,
    /// A programming error of the host.
    #[error(transparent)]
    Key(#[from] InputError),
}

#[derive(Debug, Clone)]
struct StoredEvent {
    id: u128,
    event_type: Arc<str>,
    lineage: Option<(u128, Arc<str>)>,
    timestamp: Option<i64>,
}

/// A snapshot read and checked, waiting for the host's values.
#[derive(Debug, Clone)]
pub struct RestorePlan {
    sequence: u64,
    active: bool,
    timestamp: Option<i64>,
    events_seen: u32,
    nodes: Vec<(u32, u32, Arc<str>)>,
    events: Vec<StoredEvent>,
    tasks: Vec<(usize, u32)>,
    sensory: Vec<(Arc<str>, bool)>,
    waiting: Vec<(usize, Option<Digest>)>,
    journal: StoredJournal,
    /// By place among the tasks.
    failures: Vec<(usize, Failures)>,
    /// The input of the run, if it is kept.
    input: Option<usize>,
}

/// What a snapshot has of the journal of the run in progress.
#[derive(Debug, Clone, Default)]
struct StoredJournal {
    progress: Progress,
    /// Outputs held back.
    held: Vec<usize>,
    unacknowledged: Vec<RecordOut>,
}

impl RestorePlan {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// When the bytes are foreign, newer or damaged; never anything worse, whatever the bytes are.
    pub fn parse(bytes: &[u8]) -> Result<RestorePlan, FormatError> {
        let mut input = Reader::open_as(bytes, MAGIC, VERSION_WITH_FAILURES)?;
        let with_failures = input.version() == VERSION_WITH_FAILURES;
        let journalled = if with_failures {
            input.flag()?
        } else {
            input.version() == VERSION_WITH_JOURNAL
        };
        // Shared, not copied: a few bytes can name a long text any number of times.
        let mut texts: Vec<Arc<str>> = Vec::new();
        for _ in 0..input.count()? {
            texts.push(input.text()?.into());
        }
        let text = |input: &mut Reader<'_>| -> Result<Arc<str>, FormatError> {
            let index = input.index(texts.len())?;
            Ok(Arc::clone(&texts[index]))
        };
        let sequence = input.number()?;
        let active = input.flag()?;
        let timestamp = if input.flag()? { Some(input.signed()?) } else { None };
        let events_seen = input.small()?;
        let mut nodes = Vec::new();
        for index in 0..input.count()? {
            let parent = input.index(index + 1)?;
            let parent = if parent == 0 { ROOT } else { parent as u32 - 1 };
            nodes.push((parent, input.small()?, text(&mut input)?));
        }
        let mut events = Vec::new();
        for _ in 0..input.count()? {
            let id = input.id()?;
            let event_type = text(&mut input)?;
            let lineage = if input.flag()? {
                Some((input.id()?, text(&mut input)?))
            } else {
                None
            };
            let timestamp = if input.flag()? { Some(input.signed()?) } else { None };
            events.push(StoredEvent {
                id,
                event_type,
                lineage,
                timestamp,
            });
        }
        let mut used = vec![false; events.len()];
        let mut tasks = Vec::new();
        for _ in 0..input.count()? {
            let event = input.index(events.len())?;
            used[event] = true;
            tasks.push((event, input.index(nodes.len())? as u32));
        }
        let mut sensory: Vec<(Arc<str>, bool)> = Vec::new();
        for _ in 0..input.count()? {
            let path = text(&mut input)?;
            if sensory.last().is_some_and(|(last, _)| *last >= path) {
                return Err(input.damaged("memory paths are not in order"));
            }
            sensory.push((path, input.flag()?));
        }
        let mut waiting = Vec::new();
        for _ in 0..input.count()? {
            let event = input.index(events.len())?;
            if std::mem::replace(&mut used[event], true) {
                return Err(input.damaged("an event is used twice"));
            }
            waiting.push((event, if journalled { digest(&mut input)? } else { None }));
        }
        let mut journal = StoredJournal::default();
        if journalled {
            journal.progress = Progress {
                begun: input.flag()?,
                order: input.small()?,
                completed: input.small()?,
                digest: digest(&mut input)?,
                origin: input.id()?.to_be_bytes(),
            };
            for _ in 0..input.count()? {
                let event = input.index(events.len())?;
                if std::mem::replace(&mut used[event], true) {
                    return Err(input.damaged("an event is used twice"));
                }
                journal.held.push(event);
            }
            for _ in 0..input.count()? {
                let tail = input.bytes()?.into();
                let value = if input.flag()? {
                    Some(input.bytes()?.into())
                } else {
                    None
                };
                journal.unacknowledged.push(RecordOut { tail, value });
            }
        }
        let mut failures = Vec::new();
        let mut kept = None;
        if with_failures {
            for _ in 0..input.count()? {
                let task = input.index(tasks.len())?;
                let failed = Failures {
                    attempts: input.small()?,
                    wait_ms: input.number()?,
                    due_ms: input.signed()?,
                    ..Failures::default()
                };
                failures.push((task, failed));
            }
            if input.flag()? {
                let event = input.index(events.len())?;
                if journal.held.contains(&event) || waiting.iter().any(|(other, _)| *other == event) {
                    return Err(input.damaged("an event is used twice"));
                }
                used[event] = true;
                kept = Some(event);
            }
        }
        input.end()?;
        let something = !tasks.is_empty() || !journal.held.is_empty() || !journal.unacknowledged.is_empty();
        // With a journal, a run may have nothing left but to learn what the store has of it.
        if used.contains(&false) || (something && !active) || (active && !something && !journalled) {
            return Err(input.damaged("runs and events do not fit together"));
        }
        if !active && (!nodes.is_empty() || !sensory.is_empty() || kept.is_some()) {
            return Err(input.damaged("a run that is over has left something behind"));
        }
        Ok(RestorePlan {
            sequence,
            active,
            timestamp,
            events_seen,
            nodes,
            events,
            tasks,
            sensory,
            waiting,
            journal,
            failures,
            input: kept,
        })
    }

    /// Values the host has to hand over: events first.
    pub fn value_count(&self) -> usize {
        self.events.len() + self.sensory.iter().filter(|(_, is_value)| *is_value).count()
    }

    /// How many of the values are events.
    pub fn event_count(&self) -> usize {
        self.events.len()
    }
}

/// Texts of one snapshot, each once.
#[derive(Default)]
struct Texts {
    list: Vec<String>,
    index: FxHashMap<String, u64>,
}

impl Texts {
    fn of(&mut self, text: &str) -> u64 {
        if let Some(index) = self.index.get(text) {
            return *index;
        }
        let index = self.list.len() as u64;
        self.list.push(text.to_owned());
        self.index.insert(text.to_owned(), index);
        index
    }
}

impl<R: Router> Machine<R> {
    /// Keys changed since the last call. Those that are idle need no snapshot; [`Machine::snapshot_key`] says so. A key that is
    /// open and has none (what is left of it is in the journal) has to lose the one that is stored.
    ///
    /// Effects that can be polled without running anything have to be carried out before: what they do is done, to the
    /// machine, and is in no snapshot.
    ///
    /// # Errors
    /// When a run has failed, whether [`super::Effect::Fail`] was polled or not.
    pub fn take_dirty(&mut self) -> Result<Vec<KeySlot>, SnapshotError> {
        self.check_sound()?;
        let dirty = std::mem::take(&mut self.dirty);
        for key in &dirty {
            self.keys[key.0 as usize].dirty = false;
        }
        Ok(dirty)
    }

    /// The state of a key that has to be stored; nothing when the key is idle.
    ///
    /// # Errors
    /// As for [`Machine::take_dirty`].
    pub fn snapshot_key(&mut self, key: KeySlot) -> Result<Option<KeySnapshot>, SnapshotError> {
        self.check_sound()?;
        let Some(state) = self.keys.get(key.0 as usize).filter(|state| state.unfinished() > 0) else {
            return Ok(None);
        };
        let mut texts = Texts::default();
        let mut body: Vec<u64> = Vec::new();
        let mut values = Vec::new();
        let mut events: Vec<EventIndex> = Vec::new();
        let mut position: FxHashMap<EventIndex, u64> = FxHashMap::default();
        let mut place = |event: EventIndex, events: &mut Vec<EventIndex>| -> u64 {
            *position.entry(event).or_insert_with(|| {
                events.push(event);
                events.len() as u64 - 1
            })
        };
        let mut tasks = Vec::new();
        let mut kept = vec![false; state.nodes.len()];
        let mut failures: Vec<(u64, &Failures)> = Vec::new();
        for task in self.tasks_in_order(state) {
            let task = &self.tasks[task as usize];
            if let Some(failed) = &task.failures {
                failures.push((tasks.len() as u64, failed));
            }
            tasks.push((place(task.event, &mut events), task.node));
            mark_with_ancestors(&state.nodes, task.node, &mut kept);
        }
        let place_of_node = places(&kept);
        let waiting: Vec<(u64, Option<Digest>)> = state
            .waiting
            .iter()
            .map(|waiting| (place(waiting.event, &mut events), waiting.digest))
            .collect();
        let journal = state.journal.as_ref();
        let held: Vec<u64> = journal
            .iter()
            .flat_map(|journal| &journal.held)
            .map(|(_, event)| place(*event, &mut events))
            .collect();
        let kept_input = state.input.map(|event| place(event, &mut events));
        let mut letters = journal.iter().flat_map(|journal| &journal.held);
        let holds_letter = letters.any(|(_, event)| self.events[*event as usize].event_type == DEAD_LETTER);
        let with_failures = !failures.is_empty() || kept_input.is_some() || holds_letter;

        let mut sensory: Vec<(&str, Node)> = state
            .sensory
            .existing()
            .filter_map(|(path, node)| self.symbols.name(path).map(|text| (text, node)))
            .collect();
        sensory.sort_unstable_by_key(|(text, _)| *text);

        // The nodes and events refer to texts, and the table of texts stands first: collect, then write.
        let nodes: Vec<(u64, u64, u64)> = state
            .nodes
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|(node, _)| {
                let parent = if node.parent == ROOT {
                    0
                } else {
                    place_of_node[node.parent as usize] + 1
                };
                (
                    parent,
                    u64::from(node.event_index),
                    texts.of(self.router.action_identity(node.action)),
                )
            })
            .collect();
        let headers: Vec<_> = events
            .iter()
            .map(|event| {
                let event = &self.events[*event as usize];
                let event_type = texts.of(self.symbols.name(event.event_type).unwrap_or_default());
                let lineage = event
                    .lineage
                    .map(|(id, action)| (id.0, texts.of(self.router.action_identity(action))));
                (event, event_type, lineage)
            })
            .collect();
        body.extend(sensory.iter().map(|(path, _)| texts.of(path)));

        let version = match journal {
            _ if with_failures => VERSION_WITH_FAILURES,
            Some(_) => VERSION_WITH_JOURNAL,
            None => VERSION,
        };
        let mut out = Writer::of(MAGIC, version);
        if with_failures {
            out.number(u64::from(journal.is_some()));
        }
        out.number(texts.list.len() as u64);
        texts.list.iter().for_each(|text| out.text(text));
        out.number(state.sequence);
        out.number(u64::from(state.active));
        write_optional(&mut out, state.timestamp.filter(|_| state.active));
        out.number(u64::from(state.events_seen));
        out.number(nodes.len() as u64);
        for (parent, event_index, action) in nodes {
            out.number(parent);
            out.number(event_index);
            out.number(action);
        }
        out.number(headers.len() as u64);
        for (event, event_type, lineage) in headers {
            out.id(event.id.0);
            out.number(event_type);
            out.number(u64::from(lineage.is_some()));
            if let Some((id, action)) = lineage {
                out.id(id);
                out.number(action);
            }
            write_optional(&mut out, event.timestamp);
            values.push(event.value);
        }
        out.number(tasks.len() as u64);
        for (event, node) in tasks {
            out.number(event);
            out.number(place_of_node[node as usize]);
        }
        out.number(sensory.len() as u64);
        for (path, (_, node)) in body.into_iter().zip(sensory) {
            out.number(path);
            out.number(u64::from(matches!(node, Node::Value(_))));
            if let Node::Value(value) = node {
                values.push(value);
            }
        }
        out.number(waiting.len() as u64);
        for (event, digest) in waiting {
            out.number(event);
            if journal.is_some() {
                write_digest(&mut out, digest);
            }
        }
        if let Some(journal) = journal {
            let progress = journal.progress;
            out.number(u64::from(progress.begun));
            out.number(u64::from(progress.order));
            out.number(u64::from(progress.completed));
            write_digest(&mut out, progress.digest);
            out.id(u128::from_be_bytes(progress.origin));
            out.number(held.len() as u64);
            held.into_iter().for_each(|event| out.number(event));
            let records: Vec<&RecordOut> = journal.not_in_store().collect();
            out.number(records.len() as u64);
            for record in records {
                out.bytes(&record.tail);
                out.number(u64::from(record.value.is_some()));
                if let Some(value) = &record.value {
                    out.bytes(value);
                }
            }
        }
        if with_failures {
            out.number(failures.len() as u64);
            for (task, failed) in failures {
                out.number(task);
                out.number(u64::from(failed.attempts));
                out.number(failed.wait_ms);
                out.signed(failed.due_ms);
            }
            out.number(u64::from(kept_input.is_some()));
            kept_input.into_iter().for_each(|event| out.number(event));
        }
        self.keys[key.0 as usize].persisted = true;
        Ok(Some(KeySnapshot {
            bytes: out.finish(),
            values,
        }))
    }

    /// Unfinished tasks of a run: those already started first, in the order they were made, then the queued ones, then those
    /// that have failed, whether they wait or not. So no start changes the order of a key that is not dirty.
    fn tasks_in_order(&self, state: &Key) -> Vec<TaskIndex> {
        let has_failed = |task: &TaskIndex| self.tasks[*task as usize].failures.is_some();
        let by_node = |tasks: &mut Vec<TaskIndex>| tasks.sort_unstable_by_key(|task| self.tasks[*task as usize].node);
        let started = state.suspended.iter().copied().chain(state.running);
        let (mut failed, mut started): (Vec<TaskIndex>, Vec<TaskIndex>) = started.partition(has_failed);
        by_node(&mut started);
        let queued = state.queue.iter().copied();
        let queued = queued.filter(|task| self.tasks[*task as usize].state == TaskState::Queued);
        let (failed_before, queued): (Vec<TaskIndex>, Vec<TaskIndex>) = queued.partition(has_failed);
        failed.extend(failed_before);
        by_node(&mut failed);
        started.into_iter().chain(queued).chain(failed).collect()
    }

    /// Takes back the unfinished runs of a key. `values` are the handles of the stored values, in their order;
    /// `attributes` what conditions read, for each event (needed only with conditions; missing ones count as absent).
    ///
    /// # Errors
    /// When the plan lacks an action, the values do not fit, or the key is in use. The key is unchanged then.
    pub fn restore_key(
        &mut self,
        key: KeySlot,
        plan: RestorePlan,
        values: &[ValueHandle],
        mut attributes: Vec<Option<R::Attributes>>,
    ) -> Result<(), RestoreError> {
        if values.len() != plan.value_count() {
            return Err(RestoreError::Values {
                expected: plan.value_count(),
                found: values.len(),
            });
        }
        self.ensure_key(key)?;
        if self.keys[key.0 as usize].unfinished() > 0 {
            return Err(RestoreError::KeyInUse);
        }
        let mut actions: FxHashMap<&str, ActionId> = FxHashMap::default();
        for index in 0..self.router.action_count() {
            let id = ActionId(index as u16);
            actions.insert(self.router.action_identity(id), id);
            let aliases = self.router.action_aliases(id).iter();
            actions.extend(aliases.map(|name| (name.as_str(), id)));
        }
        let action = |name: &str| {
            actions
                .get(name)
                .copied()
                .ok_or_else(|| RestoreError::UnknownAction(name.to_owned()))
        };
        let mut nodes = Vec::with_capacity(plan.nodes.len());
        for (parent, event_index, name) in &plan.nodes {
            nodes.push(TaskNode {
                parent: *parent,
                event_index: *event_index,
                action: action(name)?,
            });
        }
        let mut lineages = Vec::with_capacity(plan.events.len());
        for event in &plan.events {
            let lineage = match &event.lineage {
                Some((id, name)) => Some((EventId(*id), action(name)?)),
                None => None,
            };
            lineages.push(lineage);
        }
        drop(actions);

        attributes.resize_with(plan.events.len(), || None);
        let mut indexes = Vec::with_capacity(plan.events.len());
        for (((event, lineage), value), attributes) in plan.events.iter().zip(lineages).zip(values).zip(attributes) {
            let event_type = self.symbols.intern(&event.event_type);
            indexes.push(self.events.insert(Event {
                id: EventId(event.id),
                event_type,
                value: *value,
                lineage,
                timestamp: event.timestamp,
                uses: 0,
                attributes,
            }) as EventIndex);
        }
        let mut memory_values = values[plan.events.len()..].iter();
        for (path, is_value) in &plan.sensory {
            let path = self.symbols.intern(path);
            let node = match memory_values.as_slice().first() {
                Some(value) if *is_value => {
                    memory_values.next();
                    Node::Value(*value)
                }
                _ => Node::Object,
            };
            self.keys[key.0 as usize].sensory.loaded(path, node);
        }
        let mut queue = Vec::with_capacity(plan.tasks.len());
        for (event, node) in &plan.tasks {
            let index = indexes[*event];
            self.events[index as usize].uses += 1;
            queue.push(self.add_task(key, index, nodes[*node as usize].action, *node, 0));
        }
        for (task, failed) in plan.failures {
            self.tasks[queue[task] as usize].failures = Some(Box::new(failed));
        }
        let mut waiting = Vec::with_capacity(plan.waiting.len());
        for (event, digest) in &plan.waiting {
            waiting.push(Waiting {
                event: indexes[*event],
                digest: *digest,
                segment: 0,
            });
        }
        let inputs = usize::from(plan.active) + waiting.len();
        let mut segments = (0..inputs)
            .map(|_| self.segments.arrived())
            .collect::<Vec<_>>()
            .into_iter();
        let state = &mut self.keys[key.0 as usize];
        state.sequence = plan.sequence;
        state.persisted = true;
        state.active = plan.active;
        if plan.active {
            state.segment = segments.next().unwrap_or_default();
        }
        state.timestamp = plan.timestamp;
        state.events_seen = plan.events_seen;
        state.nodes = nodes;
        state.queue.extend(queue);
        state.input = None;
        if let Some(event) = plan.input {
            self.keep_input(key, indexes[event]);
        }
        let state = &mut self.keys[key.0 as usize];
        for (mut entry, segment) in waiting.into_iter().zip(segments) {
            entry.segment = segment;
            state.waiting.push_back(entry);
        }
        self.figures.waiting_inputs += inputs - usize::from(plan.active);
        self.count_restored(inputs);
        let journal = plan.journal;
        let held = journal.held.iter().map(|event| indexes[*event]).collect();
        self.restore_journal(key, journal.progress, held, journal.unacknowledged);
        self.begin_restored(key);
        Ok(())
    }
}

/// Finished tasks are left out unless an unfinished one came from them: a long run would store more with every step.
fn mark_with_ancestors(nodes: &[TaskNode], node: u32, kept: &mut [bool]) {
    let mut at = node;
    while at != ROOT && !std::mem::replace(&mut kept[at as usize], true) {
        at = nodes[at as usize].parent;
    }
}

/// Where each node that is kept will stand; parents stay before their children.
fn places(kept: &[bool]) -> Vec<u64> {
    let mut next = 0;
    let place = |kept: &bool| {
        let place = next;
        next += u64::from(*kept);
        place
    };
    kept.iter().map(place).collect()
}

fn digest(input: &mut Reader<'_>) -> Result<Option<Digest>, FormatError> {
    Ok(if input.flag()? {
        Some(input.id()?.to_be_bytes())
    } else {
        None
    })
}

fn write_digest(out: &mut Writer, digest: Option<Digest>) {
    out.number(u64::from(digest.is_some()));
    if let Some(digest) = digest {
        out.id(u128::from_be_bytes(digest));
    }
}

fn write_optional(out: &mut Writer, value: Option<i64>) {
    out.number(u64::from(value.is_some()));
    if let Some(value) = value {
        out.signed(value);
    }
}
