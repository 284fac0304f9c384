"""Agents of the tests on an embedded Flink; they do what those of TestAgents.java do."""

import asyncio
import itertools
import json
import logging
import multiprocessing
import os
import sys
import threading
import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.events.event_type import EventType
from flink_agents.api.function import JavaFunction
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.trace import ExecutionReporters

from asking_agents import Asks, Limited
from failing_agents import Failing, FailingAsync, FailingBeside, FailingCalls, FailingMixed, FailingOddly
from foreign_agents import UsesJava
from journalled_agents import Beside, Books, MixedBooks, OddCalls

BEGUN = "org.apache.flink.agents.embedded.BeginEventsTest$JavaActions"
JAVA = "org.apache.flink.agents.embedded.PythonTest$JavaActions"


class Echo(Agent):
    """Sends back what comes."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def echo(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=InputEvent.from_event(event).input))


class Walker(Agent):
    """Takes [key, steps, tag]: a run of that many tasks. Output is key/tag#count after steps."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def start(event: Event, ctx: RunnerContext) -> None:
        key, steps, tag = InputEvent.from_event(event).input
        ctx.sensory_memory.set("walked", 0)
        ctx.send_event(Event(type="step", attributes={"key": key, "left": steps, "tag": tag}))

    @action("step")
    @staticmethod
    def walk(event: Event, ctx: RunnerContext) -> None:
        left = event.get_attr("left")
        walked = ctx.sensory_memory.get("walked")
        stm = ctx.short_term_memory
        if left > 0:
            ctx.sensory_memory.set("walked", walked + 1)
            stm.set("steps.total", (stm.get("steps.total") or 0) + 1)
            ctx.send_event(Event(type="step", attributes={**event.attributes, "left": left - 1}))
            return
        count = (stm.get("count") or 0) + 1
        stm.set("count", count)
        ctx.send_event(OutputEvent(output=f"{event.get_attr('key')}/{event.get_attr('tag')}#{count} after {walked}"))


class AsyncWalker(Agent):
    """As Walker, and every step waits for something else than the TaskManager."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def walk(event: Event, ctx: RunnerContext) -> None:
        key, steps, tag = InputEvent.from_event(event).input
        walked = 0
        for _ in range(steps):
            walked += sum(await asyncio.gather(_later(1), _later(0)))
        stm = ctx.short_term_memory
        count = (stm.get("count") or 0) + 1
        await asyncio.sleep(0)
        stm.set("count", count)
        ctx.send_event(OutputEvent(output=f"{key}/{tag}#{count} after {walked}"))


async def _later(value: int) -> int:
    await asyncio.sleep(0.001)
    return value


class CallWalker(Agent):
    """As Walker, and every step is a durable call, of each kind in turns."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def walk(event: Event, ctx: RunnerContext) -> None:
        key, steps, tag = InputEvent.from_event(event).input
        walked = 0
        for step in range(steps):
            walked += await ctx.durable_execute_async((_later, _slowly)[step % 2], 1)
            walked += sum(await ctx.durable_gather(*(ctx.durable_execute_async(kind, 0) for kind in (_later, _slowly))))
        stm = ctx.short_term_memory
        count = (stm.get("count") or 0) + 1
        stm.set("count", count)
        ctx.send_event(OutputEvent(output=f"{key}/{tag}#{count} after {walked}"))


def _slowly(value: int) -> int:
    time.sleep(0.001)
    return value


class Meets(Agent):
    """Takes [kind, number]: each call comes back when so many are under way at a time."""

    waiting = {"thread": [], "loop": []}

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def meet(event: Event, ctx: RunnerContext) -> None:
        kind, number = InputEvent.from_event(event).input
        await ctx.durable_execute_async({"thread": Meets.in_thread, "loop": Meets.on_loop}[kind], number)
        ctx.send_event(OutputEvent(output="met"))

    @staticmethod
    def in_thread(number: int) -> None:
        waiting, here = Meets.waiting["thread"], threading.Event()
        waiting.append(here)
        if len(waiting) == number:
            for other in waiting:
                other.set()
        here.wait()

    @staticmethod
    async def on_loop(number: int) -> None:
        waiting, here = Meets.waiting["loop"], asyncio.Event()
        waiting.append(here)
        if len(waiting) == number:
            for other in waiting:
                other.set()
        await here.wait()


