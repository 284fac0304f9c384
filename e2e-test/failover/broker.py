"""A real Kafka that keeps the journal, and what can befall it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from flink_home import ROOT


class Broker:
    """The broker of a directory, by scripts/kafka-broker. Use as a context manager."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def _do(self, what: str) -> dict[str, Any]:
        done = subprocess.run([str(ROOT / "scripts" / "kafka-broker"), what, str(self.directory)],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"kafka-broker {what} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        told: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return told

    def __enter__(self) -> Broker:
        self.bootstrap = self._do("start")["bootstrap"]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._do("kill")

    def options(self, name: str) -> dict[str, str]:
        """What makes a job keep its journal here, in a topic of its own."""
        return {"agent.actionStateStoreBackend": "kafka", "agent.kafkaBootstrapServers": self.bootstrap,
                "agent.kafkaActionStateTopic": f"journal-{name}", "agent.kafkaActionStateTopicNumPartitions": "3"}

    def pause(self) -> None:
        """It stands still."""
        self._do("pause")

    def resume(self) -> None:
        """It goes on."""
        self._do("continue")

    def restart(self) -> None:
        """It dies by SIGKILL, and is started again with what it has on disk."""
        self._do("kill")
        self._do("start")
