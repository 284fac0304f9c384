"""Chat models: connections to their servers, and setups that say how a model is asked."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Dict, List, Mapping, Sequence, Tuple, cast

from pydantic import Field, PrivateAttr
from typing_extensions import override

from flink_agents.api.chat_message import ChatMessage, MessageRole, find_first_system_message
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import Resource, ResourceType
from flink_agents.api.resource_awaited import awaited_form
from flink_agents.api.tools.tool import Tool

if TYPE_CHECKING:
    from flink_agents.api.agents.types import OutputSchema

# Kept without a text, too.
_KEPT = (MessageRole.ASSISTANT, MessageRole.TOOL)


class StructuredOutputStrategy(str, Enum):
    """Who makes an answer fit a schema."""

    AUTO = "auto"
    NATIVE = "native"
    PROMPT = "prompt"

    def resolves_to_native(self, model_capable: bool) -> bool:
        """Tell whether the provider is asked to do it, given whether it can for the model."""
        return self is StructuredOutputStrategy.NATIVE or (self is StructuredOutputStrategy.AUTO and model_capable)


class BaseChatModelConnection(Resource, ABC):
    """A connection to the server of chat models.

    Subclass it for a server of your own. ``chat`` may be ``async def``: then no thread waits for the answer. One that is not is
    called in threads of a pool, and from several at a time.
    """

    DEFAULT_REASONING_PATTERNS: ClassVar[Tuple[re.Pattern[str], ...]] = (
        re.compile('<think>(.*?)</think>', re.DOTALL | re.IGNORECASE),
        re.compile('<analysis>(.*?)</analysis>', re.DOTALL | re.IGNORECASE),
        re.compile('<reasoning>(.*?)</reasoning>', re.DOTALL | re.IGNORECASE),
        re.compile('```(?:think|reasoning|thought)\\s*\\n(.*?)\\n```', re.DOTALL | re.IGNORECASE),
        re.compile('(?:^|\\n)Reasoning:\\s*(.*?)(?:\\n{2,}|$)', re.DOTALL | re.IGNORECASE),
    )

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.CHAT_MODEL_CONNECTION

    @property
    def provider_name(self) -> str | None:
        """Whose models answer, as live spans show it (``gen_ai.provider.name``); ``None`` if that is not known."""
        return None

    def supports_native_structured_output(self, effective_model: str | None) -> bool:
        """Tell whether ``chat`` makes a model's answers fit an ``output_schema``."""
        return False

    @abstractmethod
    def chat(
        self,
        messages: Sequence[ChatMessage],
        tools: List[Tool] | None = None,
        output_schema: OutputSchema | None = None,
        **kwargs: Any,
    ) -> ChatMessage:
        """Ask a model.

        Parameters
        ----------
        messages
            The conversation so far.
        tools
            What the model may ask to have called.
        output_schema
            What the answer has to fit; given only where ``supports_native_structured_output`` says so, or the setup insists.
        **kwargs
            ``model`` and the other parameters of the setup's ``model_kwargs``.
        """

    @classmethod
    def _extract_reasoning(
        cls, content: str, patterns: Sequence[re.Pattern[str]] | None = None
    ) -> Tuple[str, str | None]:
        """Return a text without what the model thought aloud, and that, or ``None``."""
        thoughts: List[str] = []
        for pattern in patterns or cls.DEFAULT_REASONING_PATTERNS:
            thoughts += (match.strip() for match in pattern.findall(content))
            content = pattern.sub("", content)
        found = "\n\n".join(thought for thought in thoughts if thought)
        return content.strip(), found or None


