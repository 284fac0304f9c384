//! What the store is told: addresses, topic, properties of librdkafka, limits.

use crate::STORE;
use crate::client::Shared;
use flink_agents_core::config::{ConfigError, ConfigMap};
use flink_agents_runtime::secrets;
use flink_agents_runtime::store::{ErrorKind, StoreError};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Prefix of the keys that are passed on to librdkafka.
pub const PROPERTIES: &str = "kafka.properties.";

/// What every client of the store must have, and what it means to have it otherwise.
const FIXED: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("enable.gapless.guarantee", "true"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    // Nothing here is a transaction. Where somebody else's is open, the ends of partitions stood still for those who wait for it.
    ("isolation.level", "read_uncommitted"),
];
/// What the store decides for itself.
const OWN: &[(&str, &str)] = &[
    ("bootstrap.servers", "set kafkaBootstrapServers"),
    ("metadata.broker.list", "set kafkaBootstrapServers"),
    ("request.required.acks", "the store always asks all replicas"),
    ("transactional.id", "the store uses no transactions"),
    ("message.max.bytes", "set action-state.max-record-size"),
];
/// Unless a property says otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("client.id", "flink-agents"),
    // The consumer never joins this group: it is told what to read. librdkafka does not do without a name.
    ("group.id", "flink-agents"),
    // Short beside a round trip, long enough that records of other keys come along.
    ("linger.ms", "0.5"),
    // The caller bounds what is in flight; a second bound here would have to block somebody.
    ("queue.buffering.max.messages", "0"),
    ("queue.buffering.max.kbytes", "2147483647"),
    ("message.timeout.ms", "120000"),
    // Only at the end of a partition does a broker wait, and what is asked for next waits behind that.
    ("fetch.wait.max.ms", "10"),
    // What was fetched ahead fills librdkafka's queue while a journal is read; with its default of a second it is then empty for
    // most of the time.
    ("fetch.queue.backoff.ms", "5"),
    ("check.crcs", "true"),
    ("auto.offset.reset", "error"),
];

const SOCKET_TIMEOUT: &str = "socket.timeout.ms";

/// Settings of the store; [`KafkaSettings::of`] reads them from a plan's configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port,host:port`.
    pub bootstrap_servers: String,
    /// Created when it is missing.
    pub topic: String,
    /// Partitions for records of a topic that is created; it gets one more, for claims.
    pub partitions: u32,
    /// Replicas of a topic that is created; `None` leaves it to the brokers.
    pub replication_factor: Option<u16>,
    /// Properties of librdkafka, references to secrets resolved.
    pub properties: BTreeMap<String, String>,
    /// Bytes; a larger record is refused.
    pub max_record_size: usize,
    /// How old a record must be at least when it is pruned.
    pub retention: Duration,
    /// How long a step of an opening waits for the brokers. Of a plan's configuration: 60 s, or `message.timeout.ms` if that is
    /// less.
    pub open_timeout: Duration,
    /// Whether the topic's settings are asked for and judged. What speaks Kafka's protocol and is no Kafka may not tell them.
    pub check_topic: bool,
    /// How often a session looks for a successor, by which it is a zombie.
    pub watch_interval: Duration,
}

impl fmt::Debug for KafkaSettings {
    /// Without values of properties: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("topic", &self.topic)
            .field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}

