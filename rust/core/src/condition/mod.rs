//! Trigger conditions: which events an action wants.
//!
//! An entry of `trigger_conditions` is an exact event type or an expression in the Common Expression Language (CEL).
//! It goes through three phases, each with errors of its own:
//!
//! | Phase | Call | Refuses ([`Category`]) |
//! |---|---|---|
//! | plan | [`classify`] | blank entries, syntax, unavailable constructs, unknown `EventType` constants |
//! | open | [`Expression::check`] | unknown functions, operands of wrong types, uses of `attributes` as a whole, results that are no Boolean |
//! | evaluation | [`Program::eval`] | missing attributes, overflow, … ([`EvalError`]); the caller's strategy decides what follows |
//!
//! # The language
//!
//! Standard CEL operators, functions and static types, without macros but `has`, without messages, optionals and
//! comprehensions. Beyond the standard, `has(score)` tests for a top-level attribute, and `has(a.b.c)` for the whole
//! chain. Variables: `type` and `id` (text), `EventType` (constants), `attributes.<name>` and, for short, `<name>`;
//! the framework's names and those of types (`int`, `string`, `list`, …) win over attributes of the same name.
//! `matches` finds anywhere and takes RE2 patterns without `\p{…}` classes; parts of a timestamp are given in UTC or at
//! a fixed distance from it, not in named time zones.
//!
//! # Limits
//!
//! 8,192 code points; brackets and conditionals nest 32 deep. Both are checked before parsing, and chains of operators
//! or selections make no deep trees, so no phase needs more than 512 KiB of stack. One evaluation makes at most 16 MiB of
//! text and bytes by `+` and conversions, and 1,048,576 items of lists by `+`; beyond, it has no value.

mod ast;
mod check;
mod constructs;
mod error;
mod eval;
mod event_type;
mod functions;
mod node;
mod parse;
mod time;
mod token;
mod types;
mod value;

pub use error::{Category, ConditionError, EvalError};
pub use event_type::{EVENT_TYPES, event_type};
pub use parse::{MAX_CODE_POINTS, MAX_DEPTH};

use crate::value::Value;

/// One entry of `trigger_conditions`, classified.
#[derive(Debug)]
pub enum Trigger {
    /// Matches events of exactly this type.
    EventType(String),
    /// Matches events for which the expression is true.
    Expression(Expression),
}

/// An expression that passed the plan phase.
#[derive(Debug)]
pub struct Expression {
    source: String,
    tree: Box<ast::Expr>,
}

/// An expression that passed the open phase. Evaluating it needs no exclusive access and keeps no state.
#[derive(Debug)]
pub struct Program {
    source: String,
    node: node::Node,
    attributes: Vec<String>,
}

/// What a condition can see of an event.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    /// The event's type.
    pub event_type: &'a str,
    /// The event's UUID as a number.
    pub id: u128,
    /// The event's attributes, at least those in [`Program::attributes`] that the event has. The first entry of a name
    /// counts.
    pub attributes: &'a [(String, Value)],
}

impl<'a> EventView<'a> {
    fn attribute(&self, name: &str) -> Option<&'a Value> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

/// The plan phase: tells exact event types from expressions, and checks the form of the latter.
///
/// # Errors
/// [`Category::Blank`], [`Category::Syntax`], [`Category::UnsupportedConstruct`] or [`Category::UnknownEventType`], in
/// this order if several apply.
pub fn classify(entry: &str) -> Result<Trigger, ConditionError> {
    let text = entry.trim();
    if text.is_empty() {
        return Err(ConditionError::new(
            Category::Blank,
            "a trigger condition must not be blank; name an event type or write an expression",
        ));
    }
    if is_bare_event_type(text) {
        return Ok(Trigger::EventType(text.to_owned()));
    }
    if let Some(quoted) = quoted_event_type(text) {
        return Ok(Trigger::EventType(quoted.to_owned()));
    }
    let tree = parse::parse(text).map_err(|fault| fault.locate(text))?;
    constructs::check(&tree).map_err(|fault| fault.locate(text))?;
    Ok(Trigger::Expression(Expression {
        source: text.to_owned(),
        tree,
    }))
}

impl Expression {
    /// The expression, without blanks around it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The open phase: types, functions and referenced attributes.
    ///
    /// # Errors
    /// [`Category::TypeCheck`], [`Category::References`] or [`Category::NotBoolean`], in this order if several apply.
    pub fn check(&self) -> Result<Program, ConditionError> {
        let (node, attributes) = check::check(&self.tree).map_err(|fault| fault.locate(&self.source))?;
        Ok(Program {
            source: self.source.clone(),
            node,
            attributes,
        })
    }
}

impl Program {
    /// The expression, without blanks around it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the top-level attributes the expression reads, sorted and without duplicates.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Whether the condition holds for the event.
    ///
    /// # Errors
    /// Whatever keeps the expression from having a Boolean value for this event.
    pub fn eval(&self, event: &EventView<'_>) -> Result<bool, EvalError> {
        match eval::eval(&self.node, &eval::Scope::new(event)).map_err(|error| *error)? {
            value::Cel::Bool(truth) => Ok(truth),
            other => Err(EvalError::NotBoolean(other.type_name().to_owned())),
        }
    }
}

/// `a`, `order-created`, `a.b.c`: names joined by dots, but no literal and no `EventType.` constant.
fn is_bare_event_type(text: &str) -> bool {
    let name = |part: &str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    !matches!(text, "true" | "false" | "null") && !text.starts_with("EventType.") && text.split('.').all(name)
}

/// The content of `'…'` or `"…"` if it can be an event type: not empty, without blanks, quotes, backslashes and
/// control characters.
fn quoted_event_type(text: &str) -> Option<&str> {
    let content = ['\'', '"']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '\'' | '"' | '\\');
    (!content.is_empty() && content.chars().all(plain)).then_some(content)
}
