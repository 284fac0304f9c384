//! Models, tool servers and vector stores: the clients of `flink_agents_models`, for Python's classes of resources.
//!
//! Questions and answers are JSON texts, which pydantic reads and writes faster than objects could be made here. Each
//! question can be asked so that the caller's thread waits, or as a future of asyncio.

mod asked;
mod errors;
mod vector_store;

pub(crate) use errors::{McpError, ModelError};
pub(crate) use vector_store::VectorStore;

use asked::{awaited, blocking, runtime};
use errors::{mcp_error, model_error, wrong};
use flink_agents_models::{
    ChatConnection, ChatRequest, ChatResponse, ConnectionOptions, EmbeddingConnection, Embeddings, McpServer,
    Parameters, Partial, Provider,
};
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// Reads JSON that our own Python code has written.
fn read<T: DeserializeOwned>(json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(wrong)
}

fn written(value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(wrong)
}

fn text(py: Python<'_>, value: &impl Serialize) -> PyResult<Py<PyAny>> {
    Ok(written(value)?.into_pyobject(py)?.into_any().unbind())
}

fn provider(name: &str) -> PyResult<Provider> {
    Provider::of_name(name).ok_or_else(|| wrong(format!("there is no provider '{name}'")))
}

/// A connection of this name that is one of so many with the same limits.
fn options(name: &str, parallelism: u32) -> ConnectionOptions {
    ConnectionOptions {
        parallelism,
        ..ConnectionOptions::named(name)
    }
}

/// The parameters of a chat setup's calls, of its arguments: defaults filled in, what is unknown refused.
#[pyfunction]
pub(crate) fn chat_parameters(provider_name: &str, arguments: &str) -> PyResult<String> {
    let parameters = provider(provider_name)?.setup_parameters(&read(arguments)?);
    written(&parameters.map_err(wrong)?)
}

/// The same of an embedding setup.
#[pyfunction]
pub(crate) fn embedding_parameters(provider_name: &str, arguments: &str) -> PyResult<String> {
    let parameters = provider(provider_name)?.embedding_parameters(&read(arguments)?);
    written(&parameters.map_err(wrong)?)
}

/// Tells of a part of an answer. At the end of the process nobody hears it.
fn told(tell: &Py<PyAny>, part: &Partial) {
    let (kind, text) = match part {
        Partial::Text(text) => ("text", text.as_str()),
        Partial::Reasoning(text) => ("reasoning", text.as_str()),
        Partial::Again => ("again", ""),
    };
    Python::try_attach(|py| {
        if let Err(error) = tell.call1(py, (kind, text)) {
            error.write_unraisable(py, Some(tell.bind(py)));
        }
    });
}

/// A connection to chat models.
#[pyclass(frozen, module = "flink_agents._core")]
pub(crate) struct ChatClient {
    connection: Arc<ChatConnection>,
}

#[pymethods]
impl ChatClient {
    #[new]
    #[pyo3(signature = (provider_name, name, arguments, parallelism = 1))]
    fn new(provider_name: &str, name: &str, arguments: &str, parallelism: u32) -> PyResult<Self> {
        let (provider, arguments) = (provider(provider_name)?, read::<Value>(arguments)?);
        let _entered = runtime()?.enter();
        let opened = ChatConnection::open(provider, &options(name, parallelism), &arguments);
        Ok(Self {
            connection: Arc::new(opened.map_err(model_error)?),
        })
    }

    /// Asks, and waits for the answer. `tell` is called with kind and text of each part of it as it comes.
    #[pyo3(signature = (request, tell = None))]
    fn chat(&self, py: Python<'_>, request: &str, tell: Option<Py<PyAny>>) -> PyResult<String> {
        let request = read::<ChatRequest>(request)?;
        let answer = match tell {
            None => blocking(py, self.connection.chat(&request))?,
            Some(tell) => blocking(py, self.connection.chat_streamed(&request, &|part| told(&tell, &part)))?,
        };
        written(&answer.map_err(model_error)?.into_message())
    }

    /// Asks, and returns the answer as a future; `tell` as in `chat`.
    #[pyo3(signature = (request, tell = None))]
    fn chat_async<'py>(&self, py: Python<'py>, request: &str, tell: Option<Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let (connection, request) = (Arc::clone(&self.connection), read::<ChatRequest>(request)?);
        let question = async move {
            let answer = match &tell {
                None => connection.chat(&request).await,
                Some(tell) => connection.chat_streamed(&request, &|part| told(tell, &part)).await,
            };
            answer.map(ChatResponse::into_message)
        };
        awaited(py, question, |py, answer| text(py, &answer.map_err(model_error)?))
    }

    /// Whether the provider itself makes answers of a model fit a schema.
    fn native_structured_output(&self, model: &str) -> bool {
        self.connection.native_structured_output(model)
    }
}

