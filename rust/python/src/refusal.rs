//! Why a Python value was not taken, and where inside it the reason stands.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::fmt::Write;

/// Longest run of steps that a message shows from either end of a path.
const SHOWN_STEPS: usize = 6;
/// Longest dictionary key that a message repeats.
const SHOWN_CHARS: usize = 80;

/// One step down into a value.
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Type,
    Value,
    Depth,
}

/// A value that is refused. The path is collected on the way out, so that only errors pay for it.
pub(crate) struct Refusal {
    kind: Kind,
    message: String,
    cause: Option<PyErr>,
    /// From the innermost step.
    steps: Vec<Step>,
    /// Addresses of the containers around, to tell a cycle from mere depth.
    around: Vec<usize>,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Box<Refusal> {
        Box::new(Refusal {
            kind,
            message: message.into(),
            cause: None,
            steps: Vec::new(),
            around: Vec::new(),
        })
    }

    pub(crate) fn because(mut self: Box<Self>, cause: PyErr) -> Box<Refusal> {
        self.cause = Some(cause);
        self
    }

    /// Notes a step taken from `container`.
    pub(crate) fn below(mut self: Box<Self>, container: &Bound<'_, PyAny>, step: Step) -> Box<Refusal> {
        self.steps.push(step);
        if self.kind == Kind::Depth {
            self.around.push(container.as_ptr() as usize);
        }
        self
    }

    /// The exception; `path` names the value that was given.
    pub(crate) fn into_py(mut self, py: Python<'_>, path: &str) -> PyErr {
        let mut text = path.to_owned();
        let count = self.steps.len();
        for (index, step) in self.steps.iter().rev().enumerate() {
            if index == SHOWN_STEPS && count > 2 * SHOWN_STEPS {
                text.push('…');
            }
            if (SHOWN_STEPS..count.saturating_sub(SHOWN_STEPS)).contains(&index) {
                continue;
            }
            append(&mut text, step);
        }
        self.around.sort_unstable();
        if self.around.windows(2).any(|pair| pair[0] == pair[1]) {
            self.message = "the value contains itself; only trees of values can be stored or sent".to_owned();
        }
        let separator = if text.is_empty() { "" } else { ": " };
        let message = format!("{text}{separator}{}", self.message);
        let error = match self.kind {
            Kind::Type => PyTypeError::new_err(message),
            Kind::Value | Kind::Depth => PyValueError::new_err(message),
        };
        if let Some(cause) = self.cause {
            error.set_cause(py, Some(cause));
        }
        error
    }
}

fn append(text: &mut String, step: &Step) {
    match step {
        Step::Index(index) => _ = write!(text, "[{index}]"),
        Step::Key(key) => {
            let plain = key
                .chars()
                .enumerate()
                .all(|(at, c)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && (c.is_ascii_digit() || c == '-')));
            if plain && !key.is_empty() && key.len() <= SHOWN_CHARS {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            } else {
                let mut shown: String = key.chars().take(SHOWN_CHARS).collect();
                if shown.len() < key.len() {
                    shown.push('…');
                }
                _ = write!(text, "[{shown:?}]");
            }
        }
    }
}

/// `module.Class` of a value, as messages name it; built-in types without module.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    let class = value.get_type();
    let name = class
        .qualname()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    match class.module() {
        Ok(module) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    }
}
