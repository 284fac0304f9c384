//! The program and its script as documented.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use flink_agents_model_server::{Answer, ModelServer, Rule, Script};
use flink_agents_models::{ChatConnection, ChatRequest, ConnectionOptions, Message, Provider};
use serde_json::{Value, json};

/// The status and the body of an answer.
fn ask(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let body = body.to_string();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    // In one chunk: its length stands before it.
    let start = body.find(['{', '[']).unwrap();
    let end = body.rfind(['}', ']']).unwrap();
    (status, serde_json::from_str(&body[start..=end]).unwrap())
}

#[test]
fn the_program_answers_by_its_script_until_its_input_ends() {
    let documented = include_str!("../../../docs/development/model-server.md");
    let script = documented
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    serde_json::from_str::<Script>(script).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_flink-agents-model-server"))
        .args(["--script", script.trim()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    let address = address.trim();

    let question = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let (status, refused) = ask(address, "POST", "/v1/chat/completions", &question);
    assert_eq!(
        (status, &refused["error"]["message"]),
        (401, &json!("Incorrect API key provided: none"))
    );
    let open = json!({"rules": [{"answers": [{"text": "You said $last"}]}]});
    assert_eq!(ask(address, "PUT", "/_script", &open).0, 200);
    let (status, answer) = ask(address, "POST", "/v1/chat/completions", &question);
    assert_eq!(
        (status, &answer["choices"][0]["message"]["content"]),
        (200, &json!("You said hi"))
    );
    let (_, seen) = ask(address, "GET", "/_requests", &Value::Null);
    assert_eq!((seen.as_array().unwrap().len(), &seen[1]["body"]), (2, &question));
    let (status, wrong) = ask(address, "PUT", "/_script", &json!({"rulez": []}));
    assert!(
        status == 400 && wrong["error"]["message"].as_str().unwrap().contains("rulez"),
        "{wrong}"
    );

    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
}

#[test]
fn with_tls_it_is_trusted_by_the_certificate_that_it_writes() {
    let file = std::env::temp_dir().join(format!("flink-agents-model-server-{}.pem", std::process::id()));
    let mut program = Command::new(env!("CARGO_BIN_EXE_flink-agents-model-server"))
        .args(["--script", r#"{"rules": [{"answers": [{"text": "by TLS"}]}]}"#, "--tls"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    assert!(address.starts_with("https://localhost:"), "{address}");
    let arguments = json!({"api_base_url": format!("{}/v1", address.trim()), "ca_file": file});
    let connection = ChatConnection::open(Provider::Vllm, &ConnectionOptions::named("c"), &arguments);
    std::fs::remove_file(&file).unwrap();
    let parameters = Provider::Vllm.setup_parameters(&json!({"model": "m"})).unwrap();
    let question = ChatRequest::new(vec![Message::user("?")], parameters);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(async { connection.unwrap().chat(&question).await });
    assert_eq!(answer.unwrap().message.content, "by TLS");
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
}

#[test]
fn a_gate_holds_chats_back_and_what_was_asked_when_is_told() {
    let call = Answer::call("weigh", json!({"what": "the $last", "again": ["$last"]}));
    let server = ModelServer::start(Script::of([Rule::round(0, call)])).unwrap();
    let address = server.url();
    assert_eq!(ask(&address, "PUT", "/_gate", &json!({"hold": true})).0, 400);
    assert_eq!(ask(&address, "PUT", "/_gate", &json!({"held": true})).0, 200);
    let question = json!({"model": "m", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "kettle"}]});
    let asking = std::thread::spawn({
        let address = address.clone();
        move || ask(&address, "POST", "/v1/chat/completions", &question)
    });
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while server.chats().is_empty() && std::time::Instant::now() < limit {
        std::thread::yield_now();
    }
    let held = server.chats();
    assert_eq!((held.len(), held[0].first.as_str(), held[0].round), (1, "kettle", 0));
    assert_eq!((held[0].answered, asking.is_finished()), (None, false));
    ask(&address, "PUT", "/_gate", &json!({"held": false}));
    let (_, answer) = asking.join().unwrap();
    let arguments = &answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"];
    let arguments: Value = serde_json::from_str(arguments.as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"what": "the kettle", "again": ["kettle"]}));
    let (_, chats) = ask(&address, "GET", "/_chats", &Value::Null);
    assert!(chats[0]["answered"].as_f64() >= chats[0]["asked"].as_f64(), "{chats}");
    ask(&address, "DELETE", "/_requests", &Value::Null);
    assert_eq!(ask(&address, "GET", "/_chats", &Value::Null).1, json!([]));
}
