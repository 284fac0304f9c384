//! Interned event types and memory paths, so that the hot path moves integers only.
//!
//! *Owned state*: one table per machine. *Lifecycle*: a symbol lives until [`Symbols::retain`] finds it unused; hosts
//! that cache numbers must forget the freed ones in the same step. *Constraint*: the two built-in types are never freed.

use crate::ids::Symbol;
use rustc_hash::FxHashMap;

/// Type of the event that wraps a record.
pub const INPUT_EVENT: &str = "_input_event";
/// Type of the event whose payload leaves the agent.
pub const OUTPUT_EVENT: &str = "_output_event";

/// Symbol of [`INPUT_EVENT`] in every table.
pub const INPUT: Symbol = Symbol(0);
/// Symbol of [`OUTPUT_EVENT`] in every table.
pub const OUTPUT: Symbol = Symbol(1);

/// The table of interned texts.
#[derive(Debug)]
pub struct Symbols {
    names: Vec<Option<Box<str>>>,
    by_name: FxHashMap<Box<str>, Symbol>,
    free: Vec<Symbol>,
}

impl Default for Symbols {
    fn default() -> Self {
        let mut table = Symbols {
            names: Vec::new(),
            by_name: FxHashMap::default(),
            free: Vec::new(),
        };
        table.intern(INPUT_EVENT);
        table.intern(OUTPUT_EVENT);
        table
    }
}

impl Symbols {
    /// The symbol of `text`, made if it is new.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.by_name.get(text) {
            return *symbol;
        }
        let name: Box<str> = text.into();
        let symbol = match self.free.pop() {
            Some(symbol) => {
                self.names[symbol.0 as usize] = Some(name.clone());
                symbol
            }
            None => {
                let symbol = Symbol(self.names.len() as u32);
                self.names.push(Some(name.clone()));
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
        for index in 2..self.names.len() {
            let symbol = Symbol(index as u32);
            if !used(symbol)
                && let Some(name) = self.names[index].take()
            {
                self.by_name.remove(&name);
                freed.push(symbol);
            }
        }
        self.free.extend_from_slice(&freed);
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
        assert_eq!(symbols.len(), 4);
    }
}
