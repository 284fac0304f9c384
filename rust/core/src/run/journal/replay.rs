//! How a run goes along the records of an earlier attempt, so that it comes to where that was.
//!
//! What a task reads changes only when another one completes. So the records are reached by the number of actions that have
//! completed: an action takes effect in the place at which it completed; a task begins, and goes on after a call, when as
//! many had completed as when it made its next recorded call. Results of calls of one task come in the order in which they
//! came. Whatever was done after the last record, nobody has seen: a task without records begins, one goes on after the last
//! of its recorded calls, and a call without a record is made, when all recorded actions have taken effect and all recorded
//! calls have been come to.
//!
//! *Divergence*: a call of another function or with other arguments; a call or an action, be it one that failed, that the run
//! does not come to. It is said, and what is left of the run's records is taken out of the journal, since a later attempt must
//! not take them for its own.

use super::CallStep;
use crate::ids::{KeySlot, TaskId};
use crate::journal::{Attempted, CallStatus, Completion, OnDivergence, Path, RecoveredRun, Tail, shown_attempt};
use crate::run::key::{TaskIndex, TaskState};
use crate::run::{Effect, Machine, Router, TaskError};
use rustc_hash::FxHashMap;

/// What the journal answers to a call.
pub(super) enum Answer {
    /// It has no record.
    None,
    /// What to do.
    Now(CallStep),
    /// What to do will be told.
    Later,
}

/// A run that goes along its records.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) recovered: RecoveredRun,
    /// Calls that wait for their answers.
    pub(super) asked: Vec<(TaskIndex, u32)>,
    /// The key stands in the machine's list of those to look at.
    listed: bool,
}

impl Replay {
    /// Nothing if there is nothing to go along, nor actions that failed to come to.
    pub(super) fn of(mut recovered: RecoveredRun, attempts: &FxHashMap<Path, Attempted>) -> Option<Replay> {
        recovered.settle();
        (!recovered.is_over() || !attempts.is_empty()).then_some(Replay {
            recovered,
            asked: Vec::new(),
            listed: false,
        })
    }
}

impl<R: Router> Machine<R> {
    /// Whether a queued task may take its turn.
    pub(in crate::run) fn may_start(&self, key: KeySlot, index: TaskIndex) -> bool {
        let Some(journal) = &self.keys[key.0 as usize].journal else {
            return true;
        };
        let task = &self.tasks[index as usize];
        if journal.unread || task.state == TaskState::Woken {
            return !journal.unread;
        }
        if !journal.covers(task.after) {
            return false;
        }
        let Some(Replay { recovered, .. }) = &journal.replay else {
            return true;
        };
        let path = self.tail_of(index).task;
        if recovered.has_completed(&path) {
            return false;
        }
        match recovered.next_call_after(&path, None) {
            Some(completed) => recovered.completed() >= completed,
            None => recovered.is_reached(),
        }
    }

    /// Whether code of an action, suspended or not, goes on beside what waits for its durable calls: a coroutine that waits for
    /// a timer, for instance. As long as it does it may make the calls that the journal has, so its run is not taken for one
    /// that does not come to them, and no action is replayed that completed after one of them. Without a journal nothing follows from
    /// it.
    ///
    /// # Errors
    /// When the action has ended.
    pub fn handle_busy(&mut self, task: TaskId, busy: bool) -> Result<(), TaskError> {
        let index = self.live(task)?;
        let state = &mut self.tasks[index as usize];
        state.busy = busy;
        let key = state.key;
        if !busy {
            self.settle(key);
        }
        Ok(())
    }

    /// Whether what was replayed for a task is still on its way to its code, which is in another process. Until it is there, and
    /// that code has come to its next wait, nothing else of the run is replayed: it would be too early for what the code reads.
    /// A host whose code runs in place wakes the task instead, before it asks for the next effect. Without a journal nothing
    /// follows from it.
    ///
    /// # Errors
    /// When the action has ended.
    pub fn handle_held(&mut self, task: TaskId, held: bool) -> Result<(), TaskError> {
        let index = self.live(task)?;
        let state = &mut self.tasks[index as usize];
        state.held = held;
        let key = state.key;
        if !held {
            self.settle(key);
        }
        Ok(())
    }

