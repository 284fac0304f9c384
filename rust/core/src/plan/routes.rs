//! Which actions an event starts: the checks of trigger conditions, and the tables made of them.
//!
//! Exact event types are a table look-up. Expressions are evaluated for every event whose type did not select the
//! action already; within an action they are tried in the order of the plan until one is true.

use rustc_hash::FxHashMap;

use super::error::{Place, PlanError, PlanErrorKind, quoted};
use super::model::{Action, AgentPlan, BuiltIn, Language};
use crate::condition::{EventView, Program, Trigger, classify};
use crate::config::ConfigError;
use crate::ids::{ActionId, EventId};
use crate::run::{FailurePolicy, OnFailure, Router};
use crate::value::Value;

const ON_FAILURE_KEY: &str = "action.trigger-condition.evaluate-failure-strategy";

/// What follows when a condition has no answer for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConditionFailure {
    /// It counts as false, with a warning.
    WarnAndSkip,
    /// The task fails.
    Fail,
}

/// What the machine and its host need of an action beside its triggers.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledAction {
    /// Name in the plan.
    pub name: String,
    /// See [`Action::identity`].
    pub identity: String,
    /// What else journals and snapshots may know it by.
    pub aliases: Vec<String>,
    /// The language of its function.
    pub language: Language,
    /// The action of the framework it stands for.
    pub built_in: Option<BuiltIn>,
    /// What is done about its failures.
    pub failure_policy: FailurePolicy,
}

/// A condition could not be evaluated and the plan says that this is fatal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}. Guard the expression, or set '{ON_FAILURE_KEY}' to WARN_AND_SKIP to go on as if it were false")]
pub struct RouteError {
    action: ActionId,
    what: String,
}

impl RouteError {
    /// The action whose condition failed.
    pub fn action(&self) -> ActionId {
        self.action
    }
}

/// The routing tables of a plan. Reading them needs no exclusive access.
#[derive(Debug)]
pub struct Routes {
    actions: Vec<CompiledAction>,
    exact: FxHashMap<Box<str>, Box<[ActionId]>>,
    conditional: Vec<(ActionId, Vec<Condition>)>,
    on_failure: OnConditionFailure,
    attribute_names: Vec<String>,
}

#[derive(Debug)]
struct Condition {
    /// Position in the action's list of triggers, from 1.
    number: usize,
    program: Program,
}

impl AgentPlan {
    /// The client's check of all triggers: their syntax, constructs and constants.
    ///
    /// # Errors
    /// The first trigger that cannot be used, as [`PlanErrorKind::Trigger`].
    pub fn validate(&self) -> Result<(), PlanError> {
        for action in &self.actions {
            for index in 0..action.triggers.len() {
                trigger(action, index)?;
            }
        }
        Ok(())
    }
}

fn trigger(action: &Action, index: usize) -> Result<Trigger, PlanError> {
    let source = &action.triggers[index];
    classify(source).map_err(|e| trigger_error(action, index, e.describe(index + 1, &action.name, source)))
}

fn trigger_error(action: &Action, index: usize, message: String) -> PlanError {
    let actions = Place::ROOT.key("actions");
    let own = actions.key(&action.name);
    PlanError::new(
        PlanErrorKind::Trigger,
        own.key("trigger_conditions").index(index),
        message,
    )
}

impl Routes {
    /// The operator's check of a plan, including types and functions of its expressions, and the tables.
    ///
    /// # Errors
    /// The first trigger that cannot be used; more than 65,536 actions; a value of
    /// `action.trigger-condition.evaluate-failure-strategy`, or of one of the options of failure policies, that does not
    /// exist.
    pub fn compile(plan: &AgentPlan) -> Result<Routes, PlanError> {
        let mut exact: FxHashMap<Box<str>, Vec<ActionId>> = FxHashMap::default();
        let mut conditional = Vec::new();
        let mut actions = Vec::with_capacity(plan.actions.len());
        for (index, action) in plan.actions.iter().enumerate() {
            let id = u16::try_from(index).map(ActionId).map_err(|_| {
                PlanError::new(
                    PlanErrorKind::Conflict,
                    Place::ROOT.key("actions"),
                    format!(
                        "{} actions; a plan may have {}",
                        plan.actions.len(),
                        usize::from(u16::MAX) + 1
                    ),
                )
            })?;
            let conditions = compile_triggers(action, id, &mut exact)?;
            if !conditions.is_empty() {
                conditional.push((id, conditions));
            }
            actions.push(CompiledAction {
                name: action.name.clone(),
                identity: action.identity().to_owned(),
                aliases: aliases(action),
                language: action.exec.language(),
                built_in: action.exec.built_in(),
                failure_policy: failure_policy(plan, &action.name)?,
            });
        }
        let mut attribute_names: Vec<String> = conditional
            .iter()
            .flat_map(|(_, conditions)| conditions)
            .flat_map(|condition: &Condition| condition.program.attributes())
            .cloned()
            .collect();
        attribute_names.sort_unstable();
        attribute_names.dedup();
        let exact = exact
            .into_iter()
            .map(|(event_type, ids)| (event_type, ids.into_boxed_slice()))
            .collect();
        Ok(Routes {
            actions,
            exact,
            conditional,
            on_failure: on_failure(plan)?,
            attribute_names,
        })
    }

