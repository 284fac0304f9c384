//! The natives of model clients: chat and embedding connections, tool servers and vector stores.
//!
//! *Owned state*: the clients of this copy of the library, by numbers that are never used again, the calls they are making, and
//! what those brought until Java fetches it. *Lifecycle*: a client lives from `modelOpen` to `modelClose`, which cancels its calls;
//! the tokio runtime from the first client to the unloading of the library. *Constraint*: any thread may call; one at a time waits
//! in `modelAnswers`. Every call brings exactly one answer, also one that was cancelled or panicked.

use crate::cold::plain;
use crate::env::Env;
use crate::errors::{self, Failure};
use flink_agents_models::{
    ChatConnection, ChatRequest, ConnectionOptions, EmbeddingConnection, McpError, McpServer, ModelError, Parameters,
    Partial, Provider, Store, StoreCall, StoreKind, VectorStoreError,
};
use flink_agents_runtime::secrets;
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jlong};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// Calls wait for servers, so few threads serve many of them: a thread to two cores, since whoever asks works, too, and at most
/// these.
const MOST_THREADS: usize = 4;

/// Between two times that Java fetches what has come. To wake a thread for each of thousands of answers a second costs more than
/// to fetch them, and who waited for a model does not notice.
const BETWEEN_ANSWERS: Duration = Duration::from_micros(500);

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Opening {
    Chat(Connecting),
    Embedding(Connecting),
    Mcp { name: String, arguments: Value },
    VectorStore(Storing),
}

#[derive(Deserialize)]
struct Connecting {
    provider: String,
    name: String,
    scope: String,
    parallelism: u32,
    arguments: Value,
}

#[derive(Deserialize)]
struct Storing {
    store: StoreKind,
    name: String,
    arguments: Value,
}

/// The arguments of a setup, to be made parameters of its calls.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Setting {
    Chat { provider: String, arguments: Value },
    Embedding { provider: String, arguments: Value },
}

#[derive(Deserialize)]
struct Embedding {
    texts: Vec<String>,
    parameters: Parameters,
}

/// What a tool server is asked.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Serving {
    Tools,
    Prompts,
    Call { tool: String, arguments: Parameters },
    Prompt { prompt: String, arguments: Parameters },
}

enum Client {
    Chat(ChatConnection),
    Embedding(EmbeddingConnection),
    Mcp(McpServer),
    Store(Store),
}

enum Call {
    Chat(ChatRequest),
    Embedding(Embedding),
    Mcp(Serving),
    Store(StoreCall),
}

/// What has come for a call.
enum Came {
    /// A part of an answer that is on its way.
    Part(Partial),
    /// All that comes.
    End(Brought),
}

/// What a call brought: JSON.
type Brought = Result<Vec<u8>, Wrong>;

enum Wrong {
    /// A model's error, as JSON, with its text as `message` and whether it `may_pass`.
    Model(Vec<u8>),
    /// A tool server's, as JSON: `message`, `kind` and `server`.
    Mcp(Vec<u8>),
    Other(String),
}

impl From<ModelError> for Wrong {
    #[cold]
    fn from(error: ModelError) -> Self {
        let mut told = serde_json::to_value(&error).unwrap_or_else(|_| json!({}));
        told["message"] = error.to_string().into();
        told["may_pass"] = error.may_pass().into();
        Wrong::Model(told.to_string().into_bytes())
    }
}

impl From<McpError> for Wrong {
    #[cold]
    fn from(error: McpError) -> Self {
        let told = json!({"message": error.to_string(), "kind": error.kind.name(), "server": error.server});
        Wrong::Mcp(told.to_string().into_bytes())
    }
}

impl From<VectorStoreError> for Wrong {
    #[cold]
    fn from(error: VectorStoreError) -> Self {
        Wrong::Other(error.to_string())
    }
}

fn written(value: &impl Serialize) -> Brought {
    serde_json::to_vec(value).map_err(|error| Wrong::Other(format!("An answer cannot be written as JSON: {error}")))
}

