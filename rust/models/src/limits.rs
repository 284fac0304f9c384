//! How many calls a connection may make: by number at once, by requests and tokens a minute, by what the server asks
//! for (`Retry-After`), and by whether it is alive at all (circuit breaker).
//!
//! *Owned state*: one [`Limiter`] for a connection in a process; its subtasks share it. Limits of a job are divided by
//! its parallelism: each of n subtasks brings an n-th, so a process has the part of the subtasks that it runs.
//!
//! *Order*: first come, first served. The first in the line waits for what it lacks, the others for the line.
//!
//! *Circuit*: `closed` –(`breaker_failures` failures in a row)→ `open` –(`breaker_pause` is over)→ one call is let
//! through as a trial –(it succeeds)→ `closed`, –(it fails)→ `open` again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Line, Notify};
use tokio::time::{Instant, sleep_until};

/// The limits of a whole job; `None` is no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Calls at once.
    pub concurrency: Option<u64>,
    /// Calls a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, of questions and answers.
    pub tokens_per_minute: Option<u64>,
    /// Failures in a row after which the circuit opens; 0 for never.
    pub breaker_failures: u32,
    /// How long it stays open.
    pub breaker_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            breaker_failures: 20,
            breaker_pause: Duration::from_secs(30),
        }
    }
}

/// What a limiter has done so far, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimiterStatus {
    /// Calls that run.
    pub in_flight: u64,
    /// Calls that were let through.
    pub admitted: u64,
    /// Calls refused because the circuit was open.
    pub refused: u64,
    /// Whether the circuit is open.
    pub open: bool,
}

/// The limiter of one connection in this process. Cheap to share; may be used from any thread of a tokio runtime.
pub struct Limiter {
    limits: Limits,
    line: Line<()>,
    freed: Notify,
    state: Mutex<State>,
}

struct State {
    /// The part of the job's limits that this process has.
    share: f64,
    in_flight: u64,
    requests: Bucket,
    tokens: Bucket,
    held_until: Option<Instant>,
    failures: u32,
    open_until: Option<Instant>,
    trial: bool,
    admitted: u64,
    refused: u64,
}

enum Turn {
    Go,
    Until(Instant),
    /// Until another call ends.
    Full,
    /// For this long.
    Open(Duration),
}

/// Why a call was not let through: the circuit is open for this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitOpen(pub Duration);

/// How a call that was let through ended, as far as the limiter has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered.
    Answered {
        /// What it cost, if that is known.
        tokens: Option<u64>,
    },
    /// The server is alive, but gave no answer (it refused the request, say).
    Alive,
    /// It failed as ill servers do.
    Ill,
}

impl Limiter {
    /// A limiter that no subtask has joined yet: it has the limits of one.
    pub fn new(limits: Limits) -> Arc<Self> {
        let state = State {
            share: 0.0,
            in_flight: 0,
            requests: Bucket::full(),
            tokens: Bucket::full(),
            held_until: None,
            failures: 0,
            open_until: None,
            trial: false,
            admitted: 0,
            refused: 0,
        };
        Arc::new(Self {
            limits,
            line: Line::new(()),
            freed: Notify::new(),
            state: Mutex::new(state),
        })
    }

    /// Adds the part of one of `parallelism` subtasks, until what is returned is dropped.
    pub fn join(self: &Arc<Self>, parallelism: u32) -> Membership {
        let part = 1.0 / f64::from(parallelism.max(1));
        self.lock().share += part;
        self.freed.notify_one();
        Membership {
            limiter: Arc::clone(self),
            part,
        }
    }

    /// Waits until one more call may be made that will cost about `tokens`.
    ///
    /// # Errors
    /// At once, when the circuit is open.
    pub async fn admit(self: &Arc<Self>, tokens: u64) -> Result<Permit, CircuitOpen> {
        let _turn = self.line.lock().await;
        loop {
            let turn = self.lock().turn(&self.limits, Instant::now(), tokens);
            match turn {
                Turn::Go => {
                    return Ok(Permit {
                        limiter: Arc::clone(self),
                        tokens,
                        done: false,
                    });
                }
                Turn::Until(time) => sleep_until(time).await,
                Turn::Full => self.freed.notified().await,
                Turn::Open(rest) => return Err(CircuitOpen(rest)),
            }
        }
    }

