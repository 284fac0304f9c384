//! Completed actions: what their records contain, and how a record takes effect in the place of its action.

use crate::ids::{EventId, TaskId, ValueHandle};
use crate::journal::{Completion, RecordBody};
use crate::memory::Node;
use crate::run::key::Task;
use crate::run::{AccessError, Machine, Router, TaskError};

impl<R: Router> Machine<R> {
    /// The values that the record of a finishing action contains: of its events, of its writes to sensory and to short-term
    /// memory. The host writes each as it wants to read it.
    ///
    /// # Errors
    /// When the task is not the one running.
    pub fn values_to_record(&self, task: TaskId) -> Result<Vec<ValueHandle>, TaskError> {
        let task = &self.tasks[self.running(task)? as usize];
        let events = task.sent.iter().map(|event| self.events[*event as usize].value);
        let writes = task.sensory.iter().chain(task.short_term.iter());
        let memory = writes.filter_map(|(_, node)| match node {
            Node::Value(value) => Some(*value),
            _ => None,
        });
        Ok(events.chain(memory).collect())
    }

    /// As [`Machine::handle_finished`], with a journal: `values` are those of [`Machine::values_to_record`].
    ///
    /// # Errors
    /// When the task is not the one running, or there are not as many values as it has.
    pub fn handle_completed(&mut self, task: TaskId, values: Vec<Vec<u8>>) -> Result<(), TaskError> {
        let index = self.running(task)?;
        let expected = self.values_to_record(task)?.len();
        if self.journal.is_none() || expected != values.len() {
            return Err(TaskError::Values {
                expected,
                found: values.len(),
            });
        }
        let key = self.tasks[index as usize].key;
        let tail = self.tail_of(index);
        self.check_calls_left(key, &tail);
        self.leave_out_results(key, index);
        let body = RecordBody::Completion(self.completion(&self.tasks[index as usize], values));
        let task = &self.tasks[index as usize];
        if task.journalled.is_none()
            && let Some(journal) = &mut self.journal
        {
            journal.wrote_first(task.action, false);
        }
        let journal = self.keys[key.0 as usize].journal.get_or_insert_default();
        let after = journal.progress.completed;
        journal.progress.completed += 1;
        let ticket = self.write(key, &tail, after, body);
        self.finish(index, ticket, false);
        Ok(())
    }

    /// The host has read the values of the record of [`Effect::Replay`](crate::run::Effect::Replay): they take effect as if
    /// the action had just finished.
    ///
    /// # Errors
    /// When the task is not the one running, or there are not as many values as it has.
    pub fn handle_replayed(
        &mut self,
        task: TaskId,
        completion: &Completion,
        values: &[ValueHandle],
        mut attributes: Vec<Option<R::Attributes>>,
    ) -> Result<(), AccessError> {
        let index = self.running(task)?;
        if completion.values.len() != values.len() {
            let (expected, found) = (completion.values.len(), values.len());
            return Err(TaskError::Values { expected, found }.into());
        }
        let (trigger, action) = {
            let task = &self.tasks[index as usize];
            (self.events[task.event as usize].id, task.action)
        };
        attributes.resize_with(completion.events.len(), || None);
        let mut values = values.iter().copied();
        for (((event_type, id), value), attributes) in completion.events.iter().zip(values.by_ref()).zip(attributes) {
            let event_type = self.symbols.intern(event_type);
            let event = self.new_event(EventId(*id), event_type, value, Some((trigger, action)), attributes);
            self.tasks[index as usize].sent.push(event);
        }
        for (path, is_value) in &completion.sensory {
            let path = self.symbols.intern(path);
            let node = node(*is_value, &mut values);
            self.tasks[index as usize].sensory.put(path, node);
        }
        for (path, is_value) in &completion.short_term {
            let path = self.symbols.intern(path);
            let node = node(*is_value, &mut values);
            self.tasks[index as usize].short_term.put(path, node);
        }
        // Later than any commit: what others wrote meanwhile was dealt with, and said, when the action ran.
        self.tasks[index as usize].since = (u32::MAX, u32::MAX);
        let key = self.tasks[index as usize].key;
        self.keys[key.0 as usize]
            .journal
            .get_or_insert_default()
            .progress
            .completed += 1;
        self.finish(index, 0, true);
        Ok(())
    }

    fn completion(&self, task: &Task, values: Vec<Vec<u8>>) -> Completion {
        let text = |symbol| self.symbols.name(symbol).unwrap_or_default().to_owned();
        let sent = task.sent.iter().map(|event| &self.events[*event as usize]);
        let writes = |(path, node): &(_, Node)| (text(*path), matches!(node, Node::Value(_)));
        Completion {
            events: sent.map(|event| (text(event.event_type), event.id.0)).collect(),
            sensory: task.sensory.iter().map(writes).collect(),
            short_term: task.short_term.iter().map(writes).collect(),
            values,
        }
    }
}

fn node(is_value: bool, values: &mut impl Iterator<Item = ValueHandle>) -> Node {
    if !is_value {
        return Node::Object;
    }
    values.next().map_or(Node::Object, Node::Value)
}
