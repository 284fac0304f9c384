"""One run of one agent over its inputs, in this process."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from flink_agents import _core
from flink_agents.api.event_logger import EventLoggerOpenParams
from flink_agents.runtime import log_context
from flink_agents.runtime.executor import Executor, actions_of
from flink_agents.runtime.local_inputs import InputReader
from flink_agents.runtime.local_metrics import LocalMetrics
from flink_agents.runtime.metrics import MemoryMetricGroup
from flink_agents.runtime.observers import Observers, refuse_foreign
from flink_agents.runtime.resources import ResourceCache

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator

    from flink_agents.api.chat_models.text_part import TextPart
    from flink_agents.plan.actions.action import Action
    from flink_agents.plan.agent_plan import AgentPlan

# Enough for keys to take turns, as they do on a cluster when actions wait.
WINDOW = 64
# While actions wait, thousands of objects live for a moment: with Python's own thresholds the collector would look through all
# objects of the process again and again, for a third of the time.
_COLLECT_EVERY = (10_000, 20, 20)
# A source that takes longer than this for a record is slow: what it gave is worked on before it is asked again.
_SLOW_SECONDS = 0.005
# An agent that is done sooner than this shows no progress.
_QUIET_SECONDS = 2.0

_END = object()


class LocalRun:
    """Runs a plan over inputs.

    *Owned state*: the core with all unfinished runs and memory, the executor with the loop, resources, metrics and their page.
    *Lifecycle*: for one input, used up by :meth:`results`. *Constraint*: one thread from beginning to end.

    Parameters
    ----------
    plan
        The agent.
    inputs
        Elements as ``from_list`` takes them.
    source
        The method that the user called, for messages.
    name
        By which what the run has done is found again, if there is a store.
    letters
        Gets the dead letters.
    """

    def __init__(
        self,
        plan: AgentPlan,
        inputs: Iterable[Any] | AsyncIterable[Any],
        source: str,
        *,
        name: str | None = None,
        progress: bool = False,
        letters: list[dict[str, Any]] | None = None,
    ) -> None:
        self._inputs = cast("Any", inputs)
        self._reader = InputReader(source)
        self._agent = plan.agent_name
        self._total: int = len(self._inputs) if progress and hasattr(self._inputs, "__len__") else 0
        refuse_foreign(plan.config, plan.agent_name)
        self._core = _core.Local(plan.to_json(), name, os.getcwd(), letters)
        self._progress = _Progress(plan.agent_name, self._total)
        group = MemoryMetricGroup()
        try:
            port = plan.config.get_int("prometheus.port", None)
            # Most agents use none of those that are built in.
            own = [name for name, action in plan.actions.items() if not _is_built_in(action)]
            self.metrics = LocalMetrics(plan.agent_name, self._core, group, own, port)
        except OSError:
            self._core.close()
            raise
        self._resources = ResourceCache(plan)
        self._executor = Executor(
            self._core,
            actions_of(plan),
            agent=plan.agent_name,
            resources=self._resources,
            config=plan.config.resolving(),
            metrics=group,
            verify=True,
        )
        self._executor.job = name or "local"
        params = EventLoggerOpenParams(
            plan.agent_name, self._executor.job, plan.agent_name, 0, plan.config.resolving()
        )
        try:
            self._executor.observers = Observers.of(plan.config, group, params, "The run")
        except (ValueError, RuntimeError):
            self._core.close()
            self.metrics.close()
            raise
        log_context.install()
        limit = plan.config.get_int("max-in-flight", 10_000)
        # What asynchronous actions of so many inputs wait for is under way at a time, and so is what the store is to write.
        self._waits = self._executor.has_async or self._core.journalled or self._executor.policies
        self._window = limit if self._waits else min(limit, WINDOW)

    @property
    def needs_loop(self) -> bool:
        """Whether it uses an asyncio loop, of which a thread can run one only."""
        return self._waits or hasattr(self._inputs, "__aiter__")

    def on_text(self, listener: Callable[[TextPart], None] | None) -> None:
        """Have somebody told what models say while they say it."""
        self._executor.on_text = listener

    def interrupt(self) -> None:
        """Make a run that waits end with an error. May be called from any thread."""
        self._executor.interrupt()

    def results(self) -> Generator[list[tuple[Any, Any]], None, None]:
        """Run; yields the outputs made since the last time, as (key, output)."""
        failed = False
        if self._core.journalled:
            self._executor.loop.add_reader(self._core.fileno(), self._heard)
        thresholds = gc.get_threshold()
        # Who has set others knows why.
        patient = self._executor.has_async and 0 < thresholds[0] < _COLLECT_EVERY[0] and thresholds[1] <= 10
        if patient:
            gc.set_threshold(*_COLLECT_EVERY)
        try:
            yield from self._run()
        except GeneratorExit:
            # Closed by whoever reads: that is no failure.
            raise
        except BaseException:
            failed = True
            # What was made before is not lost.
            yield self._core.outputs()
            raise
        finally:
            if patient:
                gc.set_threshold(*thresholds)
            self._progress.clear()
            self._close(failed)

    def _run(self) -> Iterator[list[tuple[Any, Any]]]:
        if hasattr(self._inputs, "__aiter__"):
            yield from self._pull_async()
        else:
            yield from self._pull()
        self._core.end_of_input()
        yield from self._drain()

    def _pull(self) -> Iterator[list[tuple[Any, Any]]]:
        core, pump, reader, window = self._core, self._executor.pump, self._reader, self._window
        inputs = iter(self._inputs)
        progress = self._progress
        clock = time.monotonic
        listed = isinstance(self._inputs, (list, tuple))
        waits = self._waits
        began = clock()
        while True:
            try:
                element = next(inputs, _END)
            except Exception as error:
                yield from self._drain()
                raise self._source_failed(error) from error
            if element is _END:
                break
            taken = clock() - began
            try:
                self._input(element)
            except (TypeError, ValueError):
                yield from self._drain()
                raise
            # A list is at hand; any other source may let its next element wait for ever.
            if listed and core.in_flight() < window and (not waits or reader.count % WINDOW):
                continue
            pump()
            if waits and not reader.count % WINDOW and self._executor.pending:
                # What waits gets on, too.
                self._executor.turn()
                pump()
            while core.in_flight() >= window:
                self._executor.wait()
                pump()
            if not listed and taken >= _SLOW_SECONDS:
                self._give_time(taken)
            self.metrics.progress()
            outputs = core.outputs()
            if outputs:
                yield outputs
            if self._total:
                progress.show(reader.count)
            began = clock()

    def _give_time(self, seconds: float) -> None:
        """Let actions that wait get on, for as long as the source took: it will hold them up again."""
        executor, clock = self._executor, time.monotonic
        deadline = clock() + seconds
        while executor.pending and clock() < deadline:
            timer = executor.loop.call_later(deadline - clock(), executor.kick)
            executor.wait()
            timer.cancel()
            executor.pump()

    def _pull_async(self) -> Iterator[list[tuple[Any, Any]]]:
        executor, core = self._executor, self._core
        iterator = self._inputs.__aiter__()
        loop = executor.loop
        coming: Any = None
        ended = False
        while not ended:
            if coming is None:
                coming = loop.create_task(_anext(iterator))
                coming.add_done_callback(lambda _: executor.kick())
            executor.wait()
            if coming.done() and core.in_flight() < self._window:
                element, failure = coming.result()
                coming = None
                if isinstance(failure, SystemExit):
                    # As it would leave a source that is not asynchronous.
                    raise failure
                if failure is not None:
                    yield from self._drain()
                    raise self._source_failed(failure) from failure
                if element is _END:
                    ended = True
                else:
                    try:
                        self._input(element)
                    except (TypeError, ValueError):
                        yield from self._drain()
                        raise
            executor.pump()
            self.metrics.progress()
            outputs = core.outputs()
            if outputs:
                yield outputs

    def _input(self, element: Any) -> None:
        key, value = self._reader.read(element)
        try:
            self._core.input(key, value)
        except (TypeError, ValueError) as error:
            msg = f"{self._reader.where()}: {error}"
            raise type(error)(msg) from error

    def _drain(self) -> Iterator[list[tuple[Any, Any]]]:
        executor, core = self._executor, self._core
        executor.pump()
        while core.in_flight():
            self.metrics.progress()
            outputs = core.outputs()
            if outputs:
                yield outputs
            if not executor.pending and not core.waits_for_store():
                msg = f"Agent '{self._agent}': {core.in_flight()} inputs did not finish and nothing is left to do"
                raise RuntimeError(msg)
            executor.wait()
            executor.pump()
        outputs = core.outputs()
        if outputs:
            yield outputs

    def _heard(self) -> None:
        self._core.heard()
        self._executor.kick()

    def _source_failed(self, error: BaseException) -> RuntimeError:
        count = self._reader.count
        return RuntimeError(
            f"Agent '{self._agent}': the input failed after {count} element{'' if count == 1 else 's'}, which were "
            f"worked off: {type(error).__name__}: {error}"
        )

    def _close(self, failed: bool) -> None:
        try:
            self._executor.close()
        finally:
            try:
                self.metrics.take()
                self._core.close()
                # What was sent at the end counts, too.
                self.metrics.take()
            finally:
                self.metrics.close()
            try:
                self._resources.close()
            except RuntimeError:
                # The failure of the run says more.
                if not failed:
                    raise


def _is_built_in(action: Action) -> bool:
    return getattr(action.exec, "module", "").startswith("flink_agents.plan.actions.")


async def _anext(iterator: Any) -> tuple[Any, BaseException | None]:
    """Return the next element, or why there is none. Left to itself, asyncio would end the loop, or the task."""
    try:
        return await iterator.__anext__(), None
    except StopAsyncIteration:
        return _END, None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return None, error


class _Progress:
    """A line on the terminal for long lists."""

    def __init__(self, agent: str, total: int) -> None:
        self._agent = agent
        self._total = total
        self._began = time.monotonic()
        self._next = self._began + _QUIET_SECONDS
        self._shown = False

    def show(self, done: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.5
        rate = done / (now - self._began)
        sys.stderr.write(f"\r{self._agent}: {done:,} of {self._total:,} inputs, {rate:,.0f} a second\x1b[K")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
