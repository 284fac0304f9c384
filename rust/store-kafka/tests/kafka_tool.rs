//! What people see of a topic, and what compaction removes.

use super::kafka::{Topic, record_key};
use super::store_contract::{A, B, C, OPERATOR, Open, fork, note, read, record, request};
use flink_agents_runtime::store::tool::{LineageReport, Tool, json};
use flink_agents_runtime::store::{Append, ErrorKind, Lineage, OpenSession, Store};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: Duration = Duration::from_secs(3600);

fn deleted(key: &[u8], run: u64) -> Append {
    Append {
        value: None,
        ..record(5, key, run, "")
    }
}

fn counts(report: &[LineageReport]) -> Vec<(String, u64, u64, u64, u64, u64)> {
    let counts = |part: &LineageReport| {
        (
            part.lineage.clone(),
            part.claims,
            part.last_epoch,
            part.records,
            part.tombstones,
            part.keys,
        )
    };
    report.iter().map(counts).collect()
}

/// A record as the session of that epoch writes it, whatever has happened since.
fn late(topic: &Topic, epoch: u64, run: u64) {
    let mut key = record_key(5, b"s:key", epoch);
    key.extend_from_slice(&run.to_be_bytes());
    topic.send(Topic::partition_of(5), Some(&key), Some(b"\x01\x00late"));
}

