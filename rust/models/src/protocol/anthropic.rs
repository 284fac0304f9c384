//! Anthropic's messages.

use serde_json::{Map, Value, json};

use super::{
    Assembler, Protocol, Tell, answered_id, append, body_with_others, object_arguments, parse, said_in_stream, speaks,
    tell_reasoning, tell_text,
};
use crate::error::Failure;
use crate::http::Call;
use crate::message::{Message, Role, ToolCall};
use crate::request::{ChatRequest, ChatResponse, FinishReason, Usage};
use crate::schema::{can_be_strict, strict_schema};

/// Messages.
pub(crate) struct Anthropic;

/// Where the blocks of an answer are kept: thoughts are signed, and have to come back as they were.
const BLOCKS: &str = "anthropic_content_blocks";
const OWN: &[&str] = &["model", "json_prefill", "strict_tools"];

impl Protocol for Anthropic {
    fn call(&self, request: &ChatRequest, model: &str, streamed: bool) -> Result<Call, Failure> {
        let mut body = body_with_others(request, OWN);
        body.insert("model".to_owned(), model.into());
        // The provider insists on one.
        body.entry("max_tokens").or_insert_with(|| 1024.into());
        let system = request
            .messages
            .iter()
            .filter(|message| message.role == Role::System && !message.content.is_empty());
        let system = system
            .map(|message| json!({"type": "text", "text": message.content}))
            .collect::<Vec<_>>();
        if !system.is_empty() {
            body.insert("system".to_owned(), system.into());
        }
        let mut messages = turns(&request.messages)?;
        if prefilled(request) {
            messages.push(json!({"role": "assistant", "content": "{"}));
        }
        body.insert("messages".to_owned(), messages.into());
        if !request.tools.is_empty() {
            let strict = request.flag("strict_tools");
            let tools = request.tools.iter().map(|tool| {
                let schema = if strict {
                    strict_schema(&tool.parameters)
                } else {
                    tool.parameters.clone()
                };
                let mut json = json!({"name": tool.name, "description": tool.description, "input_schema": schema});
                if strict {
                    json["strict"] = true.into();
                }
                json
            });
            body.insert("tools".to_owned(), tools.collect());
        }
        // One that it would refuse is left to the instructions.
        if let Some(output) = request
            .output_schema
            .as_ref()
            .filter(|output| can_be_strict(&output.schema))
        {
            let format = json!({"type": "json_schema", "schema": strict_schema(&output.schema)});
            body.insert("output_config".to_owned(), json!({"format": format}));
        }
        if streamed {
            body.insert("stream".to_owned(), true.into());
        }
        Ok(Call {
            path: "/v1/messages".to_owned(),
            body: Value::Object(body),
            idempotency_key: request.idempotency_key.clone(),
        })
    }

    fn answer(&self, body: &Value, request: &ChatRequest, model: &str) -> Result<ChatResponse, Failure> {
        let Some(blocks) = body["content"].as_array() else {
            return Err(Failure::invalid("the answer has no 'content'"));
        };
        speaks(body["role"].as_str(), "assistant")?;
        let mut message = Message::assistant(if prefilled(request) { "{" } else { "" });
        let mut reasoning = String::new();
        let mut keep = false;
        for block in blocks {
            match block["type"].as_str() {
                Some("text") => message.content.push_str(block["text"].as_str().unwrap_or_default()),
                Some("thinking") => {
                    reasoning.push_str(block["thinking"].as_str().unwrap_or_default());
                    keep = true;
                }
                Some("tool_use") => {
                    let Some(name) = block["name"].as_str() else {
                        return Err(Failure::invalid("a 'tool_use' of the answer has no name"));
                    };
                    let arguments = object_arguments(name, block.get("input"))?;
                    message
                        .tool_calls
                        .push(ToolCall::new(name, arguments, block["id"].as_str().map(str::to_owned)));
                    keep = true;
                }
                _ => keep = true,
            }
        }
        if keep {
            message.extra_args.insert(BLOCKS.to_owned(), blocks.clone().into());
        }
        let stop = body["stop_reason"].as_str();
        let finish_reason = match stop {
            Some("end_turn" | "stop_sequence") | None => FinishReason::Stop,
            Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
            Some("tool_use") => FinishReason::ToolCalls,
            Some("refusal") => FinishReason::ContentFilter,
            // `pause_turn`: a tool that runs on the server is not done.
            Some(other) => FinishReason::Other(other.to_owned()),
        };
        let refusal = (stop == Some("refusal")).then(|| {
            let why = body["stop_details"]["explanation"].as_str();
            why.map_or_else(|| message.content.clone(), str::to_owned)
        });
        Ok(ChatResponse {
            message,
            finish_reason,
            model: body["model"].as_str().unwrap_or(model).to_owned(),
            usage: usage(&body["usage"]),
            reasoning: (!reasoning.is_empty()).then_some(reasoning),
            refusal,
            logprobs: None,
            retries: 0,
        })
    }

    fn assembler(&self) -> Box<dyn Assembler> {
        Box::new(Events::default())
    }

    fn native_structured_output(&self, model: &str) -> bool {
        // Those before 4.5 (Opus: 4.1) do not have it.
        let old = [
            "claude-2",
            "claude-3",
            "claude-instant",
            "claude-sonnet-4-0",
            "claude-sonnet-4-2",
            "claude-opus-4-0",
            "claude-opus-4-2",
        ];
        !old.iter().any(|old| model.starts_with(old))
    }
}

