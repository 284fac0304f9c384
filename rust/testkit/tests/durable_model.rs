//! Random cases with crashes, of a machine with a journal.
//!
//! `FLINK_AGENTS_CRASH_CASES` multiplies the number of cases; `make test-long` plays as many as have 10^7 crashes.

#![allow(clippy::unwrap_used)]

mod seeds;

use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore, Step, Zombies};
use flink_agents_runtime::store::{
    Acked, Append, Events, Lineage, MissingHistory, OpenSession, Recovered, Session, Store, StoreError,
};
use flink_agents_testkit::durable::Written;
use flink_agents_testkit::durable_model::{Case, KEYS, Shelf};
use flink_agents_testkit::rng::Rng;
use seeds::Counts;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex};
use std::time::Instant;

#[derive(Default)]
struct Heard {
    acked: Mutex<usize>,
    recovered: Mutex<Vec<Recovered>>,
}

impl Events for Heard {
    fn acked(&self, records: &[Acked]) {
        *self.acked.lock().unwrap() += records.len();
    }

    fn failed(&self, _: StoreError) {}

    fn recovered(&self, records: Vec<Recovered>) {
        self.recovered.lock().unwrap().extend(records);
    }

    fn recovery_done(&self, _: RangeInclusive<u16>) {}
}

struct Opened {
    session: Box<dyn Session>,
    heard: Arc<Heard>,
    /// Key groups in the order of their first use.
    lanes: Vec<u16>,
}

/// The store in memory, each step at the model's word: a key is a key group. Zombies may write, as to a topic.
struct InMemory {
    store: MemoryStore,
    sessions: Vec<Opened>,
}

impl InMemory {
    fn shelf() -> Box<dyn Shelf> {
        let settings = MemorySettings {
            zombies: Zombies::Ignored,
            ..MemorySettings::default()
        };
        Box::new(InMemory {
            store: MemoryStore::new(settings),
            sessions: Vec::new(),
        })
    }

    fn lane(&mut self, session: usize, key: usize) -> u32 {
        let lanes = &mut self.sessions[session].lanes;
        let known = lanes.iter().position(|of| usize::from(*of) == key);
        let lane = known.unwrap_or(lanes.len());
        if known.is_none() {
            lanes.push(key as u16);
        }
        lane as u32
    }
}

impl Shelf for InMemory {
    fn open(&mut self, keys: RangeInclusive<usize>) -> Vec<(usize, Written)> {
        let heard = Arc::new(Heard::default());
        let request = OpenSession {
            lineage: Lineage([1; 16]),
            ancestors: Vec::new(),
            operator: "model".into(),
            max_parallelism: KEYS.len() as u16,
            key_groups: *keys.start() as u16..=*keys.end() as u16,
            markers: Vec::new(),
            missing_history: MissingHistory::Fail,
        };
        let session = self.store.open(request, heard.clone()).unwrap();
        let number = self.sessions.len();
        self.sessions.push(Opened {
            session,
            heard: heard.clone(),
            lanes: Vec::new(),
        });
        assert!(self.store.step(Step::Claim(number)));
        while self.store.step(Step::Recover(number)) {}
        let recovered = std::mem::take(&mut *heard.recovered.lock().unwrap());
        let record = |record: Recovered| {
            let value = record.value.map(Into::into);
            let tail = record.tail;
            (usize::from(record.key_group), Written { tail, value })
        };
        recovered.into_iter().map(record).collect()
    }

    fn write(&mut self, session: usize, key: usize, written: &Written) -> bool {
        let append = Append {
            slot: key as u32,
            ticket: 0,
            key_group: key as u16,
            key: KEYS[key].as_bytes().into(),
            tail: written.tail.as_slice().into(),
            value: written.value.clone(),
        };
        if self.sessions[session].session.append(vec![append]).is_err() {
            return false;
        }
        let lane = self.lane(session, key);
        self.store.step(Step::Write(session, lane))
    }

    fn acknowledge(&mut self, session: usize, key: usize) -> bool {
        let lane = self.lane(session, key);
        let heard = self.sessions[session].heard.clone();
        let before = *heard.acked.lock().unwrap();
        self.store.step(Step::Ack(session, lane));
        *heard.acked.lock().unwrap() > before
    }
}

fn play(seed: u64, calm: bool, counts: &mut Counts) {
    let mut case = Case::new(seed);
    case.calm = calm;
    seeds::play(seed, &case.agent, "regressions_durable.txt", counts, || {
        case.play(&InMemory::shelf).counts
    });
}

