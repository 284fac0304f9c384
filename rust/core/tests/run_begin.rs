//! Runs that begin with an event before their input: option `agent-run.begin-event`.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::ids::{KeySlot, TaskId, ValueHandle};
use flink_agents_core::journal::{History, JournalSettings, Recovered};
use flink_agents_core::memory::Space;
use flink_agents_core::run::{Effect, FailurePolicy, InputError, Limits, Machine, OnFailure, RestorePlan, Verdict};
use run_support::{Exact, KEY, effects, event, input, next, set};

const BEGIN: &str = "_agent_run_begin_event";
const LIMITS: Limits = Limits {
    max_events_per_run: 10,
    observe_events: false,
    begin_events: true,
};

fn agent() -> Exact {
    Exact::new([
        ("take", "_input_event"),
        ("greet", BEGIN),
        ("both", BEGIN),
        ("both", "_input_event"),
    ])
}

fn machine() -> Machine<Exact> {
    Machine::new(agent(), LIMITS)
}

fn begin(machine: &mut Machine<Exact>, number: u32) {
    let event = event(machine, BEGIN, number);
    machine.handle_begin(KEY, Some(event)).unwrap();
}

/// The next task, with the number of its event.
fn started(machine: &mut Machine<Exact>) -> (TaskId, u32) {
    loop {
        match machine.poll_effect(true) {
            Some(Effect::RunAction { task, event, .. }) => return (task, event.0),
            Some(_) => {}
            None => panic!("no task was to run"),
        }
    }
}

/// Runs everything that is to be run; the numbers of the events that triggered it.
fn run_all(machine: &mut Machine<Exact>, tasks: usize) -> Vec<u32> {
    let mut triggers = Vec::new();
    for _ in 0..tasks {
        let (task, trigger) = started(machine);
        triggers.push(trigger);
        machine.handle_finished(task).unwrap();
    }
    triggers
}

#[test]
fn the_event_comes_before_the_input_of_each_run_when_the_run_before_has_ended() {
    let mut machine = machine();
    input(&mut machine, KEY, 1);
    input(&mut machine, KEY, 2);
    assert_eq!(effects(&mut machine), [Effect::Begin { key: KEY }]);
    assert_eq!(machine.in_flight(), 2);
    begin(&mut machine, 11);
    assert_eq!(run_all(&mut machine, 3), [11, 11, 1]);
    let (task, trigger) = started(&mut machine);
    assert_eq!(trigger, 1);
    set(&mut machine, task, Space::ShortTerm, "a", 5);
    machine.handle_finished(task).unwrap();
    // What the run has written is with the host before it is asked for the next one's.
    let after = effects(&mut machine);
    let place = |wanted: fn(&Effect) -> bool| after.iter().position(wanted).unwrap();
    let written = place(|effect| matches!(effect, Effect::WriteMemory { .. }));
    let ended = place(|effect| matches!(effect, Effect::RunEnded { idle: false, .. }));
    let asked = place(|effect| matches!(effect, Effect::Begin { .. }));
    assert!(written < asked && ended < asked, "{after:?}");
    begin(&mut machine, 12);
    assert_eq!(run_all(&mut machine, 4), [12, 12, 2, 2]);
    let last = effects(&mut machine);
    assert!(
        last.iter()
            .any(|effect| matches!(effect, Effect::RunEnded { idle: true, .. }))
    );
    assert_eq!(machine.in_flight(), 0);
}

#[test]
fn an_event_that_nobody_listens_to_is_released_and_there_may_be_none() {
    let mut machine = Machine::new(Exact::new([("take", "_input_event")]), LIMITS);
    input(&mut machine, KEY, 1);
    assert_eq!(effects(&mut machine), [Effect::Begin { key: KEY }]);
    begin(&mut machine, 11);
    assert_eq!(effects(&mut machine), [Effect::Release(ValueHandle(11))]);
    assert_eq!(run_all(&mut machine, 1), [1]);
    effects(&mut machine);
    input(&mut machine, KEY, 2);
    effects(&mut machine);
    machine.handle_begin(KEY, None).unwrap();
    assert_eq!(run_all(&mut machine, 1), [2]);
}

#[test]
fn who_was_not_asked_is_refused() {
    let mut machine = machine();
    assert_eq!(machine.handle_begin(KEY, None), Err(InputError::NotAsked(0)));
    input(&mut machine, KEY, 1);
    begin(&mut machine, 11);
    assert_eq!(machine.handle_begin(KEY, None), Err(InputError::NotAsked(0)));
    assert_eq!(machine.handle_begin(KeySlot(7), None), Err(InputError::NotAsked(7)));
    assert_eq!(run_all(&mut machine, 4), [11, 11, 1, 1]);
}

