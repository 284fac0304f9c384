"""Finds the jar of this package, and other packages that would get in its way."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import flink_agents

# What the reference's package has and this one has not.
_FOREIGN = ("lib/common", "runtime/remote_execution_environment.py", "runtime/flink_runner_context.py")


def find_jar() -> Path:
    """Return the jar that is attached to Flink jobs.

    Raises
    ------
    FileNotFoundError
        If this package has none, or several.
    RuntimeError
        If another package of the same name is mixed with this one.
    """
    check_alone()
    folder = Path(flink_agents.__file__).parent / "lib"
    jars = sorted(folder.glob("flink-agents-dist-*.jar"))
    if len(jars) == 1:
        return jars[0]
    if jars:
        msg = (
            f"{folder} has {len(jars)} jars of flink-agents ({', '.join(jar.name for jar in jars)}), so that classes "
            "of two builds would mix. Uninstall flink-agents-rs, remove the directory, and install the wheel again."
        )
    else:
        msg = (
            f"There is no flink-agents-dist-*.jar in {folder}: this package was built without it, so that it runs "
            "without Flink only. Install a wheel that has it; in a checkout, `scripts/build-wheel` makes one."
        )
    raise FileNotFoundError(msg)


def check_alone() -> None:
    """Look for Apache Flink Agents (on PyPI ``flink-agents``), whose modules have the same names.

    Raises
    ------
    RuntimeError
        If it is installed as well, files of it lie among those of this package, or another version of this package is
        installed in another place of the path.
    """
    package = Path(flink_agents.__file__).parent
    places = [Path(place) for place in flink_agents.__path__]
    found = [str(place / name) for place in {package, *places} for name in _FOREIGN if (place / name).exists()]
    if found:
        msg = (
            f"Files of another flink-agents package are mixed with this one: {', '.join(sorted(found))}. Both bring the "
            f"modules flink_agents, so only one can be installed: uninstall flink-agents and flink-agents-rs, remove "
            f"{package}, and install flink-agents-rs again."
        )
        raise RuntimeError(msg)
    for one in metadata.distributions(name="flink-agents"):
        msg = (
            f"Apache Flink Agents, flink-agents {one.version} in {one.locate_file('')}, is installed beside "
            f"flink-agents-rs. Both bring the modules flink_agents, and which files are taken is chance: uninstall both "
            "and install flink-agents-rs again."
        )
        raise RuntimeError(msg)
    installed: dict[str, str] = {}
    for one in metadata.distributions(name="flink-agents-rs"):
        installed.setdefault(str(Path(str(one.locate_file(""))).resolve()), one.version)
    # The same version twice is an environment on top of another one, which does no harm.
    if len(set(installed.values())) > 1:
        listed = ", ".join(f"{version} in {place}" for place, version in sorted(installed.items()))
        msg = (
            f"The package flink-agents-rs is installed {len(installed)} times ({listed}), and which one a worker takes "
            f"depends on its path. Uninstall all but the one in use, {package}."
        )
        raise RuntimeError(msg)
