//! The natives of event logs. Which event comes next, and all that its line says of it but the attributes, is known here when
//! an `event processed` effect is given out; Java hands over the attributes of such events in the same order, many at a time.
//!
//! *Owned state*: every open log of this copy of the library, by a number that is never used again. *Lifecycle*: from
//! `eventLogOpen` to `eventLogFree`, or to the unloading of the library. *Constraint*: appending belongs to the thread of the
//! core, `eventLogLines` to one other, the rest to any.

use crate::cold::{handled, plain};
use crate::engine::{Engine, read_plan};
use crate::env::Env;
use crate::errors::Failure;
use flink_agents_core::event_log::{Entry, Place};
use flink_agents_core::ids::{EventId, KeySlot, Symbol, TaskId};
use flink_agents_core::plan::Routes;
use flink_agents_core::run::{Effect, Machine};
use flink_agents_core::value::{self, Value};
use flink_agents_runtime::event_log::{EventLog, Found, Headers, LineReader, OpenError, Options};
use flink_agents_runtime::otlp::{Exporter, Spans};
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jlong};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Room that an emptied buffer keeps.
const KEPT: usize = 1 << 20;
/// In place of a handle: nothing is logged.
const NOTHING: i64 = 0;
/// In place of a handle: the user's own code writes.
const CUSTOM: i64 = -1;
/// In place of a handle: there are live spans only.
const SPANS_ONLY: i64 = -2;
/// In place of bytes of lines: there will be none any more.
const END: jint = -1;

struct Open {
    log: Arc<EventLog>,
    /// Of a log whose lines Java writes.
    reader: Option<Mutex<LineReader>>,
}

static LOGS: Mutex<BTreeMap<i64, Arc<Open>>> = Mutex::new(BTreeMap::new());
/// Who sends live spans, for threads that ask how many.
static EXPORTERS: Mutex<BTreeMap<i64, Arc<Exporter>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicI64 = AtomicI64::new(1);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn open(handle: jlong) -> Result<Arc<Open>, Failure> {
    lock(&LOGS)
        .get(&handle)
        .cloned()
        .ok_or_else(|| Failure::state("The event log is closed: its handle cannot be used any more"))
}

/// Ends all logs: the library is being unloaded.
pub(crate) fn unload() {
    let left = std::mem::take(&mut *lock(&LOGS));
    drop(left);
    let left = std::mem::take(&mut *lock(&EXPORTERS));
    drop(left);
}

/// Who writes the events.
enum Target {
    Library(Arc<EventLog>),
    /// The user's own code.
    Custom,
    /// There are live spans only.
    Nobody,
}

/// What a core knows of the log of its events.
pub(crate) struct Logged {
    target: Target,
    headers: Headers,
    agent: String,
    /// Events given out, whose attributes Java has not handed over.
    entries: Vec<Entry>,
    /// Those that are handed over now, if they are not all; and their attributes.
    leading: Vec<Entry>,
    attributes: Vec<u8>,
}

impl Logged {
    /// An event of a key is processed now: whether it is to be logged.
    pub(crate) fn takes(&mut self, key: KeySlot, machine: &Machine<Routes>) -> bool {
        let entry = self.headers.entry(key, machine);
        let takes = entry.is_some() && !matches!(self.target, Target::Nobody);
        self.keep(entry);
        takes
    }

    fn keep(&mut self, entry: Option<Entry>) {
        match self.target {
            Target::Library(_) => self.entries.extend(entry),
            Target::Custom if self.headers.logs_trace() => self.entries.extend(entry),
            _ => {}
        }
    }

    /// An effect is given out: for the trace.
    pub(crate) fn effect(&mut self, effect: &Effect, machine: &Machine<Routes>) {
        let entry = self.headers.effect(effect, machine);
        self.keep(entry);
    }

    /// An action has ended well: for the trace.
    pub(crate) fn finished(&mut self, task: TaskId) {
        let entry = self.headers.ended(task, None);
        self.keep(entry);
    }

    /// Hands over the records of executions that do not stand behind events whose attributes are still to come.
    pub(crate) fn flush_records(&mut self) {
        if matches!(self.target, Target::Library(_))
            && self.entries.first().is_some_and(|entry| entry.lifecycle.is_some())
        {
            self.attributes.clear();
            self.hand_over(0);
        }
    }

