//! What a worker knows of the memory of its keys: reads and writes by the rules of the core, on mirrors; questions to the
//! TaskManager for what they do not know; the writes of a task when it has ended.

use super::{MANY_SYMBOLS, Task, Worker, no_task};
use crate::local::from_memory;
use flink_agents_core::ids::{Symbol, ValueHandle};
use flink_agents_core::memory::{Draft, Lookup, MemoryError, Mirror, Node, Space, Written};
use flink_agents_core::symbols::Symbols;
use flink_agents_runtime::worker::frames::{self, FromWorker};
use pyo3::prelude::*;

pub(super) fn wire(space: Space) -> frames::Space {
    match space {
        Space::Sensory => frames::Space::Sensory,
        Space::ShortTerm => frames::Space::ShortTerm,
    }
}

pub(super) fn core(space: frames::Space) -> Space {
    match space {
        frames::Space::Sensory => Space::Sensory,
        frames::Space::ShortTerm => Space::ShortTerm,
    }
}

impl Worker {
    pub(super) fn keep(&mut self, bytes: &[u8]) -> ValueHandle {
        ValueHandle(self.values.insert(bytes.into()) as u32)
    }

    fn forget_unused_symbols(&mut self) {
        if self.tasks.is_empty() && self.symbols.len() > self.symbols_limit {
            let mut used = vec![false; self.symbols.len() + 1];
            let mut mark = |symbol: Symbol| {
                let at = symbol.0 as usize;
                if at >= used.len() {
                    used.resize(at + 1, false);
                }
                used[at] = true;
            };
            self.keys
                .values()
                .flat_map(|key| key.mirror.symbols())
                .for_each(&mut mark);
            self.names.theirs.iter().flatten().for_each(|(_, symbol)| mark(*symbol));
            self.symbols
                .retain(|symbol| used.get(symbol.0 as usize).copied().unwrap_or(false));
            self.symbols_limit = MANY_SYMBOLS.max(2 * self.symbols.len());
        }
    }

    /// Runs a memory operation of a task, and asks the host for a path that is not known.
    fn access<T>(
        &mut self,
        task: u64,
        space: Space,
        operation: impl FnOnce(&mut Mirror, &mut Draft, &mut Symbols) -> Result<Result<T, Symbol>, MemoryError>,
    ) -> PyResult<Option<T>> {
        let entry = self.tasks.get_mut(&task).ok_or_else(no_task)?;
        let key = self.keys.get_mut(&entry.slot).ok_or_else(no_task)?;
        match operation(&mut key.mirror, &mut entry.draft, &mut self.symbols).map_err(|error| from_memory(&error))? {
            Ok(done) => Ok(Some(done)),
            Err(missing) => {
                let text = self.symbols.name(missing).unwrap_or_default().to_owned();
                let path = self.name(&text)?;
                self.link.put(&FromWorker::Get {
                    task,
                    space: wire(space),
                    path,
                })?;
                Ok(None)
            }
        }
    }

    fn write(
        &mut self,
        task: u64,
        space: Space,
        operation: impl FnOnce(&mut Mirror, &mut Draft, &mut Symbols) -> Result<Written, MemoryError>,
    ) -> PyResult<bool> {
        let unused = self.access(task, space, |mirror, draft, symbols| {
            Ok(match operation(mirror, draft, symbols)? {
                Written::Done(unused) => Ok(unused),
                Written::Load(path) => Err(path),
            })
        })?;
        if let Some(Some(unused)) = unused {
            self.values.try_remove(unused.0 as usize);
        }
        Ok(unused.is_some())
    }

    /// What stands at a path; `None` if the host was asked.
    pub(super) fn look_up(&mut self, task: u64, space: Space, path: &str) -> PyResult<Option<Node>> {
        let symbol = self.symbols.intern(path);
        self.access(task, space, |mirror, draft, symbols| {
            Ok(match mirror.get(draft, symbols, space, symbol)? {
                Lookup::Found(node) => Ok(node),
                Lookup::Load(path) => Err(path),
            })
        })
    }

    /// Writes a value; false if the host was asked.
    pub(super) fn set(&mut self, task: u64, space: Space, path: &str, value: &[u8]) -> PyResult<bool> {
        let symbol = self.symbols.intern(path);
        let handle = self.keep(value);
        let done = self.write(task, space, |mirror, draft, symbols| {
            mirror.set(draft, symbols, space, symbol, handle)
        });
        if !matches!(done, Ok(true)) {
            self.values.try_remove(handle.0 as usize);
        }
        done
    }

    /// Makes an object; false if the host was asked.
    pub(super) fn new_object(&mut self, task: u64, space: Space, path: &str) -> PyResult<bool> {
        let symbol = self.symbols.intern(path);
        self.write(task, space, |mirror, draft, symbols| {
            mirror.new_object(draft, symbols, space, symbol)
        })
    }

    /// Names of the children of an object; `None` if the host was asked.
    pub(super) fn children(&mut self, task: u64, space: Space, path: &str) -> PyResult<Option<Vec<String>>> {
        let symbol = self.symbols.intern(path);
        let entry = self.tasks.get_mut(&task).ok_or_else(no_task)?;
        let told = entry.children.take();
        let lazy = self.keys.get(&entry.slot).is_some_and(|key| key.mirror.is_lazy(space));
        if lazy && told.is_none() {
            let path = self.name(path)?;
            self.link.put(&FromWorker::List {
                task,
                space: wire(space),
                path,
            })?;
            return Ok(None);
        }
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        let stored: Vec<String> = told.iter().flatten().map(|name| format!("{prefix}{name}")).collect();
        let names = self.access(task, space, |mirror, draft, symbols| {
            mirror.children(draft, symbols, space, symbol, stored.iter().map(String::as_str))
        })?;
        if names.is_none()
            && let Some(entry) = self.tasks.get_mut(&task)
        {
            entry.children = told;
        }
        Ok(names)
    }

    /// Its draft has to be committed or discarded, then unused symbols may be forgotten.
    fn end(&mut self, task: u64) -> PyResult<Task> {
        self.tasks.remove(&task).ok_or_else(no_task)
    }

    /// Ends a task and tells its writes.
    pub(super) fn commit(&mut self, task: u64) -> PyResult<()> {
        let entry = self.end(task)?;
        for space in [Space::Sensory, Space::ShortTerm] {
            for (path, node) in entry.draft.writes(space) {
                let text = self.symbols.name(path).unwrap_or_default().to_owned();
                let path = self.name(&text)?;
                let node = match node {
                    Node::Absent => frames::Node::Absent,
                    Node::Object => frames::Node::Object,
                    Node::Value(handle) => match self.values.get(handle.0 as usize) {
                        Some(bytes) => frames::Node::Value(bytes),
                        None => frames::Node::Absent,
                    },
                };
                self.link.put(&FromWorker::Write {
                    task,
                    space: wire(space),
                    path,
                    node,
                })?;
            }
        }
        if let Some(key) = self.keys.get_mut(&entry.slot) {
            let values = &mut self.values;
            key.mirror.commit(entry.draft, &mut self.symbols, |handle| {
                drop(values.try_remove(handle.0 as usize));
            });
        }
        self.forget_unused_symbols();
        Ok(())
    }

    /// Ends a task; what it wrote is void.
    pub(super) fn discard(&mut self, task: u64) -> PyResult<()> {
        let entry = self.end(task)?;
        let values = &mut self.values;
        entry.draft.discard(|handle| drop(values.try_remove(handle.0 as usize)));
        self.forget_unused_symbols();
        Ok(())
    }
}
