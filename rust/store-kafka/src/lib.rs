//! The journal's store in a Kafka topic.
//!
//! Records lie in partitions by ranges of key groups, claims in a partition of their own; a topic may be shared by jobs and
//! operators. See `envelope` for the layout, `open` for how a session begins, `confirm` for what
//! is acknowledged, `prune` for how records go.
//!
//! *Threads* of a session: one opens it, reads, and then prunes; one serves the producer; one looks for successors, and tells
//! what is acknowledged, so that what comes meanwhile is told all together. librdkafka has its own.
//!
//! *Constraint*: a shared library with this crate in it that has opened a session stays in its process to the end. OpenSSL sees
//! to that, since it leaves something on each thread that used it.
//!
//! *Memory*: what is appended and not acknowledged (the caller bounds it), and what librdkafka has fetched ahead.
#![forbid(unsafe_code)]

mod client;
mod compact;
mod confirm;
mod envelope;
mod marker;
mod oauth;
mod open;
mod partitions;
mod prune;
mod reader;
mod recovery;
mod registry;
mod report;
mod session;
mod settings;
mod tool;
mod topic;

pub use report::{Report, Reports};
pub use settings::{KafkaSettings, PROPERTIES};

use flink_agents_runtime::store::{Events, OpenSession, Session, Store, StoreError};
use std::sync::Arc;

/// How the store calls itself in errors.
const STORE: &str = "kafka";

/// Records in a topic.
pub struct KafkaStore {
    settings: Arc<KafkaSettings>,
    report: Report,
}

impl KafkaStore {
    /// A store with these settings. No broker is asked yet; `report` is told what is not safe about the topic.
    ///
    /// # Errors
    /// When librdkafka refuses a property, or one of them would make records unsafe.
    pub fn new(settings: KafkaSettings, report: Report) -> Result<KafkaStore, StoreError> {
        settings.client()?;
        Ok(KafkaStore {
            settings: Arc::new(settings),
            report,
        })
    }
}

impl Store for KafkaStore {
    fn open(&self, session: OpenSession, events: Arc<dyn Events>) -> Result<Box<dyn Session>, StoreError> {
        session::KafkaSession::open(&self.settings, &self.report, session, events)
            .map(|session| Box::new(session) as Box<dyn Session>)
    }
}