/// One crash after each act of a case, and each second time another one soon after it: what is recovered is lost again.
fn crash_everywhere(seed: u64, calm: bool, counts: &mut Counts) {
    let mut case = Case::new(seed);
    case.calm = calm;
    let mut rng = Rng::new(seed);
    let file = "regressions_durable.txt (\"every act\")";
    let mut acts = 0;
    seeds::play(seed, &case.agent, file, counts, || {
        let seen = case.play_crashing(&[], &InMemory::shelf).counts;
        acts = seen["act"];
        seen
    });
    for act in 1..=acts {
        let again = act + 1 + rng.below(6) as u64;
        let after = [act, again];
        let after = if rng.chance(50) { &after[..] } else { &after[..1] };
        seeds::play(seed, &case.agent, file, counts, || {
            case.play_crashing(after, &InMemory::shelf).counts
        });
    }
}

/// On all processors; every second case is a calm one.
fn all(seeds: Range<u64>, play: fn(u64, bool, &mut Counts)) -> Counts {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let mut counts = Counts::new();
    let shares: Vec<_> = (0..threads)
        .map(|thread| {
            let seeds = seeds.clone();
            std::thread::spawn(move || {
                let mut counts = Counts::new();
                for seed in seeds.filter(|seed| seed % threads == thread) {
                    play(seed, seed / threads % 2 == 1, &mut counts);
                }
                counts
            })
        })
        .collect();
    for share in shares {
        seeds::add(&mut counts, share.join().unwrap());
    }
    counts
}

/// A model in which nothing happens proves nothing.
fn enough(counts: &Counts, cases: u64, least_per_thousand: &[(&str, u64)], begin: Instant) {
    for (what, per_thousand) in least_per_thousand {
        let seen = counts.get(what).copied().unwrap_or(0);
        assert!(
            seen * 1_000 >= cases * per_thousand,
            "{what}: {seen} in {cases} cases\n{counts:#?}"
        );
    }
    eprintln!("{cases} cases in {:.0} s:", begin.elapsed().as_secs_f64());
    for (what, count) in counts {
        eprintln!("{count:>12} {what}");
    }
}

#[test]
fn seeds_that_failed_once_pass() {
    let mut counts = Counts::new();
    for seed in seeds::of_file(include_str!("regressions_durable.txt")) {
        for calm in [false, true] {
            play(seed, calm, &mut counts);
            crash_everywhere(seed, calm, &mut counts);
        }
    }
}

#[test]
fn nothing_acknowledged_is_done_again() {
    let begin = Instant::now();
    let range = seeds::range(36_000, "FLINK_AGENTS_CRASH_CASES");
    let cases = range.end - range.start;
    let counts = all(range, play);
    let least = [
        // 10^5 in `make test`.
        ("crash", 2_780),
        ("run restored", 2_000),
        ("history handed over", 2_000),
        ("action replayed", 1_200),
        ("call replayed", 1_000),
        ("call made", 12_000),
        ("call made at once", 1_000),
        ("call made again", 500),
        ("call waits", 9_000),
        ("result left to its action's completion", 200),
        ("result durable by its action's completion", 200),
        ("reconciler asked", 300),
        ("action tried again", 1_000),
        ("failure durable", 1_000),
        ("call given up", 20),
        ("call took too long", 50),
        ("reconciler failed", 20),
        ("dead letter", 300),
        ("input awaited", 25),
        ("output", 3_000),
        ("run ended", 5_000),
        ("compared with the sequential interpreter", 450),
        ("zombie wrote after the next claim", 1_000),
        ("record of a zombie", 1_400),
        ("result acknowledged late", 220),
    ];
    enough(&counts, cases, &least, begin);
    if let Ok(least) = std::env::var("FLINK_AGENTS_CRASHES") {
        let least: u64 = least.parse().unwrap();
        assert!(counts["crash"] >= least, "{} crashes, {least} wanted", counts["crash"]);
    }
}

#[test]
fn a_crash_after_any_act_and_another_in_the_recovery_do_nothing_again() {
    let begin = Instant::now();
    let range = seeds::range(16, "FLINK_AGENTS_CRASH_CASES");
    let cases = range.end - range.start;
    let counts = all(range, crash_everywhere);
    let least = [
        ("crash", 1_000),
        ("call replayed", 1_000),
        ("result left to its action's completion", 1_000),
        ("result durable by its action's completion", 1_000),
        ("zombie wrote after the next claim", 20_000),
    ];
    enough(&counts, cases, &least, begin);
}