    /// So many events, and the records of executions before and right after them. Whether there is a report.
    fn hand_over(&mut self, events: usize) -> bool {
        let Target::Library(log) = &self.target else {
            return false;
        };
        let mut left = events;
        let end = self.entries.iter().position(|entry| {
            let is_event = entry.lifecycle.is_none();
            let is_next = is_event && left == 0;
            left -= usize::from(is_event && left > 0);
            is_next
        });
        match end {
            None => log.append(&mut self.entries, &self.attributes),
            Some(end) => {
                self.leading.extend(self.entries.drain(..end));
                log.append(&mut self.leading, &self.attributes)
            }
        }
    }

    /// The numbers of these texts may be given out again.
    pub(crate) fn forget(&mut self, freed: &[Symbol]) {
        self.headers.forget(freed);
    }
}

impl From<OpenError> for Failure {
    #[cold]
    fn from(error: OpenError) -> Self {
        Failure::core(error.to_string())
    }
}

/// What Java says about a log, JSON.
#[derive(Deserialize)]
struct Request {
    job: String,
    task: String,
    subtask: u32,
    temporary: PathBuf,
    /// The user's own code writes the events.
    custom: bool,
    /// Nobody would see lines.
    silent: bool,
    agent: String,
}

handled! {
    /// Opens the log of a core's events. `plan`: JSON, `request`: JSON. Returns its handle; 0 if the plan logs nothing, -1 if the
    /// user's own code writes what effects say is to be logged, -2 if there are live spans only.
    fn Java_org_apache_flink_agents_core_Natives_eventLogOpen(
        env, engine, plan: jbyteArray, request: jbyteArray
    ) -> jlong = 0; {
        open_log(engine, &env.bytes(plan)?, &env.bytes(request)?)
    }
}

fn open_log(engine: &mut Engine, plan: &[u8], request: &[u8]) -> Result<i64, Failure> {
    let config = read_plan(plan)?.config;
    let request: Request = serde_json::from_slice(request)
        .map_err(|error| Failure::argument(format!("The settings of an event log cannot be read: {error}")))?;
    let options = Options::read(&config, &request.temporary).map_err(|error| Failure::argument(error.to_string()))?;
    let place = Place {
        job: request.job,
        task: request.task,
        subtask: request.subtask,
    };
    let spans = Spans::open(&config, &place, &request.agent).map_err(Failure::argument)?;
    let is_off = options.lines.is_off() || request.silent;
    if is_off && spans.is_none() {
        return Ok(NOTHING);
    }
    let (handle, target) = if is_off {
        (SPANS_ONLY, Target::Nobody)
    } else if request.custom {
        (CUSTOM, Target::Custom)
    } else {
        let (log, reader) = EventLog::open(&options, &place, &request.agent)?;
        let log = Arc::new(log);
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        let open = Open {
            log: Arc::clone(&log),
            reader: reader.map(Mutex::new),
        };
        lock(&LOGS).insert(handle, Arc::new(open));
        (handle, Target::Library(log))
    };
    let headers = Headers::of(&mut engine.machine, options.lines, spans);
    engine.traced = headers.traces();
    engine.logged = Some(Box::new(Logged {
        target,
        headers,
        agent: request.agent,
        entries: Vec::new(),
        leading: Vec::new(),
        attributes: Vec::new(),
    }));
    Ok(handle)
}

handled! {
    /// Hands over the attributes of the next `events` that effects said are to be logged: the first `length` bytes of `attributes`,
    /// values one after another. Waits for room, if the options say so. Returns 1 if there is a report.
    fn Java_org_apache_flink_agents_core_Natives_eventLogAppend(
        env, engine, attributes: jbyteArray, length: jint, events: jint
    ) -> jint = 0; {
        let Some(logged) = engine.logged.as_deref_mut() else {
            return Err(Failure::state("The core has no event log"));
        };
        if !matches!(logged.target, Target::Library(_)) {
            return Err(Failure::state("The library does not write the event log of this core"));
        }
        let waiting = logged.entries.iter().filter(|entry| entry.lifecycle.is_none()).count();
        if events as usize > waiting {
            return Err(Failure::argument(format!("{events} events are logged, and {waiting} are to be")));
        }
        env.leading_bytes_into(attributes, length, &mut logged.attributes)?;
        let reports = logged.hand_over(events as usize);
        logged.attributes.shrink_to(KEPT);
        Ok(jint::from(reports))
    }
}

