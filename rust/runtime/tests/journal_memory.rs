//! What of a journal is in memory, and what a restart reads: what is in flight, however long the job has been running.

use super::journal_agent::{GROUPS, KeyState, Ledger, Subtask};
use flink_agents_runtime::store::memory::{MemorySettings, MemoryStore};
use flink_agents_runtime::store::{Lineage, Store};
use std::collections::BTreeMap;
use std::time::Duration;

const JOB: Lineage = Lineage([1; 16]);
/// Its call never ends.
const STUCK: u32 = 9_999;

fn open(store: &dyn Store, markers: Vec<Vec<u8>>, state: BTreeMap<u32, KeyState>) -> Subtask {
    Subtask::new(store, JOB, Vec::new(), 0..=GROUPS - 1, markers, state)
}

/// Works until nothing is in flight but `left` inputs.
fn work(subtask: &mut Subtask, left: usize, ledger: &mut Ledger) {
    loop {
        while subtask.turn(ledger) {}
        let number = subtask.executing.len();
        for index in (0..number).rev() {
            if left == 0 || subtask.key_of_call(index) != Some(STUCK) {
                subtask.end_call(index, ledger);
            }
        }
        if subtask.machine.in_flight() == left && !subtask.machine.has_ready() {
            return;
        }
        if !subtask.exchange().unwrap() && !subtask.machine.has_ready() && subtask.executing.len() <= left {
            subtask.woken.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }
}

/// Waits for what the store has.
fn read(subtask: &mut Subtask) {
    while !subtask.driver.is_read() {
        subtask.woken.recv_timeout(Duration::from_secs(60)).unwrap();
        subtask.exchange().unwrap();
    }
}

#[test]
fn what_has_ended_is_not_held_whatever_the_number_of_keys() {
    let store = MemoryStore::threaded(MemorySettings::default()).unwrap();
    let mut ledger = Ledger::default();
    let mut subtask = open(&store, Vec::new(), BTreeMap::new());
    for round in 0..10 {
        for key in 0..200 {
            subtask.input(round * 200 + key, round * 200 + key);
        }
        work(&mut subtask, 0, &mut ledger);
        assert_eq!(subtask.driver.held(), 0, "after {} keys", (round + 1) * 200);
        assert_eq!(subtask.machine.unacknowledged(), 0);
    }
    assert_eq!(ledger.executions.len(), 2 * 2_000);
    subtask.driver.close();
}

#[test]
fn runs_that_had_ended_at_the_checkpoint_neither_stay_in_memory_nor_hold_the_next_marker_back() {
    let store = MemoryStore::threaded(MemorySettings::default()).unwrap();
    let mut ledger = Ledger::default();
    let mut subtask = open(&store, Vec::new(), BTreeMap::new());
    // One key's run begins, and does not end; all those after it do.
    subtask.input(STUCK, 0);
    work(&mut subtask, 1, &mut ledger);
    for input in 1..=300 {
        subtask.input(input, input);
    }
    work(&mut subtask, 1, &mut ledger);
    let (state, marker) = subtask.checkpoint(&mut ledger);
    // What begins after the checkpoint comes again.
    subtask.input(7, 301);
    work(&mut subtask, 1, &mut ledger);
    let calls: usize = ledger.executions.values().map(Vec::len).sum();
    subtask.driver.close();

    let mut subtask = open(&store, vec![marker], state);
    read(&mut subtask);
    // Of key 7: that the run began, two calls, two actions. Those of the stuck key are claimed.
    assert_eq!(subtask.driver.unclaimed_records(), 5);
    subtask.input(7, 301);
    work(&mut subtask, 1, &mut ledger);
    assert_eq!(subtask.driver.unclaimed_records(), 0);
    assert_eq!(
        ledger.executions.values().map(Vec::len).sum::<usize>(),
        calls + 1,
        "the call that was stuck"
    );
    while !subtask.executing.is_empty() {
        subtask.end_call(0, &ledger);
    }
    work(&mut subtask, 0, &mut ledger);
    let (state, marker) = subtask.checkpoint(&mut ledger);
    assert_eq!(subtask.driver.held(), 0);
    subtask.driver.close();

    let mut subtask = open(&store, vec![marker], state);
    read(&mut subtask);
    assert_eq!(subtask.driver.records_read(), 0, "a restart reads what was in flight");
    subtask.driver.close();
}

#[test]
fn pruning_by_a_checkpoint_leaves_what_was_durable_and_not_heard_of_then() {
    // The retention of this store is nothing.
    let store = MemoryStore::threaded(MemorySettings::default()).unwrap();
    let mut ledger = Ledger::default();
    let mut subtask = open(&store, Vec::new(), BTreeMap::new());
    read(&mut subtask);
    subtask.input(STUCK, 0);
    while subtask.turn(&mut ledger) {}
    subtask.driver.flush().unwrap();
    subtask.woken.recv_timeout(Duration::from_secs(60)).unwrap();
    let (_, unheard) = subtask.checkpoint(&mut ledger);
    subtask.driver.prune(&unheard).unwrap();
    // The run goes on: a later checkpoint has its first record in the store only.
    assert!(subtask.exchange().unwrap());
    work(&mut subtask, 1, &mut ledger);
    assert_eq!((subtask.executing.len(), subtask.machine.unacknowledged()), (1, 0));
    let (state, marker) = subtask.checkpoint(&mut ledger);
    subtask.driver.close();

    let mut subtask = open(&store, vec![marker], state);
    read(&mut subtask);
    assert_eq!(subtask.driver.records_read(), 1);
    subtask.driver.close();
}
