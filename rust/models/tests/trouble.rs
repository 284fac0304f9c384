//! Servers that refuse, hang, cut, lie and talk too much: each a clear error, or one more attempt.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{add, everywhere, open, question, serving};
use flink_agents_model_server::{Answer, ModelServer, Rule, Script};
use flink_agents_models::{ChatConnection, ConnectionOptions, ModelError, ModelErrorKind, Partial, Provider};
use serde_json::{Value, json};

fn arguments(server: &ModelServer, provider: Provider) -> Value {
    everywhere(server)
        .into_iter()
        .find(|(of, _)| *of == provider)
        .unwrap()
        .1
}

async fn failure(server: &ModelServer, provider: Provider, more: Value) -> ModelError {
    let connection = open(provider, &arguments(server, provider), more);
    connection.chat(&question(provider, "Hello")).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_recovers_is_asked_again() {
    let rule = Rule::any([
        Answer::error(503, "warming up").retry_after(0.05),
        Answer::text("x").cut(20),
        Answer::text("Hi"),
    ]);
    for (provider, arguments) in everywhere(&serving([])) {
        let server = ModelServer::start(Script::of([rule.clone()])).unwrap();
        let mut arguments = arguments;
        for name in ["api_base_url", "base_url", "azure_endpoint"] {
            if let Some(old) = arguments.get(name).and_then(Value::as_str) {
                let path = old.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
                arguments[name] = format!("{}/{path}", server.url()).into();
            }
        }
        let answer = open(provider, &arguments, json!({}))
            .chat(&question(provider, "?"))
            .await
            .unwrap();
        assert_eq!(
            (answer.message.content.as_str(), answer.retries, server.count()),
            ("Hi", 2, 3),
            "{provider:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_succeed_is_not_tried_again() {
    let server = serving([Answer::error(404, "The model `m1` does not exist")]);
    for (provider, _) in everywhere(&server) {
        let before = server.count();
        let error = failure(&server, provider, json!({})).await;
        assert_eq!(
            (error.kind, error.status, error.attempt),
            (ModelErrorKind::Refused, Some(404), 1),
            "{provider:?}"
        );
        let text = error.to_string();
        assert!(
            text.starts_with("model 'm1' of connection 'reviews', attempt 1 of 4: http://127.0.0.1:"),
            "{text}"
        );
        assert!(
            text.contains("answered 404 Not Found: The model `m1` does not exist"),
            "{text}"
        );
        assert!(
            text.ends_with("Check model name, parameters and tools against what the server supports."),
            "{text}"
        );
        assert_eq!(server.count() - before, 1, "{provider:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_an_error_that_does_not_show_it() {
    let server = ModelServer::start(Script {
        keys: vec!["sk-good".to_owned()],
        ..Script::default()
    })
    .unwrap();
    for provider in [
        Provider::OpenAi,
        Provider::OpenAiResponses,
        Provider::AzureOpenAi,
        Provider::Anthropic,
        Provider::Gemini,
    ] {
        let error = failure(&server, provider, json!({"api_key": "sk-bad-4711"})).await;
        assert_eq!(
            (error.kind, error.status),
            (ModelErrorKind::Authentication, Some(401)),
            "{provider:?}"
        );
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("4711") && shown.contains("Incorrect API key provided: ***"),
            "{shown}"
        );
    }
    let refused = open(
        Provider::OpenAi,
        &arguments(&server, Provider::OpenAi),
        json!({"api_base_url": "http://user:pass4711@127.0.0.1:1/v1"}),
    );
    let error = refused.chat(&question(Provider::OpenAi, "?")).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("4711"), "{error}");
}

#[tokio::test]
async fn limits_of_the_server_are_kept_by_all_calls_of_the_connection() {
    let server = serving([Answer::error(429, "slow down").retry_after(0.4), Answer::text("Hi")]);
    let connection = Arc::new(open(Provider::OpenAi, &arguments(&server, Provider::OpenAi), json!({})));
    let start = Instant::now();
    let first = tokio::spawn({
        let connection = Arc::clone(&connection);
        async move { connection.chat(&question(Provider::OpenAi, "1")).await.unwrap() }
    });
    while server.count() == 0 {
        tokio::task::yield_now().await;
    }
    // It may still reach the server before the refusal has come back.
    let second = connection.chat(&question(Provider::OpenAi, "2")).await.unwrap();
    assert_eq!(first.await.unwrap().retries + second.retries, 1);
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());

    let server = serving([Answer::error(429, "come tomorrow").retry_after(86_400.0)]);
    let error = failure(&server, Provider::Anthropic, json!({})).await;
    assert_eq!(
        (error.kind, error.retry_after),
        (ModelErrorKind::RateLimited, Some(Duration::from_secs(86_400)))
    );
    assert!(
        error.to_string().contains("again in 86400 s at the earliest"),
        "{error}"
    );
    assert_eq!(server.count(), 1, "nobody waits for a day");
}

#[tokio::test]
async fn a_call_that_gives_up_leaves_the_server_alone_for_the_next() {
    let server = serving([Answer::error(503, "busy").retry_after(0.4), Answer::text("Hi")]);
    let connection = open(
        Provider::OpenAi,
        &arguments(&server, Provider::OpenAi),
        json!({"max_retries": 0}),
    );
    let start = Instant::now();
    let request = question(Provider::OpenAi, "?");
    assert_eq!(
        connection.chat(&request).await.unwrap_err().retry_after,
        Some(Duration::from_millis(400))
    );
    assert_eq!(connection.chat(&request).await.unwrap().message.content, "Hi");
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
}

#[tokio::test]
async fn silence_ends_with_the_time_out() {
    let server = serving([Answer {
        hang: true,
        ..Answer::default()
    }]);
    for streamed in [false, true] {
        let more = json!({"timeout": 0.2, "max_retries": 1, "stream": streamed});
        let error = failure(&server, Provider::Ollama, more).await;
        assert_eq!(
            (error.kind, error.attempt, error.attempts),
            (ModelErrorKind::Timeout, 2, 2)
        );
        assert!(error.to_string().contains("for 0.2 s"), "{error}");
    }
    // A stream may take longer than the time-out, as long as it goes on.
    let server = serving([Answer {
        piece_delay_ms: 120,
        ..Answer::text("a b c d e f g h i j k l")
    }]);
    let connection = open(
        Provider::Gemini,
        &arguments(&server, Provider::Gemini),
        json!({"timeout": 1, "stream": true}),
    );
    assert_eq!(
        connection
            .chat(&question(Provider::Gemini, "?"))
            .await
            .unwrap()
            .message
            .content,
        "a b c d e f g h i j k l"
    );
}

#[tokio::test]
async fn a_cut_stream_is_never_taken_for_an_answer() {
    for cleanly in [false, true] {
        let whole = "one two three four five six seven eight nine ten";
        // Behind the first words of every provider, before any end.
        let cut = Answer {
            cut_cleanly: cleanly,
            ..Answer::text(whole).cut(800)
        };
        let server = ModelServer::start(Script::default()).unwrap();
        for (provider, arguments) in everywhere(&server) {
            server.play(Script::of([Rule::any([cut.clone()])]));
            let connection = open(provider, &arguments, json!({"max_retries": 0}));
            let error = connection
                .chat_streamed(&question(provider, "?"), &|_| {})
                .await
                .unwrap_err();
            // The event that was cut in two may look malformed first.
            let kinds = [ModelErrorKind::Cut, ModelErrorKind::InvalidAnswer];
            assert!(kinds.contains(&error.kind), "{provider:?} {cleanly}: {error}");

            server.play(Script::of([Rule::any([
                Answer::text(whole).cut(800),
                Answer::text("all"),
            ])]));
            let told = Mutex::new(Vec::new());
            let tell = |partial| told.lock().unwrap().push(partial);
            let connection = open(provider, &arguments, json!({}));
            let answer = connection.chat_streamed(&question(provider, "?"), &tell).await.unwrap();
            assert_eq!(
                (answer.message.content.as_str(), answer.retries),
                ("all", 1),
                "{provider:?}"
            );
            let told = told.into_inner().unwrap();
            let again = told.iter().position(|partial| *partial == Partial::Again).unwrap();
            assert_eq!(told[again + 1..], [Partial::Text("all".to_owned())], "{provider:?}");
        }
    }
}

#[tokio::test]
async fn malformed_answers_are_named_and_not_paid_for_again() {
    let server = ModelServer::start(Script::default()).unwrap();
    for (provider, arguments) in everywhere(&server) {
        for (answer, said) in [
            (
                Answer {
                    raw: Some("<html>Bad gateway</html>".to_owned()),
                    ..Answer::default()
                },
                "is no JSON",
            ),
            (
                Answer {
                    raw: Some("{}".to_owned()),
                    ..Answer::default()
                },
                "the answer has no '",
            ),
            (
                Answer {
                    role: Some("wizard".to_owned()),
                    ..Answer::text("x")
                },
                "the answer's role is 'wizard' instead of",
            ),
            (
                Answer::call("add", json!("{\"a\": 1")),
                "the arguments of the model's call of tool 'add' are no JSON object",
            ),
        ] {
            server.play(Script::of([Rule::any([answer])]));
            let before = server.count();
            let mut request = question(provider, "?");
            request.tools.push(add());
            let error = open(provider, &arguments, json!({})).chat(&request).await.unwrap_err();
            assert_eq!(error.kind, ModelErrorKind::InvalidAnswer, "{provider:?}: {error}");
            assert!(
                error.to_string().contains(said) && error.may_pass(),
                "{provider:?}: {error}"
            );
            assert_eq!(server.count() - before, 1);
        }
    }
}

#[tokio::test]
async fn huge_answers_end_at_the_limit() {
    let server = serving([Answer {
        repeat: 2_000,
        ..Answer::text("many words ")
    }]);
    for (provider, arguments) in everywhere(&server) {
        for streamed in [false, true] {
            let connection = open(
                provider,
                &arguments,
                json!({"max_response_bytes": 20_000, "stream": streamed}),
            );
            let error = connection.chat(&question(provider, "?")).await.unwrap_err();
            assert_eq!(error.kind, ModelErrorKind::TooLarge, "{provider:?} {streamed}: {error}");
            assert!(
                error
                    .to_string()
                    .contains("the answer has more than 20000 bytes. Raise max_response_bytes"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn no_server_is_said_with_its_address() {
    let error = {
        let server = serving([]);
        let arguments = arguments(&server, Provider::Vllm);
        drop(server);
        open(Provider::Vllm, &arguments, json!({"max_retries": 0}))
            .chat(&question(Provider::Vllm, "?"))
            .await
            .unwrap_err()
    };
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(
        error.to_string().contains("/v1/chat/completions cannot be reached: "),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("Check address, proxy and ca_file of the connection, and that the server runs."),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_left_alone_for_a_while() {
    let server = serving([
        Answer::error(500, "oh"),
        Answer::error(500, "oh"),
        Answer::error(500, "oh"),
        Answer::text("Hi"),
    ]);
    let more = json!({"max_retries": 0, "breaker_failures": 3});
    let connection = open(Provider::OpenAi, &arguments(&server, Provider::OpenAi), more);
    for _ in 0..3 {
        assert_eq!(
            connection
                .chat(&question(Provider::OpenAi, "?"))
                .await
                .unwrap_err()
                .kind,
            ModelErrorKind::Unavailable
        );
    }
    let error = connection.chat(&question(Provider::OpenAi, "?")).await.unwrap_err();
    assert_eq!((error.kind, server.count()), (ModelErrorKind::CircuitOpen, 3));
    assert!(connection.limiter().open && error.may_pass());
    assert!(error.retry_after.unwrap() > Duration::from_secs(20));
}

#[tokio::test]
async fn a_process_makes_no_more_calls_at_once_than_its_part() {
    let server = serving([Answer::text("Hi").late(100)]);
    let options = ConnectionOptions {
        name: "reviews".to_owned(),
        scope: "job".to_owned(),
        parallelism: 4,
    };
    let mut arguments = arguments(&server, Provider::OpenAi);
    arguments["max_concurrent_requests"] = 16.into();
    // Two of four subtasks run here.
    let subtasks = [0, 1].map(|_| Arc::new(ChatConnection::open(Provider::OpenAi, &options, &arguments).unwrap()));
    let calls = (0..40).map(|i| {
        let connection = Arc::clone(&subtasks[i % 2]);
        tokio::spawn(async move { connection.chat(&question(Provider::OpenAi, "?")).await.map(|_| ()) })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(server.count(), 40);
    // Two quarters of sixteen; on a busy machine they may not all meet.
    assert!((3..=8).contains(&server.most_at_once()), "{}", server.most_at_once());
}

#[tokio::test]
async fn a_call_that_is_given_up_frees_its_place() {
    let server = serving([
        Answer {
            hang: true,
            ..Answer::default()
        },
        Answer::text("Hi"),
    ]);
    let connection = open(
        Provider::OpenAi,
        &arguments(&server, Provider::OpenAi),
        json!({"max_concurrent_requests": 1}),
    );
    let request = question(Provider::OpenAi, "?");
    assert!(
        tokio::time::timeout(Duration::from_millis(100), connection.chat(&request))
            .await
            .is_err()
    );
    assert_eq!(connection.chat(&request).await.unwrap().message.content, "Hi");
    assert_eq!(connection.limiter().in_flight, 0);
}

#[tokio::test]
async fn calls_go_through_the_proxy_and_redirects_are_not_followed() {
    let proxy = serving([Answer::text("by proxy")]);
    let more = json!({"api_base_url": "http://models.invalid/v1", "proxy": proxy.url()});
    let connection = open(Provider::OpenAi, &arguments(&proxy, Provider::OpenAi), more);
    let answer = connection.chat(&question(Provider::OpenAi, "?")).await.unwrap();
    assert_eq!(answer.message.content, "by proxy");
    assert_eq!(proxy.requests()[0].headers["host"], "models.invalid");

    let elsewhere = serving([Answer::text("stolen")]);
    let location = (
        "location".to_owned(),
        format!("{}/v1/chat/completions", elsewhere.url()),
    );
    let server = serving([Answer {
        status: 307,
        headers: [location].into(),
        ..Answer::default()
    }]);
    let error = failure(&server, Provider::OpenAi, json!({})).await;
    assert_eq!(
        (error.kind, error.status, elsewhere.count()),
        (ModelErrorKind::Refused, Some(307), 0),
        "{error}"
    );
}

#[tokio::test]
async fn a_question_that_cannot_be_asked_is_not_sent() {
    let server = serving([Answer::text("Hi")]);
    for (provider, arguments) in everywhere(&server) {
        let connection = open(provider, &arguments, json!({}));
        let mut request = question(provider, "?");
        request.messages.clear();
        let error = connection.chat(&request).await.unwrap_err();
        assert_eq!(
            (error.kind, error.attempt),
            (ModelErrorKind::Arguments, 0),
            "{provider:?}"
        );
        let mut request = question(provider, "?");
        request.parameters.remove("model");
        assert!(
            connection
                .chat(&request)
                .await
                .unwrap_err()
                .to_string()
                .contains("no model is given")
        );
    }
    assert_eq!(server.count(), 0);
}
