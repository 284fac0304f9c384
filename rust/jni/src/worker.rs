//! The natives of Python workers, and the one upcall of this library: `wake()`.
//!
//! *Owned state*: every worker of this copy of the library, by a number that is never used again. *Lifecycle*: from
//! `workerStart` to `workerFree`, or to the unloading of the library. *Constraint*: all belong to the host's thread, but for
//! `workerLog` and `workerSaid`, which belong to one other each, and `workerAsk` and `workerAnswer`; the upcall comes from the worker's threads, once for everything that came since the
//! last `workerReceive`.

use crate::cold::plain;
use crate::engine::read_plan;
use crate::env::Env;
use crate::errors::Failure;
use crate::upcall::Upcall;
use flink_agents_runtime::worker::exchange::{Exchange, ExchangeError, Said};
use flink_agents_runtime::worker::server::{Log, Program};
use flink_agents_runtime::worker::{Level, Progress, Settings, Starting, Worker, WorkerError};
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jlong, jobject};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

/// A `java.lang.Runnable`.
#[allow(non_camel_case_types, reason = "named as the types of JNI are")]
type jrunnable = jobject;

struct Entry {
    state: Mutex<State>,
    log: Log,
    /// Set when the worker is ready, if it has one: whoever asks does not wait for the host's thread.
    exchange: OnceLock<Arc<Exchange>>,
}

enum State {
    Starting(Box<Starting>),
    Ready(Worker),
    /// The start has failed or was given up.
    Gone,
}

impl State {
    fn worker(&mut self) -> Result<&mut Worker, Failure> {
        match self {
            State::Ready(worker) => Ok(worker),
            _ => Err(Failure::state(
                "The Python worker is not ready: wait for it before anything else",
            )),
        }
    }
}

static WORKERS: Mutex<BTreeMap<i64, Arc<Entry>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicI64 = AtomicI64::new(1);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn entry(handle: jlong) -> Result<Arc<Entry>, Failure> {
    lock(&WORKERS)
        .get(&handle)
        .cloned()
        .ok_or_else(|| Failure::state("The Python worker is stopped: its handle cannot be used any more"))
}

/// Ends all workers: the library is being unloaded.
pub(crate) fn unload() {
    let left = std::mem::take(&mut *lock(&WORKERS));
    drop(left);
}

/// What Java says about a worker, JSON.
#[derive(Deserialize)]
struct Request {
    command: Vec<String>,
    environment: BTreeMap<String, Option<String>>,
    directory: Option<String>,
    temporary: String,
    agent: String,
    task: String,
    start_ms: u64,
    /// As the plan says if it is missing.
    silence_ms: Option<u64>,
    grace_ms: u64,
    /// As the plan says if it is missing.
    memory: Option<u64>,
    exchange: bool,
}

/// What the plan says where the request does not: names of options, as in `docs/operations/configuration.md`.
const TIMEOUT: &str = "python.worker.timeout";
const MEMORY: &str = "python.worker.memory";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

impl Request {
    fn settings(self, plan: Vec<u8>) -> Result<Settings, Failure> {
        let config = read_plan(&plan)?.config;
        let argument = |error: flink_agents_core::config::ConfigError| Failure::argument(error.to_string());
        let silence = match self.silence_ms {
            Some(millis) => Some(Duration::from_millis(millis)),
            None => config.get_duration(TIMEOUT).map_err(argument)?,
        };
        let memory = match self.memory {
            Some(bytes) => Some(bytes),
            None => config.get_size(MEMORY).map_err(argument)?,
        };
        Ok(Settings {
            program: Program {
                command: self.command,
                environment: self.environment.into_iter().collect(),
                directory: self.directory,
            },
            temporary: self.temporary.into(),
            agent: self.agent,
            task: self.task,
            plan,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            start: Duration::from_millis(self.start_ms),
            silence: silence.unwrap_or(DEFAULT_TIMEOUT),
            memory,
            grace: Duration::from_millis(self.grace_ms),
            exchange: self.exchange,
        })
    }
}

impl From<WorkerError> for Failure {
    #[cold]
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Gone(text) => Failure::core(text),
            WorkerError::Records(error) => Failure::argument(error.to_string()),
        }
    }
}

plain! {
    /// Starts a worker's process. `request`: JSON.
    fn Java_org_apache_flink_agents_core_Natives_workerStart(
        env, request: jbyteArray, plan: jbyteArray, wake: jrunnable
    ) -> jlong = 0; {
        let request: Request = serde_json::from_slice(&env.bytes(request)?)
            .map_err(|error| Failure::argument(format!("The settings of a worker cannot be read: {error}")))?;
        let upcall = Upcall::new(env, wake, c"flink-agents python worker")?;
        let starting = Starting::begin(request.settings(env.bytes(plan)?)?, Box::new(move || upcall.call()))?;
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = starting.log();
        let state = Mutex::new(State::Starting(starting));
        lock(&WORKERS).insert(handle, Arc::new(Entry { state, log, exchange: OnceLock::new() }));
        Ok(handle)
    }
}

plain! {
    /// Waits until a worker is ready, at most so many milliseconds; whether it is (1 or 0).
    fn Java_org_apache_flink_agents_core_Natives_workerReady(_env, handle: jlong, millis: jint) -> jint = 0; {
        let entry = entry(handle)?;
        let mut state = lock(&entry.state);
        match std::mem::replace(&mut *state, State::Gone) {
            State::Starting(starting) => {
                *state = match starting.wait(Duration::from_millis(millis.max(0) as u64))? {
                    Progress::Ready(worker) => {
                        if let Some(exchange) = worker.exchange() {
                            let _ = entry.exchange.set(exchange);
                        }
                        State::Ready(worker)
                    }
                    Progress::Starting(still) => State::Starting(still),
                };
            }
            other => *state = other,
        }
        match &*state {
            State::Starting(_) => Ok(0),
            State::Ready(_) => Ok(1),
            State::Gone => Err(Failure::state("The start of the Python worker has failed or was given up")),
        }
    }
}

