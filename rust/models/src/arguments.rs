//! The arguments of resources: which there are for each provider, their types and defaults.
//!
//! One table for connections and one for setups. Names may be written with underscores or in camel case, with the
//! other names that Java or Python use for the same; numbers and flags may be text. What is unknown or does not fit is
//! refused by name, so that a slip of the pen is found when the resource is made.

use serde_json::{Map, Value};

use crate::request::Parameters;

/// Whose protocol a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI's chat completions, and every server that is compatible with them.
    OpenAi,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Chat completions of a deployment on Azure.
    AzureOpenAi,
    /// vLLM: chat completions, by default on this machine and without a key.
    Vllm,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini, of Google AI or Vertex AI.
    Gemini,
    /// Ollama.
    Ollama,
}

/// An argument that is missing, unknown or does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument '{argument}' of {of}: {problem}")]
pub struct ArgumentError {
    /// Its name, as it was written.
    pub argument: String,
    /// What it is an argument of.
    pub of: String,
    /// What is wrong with it.
    pub problem: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Flag,
    Whole(u64),
    /// From, to.
    Number(f64, f64),
    /// Of text.
    Headers,
    Object,
    Texts,
    Choice(&'static [&'static str]),
    Any,
}

struct Argument {
    /// The first is ours.
    names: &'static [&'static str],
    kind: Kind,
    /// As JSON; empty for none.
    default: &'static str,
}

const fn arg(names: &'static [&'static str], kind: Kind, default: &'static str) -> Argument {
    Argument { names, kind, default }
}

const FOREVER: f64 = 1e9;
const SECONDS: Kind = Kind::Number(0.0, FOREVER);

/// What every connection has: limits, retries and the way to the server.
const EVERY_CONNECTION: &[Argument] = &[
    arg(&["timeout", "request_timeout"], SECONDS, "60"),
    arg(&["max_retries"], Kind::Whole(0), "3"),
    arg(&["max_retry_wait"], SECONDS, "60"),
    arg(&["connect_timeout"], SECONDS, "10"),
    arg(&["default_headers", "headers"], Kind::Headers, ""),
    arg(&["proxy"], Kind::Text, ""),
    arg(&["ca_file"], Kind::Text, ""),
    arg(&["max_response_bytes"], Kind::Whole(1), "33554432"),
    arg(&["max_concurrent_requests"], Kind::Whole(1), ""),
    arg(&["requests_per_minute"], Kind::Whole(1), ""),
    arg(&["tokens_per_minute"], Kind::Whole(1), ""),
    arg(&["breaker_failures"], Kind::Whole(0), "20"),
    arg(&["breaker_pause"], SECONDS, "30"),
    arg(&["stream"], Kind::Flag, "false"),
    arg(&["model"], Kind::Text, ""),
    // Connections are always pooled and shared.
    arg(&["reuse_client"], Kind::Flag, ""),
];
const OPENAI: &[Argument] = &[
    arg(&["api_key"], Kind::Text, ""),
    arg(&["api_base_url", "base_url"], Kind::Text, ""),
    arg(&["organization"], Kind::Text, ""),
    arg(&["project"], Kind::Text, ""),
];
const AZURE: &[Argument] = &[
    arg(&["api_key"], Kind::Text, ""),
    arg(&["api_version"], Kind::Text, ""),
    arg(&["azure_endpoint"], Kind::Text, ""),
    arg(
        &["azure_url_path_mode"],
        Kind::Choice(&["auto", "legacy", "unified"]),
        "\"auto\"",
    ),
];
const ANTHROPIC: &[Argument] = &[
    arg(&["api_key"], Kind::Text, ""),
    arg(
        &["api_base_url", "base_url"],
        Kind::Text,
        "\"https://api.anthropic.com\"",
    ),
    arg(&["anthropic_version"], Kind::Text, "\"2023-06-01\""),
];
const GEMINI: &[Argument] = &[
    arg(&["api_key"], Kind::Text, ""),
    arg(&["base_url", "api_base_url"], Kind::Text, ""),
    arg(&["vertex_ai"], Kind::Flag, "false"),
    arg(&["project"], Kind::Text, ""),
    arg(&["location"], Kind::Text, ""),
    arg(&["access_token"], Kind::Text, ""),
];
const OLLAMA: &[Argument] = &[arg(
    &["base_url", "endpoint", "host", "api_base_url"],
    Kind::Text,
    "\"http://localhost:11434\"",
)];

