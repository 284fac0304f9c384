//! What every store promises. A test program includes this file as a module, and names its stores to `contract!`.
#![allow(dead_code)]

use flink_agents_core::ids::KeySlot;
use flink_agents_core::journal::JournalSettings;
use flink_agents_core::run::{Limits, Machine};
use flink_agents_core::symbols::INPUT_EVENT;
use flink_agents_runtime::journal::JournalDriver;
use flink_agents_runtime::store::{
    Acked, Append, ErrorKind, Events, Lineage, MissingHistory, OpenSession, Position, Recovered, Session, Store,
    StoreError,
};
use flink_agents_testkit::exact::Exact;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub const A: Lineage = Lineage([0xa1; 16]);
pub const B: Lineage = Lineage([0xb2; 16]);
pub const C: Lineage = Lineage([0xc3; 16]);
pub const OPERATOR: &str = "agent/walker";
/// The stores under test allow records of this size.
pub const MAX_RECORD: usize = 4096;

const LONG: Duration = Duration::from_secs(60);

/// A place with a store in it, empty at first. Its retention is nothing.
pub trait Place {
    fn new(name: &str) -> Self;
    /// A handle on the store, as another process would have it.
    fn store(&self) -> Arc<dyn Store>;
    /// What an error about the record at this position names.
    fn name(&self, position: Position) -> String;
    /// Damages the record at this position, and says what an error about it names.
    fn damage(&self, position: Position) -> String;
    /// A store of the same kind, but not the same.
    fn other(&self) -> Arc<dyn Store>;
}

#[derive(Default)]
pub struct Heard {
    pub acked: Vec<Acked>,
    pub failed: Vec<StoreError>,
    pub recovered: Vec<Recovered>,
    pub done: Vec<RangeInclusive<u16>>,
    pub missed: Vec<StoreError>,
    /// Calls after the error.
    pub late: usize,
}

impl Heard {
    /// By key group, the position after each record: the slots of tests are key groups.
    fn ends(&self) -> Vec<(u16, Position)> {
        let acked = self.acked.iter().map(|acked| (acked.slot as u16, acked.position));
        let recovered = self.recovered.iter().map(|record| (record.key_group, record.position));
        acked
            .chain(recovered)
            .map(|(key_group, position)| (key_group, Position(position.0 + 1)))
            .collect()
    }
}

/// Hears what a store tells.
#[derive(Default)]
pub struct Recorder {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl Recorder {
    fn note(&self, note: impl FnOnce(&mut Heard)) {
        let mut heard = self.heard.lock().unwrap();
        if !heard.failed.is_empty() {
            heard.late += 1;
        }
        note(&mut heard);
        self.changed.notify_all();
    }

    /// Waits until this is so.
    pub fn until(&self, what: &str, so: impl Fn(&Heard) -> bool) {
        let heard = self.heard.lock().unwrap();
        let (heard, waited) = self
            .changed
            .wait_timeout_while(heard, LONG, |heard| !so(heard))
            .unwrap();
        assert!(
            !waited.timed_out(),
            "waited for {what}; {} acknowledged, {} recovered, failed: {:?}",
            heard.acked.len(),
            heard.recovered.len(),
            heard.failed
        );
    }

    pub fn with<T>(&self, see: impl FnOnce(&Heard) -> T) -> T {
        see(&self.heard.lock().unwrap())
    }
}

impl Events for Recorder {
    fn acked(&self, records: &[Acked]) {
        self.note(|heard| heard.acked.extend_from_slice(records));
    }

    fn failed(&self, error: StoreError) {
        self.note(|heard| heard.failed.push(error));
    }

    fn recovered(&self, records: Vec<Recovered>) {
        self.note(|heard| heard.recovered.extend(records));
    }

    fn missed(&self, missing: StoreError) {
        self.note(|heard| heard.missed.push(missing));
    }

