//! Chat messages, as both languages write them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::random;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions.
    System,
    /// The person, or the agent on its behalf.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// One message of a conversation. As JSON: `role`, `content`, `tool_calls`, `extra_args`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text; empty if there is none.
    #[serde(default, deserialize_with = "or_default")]
    pub content: String,
    /// What the model wants to have called.
    #[serde(default, deserialize_with = "or_default")]
    pub tool_calls: Vec<ToolCall>,
    /// What else belongs to it: the keys of [`ChatResponse::into_message`](crate::ChatResponse::into_message), and in
    /// a tool's message `external_id` (Java's `externalId` counts as well), the provider's id of the call it answers.
    #[serde(default, deserialize_with = "or_default")]
    pub extra_args: Map<String, Value>,
}

impl Message {
    /// A message of text alone.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            tool_calls: Vec::new(),
            extra_args: Map::new(),
        }
    }

    /// Instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// What the person says.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// What the model said.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// The result of a tool call; `external_id` is the [`ToolCall::original_id`] of the call.
    pub fn tool(content: impl Into<String>, external_id: impl Into<String>) -> Self {
        let mut message = Self::new(Role::Tool, content);
        message
            .extra_args
            .insert("external_id".to_owned(), Value::String(external_id.into()));
        message
    }

    /// The provider's id of the call that this tool message answers.
    pub fn external_id(&self) -> Option<&str> {
        ["external_id", "externalId"]
            .iter()
            .find_map(|key| self.extra_args.get(*key)?.as_str())
    }
}

/// A call that the model asks for. As JSON: `id`, `type` (always `function`), `function`, `original_id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// A UUID of our own, unique where providers' ids may not be.
    pub id: String,
    /// Always `function`.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// What to call.
    pub function: FunctionCall,
    /// The provider's id, which its answer has to carry; absent where the provider has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_id: Option<String>,
}

impl ToolCall {
    /// A call with a new id.
    pub fn new(name: impl Into<String>, arguments: Map<String, Value>, original_id: Option<String>) -> Self {
        let function = FunctionCall {
            name: name.into(),
            arguments,
        };
        Self {
            id: random::uuid(),
            kind: self::function(),
            function,
            original_id,
        }
    }

    /// The id by which the provider knows the call: its own, or else ours.
    pub fn provider_id(&self) -> &str {
        self.original_id.as_deref().unwrap_or(&self.id)
    }
}

/// Name and arguments of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// The tool's name.
    pub name: String,
    /// By parameter.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// Java writes null for what is not there.
fn or_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

fn function() -> String {
    "function".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_the_json_of_both_languages() {
        let mut message = Message::assistant("");
        message.tool_calls.push(ToolCall {
            id: "u".to_owned(),
            kind: function(),
            function: FunctionCall {
                name: "add".to_owned(),
                arguments: Map::new(),
            },
            original_id: Some("call_1".to_owned()),
        });
        let written = json!({
            "role": "assistant", "content": "", "extra_args": {},
            "tool_calls": [
                {"id": "u", "type": "function", "function": {"name": "add", "arguments": {}}, "original_id": "call_1"}],
        });
        assert_eq!(serde_json::to_value(&message).unwrap(), written);
        assert_eq!(serde_json::from_value::<Message>(written).unwrap(), message);
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let bare = serde_json::from_value::<Message>(json!({"role": "user"})).unwrap();
        let null = json!({"role": "user", "content": null, "tool_calls": null, "extra_args": null});
        assert_eq!(serde_json::from_value::<Message>(null).unwrap(), bare);
    }

    #[test]
    fn both_spellings_of_the_external_id_count() {
        let java = json!({"role": "tool", "content": "3", "extra_args": {"externalId": "call_1"}});
        assert_eq!(
            serde_json::from_value::<Message>(java).unwrap().external_id(),
            Some("call_1")
        );
        assert_eq!(Message::tool("3", "call_2").external_id(), Some("call_2"));
    }
}
