//! Questions that take their time: asked so that the caller waits without Python's lock, or as a future of asyncio.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::future::Future;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// How often a caller that waits looks whether it was interrupted.
const LOOK: Duration = Duration::from_millis(100);
/// They only move bytes: Python's lock is waited for by others.
const THREADS: usize = 2;

/// Makes a Python value of an answer, or the exception to raise.
type Made = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

struct Answer {
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
    made: Made,
}

/// Answers that no loop was told of yet. Who adds the first one tells of all that have come when it has Python's lock.
static ANSWERS: Mutex<Vec<Answer>> = Mutex::new(Vec::new());

/// The one runtime of the process, started with the first question.
pub(super) fn runtime() -> PyResult<&'static Runtime> {
    static RUNTIME: LazyLock<Result<Runtime, String>> = LazyLock::new(|| {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(THREADS)
            .thread_name("flink-agents-models")
            .enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    let started = RUNTIME.as_ref();
    started.map_err(|error| PyRuntimeError::new_err(format!("No threads for models can be started: {error}")))
}

/// Waits for an answer without Python's lock; an interrupt gives the question up.
pub(super) fn blocking<T: Send>(py: Python<'_>, question: impl Future<Output = T> + Send) -> PyResult<T> {
    let runtime = runtime()?;
    let mut question = Box::pin(question);
    loop {
        let question = question.as_mut();
        let answer = py.detach(|| runtime.block_on(async { tokio::time::timeout(LOOK, question).await }));
        match answer {
            Ok(answer) => return Ok(answer),
            Err(_) => py.check_signals()?,
        }
    }
}

/// A future of the running loop that brings the answer. To cancel it gives the question up.
pub(super) fn awaited<'py, T: Send + 'static>(
    py: Python<'py>,
    question: impl Future<Output = T> + Send + 'static,
    make: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let event_loop = RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
    let future = event_loop.call_method0("create_future")?;
    let (own_loop, own_future) = (event_loop.unbind(), future.clone().unbind());
    let task = runtime()?.spawn(async move {
        let answer = question.await;
        let first = {
            let mut answers = locked(&ANSWERS);
            answers.push(Answer {
                event_loop: own_loop,
                future: own_future,
                made: Box::new(move |py| make(py, answer)),
            });
            answers.len() == 1
        };
        if first {
            tokio::task::spawn_blocking(tell);
        }
    });
    let over = Over {
        task: task.abort_handle(),
    };
    future.call_method1("add_done_callback", (over,))?;
    Ok(future)
}

fn locked(answers: &Mutex<Vec<Answer>>) -> MutexGuard<'_, Vec<Answer>> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the loops what has come for them. At the end of the process nobody waits any more.
fn tell() {
    Python::try_attach(|py| {
        let mut left = std::mem::take(&mut *locked(&ANSWERS));
        while let Some(first) = left.first() {
            let event_loop = first.event_loop.clone_ref(py);
            let (own, others) = left
                .into_iter()
                .partition::<Vec<_>, _>(|answer| answer.event_loop.is(&event_loop));
            left = others;
            let brought = Brought {
                answers: Mutex::new(own),
            };
            // A loop that was closed meanwhile has nobody who waits.
            let _ = Py::new(py, brought).and_then(|told| event_loop.call_method1(py, "call_soon_threadsafe", (told,)));
        }
    });
}

/// Answers on their way to the thread of their loop.
#[pyclass(frozen)]
struct Brought {
    answers: Mutex<Vec<Answer>>,
}

#[pymethods]
impl Brought {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let answers = std::mem::take(&mut *locked(&self.answers));
        for answer in answers {
            let future = answer.future.bind(py);
            if future.call_method0("done")?.is_truthy()? {
                continue;
            }
            match (answer.made)(py) {
                Ok(value) => future.call_method1("set_result", (value,))?,
                Err(error) => future.call_method1("set_exception", (error,))?,
            };
        }
        Ok(())
    }
}

/// Gives a question up whose future has ended; one that was answered does not mind.
#[pyclass(frozen)]
struct Over {
    task: AbortHandle,
}

#[pymethods]
impl Over {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        self.task.abort();
    }
}
