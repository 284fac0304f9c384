//! What waits for the writer of a log: events of one thread, taken by another in as large parts as there are.
//!
//! The writer looks every [`LINGER`] while there is work, and only one that has found nothing for a while is woken: waking a thread
//! costs more than appending.

use super::Figures;
use flink_agents_core::event_log::Entry;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a writer that had work waits before it looks again.
const LINGER: Duration = Duration::from_millis(5);
/// How often it looks in vain before it sleeps.
const LOOKS: u32 = 40;
/// Bytes of attributes that may wait, however few events they are.
const MOST_BYTES: usize = 64 << 20;
/// Events and bytes of attributes from which on a batch is followed by the next. Batches of this size stay in the allocator's heap: the
/// system has to clear memory that is given back to it and taken again, which cost more than the copying.
const BATCH: (usize, usize) = (512, 64 << 10);
/// Emptied batches that are kept for what comes next.
const SPARE: usize = 16;

/// Events in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// The attributes of each, one after another.
    pub(super) attributes: Vec<u8>,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.entries.len() >= BATCH.0 || self.attributes.len() >= BATCH.1
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.attributes.clear();
        self.entries.shrink_to(2 * BATCH.0);
        self.attributes.shrink_to(2 * BATCH.1);
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Batch>,
    /// Emptied batches.
    spare: Vec<Batch>,
    /// Events and bytes that wait, and that the writer has taken and not written yet.
    held: (usize, usize),
    /// The writer has to be woken.
    asleep: bool,
    looks: u32,
    closed: bool,
    /// Nobody waits for room.
    hurried: bool,
    /// What is left is not written.
    given_up: bool,
    ended: bool,
    report: Option<String>,
}

impl State {
    fn has_room(&self, events: usize, bytes: usize, most: usize) -> bool {
        // Whatever comes alone is taken, however large.
        self.held.0 == 0 || (self.held.0 + events <= most && self.held.1 + bytes <= MOST_BYTES)
    }

    fn put(&mut self, entries: &mut Vec<Entry>, attributes: &[u8]) {
        self.held.0 += entries.len();
        self.held.1 += attributes.len();
        if self.waiting.back().is_none_or(Batch::is_full) {
            self.waiting.push_back(self.spare.pop().unwrap_or_default());
        }
        if let Some(last) = self.waiting.back_mut() {
            last.entries.append(entries);
            last.attributes.extend_from_slice(attributes);
        }
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    room: Condvar,
    most: usize,
    drop_when_full: bool,
    written: AtomicU64,
    truncated: AtomicU64,
    failures: AtomicU64,
    dropped: AtomicU64,
}

/// What a writer finds.
pub(super) enum Taken {
    Some,
    Nothing,
    Closed,
}

impl Queue {
    pub(super) fn new(most: usize, drop_when_full: bool) -> Queue {
        Queue {
            state: Mutex::default(),
            filled: Condvar::new(),
            room: Condvar::new(),
            most: most.max(1),
            drop_when_full,
            written: AtomicU64::new(0),
            truncated: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether there is a report.
    pub(super) fn append(&self, entries: &mut Vec<Entry>, attributes: &[u8]) -> bool {
        let mut state = self.lock();
        while !state.closed && !state.has_room(entries.len(), attributes.len(), self.most) {
            if self.drop_when_full || state.hurried {
                break;
            }
            self.filled.notify_one();
            state = self.room.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        if state.closed || !state.has_room(entries.len(), attributes.len(), self.most) {
            self.dropped.fetch_add(entries.len() as u64, Ordering::Relaxed);
            entries.clear();
            return state.report.is_some();
        }
        if entries.is_empty() {
            return state.report.is_some();
        }
        state.put(entries, attributes);
        if state.asleep || state.held.0 > self.most / 2 {
            state.asleep = false;
            self.filled.notify_one();
        }
        state.report.is_some()
    }

    /// Changes an empty batch for the next that waits; waits for it at most as long as `patience`, once there was nothing for a while.
    pub(super) fn take(&self, batch: &mut Batch, patience: Duration) -> Taken {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if let Some(next) = state.waiting.pop_front() {
                let emptied = std::mem::replace(batch, next);
                if state.spare.len() < SPARE {
                    state.spare.push(emptied);
                }
                state.looks = 0;
                state.asleep = false;
                return Taken::Some;
            }
            if state.closed {
                return Taken::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            state.looks = (state.looks + 1).min(LOOKS);
            state.asleep = state.looks == LOOKS;
            let wait = if state.asleep { left } else { LINGER.min(left) };
            state = match self.filled.wait_timeout(state, wait) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// The writer is done with so many of what it has taken.
    pub(super) fn done(&self, events: usize, bytes: usize) {
        let mut state = self.lock();
        state.held.0 -= events;
        state.held.1 -= bytes;
        drop(state);
        self.room.notify_all();
    }

    pub(super) fn written(&self, lines: u64) {
        self.written.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn truncated(&self, lines: u64) {
        self.truncated.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, events: u64) {
        self.failures.fetch_add(events, Ordering::Relaxed);
    }

    /// So many lines that counted as written are lost.
    pub(super) fn lost(&self, lines: u64) {
        self.written.fetch_sub(lines, Ordering::Relaxed);
        self.failures.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            written: self.written.load(Ordering::Relaxed),
            truncated: self.truncated.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    pub(super) fn tell(&self, report: String) {
        self.lock().report = Some(report);
    }

    pub(super) fn report(&self) -> Option<String> {
        self.lock().report.take()
    }

    pub(super) fn hurry(&self) {
        self.lock().hurried = true;
        self.room.notify_all();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.room.notify_all();
    }

    pub(super) fn give_up(&self) {
        self.lock().given_up = true;
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.lock().given_up
    }

    /// The writer writes nothing more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.room.notify_all();
    }

    /// Waits until the writer has ended; gives up what it has not written by then.
    pub(super) fn wait_for_end(&self, patience: Duration) -> bool {
        let state = self.lock();
        let waited = self.room.wait_timeout_while(state, patience, |state| !state.ended);
        let (mut state, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        state.given_up = !state.ended;
        state.ended
    }
}
