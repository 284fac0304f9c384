//! Trigger conditions: the shared vectors, values of every kind, and messages.
#![allow(clippy::unwrap_used, reason = "helpers of tests too")]

use flink_agents_core::condition::{
    Category, EVENT_TYPES, EvalError, EventView, Program, Trigger, classify, event_type,
};
use flink_agents_core::value::Value;
use serde_json::Value as Json;

fn vectors() -> Json {
    let text = include_str!("../../../e2e-test/conformance/conditions.json");
    serde_json::from_str(text).unwrap()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(v) => Value::Bool(*v),
        Json::Number(v) => v.as_i64().map_or_else(|| Value::F64(v.as_f64().unwrap()), Value::I64),
        Json::String(v) => Value::Text(v.clone()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(entries) => Value::Map(fields(entries)),
    }
}

fn fields(entries: &serde_json::Map<String, Json>) -> Vec<(String, Value)> {
    entries.iter().map(|(key, item)| (key.clone(), value(item))).collect()
}

fn program(entry: &str) -> Program {
    match classify(entry) {
        Ok(Trigger::Expression(expression)) => expression.check().unwrap_or_else(|error| panic!("{entry}: {error}")),
        other => panic!("{entry}: {other:?}"),
    }
}

fn eval(entry: &str, attributes: &[(String, Value)]) -> Result<bool, EvalError> {
    program(entry).eval(&EventView {
        event_type: "my_event",
        id: 7,
        attributes,
    })
}

fn eval_x(entry: &str, x: Value) -> Result<bool, EvalError> {
    eval(entry, &[("x".to_owned(), x)])
}

fn plan_error(entry: &str) -> flink_agents_core::condition::ConditionError {
    classify(entry)
        .map(|trigger| format!("{entry}: {trigger:?}"))
        .unwrap_err()
}

fn open_error(entry: &str) -> flink_agents_core::condition::ConditionError {
    match classify(entry) {
        Ok(Trigger::Expression(expression)) => expression.check().map(|_| entry.to_owned()).unwrap_err(),
        other => panic!("{entry}: {other:?}"),
    }
}

/// What is wrong with the outcome of one case, if anything.
fn run_case(case: &Json) -> Vec<String> {
    let entry = case["entry"].as_str().unwrap();
    let mut wrong = Vec::new();
    let mut expect = |what: &str, found: String, wanted: &Json| {
        let wanted = wanted.as_str().unwrap_or_default();
        if found != wanted {
            wrong.push(format!("{entry:?}: {what} {found:?} instead of {wanted:?}"));
        }
    };
    let trigger = match classify(entry) {
        Err(error) => {
            expect("plan", error.category().name().to_owned(), &case["plan"]);
            return wrong;
        }
        Ok(trigger) => trigger,
    };
    let program = match trigger {
        Trigger::EventType(found) => {
            expect("class", "event_type".to_owned(), &case["class"]);
            expect("event type", found, &case["event_type"]);
            None
        }
        Trigger::Expression(expression) => {
            expect("class", "expression".to_owned(), &case["class"]);
            match expression.check() {
                Err(error) => {
                    expect("open", error.category().name().to_owned(), &case["open"]);
                    return wrong;
                }
                Ok(program) => {
                    expect("open", "ok".to_owned(), &case["open"]);
                    Some(program)
                }
            }
        }
    };
    if let Some(program) = &program
        && Json::from(program.attributes()) != case["reads"]
    {
        wrong.push(format!("{entry:?}: reads {:?}", program.attributes()));
    }
    let Some(probes) = case["probes"].as_array() else {
        wrong.push(format!("{entry:?}: passes both phases"));
        return wrong;
    };
    for probe in probes {
        let event_type = probe["type"].as_str().unwrap();
        let attributes = probe["attributes"].as_object().map(fields).unwrap_or_default();
        let id = probe["id"]
            .as_str()
            .map_or(0xfeed, |id| u128::from_str_radix(&id.replace('-', ""), 16).unwrap());
        let found = match &program {
            None => Json::from(case["event_type"] == event_type),
            Some(program) => {
                let view = EventView {
                    event_type,
                    id,
                    attributes: &attributes,
                };
                program.eval(&view).map_or(Json::from("error"), Json::from)
            }
        };
        if found != probe["match"] {
            wrong.push(format!("{entry:?}: {probe} gives {found}"));
        }
    }
    wrong
}

