//! Scripted agents: an action is a short list of operations, so that tests can write agents down and draw them at random.

use flink_agents_core::ids::{ActionId, EventId};
use flink_agents_core::memory::Space;
use flink_agents_core::run::{FailurePolicy, OnFailure, Router};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One operation of an action. Texts may contain `{in}`, the payload of the event that triggered the action, and
/// `{acc}`, that payload followed by what the action has read so far.
#[derive(Debug, Clone)]
pub enum Op {
    /// Reads a path.
    Get(Space, String),
    /// Writes a value.
    Set(Space, String, String),
    /// Makes an object, over a value if the flag says so.
    NewObject(Space, String, bool),
    /// Lists an object.
    Children(Space, String),
    /// Sends an event of a type.
    Send(String, String),
    /// Tries to send an event that has the id of its trigger.
    SendOwnTrigger,
    /// Waits until it is woken.
    Suspend,
    /// A durable call; only in a machine with a journal.
    Call(CallOp),
    /// Durable calls side by side; only in a machine with a journal.
    Gather(Vec<CallOp>),
    /// Raises an exception while the action has failed fewer times than that.
    Fail(u32),
}

/// A durable call of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOp {
    /// Id of the function.
    pub function: String,
    /// Its argument.
    pub argument: String,
    /// The action waits for it; else it is made at once.
    pub suspends: bool,
    /// What became of it can be found out.
    pub reconcilable: bool,
    /// It raises an exception, and its action with it, so many times.
    pub fails: usize,
}

/// Shorthands for scripts.
pub mod ops {
    use super::{CallOp, Op};
    use flink_agents_core::memory::Space::{Sensory, ShortTerm};

    /// Reads short-term memory.
    pub fn get(path: &str) -> Op {
        Op::Get(ShortTerm, path.into())
    }
    /// Writes short-term memory.
    pub fn set(path: &str, value: &str) -> Op {
        Op::Set(ShortTerm, path.into(), value.into())
    }
    /// Makes an object in short-term memory.
    pub fn object(path: &str) -> Op {
        Op::NewObject(ShortTerm, path.into(), false)
    }
    /// Makes an object in short-term memory, over a value too.
    pub fn object_over(path: &str) -> Op {
        Op::NewObject(ShortTerm, path.into(), true)
    }
    /// Lists short-term memory.
    pub fn list(path: &str) -> Op {
        Op::Children(ShortTerm, path.into())
    }
    /// Reads sensory memory.
    pub fn sense(path: &str) -> Op {
        Op::Get(Sensory, path.into())
    }
    /// Writes sensory memory.
    pub fn remember(path: &str, value: &str) -> Op {
        Op::Set(Sensory, path.into(), value.into())
    }
    /// Lists sensory memory.
    pub fn list_sensory(path: &str) -> Op {
        Op::Children(Sensory, path.into())
    }
    /// Sends an event.
    pub fn send(event_type: &str, text: &str) -> Op {
        Op::Send(event_type.into(), text.into())
    }
    /// Sends an output.
    pub fn out(text: &str) -> Op {
        Op::Send(flink_agents_core::symbols::OUTPUT_EVENT.into(), text.into())
    }
    /// A durable call that is made at once.
    pub fn call(function: &str, argument: &str) -> Op {
        Op::Call(made(function, argument))
    }
    /// A durable call that the action waits for.
    pub fn wait_for(function: &str, argument: &str) -> Op {
        Op::Call(CallOp {
            suspends: true,
            ..made(function, argument)
        })
    }
    /// A durable call with a reconciler.
    pub fn reconciled(function: &str, argument: &str) -> Op {
        Op::Call(CallOp {
            reconcilable: true,
            ..made(function, argument)
        })
    }
    /// Calls side by side.
    pub fn gather(calls: &[(&str, &str)]) -> Op {
        let wait = |(function, argument): &(&str, &str)| CallOp {
            suspends: true,
            ..made(function, argument)
        };
        Op::Gather(calls.iter().map(wait).collect())
    }
    fn made(function: &str, argument: &str) -> CallOp {
        CallOp {
            function: function.into(),
            argument: argument.into(),
            suspends: false,
            reconcilable: false,
            fails: 0,
        }
    }
    /// Raises an exception while the action has failed fewer times than that.
    pub fn fail(below: u32) -> Op {
        Op::Fail(below)
    }
    /// A durable call that raises an exception so many times.
    pub fn failing_call(function: &str, argument: &str, times: usize) -> Op {
        Op::Call(CallOp {
            fails: times,
            ..made(function, argument)
        })
    }
    /// Waits.
    pub fn suspend() -> Op {
        Op::Suspend
    }
}

