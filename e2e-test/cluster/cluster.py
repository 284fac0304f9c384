"""A standalone Flink cluster of processes on this machine: one JobManager and TaskManagers.

Everything listens on free ports of 127.0.0.1 and writes below one directory of its own. Flink's scripts run in the
foreground, where they become (``exec``) the JVM: every process is a child of this one, known and ended by its id.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from class_data import class_data
from rest import Rest, wait_for

SLOTS = 4
JOB_ID = re.compile(r"JobID ([0-9a-f]{32})")
# Milliseconds. When so much of the cluster's life is over, requests for slots that are not there fail at once, and a job
# whose TaskManager died restarts in vain, again and again, until the next one has come. By default that is five minutes:
# jobs would do the same thing or another depending on how long the scenarios before them took.
PATIENCE = 24 * 3600 * 1000
# Without the optimising compiler, which costs more than it brings in JVMs that live for minutes: those of short runs.
SHORT_LIVED_JVM = "-XX:TieredStopAtLevel=1"
OPTIMISING_JVM = "-XX:TieredStopAtLevel=4"
CLIENT_JVM = f"{SHORT_LIVED_JVM} -XX:+UseSerialGC -Xmx512m"

# With the default refresh-interval REST tells of states and checkpoints up to three seconds late: what a test wants to
# interrupt then is over.
CONFIG = """\
jobmanager:
  bind-host: 127.0.0.1
  rpc:
    address: 127.0.0.1
    port: {rpc}
  memory:
    process:
      size: 1200m
taskmanager:
  bind-host: 127.0.0.1
  host: 127.0.0.1
  numberOfTaskSlots: {slots}
  memory:
    process:
      size: 1728m
    network:
      min: 96m
      max: 96m
resourcemanager:
  standalone:
    start-up-time: {patience}
rest:
  address: 127.0.0.1
  bind-address: 127.0.0.1
  port: {rest}
  bind-port: {rest}
blob:
  server:
    port: {blob}
state:
  changelog:
    storage: filesystem
    dstl:
      dfs:
        base-path: {changelog}
io:
  tmp:
    dirs: {base}/tmp
web:
  tmpdir: {base}/web
  refresh-interval: 50
parallelism:
  default: 1
heartbeat:
  interval: 500
  timeout: 5000
metrics:
  fetcher:
    update-interval: 200
env:
  java:
    opts:
      # Java's serialization keeps classes softly, and drops them the later the more memory is free: at once here, since what is
      # left of ended jobs is counted.
      all: {exports} -Djava.io.tmpdir={base}/tmp -XX:SoftRefLRUPolicyMSPerMB=0 {jvm}
      client: {client}
agent:
  job-identifier: from-the-file
  config-test:
    text: from the file
    number: 41
