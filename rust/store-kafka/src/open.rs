//! How a session begins: claim, reading, and then pruning.
//!
//! ```text
//! 1  the topic is there, and as it must be                            topic
//! 2  a claim without places is written; its offset + 1 is the epoch
//! 3  the claims before it are read: partitions as they were pinned, a successor that was faster
//! 4  the ends of the session's partitions are asked for
//! 5  the claim is written again, with the ends as its places; claims up to it are read, none of them may be later
//! 6  what was appended meanwhile is written; records up to the places are read      recovery
//! ```
//!
//! The epoch comes before the places, so that whatever a session of an earlier epoch was told to be durable before this one
//! claimed lies before its places. A session that ends between 2 and 5 has written and read nothing: its claim matters to
//! nobody but those it fences.
//!
//! What is read in 6 counts as durable like what was acknowledged, so every later session must read it too. One whose first
//! claim lies behind the second of this one asks for its places after 4, and they are not before the ends found there. One
//! whose first claim lies between the two may have asked before 4, and this session ends by 5.

use crate::STORE;
use crate::client::{Deadline, Right, SLICE, Shared};
use crate::confirm::Confirm;
use crate::envelope::{ClaimValue, Key};
use crate::partitions::{CLAIMS, Partitions};
use crate::prune::Pruning;
use crate::reader::Reader;
use crate::recovery::Recovery;
use crate::registry::Registry;
use crate::session::{Deliveries, Inner, Producer, Sent, Writer};
use crate::settings::wrong;
use crate::topic::{Preparation, Topic};
use flink_agents_runtime::store::request::fenced;
use flink_agents_runtime::store::{ErrorKind, Position, StoreError};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use std::cell::OnceCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How long the first record may take until something is done about it.
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// Runs a session until it ends.
pub(crate) fn run(inner: &Arc<Inner>) {
    if let Err(error) = Opening::begin(inner) {
        inner.fail(error);
    }
}

/// The parts a session works with, once it is claimed.
pub(crate) struct Opening<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    pub(crate) reader: Reader,
    pub(crate) producer: Arc<Producer>,
    pub(crate) topic: Topic,
    pub(crate) nonce: [u8; 16],
    pub(crate) registry: Registry,
    admin: Option<AdminClient<Shared>>,
    confirm: Option<BaseConsumer<Shared>>,
}

/// A number nobody else has: the standard library's hasher is seeded by the system.
fn nonce() -> [u8; 16] {
    let mut nonce = [0; 16];
    for half in nonce.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().build_hasher().finish().to_ne_bytes());
    }
    nonce
}

impl<'a> Opening<'a> {
    fn begin(inner: &'a Arc<Inner>) -> Result<(), StoreError> {
        let settings = &inner.settings;
        let config = settings.client()?;
        let broken = |e: &KafkaError| settings.broken(e);
        let confirm = settings.consumer(&config, &inner.shared)?;
        let consumer = settings.consumer(&config, &inner.shared)?;
        let preparation = Preparation {
            settings,
            config: &config,
            consumer: &consumer,
            shared: &inner.shared,
            deadline: Deadline::after(settings.open_timeout),
            report: &inner.report,
            admin: OnceCell::new(),
        };
        let Some(topic) = preparation.run()? else {
            return Ok(());
        };
        let admin = preparation.admin.into_inner();
        // A trouble on the way here is not why something fails later.
        inner.shared.troubles.forget();
        let producer = Opening::producer(inner, config, &topic).map_err(|e| broken(&e))?;
        let served = producer.clone();
        let serving = inner.clone();
        std::thread::scope(|scope| {
            let server = std::thread::Builder::new()
                .name("flink-agents-kafka-producer".to_owned())
                .spawn_scoped(scope, move || serving.guard(|| serving.serve(&served)));
            if let Err(e) = server {
                return Err(StoreError::new(
                    ErrorKind::Unavailable,
                    STORE,
                    inner.place(),
                    format!("a thread could not be started: {e}"),
                    "Check how many threads the process may have",
                ));
            }
            let mut opening = Opening {
                inner,
                reader: Reader {
                    consumer,
                    shared: inner.shared.clone(),
                    topic: settings.topic.clone(),
                    patience: settings.open_timeout,
                },
                producer,
                topic,
                nonce: nonce(),
                registry: Registry::new(&inner.request),
                admin,
                confirm: Some(confirm),
            };
            let ended = opening.claim_and_read();
            if let Err(error) = ended {
                inner.fail(error);
            }
            // The thread that serves the producer goes on until the session has ended, for whatever reason.
            Ok(())
        })
    }

