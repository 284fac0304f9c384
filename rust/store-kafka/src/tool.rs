//! What lies in a topic, for people who look into it: reads all of it, partition by partition, and creates nothing.
//!
//! Of the messages with one key the last counts, as after compaction by the brokers, whether they have got to that or not.
//!
//! *Memory*: the keys of one partition at a time, and the claims of all jobs.

use crate::STORE;
use crate::client::{Deadline, Shared};
use crate::envelope::{ClaimValue, Key, PrunedValue, RecordKey, Unreadable, decode_record};
use crate::partitions::{CLAIMS, Partitions};
use crate::reader::{Next, Read, Reader, Span};
use crate::registry::{Registry, unreadable};
use crate::report::Reports;
use crate::settings::KafkaSettings;
use crate::topic::{Preparation, Seen};
use crate::{Report, compact};
use flink_agents_core::value::{Value, to_plain_json};
use flink_agents_runtime::store::tool::{Compaction, Inspection, LineageReport, Probe, Tool, Verification};
use flink_agents_runtime::store::{ErrorKind, Lineage, StoreError};
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{BorrowedMessage, Message};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The layout that `envelope` describes.
const FORMAT: i64 = 1;

/// A job lineage in an operator.
pub(crate) type JobId = (Lineage, String);

/// What partition 0 says of a job.
pub(crate) struct Job {
    pub(crate) registry: Registry,
    /// When it claimed last, in milliseconds since 1970.
    pub(crate) claimed_at: i64,
}

/// The message that counts for a key.
pub(crate) struct Live {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// Its value, of a record, says that it is deleted.
    pub(crate) deletion: bool,
}

/// What counts of a partition.
pub(crate) struct Lives {
    pub(crate) by_key: FxHashMap<Box<[u8]>, Live>,
    /// Of all messages, keys included.
    pub(crate) bytes: u64,
}

/// A topic that is looked at, as it was when that began.
pub(crate) struct Look {
    pub(crate) reader: Reader,
    pub(crate) shared: Shared,
    pub(crate) config: ClientConfig,
    settings: Arc<KafkaSettings>,
    seen: Seen,
    /// Of each partition.
    spans: Vec<Span>,
}

/// When it was written, in milliseconds since 1970.
pub(crate) fn time(message: &BorrowedMessage<'_>) -> i64 {
    message.timestamp().to_millis().unwrap_or_default()
}

fn text(millis: i64) -> String {
    let instant = Value::Instant {
        secs: millis.div_euclid(1000),
        nanos: 0,
    };
    let text = to_plain_json(&instant);
    let text = text.as_str().unwrap_or_default();
    text.trim_end_matches('Z').replace('T', " ")
}

/// Bytes of key, tail and value of a record whose message has so many.
pub(crate) fn size(key: &RecordKey<'_>, message: u64) -> u64 {
    let head = RecordKey {
        key: &[],
        tail: &[],
        ..*key
    };
    message - Key::Record(head).encode().len() as u64 - 2
}

impl Look {
    /// # Errors
    /// When there is no such topic, or no broker answers.
    pub(crate) fn open(settings: &KafkaSettings) -> Result<Look, StoreError> {
        let settings = Arc::new(settings.clone());
        let config = settings.client()?;
        let shared = Shared::new(&settings);
        let consumer = settings.consumer(&config, &shared)?;
        let seen = prepare(&settings, &config, &consumer, &shared, &silent(), |preparation| {
            preparation.existing()
        })?;
        let reader = Reader {
            consumer,
            shared: shared.clone(),
            topic: settings.topic.clone(),
            patience: settings.open_timeout,
        };
        // That of the claims last: then none is missing whose session wrote what lies before the other ends.
        let mut spans = Vec::with_capacity(seen.partitions as usize);
        for partition in (0..seen.partitions).rev() {
            let (from, to) = reader.ends(partition)?.unwrap_or_default();
            spans.push(Span { partition, from, to });
        }
        spans.reverse();
        Ok(Look {
            reader,
            shared,
            config,
            settings,
            seen,
            spans,
        })
    }

