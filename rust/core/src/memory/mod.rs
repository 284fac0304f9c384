//! Sensory and short-term memory: a tree of objects and values, addressed by dotted paths.
//!
//! The rules live here and nowhere else: what a read sees, what a write may replace, when a write becomes visible
//! (when its task finishes), and who wins on a conflict (the last task to finish, with a warning). Values stay with the
//! host; short-term memory is loaded path by path from the host's state on first access.
//!
//! A path is one or more names joined by `.`; no name may be empty. The root is an object and always exists. Stored
//! short-term memory is flat: one entry per node, objects included, so a node's children are the stored paths one name
//! longer than its own.

use crate::ids::{Symbol, ValueHandle};
use crate::symbols::Symbols;
use rustc_hash::FxHashMap;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// Nothing.
    Absent,
    /// An object: something with children, or made by `newObject`.
    Object,
    /// A value kept by the host.
    Value(ValueHandle),
}

/// Which of the two memories of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Cleared when the run ends.
    Sensory,
    /// Survives runs, in the host's keyed state.
    ShortTerm,
}

/// Answer to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The node is known.
    Found(Node),
    /// The host must load this path from its state, hand it over with `memory_loaded`, and ask again.
    Load(Symbol),
}

/// Answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Done; the handle, if any, is no longer used by the core.
    Done(Option<ValueHandle>),
    /// As in [`Lookup::Load`].
    Load(Symbol),
}

/// A write or read against the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Not a path.
    #[error("Invalid memory path \"{0}\": a path is one or more names joined by '.', and no name may be empty")]
    Path(String),
    /// A value would replace an object.
    #[error("Cannot overwrite object with value: \"{0}\" is an object; write to a path below it, or use another name")]
    ObjectInTheWay(String),
    /// An object would replace a value.
    #[error("Cannot create object \"{0}\": a value is stored there; pass overwrite=true to replace it")]
    ValueInTheWay(String),
    /// A parent is a value.
    #[error("Cannot write \"{path}\": its parent \"{parent}\" is a value, not an object")]
    ParentIsValue {
        /// The path to be written.
        path: String,
        /// The ancestor that is a value.
        parent: String,
    },
    /// Children of something that is no object.
    #[error("\"{0}\" is not an object: it has no fields")]
    NotAnObject(String),
}

/// The committed nodes of one memory of one key, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    nodes: FxHashMap<Symbol, (Node, u32)>,
    commits: u32,
}

impl Committed {
    fn get(&self, path: Symbol) -> Option<Node> {
        self.nodes.get(&path).map(|(node, _)| *node)
    }

    /// Records what the host's state holds; an entry already known wins, since it may be newer.
    pub(crate) fn loaded(&mut self, path: Symbol, node: Node) -> Option<ValueHandle> {
        match self.nodes.entry(path) {
            std::collections::hash_map::Entry::Occupied(_) => match node {
                Node::Value(unused) => Some(unused),
                _ => None,
            },
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert((node, 0));
                None
            }
        }
    }

    /// Count of commits so far: what a task remembers at its start to notice later writers.
    pub(crate) fn commits(&self) -> u32 {
        self.commits
    }

    /// Makes one write visible. Returns the value it replaces, and whether another task wrote the path after `since`.
    pub(crate) fn commit(&mut self, path: Symbol, node: Node, since: u32) -> (Option<ValueHandle>, bool) {
        let old = self.nodes.insert(path, (node, self.commits + 1));
        match old {
            Some((Node::Value(handle), at)) => (Some(handle), at > since),
            Some((_, at)) => (None, at > since),
            None => (None, false),
        }
    }

    /// Closes the commit of one task.
    pub(crate) fn end_commit(&mut self) {
        self.commits += 1;
    }

    /// Forgets everything, handing the values back.
    pub(crate) fn clear(&mut self, mut release: impl FnMut(ValueHandle)) {
        if self.nodes.is_empty() {
            self.commits = 0;
            return;
        }
        for (_, (node, _)) in self.nodes.drain() {
            if let Node::Value(handle) = node {
                release(handle);
            }
        }
        self.commits = 0;
    }

    /// Known nodes that exist, in no particular order.
    pub(crate) fn existing(&self) -> impl Iterator<Item = (Symbol, Node)> + '_ {
        self.nodes
            .iter()
            .filter(|(_, (node, _))| *node != Node::Absent)
            .map(|(path, (node, _))| (*path, *node))
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.nodes.keys().copied()
    }
}

/// The writes of one task that has not finished, in order, each path once.
pub(crate) type Overlay = Vec<(Symbol, Node)>;

/// One task's view of one memory: its own writes over the committed nodes.
pub(crate) struct View<'a> {
    pub(crate) committed: &'a mut Committed,
    pub(crate) overlay: &'a mut Overlay,
    pub(crate) symbols: &'a mut Symbols,
    /// Whether an unknown node may exist in the host's state.
    pub(crate) lazy: bool,
}

