//! The store in a file: its place for the contract, bad files, bad disks, other processes, and kill -9.

use super::store_contract::{A, B, C, MAX_RECORD, Open, Place, Recorder, fork, note, read, record, request};
use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore, tool};
use flink_agents_runtime::store::{
    Acked, Append, ErrorKind, Events, Lineage, MissingHistory, OpenSession, Position, Recovered, Session, Store,
    StoreError,
};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A file in a directory of its own, removed at the end. Its clock ticks whenever it is looked at.
pub struct File {
    directory: PathBuf,
    pub clock: Arc<AtomicI64>,
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

impl File {
    pub fn path(&self) -> PathBuf {
        self.directory.join("journal.sqlite")
    }

    pub fn settings(&self) -> SqliteSettings {
        let clock = self.clock.clone();
        SqliteSettings {
            retention: Duration::ZERO,
            max_record_size: MAX_RECORD,
            clock: Some(Arc::new(move || clock.fetch_add(1, Ordering::Relaxed))),
            ..SqliteSettings::new(self.path())
        }
    }

    pub fn with(&self, change: impl FnOnce(&mut SqliteSettings)) -> Arc<dyn Store> {
        let mut settings = self.settings();
        change(&mut settings);
        Arc::new(SqliteStore::new(settings).unwrap())
    }

    /// A connection as the sqlite3 tool has it.
    pub fn sql(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

impl Place for File {
    fn new(name: &str) -> File {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("fa-store-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        File {
            directory,
            clock: Arc::new(AtomicI64::new(1_000_000)),
        }
    }

    /// With a clock of its own each handle has its own thread and connection.
    fn store(&self) -> Arc<dyn Store> {
        self.with(|_| {})
    }

    fn name(&self, position: Position) -> String {
        format!("row {position} of table record")
    }

    fn damage(&self, position: Position) -> String {
        let changed = self.sql().execute(
            "UPDATE record SET value = x'00' WHERE position = ?1",
            [position.0 as i64],
        );
        assert_eq!(changed.unwrap(), 1);
        format!("{}: its checksum is wrong", self.name(position))
    }

    fn other(&self) -> Arc<dyn Store> {
        self.with(|settings| settings.path = self.directory.join("other.sqlite"))
    }
}

fn fate(file: &File) -> StoreError {
    Open::begin(&file.store(), request(A)).error()
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let file = File::new("text");
    let text = "no database, but long enough to look like one at first sight\n".repeat(100);
    std::fs::write(file.path(), &text).unwrap();
    let error = fate(&file);
    assert_eq!(error.kind, ErrorKind::Version);
    let message = error.to_string();
    assert!(
        message.contains("journal.sqlite") && message.contains("not a database"),
        "{message}"
    );
    assert!(message.contains("sqlite.path"), "{message}");
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text);
}

#[test]
fn databases_of_other_programs_and_of_newer_versions_are_refused_and_left_alone() {
    let file = File::new("foreign");
    file.sql().execute_batch("CREATE TABLE mine (a)").unwrap();
    let error = fate(&file);
    assert_eq!(error.kind, ErrorKind::Version);
    assert!(error.to_string().contains("a database of another program"), "{error}");
    let tables: i64 = file
        .sql()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);

    let file = File::new("newer");
    Open::start(&file.store(), request(A)).end();
    file.sql().execute_batch("PRAGMA user_version = 2").unwrap();
    let error = fate(&file);
    assert_eq!(error.kind, ErrorKind::Version);
    assert!(
        error.to_string().contains("its format is 2, and this program knows 1"),
        "{error}"
    );
}

#[test]
fn a_missing_directory_is_named() {
    let file = File::new("directory");
    let store = file.with(|settings| settings.path = file.directory.join("not here").join("journal.sqlite"));
    let error = Open::begin(&store, request(A)).error();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.to_string().contains("not here/journal.sqlite"), "{error}");
}

