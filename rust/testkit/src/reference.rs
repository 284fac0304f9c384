//! What has to happen, computed the slow and obvious way: trees are copied, lists are searched, nothing is cached.

use crate::agent::{Agent, Condition, EventValue};
use crate::host::{Stored, Tree};
use flink_agents_core::memory::Space;
use flink_agents_core::run::Marker;
use flink_agents_core::symbols::{DEAD_LETTER_EVENT, OUTPUT_EVENT};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// An effect that must come, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// An output.
    Emit(String, String, Option<i64>),
    /// A dead letter.
    DeadLetter(String, String, Option<i64>),
    /// Key, run, idle.
    RunEnded(String, u64, bool),
    /// A marker passes.
    Forward(Marker),
    /// A warning.
    Warn,
    /// The end; nothing may follow.
    Fail,
}

/// An event, its lineage and its timestamp (inputs only).
#[derive(Debug, Clone)]
pub struct RefEvent {
    /// What the host keeps.
    pub value: EventValue,
    /// Event and action it came from.
    pub lineage: Option<(u128, usize)>,
    timestamp: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Queued,
    Running,
    Suspended,
    Woken,
    Backoff,
}

/// A task that has not finished.
#[derive(Debug, Clone)]
pub struct RefTask {
    number: u64,
    phase: Phase,
    /// Its action.
    pub action: usize,
    /// Its trigger.
    pub event: RefEvent,
    /// Its place in the tree of the run.
    pub path: Vec<(u32, usize)>,
    /// How often it has failed.
    pub attempts: u32,
    since: usize,
    writes: Vec<(Space, String, Stored)>,
    sent: Vec<EventValue>,
}

#[derive(Debug, Clone, Default)]
struct Run {
    timestamp: Option<i64>,
    input: u128,
    /// In the order they were made.
    tasks: Vec<RefTask>,
    /// Numbers of tasks, in the order of their turns.
    turns: VecDeque<u64>,
    made: u64,
    events: u32,
    sensory: Tree,
    log: Vec<(Space, String)>,
}

/// One key: its memory, its run in progress, its waiting inputs.
#[derive(Debug, Clone, Default)]
pub struct RefKey {
    /// Short-term memory.
    pub short_term: Tree,
    sequence: u64,
    run: Option<Run>,
    waiting: VecDeque<RefEvent>,
}

impl RefKey {
    /// What a checkpoint keeps: started tasks count as not started.
    #[must_use]
    pub fn at_checkpoint(&self) -> RefKey {
        let mut key = self.clone();
        if let Some(run) = &mut key.run {
            run.log.clear();
            let queued = run.tasks.iter().filter(|task| task.attempts == 0);
            run.turns = queued.map(|task| task.number).collect();
            for task in &mut run.tasks {
                task.phase = if task.attempts == 0 {
                    Phase::Queued
                } else {
                    Phase::Backoff
                };
                task.writes.clear();
                task.sent.clear();
            }
        }
        key
    }

    /// Inputs not finished.
    pub fn unfinished(&self) -> usize {
        usize::from(self.run.is_some()) + self.waiting.len()
    }
}

enum Arrival {
    Input(String),
    Done,
    Marker(Marker),
}

/// The reference machine of one subtask.
pub struct Reference {
    agent: Arc<Agent>,
    /// The host keeps the number of a key's next run while it is idle.
    keep_sequence: bool,
    max_events: u32,
    /// By name.
    pub keys: BTreeMap<String, RefKey>,
    arrivals: Vec<Arrival>,
    /// What has to come out, taken by the caller.
    pub expected: Vec<Expected>,
    failed: bool,
}

fn space_of(run: &mut Run, short_term: &mut Tree, space: Space) -> Tree {
    match space {
        Space::Sensory => run.sensory.clone(),
        Space::ShortTerm => short_term.clone(),
    }
}

fn ancestors(path: &str) -> Vec<String> {
    let names: Vec<&str> = path.split('.').collect();
    (1..names.len()).map(|count| names[..count].join(".")).collect()
}

fn valid(path: &str) -> bool {
    path.split('.').all(|name| !name.is_empty())
}

