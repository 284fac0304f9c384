"""What jobs that have not ended are doing: printed when a scenario fails, since nobody can look at the cluster later."""

from __future__ import annotations

from typing import Any

from rest import FINAL, Rest

# Lines of one thread's stack, and of all text, at most.
FRAMES = 25
LINES = 400
FAILURES = 5
# Threads whose stacks tell what holds up a task.
TELLING = ("action-execute-operator", "flink-agents")


def describe(rest: Rest) -> str:
    """State, last failures, pending checkpoints with the tasks that hold them up, and stacks of threads; for people."""
    lines: list[str] = []
    for job in rest.get("/jobs")["jobs"]:
        if job["status"] not in FINAL:
            lines += _job(rest, str(job["id"]), str(job["status"]))
    return "\n".join(lines[:LINES])


def _job(rest: Rest, job: str, status: str) -> list[str]:
    lines = [f"job {job} is {status}"]
    lines += [f"  failed: {failure[:500]}" for failure in rest.failures(job)[:FAILURES]]
    vertices = rest.get(f"/jobs/{job}")["vertices"]
    for vertex in vertices:
        states = ", ".join(f"{count} {state}" for state, count in vertex["tasks"].items() if count)
        lines.append(f"  {vertex['name'][:80]}: {states}; {vertex['metrics']['read-records']} read, {vertex['metrics']['write-records']} written")
    checkpoints = rest.get(f"/jobs/{job}/checkpoints")
    lines.append(f"  checkpoints: {checkpoints['counts']}")
    for checkpoint in checkpoints["history"]:
        if checkpoint["status"] == "IN_PROGRESS":
            lines += _checkpoint(rest, job, checkpoint["id"], vertices)
        elif checkpoint["status"] == "FAILED":
            lines.append(f"  checkpoint {checkpoint['id']} failed: {checkpoint.get('failure_message')}")
    hosts = {host["taskmanager-id"] for vertex in vertices
             for host in rest.get(f"/jobs/{job}/vertices/{vertex['id']}/taskmanagers")["taskmanagers"]}
    for host in sorted(hosts):
        lines += _threads(rest, host)
    return lines


def _checkpoint(rest: Rest, job: str, number: int, vertices: list[dict[str, Any]]) -> list[str]:
    lines = []
    for vertex in vertices:
        subtasks = rest.get(f"/jobs/{job}/checkpoints/details/{number}/subtasks/{vertex['id']}")["subtasks"]
        late = [str(subtask["index"]) for subtask in subtasks if subtask["status"] != "completed"]
        if late:
            lines.append(f"  checkpoint {number} waits for {vertex['name'][:80]}, subtasks {', '.join(late)}")
    return lines


def _threads(rest: Rest, host: str) -> list[str]:
    lines = [f"  threads of TaskManager {host}"]
    for thread in rest.get(f"/taskmanagers/{host}/thread-dump")["threadInfos"]:
        if any(text in thread["threadName"] for text in TELLING):
            stack = str(thread["stringifiedThreadInfo"]).splitlines()
            lines += [f"    {line}" for line in stack[:FRAMES] if line.strip()]
    return lines
