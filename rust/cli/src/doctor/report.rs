//! What the doctor has found, as text and as JSON.

use serde::Serialize;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Not looked at, or good to know.
    Note,
    /// It works, and is not as it should be.
    Warning,
    /// Jobs fail by it.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: `java`, `jars`, …
    pub(crate) area: &'static str,
    pub(crate) state: State,
    /// What was found.
    pub(crate) text: String,
    /// How to mend it; empty if there is nothing to mend.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) remedy: String,
}

/// All findings, in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn ok(&mut self, area: &'static str, text: impl Into<String>) {
        self.add(area, State::Ok, text, "");
    }

    pub(crate) fn note(&mut self, area: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        self.add(area, State::Note, text, remedy);
    }

    pub(crate) fn warning(&mut self, area: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        self.add(area, State::Warning, text, remedy);
    }

    pub(crate) fn wrong(&mut self, area: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        self.add(area, State::Wrong, text, remedy);
    }

    pub(crate) fn add(&mut self, area: &'static str, state: State, text: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding {
            area,
            state,
            text: text.into(),
            remedy: remedy.into(),
        });
    }

    fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|finding| finding.state == state).count()
    }

    /// Whether jobs would fail by something.
    pub(crate) fn is_wrong(&self) -> bool {
        self.count(State::Wrong) > 0
    }

    /// For people: a line for each finding, what to do below it, and a sum.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let word = match finding.state {
                State::Ok => "ok",
                State::Note => "note",
                State::Warning => "warning",
                State::Wrong => "WRONG",
            };
            let lines = finding.text.replace('\n', "\n                      ");
            out.push_str(&format!("{word:<8} {:<12} {lines}\n", finding.area));
            if !finding.remedy.is_empty() {
                out.push_str(&format!("                      → {}\n", finding.remedy));
            }
        }
        let (wrong, warnings) = (self.count(State::Wrong), self.count(State::Warning));
        out.push_str(&match (wrong, warnings) {
            (0, 0) => "\nNothing is wrong.\n".to_owned(),
            _ => format!("\n{wrong} wrong, {warnings} to be warned of.\n"),
        });
        out
    }

    /// For programs: one line.
    pub(crate) fn json(&self) -> String {
        let document = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "wrong": self.count(State::Wrong),
            "warnings": self.count(State::Warning),
            "findings": self.findings,
        });
        format!("{document}\n")
    }
}
