//! Lines of the event log: levels, cuts, form.
#![allow(clippy::unwrap_used)]

use flink_agents_core::config::ConfigMap;
use flink_agents_core::event_log::{Entry, Level, Lines, Place, Settings};
use flink_agents_core::ids::EventId;
use flink_agents_core::value::{Value, encode};
use serde_json::{Value as Json, json};

fn settings(config: Json) -> Settings {
    Settings::read(&map(config)).unwrap()
}

fn map(config: Json) -> ConfigMap {
    let mut map = ConfigMap::default();
    for (key, value) in config.as_object().unwrap() {
        map.set(key, value);
    }
    map
}

fn entry(level: Level) -> Entry {
    Entry {
        time: (1_767_225_600, 0),
        level,
        id: EventId(0x7d00_0000_0000_4000_8000_0000_0000_0001),
        event_type: "_output_event".into(),
        upstream: Some((
            EventId(0xfa00_0000_0000_4000_8000_0000_0000_0002),
            Some("handle".into()),
        )),
        context: None,
        lifecycle: None,
    }
}

fn line_of(entry: &Entry, config: Json, place: Option<&Place>, attributes: &Value) -> (String, bool) {
    let mut bytes = Vec::new();
    encode(attributes, &mut bytes).unwrap();
    let length = bytes.len();
    bytes.extend_from_slice(b"what follows");
    let mut out = b"before".to_vec();
    let written = Lines::new(&settings(config), place, "agent").write(entry, &bytes, &mut out);
    let (read, cut) = written.unwrap();
    assert_eq!(read, length);
    (String::from_utf8(out).unwrap().split_off(6), cut)
}

/// Attributes as a line shows them, and whether something was cut.
fn shown(level: Level, config: Json, attributes: Value) -> (Json, bool) {
    let (line, cut) = line_of(&entry(level), config, None, &attributes);
    let line: Json = serde_json::from_str(&line).unwrap();
    (line["eventAttributes"].clone(), cut)
}

fn object(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
}

#[test]
fn a_line_has_its_fields_in_order() {
    let attributes = object(&[("output", "x".into())]);
    let (line, cut) = line_of(&entry(Level::Standard), json!({}), None, &attributes);
    assert_eq!(
        line,
        r#"{"timestamp":"2026-01-01T00:00:00Z","logLevel":"STANDARD","eventId":"7d000000-0000-4000-8000-000000000001","eventType":"_output_event","upstreamEventId":"fa000000-0000-4000-8000-000000000002","upstreamActionName":"handle","eventAttributes":{"output":"x"}}"#
    );
    assert!(!cut);
}

#[test]
fn a_shared_sink_shows_the_place_and_an_input_has_no_lineage() {
    let place = Place {
        job: "0a".into(),
        task: "action-execute-operator \"x\"".into(),
        subtask: 3,
    };
    let mut input = entry(Level::Verbose);
    input.upstream = None;
    input.time = (1_767_225_600, 120_000);
    input.event_type = "_input_event".into();
    let (line, _) = line_of(&input, json!({}), Some(&place), &object(&[]));
    assert_eq!(
        line,
        r#"{"timestamp":"2026-01-01T00:00:00.000120Z","logLevel":"VERBOSE","jobId":"0a","taskName":"action-execute-operator \"x\"","subtaskId":3,"eventId":"7d000000-0000-4000-8000-000000000001","eventType":"_input_event","eventAttributes":{}}"#
    );
}

