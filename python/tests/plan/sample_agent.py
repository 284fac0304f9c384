"""The agent of the plan samples. Names, texts and the name of this module are part of the samples."""

from pydantic import BaseModel

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.decorators import (
    action,
    chat_model_connection,
    chat_model_setup,
    prompt,
    skills,
    tool,
)
from flink_agents.api.events.event import Event, InputEvent
from flink_agents.api.function import ACTION_PARAMETER_TYPES, JavaFunction
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceName
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.skills import Skills


class OutData(BaseModel):
    result: int
    why: str | None = None


def java_declared(event: Event, ctx: RunnerContext) -> None:
    pass


def mul(a: int, b: int = 2) -> int:
    """Multiply two integers.

    Parameters
    ----------
    a : int
        first
    b : int
        second
    """
    return a * b


class SmallAgent(Agent):
    @prompt
    @staticmethod
    def greet_prompt() -> Prompt:
        return Prompt.from_text("Say hello to {name}")

    @prompt
    @staticmethod
    def chat_prompt() -> Prompt:
        return Prompt.from_messages(
            [
                ChatMessage(role=MessageRole.SYSTEM, content="You are {role}"),
                ChatMessage(role=MessageRole.USER, content="{input}"),
            ]
        )

    @tool
    @staticmethod
    def add(a: int, b: int) -> int:
        """Adds two integers.

        Parameters
        ----------
        a : int
            first
        b : int
            second
        """
        return a + b

    @chat_model_connection
    @staticmethod
    def conn() -> ResourceDescriptor:
        return ResourceDescriptor(clazz="sample_res.Conn", base_url="http://localhost:11434")

    @chat_model_setup
    @staticmethod
    def model() -> ResourceDescriptor:
        return ResourceDescriptor(
            clazz="sample_res.Setup", connection="conn", model="qwen3:8b", prompt="chat_prompt", tools=["add"]
        )

    @chat_model_setup
    @staticmethod
    def java_model() -> ResourceDescriptor:
        return ResourceDescriptor(
            clazz=ResourceName.ChatModel.JAVA_WRAPPER_SETUP,
            java_clazz=ResourceName.ChatModel.Java.OLLAMA_SETUP,
            connection="j_conn",
            model="qwen3:8b",
        )

    @skills
    @staticmethod
    def my_skills() -> Skills:
        return Skills.from_local_dir("/data/skills")

    # The decorator on either side of @staticmethod.
    @staticmethod
    @action(InputEvent.EVENT_TYPE, "my.custom.event")
    def on_input(event: Event, ctx: RunnerContext) -> None:
        pass

    @action(
        "j.event",
        target=JavaFunction(
            qualname="com.example.Handlers",
            method_name="run",
            parameter_types=list(ACTION_PARAMETER_TYPES),
        ),
    )
    @staticmethod
    def on_java(event: Event, ctx: RunnerContext) -> None:
        raise NotImplementedError
