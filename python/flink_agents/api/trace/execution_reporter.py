"""Reports to the execution trace."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Callable, Mapping

if TYPE_CHECKING:
    from flink_agents.api.runner_context import RunnerContext

logger = logging.getLogger(__name__)


class ExecutionEntityTypes:
    """What is executed."""

    ACTION = "action"
    LLM = "llm"
    PARSER = "parser"
    TOOL = "tool"


class ExecutionProblemCategories:
    """Why it failed."""

    ACTION_EXECUTION_FAILED = "action_execution_failed"
    MODEL_CALL_FAILED = "model_call_failed"
    MODEL_OUTPUT_PARSE_ERROR = "model_output_parse_error"
    TOOL_CALL_FAILED = "tool_call_failed"


class ExecutionReporter(ABC):
    """A context that takes reports for the execution trace."""

    @abstractmethod
    def report_execution_started(
        self,
        entity_type: str,
        entity_name: str,
        entity_metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell that something begins."""

    @abstractmethod
    def report_execution_succeeded(
        self,
        entity_type: str,
        entity_name: str,
        entity_metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell that it ended well."""

    @abstractmethod
    def report_execution_failed(
        self,
        entity_type: str,
        entity_name: str,
        entity_metadata: Mapping[str, Any] | None,
        error: BaseException,
        problem_category: str | None = None,
    ) -> None:
        """Tell that it failed, and why."""


class ExecutionReporters:
    """Reports through a context, if it takes reports. Nothing that goes wrong here reaches the caller."""

    @staticmethod
    def started(
        ctx: RunnerContext,
        entity_type: str,
        entity_name: str,
        entity_metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell that something begins."""
        _report(ctx, lambda to: to.report_execution_started(entity_type, entity_name, entity_metadata))

    @staticmethod
    def succeeded(
        ctx: RunnerContext,
        entity_type: str,
        entity_name: str,
        entity_metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell that it ended well."""
        _report(ctx, lambda to: to.report_execution_succeeded(entity_type, entity_name, entity_metadata))

    @staticmethod
    def failed(
        ctx: RunnerContext,
        entity_type: str,
        entity_name: str,
        entity_metadata: Mapping[str, Any] | None,
        error: BaseException,
        problem_category: str | None = None,
    ) -> None:
        """Tell that it failed, and why."""
        _report(
            ctx,
            lambda to: to.report_execution_failed(
                entity_type, entity_name, entity_metadata, error, problem_category
            ),
        )


def _report(ctx: RunnerContext, report: Callable[[ExecutionReporter], None]) -> None:
    if not isinstance(ctx, ExecutionReporter):
        return
    try:
        report(ctx)
    except Exception:
        # The trace is there to look at; the work it shows must not fail for it.
        logger.warning("A report to the execution trace failed.", exc_info=True)
