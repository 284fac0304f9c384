//! Evaluation. Every arm of [`eval`] is a function of its own: the recursion's frame stays small in debug builds.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::Arc;

use super::EventView;
use super::ast::BinaryOp;
use super::error::EvalError;
use super::functions;
use super::node::{Function, HasBase, Node, NodeStep};
use super::value::{Cel, List, Map, compare, equal, key_kind, no_overload, same_key, unsupported_key};

/// What one evaluation may make of texts and bytes by `+` and conversions, in bytes, and of lists by `+`, in items. In all, not
/// each: a list of sums would otherwise hold thousands of the longest.
const MAX_MADE_BYTES: usize = 16 << 20;
const MAX_MADE_ITEMS: usize = 1 << 20;

/// One evaluation: the event, and what may still be made.
pub(super) struct Scope<'a> {
    event: EventView<'a>,
    bytes: Cell<usize>,
    items: Cell<usize>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(event: &EventView<'a>) -> Self {
        Scope {
            event: *event,
            bytes: Cell::new(MAX_MADE_BYTES),
            items: Cell::new(MAX_MADE_ITEMS),
        }
    }

    fn spend_bytes(&self, made: usize) -> Result<(), EvalError> {
        spend(&self.bytes, made)
            .ok_or_else(|| EvalError::Overflow("more than 16 MiB of text and bytes made in one evaluation".to_owned()))
    }

    fn spend_items(&self, made: usize) -> Result<(), EvalError> {
        spend(&self.items, made)
            .ok_or_else(|| EvalError::Overflow("more than 1,048,576 list items made in one evaluation".to_owned()))
    }

    /// Counts a value that is no part of the event and of no constant.
    fn counted(&self, value: Leaf<'a>) -> Leaf<'a> {
        let value = value?;
        match &value {
            Cel::Text(Cow::Owned(text)) => self.spend_bytes(text.len())?,
            Cel::Bytes(Cow::Owned(bytes)) => self.spend_bytes(bytes.len())?,
            _ => {}
        }
        Ok(value)
    }
}

fn spend(left: &Cell<usize>, made: usize) -> Option<()> {
    left.set(left.get().checked_sub(made)?);
    Some(())
}

/// The error is boxed: results count several times in each frame of the recursion in debug builds.
type Answer<'a> = Result<Cel<'a>, Box<EvalError>>;
/// Result of what does not recurse.
pub(super) type Leaf<'a> = Result<Cel<'a>, EvalError>;

pub(super) fn eval<'a>(node: &'a Node, scope: &Scope<'a>) -> Answer<'a> {
    match node {
        Node::Constant(value) => Ok(value.borrowed()),
        Node::EventType => Ok(Cel::Text(Cow::Borrowed(scope.event.event_type))),
        Node::EventId => Ok(event_id(scope)),
        Node::EventTypes => Ok(Cel::Map(Map::EventTypes)),
        Node::Attribute(name) => attribute(name, scope),
        Node::Call(function, args) => call(function, args, scope),
        Node::Member(base, steps) => member(base, steps, scope),
        Node::Has(base, fields) => has(base, fields, scope),
        Node::List(items) => list(items, scope),
        Node::Map(entries) => map(entries, scope),
        Node::Not(count, operand) => not(*count, operand, scope),
        Node::Negate(count, operand) => negate(*count, operand, scope),
        Node::Fold(first, rest) => fold(first, rest, scope),
        Node::And(operands) => logic("_&&_", false, operands, scope),
        Node::Or(operands) => logic("_||_", true, operands, scope),
        Node::Conditional(parts) => conditional(parts, scope),
    }
}

fn all<'a>(nodes: &'a [Node], scope: &Scope<'a>) -> Result<Vec<Cel<'a>>, Box<EvalError>> {
    let mut values = Vec::with_capacity(nodes.len());
    for node in nodes {
        match eval(node, scope) {
            Ok(value) => values.push(value),
            Err(error) => return Err(error),
        }
    }
    Ok(values)
}

