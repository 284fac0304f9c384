//! The topic: made when it is missing, and looked at before anything is written to it.

use crate::client::{Deadline, Right, Shared, code_of, kind_of, wait};
use crate::partitions::CLAIMS;
use crate::settings::{KafkaSettings, wrong};
use crate::{Report, STORE};
use flink_agents_runtime::store::{ErrorKind, StoreError};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use std::cell::OnceCell;
use std::future::Future;
use std::time::Duration;

/// Room that a record's key and Kafka's own framing have in a topic that is made, beside the largest record.
const ROOM: usize = 128 << 10;
/// Bytes of a batch of one record beside its key and value, at most.
pub(crate) const FRAMING: usize = 128;
const REQUEST: Duration = Duration::from_millis(500);
/// How long one administrative request waits for its answer. An answer that was lost must not cost the whole opening.
const ADMIN_REQUEST: Duration = Duration::from_secs(15);

/// What is known of the topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Topic {
    pub(crate) partitions: u32,
    /// Bytes of a batch; unknown where the user may not see it.
    pub(crate) max_message: Option<usize>,
}

/// What the brokers say of the topic.
pub(crate) struct Seen {
    pub(crate) partitions: u32,
    replicas: usize,
}

/// Which partitions have nobody who takes records, if there are any.
pub(crate) fn without_leader(topic: &MetadataTopic) -> Option<String> {
    let partitions = topic.partitions().iter();
    let without: Vec<String> = partitions
        .filter(|partition| partition.leader() < 0)
        .map(|partition| partition.id().to_string())
        .collect();
    (!without.is_empty()).then(|| format!("no broker is the leader of partition {}", without.join(", ")))
}

/// Whether this is said of a request whose answer may still come when it is made again.
fn lost(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::BrokerTransportFailure
    )
}

pub(crate) struct Preparation<'a> {
    pub(crate) settings: &'a KafkaSettings,
    pub(crate) config: &'a ClientConfig,
    pub(crate) consumer: &'a BaseConsumer<Shared>,
    pub(crate) shared: &'a Shared,
    pub(crate) deadline: Deadline,
    pub(crate) report: &'a Report,
    /// Started when it is needed. Ending it takes a tenth of a second, which a session that opens does not have.
    pub(crate) admin: OnceCell<AdminClient<Shared>>,
}