#[test]
fn a_file_another_process_has_locked_is_waited_for_and_then_reported() {
    let file = File::new("locked");
    let store = file.with(|settings| settings.patience = Duration::from_millis(20));
    let mut open = Open::start(&store, request(A));
    open.write(vec![note("before")]);
    let other = file.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    open.append(vec![note("meanwhile")]).unwrap();
    let error = open.error();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("Another process has locked the file"),
        "{error}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    let mut again = Open::start(&store, request(A));
    assert_eq!(again.values(), ["before"]);
    again.write(vec![note("after")]);
    again.end();
    assert_eq!(read(&store, request(A)), ["after", "before"]);
}

#[test]
fn a_full_disk_ends_the_session_and_what_was_acknowledged_stays() {
    let file = File::new("full");
    let store = file.with(|settings| settings.max_size = Some(200 * 1024));
    let mut open = Open::start(&store, request(A));
    let mut sent = 0;
    let error = loop {
        let large = "x".repeat(2000);
        let records: Vec<Append> = (sent..sent + 10).map(|run| record(5, b"k", run, &large)).collect();
        match open.append(records) {
            Ok(()) => sent += 10,
            Err(error) => break error,
        }
        open.recorder.until("an answer", |heard| {
            heard.acked.len() as u64 == sent || !heard.failed.is_empty()
        });
    };
    assert_eq!(error.kind, ErrorKind::Full);
    assert!(error.to_string().contains("journal.sqlite"), "{error}");
    let acked = open.recorder.with(|heard| heard.acked.len());
    assert!(acked >= 50, "{acked} fit");
    open.end();
    assert_eq!(read(&file.store(), request(A)).len(), acked);
}

#[test]
fn rows_that_were_changed_are_named() {
    for (change, reason) in [
        (
            "UPDATE record SET key = 'other' WHERE position = 2",
            "its checksum is wrong",
        ),
        ("UPDATE record SET run = 5 WHERE position = 2", "its checksum is wrong"),
        (
            "UPDATE record SET value = NULL WHERE position = 2",
            "its checksum is wrong",
        ),
        ("UPDATE record SET crc = 0 WHERE position = 2", "its checksum is wrong"),
        (
            "UPDATE record SET key = 7 WHERE position = 2",
            "its key is of the type Integer",
        ),
    ] {
        let file = File::new("row");
        let mut open = Open::start(&file.store(), request(A));
        open.write(vec![note("a"), note("b"), note("c")]);
        open.end();
        assert_eq!(file.sql().execute(change, []).unwrap(), 1);
        let error = fate(&file);
        assert_eq!(error.kind, ErrorKind::Damaged);
        let message = error.to_string();
        assert!(
            message.contains("row 2 of table record") && message.contains(reason),
            "{change}: {message}"
        );
    }
    for (change, reason) in [
        (
            "DELETE FROM claim WHERE epoch = 1",
            "row 1 of table record: its epoch 1 has no row in table claim",
        ),
        (
            "UPDATE claim SET lineage = 'x' WHERE epoch = 1",
            "row 1 of table claim: its lineage is \"x\"",
        ),
    ] {
        let file = File::new("claim");
        let mut open = Open::start(&file.store(), request(A));
        open.write(vec![note("a")]);
        let marker = open.marker(&[(5, open.position(0))]);
        open.end();
        Open::start(&file.store(), request(A)).end();
        assert_eq!(file.sql().execute(change, []).unwrap(), 1);
        let restored = OpenSession {
            markers: vec![marker],
            ..fork(B, &[A])
        };
        let error = Open::begin(&file.store(), restored).error();
        assert!(error.to_string().contains(reason), "{change}: {error}");
        assert_eq!(error.kind, ErrorKind::Damaged, "{error}");
    }
}

#[test]
fn a_damaged_page_is_reported() {
    let file = File::new("page");
    let mut open = Open::start(&file.store(), request(A));
    let large = "x".repeat(3000);
    open.write((0..100).map(|run| record(5, b"k", run, &large)).collect());
    open.end();
    file.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = std::fs::read(file.path()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096 * 4].fill(0xee);
    std::fs::write(file.path(), bytes).unwrap();
    let error = fate(&file);
    assert_eq!(error.kind, ErrorKind::Damaged);
    assert!(error.to_string().contains("journal.sqlite"), "{error}");
}

