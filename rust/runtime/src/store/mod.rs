//! Stores of the journal: they keep records durably, in order, and read them back. What a record means is the core's business.
//!
//! *Owned state*: a [`Store`] is where records lie (a file, a topic); a [`Session`] is what one subtask writes in one attempt.
//!
//! *Lifecycle*: [`Store::open`] returns at once. In the background the session writes its *claim* (the job lineage, the
//! operator, its key groups, the store's next epoch), then reads the records of its key groups: batches of
//! [`Events::recovered`], and [`Events::recovery_done`] for each range of key groups that is read to its end. Records may be
//! appended from the start; they become durable after the claim. [`Events::failed`] ends the session: it comes once, nothing
//! is acknowledged after it, and later calls return the same error. [`Session::close`] ends it too.
//!
//! *Constraints*, which one suite of tests holds against every store:
//! * The records of a key become durable in the order in which they were appended, and are acknowledged in that order. If one
//!   is durable, those of its key before it are.
//! * Acknowledgements come in the order of their positions, as far as there is one: a file has one order, a topic one in each
//!   partition.
//! * While one commit is under way, what is appended meanwhile goes into the next, all together.
//! * The records of a session are refused, or passed over when read, from the moment at which a later session of the same job
//!   lineage and operator has claimed some of its key groups: it is a zombie.
//! * A session reads what [`claims`] says, from the markers it was given up to its own claim.
//! * A record appended again under the same identity replaces the former one, at the latest when the store is compacted. Until
//!   then both are read, in their order: the later one counts. A record without a value is a tombstone and removes the former.
//! * An error is never swallowed: what happened, where, why, and what to do.

mod error;
pub mod gate;
mod marker;
pub mod request;

pub mod claims;
pub mod memory;
pub mod sqlite;
pub mod tool;

pub use error::{ErrorKind, StoreError};

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Number of an append, chosen by the caller, and echoed with its acknowledgement. Stores do not interpret it.
pub type Ticket = u64;

/// Nonce of a job graph: the same for all attempts of one submission, another for each submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lineage(pub [u8; 16]);

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Place of a record in the store. Comparable within one key group only (a topic counts in each partition for itself), and
/// only within one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record to write. Its identity is the session's job lineage and operator, its key group, key and tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Echoed with the acknowledgement.
    pub slot: u32,
    /// Echoed with the acknowledgement.
    pub ticket: Ticket,
    /// One of the session's key groups.
    pub key_group: u16,
    /// Bytes of the serialised key.
    pub key: Arc<[u8]>,
    /// The rest of the identity, of which a store knows only that it begins with the run: 8 bytes, big endian.
    pub tail: Arc<[u8]>,
    /// The record, or none: a tombstone.
    pub value: Option<Arc<[u8]>>,
}

impl Append {
    /// The run at the beginning of the tail, if that is long enough to have one.
    pub fn run(&self) -> Option<u64> {
        Some(u64::from_be_bytes(*self.tail.first_chunk()?))
    }

    /// Bytes the record takes, without what the store adds.
    pub fn size(&self) -> usize {
        self.key.len() + self.tail.len() + self.value.as_ref().map_or(0, |value| value.len())
    }
}

/// A record that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// As in [`Append::slot`].
    pub slot: u32,
    /// As in [`Append::ticket`].
    pub ticket: Ticket,
    /// Where it lies, for [`Session::marker`].
    pub position: Position,
}

/// A record read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// One of the session's key groups.
    pub key_group: u16,
    /// Bytes of the serialised key.
    pub key: Vec<u8>,
    /// As in [`Append::tail`].
    pub tail: Vec<u8>,
    /// The record, or none: a tombstone, by which the record of the same identity read before is void.
    pub value: Option<Vec<u8>>,
    /// Where it lies, for [`Session::marker`].
    pub position: Position,
}

/// What to do when records that a restored checkpoint needs were pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingHistory {
    /// The session fails and names the positions.
    #[default]
    Fail,
    /// The session reads what is there, and says once what is not ([`Events::missed`]).
    Reexecute,
}