#[test]
fn every_vector_holds() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 500, "only {} cases were read", cases.len());
    let wrong: Vec<String> = cases.iter().flat_map(run_case).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn blanks_around_an_entry_do_not_count_as_its_source() {
    let Ok(Trigger::Expression(expression)) = classify("  score > 1\n") else {
        panic!("no expression");
    };
    assert_eq!(expression.source(), "score > 1");
    assert_eq!(expression.check().unwrap().source(), "score > 1");
}

#[test]
fn every_constant_is_known_and_equals_its_type() {
    assert_eq!(EVENT_TYPES.len(), 16);
    for (name, event_type_text) in EVENT_TYPES {
        let program = program(&format!("type == EventType.{name}"));
        let mut view = EventView {
            event_type: event_type_text,
            id: 0,
            attributes: &[],
        };
        assert_eq!(program.eval(&view), Ok(true), "{name}");
        view.event_type = "_other";
        assert_eq!(program.eval(&view), Ok(false), "{name}");
        assert_eq!(event_type(name), Some(*event_type_text));
    }
    assert_eq!(event_type("Nope"), None);
}

#[test]
fn integers_of_all_widths_are_equal_to_their_number() {
    let wide = |v: i128| Value::BigInt(v.to_be_bytes().to_vec());
    for (x, condition) in [
        (Value::I8(-3), "x == -3"),
        (Value::I16(-3), "x == -3"),
        (Value::I32(-3), "x == -3"),
        (Value::I64(-3), "x == -3"),
        (Value::BigInt(vec![0xfd]), "x == -3 && type(x) == int"),
        (
            wide(i128::from(i64::MIN)),
            "x == -9223372036854775808 && type(x) == int",
        ),
        (wide(i128::from(i64::MAX)), "x == 9223372036854775807 && type(x) == int"),
        (
            wide(i128::from(i64::MAX) + 1),
            "x == 9223372036854775808.0 && type(x) == double",
        ),
        (
            wide(i128::from(i64::MIN) - 1),
            "x == -9223372036854775808.0 && type(x) == double",
        ),
        (wide(i128::MAX), "x == 170141183460469231731687303715884105727.0"),
        (Value::BigInt(vec![0]), "x == 0"),
        (Value::BigInt([&[0; 40][..], &[5]].concat()), "x == 5 && type(x) == int"),
        (
            Value::BigInt([&[0xff; 40][..], &[0xfb]].concat()),
            "x == -5 && type(x) == int",
        ),
        (Value::BigInt([&[1][..], &[0; 128]].concat()), "x > 1.7e308"),
        (Value::BigInt([&[0x7f][..], &[0xff; 128]].concat()), "x == 1.0 / 0.0"),
        (Value::BigInt([&[0x7f][..], &[0; 100_000]].concat()), "x == 1.0 / 0.0"),
        (Value::BigInt([&[0x80][..], &[0; 100_000]].concat()), "x == -1.0 / 0.0"),
    ] {
        let shown = format!("{condition} for {x:?}");
        assert_eq!(eval_x(condition, x), Ok(true), "{}", &shown[..shown.len().min(200)]);
    }
}

#[test]
fn floats_come_by_their_text_and_decimals_as_doubles() {
    let decimal = |unscaled: i64, scale| Value::BigDecimal {
        unscaled: unscaled.to_be_bytes().to_vec(),
        scale,
    };
    for (x, condition) in [
        (Value::F32(0.1), "x == 0.1"),
        (Value::F32(f32::MAX), "x > 3.4e38 && x < 3.5e38"),
        (Value::F32(f32::NAN), "x != x"),
        (Value::F32(f32::INFINITY), "x == 1.0 / 0.0"),
        (Value::F64(0.1), "x == 0.1"),
        (Value::F64(f64::NAN), "!(x == x) && !(x < 1) && !(x >= 1)"),
        (decimal(150, 2), "x == 1.5 && type(x) == double"),
        (decimal(-15, -3), "x == -15000"),
        (decimal(1, 20), "x == 1e-20"),
        (decimal(7, 0), "x == 7 && type(x) == double"),
    ] {
        let shown = format!("{condition} for {x:?}");
        assert_eq!(eval_x(condition, x), Ok(true), "{shown}");
    }
}

