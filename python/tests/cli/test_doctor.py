"""The command ``flink-agents doctor``: that it knows this installation. What it finds is tested in Rust."""

from __future__ import annotations

import json
import sys

from flink_agents.cli import main as cli


def test_it_looks_at_this_python_and_starts_a_worker(capsys, monkeypatch, tmp_path) -> None:
    (tmp_path / "config.yaml").write_text("agent:\n  max-inflight: 3\n")
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    monkeypatch.delenv("FLINK_HOME", raising=False)
    cli.main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    told = {(one["area"], one["state"]): one["text"] for one in report["findings"]}
    assert any(area == "python" and sys.executable in text for (area, _), text in told.items())
    assert "it answers" in told["worker", "ok"]
    assert "max-in-flight" in told["config", "warning"]


def test_an_interpreter_without_the_package_is_wrong_if_it_was_named(capsys, tmp_path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'no module' >&2; exit 1\n")
    python.chmod(0o755)
    assert cli.main(["doctor", "--python", str(python)]) == 1
    said = capsys.readouterr().out
    assert "no module" in said
    assert "python.executable" in said


def test_help_and_wrong_arguments(capsys) -> None:
    assert cli.main(["doctor", "--help"]) == 0
    assert "--cluster" in capsys.readouterr().out
    assert cli.main(["doctor", "--mend"]) == 2
    assert "--mend" in capsys.readouterr().err
