//! A record of the event log, in its present form and in that of 0.3.1.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The type of events that begin a run.
pub(super) const INPUT: &str = "_input_event";
/// The type of events that leave the agent.
pub(super) const OUTPUT: &str = "_output_event";

/// What a record of an execution says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Started,
    Finished,
    Failed,
    Reused,
}

/// Which phase a type stands for; none for events.
pub(super) fn phase_of(event_type: &str) -> Option<Phase> {
    Some(match event_type {
        "_execution_started_event" => Phase::Started,
        "_execution_finished_event" => Phase::Finished,
        "_execution_failed_event" => Phase::Failed,
        "_execution_reused_event" => Phase::Reused,
        _ => return None,
    })
}

/// Text that is taken from the line where it has no escapes. Serde borrows it inside an `Option` only in a type of its own.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A record. Fields that are unknown here are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    pub(super) job_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) task_name: Option<Text<'a>>,
    pub(super) subtask_id: Option<i64>,
    #[serde(borrow)]
    pub(super) input_run_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) business_key: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) agent_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) execution_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) parent_execution_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) entity_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) entity_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) entity_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    event_id: Option<Text<'a>>,
    #[serde(borrow)]
    event_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) upstream_event_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) upstream_action_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) problem_category: Option<Text<'a>>,
    #[serde(borrow)]
    event_attributes: Option<&'a RawValue>,
    /// The form of 0.3.1.
    #[serde(borrow)]
    event: Option<Legacy<'a>>,
    /// Of [`Record::time`].
    #[serde(skip)]
    micros: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Legacy<'a> {
    #[serde(borrow)]
    event_type: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    short_type: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

/// What an execution that failed says of why.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    #[serde(default, deserialize_with = "whole_or_cut")]
    pub(super) error_type: Option<String>,
    #[serde(default, deserialize_with = "whole_or_cut")]
    pub(super) error_message: Option<String>,
}

