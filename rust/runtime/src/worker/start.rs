//! A worker that has been started and is not ready yet.
//!
//! *Owned state*: the process, the door that it is to come through, then its connection. *Lifecycle*: [`Starting::begin`] starts
//! the process, [`Starting::wait`] gives the [`Worker`] when it is ready; dropping it before ends the process at once.
//! *Constraint*: the process ends with the thread that begins it, at the latest, so that is the host's own. Waiting is done in
//! parts, as long as the host likes, so that it can turn to something else in between: to a cancellation, or another worker.

use super::exchange::Exchange;
use super::frames::{FromWorker, PROTOCOL, ToWorker};
use super::output::Output;
use super::process::{Process, describe};
use super::server::{LAST_MOMENTS, Log, Settings, Worker, WorkerError, last_lines, seconds};
use super::socket::Door;
use super::stream::{self, Received};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::io::{self, PipeWriter};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is seen whether a process that has not connected still lives.
const LOOK: Duration = Duration::from_millis(20);

/// The thread that reads what a worker prints; it ends with this.
pub(crate) struct Printing {
    pub(crate) output: Arc<Output>,
    reader: Option<JoinHandle<()>>,
    /// The thread ends when this is closed.
    stop: Option<PipeWriter>,
}

impl Drop for Printing {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// A worker on its way.
pub struct Starting {
    settings: Settings,
    wake: Box<dyn Fn() + Send + Sync>,
    until: Instant,
    // Ended in this order when the start is given up: what the process printed is read to its end.
    process: Process,
    printing: Printing,
    /// Where it comes in; gone when all its connections have.
    door: Option<Door>,
    socket: Option<UnixStream>,
    /// What it has not taken of the greeting.
    unsent: Vec<u8>,
    received: Received,
}

/// What has become of a start.
pub enum Progress {
    /// The worker can work.
    Ready(Worker),
    /// It is not ready yet.
    Starting(Box<Starting>),
}

impl Starting {
    /// Starts a worker's process and does not wait for it. `wake`: see [`Worker`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin(settings: Settings, wake: Box<dyn Fn() + Send + Sync>) -> Result<Box<Starting>, WorkerError> {
        let broken = |what: &'static str| {
            let settings = &settings;
            move |error: io::Error| failed(settings, &format!("{what}: {error}"))
        };
        let door = Door::open(&settings.temporary).map_err(broken("its socket cannot be made"))?;
        let (pipe, writer) = io::pipe().map_err(broken("there is no pipe for what it prints"))?;
        let (stopped, stop) = io::pipe().map_err(broken("there is no pipe for what it prints"))?;
        let process = Process::start(&settings.program, &door.path(), writer).map_err(|error| {
            failed(
                &settings,
                &format!(
                    "it cannot be started ({error}). The interpreter has to exist on every machine that runs the job"
                ),
            )
        })?;
        let output = Arc::new(Output::default());
        let reading = Arc::clone(&output);
        let reader = std::thread::Builder::new()
            .name("py-worker-print".to_owned())
            .spawn(move || reading.read_from(pipe, stopped))
            .map_err(broken("no thread can be started"))?;
        Ok(Box::new(Starting {
            until: Instant::now() + settings.start,
            settings,
            wake,
            process,
            printing: Printing {
                output,
                reader: Some(reader),
                stop: Some(stop),
            },
            door: Some(door),
            socket: None,
            unsent: Vec::new(),
            received: Received::default(),
        }))
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// How to take what the worker logs, from any thread.
    pub fn log(&self) -> Log {
        Log::of(&self.printing.output)
    }

    /// Waits until the worker is ready, but no longer than `limit`.
    ///
    /// # Errors
    /// When it ends, refuses, or is not ready within the time of the settings. The text says which, and what it printed.
    pub fn wait(mut self: Box<Self>, limit: Duration) -> Result<Progress, WorkerError> {
        match self.advance(Instant::now() + limit) {
            Ok(None) => Ok(Progress::Starting(self)),
            Ok(Some((socket, exchange))) => {
                let Starting {
                    settings,
                    wake,
                    process,
                    printing,
                    ..
                } = *self;
                Worker::over(settings.clone(), wake, socket, exchange, process, printing)
                    .map(Progress::Ready)
                    .map_err(|error| failed(&settings, &format!("no thread can be started: {error}")))
            }
            Err(what) => {
                self.process.kill();
                self.printing.output.wait_for_end(LAST_MOMENTS);
                let lines = last_lines(&self.printing.output);
                Err(failed(&self.settings, &format!("{what}. {lines}")))
            }
        }
    }

