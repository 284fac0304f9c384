//! The client of tool servers, over HTTP and over pipes: tools, prompts, changes, deaths, silence.

#![allow(clippy::unwrap_used)]

use flink_agents_model_server::{McpPrompt, McpScript, McpTool, ModelServer, Script};
use flink_agents_models::{McpErrorKind, McpServer, Role};
use serde_json::{Map, Value, json};

fn tool(name: &str, text: &str) -> McpTool {
    McpTool {
        name: name.to_owned(),
        text: text.to_owned(),
        description: format!("{name}s"),
        ..McpTool::default()
    }
}

fn script() -> McpScript {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let prompt = McpPrompt {
        name: "greet".to_owned(),
        description: "A greeting".to_owned(),
        required: vec!["name".to_owned()],
        optional: vec!["mood".to_owned()],
        text: "Greet with $arguments".to_owned(),
    };
    McpScript {
        tools: vec![
            McpTool {
                schema,
                ..tool("add", "sum of $arguments")
            },
            McpTool {
                structured: Some(json!({"n": 1})),
                ..tool("count", "")
            },
            McpTool {
                failed: true,
                ..tool("fail", "no such city")
            },
            McpTool {
                hang: true,
                ..tool("hang", "")
            },
            McpTool {
                dies: true,
                ..tool("die", "")
            },
            McpTool {
                adds: vec![tool("late", "here")],
                ..tool("grow", "grown")
            },
        ],
        prompts: vec![prompt],
    }
}

fn serving() -> ModelServer {
    ModelServer::start(Script {
        mcp: script(),
        ..Script::default()
    })
    .unwrap()
}

fn over_http(server: &ModelServer, more: Value) -> McpServer {
    let mut arguments = json!({"endpoint": format!("{}/mcp", server.url())});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    McpServer::new("tools", &arguments).unwrap()
}

fn over_pipes(more: Value) -> McpServer {
    let script = serde_json::to_string(&Script {
        mcp: script(),
        ..Script::default()
    })
    .unwrap();
    let program = env!("CARGO_BIN_EXE_flink-agents-model-server");
    let mut arguments = json!({"command": program, "args": ["--pipes", "true", "--script", script]});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    McpServer::new("tools", &arguments).unwrap()
}

fn arguments(arguments: Value) -> Map<String, Value> {
    arguments.as_object().unwrap().clone()
}

#[tokio::test]
async fn tools_and_prompts_work_over_both_ways() {
    let server = serving();
    for mcp in [over_http(&server, json!({})), over_pipes(json!({}))] {
        let tools = mcp.tools().await.unwrap();
        let names = tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["add", "count", "fail", "hang", "die", "grow"], "all pages");
        assert_eq!(
            (tools[0].description.as_str(), &tools[0].parameters["required"]),
            ("adds", &json!(["a"]))
        );

        let sum = mcp.call("add", arguments(json!({"a": 1}))).await.unwrap();
        assert_eq!((sum.text.as_str(), sum.failed), ("sum of {\"a\":1}", false));
        assert_eq!(sum.contents, [json!({"type": "text", "text": "sum of {\"a\":1}"})]);
        let count = mcp.call("count", Map::new()).await.unwrap();
        assert_eq!(
            (count.text.as_str(), count.structured),
            ("{\"n\":1}", Some(json!({"n": 1})))
        );
        let failed = mcp.call("fail", Map::new()).await.unwrap();
        assert_eq!((failed.text.as_str(), failed.failed), ("no such city", true));

        let prompts = mcp.prompts().await.unwrap();
        assert_eq!(
            (prompts[0].name.as_str(), prompts[0].arguments[1].required),
            ("greet", false)
        );
        let given = arguments(json!({"name": "Ann", "mood": 3, "unknown": "x"}));
        let messages = mcp.prompt("greet", &given).await.unwrap();
        assert_eq!(
            (messages[0].role, messages[0].content.as_str()),
            (Role::User, "Greet with {\"name\":\"Ann\",\"mood\":\"3\"}")
        );
        mcp.close().await;
    }
}

#[tokio::test]
async fn lists_are_kept_until_the_server_says_that_they_changed() {
    let server = serving();
    for mcp in [over_http(&server, json!({})), over_pipes(json!({}))] {
        mcp.tools().await.unwrap();
        let before = server.count();
        let kept = mcp.tools().await.unwrap();
        assert_eq!((kept.len(), server.count()), (6, before));
        assert_eq!(mcp.call("grow", Map::new()).await.unwrap().text, "grown");
        // The notification comes before the answer, and is handled beside it.
        while mcp.tools().await.unwrap().len() == 6 {
            tokio::task::yield_now().await;
        }
        assert_eq!(mcp.call("late", Map::new()).await.unwrap().text, "here");
        server.play(Script {
            mcp: script(),
            ..Script::default()
        });
    }
}

