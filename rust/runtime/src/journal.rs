//! Between a machine with a journal and a store: records go out, acknowledgements and histories come in.
//!
//! *Owned state*: a session of a store, what of it has not been handed over yet, and for each key where the records begin that
//! its unfinished runs need. *Lifecycle*: opened with the subtask; [`JournalDriver::poll`] and [`JournalDriver::flush`] are
//! called by the thread that has the machine; closed with the subtask. *Constraint*: the store's threads only put things into
//! an inbox and wake the host; everything else happens on the host's thread.

mod coverage;

use crate::store::{
    Acked, Append, Events, MissingHistory, OpenSession, Position, Recovered, Session, Store, StoreError,
};
use coverage::Coverage;
use flink_agents_core::ids::KeySlot;
use flink_agents_core::journal::{History, Origin, Recovered as RecoveredRecord, Ticket};
use flink_agents_core::run::{InputError, Machine, RecordOut, Router};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something went wrong with the journal of a subtask.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store, or what was read back from it and makes no sense.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A mistake of the host.
    #[error(transparent)]
    Key(#[from] InputError),
}

/// What a store has said.
#[derive(Default)]
struct Inbox {
    acked: Vec<Acked>,
    recovered: Vec<Recovered>,
    done: Vec<RangeInclusive<u16>>,
    failed: Option<StoreError>,
    missed: Option<StoreError>,
    /// The host was woken and has not looked.
    woken: bool,
}

struct Shared {
    inbox: Mutex<Inbox>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // What a panicking thread left is still what the store said.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, what: impl FnOnce(&mut Inbox)) {
        let wakes = {
            let mut inbox = self.lock();
            what(&mut inbox);
            !std::mem::replace(&mut inbox.woken, true)
        };
        if wakes {
            (self.wake)();
        }
    }
}

impl Events for Shared {
    fn acked(&self, records: &[Acked]) {
        self.put(|inbox| inbox.acked.extend_from_slice(records));
    }

    fn failed(&self, error: StoreError) {
        self.put(|inbox| inbox.failed = Some(error));
    }

    fn recovered(&self, records: Vec<Recovered>) {
        self.put(|inbox| inbox.recovered.extend(records));
    }

    fn missed(&self, missing: StoreError) {
        self.put(|inbox| inbox.missed = Some(missing));
    }

    fn recovery_done(&self, key_groups: RangeInclusive<u16>) {
        self.put(|inbox| inbox.done.push(key_groups));
    }
}

/// Where the records of a key's runs begin.
type Runs = BTreeMap<u64, Position>;

/// How the journal of a subtask is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records that the store was given, or is to be given, and that are not acknowledged.
    pub unacknowledged: usize,
    /// Bytes of these, and of records read back of keys that have not come yet.
    pub bytes: usize,
    /// How long the store has taken to make something durable, of what was measured since this was asked last: from when it
    /// was handed over until the host heard of it.
    pub latency: Option<Duration>,
}

/// What was read back of a key that has not been opened.
#[derive(Default)]
struct Unclaimed {
    /// By tail; the later record counts. Tails are numbers and names of the agent's: nobody chooses them so that they collide.
    records: FxHashMap<Vec<u8>, (Vec<u8>, Position)>,
    runs: Runs,
}

struct OpenKey {
    key_group: u16,
    key: Arc<[u8]>,
    runs: Runs,
    /// The run whose record was written, and its bytes, by ticket, until it is acknowledged.
    written: BTreeMap<Ticket, (u64, usize)>,
}

/// See the head of the file.
pub struct JournalDriver {
    session: Box<dyn Session>,
    shared: Arc<Shared>,
    operator: String,
    key_groups: RangeInclusive<u16>,
    recovered: Vec<RangeInclusive<u16>>,
    /// Key groups that are read to their ends.
    read: HashSet<u16>,
    unclaimed: HashMap<(u16, Vec<u8>), Unclaimed>,
    /// What the restored checkpoint makes unnecessary.
    restored: Coverage,
    /// How far the journal has come.
    now: Coverage,
    records_read: u64,
    keys: Vec<Option<OpenKey>>,
    /// Keys that were opened before their key group was read.
    waiting: Vec<KeySlot>,
    out: Vec<Append>,
    figures: Figures,
    /// A record that was handed over, and when: its acknowledgement tells how long the store takes.
    timed: Option<(u32, Ticket, Instant)>,
    /// What users should know and have not been told.
    warning: Option<String>,
}

