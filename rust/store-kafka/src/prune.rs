//! Records go: what no checkpoint needs any more and is old enough gets a tombstone, which compaction turns into nothing.
//!
//! A session prunes what its own lineage wrote of its own key groups, below a marker of which it was told. It reads that part
//! of its partitions once more, from where the last pruning ended; how far it will go is written before the first tombstone,
//! so that a restore that would need what is gone is told so, and how far it got is written after the last.

use crate::client::{Right, SLICE, code_of, kind_of};
use crate::envelope::{Key, Pruned, PrunedValue};
use crate::marker::Marker;
use crate::open::Opening;
use crate::partitions::{CLAIMS, Partitions};
use crate::reader::{Next, Read, Span};
use crate::session::Sent;
use crate::settings::KafkaSettings;
use flink_agents_runtime::store::{ErrorKind, StoreError};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tombstones in flight, at most.
const WINDOW: usize = 1000;
const LONGEST: Duration = Duration::from_secs(3600);

/// When to prune next, and what.
pub(crate) struct Pruning {
    partitions: Partitions,
    retention: Duration,
    interval: Duration,
    next: Instant,
}

struct Tombstones {
    sender: Sender<Result<(u32, u64), RDKafkaErrorCode>>,
    receiver: Receiver<Result<(u32, u64), RDKafkaErrorCode>>,
    waiting: usize,
}

impl Pruning {
    pub(crate) fn new(settings: &KafkaSettings, partitions: Partitions) -> Pruning {
        Pruning {
            partitions,
            retention: settings.retention,
            // Checkpoints come by the second; what is pruned is days old.
            interval: (settings.retention / 100).min(LONGEST),
            next: Instant::now(),
        }
    }

    /// When it may run.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// Prunes what the marker does not cover. Gives it back where the brokers did not answer: another time.
    pub(crate) fn run(&mut self, opening: &mut Opening<'_>, marker: Marker) -> Result<Option<Marker>, StoreError> {
        let pruned = self.prune(opening, &marker);
        self.next = Instant::now() + self.interval;
        match pruned {
            Ok(()) => Ok(None),
            Err(error) if error.kind == ErrorKind::Unavailable => {
                self.next = Instant::now() + self.interval.max(Duration::from_secs(1));
                Ok(Some(marker))
            }
            Err(error) => Err(error),
        }
    }

    fn prune(&self, opening: &mut Opening<'_>, marker: &Marker) -> Result<(), StoreError> {
        if !opening.read_new_claims()? {
            return Ok(());
        }
        let request = &opening.inner.request;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let oldest = now.saturating_sub(self.retention).as_millis() as i64;
        let split = self.partitions.split(&request.key_groups);
        let mut spans = Vec::with_capacity(split.len());
        let mut progress = Vec::with_capacity(split.len());
        for (partition, key_groups) in &split {
            let place = opening.reader.place(*partition);
            let claims = opening
                .registry
                .claims_of(&place, *partition, request.max_parallelism)?;
            let own = |key_group| opening.registry.pruned(key_group, *partition, true);
            let done = key_groups
                .clone()
                .map(|key_group| own(key_group).done)
                .min()
                .unwrap_or(0);
            let begun = key_groups
                .clone()
                .map(|key_group| own(key_group).begun)
                .max()
                .unwrap_or(0);
            let first = key_groups.clone().filter_map(|key_group| claims.start(key_group)).min();
            let from = done.max(first.map_or(0, |position| position.0));
            // A key group that the marker does not cover is needed from its beginning.
            let needed = key_groups
                .clone()
                .map(|key_group| marker.start(key_group).map_or(0, |position| position.0));
            let to = needed.min().unwrap_or(0);
            let Some((low, _)) = opening.reader.ends(*partition)? else {
                return Ok(());
            };
            spans.push(Span {
                partition: *partition,
                from: from.max(low),
                to: to.max(from).max(low),
            });
            progress.push(Pruned { begun, done: from });
        }
        self.shorten(opening, &mut spans, oldest)?;
        if spans.iter().all(|span| span.from >= span.to) {
            return Ok(());
        }
        for (pruned, span) in progress.iter_mut().zip(&spans) {
            pruned.begun = pruned.begun.max(span.to);
        }
        if self.note(opening, &progress)?.is_none() || !self.bury(opening, &spans)? {
            return Ok(());
        }
        for (pruned, span) in progress.iter_mut().zip(&spans) {
            pruned.done = pruned.done.max(span.to);
        }
        self.note(opening, &progress)?;
        self.forget_claims(opening, marker)
    }

    /// Ends each span before the first record that is too young.
    fn shorten(&self, opening: &Opening<'_>, spans: &mut [Span], oldest: i64) -> Result<(), StoreError> {
        let failed = |e: &KafkaError| {
            let code = code_of(e);
            opening.inner.shared.error(
                &opening.inner.place(),
                "asking for records by age",
                Right::Describe,
                code,
                &code.to_string(),
            )
        };
        let mut times = TopicPartitionList::new();
        for span in spans.iter() {
            let topic = &opening.inner.settings.topic;
            let added = times.add_partition_offset(topic, span.partition as i32, Offset::Offset(oldest + 1));
            added.map_err(|e| failed(&e))?;
        }
        let found = opening
            .reader
            .consumer
            .offsets_for_times(times, Duration::from_secs(2))
            .map_err(|e| failed(&e))?;
        for element in found.elements() {
            element.error().map_err(|e| failed(&e))?;
            let span = spans
                .iter_mut()
                .find(|span| span.partition == element.partition() as u32);
            // Where there is no record so young, the answer is the end.
            if let (Some(span), Offset::Offset(young)) = (span, element.offset()) {
                span.to = span.to.min(young.max(0) as u64);
            }
        }
        Ok(())
    }

