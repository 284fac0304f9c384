//! Schemas as providers want them.

use serde_json::{Value, json};

use crate::request::OutputSchema;

/// The schema in the form that strict modes ask for: of every object all properties are required, and no others are
/// allowed. What says so already stays as it is.
///
/// Languages leave `additionalProperties` out, and with it every strict provider refuses the request.
pub fn strict_schema(schema: &Value) -> Value {
    let mut strict = schema.clone();
    tighten(&mut strict);
    strict
}

fn tighten(schema: &mut Value) {
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(tighten),
        Value::Object(parts) => {
            if let Some(properties) = parts.get("properties").and_then(Value::as_object) {
                let names = properties.keys().cloned().collect::<Vec<_>>();
                parts.insert("required".to_owned(), json!(names));
                parts.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            for (key, part) in parts.iter_mut() {
                match key.as_str() {
                    // Their keys are names of the user, not words of the schema.
                    "properties" | "$defs" | "definitions" => {
                        part.as_object_mut()
                            .into_iter()
                            .flatten()
                            .for_each(|(_, inner)| tighten(inner));
                    }
                    "items" | "anyOf" | "allOf" | "oneOf" | "prefixItems" | "not" => tighten(part),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A schema for the answer as OpenAI names its parts: strict where it can be, else as a wish; `None` for one that is no
/// object, which is refused. Servers that take `any` are given it as it is meant.
pub(crate) fn answer_format(output: &OutputSchema, any: bool) -> Option<Value> {
    let strict = any || can_be_strict(&output.schema);
    let schema = if strict {
        strict_schema(&output.schema)
    } else {
        output.schema.clone()
    };
    (strict || schema["type"] == "object").then(|| json!({"name": output.name, "schema": schema, "strict": strict}))
}

/// Whether strict modes take the schema, once it is [`strict_schema`]: it is an object, all of whose parts are known.
/// What they do not take makes them refuse the whole question.
pub(crate) fn can_be_strict(schema: &Value) -> bool {
    schema["type"] == "object" && is_known(schema)
}

fn is_known(schema: &Value) -> bool {
    let all = |parts: &Value| parts.as_object().is_none_or(|parts| parts.values().all(is_known));
    let Some(parts) = schema.as_object() else { return false };
    let kind = &schema["type"];
    let says_what = !kind.is_null()
        || ["$ref", "enum", "const", "anyOf"]
            .iter()
            .any(|word| parts.contains_key(*word));
    let open = parts
        .get("additionalProperties")
        .is_some_and(|more| *more != Value::Bool(false))
        || kind == "object" && !parts.contains_key("properties")
        || kind == "array" && !parts.contains_key("items")
        || ["oneOf", "allOf", "not", "prefixItems", "patternProperties"]
            .iter()
            .any(|word| parts.contains_key(*word));
    says_what
        && !open
        && all(&schema["properties"])
        && all(&schema["$defs"])
        && all(&schema["definitions"])
        && parts.get("items").is_none_or(is_known)
        && schema["anyOf"]
            .as_array()
            .is_none_or(|parts| parts.iter().all(is_known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_at_every_depth() {
        let schema = json!({
            "type": "object",
            "properties": {
                "properties": {"type": "string"},
                "list": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
            },
            "required": ["list"],
            "$defs": {"Item": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        });
        let strict = strict_schema(&schema);
        assert_eq!(strict["required"], json!(["properties", "list"]));
        assert_eq!(strict["additionalProperties"], json!(false));
        assert_eq!(strict["$defs"]["Item"]["required"], json!(["n"]));
        assert_eq!(strict["properties"]["properties"], json!({"type": "string"}));
    }

    #[test]
    fn what_strict_modes_refuse_is_known_before() {
        let closed = json!({
            "type": "object",
            "properties": {"name": {"type": "string"}, "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
                "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            "$defs": {"Item": {"type": "object", "properties": {}}},
        });
        assert!(can_be_strict(&closed) && can_be_strict(&strict_schema(&closed)));
        for part in [
            json!({}),
            json!({"type": "object"}),
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            json!({"type": "array"}),
            json!({"type": "array", "items": {}}),
            json!({"oneOf": [{"type": "string"}]}),
        ] {
            let mut open = closed.clone();
            open["$defs"]["Item"]["properties"]["x"] = part;
            assert!(!can_be_strict(&open), "{open}");
        }
        let list = json!({"type": "array", "items": {"type": "string"}});
        assert!(!can_be_strict(&list));
        let format = |schema: &Value, any| {
            let (name, schema) = ("n".to_owned(), schema.clone());
            answer_format(&OutputSchema { name, schema }, any).map(|format| format["strict"].clone())
        };
        let open = json!({"type": "object", "additionalProperties": {"type": "integer"}});
        let strict = |strict: bool| Some(Value::Bool(strict));
        assert_eq!(
            (format(&closed, false), format(&open, false), format(&list, false)),
            (strict(true), strict(false), None)
        );
        assert_eq!((format(&open, true), format(&list, true)), (strict(true), strict(true)));
    }
}
