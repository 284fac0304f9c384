//! Stories told four ways: fresh, replayed, evicted, rescaled.

use crate::agent::Agent;
use crate::cluster::Cluster;
use crate::subtask::Options;
use flink_agents_core::run::Marker;

/// One step of a story. A step may be told again after a crash.
#[derive(Debug, Clone)]
pub enum Tell {
    /// A record: key, payload, timestamp.
    Input(&'static str, &'static str, Option<i64>),
    /// A marker.
    Marker(Marker),
    /// Runs everything that can run.
    Run,
    /// Runs one task until it finishes or waits.
    RunOne,
    /// Runs everything that can run, then wakes an action of a key and runs on.
    Wake(&'static str, &'static str),
    /// Frees unused symbols.
    Collect,
    /// Frozen, nothing comes out; then it goes on.
    FreezeAndThaw,
}

/// How a story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Without interruption.
    Fresh,
    /// A checkpoint before step `.0`, a crash after step `.1`, and on from the checkpoint.
    Replayed(usize, usize),
    /// After every step everything is stored, thrown away and read back.
    Evicted,
    /// As evicted, each time with another number of subtasks.
    Rescaled,
}

/// A scenario and what has to be true at its end.
pub struct Story {
    /// The agent.
    pub agent: Agent,
    /// Settings.
    pub options: Options,
    /// What happens.
    pub steps: Vec<Tell>,
}

impl Story {
    /// With default settings.
    pub fn new(agent: Agent, steps: impl IntoIterator<Item = Tell>) -> Story {
        Story {
            agent,
            options: Options::default(),
            steps: steps.into_iter().collect(),
        }
    }

    /// Tells the story in every way; `check` sees the end of each.
    pub fn tell(&self, check: impl Fn(&mut Cluster, Way)) {
        let steps = self.steps.len();
        let mut ways = vec![Way::Fresh, Way::Evicted, Way::Rescaled];
        for crash in 0..steps {
            ways.extend((0..=crash).map(|checkpoint| Way::Replayed(checkpoint, crash)));
        }
        for way in ways {
            let mut cluster = self.told(way);
            cluster.run();
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&mut cluster, way)));
            if let Err(panic) = outcome {
                let text = cluster.shared.transcript.join("\n");
                let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{way:?}:\n{text}\n").as_bytes());
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Tells the story in one way, and returns its end.
    pub fn told(&self, way: Way) -> Cluster {
        let mut cluster = Cluster::new(self.agent.clone(), self.options, 1);
        let mut position = 0;
        let mut crashed = false;
        while position < self.steps.len() {
            if let Way::Replayed(checkpoint, _) = way
                && checkpoint == position
                && !crashed
            {
                cluster.checkpoint();
            }
            step(&mut cluster, &self.steps[position]);
            position += 1;
            match way {
                Way::Replayed(checkpoint, crash) if crash + 1 == position && !crashed => {
                    crashed = true;
                    cluster.restart(1).unwrap();
                    position = checkpoint;
                }
                Way::Evicted | Way::Rescaled => {
                    cluster.checkpoint();
                    let parallelism = if way == Way::Evicted { 1 } else { 1 + position % 3 };
                    cluster.restart(parallelism).unwrap();
                }
                Way::Fresh | Way::Replayed(..) => {}
            }
        }
        cluster
    }
}

fn step(cluster: &mut Cluster, step: &Tell) {
    match step {
        Tell::Input(key, payload, timestamp) => cluster.input(key, payload, *timestamp),
        Tell::Marker(marker) => cluster.marker(*marker),
        Tell::Run => cluster.run(),
        Tell::RunOne => {
            cluster.run_one();
        }
        Tell::Wake(key, action) => {
            cluster.run();
            cluster.wake(key, action);
            cluster.run();
        }
        Tell::Collect => {
            for subtask in &mut cluster.subtasks {
                subtask.collect_symbols(&mut cluster.shared);
            }
        }
        Tell::FreezeAndThaw => {
            for subtask in &mut cluster.subtasks {
                subtask.freeze(&mut cluster.shared);
                assert!(!subtask.turn(&mut cluster.shared));
                subtask.thaw(&mut cluster.shared);
            }
        }
    }
}
