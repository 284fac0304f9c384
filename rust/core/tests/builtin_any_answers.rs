//! Built-in actions given anything at all: they end, they never panic, and what cannot be read is said to be so.
#![allow(clippy::unwrap_used)]

use flink_agents_core::builtin::{BuiltIn, BuiltInError};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Parts that answers and events are made of, whole and broken.
fn leaf() -> impl Strategy<Value = Value> {
    let call = |id: &str, name: &str, arguments: Value| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, "original_id": "call_1"});
    let message = |content: &str, calls: Vec<Value>| {
        json!({"role": "assistant", "content": content, "tool_calls": calls,
               "extra_args": {"model_name": "m", "promptTokens": 1, "completionTokens": 2}})
    };
    let setup = json!({"connection": "c", "model": "m", "allowed_commands": null, "allowed_script_dirs": ["/x"]});
    let ok = |message: Value| json!({"ok": message, "setup": setup});
    let talk = json!({"initial_request_id": "r", "model": "m", "prompt_args": {}, "output_schema": null,
        "messages": [message("", vec![call("1", "add", json!({}))])], "rounds": 1, "retries": 0, "wait_seconds": 0});
    prop::sample::select(vec![
        ok(message("{\"a\": 1}", vec![])),
        ok(message("no JSON", vec![])),
        ok(message(
            "",
            vec![call("1", "bash", json!("{}")), call("2", "add", json!({"a": 1}))],
        )),
        ok(message(
            "",
            vec![call("1", "bash", json!([])), call("1", "add", json!(null))],
        )),
        ok(message("", vec![json!("no call"), json!({"id": 5, "function": "add"})])),
        ok(json!(null)),
        ok(json!({"content": 5})),
        ok(json!("text")),
        json!({"ok": {"a": 1}}),
        json!({"ok": []}),
        json!({"error": {"class": "E", "message": "broken"}}),
        json!({"error": {"class": "E", "message": null}}),
        json!({"error": "broken"}),
        json!({"values": [talk]}),
        json!({"values": [null]}),
        json!({"values": []}),
        json!({"values": [{"model": "m"}]}),
        json!({"results": [{"ok": 3}]}),
        json!({"results": [{"ok": 3}, {"missing": "no"}]}),
        json!({"results": [{"error": {"class": "E", "message": ""}}, 5]}),
        json!({"results": {}}),
        json!([]),
        json!(null),
        json!(17),
    ])
}

fn answer() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => leaf().prop_map(|value| value.to_string()),
        1 => ".{0,40}",
        // Cut in the middle.
        1 => (leaf(), 0.0..1.0f64).prop_map(|(value, share)| {
            let text = value.to_string();
            text.chars().take((text.chars().count() as f64 * share) as usize).collect()
        }),
    ]
}

fn start() -> impl Strategy<Value = Value> {
    let tool_calls = json!([
        {"id": "1", "function": {"name": "add", "arguments": {}}},
        {"id": "2", "function": {"name": "now", "arguments": "{"}},
        {"id": "3", "function": {"name": "bash", "arguments": "{}"}},
    ]);
    let events = vec![
        (
            "chat",
            json!({"type": "_chat_request_event", "attributes": {"model": "m", "messages": []}}),
        ),
        (
            "chat",
            json!({"type": "_chat_request_event", "attributes": {"model": "m", "output_schema": "pojo"}}),
        ),
        (
            "chat",
            json!({"type": "_chat_request_event", "attributes": {"model": 5, "messages": {}}}),
        ),
        (
            "chat",
            json!({"type": "_tool_response_event", "attributes": {"request_id": "t", "responses": {"1": 3}}}),
        ),
        (
            "chat",
            json!({"type": "_tool_response_event", "attributes": {"request_id": "t", "external_ids": [1]}}),
        ),
        (
            "tool",
            json!({"type": "_tool_request_event", "attributes": {"model": "m", "tool_calls": tool_calls}}),
        ),
        (
            "tool",
            json!({"type": "_tool_request_event", "attributes": {"tool_calls": "none"}}),
        ),
        (
            "retrieval",
            json!({"type": "_context_retrieval_request_event", "attributes": {"query": "q", "vector_store": "s"}}),
        ),
        ("retrieval", json!({"type": "_chat_request_event", "attributes": {}})),
        ("dance", json!({"type": "x", "attributes": {}})),
    ];
    let strategy = prop::sample::select(vec!["fail", "retry", "ignore"]);
    let language = prop::sample::select(vec!["java", "python"]);
    (
        prop::sample::select(events),
        strategy,
        language,
        -1..4i64,
        i64::MIN..i64::MAX,
        0..3u64,
        0..3u64,
    )
        .prop_map(
            |((action, mut event), strategy, language, retries, interval, rounds, repairs)| {
                event["id"] = "e".into();
                json!({"action": action, "event": event, "fresh_id": "f", "language": language, "settings": {
                    "error-handling-strategy": strategy, "max-retries": retries, "retry-wait-interval": interval,
                    "chat.max-tool-rounds": rounds, "chat.structured-output-repairs": repairs,
                }})
            },
        )
}

