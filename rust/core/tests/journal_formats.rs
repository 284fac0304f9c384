//! The bytes of records and their identities, and of snapshots with a journal: committed, and read for ever. Add files for
//! new versions; never change one.
#![allow(clippy::unwrap_used)]

mod run_support;

use flink_agents_core::checkpoint::VERSION_WITH_JOURNAL;
use flink_agents_core::ids::ValueHandle;
use flink_agents_core::journal::{
    CallRecord, CallStatus, Completion, First, JournalSettings, NEWEST, Record, RecordBody, RecordError, Recovered,
    Tail, VERSION,
};
use flink_agents_core::memory::Space;
use flink_agents_core::run::{CallIn, CallStep, Limits, Machine, RestorePlan};
use run_support::{Exact, KEY, bytes, event, hex, next, records_stay_as_written, set};

const RECORDS_1: &str = include_str!("journal_golden_files/v1_records.txt");
const SNAPSHOT_2: &str = include_str!("journal_golden_files/v2_snapshot.txt");

fn task(path: &[(u32, &str)], call: &[u32]) -> Tail {
    Tail {
        run: 300,
        task: path.iter().map(|(index, name)| (*index, (*name).into())).collect(),
        call: call.to_vec(),
    }
}

/// One of each kind, with all that can be there, and with as little.
fn samples() -> Vec<(&'static str, Recovered)> {
    let first = First::Yes {
        origin: *b"0123456789abcdef",
        digest: Some([0xd1; 16]),
    };
    let without_digest = First::Yes {
        origin: [0; 16],
        digest: None,
    };
    let call = |status, digest, payload: &[u8]| {
        RecordBody::Call(CallRecord {
            status,
            function: "модуль.ask".into(),
            digest,
            payload: payload.to_vec(),
        })
    };
    let completion = Completion {
        events: vec![("näxt".into(), 7), ("_output_event".into(), u128::MAX)],
        sensory: vec![("a".into(), false), ("a.b".into(), true)],
        short_term: vec![("ключ".into(), true)],
        values: vec![b"e1".to_vec(), Vec::new(), b"m1".to_vec(), vec![0; 200]],
    };
    let record = |order, after, first, body| Record {
        order,
        after,
        first,
        body,
    };
    let way: &[(u32, &str)] = &[(0, "begin"), (130, "näxt")];
    let all = [
        ("run", task(&[], &[]), record(0, 0, first, RecordBody::Run)),
        (
            "run without digest",
            task(&[], &[]),
            record(0, 0, without_digest, RecordBody::Run),
        ),
        (
            "call that had begun",
            task(way, &[0]),
            record(1, 1, First::No, call(CallStatus::Pending, None, b"")),
        ),
        (
            "call that returned",
            task(way, &[2, 0, 1]),
            record(200, 3, First::No, call(CallStatus::Succeeded, Some([1; 16]), b"\0x")),
        ),
        (
            "call that failed",
            task(way, &[3]),
            record(4, 1, First::No, call(CallStatus::Failed, None, b"why")),
        ),
        (
            "completion",
            task(way, &[]),
            record(5, 1, first, RecordBody::Completion(completion)),
        ),
        (
            "empty completion",
            task(&[(0, "begin")], &[]),
            record(0, 0, without_digest, RecordBody::Completion(Completion::default())),
        ),
    ];
    all.into_iter()
        .map(|(name, tail, record)| (name, Recovered { tail, record }))
        .collect()
}

#[test]
fn records_of_version_1_are_read_as_they_were_written() {
    assert_eq!(
        VERSION, 1,
        "keep the old file, add a new one, and point this test at it"
    );
    records_stay_as_written(RECORDS_1, &samples());
}

