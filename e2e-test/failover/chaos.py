"""Rounds in which a seed decides what befalls a job, how often and when. A round is repeated by its seed and number."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from broker import Broker
from ledger import ALL, ASIDE, Ledger
from scenarios import Context
from story import Story

INTERVALS = ("100ms", "300ms", "1s", "5s")
STATES: tuple[dict[str, str], ...] = (
    {},
    {"state.backend.type": "rocksdb", "execution.checkpointing.incremental": "true"},
    {"execution.checkpointing.unaligned.enabled": "true"},
    {"state.backend.type": "rocksdb", "state.changelog.enabled": "true", "state.changelog.periodic-materialize.interval": "2s"},
    {"agent.max-in-flight": "5"},
)
PARALLELISMS = (1, 2, 3, 4)


@dataclass
class Round:
    """One job from its first input to its last, with what a seed does to it."""

    c: Context
    number: int
    main: str = ""
    broker: Broker | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.c.seed} {self.number}")

    def run(self) -> Counter[str]:
        """Runs it; returns what happened how often."""
        c, chance = self.c, self.random
        options = {"execution.checkpointing.interval": chance.choice(INTERVALS), **chance.choice(STATES)}
        count, parallelism, disruptions = chance.randrange(200, 500), chance.choice(PARALLELISMS), chance.randrange(2, 6)
        self.broker = chance.choice((None, c.broker))
        self.main = chance.choice(("Orders", "Orders", "PythonOrders"))
        acts = [self._choose() for _ in range(disruptions)]
        # The moments are chosen here, so that they do not depend on how long anything takes.
        moments = [(chance.randrange(1, 150), chance.random() < 0.6, chance.random()) for _ in acts]
        what = ", ".join(act.__name__.strip("_").replace("_", " ") for act in acts)
        store = "Kafka" if self.broker else "SQLite"
        told = f"round {self.number} of seed {c.seed}, {store}: {self.main}, {count} inputs, {parallelism} subtasks, {options}; {what}"
        failed = c.suite.failed
        with c.suite.scenario(told), Ledger(chance.randrange(1 << 30)) as ledger:
            story = replace(c, broker=self.broker).story(ledger, count, options, self.main)
            story.start(parallelism)
            for act, (after, holds, share) in zip(acts, moments):
                if ledger.count() + after + 50 > 4 * count:
                    break
                self._await(story, after, holds)
                act(story, share)
                c.cluster.complete()
                c.cluster.await_all_slots()
            story.finish()
            story.check_causes()
            verdict = story.judge()
        if c.suite.failed > failed:
            print(f"  to repeat it: make chaos MINUTES=0 SEED={c.seed} ROUND={self.number}", flush=True)
            # The next one is to find the cluster as this one did.
            if self.broker:
                self.broker.resume()
            c.suite.cancel_leftovers(c.cluster)
            # It may have left one too many, or one that stands still.
            for process in list(c.cluster.task_managers):
                c.cluster.kill(process)
            c.cluster.complete()
            c.cluster.await_all_slots()
            return Counter()
        return Counter(rounds=1, entries=ledger.count(), disruptions=len(story.disruptions), hits=sum(story.hits),
                       again=verdict.again, asked=verdict.asked, replayed=verdict.replayed)

    def _await(self, story: Story, entries: int, holds: bool) -> None:
        """Waits until so many more entries are there; then calls may be held up."""
        if holds:
            # A function that a ``def`` action in Python calls holds up all of its worker.
            story.hold(1, entries, ASIDE if self.main == "PythonOrders" else ALL)
        else:
            story.progress(entries)

    def _choose(self) -> Callable[[Story, float], None]:
        acts = [self._one, self._one, self._all, self._twice, self._stop, self._again, self._paused]
        if self.c.cluster.highly_available:
            acts += [self._leader, self._leader, self._standby, self._leader_and_one]
        if self.main == "PythonOrders":
            acts += [self._workers, self._workers]
        if self.broker:
            acts += [self._broker_stands_still, self._broker_dies, self._one_without_broker]
        return self.random.choice(acts)

    # ---- what befalls it; ``share``: a number of the seed's between 0 and 1

    def _one(self, story: Story, share: float) -> None:
        """A TaskManager dies."""
        story.kill("killed a TaskManager", story.hosts()[0])

    def _all(self, story: Story, share: float) -> None:
        """All TaskManagers die."""
        story.kill("killed all TaskManagers", *self.c.cluster.task_managers)

    def _twice(self, story: Story, share: float) -> None:
        """All die, and one of those that take their places, at any moment of the recovery."""
        cluster = self.c.cluster
        victims = list(cluster.task_managers)

        def act() -> None:
            for victim in victims:
                cluster.kill(victim)
            cluster.complete()
            story.ledger.let_go()
            # The moment is what is left to chance: a process of this kind needs some seconds to start.
            time.sleep(2 + 6 * share)
            cluster.kill(cluster.task_managers[0])
        story.disrupt("killed all TaskManagers, and another during the recovery", act, cluster.complete, victims)

    def _stop(self, story: Story, share: float) -> None:
        """Stopped with a savepoint, on with another parallelism."""
        # A savepoint waits for other calls, and for all where inputs wait in front of the agent, and its barrier behind them.
        if "agent.max-in-flight" in story.options:
            story.ledger.let_go()
        else:
            story.ledger.hold(names=ASIDE)
        places: list[str] = []
        parallelism = PARALLELISMS[int(share * len(PARALLELISMS))]
        story.disrupt(
            f"stopped with a savepoint, on with {parallelism} subtasks",
            lambda: places.append(self.c.cluster.rest.stop(story.job, self.c.cluster.base / "savepoints")),
            lambda: story.start(parallelism, places[0]))

    def _again(self, story: Story, share: float) -> None:
        """Cancelled, and submitted again from its last checkpoint."""
        parallelism = PARALLELISMS[int(share * len(PARALLELISMS))]
        lineage = ("continue", "fork")[int(share * 1000) % 2]
        if not self.c.cluster.rest.completed_checkpoints(story.job):
            story.ledger.let_go()
            story.checkpoint()
        story.disrupt(
            f"cancelled, submitted again from the last checkpoint with {parallelism} subtasks ({lineage})",
            lambda: self.c.cluster.rest.cancel(story.job),
            lambda: story.start(parallelism, story.retained(), {"agent.action-state.on-restore": lineage}))

    def _paused(self, story: Story, share: float) -> None:
        """A TaskManager stands still until it has been given up, and then goes on as if nothing had been."""
        cluster = self.c.cluster
        zombie, before = story.hosts()[0], story.failures()

        def act() -> None:
            cluster.pause(zombie)
            cluster.start_task_manager()

        def back() -> None:
            cluster.patiently("the job to notice", 60, lambda: story.failures() > before)
            # In the middle of a commit it would keep the others from theirs.
            until = time.monotonic() + 20 * share
            cluster.patiently("some time to pass", 60, lambda: time.monotonic() > until)
            cluster.resume(zombie)
            story.await_running()
            # Those that took its place may have done all there is to do meanwhile.
            story.progress_if_any(10)
            cluster.kill(zombie)
        story.disrupt("a TaskManager stood still, and went on", act, back, surviving=[zombie])

    def _workers(self, story: Story, share: float) -> None:
        """The workers of a TaskManager die."""
        story.kill_worker()

    def _leader(self, story: Story, share: float) -> None:
        """The leading JobManager dies."""
        cluster = self.c.cluster
        story.disrupt("killed the leading JobManager", lambda: cluster.kill_job_manager(cluster.leader()), cluster.complete)

    def _standby(self, story: Story, share: float) -> None:
        """The JobManager that stands by dies: nothing happens."""
        cluster = self.c.cluster
        leader = cluster.leader()
        for process in [p for p in cluster.job_managers if p is not leader]:
            cluster.kill_job_manager(process)
        story.ledger.let_go()

    def _leader_and_one(self, story: Story, share: float) -> None:
        """The leading JobManager dies together with a TaskManager."""
        cluster = self.c.cluster
        victim = story.busiest()[0]

        def act() -> None:
            cluster.kill(victim)
            cluster.kill_job_manager(cluster.leader())
        story.disrupt("killed the leading JobManager and a TaskManager", act, cluster.complete)

    def _broker_stands_still(self, story: Story, share: float) -> None:
        """For some seconds: nothing else happens."""
        assert self.broker
        self.broker.pause()
        time.sleep(5 * share)
        self.broker.resume()
        story.ledger.let_go()

    def _broker_dies(self, story: Story, share: float) -> None:
        """By SIGKILL, and is started again with what it has."""
        assert self.broker
        self.broker.restart()
        story.ledger.let_go()

    def _one_without_broker(self, story: Story, share: float) -> None:
        """A TaskManager dies while the broker stands still, for some time of the recovery."""
        assert self.broker
        broker, cluster = self.broker, self.c.cluster
        victim, before = story.hosts()[0], story.failures()

        def act() -> None:
            broker.pause()
            cluster.kill(victim)
            cluster.complete()
            cluster.patiently("the job to notice", 60, lambda: story.failures() > before)
            time.sleep(5 * share)
        story.disrupt("killed a TaskManager while the broker stood still", act, broker.resume, [victim])


def run_rounds(c: Context, first: int, enough: Callable[[int], bool]) -> None:
    """Runs rounds until there are enough, and says what happened in all."""
    total: Counter[str] = Counter()
    done = 0
    while not done or not enough(done):
        total += Round(c, first + done).run()
        done += 1
    print(f"\n{', '.join(f'{what} {count}' for what, count in total.items())}", flush=True)
    for what in ("hits", "replayed", "again"):
        # One round alone may have met nothing.
        c.suite.check(f"{what} in {done} rounds: {total[what]}", "" if total[what] or done == 1 else "nothing was shown")
