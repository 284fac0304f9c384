//! What becomes of an action that failed: its [`FailurePolicy`] says whether it is tried again, and what follows when its
//! retries are used up.
//!
//! *Retry*: what the attempt sent and wrote is dropped, and the task waits, as a suspended one does, for as long as the
//! machine says in [`Effect::Backoff`]; then it runs again from its first line. Others of its run go on; the key's next run
//! waits for it. The wait is a timer of the host, so a machine needs no clock: the host says what time it is when it reports
//! the failure. With a journal the failure is recorded before the next attempt starts (`journal/attempts.rs`).
//!
//! *Dead letter*: the action ends without what it sent and wrote. The host sends one event of the type
//! [`DEAD_LETTER_EVENT`](crate::symbols::DEAD_LETTER_EVENT) for it and finishes it like any other, so that the letter is
//! recorded, held back and replayed as an output is.
//!
//! Whatever the policy, an action is tried a bounded number of times, those before a crash included if they were recorded.

use super::key::{EventIndex, TaskIndex, TaskState};
use super::{Effect, Machine, Router, TaskError};
use crate::ids::{KeySlot, TaskId, ValueHandle};
use crate::journal::RetainedCall;
use crate::memory::Node;

/// What follows when an action has failed and is not tried again (`on-failure`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The job fails.
    #[default]
    Fail,
    /// The action ends, a letter tells of it, and its run goes on without it.
    DeadLetter,
}

/// What is done about failures of one action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailurePolicy {
    /// See there.
    pub on_failure: OnFailure,
    /// Retries after the first try.
    pub max_retries: u32,
    /// Wait before the first retry, in milliseconds; doubles with each further one.
    pub backoff_ms: u64,
    /// Longest wait, in milliseconds.
    pub max_backoff_ms: u64,
    /// Share of each wait, from 0 to 1, that differs from failure to failure.
    pub jitter: f64,
}

impl Default for FailurePolicy {
    fn default() -> Self {
        FailurePolicy {
            on_failure: OnFailure::Fail,
            max_retries: 0,
            backoff_ms: 1_000,
            max_backoff_ms: 60_000,
            jitter: 0.5,
        }
    }
}

impl FailurePolicy {
    /// Whether an exception leads to anything else than that the job fails.
    pub fn is_asked_for(&self) -> bool {
        self.on_failure == OnFailure::DeadLetter || self.max_retries > 0
    }

    /// Milliseconds to wait after the failure of this number, from 1. `seed` stands for chance: equal ones give equal waits.
    pub fn wait_ms(&self, failure: u32, seed: u64) -> u64 {
        let doubled = failure.saturating_sub(1).min(63);
        let whole = self.backoff_ms.saturating_mul(1 << doubled).min(self.max_backoff_ms);
        // The upper 53 bits are a number from 0 to 1 that loses nothing as a float.
        let share = (mixed(seed) >> 11) as f64 / (1_u64 << 53) as f64;
        let off = whole as f64 * self.jitter.clamp(0.0, 1.0) * share;
        whole.saturating_sub(off as u64)
    }
}

/// splitmix64's last step: every bit of the result depends on every bit of the seed.
fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What is done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The host fails the task of its job, with the exception.
    Fail {
        /// Times the action was tried.
        attempts: u32,
    },
    /// The attempt is over, its context too. [`Effect::Backoff`] says how long to wait.
    Retry {
        /// Times the action was tried.
        attempts: u32,
        /// Milliseconds until the next.
        wait_ms: u64,
    },
    /// The host sends the action's dead letter and finishes it.
    DeadLetter {
        /// Times the action was tried.
        attempts: u32,
    },
}

/// Failures of a task that is tried again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failures {
    /// How many.
    pub(crate) attempts: u32,
    /// The wait after the last one.
    pub(crate) wait_ms: u64,
    /// When that ends, in the host's milliseconds.
    pub(crate) due_ms: i64,
    /// Durable calls of earlier attempts. Only with a journal.
    pub(crate) calls: Vec<RetainedCall>,
}

