//! Key slots, segments and bookkeeping that outlive a run.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::ids::{KeySlot, ValueHandle};
use flink_agents_core::memory::Space;
use flink_agents_core::run::{Effect, Machine, Marker, RestorePlan};
use run_support::{Exact, KEY, effects, event, input, machine, next, set};

const ACTIONS: [(&str, &str); 2] = [("begin", "_input_event"), ("next", "n")];

fn run_through(machine: &mut Machine<Exact>) -> Vec<Effect> {
    let mut seen = Vec::new();
    while let Some(effect) = machine.poll_effect(true) {
        if let Effect::RunAction { task, .. } = effect {
            machine.handle_finished(task).unwrap();
        }
        seen.push(effect);
    }
    seen
}

/// Otherwise every snapshot of a busy key would carry the tasks of all its earlier runs.
#[test]
fn a_run_leaves_nothing_behind_in_the_snapshot_of_the_next() {
    let mut machine = machine(&ACTIONS);
    let mut sizes = Vec::new();
    input(&mut machine, KEY, 1);
    for run in 0..20 {
        input(&mut machine, KEY, 100 + run);
        let task = next(&mut machine);
        set(&mut machine, task, Space::Sensory, &format!("path{run}"), 1_000 + run);
        let sent = event(&mut machine, "n", 200 + run);
        machine.handle_sent(task, sent).unwrap();
        machine.handle_finished(task).unwrap();
        let task = next(&mut machine);
        machine.handle_finished(task).unwrap();
        sizes.push(machine.snapshot_key(KEY).unwrap().unwrap().bytes.len());
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

/// An agent that goes on for thousands of steps in one run would otherwise store all of them at each checkpoint.
#[test]
fn finished_tasks_are_not_stored_unless_unfinished_ones_came_from_them() {
    let mut machine = machine(&[("begin", "_input_event"), ("next", "n"), ("leaf", "n")]);
    input(&mut machine, KEY, 1);
    let mut length = 0;
    let task = next(&mut machine);
    let sent = event(&mut machine, "n", 2);
    machine.handle_sent(task, sent).unwrap();
    machine.handle_finished(task).unwrap();
    let mut sizes = Vec::new();
    for step in 0..50 {
        let task = next(&mut machine);
        let sent = event(&mut machine, "n", 100 + step);
        machine.handle_sent(task, sent).unwrap();
        machine.handle_finished(task).unwrap();
        let leaf = next(&mut machine);
        length = machine.task_path(leaf).unwrap().len();
        machine.handle_finished(leaf).unwrap();
        sizes.push(machine.snapshot_key(KEY).unwrap().unwrap().bytes.len());
    }
    // The chain that leads to the unfinished task is its place in the run; the leaves are not.
    let steps: Vec<usize> = sizes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| *step <= 3), "{steps:?}");

    let stored = machine.snapshot_key(KEY).unwrap().unwrap();
    let mut restored = run_support::machine(&[("begin", "_input_event"), ("next", "n"), ("leaf", "n")]);
    let plan = RestorePlan::parse(&stored.bytes).unwrap();
    restored.restore_key(KEY, plan, &stored.values, Vec::new()).unwrap();
    assert_eq!(restored.snapshot_key(KEY).unwrap().unwrap().bytes, stored.bytes);
    for _ in 0..2 {
        let (there, here) = (next(&mut machine), next(&mut restored));
        let path = machine.task_path(there).unwrap();
        assert_eq!(restored.task_path(here).unwrap(), path);
        assert_eq!(path.len(), length + 1);
        machine.handle_finished(there).unwrap();
        restored.handle_finished(here).unwrap();
    }
}

/// Siblings of which one waits: the finished ones go, and the waiting one keeps its place.
#[test]
fn a_task_that_waits_keeps_its_path_when_those_beside_it_are_gone() {
    let mut machine = machine(&ACTIONS);
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    for number in 2..1_002 {
        let sent = event(&mut machine, "n", number);
        machine.handle_sent(task, sent).unwrap();
    }
    machine.handle_finished(task).unwrap();
    let full = machine.snapshot_key(KEY).unwrap().unwrap().bytes.len();
    for _ in 0..998 {
        let task = next(&mut machine);
        machine.handle_finished(task).unwrap();
    }
    let waits = next(&mut machine);
    machine.handle_suspended(waits).unwrap();
    let stored = machine.snapshot_key(KEY).unwrap().unwrap();
    assert!(stored.bytes.len() < full / 100, "{} of {full}", stored.bytes.len());
    let plan = RestorePlan::parse(&stored.bytes).unwrap();
    let mut restored = run_support::machine(&ACTIONS);
    restored.restore_key(KEY, plan, &stored.values, Vec::new()).unwrap();
    let waiting = next(&mut restored);
    assert_eq!(restored.task_path(waiting), machine.task_path(waits));
    restored.handle_finished(waiting).unwrap();
    let last = next(&mut restored);
    let there = next(&mut machine);
    assert_eq!(restored.task_path(last), machine.task_path(there));
}

#[test]
fn a_slot_used_by_another_key_starts_empty() {
    let mut machine = machine(&ACTIONS);
    machine.handle_key_opened(KEY, 41).unwrap();
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    set(&mut machine, task, Space::Sensory, "s", 2);
    set(&mut machine, task, Space::ShortTerm, "t", 3);
    assert!(machine.snapshot_key(KEY).unwrap().is_some());
    machine.handle_finished(task).unwrap();
    let ended = effects(&mut machine);
    assert!(ended.contains(&Effect::RunEnded {
        key: KEY,
        sequence: 41,
        idle: true,
        persisted: true
    }));
    assert_eq!(machine.snapshot_key(KEY), Ok(None));
    input(&mut machine, KEY, 4);
    let task = next(&mut machine);
    assert_eq!(machine.run_of(task), Ok(0));
    let path = machine.intern("t");
    let unknown = machine.memory_get(task, Space::ShortTerm, path).unwrap();
    assert_eq!(
        unknown,
        flink_agents_core::memory::Lookup::Load(path),
        "another key's value must be asked for"
    );
    machine.handle_finished(task).unwrap();
    let ended = effects(&mut machine);
    assert!(
        matches!(
            ended.last(),
            Some(Effect::RunEnded {
                sequence: 0,
                persisted: false,
                ..
            })
        ),
        "{ended:?}"
    );
}

