//! Whole conversations with the built-in actions: a host that fits on one page carries out what they command.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};

use flink_agents_core::builtin::BuiltIn;
use serde_json::{Value, json};

/// A model: from what it is told (model, messages) to its answer.
type Model = fn(&str, &[Value]) -> Value;

/// A host without threads and without a journal. Tools: `add` adds, `fail` fails, there are no others.
struct Host {
    model: Model,
    language: &'static str,
    settings: Value,
    memory: BTreeMap<String, Value>,
    events: VecDeque<Value>,
    /// Of the events that no built-in action takes.
    out: Vec<Value>,
    chats: Vec<Value>,
    counters: BTreeMap<String, u64>,
    ids: u32,
}

impl Host {
    fn new(model: Model) -> Self {
        Host {
            model,
            language: "python",
            settings: json!({}),
            memory: BTreeMap::new(),
            events: VecDeque::new(),
            out: Vec::new(),
            chats: Vec::new(),
            counters: BTreeMap::new(),
            ids: 0,
        }
    }

    fn ask(&mut self, id: &str, text: &str) {
        self.events
            .push_back(json!({"id": id, "type": "_chat_request_event", "attributes": {
            "model": "m", "messages": [message("user", text, json!([]))], "prompt_args": {}, "output_schema": null}}));
    }

    /// Handles events until there are none.
    fn run(&mut self) {
        while let Some(event) = self.events.pop_front() {
            let action = match event["type"].as_str().unwrap() {
                "_chat_request_event" | "_tool_response_event" => "chat",
                "_tool_request_event" => "tool",
                _ => {
                    self.out.push(event);
                    continue;
                }
            };
            self.ids += 1;
            let start = json!({"action": action, "event": event, "fresh_id": format!("fresh-{}", self.ids),
                "language": self.language, "settings": self.settings});
            let (mut built_in, mut batch) = BuiltIn::begin(&start.to_string()).unwrap();
            while let Some(answer) = self.carry_out(&batch) {
                batch = built_in.answer(&answer.to_string()).unwrap();
            }
        }
    }

    /// Carries commands out; gives the answer to the last one, nothing at the end.
    fn carry_out(&mut self, batch: &str) -> Option<Value> {
        let commands: Vec<Value> = serde_json::from_str(batch).unwrap();
        let mut answer = None;
        for command in commands {
            let (name, what) = command.as_object().unwrap().iter().next().unwrap();
            match name.as_str() {
                "read" => {
                    let values: Vec<Value> = what
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|path| self.memory.get(path.as_str().unwrap()).cloned().unwrap_or(Value::Null))
                        .collect();
                    answer = Some(json!({"values": values}));
                }
                "write" => {
                    self.memory
                        .insert(what["path"].as_str().unwrap().to_owned(), what["value"].clone());
                }
                "chat" => {
                    self.chats.push(what.clone());
                    let said = (self.model)(what["model"].as_str().unwrap(), what["messages"].as_array().unwrap());
                    answer = Some(match said.get("error") {
                        Some(_) => said,
                        None => json!({"ok": said, "setup": {"connection": "c", "model": "m"}}),
                    });
                }
                "tools" => {
                    let results: Vec<Value> = what["calls"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|call| self.call(call))
                        .collect();
                    answer = Some(json!({"results": results}));
                }
                "metric" => {
                    let name = format!(
                        "{}.{}",
                        what["group"][0][1].as_str().unwrap(),
                        what["counter"].as_str().unwrap()
                    );
                    *self.counters.entry(name).or_default() += what["add"].as_u64().unwrap();
                }
                "send" => {
                    self.ids += 1;
                    let id = what
                        .get("id")
                        .cloned()
                        .unwrap_or_else(|| json!(format!("id-{}", self.ids)));
                    self.events
                        .push_back(json!({"id": id, "type": what["type"], "attributes": what["attributes"]}));
                }
                "warn" | "done" => {}
                other => panic!("{other}: {what}"),
            }
        }
        answer
    }

    fn call(&self, call: &Value) -> Value {
        let arguments = &call["arguments"];
        match call["name"].as_str().unwrap() {
            "add" => json!({"ok": arguments["a"].as_i64().unwrap() + arguments["b"].as_i64().unwrap()}),
            "fail" => json!({"error": {"class": "E", "message": "out of paper"}}),
            _ => json!({"missing": "no such tool"}),
        }
    }

    /// What the requests were answered with, by their ids.
    fn answers(&self) -> BTreeMap<&str, &str> {
        let answers = self.out.iter().map(|event| &event["attributes"]);
        answers
            .map(|a| {
                (
                    a["request_id"].as_str().unwrap(),
                    a["response"]["content"].as_str().unwrap(),
                )
            })
            .collect()
    }
}

fn message(role: &str, content: &str, tool_calls: Value) -> Value {
    json!({"role": role, "content": content, "tool_calls": tool_calls,
        "extra_args": {"model_name": "tiny", "promptTokens": 10, "completionTokens": 1}})
}