/// A tool server: either an address or a command.
const MCP: &[Argument] = &[
    arg(&["endpoint"], Kind::Text, ""),
    arg(&["headers"], Kind::Headers, ""),
    arg(&["auth"], Kind::Object, ""),
    arg(&["proxy"], Kind::Text, ""),
    arg(&["ca_file"], Kind::Text, ""),
    arg(&["connect_timeout"], SECONDS, "10"),
    arg(&["timeout"], SECONDS, "30"),
    arg(&["sse_read_timeout"], SECONDS, "300"),
    arg(&["max_retries"], Kind::Whole(0), "3"),
    arg(&["initial_backoff_ms"], Kind::Whole(0), "100"),
    arg(&["max_backoff_ms"], Kind::Whole(0), "10000"),
    arg(&["command"], Kind::Text, ""),
    arg(&["args"], Kind::Texts, ""),
    arg(&["env"], Kind::Headers, ""),
    arg(&["cwd"], Kind::Text, ""),
];

/// What every vector store has.
const EVERY_STORE: &[Argument] = &[
    arg(&["auto_create_collection"], Kind::Flag, "true"),
    arg(&["collection_metadata"], Kind::Object, ""),
];
const EMBEDDED_STORE: &[Argument] = &[
    arg(&["path"], Kind::Text, ""),
    arg(&["collection"], Kind::Text, "\"documents\""),
];
/// A server's, or those of a store without one.
const CHROMA_STORE: &[Argument] = &[
    arg(&["collection"], Kind::Text, "\"flink_agents_chroma_collection\""),
    arg(&["persist_directory"], Kind::Text, ""),
    arg(&["host"], Kind::Text, ""),
    arg(&["port"], Kind::Number(1.0, 65535.0), "8000"),
    arg(&["api_key"], Kind::Text, ""),
    arg(&["tenant"], Kind::Text, "\"default_tenant\""),
    arg(&["database"], Kind::Text, "\"default_database\""),
    arg(&["timeout"], SECONDS, "60"),
    arg(&["max_retries"], Kind::Whole(0), "3"),
    arg(&["connect_timeout"], SECONDS, "10"),
    arg(&["default_headers", "headers"], Kind::Headers, ""),
    arg(&["proxy"], Kind::Text, ""),
    arg(&["ca_file"], Kind::Text, ""),
    arg(&["max_response_bytes"], Kind::Whole(1), "268435456"),
];

/// What connections for embeddings have besides.
const EMBEDDINGS: &[Argument] = &[
    arg(&["timeout", "request_timeout"], SECONDS, "30"),
    arg(&["batch_size"], Kind::Whole(1), "256"),
    arg(&["concurrent_batches"], Kind::Whole(1), "4"),
];

