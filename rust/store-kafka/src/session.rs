//! A session: what is appended goes to the producer, what is delivered comes back as acknowledgements.

use crate::client::{Right, SLICE, Shared, code_of};
use crate::confirm::Confirm;
use crate::envelope::{Key, RECORD_OVERHEAD, RecordKey, write_record};
use crate::marker::Marker;
use crate::partitions::Partitions;
use crate::settings::{KafkaSettings, wrong};
use crate::topic::FRAMING;
use crate::{Report, STORE};
use flink_agents_runtime::store::gate::Gate;
use flink_agents_runtime::store::request::refuse;
use flink_agents_runtime::store::{
    Acked, Append, ErrorKind, Events, OpenSession, Position, Session, StoreError, Ticket,
};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use slab::Slab;
use std::collections::VecDeque;
use std::error::Error;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How long a session that is closed goes on with pruning that is due.
const LAST_PRUNING: Duration = Duration::from_secs(5);

const WRITING: &str = "writing a record";

pub(crate) type Producer = BaseProducer<Deliveries>;

/// What was given to the producer, and is found again with the delivery.
pub(crate) enum Sent {
    Record {
        slot: u32,
        ticket: Ticket,
        key_group: u16,
        run: u64,
    },
    /// Of the store itself: whoever wrote it waits for partition and offset.
    Own(Sender<Result<(u32, u64), RDKafkaErrorCode>>),
}

/// What can be written with once the session's key groups are claimed.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) producer: Arc<Producer>,
    pub(crate) epoch: u64,
    pub(crate) partitions: Partitions,
    pub(crate) max_message: Option<usize>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Appended and not yet given to the producer.
    pending: VecDeque<Append>,
    writer: Option<Writer>,
    /// Delivered and not yet confirmed.
    pub(crate) delivered: Vec<Acked>,
    /// By which to confirm; until it is taken.
    pub(crate) confirm: Option<Confirm>,
    pub(crate) failure: Option<StoreError>,
    pub(crate) closed: bool,
    /// What is on its way; the producer has the places here. A box for each record would go from thread to thread, which costs an
    /// allocator more than the record is worth.
    on_its_way: Slab<Sent>,
    /// Something was given to the producer since the thread that serves it looked.
    sent: bool,
    /// Where records are put together.
    bytes: Vec<u8>,
    /// Of each key group, what the markers said.
    pub(crate) starts: Vec<Option<Position>>,
    /// Of each of the session's partitions, the place after what was read and what is acknowledged.
    ends: Vec<u64>,
    /// What is to be pruned is what this marker does not cover.
    pub(crate) prune: Option<Marker>,
    /// When it may be; none before the claim.
    pub(crate) prune_due: Option<Instant>,
    /// It is under way.
    pub(crate) pruning: bool,
}

/// What the session's threads share.
pub(crate) struct Inner {
    pub(crate) settings: Arc<KafkaSettings>,
    pub(crate) report: Report,
    pub(crate) shared: Shared,
    pub(crate) gate: Gate,
    pub(crate) request: OpenSession,
    pub(crate) markers: Vec<Marker>,
    state: Mutex<State>,
    pub(crate) changed: Condvar,
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn place(&self) -> String {
        format!("topic {}", self.settings.topic)
    }

    /// Ends the session with an error, if it is the first.
    pub(crate) fn fail(&self, error: StoreError) {
        self.fail_here(&mut self.state(), error);
    }

    /// The key groups are claimed: what was appended meanwhile is written.
    pub(crate) fn claimed(&self, writer: Writer, ends: Vec<u64>, confirm: Confirm) {
        let mut state = self.state();
        state.ends = ends;
        state.confirm = Some(confirm);
        self.changed.notify_all();
        state.prune_due = Some(Instant::now());
        state.writer = Some(writer);
        self.drain(&mut state);
    }

