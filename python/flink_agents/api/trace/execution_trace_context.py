"""Places in the execution trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping


@dataclass(frozen=True)
class ExecutionTraceContext:
    """Where in the trace something happens: a run, or an execution inside of one. Ids are random UUID texts.

    Attributes
    ----------
    input_run_id
        The run: an input and all that follows from it.
    business_key
        Its key, as option ``log.keys`` says.
    agent_name
        Name of the agent.
    execution_id, parent_execution_id
        The execution, and the one that it is part of.
    entity_type, entity_name, entity_metadata
        What is executed.
    """

    input_run_id: str | None = None
    business_key: str | None = None
    agent_name: str | None = None
    execution_id: str | None = None
    parent_execution_id: str | None = None
    entity_type: str | None = None
    entity_name: str | None = None
    entity_metadata: Mapping[str, Any] = field(default_factory=dict)
