//! What hosts know of a processed event before they look at its attributes, and records of executions.

use crate::otlp::{Exporter, Spans};
use flink_agents_core::event_log::{
    CALL, CallReport, Chance, Entry, Level, Levels, Problem, Report, Settings, Status, Trace,
};
use flink_agents_core::ids::{ActionId, EventId, KeySlot, Symbol, TaskId};
use flink_agents_core::run::{Effect, Machine, Router};
use flink_agents_core::value::{Value, ValueError};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Makes entries of what a machine says of processed events, and of executions if there is to be a trace. For the thread of the
/// machine.
#[derive(Debug)]
pub struct Headers {
    levels: Levels,
    actions: Vec<Arc<str>>,
    /// Nothing without a trace.
    trace: Option<Trace>,
    /// Whether the log has the trace, too.
    logs_trace: bool,
    /// Where the trace goes live.
    spans: Option<Spans>,
    ids: Ids,
}

impl Headers {
    /// For the events of a machine, which tells of them from now on.
    pub fn of<R: Router>(machine: &mut Machine<R>, settings: Settings, spans: Option<Spans>) -> Headers {
        machine.observe_events();
        let router = machine.router();
        let names = (0..router.action_count()).map(|index| Arc::from(router.action_name(ActionId(index as u16))));
        Headers {
            trace: (settings.trace || spans.is_some()).then(Trace::default),
            logs_trace: settings.trace,
            spans,
            levels: Levels::new(settings),
            actions: names.collect(),
            ids: Ids::default(),
        }
    }

    /// Whether [`Headers::effect`] and what comes after it have anything to say.
    pub fn traces(&self) -> bool {
        self.trace.is_some()
    }

    /// Whether the log has what they say.
    pub fn logs_trace(&self) -> bool {
        self.logs_trace
    }

    /// The entry of the event that is processed now, one of this key; nothing if it is not to be logged.
    pub fn entry<R: Router>(&mut self, key: KeySlot, machine: &Machine<R>) -> Option<Entry> {
        let event = machine.observed()?;
        let context = self
            .trace
            .as_mut()
            .map(|trace| trace.of_event(key, event, &mut self.ids));
        if let (Some(spans), Some(context), None) = (&mut self.spans, &context, event.lineage) {
            spans.run_begins(event.id, context, now());
        }
        let (level, event_type) = self.levels.of(event.event_type, machine.symbols());
        if level == Level::Off {
            return None;
        }
        let action = |action: ActionId| self.actions.get(usize::from(action.0)).cloned();
        Some(Entry {
            time: now(),
            level,
            id: event.id,
            event_type: Arc::clone(event_type),
            upstream: event.lineage.map(|(id, by)| (id, action(by))),
            context: context.filter(|_| self.logs_trace),
            lifecycle: None,
        })
    }

    /// The numbers of these texts may be given out again.
    pub fn forget(&mut self, freed: &[Symbol]) {
        self.levels.forget(freed);
    }

    /// The text that a key's runs are shown with in the trace from now on.
    pub fn key(&mut self, key: KeySlot, text: Option<&str>) {
        if let Some(trace) = &mut self.trace {
            trace.key(key, text.map(Arc::from));
        }
    }

    /// An effect is given out: the record of the action that begins with it, if one does.
    pub fn effect<R: Router>(&mut self, effect: &Effect, machine: &Machine<R>) -> Option<Entry> {
        let trace = self.trace.as_mut()?;
        let (key, task, action, status) = match effect {
            Effect::RunAction { task, key, action, .. } => (*key, *task, *action, Status::Started),
            Effect::Replay { task, key, action, .. } => (*key, *task, *action, Status::Reused),
            Effect::RunEnded { key, idle, .. } => {
                if let (Some(run), Some(spans)) = (trace.run_ended(*key, *idle), &mut self.spans) {
                    spans.run_ended(run, now());
                }
                return None;
            }
            _ => return None,
        };
        let name = self.actions.get(usize::from(action.0))?;
        let trigger = machine.trigger_of(task).ok();
        let entry = trace.action((key, task), name, trigger, status, (&self.levels, &mut self.ids));
        self.told(entry, &Value::Null)
    }

    /// What of it the log gets.
    fn told(&mut self, entry: Entry, details: &Value) -> Option<Entry> {
        if let Some(spans) = &mut self.spans {
            spans.execution(&entry, details);
        }
        (self.logs_trace && entry.level != Level::Off).then_some(entry)
    }

    /// The record of an action that has ended well, or has failed.
    pub fn ended(&mut self, task: TaskId, problem: Option<&Problem>) -> Option<Entry> {
        let trace = self.trace.as_mut()?;
        let entry = trace.action_ended(task, problem, (&self.levels, &mut self.ids))?;
        self.told(entry, &Value::Null)
    }

    /// The record of what the host says of an action, or of something inside of one; durable calls have none. `status` and `what` are
    /// as [`Report::read`] takes them, or [`CALL`] and as [`CallReport::read`] takes it.
    ///
    /// # Errors
    /// When `what` cannot be read.
    pub fn reported(&mut self, task: TaskId, status: u8, what: &[u8]) -> Result<Option<Entry>, ValueError> {
        let Some(trace) = &mut self.trace else {
            return Ok(None);
        };
        if status == CALL {
            if let Some(spans) = &mut self.spans {
                let call = CallReport::read(what)?;
                if let Some(context) = trace.of_action(task, &mut self.ids) {
                    spans.call(&context, self.ids.id(), call);
                }
            }
            return Ok(None);
        }
        let mut report = Report::read(status, what)?;
        let details = std::mem::replace(&mut report.details, Value::Null);
        let entry = trace.reported(task, report, (&self.levels, &mut self.ids));
        Ok(entry.and_then(|entry| self.told(entry, &details)))
    }

    /// An input that is still to be processed names the span that it comes from.
    pub fn origin(&mut self, event: EventId, traceparent: &str) {
        if let Some(spans) = &mut self.spans {
            spans.input(event, traceparent);
        }
    }

    /// Whether the trace goes live.
    pub fn has_spans(&self) -> bool {
        self.spans.is_some()
    }

    /// Who sends it there.
    pub fn exporter(&self) -> Option<&Arc<Exporter>> {
        self.spans.as_ref().map(Spans::exporter)
    }

    /// Something that who runs the job should know of the sending of spans, once; there may be more.
    pub fn spans_report(&self) -> Option<String> {
        self.spans.as_ref()?.exporter().report()
    }

    /// The task ends: sends what is left, for a bounded time.
    pub fn end_spans(&mut self, patience: Duration) {
        if let Some(spans) = &mut self.spans {
            spans.end(now());
            spans.exporter().close(patience);
        }
    }
}

/// Ids as random UUIDs (version 4): not for secrets.
#[derive(Debug, Default)]
struct Ids {
    /// Seeded by the system.
    seed: RandomState,
    count: u64,
}

impl Ids {
    fn half(&mut self) -> u64 {
        self.count += 1;
        let mut hasher = self.seed.build_hasher();
        hasher.write_u64(self.count);
        hasher.finish()
    }
}

impl Chance for Ids {
    fn id(&mut self) -> u128 {
        let bits = u128::from(self.half()) << 64 | u128::from(self.half());
        let version = bits & !(0xf << 76) | 4 << 76;
        version & !(3 << 62) | 2 << 62
    }

    fn now(&mut self) -> (i64, u32) {
        now()
    }
}

fn now() -> (i64, u32) {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        // Microseconds, as Java's clock has them.
        Ok(time) => (time.as_secs() as i64, time.subsec_micros() * 1000),
        Err(_) => (0, 0),
    }
}