handled! {
    /// The text (UTF-8) that the trace shows of a key's runs from now on; null if it shows none.
    fn Java_org_apache_flink_agents_core_Natives_eventLogKey(env, engine, key: jint, text: jbyteArray) -> () = (); {
        let text = if text.is_null() { None } else { Some(env.bytes(text)?) };
        if let Some(logged) = &mut engine.logged {
            let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
            logged.headers.key(KeySlot(key as u32), text.as_deref());
        }
        Ok(())
    }
}

handled! {
    /// What became of an execution, for the trace: `status` and `what` as [`Headers::reported`] takes them.
    fn Java_org_apache_flink_agents_core_Natives_eventLogExecution(
        env, engine, task: jlong, status: jint, what: jbyteArray
    ) -> () = (); {
        let Some(logged) = &mut engine.logged else { return Ok(()) };
        let entry = logged.headers.reported(TaskId::from_bits(task as u64), status as u8, &env.bytes(what)?);
        let entry = entry.map_err(|error| Failure::argument(error.to_string()))?;
        logged.keep(entry);
        Ok(())
    }
}

handled! {
    /// The input event of this id names the span that it comes from, by the text of a `traceparent`.
    fn Java_org_apache_flink_agents_core_Natives_eventLogOrigin(
        env, engine, high: jlong, low: jlong, traceparent: jbyteArray
    ) -> () = (); {
        let traceparent = env.bytes(traceparent)?;
        if let Some(logged) = &mut engine.logged {
            let id = u128::from(high as u64) << 64 | u128::from(low as u64);
            logged.headers.origin(EventId(id), &String::from_utf8_lossy(&traceparent));
        }
        Ok(())
    }
}

handled! {
    /// Something that users should know of the sending of spans, once; null if there is nothing more.
    fn Java_org_apache_flink_agents_core_Natives_eventLogSpansReport(env, engine) -> jbyteArray = std::ptr::null_mut(); {
        match engine.logged.as_ref().and_then(|logged| logged.headers.spans_report()) {
            Some(report) => env.new_bytes(report.as_bytes()),
            None => Ok(std::ptr::null_mut()),
        }
    }
}

handled! {
    /// No span follows: sends what is left, for so many milliseconds at most.
    fn Java_org_apache_flink_agents_core_Natives_eventLogSpansEnd(_env, engine, millis: jint) -> () = (); {
        if let Some(logged) = &mut engine.logged {
            logged.headers.end_spans(Duration::from_millis(millis.max(0) as u64));
        }
        Ok(())
    }
}

