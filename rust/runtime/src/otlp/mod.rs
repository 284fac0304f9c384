//! Live traces: runs, actions and what actions report as spans, sent to whoever receives OTLP over HTTP (`otlp.endpoint`).
//!
//! `spans.rs` makes spans of what the execution trace of the event log observes, `encode.rs` their protobuf form, `endpoint.rs` sends
//! it; this file is the queue between the thread of the machine and that of the exporter. *Lifecycle*: from [`Exporter::open`] to
//! [`Exporter::close`]. *Constraint*: a receiver that is down, slow or refuses costs spans, which are counted, and nothing else:
//! nobody ever waits for it but `close`, for a bounded time.

mod answer;
mod encode;
mod endpoint;
#[cfg(test)]
mod span_tests;
mod spans;
#[cfg(test)]
mod tests;

pub use endpoint::{Endpoint, EndpointError, OPTION, endpoint};
pub use spans::{Spans, traceparent_of};

use answer::Partial;
use endpoint::{Failure, Receiver};
use flink_agents_core::event_log::Place;
use spans::Span;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Spans that may wait.
const MOST: usize = 16_384;
/// Spans that are sent together.
const BATCH: usize = 512;
/// How long spans wait for company.
const LINGER: Duration = Duration::from_secs(1);
/// Waits after a failure: the first, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long the thread may take to notice that its time is over, and to say what is lost.
const GRACE: Duration = Duration::from_secs(3);
/// Reports that may wait until somebody looks.
const MOST_REPORTS: usize = 16;

#[derive(Default)]
struct State {
    waiting: Vec<Span>,
    /// Spans that the thread has taken, and is not done with.
    in_hand: u64,
    sent: u64,
    dropped: u64,
    reports: VecDeque<String>,
    closed: bool,
    /// When nothing more is tried.
    deadline: Option<Instant>,
    ended: bool,
}

impl State {
    /// Whether nothing more is tried.
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Keeps the first ones, and the last.
    fn report(&mut self, text: String) {
        if self.reports.len() == MOST_REPORTS {
            self.reports.pop_back();
        }
        self.reports.push_back(text);
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for a change, at most so long.
    fn wait<'s>(&'s self, state: MutexGuard<'s, State>, most: Duration) -> MutexGuard<'s, State> {
        match self.changed.wait_timeout(state, most) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }
}

/// What happened to spans so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Those that the receiver has taken.
    pub sent: u64,
    /// Those that are lost.
    pub dropped: u64,
}

