//! The checked form of an expression: names, overloads and constants are resolved.

use regex_lite::Regex;

use super::ast::BinaryOp;
use super::value::Cel;

/// A checked node. Chains are flat here too (see `ast`).
#[derive(Debug)]
pub(super) enum Node {
    Constant(Cel<'static>),
    /// The event's type.
    EventType,
    /// The event's id.
    EventId,
    /// The map of constants `EventType`.
    EventTypes,
    /// A top-level attribute.
    Attribute(String),
    Call(Function, Vec<Node>),
    Member(Box<Node>, Vec<NodeStep>),
    Has(Box<HasBase>, Vec<String>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Not(usize, Box<Node>),
    Negate(usize, Box<Node>),
    Fold(Box<Node>, Vec<(BinaryOp, Node)>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Conditional(Box<[Node; 3]>),
}

/// Step of [`Node::Member`].
#[derive(Debug)]
pub(super) enum NodeStep {
    Field(String),
    Index(Node),
    Call(Function, Vec<Node>),
}

/// Where the path of a `has` starts.
#[derive(Debug)]
pub(super) enum HasBase {
    /// May be absent.
    Attribute(String),
    /// Has a value, or fails.
    Node(Node),
}

/// A function, by name; the overload is chosen by the values.
#[derive(Debug, Clone)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    /// `matches` whose pattern is a constant and has been dropped from the arguments.
    MatchesConstant(Box<Regex>),
    Bool,
    Bytes,
    Double,
    Dyn,
    Int,
    Text,
    Uint,
    Type,
    Timestamp,
    Duration,
    /// Part of a timestamp or duration.
    Part(&'static str),
}