/// An expression entry among an action's triggers.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The payload contains this text.
    Contains(String),
    /// Warns, and holds for nothing.
    Warns(String),
    /// Fails for payloads with this text, holds for nothing.
    Fails(String),
}

/// One action of a scripted agent.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// Event types that trigger it.
    pub types: Vec<String>,
    /// Conditions that trigger it.
    pub conditions: Vec<Condition>,
    /// What it does.
    pub script: Vec<Op>,
}

/// A scripted agent. Events deeper than `max_depth` in the tree of their run are not sent, so that any agent ends.
#[derive(Debug, Clone)]
pub struct Agent {
    /// In plan order.
    pub actions: Vec<Action>,
    /// See above; the input has depth 0.
    pub max_depth: u32,
    /// What journals know actions by where that is not their name: identity and other names, by name.
    pub identities: BTreeMap<String, (String, Vec<String>)>,
    /// By name of the action; others fail the job.
    pub policies: BTreeMap<String, FailurePolicy>,
}

impl Agent {
    /// An agent without actions.
    pub fn new() -> Agent {
        Agent {
            actions: Vec::new(),
            max_depth: 50,
            identities: BTreeMap::new(),
            policies: BTreeMap::new(),
        }
    }

    /// With one more action, triggered by types.
    #[must_use]
    pub fn on(mut self, name: &str, types: &[&str], script: impl IntoIterator<Item = Op>) -> Agent {
        self.actions.push(Action {
            name: name.into(),
            types: types.iter().map(|text| (*text).into()).collect(),
            conditions: Vec::new(),
            script: script.into_iter().collect(),
        });
        self
    }

    /// With a condition on the action added last.
    #[must_use]
    pub fn or_when(mut self, condition: Condition) -> Agent {
        self.actions.last_mut().unwrap().conditions.push(condition);
        self
    }

    /// With another identity of an action, and what else journals may know it by.
    #[must_use]
    pub fn known_as(mut self, name: &str, identity: &str, aliases: &[&str]) -> Agent {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        self.identities.insert(name.to_owned(), (identity.to_owned(), aliases));
        self
    }

    /// With so many retries of an action, a second each, and what follows when they are used up.
    #[must_use]
    pub fn retried(mut self, name: &str, max_retries: u32, on_failure: OnFailure) -> Agent {
        let policy = FailurePolicy {
            on_failure,
            max_retries,
            jitter: 0.0,
            ..FailurePolicy::default()
        };
        self.policies.insert(name.to_owned(), policy);
        self
    }

    /// The policy of an action.
    pub fn policy(&self, action: usize) -> FailurePolicy {
        let found = self.policies.get(&self.actions[action].name);
        found.copied().unwrap_or_default()
    }

    /// Whether dead letters may tell the input of a run.
    pub fn keeps_inputs(&self) -> bool {
        (0..self.actions.len()).any(|action| self.policy(action).on_failure == OnFailure::DeadLetter)
    }

    /// Whether any action waits for something.
    pub fn suspends(&self) -> bool {
        self.actions
            .iter()
            .any(|action| action.script.iter().any(|op| matches!(op, Op::Suspend | Op::Fail(_))))
    }
}

impl Default for Agent {
    fn default() -> Self {
        Agent::new()
    }
}

/// The routing rules of a scripted agent.
#[derive(Debug, Clone)]
pub struct ScriptRouter {
    agent: Arc<Agent>,
    exact: BTreeMap<String, Vec<ActionId>>,
    conditions: bool,
}

impl ScriptRouter {
    /// Of this agent.
    pub fn new(agent: &Arc<Agent>) -> ScriptRouter {
        let mut exact: BTreeMap<String, Vec<ActionId>> = BTreeMap::new();
        for (index, action) in agent.actions.iter().enumerate() {
            for event_type in &action.types {
                exact
                    .entry(event_type.clone())
                    .or_default()
                    .push(ActionId(index as u16));
            }
        }
        ScriptRouter {
            agent: Arc::clone(agent),
            exact,
            conditions: agent.actions.iter().any(|action| !action.conditions.is_empty()),
        }
    }
}

impl Router for ScriptRouter {
    type Attributes = String;

    fn action_count(&self) -> usize {
        self.agent.actions.len()
    }

    fn action_name(&self, action: ActionId) -> &str {
        &self.agent.actions[action.0 as usize].name
    }

    fn action_identity(&self, action: ActionId) -> &str {
        let name = self.action_name(action);
        self.agent.identities.get(name).map_or(name, |(identity, _)| identity)
    }

