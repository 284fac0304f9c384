//! Removes what no checkpoint needs once it is old enough: in small steps between commits, from the oldest record on.

use super::row::{self, ClaimRow};
use super::{StoreError, errors};
use crate::store::Position;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

/// Rows looked at in one step.
const STEP: usize = 2000;

/// What the claims of a lineage and operator say of some key groups.
struct Rule {
    key_groups: RangeInclusive<u16>,
    needed_from: Position,
    epoch: u64,
}

/// Which records may go.
pub(super) struct Rules {
    /// Records written before this time are old enough.
    pub(super) written_before: i64,
    /// By lineage and operator: for each range of key groups what the latest session said, in the order of these. Their number
    /// does not grow with that of restarts.
    rules: Vec<Vec<Rule>>,
    /// By epoch, the index of its lineage and operator.
    jobs: HashMap<u64, usize>,
    end: Position,
}

impl Rules {
    pub(super) fn new(claims: &[ClaimRow], written_before: i64) -> Rules {
        let (mut numbers, mut jobs, mut rules) = (HashMap::new(), HashMap::new(), Vec::<Vec<Rule>>::new());
        for row in claims {
            let job = *numbers.entry((row.claim.lineage, &row.operator)).or_insert(rules.len());
            if job == rules.len() {
                rules.push(Vec::new());
            }
            jobs.insert(row.claim.epoch, job);
            if row.needed_from == Position(0) {
                continue;
            }
            let rule = Rule {
                key_groups: row.claim.key_groups.clone(),
                needed_from: row.needed_from,
                epoch: row.claim.epoch,
            };
            rules[job].retain(|known| known.key_groups != rule.key_groups);
            // What is removed by a rule counts as gone in all its key groups: none may reach into what a later session needs.
            for known in &mut rules[job] {
                let (one, other) = (&known.key_groups, &rule.key_groups);
                if one.start() <= other.end() && other.start() <= one.end() {
                    known.needed_from = known.needed_from.min(rule.needed_from);
                }
            }
            rules[job].push(rule);
        }
        Rules {
            written_before,
            rules,
            jobs,
            end: claims.iter().map(|row| row.needed_from).max().unwrap_or(Position(0)),
        }
    }

    /// The epoch of the claim by which this record is not needed.
    pub(super) fn unneeded(&self, epoch: u64, key_group: u16, position: Position) -> Option<u64> {
        self.rules[*self.jobs.get(&epoch)?]
            .iter()
            .rfind(|rule| rule.key_groups.contains(&key_group))
            .filter(|rule| position < rule.needed_from)
            .map(|rule| rule.epoch)
    }
}

/// Removes these records, in a transaction of the caller, and notes it at the claims of these epochs.
pub(super) fn remove(connection: &Connection, doomed: &[(Position, u64)]) -> rusqlite::Result<()> {
    let mut delete = connection.prepare("DELETE FROM record WHERE position = ?1")?;
    let mut gone = BTreeMap::new();
    for (position, epoch) in doomed {
        delete.execute([position.0 as i64])?;
        let before = gone.entry(*epoch).or_insert(0);
        *before = (position.0 as i64 + 1).max(*before);
    }
    for (epoch, before) in gone {
        connection.execute(
            "UPDATE claim SET pruned_before = max(pruned_before, ?2) WHERE epoch = ?1",
            params![epoch as i64, before],
        )?;
    }
    Ok(())
}

/// One pass over the file.
pub(super) struct Pass {
    next: Position,
    rules: Rules,
}

impl Pass {
    /// # Errors
    /// When the claims cannot be read.
    pub(super) fn new(place: &str, connection: &Connection, written_before: i64) -> Result<Pass, StoreError> {
        Ok(Pass {
            next: Position(0),
            rules: Rules::new(&row::claims(place, connection, 0)?, written_before),
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
            .query(params![self.next.0 as i64, self.rules.end.0 as i64])
            .map_err(failed)?;
        let (mut seen, mut doomed) = (0, Vec::new());
        while let Some(row) = rows.next().map_err(failed)? {
            let position: i64 = row.get(0).map_err(failed)?;
            let broken = |cause: rusqlite::Error| errors::row(place, "record", position, &cause.to_string());
            let epoch = row.get::<_, i64>(1).map_err(broken)? as u64;
            let key_group: u16 = row.get(2).map_err(broken)?;
            if row.get::<_, i64>(3).map_err(broken)? >= self.rules.written_before {
                // What follows is younger, except by a jump of the clock; then it goes later.
                seen = 0;
                break;
            }
            seen += 1;
            let position = Position(position as u64);
            self.next = Position(position.0 + 1);
            if let Some(rule) = self.rules.unneeded(epoch, key_group, position) {
                doomed.push((position, rule));
            }
        }
        drop(rows);
        remove(connection, &doomed).map_err(failed)?;
        Ok(seen == STEP)
    }
}
