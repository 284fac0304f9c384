//! Durable calls of a task: where each stands in its action, and which others it comes after. The position is what a recorded
//! result will be found by when the action runs again, so it may not depend on what ends first.
//!
//! Calls stand in *scopes*. The action's own code is scope 0. Calls made side by side have a scope of their own, a
//! [`ScopeKind::Group`]; so has each piece of code that runs beside others, a coroutine of Python for instance, a
//! [`ScopeKind::Sequence`]. A scope takes a place in its parent like a call does. The position of a call is the places on the
//! way to it: `[2, 0, 1]` is the second call of the first piece of code in the group that is the action's third step.
//!
//! A host whose code runs in another process keeps a [`TaskCalls`] there; the machine has one for each task that makes calls.

use super::key::Task;
use super::{Effect, Machine, Router, TaskError};
use crate::ids::TaskId;

/// How calls of one scope depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// One after another: each comes after those before it.
    Sequence,
    /// Side by side: each comes after what was before the group only.
    Group,
}

/// The scope of an action's own code.
pub const ACTION: u32 = 0;

#[derive(Debug)]
struct Scope {
    parent: u32,
    /// Its place in the parent.
    place: u32,
    /// The place of what comes next in it.
    next: u32,
    kind: ScopeKind,
}

/// The calls of one execution of one action.
#[derive(Debug)]
pub struct TaskCalls {
    scopes: Vec<Scope>,
    open: u32,
}

/// A scope, or the call, is not one of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was never opened.
    #[error("Unknown scope {0} of durable calls")]
    NoScope(u32),
    /// None is under way.
    #[error("A durable call ended that was never begun")]
    NotBegun,
}

impl Default for TaskCalls {
    fn default() -> Self {
        let action = Scope {
            parent: ACTION,
            place: 0,
            next: 0,
            kind: ScopeKind::Sequence,
        };
        TaskCalls {
            scopes: vec![action],
            open: 0,
        }
    }
}

impl TaskCalls {
    fn step(&mut self, scope: u32) -> Result<u32, CallError> {
        let at = self.scopes.get_mut(scope as usize).ok_or(CallError::NoScope(scope))?;
        let place = at.next;
        at.next += 1;
        Ok(place)
    }

    /// Opens a scope as the next step of another one; returns its number.
    ///
    /// # Errors
    /// When there is no scope `parent`.
    pub fn open_scope(&mut self, parent: u32, kind: ScopeKind) -> Result<u32, CallError> {
        let place = self.step(parent)?;
        self.scopes.push(Scope {
            parent,
            place,
            next: 0,
            kind,
        });
        Ok(self.scopes.len() as u32 - 1)
    }

    /// Begins a call as the next step of a scope; returns its place there.
    ///
    /// # Errors
    /// When there is no such scope.
    pub fn begin(&mut self, scope: u32) -> Result<u32, CallError> {
        let place = self.step(scope)?;
        self.open += 1;
        Ok(place)
    }

    /// A call has ended, or was given up.
    ///
    /// # Errors
    /// When none is under way.
    pub fn end(&mut self) -> Result<(), CallError> {
        self.open = self.open.checked_sub(1).ok_or(CallError::NotBegun)?;
        Ok(())
    }

    /// Calls under way.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// The position of the step at `place` in `scope`, from the action inwards.
    ///
    /// # Errors
    /// When there is no such scope.
    pub fn position(&self, scope: u32, place: u32) -> Result<Vec<u32>, CallError> {
        let mut position = vec![place];
        let mut at = scope;
        while at != ACTION {
            let scope = self.scopes.get(at as usize).ok_or(CallError::NoScope(at))?;
            position.push(scope.place);
            at = scope.parent;
        }
        position.reverse();
        Ok(position)
    }

    /// The positions that a call at `place` in `scope` comes after, each standing for all that lies in it: in a sequence the
    /// step before it, and so on outwards; the rest follows from those.
    ///
    /// # Errors
    /// When there is no such scope.
    pub fn after(&self, scope: u32, place: u32) -> Result<Vec<Vec<u32>>, CallError> {
        let mut found = Vec::new();
        let (mut scope, mut place) = (scope, place);
        loop {
            let here = self.scopes.get(scope as usize).ok_or(CallError::NoScope(scope))?;
            if here.kind == ScopeKind::Sequence && place > 0 {
                found.push(self.position(scope, place - 1)?);
            }
            if scope == ACTION {
                return Ok(found);
            }
            (scope, place) = (here.parent, here.place);
        }
    }
}

