//! Questions of all protocols in one form.

use serde::Serialize;
use serde_json::Value;

use crate::script::Protocol;

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    /// How it was asked.
    pub protocol: Protocol,
    /// The model.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub streamed: bool,
    /// How often the model has spoken before.
    pub round: usize,
    /// Text of the last message, a tool's result too.
    pub last: String,
    /// Text of the first message of a user.
    pub first: String,
    /// Words of the whole question.
    pub words: u64,
}

impl Asked {
    /// Reads a question from its path and body; `None` if the path belongs to no protocol.
    pub fn read(path: &str, body: &Value) -> Option<Self> {
        let streamed = body["stream"] == true;
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        let (protocol, model, streamed, messages) = if path.ends_with("/chat/completions") {
            (Protocol::Completions, model, streamed, &body["messages"])
        } else if path.ends_with("/responses") {
            (Protocol::Responses, model, streamed, &body["input"])
        } else if path.ends_with("/v1/messages") {
            (Protocol::Anthropic, model, streamed, &body["messages"])
        } else if path.ends_with("/api/chat") {
            // It streams unless it is told not to.
            (Protocol::Ollama, model, body["stream"] != false, &body["messages"])
        } else {
            let (model, method) = path.rsplit_once("/models/")?.1.split_once(':')?;
            let streamed = match method {
                "generateContent" => false,
                "streamGenerateContent" => true,
                _ => return None,
            };
            (Protocol::Gemini, model.to_owned(), streamed, &body["contents"])
        };
        let empty = Vec::new();
        let messages = messages.as_array().unwrap_or(&empty);
        let spoke = |message: &&Value| matches!(message["role"].as_str(), Some("assistant" | "model"));
        let mut round = messages.iter().filter(spoke).count();
        if protocol == Protocol::Responses {
            // Calls are items of their own: what stands between two answers of tools was said at once.
            let called = |item: &Value| item["type"] == "function_call" || item["role"] == "assistant";
            let ends = messages.iter().zip(messages.iter().skip(1).chain([&Value::Null]));
            round = ends.filter(|(item, next)| called(item) && !called(next)).count();
        }
        let mut all = String::new();
        messages.iter().for_each(|message| texts(message, &mut all));
        let mut last = String::new();
        messages
            .last()
            .into_iter()
            .for_each(|message| texts(message, &mut last));
        let mut first = String::new();
        messages
            .iter()
            .find(|message| message["role"] == "user")
            .into_iter()
            .for_each(|message| texts(message, &mut first));
        let words = all.split_whitespace().count() as u64;
        Some(Self {
            protocol,
            model,
            streamed,
            round,
            last: last.trim().to_owned(),
            first: first.trim().to_owned(),
            words,
        })
    }
}

/// Every text that a message holds, wherever its protocol puts it.
fn texts(value: &Value, all: &mut String) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("text" | "content" | "output" | "result", Value::String(text)) => {
                        all.push_str(text);
                        all.push(' ');
                    }
                    ("content" | "parts" | "functionResponse" | "response", value) => texts(value, all),
                    _ => {}
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, all)),
        _ => {}
    }
}
