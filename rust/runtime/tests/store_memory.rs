//! The store in memory: its place for the contract, and what can be done with it by hand.

use super::store_contract::{A, MAX_RECORD, Open, Place, Recorder, note, record, request};
use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore, Step, Zombies};
use flink_agents_runtime::store::{Append, ErrorKind, Position, Store, StoreError};
use std::sync::Arc;

fn settings(zombies: Zombies) -> MemorySettings {
    MemorySettings {
        zombies,
        max_record_size: MAX_RECORD,
        batch: 7,
    }
}

fn threaded(zombies: Zombies) -> MemoryStore {
    MemoryStore::threaded(settings(zombies)).unwrap()
}

fn name(position: Position) -> String {
    format!("position {position}")
}

fn damage(store: &MemoryStore, position: Position) -> String {
    assert!(store.damage(position));
    name(position)
}

/// Refuses the records of zombies.
pub struct Memory(MemoryStore);

impl Place for Memory {
    fn new(_: &str) -> Memory {
        Memory(threaded(Zombies::Refused))
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    fn name(&self, position: Position) -> String {
        name(position)
    }

    fn damage(&self, position: Position) -> String {
        damage(&self.0, position)
    }

    fn other(&self) -> Arc<dyn Store> {
        Arc::new(threaded(Zombies::Refused))
    }
}

/// Takes the records of zombies, and passes them over.
pub struct Lenient(MemoryStore);

impl Place for Lenient {
    fn new(_: &str) -> Lenient {
        Lenient(threaded(Zombies::Ignored))
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    fn name(&self, position: Position) -> String {
        name(position)
    }

    fn damage(&self, position: Position) -> String {
        damage(&self.0, position)
    }

    fn other(&self) -> Arc<dyn Store> {
        Arc::new(threaded(Zombies::Ignored))
    }
}

fn by_hand(zombies: Zombies) -> (MemoryStore, Arc<dyn Store>) {
    let store = MemoryStore::new(settings(zombies));
    let handle: Arc<dyn Store> = Arc::new(store.clone());
    (store, handle)
}

fn tickets(open: &Open) -> Vec<u64> {
    open.recorder
        .with(|heard| heard.acked.iter().map(|acked| acked.ticket).collect())
}

/// Two records of each of two keys.
fn four() -> Vec<Append> {
    vec![
        record(1, b"a", 1, "a1"),
        record(2, b"b", 1, "b1"),
        record(1, b"a", 2, "a2"),
        record(2, b"b", 2, "b2"),
    ]
}

#[test]
fn nothing_happens_but_by_a_step_and_keys_do_not_wait_for_each_other() {
    let (store, handle) = by_hand(Zombies::Refused);
    let mut open = Open::begin(&handle, request(A));
    open.append(four()).unwrap();
    assert_eq!(store.steps(), [Step::Claim(0)], "no record before the claim");
    assert!(store.step(Step::Claim(0)));
    assert_eq!(store.steps(), [Step::Recover(0), Step::Write(0, 0), Step::Write(0, 1)]);
    assert!(!store.step(Step::Ack(0, 1)), "not durable yet");
    for step in [
        Step::Write(0, 1),
        Step::Write(0, 1),
        Step::Ack(0, 1),
        Step::Write(0, 0),
        Step::Ack(0, 1),
        Step::Ack(0, 0),
    ] {
        assert!(store.step(step));
    }
    assert_eq!(tickets(&open), [1, 3, 0]);
    assert_eq!(store.len(), 3);
    store.settle();
    assert_eq!(tickets(&open), [1, 3, 0, 2]);
    assert!(store.steps().is_empty());
}

#[test]
fn what_was_durable_before_a_crash_is_read_whether_acknowledged_or_not() {
    let (store, handle) = by_hand(Zombies::Refused);
    let mut open = Open::begin(&handle, request(A));
    open.append(four()).unwrap();
    for step in [Step::Claim(0), Step::Write(0, 0), Step::Write(0, 1), Step::Ack(0, 1)] {
        assert!(store.step(step));
    }
    open.end();
    store.lose(0);
    assert!(store.steps().is_empty(), "nothing is left of it: {:?}", store.steps());
    let again = Open::begin(&handle, request(A));
    store.settle();
    assert_eq!(again.values(), ["a1", "b1"]);
}

#[test]
fn a_record_on_its_way_at_a_crash_arrives_before_the_next_claim_or_is_a_zombies() {
    for (zombies, durable) in [(Zombies::Refused, 1), (Zombies::Ignored, 2)] {
        let (store, handle) = by_hand(zombies);
        let mut open = Open::begin(&handle, request(A));
        open.append(four()).unwrap();
        assert!(store.step(Step::Claim(0)));
        open.end();
        assert_eq!(store.steps(), [Step::Write(0, 0), Step::Write(0, 1)]);
        assert!(store.step(Step::Write(0, 0)), "the network delivers late");
        let again = Open::begin(&handle, request(A));
        assert!(store.step(Step::Claim(1)));
        assert!(store.step(Step::Write(0, 1)), "later still");
        assert_eq!(store.len(), durable);
        store.settle();
        assert_eq!(again.values(), ["a1"]);
        again.end();
        let third = Open::begin(&handle, request(A));
        store.settle();
        assert_eq!(third.values(), ["a1"]);
    }
}

#[test]
fn a_session_that_failed_hears_no_acknowledgement_of_what_arrives_nevertheless() {
    let (store, handle) = by_hand(Zombies::Refused);
    let mut open = Open::begin(&handle, request(A));
    open.append(four()).unwrap();
    assert!(store.step(Step::Claim(0)) && store.step(Step::Write(0, 0)));
    let timeout = StoreError::new(
        ErrorKind::Unavailable,
        "memory",
        "log",
        "no answer for 30 s",
        "Start it again",
    );
    store.fail(0, timeout.clone());
    store.fail(0, timeout.clone());
    assert!(!store.step(Step::Ack(0, 0)));
    store.settle();
    assert_eq!(store.len(), 4);
    assert_eq!(open.append(vec![note("x")]).unwrap_err(), timeout);
    open.recorder.with(|heard| {
        assert_eq!(heard.failed, [timeout]);
        assert_eq!((heard.acked.len(), heard.recovered.len(), heard.done.len()), (0, 0, 0));
    });
}

#[test]
fn recovery_comes_in_batches_and_fixes_its_end_with_the_claim() {
    let (store, handle) = by_hand(Zombies::Refused);
    let mut open = Open::begin(&handle, request(A));
    open.append((0..17).map(|run| record(1, b"a", run, "x")).collect())
        .unwrap();
    store.settle();
    open.end();
    let mut again = Open::begin(&handle, request(A));
    assert!(store.step(Step::Claim(1)));
    again.append(vec![note("new")]).unwrap();
    assert!(store.step(Step::Write(1, 0)));
    for expected in [7, 14, 17] {
        assert!(store.step(Step::Recover(1)));
        assert_eq!(
            again.recorder.with(|heard| (heard.recovered.len(), heard.done.len())),
            (expected, 0)
        );
    }
    assert!(store.step(Step::Recover(1)));
    assert_eq!(again.recorder.with(|heard| heard.done.clone()), [0..=127]);
    assert!(!store.step(Step::Recover(1)));
}

#[test]
fn steps_of_sessions_that_do_not_exist_cannot_happen() {
    let (store, handle) = by_hand(Zombies::Refused);
    let _open = handle.open(request(A), Arc::new(Recorder::default())).unwrap();
    for step in [
        Step::Claim(1),
        Step::Recover(0),
        Step::Write(0, 0),
        Step::Ack(7, 0),
        Step::Refuse(0),
    ] {
        assert!(!store.step(step), "{step:?}");
    }
}
