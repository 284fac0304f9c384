"""The connection over which resources of one language ask those of the other one (ADR 13), as a worker has it."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from flink_agents import _core
from flink_agents.api.core_options import AgentExecutionOptions
from flink_agents.api.java_resource import JavaResourceError
from flink_agents.runtime.resource_service import ResourceService, failure_of
from flink_agents.runtime.threads import CallThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from flink_agents.api.resource import ResourceType
    from flink_agents.runtime.resources import ResourceCache

logger = logging.getLogger(__name__)

_NAME = "flink-agents-python-exchange"
# How long the end waits for what only has to notice it.
_LAST_SECONDS = 5.0


class Transport(Protocol):
    """What carries questions and answers. Values are plain data; it does not look at them."""

    def ask(self, question: dict[str, Any]) -> int:
        """Send a question, from any thread; returns its number. ``ConnectionError`` if there is no connection any more."""

    def next(self) -> tuple[Any, ...] | None:
        """Wait for what comes next, in one thread.

        Returns
        -------
        ``("asked", number, question)``, ``("answered", number, failed, value)``, or ``None`` when the connection has ended.
        """

    def answer(self, number: int, failed: bool, value: Any) -> None:
        """Send the answer to a question, from any thread."""

    def close(self) -> None:
        """End the connection, from any thread: ``next`` returns ``None``."""


class ResourceExchange:
    """Asks for resources in the JVM, and answers what the JVM asks for.

    *Owned state*: the questions that wait for their answers; a thread that receives, threads that answer, as many as there are
    questions, and one with an asyncio loop for resources that are ``async def``. *Lifecycle*: from :meth:`of` to :meth:`close`,
    or to the end of the connection, when all that wait get an error. *Threads*: :meth:`ask` may be called by any, but not by
    the one with the loop.

    A question may lead to another one the other way, to any depth: who waits for an answer does not count as one of the
    threads that answer, so that there is always one left.
    """

    def __init__(self, transport: Transport, service: ResourceService, limit: int) -> None:
        self._transport = transport
        self._service = service
        # Its owner is the thread that receives.
        self._threads = CallThreads(limit, None, _NAME)
        self._loop = _LoopThread(limit)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[tuple[bool, Any]]] = {}
        # Answers that came before whoever asked could say that he waits.
        self._early: dict[int, tuple[bool, Any]] = {}
        self._ended: str | None = None
        self._in_answer = threading.local()
        self._process = os.getpid()
        self._receiver = threading.Thread(target=self._receive, name=_NAME, daemon=True)

    @staticmethod
    def of(transport: Transport, resources: ResourceCache) -> ResourceExchange:
        """Begin to answer for resources, which from now on can ask themselves.

        Parameters
        ----------
        transport
            The connection; it is closed by :meth:`close`.
        resources
            Those of this process.
        """
        limit = resources.config.get(AgentExecutionOptions.NUM_ASYNC_THREADS)
        exchange = ResourceExchange(transport, ResourceService(resources), limit)
        resources.connect(exchange)
        exchange._receiver.start()
        return exchange

    def ask(self, type: ResourceType, name: str, method: str, arguments: dict[str, Any]) -> Any:
        """Call a method of a resource of Java, and wait for its result; see ``JavaResources.ask``."""
        what = f"{type.value} '{name}'"
        self._check_may_wait(what)
        plain = _core.to_plain(arguments, f"{name}.{method}")
        question = {"type": type.value, "name": name, "method": method, "arguments": plain}
        # Before it is sent: what comes back of it may need a thread at once.
        with self._not_counted():
            try:
                failed, value = self._answer_to(self._transport.ask(question))
            except OSError as error:
                msg = f"The {what} of Java did not answer: {self._ended or error}."
                raise ConnectionError(msg) from None
        if not failed:
            return value
        told = value if isinstance(value, dict) else {"message": str(value)}
        raise JavaResourceError(*(str(told.get(key) or "") for key in ("kind", "message", "trace")))

    def close(self) -> None:
        """End the connection. Whoever waits for an answer gets an error; a thread that is at one is not waited for."""
        self._end("this worker ends")
        self._loop.close()
        self._transport.close()
        self._receiver.join(_LAST_SECONDS)

    def _check_may_wait(self, what: str) -> None:
        if os.getpid() != self._process:
            msg = f"The {what} cannot be asked by a process that was forked: the connection is that of the worker."
            raise ConnectionError(msg)
        if self._loop.is_current():
            msg = (
                f"The {what} is written in Java, and to ask it holds up its thread, which all coroutines that Java asks for "
                "share. Ask by another one: await asyncio.to_thread(…)."
            )
            raise RuntimeError(msg)

    @contextmanager
    def _not_counted(self) -> Iterator[None]:
        """Let another thread answer while this one waits."""
        counts = getattr(self._in_answer, "it", False)
        if counts:
            with self._lock:
                self._threads.waiting += 1
        try:
            yield
        finally:
            if counts:
                with self._lock:
                    self._threads.waiting -= 1

    def _answer_to(self, number: int) -> tuple[bool, Any]:
        answer: Future[tuple[bool, Any]] = Future()
        with self._lock:
            early = self._early.pop(number, None)
            if early is not None:
                return early
            if self._ended is not None:
                raise ConnectionError(self._ended)
            self._waiting[number] = answer
        try:
            return answer.result()
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _receive(self) -> None:
        reason = "the connection to the TaskManager has ended"
        try:
            while True:
                came = self._transport.next()
                if came is None:
                    break
                self._take(came)
        except Exception as error:
            reason = f"{reason}: {type(error).__name__}: {error}"
            logger.warning("Resources of the JVM cannot be asked any more, and its questions are not answered: %s", reason)
            # The JVM is not to wait for answers either.
            self._transport.close()
        finally:
            self._end(reason)
            self._threads.close()

    def _take(self, came: tuple[Any, ...]) -> None:
        if came[0] == "answered":
            _, number, failed, value = came
            with self._lock:
                waiting = self._waiting.pop(number, None)
                if waiting is None:
                    self._early[number] = (failed, value)
            if waiting is not None:
                waiting.set_result((failed, value))
            return
        _, number, question = came
        self._threads.deliver()
        try:
            self._threads.submit(_Question(self, number, question))
        except RuntimeError as error:
            # Not even one thread can be started.
            self._send(number, True, failure_of(error))

    def _end(self, reason: str) -> None:
        with self._lock:
            if self._ended is None:
                self._ended = reason
            waiting = list(self._waiting.values())
            self._waiting.clear()
        for answer in waiting:
            answer.set_exception(ConnectionError(reason))

    def _answer(self, number: int, question: Any) -> None:
        """Answer a question, in one of the threads for that."""
        self._in_answer.it = True
        try:
            value = self._service.answer(question)
            if asyncio.iscoroutine(value):
                self._loop.run(value, partial(self._reply, number))
                return
        except BaseException as error:
            # Whatever the user's code raises is an answer.
            self._reply(number, None, error)
        else:
            self._reply(number, value, None)

    def _reply(self, number: int, value: Any, error: BaseException | None) -> None:
        self._send(number, error is not None, value if error is None else failure_of(error))

    def _send(self, number: int, failed: bool, value: Any) -> None:
        try:
            self._transport.answer(number, failed, value)
        except OSError:
            # Nobody is there any more to be answered.
            return
        except Exception as error:
            if failed:
                logger.warning("A question of the JVM cannot be answered: %s: %s", type(error).__name__, error)
            else:
                # Too large, or no plain data.
                self._send(number, True, failure_of(error))


class _Question:
    """A question that a thread answers."""

    def __init__(self, exchange: ResourceExchange, number: int, question: Any) -> None:
        self._exchange = exchange
        self._number = number
        self._question = question

    def make(self) -> None:
        # Nothing of it is to live on until the next one comes.
        question, self._question = self._question, None
        self._exchange._answer(self._number, question)

    def made(self) -> None:
        """Nobody has to know."""


class _LoopThread:
    """A thread with an asyncio loop, started when it is first needed: clients are bound to the loop that they are used on."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def is_current(self) -> bool:
        """Tell whether this is called on the loop."""
        return threading.current_thread() is self._thread

    def run(self, coroutine: Coroutine[Any, Any, Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Run a coroutine, and call ``done`` on the loop with its result or exception.

        Raises
        ------
        RuntimeError
            If this is closed.
        """
        with self._lock:
            if self._closed:
                coroutine.close()
                msg = "this worker ends"
                raise RuntimeError(msg)
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # As many as there are for questions: what waits in one may lead to another.
                self._loop.set_default_executor(ThreadPoolExecutor(self._limit, f"{_NAME}-loop"))
                self._thread = threading.Thread(target=self._serve, args=(self._loop,), name=f"{_NAME}-loop", daemon=True)
                self._thread.start()
            asyncio.run_coroutine_threadsafe(_driven(coroutine, done), self._loop)

    def close(self) -> None:
        """End the coroutines that are under way, and the thread."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_LAST_SECONDS)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
            loop.run_until_complete(_cancelled(asyncio.all_tasks(loop)))
        finally:
            loop.close()


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _driven(coroutine: Coroutine[Any, Any, Any], done: Callable[[Any, BaseException | None], None]) -> None:
    try:
        value = await coroutine
    except BaseException as error:
        done(None, error)
        if isinstance(error, asyncio.CancelledError):
            raise
    else:
        done(value, None)
