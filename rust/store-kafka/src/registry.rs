//! The claims of an operator, and how far its records were pruned: what partition 0 of the topic says.

use crate::STORE;
use crate::envelope::{ClaimValue, Key, Pruned, PrunedValue, Unreadable};
use crate::partitions::CLAIMS;
use crate::reader::{Next, Read, Reader, Span};
use flink_agents_runtime::store::claims::{Claim, Claims};
use flink_agents_runtime::store::{ErrorKind, Lineage, OpenSession, Position, StoreError};
use rdkafka::message::Message;
use std::ops::RangeInclusive;

/// A claim, wherever in the topic it was written first.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) lineage: Lineage,
    pub(crate) nonce: [u8; 16],
    pub(crate) epoch: u64,
    pub(crate) value: ClaimValue,
}

impl Found {
    pub(crate) fn overlaps(&self, key_groups: &RangeInclusive<u16>) -> bool {
        self.value.key_groups.start() <= key_groups.end() && key_groups.start() <= self.value.key_groups.end()
    }

    fn placed(&self) -> bool {
        !self.value.positions.is_empty()
    }
}

#[derive(Clone)]
struct FoundPruned {
    lineage: Lineage,
    key_groups: RangeInclusive<u16>,
    value: PrunedValue,
}

/// What matters to one session of it.
#[derive(Clone)]
pub(crate) struct Registry {
    operator: String,
    /// The own one, then its ancestors.
    lineages: Vec<Lineage>,
    claims: Vec<Found>,
    /// Claims that do not count because others had been placed before them.
    late: Vec<Found>,
    pruned: Vec<FoundPruned>,
    /// Read up to here.
    pub(crate) seen: u64,
}

/// The error for bytes that cannot be read, wherever they lie.
pub(crate) fn unreadable(place: &str, offset: u64, why: Unreadable) -> StoreError {
    let (kind, remedy) = match why {
        Unreadable::Format(_) => (
            ErrorKind::Version,
            "Use the version of flink-agents that wrote it, or a newer one; older ones cannot read what newer ones wrote",
        ),
        Unreadable::Damaged(_) => (
            ErrorKind::Damaged,
            "Let no other program write to the topic. All that cannot be read is named by 'flink-agents store verify'; if \
             nothing of it is needed, use another topic",
        ),
    };
    StoreError::new(kind, STORE, format!("{place}, offset {offset}"), why.reason(), remedy)
}

impl Registry {
    pub(crate) fn new(request: &OpenSession) -> Registry {
        let mut registry = Registry::of(request.lineage, &request.operator);
        for ancestor in &request.ancestors {
            if !registry.lineages.contains(ancestor) {
                registry.lineages.push(*ancestor);
            }
        }
        registry
    }

    /// Of one lineage alone.
    pub(crate) fn of(lineage: Lineage, operator: &str) -> Registry {
        Registry {
            operator: operator.to_owned(),
            lineages: vec![lineage],
            claims: Vec::new(),
            late: Vec::new(),
            pruned: Vec::new(),
            seen: 0,
        }
    }

    /// Reads on, up to an offset. False when the session ended.
    pub(crate) fn read(&mut self, reader: &Reader, to: u64) -> Result<bool, StoreError> {
        let span = Span {
            partition: CLAIMS,
            from: self.seen,
            to,
        };
        let place = reader.place(CLAIMS);
        let read = reader.read(&[span], |read| {
            if let Read::Message(message) = read {
                let offset = message.offset() as u64;
                let taken = self.take(offset, message.key(), message.payload());
                taken.map_err(|why| unreadable(&place, offset, why))?;
            }
            Ok(Next::On)
        })?;
        if read {
            self.seen = self.seen.max(to);
        }
        Ok(read)
    }