fn call<'a>(function: &Function, args: &'a [Node], scope: &Scope<'a>) -> Answer<'a> {
    let args = all(args, scope)?;
    boxed(scope.counted(functions::call(function, args)))
}

fn list<'a>(items: &'a [Node], scope: &Scope<'a>) -> Answer<'a> {
    let items = all(items, scope)?;
    Ok(Cel::List(List::Own(Arc::new(items))))
}

fn boxed(leaf: Leaf<'_>) -> Answer<'_> {
    leaf.map_err(Box::new)
}

fn event_id(scope: &Scope<'_>) -> Cel<'static> {
    let hex = format!("{:032x}", scope.event.id);
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

fn attribute<'a>(name: &str, scope: &Scope<'a>) -> Answer<'a> {
    match scope.event.attribute(name) {
        Some(value) => boxed(scope.counted(Cel::of(value))),
        None => Err(Box::new(EvalError::MissingAttribute(name.to_owned()))),
    }
}

fn member<'a>(base: &'a Node, steps: &'a [NodeStep], scope: &Scope<'a>) -> Answer<'a> {
    let mut value = eval(base, scope);
    for step in steps {
        let current = value?;
        value = match step {
            NodeStep::Field(name) => select(current, name, scope),
            NodeStep::Index(index) => index_by(current, eval(index, scope), scope),
            NodeStep::Call(function, args) => call_on(current, function, all(args, scope), scope),
        };
    }
    value
}

fn select<'a>(value: Cel<'a>, name: &str, scope: &Scope<'a>) -> Answer<'a> {
    match &value {
        Cel::Map(_) => {
            let field = value.field(name)?;
            boxed(scope.counted(field.ok_or_else(|| EvalError::NoSuchKey(name.to_owned()))))
        }
        _ => Err(Box::new(EvalError::NoSuchOverload {
            function: "_._".to_owned(),
            types: format!("{}, field {name}", value.type_name()),
        })),
    }
}

fn index_by<'a>(value: Cel<'a>, index: Answer<'a>, scope: &Scope<'a>) -> Answer<'a> {
    boxed(scope.counted(value.index(&index?)))
}

fn call_on<'a>(
    receiver: Cel<'a>,
    function: &Function,
    args: Result<Vec<Cel<'a>>, Box<EvalError>>,
    scope: &Scope<'a>,
) -> Answer<'a> {
    let mut operands = vec![receiver];
    operands.append(&mut args?);
    boxed(scope.counted(functions::call(function, operands)))
}

/// The whole chain must be there; something on the way that is no map has no fields.
fn has<'a>(base: &'a HasBase, fields: &[String], scope: &Scope<'a>) -> Answer<'a> {
    let mut value = match base {
        HasBase::Attribute(name) => match scope.event.attribute(name) {
            // Presence alone must not fail on a value that cannot be read.
            Some(_) if fields.is_empty() => return Ok(Cel::Bool(true)),
            Some(value) => Cel::of(value)?,
            None => return Ok(Cel::Bool(false)),
        },
        HasBase::Node(node) => eval(node, scope)?,
    };
    for field in fields {
        match value.field(field)? {
            Some(next) => value = next,
            None => return Ok(Cel::Bool(false)),
        }
    }
    Ok(Cel::Bool(true))
}

fn map<'a>(entries: &'a [(Node, Node)], scope: &Scope<'a>) -> Answer<'a> {
    let mut made = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = eval(key, scope);
        let key = new_key(key, &made)?;
        match eval(value, scope) {
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

fn not<'a>(count: usize, operand: &'a Node, scope: &Scope<'a>) -> Answer<'a> {
    let operand = eval(operand, scope);
    inverted(count, operand)
}

fn inverted<'a>(count: usize, operand: Answer<'a>) -> Answer<'a> {
    match operand? {
        Cel::Bool(value) => Ok(Cel::Bool(value ^ (count % 2 == 1))),
        other => Err(Box::new(no_overload("!_", &[&other]))),
    }
}

