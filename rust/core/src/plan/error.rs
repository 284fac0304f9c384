//! The error of everything that reads, checks or compiles a plan.

use std::fmt;

/// What kind of defect a plan has; stable, for callers that react differently to some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanErrorKind {
    /// The bytes are not UTF-8 text.
    NotUtf8,
    /// The text is not JSON.
    Malformed,
    /// Objects and arrays are nested deeper than [`crate::plan::MAX_DEPTH`].
    TooDeep,
    /// A key occurs twice where the second would silently replace the first.
    Duplicate,
    /// A required key is absent.
    Missing,
    /// A value has another JSON type than the format asks for.
    WrongType,
    /// A name or an entry is empty or only white space.
    Blank,
    /// Two statements of the document contradict each other.
    Conflict,
    /// The document uses something that this version does not know.
    Newer,
    /// A trigger condition cannot be used.
    Trigger,
}

/// Why a plan was refused: where in the document, what was found, what is allowed, how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PlanError {
    kind: PlanErrorKind,
    path: String,
    message: String,
}

impl PlanError {
    /// An error at `path`; `message` says what was found, what is allowed and how to mend it.
    pub(crate) fn new(kind: PlanErrorKind, path: impl fmt::Display, message: impl Into<String>) -> Self {
        PlanError {
            kind,
            path: path.to_string(),
            message: message.into(),
        }
    }

    /// The kind of defect.
    pub fn kind(&self) -> PlanErrorKind {
        self.kind
    }

    /// The place in the document, such as `actions.onInput.exec.func_type`; `$` is the whole document.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The message without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            // The text of condition errors is a format of its own that users of the reference know.
            PlanErrorKind::Trigger => write!(f, "{} (at {})", self.message, self.path),
            _ => write!(f, "Invalid agent plan at {}: {}", self.path, self.message),
        }
    }
}

/// A place in a JSON document, kept as a chain on the stack so that only errors pay for its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(crate) const ROOT: Place<'static> = Place {
        parent: None,
        step: Step::Root,
    };

    pub(crate) fn key(&'a self, key: &'a str) -> Place<'a> {
        Place {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    pub(crate) fn index(&'a self, index: usize) -> Place<'a> {
        Place {
            parent: Some(self),
            step: Step::Index(index),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else {
            return f.write_str("$");
        };
        let top = matches!(parent.step, Step::Root);
        if !top {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) if is_plain(key) && top => f.write_str(key),
            Step::Key(key) if is_plain(key) => write!(f, ".{key}"),
            Step::Key(key) => write!(f, "[{}]", quoted(key)),
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= SHOWN_CHARS
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'$')
}

/// Longest piece of a document that an error message repeats.
const SHOWN_CHARS: usize = 80;

/// `text` as a JSON string, shortened so that a hostile document cannot flood a log.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    serde_json::Value::String(shown).to_string()
}

/// `a, b and c`, each quoted.
pub(crate) fn quoted_list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(quoted).collect();
    match items.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
