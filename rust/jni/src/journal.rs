//! The natives of a core with a journal. Records never cross: what the machine orders to be written goes to the driver inside
//! [`crate::hot`]'s poll, and what the store says comes from it in `journalPoll`.
//!
//! *Owned state*: a core's driver, the record it replays and the result it gives back. *Lifecycle*: that of the core; the
//! session of the store ends with it. *Constraint*: as for every native, one caller at a time. The store's threads call the
//! `Runnable` that the core was opened with, once until the next `journalPoll`.

use crate::cold::{handled, plain};
use crate::engine::{Engine, read_plan};
use crate::env::Env;
use crate::errors::Failure;
use crate::handles;
use crate::hot::{event, poll, record};
use crate::job_state::JobState;
use crate::stores;
use crate::upcall::Upcall;
use flink_agents_core::ids::{ActionId, KeySlot, TaskId, ValueHandle};
use flink_agents_core::journal::{Completion, Digest};
use flink_agents_core::run::{CallIn, CallOutcome, CallStep, Effect};
use flink_agents_runtime::journal::{JournalDriver, JournalError};
use flink_agents_runtime::store::{Lineage, OpenSession};
use flink_agents_store_kafka::Reports;
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jintArray, jlong, jobject};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// A `java.lang.Runnable`.
#[allow(non_camel_case_types, reason = "named as the types of JNI are")]
type jrunnable = jobject;

const NULL: jbyteArray = std::ptr::null_mut();

/// What a core with a journal has besides.
pub(crate) struct Journal {
    driver: JournalDriver,
    state: JobState,
    /// Of the action to be replayed.
    completion: Option<Box<Completion>>,
    /// What the call replayed last brought.
    payload: Vec<u8>,
    /// How long a run waits for its input.
    patience: Duration,
    /// What users should know of the store.
    reports: Arc<Reports>,
}

impl Journal {
    /// The next thing that users should know of the store.
    pub(crate) fn report(&mut self) -> Option<String> {
        self.reports.take().or_else(|| self.driver.take_warning())
    }
}

/// What Java says about a subtask, JSON. Bytes are hexadecimal.
#[derive(Deserialize)]
struct Request {
    /// Nonce of the job graph.
    nonce: String,
    operator: String,
    max_parallelism: u16,
    first_key_group: u16,
    last_key_group: u16,
    /// What the restored checkpoint has of each subtask, see [`JobState`]; empty without one.
    restored: Vec<String>,
}

impl From<JournalError> for Failure {
    #[cold]
    fn from(error: JournalError) -> Self {
        Failure::core(error.to_string())
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let malformed = || Failure::argument("The settings of a journal have bytes that are not hexadecimal");
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(malformed());
    }
    let digit = |byte: u8| (byte as char).to_digit(16).ok_or_else(malformed);
    pairs
        .iter()
        .map(|[high, low]| Ok((digit(*high)? << 4 | digit(*low)?) as u8))
        .collect()
}

fn digest(env: Env, bytes: jbyteArray) -> Result<Option<Digest>, Failure> {
    if bytes.is_null() {
        return Ok(None);
    }
    let bytes = env.bytes(bytes)?;
    let digest = Digest::try_from(bytes.as_slice())
        .map_err(|_| Failure::argument(format!("a digest has {} bytes instead of 16", bytes.len())))?;
    Ok(Some(digest))
}

fn open(plan: &[u8], request: &[u8], wake: Upcall) -> Result<Engine, Failure> {
    let plan = read_plan(plan)?;
    let request: Request = serde_json::from_slice(request)
        .map_err(|error| Failure::argument(format!("The settings of a journal cannot be read: {error}")))?;
    let nonce = <[u8; 16]>::try_from(from_hex(&request.nonce)?.as_slice())
        .map_err(|_| Failure::argument("The nonce of a job has not 16 bytes"))?;
    let mut restored = Vec::new();
    for state in &request.restored {
        restored.push(JobState::read(&from_hex(state)?)?);
    }
    let settings = stores::Settings::read(&plan.config)?;
    let markers = restored.iter().map(|(_, marker)| marker.clone()).collect();
    let state = JobState::of(
        Lineage(nonce),
        restored.into_iter().next().map(|(state, _)| state),
        settings.continues,
    );
    let session = OpenSession {
        lineage: state.lineage,
        ancestors: state.ancestors.clone(),
        operator: request.operator,
        max_parallelism: request.max_parallelism,
        key_groups: request.first_key_group..=request.last_key_group,
        markers,
        missing_history: settings.missing_history,
    };
    let reports = Arc::default();
    let store = stores::open(&plan.config, &reports)?;
    let driver = JournalDriver::open(&*store, session, Arc::new(move || wake.call()))?;
    let journal = Journal {
        driver,
        completion: None,
        payload: Vec::new(),
        patience: settings.patience,
        state,
        reports,
    };
    Engine::with_journal(&plan, settings.journal(journal.state.lineage), Box::new(journal))
}