/// Writes one node and keeps the tree a tree. Returns the paths changed beside it.
fn apply(tree: &mut Tree, path: &str, node: &Stored) -> Vec<String> {
    let mut changed = Vec::new();
    for ancestor in ancestors(path) {
        if tree.get(&ancestor) != Some(&Stored::Object) {
            tree.insert(ancestor.clone(), Stored::Object);
            changed.push(ancestor);
        }
    }
    if matches!(node, Stored::Value(_)) {
        let below: Vec<String> = tree
            .keys()
            .filter(|other| other.starts_with(&format!("{path}.")))
            .cloned()
            .collect();
        for other in below {
            tree.remove(&other);
            changed.push(other);
        }
    }
    tree.insert(path.to_owned(), node.clone());
    changed
}

impl Reference {
    /// With the state of a checkpoint.
    pub fn new(agent: &Arc<Agent>, keep_sequence: bool, max_events: u32, keys: BTreeMap<String, RefKey>) -> Reference {
        let mut arrivals = Vec::new();
        for (name, key) in &keys {
            arrivals.extend((0..key.unfinished()).map(|_| Arrival::Input(name.clone())));
        }
        Reference {
            agent: Arc::clone(agent),
            keep_sequence,
            max_events,
            keys,
            arrivals,
            expected: Vec::new(),
            failed: false,
        }
    }

    /// Inputs not finished.
    pub fn in_flight(&self) -> usize {
        self.keys.values().map(RefKey::unfinished).sum()
    }

    /// Inputs behind others of their key.
    pub fn waiting(&self) -> usize {
        self.keys.values().map(|key| key.waiting.len()).sum()
    }

    fn tasks(&self) -> impl Iterator<Item = &RefTask> {
        self.keys.values().flat_map(|key| &key.run).flat_map(|run| &run.tasks)
    }

    /// Tasks that wait, those woken but not yet continued included.
    pub fn suspended(&self) -> usize {
        let waits = |task: &&RefTask| matches!(task.phase, Phase::Suspended | Phase::Woken | Phase::Backoff);
        self.tasks().filter(waits).count()
    }

    /// Markers held back.
    pub fn held(&self) -> usize {
        let markers = self.arrivals.iter().filter(|entry| matches!(entry, Arrival::Marker(_)));
        markers.count()
    }

    /// Whether a task could go on.
    pub fn has_ready(&self) -> bool {
        !self.failed
            && self
                .keys
                .values()
                .flat_map(|key| &key.run)
                .any(|run| !run.turns.is_empty() && run.tasks.iter().all(|task| task.phase != Phase::Running))
    }

    /// Events that a key without started tasks must keep: waiting inputs and triggers.
    pub fn live_events(&self, name: &str) -> usize {
        let key = &self.keys[name];
        let mut triggers: BTreeSet<u128> = key
            .run
            .iter()
            .flat_map(|run| &run.tasks)
            .map(|task| task.event.value.id)
            .collect();
        let kept = key.run.iter().filter(|_| self.agent.keeps_inputs());
        triggers.extend(kept.map(|run| run.input));
        triggers.len() + key.waiting.len()
    }

    /// Whether a task of the run in progress has started, so that more than events may be live.
    pub fn has_started(&self, name: &str) -> bool {
        let run = self.keys[name].run.as_ref();
        run.is_some_and(|run| {
            !run.sensory.is_empty() || run.made != run.tasks.len() as u64 || {
                run.tasks.iter().any(|task| task.phase != Phase::Queued)
            }
        })
    }

    /// Whether the key has nothing to do.
    pub fn idle(&self, name: &str) -> bool {
        self.keys.get(name).is_none_or(|key| key.unfinished() == 0)
    }

    /// A record.
    pub fn input(&mut self, name: &str, value: EventValue, timestamp: Option<i64>) {
        self.arrivals.push(Arrival::Input(name.to_owned()));
        let key = self.keys.entry(name.to_owned()).or_default();
        key.waiting.push_back(RefEvent {
            value,
            lineage: None,
            timestamp,
        });
        if key.run.is_none() {
            self.start(name);
            self.end_if_over(name);
        }
    }