    fn recovery_done(&self, key_groups: RangeInclusive<u16>) {
        self.note(|heard| heard.done.push(key_groups));
    }
}

pub fn request(lineage: Lineage) -> OpenSession {
    OpenSession {
        lineage,
        ancestors: Vec::new(),
        operator: OPERATOR.to_owned(),
        max_parallelism: 128,
        key_groups: 0..=127,
        markers: Vec::new(),
        missing_history: MissingHistory::Fail,
    }
}

pub fn fork(lineage: Lineage, ancestors: &[Lineage]) -> OpenSession {
    OpenSession {
        ancestors: ancestors.to_vec(),
        ..request(lineage)
    }
}

/// A session and what it heard.
pub struct Open {
    pub session: Option<Box<dyn Session>>,
    pub recorder: Arc<Recorder>,
    tickets: u64,
}

impl Open {
    /// Opens a session without waiting for anything.
    pub fn begin(store: &Arc<dyn Store>, request: OpenSession) -> Open {
        let recorder = Arc::new(Recorder::default());
        let session = store.open(request, recorder.clone()).unwrap();
        Open {
            session: Some(session),
            recorder,
            tickets: 0,
        }
    }

    /// Opens a session, and waits until it has read everything.
    pub fn start(store: &Arc<dyn Store>, request: OpenSession) -> Open {
        let groups = usize::from(request.key_groups.end() - request.key_groups.start()) + 1;
        let open = Open::begin(store, request);
        open.recorder.until("the end of recovery", |heard| {
            assert_eq!(heard.failed, [], "recovery");
            heard.done.iter().map(|range| range.clone().count()).sum::<usize>() == groups
        });
        open
    }

    pub fn session(&mut self) -> &mut Box<dyn Session> {
        self.session.as_mut().unwrap()
    }

    /// The marker of a caller that has taken in what the recorder heard.
    pub fn marker(&self, oldest: &[(u16, Position)]) -> Vec<u8> {
        let (recovered, heard) = self.recorder.with(|heard| (heard.done.clone(), heard.ends()));
        self.session.as_ref().unwrap().marker(&recovered, &heard, oldest)
    }

    /// Appends records; tickets count from 0.
    pub fn append(&mut self, records: Vec<Append>) -> Result<(), StoreError> {
        let first = self.tickets;
        self.tickets += records.len() as u64;
        let numbered = (first..)
            .zip(records)
            .map(|(ticket, record)| Append { ticket, ..record });
        let numbered = numbered.collect();
        self.session().append(numbered)
    }

    /// Appends records, and waits until all are durable.
    pub fn write(&mut self, records: Vec<Append>) {
        self.append(records).unwrap();
        let all = self.tickets as usize;
        self.recorder.until("acknowledgements", |heard| {
            assert_eq!(heard.failed, []);
            heard.acked.len() == all
        });
    }

    /// Waits for the error by which the session ends.
    pub fn error(&self) -> StoreError {
        self.recorder.until("an error", |heard| !heard.failed.is_empty());
        self.recorder.with(|heard| heard.failed[0].clone())
    }

    pub fn position(&self, ticket: u64) -> Position {
        let found = |heard: &Heard| {
            heard
                .acked
                .iter()
                .find(|acked| acked.ticket == ticket)
                .map(|acked| acked.position)
        };
        self.recorder.with(found).unwrap()
    }

    /// The values read back, as text; a tombstone is a dash.
    pub fn values(&self) -> Vec<String> {
        let text = |record: &Recovered| match &record.value {
            Some(value) => String::from_utf8(value.clone()).unwrap(),
            None => "-".to_owned(),
        };
        let mut values: Vec<String> = self.recorder.with(|heard| heard.recovered.iter().map(text).collect());
        values.sort();
        values
    }

