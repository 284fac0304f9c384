//! Layout of what lies in the topic. Numbers are big endian and for ever; golden tests hold them.
//!
//! ```text
//! key     format (1) | kind | job lineage (16) | of the kind
//!   1 record      epoch (8) | key group (2) | operator length (2), operator | key length (4), key | tail
//!   2 claim       nonce (16) | operator length (2), operator
//!   3 pruned      first, last key group (2 each) | operator length (2), operator
//! value   format (1) | of the kind
//!   1 record      0, then the record; 1: the record is deleted
//!   2 claim       epoch (8; 0 while it is not known) | maximum parallelism (2) | first, last key group (2 each)
//!                 | partitions with records (4) | first partition (4) | number (4), positions (8 each)
//!   3 pruned      maximum parallelism (2) | partitions with records (4) | first partition (4)
//!                 | number (4), positions (8 each) before which records may be gone, are gone
//! ```
//!
//! The epoch is part of a record's key: compaction keeps the last record of a key, and what a zombie wrote must not replace
//! what the session after it wrote. For the same reason a deletion is a record too: Kafka's own tombstone, a key with no
//! value, would remove the record of its own epoch only. Tombstones are what pruning writes; no reader needs them.

use flink_agents_runtime::store::{Lineage, Position};
use std::ops::RangeInclusive;

const FORMAT: u8 = 1;
const RECORD: u8 = 1;
const CLAIM: u8 = 2;
const PRUNED: u8 = 3;

/// Why something cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A newer program wrote it.
    Format(u8),
    /// Another program wrote it, or it is damaged.
    Damaged(&'static str),
}

impl Unreadable {
    pub(crate) fn reason(self) -> String {
        match self {
            Unreadable::Format(format) => format!("its format is {format}, and this program knows {FORMAT}"),
            Unreadable::Damaged(why) => why.to_owned(),
        }
    }
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    Record(RecordKey<'a>),
    Claim {
        lineage: Lineage,
        nonce: [u8; 16],
        operator: &'a str,
    },
    Pruned {
        lineage: Lineage,
        first: u16,
        last: u16,
        operator: &'a str,
    },
}

/// Identity of a record, its epoch included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordKey<'a> {
    pub(crate) lineage: Lineage,
    pub(crate) epoch: u64,
    pub(crate) key_group: u16,
    pub(crate) operator: &'a str,
    pub(crate) key: &'a [u8],
    pub(crate) tail: &'a [u8],
}

/// Bytes that a record's key has besides operator, key and tail, and its value besides the record.
pub(crate) const RECORD_OVERHEAD: usize = 1 + 1 + 16 + 8 + 2 + 2 + 4 + 2;

fn start(out: &mut Vec<u8>, kind: u8, lineage: Lineage) {
    out.extend_from_slice(&[FORMAT, kind]);
    out.extend_from_slice(&lineage.0);
}

/// The operator's name is checked when the session is opened: it fits.
fn put_operator(out: &mut Vec<u8>, operator: &str) {
    out.extend_from_slice(&(operator.len() as u16).to_be_bytes());
    out.extend_from_slice(operator.as_bytes());
}

impl Key<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Puts the key behind what is there.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Key::Record(record) => {
                start(out, RECORD, record.lineage);
                out.extend_from_slice(&record.epoch.to_be_bytes());
                out.extend_from_slice(&record.key_group.to_be_bytes());
                put_operator(out, record.operator);
                out.extend_from_slice(&(record.key.len() as u32).to_be_bytes());
                out.extend_from_slice(record.key);
                out.extend_from_slice(record.tail);
            }
            Key::Claim {
                lineage,
                nonce,
                operator,
            } => {
                start(out, CLAIM, *lineage);
                out.extend_from_slice(nonce);
                put_operator(out, operator);
            }
            Key::Pruned {
                lineage,
                first,
                last,
                operator,
            } => {
                start(out, PRUNED, *lineage);
                out.extend_from_slice(&first.to_be_bytes());
                out.extend_from_slice(&last.to_be_bytes());
                put_operator(out, operator);
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Key<'_>, Unreadable> {
        let mut rest = Bytes(bytes);
        rest.format()?;
        let kind = rest.u8()?;
        let lineage = Lineage(rest.array()?);
        let key = match kind {
            RECORD => {
                let epoch = u64::from_be_bytes(rest.array()?);
                let key_group = rest.u16()?;
                let operator = rest.operator()?;
                let length = rest.u32()? as usize;
                let key = rest.take(length)?;
                return Ok(Key::Record(RecordKey {
                    lineage,
                    epoch,
                    key_group,
                    operator,
                    key,
                    tail: rest.0,
                }));
            }
            CLAIM => Key::Claim {
                lineage,
                nonce: rest.array()?,
                operator: rest.operator()?,
            },
            PRUNED => Key::Pruned {
                lineage,
                first: rest.u16()?,
                last: rest.u16()?,
                operator: rest.operator()?,
            },
            _ => return Err(Unreadable::Damaged("its key is of no known kind")),
        };
        rest.end()?;
        Ok(key)
    }
}

/// Puts the value of a record behind what is there; `None` says that it is deleted.
pub(crate) fn write_record(out: &mut Vec<u8>, value: Option<&[u8]>) {
    out.extend_from_slice(&[FORMAT, u8::from(value.is_none())]);
    out.extend_from_slice(value.unwrap_or_default());
}

