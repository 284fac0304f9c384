//! Several subtasks of one job, with checkpoints, crashes and rescaling.

use crate::agent::Agent;
use crate::host::{KeyState, Tree};
use crate::reference::RefKey;
use crate::subtask::{Options, Shared, Subtask};
use flink_agents_core::run::{Marker, RestoreError};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
struct Checkpoint {
    state: BTreeMap<String, KeyState>,
    reference: BTreeMap<String, RefKey>,
    outputs: BTreeMap<String, Vec<(String, Option<i64>)>>,
}

/// A job.
pub struct Cluster {
    agent: Arc<Agent>,
    options: Options,
    /// What was seen.
    pub shared: Shared,
    /// The attempt that runs.
    pub subtasks: Vec<Subtask>,
    last: Checkpoint,
}

impl Cluster {
    /// Without state.
    pub fn new(agent: Agent, options: Options, parallelism: usize) -> Cluster {
        let mut cluster = Cluster {
            agent: Arc::new(agent),
            options,
            shared: Shared::default(),
            subtasks: Vec::new(),
            last: Checkpoint::default(),
        };
        cluster.restart(parallelism).unwrap();
        cluster
    }

    fn owner(key: &str, parallelism: usize) -> usize {
        let hash = key
            .bytes()
            .fold(7u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
        hash as usize % parallelism
    }

    /// Takes a checkpoint of all subtasks.
    pub fn checkpoint(&mut self) {
        let mut last = Checkpoint {
            outputs: self.shared.outputs.clone(),
            ..Checkpoint::default()
        };
        for subtask in &mut self.subtasks {
            let (state, reference) = subtask.checkpoint(&mut self.shared);
            last.state.extend(state);
            last.reference.extend(reference);
        }
        self.last = last;
    }

    /// Throws the attempt away and starts the next from the last checkpoint.
    ///
    /// # Errors
    /// When a machine refuses its state.
    pub fn restart(&mut self, parallelism: usize) -> Result<(), RestoreError> {
        self.shared.count("restart");
        self.shared.outputs = self.last.outputs.clone();
        self.shared.failure = None;
        self.subtasks.clear();
        for number in 0..parallelism {
            let mine = |key: &String| Cluster::owner(key, parallelism) == number;
            let state = self.last.state.iter().filter(|(key, _)| mine(key));
            let reference = self.last.reference.iter().filter(|(key, _)| mine(key));
            let subtask = Subtask::restore(
                number,
                &self.agent,
                self.options,
                state.map(|(key, state)| (key.clone(), state.clone())).collect(),
                reference.map(|(key, state)| (key.clone(), state.clone())).collect(),
                &mut self.shared,
            )?;
            self.subtasks.push(subtask);
        }
        Ok(())
    }

    /// As [`Cluster::restart`], with another agent.
    ///
    /// # Errors
    /// When a machine refuses its state.
    pub fn restart_with(&mut self, agent: Agent) -> Result<(), RestoreError> {
        self.agent = Arc::new(agent);
        self.restart(self.subtasks.len())
    }

    /// A record.
    pub fn input(&mut self, key: &str, payload: &str, timestamp: Option<i64>) {
        let owner = Cluster::owner(key, self.subtasks.len());
        self.subtasks[owner].input(key, payload, timestamp, &mut self.shared);
    }

    /// A marker, for every subtask.
    pub fn marker(&mut self, marker: Marker) {
        for subtask in &mut self.subtasks {
            subtask.marker(marker, &mut self.shared);
        }
    }

    /// Runs tasks until all have finished or wait.
    pub fn run(&mut self) {
        for subtask in &mut self.subtasks {
            while subtask.is_running() || subtask.turn(&mut self.shared) {
                subtask.operation(&mut self.shared);
            }
        }
    }

    /// Runs one task until it finishes or waits; false if there is none.
    pub fn run_one(&mut self) -> bool {
        for subtask in &mut self.subtasks {
            if subtask.is_running() || subtask.turn(&mut self.shared) {
                while subtask.is_running() {
                    subtask.operation(&mut self.shared);
                }
                return true;
            }
        }
        false
    }

    /// Wakes the first suspended task of a key and action.
    pub fn wake(&mut self, key: &str, action: &str) {
        for subtask in &mut self.subtasks {
            let tasks = subtask.suspended();
            if let Some(index) = tasks.iter().position(|task| task.0 == key && task.1 == action) {
                return subtask.wake(index, &mut self.shared);
            }
        }
        panic!("no task of action {action} and key {key} waits");
    }

    /// Short-term memory of a key.
    pub fn short_term(&self, key: &str) -> Tree {
        let state = self.subtasks.iter().find_map(|subtask| subtask.state.get(key));
        state.map(|state| state.short_term.clone()).unwrap_or_default()
    }

    /// Payloads of a key's outputs.
    pub fn outputs(&self, key: &str) -> Vec<&str> {
        let outputs = self.shared.outputs.get(key).map_or(&[][..], Vec::as_slice);
        outputs.iter().map(|(payload, _)| payload.as_str()).collect()
    }

    /// Inputs not finished.
    pub fn in_flight(&self) -> usize {
        self.subtasks.iter().map(|subtask| subtask.machine.in_flight()).sum()
    }

    /// Panics unless everything is finished and no value is left.
    pub fn assert_idle(&mut self) {
        assert_eq!(self.in_flight(), 0);
        for subtask in &self.subtasks {
            assert_eq!(subtask.live_values(), 0);
            assert_eq!(subtask.machine.held_markers(), 0);
        }
        self.checkpoint();
        assert!(self.last.state.values().all(|state| state.inflight.is_none()));
    }
}