plain! {
    /// Number of the worker's process.
    fn Java_org_apache_flink_agents_core_Natives_workerProcess(_env, handle: jlong) -> jint = 0; {
        Ok(lock(&entry(handle)?.state).worker()?.process() as jint)
    }
}

plain! {
    /// Sends a batch: the first `length` bytes of `records`. Returns its number.
    fn Java_org_apache_flink_agents_core_Natives_workerSend(
        env, handle: jlong, records: jbyteArray, length: jint
    ) -> jint = 0; {
        let records = env.leading_bytes(records, length)?;
        Ok(lock(&entry(handle)?.state).worker()?.send(&records)? as jint)
    }
}

plain! {
    /// What the worker has sent, as records; null when there is nothing.
    fn Java_org_apache_flink_agents_core_Natives_workerReceive(env, handle: jlong) -> jbyteArray = std::ptr::null_mut(); {
        let records = lock(&entry(handle)?.state).worker()?.receive()?;
        if records.is_empty() { Ok(std::ptr::null_mut()) } else { env.new_bytes(&records) }
    }
}

fn exchange(handle: jlong) -> Result<Arc<Exchange>, Failure> {
    let exchange = entry(handle)?.exchange.get().cloned();
    exchange.ok_or_else(|| Failure::state("The Python worker has no connection for questions about resources"))
}

impl From<ExchangeError> for Failure {
    #[cold]
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Frame(error) => Failure::argument(error.to_string()),
            ExchangeError::Gone(_) => Failure::core(error.to_string()),
        }
    }
}

plain! {
    /// Asks the worker question `number`. From any thread.
    fn Java_org_apache_flink_agents_core_Natives_workerAsk(
        env, handle: jlong, number: jlong, question: jbyteArray
    ) -> () = (); {
        let question = env.bytes(question)?;
        Ok(exchange(handle)?.ask(number as u64, &question)?)
    }
}

plain! {
    /// Answers question `number` of the worker. From any thread.
    fn Java_org_apache_flink_agents_core_Natives_workerAnswer(
        env, handle: jlong, number: jlong, failed: jint, value: jbyteArray
    ) -> () = (); {
        let value = env.bytes(value)?;
        Ok(exchange(handle)?.answer(number as u64, failed != 0, &value)?)
    }
}

plain! {
    /// Waits until the worker asks or answers: what it did (0 asked, 1 answered, 2 answered that it failed), the number, then
    /// what it said; null when it will say nothing any more. For one thread, which waits as long as the worker lives.
    fn Java_org_apache_flink_agents_core_Natives_workerSaid(env, handle: jlong) -> jbyteArray = std::ptr::null_mut(); {
        let Ok(exchange) = exchange(handle) else { return Ok(std::ptr::null_mut()) };
        let said = exchange.said().map_err(|error| {
            exchange.end();
            Failure::core(format!("The Python worker sent {error}"))
        })?;
        let (kind, number, what) = match said {
            None => return Ok(std::ptr::null_mut()),
            Some(Said::Asked { number, question }) => (0, number, question),
            Some(Said::Answered { number, failed, value }) => (1 + u8::from(failed), number, value),
        };
        let mut out = Vec::with_capacity(what.len() + 9);
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&what);
        env.new_bytes(&out)
    }
}

plain! {
    /// Lines that the worker logged: each level (0 debug, 1 info, 2 warning, 3 error), then logger and text as u32 length and
    /// UTF-8. Waits for some, at most so many milliseconds; null when there will be none any more.
    fn Java_org_apache_flink_agents_core_Natives_workerLog(
        env, handle: jlong, millis: jint
    ) -> jbyteArray = std::ptr::null_mut(); {
        let Ok(entry) = entry(handle) else { return Ok(std::ptr::null_mut()) };
        let Some(lines) = entry.log.take(Duration::from_millis(millis.max(0) as u64)) else {
            return Ok(std::ptr::null_mut());
        };
        let mut out = Vec::new();
        for line in lines {
            out.push(match line.level {
                Level::Debug => 0,
                Level::Info => 1,
                Level::Warning => 2,
                Level::Error => 3,
            });
            for text in [&line.logger, &line.text] {
                out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        env.new_bytes(&out)
    }
}

plain! {
    /// Asks a worker to end, and does not wait for that; one that is not ready is ended at once.
    fn Java_org_apache_flink_agents_core_Natives_workerAskToStop(_env, handle: jlong) -> () = (); {
        let found = lock(&WORKERS).get(&handle).cloned();
        if let Some(entry) = found {
            let mut state = lock(&entry.state);
            match &mut *state {
                State::Ready(worker) => worker.ask_to_stop(),
                _ => *state = State::Gone,
            }
        }
        Ok(())
    }
}

plain! {
    /// Ends a worker, and returns when nothing of it is left. Stopping twice does nothing.
    fn Java_org_apache_flink_agents_core_Natives_workerStop(_env, handle: jlong) -> () = (); {
        let found = lock(&WORKERS).get(&handle).cloned();
        if let Some(entry) = found {
            let mut state = lock(&entry.state);
            match &mut *state {
                State::Ready(worker) => worker.stop(),
                _ => *state = State::Gone,
            }
        }
        Ok(())
    }
}

plain! {
    /// Frees what is left of a stopped worker, its log among it.
    fn Java_org_apache_flink_agents_core_Natives_workerFree(_env, handle: jlong) -> () = (); {
        let entry = lock(&WORKERS).remove(&handle);
        drop(entry);
        Ok(())
    }
}
