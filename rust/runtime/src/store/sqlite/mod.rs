//! The journal in one file, for runs without Flink and for single machines.
//!
//! *Owned state*: one thread per file and process writes; it has the only connection that writes. Whatever all sessions append
//! while it commits goes into the next commit. Each recovery has a thread and a connection of its own.
//!
//! *Lifecycle*: the file is opened, and made if it is missing, for the first session. The thread ends with the last handle: a
//! store or a session.
//!
//! *Constraint*: several processes may use one file on a local disk (its log is shared memory); their commits take turns.
//!
//! The file can be read with the `sqlite3` tool while it is in use: the view `journal` shows records, the table `claim` the
//! sessions.

mod errors;
mod prune;
mod reader;
mod row;
mod schema;
pub mod tool;
mod writer;

use super::gate::Gate;
use super::marker::{Kind, Marker, Progress};
use super::request::refuse;
use super::{Append, ErrorKind, Events, OpenSession, Position, Session, Store, StoreError};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

const KIND: Kind = Kind::Sqlite;

/// Gives the time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where the file is, and how it is used.
#[derive(Clone)]
pub struct SqliteSettings {
    /// The file (`sqlite.path`); its directory exists.
    pub path: PathBuf,
    /// Records that no checkpoint needs are kept for so long (`action-state.retention`). Default 7 days.
    pub retention: Duration,
    /// Largest record in bytes: key, tail and value together (`action-state.max-record-size`). Default 1 MB (1,048,576).
    pub max_record_size: usize,
    /// How long to wait for another process that has locked the file. Default 10 s.
    pub patience: Duration,
    /// Largest size of the file in bytes, its write-ahead log not counted. Default none.
    pub max_size: Option<u64>,
    /// The time that retention is measured by; the system's by default.
    pub clock: Option<Clock>,
}

impl SqliteSettings {
    /// The defaults for a file.
    pub fn new(path: impl Into<PathBuf>) -> SqliteSettings {
        SqliteSettings {
            path: path.into(),
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            max_record_size: 1 << 20,
            patience: Duration::from_secs(10),
            max_size: None,
            clock: None,
        }
    }

