"""What the ledger and the outputs must show when everything was done once.

Which call may be made again is known exactly. A call waits for the records of all that it follows, so one that another call
has followed is durable, and must never be made again, whatever was killed. What nothing has followed yet may be made again, if
a failure lies between, and it was under way or answered shortly before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from expected import as_long, java_hash
from ledger import REFUSALS, REFUSED, Entry, number_of

BRANCHES = ("name", "account", "place")
# For each call of a run, those that it follows.
FOLLOWS = {
    "reserve": (),
    "charge": ("reserve",),
    "ship": ("reserve", "charge"),
    "notify": ("reserve", "charge"),
    "release": ("reserve", "charge"),
    "audit": ("reserve",),
}
# Seconds within which an answer has become durable, on a machine that has other things to do.
DURABLE = 10.0


@dataclass
class Disruption:
    """Something that ends attempts: when it began, and when the job was running again.

    ``surviving``: processes that may still have been at it in between, after they were given up.
    """

    what: str
    begin: float
    end: float
    surviving: frozenset[int] = frozenset()


def run_of(number: int) -> str:
    """The name of an input."""
    return f"{BRANCHES[number % 3]}/{number}"


def is_refused(number: int) -> bool:
    """Whether its charge is refused."""
    return number % REFUSALS == REFUSED


def is_reconciled(number: int) -> bool:
    """Whether its charge has a reconciler."""
    return number // 3 % 2 == 0


def calls_of(number: int) -> tuple[str, ...]:
    """The calls of an input's run."""
    return ("reserve", "charge", *(("release",) if is_refused(number) else ("ship", "notify")), "audit")


def told(problems: list[str]) -> str:
    """Problems as a text, at most eight of them; empty if there is none."""
    return "\n         ".join([f"{len(problems)} violations, such as", *problems[:8]]) if problems else ""


@dataclass
class Verdict:
    """What was found. ``problems`` is empty if everything is as it must be."""

    problems: list[str] = field(default_factory=list)
    # Calls that were made again, and reconcilers that were asked.
    again: int = 0
    asked: int = 0
    # Calls whose result came from the journal: made before a disruption, and followed by others after it.
    replayed: int = 0

    def problem(self) -> str:
        """A text for :meth:`checks.Suite.check`."""
        return told(self.problems)


def judge(entries: list[Entry], count: int, keys: int, disruptions: list[Disruption], *, whole: bool = True) -> Verdict:
    """Judges the entries of inputs ``0`` to ``count - 1`` with so many keys of each kind.

    ``whole``: all inputs have been worked off.
    """
    verdict = Verdict()
    problems = verdict.problems
    by_call: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    key_of: dict[tuple[str, str], str] = {}
    call_of: dict[str, tuple[str, str]] = {}
    # The greatest number, of each key, of which something was seen; the calls of each run that others have followed.
    latest: dict[int, int] = {}
    followed: dict[str, set[str]] = defaultdict(set)
    # A run of a key ends before the next begins; keys of all branches take turns.
    turn = 3 * keys
    for entry in entries:
        number, call = number_of(entry.run), entry.call
        earlier = by_call[call]
        if entry.run != run_of(number) or number >= count or entry.name not in calls_of(number):
            problems.append(f"there is no such call: {entry}")
            continue
        if key_of.setdefault(call, entry.key) != entry.key:
            problems.append(f"{call} has another idempotency key than before: {entry.key}, {earlier}")
        if call_of.setdefault(entry.key, call) != call:
            problems.append(f"{call} has the idempotency key of {call_of[entry.key]}: {entry}")
        if earlier:
            why = _not_again(entry, earlier, disruptions)
            late = _is_late(entry, disruptions)
            if not why and not late and entry.name in followed[entry.run]:
                why = "other calls have followed it"
            if not why and not late and latest.get(number % turn, number) > number:
                why = f"its key has come to input {latest[number % turn]}"
            if why:
                problems.append(f"{call} was made again, {why}: {[*earlier, entry]}")
        verdict.asked += entry.asks
        verdict.again += bool(earlier) and not entry.asks
        if entry.asks and not (entry.name == "charge" and is_reconciled(number)):
            problems.append(f"{call} has no reconciler: {entry}")
        if not entry.asks and earlier and entry.name == "charge" and is_reconciled(number):
            problems.append(f"{call} was made again, instead of asking its reconciler: {[*earlier, entry]}")
        earlier.append(entry)
        followed[entry.run].update(FOLLOWS[entry.name])
        latest[number % turn] = max(latest.get(number % turn, number), number)
    for call, made in by_call.items():
        verdict.replayed += _is_replayed(call, made, by_call, disruptions)
    if whole:
        problems += [f"{run_of(n)} lacks its call {name}" for n in range(count) for name in calls_of(n)
                     if (run_of(n), name) not in by_call]
    return verdict


