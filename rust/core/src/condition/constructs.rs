//! What the plan phase refuses in an expression that parses.

use super::ast::{Expr, Kind, Literal, StepKind};
use super::error::{Category, Fault};
use super::event_type::{EVENT_TYPES, event_type};

/// CEL's macros that loop, called on a list or map.
const COMPREHENSIONS: &[&str] = &[
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "map",
    "transformList",
    "transformMap",
    "transformMapEntry",
];

/// Checks the macro `has`, then constructs, then event types; the first fault of the first kind is reported.
pub(super) fn check(expr: &Expr) -> Result<(), Box<Fault>> {
    let mut faults: Vec<Box<Fault>> = Vec::new();
    if let Some(path) = expr.path() {
        let path = path.join(".");
        faults.push(Fault::new(
            Category::UnsupportedConstruct,
            expr.at,
            format!(
                "a path alone is no condition; compare it (`{path} == true`, `type == {path}`) or test for it \
                 (`has({path})`); an exact event type is written without brackets and blanks"
            ),
        ));
    }
    expr.visit(&mut |node| faults.extend(check_node(node)));
    // Stable: among faults of one category the first in the text wins.
    faults.sort_by_key(|fault| fault.category);
    faults.into_iter().next().map_or(Ok(()), Err)
}

fn check_node(node: &Expr) -> Option<Box<Fault>> {
    match &node.kind {
        Kind::Call(name, args) if name == "has" => check_has(node.at, args),
        Kind::Member(base, steps) => {
            let call = steps.iter().find_map(|step| match &step.kind {
                StepKind::Call(name, _) if COMPREHENSIONS.contains(&name.as_str()) => Some((step.at, name)),
                _ => None,
            });
            if let Some((at, name)) = call {
                return Some(Fault::new(
                    Category::UnsupportedConstruct,
                    at,
                    format!("the macro '{name}' is not available in trigger conditions; the only macro is has()"),
                ));
            }
            let constant = match (&base.kind, &steps.first()?.kind) {
                (Kind::Ident(root), StepKind::Field(name)) if root == "EventType" => name,
                (Kind::Ident(root), StepKind::Index(index)) if root == "EventType" => match &index.kind {
                    Kind::Literal(Literal::Text(name)) => name,
                    _ => return None,
                },
                _ => return None,
            };
            if event_type(constant).is_some() {
                return None;
            }
            let known: Vec<&str> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
            Some(Fault::new(
                Category::UnknownEventType,
                node.at,
                format!(
                    "unknown event type 'EventType.{constant}'; the constants are {}; other types are compared as text \
                     (`type == 'my_event'`)",
                    known.join(", ")
                ),
            ))
        }
        _ => None,
    }
}

fn check_has(at: usize, args: &[Expr]) -> Option<Box<Fault>> {
    let fits = match args {
        [arg] => match &arg.kind {
            Kind::Ident(_) => true,
            Kind::Member(_, steps) => matches!(steps.last().map(|step| &step.kind), Some(StepKind::Field(_))),
            _ => false,
        },
        _ => false,
    };
    if fits {
        return None;
    }
    Some(Fault::syntax(
        at,
        "invalid argument to has() macro: it takes one name or path, as in has(score) or has(order.customer.id)",
    ))
}
