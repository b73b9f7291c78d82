"""The format of tables of text, for the registry."""

import contextlib
from pathlib import Path

from denoise_stream.files.protocols import Format, Reading
from denoise_stream.files.tables.sink import TableSink
from denoise_stream.files.tables.source import TableSource


def _create(source: TableSource, path: Path, sample_rate_hz: float | None, stack: contextlib.ExitStack) -> TableSink:
    return TableSink(source, stack.enter_context(path.open("wb")))


def _open(path: Path, reading: Reading) -> TableSource:
    return TableSource.open(path, reading)


TABLE = Format("table", (".csv", ".tsv"), _open, _create, in_pipes=True)
