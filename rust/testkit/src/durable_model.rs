//! Random agents with durable calls, inputs over two channels and schedules, with crashes and rescalings between any two
//! steps. A case is its seed.
//!
//! Attempts that were given up live on now and then as zombies, while the next one recovers and runs: they read inputs, make
//! calls and write. What they do counts in a [`World`] of their own. What they write goes to the [`Shelf`] where everybody's
//! records lie, and what is read back from there must be what the attempts wrote that had the keys.
//!
//! The oracle: a call whose result was acknowledged, and an action whose completion was, is never executed again (the world
//! panics where that happens); a call is executed again only after a crash at which its result was not acknowledged; what
//! comes out in the end is what the recorded results say, each output once.

use crate::agent::{Action, Agent, CallOp, EventValue, Frame, Op, Step};
use crate::durable::{Attempt, Execution, UNKNOWN, World, Written};
use crate::host::KeyState;
use crate::rng::Rng;
use flink_agents_core::journal::{CallStatus, OnDivergence, RecordBody, Recovered, Tail};
use flink_agents_core::memory::Space;
use flink_agents_core::run::OnFailure;
use flink_agents_core::symbols::{DEAD_LETTER_EVENT, INPUT_EVENT, OUTPUT_EVENT};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The store in which records of all attempts lie side by side. Sessions are numbered from 0, keys by their place in [`KEYS`].
pub trait Shelf {
    /// A session claims these keys and reads their records, each with its key, in the order in which they were written.
    fn open(&mut self, keys: RangeInclusive<usize>) -> Vec<(usize, Written)>;
    /// A record becomes durable. False: the session has ended.
    fn write(&mut self, session: usize, key: usize, written: &Written) -> bool;
    /// The session hears of the oldest record of a key that it has not heard of. False: it ends instead.
    fn acknowledge(&mut self, session: usize, key: usize) -> bool;
}

/// Makes an empty one.
pub type NewShelf<'a> = &'a dyn Fn() -> Box<dyn Shelf>;

/// A random scenario.
#[derive(Debug, Clone)]
pub struct Case {
    /// The agent.
    pub agent: Agent,
    /// Two channels of (key, payload), read again from a checkpoint's positions after a crash.
    pub channels: [Vec<(String, String)>; 2],
    /// Crashes at most.
    pub crashes: usize,
    /// Whether each run is a chain of actions, so that nothing depends on the schedule.
    pub sequential: bool,
    /// Crashes and checkpoints come seldom, so that more lies between them and is replayed.
    pub calm: bool,
    schedule: Rng,
}

/// The keys of all cases, or fewer.
pub const KEYS: [&str; 4] = ["1", "1.0", "", "ключ_\u{0}"];
const PATHS: [&str; 4] = ["n", "x", "x.y", "u.v"];

/// A case takes thousands of steps; one that takes so many stands still.
const MOST_STEPS: u32 = 1_000_000;

/// Of the chance by which zombies come and do something: what else happens in a case does not depend on it.
const ZOMBIES: u64 = 0x7a6f_6d62_6965_7300;

/// Zombies that live at a time, at most.
const MOST_ZOMBIES: usize = 3;

/// Sessions of an attempt, by key.
type Sessions = [usize; KEYS.len()];

/// A subtask that was given up and does not know it.
struct Zombie {
    attempt: Attempt,
    /// As it was when the attempt was given up, and what the attempt does since then.
    world: World,
    sessions: Sessions,
    number: usize,
    parallelism: usize,
    positions: [usize; 2],
    /// Records that were durable when it was given up, and that it has not heard of, by key. Of others it must never hear.
    durable: [usize; KEYS.len()],
    wrote: bool,
}

/// What is outside of all attempts and beside the [`World`].
struct Beside {
    shelf: Box<dyn Shelf>,
    opened: usize,
    sessions: Sessions,
    /// Sessions that were told of their end. Two subtasks may share one.
    ended: BTreeSet<usize>,
    zombies: Vec<Zombie>,
    risen: u64,
    rng: Rng,
}

