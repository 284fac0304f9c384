//! The natives of the hot path: integers and addresses only.
//!
//! Every one is written with [`hot!`], which takes the engine of the handle (first argument), runs the body, and turns
//! errors and panics into Java exceptions; the value returned then is a placeholder that Java never sees.
//!
//! # Layout of an effect
//!
//! 32 bytes, little-endian: `kind u32, key u32, task u64, a u32, b u32, c u64`.
//!
//! | kind | effect | a | b | c |
//! |---|---|---|---|---|
//! | 1 | run action | action | event value | |
//! | 2 | resume | | | |
//! | 3 | emit | event value | 1 = has timestamp | timestamp |
//! | 4 | write memory | path | 0 absent, 1 object, 2 value | value |
//! | 5 | forward marker | 0 watermark, 1 idle, 2 attributes | | value |
//! | 6 | release value | value | | |
//! | 7 | run ended | 1 = key idle | 1 = persisted | sequence |
//! | 8 | warn | index of the text | | |
//! | 9 | fail | index of the text | | |
//! | 10 | event processed | event value | 1 = to be logged, 2 = for listeners | |
//! | 11 | replay action | action | | |
//! | 12 | durable call is decided | number | 0 execute, 1 reconcile, 2 replay a result, 3 replay an exception | |
//! | 13 | await input | | | run |
//! | 14 | diverged | index of the text | | |
//! | 15 | dead letter | event value | 1 = has timestamp | timestamp |
//! | 16 | an attempt failed: the next after a wait | wait in ms, lower half | upper half | when it ends, ms since 1970 |
//!
//! Those from 11 to 14 come only with a journal.

use crate::engine::Engine;
use crate::env::Env;
use crate::errors::{Failure, from_panic};
use crate::handles::Guard;
use crate::journal;
use flink_agents_core::ids::{ActionId, EventId, KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::memory::{Lookup, Node, Space, Written};
use flink_agents_core::run::{CallIn, Effect, EventIn, Marker, ScopeKind};
use jni_sys::{JNIEnv, jclass, jint, jlong};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs the body of a native with the engine of `handle`.
#[inline]
pub(crate) fn guarded<T>(
    name: &str,
    env: Env,
    handle: jlong,
    placeholder: T,
    body: impl FnOnce(&mut Engine) -> Result<T, Failure>,
) -> T {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = Guard::take(handle)?;
        let engine = guard.engine()?;
        engine.check_usable()?;
        // A panic leaves the engine half changed: it is closed to use until the body has returned.
        engine.enter();
        let result = body(engine);
        engine.leave();
        result
    }));
    match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(failure)) => {
            env.raise(&failure);
            placeholder
        }
        Err(panic) => {
            env.raise(&from_panic(name, &*panic));
            placeholder
        }
    }
}

macro_rules! hot {
    ($(#[$doc:meta])* fn $export:ident($engine:ident $(, $arg:ident: $type:ty)*) -> $ret:ty = $placeholder:expr; $body:block) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub extern "system" fn $export(env: *mut JNIEnv, _class: jclass, handle: jlong $(, $arg: $type)*) -> $ret {
            // SAFETY: called by the JVM, which passes the environment of this thread.
            let env = unsafe { Env::new(env) };
            guarded(stringify!($export), env, handle, $placeholder, |$engine| $body)
        }
    };
}

pub(crate) fn event(
    engine: &Engine,
    kind: jint,
    value: jint,
    id: (jlong, jlong),
    attributes: (jlong, jint),
) -> Result<EventIn<crate::engine::Attributes>, Failure> {
    if attributes.0 == 0 && attributes.1 > 0 {
        return Err(Failure::argument(
            "attributes have a length but no address: pass both or neither",
        ));
    }
    let attributes = if attributes.1 > 0 {
        // SAFETY: Java passes address and length of a direct buffer it owns and does not change during the call.
        let bytes = unsafe { std::slice::from_raw_parts(attributes.0 as *const u8, attributes.1 as usize) };
        Some(engine.attributes(bytes)?)
    } else {
        None
    };
    Ok(EventIn {
        id: EventId(u128::from(id.0 as u64) << 64 | u128::from(id.1 as u64)),
        event_type: Symbol(kind as u32),
        value: ValueHandle(value as u32),
        attributes,
    })
}

fn space(number: jint) -> Space {
    if number == 0 { Space::Sensory } else { Space::ShortTerm }
}

const ABSENT: i64 = 0;
const OBJECT: i64 = 1;
const VALUE: i64 = 2;
const LOAD: i64 = 3;

fn packed(code: i64, number: u32) -> i64 {
    code << 32 | i64::from(number)
}