impl JournalDriver {
    /// Opens a session; `wake` is called on a thread of the store when there is something to [`JournalDriver::poll`], once
    /// until that is done.
    ///
    /// # Errors
    /// When the store refuses the request.
    pub fn open(
        store: &dyn Store,
        mut session: OpenSession,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<JournalDriver, JournalError> {
        let (mut restored, markers) = Coverage::decode(&session.key_groups, &session.markers)?;
        session.markers = markers;
        if session.missing_history == MissingHistory::Reexecute {
            // It may be another store, whose positions mean something else.
            restored = Coverage::none(&session.key_groups);
        }
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            wake,
        });
        let (operator, key_groups) = (session.operator.clone(), session.key_groups.clone());
        let events: Arc<dyn Events> = Arc::<Shared>::clone(&shared);
        Ok(JournalDriver {
            session: store.open(session, events)?,
            shared,
            operator,
            recovered: Vec::new(),
            read: HashSet::new(),
            unclaimed: HashMap::new(),
            now: Coverage::none(&key_groups),
            restored,
            records_read: 0,
            key_groups,
            keys: Vec::new(),
            waiting: Vec::new(),
            out: Vec::new(),
            figures: Figures::default(),
            timed: None,
            warning: None,
        })
    }

    /// A key gets a slot. The answer is for [`Machine::handle_history`]: nothing while the key's records are being read.
    ///
    /// # Errors
    /// When a record of the key cannot be read.
    pub fn key_opened(&mut self, slot: KeySlot, key_group: u16, key: &[u8]) -> Result<Option<History>, JournalError> {
        let index = slot.0 as usize;
        if index >= self.keys.len() {
            self.keys.resize_with(index + 1, || None);
        }
        self.keys[index] = Some(OpenKey {
            key_group,
            key: key.into(),
            runs: Runs::new(),
            written: BTreeMap::new(),
        });
        if !self.read.contains(&key_group) {
            self.waiting.push(slot);
            return Ok(None);
        }
        self.claim(slot).map(Some)
    }

    /// The history of an opened key whose key group is read.
    fn claim(&mut self, slot: KeySlot) -> Result<History, JournalError> {
        let Some(Some(open)) = self.keys.get_mut(slot.0 as usize) else {
            return Ok(History::default());
        };
        let Some(unclaimed) = self.unclaimed.remove(&(open.key_group, open.key.to_vec())) else {
            return Ok(History::default());
        };
        open.runs = unclaimed.runs;
        let records = unclaimed.records.iter();
        let bytes: usize = records.map(|(tail, (value, _))| tail.len() + value.len()).sum();
        self.figures.bytes -= bytes;
        let mut records = Vec::with_capacity(unclaimed.records.len());
        for (tail, (value, position)) in unclaimed.records {
            let record = RecoveredRecord::decode(&tail, &value)
                .map_err(|error| self.session.unreadable(open.key_group, position, &error.to_string()))?;
            records.push(record);
        }
        // In an order that does not depend on the hash.
        records.sort_unstable_by(|one, other| one.tail.cmp(&other.tail));
        Ok(History::new(records))
    }

    /// Takes a record that the machine orders to be written.
    pub fn record(&mut self, slot: KeySlot, ticket: Ticket, record: RecordOut) {
        let Some(Some(open)) = self.keys.get_mut(slot.0 as usize) else {
            return;
        };
        let append = Append {
            slot: slot.0,
            ticket,
            key_group: open.key_group,
            key: Arc::clone(&open.key),
            tail: record.tail,
            value: record.value,
        };
        if let Some(run) = append.run() {
            open.written.insert(ticket, (run, append.size()));
            self.figures.unacknowledged += 1;
            self.figures.bytes += append.size();
        }
        self.out.push(append);
    }

    /// Hands the records taken to the store.
    ///
    /// # Errors
    /// When the session has ended.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        if let Some(last) = self.out.last() {
            if self.timed.is_none() {
                self.timed = Some((last.slot, last.ticket, Instant::now()));
            }
            self.session.append(std::mem::take(&mut self.out))?;
        }
        Ok(())
    }

    /// What users should be warned of since this was asked last.
    pub fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Hands what the store said to the machine; true if there was something.
    ///
    /// # Errors
    /// When the session has ended, or a record cannot be read.
    pub fn poll<R: Router>(&mut self, machine: &mut Machine<R>) -> Result<bool, JournalError> {
        let Inbox {
            acked,
            recovered,
            done,
            failed,
            missed,
            ..
        } = std::mem::take(&mut *self.shared.lock());
        let something = !acked.is_empty() || !done.is_empty() || missed.is_some();
        for Acked { slot, ticket, position } in acked {
            if let Some(Some(open)) = self.keys.get_mut(slot as usize)
                && let Some((run, size)) = open.written.remove(&ticket)
            {
                self.figures.unacknowledged -= 1;
                self.figures.bytes -= size;
                if let Some((_, _, since)) = self.timed.take_if(|timed| (timed.0, timed.1) == (slot, ticket)) {
                    self.figures.latency = Some(since.elapsed());
                }
                open.runs.entry(run).or_insert(position);
                self.now.come(open.key_group, Position(position.0 + 1));
                machine.handle_acknowledged(KeySlot(slot), ticket);
            }
        }
        if let Some(missing) = missed {
            machine.handle_missing_history();
            let remedy = "The job goes on without them, as action-state.on-missing-history says: what they recorded is done \
                          again, side effects included";
            let remedy = remedy.to_owned();
            self.warning = Some(StoreError { remedy, ..missing }.to_string());
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        for record in recovered {
            self.take(record);
        }
        if !done.is_empty() {
            for range in done {
                self.read.extend(range.clone());
                self.recovered.push(range);
            }
            for slot in std::mem::take(&mut self.waiting) {
                let group = self
                    .keys
                    .get(slot.0 as usize)
                    .and_then(Option::as_ref)
                    .map(|open| open.key_group);
                match group {
                    Some(group) if self.read.contains(&group) => {
                        let history = self.claim(slot)?;
                        machine.handle_history(slot, Some(history))?;
                    }
                    Some(_) => self.waiting.push(slot),
                    None => {}
                }
            }
        }
        Ok(something)
    }

    fn take(&mut self, record: Recovered) {
        self.records_read += 1;
        self.now.come(record.key_group, Position(record.position.0 + 1));
        if self.restored.covers(record.key_group, &record.key, record.position) {
            return;
        }
        let run = record.tail.first_chunk().map(|run| u64::from_be_bytes(*run));
        let place = (record.key_group, record.key);
        let unclaimed = self.unclaimed.entry(place).or_default();
        let tail = record.tail.len();
        let before = match record.value {
            Some(value) => {
                self.figures.bytes += tail + value.len();
                unclaimed.records.insert(record.tail, (value, record.position))
            }
            None => unclaimed.records.remove(&record.tail),
        };
        if let Some((value, _)) = before {
            self.figures.bytes -= tail + value.len();
        }
        if let Some(run) = run {
            unclaimed.runs.entry(run).or_insert(record.position);
        }
    }

    /// A run of a key has ended, and all before it; `idle`: the slot is free.
    pub fn run_ended(&mut self, slot: KeySlot, sequence: u64, idle: bool) {
        let Some(open) = self.keys.get_mut(slot.0 as usize) else {
            return;
        };
        if idle {
            *open = None;
        } else if let Some(open) = open {
            open.runs = open.runs.split_off(&(sequence + 1));
        }
    }

    /// How the journal is doing.
    pub fn figures(&mut self) -> Figures {
        let now = self.figures;
        self.figures.latency = None;
        now
    }

    /// For a checkpoint: from where the store is to be read after it was restored.
    pub fn marker(&self) -> Vec<u8> {
        let first = |key_group: u16, runs: &Runs| runs.values().min().map(|position| (key_group, *position));
        let open = self
            .keys
            .iter()
            .flatten()
            .filter_map(|open| first(open.key_group, &open.runs));
        let unclaimed = self
            .unclaimed
            .iter()
            .filter_map(|((group, _), key)| first(*group, &key.runs));
        let oldest: Vec<(u16, Position)> = open.chain(unclaimed).collect();
        let heard: Vec<(u16, Position)> = self.now.ends().collect();
        self.coverage()
            .encode(&self.session.marker(&self.recovered, &heard, &oldest))
    }

    /// What a checkpoint taken now makes unnecessary.
    fn coverage(&self) -> Coverage {
        let mut coverage = self.now.clone();
        for key_group in self.key_groups.clone() {
            match self.read.contains(&key_group) {
                true => coverage.come(key_group, self.restored.end(key_group)),
                false => coverage.inherit(key_group, &self.restored),
            }
        }
        let former = self.restored.unfinished();
        for key in former.filter(|(key_group, _)| !self.read.contains(key_group)) {
            coverage.keep(key);
        }
        let open = self.keys.iter().flatten();
        for key in open.filter(|key| !key.runs.is_empty() || !key.written.is_empty()) {
            coverage.keep(coverage::digest(key.key_group, &key.key));
        }
        for (key_group, key) in self.unclaimed.keys() {
            coverage.keep(coverage::digest(*key_group, key));
        }
        coverage
    }

    /// Whether everything the store had is read.
    pub fn is_read(&self) -> bool {
        self.key_groups.clone().all(|key_group| self.read.contains(&key_group))
    }

    /// Records the store has handed over.
    pub fn records_read(&self) -> u64 {
        self.records_read
    }

    /// Records read back that no key has claimed: they are in memory.
    pub fn unclaimed_records(&self) -> usize {
        self.unclaimed.values().map(|key| key.records.len()).sum()
    }

    /// How much is in memory: records no key has claimed, and of open keys their unfinished runs and what the store has not
    /// acknowledged.
    pub fn held(&self) -> usize {
        let open = self.keys.iter().flatten();
        self.unclaimed_records() + open.map(|key| key.runs.len() + key.written.len()).sum::<usize>() + self.out.len()
    }

    /// No checkpoint older than that of this marker will be restored.
    ///
    /// # Errors
    /// When the session has ended.
    pub fn prune(&mut self, marker: &[u8]) -> Result<(), JournalError> {
        let (_, of_store) = Coverage::decode(&self.key_groups, &[marker.to_vec()])?;
        for marker in of_store {
            self.session.prune(&marker)?;
        }
        Ok(())
    }

    /// The subtask's key groups.
    pub fn key_groups(&self) -> RangeInclusive<u16> {
        self.key_groups.clone()
    }

    /// A text that is the same for a durable call in all its attempts, and for no other call: a UUID (version 8) of the job in
    /// which the run began, the operator, the key, and the call's place.
    pub fn idempotency_key(&self, slot: KeySlot, origin: Origin, tail: &[u8]) -> Option<String> {
        let open = self.keys.get(slot.0 as usize)?.as_ref()?;
        let mut hash = Sha256::new();
        hash.update(b"flink-agents call 1");
        hash.update(origin);
        for part in [self.operator.as_bytes(), &*open.key, tail] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(digest.get(..16)?);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        // Each call needs one: without the machinery of `format!`.
        let mut text = String::with_capacity(36);
        for (place, byte) in bytes.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for half in [byte >> 4, byte & 0x0f] {
                text.push(char::from(if half < 10 { b'0' + half } else { b'a' + half - 10 }));
            }
        }
        Some(text)
    }

    /// Ends the session; bounded.
    pub fn close(self) {
        self.session.close();
    }
}
