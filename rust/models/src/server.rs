//! Where a provider's server is, which keys it wants, and what connections to it share.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use serde_json::Value;

use crate::arguments::Provider;
use crate::connection::ConnectionOptions;
use crate::error::{Failure, ModelError};
use crate::http::Http;
use crate::protocol::{Anthropic, Completions, Gemini, Ollama, Protocol, Responses};
use crate::request::Parameters;
use crate::secret::Secret;
use crate::wire::Wire;

/// The way to the server that the arguments lead to, and what is spoken there.
pub(crate) fn open(
    provider: Provider,
    options: &ConnectionOptions,
    arguments: &Parameters,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(Arc<Wire>, Box<dyn Protocol>), ModelError> {
    let refused = |failure: Failure| ModelError::opening(&options.name, failure.what);
    let server = describe(provider, arguments, environment).map_err(refused)?;
    let wire = shared(provider, options, arguments, &server).map_err(refused)?;
    Ok((wire, server.protocol))
}

/// The environment that keys may come from.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Address, keys and protocol of a server.
struct Server {
    base: String,
    keys: Vec<(&'static str, String, Secret)>,
    protocol: Box<dyn Protocol>,
}

fn describe(
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
