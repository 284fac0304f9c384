//! A store in memory, for tests: a log that outlives its sessions, and every freedom a real store has.
//!
//! Driven by hand, nothing happens but by [`MemoryStore::step`], on the caller's thread: a test chooses from
//! [`MemoryStore::steps`] which record of which key becomes durable next, or whether one is acknowledged, and so plays late and
//! lost acknowledgements, any order between keys, and crashes at any point. Records of a session that was closed stay on their way
//! and may still arrive: that is a zombie. With [`MemoryStore::threaded`] everything happens as soon as it can.
//!
//! Pruning takes place at once: the retention of this store is nothing.

use super::claims::{Claim, Claims};
use super::gate::Gate;
use super::marker::{self, Kind, Marker, Progress};
use super::request::refuse;
use super::{
    Acked, Append, ErrorKind, Events, Lineage, MissingHistory, OpenSession, Position, Recovered, Session, Store,
    StoreError,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

const KIND: Kind = Kind::Memory;
const PLACE: &str = "log in memory";
const STORE: [u8; 16] = *b"memory, one log.";

/// Something that can happen next. Sessions are named by their number (from 0, in the order of opening), keys by theirs
/// within the session (in the order of first use).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The session's claim becomes durable, and what it will read is fixed.
    Claim(usize),
    /// The session gets the next batch of records, or the end of them.
    Recover(usize),
    /// The next record of this key becomes durable.
    Write(usize, u32),
    /// The session hears of the oldest durable record of this key.
    Ack(usize, u32),
    /// The session hears that one of its records was refused.
    Refuse(usize),
}

/// What happens to the records of a zombie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zombies {
    /// They are refused, as by a file.
    #[default]
    Refused,
    /// They are written, and passed over by readers, as in a topic. What was written behind a later claim is not acknowledged.
    Ignored,
}

/// How the store behaves.
#[derive(Debug, Clone, Copy)]
pub struct MemorySettings {
    /// What happens to the records of a zombie.
    pub zombies: Zombies,
    /// Largest record in bytes: key, tail and value together. Default 1 MB (1,048,576).
    pub max_record_size: usize,
    /// Records handed over by one [`Step::Recover`]. Default 1,000.
    pub batch: usize,
}

impl Default for MemorySettings {
    fn default() -> MemorySettings {
        MemorySettings {
            zombies: Zombies::Refused,
            max_record_size: 1 << 20,
            batch: 1000,
        }
    }
}

struct Entry {
    operator: Arc<str>,
    lineage: Lineage,
    epoch: u64,
    key_group: u16,
    key: Arc<[u8]>,
    tail: Arc<[u8]>,
    value: Option<Arc<[u8]>>,
    damaged: bool,
}

struct Pruned {
    operator: Arc<str>,
    lineage: Lineage,
    key_groups: RangeInclusive<u16>,
    before: Position,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Append>,
    durable: VecDeque<Acked>,
}

struct Attempt {
    request: OpenSession,
    operator: Arc<str>,
    gate: Arc<Gate>,
    progress: Arc<Mutex<Progress>>,
    claim: Option<Claim>,
    recovery: Option<Result<VecDeque<Recovered>, StoreError>>,
    refused: Option<StoreError>,
    lanes: Vec<Lane>,
    lane_of: HashMap<(u16, Arc<[u8]>), u32>,
    waiting: BTreeSet<u32>,
    durable: BTreeSet<u32>,
}

#[derive(Default)]
struct Log {
    entries: BTreeMap<u64, Entry>,
    next: u64,
    claims: Vec<(Arc<str>, Claim)>,
    pruned: Vec<Pruned>,
    attempts: Vec<Attempt>,
    /// Attempts that are not at rest, the only ones with steps.
    active: BTreeSet<usize>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
    stopping: Mutex<bool>,
}

/// What a step tells, once the log is no longer locked.
enum Tell {
    Nothing,
    Missed(StoreError),
    Acked(Vec<Acked>),
    Recovered(Vec<Recovered>),
    Done(RangeInclusive<u16>),
    Failed(StoreError),
}

/// Runs the steps of a threaded store; ends with the last handle.
struct Runner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        *lock(&self.shared.stopping) = true;
        drop(lock(&self.shared.log));
        self.shared.changed.notify_all();
        if let Some(thread) = lock(&self.thread).take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of that thread was one of the session's events: the caller's own.
            let _ = thread.join();
        }
    }
}

