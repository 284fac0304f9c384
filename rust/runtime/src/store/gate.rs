//! What stands between a store's threads and the caller of a session: nothing passes after an error or after the end.

use super::{Acked, Events, MissingHistory, Recovered, StoreError};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Calls hold the lock for reading, so that those of the writing and of the reading thread do not wait for each other; the end
/// takes it for writing, and so comes after every call under way.
pub struct Gate {
    events: RwLock<Option<Arc<dyn Events>>>,
    ended: Mutex<Option<StoreError>>,
    missed: AtomicBool,
}

impl Gate {
    /// A gate that is open.
    pub fn new(events: Arc<dyn Events>) -> Gate {
        Gate {
            events: RwLock::new(Some(events)),
            ended: Mutex::new(None),
            missed: AtomicBool::new(false),
        }
    }

    /// The reason for which the session has ended.
    pub fn ended(&self) -> Option<StoreError> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// # Errors
    /// The reason for which the session has ended.
    pub fn check(&self) -> Result<(), StoreError> {
        self.ended().map_or(Ok(()), Err)
    }

    fn call(&self, call: impl FnOnce(&dyn Events)) {
        let events = self.events.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(events) = events.as_ref() {
            call(events.as_ref());
        }
    }

    /// Passes on; nothing once the session has ended.
    pub fn acked(&self, records: &[Acked]) {
        if !records.is_empty() {
            self.call(|events| events.acked(records));
        }
    }

    /// Passes on; nothing once the session has ended.
    pub fn recovered(&self, records: Vec<Recovered>) {
        if !records.is_empty() {
            self.call(|events| events.recovered(records));
        }
    }

    /// Something that is to be read is missing. Passes on the first such thing where the session goes on without: it says that
    /// something is missing, not what all.
    ///
    /// # Errors
    /// What is missing, where it has to end the session.
    pub fn miss(&self, policy: MissingHistory, missing: StoreError) -> Result<(), StoreError> {
        if policy == MissingHistory::Fail {
            return Err(missing);
        }
        if !self.missed.swap(true, Ordering::Relaxed) {
            self.call(|events| events.missed(missing));
        }
        Ok(())
    }

    /// Passes on; nothing once the session has ended.
    pub fn recovery_done(&self, key_groups: RangeInclusive<u16>) {
        self.call(|events| events.recovery_done(key_groups));
    }

    fn end(&self, reason: StoreError) -> Option<Arc<dyn Events>> {
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.events.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the session with an error, which is told if it is the first. True if it was.
    pub fn fail(&self, error: StoreError) -> bool {
        let last = self.end(error.clone());
        if let Some(events) = &last {
            events.failed(error);
        }
        last.is_some()
    }

    /// Ends the session without a word.
    pub fn close(&self, store: &'static str) {
        drop(self.end(StoreError::closed(store)));
    }
}
