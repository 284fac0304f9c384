"""Reading, writing and merging configuration."""

import logging

import pytest

from flink_agents.api.configuration import ConfigOption
from flink_agents.api.core_options import (
    AgentConfigOptions,
    AgentExecutionOptions,
    ErrorHandlingStrategy,
    EventLogLevel,
    MemoryEventOptions,
)
from flink_agents.api.version_compatibility import flink_version_manager
from flink_agents.plan.configuration import (
    AgentConfiguration,
    EnvironmentConfiguration,
    flink_configuration_file,
)


@pytest.mark.parametrize(
    ("value", "read", "expected"),
    [
        ("false", "get_bool", False),
        (" TRUE ", "get_bool", True),
        ("5", "get_int", 5),
        (5.0, "get_int", 5),
        ("1.5", "get_float", 1.5),
        (3, "get_float", 3.0),
        (True, "get_str", "true"),
        (1.5, "get_str", "1.5"),
        (["a", 1], "get_str", "a;1"),
    ],
)
def test_values_are_converted(value, read, expected):
    result = getattr(AgentConfiguration({"k": value}), read)("k")
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "read", "message"),
    [
        ("no", "get_bool", "'no' of 'k' is not true or false"),
        (1, "get_bool", "is not true or false"),
        ("x", "get_int", "'x' of 'k' is not a whole number"),
        (1.5, "get_int", "is not a whole number"),
        (True, "get_int", "is not a whole number"),
        ("x", "get_float", "is not a number"),
    ],
)
def test_values_that_do_not_fit_are_refused(value, read, message):
    with pytest.raises(ValueError, match=message):
        getattr(AgentConfiguration({"k": value}), read)("k")


def test_unset_keys_give_the_default():
    config = AgentConfiguration({"null": None})
    assert (config.get_int("k"), config.get_int("k", 3), config.get_str("null", "x")) == (None, 3, "x")
    assert config.get(AgentExecutionOptions.MAX_RETRIES) == 3
    assert config.get(MemoryEventOptions.SENSORY_READ) is None


def test_enums_by_value_and_by_name():
    option = AgentExecutionOptions.ERROR_HANDLING_STRATEGY
    config = AgentConfiguration()
    for value in (ErrorHandlingStrategy.RETRY, "retry", "RETRY", "Retry"):
        config.set_value(option.get_key(), value)
        assert config.get(option) is ErrorHandlingStrategy.RETRY
    config.set(option, ErrorHandlingStrategy.RETRY)
    assert config.conf_data == {"error-handling-strategy": "retry"}
    config.set_str(option.get_key(), "sometimes")
    with pytest.raises(ValueError, match="is not one of RETRY, FAIL, IGNORE"):
        config.get(option)
    assert config.get(AgentConfigOptions.EVENT_LOG_LEVEL) is EventLogLevel.STANDARD


def test_lists():
    config = AgentConfiguration({"event-listeners": "a.B; c.D;"})
    assert config.get(AgentConfigOptions.EVENT_LISTENERS) == ["a.B", "c.D"]
    config.set(AgentConfigOptions.EVENT_LISTENERS, ("a.B",))
    assert config.conf_data["event-listeners"] == ["a.B"]


def test_none_does_not_replace_the_value_of_an_option_with_a_default():
    config = AgentConfiguration({"max-retries": 5})
    config.set(AgentExecutionOptions.MAX_RETRIES, None)
    assert config.get(AgentExecutionOptions.MAX_RETRIES) == 5
    config.set(ConfigOption("mine", str), None)
    assert config.conf_data["mine"] is None


def test_values_that_are_not_plain_are_refused():
    for value in (object(), {"a": 1}, [object()]):
        with pytest.raises(TypeError, match="'k"):
            AgentConfiguration().set_value("k", value)
    with pytest.raises(TypeError, match="must be a text"):
        AgentConfiguration().set_value("", 1)


def test_values_are_not_shown():
    assert "hush" not in repr(AgentConfiguration({"password": "hush"}))


