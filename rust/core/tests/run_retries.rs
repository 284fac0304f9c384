//! Actions that fail: tried again after a wait, ended by a dead letter, with a journal and without.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::ids::{TaskId, ValueHandle};
use flink_agents_core::journal::{
    AttemptRecord, CallRecord, CallStatus, Completion, First, History, JournalSettings, NEWEST, Record, RecordBody,
    Recovered, Tail,
};
use flink_agents_core::memory::{Node, Space};
use flink_agents_core::run::{
    CallIn, CallOutcome, CallStep, Effect, FailurePolicy, Limits, Machine, OnFailure, RestorePlan, TaskError, Verdict,
};
use run_support::{Exact, KEY, bytes, effects, event, get, hex, input, next, records_stay_as_written, set};

fn policy(max_retries: u32, on_failure: OnFailure) -> FailurePolicy {
    FailurePolicy {
        on_failure,
        max_retries,
        jitter: 0.0,
        ..FailurePolicy::default()
    }
}

fn agent(policy: FailurePolicy) -> Exact {
    Exact::new([("act", "_input_event"), ("beside", "_input_event")]).failing(policy)
}

fn plain(policy: FailurePolicy) -> Machine<Exact> {
    Machine::new(agent(policy), Limits::default())
}

fn journalled(policy: FailurePolicy) -> Machine<Exact> {
    let agent = Exact::new([("act", "_input_event")]).failing(policy);
    Machine::with_journal(agent, Limits::default(), JournalSettings::default())
}

fn backoff(effects: &[Effect]) -> Option<(TaskId, u64, i64)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Backoff {
            task, wait_ms, due_ms, ..
        } => Some((*task, *wait_ms, *due_ms)),
        _ => None,
    })
}

#[test]
fn waits_double_up_to_the_longest_and_differ_by_the_share() {
    let fixed = FailurePolicy {
        backoff_ms: 100,
        max_backoff_ms: 350,
        ..policy(9, OnFailure::Fail)
    };
    let waits: Vec<u64> = (1..5).map(|failure| fixed.wait_ms(failure, 7)).collect();
    assert_eq!(waits, [100, 200, 350, 350]);
    assert_eq!(fixed.wait_ms(u32::MAX, 7), 350);
    let spread = FailurePolicy { jitter: 0.5, ..fixed };
    let all: Vec<u64> = (0..1_000).map(|seed| spread.wait_ms(3, seed)).collect();
    assert_eq!(all, (0..1_000).map(|seed| spread.wait_ms(3, seed)).collect::<Vec<_>>());
    assert!(all.iter().all(|wait| (175..=350).contains(wait)));
    assert!(all.iter().min() < Some(&185) && all.iter().max() > Some(&340));
    let none = FailurePolicy { backoff_ms: 0, ..fixed };
    assert_eq!(none.wait_ms(1, 7), 0);
    let endless = FailurePolicy {
        backoff_ms: u64::MAX,
        max_backoff_ms: u64::MAX,
        jitter: 1.0,
        ..fixed
    };
    assert!(endless.wait_ms(64, 7) > 0);
}

#[test]
fn without_a_policy_the_host_fails_and_the_machine_is_as_it_was() {
    let mut machine = plain(FailurePolicy::default());
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    set(&mut machine, task, Space::Sensory, "a", 5);
    assert_eq!(machine.handle_failed(task, 0), Ok(Verdict::Fail { attempts: 1 }));
    assert_eq!(
        get(&mut machine, task, Space::Sensory, "a"),
        Node::Value(ValueHandle(5))
    );
    assert_eq!(machine.input_of(task), Ok(None));
}

