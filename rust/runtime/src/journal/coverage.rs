//! What of a journal a checkpoint makes unnecessary.
//!
//! A store's marker has one position for each key group: everything after it is read again. Among that are runs that had ended
//! at the checkpoint and only lie behind the start of one that had not. No input claims them ever, so they would be kept in
//! memory, and hold back every later marker, as long as the job lives. A checkpoint therefore says besides how far the
//! journal had come, and which keys had unfinished runs; what lies before and belongs to no such key is left out when it is read.
//!
//! Layout in front of the store's marker, little endian: version (1 byte: 241), number of ranges (u32), for each first and last
//! key group (u16 each) and the position at which the journal ended (u64), number of keys (u32), for each key group (u16) and
//! digest (u64).

use crate::store::{ErrorKind, Position, StoreError};
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// No marker of a store begins with this.
const VERSION: u8 = 241;

/// A key, shortened. Two keys with one digest are both kept: that is one too many, never one too few.
pub(super) type KeyDigest = (u16, u64);

/// FNV-1a: the same in every process and version.
pub(super) fn digest(key_group: u16, key: &[u8]) -> KeyDigest {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (key_group, hash)
}

/// See the head of the file; of the key groups of one subtask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coverage {
    first: u16,
    /// By key group: how far the journal had come.
    ends: Vec<Position>,
    unfinished: HashSet<KeyDigest>,
}

impl Coverage {
    /// Nothing is unnecessary.
    pub(super) fn none(key_groups: &RangeInclusive<u16>) -> Coverage {
        Coverage {
            first: *key_groups.start(),
            ends: key_groups.clone().map(|_| Position(0)).collect(),
            unfinished: HashSet::new(),
        }
    }

    fn index(&self, key_group: u16) -> Option<usize> {
        key_group.checked_sub(self.first).map(usize::from)
    }

    /// How far the journal of a key group had come.
    pub(super) fn end(&self, key_group: u16) -> Position {
        let end = self.index(key_group).and_then(|index| self.ends.get(index));
        end.copied().unwrap_or(Position(0))
    }

    /// Whether no restore of the checkpoint needs this record.
    pub(super) fn covers(&self, key_group: u16, key: &[u8], position: Position) -> bool {
        position < self.end(key_group) && !self.unfinished.contains(&digest(key_group, key))
    }

    /// The journal of a key group has come so far.
    pub(super) fn come(&mut self, key_group: u16, end: Position) {
        let index = self.index(key_group);
        if let Some(known) = index.and_then(|index| self.ends.get_mut(index)) {
            *known = (*known).max(end);
        }
    }

    /// How far the journal has come, of the key groups that have one.
    pub(super) fn ends(&self) -> impl Iterator<Item = (u16, Position)> + '_ {
        (self.first..)
            .zip(self.ends.iter().copied())
            .filter(|(_, end)| *end > Position(0))
    }

    /// A key has an unfinished run.
    pub(super) fn keep(&mut self, key: KeyDigest) {
        self.unfinished.insert(key);
    }

    /// Of a key group that has not been read, what a former checkpoint said stays true.
    pub(super) fn inherit(&mut self, key_group: u16, former: &Coverage) {
        let index = self.index(key_group);
        if let Some(end) = index.and_then(|index| self.ends.get_mut(index)) {
            *end = former.end(key_group);
        }
    }

    /// The keys of these key groups with unfinished runs.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = KeyDigest> + '_ {
        self.unfinished.iter().copied()
    }

    /// With the store's marker behind.
    pub(super) fn encode(&self, marker: &[u8]) -> Vec<u8> {
        let mut ranges: Vec<(u16, u16, Position)> = Vec::new();
        for (group, end) in (self.first..).zip(&self.ends) {
            match ranges.last_mut() {
                Some((_, last, same)) if *same == *end => *last = group,
                _ => ranges.push((group, group, *end)),
            }
        }
        let mut keys: Vec<KeyDigest> = self.unfinished.iter().copied().collect();
        keys.sort_unstable();
        let mut out = Vec::with_capacity(9 + 12 * ranges.len() + 10 * keys.len() + marker.len());
        out.push(VERSION);
        out.extend_from_slice(&(ranges.len() as u32).to_le_bytes());
        for (first, last, end) in ranges {
            out.extend_from_slice(&first.to_le_bytes());
            out.extend_from_slice(&last.to_le_bytes());
            out.extend_from_slice(&end.0.to_le_bytes());
        }
        out.extend_from_slice(&(keys.len() as u32).to_le_bytes());
        for (group, digest) in keys {
            out.extend_from_slice(&group.to_le_bytes());
            out.extend_from_slice(&digest.to_le_bytes());
        }
        out.extend_from_slice(marker);
        out
    }

    /// What these checkpoints' markers say of some key groups, and the store's part of each. A marker without such a part covers
    /// nothing.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn decode(
        key_groups: &RangeInclusive<u16>,
        markers: &[Vec<u8>],
    ) -> Result<(Coverage, Vec<Vec<u8>>), StoreError> {
        let mut coverage = Coverage::none(key_groups);
        let mut seen: Vec<Option<Position>> = vec![None; coverage.ends.len()];
        let mut of_store = Vec::with_capacity(markers.len());
        for marker in markers {
            let mut bytes = marker.as_slice();
            if bytes.first() != Some(&VERSION) {
                of_store.push(marker.clone());
                continue;
            }
            let (ranges, keys) = parse(&mut bytes).ok_or_else(damaged)?;
            for (first, last, end) in ranges {
                for group in first.max(*key_groups.start())..=last.min(*key_groups.end()) {
                    if let Some(known) = coverage.index(group).and_then(|index| seen.get_mut(index)) {
                        *known = Some(known.map_or(end, |known| known.min(end)));
                    }
                }
            }
            let mine = keys.into_iter().filter(|(group, _)| key_groups.contains(group));
            coverage.unfinished.extend(mine);
            of_store.push(bytes.to_vec());
        }
        for (end, seen) in coverage.ends.iter_mut().zip(seen) {
            *end = seen.unwrap_or(Position(0));
        }
        Ok((coverage, of_store))
    }
}