pub(crate) fn wrong(what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> StoreError {
    StoreError::new(ErrorKind::Settings, STORE, what, why, remedy)
}

impl KafkaSettings {
    /// Settings with defaults.
    pub fn new(bootstrap_servers: impl Into<String>, topic: impl Into<String>) -> KafkaSettings {
        KafkaSettings {
            bootstrap_servers: bootstrap_servers.into(),
            topic: topic.into(),
            partitions: 64,
            replication_factor: None,
            properties: BTreeMap::new(),
            max_record_size: 1 << 20,
            retention: Duration::from_secs(7 * 24 * 3600),
            open_timeout: Duration::from_secs(60),
            check_topic: true,
            watch_interval: Duration::from_secs(5),
        }
    }

    /// Reads all of them from a plan's configuration, as [`KafkaSettings::from_config`] does.
    ///
    /// # Errors
    /// When a key is missing or has a wrong value, or a secret is not where it should be.
    pub fn of(config: &ConfigMap) -> Result<KafkaSettings, StoreError> {
        let mut texts = Vec::new();
        for (key, _) in config.iter().filter(|(key, _)| key.starts_with("kafka")) {
            match config.get_text(key) {
                Ok(text) => texts.extend(text.map(|text| (key, text))),
                // That of an option shows its value.
                Err(ConfigError::Value { .. }) if is_secret(key) => {
                    return Err(wrong(
                        key,
                        "its value is no text",
                        "Set it to a text, or to ${file:PATH} or ${env:NAME}",
                    ));
                }
                Err(ConfigError::NotAnOption { .. }) => {}
                Err(e) => return Err(wrong(key, e.to_string(), "Correct the option")),
            }
        }
        let mut settings = KafkaSettings::from_config(texts.iter().map(|(key, text)| (*key, text.as_str())))?;
        let refused = |key: &'static str| move |e: ConfigError| wrong(key, e.to_string(), "Correct the option");
        let retention = "action-state.retention";
        if let Some(retention) = config.get_duration(retention).map_err(refused(retention))? {
            settings.retention = retention;
        }
        let size = "action-state.max-record-size";
        if let Some(size) = config.get_size(size).map_err(refused(size))? {
            settings.max_record_size = usize::try_from(size).unwrap_or(usize::MAX);
        }
        Ok(settings)
    }

    /// Reads the keys that begin with `kafka` from a flat configuration. A property may name a secret instead of having it:
    /// `${env:NAME}` is the value of an environment variable of this process, `${file:PATH}` the content of a file, without
    /// the line's end. Size and age of records are left at their defaults.
    ///
    /// # Errors
    /// When a key is missing or has a wrong value, or a secret is not where it should be.
    pub fn from_config<'a>(config: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<KafkaSettings, StoreError> {
        let mut settings = KafkaSettings::new("localhost:9092", "");
        for (key, value) in config {
            match key {
                "kafkaBootstrapServers" => value.clone_into(&mut settings.bootstrap_servers),
                "kafkaActionStateTopic" => value.clone_into(&mut settings.topic),
                "kafkaActionStateTopicNumPartitions" => settings.partitions = number(key, value, 1, 100_000)?,
                "kafkaActionStateTopicReplicationFactor" if value.trim() != "-1" => {
                    settings.replication_factor = Some(number(key, value, 1, 1000)?);
                }
                _ => {
                    if let Some(property) = key.strip_prefix(PROPERTIES) {
                        settings.properties.insert(property.to_owned(), resolve(key, value)?);
                    }
                }
            }
        }
        if settings.topic.is_empty() {
            return Err(wrong(
                "kafkaActionStateTopic",
                "it is not set",
                "Set it to the name of a topic; the topic is created when it is missing",
            ));
        }
        settings.open_timeout = settings.open_timeout.min(settings.patience());
        Ok(settings)
    }

    /// What librdkafka is told. Its own complaint about a property is the error.
    pub(crate) fn client(&self) -> Result<ClientConfig, StoreError> {
        for (key, remedy) in OWN {
            if self.properties.contains_key(*key) {
                return Err(wrong(
                    format!("{PROPERTIES}{key}"),
                    "the store sets it itself",
                    format!("Remove the property; {remedy}"),
                ));
            }
        }
        for (key, value) in FIXED {
            let given = self.properties.get(*key).map(String::as_str);
            if given.is_some_and(|given| given != *value && !(*key == "acks" && given == "-1")) {
                return Err(wrong(
                    format!("{PROPERTIES}{key}"),
                    format!("it must be {value}: no record would be safe otherwise"),
                    "Remove the property",
                ));
            }
        }
        let mut config = ClientConfig::new();
        let set = |config: &mut ClientConfig, key: &str, value: &str| {
            config.set(key, value);
            match one(key, value) {
                Ok(()) => Ok(()),
                Err(e) => Err(wrong(
                    format!("{PROPERTIES}{key}"),
                    self.scrub(&e),
                    "See CONFIGURATION.md of librdkafka for what the property may be",
                )),
            }
        };
        set(&mut config, "bootstrap.servers", &self.bootstrap_servers)?;
        for (key, value) in DEFAULTS {
            set(&mut config, key, value)?;
        }
        // The OpenSSL that comes built in knows no place of this machine: librdkafka looks at the usual ones when told to.
        if !self.properties.keys().any(|key| key.starts_with("ssl.ca.")) {
            set(&mut config, "ssl.ca.location", "probe")?;
        }
        for (key, value) in &self.properties {
            set(&mut config, key, value)?;
        }
        for (key, value) in FIXED {
            set(&mut config, key, value)?;
        }
        Ok(config)
    }

    /// A client that reads. Its requests are answered soon or never, and an answer that was lost must not cost the whole
    /// opening; those of a producer may take as long as replicas do.
    pub(crate) fn consumer(&self, config: &ClientConfig, shared: &Shared) -> Result<BaseConsumer<Shared>, StoreError> {
        let mut config = config.clone();
        if !self.properties.contains_key(SOCKET_TIMEOUT) {
            config.set(SOCKET_TIMEOUT, "30000");
        }
        BaseConsumer::from_config_and_context(&config, shared.clone()).map_err(|e| self.broken(&e))
    }

    /// The error for properties that librdkafka refuses all together.
    pub(crate) fn broken(&self, error: &KafkaError) -> StoreError {
        wrong(
            "kafka.properties",
            self.scrub(&error.to_string()),
            "Correct the properties",
        )
    }

    /// How long brokers may take to confirm what they have written: as long as they may take to write it.
    pub(crate) fn patience(&self) -> Duration {
        let given = ["message.timeout.ms", "delivery.timeout.ms"]
            .iter()
            .find_map(|key| self.properties.get(*key));
        let default = DEFAULTS
            .iter()
            .find(|(key, _)| *key == "message.timeout.ms")
            .map(|(_, value)| *value);
        match given
            .map(String::as_str)
            .or(default)
            .and_then(|millis| millis.trim().parse().ok())
        {
            // For ever.
            Some(0) | None => Duration::from_secs(u64::from(u32::MAX)),
            Some(millis) => Duration::from_millis(millis),
        }
    }

    /// As whom brokers see the store's clients, if the properties tell.
    pub(crate) fn principal(&self) -> Option<String> {
        let property = |key: &str| self.properties.get(key).map(|value| value.trim());
        let protocol = property("security.protocol")
            .unwrap_or("plaintext")
            .to_ascii_lowercase();
        if !protocol.starts_with("sasl") {
            // With TLS it may be what a certificate says.
            return (protocol == "plaintext").then(|| "User:ANONYMOUS".to_owned());
        }
        let mechanism = property("sasl.mechanism")
            .or(property("sasl.mechanisms"))?
            .to_ascii_uppercase();
        let by_name = mechanism == "PLAIN" || mechanism.starts_with("SCRAM-");
        let name = property("sasl.username").filter(|_| by_name)?;
        Some(format!("User:{name}"))
    }

    /// A text with every secret of the properties made unreadable.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (key, value) in &self.properties {
            if is_secret(key) && value.len() >= 3 {
                text = text.replace(value, "***");
            }
        }
        text
    }
}

