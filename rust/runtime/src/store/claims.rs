//! Which records a session may read.
//!
//! A session reads the records of its own job lineage, and those of the lineages its checkpoint stems from up to the moment
//! at which the own lineage first claimed the key group: what an ancestor wrote after that belongs to a job that goes on for
//! itself. Of no lineage does it read what a zombie wrote, that is records of an epoch that come after the claim of a later
//! epoch of the same lineage. For a key group, a lineage and an epoch all this comes down to one position, the
//! [`limit`](Claims::limit): records before it are read, others are not.
//!
//! ```text
//! position   10        20        30        40        50
//! lineage A  claim 1 ───────────── claim 3 ───────────────── epoch 1 is read up to 30; a zombie's record at 35 is not
//! lineage B            claim 2 ─────────────────── claim 4   (ancestor A) A's records up to 20 are read, none after
//! lineage C                           claim 5                (no ancestor) reads neither A nor B
//! ```

use super::{ErrorKind, Lineage, Position, StoreError};
use std::ops::RangeInclusive;

/// What a session writes when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Number of the session, higher than that of every claim before it.
    pub epoch: u64,
    /// Job lineage of the session.
    pub lineage: Lineage,
    /// Of the operator.
    pub max_parallelism: u16,
    /// The session's key groups.
    pub key_groups: RangeInclusive<u16>,
    /// Records at lower positions were there before the claim. For a store that counts in each partition for itself: the
    /// place in the partition these claims are of.
    pub position: Position,
}

/// The claims of one operator that matter to a session, in any order, its own included.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The own lineage, then its ancestors from the nearest to the farthest.
    lineages: Vec<Lineage>,
    claims: Vec<Claim>,
}

impl Claims {
    /// Keeps those of the claims of an operator that matter to a session of `lineage`.
    ///
    /// # Errors
    /// When a lineage was written with another maximum parallelism: its key groups would mean other keys.
    pub fn new(
        store: &'static str,
        place: &str,
        lineage: Lineage,
        ancestors: &[Lineage],
        max_parallelism: u16,
        claims: impl IntoIterator<Item = Claim>,
    ) -> Result<Claims, StoreError> {
        let mut lineages = vec![lineage];
        for ancestor in ancestors {
            if !lineages.contains(ancestor) {
                lineages.push(*ancestor);
            }
        }
        let claims: Vec<Claim> = claims
            .into_iter()
            .filter(|claim| lineages.contains(&claim.lineage))
            .collect();
        match claims.iter().find(|claim| claim.max_parallelism != max_parallelism) {
            Some(other) => Err(StoreError::new(
                ErrorKind::Settings,
                store,
                format!("{place}, claim {} of job lineage {}", other.epoch, other.lineage),
                format!(
                    "the maximum parallelism is {max_parallelism} now and was {} then, so the key groups of its records \
                     are others",
                    other.max_parallelism
                ),
                "Set the maximum parallelism of the operator to the former value",
            )),
            None => Ok(Claims { lineages, claims }),
        }
    }

    /// Records of this key group written by `lineage` in `epoch` are read if their position is lower; `None` if they are not
    /// read at all. The same for every record of an epoch and key group, so a reader may keep it.
    pub fn limit(&self, lineage: Lineage, epoch: u64, key_group: u16) -> Option<Position> {
        let generation = self.lineages.iter().position(|known| *known == lineage)?;
        let descendants = &self.lineages[..generation];
        self.claims
            .iter()
            .filter(|claim| claim.key_groups.contains(&key_group))
            .filter(|claim| descendants.contains(&claim.lineage) || (claim.lineage == lineage && claim.epoch > epoch))
            .map(|claim| claim.position)
            .min()
    }

    /// No record of this key group that is to be read lies before this position; `None` if there is none at all.
    pub fn start(&self, key_group: u16) -> Option<Position> {
        self.claims
            .iter()
            .filter(|claim| claim.key_groups.contains(&key_group))
            .map(|claim| claim.position)
            .min()
    }

    /// The claim by which a session with this claim is a zombie, if there is one.
    pub fn successor<'a>(own: &Claim, claims: impl IntoIterator<Item = &'a Claim>) -> Option<&'a Claim> {
        claims
            .into_iter()
            .filter(|claim| claim.lineage == own.lineage && claim.epoch > own.epoch)
            .find(|claim| {
                claim.key_groups.start() <= own.key_groups.end() && own.key_groups.start() <= claim.key_groups.end()
            })
    }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
