//! What the tests of the clients share.

#![allow(clippy::unwrap_used, dead_code, reason = "each test program uses a part of it")]

use flink_agents_model_server::{Answer, ModelServer, Rule, Script};
use flink_agents_models::{ChatConnection, ChatRequest, ConnectionOptions, Message, Provider, ToolDefinition};
use serde_json::{Value, json};

/// All providers, each with the arguments that lead to a server.
pub fn everywhere(server: &ModelServer) -> Vec<(Provider, Value)> {
    let url = server.url();
    vec![
        (
            Provider::OpenAi,
            json!({"api_key": "sk-test", "api_base_url": format!("{url}/v1")}),
        ),
        (
            Provider::OpenAiResponses,
            json!({"api_key": "sk-test", "api_base_url": format!("{url}/v1/")}),
        ),
        (
            Provider::AzureOpenAi,
            json!({"api_key": "sk-test", "api_version": "2024-10-21", "azure_endpoint": url}),
        ),
        (Provider::Vllm, json!({"api_base_url": format!("{url}/v1")})),
        (Provider::Anthropic, json!({"api_key": "sk-test", "api_base_url": url})),
        (Provider::Gemini, json!({"api_key": "sk-test", "base_url": url})),
        (Provider::Ollama, json!({"base_url": url})),
    ]
}

/// A server that gives these answers, the last one for ever.
pub fn serving(answers: impl IntoIterator<Item = Answer>) -> ModelServer {
    ModelServer::start(Script::of([Rule::any(answers)])).unwrap()
}

/// A connection with some more arguments.
pub fn open(provider: Provider, arguments: &Value, more: Value) -> ChatConnection {
    let mut arguments = arguments.clone();
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    ChatConnection::open(provider, &ConnectionOptions::named("reviews"), &arguments).unwrap()
}

/// A question with the parameters of a setup that only names its model.
pub fn question(provider: Provider, text: &str) -> ChatRequest {
    let parameters = provider.setup_parameters(&json!({"model": "m1"})).unwrap();
    ChatRequest::new(vec![Message::system("Be brief."), Message::user(text)], parameters)
}

/// A tool that adds.
pub fn add() -> ToolDefinition {
    ToolDefinition {
        name: "add".to_owned(),
        description: "Adds two numbers".to_owned(),
        parameters: json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a"]}),
    }
}
