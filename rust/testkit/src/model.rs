//! Random agents, inputs and schedules, with checkpoints, crashes and rescaling at any moment. A case is its seed.

use crate::agent::{Action, Agent, Condition, EventValue, Frame, Op, Step};
use crate::cluster::Cluster;
use crate::host::Tree;
use crate::reference::{Expected, Reference};
use crate::rng::Rng;
use crate::subtask::{Options, Shared};
use flink_agents_core::memory::Space;
use flink_agents_core::run::{Marker, OnFailure};
use flink_agents_core::symbols::{INPUT_EVENT, OUTPUT_EVENT};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Payloads and timestamps of the outputs of one key, in order.
type Outputs = Vec<(String, Option<i64>)>;

/// An element of the source.
#[derive(Debug, Clone)]
pub enum Item {
    /// Key, payload, timestamp.
    Record(String, String, Option<i64>),
    /// A marker.
    Marker(Marker),
}

/// A random scenario.
#[derive(Debug, Clone)]
pub struct Case {
    /// The agent.
    pub agent: Agent,
    /// Settings.
    pub options: Options,
    /// The source, read again from a checkpoint's position after a crash.
    pub source: Vec<Item>,
    /// Crashes and rescalings at most.
    pub restarts: usize,
    schedule: Rng,
}

const TYPES: [&str; 4] = ["a", "b", "c", "unheard"];
const PATHS: [&str; 9] = ["n", "x", "x.y", "x.y.z", "x.w", "u.v", "u", "u.v.t", "bad..path"];

fn operation(rng: &mut Rng, suspends: bool, fails: bool) -> Op {
    let space = if rng.chance(50) {
        Space::Sensory
    } else {
        Space::ShortTerm
    };
    let path = (*rng.pick(&PATHS)).to_owned();
    match rng.below(100) {
        0..15 => Op::Get(space, path),
        15..40 => Op::Set(space, path, (*rng.pick(&["{in}!", "{acc}", "v"])).into()),
        40..50 => Op::NewObject(space, path, rng.chance(50)),
        50..58 => Op::Children(space, (*rng.pick(&["", "x", "u.v", "n", "u"])).into()),
        58..75 => Op::Send((*rng.pick(&TYPES)).into(), (*rng.pick(&["{in}.", "{acc}", "m"])).into()),
        75..86 => Op::Send(OUTPUT_EVENT.into(), "{acc}".into()),
        86..88 => Op::SendOwnTrigger,
        88..91 if fails => Op::Fail(1 + rng.below(3) as u32),
        _ if suspends => Op::Suspend,
        _ => Op::Get(space, path),
    }
}

impl Case {
    /// The case of a seed.
    pub fn new(seed: u64) -> Case {
        let mut rng = Rng::new(seed);
        let suspends = rng.chance(70);
        let fails = suspends && rng.chance(60);
        let mut agent = Agent {
            actions: Vec::new(),
            max_depth: 1 + rng.below(3) as u32,
            ..Agent::new()
        };
        for index in 0..1 + rng.below(5) {
            let mut types = vec![(*rng.pick(&[INPUT_EVENT, "a", "b", "c", INPUT_EVENT])).to_owned()];
            if rng.chance(25) && types[0] != "b" {
                types.push("b".into());
            }
            let condition = match rng.below(20) {
                0..4 => vec![Condition::Contains((*rng.pick(&["1", "!", "."])).into())],
                4 => vec![Condition::Warns("odd".into())],
                _ => Vec::new(),
            };
            let script = (0..rng.below(8))
                .map(|_| operation(&mut rng, suspends, fails))
                .collect();
            let name = format!("action{index}");
            if fails {
                agent = agent.retried(&name, rng.below(3) as u32, OnFailure::DeadLetter);
            }
            agent.actions.push(Action {
                name,
                types,
                conditions: condition,
                script,
            });
        }
        let keys = 1 + rng.below(4);
        let mut source = Vec::new();
        for index in 0..3 + rng.below(18) {
            source.push(match rng.below(20) {
                0..2 => Item::Marker(Marker::Watermark(index as i64)),
                2 => Item::Marker(Marker::Idle(rng.chance(50))),
                3 => Item::Marker(Marker::Attributes(index as i64)),
                _ => {
                    let timestamp = rng.chance(60).then_some(index as i64 * 10 - 40);
                    // Keys whose texts must not be mixed up.
                    let key = ["1", "1.0", "", "ключ_\u{0}"][rng.below(keys)];
                    Item::Record(key.into(), format!("p{index}"), timestamp)
                }
            });
        }
        Case {
            agent,
            options: Options {
                keep_sequence: rng.chance(60),
                ..Options::default()
            },
            source,
            restarts: rng.below(7),
            schedule: Rng::new(rng.bits()),
        }
    }