    pub fn end(mut self) {
        self.session.take().unwrap().close();
    }
}

/// The values a session with this request reads.
pub fn read(store: &Arc<dyn Store>, request: OpenSession) -> Vec<String> {
    let open = Open::start(store, request);
    let values = open.values();
    open.end();
    values
}

pub fn record(key_group: u16, key: &[u8], run: u64, value: &str) -> Append {
    Append {
        slot: u32::from(key_group),
        ticket: 0,
        key_group,
        key: key.into(),
        tail: [&run.to_be_bytes()[..], b"step"].concat().into(),
        value: Some(value.as_bytes().into()),
    }
}

/// A record of key group 5.
pub fn note(value: &str) -> Append {
    record(5, b"s:key", 1, value)
}

fn opening<P: Place>(request: OpenSession) -> StoreError {
    let place = P::new("refused");
    let opened = place.store().open(request, Arc::new(Recorder::default()));
    opened.map(|_| ()).unwrap_err()
}

pub fn everything_comes_back_as_it_was_written<P: Place>() {
    let place = P::new("everything");
    let long = vec![b'k'; 2000];
    let keys: [&[u8]; 10] = [
        b"1",
        b"\"1\"",
        b"1.0",
        b"",
        b"\0",
        b"a\0b",
        "schl\u{fc}ssel \u{1f511}".as_bytes(),
        &[0xff, 0xfe, 0],
        b"a'; DROP TABLE record; --",
        &long,
    ];
    let mut records = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        records.push(record(index as u16, key, u64::MAX - 1, "value"));
        records.push(Append {
            value: Some([].into()),
            ..record(index as u16, key, 0, "")
        });
        records.push(Append {
            value: None,
            tail: (1_u64 << 40).to_be_bytes().into(),
            ..record(index as u16, key, 0, "")
        });
        records.push(Append {
            value: Some((0..=255).collect()),
            ..record(index as u16, key, 7, "")
        });
    }
    let mut first = Open::start(&place.store(), request(A));
    first.write(records.clone());
    first.recorder.with(|heard| {
        for acked in &heard.acked {
            assert_eq!(acked.slot, records[acked.ticket as usize].slot);
        }
        for key_group in 0..keys.len() as u32 {
            let of_key: Vec<_> = heard.acked.iter().filter(|acked| acked.slot == key_group).collect();
            assert_eq!(of_key.len(), 4);
            assert!(
                of_key
                    .windows(2)
                    .all(|pair| pair[0].ticket < pair[1].ticket && pair[0].position < pair[1].position)
            );
        }
    });
    let positions: Vec<Position> = (0..records.len() as u64).map(|ticket| first.position(ticket)).collect();
    first.end();
    let second = Open::start(&place.store(), request(A));
    second.recorder.with(|heard| {
        let mut found = heard.recovered.clone();
        found.sort_by_key(|record| (record.key_group, record.position));
        let expected: Vec<Recovered> = records
            .iter()
            .zip(positions)
            .map(|(record, position)| Recovered {
                key_group: record.key_group,
                key: record.key.to_vec(),
                tail: record.tail.to_vec(),
                value: record.value.as_deref().map(<[u8]>::to_vec),
                position,
            })
            .collect();
        assert_eq!(found, expected);
    });
}

pub fn a_new_submission_and_another_operator_read_nothing<P: Place>() {
    let place = P::new("submission");
    let mut first = Open::start(&place.store(), request(A));
    first.write(vec![note("a")]);
    first.end();
    assert!(read(&place.store(), request(B)).is_empty());
    let other = OpenSession {
        operator: "agent/other".to_owned(),
        ..request(A)
    };
    assert!(read(&place.store(), other).is_empty());
    assert_eq!(read(&place.store(), request(A)), ["a"]);
}

pub fn two_jobs_of_one_savepoint_do_not_mix<P: Place>() {
    let place = P::new("fork");
    let mut first = Open::start(&place.store(), request(A));
    first.write(vec![note("before")]);
    let marker = first.marker(&[(5, first.position(0))]);
    first.write(vec![note("after the savepoint")]);
    let restored = |lineage| OpenSession {
        markers: vec![marker.clone()],
        ..fork(lineage, &[A])
    };
    let mut one = Open::start(&place.store(), restored(B));
    assert_eq!(one.values(), ["after the savepoint", "before"]);
    // The old job goes on, beside its forks.
    first.write(vec![note("a goes on")]);
    let mut two = Open::start(&place.store(), restored(C));
    assert_eq!(two.values(), ["a goes on", "after the savepoint", "before"]);
    one.write(vec![note("of b")]);
    two.write(vec![note("of c")]);
    first.write(vec![note("a goes on still")]);
    one.end();
    two.end();
    assert_eq!(
        read(&place.store(), restored(B)),
        ["after the savepoint", "before", "of b"]
    );
    assert_eq!(
        read(&place.store(), restored(C)),
        ["a goes on", "after the savepoint", "before", "of c"]
    );
    let values = ["a goes on", "a goes on still", "after the savepoint", "before"];
    first.end();
    assert_eq!(read(&place.store(), request(A)), values);
}

