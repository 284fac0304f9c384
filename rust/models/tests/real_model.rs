//! A chat with a real model: scripts/real-model starts one and runs these, so they are no part of a plain "cargo test".

#![allow(clippy::unwrap_used)]

use flink_agents_models::{
    ChatConnection, ChatRequest, ConnectionOptions, FinishReason, Message, OutputSchema, Provider,
};
use serde_json::{Value, json};

/// A connection as a user of vLLM, or of any server that speaks like OpenAI's, would open it.
fn connection(more: Value) -> ChatConnection {
    let url = std::env::var("FLINK_AGENTS_MODEL").expect("run by: scripts/real-model run -- cargo test …");
    let mut arguments = json!({"api_base_url": url, "timeout": 300});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    ChatConnection::open(Provider::Vllm, &ConnectionOptions::named("smollm2"), &arguments).unwrap()
}

fn question(text: &str) -> ChatRequest {
    let setup = json!({"model": "smollm2", "temperature": 0.0, "max_tokens": 32});
    ChatRequest::new(
        vec![Message::system("You are brief."), Message::user(text)],
        Provider::Vllm.setup_parameters(&setup).unwrap(),
    )
}

#[tokio::test]
async fn it_answers_whole_and_streamed_and_says_what_that_took() {
    for streamed in [false, true] {
        let answer = connection(json!({"stream": streamed}))
            .chat(&question("Say hello in five words."))
            .await
            .unwrap();
        let text = answer.message.content.trim();
        assert!(text.len() > 1 && text.is_ascii(), "{text}");
        let usage = answer.usage.unwrap();
        assert!(usage.prompt_tokens > 10, "{usage:?}");
        assert!((1..=32).contains(&usage.completion_tokens), "{usage:?}");
        let (end, all) = (answer.finish_reason, usage.completion_tokens == 32);
        assert_eq!(
            end,
            if all { FinishReason::Length } else { FinishReason::Stop },
            "{text}"
        );
        assert_eq!((answer.model.as_str(), answer.retries), ("smollm2", 0));
    }
}

#[tokio::test]
async fn a_schema_binds_it() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["mood", "stars"], "properties": {
        "mood": {"type": "string", "enum": ["good", "bad"]}, "stars": {"type": "integer", "enum": [1, 2, 3, 4, 5]}}});
    let mut question = question("A customer writes: \"Best shoes I ever had!\" How many stars of five is that?");
    question.output_schema = Some(OutputSchema {
        name: "Review".to_owned(),
        schema,
    });
    let answer = connection(json!({})).chat(&question).await.unwrap();
    let review: Value = serde_json::from_str(&answer.message.content).unwrap();
    assert!(["good", "bad"].contains(&review["mood"].as_str().unwrap()), "{review}");
    assert!((1..=5).contains(&review["stars"].as_i64().unwrap()), "{review}");
}

#[tokio::test]
async fn it_answers_several_at_once() {
    let connection = connection(json!({}));
    let questions = ["Name a colour.", "Name an animal.", "Name a city.", "Name a fruit."].map(question);
    let (a, b, c, d) = tokio::join!(
        connection.chat(&questions[0]),
        connection.chat(&questions[1]),
        connection.chat(&questions[2]),
        connection.chat(&questions[3])
    );
    for answer in [a, b, c, d] {
        assert!(!answer.unwrap().message.content.trim().is_empty());
    }
}
