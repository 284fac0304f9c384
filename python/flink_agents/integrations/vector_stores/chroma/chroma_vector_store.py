"""Servers of Chroma, and stores that are declared as Chroma's without a server: these are the embedded store."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from flink_agents.integrations.vector_stores.native import NativeVectorStore

DEFAULT_COLLECTION = "flink_agents_chroma_collection"


class ChromaVectorStore(NativeVectorStore):
    """A database of a server of Chroma, 1.0 or later; without ``host`` and ``api_key`` the embedded store.

    Attributes
    ----------
    host
        The server, or its address, such as ``https://chroma.example.com``.
    port
        Its port, if ``host`` is no address.
    api_key
        Sent as ``x-chroma-token``; without ``host`` that of Chroma's cloud.
    tenant
        Whose database it is.
    database
        The database.
    persist_directory
        Without a server: where the store's file is, ``flink_agents_vectors.sqlite``; without that, too, the store is in memory. Files
        of Chroma itself are not read.
    client_settings
        Not taken: settings of Chroma's Python client mean nothing here.
    """

    KIND: ClassVar[str] = "chroma"

    host: str | None = Field(default=None)
    port: int | None = Field(default=8000)
    api_key: str | None = Field(default=None)
    tenant: str = Field(default="default_tenant")
    database: str = Field(default="default_database")
    persist_directory: str | None = Field(default=None)
    client_settings: Any = Field(default=None)
    collection: str | None = Field(default=DEFAULT_COLLECTION)

    @field_validator("client_settings", mode="before")
    @classmethod
    def _no_settings(cls, settings: Any) -> None:
        if settings is not None:
            msg = (
                "argument 'client_settings' of ChromaVectorStore: settings of Chroma's Python client mean nothing here. Give host, "
                "port, api_key, tenant, database, default_headers, timeout or ca_file instead."
            )
            raise ValueError(msg)