    /// A marker.
    pub fn marker(&mut self, marker: Marker) {
        self.arrivals.push(Arrival::Marker(marker));
        self.forward();
    }

    fn forward(&mut self) {
        while let Some(first) = self.arrivals.first() {
            match first {
                Arrival::Input(_) => return,
                Arrival::Done => {}
                Arrival::Marker(marker) => self.expected.push(Expected::Forward(*marker)),
            }
            self.arrivals.remove(0);
        }
    }

    fn start(&mut self, name: &str) {
        let key = self.keys.get_mut(name).unwrap();
        let input = key.waiting.pop_front().unwrap();
        key.run = Some(Run {
            timestamp: input.timestamp,
            input: input.value.id,
            ..Run::default()
        });
        self.route(name, input, &[], 0);
    }

    /// Actions for an event: exact types first, then conditions, each in plan order and once.
    fn select(&mut self, event: &RefEvent) -> Vec<usize> {
        let agent = Arc::clone(&self.agent);
        let mut selected = Vec::new();
        for (index, action) in agent.actions.iter().enumerate() {
            if action.types.contains(&event.value.event_type) {
                selected.push(index);
            }
        }
        for (index, action) in agent.actions.iter().enumerate() {
            for condition in &action.conditions {
                match condition {
                    Condition::Contains(text) => {
                        if event.value.payload.contains(text) && !selected.contains(&index) {
                            selected.push(index);
                        }
                    }
                    Condition::Warns(_) => self.expected.push(Expected::Warn),
                    Condition::Fails(text) => {
                        if event.value.payload.contains(text) {
                            self.fail();
                            return selected;
                        }
                    }
                }
            }
        }
        selected
    }

    fn fail(&mut self) {
        if !self.failed {
            self.failed = true;
            self.expected.push(Expected::Fail);
        }
    }

    fn route(&mut self, name: &str, event: RefEvent, parent: &[(u32, usize)], event_index: u32) {
        let run = self.keys.get_mut(name).unwrap().run.as_mut().unwrap();
        if event.value.event_type != DEAD_LETTER_EVENT {
            run.events += 1;
            if run.events > self.max_events {
                return self.fail();
            }
        }
        if event.value.event_type == OUTPUT_EVENT {
            let output = Expected::Emit(name.to_owned(), event.value.payload, run.timestamp);
            self.expected.push(output);
            return;
        }
        if event.value.event_type == DEAD_LETTER_EVENT {
            let letter = Expected::DeadLetter(name.to_owned(), event.value.payload, run.timestamp);
            self.expected.push(letter);
            return;
        }
        for action in self.select(&event) {
            let run = self.keys.get_mut(name).unwrap().run.as_mut().unwrap();
            let mut path = parent.to_vec();
            path.push((event_index, action));
            run.tasks.push(RefTask {
                number: run.made,
                phase: Phase::Queued,
                action,
                event: event.clone(),
                path,
                attempts: 0,
                since: 0,
                writes: Vec::new(),
                sent: Vec::new(),
            });
            run.turns.push_back(run.made);
            run.made += 1;
        }
    }

    fn end_if_over(&mut self, name: &str) {
        loop {
            let key = self.keys.get_mut(name).unwrap();
            if self.failed || !key.run.as_ref().is_some_and(|run| run.tasks.is_empty()) {
                return;
            }
            key.run = None;
            let idle = key.waiting.is_empty();
            let ended = Expected::RunEnded(name.to_owned(), key.sequence, idle);
            key.sequence = if idle && !self.keep_sequence {
                0
            } else {
                key.sequence + 1
            };
            self.expected.push(ended);
            let of_key = |entry: &&mut Arrival| matches!(entry, Arrival::Input(owner) if owner == name);
            *self.arrivals.iter_mut().find(of_key).unwrap() = Arrival::Done;
            self.forward();
            if idle {
                return;
            }
            self.start(name);
        }
    }

