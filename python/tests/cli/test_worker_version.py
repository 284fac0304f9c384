"""A worker of another version of Python than the client's."""

from __future__ import annotations

import sys

import pytest

from flink_agents.runtime import worker


def test_another_version_is_told_with_both_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_CLIENT_PYTHON", "3.9")
    problem = worker._version_problem()
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for part in ("Python 3.9", here, sys.executable, "-pyexec"):
        assert part in problem


def test_the_same_version_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_CLIENT_PYTHON", f"{sys.version_info.major}.{sys.version_info.minor}")
    assert worker._version_problem() == ""


def test_jobs_of_java_take_any_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLINK_AGENTS_CLIENT_PYTHON", raising=False)
    assert worker._version_problem() == ""
