"""The commands ``flink-agents trace`` and ``flink-agents-trace-tree``: that words, texts and status go to Rust and come back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flink_agents.cli import main as cli


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of one run."""
    records = [
        {"timestamp": "2026-01-01T00:00:00Z", "eventId": "a", "eventType": "_input_event", "eventAttributes": {"input": "ü"}},
        {
            "timestamp": "2026-01-01T00:00:01Z",
            "eventId": "b",
            "eventType": "_output_event",
            "upstreamEventId": "a",
            "upstreamActionName": "echo",
            "eventAttributes": {"output": "ü"},
        },
    ]
    file = tmp_path / "events-0-task-0.log"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def test_runs_in_words_as_json_and_as_a_page(log, tmp_path, capsys) -> None:
    assert cli.main(["trace", str(log.parent)]) == 0
    said = capsys.readouterr()
    assert "1 runs: 1 done" in said.out
    assert said.err == ""
    assert cli.main(["trace", "--format", "json", str(log)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [run["id"] for run in document["runs"]] == ["a"]
    assert cli.main(["trace", "--format", "html", "--out", str(tmp_path / "page.html"), str(log)]) == 0
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    capsys.readouterr()


def test_the_compatible_command_prints_trees(log) -> None:
    command = [str(Path(sys.executable).with_name("flink-agents-trace-tree")), str(log)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.stdout == "Trace Tree 1\n_input_event (a)\n  [Action: echo]\n    _output_event (b)\n"
    assert (told.returncode, told.stderr) == (0, "")
    command[-1:] = ["--format", "json", str(log.parent)]
    assert json.loads(subprocess.check_output(command))["roots"] == ["a"]
    command[-1] = str(log.parent / "missing")
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert "there is no" in told.stderr