#[derive(Default)]
struct Checkpoint {
    state: BTreeMap<String, KeyState>,
    positions: [usize; 2],
    outputs: BTreeMap<String, Vec<String>>,
    letters: BTreeMap<String, Vec<String>>,
}

fn call(rng: &mut Rng, suspends: bool, fails: bool) -> CallOp {
    CallOp {
        function: (*rng.pick(&["ask", "pay", "look"])).into(),
        argument: (*rng.pick(&["{in}", "{acc}", "{acc}", "k"])).into(),
        suspends,
        reconcilable: rng.chance(25),
        fails: if fails && rng.chance(20) { 1 + rng.below(3) } else { 0 },
    }
}

fn operation(rng: &mut Rng, sequential: bool, fails: bool) -> Op {
    let space = if rng.chance(40) {
        Space::Sensory
    } else {
        Space::ShortTerm
    };
    let path = (*rng.pick(&PATHS)).to_owned();
    match rng.below(100) {
        0..12 => Op::Get(space, path),
        12..27 => Op::Set(space, path, (*rng.pick(&["{in}!", "{acc}", "v"])).into()),
        27..45 => Op::Send(
            (*rng.pick(&["a", "b", "c"])).into(),
            (*rng.pick(&["{in}.", "{acc}", "m"])).into(),
        ),
        55..58 if fails => Op::Fail(1 + rng.below(3) as u32),
        45..58 => Op::Send(OUTPUT_EVENT.into(), "{acc}".into()),
        58..72 => Op::Call(call(rng, false, fails)),
        72..90 => Op::Call(call(rng, !sequential, fails)),
        _ if sequential => Op::Call(call(rng, false, fails)),
        _ => Op::Gather((0..2 + rng.below(2)).map(|_| call(rng, true, fails)).collect()),
    }
}

impl Case {
    /// The case of a seed.
    pub fn new(seed: u64) -> Case {
        let mut rng = Rng::new(seed);
        let sequential = rng.chance(50);
        let fails = rng.chance(50);
        let mut agent = Agent {
            actions: Vec::new(),
            max_depth: 1 + rng.below(3) as u32,
            ..Agent::new()
        };
        let types = [INPUT_EVENT, "a", "b", "c"];
        for (index, in_chain) in types.iter().enumerate().take(1 + rng.below(4)) {
            let event_type = if sequential {
                *in_chain
            } else {
                *rng.pick(&[INPUT_EVENT, "a", "b", INPUT_EVENT])
            };
            let mut script: Vec<Op> = (0..1 + rng.below(6))
                .map(|_| operation(&mut rng, sequential, fails))
                .collect();
            if sequential {
                let mut sent = 0;
                script.retain(|op| match op {
                    Op::Send(event_type, _) if event_type != OUTPUT_EVENT => {
                        sent += 1;
                        sent == 1
                    }
                    _ => true,
                });
            }
            let name = format!("action{index}");
            if fails {
                agent = agent.retried(&name, rng.below(4) as u32, OnFailure::DeadLetter);
            }
            agent.actions.push(Action {
                name,
                types: vec![event_type.to_owned()],
                conditions: Vec::new(),
                script,
            });
        }
        let keys = 1 + rng.below(3);
        let mut channels = [Vec::new(), Vec::new()];
        let two = !sequential && rng.chance(60);
        for index in 0..2 + rng.below(8) {
            let key = KEYS[rng.below(keys)].to_owned();
            // Equal inputs now and then.
            let number = if rng.chance(20) { 0 } else { index };
            let channel = if two { rng.below(2) } else { 0 };
            channels[channel].push((key, format!("p{number}")));
        }
        Case {
            agent,
            channels,
            crashes: 1 + rng.below(6),
            sequential,
            calm: false,
            schedule: Rng::new(rng.bits()),
        }
    }