#[test]
fn a_snapshot_before_the_answer_has_the_input_and_asks_again() {
    let mut first = machine();
    input(&mut first, KEY, 1);
    assert_eq!(effects(&mut first), [Effect::Begin { key: KEY }]);
    let snapshot = first.snapshot_key(KEY).unwrap().unwrap();
    assert_eq!(snapshot.values, [ValueHandle(1)]);
    let mut second = machine();
    let plan = RestorePlan::parse(&snapshot.bytes).unwrap();
    second.restore_key(KEY, plan, &[ValueHandle(1)], Vec::new()).unwrap();
    assert_eq!(effects(&mut second), [Effect::Begin { key: KEY }]);
    begin(&mut second, 11);
    assert_eq!(run_all(&mut second, 4), [11, 11, 1, 1]);
}

#[test]
fn a_snapshot_in_the_run_has_both_events() {
    let mut first = machine();
    input(&mut first, KEY, 1);
    effects(&mut first);
    begin(&mut first, 11);
    let (task, _) = started(&mut first);
    first.handle_suspended(task).unwrap();
    let snapshot = first.snapshot_key(KEY).unwrap().unwrap();
    let values: Vec<ValueHandle> = snapshot.values.clone();
    let mut second = machine();
    let plan = RestorePlan::parse(&snapshot.bytes).unwrap();
    second.restore_key(KEY, plan, &values, Vec::new()).unwrap();
    assert_eq!(run_all(&mut second, 4), [11, 11, 1, 1]);
    assert!(!effects(&mut second).contains(&Effect::Begin { key: KEY }));
}

#[test]
fn a_dead_letter_tells_the_input() {
    let policy = FailurePolicy {
        on_failure: OnFailure::DeadLetter,
        ..FailurePolicy::default()
    };
    let mut machine = Machine::new(Exact::new([("greet", BEGIN)]).failing(policy), LIMITS);
    input(&mut machine, KEY, 1);
    effects(&mut machine);
    begin(&mut machine, 11);
    let task = next(&mut machine);
    assert_eq!(machine.handle_failed(task, 0), Ok(Verdict::DeadLetter { attempts: 1 }));
    assert_eq!(machine.input_of(task), Ok(Some(ValueHandle(1))));
}

/// Answers what the journal asks; the records that were written, in their order.
fn settle(machine: &mut Machine<Exact>, records: &mut Vec<Recovered>, ran: &mut Vec<u32>) {
    while let Some(effect) = machine.poll_effect(true) {
        match effect {
            Effect::Begin { .. } => begin(machine, 11),
            Effect::RunAction { task, event, .. } => {
                ran.push(event.0);
                machine.handle_completed(task, Vec::new()).unwrap();
            }
            Effect::Replay { task, completion, .. } => {
                assert!(completion.events.is_empty());
                machine.handle_replayed(task, &completion, &[], Vec::new()).unwrap();
            }
            Effect::Record { ticket, record, .. } => {
                if let Some(value) = &record.value {
                    records.push(Recovered::decode(&record.tail, value).unwrap());
                }
                machine.handle_acknowledged(KEY, ticket);
            }
            _ => {}
        }
    }
}

#[test]
fn a_journal_tells_the_tasks_of_both_events_apart() {
    let journalled = || {
        let mut machine = Machine::with_journal(agent(), LIMITS, JournalSettings::default());
        machine.handle_key_opened(KEY, 0).unwrap();
        machine
    };
    let mut first = journalled();
    first.handle_history(KEY, Some(History::default())).unwrap();
    let (mut records, mut ran) = (Vec::new(), Vec::new());
    input(&mut first, KEY, 1);
    settle(&mut first, &mut records, &mut ran);
    assert_eq!(ran, [11, 11, 1, 1]);
    assert!(!records.is_empty());
    for kept in 0..=records.len() {
        let mut second = journalled();
        second
            .handle_history(KEY, Some(History::new(records[..kept].to_vec())))
            .unwrap();
        let (mut more, mut again) = (Vec::new(), Vec::new());
        input(&mut second, KEY, 1);
        settle(&mut second, &mut more, &mut again);
        assert_eq!(second.in_flight(), 0);
        assert_eq!(again, ran[kept.min(ran.len())..], "with {kept} records");
    }
}