    pub(crate) fn place(&self) -> String {
        format!("topic {}", self.settings.topic)
    }

    /// The numbers of all partitions.
    pub(crate) fn partitions(&self) -> std::ops::Range<u32> {
        0..self.seen.partitions
    }

    /// Hands over each message of a partition.
    pub(crate) fn each(
        &self,
        partition: u32,
        mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.reader.read(&[self.spans[partition as usize]], |read| {
            if let Read::Message(message) = read {
                each(message)?;
            }
            Ok(Next::On)
        })?;
        Ok(())
    }

    /// What counts of a partition; `each` sees every message before.
    pub(crate) fn lives(
        &self,
        partition: u32,
        mut each: impl FnMut(&BorrowedMessage<'_>),
    ) -> Result<Lives, StoreError> {
        let mut lives = Lives {
            by_key: FxHashMap::default(),
            bytes: 0,
        };
        self.each(partition, |message| {
            each(message);
            let (key, value) = (message.key().unwrap_or_default(), message.payload());
            let bytes = (key.len() + value.map_or(0, <[u8]>::len)) as u64;
            lives.bytes += bytes;
            match value {
                None => drop(lives.by_key.remove(key)),
                Some(value) => {
                    let live = Live {
                        offset: message.offset() as u64,
                        bytes,
                        at: time(message),
                        deletion: matches!(decode_record(value), Ok(None)),
                    };
                    lives.by_key.insert(key.into(), live);
                }
            }
            Ok(())
        })?;
        Ok(lives)
    }

    /// All that have claimed something. `unread` is told what cannot be read of partition 0.
    pub(crate) fn jobs(
        &self,
        mut unread: impl FnMut(StoreError) -> Result<(), StoreError>,
    ) -> Result<BTreeMap<JobId, Job>, StoreError> {
        let mut jobs = BTreeMap::new();
        let place = self.reader.place(CLAIMS);
        self.each(CLAIMS, |message| {
            let offset = message.offset() as u64;
            take(&mut jobs, message).or_else(|why| unread(unreadable(&place, offset, why)))
        })?;
        Ok(jobs)
    }

    /// Those that have claimed something since: what `jobs` knows is brought up to date.
    pub(crate) fn more(&mut self, jobs: &mut BTreeMap<JobId, Job>) -> Result<(), StoreError> {
        let (_, to) = self.reader.ends(CLAIMS)?.unwrap_or_default();
        let claims = &mut self.spans[CLAIMS as usize];
        let earlier = std::mem::replace(claims, Span { to, ..*claims });
        let place = self.reader.place(CLAIMS);
        self.each(CLAIMS, |message| {
            let offset = message.offset() as u64;
            if offset < earlier.to {
                return Ok(());
            }
            take(jobs, message).map_err(|why| unreadable(&place, offset, why))
        })
    }

    pub(crate) fn partitions_of(&self, count: u32, max_parallelism: u16) -> Partitions {
        Partitions::pinned(count, self.seen.partitions, max_parallelism)
    }
}

/// Does something that is done before a session, with what it is done with there.
/// What is safe, but not as safe as it could be, each job reports at its start.
fn silent() -> Report {
    Arc::new(|_| {})
}

fn prepare<T>(
    settings: &KafkaSettings,
    config: &ClientConfig,
    consumer: &BaseConsumer<Shared>,
    shared: &Shared,
    report: &Report,
    run: impl FnOnce(&Preparation<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    run(&Preparation {
        settings,
        config,
        consumer,
        shared,
        deadline: Deadline::after(settings.open_timeout),
        report,
        admin: OnceCell::new(),
    })
}

fn take(jobs: &mut BTreeMap<JobId, Job>, message: &BorrowedMessage<'_>) -> Result<(), Unreadable> {
    let key = message.key().ok_or(Unreadable::Damaged("it has no key"))?;
    let (lineage, operator, claimed) = match Key::decode(key)? {
        Key::Claim { lineage, operator, .. } => (lineage, operator, message.payload().is_some()),
        Key::Pruned { lineage, operator, .. } => (lineage, operator, false),
        Key::Record(_) => return Ok(()),
    };
    let job = jobs.entry((lineage, operator.to_owned())).or_insert_with(|| Job {
        registry: Registry::of(lineage, operator),
        claimed_at: 0,
    });
    if claimed {
        job.claimed_at = job.claimed_at.max(time(message));
    }
    job.registry.take(message.offset() as u64, Some(key), message.payload())
}

impl Tool for KafkaSettings {
    fn probe(&self, limit: Duration) -> Result<Probe, StoreError> {
        let settings = Arc::new(KafkaSettings {
            open_timeout: self.open_timeout.min(limit),
            ..self.clone()
        });
        let config = settings.client()?;
        let shared = Shared::new(&settings);
        let consumer = settings.consumer(&config, &shared)?;
        let reports = Arc::new(Reports::default());
        let topic = prepare(
            &settings,
            &config,
            &consumer,
            &shared,
            &reports.report(),
            |preparation| preparation.probe(),
        )?;
        let mut warnings = Vec::new();
        while let Some(text) = reports.take() {
            warnings.push(text);
        }
        let brokers = &self.bootstrap_servers;
        let found = match topic {
            Some(topic) => format!("topic {} at {brokers} has {} partitions", self.topic, topic.partitions),
            None => format!(
                "{brokers} answer; topic {} is not there, and the first job makes it",
                self.topic
            ),
        };
        Ok(Probe { found, warnings })
    }

    fn inspect(&self) -> Result<Inspection, StoreError> {
        let look = Look::open(self)?;
        let jobs = look.jobs(|_| Ok(()))?;
        let mut reports: BTreeMap<JobId, LineageReport> = BTreeMap::new();
        let report = |id: &JobId| LineageReport {
            lineage: id.0.to_string(),
            operator: id.1.clone(),
            claims: 0,
            last_epoch: 0,
            last_claimed_at: "an unknown time".to_owned(),
            records: 0,
            tombstones: 0,
            keys: 0,
            bytes: 0,
            written: None,
        };
        for (id, job) in jobs.iter().filter(|(_, job)| !job.registry.claims().is_empty()) {
            let claims = job.registry.claims();
            reports.insert(
                id.clone(),
                LineageReport {
                    claims: claims.len() as u64,
                    last_epoch: claims.iter().map(|found| found.epoch).max().unwrap_or(0),
                    last_claimed_at: text(job.claimed_at),
                    ..report(id)
                },
            );
        }
        let (mut bytes, mut used) = (0, 0);
        let mut written: BTreeMap<JobId, (i64, i64)> = BTreeMap::new();
        let mut oldest: Option<i64> = None;
        for partition in look.partitions() {
            let lives = look.lives(partition, |message| {
                let at = time(message);
                oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
            })?;
            bytes += lives.bytes;
            let mut keys: FxHashSet<(Lineage, &str, u16, &[u8])> = FxHashSet::default();
            for (key, live) in &lives.by_key {
                used += live.bytes;
                let Ok(Key::Record(key)) = Key::decode(key) else {
                    continue;
                };
                let id = (key.lineage, key.operator.to_owned());
                let part = reports.entry(id.clone()).or_insert_with_key(report);
                part.records += 1;
                part.tombstones += u64::from(live.deletion);
                part.bytes += size(&key, live.bytes);
                part.keys += u64::from(keys.insert((key.lineage, key.operator, key.key_group, key.key)));
                let times = written.entry(id).or_insert((live.at, live.at));
                *times = (times.0.min(live.at), times.1.max(live.at));
            }
        }
        for (id, (first, last)) in written {
            if let Some(part) = reports.get_mut(&id) {
                part.written = Some((text(first), text(last)));
            }
        }
        let mut lineages: Vec<LineageReport> = reports.into_values().collect();
        lineages.sort_by_key(|part| std::cmp::Reverse(part.last_epoch));
        Ok(Inspection {
            store: STORE,
            place: look.place(),
            format: FORMAT,
            created: oldest.map_or("without a message".to_owned(), |oldest| {
                format!("at the latest {}", text(oldest))
            }),
            bytes,
            unused_bytes: bytes - used,
            lineages,
        })
    }

    fn verify(&self) -> Result<Verification, StoreError> {
        let look = Look::open(self)?;
        let mut report = Verification::new(STORE, look.place());
        let checked = prepare(
            self,
            &look.config,
            &look.reader.consumer,
            &look.shared,
            &silent(),
            |preparation| preparation.check(&look.seen),
        );
        match checked {
            Err(e) if e.kind == ErrorKind::Settings => report.problem(e.to_string()),
            other => drop(other?),
        }
        // What cannot be read is named below, with what else is in partition 0.
        let jobs = look.jobs(|_| Ok(()))?;
        report.claims = jobs.values().map(|job| job.registry.claims().len() as u64).sum();
        for partition in look.partitions() {
            let place = look.reader.place(partition);
            let lives = look.lives(partition, |message| {
                if let Err(why) = check_message(message, partition) {
                    report.problem(unreadable(&place, message.offset() as u64, why).to_string());
                }
            })?;
            let mut wrong: Vec<(u64, String)> = Vec::new();
            for (key, live) in &lives.by_key {
                let Ok(Key::Record(key)) = Key::decode(key) else {
                    continue;
                };
                report.records += 1;
                let job = jobs.get(&(key.lineage, key.operator.to_owned()));
                wrong.extend(misplaced(&look, job, partition, &key, live).map(|why| (live.offset, why)));
            }
            wrong.sort();
            for (offset, why) in wrong {
                report.problem(format!("{place}, offset {offset}: {why}"));
            }
        }
        Ok(report)
    }

    fn compact(&self, apply: bool, abandoned: Option<Duration>) -> Result<Compaction, StoreError> {
        compact::run(self, apply, abandoned)
    }
}

/// Whether a session that reads the message could.
fn check_message(message: &BorrowedMessage<'_>, partition: u32) -> Result<(), Unreadable> {
    use Unreadable::Damaged;
    let key = Key::decode(message.key().ok_or(Damaged("it has no key"))?)?;
    match (key, message.payload()) {
        (Key::Record(_), Some(value)) => decode_record(value).map(drop),
        (Key::Record(_), None) => Ok(()),
        _ if partition != CLAIMS => Err(Damaged("it is no record, and claims lie in partition 0")),
        (Key::Claim { .. }, Some(value)) => ClaimValue::decode(value).map(drop),
        (Key::Pruned { .. }, Some(value)) => PrunedValue::decode(value).map(drop),
        (_, None) => Ok(()),
    }
}

/// Why a record should not be where it is.
fn misplaced(look: &Look, job: Option<&Job>, partition: u32, key: &RecordKey<'_>, live: &Live) -> Option<String> {
    let (epoch, key_group) = (key.epoch, key.key_group);
    let of = format!("the record of job lineage {}, operator {}", key.lineage, key.operator);
    let unclaimed = Some(format!("{of} is of epoch {epoch}, which nobody has claimed"));
    let Some(registry) = job.map(|job| &job.registry) else {
        return unclaimed;
    };
    let Some(found) = registry.claims().iter().find(|found| found.epoch == epoch) else {
        // Claims are forgotten when everything before the next is pruned; what is read no more need not be claimed.
        let gone = live.offset < registry.pruned(key_group, partition, true).begun;
        return (!gone && !registry.passed_over(partition, epoch, key_group, live.offset))
            .then_some(unclaimed)
            .flatten();
    };
    let claim = &found.value;
    if !claim.key_groups.contains(&key_group) {
        return Some(format!(
            "{of} is of key group {key_group}, which is not one of epoch {epoch}"
        ));
    }
    let right = look
        .partitions_of(claim.partitions, claim.max_parallelism)
        .of(key_group);
    if right != partition {
        return Some(format!(
            "{of} is of key group {key_group}, which belongs into partition {right}"
        ));
    }
    match claim.position(partition) {
        Some(position) if live.offset >= position.0 => None,
        _ => Some(format!("{of} is older than the claim of its epoch {epoch}")),
    }
}