class BaseChatModelSetup(Resource):
    """How a model is asked: by which connection, with which prompt, tools and parameters.

    Attributes
    ----------
    connection
        The name of the connection.
    model
        The name of the model.
    prompt
        What is said to the model before the messages: a prompt, or the name of one.
    tools
        What the model may ask to have called: tools, or names of some.
    skills
        Names of skills.
    skill_discovery_prompt
        The text that tells the model of them.
    allowed_commands, allowed_script_dirs
        What the tool ``bash`` may run.
    structured_output_strategy
        Who makes an answer fit a schema.
    """

    model_config = {"protected_namespaces": ()}

    connection: str = Field()
    model: str = Field()
    prompt: Prompt | str | None = None
    tools: List[str] | List[Tool] = Field(default_factory=list)
    skills: List[str] | None = None
    skill_discovery_prompt: str | None = None
    allowed_commands: List[str] = Field(default_factory=list)
    allowed_script_dirs: List[str] = Field(default_factory=list)
    structured_output_strategy: StructuredOutputStrategy = Field(default=StructuredOutputStrategy.AUTO)

    _connected: BaseChatModelConnection | None = PrivateAttr(default=None)

    @property
    @abstractmethod
    def model_kwargs(self) -> Dict[str, Any]:
        """The parameters of each call: ``model`` and whatever else the connection takes."""

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.CHAT_MODEL

    @override
    def open(self) -> None:
        """Look up connection, prompt and tools."""
        self._look_up()

    def _look_up(self) -> None:
        context = self.resource_context
        if context is None:
            msg = f"The chat model setup {type(self).__name__} has no resource_context to find '{self.connection}' with."
            raise ValueError(msg)
        found = context.get_resource(self.connection, ResourceType.CHAT_MODEL_CONNECTION)
        self._connected = cast(BaseChatModelConnection, found)
        if isinstance(self.prompt, str):
            self.prompt = cast(Prompt, context.get_resource(self.prompt, ResourceType.PROMPT))
        if self.tools:
            self.tools = [
                cast(Tool, context.get_resource(tool, ResourceType.TOOL)) if isinstance(tool, str) else tool
                for tool in self.tools
            ]
        if self.skills:
            self.skill_discovery_prompt = context.generate_available_skills_prompt(*self.skills)

    def chat(
        self,
        messages: Sequence[ChatMessage],
        prompt_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> ChatMessage:
        """Ask the model.

        Parameters
        ----------
        messages
            What is said to it, after the prompt.
        prompt_args
            Values of the placeholders in the prompt.
        **kwargs
            Parameters that win over those of ``model_kwargs``; ``output_schema`` is what the answer has to fit.
        """
        connection = self._connection()
        said = None if self.prompt is None else cast(Prompt, self.prompt).format_messages(**texts_of(prompt_args))
        return connection.chat(self._asked(messages, said), **self._parameters_of(connection, kwargs))

    @property
    def chat_async(self) -> Callable[..., Any] | None:
        """``chat`` as an ``async def`` function, if the connection can wait without a thread; else ``None``."""
        if awaited_form(self._connection(), "chat") is None:
            return None
        return self._chat_awaited

    async def _chat_awaited(
        self, messages: Sequence[ChatMessage], prompt_args: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> ChatMessage:
        connection = self._connection()
        said = None
        if self.prompt is not None:
            form = awaited_form(self.prompt, "format_messages")
            values = texts_of(prompt_args)
            said = cast(Prompt, self.prompt).format_messages(**values) if form is None else await form(**values)
        chat = cast(Any, awaited_form(connection, "chat"))
        return await chat(self._asked(messages, said), **self._parameters_of(connection, kwargs))

    @property
    def provider_name(self) -> str | None:
        """That of the connection."""
        return self._connection().provider_name

    def _connection(self) -> BaseChatModelConnection:
        if self._connected is None:
            # Outside of actions nobody has opened it, and a subclass may have forgotten super().open().
            self._look_up()
        return cast(BaseChatModelConnection, self._connected)

    def _asked(self, messages: Sequence[ChatMessage], prompt: List[ChatMessage] | None) -> List[ChatMessage]:
        asked = list(messages)
        if prompt is not None:
            # An answer may have tool calls alone, and each of those wants its result.
            asked = [*prompt, *(m for m in asked if m.content.strip() or m.role in _KEPT)]
        if self.skill_discovery_prompt:
            after = find_first_system_message(asked) + 1
            asked.insert(after, ChatMessage(role=MessageRole.SYSTEM, content=self.skill_discovery_prompt))
        return asked

    def _parameters_of(self, connection: BaseChatModelConnection, kwargs: Dict[str, Any]) -> Dict[str, Any]:
        parameters = {**self.model_kwargs, **kwargs}
        schema = parameters.pop("output_schema", None)
        if schema is not None:
            # A deployment on Azure may have any name.
            model = parameters.get("model_of_azure_deployment") or parameters.get("model")
            capable = connection.supports_native_structured_output(model)
            if self.structured_output_strategy.resolves_to_native(capable):
                parameters["output_schema"] = schema
        return {**parameters, "tools": self.tools}


def texts_of(prompt_args: Mapping[str, Any] | None) -> Dict[str, str]:
    return {key: str(value) for key, value in (prompt_args or {}).items()}
