//! Memory as a host in another process sees it while the machine is elsewhere: the same rules over a part of the nodes.
//!
//! A [`Mirror`] holds what is known of one key's two memories during a run, a [`Draft`] what one task has written. The host
//! asks the machine's side for what is not known ([`Mirror::loaded`]) and hands the writes of a finished task over, which the
//! machine commits; [`Mirror::commit`] does the same here. As long as both see tasks begin and end in the same order they
//! show the same.

use super::{Committed, Lookup, MemoryError, Node, Overlay, Space, View, Written};
use crate::ids::{Symbol, ValueHandle};
use crate::symbols::Symbols;

/// What is known of the memory of a key.
#[derive(Debug, Default)]
pub struct Mirror {
    sensory: Committed,
    short_term: Committed,
    /// Somebody else may have written sensory memory in this run.
    sensory_lazy: bool,
}

/// What a task has written and not committed.
#[derive(Debug, Default)]
pub struct Draft {
    sensory: Overlay,
    short_term: Overlay,
    since: (u32, u32),
}

impl Draft {
    /// The writes of one memory, in order.
    pub fn writes(&self, space: Space) -> impl Iterator<Item = (Symbol, Node)> + '_ {
        match space {
            Space::Sensory => self.sensory.iter(),
            Space::ShortTerm => self.short_term.iter(),
        }
        .copied()
    }

    /// Ends the draft of a task that has failed, handing its values back.
    pub fn discard(mut self, mut release: impl FnMut(ValueHandle)) {
        for (_, node) in self.sensory.drain().chain(self.short_term.drain()) {
            if let Node::Value(handle) = node {
                release(handle);
            }
        }
    }
}

impl Mirror {
    /// A key of which nothing is known, except that its sensory memory is empty if its run is `fresh`.
    pub fn new(fresh: bool) -> Mirror {
        Mirror {
            sensory_lazy: !fresh,
            ..Mirror::default()
        }
    }

    /// Whether an unknown node of a memory may exist.
    pub fn is_lazy(&self, space: Space) -> bool {
        space == Space::ShortTerm || self.sensory_lazy
    }

    /// What a task that begins now has written: nothing.
    pub fn draft(&self) -> Draft {
        Draft {
            since: (self.sensory.commits(), self.short_term.commits()),
            ..Draft::default()
        }
    }

