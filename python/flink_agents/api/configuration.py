"""Access to configuration. Values are plain: text, numbers, Booleans, lists of these, and enum constants."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Type


class ConfigOption:
    """A key with the type and the default of its value.

    Parameters
    ----------
    key
        The dotted key.
    config_type
        ``str``, ``int``, ``float``, ``bool``, ``list`` or an ``Enum`` class.
    default
        What is read when nothing is set; ``None`` if there is no default.
    """

    __slots__ = ("_default", "_key", "_type")

    def __init__(self, key: str, config_type: Type[Any], default: Any | None = None) -> None:
        self._key = key
        self._type = config_type
        self._default = default

    def get_key(self) -> str:
        """Return the dotted key."""
        return self._key

    def get_type(self) -> Type[Any]:
        """Return the class of the value."""
        return self._type

    def get_default_value(self) -> Any:
        """Return what is read when nothing is set."""
        return self._default

    def __repr__(self) -> str:
        return f"ConfigOption({self._key!r}, {self._type.__name__}, default={self._default!r})"


class WritableConfiguration(ABC):
    """Sets values. They win over those of Flink's configuration file."""

    @abstractmethod
    def set_str(self, key: str, value: str) -> None:
        """Set a text."""

    @abstractmethod
    def set_int(self, key: str, value: int) -> None:
        """Set an integer."""

    @abstractmethod
    def set_float(self, key: str, value: float) -> None:
        """Set a floating-point number."""

    @abstractmethod
    def set_bool(self, key: str, value: bool) -> None:
        """Set a Boolean."""

    @abstractmethod
    def set(self, option: ConfigOption, value: Any) -> None:
        """Set the value of an option. ``None`` is ignored if the option has a default.

        Raises
        ------
        TypeError
            If the value is not a plain one.
        """


class ReadableConfiguration(ABC):
    """Reads values. A value of another type than the asked one is converted by way of its text.

    Booleans are ``true`` and ``false`` in any case; other texts are a ``ValueError``, as are texts
    that are no number where one is asked for.
    """

    @abstractmethod
    def get_int(self, key: str, default: int | None = None) -> int:
        """Return the integer of a key, ``default`` if it is not set."""

    @abstractmethod
    def get_float(self, key: str, default: float | None = None) -> float:
        """Return the floating-point number of a key, ``default`` if it is not set."""

    @abstractmethod
    def get_bool(self, key: str, default: bool | None = None) -> bool:
        """Return the Boolean of a key, ``default`` if it is not set."""

    @abstractmethod
    def get_str(self, key: str, default: str | None = None) -> str:
        """Return the text of a key, ``default`` if it is not set."""

    @abstractmethod
    def get(self, option: ConfigOption) -> Any:
        """Return the value of an option, its default if it is not set."""


class Configuration(WritableConfiguration, ReadableConfiguration, ABC):
    """A configuration that can be read and written."""