    /// Goes on until it is ready, and gives its connection, or until the time has come.
    fn advance(&mut self, pause: Instant) -> Result<Option<(UnixStream, Option<Exchange>)>, String> {
        loop {
            let left = pause.min(self.until).saturating_duration_since(Instant::now());
            let ready = match &self.door {
                Some(door) if self.socket.is_none() => {
                    self.socket = door
                        .accept(left.min(LOOK))
                        .map_err(|error| format!("its connection failed ({error})"))?;
                    if self.socket.is_some() {
                        if !self.settings.exchange {
                            self.door = None;
                        }
                        self.unsent = greeting(&self.settings)?;
                    } else if let Some(status) = self.process.ended() {
                        self.printing.output.wait_for_end(LAST_MOMENTS);
                        return Err(format!("it {} before it connected", describe(status)));
                    }
                    false
                }
                _ => self.talk(left)?,
            };
            if ready {
                let exchange = self.second_connection()?;
                return Ok(self.socket.take().map(|socket| (socket, exchange)));
            }
            let now = Instant::now();
            if now >= self.until {
                let what = if self.socket.is_none() {
                    "did not connect"
                } else {
                    "was not ready"
                };
                return Err(format!("it {what} within {} s", seconds(self.settings.start)));
            }
            if now >= pause {
                return Ok(None);
            }
        }
    }

    /// Takes the connection that a worker has made before it says that it is ready.
    fn second_connection(&mut self) -> Result<Option<Exchange>, String> {
        let Some(door) = self.door.take() else { return Ok(None) };
        match door.accept(Duration::ZERO) {
            Ok(Some(socket)) => Ok(Some(Exchange::over(socket))),
            Ok(None) => Err("it did not connect for questions about resources".to_owned()),
            Err(error) => Err(format!("its connection for questions about resources failed ({error})")),
        }
    }

    /// Sends what is left of the greeting, reads what there is of the answer; waits for either, but no longer than `limit`.
    fn talk(&mut self, limit: Duration) -> Result<bool, String> {
        let Some(socket) = &self.socket else { return Ok(false) };
        let mut wanted = PollFlags::IN;
        if !self.unsent.is_empty() {
            wanted |= PollFlags::OUT;
        }
        let mut ready = [PollFd::from_borrowed_fd(socket.as_fd(), wanted)];
        let limit = Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        match poll(&mut ready, Some(&limit)) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(self.gone(&format!("broke its connection ({error})"))),
        }
        let came = ready[0].revents();
        if came.contains(PollFlags::OUT) && !self.unsent.is_empty() {
            // The plan may be larger than the socket's room: a worker that never reads it must not hold up the host.
            match rustix::net::send(socket, &self.unsent, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(self.gone(&format!("broke its connection ({error})"))),
            }
        }
        if !came.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            return Ok(false);
        }
        match rustix::net::recv(socket, self.received.room(), RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return Err(self.gone("closed its connection")),
            Ok((_, count)) => self.received.filled(count),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(error) => return Err(self.gone(&format!("broke its connection ({error})"))),
        }
        let answered = match self.received.frame().map_err(|error| format!("it sent {error}"))? {
            Some(bytes) => answer(&self.settings, bytes).map(|()| true)?,
            None => false,
        };
        if answered && (self.received.is_half() || !self.unsent.is_empty()) {
            return Err("it sent more than an answer to the greeting".to_owned());
        }
        Ok(answered)
    }

    /// Its connection is gone: a process that is about to end is given the time to do so, since its status says more.
    fn gone(&mut self, what: &str) -> String {
        let how = self.process.wait(LAST_MOMENTS).map(describe);
        format!("it {} before it was ready", how.as_deref().unwrap_or(what))
    }
}

/// The first frame to a worker.
fn greeting(settings: &Settings) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let hello = ToWorker::Hello {
        protocol: PROTOCOL,
        build: &settings.build,
        agent: &settings.agent,
        task: &settings.task,
        plan: &settings.plan,
        exchange: settings.exchange,
        beat: (settings.silence.as_millis() / 4).clamp(50, 5_000) as u32,
    };
    stream::put(&hello, &mut bytes).map_err(|error| format!("its plan is {error}"))?;
    Ok(bytes)
}

/// Reads the answer to it.
fn answer(settings: &Settings, bytes: &[u8]) -> Result<(), String> {
    match stream::read::<FromWorker<'_>>(bytes).map_err(|error| format!("it sent {error}"))? {
        FromWorker::Ready {
            protocol,
            build,
            python,
        } if protocol != PROTOCOL || build != settings.build => Err(format!(
            "the Python package flink-agents there is of another release: version {build} (protocol {protocol}, Python {python}), where the job's jar is {} (protocol {PROTOCOL}). Install {} there, or submit the job from an environment that has {build}",
            settings.build, settings.build
        )),
        FromWorker::Ready { .. } => Ok(()),
        FromWorker::Refused { reason } => Err(reason.to_owned()),
        other => Err(format!("it answered the greeting with {other:?}")),
    }
}

fn failed(settings: &Settings, what: &str) -> WorkerError {
    WorkerError::Gone(format!(
        "No Python worker for agent '{}' (task {}), command {:?}: {what}",
        settings.agent, settings.task, settings.program.command
    ))
}
