"""The user's own event listeners and event logger, which a core or a host tells of processed events.

They run on the thread that runs the actions. What one raises is logged once by its name and counted; what does not come
back is named in the log by a thread that watches.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
import threading
import time
import traceback
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Callable

from flink_agents import _core
from flink_agents.api.core_options import AgentConfigOptions
from flink_agents.api.event_logger import EventLoggerOpenParams
from flink_agents.api.events.event import Event
from flink_agents.api.events.event_context import EventContext
from flink_agents.api.trace.execution_trace_context import ExecutionTraceContext

if TYPE_CHECKING:
    from flink_agents.api.configuration import ReadableConfiguration
    from flink_agents.api.event_listener import EventListener
    from flink_agents.api.event_logger import EventLogger
    from flink_agents.api.metric_group import MetricGroup

logger = logging.getLogger(__name__)

LISTENERS = "event-listeners"
LOGGER = "event-logger"
# Seconds after which what has not come back is named.
_LIMIT = 10.0
_SHOWN_FRAMES = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def is_python(name: str) -> bool:
    """Whether a class that a configuration names is Python's, ``module:Class``: no class of Java has a colon in its name."""
    return ":" in name


def named(config: ReadableConfiguration) -> tuple[list[str], str]:
    """Return the names of the listeners and of the logger; an empty text if there is no logger."""
    listeners = config.get(AgentConfigOptions.EVENT_LISTENERS) or []
    return [str(name).strip() for name in listeners if str(name).strip()], (config.get_str(LOGGER) or "").strip()


def refuse_foreign(config: ReadableConfiguration, agent: str) -> None:
    """Refuse Java's listeners and loggers, for runs without a JVM.

    Raises
    ------
    ValueError
        Naming the first one.
    """
    listeners, own = named(config)
    for option, name in (*((LISTENERS, each) for each in listeners), (LOGGER, own)):
        if name and not is_python(name):
            msg = (
                f"Agent '{agent}': option {option} names {name}, which is no class of Python, and there is no JVM here to load it. "
                "Run the agent on Flink, take the name out, or name a class of Python as module:Class."
            )
            raise ValueError(msg)


def _made(option: str, name: str, method: str) -> Any:
    module, _, qualname = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
        made = found()
        function = getattr(made, method)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    else:
        if callable(function) and not inspect.iscoroutinefunction(function):
            return made
        why = f"{method} is no function that is called directly"
    msg = (
        f"Option {option} names {name}, which cannot be made: it must be module:Class, where the class has {method} and a "
        f"constructor without arguments, and the module is where the agent runs ({why})"
    )
    raise ValueError(msg)


class Watch:
    """Names, in the log, the listener or logger that does not come back. Nobody can end it from outside.

    *Threads*: :meth:`begins` and :meth:`ends` by the one that runs the actions; a daemon of its own looks, from the first call
    to :meth:`close`.
    """

    def __init__(self, waits: str, limit: float | None = None, warn: Callable[[str], None] | None = None) -> None:
        self._waits = waits
        self._limit = _LIMIT if limit is None else limit
        self._warn = warn or logger.warning
        # Odd while something is called. One thread writes it, and what it says before that.
        self._turn = 0
        self._what: tuple[str, str] = ("", "")
        self._caller = 0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def begins(self, what: str, about: str) -> None:
        """Something is called now that may hang, and is told of ``about``."""
        self._what = (what, about)
        self._caller = threading.get_ident()
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="flink-agents-user-code-watch", daemon=True)
            self._thread.start()
        self._turn += 1

    def ends(self) -> None:
        """It has come back."""
        self._turn += 1

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        seen, since, told = 0, 0.0, ""
        closed = False
        while not closed:
            # Once more at the end: what has been named may have come back.
            closed = self._closed.wait(self._limit / 4)
            now = time.monotonic()
            turn = self._turn
            if turn != seen:
                if told:
                    self._warn(f"{told} has come back, after at most {_millis(now - since)}")
                seen, since, told = turn, now, ""
            elif not told and turn % 2 and now - since >= self._limit:
                told = self._name(turn, now - since)

    def _name(self, turn: int, seconds: float) -> str:
        what, about = self._what
        frame = sys._current_frames().get(self._caller)
        stack = "".join(traceback.format_stack(frame)[-_SHOWN_FRAMES:]) if frame is not None else ""
        if self._turn != turn:
            return ""
        name = f"{what}, told of {about},"
        self._warn(
            f"{name} has not come back for {_millis(seconds)}. {self._waits} waits for it: make it quick, or have it hand its "
            f"work to a thread of its own. It is\n{stack.rstrip()}"
        )
        return name