#[test]
fn a_file_removed_or_replaced_while_in_use_is_noticed() {
    let file = File::new("removed");
    let store = file.store();
    let mut one = Open::start(&store, request(A));
    let mut two = Open::start(&store, request(B));
    one.write(vec![note("a")]);
    two.write(vec![note("b")]);
    for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        std::fs::remove_file(file.directory.join(name)).unwrap();
    }
    one.append(vec![note("lost")]).unwrap();
    for open in [&one, &two] {
        let error = open.error();
        assert_eq!(error.kind, ErrorKind::MissingHistory);
        assert!(
            error.to_string().contains("removed or replaced while it was in use"),
            "{error}"
        );
    }
    assert!(
        read(&store, request(A)).is_empty(),
        "a new attempt begins with a new file"
    );
}

#[test]
fn pruning_waits_for_the_retention() {
    let file = File::new("retention");
    let store = file.with(|settings| settings.retention = Duration::from_secs(1000));
    let mut open = Open::start(&store, request(A));
    open.write((0..5000).map(|run| record(5, b"k", run, "old")).collect());
    let marker = open.marker(&[]);
    open.session().prune(&marker).unwrap();
    open.write(vec![note("young")]);
    let count = || {
        file.sql()
            .query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(count(), 5001, "nothing is old enough");
    file.clock.fetch_add(1_000_000, Ordering::Relaxed);
    open.write(vec![note("younger")]);
    let marker = open.marker(&[]);
    open.session().prune(&marker).unwrap();
    // Each commit is followed by a step of pruning; three steps take 5,001 rows.
    for _ in 0..5 {
        open.write(vec![note("more")]);
    }
    assert_eq!(count(), 6);
}

/// Far ahead and back again, as a machine that asks for the time after a start; and into the past.
#[test]
fn a_clock_that_jumps_takes_nothing_a_checkpoint_needs() {
    const YEARS: i64 = 10 * 365 * 24 * 3_600_000;
    for jump in [YEARS, -YEARS] {
        let file = File::new("jump");
        let store = file.with(|settings| settings.retention = Duration::from_secs(1000));
        let mut open = Open::start(&store, request(A));
        open.write((0..10).map(|run| record(5, b"k", run, "over")).collect());
        let marker = open.marker(&[]);
        file.clock.fetch_add(jump, Ordering::Relaxed);
        open.write((10..20).map(|run| record(5, b"k", run, "needed")).collect());
        open.session().prune(&marker).unwrap();
        open.write(vec![record(5, b"k", 20, "needed")]);
        file.clock.fetch_add(-jump, Ordering::Relaxed);
        open.write(vec![record(5, b"k", 21, "needed")]);
        open.session().prune(&marker).unwrap();
        open.write(vec![record(5, b"k", 22, "needed")]);
        open.end();
        let again = OpenSession {
            markers: vec![marker],
            ..request(A)
        };
        assert_eq!(read(&store, again), vec!["needed"; 13], "a jump of {jump} ms");
    }
}

/// A record that was durable and not acknowledged at a checkpoint was in its snapshot; the next checkpoint names it, and so goes
/// back behind the one before. If its run is still under way when the retention is over, it has to be there.
#[test]
fn what_a_later_checkpoint_needs_stays_though_an_earlier_one_did_without() {
    for halves in [false, true] {
        let file = File::new("back");
        let store = file.with(|settings| settings.retention = Duration::from_secs(1000));
        let mut open = Open::start(&store, request(A));
        open.write(vec![note("under way"), record(100, b"k", 1, "over")]);
        let first = open.marker(&[]);
        open.session().prune(&first).unwrap();
        // It has been heard of when what comes after it is durable.
        open.write(vec![record(100, b"k", 2, "young")]);
        let second = open.marker(&[(5, open.position(0))]);
        let mut parts = Vec::new();
        if halves {
            // The second is that of the subtasks of another attempt.
            open.end();
            for key_groups in [0..=63, 64..=127] {
                let part = OpenSession {
                    key_groups,
                    markers: vec![second.clone()],
                    ..request(A)
                };
                parts.push(Open::start(&store, part));
            }
        } else {
            parts.push(open);
        }
        let oldest = [(5, Position(1))];
        let markers: Vec<Vec<u8>> = parts
            .iter()
            .enumerate()
            .map(|(number, part)| part.marker(if number == 0 { &oldest } else { &[] }))
            .collect();
        file.clock.fetch_add(2_000_000, Ordering::Relaxed);
        for _ in 0..4 {
            file.clock.fetch_add(20_000, Ordering::Relaxed);
            for (part, marker) in parts.iter_mut().zip(&markers) {
                part.session().prune(marker).unwrap();
                let group = if marker == &markers[0] { 5 } else { 100 };
                let before = part.recorder.with(|heard| heard.acked.len());
                part.append(vec![record(group, b"other", 9, "later")]).unwrap();
                part.recorder
                    .until("an acknowledgement", |heard| heard.acked.len() > before);
            }
        }
        parts.into_iter().for_each(Open::end);
        let restored = OpenSession { markers, ..request(A) };
        let values = read(&store, restored);
        assert!(values.contains(&"under way".to_owned()), "{halves}: {values:?}");
        // Key groups are pruned apart from each other where their sessions are.
        let over = file
            .sql()
            .query_row("SELECT count(*) FROM record WHERE position = 2", [], |row| row.get(0));
        assert_eq!(over, Ok(i64::from(!halves)), "{halves}");
    }
}

#[test]
fn the_sqlite3_tool_shows_keys_runs_and_times() {
    let file = File::new("tool");
    let mut open = Open::start(&file.store(), request(A));
    open.write(vec![record(5, b"s:order-17", 3, "value"), record(5, &[0xff], 4, "")]);
    let row = |position: i64| {
        file.sql()
            .query_row(
                "SELECT operator, key_group, typeof(key), CAST(key AS TEXT), run, value_bytes, written_at, lineage FROM \
                 journal WHERE position = ?1",
                [position],
                |row| {
                    let lineage: String = row.get(7)?;
                    assert_eq!(lineage, A.to_string());
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, String>(2)?,
                        row.get_ref(3)?.as_bytes()?.to_vec(),
                        row.get::<_, i64>(4)?,
                        row.get::<_, i64>(5)?,
                        row.get::<_, String>(6)?,
                    ))
                },
            )
            .unwrap()
    };
    let text = row(1);
    assert_eq!((text.0.as_str(), text.1, text.2.as_str()), ("agent/walker", 5, "text"));
    assert_eq!((text.3.as_slice(), text.4, text.5), (&b"s:order-17"[..], 3, 5));
    assert_eq!(text.6, "1970-01-01 00:16:40");
    assert_eq!(row(2).2, "blob");
}

