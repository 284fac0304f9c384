"""A Flink distribution and real data, made from wheels of PyPI.

``apache-flink`` carries Flink's ``bin/`` and ``conf/``, ``apache-flink-libraries`` its ``lib/``, ``opt/`` and
``plugins/``; together they are a distribution as Flink's own archive has it. ``vega_datasets`` carries public data sets.
Wheels are kept in ``target/wheels`` and checked by SHA-256, so that only the first run downloads.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "target"
WHEELS = TARGET / "wheels"
FLINK_VERSION = "2.3.0"
P = ParamSpec("P")
T = TypeVar("T")


def prepared_once(prepare: Callable[P, T]) -> Callable[P, T]:
    """Lets one process at a time prepare what several tests share: tests run beside each other. Not to be nested."""
    @functools.wraps(prepare)
    def alone(*args: P.args, **kwargs: P.kwargs) -> T:
        TARGET.mkdir(exist_ok=True)
        with (TARGET / "preparing.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return prepare(*args, **kwargs)
    return alone


@dataclass(frozen=True)
class Wheel:
    """A wheel of PyPI: the requirement that names it, the prefix of its file name, and its digest."""

    requirement: str
    prefix: str
    sha256: str


# Of apache-flink only scripts are used, which are the same in every wheel: one is pinned for all Pythons and platforms.
FLINK = Wheel(f"apache-flink=={FLINK_VERSION}", f"apache_flink-{FLINK_VERSION}-cp311-",
              "0e5f612704de1610b153e919c0564b62ad513cddfcf4960f5a021658cdf41a13")
LIBRARIES = Wheel(f"apache-flink-libraries=={FLINK_VERSION}", f"apache_flink_libraries-{FLINK_VERSION}-",
                  "38ece876553286b3a285cf344c2d2038f8a7ca10da5df54d5107250386d64151")
DATA = Wheel("vega_datasets==0.9.0", "vega_datasets-0.9.0-",
             "3d7c63917be6ca9b154b565f4779a31fedce57b01b5b9d99d8a34a7608062a1d")

NEEDED = (
    "bin/flink", "bin/config.sh", "bin/flink-console.sh", "bin/jobmanager.sh", "bin/taskmanager.sh",
    "bin/bash-java-utils.jar", "conf/config.yaml", "conf/log4j-console.properties", "conf/log4j-cli.properties",
    f"lib/flink-dist-{FLINK_VERSION}.jar", f"lib/flink-connector-files-{FLINK_VERSION}.jar",
    f"lib/flink-table-api-java-uber-{FLINK_VERSION}.jar", f"lib/flink-table-planner-loader-{FLINK_VERSION}.jar",
    f"lib/flink-table-runtime-{FLINK_VERSION}.jar", f"opt/flink-python-{FLINK_VERSION}.jar",
)


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fetch(wheel: Wheel) -> Path:
    """Returns the file of a wheel, downloaded when it is not there yet; RuntimeError if it is not the pinned one."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    found = sorted(WHEELS.glob(wheel.prefix + "*.whl"))
    if not found:
        print(f"downloading {wheel.requirement}", flush=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp",
             "--platform", "manylinux2014_x86_64", "--dest", str(WHEELS), wheel.requirement],
            check=True)
        found = sorted(WHEELS.glob(wheel.prefix + "*.whl"))
    if not found:
        raise RuntimeError(f"pip gave no wheel {wheel.prefix}*.whl for {wheel.requirement}")
    digest = sha256(found[0])
    if digest != wheel.sha256:
        found[0].unlink()
        raise RuntimeError(f"{found[0].name} has SHA-256 {digest}, expected {wheel.sha256}: removed, run again")
    return found[0]


def unpack(wheel: Path, below: str, folders: tuple[str, ...], to: Path) -> None:
    """Unpacks ``below/<folder>/**`` of a wheel into ``to/<folder>/**``."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            parts = entry.filename.split("/")
            if entry.is_dir() or parts[0] != below or parts[1] not in folders:
                continue
            target = to.joinpath(*parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)


@prepared_once
def flink_home() -> Path:
    """Returns the distribution's directory, complete; made at the first call."""
    home = TARGET / f"flink-home-{FLINK_VERSION}"
    stamp = home / "complete"
    if not stamp.exists():
        shutil.rmtree(home, ignore_errors=True)
        unpack(fetch(LIBRARIES), "pyflink", ("bin", "lib", "opt", "plugins"), home)
        unpack(fetch(FLINK), "pyflink", ("bin", "conf"), home)
        for script in (home / "bin").iterdir():
            script.chmod(0o755)
        stamp.write_text(f"{LIBRARIES.sha256}\n{FLINK.sha256}\n")
    missing = [name for name in NEEDED if not (home / name).is_file()]
    if missing or not list((home / "lib").glob("log4j-core-*.jar")):
        raise RuntimeError(f"{home} lacks {', '.join(missing) or 'log4j'}: remove it and run again")
    return home


@prepared_once
def data_sets() -> Path:
    """Returns the directory of the data sets."""
    folder = TARGET / "vega_datasets-0.9.0"
    if not (folder / "_data" / "us-employment.csv").exists():
        unpack(fetch(DATA), "vega_datasets", ("_data",), folder)
    return folder / "_data"
