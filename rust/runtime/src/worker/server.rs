//! The host's end of a worker.
//!
//! *Owned state*: the process, its socket, what was received and not taken. *Lifecycle*: begins as a [`Starting`], which gives
//! it when the worker is ready; [`Worker::stop`], or dropping it, ends the process and all threads. *Threads*: one that
//! receives, one that sends what could not be sent at once, one that reads what the worker prints, one that watches. The host's
//! thread never waits for the worker, except for its start and end. *Constraint*: `wake` is called on these threads, once for
//! everything that came since the host last took something.

use super::exchange::Exchange;
use super::frames::{FromWorker, ToWorker};
use super::output::{LogLine, Output};
use super::process::{Process, describe, resident};
use super::start::{Printing, Progress, Starting};
use super::stream::{self, FrameError, Received};
use super::{flat, flat::FlatError};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use super::process::Program;

/// How often the watch looks.
const TICK: Duration = Duration::from_millis(250);
/// How long the end of a process whose connection is gone is waited for.
pub(crate) const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// How a worker is started and what it is allowed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The process.
    pub program: Program,
    /// Where the directory of the socket is made.
    pub temporary: PathBuf,
    /// Name of the agent.
    pub agent: String,
    /// Name of the host's task, for logs and messages.
    pub task: String,
    /// The plan, JSON.
    pub plan: Vec<u8>,
    /// Version of the host's build.
    pub build: String,
    /// How long it may take to be ready.
    pub start: Duration,
    /// How long it may be silent with unfinished tasks.
    pub silence: Duration,
    /// How much resident memory it may take, in bytes.
    pub memory: Option<u64>,
    /// How long it may take to end when it is stopped.
    pub grace: Duration,
    /// Whether there are resources of the other language to be asked.
    pub exchange: bool,
}

/// Why there is no worker, or none any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// It did not start, or has ended.
    #[error("{0}")]
    Gone(String),
    /// The host's records are wrong.
    #[error(transparent)]
    Records(#[from] FlatError),
}

#[derive(Default)]
struct Inbox {
    records: Vec<u8>,
    failure: Option<String>,
    woken: bool,
}

#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    /// The sending thread has taken bytes and not sent them all.
    sending: bool,
    closed: bool,
}

#[derive(Default)]
struct Watch {
    /// What the receiving or sending thread found wrong.
    broken: Option<String>,
    stopping: bool,
}

