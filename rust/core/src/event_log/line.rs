//! The line of one event.

use super::json::{Writer, string};
use super::{Level, Settings, Status, Truncation, pretty};
use crate::ids::EventId;
use crate::value::{self, Value, ValueError, Walk, instant_text};
use std::sync::Arc;

/// An event that is to be logged, without its attributes.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it was processed: seconds since 1970 and nanoseconds.
    pub time: (i64, u32),
    /// How much of it to log; none that is [`Level::Off`] is ever written.
    pub level: Level,
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub event_type: Arc<str>,
    /// The event it came from, and the action; nothing for inputs.
    pub upstream: Option<(EventId, Option<Arc<str>>)>,
    /// Where it belongs in the execution trace, if there is one.
    pub context: Option<Box<Context>>,
    /// For a record of an execution, which is no event and has attributes of its own.
    pub lifecycle: Option<Box<Lifecycle>>,
}

impl Entry {
    /// The same as a value, for loggers of users' own: a map of what has a name in lines, with the attributes of a record of an
    /// execution and its status in them.
    pub fn to_value(&self, agent: &str) -> Value {
        let id = |id: u128| Some(Value::from(EventId(id).to_string().as_str()));
        let text = |text: Option<&str>| text.map(Value::from);
        let execution = self.context.as_deref().and_then(|context| context.execution.as_deref());
        let mut fields = vec![
            ("eventId", id(self.id.0)),
            ("eventType", text(Some(&self.event_type))),
            (
                "upstreamEventId",
                self.upstream.as_ref().and_then(|(event, _)| id(event.0)),
            ),
            (
                "inputRunId",
                self.context.as_deref().and_then(|context| id(context.run)),
            ),
            (
                "businessKey",
                text(self.context.as_deref().and_then(|context| context.key.as_deref())),
            ),
            ("agentName", text(Some(agent))),
            ("executionId", execution.and_then(|execution| id(execution.id))),
            (
                "parentExecutionId",
                execution.and_then(|execution| execution.parent).and_then(id),
            ),
            ("entityType", text(execution.map(|execution| &*execution.entity_type))),
            ("entityName", text(execution.map(|execution| &*execution.name))),
            ("entityMetadata", execution.map(|execution| execution.metadata.clone())),
        ];
        if let Some(own) = &self.lifecycle {
            let mut attributes = vec![("status".to_owned(), Value::from(own.status.name()))];
            if let Some(problem) = &own.problem {
                attributes.push(("problemCategory".to_owned(), Value::from(problem.as_str())));
            }
            if let Ok(Value::Map(more)) = value::decode(&own.attributes) {
                attributes.extend(more);
            }
            fields.push(("attributes", Some(Value::Map(attributes))));
        }
        let known = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Map(known.collect())
    }
}

/// Where something belongs in the execution trace.
#[derive(Debug, Clone)]
pub struct Context {
    /// Id of the run.
    pub run: u128,
    /// Key of the run, as it is to be shown.
    pub key: Option<Arc<str>>,
    /// The execution, if it belongs to one.
    pub execution: Option<Arc<Execution>>,
}

/// Something that runs or ran.
#[derive(Debug)]
pub struct Execution {
    /// Its id.
    pub id: u128,
    /// The execution around it.
    pub parent: Option<u128>,
    /// What it is, such as `action`.
    pub entity_type: Arc<str>,
    /// Name of that.
    pub name: Arc<str>,
    /// What else is known of it: a map, or nothing.
    pub metadata: Value,
}

/// What a record of an execution says.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    /// What became of the execution.
    pub status: Status,
    /// Kind of failure.
    pub problem: Option<String>,
    /// Encoded as a value without a version byte.
    pub attributes: Vec<u8>,
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
    /// Level and the fields that say where, of level STANDARD and VERBOSE.
    heads: [Vec<u8>; 2],
    /// A second since 1970, as its text, without fractions and zone: times come in order.
    second: (i64, String),
    /// Name of the agent, for the execution trace.
    agent: String,
}

