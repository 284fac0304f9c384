//! Evaluation. Every arm of [`eval`] is a function of its own: the recursion's frame stays small in debug builds.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::EventView;
use super::ast::BinaryOp;
use super::error::EvalError;
use super::functions;
use super::node::{Function, HasBase, Node, NodeStep};
use super::value::{Cel, List, Map, compare, equal, key_kind, no_overload, same_key, unsupported_key};

/// Longest text or bytes an expression may make by `+`, in bytes, and longest list, in items.
const MAX_MADE_BYTES: usize = 16 << 20;
const MAX_MADE_ITEMS: usize = 1 << 20;

/// The error is boxed: results count several times in each frame of the recursion in debug builds.
type Answer<'a> = Result<Cel<'a>, Box<EvalError>>;
/// Result of what does not recurse.
pub(super) type Leaf<'a> = Result<Cel<'a>, EvalError>;

pub(super) fn eval<'a>(node: &'a Node, event: &EventView<'a>) -> Answer<'a> {
    match node {
        Node::Constant(value) => Ok(value.borrowed()),
        Node::EventType => Ok(Cel::Text(Cow::Borrowed(event.event_type))),
        Node::EventId => Ok(event_id(event)),
        Node::EventTypes => Ok(Cel::Map(Map::EventTypes)),
        Node::Attribute(name) => attribute(name, event),
        Node::Call(function, args) => call(function, args, event),
        Node::Member(base, steps) => member(base, steps, event),
        Node::Has(base, fields) => has(base, fields, event),
        Node::List(items) => list(items, event),
        Node::Map(entries) => map(entries, event),
        Node::Not(count, operand) => not(*count, operand, event),
        Node::Negate(count, operand) => negate(*count, operand, event),
        Node::Fold(first, rest) => fold(first, rest, event),
        Node::And(operands) => logic("_&&_", false, operands, event),
        Node::Or(operands) => logic("_||_", true, operands, event),
        Node::Conditional(parts) => conditional(parts, event),
    }
}

fn all<'a>(nodes: &'a [Node], event: &EventView<'a>) -> Result<Vec<Cel<'a>>, Box<EvalError>> {
    let mut values = Vec::with_capacity(nodes.len());
    for node in nodes {
        match eval(node, event) {
            Ok(value) => values.push(value),
            Err(error) => return Err(error),
        }
    }
    Ok(values)
}

fn call<'a>(function: &Function, args: &'a [Node], event: &EventView<'a>) -> Answer<'a> {
    let args = all(args, event)?;
    boxed(functions::call(function, args))
}

fn list<'a>(items: &'a [Node], event: &EventView<'a>) -> Answer<'a> {
    let items = all(items, event)?;
    Ok(Cel::List(List::Own(Arc::new(items))))
}

fn boxed(leaf: Leaf<'_>) -> Answer<'_> {
    leaf.map_err(Box::new)
}

fn event_id(event: &EventView<'_>) -> Cel<'static> {
    let hex = format!("{:032x}", event.id);
    Cel::Text(
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
        .into(),
    )
}

fn attribute<'a>(name: &str, event: &EventView<'a>) -> Answer<'a> {
    match event.attribute(name) {
        Some(value) => boxed(Cel::of(value)),
        None => Err(Box::new(EvalError::MissingAttribute(name.to_owned()))),
    }
}

fn member<'a>(base: &'a Node, steps: &'a [NodeStep], event: &EventView<'a>) -> Answer<'a> {
    let mut value = eval(base, event);
    for step in steps {
        let current = value?;
        value = match step {
            NodeStep::Field(name) => select(current, name),
            NodeStep::Index(index) => index_by(current, eval(index, event)),
            NodeStep::Call(function, args) => call_on(current, function, all(args, event)),
        };
    }
    value
}

fn select<'a>(value: Cel<'a>, name: &str) -> Answer<'a> {
    match &value {
        Cel::Map(_) => Ok(value
            .field(name)?
            .ok_or_else(|| EvalError::NoSuchKey(name.to_owned()))?),
        _ => Err(Box::new(EvalError::NoSuchOverload {
            function: "_._".to_owned(),
            types: format!("{}, field {name}", value.type_name()),
        })),
    }
}

fn index_by<'a>(value: Cel<'a>, index: Answer<'a>) -> Answer<'a> {
    boxed(value.index(&index?))
}

fn call_on<'a>(receiver: Cel<'a>, function: &Function, args: Result<Vec<Cel<'a>>, Box<EvalError>>) -> Answer<'a> {
    let mut operands = vec![receiver];
    operands.append(&mut args?);
    boxed(functions::call(function, operands))
}

/// The whole chain must be there; something on the way that is no map has no fields.
fn has<'a>(base: &'a HasBase, fields: &[String], event: &EventView<'a>) -> Answer<'a> {
    let mut value = match base {
        HasBase::Attribute(name) => match event.attribute(name) {
            // Presence alone must not fail on a value that cannot be read.
            Some(_) if fields.is_empty() => return Ok(Cel::Bool(true)),
            Some(value) => Cel::of(value)?,
            None => return Ok(Cel::Bool(false)),
        },
        HasBase::Node(node) => eval(node, event)?,
    };
    for field in fields {
        match value.field(field)? {
            Some(next) => value = next,
            None => return Ok(Cel::Bool(false)),
        }
    }
    Ok(Cel::Bool(true))
}

