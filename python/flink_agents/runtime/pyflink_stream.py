"""Records on their way through PyFlink to an agent and back: Python objects to bytes, and bytes to Python objects.

A record is the length of the key's text (4 bytes, least significant first), the key's text in UTF-8, and the record as
plain data; an output is plain data alone. Nothing is pickled. Both maps are fused by PyFlink with the maps beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyflink.common import Row
from pyflink.common.typeinfo import ExternalTypeInfo, RowTypeInfo, TypeInformation, Types
from pyflink.datastream import DataStream, KeySelector, MapFunction

if TYPE_CHECKING:
    from pyflink.datastream import RuntimeContext

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())


def encode_records(stream: DataStream, key_selector: KeySelector | Callable | None, agent_name: str) -> DataStream:
    """Turn records into bytes, each behind its key.

    Parameters
    ----------
    stream
        The records; if there is no selector, rows of a key and a record.
    key_selector
        Gives the key of a record.
    agent_name
        For messages.

    Raises
    ------
    TypeError
        If the selector cannot be sent to the cluster.
    """
    # Local classes travel as code: what is missing on the cluster is told by them, and not by unpickling them.

    class EncodeRecord(MapFunction):
        def open(self, runtime_context: RuntimeContext) -> None:
            self._key_text, self._encode = _core_functions(agent_name, "key_text", "encode")
            if isinstance(key_selector, KeySelector):
                key_selector.open(runtime_context)
                self._key = key_selector.get_key
            else:
                self._key = key_selector

        def close(self) -> None:
            if isinstance(key_selector, KeySelector):
                key_selector.close()

        def map(self, value: Any) -> bytes:
            if self._key is None:
                key, record = value
            else:
                key, record = self._key(value), value
            try:
                text = self._key_text(key).encode()
            except (TypeError, ValueError) as e:
                msg = f"Agent '{agent_name}' cannot take the record {record!r:.300} because of its key: {e}"
                raise type(e)(msg) from e
            try:
                return b"".join((len(text).to_bytes(4, "little"), text, self._encode(record, "input")))
            except (TypeError, ValueError) as e:
                msg = f"Agent '{agent_name}' cannot take the record {record!r:.300} with key {key!r:.100}: {e}"
                raise type(e)(msg) from e

    def _core_functions(agent: str, *names: str) -> tuple[Callable, ...]:
        try:
            from flink_agents import _core
        except ImportError as e:
            import sys

            msg = (
                f"Agent '{agent}' needs the package flink-agents in the Python of the TaskManager, {sys.executable}, "
                f"where it cannot be imported ({e}). Install the version of the client there, or name it in the file "
                "of -pyreq, or choose by -pyexec a Python that has it."
            )
            raise ImportError(msg) from e
        return tuple(getattr(_core, name) for name in names)

    try:
        encoded = stream.map(EncodeRecord(), output_type=BYTES)
    except Exception as e:
        if key_selector is None or "pickle" not in f"{type(e).__name__} {e}".lower():
            raise
        msg = (
            f"The key selector of agent '{agent_name}', {key_selector!r}, cannot be sent to the cluster: {e}. It may "
            "use only what can be pickled: no open files, sockets or locks, and nothing of the Flink environment."
        )
        raise TypeError(msg) from e
    return _beside(stream, encoded).name(f"encode for agent {agent_name}")


def decode_outputs(outputs: DataStream, output_type: TypeInformation | None, agent_name: str) -> DataStream:
    """Turn encoded outputs into objects.

    Parameters
    ----------
    outputs
        Plain data.
    output_type
        The type of the objects; if it is a row type, outputs that are dicts become rows. ``None`` pickles them.
    agent_name
        For messages.
    """
    fields = _row_fields(output_type)

    class DecodeOutput(MapFunction):
        def open(self, runtime_context: RuntimeContext) -> None:
            from flink_agents._core import decode

            self._decode = decode

        def map(self, value: bytes) -> Any:
            output = self._decode(value)
            if fields is None:
                return output
            return _to_row(output, fields)

    def _to_row(output: Any, fields: list[str]) -> Row:
        if isinstance(output, dict):
            if set(output) == set(fields):
                return Row(*(output[name] for name in fields))
            problem = f"has the fields {sorted(output)}"
        elif isinstance(output, (Row, list, tuple)):
            if len(output) == len(fields):
                return output if isinstance(output, Row) else Row(*output)
            problem = f"has {len(output)} values"
        elif len(fields) == 1:
            return Row(output)
        else:
            problem = f"is of type {type(output).__name__}"
        msg = (
            f"An output of agent '{agent_name}' {problem}, but output_type is a row of {list(fields)}: "
            f"{output!r:.300}. Give a dict with exactly these names, or a Row or list with as many values."
        )
        raise TypeError(msg)

    decoded = outputs.map(DecodeOutput(), output_type=output_type)
    return _beside(outputs, decoded).name(f"decode from agent {agent_name}")


def read_letters(lines: DataStream, agent_name: str) -> DataStream:
    """Turn dead letters, a line of JSON each, into dicts."""
    return _beside(lines, lines.map(json.loads)).name(f"dead letters of agent {agent_name}")


def _row_fields(output_type: TypeInformation | None) -> list[str] | None:
    """Names of the fields if the type is one of rows."""
    if isinstance(output_type, ExternalTypeInfo):
        output_type = output_type._type_info
    return list(output_type.get_field_names()) if isinstance(output_type, RowTypeInfo) else None


def _beside(stream: DataStream, mapped: DataStream) -> DataStream:
    """Give a map the parallelism of its input: with another one the records of a key would lose their order."""
    source = stream._j_data_stream.getTransformation()
    target = mapped._j_data_stream.getTransformation()
    target.setParallelism(source.getParallelism(), source.isParallelismConfigured())
    if source.getMaxParallelism() > 0:
        target.setMaxParallelism(source.getMaxParallelism())
    return mapped