impl Lines {
    /// Lines of an agent as the settings say, with the place in each, or without.
    pub fn new(settings: &Settings, place: Option<&Place>, agent: &str) -> Lines {
        let head = |level: Level| {
            let mut fields = Vec::new();
            field(&mut fields, "logLevel", level.name());
            if let Some(place) = place {
                field(&mut fields, "jobId", &place.job);
                field(&mut fields, "taskName", &place.task);
                fields.extend_from_slice(format!(r#","subtaskId":{}"#, place.subtask).as_bytes());
            }
            fields
        };
        Lines {
            truncation: settings.truncation,
            pretty: settings.pretty,
            heads: [head(Level::Standard), head(Level::Verbose)],
            second: (0, second_text(0)),
            agent: agent.to_owned(),
        }
    }

    /// Appends the line of an event to `out`, without an end of line.
    ///
    /// `attributes` begin with the event's attributes, encoded as a value without a version byte; records of executions have
    /// theirs with them. Returns how many bytes of `attributes` are its, and whether something was cut.
    ///
    /// # Errors
    /// When the attributes cannot be read; `out` is as before.
    pub fn write(&mut self, entry: &Entry, attributes: &[u8], out: &mut Vec<u8>) -> Result<(usize, bool), ValueError> {
        let start = out.len();
        let written = self.line(entry, attributes, out);
        match &written {
            Ok(_) if self.pretty => {
                let indented = pretty::indented(&out[start..]);
                out.truncate(start);
                out.extend_from_slice(&indented);
            }
            Ok(_) => {}
            Err(_) => out.truncate(start),
        }
        written
    }

    fn line(&mut self, entry: &Entry, attributes: &[u8], out: &mut Vec<u8>) -> Result<(usize, bool), ValueError> {
        out.extend_from_slice(br#"{"timestamp":""#);
        self.timestamp(entry.time, out);
        out.push(b'"');
        out.extend_from_slice(&self.heads[usize::from(entry.level == Level::Verbose)]);
        if let Some(context) = &entry.context {
            self.context(context, out);
        }
        id(out, "eventId", entry.id);
        out.extend_from_slice(br#","eventType":"#);
        string(out, &entry.event_type);
        if let Some((event, action)) = &entry.upstream {
            id(out, "upstreamEventId", *event);
            if let Some(action) = action {
                field(out, "upstreamActionName", action);
            }
        }
        if let Some(own) = &entry.lifecycle {
            field(out, "status", own.status.name());
            if let Some(problem) = &own.problem {
                field(out, "problemCategory", problem);
            }
        }
        out.extend_from_slice(br#","eventAttributes":"#);
        let keep = match entry.level {
            Level::Verbose => Truncation::NONE,
            _ => self.truncation,
        };
        let mut writer = Writer { out, keep, cut: false };
        let length = match &entry.lifecycle {
            Some(own) => {
                writer.encoded(&mut Walk::new(&own.attributes), 1)?;
                0
            }
            None => {
                let mut walk = Walk::new(attributes);
                writer.encoded(&mut walk, 1)?;
                walk.at()
            }
        };
        let cut = writer.cut;
        out.push(b'}');
        Ok((length, cut))
    }

    fn timestamp(&mut self, (seconds, nanos): (i64, u32), out: &mut Vec<u8>) {
        if self.second.0 != seconds {
            self.second = (seconds, second_text(seconds));
        }
        out.extend_from_slice(self.second.1.as_bytes());
        fraction(out, nanos);
        out.push(b'Z');
    }
}

impl Lines {
    fn context(&self, context: &Context, out: &mut Vec<u8>) {
        id(out, "inputRunId", EventId(context.run));
        for (name, text) in [
            ("businessKey", context.key.as_deref()),
            ("agentName", Some(&*self.agent)),
        ] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                field(out, name, text);
            }
        }
        let Some(execution) = &context.execution else { return };
        id(out, "executionId", EventId(execution.id));
        if let Some(parent) = execution.parent {
            id(out, "parentExecutionId", EventId(parent));
        }
        field(out, "entityType", &execution.entity_type);
        field(out, "entityName", &execution.name);
        if matches!(&execution.metadata, Value::Map(entries) if !entries.is_empty()) {
            out.extend_from_slice(br#","entityMetadata":"#);
            let keep = Truncation::NONE;
            Writer { out, keep, cut: false }.value(&execution.metadata, 1);
        }
    }
}

fn second_text(seconds: i64) -> String {
    let mut text = instant_text(seconds, 0);
    // The zone.
    text.pop();
    text
}

/// Nothing, or three, six or nine digits behind a point, as Java has it.
fn fraction(out: &mut Vec<u8>, nanos: u32) {
    let digits: usize = match nanos {
        0 => return,
        _ if nanos.is_multiple_of(1_000_000) => 3,
        _ if nanos.is_multiple_of(1_000) => 6,
        _ => 9,
    };
    let mut text = [b'.'; 10];
    let mut rest = nanos;
    for place in (1..10).rev() {
        text[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text[..=digits]);
}

fn field(out: &mut Vec<u8>, name: &str, text: &str) {
    out.extend_from_slice(br#",""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"":"#);
    string(out, text);
}

fn id(out: &mut Vec<u8>, field: &str, id: EventId) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(br#",""#);
    out.extend_from_slice(field.as_bytes());
    let mut text = *br#"":"........-....-....-....-............""#;
    let mut at = 3;
    for byte in id.0.to_be_bytes() {
        if text[at] == b'-' {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    out.extend_from_slice(&text);
}
