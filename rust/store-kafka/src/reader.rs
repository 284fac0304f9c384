//! Reads ranges of partitions, several at once, each to its end.

use crate::client::{Deadline, Right, SLICE, Shared, code_of, kind_of};
use crate::topic::without_leader;
use flink_agents_runtime::store::{ErrorKind, StoreError};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::Duration;

/// How long one request for the ends of a partition may take: what is asked again and again is answered never by brokers that
/// take longer. A session that ends may have to wait for it.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

const CLOSING: Duration = Duration::from_millis(100);

/// A part of a partition: from an offset up to and without another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) partition: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What a reader hands over.
pub(crate) enum Read<'a> {
    Message(&'a BorrowedMessage<'a>),
    /// The partition is read to its end.
    Done(u32),
    /// Nothing more is there at the moment.
    Idle,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    On,
    /// No more of this partition.
    Skip,
}

pub(crate) struct Reader {
    pub(crate) consumer: BaseConsumer<Shared>,
    pub(crate) shared: Shared,
    pub(crate) topic: String,
    /// How long to wait for the next answer.
    pub(crate) patience: Duration,
}

impl Drop for Reader {
    /// Closes the client, which takes a millisecond. The client's own end looks for that only every tenth of a second, and a
    /// subtask that restarts waits for it; what is not closed here by then is left to that one.
    fn drop(&mut self) {
        if self.consumer.close_queue().is_err() {
            return;
        }
        let deadline = Deadline::after(CLOSING);
        while !self.consumer.closed() && !deadline.passed() {
            let _ = self.consumer.poll(Duration::from_millis(1));
        }
    }
}

struct Open {
    span: Span,
    /// The next offset that has not been seen.
    next: u64,
    /// Its end was seen once where messages were expected.
    confirmed: bool,
}

impl Reader {
    pub(crate) fn place(&self, partition: u32) -> String {
        format!("topic {}, partition {partition}", self.topic)
    }

    fn error(&self, partition: u32, doing: &str, right: Right, error: &KafkaError) -> StoreError {
        let code = code_of(error);
        self.shared
            .error(&self.place(partition), doing, right, code, &code.to_string())
    }

