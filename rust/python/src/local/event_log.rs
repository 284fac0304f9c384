//! The event log of a run in this process: to files by the runtime's writer, else to Python's logging. Lines for that are made
//! at once and told when nothing is borrowed, as warnings are.

use super::{EventData, Local};
use crate::decode::read;
use crate::observed::Told;
use crate::uuid;
use flink_agents_core::event_log::{Entry, Lines, Place, Problem};
use flink_agents_core::ids::{EventId, KeySlot, Symbol, TaskId};
use flink_agents_core::plan::{AgentPlan, Routes};
use flink_agents_core::run::{Effect, Machine};
use flink_agents_core::value::{self, ValueError};
use flink_agents_runtime::event_log::{EventLog, Figures, Headers, Keys, Options, Sink};
use flink_agents_runtime::otlp::{Spans, traceparent_of};
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Logger of lines that go to no file.
const LOGGER: &str = "flink_agents.EventLog";
/// Why actions fail.
const ACTION_FAILED: &str = "action_execution_failed";
/// Lines that are told together.
const MOST: usize = 256;
/// How long the end of a run waits for the writer of a file.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for a receiver of spans.
const SPANS_PATIENCE: Duration = Duration::from_secs(3);

/// What a run logs.
pub(super) struct Log {
    headers: Headers,
    keys: Keys,
    target: Target,
}

enum Target {
    File {
        log: EventLog,
        entry: Vec<Entry>,
    },
    Logging {
        lines: Lines,
        made: Vec<String>,
        figures: Figures,
    },
    /// To the user's own logger: entries with the attributes of their events, until Python asks for them.
    Own {
        agent: String,
        entries: VecDeque<(Entry, Vec<u8>)>,
    },
    /// There are live spans only.
    Nobody,
}

impl Log {
    /// The log that a plan asks for; nothing if it asks for none, or nobody listens. There may be a [`Log::report`] at once.
    pub(super) fn open(
        py: Python<'_>,
        plan: &AgentPlan,
        machine: &mut Machine<Routes>,
        agent: &str,
        name: Option<&str>,
    ) -> PyResult<Option<Log>> {
        let options = Options::read(&plan.config, &std::env::temp_dir());
        let options = options.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let place = Place {
            job: name.unwrap_or("local").to_owned(),
            task: agent.to_owned(),
            subtask: 0,
        };
        let spans = Spans::open(&plan.config, &place, agent).map_err(PyValueError::new_err)?;
        let target = match options.sink {
            _ if options.lines.is_off() => Target::Nobody,
            _ if names_logger(plan)? => Target::Own {
                agent: agent.to_owned(),
                entries: VecDeque::new(),
            },
            Sink::Directory(_) => {
                let opened =
                    EventLog::open(&options, &place, agent).map_err(|error| PyOSError::new_err(error.to_string()))?;
                Target::File {
                    log: opened.0,
                    entry: Vec::with_capacity(1),
                }
            }
            Sink::Reader if !is_heard(py)? => Target::Nobody,
            Sink::Reader => Target::Logging {
                lines: Lines::new(&options.lines, Some(&place), agent),
                made: Vec::new(),
                figures: Figures::default(),
            },
        };
        if matches!(target, Target::Nobody) && spans.is_none() {
            return Ok(None);
        }
        Ok(Some(Log {
            keys: Keys::read(&plan.config).map_err(|error| PyValueError::new_err(error.to_string()))?,
            headers: Headers::of(machine, options.lines, spans),
            target,
        }))
    }

    /// Logs an event of a key. Says what users should know, if there is something.
    pub(super) fn processed(&mut self, key: KeySlot, machine: &Machine<Routes>, attributes: &[u8]) -> Option<String> {
        let entry = self.headers.entry(key, machine)?;
        self.log(entry, attributes)
    }

    /// Whether there are records of executions, too.
    pub(super) fn traces(&self) -> bool {
        self.headers.traces()
    }

    /// The machine gives out an effect: logs the action that begins with it.
    pub(super) fn effect(&mut self, effect: &Effect, machine: &Machine<Routes>) -> Option<String> {
        let entry = self.headers.effect(effect, machine)?;
        self.log(entry, &[])
    }

    /// An action has ended well, or has failed with a text that has its traceback.
    pub(super) fn ended(&mut self, task: TaskId, failure: Option<&str>) -> Option<String> {
        let problem = failure.map(|text| Problem::of_traceback(text, Some(ACTION_FAILED.to_owned())));
        let entry = self.headers.ended(task, problem.as_ref())?;
        self.log(entry, &[])
    }

    /// Whether live spans are sent.
    pub(super) fn has_spans(&self) -> bool {
        self.headers.has_spans()
    }

