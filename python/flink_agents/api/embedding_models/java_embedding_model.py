"""Embedding models that are written in Java."""

from __future__ import annotations

from flink_agents.api.decorators import java_resource
from flink_agents.api.embedding_models.embedding_model import BaseEmbeddingModelConnection, BaseEmbeddingModelSetup


@java_resource
class JavaEmbeddingModelConnection(BaseEmbeddingModelConnection):
    """Stands for a connection that is written in Java, whose class is the argument ``java_clazz``."""

    java_class_name: str = ''


@java_resource
class JavaEmbeddingModelSetup(BaseEmbeddingModelSetup):
    """Stands for a setup that is written in Java, whose class is the argument ``java_clazz``."""

    java_class_name: str = ''