    /// The key's next task has its turn. Returns the task, and whether it continues.
    pub fn turn(&mut self, name: &str) -> (RefTask, u64, bool) {
        let key = self.keys.get_mut(name).unwrap();
        let sequence = key.sequence;
        let run = key.run.as_mut().expect("a task of an idle key was run");
        assert!(run.tasks.iter().all(|task| task.phase != Phase::Running));
        let number = run.turns.pop_front().expect("a task was run, but none is queued");
        let since = run.log.len();
        let task = run.tasks.iter_mut().find(|task| task.number == number).unwrap();
        let resumes = task.phase == Phase::Woken;
        if !resumes {
            assert_eq!(task.phase, Phase::Queued);
            task.since = since;
        }
        task.phase = Phase::Running;
        (task.clone(), sequence, resumes)
    }

    fn running(&mut self, name: &str) -> (&mut RefTask, &mut Tree, &mut Tree) {
        let key = self.keys.get_mut(name).unwrap();
        let run = key.run.as_mut().unwrap();
        let task = run.tasks.iter_mut().find(|task| task.phase == Phase::Running).unwrap();
        (task, &mut run.sensory, &mut key.short_term)
    }

    /// The tree as it would be if the running task finished now.
    fn seen(&mut self, name: &str, space: Space) -> Tree {
        let key = self.keys.get_mut(name).unwrap();
        let run = key.run.as_mut().unwrap();
        let mut tree = space_of(run, &mut key.short_term, space);
        let task = run.tasks.iter().find(|task| task.phase == Phase::Running).unwrap();
        for (at, path, node) in &task.writes {
            if *at == space {
                apply(&mut tree, path, node);
            }
        }
        tree
    }

    /// The answer to a read.
    pub fn get(&mut self, name: &str, space: Space, path: &str) -> String {
        if path.is_empty() {
            return "object".into();
        }
        if !valid(path) {
            return "!path".into();
        }
        match self.seen(name, space).get(path) {
            None => "absent".into(),
            Some(Stored::Object) => "object".into(),
            Some(Stored::Value(text)) => format!("'{text}'"),
        }
    }

    fn write(&mut self, name: &str, space: Space, path: &str, node: Stored) {
        let tree = self.seen(name, space);
        let (task, ..) = self.running(name);
        for ancestor in ancestors(path) {
            if !tree.contains_key(&ancestor) {
                task.writes.push((space, ancestor, Stored::Object));
            }
        }
        let same = |entry: &&mut (Space, String, Stored)| entry.0 == space && entry.1 == path;
        match task.writes.iter_mut().find(same) {
            Some(entry) => entry.2 = node,
            None => task.writes.push((space, path.to_owned(), node)),
        }
    }

    fn parents_fit(&mut self, name: &str, space: Space, path: &str) -> Result<(), String> {
        if !valid(path) {
            return Err("!path".into());
        }
        let tree = self.seen(name, space);
        match ancestors(path)
            .iter()
            .find(|at| matches!(tree.get(*at), Some(Stored::Value(_))))
        {
            Some(_) => Err("!parent".into()),
            None => Ok(()),
        }
    }

    /// The answer to a write.
    pub fn set(&mut self, name: &str, space: Space, path: &str, value: &str) -> String {
        if let Err(refused) = self.parents_fit(name, space, path) {
            return refused;
        }
        if self.seen(name, space).get(path) == Some(&Stored::Object) {
            return "!object".into();
        }
        self.write(name, space, path, Stored::Value(value.to_owned()));
        "ok".into()
    }

    /// The answer to the making of an object.
    pub fn new_object(&mut self, name: &str, space: Space, path: &str, overwrite: bool) -> String {
        if let Err(refused) = self.parents_fit(name, space, path) {
            return refused;
        }
        match self.seen(name, space).get(path) {
            Some(Stored::Object) => {}
            Some(Stored::Value(_)) if !overwrite => return "!value".into(),
            _ => self.write(name, space, path, Stored::Object),
        }
        "ok".into()
    }

