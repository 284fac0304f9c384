//! Connections to chat models.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use serde_json::Value;

use crate::arguments::Provider;
use crate::error::{Failure, ModelError, ModelErrorKind};
use crate::http::Http;
use crate::limits::LimiterStatus;
use crate::protocol::{Anthropic, Completions, Gemini, Ollama, Protocol, Responses, Tell};
use crate::request::{ChatRequest, ChatResponse, Parameters, Partial};
use crate::secret::Secret;
use crate::wire::{Joined, Wire};

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
/// is dropped is cancelled.
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
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::open_in(provider, options, arguments, &environment)
    }

    fn open_in(
        provider: Provider,
        options: &ConnectionOptions,
        arguments: &Value,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ModelError> {
        let refused = |what: String| ModelError {
            kind: ModelErrorKind::Arguments,
            connection: options.name.clone(),
            model: String::new(),
            attempt: 0,
            attempts: 0,
            status: None,
            retry_after: None,
            what,
        };
        let read = provider
            .connection_arguments(arguments)
            .map_err(|e| refused(e.to_string()))?;
        let server = server(provider, &read, environment).map_err(|failure| refused(failure.what))?;
        let wire = shared(provider, options, &read, &server).map_err(|failure| refused(failure.what))?;
        Ok(Self {
            name: options.name.clone(),
            provider,
            protocol: server.protocol,
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

/// Address, keys and protocol of a server.
pub(crate) struct Server {
    pub base: String,
    pub keys: Vec<(&'static str, String, Secret)>,
    pub protocol: Box<dyn Protocol>,
}

fn server(
    provider: Provider,
    arguments: &Parameters,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Server, Failure> {
    let text = |name: &str| {
        arguments
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let needed = |name: &str, also: &str| {
        Failure::arguments(format!(
            "argument '{name}' of the {} connection: is needed{also}",
            provider.name()
        ))
    };
    let key = |variables: &[&str]| {
        let given = text("api_key").map(str::to_owned);
        given.or_else(|| variables.iter().find_map(|name| environment(name)))
    };
    let mut keys = Vec::new();
    let mut header = |name, prefix: &str, value: &str, secret: bool| {
        let hidden = if secret { Secret::new(value) } else { Secret::default() };
        keys.push((name, format!("{prefix}{value}"), hidden));
    };
    let mut base = text("base_url")
        .or(text("api_base_url"))
        .map(|base| base.trim_end_matches('/').to_owned());
    let protocol: Box<dyn Protocol> = match provider {
        Provider::OpenAi | Provider::OpenAiResponses | Provider::Vllm => {
            match key(&["OPENAI_API_KEY"]).filter(|_| provider != Provider::Vllm || text("api_key").is_some()) {
                Some(key) => header("authorization", "Bearer ", &key, true),
                None if base.is_none() && provider != Provider::Vllm => {
                    return Err(needed("api_key", ", unless the environment has OPENAI_API_KEY"));
                }
                // Servers of one's own mostly want none.
                None => {}
            }
            for (argument, name) in [("organization", "openai-organization"), ("project", "openai-project")] {
                if let Some(value) = text(argument) {
                    header(name, "", value, false);
                }
            }
            let vllm = provider == Provider::Vllm;
            let usual = if vllm {
                "http://localhost:8000/v1"
            } else {
                "https://api.openai.com/v1"
            };
            base.get_or_insert_with(|| usual.to_owned());
            match provider {
                Provider::OpenAiResponses => Box::new(Responses),
                _ => Box::new(Completions {
                    path: "/chat/completions".to_owned(),
                    any_schema: vllm,
                }),
            }
        }
        Provider::AzureOpenAi => {
            let key = key(&["AZURE_OPENAI_API_KEY"]);
            let key = key.ok_or_else(|| needed("api_key", ", unless the environment has AZURE_OPENAI_API_KEY"))?;
            header("api-key", "", &key, true);
            let endpoint = text("azure_endpoint").ok_or_else(|| needed("azure_endpoint", ""))?;
            base = Some(endpoint.trim_end_matches('/').to_owned());
            let version = text("api_version").ok_or_else(|| needed("api_version", ""))?;
            let path = match text("azure_url_path_mode") {
                Some("unified") => format!("/openai/v1/chat/completions?api-version={version}"),
                _ => format!("/openai/deployments/{{model}}/chat/completions?api-version={version}"),
            };
            Box::new(Completions {
                path,
                any_schema: false,
            })
        }
        Provider::Anthropic => {
            let key = key(&["ANTHROPIC_API_KEY"]);
            let key = key.ok_or_else(|| needed("api_key", ", unless the environment has ANTHROPIC_API_KEY"))?;
            header("x-api-key", "", &key, true);
            header(
                "anthropic-version",
                "",
                text("anthropic_version").unwrap_or("2023-06-01"),
                false,
            );
            Box::new(Anthropic)
        }
        Provider::Gemini => {
            let vertex = arguments.get("vertex_ai").and_then(Value::as_bool).unwrap_or(false);
            match (text("access_token"), key(&["GEMINI_API_KEY", "GOOGLE_API_KEY"])) {
                (Some(token), _) => header("authorization", "Bearer ", token, true),
                (None, Some(key)) => header("x-goog-api-key", "", &key, true),
                (None, None) if vertex => {
                    return Err(needed(
                        "access_token",
                        " for Vertex AI, such as 'gcloud auth print-access-token' gives",
                    ));
                }
                (None, None) => {
                    return Err(needed(
                        "api_key",
                        ", unless the environment has GEMINI_API_KEY or GOOGLE_API_KEY",
                    ));
                }
            }
            let models = if vertex {
                let project = text("project").ok_or_else(|| needed("project", " for Vertex AI"))?;
                let location = text("location").unwrap_or("global");
                let host = if location == "global" {
                    String::new()
                } else {
                    format!("{location}-")
                };
                base.get_or_insert_with(|| format!("https://{host}aiplatform.googleapis.com"));
                format!("/v1/projects/{project}/locations/{location}/publishers/google/models")
            } else {
                base.get_or_insert_with(|| "https://generativelanguage.googleapis.com".to_owned());
                "/v1beta/models".to_owned()
            };
            Box::new(Gemini { models })
        }
        Provider::Ollama => Box::new(Ollama),
    };
    Ok(Server {
        base: base.unwrap_or_default(),
        keys,
        protocol,
    })
}

/// A wire in use, and whose it is.
type InUse = (ConnectionOptions, Provider, Parameters, Weak<Wire>);

/// The wires of this process that are in use.
static WIRES: LazyLock<Mutex<Vec<InUse>>> = LazyLock::new(Mutex::default);

fn shared(
    provider: Provider,
    options: &ConnectionOptions,
    arguments: &Parameters,
    server: &Server,
) -> Result<Arc<Wire>, Failure> {
    let mut wires = WIRES.lock().unwrap_or_else(PoisonError::into_inner);
    wires.retain(|(.., wire)| wire.strong_count() > 0);
    let same = wires.iter().filter(|(other, of, read, _)| {
        (&other.name, &other.scope, *of, read) == (&options.name, &options.scope, provider, arguments)
    });
    // Without a scope nothing is shared: two that merely have the same name are two.
    if let Some(wire) = same
        .filter(|_| !options.scope.is_empty())
        .find_map(|(.., wire)| wire.upgrade())
    {
        return Ok(wire);
    }
    let wire = Arc::new(Wire::new(
        Http::new(&server.base, server.keys.clone(), arguments)?,
        arguments,
    ));
    wires.push((options.clone(), provider, arguments.clone(), Arc::downgrade(&wire)));
    Ok(wire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            "{connection:?} {:?}",
            server(
                Provider::OpenAi,
                &Provider::OpenAi
                    .connection_arguments(&json!({"api_key": "sk-verysecret"}))
                    .unwrap(),
                &|_| None
            )
            .unwrap()
            .keys[0]
                .2
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
