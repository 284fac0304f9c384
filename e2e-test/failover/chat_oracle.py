"""What the model server and the ledger must show when no chat and no call of a tool was paid for twice.

An order has three steps, one after another: a chat that wants a tool called, the tool, a chat that says what came of it. A step
that the next one has followed is in the journal, and must never be made again, whatever was killed; the last one is followed by the
first of the next order of its key. What was in flight at a kill is made once more, with the key it had. What was answered when it
came to the kill may be made once more for it: its record may not have been there yet.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from oracle import told

STEPS = ("chat 0", "reserve", "chat 1")


@dataclass(frozen=True)
class Kill:
    """When processes were killed, and when the jobs were running again.

    ``in_flight``: the steps, as order and step, whose answers were held back from before the kill until all tasks had gone.
    ``restarts``: how often the job began anew for it; a process that is missed late makes it begin once more.
    """

    begin: float
    end: float
    in_flight: frozenset[tuple[str, str]] = frozenset()
    restarts: int = 1


@dataclass(frozen=True)
class Attempt:
    """A request of a step, by the clock of the kills. ``key``: by which the server knows it again; empty if it has none."""

    order: str
    step: str
    at: float
    key: str


@dataclass
class Verdict:
    """What was found. ``problems`` is empty if everything is as it must be."""

    problems: list[str] = field(default_factory=list)
    # Attempts beside the first ones, and those of them that were in flight at a kill.
    again: int = 0
    in_flight: int = 0
    # Steps that had been followed before a kill.
    journalled: int = 0

    def problem(self) -> str:
        """A text for :meth:`checks.Suite.check`."""
        return told(self.problems)


def attempts_of(chats: list[dict[str, object]], calls: list[tuple[str, float, str]]) -> list[Attempt]:
    """All attempts: the chats as the model server tells of them, and calls of the tool as order, time and key."""
    found = [Attempt(str(c["first"]), f"chat {c['round']}", float(str(c["asked"])), str(c["key"] or "")) for c in chats]
    return found + [Attempt(order, "reserve", at, key) for order, at, key in calls]


def judge(attempts: list[Attempt], orders: list[str], kills: list[Kill], turn: int) -> Verdict:
    """Judges the attempts of all orders, each of which has come to its end; ``turn`` orders later it is its key's turn again."""
    verdict = Verdict()
    problems = verdict.problems
    by_step: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    step_of: dict[str, tuple[str, str]] = {}
    known = {(order, step) for order in orders for step in STEPS}
    for attempt in sorted(attempts, key=lambda one: one.at):
        step = attempt.order, attempt.step
        if step not in known:
            problems.append(f"there is no such step: {attempt}")
            continue
        earlier = by_step[step]
        if earlier and earlier[0].key != attempt.key:
            problems.append(f"{step} has another key than before: {attempt}, {earlier[0]}")
        if not attempt.key:
            problems.append(f"{step} has no key: {attempt}")
        elif step_of.setdefault(attempt.key, step) != step:
            problems.append(f"{step} has the key of {step_of[attempt.key]}: {attempt}")
        earlier.append(attempt)
    for order, next_order in zip(orders, (*orders[turn:], *([None] * turn))):
        steps = [(order, step) for step in STEPS]
        for step, following in zip(steps, (*steps[1:], (next_order, STEPS[0]))):
            made, followers = by_step.get(step), by_step.get(following)
            if not made:
                problems.append(f"{step} was never made")
                continue
            followed = followers[0].at if followers else float("inf")
            _judge_step(verdict, step, [attempt.at for attempt in made], followed, kills)
    return verdict


def _judge_step(verdict: Verdict, step: tuple[str, str], times: list[float], followed: float, kills: list[Kill]) -> None:
    verdict.again += len(times) - 1
    verdict.journalled += any(followed < kill.begin for kill in kills)
    for kill in kills:
        if step in kill.in_flight:
            verdict.in_flight += 1
            if times[-1] < kill.begin:
                verdict.problems.append(f"{step} was in flight at a kill, and was not made again: {times}, {kill.begin}")
    if times[-1] > followed:
        verdict.problems.append(f"{step} was made again after the next one had followed it: {times}, {followed}")
    if not all(any(kill.begin <= after and before <= kill.end for kill in kills) for before, after in zip(times, times[1:])):
        verdict.problems.append(f"{step} was made again, and nothing was killed in between: {times}")
    elif len(times) - 1 > sum(kill.restarts for kill in kills if times[0] <= kill.end and kill.begin <= times[-1]):
        verdict.problems.append(f"{step} was made more often than once for each kill: {times}")
