//! The open phase: types, functions and referenced attributes; turns the syntax tree into [`Node`]s.

use std::collections::BTreeSet;

use regex_lite::RegexBuilder;

use super::ast::{BinaryOp, Expr, Kind, Literal, Step, StepKind};
use super::error::{Category, Fault};
use super::node::{Function, HasBase, Node, NodeStep};
use super::types::{self, Ty};
use super::value::Cel;

/// Names that denote types; an attribute of such a name is read as `attributes.<name>`.
const TYPE_NAMES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "uint",
];
/// Patterns are cheap to write and dear to run: bounds of their compiled size (bytes) and nesting.
const MAX_PATTERN_SIZE: usize = 1 << 20;
const MAX_PATTERN_NESTING: u32 = 32;

/// A pattern of `matches`, as RE2 reads it (finds anywhere, linear time), without `\p{…}` classes.
pub(super) fn pattern(text: &str) -> Result<regex_lite::Regex, String> {
    RegexBuilder::new(text)
        .size_limit(MAX_PATTERN_SIZE)
        .nest_limit(MAX_PATTERN_NESTING)
        .build()
        .map_err(|error| format!("invalid pattern {text:?}: {error}"))
}

/// The checked expression and the attributes it reads, sorted.
pub(super) fn check(expr: &Expr) -> Result<(Node, Vec<String>), Fault> {
    let mut checker = Checker::default();
    let (node, ty) = checker.expr(expr)?;
    if let Some(fault) = checker.dynamic_use {
        return Err(fault);
    }
    if !matches!(ty, Ty::Bool | Ty::Dyn) {
        let hint = if ty == Ty::Text {
            "; a quoted event type holds no blanks, quotes or backslashes"
        } else {
            ""
        };
        return Err(Fault::new(
            Category::NotBoolean,
            expr.at,
            format!("a trigger condition must have a Boolean result, this one is of type {ty}{hint}"),
        ));
    }
    Ok((node, checker.attributes.into_iter().collect()))
}

type Typed = (Node, Ty);

#[derive(Default)]
struct Checker {
    attributes: BTreeSet<String>,
    /// First use of `attributes` as a whole. Reported after type errors, which name the cause more closely.
    dynamic_use: Option<Fault>,
}

impl Checker {
    fn expr(&mut self, expr: &Expr) -> Result<Typed, Fault> {
        match &expr.kind {
            Kind::Literal(literal) => Ok(constant(literal)),
            Kind::Ident(name) => Ok(self.ident(expr.at, name)),
            Kind::Call(name, args) if name == "has" => self.has(args),
            Kind::Call(name, args) => self.call(expr.at, name, args),
            Kind::Member(base, steps) => self.member(base, steps),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Not(count, operand) => self.not(expr.at, *count, operand),
            Kind::Negate(count, operand) => self.negate(expr.at, *count, operand),
            Kind::Fold(first, rest) => self.fold(first, rest),
            Kind::And(operands) => Ok((Node::And(self.logic("_&&_", operands)?), Ty::Bool)),
            Kind::Or(operands) => Ok((Node::Or(self.logic("_||_", operands)?), Ty::Bool)),
            Kind::Conditional(parts) => self.conditional(expr.at, parts),
        }
    }

    fn attribute(&mut self, name: &str) -> Typed {
        self.attributes.insert(name.to_owned());
        (Node::Attribute(name.to_owned()), Ty::Dyn)
    }

    fn ident(&mut self, at: usize, name: &str) -> Typed {
        match name {
            "type" => (Node::EventType, Ty::Text),
            "id" => (Node::EventId, Ty::Text),
            "EventType" => (Node::EventTypes, Ty::map(Ty::Text, Ty::Text)),
            "attributes" => {
                self.dynamic_use.get_or_insert_with(|| {
                    Fault::new(
                        Category::References,
                        at,
                        "the referenced attributes cannot be told: `attributes` is only usable with a constant key, \
                         as in attributes.score, attributes['order.id'] or has(attributes.score)",
                    )
                });
                (Node::Constant(Cel::Null), Ty::map(Ty::Text, Ty::Dyn))
            }
            _ => match TYPE_NAMES.iter().find(|known| **known == name) {
                Some(known) => (Node::Constant(Cel::Type(known)), Ty::Type),
                None => self.attribute(name),
            },
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) -> Result<(Vec<Node>, Vec<Ty>), Fault> {
        let mut nodes = Vec::with_capacity(exprs.len());
        let mut types = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let (node, ty) = self.expr(expr)?;
            nodes.push(node);
            types.push(ty);
        }
        Ok((nodes, types))
    }

