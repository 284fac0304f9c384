//! Finds records in the text of a log: one a line, or spread over lines, with lines that were cut and lines of others between.
//!
//! *Constraint*: one pass over any `BufRead`; no more than one record is held, and none above [`MOST`].

use super::record::Record;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

/// The largest record in bytes. What is larger is no record, and is not held.
pub(super) const MOST: usize = 64 << 20;
/// How records begin when one a line is written; found also behind what a logging framework puts before it.
const BEGIN: &[u8] = br#"{"timestamp":"#;

/// What was found.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// A record, and where its text is in the file: so many bytes from there.
    Record {
        record: &'a Record<'a>,
        offset: u64,
        length: u32,
    },
    /// Something that should be a record: the line, counted from one, on which it begins, and why it is none.
    Malformed { line: u64, reason: String },
    /// A line that has nothing to do with the event log.
    Foreign,
}

/// Gives `each` all that is found, until it breaks off.
///
/// # Errors
/// When the source cannot be read on.
pub(super) fn read(
    mut source: impl BufRead,
    each: &mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut reader = Reader {
        held: Vec::new(),
        offset: 0,
        begun: 0,
        scan: Scan::default(),
        each,
    };
    let mut line = Vec::new();
    let (mut offset, mut number) = (0u64, 0u64);
    loop {
        line.clear();
        let length = source.by_ref().take(MOST as u64).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(reader.end());
        }
        number += 1;
        let whole = length < MOST || line.ends_with(b"\n");
        let mut skipped = 0;
        let next = if whole {
            reader.line(&line, offset, number)
        } else {
            skipped = skip_line(&mut source)?;
            reader.too_long(number)
        };
        if next.is_break() {
            return Ok(next);
        }
        offset += length as u64 + skipped;
    }
}

fn skip_line(source: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = source.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |at| at + 1);
        source.consume(length);
        skipped += length as u64;
        if end.is_some() || length == 0 {
            return Ok(skipped);
        }
    }
}

struct Reader<'e> {
    /// What has begun with a brace and is not finished.
    held: Vec<u8>,
    /// Where it is in the file.
    offset: u64,
    /// The line it begins on.
    begun: u64,
    scan: Scan,
    each: &'e mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
}

impl Reader<'_> {
    fn line(&mut self, line: &[u8], offset: u64, number: u64) -> ControlFlow<()> {
        if !self.held.is_empty() {
            // Objects inside a record are indented. One that is not is the next record: the one before was cut. So it was if
            // a record begins behind something else than the end of it.
            if line[0] == b'{' || (line[0] != b'}' && find(line, 0).is_some()) {
                self.give_up("it ends before it is complete")?;
            }
            if self.held.len() + line.len() > MOST {
                return self.too_long(number);
            }
        }
        if self.held.is_empty() {
            if line[0] == b'{' {
                // The usual case is a line that is a record, and needs no look at each byte.
                let text = line.trim_ascii_end();
                if text.ends_with(b"}")
                    && let Ok(record) = Record::parse(text)
                {
                    let length = text.len() as u32;
                    return (self.each)(Item::Record {
                        record: &record,
                        offset,
                        length,
                    });
                }
            }
            let text = line.trim_ascii_start();
            let start = match text.first() {
                None => return ControlFlow::Continue(()),
                Some(b'{') => line.len() - text.len(),
                Some(_) => match find(line, 0) {
                    Some(start) => start,
                    None => return (self.each)(Item::Foreign),
                },
            };
            self.begin(&line[start..], offset + start as u64, number);
        } else {
            self.held.extend_from_slice(line);
        }
        self.look()
    }

    fn begin(&mut self, text: &[u8], offset: u64, number: u64) {
        self.held.clear();
        self.held.extend_from_slice(text);
        self.scan = Scan::default();
        self.offset = offset;
        self.begun = number;
    }

    /// Takes finished records out of what is held.
    fn look(&mut self) -> ControlFlow<()> {
        loop {
            match self.scan.run(&self.held) {
                Found::More => return ControlFlow::Continue(()),
                Found::Cut => self.give_up("a text in it is cut off")?,
                Found::End(end) => {
                    match Record::parse(&self.held[..end]) {
                        Ok(record) => {
                            let (offset, length) = (self.offset, end as u32);
                            (self.each)(Item::Record {
                                record: &record,
                                offset,
                                length,
                            })?;
                            self.drop_to(end);
                        }
                        Err(reason) => {
                            (self.each)(Item::Malformed {
                                line: self.begun,
                                reason,
                            })?;
                            self.drop_to(find(&self.held[..end], 1).unwrap_or(end));
                        }
                    }
                    let blank = self.held.len() - self.held.trim_ascii_start().len();
                    self.drop_to(blank);
                    if self.held.first().is_some_and(|byte| *byte != b'{') {
                        match find(&self.held, 0) {
                            Some(start) => self.drop_to(start),
                            None => self.held.clear(),
                        }
                    }
                }
            }
            if self.held.is_empty() {
                return ControlFlow::Continue(());
            }
        }
    }

    fn drop_to(&mut self, place: usize) {
        self.held.drain(..place);
        self.offset += place as u64;
        self.scan = Scan::default();
    }

    /// Reports what is held as no record. A record that begins inside it is kept: the writer may have died in a line, and its
    /// successor have gone on behind it.
    fn give_up(&mut self, reason: &str) -> ControlFlow<()> {
        let reason = reason.to_owned();
        (self.each)(Item::Malformed {
            line: self.begun,
            reason,
        })?;
        match find(&self.held, 1) {
            Some(start) => {
                self.drop_to(start);
                self.look()
            }
            None => {
                self.held.clear();
                ControlFlow::Continue(())
            }
        }
    }

    fn too_long(&mut self, number: u64) -> ControlFlow<()> {
        let line = if self.held.is_empty() { number } else { self.begun };
        self.held.clear();
        let reason = format!("it is longer than {} MiB", MOST >> 20);
        (self.each)(Item::Malformed { line, reason })
    }

    fn end(&mut self) -> ControlFlow<()> {
        while !self.held.is_empty() {
            self.give_up("the file ends before it is complete")?;
        }
        ControlFlow::Continue(())
    }
}

