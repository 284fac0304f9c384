"""Jobs that are interrupted: savepoints, stops with and without drain, other parallelisms, killed TaskManagers.

Each compares what is committed in the end with what the same inputs give undisturbed. Every line of ``AirportWalk`` tells
all that its key remembers, so that equal lines mean equal memories.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import expected
from checks import LogWatch
from cluster import SLOTS
from rest import wait_for
from scenario import Context
from submissions import nothing_left, tables

AGENT = "action-execute-operator"
SAVEPOINT = re.compile(r"Savepoint completed\. Path: (\S+)")
UNFINISHED = re.compile(r"goes on with the unfinished inputs of (\d+) keys")
# So many that the agent is behind its input, and inputs are unfinished, while the first ones come.
STEPS = 4000
# Released at the end; before, at each start hardly more than FIRST inputs come in.
COUNT = 8000
FIRST = 800


@dataclass
class Walk:
    """One story of ``AirportWalk``: the same outputs' directory for all its jobs."""

    c: Context
    out: Path
    options: tuple[str, ...]

    @property
    def gate(self) -> Path:
        """The file that lets the rest of the inputs come as fast as they can."""
        return self.out.with_suffix(".release")

    def start(self, parallelism: int, savepoint: str = "") -> str:
        """Submits it, from a savepoint if one is given; returns the job's id."""
        c = self.c
        return c.cluster.submit(
            "-d", *(("-s", savepoint) if savepoint else ()), *(f"-D{option}" for option in self.options),
            "-c", "jobs.AirportWalk", str(c.jars.fat), "--data", str(c.airports()), "--out", self.out.as_uri(),
            "--count", str(COUNT), "--steps", str(STEPS), "--first", str(FIRST),
            "--release", str(self.gate), "--parallelism", str(parallelism))

    def await_middle(self, job: str, records: int = FIRST // 4) -> None:
        """Waits until the agent has read some inputs."""
        wait_for("inputs read", 90, lambda: self.c.cluster.rest.records_read(job, AGENT) >= records)

    def release(self) -> None:
        """Lets the rest of the inputs come as fast as they can."""
        self.gate.touch()

    def finish(self, job: str, parallelism: int) -> None:
        """Lets it come to its end and compares everything."""
        c = self.c
        self.release()
        c.finished(job)
        c.suite.equal("parallelism of the agent", parallelism, c.cluster.rest.parallelism(job, AGENT))
        lines = expected.airport_walk(c.airports(), COUNT)
        c.suite.same_lines(f"all {COUNT} outputs with what was remembered, each once", lines, self.out)

    def check_part(self, what: str) -> int:
        """Checks that some outputs are committed, not all, and none that is wrong; returns how many."""
        found = expected.read_output(self.out)
        right = set(expected.airport_walk(self.c.airports(), COUNT))
        wrong = [line for line in found if line not in right]
        problem = (f"wrong ones such as {wrong[:3]}" if wrong
                   else "some are there twice" if len(set(found)) != len(found)
                   else "" if 0 < len(found) < COUNT else f"{len(found)} of {COUNT}")
        self.c.suite.check(f"{what}: {len(found)} outputs so far, a part of the right ones", problem)
        return len(found)


def _walk(c: Context, *options: str) -> Walk:
    # Periodic checkpoints only where they are needed: Flink logs errors of its own when one is due while a job stops.
    checkpoints = c.cluster.base / "checkpoints"
    return Walk(c, c.out(), (f"execution.checkpointing.dir={checkpoints.as_uri()}", *options))


def _stop(c: Context, job: str, *options: str) -> str:
    """``flink stop``; returns the savepoint's place."""
    done = c.cluster.flink("stop", *options, "--savepointPath", (c.cluster.base / "savepoints").as_uri(), job)
    found = SAVEPOINT.search(done.stdout)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"flink stop ended with {done.returncode}:\n{done.stdout}")
    c.cluster.rest.await_state(job, "FINISHED", 60)
    return found.group(1)


def _check_unfinished(c: Context, watches: list[LogWatch]) -> None:
    """Without keys that had unfinished inputs when they were restored, a scenario shows less than it should."""
    keys = sum(int(count) for watch in watches for count in UNFINISHED.findall(watch.text()))
    c.suite.check(f"{keys} keys were restored with unfinished inputs", "" if keys else "none")


def stop_and_resume(c: Context) -> None:
    """Stopped in mid-run by REST, at once, and by ``flink stop``; then on at other parallelisms, up and down.

    Before this savepoint Flink lets every mail run: no input is unfinished in it, though ``finish()`` is not called.
    """
    with c.suite.scenario("stop with savepoint, without drain, on with other parallelisms", c.cluster):
        walk = _walk(c)
        job = walk.start(2)
        walk.await_middle(job)
        first = c.cluster.rest.stop(job, c.cluster.base / "savepoints")
        before = walk.check_part("stopped")
        job = walk.start(3, first)
        walk.await_middle(job)
        second = _stop(c, job)
        c.suite.check("the second part went on", "" if walk.check_part("stopped again") > before else "it did not")
        walk.finish(walk.start(1, second), 1)


def savepoint_and_cancel(c: Context) -> None:
    """A savepoint while the job goes on; what the job does after it is undone by cancelling it."""
    with c.suite.scenario("savepoint in mid-run, cancelled, on with another parallelism", c.cluster):
        walk = _walk(c, "state.backend.type=rocksdb")
        watches = [LogWatch(p) for p in c.cluster.task_managers]
        job = walk.start(1)
        walk.await_middle(job)
        place = c.cluster.rest.savepoint(job, c.cluster.base / "savepoints")
        after = c.cluster.rest.records_read(job, AGENT)
        wait_for("inputs after the savepoint", 60, lambda: c.cluster.rest.records_read(job, AGENT) > after)
        c.cluster.rest.cancel(job)
        walk.finish(walk.start(4, place), 4)
        _check_unfinished(c, watches)


