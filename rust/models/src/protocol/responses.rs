//! OpenAI's responses.

use serde_json::{Value, json};

use super::{
    Assembler, Protocol, Tell, answered_id, arguments_of, body_with_others, parse, said_in_stream, speaks,
    tell_reasoning, tell_text,
};
use crate::error::Failure;
use crate::http::Call;
use crate::message::{Message, Role, ToolCall};
use crate::request::{ChatRequest, ChatResponse, FinishReason, Usage};
use crate::schema::{answer_format, strict_schema};

/// Responses.
pub(crate) struct Responses;

const OWN: &[&str] = &["model", "max_tokens", "strict", "reasoning_effort"];

impl Protocol for Responses {
    fn call(&self, request: &ChatRequest, model: &str, streamed: bool) -> Result<Call, Failure> {
        let mut body = body_with_others(request, OWN);
        body.insert("model".to_owned(), model.into());
        let mut input = Vec::new();
        for place in 0..request.messages.len() {
            items(&request.messages, place, &mut input)?;
        }
        body.insert("input".to_owned(), input.into());
        if let Some(tokens) = request.given("max_tokens") {
            body.insert("max_output_tokens".to_owned(), tokens.clone());
        }
        if let Some(effort) = request.given("reasoning_effort") {
            let mut reasoning = body.remove("reasoning").unwrap_or_else(|| json!({}));
            reasoning["effort"] = effort.clone();
            body.insert("reasoning".to_owned(), reasoning);
        }
        let strict = request.flag("strict");
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                let schema = if strict {
                    strict_schema(&tool.parameters)
                } else {
                    tool.parameters.clone()
                };
                // Strict is what this interface does when it is not told.
                json!({"type": "function", "name": tool.name, "description": tool.description,
                    "parameters": schema, "strict": strict})
            });
            body.insert("tools".to_owned(), tools.collect());
        }
        if let Some(mut format) = request
            .output_schema
            .as_ref()
            .and_then(|output| answer_format(output, false))
        {
            format["type"] = "json_schema".into();
            body.insert("text".to_owned(), json!({"format": format}));
        }
        if streamed {
            body.insert("stream".to_owned(), true.into());
        }
        Ok(Call {
            path: "/responses".to_owned(),
            body: Value::Object(body),
            idempotency_key: request.idempotency_key.clone(),
        })
    }

    fn answer(&self, body: &Value, _: &ChatRequest, model: &str) -> Result<ChatResponse, Failure> {
        if body["status"] == "failed" || body["error"].is_object() {
            return Err(said_in_stream(&body["error"]));
        }
        let Some(output) = body["output"].as_array() else {
            return Err(Failure::invalid("the answer has no 'output'"));
        };
        let mut message = Message::assistant("");
        let (mut reasoning, mut refusal) = (String::new(), None);
        for item in output {
            match item["type"].as_str() {
                Some("message") => {
                    speaks(item["role"].as_str(), "assistant")?;
                    for part in item["content"].as_array().into_iter().flatten() {
                        message.content.push_str(part["text"].as_str().unwrap_or_default());
                        refusal = part["refusal"].as_str().map(str::to_owned).or(refusal);
                    }
                }
                Some("function_call") => {
                    let Some(name) = item["name"].as_str() else {
                        return Err(Failure::invalid("a function call of the answer has no name"));
                    };
                    let arguments = arguments_of(name, item["arguments"].as_str().unwrap_or_default())?;
                    message.tool_calls.push(ToolCall::new(
                        name,
                        arguments,
                        item["call_id"].as_str().map(str::to_owned),
                    ));
                }
                Some("reasoning") => {
                    let parts = item["summary"]
                        .as_array()
                        .into_iter()
                        .chain(item["content"].as_array())
                        .flatten();
                    for text in parts.filter_map(|part| part["text"].as_str()) {
                        if !reasoning.is_empty() {
                            reasoning.push('\n');
                        }
                        reasoning.push_str(text);
                    }
                }
                // Calls of tools that run on the server.
                _ => {}
            }
        }
        let finish_reason = match body["incomplete_details"]["reason"].as_str() {
            Some("max_output_tokens") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            Some(other) => FinishReason::Other(other.to_owned()),
            None if refusal.is_some() => FinishReason::ContentFilter,
            None if !message.tool_calls.is_empty() => FinishReason::ToolCalls,
            None => FinishReason::Stop,
        };
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
        !["gpt-3.5", "gpt-4-", "o1-mini", "o1-preview"]
            .iter()
            .any(|old| model.starts_with(old))
            && model != "gpt-4"
    }
}

fn items(messages: &[Message], place: usize, input: &mut Vec<Value>) -> Result<(), Failure> {
    let message = &messages[place];
    match message.role {
        Role::System => input.push(json!({"role": "system", "content": message.content})),
        Role::User => input.push(json!({"role": "user", "content": message.content})),
        Role::Tool => input.push(
            json!({"type": "function_call_output", "call_id": answered_id(messages, place)?, "output": message.content}),
        ),
        Role::Assistant => {
            if !message.content.is_empty() || message.tool_calls.is_empty() {
                input.push(json!({"role": "assistant", "content": message.content}));
            }
            for call in &message.tool_calls {
                let arguments = Value::Object(call.function.arguments.clone()).to_string();
                input.push(json!({"type": "function_call", "call_id": call.provider_id(),
                    "name": call.function.name, "arguments": arguments}));
            }
        }
    }
    Ok(())
}

fn usage(usage: &Value) -> Option<Usage> {
    Some(Usage {
        prompt_tokens: usage["input_tokens"].as_u64()?,
        completion_tokens: usage["output_tokens"].as_u64().unwrap_or(0),
        cached_tokens: usage["input_tokens_details"]["cached_tokens"].as_u64(),
        cache_write_tokens: None,
        reasoning_tokens: usage["output_tokens_details"]["reasoning_tokens"].as_u64(),
    })
}

/// The last event has the whole response; the others are for those who watch.
#[derive(Default)]
struct Events {
    whole: Option<Value>,
}

impl Assembler for Events {
    fn take(&mut self, name: &str, data: &str, tell: Tell<'_>) -> Result<(), Failure> {
        if data.trim() == "[DONE]" {
            return Ok(());
        }
        let event = parse(data)?;
        match event["type"].as_str().unwrap_or(name) {
            "response.output_text.delta" => tell_text(tell, event["delta"].as_str()),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                tell_reasoning(tell, event["delta"].as_str());
            }
            "response.completed" | "response.incomplete" => self.whole = Some(event["response"].clone()),
            "response.failed" => return Err(said_in_stream(&event["response"]["error"])),
            "error" => return Err(said_in_stream(event.get("error").unwrap_or(&event))),
            _ => {}
        }
        Ok(())
    }

    fn whole(self: Box<Self>) -> Option<Value> {
        self.whole
    }
}