#[test]
fn damaged_records_are_refused_and_nothing_worse() {
    for (_, sample) in samples() {
        let (tail, value) = (sample.tail.encode(), sample.record.encode());
        for end in 0..value.len() {
            assert!(Recovered::decode(&tail, &value[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..value.len() * 8 {
            let mut changed = value.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Recovered::decode(&tail, &changed).is_err(), "bit {bit}");
        }
        for end in 0..tail.len() {
            assert!(Recovered::decode(&tail[..end], &value).is_err(), "tail cut at {end}");
        }
    }
    let (_, run) = &samples()[0];
    let (_, call) = &samples()[3];
    let text = Recovered::decode(&run.tail.encode(), &call.record.encode())
        .unwrap_err()
        .to_string();
    assert!(text.contains("does not fit its identity"), "{text}");
    let mut newer = run.record.encode();
    newer[4] = NEWEST + 1;
    assert_eq!(
        Recovered::decode(&run.tail.encode(), &newer),
        Err(RecordError::Newer(NEWEST + 1))
    );
    let text = Recovered::decode(&run.tail.encode(), b"{\"taskEvent\":{}}")
        .unwrap_err()
        .to_string();
    assert!(text.contains("Records of Apache Flink Agents cannot be read"), "{text}");
}

/// A key whose run has a call that waits for its record, a held output and an action to come; one input waits.
fn busy() -> (Vec<u8>, Vec<ValueHandle>) {
    let settings = JournalSettings {
        origin: *b"0123456789abcdef",
        ..JournalSettings::default()
    };
    let actions = Exact::new([("begin", "_input_event"), ("näxt", "n"), ("also", "n")]);
    let mut machine = Machine::with_journal(actions, Limits::default(), settings);
    machine.handle_key_opened(KEY, 300).unwrap();
    for (number, digest) in [(1, Some([0xd1; 16])), (2, None)] {
        let event = event(&mut machine, "_input_event", number);
        machine.handle_digested_input(KEY, event, Some(-5), digest).unwrap();
    }
    let task = next(&mut machine);
    set(&mut machine, task, Space::Sensory, "a.b", 10);
    for (number, event_type) in [(3, "_output_event"), (4, "n")] {
        let sent = event(&mut machine, event_type, number);
        machine.handle_sent(task, sent).unwrap();
    }
    let values = machine.values_to_record(task).unwrap();
    assert_eq!(values, [3, 4, 10].map(ValueHandle));
    let values = values.iter().map(|value| vec![value.0 as u8]).collect();
    machine.handle_completed(task, values).unwrap();
    while machine.poll_effect(true).is_some() {}
    machine.handle_acknowledged(KEY, 1);
    while machine.poll_effect(false).is_some() {}
    let task = next(&mut machine);
    let call = CallIn {
        function: "ask",
        digest: None,
        reconcilable: true,
    };
    assert_eq!(machine.handle_call(task, 0, call), Ok((0, CallStep::Wait)));
    machine.handle_suspended(task).unwrap();
    let task = next(&mut machine);
    let sent = event(&mut machine, "_output_event", 5);
    machine.handle_sent(task, sent).unwrap();
    machine.handle_completed(task, vec![vec![5]]).unwrap();
    let snapshot = machine.snapshot_key(KEY).unwrap().unwrap();
    (snapshot.bytes, snapshot.values)
}

#[test]
fn a_snapshot_of_version_2_is_read_as_it_was_written() {
    assert_eq!(
        VERSION_WITH_JOURNAL, 2,
        "keep the old file, add a new one, and point this test at it"
    );
    let (written, values) = busy();
    let committed = SNAPSHOT_2.lines().find(|line| !line.starts_with('#')).unwrap();
    assert_eq!(hex(&written), committed, "\n{}", hex(&written));
    let plan = RestorePlan::parse(&bytes(committed)).unwrap();
    assert_eq!((plan.value_count(), values.len()), (4, 4));
    // With a journal the records are written again, and the output waits for them.
    let actions = || Exact::new([("begin", "_input_event"), ("näxt", "n"), ("also", "n")]);
    let values: Vec<ValueHandle> = (100..104).map(ValueHandle).collect();
    let mut machine = Machine::with_journal(actions(), Limits::default(), JournalSettings::default());
    machine.restore_key(KEY, plan.clone(), &values, Vec::new()).unwrap();
    let effects: Vec<_> = std::iter::from_fn(|| machine.poll_effect(true))
        .map(|effect| format!("{effect:?}"))
        .collect();
    assert_eq!((machine.unacknowledged(), effects.len()), (2, 2), "{effects:?}");
    assert!(effects.iter().all(|effect| effect.starts_with("Record")), "{effects:?}");
    for ticket in 1..=2 {
        machine.handle_acknowledged(KEY, ticket);
    }
    let effects: Vec<_> = std::iter::from_fn(|| machine.poll_effect(true))
        .map(|effect| format!("{effect:?}"))
        .collect();
    assert!(
        effects[0].starts_with("Emit") && effects[1].starts_with("RunAction"),
        "{effects:?}"
    );
    // Without one, the output leaves and the run goes on.
    let mut machine = Machine::new(actions(), Limits::default());
    machine.restore_key(KEY, plan, &values, Vec::new()).unwrap();
    let effects: Vec<_> = std::iter::from_fn(|| machine.poll_effect(true))
        .map(|effect| format!("{effect:?}"))
        .collect();
    assert!(
        effects[0].starts_with("Emit") && effects[1].starts_with("RunAction"),
        "{effects:?}"
    );
}
