//! What an endpoint may be, whose child a run is, and what happens when the receiver does not take what it is sent.
#![allow(clippy::unwrap_used)]

use super::spans::{Kind, Span};
use super::*;
use flink_agents_core::config::ConfigMap;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc;

fn parsed(url: &str) -> String {
    match Endpoint::parse(url) {
        Ok(endpoint) => endpoint.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn endpoints_are_urls_of_http_and_https() {
    assert_eq!(parsed("http://localhost:4318"), "http://localhost:4318/v1/traces");
    assert_eq!(parsed("http://collector"), "http://collector:4318/v1/traces");
    // The port of the scheme is meant where it is named.
    assert_eq!(parsed("HTTP://collector:80/otlp/"), "http://collector/otlp/v1/traces");
    assert_eq!(parsed("http://collector/v1/traces"), "http://collector:4318/v1/traces");
    assert_eq!(parsed("http://[::1]:4318"), "http://[::1]:4318/v1/traces");
    assert_eq!(parsed("http://[::1]"), "http://[::1]:4318/v1/traces");
    assert_eq!(parsed("https://collector"), "https://collector/v1/traces");
    assert_eq!(
        parsed("https://collector:4318/a/"),
        "https://collector:4318/a/v1/traces"
    );
    for wrong in [
        "",
        "collector:4318",
        "grpc://collector",
        "http://",
        "http://:4318",
        "http://a:port",
        "http://a b",
        "http://a?key=b",
    ] {
        assert!(
            parsed(wrong).starts_with(&format!("Option otlp.endpoint is {wrong:?}")),
            "{wrong}: {}",
            parsed(wrong)
        );
    }
    let secret = parsed("https://me:hunter2@a");
    assert!(
        secret.contains("otlp.headers.<name>") && !secret.contains("hunter2"),
        "{secret}"
    );
}

fn span() -> Span {
    Span {
        trace: 1,
        id: 2,
        parent: None,
        name: "one".to_owned(),
        kind: Kind::Internal,
        start: 0,
        end: 0,
        attributes: Vec::new(),
        failed: None,
    }
}

fn config(options: &[(&str, &str)]) -> ConfigMap {
    let mut config = ConfigMap::default();
    for (key, value) in options {
        config.set(*key, &Json::from(*value));
    }
    config
}

fn exporting(options: &[(&str, &str)]) -> Exporter {
    let place = Place {
        job: "job".to_owned(),
        task: "task".to_owned(),
        subtask: 0,
    };
    let receiver = Receiver::of(&config(options)).unwrap().unwrap();
    Exporter::open(receiver, &place, "agent").unwrap()
}

fn exporter(port: u16) -> Exporter {
    exporting(&[(OPTION, &format!("http://127.0.0.1:{port}"))])
}

/// Reads a request: its head, and how long its body is.
fn request(stream: &mut impl Read) -> Option<(String, usize)> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        let length: usize = length.parse().ok()?;
        if request.len() >= head.len() + 4 + length {
            return Some((head.to_owned(), length));
        }
    }
}

/// Answers requests in turn, and tells how long their bodies were.
fn receiver(answers: Vec<&'static str>) -> (u16, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (_, length) = request(&mut stream).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            tell.send(length).unwrap();
        }
    });
    (port, told)
}

/// A certificate of one's own for `localhost`, gone at the end of the test.
struct Certificate {
    file: PathBuf,
    server: Arc<ServerConfig>,
}

impl Certificate {
    fn new(test: &str) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let made = made.self_signed(&key).unwrap();
        let file = std::env::temp_dir().join(format!("flink-agents-otlp-{test}-{}.pem", std::process::id()));
        std::fs::write(&file, made.pem()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![made.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        Certificate {
            file,
            server: Arc::new(server),
        }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.file);
    }
}

/// Takes encrypted requests as long as somebody wants their heads.
fn encrypted_receiver(certificate: &Certificate) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    let server = Arc::clone(&certificate.server);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&server)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // Nothing, where the other side does not trust the certificate.
            let Some((head, _)) = request(&mut stream) else {
                continue;
            };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            if tell.send(head).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[test]