/// A text, also one that was too long for the log; nothing if it is something else.
fn whole_or_cut<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let mut value = serde_json::Value::deserialize(from)?;
    let cut = value.get_mut("truncatedString").map(serde_json::Value::take);
    Ok(match cut.unwrap_or(value) {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

impl<'a> Record<'a> {
    /// Reads the text of one record.
    ///
    /// # Errors
    /// With the reason why it is none.
    pub(super) fn parse(text: &'a [u8]) -> Result<Record<'a>, String> {
        let mut record: Record<'a> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        record.micros = super::time::parse(&record.timestamp)
            .ok_or_else(|| format!("its timestamp '{}' is no ISO-8601 time", &*record.timestamp))?;
        let has = |text: Option<&str>, name: &str| match text {
            Some(text) if !text.is_empty() => Ok(()),
            _ => Err(format!("it has no {name}")),
        };
        has(record.id_text(), "eventId")?;
        has(record.type_text(), "eventType")?;
        Ok(record)
    }

    fn id_text(&self) -> Option<&str> {
        let old = || self.event.as_ref()?.id.as_deref();
        self.event_id.as_deref().or_else(old)
    }

    fn type_text(&self) -> Option<&str> {
        let old = || {
            let event = self.event.as_ref()?;
            event.event_type.as_deref().or(event.short_type.as_deref())
        };
        self.event_type.as_deref().or_else(old)
    }

    /// When the event was processed, in microseconds since 1970.
    pub(super) fn time(&self) -> i64 {
        self.micros
    }

    /// The same as it is written.
    pub(super) fn timestamp(&self) -> &str {
        &self.timestamp
    }

    /// Id of the event.
    pub(super) fn id(&self) -> &str {
        self.id_text().unwrap_or_default()
    }

    /// Type of the event.
    pub(super) fn event_type(&self) -> &str {
        self.type_text().unwrap_or_default()
    }

    /// What the event carries, as JSON.
    pub(super) fn attributes(&self) -> Option<&'a RawValue> {
        let old = || self.event.as_ref()?.attributes;
        self.event_attributes.or_else(old)
    }

    /// Why the execution failed, as far as it is said.
    pub(super) fn problem(&self) -> Problem {
        self.attributes()
            .and_then(|attributes| serde_json::from_str(attributes.get()).ok())
            .unwrap_or_default()
    }
}

/// An id as a number: that of a UUID, as nearly all are, else the beginning of a digest, so that two texts are never the same.
pub(super) fn number(id: &str) -> u128 {
    uuid(id.as_bytes()).unwrap_or_else(|| {
        let digest = Sha256::digest(id.as_bytes());
        digest.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
    })
}

fn uuid(id: &[u8]) -> Option<u128> {
    if id.len() != 36 {
        return None;
    }
    let mut sum = 0u128;
    for (place, byte) in id.iter().enumerate() {
        let digit = match (place, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => byte - b'0',
            // Capitals would make two texts one number.
            (_, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        sum = sum << 4 | u128::from(digit);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let now =
            br#"{"timestamp":"2026-01-01T00:00:00Z","logLevel":"STANDARD","jobId":"j","taskName":"t","subtaskId":3,
            "eventId":"a","eventType":"_output_event","upstreamEventId":"b","upstreamActionName":"handle",
            "later":[1],"eventAttributes":{"output":"x"}}"#;
        let record = Record::parse(now).unwrap();
        assert_eq!(
            (record.id(), record.event_type(), record.subtask_id),
            ("a", OUTPUT, Some(3))
        );
        assert_eq!(record.attributes().map(RawValue::get), Some(r#"{"output":"x"}"#));
        let before = br#"{"timestamp":"2026-01-01T00:00:00Z","logLevel":"STANDARD","eventType":"_input_event",
            "event":{"eventType":"_input_event","id":"c","attributes":{"input":1}}}"#;
        let record = Record::parse(before).unwrap();
        assert_eq!((record.id(), record.event_type()), ("c", INPUT));
        assert_eq!(record.attributes().map(RawValue::get), Some(r#"{"input":1}"#));
    }

    #[test]
    fn what_is_no_record_is_refused_with_the_reason() {
        for (text, reason) in [
            ("{}", "timestamp"),
            (r#"{"timestamp":"2026-01-01T00:00:00Z"}"#, "no eventId"),
            (r#"{"timestamp":"2026-01-01T00:00:00Z","eventId":"a"}"#, "no eventType"),
            (
                r#"{"timestamp":"now","eventId":"a","eventType":"b"}"#,
                "'now' is no ISO-8601 time",
            ),
            (r#"{"timestamp":7,"eventId":"a","eventType":"b"}"#, "invalid type"),
        ] {
            let error = Record::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn an_error_is_told_also_when_its_message_was_cut_or_is_missing() {
        for (attributes, error_type, message) in [
            (r#"{"errorType":"E","errorMessage":"m"}"#, Some("E"), Some("m")),
            (
                r#"{"errorType":"E","errorMessage":{"truncatedString":"mm...","omittedChars":7}}"#,
                Some("E"),
                Some("mm..."),
            ),
            (r#"{"errorType":"E","errorMessage":null}"#, Some("E"), None),
            (r#"{"errorType":7}"#, None, None),
            ("[]", None, None),
        ] {
            let text = format!(
                r#"{{"timestamp":"2026-01-01T00:00:00Z","eventId":"a","eventType":"b","eventAttributes":{attributes}}}"#
            );
            let problem = Record::parse(text.as_bytes()).unwrap().problem();
            let found = (problem.error_type.as_deref(), problem.error_message.as_deref());
            assert_eq!(found, (error_type, message), "{attributes}");
        }
    }

    #[test]
    fn ids_are_numbers_of_their_own() {
        assert_eq!(number("00000000-0000-0000-0000-0000000000ff"), 255);
        let others = [
            "00000000-0000-0000-0000-0000000000FF",
            "ff",
            "0000000000000000000000000000000000ff",
            "é",
        ];
        let numbers: std::collections::HashSet<_> = others.map(number).into();
        assert_eq!(numbers.len(), others.len());
        assert!(!numbers.contains(&255));
    }
}
