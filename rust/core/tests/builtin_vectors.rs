//! Built-in actions against their vectors, which hosts replay as well: what starts, what is answered, what is commanded.
#![allow(clippy::unwrap_used)]

use flink_agents_core::builtin::BuiltIn;
use serde_json::{Value, json};

const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../e2e-test/conformance/built-in-actions.json"
);

/// Plays the answers of a conversation; gives it with the commands that came, and with the error it ended with, if any.
fn played(conversation: &Value) -> Value {
    let mut result = json!({"name": conversation["name"], "start": conversation["start"], "turns": []});
    let mut turns = Vec::new();
    let mut error = None;
    match BuiltIn::begin(&conversation["start"].to_string()) {
        Err(e) => error = Some(e.to_string()),
        Ok((mut action, first)) => {
            let mut commands: Value = serde_json::from_str(&first).unwrap();
            for turn in conversation["turns"].as_array().unwrap() {
                let Some(answer) = turn.get("answer") else { break };
                turns.push(json!({"commands": commands, "answer": answer}));
                commands = Value::Null;
                match action.answer(&answer.to_string()) {
                    Ok(next) => commands = serde_json::from_str(&next).unwrap(),
                    Err(e) => {
                        error = Some(e.to_string());
                        break;
                    }
                }
            }
            if !commands.is_null() {
                turns.push(json!({"commands": commands}));
            }
        }
    }
    result["turns"] = turns.into();
    if let Some(error) = error {
        result["error"] = error.into();
    }
    result
}

/// One turn a line, to be read and compared.
fn written(conversations: &[Value]) -> String {
    let one = |c: &Value| {
        let turns: Vec<String> = c["turns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|turn| format!("\n    {turn}"))
            .collect();
        let error = c
            .get("error")
            .map_or(String::new(), |error| format!(",\n  \"error\": {error}"));
        let (name, start, turns) = (&c["name"], &c["start"], turns.join(","));
        format!("{{\"name\": {name},\n  \"start\": {start},\n  \"turns\": [{turns}]{error}}}")
    };
    let all: Vec<String> = conversations.iter().map(one).collect();
    format!("[\n{}\n]\n", all.join(",\n"))
}

#[test]
fn conversations_are_those_of_the_vectors() {
    let text = std::fs::read_to_string(PATH).unwrap();
    let wanted: Vec<Value> = serde_json::from_str(&text).unwrap();
    let found: Vec<Value> = wanted.iter().map(played).collect();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(PATH, written(&found)).unwrap();
        return;
    }
    for (wanted, found) in wanted.iter().zip(&found) {
        assert_eq!(
            wanted, found,
            "{}: look at what has changed, and run this test with UPDATE_VECTORS=1 if it should",
            wanted["name"]
        );
    }
    assert_eq!(
        text,
        written(&found),
        "only the layout differs; run this test with UPDATE_VECTORS=1"
    );
}

/// The vectors are what hosts rely on: every command, every kind of answer and every way to end is among them.
#[test]
fn the_vectors_have_every_command_and_every_answer() {
    let text = std::fs::read_to_string(PATH).unwrap();
    let conversations: Vec<Value> = serde_json::from_str(&text).unwrap();
    let names: Vec<&Value> = conversations.iter().map(|c| &c["name"]).collect();
    for (i, name) in names.iter().enumerate() {
        assert!(!names[i + 1..].contains(name), "{name} is there twice");
    }
    let turns = || conversations.iter().flat_map(|c| c["turns"].as_array().unwrap());
    for command in [
        "read", "write", "chat", "parse", "tools", "retrieve", "metric", "warn", "send", "done", "fail",
    ] {
        let given = turns().flat_map(|turn| turn["commands"].as_array().unwrap());
        assert!(given.into_iter().any(|c| c.get(command).is_some()), "no {command}");
    }
    let last = |turn: &Value| turn["commands"].as_array().unwrap().last().unwrap().clone();
    for (command, answers) in [
        ("chat", ["ok", "error"]),
        ("parse", ["ok", "error"]),
        ("retrieve", ["ok", "error"]),
    ] {
        for answer in answers {
            let seen = |turn: &Value| last(turn).get(command).is_some() && turn["answer"].get(answer).is_some();
            assert!(turns().any(seen), "no {answer} for {command}");
        }
    }
    // A turn without answer is the last of its conversation, and ends it.
    for conversation in &conversations {
        let (end, before) = match conversation["turns"].as_array().unwrap().split_last() {
            Some(split) => split,
            None => continue,
        };
        assert!(before.iter().all(|turn| turn.get("answer").is_some()));
        let ended = last(end).get("done").is_some() || last(end).get("fail").is_some();
        assert!(
            ended || conversation.get("error").is_some(),
            "{} has no end",
            conversation["name"]
        );
    }
}
