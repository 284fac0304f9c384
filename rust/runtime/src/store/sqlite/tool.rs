//! Looks at a file, checks it, and makes it smaller, on behalf of people. All may be done while jobs use the file, except that
//! giving back space then fails with the reason.

use super::prune::{Rules, remove};
use super::row::{self, ClaimRow};
use super::{ErrorKind, KIND, SqliteSettings, StoreError, error, errors, schema};
use crate::store::Position;
use crate::store::tool::{Compaction, Inspection, LineageReport, Probe, Removal, Tool, Verification};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

const STEP: usize = 10_000;
const OLD: &str = "no checkpoint needs them, and they are older than the retention";
const ABANDONED: &str = "no session has claimed the lineage for longer than allowed, and nothing was written";

/// Size of keys, tails and values in bytes, as [`crate::store::Append::size`] counts it.
const SIZE: &str = "octet_length(record.key) + 8 + octet_length(record.step) + ifnull(octet_length(record.value), 0)";

impl Tool for SqliteSettings {
    fn probe(&self, _limit: Duration) -> Result<Probe, StoreError> {
        let place = self.place();
        let found = if self.path.exists() {
            schema::open_to_read(self)?;
            format!("{place} is there, {} bytes", bytes_on_disk(self))
        } else {
            // Missing directories are made; what is no directory is in the way.
            if let Some(above) = self
                .path
                .ancestors()
                .skip(1)
                .find(|path| path.exists())
                .filter(|path| !path.is_dir())
            {
                return Err(error(
                    ErrorKind::Settings,
                    place,
                    format!("{} is no directory", above.display()),
                    "Let sqlite.path name a file in a directory",
                ));
            }
            format!("{place} is not there, and the first job makes it")
        };
        Ok(Probe {
            found,
            warnings: Vec::new(),
        })
    }

    fn inspect(&self) -> Result<Inspection, StoreError> {
        inspect(self)
    }

    fn verify(&self) -> Result<Verification, StoreError> {
        verify(self)
    }

    fn compact(&self, apply: bool, abandoned: Option<Duration>) -> Result<Compaction, StoreError> {
        if apply {
            apply_compaction(self, abandoned)
        } else {
            plan_compaction(self, abandoned)
        }
    }
}

fn open(settings: &SqliteSettings) -> Result<Connection, StoreError> {
    if settings.path.exists() {
        return schema::open_to_read(settings);
    }
    Err(error(
        ErrorKind::Settings,
        settings.place(),
        "there is no such file",
        "Let sqlite.path name the file the job ran with",
    ))
}

/// The file with its write-ahead log.
fn bytes_on_disk(settings: &SqliteSettings) -> u64 {
    let log = settings.path.as_os_str().to_owned();
    let log = [log, "-wal".into()].into_iter().collect::<std::ffi::OsString>();
    let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |file| file.len());
    size(&settings.path) + size(log.as_ref())
}

/// What lies in the file.
///
/// # Errors
/// When there is no such file, or it cannot be read.
pub fn inspect(settings: &SqliteSettings) -> Result<Inspection, StoreError> {
    let place = settings.place();
    let failed = |cause: rusqlite::Error| errors::sqlite(&place, "reading it", &cause);
    let connection = open(settings)?;
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let unused = pragma("freelist_count")
        .and_then(|pages| Ok(pages * pragma("page_size")?))
        .map_err(failed)?;
    let created = connection
        .query_row("SELECT created_at || ' by ' || created_by FROM store", [], |row| {
            row.get(0)
        })
        .map_err(failed)?;
    let mut statement = connection
        .prepare(&format!(
            "SELECT claim.lineage, claim.operator, count(DISTINCT claim.epoch), max(claim.epoch),
                    datetime(max(claim.claimed_at) / 1000, 'unixepoch'), count(record.position),
                    count(record.position) - count(record.value), count(DISTINCT record.key),
                    ifnull(sum({SIZE}), 0), datetime(min(record.written_at) / 1000, 'unixepoch'),
                    datetime(max(record.written_at) / 1000, 'unixepoch')
             FROM claim LEFT JOIN record USING (epoch)
             GROUP BY claim.lineage, claim.operator ORDER BY max(claim.epoch) DESC"
        ))
        .map_err(failed)?;
    let lineages = statement.query_map([], |row| {
        let count = |column| row.get::<_, i64>(column).map(|count| count as u64);
        let first: Option<String> = row.get(9)?;
        let last: Option<String> = row.get(10)?;
        Ok(LineageReport {
            lineage: row.get(0)?,
            operator: row.get(1)?,
            claims: count(2)?,
            last_epoch: count(3)?,
            last_claimed_at: row.get(4)?,
            records: count(5)?,
            tombstones: count(6)?,
            keys: count(7)?,
            bytes: count(8)?,
            written: first.zip(last),
        })
    });
    Ok(Inspection {
        store: KIND.name(),
        format: pragma("user_version").map_err(failed)?,
        created,
        bytes: bytes_on_disk(settings),
        unused_bytes: unused as u64,
        lineages: lineages.and_then(Iterator::collect).map_err(failed)?,
        place,
    })
}

