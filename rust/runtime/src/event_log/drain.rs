//! The other end of the queue: where events become lines.

use super::queue::{Batch, Queue, Taken};
use flink_agents_core::event_log::Lines;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of lines that are made before they are written.
const BLOCK: usize = 64 << 10;
/// Room that an emptied buffer keeps.
const KEPT: usize = 1 << 20;

/// Makes lines of what waits, in blocks.
pub(super) struct Drain {
    queue: Arc<Queue>,
    lines: Lines,
    batch: Batch,
    /// Events and bytes of the batch that are lines already.
    entry: usize,
    byte: usize,
    /// Lines, each with an end of line.
    pub(super) block: Vec<u8>,
    /// Where each of them ends.
    pub(super) ends: Vec<usize>,
}

impl Drain {
    pub(super) fn new(queue: Arc<Queue>, lines: Lines) -> Drain {
        Drain {
            queue,
            lines,
            batch: Batch::default(),
            entry: 0,
            byte: 0,
            block: Vec::new(),
            ends: Vec::new(),
        }
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Makes the next block, of at most about `room` bytes but never less than a line. What was in the last is done.
    pub(super) fn next(&mut self, patience: Duration, room: u64) -> Taken {
        self.block.clear();
        self.block.shrink_to(KEPT);
        self.ends.clear();
        if self.entry == self.batch.entries.len() {
            self.batch.clear();
            (self.entry, self.byte) = (0, 0);
            match self.queue.take(&mut self.batch, patience) {
                Taken::Some => {}
                other => return other,
            }
        }
        let limit = usize::try_from(room).unwrap_or(BLOCK).clamp(1, BLOCK);
        let (entry, byte) = (self.entry, self.byte);
        let mut truncated = 0;
        while self.block.len() < limit
            && let Some(next) = self.batch.entries.get(self.entry)
        {
            match self
                .lines
                .write(next, &self.batch.attributes[self.byte..], &mut self.block)
            {
                Ok((length, cut)) => {
                    self.block.push(b'\n');
                    self.ends.push(self.block.len());
                    self.entry += 1;
                    self.byte += length;
                    truncated += u64::from(cut);
                }
                Err(error) => {
                    // Where the attributes of those after it begin cannot be known.
                    let left = self.batch.entries.len() - self.entry;
                    self.queue.failed(left as u64);
                    let event_type = &next.event_type;
                    self.queue.tell(format!(
                        "The event log has lost {left} events from one of type {event_type} on, whose attributes cannot be read: {error}"
                    ));
                    self.entry = self.batch.entries.len();
                    self.byte = self.batch.attributes.len();
                }
            }
        }
        self.queue.truncated(truncated);
        self.queue.done(self.entry - entry, self.byte - byte);
        Taken::Some
    }
}

/// What a host takes from a log whose lines it writes itself. For one thread.
pub struct LineReader {
    drain: Drain,
    /// What was found last is to be found again.
    again: bool,
}

/// What a [`LineReader`] finds.
pub enum Found<'a> {
    /// Lines with an end of line each, and where they end.
    Lines(&'a [u8], &'a [usize]),
    /// Nothing came in time.
    Nothing,
    /// Nothing will come.
    End,
}

impl LineReader {
    pub(super) fn new(drain: Drain) -> LineReader {
        LineReader { drain, again: false }
    }

    /// The next lines; waits for them at most as long as `patience`. They count as written, until [`LineReader::lost`] says otherwise.
    pub fn next(&mut self, patience: Duration) -> Found<'_> {
        if !std::mem::take(&mut self.again) {
            match self.drain.next(patience, u64::MAX) {
                Taken::Some => self.drain.queue.written(self.drain.ends.len() as u64),
                Taken::Nothing => return Found::Nothing,
                Taken::Closed => return Found::End,
            }
        }
        Found::Lines(&self.drain.block, &self.drain.ends)
    }

    /// The host had no room for the lines: they are the next ones again.
    pub fn again(&mut self) {
        self.again = true;
    }

    /// So many of the lines found last could not be written.
    pub fn lost(&mut self, lines: usize) {
        self.drain.queue.lost(lines.min(self.drain.ends.len()) as u64);
    }
}
