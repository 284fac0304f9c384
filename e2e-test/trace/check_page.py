#!/usr/bin/env python3
"""Uses the page of ``flink-agents trace`` in a headless Chromium as a person does: clicks, keys, and what is to be seen.

Usage: check_page.py [--docs]      With --docs it also writes the pictures of docs/operations.

Needs the command ``flink-agents`` of target/venv-test (scripts/python-env), or another one that the variable FLINK_AGENTS names,
and a Chromium (see browser.py). Pictures are left in target/trace. The last line is ``N passed, N failed``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import Browser  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "trace"
COMMAND = os.environ.get("FLINK_AGENTS", str(ROOT / "target" / "venv-test" / "bin" / "flink-agents"))
DOCS = ROOT / "docs" / "operations"


def make(name: str, *arguments: str) -> Path:
    """Return the page of a log that is made up."""
    logs = WORK / name
    subprocess.run([sys.executable, "-B", str(ROOT / "e2e-test" / "trace" / "make_log.py"), str(logs), *arguments], check=True)
    return page_of(name, logs)


def page_of(name: str, logs: Path) -> Path:
    """Return the page of logs."""
    page = WORK / f"{name}.html"
    told = subprocess.run([COMMAND, "trace", str(logs), "--format", "html", "--out", str(page)], check=True, capture_output=True, text=True)
    assert told.stdout.startswith(str(page)), told
    return page


def document(logs: Path, *arguments: str) -> list[dict]:
    """Return the runs that the command tells of."""
    text = subprocess.run([COMMAND, "trace", str(logs), "--format", "json", *arguments], check=True, stdout=subprocess.PIPE).stdout
    return json.loads(text)["runs"]


def same(found: object, expected: object) -> None:
    assert found == expected, f"{found!r}, and not {expected!r}"


def titles(browser: Browser) -> list[str]:
    """The runs of the list that can be seen, from above."""
    return browser.run("""[...document.querySelectorAll(".run")].sort((a, b) => a.offsetTop - b.offsetTop).map((e) => e.querySelector(".name").innerText)""")


def first_sight(browser: Browser) -> None:
    """Without a click: what failed, where and why."""
    browser.open(WORK / "outage.html")
    browser.picture(WORK / "first-sight.png")
    failed = document(WORK / "outage", "--failed")
    worst = [run for run in failed if run["status"] == "failed"]
    same(browser.text("#statuses .failed b"), str(len(worst)))
    youngest = max(worst, key=lambda run: run["start"])
    same(titles(browser)[0], youngest["key"])
    same(browser.text("#detail h2"), f"Key {youngest['key']}")
    error = next(e for e in reversed(youngest["executions"]) if e["status"] == "failed" and e["kind"] == "action")
    assert error["errorMessage"].split("\n")[0] in browser.text(".alert .message")
    assert error["name"] in browser.text('.row[aria-selected="true"]')
    assert error["errorType"] in browser.text("#inspect .error")
    # Most frequent first.
    counts = [int(text) for text in browser.texts("#errors b")]
    same(counts, sorted(counts, reverse=True))
    assert "HttpTimeoutException in classify" in browser.texts("#errors button")[0]


def filters(browser: Browser) -> None:
    """By status, error, type, time and text; each filter counts what the others leave."""
    browser.open(WORK / "outage.html")
    runs = document(WORK / "outage")
    browser.click("#errors button", "HttpTimeout")
    timeouts = int(browser.texts("#errors b")[0])
    assert browser.text("#count").startswith(f"{timeouts} of "), browser.text("#count")
    browser.click("#errors button", "HttpTimeout")
    browser.click("#statuses button", "unfinished")
    unfinished = [run["key"] for run in runs if run["status"] == "unfinished"]
    same(sorted(titles(browser)), sorted(unfinished))
    assert "no end" in browser.text('.row[aria-selected="true"]')
    browser.picture(WORK / "unfinished.png")
    browser.click("#clear")
    same(browser.text("#count"), f"{len(runs):,} runs")
    browser.choose("#type", "tool find_orders")
    with_tool = sum(any(e["kind"] == "tool" and e["name"] == "find_orders" for e in run["executions"]) for run in runs)
    assert browser.text("#count").startswith(f"{with_tool:,} of "), browser.text("#count")
    browser.click("#clear")
    browser.drag("#histogram", .45, .6)
    first, second = browser.run('[document.getElementById("from").value, document.getElementById("to").value]')
    assert "2026-01-31T02:45" < first < second < "2026-01-31T03:25", (first, second)
    within = int(browser.text("#count").split(" ")[0].replace(",", ""))
    assert 0 < within < len(runs) / 4, within
    browser.picture(WORK / "time.png")
    browser.click("#clear")
    browser.click("#find")
    wanted = runs[len(runs) // 2]
    browser.type(wanted["key"])
    browser.wait(f'document.getElementById("count").innerText.startsWith("{sum(run["key"] == wanted["key"] for run in runs)} of")')
    same(set(titles(browser)), {wanted["key"]})
    browser.type(" nowhere")
    browser.wait('document.querySelector("#detail .empty")')
    browser.click("#detail button", "Clear filters")
    same(browser.text("#count"), f"{len(runs):,} runs")


def tree(browser: Browser) -> None:
    """Rows open, close, and show what was carried."""
    browser.open(WORK / "outage.html")
    browser.click("#statuses button", "done")
    browser.click(".run", "customer")
    rows = browser.texts(".row .text")
    same([name for name in rows if name in ("classify", "look_up", "answer")], ["classify", "look_up", "answer"])
    browser.click(".row", "TicketClassified")
    assert '"category"' in browser.text("#inspect pre")
    same(browser.text("#inspect h3"), "TicketClassified")
    browser.click(".row.action .twist")
    visible = browser.run('[...document.querySelectorAll(".row")].filter((row) => row.offsetParent).length')
    assert visible < len(rows)
    browser.click(".row.action .twist")
    same(browser.run('[...document.querySelectorAll(".row")].filter((row) => row.offsetParent).length'), len(rows))
    # Bars lie in the order of time, and none leaves the axis.
    bars = browser.run("""[...document.querySelectorAll(".bar")].map((bar) => { const a = bar.getBoundingClientRect(), b = bar.parentNode.getBoundingClientRect(); return [a.left - b.left, b.right - a.right]; })""")
    assert all(left >= -1 and right >= -4 for left, right in bars), bars


def replays(browser: Browser) -> None:
    """What was taken from the store says so."""
    browser.open(WORK / "outage.html")
    run = next(run for run in document(WORK / "outage") if run.get("reused") and run["status"] == "done")
    browser.open(WORK / "outage.html", "#" + run["id"])
    same(browser.text("#detail h2"), f"Key {run['key']}")
    same(browser.texts(".row.reused .badge"), ["replayed"])
    assert "logged 2×" in browser.texts(".row.event .badge")
    browser.click(".row.reused")
    assert "not done again" in browser.text("#inspect dl")
    browser.picture(WORK / "replayed.png")


def keys(browser: Browser) -> None:
    """All of it without a mouse."""
    browser.open(WORK / "outage.html")
    start = titles(browser)
    browser.key("j")
    browser.key("ArrowDown")
    same(browser.text("#detail h2"), f"Key {start[2]}")
    browser.key("k")
    same(browser.text("#detail h2"), f"Key {start[1]}")
    browser.key("End")
    browser.key("p")
    failed = int(browser.text("#statuses .failed b"))
    same(browser.run('Number(document.querySelector(\'.run[aria-selected="true"]\').getAttribute("aria-posinset"))'), failed)
    browser.key("Home")
    browser.key("Enter")
    chosen = browser.text('.row[aria-selected="true"] .text')
    browser.key("ArrowUp")
    assert browser.text('.row[aria-selected="true"] .text') != chosen
    browser.key("ArrowLeft")
    same(browser.run('document.activeElement.className.startsWith("row")'), True)
    browser.key("Escape")
    same(browser.run("document.activeElement.id"), "list")
    browser.key("/")
    browser.type("quota")
    browser.key("Enter")
    browser.wait('document.getElementById("count").innerText.includes(" of ")')
    assert all("customer" in title for title in titles(browser))
    assert "quota" in browser.text(".alert .message")
    browser.key("x")
    browser.key("?")
    same(browser.run('document.getElementById("help").open'), True)
    browser.picture(WORK / "help.png")
    browser.key("Escape")
    same(browser.run('document.getElementById("help").open'), False)


def dark(browser: Browser) -> None:
    """As the system is set, and by a key."""
    background = "getComputedStyle(document.body).backgroundColor"
    browser.open(WORK / "outage.html")
    light = browser.run(background)
    browser.dark(True)
    browser.wait(f'{background} !== "{light}"')
    browser.picture(WORK / "dark.png")
    browser.key("t")
    same(browser.run(background), light)
    browser.dark(False)


def many(browser: Browser) -> None:
    """Ten thousand runs: quick, and with rows for those only that are seen."""
    browser.open(WORK / "many.html")
    same(browser.text("#count"), "10,000 runs")
    browser.key("End")
    same(browser.run('document.querySelector(\'.run[aria-selected="true"]\').getAttribute("aria-posinset")'), "10000")
    assert browser.run('document.querySelectorAll(".run").length') < 60
    took = browser.run("""(async () => { const list = document.getElementById("list"); let worst = 0;
        for (let share = 0; share <= 1; share += .02) { const start = performance.now(); list.scrollTop = share * list.scrollHeight;
            list.dispatchEvent(new Event("scroll")); worst = Math.max(worst, performance.now() - start); await new Promise(requestAnimationFrame); }
        return worst; })()""")
    assert took < 250, f"{took} ms for a screen of the list"
    took = browser.run("""(async () => { const start = performance.now(); document.querySelector("#statuses .failed").click();
        await new Promise(requestAnimationFrame); return performance.now() - start; })()""")
    assert took < 3000, f"{took} ms for a filter"


def plain(browser: Browser) -> None:
    """A log without execution records, of several jobs, with lines that are none."""
    folder = WORK / "plain"
    (folder / "events-another-task-0.log").write_text('{"timestamp":"2026-01-31T03:00:00Z","eventId":"x","eventType":"_input_event","eventAttributes":{"input":"<img src=x onerror=alert(1)></script>","order":9007199254740993}}\n{"cut')
    page_of("plain", folder)
    browser.open(WORK / "plain.html")
    same(browser.texts("#statuses .failed"), [])
    assert int(browser.text("#statuses .no-output b")) >= 1
    browser.click("#warnings-button")
    assert "MALFORMED_RECORD" in browser.text("#warning-list")
    browser.key("Escape")
    browser.click("#find")
    browser.type("onerror")
    browser.wait('document.getElementById("count").innerText.startsWith("1 of")')
    assert "<img src=x onerror=alert(1)></script>" in browser.text("#inspect pre")
    same(browser.run('document.querySelectorAll("img").length'), 0)
    assert '"order": 9007199254740993' in browser.text("#inspect pre"), "numbers are as in the log"
    browser.key("Escape")
    browser.key("x")
    browser.click("#statuses button", "done")
    assert browser.run('document.querySelectorAll(".bar.guess").length') > 0
    browser.picture(WORK / "plain.png")


def narrow(browser: Browser) -> None:
    """On a small screen nothing lies beside it."""
    browser.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    browser.open(WORK / "outage.html")
    wide = browser.run("document.documentElement.scrollWidth")
    browser.picture(WORK / "narrow.png")
    browser.call("Emulation.setDeviceMetricsOverride", width=browser.size[0], height=browser.size[1], deviceScaleFactor=1, mobile=False)
    assert wide <= 700, wide


CHECKS: tuple[Callable[[Browser], None], ...] = (first_sight, filters, tree, replays, keys, dark, many, plain, narrow)


def pictures(browser: Browser) -> None:
    """Those of the documents."""
    browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=680, deviceScaleFactor=1, mobile=False)
    browser.open(WORK / "outage.html")
    browser.click("#errors button", "HttpTimeout")
    browser.picture(DOCS / "trace-failed.webp")
    run = next(run for run in document(WORK / "outage") if run.get("reused") and run["status"] == "done")
    browser.dark(True)
    browser.open(WORK / "outage.html", "#" + run["id"])
    browser.picture(DOCS / "trace-replayed.webp")


def main() -> int:
    """Runs all checks; returns the exit status."""
    WORK.mkdir(parents=True, exist_ok=True)
    make("outage", "--runs", "3000")
    make("many", "--runs", "10000", "--seed", "2")
    make("plain", "--runs", "300", "--plain")
    passed = failed = 0
    with Browser() as browser:
        browser.dark(False)
        for check in CHECKS:
            try:
                check(browser)
                same(browser.complaints(), [])
                passed += 1
                print(f"ok      {check.__doc__}")
            except (AssertionError, RuntimeError):
                failed += 1
                print(f"failed  {check.__doc__}\n{traceback.format_exc()}")
                browser.picture(WORK / f"failed-{check.__name__}.png")
        if "--docs" in sys.argv[1:]:
            pictures(browser)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