fn call(id: usize, name: &str, arguments: Value) -> Value {
    json!({"id": format!("call-{id}"), "type": "function", "function": {"name": name, "arguments": arguments},
        "original_id": format!("provider-{id}")})
}

/// Adds 1 to what it was asked and to each result of the tool, until 3 rounds are over.
fn counting(_: &str, messages: &[Value]) -> Value {
    let last = messages.last().unwrap()["content"].as_str().unwrap();
    let rounds = messages.iter().filter(|m| m["role"] == "tool").count();
    match rounds {
        3 => message("assistant", &format!("It is {last}."), json!([])),
        n => {
            let a: i64 = last.parse().unwrap();
            message("assistant", "", json!([call(n, "add", json!({"a": a, "b": 1}))]))
        }
    }
}

#[test]
fn rounds_of_tools_lead_to_an_answer_in_both_languages() {
    for language in ["python", "java"] {
        let mut host = Host::new(counting);
        host.language = language;
        host.ask("r", "5");
        host.run();
        assert_eq!(host.answers(), [("r", "It is 8.")].into(), "{language}");
        assert_eq!(host.chats.len(), 4);
        let told = host.chats[3]["messages"].as_array().unwrap();
        let roles: Vec<&str> = told.iter().map(|m| m["role"].as_str().unwrap()).collect();
        assert_eq!(
            roles,
            ["user", "assistant", "tool", "assistant", "tool", "assistant", "tool"]
        );
        assert_eq!(
            (&told[6]["content"], &told[6]["extra_args"]),
            (&json!("8"), &json!({"external_id": "provider-2"}))
        );
        assert_eq!(
            host.counters,
            [
                ("tiny.completionTokens".to_owned(), 4),
                ("tiny.promptTokens".to_owned(), 40)
            ]
            .into()
        );
        // Nothing of it is left.
        assert!(host.memory.values().all(Value::is_null), "{:?}", host.memory);
    }
}

/// In the reference their conversations were one map, which the last to finish wrote over.
#[test]
fn chats_of_one_run_do_not_get_into_each_others_way() {
    let mut host = Host::new(counting);
    for i in 0..10 {
        host.ask(&format!("r{i}"), &i.to_string());
    }
    // Breadth first: all of them ask for tools before the first one is answered.
    host.run();
    let wanted: Vec<(String, String)> = (0..10)
        .map(|i| (format!("r{i}"), format!("It is {}.", i + 3)))
        .collect();
    let wanted: BTreeMap<&str, &str> = wanted.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    assert_eq!(host.answers(), wanted);
}

#[test]
fn the_model_is_told_what_went_wrong_with_its_tools() {
    fn model(_: &str, messages: &[Value]) -> Value {
        let told: Vec<&str> = messages
            .iter()
            .filter(|m| m["role"] == "tool")
            .map(|m| m["content"].as_str().unwrap())
            .collect();
        match told.is_empty() {
            false => message("assistant", &told.join(" | "), json!([])),
            true => message(
                "assistant",
                "",
                json!([
                    call(1, "fail", json!({})),
                    call(2, "nobody", json!({})),
                    call(3, "add", json!("{\"a\": 1")),
                    call(4, "add", json!({"a": 2, "b": 2}))
                ]),
            ),
        }
    }
    for language in ["python", "java"] {
        let mut host = Host::new(model);
        host.language = language;
        host.ask("r", "try");
        host.run();
        let wanted = "Tool `fail` failed: out of paper | Tool `nobody` does not exist. | Tool `add` failed: its arguments must be a \
            JSON object, but are \"{\\\"a\\\": 1\" | 4";
        assert_eq!(host.answers(), [("r", wanted)].into(), "{language}");
    }
}

#[test]
fn a_model_that_calls_tools_for_ever_is_stopped() {
    fn model(_: &str, messages: &[Value]) -> Value {
        message(
            "assistant",
            "",
            json!([call(messages.len(), "add", json!({"a": 1, "b": 1}))]),
        )
    }
    let mut host = Host::new(model);
    host.settings = json!({"error-handling-strategy": "ignore"});
    host.ask("r", "go");
    host.run();
    // The default, and the call that was one too many.
    assert_eq!(host.chats.len(), 51);
    let error = &host.out[0]["attributes"]["response"]["extra_args"]["error"];
    assert_eq!(error["class"], "TooManyToolRounds");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("'chat.max-tool-rounds' allows (50)"),
        "{error}"
    );
}

#[test]
fn a_user_who_calls_tools_himself_is_left_alone() {
    let mut host = Host::new(|_, _| panic!("nobody asked a model"));
    host.events.push_back(
        json!({"id": "mine", "type": "_tool_request_event", "attributes": {"model": "m",
        "tool_calls": [call(1, "add", json!({"a": 1, "b": 1}))]}}),
    );
    host.run();
    assert_eq!((host.out.len(), host.chats.len()), (0, 0));
}
