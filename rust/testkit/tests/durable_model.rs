//! Random cases with crashes, of a machine with a journal.

use flink_agents_testkit::durable_model::Case;
use std::collections::BTreeMap;

type Counts = BTreeMap<&'static str, u64>;

fn play(seed: u64, counts: &mut Counts) {
    let case = Case::new(seed);
    match std::panic::catch_unwind(|| case.play()) {
        Ok(world) => {
            for (what, count) in world.counts {
                *counts.entry(what).or_default() += count;
            }
        }
        Err(panic) => {
            eprintln!(
                "seed {seed} fails; add it to tests/regressions_durable.txt when it is mended\n{:#?}",
                case.agent
            );
            std::panic::resume_unwind(panic);
        }
    }
}

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

#[test]
fn seeds_that_failed_once_pass() {
    let mut counts = Counts::new();
    let lines = include_str!("regressions_durable.txt").lines();
    let seeds: Vec<u64> = lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        play(seed, &mut counts);
    }
}

#[test]
fn nothing_acknowledged_is_done_again() {
    let cases = 32_000 * number("FLINK_AGENTS_MODEL_CASES", 1);
    let first = number("FLINK_AGENTS_MODEL_SEED", 0);
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let mut counts = Counts::new();
    let shares: Vec<_> = (0..threads)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut counts = Counts::new();
                for seed in (first..first + cases).filter(|seed| seed % threads == thread) {
                    play(seed, &mut counts);
                }
                counts
            })
        })
        .collect();
    for share in shares {
        for (what, count) in share.join().unwrap() {
            *counts.entry(what).or_default() += count;
        }
    }
    // A model in which nothing happens proves nothing.
    for (what, per_thousand) in [
        ("crash", 3_130),
        ("run restored", 2_500),
        ("history handed over", 1_500),
        ("action replayed", 200),
        ("call replayed", 500),
        ("call made", 12_000),
        ("call made at once", 1_000),
        ("call made again", 350),
        ("call waits", 10_000),
        ("reconciler asked", 250),
        ("input awaited", 8),
        ("output", 3_000),
        ("run ended", 5_000),
        ("compared with the sequential interpreter", 450),
    ] {
        let seen = counts.get(what).copied().unwrap_or(0);
        assert!(
            seen * 1_000 >= cases * per_thousand,
            "{what}: {seen} in {cases} cases\n{counts:#?}"
        );
    }
}
