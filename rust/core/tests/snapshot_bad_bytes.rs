//! Snapshots that were cut, changed or made up: a documented error, never a panic, never endless memory.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::checkpoint::{FormatError, MAGIC, VERSION, VERSION_WITH_FAILURES};
use flink_agents_core::ids::ValueHandle;
use flink_agents_core::memory::Space;
use flink_agents_core::run::{Effect, Machine, RestoreError, RestorePlan};
use proptest::prelude::*;
use run_support::{Exact, KEY, effects, event, input, machine, next, set};

const ACTIONS: [(&str, &str); 3] = [("begin", "_input_event"), ("next", "n"), ("also", "n")];

/// A run with everything a snapshot can hold.
fn sample() -> Vec<u8> {
    let mut machine = machine(&ACTIONS);
    machine.handle_key_opened(KEY, 300).unwrap();
    let first = event(&mut machine, "_input_event", 1);
    machine.handle_input(KEY, first, Some(-5)).unwrap();
    input(&mut machine, KEY, 2);
    let task = next(&mut machine);
    set(&mut machine, task, Space::Sensory, "a.b", 10);
    for number in 3..6 {
        let sent = event(&mut machine, "n", number);
        machine.handle_sent(task, sent).unwrap();
    }
    machine.handle_finished(task).unwrap();
    let task = next(&mut machine);
    machine.handle_suspended(task).unwrap();
    machine.snapshot_key(KEY).unwrap().unwrap().bytes
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// Numbers as the format writes them.
struct Body(Vec<u8>);

impl Body {
    fn new() -> Body {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        Body(bytes)
    }

    fn number(mut self, mut value: u64) -> Body {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn numbers(self, values: &[u64]) -> Body {
        values.iter().fold(self, |body, value| body.number(*value))
    }

    fn text(self, text: &str) -> Body {
        let mut body = self.number(text.len() as u64);
        body.0.extend_from_slice(text.as_bytes());
        body
    }

    fn id(mut self, id: u128) -> Body {
        self.0.extend_from_slice(&id.to_be_bytes());
        self
    }

    fn parse(self) -> Result<RestorePlan, FormatError> {
        RestorePlan::parse(&sealed(self.0))
    }

    /// Texts "begin" and "_input_event"; an active run with this number and count of events, one node, one event with
    /// one task.
    fn one_task(sequence: u64, events_seen: u64) -> Body {
        Body::new()
            .number(2)
            .text("begin")
            .text("_input_event")
            .numbers(&[sequence, 1, 0, events_seen])
            .numbers(&[1, 0, 0, 0])
            .number(1)
            .id(7)
            .numbers(&[1, 0, 0])
            .numbers(&[1, 0, 0])
    }
}

/// Restores and runs to the end, whatever the plan says.
fn restore_and_run(plan: RestorePlan) -> Result<Machine<Exact>, RestoreError> {
    let mut machine = machine(&ACTIONS);
    let values: Vec<ValueHandle> = (0..plan.value_count() as u32).map(ValueHandle).collect();
    machine.restore_key(KEY, plan, &values, Vec::new())?;
    let mut steps = 0;
    while let Some(effect) = machine.poll_effect(true) {
        if let Effect::RunAction { task, .. } = effect {
            machine.task_path(task).unwrap();
            machine.handle_finished(task).unwrap();
        }
        steps += 1;
        assert!(steps < 100_000);
    }
    Ok(machine)
}

#[test]
fn the_handmade_snapshot_is_a_good_one() {
    let plan = Body::one_task(3, 1).numbers(&[0, 0]).parse().unwrap();
    assert_eq!((plan.value_count(), plan.event_count()), (1, 1));
    assert_eq!(restore_and_run(plan).unwrap().in_flight(), 0);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = sample();
    assert!(RestorePlan::parse(&bytes).is_ok());
    for length in 0..bytes.len() {
        let error = RestorePlan::parse(&bytes[..length]).unwrap_err();
        match error {
            FormatError::Foreign(start) => assert!(length < 5 && start == bytes[..length]),
            FormatError::Damaged { .. } => assert!((5..9).contains(&length), "{length}"),
            FormatError::Checksum { .. } => assert!(length >= 9, "{length}"),
            FormatError::Newer { .. } => panic!("{length}"),
        }
    }
}

#[test]
fn every_truncation_with_a_right_checksum_is_refused_with_its_place() {
    let bytes = sample();
    let body = &bytes[..bytes.len() - 4];
    for length in 5..body.len() {
        let error = RestorePlan::parse(&sealed(body[..length].to_vec())).unwrap_err();
        assert!(
            matches!(error, FormatError::Damaged { at, .. } if at <= length),
            "{length}: {error}"
        );
    }
    let mut longer = body.to_vec();
    longer.push(0);
    let error = RestorePlan::parse(&sealed(longer)).unwrap_err();
    assert!(error.to_string().contains("bytes follow its end"), "{error}");
}

#[test]
fn every_changed_bit_is_noticed() {
    let bytes = sample();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = RestorePlan::parse(&changed).unwrap_err();
        match bit / 8 {
            0..4 => assert!(matches!(error, FormatError::Foreign(_)), "{error}"),
            4 => assert!(!matches!(error, FormatError::Foreign(_)), "{error}"),
            _ => assert!(matches!(error, FormatError::Checksum { .. }), "{error}"),
        }
    }
}

#[test]
fn errors_say_what_to_do() {
    let mut newer = sample();
    newer[4] = VERSION_WITH_FAILURES + 1;
    let text = RestorePlan::parse(&newer).unwrap_err().to_string();
    assert!(
        text.contains(&format!("format {} is newer", VERSION_WITH_FAILURES + 1)) && text.contains("restore with"),
        "{text}"
    );
    let text = RestorePlan::parse(b"\xac\xed\0\x05sr\0\x2ejava")
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("no snapshot of flink-agents-rs") && text.contains("start without it"),
        "{text}"
    );
    let mut old = sample();
    old[4] = 0;
    assert!(matches!(
        RestorePlan::parse(&old),
        Err(FormatError::Damaged { at: 4, .. })
    ));
}

