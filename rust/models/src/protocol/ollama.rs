//! Ollama's chat.

use serde_json::{Map, Value, json};

use super::{
    Assembler, Protocol, Tell, answered, append, body_with_others, lay_over, object_arguments, parse, said_in_stream,
    speaks, split_thoughts, tell_reasoning, tell_text,
};
use crate::error::Failure;
use crate::http::{Call, Framing};
use crate::message::{Message, Role, ToolCall};
use crate::request::{ChatRequest, ChatResponse, FinishReason, Usage};

/// Chat.
pub(crate) struct Ollama;

const OWN: &[&str] = &["model", "temperature", "num_ctx", "extract_reasoning"];

impl Protocol for Ollama {
    fn call(&self, request: &ChatRequest, model: &str, streamed: bool) -> Result<Call, Failure> {
        let given = Value::Object(body_with_others(request, OWN));
        let mut options = Map::new();
        for name in ["temperature", "num_ctx"] {
            if let Some(value) = request.given(name) {
                options.insert(name.to_owned(), value.clone());
            }
        }
        let mut body = json!({"model": model, "messages": messages(&request.messages), "stream": streamed});
        if !options.is_empty() {
            body["options"] = options.into();
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({"type": "function", "function":
                    {"name": tool.name, "description": tool.description, "parameters": tool.parameters}})
            });
            body["tools"] = tools.collect();
        }
        if let Some(output) = &request.output_schema {
            body["format"] = output.schema.clone();
        }
        lay_over(&mut body, given);
        Ok(Call {
            path: "/api/chat".to_owned(),
            body,
            idempotency_key: request.idempotency_key.clone(),
        })
    }

    fn answer(&self, body: &Value, request: &ChatRequest, model: &str) -> Result<ChatResponse, Failure> {
        if let Some(error) = body.get("error") {
            return Err(said_in_stream(error));
        }
        let said = &body["message"];
        if !said.is_object() {
            return Err(Failure::invalid("the answer has no 'message'"));
        }
        speaks(said["role"].as_str(), "assistant")?;
        let mut message = Message::assistant(said["content"].as_str().unwrap_or_default());
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            let Some(name) = call["function"]["name"].as_str() else {
                return Err(Failure::invalid("a tool call of the answer has no name"));
            };
            let arguments = object_arguments(name, call["function"].get("arguments"))?;
            message
                .tool_calls
                .push(ToolCall::new(name, arguments, call["id"].as_str().map(str::to_owned)));
        }
        let mut reasoning = said["thinking"]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        if request.flag("extract_reasoning") {
            if reasoning.is_none() {
                (reasoning, message.content) = split_thoughts(&message.content);
            }
        } else {
            reasoning = None;
        }
        let finish_reason = match body["done_reason"].as_str() {
            _ if !message.tool_calls.is_empty() => FinishReason::ToolCalls,
            Some("stop") | None => FinishReason::Stop,
            Some("length") => FinishReason::Length,
            Some(other) => FinishReason::Other(other.to_owned()),
        };
        let usage = body["prompt_eval_count"]
            .as_u64()
            .or(body["eval_count"].as_u64())
            .map(|_| Usage {
                // Absent when the whole question was in the cache.
                prompt_tokens: body["prompt_eval_count"].as_u64().unwrap_or(0),
                completion_tokens: body["eval_count"].as_u64().unwrap_or(0),
                ..Usage::default()
            });
        Ok(ChatResponse {
            message,
            finish_reason,
            model: body["model"].as_str().unwrap_or(model).to_owned(),
            usage,
            reasoning,
            refusal: None,
            logprobs: body.get("logprobs").cloned(),
            retries: 0,
        })
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn assembler(&self) -> Box<dyn Assembler> {
        Box::new(Chunks::default())
    }

    fn native_structured_output(&self, _: &str) -> bool {
        true
    }
}

fn messages(messages: &[Message]) -> Vec<Value> {
    let one = |(place, message): (usize, &Message)| match message.role {
        Role::System => json!({"role": "system", "content": message.content}),
        Role::User => json!({"role": "user", "content": message.content}),
        Role::Assistant => {
            let mut json = json!({"role": "assistant", "content": message.content});
            if !message.tool_calls.is_empty() {
                let calls = message.tool_calls.iter().map(
                    |call| json!({"function": {"name": call.function.name, "arguments": call.function.arguments}}),
                );
                json["tool_calls"] = calls.collect();
            }
            json
        }
        Role::Tool => {
            // It knows calls by the name of the tool.
            let mut json = json!({"role": "tool", "content": message.content});
            if let Some(call) = answered(messages, place) {
                json["tool_name"] = call.function.name.clone().into();
            }
            json
        }
    };
    messages.iter().enumerate().map(one).collect()
}

/// Each line is an answer with some of the text; the last one says `done`.
#[derive(Default)]
struct Chunks {
    whole: Option<Value>,
    message: Value,
    calls: Vec<Value>,
}

impl Assembler for Chunks {
    fn take(&mut self, _: &str, data: &str, tell: Tell<'_>) -> Result<(), Failure> {
        let chunk = parse(data)?;
        if let Some(error) = chunk.get("error") {
            return Err(said_in_stream(error));
        }
        let said = &chunk["message"];
        tell_text(tell, said["content"].as_str());
        tell_reasoning(tell, said["thinking"].as_str());
        if let Some(role) = said["role"].as_str() {
            self.message["role"] = role.into();
        }
        for field in ["content", "thinking"] {
            append(&mut self.message, field, said[field].as_str());
        }
        self.calls
            .extend(said["tool_calls"].as_array().into_iter().flatten().cloned());
        if chunk["done"] == true {
            self.whole = Some(chunk);
        }
        Ok(())
    }

    fn whole(mut self: Box<Self>) -> Option<Value> {
        let mut whole = self.whole?;
        if !self.calls.is_empty() {
            self.message["tool_calls"] = self.calls.into();
        }
        whole["message"] = self.message;
        Some(whole)
    }
}