fn map<'a>(entries: &'a [(Node, Node)], event: &EventView<'a>) -> Answer<'a> {
    let mut made = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = eval(key, event);
        let key = new_key(key, &made)?;
        match eval(value, event) {
            Ok(value) => made.push((key, value)),
            Err(error) => return Err(error),
        }
    }
    Ok(Cel::Map(Map::Own(Arc::new(made))))
}

fn new_key<'a>(key: Answer<'a>, made: &[(Cel<'a>, Cel<'a>)]) -> Answer<'a> {
    let key = key?;
    if key_kind(&key).is_none() {
        return Err(Box::new(unsupported_key(&key)));
    }
    if made.iter().any(|(other, _)| same_key(other, &key)) {
        return Err(Box::new(EvalError::InvalidArgument {
            function: "map",
            reason: format!("repeated key {}", key.brief()),
        }));
    }
    Ok(key)
}

fn not<'a>(count: usize, operand: &'a Node, event: &EventView<'a>) -> Answer<'a> {
    let operand = eval(operand, event);
    inverted(count, operand)
}

fn inverted<'a>(count: usize, operand: Answer<'a>) -> Answer<'a> {
    match operand? {
        Cel::Bool(value) => Ok(Cel::Bool(value ^ (count % 2 == 1))),
        other => Err(Box::new(no_overload("!_", &[&other]))),
    }
}

fn negate<'a>(count: usize, operand: &'a Node, event: &EventView<'a>) -> Answer<'a> {
    let operand = eval(operand, event);
    negated(count, operand)
}

fn negated<'a>(count: usize, operand: Answer<'a>) -> Answer<'a> {
    let odd = count % 2 == 1;
    match operand? {
        Cel::Int(value) => match value.checked_neg() {
            Some(negated) => Ok(Cel::Int(if odd { negated } else { value })),
            None => Err(Box::new(EvalError::Overflow(format!("-({value})")))),
        },
        Cel::Double(value) => Ok(Cel::Double(if odd { -value } else { value })),
        other => Err(Box::new(no_overload("-_", &[&other]))),
    }
}

/// `&&` and `||`: an operand that decides wins over errors, whichever comes first.
fn logic<'a>(function: &'static str, decisive: bool, operands: &'a [Node], event: &EventView<'a>) -> Answer<'a> {
    let mut failure = None;
    for operand in operands {
        let answer = eval(operand, event);
        match truth(function, answer) {
            Ok(value) if value == decisive => return Ok(Cel::Bool(decisive)),
            Ok(_) => {}
            Err(error) => _ = failure.get_or_insert(error),
        }
    }
    failure.map_or(Ok(Cel::Bool(!decisive)), Err)
}

fn truth(function: &'static str, answer: Answer<'_>) -> Result<bool, Box<EvalError>> {
    match answer? {
        Cel::Bool(value) => Ok(value),
        other => Err(Box::new(no_overload(function, &[&other]))),
    }
}

fn conditional<'a>(parts: &'a [Node; 3], event: &EventView<'a>) -> Answer<'a> {
    let condition = eval(&parts[0], event);
    match truth("_?_:_", condition) {
        Ok(true) => eval(&parts[1], event),
        Ok(false) => eval(&parts[2], event),
        Err(error) => Err(error),
    }
}

fn fold<'a>(first: &'a Node, rest: &'a [(BinaryOp, Node)], event: &EventView<'a>) -> Answer<'a> {
    let mut value = eval(first, event);
    for (op, operand) in rest {
        if value.is_err() {
            break;
        }
        let right = eval(operand, event);
        value = apply(*op, value, right);
    }
    value
}

fn apply<'a>(op: BinaryOp, left: Answer<'a>, right: Answer<'a>) -> Answer<'a> {
    boxed(binary(op, left?, right?))
}

fn binary<'a>(op: BinaryOp, left: Cel<'a>, right: Cel<'a>) -> Leaf<'a> {
    let truth = match op {
        BinaryOp::Equal => equal(&left, &right)?,
        BinaryOp::NotEqual => !equal(&left, &right)?,
        BinaryOp::Less => order(op, &left, &right)?.is_some_and(Ordering::is_lt),
        BinaryOp::LessEqual => order(op, &left, &right)?.is_some_and(Ordering::is_le),
        BinaryOp::Greater => order(op, &left, &right)?.is_some_and(Ordering::is_gt),
        BinaryOp::GreaterEqual => order(op, &left, &right)?.is_some_and(Ordering::is_ge),
        BinaryOp::In => contains(&left, &right)?,
        _ => return arithmetic(op, left, right),
    };
    Ok(Cel::Bool(truth))
}