    /// Puts a key on the list of those whose replay is to be looked at when nothing else is to be done.
    pub(in crate::run) fn list_replay(&mut self, key: KeySlot) -> bool {
        let Some(replay) = self.keys[key.0 as usize]
            .journal
            .as_mut()
            .and_then(|journal| journal.replay.as_mut())
        else {
            return false;
        };
        if !std::mem::replace(&mut replay.listed, true) {
            self.replaying.push_back(key);
        }
        true
    }

    /// Brings a replay one step on, when its key has neither a running task nor one that may run.
    pub(in crate::run) fn advance_replay(&mut self, key: KeySlot) {
        let state = &mut self.keys[key.0 as usize];
        let held = state.suspended.iter().any(|index| self.tasks[*index as usize].held);
        let idle = state.running.is_none() && !state.ready && !held;
        let Some(journal) = &mut state.journal else {
            return;
        };
        let Some(replay) = &mut journal.replay else {
            return;
        };
        replay.listed = false;
        if !idle || journal.unread {
            return;
        }
        if replay.recovered.is_over() && replay.asked.is_empty() {
            match shown_attempt(state.sequence, &journal.attempts) {
                None => journal.replay = None,
                Some(left) => {
                    let what = format!("its journal has {left}, and now the run does not come to that");
                    self.diverge(key, &what);
                }
            }
            return self.settle(key);
        }
        if self.answer_asked(key) {
            // The host hears of it, and wakes whom it concerns, before anything else is done.
            return self.settle(key);
        }
        if !self.complete_next(key) && self.check_stalled(key) {
            self.settle(key);
        }
    }

    /// Answers calls whose time has come; true if there was one.
    fn answer_asked(&mut self, key: KeySlot) -> bool {
        let Some(replay) = self.keys[key.0 as usize]
            .journal
            .as_mut()
            .and_then(|journal| journal.replay.as_mut())
        else {
            return false;
        };
        let mut answered = false;
        for (index, number) in std::mem::take(&mut replay.asked) {
            match self.answer(key, index, number) {
                Some(CallStep::Wait) => {}
                Some(step) => {
                    answered = true;
                    let step = self.answered(index, number, step);
                    self.tell_ready(key, index, number, step);
                }
                None => self.ask(key, index, number),
            }
        }
        answered
    }

    fn ask(&mut self, key: KeySlot, index: TaskIndex, number: u32) {
        let journal = self.keys[key.0 as usize].journal.as_mut();
        if let Some(replay) = journal.and_then(|journal| journal.replay.as_mut()) {
            replay.asked.push((index, number));
        }
    }

    /// The next recorded action takes its turn, if it is queued.
    fn complete_next(&mut self, key: KeySlot) -> bool {
        let state = &self.keys[key.0 as usize];
        let Some(replay) = state.journal.as_ref().and_then(|journal| journal.replay.as_ref()) else {
            return false;
        };
        let Some(next) = replay.recovered.next_completion() else {
            return false;
        };
        // What code that goes on beside calls reads may be decided by how many have completed; so may what one reads that is
        // tried again.
        let comes_first = |index: &TaskIndex| {
            let task = &self.tasks[*index as usize];
            let after = || replay.recovered.next_call_after(&self.tail_of(*index).task, None);
            let reads = task.busy || task.state == TaskState::Backoff;
            reads && after().is_some_and(|after| after <= replay.recovered.completed())
        };
        if state.suspended.iter().any(comes_first) {
            return false;
        }
        let found = state.queue.iter().position(|index| self.tail_of(*index).task == *next);
        let Some(place) = found else {
            return false;
        };
        let state = &mut self.keys[key.0 as usize];
        if let Some(index) = state.queue.remove(place) {
            state.queue.push_front(index);
            state.ready = true;
            self.ready.push(key, false);
        }
        true
    }

    /// The record of a task whose turn it is, if it completed in an earlier attempt.
    pub(in crate::run) fn take_completion(&mut self, key: KeySlot, index: TaskIndex) -> Option<Completion> {
        self.keys[key.0 as usize].journal.as_ref()?.replay.as_ref()?;
        let path = self.tail_of(index).task;
        let replay = self.keys[key.0 as usize].journal.as_mut()?.replay.as_mut()?;
        replay.recovered.take_completion(&path)
    }

