//! Embeddings: each word adds to places of the vector that only depend on it. Texts with words in common are near.

use serde_json::{Value, json};

/// The answer to a question for embeddings; `None` if the path is not one.
pub(crate) fn answer(path: &str, body: &Value, dimensions: usize) -> Option<Value> {
    let openai = path.ends_with("/embeddings");
    if !openai && !path.ends_with("/api/embed") {
        return None;
    }
    let texts = match &body["input"] {
        Value::String(text) => vec![text.as_str()],
        input => input
            .as_array()?
            .iter()
            .map(|text| text.as_str().unwrap_or_default())
            .collect(),
    };
    let dimensions = body["dimensions"].as_u64().map_or(dimensions, |wanted| wanted as usize);
    let words = texts.iter().map(|text| text.split_whitespace().count()).sum::<usize>();
    let vectors = texts.iter().map(|text| vector(text, dimensions));
    let model = &body["model"];
    Some(if openai {
        let data = vectors
            .enumerate()
            .map(|(i, vector)| json!({"object": "embedding", "index": i, "embedding": vector}));
        let usage = json!({"prompt_tokens": words, "total_tokens": words});
        json!({"object": "list", "model": model, "data": data.collect::<Vec<_>>(), "usage": usage})
    } else {
        json!({"model": model, "embeddings": vectors.collect::<Vec<_>>(), "total_duration": 1, "load_duration": 1,
            "prompt_eval_count": words})
    })
}

fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions.max(1)];
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        // FNV-1a, so that the vectors are the same everywhere and for ever.
        let hash = word
            .to_lowercase()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        for shift in [0, 21, 42] {
            let place = (hash >> shift) as usize % vector.len();
            vector[place] += 1.0;
        }
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_words_in_common_are_near() {
        let near = |a: &str, b: &str| vector(a, 64).iter().zip(vector(b, 64)).map(|(x, y)| x * y).sum::<f32>();
        assert!((near("Good coffee", "good  coffee!") - 1.0).abs() < 1e-5);
        assert!(near("good coffee", "good tea") > near("good coffee", "slow delivery"));
    }
}
