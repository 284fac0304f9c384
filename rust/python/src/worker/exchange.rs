//! The worker's end of the connection for questions about resources.
//!
//! *Threads*: any may ask and answer; one calls `next`. None of them holds Python's lock while it waits.

use super::link::lost;
use crate::convert::encoded;
use crate::decode::read;
use crate::encode::Rules;
use flink_agents_runtime::worker::exchange::{self, ExchangeError, Said};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};

/// Questions and answers, as plain data.
#[pyclass(frozen, module = "flink_agents._core")]
pub(crate) struct Exchange {
    inner: exchange::Exchange,
    asked: AtomicU64,
}

fn failed(error: ExchangeError) -> PyErr {
    match error {
        ExchangeError::Frame(error) => PyValueError::new_err(error.to_string()),
        ExchangeError::Gone(error) => lost(error),
    }
}

impl Exchange {
    pub(super) fn connect(path: &str) -> PyResult<Exchange> {
        let socket = UnixStream::connect(path).map_err(lost)?;
        Ok(Exchange {
            inner: exchange::Exchange::over(socket),
            asked: AtomicU64::new(0),
        })
    }
}

#[pymethods]
impl Exchange {
    /// Asks the TaskManager something; returns the number of the question. The answer may be there before. ValueError: it is no
    /// plain data, or too large. ConnectionError: the TaskManager has gone.
    fn ask(&self, py: Python<'_>, question: &Bound<'_, PyAny>) -> PyResult<u64> {
        let mut bytes = Vec::new();
        encoded(question, Rules::Event, "the question", &mut bytes)?;
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        py.detach(|| self.inner.ask(number, &bytes)).map_err(failed)?;
        Ok(number)
    }

    /// Answers a question of the TaskManager. Errors are those of `ask`.
    fn answer(&self, py: Python<'_>, number: u64, has_failed: bool, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut bytes = Vec::new();
        encoded(value, Rules::Event, "the answer", &mut bytes)?;
        py.detach(|| self.inner.answer(number, has_failed, &bytes))
            .map_err(failed)
    }

    /// Waits until the TaskManager says something: `("asked", number, question)` or `("answered", number, failed, value)`; None
    /// when it will say nothing any more.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let said = py
            .detach(|| self.inner.said())
            .map_err(|error| super::link::garbage(&error))?;
        Ok(match said {
            None => None,
            Some(Said::Asked { number, question }) => Some(
                ("asked", number, read(py, &question)?)
                    .into_pyobject(py)?
                    .into_any()
                    .unbind(),
            ),
            Some(Said::Answered { number, failed, value }) => Some(
                ("answered", number, failed, read(py, &value)?)
                    .into_pyobject(py)?
                    .into_any()
                    .unbind(),
            ),
        })
    }

    /// Ends it; `next` gives None then.
    fn close(&self) {
        self.inner.end();
    }

    /// The number of its file.
    fn fileno(&self) -> i32 {
        self.inner.number()
    }
}
