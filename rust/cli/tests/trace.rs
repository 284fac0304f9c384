//! What `flink-agents trace` makes of logs, of both forms, whole and broken.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Directory, call, done, refused};
use flate2::Compression;
use flate2::write::GzEncoder;
use flink_agents_cli::{Answer, EXIT_DONE, EXIT_FAILED};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;

/// Records, whose times are seconds after midnight.
struct Log(Vec<Value>);

impl Log {
    fn add(&mut self, seconds: f64, fields: Value) -> &mut Log {
        let (whole, micros) = (seconds as u32, (seconds.fract() * 1e6).round() as u32);
        let time = format!("2026-01-01T00:{:02}:{:02}.{micros:06}Z", whole / 60, whole % 60);
        let mut record = json!({"timestamp": time, "logLevel": "STANDARD"});
        for (name, value) in fields.as_object().unwrap() {
            record[name] = value.clone();
        }
        if record.get("eventAttributes").is_none() {
            record["eventAttributes"] = json!({});
        }
        self.0.push(record);
        self
    }

    fn event(
        &mut self,
        seconds: f64,
        id: &str,
        kind: &str,
        cause: Option<(&str, &str)>,
        attributes: Value,
    ) -> &mut Log {
        let mut fields = json!({"eventId": id, "eventType": kind, "eventAttributes": attributes});
        if let Some((event, action)) = cause {
            fields["upstreamEventId"] = event.into();
            fields["upstreamActionName"] = action.into();
        }
        self.add(seconds, fields)
    }

    /// What is told of an execution, with ids that begin with `run`.
    fn phase(&mut self, seconds: f64, run: &str, phase: &str, kind: &str, name: &str, more: Value) -> &mut Log {
        let number = self.0.len();
        let mut fields = json!({
            "inputRunId": format!("run-{run}"), "businessKey": format!("key-{run}"), "agentName": "helper",
            "executionId": format!("{run}-{name}"), "entityType": kind, "entityName": name,
            "eventId": format!("{run}-phase-{number}"), "eventType": format!("_execution_{phase}_event"),
            "status": match phase { "finished" => "success", other => other },
        });
        for (name, value) in more.as_object().unwrap() {
            fields[name] = value.clone();
        }
        self.add(seconds, fields)
    }

    fn lines(&self) -> String {
        self.0.iter().map(|record| format!("{record}\n")).collect()
    }

    fn pretty(&self) -> String {
        self.0
            .iter()
            .map(|record| serde_json::to_string_pretty(record).unwrap() + "\n")
            .collect()
    }
}

/// One run that fails in its second action, because a model does.
fn failing() -> Log {
    let mut log = Log(Vec::new());
    let error = json!({"eventAttributes": {"errorType": "java.io.IOException", "errorMessage": "no route\nto host"},
        "problemCategory": "model_call_failed", "parentExecutionId": "a-answer", "entityMetadata": {"model": "m1"}});
    let consequence = json!({"eventAttributes": {"errorType": "java.io.IOException", "errorMessage": "no route\nto host"},
        "problemCategory": "action_execution_failed"});
    log.event(0.0, "a1", "_input_event", None, json!({"input": "hello"}))
        .phase(0.001, "a", "started", "action", "read", json!({}))
        .event(0.25, "a2", "Read", Some(("a1", "read")), json!({"n": 1}))
        .phase(0.251, "a", "finished", "action", "read", json!({}))
        .phase(
            0.3,
            "a",
            "started",
            "action",
            "answer",
            json!({"upstreamEventId": "a2"}),
        )
        .phase(
            0.31,
            "a",
            "started",
            "llm",
            "chat",
            json!({"parentExecutionId": "a-answer", "entityMetadata": {"model": "m1"}}),
        )
        .phase(2.31, "a", "failed", "llm", "chat", error)
        .phase(2.32, "a", "failed", "action", "answer", consequence);
    for record in &mut log.0 {
        record["inputRunId"] = "run-a".into();
        record["businessKey"] = "key-a".into();
    }
    log
}

/// A run without execution records.
fn plain(id: &str, seconds: f64) -> Log {
    let mut log = Log(Vec::new());
    let (first, second) = (format!("{id}1"), format!("{id}2"));
    log.event(seconds, &first, "_input_event", None, json!({"input": 1}));
    log.event(
        seconds + 0.5,
        &second,
        "_output_event",
        Some((&first, "echo")),
        json!({"output": "</script><b>1"}),
    );
    log
}

