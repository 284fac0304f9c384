#!/usr/bin/env python3
"""Tests what judges the failover test: a violation that it does not see would look like success.

Usage: check_oracle.py       The last line is ``N passed, N failed``.
"""

from __future__ import annotations

import http.client
import sys
import threading
import unittest
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "cluster")]
import chat_oracle  # noqa: E402
import oracle  # noqa: E402
from chat_oracle import Attempt, Kill  # noqa: E402
from ledger import Entry, Ledger  # noqa: E402
from oracle import Disruption, Verdict  # noqa: E402

COUNT, KEYS = 8, 1
# Between the entries of input 3 and its key's next one, 6.
KILL = Disruption("killed", 100.0, 110.0)
OLD, NEW = 1, 2


def story() -> list[Entry]:
    """What a run leaves in which the kill hit the charge of input 3, whose reconciler does not count, and input 5."""
    entries: list[Entry] = []
    for number in range(COUNT):
        at = 90.0 + number if number < 6 else 120.0 + number
        for name in oracle.calls_of(number):
            key = f"{number} {name}"
            entries.append(Entry(len(entries), at, oracle.run_of(number), name, key, False, OLD if at < 100 else NEW, f"r{key}", at + 0.01))
    return entries


def index(entries: list[Entry], number: int, name: str) -> int:
    """Where the entry of a call is."""
    return next(i for i, entry in enumerate(entries) if entry.call == (oracle.run_of(number), name))


def judge(entries: list[Entry], *disruptions: Disruption) -> Verdict:
    """The verdict, with entries numbered anew."""
    return oracle.judge([replace(entry, order=i) for i, entry in enumerate(entries)], COUNT, KEYS, list(disruptions))


def again(number: int, name: str, *, after: tuple[int, str], at: float = 115.0, **changes: object) -> list[Entry]:
    """The story with one more entry of a call, right after another."""
    entries = story()
    one = entries[index(entries, number, name)]
    entries.insert(index(entries, *after) + 1, replace(one, at=at, **{"process": NEW, **changes}))  # type: ignore[arg-type]
    return entries


