//! Rows of the tables.

use super::{StoreError, errors};
use crate::store::claims::Claim;
use crate::store::{Append, Lineage, Position, Recovered};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, Statement, params};

/// Keys that are text are stored as text, so that people can read and search them; the bytes are the same.
pub(super) fn key(bytes: &[u8]) -> ToSqlOutput<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => ToSqlOutput::Borrowed(ValueRef::Text(bytes)),
        _ => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
    }
}

/// Over everything a reader relies on, each part with its length.
fn checksum(epoch: u64, key_group: u16, key: &[u8], run: u64, step: &[u8], value: Option<&[u8]>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&epoch.to_le_bytes());
    hasher.update(&key_group.to_le_bytes());
    hasher.update(&run.to_le_bytes());
    for part in [Some(key), Some(step), value] {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hasher.update(&length.to_le_bytes());
        hasher.update(part.unwrap_or_default());
    }
    hasher.finalize()
}

pub(super) const INSERT: &str = "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Writes a record whose tail has been checked.
pub(super) fn insert(
    statement: &mut Statement<'_>,
    position: Position,
    epoch: u64,
    record: &Append,
    now: i64,
) -> rusqlite::Result<()> {
    let run = record.run().unwrap_or_default();
    let step = record.tail.get(8..).unwrap_or_default();
    let value = record.value.as_deref();
    statement.execute(params![
        position.0 as i64,
        epoch as i64,
        record.key_group,
        key(&record.key),
        run as i64,
        step,
        value,
        checksum(epoch, record.key_group, &record.key, run, step, value),
        now,
    ])?;
    Ok(())
}

/// The columns [`record`] reads.
pub(super) const COLUMNS: &str = "position, epoch, key_group, key, run, step, value, crc";

/// A record with its epoch.
///
/// # Errors
/// When the row is not what was written.
pub(super) fn record(place: &str, row: &Row<'_>) -> Result<(u64, Recovered), StoreError> {
    let position: i64 = row
        .get(0)
        .map_err(|cause| errors::sqlite(place, "reading it", &cause))?;
    let broken = |cause: rusqlite::Error| errors::row(place, "record", position, &cause.to_string());
    let epoch = row.get::<_, i64>(1).map_err(broken)? as u64;
    let key_group: u16 = row.get(2).map_err(broken)?;
    let key = match row.get_ref(3).map_err(broken)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        other => {
            let reason = format!("its key is of the type {}", other.data_type());
            return Err(errors::row(place, "record", position, &reason));
        }
    };
    let run = row.get::<_, i64>(4).map_err(broken)? as u64;
    let blob = |column| {
        let value = row.get_ref(column)?;
        value
            .as_blob_or_null()
            .map_err(|_| rusqlite::Error::InvalidColumnType(column, format!("column {column}"), value.data_type()))
    };
    let step = blob(5).map_err(broken)?.unwrap_or_default();
    let value = blob(6).map_err(broken)?;
    let crc: u32 = row.get(7).map_err(broken)?;
    if crc != checksum(epoch, key_group, key, run, step, value) {
        return Err(errors::row(
            place,
            "record",
            position,
            "its checksum is wrong: it was changed",
        ));
    }
    let record = Recovered {
        key_group,
        key: key.to_vec(),
        tail: [&run.to_be_bytes(), step].concat(),
        value: value.map(<[u8]>::to_vec),
        position: Position(position as u64),
    };
    Ok((epoch, record))
}

/// A claim, with what the table knows besides.
#[derive(Debug, Clone)]
pub(super) struct ClaimRow {
    pub(super) claim: Claim,
    pub(super) operator: String,
    pub(super) needed_from: Position,
    pub(super) pruned_before: Position,
    pub(super) claimed_at: i64,
}

impl ClaimRow {
    /// Of the same lineage and operator.
    pub(super) fn is_of_same_job(&self, other: &ClaimRow) -> bool {
        self.operator == other.operator && self.claim.lineage == other.claim.lineage
    }
}

/// The claims of higher epochs than this.
pub(super) fn claims(place: &str, connection: &Connection, after: u64) -> Result<Vec<ClaimRow>, StoreError> {
    let failed = |cause: rusqlite::Error| errors::sqlite(place, "reading its claims", &cause);
    let mut statement = connection
        .prepare(
            "SELECT epoch, lineage, operator, max_parallelism, first_key_group, last_key_group, position, needed_from, \
             pruned_before, claimed_at FROM claim WHERE epoch > ?1 ORDER BY epoch",
        )
        .map_err(failed)?;
    let mut rows = statement.query([after as i64]).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let epoch: i64 = row.get(0).map_err(failed)?;
        found.push(claim(row, epoch).map_err(|reason| errors::row(place, "claim", epoch, &reason))?);
    }
    Ok(found)
}

fn claim(row: &Row<'_>, epoch: i64) -> Result<ClaimRow, String> {
    let broken = |cause: rusqlite::Error| cause.to_string();
    let lineage: String = row.get(1).map_err(broken)?;
    let position = |column| row.get::<_, i64>(column).map(|position| Position(position as u64));
    Ok(ClaimRow {
        claim: Claim {
            epoch: epoch as u64,
            lineage: parse(&lineage).ok_or_else(|| format!("its lineage is {lineage:?}"))?,
            max_parallelism: row.get(3).map_err(broken)?,
            key_groups: row.get(4).map_err(broken)?..=row.get(5).map_err(broken)?,
            position: position(6).map_err(broken)?,
        },
        operator: row.get(2).map_err(broken)?,
        needed_from: position(7).map_err(broken)?,
        pruned_before: position(8).map_err(broken)?,
        claimed_at: row.get(9).map_err(broken)?,
    })
}

fn parse(text: &str) -> Option<Lineage> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(Lineage(bytes))
}

/// Writes a claim, and gives its epoch.
pub(super) fn insert_claim(connection: &Connection, operator: &str, claim: &Claim, now: i64) -> rusqlite::Result<u64> {
    connection.execute(
        "INSERT INTO claim (lineage, operator, max_parallelism, first_key_group, last_key_group, position, claimed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            claim.lineage.to_string(),
            operator,
            claim.max_parallelism,
            claim.key_groups.start(),
            claim.key_groups.end(),
            claim.position.0 as i64,
            now,
        ],
    )?;
    Ok(connection.last_insert_rowid() as u64)
}
