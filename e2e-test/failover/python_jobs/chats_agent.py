"""The agent of ``Chats.java`` in Python. As a program it prints its plan; arguments: the configuration as JSON."""

from __future__ import annotations

import json
import sys

from ledger_client import enter

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup, tool
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceName
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.tools.tool_parameter_injection import InjectedArg


class ChatAgent(Agent):
    """Asks a model about each input, has its tool called, which costs something, and asks again."""

    @chat_model_connection
    @staticmethod
    def server() -> ResourceDescriptor:
        # A question that is asked again by the client itself would count as one too many.
        return ResourceDescriptor(
            clazz=ResourceName.ChatModel.VLLM_CONNECTION, api_base_url="${env:CHATS_MODEL}", max_retries=0)

    @chat_model_setup
    @staticmethod
    def model() -> ResourceDescriptor:
        return ResourceDescriptor(
            clazz=ResourceName.ChatModel.VLLM_SETUP, connection="server", model="scripted", tools=["reserve"])

    @tool(injected_args={"ledger": InjectedArg.from_config("chats.ledger")})
    @staticmethod
    async def reserve(order: str, ledger: str) -> str:
        """Reserve what was ordered."""
        return await enter(ledger, order, "reserve")

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        order = InputEvent.from_event(event).input
        ctx.send_event(ChatRequestEvent(model="model", messages=[ChatMessage(content=order)]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))


def plan(config: dict[str, object]) -> str:
    """Return the plan as JSON."""
    from flink_agents.plan.agent_plan import AgentPlan
    from flink_agents.plan.configuration import AgentConfiguration

    return AgentPlan.from_agent(ChatAgent(), AgentConfiguration(config)).to_json()


if __name__ == "__main__":
    # What is in __main__ no worker can import.
    import chats_agent

    print(chats_agent.plan(json.loads(sys.argv[1])))
