//! The second connection between a host and a worker: questions about resources of the other language, both ways.
//!
//! The same code stands at both ends. *Owned state*: the socket. *Lifecycle*: [`Exchange::over`] a connection, until
//! [`Exchange::end`] or the other end's. *Threads*: any may [`ask`](Exchange::ask) and [`answer`](Exchange::answer); one takes
//! what is [`said`](Exchange::said), and it alone waits for the other end. *Constraint*: who asks chooses the number, before
//! asking, so that an answer finds whoever waits for it; an end never uses one twice.
//!
//! Questions and answers are bytes here. That one of them waits for nothing on the first connection is the point: an action
//! on the host's own thread may ask, and be asked back meanwhile.

use super::stream::{self, FrameError, Received};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard};

/// What goes over it. The order of the variants is part of the format, which has the version of the worker protocol.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Frame<'a> {
    Ask {
        number: u64,
        #[serde(borrow, with = "serde_bytes")]
        question: &'a [u8],
    },
    Answer {
        number: u64,
        failed: bool,
        #[serde(borrow, with = "serde_bytes")]
        value: &'a [u8],
    },
}

/// What the other end said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It wants to know something.
    Asked {
        /// The number of its question, for the answer.
        number: u64,
        /// The question.
        question: Vec<u8>,
    },
    /// It has answered.
    Answered {
        /// The number of the question.
        number: u64,
        /// The value tells why there is no answer.
        failed: bool,
        /// The answer.
        value: Vec<u8>,
    },
}

/// Why nothing can be said, or was understood.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// What was to be said is too large, or what was said makes no sense.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection is no more.
    #[error("the connection for questions about resources is gone: {0}")]
    Gone(#[from] io::Error),
}

/// One end.
#[derive(Debug)]
pub struct Exchange {
    socket: UnixStream,
    /// Held while a frame is written, so that frames stay whole.
    sending: Mutex<Vec<u8>>,
    received: Mutex<Received>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Exchange {
    /// One over a connection.
    pub fn over(socket: UnixStream) -> Exchange {
        Exchange {
            socket,
            sending: Mutex::default(),
            received: Mutex::default(),
        }
    }

    /// Asks something; waits only until the socket has taken it.
    ///
    /// # Errors
    /// When it is too large, or the connection is gone.
    pub fn ask(&self, number: u64, question: &[u8]) -> Result<(), ExchangeError> {
        self.send(&Frame::Ask { number, question })
    }

    /// Answers question `number` of the other end.
    ///
    /// # Errors
    /// When it is too large, in which case it still has to be answered by something; or the connection is gone.
    pub fn answer(&self, number: u64, failed: bool, value: &[u8]) -> Result<(), ExchangeError> {
        self.send(&Frame::Answer { number, failed, value })
    }

    fn send(&self, frame: &Frame<'_>) -> Result<(), ExchangeError> {
        let mut bytes = lock(&self.sending);
        bytes.clear();
        stream::put(frame, &mut bytes)?;
        let sent = (&self.socket).write_all(&bytes);
        if bytes.capacity() > 1 << 20 {
            // One large message must not be paid for ever.
            *bytes = Vec::new();
        }
        Ok(sent?)
    }

    /// Waits until the other end says something; `None` when it will say nothing any more.
    ///
    /// # Errors
    /// When what it says makes no sense.
    pub fn said(&self) -> Result<Option<Said>, FrameError> {
        let mut received = lock(&self.received);
        loop {
            if let Some(bytes) = received.frame()? {
                return Ok(Some(match stream::read(bytes)? {
                    Frame::Ask { number, question } => Said::Asked {
                        number,
                        question: question.to_vec(),
                    },
                    Frame::Answer { number, failed, value } => Said::Answered {
                        number,
                        failed,
                        value: value.to_vec(),
                    },
                }));
            }
            match (&self.socket).read(received.room()) {
                Ok(0) => return Ok(None),
                Ok(count) => received.filled(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Ok(None),
            }
        }
    }

    /// Ends it, for both ends.
    pub fn end(&self) {
        // It may have ended by itself.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// The number of its file, for what is to be done to it in a forked process.
    pub fn number(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::frames::MAX_FRAME;
    use std::sync::Arc;
    use std::thread;

    fn pair() -> (Arc<Exchange>, Arc<Exchange>) {
        let (host, worker) = UnixStream::pair().unwrap();
        (Arc::new(Exchange::over(host)), Arc::new(Exchange::over(worker)))
    }

    fn answer(value: Option<Said>) -> (u64, bool, Vec<u8>) {
        match value {
            Some(Said::Answered { number, failed, value }) => (number, failed, value),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_question_within_a_question_is_answered_first() {
        let (host, worker) = pair();
        let peer = Arc::clone(&worker);
        let asked = thread::spawn(move || {
            let Some(Said::Asked { number, question }) = peer.said().unwrap() else {
                panic!("nothing was asked")
            };
            peer.ask(1, b"and you?").unwrap();
            let (_, _, back) = answer(peer.said().unwrap());
            peer.answer(number, false, &[&question[..], &back].concat()).unwrap();
        });
        host.ask(1, b"what?").unwrap();
        assert_eq!(
            Some(Said::Asked {
                number: 1,
                question: b"and you?".to_vec()
            }),
            host.said().unwrap()
        );
        host.answer(1, true, b" nothing").unwrap();
        assert_eq!((1, false, b"what? nothing".to_vec()), answer(host.said().unwrap()));
        asked.join().unwrap();
    }

    /// Much more than the sockets hold goes both ways at once: nobody waits for room while nobody reads.
    #[test]
    fn large_questions_cross() {
        let (host, worker) = pair();
        let large = vec![7; 8 << 20];
        let ends = [host, worker].map(|end| {
            let (reader, large) = (Arc::clone(&end), large.clone());
            let reading = thread::spawn(move || {
                for number in 0..5 {
                    assert_eq!(
                        Some(Said::Asked {
                            number,
                            question: large.clone()
                        }),
                        reader.said().unwrap()
                    );
                }
            });
            let question = vec![7; 8 << 20];
            let writing = thread::spawn(move || (0..5).for_each(|number| end.ask(number, &question).unwrap()));
            [reading, writing]
        });
        for thread in ends.into_iter().flatten() {
            thread.join().unwrap();
        }
    }

    #[test]
    fn the_end_of_one_ends_the_other() {
        let (host, worker) = pair();
        let waiting = thread::spawn(move || worker.said().unwrap());
        host.end();
        assert_eq!(None, waiting.join().unwrap());
        assert_eq!(None, host.said().unwrap());
        assert!(matches!(host.ask(1, b"?"), Err(ExchangeError::Gone(_))));
    }

    #[test]
    fn what_is_too_large_or_no_message_is_refused() {
        let (host, worker) = pair();
        assert!(matches!(
            host.ask(1, &vec![0; MAX_FRAME]),
            Err(ExchangeError::Frame(FrameError::TooLarge { .. }))
        ));
        host.ask(2, b"small").unwrap();
        assert!(matches!(worker.said().unwrap(), Some(Said::Asked { number: 2, .. })));
        (&worker.socket).write_all(&[3, 0, 0, 0, 9, 9, 9]).unwrap();
        assert!(matches!(host.said(), Err(FrameError::Garbage { .. })));
    }
}