/// A connection to embedding models.
#[pyclass(frozen, module = "flink_agents._core")]
pub(crate) struct EmbeddingClient {
    connection: EmbeddingConnection,
}

fn vectors(embeddings: Embeddings) -> (Vec<Vec<f32>>, Option<u64>) {
    (embeddings.vectors, embeddings.prompt_tokens)
}

#[pymethods]
impl EmbeddingClient {
    #[new]
    #[pyo3(signature = (provider_name, name, arguments, parallelism = 1))]
    fn new(provider_name: &str, name: &str, arguments: &str, parallelism: u32) -> PyResult<Self> {
        let (provider, arguments) = (provider(provider_name)?, read::<Value>(arguments)?);
        let _entered = runtime()?.enter();
        let opened = EmbeddingConnection::open(provider, &options(name, parallelism), &arguments);
        Ok(Self {
            connection: opened.map_err(model_error)?,
        })
    }

    /// The vectors of texts and how many tokens those had, if the provider said; waits for them.
    fn embed(&self, py: Python<'_>, texts: Vec<String>, parameters: &str) -> PyResult<(Vec<Vec<f32>>, Option<u64>)> {
        let parameters = read::<Parameters>(parameters)?;
        let answer = blocking(py, self.connection.embed(&texts, &parameters))?;
        answer.map(vectors).map_err(model_error)
    }

    /// The same as a future.
    fn embed_async<'py>(&self, py: Python<'py>, texts: Vec<String>, parameters: &str) -> PyResult<Bound<'py, PyAny>> {
        let (connection, parameters) = (self.connection.clone(), read::<Parameters>(parameters)?);
        let question = async move { connection.embed(&texts, &parameters).await.map(vectors) };
        awaited(py, question, |py, answer| {
            Ok(answer.map_err(model_error)?.into_pyobject(py)?.into_any().unbind())
        })
    }
}

/// A tool server (MCP).
#[pyclass(frozen, module = "flink_agents._core")]
pub(crate) struct McpClient {
    server: Option<Arc<McpServer>>,
}

impl McpClient {
    fn server(&self) -> PyResult<Arc<McpServer>> {
        // Taken away by Drop alone.
        self.server.clone().ok_or_else(|| wrong("the tool server is closed"))
    }
}

impl Drop for McpClient {
    fn drop(&mut self) {
        // A session that ends, and a process that is stopped, need the runtime for that.
        let _entered = runtime().map(|runtime| runtime.enter());
        self.server = None;
    }
}

#[pymethods]
impl McpClient {
    #[new]
    fn new(name: &str, arguments: &str) -> PyResult<Self> {
        let _entered = runtime()?.enter();
        let server = McpServer::new(name, &read::<Value>(arguments)?).map_err(mcp_error)?;
        Ok(Self {
            server: Some(Arc::new(server)),
        })
    }

    /// The server's tools: a list of `name`, `description`, `parameters`.
    fn tools(&self, py: Python<'_>) -> PyResult<String> {
        let server = self.server()?;
        let tools = blocking(py, server.tools())?.map_err(mcp_error)?;
        written(&*tools)
    }

    /// The server's prompts: a list of `name`, `description`, `arguments`.
    fn prompts(&self, py: Python<'_>) -> PyResult<String> {
        let server = self.server()?;
        let prompts = blocking(py, server.prompts())?.map_err(mcp_error)?;
        written(&*prompts)
    }

    /// Calls a tool, and waits for its answer: `text`, `structured`, `contents`, `failed`.
    fn call(&self, py: Python<'_>, tool: &str, arguments: &str) -> PyResult<String> {
        let server = self.server()?;
        let answer = blocking(py, server.call(tool, read::<Parameters>(arguments)?))?;
        written(&answer.map_err(mcp_error)?)
    }

    /// The same as a future.
    fn call_async<'py>(&self, py: Python<'py>, tool: String, arguments: &str) -> PyResult<Bound<'py, PyAny>> {
        let (server, arguments) = (self.server()?, read::<Parameters>(arguments)?);
        let question = async move { server.call(&tool, arguments).await };
        awaited(py, question, |py, answer| text(py, &answer.map_err(mcp_error)?))
    }

    /// The messages of a prompt, filled in by the server; waits for them.
    fn prompt(&self, py: Python<'_>, name: &str, arguments: &str) -> PyResult<String> {
        let (server, arguments) = (self.server()?, read::<Parameters>(arguments)?);
        let messages = blocking(py, server.prompt(name, &arguments))?;
        written(&messages.map_err(mcp_error)?)
    }

    /// The same as a future.
    fn prompt_async<'py>(&self, py: Python<'py>, name: String, arguments: &str) -> PyResult<Bound<'py, PyAny>> {
        let (server, arguments) = (self.server()?, read::<Parameters>(arguments)?);
        let question = async move { server.prompt(&name, &arguments).await };
        awaited(py, question, |py, messages| text(py, &messages.map_err(mcp_error)?))
    }
}
