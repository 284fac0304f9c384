//! One round of a chat: an answer of the model, with all that it takes to get it.

use serde::Serialize;
use serde_json::{Value, json};

use super::chat::State;
use super::command::{Command, Commands, Send};
use super::conversation::{Conversation, ToolCall};
use super::start::{Settings, Strategy};
use super::{BuiltInError, Failure, outcome, shown, structured};

/// The tool whose hidden arguments come from the setup of the model, never from the model itself.
const BASH: &str = "bash";
const HIDDEN: [&str; 2] = ["allowed_commands", "allowed_script_dirs"];

/// Most seconds that are waited in all: hosts keep the sum in 32 bits.
const MAX_WAIT: u64 = i32::MAX as u64;

/// What happens in one action. A retry begins it anew.
#[derive(Debug)]
pub(super) struct Round {
    talk: Conversation,
    /// How often the model was asked.
    asked: u64,
    /// Retries by the strategy.
    retries: u64,
    wait_seconds: u64,
    /// Repairs since the last retry.
    repairs: u64,
    /// Messages of the conversation when the round began; those after it are repairs.
    begun: usize,
}

/// What the model said.
#[derive(Debug)]
pub(super) struct Response {
    pub message: Value,
    /// Name of the connection, as far as it is known.
    connection: Option<String>,
}

/// The attributes of a chat response.
#[derive(Serialize)]
struct Answer<'a> {
    request_id: &'a str,
    response: &'a Value,
    retry_count: u64,
    total_retry_wait_sec: u64,
}

/// The attributes of a tool request.
#[derive(Serialize)]
struct Wanted<'a> {
    model: &'a str,
    tool_calls: &'a Value,
}

impl Round {
    pub fn new(talk: Conversation) -> Self {
        Round {
            begun: talk.messages.len(),
            talk,
            asked: 0,
            retries: 0,
            wait_seconds: 0,
            repairs: 0,
        }
    }

    pub fn ask(mut self, delay_ms: u64, settings: &Settings, commands: &mut Commands) -> State {
        self.asked += 1;
        commands.push(&Command::Chat {
            model: &self.talk.model,
            messages: &self.talk.messages,
            prompt_args: &self.talk.prompt_args,
            output_schema: &self.talk.output_schema,
            delay_ms,
            asynchronous: settings.chat_async,
        });
        State::Asking(self)
    }

    pub fn answered(
        self,
        mut answer: Value,
        settings: &Settings,
        tool_request_id: &str,
        commands: &mut Commands,
    ) -> Result<Option<State>, BuiltInError> {
        let setup = answer.get_mut("setup").map_or(Value::Null, Value::take);
        let message = match outcome("chat", answer)? {
            Ok(Value::Null) => {
                let failure = Failure::found("NoAnswer", "the model gave no message");
                return Ok(self.failed(failure, settings, commands));
            }
            Ok(message) => normal(message)?,
            Err(failure) => return Ok(self.failed(failure, settings, commands)),
        };
        count_tokens(&message, commands);
        let response = Response {
            message,
            connection: setup["connection"].as_str().map(str::to_owned),
        };
        if response.message["tool_calls"]
            .as_array()
            .is_some_and(|calls| !calls.is_empty())
        {
            return Ok(match self.check_calls(&response.message, settings) {
                Ok(()) => {
                    self.call_tools(response, &setup, tool_request_id, commands);
                    None
                }
                Err(failure) => self.failed(failure, settings, commands),
            });
        }
        if self.talk.output_schema.is_null() {
            self.finish(response, false, commands);
            return Ok(None);
        }
        Ok(
            match structured::json_of(response.message["content"].as_str().unwrap_or_default()) {
                Ok(value) => {
                    commands.push(&Command::Parse {
                        output_schema: &self.talk.output_schema,
                        value: &value,
                    });
                    Some(State::Parsing(self, response))
                }
                Err(reason) => {
                    let failure = Failure::found("StructuredOutputError", reason);
                    self.unfit(response.message, failure, settings, commands)
                }
            },
        )
    }

