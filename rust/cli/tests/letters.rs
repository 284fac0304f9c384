//! What `flink-agents dead-letters` makes of files of letters.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Directory, call, done, refused};
use flink_agents_cli::{EXIT_DONE, EXIT_FAILED, EXIT_WRONG};
use serde_json::{Value, json};

fn letter(action: &str, key: &str, input: Value, event: &str) -> Value {
    json!({
        "agent": "orders", "action": action, "attempts": 3, "key": key, "input": input, "input_event_id": event,
        "event_id": format!("{event}-{action}"), "event_type": "order", "event": {"n": 1}, "error_type": "java.io.IOException",
        "error_message": format!("no answer to {action}\nfor {key}"), "stack_trace": "at …", "timestamp": null, "failed_at": 1
    })
}

fn lines(letters: &[Value]) -> String {
    letters.iter().map(|letter| format!("{letter}\n")).collect()
}

fn file(directory: &Directory) -> String {
    let letters = [
        letter("charge", "a", json!("x \"1\""), "1"),
        letter("ship", "a", json!("x \"1\""), "1"),
        letter("ship", "b", json!({"order": 7}), "2"),
        // The same record once more is another input.
        letter("ship", "b", json!({"order": 7}), "3"),
    ];
    directory.write("letters.jsonl", &lines(&letters))
}

#[test]
fn letters_are_shown_with_what_went_wrong() {
    let directory = Directory::new("letters-shown");
    let shown = done(&["dead-letters", &file(&directory)]);
    assert!(
        shown.contains("action charge, key a, 3 attempts, event order"),
        "{shown}"
    );
    assert!(
        shown.contains("  java.io.IOException: no answer to charge\n  for a\n"),
        "{shown}"
    );
    assert!(shown.contains("input {\"order\":7}"), "{shown}");
    assert!(shown.ends_with("4 dead letters\n"), "{shown}");
    let some = done(&[
        "dead-letters",
        "--action=ship",
        "--key",
        "b",
        "--error",
        "IOEX",
        &file(&directory),
    ]);
    assert!(some.ends_with("2 dead letters\n") && !some.contains("key a"), "{some}");
    let none = done(&["dead-letters", "--error", "memory", &file(&directory)]);
    assert_eq!(none, "0 dead letters\n");
    let json = done(&[
        "dead-letters",
        "--format",
        "json",
        "--action",
        "charge",
        &file(&directory),
    ]);
    let back: Value = serde_json::from_str(json.trim_end()).unwrap();
    assert_eq!(back, letter("charge", "a", json!("x \"1\""), "1"));
}

#[test]
fn inputs_are_given_once_each_to_be_fed_in_again() {
    let directory = Directory::new("letters-inputs");
    let file = file(&directory);
    let inputs = done(&["dead-letters", "--format", "inputs", &file]);
    assert_eq!(inputs, "\"x \\\"1\\\"\"\n{\"order\":7}\n{\"order\":7}\n");
    let raw = done(&["dead-letters", "--format=inputs", "--raw", "--keys", &file]);
    assert_eq!(raw, "a\tx \"1\"\nb\t{\"order\":7}\nb\t{\"order\":7}\n");
}

#[test]
fn an_input_that_was_cut_or_is_unknown_is_not_fed_in() {
    let directory = Directory::new("letters-cut");
    let cut = "{\"order… cut by the dead letter, which action-state.max-record-size limits: 9000000 characters in all";
    let letters = [
        letter("ship", "a", json!(cut), "1"),
        letter("ship", "b", Value::Null, "2"),
        letter("ship", "c", json!(3), "3"),
    ];
    let file = directory.write("letters", &lines(&letters));
    let answer = call(&["dead-letters", "--format", "inputs", &file]);
    assert_eq!((answer.status, answer.output.as_str()), (EXIT_WRONG, "3\n"));
    assert!(answer.errors.contains("2 inputs are left out"), "{}", answer.errors);
}

#[test]
fn what_is_no_letter_is_passed_over_and_what_cannot_be_read_is_named() {
    let directory = Directory::new("letters-strange");
    let good = letter("ship", "a", json!(1), "1").to_string();
    let file = directory.write("letters", &format!("\n{{\"half\n{good}\n[]\n{}", &good[..40]));
    let missing = directory.file("missing");
    let answer = call(&["dead-letters", &file, &missing]);
    assert_eq!(answer.status, EXIT_DONE);
    assert!(answer.output.ends_with("1 dead letter\n"), "{}", answer.output);
    assert!(
        answer
            .errors
            .contains("3 lines are no dead letters, and are passed over; line 2"),
        "{}",
        answer.errors
    );
    assert!(
        answer.errors.contains(&format!("{missing} cannot be read")),
        "{}",
        answer.errors
    );
    assert_eq!(call(&["dead-letters", &missing]).status, EXIT_FAILED);
}

#[test]
fn wrong_arguments_are_refused() {
    for (words, said) in [
        (&["dead-letters"][..], "which files?"),
        (&["dead-letters", "--format", "xml", "f"][..], "'xml'"),
        (&["dead-letters", "--shout", "f"][..], "--shout"),
        (&["dead-letters", "--raw", "f"][..], "--format inputs"),
    ] {
        let text = refused(words);
        assert!(text.contains(said), "{text}");
    }
    assert!(done(&["dead-letters", "--help"]).contains("--format inputs"));
}