struct Shared {
    settings: Settings,
    wake: Box<dyn Fn() + Send + Sync>,
    socket: UnixStream,
    process_id: u32,
    inbox: Mutex<Inbox>,
    outgoing: Mutex<Outgoing>,
    outgoing_changed: Condvar,
    watch: Mutex<Watch>,
    watch_changed: Condvar,
    output: Arc<Output>,
    started: Instant,
    /// Milliseconds from `started` to the last sign of life.
    heard: AtomicU64,
    unfinished: AtomicI64,
    /// The last batch that listeners or a logger are told something by, and the last that the worker is through with.
    observing: AtomicU32,
    through: AtomicU32,
    stopping: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Shared {
    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// The connection cannot be used any more; the watch finds out what became of the process.
    fn broke(&self, what: String) {
        let mut watch = lock(&self.watch);
        if watch.broken.is_none() {
            watch.broken = Some(what);
        }
        self.watch_changed.notify_all();
    }

    fn fail(&self, text: String) {
        let mut inbox = lock(&self.inbox);
        if inbox.failure.is_none() {
            inbox.failure = Some(text);
        }
        self.wake(inbox);
    }

    /// Tells the host that there is something, unless it has been told and has not looked yet.
    fn wake(&self, mut inbox: MutexGuard<'_, Inbox>) {
        let told = std::mem::replace(&mut inbox.woken, true);
        drop(inbox);
        if !told && !self.stopping.load(Ordering::Acquire) {
            (self.wake)();
        }
    }

    fn receive(&self) {
        let mut received = Received::default();
        let mut records = Vec::new();
        loop {
            match (&self.socket).read(received.room()) {
                Ok(0) => {
                    return self.broke(if received.is_half() {
                        "closed its connection in the middle of a message".to_owned()
                    } else {
                        "closed its connection".to_owned()
                    });
                }
                Ok(count) => received.filled(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.broke(format!("broke its connection ({error})")),
            }
            self.heard.store(self.now(), Ordering::Release);
            let outcome = self.take_frames(&mut received, &mut records);
            if !records.is_empty() {
                let mut inbox = lock(&self.inbox);
                if inbox.records.is_empty() {
                    std::mem::swap(&mut inbox.records, &mut records);
                } else {
                    inbox.records.append(&mut records);
                }
                self.wake(inbox);
                records.clear();
            }
            if let Err(error) = outcome {
                return self.broke(format!("sent {error}"));
            }
        }
    }

    fn take_frames(&self, received: &mut Received, records: &mut Vec<u8>) -> Result<(), FrameError> {
        while let Some(bytes) = received.frame()? {
            let frame = stream::read::<FromWorker<'_>>(bytes)?;
            match frame {
                FromWorker::Finish { .. } | FromWorker::Fail { .. } | FromWorker::Threw { .. } => {
                    self.unfinished.fetch_sub(1, Ordering::AcqRel);
                }
                FromWorker::Mark { batch } => self.through.store(batch, Ordering::Release),
                _ => {}
            }
            flat::put(&frame, records);
        }
        Ok(())
    }

    fn send_rest(&self) {
        let mut bytes = Vec::new();
        loop {
            {
                let mut outgoing = lock(&self.outgoing);
                outgoing.sending = false;
                while outgoing.bytes.is_empty() && !outgoing.closed {
                    outgoing = self
                        .outgoing_changed
                        .wait(outgoing)
                        .unwrap_or_else(|poisoned| poisoned.into_inner());
                }
                if outgoing.bytes.is_empty() {
                    return;
                }
                outgoing.sending = true;
                bytes.clear();
                std::mem::swap(&mut bytes, &mut outgoing.bytes);
            }
            if let Err(error) = (&self.socket).write_all(&bytes) {
                lock(&self.outgoing).closed = true;
                return self.broke(format!("takes nothing any more ({error})"));
            }
        }
    }

    fn watch(&self, mut process: Process) -> Process {
        let mut watch = lock(&self.watch);
        loop {
            if watch.stopping {
                return process;
            }
            let broken = watch.broken.take();
            drop(watch);
            let found = match broken {
                Some(what) => {
                    // A process that is about to end is given the time to do so: its status says more.
                    process.wait(LAST_MOMENTS).map(describe).or(Some(what))
                }
                None => process.ended().map(describe).or_else(|| self.exceeded()),
            };
            if let Some(what) = found {
                process.kill();
                self.output.wait_for_end(LAST_MOMENTS);
                self.fail(self.obituary(&what));
                return process;
            }
            watch = lock(&self.watch);
            if watch.broken.is_none() && !watch.stopping {
                watch = match self.watch_changed.wait_timeout(watch, TICK) {
                    Ok((watch, _)) => watch,
                    Err(poisoned) => poisoned.into_inner().0,
                };
            }
        }
    }

    /// Whether listeners or a logger are still to be told of something.
    fn is_observing(&self) -> bool {
        let through = self.through.load(Ordering::Acquire);
        // Numbers of batches start again at 0.
        self.observing.load(Ordering::Acquire).wrapping_sub(through) as i32 > 0
    }

    /// Whether it has to give signs of life.
    fn has_work(&self) -> bool {
        self.unfinished.load(Ordering::Acquire) > 0 || self.is_observing()
    }

    /// Which limit the worker has exceeded, if any.
    fn exceeded(&self) -> Option<String> {
        if self.has_work() {
            let silent = self.now().saturating_sub(self.heard.load(Ordering::Acquire));
            if silent > self.settings.silence.as_millis() as u64 {
                let remedy = if self.is_observing() {
                    "If an action, an event listener or an event logger may take that long, raise option python.worker.timeout, make the action async, or have the others hand their work to a thread of their own"
                } else {
                    "If an action may take that long, raise option python.worker.timeout, or make it async"
                };
                return Some(format!(
                    "was silent for {} s while it had work, and was ended: something in it blocks. {remedy}",
                    seconds(Duration::from_millis(silent))
                ));
            }
        }
        let limit = self.settings.memory?;
        let used = resident(self.process_id)?;
        (used > limit).then(|| {
            format!(
                "took {} MiB of memory, where option python.worker.memory allows {}, and was ended: raise it, keep less in the worker, or spread its keys by option python.workers",
                used >> 20,
                limit >> 20
            )
        })
    }

    fn unheard(&self) -> String {
        format!(
            "The Python worker of agent '{}' (task {}) had not told its event listeners or event logger of the last events {} s after its task had ended, and was ended: those are lost to them. Make them quicker, or have them hand their work to a thread of their own",
            self.settings.agent,
            self.settings.task,
            seconds(self.settings.grace)
        )
    }

    fn obituary(&self, what: &str) -> String {
        let unfinished = self.unfinished.load(Ordering::Acquire).max(0);
        format!(
            "The Python worker of agent '{}' (task {}, process {}) {what}; {unfinished} of its actions were unfinished. {}",
            self.settings.agent,
            self.settings.task,
            self.process_id,
            last_lines(&self.output)
        )
    }
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}

pub(crate) fn last_lines(output: &Output) -> String {
    match output.last_words() {
        lines if lines.is_empty() => "It printed nothing".to_owned(),
        lines => format!("Its last lines:{lines}"),
    }
}

/// A worker that is ready, or was.
pub struct Worker {
    shared: Arc<Shared>,
    batches: u32,
    frames: Vec<u8>,
    watcher: Option<JoinHandle<Process>>,
    others: Vec<JoinHandle<()>>,
    /// A process that was asked to end, and how long it may take.
    ending: Option<(Process, Instant)>,
    printing: Option<Printing>,
    exchange: Option<Arc<Exchange>>,
}

impl Worker {
    /// Starts a worker and waits until it is ready. `wake` is called when there is something to [`Worker::receive`].
    ///
    /// # Errors
    /// When it cannot be started, ends, refuses, or is not ready in time. The text says which, and what it printed.
    pub fn start(settings: Settings, wake: Box<dyn Fn() + Send + Sync>) -> Result<Worker, WorkerError> {
        let limit = settings.start;
        let mut starting = Starting::begin(settings, wake)?;
        loop {
            match starting.wait(limit)? {
                Progress::Ready(worker) => return Ok(worker),
                Progress::Starting(still) => starting = still,
            }
        }
    }

    /// A worker that has said over `socket` that it is ready.
    pub(crate) fn over(
        settings: Settings,
        wake: Box<dyn Fn() + Send + Sync>,
        socket: UnixStream,
        exchange: Option<Exchange>,
        process: Process,
        printing: Printing,
    ) -> io::Result<Worker> {
        let shared = Arc::new(Shared {
            settings,
            wake,
            socket,
            process_id: process.id(),
            inbox: Mutex::default(),
            outgoing: Mutex::default(),
            outgoing_changed: Condvar::new(),
            watch: Mutex::default(),
            watch_changed: Condvar::new(),
            output: Arc::clone(&printing.output),
            started: Instant::now(),
            heard: AtomicU64::new(0),
            unfinished: AtomicI64::new(0),
            observing: AtomicU32::new(0),
            through: AtomicU32::new(0),
            stopping: AtomicBool::new(false),
        });
        let mut worker = Worker {
            shared: Arc::clone(&shared),
            batches: 0,
            frames: Vec::new(),
            watcher: None,
            others: Vec::new(),
            ending: None,
            printing: Some(printing),
            exchange: exchange.map(Arc::new),
        };
        let watching = Arc::clone(&shared);
        worker.watcher = Some(spawn("py-worker-watch", move || watching.watch(process))?);
        let receiving = Arc::clone(&shared);
        worker
            .others
            .push(spawn("py-worker-read", move || receiving.receive())?);
        worker.others.push(spawn("py-worker-send", move || shared.send_rest())?);
        Ok(worker)
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.shared.process_id
    }

    /// The connection for questions about resources, if the settings ask for one.
    pub fn exchange(&self) -> Option<Arc<Exchange>> {
        self.exchange.clone()
    }

    /// Sends a batch of records (see [`flat`]) and returns its number. Never waits.
    ///
    /// # Errors
    /// When the records are malformed, or one is larger than a frame may be. A worker that has ended is no error here:
    /// [`Worker::receive`] tells.
    pub fn send(&mut self, records: &[u8]) -> Result<u32, WorkerError> {
        self.frames.clear();
        let contents = flat::to_frames(records, &mut self.frames)?;
        self.batches = self.batches.wrapping_add(1);
        let mark = ToWorker::Mark { batch: self.batches };
        stream::put(&mark, &mut self.frames).map_err(FlatError::Frame)?;
        if (contents.runs > 0 || contents.observed) && !self.shared.has_work() {
            // It was entitled to be silent until now.
            self.shared.heard.store(self.shared.now(), Ordering::Release);
        }
        self.shared
            .unfinished
            .fetch_add(i64::from(contents.runs), Ordering::AcqRel);
        if contents.observed {
            self.shared.observing.store(self.batches, Ordering::Release);
        }
        let mut outgoing = lock(&self.shared.outgoing);
        if outgoing.closed {
            return Ok(self.batches);
        }
        let mut sent = 0;
        if outgoing.bytes.is_empty() && !outgoing.sending {
            // Most batches fit into the socket: no other thread has to be woken for them.
            let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
            sent = rustix::net::send(&self.shared.socket, &self.frames, flags).unwrap_or(0);
        }
        if sent < self.frames.len() {
            outgoing.bytes.extend_from_slice(&self.frames[sent..]);
            self.shared.outgoing_changed.notify_one();
        }
        Ok(self.batches)
    }

    /// Takes what has come, as records (see [`flat`]); empty when there is nothing.
    ///
    /// # Errors
    /// When the worker has ended or broke a rule, after everything that came before was taken. The text says how it ended,
    /// with its last lines.
    pub fn receive(&self) -> Result<Vec<u8>, WorkerError> {
        let mut inbox = lock(&self.shared.inbox);
        inbox.woken = false;
        let records = std::mem::take(&mut inbox.records);
        match &inbox.failure {
            Some(failure) if records.is_empty() => Err(WorkerError::Gone(failure.clone())),
            _ => Ok(records),
        }
    }

    /// How to take what the worker logs, from any thread.
    pub fn log(&self) -> Log {
        Log::of(&self.shared.output)
    }

    /// Asks the worker to end and does not wait for that: for hosts that end several at once.
    pub fn ask_to_stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        lock(&self.shared.watch).stopping = true;
        self.shared.watch_changed.notify_all();
        let Some(process) = self.watcher.take().and_then(|watcher| watcher.join().ok()) else {
            return;
        };
        let mut bytes = Vec::new();
        let said = stream::put(&ToWorker::Stop, &mut bytes).is_ok();
        let mut outgoing = lock(&self.shared.outgoing);
        if said && (outgoing.sending || !outgoing.bytes.is_empty()) && !outgoing.closed {
            // Behind what is on its way: listeners are told of everything.
            outgoing.bytes.append(&mut bytes);
            self.shared.outgoing_changed.notify_one();
            drop(outgoing);
            self.ending = Some((process, Instant::now() + self.shared.settings.grace));
            return;
        }
        drop(outgoing);
        if said {
            let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
            // Where the socket is full, the end of the stream says the same.
            let _ = rustix::net::send(&self.shared.socket, &bytes, flags);
        }
        let _ = self.shared.socket.shutdown(std::net::Shutdown::Write);
        self.ending = Some((process, Instant::now() + self.shared.settings.grace));
    }

    /// Ends the worker: asks it, if that was not done, waits as long as the settings say, then kills it. Returns when nothing of
    /// it is left.
    pub fn stop(&mut self) {
        self.ask_to_stop();
        if let Some((mut process, until)) = self.ending.take() {
            let ended = process.wait(until.saturating_duration_since(Instant::now()));
            if ended.is_none() && self.shared.is_observing() {
                // Now: with the process, what it prints ends.
                self.shared.output.warn(self.shared.unheard());
            }
            process.kill();
        }
        let _ = self.shared.socket.shutdown(std::net::Shutdown::Both);
        if let Some(exchange) = &self.exchange {
            exchange.end();
        }
        lock(&self.shared.outgoing).closed = true;
        self.shared.outgoing_changed.notify_all();
        self.shared.output.wait_for_end(TICK);
        self.printing = None;
        for thread in self.others.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a worker logs.
#[derive(Clone)]
pub struct Log(Arc<Output>);

impl Log {
    pub(crate) fn of(output: &Arc<Output>) -> Log {
        Log(Arc::clone(output))
    }

    /// Lines that nobody has taken; waits for some, but no longer than `limit`. `None` when there will be none any more.
    pub fn take(&self, limit: Duration) -> Option<Vec<LogLine>> {
        self.0.take(limit)
    }
}

fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body)
}
