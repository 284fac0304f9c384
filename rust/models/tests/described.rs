//! Clients against what the providers describe: documents made from their published references (their `origin` says
//! so), for services that no test can reach.

#![allow(clippy::unwrap_used)]

mod common;

use common::{everywhere, open, question};
use flink_agents_model_server::{Answer, ModelServer, Rule, Script};
use flink_agents_models::{ChatResponse, Provider};
use serde_json::{Map, Value, json};

const DESCRIBED: [&str; 5] = [
    include_str!("fixtures/openai.json"),
    include_str!("fixtures/openai-responses.json"),
    include_str!("fixtures/anthropic.json"),
    include_str!("fixtures/gemini.json"),
    include_str!("fixtures/ollama.json"),
];

/// What of an answer is described: our own ids are random, and empty fields are left out.
fn described(answer: ChatResponse) -> Value {
    let calls = answer.message.tool_calls.iter();
    let calls = calls
        .map(|call| json!([call.function.name, call.function.arguments, call.original_id]))
        .collect::<Vec<_>>();
    let mut seen = Map::new();
    let Value::Object(fields) = serde_json::to_value(&answer).unwrap() else {
        unreachable!("it is a structure")
    };
    seen.insert("content".to_owned(), answer.message.content.into());
    if !calls.is_empty() {
        seen.insert("calls".to_owned(), calls.into());
    }
    seen.extend(
        fields
            .into_iter()
            .filter(|(name, _)| !["message", "retries"].contains(&name.as_str())),
    );
    Value::Object(seen)
}

#[tokio::test]
async fn answers_are_read_as_the_providers_describe_them() {
    let server = ModelServer::start(Script::default()).unwrap();
    for document in DESCRIBED {
        let document = serde_json::from_str::<Value>(document).unwrap();
        assert!(
            document["origin"].as_str().unwrap().starts_with("Made from "),
            "{document}"
        );
        let provider = Provider::of_name(document["provider"].as_str().unwrap()).unwrap();
        let arguments = everywhere(&server)
            .into_iter()
            .find(|(of, _)| *of == provider)
            .unwrap()
            .1;
        let mut read = 0;
        for (part, streamed) in [("answers", false), ("streams", true)] {
            let connection = open(provider, &arguments, json!({"stream": streamed, "max_retries": 0}));
            for case in document[part].as_array().unwrap() {
                let raw = case["body"]
                    .as_str()
                    .map_or_else(|| case["body"].to_string(), str::to_owned);
                server.play(Script::of([Rule::any([Answer {
                    raw: Some(raw),
                    ..Answer::default()
                }])]));
                let answer = connection.chat(&question(provider, "?")).await.unwrap();
                let name = format!("{}: {}", provider.name(), case["name"]);
                assert_eq!(described(answer), case["expected"], "{name}");
                read += 1;
            }
        }
        assert!(read >= 3, "{}", provider.name());
        for case in document["errors"].as_array().unwrap() {
            let status = case["status"].as_u64().unwrap() as u16;
            let answer = Answer {
                status,
                raw: Some(case["body"].to_string()),
                ..Answer::default()
            };
            server.play(Script::of([Rule::any([answer])]));
            let connection = open(provider, &arguments, json!({"max_retries": 0}));
            let error = connection.chat(&question(provider, "?")).await.unwrap_err();
            assert_eq!(
                (format!("{:?}", error.kind), error.status),
                (case["kind"].as_str().unwrap().to_owned(), Some(status))
            );
            assert!(error.to_string().contains(case["says"].as_str().unwrap()), "{error}");
            assert_eq!(
                error.retry_after.map(|wait| wait.as_secs()),
                case["retry_after"].as_u64(),
                "{error}"
            );
        }
    }
}
