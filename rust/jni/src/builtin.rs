//! The natives of built-in actions: the core says what is to be done, Java does it.
//!
//! *Owned state*: the actions at work of this copy of the library, by numbers that are never used again. *Lifecycle*: from
//! `builtInBegin` to `builtInEnd`, or to the unloading of the library. *Constraint*: an action has one user at a time.

use crate::cold::plain;
use crate::env::Env;
use crate::errors::Failure;
use flink_agents_core::builtin::{BuiltIn, BuiltInError};
use jni_sys::{JNIEnv, jbyteArray, jclass, jlong};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

static AT_WORK: Mutex<BTreeMap<i64, BuiltIn>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicI64 = AtomicI64::new(1);

fn at_work() -> MutexGuard<'static, BTreeMap<i64, BuiltIn>> {
    AT_WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frees everything: the library is being unloaded.
pub(crate) fn unload() {
    at_work().clear();
}

impl From<BuiltInError> for Failure {
    #[cold]
    fn from(error: BuiltInError) -> Self {
        match error {
            BuiltInError::Ended => Failure::state(error.to_string()),
            _ => Failure::argument(error.to_string()),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| Failure::argument("what a built-in action is told is not UTF-8"))
}

plain! {
    /// Begins an action: JSON in; out its number (i64) and the first batch of commands (JSON).
    fn Java_org_apache_flink_agents_core_Natives_builtInBegin(
        env, start: jbyteArray
    ) -> jbyteArray = std::ptr::null_mut(); {
        let (action, commands) = BuiltIn::begin(text(&env.bytes(start)?)?)?;
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        at_work().insert(handle, action);
        let mut out = handle.to_le_bytes().to_vec();
        out.extend_from_slice(commands.as_bytes());
        env.new_bytes(&out)
    }
}

plain! {
    /// Takes the answer to the last command; gives the next batch. JSON.
    fn Java_org_apache_flink_agents_core_Natives_builtInAnswer(
        env, handle: jlong, answer: jbyteArray
    ) -> jbyteArray = std::ptr::null_mut(); {
        let answer = env.bytes(answer)?;
        let answer = text(&answer)?;
        // Out of the table while it works: others work meanwhile.
        let mut action = at_work().remove(&handle).ok_or(BuiltInError::Ended)?;
        let commands = action.answer(answer)?;
        at_work().insert(handle, action);
        env.new_bytes(commands.as_bytes())
    }
}

plain! {
    /// Frees an action. Freeing twice does nothing.
    fn Java_org_apache_flink_agents_core_Natives_builtInEnd(_env, handle: jlong) -> () = (); {
        let ended = at_work().remove(&handle);
        drop(ended);
        Ok(())
    }
}
