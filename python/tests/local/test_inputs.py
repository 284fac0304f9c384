"""What environments take and refuse."""

import asyncio

import pytest

from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE


def echo(event, ctx):
    ctx.send_event(OutputEvent(output=InputEvent.from_event(event).input))


ECHO = (INPUT, echo)


def outputs_of(environment, elements):
    outputs = environment.from_list(elements).apply(agent_of(ECHO)).to_list()
    environment.execute()
    return outputs


def test_keys_and_values_by_either_name(environment):
    elements = [{"key": "a", "value": 1}, {"k": "b", "v": 2}, {"v": 3, "key": "c"}]
    assert outputs_of(environment, elements) == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_a_record_without_key_has_its_index_as_key(environment):
    assert outputs_of(environment, [{"value": "x"}, {"key": "k", "value": "y"}, {"v": None}]) == [
        {0: "x"}, {"k": "y"}, {2: None}]


@pytest.mark.parametrize(("elements", "words"), [
    ([{"value": 1}, 5], r"element 1 \(from 0\) is a value of type 'int'"),
    ([{"key": 1}], r'element 0 \(from 0\) has no "value"'),
    ([{"key": 1, "k": 1, "value": 2}], "has both of"),
    ([{"key": 1, "value": 2, "time": 3}], "mean nothing here"),
    ([{"key": {}, "value": 1}], r"element 0 \(from 0\): .*'dict' cannot be a key"),
    ([{"key": 1, "value": {"a": [object()]}}], r"element 0 \(from 0\): input\.a\[0\]: a value of type 'object'"),
    ([{"key": 1, "value": 0}, {"value": 0}], "give all elements a key, or none"),
    ([{"value": 0}, {"k": 0, "v": 0}], r"element 1 \(from 0\).*could be the integer key"),
])
def test_a_wrong_element_is_named_by_its_index(environment, elements, words):
    with pytest.raises((TypeError, ValueError), match=words):
        outputs_of(environment, elements)


async def echo_later(event, ctx):
    await asyncio.sleep(0)
    ctx.send_event(OutputEvent(output=event.get_attr("input")))


@pytest.mark.parametrize("action", [echo, echo_later])
@pytest.mark.parametrize("wrong", [None, {"value": object()}])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_came_before_a_wrong_element_is_worked_off(environment, action, wrong, asynchronous):
    elements = [*({"key": str(n), "value": n} for n in range(200)), wrong]

    async def one_by_one():
        for element in elements:
            yield element

    source = environment.from_iterable(one_by_one()) if asynchronous else environment.from_list(elements)
    outputs = source.apply(agent_of((INPUT, action))).to_list()
    with pytest.raises(TypeError, match="element 200"):
        environment.execute()
    assert len(outputs) == 200


def test_an_empty_list_gives_nothing(environment):
    assert outputs_of(environment, []) == []


def test_to_list_is_the_same_list_each_time(environment):
    builder = environment.from_list([{"value": 1}]).apply(agent_of(ECHO))
    first, second = builder.to_list(), builder.to_list()
    assert first is second and first == []
    environment.execute()
    assert first == [{0: 1}]


def test_each_step_out_of_order_tells_what_is_missing(environment):
    with pytest.raises(RuntimeError, match="nothing to execute"):
        environment.execute()
    builder = environment.from_list([])
    for step in (builder.to_list, builder.execute_stream, environment.execute):
        with pytest.raises(RuntimeError, match="needs an agent"):
            step()
    with pytest.raises(RuntimeError, match="has an input already"):
        environment.from_list([])
    with pytest.raises(RuntimeError, match="has an input already"):
        environment.from_iterable([])
    builder.apply(agent_of(ECHO))
    with pytest.raises(RuntimeError, match="was called already"):
        builder.apply(agent_of(ECHO))
    environment.execute()
    for step in (environment.execute, builder.execute_stream, builder.to_list):
        with pytest.raises(RuntimeError, match="executed already"):
            step()


def test_methods_that_need_flink_say_so(environment):
    for call in (environment.from_datastream, environment.from_table):
        with pytest.raises(NotImplementedError, match="needs Flink"):
            call(None)
    builder = environment.from_list([])
    with pytest.raises(NotImplementedError, match=r"use to_list\(\)"):
        builder.to_datastream()
    with pytest.raises(NotImplementedError, match=r"use to_list\(\)"):
        builder.to_table(None, None)


def test_wrong_sources_are_refused(environment):
    with pytest.raises(TypeError, match="from_iterable"):
        environment.from_list(element for element in [])
    for wrong in ({"key": 1}, "text", 5):
        with pytest.raises(TypeError, match="one after another"):
            environment.from_iterable(wrong)


def test_an_unknown_agent_or_a_class_is_refused_and_leaves_the_builder_free(environment):
    builder = environment.from_list([{"value": 1}])
    with pytest.raises(ValueError, match="no agent 'other'"):
        builder.apply("other")
    with pytest.raises(TypeError, match="with \\(\\)"):
        builder.apply(type(agent_of()))
    with pytest.raises(ValueError, match="condition"):
        builder.apply(agent_of(("input >", echo)))
    outputs = builder.apply(agent_of(ECHO)).to_list()
    environment.execute()
    assert outputs == [{0: 1}]


def test_arguments_without_flink_are_refused():
    with pytest.raises(TypeError, match="takes no other arguments"):
        AgentsExecutionEnvironment.get_execution_environment(parallelism=2)


def read_config(event, ctx):
    ctx.send_event(OutputEvent(output=[ctx.config.get_str("custom.name"), ctx.config.get_int("custom.size", 7)]))


def test_configuration_of_file_and_environment_reaches_actions(environment, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("agent:\n  custom.name: file\n  custom.size: 3\n")
    environment.get_config().set_str("custom.name", "mine")
    environment.get_config(str(file))
    outputs = environment.from_list([{"value": 0}]).apply(agent_of((INPUT, read_config))).to_list()
    environment.execute()
    assert outputs == [{0: ["mine", 3]}]


def test_environments_share_no_configuration(environment):
    environment.get_config().set_str("custom.name", "mine")
    other = AgentsExecutionEnvironment.get_execution_environment()
    assert other.get_config().get_str("custom.name") is None


def test_a_configuration_file_that_is_not_there_is_named(environment, tmp_path):
    with pytest.raises(ValueError, match="nowhere.yaml"):
        environment.get_config(str(tmp_path / "nowhere.yaml"))