pub fn what_a_zombie_writes_is_not_read<P: Place>() {
    let place = P::new("zombie");
    let mut zombie = Open::start(&place.store(), request(A));
    zombie.write(vec![note("in time")]);
    let mut second = Open::start(&place.store(), request(A));
    assert_eq!(second.values(), ["in time"]);
    zombie.append(vec![note("too late")]).unwrap();
    // A store either refuses the record, or takes it and passes it over.
    zombie.recorder.until("the fate of a zombie", |heard| {
        heard.acked.len() == 2 || !heard.failed.is_empty()
    });
    zombie.recorder.with(|heard| {
        for error in &heard.failed {
            assert_eq!(error.kind, ErrorKind::Fenced);
            assert!(
                error.to_string().contains("has claimed the key groups 0..=127"),
                "{error}"
            );
        }
    });
    second.write(vec![note("of the second")]);
    second.end();
    assert_eq!(read(&place.store(), request(A)), ["in time", "of the second"]);
    assert_eq!(read(&place.store(), fork(B, &[A])), ["in time", "of the second"]);
}

pub fn rescaling_reads_each_key_group_once<P: Place>() {
    let place = P::new("rescale");
    let part = |key_groups: RangeInclusive<u16>, markers: &[Vec<u8>]| OpenSession {
        key_groups,
        markers: markers.to_vec(),
        ..request(A)
    };
    let groups: Vec<u16> = vec![0, 42, 43, 63, 64, 100, 127];
    let write = |open: &mut Open, groups: &[u16], what: &str| {
        let records = groups
            .iter()
            .map(|group| record(*group, b"k", 1, &format!("{group} {what}")));
        open.write(records.collect());
    };
    let mut whole = Open::start(&place.store(), part(0..=127, &[]));
    write(&mut whole, &groups, "whole");
    whole.end();
    let mut low = Open::start(&place.store(), part(0..=63, &[]));
    let mut high = Open::start(&place.store(), part(64..=127, &[]));
    assert_eq!(low.values(), ["0 whole", "42 whole", "43 whole", "63 whole"]);
    assert_eq!(high.values(), ["100 whole", "127 whole", "64 whole"]);
    let markers = [low.marker(&[]), high.marker(&[])];
    write(&mut low, &groups[..4], "half");
    write(&mut high, &groups[4..], "half");
    low.end();
    high.end();
    let thirds = [0..=42, 43..=85, 86..=127].map(|key_groups| read(&place.store(), part(key_groups, &markers)));
    assert_eq!(thirds[0], ["0 half", "42 half"]);
    assert_eq!(thirds[1], ["43 half", "63 half", "64 half"]);
    assert_eq!(thirds[2], ["100 half", "127 half"]);
}

pub fn a_marker_covers_what_is_unfinished<P: Place>() {
    let place = P::new("marker");
    let mut first = Open::start(&place.store(), request(A));
    let numbered = |group, range: std::ops::Range<u64>| {
        range
            .map(move |run| record(group, b"k", run, &format!("{group}:{run}")))
            .collect::<Vec<_>>()
    };
    first.write(numbered(5, 0..4));
    first.write(numbered(6, 0..4));
    let unfinished = first.marker(&[(5, first.position(2)), (5, first.position(3))]);
    let finished = first.marker(&[]);
    first.write(numbered(6, 4..5));
    first.end();
    let restored = |marker: &[u8]| OpenSession {
        markers: vec![marker.to_vec()],
        ..request(A)
    };
    assert_eq!(read(&place.store(), restored(&unfinished)), ["5:2", "5:3", "6:4"]);
    assert_eq!(read(&place.store(), restored(&finished)), ["6:4"]);
    let third = Open::start(&place.store(), restored(&unfinished));
    // The caller has not taken in the end of recovery yet, wherever the store is.
    let early = third.session.as_ref().unwrap().marker(&[], &[], &[]);
    let half = third.session.as_ref().unwrap().marker(&[6..=127], &[], &[]);
    third.end();
    assert_eq!(read(&place.store(), restored(&early)), ["5:2", "5:3", "6:4"]);
    assert_eq!(read(&place.store(), restored(&half)), ["5:2", "5:3"]);
    let fourth = Open::start(&place.store(), restored(&unfinished));
    let oldest: Vec<_> = fourth.recorder.with(|heard| {
        heard
            .recovered
            .iter()
            .map(|record| (record.key_group, record.position))
            .collect()
    });
    let again = fourth.marker(&oldest);
    fourth.end();
    assert_eq!(
        read(&place.store(), restored(&again)),
        ["5:2", "5:3", "6:4"],
        "recovered, and claimed by no input yet"
    );
}

