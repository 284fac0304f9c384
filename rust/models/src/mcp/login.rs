//! Logins at tool servers.

use serde_json::Value;

use crate::secret::Secret;

/// The header that a login is.
pub(super) fn login(auth: &Value) -> Result<(&'static str, String, Secret), String> {
    let text = |name: &str| auth[name].as_str();
    let kind = text("type").unwrap_or_default().replace('_', "").to_ascii_lowercase();
    match kind.as_str() {
        "bearer" => {
            let token = text("token").ok_or("argument 'auth': a bearer needs a 'token'")?;
            Ok(("authorization", format!("Bearer {token}"), Secret::new(token)))
        }
        "basic" => {
            let both = text("username").zip(text("password"));
            let (user, password) = both.ok_or("argument 'auth': basic needs 'username' and 'password'")?;
            Ok((
                "authorization",
                format!("Basic {}", base64(&format!("{user}:{password}"))),
                Secret::new(password),
            ))
        }
        "apikey" => {
            let key = text("key").ok_or("argument 'auth': an api_key needs a 'key'")?;
            let header = text("header").unwrap_or("X-API-Key").to_ascii_lowercase();
            if header != "x-api-key" {
                return Err("argument 'auth': for another header than X-API-Key use 'headers'".to_owned());
            }
            Ok(("x-api-key", key.to_owned(), Secret::new(key)))
        }
        _ => Err("argument 'auth': its 'type' has to be bearer, basic or api_key".to_owned()),
    }
}

/// RFC 4648, for a login.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, i| {
            bits << 8 | u32::from(three.get(i).copied().unwrap_or(0))
        });
        for digit in 0..4 {
            let there = digit <= three.len();
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            encoded.push(if there { char::from(DIGITS[index]) } else { '=' });
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn logins_are_headers() {
        let basic = login(&json!({"type": "basic", "username": "Aladdin", "password": "open sesame"})).unwrap();
        assert_eq!(
            (basic.0, basic.1.as_str()),
            ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        assert_eq!(
            (base64("a"), base64("ab"), base64("abc")),
            ("YQ==".to_owned(), "YWI=".to_owned(), "YWJj".to_owned())
        );
        assert_eq!(login(&json!({"type": "bearer", "token": "t1"})).unwrap().1, "Bearer t1");
        assert_eq!(login(&json!({"type": "apiKey", "key": "k1"})).unwrap().0, "x-api-key");
        assert!(login(&json!({"type": "kerberos"})).is_err());
    }
}
