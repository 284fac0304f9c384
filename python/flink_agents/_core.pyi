"""The core of flink-agents-rs for Python hosts (Rust, ``rust/python``)."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

ABSENT: Final[object]
"""Answer of ``memory_get``: nothing stands at the path."""
OBJECT: Final[object]
"""Answer of ``memory_get``: an object stands at the path."""
WAIT: Final[object]
"""Answer of memory methods where ``may_wait``: the answer was asked for; ask again when it has come."""

EventId: TypeAlias = uuid.UUID | int
"""The id of an event: a UUID where the link says ``uuids``, else its 128 bits."""
Step: TypeAlias = tuple[int, int, str, EventId, str, dict[str, Any], EventId | None, str | None]
"""(task, action, key text, event id, event type, attributes, upstream event id, upstream action name)."""

def version() -> str:
    """Return the version of this build."""

def commands() -> list[tuple[str, str]]:
    """Return names and purposes of the commands of ``flink-agents`` that ``command`` runs."""

def command(words: list[str]) -> tuple[int, str, str]:
    """Run a command of ``flink-agents``; return the exit status, and the texts for standard output and standard error."""

def encode(value: Any, path: str = "value") -> bytes:
    """Return plain data (format version 1, no version byte); ``TypeError`` or ``ValueError`` names the place from ``path``."""

def decode(data: bytes) -> Any:
    """Return the value that the bytes hold, as fresh objects; ``ValueError`` if they are malformed."""

def check_plain(value: Any, path: str = "value") -> None:
    """Refuse what cannot be sent in an event: ``TypeError`` or ``ValueError`` with the place."""

def to_plain(value: Any, path: str = "value") -> Any:
    """Return what the receiver of an event sees, as JSON would hold it: rows are dicts."""

def to_json(value: Any) -> str:
    """Return the same as JSON: NaN, infinities and integers that no float can hold as texts, halves of surrogate pairs as U+FFFD."""

def check_memory_value(path: str, value: Any) -> None:
    """Refuse what memory cannot hold: all but None, bool, int, float, str, bytes, list and dict with str keys."""

def key_text(key: Any) -> str:
    """Return the canonical text of a key, a letter for its type first: ``s:user``, ``i:1``, ``f:1.0``, ``t:true``, …"""

def key_of(text: str) -> Any:
    """Return the key of a canonical text; lists come back as tuples."""

def args_digest(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes | None:
    """Return a digest of arguments, the same in every process; None if they are not plain data."""

def random_uuid() -> uuid.UUID:
    """Return a fresh random UUID of version 4; fast, safe across ``fork``, not for secrets."""

def uuid_of(bits: int) -> uuid.UUID:
    """Return the UUID with these 128 bits, faster than its constructor does."""

def validate_plan(plan_json: str) -> str:
    """Check a plan as far as the client can and return it in the current form; ``ValueError`` names the place."""

def metrics_page(snapshots: str) -> str:
    """Return the text page of Prometheus for a JSON list of snapshots; ``ValueError`` if it cannot be read."""

class MetricsServer:
    """Serves that page at a port of 127.0.0.1, at ``/metrics``. May be used by any thread."""

    def __init__(self, port: int) -> None:
        """Serve at a port, 0 for one that is free; ``OSError`` if it cannot be had."""

    @property
    def port(self) -> int:
        """Where it is served."""

    def publish(self, snapshots: str) -> None:
        """Replace what is shown."""

    def close(self) -> None:
        """End it; the port is free afterwards."""

def load_config(request_json: str) -> str:
    """Merge the sources of configuration: JSON in, JSON out."""

def resolve_secret(value: str) -> str:
    """Return what a value of a configuration refers to, ``${env:NAME}`` or ``${file:PATH}``; any other value as it is.

    Raises
    ------
    LookupError
        If the variable or file is not there; the message names it and the remedy.
    """

def chat_parameters(provider_name: str, arguments: str) -> str:
    """Return the parameters of a chat setup's calls, of its arguments, JSON both; ``ValueError`` for what is unknown or wrong."""

