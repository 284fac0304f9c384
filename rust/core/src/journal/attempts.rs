//! Failures of actions as the journal has them after a restart.

use super::history::tail;
use super::tail::Path;
use super::{AttemptRecord, CallStatus, Digest, RecoveredCall, RecoveredRun};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// A durable call of an attempt that failed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RetainedCall {
    /// Places from the action inwards.
    pub(crate) position: Vec<u32>,
    pub(crate) function: String,
    pub(crate) digest: Option<Digest>,
    pub(crate) ending: Ending,
}

/// How such a call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It returned this.
    Returned(Vec<u8>),
    /// An exception was its outcome. What raised that may be the reconciler, or a limit of time: it may have been made all
    /// the same, or go on.
    Failed,
    /// It had begun.
    Open,
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
    /// Calls of earlier attempts.
    pub(crate) calls: Vec<RetainedCall>,
}

impl Attempted {
    pub(crate) fn new(record: AttemptRecord, order: u32, after: u32) -> Attempted {
        Attempted {
            record,
            order,
            after,
            calls: Vec::new(),
        }
    }
}

/// Calls of an attempt that is over.
fn retained(calls: BTreeMap<u32, RecoveredCall>) -> Vec<RetainedCall> {
    let retained = |call: RecoveredCall| RetainedCall {
        position: call.position,
        function: call.record.function,
        digest: call.record.digest,
        ending: match call.record.status {
            CallStatus::Succeeded => Ending::Returned(call.record.payload),
            CallStatus::Failed => Ending::Failed,
            CallStatus::Pending => Ending::Open,
        },
    };
    calls.into_values().map(retained).collect()
}

/// The first of these failures, for a message.
pub(crate) fn shown_attempt(run: u64, attempts: &FxHashMap<Path, Attempted>) -> Option<String> {
    let (path, first) = attempts.iter().min_by_key(|(_, attempted)| attempted.order)?;
    let times = match first.record.attempts {
        1 => "once".to_owned(),
        several => format!("{several} times"),
    };
    Some(format!("{}: failed {times}", tail(run, path, &[])))
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
            attempted.calls = retained(earlier);
        }
        attempts
    }

    /// Takes back the failures of actions that the run has not come to, with their calls: they go with what is left.
    pub(crate) fn with_attempts(mut self, attempts: FxHashMap<Path, Attempted>) -> RecoveredRun {
        for (path, attempted) in &attempts {
            let positions = attempted.calls.iter().map(|call| call.position.clone());
            self.earlier.extend(positions.map(|position| (path.clone(), position)));
        }
        self.attempts.extend(attempts);
        self
    }

    /// An attempt of a task fails before it has come to all the calls it has records of.
    pub(crate) fn take_calls(&mut self, task: &Path) -> Vec<RetainedCall> {
        let Some(calls) = self.calls.remove(task) else {
            return Vec::new();
        };
        self.to_come -= calls.values().filter(|call| call.requested.is_none()).count();
        retained(calls)
    }
}
