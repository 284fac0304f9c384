//! Snapshots of released formats: committed, and read for ever. Add files for new versions; never change one.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::checkpoint::VERSION;
use flink_agents_core::ids::{KeySlot, ValueHandle};
use flink_agents_core::memory::{Node, Space};
use flink_agents_core::run::{Effect, Machine, RestorePlan};
use run_support::{Exact, KEY, event, get, input, machine, next, set};

const ACTIONS: [(&str, &str); 3] = [("begin", "_input_event"), ("näxt", "n"), ("also", "n")];

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split_whitespace())
        .flat_map(str::bytes)
        .collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes
        .chunks(16)
        .map(|line| {
            line.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    lines.join("\n")
}

/// Run 300 of a key: the first action has finished; one task of its first event has started, three are queued; one
/// input waits; sensory memory has two objects and two values.
fn busy() -> (Machine<Exact>, Vec<u8>, Vec<ValueHandle>) {
    let mut machine = machine(&ACTIONS);
    machine.handle_key_opened(KEY, 300).unwrap();
    let first = event(&mut machine, "_input_event", 1);
    machine.handle_input(KEY, first, Some(-5)).unwrap();
    let second = event(&mut machine, "_input_event", 2);
    machine.handle_input(KEY, second, Some(1_700_000_000_000)).unwrap();
    let task = next(&mut machine);
    set(&mut machine, task, Space::Sensory, "a.b.c", 10);
    set(&mut machine, task, Space::Sensory, "ключ", 11);
    for number in 3..5 {
        let sent = event(&mut machine, "n", number);
        machine.handle_sent(task, sent).unwrap();
    }
    machine.handle_finished(task).unwrap();
    let task = next(&mut machine);
    machine.handle_suspended(task).unwrap();
    let snapshot = machine.snapshot_key(KEY).unwrap().unwrap();
    (machine, snapshot.bytes, snapshot.values)
}

/// The first run of a key, nothing done yet, no timestamp.
fn fresh() -> Vec<u8> {
    let mut machine = machine(&ACTIONS);
    input(&mut machine, KEY, 7);
    machine.snapshot_key(KEY).unwrap().unwrap().bytes
}

const BUSY_1: &str = include_str!("snapshot_golden_files/v1_busy.hex");
const FRESH_1: &str = include_str!("snapshot_golden_files/v1_fresh.hex");

#[test]
fn a_busy_key_of_version_1_is_read_as_it_was_written() {
    let plan = RestorePlan::parse(&bytes_of(BUSY_1)).unwrap();
    assert_eq!((plan.value_count(), plan.event_count()), (5, 3));
    let values: Vec<ValueHandle> = (100..105).map(ValueHandle).collect();
    let mut machine = machine(&ACTIONS);
    machine.restore_key(KeySlot(4), plan, &values, Vec::new()).unwrap();
    assert_eq!((machine.in_flight(), machine.waiting_inputs()), (2, 1));
    let mut seen = Vec::new();
    while let Some(effect) = machine.poll_effect(true) {
        match effect {
            Effect::RunAction {
                task,
                key,
                action,
                event,
            } => {
                assert_eq!(key, KeySlot(4));
                let path: Vec<(u32, u16)> = machine
                    .task_path(task)
                    .unwrap()
                    .iter()
                    .map(|(index, action)| (*index, action.0))
                    .collect();
                let lineage = machine
                    .trigger_lineage(task)
                    .unwrap()
                    .map(|(id, action)| (id.0, action.0));
                let run = machine.run_of(task).unwrap();
                seen.push(format!(
                    "run {run} action {} event {} {path:?} {lineage:?}",
                    action.0, event.0
                ));
                if run == 300 {
                    assert_eq!(get(&mut machine, task, Space::Sensory, "a.b"), Node::Object);
                    assert_eq!(
                        get(&mut machine, task, Space::Sensory, "a.b.c"),
                        Node::Value(ValueHandle(103))
                    );
                    assert_eq!(
                        get(&mut machine, task, Space::Sensory, "ключ"),
                        Node::Value(ValueHandle(104))
                    );
                } else {
                    assert_eq!(get(&mut machine, task, Space::Sensory, "a"), Node::Absent);
                }
                let output = run_support::event(&mut machine, "_output_event", 200);
                machine.handle_sent(task, output).unwrap();
                machine.handle_finished(task).unwrap();
            }
            Effect::Emit { timestamp, .. } => seen.push(format!("output at {timestamp:?}")),
            Effect::RunEnded {
                sequence,
                idle,
                persisted,
                ..
            } => seen.push(format!("ended {sequence} idle {idle} persisted {persisted}")),
            _ => {}
        }
    }
    let output = "output at Some(-5)";
    assert_eq!(
        seen,
        [
            "run 300 action 1 event 100 [(0, 0), (0, 1)] Some((1, 0))",
            output,
            "run 300 action 2 event 100 [(0, 0), (0, 2)] Some((1, 0))",
            output,
            "run 300 action 1 event 101 [(0, 0), (1, 1)] Some((1, 0))",
            output,
            "run 300 action 2 event 101 [(0, 0), (1, 2)] Some((1, 0))",
            output,
            "ended 300 idle false persisted true",
            "run 301 action 0 event 102 [(0, 0)] None",
            "output at Some(1700000000000)",
            "ended 301 idle true persisted true",
        ]
    );
}

#[test]
fn a_fresh_key_of_version_1_is_read_as_it_was_written() {
    let plan = RestorePlan::parse(&bytes_of(FRESH_1)).unwrap();
    assert_eq!((plan.value_count(), plan.event_count()), (1, 1));
    let mut machine = machine(&ACTIONS);
    machine.restore_key(KEY, plan, &[ValueHandle(0)], Vec::new()).unwrap();
    let task = next(&mut machine);
    assert_eq!(machine.run_of(task), Ok(0));
    assert_eq!(machine.trigger_lineage(task), Ok(None));
    machine.handle_finished(task).unwrap();
    assert_eq!(machine.in_flight(), 0);
}

/// A change of what is written needs a new version, and new files.
#[test]
fn version_1_is_still_what_is_written() {
    assert_eq!(
        VERSION, 1,
        "keep the old files, add new ones, and point this test at them"
    );
    let (_, bytes, values) = busy();
    assert_eq!(values, [3, 4, 2, 10, 11].map(ValueHandle));
    for (name, written, committed) in [("busy", bytes, BUSY_1), ("fresh", fresh(), FRESH_1)] {
        assert_eq!(
            hex_of(&written),
            hex_of(&bytes_of(committed)),
            "v1_{name}.hex:\n{}",
            hex_of(&written)
        );
    }
}

#[test]
fn a_snapshot_does_not_change_the_run_it_is_taken_of() {
    let (mut machine, bytes, values) = busy();
    for _ in 0..3 {
        let again = machine.snapshot_key(KEY).unwrap().unwrap();
        assert_eq!((&again.bytes, &again.values), (&bytes, &values));
    }
    assert_eq!((machine.in_flight(), machine.suspended_tasks()), (2, 1));
    assert_eq!(machine.snapshot_key(KeySlot(1)), Ok(None));
    assert_eq!(machine.snapshot_key(KeySlot(u32::MAX)), Ok(None));
}
