"""Agents that tell where they run, and agents that go wrong."""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class EchoAgent(Agent):
    """Answers a key of the configuration with its value."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def look(event: Event, ctx: RunnerContext) -> None:
        key = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=f"{key}={ctx.config.get_str(key, 'absent')}"))


class WhereAgent(Agent):
    """Tells of its Python: the prefix, what a module of the name says, what a file has."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        kind, _, name = InputEvent.from_event(event).input.partition(":")
        if kind == "prefix":
            answer = sys.prefix
        elif kind == "module":
            answer = import_module(name).__name__
        else:
            answer = Path(name).read_text(encoding="utf-8").strip()
        ctx.send_event(OutputEvent(output=f"{kind}={answer}"))


class OddError(Exception):
    """An exception whose constructor is not like others."""

    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(f"{code}: {detail}")


class BadAgent(Agent):
    """Goes wrong as its input says, and answers otherwise."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def go_wrong(event: Event, ctx: RunnerContext) -> None:
        how = InputEvent.from_event(event).input
        print(f"last words before {how}", file=sys.stderr, flush=True)
        if how == "raise":
            raise OddError(7, detail="the odd one")
        if how == "exit":
            sys.exit(5)
        if how == "die":
            os._exit(6)
        if how == "not-json":
            ctx.send_event(OutputEvent(output={"items": [1, {"when": threading.Lock()}]}))
        ctx.send_event(OutputEvent(output=f"survived {how}"))
