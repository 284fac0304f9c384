//! Which partition a key group's records lie in.
//!
//! Partition 0 has the claims, so that they are read without reading records: they lie dense, and there are few. Records lie in
//! the others, key groups in ranges of about equal size. A topic of one partition has both in it.
//!
//! A job does not use all of a large topic: a request carries records of one partition, so a subtask that writes to many sends
//! many small ones.

use std::ops::RangeInclusive;

/// The partitions of a topic as a session sees them. Partitions that were added to the topic after the first claim of a job
/// lineage are not used: its key groups would lie elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partitions {
    /// Partitions with records.
    pub(crate) count: u32,
    /// Number of the first one.
    pub(crate) first: u32,
    pub(crate) max_parallelism: u16,
}

/// Partitions that one subtask writes to, about: enough that their leaders share the work.
const PER_SUBTASK: u32 = 8;

/// Where the claims are.
pub(crate) const CLAIMS: u32 = 0;

impl Partitions {
    /// As many as there are for records, of a topic with so many in all.
    pub(crate) fn of_topic(all: u32) -> u32 {
        all.max(2) - 1
    }

    /// How many a new job should use, by what one of its subtasks knows: [`PER_SUBTASK`] for each, rounded up to a power of two.
    pub(crate) fn wanted(all: u32, max_parallelism: u16, own: &RangeInclusive<u16>) -> u32 {
        let subtasks = u32::from(max_parallelism).div_ceil(own.len().max(1) as u32);
        (subtasks * PER_SUBTASK)
            .next_power_of_two()
            .min(Partitions::of_topic(all))
    }

    /// So many of those of a topic.
    pub(crate) fn pinned(count: u32, all: u32, max_parallelism: u16) -> Partitions {
        Partitions {
            count,
            first: u32::from(all > 1),
            max_parallelism,
        }
    }

    pub(crate) fn of(&self, key_group: u16) -> u32 {
        let index = u64::from(key_group) * u64::from(self.count) / u64::from(self.max_parallelism);
        self.first + index as u32
    }

    /// The partitions of a range of key groups, each with those of the range that lie in it.
    pub(crate) fn split(&self, key_groups: &RangeInclusive<u16>) -> Vec<(u32, RangeInclusive<u16>)> {
        let mut split: Vec<(u32, RangeInclusive<u16>)> = Vec::new();
        for key_group in key_groups.clone() {
            let partition = self.of(key_group);
            match split.last_mut() {
                Some((last, range)) if *last == partition => *range = *range.start()..=key_group,
                _ => split.push((partition, key_group..=key_group)),
            }
        }
        split
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_group_has_a_partition_and_the_claims_have_theirs() {
        let partitions = Partitions::pinned(Partitions::of_topic(65), 65, 128);
        assert_eq!((partitions.of(0), partitions.of(1)), (1, 1));
        assert_eq!((partitions.of(2), partitions.of(127)), (2, 64));
        assert_eq!(partitions.split(&(1..=4)), [(1, 1..=1), (2, 2..=3), (3, 4..=4)]);
    }

    #[test]
    fn a_job_uses_some_for_each_of_its_subtasks_and_no_more_than_there_are() {
        assert_eq!(Partitions::wanted(65, 128, &(0..=127)), 8);
        assert_eq!(Partitions::wanted(65, 128, &(0..=63)), 16);
        // Three subtasks, of 43 and 42 key groups.
        assert_eq!(Partitions::wanted(65, 128, &(0..=42)), 32);
        assert_eq!(Partitions::wanted(65, 128, &(43..=84)), 32);
        assert_eq!(Partitions::wanted(65, 128, &(7..=7)), 64);
        assert_eq!(Partitions::wanted(4, 128, &(0..=127)), 3);
        assert_eq!(Partitions::wanted(1, 128, &(0..=127)), 1);
    }

    #[test]
    fn where_the_numbers_do_not_divide_every_key_group_still_has_one() {
        let partitions = Partitions::pinned(Partitions::of_topic(4), 4, 8);
        let split = partitions.split(&(0..=7));
        assert_eq!(split, [(1, 0..=2), (2, 3..=5), (3, 6..=7)]);
    }

    #[test]
    fn fewer_key_groups_than_partitions_and_a_single_partition_do() {
        let partitions = Partitions::pinned(Partitions::of_topic(100), 100, 2);
        assert_eq!((partitions.of(0), partitions.of(1)), (1, 50));
        let one = Partitions::pinned(Partitions::of_topic(1), 1, 128);
        assert_eq!((one.of(0), one.of(127)), (0, 0));
    }
}
