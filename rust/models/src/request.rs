//! What a chat connection is asked and what it answers: plain values, the same for every provider.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::Message;

/// Parameters of one call by name, as [`Provider::setup_parameters`](crate::Provider::setup_parameters) makes them.
/// Those that the protocol does not know go into the request's body as they are.
pub type Parameters = Map<String, Value>;

/// One question to a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// What the model may have called.
    #[serde(default)]
    pub tools: Vec<ToolDefinition>,
    /// `model` and the others of the provider's setup.
    #[serde(default)]
    pub parameters: Parameters,
    /// If set, the provider itself makes the answer fit this schema. See
    /// [`ChatConnection::native_structured_output`](crate::ChatConnection::native_structured_output).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<OutputSchema>,
    /// That of the durable call which asks. `Idempotency-Key` is made of it and of what is asked, so that it is the same with
    /// each attempt, and another for each question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

impl ChatRequest {
    /// A question without tools or schema.
    pub fn new(messages: Vec<Message>, parameters: Parameters) -> Self {
        Self {
            messages,
            parameters,
            ..Self::default()
        }
    }

    /// A parameter that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.as_str()
    }

    /// A parameter that is true or false; false if absent.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.parameters.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A parameter that is there and not null.
    pub(crate) fn given(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name).filter(|value| !value.is_null())
    }
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    #[serde(default)]
    pub description: String,
    /// The JSON schema of its parameters, an object's.
    pub parameters: Value,
}

/// A schema that the answer has to fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSchema {
    /// A name for it: letters, digits, `_` and `-`.
    pub name: String,
    /// The JSON schema.
    pub schema: Value,
}

/// A model's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// What it said. `extra_args` has only what the provider wants back, such as `anthropic_content_blocks`.
    pub message: Message,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// The model that answered, as the provider names it, or as it was asked for.
    pub model: String,
    /// What it cost; absent if the provider did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What the model thought, where the provider shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why the model refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Log probabilities as the provider gave them, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Value>,
    /// Attempts that failed before this one succeeded.
    #[serde(default)]
    pub retries: u32,
}

impl ChatResponse {
    /// The answer as the message that both languages hand to users. In `extra_args`: `model_name`, `promptTokens`,
    /// `completionTokens`, `cachedTokens`, `reasoningTokens` (each only if the provider said so), `reasoning`,
    /// `refusal`, `logprobs`, `finish_reason`.
    pub fn into_message(self) -> Message {
        let mut message = self.message;
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                message.extra_args.insert(key.to_owned(), value);
            }
        };
        if let Some(usage) = &self.usage {
            put("model_name", Some(self.model.clone().into()));
            put("promptTokens", Some(usage.prompt_tokens.into()));
            put("completionTokens", Some(usage.completion_tokens.into()));
            put("cachedTokens", usage.cached_tokens.map(Value::from));
            put("reasoningTokens", usage.reasoning_tokens.map(Value::from));
        }
        put("reasoning", self.reasoning.map(Value::from));
        put("refusal", self.refusal.map(Value::from));
        put("logprobs", self.logprobs);
        put("finish_reason", serde_json::to_value(&self.finish_reason).ok());
        message
    }
}

/// Why a model stopped. As JSON the names in lower case with underscores; others as the provider spells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It had said everything.
    Stop,
    /// It had no more tokens.
    Length,
    /// It wants tools to be called.
    ToolCalls,
    /// Something was held back by the provider, or the model refused.
    ContentFilter,
    /// What only this provider says, in its words.
    Other(String),
}

impl FinishReason {
    fn name(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Other(other) => other,
        }
    }
}

impl Serialize for FinishReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FinishReason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(match name.as_str() {
            "stop" => Self::Stop,
            "length" => Self::Length,
            "tool_calls" => Self::ToolCalls,
            "content_filter" => Self::ContentFilter,
            _ => Self::Other(name),
        })
    }
}

/// Tokens of one call. With every provider the parts are contained in the wholes: cached tokens are prompt tokens,
/// reasoning tokens are completion tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens of the question.
    pub prompt_tokens: u64,
    /// All tokens of the answer.
    pub completion_tokens: u64,
    /// Of the question's, those read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Of the question's, those written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Of the answer's, those the model thought with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
}

impl Usage {
    /// Question and answer together.
    pub fn total(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// What arrives while a model speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partial {
    /// More of the answer.
    Text(String),
    /// More of what the model thinks.
    Reasoning(String),
    /// The attempt failed and another begins: what came so far does not count.
    Again,
}