/// What every setup has. These are the framework's, not the model's.
const EVERY_SETUP: &[&str] = &[
    "connection",
    "prompt",
    "tools",
    "skills",
    "allowed_commands",
    "allowed_script_dirs",
    "structured_output_strategy",
];
const EFFORT: Kind = Kind::Any;
const OPENAI_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, "\"gpt-4o-mini\""),
    arg(&["temperature"], Kind::Number(0.0, 2.0), "0.1"),
    arg(&["max_tokens"], Kind::Whole(1), ""),
    arg(&["logprobs"], Kind::Flag, ""),
    arg(&["top_logprobs"], Kind::Number(0.0, 20.0), "0"),
    arg(&["strict"], Kind::Flag, "false"),
    arg(&["reasoning_effort"], EFFORT, ""),
    arg(&["extract_reasoning"], Kind::Flag, ""),
    arg(&["additional_kwargs"], Kind::Object, ""),
];
const RESPONSES_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, "\"gpt-4o\""),
    arg(&["temperature"], Kind::Number(0.0, 2.0), "0.1"),
    arg(&["max_tokens"], Kind::Whole(1), ""),
    arg(&["strict"], Kind::Flag, "false"),
    arg(&["reasoning_effort"], EFFORT, ""),
    arg(&["store"], Kind::Flag, "false"),
    arg(&["instructions"], Kind::Text, ""),
    arg(&["additional_kwargs"], Kind::Object, ""),
];
const AZURE_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, ""),
    arg(&["model_of_azure_deployment"], Kind::Text, ""),
    arg(&["temperature"], Kind::Number(0.0, 2.0), ""),
    arg(&["max_tokens"], Kind::Whole(1), ""),
    arg(&["logprobs"], Kind::Flag, "false"),
    arg(&["additional_kwargs"], Kind::Object, ""),
];
const ANTHROPIC_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, "\"claude-sonnet-4-20250514\""),
    arg(&["max_tokens"], Kind::Whole(1), "1024"),
    arg(&["temperature"], Kind::Number(0.0, 1.0), "0.1"),
    arg(&["json_prefill"], Kind::Flag, "false"),
    arg(&["strict_tools"], Kind::Flag, "false"),
    arg(&["additional_kwargs"], Kind::Object, ""),
];
const GEMINI_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, "\"gemini-3.1-pro-preview\""),
    arg(&["temperature"], Kind::Number(0.0, 2.0), "0.1"),
    arg(&["max_output_tokens", "max_tokens"], Kind::Whole(1), "1024"),
    arg(&["additional_kwargs"], Kind::Object, ""),
];
const OLLAMA_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, ""),
    arg(&["temperature"], Kind::Number(0.0, 2.0), "0.75"),
    arg(&["num_ctx"], Kind::Whole(1), "2048"),
    arg(&["keep_alive"], Kind::Any, "\"5m\""),
    arg(&["think"], Kind::Any, "true"),
    arg(&["extract_reasoning"], Kind::Flag, "true"),
    arg(&["additional_kwargs"], Kind::Object, ""),
];

const OPENAI_EMBEDDING_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, ""),
    // How the vectors travel is the client's affair.
    arg(&["encoding_format"], Kind::Choice(&["float", "base64"]), ""),
    arg(&["dimensions"], Kind::Whole(1), ""),
    arg(&["user"], Kind::Text, ""),
    arg(&["additional_kwargs"], Kind::Object, ""),
];
const OLLAMA_EMBEDDING_SETUP: &[Argument] = &[
    arg(&["model"], Kind::Text, ""),
    arg(&["truncate"], Kind::Flag, "true"),
    arg(&["keep_alive"], Kind::Any, "\"5m\""),
    arg(&["dimensions"], Kind::Whole(1), ""),
    arg(&["additional_kwargs"], Kind::Object, ""),
];