class Calls(Agent):
    """Does what its input says, by durable calls."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        what = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        answer = what
        if what == "hang":
            await ctx.durable_execute_async(threading.Event().wait)
        if what == "hang on the loop":
            await ctx.durable_execute_async(_never)
        if what == "hang in place":
            ctx.durable_execute(threading.Event().wait)
        if what == "use the context":
            answer = []
            for use in (lambda: memory.get("a"), lambda: ctx.send_event(Event(type="x")), lambda: ctx.agent_metric_group):
                for call in (ctx.durable_execute_async(use), ctx.durable_execute_async(_on_loop, use)):
                    try:
                        await call
                    except RuntimeError as error:
                        answer.append(str(error))
        if what == "leave a call":
            task = asyncio.create_task(_await(ctx.durable_execute_async(_never)))
            await asyncio.sleep(0)
            assert not task.done()
        if what == "wait for memory meanwhile":
            # The action is not suspended while it waits for memory, and a call goes on.
            uses = asyncio.create_task(_await(ctx.durable_execute_async(_use_again_and_again, ctx)))
            await asyncio.sleep(0)
            # As often as it takes for the call to meet one of them.
            until = time.monotonic() + 30
            for number in itertools.count():
                memory.get(f"unread.p{number}")
                met = any("waits, for memory" in str(text) for text in tuple(Calls.refused))
                if number >= 100 and (met or time.monotonic() > until):
                    break
            uses.cancel()
            answer = [memory.get("a"), *Calls.refused]
        ctx.send_event(OutputEvent(output=answer))

    refused: list = []


class Late(Agent):
    """Gives up a call whose result comes all the same, one key after another."""

    alone = asyncio.Lock()

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def late(event: Event, ctx: RunnerContext) -> None:
        count = ctx.agent_metric_group.get_counter("numOfLateCallResults").get_count
        async with Late.alone:
            before, begun, end = count(), threading.Event(), threading.Event()
            call = asyncio.ensure_future(ctx.durable_execute_async(_until, begun, end))
            while not begun.is_set():
                await asyncio.sleep(0.001)
            call.cancel()
            await asyncio.wait([call])
            end.set()
            while count() == before:
                await asyncio.sleep(0.001)
        ctx.send_event(OutputEvent(output=call.cancelled()))


def _until(begun: threading.Event, end: threading.Event) -> None:
    begun.set()
    end.wait()


async def _never() -> None:
    await asyncio.Event().wait()


async def _await(call: object) -> object:
    return await call


async def _on_loop(use: object) -> object:
    await asyncio.sleep(0)
    return use()


async def _use_again_and_again(ctx: RunnerContext) -> None:
    while True:
        await asyncio.sleep(0)
        try:
            ctx.short_term_memory.set("a", 1)
        except RuntimeError as error:
            if str(error) not in Calls.refused:
                Calls.refused.append(str(error))


class Fails(Agent):
    """Does what its input says."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        what = InputEvent.from_event(event).input
        if what == "raise":
            raise ValueError("stumbled on purpose")
        if what == "raise what is odd":
            raise Odd(text="seven")
        if what == "raise what has no text":
            raise Odd(text=None)
        if what == "raise half a character":
            raise ValueError("half \ud800")
        if what == "exit":
            sys.exit(3)
        if what == "die":
            print("these are my last words", flush=True)
            os._exit(7)
        if what == "hang":
            time.sleep(3600)
        if what == "send what is no data":
            ctx.send_event(Event(type="x", attributes={"items": [1, {"when": object()}]}))
        if what == "send what is huge":
            ctx.send_event(OutputEvent(output="x" * (255 << 20)))
        if what == "remember what is huge":
            ctx.short_term_memory.set("a.b", "x" * (255 << 20))
        if what == "send without end":
            while True:
                ctx.send_event(Event(type="x", attributes={}))


