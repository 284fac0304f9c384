//! Spans of what the execution trace observes. A run is the root, or the child of the span that its input names by `traceparent`;
//! actions are below their run, and what they report below them, and so are their durable calls.
//!
//! *Owned state*: what has begun and not ended. *Constraint*: for the thread of the machine.

use super::Exporter;
use flink_agents_core::config::ConfigMap;
use flink_agents_core::event_log::{CallReport, Context, Entry, Place, Status};
use flink_agents_core::ids::EventId;
use flink_agents_core::value::{Value, decode};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Inputs that have said where they come from and have not begun.
const MOST_PARENTS: usize = 100_000;

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attribute {
    Text(Arc<str>),
    Bool(bool),
    Int(i64),
}

/// Kind of a span, as OTLP numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Internal = 1,
    Client = 3,
    Consumer = 5,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) error_type: String,
    pub(crate) message: String,
}

/// A span that has ended. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) trace: u128,
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
    pub(crate) failed: Option<Failed>,
}

/// What an input says of the span that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parent {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl Parent {
    /// Reads a `traceparent` of W3C Trace Context.
    fn parse(text: &str) -> Option<Parent> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_whole = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
        // Later versions may have more parts.
        if !is_whole || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let parent = Parent {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        };
        (parent.trace != 0 && parent.span != 0).then_some(parent)
    }
}

struct Run {
    start: u64,
    parent: Option<Parent>,
    key: Option<Arc<str>>,
    failed: Option<Failed>,
    replayed: bool,
}

/// See the head of the file.
pub struct Spans {
    exporter: Arc<Exporter>,
    agent: Arc<str>,
    parents: FxHashMap<EventId, Parent>,
    runs: FxHashMap<u128, Run>,
    /// When executions began.
    begun: FxHashMap<u128, u64>,
}

impl std::fmt::Debug for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spans")
            .field("runs", &self.runs.len())
            .finish_non_exhaustive()
    }
}

fn nanos((seconds, nanos): (i64, u32)) -> u64 {
    u64::try_from(seconds).unwrap_or(0) * 1_000_000_000 + u64::from(nanos)
}

/// Half of a random id. A UUID's fixed bits are in its other parts.
fn span_id(id: u128) -> u64 {
    ((id >> 64) as u64 ^ id as u64).max(1)
}

impl Spans {
    /// Spans of an agent.
    pub fn new(exporter: Arc<Exporter>, agent: &str) -> Spans {
        Spans {
            exporter,
            agent: agent.into(),
            parents: FxHashMap::default(),
            runs: FxHashMap::default(),
            begun: FxHashMap::default(),
        }
    }

    /// Those of an agent whose configuration names an endpoint; nothing if it names none.
    ///
    /// # Errors
    /// When an option is wrong, a secret is not where it should be, or there is no thread to send with.
    pub fn open(config: &ConfigMap, place: &Place, agent: &str) -> Result<Option<Spans>, String> {
        let Some(receiver) = super::endpoint::Receiver::of(config)? else {
            return Ok(None);
        };
        let exporter = Exporter::open(receiver, place, agent);
        let exporter = exporter.map_err(|error| format!("Spans have no thread to be sent with: {error}"))?;
        Ok(Some(Spans::new(Arc::new(exporter), agent)))
    }

    /// Who sends them.
    pub fn exporter(&self) -> &Arc<Exporter> {
        &self.exporter
    }

    /// An input names the span that it comes from. What is no `traceparent` says nothing.
    pub fn input(&mut self, event: EventId, traceparent: &str) {
        if let Some(parent) = Parent::parse(traceparent)
            && self.parents.len() < MOST_PARENTS
        {
            self.parents.insert(event, parent);
        }
    }

    /// An input is processed now: its run begins.
    pub fn run_begins(&mut self, event: EventId, context: &Context, now: (i64, u32)) {
        let parent = self.parents.remove(&event);
        let run = self.run(context, now);
        run.parent = run.parent.or(parent);
    }

    fn run(&mut self, context: &Context, now: (i64, u32)) -> &mut Run {
        self.runs.entry(context.run).or_insert_with(|| Run {
            start: nanos(now),
            parent: None,
            key: context.key.clone(),
            failed: None,
            replayed: false,
        })
    }