#[test]
fn a_kept_input_that_waits_or_is_held_too_is_refused() {
    // With a journal: an active run with one task, then an input that waits, a held output, and which event is kept.
    let body = |kept: u64| {
        let mut body = Body::new();
        body.0[4] = VERSION_WITH_FAILURES;
        let body = body.numbers(&[1, 2]).text("begin").text("_input_event");
        let body = body.numbers(&[0, 1, 0, 1]).numbers(&[1, 0, 0, 0]).number(3);
        let body = (7..10).fold(body, |body, id| body.id(id).numbers(&[1, 0, 0]));
        let body = body.numbers(&[1, 0, 0]).number(0).numbers(&[1, 1, 0]);
        let body = body.numbers(&[1, 1, 0, 0]).id(5).numbers(&[1, 2]).number(0);
        body.numbers(&[0, 1, kept]).parse()
    };
    assert!(body(0).is_ok());
    for kept in [1, 2] {
        let text = body(kept).unwrap_err().to_string();
        assert!(text.contains("used twice"), "{text}");
    }
}

#[test]
fn an_action_that_the_agent_lost_is_named_and_nothing_is_changed() {
    let plan = RestorePlan::parse(&sample()).unwrap();
    let values: Vec<ValueHandle> = (0..plan.value_count() as u32).map(ValueHandle).collect();
    let mut other = machine(&[("begin", "_input_event"), ("next", "n")]);
    let error = other.restore_key(KEY, plan.clone(), &values, Vec::new()).unwrap_err();
    assert_eq!(error, RestoreError::UnknownAction("also".into()));
    assert!(error.to_string().contains("'also'") && error.to_string().contains("--drain"));
    assert_eq!(other.in_flight(), 0);
    assert_eq!(effects(&mut other), Vec::new());
    // The order of the actions in the plan may change; only names count.
    let mut reordered = machine(&[("also", "n"), ("more", "m"), ("next", "n"), ("begin", "_input_event")]);
    reordered.restore_key(KEY, plan, &values, Vec::new()).unwrap();
    assert_eq!(reordered.in_flight(), 2);
}

