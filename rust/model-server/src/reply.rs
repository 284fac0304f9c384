//! Answers in each protocol, whole and in pieces. Written from the providers' published descriptions, and not with the
//! code of our clients, which is to be tested.

use serde_json::{Value, json};

use crate::asked::Asked;
use crate::script::{Answer, Call, Protocol, Usage};

/// An answer with everything filled in.
struct Said<'a> {
    asked: &'a Asked,
    answer: &'a Answer,
    text: String,
    calls: Vec<(String, Call)>,
    usage: Usage,
}

/// The pieces of a body: one if it is not streamed.
pub(crate) fn body(asked: &Asked, answer: &Answer) -> Vec<Vec<u8>> {
    let text = answer
        .text
        .replace("$last", &asked.last)
        .replace("$first", &asked.first);
    let text = text.repeat(answer.repeat.max(1));
    let usage = answer.usage.unwrap_or_else(|| Usage {
        prompt: asked.words,
        completion: text.split_whitespace().count() as u64,
        ..Usage::default()
    });
    let calls = answer.tool_calls.iter().enumerate().map(|(place, call)| {
        (
            call.id
                .clone()
                .unwrap_or_else(|| format!("call_{}_{place}", asked.round)),
            Call {
                arguments: filled(&call.arguments, &asked.last),
                ..call.clone()
            },
        )
    });
    let calls = calls.collect();
    let said = Said {
        asked,
        answer,
        text,
        calls,
        usage,
    };
    let whole = |json: Value| vec![json.to_string().into_bytes()];
    let bytes = |events: &mut dyn Iterator<Item = String>| events.map(String::into_bytes).collect();
    match (asked.protocol, asked.streamed) {
        (Protocol::Completions, false) => whole(said.completion()),
        (Protocol::Responses, false) => whole(said.response()),
        (Protocol::Anthropic, false) => whole(said.message()),
        (Protocol::Gemini, false) => whole(said.content()),
        (Protocol::Ollama, false) => whole(said.chat()),
        (Protocol::Completions, true) => {
            let chunks = said
                .completion_chunks()
                .into_iter()
                .map(|json| format!("data: {json}\n\n"));
            bytes(&mut chunks.chain(["data: [DONE]\n\n".to_owned()]))
        }
        (Protocol::Responses, true) => events(said.response_events()),
        (Protocol::Anthropic, true) => events(said.message_events()),
        (Protocol::Gemini, true) => bytes(
            &mut said
                .content_chunks()
                .into_iter()
                .map(|json| format!("data: {json}\r\n\r\n")),
        ),
        (Protocol::Ollama, true) => bytes(&mut said.chat_lines().into_iter().map(|json| format!("{json}\n"))),
    }
}

