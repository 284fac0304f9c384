"""Plans: agents as data, the form in which they travel to where they run."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping

from flink_agents.api.agents.agent import Agent
from flink_agents.api.resource import ResourceType
from flink_agents.plan.actions.action import Action
from flink_agents.plan.compiler import compile_actions, compile_resources
from flink_agents.plan.configuration import AgentConfiguration
from flink_agents.plan.function import travel_problem
from flink_agents.plan.resource_provider import ResourceProvider, provider_from_json


class AgentPlan:
    """An agent as data.

    Attributes
    ----------
    agent_name
        Its name.
    actions
        Name to action, in the order in which they are tried; built-in ones last.
    resource_providers
        Type to name to recipe.
    config
        The configuration.
    """

    __slots__ = ("actions", "agent_name", "config", "resource_providers")

    def __init__(
        self,
        agent_name: str,
        actions: Dict[str, Action],
        resource_providers: Dict[ResourceType, Dict[str, ResourceProvider]],
        config: AgentConfiguration,
    ) -> None:
        self.agent_name = agent_name
        self.actions = actions
        self.resource_providers = resource_providers
        self.config = config

    @staticmethod
    def from_agent(
        agent: Agent,
        config: AgentConfiguration | None = None,
        *,
        name: str | None = None,
        resources: Mapping[ResourceType, Mapping[str, Any]] | None = None,
    ) -> AgentPlan:
        """Compile an agent. It is not changed.

        Parameters
        ----------
        agent
            The agent.
        config
            The configuration; it is not copied.
        name
            Its name; that of its class if left out.
        resources
            Resources of the environment: the agent's own of a type and name win.

        Raises
        ------
        TypeError, ValueError
            If an action or a resource cannot run; the message names the agent and the part, and tells the remedy.
        """
        if not isinstance(agent, Agent):
            hint = " Apply an object of it: write its name with ()." if isinstance(agent, type) else ""
            msg = f"An agent is an object of a class that extends Agent, not {agent!r}.{hint}"
            raise TypeError(msg)
        agent_name = name or type(agent).__name__
        config = config if config is not None else AgentConfiguration()
        return AgentPlan(
            agent_name,
            compile_actions(agent, agent_name),
            compile_resources(agent, agent_name, resources or {}, config),
            config,
        )

    def travel_problems(self) -> List[str]:
        """Return why this plan cannot run in another process, one line for each action or tool; none if it can."""
        problems = []
        for action in self.actions.values():
            problem = travel_problem(action.exec)
            if problem:
                problems.append(f"action '{action.name}': {problem}.")
            for key, value in (action.config or {}).items():
                if type(value).__module__ in ("__main__", "__mp_main__"):
                    problems.append(
                        f"action '{action.name}', configuration '{key}': its class {type(value).__name__} is defined "
                        "in the program that was started, which the workers do not import. Move it into a module."
                    )
        for providers in self.resource_providers.values():
            for provider in providers.values():
                problems.extend(_provider_problems(provider))
        return problems

    def check_travels(self) -> None:
        """Check that this plan can run in another process.

        Raises
        ------
        ValueError
            If a function or class of it is in ``__main__`` or inside a function; the message names each, and the
            remedy.
        """
        problems = self.travel_problems()
        if problems:
            lines = "\n".join(f"  * {problem}" for problem in problems)
            msg = f"Agent '{self.agent_name}' cannot be submitted, because workers could not import it:\n{lines}"
            raise ValueError(msg)

    def to_dict(self) -> Dict[str, Any]:
        """Return the plan as a JSON-plain dict."""
        return {
            "actions": {name: action.to_json() for name, action in self.actions.items()},
            "resource_providers": {
                resource_type.value: {name: provider.to_json() for name, provider in providers.items()}
                for resource_type, providers in self.resource_providers.items()
                if providers
            },
            "agent_name": self.agent_name,
            "config": {"conf_data": self.config.conf_data},
        }

    def to_json(self) -> str:
        """Return the plan as JSON, checked by the core.

        Raises
        ------
        TypeError, ValueError
            If something in it is no JSON, or the core refuses it, such as a trigger condition that does not parse;
            the message names the place.
        """
        from flink_agents import _core

        try:
            text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            msg = f"The plan of agent '{self.agent_name}' has a value that JSON cannot hold: {error}."
            raise ValueError(msg) from error
        return _core.validate_plan(text)

    @staticmethod
    def from_json(plan_json: str) -> AgentPlan:
        """Read a plan, also one of release 0.3.1. Functions are imported when they are first called.

        Raises
        ------
        ValueError
            If it is none; the message names the place.
        """
        from flink_agents import _core

        data = json.loads(_core.validate_plan(plan_json))
        return AgentPlan(
            data.get("agent_name") or "",
            {name: Action.from_json(action) for name, action in data["actions"].items()},
            {
                ResourceType(kind): {name: provider_from_json(provider) for name, provider in providers.items()}
                for kind, providers in data["resource_providers"].items()
            },
            AgentConfiguration((data.get("config") or {}).get("conf_data") or {}),
        )

    def get_resource_provider(self, name: str, resource_type: ResourceType) -> ResourceProvider:
        """Return the recipe for a resource.

        Raises
        ------
        KeyError
            If there is none; the message names those that there are.
        """
        providers = self.resource_providers.get(resource_type, {})
        try:
            return providers[name]
        except KeyError:
            others = ", ".join(f"'{other}'" for other in providers) or "none"
            msg = (
                f"Agent '{self.agent_name}' has no {resource_type.value} '{name}'; it has {others}. Declare it on the "
                "agent, or add it to the environment before apply()."
            )
            raise KeyError(msg) from None


def _provider_problems(provider: ResourceProvider) -> List[str]:
    what = f"{provider.type.value} '{provider.name}'"
    descriptor = getattr(provider, "descriptor", None)
    module = descriptor.target_module if descriptor is not None else getattr(provider, "module", "")
    problems = []
    if module in ("__main__", "__mp_main__"):
        problems.append(
            f"{what}: its class is defined in the program that was started, which the workers do not import. Move it "
            "into a module."
        )
    serialized = getattr(provider, "serialized", None)
    if isinstance(serialized, dict) and (serialized.get("func") or {}).get("func_type") == "PythonFunction":
        from flink_agents.plan.function import function_from_json

        problem = travel_problem(function_from_json(serialized["func"]))
        if problem:
            problems.append(f"{what}: {problem}.")
    return problems
