//! Vector stores as resources: made of arguments, asked by calls that hosts write as JSON, whatever keeps the documents.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::arguments;
use crate::chroma::Chroma;
use crate::request::Parameters;
use crate::vector_store::{Document, Filters, VectorStore, VectorStoreError};

/// The file of a store that was declared as Chroma's with a directory.
const FILE: &str = "flink_agents_vectors.sqlite";
/// The file of Chroma itself in such a directory.
const CHROMA_FILE: &str = "chroma.sqlite3";

/// Whose arguments a store is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A file or memory: `path`.
    Embedded,
    /// A server of Chroma: `host`, or `api_key` alone; with neither of them as [`StoreKind::Embedded`], with
    /// `persist_directory`.
    Chroma,
}

/// What a store is asked, as JSON `{"do": "add", "documents": […]}`. Without `collection` the store's own is meant.
#[derive(Clone, Debug, Deserialize)]
pub struct StoreCall {
    #[serde(default)]
    collection: Option<String>,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum What {
    CreateCollection {
        metadata: Map<String, Value>,
    },
    DeleteCollection,
    Add {
        documents: Vec<Document>,
    },
    Update {
        documents: Vec<Document>,
    },
    Get {
        ids: Option<Vec<String>>,
        filters: Filters,
        limit: Option<usize>,
    },
    Delete {
        ids: Option<Vec<String>>,
        filters: Filters,
    },
    Query {
        embedding: Vec<f32>,
        limit: usize,
        filters: Filters,
    },
}

/// A vector store.
///
/// With `auto_create_collection`, the collection that is meant where none is named is made when it is first asked for
/// anything and not there, with `collection_metadata`; others are made when documents are added to them.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    collection: String,
    creates: bool,
    metadata: Map<String, Value>,
}

enum Backend {
    Embedded(VectorStore),
    Chroma(Box<Chroma>),
}

type Result<T> = std::result::Result<T, VectorStoreError>;

