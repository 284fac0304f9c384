//! Durable calls in a machine with a journal: when one may start, and what is written of it. A call starts after the run's
//! first record, which fixes its identity, and after the calls before it in its action; calls side by side do not wait for
//! each other. Where a reconciler exists, that the call begins is written first.

use super::replay::Answer;
use crate::ids::{KeySlot, TaskId};
use crate::journal::{CallRecord, CallStatus, Digest, Ending, Origin, RecordBody, RetainedCall, Tail, Ticket};
use crate::run::key::TaskIndex;
use crate::run::{CallError, Effect, Machine, Router, TaskError};

/// A durable call as an action begins it.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallIn<'a> {
    /// Id of the function. Ids that it had before follow, each behind a NUL: records that have one of them are its own.
    pub function: &'a str,
    /// Digest of the arguments, where they have a canonical one.
    pub digest: Option<Digest>,
    /// Whether someone can say, after a crash, what became of the call.
    pub reconcilable: bool,
}

/// What is to be done with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallStep {
    /// Make it.
    Execute,
    /// It may have been made before a crash: ask the reconciler instead.
    Reconcile,
    /// It was made: this is what it brought.
    Replay {
        /// The payload is an exception.
        failed: bool,
        /// As the host wrote it.
        payload: Vec<u8>,
    },
    /// It may not start yet: [`Effect::CallReady`] will tell.
    Wait,
}

/// A call that has ended.
#[derive(Debug, Clone, Copy)]
pub struct CallOutcome<'a> {
    /// The payload is an exception.
    pub failed: bool,
    /// What to write down, as the host wants to read it.
    pub payload: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallState {
    Waiting,
    Executing,
    Done,
}

/// A call of a task, as far as the journal needs to know.
#[derive(Debug)]
pub(super) struct JournalledCall {
    scope: u32,
    place: u32,
    pub(super) position: Vec<u32>,
    pub(super) function: String,
    /// Ids that it had before.
    former: Box<[Box<str>]>,
    pub(super) digest: Option<Digest>,
    pub(super) reconcilable: bool,
    /// Actions of the run that had completed when it began.
    after: u32,
    state: CallState,
    /// A record says that it had begun before the crash, or a failed attempt of its action had come to it.
    pub(super) had_begun: bool,
    /// Its last record; 0 if it has none of this attempt.
    ticket: Ticket,
    /// The ticket of what it brought, if the completion of its action would say all of that record: 0 if not.
    spare: Ticket,
    /// What it brought, where the action may be tried again; open until then.
    ending: Ending,
}

impl Ending {
    fn of(failed: bool, payload: &[u8]) -> Ending {
        if failed {
            Ending::Failed
        } else {
            Ending::Returned(payload.to_vec())
        }
    }
}

impl JournalledCall {
    /// Whether a record of this function is one of the call's.
    pub(super) fn is_of(&self, function: &str) -> bool {
        self.function == function || self.former.iter().any(|id| **id == *function)
    }
}

/// The calls of a task.
#[derive(Debug, Default)]
pub(crate) struct JournalledCalls(Vec<JournalledCall>);

