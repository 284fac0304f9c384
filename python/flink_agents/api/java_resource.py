"""Resources that are written in Java: what stands for them here asks them in the JVM, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from flink_agents.api.resource import Resource, ResourceType
    from flink_agents.api.resource_context import ResourceContext


class JavaResourceError(RuntimeError):
    """A resource that is written in Java threw an exception.

    Attributes
    ----------
    class_name
        The class of the exception.
    message
        What it says.
    trace
        Its stack trace, as text.
    """

    def __init__(self, class_name: str, message: str, trace: str = "") -> None:
        super().__init__(class_name, message, trace)
        self.class_name = class_name
        self.message = message
        self.trace = trace

    def __str__(self) -> str:
        return f"{self.class_name}: {self.message}" if self.message else self.class_name


class JavaResources(Protocol):
    """The resources that are in the JVM. May be asked by any thread."""

    def ask(self, type: ResourceType, name: str, method: str, arguments: dict[str, Any]) -> Any:
        """Call a method of a resource, and wait for its result.

        Parameters
        ----------
        type, name
            The resource.
        method, arguments
            What is asked, as plain data: the table in ADR 13.

        Raises
        ------
        JavaResourceError
            If it threw an exception.
        ConnectionError
            If the JVM has gone.
        TypeError, ValueError
            If an argument is no plain data.
        """


def java_resources_of(context: ResourceContext | None, what: str) -> JavaResources:
    """Return the way to the JVM for a resource.

    Raises
    ------
    NotImplementedError
        If there is none; the message begins with ``what``.
    """
    reason = "it has no resource_context to be asked by"
    if context is not None:
        try:
            return context.java_resources
        except NotImplementedError as error:
            reason = str(error)
    msg = f"{what}: {reason}"
    raise NotImplementedError(msg)


def ask_java(resource: Resource, what: str, method: str, **arguments: Any) -> Any:
    """Ask the resource of Java that another one stands for.

    Parameters
    ----------
    resource
        What stands for it; it has the same type and name.
    what
        What it is, for messages.
    """
    name = resource._resource_name or type(resource).__name__
    described = f"The {resource.resource_type().value} '{name}' is {what}"
    return java_resources_of(resource.resource_context, described).ask(resource.resource_type(), name, method, arguments)


def java_class(name: str) -> str:
    """Return what a resource of a Java class is, for messages."""
    return f"{name or 'one of Java'}, a Java class"