    /// Gives to the producer what it takes. Does no I/O: librdkafka's threads do.
    fn drain(&self, state: &mut State) {
        let Some(writer) = state.writer.clone() else {
            return;
        };
        while let Some(record) = state.pending.pop_front() {
            let partition = writer.partitions.of(record.key_group);
            let run = record.run().unwrap_or_default();
            if let Some(limit) = writer.max_message {
                let size = record.size() + self.request.operator.len() + RECORD_OVERHEAD + FRAMING;
                if size > limit {
                    let error = StoreError::new(
                        ErrorKind::TooLarge,
                        STORE,
                        self.place_of(partition, record.key_group, run),
                        format!("the record takes {size} bytes, and max.message.bytes of the topic is {limit}"),
                        "Let the call return less, for instance a reference to what it stored, or raise max.message.bytes of the \
                         topic",
                    );
                    return self.fail_here(state, error);
                }
            }
            let mut bytes = std::mem::take(&mut state.bytes);
            bytes.clear();
            Key::Record(RecordKey {
                lineage: self.request.lineage,
                epoch: writer.epoch,
                key_group: record.key_group,
                operator: &self.request.operator,
                key: &record.key,
                tail: &record.tail,
            })
            .write(&mut bytes);
            let key_length = bytes.len();
            write_record(&mut bytes, record.value.as_deref());
            let (key, value) = bytes.split_at(key_length);
            let sent = Sent::Record {
                slot: record.slot,
                ticket: record.ticket,
                key_group: record.key_group,
                run,
            };
            let given = self.give(state, &writer.producer, partition, key, Some(value), sent);
            state.bytes = bytes;
            match given {
                Ok(()) => {}
                // The thread that serves the producer tries again.
                Err(RDKafkaErrorCode::QueueFull) => {
                    state.pending.push_front(record);
                    return;
                }
                Err(code) => {
                    let place = self.place_of(partition, record.key_group, run);
                    let error = self.write_error(&place, WRITING, code, Some(&writer.producer));
                    return self.fail_here(state, error);
                }
            }
        }
    }

    /// Gives one record to the producer. Does no I/O.
    pub(crate) fn give(
        &self,
        state: &mut State,
        producer: &Producer,
        partition: u32,
        key: &[u8],
        value: Option<&[u8]>,
        sent: Sent,
    ) -> Result<(), RDKafkaErrorCode> {
        let place = state.on_its_way.insert(sent);
        let mut record = BaseRecord::with_opaque_to(&self.settings.topic, place)
            .partition(partition as i32)
            .key(key);
        record.payload = value;
        if let Err((e, place)) = producer.send(record).map_err(|(e, record)| (e, record.delivery_opaque)) {
            state.on_its_way.try_remove(place);
            return Err(code_of(&e));
        }
        if !state.sent {
            state.sent = true;
            self.changed.notify_all();
        }
        Ok(())
    }

    fn fail_here(&self, state: &mut State, error: StoreError) {
        state.failure.get_or_insert(error);
        state.pending.clear();
        // Whoever waits for a broker waits no more.
        self.shared.troubles.stop();
        self.changed.notify_all();
    }

    fn place_of(&self, partition: u32, key_group: u16, run: u64) -> String {
        format!(
            "topic {}, partition {partition}, operator {}, key group {key_group}, run {run}",
            self.settings.topic, self.request.operator
        )
    }

    /// Why something was not written.
    pub(crate) fn write_error(
        &self,
        place: &str,
        doing: &str,
        code: RDKafkaErrorCode,
        producer: Option<&Producer>,
    ) -> StoreError {
        let fatal = producer.and_then(|producer| producer.client().fatal_error());
        let (code, said) = fatal
            .filter(|_| code == RDKafkaErrorCode::Fatal)
            .unwrap_or_else(|| (code, code.to_string()));
        self.shared.error(place, doing, Right::Write, code, &said)
    }

    fn delivered(&self, told: Result<(u32, u64), (u32, RDKafkaErrorCode)>, place: usize) {
        let mut state = self.state();
        let (slot, ticket, key_group, run) = match state.on_its_way.try_remove(place) {
            None => return,
            Some(Sent::Own(waiting)) => {
                // Nobody waits any more when the session has ended.
                let _ = waiting.send(told.map_err(|(_, code)| code));
                return;
            }
            Some(Sent::Record {
                slot,
                ticket,
                key_group,
                run,
            }) => (slot, ticket, key_group, run),
        };
        // After a record that failed, none is acknowledged: those behind it in its key depend on it.
        if state.failure.is_some() || state.closed {
            return;
        }
        match told {
            Ok((_, offset)) => {
                state.delivered.push(Acked {
                    slot,
                    ticket,
                    position: Position(offset),
                });
                if state.delivered.len() > 1 {
                    return;
                }
            }
            Err((partition, code)) => {
                let place = self.place_of(partition, key_group, run);
                let producer = state.writer.as_ref().map(|writer| &*writer.producer);
                let error = self.write_error(&place, WRITING, code, producer);
                self.fail_here(&mut state, error);
            }
        }
        self.changed.notify_all();
    }

