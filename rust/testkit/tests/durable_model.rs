//! Random cases with crashes, of a machine with a journal.

mod seeds;

use flink_agents_testkit::durable_model::Case;
use seeds::Counts;

fn play(seed: u64, counts: &mut Counts) {
    let case = Case::new(seed);
    seeds::play(seed, &case.agent, "regressions_durable.txt", counts, || {
        case.play().counts
    });
}

#[test]
fn seeds_that_failed_once_pass() {
    let mut counts = Counts::new();
    for seed in seeds::of_file(include_str!("regressions_durable.txt")) {
        play(seed, &mut counts);
    }
}

#[test]
fn nothing_acknowledged_is_done_again() {
    let range = seeds::range(32_000);
    let cases = range.end - range.start;
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let mut counts = Counts::new();
    let shares: Vec<_> = (0..threads)
        .map(|thread| {
            let range = range.clone();
            std::thread::spawn(move || {
                let mut counts = Counts::new();
                for seed in range.filter(|seed| seed % threads == thread) {
                    play(seed, &mut counts);
                }
                counts
            })
        })
        .collect();
    for share in shares {
        seeds::add(&mut counts, share.join().unwrap());
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
