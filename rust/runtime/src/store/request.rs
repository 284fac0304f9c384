//! What every store refuses, in the same words.

use super::claims::Claim;
use super::{Append, ErrorKind, OpenSession, StoreError};

/// The error with which a record ends its session before it is written, if it does.
pub fn refuse(
    store: &'static str,
    place: &str,
    session: &OpenSession,
    record: &Append,
    max_record_size: usize,
) -> Option<StoreError> {
    let size = record.size();
    let of = |run: u64| {
        format!(
            "{place}, operator {}, key group {}, run {run}",
            session.operator, record.key_group
        )
    };
    let Some(run) = record.run() else {
        return Some(StoreError::new(
            ErrorKind::Request,
            store,
            of(0),
            format!(
                "the tail of a record has {} bytes, and begins with 8 of the run",
                record.tail.len()
            ),
            "This is an error of the program that holds the session; please report it",
        ));
    };
    if !session.key_groups.contains(&record.key_group) {
        return Some(StoreError::new(
            ErrorKind::Request,
            store,
            of(run),
            format!("the session has the key groups {:?}", session.key_groups),
            "This is an error of the program that holds the session; please report it",
        ));
    }
    (size > max_record_size).then(|| {
        StoreError::new(
            ErrorKind::TooLarge,
            store,
            of(run),
            format!("the record has {size} bytes, and {max_record_size} are allowed"),
            "Let the call return less, for instance a reference to what it stored, or raise action-state.max-record-size",
        )
    })
}

/// The error of a zombie.
pub fn fenced(store: &'static str, place: &str, session: &OpenSession, successor: &Claim) -> StoreError {
    StoreError::new(
        ErrorKind::Fenced,
        store,
        format!(
            "{place}, operator {}, key groups {:?}",
            session.operator, session.key_groups
        ),
        format!(
            "epoch {} of the job lineage {} has claimed the key groups {:?}",
            successor.epoch, successor.lineage, successor.key_groups
        ),
        "Nothing is to be done if the job was restarted; if two jobs run from one job graph, end one of them",
    )
}
