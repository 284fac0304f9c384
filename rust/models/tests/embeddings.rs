//! Embeddings against the scripted server: order, batches, and whose failure is whose.

#![allow(clippy::unwrap_used)]

mod common;

use common::everywhere;
use flink_agents_model_server::{ModelServer, Script};
use flink_agents_models::{ConnectionOptions, EmbeddingConnection, ModelErrorKind, Parameters, Provider};
use serde_json::{Value, json};

fn server() -> ModelServer {
    ModelServer::start(Script {
        dimensions: 16,
        ..Script::default()
    })
    .unwrap()
}

fn open(server: &ModelServer, provider: Provider, more: Value) -> EmbeddingConnection {
    let mut arguments = everywhere(server)
        .into_iter()
        .find(|(of, _)| *of == provider)
        .unwrap()
        .1;
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    EmbeddingConnection::open(provider, &ConnectionOptions::named("words"), &arguments).unwrap()
}

fn parameters(provider: Provider) -> Parameters {
    provider
        .embedding_parameters(&json!({"model": "e1", "connection": "words"}))
        .unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn each_text_has_its_vector_in_its_place() {
    let server = server();
    for provider in [
        Provider::OpenAi,
        Provider::AzureOpenAi,
        Provider::Vllm,
        Provider::Ollama,
    ] {
        let connection = open(&server, provider, json!({"batch_size": 2}));
        let before = server.count();
        let all = connection
            .embed(&texts(&["one", "two", "one two", "two", "one"]), &parameters(provider))
            .await
            .unwrap();
        assert_eq!(
            (all.vectors.len(), all.prompt_tokens, server.count() - before),
            (5, Some(6), 3),
            "{provider:?}"
        );
        assert_eq!(
            (&all.vectors[0], &all.vectors[1]),
            (&all.vectors[4], &all.vectors[3]),
            "{provider:?}"
        );
        assert!(all.vectors.iter().all(|vector| vector.len() == 16) && all.vectors[0] != all.vectors[1]);
        assert!(
            connection
                .embed(&[], &parameters(provider))
                .await
                .unwrap()
                .vectors
                .is_empty()
        );
    }
}

#[tokio::test]
async fn what_many_ask_for_at_once_travels_together() {
    let server = server();
    let connection = open(&server, Provider::OpenAi, json!({"concurrent_batches": 1}));
    let asked = (0..100).map(|i| {
        let connection = connection.clone();
        tokio::spawn(async move {
            let texts = [format!("text number{i}")];
            (
                i,
                connection.embed(&texts, &parameters(Provider::OpenAi)).await.unwrap(),
            )
        })
    });
    let asked = asked.collect::<Vec<_>>();
    for task in asked {
        let (i, alone) = task.await.unwrap();
        let again = connection
            .embed(&[format!("text number{i}")], &parameters(Provider::OpenAi))
            .await
            .unwrap();
        assert_eq!(alone.vectors, again.vectors, "{i} has its own vector");
    }
    // The first alone, all others with the second, then one by one.
    assert_eq!(server.count(), 2 + 100);
}

#[tokio::test]
async fn other_parameters_are_another_batch() {
    let server = server();
    let connection = open(&server, Provider::OpenAi, json!({"concurrent_batches": 1}));
    let short = Provider::OpenAi
        .embedding_parameters(&json!({"model": "e1", "dimensions": 4}))
        .unwrap();
    let (x, y, z) = (texts(&["x"]), texts(&["y"]), texts(&["z"]));
    let plain = parameters(Provider::OpenAi);
    let (a, b, c) = tokio::join!(
        connection.embed(&x, &plain),
        connection.embed(&y, &short),
        connection.embed(&z, &plain)
    );
    let lengths = [a, b, c].map(|embeddings| embeddings.unwrap().vectors[0].len());
    assert_eq!(lengths, [16, 4, 16]);
}

#[tokio::test]
async fn a_provider_without_embeddings_and_a_missing_model_are_said() {
    let server = server();
    let arguments = json!({"api_key": "k"});
    let error =
        EmbeddingConnection::open(Provider::Anthropic, &ConnectionOptions::named("words"), &arguments).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("anthropic has no embeddings here; openai, azure-openai, vllm and ollama have"),
        "{error}"
    );
    let connection = open(&server, Provider::Ollama, json!({}));
    let error = connection.embed(&texts(&["x"]), &Parameters::new()).await.unwrap_err();
    assert_eq!((error.kind, server.count()), (ModelErrorKind::Arguments, 0));
}
