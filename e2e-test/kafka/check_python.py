#!/usr/bin/env python3
"""Python runs without Flink whose journal is in a topic: killed and started again, and with everything wrong that users get wrong.

Usage: check_python.py          Needs a JDK 17, Maven, and target/venv-test (scripts/python-env). The last line is ``N passed, N
failed``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from check_broker import Connection, command

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / "target" / "venv-test" / "bin" / "python"
SECONDS = 120
KEYS = 4

# Its arguments: the name of the run, its options, its inputs, the file where each call leaves a line.
RUN = """\
import json
import logging
import os
import sys

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.durable_call import current_call
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import RunnerContext

name, options, inputs, ledger = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
logging.basicConfig(format="%(levelname)s %(message)s")


def effect(what: str) -> str:
    line = f"{what} {current_call().idempotency_key}\\n".encode()
    file = os.open(ledger, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(file, line)
    os.close(file)
    return "x" * options.get("length", 0) + what


class Walker(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def walk(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        steps = [ctx.durable_execute(effect, f"{value}/{step}") for step in range(3)]
        ctx.send_event(OutputEvent(output=steps))


env = AgentsExecutionEnvironment.get_execution_environment()
for key, value in options["config"].items():
    env.get_config().set_str(key, value)
outputs = env.from_list(inputs).apply(Walker()).to_list()
env.execute(name)
print(json.dumps(sorted(item for output in outputs for item in output.items())))
"""


class Kafka(unittest.TestCase):
    """One broker for all."""

    folder: tempfile.TemporaryDirectory[str]
    directory: Path
    told: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="flink-agents-kafka-")
        cls.directory = Path(cls.folder.name)
        cls.told = json.loads(command("start", str(cls.directory / "broker")).stdout)
        (cls.directory / "run.py").write_text(RUN)

    @classmethod
    def tearDownClass(cls) -> None:
        command("stop", str(cls.directory / "broker"))
        cls.folder.cleanup()

    def setUp(self) -> None:
        self.ledger = self.directory / f"{self._testMethodName}.txt"

    def config(self, **options: str) -> dict[str, str]:
        """Options of a run with a topic of its own; names have ``__`` for their dots."""
        return {
            "actionStateStoreBackend": "kafka",
            "kafkaBootstrapServers": self.told["bootstrap"],
            "kafkaActionStateTopic": self._testMethodName.replace("_", "-"),
            "kafkaActionStateTopicNumPartitions": "2",
            **{key.replace("__", "."): value for key, value in options.items()},
        }

    def login(self, mechanism: str, password: str) -> dict[str, str]:
        """Options of a run that logs in."""
        return self.config(
            kafkaBootstrapServers=self.told["sasl_ssl"],
            kafka__properties__security__protocol="SASL_SSL",
            kafka__properties__ssl__ca__location=self.told["ca"],
            kafka__properties__sasl__mechanism=mechanism,
            kafka__properties__sasl__username="alice",
            kafka__properties__sasl__password=password,
        )

    @contextmanager
    def start(self, config: dict[str, str], inputs: int, length: int = 0, **env: str) -> Iterator[subprocess.Popen[str]]:
        """Starts a run; it is gone at the end."""
        records = [{"key": f"k{number % KEYS}", "value": f"{number}"} for number in range(inputs)]
        options = json.dumps({"config": config, "length": length})
        environment = {key: value for key, value in os.environ.items() if key != "FLINK_CONF_DIR"}
        run = subprocess.Popen(
            [str(PYTHON), str(self.directory / "run.py"), "walk", options, json.dumps(records), str(self.ledger)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.directory, env={**environment, **env})
        try:
            yield run
        finally:
            run.kill()
            run.communicate()

    def run_to_end(self, config: dict[str, str], inputs: int, length: int = 0, **env: str) -> tuple[list[Any], str]:
        """Runs to the end; outputs, and what it logged."""
        with self.start(config, inputs, length, **env) as run:
            out, said = run.communicate(timeout=SECONDS)
            self.assertEqual(run.returncode, 0, said)
        return json.loads(out), said

    def run_to_failure(
        self, config: dict[str, str], seconds: float = SECONDS, length: int = 0, inputs: int = 2, **env: str,
    ) -> str:
        """Runs to its failure; what it said."""
        with self.start(config, inputs, length, **env) as run:
            _, said = run.communicate(timeout=seconds)
            self.assertNotEqual(run.returncode, 0)
        return said

    def lines(self) -> list[list[str]]:
        """The calls that were made: what, and the key."""
        return [line.split() for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []

    def expected(self, inputs: int) -> list[Any]:
        return sorted([f"k{number % KEYS}", [f"{number}/{step}" for step in range(3)]] for number in range(inputs))

    def check_ledger(self, inputs: int, kills: int) -> None:
        """Each call was made, with one key, and not again after the next one of its run had begun."""
        made: dict[str, str] = {}
        furthest: dict[str, int] = {}
        again = 0
        for what, key in self.lines():
            number, step = what.split("/")
            if what in made:
                again += 1
                self.assertEqual(made[what], key, what)
                self.assertLessEqual(furthest[number], int(step), f"{what} was safe")
            made[what] = key
            furthest[number] = max(furthest.get(number, 0), int(step))
        self.assertEqual(len(made), 3 * inputs)
        self.assertEqual(len(set(made.values())), 3 * inputs)
        self.assertLessEqual(again, kills * KEYS)

    def test_a_run_that_is_killed_goes_on_where_it_was(self) -> None:
        inputs, kills = 60, (5, 40, 41, 90, 150)
        for lines in kills:
            with self.start(self.config(), inputs) as run:
                end = time.monotonic() + SECONDS
                while len(self.lines()) < lines and run.poll() is None and time.monotonic() < end:
                    time.sleep(0.001)
                self.assertIsNone(run.poll(), "it is killed before it ends")
        outputs, _ = self.run_to_end(self.config(), inputs)
        self.assertEqual(outputs, self.expected(inputs))
        self.check_ledger(inputs, len(kills))
        made = len(self.lines())
        # Everything is in the topic: nothing is done.
        self.assertEqual(self.run_to_end(self.config(), inputs)[0], outputs)
        self.assertEqual(len(self.lines()), made)

    def test_a_broker_that_is_killed_only_delays(self) -> None:
        broker = str(self.directory / "broker")
        with self.start(self.config(), 200) as run:
            end = time.monotonic() + SECONDS
            while len(self.lines()) < 30 and run.poll() is None and time.monotonic() < end:
                time.sleep(0.001)
            command("kill", broker)
            command("start", broker)
            out, said = run.communicate(timeout=SECONDS)
            self.assertEqual(run.returncode, 0, said)
        self.assertEqual(json.loads(out), self.expected(200))
        self.check_ledger(200, 0)

    def test_a_disk_that_is_full_ends_the_run_and_nothing_safe_is_done_again(self) -> None:
        inputs, length, broker = 60, 200_000, str(self.directory / "full")
        # Above what Kafka sets aside for an index, below what the results take.
        told = json.loads(command("start", broker, "--file-limit", str(16 << 20)).stdout)
        try:
            config = self.config(kafkaBootstrapServers=told["bootstrap"], kafkaActionStateTopicNumPartitions="1")
            said = self.run_to_failure({**config, "kafka.properties.message.timeout.ms": "5000"}, 60, length, inputs)
            self.assertIn("the store is not available", said)
            self.assertIn("Connection refused", said)
            made = {what for what, _ in self.lines()}
            self.assertTrue(20 < len(made) < 3 * inputs, f"{len(made)} calls")
            command("stop", broker)
            command("start", broker)
            outputs, _ = self.run_to_end(config, inputs, length)
        finally:
            command("stop", broker)
        self.assertEqual([[key, [step[length:] for step in steps]] for key, steps in outputs], self.expected(inputs))
        self.check_ledger(inputs, 1)

    def look(self, *words: str) -> dict[str, Any]:
        """What ``flink-agents store`` says of the topic, with a configuration file and a login as a job has them."""
        secret = self.directory / "password"
        secret.write_text(self.told["users"]["alice"] + "\n")
        options = self.login("SCRAM-SHA-512", f"${{file:{secret}}}")
        config = self.directory / f"{self._testMethodName}.yaml"
        config.write_text("agent:\n" + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in options.items()))
        command = [str(PYTHON), "-m", "flink_agents.cli", "store", *words, "--json", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def test_the_command_shows_checks_and_empties_the_topic(self) -> None:
        self.run_to_end(self.config(), 8)
        part = self.look("inspect")["lineages"][0]
        self.assertEqual((part["claims"], part["keys"]), (1, KEYS))
        records = part["records"]
        # Three calls and one action for each input at least.
        self.assertGreaterEqual(records, 4 * 8)
        self.assertEqual((self.look("verify")["records"], self.look("verify")["wrong"]), (records, 0))
        self.assertEqual(self.look("compact", "--apply", "--abandoned", "1h")["removals"], [])
        self.assertEqual(self.look("compact", "--plan", "--abandoned", "1 ms")["removals"][0]["records"], records)
        self.look("compact", "--apply", "--abandoned", "1 ms")
        self.assertEqual(self.look("inspect")["lineages"], [])
        # The run has forgotten everything, and does it again.
        self.run_to_end(self.config(), 8)
        self.assertEqual(len(self.lines()), 2 * 3 * 8)

    def test_a_single_replica_is_logged(self) -> None:
        _, said = self.run_to_end(self.config(), 1)
        self.assertIn("WARNING Agent 'Walker': Action state store kafka: topic", said)
        self.assertIn("it has 1 replica", said)

    def test_nobody_there_is_said_after_a_bounded_wait(self) -> None:
        with socket_of_nobody() as address:
            said = self.run_to_failure(
                self.config(kafkaBootstrapServers=address, kafka__properties__message__timeout__ms="3000"), 60)
        for part in (address, "within 3s", "Connection refused", "kafkaBootstrapServers"):
            self.assertIn(part, said)
        self.assertEqual(self.lines(), [])

    def test_secrets_are_named_in_files_and_variables_and_never_shown(self) -> None:
        secret = self.directory / "secret"
        secret.write_text(self.told["users"]["alice"] + "\n")
        self.run_to_end(self.login("SCRAM-SHA-512", f"${{file:{secret}}}"), 2)
        self.run_to_end(self.login("PLAIN", "${env:KAFKA_SECRET}"), 2, KAFKA_SECRET=self.told["users"]["alice"])
        self.assertEqual(len(self.lines()), 6)
        secret.write_text("quite-another\n")
        for said in (self.run_to_failure(self.login("SCRAM-SHA-512", f"${{file:{secret}}}"), 60),
                     self.run_to_failure(self.login("PLAIN", "quite-another"), 60)):
            self.assertIn("access was denied", said)
            self.assertIn("kafka.properties.sasl.", said)
            self.assertNotIn("quite-another", said)
        said = self.run_to_failure(self.login("PLAIN", "${env:NO_SUCH_SECRET}"), 60)
        self.assertIn("environment variable NO_SUCH_SECRET", said)

    def test_wrong_options_are_named_with_what_to_do(self) -> None:
        for options, words in (
            ({"kafka__properties__acks": "1"}, "kafka.properties.acks: it must be all"),
            ({"kafka__properties__no__such": "1"}, "kafka.properties.no.such: No such configuration property"),
            ({"kafkaActionStateTopic": ""}, "kafkaActionStateTopic: it is not set"),
            ({"kafkaActionStateTopicReplicationFactor": "3"}, "InvalidReplicationFactor"),
        ):
            self.assertIn(words, self.run_to_failure(self.config(**options), 60))
        self.assertEqual(self.lines(), [])

    def test_a_topic_that_deletes_by_age_is_refused(self) -> None:
        config = self.config()
        with Connection(self.told["bootstrap"]) as connection:
            self.assertEqual(connection.create_topic(config["kafkaActionStateTopic"], 3, cleanup_policy="delete"), 0)
        said = self.run_to_failure(config, 60)
        self.assertIn("its cleanup.policy is 'delete'", said)
        self.assertIn("Set cleanup.policy=compact", said)

    def test_a_result_that_is_too_large_is_refused_by_the_option_and_by_the_topic(self) -> None:
        config = self.config(**{"action-state.max-record-size": "2 kb"})
        said = self.run_to_failure(config, 60, 5_000)
        self.assertIn("action-state.max-record-size", said)
        config["kafkaActionStateTopic"] += "-small"
        del config["action-state.max-record-size"]
        with Connection(self.told["bootstrap"]) as connection:
            made = connection.create_topic(config["kafkaActionStateTopic"], 3, cleanup_policy="compact", max_message_bytes="3000")
            self.assertEqual(made, 0)
        said = self.run_to_failure(config, 60, 5_000)
        self.assertIn("max.message.bytes of the topic is 3000", said)


@contextmanager
def socket_of_nobody() -> Iterator[str]:
    """An address at which nobody listens, as long as this lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def main() -> int:
    """Runs the tests; the last line is ``N passed, N failed``."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{max(0, result.testsRun - bad)} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
