//! OpenAI's chat completions: also Azure's, vLLM's and those of every compatible server.

use serde_json::{Map, Value, json};

use super::{
    Assembler, Protocol, Tell, answered_id, append, arguments_of, body_with_others, parse, said_in_stream, speaks,
    split_thoughts, tell_reasoning, tell_text,
};
use crate::arguments::reasons;
use crate::error::Failure;
use crate::http::Call;
use crate::message::{Message, Role, ToolCall};
use crate::request::{ChatRequest, ChatResponse, FinishReason, Usage};
use crate::schema::{answer_format, strict_schema};

/// Chat completions.
pub(crate) struct Completions {
    /// Where they are, after the base address; `{model}` stands for the model.
    pub path: String,
    /// Whether every model may be given a schema.
    pub any_schema: bool,
}

const OWN: &[&str] = &[
    "model",
    "logprobs",
    "top_logprobs",
    "strict",
    "extract_reasoning",
    "model_of_azure_deployment",
];

impl Protocol for Completions {
    fn call(&self, request: &ChatRequest, model: &str, streamed: bool) -> Result<Call, Failure> {
        let mut body = body_with_others(request, OWN);
        body.insert("model".to_owned(), model.into());
        let named = request.text("model_of_azure_deployment").unwrap_or(model);
        if reasons(named)
            && let Some(tokens) = body.remove("max_tokens")
        {
            // Thoughts count as well there, and the old name is refused.
            body.insert("max_completion_tokens".to_owned(), tokens);
        }
        let messages = (0..request.messages.len()).map(|place| message(&request.messages, place));
        let messages = messages.collect::<Result<Vec<_>, _>>()?;
        body.insert("messages".to_owned(), messages.into());
        let strict = request.flag("strict");
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                let mut function = json!({"name": tool.name, "description": tool.description});
                if strict {
                    function["parameters"] = strict_schema(&tool.parameters);
                    function["strict"] = true.into();
                } else {
                    function["parameters"] = tool.parameters.clone();
                }
                json!({"type": "function", "function": function})
            });
            body.insert("tools".to_owned(), tools.collect());
        }
        if let Some(schema) = request
            .output_schema
            .as_ref()
            .and_then(|output| answer_format(output, self.any_schema))
        {
            body.insert(
                "response_format".to_owned(),
                json!({"type": "json_schema", "json_schema": schema}),
            );
        }
        if request.flag("logprobs") {
            body.insert("logprobs".to_owned(), true.into());
            if let Some(top) = request.given("top_logprobs").filter(|top| top.as_f64() > Some(0.0)) {
                body.insert("top_logprobs".to_owned(), top.clone());
            }
        }
        if streamed {
            body.insert("stream".to_owned(), true.into());
            body.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
        Ok(Call {
            path: self.path.replace("{model}", model),
            body: Value::Object(body),
            idempotency_key: request.idempotency_key.clone(),
        })
    }

    fn answer(&self, body: &Value, request: &ChatRequest, model: &str) -> Result<ChatResponse, Failure> {
        let Some(choice) = body["choices"].get(0) else {
            return Err(match body.get("error") {
                Some(error) if !error.is_null() => said_in_stream(error),
                _ => Failure::invalid("the answer has no 'choices'"),
            });
        };
        let said = &choice["message"];
        if !said.is_object() {
            return Err(Failure::invalid("the answer's first choice has no 'message'"));
        }
        speaks(said["role"].as_str(), "assistant")?;
        let mut message = Message::assistant(said["content"].as_str().unwrap_or_default());
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            let Some(name) = call["function"]["name"].as_str() else {
                return Err(Failure::invalid("a tool call of the answer has no name"));
            };
            let arguments = arguments_of(name, call["function"]["arguments"].as_str().unwrap_or_default())?;
            message
                .tool_calls
                .push(ToolCall::new(name, arguments, call["id"].as_str().map(str::to_owned)));
        }
        // vLLM and DeepSeek say it one way, newer servers the other.
        let reasoning = ["reasoning_content", "reasoning"]
            .iter()
            .find_map(|field| said[field].as_str());
        let mut reasoning = reasoning.filter(|text| !text.is_empty()).map(str::to_owned);
        if request.flag("extract_reasoning") && reasoning.is_none() {
            (reasoning, message.content) = split_thoughts(&message.content);
        }
        let refusal = said["refusal"].as_str().map(str::to_owned);
        let finish_reason = match choice["finish_reason"].as_str() {
            _ if refusal.is_some() => FinishReason::ContentFilter,
            _ if !message.tool_calls.is_empty() => FinishReason::ToolCalls,
            Some("stop") | None => FinishReason::Stop,
            Some("length") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            Some("tool_calls" | "function_call") => FinishReason::ToolCalls,
            Some(other) => FinishReason::Other(other.to_owned()),
        };
        Ok(ChatResponse {
            message,
            finish_reason,
            model: body["model"].as_str().unwrap_or(model).to_owned(),
            usage: usage(&body["usage"]),
            reasoning,
            refusal,
            logprobs: choice.get("logprobs").filter(|logprobs| !logprobs.is_null()).cloned(),
            retries: 0,
        })
    }

    fn assembler(&self) -> Box<dyn Assembler> {
        Box::new(Chunks::default())
    }

    fn native_structured_output(&self, model: &str) -> bool {
        let old = [
            "gpt-3.5",
            "gpt-4-",
            "o1-mini",
            "o1-preview",
            "gpt-4o-2024-05-13",
            "chatgpt-",
        ];
        self.any_schema || model != "gpt-4" && !old.iter().any(|old| model.starts_with(old))
    }
}