impl View<'_> {
    fn peek(&self, path: Symbol) -> Lookup {
        if let Some((_, node)) = self.overlay.iter().find(|(written, _)| *written == path) {
            return Lookup::Found(*node);
        }
        match self.committed.get(path) {
            Some(node) => Lookup::Found(node),
            None if self.lazy => Lookup::Load(path),
            None => Lookup::Found(Node::Absent),
        }
    }

    fn text(&self, path: Symbol) -> String {
        self.symbols.name(path).unwrap_or_default().to_owned()
    }

    fn check_path(&self, path: Symbol) -> Result<(), MemoryError> {
        let Some(text) = self.symbols.name(path) else {
            return Err(MemoryError::Path(format!("#{}", path.0)));
        };
        // One pass without splitting: this runs at every access.
        let bytes = text.as_bytes();
        let mut after_dot = true;
        for byte in bytes {
            if *byte == b'.' {
                if after_dot {
                    return Err(MemoryError::Path(text.to_owned()));
                }
                after_dot = true;
            } else {
                after_dot = false;
            }
        }
        if after_dot {
            Err(MemoryError::Path(text.to_owned()))
        } else {
            Ok(())
        }
    }

    /// What stands at `path`; the root (empty path) is an object.
    pub(crate) fn get(&self, path: Symbol) -> Result<Lookup, MemoryError> {
        if self.symbols.name(path) == Some("") {
            return Ok(Lookup::Found(Node::Object));
        }
        self.check_path(path)?;
        Ok(self.peek(path))
    }

    /// Ancestors of `path` from the outermost to the parent, the root left out.
    fn ancestors(&mut self, path: Symbol) -> Vec<Symbol> {
        let text = self.text(path);
        let ends = text.match_indices('.').map(|(at, _)| at);
        ends.map(|end| self.symbols.intern(&text[..end])).collect()
    }

    fn write(&mut self, path: Symbol, node: Node) -> Option<ValueHandle> {
        match self.overlay.iter_mut().find(|(written, _)| *written == path) {
            Some((_, old)) => match std::mem::replace(old, node) {
                Node::Value(handle) => Some(handle),
                _ => None,
            },
            None => {
                self.overlay.push((path, node));
                None
            }
        }
    }

    /// Checks that `path` may become a node below objects, and lists the ancestors that have to be created.
    fn prepare(&mut self, path: Symbol) -> Result<Result<Vec<Symbol>, Symbol>, MemoryError> {
        self.check_path(path)?;
        let mut missing = Vec::new();
        if self.symbols.name(path).is_some_and(|text| text.contains('.')) {
            for ancestor in self.ancestors(path) {
                match self.peek(ancestor) {
                    Lookup::Load(path) => return Ok(Err(path)),
                    Lookup::Found(Node::Object) => {}
                    Lookup::Found(Node::Absent) => missing.push(ancestor),
                    Lookup::Found(Node::Value(_)) => {
                        return Err(MemoryError::ParentIsValue {
                            path: self.text(path),
                            parent: self.text(ancestor),
                        });
                    }
                }
            }
        }
        Ok(Ok(missing))
    }

    /// Writes a value, creating missing parents.
    pub(crate) fn set(&mut self, path: Symbol, value: ValueHandle) -> Result<Written, MemoryError> {
        let missing = match self.prepare(path)? {
            Ok(missing) => missing,
            Err(load) => return Ok(Written::Load(load)),
        };
        match self.peek(path) {
            Lookup::Load(path) => return Ok(Written::Load(path)),
            Lookup::Found(Node::Object) => return Err(MemoryError::ObjectInTheWay(self.text(path))),
            Lookup::Found(_) => {}
        }
        for ancestor in missing {
            self.write(ancestor, Node::Object);
        }
        Ok(Written::Done(self.write(path, Node::Value(value))))
    }

    /// Makes an object; one that exists is kept with its children.
    pub(crate) fn new_object(&mut self, path: Symbol, overwrite: bool) -> Result<Written, MemoryError> {
        let missing = match self.prepare(path)? {
            Ok(missing) => missing,
            Err(load) => return Ok(Written::Load(load)),
        };
        match self.peek(path) {
            Lookup::Load(path) => return Ok(Written::Load(path)),
            Lookup::Found(Node::Object) => return Ok(Written::Done(None)),
            Lookup::Found(Node::Value(_)) if !overwrite => return Err(MemoryError::ValueInTheWay(self.text(path))),
            Lookup::Found(_) => {}
        }
        for ancestor in missing {
            self.write(ancestor, Node::Object);
        }
        Ok(Written::Done(self.write(path, Node::Object)))
    }

    /// Names of the direct children of an object, sorted. `stored` are the paths in the host's state (short-term only).
    pub(crate) fn children<'s>(
        &self,
        path: Symbol,
        stored: impl Iterator<Item = &'s str>,
    ) -> Result<Result<Vec<String>, Symbol>, MemoryError> {
        match self.get(path)? {
            Lookup::Load(path) => return Ok(Err(path)),
            Lookup::Found(Node::Object) => {}
            Lookup::Found(_) => return Err(MemoryError::NotAnObject(self.text(path))),
        }
        let prefix = match self.symbols.name(path) {
            Some("") | None => String::new(),
            Some(text) => format!("{text}."),
        };
        let known = self.committed.existing().chain(self.overlay.iter().copied());
        let known = known
            .filter(|(_, node)| *node != Node::Absent)
            .filter_map(|(path, _)| self.symbols.name(path));
        let child = |text: &str| -> Option<String> {
            let rest = text.strip_prefix(prefix.as_str())?;
            (!rest.is_empty() && !rest.contains('.')).then(|| rest.to_owned())
        };
        let mut names: Vec<String> = stored.filter_map(child).chain(known.filter_map(child)).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Ok(names))
    }
}
