//! The metrics of our own: one table, of which the page takes its help texts and the documentation its tables.

/// Where a metric stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Beside the operator's own.
    Agent,
    /// In the group `action` of an action's name.
    Action,
}

/// What is known of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub scope: Scope,
    /// Counter, gauge or histogram; a counter may have a meter beside it, named with `PerSec` behind.
    pub kind: &'static str,
    /// What it counts in.
    pub unit: &'static str,
    /// Which agents have it.
    pub of: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

const fn known(
    name: &'static str,
    scope: Scope,
    kind: &'static str,
    unit: &'static str,
    of: &'static str,
    meaning: &'static str,
) -> Known {
    Known {
        name,
        scope,
        kind,
        unit,
        of,
        meaning,
    }
}

/// All of them.
#[rustfmt::skip]
pub const KNOWN: &[Known] = &[
    known("numOfEventProcessed", Scope::Agent, "counter + PerSec", "events", "all",
        "Events processed: inputs when their run starts, events that actions sent when the action has finished, outputs among them. Those of a replayed action count again"),
    known("numOfActionsExecuted", Scope::Agent, "counter + PerSec", "actions", "all",
        "Actions that finished. Replayed ones count, suspensions do not"),
    known("numOfActionsExecuted", Scope::Action, "counter + PerSec", "actions", "all",
        "The same of one action"),
    known("actionLatencyUs", Scope::Action, "histogram", "µs", "all",
        "Time from the first line of an action to its last, its waits included. Of short Java actions some are measured, see below. Replayed ones are not"),
    known("callLatencyUs", Scope::Action, "histogram", "µs", "all",
        "Time that durable calls of an action took, from when the function was called until it had returned or raised. Replayed calls, and those given up, are not measured"),
    known("numOfRunsInFlight", Scope::Agent, "gauge", "runs", "all",
        "Runs that have begun and not ended: keys that are busy"),
    known("numOfPendingInputs", Scope::Agent, "gauge", "inputs", "all",
        "Inputs that wait for the run before them of the same key"),
    known("numOfSuspendedTasks", Scope::Agent, "gauge", "actions", "all",
        "Actions that wait: for durable calls, for the store, for a thread, to be tried again"),
    known("numOfFailedAttempts", Scope::Agent, "counter + PerSec", "attempts", "all",
        "Attempts of actions that failed and were followed by another, as `retry.max-attempts` allows"),
    known("numOfDeadLetters", Scope::Agent, "counter + PerSec", "letters", "all",
        "Dead letters that left, of actions whose `on-failure` is `dead-letter`"),
    known("numOfHeldOutputs", Scope::Agent, "gauge", "outputs", "journal",
        "Outputs that wait until what led to them is durable in the store"),
    known("numOfHeldWatermarks", Scope::Agent, "gauge", "markers", "Flink",
        "Watermarks, and changes of idleness or record attributes, that wait for inputs before them to finish"),
    known("numOfLateCallResults", Scope::Agent, "counter", "results", "all",
        "What durable calls brought after they were given up (time limit, cancellation): dropped"),
    known("eventListenerFailures", Scope::Agent, "counter", "failures", "all",
        "Exceptions that event listeners threw; the job goes on"),
    known("numOfWorkerRestarts", Scope::Agent, "gauge", "restarts", "Python on Flink",
        "How often the subtask, and with it its Python workers, was started again since the job began"),
    known("numOfActionsReplayed", Scope::Agent, "counter + PerSec", "actions", "journal",
        "Actions whose record was used instead of running them again"),
    known("numOfCallsReplayed", Scope::Agent, "counter + PerSec", "calls", "journal",
        "Durable calls whose record was used instead of making them again"),
    known("numOfDivergences", Scope::Agent, "counter + PerSec", "runs", "journal",
        "Runs that did not match their journal"),
    known("numOfUnacknowledgedRecords", Scope::Agent, "gauge", "records", "journal",
        "Records written and not yet in the store. It goes up and down; one that stays up means that the store does not answer"),
    known("journalKilobytes", Scope::Agent, "gauge", "kB", "journal",
        "Memory of these, and of records read back of keys that have not come since the start"),
    known("storeLatencyMs", Scope::Agent, "histogram", "ms", "journal",
        "Time from when something was handed to the store until the subtask heard that it is there; one record at a time is measured"),
    known("eventLogTruncatedEvents", Scope::Agent, "counter", "events", "event log",
        "Lines of the event log with something cut"),
    known("eventLogWriteFailures", Scope::Agent, "counter", "events", "event log",
        "Events that could not be written to the event log, or not completely"),
    known("eventLogDroppedEvents", Scope::Agent, "counter", "events", "event log",
        "Events dropped by `event-log.on-full: drop`, or when a job was cancelled while the queue was full"),
    known("otlpSpansSent", Scope::Agent, "counter", "spans", "live spans",
        "Live spans that the receiver has taken"),
    known("otlpSpansDropped", Scope::Agent, "counter", "spans", "live spans",
        "Live spans that are lost: refused, too many while the receiver was down or slow, or not sent when the task ended"),
];

/// What a metric of ours says; nothing for those of users. Meters have the text of their counter.
pub fn meaning(groups: &[&str], name: &str) -> Option<&'static str> {
    let scope = match groups {
        [] => Scope::Agent,
        ["action"] => Scope::Action,
        _ => return None,
    };
    let of = |name: &str| KNOWN.iter().find(|known| known.scope == scope && known.name == name);
    let counter = || {
        name.strip_suffix("PerSec")
            .and_then(of)
            .filter(|known| known.kind.ends_with("PerSec"))
    };
    of(name).or_else(counter).map(|known| known.meaning)
}

/// The table of the documentation.
pub fn markdown_table() -> String {
    let mut out = String::from("| Name | Scope | Kind | Unit | Of | Meaning |\n|---|---|---|---|---|---|\n");
    for known in KNOWN {
        let scope = match known.scope {
            Scope::Agent => "agent",
            Scope::Action => "action",
        };
        out.push_str(&format!(
            "| `{}` | {scope} | {} | {} | {} | {} |\n",
            known.name, known.kind, known.unit, known.of, known.meaning
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str =
        "<!-- Made from the table in rust/runtime/src/metrics/names.rs; a test fails when the two differ. -->\n";

    /// `UPDATE_DOCS=1` writes the table into the documentation.
    #[test]
    fn the_documentation_shows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let after = &rest[rest.find("\n\n").unwrap()..];
        let expected = format!("{before}{BEGIN}{}{after}", markdown_table().trim_end());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &expected).unwrap();
        } else {
            assert_eq!(
                page, expected,
                "run with UPDATE_DOCS=1 to write the table into the page"
            );
        }
    }

    #[test]
    fn a_meter_says_what_its_counter_counts() {
        assert_eq!(
            meaning(&[], "numOfEventProcessedPerSec"),
            meaning(&[], "numOfEventProcessed")
        );
        assert!(meaning(&["action"], "actionLatencyUs").is_some());
        assert_eq!(meaning(&[], "actionLatencyUs"), None);
        assert_eq!(meaning(&["other"], "numOfEventProcessed"), None);
        assert_eq!(meaning(&[], "numOfLateCallResultsPerSec"), None);
    }
}