    /// The first offset that is there, and the end. `None` when the session ended.
    pub(crate) fn ends(&self, partition: u32) -> Result<Option<(u64, u64)>, StoreError> {
        let doing = "asking for the ends of the partition";
        let deadline = Deadline::after(self.patience);
        let mut wait = FIRST_WAIT;
        loop {
            if self.shared.troubles.stopped() {
                return Ok(None);
            }
            match self.consumer.fetch_watermarks(&self.topic, partition as i32, wait) {
                Ok((low, high)) => return Ok(Some((low.max(0) as u64, high.max(0) as u64))),
                Err(e) => {
                    let kind = kind_of(code_of(&e));
                    // A disk that fails makes another broker the leader, where there is one.
                    let passes = matches!(kind, ErrorKind::Unavailable | ErrorKind::Settings | ErrorKind::Full);
                    if !passes || (kind == ErrorKind::Full && deadline.passed()) {
                        return Err(self.error(partition, doing, Right::Describe, &e));
                    }
                    if deadline.passed() {
                        return Err(self.shared.timed_out(
                            &self.place(partition),
                            doing,
                            Right::Describe,
                            self.patience,
                        ));
                    }
                    let _ = self.consumer.poll(SLICE);
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Which partitions have no leader, if a broker answers at once.
    pub(crate) fn without_leader(&self) -> Option<String> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), FIRST_WAIT).ok()?;
        without_leader(metadata.topics().first()?)
    }

    /// Reads all spans. False when the session ended before.
    pub(crate) fn read(
        &self,
        spans: &[Span],
        mut hand_over: impl FnMut(Read<'_>) -> Result<Next, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut open: Vec<Open> = Vec::with_capacity(spans.len());
        let mut list = TopicPartitionList::new();
        for span in spans {
            if span.from >= span.to {
                hand_over(Read::Done(span.partition))?;
                continue;
            }
            list.add_partition_offset(&self.topic, span.partition as i32, Offset::Offset(span.from as i64))
                .map_err(|e| self.error(span.partition, "choosing where to read", Right::Read, &e))?;
            open.push(Open {
                span: *span,
                next: span.from,
                confirmed: false,
            });
        }
        let Some(first) = open.first().map(|open| open.span.partition) else {
            return Ok(true);
        };
        self.consumer
            .assign(&list)
            .map_err(|e| self.error(first, "beginning to read", Right::Read, &e))?;
        let read = self.drain(&mut open, &mut hand_over);
        let ended = self.consumer.unassign();
        let read = read?;
        ended.map_err(|e| self.error(first, "ending to read", Right::Read, &e))?;
        Ok(read)
    }

    fn drain(
        &self,
        open: &mut Vec<Open>,
        hand_over: &mut impl FnMut(Read<'_>) -> Result<Next, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut deadline = Deadline::after(self.patience);
        let mut wait = Duration::ZERO;
        while !open.is_empty() {
            let Some(polled) = self.consumer.poll(wait) else {
                if self.shared.troubles.stopped() {
                    return Ok(false);
                }
                if wait.is_zero() {
                    hand_over(Read::Idle)?;
                    wait = SLICE;
                } else if deadline.passed() {
                    let doing = format!("reading from offset {}", open[0].next);
                    return Err(self.shared.timed_out(
                        &self.place(open[0].span.partition),
                        &doing,
                        Right::Read,
                        self.patience,
                    ));
                }
                continue;
            };
            wait = Duration::ZERO;
            let finished = match polled {
                Ok(message) => {
                    let partition = message.partition() as u32;
                    let Some(index) = open.iter().position(|open| open.span.partition == partition) else {
                        continue;
                    };
                    deadline = Deadline::after(self.patience);
                    let offset = message.offset() as u64;
                    let mut next = Next::On;
                    if offset < open[index].span.to {
                        if self.shared.troubles.stopped() {
                            return Ok(false);
                        }
                        next = hand_over(Read::Message(&message))?;
                        open[index].next = offset + 1;
                    }
                    (offset + 1 >= open[index].span.to || next == Next::Skip).then_some(index)
                }
                Err(KafkaError::PartitionEOF(partition)) => self.at_end(open, partition as u32)?,
                Err(e) => {
                    self.judge(open, &e)?;
                    None
                }
            };
            if let Some(index) = finished {
                hand_over(Read::Done(open.swap_remove(index).span.partition))?;
            }
        }
        Ok(true)
    }

    /// The partition seems to have ended before the last offset that was to be read: compaction took what was there, or the
    /// broker that answers does not yet know how far it may show the partition. Only the end seen again, after the broker
    /// knows, is the end.
    fn at_end(&self, open: &mut [Open], partition: u32) -> Result<Option<usize>, StoreError> {
        let Some(index) = open.iter().position(|open| open.span.partition == partition) else {
            return Ok(None);
        };
        if open[index].confirmed {
            return Ok(Some(index));
        }
        let Some((_, end)) = self.ends(partition)? else {
            return Ok(None);
        };
        open[index].confirmed = end >= open[index].span.to;
        let next = Offset::Offset(open[index].next as i64);
        self.consumer
            .seek(&self.topic, partition as i32, next, self.patience)
            .map_err(|e| self.error(partition, "reading the end again", Right::Read, &e))?;
        Ok(None)
    }

    /// What ends the reading, and what passes by itself.
    fn judge(&self, open: &[Open], error: &KafkaError) -> Result<(), StoreError> {
        let code = code_of(error);
        let lasting = !matches!(kind_of(code), ErrorKind::Unavailable | ErrorKind::Settings)
            && code != RDKafkaErrorCode::GroupAuthorizationFailed
            // A login is tried again; the wait for an answer is bounded.
            && code != RDKafkaErrorCode::Authentication;
        if !lasting {
            return Ok(());
        }
        let at: Vec<String> = open
            .iter()
            .map(|open| format!("{} from offset {}", open.span.partition, open.next))
            .collect();
        let place = format!("topic {}, partition {}", self.topic, at.join(" or "));
        Err(self
            .shared
            .error(&place, "reading", Right::Read, code, &code.to_string()))
    }
}
