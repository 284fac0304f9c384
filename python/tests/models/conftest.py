"""A scripted model server for tests of models."""

import pytest

from model_servers import ModelServer, outputs_of, server_program


@pytest.fixture(scope="session")
def model_server_program():
    """Return the path of the scripted model server, built if it is not there."""
    return server_program()


@pytest.fixture
def model_server(model_server_program, monkeypatch):
    """Return a function that starts a server with these rules; other parts of the script by name."""
    monkeypatch.setenv("no_proxy", "*")
    started = []

    def start(*rules, **script):
        server = ModelServer(model_server_program, {"rules": list(rules), **script})
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs an agent over (key, value) pairs and returns the outputs as (key, output)."""
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return outputs_of
