"""The command ``flink-agents store``: that words, texts and status go to Rust and come back. What they are is tested there."""

from __future__ import annotations

import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flink_agents.cli import main as cli

STORE = Path(__file__).resolve().parents[3] / "rust" / "runtime" / "tests" / "store_v1.sqlite"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store, of which nobody minds what becomes of it."""
    return Path(shutil.copy(STORE, tmp_path / "journal.sqlite"))


def test_inspect_in_words_and_as_json(store, capsys) -> None:
    assert cli.main(["store", "inspect", str(store)]) == 0
    said = capsys.readouterr()
    assert f"sqlite: file {store}" in said.out
    assert said.err == ""
    assert cli.main(["store", "inspect", "--json", str(store)]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = sqlite3.connect(store).execute("SELECT count(*) FROM record").fetchone()[0]
    assert sum(part["records"] for part in report["lineages"]) == rows > 0


def test_the_console_script_exits_with_the_status(store, tmp_path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flink_agents.cli", "store", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert run("verify", str(store)).returncode == 0
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE record SET epoch = 77 WHERE position = (SELECT min(position) FROM record)")
    wrong = run("verify", str(store))
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert "1 wrong" in wrong.stdout
    assert "its checksum is wrong" in wrong.stdout
    usage = run("compact", str(store))
    assert (usage.returncode, usage.stdout) == (2, "")
    assert "--plan" in usage.stderr
    missing = run("inspect", "missing.sqlite")
    assert (missing.returncode, missing.stdout) == (3, "")
    assert "missing.sqlite: there is no such file" in missing.stderr
    assert not (tmp_path / "missing.sqlite").exists()


def test_the_configuration_of_a_job_leads_to_its_store(store, monkeypatch, tmp_path, capsys) -> None:
    (tmp_path / "config.yaml").write_text(f"agent:\n  actionStateStoreBackend: sqlite\n  sqlite.path: {store}\n")
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    assert cli.main(["store", "compact", "--plan"]) == 0
    assert str(store) in capsys.readouterr().out
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path / "elsewhere"))
    assert cli.main(["store", "compact", "--plan"]) == 2
    assert "FLINK_CONF_DIR" in capsys.readouterr().err


def test_what_the_terminal_cannot_show_is_no_error(monkeypatch, tmp_path) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", narrow)
    assert cli.main(["store", "inspect", str(tmp_path / "schön.sqlite")]) == 3
    narrow.flush()
    assert b"sch\\xf6n.sqlite" in narrow.buffer.getvalue()


def test_arguments_that_are_no_text(capsys) -> None:
    assert cli.main(["store", "inspect", "\udcff.sqlite"]) == 1
    assert "is not UTF-8 text" in capsys.readouterr().err


def test_ctrl_c_works_as_before_afterwards(store, capsys) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert cli.main(["store", "--help"]) == 0
    assert "store inspect" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before
