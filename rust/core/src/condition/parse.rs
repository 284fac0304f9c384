//! Tokens to syntax tree: limits first, then recursive descent.
#![expect(
    clippy::boxed_local,
    reason = "unboxing in the caller would put the node in a frame of the recursion"
)]

use super::ast::{BinaryOp, Expr, Kind, Literal, Step, StepKind};
use super::error::{Category, Fault};
use super::token::{Token, tokenize};

/// Longest expression, in code points.
pub const MAX_CODE_POINTS: usize = 8_192;
/// How deep brackets and conditionals (`?:`) may nest together.
pub const MAX_DEPTH: usize = 32;

/// Words that CEL keeps for other languages; they are fine behind a dot.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];
const KEYWORDS: &[&str] = &["true", "false", "null", "in"];

/// Boxed on the way up: with the many small functions below it keeps the recursion's frames small in debug builds.
type Parsed = Result<Box<Expr>, Box<Fault>>;

/// The tree of a whole expression.
pub(super) fn parse(source: &str) -> Parsed {
    let length = source.chars().count();
    if length > MAX_CODE_POINTS {
        return Err(Fault::syntax(
            0,
            format!("expression of {length} code points is longer than {MAX_CODE_POINTS}"),
        ));
    }
    let tokens = tokenize(source)?;
    check_depth(&tokens)?;
    let mut parser = Parser { tokens, next: 0 };
    let expr = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end of the expression")),
    }
}

