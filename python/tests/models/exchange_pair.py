"""Two ends of a connection in one process: what one asks the other answers."""

from __future__ import annotations

import itertools
from queue import SimpleQueue
from typing import Any

from flink_agents import _core
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.runtime.exchange import ResourceExchange
from flink_agents.runtime.resources import ResourceCache


class End:
    """One end. Values travel as bytes, so that they are plain data."""

    def __init__(self, numbers: itertools.count[int]) -> None:
        self.came: SimpleQueue[bytes | None] = SimpleQueue()
        self.peer: End = self
        self.asked: list[dict[str, Any]] = []
        self._numbers = numbers
        self._closed = False

    def ask(self, question: dict[str, Any]) -> int:
        number = next(self._numbers)
        self.asked.append(question)
        self._send(["asked", number, question])
        return number

    def answer(self, number: int, failed: bool, value: Any) -> None:
        self._send(["answered", number, failed, value])

    def next(self) -> tuple[Any, ...] | None:
        data = self.came.get()
        return None if data is None else tuple(_core.decode(data))

    def close(self) -> None:
        for end in (self, self.peer):
            end._closed = True
            end.came.put(None)

    def _send(self, what: list[Any]) -> None:
        if self._closed:
            msg = "the connection is closed"
            raise ConnectionError(msg)
        self.peer.came.put(_core.encode(what))


def ends() -> tuple[End, End]:
    """Return two ends; each counts its questions by itself."""
    one, other = End(itertools.count(1)), End(itertools.count(1))
    one.peer, other.peer = other, one
    return one, other


class Side:
    """A process with the resources of a plan at one end."""

    def __init__(self, end: End, plan: AgentPlan) -> None:
        self.end = end
        self.resources = ResourceCache(plan)
        self.exchange = ResourceExchange.of(end, self.resources)

    def close(self) -> None:
        self.exchange.close()
        self.resources.close()