#[test]
fn stores_of_one_file_share_a_thread_and_all_their_sessions_are_served() {
    let file = File::new("shared");
    let stores: Vec<Arc<dyn Store>> = (0..4)
        .map(|_| Arc::new(SqliteStore::new(SqliteSettings::new(file.path())).unwrap()) as Arc<dyn Store>)
        .collect();
    let part = |index: u16| OpenSession {
        key_groups: index * 32..=index * 32 + 31,
        ..request(A)
    };
    let mut open: Vec<Open> = (0..4)
        .map(|index| Open::start(&stores[usize::from(index)], part(index)))
        .collect();
    for (index, open) in (0..).zip(&mut open) {
        open.append(vec![record(index * 32, b"k", 1, &index.to_string())])
            .unwrap();
    }
    for (index, open) in open.into_iter().enumerate() {
        open.recorder
            .until("an acknowledgement", |heard| heard.acked.len() == 1);
        open.end();
        assert_eq!(read(&stores[index], part(index as u16)), [index.to_string()]);
    }
}

#[test]
fn a_file_that_several_make_at_once_is_known_to_all() {
    let part = |index: u16| OpenSession {
        key_groups: index * 32..=index * 32 + 31,
        ..request(A)
    };
    for _ in 0..100 {
        let file = File::new("made-at-once");
        std::thread::scope(|scope| {
            for index in 0..4 {
                let file = &file;
                scope.spawn(move || assert_eq!(read(&file.store(), part(index)), Vec::<String>::new()));
            }
        });
    }
}