#[test]
fn a_retry_drops_what_was_done_lets_others_go_on_and_begins_anew() {
    let mut machine = plain(policy(2, OnFailure::Fail));
    input(&mut machine, KEY, 1);
    input(&mut machine, KEY, 2);
    let task = next(&mut machine);
    set(&mut machine, task, Space::Sensory, "a", 5);
    let sent = event(&mut machine, "_output_event", 6);
    machine.handle_sent(task, sent).unwrap();
    let verdict = machine.handle_failed(task, 50_000);
    assert_eq!(
        verdict,
        Ok(Verdict::Retry {
            attempts: 1,
            wait_ms: 1_000
        })
    );
    assert_eq!(machine.handle_finished(task), Err(TaskError::Ended));
    let seen = effects(&mut machine);
    for dropped in [5, 6] {
        assert!(seen.contains(&Effect::Release(ValueHandle(dropped))), "{seen:?}");
    }
    let (again, wait, due) = backoff(&seen).unwrap();
    assert_eq!((wait, due), (1_000, 51_000));
    assert_ne!(again, task);
    // The other action of the run goes on; the next run waits.
    let beside = next(&mut machine);
    assert_eq!(get(&mut machine, beside, Space::Sensory, "a"), Node::Absent);
    machine.handle_finished(beside).unwrap();
    assert_eq!(machine.poll_effect(true), None);
    assert_eq!((machine.in_flight(), machine.suspended_tasks()), (2, 1));
    machine.handle_backoff_over(task);
    assert_eq!(machine.poll_effect(true), None, "the old number means nothing");
    machine.handle_backoff_over(again);
    let third = next(&mut machine);
    assert_eq!(machine.failed_attempts(third), Ok(1));
    assert_eq!(
        machine.handle_failed(third, 0),
        Ok(Verdict::Retry {
            attempts: 2,
            wait_ms: 2_000
        })
    );
    let (again, ..) = backoff(&effects(&mut machine)).unwrap();
    machine.handle_backoff_over(again);
    let last = next(&mut machine);
    assert_eq!(machine.handle_failed(last, 0), Ok(Verdict::Fail { attempts: 3 }));
}

#[test]
fn a_dead_letter_leaves_and_its_run_goes_on_without_the_action() {
    let mut machine = plain(policy(0, OnFailure::DeadLetter));
    let record = event(&mut machine, "_input_event", 1);
    machine.handle_input(KEY, record, Some(77)).unwrap();
    let task = next(&mut machine);
    let early = event(&mut machine, "_dead_letter_event", 8);
    assert_eq!(
        machine.handle_sent(task, early),
        Err(TaskError::ReservedType("act".into()))
    );
    assert_eq!(machine.handle_failed(task, 0), Ok(Verdict::DeadLetter { attempts: 1 }));
    assert_eq!(machine.input_of(task), Ok(Some(ValueHandle(1))));
    let letter = event(&mut machine, "_dead_letter_event", 9);
    machine.handle_sent(task, letter).unwrap();
    machine.handle_finished(task).unwrap();
    let beside = next(&mut machine);
    machine.handle_finished(beside).unwrap();
    let seen = effects(&mut machine);
    assert!(
        matches!(seen.last(), Some(Effect::RunEnded { idle: true, .. })),
        "{seen:?}"
    );
    assert_eq!(machine.figures().dead_letters, 1);
    assert!(
        seen.contains(&Effect::Release(ValueHandle(1))),
        "the input is kept until the run ends: {seen:?}"
    );
}

#[test]
fn a_dead_letter_is_none_of_the_events_that_a_run_may_have() {
    let agent = Exact::new([("act", "_input_event")]).failing(policy(0, OnFailure::DeadLetter));
    let limits = Limits {
        max_events_per_run: 1,
        ..Limits::default()
    };
    let mut machine = Machine::new(agent, limits);
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    assert_eq!(machine.handle_failed(task, 0), Ok(Verdict::DeadLetter { attempts: 1 }));
    let letter = event(&mut machine, "_dead_letter_event", 9);
    machine.handle_sent(task, letter).unwrap();
    machine.handle_finished(task).unwrap();
    let seen = effects(&mut machine);
    assert!(
        matches!(
            &seen[..],
            [Effect::DeadLetter { .. }, .., Effect::RunEnded { idle: true, .. }]
        ),
        "{seen:?}"
    );
}

#[test]
fn a_snapshot_has_the_failures_and_the_rest_of_the_wait() {
    let mut machine = plain(policy(1, OnFailure::DeadLetter));
    input(&mut machine, KEY, 1);
    let task = next(&mut machine);
    machine.handle_failed(task, 50_000).unwrap();
    let snapshot = machine.snapshot_key(KEY).unwrap().unwrap();
    assert_eq!(snapshot.bytes[4], 3, "its version");
    let plan = RestorePlan::parse(&snapshot.bytes).unwrap();
    let mut machine = plain(policy(1, OnFailure::DeadLetter));
    machine.restore_key(KEY, plan, &[ValueHandle(41)], Vec::new()).unwrap();
    let (again, wait, due) = backoff(&effects(&mut machine)).unwrap();
    assert_eq!((wait, due), (1_000, 51_000));
    machine.handle_finished_beside();
    machine.handle_backoff_over(again);
    let last = next(&mut machine);
    assert_eq!(machine.input_of(last), Ok(Some(ValueHandle(41))));
    assert_eq!(machine.handle_failed(last, 0), Ok(Verdict::DeadLetter { attempts: 2 }));
}

