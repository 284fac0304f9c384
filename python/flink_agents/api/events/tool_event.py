"""Events between actions and the built-in tool action."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List
from uuid import UUID

from flink_agents.api.events.chat_event import as_uuid
from flink_agents.api.events.event import Event


def _call_id(value: Any) -> Any:
    """Return the id of a call as a UUID, or as it is if it is none: some models number their calls in other ways."""
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            return value
    return value


def _by_call(value: Dict[Any, Any] | None) -> Dict[Any, Any]:
    return {_call_id(key): element for key, element in (value or {}).items()}


def _texts(value: Dict[Any, Any] | None) -> Dict[str, Any]:
    return {str(key): element for key, element in (value or {}).items()}


class ToolRequestEvent(Event):
    """Asks for calls of tools.

    Parameters
    ----------
    model
        The name of the chat model that wants them.
    tool_calls
        The calls: ``{"id", "type": "function", "function": {"name", "arguments"}}``.
    """

    EVENT_TYPE: ClassVar[str] = "_tool_request_event"

    def __init__(self, model: str, tool_calls: List[Dict[str, Any]]) -> None:
        super().__init__(type=self.EVENT_TYPE, attributes={"model": model, "tool_calls": tool_calls})

    @classmethod
    def from_event(cls, event: Event) -> ToolRequestEvent:
        """Return an event as a ToolRequestEvent; ``ValueError`` if it lacks an attribute."""
        cls._require(event, "model", "tool_calls")
        return cls._view(event)

    @property
    def model(self) -> str:
        """The name of the chat model that wants them."""
        return self.attributes["model"]

    @property
    def tool_calls(self) -> List[Dict[str, Any]]:
        """The calls."""
        return self.attributes["tool_calls"]


class ToolResponseEvent(Event):
    """The results of calls of tools. Keys are ids of calls.

    Parameters
    ----------
    request_id
        The id of the ToolRequestEvent.
    responses
        Results, or what the model is told of a failure.
    external_ids
        Ids that the provider of the model gave the calls.
    success
        Whether a call succeeded; all of them if left out.
    error
        Why it did not.
    """

    EVENT_TYPE: ClassVar[str] = "_tool_response_event"

    def __init__(
        self,
        request_id: UUID,
        responses: Dict[UUID, Any],
        external_ids: Dict[UUID, str | None] | None = None,
        success: Dict[UUID, bool] | None = None,
        error: Dict[UUID, str] | None = None,
    ) -> None:
        if success is None:
            success = dict.fromkeys(responses, True)
        super().__init__(
            type=self.EVENT_TYPE,
            attributes={
                "request_id": request_id,
                "responses": _texts(responses),
                "success": _texts(success),
                "error": _texts(error),
                "external_ids": _texts(external_ids),
            },
        )

    @classmethod
    def from_event(cls, event: Event) -> ToolResponseEvent:
        """Return an event as a ToolResponseEvent; ``ValueError`` if it lacks an attribute."""
        cls._require(event, "request_id", "responses")
        return cls._view(event)

    @property
    def request_id(self) -> UUID:
        """The id of the ToolRequestEvent."""
        return as_uuid(self.attributes["request_id"])

    @property
    def responses(self) -> Dict[UUID, Any]:
        """Results, or what the model is told of a failure."""
        return _by_call(self.attributes["responses"])

    @property
    def success(self) -> Dict[UUID, bool]:
        """Whether a call succeeded; events of release 0.3.1 do not say, which counts as success."""
        value = self.attributes.get("success")
        return dict.fromkeys(self.responses, True) if value is None else _by_call(value)

    @property
    def error(self) -> Dict[UUID, str]:
        """Why a call failed."""
        return _by_call(self.attributes.get("error"))

    @property
    def external_ids(self) -> Dict[UUID, str | None]:
        """Ids that the provider of the model gave the calls."""
        return _by_call(self.attributes.get("external_ids"))
