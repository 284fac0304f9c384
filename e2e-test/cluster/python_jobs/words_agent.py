"""Has high prices told by a model in Java: the twin of the agent in ``PriceWords.java``."""

from __future__ import annotations

from stock_agent import parse_quote

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.function import JavaFunction
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.tools.function_tool import FunctionTool

__all__ = ["WordsAgent", "parse_quote"]


class WordsAgent(Agent):
    """What is high is told."""

    def __init__(self) -> None:
        super().__init__()
        words = JavaFunction(qualname="jobs.PriceWords", method_name="words", parameter_types=["int"])
        self.add_resource("words", ResourceType.TOOL, FunctionTool(func=words))

    @chat_model_connection
    @staticmethod
    def connection() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=ResourceName.ChatModel.JAVA_WRAPPER_CONNECTION, java_clazz="jobs.PriceWords$Teller")

    @chat_model_setup
    @staticmethod
    def model() -> ResourceDescriptor:
        return ResourceDescriptor(
            clazz=ResourceName.ChatModel.JAVA_WRAPPER_SETUP, java_clazz="jobs.PriceWords$Setup", connection="connection",
            model="m", tools=["words"],
        )

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        quote = InputEvent.from_event(event).input
        if quote["cents"] > 20000:
            ctx.sensory_memory.set("what", f"{quote['symbol']},{quote['month']}")
            ctx.send_event(ChatRequestEvent(model="model", messages=[ChatMessage(content=str(quote["cents"]))]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        said = ChatResponseEvent.from_event(event).response.content
        ctx.send_event(OutputEvent(output=f"{ctx.sensory_memory.get('what')}: {said}"))
