//! Reads back the records of a session's key groups, all its partitions at once.

use crate::STORE;
use crate::envelope::{ClaimValue, Key, decode_record};
use crate::open::Opening;
use crate::partitions::Partitions;
use crate::reader::{Next, Read, Span};
use crate::registry::unreadable;
use flink_agents_runtime::store::claims::Claims;
use flink_agents_runtime::store::{ErrorKind, Lineage, Position, Recovered, StoreError};
use rdkafka::message::{BorrowedMessage, Message};
use rustc_hash::FxHashMap;
use std::ops::RangeInclusive;

/// Records handed over at once, at most.
const BATCH: usize = 1024;

/// What is read of one partition.
struct Part {
    span: Span,
    place: String,
    key_groups: RangeInclusive<u16>,
    /// Of each key group.
    starts: Vec<u64>,
    claims: Claims,
    /// What the claims say, looked up once for each lineage, epoch and key group.
    limits: FxHashMap<(Lineage, u64, u16), u64>,
}

/// The reading of a session.
pub(crate) struct Recovery {
    pub(crate) partitions: Partitions,
    parts: Vec<Part>,
}

impl Recovery {
    /// Decides what is read, and whether all of it is still there. `lows` are the first offsets of the partitions.
    pub(crate) fn plan(
        opening: &Opening<'_>,
        partitions: Partitions,
        split: Vec<(u32, RangeInclusive<u16>)>,
        lows: &[u64],
        own: &ClaimValue,
    ) -> Result<Recovery, StoreError> {
        let inner = opening.inner;
        let request = &inner.request;
        let miss = |missing| inner.gate.miss(request.missing_history, missing);
        let mut trusted = true;
        for marker in inner.markers.iter().filter(|marker| !marker.starts.is_empty()) {
            if !opening.registry.knows(marker.lineage, own.epoch) || marker.partitions != partitions.count {
                miss(foreign(&inner.place()))?;
                trusted = false;
            }
        }
        if !trusted {
            inner.state().starts.fill(None);
        }
        let mut parts = Vec::with_capacity(split.len());
        for (index, (partition, key_groups)) in split.into_iter().enumerate() {
            let place = opening.reader.place(partition);
            let end = own.positions[index].0;
            let claims = opening.registry.claims_of(&place, partition, request.max_parallelism)?;
            let mut starts = Vec::with_capacity(key_groups.len());
            for key_group in key_groups.clone() {
                let given = inner.state().starts[usize::from(key_group - request.key_groups.start())];
                if given.is_some_and(|given| given.0 > end) {
                    miss(foreign(&place))?;
                }
                let given = given.filter(|given| given.0 <= end);
                let mut start = given.or(claims.start(key_group)).map_or(end, |start| start.0);
                let pruned = opening.registry.pruned(key_group, partition, false).begun;
                let there = pruned.max(lows[index]);
                if start < there {
                    miss(missing(&place, key_group, start, there, pruned >= lows[index]))?;
                    start = there;
                }
                starts.push(start);
            }
            let from = starts.iter().copied().min().unwrap_or(end);
            parts.push(Part {
                span: Span {
                    partition,
                    from,
                    to: end,
                },
                place,
                key_groups,
                starts,
                claims,
                limits: FxHashMap::default(),
            });
        }
        Ok(Recovery { partitions, parts })
    }

    /// Reads it all. False when the session ended.
    pub(crate) fn run(&mut self, opening: &Opening<'_>) -> Result<bool, StoreError> {
        let inner = opening.inner;
        let spans: Vec<Span> = self.parts.iter().map(|part| part.span).collect();
        let parts = &mut self.parts;
        let mut batch: Vec<Recovered> = Vec::new();
        let read = opening.reader.read(&spans, |read| {
            match read {
                Read::Message(message) => {
                    let partition = message.partition() as u32;
                    if let Some(part) = parts.iter_mut().find(|part| part.span.partition == partition)
                        && let Some(record) = part.record(message, &inner.request.operator)?
                    {
                        batch.push(record);
                        if batch.len() >= BATCH {
                            inner.gate.recovered(std::mem::take(&mut batch));
                        }
                    }
                }
                Read::Idle => inner.gate.recovered(std::mem::take(&mut batch)),
                Read::Done(partition) => {
                    inner.gate.recovered(std::mem::take(&mut batch));
                    if let Some(part) = parts.iter().find(|part| part.span.partition == partition) {
                        inner.gate.recovery_done(part.key_groups.clone());
                    }
                }
            }
            Ok(Next::On)
        })?;
        Ok(read)
    }
}

impl Part {
    /// The record of a message, if it is one that the session reads.
    fn record(&mut self, message: &BorrowedMessage<'_>, operator: &str) -> Result<Option<Recovered>, StoreError> {
        let offset = message.offset() as u64;
        let failed = |why| unreadable(&self.place, offset, why);
        let Some(key) = message.key() else {
            return Err(failed(crate::envelope::Unreadable::Damaged("it has no key")));
        };
        let Key::Record(key) = Key::decode(key).map_err(failed)? else {
            return Ok(None);
        };
        // A tombstone of Kafka's: what it removed was pruned, and is not read.
        let Some(value) = message.payload() else {
            return Ok(None);
        };
        let Some(index) = key.key_group.checked_sub(*self.key_groups.start()).map(usize::from) else {
            return Ok(None);
        };
        if self.starts.get(index).is_none_or(|start| offset < *start) {
            return Ok(None);
        }
        if offset >= self.limit(key.lineage, key.epoch, key.key_group) || key.operator != operator {
            return Ok(None);
        }
        let value = decode_record(value).map_err(|why| unreadable(&self.place, offset, why))?;
        Ok(Some(Recovered {
            key_group: key.key_group,
            key: key.key.to_vec(),
            tail: key.tail.to_vec(),
            value: value.map(<[u8]>::to_vec),
            position: Position(offset),
        }))
    }

    fn limit(&mut self, lineage: Lineage, epoch: u64, key_group: u16) -> u64 {
        let claims = &self.claims;
        let limit = || claims.limit(lineage, epoch, key_group).map_or(0, |limit| limit.0);
        *self.limits.entry((lineage, epoch, key_group)).or_insert_with(limit)
    }
}

fn missing(place: &str, key_group: u16, start: u64, there: u64, pruned: bool) -> StoreError {
    let why = if pruned {
        "was pruned after action-state.retention"
    } else {
        "was deleted by Kafka (see cleanup.policy and retention.ms of the topic)"
    };
    StoreError::new(
        ErrorKind::MissingHistory,
        STORE,
        place,
        format!(
            "key group {key_group} has to be read from position {start}, and what lay before position {there} {why}"
        ),
        "Restore a newer checkpoint, or set action-state.on-missing-history to REEXECUTE: what is missing is then done again",
    )
}

fn foreign(place: &str) -> StoreError {
    StoreError::new(
        ErrorKind::MissingHistory,
        STORE,
        place,
        "the restored checkpoint was taken with another topic, or the topic was deleted and made again since",
        "Bring back the topic the job ran with, or set action-state.on-missing-history to REEXECUTE: what was done since the \
         checkpoint is then done again",
    )
}