/// The other action of the run ends.
trait Beside {
    fn handle_finished_beside(&mut self);
}

impl Beside for Machine<Exact> {
    fn handle_finished_beside(&mut self) {
        let beside = next(self);
        self.handle_finished(beside).unwrap();
    }
}

// ---- with a journal

fn call(machine: &mut Machine<Exact>, task: TaskId, function: &str) -> (u32, CallStep) {
    let call = CallIn {
        function,
        digest: Some([1; 16]),
        reconcilable: false,
    };
    machine.handle_call(task, 0, call).unwrap()
}

fn ended(machine: &mut Machine<Exact>, task: TaskId, call: u32, failed: bool, payload: &[u8]) {
    machine
        .handle_call_ended(task, call, Some(CallOutcome { failed, payload }))
        .unwrap();
}

/// Acknowledges what is written, and returns the records.
fn acknowledge(machine: &mut Machine<Exact>) -> Vec<Recovered> {
    let mut records = Vec::new();
    for effect in effects(machine) {
        if let Effect::Record { key, ticket, record } = effect {
            if let Some(value) = &record.value {
                records.push(Recovered::decode(&record.tail, value).unwrap());
            }
            machine.handle_acknowledged(key, ticket);
        }
    }
    records
}

fn begin(machine: &mut Machine<Exact>) -> TaskId {
    begin_input(machine);
    next(machine)
}

/// An attempt with a call that returned and one that failed; what is written of it.
fn failed_attempt(machine: &mut Machine<Exact>, task: TaskId) -> Vec<Recovered> {
    let (first, step) = call(machine, task, "f");
    assert_eq!(step, CallStep::Wait);
    let mut written = acknowledge(machine);
    ended(machine, task, first, false, b"one");
    written.extend(acknowledge(machine));
    let (second, step) = call(machine, task, "g");
    assert_eq!(step, CallStep::Execute);
    ended(machine, task, second, true, b"broken");
    assert_eq!(
        machine.handle_failed(task, 5_000),
        Ok(Verdict::Retry {
            attempts: 1,
            wait_ms: 1_000
        })
    );
    written
}

/// The next attempt is given what the first call returned, and makes the second again.
fn second_attempt(machine: &mut Machine<Exact>, task: TaskId) {
    assert_eq!(machine.failed_attempts(task), Ok(1));
    let (_, step) = call(machine, task, "f");
    assert_eq!(
        step,
        CallStep::Replay {
            failed: false,
            payload: b"one".to_vec()
        }
    );
    let (_, step) = call(machine, task, "g");
    assert_eq!(step, CallStep::Execute);
}

#[test]
fn the_next_attempt_starts_behind_the_record_and_makes_only_what_failed_again() {
    let mut machine = journalled(policy(2, OnFailure::Fail));
    let task = begin(&mut machine);
    failed_attempt(&mut machine, task);
    let seen = effects(&mut machine);
    let (again, ..) = backoff(&seen).unwrap();
    machine.handle_backoff_over(again);
    assert_eq!(machine.poll_effect(true), None, "the failure is not durable");
    for effect in seen {
        if let Effect::Record { key, ticket, .. } = effect {
            machine.handle_acknowledged(key, ticket);
        }
    }
    let task = next(&mut machine);
    second_attempt(&mut machine, task);
}

#[test]
fn a_crash_after_the_record_goes_on_with_the_next_attempt_and_its_wait() {
    let mut machine = journalled(policy(2, OnFailure::Fail));
    let task = begin(&mut machine);
    let mut records = failed_attempt(&mut machine, task);
    records.extend(acknowledge(&mut machine));
    let mut machine = journalled(policy(2, OnFailure::Fail));
    machine.handle_history(KEY, Some(History::new(records))).unwrap();
    let record = event(&mut machine, "_input_event", 1);
    machine.handle_digested_input(KEY, record, None, Some([9; 16])).unwrap();
    let seen: Vec<Effect> = std::iter::from_fn(|| machine.poll_effect(true)).collect();
    let (again, wait, due) = backoff(&seen).unwrap();
    assert_eq!((wait, due), (1_000, 6_000));
    assert_eq!(seen.len(), 1, "{seen:?}");
    machine.handle_backoff_over(again);
    let task = next(&mut machine);
    second_attempt(&mut machine, task);
}

