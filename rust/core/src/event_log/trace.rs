//! The execution trace: which run an event belongs to, which execution has sent it, and records of executions themselves.
//!
//! *Owned state*: runs by their key while they go on, executions of actions until their run ends. *Lifecycle*: a run begins with its
//! input event, or with the first that is heard of it after a restore. Ids come from the host: there is no chance here.

use super::Levels;
use super::line::{Context, Entry, Execution, Lifecycle};
use crate::ids::{EventId, KeySlot, TaskId};
use crate::run::Observed;
use crate::value::{Value, ValueError, decode, encode};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What becomes of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It begins.
    Started,
    /// It has ended well.
    Success,
    /// It has failed.
    Failed,
    /// It is not made: what it brought is in the journal.
    Reused,
}

impl Status {
    /// As records show it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Started => "started",
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Reused => "reused",
        }
    }

    /// Type of the records that say so.
    pub fn event_type(self) -> &'static str {
        match self {
            Status::Started => "_execution_started_event",
            Status::Success => "_execution_finished_event",
            Status::Failed => "_execution_failed_event",
            Status::Reused => "_execution_reused_event",
        }
    }
}

/// Why an execution has failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// Kind of failure, such as `action_execution_failed`.
    pub category: Option<String>,
    /// Class of the innermost error.
    pub error_type: String,
    /// Its message.
    pub error_message: Option<String>,
}

impl Problem {
    /// What a text with a Python traceback says of the error that was raised first. Without one the text is the message.
    pub fn of_traceback(text: &str, category: Option<String>) -> Problem {
        let mut lines = text.lines().skip_while(|line| !line.starts_with("Traceback ("));
        lines.next();
        let raised = lines.find(|line| !line.is_empty() && !line.starts_with(' '));
        let (error_type, message) = match raised {
            None => ("", Some(text)),
            Some(raised) => match raised.split_once(": ") {
                Some((error_type, message)) => (error_type, Some(message)),
                None => (raised, None),
            },
        };
        Problem {
            category,
            error_type: error_type.to_owned(),
            error_message: message.map(str::to_owned),
        }
    }
}

/// Something that an action executes: a model call, a tool, what users like to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// What it is, such as `tool`.
    pub entity_type: String,
    /// Its name.
    pub name: String,
    /// What tells it from others of that name: a map, or nothing.
    pub metadata: Value,
}

/// What a host says of an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What is executed inside the action; nothing for the action itself.
    pub entity: Option<Entity>,
    /// What became of it.
    pub status: Status,
    /// Why it has failed, if it has.
    pub problem: Option<Problem>,
    /// What live spans show of its end besides: a map, or nothing.
    pub details: Value,
}

impl Report {
    /// Reads an encoded list: type and name of what is executed inside the action, null for the action itself; metadata, a map or
    /// null; category, type and message of what went wrong, each or null; details for live spans, a map, null or left out. Without a
    /// type the message is a text with a Python traceback. `status` is 0 started, 1 success, 2 failed.
    ///
    /// # Errors
    /// When `what` cannot be read.
    pub fn read(status: u8, what: &[u8]) -> Result<Report, ValueError> {
        let mut parts = match decode(what)? {
            Value::List(parts) => parts.into_iter(),
            other => vec![other].into_iter(),
        };
        let text = |parts: &mut std::vec::IntoIter<Value>| match parts.next() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        };
        let (entity_type, name) = (text(&mut parts), text(&mut parts));
        let metadata = parts.next().unwrap_or(Value::Null);
        let status = match status {
            0 => Status::Started,
            1 => Status::Success,
            _ => Status::Failed,
        };
        let (category, error_type, error_message) = (text(&mut parts), text(&mut parts), text(&mut parts));
        let details = parts.next().unwrap_or(Value::Null);
        let problem = (status == Status::Failed).then(|| match error_type {
            Some(error_type) => Problem {
                category,
                error_type,
                error_message,
            },
            None => Problem::of_traceback(&error_message.unwrap_or_default(), category),
        });
        let entity = entity_type.map(|entity_type| Entity {
            entity_type,
            name: name.unwrap_or_default(),
            metadata,
        });
        Ok(Report {
            entity,
            status,
            problem,
            details,
        })
    }
}

/// In place of a status: what is reported is a [`CallReport`].
pub const CALL: u8 = 3;

