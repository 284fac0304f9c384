//! A journal over a store, crashed after every few calls and started again with nothing but its inputs and the store.

use super::journal_agent::{GROUPS, Ledger, Subtask};
use flink_agents_runtime::journal::JournalError;
use flink_agents_runtime::store::{
    Acked, Append, ErrorKind, Events, Lineage, OpenSession, Position, Recovered, Session, Store, StoreError,
};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KEYS: u32 = 7;
const INPUTS: u32 = 30;
const FIRST: Lineage = Lineage([1; 16]);

type Outputs = BTreeMap<u32, Vec<String>>;

/// Brings all inputs, and works until everything is done, or until so many calls were made: then it crashes. It also ends when
/// the store says that another attempt has claimed, if that may be.
fn attempt(
    (store, fenced): (&dyn Store, bool),
    lineage: Lineage,
    ancestors: Vec<Lineage>,
    calls: usize,
    ledger: &mut Ledger,
) -> (Option<Outputs>, usize) {
    let mut subtask = Subtask::new(store, lineage, ancestors, 0..=GROUPS - 1, Vec::new(), BTreeMap::new());
    (0..INPUTS).for_each(|input| subtask.input(input % KEYS, input));
    subtask.machine.handle_end_of_input();
    let before: usize = ledger.executions.values().map(Vec::len).sum();
    loop {
        while subtask.turn(ledger) {}
        while !subtask.executing.is_empty() {
            subtask.end_call(0, ledger);
        }
        let made = ledger.executions.values().map(Vec::len).sum::<usize>() - before;
        if made > calls || subtask.is_idle() {
            break;
        }
        let told = match subtask.exchange() {
            Err(JournalError::Store(error)) if fenced && error.kind == ErrorKind::Fenced => break,
            told => told.unwrap(),
        };
        if !told && !subtask.machine.has_ready() {
            subtask.woken.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }
    let done = subtask.is_idle();
    let mut outputs = Outputs::new();
    for (key, output) in subtask.outputs {
        outputs.entry(key).or_default().push(output);
    }
    subtask.driver.close();
    (done.then_some(outputs), subtask.replayed)
}

/// The whole of it, over one store.
pub fn check(store: &dyn Store) {
    check_all((store, false));
}

fn check_all(store: (&dyn Store, bool)) {
    let first = FIRST;
    let (mut ledger, mut replayed) = (Ledger::default(), 0);
    // Those that others may end come less far by themselves: so there are more of them.
    let calls = if store.1 { 7 } else { 9 };
    let outputs = (0..1_000).find_map(|_| {
        let (outputs, more) = attempt(store, first, Vec::new(), calls, &mut ledger);
        replayed += more;
        outputs
    });
    let outputs = outputs.expect("it never came to its end");
    assert_eq!(
        ledger.executions.len(),
        2 * INPUTS as usize,
        "every call has a key of its own"
    );
    assert!(replayed > 30, "{replayed} replayed");
    for input in 0..INPUTS {
        let seen = &outputs[&(input % KEYS)][(input / KEYS) as usize];
        assert!(seen.starts_with(&format!("input {input} 0 ")), "{seen}");
    }

    // Everything is in the journal: nothing is executed.
    let mut none = Ledger {
        safe: ledger.executions.keys().cloned().collect(),
        executions: ledger.executions.clone(),
    };
    assert_eq!(
        attempt(store, first, Vec::new(), 0, &mut none).0.as_ref(),
        Some(&outputs)
    );
    // One that goes on from the first one's state has its records.
    let fork = attempt(store, Lineage([3; 16]), vec![first], 0, &mut none);
    assert_eq!(fork.0.as_ref(), Some(&outputs));

    // A new submission knows nothing of it, and its calls have other keys.
    let mut other = Ledger::default();
    assert!(
        attempt(store, Lineage([2; 16]), Vec::new(), 1_000, &mut other)
            .0
            .is_some()
    );
    assert_eq!(other.executions.len(), 2 * INPUTS as usize);
    assert!(other.executions.keys().all(|key| !ledger.executions.contains_key(key)));
}

/// The whole of it, over a store in which attempts that were given up before they had claimed claim late.
pub fn check_late_claims(store: Arc<dyn Store>) {
    let late = Late {
        store,
        opened: AtomicUsize::new(0),
        claims: Arc::default(),
    };
    check_all((&late, true));
    let claims = late.claims.load(Ordering::Relaxed);
    assert!(claims > 3, "only {claims} claims were late");
}

/// A store in which behind two of three sessions of the first lineage there is one more of the same subtask, paused before its
/// claim. It goes on after a few appends of the former, which cannot know.
struct Late {
    store: Arc<dyn Store>,
    opened: AtomicUsize,
    claims: Arc<AtomicUsize>,
}

struct Overtaken {
    session: Box<dyn Session>,
    store: Arc<dyn Store>,
    paused: Option<OpenSession>,
    /// Appends until the paused one goes on.
    left: usize,
    late: Option<Box<dyn Session>>,
    claims: Arc<AtomicUsize>,
}

struct Deaf;

impl Events for Deaf {
    fn acked(&self, _: &[Acked]) {}
    fn failed(&self, _: StoreError) {}
    fn recovered(&self, _: Vec<Recovered>) {}
    fn recovery_done(&self, _: RangeInclusive<u16>) {}
}

impl Store for Late {
    fn open(&self, session: OpenSession, events: Arc<dyn Events>) -> Result<Box<dyn Session>, StoreError> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let paused = session.lineage == FIRST && !number.is_multiple_of(3);
        Ok(Box::new(Overtaken {
            paused: paused.then(|| session.clone()),
            session: self.store.open(session, events)?,
            store: self.store.clone(),
            left: number % 2,
            late: None,
            claims: self.claims.clone(),
        }))
    }
}

