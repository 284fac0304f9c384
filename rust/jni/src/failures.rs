//! The natives of failure policies.

use crate::cold::handled;
use crate::env::Env;
use crate::errors::Failure;
use crate::hot::guarded;
use flink_agents_core::ids::TaskId;
use flink_agents_core::letter::Part;
use flink_agents_core::run::Verdict;
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jlong};
use std::borrow::Cow;
use std::ptr::null_mut;

/// The running action threw an exception, at `now` in milliseconds since 1970: `verdict << 32 | times it was tried`, where the
/// verdict is 0 fail, 1 it is tried again, 2 the host sends its dead letter and finishes it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_apache_flink_agents_core_Natives_failed(
    env: *mut JNIEnv,
    _class: jclass,
    handle: jlong,
    task: jlong,
    now: jlong,
) -> jlong {
    // SAFETY: called by the JVM, which passes the environment of this thread.
    let env = unsafe { Env::new(env) };
    guarded("failed", env, handle, 0, |engine| {
        let verdict = engine.machine.handle_failed(TaskId::from_bits(task as u64), now)?;
        let (verdict, attempts) = match verdict {
            Verdict::Fail { attempts } => (0, attempts),
            Verdict::Retry { attempts, .. } => (1, attempts),
            Verdict::DeadLetter { attempts } => (2, attempts),
        };
        Ok(verdict << 32 | jlong::from(attempts))
    })
}

/// The wait of a task that failed is over.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_apache_flink_agents_core_Natives_backoffOver(
    env: *mut JNIEnv,
    _class: jclass,
    handle: jlong,
    task: jlong,
) {
    // SAFETY: as above.
    let env = unsafe { Env::new(env) };
    guarded("backoffOver", env, handle, (), |engine| {
        engine.machine.handle_backoff_over(TaskId::from_bits(task as u64));
        Ok(())
    });
}

/// The number of the input event of a task's run, -1 where no action's policy is a dead letter.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_apache_flink_agents_core_Natives_inputOf(
    env: *mut JNIEnv,
    _class: jclass,
    handle: jlong,
    task: jlong,
) -> jint {
    // SAFETY: as above.
    let env = unsafe { Env::new(env) };
    guarded("inputOf", env, handle, -1, |engine| {
        let input = engine.machine.input_of(TaskId::from_bits(task as u64))?;
        Ok(input.map_or(-1, |input| input.0 as jint))
    })
}

handled! {
    /// A text of a dead letter (UTF-8; JSON if `json` is 1) as its part has room for it: null as it is.
    fn Java_org_apache_flink_agents_core_Natives_letterText(
        env, engine, part: jint, json: jint, text: jbyteArray
    ) -> jbyteArray = null_mut(); {
        let bytes = env.bytes(text)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Failure::argument("the text is not UTF-8"))?;
        let part = u8::try_from(part).ok().and_then(Part::of);
        let part = part.ok_or_else(|| Failure::argument("a dead letter has no such part"))?;
        let limit = engine.max_record_size;
        let fitting = if json == 0 { part.text(text, limit) } else { part.json(text, limit) };
        match fitting {
            Cow::Borrowed(_) => Ok(null_mut()),
            Cow::Owned(cut) => env.new_bytes(cut.as_bytes()),
        }
    }
}