fn lookup(found: Lookup) -> i64 {
    match found {
        Lookup::Found(Node::Absent) => packed(ABSENT, 0),
        Lookup::Found(Node::Object) => packed(OBJECT, 0),
        Lookup::Found(Node::Value(value)) => packed(VALUE, value.0),
        Lookup::Load(path) => packed(LOAD, path.0),
    }
}

/// Code 0: done, nothing to free; 2: done, the number is a value to free; 3: load the path first.
fn written(outcome: Written) -> i64 {
    match outcome {
        Written::Done(None) => packed(ABSENT, 0),
        Written::Done(Some(value)) => packed(VALUE, value.0),
        Written::Load(path) => packed(LOAD, path.0),
    }
}

hot! {
    /// A record of a key; then as [`poll`].
    fn Java_org_apache_flink_agents_core_Natives_input(
        engine, key: jint, value: jint, id_high: jlong, id_low: jlong, has_timestamp: jint, timestamp: jlong,
        attributes: jlong, attributes_length: jint, address: jlong, capacity: jint, may_run: jint
    ) -> jlong = 0; {
        let event = event(engine, 0, value, (id_high, id_low), (attributes, attributes_length))?;
        let timestamp = (has_timestamp != 0).then_some(timestamp);
        engine.machine.handle_input(KeySlot(key as u32), event, timestamp)?;
        poll(engine, address, capacity, may_run != 0)
    }
}

hot! {
    /// The event before the input of the run that is about to begin.
    fn Java_org_apache_flink_agents_core_Natives_begin(
        engine, key: jint, event_type: jint, value: jint, id_high: jlong, id_low: jlong, attributes: jlong,
        attributes_length: jint
    ) -> () = (); {
        let event = event(engine, event_type, value, (id_high, id_low), (attributes, attributes_length))?;
        Ok(engine.machine.handle_begin(KeySlot(key as u32), Some(event))?)
    }
}

hot! {
    /// A watermark (kind 0), idleness (1) or record attributes (2).
    fn Java_org_apache_flink_agents_core_Natives_marker(engine, kind: jint, value: jlong) -> () = (); {
        engine.machine.handle_marker(match kind {
            0 => Marker::Watermark(value),
            1 => Marker::Idle(value != 0),
            _ => Marker::Attributes(value),
        });
        Ok(())
    }
}

hot! {
    /// The running action sent an event.
    fn Java_org_apache_flink_agents_core_Natives_send(
        engine, task: jlong, event_type: jint, value: jint, id_high: jlong, id_low: jlong, attributes: jlong,
        attributes_length: jint
    ) -> () = (); {
        let event = event(engine, event_type, value, (id_high, id_low), (attributes, attributes_length))?;
        Ok(engine.machine.handle_sent(TaskId::from_bits(task as u64), event)?)
    }
}

hot! {
    /// The running action returned; then as [`poll`].
    fn Java_org_apache_flink_agents_core_Natives_finish(
        engine, task: jlong, address: jlong, capacity: jint, may_run: jint
    ) -> jlong = 0; {
        let task = TaskId::from_bits(task as u64);
        let traces = engine.traces_end(task);
        engine.machine.handle_finished(task)?;
        if traces {
            engine.trace_end(task);
        }
        poll(engine, address, capacity, may_run != 0)
    }
}

hot! {
    /// The running action waits.
    fn Java_org_apache_flink_agents_core_Natives_suspend(engine, task: jlong) -> () = (); {
        Ok(engine.machine.handle_suspended(TaskId::from_bits(task as u64))?)
    }
}

hot! {
    /// What a suspended action waited for has come.
    fn Java_org_apache_flink_agents_core_Natives_wake(engine, task: jlong) -> () = (); {
        Ok(engine.machine.handle_woken(TaskId::from_bits(task as u64))?)
    }
}

hot! {
    /// The action begins a durable call: its place in the scope.
    fn Java_org_apache_flink_agents_core_Natives_callBegin(engine, task: jlong, scope: jint) -> jint = 0; {
        Ok(engine.machine.handle_call(TaskId::from_bits(task as u64), scope as u32, CallIn::default())?.0 as jint)
    }
}

hot! {
    /// The action opens a scope of calls: its number. `group`: side by side, else one after another.
    fn Java_org_apache_flink_agents_core_Natives_callScope(engine, task: jlong, parent: jint, group: jint) -> jint = 0; {
        let kind = if group == 0 { ScopeKind::Sequence } else { ScopeKind::Group };
        Ok(engine.machine.handle_scope(TaskId::from_bits(task as u64), parent as u32, kind)? as jint)
    }
}

