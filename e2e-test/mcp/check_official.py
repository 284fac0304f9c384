#!/usr/bin/env python3
"""Asks tool servers that are made with the official Python SDK of the Model Context Protocol, over HTTP and over pipes.

Usage: check_official.py        Run it with the Python of target/venv-test (scripts/python-env). The last line is ``N passed, N failed``.

The SDK is the package mcp of PyPI (MIT), in its two major versions. They and what they need are fetched once by pip into target/mcp/;
nothing is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "cluster"), str(ROOT / "scripts"), str(ROOT / "python" / "tests" / "models")]
from checks import Suite  # noqa: E402
from cluster import free_ports  # noqa: E402
from entry import run_suite  # noqa: E402
from from_pypi import with_dependencies  # noqa: E402
from model_servers import ModelServer, outputs_of, server_program  # noqa: E402
from rest import wait_for  # noqa: E402
from test_mcp import WithServer, with_model  # noqa: E402

from flink_agents.integrations.errors import McpError  # noqa: E402
from flink_agents.integrations.mcp.mcp import MCPServer  # noqa: E402

PACKAGES = ("mcp==2.3.0", "mcp==1.30.0")
PROGRAM = ("-B", str(HERE / "official_server.py"))
SECONDS = 60
TOKEN, WRONG = "good-token-2718", "wrong-token-3141"
AT_ONCE = 30

REQUIRED = {"text": 'ä "\n', "whole": 2**53 + 1, "part": 1.5, "flag": True, "names": ["a", "b"], "place": {"city": "Ulm", "height": 1},
            "mood": "good"}
REPEATED = ['ä "\n', 2**53 + 1, 1.5, True, ["a", "b"], {"city": "Ulm", "height": 1.0, "names": []}, "good", None, 3]
PLACE = {"city": "Ulm", "height": 478.5, "names": ["Ulma", "Ulm"]}


class Sdk:
    """A version of the SDK."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.folder = with_dependencies(ROOT / "target" / "mcp", package, "10 MB with what it needs", print)

    @cached_property
    def described(self) -> dict[str, list[Any]]:
        """What the server has, as the SDK itself puts it."""
        run = subprocess.run([sys.executable, *PROGRAM, "--describe"], env={**os.environ, **self.environment}, capture_output=True, text=True,
                             timeout=SECONDS, check=True)
        answer: dict[str, list[Any]] = json.loads(run.stdout)
        return answer

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.folder)}

    def by_pipes(self, *options: str) -> dict[str, Any]:
        """The arguments of a tool server that is a process."""
        return {"command": sys.executable, "args": [*PROGRAM, *options], "env": self.environment, "timeout": SECONDS}


class OverHttp:
    """A server on a port. When it is started again it has the same one."""

    def __init__(self, sdk: Sdk, base: Path) -> None:
        self.sdk = sdk
        self.log = base / "server.log"
        (self.port,) = free_ports(1)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def start(self, *options: str) -> None:
        """Starts it, and waits until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *PROGRAM, "--port", str(self.port), *options], env={**os.environ, **self.sdk.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait_for("the server listens", SECONDS, self.listens)

    def listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the server has ended: {self.log.read_text()}"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """Ends it at once, if it runs."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(SECONDS)
            self.process = None

    def arguments(self, **more: Any) -> dict[str, Any]:
        """The arguments of a tool server that is this one."""
        return {"endpoint": self.url, "timeout": SECONDS, **more}

    def refused(self) -> set[tuple[str, str]]:
        """Which requests it did not take: method and status."""
        return set(re.findall(r'"(\w+) \S+ HTTP/1\.1" ([45]\d\d)', self.log.read_text()))


@contextmanager
def serving(sdk: Sdk, base: Path, *options: str) -> Iterator[OverHttp]:
    """A server on a port; it is gone at the end."""
    server = OverHttp(sdk, base)
    try:
        server.start(*options)
        yield server
    finally:
        server.kill()


def refusal(what: Any, *arguments: Any, **named: Any) -> str:
    """What a tool says of itself when it fails."""
    try:
        answer = what(*arguments, **named)
    except RuntimeError as error:
        assert not isinstance(error, McpError), error
        return str(error)
    msg = f"it answers {answer!r}"
    raise AssertionError(msg)


def failure(what: Any, *arguments: Any, **named: Any) -> McpError:
    """Why a server cannot be asked."""
    try:
        answer = what(*arguments, **named)
    except McpError as error:
        return error
    msg = f"it answers {answer!r}"
    raise AssertionError(msg)