    /// The actions, by id.
    pub fn actions(&self) -> &[CompiledAction] {
        &self.actions
    }

    /// Actions that name this event type, in plan order.
    pub fn exact(&self, event_type: &str) -> &[ActionId] {
        self.exact.get(event_type).map_or(&[], |ids| ids)
    }

    /// Whether an action listens to this event type: by its name alone, by a condition that names it, or as one that listens to all.
    pub fn listens_to(&self, event_type: &str) -> bool {
        let mut conditions = self.conditional.iter().flat_map(|(_, conditions)| conditions);
        !self.exact(event_type).is_empty()
            || conditions.any(|condition| {
                let source = condition.program.source();
                source.trim() == "true" || source.contains(event_type)
            })
    }

    /// Whether some action may be tried again, or end as a dead letter.
    pub fn has_policies(&self) -> bool {
        self.actions.iter().any(|action| action.failure_policy.is_asked_for())
    }

    /// Whether any action has an expression. If not, an event's type alone decides.
    pub fn has_conditions(&self) -> bool {
        !self.conditional.is_empty()
    }

    /// The top-level attributes that expressions read, sorted; a host has to hand over no others.
    pub fn attribute_names(&self) -> &[String] {
        &self.attribute_names
    }

    /// Appends the actions that the event starts, each once: first those that name its type, then those of which an
    /// expression is true, both in plan order. `out` should be empty.
    ///
    /// # Errors
    /// An expression that cannot be evaluated, if the plan says that this is fatal; otherwise `warnings` gets a text.
    pub fn select(
        &self,
        event: &EventView<'_>,
        out: &mut Vec<ActionId>,
        warnings: &mut Vec<String>,
    ) -> Result<(), RouteError> {
        out.extend_from_slice(self.exact(event.event_type));
        self.select_conditional(event, out, warnings)
    }

    /// The second half of [`Routes::select`], leaving out the actions in `out`.
    ///
    /// # Errors
    /// As [`Routes::select`].
    pub fn select_conditional(
        &self,
        event: &EventView<'_>,
        out: &mut Vec<ActionId>,
        warnings: &mut Vec<String>,
    ) -> Result<(), RouteError> {
        let selected = out.len();
        for (action, conditions) in &self.conditional {
            if !out[..selected].contains(action) && self.holds(*action, conditions, event, warnings)? {
                out.push(*action);
            }
        }
        Ok(())
    }