class Judging(unittest.TestCase):
    def assert_problem(self, text: str, verdict: Verdict) -> None:
        self.assertEqual(1, len(verdict.problems), verdict.problems)
        self.assertIn(text, verdict.problems[0])

    def test_what_is_right_is_found_right(self) -> None:
        verdict = judge(story(), KILL)
        self.assertEqual([], verdict.problems)
        self.assertEqual((0, 0), (verdict.again, verdict.asked))

    def test_a_call_under_way_may_be_made_again(self) -> None:
        entries = again(5, "audit", after=(5, "audit"))
        entries[index(entries, 5, "audit")].answered = None
        verdict = judge(entries, KILL)
        self.assertEqual([], verdict.problems)
        self.assertEqual(1, verdict.again)

    def test_one_answered_shortly_before_may_and_one_answered_long_before_may_not(self) -> None:
        self.assertEqual([], judge(again(5, "audit", after=(5, "audit")), KILL).problems)
        late = replace(KILL, begin=107.0)
        self.assert_problem("s after its answer", judge(again(5, "audit", after=(5, "audit")), late))

    def test_without_a_failure_in_between_none_may(self) -> None:
        self.assert_problem("nothing failed since", judge(again(5, "audit", after=(5, "audit"))))
        self.assert_problem("nothing failed since", judge(again(5, "audit", after=(5, "audit"), at=99.0), KILL))

    def test_one_that_another_has_followed_may_not(self) -> None:
        entries = again(5, "reserve", after=(5, "charge"))
        self.assert_problem("other calls have followed it", judge(entries, KILL))

    def test_one_whose_key_has_gone_on_may_not(self) -> None:
        self.assert_problem("its key has come to input 5", judge(again(2, "audit", after=(5, "audit")), KILL))

    def test_a_process_that_was_given_up_may_be_late(self) -> None:
        entries = again(5, "reserve", after=(5, "charge"), at=105.0, process=OLD)
        self.assert_problem("other calls", judge(entries, KILL))
        self.assertEqual([], judge(entries, replace(KILL, surviving=frozenset({OLD}))).problems)

    def test_keys_are_the_same_in_each_attempt_and_of_one_call(self) -> None:
        self.assert_problem("another idempotency key", judge(again(5, "audit", after=(5, "audit"), key="new"), KILL))
        entries = story()
        entries[-1].key = entries[0].key
        self.assert_problem("has the idempotency key of", judge(entries, KILL))

    def test_reconcilers_are_asked_instead_of_calls_and_only_where_there_is_one(self) -> None:
        self.assertTrue(oracle.is_reconciled(1) and not oracle.is_reconciled(5))
        entries = [entry for entry in story() if entry.run != oracle.run_of(1) or entry.name in ("reserve", "charge", "audit")]
        charge = entries[index(entries, 1, "charge")]
        asks = [*entries, replace(charge, asks=True, at=115.0)]
        # Its key has gone on in the story: here only who is asked counts.
        self.assertFalse(any("reconciler" in text for text in judge(asks, KILL).problems))
        self.assertEqual(1, judge(asks, KILL).asked)
        makes = [*entries, replace(charge, at=115.0)]
        self.assertTrue(any("instead of asking its reconciler" in text for text in judge(makes, KILL).problems))
        self.assertTrue(any("has no reconciler" in text for text in judge(again(5, "audit", after=(5, "audit"), asks=True), KILL).problems))

    def test_missing_and_unknown_calls_are_found(self) -> None:
        self.assert_problem("lacks its call audit", judge(story()[:-1], KILL))
        entries = story()
        entries.append(replace(entries[-1], name="release"))
        self.assert_problem("there is no such call", judge(entries, KILL))

    def test_results_from_the_journal_are_counted(self) -> None:
        entries = story()
        for entry in entries[index(entries, 5, "charge"):index(entries, 6, "reserve")]:
            entry.at = 112.0
        self.assertEqual(1, judge(entries, KILL).replayed)

    def test_outputs_have_the_receipts_of_the_ledger(self) -> None:
        entries = story()
        rings: dict[int, int] = {}
        lines = []
        for number, line in enumerate(oracle.outputs(COUNT, KEYS)[::2]):
            joined = "+".join(f"r{number} {name}" for name in oracle.calls_of(number)[:-1])
            key = number % 3
            rings[key] = oracle.as_long(rings.get(key, 0) * 31 + oracle.java_hash(joined))
            lines += [f"{line},{rings[key]},{joined}", f"audit,{oracle.run_of(number)},{number // 3 + 1},r{number} audit"]
        self.assertEqual("", oracle.check_receipts(lines, entries, COUNT, KEYS))
        self.assertEqual(sorted(oracle.outputs(COUNT, KEYS)), sorted(oracle.without_receipts(lines)))
        self.assertNotEqual("", oracle.check_receipts([*lines[:-1], lines[-1] + "x"], entries, COUNT, KEYS))
        self.assertNotEqual("", oracle.check_receipts(lines[:-1], entries, COUNT, KEYS))


