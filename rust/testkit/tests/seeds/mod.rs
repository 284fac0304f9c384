//! Seeds of random cases: which are played, and what is said of one that fails.
#![allow(clippy::unwrap_used)]

use flink_agents_testkit::agent::Agent;
use std::collections::BTreeMap;

/// How often things happened, by name.
pub type Counts = BTreeMap<&'static str, u64>;

/// Plays a case and adds up what happened in it. `file` is where the seed belongs if it fails.
pub fn play(seed: u64, agent: &Agent, file: &str, counts: &mut Counts, case: impl FnOnce() -> Counts) {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(case)) {
        Ok(seen) => add(counts, seen),
        Err(panic) => {
            eprintln!("seed {seed} fails; add it to tests/{file} when it is mended\n{agent:#?}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Adds what happened elsewhere.
pub fn add(counts: &mut Counts, seen: Counts) {
    for (what, count) in seen {
        *counts.entry(what).or_default() += count;
    }
}

/// Seeds to play, from the variable `factor` (by what to multiply `cases`) and `FLINK_AGENTS_MODEL_SEED` (where to begin).
pub fn range(cases: u64, factor: &str) -> std::ops::Range<u64> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    };
    let first = number("FLINK_AGENTS_MODEL_SEED", 0);
    first..first + cases * number(factor, 1)
}

/// The seeds of a file of those that failed once; there is at least one.
pub fn of_file(text: &str) -> Vec<u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let seeds: Vec<u64> = lines
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(!seeds.is_empty());
    seeds
}
