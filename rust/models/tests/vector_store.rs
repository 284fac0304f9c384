//! The embedded vector store: what is kept, what is found, what is refused.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use flink_agents_models::{Document, VectorStore, VectorStoreError};
use serde_json::{Map, Value, json};

fn document(id: &str, embedding: &[f32], metadata: Value) -> Document {
    Document {
        id: Some(id.to_owned()),
        content: format!("text of {id}"),
        metadata: metadata.as_object().unwrap().clone(),
        embedding: Some(embedding.to_vec()),
        score: None,
    }
}

fn none() -> Map<String, Value> {
    Map::new()
}

fn filter(filter: Value) -> Map<String, Value> {
    filter.as_object().unwrap().clone()
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document.id.as_deref().unwrap())
        .collect()
}

fn filled() -> VectorStore {
    let store = VectorStore::in_memory().unwrap();
    store.create_collection("reviews", &none()).unwrap();
    let documents = [
        document("a", &[1.0, 0.0], json!({"stars": 5, "lang": "en"})),
        document("b", &[0.8, 0.6], json!({"stars": 1.0, "lang": "en"})),
        document("c", &[0.0, -2.0], json!({"stars": 1, "lang": "de"})),
    ];
    assert_eq!(store.add("reviews", &documents).unwrap(), ["a", "b", "c"]);
    store
}

#[test]
fn the_nearest_come_first_with_their_scores() {
    let store = filled();
    let found = store.query("reviews", &[2.0, 0.0], 2, &none()).unwrap();
    assert_eq!(ids(&found), ["a", "b"]);
    assert!((found[0].score.unwrap() - 1.0).abs() < 1e-6 && (found[1].score.unwrap() - 0.8).abs() < 1e-6);
    assert_eq!(
        (found[0].content.as_str(), &found[0].metadata["stars"]),
        ("text of a", &json!(5))
    );
    assert_eq!(
        ids(&store.query("reviews", &[0.0, -1.0], 10, &none()).unwrap()),
        ["c", "a", "b"]
    );
    // No direction, no nearness: in the order in which they were added.
    assert_eq!(
        ids(&store.query("reviews", &[0.0, 0.0], 10, &none()).unwrap()),
        ["a", "b", "c"]
    );
    assert!(store.query("reviews", &[1.0, 0.0], 0, &none()).unwrap().is_empty());
}

#[test]
fn filters_are_equalities_that_all_hold() {
    let store = filled();
    assert_eq!(
        ids(&store
            .query("reviews", &[1.0, 0.0], 9, &filter(json!({"stars": 1})))
            .unwrap()),
        ["b", "c"]
    );
    let both = filter(json!({"stars": 1, "lang": "de"}));
    assert_eq!(ids(&store.query("reviews", &[1.0, 0.0], 1, &both).unwrap()), ["c"]);
    assert_eq!(
        ids(&store
            .get("reviews", None, &filter(json!({"lang": "en"})), Some(1))
            .unwrap()),
        ["a"]
    );
    let operator = filter(json!({"stars": {"$gt": 1}}));
    let error = store
        .query("reviews", &[1.0, 0.0], 1, &operator)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the filter on 'stars' is an object. Filters are equalities; operators are not supported."
    );
}

#[test]
fn documents_are_got_replaced_and_deleted() {
    let store = filled();
    let wanted = ["c".to_owned(), "nobody".to_owned(), "a".to_owned()];
    assert_eq!(
        ids(&store.get("reviews", Some(&wanted), &none(), None).unwrap()),
        ["c", "a"]
    );
    store
        .update("reviews", &[document("a", &[0.0, 1.0], json!({"stars": 2}))])
        .unwrap();
    let a = &store.query("reviews", &[0.0, 1.0], 1, &none()).unwrap()[0];
    assert_eq!(
        (a.id.as_deref(), &a.metadata),
        (Some("a"), &filter(json!({"stars": 2})))
    );
    assert_eq!(
        store
            .delete("reviews", Some(&wanted), &filter(json!({"lang": "de"})))
            .unwrap(),
        1
    );
    assert_eq!(store.delete("reviews", None, &none()).unwrap(), 2);
    assert!(store.get("reviews", None, &none(), None).unwrap().is_empty());

    let unnamed = Document {
        id: None,
        ..document("x", &[1.0, 1.0], json!({}))
    };
    assert!(
        store
            .update("reviews", std::slice::from_ref(&unnamed))
            .unwrap_err()
            .to_string()
            .contains("has no id")
    );
    assert!(store.update("reviews", &[]).is_err());
    let named = store.add("reviews", &[unnamed.clone(), unnamed]).unwrap();
    assert!(named[0] != named[1] && named[0].len() == 36, "{named:?}");
}