/// Reads everything, and says what is wrong with it.
///
/// # Errors
/// When there is no such file, or it is no store at all; whatever else is wrong is in the report.
pub fn verify(settings: &SqliteSettings) -> Result<Verification, StoreError> {
    let place = settings.place();
    let connection = open(settings)?;
    let mut report = Verification::new(KIND.name(), place.clone());
    let pages = connection.prepare("PRAGMA integrity_check").and_then(|mut statement| {
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        lines.collect::<rusqlite::Result<Vec<_>>>()
    });
    match pages {
        Ok(lines) => lines
            .into_iter()
            .filter(|line| line != "ok")
            .for_each(|line| report.problem(line)),
        Err(cause) => report.problem(errors::sqlite(&place, "checking its pages", &cause).to_string()),
    }
    let claims = row::claims(&place, &connection, 0).unwrap_or_else(|problem| {
        report.problem(problem.to_string());
        Vec::new()
    });
    report.claims = claims.len() as u64;
    if let Err(cause) = verify_records(&place, &connection, &claims, &mut report) {
        report.problem(errors::sqlite(&place, "reading its records", &cause).to_string());
    }
    Ok(report)
}

fn verify_records(
    place: &str,
    connection: &Connection,
    claims: &[ClaimRow],
    report: &mut Verification,
) -> rusqlite::Result<()> {
    let claims: HashMap<u64, &ClaimRow> = claims.iter().map(|row| (row.claim.epoch, row)).collect();
    let next: i64 = connection.query_row("SELECT next_position FROM store", [], |row| row.get(0))?;
    let mut statement = connection.prepare(&format!("SELECT {} FROM record ORDER BY position", row::COLUMNS))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.records += 1;
        let (epoch, record) = match row::record(place, row) {
            Ok(read) => read,
            Err(problem) => {
                report.problem(problem.to_string());
                continue;
            }
        };
        let at = record.position.0 as i64;
        let wrong = match claims.get(&epoch) {
            None => Some(format!("its epoch {epoch} has no row in table claim")),
            Some(row) if !row.claim.key_groups.contains(&record.key_group) => {
                Some(format!("its key group {} is not one of its claim's", record.key_group))
            }
            Some(row) if record.position < row.claim.position => Some("it is older than its claim".to_owned()),
            Some(_) if at >= next => Some(format!("the next record is to be {next}")),
            Some(_) => None,
        };
        if let Some(reason) = wrong {
            report.problem(errors::row(place, "record", at, &reason).to_string());
        }
    }
    Ok(())
}

/// What compaction would remove.
///
/// `abandoned`: records of a lineage that has claimed and written nothing for so long go, too; a restore of one of its
/// savepoints then finds history missing. None keeps them. The retention is that of `settings`.
///
/// # Errors
/// When there is no such file, or it cannot be read.
pub fn plan_compaction(settings: &SqliteSettings, abandoned: Option<Duration>) -> Result<Compaction, StoreError> {
    let connection = open(settings)?;
    compact(settings, &connection, abandoned, false)
}

/// Removes what [`plan_compaction`] says, and gives back the space.
///
/// # Errors
/// When there is no such file, it cannot be read or written, or another process keeps it locked.
pub fn apply_compaction(settings: &SqliteSettings, abandoned: Option<Duration>) -> Result<Compaction, StoreError> {
    let place = settings.place();
    drop(open(settings)?);
    let (connection, _) = schema::open(settings)?;
    let mut report = compact(settings, &connection, abandoned, true)?;
    connection
        .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(|cause| errors::sqlite(&place, "giving back its space", &cause))?;
    report.bytes_after = Some(bytes_on_disk(settings));
    Ok(report)
}

