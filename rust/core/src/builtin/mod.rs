//! The built-in actions: chat, tool calls, retrieval of context. They are decided here and carried out by hosts.
//!
//! A built-in action is an ordinary action of its host. Its whole body is: [`BuiltIn::begin`], carry the commands out
//! with the means of any action (memory, durable calls, metrics, events), hand the answer to [`BuiltIn::answer`], and so
//! on until the last command is `done` or `fail`. So the positions of durable calls, retries, rounds of tool calls and
//! what is sent are the same in every language, and after a crash: equal answers give equal commands.
//!
//! # Start
//!
//! ```json
//! {"action": "chat", "event": {"id": "…", "type": "_chat_request_event", "attributes": {}}, "fresh_id": "…",
//!  "language": "java", "settings": {"chat.async": true, "error-handling-strategy": "retry"}}
//! ```
//! `action` is `chat`, `tool` or `retrieval`. `fresh_id` is a new UUID: the id of the tool request that a chat may send.
//! `language` (`python` if left out) says how the host keeps results of tools: Java as objects of `ToolResponse`.
//! `settings` are options of the configuration by their keys; those left out have their defaults.
//!
//! # Commands
//!
//! A batch is a list; all but the last need no answer. Whole numbers beyond 64 bits become floats on their way through here.
//!
//! | Command | Meaning | Answer |
//! |---|---|---|
//! | `{"read": [path, …]}` | values of sensory memory | `{"values": [value or null, …]}` |
//! | `{"write": {"path", "value"}}` | sets a value of sensory memory | – |
//! | `{"chat": {"model", "messages", "prompt_args", "output_schema", "delay_ms", "async"}}` | one durable call of a chat model; the wait is part of it | `{"ok": message, "setup": {"connection", "model", "allowed_commands", "allowed_script_dirs"}}` or `{"error": {"class", "message"}}` |
//! | `{"parse": {"output_schema", "value"}}` | makes the user's type of a value and keeps the object | `{"ok": value}` or `{"error": …}` |
//! | `{"tools": {"calls": [{"id", "name", "arguments", "original_id"}, …], "async"}}` | a durable call for each, side by side if `async` | `{"results": [{"ok": value}, {"missing": cause}, {"error": …}, …]}` |
//! | `{"retrieve": {"store", "query", "limit", "async"}}` | one durable call of a vector store | `{"ok": [document, …]}` or `{"error": …}` |
//! | `{"metric": {"group": [[key, value], …], "counter", "add"}}` | adds to a counter of the action | – |
//! | `{"warn": text}` | goes to the log | – |
//! | `{"send": {"type", "attributes", "id"?, "structured"?}}` | sends an event; with `structured`, the object that `parse` kept becomes `response.extra_args.structured_output` | – |
//! | `{"done": true}` | the end | – |
//! | `{"fail": {"message", "rethrow"}}` | the action fails: with `rethrow` by the last exception the host has seen | – |

mod chat;
mod command;
mod conversation;
mod retrieval;
mod round;
mod start;
mod structured;
mod tools;

use serde_json::Value;

use chat::Chat;
use command::Commands;
use retrieval::Retrieval;
use start::Start;
use tools::Tools;

/// What a host said that cannot be read. The action must fail with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuiltInError {
    /// The start cannot be read.
    #[error("Cannot start a built-in action: {reason}")]
    Start {
        /// What is wrong.
        reason: String,
    },
    /// The event is not one for the action.
    #[error("The built-in {action} action cannot take event {id} of type '{event_type}': {reason}")]
    Event {
        /// `chat`, `tool` or `retrieval`.
        action: &'static str,
        /// Id of the event.
        id: String,
        /// Its type.
        event_type: String,
        /// What is wrong.
        reason: String,
    },
    /// An answer cannot be read.
    #[error("The answer to the command '{command}' of a built-in action cannot be read: {reason}")]
    Answer {
        /// Name of the command.
        command: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An answer came after the end.
    #[error("The built-in action has ended, there is nothing to answer")]
    Ended,
}