impl JournalledCalls {
    pub(super) fn get(&self, number: u32) -> Option<&JournalledCall> {
        self.0.get(number as usize)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut JournalledCall> {
        self.0.get_mut(number as usize)
    }

    /// Of the calls that the next attempt does not simply make again.
    pub(super) fn into_retained(self) -> impl Iterator<Item = RetainedCall> {
        // One that has no reconciler, and did not return, leaves nothing that could be asked.
        let stays = |call: &JournalledCall| {
            let had_begun = call.ticket != 0 || call.had_begun || call.ending == Ending::Failed;
            matches!(call.ending, Ending::Returned(_)) || (call.reconcilable && had_begun)
        };
        self.0.into_iter().filter(stays).map(|call| RetainedCall {
            position: call.position,
            function: call.function,
            digest: call.digest,
            ending: call.ending,
        })
    }
}

impl<R: Router> Machine<R> {
    /// An action begins a durable call as the next step of a scope; returns its number, and what to do with it.
    ///
    /// # Errors
    /// When the action has ended, or there is no such scope.
    pub fn handle_call(&mut self, task: TaskId, scope: u32, call: CallIn<'_>) -> Result<(u32, CallStep), TaskError> {
        let index = self.live(task)?;
        let state = &mut self.tasks[index as usize];
        let calls = state.calls.get_or_insert_default();
        let place = calls.begin(scope)?;
        let Some(journal) = &self.keys[state.key.0 as usize].journal else {
            return Ok((place, CallStep::Execute));
        };
        let position = calls.position(scope, place)?;
        let list = &mut state.journalled.get_or_insert_default().0;
        let number = list.len() as u32;
        let mut ids = call.function.split('\0');
        list.push(JournalledCall {
            scope,
            place,
            position,
            function: ids.next().unwrap_or_default().to_owned(),
            former: ids.map(Box::from).collect(),
            digest: call.digest,
            reconcilable: call.reconcilable,
            after: journal.progress.completed,
            state: CallState::Waiting,
            had_begun: false,
            ticket: 0,
            spare: 0,
            ending: Ending::Open,
        });
        let key = state.key;
        if let Some(step) = self.retained(key, index, number) {
            return Ok((number, self.answered(index, number, step)));
        }
        let answer = self.recorded(key, index, number);
        if !matches!(answer, Answer::None) {
            // Where code of a suspended action asks, nothing else has the key looked at: what comes after this is due now.
            self.settle(key);
        }
        let step = match answer {
            Answer::Now(step) => self.answered(index, number, step),
            Answer::Later => CallStep::Wait,
            Answer::None => self.start(key, index, number),
        };
        Ok((number, step))
    }

    /// A durable call has ended with an outcome, or was given up. What a replayed call brings is in the journal already.
    ///
    /// # Errors
    /// When the action has ended, or has no such call under way.
    pub fn handle_call_ended(
        &mut self,
        task: TaskId,
        call: u32,
        outcome: Option<CallOutcome<'_>>,
    ) -> Result<(), TaskError> {
        let index = self.live(task)?;
        let state = &mut self.tasks[index as usize];
        state.calls.get_or_insert_default().end()?;
        let key = state.key;
        let Some(ended) = state
            .journalled
            .as_mut()
            .and_then(|calls| calls.0.get_mut(call as usize))
        else {
            return Ok(());
        };
        let before = std::mem::replace(&mut ended.state, CallState::Done);
        match (before, outcome) {
            (CallState::Executing, Some(outcome)) => {
                let status = if outcome.failed {
                    CallStatus::Failed
                } else {
                    CallStatus::Succeeded
                };
                // A first record of the run, as one may be that follows a divergence, has to stay.
                let begun = self.has_begun(key);
                let ticket = self.write_call(key, index, call, status, outcome.payload.to_vec());
                let keeps = self.may_retry(index);
                if let Some(ended) = self.journalled(index, call) {
                    ended.ticket = ticket;
                    ended.spare = if begun { ticket } else { 0 };
                    if keeps {
                        ended.ending = Ending::of(outcome.failed, outcome.payload);
                    }
                }
            }
            (CallState::Waiting, _) => {
                if let Some(journal) = &mut self.keys[key.0 as usize].journal {
                    journal.waiting_calls.retain(|waiting| *waiting != (index, call));
                }
                self.give_up_recorded(key, index, call);
                self.settle(key);
            }
            _ => {}
        }
        Ok(())
    }

    /// What identifies a call among all of its key, equal in every execution of the run.
    ///
    /// # Errors
    /// When the action has ended, or has no such call.
    pub fn call_tail(&self, task: TaskId, call: u32) -> Result<Vec<u8>, TaskError> {
        let index = self.live(task)?;
        let tail = self.tail_of_call(index, call).ok_or(CallError::NotBegun)?;
        Ok(tail.encode())
    }

