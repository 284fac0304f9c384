//! On which thread contexts of actions may be used.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

thread_local! {
    /// Its address tells threads that live at the same time apart, for less than their ids cost.
    static HERE: u8 = const { 0 };
}

fn here() -> usize {
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// The thread that runs actions. Others have Python's lock now and then, between any two steps of an action, so that what they
/// wrote or sent would come at another place in each execution.
#[derive(Default)]
pub(crate) struct Owner(Option<usize>);

impl Owner {
    /// This thread runs actions from now on.
    pub(crate) fn is_here(&mut self) {
        self.0 = Some(here());
    }

    /// Refuses other threads.
    pub(crate) fn check(&self) -> PyResult<()> {
        match self.0 {
            Some(owner) if owner != here() => Err(PyRuntimeError::new_err(
                "The context of an action can be used only by the action itself, on its own thread, neither inside a \
                 durable call nor in a thread that it started: read before what they need, pass it on, and use what \
                 they return in the action",
            )),
            _ => Ok(()),
        }
    }
}