handled! {
    /// A number for those that send the live spans of a core, to be freed; 0 if there are none.
    fn Java_org_apache_flink_agents_core_Natives_eventLogSpans(_env, engine) -> jlong = 0; {
        let Some(exporter) = engine.logged.as_ref().and_then(|logged| logged.headers.exporter()) else {
            return Ok(0);
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        lock(&EXPORTERS).insert(number, Arc::clone(exporter));
        Ok(number)
    }
}

plain! {
    /// Live spans that were sent, and those that are lost; each a u64.
    fn Java_org_apache_flink_agents_core_Natives_eventLogSpansFigures(
        env, spans: jlong
    ) -> jbyteArray = std::ptr::null_mut(); {
        let exporter = lock(&EXPORTERS).get(&spans).cloned();
        let exporter = exporter.ok_or_else(|| Failure::state("The event log is closed: its spans are gone"))?;
        let figures = exporter.figures();
        let mut out = Vec::with_capacity(16);
        out.extend_from_slice(&figures.sent.to_le_bytes());
        out.extend_from_slice(&figures.dropped.to_le_bytes());
        env.new_bytes(&out)
    }
}

plain! {
    /// Nobody asks for these any more.
    fn Java_org_apache_flink_agents_core_Natives_eventLogSpansFree(_env, spans: jlong) -> () = (); {
        let exporter = lock(&EXPORTERS).remove(&spans);
        drop(exporter);
        Ok(())
    }
}

handled! {
    /// With a trace, for user's own code that writes the events: entries since the last time, an encoded list of maps.
    fn Java_org_apache_flink_agents_core_Natives_eventLogEntries(env, engine) -> jbyteArray = std::ptr::null_mut(); {
        let Some(logged) = engine.logged.as_deref_mut().filter(|logged| matches!(logged.target, Target::Custom)) else {
            return Err(Failure::state("The core writes its event log itself, or has none"));
        };
        let entries = logged.entries.drain(..).map(|entry| entry.to_value(&logged.agent)).collect();
        let mut out = Vec::new();
        value::encode(&Value::List(entries), &mut out).map_err(|error| Failure::core(error.to_string()))?;
        env.new_bytes(&out)
    }
}

plain! {
    /// The file of a log; null if its lines are read by `eventLogLines`.
    fn Java_org_apache_flink_agents_core_Natives_eventLogPath(env, log: jlong) -> jbyteArray = std::ptr::null_mut(); {
        match open(log)?.log.path() {
            Some(path) => env.new_bytes(path.to_string_lossy().as_bytes()),
            None => Ok(std::ptr::null_mut()),
        }
    }
}

plain! {
    /// Copies lines of a log into `into`, each with an end of line; with `framed` each as u32 length and UTF-8 instead. Waits for some, at most
    /// so many milliseconds. Returns how many bytes; 0 if there were none in time, -1 when there will be none any more, and -2 - n if n bytes
    /// of room are needed: then the lines are still to be had.
    fn Java_org_apache_flink_agents_core_Natives_eventLogLines(
        env, log: jlong, millis: jint, framed: jint, into: jbyteArray
    ) -> jint = END; {
        let Ok(open) = open(log) else { return Ok(END) };
        let Some(reader) = &open.reader else {
            return Err(Failure::state("The event log writes its lines itself"));
        };
        let mut reader = lock(reader);
        let framed_lines;
        let lines = match reader.next(Duration::from_millis(millis.max(0) as u64)) {
            Found::End => return Ok(END),
            Found::Nothing => return Ok(0),
            Found::Lines(text, _) if framed == 0 => text,
            Found::Lines(text, ends) => {
                framed_lines = in_frames(text, ends);
                &framed_lines
            }
        };
        let length = jint::try_from(lines.len())
            .map_err(|_| Failure::core("lines of the event log are longer than 2 GiB, more than a Java array holds"))?;
        if env.fill(into, lines)? {
            return Ok(length);
        }
        reader.again();
        Ok(-2 - length)
    }
}

fn in_frames(text: &[u8], ends: &[usize]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 4 * ends.len());
    let mut start = 0;
    for end in ends {
        let line = &text[start..end - 1];
        out.extend_from_slice(&(line.len() as u32).to_le_bytes());
        out.extend_from_slice(line);
        start = *end;
    }
    out
}

plain! {
    /// So many of the lines that `eventLogLines` gave last could not be written: they count as failures.
    fn Java_org_apache_flink_agents_core_Natives_eventLogLost(_env, log: jlong, lines: jint) -> () = (); {
        if let Some(reader) = &open(log)?.reader {
            lock(reader).lost(lines.max(0) as usize);
        }
        Ok(())
    }
}

plain! {
    /// Events written, those of them with something cut, those that could not be written, those dropped since there was no room;
    /// each a u64.
    fn Java_org_apache_flink_agents_core_Natives_eventLogFigures(env, log: jlong) -> jbyteArray = std::ptr::null_mut(); {
        let figures = open(log)?.log.figures();
        let mut out = Vec::with_capacity(32);
        for figure in [figures.written, figures.truncated, figures.failures, figures.dropped] {
            out.extend_from_slice(&figure.to_le_bytes());
        }
        env.new_bytes(&out)
    }
}

plain! {
    /// Something that users should know of a log, once; null if there is nothing.
    fn Java_org_apache_flink_agents_core_Natives_eventLogReport(env, log: jlong) -> jbyteArray = std::ptr::null_mut(); {
        match open(log)?.log.report() {
            Some(report) => env.new_bytes(report.as_bytes()),
            None => Ok(std::ptr::null_mut()),
        }
    }
}

plain! {
    /// Nobody waits for room in a log any more. One that is closed stays as it is.
    fn Java_org_apache_flink_agents_core_Natives_eventLogHurry(_env, log: jlong) -> () = (); {
        if let Ok(open) = open(log) {
            open.log.hurry();
        }
        Ok(())
    }
}

plain! {
    /// No event follows: waits for what is left to be written, at most so many milliseconds. 1 if all is.
    fn Java_org_apache_flink_agents_core_Natives_eventLogClose(_env, log: jlong, millis: jint) -> jint = 1; {
        let closed = open(log)?.log.close(Duration::from_millis(millis.max(0) as u64));
        Ok(jint::from(closed))
    }
}

plain! {
    /// Frees a log that is closed.
    fn Java_org_apache_flink_agents_core_Natives_eventLogFree(_env, log: jlong) -> () = (); {
        let open = lock(&LOGS).remove(&log);
        drop(open);
        Ok(())
    }
}
