//! The open phase: types, functions and referenced attributes; turns the syntax tree into [`Node`]s.
#![expect(
    clippy::boxed_local,
    reason = "unboxing in the caller would put the value in a frame of the recursion"
)]

use std::collections::BTreeSet;

use regex_lite::RegexBuilder;

use super::ast::{BinaryOp, Expr, Kind, Literal, Step, StepKind};
use super::error::{Category, Fault};
use super::node::{Function, HasBase, Node, NodeStep};
use super::types::{self, Ty};
use super::value::Cel;

/// Variables that win over attributes of the same name.
const FRAMEWORK_NAMES: &[&str] = &["type", "id", "EventType", "attributes"];
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
pub(super) fn check(expr: &Expr) -> Result<(Node, Vec<String>), Box<Fault>> {
    let mut checker = Checker::default();
    let (node, ty) = *checker.expr(expr)?;
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
/// Boxed, so that the recursion's frames stay small in debug builds.
type Checked = Result<Box<Typed>, Box<Fault>>;

#[derive(Default)]
struct Checker {
    attributes: BTreeSet<String>,
    /// First use of `attributes` as a whole. Reported after type errors, which name the cause more closely.
    dynamic_use: Option<Box<Fault>>,
}

impl Checker {
    fn expr(&mut self, expr: &Expr) -> Checked {
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
            Kind::And(operands) => self.logic("_&&_", operands),
            Kind::Or(operands) => self.logic("_||_", operands),
            Kind::Conditional(parts) => self.conditional(expr.at, parts),
        }
    }

    fn attribute(&mut self, name: &str) -> Box<Typed> {
        self.attributes.insert(name.to_owned());
        typed(Node::Attribute(name.to_owned()), Ty::Dyn)
    }

    fn ident(&mut self, at: usize, name: &str) -> Box<Typed> {
        match name {
            "type" => typed(Node::EventType, Ty::Text),
            "id" => typed(Node::EventId, Ty::Text),
            "EventType" => typed(Node::EventTypes, Ty::map(Ty::Text, Ty::Text)),
            "attributes" => {
                self.dynamic_use.get_or_insert_with(|| {
                    Fault::new(
                        Category::References,
                        at,
                        "the referenced attributes cannot be told: `attributes` is only usable with a constant key, \
                         as in attributes.score, attributes['order.id'] or has(attributes.score)",
                    )
                });
                typed(Node::Constant(Cel::Null), Ty::map(Ty::Text, Ty::Dyn))
            }
            _ => match TYPE_NAMES.iter().find(|known| **known == name) {
                Some(known) => typed(Node::Constant(Cel::Type(known)), Ty::Type),
                None => self.attribute(name),
            },
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) -> Result<Operands, Box<Fault>> {
        let mut operands = Operands::default();
        for expr in exprs {
            let checked = self.expr(expr)?;
            operands.push(checked);
        }
        Ok(operands)
    }

    fn call(&mut self, at: usize, name: &str, args: &[Expr]) -> Checked {
        let operands = self.exprs(args)?;
        global_call(at, name, args, operands)
    }

    fn member(&mut self, base: &Expr, steps: &[Step]) -> Checked {
        if let Some(name) = attribute_of_map(base, steps) {
            let root = self.attribute(name);
            return self.steps(root, &steps[1..]);
        }
        let root = self.expr(base)?;
        self.steps(root, steps)
    }

    fn steps(&mut self, root: Box<Typed>, steps: &[Step]) -> Checked {
        let mut chain = Chain::new(root);
        for step in steps {
            match &step.kind {
                StepKind::Field(name) => chain.field(step.at, name)?,
                StepKind::Index(index) => {
                    let index = self.expr(index)?;
                    chain.index(step.at, index)?;
                }
                StepKind::Call(name, args) => {
                    let args = self.exprs(args)?;
                    chain.call(step.at, name, args)?;
                }
            }
        }
        Ok(chain.finish())
    }

    /// `has`, whose shape the plan phase has checked.
    fn has(&mut self, args: &[Expr]) -> Checked {
        let Some(arg) = args.first() else {
            return Err(Fault::syntax(0, "invalid argument to has() macro"));
        };
        let (base, steps) = match &arg.kind {
            Kind::Member(base, steps) => (&**base, steps.as_slice()),
            _ => (arg, &[][..]),
        };
        match (attribute_of_map(base, steps), &base.kind) {
            (Some(name), _) => {
                let root = self.attribute(name);
                self.has_fields(root, &steps[1..])
            }
            (None, Kind::Ident(name)) if !FRAMEWORK_NAMES.contains(&name.as_str()) => {
                let root = self.attribute(name);
                self.has_fields(root, steps)
            }
            // The framework's own names are always there.
            (None, Kind::Ident(_)) if steps.is_empty() => Ok(typed(Node::Constant(Cel::Bool(true)), Ty::Bool)),
            _ => {
                let root = self.expr(base)?;
                self.has_fields(root, steps)
            }
        }
    }

    /// Only the last fields are tested for presence; indexes and calls before them must succeed.
    fn has_fields(&mut self, root: Box<Typed>, steps: &[Step]) -> Checked {
        let fields = steps
            .iter()
            .rev()
            .take_while(|step| matches!(step.kind, StepKind::Field(_)))
            .count();
        let (evaluated, tested) = steps.split_at(steps.len() - fields);
        let base = self.steps(root, evaluated)?;
        presence(base, tested)
    }

    fn list(&mut self, items: &[Expr]) -> Checked {
        let items = self.exprs(items)?;
        let ty = Ty::list(Ty::cover(&items.types));
        Ok(typed(Node::List(items.nodes), ty))
    }

    fn map(&mut self, entries: &[(Expr, Expr)]) -> Checked {
        let (mut keys, mut values) = (Operands::default(), Operands::default());
        for (key, value) in entries {
            let checked = self.expr(key)?;
            keys.push(checked);
            let checked = self.expr(value)?;
            values.push(checked);
        }
        let ty = Ty::map(Ty::cover(&keys.types), Ty::cover(&values.types));
        Ok(typed(Node::Map(keys.nodes.into_iter().zip(values.nodes).collect()), ty))
    }

    fn not(&mut self, at: usize, count: usize, operand: &Expr) -> Checked {
        let checked = self.expr(operand)?;
        let node = boolean("!_", at, checked)?;
        Ok(typed(Node::Not(count, Box::new(node)), Ty::Bool))
    }

    fn negate(&mut self, at: usize, count: usize, operand: &Expr) -> Checked {
        let checked = self.expr(operand)?;
        negated(at, count, checked)
    }

    fn logic(&mut self, function: &'static str, operands: &[Expr]) -> Checked {
        let mut nodes = Vec::with_capacity(operands.len());
        for operand in operands {
            let checked = self.expr(operand)?;
            nodes.push(boolean(function, operand.at, checked)?);
        }
        let node = if function == "_&&_" {
            Node::And(nodes)
        } else {
            Node::Or(nodes)
        };
        Ok(typed(node, Ty::Bool))
    }

    fn conditional(&mut self, at: usize, parts: &[Expr; 3]) -> Checked {
        let condition = self.expr(&parts[0])?;
        let then = self.expr(&parts[1])?;
        let otherwise = self.expr(&parts[2])?;
        choice(at, condition, then, otherwise)
    }

    fn fold(&mut self, first: &Expr, rest: &[(BinaryOp, usize, Expr)]) -> Checked {
        let left = self.expr(first)?;
        let mut nodes = Vec::with_capacity(rest.len());
        let (first, mut ty) = *left;
        for (op, at, operand) in rest {
            let right = self.expr(operand)?;
            ty = binary(*op, &ty, &right.1).map_err(|reason| Fault::type_check(*at, reason))?;
            nodes.push((*op, right.0));
        }
        Ok(typed(Node::Fold(Box::new(first), nodes), ty))
    }
}

fn typed(node: Node, ty: Ty) -> Box<Typed> {
    Box::new((node, ty))
}

/// Checked operands, nodes and types apart.
#[derive(Default)]
struct Operands {
    nodes: Vec<Node>,
    types: Vec<Ty>,
}

impl Operands {
    fn push(&mut self, checked: Box<Typed>) {
        let (node, ty) = *checked;
        self.nodes.push(node);
        self.types.push(ty);
    }
}

/// A member chain that grows step by step.
struct Chain {
    root: Node,
    steps: Vec<NodeStep>,
    ty: Ty,
}

impl Chain {
    fn new(root: Box<Typed>) -> Self {
        let (root, ty) = *root;
        Chain {
            root,
            steps: Vec::new(),
            ty,
        }
    }

    fn field(&mut self, at: usize, name: &str) -> Result<(), Box<Fault>> {
        self.ty = field(at, name, &self.ty)?;
        self.steps.push(NodeStep::Field(name.to_owned()));
        Ok(())
    }

    fn index(&mut self, at: usize, index: Box<Typed>) -> Result<(), Box<Fault>> {
        let (node, ty) = *index;
        self.ty = indexed(at, &self.ty, &ty)?;
        self.steps.push(NodeStep::Index(node));
        Ok(())
    }

    fn call(&mut self, at: usize, name: &str, mut args: Operands) -> Result<(), Box<Fault>> {
        let types: Vec<&Ty> = std::iter::once(&self.ty).chain(&args.types).collect();
        let (function, ty) = types::function(name, true, &types).map_err(|reason| Fault::type_check(at, reason))?;
        let function = compile_pattern(at, function, &mut args.nodes)?;
        self.ty = ty;
        self.steps.push(NodeStep::Call(function, args.nodes));
        Ok(())
    }

    fn finish(self) -> Box<Typed> {
        if self.steps.is_empty() {
            return typed(self.root, self.ty);
        }
        typed(Node::Member(Box::new(self.root), self.steps), self.ty)
    }
}

fn global_call(at: usize, name: &str, args: &[Expr], mut operands: Operands) -> Checked {
    let types: Vec<&Ty> = operands.types.iter().collect();
    let (function, ty) = types::function(name, false, &types).map_err(|mut reason| {
        // Where a type's name stands as an argument, an attribute may have been meant.
        let named = args.iter().find_map(|arg| match &arg.kind {
            Kind::Ident(name) if TYPE_NAMES.contains(&name.as_str()) => Some(name),
            _ => None,
        });
        if let Some(name) = named {
            reason.push_str(&format!(
                "; '{name}' names a type here, the attribute is attributes.{name}"
            ));
        }
        Fault::type_check(at, reason)
    })?;
    let function = compile_pattern(at, function, &mut operands.nodes)?;
    Ok(typed(Node::Call(function, operands.nodes), ty))
}

/// Presence of all `fields` of `base`.
fn presence(base: Box<Typed>, fields: &[Step]) -> Checked {
    let (node, mut ty) = *base;
    let base = match node {
        Node::Attribute(name) => HasBase::Attribute(name),
        node => HasBase::Node(node),
    };
    let mut names = Vec::with_capacity(fields.len());
    for step in fields {
        if let StepKind::Field(name) = &step.kind {
            ty = field(step.at, name, &ty)?;
            names.push(name.clone());
        }
    }
    Ok(typed(Node::Has(Box::new(base), names), Ty::Bool))
}

fn boolean(function: &str, at: usize, operand: Box<Typed>) -> Result<Node, Box<Fault>> {
    let (node, ty) = *operand;
    if matches!(ty, Ty::Bool | Ty::Dyn) {
        return Ok(node);
    }
    Err(Fault::type_check(at, types::no_overload(function, &[&ty])))
}

fn negated(at: usize, count: usize, operand: Box<Typed>) -> Checked {
    let (node, ty) = *operand;
    let ty = types::operator("-_", &[&ty]).map_err(|reason| Fault::type_check(at, reason))?;
    Ok(typed(Node::Negate(count, Box::new(node)), ty))
}

fn choice(at: usize, condition: Box<Typed>, then: Box<Typed>, otherwise: Box<Typed>) -> Checked {
    let condition = boolean("_?_:_", at, condition)?;
    let ((then, then_ty), (otherwise, else_ty)) = (*then, *otherwise);
    let ty = then_ty
        .join(&else_ty)
        .ok_or_else(|| Fault::type_check(at, types::no_overload("_?_:_", &[&Ty::Bool, &then_ty, &else_ty])))?;
    Ok(typed(Node::Conditional(Box::new([condition, then, otherwise])), ty))
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

fn field(at: usize, name: &str, base: &Ty) -> Result<Ty, Box<Fault>> {
    match base {
        Ty::Dyn => Ok(Ty::Dyn),
        Ty::Map(entry) if matches!(entry.0, Ty::Text | Ty::Dyn) => Ok(entry.1.clone()),
        _ => Err(Fault::type_check(
            at,
            format!("type '{base}' does not support field selection (.{name})"),
        )),
    }
}

fn indexed(at: usize, base: &Ty, index: &Ty) -> Result<Ty, Box<Fault>> {
    match base {
        Ty::Dyn => Ok(Ty::Dyn),
        Ty::List(item) if matches!(index, Ty::Int | Ty::Dyn) => Ok((**item).clone()),
        Ty::Map(entry) if entry.0.join(index).is_some() => Ok(entry.1.clone()),
        _ => Err(Fault::type_check(at, types::no_overload("_[_]", &[base, index]))),
    }
}

fn constant(literal: &Literal) -> Box<Typed> {
    let (value, ty) = match literal {
        Literal::Null => (Cel::Null, Ty::Null),
        Literal::Bool(value) => (Cel::Bool(*value), Ty::Bool),
        Literal::Int(value) => (Cel::Int(*value), Ty::Int),
        Literal::Uint(value) => (Cel::Uint(*value), Ty::Uint),
        Literal::Double(value) => (Cel::Double(*value), Ty::Double),
        Literal::Text(value) => (Cel::Text(value.clone().into()), Ty::Text),
        Literal::Bytes(value) => (Cel::Bytes(value.clone().into()), Ty::Bytes),
    };
    typed(Node::Constant(value), ty)
}

/// Compiles the pattern of `matches` once if it is a constant, which is the last argument in both styles.
fn compile_pattern(at: usize, function: Function, args: &mut Vec<Node>) -> Result<Function, Box<Fault>> {
    match (&function, args.last()) {
        (Function::Matches, Some(Node::Constant(Cel::Text(text)))) => {
            let regex = pattern(text).map_err(|reason| Fault::type_check(at, reason))?;
            args.pop();
            Ok(Function::MatchesConstant(Box::new(regex)))
        }
        _ => Ok(function),
    }
}