/// Checks a batch; tells whether it ends the action.
fn ends(batch: &str) -> bool {
    let batch: Vec<Value> = serde_json::from_str(batch).unwrap();
    let (last, before) = batch.split_last().expect("a batch has a last command");
    let name = |command: &Value| {
        let fields = command.as_object().unwrap();
        assert_eq!(fields.len(), 1, "{command}");
        fields.keys().next().unwrap().clone()
    };
    for command in before {
        let name = name(command);
        assert!(
            ["write", "metric", "warn", "send"].contains(&name.as_str()),
            "{name} needs an answer"
        );
    }
    if let Some(delay) = last["chat"]["delay_ms"].as_u64() {
        assert!(delay <= i32::MAX as u64 * 1_000, "{delay}");
    }
    match name(last).as_str() {
        "done" | "fail" => true,
        "read" | "chat" | "parse" | "tools" | "retrieve" => false,
        other => panic!("{other} cannot be the last command"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_answers_lead_to_an_end(start in start(), answers in prop::collection::vec(answer(), 1..20)) {
        let Ok((mut action, first)) = BuiltIn::begin(&start.to_string()) else { return Ok(()) };
        let mut ended = ends(&first);
        // Three retries with two repairs each: twelve chats and as many parses at most, and the read.
        for given in 0.. {
            prop_assert!(given <= 25, "it does not end");
            match action.answer(&answers[given % answers.len()]) {
                Ok(batch) => {
                    prop_assert!(!ended, "an action that has ended takes answers");
                    ended = ends(&batch);
                }
                Err(error) => {
                    prop_assert_eq!(ended, error == BuiltInError::Ended);
                    break;
                }
            }
        }
        prop_assert_eq!(action.answer("{}"), Err(BuiltInError::Ended));
    }

    /// What a host journals and replays: equal answers give equal commands.
    #[test]
    fn equal_answers_give_equal_commands(start in start(), answers in prop::collection::vec(answer(), 1..8)) {
        let play = || {
            let (mut action, first) = BuiltIn::begin(&start.to_string())?;
            let batches = answers.iter().map(|answer| action.answer(answer)).collect::<Vec<_>>();
            Ok::<_, BuiltInError>((first, batches))
        };
        prop_assert_eq!(play(), play());
    }

    #[test]
    fn any_start_is_taken_or_refused(text in ".{0,80}") {
        let refused = BuiltIn::begin(&text).err();
        let unreadable = matches!(refused, Some(BuiltInError::Start { .. }));
        prop_assert!(unreadable);
    }
}

#[test]
fn errors_name_what_is_wrong() {
    let start = json!({"action": "chat", "fresh_id": "f",
        "event": {"id": "e", "type": "_chat_request_event", "attributes": {"model": "m"}}});
    for (answer, wanted) in [
        (
            "{\"ok\": ",
            "'chat' of a built-in action cannot be read: it is no JSON: EOF",
        ),
        ("{}", "neither 'ok' nor 'error': {}"),
        ("{\"ok\": 5}", "'ok' must be a message, but is 5"),
        (
            "{\"ok\": {\"tool_calls\": {}}}",
            "'tool_calls' of the message has the wrong type",
        ),
        (
            "{\"error\": {\"message\": \"m\"}}",
            "'error' must be {\"class\": text, \"message\": text}",
        ),
    ] {
        let (mut action, _) = BuiltIn::begin(&start.to_string()).unwrap();
        let error = action.answer(answer).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn waits_double_and_stay_within_what_hosts_can_hold() {
    let start = json!({"action": "chat", "fresh_id": "f",
        "event": {"id": "e", "type": "_chat_request_event", "attributes": {"model": "m"}},
        "settings": {"error-handling-strategy": "Retry", "max-retries": 80, "retry-wait-interval": 1}});
    let (mut action, mut batch) = BuiltIn::begin(&start.to_string()).unwrap();
    let mut waits = Vec::new();
    while !ends(&batch) {
        let commands: Value = serde_json::from_str(&batch).unwrap();
        waits.push(
            commands.as_array().unwrap().last().unwrap()["chat"]["delay_ms"]
                .as_u64()
                .unwrap(),
        );
        batch = action
            .answer("{\"error\": {\"class\": \"E\", \"message\": \"m\"}}")
            .unwrap();
    }
    assert_eq!(waits.len(), 81);
    assert_eq!(waits[..5], [0, 1_000, 2_000, 4_000, 8_000]);
    assert!(waits[1..].windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(waits[80], i32::MAX as u64 * 1_000);
}