/// One built-in action at work.
#[derive(Debug)]
pub struct BuiltIn {
    work: Work,
}

#[derive(Debug)]
enum Work {
    Chat(Box<Chat>),
    Tools(Tools),
    Retrieval(Retrieval),
    Ended,
}

impl BuiltIn {
    /// Begins an action; gives the first batch of commands.
    pub fn begin(start: &str) -> Result<(Self, String), BuiltInError> {
        let start = Start::read(start)?;
        let mut commands = Commands::default();
        let work = match start.action {
            start::Action::Chat => Work::Chat(Box::new(Chat::begin(start, &mut commands)?)),
            start::Action::Tool => Tools::begin(start, &mut commands)?.map_or(Work::Ended, Work::Tools),
            start::Action::Retrieval => Work::Retrieval(Retrieval::begin(start, &mut commands)?),
        };
        Ok((BuiltIn { work }, commands.into_json()))
    }

    /// Takes the answer to the last command; gives the next batch. After an error the action has ended.
    pub fn answer(&mut self, answer: &str) -> Result<String, BuiltInError> {
        let mut commands = Commands::default();
        match std::mem::replace(&mut self.work, Work::Ended) {
            Work::Chat(chat) => {
                let answer = read_answer(chat.awaits(), answer)?;
                if let Some(chat) = chat.answer(answer, &mut commands)? {
                    self.work = Work::Chat(Box::new(chat));
                }
            }
            Work::Tools(tools) => tools.answer(read_answer("tools", answer)?, &mut commands)?,
            Work::Retrieval(retrieval) => retrieval.answer(read_answer("retrieve", answer)?, &mut commands)?,
            Work::Ended => return Err(BuiltInError::Ended),
        }
        Ok(commands.into_json())
    }
}

fn read_answer(command: &'static str, answer: &str) -> Result<Value, BuiltInError> {
    serde_json::from_str(answer).map_err(|error| BuiltInError::Answer {
        command,
        reason: format!("it is no JSON: {error}"),
    })
}

/// Why a call of the host did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    class: String,
    message: String,
    /// Whether the host has the exception, or it was found here.
    rethrow: bool,
}

impl Failure {
    /// One that was found here.
    fn found(class: &str, message: impl Into<String>) -> Self {
        Failure {
            class: class.to_owned(),
            message: message.into(),
            rethrow: false,
        }
    }

    /// `{"class", "message"}` of an answer; the class stands for a message that is missing.
    fn read(command: &'static str, error: &Value) -> Result<Self, BuiltInError> {
        let wrong = || BuiltInError::Answer {
            command,
            reason: format!(
                "'error' must be {{\"class\": text, \"message\": text}}, not {}",
                shown(error)
            ),
        };
        let class = error["class"].as_str().ok_or_else(wrong)?.to_owned();
        let message = match &error["message"] {
            Value::String(text) if !text.trim().is_empty() => text.clone(),
            Value::String(_) | Value::Null => class.clone(),
            _ => return Err(wrong()),
        };
        Ok(Failure {
            class,
            message,
            rethrow: true,
        })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.class == self.message {
            true => f.write_str(&self.class),
            false => write!(f, "{}: {}", self.class, self.message),
        }
    }
}

/// `{"ok": …}` or `{"error": {"class", "message"}}`.
fn outcome(command: &'static str, mut answer: Value) -> Result<Result<Value, Failure>, BuiltInError> {
    match answer.as_object_mut() {
        Some(fields) if fields.contains_key("ok") => Ok(Ok(fields["ok"].take())),
        Some(fields) if fields.contains_key("error") => Ok(Err(Failure::read(command, &fields["error"])?)),
        _ => Err(BuiltInError::Answer {
            command,
            reason: format!("it has neither 'ok' nor 'error': {}", shown(&answer)),
        }),
    }
}

/// A value for a message, shortened.
fn shown(value: &Value) -> String {
    shortened(&value.to_string(), 120)
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
