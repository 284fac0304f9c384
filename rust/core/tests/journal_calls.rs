//! Calls of a run that goes along its journal: given up, and made by code that goes on beside others.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::ids::TaskId;
use flink_agents_core::journal::{
    CallRecord, CallStatus, Completion, First, History, JournalSettings, Record, RecordBody, Recovered, Tail,
};
use flink_agents_core::run::{CallIn, CallOutcome, CallStep, Effect, Limits, Machine, RecordOut, ScopeKind};
use run_support::{Exact, KEY, event, next};

fn recorded(position: &[u32], order: u32, status: CallStatus) -> Recovered {
    Recovered {
        tail: Tail {
            run: 0,
            task: vec![(0, "act".into())],
            call: position.to_vec(),
        },
        record: Record {
            order,
            after: 0,
            first: First::No,
            body: RecordBody::Call(CallRecord {
                status,
                function: "f".into(),
                digest: None,
                payload: b"x".to_vec(),
            }),
        },
    }
}

fn completed_other(order: u32) -> Recovered {
    Recovered {
        tail: Tail {
            run: 0,
            task: vec![(0, "other".into())],
            call: Vec::new(),
        },
        record: Record {
            order,
            after: 0,
            first: First::No,
            body: RecordBody::Completion(Completion::default()),
        },
    }
}

fn replayed(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Replay { .. }))
}

/// An action that begins its run along these records.
fn replaying(records: Vec<Recovered>) -> (Machine<Exact>, TaskId) {
    replaying_with(Exact::new([("act", "_input_event")]), records)
}

fn replaying_with(agent: Exact, records: Vec<Recovered>) -> (Machine<Exact>, TaskId) {
    let mut machine = Machine::with_journal(agent, Limits::default(), JournalSettings::default());
    machine.handle_history(KEY, Some(History::new(records))).unwrap();
    let input = event(&mut machine, "_input_event", 1);
    machine.handle_digested_input(KEY, input, None, None).unwrap();
    let task = next(&mut machine);
    (machine, task)
}

fn call(machine: &mut Machine<Exact>, task: TaskId, scope: u32) -> (u32, CallStep) {
    let call = CallIn {
        function: "f",
        digest: None,
        reconcilable: true,
    };
    machine.handle_call(task, scope, call).unwrap()
}

fn effects(machine: &mut Machine<Exact>) -> Vec<Effect> {
    std::iter::from_fn(|| machine.poll_effect(true)).collect()
}

fn diverged(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Diverged { .. }))
}

#[test]
fn a_call_that_is_given_up_again_is_no_divergence() {
    // Of two calls side by side one failed, and the other one, which had begun, was given up.
    let (mut machine, task) = replaying(vec![
        recorded(&[0, 1], 0, CallStatus::Pending),
        recorded(&[0, 0], 1, CallStatus::Failed),
    ]);
    let group = machine.handle_scope(task, 0, ScopeKind::Group).unwrap();
    assert_eq!(call(&mut machine, task, group), (0, CallStep::Wait));
    // Nobody knows what became of it.
    assert_eq!(call(&mut machine, task, group), (1, CallStep::Reconcile));
    machine.handle_suspended(task).unwrap();
    let answers = effects(&mut machine);
    assert!(!diverged(&answers), "{answers:?}");
    machine.handle_call_ended(task, 0, None).unwrap();
    machine.handle_call_ended(task, 1, None).unwrap();
    machine.handle_woken(task).unwrap();
    let resumed = effects(&mut machine);
    assert!(!diverged(&resumed), "{resumed:?}");
    machine.handle_completed(task, Vec::new()).unwrap();
    let ended = effects(&mut machine);
    assert!(!diverged(&ended), "{ended:?}");
}

#[test]
fn a_run_is_not_given_up_while_code_goes_on_that_may_make_its_calls() {
    // The call of the second piece of code waits for that of the first, which rests.
    let (mut machine, task) = replaying(vec![
        recorded(&[0, 0], 0, CallStatus::Succeeded),
        recorded(&[0, 1], 1, CallStatus::Succeeded),
        recorded(&[1], 2, CallStatus::Succeeded),
    ]);
    machine.handle_busy(task, true).unwrap();
    machine.handle_suspended(task).unwrap();
    assert!(!diverged(&effects(&mut machine)));
    machine.handle_busy(task, false).unwrap();
    machine.handle_woken(task).unwrap();
    assert!(!diverged(&effects(&mut machine)));
    machine.handle_completed(task, Vec::new()).unwrap();
    assert!(diverged(&effects(&mut machine)), "the action ended without its calls");
}

