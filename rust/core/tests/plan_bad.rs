//! Plans that must be refused, each with a message that says where, what and how to mend it.

use flink_agents_core::plan::{AgentPlan, PlanError, PlanErrorKind};

const EXEC: &str = r#"{"func_type":"PythonFunction","module":"m","qualname":"f"}"#;

fn refuse(plan: &str) -> PlanError {
    match AgentPlan::from_json(plan.as_bytes()) {
        Ok(plan) => panic!("accepted: {plan:?}"),
        Err(error) => error,
    }
}

/// A plan with one action `onInput` with these keys beside its name.
fn with_action(rest: &str) -> String {
    format!(r#"{{"actions":{{"onInput":{{"name":"onInput",{rest}}}}}}}"#)
}

fn with_exec(exec: &str) -> String {
    with_action(&format!(r#""exec":{exec},"trigger_conditions":["a"]"#))
}

fn with_provider(resource_type: &str, provider: &str) -> String {
    format!(r#"{{"actions":{{}},"resource_providers":{{"{resource_type}":{{"r":{provider}}}}}}}"#)
}

#[track_caller]
fn assert_says(error: &PlanError, kind: PlanErrorKind, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn text_that_is_cut_off_names_line_and_column() {
    let error = refuse("{\"actions\": {\n  \"a\": {\"name\": ");
    assert_says(
        &error,
        PlanErrorKind::Malformed,
        &["at $: not valid JSON", "line 2 column", "Write the plan again"],
    );
}

#[test]
fn an_error_deep_inside_counts_lines_from_the_start_of_the_document() {
    let error = refuse("{\"actions\": {\n  \"a\": {\n \"name\": \"a\", \"config\": {\"x\": 1,}\n}}}");
    assert_says(&error, PlanErrorKind::Malformed, &["line 3 column"]);
}

#[test]
fn text_after_the_document_is_refused() {
    assert_says(
        &refuse("{\"actions\":{}} x"),
        PlanErrorKind::Malformed,
        &["trailing characters"],
    );
}

#[test]
fn empty_bytes_are_refused() {
    assert_says(&refuse(""), PlanErrorKind::Malformed, &["EOF", "at $"]);
}

#[test]
fn bytes_that_are_not_utf_8_name_the_offset() {
    let error = AgentPlan::from_json(b"{\"actions\":\xff}").unwrap_err();
    assert_says(
        &error,
        PlanErrorKind::NotUtf8,
        &["at $", "offset 11", "Write the plan as UTF-8"],
    );
}

#[test]
fn a_document_that_is_no_object_is_refused() {
    for (plan, found) in [
        ("[]", "an array"),
        ("\"x\"", "found \"x\""),
        ("1.5", "found 1.5"),
        ("null", "found null"),
    ] {
        assert_says(
            &refuse(plan),
            PlanErrorKind::WrongType,
            &["at $", found, "expected an object"],
        );
    }
}

#[test]
fn a_plan_without_actions_is_refused() {
    for plan in ["{}", r#"{"actions":null}"#] {
        assert_says(
            &refuse(plan),
            PlanErrorKind::Missing,
            &["at actions: missing or null", "action name"],
        );
    }
}

#[test]
fn a_newer_format_version_is_refused() {
    let error = refuse(r#"{"format_version":2,"actions":{"x":{"shape":"of the future"}}}"#);
    assert_says(
        &error,
        PlanErrorKind::Newer,
        &[
            "at format_version: found format 2",
            "reads formats up to 1",
            "newer version",
            "build it again",
        ],
    );
}

#[test]
fn a_format_version_that_is_no_number_is_refused() {
    for version in ["0", "-1", "1.5", "\"1\"", "99999999999999999999999"] {
        let error = refuse(&format!(r#"{{"format_version":{version},"actions":{{}}}}"#));
        assert_says(
            &error,
            PlanErrorKind::WrongType,
            &["at format_version", "a whole number from 1 on"],
        );
    }
}

#[test]
fn the_present_format_version_is_accepted() {
    assert!(AgentPlan::from_json(br#"{"format_version":1,"actions":{}}"#).is_ok());
}

#[test]
fn an_unknown_kind_of_function_is_refused() {
    let error = refuse(&with_exec(r#"{"func_type":"RustFunction","path":"a::b"}"#));
    assert_says(
        &error,
        PlanErrorKind::Newer,
        &[
            "at actions.onInput.exec.func_type: found \"RustFunction\"",
            "it knows \"JavaFunction\" and \"PythonFunction\"",
            "build it again",
        ],
    );
}

#[test]
fn a_function_without_its_discriminator_is_refused() {
    let error = refuse(&with_exec(r#"{"module":"m","qualname":"f"}"#));
    assert_says(
        &error,
        PlanErrorKind::Missing,
        &[
            "at actions.onInput.exec.func_type: missing",
            "\"JavaFunction\" and \"PythonFunction\"",
        ],
    );
}

#[test]
fn a_function_without_its_parts_is_refused() {
    for (exec, path) in [
        (
            r#"{"func_type":"JavaFunction","method_name":"m","parameter_types":[]}"#,
            "qualname",
        ),
        (
            r#"{"func_type":"JavaFunction","qualname":"C","parameter_types":[]}"#,
            "method_name",
        ),
        (
            r#"{"func_type":"JavaFunction","qualname":"C","method_name":"m"}"#,
            "parameter_types",
        ),
        (r#"{"func_type":"PythonFunction","qualname":"f"}"#, "module"),
        (
            r#"{"func_type":"PythonFunction","module":"m","qualname":null}"#,
            "qualname",
        ),
    ] {
        let place = format!("at actions.onInput.exec.{path}: missing or null");
        assert_says(&refuse(&with_exec(exec)), PlanErrorKind::Missing, &[&place]);
    }
    let error = refuse(&with_exec(
        r#"{"func_type":"PythonFunction","module":" ","qualname":"f"}"#,
    ));
    assert_says(
        &error,
        PlanErrorKind::Blank,
        &["at actions.onInput.exec.module: found \" \"", "non-blank"],
    );
    let error = refuse(&with_exec(
        r#"{"func_type":"JavaFunction","qualname":"C","method_name":"m","parameter_types":["int",3]}"#,
    ));
    assert_says(
        &error,
        PlanErrorKind::WrongType,
        &["at actions.onInput.exec.parameter_types[1]: found 3", "a string"],
    );
}

#[test]
fn an_action_without_a_function_is_refused() {
    let error = refuse(&with_action(r#""trigger_conditions":["a"]"#));
    assert_says(
        &error,
        PlanErrorKind::Missing,
        &["at actions.onInput.exec: missing or null"],
    );
}

#[test]
fn two_actions_of_one_name_are_refused() {
    let action = format!(r#"{{"name":"a","exec":{EXEC},"trigger_conditions":["x"]}}"#);
    let error = refuse(&format!(r#"{{"actions":{{"a":{action},"\u0061":{action}}}}}"#));
    assert_says(
        &error,
        PlanErrorKind::Duplicate,
        &[
            "at actions: the key \"a\" occurs twice",
            "silently replace",
            "Rename or remove one",
        ],
    );
}

#[test]
fn a_key_twice_in_any_object_that_is_interpreted_is_refused() {
    for (plan, path) in [
        (r#"{"actions":{},"actions":{}}"#.to_owned(), "at $"),
        (
            with_action(&format!(r#""name":"onInput","exec":{EXEC},"trigger_conditions":["a"]"#)),
            "at actions.onInput:",
        ),
        (
            with_exec(r#"{"func_type":"PythonFunction","func_type":"JavaFunction"}"#),
            "at actions.onInput.exec:",
        ),
        (
            r#"{"actions":{},"config":{"conf_data":{"k":1,"k":2}}}"#.to_owned(),
            "at config.conf_data:",
        ),
        (
            r#"{"actions":{},"resource_providers":{"tool":{},"tool":{}}}"#.to_owned(),
            "at resource_providers:",
        ),
    ] {
        assert_says(&refuse(&plan), PlanErrorKind::Duplicate, &[path, "occurs twice"]);
    }
}

#[test]
fn an_action_listed_under_another_name_is_refused() {
    let error = refuse(&format!(
        r#"{{"actions":{{"x.y":{{"name":"z","exec":{EXEC},"trigger_conditions":["a"]}}}}}}"#
    ));
    assert_says(
        &error,
        PlanErrorKind::Conflict,
        &[
            "at actions[\"x.y\"].name: found \"z\"",
            "listed under \"x.y\"",
            "Give both the same name",
        ],
    );
}

#[test]
fn an_action_without_a_name_is_refused() {
    let error = refuse(&format!(
        r#"{{"actions":{{"a":{{"exec":{EXEC},"trigger_conditions":["a"]}}}}}}"#
    ));
    assert_says(&error, PlanErrorKind::Missing, &["at actions.a.name"]);
    let error = refuse(&format!(
        r#"{{"actions":{{"":{{"name":"","exec":{EXEC},"trigger_conditions":["a"]}}}}}}"#
    ));
    assert_says(&error, PlanErrorKind::Blank, &["at actions[\"\"].name: found \"\""]);
}

#[test]
fn a_blank_trigger_is_refused() {
    for blank in ["", "  ", "\\t\\n"] {
        let error = refuse(&with_action(&format!(
            r#""exec":{EXEC},"trigger_conditions":["a","{blank}"]"#
        )));
        assert_says(
            &error,
            PlanErrorKind::Blank,
            &[
                "at actions.onInput.trigger_conditions[1]",
                "an event type or a condition",
                "Remove the entry",
            ],
        );
    }
    let error = refuse(&with_action(&format!(r#""exec":{EXEC},"listen_event_types":[" "]"#)));
    assert_says(
        &error,
        PlanErrorKind::Blank,
        &["at actions.onInput.listen_event_types[0]"],
    );
}

#[test]
fn an_empty_list_of_triggers_is_refused() {
    for key in ["trigger_conditions", "listen_event_types"] {
        let error = refuse(&with_action(&format!(r#""exec":{EXEC},"{key}":[]"#)));
        let place = format!("at actions.onInput.{key}: found an empty array");
        assert_says(&error, PlanErrorKind::Blank, &[&place, "could never run"]);
    }
}

#[test]
fn an_action_without_triggers_is_refused() {
    let error = refuse(&with_action(&format!(r#""exec":{EXEC}"#)));
    assert_says(
        &error,
        PlanErrorKind::Missing,
        &[
            "at actions.onInput.trigger_conditions: missing or null",
            "listen_event_types",
        ],
    );
}

#[test]
fn triggers_that_are_no_array_of_strings_are_refused() {
    let error = refuse(&with_action(&format!(r#""exec":{EXEC},"trigger_conditions":"a""#)));
    assert_says(
        &error,
        PlanErrorKind::WrongType,
        &["at actions.onInput.trigger_conditions: found \"a\"", "an array"],
    );
    let error = refuse(&with_action(&format!(
        r#""exec":{EXEC},"trigger_conditions":["a",{{}}]"#
    )));
    assert_says(
        &error,
        PlanErrorKind::WrongType,
        &["trigger_conditions[1]: found an object", "a string"],
    );
}

#[test]
fn triggers_under_both_names_are_refused() {
    let error = refuse(&with_action(&format!(
        r#""exec":{EXEC},"trigger_conditions":["a"],"listen_event_types":["a"]"#
    )));
    assert_says(
        &error,
        PlanErrorKind::Conflict,
        &["at actions.onInput: found both", "Keep only \"trigger_conditions\""],
    );
}

#[test]
fn an_event_type_of_0_3_1_that_no_trigger_can_name_is_refused() {
    let error = refuse(&with_action(&format!(
        r#""exec":{EXEC},"listen_event_types":["order created"]"#
    )));
    assert_says(
        &error,
        PlanErrorKind::Conflict,
        &[
            "at actions.onInput.listen_event_types[0]",
            "\"order created\"",
            "Rename the event type",
        ],
    );
}

#[test]
fn a_routing_table_of_0_3_1_that_contradicts_its_actions_is_refused() {
    let action = format!(r#"{{"name":"a","exec":{EXEC},"listen_event_types":["x"]}}"#);
    let with_table = |table: &str| format!(r#"{{"actions":{{"a":{action}}},"actions_by_event":{table}}}"#);
    let error = refuse(&with_table(r#"{"x":["a","b"]}"#));
    assert_says(
        &error,
        PlanErrorKind::Conflict,
        &["at actions_by_event.x[1]: found the action \"b\""],
    );
    let error = refuse(&with_table(r#"{"y":["a"]}"#));
    assert_says(
        &error,
        PlanErrorKind::Conflict,
        &["at actions_by_event.y[0]", "do not name it", "Add it there"],
    );
}

#[test]
fn an_unknown_or_missing_kind_of_action_configuration_is_refused() {
    let error = refuse(&with_action(&format!(
        r#""exec":{EXEC},"trigger_conditions":["a"],"config":{{"__config_type__":"rust"}}"#
    )));
    assert_says(
        &error,
        PlanErrorKind::Newer,
        &[
            "at actions.onInput.config.__config_type__: found \"rust\"",
            "it knows \"java\" and \"python\"",
        ],
    );
    let error = refuse(&with_action(&format!(
        r#""exec":{EXEC},"trigger_conditions":["a"],"config":{{"k":1}}"#
    )));
    assert_says(
        &error,
        PlanErrorKind::Missing,
        &["at actions.onInput.config.__config_type__: missing"],
    );
    let error = refuse(&with_action(&format!(
        r#""exec":{EXEC},"trigger_conditions":["a"],"config":7"#
    )));
    assert_says(
        &error,
        PlanErrorKind::WrongType,
        &["at actions.onInput.config: found 7", "an object"],
    );
}

#[test]
fn an_unknown_or_missing_kind_of_resource_provider_is_refused() {
    let error = refuse(&with_provider(
        "tool",
        r#"{"name":"r","type":"tool","__resource_provider_type__":"NativeProvider"}"#,
    ));
    assert_says(
        &error,
        PlanErrorKind::Newer,
        &[
            "at resource_providers.tool.r.__resource_provider_type__: found \"NativeProvider\"",
            "\"JavaResourceProvider\", \"PythonResourceProvider\"",
        ],
    );
    let error = refuse(&with_provider("tool", r#"{"name":"r","type":"tool"}"#));
    assert_says(
        &error,
        PlanErrorKind::Missing,
        &["at resource_providers.tool.r.__resource_provider_type__: missing"],
    );
}

#[test]
fn an_unknown_resource_type_is_refused() {
    let error = refuse(&with_provider("speech_model", "{}"));
    assert_says(
        &error,
        PlanErrorKind::Newer,
        &["at resource_providers.speech_model", "\"mcp_server\"", "\"chat_model\""],
    );
}

#[test]
fn a_resource_listed_under_another_name_or_type_is_refused() {
    let provider = |name: &str, resource_type: &str| {
        format!(
            r#"{{"name":"{name}","type":"{resource_type}","descriptor":{{"target_clazz":"C"}},
            "__resource_provider_type__":"JavaResourceProvider"}}"#
        )
    };
    let error = refuse(&with_provider("tool", &provider("q", "tool")));
    assert_says(
        &error,
        PlanErrorKind::Conflict,
        &["at resource_providers.tool.r.name: found \"q\""],
    );
    let error = refuse(&with_provider("tool", &provider("r", "prompt")));
    assert_says(
        &error,
        PlanErrorKind::Conflict,
        &["at resource_providers.tool.r.type: found \"prompt\""],
    );
    assert!(AgentPlan::from_json(with_provider("tool", &provider("r", "tool")).as_bytes()).is_ok());
}

#[test]
fn a_resource_whose_body_is_missing_or_of_the_wrong_type_is_refused() {
    for (kind, rest, kind_of_error, place) in [
        (
            "JavaResourceProvider",
            "",
            PlanErrorKind::Missing,
            "tool.r.descriptor: missing",
        ),
        (
            "JavaResourceProvider",
            r#","descriptor":{}"#,
            PlanErrorKind::Missing,
            "descriptor.target_clazz: missing",
        ),
        (
            "PythonResourceProvider",
            r#","descriptor":{"target_clazz":"C","arguments":[1]}"#,
            PlanErrorKind::WrongType,
            "descriptor.arguments: found an array",
        ),
        (
            "JavaSerializableResourceProvider",
            r#","clazz":"C""#,
            PlanErrorKind::Missing,
            "r.serializedResource: missing",
        ),
        (
            "JavaSerializableResourceProvider",
            r#","clazz":"C","serializedResource":{}"#,
            PlanErrorKind::WrongType,
            "r.serializedResource: found an object",
        ),
        (
            "JavaSerializableResourceProvider",
            r#","clazz":"C","serializedResource":"{\"cut\":""#,
            PlanErrorKind::Malformed,
            "r.serializedResource: the string does not hold JSON text",
        ),
        (
            "PythonSerializableResourceProvider",
            r#","clazz":"C","serialized":"{}""#,
            PlanErrorKind::WrongType,
            "r.serialized: found \"{}\"",
        ),
    ] {
        let provider = format!(r#"{{"name":"r","type":"tool"{rest},"__resource_provider_type__":"{kind}"}}"#);
        assert_says(&refuse(&with_provider("tool", &provider)), kind_of_error, &[place]);
    }
}

#[test]
fn values_nested_too_deeply_name_the_place_also_on_a_small_stack() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let with_conf = |value: &str| format!(r#"{{"actions":{{}},"config":{{"conf_data":{{"my.key":{value}}}}}}}"#);
    let refused = [
        (with_conf(&deep(101)), "at config.conf_data[\"my.key\"]"),
        (with_conf(&deep(1_000_000)), "at config.conf_data[\"my.key\"]"),
        (format!(r#"{{"actions":{{}},"later":{}}}"#, deep(200_000)), "at later"),
    ];
    let accepted = with_conf(&deep(100));
    let check = move || {
        for (plan, place) in refused {
            let error = refuse(&plan);
            assert_says(
                &error,
                PlanErrorKind::TooDeep,
                &[place, "deeper than 100 levels", "flatter"],
            );
        }
        assert!(AgentPlan::from_json(accepted.as_bytes()).is_ok());
        assert_eq!(refuse(&"[".repeat(1_000_000)).kind(), PlanErrorKind::Malformed);
        assert_eq!(refuse(&"{\"a\":".repeat(1_000_000)).kind(), PlanErrorKind::Malformed);
    };
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn a_message_repeats_only_a_short_piece_of_the_document() {
    let error = refuse(&with_exec(&format!(r#"{{"func_type":"{}"}}"#, "x".repeat(100_000))));
    assert_says(&error, PlanErrorKind::Newer, &["xxxxxx…"]);
    assert!(error.to_string().len() < 600, "{error}");
}
