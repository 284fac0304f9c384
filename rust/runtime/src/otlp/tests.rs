//! What an endpoint may be, whose child a run is, and what happens when the receiver does not take what it is sent.
#![allow(clippy::unwrap_used)]

use super::spans::{Kind, Span};
use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

fn parsed(url: &str) -> String {
    match Endpoint::parse(url) {
        Ok(endpoint) => endpoint.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn endpoints_are_urls_of_http() {
    assert_eq!(parsed("http://localhost:4318"), "http://localhost:4318/v1/traces");
    assert_eq!(parsed("http://collector"), "http://collector:4318/v1/traces");
    assert_eq!(
        parsed("HTTP://collector:80/otlp/"),
        "http://collector:80/otlp/v1/traces"
    );
    assert_eq!(parsed("http://collector/v1/traces"), "http://collector:4318/v1/traces");
    assert_eq!(parsed("http://[::1]:4318"), "http://[::1]:4318/v1/traces");
    assert_eq!(parsed("http://[::1]"), "http://[::1]:4318/v1/traces");
    assert!(parsed("https://collector").contains("collector beside the TaskManagers"));
    for wrong in [
        "",
        "collector:4318",
        "grpc://collector",
        "http://",
        "http://:4318",
        "http://a:port",
        "http://a b",
        "http://me:pw@a",
    ] {
        assert!(
            parsed(wrong).starts_with(&format!("Option otlp.endpoint is {wrong:?}")),
            "{wrong}"
        );
    }
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

fn exporter(port: u16) -> Exporter {
    let place = Place {
        job: "job".to_owned(),
        task: "task".to_owned(),
        subtask: 0,
    };
    Exporter::open(
        Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
        &place,
        "agent",
    )
    .unwrap()
}

/// Answers requests in turn, and tells how long their bodies were.
fn receiver(answers: Vec<&'static str>) -> (u16, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            let body = loop {
                let count = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..count]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, _)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("Content-Length: "))
                    .unwrap();
                let length: usize = length.parse().unwrap();
                if request.len() >= head.len() + 4 + length {
                    break length;
                }
            };
            stream.write_all(answer.as_bytes()).unwrap();
            tell.send(body).unwrap();
        }
    });
    (port, told)
}

#[test]
fn what_a_receiver_refuses_for_now_is_sent_again() {
    let (port, told) = receiver(vec!["HTTP/1.1 503 Busy\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]);
    let exporter = exporter(port);
    exporter.put(span());
    assert_eq!(told.recv().unwrap(), told.recv().unwrap());
    exporter.close(Duration::from_secs(60));
    assert_eq!(exporter.figures(), Figures { sent: 1, dropped: 0 });
    assert!(exporter.report().unwrap().contains("are sent to http://127.0.0.1"));
}

#[test]
fn what_a_receiver_refuses_for_good_is_dropped() {
    for (answer, expected) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "it answers \"HTTP/1.1 400 Bad Request\"",
        ),
        ("SSH-2.0-OpenSSH\r\n", "does not speak HTTP: \"SSH-2.0-OpenSSH\""),
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
    exporter.close(Duration::from_millis(200));
    let report = exporter.report().unwrap();
    assert!(report.contains("Connection refused"), "{report}");
    assert!(report.contains("otlp.endpoint"), "{report}");
    assert_eq!(exporter.report(), None);
    drop(exporter);
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
