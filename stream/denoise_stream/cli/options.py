"""The parsed command line of ``denoise-stream``, as one object."""

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_stream.cli.tables import NAMES, stated_options
from denoise_stream.files.dialect.options import TableOptions
from denoise_stream.files.protocols import Reading
from denoise_stream.sensors.addresses import is_sensor

if TYPE_CHECKING:
    from denoise_stream.engine.settings import Settings


LIVE = ("mic", "monitor")
"""Inputs that are audio devices."""


def is_stream(name: str) -> bool:
    """Tell a pipe, an audio device or a sensor from a file."""
    return name in ("-", *LIVE) or is_sensor(name)


@dataclasses.dataclass(frozen=True)
class ArchiveOptions:
    """The values of the options for archives; the fields are named like the options."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    jobs: int | None
    shard: str | None
    dry_run: bool
    engine: str | None
    ray_address: str | None

    def check_alone(self, others: Mapping[str, object]) -> None:
        """Refuse, beside these options, others that are not None.

        Raises
        ------
        ValueError
            If one is given.
        """
        for name, value in others.items():
            if value is not None:
                raise ValueError(f"{name} applies to a single signal; it does not go with a folder, a pattern or a URL")

    def check_unused(self) -> None:
        """Refuse these options for a single file.

        Raises
        ------
        ValueError
            If one is given.
        """
        for name, value in vars(self).items():
            if value:
                raise ValueError(
                    f"--{name.replace('_', '-')} applies to a folder, a pattern or a URL, not a single signal"
                )


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of ``denoise-stream``; the fields are named like the command's parameters."""

    source: str
    sink: str | None
    model: str | None
    hop: int | None
    mix: float
    max_attenuation_db: float | None
    lookahead_samples: int | str | None
    notch_hz: float | None
    gate_db: float | None
    pipe_format: str | None
    rate: float | None
    channels: int | None
    columns: str | None
    series_column: str | None
    salvage: bool
    keep_peaks: bool
    max_columns: int
    device: str | None
    output_device: str | None
    virtual_mic: str | None
    latency: str | None
    duration: float | None
    reconnect: bool | None
    plot: Path | None
    listen: bool
    report: Path | None
    force: bool
    quiet: bool
    table: TableOptions
    many: ArchiveOptions

    @classmethod
    def from_command(cls, values: Mapping[str, Any]) -> "Options":
        """Sort a command's values into options of one signal, of tables and of many files.

        Raises
        ------
        ValueError
            If an option for tables is out of range.
        """
        many = {field.name for field in dataclasses.fields(ArchiveOptions)}
        return cls(
            **{name: value for name, value in values.items() if name not in many and name not in NAMES},
            table=stated_options(values, passes=is_stream(values["source"])),
            many=ArchiveOptions(**{name: values[name] for name in many}),
        )

    @property
    def settings(self) -> "Settings":
        """How to denoise: a file with the longest look-ahead, unless another one is stated."""
        from denoise_stream.engine.settings import Settings

        stated = Settings(
            self.hop, self.mix, self.max_attenuation_db, self.lookahead_samples, self.notch_hz, self.gate_db
        )
        return stated if is_stream(self.source) else stated.for_files()

    @property
    def reading(self) -> Reading:
        """How to read a file."""
        return Reading(
            column_names(self.columns), self.rate, self.series_column, self.table, self.salvage, self.max_columns
        )


def column_names(text: str | None) -> tuple[str, ...] | None:
    """Return the names that ``--columns`` lists, separated by commas, quoted like the cells of a table.

    >>> column_names('temp, "a,b"'), column_names(None)
    (('temp', 'a,b'), None)
    """
    if text is None:
        return None
    return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
