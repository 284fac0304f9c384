"""Flink's WebUI in a headless Chromium: pictures of a running agent for docs/operations/monitoring.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "trace"))
from browser import Browser  # noqa: E402
from rest import Rest  # noqa: E402

AGENT = "action-execute-operator"
SHOWN = ("numOfRunsInFlight", "numOfSuspendedTasks", "numOfActionsExecutedPerSec", "numOfUnacknowledgedRecords")
# Seconds, as the curves show.
WATCHED = 40
MAX_BYTES = 150_000
DRAWN = 3
HEIGHT = 1560


def take_pictures(rest: Rest, folder: Path) -> list[Path]:
    """Takes pictures of the first job that runs; returns the files. RuntimeError if one is too large."""
    job = next(job["id"] for job in rest.get("/jobs")["jobs"] if job["status"] == "RUNNING")
    agent = next(vertex["id"] for vertex in rest.get(f"/jobs/{job}")["vertices"] if AGENT in vertex["name"])
    files = [folder / "webui-job.webp", folder / "webui-metrics.webp"]
    page = f"{rest.base}/#/job/running/{job}/overview"
    with Browser(1280, 860) as browser:
        browser.go(page)
        browser.click(".trigger")
        browser.wait(f"document.body.innerText.includes('{AGENT}')")
        rest_a_while(browser, DRAWN)
        browser.picture(files[0])
    with Browser(1280, HEIGHT) as browser:
        browser.go(f"{page}/{agent}/metrics")
        browser.click(".trigger")
        # The pane is lower than four curves are high.
        browser.wait("!!document.querySelector('flink-job-overview-drawer')")
        browser.run(f"document.querySelector('flink-job-overview-drawer').parentElement.style.height = '{HEIGHT - 330}px'")
        browser.click("a.handler.full")
        for number, name in enumerate(SHOWN, 1):
            browser.click("nz-select")
            browser.wait("document.activeElement.tagName === 'INPUT'")
            browser.type(name)
            browser.click(f"nz-option-item[title='0.{AGENT}.{name}']")
            browser.wait(f"document.querySelectorAll('flink-job-chart canvas').length === {number}")
        # Large enough for their names to be read.
        browser.run("document.querySelectorAll('flink-job-chart').forEach((chart) => "
                    "[...chart.querySelectorAll('button')].find((button) => button.innerText === 'Big').click())")
        rest_a_while(browser, WATCHED)
        browser.picture(files[1])
    large = [file.name for file in files if file.stat().st_size > MAX_BYTES]
    if large:
        raise RuntimeError(f"larger than {MAX_BYTES} bytes: {large}")
    return files


def rest_a_while(browser: Browser, seconds: float) -> None:
    """Lets the page draw."""
    browser.run(f"new Promise((done) => setTimeout(done, {seconds * 1000}))")
