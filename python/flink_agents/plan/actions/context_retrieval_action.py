"""The built-in action that queries vector stores."""

from __future__ import annotations

from flink_agents.api.events.event import Event
from flink_agents.api.runner_context import RunnerContext
from flink_agents.plan.actions.built_in import not_yet


def process_context_retrieval_request(event: Event, ctx: RunnerContext) -> None:
    """Query a vector store.

    Raises
    ------
    NotImplementedError
        Always, in this release.
    """
    raise not_yet(
        event,
        "a vector store",
        "query the store in an action of your own, and do not send ContextRetrievalRequestEvent",
    )