    fn call(&mut self, at: usize, name: &str, args: &[Expr]) -> Result<Typed, Fault> {
        let (mut nodes, types) = self.exprs(args)?;
        let types: Vec<&Ty> = types.iter().collect();
        let (function, ty) =
            types::function(name, false, &types).map_err(|reason| self.call_fault(at, reason, args))?;
        let function = compile_pattern(at, function, &mut nodes)?;
        Ok((Node::Call(function, nodes), ty))
    }

    /// Where a type's name stands as an argument, an attribute may have been meant.
    fn call_fault(&self, at: usize, reason: String, args: &[Expr]) -> Fault {
        let named = args.iter().find_map(|arg| match &arg.kind {
            Kind::Ident(name) if TYPE_NAMES.contains(&name.as_str()) => Some(name),
            _ => None,
        });
        match named {
            Some(name) => Fault::type_check(
                at,
                format!("{reason}; '{name}' names a type here, the attribute is attributes.{name}"),
            ),
            None => Fault::type_check(at, reason),
        }
    }

    fn member(&mut self, base: &Expr, steps: &[Step]) -> Result<Typed, Fault> {
        let (base_node, mut ty, rest) = match attribute_of_map(base, steps) {
            Some(name) => {
                let (node, ty) = self.attribute(name);
                (node, ty, &steps[1..])
            }
            None => {
                let (node, ty) = self.expr(base)?;
                (node, ty, steps)
            }
        };
        if rest.is_empty() {
            return Ok((base_node, ty));
        }
        let mut nodes = Vec::with_capacity(rest.len());
        for step in rest {
            let (node, next) = self.step(step, &ty)?;
            nodes.push(node);
            ty = next;
        }
        Ok((Node::Member(Box::new(base_node), nodes), ty))
    }

    fn step(&mut self, step: &Step, base: &Ty) -> Result<(NodeStep, Ty), Fault> {
        match &step.kind {
            StepKind::Field(name) => Ok((NodeStep::Field(name.clone()), field(step.at, name, base)?)),
            StepKind::Index(index) => {
                let (node, ty) = self.expr(index)?;
                Ok((NodeStep::Index(node), indexed(step.at, base, &ty)?))
            }
            StepKind::Call(name, args) => {
                let (mut nodes, types) = self.exprs(args)?;
                let types: Vec<&Ty> = std::iter::once(base).chain(&types).collect();
                let (function, ty) =
                    types::function(name, true, &types).map_err(|reason| Fault::type_check(step.at, reason))?;
                let function = compile_pattern(step.at, function, &mut nodes)?;
                Ok((NodeStep::Call(function, nodes), ty))
            }
        }
    }