/// Refuses nesting that the recursive phases should not see, in one pass over the tokens.
fn check_depth(tokens: &[(Token, usize)]) -> Result<(), Box<Fault>> {
    // Conditionals open at each bracket level: the else branch of one is nested in it.
    let mut levels = vec![0_usize];
    let mut conditionals = 0;
    for (token, at) in tokens {
        let Token::Punct(punct) = token else { continue };
        match *punct {
            "(" | "[" | "{" => levels.push(0),
            ")" | "]" | "}" if levels.len() > 1 => conditionals -= levels.pop().unwrap_or(0),
            "?" => {
                conditionals += 1;
                if let Some(level) = levels.last_mut() {
                    *level += 1;
                }
            }
            "," => {
                if let Some(level) = levels.last_mut() {
                    conditionals -= std::mem::take(level);
                }
            }
            _ => {}
        }
        if levels.len() - 1 + conditionals > MAX_DEPTH {
            return Err(Fault::syntax(
                *at,
                format!("expression recursion limit exceeded: brackets and conditionals nest deeper than {MAX_DEPTH}"),
            ));
        }
    }
    Ok(())
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.ahead(0)
    }

    fn ahead(&self, distance: usize) -> &Token {
        self.tokens
            .get(self.next + distance)
            .map_or(&Token::End, |(token, _)| token)
    }

    fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .or(self.tokens.last())
            .map_or(0, |(_, at)| *at)
    }

    fn is(&self, punct: &str) -> bool {
        matches!(self.peek(), Token::Punct(found) if *found == punct)
    }

    /// Takes the token if it is `punct`.
    fn accept(&mut self, punct: &str) -> bool {
        let found = self.is(punct);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, punct: &str) -> Result<(), Box<Fault>> {
        if self.accept(punct) {
            return Ok(());
        }
        Err(self.unexpected(&format!("'{punct}'")))
    }

    fn unexpected(&self, wanted: &str) -> Box<Fault> {
        Fault::syntax(
            self.at(),
            format!("expected {wanted}, found {}", self.peek().describe()),
        )
    }

    fn expression(&mut self) -> Parsed {
        let at = self.at();
        let condition = self.binary()?;
        if self.accept("?") {
            return self.conditional(at, condition);
        }
        Ok(condition)
    }

    fn conditional(&mut self, at: usize, condition: Box<Expr>) -> Parsed {
        let then = self.binary()?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        node(at, Kind::Conditional(Box::new([*condition, *then, *otherwise])))
    }

    /// Operands and operators up to a conditional, comma or bracket. With stacks of its own instead of a call for each
    /// precedence: that many frames between one bracket and the next would not fit in a small stack.
    fn binary(&mut self) -> Parsed {
        let first = self.unary()?;
        if operator(self.peek()).is_none() {
            return Ok(first);
        }
        let mut pending = Pending {
            operands: vec![*first],
            operators: Vec::new(),
        };
        while pending.push(self) {
            let operand = self.unary()?;
            pending.operands.push(*operand);
        }
        pending.finish().ok_or_else(|| self.unexpected("an expression"))
    }

    fn unary(&mut self) -> Parsed {
        if self.is("!") || self.is("-") {
            return self.signed();
        }
        self.member()
    }

    fn signed(&mut self) -> Parsed {
        let at = self.at();
        let mut count = 0;
        while self.accept("!") {
            count += 1;
        }
        if count > 0 {
            let operand = self.member()?;
            return node(at, Kind::Not(count, operand));
        }
        while self.accept("-") {
            count += 1;
        }
        let operand = match self.negative_literal() {
            Some(literal) => {
                self.next += 1;
                count -= 1;
                node(at, Kind::Literal(literal))?
            }
            None => self.member()?,
        };
        if count == 0 {
            return Ok(operand);
        }
        node(at, Kind::Negate(count, operand))
    }

    /// The number here with a minus before it: the least integer has no positive counterpart.
    fn negative_literal(&self) -> Option<Literal> {
        if matches!(self.ahead(1), Token::Punct("." | "[")) {
            return None;
        }
        match self.peek() {
            Token::Int(magnitude) => 0_i64.checked_sub_unsigned(*magnitude).map(Literal::Int),
            Token::Double(value) => Some(Literal::Double(-value)),
            _ => None,
        }
    }

    fn member(&mut self) -> Parsed {
        let at = self.at();
        let base = self.primary()?;
        if self.is("{") && matches!(&base.kind, Kind::Ident(_) | Kind::Member(..)) {
            return Err(self.message_literal(at));
        }
        if self.is(".") || self.is("[") {
            return self.steps(at, base);
        }
        Ok(base)
    }

    fn message_literal(&self, at: usize) -> Box<Fault> {
        Fault::new(
            Category::UnsupportedConstruct,
            at,
            "message literals (`Type{…}`) are not available in trigger conditions",
        )
    }

    fn steps(&mut self, at: usize, base: Box<Expr>) -> Parsed {
        // `(a.b).c` is the path `a.b.c`.
        let (root, mut steps) = match base.kind {
            Kind::Member(root, steps) => (root, steps),
            kind => (Box::new(Expr { at: base.at, kind }), Vec::new()),
        };
        loop {
            let at = self.at();
            let kind = if self.accept(".") {
                self.dot_step()?
            } else if self.accept("[") {
                self.refuse_optional()?;
                let index = self.expression()?;
                self.expect("]")?;
                StepKind::Index(*index)
            } else {
                break;
            };
            steps.push(Step { at, kind });
        }
        if self.is("{") && matches!(root.kind, Kind::Ident(_)) {
            return Err(self.message_literal(at));
        }
        node(at, Kind::Member(root, steps))
    }

    fn refuse_optional(&self) -> Result<(), Box<Fault>> {
        if self.is("?") {
            return Err(Fault::syntax(self.at(), "optional syntax (`?`) is not available"));
        }
        Ok(())
    }

    /// What stands behind a dot.
    fn dot_step(&mut self) -> Result<StepKind, Box<Fault>> {
        self.refuse_optional()?;
        let name = match self.peek() {
            Token::Word(name) if !KEYWORDS.contains(&name.as_str()) => name.clone(),
            _ => return Err(self.unexpected("a field or function name behind '.'")),
        };
        self.next += 1;
        if self.accept("(") {
            return Ok(StepKind::Call(name, self.items(")")?));
        }
        Ok(StepKind::Field(name))
    }

    /// Expressions up to `end`, separated by commas; lists may end with one.
    fn items(&mut self, end: &str) -> Result<Vec<Expr>, Box<Fault>> {
        let mut items = Vec::new();
        while !self.accept(end) {
            if !items.is_empty() {
                self.expect(",")?;
                if end == "]" && self.accept(end) {
                    break;
                }
            }
            self.refuse_optional()?;
            let item = self.expression()?;
            items.push(*item);
        }
        Ok(items)
    }

    fn entries(&mut self) -> Result<Vec<(Expr, Expr)>, Box<Fault>> {
        let mut entries = Vec::new();
        while !self.accept("}") {
            if !entries.is_empty() {
                self.expect(",")?;
                if self.accept("}") {
                    break;
                }
            }
            self.refuse_optional()?;
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            entries.push((*key, *value));
        }
        Ok(entries)
    }

    fn primary(&mut self) -> Parsed {
        match self.peek() {
            Token::Punct("(") => self.parenthesised(),
            Token::Punct("[") => self.list(),
            Token::Punct("{") => self.map(),
            // A leading dot asks for the root of a name space; there is only one here.
            Token::Punct(".") if matches!(self.ahead(1), Token::Word(_)) => {
                self.next += 1;
                self.word()
            }
            Token::Word(_) => self.word(),
            Token::Punct(_) | Token::End => Err(self.unexpected("an expression")),
            _ => self.literal(),
        }
    }

    fn parenthesised(&mut self) -> Parsed {
        self.next += 1;
        let inner = self.expression()?;
        self.expect(")")?;
        Ok(inner)
    }

    fn list(&mut self) -> Parsed {
        let at = self.at();
        self.next += 1;
        let items = self.items("]")?;
        node(at, Kind::List(items))
    }

    fn map(&mut self) -> Parsed {
        let at = self.at();
        self.next += 1;
        let entries = self.entries()?;
        node(at, Kind::Map(entries))
    }

    fn literal(&mut self) -> Parsed {
        let at = self.at();
        let literal = match self.peek().clone() {
            Token::Int(magnitude) => {
                let reason = "integer out of the range of 64 bits; write it as a double (`1.0e19`) or unsigned (`1u`)";
                Literal::Int(i64::try_from(magnitude).map_err(|_| Fault::syntax(at, reason))?)
            }
            Token::Uint(value) => Literal::Uint(value),
            Token::Double(value) => Literal::Double(value),
            Token::Text(text) => Literal::Text(text),
            Token::Bytes(bytes) => Literal::Bytes(bytes),
            _ => return Err(self.unexpected("a literal")),
        };
        self.next += 1;
        node(at, Kind::Literal(literal))
    }

    /// A name, a call or a literal that is a word.
    fn word(&mut self) -> Parsed {
        let at = self.at();
        let name = self.name()?;
        let literal = match name.as_str() {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            "null" => Literal::Null,
            _ if self.accept("(") => return self.call(at, name),
            _ => return node(at, Kind::Ident(name)),
        };
        node(at, Kind::Literal(literal))
    }

    fn call(&mut self, at: usize, name: String) -> Parsed {
        let args = self.items(")")?;
        node(at, Kind::Call(name, args))
    }

    /// Takes a word that may start an operand.
    fn name(&mut self) -> Result<String, Box<Fault>> {
        let (at, leading_dot) = (
            self.at(),
            self.next > 0 && self.tokens[self.next - 1].0 == Token::Punct("."),
        );
        let name = match self.peek() {
            Token::Word(word) if RESERVED.contains(&word.as_str()) => {
                return Err(Fault::syntax(
                    at,
                    format!("'{word}' is a reserved word; write `attributes.{word}` for the attribute of that name"),
                ));
            }
            Token::Word(word) if word != "in" && !(leading_dot && KEYWORDS.contains(&word.as_str())) => word.clone(),
            _ => return Err(self.unexpected("an expression")),
        };
        self.next += 1;
        Ok(name)
    }
}

