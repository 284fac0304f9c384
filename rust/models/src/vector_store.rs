//! A vector store without a server: one SQLite file, or memory.
//!
//! Queries compare with every vector of a collection: they are exact, and take time in proportion to it. Vectors
//! lie as little-endian 32-bit floats in a blob, metadata as JSON. The file's `user_version` is the version of this
//! layout; a newer one is refused.
//!
//! All methods block: call them from threads that may wait, such as those of tokio's `spawn_blocking`. A store may be
//! used from many threads, and a file by many processes of one machine; writes of one call are one transaction.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stores::nothing_to_update;

const LAYOUT: i64 = 1;
const TABLES: &str = "
    CREATE TABLE collections (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        dimensions INTEGER,
        metadata TEXT NOT NULL
    );
    CREATE TABLE documents (
        collection INTEGER NOT NULL REFERENCES collections (number) ON DELETE CASCADE,
        id TEXT NOT NULL,
        content TEXT NOT NULL,
        metadata TEXT NOT NULL,
        embedding BLOB NOT NULL,
        UNIQUE (collection, id)
    );
    PRAGMA user_version = 1;";

/// A document with its vector. As JSON: `id`, `content`, `metadata`, `embedding`, `score`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its name in the collection; [`VectorStore::add`] makes one up if there is none.
    #[serde(default)]
    pub id: Option<String>,
    /// The text.
    pub content: String,
    /// What else is known of it, and what filters look at.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Its vector; needed when it is written, left out when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Vec<f32>>,
    /// Only in answers to queries: the cosine of the angle to the query, 1 for the same direction. Of collections that
    /// a server measures otherwise another number, greater for what is nearer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// Conditions that all have to hold: the metadata of this name equals this value. Empty for every document.
pub type Filters = Map<String, Value>;

/// What went wrong with a vector store.
#[derive(Debug, thiserror::Error)]
pub enum VectorStoreError {
    /// SQLite says no.
    #[error("vector store {place}: {source}. Check the file, its directory and the space on its disk.")]
    Storage {
        /// File, or memory.
        place: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is of a later release.
    #[error(
        "vector store {place} has layout {found}, and this release reads up to {LAYOUT}. Use the release that wrote it."
    )]
    Newer {
        /// The file.
        place: String,
        /// Its layout.
        found: i64,
    },
    /// There is no such collection.
    #[error("vector store {place} has no collection '{name}'. Create it first, or set auto_create_collection.")]
    NoCollection {
        /// File, or memory.
        place: String,
        /// The collection.
        name: String,
    },
    /// A vector of another length.
    #[error(
        "collection '{collection}' holds vectors of {expected} numbers, and {what} has {found}. Use the embedding model \
         that the collection was made with, or another collection."
    )]
    Dimensions {
        /// The collection.
        collection: String,
        /// Numbers of its vectors.
        expected: usize,
        /// Whose vector it is.
        what: String,
        /// Its numbers.
        found: usize,
    },
    /// A server did not do what it was asked for.
    #[error("vector store {place}: {what}. {advice}.")]
    Server {
        /// The store's name and its server.
        place: String,
        /// What happened.
        what: String,
        /// How to mend it.
        advice: &'static str,
    },
    /// The call cannot be.
    #[error("{0}")]
    Arguments(String),
}

/// A store.
pub struct VectorStore {
    place: String,
    connection: Mutex<Connection>,
}

type Result<T> = std::result::Result<T, VectorStoreError>;

struct Collection {
    number: i64,
    dimensions: Option<usize>,
}

impl VectorStore {
    /// Opens a file, which is made if it is not there.
    ///
    /// # Errors
    /// The file cannot be opened, is no SQLite file, or is of a later release.
    pub fn open(path: &Path) -> Result<Self> {
        Self::with(path.display().to_string(), Connection::open(path))
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// There is no memory.
    pub fn in_memory() -> Result<Self> {
        Self::with("in memory".to_owned(), Connection::open_in_memory())
    }

    fn with(place: String, connection: rusqlite::Result<Connection>) -> Result<Self> {
        let prepare = |mut connection: Connection| {
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let found = transaction.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
            if found == 0 {
                transaction.execute_batch(TABLES)?;
            }
            transaction.commit()?;
            Ok((connection, found))
        };
        match connection.and_then(prepare) {
            Ok((_, found)) if found > LAYOUT => Err(VectorStoreError::Newer { place, found }),
            Ok((connection, _)) => Ok(Self {
                place,
                connection: Mutex::new(connection),
            }),
            Err(source) => Err(VectorStoreError::Storage { place, source }),
        }
    }

    /// Makes a collection; one that is there stays as it is.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn create_collection(&self, name: &str, metadata: &Map<String, Value>) -> Result<()> {
        let metadata = Value::Object(metadata.clone()).to_string();
        self.write(|transaction| {
            let sql = "INSERT INTO collections (name, metadata) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            transaction.execute(sql, params![name, metadata])?;
            Ok(Ok(()))
        })
    }

