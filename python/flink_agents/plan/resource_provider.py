"""Recipes for resources, as plans hold them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, Dict

from flink_agents.api.java_resource import java_class, java_resources_of
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
_PYTHON_CLASS = "pythonClazz"
JAVA, PYTHON = "java", "python"
_WRAPPERS = {
    ResourceName.ChatModel.JAVA_WRAPPER_CONNECTION,
    ResourceName.ChatModel.JAVA_WRAPPER_SETUP,
    ResourceName.EmbeddingModel.JAVA_WRAPPER_CONNECTION,
    ResourceName.EmbeddingModel.JAVA_WRAPPER_SETUP,
    ResourceName.VectorStore.JAVA_WRAPPER_VECTOR_STORE,
    ResourceName.VectorStore.JAVA_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE,
}
# What stands for a resource of Java. Whether the collections of a store can be made, only Java knows.
_WRAPPER_OF = {
    ResourceType.CHAT_MODEL: ResourceName.ChatModel.JAVA_WRAPPER_SETUP,
    ResourceType.CHAT_MODEL_CONNECTION: ResourceName.ChatModel.JAVA_WRAPPER_CONNECTION,
    ResourceType.EMBEDDING_MODEL: ResourceName.EmbeddingModel.JAVA_WRAPPER_SETUP,
    ResourceType.EMBEDDING_MODEL_CONNECTION: ResourceName.EmbeddingModel.JAVA_WRAPPER_CONNECTION,
    ResourceType.VECTOR_STORE: ResourceName.VectorStore.JAVA_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE,
    ResourceType.TOOL: "flink_agents.api.tools.java_tool.JavaTool",
}
# Of the arguments that Java's class gets, what Python's actions want to know of it.
_KNOWN = ("connection", "model", "collection")
# Each language makes them for itself, or not at all.
_OF_EITHER = (ResourceType.PROMPT, ResourceType.MCP_SERVER, ResourceType.SKILLS)


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
            If it is one of Java, and there is no JVM, or it is of a type that stays in its language.
        """

    @property
    @abstractmethod
    def language(self) -> str | None:
        """Where it is made for all who use it, ``JAVA`` or ``PYTHON``; ``None`` if it is never asked for from elsewhere."""

    def _described(self, clazz: str) -> str:
        return f"The {self.type.value} '{self.name}' is {java_class(clazz)}"

    def _refuse(self, clazz: str) -> NotImplementedError:
        return NotImplementedError(
            f"{self._described(clazz)}, and Python cannot use resources of this type that are written in Java: use the Python "
            "class for it, or use it in an action written in Java."
        )

    def _stand_in(self, wrapper: str | None, clazz: str, context: ResourceContext | None, fields: Dict[str, Any]) -> Resource:
        """Return what asks Java for this resource, an object of the class ``wrapper``."""
        if wrapper is None:
            raise self._refuse(clazz)
        java_resources_of(context, self._described(clazz))
        try:
            cls = ResourceDescriptor(clazz=wrapper).clazz
            resource = cls(**{**fields, "java_class_name": clazz}, resource_context=context)
        except Exception as error:
            raise self.named(error) from error
        resource._resource_name = self.name
        return resource

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

    @property
    def language(self) -> str | None:
        return None if self.type in _OF_EITHER else PYTHON

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        try:
            descriptor = self._own_descriptor()
            cls = descriptor.clazz
            prefix = f"{cls.__name__}."
            arguments = {
                key[len(prefix) :]: value for key, value in config.conf_data.items() if key.startswith(prefix)
            }
            arguments.update(descriptor.arguments)
            found = {key: _resolved(key, value) for key, value in arguments.items()}
            resource = cls(**found, resource_context=resource_context)
            resource._resource_name = self.name
            return resource
        except Exception as error:
            raise self.named(error) from error

    def _own_descriptor(self) -> ResourceDescriptor:
        """Return the descriptor of the Python class, which plans of Java have as an argument of what stands for it in Java."""
        descriptor = self.descriptor
        if descriptor.target_module or _PYTHON_CLASS not in descriptor.arguments:
            return descriptor
        arguments = dict(descriptor.arguments)
        return ResourceDescriptor(clazz=arguments.pop(_PYTHON_CLASS), arguments=arguments)


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
    """Makes what stands for a resource of a Java class."""

    def __init__(self, name: str, type: ResourceType, descriptor: ResourceDescriptor) -> None:
        super().__init__(name, type)
        self.descriptor = descriptor

    def _fields(self) -> Dict[str, Any]:
        return {"descriptor": self.descriptor.model_dump()}

    @property
    def language(self) -> str | None:
        return None if self.type in _OF_EITHER else JAVA

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        descriptor, wrapper = self.descriptor, _WRAPPER_OF.get(self.type)
        arguments = dict(descriptor.arguments)
        clazz = str(arguments.pop(_JAVA_CLASS, None) or descriptor.target_clazz)
        known = {key: arguments[key] for key in _KNOWN if isinstance(arguments.get(key), str)}
        if wrapper is None or not descriptor.target_module:
            return self._stand_in(wrapper, clazz, resource_context, known)
        written = f"{descriptor.target_module}.{descriptor.target_clazz}"
        # A class that a user has marked may want any of them.
        return self._stand_in(written, clazz, resource_context, known if written in _WRAPPERS else arguments)


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

    @property
    def language(self) -> str | None:
        return _language_of(self.type, self.serialized.get("func"), PYTHON)

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        try:
            resource = get_resource_class(self.module, self.clazz).model_validate(self.serialized)
        except Exception as error:
            raise self.named(error) from error
        resource.resource_context = resource_context
        resource._resource_name = self.name
        return resource


