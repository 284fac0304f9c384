//! Runs that cannot go on, and calls that are refused.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::ids::{EventId, KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::memory::{MemoryError, Space};
use flink_agents_core::run::{AccessError, Effect, EventIn, InputError, Limits, Machine, Marker, TaskError};
use run_support::{Exact, KEY, effects, event, input, machine, next};

fn looping(limit: u32) -> Machine<Exact> {
    let limits = Limits {
        max_events_per_run: limit,
        ..Limits::default()
    };
    Machine::new(Exact::new([("begin", "_input_event"), ("again", "again")]), limits)
}

fn send(machine: &mut Machine<Exact>, task: TaskId, event_type: &str, number: u32) {
    let event = event(machine, event_type, number);
    machine.handle_sent(task, event).unwrap();
}

#[test]
fn actions_that_trigger_each_other_for_ever_fail_with_action_type_and_limit() {
    let mut machine = looping(20);
    input(&mut machine, KEY, 1);
    for number in 2..21 {
        let task = next(&mut machine);
        send(&mut machine, task, "again", number);
        machine.handle_finished(task).unwrap();
    }
    let task = next(&mut machine);
    send(&mut machine, task, "again", 21);
    machine.handle_finished(task).unwrap();
    let last = effects(&mut machine).pop();
    let Some(Effect::Fail { key, reason }) = last else {
        panic!("no failure but {last:?}");
    };
    assert_eq!(key, KEY);
    for part in [
        "more than 20 events",
        "\"again\"",
        "action 'again'",
        "`max-events-per-run`",
    ] {
        assert!(reason.contains(part), "{part} is missing in: {reason}");
    }
}

#[test]
fn a_run_of_exactly_the_limit_ends_well() {
    let mut machine = looping(3);
    input(&mut machine, KEY, 1);
    for number in 2..4 {
        let task = next(&mut machine);
        send(&mut machine, task, "again", number);
        machine.handle_finished(task).unwrap();
    }
    let task = next(&mut machine);
    machine.handle_finished(task).unwrap();
    let effects = effects(&mut machine);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::RunEnded { idle: true, .. }))
    );
    // The next run counts from the start.
    input(&mut machine, KEY, 9);
    let task = next(&mut machine);
    send(&mut machine, task, "again", 10);
    machine.handle_finished(task).unwrap();
    assert!(machine.has_ready());
}

/// The failed run would otherwise be reported as ended, and the watermark behind it as passed.
#[test]
fn nothing_follows_a_failure() {
    let mut machine = looping(2);
    input(&mut machine, KEY, 1);
    input(&mut machine, KeySlot(1), 50);
    machine.handle_marker(Marker::Watermark(5));
    let task = next(&mut machine);
    for number in 2..5 {
        send(&mut machine, task, "_output_event", number);
    }
    machine.handle_finished(task).unwrap();
    let effects: Vec<Effect> = std::iter::from_fn(|| machine.poll_effect(true)).collect();
    assert!(matches!(effects[0], Effect::Emit { .. }));
    assert!(matches!(effects[1], Effect::Fail { .. }));
    assert_eq!(effects.len(), 2, "{effects:?}");
    assert!(!machine.has_ready(), "the other key has a task, but nothing may run");
    input(&mut machine, KeySlot(2), 51);
    machine.handle_marker(Marker::Watermark(6));
    assert_eq!(machine.poll_effect(true), None);
}

#[test]
fn an_event_with_the_id_of_its_trigger_is_refused_and_stays_with_the_host() {
    let mut machine = machine(&[("echo", "_input_event")]);
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    let same = event(&mut machine, "_output_event", 1);
    let refused = machine.handle_sent(task, same);
    assert_eq!(refused, Err(TaskError::OwnTrigger(EventId(1), "echo".into())));
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("'echo'") && text.contains("00000000-0000-0000-0000-000000000001"),
        "{text}"
    );
    machine.handle_finished(task).unwrap();
    let emitted = effects(&mut machine);
    assert!(!emitted.iter().any(|effect| matches!(effect, Effect::Emit { .. })));
}

#[test]
fn a_context_is_useless_after_its_task_ended_even_when_its_slot_is_used_again() {
    let mut machine = machine(&[("only", "_input_event")]);
    input(&mut machine, KEY, 1);
    let old = next(&mut machine);
    machine.handle_finished(old).unwrap();
    input(&mut machine, KEY, 2);
    let new = next(&mut machine);
    assert_ne!(old, new);
    assert_eq!(old.to_bits() as u32, new.to_bits() as u32, "the slot is reused");
    let path = machine.intern("p");
    let ended = AccessError::Task(TaskError::Ended);
    assert_eq!(machine.memory_get(old, Space::ShortTerm, path), Err(ended.clone()));
    let refused = machine.memory_set(old, Space::Sensory, path, ValueHandle(7));
    assert_eq!(refused, Err(ended));
    let sent = event(&mut machine, "x", 8);
    assert_eq!(machine.handle_sent(old, sent), Err(TaskError::Ended));
    assert_eq!(machine.handle_suspended(old), Err(TaskError::Ended));
    assert_eq!(machine.handle_finished(old), Err(TaskError::Ended));
    assert_eq!(machine.handle_woken(old), Err(TaskError::Ended));
    assert_eq!(machine.task_path(old), Err(TaskError::Ended));
    assert_eq!(
        machine.handle_finished(TaskId::from_bits(u64::MAX)),
        Err(TaskError::Ended)
    );
    assert_eq!(machine.handle_finished(new), Ok(()));
}

