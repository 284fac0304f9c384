"""Text files as the ends of a Flink job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyflink.common import Encoder, WatermarkStrategy
from pyflink.datastream.connectors.file_system import FileSink, FileSource, StreamFormat

if TYPE_CHECKING:
    from pyflink.datastream import DataStream, StreamExecutionEnvironment


def read_lines(env: StreamExecutionEnvironment, file: Path, header: str) -> DataStream:
    """Read a file, a record a line, in the order of the lines and at parallelism 1.

    Parameters
    ----------
    env
        The Flink environment.
    file
        The file, as the TaskManagers see it.
    header
        How the first line begins, which is left out.
    """
    source = FileSource.for_record_stream_format(StreamFormat.text_line_format(), Path(file).resolve().as_uri()).build()
    lines = env.from_source(source, WatermarkStrategy.no_watermarks(), f"lines of {Path(file).name}")
    return lines.set_parallelism(1).filter(lambda line: not line.startswith(header)).set_parallelism(1)


def write_lines(lines: DataStream, directory: str | None = None) -> None:
    """Write a stream of text to a directory, whose files are complete when the job has ended, or print it."""
    if directory is None:
        lines.print()
        return
    # The sink finishes its files at a checkpoint.
    config = lines.get_execution_environment().get_checkpoint_config()
    if not config.is_checkpointing_enabled():
        lines.get_execution_environment().enable_checkpointing(10_000)
    place = directory if "://" in directory else Path(directory).resolve().as_uri()
    lines.sink_to(FileSink.for_row_format(place, Encoder.simple_string_encoder()).build()).name(f"files in {directory}")
