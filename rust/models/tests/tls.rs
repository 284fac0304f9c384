//! Servers behind TLS: `ca_file` makes a certificate of their own known, and only that; and they speak HTTP/2.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::{open, question};
use flink_agents_model_server::{Answer, ModelServer, Rule, Script};
use flink_agents_models::{ModelErrorKind, Provider};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A file of this test, gone at its end.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("flink-agents-{name}-{}.pem", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A server that always says this; the arguments that lead to it; and its certificate.
fn serving(name: &str, text: &str) -> (ModelServer, Value, File) {
    let server = ModelServer::start_secure(0, Script::of([Rule::any([Answer::text(text)])])).unwrap();
    let address = json!({"api_base_url": format!("{}/v1", server.url()), "max_retries": 0});
    let file = File::new(name, server.certificate().unwrap());
    (server, address, file)
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_trusted_by_its_file_alone() {
    let (_server, address, file) = serving("ca", "by TLS");
    let error = open(Provider::Vllm, &address, json!({}))
        .chat(&question(Provider::Vllm, "?"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable, "{error}");
    assert!(
        error.to_string().contains("certificate") && error.to_string().contains("ca_file"),
        "{error}"
    );

    let connection = open(Provider::Vllm, &address, json!({"ca_file": file.0}));
    let answer = connection.chat(&question(Provider::Vllm, "?")).await.unwrap();
    assert_eq!(answer.message.content, "by TLS");

    std::fs::write(&file.0, "no certificate").unwrap();
    let bad = flink_agents_models::ChatConnection::open(
        Provider::Vllm,
        &flink_agents_models::ConnectionOptions::named("c"),
        &json!({"ca_file": file.0}),
    );
    assert!(
        bad.unwrap_err()
            .to_string()
            .contains("holds no certificate in PEM form")
    );
}

/// The server allows 100 over one connection, as most do.
const CALLS: u64 = 250;

#[tokio::test]
async fn more_calls_are_under_way_than_one_connection_of_http_2_takes() {
    let (server, address, file) = serving("http2", "of all");
    let connection = Arc::new(open(Provider::Vllm, &address, json!({"ca_file": file.0})));
    server.hold(true);
    let mut chats = JoinSet::new();
    for _ in 0..CALLS {
        let connection = Arc::clone(&connection);
        chats.spawn(async move { connection.chat(&question(Provider::Vllm, "?")).await });
    }
    let all_there = async {
        while server.count() < CALLS {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), all_there).await;
    assert!(waited.is_ok(), "{} of {CALLS} are under way", server.count());
    server.hold(false);
    for answer in chats.join_all().await {
        assert_eq!(answer.unwrap().message.content, "of all");
    }
    assert_eq!(server.most_at_once(), CALLS);
    // A connection for each of them would be HTTP/1.1.
    let connections = server.connections();
    assert!(
        (3..10).contains(&connections),
        "{CALLS} calls over {connections} connections"
    );
}
