"""An agent that asks a model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Dict, cast

from pydantic import BaseModel

from flink_agents.api.agents.agent import STRUCTURED_OUTPUT, Agent
from flink_agents.api.agents.types import OutputSchema, is_row_type
from flink_agents.api.chat_message import ChatMessage, MessageRole, find_first_system_message
from flink_agents.api.decorators import action
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.events.event_type import EventType
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.runner_context import RunnerContext

if TYPE_CHECKING:
    from pyflink.common.typeinfo import RowTypeInfo

_DEFAULT_CHAT_MODEL = "_default_chat_model"
_DEFAULT_SCHEMA_PROMPT = "_default_schema_prompt"
_DEFAULT_USER_PROMPT = "_default_user_prompt"
_OUTPUT_SCHEMA = "output_schema"


class ReActAgent(Agent):
    """Asks a model about every input, lets it call tools until it has an answer, and gives that answer out.

    Inputs are texts, numbers, Booleans (placeholder ``input`` of the prompt), or dicts, rows and pydantic models
    (a placeholder for each field; these need a prompt).

    Parameters
    ----------
    chat_model
        The chat model, a chat model setup.
    prompt
        What is said to the model; without one, the input as it is.
    output_schema
        What its answer is parsed as: a pydantic class or a ``RowTypeInfo`` of basic types; without one, a text.

    Raises
    ------
    TypeError
        If the output schema is anything else.
    """

    def __init__(
        self,
        *,
        chat_model: ResourceDescriptor,
        prompt: Prompt | None = None,
        output_schema: type[BaseModel] | RowTypeInfo | None = None,
    ) -> None:
        super().__init__()
        self.add_resource(_DEFAULT_CHAT_MODEL, ResourceType.CHAT_MODEL, chat_model)
        config: Dict[str, Any] = {}
        if output_schema is not None:
            if isinstance(output_schema, type) and issubclass(output_schema, BaseModel):
                text = str(output_schema.model_json_schema())
            elif is_row_type(output_schema):
                text = str(output_schema)
            else:
                msg = (
                    "The output schema of a ReActAgent must be a pydantic class or a RowTypeInfo, not "
                    f"{output_schema!r}."
                )
                raise TypeError(msg)
            config[_OUTPUT_SCHEMA] = OutputSchema(output_schema=output_schema)
            self.add_resource(
                _DEFAULT_SCHEMA_PROMPT,
                ResourceType.PROMPT,
                Prompt.from_text(f"The final response should be json format, and match the schema {text}."),
            )
        if prompt is not None:
            self.add_resource(_DEFAULT_USER_PROMPT, ResourceType.PROMPT, prompt)
        self.add_action("start_action", [EventType.InputEvent], ReActAgent.start_action, **config)

    @staticmethod
    def start_action(event: Event, ctx: RunnerContext) -> None:
        """Ask the model about an input."""
        input = InputEvent.from_event(event).input
        prompt = _prompt_or_none(ctx, _DEFAULT_USER_PROMPT)
        if prompt is not None:
            messages = prompt.format_messages(MessageRole.USER, **_prompt_args(input))
        elif _is_plain(input):
            messages = [ChatMessage(role=MessageRole.USER, content=str(input))]
        else:
            msg = (
                f"ReActAgent got an input of {type(input).__name__} and has no prompt to say it to the model with: "
                "give the ReActAgent a Prompt, or inputs that are texts, numbers or Booleans."
            )
            raise RuntimeError(msg)
        output_schema = ctx.get_action_config_value(_OUTPUT_SCHEMA)
        if output_schema is not None:
            schema_prompt = cast(Prompt, ctx.get_resource(_DEFAULT_SCHEMA_PROMPT, ResourceType.PROMPT))
            at = find_first_system_message(messages) + 1
            messages[at:at] = schema_prompt.format_messages(MessageRole.SYSTEM)
        ctx.send_event(
            ChatRequestEvent(model=_DEFAULT_CHAT_MODEL, messages=messages, output_schema=output_schema)
        )

    @action(EventType.ChatResponseEvent)
    @staticmethod
    def stop_action(event: Event, ctx: RunnerContext) -> None:
        """Give the answer of the model out."""
        response = ChatResponseEvent.from_event(event).response
        structured = response.extra_args.get(STRUCTURED_OUTPUT)
        ctx.send_event(OutputEvent(output=response.content if structured is None else structured))


def _prompt_or_none(ctx: RunnerContext, name: str) -> Prompt | None:
    try:
        return cast(Prompt, ctx.get_resource(name, ResourceType.PROMPT))
    except KeyError:
        # This is how a context says that there is no such resource.
        return None


def _is_plain(input: Any) -> bool:
    return input is None or isinstance(input, (bool, str, int, float))


def _prompt_args(input: Any) -> Dict[str, str]:
    if _is_plain(input):
        return {"input": "" if input is None else str(input)}
    if isinstance(input, dict):
        fields = input
    elif isinstance(input, BaseModel):
        fields = input.model_dump()
    elif hasattr(input, "as_dict"):
        # A row; without names its fields have those that Flink gives them.
        try:
            fields = input.as_dict(True)
        except TypeError:
            fields = {f"f{i}": value for i, value in enumerate(input)}
    elif dataclasses.is_dataclass(input) and not isinstance(input, type):
        fields = dataclasses.asdict(input)
    else:
        msg = (
            f"ReActAgent cannot take the fields of its input of {type(input).__name__} for placeholders of the "
            "prompt: give it dicts, rows, pydantic models, texts, numbers or Booleans."
        )
        raise RuntimeError(msg)
    return {str(name): "" if value is None else str(value) for name, value in fields.items()}