/// Carries out an effect that only a machine with a journal has; what is left of it for Java. Refuses it without a journal.
#[cold]
pub(crate) fn carry_out(engine: &mut Engine, effect: Effect) -> Result<Option<[u64; 4]>, Failure> {
    let Some(journal) = &mut engine.journal else {
        return Err(Failure::core(
            "The machine has a journal, and its host does not know of one",
        ));
    };
    Ok(match effect {
        Effect::Record {
            key,
            ticket,
            record: out,
        } => {
            journal.driver.record(key, ticket, *out);
            None
        }
        Effect::RunEnded {
            key, sequence, idle, ..
        } => {
            journal.driver.run_ended(key, sequence, idle);
            None
        }
        Effect::Replay {
            task,
            key,
            action: ActionId(action),
            completion,
        } => {
            journal.completion = Some(completion);
            Some(record(11, key.0, task.to_bits(), u32::from(action), 0, 0))
        }
        Effect::CallReady { task, key, call, step } => {
            let step = journal.take_step(*step);
            Some(record(12, key.0, task.to_bits(), call, step, 0))
        }
        Effect::AwaitInput { key, run } => Some(record(13, key.0, 0, 0, 0, run)),
        Effect::Diverged { key, reason } => {
            engine.texts.push(reason);
            Some(record(14, key.0, 0, engine.texts.len() as u32 - 1, 0, 0))
        }
        other => return Err(Failure::core(format!("the journal does not know what {other:?} is"))),
    })
}

/// Nothing is left to do now: what was taken goes to the store, all of it together.
#[cold]
pub(crate) fn flush(journal: &mut Journal) -> Result<(), Failure> {
    Ok(journal.driver.flush()?)
}

impl Journal {
    /// The number of a step in Java; what a replayed call brought is kept for `journalPayload`.
    fn take_step(&mut self, step: CallStep) -> u32 {
        match step {
            CallStep::Execute => 0,
            CallStep::Reconcile => 1,
            CallStep::Replay { failed, payload } => {
                self.payload = payload;
                2 + u32::from(failed)
            }
            CallStep::Wait => 4,
        }
    }
}

impl Engine {
    fn journal(&mut self) -> Result<&mut Journal, Failure> {
        self.journal
            .as_deref_mut()
            .ok_or_else(|| Failure::state("The core has no journal: it was opened without one"))
    }
}

plain! {
    /// Makes an engine with a journal for a plan whose configuration names a store. `request`: JSON. `wake` is run, on any
    /// thread, when there is something for `journalPoll`.
    fn Java_org_apache_flink_agents_core_Natives_openJournalled(
        env, plan: jbyteArray, request: jbyteArray, wake: jrunnable
    ) -> jlong = 0; {
        let wake = Upcall::new(env, wake, c"flink-agents journal")?;
        handles::open(Box::new(open(&env.bytes(plan)?, &env.bytes(request)?, wake)?))
    }
}

handled! {
    /// Delivers what the store has said; 1 if there was something.
    fn Java_org_apache_flink_agents_core_Natives_journalPoll(_env, engine) -> jint = 0; {
        let Engine { machine, journal: Some(journal), .. } = engine else { return Ok(0) };
        Ok(jint::from(journal.driver.poll(machine)?))
    }
}

handled! {
    /// How the journal is doing: records not acknowledged, bytes in kB, latency of the store in microseconds or -1.
    fn Java_org_apache_flink_agents_core_Natives_journalFigures(env, engine) -> jintArray = std::ptr::null_mut(); {
        let figures = engine.journal()?.driver.figures();
        let number = |count: usize| jint::try_from(count).unwrap_or(jint::MAX);
        let latency = figures.latency.map_or(-1, |time| jint::try_from(time.as_micros()).unwrap_or(jint::MAX));
        env.new_ints(&[number(figures.unacknowledged), number(figures.bytes.div_ceil(1000)), latency])
    }
}