fn answer(words: &[&str]) -> Answer {
    let answer = call(words);
    assert_eq!(answer.status, EXIT_DONE, "{}", answer.errors);
    answer
}

fn document(words: &[&str]) -> Value {
    let words: Vec<&str> = [words, &["--format", "json"]].concat();
    serde_json::from_str(&answer(&words).output).unwrap()
}

fn runs(document: &Value) -> Vec<String> {
    document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_failed_run_is_shown_with_its_tree_its_times_and_what_went_wrong() {
    let directory = Directory::new("trace-text");
    let file = directory.write("events-0a-task-3.log", &failing().lines());
    assert_eq!(
        done(&["trace", &file]),
        "\
8 records in 1 file, 1 runs: 1 failed

FAILED  key key-a  2026-01-01T00:00:00.000Z  took 2.3 s  run a1  job 0a  subtask 3
  ! action answer failed: java.io.IOException: no route to host (action_execution_failed)
  ! llm chat failed: java.io.IOException: no route to host (model_call_failed)
  _input_event +0 µs
    [read]  250 ms
      Read +250 ms
        [answer]  2.0 s  FAILED
          llm chat  2.0 s  FAILED
"
    );
}

#[test]
fn the_document_says_the_same_for_programs() {
    let directory = Directory::new("trace-json");
    let file = directory.write("events-0a-task-3.log", &failing().lines());
    let document = document(&["trace", &file]);
    assert_eq!(
        (&document["format"], &document["version"]),
        (&json!("flink-agents-trace"), &json!(1))
    );
    let statuses = &document["summary"]["statuses"];
    assert_eq!((&statuses["failed"], &statuses["done"]), (&json!(1), &json!(0)));
    let run = &document["runs"][0];
    for (field, value) in [
        ("id", json!("a1")),
        ("status", json!("failed")),
        ("key", json!("key-a")),
        ("agent", json!("helper")),
        ("job", json!("0a")),
        ("task", json!("task")),
        ("subtask", json!(3)),
        ("start", json!("2026-01-01T00:00:00.000Z")),
        ("ms", json!(2320.0)),
        ("traced", json!(true)),
    ] {
        assert_eq!(run[field], value, "{field}");
    }
    assert_eq!(
        run["events"][1],
        json!({"id": "a2", "type": "Read", "at": 250.0, "parent": 0, "action": "read", "attributes": {"n": 1}})
    );
    assert_eq!(
        run["executions"][2],
        json!({"id": "a-chat", "kind": "llm", "name": "chat", "status": "failed", "at": 310.0, "ms": 2000.0, "trigger": 1, "parent": 1,
            "problem": "model_call_failed", "errorType": "java.io.IOException", "errorMessage": "no route\nto host",
            "metadata": {"model": "m1"}})
    );
}

#[test]
fn a_replay_is_one_run_whose_events_are_shown_once() {
    let mut log = Log(Vec::new());
    log.event(0.0, "b1", "_input_event", None, json!({}))
        .phase(0.1, "b", "started", "action", "read", json!({"upstreamEventId": "b1"}))
        .event(0.2, "b2", "Read", Some(("b1", "read")), json!({}))
        .phase(0.3, "b", "finished", "action", "read", json!({}))
        .phase(
            0.4,
            "b",
            "started",
            "action",
            "answer",
            json!({"upstreamEventId": "b2"}),
        )
        // The process is killed; its successor has the input again.
        .event(30.0, "b1", "_input_event", None, json!({}))
        .phase(
            30.1,
            "b",
            "reused",
            "action",
            "read",
            json!({"upstreamEventId": "b1", "executionId": "b-read-again"}),
        )
        .event(30.2, "b2", "Read", Some(("b1", "read")), json!({}))
        .phase(
            30.3,
            "b",
            "started",
            "action",
            "answer",
            json!({"upstreamEventId": "b2", "executionId": "b-answer-again"}),
        )
        .event(30.4, "b3", "_output_event", Some(("b2", "answer")), json!({}))
        .phase(
            30.5,
            "b",
            "finished",
            "action",
            "answer",
            json!({"executionId": "b-answer-again"}),
        );
    let directory = Directory::new("trace-replay");
    let file = directory.write("log", &log.lines());
    let document = document(&["trace", &file]);
    let run = &document["runs"][0];
    assert_eq!(document["runs"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&run["status"], &run["reused"], &run["replayed"]),
        (&json!("done"), &json!(1), &json!(2))
    );
    let statuses: Vec<_> = run["executions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (&e["name"], &e["status"], &e["trigger"]))
        .collect();
    let expected = json!([
        ["read", "done", 0],
        ["answer", "unfinished", 1],
        ["read", "reused", 0],
        ["answer", "done", 1]
    ]);
    assert_eq!(json!(statuses), expected);
    assert_eq!(run["events"][1]["times"], 2);
}

#[test]
fn what_is_inside_an_execution_stays_there_when_it_is_replayed_under_the_same_id() {
    let mut log = Log(Vec::new());
    log.event(0.0, "s1", "_input_event", None, json!({}))
        .phase(0.1, "s", "started", "action", "read", json!({}))
        .phase(
            0.2,
            "s",
            "started",
            "tool",
            "find",
            json!({"parentExecutionId": "s-read"}),
        )
        .phase(
            0.3,
            "s",
            "finished",
            "tool",
            "find",
            json!({"parentExecutionId": "s-read"}),
        )
        .phase(0.4, "s", "finished", "action", "read", json!({}))
        .phase(9.0, "s", "reused", "action", "read", json!({}));
    let directory = Directory::new("trace-inside");
    let document = document(&["trace", &directory.write("log", &log.lines())]);
    let run = (document["runs"].as_array().unwrap().iter())
        .find(|run| run["id"] != "s1")
        .unwrap();
    let parents: Vec<_> = run["executions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (&e["status"], &e["parent"]))
        .collect();
    assert_eq!(json!(parents), json!([["done", null], ["done", 0], ["reused", null]]));
}

#[test]
fn what_became_of_a_run_is_told_by_what_happened_last() {
    let failed = json!({"eventAttributes": {"errorType": "E", "errorMessage": "m"}});
    let again = json!({"executionId": "second"});
    let run = |steps: &[(&str, &str, &Value)]| {
        let mut log = Log(Vec::new());
        log.add(
            0.0,
            json!({"eventId": "c1", "eventType": "_input_event", "inputRunId": "run-c"}),
        );
        for (at, (phase, kind, more)) in steps.iter().enumerate() {
            log.phase(at as f64 + 1.0, "c", phase, kind, kind, (*more).clone());
        }
        let directory = Directory::new("trace-status");
        document(&["trace", &directory.write("log", &log.lines())])["runs"][0]["status"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let nothing = json!({});
    for (status, steps) in [
        (
            "done",
            &[("started", "action", &nothing), ("finished", "action", &nothing)][..],
        ),
        ("done", &[("reused", "action", &nothing)]),
        (
            "failed",
            &[("started", "action", &nothing), ("failed", "action", &failed)],
        ),
        ("failed", &[("failed", "action", &failed)]),
        ("unfinished", &[("started", "action", &nothing)]),
        (
            "unfinished",
            &[
                ("started", "action", &nothing),
                ("finished", "action", &nothing),
                ("started", "tool", &nothing),
            ],
        ),
        (
            "problems",
            &[
                ("started", "action", &nothing),
                ("failed", "tool", &failed),
                ("finished", "action", &nothing),
            ],
        ),
        (
            "problems",
            &[
                ("started", "action", &nothing),
                ("failed", "action", &failed),
                ("started", "action", &again),
                ("finished", "action", &again),
            ],
        ),
    ] {
        assert_eq!(run(steps), status, "{steps:?}");
    }
}

#[test]
fn without_execution_records_runs_are_known_by_their_events() {
    let mut text = plain("d", 1.0).lines();
    let mut silent = Log(Vec::new());
    silent
        .event(2.0, "e1", "_input_event", None, json!({}))
        .event(2.1, "e2", "Mid", Some(("e1", "read")), json!({}));
    // Its beginning was in a file that is gone.
    silent.event(3.0, "f2", "_output_event", Some(("f1", "read")), json!({}));
    text.push_str(&silent.lines());
    let directory = Directory::new("trace-plain");
    let document = document(&["trace", &directory.write("log", &text)]);
    let all: Vec<_> = document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (&run["id"], &run["status"], &run["traced"]))
        .collect();
    assert_eq!(
        json!(all),
        json!([["e1", "no-output", false], ["f2", "done", false], ["d1", "done", false]])
    );
    assert_eq!(document["runs"][1]["events"][0]["missingParent"], "f1");
}

#[test]
fn records_of_0_3_1_are_read_and_their_loose_events_kept_together() {
    let legacy = |id: &str, kind: &str| {
        json!({"timestamp": "2026-01-01T00:00:00Z", "logLevel": "STANDARD", "jobId": "j", "taskName": "t", "subtaskId": 1, "eventType": kind,
            "event": {"eventType": kind, "id": id, "attributes": {"x": id}}})
        .to_string()
    };
    let text = [
        legacy("1", "_input_event"),
        legacy("2", "Mid"),
        legacy("3", "_output_event"),
    ]
    .join("\n");
    let directory = Directory::new("trace-legacy");
    let document = document(&["trace", &directory.write("tm.log.event-log.log", &text)]);
    let all: Vec<_> = document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (&run["id"], &run["status"], &run["job"]))
        .collect();
    assert_eq!(json!(all), json!([["1", "no-output", "j"], ["", "unlinked", "j"]]));
    assert_eq!(document["summary"]["runs"], 1);
    assert_eq!(document["runs"][1]["events"].as_array().unwrap().len(), 2);
    assert_eq!(document["runs"][0]["events"][0]["attributes"], json!({"x": "1"}));
}

#[test]
fn of_a_directory_all_logs_are_read_rotated_and_packed_ones_too_the_oldest_first() {
    let directory = Directory::new("trace-rotated");
    let packed = |text: &str| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let log = |seconds: f64| plain(&format!("at{seconds}-"), seconds);
    directory.write("events-0a-t-0.log", &log(50.0).lines());
    directory.write("events-0a-t-0.1.log", &log(40.0).lines());
    directory.write("events-0a-t-0.10.log", &log(10.0).lines());
    directory.write("events-0b-t-0.log", &log(5.0).pretty());
    // Counted the other way round, as log4j does unless it is told otherwise.
    directory.write("tm.log.event-log.log.1", &log(20.0).lines());
    directory.write("tm.log.event-log.log.2", &log(30.0).lines());
    fs::write(directory.file("events-0a-t-0.2.log.gz"), packed(&log(35.0).lines())).unwrap();
    // Several pieces in one file, the last of them cut.
    let mut pieces = packed(&log(15.0).lines());
    pieces.extend_from_slice(&packed(&log(16.0).lines()));
    pieces.truncate(pieces.len() - 9);
    fs::write(directory.file("events-0a-t-0.9.log.gz"), pieces).unwrap();
    directory.write("taskmanager.log", "no event log\n");
    directory.write("notes.txt", "neither\n");
    let document = document(&["trace", &directory.path()]);
    let names: Vec<_> = document["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    let names: Vec<_> = names.iter().map(|name| name.rsplit('/').next().unwrap()).collect();
    let expected = [
        "events-0a-t-0.10.log",
        "events-0a-t-0.9.log.gz",
        "events-0a-t-0.2.log.gz",
        "events-0a-t-0.1.log",
        "events-0a-t-0.log",
        "events-0b-t-0.log",
        "tm.log.event-log.log.1",
        "tm.log.event-log.log.2",
    ];
    assert_eq!(names, expected);
    assert_eq!(document["warnings"], json!([]));
    let mut jobs: Vec<_> = document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["job"].as_str().unwrap_or(""))
        .collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["", "", "0a", "0a", "0a", "0a", "0a", "0a", "0b"]);
}

#[test]
fn a_run_whose_events_are_in_several_files_is_one() {
    let directory = Directory::new("trace-split");
    let log = plain("g", 1.0);
    let line = |at: usize| format!("{}\n", log.0[at]);
    let (later, earlier) = (directory.write("later", &line(1)), directory.write("earlier", &line(0)));
    let document = document(&["trace", &later, &earlier, &later]);
    assert_eq!(runs(&document), ["g1"]);
    assert_eq!(
        document["summary"]["records"], 2,
        "a file that is named twice is read once"
    );
}

#[test]
fn cut_and_foreign_lines_are_told_and_cost_nothing_else() {
    let directory = Directory::new("trace-cut");
    let whole = failing().lines();
    let cut = &whole[..whole.len() - 30];
    let text = format!(
        "{cut}\n{}2026-01-01 INFO something else\n{{\"a\":1}}\n{}",
        plain("h", 4.0).lines(),
        plain("i", 5.0).pretty()
    );
    let file = directory.write("log", &text);
    let answer = answer(&["trace", &file, "--format", "json"]);
    let document: Value = serde_json::from_str(&answer.output).unwrap();
    assert_eq!(runs(&document), ["a1", "i1", "h1"]);
    assert_eq!(
        document["runs"][0]["status"], "unfinished",
        "the end of the action is what was cut"
    );
    let warnings: Vec<_> = answer.errors.lines().collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert_eq!(
        warnings[0],
        format!("[MALFORMED_RECORD] {file}:8: no record: a text in it is cut off")
    );
    assert!(
        warnings[1].starts_with(&format!(
            "[MALFORMED_RECORD] {file}:12: no record: missing field `timestamp`"
        )),
        "{warnings:?}"
    );
    assert_eq!(document["warnings"][0]["code"], "MALFORMED_RECORD");
}

#[test]
fn thousands_of_wrong_lines_are_counted_and_not_all_told() {
    let directory = Directory::new("trace-wrong");
    let text = "{\"a\":1}\n".repeat(5_000) + &plain("j", 1.0).lines();
    let answer = answer(&["trace", &directory.write("log", &text)]);
    assert_eq!(answer.errors.lines().count(), 21);
    assert!(
        answer
            .errors
            .lines()
            .last()
            .unwrap()
            .ends_with("4980 more that are no records"),
        "{}",
        answer.errors
    );
    assert!(answer.output.contains("run j1"));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_shown() {
    let directory = Directory::new("trace-missing");
    let good = directory.write("log", &plain("k", 1.0).lines());
    let missing = directory.file("missing.log");
    let answer = answer(&["trace", &missing, &good]);
    assert!(
        answer
            .errors
            .starts_with(&format!("[UNREADABLE_FILE] {missing} cannot be read: ")),
        "{}",
        answer.errors
    );
    assert!(answer.output.contains("run k1"));
    let nothing = call(&["trace", &missing]);
    assert_eq!((nothing.status, nothing.output.as_str()), (EXIT_FAILED, ""));
    assert!(nothing.errors.contains("nothing could be read"), "{}", nothing.errors);
    fs::create_dir(directory.file("empty")).unwrap();
    let nothing = call(&["trace", &directory.file("empty")]);
    assert_eq!(nothing.status, EXIT_FAILED);
    assert!(nothing.errors.contains("there is no log in"), "{}", nothing.errors);
    let binary = directory.file("binary");
    fs::write(&binary, [0u8, 159, 146, 150, b'\n'].repeat(100)).unwrap();
    let said = call(&["trace", &binary]).errors;
    assert!(
        said.contains("none of its 100 lines is a record of an event log"),
        "{said}"
    );
    fs::write(&binary, b"\x1f\x8bno gzip at all").unwrap();
    assert_eq!(call(&["trace", &binary]).status, EXIT_FAILED);
}

#[test]
fn circles_end() {
    let mut log = Log(Vec::new());
    log.event(1.0, "l1", "A", Some(("l2", "x")), json!({}))
        .event(2.0, "l2", "B", Some(("l1", "y")), json!({}))
        .event(3.0, "l3", "C", Some(("l3", "z")), json!({}));
    let directory = Directory::new("trace-circle");
    let file = directory.write("log", &log.lines());
    assert_eq!(document(&["trace", &file])["runs"].as_array().unwrap().len(), 2);
    let said = call(&["trace-tree", &file]);
    assert_eq!((said.status, said.output.as_str()), (EXIT_DONE, ""));
    assert_eq!(said.errors.matches("[CYCLE_DETECTED]").count(), 2, "{}", said.errors);
}

#[test]
fn a_long_chain_of_events_needs_no_long_stack() {
    let mut log = Log(Vec::new());
    log.event(0.0, "0", "_input_event", None, json!({}));
    for number in 1..5_000 {
        log.event(
            0.0,
            &number.to_string(),
            "Next",
            Some((&(number - 1).to_string(), "go")),
            json!({}),
        );
    }
    let directory = Directory::new("trace-chain");
    let file = directory.write("log", &log.lines());
    let text = done(&["trace", &file]);
    assert!(
        text.contains("5000 events and executions in all"),
        "{}",
        &text[text.len() - 200..]
    );
    let page = done(&["trace", &file, "--format", "html"]);
    assert_eq!(data(&page)["runs"][0]["omitted"], 3_000);
    // A tree goes to the right with each event.
    let file = directory.write("short", &Log(log.0[..2_000].to_vec()).lines());
    assert_eq!(done(&["trace-tree", &file]).lines().count(), 4_000);
}

#[test]
fn runs_are_chosen_by_key_type_error_time_and_id() {
    let directory = Directory::new("trace-filter");
    let text = failing().lines() + &plain("m", 10.0).lines() + &plain("n", 20.0).lines();
    let file = directory.write("log", &text);
    for (words, expected) in [
        (&[][..], &["a1", "n1", "m1"][..]),
        (&["--failed"], &["a1"]),
        (&["--key", "key-a"], &["a1"]),
        (&["--key=nobody"], &[]),
        (&["--type", "_output_event"], &["n1", "m1"]),
        (&["--type", "echo"], &["n1", "m1"]),
        (&["--type", "chat"], &["a1"]),
        (&["--type", "llm"], &[]),
        (&["--error", "NO ROUTE"], &["a1"]),
        (&["--error", "ioexception"], &["a1"]),
        (&["--error", "disk"], &[]),
        (&["--since", "2026-01-01T00:00:15"], &["n1"]),
        (&["--until", "2026-01-01T00:00:10Z"], &["a1"]),
        (
            &["--since", "2026-01-01T00:00:05", "--until", "2026-01-01T00:00:15"],
            &["m1"],
        ),
        (&["--run", "m1"], &["m1"]),
        (&["--run", "run-a"], &["a1"]),
        (&["--run", "zz"], &[]),
        (&["--limit", "2"], &["a1", "n1"]),
    ] {
        let document = document(&[&["trace", &file], words].concat());
        assert_eq!(runs(&document), expected, "{words:?}");
        assert_eq!(document["summary"]["runs"], 3);
    }
    let text = done(&["trace", &file, "--limit", "1"]);
    assert!(
        text.ends_with("\n2 more: --limit N shows more of them, --format html all at once\n"),
        "{text}"
    );
}

/// What is inside a page.
fn data(page: &str) -> Value {
    let (_, rest) = page
        .split_once("<script type=\"application/json\" id=\"data\">")
        .unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

#[test]
fn the_page_holds_everything_and_nothing_of_a_log_is_markup() {
    let directory = Directory::new("trace-page");
    let file = directory.write("<img src=x>.log", &(failing().lines() + &plain("o", 3.0).lines()));
    let out = directory.file("page.html");
    let said = done(&["trace", &file, "--format=html", "--out", &out]);
    assert_eq!(said, format!("{out}: 2 of 2 runs, 1 failed\n"));
    let page = fs::read_to_string(&out).unwrap();
    assert_eq!(page, done(&["trace", &file, "--format", "html"]));
    let mut expected = document(&["trace", &file]);
    assert_eq!(data(&page), expected);
    assert!(page.contains("default-src 'none'; script-src 'sha256-"));
    for foreign in ["<b>1", "<img", "http:", "https:", "import(", "fetch("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // Two scripts and one style, and nothing else that could load something.
    assert_eq!(
        (
            page.matches("<script").count(),
            page.matches("</script>").count(),
            page.matches("<style>").count()
        ),
        (2, 2, 1)
    );
    expected["runs"] = json!([]);
    let cut = data(&done(&["trace", &file, "--format", "html", "--payload", "5"]));
    let event = &cut["runs"][0]["events"][0];
    assert_eq!(
        (&event["cut"], &event["bytes"], &event["attributes"]),
        (&json!("{\"inp"), &json!(17), &Value::Null)
    );
}

#[test]
fn a_page_that_cannot_be_written_is_told() {
    let directory = Directory::new("trace-out");
    let file = directory.write("log", &plain("p", 3.0).lines());
    let answer = call(&["trace", &file, "--out", &directory.file("no/page.html")]);
    assert_eq!(answer.status, EXIT_FAILED);
    assert!(
        answer.errors.contains("no/page.html cannot be written: "),
        "{}",
        answer.errors
    );
    let answer = call(&["trace", &file, "--format", "html", "--out", "/dev/full"]);
    assert_eq!(answer.status, EXIT_FAILED, "{}", answer.errors);
}

#[test]
fn wrong_arguments_are_refused_with_what_is_wrong() {
    for (words, said) in [
        (&["trace"][..], "which logs?"),
        (
            &["trace", "--format", "xml", "x"],
            "--format xml is none of text, json, html",
        ),
        (&["trace", "--since", "yesterday", "x"], "--since yesterday is no time"),
        (&["trace", "--limit", "-1", "x"], "--limit -1 is no whole number"),
        (&["trace", "x", "--key"], "--key needs a value"),
        (&["trace", "--wrong", "x"], "there is no option --wrong"),
        (&["trace-tree"], "one file or directory, not 0"),
        (&["trace-tree", "a", "b"], "one file or directory, not 2"),
        (
            &["trace-tree", "--format", "html", "a"],
            "--format html is none of text, json",
        ),
        (&["trace-tree", "/there/is/none"], "there is no /there/is/none"),
    ] {
        let error = refused(words);
        assert!(error.contains(said), "{words:?}: {error}");
    }
    assert!(done(&["trace", "--help"]).contains("--format html"));
    assert!(done(&["trace-tree", "-h"]).contains("trace-tree [--format text|json]"));
}

#[test]
fn trace_trees_are_those_of_the_compatible_command() {
    let directory = Directory::new("trace-tree");
    let mut log = failing();
    log.event(0.4, "a3", "_output_event", Some(("a2", "answer")), json!({}));
    log.event(0.5, "a4", "Audit", Some(("a1", "watch")), json!({}));
    // A replay.
    log.event(9.0, "a2", "Read", Some(("a1", "read")), json!({"n": 1}));
    directory.write("events-0a-t-0.log", &log.lines());
    directory.write("events-0a-t-1.log", &plain("q", 1.0).pretty());
    directory.write("other.log", "no log\n");
    assert_eq!(
        done(&["trace-tree", &directory.path()]),
        "\
Trace Tree 1
_input_event (a1)
  [Action: read]
    Read (a2)
      [Action: answer]
        _output_event (a3)
  [Action: watch]
    Audit (a4)

Trace Tree 2
_input_event (q1)
  [Action: echo]
    _output_event (q2)
"
    );
    let document: Value = serde_json::from_str(&done(&["trace-tree", "--format", "json", &directory.path()])).unwrap();
    assert_eq!(document["roots"], json!(["a1", "q1"]));
    assert_eq!(document["warnings"], json!([]));
    assert_eq!(
        document["nodes"]["a2"],
        json!({"eventType": "Read", "timestamp": "2026-01-01T00:00:00.250000Z",
            "upstreamEdges": [{"upstreamEventId": "a1", "upstreamActionName": "read"}],
            "actions": [{"name": "answer", "children": ["a3"]}]})
    );
}

#[test]
fn trace_trees_warn_with_codes_and_end_well() {
    let mut log = Log(Vec::new());
    log.event(0.0, "1", "_input_event", Some(("0", "x")), json!({}))
        .event(0.1, "2", "A", None, json!({}))
        .event(0.2, "3", "B", Some(("gone", "x")), json!({}))
        .event(0.3, "1", "C", Some(("1", "x")), json!({}))
        .add(0.4, json!({"eventId": "4", "eventType": "D", "upstreamEventId": "1"}))
        .add(0.5, json!({"eventId": "5", "eventType": "_execution_started_event"}));
    let directory = Directory::new("trace-codes");
    let file = directory.write("log", &(log.lines() + "{\"timestamp\":"));
    let answer = answer(&["trace-tree", &file]);
    let codes: Vec<_> = answer
        .errors
        .lines()
        .map(|line| line.split(']').next().unwrap().trim_start_matches('['))
        .collect();
    let expected = [
        "MALFORMED_RECORD",
        "INVALID_ROOT_LINEAGE",
        "UNLINKED_EVENT",
        "EVENT_ID_CONFLICT",
        "MISSING_ACTION_NAME",
        "RESERVED_EVENT_TYPE",
        "MISSING_PARENT",
    ];
    assert_eq!(codes, expected, "{}", answer.errors);
    assert_eq!(
        answer.output,
        "Trace Tree 1\n_input_event (1)\n  [Action: ]\n    D (4)\n"
    );
}
