//! A host in a few lines, for tests that need nothing more.
#![allow(dead_code, clippy::unwrap_used)]

use flink_agents_core::ids::{EventId, KeySlot, TaskId, ValueHandle};
use flink_agents_core::memory::{Lookup, Node, Space, Written};
use flink_agents_core::run::{Effect, EventIn, Limits, Machine};
pub use flink_agents_testkit::exact::Exact;

pub const KEY: KeySlot = KeySlot(0);

pub fn machine(actions: &[(&str, &str)]) -> Machine<Exact> {
    Machine::new(Exact::new(actions.iter().copied()), Limits::default())
}

/// An event whose id and handle are `number`.
pub fn event(machine: &mut Machine<Exact>, event_type: &str, number: u32) -> EventIn<()> {
    EventIn {
        id: EventId(u128::from(number)),
        event_type: machine.intern(event_type),
        value: ValueHandle(number),
        attributes: None,
    }
}

pub fn input(machine: &mut Machine<Exact>, key: KeySlot, number: u32) {
    let event = event(machine, "_input_event", number);
    machine.handle_input(key, event, None).unwrap();
}

/// Everything the machine wants without running anything.
pub fn effects(machine: &mut Machine<Exact>) -> Vec<Effect> {
    std::iter::from_fn(|| machine.poll_effect(false)).collect()
}

/// The task that runs next, started or continued; other effects before it are passed over.
pub fn next(machine: &mut Machine<Exact>) -> TaskId {
    loop {
        match machine.poll_effect(true) {
            Some(Effect::RunAction { task, .. } | Effect::Resume { task, .. }) => return task,
            Some(_) => {}
            None => panic!("no task was to run"),
        }
    }
}

/// Writes a value; unknown nodes are absent.
pub fn set(machine: &mut Machine<Exact>, task: TaskId, space: Space, path: &str, value: u32) {
    let symbol = machine.intern(path);
    loop {
        match machine.memory_set(task, space, symbol, ValueHandle(value)).unwrap() {
            Written::Done(_) => return,
            Written::Load(path) => {
                machine.memory_loaded(task, path, Node::Absent).unwrap();
            }
        }
    }
}

/// Reads a node; unknown nodes are absent.
pub fn get(machine: &mut Machine<Exact>, task: TaskId, space: Space, path: &str) -> Node {
    let symbol = machine.intern(path);
    loop {
        match machine.memory_get(task, space, symbol).unwrap() {
            Lookup::Found(node) => return node,
            Lookup::Load(path) => {
                machine.memory_loaded(task, path, Node::Absent).unwrap();
            }
        }
    }
}
