"""Embedding models that are written in Java."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from typing_extensions import override

from flink_agents.api.decorators import java_resource
from flink_agents.api.embedding_models.embedding_model import (
    BaseEmbeddingModelConnection,
    BaseEmbeddingModelSetup,
    EmbeddingResult,
    EmbeddingTokenUsage,
)
from flink_agents.api.java_resource import ask_java, java_class


@java_resource
class JavaEmbeddingModelConnection(BaseEmbeddingModelConnection):
    """Stands for a connection that is written in Java, whose class is the argument ``java_clazz``."""

    java_class_name: str = ''

    @override
    def embed(self, text: str | Sequence[str], **kwargs: Any) -> list[float] | list[list[float]]:
        return _embedded(self, text, kwargs).embeddings

    @override
    def embed_with_usage(
        self, text: str | Sequence[str], **kwargs: Any
    ) -> EmbeddingResult[list[float] | list[list[float]]]:
        return _embedded(self, text, kwargs)


@java_resource
class JavaEmbeddingModelSetup(BaseEmbeddingModelSetup):
    """Stands for a setup that is written in Java, whose class is the argument ``java_clazz``.

    Its connection is looked up in Java.
    """

    java_class_name: str = ''
    connection: str | BaseEmbeddingModelConnection = ""
    model: str = ""

    @property
    @override
    def model_kwargs(self) -> Dict[str, Any]:
        """None: those of the Java class are."""
        return {}

    @override
    def open(self) -> None:
        """Look up nothing."""

    @override
    def embed(self, text: str | Sequence[str], **kwargs: Any) -> list[float] | list[list[float]]:
        return _embedded(self, text, kwargs).embeddings

    @override
    def embed_with_usage(
        self, text: str | Sequence[str], **kwargs: Any
    ) -> EmbeddingResult[list[float] | list[list[float]]]:
        return _embedded(self, text, kwargs)


def _embedded(
    model: JavaEmbeddingModelConnection | JavaEmbeddingModelSetup, text: str | Sequence[str], parameters: Dict[str, Any]
) -> EmbeddingResult[Any]:
    texts = [text] if isinstance(text, str) else list(text)
    answer = ask_java(model, java_class(model.java_class_name), "embed", texts=texts, parameters=parameters)
    vectors, prompt, total = answer["embeddings"], answer.get("prompt_tokens"), answer.get("total_tokens")
    usage = None if prompt is None and total is None else EmbeddingTokenUsage(prompt or 0, total or prompt or 0)
    return EmbeddingResult(vectors[0] if isinstance(text, str) else vectors, usage)