/// A durable call of an action that is over. Told once, at its end: hosts whose code runs elsewhere are heard in batches, so
/// they say themselves when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallReport {
    /// Id of the function.
    pub function: String,
    /// How many calls of this execution of the action had begun before.
    pub number: i64,
    /// When it began, in microseconds since 1970.
    pub start: i64,
    /// When it ended.
    pub end: i64,
    /// It was not made: what it brought was in the journal.
    pub replayed: bool,
    /// Why it has failed, if it has.
    pub problem: Option<Problem>,
}

impl CallReport {
    /// Reads an encoded list: id of the function, number, start, end, whether it is replayed; type and message of what it threw, both
    /// null if it returned.
    ///
    /// # Errors
    /// When `what` cannot be read.
    pub fn read(what: &[u8]) -> Result<CallReport, ValueError> {
        let mut parts = match decode(what)? {
            Value::List(parts) => parts.into_iter(),
            other => vec![other].into_iter(),
        };
        let mut next = || parts.next().unwrap_or(Value::Null);
        let text = |value: Value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        };
        let number = |value: Value| match value {
            Value::I64(number) => number,
            Value::I32(number) => i64::from(number),
            Value::I16(number) => i64::from(number),
            Value::I8(number) => i64::from(number),
            _ => 0,
        };
        let function = text(next()).unwrap_or_default();
        let (place, start, end) = (number(next()), number(next()), number(next()));
        let replayed = next() == Value::Bool(true);
        let (error_type, error_message) = (text(next()), text(next()));
        let problem = error_type.map(|error_type| Problem {
            category: None,
            error_type,
            error_message,
        });
        Ok(CallReport {
            function,
            number: place,
            start,
            end,
            replayed,
            problem,
        })
    }
}

#[derive(Debug)]
struct Run {
    id: u128,
    tasks: Vec<TaskId>,
}

#[derive(Debug)]
struct Action {
    key: KeySlot,
    trigger: Option<EventId>,
    execution: Arc<Execution>,
    /// Executions inside of it that have begun.
    open: Vec<(Entity, Arc<Execution>)>,
}

/// Runs and executions that go on. What it tells has the level of its type, which may be [`super::Level::Off`].
#[derive(Debug, Default)]
pub struct Trace {
    runs: FxHashMap<KeySlot, Run>,
    actions: FxHashMap<TaskId, Action>,
    keys: FxHashMap<KeySlot, Arc<str>>,
}

/// What the host gives for each record.
pub trait Chance {
    /// A new random id.
    fn id(&mut self) -> u128;
    /// Seconds since 1970 and nanoseconds.
    fn now(&mut self) -> (i64, u32);
}

impl Trace {
    /// The text that records show of a key's runs from now on; nothing if keys are not shown.
    pub fn key(&mut self, key: KeySlot, text: Option<Arc<str>>) {
        match text {
            Some(text) => _ = self.keys.insert(key, text),
            None => _ = self.keys.remove(&key),
        }
    }

    fn run(&mut self, key: KeySlot, chance: &mut impl Chance) -> &mut Run {
        self.runs.entry(key).or_insert_with(|| Run {
            id: chance.id(),
            tasks: Vec::new(),
        })
    }

    fn context(&mut self, key: KeySlot, execution: Option<Arc<Execution>>, chance: &mut impl Chance) -> Box<Context> {
        Box::new(Context {
            run: self.run(key, chance).id,
            key: self.keys.get(&key).cloned(),
            execution,
        })
    }

    /// Where an event belongs that is processed now: to the execution that has sent it, or to the run alone.
    pub fn of_event(&mut self, key: KeySlot, event: &Observed, chance: &mut impl Chance) -> Box<Context> {
        let sender = event.sender.and_then(|task| self.actions.get(&task));
        let execution = sender.map(|action| Arc::clone(&action.execution));
        self.context(key, execution, chance)
    }

    /// An action begins, or is not run again.
    pub fn action(
        &mut self,
        (key, task): (KeySlot, TaskId),
        name: &Arc<str>,
        trigger: Option<EventId>,
        status: Status,
        (levels, chance): (&Levels, &mut impl Chance),
    ) -> Entry {
        let execution = Arc::new(Execution {
            id: chance.id(),
            parent: None,
            entity_type: "action".into(),
            name: Arc::clone(name),
            metadata: Value::Null,
        });
        self.run(key, chance).tasks.push(task);
        let action = Action {
            key,
            trigger,
            execution: Arc::clone(&execution),
            open: Vec::new(),
        };
        self.actions.insert(task, action);
        let context = self.context(key, Some(execution), chance);
        entry(status, None, context, trigger, levels, chance)
    }

