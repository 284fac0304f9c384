//! Plans of both languages, of HEAD and of 0.3.1, as the reference wrote them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use flink_agents_core::plan::{AgentPlan, BuiltIn, Function, Language, ProviderBody, RawJson, ResourceType};
use serde_json::{Value, json};

fn samples() -> Vec<(String, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../e2e-test/conformance/plan-samples");
    let mut found = Vec::new();
    for layout in ["0.3.1", "head"] {
        for entry in fs::read_dir(root.join(layout)).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with(".plan.json") {
                let name = format!("{layout}/{}", path.file_name().unwrap().to_string_lossy());
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert_eq!(found.len(), 12, "samples went missing");
    found
}

fn sample(name: &str) -> Vec<u8> {
    samples()
        .into_iter()
        .find(|(n, _)| n == name)
        .unwrap_or_else(|| panic!("no sample {name}"))
        .1
}

fn read(name: &str) -> AgentPlan {
    AgentPlan::from_json(&sample(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_sample_is_the_same_after_it_was_written_and_read_again() {
    for (name, bytes) in samples() {
        let plan = AgentPlan::from_json(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let written = plan.to_json();
        assert_eq!(AgentPlan::from_json(written.as_bytes()).unwrap(), plan, "{name}");
        assert_eq!(
            AgentPlan::from_json(written.as_bytes()).unwrap().to_json(),
            written,
            "{name}"
        );
    }
}

#[test]
fn nothing_but_the_layout_differs_between_a_sample_and_what_is_written() {
    for (name, bytes) in samples() {
        let mut expected: Value = serde_json::from_slice(&bytes).unwrap();
        let root = expected.as_object_mut().unwrap();
        root.shift_remove("actions_by_event");
        for action in root["actions"].as_object_mut().unwrap().values_mut() {
            let action = action.as_object_mut().unwrap();
            if let Some(types) = action.shift_remove("listen_event_types") {
                action.insert("trigger_conditions".to_owned(), types);
            }
            if let Some(schema) = action["config"]
                .as_object_mut()
                .and_then(|config| config.get_mut("output_schema"))
                && let [module, class, value] = schema.as_array().map_or(&[][..], Vec::as_slice)
            {
                *schema = json!({"__pydantic_model__": true, "module": module, "class": class, "value": value});
            }
        }
        let written: Value = serde_json::from_str(&AgentPlan::from_json(&bytes).unwrap().to_json()).unwrap();
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn plans_of_0_3_1_are_written_in_the_current_layout() {
    for (name, bytes) in samples().iter().filter(|(name, _)| name.starts_with("0.3.1/")) {
        let written = AgentPlan::from_json(bytes).unwrap().to_json();
        assert!(!written.contains("actions_by_event"), "{name}");
        assert!(!written.contains("listen_event_types"), "{name}");
        assert!(!written.contains("agent_name"), "{name}");
        assert!(
            written.contains("\"trigger_conditions\":[\"_chat_request_event\",\"_tool_response_event\"]"),
            "{name}"
        );
    }
}

#[test]
fn pydantic_objects_of_0_3_1_are_written_as_today_and_lists_of_users_stay_lists() {
    for schema in ["pydantic", "row"] {
        let config = |layout| {
            let plan = read(&format!("{layout}/python-react-agent-{schema}-schema.plan.json"));
            plan.action("start_action").unwrap().config.clone().unwrap()
        };
        assert_eq!(config("0.3.1"), config("head"), "{schema}");
    }
    let lists = r#"{"__config_type__":"python","a":["x","y"],"b":["a.b","C",{"x":1},2],"c":["not a name","C",{}],"d":["m","C",[]],"e":["m","a.B",{}]}"#;
    let plan = format!(
        r#"{{"actions":{{"a":{{"name":"a","exec":{{"func_type":"PythonFunction","module":"m","qualname":"f"}},
        "listen_event_types":["t"],"config":{lists}}}}}}}"#
    );
    let plan = AgentPlan::from_json(plan.as_bytes()).unwrap();
    assert_eq!(plan.actions[0].config.as_ref().unwrap().as_str(), lists);
}

#[test]
fn the_current_layout_begins_with_name_actions_resources_and_configuration() {
    let written = read("head/python-empty-agent.plan.json").to_json();
    let keys: Vec<String> = serde_json::from_str::<serde_json::Map<String, Value>>(&written)
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(keys, ["agent_name", "actions", "resource_providers", "config"]);
}

#[test]
fn actions_keep_the_order_of_the_document() {
    let names = |plan: &AgentPlan| plan.actions.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
    let expected = [
        "on_input",
        "on_java",
        "added_action",
        "chat_model_action",
        "tool_call_action",
        "context_retrieval_action",
    ];
    let plan = read("head/python-small-agent.plan.json");
    assert_eq!(names(&plan), expected);
    assert_eq!(
        names(&AgentPlan::from_json(plan.to_json().as_bytes()).unwrap()),
        expected
    );
}

#[test]
fn a_python_plan_has_all_its_parts() {
    let plan = read("head/python-small-agent.plan.json");
    assert_eq!(plan.agent_name.as_deref(), Some("SmallAgent"));
    let on_java = plan.action("on_java").unwrap();
    assert_eq!(on_java.triggers, ["j.event"]);
    assert_eq!(on_java.config, None);
    assert!(
        matches!(&on_java.exec, Function::Java { qualname, method_name, parameter_types }
        if qualname == "com.example.Handlers" && method_name == "run" && parameter_types.len() == 2)
    );
    let added = plan.action("added_action").unwrap();
    assert_eq!(
        added.config.as_ref().unwrap().as_str(),
        r#"{"__config_type__":"python","threshold":3,"names":["a","b"]}"#
    );
    assert_eq!(
        plan.config.raw("error-handling-strategy"),
        Some(&RawJson::string("retry"))
    );
    assert_eq!(plan.config.get_enum("error-handling-strategy").unwrap(), Some("RETRY"));
    assert_eq!(plan.config.get_bool("chat.async").unwrap(), Some(false));
    let java_model = plan.resource_providers.iter().find(|p| p.name == "java_model").unwrap();
    assert_eq!(
        (java_model.resource_type, java_model.language),
        (ResourceType::ChatModel, Language::Java)
    );
    let ProviderBody::Descriptor(descriptor) = &java_model.body else {
        panic!("{java_model:?}")
    };
    assert_eq!(descriptor.target_class, "JavaChatModelSetup");
    assert_eq!(descriptor.arguments.to_value().unwrap()["connection"], "j_conn");
}

#[test]
fn a_java_resource_keeps_the_text_inside_its_string() {
    let plan = read("0.3.1/java-small-agent.plan.json");
    let tool = plan.resource_providers.iter().find(|p| p.name == "add").unwrap();
    let ProviderBody::Serialized { resource, class, .. } = &tool.body else {
        panic!("{tool:?}")
    };
    assert_eq!(class, "org.apache.flink.agents.plan.tools.FunctionTool");
    let inner: Value = serde_json::from_str(&resource.as_string().unwrap()).unwrap();
    assert_eq!(inner["function"]["method_name"], "add");
}

#[test]
fn actions_of_the_framework_are_recognised_in_both_languages() {
    for (name, bytes) in samples() {
        let plan = AgentPlan::from_json(&bytes).unwrap();
        let found: Vec<_> = plan.actions.iter().filter_map(AgentPlan::built_in).collect();
        for built_in in [BuiltIn::ChatModel, BuiltIn::ToolCall, BuiltIn::ContextRetrieval] {
            assert!(found.contains(&built_in), "{name}: {built_in:?}");
        }
        for built_in in [BuiltIn::ReActStart, BuiltIn::ReActStop] {
            assert_eq!(
                found.contains(&built_in),
                name.contains("react"),
                "{name}: {built_in:?}"
            );
        }
    }
}

#[test]
fn an_action_that_only_has_the_name_of_a_built_in_one_is_the_users_own() {
    let plan = r#"{"actions":{"chat_model_action":{"name":"chat_model_action","exec":{"func_type":"JavaFunction",
        "qualname":"com.example.Mine","method_name":"processChatRequestOrToolResponse","parameter_types":[]},
        "trigger_conditions":["_chat_request_event"],"config":null}}}"#;
    let plan = AgentPlan::from_json(plan.as_bytes()).unwrap();
    assert_eq!(AgentPlan::built_in(&plan.actions[0]), None);
}

