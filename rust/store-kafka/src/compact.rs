//! Makes a topic smaller on behalf of people: what no session will read gets a tombstone, which the brokers turn into nothing.
//!
//! Which records checkpoints need, a topic does not say; jobs prune by themselves. What is left over are records of a pruning
//! that did not get to its end, of attempts after others had taken over, and of jobs that never come back.

use crate::STORE;
use crate::client::{Right, Shared, code_of};
use crate::envelope::{Key, Pruned, PrunedValue};
use crate::partitions::CLAIMS;
use crate::settings::KafkaSettings;
use crate::tool::{Job, JobId, Look, size, time};
use flink_agents_runtime::store::StoreError;
use flink_agents_runtime::store::tool::{Compaction, Removal};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PRUNED: &str = "no checkpoint needs them, and a pruning has not got to its end";
const PASSED_OVER: &str = "a later attempt had taken over when they were written: no session reads them";
const ABANDONED: &str = "no session has claimed the lineage for longer than allowed, and nothing was written";
/// Tombstones in flight, at most.
const WINDOW: usize = 1000;

/// How far the records of a job go in each partition that has some: the offset after the last.
type Ends = FxHashMap<u32, u64>;

/// # Errors
/// When there is no such topic, or it cannot be read or written, a claim in particular: what it says might be needed.
pub(crate) fn run(
    settings: &KafkaSettings,
    apply: bool,
    abandoned: Option<Duration>,
) -> Result<Compaction, StoreError> {
    let mut look = Look::open(settings)?;
    let mut jobs = look.jobs(Err)?;
    let since = abandoned.map_or(i64::MIN, ago);
    let mut left = match abandoned {
        Some(_) => left_alone(&look, &jobs, since)?,
        None => BTreeMap::new(),
    };
    let writer = if apply {
        Some(Writer::new(&look, settings)?)
    } else {
        None
    };
    if let Some(writer) = &writer {
        come_back(&mut look, &mut jobs, &mut left, since)?;
        writer.note(&look, &jobs, &left, false)?;
    }
    let mut removals: BTreeMap<(JobId, &'static str), (u64, u64)> = BTreeMap::new();
    let mut bytes_before = 0;
    for partition in look.partitions() {
        let lives = look.lives(partition, |_| {})?;
        bytes_before += lives.bytes;
        for (bytes, live) in &lives.by_key {
            let Ok(Key::Record(key)) = Key::decode(bytes) else {
                continue;
            };
            let id = (key.lineage, key.operator.to_owned());
            let registry = jobs.get(&id).map(|job| &job.registry);
            let reason = if registry.is_some_and(|of| live.offset < of.pruned(key.key_group, partition, true).begun)
                && !left.contains_key(&id)
            {
                PRUNED
            } else if registry.is_some_and(|of| of.passed_over(partition, key.epoch, key.key_group, live.offset)) {
                PASSED_OVER
            } else if left
                .get(&id)
                .and_then(|ends| ends.get(&partition))
                .is_some_and(|end| live.offset < *end)
            {
                ABANDONED
            } else {
                continue;
            };
            if let Some(writer) = &writer {
                writer.write(partition, bytes, None)?;
            }
            let sum = removals.entry((id, reason)).or_default();
            *sum = (sum.0 + 1, sum.1 + size(&key, live.bytes));
        }
    }
    if let Some(writer) = &writer {
        writer.settle()?;
        // Every record is gone before a claim goes: without claims nobody knows to whom records belong.
        writer.note(&look, &jobs, &left, true)?;
        come_back(&mut look, &mut jobs, &mut left, since)?;
        writer.forget(&jobs, &left)?;
    }
    let removals = removals.into_iter().map(|((id, reason), (records, bytes))| Removal {
        lineage: id.0.to_string(),
        operator: id.1,
        reason,
        records,
        bytes,
    });
    Ok(Compaction {
        store: STORE,
        place: look.place(),
        applied: apply,
        removals: removals.collect(),
        bytes_before,
        bytes_after: None,
    })
}

fn ago(age: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(i64::MAX)
}

/// The jobs that have neither claimed nor written anything since.
fn left_alone(look: &Look, jobs: &BTreeMap<JobId, Job>, since: i64) -> Result<BTreeMap<JobId, Ends>, StoreError> {
    let claimed = jobs.iter().filter(|(_, job)| !job.registry.claims().is_empty());
    let mut found: BTreeMap<JobId, (i64, Ends)> = claimed
        .map(|(id, job)| (id.clone(), (job.claimed_at, Ends::default())))
        .collect();
    for partition in look.partitions() {
        look.each(partition, |message| {
            if let Some(bytes) = message.key()
                && let Ok(Key::Record(key)) = Key::decode(bytes)
            {
                let id = (key.lineage, key.operator.to_owned());
                let (newest, ends) = found.entry(id).or_default();
                *newest = (*newest).max(time(message));
                ends.insert(partition, message.offset() as u64 + 1);
            }
            Ok(())
        })?;
    }
    let left = found.into_iter().filter(|(_, (newest, _))| *newest < since);
    Ok(left.map(|(id, (_, ends))| (id, ends)).collect())
}

/// Leaves out jobs that have claimed something meanwhile.
fn come_back(
    look: &mut Look,
    jobs: &mut BTreeMap<JobId, Job>,
    left: &mut BTreeMap<JobId, Ends>,
    since: i64,
) -> Result<(), StoreError> {
    look.more(jobs)?;
    left.retain(|id, _| jobs.get(id).is_none_or(|job| job.claimed_at < since));
    Ok(())
}

struct Writer<'a> {
    place: String,
    settings: &'a KafkaSettings,
    producer: BaseProducer<Shared>,
    failed: Arc<OnceLock<RDKafkaErrorCode>>,
    waiting: Cell<usize>,
}

