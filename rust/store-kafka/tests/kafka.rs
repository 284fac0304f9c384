//! Topics of the broker that the tests share, and brokers of their own.
#![allow(dead_code)]

use super::store_contract::{A, MAX_RECORD, OPERATOR, Place};
use flink_agents_runtime::store::{Position, Store};
use flink_agents_store_kafka::{KafkaSettings, KafkaStore};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(60);
/// Key groups 0 to 42, 43 to 85 and 86 to 127: nothing divides.
pub const PARTITIONS: u32 = 3;

/// What `scripts/kafka-broker` tells of a broker.
#[derive(Clone)]
pub struct Broker(Value);

impl Broker {
    pub fn shared() -> Broker {
        let told = std::env::var("FLINK_AGENTS_KAFKA")
            .expect("FLINK_AGENTS_KAFKA is not set: run these tests by e2e-test/kafka/run.py, which starts a broker");
        Broker(serde_json::from_str(&told).unwrap())
    }

    /// One that only has an address.
    pub fn of_address(address: &str) -> Broker {
        Broker(serde_json::json!({ "bootstrap": address }))
    }

    pub fn text(&self, key: &str) -> String {
        self.0[key].as_str().unwrap().to_owned()
    }

    pub fn password(&self, user: &str) -> String {
        self.0["users"][user].as_str().unwrap().to_owned()
    }

    pub fn bootstrap(&self) -> String {
        self.text("bootstrap")
    }

    /// What kafka-acls.sh does with these words.
    pub fn acls(&self, words: &[&str]) {
        let words: Vec<&str> = ["acls"].into_iter().chain(words.iter().copied()).collect();
        command(&self.text("script"), self.text("directory").as_ref(), &words);
    }
}

/// Runs `scripts/kafka-broker` for the broker of a directory.
fn command(script: &str, directory: &Path, words: &[&str]) -> String {
    let mut command = Command::new(script);
    command.arg(words[0]).arg(directory).args(&words[1..]);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "kafka-broker {words:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// A broker that one test kills and pauses; stopped at the end.
pub struct OwnBroker {
    pub broker: Broker,
    directory: PathBuf,
    script: String,
    /// Properties by which it has several disks.
    disks: Vec<String>,
}

impl OwnBroker {
    pub fn start(name: &str, properties: &[&str]) -> OwnBroker {
        OwnBroker::start_with(name, |own| own.again(properties))
    }

    /// One whose files cannot grow beyond so many bytes, as on a full disk. With several disks it goes on without the one that is
    /// full.
    pub fn limited(name: &str, bytes: u64, disks: bool) -> OwnBroker {
        OwnBroker::start_with(name, |own| {
            if disks {
                let at = own.directory.display();
                own.disks = vec![
                    format!("log.dirs={at}/data,{at}/more"),
                    format!("metadata.log.dir={at}/metadata"),
                ];
            }
            own.start_again(&["--file-limit", &bytes.to_string()]);
        })
    }

    fn start_again(&mut self, words: &[&str]) {
        let disks = self.disks.iter().flat_map(|property| ["--property", property]);
        let words: Vec<&str> = ["start"]
            .into_iter()
            .chain(words.iter().copied())
            .chain(disks)
            .collect();
        self.broker = Broker(serde_json::from_str(&self.command(&words)).unwrap());
    }

    fn start_with(name: &str, start: impl FnOnce(&mut OwnBroker)) -> OwnBroker {
        let script = Broker::shared().text("script");
        let directory = PathBuf::from(Broker::shared().text("directory")).with_file_name(name);
        let mut own = OwnBroker {
            broker: Broker::shared(),
            directory,
            script,
            disks: Vec::new(),
        };
        start(&mut own);
        own
    }

    /// Starts it (again): same ports, same data.
    pub fn again(&mut self, properties: &[&str]) {
        let words: Vec<&str> = properties
            .iter()
            .flat_map(|property| ["--property", property])
            .collect();
        self.start_again(&words);
    }

    pub fn command(&self, words: &[&str]) -> String {
        command(&self.script, &self.directory, words)
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.join("broker.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("the last the broker logged:");
            lines.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        self.command(&["stop"]);
    }
}

/// What the store reported.
pub type Reports = Arc<Mutex<Vec<String>>>;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A topic that the store makes.
pub struct Topic {
    pub broker: Broker,
    pub settings: KafkaSettings,
    pub reports: Reports,
}

impl Topic {
    pub fn at(broker: &Broker, name: &str) -> Topic {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let topic = format!("{name}-{}-{number}", std::process::id());
        let mut settings = KafkaSettings::new(broker.bootstrap(), topic);
        settings.partitions = PARTITIONS;
        settings.max_record_size = MAX_RECORD;
        settings.retention = Duration::ZERO;
        settings.watch_interval = Duration::from_millis(50);
        // Less than tests wait: the error of the store says more than that nothing came.
        settings.open_timeout = Duration::from_secs(40);
        Topic {
            broker: broker.clone(),
            settings,
            reports: Reports::default(),
        }
    }

    pub fn with(&self, change: impl FnOnce(&mut KafkaSettings)) -> Arc<dyn Store> {
        Arc::new(self.changed(change))
    }

    pub fn changed(&self, change: impl FnOnce(&mut KafkaSettings)) -> KafkaStore {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let reports = self.reports.clone();
        let report = Arc::new(move |text: &str| reports.lock().unwrap().push(text.to_owned()));
        KafkaStore::new(settings, report).unwrap()
    }

    pub fn name(&self) -> &str {
        &self.settings.topic
    }

    pub fn partition_of(key_group: u16) -> i32 {
        1 + i32::from(key_group) * PARTITIONS as i32 / 128
    }

    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.broker.bootstrap());
        config.set("group.id", "tests");
        config.set("enable.partition.eof", "true");
        config
    }

    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().unwrap()
    }

    /// Makes the topic as an administrator would.
    pub fn create(&self, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(self.name(), partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let admin = self.admin();
        let created = wait(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
        created[0].as_ref().unwrap();
    }

    pub fn delete(&self) {
        let admin = self.admin();
        let deleted = wait(admin.delete_topics(&[self.name()], &AdminOptions::new())).unwrap();
        deleted[0].as_ref().unwrap();
    }

    /// Writes to a partition past the store.
    pub fn produce(&self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) -> Position {
        let producer = self.send(partition, key, value);
        let (_, end) = producer
            .client()
            .fetch_watermarks(self.name(), partition, PATIENCE)
            .unwrap();
        Position(end as u64 - 1)
    }

    /// Writes to a partition past the store, and asks for nothing.
    pub fn send(&self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) -> BaseProducer {
        let producer: BaseProducer = self.client().create().unwrap();
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(self.name()).partition(partition);
        record.key = key;
        record.payload = value;
        producer.send(record).map_err(|(e, _)| e).unwrap();
        producer.flush(PATIENCE).unwrap();
        producer
    }

    /// Everything that is in a partition.
    pub fn read(&self, partition: i32) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.name(), partition, Offset::Beginning)
            .unwrap();
        consumer.assign(&list).unwrap();
        let mut messages = Vec::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => messages.push(message.detach()),
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return messages,
                Some(Err(e)) => panic!("{e}"),
                None => {}
            }
        }
        panic!("partition {partition} of {} did not end", self.name());
    }
}

