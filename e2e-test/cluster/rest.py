"""Flink's REST interface, as far as the cluster test uses it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
FINAL = ("FINISHED", "CANCELED", "FAILED")


class RestError(Exception):
    """An answer that says no, with its text."""


def wait_for(what: str, seconds: float, probe: Callable[[], T | None]) -> T:
    """Calls ``probe`` until it gives something true, and returns that; TimeoutError names what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


class Rest:
    """A client of one JobManager."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: Any = None, content: tuple[str, bytes] | None = None) -> Any:
        """Sends a request; returns the answer's JSON. RestError if the answer is an error, OSError if there is none."""
        headers = {}
        data = None
        if content is not None:
            headers["Content-Type"], data = content
        elif body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as e:
            raise RestError(f"{method} {path}: {e.code} {e.read().decode(errors='replace')}") from e
        return json.loads(text) if text else None

    def get(self, path: str) -> Any:
        """GET."""
        return self.call("GET", path)

    def overview(self) -> dict[str, Any] | None:
        """The cluster's overview; None while there is no answer."""
        try:
            return self.get("/overview")
        except (OSError, RestError, ValueError):
            return None

    # ---- jars

    def upload(self, jar: Path) -> str:
        """Uploads a jar; returns its id."""
        boundary = uuid.uuid4().hex
        head = (f'--{boundary}\r\nContent-Disposition: form-data; name="jarfile"; filename="{jar.name}"\r\n'
                "Content-Type: application/x-java-archive\r\n\r\n").encode()
        data = head + jar.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        answer = self.call("POST", "/jars/upload", content=(f"multipart/form-data; boundary={boundary}", data))
        return str(answer["filename"]).rsplit("/", 1)[1]

    def run_jar(self, jar_id: str, main: str, args: list[str], **more: Any) -> str:
        """Runs a class of an uploaded jar; returns the job's id."""
        answer = self.call("POST", f"/jars/{jar_id}/run", {"entryClass": main, "programArgsList": args, **more})
        return str(answer["jobid"])

    # ---- jobs

    def state(self, job: str) -> str:
        """The job's state, as Flink names it."""
        return str(self.get(f"/jobs/{job}")["state"])

    def await_state(self, job: str, state: str, seconds: float) -> None:
        """Waits for a state; RuntimeError with the root cause if the job ends in another one."""
        def probe() -> bool:
            now = self.state(job)
            if now != state and now in FINAL:
                raise RuntimeError(f"job {job} is {now}, expected {state}: {self.root_cause(job)}")
            return now == state
        wait_for(f"job {job} {state}", seconds, probe)

    def root_cause(self, job: str) -> str:
        """Why a job failed last; empty if it did not."""
        history = self.get(f"/jobs/{job}/exceptions").get("exceptionHistory", {}).get("entries", [])
        return str(history[0]["stacktrace"]) if history else ""

    def failures(self, job: str) -> list[str]:
        """Why a job failed or restarted, the last first, as far back as Flink remembers: a line each."""
        history = self.get(f"/jobs/{job}/exceptions").get("exceptionHistory", {}).get("entries", [])
        return [str(entry["stacktrace"]).partition("\n")[0] for entry in history]

    def completed_checkpoints(self, job: str) -> int:
        """How many checkpoints of the job have been completed, savepoints included."""
        return int(self.get(f"/jobs/{job}/checkpoints")["counts"]["completed"])

    def restored(self, job: str) -> int:
        """How often the job's state was restored."""
        return int(self.get(f"/jobs/{job}/checkpoints")["counts"]["restored"])

    def await_checkpoints(self, job: str, count: int, seconds: float = 180) -> None:
        """Waits until so many checkpoints have been completed; RuntimeError with the root cause if the job ends before."""
        def probe() -> bool:
            now = self.state(job)
            if self.completed_checkpoints(job) >= count:
                return True
            if now in FINAL:
                raise RuntimeError(f"job {job} is {now}, before {count} checkpoints: {self.root_cause(job)}")
            return False
        wait_for(f"{count} checkpoints of job {job}", seconds, probe)

    def records_read(self, job: str, vertex: str) -> int:
        """How many records the vertices whose name contains a text have read."""
        vertices = self.get(f"/jobs/{job}")["vertices"]
        return sum(int(v["metrics"]["read-records"]) for v in vertices if vertex in v["name"])

    def all_running(self, job: str) -> bool:
        """Whether each task of a job runs; without that no savepoint can be taken."""
        return all(v["tasks"]["RUNNING"] == v["parallelism"] for v in self.get(f"/jobs/{job}")["vertices"])

    def parallelism(self, job: str, vertex: str) -> int:
        """The greatest parallelism of the vertices whose name contains a text; 0 if there is none."""
        vertices = self.get(f"/jobs/{job}")["vertices"]
        return max((int(v["parallelism"]) for v in vertices if vertex in v["name"]), default=0)

    def savepoint(self, job: str, folder: Path, seconds: float = 60) -> str:
        """Takes a savepoint and lets the job go on; returns the savepoint's place."""
        trigger = self.call("POST", f"/jobs/{job}/savepoints", {"target-directory": folder.as_uri()})["request-id"]
        return self._await_savepoint(job, str(trigger), seconds)

    def stop(self, job: str, folder: Path, seconds: float = 60) -> str:
        """Stops a job with a savepoint, without drain; returns the savepoint's place."""
        return self.stopped(job, self.begin_stop(job, folder, drain=False), seconds)

    def begin_stop(self, job: str, folder: Path, *, drain: bool) -> str:
        """Asks for a stop with a savepoint; returns what :meth:`stopped` needs to wait for it."""
        return str(self.call("POST", f"/jobs/{job}/stop", {"targetDirectory": folder.as_uri(), "drain": drain})["request-id"])

    def stopped(self, job: str, trigger: str, seconds: float = 60) -> str:
        """Waits until a job has stopped; returns the savepoint's place."""
        place = self._await_savepoint(job, trigger, seconds)
        self.await_state(job, "FINISHED", seconds)
        return place

    def savepoint_status(self, job: str, trigger: str) -> str:
        """``IN_PROGRESS`` or ``COMPLETED``, whether it worked or not."""
        return str(self.get(f"/jobs/{job}/savepoints/{trigger}")["status"]["id"])

    def _await_savepoint(self, job: str, trigger: str, seconds: float) -> str:
        def probe() -> dict[str, Any] | None:
            answer = self.get(f"/jobs/{job}/savepoints/{trigger}")
            return answer["operation"] if answer["status"]["id"] == "COMPLETED" else None
        operation = wait_for(f"savepoint of job {job}", seconds, probe)
        if "location" not in operation:
            raise RuntimeError(f"savepoint of job {job} failed: {operation['failure-cause']['stack-trace'][:3000]}")
        return str(operation["location"])

    def cancel(self, job: str) -> None:
        """Cancels a job and waits until it is."""
        self.call("PATCH", f"/jobs/{job}?mode=cancel")
        self.await_state(job, "CANCELED", 60)
