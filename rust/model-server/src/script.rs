//! What the server says to what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asked::Asked;
use crate::mcp::McpScript;

/// A protocol that the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// OpenAI's chat completions, also Azure's and vLLM's.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
    /// Ollama's chat.
    Ollama,
}

/// Rules in order: the first that fits a question answers it. A question that none fits is refused with status 400.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The rules.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// If not empty, the keys that are accepted; with another one the server answers 401 and repeats the key, as
    /// servers do.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Length of the vectors of embeddings; 64 if 0.
    #[serde(default)]
    pub dimensions: usize,
    /// What the tool server at `/mcp` has.
    #[serde(default)]
    pub mcp: McpScript,
    /// Whether nothing is kept of what was asked, for measurements.
    #[serde(default)]
    pub forgets: bool,
}

impl Script {
    /// A script of rules.
    pub fn of(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// When to say what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The questions it is for.
    #[serde(default)]
    pub when: When,
    /// One for each question that fits, in order; the last one for all further ones.
    pub answers: Vec<Answer>,
}

impl Rule {
    /// A rule for every question.
    pub fn any(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            when: When::default(),
            answers: answers.into_iter().collect(),
        }
    }

    /// A rule for the questions of one round of a conversation: 0 before the model has said anything.
    pub fn round(round: usize, answer: Answer) -> Self {
        Self {
            when: When {
                round: Some(round),
                ..When::default()
            },
            answers: vec![answer],
        }
    }
}

/// What a question has to be; everything that is given has to fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// The protocol.
    pub protocol: Option<Protocol>,
    /// The model.
    pub model: Option<String>,
    /// Part of the last message.
    pub contains: Option<String>,
    /// How often the model has spoken in the conversation.
    pub round: Option<usize>,
}

impl When {
    /// Whether a question fits.
    pub fn fits(&self, asked: &Asked) -> bool {
        self.protocol.is_none_or(|protocol| protocol == asked.protocol)
            && self.model.as_ref().is_none_or(|model| *model == asked.model)
            && self.contains.as_ref().is_none_or(|part| asked.last.contains(part))
            && self.round.is_none_or(|round| round == asked.round)
    }
}

/// What to say, and how to go wrong. Absent fields, in JSON too, mean nothing special.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// The text. `$last` in it stands for the text of the last message, `$first` for that of the user's first.
    pub text: String,
    /// What the model thinks before.
    pub reasoning: Option<String>,
    /// Why it refuses.
    pub refusal: Option<String>,
    /// What it wants to have called.
    pub tool_calls: Vec<Call>,
    /// Why it stops, in the provider's words; what fits the rest if absent.
    pub finish: Option<String>,
    /// The role of the answer; the right one if absent.
    pub role: Option<String>,
    /// Tokens; a count of words if absent.
    pub usage: Option<Usage>,
    /// How often the text is said; 0 is once.
    pub repeat: usize,
    /// Milliseconds before the first byte.
    pub delay_ms: u64,
    /// Milliseconds between the pieces of a streamed answer.
    pub piece_delay_ms: u64,
    /// An HTTP status other than 200.
    pub status: u16,
    /// The message of an error.
    pub error: Option<String>,
    /// Seconds of the header `Retry-After`.
    pub retry_after: Option<f64>,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// The body as it is, instead of all that.
    pub raw: Option<String>,
    /// After how many bytes of the body the connection is cut.
    pub cut_after: Option<usize>,
    /// Whether the cut answer ends as if it were whole, as proxies do.
    pub cut_cleanly: bool,
    /// Whether nothing is ever said.
    pub hang: bool,
}

impl Answer {
    /// An answer of text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A call of a tool; `arguments` that are text are sent as they are.
    pub fn call(name: impl Into<String>, arguments: Value) -> Self {
        Self {
            tool_calls: vec![Call {
                name: name.into(),
                arguments,
                id: None,
            }],
            ..Self::default()
        }
    }

    /// An error.
    pub fn error(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            error: Some(message.into()),
            ..Self::default()
        }
    }

    /// With a header `Retry-After` of so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: f64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// So many milliseconds late.
    #[must_use]
    pub fn late(mut self, milliseconds: u64) -> Self {
        self.delay_ms = milliseconds;
        self
    }

    /// Cut after so many bytes.
    #[must_use]
    pub fn cut(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    /// With thoughts.
    #[must_use]
    pub fn thinking(mut self, reasoning: impl Into<String>) -> Self {
        self.reasoning = Some(reasoning.into());
        self
    }
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// Its arguments; text is sent as it is, so that it may be malformed. `$last` stands for the last message here, too.
    #[serde(default)]
    pub arguments: Value,
    /// The provider's id; made of the round and the place if absent.
    #[serde(default)]
    pub id: Option<String>,
}

/// Tokens, the parts contained in the wholes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// Of the question.
    pub prompt: u64,
    /// Of the answer.
    pub completion: u64,
    /// Of the question, from the cache.
    pub cached: u64,
    /// Of the answer, thoughts.
    pub reasoning: u64,
}
