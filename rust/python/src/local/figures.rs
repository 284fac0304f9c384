//! What metrics tell of a run: counted here, where it costs next to nothing, and asked for now and then.

use super::Local;
use super::event_log::Log;
use flink_agents_core::ids::ActionId;
use flink_agents_core::run::CallStep;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::time::Duration;

/// How long actions took is kept of so many at most until it is asked for: the windows of the histograms hold no more.
const KEPT: usize = 100;

/// Counts of one run, and what was measured since it was asked last.
pub(super) struct Meter {
    executed: Vec<u64>,
    /// Microseconds, by action; a ring once there are [`KEPT`].
    took: Vec<Vec<u64>>,
    replayed: u64,
    calls_replayed: u64,
    divergences: u64,
}

impl Meter {
    pub(super) fn new(actions: usize) -> Meter {
        Meter {
            executed: vec![0; actions],
            took: vec![Vec::new(); actions],
            replayed: 0,
            calls_replayed: 0,
            divergences: 0,
        }
    }

    fn count(&mut self, action: ActionId) -> u64 {
        let Some(count) = self.executed.get_mut(usize::from(action.0)) else {
            return 0;
        };
        *count += 1;
        *count
    }

    /// An action has finished.
    pub(super) fn finished(&mut self, action: ActionId, took: Duration) {
        let place = self.count(action) as usize % KEPT;
        let micros = took.as_micros() as u64;
        if let Some(all) = self.took.get_mut(usize::from(action.0)) {
            if all.len() < KEPT {
                all.push(micros);
            } else if let Some(oldest) = all.get_mut(place) {
                *oldest = micros;
            }
        }
    }

    /// An action that completed before took effect.
    pub(super) fn replayed(&mut self, action: ActionId) {
        self.count(action);
        self.replayed += 1;
    }

    /// What is to be done with a durable call.
    pub(super) fn decided(&mut self, step: &CallStep) {
        self.calls_replayed += u64::from(matches!(step, CallStep::Replay { .. }));
    }

    /// A run came out differently than its journal says.
    pub(super) fn diverged(&mut self) {
        self.divergences += 1;
    }
}

impl Local {
    /// Names as metrics have them, but for `executed` (by action) and `took` (by action, microseconds since the last time).
    pub(super) fn tell_figures<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let of_machine = self.machine.figures();
        let pending = of_machine.waiting_inputs + self.queued.len();
        let running = of_machine.unfinished_inputs - of_machine.waiting_inputs;
        let told = PyDict::new(py);
        told.set_item("numOfEventProcessed", of_machine.events)?;
        told.set_item("numOfRunsInFlight", running)?;
        told.set_item("numOfPendingInputs", pending)?;
        told.set_item("numOfSuspendedTasks", of_machine.suspended_tasks)?;
        told.set_item("numOfFailedAttempts", of_machine.failed_attempts)?;
        told.set_item("numOfDeadLetters", of_machine.dead_letters)?;
        told.set_item("executed", &self.meter.executed)?;
        let took: Vec<Vec<u64>> = self.meter.took.iter_mut().map(std::mem::take).collect();
        told.set_item("took", took)?;
        if let Some(log) = &self.log {
            let figures = log.figures();
            told.set_item("eventLogTruncatedEvents", figures.truncated)?;
            told.set_item("eventLogWriteFailures", figures.failures)?;
            told.set_item("eventLogDroppedEvents", figures.dropped)?;
        }
        if let Some((sent, dropped)) = self.log.as_ref().and_then(Log::spans) {
            told.set_item("otlpSpansSent", sent)?;
            told.set_item("otlpSpansDropped", dropped)?;
        }
        if let Some(journal) = &mut self.journal {
            let figures = journal.driver().figures();
            told.set_item("numOfHeldOutputs", of_machine.held_outputs)?;
            told.set_item("numOfActionsReplayed", self.meter.replayed)?;
            told.set_item("numOfCallsReplayed", self.meter.calls_replayed)?;
            told.set_item("numOfDivergences", self.meter.divergences)?;
            told.set_item("numOfUnacknowledgedRecords", figures.unacknowledged)?;
            told.set_item("journalKilobytes", figures.bytes.div_ceil(1000))?;
            if let Some(latency) = figures.latency {
                told.set_item("storeLatencyMs", (latency.as_micros() + 500) / 1000)?;
            }
        }
        Ok(told)
    }
}
