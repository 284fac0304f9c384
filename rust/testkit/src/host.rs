//! The tables of a simulated host: values by handle, and the keyed state that Flink would keep.

use crate::agent::EventValue;
use flink_agents_core::ids::ValueHandle;
use std::collections::{BTreeMap, VecDeque};

/// A value of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An event.
    Event(EventValue),
    /// A memory value.
    Memory(String),
}

/// Values by handle. Panics when a handle is used after its release, or released twice.
#[derive(Debug, Default)]
pub struct Handles {
    slots: Vec<Option<(String, Value)>>,
    free: VecDeque<u32>,
    given: u64,
}

impl Handles {
    /// Keeps a value of a key. Numbers are reused, those free for longest first, so that a stale one is noticed.
    pub fn put(&mut self, key: &str, value: Value) -> ValueHandle {
        self.given += 1;
        let entry = Some((key.to_owned(), value));
        match self.free.pop_front() {
            Some(index) => {
                self.slots[index as usize] = entry;
                ValueHandle(index)
            }
            None => {
                self.slots.push(entry);
                ValueHandle(self.slots.len() as u32 - 1)
            }
        }
    }

    /// The value, which has to be live.
    pub fn value(&self, handle: ValueHandle) -> &Value {
        match self.slots.get(handle.0 as usize) {
            Some(Some((_, value))) => value,
            _ => panic!("{handle:?} is used after its release"),
        }
    }

    /// The event, which has to be live.
    pub fn event(&self, handle: ValueHandle) -> &EventValue {
        match self.value(handle) {
            Value::Event(event) => event,
            Value::Memory(text) => panic!("{handle:?} is the memory value {text:?}, not an event"),
        }
    }

    /// The memory value, which has to be live.
    pub fn memory(&self, handle: ValueHandle) -> &str {
        match self.value(handle) {
            Value::Memory(text) => text,
            Value::Event(event) => panic!("{handle:?} is the event {event:?}, not a memory value"),
        }
    }

    /// Ends the life of a handle.
    pub fn release(&mut self, handle: ValueHandle) -> Value {
        match self.slots.get_mut(handle.0 as usize).and_then(Option::take) {
            Some((_, value)) => {
                self.free.push_back(handle.0);
                value
            }
            None => panic!("{handle:?} is released twice"),
        }
    }

    /// Live values of a key.
    pub fn live_of(&self, key: &str) -> Vec<&Value> {
        let live = self.slots.iter().flatten();
        live.filter(|(owner, _)| owner == key).map(|(_, value)| value).collect()
    }

    /// Number of live values.
    pub fn live(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Handles given out so far.
    pub fn given(&self) -> u64 {
        self.given
    }
}

/// A node of a memory tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// An object.
    Object,
    /// A value.
    Value(String),
}

/// A memory tree, flat: one entry per node.
pub type Tree = BTreeMap<String, Stored>;

/// An unfinished run as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inflight {
    /// The core's part.
    pub bytes: Vec<u8>,
    /// The values, in the core's order.
    pub values: Vec<Value>,
}

/// What Flink keeps for one key.
#[derive(Debug, Clone, Default)]
pub struct KeyState {
    /// Short-term memory.
    pub short_term: Tree,
    /// The unfinished run, as of the last snapshot.
    pub inflight: Option<Inflight>,
    /// Number of the next run, written when a key becomes idle.
    pub sequence: u64,
}
