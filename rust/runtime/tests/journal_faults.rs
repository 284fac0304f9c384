//! The random agents of `durable_model` over a real store, with everything that can befall it: acknowledgements that are late
//! or lost, errors, records that are too large, zombies that go on writing, slow reads, a full disk, a file that is removed;
//! with checkpoints and markers, pruning, crashes, rescalings and forks. A case is its seed.
//!
//! The oracle is that of `durable_model`: what was acknowledged is never done again.

use super::journal_puppet::{Puppet, Strings};
use flink_agents_core::ids::KeySlot;
use flink_agents_core::journal::{History, OnDivergence, Ticket};
use flink_agents_core::run::RecordOut;
use flink_agents_runtime::journal::{JournalDriver, JournalError};
use flink_agents_runtime::store::{ErrorKind, Events, Lineage, MissingHistory, OpenSession, Store};
use flink_agents_testkit::durable::{Attempt, Books, World};
use flink_agents_testkit::durable_model::Case;
use flink_agents_testkit::host::KeyState;
use flink_agents_testkit::rng::Rng;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;

const GROUPS: u16 = 16;

/// How often things happened, by name.
pub type Counts = BTreeMap<&'static str, u64>;

/// A store and what can be done to it. Its retention is nothing, and it allows records of less than 2 MB.
pub trait Hazards {
    /// An empty one.
    fn new(seed: u64) -> Self;
    /// A handle on the store.
    fn store(&self) -> Arc<dyn Store>;
    /// The same, with no more space than it takes now. None: nobody can say.
    fn full(&self) -> Option<Arc<dyn Store>> {
        None
    }
    /// Takes away all that is stored, while it is in use. False: that cannot be done.
    fn remove(&self) -> bool {
        false
    }
    /// Of a hundred chances, how many are taken to remove it. What follows a removal shows less.
    fn removals(&self) -> usize {
        20
    }
}

/// Keys share key groups: what is read for one is read for the others.
fn group_of(key: &str) -> u16 {
    if key.len() % 2 == 1 { 3 } else { 12 }
}

struct Driven(Rc<RefCell<JournalDriver>>);

impl Books for Driven {
    fn opened(&mut self, slot: KeySlot, key: &str) -> Option<History> {
        let mut driver = self.0.borrow_mut();
        driver.key_opened(slot, group_of(key), key.as_bytes()).unwrap()
    }

    fn record(&mut self, slot: KeySlot, ticket: Ticket, record: &RecordOut) {
        self.0.borrow_mut().record(slot, ticket, record.clone());
    }

    fn run_ended(&mut self, slot: KeySlot, sequence: u64, idle: bool) {
        self.0.borrow_mut().run_ended(slot, sequence, idle);
    }
}

#[derive(Default)]
struct Checkpoint {
    state: BTreeMap<String, KeyState>,
    markers: Vec<Vec<u8>>,
    positions: [usize; 2],
    outputs: BTreeMap<String, Vec<String>>,
    letters: BTreeMap<String, Vec<String>>,
}

struct Subtask {
    attempt: Attempt,
    driver: Rc<RefCell<JournalDriver>>,
    strings: Arc<Strings>,
    key_groups: RangeInclusive<u16>,
    /// Keys of acknowledgements that the driver has and the machine has not.
    heard: VecDeque<String>,
}

impl Subtask {
    /// Takes in what the store said.
    fn poll(&mut self, world: &mut World) -> Option<ErrorKind> {
        for key in std::mem::take(&mut self.heard) {
            self.attempt.note_acknowledged(&key, world);
        }
        let polled = self.driver.borrow_mut().poll(&mut self.attempt.machine);
        match polled {
            Ok(_) => {
                self.attempt.settle(world);
                None
            }
            Err(JournalError::Store(error)) => Some(error.kind),
            Err(other) => panic!("{other}"),
        }
    }

    /// What was given to the store is noted in the world's own books.
    fn give(&mut self, count: usize, large: bool, world: &mut World) -> Option<ErrorKind> {
        let given = self.strings.give(count, large);
        for (key, _) in &given.durable {
            self.attempt.make_durable(std::str::from_utf8(key).unwrap(), world);
        }
        given.failed.map(|error| error.kind)
    }
}

struct Model<'a, H> {
    case: &'a Case,
    place: &'a H,
    rng: Rng,
    world: World,
    last: Checkpoint,
    lineages: Vec<Lineage>,
    missing: MissingHistory,
    subtasks: Vec<Subtask>,
    zombies: Vec<Arc<Strings>>,
}