    /// Takes what was read of partition 0. Records, of a topic of one partition, are passed over.
    pub(crate) fn take(&mut self, offset: u64, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), Unreadable> {
        let key = Key::decode(key.ok_or(Unreadable::Damaged("it has no key"))?)?;
        match (key, value) {
            (
                Key::Claim {
                    lineage,
                    nonce,
                    operator,
                },
                value,
            ) if self.is_mine(lineage, operator) => {
                let known = self
                    .claims
                    .iter()
                    .position(|found| found.nonce == nonce && found.lineage == lineage);
                let Some(value) = value else {
                    self.claims
                        .retain(|found| found.nonce != nonce || found.lineage != lineage);
                    return Ok(());
                };
                let value = ClaimValue::decode(value)?;
                let epoch = if value.epoch == 0 { offset + 1 } else { value.epoch };
                let found = Found {
                    lineage,
                    nonce,
                    epoch,
                    value,
                };
                // A session that placed its claim after a later one had is over before it began, and has written nothing.
                let late = found.placed()
                    && self.claims.iter().any(|other| {
                        other.lineage == lineage
                            && other.epoch > epoch
                            && other.placed()
                            && other.overlaps(&found.value.key_groups)
                    });
                match known {
                    Some(index) if late => drop(self.claims.remove(index)),
                    Some(index) => self.claims[index] = found.clone(),
                    None if late => {}
                    None => self.claims.push(found.clone()),
                }
                if late {
                    self.late.push(found);
                }
            }
            (
                Key::Pruned {
                    lineage,
                    first,
                    last,
                    operator,
                },
                value,
            ) if self.is_mine(lineage, operator) => {
                let key_groups = first..=last;
                self.pruned
                    .retain(|found| found.lineage != lineage || found.key_groups != key_groups);
                if let Some(value) = value {
                    let value = PrunedValue::decode(value)?;
                    self.pruned.push(FoundPruned {
                        lineage,
                        key_groups,
                        value,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_mine(&self, lineage: Lineage, operator: &str) -> bool {
        operator == self.operator && self.lineages.contains(&lineage)
    }

    /// All claims that count.
    pub(crate) fn claims(&self) -> &[Found] {
        &self.claims
    }

    /// The claims of the own lineage that no session needs any more once nothing of it is there: those that do not count, too.
    pub(crate) fn nonces(&self) -> impl Iterator<Item = [u8; 16]> {
        self.claims.iter().chain(&self.late).map(|found| found.nonce)
    }

    /// Whether there is a claim of this lineage besides the session's own.
    pub(crate) fn knows(&self, lineage: Lineage, own_epoch: u64) -> bool {
        self.claims
            .iter()
            .any(|found| found.lineage == lineage && found.epoch != own_epoch)
    }

    /// The epoch of the session with this nonce.
    pub(crate) fn epoch_of(&self, nonce: &[u8; 16]) -> Option<u64> {
        self.claims
            .iter()
            .find(|found| found.nonce == *nonce)
            .map(|found| found.epoch)
    }

    /// The number of partitions that these lineages are written with: what the first claim wants, so that all agree that read
    /// claims up to their own.
    pub(crate) fn partitions(&self) -> Option<u32> {
        let counts = self.claims.iter().filter(|found| found.value.partitions != 0);
        counts
            .min_by_key(|found| found.epoch)
            .map(|found| found.value.partitions)
    }

    /// The claim by which a session is a zombie. One without places counts: it may have asked for them already, so that what is
    /// written from now on could lie behind them.
    pub(crate) fn successor(&self, epoch: u64, key_groups: &RangeInclusive<u16>) -> Option<Claim> {
        let later = self
            .claims
            .iter()
            .filter(|found| found.lineage == self.lineages[0] && found.epoch > epoch)
            .find(|found| found.overlaps(key_groups))?;
        Some(Claim {
            epoch: later.epoch,
            lineage: later.lineage,
            max_parallelism: later.value.max_parallelism,
            key_groups: later.value.key_groups.clone(),
            position: Position(0),
        })
    }

    /// # Errors
    /// When one of these lineages was written with another maximum parallelism.
    pub(crate) fn check_parallelism(&self, place: &str, max_parallelism: u16) -> Result<(), StoreError> {
        let placed = self.claims.iter().filter(|found| found.placed()).map(|found| Claim {
            epoch: found.epoch,
            lineage: found.lineage,
            max_parallelism: found.value.max_parallelism,
            key_groups: found.value.key_groups.clone(),
            position: Position(0),
        });
        Claims::new(
            STORE,
            place,
            self.lineages[0],
            &self.lineages[1..],
            max_parallelism,
            placed,
        )
        .map(|_| ())
    }

    /// The claims as they concern one partition.
    pub(crate) fn claims_of(&self, place: &str, partition: u32, max_parallelism: u16) -> Result<Claims, StoreError> {
        let claims = self.claims.iter().filter_map(|found| {
            Some(Claim {
                epoch: found.epoch,
                lineage: found.lineage,
                max_parallelism: found.value.max_parallelism,
                key_groups: found.value.key_groups.clone(),
                position: found.value.position(partition)?,
            })
        });
        Claims::new(
            STORE,
            place,
            self.lineages[0],
            &self.lineages[1..],
            max_parallelism,
            claims,
        )
    }

    /// Claims of the own lineage before this one, of no more than its key groups, that may be forgotten. Those stay because of
    /// which others came late: without them these would count.
    pub(crate) fn before(&self, epoch: u64, key_groups: &RangeInclusive<u16>) -> Vec<[u8; 16]> {
        let older = self.claims.iter().filter(|found| {
            found.lineage == self.lineages[0]
                && found.epoch < epoch
                && key_groups.contains(found.value.key_groups.start())
                && key_groups.contains(found.value.key_groups.end())
                && !self
                    .late
                    .iter()
                    .any(|late| late.epoch < found.epoch && late.overlaps(&found.value.key_groups))
        });
        older.map(|found| found.nonce).collect()
    }

    /// The number of partitions that the lineage was written with, and the maximum parallelism.
    pub(crate) fn pinned(&self) -> Option<(u32, u16)> {
        let placed = self.claims.iter().find(|found| found.placed())?;
        Some((self.partitions()?, placed.value.max_parallelism))
    }

    /// Whether no session of the lineage, or of one that stems from it, reads a record of this epoch that lies there: a later
    /// session had its places before it.
    pub(crate) fn passed_over(&self, partition: u32, epoch: u64, key_group: u16, offset: u64) -> bool {
        let later = self
            .claims
            .iter()
            .filter(|found| found.lineage == self.lineages[0] && found.epoch > epoch)
            .filter(|found| found.value.key_groups.contains(&key_group));
        later
            .filter_map(|found| found.value.position(partition))
            .any(|position| offset >= position.0)
    }

    /// How far the records of a key group were pruned, in one of these lineages or in the own one.
    pub(crate) fn pruned(&self, key_group: u16, partition: u32, only_own: bool) -> Pruned {
        let mut most = Pruned::default();
        for found in &self.pruned {
            if !found.key_groups.contains(&key_group) || (only_own && found.lineage != self.lineages[0]) {
                continue;
            }
            if let Some(pruned) = found.value.of(partition) {
                most.begun = most.begun.max(pruned.begun);
                most.done = most.done.max(pruned.done);
            }
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flink_agents_runtime::store::MissingHistory;

    const A: Lineage = Lineage([1; 16]);
    const ALL: RangeInclusive<u16> = 0..=127;
    const HALF: RangeInclusive<u16> = 0..=63;

    fn registry() -> Registry {
        Registry::new(&OpenSession {
            lineage: A,
            ancestors: Vec::new(),
            operator: "o".to_owned(),
            max_parallelism: 128,
            key_groups: ALL,
            markers: Vec::new(),
            missing_history: MissingHistory::Fail,
        })
    }

    /// A session's first claim at this offset, or its second one with places in the two partitions of the topic.
    fn claim(
        registry: &mut Registry,
        offset: u64,
        nonce: u8,
        epoch: u64,
        key_groups: RangeInclusive<u16>,
        place: Option<u64>,
    ) {
        let key = Key::Claim {
            lineage: A,
            nonce: [nonce; 16],
            operator: "o",
        };
        let value = ClaimValue {
            epoch,
            max_parallelism: 128,
            key_groups,
            partitions: if place.is_some() { 1 } else { 0 },
            first_partition: 1,
            positions: place.map(Position).into_iter().collect(),
        };
        registry
            .take(offset, Some(&key.encode()), Some(&value.encode()))
            .unwrap();
    }

    #[test]
    fn the_first_claim_says_how_many_partitions_are_used_before_it_has_places() {
        let mut registry = registry();
        for (offset, nonce, partitions) in [(0, 1, 0), (1, 2, 8), (2, 3, 16)] {
            let key = Key::Claim {
                lineage: A,
                nonce: [nonce; 16],
                operator: "o",
            };
            let value = ClaimValue {
                epoch: 0,
                max_parallelism: 128,
                key_groups: ALL,
                partitions,
                first_partition: 0,
                positions: Vec::new(),
            };
            assert_eq!(registry.partitions(), [None, None, Some(8)][offset as usize]);
            registry
                .take(offset, Some(&key.encode()), Some(&value.encode()))
                .unwrap();
        }
        assert_eq!(registry.partitions(), Some(8));
    }

    fn limit(registry: &Registry, epoch: u64) -> Option<Position> {
        let claims = registry.claims_of("here", 1, 128).unwrap();
        claims.limit(A, epoch, 5)
    }

    #[test]
    fn a_later_claim_is_a_successor_from_its_first_word_and_limits_when_it_has_places() {
        let mut registry = registry();
        claim(&mut registry, 0, 1, 0, ALL, None);
        claim(&mut registry, 1, 1, 1, ALL, Some(0));
        assert!(registry.successor(1, &ALL).is_none());
        claim(&mut registry, 2, 2, 0, HALF, None);
        assert_eq!(registry.successor(1, &ALL).map(|claim| claim.epoch), Some(3));
        assert!(registry.successor(1, &(64..=127)).is_none());
        assert_eq!(limit(&registry, 1), None);
        claim(&mut registry, 3, 2, 3, HALF, Some(40));
        assert_eq!(limit(&registry, 1), Some(Position(40)));
    }

    #[test]
    fn a_claim_placed_after_a_later_one_does_not_count_and_the_later_one_is_not_forgotten() {
        let mut registry = registry();
        claim(&mut registry, 0, 1, 0, ALL, None);
        claim(&mut registry, 1, 1, 1, ALL, Some(0));
        claim(&mut registry, 2, 2, 0, ALL, None);
        claim(&mut registry, 3, 3, 0, HALF, None);
        claim(&mut registry, 4, 3, 4, HALF, Some(50));
        // It asked before session 3 did, and says so too late.
        claim(&mut registry, 5, 2, 3, ALL, Some(30));
        assert_eq!(limit(&registry, 1), Some(Position(50)));
        claim(&mut registry, 6, 4, 0, HALF, None);
        claim(&mut registry, 7, 4, 7, HALF, Some(60));
        assert_eq!(registry.before(7, &HALF), Vec::<[u8; 16]>::new());
        assert_eq!(registry.before(7, &ALL), [[1; 16]]);
    }
}