    /// Runs a thread of the session. What it does on a panic is never nothing: others would wait for it for ever.
    pub(crate) fn guard(&self, run: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            let error = StoreError::new(
                ErrorKind::Rejected,
                STORE,
                self.place(),
                format!("a thread of the session panicked: {said}"),
                "This is an error of the store, or of the program that it tells; please report it",
            );
            self.fail(error.clone());
            self.gate.fail(error);
        }
    }

    /// Serves the producer until the session ends.
    pub(crate) fn serve(&self, producer: &Producer) {
        while !self.shared.troubles.stopped() {
            producer.poll(self.idle(producer));
            let mut state = self.state();
            if !state.pending.is_empty() {
                self.drain(&mut state);
            }
        }
    }

    /// How long to wait for the producer. Nothing can wake a thread that does, so that one with nothing on its way is waited for
    /// here, where the session's end is heard of at once. Before the claim there are tokens and connections to be served.
    fn idle(&self, producer: &Producer) -> Duration {
        let state = self.state();
        if state.writer.is_none() || producer.in_flight_count() > 0 {
            return SLICE;
        }
        let quiet = |state: &mut State| !state.sent && !state.closed && state.failure.is_none();
        let waited = self.changed.wait_timeout_while(state, SLICE, quiet);
        waited.unwrap_or_else(PoisonError::into_inner).0.sent = false;
        Duration::ZERO
    }
}

/// Context of a session's producer.
pub(crate) struct Deliveries {
    pub(crate) shared: Shared,
    pub(crate) session: Arc<Inner>,
}

impl ClientContext for Deliveries {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Shared::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.shared.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientContext::error(&self.shared, error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.shared.generate_oauth_token(config)
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, place: usize) {
        let told = match result {
            Ok(message) => Ok((message.partition() as u32, message.offset() as u64)),
            Err((e, message)) => Err((message.partition() as u32, code_of(e))),
        };
        self.session.delivered(told, place);
    }
}

