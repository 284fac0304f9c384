//! Every client against the scripted server: answers, tools, thoughts, tokens, schemas, whole and streamed.

mod common;

use std::sync::Mutex;

use common::{add, everywhere, open, question, serving};
use flink_agents_model_server::{Answer, ModelServer, Rule, Script, Usage as Tokens};
use flink_agents_models::{FinishReason, Message, OutputSchema, Partial, Provider, Usage};
use serde_json::{Value, json};

#[tokio::test]
async fn an_answer_is_the_same_from_every_provider_whole_and_streamed() {
    let tokens = Tokens {
        prompt: 30,
        completion: 20,
        cached: 10,
        reasoning: 5,
    };
    let server = serving([Answer {
        usage: Some(tokens),
        ..Answer::text("You said: $last")
    }
    .thinking("Let me think")]);
    for (provider, arguments) in everywhere(&server) {
        for streamed in [false, true] {
            let connection = open(provider, &arguments, json!({"stream": streamed}));
            let answer = connection.chat(&question(provider, "Hello there")).await.unwrap();
            assert_eq!(
                answer.message.content, "You said: Hello there",
                "{provider:?} {streamed}"
            );
            assert_eq!(
                answer.reasoning.as_deref(),
                Some("Let me think"),
                "{provider:?} {streamed}"
            );
            assert_eq!(answer.finish_reason, FinishReason::Stop, "{provider:?} {streamed}");
            assert_eq!(
                (answer.model.as_str(), answer.retries),
                ("m1", 0),
                "{provider:?} {streamed}"
            );
            let usage = answer.usage.unwrap();
            assert_eq!(
                (usage.prompt_tokens, usage.completion_tokens),
                (30, 20),
                "{provider:?} {streamed}"
            );
            let details = match provider {
                Provider::Ollama => Usage {
                    prompt_tokens: 30,
                    completion_tokens: 20,
                    ..Usage::default()
                },
                Provider::Anthropic => Usage {
                    cached_tokens: Some(10),
                    cache_write_tokens: Some(0),
                    ..usage
                },
                _ => Usage {
                    cached_tokens: Some(10),
                    reasoning_tokens: Some(5),
                    ..usage
                },
            };
            assert_eq!(usage, details, "{provider:?} {streamed}");
            let message = answer.into_message();
            assert_eq!(message.extra_args["promptTokens"], json!(30), "{provider:?} {streamed}");
            assert_eq!(message.extra_args["model_name"], json!("m1"), "{provider:?} {streamed}");
        }
    }
}

#[tokio::test]
async fn what_a_model_says_is_told_while_it_says_it() {
    let server = serving([Answer::text("one two three").thinking("hm hm")]);
    for (provider, arguments) in everywhere(&server) {
        let told = Mutex::new((String::new(), String::new(), 0));
        let tell = |partial| {
            let mut told = told.lock().unwrap();
            told.2 += 1;
            match partial {
                Partial::Text(text) => told.0.push_str(&text),
                Partial::Reasoning(text) => told.1.push_str(&text),
                Partial::Again => panic!("nothing failed"),
            }
        };
        let connection = open(provider, &arguments, json!({}));
        let answer = connection
            .chat_streamed(&question(provider, "Count"), &tell)
            .await
            .unwrap();
        let told = told.into_inner().unwrap();
        assert_eq!(
            (told.0, told.1, told.2),
            (answer.message.content, "hm hm".to_owned(), 5),
            "{provider:?}"
        );
    }
}

#[tokio::test]
async fn tools_are_called_and_their_results_find_their_way_back() {
    let calls = Answer {
        tool_calls: [json!({"a": 1, "b": 2}), json!({"a": 3})]
            .map(|arguments| flink_agents_model_server::Call {
                name: "add".to_owned(),
                arguments,
                id: None,
            })
            .to_vec(),
        ..Answer::default()
    }
    .thinking("Two sums");
    let server = ModelServer::start(Script::of([
        Rule::round(0, calls),
        Rule::round(1, Answer::text("Then: $last")),
    ]))
    .unwrap();
    for (provider, arguments) in everywhere(&server) {
        for streamed in [false, true] {
            let connection = open(provider, &arguments, json!({"stream": streamed}));
            let mut request = question(provider, "Add");
            request.tools.push(add());
            let answer = connection.chat(&request).await.unwrap();
            assert_eq!(answer.finish_reason, FinishReason::ToolCalls, "{provider:?} {streamed}");
            let calls = answer.message.tool_calls.clone();
            let called = calls.iter().map(|call| {
                (
                    call.function.name.as_str(),
                    Value::Object(call.function.arguments.clone()),
                )
            });
            let expected = [("add", json!({"a": 1, "b": 2})), ("add", json!({"a": 3}))];
            assert_eq!(called.collect::<Vec<_>>(), expected, "{provider:?} {streamed}");
            let ids = calls.iter().map(|call| call.original_id.as_deref()).collect::<Vec<_>>();
            let expected = if provider == Provider::Ollama {
                [None, None]
            } else {
                [Some("call_0_0"), Some("call_0_1")]
            };
            assert_eq!(ids, expected, "{provider:?} {streamed}");

            // Through JSON, as a host keeps it between two rounds.
            let kept = serde_json::to_value(answer.into_message()).unwrap();
            request.messages.push(serde_json::from_value(kept).unwrap());
            for (call, result) in calls.iter().zip(["3", "seven"]) {
                request.messages.push(Message::tool(result, call.provider_id()));
            }
            let answer = connection.chat(&request).await.unwrap();
            assert!(
                answer.message.content.starts_with("Then: ") && answer.message.content.ends_with("seven"),
                "{provider:?} {streamed}: {}",
                answer.message.content
            );
        }
    }
}

