//! A machine with a journal over real stores.
#![allow(clippy::unwrap_used)]

mod journal_agent;
mod journal_crashes;
mod journal_faults;
mod journal_memory;
mod journal_model;
mod journal_puppet;

use flink_agents_core::ids::KeySlot;
use flink_agents_core::journal::JournalSettings;
use flink_agents_core::run::{Limits, Machine};
use flink_agents_core::symbols::INPUT_EVENT;
use flink_agents_runtime::journal::JournalDriver;
use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore, Zombies};
use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore};
use flink_agents_runtime::store::{Lineage, MissingHistory, OpenSession, Store};
use flink_agents_testkit::exact::Exact;
use journal_agent::GROUPS;
use journal_crashes::{Undying, check, check_late_claims};
use journal_faults::{Hazards, faults};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn over_the_store_in_memory() {
    check(&MemoryStore::threaded(MemorySettings::default()).unwrap());
}

fn in_a_file(name: &str, run: impl FnOnce(SqliteStore)) {
    let directory = std::env::temp_dir().join(format!("flink-agents-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    run(SqliteStore::new(SqliteSettings::new(directory.join("journal.sqlite"))).unwrap());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn over_the_store_in_a_file() {
    in_a_file("journal", |store| check(&store));
}

#[test]
fn over_the_store_in_a_file_with_late_claims() {
    in_a_file("late", |store| check_late_claims(Arc::new(store)));
}

#[test]
fn over_the_store_in_a_file_with_zombies() {
    in_a_file("zombies", |store| {
        let store = Undying::of(store);
        check(&store);
        assert!(store.count() > 5, "{} live on", store.count());
    });
}

/// Both kinds of the store in memory.
struct Memory(MemoryStore);

impl Hazards for Memory {
    fn new(seed: u64) -> Memory {
        let settings = MemorySettings {
            zombies: [Zombies::Refused, Zombies::Ignored][(seed % 2) as usize],
            batch: 7,
            ..MemorySettings::default()
        };
        Memory(MemoryStore::threaded(settings).unwrap())
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

struct File {
    directory: PathBuf,
    clock: Arc<AtomicI64>,
}

impl File {
    fn path(&self) -> PathBuf {
        self.directory.join("journal.sqlite")
    }

    fn settings(&self) -> SqliteSettings {
        let clock = self.clock.clone();
        SqliteSettings {
            retention: Duration::ZERO,
            clock: Some(Arc::new(move || clock.fetch_add(1, Ordering::Relaxed))),
            ..SqliteSettings::new(self.path())
        }
    }
}

impl Hazards for File {
    fn new(seed: u64) -> File {
        let directory = std::env::temp_dir().join(format!("flink-agents-faults-{}-{seed}", std::process::id()));
        // A case that failed is played again.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let clock = Arc::new(AtomicI64::new(1_000_000));
        File { directory, clock }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::new(self.settings()).unwrap())
    }

    fn full(&self) -> Option<Arc<dyn Store>> {
        let mut settings = self.settings();
        settings.max_size = Some(std::fs::metadata(self.path()).map_or(0, |file| file.len()));
        Some(Arc::new(SqliteStore::new(settings).unwrap()))
    }

    fn remove(&self) -> bool {
        for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
            let _ = std::fs::remove_file(self.directory.join(name));
        }
        true
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn whatever_befalls_the_store_in_memory_nothing_acknowledged_is_done_again() {
    let least = [
        ("crash", 200),
        ("acknowledgements lost", 30),
        ("error heard", 12),
        ("record too large", 20),
        ("zombie wrote", 25),
        ("fork", 15),
        ("pruned", 200),
        ("run restored", 130),
        ("action replayed", 100),
        ("call replayed", 80),
        ("call made again", 50),
        ("reconciler asked", 30),
    ];
    faults::<Memory>(600, &least);
}

#[test]
fn whatever_befalls_the_store_in_a_file_nothing_acknowledged_is_done_again() {
    let least = [
        ("crash", 200),
        ("acknowledgements lost", 20),
        ("error heard", 8),
        ("record too large", 10),
        ("disk full", 2),
        ("removed", 3),
        ("zombie wrote", 15),
        ("pruned", 200),
        ("action replayed", 80),
        ("call replayed", 50),
    ];
    faults::<File>(100, &least);
}

#[test]
fn the_machine_is_told_that_the_journal_has_holes() {
    /// Opens the journal and reads it; with what the machine knows of it.
    fn opened(store: &SqliteStore, markers: Vec<Vec<u8>>) -> (JournalDriver, bool) {
        let request = OpenSession {
            markers,
            missing_history: MissingHistory::Reexecute,
            ..request()
        };
        let (sender, woken) = channel();
        let wake = Arc::new(move || _ = sender.send(()));
        let agent = Exact::new([("act", INPUT_EVENT)]);
        let mut machine = Machine::with_journal(agent, Limits::default(), JournalSettings::default());
        let mut driver = JournalDriver::open(store, request, wake).unwrap();
        while !driver.is_read() {
            woken.recv_timeout(Duration::from_secs(60)).unwrap();
            driver.poll(&mut machine).unwrap();
        }
        let misses = machine.misses_history();
        assert_eq!(driver.take_warning().is_some(), misses);
        (driver, misses)
    }
    in_a_file("holes", |store| {
        let (driver, misses) = opened(&store, Vec::new());
        assert!(!misses);
        let marker = driver.marker();
        driver.close();
        let (driver, misses) = opened(&store, vec![marker.clone()]);
        assert!(!misses);
        driver.close();
        in_a_file("another", |other| {
            let (driver, misses) = opened(&other, vec![marker]);
            assert!(misses);
            driver.close();
        });
    });
}

fn request() -> OpenSession {
    OpenSession {
        lineage: Lineage([1; 16]),
        ancestors: Vec::new(),
        operator: "agent".into(),
        max_parallelism: GROUPS,
        key_groups: 0..=GROUPS - 1,
        markers: Vec::new(),
        missing_history: MissingHistory::Fail,
    }
}

#[test]
fn a_call_has_the_same_idempotency_key_in_every_version() {
    let store = MemoryStore::threaded(MemorySettings::default()).unwrap();
    let mut driver = JournalDriver::open(&store, request(), Arc::new(|| {})).unwrap();
    driver.key_opened(KeySlot(3), 5, b"s:key").unwrap();
    let key = driver.idempotency_key(KeySlot(3), [7; 16], b"tail").unwrap();
    assert_eq!(key, "da8d3823-c38d-822c-8040-4837d0182f8d");
    driver.close();
}