    fn producer(inner: &Arc<Inner>, mut config: ClientConfig, topic: &Topic) -> Result<Arc<Producer>, KafkaError> {
        // Batches are measured by it too: the broker refuses one that is larger than the topic allows.
        if let Some(limit) = topic.max_message {
            config.set("message.max.bytes", limit.clamp(1000, 1_000_000_000).to_string());
        }
        let context = Deliveries {
            shared: inner.shared.clone(),
            session: inner.clone(),
        };
        Producer::from_config_and_context(&config, context).map(Arc::new)
    }

    fn claim_and_read(&mut self) -> Result<(), StoreError> {
        let Some(mut recovery) = self.claim()? else {
            return Ok(());
        };
        if !recovery.run(self)? {
            return Ok(());
        }
        self.watch(recovery.partitions)
    }

    /// Claims the key groups; `None` when the session ended.
    fn claim(&mut self) -> Result<Option<Recovery>, StoreError> {
        let request = &self.inner.request;
        let mut claim = ClaimValue {
            epoch: 0,
            max_parallelism: request.max_parallelism,
            key_groups: request.key_groups.clone(),
            partitions: Partitions::wanted(self.topic.partitions, request.max_parallelism, &request.key_groups),
            first_partition: 0,
            positions: Vec::new(),
        };
        let Some(requested) = self.write(CLAIMS, &self.claim_key(), Some(&claim.encode()))? else {
            return Ok(None);
        };
        let epoch = requested + 1;
        let Some((low, _)) = self.reader.ends(CLAIMS)? else {
            return Ok(None);
        };
        self.registry.seen = low;
        if !self.registry.read(&self.reader, requested + 1)? {
            return Ok(None);
        }
        self.check(epoch)?;
        // Before there are places: a claim that should not be would be in the way of those that should.
        self.registry
            .check_parallelism(&self.inner.place(), request.max_parallelism)?;
        let partitions = self.partitions(claim.partitions)?;
        let split = partitions.split(&request.key_groups);
        let mut lows = Vec::with_capacity(split.len());
        for (partition, _) in &split {
            let Some((low, high)) = self.reader.ends(*partition)? else {
                return Ok(None);
            };
            lows.push(low);
            claim.positions.push(Position(high));
        }
        claim.epoch = epoch;
        claim.partitions = partitions.count;
        claim.first_partition = partitions.of(*request.key_groups.start());
        let Some(placed) = self.write(CLAIMS, &self.claim_key(), Some(&claim.encode()))? else {
            return Ok(None);
        };
        if !self.registry.read(&self.reader, placed + 1)? {
            return Ok(None);
        }
        self.check(epoch)?;
        let recovery = Recovery::plan(self, partitions, split, &lows, &claim)?;
        let ends = claim.positions.iter().map(|position| position.0).collect();
        let Some(consumer) = self.confirm.take() else {
            return Ok(None);
        };
        let confirm = Confirm {
            reader: Reader {
                consumer,
                shared: self.inner.shared.clone(),
                topic: self.inner.settings.topic.clone(),
                patience: self.inner.settings.patience(),
            },
            registry: self.registry.clone(),
            epoch,
        };
        self.inner.claimed(
            Writer {
                producer: self.producer.clone(),
                epoch,
                partitions,
                max_message: self.topic.max_message,
            },
            ends,
            confirm,
        );
        Ok(Some(recovery))
    }

    pub(crate) fn claim_key(&self) -> Vec<u8> {
        Key::Claim {
            lineage: self.inner.request.lineage,
            nonce: self.nonce,
            operator: &self.inner.request.operator,
        }
        .encode()
    }

