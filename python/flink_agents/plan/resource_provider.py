"""Recipes for resources, as plans hold them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, Dict

from flink_agents.api.resource import (
    Resource,
    ResourceDescriptor,
    ResourceName,
    ResourceType,
    SerializableResource,
    get_resource_class,
)
from flink_agents.api.resource_context import ResourceContext
from flink_agents.plan.configuration import AgentConfiguration

_DISCRIMINATOR = "__resource_provider_type__"
_JAVA_CLASS = "java_clazz"
_WRAPPERS = {
    ResourceName.ChatModel.JAVA_WRAPPER_CONNECTION,
    ResourceName.ChatModel.JAVA_WRAPPER_SETUP,
    ResourceName.EmbeddingModel.JAVA_WRAPPER_CONNECTION,
    ResourceName.EmbeddingModel.JAVA_WRAPPER_SETUP,
    ResourceName.VectorStore.JAVA_WRAPPER_VECTOR_STORE,
    ResourceName.VectorStore.JAVA_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE,
}


class ResourceProvider(ABC):
    """A recipe for one resource.

    Attributes
    ----------
    name, type
        What the resource is found by.
    """

    def __init__(self, name: str, type: ResourceType) -> None:
        self.name = name
        self.type = type

    @abstractmethod
    def _fields(self) -> Dict[str, Any]:
        """Return what the plan form has beside name and type."""

    def to_json(self) -> Dict[str, Any]:
        """Return the plan form."""
        return {
            "name": self.name,
            "type": self.type.value,
            **self._fields(),
            _DISCRIMINATOR: type(self).__name__,
        }

    @abstractmethod
    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        """Make the resource; it is not opened yet.

        Raises
        ------
        ImportError, TypeError, ValueError
            If it cannot be made; the message names it.
        NotImplementedError
            If it is one of Java.
        """

    def _refuse(self, clazz: str) -> NotImplementedError:
        return NotImplementedError(
            f"The {self.type.value} '{self.name}' is {clazz}, a Java class. Python actions cannot use resources of "
            "Java in this release: use the Python class for it, or use it in an action written in Java."
        )

    def named(self, error: Exception, what: str = "made") -> Exception:
        """Return an exception, of the same class if it has a usual constructor, that names the resource."""
        try:
            msg = f"The {self.type.value} '{self.name}' cannot be {what}: {error}"
            return type(error)(msg)
        except Exception:
            # Exceptions may have any constructor, and any text.
            try:
                text = f"{type(error).__name__}: {error}"
            except Exception:
                text = type(error).__name__
            return RuntimeError(f"The {self.type.value} '{self.name}' cannot be {what}: {text}")


class PythonResourceProvider(ResourceProvider):
    """Makes a resource of a Python class by its constructor."""

    def __init__(self, name: str, type: ResourceType, descriptor: ResourceDescriptor) -> None:
        super().__init__(name, type)
        self.descriptor = descriptor

    def _fields(self) -> Dict[str, Any]:
        return {"descriptor": self.descriptor.model_dump()}

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        try:
            cls = self.descriptor.clazz
            prefix = f"{cls.__name__}."
            arguments = {
                key[len(prefix) :]: value for key, value in config.conf_data.items() if key.startswith(prefix)
            }
            arguments.update(self.descriptor.arguments)
            found = {key: _resolved(key, value) for key, value in arguments.items()}
            resource = cls(**found, resource_context=resource_context)
            resource._resource_name = self.name
            return resource
        except Exception as error:
            raise self.named(error) from error


def _resolved(place: str, value: Any) -> Any:
    """Return a value with what ``${env:NAME}`` and ``${file:PATH}`` in it refer to, at whatever depth."""
    from flink_agents import _core

    if isinstance(value, str):
        try:
            return _core.resolve_secret(value)
        except LookupError as e:
            msg = f"argument '{place}': {e.args[0]}"
            raise LookupError(msg) from None
    if isinstance(value, dict):
        return {key: _resolved(f"{place}.{key}", element) for key, element in value.items()}
    if isinstance(value, list):
        return [_resolved(f"{place}[{i}]", element) for i, element in enumerate(value)]
    return value


class JavaResourceProvider(ResourceProvider):
    """Makes a resource of a Java class; not in Python."""

    def __init__(self, name: str, type: ResourceType, descriptor: ResourceDescriptor) -> None:
        super().__init__(name, type)
        self.descriptor = descriptor

    def _fields(self) -> Dict[str, Any]:
        return {"descriptor": self.descriptor.model_dump()}

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        clazz = self.descriptor.arguments.get(_JAVA_CLASS, self.descriptor.target_clazz)
        raise self._refuse(clazz)


class PythonSerializableResourceProvider(ResourceProvider):
    """Makes a resource of a Python class of its fields."""

    def __init__(
        self, name: str, type: ResourceType, module: str, clazz: str, serialized: Dict[str, Any]
    ) -> None:
        super().__init__(name, type)
        self.module = module
        self.clazz = clazz
        self.serialized = serialized

    @staticmethod
    def of(name: str, type: ResourceType, resource: SerializableResource) -> PythonSerializableResourceProvider:
        """Return the recipe for a resource like this one."""
        cls = resource.__class__
        return PythonSerializableResourceProvider(
            name, type, cls.__module__, cls.__qualname__, json.loads(resource.model_dump_json())
        )

    def _fields(self) -> Dict[str, Any]:
        return {"module": self.module, "clazz": self.clazz, "serialized": self.serialized}

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        try:
            resource = get_resource_class(self.module, self.clazz).model_validate(self.serialized)
        except Exception as error:
            raise self.named(error) from error
        resource.resource_context = resource_context
        return resource


class JavaSerializableResourceProvider(ResourceProvider):
    """Makes a resource of a Java class of its fields; not in Python."""

    def __init__(
        self, name: str, type: ResourceType, module: str, clazz: str, serialized_resource: str
    ) -> None:
        super().__init__(name, type)
        self.module = module
        self.clazz = clazz
        self.serialized_resource = serialized_resource

    def _fields(self) -> Dict[str, Any]:
        return {"module": self.module, "clazz": self.clazz, "serializedResource": self.serialized_resource}

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        raise self._refuse(self.clazz)


def provider_of_descriptor(name: str, type: ResourceType, descriptor: ResourceDescriptor) -> ResourceProvider:
    """Return the recipe of a descriptor: one of Java if its class is a wrapper of those.

    Raises
    ------
    KeyError
        If it is, and does not say which Java class it wraps.
    TypeError
        If an argument is no JSON.
    """
    clazz = f"{descriptor.target_module}.{descriptor.target_clazz}"
    try:
        json.dumps(descriptor.arguments)
    except (TypeError, ValueError, RecursionError):
        for key, value in descriptor.arguments.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError, RecursionError) as error:
                msg = (
                    f"The argument '{key}' of the {type.value} '{name}' ({clazz}) cannot travel in a plan: {error}. "
                    "Give plain JSON values, and let the class make of them what it needs."
                )
                raise TypeError(msg) from error
    if clazz in _WRAPPERS or _is_marked(descriptor):
        if not descriptor.arguments.get(_JAVA_CLASS):
            msg = f"The {type.value} '{name}' is a wrapper ({clazz}) and does not say of what: add {_JAVA_CLASS}='…'."
            raise KeyError(msg)
        return JavaResourceProvider(name, type, descriptor)
    return PythonResourceProvider(name, type, descriptor)


def _is_marked(descriptor: ResourceDescriptor) -> bool:
    if _JAVA_CLASS not in descriptor.arguments:
        return False
    try:
        return bool(getattr(descriptor.clazz, "_is_java_resource", False))
    except ImportError:
        # The class may be where the agent runs only.
        return False


def provider_from_json(data: Dict[str, Any]) -> ResourceProvider:
    """Return the recipe of a plan form."""
    kind = data[_DISCRIMINATOR]
    name, resource_type = data["name"], ResourceType(data["type"])
    if kind in ("PythonResourceProvider", "JavaResourceProvider"):
        descriptor = ResourceDescriptor(
            target_module=data["descriptor"].get("target_module") or "",
            target_clazz=data["descriptor"]["target_clazz"],
            arguments=data["descriptor"].get("arguments") or {},
        )
        made = PythonResourceProvider if kind == "PythonResourceProvider" else JavaResourceProvider
        return made(name, resource_type, descriptor)
    if kind == "PythonSerializableResourceProvider":
        return PythonSerializableResourceProvider(
            name, resource_type, data["module"], data["clazz"], data["serialized"]
        )
    if kind == "JavaSerializableResourceProvider":
        return JavaSerializableResourceProvider(
            name, resource_type, data["module"], data["clazz"], data["serializedResource"]
        )
    msg = f"The plan has a resource '{name}' of an unknown kind of provider, {kind!r}."
    raise ValueError(msg)