class JavaSerializableResourceProvider(ResourceProvider):
    """Makes of the fields of a Java resource what is one in Python, or what stands for it."""

    def __init__(
        self, name: str, type: ResourceType, module: str, clazz: str, serialized_resource: str
    ) -> None:
        super().__init__(name, type)
        self.module = module
        self.clazz = clazz
        self.serialized_resource = serialized_resource

    def _fields(self) -> Dict[str, Any]:
        return {"module": self.module, "clazz": self.clazz, "serializedResource": self.serialized_resource}

    @property
    def language(self) -> str | None:
        return _language_of(self.type, self._read().get("function"), JAVA)

    def provide(self, resource_context: ResourceContext | None, config: AgentConfiguration) -> Resource:
        if self.type is ResourceType.PROMPT:
            return self._prompt(resource_context)
        if self.type is ResourceType.TOOL:
            return self._tool(resource_context)
        raise self._refuse(self.clazz)

    def _read(self) -> Dict[str, Any]:
        try:
            fields = json.loads(self.serialized_resource)
        except ValueError as error:
            raise self.named(error) from error
        return fields if isinstance(fields, dict) else {}

    def _prompt(self, context: ResourceContext | None) -> Resource:
        from flink_agents.api.prompts.prompt import LocalPrompt

        template = self._read().get("template")
        if not isinstance(template, dict) or not ("content" in template or "messages" in template):
            # One of a tool server.
            raise self._refuse(self.clazz)
        try:
            text_or_messages: Any = template.get("content", template.get("messages"))
            made = LocalPrompt(template=text_or_messages, resource_context=context)
        except Exception as error:
            raise self.named(error) from error
        made._resource_name = self.name
        return made

    def _tool(self, context: ResourceContext | None) -> Resource:
        from flink_agents.api.tools.java_tool import read_metadata
        from flink_agents.api.tools.tool_parameter_injection import normalize_injected_args
        from flink_agents.plan.function import function_from_json
        from flink_agents.plan.tools.function_tool import FunctionTool, compile_tool

        fields = self._read()
        try:
            told = fields.get("metadata") or {}
            metadata = read_metadata(told["name"], told.get("description"), told.get("inputSchema")) if told else None
            injected = normalize_injected_args(fields.get("injected_args"))
            written = fields.get("function")
            # A tool of a user's own may have a field of that name, too.
            function: Any = function_from_json(written) if isinstance(written, dict) and "func_type" in written else None
            if self.language == PYTHON:
                # The plan knows no more of it than where it is.
                tool = compile_tool(self.name, function, injected)
                tool.metadata = tool.metadata and tool.metadata.model_copy(update={"name": self.name})
            elif function is not None:
                tool = FunctionTool(metadata=metadata, func=function, injected_args=injected)
        except Exception as error:
            raise self.named(error) from error
        if function is None:
            return self._stand_in(_WRAPPER_OF[self.type], self.clazz, context, {"metadata": metadata})
        tool.resource_context = context
        tool._resource_name = self.name
        return tool


def _language_of(type: ResourceType, function: Any, otherwise: str) -> str | None:
    """Return the language of a resource that travels as its fields: of a tool that is a function, that of the function."""
    if type in _OF_EITHER:
        return None
    kind = function.get("func_type") if isinstance(function, dict) else None
    return {"PythonFunction": PYTHON, "JavaFunction": JAVA}.get(str(kind), otherwise)


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
