//! What becomes of an event: outputs and dead letters leave the machine, every other event becomes one queued task for each action that its
//! type or a condition selects. The exact matches of a type are asked of the [`Router`] once and kept by its symbol until
//! symbols are collected. Routing is also where the events of a run are counted, so the run that never ends fails here.

use super::key::{EventIndex, INPUT_PLACE, ROOT, TaskNode};
use super::{Effect, Machine, Observed, Router};
use crate::ids::{KeySlot, Symbol};
use crate::journal::Ticket;
use crate::symbols::{DEAD_LETTER, OUTPUT};

const NO_ROUTES: (u32, u32) = (u32::MAX, 0);

impl<R: Router> Machine<R> {
    /// Output events and dead letters leave; others start one task for each action they trigger, after a ticket is acknowledged.
    pub(super) fn route(&mut self, key: KeySlot, event: EventIndex, parent: u32, event_index: u32, after: Ticket) {
        let state = &mut self.keys[key.0 as usize];
        // A letter is the machine's, not the agent's: an action that fails must not stop the job by it.
        if self.events[event as usize].event_type != DEAD_LETTER {
            if state.events_seen >= self.limits.max_events_per_run {
                self.fail_loop(key, event, parent);
                return;
            }
            state.events_seen += 1;
        }
        self.figures.events += 1;
        let header = &mut self.events[event as usize];
        if self.limits.observe_events {
            self.effects.push_back(Effect::Processed {
                key,
                event: header.value,
            });
            self.observed.push_back(Observed {
                id: header.id,
                event_type: header.event_type,
                lineage: header.lineage,
                sender: self.finishing,
            });
        }
        if header.event_type == OUTPUT || header.event_type == DEAD_LETTER {
            if !self.hold(key, event) {
                let timestamp = self.keys[key.0 as usize].timestamp;
                self.emit(key, event, timestamp);
            }
            return;
        }
        let event_type = header.event_type;
        let attributes = header.attributes.take();
        let mut selected = std::mem::take(&mut self.selected);
        selected.clear();
        let (start, count) = self.exact(event_type);
        selected.extend_from_slice(&self.route_actions[start as usize..(start + count) as usize]);
        if self.router.has_conditions() {
            let id = self.events[event as usize].id;
            let name = self.symbols.name(event_type).unwrap_or_default();
            let outcome = self
                .router
                .conditional(name, id, attributes.as_ref(), &mut selected, &mut self.warnings);
            for warning in self.warnings.drain(..) {
                self.effects.push_back(Effect::Warn(warning));
            }
            if let Err(reason) = outcome {
                self.fail(key, reason);
            }
        }
        self.events[event as usize].uses = selected.len() as u32;
        if parent == ROOT && event_index == INPUT_PLACE && self.keeps_inputs {
            self.keep_input(key, event);
        }
        if self.events[event as usize].uses == 0 {
            let value = self.events.remove(event as usize).value;
            self.effects.push_back(Effect::Release(value));
        }
        let mut after = after;
        for action in selected.drain(..) {
            // Those behind it wait as well: they begin in their order.
            after = self.start_after(key, action, after);
            let nodes = &mut self.keys[key.0 as usize].nodes;
            let node = nodes.len() as u32;
            nodes.push(TaskNode {
                parent,
                event_index,
                action,
            });
            let task = self.add_task(key, event, action, node, after);
            if self.take_recovered_attempts(key, task) {
                self.back_off(key, task);
            } else {
                self.keys[key.0 as usize].queue.push_back(task);
            }
        }
        self.selected = selected;
    }

    pub(super) fn emit(&mut self, key: KeySlot, event: EventIndex, timestamp: Option<i64>) {
        let header = self.events.remove(event as usize);
        let event = header.value;
        if header.event_type == DEAD_LETTER {
            self.figures.dead_letters += 1;
            self.effects.push_back(Effect::DeadLetter { key, event, timestamp });
        } else {
            self.effects.push_back(Effect::Emit { key, event, timestamp });
        }
    }

    pub(super) fn exact(&mut self, event_type: Symbol) -> (u32, u32) {
        let index = event_type.0 as usize;
        if index >= self.routes.len() {
            self.routes.resize(index + 1, NO_ROUTES);
        }
        if self.routes[index] == NO_ROUTES {
            let name = self.symbols.name(event_type).unwrap_or_default();
            let actions = self.router.exact(name);
            self.routes[index] = if actions.is_empty() {
                (0, 0)
            } else {
                let start = self.route_actions.len() as u32;
                self.route_actions.extend_from_slice(actions);
                (start, actions.len() as u32)
            };
        }
        self.routes[index]
    }

    pub(super) fn fail_loop(&mut self, key: KeySlot, event: EventIndex, parent: u32) {
        let limit = self.limits.max_events_per_run;
        let header = &self.events[event as usize];
        let name = self.symbols.name(header.event_type).unwrap_or_default().to_owned();
        let sender = match self.keys[key.0 as usize].nodes.get(parent as usize) {
            Some(node) => format!("action '{}'", self.router.action_name(node.action)),
            None => "the input".to_owned(),
        };
        self.events.remove(event as usize);
        self.fail(
            key,
            format!(
                "One input caused more than {limit} events, the last of type \"{name}\" from {sender}: actions that trigger each other without end? If the run is meant to be this long, raise `max-events-per-run`"
            ),
        );
    }
}