#[tokio::test]
async fn conversations_have_the_form_that_each_provider_describes() {
    let server = ModelServer::start(Script::of([
        Rule::round(0, Answer::call("add", json!({"a": 1})).thinking("Hm")),
        Rule::any([Answer::text("2")]),
    ]))
    .unwrap();
    for (provider, arguments) in everywhere(&server) {
        let connection = open(provider, &arguments, json!({}));
        let mut request = question(provider, "Add");
        request.tools.push(add());
        let answer = connection.chat(&request).await.unwrap();
        let id = answer.message.tool_calls[0].provider_id().to_owned();
        request
            .messages
            .extend([answer.into_message(), Message::tool("2", &id)]);
        connection.chat(&request).await.unwrap();
        let seen = server.requests().pop().unwrap();
        let body = seen.body;
        let assistant_of = |messages: &Value| {
            messages
                .as_array()
                .unwrap()
                .iter()
                .find(|m| m["role"] == "assistant")
                .cloned()
        };
        match provider {
            Provider::OpenAi | Provider::AzureOpenAi | Provider::Vllm => {
                assert_eq!(body["messages"][0], json!({"role": "system", "content": "Be brief."}));
                assert_eq!(
                    assistant_of(&body["messages"]),
                    Some(json!({"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_0_0", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}}]}))
                );
                assert_eq!(
                    body["messages"][3],
                    json!({"role": "tool", "tool_call_id": "call_0_0", "content": "2"})
                );
                assert_eq!(body["tools"][0]["function"]["parameters"], add().parameters);
                let path = match provider {
                    Provider::AzureOpenAi => "/openai/deployments/m1/chat/completions?api-version=2024-10-21",
                    _ => "/v1/chat/completions",
                };
                assert_eq!(seen.path, path);
            }
            Provider::OpenAiResponses => {
                assert_eq!(
                    body["input"][2],
                    json!({"type": "function_call", "call_id": "call_0_0", "name": "add",
                    "arguments": "{\"a\":1}"})
                );
                assert_eq!(
                    body["input"][3],
                    json!({"type": "function_call_output", "call_id": "call_0_0", "output": "2"})
                );
                assert_eq!(body["store"], json!(false));
                assert_eq!(body["tools"][0]["strict"], json!(false));
            }
            Provider::Anthropic => {
                assert_eq!(body["system"], json!([{"type": "text", "text": "Be brief."}]));
                assert_eq!(
                    body["messages"][1]["content"][0],
                    json!({"type": "thinking", "thinking": "Hm", "signature": "c2lnbmVk"})
                );
                assert_eq!(
                    body["messages"][1]["content"][1],
                    json!({"type": "tool_use", "id": "call_0_0", "name": "add",
                    "input": {"a": 1}})
                );
                assert_eq!(
                    body["messages"][2],
                    json!({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call_0_0", "content": "2"}]})
                );
                assert_eq!(
                    (&body["max_tokens"], seen.headers["anthropic-version"].as_str()),
                    (&json!(1024), "2023-06-01")
                );
            }
            Provider::Gemini => {
                assert_eq!(seen.path, "/v1beta/models/m1:generateContent");
                assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "Be brief."}]}));
                assert_eq!(body["contents"][1]["parts"][1]["thoughtSignature"], json!("c2lnbmVk"));
                assert_eq!(
                    body["contents"][2],
                    json!({"role": "user", "parts": [{"functionResponse":
                    {"id": "call_0_0", "name": "add", "response": {"result": "2"}}}]})
                );
                assert_eq!(
                    body["generationConfig"],
                    json!({"temperature": 0.1, "maxOutputTokens": 1024})
                );
            }
            Provider::Ollama => {
                assert_eq!(
                    body["messages"][2]["tool_calls"],
                    json!([{"function": {"name": "add", "arguments": {"a": 1}}}])
                );
                assert_eq!(
                    body["messages"][3],
                    json!({"role": "tool", "tool_name": "add", "content": "2"})
                );
                assert_eq!(body["options"], json!({"temperature": 0.75, "num_ctx": 2048}));
                assert_eq!((&body["think"], &body["keep_alive"]), (&json!(true), &json!("5m")));
            }
        }
    }
}

