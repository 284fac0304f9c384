//! Brokers that die, stand still, come back, or say no.

use super::kafka::{OwnBroker, Topic};
use super::store_contract::{A, Open, Place, note, read, record, request};
use flink_agents_runtime::store::{ErrorKind, StoreError};
use flink_agents_store_kafka::KafkaSettings;
use std::time::{Duration, Instant};

#[test]
fn what_was_acknowledged_outlives_kill_9_of_the_broker_and_the_rest_comes_after_it_is_back() {
    let mut own = OwnBroker::start("killed", &[]);
    let topic = Topic::at(&own.broker, "killed");
    let mut open = Open::start(&topic.store(), request(A));
    let batch = |from: u64| -> Vec<_> {
        (from..from + 500)
            .map(|run| record((run % 128) as u16, b"k", run, &format!("{run:04}")))
            .collect()
    };
    open.write(batch(0));
    open.append(batch(500)).unwrap();
    own.command(&["kill"]);
    open.append(batch(1000)).unwrap();
    own.again(&[]);
    open.recorder.until("all acknowledgements", |heard| {
        assert_eq!(heard.failed, []);
        heard.acked.len() == 1500
    });
    open.recorder.with(|heard| {
        for key_group in 0..128 {
            let tickets: Vec<u64> = heard
                .acked
                .iter()
                .filter(|acked| acked.slot == key_group)
                .map(|acked| acked.ticket)
                .collect();
            assert!(tickets.is_sorted(), "of one key in their order");
        }
    });
    open.end();
    // Each once: an idempotent producer that sends again after the break does not write twice.
    let expected: Vec<String> = (0..1500).map(|run| format!("{run:04}")).collect();
    assert_eq!(read(&topic.store(), request(A)), expected);
}

#[test]
fn a_broker_that_stands_still_ends_the_session_after_the_wait_and_not_before() {
    let own = OwnBroker::start("paused", &[]);
    let topic = Topic::at(&own.broker, "paused");
    let store = topic.with(|settings| {
        for (key, value) in [("message.timeout.ms", "4000"), ("socket.timeout.ms", "2000")] {
            settings.properties.insert(key.to_owned(), value.to_owned());
        }
        settings.open_timeout = Duration::from_secs(4);
    });
    let mut open = Open::start(&store, request(A));
    open.write(vec![note("before")]);
    own.command(&["pause"]);
    open.append(vec![note("during")]).unwrap();
    let second = Open::begin(&store, request(A));
    let begin = Instant::now();
    let error = open.error();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains("key group 5, run 1: writing a record"),
        "{error}"
    );
    let opening = second.error();
    assert_eq!(opening.kind, ErrorKind::Unavailable, "{opening}");
    assert!(begin.elapsed() < Duration::from_secs(40));
    let closing = Instant::now();
    open.end();
    second.end();
    assert!(
        closing.elapsed() < Duration::from_secs(20),
        "closing took {:?}",
        closing.elapsed()
    );
    own.command(&["continue"]);
    let values = read(&topic.store(), request(A));
    assert!(
        values.starts_with(&["before".to_owned()]) && values.len() <= 2,
        "{values:?}"
    );
}

#[test]
fn a_short_pause_is_only_slow() {
    let own = OwnBroker::start("slow", &[]);
    let topic = Topic::at(&own.broker, "slow");
    let mut open = Open::start(&topic.store(), request(A));
    open.write(vec![note("before")]);
    own.command(&["pause"]);
    open.append((0..100).map(|run| record(7, b"k", run, &format!("{run:02}"))).collect())
        .unwrap();
    open.recorder.with(|heard| assert_eq!(heard.acked.len(), 1));
    own.command(&["continue"]);
    open.recorder.until("all acknowledgements", |heard| {
        assert_eq!(heard.failed, []);
        heard.acked.len() == 101
    });
}

