//! What a doctor may find: jars, programs and a cluster, made for a test.
#![allow(clippy::unwrap_used)]
#![allow(dead_code)] // As above.

use super::Directory;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// Writes a jar with entries that are not packed.
pub fn jar(path: &str, entries: &[(&str, &[u8])]) {
    let mut out = Vec::new();
    let mut table = Vec::new();
    for (name, content) in entries {
        let offset = out.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let sizes = [crc.sum(), content.len() as u32, content.len() as u32]
            .map(u32::to_le_bytes)
            .concat();
        let length = (name.len() as u16).to_le_bytes();
        out.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        out.extend([&sizes[..], &length, &[0, 0], name.as_bytes(), content].concat());
        table.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        table.extend([&sizes[..], &length, &[0; 12], &offset.to_le_bytes(), name.as_bytes()].concat());
    }
    let (start, count) = (out.len() as u32, (entries.len() as u16).to_le_bytes());
    out.extend(&table);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(
        [
            &count[..],
            &count,
            &(table.len() as u32).to_le_bytes(),
            &start.to_le_bytes(),
            &[0, 0],
        ]
        .concat(),
    );
    fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    fs::write(path, out).unwrap();
}

/// Writes a jar of flink-agents, whose classes are `classes`.
pub fn agents_jar(path: &str, version: &str, classes: &str) {
    let library = format!(
        "native/{}-{}/libflink_agents.so",
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let notes = format!("groupId=io.github.flink-agents-rs\nversion={version}\n");
    jar(
        path,
        &[
            (
                "META-INF/maven/io.github.flink-agents-rs/flink-agents-core/pom.properties",
                notes.as_bytes(),
            ),
            ("org/apache/flink/agents/core/Natives.class", classes.as_bytes()),
            (&library, b"library"),
        ],
    );
}

/// Writes a shell script that can be run; returns its path.
pub fn script(directory: &Directory, name: &str, lines: &str) -> String {
    let path = directory.write(name, &format!("#!/bin/sh\n{lines}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A Java that says which it is, and runs whatever it is given.
pub fn java(directory: &Directory) -> String {
    script(
        directory,
        "java",
        r#"[ "$1" = -version ] && echo 'openjdk version "17.0.9" 2023-10-17' >&2; exit 0"#,
    )
}

fn owned(answers: &[(&str, u16, &str)]) -> BTreeMap<String, (u16, String)> {
    let owned = answers
        .iter()
        .map(|(path, status, text)| ((*path).to_owned(), (*status, (*text).to_owned())));
    owned.collect()
}

/// Answers requests for these paths, each a status and a text, as long as the test lasts; returns its address.
pub fn server(answers: &[(&str, u16, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = owned(answers);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(&answers, stream);
        }
    });
    address
}

/// The same by TLS, for `localhost`; returns its address, and its certificate in PEM form.
pub fn encrypted_server(answers: &[(&str, u16, &str)]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let made = made.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let answers = owned(answers);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            answer(&answers, StreamOwned::new(connection, stream));
        }
    });
    (address, made.pem())
}

fn answer(answers: &BTreeMap<String, (u16, String)>, mut stream: impl Read + Write) {
    let mut reader = BufReader::new(&mut stream);
    let mut first = String::new();
    let mut line = String::new();
    if reader.read_line(&mut first).is_err() {
        // Who asks does not trust the certificate.
        return;
    }
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let nothing = (404, r#"{"errors":["Not found."]}"#.to_owned());
    let (status, text) = answers.get(path).unwrap_or(&nothing);
    let length = text.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Text\r\nContent-Length: {length}\r\n\r\n{text}"
    );
}