pub fn a_second_failure_during_recovery_loses_nothing<P: Place>() {
    let place = P::new("second");
    let mut first = Open::start(&place.store(), request(A));
    first.write((0..3000).map(|run| record(5, b"k", run, "x")).collect());
    first.end();
    let second = Open::begin(&place.store(), request(A));
    second.end();
    let mut third = Open::begin(&place.store(), request(A));
    third.append(vec![record(5, b"k", 3000, "y")]).unwrap();
    third
        .recorder
        .until("an acknowledgement", |heard| !heard.acked.is_empty());
    third.end();
    let fourth = Open::start(&place.store(), request(A));
    let runs: Vec<Vec<u8>> = fourth
        .recorder
        .with(|heard| heard.recovered.iter().map(|record| record.tail.clone()).collect());
    let expected: Vec<Vec<u8>> = (0..=3000).map(|run| record(5, b"k", run, "").tail.to_vec()).collect();
    assert_eq!(runs, expected);
}

pub fn refused_records_end_the_session_and_say_why<P: Place>() {
    let place = P::new("refused");
    let store = place.store();
    let large = Append {
        value: Some(vec![0; MAX_RECORD].into()),
        ..note("")
    };
    let short = Append {
        tail: [1, 2, 3].into(),
        ..note("")
    };
    let outside = OpenSession {
        key_groups: 0..=63,
        ..request(C)
    };
    for (wrong, request, kind, text) in [
        (large, request(A), ErrorKind::TooLarge, "and 4096 are allowed"),
        (short, request(B), ErrorKind::Request, "has 3 bytes"),
        (
            record(64, b"k", 9, ""),
            outside,
            ErrorKind::Request,
            "key group 64, run 9",
        ),
    ] {
        let mut open = Open::start(&store, request.clone());
        open.write(vec![record(0, b"before", 1, "before")]);
        // What comes after the error in the same call, and in a later one, is not acknowledged.
        open.append(vec![wrong, record(0, b"after", 1, "after")]).unwrap();
        let error = open.error();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(open.append(vec![note("later")]).unwrap_err(), error);
        assert_eq!(open.session().prune(&[]).unwrap_err(), error);
        open.recorder.with(|heard| {
            assert_eq!(heard.acked.len(), 1);
            assert_eq!(
                (heard.failed.len(), heard.late),
                (1, 0),
                "told once, and nothing after it"
            );
        });
        open.end();
        assert_eq!(read(&store, request), ["before"]);
    }
}

pub fn wrong_requests_are_refused<P: Place>() {
    let with_marker = |bytes: &[u8]| OpenSession {
        markers: vec![bytes.to_vec()],
        ..request(A)
    };
    assert_eq!(opening::<P>(with_marker(b"")).kind, ErrorKind::Damaged);
    assert_eq!(opening::<P>(with_marker(&[250; 40])).kind, ErrorKind::Version);
    let place = P::new("markers");
    let right = Open::start(&place.store(), request(A)).marker(&[]);
    for length in 0..right.len() {
        assert_eq!(
            opening::<P>(with_marker(&right[..length])).kind,
            ErrorKind::Damaged,
            "{length} bytes of a marker"
        );
    }
    for key_groups in [100..=128, RangeInclusive::new(3, 2)] {
        let error = opening::<P>(OpenSession {
            key_groups,
            ..request(A)
        });
        assert_eq!(error.kind, ErrorKind::Request);
    }
}

