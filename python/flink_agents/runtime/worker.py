"""Main of a worker process: runs an agent's Python actions for a TaskManager.

Started by the TaskManager as ``python -m flink_agents.runtime.worker <socket>``; what it says on the socket is described in
``rust/runtime/src/worker/frames.rs``. Everything that is printed or logged comes out in the TaskManager's log.

*Order*: take what has come, run what can run, send all answers in one go; then wait for more. *Threads*: one. The process ends
when the TaskManager says so, when the socket ends, and with the process that started it.
"""

from __future__ import annotations

import gc
import logging
import os
import platform
import select
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from flink_agents import _core
from flink_agents.api.event_logger import EventLoggerOpenParams
from flink_agents.runtime.context import ActionContext
from flink_agents.runtime.exchange import ResourceExchange
from flink_agents.runtime.executor import ActionExecutionError, Executor, actions_of, shortened, shown, valid_unicode
from flink_agents.runtime.failures import Problem
from flink_agents.runtime.log_context import of_action
from flink_agents.runtime.observers import Observers
from flink_agents.runtime.resources import ResourceCache
from flink_agents.runtime.worker_metrics import WorkerMetrics

if TYPE_CHECKING:
    from flink_agents.api.events.event import Event

# How long a worker whose action has failed waits to be ended.
_LAST_SECONDS = 30.0
# Objects that live as long as the worker are not looked at again and again.
_COLLECT_EVERY = 10_000


# Stands between what a line belongs to, see output.rs.
_BETWEEN = "\x1c"


class ForkedChild(BaseException):
    """This process is a child that an action forked; tells where."""


class WorkerExecutor(Executor):
    """Runs actions; errors do not name agent, action and key, since the TaskManager does, as its options allow.

    A child that an action forks has this object too, and all that the worker was told. It must not go on as a second worker:
    it is cut off from the TaskManager when it begins, and ended when it leaves the action.
    """

    def end_forked_children(self, exchange: _core.Exchange | None) -> None:
        """Watch for forks from now on. What a child keeps open would hide from the TaskManager that the worker has ended."""
        sockets = [connection.fileno() for connection in (self.link, exchange) if connection is not None]

        def in_child() -> None:
            self._failure = ForkedChild(_caller())
            nothing = os.open(os.devnull, os.O_RDWR)
            for socket in sockets:
                os.dup2(nothing, socket)
            os.close(nothing)

        os.register_at_fork(after_in_child=in_child)

    def _raise_failure(self) -> None:
        if isinstance(self._failure, ForkedChild):
            self._end_child(None)
        super()._raise_failure()

    def _error(self, context: ActionContext, exception: BaseException) -> BaseException:
        if isinstance(self._failure, ForkedChild):
            self._end_child(exception)
        return super()._error(context, exception)

    def _is_settled(self, context: ActionContext, event: Event, raised: BaseException) -> bool:
        problem = Problem.of(raised)
        what = shortened(str(self.error_of(context, raised)))
        # Not what becomes of it: that is the TaskManager's to decide, which ends this worker if it is to fail.
        return self.link.threw(context.task, problem.kind, shortened(problem.message), what, shortened(problem.trace))

    def _end_child(self, exception: BaseException | None) -> None:
        """End this process at once: what the worker closes at its end is still in use by the worker."""
        if isinstance(exception, SystemExit):
            code = 0 if exception.code is None else exception.code
            os._exit(code if isinstance(code, int) else 1)
        if exception is not None:
            traceback.print_exception(exception)
        logging.getLogger("flink_agents").error(
            "Agent '%s': a process that an action forked (%s) came back from the action, or wanted memory that it had not "
            "read, and was ended. Only the worker itself can go on: end the child by os._exit in the action, or start "
            "processes by subprocess or multiprocessing.",
            self.agent,
            self._failure,
        )
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    def error_of(self, context: ActionContext, exception: BaseException) -> ActionExecutionError:
        error = super().error_of(context, exception)
        _, _, what = str(error).partition(f", key {_core.key_of(context.key)!r}: ")
        return ActionExecutionError(what or str(error), error.agent, error.action, error.key)

    def place_of(self, context: ActionContext) -> str:
        return f"agent '{self.agent}', action '{context.action.name}',"


