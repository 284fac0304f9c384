//! Flink's configuration files: both formats, the places where our keys may stand, and files that are refused.

use flink_agents_core::config::{ConfigError, parse_file};
use proptest::prelude::*;

fn values(name: &str, text: &str) -> Vec<(String, String)> {
    let (values, _) = parse_file(name, text).unwrap_or_else(|e| panic!("{e}"));
    values
        .into_iter()
        .map(|v| (v.key, v.value.as_str().to_owned()))
        .collect()
}

fn warnings(name: &str, text: &str) -> Vec<String> {
    parse_file(name, text).unwrap_or_else(|e| panic!("{e}")).1
}

fn refuse(text: &str) -> String {
    match parse_file("config.yaml", text) {
        Ok(found) => panic!("accepted: {found:?}"),
        Err(error) => {
            assert!(matches!(error, ConfigError::File { .. }), "{error:?}");
            error.to_string()
        }
    }
}

#[track_caller]
fn assert_values(found: &[(String, String)], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_agent_section_is_flattened_with_dots_allowed_at_every_level() {
    let text = r#"
jobmanager:
  rpc.address: localhost
agent:
  job-identifier: demo
  event-log:
    level: VERBOSE
    type._chat_response_event.level: "OFF"
    standard:
      max-depth: 7
  memory.generate-event: true
  memory:
    generate-event.sensory-read: false
"#;
    assert_values(
        &values("config.yaml", text),
        &[
            ("job-identifier", "\"demo\""),
            ("event-log.level", "\"VERBOSE\""),
            ("event-log.type._chat_response_event.level", "\"OFF\""),
            ("event-log.standard.max-depth", "7"),
            ("memory.generate-event", "true"),
            ("memory.generate-event.sensory-read", "false"),
        ],
    );
}

#[test]
fn flat_keys_and_nested_ones_may_stand_side_by_side() {
    let text = "agent.job-identifier: flat\nagent.event-log:\n  level: 'OFF'\nagent:\n  max-retries: 5\n";
    assert_values(
        &values("/opt/flink/conf/config.yaml", text),
        &[
            ("job-identifier", "\"flat\""),
            ("event-log.level", "\"OFF\""),
            ("max-retries", "5"),
        ],
    );
}

#[test]
fn unquoted_values_are_read_after_yaml_1_2_and_keep_their_digits() {
    let text = "agent: {a: OFF, b: no, c: 'true', d: True, e: 1.10, f: 007, g: 0x1f, h: +1, i: 12345678901234567890123, \
                j: ~, k: , l: .inf, m: -3e2, n: !!str 5, o: 2026-01-01}";
    assert_values(
        &values("config.yaml", text),
        &[
            ("a", "\"OFF\""),
            ("b", "\"no\""),
            ("c", "\"true\""),
            ("d", "true"),
            ("e", "1.10"),
            ("f", "\"007\""),
            ("g", "\"0x1f\""),
            ("h", "\"+1\""),
            ("i", "12345678901234567890123"),
            ("l", "\".inf\""),
            ("m", "-3e2"),
            ("n", "\"5\""),
            ("o", "\"2026-01-01\""),
        ],
    );
}

#[test]
fn lists_become_json_arrays() {
    let text =
        "agent:\n  event-listeners:\n    - com.example.One\n    - com.example.Two\n  mine: [{a: 1, b: [x, ~]}]\n";
    assert_values(
        &values("config.yaml", text),
        &[
            ("event-listeners", r#"["com.example.One","com.example.Two"]"#),
            ("mine", r#"[{"a":1,"b":["x",null]}]"#),
        ],
    );
}

#[test]
fn values_know_their_line() {
    let (values, _) = parse_file("config.yaml", "# one\nx: 1\nagent:\n  a: 1\n\n  b: 2\n").unwrap();
    assert_eq!(values.iter().map(|v| v.line).collect::<Vec<_>>(), [4, 6]);
}

#[test]
fn anchors_and_aliases_are_written_out() {
    let text = "x: &shared {level: VERBOSE}\nagent:\n  event-log: *shared\n  a: &n 5\n  b: *n\n";
    assert_values(
        &values("config.yaml", text),
        &[("event-log.level", "\"VERBOSE\""), ("a", "5"), ("b", "5")],
    );
}

#[test]
fn a_file_without_content_or_without_our_section_is_empty() {
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "~",
        "\u{feff}",
        "a: 1\n",
        "agent:\n",
        "agent: {}\n",
        "agent: null",
    ] {
        assert_values(&values("config.yaml", text), &[]);
    }
}

#[test]
fn the_older_format_is_read_line_by_line() {
    let text = "env.java.opts: -Dx=y: \"[odd\njobmanager.rpc.address: localhost # here\nagent.job-identifier: demo # mine\n\
                agent.baseLogDir: /tmp/a: b\nagent.max-retries: 5\nagent.chat.async: 'false'\nagent.sqlite.path: \"C:\\\\x\"\nagentx.a: 1\n";
    assert_values(
        &values("/etc/flink-conf.yaml", text),
        &[
            ("job-identifier", "\"demo\""),
            ("baseLogDir", "\"/tmp/a: b\""),
            ("max-retries", "5"),
            ("chat.async", "\"false\""),
            ("sqlite.path", "\"C:\\\\x\""),
        ],
    );
}

#[test]
fn the_older_format_may_have_a_nested_section_too() {
    let text = "env.java.opts: -Dx=y: [odd\nagent:\n  event-log:\n    level: VERBOSE\n\n  # text\n  rag.async: false\nother: {\n";
    assert_values(
        &values("flink-conf.yaml", text),
        &[("event-log.level", "\"VERBOSE\""), ("rag.async", "false")],
    );
    assert_eq!(parse_file("flink-conf.yaml", text).unwrap().0[0].line, 4);
}

#[test]
fn text_that_is_no_yaml_names_file_and_line() {
    let message = refuse("a: 1\nagent:\n  b: [1, 2\nc: }\n");
    assert!(
        message.starts_with("Cannot read the configuration file config.yaml, line "),
        "{message}"
    );
    assert!(message.contains("not valid YAML: "), "{message}");
}

#[test]
fn a_file_or_section_that_is_no_mapping_is_refused() {
    assert!(refuse("- a\n- b\n").contains("line 1: it must be a mapping"));
    assert!(refuse("just text").contains("it must be a mapping"));
    assert!(refuse("a: 1\nagent: yes\n").contains("line 2: the value of 'agent' must be a mapping"));
    assert!(refuse("agent: [a]\n").contains("the value of 'agent' must be a mapping"));
}

#[test]
fn a_key_set_twice_names_both_lines() {
    let message = refuse("agent:\n  job-identifier: a\nagent.job-identifier: b\n");
    assert!(
        message.contains("line 3: the key 'job-identifier' was already set in line 2. Remove one"),
        "{message}"
    );
    // The same within one mapping, which the parser itself lets pass.
    assert!(refuse("agent:\n  a: 1\n  a: 2\n").contains("already set in line 2"));
}

#[test]
fn several_documents_are_refused() {
    assert!(refuse("agent: {a: 1}\n---\nagent: {a: 2}\n").contains("more than one YAML document"));
}

#[test]
fn keys_that_are_no_text_are_refused() {
    assert!(refuse("agent:\n  ? [a]\n  : 1\n").contains("line 2: a key under 'agent' must be a plain text"));
    assert!(refuse("agent:\n  '': 1\n").contains("a key must have 1 to"));
    assert!(refuse("x: &x {a: 1}\nagent:\n  <<: *x\n").contains("line 3: merge keys"));
}

#[test]
fn deep_nesting_is_refused_also_on_a_small_stack() {
    let check = || {
        assert!(
            refuse(&format!("agent: {}", "{a: ".repeat(34) + "1" + &"}".repeat(34))).contains("deeper than 32 levels")
        );
        for open in ["[", "{a: ", "- ", "? ", "? - ", "*a ", "&a "] {
            let text = format!("agent:\n  x:\n    {}", open.repeat(50_000));
            assert!(
                refuse(&text).starts_with("Cannot read the configuration file"),
                "{open}"
            );
            // Beside our section the depth does not matter to us, but it must not overflow either.
            let _ = parse_file(
                "config.yaml",
                &format!("other:\n  {}\nagent: {{a: 1}}\n", open.repeat(10_000)),
            );
        }
    };
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn aliases_that_multiply_each_other_are_refused() {
    let mut text = String::from("agent:\n  a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for i in 1..30 {
        let before = format!("*a{}, ", i - 1).repeat(9);
        text.push_str(&format!("  a{i}: &a{i} [{}]\n", before.trim_end_matches(", ")));
    }
    assert!(refuse(&text).contains("with its aliases written out it has more than"));
    let mut text = String::from("agent:\n  a0: &a0 {k: v}\n");
    for i in 1..30 {
        text.push_str(&format!("  a{i}: &a{i} {{x: *a{}, y: *a{0}}}\n", i - 1));
    }
    assert!(refuse(&text).contains("with its aliases written out"));
}

#[test]
fn an_alias_of_itself_is_refused() {
    let message = refuse("agent: &a\n  b: *a\n");
    assert!(
        message.contains("deeper than 32") || message.contains("not valid YAML"),
        "{message}"
    );
}

#[test]
fn a_huge_file_is_refused() {
    assert!(refuse(&"# x\n".repeat(300_000)).contains("1200000 bytes; at most 1048576"));
    assert!(refuse(&format!("a: [{}]", "1,".repeat(250_000))).contains("more than 200000 keys and values"));
}

#[test]
fn keys_in_the_wrong_place_are_reported() {
    assert_eq!(
        warnings(
            "config.yaml",
            "job-identifier: x\nagents:\n  a: 1\nAgent.event-log.level: OFF\nparallelism.default: 1\nstate.backend: x\n"
        ),
        [
            "config.yaml, line 1: 'job-identifier' has no effect without the prefix: write 'agent.job-identifier'",
            "config.yaml, line 2: 'agents' is not read; the section is called 'agent'",
            "config.yaml, line 3: 'Agent.event-log.level' is not read; did you mean 'agent.event-log.level'?",
        ]
        .map(|text| if text.contains("Agent.event") {
            text.replace("line 3", "line 4")
        } else {
            text.to_owned()
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "(agent|\\.|: |\n|  |- |[\\[\\]{}&*!|>'\"%@#,a-c1~?\u{e9}\t]){0,80}", legacy in any::<bool>()) {
        let name = if legacy { "flink-conf.yaml" } else { "config.yaml" };
        let _ = parse_file(name, &text);
        let _ = parse_file(name, &format!("agent:\n  a: 1\n  b: {text}\nx: {text}"));
    }

    #[test]
    fn any_text_value_survives_quoted(value in "\\PC{0,40}") {
        let json = serde_json::Value::String(value.clone()).to_string();
        let (values, _) = parse_file("config.yaml", &format!("agent:\n  k: {json}\n")).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(values[0].value.as_string(), Some(value));
    }
}
