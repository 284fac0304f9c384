//! Trigger conditions that are long, deep or random: never a panic, never more stack than a small thread has.
#![allow(clippy::unwrap_used, reason = "helpers of tests too")]

use std::panic::resume_unwind;
use std::thread::Builder;

use flink_agents_core::condition::{Category, EventView, MAX_CODE_POINTS, MAX_DEPTH, Trigger, classify};
use flink_agents_core::value::Value;
use proptest::prelude::*;

/// Stack of the threads that go through all phases, in the unoptimised build of the tests too.
const STACK: usize = 512 << 10;

/// What became of an entry: `type`, the category of its refusal, `true`, `false` or `error`.
fn outcome(entry: &str, attributes: &[(String, Value)]) -> String {
    let expression = match classify(entry) {
        Ok(Trigger::EventType(_)) => return "type".to_owned(),
        Ok(Trigger::Expression(expression)) => expression,
        Err(error) => {
            assert!(!error.describe(1, "action", entry).is_empty());
            return error.category().name().to_owned();
        }
    };
    let program = match expression.check() {
        Ok(program) => program,
        Err(error) => return error.category().name().to_owned(),
    };
    let view = EventView {
        event_type: "my_event",
        id: 1,
        attributes,
    };
    match program.eval(&view) {
        Ok(truth) => truth.to_string(),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            "error".to_owned()
        }
    }
}