class Odd(Exception):
    """Neither made, nor shown, nor pickled as others are."""

    def __init__(self, *, text: str | None) -> None:
        super().__init__(text)
        self.lock = threading.Lock()

    def __str__(self) -> str:
        if self.args[0] is None:
            raise LookupError("no text")
        return self.args[0]


class BadManners(Agent):
    """Does what its input says, which leaves the worker in order."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        what = InputEvent.from_event(event).input
        answer = what
        if what.startswith("fork"):
            child = os.fork()
            if child == 0:
                ctx.send_event(OutputEvent(output="of the child"))
                if what == "fork and leave":
                    sys.exit(5)
                if what == "fork and raise":
                    raise ValueError("in the child")
                if what == "fork and remember":
                    ctx.short_term_memory.get("never.read")
                if what == "fork and send much":
                    for _ in range(5):
                        ctx.send_event(OutputEvent(output="x" * (1 << 20)))
                return
            answer = f"{what}: {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}"
        if what == "leave a thread":
            threading.Thread(target=threading.Event().wait).start()
        if what == "print what is no text":
            sys.stdout.buffer.write(b"\xff\xfe\n")
            print("half \ud800", file=sys.stderr)
            logging.getLogger("half \ud800").warning("half \ud800")
        if what == "run a process":
            answer = multiprocessing.get_context("fork").Pool(2).map(len, ["a", "bc"])
        ctx.send_event(OutputEvent(output=answer))


class AsyncFork(Agent):
    """Forks between two waits; the child comes back too, and waits."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def fork(event: Event, ctx: RunnerContext) -> None:
        await asyncio.sleep(0.001)
        child = os.fork()
        if child == 0:
            await asyncio.sleep(0)
            ctx.send_event(OutputEvent(output="of the child"))
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        await asyncio.sleep(0.001)
        ctx.send_event(OutputEvent(output=f"{InputEvent.from_event(event).input}: {code}"))


class Mixed(Agent):
    """Python, Java, Python: each adds its name, and counts in short-term and sensory memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def first(event: Event, ctx: RunnerContext) -> None:
        _count(ctx)
        value = InputEvent.from_event(event).input
        ctx.send_event(Event(type="to-java", attributes={"trace": ["python"], "value": value}))

    @action("to-java", target=JavaFunction.for_action(JAVA, "middle"))
    @staticmethod
    def middle(event: Event, ctx: RunnerContext) -> None:
        pass

    @action("to-python")
    @staticmethod
    def last(event: Event, ctx: RunnerContext) -> None:
        _count(ctx)
        output = {
            "trace": [*event.get_attr("trace"), "python"],
            "value": event.get_attr("value"),
            "count": ctx.short_term_memory.get("count"),
            "seen": ctx.sensory_memory.get("seen"),
            "fields": ctx.short_term_memory.get_field_names(),
            "upstream": event.upstream_action_name,
        }
        ctx.send_event(OutputEvent(output=output))


def _count(ctx: RunnerContext) -> None:
    for memory, name in ((ctx.short_term_memory, "count"), (ctx.sensory_memory, "seen")):
        memory.set(name, (memory.get(name) or 0) + 1)


class Conditions(Agent):
    """Lets conditions look into inputs and into events of Python."""

    @action("type == EventType.InputEvent && attributes.input.size > 10")
    @staticmethod
    def large(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Event(type="graded", attributes={"grade": "large", "size": event.get_attr("input")["size"]}))

    @action("type == EventType.InputEvent && attributes.input.size <= 10")
    @staticmethod
    def small(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Event(type="graded", attributes={"grade": "small", "size": event.get_attr("input")["size"]}))

    @action("type == 'graded' && attributes.grade == 'large'")
    @staticmethod
    def loud(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=f"LARGE {event.get_attr('size')}"))

    @action("type == 'graded' && attributes.grade == 'small'")
    @staticmethod
    def quiet(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=f"small {event.get_attr('size')}"))


class Counts(Agent):
    """Metrics and configuration."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        ctx.action_metric_group.get_counter("seen").inc(2)
        ctx.agent_metric_group.get_sub_group("kind", "a").get_gauge("level").update(2.5)
        ctx.agent_metric_group.get_histogram("sizes").update(7)
        ctx.agent_metric_group.get_histogram("wide sizes", 250).update(7)
        ctx.send_event(OutputEvent(output=[ctx.config.get_str("my.option", None), os.getpid()]))