    /// What the journal has of a call that an action begins.
    pub(super) fn recorded(&mut self, key: KeySlot, index: TaskIndex, number: u32) -> Answer {
        let Some(tail) = self.tail_of_call(index, number) else {
            return Answer::None;
        };
        let call = self.tasks[index as usize]
            .journalled
            .as_ref()
            .and_then(|calls| calls.get(number));
        let journal = self.keys[key.0 as usize].journal.as_mut();
        let (Some(call), Some(replay)) = (call, journal.and_then(|journal| journal.replay.as_mut())) else {
            return Answer::None;
        };
        let Some(order) = replay.recovered.order_of_call(&tail) else {
            if replay.recovered.is_reached() {
                return Answer::None;
            }
            self.ask(key, index, number);
            return Answer::Later;
        };
        let Some(recovered) = replay.recovered.call(&tail.task, order) else {
            return Answer::None;
        };
        let record = &recovered.record;
        // A digest on one side only: the function has begun, or ceased, to have canonical arguments. That says nothing.
        let other_arguments = matches!((record.digest, call.digest), (Some(one), Some(other)) if one != other);
        if !call.is_of(&record.function) || other_arguments {
            let now = if other_arguments {
                "the same function with other arguments".to_owned()
            } else {
                format!("function '{}'", call.function)
            };
            let was = recovered.shown(tail.run, &tail.task);
            self.diverge(key, &format!("its journal has {was}, and now the action calls {now}"));
            return Answer::None;
        }
        replay.recovered.request(&tail.task, order, number);
        match self.answer(key, index, number) {
            Some(step) => Answer::Now(step),
            None => {
                self.ask(key, index, number);
                Answer::Later
            }
        }
    }

    /// The answer to a call that has a record, if its time has come; `Wait` if it is now one that has none.
    fn answer(&mut self, key: KeySlot, index: TaskIndex, number: u32) -> Option<CallStep> {
        let tail = self.tail_of_call(index, number)?;
        let replay = self.keys[key.0 as usize].journal.as_mut()?.replay.as_mut()?;
        let recovered = &mut replay.recovered;
        let Some(order) = recovered.order_of_call(&tail) else {
            return recovered.is_reached().then(|| self.start(key, index, number));
        };
        let (first, call) = recovered.first_call_of(&tail.task)?;
        let pending = call.record.status == CallStatus::Pending;
        if first != order && !pending {
            return None;
        }
        let time_has_come = match recovered.next_call_after(&tail.task, Some(order)) {
            Some(completed) if !pending => recovered.completed() >= completed,
            _ => recovered.is_reached(),
        };
        if !time_has_come {
            return None;
        }
        let record = recovered.take_call(&tail.task, order)?.record;
        Some(match record.status {
            // It starts like any other, once what comes before it is acknowledged.
            CallStatus::Pending => {
                self.journalled(index, number)?.had_begun = true;
                self.start(key, index, number)
            }
            status => CallStep::Replay {
                failed: status == CallStatus::Failed,
                payload: record.payload,
            },
        })
    }

    /// The action gave up a call that waits for its answer: it has come to it, and nothing more is to be reached there.
    pub(super) fn give_up_recorded(&mut self, key: KeySlot, index: TaskIndex, number: u32) {
        let Some(tail) = self.tail_of_call(index, number) else {
            return;
        };
        let journal = self.keys[key.0 as usize].journal.as_mut();
        if let Some(replay) = journal.and_then(|journal| journal.replay.as_mut()) {
            replay.asked.retain(|asked| *asked != (index, number));
            if let Some(order) = replay.recovered.order_of_call(&tail) {
                replay.recovered.take_call(&tail.task, order);
            }
        }
    }

    /// Says that the run diverged if what is left cannot be reached any more; true if it did.
    fn check_stalled(&mut self, key: KeySlot) -> bool {
        let state = &self.keys[key.0 as usize];
        let Some(journal) = &state.journal else {
            return false;
        };
        let Some(replay) = &journal.replay else {
            return false;
        };
        if !journal.unacknowledged.is_empty() {
            return false;
        }
        // A task that waits for something else than the journal may bring it yet.
        let asked = |index: &TaskIndex| replay.asked.iter().any(|(task, _)| task == index);
        let waits = |index: &TaskIndex| asked(index) && !self.tasks[*index as usize].busy;
        if !state.suspended.iter().all(waits) {
            return false;
        }
        let left = replay.recovered.shown_left(state.sequence).unwrap_or_default();
        self.diverge(
            key,
            &format!("its journal has {left}, and now the run does not come to that"),
        );
        true
    }

