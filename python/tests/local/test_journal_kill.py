"""A program is killed at random moments until it comes to its end: no side effect is done again but what was under way."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("killed_program.py")
KEYS, INPUTS = 12, 5
CALLS = KEYS * (INPUTS * 9 + 1)


def start(directory, name):
    directory.mkdir(exist_ok=True)
    environment = dict(os.environ, LEDGER=str(directory / "ledger"), OUTPUTS=str(directory / "outputs"))
    environment.pop("FLINK_CONF_DIR", None)
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(KEYS), str(INPUTS), name],
        cwd=directory, env=environment, stderr=subprocess.PIPE, text=True)


def ledger(directory):
    # Who reads may be between the two pages of a line that is being written, and so may a kill.
    file = directory / "ledger"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("]")]


def effects(directory):
    return [line for line in ledger(directory) if line[1] != "start"]


def ended(process):
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return errors


@pytest.mark.timeout(240)
def test_side_effects_are_done_once_but_for_what_was_under_way(tmp_path):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    ended(start(undisturbed, "run"))
    assert len(effects(undisturbed)) == 2 * CALLS

    kills = 0
    at_work = 0
    errors = ""
    until = time.monotonic() + 150
    # What has been done grows with each attempt, or the last one below comes to the end.
    while kills < 25 and time.monotonic() < until:
        before = ledger(killed)
        process = start(killed, "run")
        while len(ledger(killed)) == len(before) and process.poll() is None:
            time.sleep(0.002)
        # At a moment of its start and replay, or after some side effects.
        deadline = time.monotonic() + chance.random() * 0.4
        enough = len(before) + 1 + chance.randrange(1, 60)
        while time.monotonic() < deadline and len(ledger(killed)) < enough and process.poll() is None:
            time.sleep(0.001)
        if process.poll() is not None:
            process.communicate(timeout=60)
            break
        process.kill()
        _, said = process.communicate(timeout=60)
        errors += said
        kills += 1
        at_work += any(kind == "begin" for _, kind, *_ in ledger(killed)[len(before):])
    errors += ended(start(killed, "run"))

    context = f"seed {seed}, {kills} kills, {at_work} at work\n{errors}"
    assert kills >= 10 and at_work >= 5, context
    assert "does not match its journal" not in errors, context
    assert json.loads((killed / "outputs").read_text()) == json.loads((undisturbed / "outputs").read_text()), context

    begun, in_attempt, keys = Counter(), set(), defaultdict(set)
    for process, kind, what, key in effects(killed):
        identity = json.dumps(what)
        keys[identity].add(key)
        if kind == "begin":
            begun[identity] += 1
            # In one attempt no call is made twice.
            assert (process, identity) not in in_attempt, context
            in_attempt.add((process, identity))
    # Killed between its first record and its begin, one with a reconciler is only asked for.
    assert len(keys) == CALLS and len(begun) >= CALLS - KEYS, context
    # The same key each time, and another for each call.
    assert all(len(found) == 1 for found in keys.values()), context
    assert len({key for found in keys.values() for key in found}) == CALLS, context
    # Each repetition was under way, or not yet in the store, when its process was killed: of a key at most what can be side
    # by side, which are three calls of its two actions.
    repeated = sum(begun.values()) - len(begun)
    assert repeated <= at_work * KEYS * 3, context
    # One with a reconciler is made once, and then asked for.
    assert all(count == 1 for identity, count in begun.items() if "reconcilable" in identity), context
    # What has ended, and whose successor in the same action has begun, is acknowledged: it is never made again.
    check_never_again(effects(killed), context)

    # Started once more, nothing is done.
    lines = len(effects(killed))
    ended(start(killed, "run"))
    assert len(effects(killed)) == lines
    assert json.loads((killed / "outputs").read_text()) == json.loads((undisturbed / "outputs").read_text())


def check_never_again(lines, context):
    """A call that stands after others in its action begins only when those are in the store."""
    settled = set()
    for _, kind, what, _ in lines:
        if kind != "begin":
            continue
        assert json.dumps(what) not in settled, (what, context)
        function, key, number, *rest = what
        before = []
        if rest in (["left"], ["right"]):
            before = [["blocking", key, number, "first"]]
        elif rest in (["a", 1], ["b", 1]):
            before = [["blocking", key, number, "left"], ["awaited", key, number, "right"]]
        elif rest in (["a", 2], ["b", 2]):
            before = [["awaited", key, number, rest[0], 1]]
        elif function == "refuses":
            before = [["blocking", key, number, "a", 2], ["blocking", key, number, "b", 2]]
        elif function == "reconcilable":
            before = [["refuses", key, number]]
        elif rest == ["first"] and number > 0:
            before = [["awaited", key, number - 1, "beside"], ["refuses", key, number - 1]]
        settled.update(json.dumps(one) for one in before)
