//! Clients of models, once for every host: chat and embedding models, tool servers (MCP) and vector stores, embedded and Chroma's.
//!
//! All is asynchronous on tokio and knows neither Java nor Python: requests and answers are plain values that serde
//! writes as the JSON both languages use for their chat messages ([`Message`]). A host makes a [`ChatConnection`] from
//! the arguments of a resource ([`arguments`]) and asks it, from as many tasks at once as it likes.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use flink_agents_models::{ChatConnection, ChatRequest, ConnectionOptions, Message, Provider};
//! let arguments = serde_json::json!({"api_base_url": "http://127.0.0.1:8000/v1"});
//! let connection = ChatConnection::open(Provider::Vllm, &ConnectionOptions::named("reviews"), &arguments)?;
//! let parameters = Provider::Vllm.setup_parameters(&serde_json::json!({"model": "smollm2"}))?;
//! let answer = connection.chat(&ChatRequest::new(vec![Message::user("Hello")], parameters)).await?;
//! println!("{}", answer.message.content);
//! # Ok(()) }
//! ```
//!
//! *What one call goes through*: the limiter of its connection ([`limits`]: concurrency, requests and tokens per
//! minute, waits that a server asked for, a circuit breaker), the protocol of its provider (`protocol`), one HTTP
//! exchange (`http`), and again, for failures that may pass, up to `max_retries` times. Errors ([`ModelError`]) name
//! connection, model and attempt, and say how to mend what happened. Keys are held as [`Secret`]s: they are in no
//! `Debug` output and are cut out of everything a server says before it becomes part of an error.

pub mod arguments;
mod chroma;
mod clients;
mod connection;
mod embedding;
mod error;
mod http;
mod idempotency;
pub mod limits;
mod mcp;
mod message;
mod protocol;
mod random;
mod request;
mod retry;
mod schema;
mod secret;
mod server;
mod stores;
mod vector_store;
mod wire;

pub use arguments::{ArgumentError, Provider};
pub use connection::{ChatConnection, ConnectionOptions};
pub use embedding::{EmbeddingConnection, Embeddings};
pub use error::{ModelError, ModelErrorKind};
pub use mcp::{McpError, McpErrorKind, McpPrompt, McpPromptArgument, McpResult, McpServer};
pub use message::{FunctionCall, Message, Role, ToolCall};
pub use request::{ChatRequest, ChatResponse, FinishReason, OutputSchema, Parameters, Partial, ToolDefinition, Usage};
pub use schema::strict_schema;
pub use secret::Secret;
pub use stores::{Store, StoreCall, StoreKind};
pub use vector_store::{Document, Filters, VectorStore, VectorStoreError};
