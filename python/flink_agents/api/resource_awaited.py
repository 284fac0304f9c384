"""Which methods of resources can be awaited instead of holding up a thread."""

from __future__ import annotations

import inspect
from typing import Any, Callable


def awaited_form(resource: Any, name: str) -> Callable[..., Any] | None:
    """Return a method's form that is to be awaited, or ``None`` if there is only one that blocks.

    That is the method itself if it is ``async def``, or else the one called ``<name>_async``. A subclass that has overridden
    the blocking method alone means that one.
    """
    method = getattr(resource, name)
    if inspect.iscoroutinefunction(method):
        return method
    twin = f"{name}_async"
    if not hasattr(type(resource), twin) or is_nearer(type(resource), name, twin):
        return None
    return getattr(resource, twin)


def is_nearer(cls: type, name: str, other: str) -> bool:
    """Tell whether a class has overridden one member later than the other, and so means that one."""
    return _depth(cls, name) < _depth(cls, other)


def _depth(cls: type, name: str) -> int:
    return next(depth for depth, base in enumerate(cls.__mro__) if name in base.__dict__)
