"""What a function that is called durably can learn of its call."""

from __future__ import annotations

import uuid
from contextvars import ContextVar

__all__ = ["DurableCall", "current_call"]


class DurableCall:
    """A durable call, from inside.

    Attributes
    ----------
    function
        Module and name of the function that is called.
    """

    __slots__ = ("_key", "function")

    def __init__(self, function: str, key: str | None = None) -> None:
        self.function = function
        self._key = key

    @property
    def idempotency_key(self) -> str:
        """A UUID as text. With a store it is the same whenever this call is made, after a restart too, and no other call has it.

        Give it to services that know idempotency keys: of calls with the same key they carry out one. Without a store it is a
        new one for each call.
        """
        if self._key is None:
            self._key = str(uuid.uuid4())
        return self._key

    def __repr__(self) -> str:
        return f"DurableCall({self.function})"


_CURRENT: ContextVar[DurableCall | None] = ContextVar("flink_agents_durable_call", default=None)


def current_call() -> DurableCall:
    """Return the durable call inside of which this is called: by the function that it calls, or by its reconciler.

    Works where the context variables of the call are: in its thread or task, and in those made by ``asyncio.to_thread`` and
    ``asyncio.create_task``; for a thread that a function starts itself, pass the result on.

    Raises
    ------
    RuntimeError
        Outside of durable calls.
    """
    call = _CURRENT.get()
    if call is None:
        msg = (
            "There is no durable call here: current_call() is for functions that are called by ctx.durable_execute(f, …) or "
            "ctx.durable_execute_async(f, …)."
        )
        raise RuntimeError(msg)
    return call