    /// A record of an execution, and what its host says of its end besides.
    pub fn execution(&mut self, entry: &Entry, details: &Value) {
        let (Some(context), Some(lifecycle)) = (&entry.context, &entry.lifecycle) else {
            return;
        };
        let Some(execution) = &context.execution else { return };
        let now = nanos(entry.time);
        self.run(context, entry.time);
        let begun = match lifecycle.status {
            Status::Started => {
                self.begun.insert(execution.id, now);
                return;
            }
            Status::Reused => now,
            Status::Success | Status::Failed => self.begun.remove(&execution.id).unwrap_or(now),
        };
        let replayed = lifecycle.status == Status::Reused || field(details, "replayed") == Some(&Value::Bool(true));
        // The time it took to find it in the journal is not that of the call.
        let start = if replayed { now } else { begun };
        let failed = (lifecycle.status == Status::Failed).then(|| failure_of(&lifecycle.attributes));
        let agent = Arc::clone(&self.agent);
        let Some(run) = self.runs.get_mut(&context.run) else {
            return;
        };
        run.replayed |= replayed;
        if execution.parent.is_none() && failed.is_some() {
            run.failed.clone_from(&failed);
        }
        if run.parent.is_some_and(|parent| !parent.sampled) {
            return;
        }
        let (name, kind, mut attributes) = described(&execution.entity_type, &execution.name, &execution.metadata);
        if &*execution.entity_type == "llm" {
            attributes.extend(usage_of(details, replayed));
        }
        attributes.push(("gen_ai.agent.name", Attribute::Text(agent)));
        if replayed {
            attributes.push(("flink_agents.replayed", Attribute::Bool(true)));
        }
        if let Some(problem) = &lifecycle.problem {
            attributes.push((
                "flink_agents.problem_category",
                Attribute::Text(problem.as_str().into()),
            ));
        }
        if let Some(failed) = &failed {
            attributes.push(("error.type", Attribute::Text(failed.error_type.as_str().into())));
        }
        let span = Span {
            trace: run.parent.map_or(context.run, |parent| parent.trace),
            id: span_id(execution.id),
            parent: Some(span_id(execution.parent.unwrap_or(context.run))),
            name,
            kind,
            start,
            end: now.max(start),
            attributes,
            failed,
        };
        self.exporter.put(span);
    }

    /// A durable call of the action that `context` names is over.
    pub fn call(&mut self, context: &Context, id: u128, call: CallReport) {
        let Some(action) = &context.execution else { return };
        let time = |micros: i64| u64::try_from(micros).unwrap_or(0) * 1000;
        let (start, end) = (time(call.start), time(call.end));
        let agent = Arc::clone(&self.agent);
        let run = self.run(
            context,
            ((start / 1_000_000_000) as i64, (start % 1_000_000_000) as u32),
        );
        run.replayed |= call.replayed;
        if run.parent.is_some_and(|parent| !parent.sampled) {
            return;
        }
        let trace = run.parent.map_or(context.run, |parent| parent.trace);
        let failed = call.problem.map(|problem| Failed {
            error_type: problem.error_type,
            message: problem.error_message.unwrap_or_default(),
        });
        let mut attributes = vec![
            ("flink_agents.call", Attribute::Text(call.function.as_str().into())),
            ("flink_agents.call.number", Attribute::Int(call.number)),
            ("gen_ai.agent.name", Attribute::Text(agent)),
        ];
        if call.replayed {
            attributes.push(("flink_agents.replayed", Attribute::Bool(true)));
        }
        if let Some(failed) = &failed {
            attributes.push(("error.type", Attribute::Text(failed.error_type.as_str().into())));
        }
        self.exporter.put(Span {
            trace,
            id: span_id(id),
            parent: Some(span_id(action.id)),
            name: format!("call {}", call.function),
            kind: Kind::Internal,
            start,
            end: if call.replayed { start } else { end.max(start) },
            attributes,
            failed,
        });
    }

    /// A run has ended.
    pub fn run_ended(&mut self, run: u128, now: (i64, u32)) {
        if let Some(ended) = self.runs.remove(&run) {
            self.put_run(run, ended, nanos(now), false);
        }
    }

    fn put_run(&self, id: u128, run: Run, now: u64, unfinished: bool) {
        if run.parent.is_some_and(|parent| !parent.sampled) {
            return;
        }
        let mut attributes = vec![
            ("gen_ai.operation.name", Attribute::Text("invoke_agent".into())),
            ("gen_ai.agent.name", Attribute::Text(Arc::clone(&self.agent))),
        ];
        if let Some(key) = &run.key {
            attributes.push(("flink_agents.key", Attribute::Text(Arc::clone(key))));
        }
        for (name, flag) in [
            ("flink_agents.replayed", run.replayed),
            ("flink_agents.unfinished", unfinished),
        ] {
            if flag {
                attributes.push((name, Attribute::Bool(true)));
            }
        }
        let failed = if unfinished { run.failed } else { None };
        self.exporter.put(Span {
            trace: run.parent.map_or(id, |parent| parent.trace),
            id: span_id(id),
            parent: run.parent.map(|parent| parent.span),
            name: format!("invoke_agent {}", self.agent),
            kind: Kind::Consumer,
            start: run.start,
            end: now.max(run.start),
            attributes,
            failed,
        });
    }

