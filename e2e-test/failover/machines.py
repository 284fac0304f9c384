"""A cluster whose processes are killed: two TaskManagers, JobManagers, and ZooKeeper where one is to take over from another."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cluster import Cluster, Process, free_ports
from rest import RestError, wait_for

T = TypeVar("T")
TASK_MANAGERS = 2
SLOTS = 2
# Seconds without a sign of life after which a process that stands still is given up; one that was killed is missed at once.
GIVEN_UP = 10
# JVMs that live for seconds start faster without the optimising compiler.
JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SETTINGS = {
    # Subtasks of a job shall lie in both TaskManagers.
    "taskmanager.load-balance.mode": "SLOTS",
    "heartbeat.timeout": str(GIVEN_UP * 1000),
    "cluster.registration.error-delay": "300",
    "cluster.registration.max-timeout": "1000",
    "cluster.registration.refused-registration-delay": "500",
    "web.exception-history-size": "200",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "execution.checkpointing.num-retained": "2",
    "execution.checkpointing.tolerable-failed-checkpoints": "1000000",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "100000",
    "restart-strategy.fixed-delay.delay": "100ms",
}
ZOOKEEPER = """\
tickTime=500
initLimit=10
syncLimit=5
dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
"""
LEADERSHIP = re.compile(r"DefaultDispatcherRunner.* was (granted|revoked) (?:the )?leadership")
REVOKED = re.compile(r"^(\S+ \S+),\d+ .*DefaultDispatcherRunner was revoked (?:the )?leadership", re.MULTILINE)


@dataclass
class Machines(Cluster):
    """The cluster. ``highly_available``: with ZooKeeper, and a second JobManager that stands by."""

    slots: int = SLOTS
    highly_available: bool = False
    job_managers: list[Process] = field(default_factory=list)
    zookeeper: Process | None = None
    # Where each JobManager answers.
    _ports: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jvm = JVM
        self.settings = {**SETTINGS, "execution.checkpointing.dir": (self.base / "checkpoints").as_uri(), **self.settings}
        if self.highly_available:
            (self._keeper,) = free_ports(1)
            self.settings |= {
                "high-availability.type": "zookeeper",
                "high-availability.storageDir": (self.base / "ha").as_uri(),
                "high-availability.zookeeper.quorum": f"127.0.0.1:{self._keeper}",
                "high-availability.zookeeper.client.session-timeout": "8000",
                "high-availability.zookeeper.client.connection-timeout": "5000",
                "high-availability.zookeeper.client.retry-wait": "500",
            }
        super().__post_init__()

    def __enter__(self) -> Machines:
        try:
            if self.highly_available:
                self._start_zookeeper()
            self.start_job_manager()
            if self.highly_available:
                self.start_job_manager()
            for _ in range(TASK_MANAGERS):
                self.start_task_manager()
            self.await_all_slots()
        except BaseException:
            self.stop()
            raise
        return self

    def _start_zookeeper(self) -> None:
        data = self.base / "zookeeper"
        data.mkdir()
        file = self.conf / "zoo.cfg"
        file.write_text(ZOOKEEPER.format(data=data, port=self._keeper))
        # Flink's own script for it is a shell that waits for the JVM.
        self.zookeeper = self._run(
            "zookeeper", str(self.home / "bin" / "flink-console.sh"), "zookeeper", "--zkConfigFile", str(file), "--peerId", "1")

    # ---- JobManagers

    def start_job_manager(self) -> Process:
        """Starts one more JobManager; without ZooKeeper it has the ports of the one before it."""
        arguments: list[str] = []
        port = int(self.rest.base.rpartition(":")[2])
        if self.highly_available:
            port, blob, rpc = free_ports(3)
            for setting in (f"rest.port={port}", f"rest.bind-port={port}", f"blob.server.port={blob}", f"jobmanager.rpc.port={rpc}"):
                arguments += ["-D", setting]
        process = self._start("jobmanager", *arguments)
        self.job_managers.append(process)
        self._ports[process.pid] = port
        self._use(self.job_managers[0])
        return process

    def _use(self, job_manager: Process) -> None:
        self.rest.base = f"http://127.0.0.1:{self._ports[job_manager.pid]}"

    def leader(self) -> Process:
        """The JobManager that leads; waits until one does."""
        def probe() -> Process | None:
            for process in self.job_managers:
                told = LEADERSHIP.findall(process.text())
                if told and told[-1] == "granted":
                    return process
            return None
        return wait_for("a JobManager that leads", 120, probe)

    def leaderships_lost(self) -> list[float]:
        """When JobManagers that live lost their leadership: on a busy machine ZooKeeper may miss them. In monotonic time."""
        shift = time.time() - time.monotonic()
        return [time.mktime(time.strptime(at, "%Y-%m-%d %H:%M:%S")) - shift
                for process in (*self.job_managers, *self.ended) for at in REVOKED.findall(process.text())]

    def kill_job_manager(self, process: Process) -> None:
        """Ends a JobManager by SIGKILL; those that stand by are asked from now on."""
        self.job_managers.remove(process)
        self._kill(process)
        if self.job_managers:
            self._use(self.job_managers[0])

    # ---- TaskManagers

    def start_task_manager(self) -> Process:
        """Starts one more TaskManager, known to Flink by the name of its process; does not wait for it."""
        name = f"taskmanager {self._started['taskmanager']}"
        process = self._start("taskmanager", "-D", f"taskmanager.resource-id={self.id_of(name)}")
        self.task_managers.append(process)
        return process

    @staticmethod
    def id_of(name: str) -> str:
        """What Flink calls a TaskManager."""
        return name.replace(" ", "-")

    def kill(self, process: Process) -> None:
        """Ends this TaskManager by SIGKILL."""
        self.task_managers.remove(process)
        self._kill(process)

    def _kill(self, process: Process) -> None:
        self.ended.append(process)
        process.popen.kill()
        process.popen.wait()

    def complete(self) -> None:
        """Starts what is missing; does not wait for it."""
        for _ in range(len(self.task_managers), TASK_MANAGERS):
            self.start_task_manager()
        for _ in range(len(self.job_managers), 2 if self.highly_available else 1):
            self.start_job_manager()

    def await_all_slots(self) -> None:
        """Waits until all TaskManagers have registered, and no one else."""
        self.await_slots(TASK_MANAGERS * self.slots)

    @staticmethod
    def pause(process: Process) -> None:
        """Stops a process's clock (SIGSTOP); returns when it stands still."""
        os.kill(process.pid, signal.SIGSTOP)
        wait_for(f"{process.name} to stand still", 20,
                 lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt")

    @staticmethod
    def resume(process: Process) -> None:
        """Lets it go on."""
        os.kill(process.pid, signal.SIGCONT)

    # ---- all

    def processes(self) -> list[Process]:
        """The processes that should be running."""
        return [*([self.zookeeper] if self.zookeeper else []), *self.job_managers, *self.task_managers]

    def stop(self) -> None:
        """Ends every process at once: how they end in order is another test's business."""
        for process in self.processes():
            process.popen.kill()
        for process in self.processes():
            process.popen.wait()

    def patiently(self, what: str, seconds: float, probe: Callable[[], T | None]) -> T:
        """Waits for something of REST's, which may be away meanwhile."""
        last: list[Exception] = []

        def patient() -> T | None:
            for process in self.processes():
                if process.popen.poll() is not None:
                    raise RuntimeError(f"{process.name} ended with {process.popen.returncode}:\n{process.text()[-3000:]}")
            try:
                return probe()
            except (OSError, RestError, ValueError, KeyError) as e:
                last[:] = [e]
                time.sleep(0.2)
                return None
        try:
            return wait_for(what, seconds, patient)
        except TimeoutError as e:
            raise TimeoutError(f"{e}{'; the last attempt: ' if last else ''}{''.join(map(repr, last))}") from e