impl Preparation<'_> {
    fn place(&self) -> String {
        format!("topic {}", self.settings.topic)
    }

    /// Waits for the brokers and makes sure that the topic is there and as it must be. `None` when the session ended.
    pub(crate) fn run(&self) -> Result<Option<Topic>, StoreError> {
        let seen = match self.look()? {
            Some(Some(seen)) => seen,
            Some(None) => {
                if self.create()?.is_none() {
                    return Ok(None);
                }
                match self.wait_for_topic()? {
                    Some(seen) => seen,
                    None => return Ok(None),
                }
            }
            None => return Ok(None),
        };
        self.check(&seen)
    }

    /// How many partitions the topic has. It is not made.
    ///
    /// # Errors
    /// When there is none, or no broker answers.
    pub(crate) fn existing(&self) -> Result<Seen, StoreError> {
        match self.look()? {
            Some(Some(seen)) => Ok(seen),
            _ => Err(wrong(
                self.place(),
                format!("there is no such topic at {}", self.settings.bootstrap_servers),
                "Let kafkaActionStateTopic and kafkaBootstrapServers name what the job ran with",
            )),
        }
    }

    /// What a job would find, and whether it would go on: `None` when there is no topic, which it would make.
    pub(crate) fn probe(&self) -> Result<Option<Topic>, StoreError> {
        match self.look()? {
            Some(Some(seen)) => self.check(&seen),
            _ => Ok(None),
        }
    }

    fn wait_for_topic(&self) -> Result<Option<Seen>, StoreError> {
        loop {
            match self.look()? {
                Some(Some(seen)) => return Ok(Some(seen)),
                None => return Ok(None),
                Some(None) if self.deadline.passed() => {
                    let doing = "waiting for the topic that was created";
                    return Err(self.timed_out(doing));
                }
                Some(None) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Asks for the topic: `Some(None)` when it does not exist, `None` when the session ended.
    fn look(&self) -> Result<Option<Option<Seen>>, StoreError> {
        let doing = "asking the brokers for the topic";
        loop {
            if self.shared.troubles.stopped() {
                return Ok(None);
            }
            // Serves what librdkafka has to say, of which the reason for a wait is made: one event at each call.
            let said = Deadline::after(Duration::from_millis(50));
            while self.consumer.poll(Duration::from_millis(5)).is_some() && !said.passed() {}
            if let Some(refused) = self.shared.refused(&self.place()) {
                return Err(refused);
            }
            let answer = self.consumer.fetch_metadata(Some(&self.settings.topic), REQUEST);
            let code = match &answer {
                Ok(metadata) => match metadata.topics().first() {
                    Some(topic) => match topic.error() {
                        None if !topic.partitions().is_empty()
                            && topic.partitions().iter().all(|p| p.leader() >= 0) =>
                        {
                            return Ok(Some(Some(Seen {
                                partitions: topic.partitions().len() as u32,
                                replicas: topic.partitions().iter().map(|p| p.replicas().len()).min().unwrap_or(0),
                            })));
                        }
                        None => RDKafkaErrorCode::LeaderNotAvailable,
                        Some(error) => RDKafkaErrorCode::from(error),
                    },
                    None => RDKafkaErrorCode::UnknownTopicOrPartition,
                },
                Err(e) => code_of(e),
            };
            match code {
                RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => return Ok(Some(None)),
                RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::InvalidTopic => {
                    return Err(self.refused(doing, Right::Describe, code));
                }
                _ if self.deadline.passed() => {
                    let metadata = answer.ok();
                    let leaderless = metadata.and_then(|metadata| without_leader(metadata.topics().first()?));
                    return Err(match leaderless {
                        Some(said) => {
                            let code = RDKafkaErrorCode::LeaderNotAvailable;
                            let said = format!("{said} within {:?}", self.settings.open_timeout);
                            self.shared.error(&self.place(), doing, Right::Describe, code, &said)
                        }
                        None => self.timed_out(doing),
                    });
                }
                RDKafkaErrorCode::LeaderNotAvailable => std::thread::sleep(Duration::from_millis(50)),
                _ => {}
            }
        }
    }

    fn admin(&self) -> Result<&AdminClient<Shared>, StoreError> {
        if let Some(admin) = self.admin.get() {
            return Ok(admin);
        }
        let started = AdminClient::from_config_and_context(self.config, self.shared.clone());
        let admin = started.map_err(|e| self.error("starting a client", Right::Describe, &e))?;
        Ok(self.admin.get_or_init(|| admin))
    }

    fn options(&self) -> AdminOptions {
        let left = self.deadline.0.saturating_duration_since(std::time::Instant::now());
        AdminOptions::new().request_timeout(Some(left.clamp(Duration::from_secs(1), ADMIN_REQUEST)))
    }

    /// Makes an administrative request, again when its answer does not come or its connection breaks. `None` when the session
    /// ended.
    fn ask<T, F>(
        &self,
        request: impl Fn(&AdminClient<Shared>, &AdminOptions) -> F,
    ) -> Result<Option<KafkaResult<T>>, StoreError>
    where
        F: Future<Output = KafkaResult<T>>,
    {
        let admin = self.admin()?;
        loop {
            match wait(&self.shared.troubles, request(admin, &self.options())) {
                Some(Err(e)) if lost(code_of(&e)) && !self.deadline.passed() => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                answer => return Ok(answer),
            }
        }
    }

    fn error(&self, doing: &str, right: Right, error: &KafkaError) -> StoreError {
        self.shared
            .error(&self.place(), doing, right, code_of(error), &error.to_string())
    }

    fn refused(&self, doing: &str, right: Right, code: RDKafkaErrorCode) -> StoreError {
        self.shared.error(&self.place(), doing, right, code, &code.to_string())
    }

    fn timed_out(&self, doing: &str) -> StoreError {
        self.shared
            .timed_out(&self.place(), doing, Right::Describe, self.settings.open_timeout)
    }

    /// rdkafka's admin client does not serve the requests for a token that librdkafka makes: it cannot log in by one.
    fn logs_in_by_token(&self) -> bool {
        let mechanism = |key: &&String| matches!(key.as_str(), "sasl.mechanism" | "sasl.mechanisms");
        let properties = self.settings.properties.iter();
        properties
            .filter(|(key, _)| mechanism(key))
            .any(|(_, value)| value.eq_ignore_ascii_case("OAUTHBEARER"))
    }

    fn create(&self) -> Result<Option<()>, StoreError> {
        let doing = "creating the topic";
        if self.logs_in_by_token() {
            return Err(wrong(
                self.place(),
                "it does not exist, and with sasl.mechanism=OAUTHBEARER the store cannot create it",
                format!(
                    "Create it with {} partitions and cleanup.policy=compact",
                    u64::from(self.settings.partitions) + 1
                ),
            ));
        }
        let KafkaSettings {
            topic,
            partitions,
            replication_factor,
            max_record_size,
            ..
        } = self.settings;
        let limit = (max_record_size + ROOM).max(1 << 20).to_string();
        let replication = replication_factor.map_or(-1, i32::from);
        // One partition more, for the claims: the number that was set divides the key groups.
        let new = NewTopic::new(topic, *partitions as i32 + 1, TopicReplication::Fixed(replication))
            .set("cleanup.policy", "compact")
            .set("max.message.bytes", &limit);
        let Some(answer) = self.ask(|admin, options| admin.create_topics([&new], options))? else {
            return Ok(None);
        };
        for result in answer.map_err(|e| self.error(doing, Right::Create, &e))? {
            match result {
                // Another subtask was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => {
                    return Err(self.refused(doing, Right::Create, code));
                }
            }
        }
        Ok(Some(()))
    }

    /// Refuses settings by which records get lost. `None` when the session ended.
    pub(crate) fn check(&self, seen: &Seen) -> Result<Option<Topic>, StoreError> {
        if !self.settings.check_topic {
            return Ok(Some(Topic {
                partitions: seen.partitions,
                max_message: None,
            }));
        }
        if self.logs_in_by_token() {
            return Ok(Some(self.unchecked(seen, "sasl.mechanism=OAUTHBEARER", "")));
        }
        let asked = [ResourceSpecifier::Topic(&self.settings.topic)];
        let Some(answer) = self.ask(|admin, options| admin.describe_configs(&asked, options))? else {
            return Ok(None);
        };
        let described = answer.map(|mut all| all.pop().unwrap_or(Err(RDKafkaErrorCode::Unknown)));
        let doing = "asking for the topic's settings";
        let settings = match described {
            // A topic has settings: where there are none, rdkafka has passed over the error that stands in their place.
            Ok(Ok(settings)) if settings.entries.is_empty() => {
                let code = RDKafkaErrorCode::TopicAuthorizationFailed;
                let (lacks, remedy) = self.shared.lacks(Right::DescribeConfigs, code);
                let why = format!("the brokers show none: {lacks}, it seems");
                return Ok(Some(self.unchecked(seen, &why, &format!(" {remedy}."))));
            }
            Ok(Ok(settings)) => settings,
            // Not for the user to see.
            Ok(Err(code)) | Err(KafkaError::AdminOp(code)) if kind_of(code) == ErrorKind::Denied => {
                let (lacks, remedy) = self.shared.lacks(Right::DescribeConfigs, code);
                return Ok(Some(self.unchecked(seen, &lacks, &format!(" {remedy}."))));
            }
            // Not to be had from what only speaks Kafka's protocol.
            Ok(Err(code)) | Err(KafkaError::AdminOp(code)) if code == RDKafkaErrorCode::UnsupportedFeature => {
                return Ok(Some(self.unchecked(seen, &format!("{code:?}"), "")));
            }
            Ok(Err(code)) => return Err(self.refused(doing, Right::DescribeConfigs, code)),
            Err(e) => return Err(self.error(doing, Right::DescribeConfigs, &e)),
        };
        let max_message = self.judge(seen, &settings)?;
        Ok(Some(Topic {
            partitions: seen.partitions,
            max_message,
        }))
    }

    fn unchecked(&self, seen: &Seen, why: &str, remedy: &str) -> Topic {
        (self.report)(&format!(
            "Action state store {STORE}: {}: its settings cannot be checked ({why}). They must have cleanup.policy=compact, and \
             max.message.bytes above action-state.max-record-size.{remedy}",
            self.place()
        ));
        Topic {
            partitions: seen.partitions,
            max_message: None,
        }
    }

    /// Refuses settings by which records get lost, and reports those by which they may.
    fn judge(&self, seen: &Seen, settings: &ConfigResource) -> Result<Option<usize>, StoreError> {
        let value = |name: &str| {
            settings
                .get(name)
                .and_then(|entry| entry.value.as_deref())
                .unwrap_or_default()
        };
        let warn = |text: String| (self.report)(&format!("Action state store {STORE}: {}: {text}", self.place()));
        let policy = value("cleanup.policy");
        let policies: Vec<&str> = policy.split(',').map(str::trim).collect();
        if !policies.contains(&"compact") {
            return Err(wrong(
                self.place(),
                format!(
                    "its cleanup.policy is '{policy}': records that are still needed would be deleted by their age"
                ),
                "Set cleanup.policy=compact for the topic, or let kafkaActionStateTopic name another one",
            ));
        }
        if policies.contains(&"delete") {
            warn(format!(
                "its cleanup.policy is '{policy}': records older than its retention.ms ({}) are lost, needed or not. Set \
                 cleanup.policy=compact.",
                value("retention.ms")
            ));
        }
        if value("compression.type") == "zstd" {
            return Err(wrong(
                self.place(),
                "its compression.type is 'zstd', which this store cannot read",
                "Set compression.type=producer for the topic, or gzip, snappy or lz4; what it has already stays unreadable",
            ));
        }
        let in_sync: usize = value("min.insync.replicas").parse().unwrap_or(1);
        if seen.replicas < 2 {
            warn(format!(
                "it has {} replica: what is acknowledged is lost with one broker. Three replicas and min.insync.replicas=2 \
                 are safe.",
                seen.replicas
            ));
        } else if in_sync < 2 {
            warn(format!(
                "its min.insync.replicas is {in_sync}: with the others away, a record is acknowledged that one broker alone \
                 has. Set it to 2."
            ));
        }
        if in_sync > seen.replicas {
            return Err(wrong(
                self.place(),
                format!(
                    "it has {} replicas, and its min.insync.replicas is {in_sync}: nothing can be written",
                    seen.replicas
                ),
                "Lower min.insync.replicas or add replicas",
            ));
        }
        if seen.partitions < 2 {
            warn(format!(
                "it has one partition, so claims are read with all records in partition {CLAIMS}, and every subtask reads \
                 everything. Let it have one more than kafkaActionStateTopicNumPartitions."
            ));
        }
        let limit: Option<usize> = value("max.message.bytes").parse().ok();
        if let Some(limit) = limit.filter(|limit| *limit < self.settings.max_record_size + FRAMING) {
            warn(format!(
                "its max.message.bytes is {limit}, so records of action-state.max-record-size ({}) do not fit. Raise it.",
                self.settings.max_record_size
            ));
        }
        Ok(limit)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rdkafka::admin::{ConfigEntry, ConfigSource, OwnedResourceSpecifier};
    use std::sync::{Arc, Mutex};

    fn described(entries: &[(&str, &str)]) -> ConfigResource {
        let entry = |(name, value): &(&str, &str)| ConfigEntry {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
            source: ConfigSource::DynamicTopic,
            is_read_only: false,
            is_default: false,
            is_sensitive: false,
        };
        ConfigResource {
            specifier: OwnedResourceSpecifier::Topic("journal".to_owned()),
            entries: entries.iter().map(entry).collect(),
        }
    }

    /// What is said of a topic with so many replicas and partitions, and whether it is refused. No broker is asked.
    fn judged(replicas: usize, partitions: u32, entries: &[(&str, &str)]) -> (Vec<String>, Option<StoreError>) {
        let settings = Arc::new(KafkaSettings::new("localhost:1", "journal"));
        let shared = Shared::new(&settings);
        let config = settings.client().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        let report: Report = Arc::new(move |text: &str| heard.lock().unwrap().push(text.to_owned()));
        let preparation = Preparation {
            settings: &settings,
            config: &config,
            consumer: &settings.consumer(&config, &shared).unwrap(),
            shared: &shared,
            deadline: Deadline::after(Duration::ZERO),
            report: &report,
            admin: OnceCell::new(),
        };
        let refused = preparation
            .judge(&Seen { partitions, replicas }, &described(entries))
            .err();
        let said = said.lock().unwrap().clone();
        (said, refused)
    }

    #[test]
    fn a_topic_that_is_safe_is_not_talked_about() {
        let entries = [
            ("cleanup.policy", "compact"),
            ("min.insync.replicas", "2"),
            ("max.message.bytes", "4000000"),
        ];
        let (said, refused) = judged(3, 65, &entries);
        assert_eq!((said, refused), (vec![], None));
    }

    #[test]
    fn one_in_sync_replica_of_several_is_reported() {
        let (said, refused) = judged(3, 65, &[("cleanup.policy", "compact"), ("min.insync.replicas", "1")]);
        assert_eq!(refused, None);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("topic journal: its min.insync.replicas is 1") && said[0].contains("Set it to 2"),
            "{said:?}"
        );
    }

    #[test]
    fn more_in_sync_replicas_than_there_are_are_refused() {
        let (_, refused) = judged(2, 65, &[("cleanup.policy", "compact"), ("min.insync.replicas", "3")]);
        let error = refused.unwrap();
        assert_eq!(error.kind, ErrorKind::Settings);
        assert!(
            error
                .to_string()
                .contains("2 replicas, and its min.insync.replicas is 3"),
            "{error}"
        );
    }
}