/// An action that has made a call, and whose result is not polled; with what has to be acknowledged for that.
fn called() -> (Machine<Exact>, TaskId) {
    let (mut machine, task) = replaying(Vec::new());
    let call = CallIn {
        function: "f",
        ..CallIn::default()
    };
    // The run's first record comes before the call.
    let (number, step) = machine.handle_call(task, 0, call).unwrap();
    assert_eq!(step, CallStep::Wait);
    for (key, ticket, _) in machine.take_records() {
        machine.handle_acknowledged(key, ticket);
    }
    let outcome = CallOutcome {
        failed: false,
        payload: b"x",
    };
    machine.handle_call_ended(task, number, Some(outcome)).unwrap();
    (machine, task)
}

fn records(machine: &mut Machine<Exact>) -> Vec<RecordBody> {
    let taken = machine.take_records();
    let value = |(_, _, record): (_, _, RecordOut)| Record::decode(&record.value.unwrap()).unwrap().body;
    taken.into_iter().map(value).collect()
}

#[test]
fn a_result_that_nobody_has_polled_when_its_action_completes_is_left_to_the_completion() {
    let (mut machine, task) = called();
    machine.handle_completed(task, Vec::new()).unwrap();
    let written = records(&mut machine);
    assert!(matches!(&written[..], [RecordBody::Completion(_)]), "{written:?}");
    assert_eq!(machine.unacknowledged(), 1);
}

#[test]
fn a_result_that_was_polled_is_waited_for_with_the_completion() {
    let (mut machine, task) = called();
    let written = records(&mut machine);
    assert!(matches!(&written[..], [RecordBody::Call(_)]), "{written:?}");
    machine.handle_completed(task, Vec::new()).unwrap();
    assert_eq!(machine.unacknowledged(), 2);
}

#[test]
fn records_are_taken_ahead_of_other_effects_but_not_after_a_failure() {
    let (mut machine, task) = replaying(Vec::new());
    let sent = event(&mut machine, "_output_event", 2);
    machine.handle_sent(task, sent).unwrap();
    machine.handle_completed(task, vec![vec![2]]).unwrap();
    let taken = machine.take_records();
    assert_eq!(taken.len(), 1);
    assert!(machine.take_records().is_empty());
    let left = effects(&mut machine);
    assert!(
        !left.iter().any(|effect| matches!(effect, Effect::Record { .. })),
        "{left:?}"
    );
    machine.handle_acknowledged(KEY, taken[0].1);
    assert!(matches!(effects(&mut machine)[0], Effect::Emit { .. }));
}

#[test]
fn nothing_is_replayed_while_an_answer_is_on_its_way_to_the_code_that_waits_for_it() {
    let records = vec![
        recorded(&[0], 0, CallStatus::Succeeded),
        completed_other(1),
        recorded(&[1], 2, CallStatus::Succeeded),
    ];
    let (mut machine, task) = replaying_with(
        Exact::new([("act", "_input_event"), ("other", "_input_event")]),
        records,
    );
    let (_, answer) = call(&mut machine, task, 0);
    assert!(matches!(answer, CallStep::Replay { .. }), "{answer:?}");
    machine.handle_held(task, true).unwrap();
    machine.handle_suspended(task).unwrap();
    let meanwhile = effects(&mut machine);
    assert!(!replayed(&meanwhile), "{meanwhile:?}");
    machine.handle_held(task, false).unwrap();
    let then = effects(&mut machine);
    assert!(replayed(&then), "{then:?}");
}

#[test]
fn an_action_that_completed_later_is_not_replayed_before_a_call_that_code_beside_has_still_to_make() {
    let records = vec![recorded(&[0, 0], 0, CallStatus::Succeeded), completed_other(1)];
    let (mut machine, task) = replaying_with(
        Exact::new([("act", "_input_event"), ("other", "_input_event")]),
        records,
    );
    let beside = machine.handle_scope(task, 0, ScopeKind::Sequence).unwrap();
    machine.handle_busy(task, true).unwrap();
    machine.handle_suspended(task).unwrap();
    let before = effects(&mut machine);
    assert!(!replayed(&before), "{before:?}");
    assert!(!diverged(&before), "{before:?}");
    assert_eq!(call(&mut machine, task, beside), (0, CallStep::Wait));
    let after = effects(&mut machine);
    assert!(replayed(&after), "{after:?}");
}
