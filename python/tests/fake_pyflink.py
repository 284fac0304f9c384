"""The few classes of PyFlink that the API meets, with the methods that it calls."""

import enum
import sys
import types

import pytest


class BasicType(enum.Enum):
    INT = "Integer"
    STRING = "String"


class BasicTypeInfo:
    def __init__(self, basic_type):
        self._basic_type = basic_type

    def __repr__(self):
        return self._basic_type.value


class RowTypeInfo:
    def __init__(self, field_types, field_names):
        self._types, self._names = field_types, field_names

    def get_field_names(self):
        return self._names

    def get_field_types(self):
        return self._types

    def __repr__(self):
        return f"RowTypeInfo({', '.join(f'{n}: {t}' for n, t in zip(self._names, self._types))})"


class Row:
    def __init__(self, *values, **named):
        self._values = list(named.values()) if named else list(values)
        if named:
            self._fields = list(named)

    def set_field_names(self, names):
        self._fields = list(names)

    def as_dict(self, recursive=False):
        if not hasattr(self, "_fields"):
            raise TypeError("Cannot convert a Row class into dict")
        return dict(zip(self._fields, self._values))

    def __iter__(self):
        return iter(self._values)

    def __eq__(self, other):
        return self.__dict__ == other.__dict__


@pytest.fixture
def pyflink(monkeypatch):
    """PyFlink, as far as the API meets it."""
    package = types.ModuleType("pyflink")
    common = types.ModuleType("pyflink.common")
    typeinfo = types.ModuleType("pyflink.common.typeinfo")
    made = types.ModuleType("pyflink.common.types")
    for module, names in ((typeinfo, (BasicType, BasicTypeInfo, RowTypeInfo)), (made, (Row,))):
        for cls in names:
            copy = type(cls.__name__, (cls,), {"__module__": module.__name__}) if cls is not BasicType else cls
            setattr(module, cls.__name__, copy)
            setattr(common, cls.__name__, copy)
    for module in (package, common, typeinfo, made):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return common
