//! Gemini's `generateContent`, of Google AI and Vertex AI.

use serde_json::{Map, Value, json};

use super::{
    Assembler, Protocol, Tell, answered, body_with_others, lay_over, object_arguments, parse, said_in_stream, speaks,
    tell_reasoning, tell_text,
};
use crate::error::Failure;
use crate::http::Call;
use crate::message::{Message, Role, ToolCall};
use crate::request::{ChatRequest, ChatResponse, FinishReason, Usage};

/// Generation of content.
pub(crate) struct Gemini {
    /// Where the models are, after the base address.
    pub models: String,
}

/// Where the parts of an answer are kept: thoughts are signed, and have to come back as they were.
const PARTS: &str = "gemini_parts";
const OWN: &[&str] = &["model", "temperature", "max_output_tokens", "max_tokens"];

impl Protocol for Gemini {
    fn call(&self, request: &ChatRequest, model: &str, streamed: bool) -> Result<Call, Failure> {
        let given = Value::Object(body_with_others(request, OWN));
        let mut body = json!({"contents": turns(&request.messages)});
        let system = request
            .messages
            .iter()
            .filter(|message| message.role == Role::System && !message.content.is_empty());
        let system = system
            .map(|message| json!({"text": message.content}))
            .collect::<Vec<_>>();
        if !system.is_empty() {
            body["systemInstruction"] = json!({"parts": system});
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters})
            });
            body["tools"] = json!([{"functionDeclarations": tools.collect::<Vec<_>>()}]);
        }
        let mut generation = Map::new();
        if let Some(temperature) = request.given("temperature") {
            generation.insert("temperature".to_owned(), temperature.clone());
        }
        if let Some(tokens) = request
            .given("max_output_tokens")
            .or_else(|| request.given("max_tokens"))
        {
            generation.insert("maxOutputTokens".to_owned(), tokens.clone());
        }
        if let Some(output) = &request.output_schema {
            generation.insert("responseMimeType".to_owned(), "application/json".into());
            generation.insert("responseJsonSchema".to_owned(), output.schema.clone());
        }
        if !generation.is_empty() {
            body["generationConfig"] = generation.into();
        }
        lay_over(&mut body, given);
        let method = if streamed {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        let path = format!("{}/{model}:{method}", self.models);
        Ok(Call {
            path,
            body,
            idempotency_key: request.idempotency_key.clone(),
        })
    }

    fn answer(&self, body: &Value, _: &ChatRequest, model: &str) -> Result<ChatResponse, Failure> {
        let blocked = body["promptFeedback"]["blockReason"].as_str();
        let candidate = body["candidates"].get(0);
        if candidate.is_none() && blocked.is_none() {
            return Err(Failure::invalid("the answer has no 'candidates'"));
        }
        let candidate = candidate.unwrap_or(&Value::Null);
        speaks(candidate["content"]["role"].as_str(), "model")?;
        let mut message = Message::assistant("");
        let mut reasoning = String::new();
        let parts = candidate["content"]["parts"].as_array();
        for part in parts.into_iter().flatten() {
            let text = part["text"].as_str().unwrap_or_default();
            if part["thought"] == true {
                reasoning.push_str(text)
            } else {
                message.content.push_str(text)
            }
            if let Some(call) = part.get("functionCall") {
                let Some(name) = call["name"].as_str() else {
                    return Err(Failure::invalid("a 'functionCall' of the answer has no name"));
                };
                let arguments = object_arguments(name, call.get("args"))?;
                message
                    .tool_calls
                    .push(ToolCall::new(name, arguments, call["id"].as_str().map(str::to_owned)));
            }
        }
        let signed = |parts: &&Vec<Value>| parts.iter().any(|part| part.get("thoughtSignature").is_some());
        if let Some(parts) = parts.filter(|parts| !message.tool_calls.is_empty() || signed(parts)) {
            message.extra_args.insert(PARTS.to_owned(), parts.clone().into());
        }
        let reason = blocked.or_else(|| candidate["finishReason"].as_str());
        let (finish_reason, refusal) = match reason {
            _ if !message.tool_calls.is_empty() => (FinishReason::ToolCalls, None),
            Some("STOP") | None => (FinishReason::Stop, None),
            Some("MAX_TOKENS") => (FinishReason::Length, None),
            Some(
                held @ ("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" | "OTHER"),
            ) => (FinishReason::ContentFilter, Some(held.to_owned())),
            Some("MALFORMED_FUNCTION_CALL") => {
                return Err(Failure::invalid(
                    "the model tried to call a tool and wrote no proper call",
                ));
            }
            Some(other) => (FinishReason::Other(other.to_owned()), None),
        };
        Ok(ChatResponse {
            message,
            finish_reason,
            model: body["modelVersion"].as_str().unwrap_or(model).to_owned(),
            usage: usage(&body["usageMetadata"]),
            reasoning: (!reasoning.is_empty()).then_some(reasoning),
            refusal,
            logprobs: candidate.get("logprobsResult").cloned(),
            retries: 0,
        })
    }

    fn assembler(&self) -> Box<dyn Assembler> {
        Box::new(Chunks::default())
    }

    fn native_structured_output(&self, _: &str) -> bool {
        true
    }
}

