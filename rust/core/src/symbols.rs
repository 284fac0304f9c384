//! Interned event types and memory paths, so that the hot path moves integers only.
//!
//! *Owned state*: one table per machine. *Lifecycle*: a symbol lives until [`Symbols::retain`] finds it unused; hosts
//! that cache numbers must forget the freed ones in the same step. *Constraint*: the three built-in types are never freed.
//! When to collect is the table's rule, by number and by bytes: it has texts that no host ever named, the ancestors of
//! paths.

use crate::ids::Symbol;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Type of the event that wraps a record.
pub const INPUT_EVENT: &str = "_input_event";
/// Type of the event whose payload leaves the agent.
pub const OUTPUT_EVENT: &str = "_output_event";

/// Type of the event by which an action's dead letter leaves the agent.
pub const DEAD_LETTER_EVENT: &str = "_dead_letter_event";

/// Symbol of [`INPUT_EVENT`] in every table.
pub const INPUT: Symbol = Symbol(0);
/// Symbol of [`OUTPUT_EVENT`] in every table.
pub const OUTPUT: Symbol = Symbol(1);
/// Symbol of [`DEAD_LETTER_EVENT`] in every table.
pub const DEAD_LETTER: Symbol = Symbol(2);

/// Longest text a host should intern, in bytes: far above any honest event type, and each is kept.
pub const MAX_TEXT_BYTES: usize = 1 << 16;

/// Texts above which unused ones are given back: enough for any fixed set, small enough for generated ones.
const COLLECT_ABOVE: usize = 1 << 16;
/// The same in bytes.
const COLLECT_ABOVE_BYTES: usize = 16 << 20;

/// The table of interned texts.
#[derive(Debug)]
pub struct Symbols {
    names: Vec<Option<Arc<str>>>,
    by_name: FxHashMap<Arc<str>, Symbol>,
    free: Vec<Symbol>,
    bytes: usize,
    /// Number and bytes above which to collect.
    collect_above: (usize, usize),
}

impl Default for Symbols {
    fn default() -> Self {
        let mut table = Symbols {
            names: Vec::new(),
            by_name: FxHashMap::default(),
            free: Vec::new(),
            bytes: 0,
            collect_above: (COLLECT_ABOVE, COLLECT_ABOVE_BYTES),
        };
        table.intern(INPUT_EVENT);
        table.intern(OUTPUT_EVENT);
        table.intern(DEAD_LETTER_EVENT);
        table
    }
}

impl Symbols {
    /// The symbol of `text`, made if it is new.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.by_name.get(text) {
            return *symbol;
        }
        let name: Arc<str> = text.into();
        self.bytes += text.len();
        let symbol = match self.free.pop() {
            Some(symbol) => {
                self.names[symbol.0 as usize] = Some(Arc::clone(&name));
                symbol
            }
            None => {
                let symbol = Symbol(self.names.len() as u32);
                self.names.push(Some(Arc::clone(&name)));
                symbol
            }
        };
        self.by_name.insert(name, symbol);
        symbol
    }

    /// The text of a symbol, or nothing if it was never given out or has been freed.
    pub fn name(&self, symbol: Symbol) -> Option<&str> {
        self.names.get(symbol.0 as usize).and_then(|name| name.as_deref())
    }

    /// The text of a symbol to keep while others are interned; empty if there is none.
    pub(crate) fn shared_name(&self, symbol: Symbol) -> Arc<str> {
        let name = self.names.get(symbol.0 as usize).and_then(Clone::clone);
        name.unwrap_or_default()
    }

    /// Whether there are so many texts, or such long ones, that unused ones should be freed.
    pub fn should_collect(&self) -> bool {
        self.len() > self.collect_above.0 || self.bytes > self.collect_above.1
    }

    /// Number of symbols in use.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Never true: the built-in types are always there.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// One past the highest number ever given out.
    pub(crate) fn capacity(&self) -> usize {
        self.names.len()
    }

    /// Frees every symbol for which `used` says no, and returns those freed.
    pub fn retain(&mut self, used: impl Fn(Symbol) -> bool) -> Vec<Symbol> {
        let mut freed = Vec::new();
        for index in 3..self.names.len() {
            let symbol = Symbol(index as u32);
            if !used(symbol)
                && let Some(name) = self.names[index].take()
            {
                self.by_name.remove(&name);
                self.bytes -= name.len();
                freed.push(symbol);
            }
        }
        self.free.extend_from_slice(&freed);
        if self.by_name.capacity() / 4 > self.by_name.len().max(COLLECT_ABOVE / 2) {
            self.by_name.shrink_to(self.by_name.len() * 2);
        }
        // Twice what is in use: a set that is large and stays must not be searched again and again.
        self.collect_above = (
            COLLECT_ABOVE.max(self.len() * 2),
            COLLECT_ABOVE_BYTES.max(self.bytes * 2),
        );
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_a_symbol_and_built_ins_have_fixed_numbers() {
        let mut symbols = Symbols::default();
        assert_eq!(symbols.intern(INPUT_EVENT), INPUT);
        assert_eq!(symbols.intern(OUTPUT_EVENT), OUTPUT);
        assert_eq!(symbols.intern(DEAD_LETTER_EVENT), DEAD_LETTER);
        let a = symbols.intern("a");
        assert_eq!(symbols.intern("a"), a);
        assert_ne!(symbols.intern("b"), a);
        assert_eq!(symbols.name(a), Some("a"));
    }

    #[test]
    fn freed_numbers_are_used_again_and_forgotten_before() {
        let mut symbols = Symbols::default();
        let a = symbols.intern("a");
        let b = symbols.intern("b");
        assert_eq!(symbols.retain(|s| s == b), vec![a]);
        assert_eq!(symbols.name(a), None);
        assert_eq!(symbols.name(INPUT), Some(INPUT_EVENT));
        assert_eq!(symbols.intern("c"), a);
        assert_eq!(symbols.len(), 5);
    }

    #[test]
    fn many_or_long_texts_are_to_be_collected_and_those_in_use_do_not_ask_again() {
        let mut symbols = Symbols::default();
        for number in 0..COLLECT_ABOVE {
            symbols.intern(&number.to_string());
        }
        assert!(symbols.should_collect(), "many");
        assert!(symbols.retain(|_| true).is_empty());
        assert!(!symbols.should_collect(), "all of them are in use");
        symbols.retain(|_| false);
        let built_in = INPUT_EVENT.len() + OUTPUT_EVENT.len() + DEAD_LETTER_EVENT.len();
        assert_eq!(symbols.bytes, built_in);

        let long = "x".repeat(MAX_TEXT_BYTES);
        for number in 0..COLLECT_ABOVE_BYTES / MAX_TEXT_BYTES {
            assert!(!symbols.should_collect());
            symbols.intern(&format!("{number}{long}"));
        }
        assert!(symbols.should_collect(), "long");
        symbols.retain(|_| false);
        assert!(!symbols.should_collect());
    }
}
