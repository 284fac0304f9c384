//! The Kafka store with a real broker: the contract of all stores, and what is particular to this one.
//!
//! `FLINK_AGENTS_KAFKA` tells where the broker is, as `scripts/kafka-broker` tells it; without it every test fails.
#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../runtime/tests/store_contract.rs"]
mod store_contract;
mod kafka;
mod kafka_faults;
mod kafka_topics;

contract!(kafka_store, super::kafka::Topic);
