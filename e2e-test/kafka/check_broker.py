#!/usr/bin/env python3
"""Checks that the broker of scripts/kafka-broker is what tests need: it serves, with and without TLS and a login, keeps its
data over kill -9, stands still and goes on, and leaves no process.

Usage: check_broker.py          Needs a JDK 17 and Maven. The last line is ``N passed, N failed``.

Kafka's protocol is spoken here by hand, so that nothing is tested with what it is to test.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts" / "kafka-broker"
API_VERSIONS, SASL_HANDSHAKE, CREATE_TOPICS, METADATA, SASL_AUTHENTICATE = 18, 17, 19, 3, 36


def command(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs the script, and checks how it ended."""
    done = subprocess.run([str(SCRIPT), *words], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != status:
        raise AssertionError(f"kafka-broker {' '.join(words)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie that its parent has not yet looked after."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def text(value: str) -> bytes:
    """A STRING of Kafka's protocol."""
    return struct.pack(">h", len(value)) + value.encode()


class Connection:
    """A connection to a broker."""

    def __init__(self, address: str, ca: str | None = None, seconds: float = 20) -> None:
        host, port = address.rsplit(":", 1)
        self.socket: socket.socket = socket.create_connection((host, int(port)), timeout=seconds)
        if ca is not None:
            self.socket = ssl.create_default_context(cafile=ca).wrap_socket(self.socket, server_hostname=host)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, api: int, version: int, body: bytes) -> bytes:
        """Sends a request and returns the body of its answer."""
        request = struct.pack(">hhi", api, version, 7) + text("check") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        answer = self.read(struct.unpack(">i", self.read(4))[0])
        if answer[:4] != struct.pack(">i", 7):
            raise AssertionError(f"an answer to another request: {answer!r}")
        return answer[4:]

    def read(self, count: int) -> bytes:
        """Reads so many bytes; ConnectionError at the end of the stream."""
        got = b""
        while len(got) < count:
            part = self.socket.recv(count - len(got))
            if not part:
                raise ConnectionError("the broker closed the connection")
            got += part
        return got

    def works(self) -> bool:
        """Whether the broker answers what it can."""
        return self.ask(API_VERSIONS, 0, b"")[:2] == b"\0\0"

    def login(self, user: str, password: str) -> int:
        """Logs in by PLAIN; returns Kafka's error code."""
        if self.ask(SASL_HANDSHAKE, 1, text("PLAIN"))[:2] != b"\0\0":
            raise AssertionError("PLAIN is not offered")
        token = f"\0{user}\0{password}".encode()
        answer = self.ask(SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
        return int(struct.unpack(">h", answer[:2])[0])

    def create_topic(self, name: str, partitions: int = 1, **settings: str) -> int:
        """Creates a topic, with settings whose names have ``_`` for their dots; returns Kafka's error code."""
        body = struct.pack(">i", 1) + text(name) + struct.pack(">ihii", partitions, 1, 0, len(settings))
        for key, value in settings.items():
            body += text(key.replace("_", ".")) + text(value)
        body += struct.pack(">i?", 10_000, False)
        answer = self.ask(CREATE_TOPICS, 2, body)
        return int(struct.unpack(">h", answer[8 + 2 + len(name):][:2])[0])

    def has_topic(self, name: str) -> bool:
        """Whether the broker knows the topic."""
        return name.encode() in self.ask(METADATA, 0, struct.pack(">i", 0))


class Broker(unittest.TestCase):
    """One broker for all; the tests run in the order of their names and leave it running."""

    folder: tempfile.TemporaryDirectory[str]
    directory: str
    told: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="flink-agents-kafka-")
        cls.directory = str(Path(cls.folder.name) / "broker")
        begin = time.monotonic()
        command("fetch")
        fetched = time.monotonic()
        cls.told = json.loads(command("start", cls.directory).stdout)
        print(f"jars there after {fetched - begin:.1f} s, broker started in {time.monotonic() - fetched:.1f} s", flush=True)

    @classmethod
    def tearDownClass(cls) -> None:
        command("stop", cls.directory)
        cls.folder.cleanup()

    def running(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(command("status", self.directory).stdout)
        return told

    def test_it_serves_with_no_login(self) -> None:
        with Connection(self.told["bootstrap"]) as connection:
            self.assertTrue(connection.works())

    def test_it_serves_by_tls_whoever_logs_in_and_nobody_else(self) -> None:
        for user, password, error in (
            ("alice", self.told["users"]["alice"], 0), ("guest", self.told["users"]["guest"], 0),
            ("alice", "wrong", 58), ("nobody", self.told["users"]["alice"], 58),
        ):
            with Connection(self.told["sasl_ssl"], self.told["ca"]) as connection:
                self.assertEqual(connection.login(user, password), error, f"{user}, {password}")

    def test_a_certificate_of_another_is_not_trusted(self) -> None:
        host, port = self.told["sasl_ssl"].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(plain, server_hostname=host)

    def test_only_the_user_who_is_allowed_to_makes_topics(self) -> None:
        for user, error in (("alice", 0), ("guest", 29)):
            with Connection(self.told["sasl_ssl"], self.told["ca"]) as connection:
                connection.login(user, self.told["users"][user])
                self.assertEqual(connection.create_topic(f"of-{user}"), error)

    def test_a_user_who_is_given_a_right_has_it(self) -> None:
        words = ["--allow-principal", "User:carol", "--operation", "Create", "--topic", "of-carol"]
        command("acls", self.directory, "--add", *words)
        self.assertIn("User:carol", command("acls", self.directory, "--list").stdout)
        with Connection(self.told["sasl_ssl"], self.told["ca"]) as connection:
            connection.login("carol", self.told["users"]["carol"])
            end = time.monotonic() + 60
            # The broker is told of it soon after the command has ended.
            while (error := connection.create_topic("of-carol")) == 29 and time.monotonic() < end:
                pass
            self.assertEqual(error, 0)
            self.assertEqual(connection.create_topic("of-others"), 29)
        self.assertIn("--operation", command("acls", self.directory, "--add", "--operation", "Fly", status=1).stderr)

    def test_it_keeps_its_topics_and_ports_over_kill_9(self) -> None:
        with Connection(self.told["bootstrap"]) as connection:
            self.assertEqual(connection.create_topic("kept"), 0)
        command("kill", self.directory)
        self.assertFalse(alive(self.told["pid"]))
        with self.assertRaises(ConnectionRefusedError):
            Connection(self.told["bootstrap"])
        self.assertFalse(self.running()["running"])
        again = json.loads(command("start", self.directory).stdout)
        type(self).told = again
        self.assertEqual(again["bootstrap"], self.told["bootstrap"])
        with Connection(self.told["bootstrap"]) as connection:
            self.assertTrue(connection.has_topic("kept"))

    def test_it_stands_still_and_goes_on(self) -> None:
        command("pause", self.directory)
        try:
            # The kernel takes the connection; nobody reads from it.
            with Connection(self.told["bootstrap"], seconds=1) as connection:
                with self.assertRaises(TimeoutError):
                    connection.works()
        finally:
            command("continue", self.directory)
        with Connection(self.told["bootstrap"]) as connection:
            self.assertTrue(connection.works())

    def test_two_in_one_directory_are_refused(self) -> None:
        self.assertIn("runs already", command("start", self.directory, status=1).stderr)

    def test_a_directory_without_a_broker_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            self.assertIn(f"kafka-broker start {empty}", command("stop", empty, status=1).stderr)


class Beside(unittest.TestCase):
    """A command beside a broker of its own."""

    def test_it_ends_with_its_command_and_no_process_is_left(self) -> None:
        with tempfile.TemporaryDirectory(prefix="flink-agents-kafka-") as folder:
            program = "import json, os; print(os.environ['FLINK_AGENTS_KAFKA']); raise SystemExit(3)"
            done = command("run", folder, "--", sys.executable, "-c", program, status=3)
            told = json.loads(done.stdout)
            self.assertTrue(told["running"])
            self.assertFalse(alive(told["pid"]))

    def test_a_broker_that_does_not_start_says_why(self) -> None:
        with tempfile.TemporaryDirectory(prefix="flink-agents-kafka-") as folder:
            done = command("start", folder, "--property", "log.cleaner.threads=many", status=1)
            self.assertIn("log.cleaner.threads", done.stderr)
            self.assertFalse(json.loads(command("status", folder).stdout)["running"])


def main() -> int:
    """Runs the tests; the last line is ``N passed, N failed``."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    # A class that does not get as far as its tests is no test run, but one that failed.
    print(f"{max(0, result.testsRun - bad)} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
