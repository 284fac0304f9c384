//! What the machine orders is carried out, after a look at whether it may be.

use super::{Attempt, World};
use crate::host::{Stored, Value};
use flink_agents_core::journal::Tail;
use flink_agents_core::memory::Node;
use flink_agents_core::run::Effect;
use flink_agents_core::symbols::DEAD_LETTER_EVENT;

impl Attempt {
    pub(super) fn drain(&mut self, world: &mut World) {
        while let Some(effect) = self.machine.poll_effect(false) {
            self.carry_out(effect, world);
        }
    }

    pub(super) fn carry_out(&mut self, effect: Effect, world: &mut World) {
        match effect {
            Effect::Release(handle) => {
                self.handles.release(handle);
            }
            Effect::WriteMemory { key, path, node } => {
                let key = self.key_of(key);
                let path = self.machine.symbols().name(path).unwrap().to_owned();
                let tree = &mut self.state.get_mut(&key).unwrap().short_term;
                match node {
                    Node::Absent => tree.remove(&path),
                    Node::Object => tree.insert(path, Stored::Object),
                    Node::Value(handle) => tree.insert(path, Stored::Value(self.handles.memory(handle).to_owned())),
                };
            }
            Effect::Backoff { task, .. } => self.backoffs.push(task),
            Effect::Emit { key, event, .. } | Effect::DeadLetter { key, event, .. } => {
                let key = self.key_of(key);
                let Value::Event(event) = self.handles.release(event) else {
                    panic!("an output that is no event");
                };
                let last = self.sent_after.remove(&event.id).unwrap_or(0);
                let written = self.written.get(&key).into_iter().flatten().map(|record| record.1);
                let durable = self.durable.get(&key).into_iter().flatten().map(|record| record.1);
                assert!(
                    written.chain(durable).all(|open| open > last),
                    "an output leaves before the records of its run"
                );
                world.tell(|| format!("{} {key:?} {}", event.event_type, event.payload));
                if event.event_type == DEAD_LETTER_EVENT {
                    world.count("dead letter");
                    world.letters.entry(key).or_default().push(event.payload);
                } else {
                    world.count("output");
                    world.outputs.entry(key).or_default().push(event.payload);
                }
            }
            Effect::RunEnded {
                key,
                sequence,
                idle,
                persisted,
            } => {
                let slot = key;
                let key = self.key_of(slot);
                world.count("run ended");
                world.tell(|| format!("run {sequence} of {key:?} ended, idle {idle}"));
                assert_eq!(
                    self.open_tails(&key).len(),
                    0,
                    "a run ends before its records are acknowledged"
                );
                if let Some(books) = &mut self.books {
                    books.run_ended(slot, sequence, idle);
                }
                let state = self.state.get_mut(&key).unwrap();
                state.sequence = sequence + 1;
                if idle {
                    if persisted {
                        state.inflight = None;
                    }
                    assert_eq!(
                        self.handles.live_of(&key),
                        Vec::<&Value>::new(),
                        "values of idle key {key}"
                    );
                    self.slots.remove(&key);
                    self.free_slots.push(slot.0);
                    self.awaited.retain(|(awaited, _)| *awaited != slot);
                }
            }
            Effect::Record { key, ticket, record } => {
                let slot = key;
                let key = self.key_of(slot);
                world.tell(|| format!("record {ticket} {key:?} {}", Tail::decode(&record.tail).unwrap()));
                world.count(if record.value.is_some() {
                    "record"
                } else {
                    "record removed"
                });
                if let Some(books) = &mut self.books {
                    books.record(slot, ticket, &record);
                }
                self.unpolled.remove(&(key.clone(), record.tail.to_vec()));
                self.written.entry(key).or_default().push_back((slot, ticket, *record));
            }
            Effect::CallReady { task, key, call, step } => {
                let key = self.key_of(key);
                self.carry_out_call(&key, task, call, *step, world);
            }
            Effect::AwaitInput { key, run } => {
                world.count("input awaited");
                self.awaited.push((key, run));
            }
            Effect::Diverged { reason, .. } => {
                world.tell(|| reason.clone());
                world.divergences.push(reason);
            }
            Effect::Fail { reason, .. } => world.failure = Some(reason),
            Effect::Warn(_) => world.count("warning"),
            other => panic!("{other:?} came although nothing may run"),
        }
    }
}
