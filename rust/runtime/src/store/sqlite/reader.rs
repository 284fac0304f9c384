//! Recovery: reads what a session may, on a thread of its own.

use super::row::{self, ClaimRow};
use super::{Attempt, KIND, SqliteSettings, StoreError, errors, lock, schema};
use crate::store::claims::{Claim, Claims};
use crate::store::marker;
use crate::store::{Lineage, Position};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Rows read by one statement, and records handed over at once. Each statement ends its read transaction, so that the
/// write-ahead log can be taken up in between.
const BATCH: usize = 4096;

/// What a session has to read, fixed by its claim.
pub(super) struct Plan {
    claims: Claims,
    /// By epoch, of this operator; none for other operators.
    lineages: HashMap<u64, Option<Lineage>>,
    /// From where, for each key group of the session.
    starts: Vec<Position>,
    end: Position,
}

impl Plan {
    /// # Errors
    /// When the maximum parallelism was another, or pruned records are needed.
    pub(super) fn new(place: &str, attempt: &Attempt, own: &Claim, rows: &[ClaimRow]) -> Result<Plan, StoreError> {
        let request = &attempt.request;
        let of_operator = rows.iter().filter(|row| row.operator == request.operator);
        let claims = Claims::new(
            KIND.name(),
            place,
            request.lineage,
            &request.ancestors,
            request.max_parallelism,
            of_operator.map(|row| row.claim.clone()).chain([own.clone()]),
        )?;
        let progress = lock(&attempt.progress);
        let starts = request
            .key_groups
            .clone()
            .map(|key_group| {
                let first = claims.start(key_group).unwrap_or(own.position);
                progress.start(key_group).unwrap_or(first)
            })
            .collect();
        let of = |row: &ClaimRow| (row.operator == request.operator).then_some(row.claim.lineage);
        let plan = Plan {
            claims,
            lineages: rows.iter().map(|row| (row.claim.epoch, of(row))).collect(),
            starts,
            end: own.position,
        };
        plan.check(place, attempt, rows)?;
        Ok(plan)
    }

    /// What has to be read is there, or need not be.
    fn check(&self, place: &str, attempt: &Attempt, rows: &[ClaimRow]) -> Result<(), StoreError> {
        let request = &attempt.request;
        let first = *request.key_groups.start();
        let pruned = |row: &&ClaimRow| row.operator == request.operator && row.pruned_before > Position(0);
        for row in rows.iter().filter(pruned) {
            if row.claim.lineage != request.lineage && !request.ancestors.contains(&row.claim.lineage) {
                continue;
            }
            for (index, start) in self.starts.iter().enumerate() {
                let key_group = first + index as u16;
                if row.claim.key_groups.contains(&key_group)
                    && let Some(error) = marker::missing(KIND, place, key_group, *start, row.pruned_before)
                {
                    return attempt.gate.miss(request.missing_history, error);
                }
            }
        }
        Ok(())
    }
}

/// Reads and hands over everything, or ends the session with the error.
pub(super) fn run(settings: &SqliteSettings, attempt: &Arc<Attempt>, plan: &Plan) {
    let done = catch_unwind(AssertUnwindSafe(|| read(settings, attempt, plan)));
    match done.unwrap_or_else(|panic| Err(errors::panicked(&settings.place(), panic.as_ref()))) {
        Ok(()) => attempt.gate.recovery_done(attempt.request.key_groups.clone()),
        Err(error) => drop(attempt.gate.fail(error)),
    }
}

fn read(settings: &SqliteSettings, attempt: &Attempt, plan: &Plan) -> Result<(), StoreError> {
    let place = settings.place();
    let mut next = plan.starts.iter().copied().min().unwrap_or(plan.end);
    if next >= plan.end {
        return Ok(());
    }
    let connection = schema::open_to_read(settings)?;
    let mut limits = HashMap::new();
    while next < plan.end && attempt.gate.ended().is_none() {
        next = batch(&place, &connection, attempt, plan, next, &mut limits)?;
    }
    // Another lineage may have pruned what was to be read, since the session began.
    plan.check(&place, attempt, &row::claims(&place, &connection, 0)?)
}

type Limits = HashMap<(u64, u16), Option<Position>>;

/// Hands over the next records, and gives the position to go on from.
fn batch(
    place: &str,
    connection: &Connection,
    attempt: &Attempt,
    plan: &Plan,
    next: Position,
    limits: &mut Limits,
) -> Result<Position, StoreError> {
    let failed = |cause: rusqlite::Error| errors::sqlite(place, "reading it", &cause);
    let key_groups = &attempt.request.key_groups;
    let mut statement = connection
        .prepare(&format!(
            "SELECT {} FROM record WHERE position >= ?1 AND position < ?2 AND key_group BETWEEN ?3 AND ?4 \
             ORDER BY position LIMIT {BATCH}",
            row::COLUMNS
        ))
        .map_err(failed)?;
    let mut rows = statement
        .query(params![
            next.0 as i64,
            plan.end.0 as i64,
            key_groups.start(),
            key_groups.end()
        ])
        .map_err(failed)?;
    let (mut seen, mut after, mut found) = (0, plan.end, Vec::new());
    while let Some(row) = rows.next().map_err(failed)? {
        let (epoch, record) = row::record(place, row)?;
        seen += 1;
        after = Position(record.position.0 + 1);
        let Some(lineage) = plan.lineages.get(&epoch) else {
            let reason = format!("its epoch {epoch} has no row in table claim");
            return Err(errors::row(place, "record", record.position.0 as i64, &reason));
        };
        let limit = lineage.and_then(|lineage| {
            *limits
                .entry((epoch, record.key_group))
                .or_insert_with(|| plan.claims.limit(lineage, epoch, record.key_group))
        });
        let start = plan.starts[usize::from(record.key_group - key_groups.start())];
        if record.position >= start && limit.is_some_and(|limit| record.position < limit) {
            found.push(record);
        }
    }
    drop(rows);
    attempt.gate.recovered(found);
    Ok(if seen < BATCH { plan.end } else { after })
}
