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
mod kafka;
mod kafka_faults;
mod kafka_topics;

use journal_crashes::{Undying, check};
use kafka::{Broker, Topic};
use std::time::Duration;

contract!(kafka_store, super::kafka::Topic);

#[test]
fn a_journal_over_a_topic() {
    check(&Topic::at(&Broker::shared(), "journal").changed(|_| {}));
}

#[test]
fn a_journal_over_a_topic_with_zombies() {
    let topic = Topic::at(&Broker::shared(), "zombies");
    // Without a look at their successors they stay alive to the end.
    let store = Undying::of(topic.changed(|settings| settings.watch_interval = Duration::from_secs(3600)));
    check(&store);
    assert!(store.count() > 5, "{} live on", store.count());
}