/// Hears nothing.
struct Deaf;

impl Events for Deaf {
    fn acked(&self, _: &[flink_agents_runtime::store::Acked]) {}
    fn failed(&self, _: flink_agents_runtime::store::StoreError) {}
    fn recovered(&self, _: Vec<flink_agents_runtime::store::Recovered>) {}
    fn recovery_done(&self, _: RangeInclusive<u16>) {}
}

impl<H: Hazards> Model<'_, H> {
    fn request(&self, key_groups: RangeInclusive<u16>, markers: Vec<Vec<u8>>) -> OpenSession {
        let (lineage, ancestors) = self.lineages.split_first().unwrap();
        OpenSession {
            lineage: *lineage,
            ancestors: ancestors.to_vec(),
            operator: "agent".into(),
            max_parallelism: GROUPS,
            key_groups,
            markers,
            missing_history: self.missing,
        }
    }

    fn start(&mut self, store: Arc<dyn Store>, parallelism: u16) {
        let puppet = Puppet::of(store);
        let agent = Arc::new(self.case.agent.clone());
        let share = GROUPS.div_ceil(parallelism);
        for number in 0..parallelism {
            let key_groups = number * share..=((number + 1) * share - 1).min(GROUPS - 1);
            if key_groups.is_empty() {
                continue;
            }
            let request = self.request(key_groups.clone(), self.last.markers.clone());
            let driver = JournalDriver::open(&puppet, request, Arc::new(|| {})).unwrap();
            let driver = Rc::new(RefCell::new(driver));
            let strings = puppet.strings.lock().unwrap().clone().unwrap();
            let mine = self
                .last
                .state
                .iter()
                .filter(|(key, _)| key_groups.contains(&group_of(key)));
            let state = mine.map(|(key, state)| (key.clone(), state.clone())).collect();
            let books = Box::new(Driven(driver.clone()));
            // Where a part of the history is missing, the rest does not match.
            let on_divergence = match self.missing {
                MissingHistory::Fail => OnDivergence::Fail,
                MissingHistory::Reexecute => OnDivergence::Reexecute,
            };
            let alone = self.case.sequential;
            let attempt = Attempt::over(books, &agent, alone, on_divergence, state, &mut self.world);
            self.subtasks.push(Subtask {
                attempt,
                driver,
                strings,
                key_groups,
                heard: VecDeque::new(),
            });
        }
    }

    /// After an error of the store nobody knows what it has: the world's books are compared with it.
    fn audit(&mut self) {
        let puppet = Puppet::of(self.place.store());
        let mut request = self.request(0..=GROUPS - 1, Vec::new());
        request.missing_history = MissingHistory::Reexecute;
        let session = puppet.open(request, Arc::new(Deaf)).unwrap();
        let strings = puppet.strings.lock().unwrap().clone().unwrap();
        for record in strings.everything_read() {
            let key = String::from_utf8(record.key).unwrap();
            let log = self.world.log.entry(key).or_default();
            match record.value {
                Some(value) => log.insert(record.tail, value.into()),
                None => log.remove(&record.tail),
            };
        }
        drop(session);
        strings.bury();
    }

    fn play(&mut self) {
        let mut crashes_left = 1 + self.rng.below(5);
        let mut positions = [0; 2];
        let mut crashes = 0;
        // Steps to go for a subtask that hears nothing more.
        let mut doomed: Option<usize> = None;
        let mut removed = false;
        // The next record that is written.
        let mut large = false;
        let parallelism = 1 + self.rng.below(2) as u16;
        self.start(self.place.store(), parallelism);
        for step in 0.. {
            assert!(step < 500_000, "it does not come to an end");
            assert_eq!(self.world.failure, None);
            let read = (0..2).all(|channel| self.case.channels[channel].len() == positions[channel]);
            if read && doomed.is_none() && self.subtasks.iter().all(|subtask| subtask.attempt.is_idle()) {
                break;
            }
            let number = self.rng.below(self.subtasks.len());
            let (rng, world) = (&mut self.rng, &mut self.world);
            let subtask = &mut self.subtasks[number];
            let mut crash = false;
            let mut errors = None;
            match rng.below(100) {
                0..15 => {
                    let channel = rng.below(2);
                    if let Some((key, payload)) = self.case.channels[channel].get(positions[channel]) {
                        positions[channel] += 1;
                        let group = group_of(key);
                        let owner = self
                            .subtasks
                            .iter_mut()
                            .find(|subtask| subtask.key_groups.contains(&group));
                        owner.unwrap().attempt.input(key, payload, false, world);
                    }
                }
                15..45 => {
                    if subtask.attempt.is_running() {
                        subtask.attempt.operation(world);
                    } else {
                        subtask.attempt.turn(world);
                    }
                }
                45..55 if !subtask.attempt.executing.is_empty() => {
                    let index = rng.below(subtask.attempt.executing.len());
                    subtask.attempt.finish_call(index, world);
                }
                45..55 if !subtask.attempt.backoffs.is_empty() && !subtask.attempt.is_running() => {
                    let index = rng.below(subtask.attempt.backoffs.len());
                    subtask.attempt.back(index, world);
                }
                55..62 => crash = subtask.driver.borrow_mut().flush().is_err(),
                62..70 if subtask.strings.waiting() > 0 => {
                    errors = subtask.give(1 + rng.below(4), large, world);
                }
                70..80 => {
                    let heard = subtask.strings.acknowledge();
                    subtask.heard.extend(heard.map(|key| String::from_utf8(key).unwrap()));
                }
                80..84 => {
                    for _ in 0..rng.below(8) {
                        subtask.strings.recover(1 + rng.below(3));
                    }
                }
                84..92 if !subtask.attempt.is_running() => errors = subtask.poll(world),
                // Seldom, so that much lies between checkpoints and crashes.
                92..94 if rng.chance(8) => {
                    world.count("checkpoint");
                    world.tell(|| "checkpoint".into());
                    self.last = Checkpoint::default();
                    for subtask in &mut self.subtasks {
                        self.last.state.extend(subtask.attempt.checkpoint());
                        self.last.markers.push(subtask.driver.borrow().marker());
                    }
                    self.last.positions = positions;
                    self.last.outputs = world.outputs.clone();
                    self.last.letters = world.letters.clone();
                }
                94 if rng.chance(30) => {
                    // Markers of an attempt with another parallelism are not this one's.
                    if let Some(marker) = self.last.markers.get(number) {
                        let pruned = subtask.driver.borrow_mut().prune(marker).is_ok();
                        world.count(if pruned { "pruned" } else { "not its own marker" });
                    }
                }
                95 => {
                    self.zombies.retain(|zombie| {
                        let given = (zombie.waiting() > 0).then(|| zombie.give(1 + rng.below(3), false));
                        let Some(given) = given else {
                            zombie.bury();
                            return false;
                        };
                        world.count("zombie wrote");
                        if given.failed.is_some() {
                            zombie.bury();
                        }
                        given.failed.is_none()
                    });
                }
                96..98 if crashes_left > 0 && doomed.is_none() && rng.chance(25) => {
                    crashes_left -= 1;
                    match rng.below(7) {
                        0 => {
                            world.count("acknowledgements lost");
                            subtask.strings.lose();
                            doomed = Some(rng.below(60));
                        }
                        1 => {
                            world.count("error");
                            subtask.strings.fail();
                            doomed = Some(rng.below(60));
                        }
                        2 => large = true,
                        3 if rng.chance(self.place.removals()) && self.place.remove() => {
                            world.count("removed");
                            removed = true;
                            doomed = Some(rng.below(60));
                        }
                        _ => crash = true,
                    }
                }
                _ => {}
            }
            if let Some(steps) = &mut doomed {
                crash |= *steps == 0;
                *steps = steps.saturating_sub(1);
            }
            if let Some(kind) = errors {
                self.world.count(match kind {
                    ErrorKind::TooLarge => "record too large",
                    ErrorKind::Full => "disk full",
                    ErrorKind::Unavailable => "error heard",
                    ErrorKind::MissingHistory | ErrorKind::Settings if removed => {
                        self.missing = MissingHistory::Reexecute;
                        "removal noticed"
                    }
                    other => panic!("{other:?}"),
                });
                crash = true;
            }
            if crash {
                crashes += 1;
                doomed = None;
                large = false;
                if removed {
                    self.world.forget_acknowledged();
                }
                self.crash(&mut positions, errors.is_some());
            }
        }
        self.end(crashes);
    }

    fn crash(&mut self, positions: &mut [usize; 2], unknown: bool) {
        self.world.count("crash");
        self.world.tell(|| "crash".into());
        *positions = self.last.positions;
        self.world.outputs = self.last.outputs.clone();
        self.world.letters = self.last.letters.clone();
        let lives_on = self.rng.chance(40);
        self.stop(lives_on);
        if unknown {
            self.audit();
        }
        if self.rng.chance(20) && !self.last.markers.is_empty() {
            self.world.count("fork");
            self.lineages.insert(0, Lineage([self.lineages.len() as u8 + 1; 16]));
        }
        let full = if self.rng.chance(30) { self.place.full() } else { None };
        let parallelism = 1 + self.rng.below(4) as u16;
        self.start(full.unwrap_or_else(|| self.place.store()), parallelism);
    }

    /// Ends all subtasks; `lives_on`: their sessions go on as zombies.
    fn stop(&mut self, lives_on: bool) {
        for subtask in std::mem::take(&mut self.subtasks) {
            let Subtask {
                driver,
                attempt,
                strings,
                ..
            } = subtask;
            if lives_on {
                // What it had handed over before it was paused.
                let _ = driver.borrow_mut().flush();
            }
            drop(attempt);
            Rc::into_inner(driver).unwrap().into_inner().close();
            match lives_on {
                true => self.zombies.push(strings),
                false => strings.bury(),
            }
        }
    }

    fn end(&mut self, crashes: usize) {
        let mut markers = Vec::new();
        for subtask in &mut self.subtasks {
            while subtask.strings.recover(100) {}
            assert_eq!(subtask.poll(&mut self.world), None);
            if self.missing == MissingHistory::Fail {
                assert_eq!(
                    subtask.driver.borrow().held(),
                    0,
                    "records of inputs that were over at the checkpoint"
                );
            }
            subtask.attempt.end_of_input(&mut self.world);
            assert_eq!(subtask.attempt.machine.unacknowledged(), 0);
            markers.push(subtask.driver.borrow().marker());
        }
        self.stop(false);
        self.zombies.drain(..).for_each(|zombie| zombie.bury());
        // With nothing in flight, a checkpoint needs nothing of the journal.
        self.last.markers = markers;
        self.last.state.clear();
        self.start(self.place.store(), 1);
        let subtask = &mut self.subtasks[0];
        while subtask.strings.recover(100) {}
        assert_eq!(subtask.poll(&mut self.world), None);
        assert_eq!(subtask.driver.borrow().records_read(), 0, "read for nothing");
        self.stop(false);
        if self.missing == MissingHistory::Fail {
            assert_eq!(self.world.divergences, Vec::<String>::new());
        }
        self.case.check(&mut self.world, crashes);
    }
}