    fn now(&self) -> i64 {
        match &self.clock {
            Some(clock) => clock(),
            None => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    fn place(&self) -> String {
        format!("file {}", self.path.display())
    }
}

impl fmt::Debug for SqliteSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSettings")
            .field("path", &self.path)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One session, as the threads see it.
struct Attempt {
    request: OpenSession,
    gate: Gate,
    progress: Mutex<Progress>,
}

/// What the writer is asked to do.
enum Task {
    Open(Arc<Attempt>),
    Write(Arc<Attempt>, Vec<Append>),
    Refuse(Arc<Attempt>, StoreError),
    Prune(Arc<Attempt>, Marker),
    Close(Arc<Attempt>),
}

impl Task {
    fn attempt(&self) -> &Arc<Attempt> {
        match self {
            Task::Open(attempt)
            | Task::Write(attempt, _)
            | Task::Refuse(attempt, _)
            | Task::Prune(attempt, _)
            | Task::Close(attempt) => attempt,
        }
    }
}

#[derive(Default)]
struct Tasks {
    waiting: Vec<Task>,
    stopping: bool,
    /// Why the thread has ended before its time.
    dead: Option<StoreError>,
}

#[derive(Default)]
struct Queue {
    tasks: Mutex<Tasks>,
    changed: Condvar,
}

impl Queue {
    fn put(&self, task: Task) {
        let mut tasks = lock(&self.tasks);
        if let Some(error) = tasks.dead.clone() {
            drop(tasks);
            task.attempt().gate.fail(error);
            return;
        }
        tasks.waiting.push(task);
        self.changed.notify_one();
    }

    /// The thread serves no longer: nobody shall wait for it.
    fn die(&self, error: &StoreError) {
        let mut tasks = lock(&self.tasks);
        tasks.dead = Some(error.clone());
        let waiting = std::mem::take(&mut tasks.waiting);
        drop(tasks);
        for task in waiting {
            task.attempt().gate.fail(error.clone());
        }
    }
}

/// The thread that writes a file.
struct Writing {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writing {
    fn start(settings: SqliteSettings) -> Result<Writing, StoreError> {
        let queue = Arc::new(Queue::default());
        let place = settings.place();
        let mut writer = writer::Writer::new(settings, queue.clone());
        let thread = std::thread::Builder::new()
            .name("flink-agents-sqlite-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| errors::thread(&place, &error))?;
        Ok(Writing {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        lock(&self.queue.tasks).stopping = true;
        self.queue.changed.notify_one();
        if let Some(thread) = lock(&self.thread).take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of that thread was one of a session's events: the caller's own.
            let _ = thread.join();
        }
    }
}

/// All that makes two stores the same: file, retention, largest record, largest file.
type Same = (PathBuf, Duration, usize, Option<u64>);

/// The files this process writes, so that the subtasks of a job share one thread.
static WRITING: Mutex<BTreeMap<Same, Weak<Writing>>> = Mutex::new(BTreeMap::new());

/// See the module. Stores of one file and the same settings share a thread.
#[derive(Clone)]
pub struct SqliteStore {
    settings: SqliteSettings,
    writing: Arc<Writing>,
}

impl SqliteStore {
    /// A store; the file is not touched before the first session.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(settings: SqliteSettings) -> Result<SqliteStore, StoreError> {
        if settings.clock.is_some() {
            return Ok(SqliteStore {
                writing: Arc::new(Writing::start(settings.clone())?),
                settings,
            });
        }
        let path = std::path::absolute(&settings.path).unwrap_or_else(|_| settings.path.clone());
        let mut writing = lock(&WRITING);
        writing.retain(|_, thread| thread.strong_count() > 0);
        let same = (path, settings.retention, settings.max_record_size, settings.max_size);
        let shared = writing.get(&same).and_then(Weak::upgrade);
        let shared = match shared {
            Some(shared) => shared,
            None => {
                let started = Arc::new(Writing::start(settings.clone())?);
                writing.insert(same, Arc::downgrade(&started));
                started
            }
        };
        Ok(SqliteStore {
            settings,
            writing: shared,
        })
    }
}

impl Store for SqliteStore {
    fn open(&self, request: OpenSession, events: Arc<dyn Events>) -> Result<Box<dyn Session>, StoreError> {
        let attempt = Arc::new(Attempt {
            progress: Mutex::new(Progress::new(KIND, &request)?),
            gate: Gate::new(events),
            request,
        });
        self.writing.queue.put(Task::Open(attempt.clone()));
        Ok(Box::new(SqliteSession {
            attempt,
            store: self.clone(),
        }))
    }
}

struct SqliteSession {
    attempt: Arc<Attempt>,
    store: SqliteStore,
}

impl Session for SqliteSession {
    fn append(&mut self, mut records: Vec<Append>) -> Result<(), StoreError> {
        self.attempt.gate.check()?;
        let SqliteSettings { max_record_size, .. } = self.store.settings;
        let refusal = |record| refuse(KIND.name(), "append", &self.attempt.request, record, max_record_size);
        let refused = records
            .iter()
            .enumerate()
            .find_map(|(index, record)| Some((index, refusal(record)?)));
        if let Some((index, _)) = &refused {
            records.truncate(*index);
        }
        let queue = &self.store.writing.queue;
        if !records.is_empty() {
            queue.put(Task::Write(self.attempt.clone(), records));
        }
        if let Some((_, mut error)) = refused {
            error.place = format!("{}, {}", self.store.settings.place(), error.place);
            queue.put(Task::Refuse(self.attempt.clone(), error));
        }
        Ok(())
    }

    fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8> {
        lock(&self.attempt.progress).marker(recovered, heard, oldest)
    }

    fn unreadable(&self, key_group: u16, position: Position, reason: &str) -> StoreError {
        let place = format!("{}, key group {key_group}", self.store.settings.place());
        errors::row(&place, "record", position.0 as i64, reason)
    }

    fn prune(&mut self, marker: &[u8]) -> Result<(), StoreError> {
        self.attempt.gate.check()?;
        let marker = lock(&self.attempt.progress).own(marker)?;
        self.store.writing.queue.put(Task::Prune(self.attempt.clone(), marker));
        Ok(())
    }

    fn close(self: Box<Self>) {}
}

impl Drop for SqliteSession {
    fn drop(&mut self) {
        self.attempt.gate.close(KIND.name());
        self.store.writing.queue.put(Task::Close(self.attempt.clone()));
    }
}

/// An error of this store.
fn error(
    kind: ErrorKind,
    place: impl Into<String>,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> StoreError {
    StoreError::new(kind, KIND.name(), place, reason, remedy)
}
