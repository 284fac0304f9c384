"""Agents in a Flink job that is built with PyFlink.

Each ``from_…`` gives a builder for one agent, and a job may have several. Used on the client, from one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from flink_agents.api.execution_environment import AgentBuilder, AgentsExecutionEnvironment
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.configuration import AgentConfiguration, EnvironmentConfiguration, flink_configuration_file
from flink_agents.runtime.installation import find_jar

try:
    from pyflink.datastream import DataStream, KeyedStream, KeySelector, StreamExecutionEnvironment
    from pyflink.java_gateway import get_gateway
    from pyflink.table import StreamTableEnvironment
    from pyflink.table import Table as PyFlinkTable
except ImportError as e:
    msg = (
        f"A Flink environment needs the package apache-flink, which cannot be imported ({e}). Install it by "
        "`pip install 'flink-agents-rs[flink]'`, or run without Flink: get_execution_environment() without arguments."
    )
    raise ModuleNotFoundError(msg, name="pyflink") from e

if TYPE_CHECKING:
    from pyflink.common import TypeInformation
    from pyflink.table import Schema, Table

    from flink_agents.api.agents.agent import Agent
    from flink_agents.api.configuration import Configuration

_ENTRY = "org.apache.flink.agents.runtime.env.PythonEntry"
_LOCAL_ONLY = (
    "{} works without Flink only: use {} here, or take the environment from "
    "AgentsExecutionEnvironment.get_execution_environment() without arguments."
)


_NO_OUTPUT = "There is no output yet: call apply(agent) before to_datastream(), to_table(…) or get_dead_letters()."


def create_instance(
    env: StreamExecutionEnvironment, t_env: StreamTableEnvironment | None = None, **kwargs: Any
) -> AgentsExecutionEnvironment:
    """Return an environment for a Flink job.

    Parameters
    ----------
    env
        The Flink environment; the jar of this package is added to it.
    t_env
        The table environment; if left out, one is made when it is needed.

    Raises
    ------
    FileNotFoundError
        If this package was built without its jar.
    RuntimeError
        If another package of the same name is mixed with this one.
    """
    return RemoteExecutionEnvironment(env, t_env)


class RemoteExecutionEnvironment(AgentsExecutionEnvironment):
    """Puts agents into the jobs of one Flink environment."""

    def __init__(self, env: StreamExecutionEnvironment, t_env: StreamTableEnvironment | None) -> None:
        super().__init__()
        if not isinstance(env, StreamExecutionEnvironment):
            msg = f"env is a {type(env).__name__}, not PyFlink's StreamExecutionEnvironment: pass the latter."
            raise TypeError(msg)
        self._env = env
        self._t_env = t_env
        jar = find_jar().resolve().as_uri()
        j_config = env._j_stream_execution_environment.getConfiguration()
        # A second environment of the same job must not ship it a second time.
        if jar not in (j_config.toMap().get("pipeline.jars") or ""):
            env.add_jars(jar)
        self._entry = _java_entry(jar)
        file = flink_configuration_file()
        dynamic = self._entry.dynamicConfiguration(
            env._j_stream_execution_environment, str(file.parent) if file is not None else None
        )
        self._config = EnvironmentConfiguration(file, dict(dynamic))

    def get_config(self, path: str | None = None) -> Configuration:
        """Return the configuration; ``path`` is ignored, for Flink has a configuration file of its own."""
        return self._config.current

    def from_datastream(self, input: DataStream, key_selector: KeySelector | Callable | None = None) -> AgentBuilder:
        """Take a stream as input; a keyed one keeps its keys, and other ones need a selector."""
        if not isinstance(input, DataStream):
            msg = f"from_datastream takes a DataStream of PyFlink, not {type(input).__name__}: {input!r:.200}"
            raise TypeError(msg)
        if isinstance(input, KeyedStream):
            before = self._entry.beforeKeyBy(input._j_data_stream)
            if before is not None:
                _as_parallel_as_its_input(before.getTransformation())
                return RemoteAgentBuilder(self, DataStream(before), None)
            msg = "The keys of this keyed stream cannot be found out: give its unkeyed stream and a key_selector."
            raise ValueError(msg)
        if key_selector is None:
            msg = (
                "KeySelector must be provided. from_datastream(input, key_selector) needs a function from a record to "
                "its key, such as lambda record: record['id'], because this stream is not keyed."
            )
            raise RuntimeError(msg)
        if not isinstance(key_selector, KeySelector) and not callable(key_selector):
            msg = f"key_selector is neither callable nor a KeySelector: {key_selector!r:.200}"
            raise TypeError(msg)
        return RemoteAgentBuilder(self, input, key_selector)

    def from_table(self, input: Table, key_selector: KeySelector | Callable | None = None) -> AgentBuilder:
        """Take a table as input; records are rows."""
        if key_selector is None:
            msg = (
                "KeySelector must be provided. from_table(input, key_selector) needs a function from a row to its key, "
                "such as lambda row: row['id']."
            )
            raise RuntimeError(msg)
        return self.from_datastream(self._tables().to_data_stream(input), key_selector)

    def from_list(self, input: Any) -> NoReturn:
        """Refuse: works without Flink only."""
        raise NotImplementedError(_LOCAL_ONLY.format("from_list", "from_datastream(env.from_collection(…), …)"))

    def from_iterable(self, input: Any) -> NoReturn:
        """Refuse: works without Flink only."""
        raise NotImplementedError(_LOCAL_ONLY.format("from_iterable", "from_datastream(…) with a source of Flink"))

    def execute(self, job_name: str | None = None) -> None:
        """Submit the job and wait for its end, unless the client was told not to wait."""
        self._env.execute(job_name)

    def configuration(self) -> AgentConfiguration:
        """Return all configuration of now, merged and checked."""
        return self._config.merged()

    def _tables(self) -> StreamTableEnvironment:
        if self._t_env is None:
            self._t_env = StreamTableEnvironment.create(self._env)
        return self._t_env


class RemoteAgentBuilder(AgentBuilder):
    """One agent of a Flink job."""

    def __init__(
        self, environment: RemoteExecutionEnvironment, records: DataStream, key_selector: KeySelector | Callable | None
    ) -> None:
        self._environment = environment
        self._records = records
        self._key_selector = key_selector
        self._plan: AgentPlan | None = None
        self._plan_json = ""
        self._connected: Any = None
        self._output: DataStream | None = None
        self._letters: DataStream | None = None

    def apply(self, agent: Agent | str) -> AgentBuilder:
        """Set the agent, once; it is compiled and checked here, and not changed.

        Raises
        ------
        RuntimeError
            If there is an agent already.
        TypeError, ValueError
            If the agent cannot run on a cluster; the message names the part and the remedy.
        """
        if self._plan is not None:
            msg = (
                f"This input has the agent '{self._plan.agent_name}' already. For a second agent on the same input "
                "call from_datastream again; to chain agents, give the first one's to_datastream() to from_datastream."
            )
            raise RuntimeError(msg)
        environment = self._environment
        name = None
        if isinstance(agent, str):
            name, agent = agent, environment.agent_named(agent)
        plan = AgentPlan.from_agent(agent, environment.configuration(), name=name, resources=environment.resources)
        plan.check_travels()
        self._plan_json = plan.to_json()
        self._plan = plan
        return self

    def to_datastream(self, output_type: TypeInformation | None = None) -> DataStream:
        """Return the outputs as a stream, always the same one: a later ``output_type`` is ignored."""
        from flink_agents.runtime.pyflink_stream import decode_outputs

        if self._plan is None:
            raise RuntimeError(_NO_OUTPUT)
        if self._output is None:
            self._output = decode_outputs(DataStream(self._connect()), output_type, self._plan.agent_name)
        return self._output

    def _connect(self) -> Any:
        """Put the agent into the job, once; return what comes out of it in Java."""
        from flink_agents.runtime.pyflink_stream import encode_records

        if self._plan is None:
            raise RuntimeError(_NO_OUTPUT)
        if self._connected is None:
            environment = self._environment
            entry = environment._entry
            encoded = encode_records(self._records, self._key_selector, self._plan.agent_name)
            self._connected = entry.connect(
                encoded._j_data_stream,
                self._plan_json,
                entry.flinkPython(
                    environment._env._j_stream_execution_environment,
                    f"{sys.version_info.major}.{sys.version_info.minor}",
                ),
            )
        return self._connected

    def get_dead_letters(self) -> DataStream:
        """Return the dead letters as a stream of dicts, always the same one."""
        from flink_agents.runtime.pyflink_stream import read_letters

        if self._letters is None:
            lines = self._environment._entry.deadLetters(self._connect())
            self._letters = read_letters(DataStream(lines), self._plan.agent_name if self._plan else "")
        return self._letters

    def dead_letters_to_table(self) -> Table:
        """Return the dead letters as a table."""
        tables = self._environment._tables()
        return PyFlinkTable(self._environment._entry.deadLettersTable(tables._j_tenv, self._connect()), tables)

    def to_table(self, schema: Schema, output_type: TypeInformation) -> Table:
        """Return the outputs as a table.

        Parameters
        ----------
        schema
            The columns.
        output_type
            The type of the outputs, a row type with the columns' names; outputs that are dicts become rows.
        """
        stream = self.to_datastream(output_type)
        return self._environment._tables().from_data_stream(stream, schema)

    def to_list(self) -> NoReturn:
        """Refuse: works without Flink only."""
        raise NotImplementedError(_LOCAL_ONLY.format("to_list", "to_datastream() or to_table(…)"))

    def execute_stream(self) -> NoReturn:
        """Refuse: works without Flink only."""
        raise NotImplementedError(_LOCAL_ONLY.format("execute_stream", "to_datastream().execute_and_collect()"))


def _as_parallel_as_its_input(key_map: Any) -> None:
    """Do now what PyFlink does when the job is submitted, and what comes behind would then not know of."""
    source = key_map.getInputs().get(0)
    key_map.setParallelism(source.getParallelism(), source.isParallelismConfigured())


def _java_entry(jar: str) -> Any:
    """The Java class that puts agents into jobs."""
    entry: Any = get_gateway().jvm
    for name in _ENTRY.split("."):
        entry = getattr(entry, name)
    if type(entry).__name__ != "JavaClass":
        msg = (
            f"The JVM of PyFlink does not find {_ENTRY}, though {jar} was added to it. Either the jar is damaged, then "
            "install flink-agents-rs again; or Flink's lib/ directory has another flink-agents jar, then remove that one."
        )
        raise RuntimeError(msg)
    return entry
