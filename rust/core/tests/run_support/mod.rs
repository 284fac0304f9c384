//! A host in a few lines, for tests that need nothing more.
#![allow(dead_code, clippy::unwrap_used)]

use flink_agents_core::ids::{EventId, KeySlot, TaskId, ValueHandle};
use flink_agents_core::journal::Recovered;
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

// ---- golden files

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Compares records with a golden file: a line for each, its name, tail and value. They are written so, and read from it.
pub fn records_stay_as_written(file: &str, samples: &[(&str, Recovered)]) {
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    let written: Vec<String> = samples
        .iter()
        .map(|(name, sample)| {
            format!(
                "{name}: {} {}",
                hex(&sample.tail.encode()),
                hex(&sample.record.encode())
            )
        })
        .collect();
    assert_eq!(written, lines, "\n{}", written.join("\n"));
    for (line, (_, sample)) in lines.iter().zip(samples) {
        let mut parts = line.rsplit(' ');
        let (value, tail) = (bytes(parts.next().unwrap()), bytes(parts.next().unwrap()));
        assert_eq!(Recovered::decode(&tail, &value).as_ref(), Ok(sample));
    }
}