def embedding_parameters(provider_name: str, arguments: str) -> str:
    """The same of an embedding setup."""

class ModelError(RuntimeError):
    """A model did not answer. Attributes: kind, connection, model, attempt, attempts, status, retry_after, may_pass."""

class McpError(RuntimeError):
    """A tool server did not answer. Attributes: kind, server, question."""

class BuiltIn:
    """A built-in action at work; commands and answers are JSON, as ``rust/core/src/builtin/mod.rs`` tells."""

    @staticmethod
    def begin(start: str) -> tuple[BuiltIn, str]:
        """Begin one; return it with its first commands."""

    def answer(self, answer: str) -> str:
        """Take the answer to the last command, and return the next ones."""

class ChatClient:
    """A connection to chat models. Requests, answers and arguments are JSON; all threads may use it at once."""

    def __init__(self, provider_name: str, name: str, arguments: str, parallelism: int = 1) -> None:
        """Open it; limits are divided by ``parallelism``."""

    def chat(self, request: str, tell: Callable[[Any, str], None] | None = None) -> str:
        """Ask, and wait for the answer, a message; ``ModelError`` if there is none."""

    def chat_async(
        self, request: str, tell: Callable[[Any, str], None] | None = None
    ) -> asyncio.Future[str]:
        """Ask, and return the answer as a future of the running loop; to cancel it gives the question up."""

    def native_structured_output(self, model: str) -> bool:
        """Return whether the provider itself makes answers of a model fit a schema."""

class EmbeddingClient:
    """A connection to embedding models."""

    def __init__(self, provider_name: str, name: str, arguments: str, parallelism: int = 1) -> None:
        """Open it; limits are divided by ``parallelism``."""

    def embed(self, texts: list[str], parameters: str) -> tuple[list[list[float]], int | None]:
        """Return the vectors of texts, and how many tokens those had, if the provider said; ``ModelError`` if there are none."""

    def embed_async(self, texts: list[str], parameters: str) -> asyncio.Future[tuple[list[list[float]], int | None]]:
        """The same as a future of the running loop."""

class McpClient:
    """A tool server. Arguments and answers are JSON; ``McpError`` when it does not answer."""

    def __init__(self, name: str, arguments: str) -> None: ...
    def tools(self) -> str:
        """Return its tools: ``name``, ``description``, ``parameters`` each."""

    def prompts(self) -> str:
        """Return its prompts: ``name``, ``description``, ``arguments`` each."""

    def call(self, tool: str, arguments: str) -> str:
        """Call a tool; returns ``text``, ``structured``, ``contents``, ``failed``."""

    def call_async(self, tool: str, arguments: str) -> asyncio.Future[str]:
        """The same as a future of the running loop."""

    def prompt(self, name: str, arguments: str) -> str:
        """Return the messages of a prompt, filled in by the server."""

    def prompt_async(self, name: str, arguments: str) -> asyncio.Future[str]:
        """The same as a future of the running loop."""

class VectorStore:
    """A vector store of the kind ``embedded`` or ``chroma``. Calls and answers are JSON.

    ``ValueError`` for arguments, for collections that are not there and vectors of another length; ``OSError`` if the file cannot be
    used; ``RuntimeError`` for what the server did not do.
    """

    def __init__(self, kind: str, name: str, arguments: str) -> None: ...
    def ask(self, call: str) -> str:
        """Ask, and wait for the answer: ``{"do": "add", "collection": …, …}``."""

    def ask_async(self, call: str) -> asyncio.Future[str]:
        """The same as a future of the running loop."""

def shown_key(text: str, how: str) -> str | None:
    """Return a key as the log shows it by a word of option ``log.keys``; None if it does not."""

def is_hidden(key: str, value: str) -> bool:
    """Say whether messages must not show the value of a key: a secret that lies there itself."""

