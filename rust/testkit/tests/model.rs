//! Random cases against the reference machine.

use flink_agents_testkit::model::Case;
use std::collections::BTreeMap;

fn play(seed: u64, counts: &mut BTreeMap<&'static str, u64>) {
    let case = Case::new(seed);
    match std::panic::catch_unwind(|| case.play()) {
        Ok(shared) => {
            for (what, count) in shared.counts {
                *counts.entry(what).or_default() += count;
            }
        }
        Err(panic) => {
            eprintln!(
                "seed {seed} fails; add it to tests/regressions.txt when it is mended\n{:#?}",
                case.agent
            );
            std::panic::resume_unwind(panic);
        }
    }
}

/// Seeds to play, from `FLINK_AGENTS_MODEL_CASES` (a factor) and `FLINK_AGENTS_MODEL_SEED` (where to begin).
fn seeds(cases: u64) -> std::ops::Range<u64> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    };
    let first = number("FLINK_AGENTS_MODEL_SEED", 0);
    first..first + cases * number("FLINK_AGENTS_MODEL_CASES", 1)
}

#[test]
fn seeds_that_failed_once_pass() {
    let mut counts = BTreeMap::new();
    let seeds: Vec<u64> = include_str!("regressions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        play(seed, &mut counts);
    }
}

#[test]
fn the_machine_does_what_the_reference_does() {
    let mut counts = BTreeMap::new();
    let cases = seeds(3_000);
    let total = cases.end - cases.start;
    for seed in cases {
        play(seed, &mut counts);
    }
    // A model that does nothing proves nothing.
    for (what, per_thousand) in [
        ("effect", 20_000),
        ("output", 2_000),
        ("event sent", 4_000),
        ("Running   --(suspended)--> Suspended", 1_000),
        ("Woken     --(its turn: Resume)--> Running", 300),
        ("idle   --(restore)--> active", 1_000),
        ("marker held", 1_000),
        ("marker forwarded", 500),
        ("crash", 300),
        ("eviction", 200),
        ("rescaling", 200),
        ("checkpoint while a task runs", 500),
        ("symbol freed", 200),
        ("own write replaced", 20),
        ("memory removed", 3),
        ("warning", 50),
        ("freeze", 200),
        ("compared with the sequential interpreter", 200),
    ] {
        let seen = counts.get(what).copied().unwrap_or(0);
        assert!(
            seen * 1_000 >= per_thousand * total,
            "{what}: {seen} in {total} cases\n{counts:#?}"
        );
    }
}

#[test]
fn every_transition_is_visited() {
    let head = include_str!("../../core/src/run/machine.rs");
    let listed: Vec<String> = head
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .filter(|line| line.contains("--("))
        .map(squeeze)
        .collect();
    assert!(listed.len() >= 11, "the table at the head of machine.rs was not found");
    let mut counts = BTreeMap::new();
    for seed in 0..300 {
        play(seed, &mut counts);
    }
    let visited: Vec<String> = counts.keys().map(|line| squeeze(line)).collect();
    for line in &listed {
        assert!(visited.contains(line), "not visited: {line}");
    }
    for line in visited.iter().filter(|line| line.contains("--(")) {
        assert!(listed.contains(line), "not in the table: {line}");
    }
}

fn squeeze(line: &str) -> String {
    line.trim_start_matches("//!")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
