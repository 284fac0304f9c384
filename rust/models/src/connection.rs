//! Connections to chat models.

use std::fmt;

use serde_json::Value;

use crate::arguments::Provider;
use crate::error::{Failure, ModelError, ModelErrorKind};
use crate::limits::LimiterStatus;
use crate::protocol::{Protocol, Tell};
use crate::request::{ChatRequest, ChatResponse, Partial};
use crate::server;
use crate::wire::Joined;

/// What a connection needs besides the arguments of its resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionOptions {
    /// The resource's name, for errors and metrics.
    pub name: String,
    /// What shares pool and limits: the job, say. Connections of one process with the same scope, name, provider and
    /// arguments share them.
    pub scope: String,
    /// Subtasks of the job: each has one such part of the limits.
    pub parallelism: u32,
}

impl ConnectionOptions {
    /// A connection that has all of its limits for itself.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            scope: String::new(),
            parallelism: 1,
        }
    }
}

/// A connection to the chat models of one server. May be used from many tasks of a tokio runtime at once; a call that
/// is dropped is cancelled. Connections that share a pool have to be used in the same runtime: a process needs one.
pub struct ChatConnection {
    name: String,
    provider: Provider,
    protocol: Box<dyn Protocol>,
    default_model: Option<String>,
    streamed: bool,
    joined: Joined,
}

impl ChatConnection {
    /// Opens a connection with the arguments of its resource, an object. Nothing is sent yet. Keys that are not among
    /// the arguments are taken from the environment: `OPENAI_API_KEY`, `AZURE_OPENAI_API_KEY`, `ANTHROPIC_API_KEY`,
    /// `GEMINI_API_KEY` or `GOOGLE_API_KEY`.
    ///
    /// # Errors
    /// Arguments that are unknown, missing or do not fit, and a `ca_file` that cannot be read.
    pub fn open(provider: Provider, options: &ConnectionOptions, arguments: &Value) -> Result<Self, ModelError> {
        Self::open_in(provider, options, arguments, &server::environment)
    }

    fn open_in(
        provider: Provider,
        options: &ConnectionOptions,
        arguments: &Value,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ModelError> {
        let read = provider
            .connection_arguments(arguments)
            .map_err(|e| ModelError::opening(&options.name, e.to_string()))?;
        let (wire, protocol) = server::open(provider, options, &read, environment)?;
        Ok(Self {
            name: options.name.clone(),
            provider,
            protocol,
            default_model: read.get("model").and_then(Value::as_str).map(str::to_owned),
            streamed: read.get("stream").and_then(Value::as_bool).unwrap_or(false),
            joined: Joined::new(wire, options.parallelism),
        })
    }

    /// Asks a model and waits for its whole answer.
    ///
    /// # Errors
    /// What the server or the way to it did not do, after the retries of the connection; a request that cannot be.
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatResponse, ModelError> {
        self.ask(request, self.streamed, &|_| {}).await
    }

    /// Asks a model and tells what it says while it says it. When an attempt fails in between, [`Partial::Again`]
    /// comes and what follows is from the beginning. The time-out of the connection is that of silence.
    ///
    /// # Errors
    /// As [`ChatConnection::chat`].
    pub async fn chat_streamed(
        &self,
        request: &ChatRequest,
        tell: &(dyn Fn(Partial) + Send + Sync),
    ) -> Result<ChatResponse, ModelError> {
        self.ask(request, true, tell).await
    }

    async fn ask(&self, request: &ChatRequest, streamed: bool, tell: Tell<'_>) -> Result<ChatResponse, ModelError> {
        let wire = &self.joined.wire;
        let model = request
            .text("model")
            .or(self.default_model.as_deref())
            .unwrap_or_default();
        let refused = |failure| wire.error(&self.name, model, 0, failure);
        if model.is_empty() {
            return Err(refused(Failure::arguments(
                "no model is given, neither in the setup nor in the connection",
            )));
        }
        if request.messages.is_empty() {
            return Err(refused(Failure::arguments("there are no messages")));
        }
        let call = self.protocol.call(request, model, streamed).map_err(refused)?;
        let attempt = |number: u32| {
            let call = &call;
            async move {
                if number > 1 {
                    tell(Partial::Again);
                }
                let body = if streamed {
                    let mut assembler = self.protocol.assembler();
                    let framing = self.protocol.framing();
                    wire.http
                        .stream(call, framing, |name, data| assembler.take(name, data, tell))
                        .await?;
                    let cut = "the answer ended before the model had said why it stops";
                    assembler
                        .whole()
                        .ok_or_else(|| Failure::new(ModelErrorKind::Cut, cut))?
                } else {
                    wire.http.whole(call).await?
                };
                let answer = self.protocol.answer(&body, request, model)?;
                let tokens = answer.usage.map(|usage| usage.total());
                Ok((answer, tokens))
            }
        };
        let (mut answer, retries) = wire.run(&self.name, model, estimate(request), attempt).await?;
        answer.retries = retries;
        Ok(answer)
    }

    /// Whether the provider itself makes this model's answers fit the schema of [`ChatRequest::output_schema`]. For
    /// a deployment on Azure, the model is `model_of_azure_deployment`.
    pub fn native_structured_output(&self, model: &str) -> bool {
        self.protocol.native_structured_output(model)
    }

    /// The resource's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose protocol it speaks.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// What the limiter does and has done, for metrics.
    pub fn limiter(&self) -> LimiterStatus {
        self.joined.wire.limiter.status()
    }
}

impl fmt::Debug for ChatConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatConnection")
            .field("name", &self.name)
            .field("provider", &self.provider)
            .field("limiter", &self.limiter())
            .finish_non_exhaustive()
    }
}