class Link(Protocol):
    """What the executor needs of ``Local`` and ``Worker``. Memory 0 is sensory, 1 is short-term."""

    may_wait: bool
    uuids: bool
    @property
    def actions(self) -> list[str]: ...
    @property
    def call_timeout(self) -> float | None: ...
    def next(self) -> Step | int | dict[str, Any] | None: ...
    def send(self, task: int, event_id: EventId, event_type: str, attributes: dict[str, Any]) -> None: ...
    def memory_get(self, task: int, memory: int, path: str) -> Any: ...
    def memory_set(self, task: int, memory: int, path: str, value: Any) -> object | None: ...
    def memory_new_object(self, task: int, memory: int, path: str) -> object | None: ...
    def memory_children(self, task: int, memory: int, path: str) -> list[str] | object: ...
    def finish(self, task: int) -> None: ...
    def fail(self, task: int, text: str) -> None: ...
    @property
    def traced(self) -> bool: ...
    @property
    def spans(self) -> bool: ...
    def report_call(self, task: int, what: list[Any]) -> None: ...
    def report(self, task: int, status: int, what: list[Any]) -> None: ...
    def suspend(self, task: int) -> None: ...
    def wake(self, task: int) -> None: ...
    def call_begin(self, task: int, scope: int) -> int: ...
    def call_scope(self, task: int, parent: int, group: bool) -> int: ...
    def call_end(self, task: int) -> None: ...

