//! Memory operations of a running action.

use super::{Machine, Router, TaskError};
use crate::ids::{Symbol, TaskId, ValueHandle};
use crate::memory::{Lookup, MemoryError, Node, Space, View, Written};

/// A memory operation that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The task may not use its context now.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The operation breaks a rule of the memory tree.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl<R: Router> Machine<R> {
    fn view(&mut self, task: TaskId, space: Space) -> Result<View<'_>, TaskError> {
        let index = self.running(task)?;
        let task = &mut self.tasks[index as usize];
        let key = &mut self.keys[task.key.0 as usize];
        Ok(match space {
            Space::Sensory => View {
                committed: &mut key.sensory,
                overlay: &mut task.sensory,
                symbols: &mut self.symbols,
                lazy: false,
                since: task.since.0,
            },
            Space::ShortTerm => View {
                committed: &mut key.short_term,
                overlay: &mut task.short_term,
                symbols: &mut self.symbols,
                lazy: true,
                since: task.since.1,
            },
        })
    }

    #[cold]
    fn refusal(&self, task: TaskId, error: MemoryError) -> AccessError {
        match self.live(task) {
            Ok(index) => {
                let action = self.tasks[index as usize].action;
                error.of_action(self.router.action_name(action)).into()
            }
            Err(ended) => ended.into(),
        }
    }

    /// What stands at a path, the task's own writes included. The empty path is the root, an object.
    ///
    /// # Errors
    /// When the task is not running or the path is not one.
    pub fn memory_get(&mut self, task: TaskId, space: Space, path: Symbol) -> Result<Lookup, AccessError> {
        let outcome = self.view(task, space)?.get(path);
        outcome.map_err(|error| self.refusal(task, error))
    }

    /// Writes a value, creating missing parents.
    ///
    /// # Errors
    /// When the task is not running, the path is not one, or an object stands there or a value above it.
    pub fn memory_set(
        &mut self,
        task: TaskId,
        space: Space,
        path: Symbol,
        value: ValueHandle,
    ) -> Result<Written, AccessError> {
        let outcome = self.view(task, space)?.set(path, value);
        outcome.map_err(|error| self.refusal(task, error))
    }

    /// Makes an object, creating missing parents. An object that exists is kept with its children.
    ///
    /// # Errors
    /// As for [`Machine::memory_set`]; a value that stands there is replaced only with `overwrite`.
    pub fn memory_new_object(
        &mut self,
        task: TaskId,
        space: Space,
        path: Symbol,
        overwrite: bool,
    ) -> Result<Written, AccessError> {
        let outcome = self.view(task, space)?.new_object(path, overwrite);
        outcome.map_err(|error| self.refusal(task, error))
    }

    /// The host's answer to `Load`: what its state holds for a path of short-term memory. Returns a handle that is not
    /// needed because the path was known already.
    ///
    /// # Errors
    /// When the task is not running.
    pub fn memory_loaded(
        &mut self,
        task: TaskId,
        path: Symbol,
        node: Node,
    ) -> Result<Option<ValueHandle>, AccessError> {
        let index = self.running(task)?;
        let key = self.tasks[index as usize].key;
        Ok(self.keys[key.0 as usize].short_term.loaded(path, node))
    }

    /// Names of an object's direct children, sorted. `stored` are the paths of the key's stored short-term memory (all
    /// of them, or those below `path`); empty for sensory memory. An inner `Err` is as [`Lookup::Load`].
    ///
    /// # Errors
    /// When the task is not running, the path is not one, or no object stands there.
    pub fn memory_children<'s>(
        &mut self,
        task: TaskId,
        space: Space,
        path: Symbol,
        stored: impl Iterator<Item = &'s str>,
    ) -> Result<Result<Vec<String>, Symbol>, AccessError> {
        let outcome = self.view(task, space)?.children(path, stored);
        outcome.map_err(|error| self.refusal(task, error))
    }
}
