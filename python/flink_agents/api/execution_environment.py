"""The entry point: gives agents their input, and runs them without Flink or on it.

Importing this module must stay cheap, so PyFlink, YAML and asyncio are imported where they are needed.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, AsyncIterable, Callable, Dict, Iterable, Iterator, List

from flink_agents.api.agents.agent import add_resource
from flink_agents.api.resource import ResourceDescriptor, ResourceType, SerializableResource

if TYPE_CHECKING:
    from pyflink.common import TypeInformation
    from pyflink.datastream import DataStream, KeySelector, StreamExecutionEnvironment
    from pyflink.table import Schema, StreamTableEnvironment, Table

    from flink_agents.api.agents.agent import Agent
    from flink_agents.api.chat_models.text_part import TextPart
    from flink_agents.api.configuration import Configuration

_LOCAL = "flink_agents.runtime.local_environment"
_REMOTE = "flink_agents.runtime.remote_environment"


class AgentBuilder(ABC):
    """An input on its way through an agent: ``apply`` comes first, then one of the others."""

    @abstractmethod
    def apply(self, agent: Agent | str) -> AgentBuilder:
        """Set the agent, once: itself, or the name of one that was loaded into the environment.

        The agent is compiled and checked here; it is not changed, and can be applied again elsewhere.

        Raises
        ------
        RuntimeError
            If there is an agent already.
        ValueError, TypeError
            If the agent cannot run: the message tells which part and why. Also for an unknown name.
        """

    @abstractmethod
    def to_datastream(self, output_type: TypeInformation | None = None) -> DataStream:
        """Return the outputs as a stream.

        Parameters
        ----------
        output_type
            The type of the outputs; without it they are pickled.

        Raises
        ------
        NotImplementedError
            In an environment without Flink.
        """

    @abstractmethod
    def to_table(self, schema: Schema, output_type: TypeInformation) -> Table:
        """Return the outputs as a table.

        Raises
        ------
        NotImplementedError
            In an environment without Flink.
        """

    @abstractmethod
    def to_list(self) -> List[Dict[str, Any]]:
        """Return a list that ``execute()`` fills: one ``{key: output}`` for each output.

        The outputs of a key are in the order in which they were made; those of different keys interleave.

        Raises
        ------
        NotImplementedError
            In an environment on Flink: use ``to_datastream`` or ``to_table``.
        """

    def get_dead_letters(self) -> DataStream:
        """Return the dead letters of actions that failed for good (option ``on-failure``), as a stream, always the same one.

        Each is a dict with the names that it has in JSON, and plain data.

        Raises
        ------
        NotImplementedError
            In an environment without Flink: use ``dead_letters_to_list``.
        """
        msg = "get_dead_letters needs a job on Flink; without Flink use dead_letters_to_list()."
        raise NotImplementedError(msg)

    def dead_letters_to_table(self) -> Table:
        """Return the dead letters as a table, with a column for each field.

        Raises
        ------
        NotImplementedError
            In an environment without Flink: use ``dead_letters_to_list``.
        """
        msg = "dead_letters_to_table needs a job on Flink; without Flink use dead_letters_to_list()."
        raise NotImplementedError(msg)

    def dead_letters_to_list(self) -> List[Dict[str, Any]]:
        """Return the list that ``execute()`` fills with the dead letters of actions that failed for good (option ``on-failure``).

        Each is a dict of plain data with the input, the event, the action and the exception. Always the same list.

        Raises
        ------
        NotImplementedError
            In an environment on Flink: use ``get_dead_letters`` or ``dead_letters_to_table``.
        """
        msg = "dead_letters_to_list works without Flink only: use get_dead_letters() or dead_letters_to_table() here."
        raise NotImplementedError(msg)

    @abstractmethod
    def execute_stream(self) -> Iterator[Dict[str, Any]]:
        """Run, and return the outputs one after another, each ``{key: output}``, while they are made.

        Input is taken as outputs are asked for; closing the iterator ends the run. Use it instead of
        ``to_list()`` and ``execute()``.

        Raises
        ------
        NotImplementedError
            In an environment on Flink.
        """


class AgentsExecutionEnvironment(ABC):
    """Gives agents their input, holds shared resources and configuration, and runs them.

    Used from one thread.
    """

    _resources: Dict[ResourceType, Dict[str, Any]]
    _agents: Dict[str, Agent]

    def __init__(self) -> None:
        self._resources = {resource_type: {} for resource_type in ResourceType}
        self._agents = {}

    @property
    def resources(self) -> Dict[ResourceType, Dict[str, Any]]:
        """Shared resources: type to name to resource or descriptor."""
        return self._resources

    def agent_named(self, name: str) -> Agent:
        """Return an agent that was loaded into this environment.

        Raises
        ------
        ValueError
            If there is none of that name.
        """
        try:
            return self._agents[name]
        except KeyError:
            known = ", ".join(repr(other) for other in self._agents) or "none"
            msg = f"There is no agent '{name}' in this environment; it has {known}. Load it first, or apply an object."
            raise ValueError(msg) from None

    @staticmethod
    def get_execution_environment(
        env: StreamExecutionEnvironment | None = None,
        t_env: StreamTableEnvironment | None = None,
        **kwargs: Dict[str, Any],
    ) -> AgentsExecutionEnvironment:
        """Return an environment.

        Parameters
        ----------
        env
            The Flink environment; without one, agents run in this process, without Flink and without a JVM.
        t_env
            The table environment; if left out, one is made when it is needed.

        Raises
        ------
        ValueError
            If there is a table environment, but no ``env``.
        ModuleNotFoundError
            If apache-flink is needed and not installed.
        """
        if env is None:
            if t_env is not None:
                msg = (
                    "get_execution_environment got a table environment without env. Pass the "
                    "StreamExecutionEnvironment that it was made from as env=, or neither to run without Flink."
                )
                raise ValueError(msg)
            return importlib.import_module(_LOCAL).create_instance(**kwargs)
        return importlib.import_module(_REMOTE).create_instance(env=env, t_env=t_env, **kwargs)

    @abstractmethod
    def get_config(self, path: str | None = None) -> Configuration:
        """Return the configuration of this environment; values set in it win over those of files.

        Parameters
        ----------
        path
            A YAML file to read, without Flink only; on Flink its own configuration file is read.
        """

    @abstractmethod
    def from_datastream(
        self, input: DataStream, key_selector: KeySelector | Callable | None = None
    ) -> AgentBuilder:
        """Take a stream as input.

        Parameters
        ----------
        input
            The stream; a ``KeyedStream`` is taken as it is.
        key_selector
            Gives the key of a record; needed unless the stream is keyed.

        Raises
        ------
        RuntimeError
            If it is missing.
        NotImplementedError
            In an environment without Flink: use ``from_list`` or ``from_iterable``.
        """

    @abstractmethod
    def from_table(
        self, input: Table, key_selector: KeySelector | Callable | None = None
    ) -> AgentBuilder:
        """Take a table as input; records are rows.

        Parameters
        ----------
        input
            The table.
        key_selector
            Gives the key of a row.

        Raises
        ------
        RuntimeError
            If it is missing.
        NotImplementedError
            In an environment without Flink.
        """

    @abstractmethod
    def from_list(self, input: List[Dict[str, Any]]) -> AgentBuilder:
        """Take a list as input, without Flink only.

        Parameters
        ----------
        input
            Dicts with the record under ``"value"`` or ``"v"`` and its key under ``"key"`` or ``"k"``. Without a key,
            the index in the list is the key. The list is read when the agent runs.

        Raises
        ------
        RuntimeError
            If the environment has an input already.
        NotImplementedError
            In an environment on Flink.
        """

    @abstractmethod
    def from_iterable(
        self, input: Iterable[Dict[str, Any]] | AsyncIterable[Dict[str, Any]]
    ) -> AgentBuilder:
        """Take what an iterator gives as input, without Flink only; read as the agent gets on, never far ahead.

        Parameters
        ----------
        input
            Anything iterable, also asynchronously: lists, generators, async generators. Elements are as those of
            ``from_list``.

        Raises
        ------
        RuntimeError
            If the environment has an input already.
        NotImplementedError
            In an environment on Flink.
        """

    @abstractmethod
    def execute(self, job_name: str | None = None) -> None:
        """Run what has been built; returns when it is done.

        Parameters
        ----------
        job_name
            The name of the Flink job.
        """

    def on_text(self, listener: Callable[[TextPart], None]) -> None:
        """Have somebody told what models say while they say it, in addition to what agents get.

        For built-in chats by the connections of this package. One listener, before ``execute``. An addition to the reference's API.

        Parameters
        ----------
        listener
            Called with each part, those of one answer in order, by a thread of the client's or the one that waits, which it
            must not hold up. What it raises is logged.

        Raises
        ------
        NotImplementedError
            In an environment on Flink: nobody is there to read.
        """
        msg = "on_text works without Flink only: on Flink, what a model has said is in its ChatResponseEvent."
        raise NotImplementedError(msg)

    def add_resource(
        self,
        name: str,
        resource_type: ResourceType,
        instance: SerializableResource | ResourceDescriptor,
    ) -> AgentsExecutionEnvironment:
        """Add a resource that all agents of this environment can use; an agent's own of that name and type wins.

        Returns
        -------
        AgentsExecutionEnvironment
            This environment.

        Raises
        ------
        ValueError
            If the name is blank or taken.
        TypeError
            If the instance is neither a resource that travels as its fields nor a descriptor.
        """
        add_resource(self._resources, "The environment", name, resource_type, instance)
        return self
