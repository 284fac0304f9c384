//! Sensory and short-term memory: a tree of objects and values, addressed by dotted paths.
//!
//! The rules live here and nowhere else: what a read sees, what a write may replace, when a write becomes visible
//! (when its task finishes), and who wins on a conflict (the last task to finish, with a warning). Values stay with the
//! host; short-term memory is loaded path by path from the host's state on first access.
//!
//! A path is one or more names joined by `.`; no name may be empty. A path has at most [`MAX_PATH_BYTES`] bytes and
//! [`MAX_PATH_NAMES`] names, since each ancestor is a node with a path of its own. The root is an object and always exists.
//! Stored short-term memory is flat: one entry per node, objects included, so a node's children are the stored paths one
//! name longer than its own.
//!
//! What is stored and what a task sees is a tree at any time: above an object are only objects. So looking for missing
//! parents starts with the nearest and ends at the first object, and most of what is above is never loaded.

mod events;
mod mirror;
mod overlay;

pub use events::{BEGIN_EVENT, Use, begin_events, memory_events};
pub use mirror::{Draft, Mirror};
pub(crate) use overlay::Overlay;

use crate::ids::{Symbol, ValueHandle};
use crate::symbols::Symbols;
use rustc_hash::FxHashMap;

/// Longest path, in bytes of UTF-8.
pub const MAX_PATH_BYTES: usize = 4_096;

/// Most names in a path.
pub const MAX_PATH_NAMES: usize = 256;

/// Nodes of a memory that is empty for which room is kept.
const KEPT: usize = 512;

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
    /// Longer or deeper than a path may be.
    #[error(
        "The memory path \"{start}…\", used by action '{action}', is too long: it has {bytes} bytes and {names} names, and a path may have {MAX_PATH_BYTES} bytes (UTF-8) and {MAX_PATH_NAMES} names joined by '.'; put what is long into the value, not into the path"
    )]
    TooLong {
        /// Name of the action.
        action: String,
        /// How the path starts.
        start: String,
        /// Its length.
        bytes: usize,
        /// Its depth.
        names: usize,
    },
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

    /// Makes the writes of a finished task visible; `since` is what [`Committed::commits`] said at its start. `changed`
    /// hears of every node with the value it replaced. Returns a path where something another task wrote meanwhile was
    /// replaced, if there is one.
    pub(crate) fn commit(
        &mut self,
        writes: &mut Overlay,
        since: u32,
        symbols: &mut Symbols,
        mut changed: impl FnMut(Symbol, Node, Option<ValueHandle>),
    ) -> Option<Symbol> {
        if writes.is_empty() {
            return None;
        }
        let mut lost = None;
        let alone = self.commits == since;
        for (path, node) in writes.drain() {
            if !alone && let Some(above) = self.make_room(path, node, symbols, &mut changed) {
                lost = Some(above);
            }
            if self.put(path, node, since, &mut changed) {
                lost = Some(path);
            }
        }
        self.commits += 1;
        lost
    }

    /// Writes one node; true if that replaces what another task wrote after `since`.
    fn put(
        &mut self,
        path: Symbol,
        node: Node,
        since: u32,
        changed: &mut impl FnMut(Symbol, Node, Option<ValueHandle>),
    ) -> bool {
        let old = self.nodes.insert(path, (node, self.commits + 1));
        let replaced = match old {
            Some((Node::Value(handle), _)) => Some(handle),
            _ => None,
        };
        changed(path, node, replaced);
        // An object over an object replaces nothing: both tasks needed a parent.
        old.is_some_and(|(old, at)| at > since && (old, node) != (Node::Object, Node::Object))
    }

    /// Keeps the tree a tree when tasks that overlapped wrote a value and below it: the last to finish wins. Returns an
    /// ancestor whose value is replaced. All nodes concerned are known: whoever wrote below an ancestor has noted what it is.
    /// And nothing of the host's state that was not loaded lies below a value: whoever wrote that value found nothing there, so what is below now came in this run.
    fn make_room(
        &mut self,
        path: Symbol,
        node: Node,
        symbols: &mut Symbols,
        changed: &mut impl FnMut(Symbol, Node, Option<ValueHandle>),
    ) -> Option<Symbol> {
        let mut lost = None;
        for ancestor in ancestors(symbols, path) {
            let there = self.get(ancestor);
            if there != Some(Node::Object) {
                self.put(ancestor, Node::Object, u32::MAX, changed);
                if matches!(there, Some(Node::Value(_))) {
                    lost = Some(ancestor);
                }
            }
        }
        if matches!(node, Node::Value(_)) && self.get(path) == Some(Node::Object) {
            let mut below: Vec<Symbol> = self
                .existing()
                .map(|(other, _)| other)
                .filter(|other| is_below(symbols, *other, path))
                .collect();
            // The table's order is no order.
            below.sort_unstable_by(|a, b| symbols.name(*a).cmp(&symbols.name(*b)));
            for other in below {
                self.put(other, Node::Absent, u32::MAX, changed);
            }
        }
        lost
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
        // Going through a map costs its room, not its entries: later runs of the key would pay for a huge one.
        if self.nodes.capacity() > KEPT {
            self.nodes = FxHashMap::default();
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.capacity()
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

/// Ancestors of `path` from the outermost to the parent, the root left out.
fn ancestors(symbols: &mut Symbols, path: Symbol) -> Vec<Symbol> {
    let text = symbols.shared_name(path);
    let ends = text.match_indices('.').map(|(at, _)| at);
    ends.map(|end| symbols.intern(&text[..end])).collect()
}

fn names_of(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'.').count() + 1
}

#[cold]
fn too_long(path: &str) -> MemoryError {
    MemoryError::TooLong {
        action: String::new(),
        start: path.chars().take(60).collect(),
        bytes: path.len(),
        names: names_of(path),
    }
}

impl MemoryError {
    /// Views know no names of actions; what needs one gets it on its way out.
    #[cold]
    pub(crate) fn of_action(mut self, name: &str) -> Self {
        if let MemoryError::TooLong { action, .. } = &mut self {
            name.clone_into(action);
        }
        self
    }
}

/// Whether `path` lies strictly below `above`.
fn is_below(symbols: &Symbols, path: Symbol, above: Symbol) -> bool {
    match (symbols.name(path), symbols.name(above)) {
        (Some(path), Some(above)) => path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.')),
        _ => false,
    }
}

/// One task's view of one memory: its own writes over the committed nodes.
pub(crate) struct View<'a> {
    pub(crate) committed: &'a mut Committed,
    pub(crate) overlay: &'a mut Overlay,
    pub(crate) symbols: &'a mut Symbols,
    /// Whether an unknown node may exist in the host's state.
    pub(crate) lazy: bool,
    /// [`Committed::commits`] at the start of the task.
    pub(crate) since: u32,
}