impl<R: Router> Machine<R> {
    /// An action opens a scope of durable calls; returns its number.
    ///
    /// # Errors
    /// When the action has ended, or there is no scope `parent`.
    pub fn handle_scope(&mut self, task: TaskId, parent: u32, kind: ScopeKind) -> Result<u32, TaskError> {
        Ok(self.calls(task)?.open_scope(parent, kind)?)
    }

    /// Warns of calls that an action has begun and not waited for.
    pub(super) fn check_calls(&mut self, task: &Task) {
        let Some(calls) = &task.calls else {
            return;
        };
        let open = calls.open();
        if open > 0 {
            let action = self.router.action_name(task.action);
            self.effects.push_back(Effect::Warn(format!(
                "Action '{action}' ended while {open} of its durable calls were under way: what they bring is lost; wait for each call before the action ends"
            )));
        }
    }

    fn calls(&mut self, task: TaskId) -> Result<&mut TaskCalls, TaskError> {
        let index = self.live(task)?;
        Ok(self.tasks[index as usize].calls.get_or_insert_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_do_not_depend_on_what_ends_first() {
        let build = |ends: bool| {
            let mut calls = TaskCalls::default();
            let first = calls.begin(ACTION).unwrap();
            if ends {
                calls.end().unwrap();
            }
            let group = calls.open_scope(ACTION, ScopeKind::Group).unwrap();
            let one = calls.open_scope(group, ScopeKind::Sequence).unwrap();
            let other = calls.open_scope(group, ScopeKind::Sequence).unwrap();
            // The pieces of code take turns in some order.
            let places = if ends {
                let a = calls.begin(one).unwrap();
                let b = calls.begin(one).unwrap();
                (a, b, calls.begin(other).unwrap())
            } else {
                let c = calls.begin(other).unwrap();
                (calls.begin(one).unwrap(), calls.begin(one).unwrap(), c)
            };
            let last = calls.begin(ACTION).unwrap();
            [
                calls.position(ACTION, first).unwrap(),
                calls.position(one, places.0).unwrap(),
                calls.position(one, places.1).unwrap(),
                calls.position(other, places.2).unwrap(),
                calls.position(ACTION, last).unwrap(),
            ]
        };
        assert_eq!(build(true), build(false));
        assert_eq!(
            build(true),
            [vec![0], vec![1, 0, 0], vec![1, 0, 1], vec![1, 1, 0], vec![2]]
        );
    }

    #[test]
    fn calls_of_a_group_come_after_what_was_before_it_only() {
        let mut calls = TaskCalls::default();
        calls.begin(ACTION).unwrap();
        let group = calls.open_scope(ACTION, ScopeKind::Group).unwrap();
        assert_eq!(calls.begin(group), Ok(0));
        assert_eq!(calls.begin(group), Ok(1));
        assert_eq!(calls.after(group, 1).unwrap(), [vec![0]]);
        // After the group: after all of it.
        assert_eq!(calls.begin(ACTION), Ok(2));
        assert_eq!(calls.after(ACTION, 2).unwrap(), [vec![1]]);
        assert_eq!(calls.after(ACTION, 0).unwrap(), Vec::<Vec<u32>>::new());
    }

    #[test]
    fn what_was_never_begun_is_refused() {
        let mut calls = TaskCalls::default();
        assert_eq!(calls.end(), Err(CallError::NotBegun));
        assert_eq!(calls.begin(7), Err(CallError::NoScope(7)));
        assert_eq!(calls.open_scope(7, ScopeKind::Group), Err(CallError::NoScope(7)));
        assert_eq!(calls.position(7, 0), Err(CallError::NoScope(7)));
        assert_eq!(calls.begin(ACTION), Ok(0));
        assert_eq!(calls.open(), 1);
        calls.end().unwrap();
        assert_eq!(calls.open(), 0);
    }
}
