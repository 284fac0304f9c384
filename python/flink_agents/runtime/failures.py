"""Actions that fail, without Flink: the core decides by their policies, and what it wants is done here."""

from __future__ import annotations

import json
import logging
import time
import traceback
import uuid
from typing import TYPE_CHECKING, Any

from flink_agents import _core

if TYPE_CHECKING:
    from flink_agents.api.events.event import Event
    from flink_agents.runtime.context import ActionContext
    from flink_agents.runtime.executor import Executor

logger = logging.getLogger(__name__)

DEAD_LETTER = "_dead_letter_event"

_FAIL, _RETRY = 0, 1

# What each text may take of a letter that has to fit into a record: one part in so many.
_INPUT, _EVENT, _TRACE, _MESSAGE = 2, 4, 16, 32

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


def goes_on(executor: Executor, context: ActionContext, event: Event, raised: BaseException) -> bool:
    """Whether the run goes on without the attempt that has failed: it is tried again, or a dead letter tells of it."""
    if context.ended or not is_own(raised):
        return False
    link: Any = executor.link
    now = time.time_ns() // 1_000_000
    trace = _text(lambda: "".join(traceback.format_exception(raised)), raised)
    message = _text(lambda: str(raised), raised)
    verdict, attempts, given, handled = link.failed(context.task, trace, now)
    if verdict == _FAIL:
        executor.attempts = attempts
        return False
    # Tasks that it started are left behind.
    context.ended = True
    key = _core.key_of(context.key)
    logger.warning(
        "Agent '%s', action '%s', key %s: it failed for the %d. time and %s: %s: %s",
        executor.agent,
        context.action.name,
        _core.shown_key(context.key, executor.log_keys),
        attempts,
        "is tried again" if verdict == _RETRY else "ends as a dead letter",
        type(raised).__name__,
        message,
    )
    if verdict == _RETRY:
        return True
    most = link.max_record_size
    input_id, input_attributes = given or (None, {})
    letter = {
        "agent": executor.agent,
        "action": context.action.name,
        "attempts": attempts,
        "key": _cut(_text(lambda: str(key), raised), most, _MESSAGE),
        "input": _fitting(input_attributes.get("input"), most, _INPUT),
        "input_event_id": None if input_id is None else str(input_id),
        "event_id": str(event.id),
        "event_type": event.type,
        # The input is not said twice.
        "event": None if handled is None or event.id == input_id else _fitting(handled[1], most, _EVENT),
        "upstream_event_id": None if event.upstream_event_id is None else str(event.upstream_event_id),
        "upstream_action": event.upstream_action_name,
        "error_type": f"{type(raised).__module__}.{type(raised).__qualname__}",
        "error_message": _cut(message, most, _MESSAGE),
        "stack_trace": _cut(trace, most, _TRACE),
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


def _fitting(value: Any, most: int | None, share: int) -> Any:
    """Return a value, or the beginning of its JSON if that is too long."""
    if most is None:
        return value
    # As it is recorded.
    if len(_core.encode(value)) <= most // share:
        return value
    return _cut(json.dumps(value, ensure_ascii=False, default=repr), most, share)


def _cut(text: str, most: int | None, share: int) -> str:
    if most is None or len(text.encode()) <= most // share:
        return text
    # Four bytes are the most that a character takes.
    kept = text[: most // share // 4]
    return f"{kept}… cut by the dead letter, which action-state.max-record-size limits: {len(text)} characters in all"
