"""Stores that are declared as Chroma's without a server: here they are the embedded store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from pydantic import Field, model_validator

from flink_agents.integrations.vector_stores.embedded import EmbeddedVectorStore

DEFAULT_COLLECTION = "flink_agents_chroma_collection"


class ChromaVectorStore(EmbeddedVectorStore):
    """The embedded store with the arguments of Chroma's; servers of Chroma cannot be used in this release.

    Attributes
    ----------
    persist_directory
        Where the store's file is, ``flink_agents_vectors.sqlite``; without one, the store is in memory. Files of Chroma itself
        are not read.
    """

    persist_directory: str | None = Field(default=None)
    collection: str | None = Field(default=DEFAULT_COLLECTION)

    @model_validator(mode="before")
    @classmethod
    def _embedded_only(cls, arguments: Any) -> Any:
        given: Dict[str, Any] = dict(arguments)
        for name in ("host", "client_settings"):
            if given.get(name) is not None:
                msg = (
                    f"argument '{name}' of ChromaVectorStore: servers of Chroma cannot be used in this release. Leave it out "
                    "for a store without a server, or write a BaseVectorStore of your own that asks the server."
                )
                raise ValueError(msg)
        directory = given.get("persist_directory")
        if directory is not None:
            if (Path(directory) / "chroma.sqlite3").exists():
                msg = (
                    f"argument 'persist_directory' of ChromaVectorStore: {directory} has files of Chroma itself, which this "
                    "release cannot read. Name another directory, and add the documents to it."
                )
                raise ValueError(msg)
            Path(directory).mkdir(parents=True, exist_ok=True)
            given["path"] = str(Path(directory) / "flink_agents_vectors.sqlite")
        return given