/// See the module.
#[derive(Clone)]
pub struct MemoryStore {
    settings: MemorySettings,
    shared: Arc<Shared>,
    runner: Option<Arc<Runner>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// An empty store driven by hand.
    pub fn new(settings: MemorySettings) -> MemoryStore {
        MemoryStore {
            settings,
            shared: Arc::default(),
            runner: None,
        }
    }

    /// An empty store in which everything happens as soon as it can, on a thread of its own.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn threaded(settings: MemorySettings) -> Result<MemoryStore, StoreError> {
        let mut store = MemoryStore::new(settings);
        let by_hand = store.clone();
        let thread = std::thread::Builder::new()
            .name("flink-agents-memory-store".to_owned())
            .spawn(move || by_hand.serve())
            .map_err(|error| {
                StoreError::new(
                    ErrorKind::Unavailable,
                    KIND.name(),
                    PLACE,
                    format!("its thread cannot be started: {error}"),
                    "Raise the limit of threads of the process",
                )
            })?;
        store.runner = Some(Arc::new(Runner {
            shared: store.shared.clone(),
            thread: Mutex::new(Some(thread)),
        }));
        Ok(store)
    }

    fn serve(&self) {
        loop {
            self.settle();
            let mut log = lock(&self.shared.log);
            while log.next_step().is_none() {
                if *lock(&self.shared.stopping) {
                    return;
                }
                log = self.shared.changed.wait(log).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Everything that can happen next, in a fixed order.
    pub fn steps(&self) -> Vec<Step> {
        lock(&self.shared.log).steps()
    }

    /// Lets one thing happen; false if it cannot.
    pub fn step(&self, step: Step) -> bool {
        let (gate, tell) = {
            let mut log = lock(&self.shared.log);
            let Some(tell) = log.step(step, &self.settings) else {
                return false;
            };
            let (Step::Claim(session)
            | Step::Recover(session)
            | Step::Write(session, _)
            | Step::Ack(session, _)
            | Step::Refuse(session)) = step;
            log.rest(session);
            (log.attempts[session].gate.clone(), tell)
        };
        match tell {
            Tell::Nothing => {}
            Tell::Missed(missing) => drop(gate.miss(MissingHistory::Reexecute, missing)),
            Tell::Acked(records) => gate.acked(&records),
            Tell::Recovered(records) => gate.recovered(records),
            Tell::Done(key_groups) => gate.recovery_done(key_groups),
            Tell::Failed(error) => drop(gate.fail(error)),
        }
        true
    }

    /// Lets everything happen that can, until nothing is left.
    pub fn settle(&self) {
        while let Some(step) = { lock(&self.shared.log).next_step() } {
            self.step(step);
        }
    }

    /// The store reports an error to a session: a timeout, a broker that is gone. What was on its way may still arrive.
    pub fn fail(&self, session: usize, error: StoreError) {
        let gate = lock(&self.shared.log)
            .attempts
            .get(session)
            .map(|attempt| attempt.gate.clone());
        if let Some(gate) = gate {
            gate.fail(error);
        }
    }

    /// Records of a session that are on their way are lost; those that are durable stay.
    pub fn lose(&self, session: usize) {
        let mut log = lock(&self.shared.log);
        if let Some(attempt) = log.attempts.get_mut(session) {
            attempt
                .waiting
                .iter()
                .for_each(|lane| attempt.lanes[*lane as usize].waiting.clear());
            attempt.waiting.clear();
        }
        log.rest(session);
    }

    /// Damages the record at this position; false if there is none.
    pub fn damage(&self, position: Position) -> bool {
        lock(&self.shared.log)
            .entries
            .get_mut(&position.0)
            .map(|entry| entry.damaged = true)
            .is_some()
    }

    /// Number of durable records, those of zombies included.
    pub fn len(&self) -> usize {
        lock(&self.shared.log).entries.len()
    }

    /// No record is durable.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Log {
    fn next_step(&self) -> Option<Step> {
        self.active
            .iter()
            .find_map(|session| self.attempts[*session].steps(*session).next())
    }

    fn steps(&self) -> Vec<Step> {
        self.active
            .iter()
            .flat_map(|session| self.attempts[*session].steps(*session))
            .collect()
    }

    fn rest(&mut self, session: usize) {
        if let Some(attempt) = self.attempts.get(session)
            && attempt.steps(session).next().is_none()
        {
            self.active.remove(&session);
        }
    }

    fn step(&mut self, step: Step, settings: &MemorySettings) -> Option<Tell> {
        match step {
            Step::Claim(session) => self.claim(session),
            Step::Recover(session) => self.attempts.get_mut(session)?.recover(settings.batch),
            Step::Write(session, lane) => self.write(session, lane, settings.zombies),
            Step::Ack(session, lane) => self.ack(session, lane),
            Step::Refuse(session) => self.attempts.get_mut(session)?.refused.take().map(Tell::Failed),
        }
    }

    fn claim(&mut self, session: usize) -> Option<Tell> {
        let attempt = self.attempts.get_mut(session)?;
        if attempt.claim.is_some() || attempt.gate.ended().is_some() {
            return None;
        }
        let request = &attempt.request;
        let claim = Claim {
            epoch: self.claims.len() as u64 + 1,
            lineage: request.lineage,
            max_parallelism: request.max_parallelism,
            key_groups: request.key_groups.clone(),
            position: Position(self.next),
        };
        let operator = attempt.operator.clone();
        let of_operator = self
            .claims
            .iter()
            .filter(|(of, _)| *of == operator)
            .map(|(_, claim)| claim.clone());
        let claims = Claims::new(
            KIND.name(),
            PLACE,
            request.lineage,
            &request.ancestors,
            request.max_parallelism,
            of_operator.chain([claim.clone()]),
        );
        let read = claims.and_then(|claims| {
            let known = lock(&attempt.progress).opened(STORE, claim.position);
            let progress = lock(&attempt.progress);
            let missing = match known {
                true => missing(&self.pruned, &operator, request, &claims, &progress),
                false => Some(marker::foreign(KIND, PLACE)),
            };
            match missing {
                Some(missing) if request.missing_history == MissingHistory::Fail => Err(missing),
                missing => Ok((read(&self.entries, &operator, request, &claims, &progress)?, missing)),
            }
        });
        let (read, missing) = match read {
            Ok((read, missing)) => (Ok(read), missing),
            Err(error) => return Some(Tell::Failed(error)),
        };
        attempt.recovery = Some(read);
        attempt.claim = Some(claim.clone());
        self.claims.push((operator, claim));
        Some(missing.map_or(Tell::Nothing, Tell::Missed))
    }

    fn write(&mut self, session: usize, lane: u32, zombies: Zombies) -> Option<Tell> {
        let attempt = self.attempts.get_mut(session)?;
        let claim = attempt.claim.clone()?;
        let operator = attempt.operator.clone();
        let of_operator = self
            .claims
            .iter()
            .filter(|(of, _)| *of == operator)
            .map(|(_, claim)| claim);
        if zombies == Zombies::Refused
            && let Some(successor) = Claims::successor(&claim, of_operator)
        {
            let error = super::request::fenced(KIND.name(), PLACE, &attempt.request, successor);
            attempt
                .waiting
                .iter()
                .for_each(|lane| attempt.lanes[*lane as usize].waiting.clear());
            attempt.waiting.clear();
            return Some(Tell::Failed(error));
        }
        let queue = attempt.lanes.get_mut(lane as usize)?;
        let record = queue.waiting.pop_front()?;
        let position = Position(self.next);
        queue.durable.push_back(Acked {
            slot: record.slot,
            ticket: record.ticket,
            position,
        });
        attempt.durable.insert(lane);
        if queue.waiting.is_empty() {
            attempt.waiting.remove(&lane);
        }
        self.next += 1;
        let entry = Entry {
            operator,
            lineage: claim.lineage,
            epoch: claim.epoch,
            key_group: record.key_group,
            key: record.key,
            tail: record.tail,
            value: record.value,
            damaged: false,
        };
        self.entries.insert(position.0, entry);
        Some(Tell::Nothing)
    }

    fn ack(&mut self, session: usize, lane: u32) -> Option<Tell> {
        let attempt = self.attempts.get_mut(session)?;
        let position = attempt.lanes.get(lane as usize)?.durable.front()?.position;
        let before = self
            .claims
            .iter()
            .filter(|(of, later)| *of == attempt.operator && later.position <= position)
            .map(|(_, later)| later);
        match Claims::successor(attempt.claim.as_ref()?, before) {
            Some(_) if attempt.gate.ended().is_some() => None,
            Some(successor) => Some(Tell::Failed(super::request::fenced(
                KIND.name(),
                PLACE,
                &attempt.request,
                successor,
            ))),
            None => attempt.ack(lane),
        }
    }

    fn prune(&mut self, session: usize, marker: &Marker) {
        let Some(attempt) = self.attempts.get(session) else {
            return;
        };
        let (operator, lineage) = (attempt.operator.clone(), attempt.request.lineage);
        for (key_groups, before) in &marker.starts {
            let doomed: Vec<u64> = self
                .entries
                .range(..before.0)
                .filter(|(_, entry)| {
                    entry.operator == operator && entry.lineage == lineage && key_groups.contains(&entry.key_group)
                })
                .map(|(position, _)| *position)
                .collect();
            if let Some(last) = doomed.last() {
                self.pruned.push(Pruned {
                    operator: operator.clone(),
                    lineage,
                    key_groups: key_groups.clone(),
                    before: Position(last + 1),
                });
            }
            for position in doomed {
                self.entries.remove(&position);
            }
        }
    }
}

/// What a session has to read and was pruned.
fn missing(
    pruned: &[Pruned],
    operator: &Arc<str>,
    request: &OpenSession,
    claims: &Claims,
    progress: &Progress,
) -> Option<StoreError> {
    let readable = |lineage| lineage == request.lineage || request.ancestors.contains(&lineage);
    let gone = pruned
        .iter()
        .filter(|gone| gone.operator == *operator && readable(gone.lineage));
    gone.flat_map(|gone| gone.key_groups.clone().map(|key_group| (key_group, gone.before)))
        .filter(|(key_group, _)| request.key_groups.contains(key_group))
        .find_map(|(key_group, before)| {
            let from = progress.start(key_group).or_else(|| claims.start(key_group))?;
            marker::missing(KIND, PLACE, key_group, from, before)
        })
}

/// Everything a session has to read, in the order in which it was written.
fn read(
    entries: &BTreeMap<u64, Entry>,
    operator: &Arc<str>,
    request: &OpenSession,
    claims: &Claims,
    progress: &Progress,
) -> Result<VecDeque<Recovered>, StoreError> {
    let start = |key_group| progress.start(key_group).or_else(|| claims.start(key_group));
    let mut found = VecDeque::new();
    for (position, entry) in entries {
        let position = Position(*position);
        let limit = claims.limit(entry.lineage, entry.epoch, entry.key_group);
        if entry.operator != *operator
            || !request.key_groups.contains(&entry.key_group)
            || limit.is_none_or(|limit| position >= limit)
            || start(entry.key_group).is_none_or(|start| position < start)
        {
            continue;
        }
        if entry.damaged {
            return Err(StoreError::new(
                ErrorKind::Damaged,
                KIND.name(),
                format!("{PLACE}, position {position}"),
                "the record was damaged by a test",
                "Mend the test",
            ));
        }
        found.push_back(Recovered {
            key_group: entry.key_group,
            key: entry.key.to_vec(),
            tail: entry.tail.to_vec(),
            value: entry.value.as_deref().map(<[u8]>::to_vec),
            position,
        });
    }
    Ok(found)
}

impl Attempt {
    fn steps(&self, session: usize) -> impl Iterator<Item = Step> + '_ {
        let over = self.gate.ended().is_some();
        let claim = (self.claim.is_none() && !over).then_some(Step::Claim(session));
        let recover = (self.recovery.is_some() && !over).then_some(Step::Recover(session));
        let refuse = (self.refused.is_some() && !over).then_some(Step::Refuse(session));
        let writes = self.waiting.iter().filter(|_| self.claim.is_some());
        // In the order of their positions: a later marker must not exclude what is acknowledged after it.
        let position = |lane: &&u32| self.lanes[**lane as usize].durable.front().map(|acked| acked.position);
        let acks = self.durable.iter().min_by_key(position).filter(move |_| !over);
        claim
            .into_iter()
            .chain(recover)
            .chain(writes.map(move |lane| Step::Write(session, *lane)))
            .chain(acks.into_iter().map(move |lane| Step::Ack(session, *lane)))
            .chain(refuse)
    }

    fn recover(&mut self, batch: usize) -> Option<Tell> {
        if self.gate.ended().is_some() {
            return None;
        }
        match self.recovery.take()? {
            Err(error) => Some(Tell::Failed(error)),
            Ok(rest) if rest.is_empty() => Some(Tell::Done(self.request.key_groups.clone())),
            Ok(mut rest) => {
                let records = rest.drain(..batch.clamp(1, rest.len())).collect();
                self.recovery = Some(Ok(rest));
                Some(Tell::Recovered(records))
            }
        }
    }

    fn ack(&mut self, lane: u32) -> Option<Tell> {
        if self.gate.ended().is_some() {
            return None;
        }
        let queue = self.lanes.get_mut(lane as usize)?;
        let acked = vec![queue.durable.pop_front()?];
        if queue.durable.is_empty() {
            self.durable.remove(&lane);
        }
        Some(Tell::Acked(acked))
    }

    fn append(&mut self, records: Vec<Append>, max_record_size: usize) {
        for record in records {
            if self.refused.is_some() {
                return;
            }
            if let Some(error) = refuse(KIND.name(), PLACE, &self.request, &record, max_record_size) {
                self.refused = Some(error);
                return;
            }
            let next = self.lanes.len() as u32;
            let lane = *self
                .lane_of
                .entry((record.key_group, record.key.clone()))
                .or_insert(next);
            if lane == next {
                self.lanes.push(Lane::default());
            }
            self.lanes[lane as usize].waiting.push_back(record);
            self.waiting.insert(lane);
        }
    }
}

impl Store for MemoryStore {
    fn open(&self, request: OpenSession, events: Arc<dyn Events>) -> Result<Box<dyn Session>, StoreError> {
        let progress = Arc::new(Mutex::new(Progress::new(KIND, &request)?));
        let gate = Arc::new(Gate::new(events));
        let mut log = lock(&self.shared.log);
        let number = log.attempts.len();
        log.attempts.push(Attempt {
            operator: request.operator.as_str().into(),
            request,
            gate: gate.clone(),
            progress: progress.clone(),
            claim: None,
            recovery: None,
            refused: None,
            lanes: Vec::new(),
            lane_of: HashMap::new(),
            waiting: BTreeSet::new(),
            durable: BTreeSet::new(),
        });
        log.active.insert(number);
        drop(log);
        self.shared.changed.notify_all();
        Ok(Box::new(MemorySession {
            number,
            store: self.clone(),
            gate,
            progress,
        }))
    }
}

struct MemorySession {
    number: usize,
    store: MemoryStore,
    gate: Arc<Gate>,
    progress: Arc<Mutex<Progress>>,
}

impl Session for MemorySession {
    fn append(&mut self, records: Vec<Append>) -> Result<(), StoreError> {
        self.gate.check()?;
        let mut log = lock(&self.store.shared.log);
        log.active.insert(self.number);
        log.attempts[self.number].append(records, self.store.settings.max_record_size);
        log.rest(self.number);
        drop(log);
        self.store.shared.changed.notify_all();
        Ok(())
    }

    fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8> {
        lock(&self.progress).marker(recovered, heard, oldest)
    }

    fn prune(&mut self, marker: &[u8]) -> Result<(), StoreError> {
        self.gate.check()?;
        let marker = lock(&self.progress).own(marker)?;
        lock(&self.store.shared.log).prune(self.number, &marker);
        Ok(())
    }

    fn unreadable(&self, key_group: u16, position: Position, reason: &str) -> StoreError {
        StoreError::new(
            ErrorKind::Damaged,
            KIND.name(),
            format!("{PLACE}, position {position}, key group {key_group}"),
            reason,
            "This is an error of the program; please report it",
        )
    }

    fn close(self: Box<Self>) {}
}

impl Drop for MemorySession {
    fn drop(&mut self) {
        self.gate.close(KIND.name());
        lock(&self.store.shared.log).rest(self.number);
    }
}
