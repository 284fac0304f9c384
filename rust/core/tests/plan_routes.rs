//! From triggers to tables: the two phases of checks, the order of matches, and what failing conditions lead to.

use flink_agents_core::condition::EventView;
use flink_agents_core::ids::{ActionId, EventId};
use flink_agents_core::plan::{AgentPlan, BuiltIn, Language, PlanError, PlanErrorKind, Routes};
use flink_agents_core::run::Router;
use flink_agents_core::value::Value;
use serde_json::json;

fn plan_with(actions: &[(&str, &[&str])], conf: serde_json::Value) -> AgentPlan {
    let mut listed = serde_json::Map::new();
    for (name, triggers) in actions {
        listed.insert(
            (*name).to_owned(),
            json!({
                "name": name, "trigger_conditions": triggers, "config": null,
                "exec": {"func_type": "PythonFunction", "module": "m", "qualname": name}
            }),
        );
    }
    let document = json!({"actions": listed, "config": {"conf_data": conf}});
    AgentPlan::from_json(document.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn plan(actions: &[(&str, &[&str])]) -> AgentPlan {
    plan_with(actions, json!({}))
}

fn routes(actions: &[(&str, &[&str])]) -> Routes {
    Routes::compile(&plan(actions)).unwrap_or_else(|e| panic!("{e}"))
}

/// Names of the actions an event starts, and the warnings.
fn select(routes: &Routes, event_type: &str, attributes: &[(String, Value)]) -> (Vec<String>, Vec<String>) {
    let (mut out, mut warnings) = (Vec::new(), Vec::new());
    let event = EventView {
        event_type,
        id: 7,
        attributes,
    };
    routes
        .select(&event, &mut out, &mut warnings)
        .unwrap_or_else(|e| panic!("{e}"));
    let names = out
        .iter()
        .map(|id| routes.actions()[usize::from(id.0)].name.clone())
        .collect();
    (names, warnings)
}

fn attributes(values: &[(&str, i64)]) -> Vec<(String, Value)> {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::I64(*value)))
        .collect()
}

const INPUT: &str = "type == EventType.InputEvent";

#[test]
fn exact_matches_come_first_and_each_action_once() {
    let routes = routes(&[
        ("A", &[INPUT]),
        ("B", &["_input_event", "_input_event", INPUT, INPUT]),
        ("C", &["'_input_event'"]),
    ]);
    assert_eq!(select(&routes, "_input_event", &[]).0, ["B", "C", "A"]);
    assert_eq!(select(&routes, "other", &[]).0, Vec::<String>::new());
}

#[test]
fn conditions_are_tried_in_the_order_of_the_plan() {
    let routes = routes(&[
        ("one", &["score > 1"]),
        ("two", &["x", "score > 2"]),
        ("three", &["true"]),
    ]);
    assert_eq!(
        select(&routes, "x", &attributes(&[("score", 9)])).0,
        ["two", "one", "three"]
    );
    assert_eq!(select(&routes, "y", &attributes(&[("score", 2)])).0, ["one", "three"]);
    assert!(routes.has_conditions());
}

#[test]
fn event_types_are_compared_exactly_and_without_their_blanks_and_quotes() {
    let routes = routes(&[(
        "a",
        &["  my_event ", "order-created.v1", "'true'", "\"EventType.custom\""],
    )]);
    for event_type in ["my_event", "order-created.v1", "true", "EventType.custom"] {
        assert_eq!(routes.exact(event_type), [ActionId(0)], "{event_type}");
    }
    for event_type in ["My_event", "my_event ", "order-created", "'true'", ""] {
        assert!(routes.exact(event_type).is_empty(), "{event_type}");
    }
    assert!(!routes.has_conditions());
}

#[test]
fn many_actions_of_one_type_keep_the_order_of_the_plan() {
    let names: Vec<String> = (0..50).map(|i| format!("action{}", (i * 37) % 50)).collect();
    let listed: Vec<(&str, &[&str])> = names.iter().map(|n| (n.as_str(), &["t", "u"][..])).collect();
    let routes = routes(&listed);
    assert_eq!(select(&routes, "t", &[]).0, names);
    assert_eq!(routes.exact("u").len(), 50);
}