/// What a session is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// The job's own lineage.
    pub lineage: Lineage,
    /// Lineages the restored checkpoint stems from, the nearest first. Empty for a job that was restored from nothing, and for
    /// one that takes over the restored lineage.
    pub ancestors: Vec<Lineage>,
    /// The operator's id, stable over restarts.
    pub operator: String,
    /// Of the operator; pinned by the first claim of a lineage.
    pub max_parallelism: u16,
    /// The subtask's key groups.
    pub key_groups: RangeInclusive<u16>,
    /// Markers of the restored checkpoint: that of the same subtask, or those of all subtasks, after rescaling too. Of those
    /// that cover a key group the lowest counts; a key group that none covers is read from the beginning of its lineages.
    pub markers: Vec<Vec<u8>>,
    /// What to do when pruned records are needed.
    pub missing_history: MissingHistory,
}

/// What a store tells. Called on the store's own threads, one call of a session at a time except that recovery and
/// acknowledgements have a thread each. A call may use the session, but not close it, nor wait for a thread that does: closing
/// waits for calls under way. Otherwise it may wait: the store goes on with that session (with acknowledgements, also with
/// others of the same file) when it returns.
pub trait Events: Send + Sync {
    /// These records are durable; those of a key in the order of their appends.
    fn acked(&self, records: &[Acked]);

    /// The session has ended. Comes at most once; no other call follows it.
    fn failed(&self, error: StoreError);

    /// Records read back, those of a key in the order in which they were written.
    fn recovered(&self, records: Vec<Recovered>);

    /// Records that the markers need are no longer there, and the session goes on without them, as it was asked to
    /// ([`MissingHistory::Reexecute`]): the error with which it would have ended. Comes at most once.
    fn missed(&self, _missing: StoreError) {}

    /// Every record of these key groups has been handed over. The ranges of all calls together are the session's.
    fn recovery_done(&self, key_groups: RangeInclusive<u16>);
}

/// Where records lie.
pub trait Store: Send + Sync {
    /// Begins to write and to read for a subtask; returns at once. The wait for a store that does not answer is bounded, and
    /// ends with [`Events::failed`].
    ///
    /// # Errors
    /// When the request itself is wrong: key groups beyond the maximum parallelism, a marker of another kind of store, of an
    /// unknown version, or damaged.
    fn open(&self, session: OpenSession, events: Arc<dyn Events>) -> Result<Box<dyn Session>, StoreError>;
}

/// What one subtask writes in one attempt. Methods do no I/O and do not wait for any.
pub trait Session: Send {
    /// Writes records, in this order. Returns at once; the caller bounds the memory by how much it leaves unacknowledged.
    ///
    /// # Errors
    /// When the session has ended: the error that [`Events::failed`] got. A record that is refused (too large, of a key group
    /// that is not the session's, with a tail that has no run) ends the session by way of [`Events::failed`], as everything
    /// that happens later does; those before it may become durable, acknowledged or not.
    fn append(&mut self, records: Vec<Append>) -> Result<(), StoreError>;

    /// Bytes for the checkpoint (versioned), by which a later session knows from where to read a key group: from the lowest
    /// position that `oldest` names for it, else from behind what the caller has heard of; and never less than what the
    /// markers say that this session was opened with, as long as its recovery is not done.
    ///
    /// `recovered` are the key groups whose [`Events::recovery_done`] the caller has taken in, in any order; `heard` has, by
    /// key group, the position after the last record that it has heard of, read back or acknowledged. It is the caller who
    /// says so because the store may be further: what the caller has not seen yet it cannot name.
    ///
    /// `oldest` names, by key group, the lowest position that must still be read after a restore: of the records of runs in
    /// flight, and of recovered ones that no input has claimed yet. A key group may be named several times. Records whose
    /// acknowledgement the caller has not seen belong into its snapshot; they need not be named, and are not excluded: a later
    /// checkpoint may need them, of which pruning by this one must not rob it, however short the retention.
    fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8>;

    /// Says that no checkpoint older than the one with this marker will be restored: the records of this lineage that it does
    /// not cover are removed in the background once they are older than the store's retention. Pruning by position instead of
    /// by key and run costs nothing per key, needs no memory over the days of the retention, and lets a restore of something
    /// older be noticed exactly. Single records are removed by appending tombstones.
    ///
    /// # Errors
    /// When the session has ended or the marker is not one of its own.
    fn prune(&mut self, marker: &[u8]) -> Result<(), StoreError>;

    /// The error for a record that was handed over and makes no sense to the caller: with the place where it lies, as an
    /// operator finds it.
    fn unreadable(&self, key_group: u16, position: Position, reason: &str) -> StoreError;

    /// Ends the session; bounded. No event comes after it returned. What was appended and not acknowledged may be durable or
    /// not. Dropping a session does the same.
    fn close(self: Box<Self>);
}