pub fn another_maximum_parallelism_is_refused<P: Place>() {
    let place = P::new("parallelism");
    let narrow = |lineage| OpenSession {
        max_parallelism: 64,
        key_groups: 0..=63,
        ..fork(lineage, &[A])
    };
    Open::start(&place.store(), request(A)).end();
    for lineage in [A, B] {
        let error = Open::begin(&place.store(), narrow(lineage)).error();
        assert_eq!(error.kind, ErrorKind::Settings);
        assert!(error.to_string().contains("is 64 now and was 128 then"), "{error}");
    }
}

pub fn a_checkpoint_of_another_store_is_noticed<P: Place>() {
    let place = P::new("another");
    let mut open = Open::start(&place.store(), request(A));
    open.write(vec![note("a")]);
    let marker = open.marker(&[]);
    let restored = |missing_history| OpenSession {
        markers: vec![marker.clone()],
        missing_history,
        ..request(A)
    };
    let other = place.other();
    let error = Open::begin(&other, restored(MissingHistory::Fail)).error();
    assert_eq!(error.kind, ErrorKind::MissingHistory);
    assert!(error.to_string().contains("action-state.on-missing-history"), "{error}");
    let mut anew = Open::start(&other, restored(MissingHistory::Reexecute));
    let missed = anew.recorder.with(|heard| heard.missed.clone());
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert_eq!((missed[0].kind, &missed[0].reason), (error.kind, &error.reason));
    anew.write(vec![note("again")]);
    let marker = anew.marker(&[(5, anew.position(0))]);
    anew.end();
    let later = OpenSession {
        markers: vec![marker],
        ..request(A)
    };
    assert_eq!(read(&other, later), ["again"]);
}

/// Checkpoints complete that were taken before a session had read anything, or had even claimed.
pub fn the_marker_of_a_session_that_has_read_nothing_prunes_nothing<P: Place>() {
    let place = P::new("unread");
    let mut first = Open::begin(&place.store(), request(A));
    let unread = first.session().marker(&[], &[], &[]);
    first.session().prune(&unread).unwrap();
    first.write(vec![note("a")]);
    first.session().prune(&unread).unwrap();
    let needed = [(5, first.position(0))];
    let marker = first.session().marker(std::slice::from_ref(&(0..=127)), &[], &needed);
    first.end();
    let restored = |lineage, ancestors: &[Lineage]| OpenSession {
        markers: vec![marker.clone()],
        ..fork(lineage, ancestors)
    };
    for request in [restored(A, &[]), restored(B, &[A])] {
        let mut open = Open::begin(&place.store(), request);
        let unread = open.session().marker(&[], &[], &[]);
        open.session().prune(&unread).unwrap();
        open.write(vec![record(5, b"k", 2, "b")]);
        open.session().prune(&unread).unwrap();
        open.end();
    }
    assert_eq!(read(&place.store(), restored(C, &[A])), ["a", "b"]);
}

pub fn pruned_records_stay_removed_and_are_missed<P: Place>() {
    let place = P::new("pruned");
    let mut open = Open::start(&place.store(), request(A));
    open.write((0..10).map(|run| record(5, b"k", run, &run.to_string())).collect());
    let old = open.marker(&[(5, open.position(3))]);
    let kept = open.marker(&[(5, open.position(7))]);
    let strange = {
        let part = OpenSession {
            key_groups: 0..=5,
            ..request(B)
        };
        Open::start(&place.store(), part).marker(&[])
    };
    assert_eq!(open.session().prune(&strange).unwrap_err().kind, ErrorKind::Request);
    let mut fork_b = Open::start(&place.store(), fork(B, &[A]));
    fork_b.write(vec![record(5, b"k", 10, "of b")]);
    open.session().prune(&kept).unwrap();
    let restored = |lineage, marker: &[u8], missing_history| OpenSession {
        markers: vec![marker.to_vec()],
        missing_history,
        ..fork(lineage, &[A])
    };
    open.end();
    let deadline = std::time::Instant::now() + LONG;
    let rest = loop {
        let rest = read(&place.store(), restored(C, &old, MissingHistory::Reexecute));
        if rest.len() == 3 {
            break rest;
        }
        assert!(std::time::Instant::now() < deadline, "still there: {rest:?}");
        std::thread::yield_now();
    };
    assert_eq!(rest, ["7", "8", "9"]);
    let restart = Open::start(&place.store(), restored(A, &kept, MissingHistory::Fail));
    assert_eq!(
        restart.values(),
        ["7", "8", "9"],
        "the checkpoint that is kept has everything it needs"
    );
    assert_eq!(restart.recorder.with(|heard| heard.missed.clone()), []);
    restart.end();
    for request in [restored(A, &old, MissingHistory::Fail), request(A)] {
        let error = Open::begin(&place.store(), request).error();
        assert_eq!(error.kind, ErrorKind::MissingHistory);
        assert!(error.to_string().contains("has to be read from position"), "{error}");
    }
    fork_b.end();
    let lenient = Open::start(&place.store(), restored(B, &old, MissingHistory::Reexecute));
    assert_eq!(
        lenient.values(),
        ["7", "8", "9", "of b"],
        "the records of another lineage were left"
    );
    let missed = lenient.recorder.with(|heard| heard.missed.clone());
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert!(
        missed[0].to_string().contains("has to be read from position"),
        "{missed:?}"
    );
}