#[test]
fn only_attributes_that_conditions_read_are_asked_for() {
    let routes = routes(&[
        ("a", &["score > 1 && attributes.region == 'eu'"]),
        ("b", &["has(score)", "zip == 1"]),
        ("c", &["t"]),
    ]);
    assert_eq!(routes.attribute_names(), ["region", "score", "zip"]);
    assert!(
        self::routes(&[("a", &["t"]), ("b", &["true"])])
            .attribute_names()
            .is_empty()
    );
}

#[test]
fn a_condition_without_an_answer_counts_as_false_with_a_warning() {
    let routes = routes(&[
        ("first", &["score > 1", "t == 1 || true", "has(x)"]),
        ("second", &["true"]),
    ]);
    let (names, warnings) = select(&routes, "order", &[]);
    assert_eq!(
        names,
        ["first", "second"],
        "a later entry and a later action are still tried"
    );
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in [
        "Trigger condition #1 of action 'first' (\"score > 1\") cannot be evaluated",
        "event 00000000-0000-0000-0000-000000000007 of type \"order\"",
        "score",
        "it counts as false",
    ] {
        assert!(warnings[0].contains(part), "{part:?} is not in: {}", warnings[0]);
    }
}

#[test]
fn a_condition_listed_twice_warns_once() {
    let routes = routes(&[("a", &["score > 1", " score > 1 "])]);
    assert_eq!(select(&routes, "x", &[]).1.len(), 1);
}

#[test]
fn a_condition_is_not_evaluated_for_an_action_that_is_selected_already() {
    let routes = routes(&[("a", &["x", "score > 1"])]);
    assert_eq!(select(&routes, "x", &[]), (vec!["a".to_owned()], vec![]));
}

#[test]
fn a_condition_without_an_answer_fails_the_task_if_the_plan_says_so() {
    for word in ["FAIL", "fail"] {
        let plan = plan_with(
            &[("a", &["_input_event"]), ("b", &["score > 1"])],
            json!({"action.trigger-condition.evaluate-failure-strategy": word}),
        );
        let routes = Routes::compile(&plan).unwrap();
        let (mut out, mut warnings) = (Vec::new(), Vec::new());
        let event = EventView {
            event_type: "_input_event",
            id: 7,
            attributes: &[],
        };
        let error = routes.select(&event, &mut out, &mut warnings).unwrap_err();
        assert_eq!(error.action(), ActionId(1));
        for part in [
            "condition #1 of action 'b' (\"score > 1\")",
            "\"_input_event\"",
            "WARN_AND_SKIP",
        ] {
            assert!(error.to_string().contains(part), "{part:?} is not in: {error}");
        }
        assert!(warnings.is_empty());
        assert!(
            routes
                .select(
                    &EventView {
                        attributes: &attributes(&[("score", 2)]),
                        ..event
                    },
                    &mut out,
                    &mut warnings
                )
                .is_ok()
        );
    }
}

#[test]
fn an_unknown_strategy_for_failing_conditions_is_refused() {
    let plan = plan_with(
        &[("a", &["x"])],
        json!({"action.trigger-condition.evaluate-failure-strategy": "SHRUG"}),
    );
    let error = Routes::compile(&plan).unwrap_err();
    assert_eq!(
        error.path(),
        "config.conf_data[\"action.trigger-condition.evaluate-failure-strategy\"]"
    );
    assert!(
        error.message().contains("\"SHRUG\"") && error.message().contains("WARN_AND_SKIP, FAIL"),
        "{error}"
    );
}

#[test]
fn a_plan_has_failure_policies_if_one_of_its_actions_does_more_than_fail_the_job() {
    for (key, value, asked) in [
        ("on-failure", json!("dead-letter"), true),
        ("retry.max-attempts", json!(1), true),
        ("action.work.retry.max-attempts", json!("2"), true),
        ("on-failure", json!("fail"), false),
        ("action.other.on-failure", json!("dead-letter"), false),
    ] {
        let plan = plan_with(&[("work", &[INPUT])], json!({ key: value }));
        assert_eq!(Routes::compile(&plan).unwrap().has_policies(), asked, "{key}");
    }
}