#[tokio::test]
async fn a_server_that_dies_is_an_error_and_the_next_call_opens_it_again() {
    let server = serving();
    for mcp in [
        over_pipes(json!({"timeout": 5})),
        over_http(&server, json!({"timeout": 5})),
    ] {
        mcp.call("add", Map::new()).await.unwrap();
        let error = mcp.call("die", Map::new()).await.unwrap_err();
        assert_eq!(error.kind, McpErrorKind::Gone, "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("MCP server 'tools', tool 'die': the session with ")
                && text.ends_with(
                    "The next call opens a new session; look at the server's logs. The call may have been carried out."
                ),
            "{text}"
        );
        assert_eq!(
            mcp.call("add", arguments(json!({"a": 2}))).await.unwrap().text,
            "sum of {\"a\":2}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told_in_plain_words() {
    let server = serving();
    let mcp = over_http(&server, json!({"max_retries": 1, "initial_backoff_ms": 1}));
    mcp.call("add", Map::new()).await.unwrap();
    let url = server.url();
    drop(server);
    // This one may still be sent by the connection that has just been closed.
    let sent = mcp.call("add", Map::new()).await.unwrap_err();
    assert!(
        matches!(sent.kind, McpErrorKind::Gone | McpErrorKind::Unreachable),
        "{sent}"
    );
    let call = mcp.call("add", Map::new()).await.unwrap_err();
    let never_opened = McpServer::new("tools", &json!({"endpoint": format!("{url}/mcp"), "max_retries": 0})).unwrap();
    let list = never_opened.tools().await.unwrap_err();
    for (error, attempts) in [(call, " after 2 attempts"), (list, "")] {
        assert_eq!(error.kind, McpErrorKind::Unreachable, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("no session with {url}/mcp{attempts}: "))
                && text.contains("Connection refused")
                && !text.contains("::"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn silence_ends_with_the_time_out_and_others_go_on() {
    let server = serving();
    for mcp in [
        over_pipes(json!({"timeout": 1})),
        over_http(&server, json!({"timeout": 1})),
    ] {
        let (hung, sum) = tokio::join!(mcp.call("hang", Map::new()), mcp.call("count", Map::new()));
        assert_eq!(sum.unwrap().structured, Some(json!({"n": 1})));
        let error = hung.unwrap_err();
        assert_eq!(error.kind, McpErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("tool 'hang': no answer for 1 s"), "{error}");
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let server = serving();
    let mcp = over_http(&server, json!({}));
    let error = mcp.call("subtract", Map::new()).await.unwrap_err();
    assert_eq!(error.kind, McpErrorKind::Refused);
    assert!(error.to_string().contains("Unknown tool: subtract"), "{error}");
    let error = mcp
        .prompt("greet", &arguments(json!({"mood": "good"})))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the argument 'name' is required and was not given"),
        "{error}"
    );
    let error = mcp.prompt("curse", &Map::new()).await.unwrap_err();
    assert!(error.to_string().contains("there is none; there are: greet"), "{error}");

    for (given, named) in [
        (json!({}), "either 'endpoint' or 'command' is needed"),
        (json!({"endpoint": "localhost"}), "base address"),
        (
            json!({"command": "x", "shell": true}),
            "argument 'shell' of the MCP server: is unknown",
        ),
    ] {
        let error = McpServer::new("tools", &given).unwrap_err();
        assert!(
            error.kind == McpErrorKind::Arguments && error.to_string().contains(named),
            "{error}"
        );
    }
    let nowhere = McpServer::new("tools", &json!({"command": "/nowhere/tool", "max_retries": 0})).unwrap();
    let error = nowhere.tools().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no session with '/nowhere/tool': '/nowhere/tool' cannot be started"),
        "{error}"
    );
}

#[tokio::test]
async fn a_login_is_sent_and_never_shown() {
    let keys = vec!["good-token".to_owned()];
    let server = ModelServer::start(Script {
        mcp: script(),
        keys,
        ..Script::default()
    })
    .unwrap();
    let good = over_http(
        &server,
        json!({"auth": {"type": "bearer", "token": "good-token"}, "headers": {"x-team": "red"}}),
    );
    good.tools().await.unwrap();
    assert!(
        server
            .requests()
            .iter()
            .all(|seen| seen.headers["authorization"] == "Bearer good-token" && seen.headers["x-team"] == "red")
    );
    let bad = over_http(
        &server,
        json!({"auth": {"type": "bearer", "token": "bad-4711"}, "max_retries": 1, "initial_backoff_ms": 1}),
    );
    let error = bad.tools().await.unwrap_err();
    assert_eq!(error.kind, McpErrorKind::Unreachable);
    let shown = format!("{error} {error:?} {bad:?}");
    assert!(!shown.contains("4711") && shown.contains("after 2 attempts"), "{shown}");
}