impl Place for Topic {
    fn new(name: &str) -> Topic {
        Topic::at(&Broker::shared(), name)
    }

    /// Its sessions do not look for successors: the contract says what comes of zombies that live on.
    fn store(&self) -> Arc<dyn Store> {
        self.with(|settings| settings.watch_interval = Duration::from_secs(3600))
    }

    fn name(&self, position: Position) -> String {
        let partition = Topic::partition_of(5);
        format!("topic {}, partition {partition}, offset {position}", self.name())
    }

    /// A topic is only ever written to at its end: another value for the record's key.
    fn damage(&self, position: Position) -> String {
        let partition = Topic::partition_of(5);
        let messages = self.read(partition);
        let hit = messages
            .iter()
            .find(|message| message.offset() as u64 == position.0)
            .unwrap();
        let damaged = self.produce(partition, hit.key(), Some(b"\0rubbish"));
        Place::name(self, damaged)
    }

    fn other(&self) -> Arc<dyn Store> {
        Topic::at(&self.broker, "other").store()
    }
}

/// Waits for a request of the admin client, which has a thread of its own.
pub fn wait<T>(request: impl Future<Output = T>) -> T {
    let mut request = pin!(request);
    let end = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(answer) = request.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
        assert!(Instant::now() < end, "the broker did not answer");
        std::thread::yield_now();
    }
}

/// A record's key as the layout has it, of the first claim in a fresh topic.
pub fn record_key(key_group: u16, key: &[u8], epoch: u64) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    bytes.extend_from_slice(&A.0);
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.extend_from_slice(&key_group.to_be_bytes());
    bytes.extend_from_slice(&(OPERATOR.len() as u16).to_be_bytes());
    bytes.extend_from_slice(OPERATOR.as_bytes());
    bytes.extend_from_slice(&(key.len() as u32).to_be_bytes());
    bytes.extend_from_slice(key);
    bytes
}
