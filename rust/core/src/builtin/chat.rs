//! The chat action: asks a model, as often as its strategy allows, and sends its answer or asks for the tools it calls.
//!
//! ```text
//!   request ──────────────────────► Asking ──(tool calls)──────► ToolRequestEvent, conversation kept in memory
//!   tool response ──► Reading ────►  ▲ │ │
//!                                    │ │ └──(text)─────────────► ChatResponseEvent
//!        (retry, repair)             │ └────(schema)──► Parsing ───► ChatResponseEvent
//!                                    └──────────────────────┘
//! ```

use serde_json::Value;

use super::command::{Command, Commands};
use super::conversation::{Conversation, ToolResults};
use super::round::{Response, Round};
use super::start::{Settings, Start};
use super::{BuiltInError, Failure, outcome, shown};

#[derive(Debug)]
pub(super) struct Chat {
    settings: Settings,
    /// Id of the tool request that this action may send.
    tool_request_id: String,
    state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// Awaits the conversation that these results belong to.
    Reading { path: String, results: ToolResults },
    /// Awaits the model.
    Asking(Round),
    /// Awaits the user's type of what this message says.
    Parsing(Round, Response),
}

impl Chat {
    pub fn begin(mut start: Start, commands: &mut Commands) -> Result<Self, BuiltInError> {
        let settings = start.settings.clone();
        let state = match start.event.event_type.as_str() {
            "_chat_request_event" => {
                let talk = Conversation {
                    initial_request_id: start.event.id.clone(),
                    model: start.text("model")?.to_owned(),
                    prompt_args: start.map("prompt_args")?,
                    output_schema: start.take("output_schema"),
                    messages: start.list("messages")?,
                    rounds: 0,
                    retries: 0,
                    wait_seconds: 0,
                };
                Round::new(talk).ask(0, &settings, commands)
            }
            "_tool_response_event" => {
                let path = Conversation::path(start.text("request_id")?);
                let results = ToolResults {
                    responses: start.map("responses")?,
                    external_ids: start.map("external_ids")?,
                };
                commands.push(&Command::Read([&path]));
                State::Reading { path, results }
            }
            _ => return Err(start.refuse("it takes _chat_request_event and _tool_response_event only")),
        };
        Ok(Chat {
            settings,
            tool_request_id: start.fresh_id,
            state,
        })
    }

    /// Name of the command whose answer comes next.
    pub fn awaits(&self) -> &'static str {
        match self.state {
            State::Reading { .. } => "read",
            State::Asking(_) => "chat",
            State::Parsing(..) => "parse",
        }
    }

    /// Takes an answer; gives what awaits the next one, nothing if the commands end the action.
    pub fn answer(self, answer: Value, commands: &mut Commands) -> Result<Option<Self>, BuiltInError> {
        let settings = &self.settings;
        let state = match self.state {
            State::Reading { path, results } => go_on(&path, &results, answer, settings, commands)?,
            State::Asking(round) => round.answered(answer, settings, &self.tool_request_id, commands)?,
            State::Parsing(round, response) => match outcome("parse", answer)? {
                Ok(_) => {
                    round.finish(response, true, commands);
                    None
                }
                Err(failure) => {
                    let failure = Failure {
                        message: format!("the answer does not fit the output schema: {}", failure.message),
                        ..failure
                    };
                    round.unfit(response.message, failure, settings, commands)
                }
            },
        };
        Ok(state.map(|state| Chat { state, ..self }))
    }
}

/// Goes on with the conversation that asked for tools.
fn go_on(
    path: &str,
    results: &ToolResults,
    mut answer: Value,
    settings: &Settings,
    commands: &mut Commands,
) -> Result<Option<State>, BuiltInError> {
    let wrong = |reason: String| BuiltInError::Answer {
        command: "read",
        reason,
    };
    let value = match answer.get_mut("values") {
        Some(Value::Array(values)) if values.len() == 1 => values[0].take(),
        _ => {
            return Err(wrong(format!(
                "it has no list 'values' of one value: {}",
                shown(&answer)
            )));
        }
    };
    if value.is_null() {
        // The tools were called for somebody else, an action of the user.
        commands.done();
        return Ok(None);
    }
    let mut talk: Conversation = serde_json::from_value(value).map_err(|error| {
        wrong(format!(
            "what is kept at '{path}' of sensory memory is no conversation: {error}"
        ))
    })?;
    talk.take_results(results)
        .map_err(|reason| wrong(format!("what is kept at '{path}' of sensory memory: {reason}")))?;
    commands.push(&Command::Write { path, value: None });
    Ok(Some(Round::new(talk).ask(0, settings, commands)))
}
