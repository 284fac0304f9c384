//! What waits for the writer of a log: events of one thread, taken by another in as large parts as there are.
//!
//! The writer looks every [`LINGER`] while there is work, and only one that has found nothing for a while is woken: waking a thread
//! costs more than appending.

use super::Figures;
use flink_agents_core::event_log::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a writer that had work waits before it looks again.
const LINGER: Duration = Duration::from_millis(5);
/// How often it looks in vain before it sleeps.
const LOOKS: u32 = 40;
/// Bytes of attributes that may wait, however few events they are.
const MOST_BYTES: usize = 64 << 20;
/// Room that an emptied batch keeps.
const KEPT: usize = 1 << 20;

/// Events in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// The attributes of each, one after another.
    pub(super) attributes: Vec<u8>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.attributes.clear();
        self.entries.shrink_to(KEPT / size_of::<Entry>());
        self.attributes.shrink_to(KEPT);
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    /// Events and bytes that the writer has taken and not written yet.
    taken: (usize, usize),
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
        let waiting = self.waiting.entries.len() + self.taken.0;
        let waiting_bytes = self.waiting.attributes.len() + self.taken.1;
        // Whatever comes alone is taken, however large.
        waiting == 0 || (waiting + events <= most && waiting_bytes + bytes <= MOST_BYTES)
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
        state.waiting.entries.append(entries);
        state.waiting.attributes.extend_from_slice(attributes);
        if state.asleep || state.waiting.entries.len() > self.most / 2 {
            state.asleep = false;
            self.filled.notify_one();
        }
        state.report.is_some()
    }

    /// Changes an empty batch for what waits; waits for it at most as long as `patience`, once there was nothing for a while.
    pub(super) fn take(&self, batch: &mut Batch, patience: Duration) -> Taken {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if !state.waiting.entries.is_empty() {
                std::mem::swap(&mut state.waiting, batch);
                state.taken = (batch.entries.len(), batch.attributes.len());
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
        state.taken.0 -= events;
        state.taken.1 -= bytes;
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