/// Named events as bytes.
fn events(events: Vec<(&'static str, Value)>) -> Vec<Vec<u8>> {
    events
        .into_iter()
        .map(|(name, json)| format!("event: {name}\ndata: {json}\n\n").into_bytes())
        .collect()
}

/// An error as the provider words it.
pub(crate) fn error(protocol: Protocol, status: u16, message: &str) -> Value {
    match protocol {
        Protocol::Completions | Protocol::Responses => {
            json!({"error": {"message": message, "type": "error", "param": null, "code": null}})
        }
        Protocol::Anthropic => json!({"type": "error", "error": {"type": "api_error", "message": message}}),
        Protocol::Gemini => json!({"error": {"code": status, "message": message, "status": "UNKNOWN"}}),
        Protocol::Ollama => json!({"error": message}),
    }
}

/// A text in pieces of a word each.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

/// Arguments as text: what is text already may be malformed on purpose.
fn written(arguments: &Value) -> String {
    match arguments {
        Value::String(text) => text.clone(),
        Value::Null => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// Arguments with the last message in the place of `$last`.
fn filled(arguments: &Value, last: &str) -> Value {
    match arguments {
        Value::String(text) => text.replace("$last", last).into(),
        Value::Array(values) => values.iter().map(|value| filled(value, last)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            Value::Object(
                fields
                    .map(|(name, value)| (name.clone(), filled(value, last)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Two halves of a text, as pieces of arguments come.
fn halves(text: &str) -> [&str; 2] {
    let middle = text
        .char_indices()
        .nth(text.chars().count() / 2)
        .map_or(0, |(at, _)| at);
    [&text[..middle], &text[middle..]]
}

impl Said<'_> {
    fn finish<'a>(&'a self, calls: &'a str, text: &'a str) -> &'a str {
        self.answer
            .finish
            .as_deref()
            .unwrap_or(if self.calls.is_empty() { text } else { calls })
    }

    fn role<'a>(&'a self, usual: &'a str) -> &'a str {
        self.answer.role.as_deref().unwrap_or(usual)
    }

    // OpenAI, chat completions.

    fn completion(&self) -> Value {
        let mut message = json!({"role": self.role("assistant"), "content": self.text, "refusal": self.answer.refusal});
        if let Some(reasoning) = &self.answer.reasoning {
            message["reasoning_content"] = reasoning.clone().into();
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().map(|(id, call)| {
                let function = json!({"name": call.name, "arguments": written(&call.arguments)});
                json!({"id": id, "type": "function", "function": function})
            });
            message["content"] = if self.text.is_empty() {
                Value::Null
            } else {
                self.text.clone().into()
            };
            message["tool_calls"] = calls.collect();
        }
        let choice = json!({"index": 0, "message": message, "logprobs": null,
            "finish_reason": self.finish("tool_calls", "stop")});
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.asked.model,
            "choices": [choice], "usage": self.completion_usage()})
    }

    fn completion_usage(&self) -> Value {
        let usage = self.usage;
        json!({"prompt_tokens": usage.prompt, "completion_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning}})
    }

    fn completion_chunks(&self) -> Vec<Value> {
        let chunk = |choices: Value, usage: Value| {
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.asked.model,
                "choices": choices, "usage": usage})
        };
        let delta = |delta: Value| {
            chunk(
                json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]),
                Value::Null,
            )
        };
        let mut chunks = vec![delta(json!({"role": self.role("assistant"), "content": ""}))];
        let reasoning = self.answer.reasoning.as_deref().unwrap_or_default();
        chunks.extend(words(reasoning).map(|word| delta(json!({"reasoning_content": word}))));
        chunks.extend(words(&self.text).map(|word| delta(json!({"content": word}))));
        if let Some(refusal) = &self.answer.refusal {
            chunks.push(delta(json!({"refusal": refusal})));
        }
        for (index, (id, call)) in self.calls.iter().enumerate() {
            let function = json!({"name": call.name, "arguments": ""});
            chunks.push(delta(json!({"tool_calls": [
                {"index": index, "id": id, "type": "function", "function": function}]})));
            for half in halves(&written(&call.arguments)) {
                let piece = json!({"index": index, "function": {"arguments": half}});
                chunks.push(delta(json!({"tool_calls": [piece]})));
            }
        }
        let finish = self.finish("tool_calls", "stop");
        chunks.push(chunk(
            json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish}]),
            Value::Null,
        ));
        chunks.push(chunk(json!([]), self.completion_usage()));
        chunks
    }

    // OpenAI, responses.

    fn response(&self) -> Value {
        let mut output = Vec::new();
        if let Some(reasoning) = &self.answer.reasoning {
            output.push(json!({"id": "rs_1", "type": "reasoning",
                "summary": [{"type": "summary_text", "text": reasoning}]}));
        }
        if let Some(refusal) = &self.answer.refusal {
            output.push(
                json!({"id": "msg_1", "type": "message", "role": self.role("assistant"), "status": "completed",
                "content": [{"type": "refusal", "refusal": refusal}]}),
            );
        } else if !self.text.is_empty() || self.calls.is_empty() {
            output.push(
                json!({"id": "msg_1", "type": "message", "role": self.role("assistant"), "status": "completed",
                "content": [{"type": "output_text", "text": self.text, "annotations": []}]}),
            );
        }
        output.extend(self.calls.iter().map(|(id, call)| {
            json!({"id": format!("fc_{id}"), "type": "function_call", "call_id": id, "name": call.name,
                "arguments": written(&call.arguments), "status": "completed"})
        }));
        let incomplete = self.answer.finish.as_ref();
        let usage = self.usage;
        json!({"id": "resp_1", "object": "response", "created_at": 1, "model": self.asked.model, "output": output,
            "status": if incomplete.is_some() { "incomplete" } else { "completed" }, "error": null,
            "incomplete_details": incomplete.map(|reason| json!({"reason": reason})),
            "usage": {"input_tokens": usage.prompt, "output_tokens": usage.completion,
                "total_tokens": usage.prompt + usage.completion,
                "input_tokens_details": {"cached_tokens": usage.cached},
                "output_tokens_details": {"reasoning_tokens": usage.reasoning}}})
    }

    fn response_events(&self) -> Vec<(&'static str, Value)> {
        let mut started = self.response();
        started["output"] = json!([]);
        started["status"] = "in_progress".into();
        let mut events = vec![(
            "response.created",
            json!({"type": "response.created", "response": started}),
        )];
        let mut delta = |kind: &'static str, word: &str| {
            events.push((
                kind,
                json!({"type": kind, "item_id": "msg_1", "output_index": 0, "delta": word}),
            ));
        };
        for word in words(self.answer.reasoning.as_deref().unwrap_or_default()) {
            delta("response.reasoning_summary_text.delta", word);
        }
        words(&self.text).for_each(|word| delta("response.output_text.delta", word));
        for (_, call) in &self.calls {
            delta("response.function_call_arguments.delta", &written(&call.arguments));
        }
        let end = if self.answer.finish.is_some() {
            "response.incomplete"
        } else {
            "response.completed"
        };
        events.push((end, json!({"type": end, "response": self.response()})));
        events
    }

    // Anthropic.

    fn blocks(&self) -> Vec<Value> {
        let mut blocks = Vec::new();
        if let Some(reasoning) = &self.answer.reasoning {
            blocks.push(json!({"type": "thinking", "thinking": reasoning, "signature": "c2lnbmVk"}));
        }
        if !self.text.is_empty() {
            blocks.push(json!({"type": "text", "text": self.text}));
        }
        blocks.extend(
            self.calls
                .iter()
                .map(|(id, call)| json!({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments})),
        );
        blocks
    }

    fn message(&self) -> Value {
        let stop = match self.answer.refusal {
            Some(_) => "refusal",
            None => self.finish("tool_use", "end_turn"),
        };
        let mut message = json!({"id": "msg_1", "type": "message", "role": self.role("assistant"),
            "model": self.asked.model, "content": self.blocks(), "stop_reason": stop, "stop_sequence": null,
            "usage": {"input_tokens": self.usage.prompt - self.usage.cached, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": self.usage.cached, "output_tokens": self.usage.completion}});
        if let Some(refusal) = &self.answer.refusal {
            message["stop_details"] = json!({"type": "refusal", "explanation": refusal});
        }
        message
    }

    fn message_events(&self) -> Vec<(&'static str, Value)> {
        let whole = self.message();
        let mut started = whole.clone();
        started["content"] = json!([]);
        started["stop_reason"] = Value::Null;
        started["usage"]["output_tokens"] = 1.into();
        let mut events = vec![
            ("message_start", json!({"type": "message_start", "message": started})),
            ("ping", json!({"type": "ping"})),
        ];
        for (index, block) in self.blocks().into_iter().enumerate() {
            let mut deltas = Vec::new();
            let mut empty = block.clone();
            match block["type"].as_str() {
                Some("thinking") => {
                    let thinking = words(block["thinking"].as_str().unwrap_or_default());
                    deltas.extend(thinking.map(|word| json!({"type": "thinking_delta", "thinking": word})));
                    deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
                    empty["thinking"] = "".into();
                    empty["signature"] = "".into();
                }
                Some("text") => {
                    let text = words(&self.text);
                    deltas.extend(text.map(|word| json!({"type": "text_delta", "text": word})));
                    empty["text"] = "".into();
                }
                _ => {
                    let arguments = written(&block["input"]);
                    deltas.extend(
                        halves(&arguments).map(|half| json!({"type": "input_json_delta", "partial_json": half})),
                    );
                    empty["input"] = json!({});
                }
            }
            let start = json!({"type": "content_block_start", "index": index, "content_block": empty});
            events.push(("content_block_start", start));
            for delta in deltas {
                let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
                events.push(("content_block_delta", delta));
            }
            events.push((
                "content_block_stop",
                json!({"type": "content_block_stop", "index": index}),
            ));
        }
        let mut delta = json!({"stop_reason": whole["stop_reason"], "stop_sequence": null});
        if let Some(details) = whole.get("stop_details") {
            delta["stop_details"] = details.clone();
        }
        let usage = json!({"output_tokens": self.usage.completion});
        events.push((
            "message_delta",
            json!({"type": "message_delta", "delta": delta, "usage": usage}),
        ));
        events.push(("message_stop", json!({"type": "message_stop"})));
        events
    }

    // Gemini.

    fn candidate(&self, parts: Vec<Value>, finished: bool) -> Value {
        let mut candidate = json!({"index": 0, "content": {"role": self.role("model"), "parts": parts}});
        if finished {
            let refused = if self.answer.refusal.is_some() {
                "SAFETY"
            } else {
                "STOP"
            };
            candidate["finishReason"] = self.finish("STOP", refused).into();
        }
        let usage = self.usage;
        json!({"candidates": [candidate], "modelVersion": self.asked.model, "responseId": "r1",
            "usageMetadata": {"promptTokenCount": usage.prompt,
                "candidatesTokenCount": usage.completion - usage.reasoning, "thoughtsTokenCount": usage.reasoning,
                "cachedContentTokenCount": usage.cached, "totalTokenCount": usage.prompt + usage.completion}})
    }

    fn call_parts(&self) -> impl Iterator<Item = Value> {
        self.calls.iter().map(|(id, call)| {
            json!({"functionCall": {"id": id, "name": call.name, "args": call.arguments},
                "thoughtSignature": "c2lnbmVk"})
        })
    }

    fn content(&self) -> Value {
        let thought = self
            .answer
            .reasoning
            .as_ref()
            .map(|text| json!({"text": text, "thought": true}));
        let text = (!self.text.is_empty()).then(|| json!({"text": self.text}));
        self.candidate(thought.into_iter().chain(text).chain(self.call_parts()).collect(), true)
    }

    fn content_chunks(&self) -> Vec<Value> {
        let reasoning = words(self.answer.reasoning.as_deref().unwrap_or_default());
        let thoughts = reasoning.map(|word| json!({"text": word, "thought": true}));
        let texts = words(&self.text).map(|word| json!({"text": word}));
        let parts = thoughts
            .chain(texts)
            .chain(self.call_parts())
            .map(|part| self.candidate(vec![part], false));
        parts.chain([self.candidate(Vec::new(), true)]).collect()
    }

    // Ollama.

    fn chat_line(&self, message: Value, done: bool) -> Value {
        let mut line = json!({"model": self.asked.model, "created_at": "2026-01-01T00:00:00Z", "message": message,
            "done": done});
        if done {
            line["done_reason"] = self.finish("stop", "stop").into();
            line["prompt_eval_count"] = self.usage.prompt.into();
            line["eval_count"] = self.usage.completion.into();
        }
        line
    }

    fn chat_message(&self) -> Value {
        let mut message = json!({"role": self.role("assistant"), "content": self.text});
        if let Some(reasoning) = &self.answer.reasoning {
            message["thinking"] = reasoning.clone().into();
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter();
            message["tool_calls"] = calls
                .map(|(_, call)| json!({"function": {"name": call.name, "arguments": call.arguments}}))
                .collect();
        }
        message
    }

    fn chat(&self) -> Value {
        self.chat_line(self.chat_message(), true)
    }

    fn chat_lines(&self) -> Vec<Value> {
        let role = self.role("assistant");
        let thoughts = words(self.answer.reasoning.as_deref().unwrap_or_default())
            .map(|word| json!({"role": role, "content": "", "thinking": word}));
        let texts = words(&self.text).map(|word| json!({"role": role, "content": word}));
        let mut lines = thoughts
            .chain(texts)
            .map(|message| self.chat_line(message, false))
            .collect::<Vec<_>>();
        let mut last = self.chat_message();
        if !self.calls.is_empty() {
            last["content"] = "".into();
            last.as_object_mut().map(|last| last.remove("thinking"));
            lines.push(self.chat_line(last, false));
        }
        lines.push(self.chat_line(json!({"role": role, "content": ""}), true));
        lines
    }
}
