//! What is known of a chat request, from its first message to its answer, and the tool calls on the way.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::shown;

/// Sensory memory below which conversations wait for the results of their tools, by the id of the tool request. Each has
/// a path of its own: chats of one run overlap, and none may overwrite another's.
const MEMORY: &str = "_TOOL_REQUEST_EVENT_CONTEXT";

/// A chat request. Its JSON form is what is kept in memory while tools run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Conversation {
    /// Id of the first event, and so of the answer.
    pub initial_request_id: String,
    pub model: String,
    pub prompt_args: Map<String, Value>,
    /// Null for a text.
    pub output_schema: Value,
    /// Those of the request, then what the model and its tools said. The prompt is not among them: the setup of the
    /// model puts it before them in each round.
    pub messages: Vec<Value>,
    /// Rounds of tool calls so far.
    pub rounds: u64,
    /// Retries of all rounds.
    pub retries: u64,
    /// Seconds that were waited for them.
    pub wait_seconds: u64,
}

impl Conversation {
    /// Where it is kept while it waits for a tool request.
    pub fn path(tool_request_id: &str) -> String {
        format!("{MEMORY}.{tool_request_id}")
    }

    /// Puts the results of the tools behind the message that called them, in the order of the calls: maps of events have
    /// no order to rely on.
    pub fn take_results(&mut self, results: &ToolResults) -> Result<(), String> {
        let calls = match self.messages.last().map(|message| &message["tool_calls"]) {
            Some(Value::Array(calls)) => ToolCall::read_all(calls)?,
            _ => return Err("the last message of the conversation calls no tools".to_owned()),
        };
        self.messages.extend(calls.iter().map(|call| results.message(call)));
        Ok(())
    }
}

/// The maps of a tool response, by id of call.
#[derive(Debug)]
pub(super) struct ToolResults {
    pub responses: Map<String, Value>,
    pub external_ids: Map<String, Value>,
}

impl ToolResults {
    /// What the model is told of a call.
    fn message(&self, call: &ToolCall) -> Value {
        let content = match self.responses.get(&call.id) {
            None => format!("Tool `{}` gave no result.", call.name),
            Some(response) if is_tool_response(response) => {
                let failed = response["success"] == false;
                text_of(&response[if failed { "error" } else { "result" }])
            }
            Some(result) => text_of(result),
        };
        let external = self.external_ids.get(&call.id).and_then(id_text);
        let mut extra_args = Map::new();
        if let Some(external) = external.or_else(|| call.original_id.clone()) {
            extra_args.insert("external_id".to_owned(), external.into());
        }
        json!({"role": "tool", "content": content, "tool_calls": [], "extra_args": extra_args})
    }
}

/// Whether a value is an object of Java's `ToolResponse`.
pub(super) fn is_tool_response(value: &Value) -> bool {
    value["success"].is_boolean() && value.get("execution_time_ms").is_some()
}

/// A text as it is, anything else as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One call of a tool, as it stands in messages and tool requests.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolCall {
    pub id: String,
    pub name: String,
    /// The id that the service of the model gave it.
    pub original_id: Option<String>,
    arguments: Value,
}

impl ToolCall {
    /// Reads calls; else what is wrong with which.
    pub fn read_all(calls: &[Value]) -> Result<Vec<Self>, String> {
        let mut result: Vec<ToolCall> = Vec::with_capacity(calls.len());
        for call in calls {
            let id = id_text(&call["id"]).ok_or_else(|| format!("a tool call has no 'id': {}", shown(call)))?;
            let function = &call["function"];
            let name = match function["name"].as_str() {
                Some(name) if !name.is_empty() => name.to_owned(),
                _ => return Err(format!("a tool call has no 'function.name': {}", shown(call))),
            };
            if result.iter().any(|other| other.id == id) {
                return Err(format!("two tool calls have the id '{id}'"));
            }
            result.push(ToolCall {
                id,
                name,
                original_id: id_text(&call["original_id"]),
                arguments: function["arguments"].clone(),
            });
        }
        Ok(result)
    }

    /// The arguments by their names; they may also be the text of a JSON object, as some services write them.
    pub fn arguments(&self) -> Result<Map<String, Value>, String> {
        let wrong = |found: &Value| format!("its arguments must be a JSON object, but are {}", shown(found));
        match &self.arguments {
            Value::Null => Ok(Map::new()),
            Value::Object(arguments) => Ok(arguments.clone()),
            Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
            Value::String(text) => serde_json::from_str(text).map_err(|_| wrong(&self.arguments)),
            other => Err(wrong(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: Value) -> ToolCall {
        let call = json!({"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}});
        ToolCall::read_all(&[call]).unwrap().remove(0)
    }

    #[test]
    fn arguments_are_an_object_or_the_text_of_one() {
        for (arguments, wanted) in [
            (json!({"a": 1}), json!({"a": 1})),
            (json!("{\"a\": 1}"), json!({"a": 1})),
            (json!(" "), json!({})),
            (json!(null), json!({})),
        ] {
            assert_eq!(Value::Object(call(arguments).arguments().unwrap()), wanted);
        }
        for arguments in [json!("{\"a\": "), json!([1]), json!(5), json!("[1]")] {
            let error = call(arguments.clone()).arguments().unwrap_err();
            assert!(
                error.contains("JSON object") && error.contains(&arguments.to_string()),
                "{error}"
            );
        }
    }

    #[test]
    fn calls_that_cannot_be_told_apart_are_refused() {
        let one = json!({"id": "c1", "function": {"name": "add"}});
        for (calls, wanted) in [
            (vec![json!({"function": {"name": "add"}})], "no 'id'"),
            (vec![json!({"id": "", "function": {"name": "add"}})], "no 'id'"),
            (vec![json!({"id": "c1", "function": {}})], "no 'function.name'"),
            (vec![json!("c1")], "no 'id'"),
            (vec![one.clone(), one.clone()], "two tool calls have the id 'c1'"),
        ] {
            assert!(ToolCall::read_all(&calls).unwrap_err().contains(wanted), "{wanted}");
        }
        assert_eq!(call(json!({})).original_id, None);
    }
}