fn node(at: usize, kind: Kind) -> Parsed {
    Ok(Box::new(Expr { at, kind }))
}

/// Operands and operators of one level of brackets that are not joined yet.
struct Pending {
    operands: Vec<Expr>,
    operators: Vec<Operator>,
}

impl Pending {
    /// Takes a binary operator, if the next token is one, and joins what binds more closely.
    fn push(&mut self, parser: &mut Parser) -> bool {
        let Some((level, op)) = operator(parser.peek()) else {
            return false;
        };
        while self.operators.last().is_some_and(|last| last.level > level) {
            reduce(&mut self.operands, &mut self.operators);
        }
        self.operators.push(Operator {
            level,
            op,
            at: parser.at(),
        });
        parser.next += 1;
        true
    }

    fn finish(mut self) -> Option<Box<Expr>> {
        while !self.operators.is_empty() {
            reduce(&mut self.operands, &mut self.operators);
        }
        self.operands.pop().map(Box::new)
    }
}

/// A binary operator that waits for its right operand.
struct Operator {
    level: u8,
    /// `None` for `||` (level 0) and `&&` (level 1).
    op: Option<BinaryOp>,
    at: usize,
}

/// Joins the last operators of one precedence and their operands to one flat node.
fn reduce(operands: &mut Vec<Expr>, operators: &mut Vec<Operator>) {
    let Some(level) = operators.last().map(|operator| operator.level) else {
        return;
    };
    let count = operators
        .iter()
        .rev()
        .take_while(|operator| operator.level == level)
        .count();
    let joined = operators.split_off(operators.len() - count);
    // There is one operand more than operators.
    let mut parts = operands.split_off(operands.len() - count - 1);
    let at = parts[0].at;
    let kind = match level {
        0 => Kind::Or(parts),
        1 => Kind::And(parts),
        _ => {
            let rest = parts.split_off(1);
            let rest = joined
                .into_iter()
                .zip(rest)
                .filter_map(|(operator, operand)| Some((operator.op?, operator.at, operand)))
                .collect();
            Kind::Fold(Box::new(parts.remove(0)), rest)
        }
    };
    operands.push(Expr { at, kind });
}

/// Precedence and operator of the token, if it is a binary operator.
fn operator(token: &Token) -> Option<(u8, Option<BinaryOp>)> {
    let punct = match token {
        Token::Punct(punct) => *punct,
        Token::Word(word) if word == "in" => "in",
        _ => return None,
    };
    Some(match punct {
        "||" => (0, None),
        "&&" => (1, None),
        "==" => (2, Some(BinaryOp::Equal)),
        "!=" => (2, Some(BinaryOp::NotEqual)),
        "<" => (2, Some(BinaryOp::Less)),
        "<=" => (2, Some(BinaryOp::LessEqual)),
        ">" => (2, Some(BinaryOp::Greater)),
        ">=" => (2, Some(BinaryOp::GreaterEqual)),
        "in" => (2, Some(BinaryOp::In)),
        "+" => (3, Some(BinaryOp::Add)),
        "-" => (3, Some(BinaryOp::Subtract)),
        "*" => (4, Some(BinaryOp::Multiply)),
        "/" => (4, Some(BinaryOp::Divide)),
        "%" => (4, Some(BinaryOp::Remainder)),
        _ => return None,
    })
}