/// Whether the answer was begun for the model: with tools it could not call any, and a schema makes it needless.
fn prefilled(request: &ChatRequest) -> bool {
    request.flag("json_prefill") && request.tools.is_empty() && request.output_schema.is_none()
}

/// The conversation without instructions. Results of several tools are one turn.
fn turns(messages: &[Message]) -> Result<Vec<Value>, Failure> {
    let mut turns: Vec<Value> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        match message.role {
            Role::System => {}
            Role::User => turns.push(json!({"role": "user", "content": message.content})),
            Role::Tool => {
                let result = json!({"type": "tool_result", "tool_use_id": answered_id(messages, place)?,
                    "content": message.content});
                match turns.last_mut().and_then(|turn| turn["content"].as_array_mut()) {
                    Some(blocks) if blocks.iter().all(|block| block["type"] == "tool_result") => blocks.push(result),
                    _ => turns.push(json!({"role": "user", "content": [result]})),
                }
            }
            Role::Assistant => {
                let content = match message.extra_args.get(BLOCKS) {
                    Some(blocks @ Value::Array(_)) => blocks.clone(),
                    _ if message.tool_calls.is_empty() => Value::from(message.content.clone()),
                    _ => {
                        let text = Some(&message.content).filter(|text| !text.is_empty());
                        let text = text.map(|text| json!({"type": "text", "text": text}));
                        let calls = message.tool_calls.iter().map(|call| {
                            json!({"type": "tool_use", "id": call.provider_id(), "name": call.function.name,
                                "input": call.function.arguments})
                        });
                        text.into_iter().chain(calls).collect()
                    }
                };
                turns.push(json!({"role": "assistant", "content": content}));
            }
        }
    }
    Ok(turns)
}

/// The provider counts cached tokens apart from the others.
fn usage(usage: &Value) -> Option<Usage> {
    let cached = usage["cache_read_input_tokens"].as_u64();
    let written = usage["cache_creation_input_tokens"].as_u64();
    Some(Usage {
        prompt_tokens: usage["input_tokens"].as_u64()? + cached.unwrap_or(0) + written.unwrap_or(0),
        completion_tokens: usage["output_tokens"].as_u64().unwrap_or(0),
        cached_tokens: cached,
        cache_write_tokens: written,
        reasoning_tokens: usage["output_tokens_details"]["thinking_tokens"].as_u64(),
    })
}

#[derive(Default)]
struct Events {
    message: Map<String, Value>,
    blocks: Vec<Value>,
    /// The arguments of calls, which come as pieces of JSON text.
    inputs: Vec<String>,
    ended: bool,
}

impl Assembler for Events {
    fn take(&mut self, name: &str, data: &str, tell: Tell<'_>) -> Result<(), Failure> {
        let event = parse(data)?;
        match event["type"].as_str().unwrap_or(name) {
            "message_start" => {
                if let Value::Object(message) = &event["message"] {
                    self.message = message.clone();
                }
            }
            "content_block_start" => {
                self.blocks.push(event["content_block"].clone());
                self.inputs.push(String::new());
            }
            "content_block_delta" => self.delta(&event, tell)?,
            "message_delta" => {
                for (key, value) in event["delta"].as_object().into_iter().flatten() {
                    self.message.insert(key.clone(), value.clone());
                }
                let usage = self.message.entry("usage").or_insert_with(|| json!({}));
                for (key, value) in event["usage"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(_, v)| !v.is_null())
                {
                    usage[key] = value.clone();
                }
            }
            "message_stop" => self.ended = true,
            "error" => return Err(said_in_stream(&event["error"])),
            _ => {}
        }
        Ok(())
    }

    fn whole(mut self: Box<Self>) -> Option<Value> {
        if !self.ended {
            return None;
        }
        for (block, input) in self.blocks.iter_mut().zip(self.inputs) {
            if !input.is_empty() {
                // What is no object stays text, for the error that names the tool.
                block["input"] = serde_json::from_str(&input).unwrap_or(Value::String(input));
            }
        }
        self.message.insert("content".to_owned(), self.blocks.into());
        Some(Value::Object(self.message))
    }
}

impl Events {
    fn delta(&mut self, event: &Value, tell: Tell<'_>) -> Result<(), Failure> {
        let index = event["index"].as_u64().unwrap_or(0) as usize;
        let (Some(block), Some(input)) = (self.blocks.get_mut(index), self.inputs.get_mut(index)) else {
            return Err(Failure::invalid(
                "a piece of the answer belongs to a block that has not begun",
            ));
        };
        let delta = &event["delta"];
        match delta["type"].as_str() {
            Some("text_delta") => {
                tell_text(tell, delta["text"].as_str());
                append(block, "text", delta["text"].as_str());
            }
            Some("thinking_delta") => {
                tell_reasoning(tell, delta["thinking"].as_str());
                append(block, "thinking", delta["thinking"].as_str());
            }
            Some("signature_delta") => append(block, "signature", delta["signature"].as_str()),
            Some("input_json_delta") => {
                input.push_str(delta["partial_json"].as_str().unwrap_or_default());
            }
            _ => {}
        }
        Ok(())
    }
}
