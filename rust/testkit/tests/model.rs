//! Random cases against the reference machine.

mod seeds;

use flink_agents_testkit::model::Case;
use seeds::Counts;

fn play(seed: u64, counts: &mut Counts) {
    let case = Case::new(seed);
    seeds::play(seed, &case.agent, "regressions.txt", counts, || case.play().counts);
}

#[test]
fn seeds_that_failed_once_pass() {
    let mut counts = Counts::new();
    for seed in seeds::of_file(include_str!("regressions.txt")) {
        play(seed, &mut counts);
    }
}

#[test]
fn the_machine_does_what_the_reference_does() {
    let mut counts = Counts::new();
    let cases = seeds::range(3_000, "FLINK_AGENTS_MODEL_CASES");
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
        ("Running   --(failed, is tried again)--> Backoff", 300),
        ("dead letter", 100),
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
    let mut counts = Counts::new();
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
