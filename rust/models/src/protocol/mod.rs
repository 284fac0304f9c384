//! What each provider calls the same things: requests to its JSON and its JSON to answers.
//!
//! A protocol is pure: no connection, no clock. A streamed answer is put together to the JSON that the same server
//! would have sent whole ([`Assembler`]), so each protocol reads answers in one place.

mod anthropic;
mod completions;
mod gemini;
mod ollama;
mod responses;

use serde_json::{Map, Value};

pub(crate) use anthropic::Anthropic;
pub(crate) use completions::Completions;
pub(crate) use gemini::Gemini;
pub(crate) use ollama::Ollama;
pub(crate) use responses::Responses;

use crate::error::{Failure, excerpt};
use crate::http::{Call, Framing};
use crate::message::{Message, Role, ToolCall};
use crate::request::{ChatRequest, ChatResponse, Partial};

/// One provider's way to say it.
pub(crate) trait Protocol: Send + Sync {
    /// The request as this provider wants it.
    fn call(&self, request: &ChatRequest, model: &str, streamed: bool) -> Result<Call, Failure>;

    /// Reads a whole answer.
    fn answer(&self, body: &Value, request: &ChatRequest, model: &str) -> Result<ChatResponse, Failure>;

    /// How a streamed answer is framed.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// What puts a streamed answer together.
    fn assembler(&self) -> Box<dyn Assembler>;

    /// Whether the provider makes this model's answers fit a schema.
    fn native_structured_output(&self, model: &str) -> bool;
}

/// Where partial answers go.
pub(crate) type Tell<'a> = &'a (dyn Fn(Partial) + Send + Sync);

/// Puts a streamed answer together.
pub(crate) trait Assembler: Send {
    /// Takes the next event.
    fn take(&mut self, name: &str, data: &str, tell: Tell<'_>) -> Result<(), Failure>;

    /// The answer as if it had come whole; `None` if its end has not come.
    fn whole(self: Box<Self>) -> Option<Value>;
}

/// Parses an event's data.
fn parse(data: &str) -> Result<Value, Failure> {
    serde_json::from_str(data).map_err(|e| Failure::invalid(format!("an event is no JSON ({e}): {}", excerpt(data))))
}

/// An error that comes as an event, after the status had said that all is well.
fn said_in_stream(error: &Value) -> Failure {
    let text = error["message"].as_str().or(error.as_str());
    let text = text.map_or_else(|| error.to_string(), str::to_owned);
    let what = format!("the server failed while it answered: {}", excerpt(&text));
    Failure::new(crate::ModelErrorKind::Unavailable, what)
}

fn tell_text(tell: Tell<'_>, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        tell(Partial::Text(text.to_owned()));
    }
}

fn tell_reasoning(tell: Tell<'_>, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        tell(Partial::Reasoning(text.to_owned()));
    }
}

/// Adds a text to the text that a field already has.
fn append(object: &mut Value, field: &str, more: Option<&str>) {
    let Some(more) = more else { return };
    match object.get_mut(field) {
        Some(Value::String(text)) => text.push_str(more),
        _ => object[field] = Value::from(more),
    }
}

/// Starts a body with the parameters that are not the protocol's own.
fn body_with_others(request: &ChatRequest, own: &[&str]) -> Map<String, Value> {
    let others = request
        .parameters
        .iter()
        .filter(|(name, value)| !own.contains(&name.as_str()) && !value.is_null());
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Lays one object over another, objects inside objects too: what is given explicitly wins.
fn lay_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// The arguments of a call that come as text.
fn arguments_of(name: &str, text: &str) -> Result<Map<String, Value>, Failure> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|e| {
        Failure::invalid(format!(
            "the arguments of the model's call of tool '{name}' are no JSON object ({e}): {}",
            excerpt(text)
        ))
    })
}

/// The arguments of a call that come as an object.
fn object_arguments(name: &str, value: Option<&Value>) -> Result<Map<String, Value>, Failure> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(arguments)) => Ok(arguments.clone()),
        Some(Value::String(text)) => arguments_of(name, text),
        Some(other) => arguments_of(name, &other.to_string()),
    }
}