impl Session for Overtaken {
    fn append(&mut self, records: Vec<Append>) -> Result<(), StoreError> {
        self.session.append(records)?;
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                if let Some(paused) = self.paused.take() {
                    self.late = Some(self.store.open(paused, Arc::new(Deaf))?);
                    self.claims.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8> {
        self.session.marker(recovered, heard, oldest)
    }

    fn unreadable(&self, key_group: u16, position: Position, reason: &str) -> StoreError {
        self.session.unreadable(key_group, position, reason)
    }

    fn prune(&mut self, marker: &[u8]) -> Result<(), StoreError> {
        self.session.prune(marker)
    }

    fn close(self: Box<Self>) {
        self.session.close();
    }
}

/// A store of which no session is closed before it is dropped: what crashed lives on as a zombie and writes what it was given,
/// after its successor has begun.
pub struct Undying<S> {
    store: S,
    sessions: Arc<Mutex<Vec<Box<dyn Session>>>>,
}

impl<S: Store> Undying<S> {
    pub fn of(store: S) -> Undying<S> {
        let sessions = Arc::default();
        Undying { store, sessions }
    }

    pub fn count(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }
}

impl<S: Store> Store for Undying<S> {
    fn open(&self, session: OpenSession, events: Arc<dyn Events>) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(Undead {
            session: self.store.open(session, events)?,
            sessions: self.sessions.clone(),
        }))
    }
}

struct Undead {
    session: Box<dyn Session>,
    sessions: Arc<Mutex<Vec<Box<dyn Session>>>>,
}

impl Session for Undead {
    fn append(&mut self, records: Vec<Append>) -> Result<(), StoreError> {
        self.session.append(records)
    }

    fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8> {
        self.session.marker(recovered, heard, oldest)
    }

    fn unreadable(&self, key_group: u16, position: Position, reason: &str) -> StoreError {
        self.session.unreadable(key_group, position, reason)
    }

    fn prune(&mut self, marker: &[u8]) -> Result<(), StoreError> {
        self.session.prune(marker)
    }

    fn close(self: Box<Self>) {
        self.sessions.lock().unwrap().push(self.session);
    }
}
