//! Runs as one JSON document: what `--format json` gives, and what the page shows.

use super::index::{Entry, Index, NONE, Warning};
use super::record::{Problem, Record};
use super::runs::{Detail, Execution, Run, Runs, Status};
use super::time;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::io::{self, Write};

/// How much of a run is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Bytes of the attributes of one event.
    pub(super) payload: usize,
    /// Events, and executions, of one run.
    pub(super) most: usize,
}

/// What was read, and what of it is shown.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) records: usize,
    /// In all.
    pub(super) runs: usize,
    /// Those that the arguments ask for.
    pub(super) chosen: usize,
    /// Those of them that are in the document.
    pub(super) shown: usize,
    /// Of those that the arguments ask for, how many are so.
    #[serde(serialize_with = "by_name")]
    pub(super) statuses: [usize; Status::ALL.len()],
}

fn by_name<S: Serializer>(counts: &[usize], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(Status::ALL.iter().map(|status| status.name()).zip(counts))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunHead<'a> {
    id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    agent: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    job: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    task: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtask: Option<i64>,
    start: String,
    ms: f64,
    /// Whether there are execution records.
    traced: bool,
    #[serde(skip_serializing_if = "no")]
    reused: usize,
    /// Events that were logged more than once.
    #[serde(skip_serializing_if = "no")]
    replayed: usize,
    #[serde(skip_serializing_if = "no")]
    omitted: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventOut<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    /// An event that it came from, but that is not in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_parent: Option<&'a str>,
    #[serde(skip_serializing_if = "once")]
    times: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a RawValue>,
    /// Instead of the attributes when they are too long: their beginning as text, and how long they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'a str>,
    #[serde(skip_serializing_if = "no")]
    bytes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    kind: &'a str,
    name: &'a str,
    status: &'static str,
    at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

fn no(count: &usize) -> bool {
    *count == 0
}

fn once(times: &u32) -> bool {
    *times == 1
}

/// Milliseconds to the microsecond.
fn ms(micros: i64) -> f64 {
    micros as f64 / 1e3
}

/// What a phase makes of an execution when nothing comes after it.
pub(super) fn execution_status(execution: &Execution) -> &'static str {
    use super::record::Phase;
    match execution.phase {
        Phase::Started => "unfinished",
        Phase::Finished => "done",
        Phase::Failed => "failed",
        Phase::Reused => "reused",
    }
}

/// How long an execution took, in microseconds.
pub(super) fn took(runs: &Runs<'_>, execution: &Execution) -> Option<i64> {
    let known = execution.timed && execution.first != execution.last;
    known.then(|| runs.entry(execution.last).time - runs.entry(execution.first).time)
}