/// A checkpoint that was taken when records were durable of which the caller had not heard: they are in its snapshot, but a
/// later checkpoint needs them in the store, and the retention is nothing.
pub fn what_the_caller_had_not_heard_of_is_not_pruned<P: Place>() {
    let place = P::new("unheard");
    let mut open = Open::start(&place.store(), request(A));
    open.write((0..10).map(|run| record(5, b"k", run, &run.to_string())).collect());
    let all = open.marker(&[(5, open.position(0))]);
    let later = open.marker(&[(5, open.position(3))]);
    let heard = [(5, Position(open.position(2).0 + 1))];
    let unheard = open.session().marker(std::slice::from_ref(&(0..=127)), &heard, &[]);
    open.session().prune(&unheard).unwrap();
    open.end();
    let restored = |marker: &[u8], missing_history| OpenSession {
        markers: vec![marker.to_vec()],
        missing_history,
        ..request(A)
    };
    let deadline = std::time::Instant::now() + LONG;
    while read(&place.store(), restored(&all, MissingHistory::Reexecute)).len() == 10 {
        assert!(std::time::Instant::now() < deadline, "nothing is pruned");
        std::thread::yield_now();
    }
    let expected: Vec<String> = (3..10).map(|run| run.to_string()).collect();
    assert_eq!(read(&place.store(), restored(&later, MissingHistory::Fail)), expected);
}

pub fn a_damaged_record_is_named<P: Place>() {
    let place = P::new("damaged");
    let mut open = Open::start(&place.store(), request(A));
    open.write(vec![note("a"), note("b"), note("c")]);
    let position = open.position(1);
    open.end();
    let name = place.damage(position);
    let error = Open::begin(&place.store(), request(A)).error();
    assert_eq!(error.kind, ErrorKind::Damaged);
    assert!(error.to_string().contains(&name), "{error} names {name}");
    // Who does not have to read it is not concerned.
    let part = OpenSession {
        key_groups: 6..=127,
        ..request(A)
    };
    assert!(read(&place.store(), part).is_empty());
}

/// One that is as it was written, but was written by something else: that comes out only when its key does.
pub fn a_record_that_makes_no_sense_is_named<P: Place>() {
    let place = P::new("senseless");
    let mut open = Open::start(&place.store(), request(A));
    open.write(vec![note("a"), record(5, b"other", 1, "no record")]);
    let name = place.name(open.position(1));
    open.end();
    let (sender, woken) = channel();
    let wake = Arc::new(move || _ = sender.send(()));
    let agent = Exact::new([("act", INPUT_EVENT)]);
    let mut machine = Machine::with_journal(agent, Limits::default(), JournalSettings::default());
    let mut driver = JournalDriver::open(&*place.store(), request(A), wake).unwrap();
    machine.handle_key_opened(KeySlot(0), 0).unwrap();
    let history = driver.key_opened(KeySlot(0), 5, b"other").unwrap();
    machine.handle_history(KeySlot(0), history).unwrap();
    let error = loop {
        woken.recv_timeout(LONG).unwrap();
        if let Err(error) = driver.poll(&mut machine) {
            break error.to_string();
        }
    };
    for words in [
        &*name,
        "what is stored cannot be read",
        "key group 5",
        "its identity makes no sense",
    ] {
        assert!(error.contains(words), "{error} names {words}");
    }
}

