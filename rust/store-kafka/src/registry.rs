//! The claims of an operator, and how far its records were pruned: what partition 0 of the topic says.

use crate::STORE;
use crate::envelope::{ClaimValue, Key, Pruned, PrunedValue, Unreadable};
use flink_agents_runtime::store::claims::{Claim, Claims};
use flink_agents_runtime::store::{ErrorKind, Lineage, OpenSession, Position, StoreError};
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

struct FoundPruned {
    lineage: Lineage,
    key_groups: RangeInclusive<u16>,
    value: PrunedValue,
}

/// What matters to one session of it.
pub(crate) struct Registry {
    operator: String,
    /// The own one, then its ancestors.
    lineages: Vec<Lineage>,
    claims: Vec<Found>,
    pruned: Vec<FoundPruned>,
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
            "Let no other program write to the topic. Look at the record with 'flink-agents store inspect'; if nothing of it is \
             needed, delete it or use another topic",
        ),
    };
    StoreError::new(kind, STORE, format!("{place}, offset {offset}"), why.reason(), remedy)
}

impl Registry {
    pub(crate) fn new(request: &OpenSession) -> Registry {
        let mut lineages = vec![request.lineage];
        for ancestor in &request.ancestors {
            if !lineages.contains(ancestor) {
                lineages.push(*ancestor);
            }
        }
        Registry {
            operator: request.operator.clone(),
            lineages,
            claims: Vec::new(),
            pruned: Vec::new(),
        }
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
                    Some(index) => self.claims[index] = found,
                    None if late => {}
                    None => self.claims.push(found),
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

    /// The number of partitions that the first of these lineages was written with.
    pub(crate) fn partitions(&self) -> Option<u32> {
        let counts = self.claims.iter().filter(|found| found.value.partitions != 0);
        counts
            .min_by_key(|found| found.epoch)
            .map(|found| found.value.partitions)
    }

    /// The claim by which a session is a zombie.
    pub(crate) fn successor(&self, epoch: u64, key_groups: &RangeInclusive<u16>) -> Option<Claim> {
        let later = self
            .claims
            .iter()
            // One that has no places may never get any: a session that did not come so far is no successor.
            .filter(|found| found.lineage == self.lineages[0] && found.epoch > epoch && found.placed())
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

    /// Claims of the own lineage before this one, of no more than its key groups.
    pub(crate) fn before(&self, epoch: u64, key_groups: &RangeInclusive<u16>) -> Vec<[u8; 16]> {
        let older = self.claims.iter().filter(|found| {
            found.lineage == self.lineages[0]
                && found.epoch < epoch
                && key_groups.contains(found.value.key_groups.start())
                && key_groups.contains(found.value.key_groups.end())
        });
        older.map(|found| found.nonce).collect()
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