#[test]
fn vectors_of_another_model_are_refused_and_nothing_is_written() {
    let store = filled();
    let good = document("d", &[1.0, 1.0], json!({}));
    let error = store
        .add("reviews", &[good.clone(), document("e", &[1.0, 2.0, 3.0], json!({}))])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "collection 'reviews' holds vectors of 2 numbers, and document 'e' has 3. Use the embedding model that the \
         collection was made with, or another collection."
    );
    assert_eq!(store.get("reviews", None, &none(), None).unwrap().len(), 3);
    assert!(
        store
            .query("reviews", &[1.0], 1, &none())
            .unwrap_err()
            .to_string()
            .contains("and the query has 1")
    );
    let bare = Document {
        embedding: None,
        ..good
    };
    assert!(
        store
            .add("reviews", &[bare])
            .unwrap_err()
            .to_string()
            .contains("document 'd' has no embedding")
    );
}

#[test]
fn collections_are_apart_and_go_with_their_documents() {
    let store = filled();
    store.create_collection("other", &none()).unwrap();
    store.create_collection("reviews", &none()).unwrap();
    assert_eq!(store.collections().unwrap(), ["other", "reviews"]);
    assert!(
        store.query("other", &[1.0], 3, &none()).unwrap().is_empty(),
        "no vector has said how long they are"
    );
    store
        .add("other", &[document("a", &[1.0, 2.0, 3.0], json!({}))])
        .unwrap();
    assert!(store.delete_collection("reviews").unwrap() && !store.delete_collection("reviews").unwrap());
    let gone = store.get("reviews", None, &none(), None).unwrap_err();
    assert!(matches!(gone, VectorStoreError::NoCollection { .. }), "{gone}");
    store.create_collection("reviews", &none()).unwrap();
    assert!(store.get("reviews", None, &none(), None).unwrap().is_empty());
}

/// A directory of this test, gone at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flink-agents-vectors-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_keeps_everything_and_may_have_several_users() {
    let directory = Directory::new("kept");
    let path = directory.0.join("vectors.sqlite");
    let (first, second) = (VectorStore::open(&path).unwrap(), VectorStore::open(&path).unwrap());
    first.create_collection("reviews", &none()).unwrap();
    first.add("reviews", &[document("a", &[1.0, 0.0], json!({}))]).unwrap();
    second.add("reviews", &[document("b", &[0.0, 1.0], json!({}))]).unwrap();
    assert_eq!(
        ids(&first.query("reviews", &[0.0, 1.0], 2, &none()).unwrap()),
        ["b", "a"]
    );
    drop((first, second));
    assert_eq!(
        VectorStore::open(&path)
            .unwrap()
            .get("reviews", None, &none(), None)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = Directory::new("bad");
    let path = directory.0.join("text.sqlite");
    std::fs::write(
        &path,
        "this is no database, and long enough to be looked at as one".repeat(20),
    )
    .unwrap();
    let error = VectorStore::open(&path).err().unwrap().to_string();
    assert!(
        error.contains("text.sqlite") && error.contains("not a database"),
        "{error}"
    );

    let path = directory.0.join("newer.sqlite");
    drop(VectorStore::open(&path).unwrap());
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 9)
        .unwrap();
    let error = VectorStore::open(&path).err().unwrap().to_string();
    assert!(
        error.ends_with("has layout 9, and this release reads up to 1. Use the release that wrote it."),
        "{error}"
    );
}
