"""Event listeners and event loggers of Python, for jobs: what they are told they log, or append to the file of option ``told``."""

import json
import logging
import os
import threading
import time

from flink_agents.api.event_listener import EventListener
from flink_agents.api.event_logger import EventLogger
from flink_agents.runtime import observers

log = logging.getLogger("watched")


class Hears(EventListener):
    """Logs what it hears, and from where."""

    def on_event_processed(self, context, event):
        log.info("%s %s by %s", event.type, json.dumps(event.attributes), event.upstream_action_name)


class Moody(EventListener):
    """Fails at every event."""

    def on_event_processed(self, context, event):
        msg = "not in the mood"
        raise RuntimeError(msg)


class Hangs(EventListener):
    """Waits at the first event until the file is gone that the event names."""

    def __init__(self):
        observers._LIMIT = 0.05
        self.waited = False

    def on_event_processed(self, context, event):
        if self.waited:
            return
        self.waited = True
        while os.path.exists(event.get_attr("input")):
            time.sleep(0.01)


class Keeps(EventLogger):
    """Appends a line for each call."""

    def open(self, params):
        self.file = open(params.config.get_str("told"), "a", encoding="utf-8")
        self.tell("open", params.agent, params.task, params.subtask)

    def tell(self, *what):
        self.file.write(json.dumps(what) + "\n")

    def append(self, context, event, trace_context):
        where = trace_context and [trace_context.business_key, trace_context.entity_type, trace_context.entity_name]
        self.tell("append", event.type, event.attributes, event.upstream_action_name, where)

    def flush(self):
        self.file.flush()

    def close(self):
        self.tell("close")
        self.file.close()


class HangsAtFirst(Keeps):
    """Waits at the first event until the file is gone that option ``hang`` names."""

    def __init__(self):
        observers._LIMIT = 0.05

    def open(self, params):
        super().open(params)
        self.hang = params.config.get_str("hang")

    def append(self, context, event, trace_context):
        while os.path.exists(self.hang):
            time.sleep(0.01)
        super().append(context, event, trace_context)


class Slow(Keeps):
    """Takes its time for each event."""

    def append(self, context, event, trace_context):
        time.sleep(0.1)
        super().append(context, event, trace_context)


class Never(Keeps):
    """Does not come back."""

    def append(self, context, event, trace_context):
        threading.Event().wait()


class Broken(Keeps):
    """Takes no event."""

    def append(self, context, event, trace_context):
        msg = "no append"
        raise OSError(msg)


class Closed(EventLogger):
    """Cannot be opened."""

    def open(self, params):
        msg = "no door"
        raise OSError(msg)

    def append(self, context, event, trace_context):
        pass