#[tokio::test]
async fn a_schema_goes_where_the_provider_wants_it() {
    let server = serving([Answer::text("{\"stars\": 4}")]);
    let schema = json!({"type": "object", "properties": {"stars": {"type": "integer"}}});
    let strict = json!({"type": "object", "properties": {"stars": {"type": "integer"}}, "required": ["stars"],
        "additionalProperties": false});
    for (provider, arguments) in everywhere(&server) {
        let connection = open(provider, &arguments, json!({}));
        let mut request = question(provider, "Rate");
        request.output_schema = Some(OutputSchema {
            name: "review".to_owned(),
            schema: schema.clone(),
        });
        assert!(connection.native_structured_output("gpt-4o-mini"), "{provider:?}");
        connection.chat(&request).await.unwrap();
        let body = server.requests().pop().unwrap().body;
        let (there, expected) = match provider {
            Provider::OpenAi | Provider::AzureOpenAi | Provider::Vllm => {
                (&body["response_format"]["json_schema"]["schema"], &strict)
            }
            Provider::OpenAiResponses => (&body["text"]["format"]["schema"], &strict),
            Provider::Anthropic => (&body["output_config"]["format"]["schema"], &strict),
            Provider::Gemini => (&body["generationConfig"]["responseJsonSchema"], &schema),
            Provider::Ollama => (&body["format"], &schema),
        };
        assert_eq!(there, expected, "{provider:?}");
    }
    assert!(!open(Provider::OpenAi, &everywhere(&server)[0].1, json!({})).native_structured_output("gpt-3.5-turbo"));
}

#[tokio::test]
async fn refusals_and_full_answers_are_told_apart() {
    let server = serving([Answer {
        refusal: Some("I must not".to_owned()),
        ..Answer::default()
    }]);
    for (provider, arguments) in everywhere(&server) {
        // Ollama has no refusals.
        if provider == Provider::Ollama {
            continue;
        }
        for streamed in [false, true] {
            let answer = open(provider, &arguments, json!({"stream": streamed}))
                .chat(&question(provider, "?"))
                .await
                .unwrap();
            assert_eq!(
                answer.finish_reason,
                FinishReason::ContentFilter,
                "{provider:?} {streamed}"
            );
            let expected = if provider == Provider::Gemini {
                "SAFETY"
            } else {
                "I must not"
            };
            assert_eq!(answer.refusal.as_deref(), Some(expected), "{provider:?} {streamed}");
        }
    }
    for (provider, arguments) in everywhere(&server) {
        let finish = match provider {
            Provider::OpenAiResponses => "max_output_tokens",
            Provider::Anthropic => "max_tokens",
            Provider::Gemini => "MAX_TOKENS",
            _ => "length",
        };
        server.play(Script::of([Rule::any([Answer {
            finish: Some(finish.to_owned()),
            ..Answer::text("and so")
        }])]));
        let answer = open(provider, &arguments, json!({}))
            .chat(&question(provider, "?"))
            .await
            .unwrap();
        assert_eq!(answer.finish_reason, FinishReason::Length, "{provider:?}");
    }
}

#[tokio::test]
async fn thoughts_in_the_text_are_taken_out_where_that_is_wanted() {
    let server = serving([Answer::text("<think>\nhm\n</think>\n\nYes")]);
    for (provider, setup, content) in [
        (Provider::Ollama, json!({"model": "m"}), "Yes"),
        (
            Provider::Ollama,
            json!({"model": "m", "extract_reasoning": false}),
            "<think>\nhm\n</think>\n\nYes",
        ),
        (Provider::Vllm, json!({"model": "m", "extract_reasoning": true}), "Yes"),
    ] {
        let arguments = everywhere(&server)
            .into_iter()
            .find(|(of, _)| *of == provider)
            .unwrap()
            .1;
        let mut request = question(provider, "?");
        request.parameters = provider.setup_parameters(&setup).unwrap();
        let answer = open(provider, &arguments, json!({})).chat(&request).await.unwrap();
        assert_eq!(answer.message.content, content);
        assert_eq!(answer.reasoning.is_some(), content == "Yes");
    }
}