    /// Removes a collection with all its documents; tells whether it was there.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn delete_collection(&self, name: &str) -> Result<bool> {
        self.write(|transaction| {
            Ok(Ok(transaction
                .execute("DELETE FROM collections WHERE name = ?1", [name])?
                > 0))
        })
    }

    /// The names of all collections, sorted.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn collections(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT name FROM collections ORDER BY name")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// Adds documents, and replaces those whose id is there. Returns their ids.
    ///
    /// # Errors
    /// No such collection; a document without vector, or with one of another length than those before.
    pub fn add(&self, collection: &str, documents: &[Document]) -> Result<Vec<String>> {
        self.put(collection, documents, true)
    }

    /// Replaces documents. Tells nothing of ids that are not there: they are added.
    ///
    /// # Errors
    /// As [`VectorStore::add`]; no documents, or one without an id.
    pub fn update(&self, collection: &str, documents: &[Document]) -> Result<()> {
        if documents.is_empty() {
            return Err(nothing_to_update());
        }
        self.put(collection, documents, false).map(|_| ())
    }

    fn put(&self, collection: &str, documents: &[Document], name_them: bool) -> Result<Vec<String>> {
        let mut rows = Vec::with_capacity(documents.len());
        for (place, document) in documents.iter().enumerate() {
            let id = document.id_or(place, name_them)?;
            let vector = document.vector(&id)?;
            rows.push((id, document, vector));
        }
        let ids = rows.iter().map(|(id, ..)| id.clone()).collect();
        self.write(|transaction| {
            let Some(found) = find(transaction, collection)? else { return Ok(Err(self.none(collection))) };
            let Some(first) = rows.first() else { return Ok(Ok(ids)) };
            let expected = found.dimensions.unwrap_or(first.2.len());
            if let Some((id, _, vector)) = rows.iter().find(|(_, _, vector)| vector.len() != expected) {
                return Ok(Err(wrong_length(collection, expected, format!("document '{id}'"), vector.len())));
            }
            if found.dimensions.is_none() {
                let sql = "UPDATE collections SET dimensions = ?1 WHERE number = ?2";
                transaction.execute(sql, params![expected as i64, found.number])?;
            }
            let mut statement = transaction.prepare(
                "INSERT OR REPLACE INTO documents (collection, id, content, metadata, embedding) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (id, document, vector) in &rows {
                let metadata = serde_json::to_string(&document.metadata).unwrap_or_default();
                statement.execute(params![found.number, id, document.content, metadata, to_bytes(vector)])?;
            }
            Ok(Ok(ids))
        })
    }

    /// Documents by their ids (all, if `None`), of those the ones that the filters let through, at most `limit`.
    /// Without vectors, in the order of the ids, or else in that in which they were added.
    ///
    /// # Errors
    /// No such collection; a filter that is no plain value.
    pub fn get(
        &self,
        collection: &str,
        ids: Option<&[String]>,
        filters: &Filters,
        limit: Option<usize>,
    ) -> Result<Vec<Document>> {
        check(filters)?;
        let found = self.find(collection)?;
        self.read(|connection| {
            let mut documents = Vec::new();
            let most = limit.unwrap_or(usize::MAX);
            let mut keep = |row: &rusqlite::Row<'_>| -> rusqlite::Result<bool> {
                let document = document_of(row)?;
                if fits(&document.metadata, filters) {
                    documents.push(document);
                }
                Ok(documents.len() >= most)
            };
            if most == 0 {
                return Ok(documents);
            }
            match ids {
                Some(ids) => {
                    let sql = "SELECT id, content, metadata FROM documents WHERE collection = ?1 AND id = ?2";
                    let mut statement = connection.prepare(sql)?;
                    for id in ids {
                        let mut rows = statement.query(params![found.number, id])?;
                        if let Some(row) = rows.next()?
                            && keep(row)?
                        {
                            break;
                        }
                    }
                }
                None => {
                    let sql = "SELECT id, content, metadata FROM documents WHERE collection = ?1 ORDER BY rowid";
                    let mut statement = connection.prepare(sql)?;
                    let mut rows = statement.query([found.number])?;
                    while let Some(row) = rows.next()? {
                        if keep(row)? {
                            break;
                        }
                    }
                }
            }
            Ok(documents)
        })
    }

    /// Removes documents by their ids (all, if `None`), of those the ones that the filters let through. Returns how
    /// many there were.
    ///
    /// # Errors
    /// As [`VectorStore::get`].
    pub fn delete(&self, collection: &str, ids: Option<&[String]>, filters: &Filters) -> Result<usize> {
        let doomed = self.get(collection, ids, filters, None)?;
        let found = self.find(collection)?;
        self.write(|transaction| {
            let sql = "DELETE FROM documents WHERE collection = ?1 AND id = ?2";
            let mut statement = transaction.prepare(sql)?;
            let mut gone = 0;
            for document in &doomed {
                gone += statement.execute(params![found.number, document.id])?;
            }
            Ok(Ok(gone))
        })
    }

    /// The documents nearest to a vector, the nearest first, at most `limit`; of equally near ones the first added.
    ///
    /// # Errors
    /// No such collection; a vector of another length than those of the collection; a filter that is no plain value.
    pub fn query(&self, collection: &str, vector: &[f32], limit: usize, filters: &Filters) -> Result<Vec<Document>> {
        check(filters)?;
        let found = self.find(collection)?;
        // Nothing was ever added.
        let Some(expected) = found.dimensions else {
            return Ok(Vec::new());
        };
        if vector.len() != expected {
            return Err(wrong_length(collection, expected, "the query".to_owned(), vector.len()));
        }
        let length = dot(vector, vector).sqrt();
        self.read(|connection| {
            // The worst of the best is on top.
            let mut best = BinaryHeap::<Scored>::new();
            let sql = "SELECT rowid, embedding, metadata FROM documents WHERE collection = ?1";
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([found.number])?;
            let mut there = Vec::with_capacity(expected);
            while let Some(row) = rows.next()? {
                if !filters.is_empty() {
                    let metadata = serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default();
                    if !fits(&metadata, filters) {
                        continue;
                    }
                }
                from_bytes(row.get_ref(1)?.as_blob()?, &mut there);
                let norm = length * dot(&there, &there).sqrt();
                let score = if norm > 0.0 { dot(vector, &there) / norm } else { 0.0 };
                best.push(Scored {
                    score,
                    row: row.get(0)?,
                });
                if best.len() > limit {
                    best.pop();
                }
            }
            let sql = "SELECT id, content, metadata FROM documents WHERE rowid = ?1";
            let mut statement = connection.prepare(sql)?;
            let best = best.into_sorted_vec().into_iter();
            best.map(|scored| {
                let document = statement.query_row([scored.row], document_of)?;
                Ok(Document {
                    score: Some(scored.score),
                    ..document
                })
            })
            .collect()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> VectorStoreError {
        VectorStoreError::Storage {
            place: self.place.clone(),
            source,
        }
    }

    fn none(&self, name: &str) -> VectorStoreError {
        VectorStoreError::NoCollection {
            place: self.place.clone(),
            name: name.to_owned(),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        read(&self.lock()).map_err(|source| self.failed(source))
    }

    /// Writes all or, if it fails in either way, nothing.
    fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T>>) -> Result<T> {
        let mut connection = self.lock();
        let all = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = write(&transaction)?;
            if written.is_ok() {
                transaction.commit()?;
            }
            Ok(written)
        };
        all().map_err(|source| self.failed(source))?
    }

    fn find(&self, name: &str) -> Result<Collection> {
        self.read(|connection| find(connection, name))?
            .ok_or_else(|| self.none(name))
    }
}

fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Collection>> {
    let mut statement = connection.prepare("SELECT number, dimensions FROM collections WHERE name = ?1")?;
    let collection = |row: &rusqlite::Row<'_>| {
        let dimensions = row.get::<_, Option<i64>>(1)?.map(|dimensions| dimensions as usize);
        Ok(Collection {
            number: row.get(0)?,
            dimensions,
        })
    };
    statement.query_row([name], collection).optional()
}