/// Plays a case to its end. Panics on anything that must not be.
pub fn play<H: Hazards>(seed: u64, counts: &mut Counts) {
    let case = Case::new(seed);
    let told = |tell: bool| {
        let place = H::new(seed);
        let mut model = Model {
            case: &case,
            place: &place,
            rng: Rng::new(!seed),
            world: World::default(),
            last: Checkpoint::default(),
            lineages: vec![Lineage([1; 16])],
            missing: MissingHistory::Fail,
            subtasks: Vec::new(),
            zombies: Vec::new(),
        };
        model.world.transcript = tell.then(Vec::new);
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| model.play()));
        (played, std::mem::take(&mut model.world))
    };
    let (played, world) = told(false);
    if let Err(panic) = played {
        let (again, world) = told(true);
        let text = world.transcript.unwrap_or_default().join("\n");
        eprintln!(
            "{:#?}\n{text}\nseed {seed} fails; the second time it {}",
            case.agent,
            match again {
                Ok(()) => "passed",
                Err(_) => "failed, too",
            }
        );
        std::panic::resume_unwind(panic);
    }
    for (what, count) in world.counts {
        *counts.entry(what).or_default() += count;
    }
}

/// `FLINK_AGENTS_MODEL_CASES` multiplies their number, `FLINK_AGENTS_MODEL_SEED` is the first.
pub fn faults<H: Hazards>(cases: u64, least: &[(&str, u64)]) {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let first: u64 = number("FLINK_AGENTS_MODEL_SEED", 0);
    let cases = cases * number("FLINK_AGENTS_MODEL_CASES", 1);
    let mut counts = Counts::new();
    for seed in first..first + cases {
        play::<H>(seed, &mut counts);
    }
    // What did not happen proves nothing.
    for (what, per_hundred) in least {
        let seen = counts.get(what).copied().unwrap_or(0);
        assert!(
            seen * 100 >= cases * per_hundred,
            "{what}: {seen} in {cases} cases\n{counts:#?}"
        );
    }
}
