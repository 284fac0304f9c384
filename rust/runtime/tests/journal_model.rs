//! Random schedules of a job over the store in memory: several subtasks, checkpoints with markers, crashes, rescalings, forks,
//! and zombies whose records still arrive. A case is its seed.

use super::journal_agent::{GROUPS, KeyState, Ledger, Subtask, group_of};
use flink_agents_runtime::store::Lineage;
use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore, Zombies};
use flink_agents_testkit::rng::Rng;
use std::collections::BTreeMap;

const KEYS: u32 = 5;

#[derive(Default)]
struct Checkpoint {
    state: BTreeMap<u32, KeyState>,
    markers: Vec<Vec<u8>>,
    position: u32,
    outputs: BTreeMap<u32, Vec<String>>,
}

#[derive(Default)]
struct Counts {
    crashes: u64,
    replayed: u64,
    again: u64,
    forks: u64,
    zombies: u64,
}

fn start(store: &MemoryStore, lineages: &[Lineage], last: &Checkpoint, parallelism: u16) -> Vec<Subtask> {
    let (lineage, ancestors) = lineages.split_first().unwrap();
    let share = GROUPS.div_ceil(parallelism);
    let ranges = (0..parallelism).map(|number| number * share..=((number + 1) * share - 1).min(GROUPS - 1));
    ranges
        .filter(|range| !range.is_empty())
        .map(|range| {
            let mine = last.state.iter().filter(|(key, _)| range.contains(&group_of(**key)));
            let state = mine.map(|(key, state)| (*key, state.clone())).collect();
            Subtask::new(store, *lineage, ancestors.to_vec(), range, last.markers.clone(), state)
        })
        .collect()
}

fn play(seed: u64, counts: &mut Counts) {
    let mut rng = Rng::new(seed);
    let store = MemoryStore::new(MemorySettings {
        zombies: if rng.chance(50) {
            Zombies::Refused
        } else {
            Zombies::Ignored
        },
        batch: 1 + rng.below(3),
        ..MemorySettings::default()
    });
    let inputs = 3 + rng.below(12) as u32;
    let mut lineages = vec![Lineage([1; 16])];
    let mut last = Checkpoint::default();
    let mut ledger = Ledger::default();
    let (mut position, mut crashes) = (0, 0);
    let mut outputs: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut subtasks = start(&store, &lineages, &last, 1 + rng.below(3) as u16);
    let mut zombies: Vec<Subtask> = Vec::new();
    while position < inputs || !subtasks.iter().all(Subtask::is_idle) {
        let number = rng.below(subtasks.len());
        let subtask = &mut subtasks[number];
        let mut crash = false;
        match rng.below(100) {
            0..10 if position < inputs => {
                let key = position * 3 % KEYS;
                let owner = subtasks.iter_mut().find(|subtask| subtask.owns(key)).unwrap();
                owner.input(key, position);
                position += 1;
            }
            0..40 => {
                subtask.turn(&mut ledger);
                for (key, output) in subtask.outputs.drain(..) {
                    outputs.entry(key).or_default().push(output);
                }
            }
            40..48 if !subtask.executing.is_empty() => {
                let index = rng.below(subtask.executing.len());
                subtask.end_call(index, &ledger);
            }
            // A claim of an attempt before, written late, takes the place of this one's: the job is started again.
            48..62 => crash = subtask.exchange().is_err(),
            62..90 => {
                let steps = store.steps();
                if !steps.is_empty() {
                    store.step(*rng.pick(&steps));
                }
            }
            90..93 => {
                // A zombie goes on until it hears that it is one.
                zombies.retain_mut(|zombie| zombie.exchange().is_ok());
            }
            93..96 => {
                let mut state = BTreeMap::new();
                let mut markers = Vec::new();
                for subtask in &mut subtasks {
                    let (keys, marker) = subtask.checkpoint(&mut ledger);
                    for (key, output) in subtask.outputs.drain(..) {
                        outputs.entry(key).or_default().push(output);
                    }
                    state.extend(keys);
                    markers.push(marker);
                }
                last = Checkpoint {
                    state,
                    markers,
                    position,
                    outputs: outputs.clone(),
                };
            }
            96..98 if crashes < 6 => crash = true,
            _ => {}
        }
        if crash {
            crashes += 1;
            counts.crashes += 1;
            position = last.position;
            outputs = last.outputs.clone();
            let old = std::mem::take(&mut subtasks);
            counts.replayed += old.iter().map(|subtask| subtask.replayed as u64).sum::<u64>();
            if rng.chance(50) {
                counts.zombies += 1;
                zombies.extend(old);
            } else {
                old.into_iter().for_each(|subtask| subtask.driver.close());
            }
            if rng.chance(20) && !last.markers.is_empty() {
                counts.forks += 1;
                lineages.insert(0, Lineage([lineages.len() as u8 + 1; 16]));
            }
            subtasks = start(&store, &lineages, &last, 1 + rng.below(4) as u16);
        }
    }
    counts.replayed += subtasks.iter().map(|subtask| subtask.replayed as u64).sum::<u64>();
    for subtask in &mut subtasks {
        for (key, output) in subtask.outputs.drain(..) {
            outputs.entry(key).or_default().push(output);
        }
    }
    for key in 0..KEYS {
        let expected: Vec<u32> = (0..inputs).filter(|input| input * 3 % KEYS == key).collect();
        let seen = outputs.remove(&key).unwrap_or_default();
        assert_eq!(seen.len(), expected.len(), "outputs of key {key}: {seen:?}");
        for (input, seen) in expected.iter().zip(&seen) {
            assert!(seen.starts_with(&format!("input {input} 0 ")), "key {key}: {seen}");
        }
    }
    assert_eq!(ledger.executions.len(), 2 * inputs as usize, "{:?}", ledger.executions);
    for (identity, executions) in &ledger.executions {
        assert!(executions.len() <= crashes + 1, "{identity}: {executions:?}");
        counts.again += executions.len() as u64 - 1;
    }
}

#[test]
fn nothing_that_came_out_is_done_again_whatever_the_store_and_the_job_go_through() {
    let mut counts = Counts::default();
    for seed in 0..3_000 {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(seed, &mut counts)));
        if let Err(panic) = played {
            eprintln!("seed {seed} fails");
            std::panic::resume_unwind(panic);
        }
    }
    let seen = [
        counts.crashes,
        counts.replayed,
        counts.again,
        counts.forks,
        counts.zombies,
    ];
    for (seen, least) in seen.iter().zip([9_000, 3_000, 1_000, 1_000, 4_000]) {
        assert!(*seen >= least, "{seen} of {least}: too little happened");
    }
}
