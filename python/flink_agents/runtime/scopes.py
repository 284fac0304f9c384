"""Where in the code of an action something happens: in the action itself, in a task that it started, in a durable call.

A durable call has a position in its action, which may not depend on what ends first. So it counts in its *scope*: the action's
own code is scope 0, each asyncio task that is started in a scope is one of its own.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flink_agents.runtime.callables import name_of

if TYPE_CHECKING:
    from flink_agents.runtime.context import ActionContext


class Scope:
    """A scope of durable calls, or, with ``call``, the inside of one, where no context may be used."""

    __slots__ = ("call", "context", "number")

    def __init__(self, context: ActionContext, number: int, call: Any = None) -> None:
        self.context = context
        self.number = number
        self.call = call


SCOPE: ContextVar[Scope | None] = ContextVar("flink_agents_scope", default=None)
"""Where the running code is. Code outside of actions, and ``def`` actions themselves, have none."""


def inside_call(call: Any) -> str:
    """Return why a context refuses what a durable call wants of it."""
    return (
        f"Durable call '{name_of(call)}' uses the context of an action. Inside a call that cannot be done, neither memory, "
        "events, resources and metrics nor further durable calls: read before what the call needs, pass it as an "
        "argument, and use what it returns in the action."
    )


class Refusing:
    """Stands for the link of a context while a durable call is made in its thread."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(inside_call(self._call))