    /// The task ends: runs that go on are shown as far as they have come.
    pub fn end(&mut self, now: (i64, u32)) {
        for (id, run) in std::mem::take(&mut self.runs) {
            self.put_run(id, run, nanos(now), true);
        }
    }
}

fn failure_of(attributes: &[u8]) -> Failed {
    let Ok(Value::Map(fields)) = decode(attributes) else {
        return Failed {
            error_type: String::new(),
            message: String::new(),
        };
    };
    let field = |name: &str| match fields.iter().find(|(key, _)| key == name) {
        Some((_, Value::Text(text))) => text.clone(),
        _ => String::new(),
    };
    Failed {
        error_type: field("errorType"),
        message: field("errorMessage"),
    }
}

fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    match map {
        Value::Map(fields) => fields.iter().find_map(|(key, value)| (key == name).then_some(value)),
        _ => None,
    }
}

/// Who answered a model call, and for how many tokens. The tokens of a replayed one are those of the span of the call that was made.
fn usage_of(details: &Value, replayed: bool) -> impl Iterator<Item = (&'static str, Attribute)> {
    let provider = match field(details, "provider") {
        Some(Value::Text(provider)) => Some(Attribute::Text(provider_name(provider).into())),
        _ => None,
    };
    let tokens = |name: &str| match field(details, name) {
        Some(Value::I64(tokens)) if !replayed => Some(Attribute::Int(*tokens)),
        Some(Value::I32(tokens)) if !replayed => Some(Attribute::Int(i64::from(*tokens))),
        _ => None,
    };
    let named = [
        ("gen_ai.provider.name", provider),
        ("gen_ai.usage.input_tokens", tokens("inputTokens")),
        ("gen_ai.usage.output_tokens", tokens("outputTokens")),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// What the GenAI conventions call a provider of the native clients; others are called as they call themselves.
fn provider_name(provider: &str) -> &str {
    match provider {
        "openai-responses" => "openai",
        "azure-openai" => "azure.ai.openai",
        "gemini" => "gcp.gemini",
        other => other,
    }
}

type Described = (String, Kind, Vec<(&'static str, Attribute)>);

/// Name, kind and attributes of an execution, by the GenAI conventions where it is a call of a model or a tool.
fn described(entity_type: &str, name: &str, metadata: &Value) -> Described {
    let text = |text: &str| Attribute::Text(text.into());
    let known = |field: &str| match metadata {
        Value::Map(fields) => fields.iter().find_map(|(key, value)| match value {
            Value::Text(text) if key == field => Some(text.as_str()),
            _ => None,
        }),
        _ => None,
    };
    match entity_type {
        "action" => (
            format!("action {name}"),
            Kind::Internal,
            vec![("flink_agents.action", text(name))],
        ),
        "llm" => {
            let model = known("model").unwrap_or(name);
            let attributes = vec![
                ("gen_ai.operation.name", text("chat")),
                ("gen_ai.request.model", text(model)),
                ("flink_agents.resource", text(name)),
            ];
            (format!("chat {model}"), Kind::Client, attributes)
        }
        "tool" => {
            let mut attributes = vec![
                ("gen_ai.operation.name", text("execute_tool")),
                ("gen_ai.tool.name", text(name)),
            ];
            for (field, attribute) in [("toolCallId", "gen_ai.tool.call.id"), ("toolType", "gen_ai.tool.type")] {
                attributes.extend(known(field).map(|value| (attribute, text(value))));
            }
            (format!("execute_tool {name}"), Kind::Internal, attributes)
        }
        _ => (
            format!("{entity_type} {name}"),
            Kind::Internal,
            vec![
                ("flink_agents.entity_type", text(entity_type)),
                ("flink_agents.entity_name", text(name)),
            ],
        ),
    }
}

/// The `traceparent` of an input event, if its value is a map that has one: `attributes` are encoded without a version byte.
pub fn traceparent_of(attributes: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"traceparent";
    // Nearly always there is none, and this is all that it costs.
    if !attributes.windows(NAME.len()).any(|part| part == NAME) {
        return None;
    }
    let field = |value: Value, name: &str| match value {
        Value::Map(fields) => fields
            .into_iter()
            .find_map(|(key, value)| (key == name).then_some(value)),
        _ => None,
    };
    match field(field(decode(attributes).ok()?, "input")?, "traceparent")? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
