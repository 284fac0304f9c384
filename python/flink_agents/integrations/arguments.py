"""Arguments of resources whose clients are native."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ConfigDict

from flink_agents.api.resource import Resource

# What is unknown is refused by the client, which knows the arguments of all providers, by name.
NATIVE = ConfigDict(extra="allow", protected_namespaces=(), arbitrary_types_allowed=True, defer_build=True)


def arguments_of(resource: Resource, *besides: str) -> str:
    """Return the fields of a resource that are set, but for those named, as JSON for its client.

    Raises
    ------
    ValueError
        If one is no plain value.
    """
    left_out = {"resource_context", *besides}
    given: dict[str, Any] = {**resource.__dict__, **(resource.__pydantic_extra__ or {})}
    given = {name: value for name, value in given.items() if name not in left_out and value is not None}
    for name, value in given.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            msg = (
                f"The argument '{name}' of {type(resource).__name__} is a {type(value).__name__}, and its client, which is "
                f"not written in Python, takes plain values only: {error}."
            )
            raise ValueError(msg) from error
    return json.dumps(given)


def name_of(resource: Resource) -> str:
    """Return the name of a resource for messages: outside of agents it has only that of its class."""
    return resource._resource_name or type(resource).__name__


def parallelism_of(resource: Resource) -> int:
    """Return how many processes share the limits of a resource."""
    return getattr(resource.resource_context, "parallelism", 1)