    /// Plays the case to its end, with crashes at random. Panics on anything that must not be.
    pub fn play(&self, shelf: NewShelf<'_>) -> World {
        self.play_with(None, shelf)
    }

    /// Plays the case with a crash after so many acts, each counted from the start, and no other. An act is an input, a step
    /// of an action, the end of a call, a record that becomes durable, an acknowledgement, a history or a checkpoint.
    pub fn play_crashing(&self, after: &[u64], shelf: NewShelf<'_>) -> World {
        self.play_with(Some(after), shelf)
    }

    fn play_with(&self, after: Option<&[u64]>, shelf: NewShelf<'_>) -> World {
        let play = |world: &mut World| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.play_in(after, shelf(), world)))
        };
        let mut world = World::default();
        let outcome = play(&mut world);
        if let Err(panic) = outcome {
            // Once more, and told this time.
            let mut world = World::default();
            world.transcript = Some(Vec::new());
            let again = play(&mut world);
            let mut text = world.transcript.unwrap_or_default().join("\n");
            if again.is_ok() {
                text += "\nthe second time it passed: a case is not its seed any more";
            }
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
            std::panic::resume_unwind(panic);
        }
        world
    }

    fn play_in(&self, after: Option<&[u64]>, shelf: Box<dyn Shelf>, world: &mut World) {
        let mut rng = self.schedule.clone();
        let mut beside = Beside {
            shelf,
            opened: 0,
            sessions: Sessions::default(),
            ended: BTreeSet::new(),
            zombies: Vec::new(),
            risen: 0,
            rng: Rng::new(rng.clone().bits() ^ ZOMBIES),
        };
        beside.claim(world);
        let agent = Arc::new(self.agent.clone());
        let mut last = Checkpoint::default();
        let mut positions = [0; 2];
        let mut crashes = 0;
        let mut subtasks = start(&agent, self.sequential, &last, 1 + rng.below(2), &mut rng, world);
        let mut steps = 0u32;
        loop {
            steps += 1;
            assert!(steps < MOST_STEPS, "the case does not come to its end");
            let read = self
                .channels
                .iter()
                .zip(&positions)
                .all(|(channel, position)| *position == channel.len());
            if read
                && subtasks
                    .iter()
                    .all(|subtask| subtask.is_idle() && subtask.unread.is_empty())
            {
                break;
            }
            beside.act(self, world);
            let number = rng.below(subtasks.len());
            let mut crash = false;
            let acted = match rng.below(100) {
                0..18 => {
                    let channel = rng.below(2);
                    let input = self.channels[channel].get(positions[channel]);
                    if let Some((key, payload)) = input {
                        positions[channel] += 1;
                        let owner = owner(key, subtasks.len());
                        let at_once = rng.chance(60);
                        subtasks[owner].input(key, payload, at_once, world);
                    }
                    input.is_some()
                }
                what @ 18..93 => {
                    let mut store = |told: Told<'_>| {
                        let (key, lives) = match told {
                            Told::Durable(key, written) => {
                                let (session, key) = beside.of(key);
                                (key, beside.shelf.write(session, key, written))
                            }
                            Told::Acknowledged(key) => {
                                let (session, key) = beside.of(key);
                                (key, beside.shelf.acknowledge(session, key))
                            }
                        };
                        assert!(lives, "the attempt that has the key {:?} was ended", KEYS[key]);
                        true
                    };
                    act(&mut subtasks[number], what, &mut rng, world, &mut store)
                }
                93..96 if !self.calm || rng.chance(10) => {
                    world.count("checkpoint");
                    world.tell(|| "checkpoint".into());
                    last = Checkpoint {
                        state: subtasks.iter_mut().flat_map(Attempt::checkpoint).collect(),
                        positions,
                        outputs: world.outputs.clone(),
                        letters: world.letters.clone(),
                    };
                    true
                }
                96..99 => {
                    crash = after.is_none() && crashes < self.crashes && (!self.calm || rng.chance(20));
                    false
                }
                _ => false,
            };
            if acted {
                world.count("act");
                crash = after.is_some_and(|after| after.contains(&world.counts["act"]));
            }
            if crash {
                crashes += 1;
                let before = subtasks.len();
                world.count("crash");
                world.tell(|| "crash".into());
                beside.give_up(subtasks, positions, world);
                beside.claim(world);
                positions = last.positions;
                world.outputs = last.outputs.clone();
                world.letters = last.letters.clone();
                let parallelism = if rng.chance(70) { before } else { 1 + rng.below(3) };
                subtasks = start(&agent, self.sequential, &last, parallelism, &mut rng, world);
            }
        }
        for subtask in &mut subtasks {
            subtask.end_of_input(world);
            assert_eq!(subtask.machine.unacknowledged(), 0);
        }
        assert_eq!(world.divergences, Vec::<String>::new());
        self.check(world, crashes);
    }

    /// What has to be true when everything is done.
    pub fn check(&self, world: &mut World, crashes: usize) {
        // In the end every call has one result that counts.
        let mut results = BTreeMap::new();
        let mut dead = BTreeSet::new();
        for (key, log) in &world.log {
            for (tail, value) in log {
                let Recovered { tail, record } = Recovered::decode(tail, value).unwrap();
                match record.body {
                    RecordBody::Attempt(_) => panic!("{tail}: a run ended with an action that was to be tried again"),
                    RecordBody::Completion(completion) if completion.events.iter().any(is_letter) => {
                        dead.insert((key.clone(), tail.run, tail.task));
                    }
                    _ => {}
                }
            }
        }
        // What an action did that failed in the end may be unfinished.
        let is_dead = |key: &String, tail: &Tail| dead.contains(&(key.clone(), tail.run, tail.task.clone()));
        for (key, log) in &world.log {
            for (tail, value) in log {
                if let RecordBody::Call(call) = Recovered::decode(tail, value).unwrap().record.body {
                    let place = Tail::decode(tail).unwrap();
                    if world.results.contains_key(&(key.clone(), tail.clone())) {
                        // It is older than what the completion of its action tells of.
                        continue;
                    }
                    if call.status == CallStatus::Pending {
                        assert!(is_dead(key, &place), "a run ended with a call that had not");
                        continue;
                    }
                    let result = String::from_utf8(call.payload).unwrap();
                    if call.status == CallStatus::Failed {
                        assert!(is_dead(key, &place), "{place} failed and its action completed");
                    }
                    results.insert((key.clone(), tail.clone()), result);
                }
            }
        }
        for (identity, result) in &world.results {
            let place = Tail::decode(&identity.1).unwrap();
            let action = Tail {
                call: Vec::new(),
                ..place.clone()
            };
            let log = &world.log[&identity.0];
            assert!(log.contains_key(&action.encode()), "{place}: its result is nowhere");
            results.insert(identity.clone(), result.clone());
        }
        for (identity, executions) in &world.ledger {
            let shown = Tail::decode(&identity.1).unwrap();
            let failed = |execution: &&Execution| execution.failed || execution.after_given_up;
            let failed = executions.iter().filter(failed).count();
            assert!(executions.len() <= crashes + 1 + failed, "{shown}: {executions:?}");
            let Some(result) = results.get(identity) else {
                assert!(is_dead(&identity.0, &shown), "{shown} was made and has no result");
                continue;
            };
            // One that took too long brought something all the same.
            let of = |execution: &Execution| *result == execution.value || *result == format!("!{}", execution.value);
            assert!(result == UNKNOWN || executions.iter().any(of), "{shown}");
        }
        let made = |(identity, result): (_, &String)| result == UNKNOWN || world.ledger.contains_key(identity);
        assert!(results.iter().all(made));
        if self.sequential {
            world.count("compared with the sequential interpreter");
            let (outputs, letters) = self.interpret(&results);
            for (all, expected, what) in [
                (&world.outputs, outputs, "outputs"),
                (&world.letters, letters, "letters"),
            ] {
                for key in KEYS {
                    let seen = all.get(key).cloned().unwrap_or_default();
                    let wanted = expected.get(key).cloned().unwrap_or_default();
                    assert_eq!(seen, wanted, "{what} of {key:?}");
                }
            }
        }
    }

    /// Outputs and dead letters of each key when its inputs are processed one by one, and calls bring what is in the journal.
    fn interpret(&self, results: &BTreeMap<(String, Vec<u8>), String>) -> (Texts, Texts) {
        let mut outputs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut letters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut runs: BTreeMap<&str, u64> = BTreeMap::new();
        let mut memories: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
        for (key, payload) in &self.channels[0] {
            let run = runs.entry(key).or_default();
            let short_term = memories.entry(key).or_default();
            let mut sensory = BTreeMap::new();
            type Task = (Vec<(u32, Arc<str>)>, usize, EventValue);
            let mut queue: VecDeque<Task> = VecDeque::new();
            let route = |queue: &mut VecDeque<Task>, path: &[(u32, Arc<str>)], index: u32, event: &EventValue| {
                for (action, it) in self.agent.actions.iter().enumerate() {
                    if it.types.contains(&event.event_type) {
                        let mut path = path.to_vec();
                        path.push((index, it.name.as_str().into()));
                        queue.push_back((path, action, event.clone()));
                    }
                }
            };
            let event = |event_type: &str, payload: &str, depth| EventValue {
                id: 0,
                event_type: event_type.into(),
                payload: payload.into(),
                depth,
            };
            route(&mut queue, &[], 0, &event(INPUT_EVENT, payload, 0));
            while let Some((path, action, trigger)) = queue.pop_front() {
                // In its last attempt.
                let mut frame = Frame::new(action, trigger.clone());
                frame.failed = self.agent.policy(action).max_retries;
                let before = (sensory.clone(), short_term.clone());
                let (mut calls, mut sent) = (0u32, Vec::new());
                let died = loop {
                    match frame.next(&self.agent) {
                        Step::Get(space, path) => {
                            let tree: &BTreeMap<String, String> =
                                if space == Space::Sensory { &sensory } else { short_term };
                            frame.note(&path, &get(tree, &path));
                        }
                        Step::Set(space, path, value) => {
                            let tree = if space == Space::Sensory {
                                &mut sensory
                            } else {
                                &mut *short_term
                            };
                            frame.note(&path, set(tree, &path, &value));
                        }
                        Step::Call(_) => {
                            let tail = Tail {
                                run: *run,
                                task: path.clone(),
                                call: vec![calls],
                            };
                            let result = &results[&(key.clone(), tail.encode())];
                            if result.starts_with('!') {
                                break true;
                            }
                            frame.note(&format!("c{calls}"), result);
                            calls += 1;
                        }
                        Step::Send(event_type, payload) => sent.push((event_type, payload)),
                        Step::Finish => break false,
                        Step::Fail => break true,
                        other => panic!("{other:?} depends on the schedule"),
                    }
                };
                if died {
                    (sensory, *short_term) = before;
                    letters.entry(key.clone()).or_default().push(payload.clone());
                    continue;
                }
                for (index, (event_type, payload)) in sent.into_iter().enumerate() {
                    if event_type == OUTPUT_EVENT {
                        outputs.entry(key.clone()).or_default().push(payload);
                    } else {
                        let event = event(&event_type, &payload, trigger.depth + 1);
                        route(&mut queue, &path, index as u32, &event);
                    }
                }
            }
            *run += 1;
        }
        (outputs, letters)
    }
}