#[tokio::test]
async fn parameters_headers_and_prefills_are_sent() {
    let server = serving([Answer::text("\"stars\": 4}")]);
    let all = everywhere(&server);
    let arguments = |provider| all.iter().find(|(of, _)| *of == provider).unwrap().1.clone();

    let mut request = question(Provider::OpenAi, "?");
    request.tools.push(add());
    request.parameters = Provider::OpenAi
        .setup_parameters(&json!({"model": "m", "logprobs": true, "top_logprobs": 3,
        "strict": true, "reasoning_effort": "low", "temperature": 0.1, "max_tokens": 9, "additional_kwargs": {"seed": 1}}))
        .unwrap();
    let connection = open(
        Provider::OpenAi,
        &arguments(Provider::OpenAi),
        json!({"default_headers": {"x-team": "red"}}),
    );
    connection.chat(&request).await.unwrap();
    let seen = server.requests().pop().unwrap();
    for (name, value) in [
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("reasoning_effort", json!("low")),
        ("max_tokens", json!(9)),
        ("seed", json!(1)),
        ("temperature", json!(0.1)),
    ] {
        assert_eq!(seen.body[name], value, "{name}");
    }
    assert_eq!(
        seen.body["tools"][0]["function"]["parameters"]["required"],
        json!(["a", "b"])
    );
    assert_eq!(seen.headers["x-team"], "red");
    assert_eq!(seen.headers["authorization"], "Bearer sk-test");

    request.parameters = Provider::AzureOpenAi
        .setup_parameters(&json!({"model": "d1", "model_of_azure_deployment": "o3-mini", "max_tokens": 9}))
        .unwrap();
    open(Provider::AzureOpenAi, &arguments(Provider::AzureOpenAi), json!({}))
        .chat(&request)
        .await
        .unwrap();
    let body = server.requests().pop().unwrap().body;
    assert_eq!(
        (&body["max_completion_tokens"], body.get("max_tokens")),
        (&json!(9), None)
    );

    let mut request = question(Provider::Anthropic, "?");
    request.parameters = Provider::Anthropic
        .setup_parameters(&json!({"json_prefill": true}))
        .unwrap();
    let answer = open(Provider::Anthropic, &arguments(Provider::Anthropic), json!({}))
        .chat(&request)
        .await
        .unwrap();
    assert_eq!(answer.message.content, "{\"stars\": 4}");
    let messages = server.requests().pop().unwrap().body["messages"].clone();
    assert_eq!(messages[1], json!({"role": "assistant", "content": "{"}));

    let mut request = question(Provider::OpenAiResponses, "?");
    request.parameters = Provider::OpenAiResponses
        .setup_parameters(&json!({"max_tokens": 9, "reasoning_effort": "high",
        "instructions": "Be kind"}))
        .unwrap();
    open(
        Provider::OpenAiResponses,
        &arguments(Provider::OpenAiResponses),
        json!({}),
    )
    .chat(&request)
    .await
    .unwrap();
    let body = server.requests().pop().unwrap().body;
    assert_eq!(
        (
            &body["max_output_tokens"],
            &body["reasoning"],
            &body["instructions"],
            body.get("max_tokens")
        ),
        (&json!(9), &json!({"effort": "high"}), &json!("Be kind"), None)
    );
}

#[tokio::test]
async fn questions_of_one_call_have_keys_of_their_own_and_an_attempt_has_that_of_its_question() {
    let server = serving((0..6).map(|_| Answer::text("ok")));
    let (_, arguments) = everywhere(&server)
        .into_iter()
        .find(|(of, _)| *of == Provider::OpenAi)
        .unwrap();
    let connection = open(Provider::OpenAi, &arguments, json!({}));
    let mut keys = Vec::new();
    for (call, text) in [
        (Some("call-1"), "one"),
        (Some("call-1"), "two"),
        (Some("call-2"), "one"),
        (Some("call-1"), "one"),
        (None, "one"),
    ] {
        let mut request = question(Provider::OpenAi, text);
        request.idempotency_key = call.map(str::to_owned);
        connection.chat(&request).await.unwrap();
        let seen = server.requests().pop().unwrap();
        keys.push(seen.headers.get("idempotency-key").cloned());
    }
    assert_eq!(keys[3], keys[0]);
    assert_ne!(keys[1], keys[0]);
    assert_ne!(keys[2], keys[0]);
    assert_eq!(keys[4], None);
    // A UUID of version 8, which is the same wherever it is made.
    assert_eq!(keys[0].as_ref().map(|key| (key.len(), &key[14..15])), Some((36, "8")));
}
