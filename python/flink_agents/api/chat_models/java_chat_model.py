"""Chat models that are written in Java."""

from __future__ import annotations

from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.decorators import java_resource


@java_resource
class JavaChatModelConnection(BaseChatModelConnection):
    """Stands for a connection that is written in Java, whose class is the argument ``java_clazz``."""

    java_class_name: str = ''


@java_resource
class JavaChatModelSetup(BaseChatModelSetup):
    """Stands for a setup that is written in Java, whose class is the argument ``java_clazz``."""

    java_class_name: str = ''
