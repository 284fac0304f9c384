"""Filling placeholders."""

from __future__ import annotations

import re
from typing import Dict

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


class SafeFormatter:
    """Replaces placeholders ``{name}``.

    Those without a value stay as they are, so do other braces; values are not searched for placeholders again.

    Parameters
    ----------
    kwargs
        Placeholder to value; a ``None`` counts as empty.
    """

    def __init__(self, kwargs: Dict[str, str] | None = None) -> None:
        self.kwargs = kwargs or {}

    def format(self, text: str) -> str:
        """Return the text with its placeholders replaced."""
        if not self.kwargs:
            return text
        return _PLACEHOLDER.sub(self._replacement, text)

    def _replacement(self, match: re.Match) -> str:
        if match[1] not in self.kwargs:
            return match[0]
        value = self.kwargs[match[1]]
        return "" if value is None else str(value)


def format_string(_template: str, **kwargs: str) -> str:
    """Return a text with its placeholders ``{name}`` replaced."""
    return SafeFormatter(kwargs).format(_template)
