//! The two things that need chance: the number of a tool call and the jitter of a wait.

/// A random UUID (version 4) as text.
pub(crate) fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    for half in bytes.chunks_mut(8) {
        half.copy_from_slice(&number().to_be_bytes());
    }
    written(bytes, 4)
}

/// A UUID as text.
pub(crate) fn written(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = (bytes[6] & 0x0f) | (version << 4);
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

/// A random number from 0 up to, not including, 1.
pub(crate) fn fraction() -> f64 {
    (number() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Without a source of chance in the system the clock has to do: neither use is a matter of security.
fn number() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        now.as_nanos() as u64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_looks_like_a_uuid_and_comes_once() {
        let (a, b) = (uuid(), uuid());
        assert_ne!(a, b);
        assert_eq!(
            (a.len(), a.as_bytes()[14], a.matches('-').count()),
            (36, b'4', 4),
            "{a}"
        );
    }

    #[test]
    fn fractions_are_below_one() {
        assert!((0..1000).map(|_| fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
