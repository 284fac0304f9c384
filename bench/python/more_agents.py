# Appended to the kit's bench_agents.py when this project is measured: agents that the reference has no way to write.
import asyncio
import os


async def _slow_async(text: str) -> str:
    await asyncio.sleep(0.02)
    return "done " + text


class P3a(Agent):
    """async action awaiting one asynchronous call of 20 ms"""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def run(event: Event, ctx: RunnerContext) -> None:
        v = InputEvent.from_event(event).input
        r = await ctx.durable_execute_async(_slow_async, v["text"])
        ctx.send_event(OutputEvent(output={"id": v["id"], "text": r}))


class _InFlight:
    """How many calls are under way; a line 'time count' for each new maximum that is a multiple of 100."""

    now = most = 0
    file = None

    @classmethod
    async def wait(cls, seconds: float) -> None:
        cls.now += 1
        if cls.now > cls.most:
            cls.most = cls.now
            if cls.most % 100 == 0:
                if cls.file is None:
                    cls.file = open(os.path.join(os.environ["BENCH_OUT"], "in-flight"), "w", buffering=1)
                cls.file.write(f"{time.time():.3f} {cls.most}\n")
        try:
            await asyncio.sleep(seconds)
        finally:
            cls.now -= 1


async def _two_seconds(text: str) -> str:
    await _InFlight.wait(2)
    return text


async def _twenty_seconds(text: str) -> str:
    await _InFlight.wait(20)
    return text


class Many(Agent):
    """async action awaiting ten asynchronous calls of 2 s side by side: with the kit's 1,000 keys, 10,000 in flight"""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def run(event: Event, ctx: RunnerContext) -> None:
        v = InputEvent.from_event(event).input
        calls = (ctx.durable_execute_async(_two_seconds, v["text"]) for _ in range(10))
        r = await asyncio.gather(*calls)
        ctx.send_event(OutputEvent(output={"id": v["id"], "text": r[0]}))


class Idle(Agent):
    """async action awaiting one asynchronous call of 20 s"""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def run(event: Event, ctx: RunnerContext) -> None:
        v = InputEvent.from_event(event).input
        r = await ctx.durable_execute_async(_twenty_seconds, v["text"])
        ctx.send_event(OutputEvent(output={"id": v["id"], "text": r}))


AGENTS.update({"P3a": P3a, "many": Many, "idle": Idle})