#[test]
fn a_topic_deleted_under_a_session_ends_it_with_the_reason() {
    let topic = Topic::new("gone");
    let store = topic.with(|settings| {
        settings
            .properties
            .insert("topic.metadata.propagation.max.ms".to_owned(), "1000".to_owned());
        settings
            .properties
            .insert("topic.metadata.refresh.interval.ms".to_owned(), "500".to_owned());
        settings
            .properties
            .insert("message.timeout.ms".to_owned(), "8000".to_owned());
    });
    let mut open = Open::start(&store, request(A));
    open.write(vec![note("before")]);
    topic.delete();
    let end = Instant::now() + Duration::from_secs(30);
    // Until the brokers have deleted it, they may still take records.
    while open.recorder.with(|heard| heard.failed.is_empty()) && Instant::now() < end {
        if open.append(vec![note("x")]).is_err() {
            break;
        }
        std::thread::yield_now();
    }
    let error = open.error();
    assert!(
        matches!(
            error.kind,
            ErrorKind::Settings | ErrorKind::Unavailable | ErrorKind::MissingHistory
        ),
        "{error}"
    );
    assert!(error.to_string().contains(topic.name()), "{error}");
}

/// Writes until that fails, and reads after the broker has room again. `disks`: it has several, and only one is full.
fn fill(name: &str, disks: bool) -> (StoreError, StoreError) {
    // Above what Kafka sets aside for an index.
    let mut own = OwnBroker::limited(name, 24 << 20, disks);
    let topic = Topic::at(&own.broker, name);
    let wait = Duration::from_secs(5);
    // What timed out is found when librdkafka's thread of the broker wakes, which waits to connect again for up to ten seconds.
    let limit = wait + Duration::from_secs(40);
    let large = |settings: &mut KafkaSettings| settings.max_record_size = 1 << 20;
    let store = topic.with(|settings| {
        large(settings);
        settings.open_timeout = wait;
        let millis = wait.as_millis().to_string();
        settings.properties.insert("message.timeout.ms".to_owned(), millis);
    });
    let value = |run: u64| format!("{run:03}{}", "x".repeat(200_000));
    let mut open = Open::start(&store, request(A));
    let mut written = 0;
    let mut last = Instant::now();
    while open.append(vec![record(5, b"k", written, &value(written))]).is_ok() {
        written += 1;
        assert!(written < 1000, "the disk is not full");
        last = Instant::now();
        open.recorder.until("its fate", |heard| {
            heard.acked.len() as u64 == written || !heard.failed.is_empty()
        });
    }
    let during = open.error();
    assert!(last.elapsed() < limit, "{during} after {:?}", last.elapsed());
    let told = open.recorder.with(|heard| heard.acked.len() as u64);
    assert!(told > 50, "{told} of {written} before {during}");
    open.end();
    let begin = Instant::now();
    let after = Open::begin(&store, request(A)).error();
    assert!(begin.elapsed() < limit, "{after} after {:?}", begin.elapsed());
    own.command(&["stop"]);
    own.again(&[]);
    let mut again = Open::start(&topic.with(large), request(A));
    let values: Vec<String> = again.values();
    let expected: Vec<String> = (0..values.len() as u64).map(value).collect();
    assert!(values == expected, "each once and in order, {} of {told}", values.len());
    assert!((told..=written).contains(&(values.len() as u64)));
    // It goes on.
    again.write(vec![record(5, b"k", written, &value(written))]);
    again.end();
    (during, after)
}

#[test]
fn a_broker_whose_only_disk_is_full_ends_and_what_was_acknowledged_is_there_when_it_has_room() {
    let (during, after) = fill("full", false);
    for error in [during, after] {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(error.reason.contains("Connection refused"), "{error}");
    }
}

#[test]
fn a_broker_that_goes_on_without_the_disk_that_is_full_is_told_from_one_that_is_not_there() {
    let (during, after) = fill("offline", true);
    for error in [during, after] {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(
            error.reason.contains("no broker is the leader of partition "),
            "{error}"
        );
        assert!(error.remedy.contains("disks"), "{error}");
    }
}
