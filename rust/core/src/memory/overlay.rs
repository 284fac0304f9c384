//! The writes of one task that has not finished.

use super::Node;
use crate::ids::Symbol;
use rustc_hash::FxHashMap;

/// Up to here a list is faster searched than indexed; tasks that write more are rare, and must not cost the square.
const SEARCHED: usize = 16;

/// Writes in order, each path once.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    entries: Vec<(Symbol, Node)>,
    index: Option<Box<FxHashMap<Symbol, u32>>>,
}

impl Overlay {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (Symbol, Node)> {
        self.entries.iter()
    }

    fn position(&self, path: Symbol) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&path).map(|position| *position as usize),
            None => self.entries.iter().position(|(written, _)| *written == path),
        }
    }

    pub(crate) fn get(&self, path: Symbol) -> Option<Node> {
        self.position(path).map(|position| self.entries[position].1)
    }

    /// Writes a node, and returns what the task wrote there before.
    pub(crate) fn put(&mut self, path: Symbol, node: Node) -> Option<Node> {
        if let Some(position) = self.position(path) {
            return Some(std::mem::replace(&mut self.entries[position].1, node));
        }
        if let Some(index) = &mut self.index {
            index.insert(path, self.entries.len() as u32);
        }
        self.entries.push((path, node));
        if self.entries.len() > SEARCHED && self.index.is_none() {
            let positions = self
                .entries
                .iter()
                .zip(0..)
                .map(|((path, _), position)| (*path, position));
            self.index = Some(Box::new(positions.collect()));
        }
        None
    }

    /// Takes all writes, in order.
    pub(crate) fn drain(&mut self) -> std::vec::Drain<'_, (Symbol, Node)> {
        self.index = None;
        self.entries.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ValueHandle;

    #[test]
    fn few_and_many_writes_are_found_replaced_and_kept_in_order() {
        for count in [1, 16, 17, 1_000] {
            let mut overlay = Overlay::default();
            for path in 0..count {
                assert_eq!(overlay.put(Symbol(path * 3), Node::Object), None);
            }
            for path in 0..count {
                let value = Node::Value(ValueHandle(path));
                assert_eq!(overlay.put(Symbol(path * 3), value), Some(Node::Object));
                assert_eq!(overlay.get(Symbol(path * 3)), Some(value));
                assert_eq!(overlay.get(Symbol(path * 3 + 1)), None);
            }
            let expected: Vec<(Symbol, Node)> = (0..count)
                .map(|path| (Symbol(path * 3), Node::Value(ValueHandle(path))))
                .collect();
            assert_eq!(overlay.iter().copied().collect::<Vec<_>>(), expected);
            assert_eq!(overlay.drain().collect::<Vec<_>>(), expected);
            assert!(overlay.is_empty());
            assert_eq!(overlay.get(Symbol(0)), None);
        }
    }
}