impl Provider {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::OpenAi,
        Self::OpenAiResponses,
        Self::AzureOpenAi,
        Self::Vllm,
        Self::Anthropic,
        Self::Gemini,
        Self::Ollama,
    ];

    /// Its name, as configuration and errors write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "openai-responses",
            Self::AzureOpenAi => "azure-openai",
            Self::Vllm => "vllm",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// The provider of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// Reads the arguments of a connection to chat models, with defaults for those that are absent.
    pub(crate) fn connection_arguments(self, given: &Value) -> Result<Parameters, ArgumentError> {
        read(
            &format!("the {} connection", self.name()),
            &[EVERY_CONNECTION, self.own_arguments()],
            &[],
            given,
        )
    }

    /// The same of a connection to embedding models.
    pub(crate) fn embedding_arguments(self, given: &Value) -> Result<Parameters, ArgumentError> {
        let of = format!("the {} embedding connection", self.name());
        read(&of, &[EVERY_CONNECTION, self.own_arguments(), EMBEDDINGS], &[], given)
    }

    fn own_arguments(self) -> &'static [Argument] {
        match self {
            Self::OpenAi | Self::OpenAiResponses | Self::Vllm => OPENAI,
            Self::AzureOpenAi => AZURE,
            Self::Anthropic => ANTHROPIC,
            Self::Gemini => GEMINI,
            Self::Ollama => OLLAMA,
        }
    }

    /// Reads the arguments of an embedding setup and makes the parameters of its calls from them, as
    /// [`Provider::setup_parameters`] does for chats.
    ///
    /// # Errors
    /// An argument that is unknown or does not fit; a provider without embeddings.
    pub fn embedding_parameters(self, given: &Value) -> Result<Parameters, ArgumentError> {
        let of = format!("the {} embedding setup", self.name());
        let table = match self {
            Self::OpenAi | Self::AzureOpenAi | Self::Vllm => OPENAI_EMBEDDING_SETUP,
            Self::Ollama => OLLAMA_EMBEDDING_SETUP,
            _ => {
                let problem = "has no embeddings here; openai, azure-openai, vllm and ollama have".to_owned();
                return Err(ArgumentError {
                    argument: "provider".to_owned(),
                    of,
                    problem,
                });
            }
        };
        let mut parameters = read(&of, &[table], EVERY_SETUP, given)?;
        parameters.remove("encoding_format");
        self.spread(&mut parameters);
        Ok(parameters)
    }

    /// Puts `additional_kwargs` where they belong.
    fn spread(self, parameters: &mut Parameters) {
        match parameters.remove("additional_kwargs") {
            Some(more) if self == Self::Ollama => {
                parameters.insert("options".to_owned(), more);
            }
            Some(Value::Object(more)) => parameters.extend(more),
            _ => {}
        }
    }

    /// Reads the arguments of a chat setup and makes the parameters of its calls from them: defaults filled in,
    /// `additional_kwargs` among the others (for Ollama among its `options`), what is the framework's left out.
    ///
    /// # Errors
    /// An argument that is unknown, does not fit, or is missing (`model`, where the provider has no default).
    pub fn setup_parameters(self, given: &Value) -> Result<Parameters, ArgumentError> {
        let table = match self {
            Self::OpenAi | Self::Vllm => OPENAI_SETUP,
            Self::OpenAiResponses => RESPONSES_SETUP,
            Self::AzureOpenAi => AZURE_SETUP,
            Self::Anthropic => ANTHROPIC_SETUP,
            Self::Gemini => GEMINI_SETUP,
            Self::Ollama => OLLAMA_SETUP,
        };
        let of = format!("the {} chat setup", self.name());
        let model_is_given = given.get("model").is_some_and(|model| !model.is_null());
        let mut parameters = read(&of, &[table], EVERY_SETUP, given)?;
        if matches!(self, Self::OpenAi | Self::OpenAiResponses) && given.get("temperature").is_none() {
            // They refuse every temperature but their own, our default too.
            let effort = parameters.contains_key("reasoning_effort");
            if effort || parameters.get("model").and_then(Value::as_str).is_some_and(reasons) {
                parameters.remove("temperature");
            }
        }
        if self == Self::Vllm && !model_is_given || !parameters.contains_key("model") {
            return Err(ArgumentError {
                argument: "model".to_owned(),
                of,
                problem: "is needed".to_owned(),
            });
        }
        self.spread(&mut parameters);
        Ok(parameters)
    }
}

/// Whether an OpenAI model is one of those that think first, and take other parameters.
pub(crate) fn reasons(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5"]
        .iter()
        .any(|family| model.starts_with(family))
        && !model.starts_with("gpt-5-chat")
}

/// Reads the arguments of a tool server.
pub(crate) fn mcp_arguments(given: &Value) -> Result<Parameters, ArgumentError> {
    read("the MCP server", &[MCP], &[], given)
}

