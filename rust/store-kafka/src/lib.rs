//! The journal's store in a Kafka topic.
//!
//! Records lie in partitions by ranges of key groups, claims in a partition of their own; a topic may be shared by jobs and
//! operators. See `envelope` for the layout, `open` for how a session begins, `prune` for how records go.
//!
//! *Threads* of a session: one opens it, reads, and then looks for successors and prunes; one serves the producer; one tells
//! what is acknowledged, so that what comes meanwhile is told all together. librdkafka has its own.
//!
//! *Memory*: what is appended and not acknowledged (the caller bounds it), and what librdkafka has fetched ahead.
#![forbid(unsafe_code)]

mod client;
mod envelope;
mod marker;
mod oauth;
mod open;
mod partitions;
mod prune;
mod reader;
mod recovery;
mod registry;
mod session;
mod settings;
mod topic;

pub use settings::{KafkaSettings, PROPERTIES};

use flink_agents_runtime::store::{Events, OpenSession, Session, Store, StoreError};
use std::sync::Arc;

/// How the store calls itself in errors.
const STORE: &str = "kafka";

/// Told what is worth a warning, in one sentence or two. Called on threads of the store; must not wait.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

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