#[test]
fn values_without_a_type_in_cel_are_text_as_in_plain_json() {
    for (x, condition) in [
        (Value::Char(65), "x == 'A'"),
        (Value::Char(0xd800), r"x == '\ufffd'"),
        (Value::Wtf16(vec![97, 0xd800]), r"x == 'a\ufffd'"),
        (Value::Uuid(1), "x == '00000000-0000-0000-0000-000000000001'"),
        (
            Value::Instant {
                secs: 0,
                nanos: 500_000_000,
            },
            "x == '1970-01-01T00:00:00.500Z' && timestamp(x) > timestamp(0)",
        ),
        (Value::Date(0), "x == '1970-01-01'"),
        (Value::Time(3_600_000_000_000), "x == '01:00:00'"),
        (Value::DateTime { day: 0, nano: 0 }, "x == '1970-01-01T00:00:00'"),
        (
            Value::OffsetDateTime {
                day: 0,
                nano: 0,
                offset: 7200,
            },
            "timestamp(x) == timestamp(-7200)",
        ),
        (Value::Duration { secs: 1, nanos: 0 }, "x == 'PT1S'"),
        (Value::Bytes(vec![1, 255]), r"x == b'\x01\xff' && size(x) == 2"),
        (Value::Set(vec![Value::I8(1)]), "1 in x && x == [1]"),
    ] {
        let shown = format!("{condition} for {x:?}");
        assert_eq!(eval_x(condition, x), Ok(true), "{shown}");
    }
}

#[test]
fn maps_with_keys_of_any_type_are_read_by_key() {
    let table = || {
        Value::Table(vec![
            (Value::I32(1), Value::from("one")),
            (Value::from("two"), Value::I32(2)),
            (Value::Bool(true), Value::Null),
        ])
    };
    for condition in [
        "x[1] == 'one' && x[dyn(1.0)] == 'one' && x[1u] == 'one'",
        "x.two == 2 && x['two'] == 2 && has(x.two)",
        "x[true] == null && true in x && !(false in x) && !('1' in x)",
        "x == {true: null, 'two': 2, 1: 'one'}",
        "size(x) == 3",
        "!has(x.three)",
    ] {
        assert_eq!(eval_x(condition, table()), Ok(true), "{condition}");
    }
    assert!(matches!(eval_x("x[2] == 1", table()), Err(EvalError::NoSuchKey(_))));
    let odd = || Value::Table(vec![(Value::F64(1.5), Value::Null)]);
    assert!(matches!(eval_x("x == {}", odd()), Ok(false)));
    assert!(matches!(
        eval_x("x == {1: null}", odd()),
        Err(EvalError::InvalidArgument { .. })
    ));
}

#[test]
fn large_maps_are_compared_in_any_order_without_quadratic_time() {
    let entries = |keys: &mut dyn Iterator<Item = u32>| {
        Value::Map(keys.map(|key| (format!("key-{key}"), Value::I64(key.into()))).collect())
    };
    let attributes = [
        ("a".to_owned(), entries(&mut (0..50_000))),
        ("b".to_owned(), entries(&mut (0..50_000).rev())),
        ("c".to_owned(), entries(&mut (1..50_001))),
    ];
    assert_eq!(eval("a == b && a != c", &attributes), Ok(true));
}

#[test]
fn only_what_is_read_is_converted() {
    let opaque = || Value::Opaque {
        tag: 33,
        bytes: vec![1],
    };
    assert_eq!(eval_x("has(x)", opaque()), Ok(true));
    assert_eq!(eval_x("x[1] == 2", Value::List(vec![opaque(), Value::I8(2)])), Ok(true));
    assert!(matches!(eval_x("x == 1", opaque()), Err(EvalError::Unreadable(_))));
    assert!(matches!(
        eval_x("x[0] == 1", Value::List(vec![opaque()])),
        Err(EvalError::Unreadable(_))
    ));
    let digits = Value::BigDecimal {
        unscaled: vec![1; 2_000],
        scale: 1,
    };
    assert!(matches!(eval_x("x > 1.0", digits), Err(EvalError::Unreadable(_))));
}

