//! What `flink-agents store inspect | verify | compact` say: the reports, as text and as JSON. The stores make them.

use super::StoreError;
use serde::Serialize;
use std::fmt::{self, Write};
use std::time::Duration;

/// What people may do to a store, whichever it is. The settings of a store are one: they open it for each call.
pub trait Tool {
    /// Whether a job that begins now could open it. Nothing is made, and records are not read. It waits for nobody longer than
    /// `limit`, or than a session that opens would, if that is less.
    ///
    /// # Errors
    /// When a job would be refused; the text says why, and how to mend it.
    fn probe(&self, limit: Duration) -> Result<Probe, StoreError>;

    /// What lies in it.
    ///
    /// # Errors
    /// When there is no such store, or it cannot be read.
    fn inspect(&self) -> Result<Inspection, StoreError>;

    /// Reads everything, and says what is wrong with it.
    ///
    /// # Errors
    /// When there is no such store; whatever else is wrong is in the report.
    fn verify(&self) -> Result<Verification, StoreError>;

    /// Removes what is no longer needed and gives back the space, or only says what that would be.
    ///
    /// `abandoned`: records of a lineage that has claimed and written nothing for so long go, too; a restore of one of its
    /// savepoints then finds history missing. None keeps them.
    ///
    /// # Errors
    /// When there is no such store, or it cannot be read or written.
    fn compact(&self, apply: bool, abandoned: Option<Duration>) -> Result<Compaction, StoreError>;
}

/// What was found of a store that a job can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// In one sentence.
    pub found: String,
    /// What is not as safe as it could be.
    pub warnings: Vec<String>,
}

/// What lies in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// `sqlite`, `kafka`.
    pub store: &'static str,
    /// The file or topic.
    pub place: String,
    /// Version of the layout.
    pub format: i64,
    /// When it was made, UTC, and by what, as far as that is known.
    pub created: String,
    /// Bytes on disk, unused ones and logs included; of a topic those of its messages before they are compressed.
    pub bytes: u64,
    /// Bytes that compaction gives back without removing a record; of a topic, that of the brokers.
    pub unused_bytes: u64,
    /// Every job lineage and operator that has claimed something.
    pub lineages: Vec<LineageReport>,
}

/// What one job lineage has in one operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineageReport {
    /// 32 hexadecimal digits.
    pub lineage: String,
    /// The operator's id.
    pub operator: String,
    /// Sessions, that is attempts times subtasks.
    pub claims: u64,
    /// The latest of them.
    pub last_epoch: u64,
    /// When that was written, UTC.
    pub last_claimed_at: String,
    /// Records, tombstones included.
    pub records: u64,
    /// Records without a value.
    pub tombstones: u64,
    /// Different keys.
    pub keys: u64,
    /// Bytes of keys, tails and values.
    pub bytes: u64,
    /// Time of the oldest and of the newest record, UTC; none without records.
    pub written: Option<(String, String)>,
}

/// What is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// `sqlite`, `kafka`.
    pub store: &'static str,
    /// The file or topic.
    pub place: String,
    /// Records looked at, all of the store.
    pub records: u64,
    /// Claims looked at, all of the store.
    pub claims: u64,
    /// How many things are wrong.
    pub wrong: u64,
    /// The first of them, each with its place; [`MAX_PROBLEMS`] at most.
    pub problems: Vec<String>,
}

/// Problems a report lists.
pub const MAX_PROBLEMS: usize = 100;

/// What compaction removes or has removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compaction {
    /// `sqlite`, `kafka`.
    pub store: &'static str,
    /// The file or topic.
    pub place: String,
    /// It was done, not planned only.
    pub applied: bool,
    /// Of which lineages.
    pub removals: Vec<Removal>,
    /// Bytes before, as in [`Inspection::bytes`].
    pub bytes_before: u64,
    /// Bytes after; none for a plan, and where the brokers give them back later.
    pub bytes_after: Option<u64>,
}

/// What compaction removes of one lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// 32 hexadecimal digits.
    pub lineage: String,
    /// The operator's id.
    pub operator: String,
    /// Why these records may go.
    pub reason: &'static str,
    /// How many.
    pub records: u64,
    /// Bytes of their keys, tails and values.
    pub bytes: u64,
}

impl Verification {
    /// Nothing is wrong.
    pub fn is_right(&self) -> bool {
        self.wrong == 0
    }

    /// Of a store that nothing was looked at of yet.
    pub fn new(store: &'static str, place: String) -> Verification {
        Verification {
            store,
            place,
            records: 0,
            claims: 0,
            wrong: 0,
            problems: Vec::new(),
        }
    }

    /// Something is wrong.
    pub fn problem(&mut self, text: String) {
        self.wrong += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(text);
        }
    }
}

/// A report as JSON, with the names of its fields; one line.
pub fn json(report: &impl Serialize) -> String {
    // Reports have text for keys and no number that JSON lacks, so that this cannot fail.
    serde_json::to_string(report).unwrap_or_default()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.store, self.place)?;
        writeln!(f, "format {}, made {}", self.format, self.created)?;
        writeln!(
            f,
            "{} on disk, {} of it unused",
            size(self.bytes),
            size(self.unused_bytes)
        )?;
        for part in &self.lineages {
            writeln!(f, "\njob lineage {}, operator {}", part.lineage, part.operator)?;
            writeln!(
                f,
                "  {} claims, the last of epoch {} at {}",
                part.claims, part.last_epoch, part.last_claimed_at
            )?;
            let mut line = format!("  {} records of {} keys", part.records, part.keys);
            if part.tombstones > 0 {
                write!(line, ", {} of them tombstones", part.tombstones)?;
            }
            write!(line, ", {}", size(part.bytes))?;
            if let Some((first, last)) = &part.written {
                write!(line, ", from {first} to {last}")?;
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.store, self.place)?;
        writeln!(
            f,
            "{} records and {} claims read, {} wrong",
            self.records, self.claims, self.wrong
        )?;
        for problem in &self.problems {
            writeln!(f, "  {problem}")?;
        }
        match self.wrong.saturating_sub(self.problems.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

impl fmt::Display for Compaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.store, self.place)?;
        let verb = if self.applied { "removed" } else { "would remove" };
        for part in &self.removals {
            writeln!(
                f,
                "{verb} {} records ({}) of job lineage {}, operator {}: {}",
                part.records,
                size(part.bytes),
                part.lineage,
                part.operator,
                part.reason
            )?;
        }
        if self.removals.is_empty() {
            writeln!(f, "{verb} no record")?;
        }
        match self.bytes_after {
            Some(after) => writeln!(f, "{} on disk before, {} now", size(self.bytes_before), size(after)),
            None if self.applied => writeln!(f, "{} on disk until the brokers compact it", size(self.bytes_before)),
            None => writeln!(f, "{} on disk now", size(self.bytes_before)),
        }
    }
}