def names(server: MCPServer) -> list[str]:
    """The names of the server's tools."""
    return [tool.name for tool in server.list_tools()]


def result(server: MCPServer, tool: str, **arguments: Any) -> dict[str, Any]:
    """All of what a tool answers."""
    answer: dict[str, Any] = json.loads(server.client.call(tool, json.dumps(arguments)))
    return answer


def calls(suite: Suite, server: MCPServer) -> None:
    """Checks what tools take and answer."""
    suite.equal("arguments of all types", REPEATED, json.loads(server.call_tool("echo", **REQUIRED)))
    suite.equal("and those that may be left out", [*REPEATED[:-2], "yes", 4], json.loads(server.call_tool("echo", **REQUIRED, more="yes", count=4)))
    place = result(server, "where", city="Ulm")
    suite.equal("a structured result", [PLACE, PLACE, False], [json.loads(place["text"]), place["structured"], place["failed"]])
    listed = result(server, "numbers", up_to=3)
    suite.equal("a list", ["0\n1\n2", {"result": [0, 1, 2]}], [listed["text"], listed["structured"]])
    suite.equal("nothing but a structured result", {"result": None}, json.loads(server.call_tool("nothing")))
    drawn = result(server, "picture")
    suite.equal("texts beside an image", ["a pixel\nit is black", ["text", "image", "text"], "image/png"],
                [drawn["text"], [content["type"] for content in drawn["contents"]], drawn["contents"][1]["mimeType"]])
    suite.equal("a long text", True, server.call_tool("long_text", times=100_000) == "ä\u2028\n" * 100_000)
    suite.equal("a tool that fails", "Error executing tool fails: there is no city of Atlantis", refusal(server.call_tool, "fails", city="Atlantis"))
    suite.contains("arguments that do not fit", refusal(server.call_tool, "echo", **{**REQUIRED, "whole": "x"}), ("whole", "valid integer"))
    suite.equal("a tool that is not there", "Unknown tool: none", refusal(server.call_tool, "none"))

    async def at_once() -> list[str]:
        return await asyncio.gather(*(server.call_tool_async("numbers", up_to=number) for number in range(1, AT_ONCE + 1)))
    suite.equal("calls at once have their own answers", list(range(AT_ONCE)), [int(text.rpartition("\n")[2]) for text in asyncio.run(at_once())])


def prompts(suite: Suite, server: MCPServer) -> None:
    """Checks what becomes of prompts."""
    def filled(name: str, **arguments: str) -> list[list[str]]:
        return [[message.role.value, message.content] for message in server.get_prompt(name, arguments)]
    suite.equal("a prompt without what it does not require", [["user", "Greet Ann kindly"]], filled("greeting", who="Ann"))
    suite.equal("with it, and with what it does not know", [["user", "Greet Ann loudly"]], filled("greeting", who="Ann", how="loudly", why="so"))
    suite.equal("a conversation", [["user", "What of Ulm?"], ["assistant", "Nothing new."]], filled("play", topic="Ulm"))
    missing = failure(server.get_prompt, "greeting", {"how": "loudly"})
    suite.equal("without what it requires", "arguments", missing.kind)
    suite.contains("it is named", str(missing), ("'greeting'", "'who' is required"))


def asked(suite: Suite, sdk: Sdk, arguments: dict[str, Any]) -> None:
    """Checks all that a client asks for in one session."""
    server = MCPServer(**arguments)
    described = sdk.described
    suite.equal("the tools, with their schemas", described["tools"],
                [[tool.name, tool.metadata.description, tool.metadata.get_parameters_dict()] for tool in server.list_tools() if tool.metadata])
    suite.equal("the prompts, with their arguments", described["prompts"], [
        [prompt.name, prompt.description, [[argument.name, argument.required] for argument in prompt.prompt_arguments]]
        for prompt in server.list_prompts()])
    calls(suite, server)
    prompts(suite, server)
    suite.equal("a tool that asks whether we are there", "talked", server.call_tool("talks"))
    suite.equal("a tool that asks for what we cannot give", "the answer: decline", server.call_tool("asks"))
    suite.equal("a tool more", "grown", server.call_tool("grows"))
    before = [name for name, *_ in described["tools"]]
    # What tells of it may be handled after the answer.
    wait_for("another list", SECONDS, lambda: names(server) != before)
    suite.equal("is in the list", [*before, "late"], names(server))
    suite.equal("and is there", "here", server.call_tool("late"))
    server.close()