#[test]
fn what_an_expression_builds_is_bounded() {
    let grow = format!("size({}) > 0", vec!["x"; 1_000].join(" + "));
    assert!(matches!(
        eval_x(&grow, Value::Text("y".repeat(1 << 20))),
        Err(EvalError::Overflow(_))
    ));
    assert!(matches!(
        eval_x(&grow, Value::Bytes(vec![0; 1 << 20])),
        Err(EvalError::Overflow(_))
    ));
    assert!(matches!(
        eval_x(&grow, Value::List(vec![Value::Null; 1 << 14])),
        Err(EvalError::Overflow(_))
    ));
    assert_eq!(eval_x(&grow, Value::Text("y".into())), Ok(true));
}

#[test]
fn of_several_faults_the_earlier_phase_and_kind_is_reported() {
    for (entry, category) in [
        ("[1].all(x, true) && type == EventType.Nope && (", Category::Syntax),
        (
            "type == EventType.Nope && [1].all(x, true)",
            Category::UnsupportedConstruct,
        ),
        ("noSuchFn(type == EventType.Nope)", Category::UnknownEventType),
    ] {
        assert_eq!(plan_error(entry).category(), category, "{entry}");
    }
    for (entry, category) in [
        ("noSuchFn(size(attributes))", Category::TypeCheck),
        ("size(attributes) + noSuchFn(1)", Category::TypeCheck),
        ("size(attributes)", Category::References),
        ("42", Category::NotBoolean),
    ] {
        assert_eq!(open_error(entry).category(), category, "{entry}");
    }
    assert!(Category::Blank < Category::Syntax && Category::Syntax < Category::UnsupportedConstruct);
    assert!(Category::UnsupportedConstruct < Category::UnknownEventType);
}

#[test]
fn messages_name_the_action_the_entry_the_reason_and_the_place() {
    let error = plan_error("type == EventType.Nope");
    let message = error.describe(2, "route", "type == EventType.Nope");
    assert!(
        message.starts_with(
            "Invalid trigger condition #2 for action 'route' from source \"type == EventType.Nope\": unknown event type \
             'EventType.Nope'; the constants are InputEvent, OutputEvent"
        ),
        "{message}"
    );
    assert!(message.ends_with("(at column 9)"), "{message}");
    for (error, part) in [
        (
            plan_error("type =="),
            "expected an expression, found the end of the expression (at column 8)",
        ),
        (plan_error("'é' ==\n == 1"), "(at line 2, column 2)"),
        (
            plan_error("'é' = 1"),
            "unexpected character '='; equality is written `==` (at column 5)",
        ),
        (plan_error("(a.b)"), "compare it (`a.b == true`"),
        (plan_error("[1].map(x, x) == [1]"), "the macro 'map' is not available"),
        (open_error("42"), "must have a Boolean result"),
        (
            open_error("noSuchFn(1)"),
            "Runtime type-check: undeclared reference to 'noSuchFn'",
        ),
        (
            open_error("type == 5"),
            "Runtime type-check: found no matching overload for '_==_' applied to '(string, int)'",
        ),
        (open_error("size(list) > 3"), "the attribute is attributes.list"),
        (open_error("attributes[k] == 5"), "referenced attributes cannot be told"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let long = format!("'{}' ==", "é".repeat(5_000));
    let message = plan_error(&long).describe(1, "a", &long);
    assert!(
        message.len() < 2_500 && message.contains("… (5005 code points)"),
        "{message}"
    );
}

#[test]
fn evaluation_errors_say_what_was_missing() {
    assert_eq!(eval("a.b == 1", &[]), Err(EvalError::MissingAttribute("a".to_owned())));
    assert_eq!(
        eval_x("dyn(x)", Value::I32(1)),
        Err(EvalError::NotBoolean("int".to_owned()))
    );
    assert_eq!(eval("1 / 0 == 1", &[]), Err(EvalError::DivisionByZero));
    let message = eval("score > 1", &[]).unwrap_err().to_string();
    assert!(
        message.contains("no attribute 'score'") && message.contains("has(score)"),
        "{message}"
    );
}

#[test]
fn the_first_attribute_of_a_name_counts() {
    let attributes = [("x".to_owned(), Value::I8(1)), ("x".to_owned(), Value::I8(2))];
    assert_eq!(eval("x == 1", &attributes), Ok(true));
}

#[test]
fn a_program_may_be_shared_between_threads() {
    fn shareable<T: Send + Sync>(_: &T) {}
    shareable(&program("name.matches('a') && [1, 2] == [x]"));
}