#[test]
fn foreign_are_the_users_actions_of_the_other_language() {
    let foreign = |plan: &AgentPlan, host| plan.foreign_actions(host).map(|a| a.name.clone()).collect::<Vec<_>>();
    let python = read("head/python-small-agent.plan.json");
    assert_eq!(foreign(&python, Language::Java), ["on_input", "added_action"]);
    assert_eq!(foreign(&python, Language::Python), ["on_java"]);
    let java = read("0.3.1/java-small-agent.plan.json");
    assert_eq!(foreign(&java, Language::Java), ["onResponse", "pyAction"]);
    let resources: Vec<_> = java
        .foreign_resources(Language::Java)
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(resources, ["pythonModel"]);
}

#[test]
fn a_plan_without_any_built_in_action_is_accepted() {
    let plan = AgentPlan::from_json(br#"{"actions":{}}"#).unwrap();
    assert_eq!(plan, AgentPlan::default());
    assert_eq!(
        plan.to_json(),
        r#"{"actions":{},"resource_providers":{},"config":{"conf_data":{}}}"#
    );
}

#[test]
fn what_the_core_does_not_understand_survives_digit_by_digit() {
    let arguments = r#"{"big":123456789012345678901234567890,"tiny":1e-400,"exact":0.10,"twice":1,"twice":2,"lone":"\ud800","esc":"\u00e9\/"}"#;
    let plan = format!(
        r#"{{"future":{{"a": [1.0,  2]}},"actions":{{"a":{{"name":"a","exec":{{"func_type":"PythonFunction","module":"m","qualname":"f"}},
        "trigger_conditions":["x"],"config":{{"__config_type__":"python","n":1.50}},"priority":7e0}}}},
        "resource_providers":{{"chat_model":{{"c":{{"name":"c","type":"chat_model","descriptor":{{"target_module":"m","target_clazz":"C",
        "arguments":{arguments}}},"scope":"job","__resource_provider_type__":"PythonResourceProvider"}}}}}},
        "config":{{"conf_data":{{"my.number":1.000000000000000000001}}}}}}"#
    );
    let written = AgentPlan::from_json(plan.as_bytes()).unwrap().to_json();
    for part in [
        arguments,
        r#""future":{"a":[1.0,2]}"#,
        r#""priority":7e0"#,
        r#""n":1.50"#,
        r#""scope":"job""#,
        r#""my.number":1.000000000000000000001"#,
    ] {
        assert!(written.contains(part), "{part} is not in {written}");
    }
}

