//! Claims of attempts that had been given up before they claimed: whatever they come to, nothing acknowledged is lost.
#![allow(dead_code)]

use super::kafka::{PATIENCE, Topic};
use super::store_contract::{A, Open, Place, note, read, record, request};
use flink_agents_runtime::store::{ErrorKind, Store};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the session was told is durable, as text.
fn acknowledged(open: &Open, values: &[String]) -> Vec<String> {
    let value = |ticket: u64| values[ticket as usize].clone();
    open.recorder
        .with(|heard| heard.acked.iter().map(|acked| value(acked.ticket)).collect())
}

/// Attempt 2 works; attempt 1, paused before its claim, goes on; attempt 3 reads.
pub fn an_attempt_that_goes_on_late_takes_nothing_from_the_one_that_works<P: Place>() {
    let place = P::new("late");
    let mut second = Open::start(&place.store(), request(A));
    second.write(vec![note("before")]);
    let first = Open::start(&place.store(), request(A));
    second.append(vec![note("after")]).unwrap();
    second
        .recorder
        .until("its fate", |heard| heard.acked.len() == 2 || !heard.failed.is_empty());
    let told = acknowledged(&second, &["before".to_owned(), "after".to_owned()]);
    first.end();
    let third = read(&place.store(), request(A));
    assert!(
        told.iter().all(|value| third.contains(value)),
        "acknowledged: {told:?}; read: {third:?}"
    );
    assert_eq!(second.error().kind, ErrorKind::Fenced);
    second.end();
}

/// The same, while records of attempt 2 are on their way one after the other.
pub fn records_on_their_way_while_an_attempt_claims_late_are_read_if_they_are_acknowledged<P: Place>() {
    for round in 0..5 {
        let place = P::new("racing");
        let mut second = Open::start(&place.store(), request(A));
        let written = AtomicU64::new(0);
        let values: Vec<String> = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut values = Vec::new();
                let end = Instant::now() + PATIENCE;
                while Instant::now() < end {
                    let run = values.len() as u64;
                    if second
                        .append(vec![record((run % 128) as u16, b"k", run, &format!("{run}"))])
                        .is_err()
                    {
                        break;
                    }
                    values.push(format!("{run}"));
                    second.recorder.until("its fate", |heard| {
                        heard.acked.len() as u64 > run || !heard.failed.is_empty()
                    });
                    written.store(run, Ordering::Release);
                }
                values
            });
            while written.load(Ordering::Acquire) < 20 {
                std::thread::yield_now();
            }
            Open::start(&place.store(), request(A)).end();
            writer.join().unwrap()
        });
        assert_eq!(second.error().kind, ErrorKind::Fenced);
        let told = acknowledged(&second, &values);
        assert!(told.len() >= 20);
        let third = read(&place.store(), request(A));
        let lost: Vec<&String> = told.iter().filter(|value| !third.contains(value)).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?} of {} are lost", told.len());
    }
}

/// The first message of the claims, and another session's of it. Asks for no ends.
fn claim_of_another(topic: &Topic) -> (Vec<u8>, Vec<u8>) {
    let message = first_claim(topic);
    let mut key = message.key().unwrap().to_vec();
    // Format, kind, lineage; then the nonce.
    key[18] ^= 0xff;
    (key, message.payload().unwrap().to_vec())
}

fn first_claim(topic: &Topic) -> OwnedMessage {
    let consumer: BaseConsumer = topic.client().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic.name(), 0, Offset::Offset(0)).unwrap();
    consumer.assign(&list).unwrap();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            return message.detach();
        }
    }
    panic!("nobody has claimed");
}

/// A later session has claimed and may know the ends already; it has not said so yet.
pub fn a_claim_that_has_no_places_yet_ends_the_session_before_it(topic: &Topic, store: &Arc<dyn Store>) {
    let mut open = Open::start(store, request(A));
    open.write(vec![note("before")]);
    let (key, value) = claim_of_another(topic);
    topic.send(0, Some(&key), Some(&value));
    open.append(vec![note("after")]).unwrap();
    assert_eq!(open.error().kind, ErrorKind::Fenced);
    open.recorder
        .with(|heard| assert_eq!(heard.acked.len(), 1, "only the first"));
    open.end();
}

/// The same while a session asks for its own places: the later one may have asked before it, and what this one reads must be
/// read by everybody after it. `hold` keeps the session from an answer, `go` lets it go on.
pub fn a_claim_between_the_two_of_a_session_ends_it_before_it_reads(
    topic: &Topic,
    store: &Arc<dyn Store>,
    hold: impl FnOnce(),
    go: impl FnOnce(),
) {
    hold();
    let open = Open::begin(store, request(A));
    let (key, value) = claim_of_another(topic);
    topic.send(0, Some(&key), Some(&value));
    go();
    assert_eq!(open.error().kind, ErrorKind::Fenced);
    open.recorder.with(|heard| assert_eq!(heard.done, []));
    open.end();
}
