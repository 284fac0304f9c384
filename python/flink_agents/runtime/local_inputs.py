"""Reads the inputs of the environment without Flink: dicts with a key and a record."""

from __future__ import annotations

from typing import Any

_KEYS = frozenset(("key", "k"))
_VALUES = frozenset(("value", "v"))


class InputReader:
    """Takes elements apart; those without key get their index as key.

    Parameters
    ----------
    source
        The method that the user called, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.count = 0
        # Two flags, not sets of keys: a source may be without end.
        self._integers = False
        self._numbered = False

    def read(self, element: Any) -> tuple[Any, Any]:
        """Return key and record of the next element.

        Raises
        ------
        TypeError, ValueError
            If it is none; the message names its index.
        """
        index = self.count
        self.count += 1
        if element.__class__ is dict and len(element) == 2:
            # Nearly all are like this.
            try:
                key, value = element["key"], element["value"]
            except KeyError:
                key, value = self._take(element, index)
            else:
                if not self._integers:
                    self._given(key)
            return key, value
        return self._take(element, index)

    def where(self) -> str:
        """Name the element that was read last."""
        return f"{self._source}: element {self.count - 1} (from 0)"

    def _take(self, element: Any, index: int) -> tuple[Any, Any]:
        if not isinstance(element, dict):
            msg = (
                f"{self.where()} is a value of type '{type(element).__name__}' instead of a dict, such as "
                '{"key": "user-1", "value": 42}'
            )
            raise TypeError(msg)
        key_name = self._name(element, _KEYS)
        value_name = self._name(element, _VALUES)
        if value_name is None:
            msg = f'{self.where()} has no "value" (or "v"); it has {list(element)}'
            raise ValueError(msg)
        if len(element) > (1 if key_name is None else 2):
            msg = f"{self.where()} has entries that mean nothing here: {list(element)}. Known are key or k, value or v"
            raise ValueError(msg)
        if key_name is not None:
            self._given(element[key_name])
            return element[key_name], element[value_name]
        self._numbered = True
        self._check_distinct()
        return index, element[value_name]

    def _given(self, key: Any) -> None:
        if isinstance(key, int) and not isinstance(key, bool):
            self._integers = True
            self._check_distinct()

    def _check_distinct(self) -> None:
        if self._integers and self._numbered:
            msg = (
                f"{self.where()}: elements without key have their index as key, which could be the integer key of "
                "another element: give all elements a key, or none"
            )
            raise ValueError(msg)

    def _name(self, element: dict[Any, Any], names: frozenset[str]) -> str | None:
        found = [name for name in element if isinstance(name, str) and name in names]
        if len(found) > 1:
            msg = f"{self.where()} has both of {found}, which mean the same: leave one out"
            raise ValueError(msg)
        return found[0] if found else None