/// The conversation without instructions. Results of several tools are one turn, and name the function they are of.
fn turns(messages: &[Message]) -> Vec<Value> {
    let mut turns: Vec<Value> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        match message.role {
            Role::System => {}
            Role::User => turns.push(json!({"role": "user", "parts": [{"text": message.content}]})),
            Role::Assistant => {
                let parts = message.extra_args.get(PARTS).filter(|parts| parts.is_array()).cloned();
                turns.push(json!({"role": "model", "parts": parts.unwrap_or_else(|| parts_of(message))}));
            }
            Role::Tool => {
                let call = answered(messages, place);
                let result = serde_json::from_str(&message.content).ok().filter(Value::is_object);
                let mut response = json!({
                    // Without its call the provider at least says what it misses.
                    "name": call.map(|call| &call.function.name).map_or("tool", String::as_str),
                    "response": result.unwrap_or_else(|| json!({"result": message.content})),
                });
                // Only the provider's own ids mean something to it.
                if let Some(id) = call.and_then(|call| call.original_id.as_ref()) {
                    response["id"] = id.clone().into();
                }
                let part = json!({"functionResponse": response});
                match turns.last_mut().and_then(|turn| turn["parts"].as_array_mut()) {
                    Some(parts) if parts.iter().all(|part| part.get("functionResponse").is_some()) => parts.push(part),
                    _ => turns.push(json!({"role": "user", "parts": [part]})),
                }
            }
        }
    }
    turns
}

fn parts_of(message: &Message) -> Value {
    let text = (!message.content.is_empty() || message.tool_calls.is_empty()).then(|| json!({"text": message.content}));
    let calls = message.tool_calls.iter().map(|call| {
        let mut json = json!({"name": call.function.name, "args": call.function.arguments});
        if let Some(id) = &call.original_id {
            json["id"] = id.clone().into();
        }
        json!({"functionCall": json})
    });
    text.into_iter().chain(calls).collect()
}

fn usage(usage: &Value) -> Option<Usage> {
    let thoughts = usage["thoughtsTokenCount"].as_u64();
    Some(Usage {
        prompt_tokens: usage["promptTokenCount"].as_u64()?,
        // The provider counts thoughts apart from the answer.
        completion_tokens: usage["candidatesTokenCount"].as_u64().unwrap_or(0) + thoughts.unwrap_or(0),
        cached_tokens: usage["cachedContentTokenCount"].as_u64(),
        cache_write_tokens: None,
        reasoning_tokens: thoughts,
    })
}

/// Each chunk is an answer with some of the parts.
#[derive(Default)]
struct Chunks {
    whole: Map<String, Value>,
    candidate: Map<String, Value>,
    parts: Vec<Value>,
}

impl Assembler for Chunks {
    fn take(&mut self, _: &str, data: &str, tell: Tell<'_>) -> Result<(), Failure> {
        let chunk = parse(data)?;
        if let Some(error) = chunk.get("error") {
            return Err(said_in_stream(error));
        }
        let Value::Object(chunk) = chunk else {
            return Err(Failure::invalid("a chunk of the answer is no object"));
        };
        for (key, value) in chunk {
            if key != "candidates" {
                self.whole.insert(key, value);
                continue;
            }
            let Some(candidate) = value.get(0).and_then(Value::as_object) else {
                continue;
            };
            for part in candidate
                .get("content")
                .and_then(|content| content["parts"].as_array())
                .into_iter()
                .flatten()
            {
                let text = part["text"].as_str();
                if part["thought"] == true {
                    tell_reasoning(tell, text)
                } else {
                    tell_text(tell, text)
                }
                self.parts.push(part.clone());
            }
            for (key, value) in candidate {
                self.candidate.insert(key.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn whole(mut self: Box<Self>) -> Option<Value> {
        let blocked = self
            .whole
            .get("promptFeedback")
            .is_some_and(|feedback| feedback["blockReason"].is_string());
        if !self.candidate.contains_key("finishReason") {
            return blocked.then_some(Value::Object(self.whole));
        }
        let role = self
            .candidate
            .get("content")
            .and_then(|content| content.get("role"))
            .cloned();
        self.candidate
            .insert("content".to_owned(), json!({"parts": self.parts, "role": role}));
        self.whole.insert("candidates".to_owned(), json!([self.candidate]));
        Some(Value::Object(self.whole))
    }
}