def _is_late(entry: Entry, disruptions: list[Disruption]) -> bool:
    """Whether it is of a process that had been given up: its call was under way then."""
    return any(entry.process in d.surviving and d.begin <= entry.at <= d.end for d in disruptions)


def _not_again(entry: Entry, earlier: list[Entry], disruptions: list[Disruption]) -> str:
    """Why a call must not be made again in the light of time; empty if it may."""
    last = earlier[-1]
    between = [d for d in disruptions if last.at <= d.end and entry.at >= d.begin]
    if not between:
        return "and nothing failed since"
    if last.answered is not None and all(last.answered + DURABLE < d.begin for d in between):
        return f"{between[-1].begin - last.answered:.1f} s after its answer"
    return ""


def _is_replayed(
    call: tuple[str, str], made: list[Entry], by_call: dict[tuple[str, str], list[Entry]], disruptions: list[Disruption],
) -> bool:
    """Whether a call made once, before a disruption, was followed after it by another of its run."""
    if len(made) != 1:
        return False
    run, name = call
    next_ = [entry.at for other, follows in FOLLOWS.items() if name in follows for entry in by_call.get((run, other), ())]
    return any(made[0].at < d.begin < at for d in disruptions for at in next_)


# ---- outputs


def outputs(count: int, keys: int) -> list[str]:
    """What the inputs give undisturbed, without receipts and what stems from them."""
    counts: dict[int, int] = defaultdict(int)
    traces: dict[int, int] = defaultdict(int)
    lines = []
    for number in range(count):
        run, key = run_of(number), number % (3 * keys)
        outcome = "refused" if is_refused(number) else "settled"
        counts[key] += 1
        traces[key] = as_long(traces[key] * 31 + java_hash(run) + java_hash(outcome))
        lines.append(f"settle,{run},{counts[key]},{outcome},{traces[key]}")
        lines.append(f"audit,{run},{counts[key]}")
    return lines


def without_receipts(lines: Iterable[str]) -> list[str]:
    """Outputs as :func:`outputs` has them."""
    return [line.rsplit(",", 2 if line.startswith("settle") else 1)[0] for line in lines]


def check_receipts(lines: Iterable[str], entries: list[Entry], count: int, keys: int) -> str:
    """Checks that outputs have the receipts of the ledger, and that each key remembers those before; says what is wrong."""
    receipts = {entry.call: entry.receipt for entry in entries}
    rings: dict[int, int] = defaultdict(int)
    right = []
    for number in range(count):
        run, key = run_of(number), number % (3 * keys)
        joined = "+".join(receipts.get((run, name), "?") for name in calls_of(number)[:-1])
        rings[key] = as_long(rings[key] * 31 + java_hash(joined))
        right += [f"{run},{rings[key]},{joined}", f"{run},{receipts.get((run, 'audit'), '?')}"]
    found = []
    for line in lines:
        columns = line.split(",")
        found.append(",".join([columns[1], *columns[-2:]] if columns[0] == "settle" else [columns[1], columns[-1]]))
    missing, extra = Counter(right) - Counter(found), Counter(found) - Counter(right)
    return f"missing {sorted(missing)[:3]}, too many {sorted(extra)[:3]}" if missing or extra else ""