class Local:
    """The core in this process. For one thread, the one that calls ``next``: what actions do is refused in others."""

    @property
    def may_wait(self) -> bool:
        """Whether an action may have to give way inside a method of its context; WAIT is never answered."""

    uuids: bool
    def __init__(
        self, plan_json: str, name: str | None = None, directory: str = ".", letters: list[dict[str, Any]] | None = None
    ) -> None:
        """Compile a plan, and open the journal of the run ``name`` if there is a store; ``ValueError`` names what is wrong.

        ``letters`` gets the attributes of dead letters.
        """

    @property
    def journalled(self) -> bool:
        """Whether there is a journal: durable calls go by ``call`` and ``call_ended``."""

    @property
    def actions(self) -> list[str]:
        """Names of the actions, by the numbers that ``next`` tells."""

    @property
    def call_timeout(self) -> float | None:
        """Seconds that a durable call may take, of option ``call.timeout``; None: as long as it likes."""

    def input(self, key: Any, value: Any) -> None:
        """Take a record of a key; ``TypeError`` or ``ValueError`` if key or value cannot travel."""

    def end_of_input(self) -> None:
        """Say that no input follows."""

    def in_flight(self) -> int:
        """Return the number of inputs that are not finished."""

    def kept_values(self) -> int:
        """Return the number of events and memory values kept for unfinished runs (for tests)."""

    def figures(self) -> dict[str, Any]:
        """Return what it has counted, by the names of metrics; ``executed`` and ``took`` (µs since the last call) are by action."""

    def fileno(self) -> int:
        """Return a descriptor that can be read when the store has something to say; -1 without a journal."""

    def heard(self) -> None:
        """Take note that it could be read."""

    def waits_for_store(self) -> bool:
        """Return whether something of the store is still to come."""

    def close(self) -> None:
        """Wait for what is on its way to the store, for a bounded time, and let go of it."""

    def call(
        self, task: int, scope: int, function: str, digest: bytes | None, reconcilable: bool, in_place: bool
    ) -> tuple[int, int, bytes | None]:
        """Begin a durable call in a scope; returns its number, what to do, and what it brought if it was made before.

        To do is: make it (0), ask the reconciler (1), return (2), raise (3), wait (4): then ``next`` returns a list of task,
        number, what to do and what it brought. ``in_place``: if so, the action's own code waits, by ``await_in_place``.
        """

    def await_in_place(self, task: int) -> None:
        """Report that the action's own code waits for the answer to a call."""

    def answered_in_place(self, task: int) -> bool:
        """Report that it has come; returns whether the action may go on at once, before ``next`` says so."""

    def call_ended(self, task: int, call: int, failed: bool = False, payload: bytes | None = None) -> None:
        """Report that a durable call has ended, with what is to be recorded, or was given up."""

    def idempotency_key(self, task: int, call: int) -> str:
        """Return a text that is the same for a call in all its attempts."""

    def busy(self, task: int, busy: bool) -> None:
        """Report whether code of an action goes on beside what waits for its calls."""

    @property
    def patience(self) -> float:
        """Seconds for which such code is waited for, of option ``action-state.reorder-timeout``."""

    @property
    def max_record_size(self) -> int | None:
        """Bytes that a record may have; None without a journal."""

    def unobserved(self) -> list[dict[str, Any]]:
        """Return, at the end, what listeners and a logger of the user's own were not told yet, as ``next`` does."""

    def outputs(self) -> list[tuple[Any, Any]]:
        """Return the outputs since the last call as (key, output)."""

    def next(self) -> Step | int | dict[str, Any] | None:
        """Return the next action to run; an int is a suspended task that may go on; None: nothing can run now.

        A dictionary is what the user's own listeners, or event logger, are to be told: ``runtime/observers.py`` takes it.

        ``RuntimeError`` if the run of a key cannot go on.
        """

    def send(self, task: int, event_id: EventId, event_type: str, attributes: dict[str, Any]) -> None:
        """Send an event, frozen as it is now; ``TypeError`` or ``ValueError`` with the place of what is not JSON-able."""

    def memory_get(self, task: int, memory: int, path: str) -> Any:
        """Return the value at a path as a fresh object, or ``ABSENT`` or ``OBJECT``."""

    def memory_set(self, task: int, memory: int, path: str, value: Any) -> None:
        """Write a value, creating missing parents; ``ValueError`` against the rules of memory."""

    def memory_new_object(self, task: int, memory: int, path: str) -> None:
        """Make an object, creating missing parents; one that exists is kept."""

    def memory_children(self, task: int, memory: int, path: str) -> list[str]:
        """Return the names of an object's direct children, sorted; ``ValueError`` if it is none."""

    def finish(self, task: int) -> None:
        """Report that the action's code has returned: its writes are committed, its events routed."""

    def fail(self, task: int, text: str) -> None:
        """Tell the execution trace that the action has failed; the caller raises the error."""

    @property
    def policies(self) -> bool:
        """Whether some action may be tried again, or end as a dead letter."""

    @property
    def memory_events(self) -> int:
        """Which uses of memory become events: a bit each for values set in sensory and short-term memory, and got from them."""

    def failed(
        self, task: int, text: str, now_ms: int
    ) -> tuple[int, int, tuple[EventId, dict[str, Any]] | None, tuple[EventId, dict[str, Any]] | None]:
        """Report that the running action failed; returns what is to be done, how often it was tried, and two events.

        To do is: fail (0); nothing, it is tried again (1); send its dead letter and finish it (2), for which the events are the input of the
        run and the one that the action handled.
        """

    def letter_text(self, part: int, text: str) -> str:
        """Return a text of a dead letter, cut where the store has no room for it.

        Parts are: the input (0), the event (1), the stack trace (2), any other text (3).
        """

    def letter_has_room(self, part: int, bytes: int) -> bool:
        """Return whether the store has room for a part of a dead letter that has so many bytes."""

    def backoffs(self, now_ms: int) -> list[tuple[int, float]]:
        """Return the failed tasks that have begun to wait since the last call, and for how many seconds they are to."""

    def backoff_over(self, task: int) -> None:
        """Report that such a wait is over."""

    @property
    def traced(self) -> bool:
        """Whether there is an execution trace that takes reports."""

    def report(self, task: int, status: int, what: list[Any]) -> None:
        """Report that something began or ended inside the running action.

        Type, name and metadata; category, type and message of the problem; details for live spans.
        """

    @property
    def spans(self) -> bool:
        """Whether live spans are sent."""

    def report_call(self, task: int, what: list[Any]) -> None:
        """Report a durable call that is over, for live spans.

        Function, number, start and end in microseconds since 1970, whether it is replayed, type and message of what it raised.
        """

    def suspend(self, task: int) -> None:
        """Report that the running action waits; others of its run may go on."""

    def wake(self, task: int) -> None:
        """Report that what a suspended action waited for has come."""

    def call_begin(self, task: int, scope: int) -> int:
        """Report that an action asks for a durable call; returns its place in the scope, 0 is that of the action's own code.

        ``RuntimeError`` if the action has ended, here and below.
        """

    def call_scope(self, task: int, parent: int, group: bool) -> int:
        """Open a scope in another one, for calls side by side (``group``) or a piece of code; returns its number."""

    def call_end(self, task: int) -> None:
        """Report that a durable call has ended, or was given up."""

