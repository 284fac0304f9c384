//! Servers with certificates of their own: `ca_file` makes them known, and only that.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::{open, question, serving};
use flink_agents_model_server::Answer;
use flink_agents_models::{ModelErrorKind, Provider};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A file of this test, gone at its end.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_trusted_by_its_file_alone() {
    let server = serving([Answer::text("by TLS")]);
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

    let path = std::env::temp_dir().join(format!("flink-agents-ca-{}.pem", std::process::id()));
    let file = File(path);
    std::fs::write(&file.0, certificate.pem()).unwrap();
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
