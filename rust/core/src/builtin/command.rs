//! A batch of commands.

use serde::Serialize;
use serde_json::{Map, Value};

use super::conversation::Conversation;

/// One command, as the table in [`super`] has it. It borrows what it says, and is written at once: most of it are
/// messages, which are not copied for that.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Command<'a> {
    Read([&'a str; 1]),
    Write {
        path: &'a str,
        value: Option<&'a Conversation>,
    },
    Chat {
        model: &'a str,
        messages: &'a [Value],
        prompt_args: &'a Map<String, Value>,
        output_schema: &'a Value,
        delay_ms: u64,
        #[serde(rename = "async")]
        asynchronous: bool,
    },
    Parse {
        output_schema: &'a Value,
        value: &'a Value,
    },
    Tools {
        calls: &'a [Value],
        #[serde(rename = "async")]
        asynchronous: bool,
    },
    Retrieve {
        store: &'a str,
        query: &'a str,
        limit: i64,
        #[serde(rename = "async")]
        asynchronous: bool,
    },
    Metric {
        group: [[&'a str; 2]; 1],
        counter: &'a str,
        add: u64,
    },
    Warn(&'a str),
    Done(bool),
    Fail {
        message: &'a str,
        rethrow: bool,
    },
}

/// The command to send an event.
#[derive(Serialize)]
pub(super) struct Send<'a, A> {
    #[serde(rename = "type")]
    pub event_type: &'a str,
    pub attributes: A,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// Whether the object that `parse` kept belongs to it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub structured: bool,
}

/// Commands in their order, as JSON.
#[derive(Debug, Default)]
pub(super) struct Commands(Vec<u8>);

impl Commands {
    pub fn push(&mut self, command: &Command<'_>) {
        self.write(command);
    }

    pub fn send<A: Serialize>(&mut self, send: &Send<'_, A>) {
        #[derive(Serialize)]
        #[serde(rename_all = "lowercase")]
        enum Sending<'a, A> {
            Send(&'a Send<'a, A>),
        }
        self.write(&Sending::Send(send));
    }

    fn write(&mut self, command: &impl Serialize) {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut self.0, command).expect("what consists of texts and JSON can be written as JSON");
    }

    pub fn count(&mut self, model: &str, counter: &str, add: u64) {
        self.push(&Command::Metric {
            group: [["model", model]],
            counter,
            add,
        });
    }

    pub fn warn(&mut self, text: &str) {
        self.push(&Command::Warn(text));
    }

    /// The action has done what it should.
    pub fn done(&mut self) {
        self.push(&Command::Done(true));
    }

    pub fn fail(&mut self, message: &str, rethrow: bool) {
        self.push(&Command::Fail { message, rethrow });
    }

    pub fn into_json(mut self) -> String {
        if self.0.is_empty() {
            self.0.push(b'[');
        }
        self.0.push(b']');
        String::from_utf8(self.0).expect("JSON is UTF-8")
    }
}
