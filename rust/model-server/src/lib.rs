//! A model server for tests of agents: it speaks the protocols of OpenAI (chat completions and responses, so also
//! Azure's and vLLM's), Anthropic, Gemini and Ollama, and says what a [`Script`] tells it to. It listens on this
//! machine's loopback address only, with TLS and HTTP/2 if wanted, keeps what it was asked, and fails as servers fail, on request: errors with
//! `Retry-After`, answers that hang, are slow, are cut, are malformed, are huge.
//!
//! The same script and the same questions give the same answers: nothing is random, and rules can be bound to the
//! round of a conversation, so that parallel conversations do not take each other's answers.
//!
//! ```
//! use flink_agents_model_server::{Answer, ModelServer, Rule, Script};
//! let script = Script::of([Rule::any([Answer::text("Good day"), Answer::error(429, "slow down").retry_after(1.0)])]);
//! let server = ModelServer::start(script).unwrap();
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! ```
//!
//! It also has embeddings, and a tool server of the Model Context Protocol at `/mcp`.
//!
//! The program `flink-agents-model-server` does the same for tests in any language; its script is JSON.

mod asked;
mod body;
mod embed;
mod mcp;
mod reply;
mod script;
mod server;
mod tls;

pub use asked::Asked;
pub use mcp::{McpPrompt, McpScript, McpTool};
pub use script::{Answer, Call, Protocol, Rule, Script, Usage, When};
pub use server::{Chat, ModelServer, Seen, StartError};
