"""Resources: named objects that actions use, such as chat models, prompts and tools."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, Dict, Type

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from flink_agents.api.resource_context import ResourceContext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flink_agents.api.metric_group import MetricGroup

__all__ = [
    "Resource",
    "ResourceDescriptor",
    "ResourceName",
    "ResourceType",
    "SerializableResource",
    "get_resource_class",
]


class ResourceType(Enum):
    """The kinds of resources; a resource is found by its kind and its name."""

    CHAT_MODEL = "chat_model"
    CHAT_MODEL_CONNECTION = "chat_model_connection"
    TOOL = "tool"
    EMBEDDING_MODEL = "embedding_model"
    EMBEDDING_MODEL_CONNECTION = "embedding_model_connection"
    VECTOR_STORE = "vector_store"
    PROMPT = "prompt"
    MCP_SERVER = "mcp_server"
    SKILLS = "skills"


class _NotShown:
    def __repr__(self) -> str:
        return "…"


class Resource(BaseModel, ABC):
    """A resource. It is made when it is first asked for, once per worker; several threads may call what blocks at a time.

    Attributes
    ----------
    resource_context
        The way to other resources; set by the runtime before ``open()``.
    """

    # Values may be secrets.
    model_config = ConfigDict(arbitrary_types_allowed=True, defer_build=True, hide_input_in_errors=True)

    resource_context: ResourceContext | None = Field(exclude=True, default=None)

    _metric_group: Any = PrivateAttr(default=None)
    # By which its agent knows it.
    _resource_name: str | None = PrivateAttr(default=None)

    @classmethod
    @abstractmethod
    def resource_type(cls) -> ResourceType:
        """Return the kind of this resource."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Return what ``repr`` and ``str`` show: names only, since values may be secrets."""
        given = {**self.__dict__, **(self.__pydantic_extra__ or {})}
        return [(name, _NotShown()) for name, value in given.items() if value is not None]

    def set_metric_group(self, metric_group: MetricGroup) -> None:
        """Bind the metrics of the action that uses this resource now."""
        self._metric_group = metric_group

    @property
    def metric_group(self) -> MetricGroup | None:
        """The metrics of the action that uses this resource now; ``None`` outside of actions."""
        return self._metric_group

    def open(self) -> None:
        """Prepare for use; called once, after construction. Does nothing unless overridden."""

    def close(self) -> None:
        """Release what ``open()`` took; called once, at the end. Does nothing unless overridden."""


