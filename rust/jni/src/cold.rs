//! The natives that are called now and then: opening, closing, texts, snapshots. `byte[]` in, `byte[]` out.

use crate::engine::{Engine, read_plan};
use crate::env::Env;
use crate::errors::{Failure, Kind, from_panic, install_panic_hook};
use crate::handles::{self, Guard};
use flink_agents_core::config;
use flink_agents_core::ids::{KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::memory::{MAX_PATH_BYTES, Space};
use flink_agents_core::run::RestorePlan;
use flink_agents_core::symbols::MAX_TEXT_BYTES;
use flink_agents_runtime::secrets;
use jni_sys::{JNI_VERSION_1_8, JNIEnv, JavaVM, jbyteArray, jclass, jint, jintArray, jlong, jobject};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Called by the JVM when the library is loaded.
#[unsafe(no_mangle)]
pub extern "system" fn JNI_OnLoad(_vm: *mut JavaVM, _reserved: *mut c_void) -> jint {
    install_panic_hook();
    JNI_VERSION_1_8
}

/// Called by the JVM when the class loader that loaded the library is gone.
#[unsafe(no_mangle)]
pub extern "system" fn JNI_OnUnload(_vm: *mut JavaVM, _reserved: *mut c_void) {
    crate::models::unload();
    crate::builtin::unload();
    crate::worker::unload();
    crate::event_log::unload();
    crate::stores::unload();
    crate::metrics::unload();
    let _ = std::panic::take_hook();
    handles::unload();
}

/// Runs a body that needs no engine.
pub(crate) fn free_standing<T>(name: &str, env: Env, placeholder: T, body: impl FnOnce() -> Result<T, Failure>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
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

macro_rules! handled {
    ($(#[$doc:meta])* fn $export:ident($env:ident, $engine:ident $(, $arg:ident: $type:ty)*) -> $ret:ty = $placeholder:expr; $body:block) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub extern "system" fn $export(env: *mut JNIEnv, _class: jclass, handle: jlong $(, $arg: $type)*) -> $ret {
            // SAFETY: called by the JVM, which passes the environment of this thread.
            let $env = unsafe { Env::new(env) };
            $crate::hot::guarded(stringify!($export), $env, handle, $placeholder, |$engine| $body)
        }
    };
}

macro_rules! plain {
    ($(#[$doc:meta])* fn $export:ident($env:ident $(, $arg:ident: $type:ty)*) -> $ret:ty = $placeholder:expr; $body:block) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub extern "system" fn $export(env: *mut JNIEnv, _class: jclass $(, $arg: $type)*) -> $ret {
            // SAFETY: called by the JVM, which passes the environment of this thread.
            let $env = unsafe { Env::new(env) };
            $crate::cold::free_standing(stringify!($export), $env, $placeholder, || $body)
        }
    };
}

pub(crate) use handled;
pub(crate) use plain;

const NULL: jbyteArray = std::ptr::null_mut();

plain! {
    /// Address of a direct buffer's memory.
    fn Java_org_apache_flink_agents_core_Natives_addressOf(env, buffer: jobject) -> jlong = 0; {
        env.address(buffer)
    }
}

plain! {
    /// Makes an engine for a plan (JSON, UTF-8).
    fn Java_org_apache_flink_agents_core_Natives_open(env, plan: jbyteArray) -> jlong = 0; {
        handles::open(Box::new(Engine::open(&env.bytes(plan)?)?))
    }
}

plain! {
    /// Checks a plan as far as the client can, and returns it in the current form.
    fn Java_org_apache_flink_agents_core_Natives_validatePlan(env, plan: jbyteArray) -> jbyteArray = NULL; {
        env.new_bytes(read_plan(&env.bytes(plan)?)?.to_json().as_bytes())
    }
}

plain! {
    /// Runs a command of `flink-agents`. Words and answer are texts, each as u32 length and UTF-8; the answer begins with a
    /// byte, the exit status, and has two: for standard output and for standard error.
    fn Java_org_apache_flink_agents_core_Natives_command(env, words: jbyteArray) -> jbyteArray = NULL; {
        let words = env.bytes(words)?;
        let words: Vec<String> = texts_from(&words)?.into_iter().map(str::to_owned).collect();
        let answer = flink_agents_cli::main(&words);
        let mut out = vec![answer.status];
        for text in [&answer.output, &answer.errors] {
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        env.new_bytes(&out)
    }
}

plain! {
    /// Merges the sources of configuration: JSON in, JSON out.
    fn Java_org_apache_flink_agents_core_Natives_loadConfig(env, request: jbyteArray) -> jbyteArray = NULL; {
        let merged =
            config::load_json(&env.bytes(request)?).map_err(|error| Failure::argument(error.to_string()))?;
        env.new_bytes(&merged)
    }
}

plain! {
    /// Looks up what a value of a configuration refers to: UTF-8 in, UTF-8 out.
    fn Java_org_apache_flink_agents_core_Natives_resolveSecret(env, value: jbyteArray) -> jbyteArray = NULL; {
        let bytes = env.bytes(value)?;
        let value = std::str::from_utf8(&bytes).map_err(|_| Failure::argument("the value is not UTF-8"))?;
        let found = secrets::resolve(value).map_err(|missing| Failure::state(missing.told()))?;
        env.new_bytes(found.as_bytes())
    }
}

plain! {
    /// Frees an engine. Closing twice, or a handle that never was, does nothing.
    fn Java_org_apache_flink_agents_core_Natives_close(_env, handle: jlong) -> () = (); {
        match Guard::take(handle) {
            Ok(guard) => {
                drop(guard.close(handle));
                Ok(())
            }
            Err(failure) if failure.kind == Kind::Closed => Ok(()),
            Err(busy) => Err(busy),
        }
    }
}

handled! {
    /// How long a durable call may take that sets no limit itself, in nanoseconds; negative: as long as it likes.
    fn Java_org_apache_flink_agents_core_Natives_callTimeout(_env, engine) -> jlong = -1; {
        Ok(engine.call_timeout.map_or(-1, |limit| i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX)))
    }
}

handled! {
    /// What the host has to know of the plan, as JSON.
    fn Java_org_apache_flink_agents_core_Natives_describe(env, engine) -> jbyteArray = NULL; {
        env.new_bytes(engine.describe().as_bytes())
    }
}

handled! {
    /// The symbol of a text (UTF-8).
    fn Java_org_apache_flink_agents_core_Natives_intern(env, engine, text: jbyteArray) -> jint = 0; {
        let bytes = env.length(text)?;
        if bytes > MAX_TEXT_BYTES {
            return Err(Failure::argument(format!(
                "An event type or memory path has {bytes} bytes: {MAX_TEXT_BYTES} are the most for an event type, {MAX_PATH_BYTES} for a memory path; put what is long into the event or value, not into its name"
            )));
        }
        let text = String::from_utf8(env.bytes(text)?)
            .map_err(|_| Failure::argument("an event type or memory path is not valid Unicode text"))?;
        Ok(engine.machine.intern(&text).0 as jint)
    }
}

handled! {
    /// The text of a symbol (UTF-8), or null.
    fn Java_org_apache_flink_agents_core_Natives_symbolName(env, engine, symbol: jint) -> jbyteArray = NULL; {
        match engine.machine.symbols().name(Symbol(symbol as u32)) {
            Some(name) => env.new_bytes(name.as_bytes()),
            None => Ok(NULL),
        }
    }
}

handled! {
    /// Frees unused symbols and returns them.
    fn Java_org_apache_flink_agents_core_Natives_collectSymbols(env, engine) -> jintArray = NULL; {
        let freed = engine.machine.collect_symbols();
        if let Some(logged) = &mut engine.logged {
            logged.forget(&freed);
        }
        let freed: Vec<jint> = freed.iter().map(|symbol| symbol.0 as jint).collect();
        env.new_ints(&freed)
    }
}

handled! {
    /// Text of a warn or fail effect of the last poll (UTF-8).
    fn Java_org_apache_flink_agents_core_Natives_text(env, engine, index: jint) -> jbyteArray = NULL; {
        env.new_bytes(engine.texts.get(index as usize).map_or(&b""[..], |text| text.as_bytes()))
    }
}

handled! {
    /// Children of an object. `stored`: paths of the host's state, each as u32 length and UTF-8. The result is a byte 0
    /// and the names in the same form, or a byte 1 and the u32 symbol of a path to load first.
    fn Java_org_apache_flink_agents_core_Natives_memoryChildren(
        env, engine, task: jlong, memory: jint, path: jint, stored: jbyteArray
    ) -> jbyteArray = NULL; {
        let stored = env.bytes(stored)?;
        let stored = texts_from(&stored)?;
        let space = if memory == 0 { Space::Sensory } else { Space::ShortTerm };
        let task = TaskId::from_bits(task as u64);
        let mut out = Vec::new();
        match engine.machine.memory_children(task, space, Symbol(path as u32), stored.into_iter())? {
            Ok(names) => {
                out.push(0);
                for name in names {
                    out.extend_from_slice(&(name.len() as u32).to_le_bytes());
                    out.extend_from_slice(name.as_bytes());
                }
            }
            Err(load) => {
                out.push(1);
                out.extend_from_slice(&load.0.to_le_bytes());
            }
        }
        env.new_bytes(&out)
    }
}

fn texts_from(mut bytes: &[u8]) -> Result<Vec<&str>, Failure> {
    let malformed = || Failure::argument("a list of texts is malformed");
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (text, rest) = rest
            .split_at_checked(u32::from_le_bytes(*length) as usize)
            .ok_or_else(malformed)?;
        texts.push(std::str::from_utf8(text).map_err(|_| malformed())?);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(texts) } else { Err(malformed()) }
}

handled! {
    /// No input follows.
    fn Java_org_apache_flink_agents_core_Natives_endOfInput(_env, engine) -> () = (); {
        engine.machine.handle_end_of_input();
        Ok(())
    }
}

handled! {
    /// Nothing may happen until thawed (`on` = 0).
    fn Java_org_apache_flink_agents_core_Natives_freeze(_env, engine, on: jint) -> () = (); {
        if on != 0 { engine.machine.freeze() } else { engine.machine.thaw() }
        Ok(())
    }
}

handled! {
    /// Counts: unfinished inputs, waiting inputs, suspended tasks, held markers, interned symbols, 1 if a task is ready.
    fn Java_org_apache_flink_agents_core_Natives_counts(env, engine) -> jintArray = NULL; {
        let machine = &engine.machine;
        let counts = [
            machine.in_flight(),
            machine.waiting_inputs(),
            machine.suspended_tasks(),
            machine.held_markers(),
            machine.symbols().len(),
            usize::from(machine.has_ready()),
        ];
        env.new_ints(&counts.map(|count| jint::try_from(count).unwrap_or(jint::MAX)))
    }
}

handled! {
    /// Where figures are to be told after each poll, see [`crate::hot`]: the address of eight numbers of 8 bytes, aligned to 8,
    /// which Java keeps as long as the engine.
    fn Java_org_apache_flink_agents_core_Natives_figures(_env, engine, address: jlong) -> () = (); {
        engine.figures = address;
        Ok(())
    }
}

handled! {
    /// Keys changed since the last call.
    fn Java_org_apache_flink_agents_core_Natives_takeDirty(env, engine) -> jintArray = NULL; {
        let dirty: Vec<jint> = engine.machine.take_dirty()?.iter().map(|key| key.0 as jint).collect();
        env.new_ints(&dirty)
    }
}

handled! {
    /// State of a key: u32 number of values, that many u32 values, then the core's bytes. Null when the key is idle.
    fn Java_org_apache_flink_agents_core_Natives_snapshotKey(env, engine, key: jint) -> jbyteArray = NULL; {
        let Some(snapshot) = engine.machine.snapshot_key(KeySlot(key as u32))? else { return Ok(NULL) };
        let mut out = Vec::with_capacity(4 + snapshot.values.len() * 4 + snapshot.bytes.len());
        out.extend_from_slice(&(snapshot.values.len() as u32).to_le_bytes());
        for value in &snapshot.values {
            out.extend_from_slice(&value.0.to_le_bytes());
        }
        out.extend_from_slice(&snapshot.bytes);
        env.new_bytes(&out)
    }
}

handled! {
    /// Takes back a key. `values`: handles of its stored values in order; `attributes`: for each of the leading events,
    /// u32 length and that many bytes (0: none), or null without conditions.
    fn Java_org_apache_flink_agents_core_Natives_restoreKey(
        env, engine, key: jint, bytes: jbyteArray, values: jintArray, attributes: jbyteArray
    ) -> () = (); {
        let plan = RestorePlan::parse(&env.bytes(bytes)?).map_err(|error| Failure::core(error.to_string()))?;
        let values: Vec<ValueHandle> = env.ints(values)?.into_iter().map(|value| ValueHandle(value as u32)).collect();
        let decoded = if attributes.is_null() { Vec::new() } else { engine.attribute_list(&env.bytes(attributes)?)? };
        Ok(engine.machine.restore_key(KeySlot(key as u32), plan, &values, decoded)?)
    }
}

handled! {
    /// Tells the number of an idle key's next run.
    fn Java_org_apache_flink_agents_core_Natives_openKey(_env, engine, key: jint, sequence: jlong) -> () = (); {
        Ok(engine.machine.handle_key_opened(KeySlot(key as u32), sequence as u64)?)
    }
}

handled! {
    /// Panics on purpose, so that tests can show what a defect looks like to a job.
    fn Java_org_apache_flink_agents_core_Natives_panicForTest(_env, _engine) -> () = (); {
        panic!("a panic asked for by a test")
    }
}