impl<R: Router> Machine<R> {
    /// The running action's code raised an exception; says what is to be done. `now_ms` is the time, in milliseconds since
    /// 1970, from which the end of a wait is reckoned.
    ///
    /// # Errors
    /// When the task is not the one running. The machine is as it was then.
    pub fn handle_failed(&mut self, task: TaskId, now_ms: i64) -> Result<Verdict, TaskError> {
        let index = self.running(task)?;
        let state = &self.tasks[index as usize];
        let (key, action) = (state.key, state.action);
        let attempts = self.attempts_of(index).saturating_add(1);
        let policy = self.router.failure_policy(action);
        if attempts > policy.max_retries {
            if policy.on_failure == OnFailure::Fail {
                return Ok(Verdict::Fail { attempts });
            }
            self.drop_attempt(index);
            self.tasks[index as usize].dead = true;
            return Ok(Verdict::DeadLetter { attempts });
        }
        let wait_ms = policy.wait_ms(attempts, self.seed_of(index, attempts));
        let calls = self.drop_attempt(index);
        let failures = Failures {
            attempts,
            wait_ms,
            due_ms: now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX)),
            calls,
        };
        let after = self.record_attempt(key, index, &failures);
        let state = &mut self.tasks[index as usize];
        state.after = state.after.max(after);
        state.failures = Some(Box::new(failures));
        self.keys[key.0 as usize].running = None;
        self.figures.failed_attempts += 1;
        // What the old attempt's code still says is refused.
        self.retire(index);
        self.mark_dirty(key);
        self.back_off(key, index);
        self.settle(key);
        Ok(Verdict::Retry { attempts, wait_ms })
    }

    /// The wait of [`Effect::Backoff`] is over. A task that has ended meanwhile, or waits no more, is passed over.
    pub fn handle_backoff_over(&mut self, task: TaskId) {
        let Ok(index) = self.live(task) else {
            return;
        };
        let state = &mut self.tasks[index as usize];
        if state.state != TaskState::Backoff {
            return;
        }
        state.state = TaskState::Queued;
        let key = state.key;
        let state = &mut self.keys[key.0 as usize];
        state.suspended.retain(|other| *other != index);
        state.queue.push_back(index);
        self.figures.suspended_tasks -= 1;
        self.settle(key);
    }

    /// Times that a task was tried and failed.
    ///
    /// # Errors
    /// When the action has ended.
    pub fn failed_attempts(&self, task: TaskId) -> Result<u32, TaskError> {
        Ok(self.attempts_of(self.live(task)?))
    }

    /// Whether a task has failed for good, so that what is still to come of it is its dead letter.
    pub fn ends_by_letter(&self, task: TaskId) -> bool {
        self.live(task).is_ok_and(|index| self.tasks[index as usize].dead)
    }

    /// The event of the input whose run a task belongs to, if some action's policy is a dead letter.
    ///
    /// # Errors
    /// When the action has ended.
    pub fn input_of(&self, task: TaskId) -> Result<Option<ValueHandle>, TaskError> {
        let key = self.tasks[self.live(task)? as usize].key;
        let input = self.keys[key.0 as usize].input;
        Ok(input.map(|event| self.events[event as usize].value))
    }

    // ---- inner steps

    fn attempts_of(&self, index: TaskIndex) -> u32 {
        let failures = self.tasks[index as usize].failures.as_ref();
        failures.map_or(0, |failures| failures.attempts)
    }

    /// Equal in every execution of the same failure, and different for others.
    fn seed_of(&self, index: TaskIndex, attempts: u32) -> u64 {
        let task = &self.tasks[index as usize];
        let trigger = self.events[task.event as usize].id.0;
        let run = self.keys[task.key.0 as usize].sequence;
        let parts = [trigger as u64, (trigger >> 64) as u64, u64::from(task.action.0), run];
        let seed = parts.iter().fold(0, |seed, part| mixed(seed ^ part));
        seed ^ u64::from(attempts)
    }

    /// Takes back what a running task has sent and written; returns what its durable calls brought, for the next attempt.
    fn drop_attempt(&mut self, index: TaskIndex) -> Vec<RetainedCall> {
        let calls = self.retain_calls(index);
        let id = self.id_of(index);
        // Nobody is left whom it concerns.
        self.effects
            .retain(|effect| !matches!(effect, Effect::CallReady { task, .. } if *task == id));
        let task = &mut self.tasks[index as usize];
        (task.calls, task.journalled) = (None, None);
        (task.busy, task.held) = (false, false);
        for event in std::mem::take(&mut task.sent) {
            let value = self.events.remove(event as usize).value;
            self.effects.push_back(Effect::Release(value));
        }
        for overlay in [&mut task.sensory, &mut task.short_term] {
            for (_, node) in overlay.drain() {
                if let Node::Value(value) = node {
                    self.effects.push_back(Effect::Release(value));
                }
            }
        }
        calls
    }

    /// A task that is in none of its key's lists waits until it is tried again.
    pub(super) fn back_off(&mut self, key: KeySlot, index: TaskIndex) {
        self.tasks[index as usize].state = TaskState::Backoff;
        self.keys[key.0 as usize].suspended.push(index);
        self.figures.suspended_tasks += 1;
        let task = self.id_of(index);
        let failures = self.tasks[index as usize].failures.as_deref();
        let (wait_ms, due_ms) = failures.map_or((0, 0), |failures| (failures.wait_ms, failures.due_ms));
        self.effects.push_back(Effect::Backoff {
            task,
            key,
            wait_ms,
            due_ms,
        });
    }

    /// Tasks that were restored and have failed before wait for what is left of their wait.
    pub(super) fn back_off_restored(&mut self, key: KeySlot) {
        let state = &mut self.keys[key.0 as usize];
        let tasks = &self.tasks;
        let mut failed = Vec::new();
        state.queue.retain(|index| {
            let task = &tasks[*index as usize];
            let waits = task.state == TaskState::Queued && task.failures.is_some();
            if waits {
                failed.push(*index);
            }
            !waits
        });
        failed.into_iter().for_each(|index| self.back_off(key, index));
    }

    /// Keeps the input of a run until the run ends, for its dead letters.
    pub(super) fn keep_input(&mut self, key: KeySlot, event: EventIndex) {
        self.events[event as usize].uses += 1;
        self.keys[key.0 as usize].input = Some(event);
    }
}