pub(crate) fn decode_record(bytes: &[u8]) -> Result<Option<&[u8]>, Unreadable> {
    let mut rest = Bytes(bytes);
    rest.format()?;
    match rest.u8()? {
        0 => Ok(Some(rest.0)),
        1 if rest.0.is_empty() => Ok(None),
        _ => Err(Unreadable::Damaged(
            "its value is neither a record nor the deletion of one",
        )),
    }
}

/// What a session claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimValue {
    /// Offset of the session's first claim plus one; 0 in that claim itself, which cannot know it.
    pub(crate) epoch: u64,
    pub(crate) max_parallelism: u16,
    pub(crate) key_groups: RangeInclusive<u16>,
    /// Partitions that have records.
    pub(crate) partitions: u32,
    /// The first one of the session.
    pub(crate) first_partition: u32,
    /// The end of each of the session's partitions; empty while the epoch is not known.
    pub(crate) positions: Vec<Position>,
}

impl ClaimValue {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(27 + 8 * self.positions.len());
        out.push(FORMAT);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.max_parallelism.to_be_bytes());
        out.extend_from_slice(&self.key_groups.start().to_be_bytes());
        out.extend_from_slice(&self.key_groups.end().to_be_bytes());
        out.extend_from_slice(&self.partitions.to_be_bytes());
        out.extend_from_slice(&self.first_partition.to_be_bytes());
        out.extend_from_slice(&(self.positions.len() as u32).to_be_bytes());
        for position in &self.positions {
            out.extend_from_slice(&position.0.to_be_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<ClaimValue, Unreadable> {
        let mut rest = Bytes(bytes);
        rest.format()?;
        let epoch = rest.u64()?;
        let max_parallelism = rest.u16()?;
        let key_groups = rest.u16()?..=rest.u16()?;
        let (partitions, first_partition) = (rest.u32()?, rest.u32()?);
        let positions = (0..rest.count(8)?)
            .map(|_| rest.u64().map(Position))
            .collect::<Result<_, _>>()?;
        rest.end()?;
        Ok(ClaimValue {
            epoch,
            max_parallelism,
            key_groups,
            partitions,
            first_partition,
            positions,
        })
    }

    /// The session's position in a partition, if it claimed that.
    pub(crate) fn position(&self, partition: u32) -> Option<Position> {
        let index = partition.checked_sub(self.first_partition)?;
        self.positions.get(index as usize).copied()
    }
}

/// How far a partition was pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pruned {
    /// Records before it may be gone.
    pub(crate) begun: u64,
    /// Records before it are gone.
    pub(crate) done: u64,
}

/// How far the partitions of a session were pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrunedValue {
    pub(crate) max_parallelism: u16,
    pub(crate) partitions: u32,
    pub(crate) first_partition: u32,
    pub(crate) pruned: Vec<Pruned>,
}

impl PrunedValue {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(15 + 16 * self.pruned.len());
        out.push(FORMAT);
        out.extend_from_slice(&self.max_parallelism.to_be_bytes());
        out.extend_from_slice(&self.partitions.to_be_bytes());
        out.extend_from_slice(&self.first_partition.to_be_bytes());
        out.extend_from_slice(&(self.pruned.len() as u32).to_be_bytes());
        for pruned in &self.pruned {
            out.extend_from_slice(&pruned.begun.to_be_bytes());
            out.extend_from_slice(&pruned.done.to_be_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<PrunedValue, Unreadable> {
        let mut rest = Bytes(bytes);
        rest.format()?;
        let max_parallelism = rest.u16()?;
        let (partitions, first_partition) = (rest.u32()?, rest.u32()?);
        let pruned = (0..rest.count(16)?)
            .map(|_| {
                Ok(Pruned {
                    begun: rest.u64()?,
                    done: rest.u64()?,
                })
            })
            .collect::<Result<_, _>>()?;
        rest.end()?;
        Ok(PrunedValue {
            max_parallelism,
            partitions,
            first_partition,
            pruned,
        })
    }

    pub(crate) fn of(&self, partition: u32) -> Option<Pruned> {
        let index = partition.checked_sub(self.first_partition)?;
        self.pruned.get(index as usize).copied()
    }
}

/// Bytes yet to be read.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(Unreadable::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(Unreadable::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn format(&mut self) -> Result<(), Unreadable> {
        match self.u8()? {
            FORMAT => Ok(()),
            0 => Err(Unreadable::Damaged("it does not begin as what this program writes")),
            newer => Err(Unreadable::Format(newer)),
        }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_be_bytes)
    }

    /// A number of things of that size, which are all there.
    pub(crate) fn count(&mut self, size: usize) -> Result<u32, Unreadable> {
        let count = self.u32()?;
        if (count as usize).checked_mul(size) == Some(self.0.len()) {
            Ok(count)
        } else {
            Err(Unreadable::Damaged("its length is wrong"))
        }
    }

    fn operator(&mut self) -> Result<&'a str, Unreadable> {
        let length = self.u16()?;
        std::str::from_utf8(self.take(usize::from(length))?)
            .map_err(|_| Unreadable::Damaged("the operator in its key is no text"))
    }

    pub(crate) fn end(&self) -> Result<(), Unreadable> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Unreadable::Damaged("it has more bytes than it should"))
        }
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