def stop_with_drain(c: Context) -> None:
    """``flink stop --drain``: everything that was read comes out, and nothing else."""
    with c.suite.scenario("flink stop --drain", c.cluster):
        walk = _walk(c)
        job = walk.start(2)
        walk.await_middle(job)
        _stop(c, job, "--drain")
        count = walk.check_part("drained")
        lines = expected.airport_walk(c.airports(), count)
        c.suite.same_lines(f"the outputs of the first {count} inputs", lines, walk.out)


def failing_action(c: Context) -> None:
    """An action that throws: the job says why and, when it may, goes on from its checkpoint in the same JVM."""
    # The logs tell of the exception, as they should.
    with c.suite.scenario("an action throws: the cause is told, the job recovers in the same JVM"):
        marker = c.cluster.base / "fail-once-without-restart"
        walk = _walk(c, "restart-strategy.type=none", "agent.log.keys=plain", f"agent.walk.fail-once={marker}")
        walk.release()
        job = walk.start(2)
        wait_for("the job to fail", 90, lambda: c.cluster.rest.state(job) == "FAILED")
        cause = c.cluster.rest.root_cause(job)
        parts = ("ActionTaskExecutionException", "WalkAgent", "end", "MD", "no way through BWI")
        c.suite.contains("the cause names agent, action, key and the exception", cause, parts)

        marker = c.cluster.base / "fail-once-with-restart"
        walk = _walk(c, "execution.checkpointing.interval=200ms", "restart-strategy.type=fixed-delay",
                     "restart-strategy.fixed-delay.attempts=1", "restart-strategy.fixed-delay.delay=100ms",
                     f"agent.walk.fail-once={marker}")
        job = walk.start(2)
        c.cluster.rest.await_checkpoints(job, 2)
        walk.finish(job, 2)
        c.suite.equal("restores", 1, c.cluster.rest.restored(job))
        c.suite.equal("the action had thrown", True, marker.exists())


def _kill_variants(c: Context) -> list[tuple[str, ...]]:
    """The configurations in which TaskManagers are killed."""
    # The short interval lets changelogs be cut off and begun anew between the kills.
    changelog = ("state.changelog.enabled=true", "state.backend.type=rocksdb",
                 "state.changelog.periodic-materialize.interval=2s")
    usual = [("state.backend.type=rocksdb", "execution.checkpointing.incremental=true")]
    more = [("execution.checkpointing.unaligned.enabled=true",), ("agent.max-in-flight=7",), changelog]
    return [v for v in usual + (more if c.long else []) if any(c.variant in option for option in v)]


def _kill_again_and_again(c: Context, walk: Walk, kills: int) -> None:
    """One job through so many kills: it restarts once for each, and for nothing else, and all its outputs are right."""
    # With few inputs in flight the others wait in front of the agent, and the barrier of a checkpoint behind them: the
    # first one takes seconds; at the third, little is left of the inputs that came after the start.
    checkpoints = 1 if "agent.max-in-flight=7" in walk.options else 2
    watches = [LogWatch(p) for p in c.cluster.task_managers]
    old = len(watches)
    try:
        job = walk.start(2)
        for kill in range(1, kills + 1):
            c.cluster.rest.await_checkpoints(job, c.cluster.rest.completed_checkpoints(job) + checkpoints)
            if c.cluster.rest.state(job) == "FINISHED":
                raise RuntimeError(f"the job finished before kill {kill}")
            c.cluster.kill_task_manager()
            watches.append(LogWatch(c.cluster.start_task_manager()))
            c.cluster.await_slots(SLOTS)
            wait_for(f"restore {kill}", 60, lambda kill=kill: c.cluster.rest.restored(job) >= kill)
            c.cluster.rest.await_state(job, "RUNNING", 60)
        if "state.changelog.enabled=true" in walk.options:
            logged = [path for path in c.cluster.changelog.rglob("*") if path.is_file()]
            c.suite.check(f"changes lie in {len(logged)} files", "" if logged else "they lie elsewhere")
        walk.finish(job, 2)
        found = c.cluster.rest.restored(job)
        causes = "\n         ".join(c.cluster.rest.failures(job))
        c.suite.check("restores", "" if found == kills else f"expected {kills}, found {found}: {causes}")
        _check_unfinished(c, watches[old:])
    finally:
        for watch in watches:
            c.suite.check(f"log of {watch.process.name} is clean", watch.problems())


def killed_task_manager(c: Context) -> None:
    """The TaskManager dies by SIGKILL in mid-run, more than once; another one takes over."""
    # The JobManager reports the loss as it should; the logs of the TaskManagers, dead and alive, must be clean.
    with c.suite.scenario("TaskManager killed (-9) in mid-run"):
        for variant in _kill_variants(c):
            print(f"  with {', '.join(variant)}", flush=True)
            walk = _walk(c, "execution.checkpointing.interval=200ms", "restart-strategy.type=fixed-delay",
                         "restart-strategy.fixed-delay.attempts=100", "restart-strategy.fixed-delay.delay=300ms", *variant)
            _kill_again_and_again(c, walk, 6 if c.long else 2)


PLAIN = [stop_and_resume, savepoint_and_cancel, stop_with_drain, failing_action, nothing_left, tables,
         killed_task_manager]
