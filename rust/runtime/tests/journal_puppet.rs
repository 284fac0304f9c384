//! A store on strings: what a subtask appends reaches the real store, and what that says reaches the subtask, when a test
//! pulls. So any store can be late, lose acknowledgements, end with an error, and write what a crashed attempt had left.

use flink_agents_runtime::store::{
    Acked, Append, ErrorKind, Events, OpenSession, Position, Recovered, Session, Store, StoreError,
};
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// What the real store has said.
#[derive(Default)]
struct Heard {
    acked: VecDeque<Acked>,
    recovered: Vec<Recovered>,
    done: Vec<RangeInclusive<u16>>,
    failed: Option<StoreError>,
}

#[derive(Default)]
struct Ear {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl Ear {
    fn note(&self, note: impl FnOnce(&mut Heard)) {
        note(&mut self.heard.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits until this is so, or the session has ended.
    fn until(&self, so: impl Fn(&Heard) -> bool) {
        let heard = self.heard.lock().unwrap();
        let (_heard, waited) = self
            .changed
            .wait_timeout_while(heard, LONG, |heard| heard.failed.is_none() && !so(heard))
            .unwrap();
        assert!(!waited.timed_out(), "the store does not answer");
    }
}

impl Events for Ear {
    fn acked(&self, records: &[Acked]) {
        self.note(|heard| heard.acked.extend(records));
    }

    fn failed(&self, error: StoreError) {
        self.note(|heard| heard.failed = Some(error));
    }

    fn recovered(&self, records: Vec<Recovered>) {
        self.note(|heard| heard.recovered.extend(records));
    }

    fn recovery_done(&self, key_groups: RangeInclusive<u16>) {
        self.note(|heard| heard.done.push(key_groups));
    }
}

/// What is held on one side or the other.
#[derive(Default)]
struct Hand {
    /// Appended, and not given to the store.
    waiting: VecDeque<Append>,
    /// Keys of records given to the store that the subtask has not heard of, by slot and ticket.
    keys: BTreeMap<(u32, u64), Vec<u8>>,
    acks: VecDeque<Acked>,
    /// By key group, in the order in which they are handed over.
    recovered: VecDeque<(u16, Vec<Recovered>)>,
    /// The subtask hears this; none after the end.
    events: Option<Arc<dyn Events>>,
}

/// One session, for whoever pulls its strings.
pub struct Strings {
    session: Mutex<Option<Box<dyn Session>>>,
    ear: Arc<Ear>,
    hand: Mutex<Hand>,
}

/// What became of records that were given to the store.
pub struct Given {
    /// Key and tail of those that are durable, in their order.
    pub durable: Vec<(Vec<u8>, Vec<u8>)>,
    /// Why the session ended; then some of the others may be durable as well.
    pub failed: Option<StoreError>,
}

impl Strings {
    /// Records that were not given to the store.
    pub fn waiting(&self) -> usize {
        self.hand.lock().unwrap().waiting.len()
    }

    /// Gives the store the next records, and waits for what it says. `large`: the first of them is larger than allowed.
    pub fn give(&self, count: usize, large: bool) -> Given {
        let mut records: Vec<Append> = {
            let mut hand = self.hand.lock().unwrap();
            let count = count.min(hand.waiting.len());
            hand.waiting.drain(..count).collect()
        };
        if large && let Some(value) = records.first_mut().and_then(|record| record.value.as_mut()) {
            *value = [&**value, &[b'x'; 2 << 20]].concat().into();
        }
        let given: Vec<_> = records
            .iter()
            .map(|record| ((record.slot, record.ticket), record.key.to_vec(), record.tail.to_vec()))
            .collect();
        let mut session = self.session.lock().unwrap();
        let appended = session.as_mut().unwrap().append(records);
        if appended.is_ok() {
            self.ear.until(|heard| heard.acked.len() == given.len());
        }
        let (acked, failed) = {
            let mut heard = self.ear.heard.lock().unwrap();
            (std::mem::take(&mut heard.acked), heard.failed.clone())
        };
        let failed = failed.or(appended.err());
        let mut hand = self.hand.lock().unwrap();
        let mut durable = Vec::new();
        for acked in acked {
            let place = (acked.slot, acked.ticket);
            let (_, key, tail) = given
                .iter()
                .find(|(of, ..)| *of == place)
                .expect("nobody appended this");
            hand.keys.insert(place, key.clone());
            durable.push((key.clone(), tail.clone()));
            hand.acks.push_back(acked);
        }
        if let Some(error) = &failed {
            end(&mut hand, error.clone());
        }
        Given { durable, failed }
    }

    /// The subtask hears of the next durable record, whose key is returned.
    pub fn acknowledge(&self) -> Option<Vec<u8>> {
        let mut hand = self.hand.lock().unwrap();
        let acked = hand.acks.pop_front()?;
        hand.events.as_ref()?.acked(&[acked]);
        hand.keys.remove(&(acked.slot, acked.ticket))
    }

    /// The subtask hears of some records that were read back, or that there are no more of a key group. False: it knows all.
    pub fn recover(&self, count: usize) -> bool {
        let mut hand = self.hand.lock().unwrap();
        let Some((group, records)) = hand.recovered.front_mut() else {
            return false;
        };
        let group = *group;
        let some: Vec<Recovered> = records.drain(..count.min(records.len())).collect();
        let all = some.is_empty();
        if all {
            hand.recovered.pop_front();
        }
        if let Some(events) = &hand.events {
            match all {
                true => events.recovery_done(group..=group),
                false => events.recovered(some),
            }
        }
        true
    }

    /// Everything that was read back and not handed over.
    pub fn everything_read(&self) -> Vec<Recovered> {
        let recovered = std::mem::take(&mut self.hand.lock().unwrap().recovered);
        recovered.into_iter().flat_map(|(_, records)| records).collect()
    }

    /// Acknowledgements that are on their way are lost, and so is the session: the subtask hears nothing more.
    pub fn lose(&self) {
        let mut hand = self.hand.lock().unwrap();
        hand.acks.clear();
        hand.recovered.clear();
        hand.events = None;
    }

    /// The session ends with an error of a store that does not answer in time. What was given to the store stays there.
    pub fn fail(&self) {
        let error = StoreError::new(ErrorKind::Unavailable, "test", "here", "no answer", "Nothing");
        end(&mut self.hand.lock().unwrap(), error);
    }

    /// The process of a zombie ends at last.
    pub fn bury(&self) {
        if let Some(session) = self.session.lock().unwrap().take() {
            session.close();
        }
    }
}

fn end(hand: &mut Hand, error: StoreError) {
    hand.acks.clear();
    hand.recovered.clear();
    if let Some(events) = hand.events.take() {
        events.failed(error);
    }
}

/// A store on strings: see the head of the file.
pub struct Puppet {
    store: Arc<dyn Store>,
    /// Of the session that was opened last.
    pub strings: Mutex<Option<Arc<Strings>>>,
}

impl Puppet {
    pub fn of(store: Arc<dyn Store>) -> Puppet {
        Puppet {
            store,
            strings: Mutex::default(),
        }
    }
}

impl Store for Puppet {
    /// Returns when the real store has read everything, so that a case is its seed.
    fn open(&self, request: OpenSession, events: Arc<dyn Events>) -> Result<Box<dyn Session>, StoreError> {
        let ear = Arc::new(Ear::default());
        let key_groups = request.key_groups.clone();
        let session = self.store.open(request, ear.clone())?;
        let groups = key_groups.clone().count();
        ear.until(|heard| heard.done.iter().map(|range| range.clone().count()).sum::<usize>() == groups);
        let mut hand = Hand {
            events: Some(events),
            ..Hand::default()
        };
        let mut heard = ear.heard.lock().unwrap();
        if let Some(error) = heard.failed.clone() {
            end(&mut hand, error);
        } else {
            let mut records: BTreeMap<u16, Vec<Recovered>> = key_groups.map(|group| (group, Vec::new())).collect();
            for record in std::mem::take(&mut heard.recovered) {
                let of_group = records
                    .get_mut(&record.key_group)
                    .expect("a record of another's key group");
                of_group.push(record);
            }
            hand.recovered = records.into_iter().collect();
        }
        drop(heard);
        let strings = Arc::new(Strings {
            session: Mutex::new(Some(session)),
            ear,
            hand: Mutex::new(hand),
        });
        *self.strings.lock().unwrap() = Some(strings.clone());
        Ok(Box::new(Hung(strings)))
    }
}

/// The session as the subtask has it. The real one is closed by [`Strings::bury`].
struct Hung(Arc<Strings>);

impl Session for Hung {
    fn append(&mut self, records: Vec<Append>) -> Result<(), StoreError> {
        self.0.hand.lock().unwrap().waiting.extend(records);
        Ok(())
    }

    fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8> {
        let session = self.0.session.lock().unwrap();
        session.as_ref().unwrap().marker(recovered, heard, oldest)
    }

    fn unreadable(&self, key_group: u16, position: Position, reason: &str) -> StoreError {
        let session = self.0.session.lock().unwrap();
        session.as_ref().unwrap().unreadable(key_group, position, reason)
    }

    fn prune(&mut self, marker: &[u8]) -> Result<(), StoreError> {
        self.0.session.lock().unwrap().as_mut().unwrap().prune(marker)
    }

    fn close(self: Box<Self>) {}
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.0.hand.lock().unwrap().events = None;
    }
}