    /// Makes no call before the given time is over: the server asked for it.
    pub fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        state.held_until = Some(state.held_until.map_or(until, |before| before.max(until)));
    }

    /// What it does now and has done.
    pub fn status(&self) -> LimiterStatus {
        let state = self.lock();
        LimiterStatus {
            in_flight: state.in_flight,
            admitted: state.admitted,
            refused: state.refused,
            open: state.open_until.is_some(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turn(&mut self, limits: &Limits, now: Instant, tokens: u64) -> Turn {
        if let Some(until) = self.open_until
            && (now < until || self.trial)
        {
            self.refused += 1;
            return Turn::Open(until.saturating_duration_since(now));
        }
        if let Some(until) = self.held_until {
            if now < until {
                return Turn::Until(until);
            }
            self.held_until = None;
        }
        // Never joined: alone. A share of a limit is never less than one call at a time.
        let share = if self.share > 0.0 { self.share.min(1.0) } else { 1.0 };
        if let Some(most) = limits.concurrency
            && self.in_flight >= ((most as f64 * share + 1e-9) as u64).max(1)
        {
            return Turn::Full;
        }
        let requests = limits.requests_per_minute.map(|limit| limit as f64 * share);
        let per_minute = limits.tokens_per_minute.map(|limit| limit as f64 * share);
        let later = requests.and_then(|limit| self.requests.until(now, limit, 1.0));
        // What alone is above the limit of a minute would wait for ever: it waits for a full bucket.
        let cost = per_minute.map_or(0.0, |limit| (tokens as f64).min(limit));
        let later = later.max(per_minute.and_then(|limit| self.tokens.until(now, limit, cost)));
        if let Some(time) = later {
            return Turn::Until(time);
        }
        self.requests.take(1.0);
        self.tokens.take(tokens as f64);
        self.trial = self.open_until.is_some();
        self.in_flight += 1;
        self.admitted += 1;
        Turn::Go
    }
}

/// A subtask's part of a limiter.
pub struct Membership {
    limiter: Arc<Limiter>,
    part: f64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.limiter.lock().share -= self.part;
    }
}

/// The right to make one call. A permit that is dropped without [`Permit::end`] (the caller was cancelled) says
/// nothing about the server.
pub struct Permit {
    limiter: Arc<Limiter>,
    tokens: u64,
    done: bool,
}

impl Permit {
    /// Tells how the call ended.
    pub fn end(mut self, outcome: Outcome) {
        self.close(Some(outcome));
    }

    fn close(&mut self, outcome: Option<Outcome>) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let limits = &self.limiter.limits;
        let mut state = self.limiter.lock();
        state.in_flight -= 1;
        match outcome {
            Some(Outcome::Answered { tokens }) => {
                state
                    .tokens
                    .take(tokens.unwrap_or(self.tokens) as f64 - self.tokens as f64);
                state.close_circuit();
            }
            Some(Outcome::Alive) => {
                state.tokens.take(-(self.tokens as f64));
                state.close_circuit();
            }
            Some(Outcome::Ill) => {
                state.tokens.take(-(self.tokens as f64));
                state.failures = state.failures.saturating_add(1);
                if state.trial || (limits.breaker_failures > 0 && state.failures >= limits.breaker_failures) {
                    state.open_until = Some(Instant::now() + limits.breaker_pause);
                    state.trial = false;
                }
            }
            None => state.trial = false,
        }
        drop(state);
        self.limiter.freed.notify_one();
    }
}

impl State {
    fn close_circuit(&mut self) {
        self.failures = 0;
        self.open_until = None;
        self.trial = false;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.close(None);
    }
}

/// A token bucket that fills in a minute. It may be overdrawn: what a call really cost is known after it.
struct Bucket {
    /// What was taken and has not flowed back yet.
    missing: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn full() -> Self {
        Self { missing: 0.0, at: None }
    }

    fn take(&mut self, amount: f64) {
        self.missing = (self.missing + amount).max(0.0);
    }