#[test]
fn the_level_of_a_type_is_found_from_its_name_upwards() {
    let settings = settings(json!({
        "event-log.level": "off",
        "event-log.type.a.level": "VERBOSE",
        "event-log.type.a.b.c.level": "standard",
        "event-log.type._input_event.level": null,
    }));
    assert_eq!(settings.level("a.b.c"), Level::Standard);
    assert_eq!(settings.level("a.b.c.d.e"), Level::Standard);
    assert_eq!(settings.level("a.b"), Level::Verbose);
    assert_eq!(settings.level("a"), Level::Verbose);
    assert_eq!(settings.level("ab"), Level::Off);
    assert_eq!(settings.level("_input_event"), Level::Off);
    assert!(!settings.is_off());
    assert!(self::settings(json!({"event-log.level": "OFF", "event-log.type.a.level": "OFF"})).is_off());
    assert_eq!(self::settings(json!({})).level("a"), Level::Standard);
}

#[test]
fn wrong_levels_are_refused_with_their_key() {
    for key in ["event-log.level", "event-log.type.a.b.level"] {
        let refused = Settings::read(&map(json!({key: "loud"}))).unwrap_err().to_string();
        assert!(refused.contains(key) && refused.contains("loud"), "{refused}");
    }
}

#[test]
fn long_texts_are_cut_between_characters_and_say_how_much_is_missing() {
    let config = json!({"event-log.standard.max-string-length": 4});
    let cut = |text: &str| shown(Level::Standard, config.clone(), object(&[("a", text.into())]));
    assert_eq!(cut("abcd"), (json!({"a": "abcd"}), false));
    assert_eq!(
        cut("abcde\""),
        (json!({"a": {"truncatedString": "abcd...", "omittedChars": 2}}), true)
    );
    // Two code units each, and three bytes each.
    assert_eq!(cut("😀😀"), (json!({"a": "😀😀"}), false));
    assert_eq!(
        cut("a😀😀b"),
        (json!({"a": {"truncatedString": "a😀...", "omittedChars": 3}}), true)
    );
    assert_eq!(cut("€€€€"), (json!({"a": "€€€€"}), false));
    let bytes = shown(Level::Standard, config, object(&[("a", Value::Bytes(vec![0; 6]))]));
    assert_eq!(bytes.0, json!({"a": {"truncatedString": "AAAA...", "omittedChars": 4}}));
}

#[test]
fn long_arrays_are_cut_and_what_is_kept_is_cut_itself() {
    let config = json!({"event-log.standard.max-array-elements": "2", "event-log.standard.max-string-length": 1});
    let list = Value::List(vec!["a".into(), "bc".into(), "d".into()]);
    assert_eq!(
        shown(Level::Standard, config, object(&[("l", list)])),
        (
            json!({"l": {"truncatedList": ["a", {"truncatedString": "b...", "omittedChars": 1}], "omittedElements": 1}}),
            true
        )
    );
}

#[test]
fn deep_objects_show_their_scalar_fields() {
    let config = json!({"event-log.standard.max-depth": 3});
    let leaf = object(&[("x", Value::I32(1))]);
    let deep = object(&[
        ("n", Value::I64(7)),
        ("o", leaf.clone()),
        ("l", Value::List(vec![])),
        ("t", "u".into()),
    ]);
    // The attributes are 1, `a` is 2, `b` 3: it has containers. `flat` is as deep and has none.
    let attributes = object(&[("a", object(&[("b", deep.clone()), ("flat", leaf.clone())]))]);
    assert_eq!(
        shown(Level::Standard, config.clone(), attributes.clone()),
        (
            json!({"a": {"b": {"truncatedObject": {"n": 7, "t": "u"}, "omittedFields": 2}, "flat": {"x": 1}}}),
            true
        )
    );
    // Elements of an array are one deeper than the array, which is 2.
    let (list, cut) = shown(
        Level::Standard,
        config,
        object(&[("a", Value::List(vec![object(&[("o", leaf)])]))]),
    );
    assert!(cut);
    assert_eq!(list, json!({"a": [{"truncatedObject": {}, "omittedFields": 1}]}));
    assert!(
        !shown(
            Level::Verbose,
            json!({"event-log.standard.max-depth": 1}),
            attributes.clone()
        )
        .1
    );
    assert!(!shown(Level::Standard, json!({"event-log.standard.max-depth": 0}), attributes).1);
}