    /// An action has ended.
    pub fn action_ended(
        &mut self,
        task: TaskId,
        problem: Option<&Problem>,
        (levels, chance): (&Levels, &mut impl Chance),
    ) -> Option<Entry> {
        let action = self.actions.get(&task)?;
        let (key, trigger, execution) = (action.key, action.trigger, Arc::clone(&action.execution));
        let status = if problem.is_some() {
            Status::Failed
        } else {
            Status::Success
        };
        let context = self.context(key, Some(execution), chance);
        Some(entry(status, problem, context, trigger, levels, chance))
    }

    /// Where something belongs that happens inside an action: to its execution.
    pub fn of_action(&mut self, task: TaskId, chance: &mut impl Chance) -> Option<Box<Context>> {
        let action = self.actions.get(&task)?;
        let (key, execution) = (action.key, Arc::clone(&action.execution));
        Some(self.context(key, Some(execution), chance))
    }

    /// What a host says of an action, or of something inside of one.
    pub fn reported(
        &mut self,
        task: TaskId,
        report: Report,
        (levels, chance): (&Levels, &mut impl Chance),
    ) -> Option<Entry> {
        let problem = report.problem.as_ref();
        match report.entity {
            None => self.action_ended(task, problem, (levels, chance)),
            Some(entity) => self.inside(task, entity, report.status, problem, (levels, chance)),
        }
    }

    /// Something begins or ends inside an action. An end belongs to the last begin of the same entity that has none yet.
    pub fn inside(
        &mut self,
        task: TaskId,
        entity: Entity,
        status: Status,
        problem: Option<&Problem>,
        (levels, chance): (&Levels, &mut impl Chance),
    ) -> Option<Entry> {
        let action = self.actions.get_mut(&task)?;
        let begun = match status {
            Status::Started => None,
            _ => action.open.iter().rposition(|(other, _)| *other == entity),
        };
        let execution = match begun {
            Some(place) => action.open.remove(place).1,
            None => {
                let execution = Arc::new(Execution {
                    id: chance.id(),
                    parent: Some(action.execution.id),
                    entity_type: entity.entity_type.as_str().into(),
                    name: entity.name.as_str().into(),
                    metadata: entity.metadata.clone(),
                });
                if status == Status::Started {
                    action.open.push((entity, Arc::clone(&execution)));
                }
                execution
            }
        };
        let key = action.key;
        let context = self.context(key, Some(execution), chance);
        Some(entry(status, problem, context, None, levels, chance))
    }

    /// A run has ended: nothing of it comes any more. Returns its id.
    pub fn run_ended(&mut self, key: KeySlot, idle: bool) -> Option<u128> {
        let ended = self.runs.remove(&key);
        for task in ended.iter().flat_map(|run| &run.tasks) {
            self.actions.remove(task);
        }
        if idle {
            self.keys.remove(&key);
        }
        ended.map(|run| run.id)
    }
}

fn entry(
    status: Status,
    problem: Option<&Problem>,
    context: Box<Context>,
    trigger: Option<EventId>,
    levels: &Levels,
    chance: &mut impl Chance,
) -> Entry {
    let level = levels.settings().level(status.event_type());
    let mut attributes = Vec::new();
    if let Some(problem) = problem {
        let message = problem.error_message.as_deref().map_or(Value::Null, Value::from);
        let error = vec![
            ("errorType".to_owned(), Value::from(problem.error_type.as_str())),
            ("errorMessage".to_owned(), message),
        ];
        // Two texts are never too deep, and a text longer than 4 GB is none of an exception.
        _ = encode(&Value::Map(error), &mut attributes);
    } else {
        _ = encode(&Value::Map(Vec::new()), &mut attributes);
    }
    Entry {
        time: chance.now(),
        level,
        id: EventId(chance.id()),
        event_type: status.event_type().into(),
        upstream: trigger.map(|event| (event, None)),
        context: Some(context),
        lifecycle: Some(Box::new(Lifecycle {
            status,
            problem: problem.and_then(|problem| problem.category.clone()),
            attributes,
        })),
    }
}