    /// When the amount is there; `None` if it is now.
    fn until(&mut self, now: Instant, per_minute: f64, amount: f64) -> Option<Instant> {
        let per_second = per_minute / 60.0;
        if let Some(at) = self.at.replace(now) {
            self.missing = (self.missing - now.duration_since(at).as_secs_f64() * per_second).max(0.0);
        }
        // A limit below one a minute, as a share may be, still lets a whole call through.
        let lacking = self.missing + amount - per_minute.max(amount);
        (lacking > 1e-6).then(|| now + Duration::from_secs_f64(lacking / per_second + 0.001))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            breaker_failures: 3,
            ..Limits::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_run_at_once_than_allowed() {
        let limiter = Limiter::new(Limits {
            concurrency: Some(2),
            ..limits()
        });
        let (a, _b) = (limiter.admit(0).await.unwrap(), limiter.admit(0).await.unwrap());
        let third = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move { limiter.admit(0).await.map(|permit| permit.end(Outcome::Alive)) }
        });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        assert_eq!(limiter.status().in_flight, 2);
        drop(a);
        assert_eq!(third.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_a_minute_are_divided_by_the_parallelism() {
        let limiter = Limiter::new(Limits {
            requests_per_minute: Some(120),
            ..limits()
        });
        let _one_of_four = limiter.join(4);
        let start = Instant::now();
        for _ in 0..45 {
            limiter.admit(0).await.unwrap().end(Outcome::Alive);
        }
        // 30 a minute: the first 30 at once, then one every two seconds.
        let took = start.elapsed().as_secs_f64();
        assert!((29.0..32.0).contains(&took), "{took}");
        let _two_of_four = limiter.join(4);
        let start = Instant::now();
        for _ in 0..15 {
            limiter.admit(0).await.unwrap().end(Outcome::Alive);
        }
        assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_settled_with_what_the_call_really_cost() {
        let limiter = Limiter::new(Limits {
            tokens_per_minute: Some(600),
            ..limits()
        });
        let start = Instant::now();
        limiter
            .admit(100)
            .await
            .unwrap()
            .end(Outcome::Answered { tokens: Some(600) });
        limiter
            .admit(100)
            .await
            .unwrap()
            .end(Outcome::Answered { tokens: None });
        let took = start.elapsed().as_secs_f64();
        assert!(
            (10.0..11.0).contains(&took),
            "600 were used, 100 take ten seconds: {took}"
        );
        // More than a minute has: when the bucket is full again, not never.
        limiter.admit(5000).await.unwrap().end(Outcome::Alive);
        assert!(start.elapsed() < Duration::from_secs(80), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_it_is_left_alone() {
        let limiter = Limiter::new(limits());
        limiter.hold(Duration::from_secs(7));
        limiter.hold(Duration::from_secs(2));
        let start = Instant::now();
        limiter.admit(0).await.unwrap().end(Outcome::Alive);
        assert!((7.0..7.1).contains(&start.elapsed().as_secs_f64()));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_the_circuit_and_a_trial_closes_it() {
        let limiter = Limiter::new(limits());
        limiter.admit(0).await.unwrap().end(Outcome::Ill);
        limiter.admit(0).await.unwrap().end(Outcome::Alive);
        for _ in 0..3 {
            limiter.admit(0).await.unwrap().end(Outcome::Ill);
        }
        assert_eq!(limiter.admit(0).await.err(), Some(CircuitOpen(Duration::from_secs(30))));
        tokio::time::advance(Duration::from_secs(31)).await;
        let trial = limiter.admit(0).await.unwrap();
        assert!(limiter.admit(0).await.is_err(), "one trial at a time");
        trial.end(Outcome::Ill);
        assert!(limiter.admit(0).await.is_err(), "open again after one failure");
        tokio::time::advance(Duration::from_secs(31)).await;
        drop(limiter.admit(0).await.unwrap());
        limiter.admit(0).await.unwrap().end(Outcome::Answered { tokens: None });
        assert!(!limiter.status().open);
        assert_eq!(limiter.status().in_flight, 0);
    }
}
