//! Markers: from where a restored session reads.
//!
//! Layout, little endian as that of the other stores' markers: format (1 byte: 1), kind of store (1 byte: 3), job lineage
//! (16 bytes), maximum parallelism (u16), partitions with records (u32), number of ranges (u32), and for each first and last
//! key group (u16 each) and offset (u64). Key groups may be missing: they are read from the beginning of their lineages.

use crate::STORE;
use flink_agents_runtime::store::{ErrorKind, Lineage, Position, StoreError};
use std::ops::RangeInclusive;

const FORMAT: u8 = 1;
const KIND: u8 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Of the session that wrote it: the topic has claims of it, or is not the topic it was.
    pub(crate) lineage: Lineage,
    pub(crate) max_parallelism: u16,
    pub(crate) partitions: u32,
    /// Ascending, without overlap.
    pub(crate) starts: Vec<(RangeInclusive<u16>, Position)>,
}

impl Marker {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(28 + 12 * self.starts.len());
        out.extend_from_slice(&[FORMAT, KIND]);
        out.extend_from_slice(&self.lineage.0);
        out.extend_from_slice(&self.max_parallelism.to_le_bytes());
        out.extend_from_slice(&self.partitions.to_le_bytes());
        out.extend_from_slice(&(self.starts.len() as u32).to_le_bytes());
        for (key_groups, position) in &self.starts {
            out.extend_from_slice(&key_groups.start().to_le_bytes());
            out.extend_from_slice(&key_groups.end().to_le_bytes());
            out.extend_from_slice(&position.0.to_le_bytes());
        }
        out
    }

    /// # Errors
    /// When these are not the bytes of a marker of this store.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Marker, StoreError> {
        let (Some(format), Some(kind)) = (bytes.first(), bytes.get(1)) else {
            return Err(unreadable(ErrorKind::Damaged, "it ends early".to_owned()));
        };
        if *format != FORMAT {
            let why = format!("its format is {format}, and this program knows {FORMAT}");
            return Err(unreadable(ErrorKind::Version, why));
        }
        if *kind != KIND {
            let why = format!("another kind of store wrote it (number {kind})");
            return Err(unreadable(ErrorKind::Settings, why));
        }
        Marker::rest(&bytes[2..]).ok_or_else(|| {
            let why = "its length is wrong, or its key groups are out of order".to_owned();
            unreadable(ErrorKind::Damaged, why)
        })
    }

    fn rest(mut bytes: &[u8]) -> Option<Marker> {
        let lineage = Lineage(take(&mut bytes)?);
        let max_parallelism = u16::from_le_bytes(take(&mut bytes)?);
        let partitions = u32::from_le_bytes(take(&mut bytes)?);
        let count = u32::from_le_bytes(take(&mut bytes)?) as usize;
        if bytes.len() != count.checked_mul(12)? {
            return None;
        }
        let mut starts: Vec<(RangeInclusive<u16>, Position)> = Vec::with_capacity(count);
        for _ in 0..count {
            let (first, last) = (
                u16::from_le_bytes(take(&mut bytes)?),
                u16::from_le_bytes(take(&mut bytes)?),
            );
            let after = starts.last().is_none_or(|(before, _)| *before.end() < first);
            if first > last || last >= max_parallelism || !after {
                return None;
            }
            starts.push((first..=last, Position(u64::from_le_bytes(take(&mut bytes)?))));
        }
        Some(Marker {
            lineage,
            max_parallelism,
            partitions,
            starts,
        })
    }

    /// From where to read a key group, if the marker covers it.
    pub(crate) fn start(&self, key_group: u16) -> Option<Position> {
        let after = self.starts.partition_point(|(range, _)| *range.end() < key_group);
        let (range, position) = self.starts.get(after)?;
        range.contains(&key_group).then_some(*position)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

fn unreadable(kind: ErrorKind, why: String) -> StoreError {
    let remedy = match kind {
        ErrorKind::Version => "Restore it with the version that wrote it, or a newer one",
        ErrorKind::Settings => "Set actionStateStoreBackend to the store the job ran with before",
        _ => "Restore another checkpoint; please report this one",
    };
    StoreError::new(kind, STORE, "marker in the restored checkpoint", why, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker {
            lineage: Lineage([0x11; 16]),
            max_parallelism: 128,
            partitions: 64,
            starts: vec![(2..=3, Position(258)), (5..=5, Position(1))],
        }
    }

    #[test]
    fn a_marker_has_the_bytes_it_always_had() {
        let bytes = marker().encode();
        let golden = "01031111111111111111111111111111111180004000000002000000\
                      020003000201000000000000050005000100000000000000";
        assert_eq!(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            golden
        );
        assert_eq!(Marker::decode(&bytes), Ok(marker()));
    }

    #[test]
    fn a_key_group_it_does_not_cover_has_no_start() {
        let found: Vec<_> = (0..8)
            .map(|key_group| marker().start(key_group).map(|at| at.0))
            .collect();
        assert_eq!(found, [None, None, Some(258), Some(258), None, Some(1), None, None]);
    }

    #[test]
    fn what_is_no_marker_of_this_store_is_told_apart() {
        let good = marker().encode();
        for length in 0..good.len() {
            let kind = Marker::decode(&good[..length]).expect_err("cut short").kind;
            assert_eq!(kind, ErrorKind::Damaged, "{length} bytes");
        }
        let with = |index: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[index] = byte;
            Marker::decode(&bytes).expect_err("changed").kind
        };
        assert_eq!(with(0, 2), ErrorKind::Version);
        assert_eq!(with(1, 2), ErrorKind::Settings);
        // The first range would begin after its end.
        assert_eq!(with(28, 9), ErrorKind::Damaged);
    }
}
