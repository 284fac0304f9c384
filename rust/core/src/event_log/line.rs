//! The line of one event.

use super::json::{Writer, string};
use super::{Level, Settings, Truncation, pretty};
use crate::ids::EventId;
use crate::value::{self, ValueError, instant_text};
use std::io::Write;
use std::sync::Arc;

/// An event that is to be logged, without its attributes.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it was processed: seconds since 1970 and nanoseconds.
    pub time: (i64, u32),
    /// How much of it to log; never [`Level::Off`].
    pub level: Level,
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub event_type: Arc<str>,
    /// The event and the action it came from; nothing for inputs.
    pub upstream: Option<(EventId, Arc<str>)>,
}

/// Where a log is written, for sinks that several share.
#[derive(Debug, Clone)]
pub struct Place {
    /// Id of the job.
    pub job: String,
    /// Name of the task.
    pub task: String,
    /// Number of the subtask.
    pub subtask: u32,
}

/// Makes lines, all in the same manner.
#[derive(Debug)]
pub struct Lines {
    truncation: Truncation,
    pretty: bool,
    /// The fields that say where.
    place: Vec<u8>,
}

impl Lines {
    /// Lines as the settings say, with the place in each, or without.
    pub fn new(settings: &Settings, place: Option<&Place>) -> Lines {
        let mut fields = Vec::new();
        if let Some(place) = place {
            fields.extend_from_slice(br#","jobId":"#);
            string(&mut fields, &place.job);
            fields.extend_from_slice(br#","taskName":"#);
            string(&mut fields, &place.task);
            // A vector takes whatever is written to it.
            _ = write!(fields, r#","subtaskId":{}"#, place.subtask);
        }
        Lines {
            truncation: settings.truncation,
            pretty: settings.pretty,
            place: fields,
        }
    }

    /// Appends the line of an event to `out`, without an end of line.
    ///
    /// `attributes` begin with the event's attributes, encoded as a value without a version byte.
    /// Returns how many bytes of them are its, and whether something was cut.
    ///
    /// # Errors
    /// When the attributes cannot be read; `out` is as before.
    pub fn write(&self, entry: &Entry, attributes: &[u8], out: &mut Vec<u8>) -> Result<(usize, bool), ValueError> {
        let (value, length) = value::decode_prefix(attributes)?;
        let start = out.len();
        out.extend_from_slice(br#"{"timestamp":""#);
        out.extend_from_slice(instant_text(entry.time.0, entry.time.1).as_bytes());
        _ = write!(out, r#"","logLevel":"{}""#, entry.level.name());
        out.extend_from_slice(&self.place);
        id(out, "eventId", entry.id);
        out.extend_from_slice(br#","eventType":"#);
        string(out, &entry.event_type);
        if let Some((event, action)) = &entry.upstream {
            id(out, "upstreamEventId", *event);
            out.extend_from_slice(br#","upstreamActionName":"#);
            string(out, action);
        }
        out.extend_from_slice(br#","eventAttributes":"#);
        let keep = match entry.level {
            Level::Verbose => Truncation::NONE,
            _ => self.truncation,
        };
        let mut writer = Writer { out, keep, cut: false };
        writer.value(&value, 1);
        let cut = writer.cut;
        out.push(b'}');
        if self.pretty {
            let indented = pretty::indented(&out[start..]);
            out.truncate(start);
            out.extend_from_slice(&indented);
        }
        Ok((length, cut))
    }
}

fn id(out: &mut Vec<u8>, field: &str, id: EventId) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(br#",""#);
    out.extend_from_slice(field.as_bytes());
    out.extend_from_slice(br#"":""#);
    for (index, byte) in id.0.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
}
