//! The Kafka store with a real broker: the contract of all stores, and what is particular to this one.
//!
//! `FLINK_AGENTS_KAFKA` tells where the broker is, as `scripts/kafka-broker` tells it; without it every test fails.
#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../runtime/tests/store_contract.rs"]
mod store_contract;
#[allow(dead_code)]
#[path = "../../runtime/tests/journal_agent.rs"]
mod journal_agent;
#[path = "../../runtime/tests/journal_crashes.rs"]
mod journal_crashes;
#[path = "../../runtime/tests/journal_faults.rs"]
mod journal_faults;
#[path = "../../runtime/tests/journal_puppet.rs"]
mod journal_puppet;
mod kafka;
mod kafka_acls;
mod kafka_faults;
mod kafka_late;
mod kafka_tool;
mod kafka_topics;

use flink_agents_runtime::store::Store;
use journal_crashes::{Undying, check, check_late_claims};
use kafka::{Broker, Topic};
use std::sync::{Arc, Mutex};
use std::time::Duration;

contract!(kafka_store, super::kafka::Topic);

#[test]
fn an_attempt_that_goes_on_late_takes_nothing_from_the_one_that_works() {
    kafka_late::an_attempt_that_goes_on_late_takes_nothing_from_the_one_that_works::<Topic>();
}

#[test]
fn records_on_their_way_while_an_attempt_claims_late_are_read_if_they_are_acknowledged() {
    kafka_late::records_on_their_way_while_an_attempt_claims_late_are_read_if_they_are_acknowledged::<Topic>();
}

#[test]
fn a_claim_that_has_no_places_yet_ends_the_session_before_it() {
    let topic = Topic::at(&Broker::shared(), "unplaced");
    kafka_late::a_claim_that_has_no_places_yet_ends_the_session_before_it(
        &topic,
        &store_contract::Place::store(&topic),
    );
}

#[test]
fn a_journal_over_a_topic() {
    check(&Topic::at(&Broker::shared(), "journal").changed(|_| {}));
}

#[test]
fn a_journal_over_a_topic_with_late_claims() {
    let topic = Topic::at(&Broker::shared(), "late-claims");
    check_late_claims(topic.with(|settings| settings.watch_interval = Duration::from_secs(3600)));
}

#[test]
fn a_journal_over_a_topic_with_zombies() {
    let topic = Topic::at(&Broker::shared(), "zombies");
    // Without a look at their successors they stay alive to the end.
    let store = Undying::of(topic.changed(|settings| settings.watch_interval = Duration::from_secs(3600)));
    check(&store);
    assert!(store.count() > 5, "{} live on", store.count());
}

#[test]
fn a_topic_that_is_missing_is_not_made() {
    kafka_tool::a_topic_that_is_missing_is_not_made(&Topic::at(&Broker::shared(), "absent"));
}

#[test]
fn inspection_says_what_each_lineage_has() {
    let topic = Topic::at(&Broker::shared(), "tool");
    kafka_tool::inspection_says_what_each_lineage_has(&topic, &store_contract::Place::store(&topic));
}

#[test]
fn verification_names_everything_that_is_wrong_by_its_place() {
    let topic = Topic::at(&Broker::shared(), "tool");
    kafka_tool::verification_names_everything_that_is_wrong_by_its_place(&topic, &store_contract::Place::store(&topic));
}

#[test]
fn compaction_removes_what_no_session_reads() {
    let topic = Topic::at(&Broker::shared(), "tool");
    kafka_tool::compaction_removes_what_no_session_reads(&topic, &store_contract::Place::store(&topic));
}

#[test]
fn compaction_removes_what_was_abandoned_and_a_restore_is_told_so() {
    let topic = Topic::at(&Broker::shared(), "tool");
    kafka_tool::compaction_removes_what_was_abandoned_and_a_restore_is_told_so(
        &topic,
        &store_contract::Place::store(&topic),
    );
}

#[test]
fn a_run_whose_history_was_removed_begins_anew() {
    let topic = Topic::at(&Broker::shared(), "tool");
    kafka_tool::a_run_whose_history_was_removed_begins_anew(&topic, &store_contract::Place::store(&topic));
}

/// A topic of its own that is deleted while sessions use it. The case goes on with another topic, as an operator would.
struct Deleted {
    topics: Mutex<Vec<Topic>>,
}

impl journal_faults::Hazards for Deleted {
    fn new(seed: u64) -> Deleted {
        Deleted {
            topics: Mutex::new(vec![Topic::at(&Broker::shared(), &format!("faults-{seed}"))]),
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        let topics = self.topics.lock().unwrap();
        topics.last().unwrap().with(|settings| {
            settings.max_record_size = 1 << 20;
            // How soon a session notices.
            for (key, millis) in [
                ("topic.metadata.propagation.max.ms", "1000"),
                ("topic.metadata.refresh.interval.ms", "500"),
                ("message.timeout.ms", "8000"),
            ] {
                settings.properties.insert(key.to_owned(), millis.to_owned());
            }
        })
    }

    fn remove(&self) -> bool {
        let mut topics = self.topics.lock().unwrap();
        topics.last().unwrap().delete();
        topics.push(Topic::at(&Broker::shared(), "faults-again"));
        true
    }

    fn removals(&self) -> usize {
        40
    }
}

#[test]
fn whatever_befalls_the_journal_nothing_acknowledged_is_done_again() {
    // Each takes seconds; FLINK_AGENTS_MODEL_CASES multiplies them.
    let least = [
        ("crash", 150),
        ("call made", 500),
        ("acknowledgements lost", 8),
        ("record too large", 8),
        ("zombie wrote", 15),
        ("action replayed", 15),
        ("call replayed", 50),
        ("removed", 8),
    ];
    journal_faults::faults::<Deleted>(12, &least);
}
