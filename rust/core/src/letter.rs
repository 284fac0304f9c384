//! How much a dead letter takes along. A letter is recorded before it leaves, so it has to fit into a record of the store: what is
//! longer than its part of one is cut, and says so. Otherwise a poisoned input would stop the job by its letter.

use std::borrow::Cow;

/// What a text says in the place of what was cut off; the number of characters it had follows.
pub const CUT: &str = "… cut by the dead letter, which action-state.max-record-size limits: ";

/// What a letter has of the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The input of the run.
    Input,
    /// The event that the action handled.
    Event,
    /// The stack trace.
    Trace,
    /// What the exception says; the key.
    Text,
}

impl Part {
    /// By the number that hosts use: its place above.
    pub fn of(number: u8) -> Option<Part> {
        [Part::Input, Part::Event, Part::Trace, Part::Text]
            .get(usize::from(number))
            .copied()
    }

    /// Bytes that it may have in a letter of a record of so many; any where records have no limit. All parts together leave room
    /// for the rest of the record.
    pub fn most(self, record: Option<usize>) -> usize {
        let share = match self {
            Part::Input => 2,
            Part::Event => 4,
            Part::Trace => 16,
            Part::Text => 32,
        };
        record.map_or(usize::MAX, |record| record / share)
    }

    /// The text, or as much of its beginning as there is room for.
    pub fn text(self, text: &str, record: Option<usize>) -> Cow<'_, str> {
        self.cut(text, record, char::len_utf8)
            .map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The JSON, or a text in JSON with as much of its beginning as there is room for.
    pub fn json(self, json: &str, record: Option<usize>) -> Cow<'_, str> {
        let cut = self.cut(json, record, quoted_len);
        cut.map_or(Cow::Borrowed(json), |text| {
            Cow::Owned(serde_json::Value::String(text).to_string())
        })
    }

    fn cut(self, text: &str, record: Option<usize>, len: fn(char) -> usize) -> Option<String> {
        let most = self.most(record);
        if text.len() <= most {
            return None;
        }
        let mut room = most;
        let fits = |next: &char| {
            let left = room.checked_sub(len(*next));
            room = left.unwrap_or(0);
            left.is_some()
        };
        let mut kept: String = text.chars().take_while(fits).collect();
        kept.push_str(CUT);
        kept.push_str(&format!("{} characters in all", text.chars().count()));
        Some(kept)
    }
}

/// Bytes of a character inside a text of JSON.
fn quoted_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_as_it_is() {
        for record in [None, Some(128)] {
            assert_eq!(Part::Text.text("äö", record), "äö");
            assert_eq!(Part::Event.json("{\"a\":1}", record), "{\"a\":1}");
        }
        assert_eq!(Part::Text.text(&"x".repeat(1 << 20), None).len(), 1 << 20);
    }

    #[test]
    fn what_is_cut_says_so_and_ends_with_a_whole_character() {
        let told = format!("ää{CUT}4 characters in all");
        assert_eq!(Part::Text.text("ääää", Some(5 * 32)), told);
        assert_eq!(Part::Input.text("ab", Some(0)), format!("{CUT}2 characters in all"));
    }

    #[test]
    fn cut_json_is_a_text_in_json_that_keeps_to_its_part_however_much_is_escaped() {
        for sign in ["\"", "\\", "\n", "\u{1}", "ä", "𐍈"] {
            let json = sign.repeat(10_000);
            let cut = Part::Event.json(&json, Some(4_000));
            let text: String = serde_json::from_str(&cut).unwrap();
            let (kept, note) = text.split_once('…').unwrap();
            assert!(
                json.starts_with(kept) && note.ends_with(" 10000 characters in all"),
                "{text}"
            );
            let quoted = serde_json::to_string(kept).unwrap().len() - 2;
            assert!((994..=1_000).contains(&quoted), "{sign:?}: {quoted}");
        }
    }

    #[test]
    fn all_parts_together_leave_room_for_the_rest_of_a_record() {
        for record in [64 << 10, 1 << 20, 16 << 20] {
            let most = |part: Part| part.most(Some(record));
            let parts = most(Part::Input) + most(Part::Event) + most(Part::Trace) + 2 * most(Part::Text);
            assert!(parts < record - record / 16);
        }
    }
}