fn document_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Document> {
    let metadata = serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default();
    Ok(Document {
        id: row.get(0)?,
        content: row.get(1)?,
        metadata,
        embedding: None,
        score: None,
    })
}

fn wrong_length(collection: &str, expected: usize, what: String, found: usize) -> VectorStoreError {
    VectorStoreError::Dimensions {
        collection: collection.to_owned(),
        expected,
        what,
        found,
    }
}

/// Objects would be the operators of other stores.
fn check(filters: &Filters) -> Result<()> {
    match filters.iter().find(|(_, value)| value.is_object()) {
        Some((name, _)) => Err(VectorStoreError::Arguments(format!(
            "the filter on '{name}' is an object. Filters are equalities; operators are not supported."
        ))),
        None => Ok(()),
    }
}

fn fits(metadata: &Map<String, Value>, filters: &Filters) -> bool {
    filters.iter().all(|(name, wanted)| {
        let there = metadata.get(name).unwrap_or(&Value::Null);
        // 1 and 1.0 are one number.
        there == wanted || there.is_number() && wanted.is_number() && there.as_f64() == wanted.as_f64()
    })
}

fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8], vector: &mut Vec<f32>) {
    vector.clear();
    vector.extend(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
}

/// In eight lanes, which the compiler makes vector instructions of: a single sum may not be reordered.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}

/// Ordered so that the worst is the greatest.
struct Scored {
    score: f32,
    row: i64,
}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scored {}
