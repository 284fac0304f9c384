//! Vector stores as resources: their arguments, and a server of Chroma that cannot be had.

#![allow(clippy::unwrap_used)]

use flink_agents_models::{Store, StoreKind, VectorStoreError};
use serde_json::{Value, json};

fn refused(kind: StoreKind, arguments: Value) -> String {
    match Store::open(kind, "library", &arguments) {
        Err(VectorStoreError::Arguments(text)) => text,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[test]
fn arguments_are_checked_by_name() {
    assert!(
        refused(StoreKind::Embedded, json!({"pth": "x"}))
            .starts_with("argument 'pth' of the embedded vector store: is unknown")
    );
    assert!(
        refused(StoreKind::Chroma, json!({"host": "h", "port": "many"})).contains("'port' of Chroma's vector store")
    );
    assert!(refused(StoreKind::Chroma, json!({"host": "h", "persist_directory": "d"})).contains("Leave out either"));
    assert!(refused(StoreKind::Chroma, json!({"host": "http://"})).contains("has to be a URL"));
    let directory = std::env::temp_dir().join(format!("flink-agents-stores-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("chroma.sqlite3"), "").unwrap();
    let text = refused(StoreKind::Chroma, json!({"persist_directory": directory}));
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(text.contains("has files of Chroma itself"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_and_no_key_is_told() {
    let arguments = json!({"host": "127.0.0.1", "port": 9, "api_key": "ck-secret", "max_retries": 1});
    let store = Store::open(StoreKind::Chroma, "library", &arguments).unwrap();
    let call = json!({"do": "get", "ids": null, "filters": {}, "limit": null});
    let error = store.call(serde_json::from_value(call).unwrap()).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, VectorStoreError::Server { .. }), "{text}");
    assert!(
        text.starts_with("vector store 'library' at http://127.0.0.1:9: ") && text.contains("refused"),
        "{text}"
    );
    assert!(
        text.ends_with("Check host, port and proxy of the store, and that the server runs."),
        "{text}"
    );
    assert!(!format!("{text} {error:?}").contains("ck-secret"), "{text}");
}

#[tokio::test]
async fn a_call_that_nobody_knows_is_not_read() {
    for wrong in [
        json!({"do": "forget"}),
        json!({"collection": "c"}),
        json!({"do": "add"}),
    ] {
        assert!(serde_json::from_value::<flink_agents_models::StoreCall>(wrong).is_err());
    }
}