    /// The job in which the run of a task began.
    ///
    /// # Errors
    /// When the action has ended.
    pub fn origin_of(&self, task: TaskId) -> Result<Origin, TaskError> {
        let key = self.tasks[self.live(task)? as usize].key;
        let journal = self.keys[key.0 as usize].journal.as_ref();
        Ok(journal.map_or_else(Default::default, |journal| journal.progress.origin))
    }

    // ---- inner steps

    pub(super) fn journalled(&mut self, index: TaskIndex, call: u32) -> Option<&mut JournalledCall> {
        let calls = self.tasks.get_mut(index as usize)?.journalled.as_mut()?;
        calls.0.get_mut(call as usize)
    }

    /// Whether the action may be tried again, so that what its calls bring has to be kept.
    fn may_retry(&self, index: TaskIndex) -> bool {
        let action = self.tasks[index as usize].action;
        self.router.failure_policy(action).max_retries > 0
    }

    pub(super) fn tail_of_call(&self, index: TaskIndex, call: u32) -> Option<Tail> {
        let calls = self.tasks[index as usize].journalled.as_ref()?;
        let position = calls.0.get(call as usize)?.position.clone();
        Some(Tail {
            call: position,
            ..self.tail_of(index)
        })
    }

    /// Takes note of how the journal answered a call.
    pub(super) fn answered(&mut self, index: TaskIndex, number: u32, step: CallStep) -> CallStep {
        let keeps = self.may_retry(index);
        if let Some(call) = self.journalled(index, number) {
            if let (CallStep::Replay { failed, payload }, true) = (&step, keeps) {
                call.ending = Ending::of(*failed, payload);
            }
            call.state = match step {
                CallStep::Replay { .. } => CallState::Done,
                CallStep::Execute | CallStep::Reconcile => CallState::Executing,
                CallStep::Wait => CallState::Waiting,
            };
        }
        step
    }

    /// Starts a call that has no record, or has it wait for acknowledgements.
    pub(super) fn start(&mut self, key: KeySlot, index: TaskIndex, number: u32) -> CallStep {
        if self.may_begin(key, index, number) {
            let call = self.journalled(index, number);
            let reconcile = call.is_some_and(|call| call.had_begun && call.reconcilable);
            let step = if reconcile {
                CallStep::Reconcile
            } else {
                CallStep::Execute
            };
            return self.answered(index, number, step);
        }
        if let Some(journal) = &mut self.keys[key.0 as usize].journal {
            journal.waiting_calls.push((index, number));
        }
        CallStep::Wait
    }

    /// Whether what a call comes after is acknowledged; writes what has to be written first.
    fn may_begin(&mut self, key: KeySlot, index: TaskIndex, number: u32) -> bool {
        if !self.has_begun(key) {
            self.begin(key);
            let action = self.tasks[index as usize].action;
            if let Some(journal) = &mut self.journal {
                journal.wrote_first(action, true);
            }
        }
        let task = &self.tasks[index as usize];
        let (Some(journal), Some(calls), Some(list)) =
            (&self.keys[key.0 as usize].journal, &task.calls, &task.journalled)
        else {
            return true;
        };
        let call = &list.0[number as usize];
        if call.reconcilable && call.ticket == 0 && !call.had_begun {
            let ticket = self.write_call(key, index, number, CallStatus::Pending, Vec::new());
            if let Some(call) = self.journalled(index, number) {
                call.ticket = ticket;
            }
            return false;
        }
        if !journal.covers(journal.floor) || !journal.covers(call.ticket) {
            return false;
        }
        let mut open = list.0[..number as usize]
            .iter()
            .filter(|other| !journal.covers(other.ticket))
            .peekable();
        if open.peek().is_none() {
            return true;
        }
        let after = calls.after(call.scope, call.place).unwrap_or_default();
        open.all(|other| !comes_after(&after, &other.position))
    }