def test_sources_are_merged(tmp_path, caplog):
    file = tmp_path / "config.yaml"
    text = "agent:\n  chat:\n    async: false\n  max-retries: 7\n  max-retrys: 1\nagent.a: 1\n"
    file.write_text(text, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        configuration = EnvironmentConfiguration(file, {"agent.max-retries": "8"})
    assert "max-retrys" in caplog.text
    assert configuration.current.get(AgentExecutionOptions.CHAT_ASYNC) is False
    assert configuration.current.get(AgentExecutionOptions.MAX_RETRIES) == 8
    configuration.current.set(AgentExecutionOptions.MAX_RETRIES, 9)
    caplog.clear()
    merged = configuration.merged()
    assert merged.get(AgentExecutionOptions.MAX_RETRIES) == 9
    assert merged.get_int("a") == 1
    assert caplog.text == ""


def test_each_of_the_four_sources_wins_over_those_below_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    (tmp_path / "config.yaml").write_text("agent.max-retries: 4\n", encoding="utf-8")

    def retries(configuration):
        return configuration.merged().get(AgentExecutionOptions.MAX_RETRIES)

    file, dynamic = flink_configuration_file(), {"agent.max-retries": "5"}
    assert retries(EnvironmentConfiguration()) == 3
    assert retries(EnvironmentConfiguration(file)) == 4
    configuration = EnvironmentConfiguration(file, dynamic)
    assert retries(configuration) == 5
    configuration.current.set(AgentExecutionOptions.MAX_RETRIES, 6)
    assert retries(configuration) == 6
    # Also where it is what stands below: the value itself says nothing of where it is from.
    configuration.current.set(AgentExecutionOptions.MAX_RETRIES, 4)
    assert retries(configuration) == 4


def test_a_reference_of_any_source_stays_one_until_it_is_looked_up(tmp_path, monkeypatch):
    monkeypatch.setenv("CONFIGURATION_TEST", "hush")
    file = tmp_path / "config.yaml"
    file.write_text("agent.file: ${env:CONFIGURATION_TEST}\n", encoding="utf-8")
    configuration = EnvironmentConfiguration(file, {"agent.dynamic": "${env:CONFIGURATION_TEST}", "agent.gone": "${env:NO_SUCH_VARIABLE}"})
    configuration.current.set_str("own", "${env:CONFIGURATION_TEST}")
    merged = configuration.merged()
    for key in ("file", "dynamic", "own"):
        assert merged.conf_data[key] == "${env:CONFIGURATION_TEST}"
        assert merged.resolving().get_str(key) == "hush"
    with pytest.raises(LookupError, match="(?s)gone.*NO_SUCH_VARIABLE"):
        merged.resolving().get_str("gone")


def test_wrong_values_are_refused_with_their_place(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("agent:\n  max-retries: many\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"max-retries.*(\n|.)*config\.yaml, line 2"):
        EnvironmentConfiguration(file)
    configuration = EnvironmentConfiguration()
    configuration.current.set_str("max-retries", "many")
    with pytest.raises(ValueError, match="max-retries"):
        configuration.merged()
    file.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="is not UTF-8 text"):
        EnvironmentConfiguration(file)
    # Also root can read no directory as a file.
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none.yaml", "No such file")):
        with pytest.raises(ValueError, match=f"configuration file {path} cannot be read .*{why}.*let the user who runs this program read it"):
            EnvironmentConfiguration(path)


def test_the_file_is_found_by_the_environment_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    assert flink_configuration_file() is None
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="neither config.yaml nor flink-conf.yaml"):
        flink_configuration_file()
    (tmp_path / "flink-conf.yaml").touch()
    assert flink_configuration_file() == tmp_path / "flink-conf.yaml"
    (tmp_path / "config.yaml").touch()
    assert flink_configuration_file() == tmp_path / "config.yaml"
    monkeypatch.setenv("FLINK_CONF_DIR", " ")
    assert flink_configuration_file() is None


@pytest.mark.parametrize(("version", "name"), [
    ("1.20.3", "flink-conf.yaml"), ("2.0.0", "config.yaml"), ("2.3.0", "config.yaml"), (None, "config.yaml")])
def test_of_two_files_the_one_that_flink_reads_is_taken(tmp_path, monkeypatch, version, name):
    monkeypatch.setattr(flink_version_manager, "_version", version)
    monkeypatch.setattr(flink_version_manager, "_looked", True)
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    for each in ("config.yaml", "flink-conf.yaml"):
        (tmp_path / each).touch()
    assert flink_configuration_file() == tmp_path / name