impl Store {
    /// Opens a store with the arguments of its resource. A server is not asked for anything yet.
    ///
    /// # Errors
    /// Arguments that are unknown or do not fit; a file that cannot be used.
    pub fn open(kind: StoreKind, name: &str, given: &Value) -> Result<Self> {
        let read = match kind {
            StoreKind::Embedded => arguments::embedded_store_arguments(given),
            StoreKind::Chroma => arguments::chroma_store_arguments(given),
        };
        let read = read.map_err(|error| VectorStoreError::Arguments(error.to_string()))?;
        let text = |name: &str| read.get(name).and_then(Value::as_str);
        let backend = if text("host").is_some() || text("api_key").is_some() {
            if text("persist_directory").is_some() {
                let what = "argument 'persist_directory' of Chroma's vector store: is for a store without a server, and \
                     'host' or 'api_key' name one. Leave out either.";
                return Err(VectorStoreError::Arguments(what.to_owned()));
            }
            Backend::Chroma(Box::new(Chroma::new(name, &read)?))
        } else {
            let file = match text("persist_directory") {
                Some(directory) => Some(file_in(Path::new(directory))?),
                None => text("path").map(PathBuf::from),
            };
            Backend::Embedded(match file {
                Some(file) => VectorStore::open(&file)?,
                None => VectorStore::in_memory()?,
            })
        };
        let inner = Inner {
            backend,
            collection: text("collection").unwrap_or_default().to_owned(),
            creates: flag(&read, "auto_create_collection"),
            metadata: read
                .get("collection_metadata")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Asks the store; the answer is JSON: a list of documents, of ids, a number, a truth value or null.
    ///
    /// # Errors
    /// Those of [`VectorStore`]; those of the server and the way to it.
    pub async fn call(&self, call: StoreCall) -> Result<String> {
        let place = call.collection.as_deref().unwrap_or(&self.inner.collection).to_owned();
        let (own, what) = (place == self.inner.collection, Arc::new(call.what));
        let answer = self.attempt(&place, &what).await;
        let made = match &*what {
            What::CreateCollection { .. } | What::DeleteCollection => false,
            What::Add { .. } => true,
            _ => own,
        };
        match answer {
            Err(VectorStoreError::NoCollection { .. }) if self.inner.creates && made => {
                let metadata = if own { self.inner.metadata.clone() } else { Map::new() };
                let create = Arc::new(What::CreateCollection { metadata });
                self.attempt(&place, &create).await?;
                self.attempt(&place, &what).await
            }
            answer => answer,
        }
    }

    async fn attempt(&self, place: &str, what: &Arc<What>) -> Result<String> {
        match &self.inner.backend {
            Backend::Chroma(chroma) => what.ask(chroma, place).await,
            Backend::Embedded(_) => {
                // SQLite blocks.
                let (inner, what, place) = (Arc::clone(&self.inner), Arc::clone(what), place.to_owned());
                let blocking = tokio::task::spawn_blocking(move || match &inner.backend {
                    Backend::Embedded(store) => what.apply(store, &place),
                    Backend::Chroma(_) => Ok(String::new()),
                });
                let ended =
                    |error| VectorStoreError::Arguments(format!("a call of the vector store ended early: {error}"));
                blocking.await.map_err(ended)?
            }
        }
    }
}

impl What {
    fn apply(&self, store: &VectorStore, collection: &str) -> Result<String> {
        match self {
            What::CreateCollection { metadata } => written(&store.create_collection(collection, metadata)?),
            What::DeleteCollection => written(&store.delete_collection(collection)?),
            What::Add { documents } => written(&store.add(collection, documents)?),
            What::Update { documents } => written(&store.update(collection, documents)?),
            What::Get { ids, filters, limit } => written(&store.get(collection, ids.as_deref(), filters, *limit)?),
            What::Delete { ids, filters } => written(&store.delete(collection, ids.as_deref(), filters)?),
            What::Query {
                embedding,
                limit,
                filters,
            } => written(&store.query(collection, embedding, *limit, filters)?),
        }
    }

    async fn ask(&self, chroma: &Chroma, collection: &str) -> Result<String> {
        match self {
            What::CreateCollection { metadata } => written(&chroma.create_collection(collection, metadata).await?),
            What::DeleteCollection => written(&chroma.delete_collection(collection).await?),
            What::Add { documents } => written(&chroma.put(collection, documents, true).await?),
            What::Update { documents } if documents.is_empty() => Err(nothing_to_update()),
            What::Update { documents } => {
                chroma.put(collection, documents, false).await?;
                written(&())
            }
            What::Get { ids, filters, limit } => {
                written(&chroma.get(collection, ids.as_deref(), filters, *limit).await?)
            }
            What::Delete { ids, filters } => written(&chroma.delete(collection, ids.as_deref(), filters).await?),
            What::Query {
                embedding,
                limit,
                filters,
            } => written(&chroma.query(collection, embedding, *limit, filters).await?),
        }
    }
}

pub(crate) fn nothing_to_update() -> VectorStoreError {
    VectorStoreError::Arguments("there are no documents to update".to_owned())
}

fn written(answer: &impl Serialize) -> Result<String> {
    serde_json::to_string(answer)
        .map_err(|error| VectorStoreError::Arguments(format!("an answer cannot be written as JSON: {error}")))
}

fn flag(arguments: &Parameters, name: &str) -> bool {
    arguments.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The file of a store that was declared as one of Chroma in a directory.
fn file_in(directory: &Path) -> Result<PathBuf> {
    let wrong = |problem: String| {
        let argument = "argument 'persist_directory' of Chroma's vector store";
        VectorStoreError::Arguments(format!("{argument}: {} {problem}", directory.display()))
    };
    if directory.join(CHROMA_FILE).exists() {
        let problem = "has files of Chroma itself, which this release cannot read. Run a server of Chroma on it and name \
             that as 'host', or name another directory, and add the documents to it.";
        return Err(wrong(problem.to_owned()));
    }
    std::fs::create_dir_all(directory).map_err(|error| wrong(format!("cannot be made: {error}")))?;
    Ok(directory.join(FILE))
}