#[test]
fn a_crash_before_the_record_repeats_the_attempt() {
    let mut machine = journalled(policy(2, OnFailure::Fail));
    let task = begin(&mut machine);
    let records = failed_attempt(&mut machine, task);
    let mut machine = journalled(policy(2, OnFailure::Fail));
    machine.handle_history(KEY, Some(History::new(records))).unwrap();
    let task = begin(&mut machine);
    assert_eq!(machine.failed_attempts(task), Ok(0));
    let (_, step) = call(&mut machine, task, "f");
    assert!(matches!(step, CallStep::Replay { failed: false, .. }), "{step:?}");
    let (_, step) = call(&mut machine, task, "g");
    assert_eq!(step, CallStep::Execute);
}

#[test]
fn an_attempt_that_makes_other_calls_is_a_divergence() {
    let mut machine = journalled(policy(2, OnFailure::Fail));
    let task = begin(&mut machine);
    failed_attempt(&mut machine, task);
    let (again, ..) = backoff(&effects_acknowledged(&mut machine)).unwrap();
    machine.handle_backoff_over(again);
    let task = next(&mut machine);
    let (_, step) = call(&mut machine, task, "other");
    assert_eq!(step, CallStep::Wait, "the old record goes first");
    let seen = effects(&mut machine);
    assert!(
        seen.iter()
            .any(|effect| matches!(effect, Effect::Diverged { reason, .. } if reason.contains("'f'"))),
        "{seen:?}"
    );
}

fn effects_acknowledged(machine: &mut Machine<Exact>) -> Vec<Effect> {
    let seen = effects(machine);
    for effect in &seen {
        if let Effect::Record { key, ticket, .. } = effect {
            machine.handle_acknowledged(*key, *ticket);
        }
    }
    seen
}

#[test]
fn a_dead_letter_is_held_back_and_replayed_like_an_output() {
    let mut machine = journalled(policy(0, OnFailure::DeadLetter));
    let task = begin(&mut machine);
    assert_eq!(machine.handle_failed(task, 0), Ok(Verdict::DeadLetter { attempts: 1 }));
    let letter = event(&mut machine, "_dead_letter_event", 9);
    machine.handle_sent(task, letter).unwrap();
    machine.handle_completed(task, vec![b"letter".to_vec()]).unwrap();
    let snapshot = machine.snapshot_key(KEY).unwrap().unwrap();
    assert_eq!(snapshot.bytes[4], 3, "no release before may take it for an output");
    let seen = effects(&mut machine);
    assert!(
        !seen.iter().any(|effect| matches!(effect, Effect::DeadLetter { .. })),
        "{seen:?}"
    );
    let Some(Effect::Record { ticket, record, .. }) = seen.first() else {
        panic!("{seen:?}");
    };
    assert_eq!(record.value.as_ref().unwrap()[4], NEWEST);
    machine.handle_acknowledged(KEY, *ticket);
    let letters = effects(&mut machine);
    assert!(
        matches!(
            letters[0],
            Effect::DeadLetter {
                event: ValueHandle(9),
                ..
            }
        ),
        "{letters:?}"
    );
    // In the next attempt of the job the action is not run again.
    let stored = Recovered::decode(&record.tail, record.value.as_ref().unwrap()).unwrap();
    let mut machine = journalled(policy(0, OnFailure::DeadLetter));
    machine.handle_history(KEY, Some(History::new([stored]))).unwrap();
    let record = event(&mut machine, "_input_event", 1);
    machine.handle_digested_input(KEY, record, None, Some([9; 16])).unwrap();
    let Some(Effect::Replay { task, completion, .. }) = machine.poll_effect(true) else {
        panic!("it is not replayed");
    };
    machine
        .handle_replayed(task, &completion, &[ValueHandle(50)], Vec::new())
        .unwrap();
    let letters = effects(&mut machine);
    assert!(
        letters.iter().any(|effect| matches!(
            effect,
            Effect::DeadLetter {
                event: ValueHandle(50),
                ..
            }
        )),
        "{letters:?}"
    );
}

// ---- calls whose end is not known