pub fn a_closed_session_hears_nothing_more<P: Place>() {
    let place = P::new("closed");
    let mut open = Open::begin(&place.store(), request(A));
    open.append((0..1000).map(|run| record(5, b"k", run, "x")).collect())
        .unwrap();
    open.session.take().unwrap().close();
    let count = |heard: &Heard| (heard.acked.len(), heard.failed.len(), heard.done.len());
    let before = open.recorder.with(count);
    // Another session's life from beginning to end gives the store every opportunity.
    let mut other = Open::start(&place.store(), request(B));
    other.write(vec![note("x")]);
    assert_eq!(open.recorder.with(count), before);
    assert_eq!(before.1, 0, "the end is no error");
}

pub fn every_key_has_a_prefix_of_what_was_appended_that_holds_all_acknowledged<P: Place>() {
    let place = P::new("prefix");
    let keys: Vec<(u16, String)> = (0..50).map(|key| (key * 2, format!("key {key}"))).collect();
    let mut appended: BTreeMap<u16, u64> = BTreeMap::new();
    let mut acked: BTreeMap<u16, u64> = BTreeMap::new();
    for attempt in 0..5 {
        let mut open = Open::start(&place.store(), request(A));
        let mut read: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        open.recorder.with(|heard| {
            for record in &heard.recovered {
                let run = u64::from_be_bytes(record.tail[..8].try_into().unwrap());
                read.entry(record.key_group).or_default().push(run);
            }
        });
        for (key_group, _) in &keys {
            let runs = read.remove(key_group).unwrap_or_default();
            let count = runs.len() as u64;
            assert_eq!(runs, (0..count).collect::<Vec<_>>(), "a prefix, in order");
            assert!(
                count >= acked.get(key_group).copied().unwrap_or(0),
                "what was acknowledged is there"
            );
            assert!(count <= appended.get(key_group).copied().unwrap_or(0));
            appended.insert(*key_group, count);
            acked.insert(*key_group, count);
        }
        for round in 0..40_u64 {
            let mut records = Vec::new();
            for (index, (key_group, key)) in keys.iter().enumerate() {
                // Each key appends a different number of records in each round.
                for _ in 0..(index as u64 + round + attempt) % 4 {
                    let next = appended.entry(*key_group).or_default();
                    records.push(record(*key_group, key.as_bytes(), *next, "value"));
                    *next += 1;
                }
            }
            open.append(records).unwrap();
        }
        open.recorder
            .until("some acknowledgements", |heard| heard.acked.len() > 500);
        let recorder = open.recorder.clone();
        open.end();
        recorder.with(|heard| {
            assert_eq!(heard.failed, []);
            for record in &heard.acked {
                *acked.entry(record.slot as u16).or_default() += 1;
            }
        });
    }
}

/// One test for each promise, for one place.
macro_rules! contract {
    ($name:ident, $place:ty) => {
        contract!($name, $place:
            everything_comes_back_as_it_was_written,
            a_new_submission_and_another_operator_read_nothing,
            two_jobs_of_one_savepoint_do_not_mix,
            what_a_zombie_writes_is_not_read,
            rescaling_reads_each_key_group_once,
            a_marker_covers_what_is_unfinished,
            a_second_failure_during_recovery_loses_nothing,
            refused_records_end_the_session_and_say_why,
            wrong_requests_are_refused,
            another_maximum_parallelism_is_refused,
            a_checkpoint_of_another_store_is_noticed,
            the_marker_of_a_session_that_has_read_nothing_prunes_nothing,
            pruned_records_stay_removed_and_are_missed,
            what_the_caller_had_not_heard_of_is_not_pruned,
            a_damaged_record_is_named,
            a_record_that_makes_no_sense_is_named,
            a_closed_session_hears_nothing_more,
            every_key_has_a_prefix_of_what_was_appended_that_holds_all_acknowledged,
        );
    };
    ($name:ident, $place:ty: $($test:ident,)*) => {
        mod $name {
            $(#[test]
            fn $test() {
                super::store_contract::$test::<$place>();
            })*
        }
    };
}
