//! Records of the execution trace, and what events say of it.
#![allow(clippy::unwrap_used)]

use flink_agents_core::config::ConfigMap;
use flink_agents_core::event_log::{
    CallReport, Chance, Entity, Entry, Level, Levels, Lines, Problem, Settings, Status, Trace,
};
use flink_agents_core::ids::{EventId, KeySlot, Symbol, TaskId};
use flink_agents_core::run::Observed;
use flink_agents_core::value::{Value, encode};
use serde_json::{Value as Json, json};
use std::sync::Arc;

const KEY: KeySlot = KeySlot(3);
const TASK: u64 = 7;

/// Ids in order.
#[derive(Default)]
struct Counting(u128);

impl Chance for Counting {
    fn id(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }

    fn now(&mut self) -> (i64, u32) {
        (0, 0)
    }
}

fn levels(config: Json) -> Levels {
    let mut map = ConfigMap::default();
    for (key, value) in config.as_object().unwrap() {
        map.set(key, value);
    }
    Levels::new(Settings::read(&map).unwrap())
}

fn observed(sender: Option<TaskId>) -> Observed {
    Observed {
        id: EventId(100),
        event_type: Symbol(0),
        lineage: None,
        sender,
    }
}

fn line(entry: &Entry) -> Json {
    let mut lines = Lines::new(levels(json!({})).settings(), None, "shop");
    let mut out = Vec::new();
    lines.write(entry, &[], &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn id(number: u128) -> String {
    EventId(number).to_string()
}

fn begun() -> (Trace, Counting, Levels, Entry) {
    let (mut trace, mut ids, levels) = (Trace::default(), Counting::default(), levels(json!({})));
    trace.key(KEY, Some("#k".into()));
    let run = trace.of_event(KEY, &observed(None), &mut ids);
    assert_eq!((run.run, run.execution.is_none()), (1, true));
    let name: Arc<str> = "pay".into();
    let entry = trace.action(
        (KEY, TaskId::from_bits(TASK)),
        &name,
        Some(EventId(100)),
        Status::Started,
        (&levels, &mut ids),
    );
    (trace, ids, levels, entry)
}

#[test]
fn an_action_begins_and_ends_under_one_id() {
    let (mut trace, mut ids, levels, started) = begun();
    assert_eq!(
        line(&started),
        json!({
            "timestamp": "1970-01-01T00:00:00Z", "logLevel": "STANDARD", "inputRunId": id(1), "businessKey": "#k",
            "agentName": "shop", "executionId": id(2), "entityType": "action", "entityName": "pay", "eventId": id(3),
            "eventType": "_execution_started_event", "upstreamEventId": id(100), "status": "started",
            "eventAttributes": {},
        })
    );
    let ended = trace
        .action_ended(TaskId::from_bits(TASK), None, (&levels, &mut ids))
        .unwrap();
    let ended = line(&ended);
    assert_eq!(
        (&ended["executionId"], &ended["status"]),
        (&json!(id(2)), &json!("success"))
    );
    assert_eq!(ended["eventType"], "_execution_finished_event");
    // What it has sent belongs to it, also after its end.
    let sent = trace.of_event(KEY, &observed(Some(TaskId::from_bits(TASK))), &mut ids);
    assert_eq!((sent.run, sent.execution.unwrap().id), (1, 2));
    trace.run_ended(KEY, true);
    assert!(
        trace
            .action_ended(TaskId::from_bits(TASK), None, (&levels, &mut ids))
            .is_none()
    );
    let next = trace.of_event(KEY, &observed(None), &mut ids);
    assert_ne!(next.run, 1);
    assert_eq!(next.key, None);
}

#[test]
fn a_failure_says_what_went_wrong() {
    let (mut trace, mut ids, levels, _) = begun();
    let problem = Problem {
        category: Some("action_execution_failed".to_owned()),
        error_type: "java.io.IOException".to_owned(),
        error_message: None,
    };
    let failed = trace
        .action_ended(TaskId::from_bits(TASK), Some(&problem), (&levels, &mut ids))
        .unwrap();
    let failed = line(&failed);
    assert_eq!(failed["problemCategory"], "action_execution_failed");
    assert_eq!(
        failed["eventAttributes"],
        json!({"errorType": "java.io.IOException", "errorMessage": null})
    );
}

#[test]
fn what_an_action_executes_is_paired_by_type_name_and_metadata() {
    let (mut trace, mut ids, levels, _) = begun();
    let tool = |number: i32| Entity {
        entity_type: "tool".to_owned(),
        name: "add".to_owned(),
        metadata: Value::Map(vec![("toolCallId".to_owned(), Value::I32(number))]),
    };
    let task = TaskId::from_bits(TASK);
    let mut tell = |entity, status| line(&trace.inside(task, entity, status, None, (&levels, &mut ids)).unwrap());
    let first = tell(tool(1), Status::Started);
    let second = tell(tool(2), Status::Started);
    let first_end = tell(tool(1), Status::Success);
    let second_end = tell(tool(2), Status::Success);
    let unknown = tell(tool(1), Status::Success);
    assert_eq!(first["parentExecutionId"], id(2));
    assert_eq!(first["entityMetadata"], json!({"toolCallId": 1}));
    assert_eq!(first["executionId"], first_end["executionId"]);
    assert_eq!(second["executionId"], second_end["executionId"]);
    assert_ne!(first["executionId"], second["executionId"]);
    assert_ne!(unknown["executionId"], first["executionId"]);
}

#[test]
fn records_have_levels_as_events_have() {
    let (mut trace, mut ids, _, _) = begun();
    let off = levels(json!({"event-log.type._execution_finished_event.level": "OFF"}));
    let ended = trace.action_ended(TaskId::from_bits(TASK), None, (&off, &mut ids));
    assert_eq!(ended.unwrap().level, Level::Off);
}

#[test]
fn a_traceback_names_the_first_error() {
    let text = "Agent 'a', action 'b', key 'c': RuntimeError: later\nTraceback (most recent call last):\n  File \"x.py\", line 1\n    f()\nValueError: no: such\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"x.py\", line 2\nRuntimeError: later\n";
    let problem = Problem::of_traceback(text, None);
    assert_eq!(
        (problem.error_type.as_str(), problem.error_message.as_deref()),
        ("ValueError", Some("no: such"))
    );
    assert_eq!(
        Problem::of_traceback("the worker is gone", None)
            .error_message
            .as_deref(),
        Some("the worker is gone")
    );
}

#[test]
fn a_call_is_read_with_numbers_of_any_width() {
    let read = |problem: [Value; 2]| {
        let [error_type, message] = problem;
        let what = Value::List(vec![
            Value::from("shop.pay"),
            Value::I32(2),
            Value::I64(1_700_000_000_000_000),
            Value::I64(1_700_000_000_000_250),
            Value::Bool(true),
            error_type,
            message,
        ]);
        let mut bytes = Vec::new();
        encode(&what, &mut bytes).unwrap();
        CallReport::read(&bytes).unwrap()
    };
    let well = read([Value::Null, Value::Null]);
    assert_eq!((well.function.as_str(), well.number), ("shop.pay", 2));
    assert_eq!((well.start, well.end), (1_700_000_000_000_000, 1_700_000_000_000_250));
    assert!(well.replayed);
    assert_eq!(well.problem, None);
    let failed = read([Value::from("OSError"), Value::from("no route")]).problem.unwrap();
    assert_eq!(
        (failed.error_type.as_str(), failed.error_message.as_deref()),
        ("OSError", Some("no route"))
    );
    assert!(CallReport::read(&[]).is_err());
}