impl Client {
    fn open(opening: Opening, runtime: &Runtime) -> Result<Self, Failure> {
        let argument = |error: ModelError| Failure::argument(error.to_string());
        // Limiters and pools look for the runtime they are made in.
        let _inside = runtime.enter();
        match opening {
            Opening::Chat(connecting) => {
                let (provider, options, arguments) = connecting.read()?;
                let opened = ChatConnection::open(provider, &options, &arguments).map_err(argument)?;
                Ok(Client::Chat(opened))
            }
            Opening::Embedding(connecting) => {
                let (provider, options, arguments) = connecting.read()?;
                let opened = EmbeddingConnection::open(provider, &options, &arguments).map_err(argument)?;
                Ok(Client::Embedding(opened))
            }
            Opening::Mcp { name, mut arguments } => {
                resolve("MCP server", &name, &mut arguments)?;
                let server = McpServer::new(name, &arguments);
                server
                    .map(Client::Mcp)
                    .map_err(|error| Failure::argument(error.to_string()))
            }
            Opening::VectorStore(mut storing) => {
                resolve("vector store", &storing.name, &mut storing.arguments)?;
                let opened = Store::open(storing.store, &storing.name, &storing.arguments);
                opened.map(Client::Store).map_err(|error| match error {
                    VectorStoreError::Arguments(_) => Failure::argument(error.to_string()),
                    _ => Failure::state(error.to_string()),
                })
            }
        }
    }

    fn read(&self, request: &[u8]) -> Result<Call, Failure> {
        match self {
            Client::Chat(_) => serde_json::from_slice(request).map(Call::Chat),
            Client::Embedding(_) => serde_json::from_slice(request).map(Call::Embedding),
            Client::Mcp(_) => serde_json::from_slice(request).map(Call::Mcp),
            Client::Store(_) => serde_json::from_slice(request).map(Call::Store),
        }
        .map_err(|error| Failure::argument(format!("A call of a model client cannot be read: {error}")))
    }

    /// `told`: the call whose answer is told part by part, too.
    async fn make(self: Arc<Self>, call: Call, told: Option<i64>) -> Brought {
        match (&*self, call) {
            (Client::Chat(connection), Call::Chat(request)) => {
                let answer = match told {
                    None => connection.chat(&request).await?,
                    Some(call) => {
                        let tell = move |part| came(call, Came::Part(part));
                        Box::pin(connection.chat_streamed(&request, &tell)).await?
                    }
                };
                written(&answer.into_message())
            }
            // Chats are waited for by the thousand, and would each have the room that a tool server's calls take.
            (_, call) => Box::pin(self.make_other(call)).await,
        }
    }

    async fn make_other(&self, call: Call) -> Brought {
        match (self, call) {
            (Client::Embedding(connection), Call::Embedding(asked)) => {
                written(&connection.embed(&asked.texts, &asked.parameters).await?)
            }
            (Client::Mcp(server), Call::Mcp(serving)) => match serving {
                Serving::Tools => written(&*server.tools().await?),
                Serving::Prompts => written(&*server.prompts().await?),
                Serving::Call { tool, arguments } => written(&server.call(&tool, arguments).await?),
                Serving::Prompt { prompt, arguments } => written(&server.prompt(&prompt, &arguments).await?),
            },
            (Client::Store(store), Call::Store(call)) => Ok(store.call(call).await?.into_bytes()),
            _ => Err(mismatch()),
        }
    }
}

fn mismatch() -> Wrong {
    Wrong::Other("A call of another kind of client".to_owned())
}

fn provider(name: &str) -> Result<Provider, Failure> {
    Provider::of_name(name).ok_or_else(|| Failure::argument(format!("There is no model provider '{name}'")))
}

impl Connecting {
    fn read(mut self) -> Result<(Provider, ConnectionOptions, Value), Failure> {
        let provider = provider(&self.provider)?;
        resolve("connection", &self.name, &mut self.arguments)?;
        let options = ConnectionOptions {
            name: self.name,
            scope: self.scope,
            parallelism: self.parallelism,
        };
        Ok((provider, options, self.arguments))
    }
}