fn ends_while_it_reads(runs: u64) {
    let file = File::new("gone");
    for run in 0..runs {
        let store = file.store();
        let mut open = Open::start(&store, request(A));
        open.append(vec![record(1, b"k", run, "r")]).unwrap();
        open.recorder
            .until("an acknowledgement", |heard| heard.acked.len() == 1);
        open.end();
        drop(store);
        let entries = std::fs::read_dir(&file.directory).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        // The last connection removes the log beside it.
        assert_eq!(names, ["journal.sqlite"], "after run {run}");
    }
}

#[test]
fn nothing_uses_the_file_of_a_store_that_is_gone() {
    // More threads than cores: the one that reads begins late.
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| ends_while_it_reads(50))).collect();
        all.into_iter().for_each(|one| one.join().unwrap());
    });
}

/// Panics at the first acknowledgement.
struct Panics(Arc<Recorder>);

impl Events for Panics {
    fn acked(&self, _: &[Acked]) {
        panic!("an error of the caller");
    }

    fn failed(&self, error: StoreError) {
        self.0.failed(error);
    }

    fn recovered(&self, records: Vec<Recovered>) {
        self.0.recovered(records);
    }

    fn recovery_done(&self, key_groups: RangeInclusive<u16>) {
        self.0.recovery_done(key_groups);
    }
}

#[test]
fn a_panic_on_the_stores_thread_leaves_nobody_waiting() {
    let file = File::new("panic");
    let store = file.store();
    let mut other = Open::start(&store, request(B));
    let recorder = Arc::new(Recorder::default());
    let mut session = store.open(request(A), Arc::new(Panics(recorder.clone()))).unwrap();
    session.append(vec![note("x")]).unwrap();
    recorder.until("an error", |heard| !heard.failed.is_empty());
    let error = other.error();
    assert!(
        error
            .to_string()
            .contains("its thread panicked: an error of the caller"),
        "{error}"
    );
    assert_eq!(other.append(vec![note("y")]).unwrap_err(), error);
    assert_eq!(Open::begin(&store, request(C)).error(), error);
    drop(session);
    assert_eq!(read(&file.store(), request(A)), ["x"], "a new store begins anew");
}