#[track_caller]
fn assert_trigger_error(error: &PlanError, source: &str) {
    assert_eq!(error.kind(), PlanErrorKind::Trigger);
    assert_eq!(error.path(), "actions.onInput.trigger_conditions[1]");
    let start = format!("Invalid trigger condition #2 for action 'onInput' from source \"{source}\": ");
    let text = error.to_string();
    assert!(
        text.starts_with(&start) && text.ends_with(" (at actions.onInput.trigger_conditions[1])"),
        "{text}"
    );
    assert!(text.len() > start.len() + 45, "no reason: {text}");
}

#[test]
fn the_client_refuses_wrong_syntax_constructs_and_constants() {
    for source in [
        "EventType.InputEvent",
        "(a.b.c)",
        "a . b . c",
        "type ==",
        "type == EventType.NotARealEvent",
        "[1, 2].all(value, value > 0)",
    ] {
        let plan = plan(&[("onInput", &["ok", source])]);
        let error = plan.validate().unwrap_err();
        assert_trigger_error(&error, source);
        assert_eq!(Routes::compile(&plan).unwrap_err(), error, "the operator sees the same");
    }
}

#[test]
fn the_operator_refuses_wrong_types_functions_and_references() {
    for source in [
        "noSuchFn(1)",
        "attributes[key_name] == 5",
        "''",
        "null",
        "42",
        "'order created'",
        "\"order\\\"created\"",
    ] {
        let plan = plan(&[("onInput", &["ok", source])]);
        plan.validate().unwrap_or_else(|e| panic!("{source}: {e}"));
        assert_trigger_error(&Routes::compile(&plan).unwrap_err(), source);
    }
}

#[test]
fn too_many_actions_are_refused() {
    let names: Vec<String> = (0..65_537).map(|i| format!("a{i}")).collect();
    let mut plan = plan(&[("a", &["t"])]);
    let action = plan.actions.remove(0);
    plan.actions.extend(
        names
            .into_iter()
            .map(|name| flink_agents_core::plan::Action { name, ..action.clone() }),
    );
    let error = Routes::compile(&plan).unwrap_err();
    assert!(
        error.to_string().contains("65537 actions; a plan may have 65536"),
        "{error}"
    );
    plan.actions.pop();
    assert_eq!(Routes::compile(&plan).unwrap().exact("t").len(), 65_536);
}

#[test]
fn compiled_actions_tell_language_and_built_in() {
    let sample = include_bytes!("../../../e2e-test/conformance/plan-samples/head/python-small-agent.plan.json");
    let plan = AgentPlan::from_json(sample).unwrap();
    plan.validate().unwrap();
    let routes = Routes::compile(&plan).unwrap();
    let chat = &routes.actions()[usize::from(routes.exact("_chat_request_event")[0].0)];
    assert_eq!(
        (chat.language, chat.built_in),
        (Language::Python, Some(BuiltIn::ChatModel))
    );
    let on_java = &routes.actions()[usize::from(routes.exact("j.event")[0].0)];
    assert_eq!(
        (on_java.name.as_str(), on_java.language, on_java.built_in),
        ("on_java", Language::Java, None)
    );
}

#[test]
fn the_machine_routes_by_the_same_tables() {
    let routes = routes(&[("a", &["x"]), ("b", &["score > 1"])]);
    assert_eq!(
        (
            routes.action_count(),
            routes.action_name(ActionId(1)),
            routes.action_name(ActionId(9))
        ),
        (2, "b", "")
    );
    let mut selected = Router::exact(&routes, "x").to_vec();
    let mut warnings = Vec::new();
    let given = attributes(&[("score", 2)]);
    routes
        .conditional("x", EventId(7), Some(&given), &mut selected, &mut warnings)
        .unwrap();
    assert_eq!(selected, [ActionId(0), ActionId(1)]);
    routes
        .conditional("x", EventId(7), None, &mut Vec::new(), &mut warnings)
        .unwrap();
    assert_eq!(warnings.len(), 1);
}