    /// As many as the first claim of the session's lineages says: the own one, if there was none before.
    fn partitions(&self, own: u32) -> Result<Partitions, StoreError> {
        let all = self.topic.partitions;
        let pinned = self.registry.partitions().unwrap_or(own);
        if pinned > Partitions::of_topic(all) {
            return Err(wrong(
                self.inner.place(),
                format!("it has {all} partitions, and the job's records are in {pinned} besides that of the claims"),
                "The topic was made again with fewer partitions. Let kafkaActionStateTopic name another topic",
            ));
        }
        Ok(Partitions::pinned(pinned, all, self.inner.request.max_parallelism))
    }

    fn check(&self, epoch: u64) -> Result<(), StoreError> {
        let request = &self.inner.request;
        match self.registry.successor(epoch, &request.key_groups) {
            Some(successor) => Err(fenced(STORE, &self.inner.place(), request, &successor)),
            None => Ok(()),
        }
    }

    /// Writes something of the store's own and waits for its offset. `None` when the session ended.
    pub(crate) fn write(&self, partition: u32, key: &[u8], value: Option<&[u8]>) -> Result<Option<u64>, StoreError> {
        let doing = "writing a claim";
        let (sender, receiver) = channel();
        let failed = |code: RDKafkaErrorCode| {
            let place = self.reader.place(partition);
            self.inner.write_error(&place, doing, code, Some(&self.producer))
        };
        let inner = &self.inner;
        inner
            .give(
                &mut inner.state(),
                &self.producer,
                partition,
                key,
                value,
                Sent::Own(sender),
            )
            .map_err(failed)?;
        let patience = self.inner.settings.open_timeout;
        let deadline = Deadline::after(patience);
        let mut wait = FIRST_WAIT;
        loop {
            match receiver.recv_timeout(wait) {
                Ok(Ok((_, offset))) => return Ok(Some(offset)),
                Ok(Err(code)) => return Err(failed(code)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.inner.shared.troubles.stopped() => return Ok(None),
                Err(RecvTimeoutError::Timeout) if deadline.passed() => {
                    let place = self.reader.place(partition);
                    return Err(self.inner.shared.timed_out(&place, doing, Right::Write, patience));
                }
                Err(RecvTimeoutError::Timeout) if wait < SLICE => {
                    // Its answer makes librdkafka ask for the producer's id, of which it otherwise thinks twice a second.
                    let topic = Some(self.inner.settings.topic.as_str());
                    let _ = self.producer.client().fetch_metadata(topic, SLICE);
                    wait = (wait * 2).min(SLICE);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Prunes, until the session ends.
    fn watch(&mut self, partitions: Partitions) -> Result<(), StoreError> {
        drop(self.admin.take());
        let mut pruning = Pruning::new(&self.inner.settings, partitions);
        loop {
            let asked = {
                let mut state = self.inner.state();
                loop {
                    if state.closed || self.inner.shared.troubles.stopped() {
                        return Ok(());
                    }
                    let now = Instant::now();
                    state.prune_due = Some(pruning.due());
                    let prunes = state.prune.is_some() && pruning.due() <= now;
                    if prunes {
                        state.pruning = true;
                        break state.prune.take();
                    }
                    state = if state.prune.is_some() {
                        let wait = self.inner.changed.wait_timeout(state, pruning.due() - now);
                        wait.unwrap_or_else(PoisonError::into_inner).0
                    } else {
                        self.inner.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
                    };
                }
            };
            if let Some(marker) = asked {
                let put_off = pruning.run(self, marker)?;
                let mut state = self.inner.state();
                state.pruning = false;
                if state.prune.is_none() {
                    state.prune = put_off;
                }
                self.inner.changed.notify_all();
            }
        }
    }

    /// Reads claims that were written meanwhile. False when the session ended.
    pub(crate) fn read_new_claims(&mut self) -> Result<bool, StoreError> {
        let Some((_, end)) = self.reader.ends(CLAIMS)? else {
            return Ok(false);
        };
        self.registry.read(&self.reader, end)
    }
}