/// Looks up what texts refer to, at whatever depth.
fn resolve(kind: &str, name: &str, value: &mut Value) -> Result<(), Failure> {
    match value {
        Value::String(text) => {
            let found = secrets::resolve(text)
                .map_err(|missing| Failure::state(format!("{kind} '{name}': {}", missing.told())))?;
            *text = found;
            Ok(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| resolve(kind, name, value)),
        Value::Object(values) => values.values_mut().try_for_each(|value| resolve(kind, name, value)),
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Models {
    runtime: Option<Arc<Runtime>>,
    clients: HashMap<i64, Arc<Client>>,
    /// Calls under way: whose, and how to end them.
    calls: HashMap<i64, (i64, AbortHandle)>,
    /// What calls brought, and Java has not fetched.
    answers: Vec<(i64, Came)>,
    /// When it last fetched some.
    fetched: Option<Instant>,
    /// A client was closed: who waits for answers looks whether there will be any.
    closed: bool,
}

static MODELS: Mutex<Option<Models>> = Mutex::new(None);
static CAME: Condvar = Condvar::new();
static NEXT: AtomicI64 = AtomicI64::new(1);

fn lock() -> MutexGuard<'static, Option<Models>> {
    MODELS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with<T>(work: impl FnOnce(&mut Models) -> T) -> T {
    work(lock().get_or_insert_default())
}

fn closed() -> Failure {
    Failure::state("The model client is closed: its handle cannot be used any more")
}

fn client(handle: i64) -> Result<Arc<Client>, Failure> {
    with(|models| models.clients.get(&handle).cloned()).ok_or_else(closed)
}

fn runtime() -> Result<Arc<Runtime>, Failure> {
    with(|models| {
        if let Some(runtime) = &models.runtime {
            return Ok(Arc::clone(runtime));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / 2).clamp(1, MOST_THREADS);
        let made = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("flink-agents-models")
            .enable_all()
            .build()
            .map_err(|error| Failure::core(format!("There are no threads for model clients: {error}")))?;
        let runtime = Arc::new(made);
        models.runtime = Some(Arc::clone(&runtime));
        Ok(runtime)
    })
}

/// Ends everything, and returns when no thread of it is left: the library is being unloaded.
pub(crate) fn unload() {
    let left = lock().take();
    if let Some(mut left) = left {
        let runtime = left.runtime.take();
        {
            let _inside = runtime.as_ref().map(|runtime| runtime.enter());
            drop(left);
        }
        drop(runtime);
    }
    // What was cancelled just now has left its answer here.
    lock().take();
}

/// Sees to it that a call brings an answer, whatever becomes of it.
struct Delivery {
    call: i64,
    brought: Option<Brought>,
}

impl Delivery {
    /// Makes the call. It is delivered also when this future is dropped before it has begun.
    async fn of(mut self, client: Arc<Client>, call: Call, told: bool) {
        self.brought = Some(client.make(call, told.then_some(self.call)).await);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let brought = self.brought.take().unwrap_or_else(|| {
            Err(Wrong::Other(if std::thread::panicking() {
                errors::of_this_panic("a model client")
            } else {
                "The call was cancelled: its client was closed, or nobody waits for it any more".to_owned()
            }))
        });
        came(self.call, Came::End(brought));
    }
}

/// Something is there for Java.
fn came(call: i64, what: Came) {
    let is_first = with(|models| {
        if matches!(what, Came::End(_)) {
            models.calls.remove(&call);
        }
        models.answers.push((call, what));
        models.answers.len() == 1
    });
    if is_first {
        // Whoever fetches it takes the others along.
        CAME.notify_one();
    }
}

plain! {
    /// Opens a client. `opening`: JSON.
    fn Java_org_apache_flink_agents_core_Natives_modelOpen(env, opening: jbyteArray) -> jlong = 0; {
        let opening = serde_json::from_slice(&env.bytes(opening)?)
            .map_err(|error| Failure::argument(format!("What a model client is to be cannot be read: {error}")))?;
        let client = Client::open(opening, &*runtime()?)?;
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        with(|models| models.clients.insert(handle, Arc::new(client)));
        Ok(handle)
    }
}

plain! {
    /// The parameters that the arguments of a setup make: JSON in, JSON out.
    fn Java_org_apache_flink_agents_core_Natives_modelParameters(
        env, setting: jbyteArray
    ) -> jbyteArray = std::ptr::null_mut(); {
        let setting = serde_json::from_slice(&env.bytes(setting)?)
            .map_err(|error| Failure::argument(format!("The arguments of a setup cannot be read: {error}")))?;
        let parameters = match setting {
            Setting::Chat { provider: name, arguments } => provider(&name)?.setup_parameters(&arguments),
            Setting::Embedding { provider: name, arguments } => provider(&name)?.embedding_parameters(&arguments),
        };
        let parameters = parameters.map_err(|error| Failure::argument(error.to_string()))?;
        env.new_bytes(Value::Object(parameters).to_string().as_bytes())
    }
}

plain! {
    /// Whether the provider itself makes the answers of a model fit a schema: 1, else 0.
    fn Java_org_apache_flink_agents_core_Natives_modelStructures(
        env, handle: jlong, model: jbyteArray
    ) -> jint = 0; {
        let model = env.bytes(model)?;
        let model = std::str::from_utf8(&model).map_err(|_| Failure::argument("the name of a model is not UTF-8"))?;
        let structures = match &*client(handle)? {
            Client::Chat(connection) => connection.native_structured_output(model),
            _ => false,
        };
        Ok(jint::from(structures))
    }
}

plain! {
    /// How many clients are open.
    fn Java_org_apache_flink_agents_core_Natives_modelClients(_env) -> jint = 0; {
        Ok(with(|models| models.clients.len()) as jint)
    }
}

plain! {
    /// Begins a call under a number that Java has chosen. `request`: JSON. `told` is not 0: a chat, whose answer is told part by
    /// part, too.
    fn Java_org_apache_flink_agents_core_Natives_modelCall(
        env, handle: jlong, call: jlong, request: jbyteArray, told: jint
    ) -> () = (); {
        let client = client(handle)?;
        let request = client.read(&env.bytes(request)?)?;
        let runtime = runtime()?;
        with(|models| {
            // It may have been closed since.
            if !models.clients.contains_key(&handle) {
                return Err(closed());
            }
            // A call that ends at once waits for the lock before it removes itself.
            let task = runtime.spawn(Delivery { call, brought: None }.of(client, request, told != 0));
            models.calls.insert(call, (handle, task.abort_handle()));
            Ok(())
        })
    }
}

plain! {
    /// Cancels a call; its answer says so. One that has ended already brings what it has.
    fn Java_org_apache_flink_agents_core_Natives_modelCancel(_env, call: jlong) -> () = (); {
        if let Some((_, task)) = with(|models| models.calls.get(&call).cloned()) {
            task.abort();
        }
        Ok(())
    }
}

plain! {
    /// Waits until a call has ended, a client is closed, or so many milliseconds are over. What calls brought, each: number (i64),
    /// outcome (u8: 0 as asked for, 1 a model's error, 2 another's text, 3 a tool server's error; of what is not the end yet: 4 a
    /// part of the answer, 5 of what the model thinks, 6 another attempt begins), length (u32), bytes.
    fn Java_org_apache_flink_agents_core_Natives_modelAnswers(env, millis: jint) -> jbyteArray = std::ptr::null_mut(); {
        let wait = Duration::from_millis(millis.max(0) as u64);
        let mut models = lock();
        if models.as_ref().is_none_or(|models| models.answers.is_empty() && !models.closed) {
            models = CAME.wait_timeout(models, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        let fetched = models.as_ref().and_then(|models| models.fetched);
        if let Some(early) = fetched.and_then(|at| BETWEEN_ANSWERS.checked_sub(at.elapsed())) {
            drop(models);
            std::thread::sleep(early);
            models = lock();
        }
        let answers = models.as_mut().map(|models| {
            models.closed = false;
            models.fetched = Some(Instant::now());
            std::mem::take(&mut models.answers)
        });
        drop(models);
        let mut out = Vec::new();
        for (call, came) in answers.unwrap_or_default() {
            let (outcome, bytes) = match came {
                Came::End(Ok(bytes)) => (0, bytes),
                Came::End(Err(Wrong::Model(bytes))) => (1, bytes),
                Came::End(Err(Wrong::Other(text))) => (2, text.into_bytes()),
                Came::End(Err(Wrong::Mcp(bytes))) => (3, bytes),
                Came::Part(Partial::Text(text)) => (4, text.into_bytes()),
                Came::Part(Partial::Reasoning(text)) => (5, text.into_bytes()),
                Came::Part(Partial::Again) => (6, Vec::new()),
            };
            out.extend_from_slice(&call.to_le_bytes());
            out.push(outcome);
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(&bytes);
        }
        env.new_bytes(&out)
    }
}

plain! {
    /// Closes a client and cancels its calls. Closing twice does nothing.
    fn Java_org_apache_flink_agents_core_Natives_modelClose(_env, handle: jlong) -> () = (); {
        let (client, calls) = with(|models| {
            let calls = models.calls.values().filter(|(of, _)| *of == handle).map(|(_, task)| task.clone());
            let calls: Vec<_> = calls.collect();
            models.closed = true;
            (models.clients.remove(&handle), calls)
        });
        calls.iter().for_each(AbortHandle::abort);
        if client.is_some() {
            // A session that ends, and a process that is stopped, need the runtime for that.
            let runtime = runtime()?;
            let _inside = runtime.enter();
            drop(client);
        }
        CAME.notify_one();
        Ok(())
    }
}
