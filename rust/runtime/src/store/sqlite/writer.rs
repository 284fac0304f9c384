//! The thread that writes: claims, records and pruning of all sessions of a file, in one transaction after the other.

use super::prune::Pass;
use super::reader::{self, Plan};
use super::schema::{self, StoreId};
use super::{Attempt, ErrorKind, KIND, Queue, SqliteSettings, StoreError, Task, error, errors, lock, row};
use crate::store::claims::{Claim, Claims};
use crate::store::request;
use crate::store::{Acked, Append, Position, marker};
use rusqlite::{Connection, Statement, params};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A pass of pruning begins at most so often, or after a hundredth of the retention.
const BETWEEN_PASSES: Duration = Duration::from_secs(600);

/// The file, open.
struct File {
    connection: Connection,
    id: StoreId,
    /// Device and number of the file: another one under the same name is not ours.
    identity: (u64, u64),
}

/// A session with a claim.
struct Live {
    attempt: Arc<Attempt>,
    claim: Claim,
    /// The claim by which it is a zombie.
    successor: Option<Claim>,
}

/// What a commit is for; told to the sessions when it is durable.
#[derive(Default)]
struct Commit {
    acks: Vec<(Arc<Attempt>, Vec<Acked>)>,
    plans: Vec<(Arc<Attempt>, Plan)>,
    failures: Vec<(Arc<Attempt>, StoreError)>,
}

impl Commit {
    fn acks(&mut self, attempt: &Arc<Attempt>) -> &mut Vec<Acked> {
        let known = self.acks.iter().position(|(of, _)| Arc::ptr_eq(of, attempt));
        let index = known.unwrap_or_else(|| {
            self.acks.push((attempt.clone(), Vec::new()));
            self.acks.len() - 1
        });
        &mut self.acks[index].1
    }

    fn failed(&self, attempt: &Arc<Attempt>) -> bool {
        self.failures.iter().any(|(of, _)| Arc::ptr_eq(of, attempt))
    }
}

pub(super) struct Writer {
    settings: SqliteSettings,
    place: String,
    queue: Arc<Queue>,
    file: Option<File>,
    /// Identity of the file that was open last.
    id: Option<StoreId>,
    live: Vec<Live>,
    /// Claims up to this epoch are known.
    seen: u64,
    pass: Option<Pass>,
    last_pass: Option<i64>,
    /// Threads that read for sessions, some of which have ended.
    readers: Vec<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn new(settings: SqliteSettings, queue: Arc<Queue>) -> Writer {
        Writer {
            place: settings.place(),
            settings,
            queue,
            file: None,
            id: None,
            live: Vec::new(),
            seen: 0,
            pass: None,
            last_pass: None,
            readers: Vec::new(),
        }
    }