#[test]
fn wrong_values_and_busy_keys_are_refused() {
    let plan = RestorePlan::parse(&sample()).unwrap();
    let values: Vec<ValueHandle> = (0..plan.value_count() as u32).map(ValueHandle).collect();
    let mut machine = machine(&ACTIONS);
    let refused = machine.restore_key(KEY, plan.clone(), &values[1..], Vec::new());
    let (expected, found) = (values.len(), values.len() - 1);
    assert_eq!(refused, Err(RestoreError::Values { expected, found }));
    assert_eq!(machine.in_flight(), 0);
    machine.restore_key(KEY, plan.clone(), &values, Vec::new()).unwrap();
    let refused = machine.restore_key(KEY, plan, &values, Vec::new());
    assert_eq!(refused, Err(RestoreError::KeyInUse));
    assert_eq!(machine.in_flight(), 2);
}

/// Each of 100,000 nodes named the one long text, and each got a copy: 10 GB from 400 KB.
#[test]
fn a_text_used_often_is_kept_once() {
    let nodes = 100_000;
    let mut body = Body::new()
        .number(2)
        .text(&"x".repeat(100_000))
        .text("_input_event")
        .numbers(&[0, 1, 0, 1, nodes]);
    for _ in 0..nodes {
        body = body.numbers(&[0, 0, 0]);
    }
    let plan = body
        .number(1)
        .id(1)
        .numbers(&[1, 0, 0])
        .numbers(&[1, 0, 0, 0, 0])
        .parse()
        .unwrap();
    let refused = restore_and_run(plan).err().unwrap();
    assert!(matches!(refused, RestoreError::UnknownAction(_)));
}

/// The second entry of a path would be dropped with its value.
#[test]
fn a_memory_path_cannot_stand_twice() {
    let refused = Body::one_task(0, 1).numbers(&[2, 0, 1, 0, 1, 0]).parse();
    assert!(matches!(refused, Err(FormatError::Damaged { .. })), "{refused:?}");
}

#[test]
fn absurd_counts_end_in_an_error_or_a_failed_run() {
    let plan = Body::one_task(u64::MAX, 1).numbers(&[0, 0]).parse().unwrap();
    assert_eq!(restore_and_run(plan).unwrap().in_flight(), 0);
    let plan = Body::one_task(0, u64::from(u32::MAX)).numbers(&[0, 0]).parse().unwrap();
    let mut machine = machine(&ACTIONS);
    machine.restore_key(KEY, plan, &[ValueHandle(0)], Vec::new()).unwrap();
    let task = next(&mut machine);
    let sent = event(&mut machine, "n", 5);
    machine.handle_sent(task, sent).unwrap();
    machine.handle_finished(task).unwrap();
    let effects = effects(&mut machine);
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Fail { .. })),
        "{effects:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(RestorePlan::parse(&bytes).is_err());
    }

    #[test]
    fn arbitrary_bodies_with_a_right_checksum_never_panic(
        body in proptest::collection::vec(prop_oneof![3 => 0u8..4, 1 => any::<u8>()], 0..120),
    ) {
        let mut bytes = Body::new().0;
        bytes.extend(body);
        if let Ok(plan) = RestorePlan::parse(&sealed(bytes)) {
            let _ = restore_and_run(plan);
        }
    }

    #[test]
    fn a_good_snapshot_with_changes_and_a_right_checksum_never_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let sample = sample();
        let mut body = sample[..sample.len() - 4].to_vec();
        for (at, value, kind) in changes {
            let at = 5 + at.index(body.len() - 5);
            match kind {
                0 => body[at] = value,
                1 => body.insert(at, value),
                _ => { body.remove(at); }
            }
        }
        if let Ok(plan) = RestorePlan::parse(&sealed(body)) {
            let _ = restore_and_run(plan);
        }
    }
}
