"""The base class of agents."""

from __future__ import annotations

from abc import ABC
from typing import Any, Callable, Dict, List, Tuple

from flink_agents.api.function import Function, PythonFunction
from flink_agents.api.resource import ResourceDescriptor, ResourceType, SerializableResource

STRUCTURED_OUTPUT = "structured_output"


class Agent(ABC):
    """An agent: actions that events trigger, and the resources they use.

    Subclass it and mark static methods with the decorators of ``flink_agents.api.decorators``, or add actions and
    resources to an object of it.
    """

    _actions: Dict[str, Tuple[List[str], Function, Dict[str, Any] | None]]
    _resources: Dict[ResourceType, Dict[str, Any]]

    def __init__(self) -> None:
        self._actions = {}
        self._resources = {resource_type: {} for resource_type in ResourceType}

    @property
    def actions(self) -> Dict[str, Tuple[List[str], Function, Dict[str, Any] | None]]:
        """Actions that were added: name to trigger conditions, function and configuration."""
        # Subclasses that forget super().__init__() are agents as well.
        if "_actions" not in self.__dict__:
            Agent.__init__(self)
        return self._actions

    @property
    def resources(self) -> Dict[ResourceType, Dict[str, Any]]:
        """Resources that were added: type to name to resource or descriptor."""
        if "_resources" not in self.__dict__:
            Agent.__init__(self)
        return self._resources

    def add_action(
        self,
        name: str,
        trigger_conditions: List[str],
        func: Callable | Function,
        **config: Any,
    ) -> Agent:
        """Add an action.

        Parameters
        ----------
        name
            Its name, not blank and not used by another action of this agent.
        trigger_conditions
            When it runs: event types and conditions; at least one.
        func
            A function ``(event, ctx)`` of a module, or a static method; or a ``PythonFunction``/``JavaFunction``.
        **config
            Configuration that the action reads through ``ctx.action_config``: plain JSON values and pydantic models.

        Returns
        -------
        Agent
            This agent.

        Raises
        ------
        ValueError
            If the name is blank or taken, or there is no trigger condition.
        TypeError
            If the function is a lambda, captures variables, or has another signature than ``(event, ctx)``; if a
            trigger condition is no text.
        """
        where = f"Agent {type(self).__name__}"
        if not isinstance(name, str) or not name.strip():
            msg = f"{where}: the name of an action must be a text that is not blank, not {name!r}."
            raise ValueError(msg)
        if name in self.actions:
            msg = f"{where}: action '{name}' is already defined. Give the second one another name."
            raise ValueError(msg)
        if isinstance(trigger_conditions, str):
            msg = (
                f"{where}, action '{name}': trigger_conditions must be a list of texts; "
                f"write [{trigger_conditions!r}]."
            )
            raise TypeError(msg)
        conditions = list(trigger_conditions)
        for condition in conditions:
            if not isinstance(condition, str):
                msg = (
                    f"{where}, action '{name}': a trigger condition must be an event type or a condition as text, "
                    f"not {condition!r}."
                )
                raise TypeError(msg)
        if not conditions or not all(condition.strip() for condition in conditions):
            msg = (
                f"{where}, action '{name}': at least one trigger condition is needed, and none may be blank. "
                "Give it the type of the event it is for, such as EventType.InputEvent."
            )
            raise ValueError(msg)
        if not isinstance(func, Function):
            try:
                func = PythonFunction.from_callable(func)
            except TypeError as error:
                msg = f"{where}, action '{name}': {error}"
                raise TypeError(msg) from error
        self.actions[name] = (conditions, func, config or None)
        return self

    def add_resource(
        self,
        name: str,
        resource_type: ResourceType,
        instance: SerializableResource | ResourceDescriptor,
    ) -> Agent:
        """Add a resource.

        Parameters
        ----------
        name
            Its name, not used by another resource of that type of this agent.
        resource_type
            Its type.
        instance
            A resource that travels as its fields (prompt, tool, skills), or a descriptor.

        Returns
        -------
        Agent
            This agent.

        Raises
        ------
        ValueError
            If the name is blank or taken.
        TypeError
            If the instance is neither.
        """
        add_resource(self.resources, f"Agent {type(self).__name__}", name, resource_type, instance)
        return self


def add_resource(
    resources: Dict[ResourceType, Dict[str, Any]],
    where: str,
    name: str,
    resource_type: ResourceType,
    instance: Any,
) -> None:
    """Add a resource to those of an agent or an environment, after checking it."""
    if not isinstance(resource_type, ResourceType):
        msg = f"{where}: {resource_type!r} is no resource type; write ResourceType.CHAT_MODEL or another of that enum."
        raise TypeError(msg)
    if not isinstance(name, str) or not name.strip():
        msg = f"{where}: the name of a {resource_type.value} must be a text that is not blank, not {name!r}."
        raise ValueError(msg)
    if not isinstance(instance, (SerializableResource, ResourceDescriptor)):
        msg = (
            f"{where}, {resource_type.value} '{name}': a resource is added as a ResourceDescriptor, or as an object "
            f"that travels as its fields (Prompt, tool, Skills), not as a {type(instance).__name__}."
        )
        raise TypeError(msg)
    if isinstance(instance, SerializableResource) and instance.resource_type() != resource_type:
        msg = (
            f"{where}, {resource_type.value} '{name}': a {type(instance).__name__} is a "
            f"{instance.resource_type().value}, not a {resource_type.value}."
        )
        raise TypeError(msg)
    if name in resources[resource_type]:
        msg = f"{where}: {resource_type.value} {name} already defined. Give the second one another name."
        raise ValueError(msg)
    resources[resource_type][name] = instance