    fn note(&self, opening: &mut Opening<'_>, progress: &[Pruned]) -> Result<Option<()>, StoreError> {
        let request = &opening.inner.request;
        let key = Key::Pruned {
            lineage: request.lineage,
            first: *request.key_groups.start(),
            last: *request.key_groups.end(),
            operator: &request.operator,
        }
        .encode();
        let value = PrunedValue {
            max_parallelism: request.max_parallelism,
            partitions: self.partitions.count,
            first_partition: self.partitions.of(*request.key_groups.start()),
            pruned: progress.to_vec(),
        }
        .encode();
        let Some(offset) = opening.write(CLAIMS, &key, Some(&value))? else {
            return Ok(None);
        };
        let place = opening.reader.place(CLAIMS);
        let taken = opening.registry.take(offset, Some(&key), Some(&value));
        taken.map_err(|why| crate::registry::unreadable(&place, offset, why))?;
        Ok(Some(()))
    }

    /// Writes a tombstone for each of the session's own records. False when the session ended.
    fn bury(&self, opening: &Opening<'_>, spans: &[Span]) -> Result<bool, StoreError> {
        let request = &opening.inner.request;
        let (sender, receiver) = channel();
        let mut tombstones = Tombstones {
            sender,
            receiver,
            waiting: 0,
        };
        let read = opening.reader.read(spans, |read| {
            let Read::Message(message) = read else {
                return Ok(Next::On);
            };
            let (Some(bytes), Some(_)) = (message.key(), message.payload()) else {
                return Ok(Next::On);
            };
            if let Ok(Key::Record(key)) = Key::decode(bytes)
                && key.lineage == request.lineage
                && key.operator == request.operator
                && request.key_groups.contains(&key.key_group)
            {
                tombstones.write(opening, message.partition() as u32, bytes)?;
            }
            Ok(Next::On)
        })?;
        Ok(read && tombstones.settle(opening, 0)?)
    }

    /// Claims of sessions before this one say what zombies wrote behind the places of a later one. Once everything before the
    /// session's own places is pruned, nobody asks any more.
    fn forget_claims(&self, opening: &mut Opening<'_>, marker: &Marker) -> Result<(), StoreError> {
        let request = &opening.inner.request;
        let Some(epoch) = opening.registry.epoch_of(&opening.nonce) else {
            return Ok(());
        };
        for (partition, key_groups) in self.partitions.split(&request.key_groups) {
            let place = opening.reader.place(partition);
            let claims = opening.registry.claims_of(&place, partition, request.max_parallelism)?;
            for key_group in key_groups {
                let own = claims.limit(request.lineage, epoch.saturating_sub(1), key_group);
                let pruned = opening.registry.pruned(key_group, partition, true).done;
                let covered = marker.start(key_group);
                if own.is_none_or(|own| covered.is_none_or(|covered| covered < own) || pruned < own.0) {
                    return Ok(());
                }
            }
        }
        for nonce in opening.registry.before(epoch, &request.key_groups) {
            let key = Key::Claim {
                lineage: request.lineage,
                nonce,
                operator: &request.operator,
            }
            .encode();
            let Some(offset) = opening.write(CLAIMS, &key, None)? else {
                return Ok(());
            };
            let place = opening.reader.place(CLAIMS);
            let taken = opening.registry.take(offset, Some(&key), None);
            taken.map_err(|why| crate::registry::unreadable(&place, offset, why))?;
        }
        Ok(())
    }
}

impl Tombstones {
    fn write(&mut self, opening: &Opening<'_>, partition: u32, key: &[u8]) -> Result<(), StoreError> {
        loop {
            let inner = &opening.inner;
            let sent = Sent::Own(self.sender.clone());
            let given = inner.give(&mut inner.state(), &opening.producer, partition, key, None, sent);
            match given {
                Ok(()) => break,
                Err(RDKafkaErrorCode::QueueFull) => {
                    self.settle(opening, 0)?;
                    std::thread::sleep(SLICE);
                }
                Err(code) => return Err(self.failed(opening, code)),
            }
        }
        self.waiting += 1;
        if self.waiting >= WINDOW {
            self.settle(opening, WINDOW / 2)?;
        }
        Ok(())
    }

    fn failed(&self, opening: &Opening<'_>, code: RDKafkaErrorCode) -> StoreError {
        let mut error =
            opening
                .inner
                .shared
                .error(&opening.inner.place(), "pruning", Right::Write, code, &code.to_string());
        if kind_of(code) == ErrorKind::Rejected {
            // The producer is done for; whatever is written next says so too.
            error.kind = ErrorKind::Rejected;
        }
        error
    }

    /// Waits until no more than so many are in flight. False when the session ended.
    fn settle(&mut self, opening: &Opening<'_>, most: usize) -> Result<bool, StoreError> {
        while self.waiting > most {
            match self.receiver.recv_timeout(SLICE) {
                Ok(Ok(_)) => self.waiting -= 1,
                Ok(Err(code)) => return Err(self.failed(opening, code)),
                Err(RecvTimeoutError::Timeout) if !opening.inner.shared.troubles.stopped() => {}
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }
}