class Where(Agent):
    """Tells in which process a key's actions run: the output is key/process."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def where(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Event(type="there", attributes={"key": InputEvent.from_event(event).input, "first": os.getpid()}))

    @action("there")
    @staticmethod
    async def there(event: Event, ctx: RunnerContext) -> None:
        await asyncio.sleep(0)
        same = event.get_attr("first") == os.getpid()
        ctx.send_event(OutputEvent(output=f"{event.get_attr('key')}/{os.getpid() if same else 'moved'}"))


class ManyPaths(Agent):
    """Takes a number: writes so many paths of both memories in one action, and tells the sums that another reads."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        count = InputEvent.from_event(event).input
        for i in range(count):
            ctx.sensory_memory.set(f"seen.p{i}", i)
            ctx.short_term_memory.set(f"many.p{i}", i)
        ctx.send_event(Event(type="written", attributes={"count": count}))

    @action("written")
    @staticmethod
    def read(event: Event, ctx: RunnerContext) -> None:
        numbers = range(event.get_attr("count"))
        seen = sum(ctx.sensory_memory.get(f"seen.p{i}") for i in numbers)
        many = sum(ctx.short_term_memory.get(f"many.p{i}") for i in numbers)
        ctx.send_event(OutputEvent(output=[seen, many]))


class Eats(Agent):
    """Takes [key, path]. While there is no such file, it makes it, with its process, and fills the memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def eat(event: Event, ctx: RunnerContext) -> None:
        key, path = InputEvent.from_event(event).input
        if not os.path.exists(path):
            with open(path, "w") as file:
                file.write(str(os.getpid()))
            eaten = []
            while True:
                eaten.append(b"x" * (4 << 20))
                time.sleep(0.001)
        ctx.send_event(OutputEvent(output=f"{key}/{os.getpid()}"))


class Talks(Agent):
    """Logs and prints."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def talk(event: Event, ctx: RunnerContext) -> None:
        logging.getLogger("my.agent").warning("first line\nsecond line")
        logging.getLogger("my.agent").info("told")
        print("printed ä")
        print("on standard error", file=sys.stderr)
        ctx.send_event(OutputEvent(output=None))


class P1(Agent):
    """One action, one output."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def run(event: Event, ctx: RunnerContext) -> None:
        v = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output={"id": v["id"], "text": v["text"], "ok": True}))


def _step(event: Event, ctx: RunnerContext, then: str) -> None:
    stm = ctx.short_term_memory
    stm.set("count", (stm.get("count") or 0) + 1)
    ctx.send_event(Event(type=then, attributes={"id": event.get_attr("id"), "text": event.get_attr("text")}))


class P2(Agent):
    """Six actions and seven events; each of the last five counts in short-term memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def start(event: Event, ctx: RunnerContext) -> None:
        v = InputEvent.from_event(event).input
        ctx.send_event(Event(type="e1", attributes={"id": v["id"], "text": v["text"]}))

    @action("e1")
    @staticmethod
    def s1(event: Event, ctx: RunnerContext) -> None:
        _step(event, ctx, "e2")

    @action("e2")
    @staticmethod
    def s2(event: Event, ctx: RunnerContext) -> None:
        _step(event, ctx, "e3")

    @action("e3")
    @staticmethod
    def s3(event: Event, ctx: RunnerContext) -> None:
        _step(event, ctx, "e4")

    @action("e4")
    @staticmethod
    def s4(event: Event, ctx: RunnerContext) -> None:
        _step(event, ctx, "e5")

    @action("e5")
    @staticmethod
    def s5(event: Event, ctx: RunnerContext) -> None:
        stm = ctx.short_term_memory
        n = (stm.get("count") or 0) + 1
        stm.set("count", n)
        ctx.send_event(OutputEvent(output={"id": event.get_attr("id"), "text": event.get_attr("text"), "n": n}))


