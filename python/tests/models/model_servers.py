"""The scripted model server, and runs of agents that ask it."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

ROOT = Path(__file__).resolve().parents[3]
NAME = "flink-agents-model-server"


def server_program():
    """Return the path of the server, built if it is not there."""
    for directory in (os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), ROOT / "target"):
        program = Path(directory) / "debug" / NAME
        if program.exists():
            return program
    subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", NAME], cwd=ROOT, check=True)
    return program


class ModelServer:
    """A server that says what its script says."""

    def __init__(self, program, script):
        self.process = subprocess.Popen(
            [str(program), "--script", json.dumps(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip()

    def requests(self):
        """Return what was asked: dicts with path, headers and body."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/_requests") as answer:
            return json.load(answer)

    def chats(self):
        """Return the bodies of the requests to chat models."""
        return [asked["body"] for asked in self.requests() if asked["path"].endswith("/chat/completions")]

    def stop(self):
        self.process.kill()
        self.process.communicate()


def outputs_of(inputs, agent, config=None, name=None):
    """Run an agent over (key, value) pairs and return the outputs as (key, output)."""
    environment = AgentsExecutionEnvironment.get_execution_environment()
    for key, value in (config or {}).items():
        environment.get_config().set_str(key, value)
    outputs = environment.from_list([{"key": key, "value": value} for key, value in inputs]).apply(agent).to_list()
    environment.execute(name)
    return [(key, value) for output in outputs for key, value in output.items()]