#[test]
fn after_kill_9_exactly_a_prefix_that_holds_all_acknowledged_is_there() {
    const KEYS: u16 = 40;
    let file = File::new("kill");
    let mut acked: BTreeMap<u16, u64> = BTreeMap::new();
    // The second and third writer find a file that was not closed.
    for (round, heard) in [500, 3000, 1].into_iter().enumerate() {
        let mut child = writer(&file, KEYS);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut last: BTreeMap<u16, u64> = BTreeMap::new();
        let mut hear = |line: String| {
            let (key, run) = line.split_once(' ').unwrap();
            let (key, run): (u16, u64) = (key.parse().unwrap(), run.parse().unwrap());
            assert_eq!(
                run,
                last.insert(key, run).map_or(0, |before| before + 1),
                "acknowledged in order"
            );
        };
        for _ in 0..heard {
            hear(lines.next().unwrap().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died; the last line may be cut.
        let rest: Vec<String> = lines.map_while(Result::ok).collect();
        let whole = rest.len().saturating_sub(1);
        rest.into_iter().take(whole).for_each(&mut hear);

        let open = Open::start(&file.store(), request(A));
        let mut runs: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        open.recorder.with(|heard| {
            for record in &heard.recovered {
                let run = u64::from_be_bytes(record.tail[..8].try_into().unwrap());
                assert_eq!(record.value, Some(run.to_string().into_bytes()));
                assert_eq!(record.key, format!("key {}", record.key_group).into_bytes());
                runs.entry(record.key_group).or_default().push(run);
            }
        });
        open.end();
        for key in 0..KEYS {
            let found = runs.remove(&key).unwrap_or_default();
            let before = acked.get(&key).copied().unwrap_or(0) as usize;
            let (former, own) = found.split_at(before);
            assert_eq!(
                own,
                (0..own.len() as u64).collect::<Vec<_>>(),
                "round {round}, key {key}: a prefix"
            );
            let heard = last.get(&key).map_or(0, |run| run + 1);
            assert!(
                own.len() as u64 >= heard,
                "round {round}, key {key}: {heard} acknowledged, {} there",
                own.len()
            );
            assert!(
                own.len() as u64 <= heard + 6,
                "no more than was on its way, and in the pipe"
            );
            assert_eq!(former.len(), before);
            acked.insert(key, found.len() as u64);
        }
        assert!(runs.is_empty());
    }
    let total: u64 = acked.values().sum();
    assert!(total >= 3501, "enough happened: {total}");
    let check: String = file
        .sql()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn missing_history_may_be_passed_over_by_choice() {
    let file = File::new("choice");
    let mut open = Open::start(&file.store(), request(A));
    open.write(vec![note("a")]);
    let marker = open.marker(&[]);
    open.end();
    file.sql()
        .execute_batch("UPDATE store SET next_position = 1; DELETE FROM record")
        .unwrap();
    let restored = |missing_history| OpenSession {
        markers: vec![marker.clone()],
        missing_history,
        ..request(A)
    };
    let error = Open::begin(&file.store(), restored(MissingHistory::Fail)).error();
    assert!(
        error
            .to_string()
            .contains("a later state of this one: it was replaced or set back"),
        "{error}"
    );
    assert!(read(&file.store(), restored(MissingHistory::Reexecute)).is_empty());
}

/// Keeps the store's thread in its first acknowledgement until it is let go, and counts what comes together.
struct Holds {
    held: Mutex<Option<Receiver<()>>>,
    entered: Sender<()>,
    batches: Sender<usize>,
    recorder: Arc<Recorder>,
}

impl Events for Holds {
    fn acked(&self, records: &[Acked]) {
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            self.entered.send(()).unwrap();
            held.recv().unwrap();
        }
        self.batches.send(records.len()).unwrap();
        self.recorder.acked(records);
    }

    fn failed(&self, error: StoreError) {
        self.recorder.failed(error);
    }

    fn recovered(&self, records: Vec<Recovered>) {
        self.recorder.recovered(records);
    }

    fn recovery_done(&self, key_groups: RangeInclusive<u16>) {
        self.recorder.recovery_done(key_groups);
    }
}

/// A session whose first record is durable, and whose events keep the store's thread until the sender is used.
fn hold(
    store: &Arc<dyn Store>,
    request: OpenSession,
) -> (Box<dyn Session>, Sender<()>, Receiver<usize>, Arc<Recorder>) {
    let (release, held) = channel();
    let (entered, inside) = channel();
    let (batches, sizes) = channel();
    let recorder = Arc::new(Recorder::default());
    let events = Holds {
        held: Mutex::new(Some(held)),
        entered,
        batches,
        recorder: recorder.clone(),
    };
    let mut session = store.open(request, Arc::new(events)).unwrap();
    session.append(vec![note("first")]).unwrap();
    inside.recv().unwrap();
    (session, release, sizes, recorder)
}

#[test]
fn what_is_appended_during_a_commit_goes_into_the_next_together() {
    let file = File::new("group");
    let store = file.store();
    let (mut session, release, sizes, recorder) = hold(&store, request(A));
    let mut other = Open::begin(&store, request(B));
    for run in 0..50 {
        session
            .append(vec![record(5, b"k", run, "x"), record(6, b"k", run, "x")])
            .unwrap();
        other.append(vec![record(7, b"k", run, "y")]).unwrap();
    }
    release.send(()).unwrap();
    other
        .recorder
        .until("acknowledgements", |heard| heard.acked.len() == 50);
    recorder.until("acknowledgements", |heard| heard.acked.len() == 101);
    drop(session);
    assert_eq!(sizes.iter().collect::<Vec<_>>(), [1, 100]);
    let times: i64 = file
        .sql()
        .query_row(
            "SELECT count(DISTINCT epoch) FROM record WHERE position BETWEEN 2 AND 151",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(times, 2, "of both sessions");
}

#[test]
fn a_zombie_is_refused_within_the_process_and_across_processes() {
    for same in [true, false] {
        let file = File::new("fenced");
        let store = file.store();
        let second = if same { store.clone() } else { file.store() };
        let mut zombie = Open::start(&store, request(A));
        let mut bystander = Open::start(&store, request(B));
        let part = OpenSession {
            key_groups: 100..=127,
            ..request(A)
        };
        Open::start(&second, part).end();
        zombie.append(vec![note("late")]).unwrap();
        let error = zombie.error();
        assert_eq!(error.kind, ErrorKind::Fenced);
        assert!(
            error.to_string().contains("has claimed the key groups 100..=127"),
            "{error}"
        );
        bystander.write(vec![note("another job goes on")]);
        let count: i64 = file
            .sql()
            .query_row("SELECT count(*) FROM record", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 1, "nothing of the zombie was written");
    }
}

#[test]
fn a_claim_that_was_not_written_after_all_makes_no_zombie() {
    let file = File::new("rolled-back");
    let store = file.with(|settings| settings.max_size = Some(100 * 1024));
    let mut first = Open::start(&store, request(A));
    first.write(vec![note("before")]);
    let (session, release, _sizes, _recorder) = hold(&store, request(B));
    let mut second = Open::begin(&store, request(A));
    let large = "x".repeat(3000);
    second
        .append((0..100).map(|run| record(5, b"k", run, &large)).collect())
        .unwrap();
    release.send(()).unwrap();
    assert_eq!(second.error().kind, ErrorKind::Full);
    first.write(vec![note("after")]);
    first.end();
    drop(session);
    assert_eq!(read(&store, request(A)), ["after", "before"]);
}

fn writer(file: &File, keys: u16) -> Child {
    Command::new(env!("CARGO_BIN_EXE_store-writer"))
        .arg(file.path())
        .arg(keys.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn of_two_processes_of_one_job_the_later_takes_over() {
    let file = File::new("two");
    let mut first = writer(&file, 4);
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let mut second = writer(&file, 4);
    let mut said = BufReader::new(second.stdout.take().unwrap()).lines();
    said.next().unwrap().unwrap();
    // The first writes on until it is refused, and so ends by itself.
    let heard = 1 + lines.map_while(Result::ok).count();
    let ended = first.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3));
    let text = String::from_utf8(ended.stderr).unwrap();
    assert!(text.contains("a later attempt of this job has taken over"), "{text}");
    assert!(text.contains("epoch 2 of the job lineage"), "{text}");
    second.kill().unwrap();
    second.wait().unwrap();
    let count = |condition: &str| -> i64 {
        let query = format!("SELECT count(*) FROM record JOIN claim ON claim.epoch = 2 WHERE {condition}");
        file.sql().query_row(&query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("record.epoch = 1 AND record.position >= claim.position"), 0);
    assert!(count("record.epoch = 1") >= heard as i64, "{heard} acknowledged");
    assert!(count("record.epoch = 2") > 0);
}

/// Written by the first version with this format, and never again: attempts of A and of its fork B.
const VERSION_1: &[u8] = include_bytes!("store_v1.sqlite");

#[test]
fn a_file_of_format_one_is_read_for_ever() {
    let file = File::new("golden");
    std::fs::write(file.path(), VERSION_1).unwrap();
    assert!(tool::verify(&file.settings()).unwrap().is_right());
    let restored = |lineage, ancestors: &[Lineage], marker: &str| OpenSession {
        markers: vec![
            (0..marker.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&marker[at..at + 2], 16).unwrap())
                .collect(),
        ],
        ..fork(lineage, ancestors)
    };
    // What the session of A gave for a checkpoint: everything from the second record on.
    let marker = concat!(
        "0102",
        "a6fbc3f8ff93e12f9e6e2314841ce739",
        "8000",
        "03000000",
        "00000400",
        "0500000000000000",
        "05000500",
        "0200000000000000",
        "06007f00",
        "0500000000000000"
    );
    let open = Open::start(&file.store(), restored(A, &[], marker));
    open.recorder.with(|heard| {
        let found: Vec<_> = heard
            .recovered
            .iter()
            .map(|record| (record.key.as_slice(), &record.value))
            .collect();
        assert_eq!(
            found,
            [(&b"s:key"[..], &None), (&b"s:key"[..], &Some(b"second".to_vec())),]
        );
        assert_eq!(heard.recovered[0].tail, *record(5, b"", 2, "").tail);
    });
    open.end();
    assert_eq!(read(&file.store(), request(A)), ["\u{1}", "-", "first", "second"]);
    assert_eq!(
        read(&file.store(), fork(B, &[A])),
        ["\u{1}", "-", "first", "of b", "second"]
    );
}
