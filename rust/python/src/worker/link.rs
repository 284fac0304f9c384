//! The worker's end of the socket.
//!
//! *Owned state*: the socket, what has come and was not looked at, what is to go. *Constraint*: one thread; it waits for the
//! TaskManager only where that is slow to take what is sent.

use flink_agents_runtime::worker::frames::{FromWorker, PROTOCOL, ToWorker};
use flink_agents_runtime::worker::stream::{self, FrameError, Received};
use pyo3::exceptions::{PyConnectionError, PyValueError};
use pyo3::prelude::*;
use rustix::net::{RecvFlags, SendFlags};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// What is sent before the batch has been worked off, so that one batch never piles up beyond measure.
const MUCH: usize = 1 << 20;

pub(super) fn lost(error: impl std::fmt::Display) -> PyErr {
    PyConnectionError::new_err(format!("the connection to the TaskManager broke: {error}"))
}

pub(super) fn garbage(error: &FrameError) -> PyErr {
    PyConnectionError::new_err(format!("the TaskManager sent {error}"))
}

/// What the TaskManager says first.
#[derive(Default)]
pub(super) struct Greeting {
    pub(super) agent: String,
    pub(super) task: String,
    /// JSON; empty if the TaskManager speaks another version of the protocol.
    pub(super) plan: String,
    /// Seconds between signs of life.
    pub(super) beat: f64,
    /// Where to connect once more, for questions about resources; none if there are no such questions.
    pub(super) exchange: Option<String>,
}

pub(super) struct Link {
    socket: UnixStream,
    pub(super) received: Received,
    out: Vec<u8>,
    /// When something was sent last.
    sent: Instant,
    pub(super) ended: bool,
}

impl Link {
    /// Connects and takes the greeting.
    pub(super) fn connect(path: &str) -> PyResult<(Link, Greeting)> {
        let mut socket = UnixStream::connect(path).map_err(lost)?;
        let mut received = Received::default();
        let greeting = loop {
            if let Some(bytes) = received.frame().map_err(|e| garbage(&e))? {
                match stream::read::<ToWorker<'_>>(bytes) {
                    Ok(ToWorker::Hello {
                        protocol: PROTOCOL,
                        agent,
                        task,
                        plan,
                        beat,
                        exchange,
                        ..
                    }) => {
                        break Greeting {
                            agent: agent.to_owned(),
                            task: task.to_owned(),
                            plan: std::str::from_utf8(plan).map_err(lost)?.to_owned(),
                            beat: f64::from(beat) / 1000.0,
                            exchange: exchange.then(|| path.to_owned()),
                        };
                    }
                    // The refusal is for the host, which knows both versions: it gets ours with `ready`.
                    _ => {
                        break Greeting {
                            beat: 1.0,
                            ..Greeting::default()
                        };
                    }
                }
            }
            match socket.read(received.room()).map_err(lost)? {
                0 => return Err(lost("it was closed")),
                count => received.filled(count),
            }
        };
        let link = Link {
            socket,
            received,
            out: Vec::with_capacity(64 << 10),
            sent: Instant::now(),
            ended: false,
        };
        Ok((link, greeting))
    }

    /// Puts a frame to those that will be sent.
    pub(super) fn put(&mut self, frame: &FromWorker<'_>) -> PyResult<()> {
        stream::put(frame, &mut self.out).map_err(|error| PyValueError::new_err(error.to_string()))?;
        if self.out.len() > MUCH {
            self.send_all()?;
        }
        Ok(())
    }

    /// Sends all there is, at once.
    pub(super) fn send_all(&mut self) -> PyResult<()> {
        let sent = self.socket.write_all(&self.out).map_err(lost);
        self.out.clear();
        self.sent = Instant::now();
        sent
    }

    /// Sends what there is, or a sign of life, if nothing was sent for so long: a batch of what is slow may take longer than a
    /// worker may be silent.
    pub(super) fn keep_alive(&mut self, now: Instant, beat: Duration) -> PyResult<()> {
        if now.saturating_duration_since(self.sent) < beat {
            return Ok(());
        }
        if self.out.is_empty() {
            self.put(&FromWorker::Beat)?;
        }
        self.send_all()
    }

    /// Sends all there is; other threads of Python may run while the TaskManager is slow.
    pub(super) fn flush(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let Link { socket, out, .. } = self;
        let mut sent = 0;
        if let Ok(count) = rustix::net::send(&*socket, out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            sent = count;
        }
        if sent < out.len() {
            py.detach(|| socket.write_all(&out[sent..])).map_err(lost)?;
        }
        out.clear();
        self.sent = Instant::now();
        Ok(())
    }

    /// Takes what has come, without waiting for more. False when the TaskManager has closed the connection or said stop.
    pub(super) fn receive(&mut self) -> bool {
        while !self.ended {
            let room = self.received.room();
            let size = room.len();
            match rustix::net::recv(&self.socket, room, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => self.ended = true,
                Ok((_, count)) => {
                    self.received.filled(count);
                    if count < size {
                        break;
                    }
                }
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => self.ended = true,
            }
        }
        !self.ended
    }

    pub(super) fn number(&self) -> i32 {
        self.socket.as_raw_fd()
    }
}