/// Reads the arguments of a vector store in a file or in memory.
pub(crate) fn embedded_store_arguments(given: &Value) -> Result<Parameters, ArgumentError> {
    let tables = [EVERY_STORE, EMBEDDED_STORE];
    read("the embedded vector store", &tables, &["embedding_model"], given)
}

/// Reads the arguments of Chroma's vector store.
pub(crate) fn chroma_store_arguments(given: &Value) -> Result<Parameters, ArgumentError> {
    let tables = [EVERY_STORE, CHROMA_STORE];
    read("Chroma's vector store", &tables, &["embedding_model"], given)
}

/// Camel case or underscores: the same name.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn read(of: &str, tables: &[&[Argument]], others: &[&str], given: &Value) -> Result<Parameters, ArgumentError> {
    let wrong = |argument: &str, problem: String| ArgumentError {
        argument: argument.to_owned(),
        of: of.to_owned(),
        problem,
    };
    let empty = Map::new();
    let given = match given {
        Value::Object(given) => given,
        Value::Null => &empty,
        _ => return Err(wrong("", "the arguments are no object".to_owned())),
    };
    let all = || tables.iter().flat_map(|table| table.iter());
    let mut read = Parameters::new();
    for argument in all().filter(|argument| !argument.default.is_empty()) {
        // A mistake in the table is found by the test below, which reads every default.
        let default = serde_json::from_str(argument.default).unwrap_or(Value::Null);
        read.insert(argument.names[0].to_owned(), default);
    }
    for (name, value) in given {
        let wanted = plain(name);
        if others.iter().any(|other| plain(other) == wanted) {
            continue;
        }
        let Some(argument) = all().find(|argument| argument.names.iter().any(|known| plain(known) == wanted)) else {
            let known = all().map(|argument| argument.names[0]).collect::<Vec<_>>().join(", ");
            return Err(wrong(name, format!("is unknown; there are {known}")));
        };
        let own = argument.names[0];
        if value.is_null() {
            read.remove(own);
        } else {
            read.insert(
                own.to_owned(),
                fit(argument.kind, value).map_err(|problem| wrong(name, problem))?,
            );
        }
    }
    Ok(read)
}

