//! The journal of a run without Flink: which store, under which name, and what it hears.
//!
//! *Owned state*: the session of the store, and the descriptor by which its threads wake the thread that runs actions. The
//! store itself outlives runs: the one in memory is the process's, a file is opened for each run. *Constraint*: nothing here
//! needs Python's lock, and nothing of a store's threads takes it.

use crate::plan::{JournalOptions, journal_options};
use flink_agents_core::ids::KeySlot;
use flink_agents_core::journal::{Digest, JournalSettings, OnDivergence};
use flink_agents_core::plan::{AgentPlan, Routes};
use flink_agents_core::run::Machine;
use flink_agents_core::value::{self, Value};
use flink_agents_runtime::journal::{JournalDriver, JournalError};
use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore};
use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore};
use flink_agents_runtime::store::{Lineage, MissingHistory, OpenSession, Store};
use flink_agents_store_kafka::{KafkaSettings, KafkaStore, Reports};
use pyo3::prelude::*;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use sha2::{Digest as _, Sha256};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// There are no subtasks, so there is one key group.
pub(super) const KEY_GROUP: u16 = 0;
/// Stands in the store for the operator, of which such a run has one. Not the agent: its name may change.
const OPERATOR: &str = "run without Flink";
const FILE: &str = "flink-agents.sqlite";
/// How long the end of a run waits for the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// Wakes the thread that runs actions.
struct Wake {
    fd: OwnedFd,
    woken: AtomicBool,
}

impl Wake {
    fn ring(&self) {
        self.woken.store(true, Ordering::Release);
        // It can fail only by being full, and then it has rung.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    fn silence(&self) {
        let mut count = [0u8; 8];
        // Nothing to read: somebody did.
        let _ = rustix::io::read(&self.fd, &mut count);
    }
}

/// What the configuration says of the store.
pub(super) struct Choice {
    store: Box<dyn Store>,
    reports: Arc<Reports>,
    name: String,
    pub(super) settings: JournalSettings,
    max_record_size: usize,
    patience: Duration,
}

fn memory() -> Result<&'static MemoryStore, String> {
    static MEMORY: OnceLock<MemoryStore> = OnceLock::new();
    if let Some(store) = MEMORY.get() {
        return Ok(store);
    }
    // How large a record may be is looked at before, since that is a matter of the run.
    let settings = MemorySettings {
        max_record_size: usize::MAX,
        ..MemorySettings::default()
    };
    let store = MemoryStore::threaded(settings).map_err(|e| e.to_string())?;
    Ok(MEMORY.get_or_init(|| store))
}

