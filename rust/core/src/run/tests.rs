//! What only the inside of a machine shows: that it does not keep what it does not need.
#![allow(clippy::unwrap_used)]

use super::key::KEPT_BY_KEY;
use super::machine::KEPT_BY_MACHINE;
use super::{Effect, EventIn, Limits, Machine, Router};
use crate::ids::{ActionId, EventId, KeySlot, TaskId, ValueHandle};
use crate::memory::{Space, Written};
use crate::symbols::INPUT_EVENT;

/// The testkit's router belongs to the crate as others see it; these tests are inside another build of it.
struct OneAction;

impl Router for OneAction {
    type Attributes = ();

    fn action_count(&self) -> usize {
        1
    }

    fn action_name(&self, _: ActionId) -> &str {
        "only"
    }

    fn exact(&self, event_type: &str) -> &[ActionId] {
        if event_type == INPUT_EVENT { &[] } else { &[ActionId(0)] }
    }

    fn has_conditions(&self) -> bool {
        false
    }

    fn conditional(
        &self,
        _: &str,
        _: EventId,
        _: Option<&()>,
        _: &mut Vec<ActionId>,
        _: &mut Vec<String>,
    ) -> Result<(), String> {
        Ok(())
    }
}

/// Every collection forgets routes; asking for them again must not keep the forgotten ones.
#[test]
fn routes_do_not_pile_up_when_symbols_are_collected() {
    let mut machine = Machine::new(OneAction, Limits::default());
    for round in 0..100 {
        let event_type = machine.intern("t");
        let event = EventIn {
            id: EventId(round),
            event_type,
            value: ValueHandle(0),
            attributes: None,
        };
        assert!(machine.handle_input(KeySlot(0), event, None).is_ok());
        while let Some(effect) = machine.poll_effect(true) {
            if let Effect::RunAction { task, .. } = effect {
                assert!(machine.handle_finished(task).is_ok());
            }
        }
        assert_eq!(machine.collect_symbols(), vec![event_type]);
        assert!(machine.route_actions.len() <= 1, "round {round}");
    }
}

fn input(machine: &mut Machine<OneAction>, key: KeySlot, id: u128) {
    let event = event(machine, "start", id);
    machine.handle_input(key, event, None).unwrap();
}

fn event(machine: &mut Machine<OneAction>, event_type: &str, id: u128) -> EventIn<()> {
    EventIn {
        id: EventId(id),
        event_type: machine.intern(event_type),
        value: ValueHandle(0),
        attributes: None,
    }
}

/// Runs everything; the first action does what `first` says.
fn run(machine: &mut Machine<OneAction>, first: impl FnOnce(&mut Machine<OneAction>, TaskId)) {
    let mut first = Some(first);
    while let Some(effect) = machine.poll_effect(true) {
        if let Effect::RunAction { task, .. } = effect {
            if let Some(first) = first.take() {
                first(machine, task);
            }
            machine.handle_finished(task).unwrap();
        }
    }
}

#[test]
fn the_room_of_a_huge_run_is_given_back() {
    let limits = Limits {
        max_events_per_run: u32::MAX,
        ..Limits::default()
    };
    let mut machine = Machine::new(OneAction, limits);
    for id in 0..50_000 {
        input(&mut machine, KeySlot(1), id);
    }
    input(&mut machine, KeySlot(0), 0);
    run(&mut machine, |machine, task| {
        for number in 0..50_000 {
            let sent = event(machine, "again", number + 1);
            machine.handle_sent(task, sent).unwrap();
            let path = machine.intern(&format!("p{number}"));
            let written = machine.memory_set(task, Space::Sensory, path, ValueHandle(1));
            assert_eq!(written, Ok(Written::Done(None)));
        }
    });
    for key in &machine.keys {
        assert!(key.nodes.capacity() <= KEPT_BY_KEY, "{}", key.nodes.capacity());
        assert!(key.queue.capacity() <= KEPT_BY_KEY, "{}", key.queue.capacity());
        assert!(key.waiting.capacity() <= KEPT_BY_KEY, "{}", key.waiting.capacity());
        assert!(key.sensory.capacity() <= 2 * KEPT_BY_KEY, "{}", key.sensory.capacity());
    }
    assert!(machine.effects.capacity() <= KEPT_BY_MACHINE);
    assert!(machine.events.capacity() <= KEPT_BY_MACHINE);
    assert!(machine.tasks.capacity() <= KEPT_BY_MACHINE);
    assert!(machine.spare_sent.len() <= KEPT_BY_MACHINE);
    assert!(machine.spare_sent.iter().all(|sent| sent.capacity() <= 2 * KEPT_BY_KEY));
}

/// The other way round: keys come with every record, and must not allocate anew each time.
#[test]
fn the_room_of_usual_runs_is_kept() {
    let mut machine = Machine::new(OneAction, Limits::default());
    let mut rooms = Vec::new();
    for round in 0..10 {
        input(&mut machine, KeySlot(0), round * 1_000);
        run(&mut machine, |machine, task| {
            for number in 1..20 {
                let sent = event(machine, "again", round * 1_000 + number);
                machine.handle_sent(task, sent).unwrap();
            }
        });
        let key = &machine.keys[0];
        rooms.push((key.nodes.capacity(), key.queue.capacity(), machine.tasks.capacity()));
    }
    assert!(rooms[0].0 >= 20 && rooms[0].1 >= 19 && rooms[0].2 >= 19, "{rooms:?}");
    assert!(rooms.iter().all(|room| *room == rooms[0]), "{rooms:?}");
}
