//! Structured output: from the text of a model to a value.

use serde_json::Value;

use super::shortened;

/// The JSON that a text is, as it stands or in a fence of Markdown; else what is wrong with it.
pub(super) fn json_of(text: &str) -> Result<Value, String> {
    let inner = unfenced(text.trim());
    if inner.is_empty() {
        return Err("the answer is empty, JSON was expected".to_owned());
    }
    serde_json::from_str(inner).map_err(|error| format!("the answer is no JSON ({error}): {}", shortened(inner, 200)))
}

/// What stands between ```` ``` ```` or ```` ```json ```` and the next ```` ``` ````, trimmed; a text without fence as it is.
fn unfenced(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("```") else {
        return text;
    };
    let rest = match rest.get(..4) {
        Some(word) if word.eq_ignore_ascii_case("json") => &rest[4..],
        _ => rest,
    };
    rest.rfind("```").map_or(rest, |end| &rest[..end]).trim()
}

/// What the model is told of an answer that does not fit.
pub(super) fn repair(reason: &str) -> String {
    format!(
        "Your last answer could not be used: {reason}\nAnswer again, with nothing but JSON that has the form that was \
         asked for."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_taken_as_it_stands_or_out_of_a_fence() {
        for text in [
            "{\"a\": 1}",
            "  {\"a\": 1}\n",
            "```{\"a\": 1}```",
            "```json\n{\"a\": 1}\n```",
            "```JSON {\"a\": 1}\n```\nThat is it.",
            "```\n{\"a\": 1}",
        ] {
            assert_eq!(json_of(text), Ok(json!({"a": 1})), "{text}");
        }
        assert_eq!(json_of("```json\n\"a ``` b\"\n```"), Ok(json!("a ``` b")));
    }

    #[test]
    fn a_text_that_is_no_json_is_shown_with_what_is_wrong() {
        assert!(json_of(" ").unwrap_err().contains("empty"));
        assert!(json_of("``````").unwrap_err().contains("empty"));
        let error = json_of("Sure! {\"a\": 1}").unwrap_err();
        assert!(error.contains("line 1 column 1") && error.contains("Sure!"), "{error}");
        assert!(json_of("```jso").unwrap_err().contains("no JSON"));
        let long = json_of(&"ä".repeat(1_000)).unwrap_err();
        assert!(long.chars().count() < 300 && long.ends_with('…'), "{long}");
    }
}