fn on_small_stack<T: Send>(stack: usize, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = Builder::new().stack_size(stack).spawn_scoped(scope, work).unwrap();
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// `open` so many times around `inner`.
fn nest(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

/// Shapes that nest once per repetition, all of them valid up to the limit.
fn nesting_shapes(times: usize) -> Vec<String> {
    // Every precedence between one bracket and the next: the deepest tree a level can hold.
    let ladder = "f ? 1 : f || t && 1 < dyn(1 + 1 * -dyn(";
    vec![
        nest("(", "true", ")", times),
        nest("[", "", "]", times) + " == []",
        nest("{1: ", "2", "}", times) + " == {}",
        nest("!(", "true", ")", times),
        nest("-(", "1", ")", times) + " == 1",
        nest("size([", "1", "])", times / 2) + " == 1",
        nest("dyn(", "true", ")", times),
        nest("x[", "0", "]", times) + " == 1",
        nest("true ? true : ", "true", "", times),
        nest("(true ? true : ", "true", ")", times / 2),
        nest("x.y[1].z(", "1", ")", times),
        nest("has(a) && (", "true", ")", times),
        nest("(true || (false && (1 < (1 + (1 * (", "1", "))))) == 1)", times / 6) + " == true",
        nest(ladder, "1", "))", times / 3) + " == 1",
        nest("f || t && 1 < 1 + 1 * -dyn([", "1", "][0])", times / 2),
        nest("f || t && 1 < 1 + 1 * -{1: dyn(", "1", ")}[1]", times / 2),
        nest("f || t && 1 < 1 + 1 * -x[", "1", "]", times),
        nest("f || t && 1 < 1 + 1 * -x.y(", "1", ")", times),
    ]
}

#[test]
fn nesting_up_to_the_limit_passes_and_beyond_is_a_syntax_error() {
    // Values that let evaluation go all the way down.
    let attributes = [
        ("f".to_owned(), Value::Bool(false)),
        ("t".to_owned(), Value::Bool(true)),
        ("x".to_owned(), Value::Map(vec![])),
    ];
    on_small_stack(STACK, || {
        for (index, entry) in nesting_shapes(MAX_DEPTH).iter().enumerate() {
            assert_ne!(outcome(entry, &attributes), "SYNTAX", "shape {index}: {entry}");
        }
        for times in [MAX_DEPTH * 6, 200, 1_000, MAX_CODE_POINTS / 40, 100_000] {
            for (index, entry) in nesting_shapes(times).iter().enumerate() {
                assert_eq!(outcome(entry, &attributes), "SYNTAX", "shape {index}, {times} times");
            }
        }
    });
}

#[test]
fn the_limit_is_exact() {
    for (open, inner, close) in [
        ("(", "true", ")"),
        ("dyn(", "true", ")"),
        ("false ? false : ", "true", ""),
    ] {
        assert_eq!(outcome(&nest(open, inner, close, MAX_DEPTH), &[]), "true", "{open}");
        let error = classify(&nest(open, inner, close, MAX_DEPTH + 1))
            .map(|_| open)
            .unwrap_err();
        assert_eq!(error.category(), Category::Syntax);
        assert!(error.to_string().contains("nest deeper than 32"), "{error}");
    }
    // Brackets side by side do not nest, nor do those in texts and comments.
    assert_eq!(outcome(&["(true)"; 500].join(" && "), &[]), "true");
    assert_eq!(
        outcome(&format!("'{}' != '' // {}", "(".repeat(500), "(".repeat(500)), &[]),
        "true"
    );
    assert_eq!(
        outcome(&format!("[{}true ? 1 : 2] != []", "true ? 1 : 2, ".repeat(200)), &[]),
        "true"
    );
}

#[test]
fn unclosed_and_unopened_brackets_are_syntax_errors() {
    on_small_stack(STACK, || {
        for times in [1, 20, 32, 33, 500, 5_000, 100_000] {
            for open in [
                "(", "[", "{", "{1:", "a[", "f(", "-(", "!(", "a ? ", "a ? b :", "has(", "x.y(", "((a)", "'", ")",
            ] {
                let entry = open.repeat(times);
                assert_eq!(outcome(&entry, &[]), "SYNTAX", "{open} {times} times");
            }
        }
    });
}

#[test]
fn flat_chains_of_any_length_need_no_deep_stack() {
    on_small_stack(STACK, || {
        let attributes = [("a".to_owned(), Value::I64(1))];
        for (unit, times, start, end, expected) in [
            ("!", 8_000, "", "true", "true"),
            ("-", 8_000, "", "1 == 1", "true"),
            (" || false", 800, "false", "", "false"),
            (" && true", 800, "true", "", "true"),
            (" + 1", 1_600, "0", " == 1600", "true"),
            (" - 1", 1_600, "0", " == -1600", "true"),
            (" * 1", 1_600, "1", " == 1", "true"),
            ("+-1", 2_000, "0", " == -2000", "true"),
            (" == true", 800, "true", "", "true"),
            (".b", 4_000, "!a", "", "error"),
            (".b", 4_000, "has(a", ")", "false"),
            ("[0]", 2_500, "!a", "", "error"),
            (".b()", 2_000, "!a", "", "TYPE_CHECK"),
            (".size()", 1_000, "!a", "", "TYPE_CHECK"),
            ("1,", 4_000, "[", "1] != []", "true"),
            (".b", 4_000, "a", "", "type"),
            (" .b", 2_500, "a", "", "UNSUPPORTED_CONSTRUCT"),
            (".b", 100_000, "!a", "", "SYNTAX"),
            (" || false", 100_000, "false", "", "SYNTAX"),
        ] {
            let entry = format!("{start}{}{end}", unit.repeat(times));
            assert_eq!(outcome(&entry, &attributes), expected, "{start}{unit}…{end}");
        }
    });
}

#[test]
fn code_points_are_counted_not_bytes() {
    let entry = |length: usize| format!("'{}' != ''", "😀".repeat(length - 8));
    assert_eq!(outcome(&entry(MAX_CODE_POINTS), &[]), "true");
    assert_eq!(outcome(&entry(MAX_CODE_POINTS + 1), &[]), "SYNTAX");
    // Blanks around an entry, and exact types, have no such limit.
    assert_eq!(outcome(&format!("{}true", " ".repeat(100_000)), &[]), "true");
    assert_eq!(outcome(&"a".repeat(100_000), &[]), "type");
}

#[test]
fn deep_values_can_be_read_and_compared_on_a_small_stack() {
    let deep = |depth: usize| (0..depth).fold(Value::I8(1), |value, _| Value::List(vec![value]));
    let maps = |depth: usize| (0..depth).fold(Value::I8(1), |value, _| Value::Map(vec![("k".to_owned(), value)]));
    // As deep as the codec lets values be.
    let attributes = [
        ("a".to_owned(), deep(200)),
        ("b".to_owned(), deep(200)),
        ("c".to_owned(), maps(200)),
        ("d".to_owned(), maps(200)),
    ];
    on_small_stack(STACK, || {
        assert_eq!(outcome("a == b && a in [b]", &attributes), "true");
        assert_eq!(outcome("c == d && c in [d] && a != c", &attributes), "true");
    });
}

#[test]
fn patterns_cannot_exhaust_stack_time_or_memory() {
    on_small_stack(STACK, || {
        let attribute = |text: String| [("p".to_owned(), Value::Text(text))];
        for pattern in [
            nest("(", "a", ")", 33),
            nest("(", "a", ")", 100_000),
            "(a{1000}){1000}".to_owned(),
        ] {
            assert_eq!(outcome("type.matches(p)", &attribute(pattern.clone())), "error");
            if pattern.len() < 1_000 {
                assert_eq!(outcome(&format!("type.matches('{pattern}')"), &[]), "TYPE_CHECK");
            }
        }
        assert_eq!(outcome("'my'.matches(p)", &attribute(nest("(", "m", ")", 20))), "true");
        // Exponential for a backtracking matcher.
        let text = attribute("a".repeat(2_000) + "!");
        assert_eq!(outcome("p.matches('^(a|a|aa)+$')", &text), "false");
    });
}

/// Texts made of the language's own words get further than random ones.
fn expression_like() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "a",
        "b.c",
        "type",
        "id",
        "attributes",
        "EventType",
        "InputEvent",
        "has",
        "has(a)",
        "size",
        "matches",
        "int",
        "true",
        "false",
        "null",
        "in",
        "1",
        "-1",
        "2u",
        "1.5",
        "9223372036854775807",
        "'x'",
        "\"(\"",
        "b'y'",
        "r'\\'",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "?",
        ":",
        ",",
        ".",
        "+",
        "-",
        "*",
        "/",
        "%",
        "!",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "//",
        "\n",
        "'",
        "\\",
        "\u{e9}",
        "timestamp('2024-02-29T00:00:00Z')",
        "duration('1h')",
        ".getHours(",
        ".all(",
        "x,",
        "dyn(",
        "string(",
        "['k']",
    ]);
    (prop::collection::vec(words, 0..60), any::<bool>())
        .prop_map(|(words, spaced)| words.join(if spaced { " " } else { "" }))
}