type Parts = (Vec<(u16, u16, Position)>, Vec<KeyDigest>);

fn parse(bytes: &mut &[u8]) -> Option<Parts> {
    let [_version] = take::<1>(bytes)?;
    let count = u32::from_le_bytes(take(bytes)?) as usize;
    let mut ranges = Vec::with_capacity(count.min(bytes.len() / 12));
    for _ in 0..count {
        let (first, last) = (u16::from_le_bytes(take(bytes)?), u16::from_le_bytes(take(bytes)?));
        ranges.push((first, last, Position(u64::from_le_bytes(take(bytes)?))));
    }
    let count = u32::from_le_bytes(take(bytes)?) as usize;
    let mut keys = Vec::with_capacity(count.min(bytes.len() / 10));
    for _ in 0..count {
        keys.push((u16::from_le_bytes(take(bytes)?), u64::from_le_bytes(take(bytes)?)));
    }
    Some((ranges, keys))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

fn damaged() -> StoreError {
    StoreError::new(
        ErrorKind::Damaged,
        "journal",
        "marker in the restored checkpoint",
        "it ends early",
        "Restore another checkpoint; please report this one",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sample() -> Coverage {
        let mut coverage = Coverage::none(&(2..=5));
        coverage.come(2, Position(7));
        coverage.come(3, Position(7));
        coverage.come(5, Position(1 << 40));
        coverage.keep(digest(3, b"key"));
        coverage.keep(digest(3, b""));
        coverage
    }

    /// As the first version wrote it; read for ever.
    const VERSION_1: &str = concat!(
        "f1",
        "03000000",
        "020003000700000000000000",
        "040004000000000000000000",
        "050005000000000000010000",
        "02000000",
        "0300ec105b36194ac93d",
        "030025232284e49cf2cb",
        "6d61726b6572",
    );

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn it_is_written_as_ever_and_read_back() {
        let bytes = sample().encode(b"marker");
        assert_eq!(hex(&bytes), VERSION_1);
        let (read, markers) = Coverage::decode(&(2..=5), &[bytes]).unwrap();
        assert_eq!(read, sample());
        assert_eq!(markers, [b"marker"]);
    }

    #[test]
    fn what_lies_before_the_end_is_covered_but_for_unfinished_keys() {
        let coverage = sample();
        assert!(coverage.covers(3, b"other", Position(6)));
        assert!(!coverage.covers(3, b"other", Position(7)));
        assert!(!coverage.covers(3, b"key", Position(6)));
        assert!(coverage.covers(2, b"key", Position(6)), "a key of another key group");
        assert!(!coverage.covers(4, b"other", Position(0)));
        assert!(!coverage.covers(9, b"other", Position(0)));
    }

    #[test]
    fn of_several_the_lowest_end_and_all_unfinished_keys_count() {
        let mut other = Coverage::none(&(3..=9));
        other.come(3, Position(5));
        other.come(9, Position(5));
        other.keep(digest(3, b"more"));
        other.keep(digest(9, b"beyond"));
        let markers = [sample().encode(b"one"), other.encode(b"two"), b"\x01bare".to_vec()];
        let (read, of_store) = Coverage::decode(&(3..=5), &markers).unwrap();
        assert_eq!(of_store, [b"one".to_vec(), b"two".to_vec(), b"\x01bare".to_vec()]);
        assert_eq!(read.ends, [Position(5), Position(0), Position(0)]);
        assert_eq!(read.unfinished.len(), 3);
    }

    #[test]
    fn any_cut_in_its_own_part_is_an_error() {
        let bytes = sample().encode(b"");
        for length in 1..bytes.len() {
            let error = Coverage::decode(&(2..=5), &[bytes[..length].to_vec()]).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Damaged, "{length}");
        }
        assert!(Coverage::decode(&(2..=5), &[bytes]).is_ok());
    }
}
