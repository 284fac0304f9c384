//! Tokens for SASL's OAUTHBEARER.
//!
//! `kafka.properties.sasl.oauthbearer.config` says where the token comes from: `tokenFile=PATH` names a file that somebody
//! keeps fresh, as the secrets of Kubernetes or the sidecar of an identity provider do; `principal=NAME` makes an unsigned token
//! of its own, which only a broker for tests takes.

use rdkafka::client::OAuthToken;
use std::error::Error;
use std::time::Duration;

/// How long a token counts that does not say so itself: it is read again well before.
const LIFETIME: Duration = Duration::from_secs(600);

/// The token to log in with now; `now` counts from 1970.
pub(crate) fn token(config: Option<&str>, now: Duration) -> Result<OAuthToken, Box<dyn Error>> {
    let config = config.unwrap_or_default().trim();
    if let Some(path) = config.strip_prefix("tokenFile=") {
        let token = std::fs::read_to_string(path).map_err(|e| format!("token file {path}: {e}"))?;
        let token = token.trim().to_owned();
        let claims = token.split('.').nth(1).and_then(decode).unwrap_or_default();
        let expires = number(&claims, "exp").map_or(now + LIFETIME, Duration::from_secs);
        return Ok(OAuthToken {
            principal_name: text(&claims, "sub").unwrap_or_default(),
            lifetime_ms: i64::try_from(expires.as_millis())?,
            token,
        });
    }
    let Some(principal) = config.strip_prefix("principal=") else {
        return Err("set kafka.properties.sasl.oauthbearer.config to tokenFile=PATH".into());
    };
    if principal.contains(['"', '\\']) || principal.chars().any(char::is_control) {
        return Err("the principal has characters that a token cannot have".into());
    }
    let expires = now + LIFETIME;
    let claims = format!(
        r#"{{"sub":"{principal}","iat":{},"exp":{}}}"#,
        now.as_secs(),
        expires.as_secs()
    );
    Ok(OAuthToken {
        token: format!("{}.{}.", encode(br#"{"alg":"none"}"#), encode(claims.as_bytes())),
        principal_name: principal.to_owned(),
        lifetime_ms: i64::try_from(expires.as_millis())?,
    })
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 as URLs have it, without padding.
fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(bits >> (18 - 6 * index)) as usize & 63]));
        }
    }
    out
}

fn decode(text: &str) -> Option<String> {
    let (mut bits, mut count, mut out) = (0u32, 0, Vec::with_capacity(text.len()));
    for letter in text.trim_end_matches('=').bytes() {
        let six = ALPHABET.iter().position(|known| *known == letter)?;
        bits = bits << 6 | six as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    String::from_utf8(out).ok()
}

/// What follows `"name":` in a flat JSON object.
fn after<'a>(claims: &'a str, name: &str) -> Option<&'a str> {
    let quoted = format!("\"{name}\"");
    let rest = &claims[claims.find(&quoted)? + quoted.len()..];
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn number(claims: &str, name: &str) -> Option<u64> {
    let rest = after(claims, name)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn text(claims: &str, name: &str) -> Option<String> {
    let rest = after(claims, name)?.strip_prefix('"')?;
    Some(rest[..rest.find('"')?].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn base64_of_every_length_comes_back() {
        assert_eq!(encode(b"{\"alg\":\"none\"}"), "eyJhbGciOiJub25lIn0");
        for text in ["", "a", "ab", "abc", "abcd", "ü?>~"] {
            assert_eq!(decode(&encode(text.as_bytes())).as_deref(), Some(text));
        }
        assert_eq!(decode("*"), None);
    }

    #[test]
    fn a_token_of_a_file_counts_as_long_as_it_says() {
        let token_text = format!("e30.{}.sig", encode(br#"{"iss":"x", "sub" : "job", "exp": 1000050}"#));
        let file = std::env::temp_dir().join(format!("flink-agents-token-{}", std::process::id()));
        std::fs::write(&file, format!("{token_text}\n")).expect("a file");
        let found = token(Some(&format!("tokenFile={}", file.display())), NOW).expect("a token");
        std::fs::remove_file(&file).expect("the file");
        assert_eq!(found.token, token_text);
        assert_eq!(
            (found.principal_name.as_str(), found.lifetime_ms),
            ("job", 1_000_050_000)
        );
    }

    #[test]
    fn a_token_of_a_name_is_unsigned() {
        let found = token(Some("principal=alice"), NOW).expect("a token");
        assert_eq!(found.lifetime_ms, 1_000_600_000);
        let claims = found.token.split('.').nth(1).and_then(decode).expect("claims");
        assert_eq!(claims, r#"{"sub":"alice","iat":1000000,"exp":1000600}"#);
    }

    #[test]
    fn what_is_missing_is_said() {
        for (config, words) in [
            (None, "tokenFile=PATH"),
            (Some("tokenFile=no/such/file"), "token file no/such/file"),
            (Some("principal=a\"b"), "characters"),
        ] {
            let error = token(config, NOW).map(|_| ()).expect_err("no token").to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
