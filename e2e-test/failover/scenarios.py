"""What befalls the jobs, moment by moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import oracle
from broker import Broker
from checks import Suite
from job_jars import Jars
from ledger import ALL, ASIDE, Ledger
from machines import Machines
from rest import wait_for
from story import Story

COUNT = 400
# Checkpoints are taken when the test says so; without a pause Flink takes the first one soon after the start.
BY_HAND = {"execution.checkpointing.interval": "1h", "execution.checkpointing.min-pause": "1h"}
OFTEN = {"execution.checkpointing.interval": "300ms"}
# Calls under way, fewer than there are keys.
SOME = 5
# The store says so, rightly: there is one broker.
ONE_REPLICA = re.compile(r"Action state store kafka: topic \S+: it has 1 replica: ")
PYTHON_ORDERS = "PythonOrders"


@dataclass
class Context:
    """What every scenario has at hand."""

    suite: Suite
    cluster: Machines
    jars: Jars
    seed: int
    broker: Broker | None = None

    def story(self, ledger: Ledger, count: int, options: dict[str, str], main: str = "Orders") -> Story:
        """A new story; its journal is in Kafka if there is a broker."""
        story = Story(self.suite, self.cluster, self.jars, ledger, count, options, main=main)
        if self.broker:
            story.store = self.broker.options(f"{self.cluster.base.name}-{story.directory.name}")
        return story


def _hold(story: Story) -> None:
    """Keeps some calls under way. A function that a ``def`` action calls holds up all of its worker, so it is none of those."""
    story.hold(SOME, names=ASIDE if story.main == PYTHON_ORDERS else ALL)


def check_enough(c: Context, story: Story, *, asked: bool) -> None:
    """Judges a story, and that enough happened in it to mean something. ``asked``: reconcilers among it."""
    verdict = story.judge()
    idle = [d.what for d, hits in zip(story.disruptions, story.hits) if not hits]
    c.suite.check("each disruption met calls under way", "; ".join(idle))
    c.suite.check(f"{verdict.again} calls were made again", "" if verdict.again else "none")
    c.suite.check(f"{verdict.asked} times a reconciler was asked", "" if verdict.asked or not asked else "never")
    enough = len(story.disruptions)
    c.suite.check(f"{verdict.replayed} results came from the journal within runs", "" if verdict.replayed >= enough else "too few")


def undisturbed(c: Context) -> None:
    """Nothing happens: what the others are compared with."""
    with c.suite.scenario("undisturbed", c.cluster, ONE_REPLICA), Ledger(c.seed) as ledger:
        story = c.story(ledger, COUNT, BY_HAND)
        story.start(2)
        story.finish()
        verdict = story.judge()
        calls = sum(len(oracle.calls_of(number)) for number in range(COUNT))
        c.suite.equal("entries of the ledger", calls, len(ledger.entries()))
        c.suite.equal("calls made again, reconcilers asked", (0, 0), (verdict.again, verdict.asked))


def _killed_and_moved(c: Context, main: str) -> None:
    """One job through all of it: its TaskManagers die, it is stopped and rescaled, its JobManager dies."""
    name = f"{main}, journal in {'Kafka' if c.broker else 'SQLite'}: TaskManagers killed (-9), stopped and rescaled, JobManager killed (-9)"
    with c.suite.scenario(name), Ledger(c.seed) as ledger:
        story = c.story(ledger, COUNT, {**BY_HAND, "execution.checkpointing.timeout": "10s"}, main)
        story.start(2)
        _before_the_first_checkpoint(c, story)
        _during_a_checkpoint(story)
        _after_an_aborted_one(c, story)
        _during_the_recovery(c, story)
        story.check_causes()
        _stopped_and_rescaled(c, story)
        _without_standby(c, story)
        story.finish()
        story.check_causes()
        check_enough(c, story, asked=True)


def killed_and_moved(c: Context) -> None:
    """Actions in Java, the journal in Kafka."""
    _killed_and_moved(c, "Orders")


def killed_and_moved_in_a_file(c: Context) -> None:
    """Actions in Java, the journal in SQLite."""
    _killed_and_moved(replace(c, broker=None), "Orders")


def killed_and_moved_in_python(c: Context) -> None:
    """Actions in Python, the journal in Kafka."""
    _killed_and_moved(c, PYTHON_ORDERS)


def killed_and_moved_in_python_and_a_file(c: Context) -> None:
    """Actions in Python, the journal in SQLite."""
    _killed_and_moved(replace(c, broker=None), PYTHON_ORDERS)


def _before_the_first_checkpoint(c: Context, story: Story) -> None:
    """Everything begins again from the first input, twice, and nothing that was done is done again."""
    story.progress(80)
    _hold(story)
    story.kill("killed a TaskManager before the first checkpoint", story.busiest()[0])
    story.progress(60)
    _hold(story)
    story.kill("killed all TaskManagers before the first checkpoint", *c.cluster.task_managers)
    c.suite.equal("checkpoints so far", 0, c.cluster.rest.completed_checkpoints(story.job))


def _during_a_checkpoint(story: Story) -> None:
    """Agents have handed in their part, the sink has not."""
    story.progress(20)
    story.checkpoint()
    story.progress(20)
    story.brake()
    story.progress(20)
    _hold(story)
    story.kill("killed a TaskManager during a checkpoint", story.busiest()[0])
    story.let_go()


def _after_an_aborted_one(c: Context, story: Story) -> None:
    """What an aborted checkpoint had is not restored."""
    story.checkpoint()
    failed = story.failed_checkpoints()
    story.brake()
    c.cluster.patiently("the checkpoint to be aborted", 60, lambda: story.failed_checkpoints() > failed)
    story.let_go()
    story.progress(20)
    _hold(story)
    story.kill("killed a TaskManager after an aborted checkpoint", story.busiest()[0])


def _during_the_recovery(c: Context, story: Story) -> None:
    """The other one dies when the job has just been restored."""
    story.progress(20)
    _hold(story)
    restored = c.cluster.rest.restored(story.job)
    first, *others = story.busiest()

    def act() -> None:
        c.cluster.kill(first)
        c.cluster.complete()
        story.ledger.let_go()
        c.cluster.patiently("the recovery to begin", 60, lambda: c.cluster.rest.restored(story.job) > restored)
        for other in others:
            c.cluster.kill(other)
    story.disrupt("killed a TaskManager, and the other during the recovery", act, c.cluster.complete, [first, *others])


def _stopped_and_rescaled(c: Context, story: Story) -> None:
    """Stops with a savepoint while calls are under way, and goes on with one subtask more."""
    story.progress(20)
    story.hold(SOME, names=ASIDE)
    places: list[str] = []
    story.disrupt(
        "stopped with a savepoint, on with three subtasks",
        lambda: places.append(c.cluster.rest.stop(story.job, c.cluster.base / "savepoints")),
        lambda: story.start(3, places[0]))


def _without_standby(c: Context, story: Story) -> None:
    """The JobManager dies, and nobody knows the job any more: it is submitted again, from its last checkpoint."""
    story.progress(20)
    story.checkpoint()
    story.progress(40)
    _hold(story)

    def back() -> None:
        c.cluster.complete()
        c.cluster.await_all_slots()
        # What is left of the old job may go on until its TaskManagers miss its JobManager.
        c.cluster.await_free_slots()
        story.start(2, story.retained())
    story.disrupt("killed the JobManager, submitted again from the last checkpoint",
                  lambda: c.cluster.kill_job_manager(c.cluster.job_managers[0]), back)


def taken_over(c: Context) -> None:
    """Actions in Java."""
    _taken_over(c, "Orders")


def taken_over_in_python(c: Context) -> None:
    """Actions in Python."""
    _taken_over(c, PYTHON_ORDERS)


def _taken_over(c: Context, main: str) -> None:
    """The leading JobManager dies, alone and with a TaskManager; the one that stands by takes over."""
    with c.suite.scenario(f"{main}: the leading JobManager killed (-9), another takes over"), Ledger(c.seed) as ledger:
        story = c.story(ledger, COUNT, OFTEN, main)
        story.start(2)
        story.progress(80)
        _hold(story)

        def alone() -> None:
            c.cluster.kill_job_manager(c.cluster.leader())
        story.disrupt("killed the leading JobManager", alone, c.cluster.complete)
        story.progress(40)
        _hold(story)
        victim = story.busiest()[0]

        def both() -> None:
            c.cluster.kill_job_manager(c.cluster.leader())
            c.cluster.kill(victim)
        story.disrupt("killed the leading JobManager and a TaskManager", both, c.cluster.complete)
        c.cluster.await_all_slots()
        story.finish()
        story.check_causes()
        check_enough(c, story, asked=False)


def workers_and_task_managers(c: Context) -> None:
    """Actions in Python: their workers die, and TaskManagers with theirs, before the first checkpoint and after it."""
    c = replace(c, broker=None)
    with c.suite.scenario("Python: workers and TaskManagers killed (-9), stopped and rescaled"), Ledger(c.seed) as ledger:
        story = c.story(ledger, COUNT, BY_HAND, PYTHON_ORDERS)
        story.start(2)
        story.progress(80)
        _hold(story)
        story.kill("killed a TaskManager before the first checkpoint", story.busiest()[0])
        story.progress(60)
        _hold(story)
        story.kill_worker()
        c.suite.equal("checkpoints so far", 0, c.cluster.rest.completed_checkpoints(story.job))
        story.progress(20)
        story.checkpoint()
        story.progress(20)
        _hold(story)
        story.kill_worker()
        story.progress(20)
        _hold(story)
        story.kill("killed all TaskManagers", *c.cluster.task_managers)
        story.check_causes()
        _stopped_and_rescaled(c, story)
        story.finish()
        story.check_causes()
        check_enough(c, story, asked=True)


def broker_away(c: Context) -> None:
    """The broker of the journal stands still, dies, and is away during a recovery: everything waits for it, nothing is lost."""
    broker = c.broker
    if broker is None:
        raise RuntimeError("there is no broker")
    with c.suite.scenario("Kafka: broker stands still (SIGSTOP), killed (-9), away during a recovery"), Ledger(c.seed) as ledger:
        story = c.story(ledger, COUNT, OFTEN)
        story.start(2)
        story.progress(80)
        broker.pause()
        # What has been let begin comes to its end; then nothing may begin any more.
        wait_for("calls to end", 60, lambda: story.is_quiet(1.0))
        before = ledger.count()
        c.suite.check("calls wait while the broker stands still", "" if story.is_quiet(1.0) and ledger.count() == before else "some begin")
        broker.resume()
        story.progress(60)
        broker.restart()
        story.progress(60)
        c.suite.equal("failures so far", 0, story.failures())
        story.hold(SOME)
        victim, before = story.busiest()[0], story.failures()

        def act() -> None:
            broker.pause()
            c.cluster.kill(victim)
            c.cluster.complete()
            c.cluster.patiently("the job to notice", 60, lambda: story.failures() > before)
            # Its tasks run before their journal is read.
            story.await_running()
        story.disrupt("killed a TaskManager while the broker stood still", act, broker.resume, [victim])
        story.finish()
        story.check_causes()
        check_enough(c, story, asked=False)


Scenario = Callable[[Context], None]
PLAIN: list[Scenario] = [undisturbed, killed_and_moved, workers_and_task_managers]
LONG_PLAIN: list[Scenario] = [killed_and_moved_in_a_file, killed_and_moved_in_python, killed_and_moved_in_python_and_a_file]
STANDBY: list[Scenario] = [taken_over, broker_away]
LONG_STANDBY: list[Scenario] = [taken_over_in_python]
