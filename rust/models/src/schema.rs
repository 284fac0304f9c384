//! Schemas as providers want them.

use serde_json::{Value, json};

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
}