    /// The answer to the listing of an object.
    pub fn children(&mut self, name: &str, space: Space, path: &str) -> String {
        if !path.is_empty() && !valid(path) {
            return "!path".into();
        }
        let tree = self.seen(name, space);
        if !path.is_empty() && tree.get(path) != Some(&Stored::Object) {
            return "!notobject".into();
        }
        let depth = if path.is_empty() {
            1
        } else {
            path.split('.').count() + 1
        };
        let below = |other: &&String| {
            other.split('.').count() == depth && (path.is_empty() || other.starts_with(&format!("{path}.")))
        };
        let names: Vec<&str> = tree
            .keys()
            .filter(below)
            .map(|other| other.rsplit('.').next().unwrap())
            .collect();
        names.join(",")
    }

    /// The running task sent an event.
    pub fn sent(&mut self, name: &str, event: EventValue) {
        self.running(name).0.sent.push(event);
    }

    /// The running task waits.
    pub fn suspend(&mut self, name: &str) {
        self.running(name).0.phase = Phase::Suspended;
    }

    /// A waiting task is woken; named by its path.
    pub fn wake(&mut self, name: &str, path: &[(u32, usize)]) {
        let run = self.keys.get_mut(name).unwrap().run.as_mut().unwrap();
        let task = run.tasks.iter_mut().find(|task| task.path == path).unwrap();
        assert_eq!(task.phase, Phase::Suspended);
        task.phase = Phase::Woken;
        run.turns.push_back(task.number);
    }

    /// The running task failed; true if it is tried again, else its dead letter follows.
    pub fn failed(&mut self, name: &str) -> bool {
        let agent = Arc::clone(&self.agent);
        let (task, ..) = self.running(name);
        task.attempts += 1;
        task.writes.clear();
        task.sent.clear();
        let again = task.attempts <= agent.policy(task.action).max_retries;
        if again {
            task.phase = Phase::Backoff;
        }
        again
    }

    /// How often a task that waits to be tried again has failed; named by its path.
    pub fn backed_off(&self, name: &str, path: &[(u32, usize)]) -> Option<u32> {
        let tasks = self.keys.get(name)?.run.as_ref()?.tasks.iter();
        let mut waiting = tasks.filter(|task| task.phase == Phase::Backoff && task.path == path);
        waiting.next().map(|task| task.attempts)
    }

    /// The wait of a failed task is over.
    pub fn back(&mut self, name: &str, path: &[(u32, usize)]) {
        let run = self.keys.get_mut(name).unwrap().run.as_mut().unwrap();
        let task = run.tasks.iter_mut().find(|task| task.path == path).unwrap();
        assert_eq!(task.phase, Phase::Backoff);
        task.phase = Phase::Queued;
        run.turns.push_back(task.number);
    }

    /// The running task finished: memory is written, events are routed.
    pub fn finish(&mut self, name: &str) {
        let key = self.keys.get_mut(name).unwrap();
        let run = key.run.as_mut().unwrap();
        let at = run.tasks.iter().position(|task| task.phase == Phase::Running).unwrap();
        let task = run.tasks.remove(at);
        let mut conflict = false;
        let mut log = Vec::new();
        for (space, path, node) in &task.writes {
            let tree = match space {
                Space::Sensory => &mut run.sensory,
                Space::ShortTerm => &mut key.short_term,
            };
            let later = run.log[task.since..]
                .iter()
                .any(|(at, other)| at == space && other == path);
            let both_objects = tree.get(path) == Some(&Stored::Object) && *node == Stored::Object;
            let over_value = ancestors(path)
                .iter()
                .any(|ancestor| matches!(tree.get(ancestor), Some(Stored::Value(_))));
            conflict |= (later && !both_objects) || over_value;
            let beside = apply(tree, path, node);
            log.push((*space, path.clone()));
            log.extend(beside.into_iter().map(|path| (*space, path)));
        }
        run.log.extend(log);
        if conflict {
            self.expected.push(Expected::Warn);
        }
        for (index, value) in task.sent.into_iter().enumerate() {
            let event = RefEvent {
                value,
                lineage: Some((task.event.value.id, task.action)),
                timestamp: None,
            };
            self.route(name, event, &task.path, index as u32);
        }
        self.end_if_over(name);
    }
}