def _slow(text: str) -> str:
    time.sleep(0.02)
    return "done " + text


async def _slow_async(text: str) -> str:
    await asyncio.sleep(0.02)
    return "done " + text


class P3(Agent):
    """One action that awaits one blocking call of 20 ms."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def run(event: Event, ctx: RunnerContext) -> None:
        v = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output={"id": v["id"], "text": await ctx.durable_execute_async(_slow, v["text"])}))


class P3a(Agent):
    """One action that awaits one asynchronous call of 20 ms."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def run(event: Event, ctx: RunnerContext) -> None:
        v = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output={"id": v["id"], "text": await ctx.durable_execute_async(_slow_async, v["text"])}))


class Begun(Agent):
    """What a run begins with is an output of Python and of Java; with agent-run.begin-event."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def work(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        ctx.short_term_memory.set("last.input", value)
        ctx.send_event(OutputEvent(output=value))

    @action(EventType.AgentRunBeginEvent)
    @staticmethod
    def begin(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=["python", event.attributes]))

    @action(EventType.AgentRunBeginEvent, target=JavaFunction.for_action(BEGUN, "begin"))
    @staticmethod
    def begin_in_java(event: Event, ctx: RunnerContext) -> None:
        pass


class Reports(Agent):
    """Two actions, one of which waits; both report to the execution trace. Fails for "fail"."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def begin(event: Event, ctx: RunnerContext) -> None:
        text = InputEvent.from_event(event).input
        if text == "fail":
            msg = "not today"
            raise ValueError(msg)
        ExecutionReporters.started(ctx, "tool", "add", {"toolCallId": "7"})
        await ctx.durable_execute_async(_slow_async, str(text))
        ExecutionReporters.succeeded(ctx, "tool", "add", {"toolCallId": "7"})
        ctx.send_event(Event(type="step", attributes={"text": text}))

    @action("step")
    @staticmethod
    def end(event: Event, ctx: RunnerContext) -> None:
        ExecutionReporters.started(ctx, "llm", "model")
        ExecutionReporters.failed(ctx, "llm", "model", None, KeyError("k"), "model_call_failed")
        ctx.send_event(OutputEvent(output=event.get_attr("text")))


def from_java(event: Event, ctx: RunnerContext) -> None:
    """An action of a Java agent."""
    ctx.short_term_memory.set("from.python", [1, {"a": "b"}])
    ctx.send_event(Event(type="back", attributes={"doubled": event.get_attr("number") * 2, "got": event.attributes}))


AGENTS = (
    Echo, Walker, AsyncWalker, CallWalker, Meets, Calls, Late, Fails, BadManners, AsyncFork, Mixed, Conditions, Counts, Where, Eats,
    Talks, P1, P2, P3, P3a, ManyPaths, Books, Beside, OddCalls, MixedBooks,
    Reports, Begun, Asks, Limited, UsesJava, Failing, FailingAsync, FailingCalls, FailingBeside, FailingMixed, FailingOddly,
)


def plans(config: dict) -> str:
    """Return the plans of all agents, by name, as JSON."""
    from flink_agents.plan.agent_plan import AgentPlan
    from flink_agents.plan.configuration import AgentConfiguration

    return json.dumps({
        agent.__name__: AgentPlan.from_agent(agent(), AgentConfiguration(config)).to_json() for agent in AGENTS
    })


if __name__ == "__main__":
    import embedded_agents

    print(embedded_agents.plans(json.loads(sys.argv[1])))