    /// A finishing action has not made all the calls it has records of.
    pub(super) fn check_calls_left(&mut self, key: KeySlot, task: &Tail) {
        let replay = self.keys[key.0 as usize]
            .journal
            .as_ref()
            .and_then(|journal| journal.replay.as_ref());
        let left = replay.and_then(|replay| replay.recovered.first_call_of(&task.task));
        if let Some((_, call)) = left {
            let was = call.shown(task.run, &task.task);
            self.diverge(
                key,
                &format!("its journal has {was}, and now the action ended without that call"),
            );
        }
    }

    /// The run does not match its journal: says it, takes what is left of it out of the journal, and goes on without.
    fn diverge(&mut self, key: KeySlot, what: &str) {
        let run = self.keys[key.0 as usize].sequence;
        let replay = self.keys[key.0 as usize]
            .journal
            .as_mut()
            .and_then(|journal| journal.replay.take());
        self.tell_divergence(key, run, what);
        if let Some(replay) = replay {
            let recovered = replay.recovered;
            if let Some(journal) = &mut self.keys[key.0 as usize].journal {
                // The digest may stand in one of those that go.
                journal.progress.begun = recovered.has_begun();
            }
            let attempts = self.keys[key.0 as usize].journal.as_mut();
            let attempts = attempts.map(|journal| std::mem::take(&mut journal.attempts));
            self.discard(
                key,
                recovered
                    .with_attempts(attempts.unwrap_or_default())
                    .into_tails(run, false),
            );
            for (index, number) in replay.asked {
                let step = self.start(key, index, number);
                if step != CallStep::Wait {
                    self.tell_ready(key, index, number, step);
                }
            }
        }
    }

    pub(super) fn tell_divergence(&mut self, key: KeySlot, run: u64, what: &str) {
        const HOW: &str = "Is there something in the action that comes out differently each time, a clock or a random number outside of durable calls? Or was the agent changed?";
        const HOLES: &str = "The journal has holes: records that the restored checkpoint needs are no longer there, so what is left of this run may be only a part.";
        let all = self.journal.as_ref();
        let fails = all.is_some_and(|journal| journal.settings.on_divergence == OnDivergence::Fail);
        let how = if all.is_some_and(|journal| journal.has_holes) {
            HOLES
        } else {
            HOW
        };
        if fails {
            let reason = format!(
                "Run {run} does not match its journal: {what}. {how} With `action-state.on-divergence: reexecute` such a run goes on without the rest of its journal"
            );
            return self.fail(key, reason);
        }
        let reason = format!(
            "Run {run} does not match its journal: {what}. What no longer fits is dropped from the journal, and may be done a second time. {how}"
        );
        self.effects.push_back(Effect::Diverged { key, reason });
    }

    /// Takes records out of the journal; calls come after that.
    pub(super) fn discard(&mut self, key: KeySlot, tails: Vec<Tail>) {
        let mut last = 0;
        for tail in tails {
            last = self.append(key, tail.encode().into(), None);
        }
        if let Some(journal) = &mut self.keys[key.0 as usize].journal {
            journal.floor = journal.floor.max(last);
        }
    }

    /// The run of a snapshot goes along what the store has of it.
    pub(super) fn begin_replay_of_restored(&mut self, key: KeySlot) {
        let state = &self.keys[key.0 as usize];
        let unfinished: Vec<_> = state.queue.iter().map(|index| self.tail_of(*index).task).collect();
        let run = state.sequence;
        let Some(journal) = &mut self.keys[key.0 as usize].journal else {
            return;
        };
        let Some(mut recovered) = journal.history.runs.remove(&run) else {
            return;
        };
        recovered.keep_below(&unfinished);
        let progress = &mut journal.progress;
        progress.begun = true;
        progress.order = progress.order.max(recovered.next_order());
        journal.attempts = recovered.take_attempts();
        journal.replay = Replay::of(recovered, &journal.attempts);
        self.join_recovered_attempts(key);
    }
}