/// A call of a function that has a reconciler.
fn reconcilable(machine: &mut Machine<Exact>, task: TaskId, function: &str) -> (u32, CallStep) {
    let call = CallIn {
        function,
        digest: Some([1; 16]),
        reconcilable: true,
    };
    machine.handle_call(task, 0, call).unwrap()
}

/// What the host hears of a call that had to wait.
fn ready(effects: &[Effect]) -> Option<CallStep> {
    effects.iter().find_map(|effect| match effect {
        Effect::CallReady { step, .. } => Some((**step).clone()),
        _ => None,
    })
}

/// The wait of the task that failed is over, and its failure durable.
fn again(machine: &mut Machine<Exact>) -> TaskId {
    let (again, ..) = backoff(&effects_acknowledged(machine)).unwrap();
    machine.handle_backoff_over(again);
    next(machine)
}

/// The same job after a crash, with these records.
fn restarted(records: Vec<Recovered>) -> Machine<Exact> {
    let mut machine = journalled(policy(3, OnFailure::Fail));
    machine.handle_history(KEY, Some(History::new(records))).unwrap();
    machine
}

#[test]
fn a_call_that_failed_is_made_again_only_after_its_reconciler_was_asked() {
    let mut machine = journalled(policy(3, OnFailure::Fail));
    let task = begin(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Wait);
    let mut records = acknowledge(&mut machine);
    assert_eq!(ready(&effects(&mut machine)), Some(CallStep::Execute));
    // A limit of time: it may go on.
    ended(&mut machine, task, 0, true, b"took too long");
    machine.handle_failed(task, 0).unwrap();
    for effect in effects(&mut machine) {
        if let Effect::Record { key, ticket, record } = &effect {
            records.push(Recovered::decode(&record.tail, record.value.as_ref().unwrap()).unwrap());
            machine.handle_acknowledged(*key, *ticket);
        }
        if let Some((again, ..)) = backoff(&[effect]) {
            machine.handle_backoff_over(again);
        }
    }
    let task = next(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Reconcile);
    // So after a crash.
    let mut machine = restarted(records);
    begin_input(&mut machine);
    let (again, ..) = backoff(&effects(&mut machine)).unwrap();
    machine.handle_backoff_over(again);
    let task = next(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Reconcile);
}

#[test]
fn a_reconciler_that_fails_is_asked_again_by_the_next_attempt() {
    let mut machine = journalled(policy(3, OnFailure::Fail));
    let task = begin(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Wait);
    let records = acknowledge(&mut machine);
    // A crash with the call under way.
    let mut machine = restarted(records.clone());
    let task = begin(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Reconcile);
    ended(&mut machine, task, 0, true, b"nobody answers");
    let mut known = records;
    known.extend(acknowledge(&mut machine));
    machine.handle_failed(task, 0).unwrap();
    let task = again(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Reconcile);
    // A crash between the outcome and the record of the failure: the outcome is replayed, and the action fails once more.
    let mut machine = restarted(known);
    let task = begin(&mut machine);
    let (_, step) = reconcilable(&mut machine, task, "pay");
    assert!(matches!(step, CallStep::Replay { failed: true, .. }), "{step:?}");
    machine.handle_call_ended(task, 0, None).unwrap();
    machine.handle_failed(task, 0).unwrap();
    let task = again(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Reconcile);
}

#[test]
fn another_function_in_the_place_of_a_call_that_had_begun_is_a_divergence_and_its_reconciler_is_not_asked() {
    let mut machine = journalled(policy(3, OnFailure::Fail));
    let task = begin(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "pay").1, CallStep::Wait);
    effects_acknowledged(&mut machine);
    // The action fails while the call is under way.
    machine.handle_failed(task, 0).unwrap();
    let task = again(&mut machine);
    assert_eq!(reconcilable(&mut machine, task, "refund").1, CallStep::Wait);
    let seen = effects_acknowledged(&mut machine);
    let diverged = |effect: &Effect| matches!(effect, Effect::Diverged { reason, .. } if reason.contains("'pay'"));
    assert!(seen.iter().any(diverged), "{seen:?}");
    assert_eq!(ready(&effects(&mut machine)), Some(CallStep::Execute));
}

