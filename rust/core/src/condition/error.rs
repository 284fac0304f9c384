//! What can be wrong with a trigger condition, and what can go wrong when one is evaluated.

use std::fmt;

/// Why a trigger condition was refused, in the order in which the checks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Plan phase: nothing but white space.
    Blank,
    /// Plan phase: not an expression of the language, too long or too deeply nested.
    Syntax,
    /// Plan phase: a comprehension macro, a message literal, or a path alone in the form of an expression.
    UnsupportedConstruct,
    /// Plan phase: `EventType.X` where X is no constant.
    UnknownEventType,
    /// Open phase: an unknown function, or operands of types that the operator or function does not take.
    TypeCheck,
    /// Open phase: a use of `attributes` from which the referenced names cannot be told.
    References,
    /// Open phase: a result that is certainly no Boolean.
    NotBoolean,
}

impl Category {
    /// The category's name in specifications and logs, such as `UNKNOWN_EVENT_TYPE`.
    pub fn name(self) -> &'static str {
        match self {
            Category::Blank => "BLANK",
            Category::Syntax => "SYNTAX",
            Category::UnsupportedConstruct => "UNSUPPORTED_CONSTRUCT",
            Category::UnknownEventType => "UNKNOWN_EVENT_TYPE",
            Category::TypeCheck => "TYPE_CHECK",
            Category::References => "REFERENCES",
            Category::NotBoolean => "NOT_BOOLEAN",
        }
    }
}

/// A trigger condition that was refused; its `Display` is the reason alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    category: Category,
    reason: String,
}

/// Longest part of a condition that an error message repeats, in code points.
const MAX_QUOTED: usize = 1_000;

impl ConditionError {
    pub(super) fn new(category: Category, reason: impl Into<String>) -> Self {
        ConditionError {
            category,
            reason: reason.into(),
        }
    }

    /// Kind of failure.
    pub fn category(&self) -> Category {
        self.category
    }

    /// The whole message for users: which condition of which action, its text, and why it was refused.
    pub fn describe(&self, index_1_based: usize, action: &str, source: &str) -> String {
        let quoted = match source.char_indices().nth(MAX_QUOTED) {
            Some((end, _)) => format!("{}… ({} code points)", &source[..end], source.chars().count()),
            None => source.to_owned(),
        };
        format!(
            "Invalid trigger condition #{index_1_based} for action '{action}' from source \"{quoted}\": {}",
            self.reason
        )
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ConditionError {}

/// A refusal with its place as a byte offset; becomes a [`ConditionError`] where the source is at hand.
///
/// Always boxed: the size of results counts in the recursive phases, whose frames hold several of them in debug builds.
#[derive(Debug)]
pub(super) struct Fault {
    pub category: Category,
    pub at: usize,
    pub reason: String,
}

impl Fault {
    pub fn new(category: Category, at: usize, reason: impl Into<String>) -> Box<Self> {
        Box::new(Fault {
            category,
            at,
            reason: reason.into(),
        })
    }

    pub fn syntax(at: usize, reason: impl Into<String>) -> Box<Self> {
        Fault::new(Category::Syntax, at, reason)
    }

    pub fn type_check(at: usize, reason: impl fmt::Display) -> Box<Self> {
        Fault::new(Category::TypeCheck, at, format!("Runtime type-check: {reason}"))
    }

    pub fn locate(self, source: &str) -> ConditionError {
        let before = source.get(..self.at).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        let place = if source.contains('\n') {
            format!("line {line}, column {column}")
        } else {
            format!("column {column}")
        };
        ConditionError::new(self.category, format!("{} (at {place})", self.reason))
    }
}

/// Why a condition has no answer for one event. What follows from it is the caller's policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A referenced attribute is not in the event.
    #[error(
        "the event has no attribute '{0}'; guard the expression with `has({0}) && …` (`has(attributes.{0})`) if that is normal"
    )]
    MissingAttribute(String),
    /// A map has no such key.
    #[error("no such key: {0}")]
    NoSuchKey(String),
    /// Neither operator nor function takes values of these types.
    #[error("found no matching overload for '{function}' applied to '({types})'")]
    NoSuchOverload {
        /// Operator in CEL's notation (`_+_`), or function.
        function: String,
        /// Types of the operands, separated by commas.
        types: String,
    },
    /// The condition's result is no Boolean.
    #[error("the condition's result is of type {0}, not bool")]
    NotBoolean(String),
    /// The result of an operation on integers, a conversion, a timestamp or a duration is out of range.
    #[error("out of range: {0}")]
    Overflow(String),
    /// Integer division or remainder by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A list has no such index.
    #[error("index {index} is out of bounds of a list of {size}")]
    IndexOutOfBounds {
        /// The index.
        index: String,
        /// The list's length.
        size: usize,
    },
    /// An argument that the function cannot interpret.
    #[error("{function}: {reason}")]
    InvalidArgument {
        /// Function.
        function: &'static str,
        /// What is wrong with the argument.
        reason: String,
    },
    /// A value that conditions cannot see.
    #[error("{0}")]
    Unreadable(String),
}