    /// Serves until the last handle is gone.
    pub(super) fn run(&mut self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.serve_all())) {
            let error = errors::panicked(&self.place, panic.as_ref());
            self.queue.die(&error);
            self.end_all(&error);
        }
        // All sessions have ended, by which they stop. Whoever waits for the last handle may remove the file then.
        for reader in self.readers.drain(..) {
            // What it panicked with, it has told its session.
            let _ = reader.join();
        }
    }

    fn serve_all(&mut self) {
        while let Some(tasks) = self.next() {
            if !tasks.is_empty() {
                self.serve(tasks);
            }
            // A step between two commits is short; there is one also when commits follow each other without a pause.
            self.prune();
        }
    }

    /// What has come since the last time; nothing if there is pruning to do meanwhile. None at the end.
    fn next(&mut self) -> Option<Vec<Task>> {
        let mut tasks = lock(&self.queue.tasks);
        loop {
            if !tasks.waiting.is_empty() || (self.pass.is_some() && !tasks.stopping) {
                return Some(std::mem::take(&mut tasks.waiting));
            }
            if tasks.stopping {
                return None;
            }
            tasks = self.queue.changed.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn serve(&mut self, tasks: Vec<Task>) {
        let mut commit = Commit::default();
        let concerned: Vec<Arc<Attempt>> = tasks
            .iter()
            .filter_map(|task| match task {
                Task::Open(attempt) | Task::Write(attempt, _) | Task::Prune(attempt, _) => Some(attempt.clone()),
                Task::Refuse(..) | Task::Close(_) => None,
            })
            .collect();
        let done = match concerned.is_empty() {
            true => self.without_file(&tasks, &mut commit),
            false => self.transaction(&tasks, &mut commit),
        };
        match done {
            Ok(()) => self.tell(commit),
            Err(error) => {
                self.file = None;
                // Claims that were not written after all make no zombies: they are read again.
                self.seen = 0;
                self.live.iter_mut().for_each(|live| live.successor = None);
                for attempt in concerned {
                    self.end(&attempt, error.clone());
                }
                if error.kind == ErrorKind::MissingHistory {
                    self.end_all(&error);
                }
            }
        }
    }

    fn end_all(&mut self, error: &StoreError) {
        for live in std::mem::take(&mut self.live) {
            live.attempt.gate.fail(error.clone());
        }
    }

    /// Ends a session; its later tasks are passed over.
    fn end(&mut self, attempt: &Arc<Attempt>, error: StoreError) {
        attempt.gate.fail(error);
        self.live.retain(|live| !Arc::ptr_eq(&live.attempt, attempt));
    }

    fn tell(&mut self, commit: Commit) {
        for (attempt, acks) in commit.acks {
            attempt.gate.acked(&acks);
        }
        for (attempt, error) in commit.failures {
            self.end(&attempt, error);
        }
        for (attempt, plan) in commit.plans {
            let settings = self.settings.clone();
            let reading = attempt.clone();
            let thread = std::thread::Builder::new()
                .name("flink-agents-sqlite-reader".to_owned())
                .spawn(move || reader::run(&settings, &reading, &plan));
            self.readers.retain(|reader| !reader.is_finished());
            match thread {
                Ok(reader) => self.readers.push(reader),
                Err(cause) => self.end(&attempt, errors::thread(&self.place, &cause)),
            }
        }
    }

    fn without_file(&mut self, tasks: &[Task], commit: &mut Commit) -> Result<(), StoreError> {
        for task in tasks {
            match task {
                Task::Refuse(attempt, error) => commit.failures.push((attempt.clone(), error.clone())),
                Task::Close(attempt) => self.live.retain(|live| !Arc::ptr_eq(&live.attempt, attempt)),
                Task::Open(_) | Task::Write(..) | Task::Prune(..) => {}
            }
        }
        Ok(())
    }

    /// The file, still the one under its name: writing on into a file that was removed would lose everything without a word.
    fn file(&mut self) -> Result<File, StoreError> {
        let identity = || {
            std::fs::metadata(&self.settings.path)
                .map(|file| (file.dev(), file.ino()))
                .ok()
        };
        if let Some(file) = self.file.take() {
            return match identity() == Some(file.identity) {
                true => Ok(file),
                false => Err(self.replaced()),
            };
        }
        let (connection, id) = schema::open(&self.settings)?;
        self.seen = 0;
        self.pass = None;
        if self.id.replace(id).is_some_and(|former| former != id) && !self.live.is_empty() {
            return Err(self.replaced());
        }
        Ok(File {
            connection,
            id,
            identity: identity().unwrap_or_default(),
        })
    }

    fn replaced(&self) -> StoreError {
        error(
            ErrorKind::MissingHistory,
            &self.place,
            "the file was removed or replaced while it was in use",
            "Bring it back before the job restarts; nothing may move it while a job runs",
        )
    }

    fn transaction(&mut self, tasks: &[Task], commit: &mut Commit) -> Result<(), StoreError> {
        let file = self.file()?;
        let failed = |place: &str, cause| errors::sqlite(place, "writing it", &cause);
        file.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(|cause| failed(&self.place, cause))?;
        let position: i64 = file
            .connection
            .query_row("SELECT next_position FROM store", [], |row| row.get(0))
            .map_err(|cause| failed(&self.place, cause))?;
        let mut next = Position(position as u64);
        self.find_zombies(&file.connection)?;
        let insert = file.connection.prepare(row::INSERT);
        let mut insert = insert.map_err(|cause| failed(&self.place, cause))?;
        for task in tasks {
            match task {
                Task::Open(attempt) => self.open(&file, attempt, next, commit)?,
                Task::Write(attempt, records) => next = self.write(&mut insert, attempt, records, next, commit)?,
                Task::Prune(attempt, marker) => self.note(&file, attempt, marker.lowest())?,
                Task::Refuse(attempt, error) => commit.failures.push((attempt.clone(), error.clone())),
                Task::Close(attempt) => self.live.retain(|live| !Arc::ptr_eq(&live.attempt, attempt)),
            }
        }
        drop(insert);
        file.connection
            .execute("UPDATE store SET next_position = ?1", [next.0 as i64])
            .and_then(|_| file.connection.execute_batch("COMMIT"))
            .map_err(|cause| failed(&self.place, cause))?;
        self.file = Some(file);
        Ok(())
    }

    /// Claims other processes have written since the last transaction.
    fn find_zombies(&mut self, connection: &Connection) -> Result<(), StoreError> {
        for row in row::claims(&self.place, connection, self.seen)? {
            self.seen = row.claim.epoch;
            self.succeed(&row.operator, &row.claim);
        }
        Ok(())
    }

    fn succeed(&mut self, operator: &str, claim: &Claim) {
        for live in self
            .live
            .iter_mut()
            .filter(|live| live.attempt.request.operator == operator)
        {
            if live.successor.is_none() {
                live.successor = Claims::successor(&live.claim, [claim]).cloned();
            }
        }
    }

    fn open(
        &mut self,
        file: &File,
        attempt: &Arc<Attempt>,
        next: Position,
        commit: &mut Commit,
    ) -> Result<(), StoreError> {
        if attempt.gate.ended().is_some() {
            return Ok(());
        }
        let request = &attempt.request;
        let mut claim = Claim {
            epoch: u64::MAX,
            lineage: request.lineage,
            max_parallelism: request.max_parallelism,
            key_groups: request.key_groups.clone(),
            position: next,
        };
        let rows = row::claims(&self.place, &file.connection, 0)?;
        let known = lock(&attempt.progress).opened(file.id, next);
        let plan = match known {
            true => Ok(()),
            false => attempt
                .gate
                .miss(request.missing_history, marker::foreign(KIND, &self.place)),
        };
        let plan = plan.and_then(|()| Plan::new(&self.place, attempt, &claim, &rows));
        match plan {
            Ok(plan) => commit.plans.push((attempt.clone(), plan)),
            Err(error) => {
                commit.failures.push((attempt.clone(), error));
                return Ok(());
            }
        }
        claim.epoch = row::insert_claim(&file.connection, &request.operator, &claim, self.settings.now())
            .map_err(|cause| errors::sqlite(&self.place, "writing a claim", &cause))?;
        self.succeed(&request.operator, &claim);
        self.live.push(Live {
            attempt: attempt.clone(),
            claim,
            successor: None,
        });
        Ok(())
    }

    fn write(
        &mut self,
        insert: &mut Statement<'_>,
        attempt: &Arc<Attempt>,
        records: &[Append],
        mut next: Position,
        commit: &mut Commit,
    ) -> Result<Position, StoreError> {
        let live = self.live.iter().find(|live| Arc::ptr_eq(&live.attempt, attempt));
        let Some(live) = live.filter(|_| attempt.gate.ended().is_none() && !commit.failed(attempt)) else {
            return Ok(next);
        };
        if let Some(successor) = &live.successor {
            let error = request::fenced(KIND.name(), &self.place, &attempt.request, successor);
            commit.failures.push((attempt.clone(), error));
            return Ok(next);
        }
        let now = self.settings.now();
        let acks = commit.acks(attempt);
        for record in records {
            row::insert(insert, next, live.claim.epoch, record, now)
                .map_err(|cause| errors::sqlite(&self.place, "writing it", &cause))?;
            acks.push(Acked {
                slot: record.slot,
                ticket: record.ticket,
                position: next,
            });
            next = Position(next.0 + 1);
        }
        Ok(next)
    }

    /// Notes that nothing before this position is needed, and begins a pass if it is time for one.
    fn note(&mut self, file: &File, attempt: &Arc<Attempt>, needed_from: Position) -> Result<(), StoreError> {
        let Some(live) = self.live.iter().find(|live| Arc::ptr_eq(&live.attempt, attempt)) else {
            return Ok(());
        };
        if live.successor.is_some() {
            return Ok(());
        }
        file.connection
            .execute(
                // It may go back: what was in the snapshot of one checkpoint, the next one may need from here.
                "UPDATE claim SET needed_from = ?2 WHERE epoch = ?1",
                params![live.claim.epoch as i64, needed_from.0 as i64],
            )
            .map_err(|cause| errors::sqlite(&self.place, "writing a claim", &cause))?;
        let now = self.settings.now();
        let pause = millis(BETWEEN_PASSES.min(self.settings.retention / 100));
        if self.pass.is_none() && self.last_pass.is_none_or(|last| now < last || now - last >= pause) {
            self.last_pass = Some(now);
            let written_before = now.saturating_sub(millis(self.settings.retention));
            self.pass = Some(Pass::new(&self.place, &file.connection, written_before)?);
        }
        Ok(())
    }

    /// One step of pruning, if there is any. What cannot be pruned stays, and costs only its space: no job fails for it. An
    /// error of the disk is met by the next commit, which reports it; a damaged row, by `verify`.
    fn prune(&mut self) {
        let (Some(mut pass), Some(file)) = (self.pass.take(), &self.file) else {
            return;
        };
        if file.connection.execute_batch("BEGIN IMMEDIATE").is_err() {
            return;
        }
        let step = pass.step(&self.place, &file.connection);
        let end = if step.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = file.connection.execute_batch(end).is_ok();
        if ended && step.is_ok_and(|more| more) {
            self.pass = Some(pass);
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
