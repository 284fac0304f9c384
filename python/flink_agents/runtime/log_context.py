"""What a record of Python's logging belongs to: job, operator, subtask, agent, and the action that runs, with its key, event and run.

The action is known by a context variable, so that it costs next to nothing where nothing is logged, and is right in tasks of
asyncio and in the threads of durable calls, too.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Dict

from flink_agents import _core

if TYPE_CHECKING:
    from flink_agents.runtime.context import ActionContext

RUNNING: ContextVar[ActionContext | None] = ContextVar("flink_agents_running", default=None)
"""The action whose code runs."""

FIELDS = ("job", "operator", "subtask", "agent", "action", "key", "event", "run")
"""What is known, each an attribute of log records with this prefix; an empty text where it is not."""
PREFIX = "flink_agents_"
_ACTION = ("action", "key", "event", "run")
# Inputs whose runs are remembered by the key, until there are so many.
_MOST_RUNS = 10_000


class Runs:
    """The input event of the run that each key has."""

    def __init__(self) -> None:
        self._of: Dict[str, Any] = {}

    def begins(self, key: str, event: Any) -> None:
        """Remember that a run has begun."""
        if len(self._of) >= _MOST_RUNS:
            self._of.clear()
        self._of[key] = event

    def of(self, key: str) -> Any:
        """Return the id of its input; None if it is not known."""
        return self._of.get(key)


def of_action() -> Dict[str, str]:
    """Return what is known of the action whose code runs; empty if none does."""
    context = RUNNING.get()
    if context is None:
        return {}
    executor = context.executor
    values = (
        context.action.name,
        _core.shown_key(context.key, executor.log_keys),
        context.event_id,
        context.run_id,
    )
    return {name: "" if value is None else str(value) for name, value in zip(_ACTION, values)}


def install() -> None:
    """Let every record of this process say what it belongs to, from now on: for runs without Flink.

    Attributes of records whose code is no action's are empty, so that formats may name them.
    """
    before = logging.getLogRecordFactory()
    if getattr(before, "of_flink_agents", False):
        return

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        known = of_action()
        context = RUNNING.get()
        if context is not None:
            executor = context.executor
            known.update(job=executor.job, operator=executor.agent, subtask="0", agent=executor.agent)
        for name in FIELDS:
            setattr(record, PREFIX + name, known.get(name, ""))
        return record

    factory.of_flink_agents = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(factory)