/// Sends spans. For any thread.
pub struct Exporter {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl Exporter {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// When there is no thread for it.
    fn open(receiver: Receiver, place: &Place, agent: &str) -> std::io::Result<Exporter> {
        let shared = Arc::<Shared>::default();
        let head = encode::head(place, agent);
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("flink-agents-otlp".to_owned())
            .spawn(move || send_all(&its, &receiver, &head))?;
        Ok(Exporter {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes a span, if there is room.
    pub(crate) fn put(&self, span: Span) {
        let mut state = self.shared.lock();
        if state.closed || state.waiting.len() >= MOST {
            state.dropped += 1;
            return;
        }
        state.waiting.push(span);
        if state.waiting.len() == BATCH {
            self.shared.changed.notify_all();
        }
    }

    /// What happened so far. Once the time for it is over, what has not been sent is lost.
    pub fn figures(&self) -> Figures {
        let state = self.shared.lock();
        let left = if state.is_over() {
            state.in_hand + state.waiting.len() as u64
        } else {
            0
        };
        Figures {
            sent: state.sent,
            dropped: state.dropped + left,
        }
    }

    /// Something that who runs the job should know, once; there may be more.
    pub fn report(&self) -> Option<String> {
        self.shared.lock().reports.pop_front()
    }

    /// No span follows. Waits until all are sent, at most so long; the rest is dropped.
    pub fn close(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        state.closed = true;
        state.deadline.get_or_insert(deadline);
        self.shared.changed.notify_all();
        // It says why spans are lost after that moment.
        let until = deadline + GRACE;
        while !state.ended && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            state = self.shared.wait(state, left);
        }
    }
}

impl Drop for Exporter {
    /// Waits for the thread, which gives up at once: the code that it runs may be about to be unloaded.
    fn drop(&mut self) {
        self.close(Duration::ZERO);
        let thread = self.thread.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(thread) = thread.take() {
            _ = thread.join();
        }
    }
}

fn send_all(shared: &Shared, receiver: &Receiver, head: &[u8]) {
    let mut lost = false;
    let mut refused = false;
    while let Some(batch) = next(shared) {
        let body = encode::request(head, &batch);
        let mut pause = BACKOFF.0;
        loop {
            let failure = match receiver.post(&body, || time_left(shared)) {
                Ok(partial) => break told(shared, receiver, &partial, &mut lost, &mut refused),
                Err(failure) => failure,
            };
            if !lost {
                report(shared, receiver, &failure);
            }
            lost = true;
            if !failure.is_passing() || is_over(shared, pause) {
                let mut state = shared.lock();
                state.dropped += std::mem::take(&mut state.in_hand);
                break;
            }
            pause = (pause * 2).min(BACKOFF.1);
        }
    }
    let mut state = shared.lock();
    state.ended = true;
    shared.changed.notify_all();
}

fn report(shared: &Shared, receiver: &Receiver, failure: &Failure) {
    let mut state = shared.lock();
    let follows = if state.is_over() {
        let lost = state.dropped + state.in_hand + state.waiting.len() as u64;
        format!("The task has ended, and {lost} spans are lost")
    } else {
        "The job goes on; it is tried again, and spans that do not fit in the queue meanwhile are dropped".to_owned()
    };
    state.report(format!(
        "Spans cannot be sent to {receiver} ({OPTION}): {failure}. {follows}"
    ));
}

/// A request was taken, whole or in part.
fn told(shared: &Shared, receiver: &Receiver, partial: &Partial, lost: &mut bool, refused: &mut bool) {
    let mut state = shared.lock();
    let all = std::mem::take(&mut state.in_hand);
    let rejected = partial.rejected.min(all);
    state.sent += all - rejected;
    state.dropped += rejected;
    if *lost {
        let dropped = state.dropped;
        state.report(format!("Spans are sent to {receiver} again; {dropped} were dropped"));
        *lost = false;
    }
    let is_partial = *partial != Partial::default();
    if is_partial && !*refused {
        state.report(format!(
            "{receiver} ({OPTION}) refuses {rejected} of {all} spans: {:?}. The job goes on; what it refuses is dropped and counted, and not told again before it takes a whole request",
            partial.message
        ));
    }
    *refused = is_partial;
}

/// Spans to send, as soon as they are many, or old enough; nothing at the end.
fn next(shared: &Shared) -> Option<Vec<Span>> {
    let mut state = shared.lock();
    let mut since = None;
    loop {
        let now = Instant::now();
        let old = since.is_some_and(|since| now.duration_since(since) >= LINGER);
        if state.waiting.len() >= BATCH || (!state.waiting.is_empty() && (old || state.closed)) {
            let most = state.waiting.len().min(BATCH);
            state.in_hand = most as u64;
            return Some(state.waiting.drain(..most).collect());
        }
        if state.closed {
            return None;
        }
        if since.is_none() && !state.waiting.is_empty() {
            since = Some(now);
        }
        state = shared.wait(state, LINGER);
    }
}

/// How long a request may take.
fn time_left(shared: &Shared) -> Duration {
    let deadline = shared.lock().deadline;
    deadline.map_or(Duration::MAX, |deadline| {
        deadline.saturating_duration_since(Instant::now())
    })
}

/// Waits before the next try; whether there is none, since the job has ended.
fn is_over(shared: &Shared, pause: Duration) -> bool {
    let mut state = shared.lock();
    let until = Instant::now() + pause;
    loop {
        let now = Instant::now();
        if state.is_over() {
            return true;
        }
        if now >= until {
            return false;
        }
        let left = state.deadline.map_or(until, |deadline| deadline.min(until));
        state = shared.wait(state, left.saturating_duration_since(now).max(Duration::from_millis(1)));
    }
}
