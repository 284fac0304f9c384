//! Connections to embedding models.
//!
//! What many keys ask for one by one is sent together: while as many batches are on their way as may be, further texts
//! wait, and the next batch takes all that fit. Nothing waits for a clock, so a lone text leaves at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::arguments::Provider;
use crate::connection::ConnectionOptions;
use crate::error::{Failure, ModelError, ModelErrorKind};
use crate::http::Call;
use crate::limits::LimiterStatus;
use crate::request::Parameters;
use crate::server;
use crate::wire::Joined;

/// Vectors of texts, in the order of the texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Embeddings {
    /// One for each text.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of the texts, if the provider said; of a batch that was shared, a part by length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
}

/// A connection to the embedding models of one server. May be used from many tasks of a tokio runtime at once.
#[derive(Clone)]
pub struct EmbeddingConnection {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    provider: Provider,
    path: String,
    default_model: Option<String>,
    joined: Joined,
    batch_size: usize,
    most_batches: u64,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    batches: u64,
}

/// Texts of one caller, at most a batch of them.
struct Waiting {
    texts: Vec<String>,
    parameters: Arc<Parameters>,
    answer: oneshot::Sender<Result<Embeddings, ModelError>>,
}

impl EmbeddingConnection {
    /// Opens a connection with the arguments of its resource, an object. Nothing is sent yet.
    ///
    /// # Errors
    /// A provider without embeddings (OpenAI, Azure, vLLM and Ollama have them); arguments that are unknown, missing or
    /// do not fit.
    pub fn open(provider: Provider, options: &ConnectionOptions, arguments: &Value) -> Result<Self, ModelError> {
        let refused = |what| ModelError::opening(&options.name, what);
        let read = provider
            .embedding_arguments(arguments)
            .map_err(|e| refused(e.to_string()))?;
        let path = match provider {
            Provider::OpenAi | Provider::Vllm => "/embeddings".to_owned(),
            Provider::AzureOpenAi => {
                let version = read.get("api_version").and_then(Value::as_str).unwrap_or_default();
                format!("/openai/deployments/{{model}}/embeddings?api-version={version}")
            }
            Provider::Ollama => "/api/embed".to_owned(),
            Provider::OpenAiResponses | Provider::Anthropic | Provider::Gemini => {
                let what = format!(
                    "{} has no embeddings here; openai, azure-openai, vllm and ollama have",
                    provider.name()
                );
                return Err(refused(what));
            }
        };
        let (wire, _) = server::open(provider, options, &read, &server::environment)?;
        let whole = |name: &str| read.get(name).and_then(Value::as_u64).unwrap_or(1);
        let inner = Inner {
            name: options.name.clone(),
            provider,
            path,
            default_model: read.get("model").and_then(Value::as_str).map(str::to_owned),
            joined: Joined::new(wire, options.parallelism),
            batch_size: whole("batch_size") as usize,
            most_batches: whole("concurrent_batches"),
            queue: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The vectors of texts. `parameters` are those of the setup
    /// ([`Provider::embedding_parameters`](crate::Provider::embedding_parameters)).
    ///
    /// # Errors
    /// As a chat's; an answer with another number of vectors than texts.
    pub async fn embed(&self, texts: &[String], parameters: &Parameters) -> Result<Embeddings, ModelError> {
        if texts.is_empty() {
            return Ok(Embeddings::default());
        }
        let parameters = Arc::new(parameters.clone());
        let mut answers = Vec::new();
        for texts in texts.chunks(self.inner.batch_size) {
            let (answer, answered) = oneshot::channel();
            let waiting = Waiting {
                texts: texts.to_vec(),
                parameters: Arc::clone(&parameters),
                answer,
            };
            self.inner.lock().waiting.push_back(waiting);
            answers.push(answered);
        }
        self.inner.send_batches();
        let mut all = Embeddings {
            vectors: Vec::with_capacity(texts.len()),
            prompt_tokens: None,
        };
        for answered in answers {
            let lost = |_| ModelError::opening(&self.inner.name, "the runtime ended before the answer came".to_owned());
            let one = answered.await.map_err(lost)??;
            all.vectors.extend(one.vectors);
            all.prompt_tokens = one
                .prompt_tokens
                .map_or(all.prompt_tokens, |more| Some(all.prompt_tokens.unwrap_or(0) + more));
        }
        Ok(all)
    }

    /// What the limiter does and has done, for metrics.
    pub fn limiter(&self) -> LimiterStatus {
        self.inner.joined.wire.limiter.status()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts as many batches as may be on their way.
    fn send_batches(self: &Arc<Self>) {
        loop {
            let batch = {
                let mut queue = self.lock();
                let batch = if queue.batches < self.most_batches {
                    queue.next(self.batch_size)
                } else {
                    Vec::new()
                };
                if batch.is_empty() {
                    return;
                }
                queue.batches += 1;
                batch
            };
            // In a task of its own: the caller that happened to start it may give up.
            let inner = Arc::clone(self);
            tokio::spawn(async move {
                inner.send(batch).await;
                inner.lock().batches -= 1;
                inner.send_batches();
            });
        }
    }

    async fn send(&self, batch: Vec<Waiting>) {
        let Some(parameters) = batch.first().map(|first| Arc::clone(&first.parameters)) else {
            return;
        };
        let texts = batch
            .iter()
            .flat_map(|waiting| waiting.texts.iter())
            .cloned()
            .collect::<Vec<_>>();
        match self.ask(&texts, &parameters).await {
            Err(error) if batch.len() > 1 && error.kind == ModelErrorKind::Refused => {
                // One text that cannot be embedded must not take the others' answers away.
                for waiting in batch {
                    let alone = self.ask(&waiting.texts, &parameters).await;
                    let _ = waiting.answer.send(alone);
                }
            }
            Err(error) => {
                for waiting in batch {
                    let _ = waiting.answer.send(Err(error.clone()));
                }
            }
            Ok(mut answered) => {
                let length = |texts: &[String]| texts.iter().map(String::len).sum::<usize>().max(1) as u64;
                let all = length(&texts);
                for waiting in batch {
                    let rest = answered.vectors.split_off(waiting.texts.len());
                    let vectors = std::mem::replace(&mut answered.vectors, rest);
                    let prompt_tokens = answered
                        .prompt_tokens
                        .map(|tokens| tokens * length(&waiting.texts) / all);
                    let _ = waiting.answer.send(Ok(Embeddings { vectors, prompt_tokens }));
                }
            }
        }
    }

    async fn ask(&self, texts: &[String], parameters: &Parameters) -> Result<Embeddings, ModelError> {
        let wire = &self.joined.wire;
        let model = parameters
            .get("model")
            .and_then(Value::as_str)
            .or(self.default_model.as_deref())
            .unwrap_or_default();
        if model.is_empty() {
            let what = "no model is given, neither in the setup nor in the connection";
            return Err(wire.error(&self.name, model, 0, Failure::arguments(what)));
        }
        let mut body = json!({"model": model, "input": texts});
        for (name, value) in parameters
            .iter()
            .filter(|(name, value)| *name != "model" && !value.is_null())
        {
            body[name] = value.clone();
        }
        let call = Call {
            path: self.path.replace("{model}", model),
            body,
            idempotency_key: None,
        };
        let attempt = |_| {
            let call = &call;
            async move {
                let answer = wire.http.whole(call).await?;
                let embeddings = read(self.provider, &answer, texts.len())?;
                let tokens = embeddings.prompt_tokens;
                Ok((embeddings, tokens))
            }
        };
        let estimate = texts.iter().map(String::len).sum::<usize>() as u64 / 4;
        Ok(wire.run(&self.name, model, estimate, attempt).await?.0)
    }
}

impl Queue {
    /// The callers at the head of the line whose texts are one batch: equal parameters, and no more than fit.
    fn next(&mut self, most: usize) -> Vec<Waiting> {
        // Who has given up needs no vectors.
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        let mut batch: Vec<Waiting> = Vec::new();
        let mut size = 0;
        while let Some(next) = self.waiting.front() {
            let fits = batch
                .first()
                .is_none_or(|first| size + next.texts.len() <= most && *first.parameters == *next.parameters);
            if !fits {
                break;
            }
            size += next.texts.len();
            batch.extend(self.waiting.pop_front());
        }
        batch
    }
}

fn read(provider: Provider, answer: &Value, wanted: usize) -> Result<Embeddings, Failure> {
    let ollama = provider == Provider::Ollama;
    let field = if ollama { "embeddings" } else { "data" };
    let Some(list) = answer[field].as_array() else {
        return Err(Failure::invalid(format!("the answer has no '{field}'")));
    };
    let mut vectors = vec![Vec::new(); wanted];
    for (place, item) in list.iter().enumerate() {
        let (place, numbers) = if ollama {
            (place, item)
        } else {
            (
                item["index"].as_u64().map_or(place, |index| index as usize),
                &item["embedding"],
            )
        };
        let numbers = numbers.as_array().map(Vec::as_slice).unwrap_or_default();
        let vector = numbers
            .iter()
            .map(|number| number.as_f64().map(|number| number as f32))
            .collect::<Option<Vec<_>>>();
        match (vectors.get_mut(place), vector) {
            (Some(there), Some(vector)) if !vector.is_empty() => *there = vector,
            _ => {
                return Err(Failure::invalid(format!(
                    "vector {place} of the answer is none of the {wanted} wanted ones"
                )));
            }
        }
    }
    if let Some(missing) = vectors.iter().position(Vec::is_empty) {
        return Err(Failure::invalid(format!(
            "the answer has no vector for text {missing} of {wanted}"
        )));
    }
    let tokens = if ollama {
        &answer["prompt_eval_count"]
    } else {
        &answer["usage"]["prompt_tokens"]
    };
    Ok(Embeddings {
        vectors,
        prompt_tokens: tokens.as_u64(),
    })
}

impl fmt::Debug for EmbeddingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddingConnection")
            .field("name", &self.inner.name)
            .field("provider", &self.inner.provider)
            .field("limiter", &self.limiter())
            .finish_non_exhaustive()
    }
}