fn find(text: &[u8], from: usize) -> Option<usize> {
    let mut places = text.get(from..)?.windows(BEGIN.len());
    places.position(|part| part == BEGIN).map(|place| place + from)
}

/// Where an object ends, found in one pass however often more of it comes.
#[derive(Default)]
struct Scan {
    at: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

enum Found {
    More,
    /// It ends before this place.
    End(usize),
    /// A line end in a text: there is none in JSON.
    Cut,
}

impl Scan {
    fn run(&mut self, held: &[u8]) -> Found {
        while let Some(byte) = held.get(self.at) {
            self.at += 1;
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    b'\n' => return Found::Cut,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Found::End(self.at);
                    }
                }
                _ => {}
            }
        }
        Found::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids of the records, `!line reason` and `?`.
    fn found(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut each = |item: Item<'_>| {
            all.push(match item {
                Item::Record { record, offset, length } => {
                    let place = offset as usize..offset as usize + length as usize;
                    let again = Record::parse(&text.as_bytes()[place]).unwrap();
                    assert_eq!(again.id(), record.id(), "the place is that of the record");
                    record.id().to_owned()
                }
                Item::Malformed { line, reason } => format!("!{line} {reason}"),
                Item::Foreign => "?".to_owned(),
            });
            ControlFlow::Continue(())
        };
        // A buffer of a few bytes, so that records lie across its ends.
        let source = io::BufReader::with_capacity(7, text.as_bytes());
        assert!(read(source, &mut each).unwrap().is_continue());
        all
    }

    fn line(id: &str) -> String {
        format!(
            r#"{{"timestamp":"2026-01-01T00:00:00Z","eventId":"{id}","eventType":"t","eventAttributes":{{"a":["}}"]}}}}"#
        )
    }

    fn pretty(id: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(&line(id)).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    }

    #[test]
    fn lines_and_records_over_several_lines_are_read_in_any_mixture() {
        let text = format!(
            "{}\n{}\n\n{}{}\r\n{} {}",
            line("a"),
            pretty("b"),
            pretty("c"),
            line("d"),
            line("e"),
            pretty("f")
        );
        assert_eq!(found(&text), ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(found(""), [""; 0]);
        assert_eq!(found("\n\n"), [""; 0]);
    }

    #[test]
    fn a_cut_record_costs_no_other() {
        for whole in [line("x"), pretty("x")] {
            for length in (1..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
                let text = format!("{}\n{}\n{}\n{}", line("a"), &whole[..length], line("b"), pretty("c"));
                let all = found(&text);
                assert_eq!(all.len(), 4, "{all:?} of {text}");
                assert!(all[1].starts_with("!2 "), "{all:?} of {text}");
                assert_eq!((&*all[0], &*all[2], &*all[3]), ("a", "b", "c"));
            }
        }
    }

    #[test]
    fn a_record_behind_a_cut_one_on_the_same_line_is_found() {
        let whole = line("x");
        for length in 1..whole.len() {
            let text = format!("{}{}\n{}", &whole[..length], line("b"), line("c"));
            let all = found(&text);
            assert!(all[0].starts_with('!'), "{all:?} of {text}");
            assert_eq!(all[all.len() - 2..], ["b", "c"], "{all:?} of {text}");
        }
    }

    #[test]
    fn a_record_that_the_end_of_the_file_cuts_is_told() {
        let whole = line("x");
        let all = found(&format!("{}\n{}", line("a"), &whole[..40]));
        assert_eq!(all, ["a", "!2 the file ends before it is complete"]);
    }

    #[test]
    fn records_behind_the_prefix_of_a_logger_are_read_and_its_own_lines_passed_over() {
        let text = format!(
            "2026-01-01 00:00:00,000 INFO  o.a.f.Task [] - begins\n2026-01-01 INFO EventLog [] - {}\n\tat x.Y(Z.java:1)\n",
            line("a")
        );
        assert_eq!(found(&text), ["?", "a", "?"]);
    }

    #[test]
    fn objects_that_are_no_records_are_told_with_the_reason() {
        let all = found(&format!("{{\"a\":1}}\n{}\n{{]}}\n", line("a")));
        assert!(all[0].starts_with("!1 missing field `timestamp`"), "{all:?}");
        assert_eq!(all[1], "a");
        assert!(all[2].starts_with("!3 "), "{all:?}");
    }

    #[test]
    fn no_bytes_make_it_fail_or_loop() {
        let mut seed = 7u64;
        let parts = [
            "{",
            "}",
            "\"",
            "\\",
            "\n",
            "[",
            "]",
            "x",
            "\0",
            "{\"timestamp\":",
            &line("r"),
            "\n{",
        ];
        for _ in 0..3_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(parts[(seed >> 33) as usize % parts.len()]);
            }
            text.push_str(&format!("\n\n{}\n", line("last")));
            assert_eq!(found(&text).last().map(String::as_str), Some("last"), "{text}");
        }
    }
}
