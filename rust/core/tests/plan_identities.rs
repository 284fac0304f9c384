//! What journals know the actions of a plan by.
#![allow(clippy::unwrap_used)]

use flink_agents_core::ids::ActionId;
use flink_agents_core::plan::{AgentPlan, PlanErrorKind, Routes};
use flink_agents_core::run::Router;

/// A plan of actions with these names and keys.
fn plan(actions: &[(&str, &str)]) -> String {
    let exec = r#"{"func_type":"PythonFunction","module":"m","qualname":"f"}"#;
    let actions: Vec<String> = actions
        .iter()
        .map(|(name, rest)| format!(r#""{name}":{{"name":"{name}",{rest}"exec":{exec},"trigger_conditions":["a"]}}"#))
        .collect();
    format!(r#"{{"actions":{{{}}}}}"#, actions.join(","))
}

fn read(actions: &[(&str, &str)]) -> AgentPlan {
    AgentPlan::from_json(plan(actions).as_bytes()).unwrap()
}

#[test]
fn an_action_is_known_by_its_id_else_by_the_oldest_of_its_names() {
    let plan = read(&[
        ("a", ""),
        ("b", r#""id":"beta","#),
        ("c", r#""former_names":["oldest","older"],"#),
        ("d", r#""id":"delta","former_names":["was","d"],"#),
        ("e", r#""id":null,"former_names":null,"#),
    ]);
    let routes = Routes::compile(&plan).unwrap();
    let known: Vec<(&str, Vec<&str>)> = (0..5)
        .map(|index| {
            let action = ActionId(index);
            let aliases = routes.action_aliases(action).iter().map(String::as_str);
            (routes.action_identity(action), aliases.collect())
        })
        .collect();
    assert_eq!(
        known,
        [
            ("a", vec![]),
            ("beta", vec!["b"]),
            ("oldest", vec!["c", "older"]),
            ("delta", vec!["d", "was"]),
            ("e", vec![]),
        ]
    );
}

#[test]
fn declarations_come_back_and_are_left_out_where_there_are_none() {
    let written = read(&[("a", ""), ("d", r#""id":"delta","former_names":["was"],"#)]).to_json();
    assert!(written.contains(r#""id":"delta","former_names":["was"]"#), "{written}");
    assert_eq!(written.matches("former_names").count(), 1);
    let again = AgentPlan::from_json(written.as_bytes()).unwrap();
    assert_eq!(again.to_json(), written);
    assert_eq!(again.action("d").unwrap().id.as_deref(), Some("delta"));
}

#[test]
fn two_actions_are_never_known_by_one_name() {
    let cases: &[&[(&str, &str)]] = &[
        &[("a", r#""id":"b","#), ("b", "")],
        &[("a", r#""former_names":["b"],"#), ("b", "")],
        &[("a", r#""former_names":["x"],"#), ("b", r#""former_names":["x"],"#)],
        &[("a", r#""id":"x","#), ("b", r#""id":"x","#)],
        &[("a", r#""id":"x","#), ("b", r#""former_names":["x"],"#)],
        // Under an id of its own it has still been known by its name.
        &[("a", r#""id":"x","#), ("b", r#""id":"a","#)],
    ];
    for case in cases {
        let error = AgentPlan::from_json(plan(case).as_bytes()).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), PlanErrorKind::Conflict, "{text}");
        assert!(
            text.contains("actions.b") && text.contains("could not tell them apart"),
            "{text}"
        );
    }
}

#[test]
fn declarations_of_the_wrong_kind_name_their_place() {
    let cases = [
        (r#""id":" ","#, "actions.a.id", PlanErrorKind::Blank),
        (r#""id":7,"#, "actions.a.id", PlanErrorKind::WrongType),
        (
            r#""former_names":"b","#,
            "actions.a.former_names",
            PlanErrorKind::WrongType,
        ),
        (
            r#""former_names":["b",""],"#,
            "actions.a.former_names[1]",
            PlanErrorKind::Blank,
        ),
    ];
    for (keys, place, kind) in cases {
        let error = AgentPlan::from_json(plan(&[("a", keys)]).as_bytes()).unwrap_err();
        assert_eq!((error.kind(), error.path()), (kind, place), "{error}");
    }
}
