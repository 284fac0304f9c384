//! Two actions of one run write memory while one of them is suspended.

#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::ids::{Symbol, ValueHandle};
use flink_agents_core::memory::{Node, Space};
use flink_agents_core::run::{Effect, Machine};
use run_support::{Exact, KEY, effects, get, input, machine, next, set};

const ACTIONS: [(&str, &str); 4] = [
    ("first", "_input_event"),
    ("second", "_input_event"),
    ("third", "_input_event"),
    ("last", "_input_event"),
];

fn started() -> Machine<Exact> {
    let mut machine = machine(&ACTIONS);
    input(&mut machine, KEY, 1);
    machine
}

fn warnings(effects: &[Effect]) -> Vec<&str> {
    let texts = effects.iter().filter_map(|effect| match effect {
        Effect::Warn(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn written(machine: &Machine<Exact>, effects: &[Effect]) -> Vec<(String, Node)> {
    let name = |path: Symbol| machine.symbols().name(path).unwrap().to_owned();
    let writes = effects.iter().filter_map(|effect| match effect {
        Effect::WriteMemory { path, node, .. } => Some((name(*path), *node)),
        _ => None,
    });
    writes.collect()
}

/// Both create the object `a` on the way; nothing of anybody is lost, so there is nothing to warn of.
#[test]
fn two_actions_that_create_the_same_parent_do_not_conflict() {
    for space in [Space::Sensory, Space::ShortTerm] {
        let mut machine = started();
        let first = next(&mut machine);
        set(&mut machine, first, space, "a.x", 10);
        machine.handle_suspended(first).unwrap();
        let second = next(&mut machine);
        set(&mut machine, second, space, "a.y", 11);
        machine.handle_finished(second).unwrap();
        machine.handle_woken(first).unwrap();
        let third = next(&mut machine);
        machine.handle_finished(third).unwrap();
        let last = next(&mut machine);
        machine.handle_suspended(last).unwrap();
        assert_eq!(next(&mut machine), first);
        machine.handle_finished(first).unwrap();
        let effects = effects(&mut machine);
        assert_eq!(warnings(&effects), Vec::<&str>::new(), "{space:?}");
    }
}

#[test]
fn the_last_to_finish_wins_on_the_same_path_with_a_warning() {
    for space in [Space::Sensory, Space::ShortTerm] {
        let mut machine = started();
        let first = next(&mut machine);
        set(&mut machine, first, space, "a", 10);
        machine.handle_suspended(first).unwrap();
        let second = next(&mut machine);
        set(&mut machine, second, space, "a", 11);
        machine.handle_finished(second).unwrap();
        effects(&mut machine);
        machine.handle_woken(first).unwrap();
        let third = next(&mut machine);
        assert_eq!(get(&mut machine, third, space, "a"), Node::Value(ValueHandle(11)));
        machine.handle_suspended(third).unwrap();
        let last = next(&mut machine);
        machine.handle_suspended(last).unwrap();
        assert_eq!(next(&mut machine), first);
        assert_eq!(
            get(&mut machine, first, space, "a"),
            Node::Value(ValueHandle(10)),
            "its own write"
        );
        machine.handle_finished(first).unwrap();
        let effects = effects(&mut machine);
        assert_eq!(warnings(&effects).len(), 1);
        assert!(warnings(&effects)[0].contains("'first'") && warnings(&effects)[0].contains("\"a\""));
        assert!(effects.contains(&Effect::Release(ValueHandle(11))));
    }
}

/// A value in place of an object made meanwhile: what was below the object cannot stay, or it would be a child of a
/// value, readable by its path and listed by nothing.
#[test]
fn a_value_that_wins_over_an_object_takes_its_children_away() {
    for space in [Space::Sensory, Space::ShortTerm] {
        let mut machine = started();
        let first = next(&mut machine);
        set(&mut machine, first, space, "a", 10);
        machine.handle_suspended(first).unwrap();
        let second = next(&mut machine);
        set(&mut machine, second, space, "a.b.c", 11);
        set(&mut machine, second, space, "ab", 12);
        machine.handle_finished(second).unwrap();
        effects(&mut machine);
        machine.handle_woken(first).unwrap();
        let third = next(&mut machine);
        machine.handle_suspended(third).unwrap();
        let last = next(&mut machine);
        machine.handle_suspended(last).unwrap();
        assert_eq!(next(&mut machine), first);
        assert_eq!(
            get(&mut machine, first, space, "a.b.c"),
            Node::Absent,
            "below its own value"
        );
        machine.handle_finished(first).unwrap();
        let effects = effects(&mut machine);
        assert_eq!(warnings(&effects).len(), 1);
        assert!(effects.contains(&Effect::Release(ValueHandle(11))));
        if space == Space::ShortTerm {
            let mut writes = written(&machine, &effects);
            writes.sort_by(|a, b| a.0.cmp(&b.0));
            let expected = [
                ("a", Node::Value(ValueHandle(10))),
                ("a.b", Node::Absent),
                ("a.b.c", Node::Absent),
            ];
            assert_eq!(writes, expected.map(|(path, node)| (path.to_owned(), node)));
        }
        machine.handle_woken(last).unwrap();
        assert_eq!(next(&mut machine), last);
        assert_eq!(get(&mut machine, last, space, "a"), Node::Value(ValueHandle(10)));
        assert_eq!(get(&mut machine, last, space, "a.b"), Node::Absent);
        assert_eq!(get(&mut machine, last, space, "a.b.c"), Node::Absent);
        assert_eq!(get(&mut machine, last, space, "ab"), Node::Value(ValueHandle(12)));
    }
}

/// The object above a write became a value meanwhile: the write wins, and so does the object it stands in.
#[test]
fn a_write_below_an_object_that_became_a_value_brings_the_object_back() {
    for space in [Space::Sensory, Space::ShortTerm] {
        let mut machine = started();
        let first = next(&mut machine);
        set(&mut machine, first, space, "a", 10);
        machine.handle_suspended(first).unwrap();
        let second = next(&mut machine);
        set(&mut machine, second, space, "a.b", 11);
        machine.handle_finished(second).unwrap();
        let third = next(&mut machine);
        set(&mut machine, third, space, "a.c", 12);
        machine.handle_suspended(third).unwrap();
        let last = next(&mut machine);
        machine.handle_suspended(last).unwrap();
        machine.handle_woken(first).unwrap();
        let first = next(&mut machine);
        machine.handle_finished(first).unwrap();
        machine.handle_woken(third).unwrap();
        effects(&mut machine);
        let third = next(&mut machine);
        assert_eq!(
            get(&mut machine, third, space, "a"),
            Node::Object,
            "its own write stands in it"
        );
        machine.handle_finished(third).unwrap();
        let effects = effects(&mut machine);
        assert_eq!(warnings(&effects).len(), 1);
        assert!(effects.contains(&Effect::Release(ValueHandle(10))));
        machine.handle_woken(last).unwrap();
        let last = next(&mut machine);
        assert_eq!(get(&mut machine, last, space, "a"), Node::Object);
        assert_eq!(get(&mut machine, last, space, "a.b"), Node::Absent);
        assert_eq!(get(&mut machine, last, space, "a.c"), Node::Value(ValueHandle(12)));
    }
}
