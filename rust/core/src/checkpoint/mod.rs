//! The format of one key's unfinished runs in a snapshot: version 1 without a journal, version 2 with one,
//! version 3 where failures of actions are to be told.
//!
//! ```text
//! "FAIF"  version u8  body  crc32 (of everything before it, little-endian u32)
//! ```
//!
//! The body holds texts once, in a table, and refers to values by position in a list that the host stores beside it.
//! Integers are LEB128 varints unless a width is given. Published versions are read for ever; a number, once used, is
//! never given another meaning.

mod wire;

pub(crate) use wire::{Reader, Writer};

/// First bytes of every snapshot of a key.
pub const MAGIC: [u8; 4] = *b"FAIF";

/// The version written without a journal.
pub const VERSION: u8 = 1;

/// The version written with a journal.
pub const VERSION_WITH_JOURNAL: u8 = 2;

/// The version written, with a journal or without, for a key that has failed attempts, held back dead letters, or an input
/// that is kept for those; the newest one read.
pub const VERSION_WITH_FAILURES: u8 = 3;

/// A snapshot that cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Other data.
    #[error(
        "this is no snapshot of flink-agents-rs (it starts with {0:02x?}); state of Apache Flink Agents cannot be restored, start without it"
    )]
    Foreign(Vec<u8>),
    /// Written by a later release.
    #[error(
        "snapshot format {found} is newer than this library reads (up to {VERSION_WITH_FAILURES}); restore with the release that wrote it, or a later one"
    )]
    Newer {
        /// The version found.
        found: u8,
    },
    /// Bytes were changed.
    #[error("the snapshot is damaged: its checksum is {found:08x}, its content has {expected:08x}")]
    Checksum {
        /// As stored.
        found: u32,
        /// As computed.
        expected: u32,
    },
    /// Something does not add up.
    #[error("the snapshot is damaged at byte {at}: {what}")]
    Damaged {
        /// Offset from the start.
        at: usize,
        /// What was found.
        what: &'static str,
    },
}
