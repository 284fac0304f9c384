"""The jar of the package, and packages that would get in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

import flink_agents
from flink_agents.runtime import installation


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty package in this one's place."""
    folder = tmp_path / "site" / "flink_agents"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.setattr(flink_agents, "__file__", str(folder / "__init__.py"))
    monkeypatch.setattr(flink_agents, "__path__", [str(folder)])
    monkeypatch.setattr(installation.metadata, "distributions", lambda name: [])
    return folder


def _jar(package: Path, version: str) -> Path:
    (package / "lib").mkdir(exist_ok=True)
    jar = package / "lib" / f"flink-agents-dist-{version}.jar"
    jar.touch()
    return jar


def test_the_one_jar(package: Path) -> None:
    jar = _jar(package, "1.2.3")
    assert installation.find_jar() == jar


def test_no_jar(package: Path) -> None:
    with pytest.raises(FileNotFoundError, match="without Flink only.*scripts/build-wheel") as caught:
        installation.find_jar()
    assert str(package) in str(caught.value)


def test_two_jars(package: Path) -> None:
    _jar(package, "1.2.3")
    _jar(package, "1.2.4")
    with pytest.raises(FileNotFoundError, match=r"dist-1\.2\.3\.jar, flink-agents-dist-1\.2\.4\.jar"):
        installation.find_jar()


@pytest.mark.parametrize(
    "name", ["lib/common/flink-agents-dist-common-0.3.1.jar", "runtime/remote_execution_environment.py"]
)
def test_files_of_the_reference_among_ours(package: Path, name: str) -> None:
    _jar(package, "1.2.3")
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).touch()
    with pytest.raises(RuntimeError, match="mixed with this one.*uninstall"):
        installation.find_jar()


class Installed:
    """A distribution in a directory."""

    def __init__(self, folder: Path, version: str) -> None:
        self.folder, self.version = folder, version

    def locate_file(self, name: str) -> Path:
        return self.folder / name


def test_an_environment_on_top_of_another(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jar = _jar(package, "1.2.3")
    found = [Installed(tmp_path / "site", "0.1.0"), Installed(tmp_path / "base", "0.1.0")]
    monkeypatch.setattr(installation.metadata, "distributions", lambda name: found if name == "flink-agents-rs" else [])
    assert installation.find_jar() == jar


def test_another_version_in_another_place(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _jar(package, "1.2.3")
    found = [Installed(tmp_path / "site", "0.1.0"), Installed(tmp_path / "user", "0.2.0")]
    monkeypatch.setattr(installation.metadata, "distributions", lambda name: found if name == "flink-agents-rs" else [])
    with pytest.raises(RuntimeError, match="installed 2 times") as caught:
        installation.find_jar()
    assert f"0.2.0 in {tmp_path / 'user'}" in str(caught.value)


def test_the_reference_beside_ours(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _jar(package, "1.2.3")
    found = [Installed(tmp_path / "site", "0.3.1")]
    monkeypatch.setattr(installation.metadata, "distributions", lambda name: found if name == "flink-agents" else [])
    with pytest.raises(RuntimeError, match="flink-agents 0.3.1 in .*is installed beside flink-agents-rs.*uninstall both"):
        installation.find_jar()