    fn write_call(
        &mut self,
        key: KeySlot,
        index: TaskIndex,
        number: u32,
        status: CallStatus,
        payload: Vec<u8>,
    ) -> Ticket {
        let Some(tail) = self.tail_of_call(index, number) else {
            return 0;
        };
        let Some(call) = self.journalled(index, number) else {
            return 0;
        };
        let body = RecordBody::Call(CallRecord {
            status,
            function: call.function.clone(),
            digest: call.digest,
            payload,
        });
        let after = call.after;
        self.write(key, &tail, after, body)
    }

    /// An action completes: what its last calls brought, as far as the host has not polled it, is not written. A completed action
    /// does not run again, so nobody would ask for it; and until the host polls, the record was in no store.
    pub(super) fn leave_out_results(&mut self, key: KeySlot, index: TaskIndex) {
        let calls = self.tasks[index as usize]
            .journalled
            .as_ref()
            .map_or(&[][..], |calls| &calls.0);
        let mut spare: Vec<Ticket> = calls
            .iter()
            .map(|call| call.spare)
            .filter(|ticket| *ticket != 0)
            .collect();
        spare.sort_unstable();
        let (Some(first), Some(journal)) = (spare.first(), &mut self.keys[key.0 as usize].journal) else {
            return;
        };
        // Records stand in the order of their tickets, and these among the last: what is before them is not looked at.
        let earlier = |effect: &Effect| matches!(effect, Effect::Record { ticket, .. } if ticket < first);
        let from = self.effects.iter().rposition(earlier).map_or(0, |at| at + 1);
        let is_spare = |ticket: &Ticket| spare.binary_search(ticket).is_ok();
        for effect in self.effects.split_off(from) {
            match effect {
                Effect::Record { ticket, .. } if is_spare(&ticket) => {
                    if let Ok(at) = journal
                        .unacknowledged
                        .binary_search_by_key(&ticket, |record| record.ticket)
                    {
                        journal.unacknowledged.remove(at);
                    }
                }
                effect => self.effects.push_back(effect),
            }
        }
    }

    /// Starts calls that waited for acknowledgements.
    pub(super) fn review_calls(&mut self, key: KeySlot) {
        let Some(journal) = &mut self.keys[key.0 as usize].journal else {
            return;
        };
        // Those that go on waiting are put back.
        for (index, number) in std::mem::take(&mut journal.waiting_calls) {
            let step = self.start(key, index, number);
            if step != CallStep::Wait {
                self.tell_ready(key, index, number, step);
            }
        }
    }

    pub(super) fn tell_ready(&mut self, key: KeySlot, index: TaskIndex, call: u32, step: CallStep) {
        self.effects.push_back(Effect::CallReady {
            task: self.id_of(index),
            key,
            call,
            step: Box::new(step),
        });
    }
}

/// Whether a call at `position` lies in a step that `after` names, or in one before that.
fn comes_after(after: &[Vec<u32>], position: &[u32]) -> bool {
    after.iter().any(|step| {
        let Some((last, way)) = step.split_last() else {
            return false;
        };
        position.starts_with(way) && position.get(way.len()).is_some_and(|place| place <= last)
    })
}

#[cfg(test)]
mod tests {
    use super::comes_after;

    #[test]
    fn a_call_comes_after_all_that_stands_before_it_in_its_sequences() {
        // The second call of the first piece of code in a group that is the third step.
        let after = [vec![2, 0, 0], vec![1]];
        for before in [vec![0], vec![1], vec![1, 5, 3], vec![2, 0, 0]] {
            assert!(comes_after(&after, &before), "{before:?}");
        }
        for beside in [vec![2, 1, 0], vec![2, 0, 1], vec![3]] {
            assert!(!comes_after(&after, &beside), "{beside:?}");
        }
        assert!(!comes_after(&[], &[0]));
    }
}
