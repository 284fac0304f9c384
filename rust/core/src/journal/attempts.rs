//! Failures of actions as the journal has them after a restart.

use super::tail::Path;
use super::{AttemptRecord, CallStatus, Digest, RecoveredCall, RecoveredRun};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// What a durable call returned in an attempt that failed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RetainedCall {
    /// Places from the action inwards.
    pub(crate) position: Vec<u32>,
    pub(crate) function: String,
    pub(crate) digest: Option<Digest>,
    pub(crate) payload: Vec<u8>,
}

/// The failures of an action that had not completed.
#[derive(Debug, Clone)]
pub(crate) struct Attempted {
    /// Of its last failure.
    pub(crate) record: AttemptRecord,
    /// Place of that among the records of the run: calls before it are of attempts that failed.
    pub(crate) order: u32,
    /// Actions that had completed.
    pub(crate) after: u32,
    /// Calls of earlier attempts that returned.
    pub(crate) done: Vec<RetainedCall>,
    /// Places of those that had begun.
    pub(crate) begun: Vec<Vec<u32>>,
}

impl Attempted {
    pub(crate) fn new(record: AttemptRecord, order: u32, after: u32) -> Attempted {
        Attempted {
            record,
            order,
            after,
            done: Vec::new(),
            begun: Vec::new(),
        }
    }
}

/// Calls that an attempt to come need not make.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) done: Vec<RetainedCall>,
    pub(crate) begun: Vec<Vec<u32>>,
}

impl Left {
    /// Of calls of an attempt that is over. What failed is done again, and so left out.
    fn of(calls: BTreeMap<u32, RecoveredCall>) -> Left {
        let mut left = Left::default();
        for call in calls.into_values() {
            match call.record.status {
                CallStatus::Succeeded => left.done.push(RetainedCall {
                    position: call.position,
                    function: call.record.function,
                    digest: call.record.digest,
                    payload: call.record.payload,
                }),
                CallStatus::Pending => left.begun.push(call.position),
                CallStatus::Failed => {}
            }
        }
        left
    }
}

impl RecoveredRun {
    /// Takes the failures of actions out, with the calls of the attempts that failed: a run does not come to those again.
    pub(crate) fn take_attempts(&mut self) -> FxHashMap<Path, Attempted> {
        let mut attempts = std::mem::take(&mut self.attempts);
        for (path, attempted) in &mut attempts {
            let Some(calls) = self.calls.remove(path) else {
                continue;
            };
            let mut earlier = calls;
            let later = earlier.split_off(&attempted.order);
            if !later.is_empty() {
                self.calls.insert(path.clone(), later);
            }
            let left = Left::of(earlier);
            (attempted.done, attempted.begun) = (left.done, left.begun);
        }
        attempts
    }

    /// An attempt of a task fails before it has come to all the calls it has records of.
    pub(crate) fn take_calls(&mut self, task: &Path) -> Left {
        let Some(calls) = self.calls.remove(task) else {
            return Left::default();
        };
        self.to_come -= calls.values().filter(|call| call.requested.is_none()).count();
        Left::of(calls)
    }
}
