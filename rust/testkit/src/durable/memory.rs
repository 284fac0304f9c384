//! Memory operations of a running action.

use super::Attempt;
use crate::host::{Stored, Value};
use flink_agents_core::ids::{Symbol, TaskId};
use flink_agents_core::memory::{Lookup, Node, Space, Written};

impl Attempt {
    fn load(&mut self, key: &str, task: TaskId, path: Symbol) {
        let text = self.machine.symbols().name(path).unwrap().to_owned();
        let node = match self.state[key].short_term.get(&text).cloned() {
            None => Node::Absent,
            Some(Stored::Object) => Node::Object,
            Some(Stored::Value(value)) => Node::Value(self.handles.put(key, Value::Memory(value))),
        };
        assert_eq!(self.machine.memory_loaded(task, path, node), Ok(None));
    }

    pub(super) fn get(&mut self, key: &str, task: TaskId, space: Space, path: &str) -> String {
        let symbol = self.symbol(path);
        loop {
            match self.machine.memory_get(task, space, symbol) {
                Ok(Lookup::Found(Node::Absent)) => return "absent".into(),
                Ok(Lookup::Found(Node::Object)) => return "object".into(),
                Ok(Lookup::Found(Node::Value(handle))) => return format!("'{}'", self.handles.memory(handle)),
                Ok(Lookup::Load(path)) => self.load(key, task, path),
                Err(_) => return "refused".into(),
            }
        }
    }

    pub(super) fn set(&mut self, key: &str, task: TaskId, space: Space, path: &str, value: &str) -> String {
        let symbol = self.symbol(path);
        let handle = self.handles.put(key, Value::Memory(value.to_owned()));
        loop {
            match self.machine.memory_set(task, space, symbol, handle) {
                Ok(Written::Done(unused)) => {
                    unused.map(|unused| self.handles.release(unused));
                    return "ok".into();
                }
                Ok(Written::Load(path)) => self.load(key, task, path),
                Err(_) => {
                    self.handles.release(handle);
                    return "refused".into();
                }
            }
        }
    }
}