def over_http(suite: Suite, sdk: Sdk, base: Path) -> None:
    """Over HTTP."""
    with serving(sdk, base) as server:
        asked(suite, sdk, server.arguments())
    suite.equal("the server has refused nothing", set(), server.refused())


def over_pipes(suite: Suite, sdk: Sdk, base: Path) -> None:
    """Over pipes, also when the process has died."""
    deaths = base / "deaths"
    arguments = sdk.by_pipes("--deaths", str(deaths))
    asked(suite, sdk, arguments)
    server = MCPServer(**arguments)
    server.call_tool("grows")
    dead = failure(server.call_tool, "dies")
    suite.equal("a call that the process dies of", "gone", dead.kind)
    suite.contains("may have been carried out", str(dead), ("tool 'dies'", "The call may have been carried out"))
    suite.equal("and is not made again", "died\n", deaths.read_text())
    suite.equal("the next starts another process", "talked", server.call_tool("talks"))
    suite.equal("which has other tools", False, "late" in names(server))
    server.close()


def other_answers(suite: Suite, sdk: Sdk, base: Path) -> None:
    """Over HTTP, by servers whose answers are no streams, and which have no sessions."""
    for option in ("--json", "--stateless"):
        with serving(sdk, base, option) as server:
            calls(suite, MCPServer(**server.arguments()))
        # Without sessions there is no stream beside the answers.
        refused = {("GET", "405")} if option == "--stateless" else set()
        suite.equal(f"the server with {option} has refused nothing else", set(), server.refused() - refused)


def newest(suite: Suite, sdk: Sdk, base: Path) -> None:
    """A server that speaks protocol 2026-07-28 only, which the SDK's first version does not know."""
    if sdk.package != PACKAGES[0]:
        return
    described = sdk.described
    with serving(sdk, base, "--newest") as server:
        client = MCPServer(**server.arguments(max_retries=1, initial_backoff_ms=1))
        listed = [[tool.name, tool.metadata.description] for tool in client.list_tools() if tool.metadata]
        suite.equal("the tools", [[name, description] for name, description, _ in described["tools"]], listed)
        suite.equal("the prompts", [name for name, *_ in described["prompts"]], [prompt.name for prompt in client.list_prompts()])
        calls(suite, client)
        prompts(suite, client)
        server.kill()
        server.start("--newest", "--late")
        suite.equal("started again, it is asked for its list", [*(name for name, *_ in described["tools"]), "late"], names(client))
        suite.equal("and its tools", "here", client.call_tool("late"))


def in_agents(suite: Suite, sdk: Sdk, base: Path) -> None:
    """An agent has the tools and prompts, and its model is told what they say."""
    asks = [("echo", REQUIRED), ("where", {"city": "Ulm"}), ("fails", {"city": "Atlantis"}), ("echo", {**REQUIRED, "mood": "so so"})]
    tools = ["echo", "where", "fails"]
    rules = [{"when": {"round": 0}, "answers": [{"tool_calls": [{"name": name, "arguments": arguments} for name, arguments in asks]}]},
             {"answers": [{"text": "bye"}]}]
    schemas = {name: schema for name, _, schema in sdk.described["tools"]}
    with serving(sdk, base) as server:
        for way, arguments in (("HTTP", server.arguments()), ("pipes", sdk.by_pipes())):
            model = ModelServer(server_program(), {"rules": rules})
            try:
                # Read when the agent is applied.
                WithServer.arguments = arguments
                outputs = outputs_of([("k", "hi")], with_model(model, tools), {"event-log.level": "OFF"})
                suite.equal(f"{way}: the output", [("k", "bye")], outputs)
                first, second = model.chats()
            finally:
                model.stop()
            suite.equal(f"{way}: what the model may call", [[name, schemas[name]] for name in tools],
                        [[tool["function"]["name"], tool["function"]["parameters"]] for tool in first["tools"]])
            suite.equal(f"{way}: what it is asked", ["Greet Ann loudly", "hi"], [message["content"] for message in first["messages"]])
            echo, where, fails, unfit = [message["content"] for message in second["messages"] if message["role"] == "tool"]
            suite.equal(f"{way}: what tools tell it", [REPEATED, PLACE], [json.loads(echo), json.loads(where)])
            suite.equal(f"{way}: why one fails", "Tool `fails` failed: Error executing tool fails: there is no city of Atlantis", fails)
            suite.contains(f"{way}: why one is refused", unfit, ("Tool `echo`", "mood", "'good' or 'bad'"))
    suite.equal("the server has refused nothing", set(), server.refused())