/// Writes the document.
///
/// # Errors
/// When it cannot be written, or a file has changed since it was read.
pub(super) fn write(
    out: &mut dyn Write,
    runs: &Runs<'_>,
    chosen: &[u32],
    summary: &Summary,
    extent: Extent,
) -> io::Result<()> {
    out.write_all(br#"{"format":"flink-agents-trace","version":1,"summary":"#)?;
    json(out, summary)?;
    out.write_all(br#","files":"#)?;
    let files = runs
        .index
        .files
        .iter()
        .map(|file| serde_json::json!({"name": file.path.to_string_lossy(), "records": file.records}));
    json(out, &files.collect::<Vec<_>>())?;
    out.write_all(br#","warnings":"#)?;
    json(out, &warnings(&runs.index.warnings))?;
    out.write_all(br#","runs":["#)?;
    for (place, number) in chosen.iter().enumerate() {
        out.write_all(if place == 0 { b"\n" } else { b",\n" })?;
        write_run(out, runs, &runs.runs[*number as usize], extent)?;
    }
    out.write_all(b"\n]}\n")
}

pub(super) fn warnings(all: &[Warning]) -> Vec<serde_json::Value> {
    let one = |warning: &Warning| serde_json::json!({"code": warning.code, "text": warning.text});
    all.iter().map(one).collect()
}

fn json<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

fn write_run(out: &mut dyn Write, runs: &Runs<'_>, run: &Run, extent: Extent) -> io::Result<()> {
    let index = runs.index;
    let detail = runs.detail(run);
    let (mut buffer, mut other) = (Vec::new(), Vec::new());
    let first = runs.entry(head_entry(runs, run, &detail));
    let head = text(index, first, &mut buffer)?;
    let agent = match head.agent_name.as_deref() {
        Some(agent) => agent.to_owned(),
        None => agent(runs, run, &mut other)?,
    };
    let place = &index.places[first.place as usize];
    let omitted = detail.events.len().saturating_sub(extent.most) + detail.executions.len().saturating_sub(extent.most);
    let reused = |execution: &&Execution| execution.phase == super::record::Phase::Reused;
    let head = RunHead {
        id: match run.status {
            Status::Unlinked => "",
            _ => head.id(),
        },
        status: run.status.name(),
        key: (run.key != NONE).then(|| index.names.text(run.key)),
        agent: &agent,
        job: &place.job,
        task: &place.task,
        subtask: place.subtask,
        start: time::text(run.start),
        ms: ms(run.end - run.start),
        traced: !detail.executions.is_empty(),
        reused: detail.executions.iter().filter(reused).count(),
        replayed: detail.events.iter().filter(|event| event.times > 1).count(),
        omitted,
    };
    let mut line = serde_json::to_vec(&head)?;
    line.pop();
    out.write_all(&line)?;
    out.write_all(br#","events":["#)?;
    for (at, event) in detail.events.iter().take(extent.most).enumerate() {
        let entry = runs.entry(event.entry);
        let record = text(index, entry, &mut buffer)?;
        let attributes = record.attributes();
        let bytes = attributes.map_or(0, |attributes| attributes.get().len());
        let cut = (bytes > extent.payload)
            .then(|| attributes.map(RawValue::get))
            .flatten();
        let event = EventOut {
            id: record.id(),
            event_type: record.event_type(),
            at: ms(entry.time - run.start),
            // Those that are left out are later, and nothing points at them.
            parent: event.parent.filter(|parent| *parent < extent.most),
            action: (event.action != NONE).then(|| index.names.text(event.action)),
            missing_parent: record.upstream_event_id.as_deref().filter(|_| event.parent.is_none()),
            times: event.times,
            attributes: attributes.filter(|_| cut.is_none()),
            cut: cut.map(|text| beginning(text, extent.payload)),
            bytes: if cut.is_some() { bytes } else { 0 },
        };
        comma(out, at)?;
        json(out, &event)?;
    }
    out.write_all(br#"],"executions":["#)?;
    for (at, execution) in detail.executions.iter().take(extent.most).enumerate() {
        let record = text(index, runs.entry(execution.first), &mut buffer)?;
        let last = text(index, runs.entry(execution.last), &mut other)?;
        let problem = problem(execution, &last);
        let out_execution = ExecutionOut {
            id: record.execution_id.as_deref(),
            kind: index.names.text(runs.entry(execution.first).kind),
            name: record.entity_name.as_deref().unwrap_or_default(),
            status: execution_status(execution),
            at: ms(runs.entry(execution.first).time - run.start),
            ms: took(runs, execution).map(ms),
            trigger: execution.trigger.filter(|event| *event < extent.most),
            parent: execution.parent,
            problem: last.problem_category.as_deref(),
            error_type: problem.error_type,
            error_message: problem.error_message,
            metadata: last.entity_metadata.or(record.entity_metadata),
        };
        comma(out, at)?;
        json(out, &out_execution)?;
    }
    out.write_all(b"]}")
}

/// So many bytes, or a few less: never half a character.
fn beginning(text: &str, mut most: usize) -> &str {
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    &text[..most]
}

fn comma(out: &mut dyn Write, at: usize) -> io::Result<()> {
    if at > 0 { out.write_all(b",") } else { Ok(()) }
}

/// The record that says which run it is: its input, or else whatever is first.
pub(super) fn head_entry(runs: &Runs<'_>, run: &Run, detail: &Detail) -> u32 {
    let input = detail.events.iter().find(|event| event.parent.is_none());
    input.map_or(runs.entries(run)[0], |event| event.entry)
}

fn agent(runs: &Runs<'_>, run: &Run, buffer: &mut Vec<u8>) -> io::Result<String> {
    // Inputs may be logged before it is known who takes them; executions say it.
    let traced = runs
        .entries(run)
        .iter()
        .map(|number| runs.entry(*number))
        .find(|entry| entry.phase.is_some());
    match traced {
        Some(entry) => Ok(text(runs.index, entry, buffer)?
            .agent_name
            .as_deref()
            .unwrap_or_default()
            .to_owned()),
        None => Ok(String::new()),
    }
}

/// Why an execution failed, of its last record.
pub(super) fn problem(execution: &Execution, last: &Record<'_>) -> Problem {
    match execution.phase {
        super::record::Phase::Failed => last.problem(),
        _ => Problem::default(),
    }
}

/// Reads a record again.
pub(super) fn text<'b>(index: &Index, entry: &Entry, buffer: &'b mut Vec<u8>) -> io::Result<Record<'b>> {
    index.text(entry, buffer).map_err(io::Error::other)
}
