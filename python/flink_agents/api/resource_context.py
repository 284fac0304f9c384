"""The way from one resource to others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, List

if TYPE_CHECKING:
    from flink_agents.api.java_resource import JavaResources
    from flink_agents.api.resource import Resource, ResourceType


class ResourceContext(ABC):
    """Gives resources access to the other resources of their agent."""

    @abstractmethod
    def get_resource(self, name: str, resource_type: ResourceType) -> Resource:
        """Return a resource, made and opened.

        Raises
        ------
        KeyError
            If the agent has none of that name and type.
        """

    @abstractmethod
    def generate_available_skills_prompt(self, *skill_names: str) -> str:
        """Return the text that tells a model which skills there are."""

    @abstractmethod
    def get_skill_dirs(self, *skill_names: str) -> List[str]:
        """Return the directories of skills."""

    @property
    def parallelism(self) -> int:
        """How many processes share the limits of the job's connections. An addition to the reference's API."""
        return 1

    @property
    def java_resources(self) -> JavaResources:
        """The way to the resources that are written in Java. An addition to the reference's API.

        Raises
        ------
        NotImplementedError
            If there is no JVM: without Flink.
        """
        msg = (
            "without Flink there is no JVM that could be asked. Use the Python class for it, or run the agent on Flink: "
            "get_execution_environment(env)."
        )
        raise NotImplementedError(msg)
