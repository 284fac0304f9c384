//! The file: how it is opened, made and recognised.

use super::{ErrorKind, SqliteSettings, StoreError, error, errors};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::time::{Duration, Instant};

/// "FAjl", by which a file of this program is told from other databases.
const APPLICATION: i64 = 0x4641_6a6c;

/// Version of the tables below; a number is never used again for others.
const FORMAT: i64 = 1;

/// `position` is counted in `store` instead of by AUTOINCREMENT: once per commit instead of once per row. `step` is the tail
/// after the run; a record without `value` is a tombstone. `needed_from` of a claim: what lies before it in its key groups is
/// needed by no checkpoint; `pruned_before`: some of that is gone.
const TABLES: &str = "
CREATE TABLE store (
    id            BLOB    NOT NULL,
    next_position INTEGER NOT NULL,
    created_at    TEXT    NOT NULL,
    created_by    TEXT    NOT NULL
) STRICT;
CREATE TABLE claim (
    epoch           INTEGER PRIMARY KEY AUTOINCREMENT,
    lineage         TEXT    NOT NULL,
    operator        TEXT    NOT NULL,
    max_parallelism INTEGER NOT NULL,
    first_key_group INTEGER NOT NULL,
    last_key_group  INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    needed_from     INTEGER NOT NULL DEFAULT 0,
    pruned_before   INTEGER NOT NULL DEFAULT 0,
    claimed_at      INTEGER NOT NULL
) STRICT;
CREATE TABLE record (
    position   INTEGER PRIMARY KEY,
    epoch      INTEGER NOT NULL,
    key_group  INTEGER NOT NULL,
    key        ANY     NOT NULL,
    run        INTEGER NOT NULL,
    step       BLOB    NOT NULL,
    value      BLOB,
    crc        INTEGER NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;
CREATE VIEW journal AS
    SELECT record.position, claim.operator, claim.lineage, record.epoch, record.key_group, record.key, record.run,
           hex(record.step) AS step, length(record.value) AS value_bytes,
           datetime(record.written_at / 1000, 'unixepoch') AS written_at
    FROM record LEFT JOIN claim USING (epoch);
";

/// Identity of the file.
pub(super) type StoreId = [u8; 16];

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// Looks whose file it is, all at one moment: another process may be making it.
fn look(place: &str, connection: &Connection) -> Result<bool, StoreError> {
    let moment = connection
        .unchecked_transaction()
        .map_err(|cause| errors::sqlite(place, "opening it", &cause))?;
    recognise(place, &moment)
}

/// Whether the file has the store's tables; false if it is empty. To be asked within a transaction.
fn recognise(place: &str, connection: &Connection) -> Result<bool, StoreError> {
    let failed = |cause| errors::sqlite(place, "opening it", &cause);
    let application = pragma(connection, "application_id").map_err(failed)?;
    let format = pragma(connection, "user_version").map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    match (application, format, tables) {
        (0, 0, 0) => Ok(false),
        (APPLICATION, FORMAT, _) => Ok(true),
        (APPLICATION, ..) => Err(error(
            ErrorKind::Version,
            place,
            format!("its format is {format}, and this program knows {FORMAT}"),
            "Use the version that wrote it, or a newer one, or let sqlite.path name another file",
        )),
        _ => Err(error(
            ErrorKind::Version,
            place,
            "it is a database of another program",
            "Let sqlite.path name another file",
        )),
    }
}

fn connect(settings: &SqliteSettings, flags: OpenFlags) -> Result<Connection, StoreError> {
    let place = settings.place();
    let failed = |cause: rusqlite::Error| errors::sqlite(&place, "opening it", &cause);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&settings.path, flags).map_err(failed)?;
    connection.busy_timeout(settings.patience).map_err(failed)?;
    Ok(connection)
}

/// Opens the file for writing, and makes it if it is missing.
pub(super) fn open(settings: &SqliteSettings) -> Result<(Connection, StoreId), StoreError> {
    let place = settings.place();
    let failed = |cause: rusqlite::Error| errors::sqlite(&place, "opening it", &cause);
    let mut connection = connect(
        settings,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    if !look(&place, &connection)? {
        make(&place, &mut connection)?;
    }
    use_log(&connection, settings.patience).map_err(failed)?;
    // The file stays valid, and what was acknowledged stays in it, also when the machine loses power.
    connection.execute_batch("PRAGMA synchronous = FULL").map_err(failed)?;
    if let Some(bytes) = settings.max_size {
        let page = pragma(&connection, "page_size").map_err(failed)?.max(1);
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page;
        pragma(&connection, &format!("max_page_count = {pages}")).map_err(failed)?;
    }
    let id = connection
        .query_row("SELECT id FROM store", [], |row| row.get(0))
        .map_err(failed)?;
    Ok((connection, id))
}

/// Opens a file that exists, for reading.
pub(super) fn open_to_read(settings: &SqliteSettings) -> Result<Connection, StoreError> {
    let place = settings.place();
    let connection = connect(settings, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if look(&place, &connection)? {
        return Ok(connection);
    }
    Err(error(
        ErrorKind::MissingHistory,
        place,
        "it is empty",
        "Let sqlite.path name the file the job ran with",
    ))
}

/// Turns to a write-ahead log. This is the one thing that SQLite does not wait with while others use the file.
fn use_log(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let until = Instant::now() + patience;
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL") {
            Err(cause) if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// Several processes may do this at once: the one that is not the first finds it done.
fn make(place: &str, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = |cause: rusqlite::Error| errors::sqlite(place, "making its tables", &cause);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    if !recognise(place, connection)? {
        connection.execute_batch(TABLES).map_err(failed)?;
        connection
            .execute(
                "INSERT INTO store VALUES (randomblob(16), 1, datetime('now'), 'flink-agents ' || ?1)",
                [env!("CARGO_PKG_VERSION")],
            )
            .map_err(failed)?;
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}"
            ))
            .map_err(failed)?;
    }
    connection.execute_batch("COMMIT").map_err(failed)
}