fn message(messages: &[Message], place: usize) -> Result<Value, Failure> {
    let message = &messages[place];
    Ok(match message.role {
        Role::System => json!({"role": "system", "content": message.content}),
        Role::User => json!({"role": "user", "content": message.content}),
        Role::Tool => {
            json!({"role": "tool", "tool_call_id": answered_id(messages, place)?, "content": message.content})
        }
        Role::Assistant if message.tool_calls.is_empty() => json!({"role": "assistant", "content": message.content}),
        Role::Assistant => {
            let calls = message.tool_calls.iter().map(|call| {
                let arguments = Value::Object(call.function.arguments.clone()).to_string();
                let function = json!({"name": call.function.name, "arguments": arguments});
                json!({"id": call.provider_id(), "type": "function", "function": function})
            });
            let content = if message.content.is_empty() {
                Value::Null
            } else {
                message.content.clone().into()
            };
            json!({"role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>()})
        }
    })
}

fn usage(usage: &Value) -> Option<Usage> {
    Some(Usage {
        prompt_tokens: usage["prompt_tokens"].as_u64()?,
        completion_tokens: usage["completion_tokens"].as_u64().unwrap_or(0),
        cached_tokens: usage["prompt_tokens_details"]["cached_tokens"].as_u64(),
        cache_write_tokens: None,
        reasoning_tokens: usage["completion_tokens_details"]["reasoning_tokens"].as_u64(),
    })
}

#[derive(Default)]
struct Chunks {
    whole: Map<String, Value>,
    message: Value,
    calls: Vec<Value>,
    logprobs: Vec<Value>,
    finish: Option<Value>,
}

impl Assembler for Chunks {
    fn take(&mut self, _: &str, data: &str, tell: Tell<'_>) -> Result<(), Failure> {
        // Its absence is no cut: not every server sends it, and the reason to finish has come.
        if data.trim() == "[DONE]" {
            return Ok(());
        }
        let chunk = parse(data)?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(said_in_stream(error));
        }
        for field in ["model", "usage"] {
            if let Some(value) = chunk.get(field).filter(|value| !value.is_null()) {
                self.whole.insert(field.to_owned(), value.clone());
            }
        }
        let Some(choice) = chunk["choices"].get(0) else {
            return Ok(());
        };
        let delta = &choice["delta"];
        if let Some(role) = delta["role"].as_str() {
            self.message["role"] = role.into();
        }
        tell_text(tell, delta["content"].as_str());
        for field in ["content", "reasoning_content", "reasoning", "refusal"] {
            append(&mut self.message, field, delta[field].as_str());
        }
        tell_reasoning(
            tell,
            delta["reasoning_content"].as_str().or(delta["reasoning"].as_str()),
        );
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(piece)?;
        }
        if let Some(logprobs) = choice["logprobs"]["content"].as_array() {
            self.logprobs.extend(logprobs.iter().cloned());
        }
        if choice["finish_reason"].is_string() {
            self.finish = Some(choice["finish_reason"].clone());
        }
        Ok(())
    }

    fn whole(mut self: Box<Self>) -> Option<Value> {
        let finish = self.finish?;
        if self.message.is_null() {
            self.message = json!({});
        }
        if !self.calls.is_empty() {
            self.message["tool_calls"] = self.calls.into();
        }
        let mut choice = json!({"message": self.message, "finish_reason": finish});
        if !self.logprobs.is_empty() {
            choice["logprobs"] = json!({"content": self.logprobs});
        }
        self.whole.insert("choices".to_owned(), json!([choice]));
        Some(Value::Object(self.whole))
    }
}

impl Chunks {
    fn call(&mut self, piece: &Value) -> Result<(), Failure> {
        // Some servers leave the index out when there is one call.
        let index = piece["index"].as_u64().unwrap_or(0) as usize;
        if index > self.calls.len() {
            return Err(Failure::invalid("the pieces of the tool calls come out of order"));
        }
        if index == self.calls.len() {
            self.calls.push(json!({"function": {"name": "", "arguments": ""}}));
        }
        let call = &mut self.calls[index];
        if let Some(id) = piece["id"].as_str().filter(|id| !id.is_empty()) {
            call["id"] = id.into();
        }
        let function = &mut call["function"];
        append(function, "name", piece["function"]["name"].as_str());
        append(function, "arguments", piece["function"]["arguments"].as_str());
        Ok(())
    }
}
