"""Listeners and event loggers of the tests: what they are told is kept."""

import threading

from flink_agents.api.event_listener import EventListener
from flink_agents.api.event_logger import EventLogger

TOLD = []


class Hears(EventListener):
    """Notes what it hears, and changes it."""

    def on_event_processed(self, context, event):
        TOLD.append((type(self).__name__, context.event_type, dict(event.attributes), event.upstream_action_name))
        event.attributes["changed"] = True


class Moody(Hears):
    """Fails at every event."""

    def on_event_processed(self, context, event):
        super().on_event_processed(context, event)
        msg = "not in the mood"
        raise RuntimeError(msg)


class Exits(EventListener):
    """Wants the process to end."""

    def on_event_processed(self, context, event):
        raise SystemExit(3)


class Hangs(EventListener):
    """Waits for the test."""

    GO_ON = threading.Event()

    def on_event_processed(self, context, event):
        assert self.GO_ON.wait(60)


class Waits(EventListener):
    """Is no function that can be called."""

    async def on_event_processed(self, context, event):
        pass


class Keeps(EventLogger):
    """Notes what it is told."""

    def open(self, params):
        TOLD.append(("open", params.agent, params.job, params.task, params.subtask, params.config.get_str("mine")))

    def append(self, context, event, trace_context):
        assert context.timestamp.endswith("Z")
        TOLD.append(("append", event.type, event, trace_context))

    def flush(self):
        if TOLD[-1] != ("flush",):
            TOLD.append(("flush",))

    def close(self):
        TOLD.append(("close",))


class HangsAtFirst(Keeps):
    """Waits for the test."""

    def append(self, context, event, trace_context):
        assert Hangs.GO_ON.wait(60)
        super().append(context, event, trace_context)


class Broken(Keeps):
    """Throws wherever it can, but when it is opened."""

    def append(self, context, event, trace_context):
        super().append(context, event, trace_context)
        msg = "no append"
        raise OSError(msg)

    def flush(self):
        msg = "no flush"
        raise OSError(msg)

    def close(self):
        msg = "no end"
        raise SystemExit(msg)


class Closed(Keeps):
    """Cannot be opened."""

    def open(self, params):
        msg = "no door"
        raise OSError(msg)


class NeedsMore(Keeps):
    """Cannot be made without an argument."""

    def __init__(self, needed):
        pass