def logins(suite: Suite, sdk: Sdk, base: Path) -> None:
    """A server that wants a token."""
    with serving(sdk, base, "--token", TOKEN) as server:
        good = MCPServer(**server.arguments(auth={"type": "bearer", "token": TOKEN}, headers={"X-Team": "red"}))
        suite.equal("the right one, and a header", "red", good.call_tool("team"))
        for what, more in (("a wrong one", {"auth": {"type": "bearer", "token": WRONG}}),
                           ("a wrong header", {"headers": {"Authorization": f"Bearer {WRONG}"}}), ("none", {})):
            bad = MCPServer(**server.arguments(max_retries=3, initial_backoff_ms=1, **more))
            error = failure(bad.list_tools)
            suite.equal(f"{what}: is an error", "unreachable", error.kind)
            suite.contains(f"{what}: which says why", str(error), (server.url, "another login", "invalid_token", "Check"))
            shown = f"{error} {error!r} {bad!r} {bad}"
            suite.equal(f"{what}: and not which", [], [word for word in (WRONG, "::") if word in shown])
        elsewhere = MCPServer(**server.arguments(auth={"type": "bearer", "token": TOKEN}, max_retries=0) | {"endpoint": server.url + "/other"})
        suite.contains("another path", str(failure(elsewhere.list_tools)), ("/mcp/other", "404 Not Found"))
    suite.equal("what the server has refused", {("POST", "401"), ("POST", "404")}, server.refused())
    suite.equal("a login that was refused is not tried again", 3, server.log.read_text().count('HTTP/1.1" 401'))


def killed_and_started_again(suite: Suite, sdk: Sdk, base: Path) -> None:
    """A server that is killed and started again, with other tools each time."""
    deaths = base / "deaths"
    options = ("--token", TOKEN, "--deaths", str(deaths))
    with serving(sdk, base, *options) as server:
        client = MCPServer(**server.arguments(auth={"type": "bearer", "token": TOKEN}, max_retries=1, initial_backoff_ms=1))
        before = names(client)
        suite.equal("before", ["talked", False], [client.call_tool("talks"), "late" in before])
        server.kill()
        # This one may still be sent by the connection that has just been cut.
        first = failure(client.call_tool, "talks")
        suite.check("it is away", "" if first.kind in ("gone", "unreachable") else str(first))
        away = failure(client.call_tool, "talks")
        suite.equal("while it is away", "unreachable", away.kind)
        suite.contains("what is told", str(away), ("tool 'talks'", server.url, "after 2 attempts", "Connection refused", "that the server runs"))
        suite.equal("and what is not", [], [word for word in (TOKEN, "::", "may have been carried out") if word in str(away)])
        server.start(*options, "--late")
        suite.equal("the next call opens a session", "here", client.call_tool("late"))
        suite.equal("with another list", [*before, "late"], names(client))
        server.kill()
        server.start(*options)
        suite.equal("nobody has asked meanwhile", "talked", client.call_tool("talks"))
        suite.equal("and the list is new", before, names(client))
        dead = failure(client.call_tool, "dies")
        suite.equal("a call that the server dies of", "gone", dead.kind)
        suite.contains("may have been carried out", str(dead), ("tool 'dies'", "The call may have been carried out"))
        server.kill()
        server.start(*options, "--late")
        suite.equal("the list is asked for again", [*before, "late"], names(client))
        suite.equal("and the call is not made again", "died\n", deaths.read_text())
    suite.equal("what the server has refused is of sessions that it has forgotten", {"404"}, {status for _, status in server.refused()})


SCENARIOS = (over_http, over_pipes, other_answers, newest, in_agents, logins, killed_and_started_again)


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs the scenarios with each SDK."""
    os.environ.pop("FLINK_CONF_DIR", None)
    os.environ["no_proxy"] = "*"
    for package in PACKAGES:
        sdk = Sdk(package)
        for scenario in SCENARIOS:
            name = f"{package}: {(scenario.__doc__ or '').splitlines()[0]}"
            if options.only not in name:
                continue
            place = base / package / scenario.__name__
            place.mkdir(parents=True)
            os.chdir(place)
            with suite.scenario(name):
                scenario(suite, sdk, place)
    os.chdir(ROOT)


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-mcp-", run))