/// Checks that it is the model who speaks.
fn speaks(role: Option<&str>, expected: &str) -> Result<(), Failure> {
    match role {
        Some(role) if role != expected => Err(Failure::invalid(format!(
            "the answer's role is '{}' instead of '{expected}'",
            excerpt(role)
        ))),
        _ => Ok(()),
    }
}

/// The call that the tool's message at this place answers: by the id it carries, or else by its place among the
/// messages that follow the calls.
fn answered(messages: &[Message], place: usize) -> Option<&ToolCall> {
    let calls = || messages[..place].iter().rev().flat_map(|message| &message.tool_calls);
    match messages[place].external_id() {
        Some(id) => calls()
            .find(|call| call.provider_id() == id)
            .or_else(|| calls().find(|call| call.id == id)),
        None => {
            let asked = messages[..place]
                .iter()
                .rposition(|message| message.role != Role::Tool)?;
            messages[asked].tool_calls.get(place - asked - 1)
        }
    }
}

/// The id that a provider knows that call by.
fn answered_id(messages: &[Message], place: usize) -> Result<&str, Failure> {
    let call = answered(messages, place).map(ToolCall::provider_id);
    call.or_else(|| messages[place].external_id()).ok_or_else(|| {
        Failure::arguments(
            "a tool's message follows no call and has no 'external_id' in its extra_args, the original_id of the call \
             it answers",
        )
    })
}

/// Separates `<think>…</think>` at the beginning of a text from the rest.
fn split_thoughts(text: &str) -> (Option<String>, String) {
    let Some(inner) = text.trim_start().strip_prefix("<think>") else {
        return (None, text.to_owned());
    };
    match inner.split_once("</think>") {
        Some((thoughts, rest)) => {
            let thoughts = thoughts.trim();
            (
                (!thoughts.is_empty()).then(|| thoughts.to_owned()),
                rest.trim_start().to_owned(),
            )
        }
        None => (None, text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn thoughts_are_taken_from_the_beginning_only() {
        let split = |text| split_thoughts(text);
        assert_eq!(
            split("\n<think>\nhm\n</think>\n\nYes"),
            (Some("hm".to_owned()), "Yes".to_owned())
        );
        assert_eq!(split("<think></think>Yes"), (None, "Yes".to_owned()));
        for text in ["No <think>x</think>", "<think>never closed"] {
            assert_eq!(split(text), (None, text.to_owned()));
        }
    }

    #[test]
    fn a_result_finds_its_call_by_id_or_by_place() {
        let mut asked = Message::assistant("");
        asked
            .tool_calls
            .push(ToolCall::new("a", Map::new(), Some("1".to_owned())));
        asked.tool_calls.push(ToolCall::new("b", Map::new(), None));
        let own = asked.tool_calls[1].id.clone();
        let messages = [
            Message::user("?"),
            asked,
            Message::new(Role::Tool, "x"),
            Message::new(Role::Tool, "y"),
            Message::tool("z", "1"),
            Message::tool("z", &own),
            Message::new(Role::Tool, "too many"),
        ];
        let names = (2..7).map(|place| answered(&messages, place).map(|call| call.function.name.as_str()));
        assert_eq!(
            names.collect::<Vec<_>>(),
            [Some("a"), Some("b"), Some("a"), Some("b"), None]
        );
        assert_eq!(answered_id(&messages, 3), Ok(own.as_str()));
        assert!(answered_id(&messages, 6).is_err());
    }

    #[test]
    fn what_is_given_wins_inside_objects_too() {
        let mut body = json!({"a": {"x": 1, "y": 2}, "b": 1});
        lay_over(&mut body, json!({"a": {"y": 3, "z": 4}, "b": {"c": 1}}));
        assert_eq!(body, json!({"a": {"x": 1, "y": 3, "z": 4}, "b": {"c": 1}}));
    }
}
