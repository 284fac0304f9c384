//! What a record says, in bytes, version 1; version 2 where it tells of a failed action.
//!
//! ```text
//! "FAJR"  version u8  kind  order  after  first  body  crc32 (of everything before it, little-endian u32)
//! kind   0 run   1 call   2 completion   3 attempt (from version 2 on)
//! first  0 not the run's first record   1 the first, then its origin (16 bytes)   2 the same, then the input's digest (16 bytes)
//! call        status (0 pending, 1 succeeded, 2 failed)  function  digest (0, or 1 and 16 bytes)  payload
//! completion  events (type, id)*  sensory (path, is value)*  short-term (path, is value)*  values: one for each event, then
//!             one for each memory value
//! attempt     failures so far  wait in ms  its end in ms (zigzag)
//! ```
//!
//! Texts and bytes are preceded by their length; integers are LEB128 varints unless a width is given. Payloads and values
//! are the host's; what they hold is for it to know and to version. Published versions are read for ever.

use crate::checkpoint::{FormatError, Reader, Writer};
use crate::symbols::DEAD_LETTER_EVENT;

/// First bytes of every record.
const MAGIC: [u8; 4] = *b"FAJR";

/// The version written, but for records of failed actions.
pub const VERSION: u8 = 1;

/// The version of attempts, and of completions that end in a dead letter: a release that does not know those would run the
/// action anew, or lose the letter. The newest one read.
pub const NEWEST: u8 = 2;

/// A digest that the host computed: of a run's input, or of a call's arguments.
pub type Digest = [u8; 16];

/// The job in which a run began. It stays with the run when another job goes on with it, so that the identities of its calls
/// do.
pub type Origin = [u8; 16];

/// Whether a record is the first of its run, which tells by what input the run is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It is not.
    No,
    /// It is.
    Yes {
        /// See there.
        origin: Origin,
        /// Of the input, if it has one.
        digest: Option<Digest>,
    },
}

/// How a call ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// It was about to begin. Written only where a reconciler can tell what became of it.
    Pending,
    /// It returned the payload.
    Succeeded,
    /// It raised the payload.
    Failed,
}

/// About one durable call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// See there.
    pub status: CallStatus,
    /// Id of the function that was called.
    pub function: String,
    /// Digest of its arguments, where they have a canonical one.
    pub digest: Option<Digest>,
    /// Result or exception, as the host wrote it; empty while pending.
    pub payload: Vec<u8>,
}

/// About one completed action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// Types and ids of the events it sent, in order.
    pub events: Vec<(String, u128)>,
    /// Paths it wrote in sensory memory, and whether a value stands there (else an object).
    pub sensory: Vec<(String, bool)>,
    /// The same in short-term memory.
    pub short_term: Vec<(String, bool)>,
    /// The events' values, then those of sensory memory, then those of short-term memory, as the host wrote them.
    pub values: Vec<Vec<u8>>,
}

/// About an action that failed and is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptRecord {
    /// How often it has failed.
    pub attempts: u32,
    /// Milliseconds to wait before it is tried again.
    pub wait_ms: u64,
    /// When that is over, in milliseconds since 1970.
    pub due_ms: i64,
}

/// One of the kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordBody {
    /// The run has begun; nothing else is known of it.
    Run,
    /// A call.
    Call(CallRecord),
    /// An action.
    Completion(Completion),
    /// An action that has not completed; lies where its completion will.
    Attempt(AttemptRecord),
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Place among the records of its run.
    pub order: u32,
    /// Actions of the run that had completed before: before the call began, or before this action completed.
    pub after: u32,
    /// See there.
    pub first: First,
    /// What it says.
    pub body: RecordBody,
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Other data.
    #[error(
        "it is no record of flink-agents-rs (it starts with {0:02x?}); is something else writing to the same place? Records of Apache Flink Agents cannot be read: use another topic or file"
    )]
    Foreign(Vec<u8>),
    /// Written by a later release.
    #[error(
        "its format {0} is newer than this library reads (up to {NEWEST}); use the release that wrote it, or a later one"
    )]
    Newer(u8),
    /// Bytes were changed.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl From<FormatError> for RecordError {
    fn from(error: FormatError) -> RecordError {
        match error {
            FormatError::Foreign(start) => RecordError::Foreign(start),
            FormatError::Newer { found } => RecordError::Newer(found),
            FormatError::Checksum { found, expected } => {
                RecordError::Damaged(format!("its checksum is {found:08x}, its content has {expected:08x}"))
            }
            FormatError::Damaged { at, what } => RecordError::Damaged(format!("at byte {at}: {what}")),
        }
    }
}