"""


@dataclass
class Process:
    """A JVM of the cluster."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    def text(self) -> str:
        """What it has logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass
class Cluster:
    """One cluster. Use as a context manager.

    ``libraries``: jars for Flink's ``lib/`` beside its own. ``slots``: of each TaskManager. ``settings``: of Flink's configuration,
    beside and instead of those above. ``jvm``: options for each JVM; if there are some, it is taken for one of a short life, and begins
    with Flink's class data.
    """

    home: Path
    base: Path
    java_home: Path
    libraries: tuple[Path, ...] = ()
    slots: int = SLOTS
    settings: dict[str, str] = field(default_factory=dict)
    jvm: str = ""
    job_manager: Process | None = None
    task_managers: list[Process] = field(default_factory=list)
    ended: list[Process] = field(default_factory=list)
    # Which ended TaskManagers, by their log, are replaced, as a resource manager replaces all.
    is_replaced: Callable[[str], bool] = lambda _log: False
    replaced: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.conf, self.logs, self.pids = (self.base / name for name in ("conf", "log", "pid"))
        # Jobs cannot choose it. In memory, the default, all changes since the last materialization travel to the
        # JobManager in one message, which is dropped beyond 10 MB: then the checkpoint is never completed.
        self.changelog = self.base / "changelog"
        for folder in (self.logs, self.pids, self.base / "tmp", self.base / "web", self.base / "lib"):
            folder.mkdir(parents=True)
        shutil.copytree(self.home / "conf", self.conf)
        for jar in [*(self.home / "lib").glob("*.jar"), *self.libraries]:
            (self.base / "lib" / jar.name).symlink_to(jar)
        rest, rpc, blob = free_ports(3)
        data = class_data(self.java_home, self.home)
        # Without our archives there is the JDK's own.
        archive = data.processes if self.jvm and not self.libraries else self.java_home / "lib" / "server" / "classes.jsa"
        jvm = f"{self.jvm or OPTIMISING_JVM} -XX:SharedArchiveFile={archive}"
        exports = re.search(r"^\s*all: (--add-exports.*)$", (self.conf / "config.yaml").read_text(), re.MULTILINE)
        (self.conf / "config.yaml").write_text(CONFIG.format(
            rest=rest, rpc=rpc, blob=blob, slots=self.slots, patience=PATIENCE, changelog=self.changelog.as_uri(), base=self.base,
            client=CLIENT_JVM, exports=exports.group(1) if exports else "", jvm=jvm)
            + "".join(f"{key}: {value}\n" for key, value in self.settings.items()))
        self._started: Counter[str] = Counter()
        self.rest = Rest(rest)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("FLINK_")},
            "JAVA_HOME": str(self.java_home), "FLINK_CONF_DIR": str(self.conf), "FLINK_LOG_DIR": str(self.logs),
            "FLINK_PID_DIR": str(self.pids), "FLINK_LIB_DIR": str(self.base / "lib"), "FLINK_IDENT_STRING": "test",
            # Each script starts JVMs that only read the configuration; what is in the configuration goes above this.
            "JDK_JAVA_OPTIONS": f"{SHORT_LIVED_JVM} -XX:SharedArchiveFile={data.scripts}",
        }

    def __enter__(self) -> Cluster:
        try:
            self.job_manager = self._start("jobmanager")
            self.start_task_manager()
            self.await_slots(self.slots)
            self._supervisor.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, service: str, *arguments: str) -> Process:
        return self._run(service, str(self.home / "bin" / f"{service}.sh"), "start-foreground", *arguments)

    def _run(self, service: str, *command: str) -> Process:
        """Starts a process of a name, with a log of its own."""
        number = self._started[service]
        self._started[service] += 1
        log = self.logs / f"{service}-{number}.console"
        with log.open("wb") as out:
            popen = subprocess.Popen(
                command, env=self.environment, cwd=self.base, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        return Process(f"{service} {number}", popen, log)

    def start_task_manager(self) -> Process:
        """Starts one more TaskManager; does not wait for it."""
        process = self._start("taskmanager")
        self.task_managers.append(process)
        return process

    def kill_task_manager(self) -> None:
        """Ends the oldest TaskManager by SIGKILL."""
        with self._lock:
            process = self.task_managers.pop(0)
            self.ended.append(process)
        process.popen.kill()
        process.popen.wait()

    def _supervise(self) -> None:
        while not self._stopping.wait(1):
            self.replace_ended()

    def replace_ended(self) -> None:
        """Starts another TaskManager for each that has ended and is to be replaced."""
        with self._lock:
            for process in [p for p in self.task_managers if p.popen.poll() is not None and self.is_replaced(p.text())]:
                self.task_managers.remove(process)
                self.ended.append(process)
                self.replaced.append(process)
                print(f"  note   {process.name} has ended by a known error of PyFlink's, and is replaced", flush=True)
                self.start_task_manager()

    def await_slots(self, count: int) -> None:
        """Waits until the cluster has exactly so many free and used slots; RuntimeError if a process has ended."""
        def probe() -> bool:
            for process in self.processes():
                if process.popen.poll() is not None:
                    status, text = process.popen.returncode, process.text()[-3000:]
                    raise RuntimeError(f"{process.name} ended with {status}:\n{text}")
            overview = self.rest.overview()
            return overview is not None and overview["slots-total"] == count
        wait_for(f"{count} slots of the cluster", 120, probe)

    def await_free_slots(self) -> None:
        """Waits until no job holds a slot."""
        def probe() -> bool:
            overview = self.rest.overview()
            return overview is not None and overview["slots-available"] == overview["slots-total"]
        wait_for("free slots", 60, probe)

    def processes(self) -> list[Process]:
        """The processes that should be running."""
        return ([self.job_manager] if self.job_manager else []) + self.task_managers

    def stop(self) -> None:
        """Ends every process: asks first, then by force."""
        self._stopping.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        running = [p for p in self.processes() if p.popen.poll() is None]
        for process in reversed(running):
            process.popen.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        for process in running:
            try:
                process.popen.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
        self._end_orphans()

    def _end_orphans(self) -> None:
        """Ends what TaskManagers that were killed have left: PyFlink's workers do not notice."""
        mark = f"FLINK_PID_DIR={self.pids}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue

    # ---- the command line

    def flink(self, *arguments: str, libraries: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Runs ``bin/flink``, with more jars in the client's ``lib/`` if any are given.

        Returns how it ended, with its output (standard error included).
        """
        environment = dict(self.environment)
        if libraries:
            lib = Path(tempfile.mkdtemp(dir=self.base, prefix="lib-"))
            for jar in [*(self.base / "lib").iterdir(), *libraries]:
                (lib / jar.name).symlink_to(jar.resolve())
            environment["FLINK_LIB_DIR"] = str(lib)
        return subprocess.run(
            [str(self.home / "bin" / "flink"), *arguments], env=environment, cwd=self.base, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180, check=False)

    def submit(self, *arguments: str) -> str:
        """Runs ``flink run``; returns the job's id. RuntimeError with the output if it did not work."""
        done = self.flink("run", *arguments)
        found = JOB_ID.search(done.stdout)
        if done.returncode != 0 or found is None:
            raise RuntimeError(f"flink run {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
        return found.group(1)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def find_java_home() -> Path:
    """The JDK to use: JAVA_HOME, else that of ``javac`` on the path. RuntimeError unless it is a JDK 17."""
    named = os.environ.get("JAVA_HOME")
    javac = shutil.which("javac")
    if not named and not javac:
        raise RuntimeError("the cluster test needs a JDK 17: set JAVA_HOME, or put javac on PATH")
    home = Path(named) if named else Path(str(javac)).resolve().parent.parent
    version = subprocess.run([str(home / "bin" / "javac"), "-version"], capture_output=True, text=True, check=True)
    text = (version.stdout + version.stderr).strip()
    if not text.startswith("javac 17"):
        raise RuntimeError(f"the cluster test needs a JDK 17, {home} is {text}")
    return home
