//! Tool calls: all of a request, and one response with their results. A call that fails is a result like any other: the
//! model is told what went wrong.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::command::{Command, Commands, Send};
use super::conversation::{ToolCall, is_tool_response};
use super::start::{Language, Start};
use super::{BuiltInError, Failure, shown};

#[derive(Debug)]
pub(super) struct Tools {
    request_id: String,
    language: Language,
    calls: Vec<ToolCall>,
    /// Of each call what is wrong with its arguments; these are not carried out.
    unfit: Vec<Option<String>>,
}

/// What came of a call.
enum Outcome {
    Ok(Value),
    Missing(String),
    Failed(String),
}

/// The attributes of the event that brings them; the maps are by id of call.
#[derive(Serialize)]
struct Responses<'a> {
    request_id: &'a str,
    responses: Map<String, Value>,
    success: Map<String, Value>,
    error: Map<String, Value>,
    external_ids: Map<String, Value>,
}

impl Tools {
    /// Nothing if there is nothing to call, and so nothing to be answered.
    pub fn begin(mut start: Start, commands: &mut Commands) -> Result<Option<Self>, BuiltInError> {
        if start.event.event_type != "_tool_request_event" {
            return Err(start.refuse("it takes _tool_request_event only"));
        }
        let calls = start.list("tool_calls")?;
        let calls = ToolCall::read_all(&calls).map_err(|reason| start.refuse(reason))?;
        let mut wanted = Vec::new();
        let mut unfit = Vec::new();
        for call in &calls {
            match call.arguments() {
                Ok(arguments) => {
                    wanted.push(json!({
                        "id": call.id, "name": call.name, "arguments": arguments, "original_id": call.original_id,
                    }));
                    unfit.push(None);
                }
                Err(reason) => unfit.push(Some(reason)),
            }
        }
        let tools = Tools {
            request_id: start.event.id,
            language: start.language,
            calls,
            unfit,
        };
        if wanted.is_empty() {
            tools.respond(Vec::new(), commands);
            return Ok(None);
        }
        commands.push(&Command::Tools {
            calls: &wanted,
            asynchronous: start.settings.tool_call_async,
        });
        Ok(Some(tools))
    }

    pub fn answer(self, mut answer: Value, commands: &mut Commands) -> Result<(), BuiltInError> {
        let wrong = |reason: String| BuiltInError::Answer {
            command: "tools",
            reason,
        };
        let results = match answer.get_mut("results") {
            Some(Value::Array(results)) => std::mem::take(results),
            _ => return Err(wrong(format!("it has no list 'results': {}", shown(&answer)))),
        };
        let asked = self.unfit.iter().filter(|reason| reason.is_none()).count();
        if results.len() != asked {
            return Err(wrong(format!(
                "{asked} calls were asked for, and it has {} results",
                results.len()
            )));
        }
        let outcomes = results.into_iter().map(Outcome::read).collect::<Result<_, _>>()?;
        self.respond(outcomes, commands);
        Ok(())
    }

    fn respond(&self, outcomes: Vec<Outcome>, commands: &mut Commands) {
        let mut outcomes = outcomes.into_iter();
        let mut responses = Map::new();
        let mut success = Map::new();
        let mut errors = Map::new();
        let mut external_ids = Map::new();
        for (call, unfit) in self.calls.iter().zip(&self.unfit) {
            let outcome = match unfit {
                Some(reason) => Outcome::Failed(reason.clone()),
                // There is a result for each: `answer` has counted them.
                None => outcomes
                    .next()
                    .unwrap_or_else(|| Outcome::Failed("no result".to_owned())),
            };
            let (response, error) = match outcome {
                Outcome::Ok(response) if is_tool_response(&response) => {
                    let error = (response["success"] == false)
                        .then(|| response["error"].as_str().unwrap_or("no reason given").to_owned());
                    (response, error)
                }
                Outcome::Ok(result) => (self.kept(&call.name, result, None), None),
                Outcome::Missing(cause) => (self.failed(&call.name, "does not exist.".to_owned()), Some(cause)),
                Outcome::Failed(cause) => (self.failed(&call.name, format!("failed: {cause}")), Some(cause)),
            };
            success.insert(call.id.clone(), error.is_none().into());
            if let Some(error) = error {
                errors.insert(call.id.clone(), error.into());
            }
            if let Some(external) = &call.original_id {
                external_ids.insert(call.id.clone(), external.as_str().into());
            }
            responses.insert(call.id.clone(), response);
        }
        commands.send(&Send {
            event_type: "_tool_response_event",
            attributes: Responses {
                request_id: &self.request_id,
                responses,
                success,
                error: errors,
                external_ids,
            },
            id: None,
            structured: false,
        });
        commands.done();
    }

    fn failed(&self, tool: &str, what: String) -> Value {
        let text = format!("Tool `{tool}` {what}");
        self.kept(tool, Value::from(text.as_str()), Some(text))
    }

    /// As the language keeps it: the plain result or what the model is told, or an object that says which it is.
    fn kept(&self, tool: &str, result: Value, error: Option<String>) -> Value {
        match (self.language, error) {
            (Language::Python, _) => result,
            (Language::Java, None) => json!({
                "result": result, "success": true, "error": null, "execution_time_ms": 0, "tool_name": tool,
            }),
            (Language::Java, Some(error)) => json!({
                "result": null, "success": false, "error": error, "execution_time_ms": 0, "tool_name": tool,
            }),
        }
    }
}

impl Outcome {
    fn read(mut result: Value) -> Result<Self, BuiltInError> {
        if let Some(fields) = result.as_object_mut() {
            if let Some(value) = fields.get_mut("ok") {
                return Ok(Outcome::Ok(value.take()));
            }
            if let Some(cause) = fields.get("missing").and_then(Value::as_str) {
                return Ok(Outcome::Missing(cause.to_owned()));
            }
            if let Some(error) = fields.get("error") {
                return Ok(Outcome::Failed(Failure::read("tools", error)?.message));
            }
        }
        Err(BuiltInError::Answer {
            command: "tools",
            reason: format!(
                "a result has neither 'ok' nor 'missing' nor 'error': {}",
                shown(&result)
            ),
        })
    }
}
