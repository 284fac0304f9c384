"""The resources of an agent: made when they are first asked for, once, and closed at the end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from flink_agents.api.resource import ResourceType
from flink_agents.api.resource_context import ResourceContext

if TYPE_CHECKING:
    from flink_agents.api.java_resource import JavaResources
    from flink_agents.api.resource import Resource
    from flink_agents.plan.agent_plan import AgentPlan
    from flink_agents.plan.configuration import AgentConfiguration


class ResourceCache(ResourceContext):
    """Makes and keeps the resources of a plan.

    *Owned state*: the resources that were made. *Lifecycle*: :meth:`close` closes them, the last one made first.
    *Threads*: any; one resource is made at a time, and whoever asks for one that there is does not wait for that.

    Parameters
    ----------
    plan
        Has their recipes.
    parallelism
        How many processes have such a cache for the same job.
    """

    def __init__(self, plan: AgentPlan, parallelism: int = 1) -> None:
        self._plan = plan
        self._parallelism = parallelism
        self._made: dict[tuple[ResourceType, str], Resource] = {}
        # Held while one is made, and what that needs: the chain is of the thread that has it.
        self._making = threading.RLock()
        self._in_making: list[tuple[ResourceType, str]] = []
        self._closed = False
        self._java: JavaResources | None = None

    @property
    def parallelism(self) -> int:
        return self._parallelism

    @property
    def config(self) -> AgentConfiguration:
        """The configuration of the plan, with what its values refer to."""
        return self._plan.config.resolving()

    @property
    def java_resources(self) -> JavaResources:
        return super().java_resources if self._java is None else self._java

    def connect(self, java_resources: JavaResources) -> None:
        """Let resources from now on ask those of Java by this."""
        self._java = java_resources

    def get_resource(self, name: str, resource_type: ResourceType) -> Resource:
        """Return a resource, made and opened.

        Raises
        ------
        TypeError
            If the type is none.
        KeyError
            If the agent has none of that name and type.
        RuntimeError
            If it needs itself, or the agent has ended.
        """
        what = (resource_type, name)
        resource = self._made.get(what)
        if resource is not None:
            return resource
        if not isinstance(resource_type, ResourceType):
            msg = f"get_resource takes a type such as ResourceType.CHAT_MODEL after the name, not {resource_type!r}."
            raise TypeError(msg)
        with self._making:
            # Another thread may have made it meanwhile.
            resource = self._made.get(what)
            return self._make(what) if resource is None else resource

    def _make(self, what: tuple[ResourceType, str]) -> Resource:
        resource_type, name = what
        if self._closed:
            msg = f"The {resource_type.value} '{name}' cannot be had any more: the agent has ended."
            raise RuntimeError(msg)
        if what in self._in_making:
            chain = " -> ".join(f"{kind.value} '{other}'" for kind, other in [*self._in_making, what])
            msg = f"Resources need each other: {chain}. Let one of them ask for the other when it is used."
            raise RuntimeError(msg)
        provider = self._plan.get_resource_provider(name, resource_type)
        self._in_making.append(what)
        try:
            resource = provider.provide(self, self._plan.config)
            try:
                resource.open()
            except Exception as error:
                raise provider.named(error, "opened") from error
        finally:
            self._in_making.pop()
        self._made[what] = resource
        return resource

    def generate_available_skills_prompt(self, *skill_names: str) -> str:
        raise _no_skills(skill_names)

    def get_skill_dirs(self, *skill_names: str) -> list[str]:
        raise _no_skills(skill_names)

    def close(self) -> None:
        """Close all; when closing some fails, the others are closed too.

        Raises
        ------
        RuntimeError
            That names the first that failed.
        """
        with self._making:
            self._closed = True
        failed: tuple[str, BaseException] | None = None
        while self._made:
            (kind, name), resource = self._made.popitem()
            try:
                resource.close()
            except BaseException as error:
                failed = failed or (f"{kind.value} '{name}'", error)
        if failed is not None:
            what, cause = failed
            if isinstance(cause, KeyboardInterrupt):
                raise cause
            msg = f"The {what} of agent '{self._plan.agent_name}' could not be closed: {type(cause).__name__}: {cause}"
            raise RuntimeError(msg) from cause


def _no_skills(names: tuple[str, ...]) -> NotImplementedError:
    shown = ", ".join(repr(name) for name in names) or "of this agent"
    return NotImplementedError(
        f"The skills {shown} cannot be used when the agent runs in this release of flink-agents-rs. Put their text "
        "into a prompt."
    )
