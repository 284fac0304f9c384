"""Events of the execution trace."""

from __future__ import annotations

_EXPECTED_STATUS_BY_EVENT_TYPE = {
    "_execution_started_event": "started",
    "_execution_finished_event": "success",
    "_execution_failed_event": "failed",
    "_execution_reused_event": "reused",
}


class ExecutionLifecycleEvents:
    """Their types and states. No action ever receives them."""

    EXECUTION_STARTED_EVENT_TYPE = "_execution_started_event"
    EXECUTION_FINISHED_EVENT_TYPE = "_execution_finished_event"
    EXECUTION_FAILED_EVENT_TYPE = "_execution_failed_event"
    EXECUTION_REUSED_EVENT_TYPE = "_execution_reused_event"

    STATUS_STARTED = "started"
    STATUS_SUCCESS = "success"
    STATUS_FAILED = "failed"
    STATUS_REUSED = "reused"

    EVENT_TYPES = frozenset(_EXPECTED_STATUS_BY_EVENT_TYPE)

    @classmethod
    def expected_status(cls, event_type: str) -> str | None:
        """Return the state that an event of this type tells, ``None`` for other types."""
        return _EXPECTED_STATUS_BY_EVENT_TYPE.get(event_type)
