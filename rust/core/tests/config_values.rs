//! Typed values, precedence of sources, misspelt keys, and the table of options.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use flink_agents_core::config::{
    ConfigError, ConfigMap, Kind, OPTIONS, Sources, check_key, check_keys, find, load, load_json, markdown_table,
    parse_duration, parse_size,
};
use flink_agents_core::plan::RawJson;
use proptest::prelude::*;
use serde_json::{Value, json};

fn config(values: Value) -> ConfigMap {
    let mut config = ConfigMap::default();
    for (key, value) in values.as_object().unwrap() {
        config.set(key, value);
    }
    config
}

fn pairs(values: Value) -> Vec<(String, RawJson)> {
    values
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.clone(), RawJson::from_value(v)))
        .collect()
}

#[test]
fn every_default_fits_its_own_option() {
    for option in OPTIONS {
        let Some(default) = option.default else { continue };
        let mut config = ConfigMap::default();
        config.set(option.key, &json!(default));
        config.check(option.key).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn no_option_is_listed_twice_and_every_one_is_described() {
    for (i, option) in OPTIONS.iter().enumerate() {
        assert!(OPTIONS[i + 1..].iter().all(|o| o.key != option.key), "{}", option.key);
        assert!(
            !option.effect.is_empty() && !option.effect.contains(['\n', '|']),
            "{}",
            option.key
        );
    }
}

#[test]
fn options_of_parts_that_are_not_there_say_so() {
    let parts = ["memory.generate-event.long-term", "long-term-memory."];
    let mut found = 0;
    for option in OPTIONS {
        let is_missing = parts.iter().any(|part| option.key.starts_with(part));
        assert_eq!(
            is_missing,
            option.effect.contains("**No effect yet**"),
            "{}",
            option.key
        );
        found += usize::from(is_missing);
    }
    assert_eq!(found, 6);
}

#[test]
fn the_documented_options_are_all_there() {
    // Keys of the reference with their defaults; the defaults of `num-async-threads` differ on purpose.
    for (key, default) in [
        ("eventLoggerType", Some("slf4j")),
        ("baseLogDir", None),
        ("prettyPrint", Some("false")),
        ("event-listeners", None),
        ("event-log.level", Some("STANDARD")),
        ("event-log.type.any.type.level", None),
        ("event-log.standard.max-string-length", Some("2000")),
        ("event-log.standard.max-array-elements", Some("20")),
        ("event-log.standard.max-depth", Some("5")),
        ("event-log.trace.enabled", Some("false")),
        (
            "action.trigger-condition.evaluate-failure-strategy",
            Some("WARN_AND_SKIP"),
        ),
        ("job-identifier", None),
        ("error-handling-strategy", Some("FAIL")),
        ("max-retries", Some("3")),
        ("retry-wait-interval", Some("1")),
        ("num-async-threads", Some("1000")),
        ("chat.max-tool-rounds", Some("50")),
        ("chat.structured-output-repairs", Some("1")),
        ("chat.async", Some("true")),
        ("tool-call.async", Some("true")),
        ("rag.async", Some("true")),
        ("agent-run.begin-event", Some("false")),
        ("short-term-memory.state-ttl.ms", Some("0")),
        ("short-term-memory.state-ttl.update-type", Some("ON_READ_AND_WRITE")),
        ("short-term-memory.state-ttl.visibility", Some("NEVER_RETURN_EXPIRED")),
        ("memory.generate-event", None),
        ("memory.generate-event.short-term-write", None),
        ("long-term-memory.mem0.vector-store", None),
        ("actionStateStoreBackend", None),
        ("kafkaBootstrapServers", Some("localhost:9092")),
        ("kafkaActionStateTopicNumPartitions", Some("64")),
        ("kafka.properties.security.protocol", None),
        ("max-in-flight", Some("10000")),
        ("max-events-per-run", Some("10000")),
        ("action.classify.on-failure", None),
        ("action.a.b.retry.max-backoff", None),
        ("retry.jitter", Some("0.5")),
        ("action-state.retention", Some("7 d")),
        ("python.worker.timeout", Some("5 min")),
        ("log.keys", Some("hash")),
    ] {
        let option = find(key).unwrap_or_else(|| panic!("no option for {key}"));
        assert_eq!(option.default, default, "{key}");
    }
}

#[test]
fn the_documentation_shows_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations/configuration.md");
    let wanted = markdown_table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/operations/configuration.md is not what the table says; run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn unset_options_have_their_defaults() {
    let empty = ConfigMap::default();
    assert_eq!(empty.get_bool("chat.async").unwrap(), Some(true));
    assert_eq!(empty.get_int("max-in-flight").unwrap(), Some(10_000));
    assert_eq!(empty.get_float("retry.jitter").unwrap(), Some(0.5));
    assert_eq!(empty.get_enum("event-log.level").unwrap(), Some("STANDARD"));
    assert_eq!(
        empty.get_duration("action-state.retention").unwrap(),
        Some(Duration::from_secs(7 * 86_400))
    );
    assert_eq!(empty.get_size("event-log.max-file-size").unwrap(), Some(100 << 20));
    assert_eq!(
        empty.get_text("kafkaBootstrapServers").unwrap().as_deref(),
        Some("localhost:9092")
    );
    assert_eq!(empty.get_duration("call.timeout").unwrap(), None);
    assert_eq!(empty.get_list("event-listeners").unwrap(), None);
    assert_eq!(empty.get_bool("memory.generate-event").unwrap(), None);
}

#[test]
fn texts_are_converted_and_false_is_false() {
    let config = config(json!({
        "chat.async": "false", "rag.async": " FALSE ", "max-retries": "7", "retry.jitter": "0.25", "event-log.level": "off",
        "error-handling-strategy": "retry", "on-failure": "DEAD_LETTER", "retry.backoff": "250 ms", "retry.max-backoff": 1500,
        "event-log.max-file-size": "64k", "call.timeout": "none", "job-identifier": 42, "max-in-flight": 3.0,
        "event-listeners": "a.B; c.D", "memory.generate-event": null
    }));
    assert_eq!(config.get_bool("chat.async").unwrap(), Some(false));
    assert_eq!(config.get_bool("rag.async").unwrap(), Some(false));
    assert_eq!(config.get_int("max-retries").unwrap(), Some(7));
    assert_eq!(config.get_int("max-in-flight").unwrap(), Some(3));
    assert_eq!(config.get_float("retry.jitter").unwrap(), Some(0.25));
    assert_eq!(config.get_enum("event-log.level").unwrap(), Some("OFF"));
    assert_eq!(config.get_enum("error-handling-strategy").unwrap(), Some("RETRY"));
    assert_eq!(config.get_enum("on-failure").unwrap(), Some("dead-letter"));
    assert_eq!(
        config.get_duration("retry.backoff").unwrap(),
        Some(Duration::from_millis(250))
    );
    assert_eq!(
        config.get_duration("retry.max-backoff").unwrap(),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(config.get_size("event-log.max-file-size").unwrap(), Some(65_536));
    assert_eq!(config.get_duration("call.timeout").unwrap(), None);
    assert_eq!(config.get_text("job-identifier").unwrap().as_deref(), Some("42"));
    assert_eq!(config.get_list("event-listeners").unwrap().unwrap(), ["a.B", "c.D"]);
    assert_eq!(config.get_bool("memory.generate-event").unwrap(), None);
}

#[test]
fn an_option_of_one_action_goes_before_the_one_for_all() {
    let config = config(
        json!({"action.a.b.retry.max-attempts": 2, "retry.max-attempts": 5, "action.c.retry.max-attempts": null}),
    );
    let attempts = |action| {
        config
            .get_int(&config.action_key(action, "retry.max-attempts"))
            .unwrap()
    };
    assert_eq!(
        (attempts("a.b"), attempts("c"), attempts("z")),
        (Some(2), Some(5), Some(5))
    );
    assert_eq!(
        config.get_enum(&config.action_key("z", "on-failure")).unwrap(),
        Some("fail")
    );
}

#[test]
fn durations_and_sizes_are_read_as_people_write_them() {
    for (text, millis) in [
        ("5 min", 300_000),
        ("30 s", 30_000),
        ("30s", 30_000),
        ("100", 100),
        ("100ms", 100),
        ("2 h", 7_200_000),
        ("1 day", 86_400_000),
        ("0", 0),
        ("3 Minutes", 180_000),
    ] {
        assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
    }
    assert_eq!(parse_duration("7 us"), Some(Duration::from_micros(7)));
    for text in [
        "",
        "s",
        "-1 s",
        "1.5 s",
        "1 fortnight",
        "9999999999999 d",
        "1 s 2 ms",
        "１ s",
        "99999999999999999999",
    ] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
    for (text, bytes) in [
        ("1 MB", 1 << 20),
        ("1mb", 1 << 20),
        ("64 kb", 65_536),
        ("5", 5),
        ("2 GiB", 2 << 30),
        ("1 tb", 1 << 40),
    ] {
        assert_eq!(parse_size(text), Some(bytes), "{text}");
    }
    for text in ["", "MB", "-1", "1.5 mb", "1 xb", "99999999 tb"] {
        assert_eq!(parse_size(text), None, "{text}");
    }
}

#[test]
fn a_wrong_value_names_key_value_and_what_is_allowed() {
    for (key, value, parts) in [
        (
            "chat.async",
            json!("yes"),
            vec!["'chat.async'", "\"yes\"", "allowed: true or false (default \"true\")"],
        ),
        (
            "chat.async",
            json!(1),
            vec!["Invalid value 1 of configuration key 'chat.async'"],
        ),
        (
            "max-retries",
            json!("three"),
            vec!["\"three\"", "allowed: a whole number (default \"3\")"],
        ),
        ("max-retries", json!(1.5), vec!["1.5", "a whole number"]),
        ("max-retries", json!(99_999_999_999_i64), vec!["a whole number"]),
        (
            "max-in-flight",
            json!(0),
            vec!["allowed: a whole number from 1 to 2147483647"],
        ),
        ("retry.jitter", json!("2"), vec!["allowed: a number from 0 to 1"]),
        (
            "event-log.level",
            json!("LOUD"),
            vec!["\"LOUD\"", "allowed: OFF, STANDARD, VERBOSE"],
        ),
        (
            "event-log.level",
            json!(["OFF"]),
            vec!["[\"OFF\"]", "OFF, STANDARD, VERBOSE"],
        ),
        (
            "event-log.type.a.b.level",
            json!("no"),
            vec!["'event-log.type.a.b.level'", "OFF, STANDARD, VERBOSE"],
        ),
        (
            "python.worker.timeout",
            json!("5 eons"),
            vec![
                "\"5 eons\"",
                "allowed: a duration such as 500 ms",
                "(default \"5 min\")",
            ],
        ),
        (
            "action-state.max-record-size",
            json!("big"),
            vec!["a size such as 64 kb"],
        ),
        (
            "event-listeners",
            json!({"a": 1}),
            vec!["allowed: a list of class names"],
        ),
        ("job-identifier", json!({"a": 1}), vec!["allowed: text"]),
        (
            "actionStateStoreBackend",
            json!("Fluss"),
            vec!["the Fluss store is not supported here", "kafka, sqlite, memory"],
        ),
        (
            "actionStateStoreBackend",
            json!("redis"),
            vec!["\"redis\"", "allowed: kafka, sqlite, memory"],
        ),
    ] {
        let message = config(json!({ key: value })).check(key).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

#[test]
fn a_getter_for_a_key_that_is_no_option_says_so() {
    let error = ConfigMap::default().get_int("my.own.key").unwrap_err();
    assert!(error.to_string().contains("'my.own.key' is not an option"), "{error}");
}

#[test]
fn misspelt_keys_are_reported_with_the_one_that_was_meant() {
    for (written, meant) in [
        ("event-log.levle", "event-log.level"),
        ("event-log.leve", "event-log.level"),
        ("eventLog.level", "event-log.level"),
        ("base-log-dir", "baseLogDir"),
        ("jobIdentifier", "job-identifier"),
        ("max-retrys", "max-retries"),
        ("chat.asinc", "chat.async"),
        ("on-failre", "on-failure"),
        ("kafkaBootstrapServer", "kafkaBootstrapServers"),
        ("event-log.typ._input_event.level", "event-log.type._input_event.level"),
        ("event-log.type.a.b.levl", "event-log.type.a.b.level"),
        ("actions.classify.retry.backoff", "action.classify.retry.backoff"),
        (
            "action.classify.retry.max-attempt",
            "action.classify.retry.max-attempts",
        ),
        (
            "kafka.propertie.security.protocol",
            "kafka.properties.security.protocol",
        ),
    ] {
        assert_eq!(
            check_key(written).map(|f| f.suggestion).as_deref(),
            Some(meant),
            "{written}"
        );
    }
    let config = config(json!({"event-log.levle": "OFF", "mine": 1, "chat.async": true}));
    let findings = check_keys(&config);
    assert_eq!(findings.len(), 1);
    assert_eq!(
        findings[0].warning("config.yaml, line 3"),
        "Unknown configuration key 'event-log.levle' (config.yaml, line 3): did you mean 'event-log.level'? As written it \
         has no effect on the framework"
    );
}

#[test]
fn keys_of_users_own_are_left_alone() {
    for key in [
        "OllamaChatModelConnection.base_url",
        "my.threshold",
        "threshold",
        "retries",
        "model",
        "x",
        "action",
        "action.x",
        "kafka.topic",
        "",
        ".",
        "...",
        "OpenAIChatModelSetup.max_retries",
        "event-log",
        "memory",
        "app.level",
        "kafka",
    ] {
        assert_eq!(check_key(key), None, "{key}");
    }
    for option in OPTIONS {
        assert_eq!(check_key(&option.key.replace(['<', '>'], "")), None, "{}", option.key);
    }
}

#[test]
fn environment_goes_before_command_line_before_file() {
    let sources = Sources {
        file: Some((
            "config.yaml".into(),
            "agent:\n  max-retries: 1\n  retry-wait-interval: 1\n  job-identifier: f\n  mine: f\n".into(),
        )),
        dynamic: pairs(
            json!({"agent.retry-wait-interval": "2", "agent.job-identifier": "d", "parallelism.default": "4"}),
        ),
        environment: pairs(json!({"job-identifier": "e", "max-retries": null})),
    };
    let (config, warnings) = load(&sources).unwrap();
    assert_eq!(config.get_int("max-retries").unwrap(), Some(1));
    assert_eq!(config.get_int("retry-wait-interval").unwrap(), Some(2));
    assert_eq!(config.get_text("job-identifier").unwrap().as_deref(), Some("e"));
    assert_eq!(config.raw("mine"), Some(&RawJson::string("f")));
    assert_eq!(config.len(), 4);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a_null_of_the_environment_unsets_an_option_that_has_no_default() {
    let sources = Sources {
        dynamic: pairs(json!({"agent.job-identifier": "d"})),
        environment: pairs(json!({"job-identifier": null})),
        ..Sources::default()
    };
    assert_eq!(load(&sources).unwrap().0.get_text("job-identifier").unwrap(), None);
}

#[test]
fn a_wrong_value_names_where_it_was_set() {
    let file = Some((
        "conf/config.yaml".to_owned(),
        "agent:\n  event-log.level: LOUD\n".to_owned(),
    ));
    let error = load(&Sources {
        file: file.clone(),
        ..Sources::default()
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Invalid value \"LOUD\" of configuration key 'event-log.level' (conf/config.yaml, line 2): allowed: OFF, STANDARD, \
         VERBOSE (default \"STANDARD\")"
    );
    let dynamic = pairs(json!({"agent.event-log.level": "QUIET"}));
    let error = load(&Sources {
        file: file.clone(),
        dynamic: dynamic.clone(),
        ..Sources::default()
    })
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\"QUIET\" of configuration key 'event-log.level' (-Dagent.event-log.level)"),
        "{error}"
    );
    // What is overridden is never used, so it may be wrong.
    let environment = pairs(json!({"event-log.level": "OFF"}));
    assert!(
        load(&Sources {
            file,
            dynamic,
            environment
        })
        .is_ok()
    );
}

#[test]
fn keys_of_ours_without_their_prefix_on_the_command_line_are_reported() {
    let sources = Sources {
        dynamic: pairs(json!({"event-log.level": "OFF", "agents.max-retrys": "1", "rest.port": "1"})),
        ..Sources::default()
    };
    let (config, warnings) = load(&sources).unwrap();
    assert!(config.is_empty());
    assert_eq!(
        warnings,
        [
            "-Devent-log.level: 'event-log.level' has no effect without the prefix: write 'agent.event-log.level'",
            "-Dagents.max-retrys: 'agents.max-retrys' is not read; did you mean 'agent.max-retries'?",
        ]
    );
}

#[test]
fn hosts_load_everything_with_one_request() {
    let request = json!({
        "file_name": "config.yaml",
        "file_text": "agent:\n  event-log.levle: OFF\n  job-identifier: demo\n",
        "dynamic": {"agent.max-retries": "5"},
        "environment": {"chat.async": false, "mine": {"a": [1]}}
    });
    let answer: Value = serde_json::from_slice(&load_json(request.to_string().as_bytes()).unwrap()).unwrap();
    assert_eq!(
        answer["conf_data"],
        json!({"event-log.levle": "OFF", "job-identifier": "demo", "max-retries": "5", "chat.async": false, "mine": {"a": [1]}})
    );
    assert_eq!(answer["warnings"].as_array().unwrap().len(), 1);
    assert!(
        answer["warnings"][0]
            .as_str()
            .unwrap()
            .contains("(config.yaml, line 2): did you mean 'event-log.level'?")
    );
    let nothing = load_json(br#"{"file_text":null,"dynamic":null}"#).unwrap();
    assert_eq!(nothing, br#"{"conf_data":{},"warnings":[]}"#);
}

#[test]
fn a_request_that_cannot_be_understood_is_refused() {
    for (request, part) in [
        (&b"{"[..], "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "expected an object"),
        (br#"{"file_text":5}"#, "file_text: found 5; expected a string"),
        (br#"{"dynamic":[]}"#, "dynamic: found an array"),
        (br#"{"environment":{"a":1,"a":2}}"#, "the key \"a\" occurs twice"),
        (br#"{"enviroment":{}}"#, "unknown key 'enviroment'"),
    ] {
        let error = load_json(request).unwrap_err();
        assert!(matches!(error, ConfigError::Request { .. }), "{error:?}");
        assert!(error.to_string().contains(part), "{part:?} is not in: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_keys_and_values_never_panic(key in "[a-zA-Z.<>\\-]{0,40}|\\PC{0,20}", value in "\\PC{0,20}", option in 0..OPTIONS.len()) {
        let _ = check_key(&key);
        let mut config = ConfigMap::default();
        for kind in [json!(value), json!(value.len()), json!([value]), json!(null)] {
            config.set(OPTIONS[option].key, &kind);
            let result = config.check(OPTIONS[option].key);
            if matches!(OPTIONS[option].kind, Kind::Text { .. }) && !kind.is_array() {
                prop_assert!(result.is_ok());
            }
        }
        let _ = load_json(value.as_bytes());
    }

    #[test]
    fn a_swap_of_two_letters_is_found(option in 0..OPTIONS.len(), at in 0..100usize) {
        let key = OPTIONS[option].key;
        if OPTIONS[option].family().is_none() && key.len() > 5 {
            let mut letters: Vec<char> = key.chars().collect();
            let at = at % (letters.len() - 1);
            letters.swap(at, at + 1);
            let written: String = letters.into_iter().collect();
            if written != key {
                let found = check_key(&written).map(|f| f.suggestion);
                prop_assert_eq!(found.as_deref(), Some(key), "{}", written);
            }
        }
    }
}
