"""The actions that every plan ends with."""

from __future__ import annotations

from typing import List

from flink_agents.api.function import PythonFunction
from flink_agents.api.resource import ResourceType
from flink_agents.plan.actions.action import Action

CHAT_MODEL_ACTION = "chat_model_action"
TOOL_CALL_ACTION = "tool_call_action"
CONTEXT_RETRIEVAL_ACTION = "context_retrieval_action"


def built_in_actions() -> List[Action]:
    """Return new objects of them, in their order."""
    return [
        Action(
            CHAT_MODEL_ACTION,
            PythonFunction.model_construct(
                module="flink_agents.plan.actions.chat_model_action",
                qualname="process_chat_request_or_tool_response",
            ),
            ["_chat_request_event", "_tool_response_event"],
        ),
        Action(
            TOOL_CALL_ACTION,
            PythonFunction.model_construct(
                module="flink_agents.plan.actions.tool_call_action",
                qualname="process_tool_request",
            ),
            ["_tool_request_event"],
        ),
        Action(
            CONTEXT_RETRIEVAL_ACTION,
            PythonFunction.model_construct(
                module="flink_agents.plan.actions.context_retrieval_action",
                qualname="process_context_retrieval_request",
            ),
            ["_context_retrieval_request_event"],
        ),
    ]


# What an agent has if one of them can have to wait.
NEEDS = {
    CHAT_MODEL_ACTION: ResourceType.CHAT_MODEL,
    TOOL_CALL_ACTION: ResourceType.TOOL,
    CONTEXT_RETRIEVAL_ACTION: ResourceType.VECTOR_STORE,
}
