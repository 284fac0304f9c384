//! One core with what the JVM host needs around it.

use crate::errors::Failure;
use crate::event_log::Logged;
use crate::journal::Journal;
use crate::stores;
use flink_agents_core::ids::TaskId;
use flink_agents_core::journal::{JournalSettings, max_record_size};
use flink_agents_core::memory::{begin_events, memory_events};
use flink_agents_core::plan::{Action, AgentPlan, Function, PlanError, Routes};
use flink_agents_core::run::{Limits, Machine, Router};
use flink_agents_core::value::{self, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// What conditions read of an event.
pub(crate) type Attributes = <Routes as Router>::Attributes;

/// A machine, the texts of its last effects, and whether a panic has left it unusable.
pub(crate) struct Engine {
    pub(crate) machine: Machine<Routes>,
    pub(crate) texts: Vec<String>,
    description: String,
    /// How long a durable call may take that sets no limit itself.
    pub(crate) call_timeout: Option<Duration>,
    /// What a record of the journal may take, in bytes; nothing without one.
    pub(crate) max_record_size: Option<usize>,
    pub(crate) journal: Option<Box<Journal>>,
    /// Where the host reads its figures, by any thread; 0 while it has not said.
    pub(crate) figures: i64,
    /// Processed events are for listeners.
    pub(crate) has_listeners: bool,
    /// Nothing while no event log is open.
    pub(crate) logged: Option<Box<Logged>>,
    /// The event log has records of executions.
    pub(crate) traced: bool,
    inside: bool,
}

impl Engine {
    /// Compiles a plan.
    ///
    /// # Errors
    /// When the plan, one of its conditions or an option of the core is wrong, or the plan asks for a journal.
    pub(crate) fn open(plan: &[u8]) -> Result<Engine, Failure> {
        let plan = read_plan(plan)?;
        let backend = plan
            .config
            .get_enum(stores::BACKEND)
            .map_err(|error| Failure::argument(error.to_string()))?;
        if let Some(backend) = backend {
            return Err(Failure::argument(format!(
                "Option {} is {backend}: there is no journal where this agent runs, and without one its actions would not be exactly-once. Run it on Flink, or take the option away",
                stores::BACKEND
            )));
        }
        Engine::make(&plan, None)
    }

    /// Compiles a plan for a core with a journal.
    ///
    /// # Errors
    /// When the plan, one of its conditions or an option of the core is wrong.
    pub(crate) fn with_journal(
        plan: &AgentPlan,
        settings: JournalSettings,
        journal: Box<Journal>,
    ) -> Result<Engine, Failure> {
        Engine::make(plan, Some((settings, journal)))
    }

    fn make(plan: &AgentPlan, journal: Option<(JournalSettings, Box<Journal>)>) -> Result<Engine, Failure> {
        let routes = Routes::compile(plan).map_err(from_plan)?;
        let argument = |error: flink_agents_core::config::ConfigError| Failure::argument(error.to_string());
        let mut limits = Limits::default();
        if let Some(limit) = plan.config.get_int("max-events-per-run").map_err(argument)? {
            limits.max_events_per_run = u32::try_from(limit).ok().filter(|limit| *limit > 0).ok_or_else(|| {
                Failure::argument(format!(
                    "Option max-events-per-run is {limit}: it must be between 1 and {}",
                    u32::MAX
                ))
            })?;
        }
        let has_listeners = plan
            .config
            .get_list("event-listeners")
            .map_err(argument)?
            .is_some_and(|names| !names.is_empty());
        limits.observe_events = has_listeners;
        limits.begin_events = begin_events(&plan.config).map_err(argument)?;
        let call_timeout = plan.config.get_duration("call.timeout").map_err(argument)?;
        let max_record_size = max_record_size(&plan.config).map_err(argument)?;
        let memory_events = memory_events(&plan.config, &routes).map_err(argument)?;
        let description = describe(plan, &routes, memory_events);
        let (machine, journal) = match journal {
            None => (Machine::new(routes, limits), None),
            Some((settings, journal)) => (Machine::with_journal(routes, limits, settings), Some(journal)),
        };
        Ok(Engine {
            machine,
            texts: Vec::new(),
            description,
            call_timeout,
            max_record_size,
            journal,
            figures: 0,
            has_listeners,
            logged: None,
            traced: false,
            inside: false,
        })
    }

    /// Whether the trace is to hear of the end of an action: that it failed it knows already.
    #[inline]
    pub(crate) fn traces_end(&self, task: TaskId) -> bool {
        self.traced && !self.machine.ends_by_letter(task)
    }

    /// An action has ended: for the trace.
    pub(crate) fn trace_end(&mut self, task: TaskId) {
        if let Some(logged) = &mut self.logged {
            logged.finished(task);
        }
    }

    /// What the host has to know of the plan, as JSON.
    pub(crate) fn describe(&self) -> &str {
        &self.description
    }

    /// Decodes the attributes of an event: a map with text keys.
    pub(crate) fn attributes(&self, bytes: &[u8]) -> Result<Attributes, Failure> {
        match value::decode(bytes) {
            Ok(Value::Map(entries)) => Ok(entries),
            Ok(_) => Err(Failure::argument("the attributes of an event are no map")),
            Err(error) => Err(Failure::argument(format!(
                "the attributes of an event cannot be read: {error}"
            ))),
        }
    }

    /// Decodes the attributes of several events: each u32 length and that many bytes (0: none).
    pub(crate) fn attribute_list(&self, bytes: &[u8]) -> Result<Vec<Option<Attributes>>, Failure> {
        let mut decoded = Vec::new();
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (own, after) = after
                .split_at_checked(u32::from_le_bytes(*length) as usize)
                .ok_or_else(|| Failure::argument("the attributes of restored events are malformed"))?;
            decoded.push(if own.is_empty() {
                None
            } else {
                Some(self.attributes(own)?)
            });
            rest = after;
        }
        Ok(decoded)
    }

    /// Refuses an engine that a panic has left half changed.
    #[inline]
    pub(crate) fn check_usable(&self) -> Result<(), Failure> {
        if self.inside {
            return Err(Failure::state(
                "The core failed earlier by a panic and cannot be used any more; the task has to be restarted",
            ));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn enter(&mut self) {
        self.inside = true;
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        self.inside = false;
    }
}

/// Reads and checks a plan as far as the client can.
pub(crate) fn read_plan(bytes: &[u8]) -> Result<AgentPlan, Failure> {
    let plan = AgentPlan::from_json(bytes).map_err(from_plan)?;
    plan.validate().map_err(from_plan)?;
    Ok(plan)
}

fn from_plan(error: PlanError) -> Failure {
    Failure::argument(error.to_string())
}

fn describe(plan: &AgentPlan, routes: &Routes, memory_events: u8) -> String {
    let actions: Vec<Json> = plan
        .actions
        .iter()
        .zip(routes.actions())
        .map(|(action, compiled)| {
            json!({
                "name": action.name, "exec": exec(action), "built_in": action.exec.built_in().is_some(),
                "has_policy": compiled.failure_policy.is_asked_for(),
            })
        })
        .collect();
    json!({
        "actions": actions,
        "attributes": routes.attribute_names(),
        "has_conditions": routes.has_conditions(),
        "memory_events": memory_events,
    })
    .to_string()
}

fn exec(action: &Action) -> Json {
    match &action.exec {
        Function::Java {
            qualname,
            method_name,
            parameter_types,
        } => json!({
            "func_type": "JavaFunction",
            "qualname": qualname,
            "method_name": method_name,
            "parameter_types": parameter_types,
        }),
        Function::Python { module, qualname } => json!({
            "func_type": "PythonFunction",
            "module": module,
            "qualname": qualname,
        }),
    }
}
