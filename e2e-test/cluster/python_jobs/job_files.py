"""Arguments, and the ends of the jobs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pyflink.common import Encoder
from pyflink.common.typeinfo import Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink, RollingPolicy

if TYPE_CHECKING:
    from pyflink.datastream import DataStream


def arguments() -> argparse.Namespace:
    """The arguments of a job."""
    parser = argparse.ArgumentParser()
    for name in ("data", "directory", "out", "release", "agent", "keys", "extra"):
        parser.add_argument(f"--{name}", default="")
    for name, default in (("parallelism", 1), ("count", 0), ("steps", 0), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args(sys.argv[1:])


def environment(parallelism: int) -> StreamExecutionEnvironment:
    """A Flink environment."""
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(parallelism)
    env.set_max_parallelism(64)
    return env


def spread(records: DataStream, key: str) -> DataStream:
    """Spread records of one subtask over all, those of a key in their order: agents run where their input does."""
    return records.key_by(lambda record: record[key], key_type=Types.STRING()).map(lambda record: record)


def write(lines: DataStream, directory: str) -> None:
    """Write lines of text; a file gets its final name when a checkpoint has covered it."""
    lines.sink_to(
        FileSink.for_row_format(directory, Encoder.simple_string_encoder())
        .with_rolling_policy(RollingPolicy.on_checkpoint_rolling_policy())
        .build()
    )
