"""Runs agents in this process, without Flink and without a JVM, on the same core and with the same rules.

Values between actions are JSON-plain, as on the cluster: a pydantic model that is sent arrives as a dict, and what
could not travel is refused where it is sent. Short-term memory ends with ``execute()``. There are no checkpoints,
watermarks or timestamps; metrics are shown by ``metrics()``, and to Prometheus if ``prometheus.port`` is set.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_agents.api.execution_environment import AgentBuilder, AgentsExecutionEnvironment
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.configuration import EnvironmentConfiguration, flink_configuration_file
from flink_agents.runtime.local_run import LocalRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator

    from flink_agents.api.agents.agent import Agent
    from flink_agents.api.chat_models.text_part import TextPart
    from flink_agents.api.configuration import Configuration
    from flink_agents.runtime.local_metrics import LocalMetrics, MetricsSnapshot

_NO_INPUT = (
    "There is nothing to execute: call from_list(…) or from_iterable(…), then apply(agent) and to_list(), first."
)
_USED_UP = (
    "This environment has been executed already; one environment runs one agent over one input, once. Get another by "
    "AgentsExecutionEnvironment.get_execution_environment()."
)


class LocalAgentBuilder(AgentBuilder):
    """Input, agent and outputs of a local environment."""

    def __init__(self, environment: LocalExecutionEnvironment, inputs: Any, source: str) -> None:
        self._environment = environment
        self._inputs = inputs
        self._source = source
        self._agent: tuple[Agent, str | None] | None = None
        self._outputs: list[dict[Any, Any]] | None = None
        self._letters: list[dict[str, Any]] = []
        self._executed = False
        self.metrics: LocalMetrics | None = None

    def apply(self, agent: Agent | str) -> LocalAgentBuilder:
        if self._agent is not None:
            msg = (
                "apply(…) was called already; an input goes through one agent. Get another environment for another "
                "agent."
            )
            raise RuntimeError(msg)
        name = None
        if isinstance(agent, str):
            name, agent = agent, self._environment.agent_named(agent)
        chosen = (agent, name)
        # Checked here, where the mistake is; built again at execute(), with the configuration as it is then.
        self._environment.compile(*chosen).to_json()
        self._agent = chosen
        return self

    def to_list(self) -> list[dict[Any, Any]]:
        """Return a list that ``execute()`` fills: one ``{key: output}`` for each output."""
        self._check_applied("to_list()")
        if self._executed:
            raise RuntimeError(_USED_UP)
        if self._outputs is None:
            self._outputs = []
        return self._outputs

    def dead_letters_to_list(self) -> list[dict[str, Any]]:
        """Return the list that gets the dead letters of a run, always the same.

        Each is a dict of plain data; as JSON, one a line, ``flink-agents dead-letters`` reads them.
        """
        self._check_applied("dead_letters_to_list()")
        return self._letters

    def execute_stream(self) -> Iterator[dict[Any, Any]]:
        """Run, and return the outputs one after another, each ``{key: output}``, while they are made."""
        self._check_applied("execute_stream()")
        run = self._begin()
        return _one_by_one(_batches(run))

    def run(self, name: str | None = None) -> None:
        """Run to the end; outputs made before a failure stay in the list."""
        self._check_applied("execute()")
        run = self._begin(name)
        outputs = self._outputs
        for batch in _batches(run):
            if outputs is not None:
                outputs.extend([{key: output} for key, output in batch])

    def to_datastream(self, output_type: Any = None) -> Any:
        raise _needs_flink("to_datastream", "to_list()")

    def to_table(self, schema: Any, output_type: Any) -> Any:
        raise _needs_flink("to_table", "to_list()")

    def _check_applied(self, method: str) -> None:
        if self._agent is None:
            msg = f"{method} needs an agent: call apply(agent) before."
            raise RuntimeError(msg)

    def _begin(self, name: str | None = None) -> LocalRun:
        if self._executed:
            raise RuntimeError(_USED_UP)
        if self._agent is None:
            raise RuntimeError(_NO_INPUT)
        plan = self._environment.compile(*self._agent)
        shows = sys.stderr is not None and sys.stderr.isatty()
        run = LocalRun(plan, self._inputs, self._source, name=name, progress=shows, letters=self._letters)
        run.on_text(self._environment.text_listener)
        self._executed = True
        self.metrics = run.metrics
        return run


class LocalExecutionEnvironment(AgentsExecutionEnvironment):
    """The environment without Flink. For one input, one agent and one execution."""

    def __init__(self) -> None:
        super().__init__()
        self._read_config(flink_configuration_file())
        self._builder: LocalAgentBuilder | None = None
        self.text_listener: Callable[[TextPart], None] | None = None

    def on_text(self, listener: Callable[[TextPart], None]) -> None:
        self.text_listener = listener

    def get_config(self, path: str | None = None) -> Configuration:
        """Return the configuration of this environment.

        Parameters
        ----------
        path
            A YAML file whose section ``agent`` is read now; what is set here wins over it. Without one, the file that
            ``FLINK_CONF_DIR`` leads to is read, as on Flink.
        """
        if path is not None:
            own = {
                key: value
                for key, value in self._config.current.conf_data.items()
                if key not in self._from_file or self._from_file[key] != value
            }
            self._read_config(Path(path))
            for key, value in own.items():
                self._config.current.set_value(key, value)
        return self._config.current

    def from_list(self, input: list[dict[str, Any]]) -> AgentBuilder:
        if not isinstance(input, (list, tuple)):
            msg = (
                f"from_list(…) takes a list of dicts, not a value of type '{type(input).__name__}'; for generators "
                "there is from_iterable(…)."
            )
            raise TypeError(msg)
        return self._from(input, "from_list")

    def from_iterable(self, input: Iterable[dict[str, Any]] | AsyncIterable[dict[str, Any]]) -> AgentBuilder:
        if isinstance(input, (dict, str, bytes)) or not (hasattr(input, "__iter__") or hasattr(input, "__aiter__")):
            msg = (
                "from_iterable(…) takes something that gives dicts one after another, not a value of type "
                f"'{type(input).__name__}'."
            )
            raise TypeError(msg)
        return self._from(input, "from_iterable")

    def from_datastream(self, input: Any, key_selector: Callable[..., Any] | None = None) -> AgentBuilder:
        raise _needs_flink("from_datastream", "from_list(…) or from_iterable(…)")

    def from_table(self, input: Any, key_selector: Callable[..., Any] | None = None) -> AgentBuilder:
        raise _needs_flink("from_table", "from_list(…) or from_iterable(…)")

    def execute(self, job_name: str | None = None) -> None:
        """Run what has been built, to its end.

        With a store (``actionStateStoreBackend``) what an earlier run of the same name has done is not done again: its outputs,
        its memory and the results of its calls come from the journal.

        Parameters
        ----------
        job_name
            The name of the run; option ``job-identifier`` if left out. Without a store it means nothing.

        Raises
        ------
        ValueError
            If there is a store and the run has no name, or the store is not one for runs without Flink.
        RuntimeError
            If nothing is built, this was called before, or the store fails.
        flink_agents.runtime.executor.ActionExecutionError
            If an action fails: it names agent, action and key, and has the action's exception as its cause.
        """
        if self._builder is None:
            raise RuntimeError(_NO_INPUT)
        self._builder.run(job_name)

    def metrics(self) -> MetricsSnapshot:
        """Return what the metrics show: of the end of the run; while it goes on, of a moment within the last second or so.

        Raises
        ------
        RuntimeError
            If nothing was executed yet.
        """
        if self._builder is None or self._builder.metrics is None:
            msg = "There are no metrics yet: call execute(), or begin with execute_stream(), before metrics()."
            raise RuntimeError(msg)
        return self._builder.metrics.last

    def compile(self, agent: Agent, name: str | None = None) -> AgentPlan:
        """Return the plan of an agent, with the configuration and resources of now."""
        return AgentPlan.from_agent(agent, self._config.merged(), name=name, resources=self._resources)

    def _read_config(self, file: Path | None) -> None:
        self._config = EnvironmentConfiguration(file)
        self._from_file = self._config.current.conf_data

    def _from(self, inputs: Any, source: str) -> LocalAgentBuilder:
        if self._builder is not None:
            msg = f"{source}(…): this environment has an input already. Get another environment for another input."
            raise RuntimeError(msg)
        self._builder = LocalAgentBuilder(self, inputs, source)
        return self._builder


def create_instance(**kwargs: Any) -> LocalExecutionEnvironment:
    """Return an environment without Flink.

    Raises
    ------
    TypeError
        If there are arguments: it takes none.
    """
    if kwargs:
        msg = f"get_execution_environment without env takes no other arguments, and got {', '.join(kwargs)}."
        raise TypeError(msg)
    return LocalExecutionEnvironment()


def _batches(run: LocalRun) -> Generator[list[tuple[Any, Any]], None, None]:
    """Return the outputs of a run: in this thread, or in one of its own if this one runs an asyncio loop already."""
    if run.needs_loop and _in_running_loop():
        from flink_agents.runtime.local_thread import in_thread

        return in_thread(run.results, run.interrupt)
    return run.results()


def _in_running_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _one_by_one(batches: Generator[list[tuple[Any, Any]], None, None]) -> Iterator[dict[Any, Any]]:
    try:
        for batch in batches:
            for key, output in batch:
                yield {key: output}
    finally:
        # Without it a reader that stops early would leave the end to the garbage collector.
        batches.close()


def _needs_flink(method: str, instead: str) -> NotImplementedError:
    return NotImplementedError(
        f"{method} needs Flink: use {instead} here, or get the environment by get_execution_environment(env) with "
        "PyFlink's StreamExecutionEnvironment."
    )