impl View<'_> {
    fn peek(&self, path: Symbol) -> Lookup {
        if let Some(node) = self.overlay.get(path) {
            return Lookup::Found(node);
        }
        if self.committed.commits() != self.since
            && let Some(node) = self.implied(path)
        {
            return Lookup::Found(node);
        }
        match self.committed.get(path) {
            Some(node) => Lookup::Found(node),
            None if self.lazy => Lookup::Load(path),
            None => Lookup::Found(Node::Absent),
        }
    }

    /// What the task's own writes say of a path they do not name. Needed only when others have committed since the task
    /// started: what they wrote may contradict it, and what is seen has to be the tree as it would be after a commit now.
    fn implied(&self, path: Symbol) -> Option<Node> {
        self.overlay.iter().find_map(|(written, node)| {
            if is_below(self.symbols, *written, path) {
                Some(Node::Object)
            } else if matches!(node, Node::Value(_)) && is_below(self.symbols, path, *written) {
                Some(Node::Absent)
            } else {
                None
            }
        })
    }

    fn text(&self, path: Symbol) -> String {
        self.symbols.name(path).unwrap_or_default().to_owned()
    }

    fn check_path(&self, path: Symbol) -> Result<(), MemoryError> {
        let Some(text) = self.symbols.name(path) else {
            return Err(MemoryError::Path(format!("#{}", path.0)));
        };
        // A path with more names than allowed is longer than this; most are far shorter.
        if text.len() >= 2 * MAX_PATH_NAMES && (text.len() > MAX_PATH_BYTES || names_of(text) > MAX_PATH_NAMES) {
            return Err(too_long(text));
        }
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

    fn write(&mut self, path: Symbol, node: Node) -> Option<ValueHandle> {
        match self.overlay.put(path, node) {
            Some(Node::Value(handle)) => Some(handle),
            _ => None,
        }
    }

    /// Checks that `path` may become a node below objects, and lists the ancestors that have to be created, the outermost
    /// first.
    fn prepare(&mut self, path: Symbol) -> Result<Result<Vec<Symbol>, Symbol>, MemoryError> {
        self.check_path(path)?;
        let mut missing = Vec::new();
        if !self.symbols.name(path).is_some_and(|text| text.contains('.')) {
            return Ok(Ok(missing));
        }
        let text = self.symbols.shared_name(path);
        let mut above = text.rfind('.');
        while let Some(end) = above {
            let ancestor = self.symbols.intern(&text[..end]);
            match self.peek(ancestor) {
                Lookup::Load(path) => return Ok(Err(path)),
                Lookup::Found(Node::Object) => {
                    self.know_objects_above(&text[..end]);
                    break;
                }
                Lookup::Found(Node::Absent) => missing.push(ancestor),
                Lookup::Found(Node::Value(_)) => {
                    return Err(MemoryError::ParentIsValue {
                        path: self.text(path),
                        parent: self.text(ancestor),
                    });
                }
            }
            above = text[..end].rfind('.');
        }
        missing.reverse();
        Ok(Ok(missing))
    }

    /// Notes that what is above an object is an object, without asking the host: its entries may expire before the run ends,
    /// and a parent that is gone then would let a value take its place.
    fn know_objects_above(&mut self, object: &str) {
        let mut above = object.rfind('.');
        while let Some(end) = above {
            let ancestor = self.symbols.intern(&object[..end]);
            if self.overlay.get(ancestor).is_some() || self.committed.get(ancestor).is_some() {
                return;
            }
            self.committed.loaded(ancestor, Node::Object);
            above = object[..end].rfind('.');
        }
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
            // A node further down proves the child, even where the task's own write only implies it.
            let name = text.strip_prefix(prefix.as_str())?.split('.').next()?;
            (!name.is_empty()).then(|| name.to_owned())
        };
        let mut names: Vec<String> = stored.filter_map(child).chain(known.filter_map(child)).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Ok(names))
    }
}
