//! Bodies that are slow, and that break.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::time::{Sleep, sleep};

/// Pieces with a pause between them, and perhaps a break instead of an end.
pub(crate) struct Pieces {
    pieces: VecDeque<Bytes>,
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    breaks: bool,
    flushed: bool,
}

impl Pieces {
    /// A body; `cut` is after how many bytes it ends, and whether as if it were whole.
    pub fn new(pieces: Vec<Vec<u8>>, pause: Duration, cut: Option<(usize, bool)>) -> Self {
        let mut pieces = pieces.into_iter().map(Bytes::from).collect::<VecDeque<_>>();
        if let Some((mut left, _)) = cut {
            for piece in &mut pieces {
                piece.truncate(left);
                left -= piece.len();
            }
            pieces.retain(|piece| !piece.is_empty());
        }
        Self {
            pieces,
            pause,
            waiting: None,
            breaks: cut.is_some_and(|(_, cleanly)| !cleanly),
            flushed: false,
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(waiting) = &mut self.waiting {
            if waiting.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.waiting = None;
        }
        match self.pieces.pop_front() {
            Some(piece) => {
                if !self.pause.is_zero() {
                    self.waiting = Some(Box::pin(sleep(self.pause)));
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            // What was said before has to leave first.
            None if self.breaks && !self.flushed => {
                self.flushed = true;
                self.waiting = Some(Box::pin(sleep(Duration::from_millis(5))));
                self.poll_frame(cx)
            }
            // The connection is closed without the end of the body.
            None if self.breaks => Poll::Ready(Some(Err(io::Error::other("cut, as the script says")))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && !self.breaks
    }
}
