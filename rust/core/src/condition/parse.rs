//! Tokens to syntax tree: limits first, then recursive descent.

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

/// The tree of a whole expression.
pub(super) fn parse(source: &str) -> Result<Expr, Fault> {
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
fn check_depth(tokens: &[(Token, usize)]) -> Result<(), Fault> {
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

    fn expect(&mut self, punct: &str) -> Result<(), Fault> {
        if self.accept(punct) {
            return Ok(());
        }
        Err(self.unexpected(&format!("'{punct}'")))
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        Fault::syntax(
            self.at(),
            format!("expected {wanted}, found {}", self.peek().describe()),
        )
    }

    fn expression(&mut self) -> Result<Expr, Fault> {
        let at = self.at();
        let condition = self.binary(0)?;
        if !self.accept("?") {
            return Ok(condition);
        }
        let then = self.binary(0)?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        Ok(Expr {
            at,
            kind: Kind::Conditional(Box::new([condition, then, otherwise])),
        })
    }

    /// Operators of at least precedence `min`.
    fn binary(&mut self, min: u8) -> Result<Expr, Fault> {
        let mut left = self.unary()?;
        while let Some(level) = self.precedence().filter(|level| *level >= min) {
            left = self.chain(left, level)?;
        }
        Ok(left)
    }

    fn precedence(&self) -> Option<u8> {
        match self.peek() {
            Token::Punct("||") => Some(0),
            Token::Punct("&&") => Some(1),
            token => binary_op(token).map(|(level, _)| level),
        }
    }

    /// All operators of exactly this precedence that follow `left`, as one flat node.
    fn chain(&mut self, left: Expr, level: u8) -> Result<Expr, Fault> {
        let at = left.at;
        if level <= 1 {
            let mut operands = vec![left];
            while self.precedence() == Some(level) {
                self.next += 1;
                operands.push(self.binary(level + 1)?);
            }
            let kind = if level == 0 {
                Kind::Or(operands)
            } else {
                Kind::And(operands)
            };
            return Ok(Expr { at, kind });
        }
        let mut rest = Vec::new();
        while let Some((_, op)) = binary_op(self.peek()).filter(|(found, _)| *found == level) {
            let at = self.at();
            self.next += 1;
            rest.push((op, at, self.binary(level + 1)?));
        }
        Ok(Expr {
            at,
            kind: Kind::Fold(Box::new(left), rest),
        })
    }

    fn unary(&mut self) -> Result<Expr, Fault> {
        let at = self.at();
        let mut count = 0;
        if self.is("!") {
            while self.accept("!") {
                count += 1;
            }
            let operand = Box::new(self.member()?);
            return Ok(Expr {
                at,
                kind: Kind::Not(count, operand),
            });
        }
        while self.accept("-") {
            count += 1;
        }
        if count == 0 {
            return self.member();
        }
        let operand = match self.negative_literal() {
            Some(literal) => {
                self.next += 1;
                count -= 1;
                Expr {
                    at,
                    kind: Kind::Literal(literal),
                }
            }
            None => self.member()?,
        };
        if count == 0 {
            return Ok(operand);
        }
        Ok(Expr {
            at,
            kind: Kind::Negate(count, Box::new(operand)),
        })
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

    fn member(&mut self) -> Result<Expr, Fault> {
        let at = self.at();
        let base = self.primary()?;
        let mut steps = Vec::new();
        loop {
            let at = self.at();
            if self.accept(".") {
                steps.push(Step {
                    at,
                    kind: self.dot_step()?,
                });
            } else if self.accept("[") {
                self.refuse_optional()?;
                let index = self.expression()?;
                self.expect("]")?;
                steps.push(Step {
                    at,
                    kind: StepKind::Index(index),
                });
            } else {
                break;
            }
        }
        if self.is("{") && matches!(&base.kind, Kind::Ident(_)) {
            return Err(Fault::new(
                Category::UnsupportedConstruct,
                at,
                "message literals (`Type{…}`) are not available in trigger conditions",
            ));
        }
        if steps.is_empty() {
            return Ok(base);
        }
        let kind = match base.kind {
            // `(a.b).c` is the path `a.b.c`.
            Kind::Member(root, mut first) => {
                first.append(&mut steps);
                Kind::Member(root, first)
            }
            _ => Kind::Member(Box::new(base), steps),
        };
        Ok(Expr { at, kind })
    }

    fn refuse_optional(&self) -> Result<(), Fault> {
        if self.is("?") {
            return Err(Fault::syntax(self.at(), "optional syntax (`?`) is not available"));
        }
        Ok(())
    }

    /// What stands behind a dot.
    fn dot_step(&mut self) -> Result<StepKind, Fault> {
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
    fn items(&mut self, end: &str) -> Result<Vec<Expr>, Fault> {
        let mut items = Vec::new();
        while !self.accept(end) {
            if !items.is_empty() {
                self.expect(",")?;
                if end == "]" && self.accept(end) {
                    break;
                }
            }
            self.refuse_optional()?;
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn entries(&mut self) -> Result<Vec<(Expr, Expr)>, Fault> {
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
            entries.push((key, self.expression()?));
        }
        Ok(entries)
    }

    fn primary(&mut self) -> Result<Expr, Fault> {
        let at = self.at();
        let token = self.peek().clone();
        let kind = match token {
            Token::Punct(punct) => return self.bracketed(punct),
            Token::Word(word) => return self.word(&word),
            Token::End => return Err(self.unexpected("an expression")),
            Token::Int(magnitude) => match i64::try_from(magnitude) {
                Ok(value) => Literal::Int(value),
                Err(_) => {
                    return Err(Fault::syntax(
                        at,
                        "integer out of the range of 64 bits; write it as a double (`1.0e19`) or unsigned (`1u`)",
                    ));
                }
            },
            Token::Uint(value) => Literal::Uint(value),
            Token::Double(value) => Literal::Double(value),
            Token::Text(text) => Literal::Text(text),
            Token::Bytes(bytes) => Literal::Bytes(bytes),
        };
        self.next += 1;
        Ok(Expr {
            at,
            kind: Kind::Literal(kind),
        })
    }

    fn bracketed(&mut self, punct: &str) -> Result<Expr, Fault> {
        let at = self.at();
        self.next += 1;
        let kind = match punct {
            "(" => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            "[" => Kind::List(self.items("]")?),
            "{" => Kind::Map(self.entries()?),
            // A leading dot asks for the root of a name space; there is only one here.
            "." if matches!(self.peek(), Token::Word(_)) => {
                return match self.peek().clone() {
                    Token::Word(word) if !KEYWORDS.contains(&word.as_str()) => self.word(&word),
                    _ => Err(self.unexpected("a name behind '.'")),
                };
            }
            _ => {
                self.next -= 1;
                return Err(self.unexpected("an expression"));
            }
        };
        Ok(Expr { at, kind })
    }

    fn word(&mut self, word: &str) -> Result<Expr, Fault> {
        let at = self.at();
        let kind = match word {
            "true" => Kind::Literal(Literal::Bool(true)),
            "false" => Kind::Literal(Literal::Bool(false)),
            "null" => Kind::Literal(Literal::Null),
            "in" => return Err(self.unexpected("an expression")),
            _ if RESERVED.contains(&word) => {
                return Err(Fault::syntax(
                    at,
                    format!("'{word}' is a reserved word; write `attributes.{word}` for the attribute of that name"),
                ));
            }
            _ => {
                self.next += 1;
                let kind = if self.accept("(") {
                    Kind::Call(word.to_owned(), self.items(")")?)
                } else {
                    Kind::Ident(word.to_owned())
                };
                return Ok(Expr { at, kind });
            }
        };
        self.next += 1;
        Ok(Expr { at, kind })
    }
}

/// Precedence and operator of the token; `||` (0) and `&&` (1) are not among them.
fn binary_op(token: &Token) -> Option<(u8, BinaryOp)> {
    let punct = match token {
        Token::Punct(punct) => *punct,
        Token::Word(word) if word == "in" => "in",
        _ => return None,
    };
    Some(match punct {
        "==" => (2, BinaryOp::Equal),
        "!=" => (2, BinaryOp::NotEqual),
        "<" => (2, BinaryOp::Less),
        "<=" => (2, BinaryOp::LessEqual),
        ">" => (2, BinaryOp::Greater),
        ">=" => (2, BinaryOp::GreaterEqual),
        "in" => (2, BinaryOp::In),
        "+" => (3, BinaryOp::Add),
        "-" => (3, BinaryOp::Subtract),
        "*" => (4, BinaryOp::Multiply),
        "/" => (4, BinaryOp::Divide),
        "%" => (4, BinaryOp::Remainder),
        _ => return None,
    })
}
