//! A server of Chroma, by version 2 of its REST interface.
//!
//! What is read and written is as in the embedded store, where Chroma has it otherwise by itself: adding replaces
//! documents with all of their metadata, scores are the greater the nearer a document is, and what a request may not
//! hold goes in several. So a call of many documents is no transaction here.
//!
//! All requests may be made twice: those that failed on the way are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::error::{Failure, ModelErrorKind};
use crate::http::{Call, Http};
use crate::random;
use crate::request::Parameters;
use crate::retry;
use crate::secret::Secret;
use crate::vector_store::{Document, Filters, VectorStoreError};

const CLOUD: &str = "https://api.trychroma.com";
/// Of what is written at once; servers accept 40 MB if they are not told otherwise.
const LONGEST_REQUEST: usize = 8 << 20;
/// Documents that are asked for at once: more are several pages.
const PAGE: usize = 1000;
const NOT_FOUND: u16 = 404;

type Result<T> = std::result::Result<T, VectorStoreError>;

/// A client of one database of a server.
pub(crate) struct Chroma {
    http: Http,
    place: String,
    database: String,
    attempts: u32,
    /// Collections that were asked for by name.
    known: Mutex<HashMap<String, Arc<Collection>>>,
    /// Documents that may be written at once, which the server tells.
    batch: OnceCell<usize>,
}

struct Collection {
    id: String,
    space: String,
}

/// Documents as the server writes them: fields that were not asked for are null, as are those of documents without.
struct Page {
    ids: Vec<String>,
    documents: Vec<Value>,
    metadatas: Vec<Value>,
}

