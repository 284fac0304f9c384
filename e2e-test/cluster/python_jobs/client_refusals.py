"""What the client refuses, without a cluster. Prints a line ``right …`` or ``WRONG …`` for each."""

from __future__ import annotations

from collections.abc import Callable

from pyflink.common import Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment
from rain_agent import RainAgent

from flink_agents.api.agents.agent import Agent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

env = StreamExecutionEnvironment.get_execution_environment()
env.set_parallelism(3)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
words = env.from_collection(["a", "b"], type_info=Types.STRING())


def refused(what: str, kind: type[Exception], parts: tuple[str, ...], call: Callable[[], object]) -> None:
    """Prints whether a call raises this, with these parts in its message."""
    try:
        call()
    except Exception as e:  # noqa: BLE001 - whatever it is, it is told
        lacking = [part for part in parts if part not in str(e)]
        right = isinstance(e, kind) and not lacking
        print(f"{'right' if right else 'WRONG'} {what}{'' if right else f': {type(e).__name__}: {e} lacks {lacking}'}")
    else:
        print(f"WRONG {what}: no error")


def holds(what: str, fact: bool) -> None:
    """Prints whether something is so."""
    print(f"{'right' if fact else 'WRONG'} {what}")


def applied() -> object:
    """A builder with an agent."""
    return agents.from_datastream(words, lambda word: word).apply(RainAgent())


refused("no selector for a stream", RuntimeError, ("KeySelector must be provided.",), lambda: agents.from_datastream(words))
refused("no stream", TypeError, ("DataStream", "list"), lambda: agents.from_datastream([1], lambda n: n))
refused("a selector that is none", TypeError, ("key_selector",), lambda: agents.from_datastream(words, "word"))
refused("from_list", NotImplementedError, ("from_datastream", "without Flink"), lambda: agents.from_list([]))
refused("from_iterable", NotImplementedError, ("from_datastream",), lambda: agents.from_iterable([]))
refused("to_list", NotImplementedError, ("to_datastream",), lambda: applied().to_list())
refused("execute_stream", NotImplementedError, ("to_datastream",), lambda: applied().execute_stream())
refused("a second agent", RuntimeError, ("RainAgent", "already"), lambda: applied().apply(RainAgent()))
refused("no agent", RuntimeError, ("apply",), lambda: agents.from_datastream(words, lambda w: w).to_datastream())
refused("an unknown name", ValueError, ("'Unknown'",), lambda: agents.from_datastream(words, lambda w: w).apply("Unknown"))
refused("a class for an agent", TypeError, ("()",), lambda: agents.from_datastream(words, lambda w: w).apply(RainAgent))
refused("a table environment alone", ValueError, ("env",), lambda: AgentsExecutionEnvironment.get_execution_environment(
    t_env=StreamTableEnvironment.create(env)))
refused("an env that is none", TypeError, ("StreamExecutionEnvironment", "str"),
        lambda: AgentsExecutionEnvironment.get_execution_environment("env"))
refused("a wrong condition", ValueError, ("type ==",), lambda: agents.from_datastream(words, lambda w: w).apply(
    Agent().add_action("odd", ["type =="], RainAgent.add)))

builder = applied()
outputs = builder.to_datastream(Types.STRING())
holds("the same outputs at each call", builder.to_datastream() is outputs)
operators = {}
for transformation in env._j_stream_execution_environment.getTransformations():
    operators[transformation.getName()] = transformation
agent = operators["action-execute-operator"]
holds("a stable id of the agent", agent.getUid() == "agent-RainAgent")
single = agents.from_datastream(words.map(str).set_parallelism(2), lambda w: w).apply(RainAgent()).to_datastream()
found = [t.getParallelism() for t in env._j_stream_execution_environment.getTransformations()][-3:]
holds(f"an agent is as parallel as its input: {found}", found == [2, 2, 2])
keyed = agents.from_datastream(words.map(str).set_parallelism(2).key_by(lambda w: w)).apply(RainAgent()).to_datastream()
found = [t.getParallelism() for t in env._j_stream_execution_environment.getTransformations()][-3:]
holds(f"also behind a keyed stream: {found}", found == [2, 2, 2])
settings = env._j_stream_execution_environment.getConfiguration()
AgentsExecutionEnvironment.get_execution_environment(env)
holds("the jar is added once", settings.toMap().get("pipeline.jars").count("flink-agents-dist") == 1)
