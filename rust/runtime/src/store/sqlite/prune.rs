//! Removes what no checkpoint needs once it is old enough: in small steps between commits, from the oldest record on.

use super::row::{self, ClaimRow};
use super::{StoreError, errors};
use crate::store::Position;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap};

/// Rows looked at in one step.
const STEP: usize = 2000;

/// One pass over the file.
pub(super) struct Pass {
    next: Position,
    /// Records written before this time may go.
    written_before: i64,
    /// For each epoch, what claims of its lineage and operator say.
    rules: HashMap<u64, Vec<ClaimRow>>,
    end: Position,
}

impl Pass {
    /// # Errors
    /// When the claims cannot be read.
    pub(super) fn new(place: &str, connection: &Connection, written_before: i64) -> Result<Pass, StoreError> {
        let claims = row::claims(place, connection, 0)?;
        let rules = claims
            .iter()
            .map(|row| {
                let same = |other: &&ClaimRow| {
                    other.operator == row.operator
                        && other.claim.lineage == row.claim.lineage
                        && other.needed_from > Position(0)
                };
                (row.claim.epoch, claims.iter().filter(same).cloned().collect())
            })
            .collect();
        Ok(Pass {
            next: Position(0),
            written_before,
            rules,
            end: claims.iter().map(|row| row.needed_from).max().unwrap_or(Position(0)),
        })
    }

    /// Removes some records, in a transaction of the caller; true if the pass has to go on.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(super) fn step(&mut self, place: &str, connection: &Connection) -> Result<bool, StoreError> {
        let failed = |cause: rusqlite::Error| errors::sqlite(place, "pruning it", &cause);
        let mut statement = connection
            .prepare(&format!(
                "SELECT position, epoch, key_group, written_at FROM record WHERE position >= ?1 AND position < ?2 \
                 ORDER BY position LIMIT {STEP}"
            ))
            .map_err(failed)?;
        let mut rows = statement
            .query(params![self.next.0 as i64, self.end.0 as i64])
            .map_err(failed)?;
        let (mut seen, mut doomed, mut gone) = (0, Vec::new(), BTreeMap::new());
        while let Some(row) = rows.next().map_err(failed)? {
            let position: i64 = row.get(0).map_err(failed)?;
            let broken = |cause: rusqlite::Error| errors::row(place, "record", position, &cause.to_string());
            let epoch = row.get::<_, i64>(1).map_err(broken)? as u64;
            let key_group: u16 = row.get(2).map_err(broken)?;
            if row.get::<_, i64>(3).map_err(broken)? >= self.written_before {
                // What follows is younger, except by a jump of the clock; then it goes later.
                seen = 0;
                break;
            }
            seen += 1;
            self.next = Position(position as u64 + 1);
            let rules = self.rules.get(&epoch).map(Vec::as_slice).unwrap_or_default();
            let rule = rules.iter().find(|rule| {
                rule.claim.key_groups.contains(&key_group) && Position(position as u64) < rule.needed_from
            });
            if let Some(rule) = rule {
                doomed.push(position);
                gone.insert(rule.claim.epoch, position + 1);
            }
        }
        drop(rows);
        let mut delete = connection
            .prepare("DELETE FROM record WHERE position = ?1")
            .map_err(failed)?;
        for position in doomed {
            delete.execute([position]).map_err(failed)?;
        }
        for (epoch, before) in gone {
            connection
                .execute(
                    "UPDATE claim SET pruned_before = max(pruned_before, ?2) WHERE epoch = ?1",
                    params![epoch as i64, before],
                )
                .map_err(failed)?;
        }
        Ok(seen == STEP)
    }
}