/// What happens to the oldest record of a key in the store.
enum Told<'a> {
    Durable(&'a str, &'a Written),
    Acknowledged(&'a str),
}

/// Lets a subtask do something, by a number from 18 to 92. True if it did. `store` says whether its session lives.
fn act(
    subtask: &mut Attempt,
    what: usize,
    rng: &mut Rng,
    world: &mut World,
    store: &mut dyn FnMut(Told<'_>) -> bool,
) -> bool {
    match what {
        18..50 => {
            if subtask.is_running() {
                subtask.operation(world);
                true
            } else {
                subtask.turn(world)
            }
        }
        50..60 => {
            let some = !subtask.executing.is_empty();
            if some {
                let index = rng.below(subtask.executing.len());
                subtask.finish_call(index, world);
            }
            some
        }
        60..75 => {
            let (written, _) = subtask.store_work();
            if !written.is_empty() {
                let key = rng.pick::<String>(&written);
                let written = subtask.make_durable(key, world);
                store(Told::Durable(key, &written));
            }
            !written.is_empty()
        }
        75..90 => {
            let (_, durable) = subtask.store_work();
            // A task that runs has the thread.
            let some = !durable.is_empty() && !subtask.is_running();
            if some {
                let key = rng.pick::<String>(&durable);
                if store(Told::Acknowledged(key)) {
                    subtask.acknowledge(key, world);
                }
            }
            some
        }
        90..93 if !subtask.backoffs.is_empty() && rng.chance(80) => {
            let some = !subtask.is_running();
            if some {
                let index = rng.below(subtask.backoffs.len());
                subtask.back(index, world);
            }
            some
        }
        _ => {
            let unread: Vec<String> = subtask.unread.iter().cloned().collect();
            let some = !unread.is_empty() && !subtask.is_running();
            if some {
                subtask.history_read(rng.pick::<String>(&unread), world);
            }
            some
        }
    }
}

fn place(key: &str) -> usize {
    KEYS.iter().position(|known| *known == key).unwrap()
}

impl Beside {
    /// The session of the attempt that has a key, and the key's place.
    fn of(&self, key: &str) -> (usize, usize) {
        let key = place(key);
        (self.sessions[key], key)
    }

    /// Sessions of a new attempt, which divide the keys as they please. What they read must be what the world knows.
    fn claim(&mut self, world: &World) {
        let mut read: BTreeMap<usize, BTreeMap<Vec<u8>, Arc<[u8]>>> = BTreeMap::new();
        let mut first = 0;
        while first < KEYS.len() {
            let last = first + self.rng.below(KEYS.len() - first);
            for (key, written) in self.shelf.open(first..=last) {
                assert!((first..=last).contains(&key));
                let records = read.entry(key).or_default();
                match written.value {
                    Some(value) => records.insert(written.tail, value),
                    None => records.remove(&written.tail),
                };
            }
            self.sessions[first..=last].fill(self.opened);
            self.opened += 1;
            first = last + 1;
        }
        for (place, key) in KEYS.iter().enumerate() {
            let read = read.remove(&place).unwrap_or_default();
            let known = world.log.get(*key).cloned().unwrap_or_default();
            let shown = |records: &BTreeMap<Vec<u8>, Arc<[u8]>>| -> Vec<String> {
                records
                    .iter()
                    .map(|(tail, value)| format!("{} {:?}", Tail::decode(tail).unwrap(), value))
                    .collect()
            };
            assert!(
                read == known,
                "of key {key:?} is read {:#?}, and there is {:#?}",
                shown(&read),
                shown(&known)
            );
        }
    }

    /// Some of an attempt's subtasks live on.
    fn give_up(&mut self, subtasks: Vec<Attempt>, positions: [usize; 2], world: &World) {
        let parallelism = subtasks.len();
        for (number, attempt) in subtasks.into_iter().enumerate() {
            if self.zombies.len() == MOST_ZOMBIES || !self.rng.chance(50) {
                continue;
            }
            self.risen += 1;
            self.zombies.push(Zombie {
                durable: KEYS.map(|key| attempt.unheard(key, world).len()),
                attempt,
                world: world.apart(self.risen),
                sessions: self.sessions,
                number,
                parallelism,
                positions,
                wrote: false,
            });
        }
    }

    /// A zombie does something, now and then.
    fn act(&mut self, case: &Case, world: &mut World) {
        if self.zombies.is_empty() || !self.rng.chance(25) {
            return;
        }
        let index = self.rng.below(self.zombies.len());
        let Beside {
            shelf,
            ended,
            zombies,
            rng,
            ..
        } = self;
        let zombie = &mut zombies[index];
        let mut over = false;
        match rng.below(93) {
            0..18 => {
                let channel = rng.below(2);
                let position = &mut zombie.positions[channel];
                if let Some((key, payload)) = case.channels[channel].get(*position) {
                    *position += 1;
                    if owner(key, zombie.parallelism) == zombie.number {
                        let at_once = rng.chance(60);
                        zombie.attempt.input(key, payload, at_once, &mut zombie.world);
                    }
                }
            }
            what => {
                let unheard = KEYS.map(|key| zombie.attempt.unheard(key, &zombie.world));
                let mut store = |told: Told<'_>| match told {
                    Told::Durable(key, written) => {
                        let place = place(key);
                        if shelf.write(zombie.sessions[place], place, written) {
                            world.tell(|| format!("a zombie writes {key:?} {}", Tail::decode(&written.tail).unwrap()));
                            world.count("record of a zombie");
                            if !zombie.wrote {
                                world.count("zombie wrote after the next claim");
                            }
                            zombie.wrote = true;
                        } else {
                            over = true;
                        }
                        !over
                    }
                    Told::Acknowledged(key) => {
                        let place = place(key);
                        let session = zombie.sessions[place];
                        let heard = shelf.acknowledge(session, place);
                        assert_eq!(
                            heard,
                            zombie.durable[place] > 0 && !ended.contains(&session),
                            "what a zombie wrote is acknowledged if it was durable before the next claim"
                        );
                        if heard {
                            zombie.durable[place] -= 1;
                            world.count("acknowledgement of a zombie");
                            if world.acknowledge_late(key, &unheard[place][0]) {
                                world.count("result acknowledged late");
                            }
                        } else {
                            world.count("zombie ended");
                            ended.insert(session);
                            over = true;
                        }
                        heard
                    }
                };
                act(&mut zombie.attempt, what, rng, &mut zombie.world, &mut store);
            }
        }
        if over {
            self.zombies.swap_remove(index);
        }
    }
}