hot! {
    /// A durable call of the action has ended.
    fn Java_org_apache_flink_agents_core_Natives_callEnd(engine, task: jlong) -> () = (); {
        Ok(engine.machine.handle_call_ended(TaskId::from_bits(task as u64), 0, None)?)
    }
}

hot! {
    /// See [`poll`].
    fn Java_org_apache_flink_agents_core_Natives_poll(engine, address: jlong, capacity: jint, may_run: jint) -> jlong = 0; {
        poll(engine, address, capacity, may_run != 0)
    }
}

/// Set in the result of [`poll`] when there may be more effects.
const MORE: i64 = 1 << 31;

/// Set in the result of [`poll`] when the host should call `collectSymbols` before it asks for more.
const COLLECT: i64 = 1 << 30;

/// Writes effects to `address`, at most `capacity` of them; one after which the host has to act (run, resume, replay, a call
/// that is decided) is always the last, and there is none that runs anything without `may_run`.
/// Returns `unfinished inputs << 32 | MORE | COLLECT | number of effects`.
pub(crate) fn poll(engine: &mut Engine, address: i64, capacity: i32, may_run: bool) -> Result<i64, Failure> {
    let mut count = 0;
    let mut more = MORE;
    if capacity > 0 {
        engine.texts.clear();
    }
    while count < capacity
        && let Some(report) = engine.journal.as_mut().and_then(|journal| journal.report())
    {
        let record = encode(Effect::Warn(report), engine)?.unwrap_or_default();
        // SAFETY: as below.
        unsafe { (address as *mut [u64; 4]).add(count as usize).write(record) };
        count += 1;
    }
    while count < capacity {
        let Some(effect) = engine.machine.poll_effect(may_run) else {
            more = if engine.machine.has_ready() { MORE } else { 0 };
            if let Some(logged) = &mut engine.logged {
                logged.flush_records();
            }
            if let Some(journal) = &mut engine.journal {
                journal::flush(journal)?;
            }
            break;
        };
        if engine.traced
            && let Some(logged) = &mut engine.logged
        {
            logged.effect(&effect, &engine.machine);
        }
        let last = matches!(
            effect,
            Effect::RunAction { .. } | Effect::Resume { .. } | Effect::Replay { .. } | Effect::CallReady { .. }
        );
        let Some(record) = encode(effect, engine)? else {
            continue;
        };
        // SAFETY: Java owns `capacity` records of 32 bytes at `address`, aligned to 8; `count` is below `capacity`.
        unsafe { (address as *mut [u64; 4]).add(count as usize).write(record) };
        count += 1;
        if last {
            break;
        }
    }
    let collect = if engine.machine.symbols().should_collect() {
        COLLECT
    } else {
        0
    };
    tell_figures(engine);
    Ok((engine.machine.in_flight() as i64) << 32 | more | collect | i64::from(count))
}

/// Numbers that the host's metrics show, each 8 bytes: events processed, unfinished inputs, waiting inputs, suspended tasks,
/// held outputs, held markers, failed attempts, dead letters.
const FIGURES: usize = 8;

/// Writes the figures where any thread of the host may read them.
fn tell_figures(engine: &Engine) {
    if engine.figures == 0 {
        return;
    }
    let figures = engine.machine.figures();
    let all: [u64; FIGURES] = [
        figures.events,
        figures.unfinished_inputs as u64,
        figures.waiting_inputs as u64,
        figures.suspended_tasks as u64,
        figures.held_outputs as u64,
        figures.held_markers as u64,
        figures.failed_attempts,
        figures.dead_letters,
    ];
    // SAFETY: Java owns so many numbers at that address, aligned to 8, as long as the engine lives; other threads only read.
    let told = unsafe { &*(engine.figures as *const [AtomicU64; FIGURES]) };
    for (place, figure) in told.iter().zip(all) {
        place.store(figure, Ordering::Relaxed);
    }
}

pub(crate) fn record(kind: u32, key: u32, task: u64, a: u32, b: u32, c: u64) -> [u64; 4] {
    [
        (u64::from(kind) | u64::from(key) << 32).to_le(),
        task.to_le(),
        (u64::from(a) | u64::from(b) << 32).to_le(),
        c.to_le(),
    ]
}

