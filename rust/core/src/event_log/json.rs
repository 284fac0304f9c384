//! Values as JSON text, in the order in which they came, with the cuts of level STANDARD. What becomes of kinds that JSON has not
//! is the rule of [`crate::value::to_plain_json`].

use super::Truncation;
use crate::value::{Value, plain_scalar, table_keys};
use std::io::Write;

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
            // A vector takes whatever is written to it.
            Value::I32(number) => _ = write!(self.out, "{number}"),
            Value::I64(number) => _ = write!(self.out, "{number}"),
            _ => match plain_scalar(value) {
                serde_json::Value::String(text) => self.text(&text),
                other => _ = write!(self.out, "{other}"),
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
        _ = write!(self.out, r#"...","omittedChars":{}}}"#, length - units);
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
            _ = write!(self.out, r#","omittedElements":{}}}"#, items.len() - kept);
        }
    }

    fn object<'v>(&mut self, fields: impl Iterator<Item = (&'v str, &'v Value)> + Clone, depth: usize) {
        let deep = self.keep.depth > 0 && depth >= self.keep.depth;
        let omitted = if deep {
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
            _ = write!(self.out, r#","omittedFields":{omitted}}}"#);
        }
    }
}

fn is_container(value: &Value) -> bool {
    matches!(
        value,
        Value::Map(_) | Value::Table(_) | Value::List(_) | Value::Set(_) | Value::Opaque { .. }
    )
}

/// A JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => _ = write!(out, "\\u{byte:04x}"),
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}