/// Payloads by key.
type Texts = BTreeMap<String, Vec<String>>;

fn is_letter((event_type, _): &(String, u128)) -> bool {
    event_type == DEAD_LETTER_EVENT
}

fn start(
    agent: &Arc<Agent>,
    alone: bool,
    last: &Checkpoint,
    parallelism: usize,
    rng: &mut Rng,
    world: &mut World,
) -> Vec<Attempt> {
    let read = rng.chance(50);
    let mine = |number: usize| {
        let state = last
            .state
            .iter()
            .filter(move |(key, _)| owner(key, parallelism) == number);
        state.map(|(key, state)| (key.clone(), state.clone())).collect()
    };
    let subtask = |number| Attempt::new(agent, alone, OnDivergence::Reexecute, mine(number), read, world);
    (0..parallelism).map(subtask).collect()
}

fn owner(key: &str, parallelism: usize) -> usize {
    key.len() % parallelism
}

/// What stands at a path of a tree that has values only; objects are what lies above them.
fn get(tree: &BTreeMap<String, String>, path: &str) -> String {
    if let Some(value) = tree.get(path) {
        return format!("'{value}'");
    }
    let below = format!("{path}.");
    if tree.keys().any(|other| other.starts_with(&below)) {
        return "object".into();
    }
    "absent".into()
}

fn set(tree: &mut BTreeMap<String, String>, path: &str, value: &str) -> &'static str {
    let below = format!("{path}.");
    let above = |other: &String| path.starts_with(&format!("{other}."));
    if tree.keys().any(|other| other.starts_with(&below) || above(other)) {
        return "refused";
    }
    tree.insert(path.into(), value.into());
    "ok"
}