impl<'a> Writer<'a> {
    fn new(look: &Look, settings: &'a KafkaSettings) -> Result<Writer<'a>, StoreError> {
        let producer = BaseProducer::from_config_and_context(&look.config, look.shared.clone());
        Ok(Writer {
            place: look.place(),
            settings,
            producer: producer.map_err(|e| settings.broken(&e))?,
            failed: Arc::default(),
            waiting: Cell::new(0),
        })
    }

    fn error(&self, code: RDKafkaErrorCode) -> StoreError {
        let shared = self.producer.context();
        shared.error(&self.place, "writing tombstones", Right::Write, code, &code.to_string())
    }

    fn write(&self, partition: u32, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.settings.topic, self.failed.clone())
            .partition(partition as i32)
            .key(key);
        record.payload = value;
        self.producer.send(record).map_err(|(e, _)| self.error(code_of(&e)))?;
        self.waiting.set(self.waiting.get() + 1);
        if self.waiting.get() >= WINDOW {
            self.settle()
        } else {
            Ok(())
        }
    }

    /// Waits until the brokers have everything.
    fn settle(&self) -> Result<(), StoreError> {
        self.waiting.set(0);
        // librdkafka gives up by itself, after message.timeout.ms.
        let patience = self.settings.patience().saturating_add(Duration::from_secs(1));
        let flushed = self.producer.flush(patience);
        match self.failed.get() {
            Some(code) => Err(self.error(*code)),
            None => flushed.map_err(|e| self.error(code_of(&e))),
        }
    }

    /// Notes that records of these jobs may be gone, or are, so that a restore that needs them is told so.
    fn note(
        &self,
        look: &Look,
        jobs: &BTreeMap<JobId, Job>,
        left: &BTreeMap<JobId, Ends>,
        done: bool,
    ) -> Result<(), StoreError> {
        for (id, ends) in left {
            let Some(registry) = jobs.get(id).map(|job| &job.registry) else {
                continue;
            };
            let Some((count, max_parallelism)) = registry.pinned() else {
                continue;
            };
            let partitions = look.partitions_of(count, max_parallelism);
            let pruned = (partitions.first..partitions.first + count).map(|partition| {
                let groups = 0..max_parallelism;
                let known = groups.map(|group| registry.pruned(group, partition, true).begun).max();
                let begun = known.unwrap_or(0).max(ends.get(&partition).copied().unwrap_or(0));
                Pruned {
                    begun,
                    done: if done { begun } else { 0 },
                }
            });
            let value = PrunedValue {
                max_parallelism,
                partitions: count,
                first_partition: partitions.first,
                pruned: pruned.collect(),
            };
            let key = Key::Pruned {
                lineage: id.0,
                first: 0,
                last: max_parallelism - 1,
                operator: &id.1,
            };
            self.write(CLAIMS, &key.encode(), Some(&value.encode()))?;
        }
        self.settle()
    }

    /// Removes the claims of these jobs. What was noted of their records stays: others may stem from them.
    fn forget(&self, jobs: &BTreeMap<JobId, Job>, left: &BTreeMap<JobId, Ends>) -> Result<(), StoreError> {
        for id in left.keys() {
            let nonces = jobs.get(id).into_iter().flat_map(|job| job.registry.nonces());
            for nonce in nonces {
                let key = Key::Claim {
                    lineage: id.0,
                    nonce,
                    operator: &id.1,
                };
                self.write(CLAIMS, &key.encode(), None)?;
            }
        }
        self.settle()
    }
}
