"""The parsed command line of ``denoise-evaluate``, in groups."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from denoise_stream import bundled_models
from denoise_stream.cli.options import column_names
from denoise_train.recordings.channels import is_recording


@dataclasses.dataclass(frozen=True)
class Signals:
    """Which signals are measured; the fields are named like the command's parameters."""

    clean: tuple[Path, ...]
    noise: tuple[str, ...]
    pairs: tuple[Path, Path] | None
    noisy: tuple[Path, ...]
    columns: str | None
    snr_db: tuple[float, ...] | None
    rate: float | None
    signals: int | None
    length: int | None
    seed: int

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """Names of the columns to take of tables; None for every one that is a signal."""
        return column_names(self.columns)

    @property
    def noise_kinds(self) -> tuple[str, ...]:
        """Kinds of synthetic noise among the values of ``--noise``."""
        from denoise_train.synthetic.noise import NOISE_KINDS

        return tuple(name for name in self.noise if name in NOISE_KINDS)

    @property
    def noise_files(self) -> tuple[Path, ...]:
        """Files and folders among the values of ``--noise``."""
        kinds = self.noise_kinds
        return tuple(Path(name) for name in self.noise if name not in kinds)


@dataclasses.dataclass(frozen=True)
class Speech:
    """What ``--speech`` compares with."""

    peers: tuple[str, ...]
    dnsmos: Path | None

    @property
    def peer_files(self) -> dict[str, Path]:
        """ONNX files of other programs by their names; a UsageError says which option is wrong."""
        if not self.peers:
            return {}
        from denoise_train.evaluation.speech.peers.registry import parse_peers

        try:
            return parse_peers(self.peers)
        except ValueError as error:
            raise click.UsageError(str(error)) from error


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What is written."""

    plot: Path | None
    panels: Path | None
    write: Path | None
    report: Path | None
    force: bool


@dataclasses.dataclass(frozen=True)
class Options:
    """All options.

    Attributes
    ----------
    model
        A bundled name or an ONNX file; None if a recording was given without a model.
    recording
        The recording to judge, if one was given in place of a model.
    stretch
        Factors of ``--stretch``.
    """

    model: str | None
    recording: Path | None
    stretch: tuple[float, ...] | None
    signals: Signals
    speech: Speech
    outputs: Outputs

    @classmethod
    def from_command(cls, values: Mapping[str, Any]) -> "Options":
        """Sort a command's values."""
        recording = recording_of(values)
        return cls(
            values["model"] if recording is not None else values["subject"],
            recording,
            values["stretch"],
            Signals(**_of(Signals, values)),
            Speech(**_of(Speech, values)),
            Outputs(**_of(Outputs, values)),
        )

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that are read, and must not be written to."""
        signals = self.signals
        return (
            *([Path(self.model)] if self.model else []),
            *([self.recording] if self.recording else []),
            *signals.clean,
            *signals.noise_files,
            *(signals.pairs or ()),
            *signals.noisy,
            *self.speech.peer_files.values(),
            *([self.speech.dnsmos] if self.speech.dnsmos else []),
        )


def recording_of(values: Mapping[str, Any]) -> Path | None:
    """Return the recording that was given in place of a model; None if a model was given."""
    path = Path(values["subject"])
    return path if values["subject"] not in bundled_models() and is_recording(path) else None


def _of(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for the fields of a dataclass."""
    return {field.name: values[field.name] for field in dataclasses.fields(kind)}