    fn check_calls(&self, message: &Value, settings: &Settings) -> Result<(), Failure> {
        if self.talk.rounds >= settings.max_tool_rounds {
            return Err(Failure::found(
                "TooManyToolRounds",
                format!(
                    "the model calls tools in one more round than 'chat.max-tool-rounds' allows ({})",
                    settings.max_tool_rounds
                ),
            ));
        }
        let calls = message["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
        match ToolCall::read_all(calls) {
            Ok(_) => Ok(()),
            Err(reason) => Err(Failure::found("InvalidToolCalls", reason)),
        }
    }

    /// Keeps the conversation and asks for the tools.
    fn call_tools(mut self, response: Response, setup: &Value, request_id: &str, commands: &mut Commands) {
        self.count_retries(response.connection.as_deref(), commands);
        let mut calls = response.message["tool_calls"].clone();
        for call in calls.as_array_mut().into_iter().flatten() {
            hide_arguments(call, setup);
        }
        self.talk.messages.push(as_assistant(response.message));
        self.talk.rounds += 1;
        self.talk.retries += self.retries;
        self.talk.wait_seconds += self.wait_seconds;
        commands.push(&Command::Write {
            path: &Conversation::path(request_id),
            value: Some(&self.talk),
        });
        commands.send(&Send {
            event_type: "_tool_request_event",
            attributes: Wanted {
                model: &self.talk.model,
                tool_calls: &calls,
            },
            id: Some(request_id),
            structured: false,
        });
        commands.done();
    }

    /// Sends the answer.
    pub fn finish(&self, response: Response, structured: bool, commands: &mut Commands) {
        self.count_retries(response.connection.as_deref(), commands);
        self.respond(&response.message, structured, commands);
    }

    fn respond(&self, message: &Value, structured: bool, commands: &mut Commands) {
        commands.send(&Send {
            event_type: "_chat_response_event",
            attributes: Answer {
                request_id: &self.talk.initial_request_id,
                response: message,
                retry_count: self.talk.retries + self.retries,
                total_retry_wait_sec: (self.talk.wait_seconds + self.wait_seconds).min(MAX_WAIT),
            },
            id: None,
            structured,
        });
        commands.done();
    }

    fn count_retries(&self, connection: Option<&str>, commands: &mut Commands) {
        let Some(connection) = connection else { return };
        for (counter, add) in [("retryCount", self.retries), ("retryWaitSec", self.wait_seconds)] {
            if add > 0 {
                commands.count(connection, counter, add);
            }
        }
    }

    /// The answer is not what was asked for: the model is shown it and what is wrong, before the strategy comes in.
    pub fn unfit(
        mut self,
        message: Value,
        failure: Failure,
        settings: &Settings,
        commands: &mut Commands,
    ) -> Option<State> {
        if self.repairs >= settings.structured_output_repairs {
            return self.failed(failure, settings, commands);
        }
        self.repairs += 1;
        self.talk.messages.push(as_assistant(message));
        self.talk.messages.push(json!({
            "role": "user", "content": structured::repair(&failure.message), "tool_calls": [], "extra_args": {},
        }));
        Some(self.ask(0, settings, commands))
    }

    /// What the strategy makes of a failure.
    fn failed(mut self, failure: Failure, settings: &Settings, commands: &mut Commands) -> Option<State> {
        let what = format!(
            "Chat model '{}' failed for request {} (call {} of its round {}): {failure}",
            self.talk.model,
            self.talk.initial_request_id,
            self.asked,
            self.talk.rounds + 1,
        );
        let most = u64::try_from(settings.max_retries).unwrap_or(0);
        match settings.strategy {
            Strategy::Retry if self.retries < most => {
                let seconds = wait(settings.retry_wait_interval, self.retries);
                self.retries += 1;
                self.wait_seconds = (self.wait_seconds + seconds).min(MAX_WAIT);
                // A retry asks what the round asked first.
                self.talk.messages.truncate(self.begun);
                self.repairs = 0;
                commands.warn(&format!("{what}; retry {} of {most} in {seconds} s", self.retries));
                return Some(self.ask(seconds * 1_000, settings, commands));
            }
            Strategy::Ignore => {
                commands.warn(&format!("{what}; ignored, the answer is empty"));
                let error = json!({"class": failure.class, "message": failure.message, "attempts": self.asked});
                let message = json!({
                    "role": "assistant", "content": "", "tool_calls": [], "extra_args": {"error": error},
                });
                self.respond(&message, false, commands);
            }
            Strategy::Retry | Strategy::Fail => commands.fail(&what, failure.rethrow),
        }
        None
    }
}

/// Seconds before the retry that follows so many: the interval, doubled each time.
fn wait(interval: i64, before: u64) -> u64 {
    let Ok(interval) = u64::try_from(interval) else {
        return 0;
    };
    let factor = 1u64
        .checked_shl(u32::try_from(before).unwrap_or(u32::MAX))
        .unwrap_or(u64::MAX);
    interval.saturating_mul(factor).min(MAX_WAIT)
}

/// A message as hosts write them, with everything a message has.
fn normal(mut message: Value) -> Result<Value, BuiltInError> {
    let wrong = |what: &str, found: &Value| BuiltInError::Answer {
        command: "chat",
        reason: format!("{what} is {}", shown(found)),
    };
    let Some(fields) = message.as_object_mut() else {
        return Err(wrong("'ok' must be a message, but", &message));
    };
    for (name, empty) in [
        ("content", json!("")),
        ("tool_calls", json!([])),
        ("extra_args", json!({})),
    ] {
        let value = fields.entry(name).or_insert(Value::Null);
        if value.is_null() {
            *value = empty;
        } else if std::mem::discriminant(value) != std::mem::discriminant(&empty) {
            return Err(wrong(&format!("'{name}' of the message has the wrong type: it"), value));
        }
    }
    Ok(message)
}

/// As a message of the conversation: connections of users do not always say that it is the model who speaks.
fn as_assistant(mut message: Value) -> Value {
    message["role"] = "assistant".into();
    message
}

fn count_tokens(message: &Value, commands: &mut Commands) {
    let extra = &message["extra_args"];
    let tokens = |name: &str| extra[name].as_u64().filter(|count| *count > 0);
    if let (Some(model), Some(prompt), Some(completion)) = (
        extra["model_name"].as_str(),
        tokens("promptTokens"),
        tokens("completionTokens"),
    ) {
        commands.count(model, "promptTokens", prompt);
        commands.count(model, "completionTokens", completion);
    }
}

/// What the model may run is what its setup says, whatever the model says.
fn hide_arguments(call: &mut Value, setup: &Value) {
    if call["function"]["name"] != BASH {
        return;
    }
    // Arguments that are no object stay as they are: the tool action does not carry such a call out.
    let arguments = ToolCall::read_all(std::slice::from_ref(call)).map(|calls| calls[0].arguments());
    if let Ok(Ok(mut arguments)) = arguments {
        for name in HIDDEN {
            let value = if setup[name].is_null() {
                json!([])
            } else {
                setup[name].clone()
            };
            arguments.insert(name.to_owned(), value);
        }
        call["function"]["arguments"] = Value::Object(arguments);
    }
}
