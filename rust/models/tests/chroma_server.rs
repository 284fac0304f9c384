//! The same calls to every kind of store, and what a server of Chroma has besides. Run by
//! `scripts/chroma-server run -- cargo test -p flink-agents-models --features chroma-tests --test chroma_server`.

#![allow(clippy::unwrap_used)]

use std::process;

use flink_agents_models::{Store, StoreKind, VectorStoreError};
use serde_json::{Value, json};

fn address() -> String {
    std::env::var("FLINK_AGENTS_CHROMA").expect("run by: scripts/chroma-server run -- cargo test …")
}

/// A store with a collection that no other test has.
fn chroma(name: &str, more: Value) -> Store {
    let mut arguments = json!({"host": address(), "collection": format!("{name}-{}", process::id()), "timeout": 120});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Store::open(StoreKind::Chroma, name, &arguments).unwrap()
}

/// One of each kind.
fn stores(name: &str) -> [(&'static str, Store); 2] {
    let embedded = Store::open(StoreKind::Embedded, name, &json!({})).unwrap();
    [("embedded", embedded), ("chroma", chroma(name, json!({})))]
}

async fn ask(store: &Store, call: Value) -> Result<Value, VectorStoreError> {
    let answer = store.call(serde_json::from_value(call).unwrap()).await?;
    Ok(serde_json::from_str(&answer).unwrap())
}

fn ids(documents: &Value) -> Vec<&str> {
    documents
        .as_array()
        .unwrap()
        .iter()
        .map(|document| document["id"].as_str().unwrap())
        .collect()
}

fn reviews() -> Value {
    json!([
        {"id": "a", "content": "good", "embedding": [1.0, 0.0], "metadata": {"stars": 5, "lang": "en"}},
        {"id": "b", "content": "so so", "embedding": [0.8, 0.6], "metadata": {"stars": 1.0, "lang": "en"}},
        {"id": "c", "content": "bad", "embedding": [0.0, -2.0], "metadata": {"stars": 1, "lang": "de"}},
    ])
}

#[tokio::test]
async fn every_kind_of_store_adds_finds_changes_and_deletes() {
    for (kind, store) in stores("all") {
        let all = json!({"do": "get", "ids": null, "filters": {}, "limit": null});
        assert_eq!(ask(&store, all.clone()).await.unwrap(), json!([]), "{kind}");
        let added = ask(&store, json!({"do": "add", "documents": reviews()})).await.unwrap();
        assert_eq!(added, json!(["a", "b", "c"]), "{kind}");
        let found = ask(
            &store,
            json!({"do": "query", "embedding": [2.0, 0.0], "limit": 2, "filters": {}}),
        )
        .await
        .unwrap();
        assert_eq!(ids(&found), ["a", "b"], "{kind}");
        let score = |place: usize| found[place]["score"].as_f64().unwrap();
        assert!(
            (score(0) - 1.0).abs() < 1e-5 && (score(1) - 0.8).abs() < 1e-5,
            "{kind}: {found}"
        );
        assert_eq!(found[0]["metadata"], json!({"stars": 5, "lang": "en"}), "{kind}");
        for (filters, right) in [
            (json!({"lang": "en"}), vec!["a", "b"]),
            (json!({"lang": "en", "stars": 1}), vec!["b"]),
            (json!({"stars": 1.0}), vec!["b", "c"]),
            (json!({"lang": "fr"}), vec![]),
        ] {
            let get = json!({"do": "get", "ids": null, "filters": filters, "limit": null});
            assert_eq!(ids(&ask(&store, get).await.unwrap()), right, "{kind}: {filters}");
            let query = json!({"do": "query", "embedding": [1.0, 0.0], "limit": 9, "filters": filters});
            assert_eq!(ids(&ask(&store, query).await.unwrap()), right, "{kind}: {filters}");
        }
        // In the order of the ids, and no more than wanted.
        let get = |ids: Value, limit: Value| json!({"do": "get", "ids": ids, "filters": {}, "limit": limit});
        assert_eq!(
            ids(&ask(&store, get(json!(["c", "x", "a"]), Value::Null)).await.unwrap()),
            ["c", "a"],
            "{kind}"
        );
        assert_eq!(
            ids(&ask(&store, get(json!(["c", "b", "a"]), json!(2))).await.unwrap()),
            ["c", "b"],
            "{kind}"
        );
        for limit in 0..5 {
            assert_eq!(
                ask(&store, get(Value::Null, json!(limit)))
                    .await
                    .unwrap()
                    .as_array()
                    .unwrap()
                    .len(),
                limit.min(3)
            );
        }
        assert_eq!(
            ask(&store, get(json!([]), Value::Null)).await.unwrap(),
            json!([]),
            "{kind}"
        );
        // What was known of a document before is gone, and the last one of an id counts.
        let again = json!([
            {"id": "a", "content": "first", "embedding": [1.0, 0.0]},
            {"id": "a", "content": "best", "embedding": [1.0, 0.1], "metadata": {"read": true}},
        ]);
        for what in ["add", "update"] {
            ask(&store, json!({"do": what, "documents": again})).await.unwrap();
            let found = ask(&store, get(json!(["a"]), Value::Null)).await.unwrap();
            assert_eq!(
                (&found[0]["content"], &found[0]["metadata"]),
                (&json!("best"), &json!({"read": true})),
                "{kind}"
            );
        }
        let named = ask(
            &store,
            json!({"do": "add", "documents": [{"content": "new", "embedding": [0.0, 1.0]}]}),
        );
        assert_eq!(named.await.unwrap()[0].as_str().unwrap().len(), 36, "{kind}");
        let delete = |ids: Value, filters: Value| json!({"do": "delete", "ids": ids, "filters": filters});
        assert_eq!(
            ask(&store, delete(json!(["a", "x"]), json!({}))).await.unwrap(),
            json!(1),
            "{kind}"
        );
        assert_eq!(
            ask(&store, delete(Value::Null, json!({"lang": "de"}))).await.unwrap(),
            json!(1),
            "{kind}"
        );
        assert_eq!(
            ask(&store, delete(Value::Null, json!({}))).await.unwrap(),
            json!(2),
            "{kind}"
        );
        assert_eq!(ask(&store, all).await.unwrap(), json!([]), "{kind}");
    }
}

#[tokio::test]
async fn every_kind_of_store_makes_collections_by_one_rule() {
    for (kind, store) in stores("rule") {
        let other = format!("other-{kind}-{}", process::id());
        let one = json!([{"id": "1", "content": "x", "embedding": [1.0, 0.0]}]);
        let get = json!({"do": "get", "collection": other, "ids": null, "filters": {}, "limit": null});
        let refused = ask(&store, get.clone()).await.unwrap_err();
        assert!(
            matches!(&refused, VectorStoreError::NoCollection { name, .. } if *name == other),
            "{kind}: {refused}"
        );
        let update = json!({"do": "update", "collection": other, "documents": one});
        let refused = ask(&store, update).await.unwrap_err();
        assert!(
            matches!(refused, VectorStoreError::NoCollection { .. }),
            "{kind}: {refused}"
        );
        ask(&store, json!({"do": "add", "collection": other, "documents": one}))
            .await
            .unwrap();
        assert_eq!(ids(&ask(&store, get.clone()).await.unwrap()), ["1"], "{kind}");
        let create = json!({"do": "create_collection", "collection": other, "metadata": {"of": "tests"}});
        assert_eq!(ask(&store, create.clone()).await.unwrap(), Value::Null, "{kind}");
        assert_eq!(
            ids(&ask(&store, get.clone()).await.unwrap()),
            ["1"],
            "{kind}: it stays as it is"
        );
        let delete = json!({"do": "delete_collection", "collection": other});
        assert_eq!(ask(&store, delete.clone()).await.unwrap(), json!(true), "{kind}");
        assert_eq!(ask(&store, delete).await.unwrap(), json!(false), "{kind}");
        ask(&store, create).await.unwrap();
        assert_eq!(ask(&store, get).await.unwrap(), json!([]), "{kind}");
        // Its own collection is there again whenever it is asked for.
        ask(&store, json!({"do": "add", "documents": one})).await.unwrap();
        ask(&store, json!({"do": "delete_collection"})).await.unwrap();
        let query = json!({"do": "query", "embedding": [1.0, 0.0], "limit": 3, "filters": {}});
        assert_eq!(ask(&store, query).await.unwrap(), json!([]), "{kind}");
    }
    let fixed = chroma("fixed", json!({"auto_create_collection": false}));
    for call in [
        json!({"do": "add", "documents": []}),
        json!({"do": "add", "documents": reviews()}),
    ] {
        let refused = ask(&fixed, call).await.unwrap_err().to_string();
        assert!(
            refused.contains("vector store 'fixed' at http://127.0.0.1:") && refused.contains("no collection"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_every_kind() {
    for (kind, store) in stores("refused") {
        ask(&store, json!({"do": "add", "documents": reviews()})).await.unwrap();
        for (call, text) in [
            (json!({"do": "update", "documents": []}), "no documents"),
            (
                json!({"do": "update", "documents": [{"content": "x", "embedding": [1.0]}]}),
                "document 0 to update has no id",
            ),
            (
                json!({"do": "add", "documents": [{"id": "z", "content": "x"}]}),
                "'z' has no embedding",
            ),
            (
                json!({"do": "add", "documents": [{"id": "z", "content": "x", "embedding": [1.0, 2.0, 3.0]}]}),
                "3",
            ),
            (
                json!({"do": "query", "embedding": [1.0, 2.0, 3.0], "limit": 1, "filters": {}}),
                "3",
            ),
        ] {
            let refused = ask(&store, call.clone()).await.unwrap_err().to_string();
            assert!(refused.contains(text), "{kind} {call}: {refused}");
        }
        let get = json!({"do": "get", "ids": null, "filters": {}, "limit": null});
        assert_eq!(ask(&store, get).await.unwrap().as_array().unwrap().len(), 3, "{kind}");
    }
}

#[tokio::test]
async fn chroma_has_operators_and_keeps_no_objects() {
    let store = chroma("operators", json!({"collection_metadata": {"of": "tests"}}));
    ask(&store, json!({"do": "add", "documents": reviews()})).await.unwrap();
    for (filters, right) in [
        (json!({"stars": {"$gte": 2}}), vec!["a"]),
        (json!({"$or": [{"stars": 5}, {"lang": "de"}]}), vec!["a", "c"]),
        (json!({"lang": {"$in": ["de", "fr"]}}), vec!["c"]),
    ] {
        let get = json!({"do": "get", "ids": null, "filters": filters, "limit": null});
        assert_eq!(ids(&ask(&store, get).await.unwrap()), right, "{filters}");
    }
    let refused = ask(
        &store,
        json!({"do": "get", "ids": null, "filters": {"lang": null}, "limit": null}),
    )
    .await;
    assert!(refused.unwrap_err().to_string().contains("'lang' has no value"));
    let nested = json!([{"id": "n", "content": "x", "embedding": [1.0, 0.0], "metadata": {"a": {"b": 1}}}]);
    let refused = ask(&store, json!({"do": "add", "documents": nested}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("metadata 'a' of document 'n' is not plain"),
        "{refused}"
    );
    let bad = json!({"do": "create_collection", "collection": "x", "metadata": {}});
    let refused = ask(&store, bad).await.unwrap_err().to_string();
    assert!(
        refused.contains("400 Bad Request: Validation error: name: Expected a name containing 3-512"),
        "{refused}"
    );
}

#[tokio::test]
async fn more_than_a_request_may_hold_goes_in_several() {
    let store = chroma("many", json!({}));
    // By number: a server takes some thousands at once.
    let count = 7000;
    let documents = (0..count).map(|i| json!({"id": format!("{i}"), "content": "x", "embedding": [1.0, f64::from(i)]}));
    let added = ask(&store, json!({"do": "add", "documents": documents.collect::<Vec<_>>()}))
        .await
        .unwrap();
    assert_eq!(added.as_array().unwrap().len(), count as usize);
    let found = ask(&store, json!({"do": "get", "ids": null, "filters": {}, "limit": null}))
        .await
        .unwrap();
    assert_eq!(found.as_array().unwrap().len(), count as usize);
    let wanted = (0..count).rev().map(|i| i.to_string()).collect::<Vec<_>>();
    let get = json!({"do": "get", "ids": wanted, "filters": {}, "limit": null});
    assert_eq!(ids(&ask(&store, get).await.unwrap()), wanted);
    let gone = ask(&store, json!({"do": "delete", "ids": null, "filters": {}}))
        .await
        .unwrap();
    assert_eq!(gone, json!(count));
    // And by size: a server refuses requests of 40 MB.
    let text = "x".repeat(1 << 20);
    let large = (0..48).map(|i| json!({"id": format!("l{i}"), "content": text, "embedding": [1.0, 0.0]}));
    ask(&store, json!({"do": "add", "documents": large.collect::<Vec<_>>()}))
        .await
        .unwrap();
    let found = ask(
        &store,
        json!({"do": "get", "ids": ["l47"], "filters": {}, "limit": null}),
    )
    .await
    .unwrap();
    assert_eq!(found[0]["content"].as_str().unwrap().len(), text.len());
}

#[tokio::test]
async fn a_collection_that_was_made_anew_elsewhere_is_found() {
    let (one, other) = (chroma("anew", json!({})), chroma("anew", json!({})));
    let add = json!({"do": "add", "documents": reviews()});
    let get = json!({"do": "get", "ids": null, "filters": {}, "limit": null});
    ask(&one, add.clone()).await.unwrap();
    assert_eq!(ask(&other, get.clone()).await.unwrap().as_array().unwrap().len(), 3);
    ask(&one, json!({"do": "delete_collection"})).await.unwrap();
    ask(&one, json!({"do": "create_collection", "metadata": {}}))
        .await
        .unwrap();
    assert_eq!(ask(&other, get).await.unwrap(), json!([]));
    assert_eq!(ask(&other, add).await.unwrap(), json!(["a", "b", "c"]));
}

#[tokio::test]
async fn other_measures_of_distance_have_scores_too() {
    let store = chroma("measures", json!({"collection_metadata": {"hnsw:space": "ip"}}));
    ask(&store, json!({"do": "add", "documents": reviews()})).await.unwrap();
    let found = ask(
        &store,
        json!({"do": "query", "embedding": [2.0, 0.0], "limit": 1, "filters": {}}),
    )
    .await
    .unwrap();
    assert!((found[0]["score"].as_f64().unwrap() - 2.0).abs() < 1e-5, "{found}");
}