    /// Something begins or ends inside an action, as [`Headers::reported`] takes it.
    pub(super) fn reported(&mut self, task: TaskId, status: u8, what: &[u8]) -> Result<Option<String>, ValueError> {
        let entry = self.headers.reported(task, status, what)?;
        Ok(entry.and_then(|entry| self.log(entry, &[])))
    }

    /// An input that is still to be processed may name the span that it comes from.
    pub(super) fn input(&mut self, event: EventId, attributes: &[u8]) {
        if self.headers.has_spans()
            && let Some(traceparent) = traceparent_of(attributes)
        {
            self.headers.origin(event, &traceparent);
        }
    }

    /// A key has inputs now.
    pub(super) fn key(&mut self, key: KeySlot, text: &str) {
        // In front of the text stands a letter for its type.
        let plain = text.split_once(':').map_or(text, |(_, plain)| plain);
        let shown = self.keys.show(plain);
        self.headers.key(key, shown.as_deref());
    }

    fn log(&mut self, entry: Entry, attributes: &[u8]) -> Option<String> {
        match &mut self.target {
            Target::File { log, entry: one } => {
                one.push(entry);
                log.append(one, attributes).then(|| log.report()).flatten()
            }
            Target::Logging { lines, made, figures } => {
                let mut line = Vec::new();
                match lines.write(&entry, attributes, &mut line) {
                    Ok((_, cut)) => {
                        figures.written += 1;
                        figures.truncated += u64::from(cut);
                        made.push(String::from_utf8_lossy(&line).into_owned());
                    }
                    Err(error) => {
                        figures.failures += 1;
                        return Some(format!("An event is missing in the event log: {error}"));
                    }
                }
                None
            }
            Target::Own { entries, .. } => {
                entries.push_back((entry, attributes.to_vec()));
                None
            }
            Target::Nobody => None,
        }
    }

    /// What the user's own logger is to be told next.
    pub(super) fn next_own<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Target::Own { agent, entries } = &mut self.target else {
            return Ok(None);
        };
        let Some((entry, attributes)) = entries.pop_front() else {
            return Ok(None);
        };
        let known = if entry.context.is_some() || entry.lifecycle.is_some() {
            let mut bytes = Vec::new();
            value::encode(&entry.to_value(agent), &mut bytes)
                .map_err(|error| PyValueError::new_err(error.to_string()))?;
            Some(read(py, &bytes)?.cast_into::<PyDict>()?)
        } else {
            None
        };
        let of_record = match &known {
            Some(known) => known.get_item("attributes")?,
            None => None,
        };
        let (upstream, action) = match &entry.upstream {
            Some((event, action)) => (Some(uuid::to_int(py, event.0)?.into_any()), action.as_deref()),
            None => (None, None),
        };
        let told = Told {
            logged: true,
            micros: entry.time.0.unsigned_abs() * 1_000_000 + u64::from(entry.time.1 / 1000),
            event: uuid::to_int(py, entry.id.0)?.into_any(),
            kind: PyString::new(py, &entry.event_type),
            attributes: match of_record {
                Some(attributes) => attributes,
                None => read(py, &attributes)?,
            },
            upstream,
            action: action.map(|name| PyString::new(py, name)),
            trace: known.map(Bound::into_any),
        };
        told.into_step(py).map(Some)
    }

    /// What happened to events so far. What a logger of the user's own does not take is counted where it is called.
    pub(super) fn figures(&self) -> Figures {
        match &self.target {
            Target::File { log, .. } => log.figures(),
            Target::Logging { figures, .. } => *figures,
            Target::Own { .. } | Target::Nobody => Figures::default(),
        }
    }

    /// A line that counted as written was not taken. Says what users should know, if it is the first.
    fn lost(&mut self, reason: &PyErr) -> Option<String> {
        let Target::Logging { figures, .. } = &mut self.target else {
            return None;
        };
        figures.written -= 1;
        figures.failures += 1;
        (figures.failures == 1).then(|| {
            format!(
                "A handler of logger {LOGGER} did not take a line of the event log: {reason}. The run goes on; events that are missing in the log are counted by eventLogWriteFailures. Mend the handler, or set event-log.level: OFF"
            )
        })
    }

    /// Live spans that were sent, and those that are lost; nothing if there are none.
    pub(super) fn spans(&self) -> Option<(u64, u64)> {
        let figures = self.headers.exporter()?.figures();
        Some((figures.sent, figures.dropped))
    }

    /// Whether lines should be told now.
    pub(super) fn is_full(&self) -> bool {
        matches!(&self.target, Target::Logging { made, .. } if made.len() >= MOST)
    }

    /// Lines for Python's logging, which were not told yet.
    pub(super) fn take(&mut self) -> Vec<String> {
        match &mut self.target {
            Target::Logging { made, .. } => std::mem::take(made),
            Target::File { .. } | Target::Own { .. } | Target::Nobody => Vec::new(),
        }
    }

    /// What users should know, once.
    pub(super) fn report(&self) -> Option<String> {
        match &self.target {
            Target::File { log, .. } => log.report(),
            Target::Logging { .. } | Target::Own { .. } | Target::Nobody => None,
        }
    }

    /// The same of the sending of spans.
    pub(super) fn spans_reports(&self) -> impl Iterator<Item = String> {
        std::iter::from_fn(|| self.headers.spans_report())
    }

    /// Waits, for a bounded time, until a file has all lines. Says what users should know, if there is something.
    pub(super) fn close(&mut self, py: Python<'_>) -> Vec<String> {
        let headers = &mut self.headers;
        py.detach(|| headers.end_spans(SPANS_PATIENCE));
        let mut reports: Vec<String> = self.spans_reports().collect();
        reports.extend(self.close_target(py));
        reports
    }

    fn close_target(&self, py: Python<'_>) -> Option<String> {
        match &self.target {
            Target::File { log, .. } => {
                let ended = py.detach(|| log.close(PATIENCE));
                log.report()
                    .or_else(|| (!ended).then(|| "The event log was not written to its end in time".to_owned()))
            }
            Target::Logging { .. } | Target::Own { .. } | Target::Nobody => None,
        }
    }

    /// The numbers of these texts may be given out again.
    pub(super) fn forget(&mut self, freed: &[Symbol]) {
        self.headers.forget(freed);
    }
}