def _millis(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


class Observers:
    """Listeners and the logger of one run or worker.

    *Lifecycle*: made, and the logger opened, before the first event; :meth:`close` after the last. *Threads*: one.

    Parameters
    ----------
    listeners, event_logger
        Those of Python, by their names.
    metrics
        Where failures are counted.
    waits
        Who waits for them, for messages.
    """

    def __init__(
        self,
        listeners: dict[str, EventListener],
        event_logger: tuple[str, EventLogger] | None,
        metrics: MetricGroup,
        waits: str,
    ) -> None:
        self._listeners = [(f"Event listener {name}", listener) for name, listener in listeners.items()]
        self._logger_name, self._logger = ("", None) if event_logger is None else event_logger
        self._called = f"Event logger {self._logger_name}"
        self._metrics = metrics
        self._watch = Watch(waits)
        self._unflushed = False
        self._opened = False
        # Those whose first failure was logged.
        self._warned: set[str] = set()

    @staticmethod
    def of(
        config: ReadableConfiguration, metrics: MetricGroup, params: EventLoggerOpenParams, waits: str, *, logs: bool = True
    ) -> Observers | None:
        """Make those that a configuration names, and open the logger.

        Parameters
        ----------
        params
            What the logger gets to know.
        logs
            Whether the logger is wanted here.

        Returns
        -------
        Observers | None
            None if it names none of Python.

        Raises
        ------
        ValueError
            If one cannot be made.
        RuntimeError
            If the logger cannot be opened.
        """
        names, own = named(config)
        listeners = {name: _made(LISTENERS, name, "on_event_processed") for name in names if is_python(name)}
        event_logger = (own, _made(LOGGER, own, "append")) if logs and own and is_python(own) else None
        if not listeners and event_logger is None:
            return None
        observers = Observers(listeners, event_logger, metrics, waits)
        observers._open(params)
        return observers

    def _open(self, params: EventLoggerOpenParams) -> None:
        if self._logger is None:
            return
        self._watch.begins(self._called, "its opening")
        try:
            self._logger.open(params)
        except Exception as error:
            self._watch.close()
            msg = (
                f"The event log of agent '{params.agent}' cannot be opened by {self._logger_name} (option {LOGGER}): "
                f"{type(error).__name__}: {error}"
            )
            raise RuntimeError(msg) from error
        finally:
            self._watch.ends()
        self._opened = True

    def told(self, step: dict[str, Any]) -> None:
        """Tell of an event, as a link says it."""
        micros, event_id, upstream_id = step["micros"], step["event_id"], step["upstream_id"]
        event = Event.model_construct(
            id=_core.uuid_of(event_id) if isinstance(event_id, int) else event_id,
            type=step["event_type"],
            attributes=step["attributes"],
            upstream_event_id=_core.uuid_of(upstream_id) if isinstance(upstream_id, int) else upstream_id,
            upstream_action_name=step["upstream_action"] or None,
        )
        time_text = (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds").replace("+00:00", "Z")
        context = EventContext(event.type, time_text)
        if step["logged"]:
            if self._opened:
                trace = _trace_of(step["trace"])
                self._unflushed = True
                self._call(self._called, event.type, "eventLogWriteFailures", self._logger.append, context, event, trace)  # type: ignore[union-attr]
            return
        for called, listener in self._listeners:
            self._call(called, event.type, "eventListenerFailures", listener.on_event_processed, context, event)

    def _call(self, called: str, about: str, counter: str, function: Callable[..., Any], *args: Any) -> None:
        self._watch.begins(called, about)
        try:
            function(*args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._failed(called, about, counter, error)
        finally:
            self._watch.ends()

    def _failed(self, called: str, about: str, counter: str, error: BaseException) -> None:
        self._metrics.get_counter(counter).inc()
        if called in self._warned:
            logger.debug("%s failed, told of %s", called, about, exc_info=error)
            return
        self._warned.add(called)
        logger.warning(
            "%s failed, told of %s (further failures are only counted, by %s)", called, about, counter, exc_info=error
        )

    def flush(self) -> None:
        """Let the logger flush: there is nothing else to do now."""
        if self._unflushed:
            self._unflushed = False
            self._call(self._called, "a flush", "eventLogWriteFailures", self._logger.flush)  # type: ignore[union-attr]

    def close(self) -> None:
        """End; nothing is told afterwards."""
        try:
            if self._opened:
                self.flush()
                self._opened = False
                self._call(self._called, "its end", "eventLogWriteFailures", self._logger.close)  # type: ignore[union-attr]
        finally:
            self._watch.close()


def _trace_of(fields: dict[str, Any] | None) -> ExecutionTraceContext | None:
    if fields is None:
        return None
    return ExecutionTraceContext(
        input_run_id=fields.get("inputRunId"),
        business_key=fields.get("businessKey"),
        agent_name=fields.get("agentName"),
        execution_id=fields.get("executionId"),
        parent_execution_id=fields.get("parentExecutionId"),
        entity_type=fields.get("entityType"),
        entity_name=fields.get("entityName"),
        entity_metadata=fields.get("entityMetadata") or {},
    )
