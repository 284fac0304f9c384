"""Vector stores that are written in Java."""

from __future__ import annotations

from flink_agents.api.decorators import java_resource
from flink_agents.api.vector_stores.vector_store import BaseVectorStore, CollectionManageableVectorStore


@java_resource
class JavaVectorStore(BaseVectorStore):
    """Stands for a store that is written in Java, whose class is the argument ``java_clazz``."""

    java_class_name: str = ''


@java_resource
class JavaCollectionManageableVectorStore(JavaVectorStore, CollectionManageableVectorStore):
    """The same of a store whose collections can be made and deleted."""