#[test]
fn zero_and_less_switch_a_rule_off() {
    let off = json!({
        "event-log.standard.max-string-length": 0,
        "event-log.standard.max-array-elements": -1,
        "event-log.standard.max-depth": -5,
    });
    let long = object(&[
        ("s", Value::Text("x".repeat(3000))),
        ("l", Value::List(vec![Value::Null; 30])),
    ]);
    assert!(!shown(Level::Standard, off, long.clone()).1);
    assert!(shown(Level::Standard, json!({}), long).1);
}

#[test]
fn all_kinds_of_values_are_json_in_their_order() {
    let table = Value::Table(vec![(Value::I32(2), Value::Bool(true)), (Value::I32(1), Value::Null)]);
    let mixed = Value::Table(vec![(Value::I32(1), Value::Null), ("1".into(), Value::Null)]);
    let attributes = object(&[
        ("z", Value::F64(0.1)),
        ("y", Value::F64(f64::NAN)),
        ("f", Value::F32(0.1)),
        ("t", table),
        ("m", mixed),
        ("u", Value::Uuid(1)),
        ("w", Value::Wtf16(vec![0x61, 0xd800])),
        ("q", "\"\\\n\u{1}\u{7f}/".into()),
    ]);
    let (line, _) = line_of(&entry(Level::Standard), json!({}), None, &attributes);
    let at = line.find(r#""eventAttributes":"#).unwrap();
    assert_eq!(
        &line[at + 18..line.len() - 1],
        concat!(
            r#"{"z":0.1,"y":"NaN","f":0.1,"t":{"2":true,"1":null},"m":[{"key":1,"value":null},{"key":"1","value":null}],"#,
            r#""u":"00000000-0000-0000-0000-000000000001","w":"a"#,
            "\u{fffd}",
            r#"","q":"\"\\\n\u0001"#,
            "\u{7f}",
            r#"/"}"#
        )
    );
}

#[test]
fn pretty_print_changes_the_layout_only() {
    let attributes = object(&[
        ("text", "a \"{[,:]}\\".into()),
        ("list", Value::List(vec![Value::I32(10), object(&[("x", Value::Null)])])),
        ("none", Value::List(vec![])),
        ("empty", object(&[])),
    ]);
    let (compact, _) = line_of(&entry(Level::Standard), json!({}), None, &attributes);
    let (pretty, _) = line_of(&entry(Level::Standard), json!({"prettyPrint": true}), None, &attributes);
    let parse = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    assert_eq!(parse(&compact), parse(&pretty));
    assert!(
        pretty.ends_with(
            "  \"eventAttributes\" : {\n    \"text\" : \"a \\\"{[,:]}\\\\\",\n    \"list\" : [\n      10,\n      {\n        \"x\" : null\n      }\n    ],\n    \"none\" : [],\n    \"empty\" : {}\n  }\n}"
        ),
        "{pretty}"
    );
}

#[test]
fn attributes_that_cannot_be_read_leave_no_trace() {
    let mut lines = Lines::new(&settings(json!({})), None, "agent");
    let mut out = b"kept".to_vec();
    assert!(lines.write(&entry(Level::Standard), &[12, 1, 5], &mut out).is_err());
    assert_eq!(out, b"kept");
}

#[test]
fn texts_are_escaped_wherever_what_needs_it_stands() {
    for odd in [
        '"', '\\', '\n', '\r', '\t', '\0', '\u{1f}', ' ', '!', '#', '[', ']', '\u{7f}', 'ä', '😀', '\u{a2}', '\u{dc}',
    ] {
        for before in 0..18 {
            let text = format!("{}{odd}{}{odd}", "x".repeat(before), "y".repeat(17 - before));
            let (line, _) = line_of(
                &entry(Level::Verbose),
                json!({}),
                None,
                &object(&[(&text, text.as_str().into())]),
            );
            let line: Json = serde_json::from_str(&line).unwrap();
            assert_eq!(line["eventAttributes"], json!({text.clone(): text}));
        }
    }
}

#[test]
fn lines_show_what_plain_json_shows() {
    let nested = |depth: usize| (0..depth).fold(Value::I32(1), |inner, _| object(&[("in", Value::List(vec![inner]))]));
    let attributes = object(&[
        (
            "numbers",
            Value::List(vec![
                Value::I8(-1),
                Value::I16(7),
                Value::I32(i32::MIN),
                Value::I64(i64::MIN),
                Value::I64(i64::MAX),
                Value::I64(0),
                Value::F32(0.1),
                Value::F64(99.95),
                Value::F64(f64::NAN),
                Value::BigInt(vec![1; 12]),
            ]),
        ),
        (
            "table",
            Value::Table(vec![(Value::I32(1), Value::from("a")), (Value::from("1"), Value::Null)]),
        ),
        ("keyed", Value::Table(vec![(Value::I32(1), nested(2))])),
        (
            "set",
            Value::Set(vec![Value::Bool(true), Value::Bool(false), Value::Null]),
        ),
        (
            "opaque",
            Value::Opaque {
                tag: 32,
                bytes: vec![1, 2],
            },
        ),
        (
            "time",
            Value::Instant {
                secs: 1_767_225_600,
                nanos: 120_000,
            },
        ),
        ("deep", nested(20)),
        ("many", Value::List((0..100).map(Value::I32).collect())),
        (
            "empty",
            Value::List(vec![Value::Map(Vec::new()), Value::List(Vec::new())]),
        ),
    ]);
    let (shown, cut) = shown(Level::Verbose, json!({}), attributes.clone());
    assert!(!cut);
    let plain = flink_agents_core::value::to_plain_json(&attributes);
    assert_eq!(shown, plain);
}

#[test]
fn times_have_the_digits_that_they_need() {
    let mut lines = Lines::new(&settings(json!({})), None, "agent");
    let mut told = |time| {
        let mut out = Vec::new();
        lines
            .write(
                &Entry {
                    time,
                    ..entry(Level::Standard)
                },
                &[12, 0],
                &mut out,
            )
            .unwrap();
        let line: Json = serde_json::from_slice(&out).unwrap();
        line["timestamp"].as_str().unwrap().to_owned()
    };
    assert_eq!(told((1_767_225_599, 0)), "2025-12-31T23:59:59Z");
    assert_eq!(told((1_767_225_600, 5_000_000)), "2026-01-01T00:00:00.005Z");
    assert_eq!(told((1_767_225_600, 120_000)), "2026-01-01T00:00:00.000120Z");
    assert_eq!(told((1_767_225_600, 999_999_999)), "2026-01-01T00:00:00.999999999Z");
    assert_eq!(told((0, 1_000)), "1970-01-01T00:00:00.000001Z");
    assert_eq!(told((-1, 0)), "1969-12-31T23:59:59Z");
}

#[test]
fn attributes_that_are_broken_leave_nothing_wherever_they_break() {
    let attributes = object(&[
        ("a", Value::from("text")),
        ("b", Value::List(vec![Value::I64(1), Value::F64(2.5)])),
    ]);
    let mut bytes = Vec::new();
    encode(&attributes, &mut bytes).unwrap();
    let mut lines = Lines::new(&settings(json!({})), None, "agent");
    for length in 0..bytes.len() {
        let mut out = b"before".to_vec();
        assert!(
            lines
                .write(&entry(Level::Standard), &bytes[..length], &mut out)
                .is_err()
        );
        assert_eq!(out, b"before");
    }
    // Deeper than values may be.
    let deep = [11, 1].repeat(300);
    assert!(lines.write(&entry(Level::Verbose), &deep, &mut Vec::new()).is_err());
}
