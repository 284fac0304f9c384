//! Acknowledges what is confirmed, and nothing else.
//!
//! That the brokers have a record is not enough: an attempt that was given up before it had claimed may claim late, with an
//! epoch above that of the attempt that works, and what the latter then writes is passed over by readers. So once records are
//! delivered, the end of the claims is asked for, and they are acknowledged when no later attempt has claimed before it.
//!
//! ```text
//! this session   record is delivered ── end of the claims is asked for ── no later claim: acknowledged
//! another                                                                 claims ── asks for the ends, its places
//! ```
//!
//! A claim that the answer does not show becomes durable after it. Its session asks for its places later still, so they lie
//! behind the record, and everybody reads it, in whatever order the attempts were started. A claim that it does show ends
//! this session, with places or without: they may have been asked for before the record was delivered.
//!
//! One question is under way at a time, for everything that was delivered before it, so it adds a light round trip to a
//! record's way and takes nothing from how many go it at once. Where nothing is written it is asked now and then.

use crate::STORE;
use crate::client::NO_LEADER;
use crate::partitions::CLAIMS;
use crate::reader::Reader;
use crate::registry::Registry;
use crate::session::Inner;
use flink_agents_runtime::store::request::fenced;
use flink_agents_runtime::store::{Acked, ErrorKind, StoreError};
use std::sync::PoisonError;
use std::time::Instant;

/// What a session knows of the claims; begins with what it read when it claimed.
pub(crate) struct Confirm {
    /// With a client of its own: a question waits for no record that is read or written.
    pub(crate) reader: Reader,
    pub(crate) registry: Registry,
    pub(crate) epoch: u64,
}

impl Confirm {
    /// Looks whether a later attempt has claimed. False when the session ended before the answer.
    fn look(&mut self, inner: &Inner) -> Result<bool, StoreError> {
        let Some((_, end)) = self.reader.ends(CLAIMS)? else {
            return Ok(false);
        };
        let seen = self.registry.seen;
        if end < seen {
            return Err(StoreError::new(
                ErrorKind::MissingHistory,
                STORE,
                self.reader.place(CLAIMS),
                format!("it ended at offset {seen} before and ends at {end} now"),
                "The brokers lost what they had acknowledged (see unclean.leader.election.enable), or the topic was made again. \
                 The job restarts from its last checkpoint",
            ));
        }
        if end > seen && !self.registry.read(&self.reader, end)? {
            return Ok(false);
        }
        match self.registry.successor(self.epoch, &inner.request.key_groups) {
            Some(successor) => Err(fenced(STORE, &inner.place(), &inner.request, &successor)),
            None => Ok(true),
        }
    }
}

/// Of a record that was not written in time librdkafka says no more than that.
fn explain(error: &mut StoreError, reader: &Reader) {
    if let Some(said) = reader.without_leader() {
        error.reason = format!("{}; {said}", error.reason);
        error.remedy = NO_LEADER.to_owned();
    }
}

/// Tells what is acknowledged and how the session ends, until it has ended.
pub(crate) fn tell(inner: &Inner) {
    let interval = inner.settings.watch_interval;
    let mut claimed: Option<(Confirm, Instant)> = None;
    loop {
        let delivered: Vec<Acked> = {
            let mut state = inner.state();
            loop {
                if state.closed {
                    return;
                }
                if let Some(mut error) = state.failure.clone() {
                    let claimed = claimed.map(|(confirm, _)| confirm).or(state.confirm.take());
                    drop(state);
                    if let Some(confirm) = claimed.filter(|_| error.kind == ErrorKind::Unavailable) {
                        explain(&mut error, &confirm.reader);
                    }
                    inner.gate.fail(error);
                    return;
                }
                let now = Instant::now();
                if let Some(confirm) = state.confirm.take() {
                    // At once: the first record need not wait for the connection.
                    claimed = Some((confirm, now));
                }
                state = match &claimed {
                    Some((_, due)) if *due <= now || !state.delivered.is_empty() => {
                        break std::mem::take(&mut state.delivered);
                    }
                    Some((_, due)) => {
                        let waited = inner.changed.wait_timeout(state, *due - now);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => inner.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                };
            }
        };
        let Some((confirm, due)) = &mut claimed else {
            continue;
        };
        match confirm.look(inner) {
            Ok(true) => inner.gate.acked(&delivered),
            // Why it ended is told above.
            Ok(false) => {}
            // Brokers that do not answer are no reason to end: a session that writes nothing does not need them.
            Err(error) if error.kind == ErrorKind::Unavailable && delivered.is_empty() => {}
            Err(error) => inner.fail(error),
        }
        *due = Instant::now() + interval;
    }
}