fn an_encrypted_receiver_gets_spans_with_headers_that_are_secret() {
    let certificate = Certificate::new("headers");
    let (port, told) = encrypted_receiver(&certificate);
    let token = std::env::temp_dir().join(format!("flink-agents-otlp-token-{}", std::process::id()));
    std::fs::write(&token, "Bearer hunter2\n").unwrap();
    let exporter = exporting(&[
        (OPTION, &format!("https://localhost:{port}/otlp")),
        ("otlp.ca-file", certificate.file.to_str().unwrap()),
        ("otlp.headers.Authorization", &format!("${{file:{}}}", token.display())),
        ("otlp.headers.x-tenant", "seven"),
    ]);
    std::fs::remove_file(&token).unwrap();
    exporter.put(span());
    let head = told.recv().unwrap();
    assert!(head.starts_with("post /otlp/v1/traces http/1.1"), "{head}");
    assert!(head.contains("\r\nauthorization: bearer hunter2"), "{head}");
    assert!(head.contains("\r\nx-tenant: seven"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-protobuf"), "{head}");
    exporter.close(Duration::from_secs(60));
    assert_eq!(exporter.figures(), Figures { sent: 1, dropped: 0 });
    assert_eq!(exporter.report(), None);
}

#[test]
fn a_certificate_of_ones_own_is_trusted_by_its_file_alone() {
    let certificate = Certificate::new("untrusted");
    let (port, _told) = encrypted_receiver(&certificate);
    let exporter = exporting(&[(OPTION, &format!("https://localhost:{port}"))]);
    exporter.put(span());
    let report = loop {
        if let Some(report) = exporter.report() {
            break report;
        }
        std::thread::yield_now();
    };
    assert!(
        report.contains("certificate") && report.contains("otlp.ca-file"),
        "{report}"
    );
    exporter.close(Duration::ZERO);
    assert_eq!(exporter.figures().sent, 0);
}

#[test]
fn options_that_cannot_be_used_are_named_and_no_secret_is_shown() {
    let wrong = |options: &[(&str, &str)]| {
        let mut all = vec![(OPTION, "https://collector")];
        all.extend_from_slice(options);
        Receiver::of(&config(&all)).err().unwrap()
    };
    let missing = wrong(&[("otlp.headers.api-key", "${env:FLINK_AGENTS_NO_SUCH}")]);
    assert!(
        missing.contains("otlp.headers.api-key: environment variable FLINK_AGENTS_NO_SUCH"),
        "{missing}"
    );
    for (name, value) in [("otlp.headers.a b", "hunter2"), ("otlp.headers.ok", "hunter2\nx: y")] {
        let error = wrong(&[(name, value)]);
        assert!(
            error.contains("cannot be sent") && !error.contains("hunter2"),
            "{error}"
        );
    }
    assert!(wrong(&[("otlp.ca-file", "/nowhere.pem")]).contains("Option otlp.ca-file: /nowhere.pem cannot be read"));
    let file = std::env::temp_dir().join(format!("flink-agents-otlp-none-{}.pem", std::process::id()));
    std::fs::write(&file, "nothing").unwrap();
    let error = wrong(&[("otlp.ca-file", file.to_str().unwrap())]);
    std::fs::remove_file(&file).unwrap();
    assert!(error.contains("holds no certificate in PEM form"), "{error}");
    assert!(Receiver::of(&config(&[("otlp.headers.a", "b")])).unwrap().is_none());
}

#[test]
fn what_a_receiver_refuses_for_now_is_sent_again() {
    let (port, told) = receiver(vec!["HTTP/1.1 503 Busy\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]);
    let exporter = exporter(port);
    exporter.put(span());
    assert_eq!(told.recv().unwrap(), told.recv().unwrap());
    exporter.close(Duration::from_secs(60));
    assert_eq!(exporter.figures(), Figures { sent: 1, dropped: 0 });
    // All that has happened until somebody looks.
    assert!(exporter.report().unwrap().contains("it answers \"503"));
    assert!(exporter.report().unwrap().contains("are sent to http://127.0.0.1"));
    assert_eq!(exporter.report(), None);
}

#[test]
fn what_a_receiver_refuses_for_good_is_dropped() {
    for (answer, expected) in [
        (
            "HTTP/1.1 401 Unauthorized\r\n\r\n",
            "it answers \"401 Unauthorized\": set otlp.headers.<name>",
        ),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "it answers \"400 Bad Request\""),
        ("SSH-2.0-OpenSSH\r\n", "does not speak HTTP"),
        // The first frame of HTTP/2, by which gRPC answers.
        ("\0\0\0\x04\0\0\0\0\0", "what listens on 4317 is mostly that over gRPC"),
    ] {
        let (port, told) = receiver(vec![answer]);
        let exporter = exporter(port);
        exporter.put(span());
        told.recv().unwrap();
        exporter.close(Duration::from_secs(60));
        assert_eq!(exporter.figures(), Figures { sent: 0, dropped: 1 });
        let report = exporter.report().unwrap();
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn what_a_receiver_refuses_of_a_request_is_dropped_and_told_once() {
    const PART: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 10\r\n\r\n\x0a\x08\x08\x01\x12\x04full";
    let (port, told) = receiver(vec![PART, PART, "HTTP/1.1 200 OK\r\n\r\n", PART]);
    let exporter = exporter(port);
    for _ in 0..4 {
        exporter.put(span());
        told.recv().unwrap();
    }
    exporter.close(Duration::from_secs(60));
    assert_eq!(exporter.figures(), Figures { sent: 1, dropped: 3 });
    for _ in 0..2 {
        let report = exporter.report().unwrap();
        assert!(report.contains("refuses 1 of 1 spans: \"full\""), "{report}");
    }
    assert_eq!(exporter.report(), None);
}

#[test]
fn who_speaks_before_being_asked_is_no_receiver() {
    // Whether its words or the request are there first is a race.
    for _ in 0..20 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let speaker = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"\0\0\0\x04\0\0\0\0\0").unwrap();
            // Until the other side has gone.
            _ = stream.read_to_end(&mut Vec::new());
        });
        let exporter = exporter(port);
        exporter.put(span());
        exporter.close(Duration::from_secs(60));
        speaker.join().unwrap();
        let report = exporter.report().unwrap();
        assert!(
            report.contains("does not speak HTTP") && report.contains("4318"),
            "{report}"
        );
    }
}

#[test]
fn a_receiver_that_never_answers_holds_up_the_end_for_a_bounded_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let exporter = exporter(listener.local_addr().unwrap().port());
    for _ in 0..BATCH {
        exporter.put(span());
    }
    // It waits for the answer now.
    let _connection = listener.accept().unwrap();
    let start = Instant::now();
    exporter.close(Duration::from_millis(100));
    let lost = BATCH as u64;
    assert_eq!(exporter.figures(), Figures { sent: 0, dropped: lost });
    let report = exporter.report().unwrap();
    for part in [
        "http://127.0.0.1",
        "otlp.endpoint",
        "no answer in time",
        "keeps up",
        "512 spans are lost",
    ] {
        assert!(report.contains(part), "{report}");
    }
    drop(exporter);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn where_nobody_listens_spans_are_dropped_and_that_is_said_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let exporter = exporter(port);
    for _ in 0..3 * BATCH {
        exporter.put(span());
    }
    let report = loop {
        if let Some(report) = exporter.report() {
            break report;
        }
        std::thread::yield_now();
    };
    exporter.close(Duration::ZERO);
    let lost = 3 * BATCH as u64;
    assert_eq!(exporter.figures(), Figures { sent: 0, dropped: lost });
    assert!(report.contains("Connection refused"), "{report}");
    assert!(report.contains("otlp.endpoint"), "{report}");
    assert_eq!(exporter.report(), None);
    drop(exporter);
}

#[test]
fn reports_that_nobody_takes_are_few() {
    let mut state = State::default();
    for number in 0..100 {
        state.report(number.to_string());
    }
    let reports: Vec<_> = state.reports.into();
    assert_eq!(reports.len(), MOST_REPORTS);
    assert_eq!((&*reports[0], &*reports[MOST_REPORTS - 1]), ("0", "99"));
}

#[test]
fn more_spans_than_may_wait_are_dropped() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let exporter = exporter(port);
    for _ in 0..MOST + 3 * BATCH {
        exporter.put(span());
    }
    assert!(exporter.figures().dropped >= BATCH as u64);
}