/// Asks librdkafka whether it takes a property.
fn one(key: &str, value: &str) -> Result<(), String> {
    let mut config = ClientConfig::new();
    config.set(key, value);
    match config.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, why, ..)) => Err(why),
        Err(e) => Err(e.to_string()),
    }
}

fn is_secret(key: &str) -> bool {
    [
        "password",
        "secret",
        "pem",
        "jaas",
        "token",
        "oauthbearer.config",
        "assertion",
        "key",
    ]
    .iter()
    .any(|part| key.contains(part))
}

fn number<N: TryFrom<u32>>(key: &str, value: &str, least: u32, most: u32) -> Result<N, StoreError> {
    let found = value
        .trim()
        .parse::<u32>()
        .ok()
        .filter(|number| (least..=most).contains(number));
    found.and_then(|number| N::try_from(number).ok()).ok_or_else(|| {
        wrong(
            key,
            format!("it is '{value}'"),
            format!("Set it to a whole number between {least} and {most}"),
        )
    })
}

/// The value itself, or what it refers to.
fn resolve(key: &str, value: &str) -> Result<String, StoreError> {
    secrets::resolve(value).map_err(|missing| wrong(key, missing.to_string(), missing.remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(config: &[(&str, &str)]) -> String {
        let settings = KafkaSettings::from_config(config.iter().copied());
        match settings.and_then(|settings| settings.client()) {
            Ok(_) => panic!("{config:?} should be refused"),
            Err(e) => {
                assert_eq!(e.kind, ErrorKind::Settings);
                e.to_string()
            }
        }
    }

    #[test]
    fn a_token_that_librdkafka_would_have_to_fetch_is_refused() {
        let said = error(&[
            ("kafkaActionStateTopic", "t"),
            ("kafka.properties.sasl.mechanism", "OAUTHBEARER"),
            ("kafka.properties.sasl.oauthbearer.method", "oidc"),
        ]);
        assert!(said.contains("kafka.properties.sasl.oauthbearer.method"), "{said}");
    }

    #[test]
    fn kerberos_is_there_where_it_was_built_in() {
        let settings = KafkaSettings::from_config([
            ("kafkaActionStateTopic", "t"),
            ("kafka.properties.security.protocol", "SASL_PLAINTEXT"),
            ("kafka.properties.sasl.mechanism", "GSSAPI"),
            ("kafka.properties.sasl.kerberos.keytab", "/etc/agents.keytab"),
            ("kafka.properties.sasl.kerberos.principal", "agents"),
        ])
        .expect("good settings");
        let client = settings.client().and_then(|config| {
            let shared = Shared::new(&std::sync::Arc::new(settings.clone()));
            settings.consumer(&config, &shared)
        });
        let refused = client.err().map(|error| error.to_string());
        if cfg!(feature = "gssapi") {
            assert_eq!(refused, None);
        } else {
            assert!(refused.is_some_and(|why| why.contains("GSSAPI")));
        }
    }

    #[test]
    fn keys_of_the_plan_become_settings() {
        let settings = KafkaSettings::from_config([
            ("kafkaBootstrapServers", "a:1,b:2"),
            ("kafkaActionStateTopic", "t"),
            ("kafkaActionStateTopicNumPartitions", "7"),
            ("kafkaActionStateTopicReplicationFactor", "3"),
            ("kafka.properties.security.protocol", "SASL_SSL"),
            ("kafka.properties.linger.ms", "3"),
            ("other", "x"),
        ])
        .expect("good settings");
        assert_eq!((settings.partitions, settings.replication_factor), (7, Some(3)));
        let client = settings.client().expect("good settings");
        assert_eq!(client.get("bootstrap.servers"), Some("a:1,b:2"));
        assert_eq!(client.get("security.protocol"), Some("SASL_SSL"));
        assert_eq!(client.get("linger.ms"), Some("3"));
        assert_eq!(client.get("ssl.ca.location"), Some("probe"));
        assert_eq!(client.get("acks"), Some("all"));
        assert_eq!(client.get("other"), None);
    }

    #[test]
    fn wrong_settings_are_named_with_what_to_do() {
        assert!(error(&[]).contains("kafkaActionStateTopic: it is not set. Set it to the name of a topic"));
        let topic = ("kafkaActionStateTopic", "t");
        assert!(
            error(&[topic, ("kafkaActionStateTopicNumPartitions", "0")])
                .contains("it is '0'. Set it to a whole number")
        );
        assert!(error(&[topic, ("kafka.properties.acks", "1")]).contains("kafka.properties.acks: it must be all"));
        assert!(error(&[topic, ("kafka.properties.bootstrap.servers", "x")]).contains("set kafkaBootstrapServers"));
        let unknown = error(&[topic, ("kafka.properties.no.such.key", "x")]);
        assert!(
            unknown.contains("kafka.properties.no.such.key: No such configuration property"),
            "{unknown}"
        );
        assert!(
            error(&[
                topic,
                ("kafka.properties.ssl.key.password", "${env:FLINK_AGENTS_NO_SUCH}")
            ])
            .contains("environment variable FLINK_AGENTS_NO_SUCH")
        );
        assert!(
            error(&[topic, ("kafka.properties.sasl.password", "${file:no/such/file}")]).contains("file no/such/file")
        );
    }

    #[test]
    fn a_secret_is_read_from_where_it_lies_and_shown_nowhere() {
        let file = std::env::temp_dir().join(format!("flink-agents-secret-{}", std::process::id()));
        std::fs::write(&file, "very-secret\n").expect("a file");
        let settings = KafkaSettings::from_config([
            ("kafkaActionStateTopic", "t"),
            (
                "kafka.properties.sasl.password",
                &*format!("${{file:{}}}", file.display()),
            ),
            ("kafka.properties.security.protocol", "very-secret"),
        ])
        .expect("good references");
        std::fs::remove_file(&file).expect("the file");
        assert_eq!(settings.properties["sasl.password"], "very-secret");
        assert!(!format!("{settings:?}").contains("very-secret"));
        let refused = settings.client().map(|_| ()).expect_err("no such protocol").to_string();
        assert!(!refused.contains("very-secret") && refused.contains("***"), "{refused}");
    }
}