class JudgingChats(unittest.TestCase):
    """Three orders, each a second long; the kill is in the second step of the last."""

    ORDERS = ("a/0", "a/1", "a/2")
    KILLED = Kill(102.55, 110.0)

    def attempts(self, *more: tuple[str, str, float], key: str = "") -> list[Attempt]:
        """What an undisturbed run leaves, and more."""
        made = [Attempt(order, step, 100.0 + number + place * 0.5, f"{order} {step}") for number, order in enumerate(self.ORDERS)
                for place, step in enumerate(chat_oracle.STEPS)]
        if more:
            # After the kill comes what was in flight, and what follows it.
            made = [one if (one.order, one.step) != ("a/2", "chat 1") else replace(one, at=112.0) for one in made]
        return [*made, *(Attempt(order, step, at, key or f"{order} {step}") for order, step, at in more)]

    def judge(self, attempts: list[Attempt], *kills: Kill) -> chat_oracle.Verdict:
        # All are of one key: an order follows the one before it.
        return chat_oracle.judge(attempts, list(self.ORDERS), list(kills), 1)

    def assert_problem(self, text: str, verdict: chat_oracle.Verdict) -> None:
        self.assertEqual(1, len(verdict.problems), verdict.problems)
        self.assertIn(text, verdict.problems[0])

    def test_what_is_right_is_found_right(self) -> None:
        self.assertEqual([], self.judge(self.attempts()).problems)
        verdict = self.judge(self.attempts(("a/2", "reserve", 111.0)), self.KILLED)
        self.assertEqual([], verdict.problems)
        self.assertEqual((1, 0, 7), (verdict.again, verdict.in_flight, verdict.journalled))

    def test_what_was_followed_may_not_be_made_again(self) -> None:
        self.assert_problem("after the next one", self.judge(self.attempts(("a/2", "chat 0", 111.0)), self.KILLED))

    def test_the_last_step_of_an_order_is_followed_by_the_next_one_of_its_key(self) -> None:
        attempts = self.attempts(("a/2", "reserve", 111.0), ("a/1", "chat 1", 111.0))
        self.assert_problem("after the next one", self.judge(attempts, self.KILLED))
        # Two orders later it is: there is none.
        self.assertEqual([], chat_oracle.judge(attempts, list(self.ORDERS), [self.KILLED], 2).problems)

    def test_what_was_in_flight_is_made_again(self) -> None:
        killed = replace(self.KILLED, in_flight=frozenset({("a/2", "reserve")}))
        verdict = self.judge(self.attempts(("a/2", "reserve", 111.0)), killed)
        self.assertEqual(([], 1), (verdict.problems, verdict.in_flight))
        self.assert_problem("was not made again", self.judge(self.attempts(), killed))

    def test_nothing_is_made_again_without_a_kill_or_twice_for_one(self) -> None:
        self.assert_problem("nothing was killed", self.judge(self.attempts(("a/2", "reserve", 102.52)), self.KILLED))
        twice = self.attempts(("a/2", "reserve", 105.0), ("a/2", "reserve", 111.0))
        self.assert_problem("more often than once", self.judge(twice, self.KILLED))
        self.assertEqual([], self.judge(twice, replace(self.KILLED, end=104.0), Kill(106.0, 110.0)).problems)
        self.assertEqual([], self.judge(twice, replace(self.KILLED, restarts=2)).problems)

    def test_keys_stay_and_are_of_one_step(self) -> None:
        self.assert_problem("another key", self.judge(self.attempts(("a/2", "reserve", 111.0), key="new"), self.KILLED))
        same = [replace(one, key="same") if one.step == "chat 0" and one.order != "a/0" else one for one in self.attempts()]
        self.assert_problem("has the key of", self.judge(same))
        none = [replace(one, key="") if one == same[0] else one for one in self.attempts()]
        self.assert_problem("has no key", self.judge(none))

    def test_missing_and_unknown_steps_are_found(self) -> None:
        self.assert_problem("('a/2', 'chat 1') was never made", self.judge(self.attempts()[:-1]))
        self.assert_problem("no such step", self.judge(self.attempts(("a/3", "reserve", 99.0))))

    def test_attempts_are_made_of_what_both_servers_tell(self) -> None:
        chats = [{"first": "a/0", "round": 1, "asked": 5.5, "key": None, "answered": None}]
        self.assertEqual([Attempt("a/0", "chat 1", 5.5, ""), Attempt("a/0", "reserve", 4.5, "k")],
                         chat_oracle.attempts_of(chats, [("a/0", 4.5, "k")]))


class Answering(unittest.TestCase):
    def test_entries_receipts_refusals_and_answers_held_back(self) -> None:
        with Ledger(0) as ledger:
            def post(path: str, key: str) -> tuple[int, str]:
                connection = http.client.HTTPConnection(ledger.url.partition("//")[2], timeout=30)
                connection.request("POST", path, headers={"Idempotency-Key": key, "Process": "7"})
                answer = connection.getresponse()
                text = answer.read().decode()
                connection.close()
                return answer.status, text
            self.assertEqual((200, "0"), post("/call/name/0/charge", "a"))
            self.assertEqual((409, "1"), post("/call/name/3/charge", "b"))
            self.assertEqual((200, "0"), post("/reconcile/name/0/charge", "a"))
            ledger.hold()
            answers: list[tuple[int, str]] = []
            thread = threading.Thread(target=lambda: answers.append(post("/call/name/0/ship", "c")))
            thread.start()
            self.assertEqual(1, ledger.await_held(1))
            self.assertEqual([], answers)
            self.assertIsNone(ledger.entries()[3].answered)
            self.assertEqual([False, False, False, True], [entry.held for entry in ledger.entries()])
            ledger.let_go()
            thread.join()
            self.assertEqual([(200, "3")], answers)
            self.assertEqual([False, False, True, False], [entry.asks for entry in ledger.entries()])
            self.assertEqual({7}, {entry.process for entry in ledger.entries()})


def main() -> int:
    """Runs the tests."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