    /// Plays the case to its end, comparing at every step. Panics on a difference.
    pub fn play(&self) -> Shared {
        let mut rng = self.schedule.clone();
        let mut cluster = Cluster::new(self.agent.clone(), self.options, 1 + rng.below(2));
        let (mut position, mut stored, mut restarts) = (0, 0, 0);
        loop {
            let idle = cluster.in_flight() == 0;
            if position == self.source.len() && idle {
                break;
            }
            let subtask = rng.below(cluster.subtasks.len());
            match rng.below(100) {
                0..25 if position < self.source.len() => {
                    match &self.source[position] {
                        Item::Record(key, payload, timestamp) => cluster.input(key, payload, *timestamp),
                        Item::Marker(marker) => cluster.marker(*marker),
                    }
                    position += 1;
                }
                25..75 => {
                    let (shared, subtask) = (&mut cluster.shared, &mut cluster.subtasks[subtask]);
                    if subtask.is_running() || subtask.turn(shared) {
                        subtask.operation(shared);
                    }
                }
                75..85 => {
                    let (shared, subtask) = (&mut cluster.shared, &mut cluster.subtasks[subtask]);
                    let (waiting, failed) = (subtask.suspended().len(), subtask.backoffs());
                    if failed > 0 && rng.chance(60) {
                        subtask.back(rng.below(failed), shared);
                    } else if waiting > 0 {
                        subtask.wake(rng.below(waiting), shared);
                    }
                }
                85..89 => {
                    if cluster.subtasks.iter().any(|subtask| subtask.is_running()) {
                        cluster.shared.count("checkpoint while a task runs");
                    }
                    cluster.checkpoint();
                    stored = position;
                }
                89..92 if restarts < self.restarts => {
                    cluster.shared.count("crash");
                    restarts += 1;
                    position = stored;
                    let parallelism = cluster.subtasks.len();
                    cluster.restart(parallelism).unwrap();
                }
                92..94 if restarts < self.restarts => {
                    cluster.shared.count("eviction");
                    restarts += 1;
                    cluster.checkpoint();
                    stored = position;
                    let parallelism = cluster.subtasks.len();
                    cluster.restart(parallelism).unwrap();
                }
                94..96 if restarts < self.restarts => {
                    cluster.shared.count("rescaling");
                    restarts += 1;
                    if rng.chance(50) {
                        cluster.checkpoint();
                        stored = position;
                    }
                    position = stored;
                    cluster.restart(1 + rng.below(3)).unwrap();
                }
                96..98 => {
                    let (shared, subtask) = (&mut cluster.shared, &mut cluster.subtasks[subtask]);
                    if !subtask.is_running() {
                        subtask.collect_symbols(shared);
                    }
                }
                98..99 => {
                    let (shared, subtask) = (&mut cluster.shared, &mut cluster.subtasks[subtask]);
                    subtask.freeze(shared);
                    assert!(!subtask.turn(shared));
                    if !subtask.suspended().is_empty() {
                        subtask.wake(0, shared);
                    }
                    subtask.thaw(shared);
                }
                _ => {}
            }
        }
        cluster.assert_idle();
        if !self.agent.suspends() {
            cluster.shared.count("compared with the sequential interpreter");
            let plain = self.sequential();
            for (key, (outputs, short_term)) in plain {
                assert_eq!(
                    cluster.shared.outputs.get(&key).cloned().unwrap_or_default(),
                    outputs,
                    "{key}"
                );
                assert_eq!(cluster.short_term(&key), short_term, "{key}");
            }
        }
        cluster.shared
    }

    /// Outputs and short-term memory of each key when its inputs are processed one by one, with nothing in between.
    fn sequential(&self) -> BTreeMap<String, (Outputs, Tree)> {
        let agent = Arc::new(self.agent.clone());
        let mut all = BTreeMap::new();
        for item in &self.source {
            let Item::Record(key, payload, timestamp) = item else {
                continue;
            };
            let (reference, outputs, ids) = all
                .entry(key.clone())
                .or_insert_with(|| (Reference::new(&agent, true, u32::MAX, BTreeMap::new()), Vec::new(), 0));
            let mut id = || {
                *ids += 1;
                *ids
            };
            let value = EventValue {
                id: id(),
                event_type: INPUT_EVENT.into(),
                payload: payload.clone(),
                depth: 0,
            };
            reference.input(key, value, *timestamp);
            while !reference.idle(key) {
                let (task, ..) = reference.turn(key);
                let mut frame = Frame::new(task.action, task.event.value.clone());
                loop {
                    let (what, answer) = match frame.next(&agent) {
                        Step::Get(space, path) => (path.clone(), reference.get(key, space, &path)),
                        Step::Set(space, path, text) => (path.clone(), reference.set(key, space, &path, &text)),
                        Step::NewObject(space, path, over) => {
                            (path.clone(), reference.new_object(key, space, &path, over))
                        }
                        Step::Children(space, path) => (path.clone(), reference.children(key, space, &path)),
                        Step::SendOwnTrigger => ("own".into(), "!own".into()),
                        Step::Send(event_type, payload) => {
                            let value = EventValue {
                                id: id(),
                                event_type,
                                payload,
                                depth: frame.event.depth + 1,
                            };
                            reference.sent(key, value);
                            continue;
                        }
                        Step::Suspend | Step::Fail => panic!("agents that suspend or fail depend on the schedule"),
                        Step::Call(_) | Step::Gather(_) => panic!("calls need a journal"),
                        Step::Finish => break,
                    };
                    frame.note(&what, &answer);
                }
                reference.finish(key);
            }
            for effect in std::mem::take(&mut reference.expected) {
                if let Expected::Emit(_, payload, timestamp) = effect {
                    outputs.push((payload, timestamp));
                }
            }
        }
        let ended = all.into_iter();
        ended
            .map(|(key, (reference, outputs, _))| {
                let short_term = reference.keys[&key].short_term.clone();
                (key, (outputs, short_term))
            })
            .collect()
    }
}
