//! Which key's turn is next. Keys that go on with a task and keys that begin one take turns, each kind in the order in which it became ready.

use crate::ids::KeySlot;
use std::collections::VecDeque;

/// Keys that wait for their turn.
///
/// Why the kinds take turns: what a task waited for comes for many keys at once, the answers of a store above all, and a host
/// whose tasks are threads changes threads for each one that goes on, and for each that begins behind one that waits. One that begins
/// behind one that has ended runs on the same thread. So a run that waits once costs one change of threads in place of two. Neither kind
/// can hold up the other.
#[derive(Debug, Default)]
pub(super) struct ReadyKeys {
    beginning: VecDeque<KeySlot>,
    going_on: VecDeque<KeySlot>,
    /// Whose turn it is where both have some.
    goes_on: bool,
}

impl ReadyKeys {
    pub(super) fn push(&mut self, key: KeySlot, goes_on: bool) {
        if goes_on {
            self.going_on.push_back(key);
        } else {
            self.beginning.push_back(key);
        }
    }

    pub(super) fn pop(&mut self) -> Option<KeySlot> {
        self.goes_on = !self.goes_on;
        let (first, second) = if self.goes_on {
            (&mut self.going_on, &mut self.beginning)
        } else {
            (&mut self.beginning, &mut self.going_on)
        };
        first.pop_front().or_else(|| second.pop_front())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.beginning.is_empty() && self.going_on.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_take_turns_and_keep_their_order() {
        let mut keys = ReadyKeys::default();
        for (slot, goes_on) in [
            (0, false),
            (1, false),
            (2, true),
            (3, true),
            (4, true),
            (5, false),
            (6, true),
        ] {
            keys.push(KeySlot(slot), goes_on);
        }
        let order: Vec<u32> = std::iter::from_fn(|| keys.pop()).map(|key| key.0).collect();
        assert_eq!(order, [2, 0, 3, 1, 4, 5, 6]);
        assert!(keys.is_empty());
    }
}
