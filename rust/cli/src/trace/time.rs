//! Times of records: ISO-8601 in UTC, counted in microseconds since 1970.

const DAY: i64 = 86_400;

/// The microseconds of a time such as `2026-01-01T00:00:00.123456Z`; with an offset such as `+02:00` too. A date alone is its
/// midnight.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0i64, |sum, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if (bytes[4], bytes[7]) != (b'-', b'-') || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * DAY;
    if bytes.len() == 10 {
        return Some(midnight * 1_000_000);
    }
    let (hour, minute) = (number(11, 13)?, number(14, 16)?);
    let (second, mut rest) = match bytes.get(16) {
        Some(b':') => (number(17, 19)?, &bytes[19..]),
        _ => (0, &bytes[16..]),
    };
    if !matches!(bytes[10], b'T' | b' ') || bytes[13] != b':' || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut micros = 0;
    if let [b'.' | b',', fraction @ ..] = rest {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut unit = 100_000;
        for digit in &fraction[..length] {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        rest = &fraction[length..];
    }
    let offset = match rest {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let two = |a: &u8, b: &u8| i64::from(a.wrapping_sub(b'0')) * 10 + i64::from(b.wrapping_sub(b'0'));
            let seconds = two(h1, h2) * 3600 + two(m1, m2) * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    Some((midnight + hour * 3600 + minute * 60 + second - offset) * 1_000_000 + micros)
}

/// The time as text, to the microsecond if it has any, else to the millisecond.
pub(super) fn text(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let start = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match fraction % 1000 {
        0 => format!("{start}.{:03}Z", fraction / 1000),
        _ => format!("{start}.{fraction:06}Z"),
    }
}

/// How long something took, for people.
pub(super) fn length(micros: i64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{:.1} s", micros as f64 / 1e6),
        60_000_000..3_600_000_000 => format!("{} min {} s", micros / 60_000_000, micros / 1_000_000 % 60),
        _ => format!("{} h {} min", micros / 3_600_000_000, micros / 60_000_000 % 60),
    }
}

/// Days from 1970 to a day of the Gregorian calendar, by Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round: his `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (given, micros, written) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"),
            (
                "2026-01-01T00:00:00.5Z",
                1_767_225_600_500_000,
                "2026-01-01T00:00:00.500Z",
            ),
            (
                "2024-02-29T23:59:59.123456789Z",
                1_709_251_199_123_456,
                "2024-02-29T23:59:59.123456Z",
            ),
            (
                "2026-01-01T02:00:00+02:00",
                1_767_225_600_000_000,
                "2026-01-01T00:00:00.000Z",
            ),
            (
                "2026-01-01 00:00:00,007",
                1_767_225_600_007_000,
                "2026-01-01T00:00:00.007Z",
            ),
            ("2026-01-01T00:00Z", 1_767_225_600_000_000, "2026-01-01T00:00:00.000Z"),
            ("2026-01-01", 1_767_225_600_000_000, "2026-01-01T00:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", -1_000, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(parse(given), Some(micros), "{given}");
            assert_eq!(text(micros), written);
        }
        for wrong in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-01-01T",
            "2026-01-01T00:00:00Q",
            "2026-1-1",
            "2026-01-01T25:00:00Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lengths_are_short() {
        let texts: Vec<_> = [7, 1_234, 45_678, 1_500_000, 61_000_000, 7_260_000_000]
            .map(length)
            .into();
        assert_eq!(texts, ["7 µs", "1.2 ms", "45 ms", "1.5 s", "1 min 1 s", "2 h 1 min"]);
    }
}
