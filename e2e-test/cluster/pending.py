"""What a test knows of durable calls that wait: the job ``PendingCalls`` in either language, and its ledger.

The test acts only when the ledger shows that the calls it means have begun, and that none of them has ended: they cannot end
before it says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from python_scenarios import AGENT, PythonContext
from rest import wait_for
from scenario import Context

# Of three kinds of calls, one after another: a multiple of three has each kind in each round.
KEYS = 12
# Enough for two rounds at once; later inputs wait for the runs of their keys.
FIRST = 3 * KEYS
# More than can come in while nobody releases them.
COUNT = 50 * KEYS


def kind_of(number: int) -> int:
    """How an input asks: 0 by a call that blocks, 1 by one that needs no thread, 2 by both, whose parts are 0 and 1."""
    return (number + number // KEYS) % 3


def calls_of(inputs: range) -> list[str]:
    """The names of the calls that these inputs make."""
    return [f"{number}.{part}" for number in inputs for part in range(2 if kind_of(number) == 2 else 1)]


def loop_calls_of(inputs: range) -> list[str]:
    """The names of those that need no thread."""
    return [f"{number}.{kind_of(number) - 1}" for number in inputs if kind_of(number) > 0]


def outputs_of(inputs: range) -> list[str]:
    """What these inputs give, each once, with what their keys remember."""
    return [f"k{number % KEYS}/{number}#{number // KEYS + 1}={'+'.join(calls_of(range(number, number + 1)))}"
            for number in inputs]


@dataclass
class Pending:
    """One story of calls that wait: the same ledger and the same outputs' directory for all its jobs.

    Calls of the first ``opened`` inputs may end. With the gate at some round, the runs of all keys come to wait in the next.
    """

    c: Context | PythonContext
    options: tuple[str, ...] = ()
    count: int = COUNT
    opened: int = 0
    # How many lines of the ledger are from before the last start.
    mark: int = 0
    out: Path = field(init=False)
    directory: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.c.out()
        self.out.mkdir()
        self.directory = self.c.cluster.base / f"pending-{self.out.name}"
        self.directory.mkdir()
        self.open_round()

    # ---- the ledger

    def lines(self) -> list[str]:
        """All whole lines."""
        ledger = self.directory / "ledger"
        return ledger.read_text().split("\n")[:-1] if ledger.exists() else []

    def notes(self, what: str, since: int | None = None) -> Counter[str]:
        """How often something is noted of each input or call; by default since the last start."""
        lines = self.lines()[self.mark if since is None else since:]
        return Counter(line.partition(" ")[2] for line in lines if line.startswith(what + " "))

    def forget(self) -> None:
        """What is noted from now on counts as new."""
        self.mark = len(self.lines())

    # ---- what calls do

    def open(self, inputs: int) -> None:
        """Lets the calls of so many inputs end; those of others may not."""
        new = self.directory / "gate.new"
        new.write_text(str(inputs))
        new.rename(self.directory / "gate")
        self.opened = inputs

    def open_round(self) -> None:
        """Lets the calls of one more input of each key end."""
        self.open(self.opened + KEYS)

    def fail_one(self) -> None:
        """Lets one of the calls that wait fail."""
        (self.directory / "fail").touch()

    def release(self) -> None:
        """Lets the rest of the inputs come as fast as they can; then the input ends."""
        self._released.touch()

    @property
    def _released(self) -> Path:
        return self.directory / "release"

    @property
    def waiting(self) -> range:
        """The inputs whose calls wait once all keys have come so far."""
        return range(self.opened, self.opened + KEYS)

    # ---- jobs

    def start(self, parallelism: int, savepoint: str = "") -> str:
        """Submits it, from a savepoint if one is given; returns the job's id."""
        self.forget()
        c = self.c
        checkpoints = f"execution.checkpointing.dir={(c.cluster.base / 'checkpoints').as_uri()}"
        options = ("-d", *(("-s", savepoint) if savepoint else ()),
                   *(f"-D{option}" for option in (checkpoints, *self.options)))
        arguments = ("--directory", str(self.directory), "--out", self.out.as_uri(), "--count", str(self.count),
                     "--keys", str(KEYS), "--first", str(FIRST), "--release", str(self._released),
                     "--parallelism", str(parallelism))
        if isinstance(c, PythonContext):
            # Without bundles PyFlink has nothing under way while calls wait.
            more = ("-Dpython.fn-execution.bundle.size=1", "--jarfile", str(c.jars.thin))
            return c.submit("pending_calls.py", *arguments, options=(*options, *more))
        return c.cluster.submit(*options, "-c", "jobs.PendingCalls", str(c.jars.fat), *arguments)

    def await_waiting(self, job: str, *, told: bool = True) -> None:
        """Waits until each key waits for the calls of its next input, and all tasks run.

        That none of these calls has ended is a check, told of where it does not hold, and elsewhere if wanted.
        """
        calls, rest = set(calls_of(self.waiting)), self.c.cluster.rest

        def probe() -> bool:
            if rest.state(job) in ("FAILED", "FINISHED", "CANCELED"):
                raise RuntimeError(f"job {job} is {rest.state(job)}: {rest.root_cause(job)}")
            return calls <= set(self.notes("begun"))
        wait_for(f"{len(calls)} calls to wait", 90, probe)
        # Without it no savepoint can be taken. Where the input is over, its source may have ended.
        wait_for("all tasks to run", 60, lambda: self._released.exists() or rest.all_running(job))
        ended = calls & set(self.notes("ended", 0))
        if told or ended:
            self.c.suite.check(f"{len(calls)} calls of {KEYS} keys wait", f"ended: {ended}" if ended else "")

    def check_again(self) -> None:
        """Checks that since the last start the runs that waited, and no others, began at their first lines, once each."""
        right = Counter(str(number) for number in self.waiting)
        found = self.notes("first-line")
        self.c.suite.check(f"the {KEYS} runs that waited, and no others, began again at their first lines",
                           "" if found == right else f"missing {right - found}, too many {found - right}")

    def check_outputs(self, what: str, inputs: int) -> None:
        """Checks that what is committed are the outputs of the first inputs, so many, each once."""
        self.c.suite.same_lines(f"{what}: the outputs of {inputs} inputs, each once", outputs_of(range(inputs)), self.out)

    def finish(self, job: str, parallelism: int) -> None:
        """Lets it come to its end and compares everything."""
        c = self.c
        self.open(self.count)
        self.release()
        c.finished(job, 180)
        c.suite.equal("parallelism of the agent", parallelism, c.cluster.rest.parallelism(job, AGENT))
        self.check_outputs("all", self.count)