/// `None` if a NaN takes part: every comparison with one is false.
fn order(op: BinaryOp, left: &Cel<'_>, right: &Cel<'_>) -> Result<Option<Ordering>, EvalError> {
    let nan = |value: &Cel<'_>| matches!(value, Cel::Double(v) if v.is_nan());
    let number = |value: &Cel<'_>| matches!(value, Cel::Int(_) | Cel::Uint(_) | Cel::Double(_));
    match compare(left, right) {
        Some(order) => Ok(Some(order)),
        None if number(left) && number(right) && (nan(left) || nan(right)) => Ok(None),
        None => Err(no_overload(op.function(), &[left, right])),
    }
}

fn contains(left: &Cel<'_>, right: &Cel<'_>) -> Result<bool, EvalError> {
    match right {
        Cel::List(list) => list.contains(left),
        Cel::Map(map) => match left {
            Cel::Bool(_) | Cel::Int(_) | Cel::Uint(_) | Cel::Double(_) | Cel::Text(_) => Ok(map.get(left)?.is_some()),
            _ => Err(no_overload("@in", &[left, right])),
        },
        _ => Err(no_overload("@in", &[left, right])),
    }
}

fn arithmetic<'a>(op: BinaryOp, left: Cel<'a>, right: Cel<'a>) -> Leaf<'a> {
    match (left, right) {
        (Cel::Int(a), Cel::Int(b)) => integers(op, a, b),
        (Cel::Uint(a), Cel::Uint(b)) => unsigned(op, a, b),
        (Cel::Double(a), Cel::Double(b)) => doubles(op, a, b),
        (Cel::Timestamp(a), Cel::Timestamp(b)) if op == BinaryOp::Subtract => functions::duration_of(a - b),
        (Cel::Timestamp(a), Cel::Duration(b)) if op == BinaryOp::Add => functions::timestamp_of(a + b),
        (Cel::Timestamp(a), Cel::Duration(b)) if op == BinaryOp::Subtract => functions::timestamp_of(a - b),
        (Cel::Duration(a), Cel::Timestamp(b)) if op == BinaryOp::Add => functions::timestamp_of(a + b),
        (Cel::Duration(a), Cel::Duration(b)) if op == BinaryOp::Add => functions::duration_of(a + b),
        (Cel::Duration(a), Cel::Duration(b)) if op == BinaryOp::Subtract => functions::duration_of(a - b),
        (left, right) if op == BinaryOp::Add => concatenate(left, right),
        (left, right) => Err(no_overload(op.function(), &[&left, &right])),
    }
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Leaf<'static> {
    if b == 0 && matches!(op, BinaryOp::Divide | BinaryOp::Remainder) {
        return Err(EvalError::DivisionByZero);
    }
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        BinaryOp::Divide => a.checked_div(b),
        _ => a.checked_rem(b),
    };
    result
        .map(Cel::Int)
        .ok_or_else(|| EvalError::Overflow(format!("{} of {a} and {b}", op.function())))
}

fn unsigned(op: BinaryOp, a: u64, b: u64) -> Leaf<'static> {
    if b == 0 && matches!(op, BinaryOp::Divide | BinaryOp::Remainder) {
        return Err(EvalError::DivisionByZero);
    }
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        BinaryOp::Divide => a.checked_div(b),
        _ => a.checked_rem(b),
    };
    result
        .map(Cel::Uint)
        .ok_or_else(|| EvalError::Overflow(format!("{} of {a}u and {b}u", op.function())))
}

fn doubles(op: BinaryOp, a: f64, b: f64) -> Leaf<'static> {
    Ok(Cel::Double(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide => a / b,
        _ => return Err(no_overload(op.function(), &[&Cel::Double(a), &Cel::Double(b)])),
    }))
}

fn concatenate<'a>(left: Cel<'a>, right: Cel<'a>) -> Leaf<'a> {
    let too_long = |what: &str| EvalError::Overflow(format!("{what} made by the condition is too long"));
    match (left, right) {
        (Cel::Text(a), Cel::Text(b)) => {
            if a.len() + b.len() > MAX_MADE_BYTES {
                return Err(too_long("text"));
            }
            Ok(Cel::Text(a + b))
        }
        (Cel::Bytes(a), Cel::Bytes(b)) => {
            if a.len() + b.len() > MAX_MADE_BYTES {
                return Err(too_long("bytes"));
            }
            let mut made = a.into_owned();
            made.extend_from_slice(&b);
            Ok(Cel::Bytes(made.into()))
        }
        (Cel::List(a), Cel::List(b)) => {
            if a.len() + b.len() > MAX_MADE_ITEMS {
                return Err(too_long("list"));
            }
            let mut made = match a {
                // Unshared while a chain of `+` is worked off, so nothing is copied twice.
                List::Own(items) => Arc::unwrap_or_clone(items),
                List::Host(items) => items.iter().map(Cel::of).collect::<Result<Vec<_>, _>>()?,
            };
            match b {
                List::Own(items) => made.append(&mut Arc::unwrap_or_clone(items)),
                List::Host(items) => {
                    for item in items {
                        made.push(Cel::of(item)?);
                    }
                }
            }
            Ok(Cel::List(List::Own(Arc::new(made))))
        }
        (left, right) => Err(no_overload("_+_", &[&left, &right])),
    }
}