class SerializableResource(Resource, ABC):
    """A resource that travels inside the plan, as the JSON of its fields."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # No secrets: all of it is in the plan.
        return BaseModel.__repr_args__(self)

    @model_validator(mode="after")
    def validate_serializable(self) -> SerializableResource:
        """Check that the fields can be written as JSON.

        Raises
        ------
        ValueError
            If they cannot.
        """
        try:
            self.model_dump_json()
        except Exception as error:
            msg = (
                f"{type(self).__name__} travels inside the plan, but its fields cannot be written as JSON: {error}"
            )
            raise ValueError(msg) from error
        return self


class ResourceDescriptor(BaseModel):
    """What is needed to make a resource: its class and the arguments of its constructor.

    Parameters
    ----------
    clazz
        The full name of the class, ``package.module.Class``; or give ``target_module`` and ``target_clazz``.
    target_module, target_clazz
        Module and name of the class.
    arguments
        Arguments of the constructor; plain JSON values.
    **kwargs
        More of them, which win over ``arguments``.

    Raises
    ------
    ValueError
        If the class is not given.
    """

    model_config = ConfigDict(defer_build=True)

    target_module: str
    target_clazz: str
    arguments: Dict[str, Any]

    def __init__(
        self,
        /,
        *,
        clazz: str | None = None,
        target_module: str | None = None,
        target_clazz: str | None = None,
        arguments: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if clazz is not None:
            if not isinstance(clazz, str):
                msg = (
                    f"clazz must be the full name of a class as text, not {clazz!r}: "
                    "write 'package.module.Class'."
                )
                raise ValueError(msg)
            target_module, _, target_clazz = clazz.rpartition(".")
        if not target_clazz or target_module is None or (clazz is not None and not target_module):
            msg = (
                "A ResourceDescriptor needs the class of the resource: clazz='package.module.Class', "
                f"or target_module= and target_clazz=. It got clazz={clazz!r}, "
                f"target_module={target_module!r}, target_clazz={target_clazz!r}."
            )
            raise ValueError(msg)
        super().__init__(
            target_module=target_module,
            target_clazz=target_clazz,
            arguments={**(arguments or {}), **kwargs},
        )

    @property
    def clazz(self) -> Type[Resource]:
        """The class, imported."""
        return get_resource_class(self.target_module, self.target_clazz)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ResourceDescriptor)
            and self.target_module == other.target_module
            and self.target_clazz == other.target_clazz
            and self.arguments == other.arguments
        )

    def __hash__(self) -> int:
        # Names only: values of arguments may be lists and maps.
        return hash((self.target_module, self.target_clazz, frozenset(self.arguments)))

    def __repr__(self) -> str:
        # Names only: values may be secrets.
        return f"ResourceDescriptor({self.target_module}.{self.target_clazz}, arguments: {list(self.arguments)})"

    __str__ = __repr__


def get_resource_class(module_path: str, class_name: str) -> Type[Resource]:
    """Import the class of a resource.

    Raises
    ------
    ImportError
        If the module or the class is not there; the message names both.
    """
    try:
        found: Any = importlib.import_module(module_path)
    except ImportError as error:
        msg = (
            f"The resource class {class_name} cannot be loaded, because its module {module_path} cannot be "
            f"imported ({error}). Install what is missing where this runs, or correct the name."
        )
        raise ImportError(msg) from error
    try:
        for part in class_name.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        msg = f"The module {module_path} has no class {class_name}: correct the name of the resource class."
        raise ImportError(msg) from error
    return found


class ResourceName:
    """Classes of resources that come with the framework, by their full names."""


    class ChatModel:
        """Chat models."""

        ANTHROPIC_CONNECTION = (
            "flink_agents.integrations.chat_models.anthropic.anthropic_chat_model.AnthropicChatModelConnection"
        )
        ANTHROPIC_SETUP = (
            "flink_agents.integrations.chat_models.anthropic.anthropic_chat_model.AnthropicChatModelSetup"
        )
        AZURE_OPENAI_CONNECTION = (
            "flink_agents.integrations.chat_models.azure.azure_openai_chat_model.AzureOpenAIChatModelConnection"
        )
        AZURE_OPENAI_SETUP = (
            "flink_agents.integrations.chat_models.azure.azure_openai_chat_model.AzureOpenAIChatModelSetup"
        )
        OLLAMA_CONNECTION = (
            "flink_agents.integrations.chat_models.ollama_chat_model.OllamaChatModelConnection"
        )
        OLLAMA_SETUP = "flink_agents.integrations.chat_models.ollama_chat_model.OllamaChatModelSetup"
        OPENAI_COMPLETIONS_CONNECTION = (
            "flink_agents.integrations.chat_models.openai.openai_chat_model.OpenAIChatModelConnection"
        )
        OPENAI_COMPLETIONS_SETUP = (
            "flink_agents.integrations.chat_models.openai.openai_chat_model.OpenAIChatModelSetup"
        )
        TONGYI_CONNECTION = (
            "flink_agents.integrations.chat_models.tongyi_chat_model.TongyiChatModelConnection"
        )
        TONGYI_SETUP = "flink_agents.integrations.chat_models.tongyi_chat_model.TongyiChatModelSetup"
        VLLM_CONNECTION = "flink_agents.integrations.chat_models.vllm.vllm_chat_model.VLLMChatModelConnection"
        VLLM_SETUP = "flink_agents.integrations.chat_models.vllm.vllm_chat_model.VLLMChatModelSetup"
        JAVA_WRAPPER_CONNECTION = "flink_agents.api.chat_models.java_chat_model.JavaChatModelConnection"
        JAVA_WRAPPER_SETUP = "flink_agents.api.chat_models.java_chat_model.JavaChatModelSetup"

        class Java:
            """Those written in Java; used through the ``JAVA_WRAPPER_…`` classes with ``java_clazz=``."""

            ANTHROPIC_CONNECTION = (
                "org.apache.flink.agents.integrations.chatmodels.anthropic.AnthropicChatModelConnection"
            )
            ANTHROPIC_SETUP = (
                "org.apache.flink.agents.integrations.chatmodels.anthropic.AnthropicChatModelSetup"
            )
            BEDROCK_CONNECTION = (
                "org.apache.flink.agents.integrations.chatmodels.bedrock.BedrockChatModelConnection"
            )
            BEDROCK_SETUP = "org.apache.flink.agents.integrations.chatmodels.bedrock.BedrockChatModelSetup"
            GEMINI_CONNECTION = (
                "org.apache.flink.agents.integrations.chatmodels.gemini.GeminiChatModelConnection"
            )
            GEMINI_SETUP = "org.apache.flink.agents.integrations.chatmodels.gemini.GeminiChatModelSetup"
            OLLAMA_CONNECTION = (
                "org.apache.flink.agents.integrations.chatmodels.ollama.OllamaChatModelConnection"
            )
            OLLAMA_SETUP = "org.apache.flink.agents.integrations.chatmodels.ollama.OllamaChatModelSetup"
            OPENAI_COMPLETIONS_CONNECTION = (
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAICompletionsConnection"
            )
            OPENAI_COMPLETIONS_SETUP = (
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAICompletionsSetup"
            )
            OPENAI_RESPONSES_CONNECTION = (
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAIResponsesModelConnection"
            )
            OPENAI_RESPONSES_SETUP = (
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAIResponsesModelSetup"
            )
            AZURE_OPENAI_CONNECTION = (
                "org.apache.flink.agents.integrations.chatmodels.openai.AzureOpenAIChatModelConnection"
            )
            AZURE_OPENAI_SETUP = (
                "org.apache.flink.agents.integrations.chatmodels.openai.AzureOpenAIChatModelSetup"
            )
            VLLM_CONNECTION = "org.apache.flink.agents.integrations.chatmodels.openai.VLLMChatModelConnection"
            VLLM_SETUP = "org.apache.flink.agents.integrations.chatmodels.openai.VLLMChatModelSetup"

    class EmbeddingModel:
        """Embedding models."""

        OLLAMA_CONNECTION = (
            "flink_agents.integrations.embedding_models.local.ollama_embedding_model.OllamaEmbeddingModelConnection"
        )
        OLLAMA_SETUP = (
            "flink_agents.integrations.embedding_models.local.ollama_embedding_model.OllamaEmbeddingModelSetup"
        )
        OPENAI_CONNECTION = (
            "flink_agents.integrations.embedding_models.openai_embedding_model.OpenAIEmbeddingModelConnection"
        )
        OPENAI_SETUP = (
            "flink_agents.integrations.embedding_models.openai_embedding_model.OpenAIEmbeddingModelSetup"
        )
        TONGYI_CONNECTION = (
            "flink_agents.integrations.embedding_models.tongyi_embedding_model.TongyiEmbeddingModelConnection"
        )
        TONGYI_SETUP = (
            "flink_agents.integrations.embedding_models.tongyi_embedding_model.TongyiEmbeddingModelSetup"
        )
        JAVA_WRAPPER_CONNECTION = (
            "flink_agents.api.embedding_models.java_embedding_model.JavaEmbeddingModelConnection"
        )
        JAVA_WRAPPER_SETUP = "flink_agents.api.embedding_models.java_embedding_model.JavaEmbeddingModelSetup"

        class Java:
            """Those written in Java; used through the ``JAVA_WRAPPER_…`` classes with ``java_clazz=``."""

            OLLAMA_CONNECTION = (
                "org.apache.flink.agents.integrations.embeddingmodels.ollama.OllamaEmbeddingModelConnection"
            )
            OLLAMA_SETUP = (
                "org.apache.flink.agents.integrations.embeddingmodels.ollama.OllamaEmbeddingModelSetup"
            )
            BEDROCK_CONNECTION = (
                "org.apache.flink.agents.integrations.embeddingmodels.bedrock.BedrockEmbeddingModelConnection"
            )
            BEDROCK_SETUP = (
                "org.apache.flink.agents.integrations.embeddingmodels.bedrock.BedrockEmbeddingModelSetup"
            )

    class VectorStore:
        """Vector stores."""

        CHROMA_VECTOR_STORE = (
            "flink_agents.integrations.vector_stores.chroma.chroma_vector_store.ChromaVectorStore"
        )
        MEM0_VECTOR_STORE = "flink_agents.integrations.vector_stores.mem0.mem0_vector_store.Mem0VectorStore"
        JAVA_WRAPPER_VECTOR_STORE = "flink_agents.api.vector_stores.java_vector_store.JavaVectorStore"
        JAVA_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE = (
            "flink_agents.api.vector_stores.java_vector_store.JavaCollectionManageableVectorStore"
        )

        class Java:
            """Those written in Java; used through the ``JAVA_WRAPPER_…`` classes with ``java_clazz=``."""

            ELASTICSEARCH_VECTOR_STORE = (
                "org.apache.flink.agents.integrations.vectorstores.elasticsearch.ElasticsearchVectorStore"
            )
            OPENSEARCH_VECTOR_STORE = (
                "org.apache.flink.agents.integrations.vectorstores.opensearch.OpenSearchVectorStore"
            )
            S3_VECTORS_VECTOR_STORE = (
                "org.apache.flink.agents.integrations.vectorstores.s3vectors.S3VectorsVectorStore"
            )
            MILVUS_VECTOR_STORE = "org.apache.flink.agents.integrations.vectorstores.milvus.MilvusVectorStore"
    MCP_SERVER = "flink_agents.integrations.mcp.mcp.MCPServer"