handled! {
    /// A key gets a slot: before its first input, and before its restored run. `key`: its bytes in the store.
    fn Java_org_apache_flink_agents_core_Natives_journalKey(
        env, engine, slot: jint, key_group: jint, key: jbyteArray, sequence: jlong
    ) -> () = (); {
        let slot = KeySlot(slot as u32);
        let key_group = u16::try_from(key_group)
            .map_err(|_| Failure::argument(format!("there is no key group {key_group}")))?;
        let key = env.bytes(key)?;
        engine.machine.handle_key_opened(slot, sequence as u64)?;
        let history = engine.journal()?.driver.key_opened(slot, key_group, &key)?;
        Ok(engine.machine.handle_history(slot, history)?)
    }
}

handled! {
    /// A record of a key, with a digest of 16 bytes or null; then as `poll`.
    fn Java_org_apache_flink_agents_core_Natives_journalInput(
        env, engine, key: jint, value: jint, id_high: jlong, id_low: jlong, has_timestamp: jint, timestamp: jlong,
        attributes: jlong, attributes_length: jint, input_digest: jbyteArray, address: jlong, capacity: jint, may_run: jint
    ) -> jlong = 0; {
        let digest = digest(env, input_digest)?;
        let event = event(engine, 0, value, (id_high, id_low), (attributes, attributes_length))?;
        let timestamp = (has_timestamp != 0).then_some(timestamp);
        engine.machine.handle_digested_input(KeySlot(key as u32), event, timestamp, digest)?;
        poll(engine, address, capacity, may_run != 0)
    }
}

handled! {
    /// The values that the record of the running action will have.
    fn Java_org_apache_flink_agents_core_Natives_journalValues(env, engine, task: jlong) -> jintArray = std::ptr::null_mut(); {
        let values = engine.machine.values_to_record(TaskId::from_bits(task as u64))?;
        env.new_ints(&values.iter().map(|value| value.0 as jint).collect::<Vec<_>>())
    }
}

handled! {
    /// The running action returned. `values`: each of `journalValues` as u32 length and bytes. Then as `poll`.
    fn Java_org_apache_flink_agents_core_Natives_journalFinish(
        env, engine, task: jlong, values: jbyteArray, address: jlong, capacity: jint, may_run: jint
    ) -> jlong = 0; {
        let values = env.bytes(values)?;
        let mut rest = &values[..];
        let mut list = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (value, after) = after
                .split_at_checked(u32::from_le_bytes(*length) as usize)
                .ok_or_else(|| Failure::argument("the values of an action are malformed"))?;
            list.push(value.to_vec());
            rest = after;
        }
        let task = TaskId::from_bits(task as u64);
        let traces = engine.traces_end(task);
        engine.machine.handle_completed(task, list)?;
        if traces {
            engine.trace_end(task);
        }
        poll(engine, address, capacity, may_run != 0)
    }
}

handled! {
    /// The values of the record to be replayed: u32 number of events among them, then each as u32 length and bytes.
    fn Java_org_apache_flink_agents_core_Natives_journalRecord(env, engine) -> jbyteArray = NULL; {
        let Some(completion) = &engine.journal()?.completion else {
            return Err(Failure::state("no action is to be replayed"));
        };
        let mut out = (completion.events.len() as u32).to_le_bytes().to_vec();
        for value in &completion.values {
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            out.extend_from_slice(value);
        }
        env.new_bytes(&out)
    }
}

handled! {
    /// The values of `journalRecord` were read: the action counts as having returned. `attributes` as for `restoreKey`.
    fn Java_org_apache_flink_agents_core_Natives_journalReplayed(
        env, engine, task: jlong, values: jintArray, attributes: jbyteArray
    ) -> () = (); {
        let values: Vec<ValueHandle> = env.ints(values)?.into_iter().map(|value| ValueHandle(value as u32)).collect();
        let attributes = if attributes.is_null() { Vec::new() } else { engine.attribute_list(&env.bytes(attributes)?)? };
        let Some(completion) = engine.journal()?.completion.take() else {
            return Err(Failure::state("no action is to be replayed"));
        };
        Ok(engine.machine.handle_replayed(TaskId::from_bits(task as u64), &completion, &values, attributes)?)
    }
}

handled! {
    /// The action begins a durable call: `step << 32 | number`, step 0 execute, 1 reconcile, 2 replay a result, 3 replay an
    /// exception, 4 wait. `function`: UTF-8; `arguments`: a digest of 16 bytes, or null.
    fn Java_org_apache_flink_agents_core_Natives_journalCall(
        env, engine, task: jlong, scope: jint, function: jbyteArray, arguments: jbyteArray, reconcilable: jint
    ) -> jlong = 0; {
        let function = String::from_utf8(env.bytes(function)?)
            .map_err(|_| Failure::argument("the id of a durable call is not valid Unicode text"))?;
        let call = CallIn { function: &function, digest: digest(env, arguments)?, reconcilable: reconcilable != 0 };
        let (number, step) = engine.machine.handle_call(TaskId::from_bits(task as u64), scope as u32, call)?;
        let step = engine.journal()?.take_step(step);
        Ok(i64::from(step) << 32 | i64::from(number))
    }
}

