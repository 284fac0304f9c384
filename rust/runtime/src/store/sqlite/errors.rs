//! What SQLite's errors mean to a user.

use super::{ErrorKind, StoreError, error};
use rusqlite::ErrorCode;

/// An error of SQLite while something was done at a place.
pub(super) fn sqlite(place: &str, doing: &str, cause: &rusqlite::Error) -> StoreError {
    let code = cause.sqlite_error_code();
    let (kind, remedy) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => (
            ErrorKind::Unavailable,
            "Another process has locked the file (a backup, or a transaction left open in the sqlite3 tool): end it",
        ),
        Some(ErrorCode::DiskFull) => (
            ErrorKind::Full,
            "Make room on the disk, or shorten action-state.retention and compact the store",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            (ErrorKind::Denied, "Let the process write the file and its directory")
        }
        Some(ErrorCode::CannotOpen) => (
            ErrorKind::Settings,
            "Let sqlite.path name a file in a directory that exists and that the process may write",
        ),
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Version,
            "Let sqlite.path name another file, or move this one away",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Damaged,
            "Restore the file from a backup, or move it away and let the job begin without it: what was done since the last \
             checkpoint is then done again",
        ),
        Some(ErrorCode::TooBig) => (ErrorKind::TooLarge, "Let the call return less"),
        Some(ErrorCode::SystemIoFailure) => (
            ErrorKind::Unavailable,
            "See the system's log for errors of the disk; the file has to be on a local one",
        ),
        _ => (ErrorKind::Rejected, "If the reason does not tell, please report it"),
    };
    error(kind, place, format!("{doing} failed: {cause}"), remedy)
}

/// A row that cannot be what was written.
pub(super) fn row(place: &str, table: &str, rowid: i64, reason: &str) -> StoreError {
    error(
        ErrorKind::Damaged,
        format!("{place}, row {rowid} of table {table}"),
        reason,
        "Restore the file from a backup, or delete the row: what it records is then done again",
    )
}

/// A thread of the store ended by a panic: an error of ours or of what a session's events did.
pub(super) fn panicked(place: &str, panic: &(dyn std::any::Any + Send)) -> StoreError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error(
        ErrorKind::Unavailable,
        place,
        format!("its thread panicked: {}", text.unwrap_or("no message")),
        "Please report it",
    )
}

/// A thread could not be started.
pub(super) fn thread(place: &str, cause: &std::io::Error) -> StoreError {
    error(
        ErrorKind::Unavailable,
        place,
        format!("no thread can be started: {cause}"),
        "Raise the limit of threads of the process",
    )
}
