//! Values as JSON text, in the order in which they came, with the cuts of level STANDARD. What becomes of kinds that JSON has not
//! is the rule of [`crate::value::to_plain_json`].

use super::Truncation;
use crate::value::{Token, Value, ValueError, Walk, plain_scalar, table_keys};

/// Writes values into a line, and remembers whether something was cut.
pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) keep: Truncation,
    pub(super) cut: bool,
}

impl Writer<'_> {
    pub(super) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// An encoded value that stands at `depth`: the same as [`Writer::value`] makes of it. What is to be cut, and what is rare, goes
    /// by way of a tree.
    pub(super) fn encoded(&mut self, walk: &mut Walk<'_>, depth: usize) -> Result<(), ValueError> {
        match walk.token(depth - 1)? {
            Token::Null => self.raw("null"),
            Token::Bool(true) => self.raw("true"),
            Token::Bool(false) => self.raw("false"),
            Token::Integer(number) => integer(self.out, number),
            Token::Float(number) => self.scalar(&Value::F64(number)),
            Token::Text(text) => self.text(text),
            Token::Map(count) if !self.is_deep(depth) => {
                self.out.push(b'{');
                for index in 0..count {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    string(self.out, walk.key()?);
                    self.out.push(b':');
                    self.encoded(walk, depth + 1)?;
                }
                self.out.push(b'}');
            }
            Token::List(count) if self.keep.array == 0 || count <= self.keep.array => {
                self.out.push(b'[');
                for index in 0..count {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.encoded(walk, depth + 1)?;
                }
                self.out.push(b']');
            }
            Token::Map(_) | Token::List(_) | Token::Other => {
                let value = walk.value(depth - 1)?;
                self.value(&value, depth);
            }
        }
        Ok(())
    }

    fn is_deep(&self, depth: usize) -> bool {
        self.keep.depth > 0 && depth >= self.keep.depth
    }

    /// A value that stands at `depth`.
    pub(super) fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Map(entries) => {
                let fields = entries.iter().map(|(key, item)| (key.as_str(), item));
                self.object(fields, depth);
            }
            Value::Table(entries) => match table_keys(entries) {
                Some(keys) => {
                    let fields = keys
                        .iter()
                        .map(String::as_str)
                        .zip(entries.iter().map(|(_, item)| item));
                    self.object(fields, depth);
                }
                None => self.array(entries, depth, |writer, (key, item), depth| {
                    writer.object([("key", key), ("value", item)].into_iter(), depth);
                }),
            },
            Value::List(items) | Value::Set(items) => self.array(items, depth, Writer::value),
            _ => self.scalar(value),
        }
    }

    fn scalar(&mut self, value: &Value) {
        match value {
            Value::Null => self.raw("null"),
            Value::Bool(true) => self.raw("true"),
            Value::Bool(false) => self.raw("false"),
            Value::Text(text) => self.text(text),
            Value::I32(number) => integer(self.out, i64::from(*number)),
            Value::I64(number) => integer(self.out, *number),
            _ => match plain_scalar(value) {
                serde_json::Value::String(text) => self.text(&text),
                // A vector takes whatever is written to it.
                other => self.raw(&format!("{other}")),
            },
        }
    }

    fn text(&mut self, text: &str) {
        let most = self.keep.string;
        // A text has no more characters than bytes.
        if most == 0 || text.len() <= most {
            return string(self.out, text);
        }
        let length: usize = text.chars().map(char::len_utf16).sum();
        if length <= most {
            return string(self.out, text);
        }
        let mut units = 0;
        let mut end = 0;
        for (at, c) in text.char_indices() {
            units += c.len_utf16();
            if units > most {
                units -= c.len_utf16();
                end = at;
                break;
            }
        }
        self.cut = true;
        self.raw(r#"{"truncatedString":"#);
        string(self.out, &text[..end]);
        self.out.pop();
        self.raw(&format!(r#"...","omittedChars":{}}}"#, length - units));
    }

    fn array<T>(&mut self, items: &[T], depth: usize, write: impl Fn(&mut Self, &T, usize)) {
        let most = self.keep.array;
        let kept = if most > 0 { items.len().min(most) } else { items.len() };
        let cut = kept < items.len();
        if cut {
            self.cut = true;
            self.raw(r#"{"truncatedList":"#);
        }
        self.out.push(b'[');
        for (index, item) in items[..kept].iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(self, item, depth + 1);
        }
        self.out.push(b']');
        if cut {
            self.raw(&format!(r#","omittedElements":{}}}"#, items.len() - kept));
        }
    }

    fn object<'v>(&mut self, fields: impl Iterator<Item = (&'v str, &'v Value)> + Clone, depth: usize) {
        let omitted = if self.is_deep(depth) {
            fields.clone().filter(|(_, item)| is_container(item)).count()
        } else {
            0
        };
        if omitted > 0 {
            self.cut = true;
            self.raw(r#"{"truncatedObject":"#);
        }
        self.out.push(b'{');
        let mut first = true;
        for (key, item) in fields.filter(|(_, item)| omitted == 0 || !is_container(item)) {
            if !first {
                self.out.push(b',');
            }
            first = false;
            string(self.out, key);
            self.out.push(b':');
            self.value(item, depth + 1);
        }
        self.out.push(b'}');
        if omitted > 0 {
            self.raw(&format!(r#","omittedFields":{omitted}}}"#));
        }
    }
}

fn is_container(value: &Value) -> bool {
    matches!(
        value,
        Value::Map(_) | Value::Table(_) | Value::List(_) | Value::Set(_) | Value::Opaque { .. }
    )
}

fn integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

/// A JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_bytes(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(byte) = rest.get(plain) else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

/// How many bytes in front need no escape. Eight at a time: in each word the lowest of the found bits is exact, those above it may
/// be owed to a borrow.
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let escaped = is_zero(word ^ (ONES * 0x22)) | is_zero(word ^ (ONES * 0x5c));
        let found = (control | escaped) & HIGH;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    bytes.len() - rest.len() + rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len())
}