/// The value in the kind's own form. What is wrong is said without the value: it may be a key in the wrong place.
fn fit(kind: Kind, value: &Value) -> Result<Value, String> {
    let text = value.as_str().map(str::trim);
    let number = || {
        value
            .as_f64()
            .or_else(|| text?.parse::<f64>().ok())
            .filter(|number| number.is_finite())
    };
    match kind {
        Kind::Any => Some(value.clone()),
        Kind::Text => value.as_str().map(Value::from),
        Kind::Flag => value
            .as_bool()
            .or_else(|| text?.to_ascii_lowercase().parse().ok())
            .map(Value::from),
        Kind::Whole(least) => number()
            .filter(|number| number.fract() == 0.0 && *number >= least as f64 && *number <= 9e15)
            .map(|number| Value::from(number as u64)),
        Kind::Number(least, most) => number().filter(|number| (least..=most).contains(number)).map(|number| {
            if number.fract() == 0.0 && number.abs() < 9e15 {
                Value::from(number as i64)
            } else {
                Value::from(number)
            }
        }),
        Kind::Object => value.as_object().map(|object| Value::Object(object.clone())),
        Kind::Texts => value
            .as_array()
            .filter(|texts| texts.iter().all(Value::is_string))
            .map(|texts| Value::Array(texts.clone())),
        Kind::Headers => value
            .as_object()
            .filter(|headers| headers.values().all(Value::is_string))
            .map(|headers| Value::Object(headers.clone())),
        Kind::Choice(names) => {
            let text = text.map(str::to_ascii_lowercase);
            names
                .iter()
                .find(|name| text.as_deref() == Some(**name))
                .map(|name| Value::from(*name))
        }
    }
    .ok_or_else(|| match kind {
        Kind::Any | Kind::Text => "has to be text".to_owned(),
        Kind::Flag => "has to be true or false".to_owned(),
        Kind::Whole(least) => format!("has to be a whole number from {least}"),
        Kind::Number(least, most) if most == FOREVER => format!("has to be a number from {least}"),
        Kind::Number(least, most) => format!("has to be a number from {least} to {most}"),
        Kind::Object => "has to be an object".to_owned(),
        Kind::Headers => "has to be an object of texts".to_owned(),
        Kind::Texts => "has to be a list of texts".to_owned(),
        Kind::Choice(names) => format!("has to be one of {}", names.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_default_fits_its_kind() {
        let tables = [
            EVERY_CONNECTION,
            OPENAI,
            AZURE,
            ANTHROPIC,
            GEMINI,
            OLLAMA,
            OPENAI_SETUP,
            RESPONSES_SETUP,
            AZURE_SETUP,
            ANTHROPIC_SETUP,
            GEMINI_SETUP,
            OLLAMA_SETUP,
            EMBEDDINGS,
            MCP,
            EVERY_STORE,
            EMBEDDED_STORE,
            CHROMA_STORE,
            OLLAMA_EMBEDDING_SETUP,
        ];
        for argument in tables
            .into_iter()
            .flatten()
            .filter(|argument| !argument.default.is_empty())
        {
            let default = serde_json::from_str::<Value>(argument.default).unwrap();
            assert_eq!(fit(argument.kind, &default), Ok(default), "{}", argument.names[0]);
        }
    }

    #[test]
    fn java_and_python_spellings_are_one_argument() {
        for name in ["endpoint", "base_url", "baseUrl"] {
            let read = Provider::Ollama
                .connection_arguments(&json!({name: "http://h", "requestTimeout": "90"}))
                .unwrap();
            assert_eq!((&read["base_url"], &read["timeout"]), (&json!("http://h"), &json!(90)));
        }
    }

    #[test]
    fn what_is_unknown_or_unfit_is_refused_by_name() {
        let refused = |given| Provider::OpenAi.setup_parameters(&given).unwrap_err().to_string();
        let text = refused(json!({"temprature": 0.5}));
        assert!(
            text.starts_with("argument 'temprature' of the openai chat setup: is unknown; there are model, "),
            "{text}"
        );
        assert_eq!(
            refused(json!({"temperature": 3})),
            "argument 'temperature' of the openai chat setup: has to be a number from 0 to 2"
        );
        assert_eq!(
            Provider::Ollama.setup_parameters(&json!({})).unwrap_err().to_string(),
            "argument 'model' of the ollama chat setup: is needed"
        );
        let key = Provider::OpenAi
            .connection_arguments(&json!({"timeout": "sk-secret"}))
            .unwrap_err()
            .to_string();
        assert!(!key.contains("sk-secret"), "{key}");
    }

    #[test]
    fn models_that_think_get_no_temperature_that_nobody_wanted() {
        let temperature = |given| {
            Provider::OpenAi
                .setup_parameters(&given)
                .unwrap()
                .get("temperature")
                .cloned()
        };
        assert_eq!(temperature(json!({"model": "gpt-4o"})), Some(json!(0.1)));
        assert_eq!(temperature(json!({"model": "gpt-5-mini"})), None);
        assert_eq!(temperature(json!({"model": "x", "reasoning_effort": "low"})), None);
        assert_eq!(
            temperature(json!({"model": "gpt-5-mini", "temperature": 1})),
            Some(json!(1))
        );
    }

    #[test]
    fn additional_arguments_become_parameters() {
        let given = json!({"connection": "c", "tools": ["t"], "temperature": null, "additional_kwargs": {"seed": 7}});
        let parameters = Provider::OpenAi.setup_parameters(&given).unwrap();
        assert_eq!(
            Value::Object(parameters),
            json!({"model": "gpt-4o-mini", "top_logprobs": 0, "strict": false, "seed": 7})
        );
        let given = json!({"model": "m", "additional_kwargs": {"seed": 7}});
        assert_eq!(
            Provider::Ollama.setup_parameters(&given).unwrap()["options"],
            json!({"seed": 7})
        );
    }
}