#[test]
fn numbers_the_machine_did_not_give_out_are_refused() {
    let mut machine = machine(&[("only", "_input_event")]);
    let unknown = |value| EventIn {
        id: EventId(1),
        event_type: Symbol(99),
        value: ValueHandle(value),
        attributes: None,
    };
    assert_eq!(
        machine.handle_input(KEY, unknown(1), None),
        Err(InputError::UnknownType(99))
    );
    assert_eq!(machine.in_flight(), 0);
    let absurd = event(&mut machine, "_input_event", 1);
    assert_eq!(
        machine.handle_input(KeySlot(u32::MAX), absurd, None),
        Err(InputError::KeySlot {
            slot: u32::MAX,
            used: 0
        })
    );
    assert_eq!(
        machine.handle_key_opened(KeySlot(u32::MAX), 0),
        Err(InputError::KeySlot {
            slot: u32::MAX,
            used: 0
        })
    );
    input(&mut machine, KEY, 2);
    let task = next(&mut machine);
    assert_eq!(machine.handle_sent(task, unknown(3)), Err(TaskError::UnknownType(99)));
    let refused = machine.memory_get(task, Space::Sensory, Symbol(99));
    assert!(
        matches!(refused, Err(AccessError::Memory(MemoryError::Path(_)))),
        "{refused:?}"
    );
    machine.handle_finished(task).unwrap();
    assert_eq!(machine.in_flight(), 0);
}

#[test]
fn after_the_end_of_the_input_records_are_refused_and_runs_go_on() {
    let mut machine = machine(&[("only", "_input_event")]);
    input(&mut machine, KEY, 1);
    input(&mut machine, KEY, 2);
    machine.handle_end_of_input();
    let late = event(&mut machine, "_input_event", 3);
    assert_eq!(machine.handle_input(KEY, late, None), Err(InputError::AfterEnd));
    assert_eq!(machine.in_flight(), 2);
    for _ in 0..2 {
        let task = next(&mut machine);
        machine.handle_finished(task).unwrap();
    }
    assert_eq!(machine.in_flight(), 0);
    machine.handle_marker(Marker::Watermark(i64::MAX));
    let last = effects(&mut machine).pop();
    assert_eq!(last, Some(Effect::Forward(Marker::Watermark(i64::MAX))));
}

/// A host may count runs for years; the last number is not a reason to stop.
#[test]
fn the_highest_run_number_does_not_overflow() {
    let mut machine = machine(&[("only", "_input_event")]);
    machine.handle_key_opened(KEY, u64::MAX).unwrap();
    input(&mut machine, KEY, 1);
    input(&mut machine, KEY, 2);
    let task = next(&mut machine);
    assert_eq!(machine.run_of(task), Ok(u64::MAX));
    machine.handle_finished(task).unwrap();
    let task = next(&mut machine);
    machine.handle_finished(task).unwrap();
    assert_eq!(machine.in_flight(), 0);
}

#[test]
fn an_action_that_sends_without_end_is_stopped_while_it_runs() {
    let mut machine = looping(5);
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    for number in 2..8 {
        send(&mut machine, task, "again", number);
    }
    let one_more = event(&mut machine, "again", 8);
    let text = machine.handle_sent(task, one_more).unwrap_err().to_string();
    assert!(
        text.contains("'begin'") && text.contains("max-events-per-run"),
        "{text}"
    );
}

/// Everything below a slot takes room: one wrong number must not cost gigabytes.
#[test]
fn a_slot_far_above_those_used_is_refused_and_allocates_nothing() {
    let mut machine = machine(&[("only", "_input_event")]);
    input(&mut machine, KeySlot(4_096), 1);
    let far = event(&mut machine, "_input_event", 2);
    let text = machine.handle_input(KeySlot(8_194), far, None).unwrap_err().to_string();
    for part in ["slot 8194", "4097 have been used", "at most 8193", "lowest free number"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert_eq!(machine.in_flight(), 1);
    for slot in [8_193, 1_000_000, 1 << 25] {
        let opened = machine.handle_key_opened(KeySlot(slot), 0);
        assert_eq!(opened.is_ok(), slot == 8_193, "{slot}");
    }
}

#[test]
fn no_snapshot_is_made_of_what_a_failure_left() {
    let mut machine = looping(2);
    input(&mut machine, KEY, 1);
    input(&mut machine, KeySlot(1), 50);
    assert_eq!(machine.take_dirty(), Ok(vec![KEY, KeySlot(1)]));
    let task = next(&mut machine);
    for number in 2..5 {
        send(&mut machine, task, "again", number);
    }
    machine.handle_finished(task).unwrap();
    for polled in [false, true] {
        for key in [KEY, KeySlot(1), KeySlot(77)] {
            let text = machine.snapshot_key(key).unwrap_err().to_string();
            assert!(
                text.contains("has failed") && text.contains("`max-events-per-run`"),
                "{polled}: {text}"
            );
        }
        assert!(machine.take_dirty().is_err());
        let fails = effects(&mut machine)
            .iter()
            .filter(|effect| matches!(effect, Effect::Fail { .. }))
            .count();
        assert_eq!(fails, usize::from(!polled));
    }
}
