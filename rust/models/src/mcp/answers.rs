//! What tool servers have and answer, as plain values, and how they fail.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A prompt that the server fills in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpPrompt {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What it is filled in with.
    #[serde(default)]
    pub arguments: Vec<McpPromptArgument>,
}

/// An argument of a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpPromptArgument {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Whether the prompt cannot do without it.
    #[serde(default)]
    pub required: bool,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpResult {
    /// Its texts, a line each; without any, the structured result as JSON.
    pub text: String,
    /// Its structured result, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// All contents as the protocol writes them: images, sounds and resources too.
    pub contents: Vec<Value>,
    /// Whether the tool says that it failed; the text says why.
    pub failed: bool,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpErrorKind {
    /// The arguments of the server's resource, or those of the call.
    Arguments,
    /// No session could be opened, or the server has not taken what was asked.
    Unreachable,
    /// The server ended the session, or died.
    Gone,
    /// No answer in time.
    Timeout,
    /// The server refused: no such tool, arguments that do not fit.
    Refused,
    /// The answer is not what the protocol says.
    InvalidAnswer,
}

impl McpErrorKind {
    /// Its name in the exceptions of both languages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::Unreachable => "unreachable",
            Self::Gone => "gone",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::InvalidAnswer => "invalid_answer",
        }
    }
}

/// A failure of a tool server. Its text names server and place, and says how to mend it; never a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpError {
    /// The kind of failure.
    pub kind: McpErrorKind,
    /// The server's name.
    pub server: String,
    /// What was asked of it.
    pub question: String,
    /// What happened.
    pub what: String,
}

impl fmt::Display for McpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.kind {
            McpErrorKind::Arguments => "Correct the arguments",
            McpErrorKind::Unreachable => {
                "Check the endpoint or the command, its auth and headers, and that the server runs"
            }
            McpErrorKind::Gone => {
                "The next call opens a new session; look at the server's logs. The call may have been carried out"
            }
            McpErrorKind::Timeout => "Raise the time-out of the server's resource. The call may have been carried out",
            McpErrorKind::Refused => "Compare name and arguments with what the server lists",
            McpErrorKind::InvalidAnswer => "Check that the endpoint is that of an MCP server, and its version",
        };
        write!(
            f,
            "MCP server '{}', {}: {}. {advice}.",
            self.server, self.question, self.what
        )
    }
}

impl std::error::Error for McpError {}