impl Record {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_over(Vec::new())
    }

    /// Its bytes, in place of what is in a buffer.
    pub(crate) fn encode_over(&self, buffer: Vec<u8>) -> Vec<u8> {
        let mut out = Writer::over(buffer, MAGIC, self.version());
        out.number(match self.body {
            RecordBody::Run => 0,
            RecordBody::Call(_) => 1,
            RecordBody::Completion(_) => 2,
            RecordBody::Attempt(_) => 3,
        });
        out.number(u64::from(self.order));
        out.number(u64::from(self.after));
        match self.first {
            First::No => out.number(0),
            First::Yes { origin, digest } => {
                out.number(1 + u64::from(digest.is_some()));
                out.id(u128::from_be_bytes(origin));
                if let Some(digest) = digest {
                    out.id(u128::from_be_bytes(digest));
                }
            }
        }
        match &self.body {
            RecordBody::Run => {}
            RecordBody::Call(call) => {
                out.number(match call.status {
                    CallStatus::Pending => 0,
                    CallStatus::Succeeded => 1,
                    CallStatus::Failed => 2,
                });
                out.text(&call.function);
                out.number(u64::from(call.digest.is_some()));
                if let Some(digest) = call.digest {
                    out.id(u128::from_be_bytes(digest));
                }
                out.bytes(&call.payload);
            }
            RecordBody::Completion(completion) => {
                out.number(completion.events.len() as u64);
                for (event_type, id) in &completion.events {
                    out.text(event_type);
                    out.id(*id);
                }
                for writes in [&completion.sensory, &completion.short_term] {
                    out.number(writes.len() as u64);
                    for (path, is_value) in writes {
                        out.text(path);
                        out.number(u64::from(*is_value));
                    }
                }
                completion.values.iter().for_each(|value| out.bytes(value));
            }
            RecordBody::Attempt(attempt) => {
                out.number(u64::from(attempt.attempts));
                out.number(attempt.wait_ms);
                out.signed(attempt.due_ms);
            }
        }
        out.finish()
    }

    /// The version that is needed to say it.
    fn version(&self) -> u8 {
        let is_letter = |(event_type, _): &(String, u128)| event_type == DEAD_LETTER_EVENT;
        match &self.body {
            RecordBody::Attempt(_) => NEWEST,
            RecordBody::Completion(completion) if completion.events.iter().any(is_letter) => NEWEST,
            _ => VERSION,
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When the bytes are foreign, newer or damaged; never anything worse, whatever the bytes are.
    pub fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
        let mut input = Reader::open_as(bytes, MAGIC, NEWEST)?;
        let kind = input.index(if input.version() < NEWEST { 3 } else { 4 })?;
        let (order, after) = (input.small()?, input.small()?);
        let first = match input.index(3)? {
            0 => First::No,
            with_digest => First::Yes {
                origin: input.id()?.to_be_bytes(),
                digest: if with_digest == 2 {
                    Some(input.id()?.to_be_bytes())
                } else {
                    None
                },
            },
        };
        let body = match kind {
            0 => RecordBody::Run,
            1 => RecordBody::Call(CallRecord {
                status: match input.index(3)? {
                    0 => CallStatus::Pending,
                    1 => CallStatus::Succeeded,
                    _ => CallStatus::Failed,
                },
                function: input.text()?.to_owned(),
                digest: if input.flag()? {
                    Some(input.id()?.to_be_bytes())
                } else {
                    None
                },
                payload: input.bytes()?.to_vec(),
            }),
            3 => RecordBody::Attempt(AttemptRecord {
                attempts: input.small()?,
                wait_ms: input.number()?,
                due_ms: input.signed()?,
            }),
            _ => {
                let mut events = Vec::new();
                for _ in 0..input.count()? {
                    events.push((input.text()?.to_owned(), input.id()?));
                }
                let mut writes = [Vec::new(), Vec::new()];
                for writes in &mut writes {
                    for _ in 0..input.count()? {
                        writes.push((input.text()?.to_owned(), input.flag()?));
                    }
                }
                let [sensory, short_term] = writes;
                let stored = sensory.iter().chain(&short_term).filter(|(_, is_value)| *is_value);
                let count = events.len() + stored.count();
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(input.bytes()?.to_vec());
                }
                RecordBody::Completion(Completion {
                    events,
                    sensory,
                    short_term,
                    values,
                })
            }
        };
        input.end()?;
        Ok(Record {
            order,
            after,
            first,
            body,
        })
    }
}
