//! Markers of stores that number their records in one sequence: memory and SQLite.
//!
//! Layout, little endian: format (1 byte: 1), kind of store (1 byte), identity of the store (16 bytes), maximum parallelism
//! (u16), number of ranges (u32), and for each first and last key group (u16 each) and position (u64).

use super::{ErrorKind, OpenSession, Position, StoreError};
use std::ops::RangeInclusive;

const FORMAT: u8 = 1;

/// Stands in markers of checkpoints that came before the store was open: such a marker means the beginning of any store.
const UNKNOWN: [u8; 16] = [0; 16];

/// Kinds of stores that write markers; a number is never given to another kind. 3 is Kafka, whose layout is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Memory = 1,
    Sqlite = 2,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Sqlite => "sqlite",
        }
    }
}

/// From where to read, for each key group of the session that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) store: [u8; 16],
    pub(super) max_parallelism: u16,
    /// Ascending, without gap or overlap.
    pub(super) starts: Vec<(RangeInclusive<u16>, Position)>,
}

impl Marker {
    pub(super) fn encode(&self, kind: Kind) -> Vec<u8> {
        let mut out = Vec::with_capacity(24 + self.starts.len() * 12);
        out.extend_from_slice(&[FORMAT, kind as u8]);
        out.extend_from_slice(&self.store);
        out.extend_from_slice(&self.max_parallelism.to_le_bytes());
        out.extend_from_slice(&(self.starts.len() as u32).to_le_bytes());
        for (key_groups, position) in &self.starts {
            out.extend_from_slice(&key_groups.start().to_le_bytes());
            out.extend_from_slice(&key_groups.end().to_le_bytes());
            out.extend_from_slice(&position.0.to_le_bytes());
        }
        out
    }

    /// # Errors
    /// When these are not the bytes of a marker of this kind of store.
    pub(super) fn decode(kind: Kind, mut bytes: &[u8]) -> Result<Marker, StoreError> {
        let (Some(format), Some(written_by)) = (take::<1>(&mut bytes), take::<1>(&mut bytes)) else {
            return Err(damaged(kind, "it ends early"));
        };
        if format[0] != FORMAT {
            return Err(StoreError::new(
                ErrorKind::Version,
                kind.name(),
                "marker in the restored checkpoint",
                format!("its format is {}, and this program knows {FORMAT}", format[0]),
                "Restore it with the version that wrote it, or a newer one",
            ));
        }
        if written_by[0] != kind as u8 {
            return Err(StoreError::new(
                ErrorKind::Settings,
                kind.name(),
                "marker in the restored checkpoint",
                format!("another kind of store wrote it (number {})", written_by[0]),
                "Set actionStateStoreBackend to the store the job ran with before",
            ));
        }
        Marker::rest(&mut bytes)
            .ok_or_else(|| damaged(kind, "its length is wrong"))
            .and_then(|marker| marker.checked(kind))
    }

    fn rest(bytes: &mut &[u8]) -> Option<Marker> {
        let store = take(bytes)?;
        let max_parallelism = u16::from_le_bytes(take(bytes)?);
        let count = u32::from_le_bytes(take(bytes)?) as usize;
        if bytes.len() != count.checked_mul(12)? {
            return None;
        }
        let mut starts = Vec::with_capacity(count);
        for _ in 0..count {
            let (first, last) = (u16::from_le_bytes(take(bytes)?), u16::from_le_bytes(take(bytes)?));
            starts.push((first..=last, Position(u64::from_le_bytes(take(bytes)?))));
        }
        Some(Marker {
            store,
            max_parallelism,
            starts,
        })
    }

    fn checked(self, kind: Kind) -> Result<Marker, StoreError> {
        let follows = |pair: &[(RangeInclusive<u16>, Position)]| {
            pair[0]
                .0
                .end()
                .checked_add(1)
                .is_some_and(|next| next == *pair[1].0.start())
        };
        let ordered = self.starts.iter().all(|(range, _)| range.start() <= range.end());
        if self.starts.is_empty() || !ordered || !self.starts.windows(2).all(follows) {
            return Err(damaged(kind, "its key groups are out of order"));
        }
        Ok(self)
    }