fn negate<'a>(count: usize, operand: &'a Node, scope: &Scope<'a>) -> Answer<'a> {
    let operand = eval(operand, scope);
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
fn logic<'a>(function: &'static str, decisive: bool, operands: &'a [Node], scope: &Scope<'a>) -> Answer<'a> {
    let mut failure = None;
    for operand in operands {
        let answer = eval(operand, scope);
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

fn conditional<'a>(parts: &'a [Node; 3], scope: &Scope<'a>) -> Answer<'a> {
    let condition = eval(&parts[0], scope);
    match truth("_?_:_", condition) {
        Ok(true) => eval(&parts[1], scope),
        Ok(false) => eval(&parts[2], scope),
        Err(error) => Err(error),
    }
}

fn fold<'a>(first: &'a Node, rest: &'a [(BinaryOp, Node)], scope: &Scope<'a>) -> Answer<'a> {
    let mut value = eval(first, scope);
    for (op, operand) in rest {
        if value.is_err() {
            break;
        }
        let right = eval(operand, scope);
        value = apply(*op, value, right, scope);
    }
    value
}

fn apply<'a>(op: BinaryOp, left: Answer<'a>, right: Answer<'a>, scope: &Scope<'a>) -> Answer<'a> {
    boxed(binary(op, left?, right?, scope))
}

fn binary<'a>(op: BinaryOp, left: Cel<'a>, right: Cel<'a>, scope: &Scope<'a>) -> Leaf<'a> {
    let truth = match op {
        BinaryOp::Equal => equal(&left, &right)?,
        BinaryOp::NotEqual => !equal(&left, &right)?,
        BinaryOp::Less => order(op, &left, &right)?.is_some_and(Ordering::is_lt),
        BinaryOp::LessEqual => order(op, &left, &right)?.is_some_and(Ordering::is_le),
        BinaryOp::Greater => order(op, &left, &right)?.is_some_and(Ordering::is_gt),
        BinaryOp::GreaterEqual => order(op, &left, &right)?.is_some_and(Ordering::is_ge),
        BinaryOp::In => contains(&left, &right)?,
        _ => return arithmetic(op, left, right, scope),
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

fn arithmetic<'a>(op: BinaryOp, left: Cel<'a>, right: Cel<'a>, scope: &Scope<'a>) -> Leaf<'a> {
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
        (left, right) if op == BinaryOp::Add => concatenate(left, right, scope),
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

fn concatenate<'a>(left: Cel<'a>, right: Cel<'a>, scope: &Scope<'a>) -> Leaf<'a> {
    match (left, right) {
        // What is added to is taken over if it was made here, so that a chain of `+` counts, and copies, each part once.
        (Cel::Text(a), Cel::Text(b)) => {
            scope.spend_bytes(b.len() + if matches!(a, Cow::Owned(_)) { 0 } else { a.len() })?;
            Ok(Cel::Text(a + b))
        }
        (Cel::Bytes(a), Cel::Bytes(b)) => {
            scope.spend_bytes(b.len() + if matches!(a, Cow::Owned(_)) { 0 } else { a.len() })?;
            let mut made = a.into_owned();
            made.extend_from_slice(&b);
            Ok(Cel::Bytes(made.into()))
        }
        (Cel::List(a), Cel::List(b)) => {
            scope.spend_items(b.len() + if matches!(a, List::Own(_)) { 0 } else { a.len() })?;
            let mut made = match a {
                List::Own(items) => Arc::unwrap_or_clone(items),
                List::Host(items) => items
                    .iter()
                    .map(|item| scope.counted(Cel::of(item)))
                    .collect::<Result<Vec<_>, _>>()?,
            };
            match b {
                List::Own(items) => made.append(&mut Arc::unwrap_or_clone(items)),
                List::Host(items) => {
                    for item in items {
                        made.push(scope.counted(Cel::of(item))?);
                    }
                }
            }
            Ok(Cel::List(List::Own(Arc::new(made))))
        }
        (left, right) => Err(no_overload("_+_", &[&left, &right])),
    }
}