#[test]
fn one_call_that_differs_does_not_have_others_made_again() {
    let mut machine = journalled(policy(3, OnFailure::Fail));
    let task = begin(&mut machine);
    assert_eq!(call(&mut machine, task, "look").1, CallStep::Wait);
    acknowledge(&mut machine);
    ended(&mut machine, task, 0, false, b"seen");
    effects_acknowledged(&mut machine);
    assert_eq!(call(&mut machine, task, "charge").1, CallStep::Execute);
    ended(&mut machine, task, 1, false, b"charged");
    machine.handle_failed(task, 0).unwrap();
    let task = again(&mut machine);
    assert_eq!(call(&mut machine, task, "look elsewhere").1, CallStep::Wait);
    effects_acknowledged(&mut machine);
    ended(&mut machine, task, 0, false, b"seen");
    effects_acknowledged(&mut machine);
    let (_, step) = call(&mut machine, task, "charge");
    assert!(matches!(step, CallStep::Replay { failed: false, .. }), "{step:?}");
}

fn begin_input(machine: &mut Machine<Exact>) {
    let record = event(machine, "_input_event", 1);
    machine.handle_digested_input(KEY, record, None, Some([9; 16])).unwrap();
}

// ---- replays

fn two() -> Machine<Exact> {
    let agent = Exact::new([("act", "_input_event"), ("beside", "_input_event")]);
    let agent = agent.failing(policy(3, OnFailure::Fail));
    Machine::with_journal(agent, Limits::default(), JournalSettings::default())
}

fn of_task(action: &str, call: Vec<u32>, order: u32, after: u32, body: RecordBody) -> Recovered {
    let tail = Tail {
        run: 0,
        task: vec![(0, action.into())],
        call,
    };
    let first = First::No;
    Recovered {
        tail,
        record: Record {
            order,
            after,
            first,
            body,
        },
    }
}

fn returned(function: &str) -> RecordBody {
    RecordBody::Call(CallRecord {
        status: CallStatus::Succeeded,
        function: function.into(),
        digest: Some([1; 16]),
        payload: b"one".to_vec(),
    })
}

fn first_of_run() -> Recovered {
    let tail = Tail {
        run: 0,
        task: Vec::new(),
        call: Vec::new(),
    };
    let first = First::Yes {
        origin: JournalSettings::default().origin,
        digest: Some([9; 16]),
    };
    let record = Record {
        order: 0,
        after: 0,
        first,
        body: RecordBody::Run,
    };
    Recovered { tail, record }
}

fn failed_once() -> RecordBody {
    RecordBody::Attempt(AttemptRecord {
        attempts: 1,
        wait_ms: 0,
        due_ms: 0,
    })
}

#[test]
fn what_completed_after_a_retried_action_had_begun_is_not_replayed_before_it() {
    let mut machine = two();
    let history = History::new([
        first_of_run(),
        of_task("act", vec![], 1, 0, failed_once()),
        // Its second attempt made a call, then the other action completed.
        of_task("act", vec![0], 2, 0, returned("f")),
        of_task("beside", vec![], 3, 0, RecordBody::Completion(Completion::default())),
    ]);
    machine.handle_history(KEY, Some(history)).unwrap();
    begin_input(&mut machine);
    let mut seen = Vec::new();
    while let Some(effect) = machine.poll_effect(true) {
        assert!(
            !matches!(effect, Effect::Replay { .. }),
            "it reads memory before that: {effect:?}"
        );
        seen.push(effect);
    }
    let (again, ..) = backoff(&seen).unwrap();
    machine.handle_backoff_over(again);
    let task = next(&mut machine);
    assert_eq!(call(&mut machine, task, "f").1, CallStep::Wait);
    machine.handle_suspended(task).unwrap();
    assert!(matches!(machine.poll_effect(true), Some(Effect::Replay { .. })));
}