/// A key restored after markers have come belongs to the segment open then, with all its inputs.
#[test]
fn keys_restored_late_hold_back_only_later_markers() {
    let mut source = machine(&ACTIONS);
    input(&mut source, KEY, 1);
    input(&mut source, KEY, 2);
    let stored = source.snapshot_key(KEY).unwrap().unwrap();

    let mut machine = machine(&ACTIONS);
    input(&mut machine, KEY, 50);
    machine.handle_marker(Marker::Watermark(1));
    let plan = RestorePlan::parse(&stored.bytes).unwrap();
    let values = [ValueHandle(60), ValueHandle(61)];
    machine.restore_key(KeySlot(3), plan, &values, Vec::new()).unwrap();
    machine.handle_marker(Marker::Watermark(2));
    assert_eq!(machine.held_markers(), 2);
    let seen = run_through(&mut machine);
    let order: Vec<String> = seen
        .iter()
        .filter_map(|effect| match effect {
            Effect::RunEnded { key, .. } => Some(format!("run of {}", key.0)),
            Effect::Forward(Marker::Watermark(at)) => Some(format!("watermark {at}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        order,
        ["run of 0", "watermark 1", "run of 3", "run of 3", "watermark 2"]
    );
}

#[test]
fn tasks_of_two_keys_may_run_at_the_same_time() {
    let mut machine = machine(&ACTIONS);
    input(&mut machine, KeySlot(0), 1);
    input(&mut machine, KeySlot(1), 2);
    let first = next(&mut machine);
    let second = next(&mut machine);
    assert_ne!(first, second);
    set(&mut machine, first, Space::Sensory, "p", 10);
    set(&mut machine, second, Space::Sensory, "p", 11);
    machine.handle_finished(second).unwrap();
    machine.handle_finished(first).unwrap();
    let released: Vec<u32> = effects(&mut machine)
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Release(value) => Some(value.0),
            _ => None,
        })
        .collect();
    assert_eq!(released, [2, 11, 1, 10]);
    assert_eq!(machine.in_flight(), 0);
}

/// A host that has worked long enough in one slice gets everything except tasks.
#[test]
fn without_may_run_effects_come_but_tasks_wait() {
    let mut machine = machine(&ACTIONS);
    input(&mut machine, KEY, 1);
    assert_eq!(machine.poll_effect(false), None);
    assert!(machine.has_ready());
    let task = next(&mut machine);
    assert!(!machine.has_ready());
    let output = event(&mut machine, "_output_event", 2);
    machine.handle_sent(task, output).unwrap();
    assert_eq!(
        machine.poll_effect(true),
        None,
        "nothing of a task is visible before it finishes"
    );
    machine.handle_finished(task).unwrap();
    assert!(matches!(machine.poll_effect(false), Some(Effect::Emit { .. })));
}

#[test]
fn an_input_of_the_output_type_leaves_at_once() {
    let mut machine = machine(&ACTIONS);
    let output = event(&mut machine, "_output_event", 1);
    machine.handle_input(KEY, output, Some(9)).unwrap();
    let seen = effects(&mut machine);
    let emit = Effect::Emit {
        key: KEY,
        event: ValueHandle(1),
        timestamp: Some(9),
    };
    assert_eq!(seen[0], emit);
    assert!(matches!(seen[1], Effect::RunEnded { idle: true, .. }));
    assert_eq!(seen.len(), 2);
}

/// Long queues of inputs that start nothing must not recurse.
#[test]
fn a_hundred_thousand_waiting_inputs_nobody_listens_to_end_in_a_row() {
    let mut machine = machine(&ACTIONS);
    input(&mut machine, KEY, 0);
    let task = next(&mut machine);
    for number in 1..=100_000 {
        let unheard = event(&mut machine, "unheard", number);
        machine.handle_input(KEY, unheard, None).unwrap();
    }
    machine.handle_marker(Marker::Watermark(1));
    machine.handle_finished(task).unwrap();
    let seen = effects(&mut machine);
    let ended = seen
        .iter()
        .filter(|effect| matches!(effect, Effect::RunEnded { .. }))
        .count();
    let released = seen
        .iter()
        .filter(|effect| matches!(effect, Effect::Release(_)))
        .count();
    assert_eq!((ended, released), (100_001, 100_001));
    assert_eq!(seen.last(), Some(&Effect::Forward(Marker::Watermark(1))));
    assert_eq!(machine.in_flight(), 0);
}

/// What one action costs may grow with what it does, not with its square.
#[test]
fn an_action_that_writes_many_paths_is_not_slow() {
    let mut machine = machine(&ACTIONS);
    input(&mut machine, KEY, 0);
    let task = next(&mut machine);
    let count = 30_000;
    for number in 0..count {
        set(&mut machine, task, Space::Sensory, &format!("a.p{number}"), 1 + number);
    }
    machine.handle_finished(task).unwrap();
    let released = effects(&mut machine)
        .iter()
        .filter(|effect| matches!(effect, Effect::Release(_)))
        .count();
    assert_eq!(released as u32, count + 1);
}