/// Expressions that parse, so that checking and evaluation are reached.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "a.b",
        "c[0]",
        "m.k",
        "attributes.a",
        "type",
        "id",
        "true",
        "false",
        "null",
        "1",
        "0",
        "-1",
        "3u",
        "1.5",
        "9223372036854775807",
        "'x'",
        "''",
        "b'x'",
        "[]",
        "{}",
        "has(a)",
        "has(m.k.z)",
        "timestamp(0)",
        "duration('1s')",
        "EventType.InputEvent",
        "dyn(1)",
        "dyn('x')",
        "missing",
        "int",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "&&", "||",
        ]);
        let function = prop::sample::select(vec![
            "size",
            "int",
            "uint",
            "double",
            "string",
            "bool",
            "bytes",
            "dyn",
            "type",
            "timestamp",
            "duration",
        ]);
        let method = prop::sample::select(vec![
            "size()",
            "contains('x')",
            "matches('x')",
            "matches(a)",
            "getHours()",
            "getMonth('+01:00')",
            "k",
            "startsWith(type)",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("(dyn({a}) ? {b} : {c})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), method).prop_map(|(a, m)| format!("({a}).{m}")),
            inner.clone().prop_map(|a| format!("dyn({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}][{b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.prop_map(|a| format!("-({a})")),
        ]
    })
}

fn plain_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::I8),
        any::<i64>().prop_map(Value::I64),
        any::<f32>().prop_map(Value::F32),
        any::<f64>().prop_map(Value::F64),
        any::<u16>().prop_map(Value::Char),
        ".{0,6}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::Bytes),
        prop::collection::vec(any::<u8>(), 0..150).prop_map(Value::BigInt),
        (prop::collection::vec(any::<u8>(), 0..30), any::<i32>())
            .prop_map(|(unscaled, scale)| Value::BigDecimal { unscaled, scale }),
        any::<u128>().prop_map(Value::Uuid),
        Just(Value::Opaque { tag: 33, bytes: vec![] }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec(("[kxz]", inner.clone()), 0..3).prop_map(Value::Map),
            prop::collection::vec((inner.clone(), inner), 0..3).prop_map(Value::Table),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Vec<(String, Value)>> {
    (plain_value(), plain_value(), plain_value()).prop_map(|(a, c, m)| {
        vec![
            ("a".to_owned(), a),
            ("c".to_owned(), Value::List(vec![c])),
            ("m".to_owned(), m),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_any_phase_panic(entry in any::<String>(), attributes in attributes()) {
        outcome(&entry, &attributes);
    }

    #[test]
    fn no_sequence_of_words_makes_any_phase_panic(entry in expression_like(), attributes in attributes()) {
        outcome(&entry, &attributes);
    }

    #[test]
    fn expressions_parse_and_never_panic(entry in expression(), attributes in attributes()) {
        prop_assert_ne!(outcome(&format!("dyn({entry}) == true"), &attributes), "SYNTAX", "{}", entry);
    }

    #[test]
    fn comparison_is_consistent(x in plain_value(), y in plain_value()) {
        let attributes = [("x".to_owned(), x), ("y".to_owned(), y)];
        prop_assert_eq!(outcome("x == y", &attributes), outcome("y == x", &attributes));
        prop_assert_eq!(outcome("x != y", &attributes), outcome("!(x == y)", &attributes));
        prop_assert_eq!(outcome("x < y", &attributes), outcome("y > x", &attributes));
        if outcome("x < y", &attributes) == "true" {
            prop_assert_eq!(outcome("x >= y || x == y", &attributes), "false");
        }
    }
}

/// A condition is short, but names a large attribute thousands of times: what it makes counts in all, not each part.
#[test]
fn one_evaluation_makes_a_bounded_amount_whatever_the_values() {
    const MEBI: usize = 1 << 20;
    let attributes = [
        ("t".to_owned(), Value::Text("x".repeat(4 * MEBI))),
        ("b".to_owned(), Value::Bytes(vec![b'x'; 4 * MEBI])),
        ("w".to_owned(), Value::Wtf16(vec![0xe4; 2 * MEBI])),
        ("l".to_owned(), Value::List(vec![Value::Null; MEBI / 4])),
        (
            "m".to_owned(),
            Value::Map(vec![("w".to_owned(), Value::Wtf16(vec![0xe4; 2 * MEBI]))]),
        ),
    ];
    let list_of = |item: &str, times: usize| format!("[{}] != []", vec![item; times].join(", "));
    let within = [
        "t + t + t + t != ''".to_owned(),
        "b + b + b + b != b'x'".to_owned(),
        "size(l + l + l + l) == 1048576".to_owned(),
        list_of("string(b)", 4),
        list_of("bytes(t)", 500),
        list_of("w", 4),
        list_of("m.w", 4),
        list_of("t", 1_000),
        list_of("l", 1_000),
    ];
    let beyond = [
        "t + t + t + t + 'x' != ''".to_owned(),
        "b + b + b + b + b'x' != b'x'".to_owned(),
        "size(l + l + l + l + [1]) == 0".to_owned(),
        list_of("t + t", 3),
        list_of("t + t", 900),
        list_of("b + b", 3),
        list_of("l + l", 3),
        list_of("string(b)", 5),
        list_of("w", 5),
        list_of("m.w", 5),
        list_of("m['w']", 500),
        list_of("([w] + l)[0]", 5),
    ];
    for entry in &within {
        assert_eq!(outcome(entry, &attributes), "true", "{}", &entry[..30.min(entry.len())]);
    }
    for entry in &beyond {
        assert_eq!(
            outcome(entry, &attributes),
            "error",
            "{}",
            &entry[..30.min(entry.len())]
        );
    }
    assert_eq!(
        outcome(&within[0], &attributes),
        "true",
        "each evaluation has its own budget"
    );
}
