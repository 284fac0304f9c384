//! Errors of all stores: what happened, where, why, and what to do.

use std::fmt;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request was wrong: an error of the caller.
    Request,
    /// The store's settings or those of its topic or file do not do.
    Settings,
    /// The store cannot be reached, or did not answer in time.
    Unavailable,
    /// Credentials or permissions are missing.
    Denied,
    /// There is no space left.
    Full,
    /// A record is larger than allowed.
    TooLarge,
    /// A record was refused for another reason.
    Rejected,
    /// A later attempt of the same job has taken over.
    Fenced,
    /// Something there is cannot be read.
    Damaged,
    /// Written by a version of this program that is newer, or not by this program.
    Version,
    /// What must be read is no longer there.
    MissingHistory,
    /// The session was closed.
    Closed,
}

impl ErrorKind {
    fn phrase(self) -> &'static str {
        match self {
            ErrorKind::Request => "the request was wrong",
            ErrorKind::Settings => "the settings do not do",
            ErrorKind::Unavailable => "the store is not available",
            ErrorKind::Denied => "access was denied",
            ErrorKind::Full => "there is no space left",
            ErrorKind::TooLarge => "a record is too large",
            ErrorKind::Rejected => "a record was rejected",
            ErrorKind::Fenced => "a later attempt of this job has taken over",
            ErrorKind::Damaged => "what is stored cannot be read",
            ErrorKind::Version => "the format is not known",
            ErrorKind::MissingHistory => "records that are needed are no longer there",
            ErrorKind::Closed => "the session is closed",
        }
    }
}

/// An error of a store. Never contains a business key or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct StoreError {
    /// What happened.
    pub kind: ErrorKind,
    /// Which store: `kafka`, `sqlite`, `memory`.
    pub store: &'static str,
    /// Where: file and row, topic with partition and offset, key group and run.
    pub place: String,
    /// The reason, in the words of the system that gave it.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl StoreError {
    /// An error of a store.
    pub fn new(
        kind: ErrorKind,
        store: &'static str,
        place: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> StoreError {
        StoreError {
            kind,
            store,
            place: place.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// The error of a session that was closed.
    pub fn closed(store: &'static str) -> StoreError {
        StoreError::new(
            ErrorKind::Closed,
            store,
            "session",
            "it was closed before this call",
            "This is an error of the program that holds the session; please report it",
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreError {
            kind,
            store,
            place,
            reason,
            remedy,
        } = self;
        write!(
            f,
            "Action state store {store}: {}: {place}: {reason}. {remedy}.",
            kind.phrase()
        )
    }
}
