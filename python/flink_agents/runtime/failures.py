"""Actions that fail: what they raised, and, without Flink, what the core wants done about it."""

from __future__ import annotations

import json
import logging
import time
import traceback
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flink_agents import _core

if TYPE_CHECKING:
    from flink_agents.api.events.event import Event
    from flink_agents.runtime.context import ActionContext
    from flink_agents.runtime.executor import Executor

logger = logging.getLogger(__name__)

DEAD_LETTER = "_dead_letter_event"

_FAIL, _RETRY = 0, 1

# The parts of a letter, as the core numbers them.
_INPUT, _EVENT, _TRACE, _TEXT = range(4)

# Causes may form a circle.
_MOST_CAUSES = 100


def is_own(raised: BaseException) -> bool:
    """Whether an exception is the action's own doing, and not that the process is to end or has no memory."""
    if not isinstance(raised, Exception):
        return False
    at: BaseException | None = raised
    for _ in range(_MOST_CAUSES):
        if at is None:
            return True
        # Not CancelledError: asyncio makes a TimeoutError of one.
        if isinstance(at, (MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit)):
            return False
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return True


@dataclass(frozen=True)
class Problem:
    """What an action raised, as messages and dead letters have it."""

    kind: str
    message: str
    trace: str

    @staticmethod
    def of(raised: BaseException) -> Problem:
        """Return what there is to say of an exception, whatever its class does."""
        return Problem(
            f"{type(raised).__module__}.{type(raised).__qualname__}",
            _text(lambda: str(raised), raised),
            _text(lambda: "".join(traceback.format_exception(raised)), raised),
        )


def settle(executor: Executor, context: ActionContext, event: Event, raised: BaseException) -> bool:
    """Do what the core decides about an action that failed itself; False if the run is to fail."""
    link: Any = executor.link
    now = time.time_ns() // 1_000_000
    problem = Problem.of(raised)
    verdict, attempts, given, handled = link.failed(context.task, problem.trace, now)
    if verdict == _FAIL:
        executor.attempts = attempts
        return False
    logger.warning(
        "Agent '%s', action '%s', key %s: it failed for the %d. time and %s: %s: %s",
        executor.agent,
        context.action.name,
        _core.shown_key(context.key, executor.log_keys),
        attempts,
        "is tried again" if verdict == _RETRY else "ends as a dead letter",
        type(raised).__name__,
        problem.message,
    )
    if verdict == _RETRY:
        return True
    key = _core.key_of(context.key)
    input_id, input_attributes = given or (None, {})
    letter = {
        "agent": executor.agent,
        "action": context.action.name,
        "attempts": attempts,
        "key": link.letter_text(_TEXT, _text(lambda: str(key), raised)),
        "input": _fitting(link, _INPUT, input_attributes.get("input")),
        "input_event_id": None if input_id is None else str(input_id),
        "event_id": str(event.id),
        "event_type": event.type,
        # The input is not said twice.
        "event": None if handled is None or event.id == input_id else _fitting(link, _EVENT, handled[1]),
        "upstream_event_id": None if event.upstream_event_id is None else str(event.upstream_event_id),
        "upstream_action": event.upstream_action_name,
        "error_type": problem.kind,
        "error_message": link.letter_text(_TEXT, problem.message),
        "stack_trace": link.letter_text(_TRACE, problem.trace),
        "timestamp": None,
        "failed_at": now,
    }
    link.send(context.task, uuid.uuid4(), DEAD_LETTER, letter)
    link.finish(context.task)
    return True


def _text(make: Any, raised: BaseException) -> str:
    """Return a text that the user's code makes; the name of the exception if it cannot be made or sent."""
    try:
        text: str = make()
        return text.encode("utf-8", "replace").decode()
    except Exception:
        return type(raised).__qualname__


def _fitting(link: Any, part: int, value: Any) -> Any:
    """Return a value, or the beginning of its JSON if a letter has no room for the whole."""
    # As it is recorded.
    if link.letter_has_room(part, len(_core.encode(value))):
        return value
    return link.letter_text(part, json.dumps(value, ensure_ascii=False, default=repr))
