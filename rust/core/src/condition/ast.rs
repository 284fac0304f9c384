//! The syntax tree.
//!
//! Chains (`a || b || …`, `a + b - …`, `a.b[c].d()…`, `!!!a`) are flat lists, so the tree is only as deep as brackets
//! and `?:` nest, which is limited before parsing. That is what keeps every recursion over it, dropping included,
//! within a small stack.

/// A node with its place in the source (byte offset).
#[derive(Debug)]
pub(super) struct Expr {
    pub at: usize,
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    Literal(Literal),
    Ident(String),
    /// A global function or the macro `has`.
    Call(String, Vec<Expr>),
    /// A base followed by at least one step.
    Member(Box<Expr>, Vec<Step>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    /// `!` so many times.
    Not(usize, Box<Expr>),
    /// `-` so many times.
    Negate(usize, Box<Expr>),
    /// Operators of one precedence, applied from left to right.
    Fold(Box<Expr>, Vec<(BinaryOp, usize, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// Condition, then, else.
    Conditional(Box<[Expr; 3]>),
}

/// One step of a member chain, with its place.
#[derive(Debug)]
pub(super) struct Step {
    pub at: usize,
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum StepKind {
    Field(String),
    Index(Expr),
    Call(String, Vec<Expr>),
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Operators that are evaluated from left to right, without short cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOp {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOp {
    /// CEL's name of the operator's function.
    pub fn function(self) -> &'static str {
        match self {
            BinaryOp::Equal => "_==_",
            BinaryOp::NotEqual => "_!=_",
            BinaryOp::Less => "_<_",
            BinaryOp::LessEqual => "_<=_",
            BinaryOp::Greater => "_>_",
            BinaryOp::GreaterEqual => "_>=_",
            BinaryOp::In => "@in",
            BinaryOp::Add => "_+_",
            BinaryOp::Subtract => "_-_",
            BinaryOp::Multiply => "_*_",
            BinaryOp::Divide => "_/_",
            BinaryOp::Remainder => "_%_",
        }
    }
}

impl Expr {
    /// The path `a.b.c` as its parts, if the node is one.
    pub fn path(&self) -> Option<Vec<&str>> {
        match &self.kind {
            Kind::Ident(name) => Some(vec![name]),
            Kind::Member(base, steps) => {
                let Kind::Ident(name) = &base.kind else { return None };
                let fields = steps.iter().map(|step| match &step.kind {
                    StepKind::Field(field) => Some(field.as_str()),
                    _ => None,
                });
                std::iter::once(Some(name.as_str())).chain(fields).collect()
            }
            _ => None,
        }
    }

    /// Calls `visitor` for the node and all below it.
    pub fn visit<'e>(&'e self, visitor: &mut dyn FnMut(&'e Expr)) {
        visitor(self);
        match &self.kind {
            Kind::Literal(_) | Kind::Ident(_) => {}
            Kind::Call(_, items) | Kind::List(items) | Kind::And(items) | Kind::Or(items) => {
                items.iter().for_each(|item| item.visit(visitor));
            }
            Kind::Member(base, steps) => {
                base.visit(visitor);
                for step in steps {
                    match &step.kind {
                        StepKind::Field(_) => {}
                        StepKind::Index(index) => index.visit(visitor),
                        StepKind::Call(_, items) => items.iter().for_each(|item| item.visit(visitor)),
                    }
                }
            }
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                key.visit(visitor);
                value.visit(visitor);
            }),
            Kind::Not(_, operand) | Kind::Negate(_, operand) => operand.visit(visitor),
            Kind::Fold(first, rest) => {
                first.visit(visitor);
                rest.iter().for_each(|(_, _, operand)| operand.visit(visitor));
            }
            Kind::Conditional(parts) => parts.iter().for_each(|part| part.visit(visitor)),
        }
    }
}
