//! Servers with certificates of their own: `ca_file` makes them known, and only that. And what is spoken behind TLS: HTTP/2.

#![allow(clippy::unwrap_used)]

mod common;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use common::{open, question, serving};
use flink_agents_model_server::Answer;
use flink_agents_models::{ModelErrorKind, Provider};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

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

/// A certificate for `localhost`, as PEM, and what serves with it.
fn certified() -> (String, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    (certificate.pem(), config)
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_trusted_by_its_file_alone() {
    let server = serving([Answer::text("by TLS")]);
    let (pem, config) = certified();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = server.url().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut to = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
            });
        }
    });

    let address = json!({"api_base_url": format!("https://localhost:{port}/v1"), "max_retries": 0});
    let error = open(Provider::Vllm, &address, json!({}))
        .chat(&question(Provider::Vllm, "?"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable, "{error}");
    assert!(
        error.to_string().contains("certificate") && error.to_string().contains("ca_file"),
        "{error}"
    );

    let file = File::new("ca", &pem);
    let connection = open(Provider::Vllm, &address, json!({"ca_file": file.0}));
    assert_eq!(
        connection
            .chat(&question(Provider::Vllm, "?"))
            .await
            .unwrap()
            .message
            .content,
        "by TLS"
    );

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

/// Of a server that allows as many calls side by side over one connection as most do. It answers none before all are there.
const STREAMS: u32 = 100;
const CALLS: usize = 250;

#[tokio::test]
async fn more_calls_are_under_way_than_one_connection_of_http_2_takes() {
    let (pem, mut config) = certified();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (all_there, used) = (Arc::new(Barrier::new(CALLS)), Arc::new(AtomicUsize::new(0)));
    let connections = Arc::clone(&used);
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, all_there, connections) =
                (acceptor.clone(), Arc::clone(&all_there), Arc::clone(&connections));
            // A client may open some that it has no use for once it knows that the first takes many calls.
            let first = Once::new();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let answer = service_fn(|asked: Request<Incoming>| {
                    let all_there = Arc::clone(&all_there);
                    first.call_once(|| {
                        connections.fetch_add(1, Ordering::Relaxed);
                    });
                    async move {
                        assert_eq!(asked.version(), Version::HTTP_2);
                        all_there.wait().await;
                        let answer = json!({"model": "m1", "choices": [
                            {"message": {"role": "assistant", "content": "of all"}, "finish_reason": "stop"}]});
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer.to_string()))))
                    }
                });
                let mut served = http2::Builder::new(TokioExecutor::new());
                let _ = served
                    .max_concurrent_streams(STREAMS)
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    let file = File::new("http2", &pem);
    let address = json!({"api_base_url": format!("https://localhost:{port}/v1"), "max_retries": 0});
    let connection = Arc::new(open(Provider::Vllm, &address, json!({"ca_file": file.0})));
    let mut chats = JoinSet::new();
    for _ in 0..CALLS {
        let connection = Arc::clone(&connection);
        chats.spawn(async move { connection.chat(&question(Provider::Vllm, "?")).await });
    }
    let answers = tokio::time::timeout(Duration::from_secs(60), chats.join_all())
        .await
        .expect("all calls are under way at the same time");
    for answer in answers {
        assert_eq!(answer.unwrap().message.content, "of all");
    }
    let used = used.load(Ordering::Relaxed);
    assert!((3..10).contains(&used), "{CALLS} calls over {used} connections");
}
