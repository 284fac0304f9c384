//! What a checkpoint holds of a subtask's journal: whose records are to be read after a restore, and from where.
//!
//! ```text
//! version u8 = 1   lineage (16 bytes)   ancestors u32, each 16 bytes   marker (to the end)
//! ```
//!
//! Integers are little-endian. The marker is the store's.

use crate::errors::Failure;
use flink_agents_runtime::store::Lineage;

const VERSION: u8 = 1;

/// A job's lineage, and those of the jobs it stems from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobState {
    pub(crate) lineage: Lineage,
    /// The nearest first.
    pub(crate) ancestors: Vec<Lineage>,
}

impl JobState {
    /// The lineage of a job whose graph has a nonce. A job that was restored from its own checkpoint goes on; one that was
    /// restored from another job's begins a lineage of its own, unless it is to continue that one.
    pub(crate) fn of(nonce: Lineage, restored: Option<JobState>, continues: bool) -> JobState {
        match restored {
            None => JobState {
                lineage: nonce,
                ancestors: Vec::new(),
            },
            Some(restored) if restored.lineage == nonce || continues => restored,
            Some(restored) => {
                let mut ancestors = vec![restored.lineage];
                ancestors.extend(restored.ancestors);
                JobState {
                    lineage: nonce,
                    ancestors,
                }
            }
        }
    }

    pub(crate) fn write(&self, marker: &[u8]) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.lineage.0);
        out.extend_from_slice(&(self.ancestors.len() as u32).to_le_bytes());
        self.ancestors
            .iter()
            .for_each(|ancestor| out.extend_from_slice(&ancestor.0));
        out.extend_from_slice(marker);
        out
    }

    /// The state, and the marker beside it.
    ///
    /// # Errors
    /// When the bytes are of a later release, or damaged.
    pub(crate) fn read(bytes: &[u8]) -> Result<(JobState, Vec<u8>), Failure> {
        let damaged = || {
            Failure::core(
                "The operator state 'journal' of the restored checkpoint is damaged: restore another one, or allow non-restored state under another operator id",
            )
        };
        let (version, rest) = bytes.split_first().ok_or_else(damaged)?;
        if *version != VERSION {
            return Err(Failure::core(format!(
                "The operator state 'journal' of the restored checkpoint has format {version}, and this release reads {VERSION}: use the release that wrote it, or a later one"
            )));
        }
        let (lineage, rest) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
        let (count, mut rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let mut ancestors = Vec::new();
        for _ in 0..u32::from_le_bytes(*count) {
            let (ancestor, after) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
            ancestors.push(Lineage(*ancestor));
            rest = after;
        }
        let state = JobState {
            lineage: Lineage(*lineage),
            ancestors,
        };
        Ok((state, rest.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Lineage = Lineage([1; 16]);
    const MIDDLE: Lineage = Lineage([2; 16]);
    const NEW: Lineage = Lineage([3; 16]);

    fn forked() -> JobState {
        JobState {
            lineage: MIDDLE,
            ancestors: vec![OLD],
        }
    }

    #[test]
    fn a_new_submission_begins_a_lineage_whose_ancestor_is_the_restored_one() {
        let state = JobState::of(NEW, Some(forked()), false);
        assert_eq!((state.lineage, state.ancestors), (NEW, vec![MIDDLE, OLD]));
        assert_eq!(JobState::of(NEW, Some(forked()), true), forked());
    }

    #[test]
    fn a_restart_goes_on() {
        assert_eq!(JobState::of(MIDDLE, Some(forked()), false), forked());
        assert_eq!(JobState::of(NEW, None, true).lineage, NEW);
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let bytes = forked().write(b"marker");
        assert_eq!(JobState::read(&bytes).unwrap(), (forked(), b"marker".to_vec()));
        for length in 0..37 {
            assert!(JobState::read(&bytes[..length]).is_err(), "{length}");
        }
        let mut newer = bytes;
        newer[0] = 2;
        assert!(JobState::read(&newer).unwrap_err().text.contains("format 2"));
    }
}
