"""A Python with PyFlink and the wheel, as users make one, and others made from it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flink_home import FLINK, FLINK_VERSION, LIBRARIES, ROOT, TARGET, WHEELS, fetch, prepared_once, sha256

# What PyFlink of this version runs on.
VERSIONS = ((3, 10), (3, 11), (3, 12))


@dataclass(frozen=True)
class PythonHome:
    """An environment: its directory, and the wheel in it."""

    folder: Path
    wheel: Path

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def path(self) -> str:
        """PATH with this Python first."""
        return os.pathsep.join((str(self.folder / "bin"), os.environ.get("PATH", os.defpath)))

    def pip(self, *arguments: str) -> None:
        """Runs pip in it."""
        subprocess.run(
            [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)

    def site_packages(self) -> Path:
        """Where its packages are."""
        return next((self.folder / "lib").glob("python*/site-packages"))


def find_wheel() -> Path:
    """The wheel in target/dist; built when there is none."""
    folder = TARGET / "dist"
    found = sorted(folder.glob("flink_agents_rs-*.whl"))
    if not found:
        print("building the wheel", flush=True)
        subprocess.run([str(ROOT / "scripts" / "build-wheel"), str(folder)], check=True, stdout=subprocess.DEVNULL)
        found = sorted(folder.glob("flink_agents_rs-*.whl"))
    if len(found) != 1:
        raise RuntimeError(f"{folder} has {len(found)} wheels of flink-agents: remove all but one")
    return found[0]


def find_interpreter() -> str:
    """A Python that PyFlink runs on: this one, or one on the path."""
    if sys.version_info[:2] in VERSIONS:
        return sys.executable
    for major, minor in reversed(VERSIONS):
        found = shutil.which(f"python{major}.{minor}")
        if found:
            return found
    raise RuntimeError("PyFlink needs a Python 3.10, 3.11 or 3.12: install one of them")


@prepared_once
def python_home() -> PythonHome:
    """The environment with PyFlink and the wheel; PyFlink is installed once, the wheel whenever it is another one."""
    wheel = find_wheel()
    interpreter = find_interpreter()
    version = subprocess.run(
        [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=True).stdout.strip()
    home = PythonHome(TARGET / f"venv-cluster-{version}", wheel)
    stamp, installed = home.folder / "complete", home.folder / "wheel"
    wanted = hashlib.sha256((FLINK.sha256 + LIBRARIES.sha256).encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"installing PyFlink into {home.folder}", flush=True)
        shutil.rmtree(home.folder, ignore_errors=True)
        fetch(LIBRARIES)
        subprocess.run([interpreter, "-m", "venv", str(home.folder)], check=True)
        home.pip("install", "--find-links", str(WHEELS), f"apache-flink=={FLINK_VERSION}")
        stamp.write_text(wanted)
    if not installed.is_file() or installed.read_text() != sha256(wheel):
        home.pip("uninstall", "--yes", "flink-agents-rs")
        home.pip("install", str(wheel))
        installed.write_text(sha256(wheel))
    return home


@prepared_once
def small_home() -> PythonHome:
    """An environment with the wheel alone: what TaskManagers need for actions in Python of a job in Java."""
    wheel = find_wheel()
    home = PythonHome(TARGET / "venv-wheel", wheel)
    installed = home.folder / "wheel"
    if not installed.is_file() or installed.read_text() != sha256(wheel):
        shutil.rmtree(home.folder, ignore_errors=True)
        subprocess.run([find_interpreter(), "-m", "venv", str(home.folder)], check=True)
        home.pip("install", str(wheel))
        installed.write_text(sha256(wheel))
    return home


def derived(home: PythonHome, folder: Path) -> PythonHome:
    """Another environment that sees the packages of the first one: made in a second, with a prefix of its own."""
    subprocess.run([str(home.python), "-m", "venv", "--without-pip", str(folder)], check=True)
    new = PythonHome(folder, home.wheel)
    (new.site_packages() / "first.pth").write_text(f"{home.site_packages()}\n")
    return new


def made_by_uv(home: PythonHome, folder: Path) -> PythonHome:
    """An environment made by uv, with the wheel installed by uv; PyFlink, which is large, is the first one's."""
    home.pip("install", "uv")
    uv = [str(home.python), "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", str(home.python), str(folder)], check=True)
    new = PythonHome(folder, home.wheel)
    subprocess.run([*uv, "pip", "install", "--python", str(new.python), str(home.wheel)], check=True)
    (new.site_packages() / "pyflink.pth").write_text(f"{home.site_packages()}\n")
    return new
