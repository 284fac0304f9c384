//! Tasks of a machine: their slots and what is read and settled by them. The number of a slot is used again, so a
//! [`TaskId`] carries a generation that tells an ended task from the one now in its slot. A task has its place in the tree
//! of its run, which is how it is recognised when the run is executed again; when its action finishes, its memory writes
//! are committed and its use of its event ends.

use super::key::{EventIndex, ROOT, Task, TaskIndex, TaskState};
use super::{Effect, Machine, Router, TaskError};
use crate::ids::{ActionId, EventId, KeySlot, TaskId};
use crate::journal::Ticket;
use crate::memory::Overlay;

impl<R: Router> Machine<R> {
    /// Where a task stands in the tree of its run: from the outermost, (index of the event among those its parent sent,
    /// action). Equal for the same task in every execution of the same run.
    pub fn task_path(&self, task: TaskId) -> Result<Vec<(u32, ActionId)>, TaskError> {
        let task = &self.tasks[self.live(task)? as usize];
        let nodes = &self.keys[task.key.0 as usize].nodes;
        let mut path = Vec::new();
        let mut at = task.node;
        while at != ROOT {
            let node = nodes[at as usize];
            path.push((node.event_index, node.action));
            at = node.parent;
        }
        path.reverse();
        Ok(path)
    }

    /// Number of the run a task belongs to, from 0 for the first input of its key.
    pub fn run_of(&self, task: TaskId) -> Result<u64, TaskError> {
        let task = &self.tasks[self.live(task)? as usize];
        Ok(self.keys[task.key.0 as usize].sequence)
    }

    /// Id of the event that triggered a task.
    pub fn trigger_of(&self, task: TaskId) -> Result<EventId, TaskError> {
        let task = &self.tasks[self.live(task)? as usize];
        Ok(self.events[task.event as usize].id)
    }

    /// The event and action an event of a task came from.
    pub fn trigger_lineage(&self, task: TaskId) -> Result<Option<(EventId, ActionId)>, TaskError> {
        let task = &self.tasks[self.live(task)? as usize];
        Ok(self.events[task.event as usize].lineage)
    }

    pub(super) fn live(&self, task: TaskId) -> Result<TaskIndex, TaskError> {
        match self.generations.get(task.slot as usize) {
            Some(generation) if *generation == task.generation && self.tasks.contains(task.slot as usize) => {
                Ok(task.slot)
            }
            _ => Err(TaskError::Ended),
        }
    }

    pub(super) fn running(&self, task: TaskId) -> Result<TaskIndex, TaskError> {
        let index = self.live(task)?;
        match self.tasks[index as usize].state {
            TaskState::Running => Ok(index),
            _ => Err(TaskError::NotRunning),
        }
    }

    pub(super) fn id_of(&self, index: TaskIndex) -> TaskId {
        TaskId {
            slot: index,
            generation: self.generations[index as usize],
        }
    }

    pub(super) fn retire(&mut self, index: TaskIndex) {
        let generation = &mut self.generations[index as usize];
        *generation = generation.wrapping_add(1);
    }

    pub(super) fn add_task(
        &mut self,
        key: KeySlot,
        event: EventIndex,
        action: ActionId,
        node: u32,
        after: Ticket,
    ) -> TaskIndex {
        let sent = self.spare_sent.pop().unwrap_or_default();
        let index = self.tasks.insert(Task {
            key,
            event,
            action,
            node,
            state: TaskState::Queued,
            sent,
            sensory: Overlay::default(),
            short_term: Overlay::default(),
            since: (0, 0),
            calls: None,
            journalled: None,
            busy: false,
            held: false,
            failures: None,
            dead: false,
            after,
        }) as TaskIndex;
        if index as usize >= self.generations.len() {
            self.generations.resize(index as usize + 1, 0);
        }
        index
    }

    pub(super) fn drop_use(&mut self, event: EventIndex) {
        let header = &mut self.events[event as usize];
        header.uses -= 1;
        if header.uses == 0 {
            let value = self.events.remove(event as usize).value;
            self.effects.push_back(Effect::Release(value));
        }
    }

    /// Makes a task's memory writes visible; `quiet` when what they replaced was said before.
    pub(super) fn commit(&mut self, task: &mut Task, quiet: bool) {
        if task.sensory.is_empty() && task.short_term.is_empty() {
            return;
        }
        let state = &mut self.keys[task.key.0 as usize];
        let (effects, symbols, key) = (&mut self.effects, &mut self.symbols, task.key);
        let sensory = state
            .sensory
            .commit(&mut task.sensory, task.since.0, symbols, |_, _, replaced| {
                effects.extend(replaced.map(Effect::Release));
            });
        let short_term =
            state
                .short_term
                .commit(&mut task.short_term, task.since.1, symbols, |path, node, replaced| {
                    effects.push_back(Effect::WriteMemory { key, path, node });
                    effects.extend(replaced.map(Effect::Release));
                });
        let lost = short_term.or(sensory);
        if let Some(path) = lost.filter(|_| !quiet) {
            let name = self.symbols.name(path).unwrap_or_default();
            let action = self.router.action_name(task.action);
            self.effects.push_back(Effect::Warn(format!(
                "Action '{action}' replaced memory path \"{name}\", which another action of the same run wrote while this one was suspended; the last to finish wins"
            )));
        }
    }
}