    fn holds(
        &self,
        action: ActionId,
        conditions: &[Condition],
        event: &EventView<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<bool, RouteError> {
        for condition in conditions {
            let reason = match condition.program.eval(event) {
                Ok(true) => return Ok(true),
                Ok(false) => continue,
                Err(reason) => reason,
            };
            let what = format!(
                "Trigger condition #{} of action '{}' ({}) cannot be evaluated for event {} of type {}: {reason}",
                condition.number,
                self.actions[usize::from(action.0)].name,
                quoted(condition.program.source()),
                EventId(event.id),
                quoted(event.event_type),
            );
            match self.on_failure {
                OnConditionFailure::Fail => return Err(RouteError { action, what }),
                OnConditionFailure::WarnAndSkip => warnings.push(what + "; it counts as false"),
            }
        }
        Ok(false)
    }
}

fn aliases(action: &Action) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in action.known_as() {
        if name != action.identity() && names.iter().all(|other| other != name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Enters the action's event types into the table and returns its expressions. Entries that repeat an earlier one are
/// left out: they could only cost time and warn twice.
fn compile_triggers(
    action: &Action,
    id: ActionId,
    exact: &mut FxHashMap<Box<str>, Vec<ActionId>>,
) -> Result<Vec<Condition>, PlanError> {
    let mut conditions: Vec<Condition> = Vec::new();
    for index in 0..action.triggers.len() {
        match trigger(action, index)? {
            Trigger::EventType(event_type) => {
                let ids = exact.entry(event_type.into_boxed_str()).or_default();
                if ids.last() != Some(&id) {
                    ids.push(id);
                }
            }
            Trigger::Expression(expression) => {
                let program = expression.check().map_err(|e| {
                    trigger_error(
                        action,
                        index,
                        e.describe(index + 1, &action.name, &action.triggers[index]),
                    )
                })?;
                if conditions.iter().all(|c| c.program.source() != program.source()) {
                    conditions.push(Condition {
                        number: index + 1,
                        program,
                    });
                }
            }
        }
    }
    Ok(conditions)
}

fn on_failure(plan: &AgentPlan) -> Result<OnConditionFailure, PlanError> {
    match plan.config.get_enum(ON_FAILURE_KEY) {
        Ok(Some("FAIL")) => Ok(OnConditionFailure::Fail),
        Ok(_) => Ok(OnConditionFailure::WarnAndSkip),
        Err(e) => {
            let config = Place::ROOT.key("config");
            let data = config.key("conf_data");
            Err(PlanError::new(
                PlanErrorKind::WrongType,
                data.key(ON_FAILURE_KEY),
                e.to_string(),
            ))
        }
    }
}

/// What the options say of one action: its own, else those of all.
fn failure_policy(plan: &AgentPlan, action: &str) -> Result<FailurePolicy, PlanError> {
    let config = &plan.config;
    let wrong = |key: &str, error: ConfigError| {
        let config = Place::ROOT.key("config");
        let data = config.key("conf_data");
        PlanError::new(PlanErrorKind::WrongType, data.key(key), error.to_string())
    };
    let usual = FailurePolicy::default();
    let millis = |option: &str, usual: u64| {
        let key = config.action_key(action, option);
        let found = config.get_duration(&key).map_err(|error| wrong(&key, error))?;
        Ok(found.map_or(usual, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    };
    let on_failure = config.action_key(action, "on-failure");
    let max_attempts = config.action_key(action, "retry.max-attempts");
    let jitter = config.action_key(action, "retry.jitter");
    Ok(FailurePolicy {
        on_failure: match config
            .get_enum(&on_failure)
            .map_err(|error| wrong(&on_failure, error))?
        {
            Some("dead-letter") => OnFailure::DeadLetter,
            _ => OnFailure::Fail,
        },
        max_retries: config
            .get_int(&max_attempts)
            .map_err(|error| wrong(&max_attempts, error))?
            .and_then(|retries| u32::try_from(retries).ok())
            .unwrap_or(usual.max_retries),
        backoff_ms: millis("retry.backoff", usual.backoff_ms)?,
        max_backoff_ms: millis("retry.max-backoff", usual.max_backoff_ms)?,
        jitter: config
            .get_float(&jitter)
            .map_err(|error| wrong(&jitter, error))?
            .unwrap_or(usual.jitter),
    })
}

impl Router for Routes {
    type Attributes = Vec<(String, Value)>;

    fn action_count(&self) -> usize {
        self.actions.len()
    }

    fn action_name(&self, action: ActionId) -> &str {
        self.actions.get(usize::from(action.0)).map_or("", |a| &a.name)
    }

    fn action_identity(&self, action: ActionId) -> &str {
        self.actions.get(usize::from(action.0)).map_or("", |a| &a.identity)
    }

    fn action_aliases(&self, action: ActionId) -> &[String] {
        self.actions.get(usize::from(action.0)).map_or(&[], |a| &a.aliases)
    }

    fn failure_policy(&self, action: ActionId) -> FailurePolicy {
        let found = self.actions.get(usize::from(action.0));
        found.map_or_else(FailurePolicy::default, |action| action.failure_policy)
    }

    fn exact(&self, event_type: &str) -> &[ActionId] {
        Routes::exact(self, event_type)
    }

    fn has_conditions(&self) -> bool {
        Routes::has_conditions(self)
    }

    fn conditional(
        &self,
        event_type: &str,
        id: EventId,
        attributes: Option<&Self::Attributes>,
        selected: &mut Vec<ActionId>,
        warnings: &mut Vec<String>,
    ) -> Result<(), String> {
        let event = EventView {
            event_type,
            id: id.0,
            attributes: attributes.map_or(&[], Vec::as_slice),
        };
        self.select_conditional(&event, selected, warnings)
            .map_err(|e| e.to_string())
    }
}
