//! How long to wait before the next attempt.

use std::time::{Duration, SystemTime};

use crate::random;

/// Before the second attempt; doubled for each further one.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait that the server did not ask for.
const LONGEST: Duration = Duration::from_secs(8);

/// The wait after the given number of failed attempts: exponential, and from half of it up by chance, so that those
/// who failed together do not come back together.
pub(crate) fn backoff(failed: u32) -> Duration {
    let whole = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(10)).min(LONGEST);
    whole.mul_f64(0.5 + random::fraction() / 2.0)
}

/// Reads `Retry-After` (seconds or a date) or the finer `retry-after-ms`.
pub(crate) fn retry_after(header: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let number = |text: String| text.trim().parse::<f64>().ok().filter(|n| (0.0..1e9).contains(n));
    if let Some(milliseconds) = header("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(milliseconds / 1000.0));
    }
    let text = header("retry-after")?;
    match number(text.clone()) {
        Some(seconds) => Some(Duration::from_secs_f64(seconds)),
        None => {
            let date = httpdate::parse_http_date(text.trim()).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        for (failed, whole) in [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (40, 8.0)] {
            let wait = backoff(failed).as_secs_f64();
            assert!((whole / 2.0..=whole).contains(&wait), "{failed}: {wait}");
        }
    }

    #[test]
    fn a_server_may_ask_in_three_forms() {
        let said = |name: &'static str, text: String| retry_after(move |header| (header == name).then(|| text.clone()));
        assert_eq!(said("retry-after", "3".to_owned()), Some(Duration::from_secs(3)));
        assert_eq!(
            said("retry-after-ms", "250".to_owned()),
            Some(Duration::from_millis(250))
        );
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!((98.0..=100.0).contains(&said("retry-after", date).unwrap().as_secs_f64()));
        let past = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(100));
        assert_eq!(said("retry-after", past), Some(Duration::ZERO));
        assert_eq!(said("retry-after", "soon".to_owned()), None);
    }
}
