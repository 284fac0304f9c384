"""Runs a generator in a thread of its own, for callers whose thread runs an asyncio loop, such as notebooks."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Generator
from typing import Any

# Batches of outputs that may wait for their reader.
_AHEAD = 16


def in_thread(
    make: Callable[[], Generator[Any, None, None]], interrupt: Callable[[], None]
) -> Generator[Any, None, None]:
    """Yield what the iterator of ``make`` yields; it is made, run and closed in one other thread.

    ``interrupt`` makes it end when the reader wants no more.
    """
    results: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=_AHEAD)
    stop = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stop.is_set():
            try:
                results.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        iterator = make()
        try:
            for value in iterator:
                if not put("value", value):
                    break
            iterator.close()
        except BaseException as error:
            put("error", error)
        else:
            put("end", None)

    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(work,), name="flink-agents-local", daemon=True
    )
    thread.start()
    try:
        while True:
            kind, value = results.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
        interrupt()
        thread.join()