    /// `has`, whose shape the plan phase has checked.
    fn has(&mut self, args: &[Expr]) -> Result<Typed, Fault> {
        let Some(arg) = args.first() else {
            return Err(Fault::syntax(0, "invalid argument to has() macro"));
        };
        let (base, mut steps) = match &arg.kind {
            Kind::Member(base, steps) => (&**base, steps.as_slice()),
            _ => (arg, &[][..]),
        };
        let root = match (&base.kind, attribute_of_map(base, steps)) {
            (_, Some(name)) => {
                steps = &steps[1..];
                Some(name)
            }
            (Kind::Ident(name), None) => match name.as_str() {
                // The framework's own names are always there.
                "type" | "id" | "EventType" | "attributes" if steps.is_empty() => {
                    return Ok((Node::Constant(Cel::Bool(true)), Ty::Bool));
                }
                "type" | "id" | "EventType" | "attributes" => None,
                _ => Some(name.as_str()),
            },
            _ => None,
        };
        // Only the last fields are tested for presence; indexes and calls before them must succeed.
        let tested = steps
            .iter()
            .rev()
            .take_while(|step| matches!(step.kind, StepKind::Field(_)))
            .count();
        let (evaluated, tested) = steps.split_at(steps.len() - tested);
        let (base, mut ty) = match root {
            Some(name) => {
                let (node, ty) = self.attribute(name);
                match (evaluated.is_empty(), node) {
                    (true, Node::Attribute(name)) => (HasBase::Attribute(name), ty),
                    (_, node) => self.has_base(node, ty, evaluated)?,
                }
            }
            None => {
                let (node, ty) = self.expr(base)?;
                self.has_base(node, ty, evaluated)?
            }
        };
        let mut fields = Vec::with_capacity(tested.len());
        for step in tested {
            if let StepKind::Field(name) = &step.kind {
                ty = field(step.at, name, &ty)?;
                fields.push(name.clone());
            }
        }
        Ok((Node::Has(Box::new(base), fields), Ty::Bool))
    }

    fn has_base(&mut self, node: Node, mut ty: Ty, steps: &[Step]) -> Result<(HasBase, Ty), Fault> {
        if steps.is_empty() {
            return Ok((HasBase::Node(node), ty));
        }
        let mut nodes = Vec::with_capacity(steps.len());
        for step in steps {
            let (node, next) = self.step(step, &ty)?;
            nodes.push(node);
            ty = next;
        }
        Ok((HasBase::Node(Node::Member(Box::new(node), nodes)), ty))
    }

    fn list(&mut self, items: &[Expr]) -> Result<Typed, Fault> {
        let (nodes, types) = self.exprs(items)?;
        Ok((Node::List(nodes), Ty::list(Ty::cover(&types))))
    }

    fn map(&mut self, entries: &[(Expr, Expr)]) -> Result<Typed, Fault> {
        let mut nodes = Vec::with_capacity(entries.len());
        let mut types = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let ((key, key_ty), (value, value_ty)) = (self.expr(key)?, self.expr(value)?);
            nodes.push((key, value));
            types.push((key_ty, value_ty));
        }
        let ty = Ty::map(
            Ty::cover(types.iter().map(|(key, _)| key)),
            Ty::cover(types.iter().map(|(_, value)| value)),
        );
        Ok((Node::Map(nodes), ty))
    }

    fn boolean(&mut self, operator: &str, at: usize, operand: &Expr) -> Result<Node, Fault> {
        let (node, ty) = self.expr(operand)?;
        if matches!(ty, Ty::Bool | Ty::Dyn) {
            return Ok(node);
        }
        Err(Fault::type_check(at, types::no_overload(operator, &[&ty])))
    }

    fn not(&mut self, at: usize, count: usize, operand: &Expr) -> Result<Typed, Fault> {
        let node = self.boolean("!_", at, operand)?;
        Ok((Node::Not(count, Box::new(node)), Ty::Bool))
    }

    fn negate(&mut self, at: usize, count: usize, operand: &Expr) -> Result<Typed, Fault> {
        let (node, ty) = self.expr(operand)?;
        let ty = types::operator("-_", &[&ty]).map_err(|reason| Fault::type_check(at, reason))?;
        Ok((Node::Negate(count, Box::new(node)), ty))
    }

    fn logic(&mut self, operator: &str, operands: &[Expr]) -> Result<Vec<Node>, Fault> {
        operands
            .iter()
            .map(|operand| self.boolean(operator, operand.at, operand))
            .collect()
    }

    fn conditional(&mut self, at: usize, parts: &[Expr; 3]) -> Result<Typed, Fault> {
        let condition = self.boolean("_?_:_", at, &parts[0])?;
        let (then, then_ty) = self.expr(&parts[1])?;
        let (otherwise, else_ty) = self.expr(&parts[2])?;
        let ty = then_ty
            .join(&else_ty)
            .ok_or_else(|| Fault::type_check(at, types::no_overload("_?_:_", &[&Ty::Bool, &then_ty, &else_ty])))?;
        Ok((Node::Conditional(Box::new([condition, then, otherwise])), ty))
    }

    fn fold(&mut self, first: &Expr, rest: &[(BinaryOp, usize, Expr)]) -> Result<Typed, Fault> {
        let (first, mut ty) = self.expr(first)?;
        let mut nodes = Vec::with_capacity(rest.len());
        for (op, at, operand) in rest {
            let (node, right) = self.expr(operand)?;
            ty = binary(*op, &ty, &right).map_err(|reason| Fault::type_check(*at, reason))?;
            nodes.push((*op, node));
        }
        Ok((Node::Fold(Box::new(first), nodes), ty))
    }
}

