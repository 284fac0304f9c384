"""What a model says while it says it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TextPart", "listening_to_text"]


@dataclass(frozen=True)
class TextPart:
    """A part of an answer that is on its way.

    Attributes
    ----------
    kind
        ``"text"``: more of the answer. ``"reasoning"``: more of what the model thinks. ``"again"``: the attempt failed and another
        begins; what came so far does not count.
    text
        The part itself; empty with ``"again"``.
    model
        Name of the chat model, where an agent asks.
    key
        Key of the input that it is asked for, where an agent asks.
    """

    kind: Literal["text", "reasoning", "again"]
    text: str
    model: str | None = None
    key: Any = None


# What native connections call with the kind and the text of a part, on a thread of theirs.
_LISTENER: ContextVar[Callable[[Any, str], None] | None] = ContextVar("flink_agents_text_listener", default=None)


@contextmanager
def listening_to_text(listener: Callable[[TextPart], None]) -> Iterator[None]:
    """Have chats that are asked inside tell their answers part by part, too.

    For the connections of this package; what others say is heard as a whole only. ``chat`` returns the same as without.

    Parameters
    ----------
    listener
        Called with each part, in order, by a thread of the client's or the one that waits, which it must not hold up. What it
        raises is logged.
    """
    token = _LISTENER.set(heard_by(listener))
    try:
        yield
    finally:
        _LISTENER.reset(token)


def heard_by(listener: Callable[[TextPart], None], model: str | None = None, key: Any = None) -> Callable[[Any, str], None]:
    """Return what tells a listener, and survives it."""

    def heard(kind: Any, text: str) -> None:
        try:
            listener(TextPart(kind, text, model, key))
        except Exception:
            logging.getLogger("flink_agents").exception("A listener to what models say failed; it is told what comes next")

    return heard
