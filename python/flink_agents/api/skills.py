"""Skills: directories with instructions that a model can load."""

from __future__ import annotations

from typing import Dict, List, Tuple

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from flink_agents.api.resource import ResourceType, SerializableResource

LOAD_SKILL_TOOL = "load_skill"
BASH_TOOL = "bash"


class SkillSourceSpec(BaseModel):
    """Where skills come from.

    Attributes
    ----------
    scheme
        ``local``, ``url`` or ``package``.
    params
        What the scheme needs.
    """

    scheme: str
    params: Dict[str, str] = Field(default_factory=dict)

    model_config = ConfigDict(frozen=True)

    def __hash__(self) -> int:
        return hash((self.scheme, frozenset(self.params.items())))


class Skills(SerializableResource):
    """A set of skills."""

    sources: List[SkillSourceSpec] = Field(default_factory=list)

    @classmethod
    def from_local_dir(cls, *paths: str) -> Skills:
        """Take the skills in directories or zip files of the machine where the agent runs."""
        return cls(sources=[SkillSourceSpec(scheme="local", params={"path": str(path)}) for path in paths])

    @classmethod
    def from_url(cls, *urls: str) -> Skills:
        """Take the skills in zip files to be downloaded."""
        return cls(sources=[SkillSourceSpec(scheme="url", params={"url": url}) for url in urls])

    @classmethod
    def from_package(cls, *pairs: Tuple[str, str]) -> Skills:
        """Take the skills in Python packages: pairs of package and path in it."""
        return cls(
            sources=[
                SkillSourceSpec(scheme="package", params={"package": package, "resource": resource})
                for package, resource in pairs
            ]
        )

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.SKILLS