/// See [`crate`].
pub(crate) struct KafkaSession {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

impl KafkaSession {
    pub(crate) fn open(
        settings: &Arc<KafkaSettings>,
        report: &Report,
        request: OpenSession,
        events: Arc<dyn Events>,
    ) -> Result<KafkaSession, StoreError> {
        let place = format!("operator {}", request.operator);
        let bug = "This is an error of the program that holds the session; please report it";
        if request.key_groups.is_empty() || *request.key_groups.end() >= request.max_parallelism {
            let why = format!(
                "key groups {:?} at a maximum parallelism of {}",
                request.key_groups, request.max_parallelism
            );
            return Err(StoreError::new(ErrorKind::Request, STORE, place, why, bug));
        }
        if request.operator.len() > 1 << 12 {
            let why = format!("its id has {} bytes, and 4096 are allowed", request.operator.len());
            return Err(StoreError::new(ErrorKind::Request, STORE, place, why, bug));
        }
        let markers = request
            .markers
            .iter()
            .map(|bytes| Marker::decode(bytes))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = markers
            .iter()
            .find(|marker| marker.max_parallelism != request.max_parallelism)
        {
            return Err(wrong(
                format!("marker in the restored checkpoint, {place}"),
                format!(
                    "the maximum parallelism is {} now and was {} then",
                    request.max_parallelism, other.max_parallelism
                ),
                "Set the maximum parallelism of the operator to the former value",
            ));
        }
        let starts: Vec<Option<Position>> = request
            .key_groups
            .clone()
            .map(|key_group| markers.iter().filter_map(|marker| marker.start(key_group)).min())
            .collect();
        let state = State {
            starts,
            ..State::default()
        };
        let shared = Shared::new(settings);
        let inner = Arc::new(Inner {
            settings: settings.clone(),
            report: report.clone(),
            shared,
            gate: Gate::new(events),
            request,
            markers,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let mut session = KafkaSession {
            inner: inner.clone(),
            threads: Vec::with_capacity(2),
        };
        let teller = inner.clone();
        session.spawn("kafka-acks", move || crate::confirm::tell(&teller))?;
        session.spawn("kafka-session", move || crate::open::run(&inner))?;
        Ok(session)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let inner = self.inner.clone();
        let thread = Builder::new()
            .name(format!("flink-agents-{name}"))
            .spawn(move || inner.guard(run))
            .map_err(|e| {
                StoreError::new(
                    ErrorKind::Unavailable,
                    STORE,
                    self.inner.place(),
                    format!("a thread could not be started: {e}"),
                    "Check how many threads the process may have",
                )
            })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Session for KafkaSession {
    fn append(&mut self, records: Vec<Append>) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.gate.check()?;
        let mut state = inner.state();
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        for record in records {
            let place = inner.place();
            let refused = refuse(STORE, &place, &inner.request, &record, inner.settings.max_record_size);
            if let Some(error) = refused {
                inner.drain(&mut state);
                inner.fail_here(&mut state, error);
                return Ok(());
            }
            state.pending.push_back(record);
        }
        inner.drain(&mut state);
        Ok(())
    }

    fn marker(
        &self,
        recovered: &[RangeInclusive<u16>],
        heard: &[(u16, Position)],
        oldest: &[(u16, Position)],
    ) -> Vec<u8> {
        let request = &self.inner.request;
        let first = *request.key_groups.start();
        let state = self.inner.state();
        let partitions = state.writer.as_ref().map(|writer| writer.partitions);
        let mut positions: Vec<Option<Position>> = state.starts.clone();
        if let Some(partitions) = &partitions {
            let own = partitions.of(first);
            let mut ends = state.ends.clone();
            for (key_group, position) in heard {
                let index = partitions.of(*key_group).checked_sub(own).map(|index| index as usize);
                if let Some(end) = index.and_then(|index| ends.get_mut(index)) {
                    *end = (*end).max(position.0);
                }
            }
            for (index, key_group) in request.key_groups.clone().enumerate() {
                if recovered.iter().any(|range| range.contains(&key_group)) {
                    positions[index] = Some(Position(ends[(partitions.of(key_group) - own) as usize]));
                }
            }
        }
        for (key_group, position) in oldest {
            let index = key_group.checked_sub(first).map(usize::from);
            if let Some(Some(known)) = index.and_then(|index| positions.get_mut(index)) {
                *known = (*known).min(*position);
            }
        }
        let restored = self.inner.markers.first();
        let mut marker = Marker {
            lineage: restored
                .filter(|_| partitions.is_none())
                .map_or(request.lineage, |marker| marker.lineage),
            max_parallelism: request.max_parallelism,
            partitions: partitions.map_or_else(|| restored.map_or(0, |marker| marker.partitions), |known| known.count),
            starts: Vec::new(),
        };
        for (key_group, position) in request.key_groups.clone().zip(positions) {
            let Some(position) = position else {
                continue;
            };
            match marker.starts.last_mut() {
                Some((range, same)) if *same == position && *range.end() + 1 == key_group => {
                    *range = *range.start()..=key_group;
                }
                _ => marker.starts.push((key_group..=key_group, position)),
            }
        }
        marker.encode()
    }

    fn unreadable(&self, key_group: u16, position: Position, reason: &str) -> StoreError {
        let inner = &self.inner;
        // It was read back, so its partition is known.
        let partitions = inner.state().writer.as_ref().map(|writer| writer.partitions);
        let partition = partitions.map_or_else(String::new, |known| format!(", partition {}", known.of(key_group)));
        StoreError::new(
            ErrorKind::Damaged,
            STORE,
            format!("{}{partition}, offset {position}, key group {key_group}", inner.place()),
            reason,
            "Let no other program write to the topic. If what is recorded may be done again, use another topic and set \
             action-state.on-missing-history to REEXECUTE",
        )
    }

    fn prune(&mut self, marker: &[u8]) -> Result<(), StoreError> {
        self.inner.gate.check()?;
        let marker = Marker::decode(marker)?;
        let request = &self.inner.request;
        let covers = |key_group: &u16| marker.start(*key_group).is_some();
        // Of a session that had read nothing yet, or had not even claimed: everything is needed that there is of its lineage.
        let own = marker.lineage == request.lineage;
        if (own && marker.starts.is_empty()) || (!own && request.ancestors.contains(&marker.lineage)) {
            return Ok(());
        }
        if marker.lineage != request.lineage || !request.key_groups.clone().any(|key_group| covers(&key_group)) {
            return Err(StoreError::new(
                ErrorKind::Request,
                STORE,
                format!("{}, operator {}", self.inner.place(), request.operator),
                format!(
                    "the marker to prune by is of the job lineage {}, and this session of {} with the key groups {:?}",
                    marker.lineage, request.lineage, request.key_groups
                ),
                "This is an error of the program that holds the session; please report it",
            ));
        }
        self.inner.state().prune = Some(marker);
        self.inner.changed.notify_all();
        Ok(())
    }

    fn close(self: Box<Self>) {
        drop(self);
    }
}

impl Drop for KafkaSession {
    fn drop(&mut self) {
        let state = self.inner.state();
        let prunes = |state: &mut State| {
            let due = state.prune.is_some() && state.prune_due.is_some_and(|due| due <= Instant::now());
            state.failure.is_none() && (due || state.pruning)
        };
        let waited = self.inner.changed.wait_timeout_while(state, LAST_PRUNING, prunes);
        drop(waited.unwrap_or_else(PoisonError::into_inner).0);
        self.inner.shared.troubles.stop();
        {
            let mut state = self.inner.state();
            state.closed = true;
            state.pending.clear();
            self.inner.changed.notify_all();
        }
        self.inner.gate.close(STORE);
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so by its message; there is nobody here to tell it to.
            let _ = thread.join();
        }
        // The producer refers to the session by its context. What it drops now it reports, so the lock must be free.
        let writer = self.inner.state().writer.take();
        drop(writer);
    }
}
