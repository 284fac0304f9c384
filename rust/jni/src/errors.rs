//! The one error policy: what goes wrong in a native leaves as a Java exception of one of three classes.
//!
//! | Class | When |
//! |---|---|
//! | `IllegalArgumentException` | the caller's data is wrong: plan, condition, configuration, memory path, event |
//! | `IllegalStateException` | the call comes at the wrong time: closed handle, ended action, second thread |
//! | `AgentsCoreException` | the core cannot go on: unreadable snapshot, a run without end, panic |

use flink_agents_core::memory::MemoryError;
use flink_agents_core::run::{AccessError, InputError, RestoreError, SnapshotError, TaskError};
use std::cell::RefCell;
use std::ffi::CStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Argument,
    State,
    /// A state too, told apart because closing what is closed is no mistake.
    Closed,
    Core,
}

impl Kind {
    pub(crate) fn class(self) -> &'static CStr {
        match self {
            Kind::Argument => c"java/lang/IllegalArgumentException",
            Kind::State | Kind::Closed => c"java/lang/IllegalStateException",
            Kind::Core => c"org/apache/flink/agents/core/AgentsCoreException",
        }
    }
}

/// Why a native fails.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn argument(text: impl Into<String>) -> Self {
        Failure {
            kind: Kind::Argument,
            text: text.into(),
        }
    }

    pub(crate) fn state(text: impl Into<String>) -> Self {
        Failure {
            kind: Kind::State,
            text: text.into(),
        }
    }

    pub(crate) fn core(text: impl Into<String>) -> Self {
        Failure {
            kind: Kind::Core,
            text: text.into(),
        }
    }

    #[cold]
    pub(crate) fn closed() -> Self {
        Failure {
            kind: Kind::Closed,
            text: "The core is closed: its handle cannot be used any more".to_owned(),
        }
    }
}

impl From<TaskError> for Failure {
    #[cold]
    fn from(error: TaskError) -> Self {
        let kind = match error {
            TaskError::OwnTrigger(..) => Kind::Argument,
            TaskError::ReservedType(..) | TaskError::TooManyEvents(..) => Kind::Core,
            _ => Kind::State,
        };
        Failure {
            kind,
            text: error.to_string(),
        }
    }
}

impl From<MemoryError> for Failure {
    #[cold]
    fn from(error: MemoryError) -> Self {
        Failure::argument(error.to_string())
    }
}

impl From<AccessError> for Failure {
    #[cold]
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Task(error) => error.into(),
            AccessError::Memory(error) => error.into(),
        }
    }
}

impl From<InputError> for Failure {
    #[cold]
    fn from(error: InputError) -> Self {
        Failure::state(error.to_string())
    }
}

impl From<SnapshotError> for Failure {
    #[cold]
    fn from(error: SnapshotError) -> Self {
        Failure::state(error.to_string())
    }
}

impl From<RestoreError> for Failure {
    #[cold]
    fn from(error: RestoreError) -> Self {
        Failure::core(error.to_string())
    }
}

thread_local! {
    /// Where the panic that is unwinding on this thread began; only the hook knows the place.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes panics remember their place instead of printing to the JVM's stderr. The hook belongs to this copy of the
/// library, not to the process.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(|| "unknown place".to_owned(), ToString::to_string);
        PLACE.with(|slot| *slot.borrow_mut() = Some(place));
    }));
}

/// What the panic is told as that unwinds on this thread.
pub(crate) fn of_this_panic(what: &str) -> String {
    let place = PLACE
        .with(|slot| slot.borrow_mut().take())
        .unwrap_or_else(|| "unknown place".to_owned());
    format!("The library panicked in {what} at {place}. This is a defect of flink-agents-rs, please report this text")
}

/// What a caught panic is told as.
pub(crate) fn from_panic(native: &str, payload: &(dyn std::any::Any + Send)) -> Failure {
    let what = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    let place = PLACE
        .with(|slot| slot.borrow_mut().take())
        .unwrap_or_else(|| "unknown place".to_owned());
    Failure::core(format!(
        "The core panicked in {native} at {place}: {what}. This is a defect of flink-agents-rs; the task fails and is restarted from its last checkpoint, please report this text"
    ))
}