#[test]
fn a_divergence_takes_the_attempts_of_actions_not_come_to_out_of_the_journal() {
    let agent = Exact::new([("act", "_input_event"), ("later", "n")]).failing(policy(3, OnFailure::Fail));
    let mut machine = Machine::with_journal(agent, Limits::default(), JournalSettings::default());
    let later = |call, order, body| {
        let mut record = of_task("act", call, order, 0, body);
        record.tail.task.push((0, "later".into()));
        record
    };
    let history = History::new([
        first_of_run(),
        of_task("act", vec![0], 1, 0, returned("f")),
        later(vec![0], 2, returned("g")),
        later(vec![], 3, failed_once()),
    ]);
    machine.handle_history(KEY, Some(history)).unwrap();
    begin_input(&mut machine);
    let task = next(&mut machine);
    assert_eq!(call(&mut machine, task, "other").1, CallStep::Wait);
    let mut gone = Vec::new();
    for effect in effects_acknowledged(&mut machine) {
        if let Effect::Record { record, .. } = effect
            && record.value.is_none()
        {
            gone.push(Tail::decode(&record.tail).unwrap());
        }
    }
    for call in [vec![], vec![0]] {
        assert!(gone.contains(&later(call, 0, failed_once()).tail), "{gone:?}");
    }
    assert_eq!(ready(&effects(&mut machine)), Some(CallStep::Execute));
    ended(&mut machine, task, 0, false, b"one");
    let sent = event(&mut machine, "n", 6);
    machine.handle_sent(task, sent).unwrap();
    machine.handle_completed(task, vec![b"n".to_vec()]).unwrap();
    effects_acknowledged(&mut machine);
    let task = next(&mut machine);
    assert_eq!(machine.failed_attempts(task), Ok(0));
    assert_eq!(call(&mut machine, task, "g").1, CallStep::Execute);
}

#[test]
fn a_run_that_does_not_come_to_an_action_that_failed_diverges() {
    for completed in [false, true] {
        let mut machine = two();
        let mut history = vec![first_of_run(), of_task("gone", vec![0], 2, 0, returned("g"))];
        history.push(of_task("gone", vec![], 3, 0, failed_once()));
        if completed {
            let body = RecordBody::Completion(Completion::default());
            history.push(of_task("act", vec![], 1, 0, body));
        }
        machine.handle_history(KEY, Some(History::new(history))).unwrap();
        begin_input(&mut machine);
        let mut told = Vec::new();
        let mut gone = Vec::new();
        let mut tasks = 0;
        while let Some(effect) = machine.poll_effect(true) {
            match effect {
                Effect::RunAction { task, .. } => {
                    tasks += 1;
                    machine.handle_completed(task, Vec::new()).unwrap();
                }
                Effect::Replay { task, completion, .. } => {
                    machine.handle_replayed(task, &completion, &[], Vec::new()).unwrap();
                }
                Effect::Diverged { reason, .. } => told.push(reason),
                Effect::Record { key, ticket, record } => {
                    if record.value.is_none() {
                        gone.push(Tail::decode(&record.tail).unwrap());
                    }
                    machine.handle_acknowledged(key, ticket);
                }
                _ => {}
            }
        }
        assert_eq!(tasks, if completed { 1 } else { 2 });
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("gone") && told[0].contains("failed once") && told[0].contains("does not come to that"),
            "{told:?}"
        );
        for call in [vec![], vec![0]] {
            let tail = of_task("gone", call, 0, 0, failed_once()).tail;
            assert!(gone.contains(&tail), "{gone:?}");
        }
    }
}

// ---- bytes

const RECORDS_2: &str = include_str!("journal_golden_files/v2_records.txt");

fn samples() -> Vec<(&'static str, Recovered)> {
    let tail = Tail {
        run: 300,
        task: vec![(0, "begin".into()), (130, "näxt".into())],
        call: Vec::new(),
    };
    let first = First::Yes {
        origin: *b"0123456789abcdef",
        digest: Some([0xd1; 16]),
    };
    let attempt = RecordBody::Attempt(AttemptRecord {
        attempts: 200,
        wait_ms: 60_000,
        due_ms: 1_700_000_000_000,
    });
    let early = RecordBody::Attempt(AttemptRecord {
        attempts: 1,
        wait_ms: 0,
        due_ms: -5,
    });
    let letter = RecordBody::Completion(Completion {
        events: vec![("_dead_letter_event".into(), 7)],
        values: vec![b"letter".to_vec()],
        ..Completion::default()
    });
    let record = |order, first, body| Record {
        order,
        after: 3,
        first,
        body,
    };
    [
        ("attempt", record(5, First::No, attempt)),
        ("first attempt", record(0, first, early)),
        ("dead letter", record(6, First::No, letter)),
    ]
    .into_iter()
    .map(|(name, record)| {
        (
            name,
            Recovered {
                tail: tail.clone(),
                record,
            },
        )
    })
    .collect()
}