/// Nothing for effects that are carried out on this side.
fn encode(effect: Effect, engine: &mut Engine) -> Result<Option<[u64; 4]>, Failure> {
    let mut text = |text: String| -> u32 {
        engine.texts.push(text);
        engine.texts.len() as u32 - 1
    };
    Ok(Some(match effect {
        Effect::RunAction {
            task,
            key,
            action: ActionId(action),
            event,
        } => record(1, key.0, task.to_bits(), u32::from(action), event.0, 0),
        Effect::Resume { task, key } => record(2, key.0, task.to_bits(), 0, 0, 0),
        Effect::Begin { key } => record(17, key.0, 0, 0, 0, 0),
        Effect::Processed { key, event } => {
            let logged = engine
                .logged
                .as_mut()
                .is_some_and(|logged| logged.takes(key, &engine.machine));
            if !logged && !engine.has_listeners {
                return Ok(None);
            }
            let told = u32::from(logged) | u32::from(engine.has_listeners) << 1;
            record(10, key.0, 0, event.0, told, 0)
        }
        Effect::Emit { key, event, timestamp } => record(
            3,
            key.0,
            0,
            event.0,
            u32::from(timestamp.is_some()),
            timestamp.unwrap_or(0) as u64,
        ),
        Effect::DeadLetter { key, event, timestamp } => record(
            15,
            key.0,
            0,
            event.0,
            u32::from(timestamp.is_some()),
            timestamp.unwrap_or(0) as u64,
        ),
        Effect::Backoff {
            task,
            key,
            wait_ms,
            due_ms,
        } => record(
            16,
            key.0,
            task.to_bits(),
            wait_ms as u32,
            (wait_ms >> 32) as u32,
            due_ms as u64,
        ),
        Effect::WriteMemory { key, path, node } => match node {
            Node::Absent => record(4, key.0, 0, path.0, 0, 0),
            Node::Object => record(4, key.0, 0, path.0, 1, 0),
            Node::Value(value) => record(4, key.0, 0, path.0, 2, u64::from(value.0)),
        },
        Effect::Forward(Marker::Watermark(value)) => record(5, 0, 0, 0, 0, value as u64),
        Effect::Forward(Marker::Idle(idle)) => record(5, 0, 0, 1, 0, u64::from(idle)),
        Effect::Forward(Marker::Attributes(value)) => record(5, 0, 0, 2, 0, value as u64),
        Effect::Release(value) => record(6, 0, 0, value.0, 0, 0),
        Effect::RunEnded {
            key,
            sequence,
            idle,
            persisted,
        } => {
            if engine.journal.is_some() {
                journal::carry_out(engine, effect)?;
            }
            record(7, key.0, 0, u32::from(idle), u32::from(persisted), sequence)
        }
        Effect::Warn(warning) => record(8, 0, 0, text(warning), 0, 0),
        Effect::Fail { key, reason } => record(9, key.0, 0, text(reason), 0, 0),
        Effect::Replay { .. }
        | Effect::CallReady { .. }
        | Effect::Record { .. }
        | Effect::AwaitInput { .. }
        | Effect::Diverged { .. } => return journal::carry_out(engine, effect),
    }))
}

hot! {
    /// What stands at a path: `code << 32 | number`, code 0 absent, 1 object, 2 value, 3 load the path first.
    fn Java_org_apache_flink_agents_core_Natives_memoryGet(engine, task: jlong, memory: jint, path: jint) -> jlong = 0; {
        let found = engine.machine.memory_get(TaskId::from_bits(task as u64), space(memory), Symbol(path as u32))?;
        Ok(lookup(found))
    }
}

hot! {
    /// What the host's state holds for a path of short-term memory (node 0 absent, 1 object, 2 value). Returns a value to
    /// free, or -1.
    fn Java_org_apache_flink_agents_core_Natives_memoryLoaded(
        engine, task: jlong, path: jint, node: jint, value: jint
    ) -> jint = -1; {
        let node = match node {
            0 => Node::Absent,
            1 => Node::Object,
            _ => Node::Value(ValueHandle(value as u32)),
        };
        let unused = engine.machine.memory_loaded(TaskId::from_bits(task as u64), Symbol(path as u32), node)?;
        Ok(unused.map_or(-1, |value| value.0 as jint))
    }
}

hot! {
    /// Writes a value. See [`written`] for the result.
    fn Java_org_apache_flink_agents_core_Natives_memorySet(
        engine, task: jlong, memory: jint, path: jint, value: jint
    ) -> jlong = 0; {
        let task = TaskId::from_bits(task as u64);
        let outcome =
            engine.machine.memory_set(task, space(memory), Symbol(path as u32), ValueHandle(value as u32))?;
        Ok(written(outcome))
    }
}

hot! {
    /// Makes an object. See [`written`] for the result.
    fn Java_org_apache_flink_agents_core_Natives_memoryNewObject(
        engine, task: jlong, memory: jint, path: jint, overwrite: jint
    ) -> jlong = 0; {
        let task = TaskId::from_bits(task as u64);
        let outcome =
            engine.machine.memory_new_object(task, space(memory), Symbol(path as u32), overwrite != 0)?;
        Ok(written(outcome))
    }
}
