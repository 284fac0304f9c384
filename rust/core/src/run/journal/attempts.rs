//! Attempts of actions that failed and are followed by others, in the journal. Each failure is recorded before the next attempt
//! starts, in the place of the action's completion, which replaces it one day; so attempts are counted truly, and a crash
//! between a failure and its record repeats that attempt at most.
//!
//! What durable calls of earlier attempts returned is not asked for again: the next attempt is given it when it makes the
//! same call in the same place. Others are made again, under the identity they had; where someone can say what became of one, he
//! is asked first, as after a crash. That holds for one that failed, too: its exception may be that of a limit of time, or of
//! the reconciler itself, and says nothing of what was done.

use crate::ids::KeySlot;
use crate::journal::{AttemptRecord, Attempted, Ending, RecordBody, RetainedCall, Tail, Ticket};
use crate::run::failures::Failures;
use crate::run::journal::calls::CallStep;
use crate::run::key::TaskIndex;
use crate::run::{Machine, Router};

fn failures_of(attempted: Attempted) -> Failures {
    Failures {
        attempts: attempted.record.attempts,
        wait_ms: attempted.record.wait_ms,
        due_ms: attempted.record.due_ms,
        calls: attempted.calls,
    }
}

impl<R: Router> Machine<R> {
    /// Whether the history of a key is being read.
    pub(in crate::run) fn is_unread(&self, key: KeySlot) -> bool {
        let journal = self.keys[key.0 as usize].journal.as_ref();
        journal.is_some_and(|journal| journal.unread)
    }

    /// Orders the failure of an attempt to be written; the next starts after the ticket.
    pub(in crate::run) fn record_attempt(&mut self, key: KeySlot, index: TaskIndex, failures: &Failures) -> Ticket {
        let Some(journal) = &self.keys[key.0 as usize].journal else {
            return 0;
        };
        let after = journal.progress.completed;
        if !self.has_begun(key) {
            // The run's first record has to stay, and this one will be replaced.
            self.begin(key);
        }
        let body = RecordBody::Attempt(AttemptRecord {
            attempts: failures.attempts,
            wait_ms: failures.wait_ms,
            due_ms: failures.due_ms,
        });
        self.write(key, &self.tail_of(index), after, body)
    }

    /// What the calls of a task that failed have brought, those of earlier attempts included. None of them is under way, or
    /// waited for, any more.
    pub(in crate::run) fn retain_calls(&mut self, index: TaskIndex) -> Vec<RetainedCall> {
        let key = self.tasks[index as usize].key;
        let path = self.journal.is_some().then(|| self.tail_of(index).task);
        let task = &mut self.tasks[index as usize];
        let mut retained = task.failures.take().map(|failures| failures.calls).unwrap_or_default();
        let (Some(path), Some(journal)) = (path, &mut self.keys[key.0 as usize].journal) else {
            return retained;
        };
        let mut newer = Vec::new();
        journal.waiting_calls.retain(|(waiting, _)| *waiting != index);
        if let Some(replay) = &mut journal.replay {
            replay.asked.retain(|(asked, _)| *asked != index);
            newer = replay.recovered.take_calls(&path);
        }
        newer.extend(
            task.journalled
                .take()
                .into_iter()
                .flat_map(|calls| calls.into_retained()),
        );
        for call in newer {
            retained.retain(|other| other.position != call.position);
            retained.push(call);
        }
        retained
    }

    /// The answer to a call that returned in an earlier attempt.
    pub(super) fn retained(&mut self, key: KeySlot, index: TaskIndex, number: u32) -> Option<CallStep> {
        let task = &mut self.tasks[index as usize];
        let calls = &mut task.failures.as_mut()?.calls;
        let call = task.journalled.as_mut()?.get_mut(number)?;
        let place = calls.iter().position(|kept| kept.position == call.position)?;
        let kept = &calls[place];
        let other_arguments = matches!((kept.digest, call.digest), (Some(one), Some(other)) if one != other);
        let is_same = call.is_of(&kept.function) && !other_arguments;
        match &kept.ending {
            Ending::Returned(payload) if is_same => {
                return Some(CallStep::Replay {
                    failed: false,
                    payload: payload.clone(),
                });
            }
            Ending::Failed | Ending::Open if is_same => {
                call.had_begun = call.reconcilable;
                calls.swap_remove(place);
            }
            // After an exception an action may do something else.
            Ending::Failed => {
                calls.swap_remove(place);
            }
            Ending::Returned(_) | Ending::Open => {
                let now = call.function.clone();
                let dropped = calls.swap_remove(place);
                self.drop_retained(key, index, dropped, &now);
            }
        }
        None
    }

    /// An attempt makes another call in the place of one of an earlier attempt: says it, and takes that out of the journal. Others
    /// stay: they are found by their places, and compared when the attempt comes to them.
    fn drop_retained(&mut self, key: KeySlot, index: TaskIndex, dropped: RetainedCall, now: &str) {
        let tail = Tail {
            call: dropped.position,
            ..self.tail_of(index)
        };
        let was = dropped.function;
        let what = format!(
            "in an earlier attempt of a failing action {tail} was function '{was}', and now the action calls function '{now}' or passes other arguments"
        );
        self.tell_divergence(key, tail.run, &what);
        self.discard(key, vec![tail]);
    }

    /// A task of a recovered run begins: true if the journal has failures of it, and it is to wait.
    pub(in crate::run) fn take_recovered_attempts(&mut self, key: KeySlot, index: TaskIndex) -> bool {
        let known = self.keys[key.0 as usize].journal.as_ref();
        if known.is_none_or(|journal| journal.attempts.is_empty()) {
            return false;
        }
        let path = self.tail_of(index).task;
        let journal = self.keys[key.0 as usize].journal.as_mut();
        let Some(attempted) = journal.and_then(|journal| journal.attempts.remove(&path)) else {
            return false;
        };
        self.tasks[index as usize].failures = Some(Box::new(failures_of(attempted)));
        true
    }

    /// The journal may know more failures of the tasks of a snapshot, and has what their calls brought.
    pub(super) fn join_recovered_attempts(&mut self, key: KeySlot) {
        for place in 0..self.keys[key.0 as usize].queue.len() {
            let index = self.keys[key.0 as usize].queue[place];
            let known = self.tasks[index as usize].failures.take();
            if self.take_recovered_attempts(key, index)
                && let Some(joined) = &mut self.tasks[index as usize].failures
            {
                if let Some(known) = known.filter(|known| known.attempts > joined.attempts) {
                    (joined.attempts, joined.wait_ms, joined.due_ms) = (known.attempts, known.wait_ms, known.due_ms);
                }
            } else {
                self.tasks[index as usize].failures = known;
            }
        }
    }
}
