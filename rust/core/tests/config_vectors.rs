//! What Java and Python read alike, and the list of options that theirs are compared with.
#![allow(clippy::unwrap_used)]

use flink_agents_core::config::{ConfigError, ConfigMap, Kind, OPTIONS, is_secret, load_json};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../../e2e-test/conformance/config-values.json");

fn vectors(part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all[part].as_array().unwrap().clone()
}

fn read(value: &Value, kind: &str) -> Result<Value, ConfigError> {
    let key = match kind {
        "bool" => "prettyPrint",
        "int" => "max-retries",
        "long" => "short-term-memory.state-ttl.ms",
        "float" => "retry.jitter",
        "text" => "job-identifier",
        "enum" => "error-handling-strategy",
        "list" => "event-listeners",
        other => panic!("{other}"),
    };
    let mut config = ConfigMap::default();
    config.set(key, value);
    Ok(match kind {
        "bool" => json!(config.get_bool(key)?),
        "int" | "long" => json!(config.get_int(key)?),
        "float" => json!(config.get_float(key)?),
        "text" => json!(config.get_text(key)?),
        "enum" => json!(config.get_enum(key)?),
        _ => json!(config.get_list(key)?),
    })
}

#[test]
fn values_are_read_as_in_java_and_python() {
    for vector in vectors("values") {
        let found = read(&vector["value"], vector["as"].as_str().unwrap());
        match vector.get("is") {
            Some(expected) => assert_eq!(&found.unwrap(), expected, "{vector}"),
            None => drop(found.expect_err(&vector.to_string())),
        }
    }
}

#[test]
fn sources_are_merged_as_in_java_and_python() {
    for vector in vectors("sources") {
        let request = json!({
            "file_name": vector["file"], "file_text": vector["text"],
            "dynamic": vector["dynamic"], "environment": vector["environment"],
        });
        let found = load_json(request.to_string().as_bytes());
        let texts = |of: &str| -> Vec<String> {
            let all = vector[of].as_array().into_iter().flatten();
            all.map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        match vector.get("conf") {
            None => {
                let error = found.unwrap_err().to_string();
                for text in texts("error") {
                    assert!(error.contains(&text), "{vector}: {error}");
                }
                assert!(!error.contains("hunter2"), "{error}");
            }
            Some(conf) => {
                let merged: Value = serde_json::from_slice(&found.unwrap()).unwrap();
                assert_eq!(&merged["conf_data"], conf, "{vector}");
                let warnings = merged["warnings"].to_string();
                assert_eq!(
                    merged["warnings"] == json!([]),
                    vector.get("warning").is_none(),
                    "{warnings}"
                );
                assert!(
                    texts("warning").iter().all(|text| warnings.contains(text)),
                    "{vector}: {warnings}"
                );
            }
        }
    }
}

#[test]
fn secrets_are_known_by_their_keys_as_in_java_and_python() {
    for vector in vectors("secrets") {
        let key = vector[0].as_str().unwrap();
        assert_eq!(json!(is_secret(key)), vector[1], "{key}");
    }
}

/// `UPDATE_DOCS=1` writes it. Java and Python compare their constants with it.
#[test]
fn the_list_of_options_is_the_table() {
    let type_of = |kind: &Kind| match kind {
        Kind::Bool => json!("bool"),
        Kind::Int { .. } => json!("int"),
        Kind::Float { .. } => json!("float"),
        Kind::Text { .. } => json!("text"),
        Kind::List { .. } => json!("list"),
        Kind::Enum { words, .. } => json!(words),
        Kind::Duration => json!("duration"),
        Kind::Size => json!("size"),
    };
    let lines = OPTIONS
        .iter()
        .map(|option| json!({"key": option.key, "type": type_of(&option.kind), "default": option.default}).to_string());
    let wanted = format!("[\n{}\n]\n", lines.collect::<Vec<_>>().join(",\n"));
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../e2e-test/conformance/config-options.json"
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "config-options.json is not what the table says; run this test with UPDATE_DOCS=1"
    );
}