    fn view<'a>(&'a mut self, draft: &'a mut Draft, symbols: &'a mut Symbols, space: Space) -> View<'a> {
        let lazy = self.is_lazy(space);
        let (committed, overlay, since) = match space {
            Space::Sensory => (&mut self.sensory, &mut draft.sensory, draft.since.0),
            Space::ShortTerm => (&mut self.short_term, &mut draft.short_term, draft.since.1),
        };
        View {
            committed,
            overlay,
            symbols,
            lazy,
            since,
        }
    }

    /// What stands at a path, the task's own writes included.
    ///
    /// # Errors
    /// When the path is not one.
    pub fn get(
        &mut self,
        draft: &mut Draft,
        symbols: &mut Symbols,
        space: Space,
        path: Symbol,
    ) -> Result<Lookup, MemoryError> {
        self.view(draft, symbols, space).get(path)
    }

    /// Writes a value, creating missing parents.
    ///
    /// # Errors
    /// When the path is not one, or an object stands there or a value above it.
    pub fn set(
        &mut self,
        draft: &mut Draft,
        symbols: &mut Symbols,
        space: Space,
        path: Symbol,
        value: ValueHandle,
    ) -> Result<Written, MemoryError> {
        self.view(draft, symbols, space).set(path, value)
    }

    /// Makes an object, creating missing parents. One that exists is kept with its children.
    ///
    /// # Errors
    /// When the path is not one, or a value stands there or above it.
    pub fn new_object(
        &mut self,
        draft: &mut Draft,
        symbols: &mut Symbols,
        space: Space,
        path: Symbol,
    ) -> Result<Written, MemoryError> {
        self.view(draft, symbols, space).new_object(path, false)
    }

    /// Names of an object's direct children, sorted. `stored` are paths that the machine's side knows; an inner `Err` is as
    /// [`Lookup::Load`].
    ///
    /// # Errors
    /// When the path is not one, or no object stands there.
    pub fn children<'s>(
        &mut self,
        draft: &mut Draft,
        symbols: &mut Symbols,
        space: Space,
        path: Symbol,
        stored: impl Iterator<Item = &'s str>,
    ) -> Result<Result<Vec<String>, Symbol>, MemoryError> {
        self.view(draft, symbols, space).children(path, stored)
    }

    /// What the machine's side knows of a path. Returns a handle that is not needed because the path was known already.
    pub fn loaded(&mut self, space: Space, path: Symbol, node: Node) -> Option<ValueHandle> {
        match space {
            Space::Sensory => self.sensory.loaded(path, node),
            Space::ShortTerm => self.short_term.loaded(path, node),
        }
    }

    /// Makes the writes of a finished task visible; `release` hears of values that nobody needs any more.
    pub fn commit(&mut self, mut draft: Draft, symbols: &mut Symbols, mut release: impl FnMut(ValueHandle)) {
        for (committed, overlay, since) in [
            (&mut self.sensory, &mut draft.sensory, draft.since.0),
            (&mut self.short_term, &mut draft.short_term, draft.since.1),
        ] {
            committed.commit(overlay, since, symbols, |_, _, replaced| {
                if let Some(replaced) = replaced {
                    release(replaced);
                }
            });
        }
    }

    /// Forgets all that is known: somebody else has written.
    pub fn forget(&mut self, mut release: impl FnMut(ValueHandle)) {
        self.sensory_lazy = true;
        for committed in [&mut self.sensory, &mut self.short_term] {
            // Tasks that have begun are to notice that something was committed.
            let commits = committed.commits() + 1;
            committed.clear(&mut release);
            committed.commits = commits;
        }
    }

    /// Paths in use, which have to stay interned.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.sensory.symbols().chain(self.short_term.symbols())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Key {
        mirror: Mirror,
        symbols: Symbols,
        free: Vec<u32>,
    }

    impl Key {
        fn new(fresh: bool) -> Key {
            Key {
                mirror: Mirror::new(fresh),
                symbols: Symbols::default(),
                free: Vec::new(),
            }
        }

        fn get(&mut self, draft: &mut Draft, space: Space, path: &str) -> Lookup {
            let path = self.symbols.intern(path);
            self.mirror.get(draft, &mut self.symbols, space, path).unwrap()
        }

        fn set(&mut self, draft: &mut Draft, path: &str, value: u32) -> Result<Written, MemoryError> {
            let path = self.symbols.intern(path);
            self.mirror
                .set(draft, &mut self.symbols, Space::ShortTerm, path, ValueHandle(value))
        }

        fn loaded(&mut self, path: &str, node: Node) {
            let path = self.symbols.intern(path);
            assert_eq!(self.mirror.loaded(Space::ShortTerm, path, node), None);
        }

        fn commit(&mut self, draft: Draft) {
            let free = &mut self.free;
            self.mirror
                .commit(draft, &mut self.symbols, |handle| free.push(handle.0));
        }
    }

    #[test]
    fn unknown_paths_are_asked_for_once_and_writes_are_seen_by_others_when_committed() {
        let mut key = Key::new(true);
        let mut first = key.mirror.draft();
        let asked = key.symbols.intern("count");
        assert_eq!(key.get(&mut first, Space::ShortTerm, "count"), Lookup::Load(asked));
        assert_eq!(
            key.get(&mut first, Space::Sensory, "count"),
            Lookup::Found(Node::Absent)
        );
        key.loaded("count", Node::Value(ValueHandle(1)));
        assert_eq!(
            key.get(&mut first, Space::ShortTerm, "count"),
            Lookup::Found(Node::Value(ValueHandle(1)))
        );
        let mut second = key.mirror.draft();
        assert_eq!(key.set(&mut first, "count", 2), Ok(Written::Done(None)));
        assert_eq!(
            key.get(&mut second, Space::ShortTerm, "count"),
            Lookup::Found(Node::Value(ValueHandle(1)))
        );
        assert_eq!(
            first.writes(Space::ShortTerm).collect::<Vec<_>>(),
            [(asked, Node::Value(ValueHandle(2)))]
        );
        key.commit(first);
        assert_eq!(key.free, [1]);
        assert_eq!(
            key.get(&mut second, Space::ShortTerm, "count"),
            Lookup::Found(Node::Value(ValueHandle(2)))
        );
        second.discard(|_| unreachable!("it wrote nothing"));
    }

    #[test]
    fn a_parent_has_to_be_known_before_something_is_written_below_it() {
        let mut key = Key::new(true);
        let mut draft = key.mirror.draft();
        let parent = key.symbols.intern("a");
        assert_eq!(key.set(&mut draft, "a.b", 1), Ok(Written::Load(parent)));
        key.loaded("a", Node::Value(ValueHandle(9)));
        assert!(matches!(
            key.set(&mut draft, "a.b", 1),
            Err(MemoryError::ParentIsValue { .. })
        ));
    }

    #[test]
    fn what_somebody_else_may_have_written_is_asked_for_again() {
        let mut key = Key::new(true);
        let mut draft = key.mirror.draft();
        key.loaded("a", Node::Value(ValueHandle(3)));
        key.mirror.forget(|handle| key.free.push(handle.0));
        assert_eq!(key.free, [3]);
        let path = key.symbols.intern("a");
        assert_eq!(key.get(&mut draft, Space::ShortTerm, "a"), Lookup::Load(path));
        assert_eq!(key.get(&mut draft, Space::Sensory, "a"), Lookup::Load(path));
        assert!(key.mirror.symbols().next().is_none());
    }

    #[test]
    fn a_run_that_is_not_fresh_asks_for_sensory_memory_too() {
        let mut key = Key::new(false);
        let mut draft = key.mirror.draft();
        let path = key.symbols.intern("a");
        assert_eq!(key.get(&mut draft, Space::Sensory, "a"), Lookup::Load(path));
    }
}
