"""Events between actions and the built-in chat action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Dict, List
from uuid import UUID

from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.events.event import Event

if TYPE_CHECKING:
    from flink_agents.api.agents.types import OutputSchema


def as_uuid(value: Any) -> UUID:
    """Return an id as a UUID: in events that have travelled it is a text."""
    return value if isinstance(value, UUID) else UUID(value)


def as_message(value: Any) -> ChatMessage:
    """Return a message as an object: in events that have travelled it is a dict."""
    return value if isinstance(value, ChatMessage) else ChatMessage.model_validate(value)


class ChatRequestEvent(Event):
    """Asks a model.

    Parameters
    ----------
    model
        The name of the chat model.
    messages
        What is said to it.
    prompt_args
        Values of the placeholders in the prompt of the model.
    output_schema
        The form of the answer; a text if left out.
    """

    EVENT_TYPE: ClassVar[str] = "_chat_request_event"

    def __init__(
        self,
        model: str,
        messages: List[ChatMessage],
        prompt_args: Dict[str, Any] | None = None,
        output_schema: OutputSchema | None = None,
    ) -> None:
        super().__init__(
            type=self.EVENT_TYPE,
            attributes={
                "model": model,
                "messages": messages,
                "prompt_args": prompt_args or {},
                "output_schema": output_schema,
            },
        )

    @classmethod
    def from_event(cls, event: Event) -> ChatRequestEvent:
        """Return an event as a ChatRequestEvent; ``ValueError`` if it lacks an attribute."""
        cls._require(event, "model", "messages")
        return cls._view(event)

    @property
    def model(self) -> str:
        """The name of the chat model."""
        return self.attributes["model"]

    @property
    def messages(self) -> List[ChatMessage]:
        """What is said to it."""
        return [as_message(message) for message in self.attributes["messages"]]

    @property
    def prompt_args(self) -> Dict[str, Any]:
        """Values of the placeholders in the prompt of the model."""
        return self.attributes.get("prompt_args") or {}

    @property
    def output_schema(self) -> OutputSchema | None:
        """The form of the answer, ``None`` for a text."""
        from flink_agents.api.agents.types import OutputSchema

        value = self.attributes.get("output_schema")
        if value is None or isinstance(value, OutputSchema):
            return value
        return OutputSchema.model_validate(value)


class ChatResponseEvent(Event):
    """The answer of a model.

    Parameters
    ----------
    request_id
        The id of the ChatRequestEvent.
    response
        What the model says.
    retry_count
        How often the model had to be asked again.
    total_retry_wait_sec
        Seconds that were waited for that.
    """

    EVENT_TYPE: ClassVar[str] = "_chat_response_event"

    def __init__(
        self,
        request_id: UUID,
        response: ChatMessage,
        retry_count: int = 0,
        total_retry_wait_sec: int = 0,
    ) -> None:
        super().__init__(
            type=self.EVENT_TYPE,
            attributes={
                "request_id": request_id,
                "response": response,
                "retry_count": retry_count,
                "total_retry_wait_sec": total_retry_wait_sec,
            },
        )

    @classmethod
    def from_event(cls, event: Event) -> ChatResponseEvent:
        """Return an event as a ChatResponseEvent; ``ValueError`` if it lacks an attribute."""
        cls._require(event, "request_id", "response")
        return cls._view(event)

    @property
    def request_id(self) -> UUID:
        """The id of the ChatRequestEvent."""
        return as_uuid(self.attributes["request_id"])

    @property
    def response(self) -> ChatMessage:
        """What the model says."""
        return as_message(self.attributes["response"])

    @property
    def retry_count(self) -> int:
        """How often the model had to be asked again."""
        return self.attributes.get("retry_count") or 0

    @property
    def total_retry_wait_sec(self) -> int:
        """Seconds that were waited for that."""
        return self.attributes.get("total_retry_wait_sec") or 0
