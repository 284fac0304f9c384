//! A batch of commands.

use serde_json::{Value, json};

/// Commands in their order.
#[derive(Debug, Default)]
pub(super) struct Commands(Vec<Value>);

impl Commands {
    pub fn push(&mut self, command: Value) {
        self.0.push(command);
    }

    pub fn send(&mut self, event_type: &str, attributes: Value) {
        self.push(json!({"send": {"type": event_type, "attributes": attributes}}));
    }

    pub fn count(&mut self, model: &str, counter: &str, add: u64) {
        self.push(json!({"metric": {"group": [["model", model]], "counter": counter, "add": add}}));
    }

    pub fn warn(&mut self, text: String) {
        self.push(json!({"warn": text}));
    }

    /// The action has done what it should.
    pub fn done(&mut self) {
        self.push(json!({"done": true}));
    }

    pub fn fail(&mut self, message: String, rethrow: bool) {
        self.push(json!({"fail": {"message": message, "rethrow": rethrow}}));
    }

    pub fn into_json(self) -> String {
        Value::Array(self.0).to_string()
    }
}
