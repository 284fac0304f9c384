"""Configuration is read as in Rust and Java, the constants are those of the core's table, and secrets are shown nowhere."""

from __future__ import annotations

import json
import logging
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from flink_agents import _core
from flink_agents.api import core_options
from flink_agents.api.configuration import ConfigOption
from flink_agents.api.memory.long_term_memory import LongTermMemoryOptions
from flink_agents.plan.configuration import AgentConfiguration, EnvironmentConfiguration

CONFORMANCE = Path(__file__).parents[3] / "e2e-test" / "conformance"
VECTORS = json.loads((CONFORMANCE / "config-values.json").read_text(encoding="utf-8"))
OPTIONS = {row["key"]: row for row in json.loads((CONFORMANCE / "config-options.json").read_text(encoding="utf-8"))}
TYPES: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "long": int,
    "float": float,
    "text": str,
    "list": list,
    "duration": str,
    "size": str,
    "enum": core_options.ErrorHandlingStrategy,
}


# Whole numbers have no bounds in Python.
@pytest.mark.parametrize("vector", [v for v in VECTORS["values"] if "is" in v or not str(v["value"])[-8:].isdigit()], ids=str)
def test_values_are_read_as_in_rust_and_java(vector) -> None:
    config = AgentConfiguration({"k": vector["value"]})
    wanted = TYPES[vector["as"]]
    option = ConfigOption(key="k", config_type=wanted, default=None)
    if "is" not in vector:
        with pytest.raises(ValueError, match="'k'"):
            config.get(option)
        return
    found = config.get(option)
    assert type(found) is wanted
    assert (found.name if isinstance(found, Enum) else found) == vector["is"]


@pytest.mark.parametrize("vector", VECTORS["sources"], ids=lambda vector: vector["name"])
def test_sources_are_merged_as_in_rust_and_java(vector, tmp_path, caplog) -> None:
    file = None
    if "file" in vector:
        file = tmp_path / vector["file"]
        file.write_text(vector["text"], encoding="utf-8")

    def merged() -> dict[str, Any]:
        made = EnvironmentConfiguration(file, vector.get("dynamic"))
        for key, value in vector.get("environment", {}).items():
            made.current.set_value(key, value)
        return made.merged().conf_data

    with caplog.at_level(logging.WARNING):
        if "conf" in vector:
            assert merged() == vector["conf"]
        else:
            with pytest.raises(ValueError) as said:
                merged()
            assert all(text in str(said.value) for text in vector["error"])
            assert "hunter2" not in str(said.value)
    assert all(text in caplog.text for text in vector.get("warning", ()))
    assert bool(caplog.records) == ("warning" in vector)


@pytest.mark.parametrize(("key", "expected"), VECTORS["secrets"])
def test_secrets_are_known_by_their_keys(key, expected) -> None:
    assert _core.is_hidden(key, "hunter2") is expected
    assert not _core.is_hidden(key, "${env:NAME}")


def constants() -> list[ConfigOption]:
    owners = (
        core_options.AgentConfigOptions,
        core_options.AgentExecutionOptions,
        core_options.MemoryEventOptions,
        core_options.RuntimeOptions,
        LongTermMemoryOptions.Mem0,
    )
    return [value for owner in owners for value in vars(owner).values() if isinstance(value, ConfigOption)]


@pytest.mark.parametrize("option", constants(), ids=lambda option: option.get_key())
def test_constants_are_those_of_the_table(option) -> None:
    row = OPTIONS[option.get_key()]
    wanted, default = option.get_type(), option.get_default_value()
    if issubclass(wanted, Enum):
        assert {word.lower() for word in row["type"]} == {str(one.value).lower() for one in wanted}
        default = default.value if default is not None else None
    elif isinstance(row["type"], str):
        assert wanted is TYPES[row["type"]]
    if row["default"] is None:
        assert default is None
    else:
        assert str(default).lower() == row["default"].lower()


def test_every_option_has_a_constant() -> None:
    assert sorted(option.get_key() for option in constants()) == sorted(key for key in OPTIONS if "<" not in key)


def test_references_are_looked_up_where_the_value_is_used(tmp_path, monkeypatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    monkeypatch.setenv("SECRET_NUMBER", "hunter3")
    config = AgentConfiguration(
        {"my.password": f"${{file:{secret}}}", "number": "${env:SECRET_NUMBER}", "gone": "${env:NO_SUCH_VARIABLE}"}
    )
    assert config.get_str("my.password") == f"${{file:{secret}}}"
    running = config.resolving()
    assert running.get_str("my.password") == "hunter2"
    assert "hunter" not in json.dumps(running.conf_data) + repr(running)
    with pytest.raises(ValueError, match=r"\$\{env:SECRET_NUMBER\}") as said:
        running.get_int("number")
    assert "hunter3" not in str(said.value)
    with pytest.raises(LookupError, match=r"'gone' .* environment variable NO_SUCH_VARIABLE.*Set the variable"):
        running.get_str("gone")


def test_a_secret_of_a_wrong_type_is_not_shown() -> None:
    with pytest.raises(ValueError, match="not shown") as said:
        AgentConfiguration({"my.api-key": "hunter2"}).get_int("my.api-key")
    assert "hunter2" not in str(said.value)
