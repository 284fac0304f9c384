"""Threads that make blocking calls."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

logger = logging.getLogger(__name__)

# Of a second, for each thread: how long a thread keeps the interpreter when others want it. Every thread that waits for the
# interpreter asks for it once in that time (5 ms by default), so that a thousand which have their answers spend more on
# asking than on working. Measured with 1,000 calls of 20 ms on a busy machine: 3,900 calls/s at 5 ms, 5,900 at 100 ms.
_SWITCH_INTERVAL = 1e-4

# How long the end waits for threads that have nothing to do.
_LAST_SECONDS = 5.0


class Job(Protocol):
    """What a thread does."""

    def make(self) -> None:
        """Do it, in a thread. Never raises."""

    def made(self) -> None:
        """Take note that it is done, in the owner's thread."""


class CallThreads:
    """A pool of threads without locks of its own, for thousands of calls that mostly wait.

    *Owned state*: the threads, jobs that wait for one, jobs that are done and not told. *Lifecycle*: threads are started
    as they are needed, and end at :meth:`close`, or when the job they are at returns. *Constraint*: all methods are for the
    owner's thread, which also counts the free threads.

    Parameters
    ----------
    limit
        Threads at most; more jobs wait.
    wake_up
        Called by some thread when jobs are done, once until :meth:`deliver`; it may raise ``RuntimeError`` if nobody
        waits any more. ``None`` if the owner looks by itself.
    name
        What the threads are called, before a number.

    Attributes
    ----------
    waiting
        How many threads are at jobs that wait for other jobs: there may be as many more. Any thread may set it.
    """

    def __init__(
        self, limit: int, wake_up: Callable[[], Any] | None, name: str = "flink-agents-python-async"
    ) -> None:
        self.limit = limit
        self.waiting = 0
        self._name = name
        self._wake_up = wake_up
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: deque[Job] = deque()
        self._announced = False
        self._free = 0
        self._threads: list[threading.Thread] = []
        self._busy: set[threading.Thread] = set()
        self._former_interval: float | None = None

    def submit(self, job: Job) -> None:
        """Let a thread do a job, after those that were submitted before."""
        if self._free > 0 or not self._start():
            # Below zero: so many jobs wait for a thread.
            self._free -= 1
        self._jobs.put(job)

    @property
    def all_busy(self) -> bool:
        """Whether jobs have to wait for a thread."""
        return self._free < 0

    def deliver(self) -> None:
        """Tell all jobs that are done."""
        # Before looking: what comes from now on is announced anew.
        self._announced = False
        done = self._done
        while done:
            self._free += 1
            done.popleft().made()

    def close(self) -> None:
        """End the threads that have nothing to do, and the others after what they are at; that is not waited for."""
        for _ in self._threads:
            self._jobs.put(None)
        until = time.monotonic() + _LAST_SECONDS
        for thread in self._threads:
            while thread.is_alive() and thread not in self._busy and time.monotonic() < until:
                thread.join(0.05)
        self._threads.clear()
        if self._former_interval is not None:
            sys.setswitchinterval(self._former_interval)
            self._former_interval = None

    def _keep_longer(self) -> None:
        """Let threads keep the interpreter for longer, the more there are."""
        wanted = len(self._threads) * _SWITCH_INTERVAL
        now = sys.getswitchinterval()
        if wanted > now:
            if self._former_interval is None:
                self._former_interval = now
            sys.setswitchinterval(wanted)

    def _start(self) -> bool:
        """Start a thread for one job, if there may be another."""
        count = len(self._threads)
        if count >= self.limit + self.waiting:
            return False
        thread = threading.Thread(target=self._serve, name=f"{self._name}-{count}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if count == 0:
                raise
            logger.warning(
                "No more than %d threads can be started for calls, though num-async-threads is %d: %s",
                count,
                self.limit,
                error,
            )
            self.limit = count
            return False
        self._threads.append(thread)
        self._keep_longer()
        return True

    def _serve(self) -> None:
        own = threading.current_thread()
        next_job, done, busy, wake_up = self._jobs.get, self._done, self._busy, self._wake_up
        while True:
            job = next_job()
            if job is None:
                return
            busy.add(own)
            job.make()
            busy.discard(own)
            done.append(job)
            # Nothing of the user is to live on in the pool.
            job = None
            # Two threads may both announce, which does no harm.
            if not self._announced and wake_up is not None:
                self._announced = True
                try:
                    wake_up()
                except RuntimeError:
                    return


class Called:
    """A function that a thread calls for code of the owner's loop, in a copy of its context variables.

    Attributes
    ----------
    future
        Brings what it returns or raises; to cancel it gives the call up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, func: Callable[[], Any], late: Callable[[], Any]) -> None:
        self.future: asyncio.Future[Any] = loop.create_future()
        self._context = copy_context()
        self._func = func
        self._late = late
        self._begun = False
        self._result: Any = None
        self._failure: BaseException | None = None

    def make(self) -> None:
        if self.future.cancelled():
            # Given up before its turn.
            return
        self._begun = True
        try:
            self._result = self._context.run(self._func)
        except BaseException as error:
            self._failure = error

    def made(self) -> None:
        if self.future.done():
            if self._begun:
                self._late()
            return
        if self._failure is None:
            self.future.set_result(self._result)
        elif isinstance(self._failure, StopIteration):
            # A future cannot raise it.
            error = RuntimeError("an iterator was at its end where more was asked of it, by next()")
            error.__cause__ = self._failure
            self.future.set_exception(error)
        else:
            self.future.set_exception(self._failure)
