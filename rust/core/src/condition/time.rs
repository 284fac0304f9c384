//! Timestamps and durations: text forms and parts, in nanoseconds and without a clock or a time zone database.

/// Nanoseconds of a second.
pub(super) const SECOND: i128 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;
/// First and last second of the years 1 to 9999.
const FIRST_SECOND: i128 = -62_135_596_800;
const LAST_SECOND: i128 = 253_402_300_799;
/// CEL's greatest duration.
const MAX_DURATION_SECONDS: i128 = 315_576_000_000;

pub(super) fn is_timestamp(nanos: i128) -> bool {
    (FIRST_SECOND * SECOND..(LAST_SECOND + 1) * SECOND).contains(&nanos)
}

pub(super) fn is_duration(nanos: i128) -> bool {
    nanos.abs() <= MAX_DURATION_SECONDS * SECOND
}

/// Whole seconds since 1970, rounded down.
pub(super) fn seconds(nanos: i128) -> i64 {
    nanos.div_euclid(SECOND) as i64
}

/// RFC 3339: `2026-01-31T13:05:00.5+02:00`.
pub(super) fn parse_timestamp(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if bytes.len() < 20
        || separators.iter().any(|(at, separator)| bytes[*at] != *separator)
        || !matches!(bytes[10], b'T' | b't')
    {
        return None;
    }
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month)
        || day < 1
        || day > days_of_month(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let nanos = match fraction.strip_prefix('.') {
        Some(fraction) => fraction_nanos(fraction)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    let offset = match zone {
        "Z" | "z" => 0,
        zone => parse_offset(zone)?,
    };
    let seconds = days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
    Some(i128::from(seconds) * SECOND + nanos)
}

/// `UTC`, `Z`, `+02:00`, `-03:30` or `02:00`, in seconds east of UTC.
pub(super) fn parse_offset(text: &str) -> Option<i64> {
    if matches!(text, "UTC" | "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (hours, minutes) = rest.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours <= 18 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Go's notation: `1h30m`, `-1.5s`, `250ms`, `0`.
pub(super) fn parse_duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit_nanos: i128 = match unit {
            "h" => 3600 * SECOND,
            "m" => 60 * SECOND,
            "s" => SECOND,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(i128::from(whole) * unit_nanos)?;
        if !fraction.is_empty() {
            total += fraction_nanos(fraction)? * unit_nanos / SECOND;
        }
        rest = tail;
    }
    Some(sign * total)
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// The digits behind a point as nanoseconds; those beyond the ninth are dropped.
fn fraction_nanos(text: &str) -> Option<i128> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine = &text[..text.len().min(9)];
    format!("{nine:0<9}").parse().ok()
}

/// Days since 1970-01-01 of a civil date, by Howard Hinnant's algorithm (years start in March, eras of 400 years).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of the days since 1970-01-01; the inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

pub(super) fn timestamp_text(nanos: i128) -> String {
    let seconds = seconds(nanos);
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_SECONDS));
    let second = seconds.rem_euclid(DAY_SECONDS);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        fraction_text(nanos.rem_euclid(SECOND))
    )
}

pub(super) fn duration_text(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.abs();
    format!("{sign}{}{}s", nanos / SECOND, fraction_text(nanos % SECOND))
}

/// 0, 3, 6 or 9 digits.
fn fraction_text(nanos: i128) -> String {
    match nanos {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => format!(".{:06}", n / 1_000),
        n => format!(".{n:09}"),
    }
}

/// A part of a timestamp, `offset` seconds east of UTC; months, days of month, week and year count from 0.
pub(super) fn timestamp_part(part: &str, nanos: i128, offset: i64) -> Option<i64> {
    let seconds = seconds(nanos) + offset;
    let days = seconds.div_euclid(DAY_SECONDS);
    let second = seconds.rem_euclid(DAY_SECONDS);
    let (year, month, day) = civil_from_days(days);
    Some(match part {
        "getFullYear" => year,
        "getMonth" => month - 1,
        "getDate" => day,
        "getDayOfMonth" => day - 1,
        "getDayOfWeek" => (days + 4).rem_euclid(7), // 1970-01-01 was a Thursday; Sunday is 0
        "getDayOfYear" => days - days_from_civil(year, 1, 1),
        "getHours" => second / 3600,
        "getMinutes" => second / 60 % 60,
        "getSeconds" => second % 60,
        "getMilliseconds" => (nanos.rem_euclid(SECOND) / 1_000_000) as i64,
        _ => return None,
    })
}

/// A duration in whole hours, minutes or seconds, or the milliseconds of its second.
pub(super) fn duration_part(part: &str, nanos: i128) -> Option<i64> {
    let seconds = nanos / SECOND;
    Some(match part {
        "getHours" => (seconds / 3600) as i64,
        "getMinutes" => (seconds / 60) as i64,
        "getSeconds" => seconds as i64,
        "getMilliseconds" => (nanos % SECOND / 1_000_000) as i64,
        _ => return None,
    })
}