class Exchange:
    """The connection of a worker for questions about resources of the other language. ``ConnectionError``: it has ended."""

    def ask(self, question: dict[str, Any]) -> int:
        """Send a question, from any thread; returns its number."""

    def next(self) -> tuple[Any, ...] | None:
        """Wait, in one thread, for ``("asked", number, question)``, ``("answered", number, failed, value)``, or None at the end."""

    def answer(self, number: int, has_failed: bool, value: Any) -> None:
        """Send the answer to a question, from any thread."""

    def close(self) -> None:
        """End it, from any thread."""

    def fileno(self) -> int:
        """Return the number of its file."""

class Worker:
    """The link of a worker process: the core is in the TaskManager, at the other end of a socket. One thread at a time."""

    may_wait: bool
    uuids: bool
    def __init__(self, path: str) -> None:
        """Connect and take the TaskManager's greeting; ``ConnectionError`` if there is none."""

    @property
    def agent(self) -> str:
        """Name of the agent."""

    @property
    def task_name(self) -> str:
        """Name of the TaskManager's task."""

    @property
    def plan(self) -> str:
        """The plan, JSON; empty if the TaskManager speaks another version of the protocol."""

    def exchange(self) -> Exchange | None:
        """Connect once more, for questions about resources, before ``ready``; None if there are none."""

    @property
    def beat_seconds(self) -> float:
        """Seconds between signs of life."""

    @property
    def ended(self) -> bool:
        """Whether the TaskManager has said that this is the end, or is gone."""

    @property
    def actions(self) -> list[str]:
        """Names of the actions, by the numbers that ``next`` tells."""

    @property
    def call_timeout(self) -> float | None:
        """Seconds that a durable call may take, of option ``call.timeout``; None: as long as it likes."""

    def unfinished(self) -> int:
        """Return the number of actions that have begun here and not ended."""

    def kept_values(self) -> int:
        """Return the number of memory values kept (for tests)."""

    def end_with_parent(self) -> None:
        """Let this process end when the process that started it does."""

    def ready(self, python: str) -> None:
        """Say that the worker can start; ``python`` is the version of its Python."""

    def refuse(self, reason: str) -> None:
        """Say that the worker cannot start."""

    def fileno(self) -> int:
        """Return the number of the socket, for a loop that watches it."""

    def receive(self) -> bool:
        """Take what has come, without waiting; False when the connection has ended."""

    def next(self) -> Step | int | dict[str, Any] | None:
        """Return the next action to run; an int is a suspended task that may go on; None: nothing can run now.

        A dictionary is what the user's own listeners, or event logger, are to be told: ``runtime/observers.py`` takes it.
        """

    def answered(self) -> list[int]:
        """Return the tasks whose questions have been answered since the last call."""

    def flush(self) -> None:
        """Send what was said since the last time; ``ConnectionError`` if the TaskManager is gone."""

    def beat(self) -> None:
        """Give a sign of life."""

    def send(self, task: int, event_id: EventId, event_type: str, attributes: dict[str, Any]) -> None:
        """Send an event, frozen as it is now; ``TypeError`` or ``ValueError`` with the place of what is not JSON-able."""

    def memory_get(self, task: int, memory: int, path: str) -> Any:
        """Return the value at a path as a fresh object, or ``ABSENT``, ``OBJECT`` or ``WAIT``."""

    def memory_set(self, task: int, memory: int, path: str, value: Any) -> object | None:
        """Write a value, creating missing parents; ``WAIT`` or None. ``ValueError`` against the rules of memory."""

    def memory_new_object(self, task: int, memory: int, path: str) -> object | None:
        """Make an object, creating missing parents; ``WAIT`` or None."""

    def memory_children(self, task: int, memory: int, path: str) -> list[str] | object:
        """Return the names of an object's direct children, sorted, or ``WAIT``; ``ValueError`` if it is none."""

    def finish(self, task: int) -> None:
        """Report that the action's code has returned: its writes and events are the TaskManager's from now on."""

    def fail(self, task: int, text: str) -> None:
        """Report that the action has failed."""

    @property
    def policies(self) -> bool:
        """Whether some action may be tried again, or end as a dead letter."""

    @property
    def memory_events(self) -> int:
        """Which uses of memory become events: a bit each for values set in sensory and short-term memory, and got from them."""

    def threw(self, task: int, kind: str, message: str, what: str, trace: str) -> bool:
        """Report that the action has failed by an exception of its own, of class ``kind``; False if it has no failure policy.

        Otherwise its task has ended, and the TaskManager decides what follows. ``what`` is told where the job fails.
        """

    @property
    def traced(self) -> bool:
        """Whether there is an execution trace that takes reports."""

    def report(self, task: int, status: int, what: list[Any]) -> None:
        """Report that something began or ended inside the running action.

        Type, name and metadata; category, type and message of the problem; details for live spans.
        """

    @property
    def spans(self) -> bool:
        """Whether live spans are sent."""

    def report_call(self, task: int, what: list[Any]) -> None:
        """Report a durable call that is over, for live spans.

        Function, number, start and end in microseconds since 1970, whether it is replayed, type and message of what it raised.
        """

    def suspend(self, task: int) -> None:
        """Report that the running action waits; others of its run may go on."""

    def wake(self, task: int) -> None:
        """Report that what a suspended action waited for has come."""

    def call_begin(self, task: int, scope: int) -> int:
        """Report that an action asks for a durable call; returns its place in the scope, 0 is that of the action's own code.

        ``RuntimeError`` if the action has ended, here and below.
        """

    def call_scope(self, task: int, parent: int, group: bool) -> int:
        """Open a scope in another one, for calls side by side (``group``) or a piece of code; returns its number."""

    def call_end(self, task: int) -> None:
        """Report that a durable call has ended, or was given up."""

    @property
    def journalled(self) -> bool:
        """Whether there is a journal: durable calls go by ``call`` and ``call_ended``."""

    def call(
        self, task: int, scope: int, function: str, digest: bytes | None, reconcilable: bool, in_place: bool
    ) -> tuple[int, int, None]:
        """As that of ``Local``; here the answer always has to be waited for."""

    def await_in_place(self, task: int) -> None:
        """Report that the action's own code waits for the answer to a call."""

    def answered_in_place(self, task: int) -> bool:
        """Report that it has come; returns whether the action may go on at once, before ``next`` says so."""

    def call_ended(self, task: int, call: int, failed: bool = False, payload: bytes | None = None) -> None:
        """Report that a durable call has ended, with what is to be recorded, or was given up."""

    def idempotency_key(self, task: int, call: int) -> str:
        """Return a text that is the same for a call in all its attempts; asked once, when the call is to be made."""

    def busy(self, task: int, busy: bool) -> None:
        """Report whether code of an action goes on beside what waits for its calls."""

    @property
    def patience(self) -> float:
        """Seconds for which such code is waited for, of option ``action-state.reorder-timeout``."""

    @property
    def max_record_size(self) -> int | None:
        """Bytes that a record may have; None without a journal."""

    def metric(self, group: str, name: str, change: str, value: float) -> None:
        """Tell a change (count, mark, gauge, sample) of a metric; ``group``: names of groups, each with a line feed."""
