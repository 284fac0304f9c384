"""The world outside of Flink: an HTTP server in which every durable call of the jobs leaves an entry, its side effect.

It can hold back its answers, so that calls are under way at the moment the test chooses.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

# Seconds that work takes, at most.
WORK = 0.04
# Of the inputs with these numbers, by ``number % REFUSALS``, the charge is refused.
REFUSALS = 7
REFUSED = 3
# Calls that hold up their subtask, as ``durableExecute`` does, and so its checkpoints; those that do not.
IN_PLACE = frozenset({"reserve", "release"})
ASIDE = frozenset({"charge", "ship", "notify", "audit"})
ALL = IN_PLACE | ASIDE


@dataclass
class Entry:
    """One request. ``answered``: when its answer was sent; None while it is under way, and for ever if nobody took it.

    ``held``: its answer is held back.
    """

    order: int
    at: float
    run: str
    name: str
    key: str
    # It came from a reconciler.
    asks: bool
    process: int
    receipt: str
    answered: float | None = None
    under_way: bool = True
    held: bool = False

    @property
    def call(self) -> tuple[str, str]:
        """Which call of the world it is: run and name."""
        return self.run, self.name


def number_of(run: str) -> int:
    """The input's number."""
    return int(run.rpartition("/")[2])


class Ledger:
    """The server and its entries. Use as a context manager.

    Like a real service it knows idempotency keys: a repeated request gets the receipt of the first one. A receipt is the number
    of the entry that did the work, so that no two calls have the same, and an answer that was not remembered shows.
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Condition()
        self._entries: list[Entry] = []
        self._receipts: dict[str, str] = {}
        self._random = random.Random(seed)
        # The names of calls whose answers are held back.
        self._holding: frozenset[str] = frozenset()
        # The same from the entry of this number on.
        self._hold_at: tuple[int, frozenset[str]] | None = None
        self._held = 0
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                _, what, branch, number, name = self.path.split("/")
                entry, delay = ledger.enter(
                    f"{branch}/{number}", name, self.headers["Idempotency-Key"], what == "reconcile", int(self.headers["Process"]))
                ledger.work(entry, delay)
                refused = name == "charge" and int(number) % REFUSALS == REFUSED
                body = entry.receipt.encode()
                head = f"HTTP/1.1 {'409 Conflict' if refused else '200 OK'}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                try:
                    self.wfile.write(head + body)
                    entry.answered = time.monotonic()
                finally:
                    entry.under_way = False

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        class Server(ThreadingHTTPServer):
            """Whose clients may die."""

            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that was killed: its entry stays without an answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Ledger:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()

    # ---- requests

    def enter(self, run: str, name: str, key: str, asks: bool, process: int) -> tuple[Entry, float]:
        """Writes an entry down; returns it, and how long its work takes."""
        with self._lock:
            order = len(self._entries)
            receipt = self._receipts.setdefault(key, str(order))
            entry = Entry(order, time.monotonic(), run, name, key, asks, process, receipt)
            self._entries.append(entry)
            if self._hold_at is not None and order >= self._hold_at[0]:
                self._holding, self._hold_at = self._hold_at[1], None
            self._lock.notify_all()
            return entry, self._random.random() * WORK

    def work(self, entry: Entry, delay: float) -> None:
        """Takes its time, and waits while answers are held back."""
        time.sleep(delay)
        with self._lock:
            if entry.name in self._holding:
                self._held += 1
                entry.held = True
                self._lock.notify_all()
                self._lock.wait_for(lambda: entry.name not in self._holding)
                entry.held = False
                self._held -= 1

    # ---- the test

    def entries(self) -> list[Entry]:
        """All entries, in their order."""
        with self._lock:
            return list(self._entries)

    def count(self) -> int:
        """How many entries there are."""
        with self._lock:
            return len(self._entries)

    def await_entries(self, count: int, seconds: float = 120) -> None:
        """Waits until there are so many."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._entries) >= count, seconds):
                raise TimeoutError(f"{count} entries of the ledger: {len(self._entries)} within {seconds:.0f} s")

    def hold(self, after: int = 0, names: frozenset[str] = ALL) -> None:
        """Gives no answer to calls of these names any more, from so many entries after the last one on; to others it does."""
        with self._lock:
            if after:
                self._hold_at = len(self._entries) + after, names
            else:
                self._holding, self._hold_at = names, None
            self._lock.notify_all()

    def await_held(self, count: int, seconds: float = 120) -> int:
        """Waits until so many answers are held back; returns how many are."""
        with self._lock:
            if not self._lock.wait_for(lambda: self._holding and self._held >= count, seconds):
                raise TimeoutError(f"{count} calls under way: {self._held} within {seconds:.0f} s")
            return self._held

    def let_go(self) -> None:
        """Gives answers again, also those held back."""
        with self._lock:
            self._holding, self._hold_at = frozenset(), None
            self._lock.notify_all()
