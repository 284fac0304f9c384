//! Text forms of values that JSON has no type for; the same as Java's `toString()` unless said otherwise.

use std::fmt::Write;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Converting to decimal takes time that grows with the square of the length; longer integers are shown in hexadecimal.
const MAX_DECIMAL_BYTES: usize = 1024;

/// Standard Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for i in 0..4 {
            let sextet = (word >> (18 - 6 * i)) as usize & 63;
            out.push(if i <= chunk.len() { BASE64[sextet] as char } else { '=' });
        }
    }
    out
}

/// A two's complement, most-significant-first integer in decimal; in hexadecimal (`0x…`) above 1,024 bytes.
pub(super) fn big_int(bytes: &[u8]) -> String {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            let (sum, overflow) = (!*byte).overflowing_add(u8::from(carry));
            *byte = sum;
            carry = overflow;
        }
        // The magnitude of the least value of a width fits in that width when read as unsigned.
    }
    let sign = if negative { "-" } else { "" };
    if magnitude.len() > MAX_DECIMAL_BYTES {
        let mut out = format!("{sign}0x");
        magnitude.iter().for_each(|byte| _ = write!(out, "{byte:02x}"));
        return out;
    }
    let mut limbs: Vec<u32> = Vec::new();
    for byte in magnitude {
        let mut carry = u64::from(byte);
        for limb in &mut limbs {
            carry += u64::from(*limb) << 8;
            *limb = (carry % 1_000_000_000) as u32;
            carry /= 1_000_000_000;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    let mut out = sign.to_owned();
    match limbs.split_last() {
        None => out.push('0'),
        Some((first, rest)) => {
            _ = write!(out, "{first}");
            rest.iter().rev().for_each(|limb| _ = write!(out, "{limb:09}"));
        }
    }
    out
}

/// `unscaled` × 10^-`scale`, with an exponent where Java's `BigDecimal.toString()` uses one.
pub(super) fn big_decimal(unscaled: &[u8], scale: i32) -> String {
    let digits = big_int(unscaled);
    if scale == 0 || digits.contains('x') {
        return if scale == 0 {
            digits
        } else {
            format!("{digits}E{}", -i64::from(scale))
        };
    }
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits.as_str()), |digits| ("-", digits));
    let exponent = digits.len() as i64 - 1 - i64::from(scale);
    if scale > 0 && exponent >= -6 {
        let scale = scale as usize;
        return match digits.len().checked_sub(scale) {
            Some(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
            _ => format!("{sign}0.{digits:0>scale$}"),
        };
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    if exponent == 0 {
        format!("{sign}{first}{point}{rest}")
    } else {
        format!("{sign}{first}{point}{rest}E{exponent:+}")
    }
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn uuid(value: u128) -> String {
    let hex = format!("{value:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// `2026-01-31`; years beyond 9999 with a sign.
pub(super) fn date(day: i64) -> String {
    // Days to civil date by Howard Hinnant's algorithm (years start in March, eras of 400 years).
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let year = match year {
        10_000.. => format!("+{year}"),
        0.. => format!("{year:04}"),
        _ => format!("-{:04}", -year),
    };
    format!("{year}-{month:02}-{day_of_month:02}")
}

/// `13:05:00`, with 3, 6 or 9 digits of a second where there are any (Java omits seconds of zero; this does not).
pub(super) fn time(nano: u64) -> String {
    let (secs, nanos) = (nano / 1_000_000_000, nano % 1_000_000_000);
    let mut out = format!("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60);
    match nanos {
        0 => {}
        n if n % 1_000_000 == 0 => _ = write!(out, ".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => _ = write!(out, ".{:06}", n / 1_000),
        n => _ = write!(out, ".{n:09}"),
    }
    out
}

/// `2026-01-31T13:05:00Z`.
pub(crate) fn instant(secs: i64, nanos: u32) -> String {
    let nano = secs.rem_euclid(86_400) as u64 * 1_000_000_000 + u64::from(nanos);
    format!("{}T{}Z", date(secs.div_euclid(86_400)), time(nano))
}

/// `Z`, `+02:00` or `-03:30:15`.
pub(super) fn offset(secs: i32) -> String {
    if secs == 0 {
        return "Z".to_owned();
    }
    let (sign, all) = (if secs < 0 { '-' } else { '+' }, secs.unsigned_abs());
    let mut out = format!("{sign}{:02}:{:02}", all / 3600, all / 60 % 60);
    if all % 60 != 0 {
        _ = write!(out, ":{:02}", all % 60);
    }
    out
}

/// `PT-1.5S`: seconds only, unlike Java, which splits off minutes and hours.
pub(super) fn duration(secs: i64, nanos: u32) -> String {
    let total = i128::from(secs) * 1_000_000_000 + i128::from(nanos);
    let sign = if total < 0 { "-" } else { "" };
    let (whole, part) = (
        total.unsigned_abs() / 1_000_000_000,
        total.unsigned_abs() % 1_000_000_000,
    );
    let fraction = if part == 0 {
        String::new()
    } else {
        format!(".{part:09}")
    };
    format!("PT{sign}{whole}{}S", fraction.trim_end_matches('0'))
}