fn binary(op: BinaryOp, left: &Ty, right: &Ty) -> Result<Ty, String> {
    let fits = match op {
        BinaryOp::Equal | BinaryOp::NotEqual => left.join(right).is_some(),
        BinaryOp::In => match right {
            Ty::Dyn => true,
            Ty::List(item) => left.join(item).is_some(),
            Ty::Map(entry) => left.join(&entry.0).is_some(),
            _ => false,
        },
        _ => return types::operator(op.function(), &[left, right]),
    };
    if fits {
        return Ok(Ty::Bool);
    }
    let mut reason = types::no_overload(op.function(), &[left, right]);
    if matches!((left, right), (Ty::Type, _) | (_, Ty::Type)) {
        reason.push_str("; the names of types (int, string, list, …) are no attributes, write attributes.<name>");
    }
    Err(reason)
}

/// Name of the attribute if `base` and the first step are `attributes.name` or `attributes['name']`.
fn attribute_of_map<'e>(base: &Expr, steps: &'e [Step]) -> Option<&'e str> {
    if !matches!(&base.kind, Kind::Ident(name) if name == "attributes") {
        return None;
    }
    match &steps.first()?.kind {
        StepKind::Field(name) => Some(name),
        StepKind::Index(Expr {
            kind: Kind::Literal(Literal::Text(name)),
            ..
        }) => Some(name),
        _ => None,
    }
}

fn field(at: usize, name: &str, base: &Ty) -> Result<Ty, Fault> {
    match base {
        Ty::Dyn => Ok(Ty::Dyn),
        Ty::Map(entry) if matches!(entry.0, Ty::Text | Ty::Dyn) => Ok(entry.1.clone()),
        _ => Err(Fault::type_check(
            at,
            format!("type '{base}' does not support field selection (.{name})"),
        )),
    }
}

fn indexed(at: usize, base: &Ty, index: &Ty) -> Result<Ty, Fault> {
    match base {
        Ty::Dyn => Ok(Ty::Dyn),
        Ty::List(item) if matches!(index, Ty::Int | Ty::Dyn) => Ok((**item).clone()),
        Ty::Map(entry) if entry.0.join(index).is_some() => Ok(entry.1.clone()),
        _ => Err(Fault::type_check(at, types::no_overload("_[_]", &[base, index]))),
    }
}

fn constant(literal: &Literal) -> Typed {
    let (value, ty) = match literal {
        Literal::Null => (Cel::Null, Ty::Null),
        Literal::Bool(value) => (Cel::Bool(*value), Ty::Bool),
        Literal::Int(value) => (Cel::Int(*value), Ty::Int),
        Literal::Uint(value) => (Cel::Uint(*value), Ty::Uint),
        Literal::Double(value) => (Cel::Double(*value), Ty::Double),
        Literal::Text(value) => (Cel::Text(value.clone().into()), Ty::Text),
        Literal::Bytes(value) => (Cel::Bytes(value.clone().into()), Ty::Bytes),
    };
    (Node::Constant(value), ty)
}

/// Compiles the pattern of `matches` once if it is a constant, which is the last argument in both styles.
fn compile_pattern(at: usize, function: Function, args: &mut Vec<Node>) -> Result<Function, Fault> {
    match (&function, args.last()) {
        (Function::Matches, Some(Node::Constant(Cel::Text(text)))) => {
            let regex = pattern(text).map_err(|reason| Fault::type_check(at, reason))?;
            args.pop();
            Ok(Function::MatchesConstant(Box::new(regex)))
        }
        _ => Ok(function),
    }
}
