//! How long a path may be, and what of the host's state is asked for on the way to it.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::ids::{TaskId, ValueHandle};
use flink_agents_core::memory::{Lookup, MAX_PATH_BYTES, MAX_PATH_NAMES, MemoryError, Node, Space, Written};
use flink_agents_core::run::{AccessError, Effect, Machine};
use run_support::{Exact, KEY, effects, get, input, machine, next, set};

fn started() -> (Machine<Exact>, TaskId) {
    let mut machine = machine(&[("writer", "_input_event"), ("other", "_input_event")]);
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    (machine, task)
}

/// Writes with every node of the host's state as `stored` says; returns the outcome and the paths asked for.
fn set_over(
    machine: &mut Machine<Exact>,
    task: TaskId,
    path: &str,
    stored: &[(&str, Node)],
) -> (Result<(), MemoryError>, Vec<String>) {
    let symbol = machine.intern(path);
    let mut asked = Vec::new();
    loop {
        match machine.memory_set(task, Space::ShortTerm, symbol, ValueHandle(50)) {
            Ok(Written::Done(_)) => return (Ok(()), asked),
            Ok(Written::Load(path)) => {
                let name = machine.symbols().name(path).unwrap().to_owned();
                let node = stored.iter().find(|(known, _)| *known == name);
                let node = node.map_or(Node::Absent, |(_, node)| *node);
                machine.memory_loaded(task, path, node).unwrap();
                asked.push(name);
            }
            Err(AccessError::Memory(error)) => return (Err(error), asked),
            Err(error) => panic!("{error}"),
        }
    }
}

fn written<'m>(machine: &'m Machine<Exact>, effects: &[Effect]) -> Vec<&'m str> {
    let paths = effects.iter().filter_map(|effect| match effect {
        Effect::WriteMemory { path, .. } => machine.symbols().name(*path),
        _ => None,
    });
    paths.collect()
}

fn deep(names: usize) -> String {
    vec!["n"; names].join(".")
}

#[test]
fn the_longest_and_the_deepest_path_are_written_and_read() {
    for space in [Space::Sensory, Space::ShortTerm] {
        let (mut machine, task) = started();
        for path in ["ä".repeat(MAX_PATH_BYTES / 2), deep(MAX_PATH_NAMES)] {
            set(&mut machine, task, space, &path, 9);
            assert_eq!(get(&mut machine, task, space, &path), Node::Value(ValueHandle(9)));
        }
        machine.handle_finished(task).unwrap();
    }
}

/// Each ancestor of a path is a node with a text of its own: a long path of short names would take the square of its length.
#[test]
fn longer_and_deeper_paths_are_refused_and_leave_nothing() {
    let bad = [
        ("x".repeat(MAX_PATH_BYTES + 1), "4097 bytes and 1 names"),
        (deep(MAX_PATH_NAMES + 1), "513 bytes and 257 names"),
        (deep(50_000), "99999 bytes and 50000 names"),
        (".".repeat(60_000), "60000 bytes"),
    ];
    for space in [Space::Sensory, Space::ShortTerm] {
        let (mut machine, task) = started();
        for (path, size) in &bad {
            let symbol = machine.intern(path);
            let texts = machine.symbols().len();
            let refusals = [
                machine.memory_get(task, space, symbol).unwrap_err(),
                machine.memory_set(task, space, symbol, ValueHandle(9)).unwrap_err(),
                machine.memory_new_object(task, space, symbol, true).unwrap_err(),
                machine
                    .memory_children(task, space, symbol, std::iter::empty())
                    .unwrap_err(),
            ];
            for refused in refusals {
                let text = refused.to_string();
                for part in ["'writer'", &path[..50], size, "4096 bytes (UTF-8)", "256 names"] {
                    assert!(text.contains(part), "{part} is missing in: {text}");
                }
                assert!(text.len() < 500, "{}", text.len());
            }
            assert_eq!(machine.symbols().len(), texts, "no ancestor is interned");
        }
        machine.handle_finished(task).unwrap();
        let written = effects(&mut machine);
        assert!(
            !written
                .iter()
                .any(|effect| matches!(effect, Effect::WriteMemory { .. }))
        );
    }
}

/// What is above an object is an object: there is nothing to load.
#[test]
fn a_write_asks_the_host_for_the_nearest_parents_only() {
    let stored = [
        ("a", Node::Object),
        ("a.b", Node::Object),
        ("a.b.c", Node::Object),
        ("v", Node::Value(ValueHandle(40))),
    ];
    let (mut machine, task) = started();
    let (outcome, asked) = set_over(&mut machine, task, "a.b.c.d", &stored);
    assert_eq!(
        (outcome, asked),
        (Ok(()), vec!["a.b.c".to_owned(), "a.b.c.d".to_owned()])
    );
    let (outcome, asked) = set_over(&mut machine, task, "a.b.x.y.z", &stored);
    let expected = ["a.b.x.y", "a.b.x", "a.b.x.y.z"].map(str::to_owned);
    assert_eq!((outcome, asked), (Ok(()), expected.to_vec()));
    let (outcome, _) = set_over(&mut machine, task, "v.x.y", &stored);
    let parent = MemoryError::ParentIsValue {
        path: "v.x.y".into(),
        parent: "v".into(),
    };
    assert_eq!(outcome, Err(parent));
    machine.handle_finished(task).unwrap();
    let effects = effects(&mut machine);
    assert_eq!(
        written(&machine, &effects),
        ["a.b.c.d", "a.b.x", "a.b.x.y", "a.b.x.y.z"],
        "parents first"
    );
}

/// The ancestors that were never loaded are objects, and are not written again when overlapping tasks commit.
#[test]
fn ancestors_that_were_not_loaded_are_left_alone_by_overlapping_tasks() {
    let stored = [("a", Node::Object), ("a.b", Node::Object)];
    let (mut machine, first) = started();
    assert_eq!(set_over(&mut machine, first, "a.b.c", &stored).0, Ok(()));
    machine.handle_suspended(first).unwrap();
    let second = next(&mut machine);
    assert_eq!(set_over(&mut machine, second, "a.b.d", &stored).0, Ok(()));
    let refused = set_over(&mut machine, second, "a", &stored);
    assert_eq!(refused.0, Err(MemoryError::ObjectInTheWay("a".into())));
    machine.handle_finished(second).unwrap();
    machine.handle_woken(first).unwrap();
    assert_eq!(next(&mut machine), first);
    let lookup = machine.intern("a.b");
    let found = machine.memory_get(first, Space::ShortTerm, lookup);
    assert_eq!(found, Ok(Lookup::Found(Node::Object)));
    machine.handle_finished(first).unwrap();
    let effects = effects(&mut machine);
    assert_eq!(written(&machine, &effects), ["a.b.c"]);
}

/// Entries of the host's state can expire while a run lasts; what the run relied on stays as it was.
#[test]
fn a_parent_that_expires_after_a_write_below_it_stays_an_object() {
    let stored = [("a", Node::Object), ("a.b", Node::Object)];
    let (mut machine, task) = started();
    assert_eq!(set_over(&mut machine, task, "a.b.c", &stored).0, Ok(()));
    let (refused, asked) = set_over(&mut machine, task, "a", &[]);
    assert_eq!(refused, Err(MemoryError::ObjectInTheWay("a".into())));
    assert_eq!(asked, Vec::<String>::new());
    machine.handle_finished(task).unwrap();
}