def _caller() -> str:
    """Return the place in the code of users that is running now."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


class LogLines(logging.Handler):
    """Writes records as lines that the TaskManager takes apart: level, logger, message."""

    _LEVELS = ((logging.ERROR, "E"), (logging.WARNING, "W"), (logging.INFO, "I"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = next((letter for least, letter in self._LEVELS if record.levelno >= least), "D")
            text = self.format(record).replace("\n", "\x1d")
            known = "".join(f"{_BETWEEN}{name}={value.replace(_BETWEEN, ' ')}" for name, value in of_action().items() if value)
            head = (record.name.replace(_BETWEEN, " ") + known).replace("\n", " ").replace("\x1f", " ")
            line = f"\x1e{level}{head}\x1f{text}\n".encode("utf-8", "backslashreplace")
            # Not by way of sys.stderr, which user code may have replaced; one write, so that lines stay whole.
            os.write(2, line)
        except Exception:
            self.handleError(record)


class Loop:
    """Serves one link.

    Parameters
    ----------
    link
        The connection to the TaskManager.
    executor
        Runs the actions.
    metrics
        What actions have counted.
    """

    def __init__(self, link: _core.Worker, executor: Executor, metrics: WorkerMetrics) -> None:
        self._link = link
        self._executor = executor
        self._metrics = metrics
        self._beat = link.beat_seconds
        self._poll = select.poll()
        self._poll.register(link.fileno(), select.POLLIN)

    def serve(self) -> None:
        """Work until the TaskManager ends it.

        Raises
        ------
        ActionExecutionError
            If an action failed; the TaskManager has been told.
        """
        executor = self._executor
        wait = self._wait_for_socket
        if executor.has_async:
            wait = self._wait_for_both
            executor.loop.add_reader(self._link.fileno(), executor.kick)
        try:
            while self._turn():
                wait()
        finally:
            self._send()
            if executor.has_async:
                executor.loop.remove_reader(self._link.fileno())

    def _turn(self) -> bool:
        """Work off what has come; False when the end has come."""
        link, executor = self._link, self._executor
        link.receive()
        executor.pump()
        answered = link.answered()
        while answered:
            executor.answered(answered)
            executor.pump()
            answered = link.answered()
        self._send()
        return not link.ended

    def _send(self) -> None:
        self._metrics.send(self._link)
        self._link.flush()

    def _wait_for_socket(self) -> None:
        """Sleep until something comes; tell now and then that unfinished actions are not forgotten."""
        link = self._link
        while not self._poll.poll(self._beat * 1000 if link.unfinished() else None):
            link.beat()

    def _wait_for_both(self) -> None:
        """Run the asyncio loop until something comes or an action can go on."""
        executor = self._executor
        beat = executor.loop.call_later(self._beat, self._beat_again) if self._link.unfinished() else None
        try:
            executor.wait()
        finally:
            if beat is not None:
                beat.cancel()

    def _beat_again(self) -> None:
        self._link.beat()
        # The next wait sets the next one.
        self._executor.kick()


def _wait_for_end(link: _core.Worker) -> None:
    """Wait until the TaskManager, which has been told of the failure, ends this worker."""
    until = time.monotonic() + _LAST_SECONDS
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    while link.receive() and time.monotonic() < until:
        poll.poll(1000)


def _prepare_process(link: _core.Worker) -> None:
    link.end_with_parent()
    for stream in (sys.stdout, sys.stderr):
        # Lines are to be seen when they are written, and odd characters must not end an action.
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    handler = LogLines()
    handler.setFormatter(logging.Formatter("%(message)s"))
    # That of the TaskManager's logger: what it would not show need not be sent.
    level = logging.getLevelName(os.environ.get("FLINK_AGENTS_LOG_LEVEL", "INFO"))
    logging.basicConfig(level=level if isinstance(level, int) else logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)


def _make(link: _core.Worker) -> tuple[WorkerExecutor, WorkerMetrics, ResourceCache]:
    # Not earlier: it may bring the user's packages along.
    from flink_agents.plan.agent_plan import AgentPlan

    plan = AgentPlan.from_json(link.plan)
    metrics = WorkerMetrics()
    resources = ResourceCache(plan, int(os.environ.get("FLINK_AGENTS_WORKERS", "1")))
    executor = WorkerExecutor(
        link,
        actions_of(plan),
        agent=plan.agent_name,
        resources=resources,
        config=plan.config.resolving(),
        metrics=metrics.root,
    )
    environment = os.environ
    params = EventLoggerOpenParams(
        plan.agent_name,
        environment.get("FLINK_AGENTS_JOB", ""),
        environment.get("FLINK_AGENTS_TASK", link.task_name),
        int(environment.get("FLINK_AGENTS_SUBTASK", "0")),
        executor.config,
    )
    # Of several workers of a subtask the first has the logger: the host tells it of the events of all keys.
    first = environment.get("FLINK_AGENTS_WORKER", "1") == "1"
    executor.observers = Observers.of(plan.config, metrics.root, params, "The worker", logs=first)
    return executor, metrics, resources


def _refusal(error: BaseException) -> str:
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    remedy = ""
    if isinstance(error, ModuleNotFoundError):
        remedy = " Send the module along, by -pyfs or add_python_file, or install it there."
    return valid_unicode(
        f"its agent cannot be loaded: {type(error).__name__}: {shown(error, plain=True)}.{remedy} Its Python is "
        f"{sys.executable} ({platform.python_version()}); modules are looked for in {sys.path}\n{lines}"
    )


def main(arguments: list[str]) -> int:
    """Run a worker; the argument is the path of the socket."""
    link = _core.Worker(arguments[0])
    _prepare_process(link)
    if not link.plan:
        # Another version of the protocol: the TaskManager gets ours, and says so.
        link.ready(platform.python_version())
        return 1
    problem = _version_problem()
    if problem:
        link.refuse(problem)
        return 1
    try:
        executor, metrics, resources = _make(link)
    except BaseException as error:
        link.refuse(_refusal(error))
        return 1
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, 20, 20)
    channel = link.exchange()
    link.ready(platform.python_version())
    exchange = None if channel is None else ResourceExchange.of(channel, resources)
    executor.end_forked_children(channel)
    code = 0
    try:
        Loop(link, executor, metrics).serve()
    except ActionExecutionError:
        code = 1
        _wait_for_end(link)
    except ConnectionError:
        # The TaskManager has gone: there is nobody to tell.
        code = 1
    finally:
        _close(executor, exchange, resources)
    return code


def _version_problem() -> str:
    """Why this Python is the wrong one for a job of PyFlink; empty if it is not."""
    client = os.environ.get("FLINK_AGENTS_CLIENT_PYTHON")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not client or client == here:
        return ""
    return (
        f"The job was submitted with Python {client}, but the Python of its workers, {sys.executable}, is {here}: functions "
        "that PyFlink has pickled do not run on another version. Submit with the version of the cluster, or choose one "
        f"of version {client} there by -pyexec or python.executable."
    )


def _close(executor: Executor, exchange: ResourceExchange | None, resources: ResourceCache) -> None:
    log = logging.getLogger("flink_agents")
    for what in (executor, exchange, resources):
        try:
            if what is not None:
                what.close()
        except BaseException as error:
            log.warning("while the worker ended: %s: %s", type(error).__name__, error)


def _run(arguments: list[str]) -> Any:
    code: Any = 1
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    left = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    if left:
        # The interpreter would wait for them, and the TaskManager's patience is short.
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)
    return code


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