/// Whether the plan names a logger of the user's own.
fn names_logger(plan: &AgentPlan) -> PyResult<bool> {
    let name = plan.config.get_text("event-logger");
    let name = name.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(name.is_some_and(|name| !name.trim().is_empty()))
}

/// Whether the plan names listeners.
pub(super) fn names_listeners(plan: &AgentPlan) -> PyResult<bool> {
    let names = plan.config.get_list("event-listeners");
    let names = names.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(names.is_some_and(|names| names.iter().any(|name| !name.trim().is_empty())))
}

/// What listeners are to be told of an event that is processed now.
pub(super) struct Heard {
    micros: u64,
    event: EventData,
}

impl Heard {
    pub(super) fn of(py: Python<'_>, event: &EventData) -> Heard {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Heard {
            micros: now.as_micros() as u64,
            event: EventData {
                id: event.id.clone_ref(py),
                event_type: event.event_type.clone_ref(py),
                attributes: event.attributes.clone(),
                upstream: event.upstream.as_ref().map(|(id, action)| (id.clone_ref(py), *action)),
            },
        }
    }

    pub(super) fn into_step<'py>(self, py: Python<'py>, action_names: &[Py<PyString>]) -> PyResult<Bound<'py, PyAny>> {
        let action = |number: usize| action_names.get(number).map(|name| name.bind(py).clone());
        let told = Told {
            logged: false,
            micros: self.micros,
            attributes: read(py, &self.event.attributes)?,
            event: self.event.id.into_bound(py),
            kind: self.event.event_type.into_bound(py),
            action: self
                .event
                .upstream
                .as_ref()
                .and_then(|(_, by)| action(usize::from(by.0))),
            upstream: self.event.upstream.map(|(id, _)| id.into_bound(py)),
            trace: None,
        };
        told.into_step(py)
    }
}

/// Whether anybody would see lines.
fn is_heard(py: Python<'_>) -> PyResult<bool> {
    let logging = py.import("logging")?;
    let logger = logging.call_method1("getLogger", (LOGGER,))?;
    logger
        .call_method1("isEnabledFor", (logging.getattr("INFO")?,))?
        .extract()
}

/// Tells Python's logging, whose handlers may come back here: nothing may be borrowed. What they do not take is counted.
pub(super) fn tell(local: &Bound<'_, Local>) -> PyResult<()> {
    let lines = local.borrow_mut().log.as_mut().map(Log::take).unwrap_or_default();
    if lines.is_empty() {
        return Ok(());
    }
    let py = local.py();
    let logger = py.import("logging")?.call_method1("getLogger", (LOGGER,))?;
    for line in lines {
        if let Err(error) = logger.call_method1("info", ("%s", PyString::new(py, &line))) {
            if !error.is_instance_of::<PyException>(py) {
                return Err(error);
            }
            let mut local = local.borrow_mut();
            let warning = local.log.as_mut().and_then(|log| log.lost(&error));
            local.warnings.extend(warning);
        }
    }
    Ok(())
}