    /// The lowest position.
    pub(super) fn lowest(&self) -> Position {
        self.starts
            .iter()
            .map(|(_, position)| *position)
            .min()
            .unwrap_or(Position(0))
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

fn damaged(kind: Kind, why: &str) -> StoreError {
    StoreError::new(
        ErrorKind::Damaged,
        kind.name(),
        "marker in the restored checkpoint",
        why,
        "Restore another checkpoint; please report this one",
    )
}

/// From where a session must be read again: what its markers are made of.
#[derive(Debug)]
pub(super) struct Progress {
    kind: Kind,
    max_parallelism: u16,
    key_groups: RangeInclusive<u16>,
    /// Of each key group: what the markers said at the opening; `None` if none covered it, or it said the beginning.
    starts: Vec<Option<Position>>,
    /// Unknown until the store is open.
    store: [u8; 16],
    /// The end of the store when it was opened.
    end: Position,
    markers: Vec<Marker>,
}

impl Progress {
    /// # Errors
    /// When the request is wrong or a marker cannot be read.
    pub(super) fn new(kind: Kind, request: &OpenSession) -> Result<Progress, StoreError> {
        let OpenSession {
            key_groups,
            max_parallelism,
            ..
        } = request;
        if key_groups.is_empty() || key_groups.end() >= max_parallelism {
            return Err(StoreError::new(
                ErrorKind::Request,
                kind.name(),
                format!("operator {}", request.operator),
                format!("key groups {key_groups:?} at a maximum parallelism of {max_parallelism}"),
                "This is an error of the program that holds the session; please report it",
            ));
        }
        let markers = request
            .markers
            .iter()
            .map(|bytes| Marker::decode(kind, bytes))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = markers.iter().find(|marker| marker.max_parallelism != *max_parallelism) {
            return Err(StoreError::new(
                ErrorKind::Settings,
                kind.name(),
                format!("marker in the restored checkpoint, operator {}", request.operator),
                format!(
                    "the maximum parallelism is {max_parallelism} now and was {} then",
                    other.max_parallelism
                ),
                "Set the maximum parallelism of the operator to the former value",
            ));
        }
        let starts = key_groups
            .clone()
            .map(|key_group| {
                let covering = markers.iter().flat_map(|marker| &marker.starts);
                covering
                    .filter(|(range, _)| range.contains(&key_group))
                    .map(|(_, position)| *position)
                    .min()
                    .filter(|position| *position > Position(0))
            })
            .collect();
        Ok(Progress {
            kind,
            max_parallelism: *max_parallelism,
            key_groups: key_groups.clone(),
            starts,
            store: markers.first().map_or(UNKNOWN, |marker| marker.store),
            end: Position(0),
            markers,
        })
    }

    /// The store is open: it has this identity, and the next record would have this position. True if the markers are of this
    /// store and of its past; otherwise they are forgotten.
    pub(super) fn opened(&mut self, store: [u8; 16], next: Position) -> bool {
        let known = self.markers.iter().all(|marker| {
            let here = marker.store == store || marker.store == UNKNOWN;
            here && marker.starts.iter().all(|(_, position)| *position <= next)
        });
        if !known {
            self.starts.fill(None);
        }
        self.store = store;
        self.end = next;
        known
    }

    /// From where this key group has to be read, if a marker says so.
    pub(super) fn start(&self, key_group: u16) -> Option<Position> {
        let index = key_group.checked_sub(*self.key_groups.start())?;
        self.starts.get(usize::from(index)).copied().flatten()
    }

    /// The marker of a checkpoint of this session. One from before the store was open excludes nothing.
    ///
    /// # Errors
    /// When it is not one.
    pub(super) fn own(&self, bytes: &[u8]) -> Result<Marker, StoreError> {
        let mut marker = Marker::decode(self.kind, bytes)?;
        let first = marker.starts.first().map(|(range, _)| *range.start());
        let last = marker.starts.last().map(|(range, _)| *range.end());
        if first == Some(*self.key_groups.start()) && last == Some(*self.key_groups.end()) {
            if marker.store != self.store {
                marker
                    .starts
                    .iter_mut()
                    .for_each(|(_, position)| *position = Position(0));
            }
            return Ok(marker);
        }
        Err(StoreError::new(
            ErrorKind::Request,
            self.kind.name(),
            format!("session of the key groups {:?}", self.key_groups),
            "a marker to prune by is not one of this session",
            "This is an error of the program that holds the session; please report it",
        ))
    }

    pub(super) fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8> {
        let heard = heard.iter().map(|(_, position)| *position).max();
        let end = heard.map_or(self.end, |heard| heard.max(self.end));
        let first = *self.key_groups.start();
        let read = |key_group| recovered.iter().any(|range| range.contains(&key_group));
        let mut positions: Vec<Position> = (first..)
            .zip(&self.starts)
            .map(|(key_group, start)| match read(key_group) {
                true => end,
                false => start.unwrap_or(Position(0)),
            })
            .collect();
        for (key_group, position) in oldest {
            let index = key_group.checked_sub(first).map(usize::from);
            if let Some(known) = index.and_then(|index| positions.get_mut(index)) {
                *known = (*known).min(*position);
            }
        }
        let mut starts: Vec<(RangeInclusive<u16>, Position)> = Vec::new();
        for (key_group, position) in self.key_groups.clone().zip(positions) {
            match starts.last_mut() {
                Some((range, same)) if *same == position => *range = *range.start()..=key_group,
                _ => starts.push((key_group..=key_group, position)),
            }
        }
        Marker {
            store: self.store,
            max_parallelism: self.max_parallelism,
            starts,
        }
        .encode(self.kind)
    }
}

/// What the records before `needed` being gone means for a session that reads from `start`: nothing, or an error.
pub(super) fn missing(
    kind: Kind,
    place: &str,
    key_group: u16,
    start: Position,
    gone_before: Position,
) -> Option<StoreError> {
    (start < gone_before).then(|| {
        StoreError::new(
            ErrorKind::MissingHistory,
            kind.name(),
            place,
            format!(
                "key group {key_group} has to be read from position {start}, and what lay before position {gone_before} was \
                 pruned after action-state.retention"
            ),
            "Restore a newer checkpoint, or set action-state.on-missing-history to REEXECUTE: what is missing is then done \
             again",
        )
    })
}

/// The markers are of another store, or of a future this one has not seen.
pub(super) fn foreign(kind: Kind, place: &str) -> StoreError {
    StoreError::new(
        ErrorKind::MissingHistory,
        kind.name(),
        place,
        "the restored checkpoint was taken with another store, or with a later state of this one: it was replaced or set back",
        "Bring back the store the job ran with, or set action-state.on-missing-history to REEXECUTE: what was done since \
         the checkpoint is then done again",
    )
}

#[cfg(test)]
#[path = "marker_tests.rs"]
mod tests;