#[test]
fn records_of_version_2_are_read_as_they_were_written() {
    assert_eq!(NEWEST, 2, "keep the old file, add a new one, and point this test at it");
    records_stay_as_written(RECORDS_2, &samples());
    for (_, sample) in samples() {
        let (tail, value) = (sample.tail.encode(), sample.record.encode());
        for end in 0..value.len() {
            assert!(Recovered::decode(&tail, &value[..end]).is_err(), "cut at {end}");
        }
    }
    // A call's place is not an attempt's.
    let (_, attempt) = &samples()[0];
    let call = Tail {
        call: vec![0],
        ..attempt.tail.clone()
    };
    assert!(Recovered::decode(&call.encode(), &attempt.record.encode()).is_err());
    let of_call = RecordBody::Call(CallRecord {
        status: CallStatus::Failed,
        function: "f".into(),
        digest: None,
        payload: Vec::new(),
    });
    let of_call = Record {
        body: of_call,
        ..attempt.record.clone()
    };
    assert!(Recovered::decode(&attempt.tail.encode(), &of_call.encode()).is_err());
}

const SNAPSHOT_3: &str = include_str!("journal_golden_files/v3_snapshot.txt");

/// A key with an action that has failed twice, one that is queued, a held letter, a kept input and one that waits.
fn busy() -> Vec<u8> {
    let settings = JournalSettings {
        origin: *b"0123456789abcdef",
        ..JournalSettings::default()
    };
    let actions = [
        ("begin", "_input_event"),
        ("näxt", "_input_event"),
        ("also", "_input_event"),
    ];
    let agent = Exact::new(actions).failing(policy(2, OnFailure::DeadLetter));
    let mut machine = Machine::with_journal(agent, Limits::default(), settings);
    machine.handle_key_opened(KEY, 300).unwrap();
    for (number, digest) in [(1, Some([0xd1; 16])), (2, None)] {
        let event = event(&mut machine, "_input_event", number);
        machine.handle_digested_input(KEY, event, Some(-5), digest).unwrap();
    }
    let task = next(&mut machine);
    machine.handle_failed(task, 1_700_000_000_000).unwrap();
    let (again, ..) = backoff(&effects_acknowledged(&mut machine)).unwrap();
    machine.handle_backoff_over(again);
    let other = next(&mut machine);
    machine.handle_suspended(other).unwrap();
    let third = next(&mut machine);
    machine.handle_suspended(third).unwrap();
    let task = next(&mut machine);
    machine.handle_failed(task, 1_700_000_000_000).unwrap();
    let (again, ..) = backoff(&effects_acknowledged(&mut machine)).unwrap();
    machine.handle_backoff_over(again);
    let task = next(&mut machine);
    assert_eq!(machine.handle_failed(task, 0), Ok(Verdict::DeadLetter { attempts: 3 }));
    let letter = event(&mut machine, "_dead_letter_event", 9);
    machine.handle_sent(task, letter).unwrap();
    machine.handle_completed(task, vec![b"letter".to_vec()]).unwrap();
    machine.handle_woken(other).unwrap();
    assert_eq!(next(&mut machine), other);
    machine.handle_failed(other, 1_700_000_000_000).unwrap();
    machine.snapshot_key(KEY).unwrap().unwrap().bytes
}

#[test]
fn a_snapshot_of_version_3_is_read_as_it_was_written() {
    let written = busy();
    assert_eq!(written[4], 3);
    let committed = SNAPSHOT_3.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(hex(&written), committed.clone().next_back().unwrap());
    for end in 0..written.len() {
        assert!(RestorePlan::parse(&written[..end]).is_err(), "cut at {end}");
    }
    for committed in committed {
        let plan = RestorePlan::parse(&bytes(committed)).unwrap();
        let values: Vec<ValueHandle> = (0..plan.value_count() as u32).map(ValueHandle).collect();
        let actions = [
            ("begin", "_input_event"),
            ("näxt", "_input_event"),
            ("also", "_input_event"),
        ];
        let agent = Exact::new(actions).failing(policy(2, OnFailure::DeadLetter));
        let mut machine = Machine::with_journal(agent, Limits::default(), JournalSettings::default());
        machine.restore_key(KEY, plan, &values, Vec::new()).unwrap();
        let again = machine.snapshot_key(KEY).unwrap().unwrap();
        assert_eq!(hex(&again.bytes), committed);
        let seen = effects_acknowledged(&mut machine);
        assert_eq!(
            backoff(&seen).map(|(_, wait, due)| (wait, due)),
            Some((1_000, 1_700_000_001_000))
        );
        let seen = effects(&mut machine);
        assert!(matches!(seen[0], Effect::DeadLetter { .. }), "{seen:?}");
    }
}