/// About how many tokens a call will cost: four bytes of text make one, and the answer may be as long as it may.
fn estimate(request: &ChatRequest) -> u64 {
    let texts = request
        .messages
        .iter()
        .map(|message| message.content.len())
        .sum::<usize>();
    let tools = request
        .tools
        .iter()
        .map(|tool| tool.description.len() + 100)
        .sum::<usize>();
    let answer = ["max_tokens", "max_output_tokens", "max_completion_tokens"]
        .iter()
        .find_map(|name| request.parameters.get(*name)?.as_u64());
    ((texts + tools) / 4) as u64 + answer.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use serde_json::json;
    use std::sync::Arc;

    fn open(provider: Provider, arguments: Value) -> Result<ChatConnection, ModelError> {
        ChatConnection::open_in(provider, &ConnectionOptions::named("c"), &arguments, &|_| None)
    }

    #[test]
    fn a_missing_key_is_named_with_its_variable() {
        let text = open(Provider::OpenAi, json!({})).unwrap_err().to_string();
        assert_eq!(
            text,
            "connection 'c': argument 'api_key' of the openai connection: is needed, unless the environment has \
             OPENAI_API_KEY. Correct the argument of the resource."
        );
        for (provider, arguments) in [
            (
                Provider::AzureOpenAi,
                json!({"api_key": "k", "azure_endpoint": "https://a"}),
            ),
            (Provider::Anthropic, json!({})),
            (Provider::Gemini, json!({"vertex_ai": true, "project": "p"})),
        ] {
            assert_eq!(open(provider, arguments).unwrap_err().kind, ModelErrorKind::Arguments);
        }
        let found = |name: &str| (name == "ANTHROPIC_API_KEY").then(|| "k".to_owned());
        ChatConnection::open_in(Provider::Anthropic, &ConnectionOptions::named("c"), &json!({}), &found).unwrap();
    }

    #[test]
    fn addresses_files_and_headers_are_checked_when_the_connection_is_made() {
        for (arguments, named) in [
            (json!({"base_url": "localhost:11434"}), "base address"),
            (json!({"ca_file": "/nowhere.pem"}), "/nowhere.pem"),
            (json!({"proxy": "::"}), "proxy"),
            (json!({"headers": {"a b": "c"}}), "a b"),
        ] {
            let text = open(Provider::Ollama, arguments).unwrap_err().to_string();
            assert!(text.contains(named), "{text}");
        }
    }

    #[test]
    fn no_key_is_in_what_is_printed() {
        let arguments = json!({"api_key": "sk-verysecret", "headers": {"x-token": "hidden1"}});
        let connection = open(Provider::OpenAi, arguments).unwrap();
        let printed = format!(
            "{connection:?} {:?} {}",
            Secret::new("sk-verysecret"),
            Secret::new("hidden1")
        );
        assert!(
            !printed.contains("verysecret") && !printed.contains("hidden1"),
            "{printed}"
        );
    }

    #[test]
    fn connections_of_one_scope_share_their_limits() {
        let options = |scope: &str| ConnectionOptions {
            scope: scope.to_owned(),
            parallelism: 2,
            name: "c".to_owned(),
        };
        let open = |scope: &str, timeout: u32| {
            let arguments = json!({"timeout": timeout});
            ChatConnection::open(Provider::Ollama, &options(scope), &arguments).unwrap()
        };
        let (a, b) = (open("job", 5), open("job", 5));
        assert!(Arc::ptr_eq(&a.joined.wire, &b.joined.wire));
        for other in [open("other", 5), open("job", 6)] {
            assert!(!Arc::ptr_eq(&a.joined.wire, &other.joined.wire));
        }
        assert!(!Arc::ptr_eq(&open("", 5).joined.wire, &open("", 5).joined.wire));
    }
}