    fn action_aliases(&self, action: ActionId) -> &[String] {
        let declared = self.agent.identities.get(self.action_name(action));
        declared.map_or(&[], |(_, aliases)| aliases)
    }

    fn failure_policy(&self, action: ActionId) -> FailurePolicy {
        self.agent.policy(action.0 as usize)
    }

    fn exact(&self, event_type: &str) -> &[ActionId] {
        self.exact.get(event_type).map_or(&[], Vec::as_slice)
    }

    fn has_conditions(&self) -> bool {
        self.conditions
    }

    fn conditional(
        &self,
        event_type: &str,
        _id: EventId,
        attributes: Option<&String>,
        selected: &mut Vec<ActionId>,
        warnings: &mut Vec<String>,
    ) -> Result<(), String> {
        let payload = attributes.unwrap_or_else(|| panic!("no attributes for a condition on an event {event_type}"));
        for (index, action) in self.agent.actions.iter().enumerate() {
            let id = ActionId(index as u16);
            for condition in &action.conditions {
                match condition {
                    Condition::Contains(text) if payload.contains(text) && !selected.contains(&id) => selected.push(id),
                    Condition::Contains(_) => {}
                    Condition::Warns(text) => warnings.push(text.clone()),
                    Condition::Fails(text) if payload.contains(text) => {
                        return Err(format!("condition of action '{}' failed", action.name));
                    }
                    Condition::Fails(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// What a running action does next, with its texts filled in.
#[derive(Debug, Clone)]
pub enum Step {
    /// See [`Op::Get`].
    Get(Space, String),
    /// See [`Op::Set`].
    Set(Space, String, String),
    /// See [`Op::NewObject`].
    NewObject(Space, String, bool),
    /// See [`Op::Children`].
    Children(Space, String),
    /// Type and payload.
    Send(String, String),
    /// See [`Op::SendOwnTrigger`].
    SendOwnTrigger,
    /// See [`Op::Suspend`].
    Suspend,
    /// See [`Op::Call`].
    Call(CallOp),
    /// See [`Op::Gather`].
    Gather(Vec<CallOp>),
    /// An exception.
    Fail,
    /// The last line was reached.
    Finish,
}

impl CallOp {
    fn filled(&self, fill: impl Fn(&str) -> String) -> CallOp {
        CallOp {
            argument: fill(&self.argument),
            ..self.clone()
        }
    }
}

/// A value of an event, as a host keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventValue {
    /// Its identity.
    pub id: u128,
    /// Its type.
    pub event_type: String,
    /// Its content.
    pub payload: String,
    /// Its depth in the tree of its run.
    pub depth: u32,
}

/// The execution of one script.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Which action.
    pub action: usize,
    /// What triggered it.
    pub event: EventValue,
    /// How often the action has failed before.
    pub failed: u32,
    line: usize,
    acc: String,
}

impl Frame {
    /// At the first line.
    pub fn new(action: usize, event: EventValue) -> Frame {
        Frame {
            action,
            acc: event.payload.clone(),
            event,
            failed: 0,
            line: 0,
        }
    }

    /// Goes on by one operation.
    pub fn next(&mut self, agent: &Agent) -> Step {
        loop {
            let Some(op) = agent.actions[self.action].script.get(self.line) else {
                return Step::Finish;
            };
            self.line += 1;
            let fill = |text: &str| text.replace("{in}", &self.event.payload).replace("{acc}", &self.acc);
            return match op {
                Op::Get(space, path) => Step::Get(*space, path.clone()),
                Op::Set(space, path, text) => Step::Set(*space, path.clone(), fill(text)),
                Op::NewObject(space, path, over) => Step::NewObject(*space, path.clone(), *over),
                Op::Children(space, path) => Step::Children(*space, path.clone()),
                Op::Send(_, _) if self.event.depth >= agent.max_depth => continue,
                Op::Send(event_type, text) => Step::Send(event_type.clone(), fill(text)),
                Op::SendOwnTrigger => Step::SendOwnTrigger,
                Op::Fail(below) if self.failed >= *below => continue,
                Op::Fail(_) => Step::Fail,
                Op::Suspend => Step::Suspend,
                Op::Call(call) => Step::Call(call.filled(fill)),
                Op::Gather(calls) => Step::Gather(calls.iter().map(|call| call.filled(fill)).collect()),
            };
        }
    }

    /// Takes down what an operation answered, so that later texts depend on it.
    pub fn note(&mut self, what: &str, answer: &str) {
        self.acc.push_str(&format!(";{what}={answer}"));
        if self.acc.len() > 300 {
            let folded = self.acc.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            self.acc = format!("#{folded:016x}");
        }
    }
}
