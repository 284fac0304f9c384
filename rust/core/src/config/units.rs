//! Durations and sizes as people write them.

use std::time::Duration;

/// Unit names with their length in nanoseconds, as Flink's configuration spells them.
const TIME_UNITS: &[(&[&str], u128)] = &[
    (&["ns", "nano", "nanos", "nanosecond", "nanoseconds"], 1),
    (&["us", "µs", "micro", "micros", "microsecond", "microseconds"], 1_000),
    (&["", "ms", "milli", "millis", "millisecond", "milliseconds"], 1_000_000),
    (&["s", "sec", "secs", "second", "seconds"], 1_000_000_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000_000_000),
    (&["h", "hour", "hours"], 3_600_000_000_000),
    (&["d", "day", "days"], 86_400_000_000_000),
];

/// Unit names with their number of bytes; as in Flink, all are powers of 1,024.
const SIZE_UNITS: &[(&[&str], u128)] = &[
    (&["", "b", "byte", "bytes"], 1),
    (&["k", "kb", "kib", "kibibytes"], 1 << 10),
    (&["m", "mb", "mib", "mebibytes"], 1 << 20),
    (&["g", "gb", "gib", "gibibytes"], 1 << 30),
    (&["t", "tb", "tib", "tebibytes"], 1 << 40),
];

/// Reads `5 min`, `30 s`, `100ms`, …; a bare number counts milliseconds. `None` for any other text and beyond
/// 292 years (what a JVM's nanoseconds can hold).
pub fn parse_duration(text: &str) -> Option<Duration> {
    let nanos = u64::try_from(scaled(text, TIME_UNITS)?)
        .ok()
        .filter(|n| *n <= i64::MAX as u64)?;
    Some(Duration::from_nanos(nanos))
}

/// Reads `1 MB`, `64k`, `100 mib`, … as bytes; a bare number counts bytes. `None` for any other text and beyond
/// 2^63 − 1.
pub fn parse_size(text: &str) -> Option<u64> {
    u64::try_from(scaled(text, SIZE_UNITS)?)
        .ok()
        .filter(|n| *n <= i64::MAX as u64)
}

fn scaled(text: &str, units: &[(&[&str], u128)]) -> Option<u128> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim().to_lowercase();
    let (_, factor) = units.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
    u128::from(number).checked_mul(*factor)
}