/// The one in memory, for a box.
struct Shared(&'static MemoryStore);

impl Store for Shared {
    fn open(
        &self,
        session: OpenSession,
        events: Arc<dyn flink_agents_runtime::store::Events>,
    ) -> Result<Box<dyn flink_agents_runtime::store::Session>, flink_agents_runtime::store::StoreError> {
        self.0.open(session, events)
    }
}

impl Choice {
    /// The store of a plan's configuration; nothing without `actionStateStoreBackend`. `name` is that of the run.
    pub(super) fn of(plan: &AgentPlan, name: Option<&str>, directory: &Path) -> Result<Option<Choice>, String> {
        let config = &plan.config;
        let wrong = |error: flink_agents_core::config::ConfigError| error.to_string();
        let Some(options) = journal_options(config)? else {
            return Ok(None);
        };
        let JournalOptions {
            backend,
            max_record_size,
            patience,
        } = options;
        let identifier = config.get_text("job-identifier").map_err(wrong)?;
        let name = name.map(str::to_owned).or(identifier).filter(|name| !name.is_empty());
        let on_divergence = match config.get_enum("action-state.on-divergence").map_err(wrong)? {
            Some("fail") => OnDivergence::Fail,
            _ => OnDivergence::Reexecute,
        };
        let Some(name) = name else {
            return Err(format!(
                "actionStateStoreBackend is {backend}, and the run has no name: what it has done is found again by a name. Call \
                 execute(\"a name\"), or set job-identifier"
            ));
        };
        let reports = Arc::new(Reports::default());
        let store: Box<dyn Store> = match backend {
            "sqlite" => {
                let file = config.get_text("sqlite.path").map_err(wrong)?;
                let path = directory.join(PathBuf::from(file.as_deref().unwrap_or(FILE)));
                let settings = SqliteSettings {
                    max_record_size: max_record_size.saturating_add(1 << 16),
                    ..SqliteSettings::new(path)
                };
                Box::new(SqliteStore::new(settings).map_err(|e| e.to_string())?)
            }
            "kafka" => {
                let settings = KafkaSettings::of(config).map_err(|e| e.to_string())?;
                let settings = KafkaSettings {
                    max_record_size: max_record_size.saturating_add(1 << 16),
                    ..settings
                };
                Box::new(KafkaStore::new(settings, reports.report()).map_err(|e| e.to_string())?)
            }
            "memory" => Box::new(Shared(memory()?)),
            other => {
                return Err(format!(
                    "actionStateStoreBackend is {other}: there is no such store; choose sqlite or kafka, or memory for tests"
                ));
            }
        };
        let lineage = lineage(&name);
        Ok(Some(Choice {
            store,
            reports,
            name,
            settings: JournalSettings {
                on_divergence,
                origin: lineage.0,
            },
            max_record_size,
            patience,
        }))
    }
}

/// Of the name of a run: the same at every start.
fn lineage(name: &str) -> Lineage {
    let mut hash = Sha256::new();
    hash.update(b"flink-agents run without Flink 1");
    hash.update(name.as_bytes());
    Lineage(first_half(hash))
}

fn first_half(hash: Sha256) -> Digest {
    let mut digest = [0; 16];
    digest.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    digest
}

/// Of plain data, maps in the order of their keys.
fn canonical(value: &mut Value) {
    match value {
        Value::List(items) => items.iter_mut().for_each(canonical),
        Value::Map(entries) => {
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            entries.iter_mut().for_each(|(_, value)| canonical(value));
        }
        _ => {}
    }
}

/// A digest of plain data and a number; nothing if they are none.
pub(crate) fn digest(plain: &[u8], number: u64) -> Option<Digest> {
    let mut value = value::decode(plain).ok()?;
    canonical(&mut value);
    let mut bytes = Vec::with_capacity(plain.len() + 8);
    value::encode(&value, &mut bytes).ok()?;
    let mut hash = Sha256::new();
    hash.update(number.to_be_bytes());
    hash.update(&bytes);
    Some(first_half(hash))
}

/// The session of a run.
pub(super) struct Journal {
    // Never locked: only what is `Sync` may lie in a Python object.
    driver: Mutex<JournalDriver>,
    pub(super) max_record_size: usize,
    /// How long code of an action is waited for that may bring what the journal has (`action-state.reorder-timeout`).
    pub(super) patience: Duration,
    wake: Arc<Wake>,
    /// Of the first poll on: what the store has is read.
    read: bool,
    reports: Arc<Reports>,
    // Its threads are to live as long as the session.
    _store: Box<dyn Store>,
}

impl Journal {
    pub(super) fn open(choice: Choice) -> Result<Journal, String> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fd = eventfd(0, flags).map_err(|error| format!("no descriptor to be woken by: {error}"))?;
        let wake = Arc::new(Wake {
            fd,
            woken: AtomicBool::new(false),
        });
        let session = OpenSession {
            lineage: lineage(&choice.name),
            ancestors: Vec::new(),
            operator: OPERATOR.to_owned(),
            max_parallelism: 1,
            key_groups: KEY_GROUP..=KEY_GROUP,
            markers: Vec::new(),
            missing_history: MissingHistory::Fail,
        };
        let ring = Arc::clone(&wake);
        let driver = JournalDriver::open(&*choice.store, session, Arc::new(move || ring.ring()));
        Ok(Journal {
            driver: Mutex::new(driver.map_err(|e| e.to_string())?),
            max_record_size: choice.max_record_size,
            patience: choice.patience,
            wake,
            read: false,
            reports: choice.reports,
            _store: choice.store,
        })
    }

    pub(super) fn driver(&mut self) -> &mut JournalDriver {
        self.driver.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fileno(&self) -> i32 {
        self.wake.fd.as_raw_fd()
    }

    /// The next thing that users should know of the store.
    pub(super) fn report(&self) -> Option<String> {
        self.reports.take()
    }

    /// The wake-up was heard.
    pub(super) fn heard(&self) {
        self.wake.silence();
    }

    /// Tells the machine what the store said, if that is anything; true if it was.
    pub(super) fn poll(&mut self, machine: &mut Machine<Routes>) -> Result<bool, JournalError> {
        if !self.wake.woken.swap(false, Ordering::Acquire) {
            return Ok(false);
        }
        let something = self.driver().poll(machine)?;
        self.read |= something;
        Ok(something)
    }

    /// Hands over to the store what was written.
    pub(super) fn flush(&mut self, machine: &mut Machine<Routes>) -> Result<(), JournalError> {
        for (key, ticket, record) in machine.take_records() {
            self.driver().record(key, ticket, record);
        }
        self.driver().flush()
    }

    /// Whether something of the store is still to come.
    pub(super) fn waits(&self, machine: &Machine<Routes>) -> bool {
        !self.read || machine.unacknowledged() > 0
    }

    /// A key gets its slot.
    pub(super) fn key_opened(
        &mut self,
        machine: &mut Machine<Routes>,
        slot: u32,
        next: u64,
        key: &str,
    ) -> Result<(), JournalError> {
        let slot = KeySlot(slot);
        machine.handle_key_opened(slot, next)?;
        let history = self.driver().key_opened(slot, KEY_GROUP, key.as_bytes())?;
        machine.handle_history(slot, history)?;
        Ok(())
    }

    /// Waits until the store has everything that was written, as long as that makes sense.
    pub(super) fn settle(&mut self, py: Python<'_>, machine: &mut Machine<Routes>) -> Result<(), JournalError> {
        self.flush(machine)?;
        let until = Instant::now() + PATIENCE;
        while machine.unacknowledged() > 0 {
            self.poll(machine)?;
            self.flush(machine)?;
            let left = until.saturating_duration_since(Instant::now());
            if machine.unacknowledged() == 0 || left.is_zero() {
                break;
            }
            let wake = &self.wake;
            py.detach(|| {
                let timeout = Timespec {
                    tv_sec: left.as_secs().cast_signed(),
                    tv_nsec: i64::from(left.subsec_nanos()),
                };
                let mut fds = [PollFd::new(&wake.fd, PollFlags::IN)];
                // Interrupted: it is looked at again.
                let _ = poll(&mut fds, Some(&timeout));
            });
            self.heard();
        }
        Ok(())
    }

    /// Ends the session; bounded.
    pub(super) fn close(self, py: Python<'_>) {
        let Journal { driver, _store, .. } = self;
        py.detach(|| {
            driver.into_inner().unwrap_or_else(PoisonError::into_inner).close();
            drop(_store);
        });
    }
}