pub fn inspection_says_what_each_lineage_has(topic: &Topic, store: &Arc<dyn Store>) {
    let mut one = Open::start(store, request(A));
    one.write(vec![
        record(5, b"s:a", 1, "0123456789"),
        record(100, b"s:b", 1, "twice"),
        record(100, b"s:b", 1, ""),
        deleted(b"s:a", 2),
    ]);
    one.end();
    Open::start(store, request(A)).end();
    let mut two = Open::start(store, request(B));
    two.write(vec![note("b")]);
    two.end();
    let report = topic.settings.inspect().unwrap();
    assert_eq!(
        counts(&report.lineages),
        [(B.to_string(), 1, 5, 1, 0, 1), (A.to_string(), 2, 3, 3, 1, 2)],
        "the latest first"
    );
    assert_eq!((report.store, report.format), ("kafka", 1));
    assert_eq!(report.place, format!("topic {}", topic.name()));
    // Key, run, step and value: 3 + 8 + 4 + 10, and twice 3 + 8 + 4.
    assert_eq!(report.lineages[1].bytes, 55);
    // Three first claims, and the record that was written twice.
    assert!(report.unused_bytes > 5 && report.unused_bytes < report.bytes / 2);
    let text = report.to_string();
    assert!(
        text.contains(&format!("job lineage {A}, operator {OPERATOR}")),
        "{text}"
    );
    assert!(
        text.contains("3 records of 2 keys, 1 of them tombstones, 55 B, from 20"),
        "{text}"
    );
    assert!(text.contains("made at the latest 20"), "{text}");
    assert!(json(&report).contains(r#""store":"kafka","place":"topic "#));
    // To look is not to write.
    assert_eq!(topic.settings.inspect().unwrap(), report);
}

#[allow(dead_code)]
pub fn a_topic_that_is_missing_is_not_made(topic: &Topic) {
    for error in [
        topic.settings.inspect().map(|_| ()).unwrap_err(),
        topic.settings.verify().map(|_| ()).unwrap_err(),
        topic
            .settings
            .compact(true, Some(Duration::ZERO))
            .map(|_| ())
            .unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Settings, "{error}");
        assert!(error.to_string().contains("there is no such topic at "), "{error}");
    }
}

pub fn verification_names_everything_that_is_wrong_by_its_place(topic: &Topic, store: &Arc<dyn Store>) {
    let part = OpenSession {
        key_groups: 0..=9,
        ..request(A)
    };
    let mut open = Open::start(store, part);
    open.write((0..100).map(|run| record(5, b"k", run, "x")).collect());
    open.write(vec![deleted(b"k", 1)]);
    open.end();
    // What a zombie writes late is passed over, and so nothing that is wrong.
    Open::start(store, request(A)).end();
    late(topic, 1, 500);
    let right = topic.settings.verify().unwrap();
    assert!(right.is_right(), "{right}");
    assert_eq!((right.records, right.claims), (101, 2));
    assert!(right.to_string().contains("101 records and 2 claims read, 0 wrong"));
    let partition = Topic::partition_of(5);
    let of_run = |key_group: u16, epoch: u64| [&record_key(key_group, b"k", epoch)[..], &[0; 12]].concat();
    let rubbish = topic.produce(partition, Some(&of_run(5, 1)), Some(b"\0rubbish"));
    let foreign = topic.produce(partition, Some(b"of another program"), Some(b"x"));
    let newer = topic.produce(partition, Some(&of_run(5, 3)), Some(b"\x09"));
    let unclaimed = topic.produce(partition, Some(&of_run(5, 99)), Some(b"\x01\x00x"));
    let elsewhere = topic.produce(partition, Some(&of_run(100, 3)), Some(b"\x01\x00x"));
    let claim = topic.produce(0, Some(b"no claim"), Some(b"x"));
    let wrong = topic.settings.verify().unwrap();
    for (partition, offset, why) in [
        (partition, rubbish, "it does not begin as what this program writes"),
        (partition, foreign, "its format is 111"),
        (partition, newer, "its format is 9"),
        (partition, unclaimed, "is of epoch 99, which nobody has claimed"),
        (
            partition,
            elsewhere,
            "is of key group 100, which belongs into partition 3",
        ),
        (0, claim, "its format is 110"),
    ] {
        let place = format!("topic {}, partition {partition}, offset {offset}", topic.name());
        let named = wrong
            .problems
            .iter()
            .any(|text| text.contains(&place) && text.contains(why));
        assert!(named, "{place}, {why}: {wrong}");
    }
    assert_eq!(wrong.wrong, 6, "{wrong}");
    // What a claim says might be needed: nothing is removed on behalf of one that cannot be read.
    let refused = topic.settings.compact(true, Some(Duration::ZERO)).unwrap_err();
    assert!(refused.to_string().contains("partition 0, offset "), "{refused}");
}

pub fn compaction_removes_what_no_session_reads(topic: &Topic, store: &Arc<dyn Store>) {
    let mut one = Open::start(store, request(A));
    one.write(vec![note("0"), record(5, b"s:key", 2, "kept")]);
    one.end();
    let mut two = Open::start(store, request(A));
    two.write(vec![record(5, b"s:key", 3, "too")]);
    two.end();
    late(topic, 1, 4);
    // As by a session that ended after it had noted how far it would prune, and before it had.
    let mut key = [&[1, 3][..], &A.0, &[0, 0, 0, 127, 0, OPERATOR.len() as u8]].concat();
    key.extend_from_slice(OPERATOR.as_bytes());
    let mut value = vec![1, 0, 128, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 3];
    for begun in [1_u64, 0, 0] {
        value.extend_from_slice(&begun.to_be_bytes());
        value.extend_from_slice(&[0; 8]);
    }
    topic.send(0, Some(&key), Some(&value));
    let plan = topic.settings.compact(false, None).unwrap();
    assert!(!plan.applied);
    let text = plan.to_string();
    assert!(
        text.contains("would remove 1 records") && text.contains("a pruning has not got to its end"),
        "{text}"
    );
    assert!(text.contains("a later attempt had taken over"), "{text}");
    assert_eq!(plan.removals.len(), 2);
    assert_eq!(
        topic.settings.inspect().unwrap().lineages[0].records,
        4,
        "a plan removes nothing"
    );
    let applied = topic.settings.compact(true, None).unwrap();
    assert_eq!(applied.removals, plan.removals);
    assert!(
        applied.to_string().contains("on disk until the brokers compact it"),
        "{applied}"
    );
    assert_eq!(topic.settings.inspect().unwrap().lineages[0].records, 2);
    assert!(topic.settings.verify().unwrap().is_right());
    assert_eq!(topic.settings.compact(true, None).unwrap().removals, []);
    let reexecute = OpenSession {
        missing_history: flink_agents_runtime::store::MissingHistory::Reexecute,
        ..request(A)
    };
    assert_eq!(read(store, reexecute), ["kept", "too"]);
}

pub fn compaction_removes_what_was_abandoned_and_a_restore_is_told_so(topic: &Topic, store: &Arc<dyn Store>) {
    let mut one = Open::start(store, request(A));
    let start = one.marker(&[]);
    one.write((0..50).map(|run| record((run % 128) as u16, b"k", run, "a")).collect());
    let end = one.marker(&[]);
    one.end();
    let mut two = Open::start(store, request(B));
    two.write(vec![note("b")]);
    two.end();
    assert_eq!(
        topic.settings.compact(true, Some(HOUR)).unwrap().removals,
        [],
        "too young"
    );
    // B wrote last when A had been silent for a while.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + HOUR;
    let producer: BaseProducer = topic.client().create().unwrap();
    let mut key = record_key(5, b"k", 3);
    key[2..18].copy_from_slice(&B.0);
    key.extend_from_slice(&7_u64.to_be_bytes());
    let later = BaseRecord::to(topic.name())
        .partition(Topic::partition_of(5))
        .key(&key)
        .payload(b"\x01\x00later")
        .timestamp(now.as_millis() as i64);
    producer.send(later).map_err(|(e, _)| e).unwrap();
    producer.flush(super::kafka::PATIENCE).unwrap();

    let plan = topic.settings.compact(false, Some(Duration::ZERO)).unwrap();
    assert_eq!(plan.removals.len(), 1, "{plan}");
    assert_eq!(
        (plan.removals[0].lineage.clone(), plan.removals[0].records),
        (A.to_string(), 50)
    );
    assert_eq!(
        topic.settings.compact(true, Some(Duration::ZERO)).unwrap().removals,
        plan.removals
    );
    let left = topic.settings.inspect().unwrap().lineages;
    assert_eq!(counts(&left), [(B.to_string(), 1, 3, 2, 0, 2)]);
    assert!(topic.settings.verify().unwrap().is_right());
    assert_eq!(
        topic
            .read(0)
            .iter()
            .filter(|message| message.payload().is_none())
            .count(),
        1
    );

    // Everything else goes on.
    assert_eq!(read(store, request(B)), ["b", "later"]);
    let restored = |lineage: Lineage, ancestors: &[Lineage], marker: &[u8]| OpenSession {
        markers: vec![marker.to_vec()],
        ..fork(lineage, ancestors)
    };
    let error = Open::begin(store, restored(C, &[A], &start)).error();
    assert_eq!(error.kind, ErrorKind::MissingHistory, "{error}");
    let error = Open::begin(store, restored(A, &[], &end)).error();
    assert_eq!(error.kind, ErrorKind::MissingHistory, "{error}");
}

pub fn a_run_whose_history_was_removed_begins_anew(topic: &Topic, store: &Arc<dyn Store>) {
    let mut one = Open::start(store, request(A));
    one.write(vec![note("old")]);
    one.end();
    let removed = topic.settings.compact(true, Some(Duration::ZERO)).unwrap().removals;
    assert_eq!(removed.len(), 1);
    assert_eq!(topic.settings.inspect().unwrap().lineages, []);
    let mut again = Open::start(store, request(A));
    assert_eq!(again.values(), Vec::<String>::new());
    again.write(vec![note("new")]);
    again.end();
    assert_eq!(read(store, request(A)), ["new"]);
    assert!(topic.settings.verify().unwrap().is_right());
}
