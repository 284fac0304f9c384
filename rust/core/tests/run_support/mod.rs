//! A router by exact types, and a host in a few lines, for tests that need nothing more.
#![allow(dead_code, clippy::unwrap_used)]

use flink_agents_core::ids::{ActionId, EventId, KeySlot, TaskId, ValueHandle};
use flink_agents_core::memory::{Lookup, Node, Space, Written};
use flink_agents_core::run::{Effect, EventIn, Limits, Machine, Router};

/// Action names with the one type that triggers each, and how often routes were asked for.
#[derive(Debug, Default)]
pub struct Exact {
    pub actions: Vec<(&'static str, &'static str)>,
    table: Vec<(&'static str, Vec<ActionId>)>,
}

impl Exact {
    pub fn new(actions: &[(&'static str, &'static str)]) -> Exact {
        let mut table: Vec<(&'static str, Vec<ActionId>)> = Vec::new();
        for (index, (_, event_type)) in actions.iter().enumerate() {
            let id = ActionId(index as u16);
            match table.iter_mut().find(|(known, _)| known == event_type) {
                Some((_, ids)) => ids.push(id),
                None => table.push((event_type, vec![id])),
            }
        }
        Exact {
            actions: actions.to_vec(),
            table,
        }
    }
}

impl Router for Exact {
    type Attributes = ();

    fn action_count(&self) -> usize {
        self.actions.len()
    }

    fn action_name(&self, action: ActionId) -> &str {
        self.actions[action.0 as usize].0
    }

    fn exact(&self, event_type: &str) -> &[ActionId] {
        let found = self.table.iter().find(|(known, _)| *known == event_type);
        found.map_or(&[], |(_, ids)| ids)
    }

    fn has_conditions(&self) -> bool {
        false
    }

    fn conditional(
        &self,
        _: &str,
        _: EventId,
        _: Option<&()>,
        _: &mut Vec<ActionId>,
        _: &mut Vec<String>,
    ) -> Result<(), String> {
        Ok(())
    }
}

pub const KEY: KeySlot = KeySlot(0);

pub fn machine(actions: &[(&'static str, &'static str)]) -> Machine<Exact> {
    Machine::new(Exact::new(actions), Limits::default())
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
