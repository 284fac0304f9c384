"""Durable calls wait when something happens: the input ends, the job is cancelled, stopped, rescaled, its TaskManager dies.

Each scenario is for agents in Java and in Python alike.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from checks import remarks
from cluster import SLOTS
from pending import KEYS, Pending, calls_of, loop_calls_of
from python_scenarios import PythonContext
from remains import Holdings, at_the_end_of_input, holdings, our_threads
from rest import wait_for
from scenario import Context

AnyContext = Context | PythonContext
CHECKPOINTS = ("execution.checkpointing.interval=200ms", "restart-strategy.type=fixed-delay",
               "restart-strategy.fixed-delay.attempts=1000", "restart-strategy.fixed-delay.delay=100ms")
# Of state and checkpoints.
VARIANTS = ((), ("state.backend.type=rocksdb", "execution.checkpointing.incremental=true"),
            ("execution.checkpointing.unaligned.enabled=true",),
            ("state.changelog.enabled=true", "state.backend.type=rocksdb"))
# What a TaskManager may hold more after restarts than before: connections that come and go, threads of pools that are not
# full yet, what Flink remembers of an attempt (a subtask's operator has some 400 KiB behind it), and what the JVM compiles.
FEW = 4
THREADS = 12
HEAP = 1 << 20
HEAP_PER_RESTART = 16 << 10
METASPACE = 6 << 20
BESIDE = 48 << 20
# PyFlink ends TaskManagers now and then, when a job restarts (docs/long-runs.md).
MOST_REPLACED = 3
# A call that does not heed its end is left alone after five seconds, and a worker is ended: these do not last as long.
PROMPT = 5.0


def _language(c: AnyContext) -> str:
    return "Python" if isinstance(c, PythonContext) else "Java"


def _check_ended(c: AnyContext) -> None:
    """When jobs have ended, so have their threads and their workers, and their sockets are gone."""
    def left() -> list[str]:
        threads = [name for process in c.cluster.task_managers for name in our_threads(process.pid)]
        workers = [f"worker {pid}" for pid in c.workers()] if isinstance(c, PythonContext) else []
        sockets = [str(path) for path in (c.cluster.base / "tmp").rglob("*") if path.is_socket()]
        return threads + workers + sockets
    try:
        wait_for("threads, workers and sockets to go", 20, lambda: not left())
        c.suite.check("no thread, worker or socket is left")
    except TimeoutError:
        c.suite.check("no thread, worker or socket is left", str(left()))


def _await_end_of_input(c: AnyContext, subtasks: int) -> None:
    """Waits until so many subtasks of the agent wait at the end of their input."""
    process = c.cluster.task_managers[0]
    wait_for("the end of the input", 60, lambda: at_the_end_of_input(c.cluster.java_home, process.pid) == subtasks)


def _check_given_up(c: AnyContext, story: Pending) -> None:
    """The calls that waited have been told that nobody waits for them any more.

    Except for functions in Python that hold a thread: nothing can interrupt these, and they end with their worker.
    """
    calls = calls_of(story.waiting)
    right = loop_calls_of(story.waiting) if isinstance(c, PythonContext) else calls
    c.suite.equal(f"{len(right)} calls were interrupted or cancelled, once each", Counter(right), story.notes("given-up"))
    c.suite.equal("calls that ended nevertheless", set(), set(calls) & set(story.notes("ended", 0)))


def _check_cancel(c: AnyContext, story: Pending, job: str) -> None:
    story.forget()
    begin = time.monotonic()
    c.cluster.rest.cancel(job)
    seconds = time.monotonic() - begin
    c.suite.check(f"cancelled within {seconds:.1f} s", "" if seconds < PROMPT else f"limit {PROMPT} s")
    _check_ended(c)
    _check_given_up(c, story)


def end_of_input(c: AnyContext) -> None:
    """The input is over while calls wait: the job waits for them, and has all outputs."""
    with c.suite.scenario(f"calls wait at the end of the input ({_language(c)})", c.cluster):
        story = Pending(c, count=3 * KEYS)
        story.release()
        job = story.start(2)
        _await_and_finish(c, story, job, 2)
        _check_ended(c)


def _await_and_finish(c: AnyContext, story: Pending, job: str, parallelism: int) -> None:
    """Lets the input end, before the calls that wait do."""
    story.release()
    story.await_waiting(job)
    _await_end_of_input(c, parallelism)
    c.suite.equal("state of the job at the end of the input", "RUNNING", c.cluster.rest.state(job))
    story.finish(job, parallelism)


def cancelled(c: AnyContext) -> None:
    """The job is cancelled while calls wait: it ends at once, and they are told so."""
    with c.suite.scenario(f"cancelled while calls wait ({_language(c)})", c.cluster):
        story = Pending(c)
        job = story.start(2)
        story.await_waiting(job)
        _check_cancel(c, story, job)


def stopped(c: AnyContext) -> None:
    """Stopped, rescaled, cancelled, drained, always while calls wait: no output is lost or repeated."""
    for variant in VARIANTS if c.long else VARIANTS[:1]:
        name = f"stops and other parallelisms while calls wait ({', '.join((_language(c), *variant))})"
        with c.suite.scenario(name, c.cluster):
            story = Pending(c, variant)
            # A job in Python takes seconds to start, and in the short form this is the way with the fewest starts.
            _stops(c, story, savepoint_in_between=c.long or not isinstance(c, PythonContext))


def _stops(c: AnyContext, story: Pending, *, savepoint_in_between: bool) -> None:
    rest, savepoints = c.cluster.rest, c.cluster.base / "savepoints"
    job = story.start(2)
    story.await_waiting(job)
    place = rest.stop(job, savepoints)
    _check_ended(c)
    _check_given_up(c, story)
    story.check_outputs("stopped", story.opened)

    parallelism = 3
    job = story.start(parallelism, place)
    story.await_waiting(job)
    story.check_again()
    if savepoint_in_between:
        story.open_round()
        story.await_waiting(job)
        place = rest.savepoint(job, savepoints)
        _check_cancel(c, story, job)
        parallelism = 1
        job = story.start(parallelism, place)
        story.await_waiting(job)
        story.check_again()

    trigger = rest.begin_stop(job, savepoints, drain=True)
    _await_end_of_input(c, parallelism)
    c.suite.equal("the savepoint with drain, while calls wait", "IN_PROGRESS", rest.savepoint_status(job, trigger))
    story.open(story.count)
    place = rest.stopped(job, trigger)
    _check_ended(c)
    drained = len(story.notes("first-line", 0))
    story.check_outputs("drained", drained)
    if savepoint_in_between:
        job = story.start(2, place)
        story.finish(job, 2)
        c.suite.equal("inputs that had begun before it and began again", set(),
                      {str(number) for number in range(drained)} & set(story.notes("first-line")))
        _check_ended(c)


def restarted(c: AnyContext) -> None:
    """The TaskManager is killed while calls wait, then one of them fails again and again, in one TaskManager."""
    for variant in VARIANTS[:2] if c.long else VARIANTS[:1]:
        _restarted(c, variant)
        c.suite.cancel_leftovers(c.cluster)


def _restarted(c: AnyContext, variant: tuple[str, ...]) -> None:
    python = isinstance(c, PythonContext)
    kills, restarts = (3, 10 if python else 50) if c.long else (1, 3 if python else 20)
    # The logs tell of what fails, as they should.
    name = f"TaskManager killed (-9), then {restarts} restarts in one, while calls wait ({', '.join((_language(c), *variant))})"
    with c.suite.scenario(name):
        story = Pending(c, (*CHECKPOINTS, *variant))
        job = story.start(2)
        rest = c.cluster.rest
        story.await_waiting(job)
        for kill in range(1, kills + 1):
            rest.await_checkpoints(job, rest.completed_checkpoints(job) + 2)
            story.forget()
            c.cluster.kill_task_manager()
            c.cluster.start_task_manager()
            c.cluster.await_slots(SLOTS)
            story.await_waiting(job)
            story.check_again()
            c.suite.equal("restores", kill, rest.restored(job))
            if kill < kills:
                story.open_round()
                story.await_waiting(job)
        _restart_again_and_again(c, story, job, restarts)
        complaints = [line for process in c.cluster.task_managers for line in remarks(process.text())]
        c.suite.equal("warnings and errors of flink-agents", [], complaints[:5])
        if python:
            _check_cancel(c, story, job)
        else:
            _await_and_finish(c, story, job, 2)
            _check_ended(c)
        now = _holdings(c)
        c.suite.equal("operators of agents in memory", 0, now.operators)


def _holdings(c: AnyContext) -> Holdings:
    found = holdings(c.cluster.java_home, c.cluster.task_managers[0].pid)
    print(f"  holds  {found}", flush=True)
    return found


def _check_no_growth(c: AnyContext, before: Holdings, after: Holdings, restarts: int) -> None:
    """Checks that restarts left nothing behind; what Flink and the JVM themselves take in little by little is allowed for."""
    for what, surplus, limit in (
        ("threads of ours", after.ours - before.ours, 0),
        ("operators of agents", after.operators - before.operators, 0),
        ("class loaders of jobs", after.loaders - before.loaders, 0),
        ("open files", after.files - before.files, FEW),
        ("sockets", after.sockets - before.sockets, FEW),
        ("threads", after.threads - before.threads, THREADS),
        ("KiB of heap", (after.heap - before.heap) >> 10, (HEAP + restarts * HEAP_PER_RESTART) >> 10),
        ("KiB of metaspace", (after.metaspace - before.metaspace) >> 10, METASPACE >> 10),
        ("KiB beside the heap", (after.beside - before.beside) >> 10, BESIDE >> 10),
    ):
        c.suite.check(f"{what} after {restarts} more restarts: {surplus:+}",
                      "" if surplus <= limit else f"no more than {limit:+} expected")


def _restart_again_and_again(c: AnyContext, story: Pending, job: str, restarts: int) -> None:
    """Lets a call fail while the others wait; compares what the TaskManager holds after some restarts and after the last."""
    rest, replaced = c.cluster.rest, len(c.cluster.replaced)
    settled = min(10, restarts // 2)
    first, done, before = _holdings(c), 0, rest.restored(job)
    while done < restarts:
        process, restored = c.cluster.task_managers[0], rest.restored(job)
        story.forget()
        story.fail_one()
        wait_for(f"restart {done + 1}", 120, lambda restored=restored: rest.restored(job) > restored)
        story.await_waiting(job, told=False)
        done += 1
        if c.cluster.task_managers[0] is not process:
            # PyFlink ended it: all begins anew in the one that took its place.
            done, before = 0, rest.restored(job)
            if len(c.cluster.replaced) > replaced + MOST_REPLACED:
                raise RuntimeError("PyFlink ends TaskManagers too often")
        if done == settled:
            first = _holdings(c)
    last = _holdings(c)
    c.suite.equal("restores", restarts, rest.restored(job) - before)
    _check_no_growth(c, first, last, restarts - settled)
    c.suite.contains("the last cause", rest.root_cause(job), ("failed on purpose", "AskingAgent", "ask"))
    story.check_again()


def scenarios(*, long: bool) -> list[Callable[[AnyContext], None]]:
    """The scenarios; the short form has the end of the input and the cancelled job within others."""
    # The one that replaces the TaskManager comes first, so that what is left of the others can be counted in one.
    return [restarted, stopped, *((end_of_input, cancelled) if long else ())]