handled! {
    /// What the call brought that `journalCall`, or the effect polled last, says to replay.
    fn Java_org_apache_flink_agents_core_Natives_journalPayload(env, engine) -> jbyteArray = NULL; {
        let payload = std::mem::take(&mut engine.journal()?.payload);
        env.new_bytes(&payload)
    }
}

handled! {
    /// A durable call has ended: `outcome` 0 given up or replayed, 1 with a result, 2 with an exception; `payload` null with 0.
    fn Java_org_apache_flink_agents_core_Natives_journalCallEnd(
        env, engine, task: jlong, call: jint, outcome: jint, payload: jbyteArray
    ) -> () = (); {
        let payload = if outcome == 0 { Vec::new() } else { env.bytes(payload)? };
        let ended = CallOutcome { failed: outcome == 2, payload: &payload };
        let ended = (outcome != 0).then_some(ended);
        Ok(engine.machine.handle_call_ended(TaskId::from_bits(task as u64), call as u32, ended)?)
    }
}

handled! {
    /// What identifies a durable call of the action to others, in all its attempts (UTF-8).
    fn Java_org_apache_flink_agents_core_Natives_journalCallKey(
        env, engine, task: jlong, slot: jint, call: jint
    ) -> jbyteArray = NULL; {
        let task = TaskId::from_bits(task as u64);
        let tail = engine.machine.call_tail(task, call as u32)?;
        let origin = engine.machine.origin_of(task)?;
        let key = engine.journal()?.driver.idempotency_key(KeySlot(slot as u32), origin, &tail);
        env.new_bytes(key.ok_or_else(|| Failure::state("the key of the call is not open"))?.as_bytes())
    }
}

handled! {
    /// Whether an answer that was replayed is on its way to the code of an action (1 or 0); see `Machine::handle_held`.
    fn Java_org_apache_flink_agents_core_Natives_journalHold(_env, engine, task: jlong, held: jint) -> () = (); {
        Ok(engine.machine.handle_held(TaskId::from_bits(task as u64), held != 0)?)
    }
}

handled! {
    /// Whether code of an action goes on beside what waits for its calls (1 or 0); see `Machine::handle_busy`.
    fn Java_org_apache_flink_agents_core_Natives_journalBusy(_env, engine, task: jlong, busy: jint) -> () = (); {
        Ok(engine.machine.handle_busy(TaskId::from_bits(task as u64), busy != 0)?)
    }
}

handled! {
    /// The input of a run was waited for long enough.
    fn Java_org_apache_flink_agents_core_Natives_journalAwaitOver(_env, engine, slot: jint, run: jlong) -> () = (); {
        engine.machine.handle_await_over(KeySlot(slot as u32), run as u64);
        Ok(())
    }
}

handled! {
    /// How long an input is to be waited for, in milliseconds.
    fn Java_org_apache_flink_agents_core_Natives_journalPatience(_env, engine) -> jlong = 0; {
        Ok(i64::try_from(engine.journal()?.patience.as_millis()).unwrap_or(i64::MAX))
    }
}

handled! {
    /// What a checkpoint has to hold of this subtask, beside its keys.
    fn Java_org_apache_flink_agents_core_Natives_journalState(env, engine) -> jbyteArray = NULL; {
        let journal = engine.journal()?;
        env.new_bytes(&journal.state.write(&journal.driver.marker()))
    }
}

handled! {
    /// No checkpoint older than the one with this state will be restored.
    fn Java_org_apache_flink_agents_core_Natives_journalPrune(env, engine, state: jbyteArray) -> () = (); {
        let (_, marker) = JobState::read(&env.bytes(state)?)?;
        Ok(engine.journal()?.driver.prune(&marker)?)
    }
}

#[cfg(test)]
mod tests {
    use super::from_hex;

    #[test]
    fn bytes_travel_as_text() {
        assert_eq!(from_hex("00ff7A").unwrap(), [0, 255, 0x7a]);
        assert!(from_hex("").unwrap().is_empty());
        assert!(from_hex("0").is_err());
        assert!(from_hex("0g").is_err());
    }
}
