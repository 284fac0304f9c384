//! Finding the option that a misspelt key was meant to be.

use super::map::ConfigMap;
use super::options::{OPTIONS, find};

/// What is known about a key that is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key as it was written, without the prefix `agent.`.
    pub key: String,
    /// The key that was probably meant.
    pub suggestion: String,
}

impl Finding {
    /// A warning for people. `origin` says where the key was found, such as `config.yaml, line 3`.
    pub fn warning(&self, origin: &str) -> String {
        format!(
            "Unknown configuration key '{}' ({origin}): did you mean '{}'? As written it has no effect on the framework",
            self.key, self.suggestion
        )
    }
}

/// The misspelt keys of a map, in its order.
pub fn check_keys(config: &ConfigMap) -> Vec<Finding> {
    config.iter().filter_map(|(key, _)| check_key(key)).collect()
}

/// What `key` was probably meant to be; `None` for an option and for a key that is near none, which is a user's own.
pub fn check_key(key: &str) -> Option<Finding> {
    // Longer than any misspelling of ours; also bounds the work for hostile input.
    if find(key).is_some() || key.len() > 200 {
        return None;
    }
    let candidates = OPTIONS.iter().filter_map(|option| match option.family() {
        None => near(key, option.key).map(|d| (d, option.key.to_owned())),
        Some((head, tail)) => near_family(key, head, tail),
    });
    let (_, suggestion) = candidates.min_by_key(|(distance, _)| *distance)?;
    Some(Finding {
        key: key.to_owned(),
        suggestion,
    })
}

/// The distance of `key` from a member of the family with the same open part, and that member.
fn near_family(key: &str, head: &str, tail: &str) -> Option<(usize, String)> {
    let parts: Vec<&str> = key.split('.').collect();
    let heads = head.split('.').count() - 1;
    let tails = tail.split('.').count() - 1;
    let open = parts.get(heads..parts.len().checked_sub(tails)?)?.join(".");
    if open.is_empty() {
        return None;
    }
    let fixed = [&parts[..heads], &parts[parts.len() - tails..]].concat().join(".");
    let wanted = format!("{}{tail}", head.trim_end_matches('.'));
    let distance = near(&fixed, &wanted)?;
    Some((distance, format!("{head}{open}{tail}")))
}

/// The distance of two texts if it is small enough for a slip of the pen.
fn near(written: &str, meant: &str) -> Option<usize> {
    // `base-log-dir`, `base_log_dir` and `baseLogDir` are the same word to a person.
    if letters(written) == letters(meant) {
        return Some(0);
    }
    let limit = match meant.len() {
        0..6 => 1,
        6..16 => 2,
        _ => 3,
    };
    Some(distance(written, meant)).filter(|d| *d <= limit)
}

fn letters(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Edit distance in which two neighbouring characters swapped count as one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