impl Chroma {
    /// A client with the arguments of a store. Nothing is sent yet.
    pub fn new(name: &str, arguments: &Parameters) -> Result<Self> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        let base = match text("host") {
            // A key without a server is one of Chroma's own cloud.
            "" => CLOUD.to_owned(),
            address if address.contains("://") => address.trim_end_matches('/').to_owned(),
            host => format!("http://{host}:{}", arguments.get("port").unwrap_or(&Value::Null)),
        };
        let place = format!("'{name}' at {}", crate::http::shown(&base).trim_end_matches('/'));
        let key = arguments.get("api_key").and_then(Value::as_str);
        let keys = key.map(|key| ("x-chroma-token", key.to_owned(), Secret::new(key)));
        let http = Http::new(&base, keys.into_iter().collect(), arguments)
            .map_err(|failure| VectorStoreError::Arguments(format!("vector store {place}: {}", failure.what)))?;
        let retries = arguments.get("max_retries").and_then(Value::as_u64).unwrap_or(0);
        Ok(Self {
            http,
            place,
            database: format!(
                "/api/v2/tenants/{}/databases/{}",
                encoded(text("tenant")),
                encoded(text("database"))
            ),
            attempts: retries.min(1_000_000) as u32 + 1,
            known: Mutex::default(),
            batch: OnceCell::new(),
        })
    }

    pub async fn create_collection(&self, name: &str, metadata: &Map<String, Value>) -> Result<()> {
        let mut body = json!({"name": name, "get_or_create": true, "configuration": {"hnsw": {"space": "cosine"}}});
        if !metadata.is_empty() {
            plain(metadata, || format!("collection '{name}'"))?;
            body["metadata"] = metadata.clone().into();
            if metadata.contains_key("hnsw:space") {
                // As older clients choose it.
                body["configuration"] = Value::Null;
            }
        }
        let made = self
            .ask(Method::POST, format!("{}/collections", self.database), body)
            .await;
        let made = made.map_err(|failure| self.failed(failure))?;
        self.remember(name, &made).map(|_| ())
    }

    pub async fn delete_collection(&self, name: &str) -> Result<bool> {
        self.lock().remove(name);
        match self.ask(Method::DELETE, self.path_of(name), Value::Null).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.status == Some(NOT_FOUND) => Ok(false),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// Adds documents and replaces those whose id is there. Returns their ids.
    pub async fn put(&self, collection: &str, documents: &[Document], name_them: bool) -> Result<Vec<String>> {
        let mut rows = Vec::with_capacity(documents.len());
        for (place, document) in documents.iter().enumerate() {
            let id = document.id_or(place, name_them)?;
            let vector = document.vector(&id)?;
            plain(&document.metadata, || format!("document '{id}'"))?;
            rows.push((id, document, vector));
        }
        let ids = rows.iter().map(|(id, ..)| id.clone()).collect();
        // Where an id stands twice, the last one counts, as it does in the embedded store.
        let mut last = HashMap::new();
        rows.iter().enumerate().for_each(|(place, (id, ..))| {
            last.insert(id.clone(), place);
        });
        let mut place = 0;
        rows.retain(|(id, ..)| {
            place += 1;
            last.get(id) == Some(&(place - 1))
        });
        let most = self.batch().await?;
        let mut rest = rows.as_slice();
        // Without documents, too: the collection has to be there.
        loop {
            let (batch, others) = rest.split_at(self.fitting(rest, most));
            self.put_batch(collection, batch).await?;
            rest = others;
            if rest.is_empty() {
                return Ok(ids);
            }
        }
    }

    /// How many of the first documents go into one request; one, however large it is.
    fn fitting(&self, rows: &[(String, &Document, &[f32])], most: usize) -> usize {
        let mut size = 0;
        let fits = rows.iter().take(most).take_while(|(id, document, vector)| {
            // Numbers of 32 bits are not longer than this.
            size += 16 * vector.len() + 2 * (id.len() + document.content.len()) + 64 * document.metadata.len();
            size += document
                .metadata
                .values()
                .map(|value| value.to_string().len())
                .sum::<usize>();
            size <= LONGEST_REQUEST
        });
        fits.count().max(1).min(rows.len())
    }

    async fn put_batch(&self, collection: &str, rows: &[(String, &Document, &[f32])]) -> Result<()> {
        let ids = rows.iter().map(|(id, ..)| id.as_str()).collect::<Vec<_>>();
        // Metadata that a new document does not have would stay: it is taken away by name.
        let named = rows.iter().filter(|(_, document, _)| document.id.is_some());
        let named = named.map(|(id, ..)| id.clone()).collect::<Vec<_>>();
        let mut before = HashMap::new();
        if !named.is_empty() || rows.is_empty() {
            let there = self
                .page(collection, json!({"ids": named, "include": ["metadatas"]}))
                .await?;
            before.extend(there.ids.into_iter().zip(there.metadatas));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let metadatas = rows.iter().map(|(id, document, _)| {
            let mut metadata = document.metadata.clone();
            let gone = before.get(id).and_then(Value::as_object).into_iter().flatten();
            for (name, _) in gone {
                metadata.entry(name).or_insert(Value::Null);
            }
            if metadata.is_empty() {
                Value::Null
            } else {
                metadata.into()
            }
        });
        let body = json!({
            "ids": ids,
            "embeddings": rows.iter().map(|(_, _, vector)| vector).collect::<Vec<_>>(),
            "documents": rows.iter().map(|(_, document, _)| &document.content).collect::<Vec<_>>(),
            "metadatas": metadatas.collect::<Vec<_>>(),
        });
        self.of(collection, "upsert", body).await.map(|_| ())
    }

    /// Documents by their ids (all, if `None`) that the filters let through, at most `limit`, in the order of the ids.
    pub async fn get(
        &self,
        collection: &str,
        ids: Option<&[String]>,
        filters: &Filters,
        limit: Option<usize>,
    ) -> Result<Vec<Document>> {
        let found = self
            .find(collection, ids, filters, limit, &["documents", "metadatas"])
            .await?;
        Ok(found
            .into_iter()
            .map(|(id, content, metadata)| document(id, &content, metadata, None))
            .collect())
    }

    async fn find(
        &self,
        collection: &str,
        ids: Option<&[String]>,
        filters: &Filters,
        limit: Option<usize>,
        include: &[&str],
    ) -> Result<Vec<(String, Value, Value)>> {
        let wanted = condition(filters)?;
        let most = limit.unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let Some(ids) = ids else {
            loop {
                let size = PAGE.min(most - found.len());
                let mut question = json!({"include": include, "limit": size, "offset": found.len()});
                question["where"] = wanted.clone();
                let page = self.page(collection, question).await?;
                let last = page.ids.len() < size || size == 0;
                found.extend(page.rows());
                if last || found.len() >= most {
                    return Ok(found);
                }
            }
        };
        // Without ids, too: the collection has to be there.
        let mut batches = ids.chunks(PAGE).collect::<Vec<_>>();
        if batches.is_empty() {
            batches.push(ids);
        }
        for batch in batches {
            let mut question = json!({"ids": batch, "include": include});
            question["where"] = wanted.clone();
            let page = self.page(collection, question).await?;
            let mut by_id = page.rows().map(|row| (row.0.clone(), row)).collect::<HashMap<_, _>>();
            found.extend(batch.iter().filter_map(|id| by_id.remove(id)));
            if found.len() >= most {
                break;
            }
        }
        found.truncate(most);
        Ok(found)
    }

    /// Removes documents; returns how many there were.
    pub async fn delete(&self, collection: &str, ids: Option<&[String]>, filters: &Filters) -> Result<usize> {
        let doomed = self.find(collection, ids, filters, None, &[]).await?;
        let doomed = doomed.into_iter().map(|(id, ..)| id).collect::<Vec<_>>();
        for batch in doomed.chunks(self.batch().await?.min(PAGE)) {
            self.of(collection, "delete", json!({"ids": batch})).await?;
        }
        Ok(doomed.len())
    }

    /// The documents nearest to a vector, the nearest first.
    pub async fn query(
        &self,
        collection: &str,
        vector: &[f32],
        limit: usize,
        filters: &Filters,
    ) -> Result<Vec<Document>> {
        let mut question = json!({"query_embeddings": [vector], "n_results": limit,
            "include": ["documents", "metadatas", "distances"]});
        question["where"] = condition(filters)?;
        let space = self.collection(collection).await?.space.clone();
        let answer = self.of(collection, "query", question).await?;
        // Of one question.
        let first = |name: &str| answer[name][0].clone();
        let page = Page::read(first("ids"), first("documents"), first("metadatas"));
        let page = page.ok_or_else(|| self.unreadable("query", "ids"))?;
        let distances = answer["distances"][0].as_array().cloned().unwrap_or_default();
        if distances.len() != page.ids.len() {
            return Err(self.unreadable("query", "distances"));
        }
        let scores = distances
            .iter()
            .map(|distance| score(&space, distance.as_f64().unwrap_or(f64::MAX)));
        let rows = page.rows().zip(scores);
        Ok(rows
            .map(|((id, content, metadata), score)| document(id, &content, metadata, Some(score)))
            .collect())
    }

    async fn page(&self, collection: &str, question: Value) -> Result<Page> {
        let answer = self.of(collection, "get", question).await?;
        let field = |name: &str| answer[name].clone();
        Page::read(field("ids"), field("documents"), field("metadatas")).ok_or_else(|| self.unreadable("get", "ids"))
    }

    /// How many documents may be written at once.
    async fn batch(&self) -> Result<usize> {
        let ask = async || {
            let answer = self
                .ask(Method::GET, "/api/v2/pre-flight-checks".to_owned(), Value::Null)
                .await;
            let answer = answer.map_err(|failure| self.failed(failure))?;
            let most = answer["max_batch_size"].as_u64().unwrap_or(PAGE as u64).max(1);
            Ok(most.min(1_000_000) as usize)
        };
        self.batch.get_or_try_init(ask).await.copied()
    }

    /// Asks a collection. One that was made anew since has another id.
    async fn of(&self, collection: &str, what: &str, body: Value) -> Result<Value> {
        let mut again = true;
        loop {
            let id = self.collection(collection).await?.id.clone();
            let path = format!("{}/collections/{}/{what}", self.database, encoded(&id));
            match self.ask(Method::POST, path, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.status == Some(NOT_FOUND) && again => {
                    self.lock().remove(collection);
                    again = false;
                }
                Err(failure) if failure.status == Some(NOT_FOUND) => return Err(self.none(collection)),
                Err(failure) => return Err(self.failed(failure)),
            }
        }
    }

    async fn collection(&self, name: &str) -> Result<Arc<Collection>> {
        if let Some(known) = self.lock().get(name) {
            return Ok(Arc::clone(known));
        }
        match self.ask(Method::GET, self.path_of(name), Value::Null).await {
            Ok(found) => self.remember(name, &found),
            Err(failure) if failure.status == Some(NOT_FOUND) => Err(self.none(name)),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    fn remember(&self, name: &str, told: &Value) -> Result<Arc<Collection>> {
        let Some(id) = told["id"].as_str() else {
            return Err(self.unreadable("collections", "id"));
        };
        let configured = &told["configuration_json"];
        let space = configured["hnsw"]["space"]
            .as_str()
            .or_else(|| configured["spann"]["space"].as_str());
        let collection = Arc::new(Collection {
            id: id.to_owned(),
            space: space.unwrap_or("l2").to_owned(),
        });
        self.lock().insert(name.to_owned(), Arc::clone(&collection));
        Ok(collection)
    }

    async fn ask(&self, method: Method, path: String, body: Value) -> std::result::Result<Value, Failure> {
        let call = Call {
            path,
            body,
            idempotency_key: None,
        };
        let mut tried = 0;
        loop {
            let failure = match self.http.whole_by(method.clone(), &call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tried += 1;
            if !failure.kind.again() || tried >= self.attempts {
                return Err(failure);
            }
            tokio::time::sleep(failure.retry_after.unwrap_or_else(|| retry::backoff(tried))).await;
        }
    }

    fn path_of(&self, collection: &str) -> String {
        format!("{}/collections/{}", self.database, encoded(collection))
    }

    fn none(&self, name: &str) -> VectorStoreError {
        VectorStoreError::NoCollection {
            place: self.place.clone(),
            name: name.to_owned(),
        }
    }

    fn unreadable(&self, what: &str, lacks: &str) -> VectorStoreError {
        let what = format!("the answer to '{what}' is not one of Chroma: it has no '{lacks}'");
        self.failed(Failure::invalid(what))
    }

    fn failed(&self, failure: Failure) -> VectorStoreError {
        let advice = match failure.kind {
            ModelErrorKind::Authentication => "Check api_key, tenant and database of the store",
            ModelErrorKind::Unreachable => "Check host, port and proxy of the store, and that the server runs",
            ModelErrorKind::Timeout => "Raise the time-out of the store, or look at the server",
            ModelErrorKind::TooLarge => "Ask for fewer documents at once, or raise max_response_bytes of the store",
            ModelErrorKind::InvalidAnswer => {
                "Check that the address is that of a server of Chroma, 1.0 or later: older ones have another interface"
            }
            ModelErrorKind::Refused | ModelErrorKind::Arguments => {
                "Check collection, tenant and database of the store, and that all vectors come from the embedding model \
                 that the collection was made with"
            }
            _ => "Look at the server's state and logs; a higher max_retries bridges longer outages",
        };
        VectorStoreError::Server {
            place: self.place.clone(),
            what: self.http.clean(&failure.what),
            advice,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Collection>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn read(ids: Value, documents: Value, metadatas: Value) -> Option<Self> {
        let list = |value: Value| match value {
            Value::Array(list) => list,
            _ => Vec::new(),
        };
        let Value::Array(ids) = ids else { return None };
        let ids = ids.into_iter().map(|id| id.as_str().map(str::to_owned));
        Some(Self {
            ids: ids.collect::<Option<_>>()?,
            documents: list(documents),
            metadatas: list(metadatas),
        })
    }

    /// Id, content and metadata of each.
    fn rows(self) -> impl Iterator<Item = (String, Value, Value)> {
        let documents = self.documents.into_iter().chain(std::iter::repeat(Value::Null));
        let metadatas = self.metadatas.into_iter().chain(std::iter::repeat(Value::Null));
        let rows = self.ids.into_iter().zip(documents).zip(metadatas);
        rows.map(|((id, content), metadata)| (id, content, metadata))
    }
}

fn document(id: String, content: &Value, metadata: Value, score: Option<f32>) -> Document {
    Document {
        id: Some(id),
        content: content.as_str().unwrap_or_default().to_owned(),
        metadata: match metadata {
            Value::Object(metadata) => metadata,
            _ => Map::new(),
        },
        embedding: None,
        score,
    }
}

/// The cosine of the angle, or the product, where the collection has these; of a squared distance 1 / (1 + it).
fn score(space: &str, distance: f64) -> f32 {
    match space {
        "l2" => (1.0 / (1.0 + distance)) as f32,
        _ => (1.0 - distance) as f32,
    }
}

/// The equalities as Chroma writes them. Its own operators (`$gt`, `$or`, …) are passed on.
fn condition(filters: &Filters) -> Result<Value> {
    if let Some((name, _)) = filters.iter().find(|(_, value)| value.is_null()) {
        return Err(VectorStoreError::Arguments(format!(
            "the filter on '{name}' has no value, and Chroma cannot look for metadata that are not there."
        )));
    }
    let mut all = filters.iter().map(|(name, value)| {
        let mut one = Map::new();
        one.insert(name.clone(), value.clone());
        Value::Object(one)
    });
    Ok(match filters.len() {
        0 => Value::Null,
        1 => all.next().unwrap_or_default(),
        _ => json!({"$and": all.collect::<Vec<_>>()}),
    })
}

/// Chroma keeps no objects in metadata, and nothing instead of null.
fn plain(metadata: &Map<String, Value>, of: impl Fn() -> String) -> Result<()> {
    let wrong = |value: &Value| match value {
        Value::Object(_) => true,
        Value::Array(values) => values.iter().any(|value| value.is_object() || value.is_array()),
        _ => false,
    };
    match metadata.iter().find(|(_, value)| wrong(value)) {
        Some((name, _)) => Err(VectorStoreError::Arguments(format!(
            "metadata '{name}' of {} is not plain: Chroma keeps texts, numbers, truth values and lists of these. Put its \
             fields beside each other, or write it as text.",
            of()
        ))),
        None => Ok(()),
    }
}

/// A part of a path.
fn encoded(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(byte as char),
            // Alone it would be the folder itself.
            b'.' if text.len() > 2 => path.push('.'),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

impl Document {
    /// Its id; one that is made up, where that is wanted.
    pub(crate) fn id_or(&self, place: usize, name_it: bool) -> Result<String> {
        match &self.id {
            Some(id) => Ok(id.clone()),
            None if name_it => Ok(random::uuid()),
            None => Err(VectorStoreError::Arguments(format!(
                "document {place} to update has no id"
            ))),
        }
    }

    /// Its vector, which it needs to be written.
    pub(crate) fn vector(&self, id: &str) -> Result<&[f32]> {
        self.embedding
            .as_deref()
            .filter(|vector| !vector.is_empty())
            .ok_or_else(|| {
                let what = format!("document '{id}' has no embedding. Give the store an embedding model.");
                VectorStoreError::Arguments(what)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_all_to_hold() {
        let filters = |json: Value| condition(json.as_object().unwrap());
        assert_eq!(filters(json!({})).unwrap(), Value::Null);
        assert_eq!(filters(json!({"a": 1})).unwrap(), json!({"a": 1}));
        assert_eq!(
            filters(json!({"a": 1, "b": {"$gt": 2}})).unwrap(),
            json!({"$and": [{"a": 1}, {"b": {"$gt": 2}}]})
        );
        assert!(
            filters(json!({"a": null}))
                .unwrap_err()
                .to_string()
                .contains("'a' has no value")
        );
    }

    #[test]
    fn parts_of_paths_stay_parts() {
        assert_eq!(encoded("a.b-c_9"), "a.b-c_9");
        assert_eq!(encoded("../ü?"), "..%2F%C3%BC%3F");
        assert_eq!(encoded(".."), "%2E%2E");
    }

    #[test]
    fn the_nearer_the_higher_is_the_score() {
        assert_eq!(
            (score("cosine", 0.0), score("ip", 0.25), score("l2", 1.0)),
            (1.0, 0.75, 0.5)
        );
    }
}