fn compact(
    settings: &SqliteSettings,
    connection: &Connection,
    abandoned: Option<Duration>,
    apply: bool,
) -> Result<Compaction, StoreError> {
    let place = settings.place();
    let failed = |cause: rusqlite::Error| errors::sqlite(&place, "compacting it", &cause);
    let ago = |age: Duration| {
        settings
            .now()
            .saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
    };
    let bytes_before = bytes_on_disk(settings);
    let mut removals: BTreeMap<(u64, &'static str), (u64, u64)> = BTreeMap::new();
    let mut next = 0_i64;
    loop {
        // The rules are read with what they are applied to: a job may claim its lineage between two steps.
        connection
            .execute_batch(if apply { "BEGIN IMMEDIATE" } else { "BEGIN" })
            .map_err(failed)?;
        let claims = row::claims(&place, connection, 0)?;
        let rules = Rules::new(&claims, ago(settings.retention));
        let left = match abandoned {
            Some(age) => left_alone(connection, &claims, ago(age)).map_err(failed)?,
            None => HashSet::new(),
        };
        let rows = connection
            .prepare(&format!(
                "SELECT position, epoch, key_group, written_at, {SIZE} FROM record WHERE position >= ?1 \
                 ORDER BY position LIMIT {STEP}"
            ))
            .and_then(|mut statement| {
                let rows = statement.query_map(params![next], |row| {
                    Ok((
                        row.get(0)?,
                        row.get::<_, i64>(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get::<_, i64>(4)?,
                    ))
                })?;
                rows.collect::<rusqlite::Result<Vec<(i64, i64, u16, i64, i64)>>>()
            })
            .map_err(failed)?;
        let mut doomed = Vec::new();
        for (position, epoch, key_group, written_at, size) in &rows {
            let (position, epoch) = (Position(*position as u64), *epoch as u64);
            let old = (*written_at < rules.written_before)
                .then(|| rules.unneeded(epoch, *key_group, position))
                .flatten();
            let (rule, reason) = match old {
                Some(rule) => (rule, OLD),
                None if left.contains(&epoch) => (epoch, ABANDONED),
                None => continue,
            };
            doomed.push((position, rule));
            let sum = removals.entry((first_epoch(&claims, epoch), reason)).or_default();
            *sum = (sum.0 + 1, sum.1 + *size as u64);
        }
        if apply {
            remove(connection, &doomed).map_err(failed)?;
        }
        connection.execute_batch("COMMIT").map_err(failed)?;
        match rows.last() {
            Some((position, ..)) if rows.len() == STEP => next = position + 1,
            _ => break,
        }
    }
    let claims = row::claims(&place, connection, 0)?;
    let removals = removals.into_iter().filter_map(|((epoch, reason), (records, bytes))| {
        let row = claims.iter().find(|row| row.claim.epoch == epoch)?;
        Some(Removal {
            lineage: row.claim.lineage.to_string(),
            operator: row.operator.clone(),
            reason,
            records,
            bytes,
        })
    });
    Ok(Compaction {
        store: KIND.name(),
        applied: apply,
        removals: removals.collect(),
        bytes_before,
        bytes_after: None,
        place,
    })
}

/// Stands for the lineage and operator of an epoch.
fn first_epoch(claims: &[ClaimRow], epoch: u64) -> u64 {
    let of = |row: &&ClaimRow| row.claim.epoch == epoch;
    let own = claims.iter().find(of);
    own.and_then(|own| claims.iter().find(|row| row.is_of_same_job(own)))
        .map_or(epoch, |row| row.claim.epoch)
}

/// The epochs of lineages and operators that have neither claimed nor written anything since this time.
fn left_alone(connection: &Connection, claims: &[ClaimRow], since: i64) -> rusqlite::Result<HashSet<u64>> {
    let mut statement = connection.prepare("SELECT DISTINCT epoch FROM record WHERE written_at >= ?1")?;
    let written = statement.query_map([since], |row| row.get::<_, i64>(0).map(|epoch| epoch as u64))?;
    let written: HashSet<u64> = written.collect::<rusqlite::Result<_>>()?;
    let alive = |row: &&ClaimRow| row.claimed_at >= since || written.contains(&row.claim.epoch);
    let alive: Vec<&ClaimRow> = claims.iter().filter(alive).collect();
    let left = claims
        .iter()
        .filter(|row| !alive.iter().any(|living| living.is_of_same_job(row)));
    Ok(left.map(|row| row.claim.epoch).collect())
}
