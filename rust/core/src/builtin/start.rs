//! What an action begins with: the event and the settings.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{BuiltInError, shown};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Chat,
    Tool,
    Retrieval,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    #[default]
    Python,
    Java,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    Fail,
    Retry,
    Ignore,
}

#[derive(Debug, Deserialize)]
pub(super) struct Start {
    pub action: Action,
    pub event: StartEvent,
    pub fresh_id: String,
    #[serde(default)]
    pub language: Language,
    #[serde(default)]
    pub settings: Settings,
}

#[derive(Debug, Deserialize)]
pub(super) struct StartEvent {
    pub id: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub attributes: Map<String, Value>,
}

/// Options of the configuration, of which hosts pass what is set.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    #[serde(rename = "chat.async")]
    pub chat_async: bool,
    #[serde(rename = "tool-call.async")]
    pub tool_call_async: bool,
    #[serde(rename = "rag.async")]
    pub rag_async: bool,
    #[serde(rename = "error-handling-strategy", deserialize_with = "strategy")]
    pub strategy: Strategy,
    #[serde(rename = "max-retries")]
    pub max_retries: i64,
    /// In seconds.
    #[serde(rename = "retry-wait-interval")]
    pub retry_wait_interval: i64,
    #[serde(rename = "chat.max-tool-rounds")]
    pub max_tool_rounds: u64,
    #[serde(rename = "chat.structured-output-repairs")]
    pub structured_output_repairs: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            chat_async: true,
            tool_call_async: true,
            rag_async: true,
            strategy: Strategy::Fail,
            max_retries: 3,
            retry_wait_interval: 1,
            max_tool_rounds: 50,
            structured_output_repairs: 1,
        }
    }
}

fn strategy<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Strategy, D::Error> {
    let word = String::deserialize(from)?;
    match word.to_ascii_lowercase().as_str() {
        "fail" => Ok(Strategy::Fail),
        "retry" => Ok(Strategy::Retry),
        "ignore" => Ok(Strategy::Ignore),
        _ => Err(serde::de::Error::custom(format!(
            "'error-handling-strategy' must be fail, retry or ignore, not '{word}'"
        ))),
    }
}

impl Start {
    pub fn read(text: &str) -> Result<Self, BuiltInError> {
        serde_json::from_str(text).map_err(|error| BuiltInError::Start {
            reason: error.to_string(),
        })
    }

    /// The event is not one that the action can take.
    pub fn refuse(&self, reason: impl Into<String>) -> BuiltInError {
        BuiltInError::Event {
            action: match self.action {
                Action::Chat => "chat",
                Action::Tool => "tool",
                Action::Retrieval => "retrieval",
            },
            id: self.event.id.clone(),
            event_type: self.event.event_type.clone(),
            reason: reason.into(),
        }
    }

    fn wrong(&self, name: &str, expected: &str) -> BuiltInError {
        let found = match self.event.attributes.get(name) {
            Some(value) => shown(value),
            None => "missing".to_owned(),
        };
        self.refuse(format!("its attribute '{name}' must be {expected}, but is {found}"))
    }

    /// A text that has to be there.
    pub fn text(&self, name: &str) -> Result<&str, BuiltInError> {
        let value = self.event.attributes.get(name).and_then(Value::as_str);
        value.ok_or_else(|| self.wrong(name, "a text"))
    }

    /// A list, taken out of the event; an empty one where there is none.
    pub fn list(&mut self, name: &str) -> Result<Vec<Value>, BuiltInError> {
        match self.event.attributes.get_mut(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(std::mem::take(items)),
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }

    /// A map, taken out of the event; an empty one where there is none.
    pub fn map(&mut self, name: &str) -> Result<Map<String, Value>, BuiltInError> {
        match self.event.attributes.get_mut(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(fields)) => Ok(std::mem::take(fields)),
            Some(_) => Err(self.wrong(name, "a map")),
        }
    }

    /// A whole number; nothing where there is none.
    pub fn whole(&self, name: &str) -> Result<Option<i64>, BuiltInError> {
        match self.event.attributes.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(name, "a whole number")),
            },
        }
    }

    /// Any value, taken out of the event; null where there is none.
    pub fn take(&mut self, name: &str) -> Value {
        self.event.attributes.get_mut(name).map_or(Value::Null, Value::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigMap;

    #[test]
    fn settings_left_out_are_the_defaults_of_the_table() {
        let table = ConfigMap::default();
        let whole = |key| table.get_int(key).unwrap().unwrap();
        let switch = |key| table.get_bool(key).unwrap().unwrap();
        let settings = Settings::default();
        assert_eq!(settings.chat_async, switch("chat.async"));
        assert_eq!(settings.tool_call_async, switch("tool-call.async"));
        assert_eq!(settings.rag_async, switch("rag.async"));
        assert_eq!(table.get_enum("error-handling-strategy").unwrap(), Some("FAIL"));
        assert_eq!(settings.strategy, Strategy::Fail);
        assert_eq!(settings.max_retries, whole("max-retries"));
        assert_eq!(settings.retry_wait_interval, whole("retry-wait-interval"));
        assert_eq!(settings.max_tool_rounds as i64, whole("chat.max-tool-rounds"));
        assert_eq!(
            settings.structured_output_repairs as i64,
            whole("chat.structured-output-repairs")
        );
    }
}