#[test]
fn event_types_of_0_3_1_that_would_read_as_conditions_today_are_quoted() {
    let plan = r#"{"actions":{"a":{"name":"a","exec":{"func_type":"PythonFunction","module":"m","qualname":"f"},
        "listen_event_types":["plain.type","true","EventType.X","a:b","1st"],"config":null}},
        "actions_by_event":{"plain.type":["a"],"true":["a"],"EventType.X":["a"],"a:b":["a"],"1st":["a"]}}"#;
    let plan = AgentPlan::from_json(plan.as_bytes()).unwrap();
    assert_eq!(
        plan.actions[0].triggers,
        ["plain.type", "'true'", "'EventType.X'", "'a:b'", "'1st'"]
    );
}

#[test]
fn a_plan_of_many_megabytes_is_read() {
    let mut plan = String::from(r#"{"actions":{"#);
    for i in 0..20_000 {
        let comma = if i > 0 { "," } else { "" };
        plan.push_str(&format!(
            r#"{comma}"a{i}":{{"name":"a{i}","exec":{{"func_type":"PythonFunction","module":"m","qualname":"f{i}"}},"trigger_conditions":["t{i}"],"config":{{"__config_type__":"python","text":"{}"}}}}"#,
            "x".repeat(300)
        ));
    }
    plan.push_str("}}");
    assert!(plan.len() > 8_000_000);
    let read = AgentPlan::from_json(plan.as_bytes()).unwrap();
    assert_eq!(read.actions.len(), 20_000);
    assert_eq!(read.actions[19_999].triggers, ["t19999"]);
    assert_eq!(AgentPlan::from_json(read.to_json().as_bytes()).unwrap(), read);
}
