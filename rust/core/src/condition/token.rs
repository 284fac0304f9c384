//! Text to tokens: one pass, no recursion.

use super::error::Fault;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Identifier, keyword or reserved word.
    Word(String),
    /// Magnitude of an integer; the sign is an operator of its own.
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Operator or bracket.
    Punct(&'static str),
    End,
}

impl Token {
    pub fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("'{word}'"),
            Token::Int(_) | Token::Uint(_) | Token::Double(_) => "a number".to_owned(),
            Token::Text(_) => "a string".to_owned(),
            Token::Bytes(_) => "a bytes literal".to_owned(),
            Token::Punct(punct) => format!("'{punct}'"),
            Token::End => "the end of the expression".to_owned(),
        }
    }
}

/// Longest first, so that `<=` is not read as `<`.
const PUNCTS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ",", ".", "(", ")", "[", "]",
    "{", "}",
];

/// Tokens with their byte offsets; the last one is [`Token::End`].
pub(super) fn tokenize(source: &str) -> Result<Vec<(Token, usize)>, Box<Fault>> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let token = lexer.next()?;
        let end = token == Token::End;
        tokens.push((token, at));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.source.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Takes ASCII characters while `wanted`.
    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'s str {
        let start = self.at;
        while self.at < self.source.len() && wanted(self.byte(0)) {
            self.at += 1;
        }
        &self.source[start..self.at]
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c));
            if !self.rest().starts_with("//") {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn next(&mut self) -> Result<Token, Box<Fault>> {
        let Some(first) = self.peek() else {
            return Ok(Token::End);
        };
        if first.is_ascii_digit() || first == '.' && self.byte(1).is_ascii_digit() {
            return self.number();
        }
        if first == '"' || first == '\'' {
            return self.text(false, false);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let word = self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_');
            if matches!(self.byte(0), b'"' | b'\'') {
                match word {
                    "r" | "R" => return self.text(true, false),
                    "b" | "B" => return self.text(false, true),
                    "br" | "bR" | "Br" | "BR" => return self.text(true, true),
                    _ => {}
                }
            }
            return Ok(Token::Word(word.to_owned()));
        }
        if let Some(punct) = PUNCTS.iter().find(|punct| self.rest().starts_with(**punct)) {
            self.at += punct.len();
            return Ok(Token::Punct(punct));
        }
        let hint = match first {
            '=' => "; equality is written `==`",
            '&' => "; logical and is written `&&`",
            '|' => "; logical or is written `||`",
            _ => "",
        };
        Err(Fault::syntax(self.at, format!("unexpected character {first:?}{hint}")))
    }

    fn number(&mut self) -> Result<Token, Box<Fault>> {
        let start = self.at;
        let token = if self.byte(0) == b'0' && matches!(self.byte(1), b'x' | b'X') {
            self.at += 2;
            let digits = self.take_while(|b| b.is_ascii_hexdigit());
            self.integer(start, u64::from_str_radix(digits, 16).ok())?
        } else {
            let digits = self.take_while(|b| b.is_ascii_digit());
            let mut double = false;
            if self.byte(0) == b'.' && self.byte(1).is_ascii_digit() {
                double = true;
                self.at += 1;
                self.take_while(|b| b.is_ascii_digit());
            }
            if matches!(self.byte(0), b'e' | b'E') {
                let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
                if self.byte(1 + sign).is_ascii_digit() {
                    double = true;
                    self.at += 1 + sign;
                    self.take_while(|b| b.is_ascii_digit());
                }
            }
            if double {
                match self.source[start..self.at].parse::<f64>() {
                    Ok(value) if value.is_finite() => Token::Double(value),
                    _ => return Err(Fault::syntax(start, "number out of the range of a double")),
                }
            } else {
                self.integer(start, digits.parse().ok())?
            }
        };
        if self.byte(0).is_ascii_alphanumeric() || self.byte(0) == b'_' {
            return Err(Fault::syntax(start, "malformed number"));
        }
        Ok(token)
    }

    fn integer(&mut self, start: usize, magnitude: Option<u64>) -> Result<Token, Box<Fault>> {
        let magnitude = magnitude.ok_or_else(|| Fault::syntax(start, "malformed or too large integer"))?;
        if matches!(self.byte(0), b'u' | b'U') {
            self.at += 1;
            return Ok(Token::Uint(magnitude));
        }
        Ok(Token::Int(magnitude))
    }

    /// A string or bytes literal; stands on the opening quote.
    fn text(&mut self, raw: bool, bytes: bool) -> Result<Token, Box<Fault>> {
        let start = self.at;
        let quote = &self.rest()[..1];
        let triple = quote.repeat(3);
        let long = self.rest().starts_with(&triple);
        let end = if long { triple.as_str() } else { quote };
        self.at += end.len();
        let mut out = Vec::new();
        loop {
            if self.rest().starts_with(end) {
                self.at += end.len();
                break;
            }
            let Some(next) = self.peek() else {
                return Err(Fault::syntax(start, "string without its closing quote"));
            };
            if !long && matches!(next, '\n' | '\r') {
                return Err(Fault::syntax(start, "string without its closing quote on the line"));
            }
            let at = self.at;
            self.at += next.len_utf8();
            if next == '\\' && !raw {
                self.escape(at, bytes, &mut out)?;
            } else {
                out.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if bytes {
            return Ok(Token::Bytes(out));
        }
        let text = String::from_utf8(out).map_err(|_| Fault::syntax(start, "string is no valid Unicode"))?;
        Ok(Token::Text(text))
    }

    /// One escape sequence, behind its backslash, which stands at `at`.
    fn escape(&mut self, at: usize, bytes: bool, out: &mut Vec<u8>) -> Result<(), Box<Fault>> {
        let Some(kind) = self.peek() else {
            return Err(Fault::syntax(at, "string without its closing quote"));
        };
        self.at += kind.len_utf8();
        let plain = match kind {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 0x0b,
            '\\' | '?' | '"' | '\'' | '`' => kind as u8,
            'x' | 'X' => return self.code(at, 2, 16, bytes, out),
            'u' if !bytes => return self.code(at, 4, 16, false, out),
            'U' if !bytes => return self.code(at, 8, 16, false, out),
            '0'..='3' => {
                self.at -= 1;
                return self.code(at, 3, 8, bytes, out);
            }
            _ => return Err(Fault::syntax(at, format!("unknown escape sequence \\{kind}"))),
        };
        out.push(plain);
        Ok(())
    }

    /// `digits` digits: a byte of a bytes literal, a code point of a string.
    fn code(&mut self, at: usize, digits: usize, radix: u32, byte: bool, out: &mut Vec<u8>) -> Result<(), Box<Fault>> {
        let code = self
            .rest()
            .get(..digits)
            .filter(|text| text.chars().all(|c| c.is_digit(radix)))
            .and_then(|text| u32::from_str_radix(text, radix).ok())
            .ok_or_else(|| Fault::syntax(at, format!("escape sequence needs {digits} digits")))?;
        self.at += digits;
        if byte {
            out.push(code as u8); // two hexadecimal digits, or three octal ones up to 377
            return Ok(());
        }
        let point =
            char::from_u32(code).ok_or_else(|| Fault::syntax(at, "escape sequence is no Unicode code point"))?;
        out.extend_from_slice(point.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}
