"""Read every signal of a file: its samples without gaps, its name, rate and unit."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from denoise_stream import SourceError
from denoise_stream.errors import needs_extra
from denoise_stream.files.array_files import load_arrays
from denoise_stream.files.dialect.options import TableOptions
from denoise_stream.files.formats import ending_of, format_of, is_signal_file, open_file
from denoise_stream.files.protocols import Reading
from denoise_train.arrays import Array
from denoise_train.recordings.manifests import MANIFEST

ARRAYS = frozenset({".npz", ".npy"})
"""Endings of files whose every array is a signal, or several side by side."""

LEAST_KNOWN = 0.5
"""Least share of known samples: a network would learn the straight lines that bridge the gaps."""

RATE_KEYS, UNIT_KEYS = ("fs_hz", "sample_rate_hz", "fs", "rate"), ("units", "unit")
"""Names of the arrays of an ``.npz`` that state a rate in Hz and a unit; a rate is stated by a single number."""

MENDED_BY_HAND = TableOptions(way_out="mend that row or delete it")
"""How tables are read: what is in doubt stops, as these programs have no options for it."""

_STATED_UNIT = re.compile(r"\s*[(\[]\s*([^()\[\]]{1,15}?)\s*[)\]]\s*$")
_UNIT_SUFFIX = re.compile(r"_(mV|uV|V|mA|A|Pa|kPa|hPa|bar|mmHg|degC|Hz|g|mg|rpm|mm|um|kW|W)$")


@dataclass(frozen=True)
class Channel:
    """One signal of a file.

    Attributes
    ----------
    name
        Of the column or array; empty for channels of audio.
    samples
        float64 array ``(n,)``, gaps bridged; None where most samples, or all but one, are missing.
    rate_hz
        Its sample rate, if the file says one.
    unit
        Unit of its samples, empty if the file does not state it.
    """

    name: str
    samples: Array | None
    rate_hz: float | None = None
    unit: str = ""

    @property
    def quantity(self) -> str:
        """The name without the unit that it may state."""
        return split_unit(self.name)[0]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Find the recordings in files and folders; SourceError if a path does not exist or a folder holds none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            files = (file for file in path.rglob("*") if is_recording(file))
            inside = sorted(file for file in files if file.is_file() and file.name != MANIFEST)
            if not inside:
                raise SourceError(f"{path} holds no recording (audio, .csv, .tsv, .parquet, .npz, .npy)")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise SourceError(f"cannot read {path}: no such file or folder")
    return found


def is_recording(path: Path) -> bool:
    """Tell by its name whether a file holds signals or arrays of them."""
    return is_signal_file(path.name) or ending_of(path.name) in ARRAYS


def read_channels(path: Path, rate_hz: float | None = None, columns: Sequence[str] | None = None) -> list[Channel]:
    """Read every channel or column of a file, gaps bridged.

    Parameters
    ----------
    path
        Audio, a table, or arrays.
    rate_hz
        The wanted rate: signals that state another one are resampled. None takes all as they are.
    columns
        Names of a table's columns to read; None reads every column that is a signal. Other files have none.

    Raises
    ------
    SourceError
        If the file cannot be read, a column is not there, or a sample is an infinity.
    """
    channels: list[Channel] = []
    for channel in _read(path, columns):
        signal = channel.samples
        assert signal is not None
        if np.isinf(signal).any():
            raise SourceError(f"{path.name} holds an infinity; every sample must be finite")
        known = np.flatnonzero(~np.isnan(signal))
        enough = len(known) > max(1, LEAST_KNOWN * len(signal))
        bridged = np.interp(np.arange(len(signal)), known, signal[known]) if enough else None
        found_hz = channel.rate_hz
        if bridged is not None and rate_hz and found_hz and rate_hz != found_hz:
            bridged, found_hz = _resample(bridged, found_hz, rate_hz), rate_hz
        channels.append(Channel(channel.name, bridged, found_hz, channel.unit))
    return channels


def all_columns(path: Path) -> set[str]:
    """Return the names of all columns of a table, signals or not; none of another file."""
    if not is_table(path):
        return set()
    with contextlib.closing(open_file(path, _reading(path, None))) as source:
        return set(getattr(source, "all_column_names", ()))


def is_table(path: Path) -> bool:
    """Tell by its name whether a file is a table."""
    return format_of(path.name).kind == "table"


def sample_rate_hz(path: Path, columns: Sequence[str] | None = None) -> float | None:
    """Return the sample rate that a file states, an array file by an array of its own; None if it states none."""
    if ending_of(path.name) in ARRAYS:
        return next((channel.rate_hz for channel in _read(path, None) if channel.rate_hz), None)
    with contextlib.closing(open_file(path, _reading(path, columns))) as source:
        return source.sample_rate_hz


def _reading(path: Path, columns: Sequence[str] | None) -> Reading:
    """Return how to read a file; only tables have columns to choose."""
    return Reading(tuple(columns) if columns and is_table(path) else None, table=MENDED_BY_HAND)


def split_unit(name: str) -> tuple[str, str]:
    """Split the name of a column or array into the name and the unit that it states.

    >>> split_unit("temp (°C)"), split_unit("signal_mV"), split_unit("load [%]"), split_unit("value")
    (('temp', '°C'), ('signal', 'mV'), ('load', '%'), ('value', ''))
    """
    found = _STATED_UNIT.search(name) or _UNIT_SUFFIX.search(name)
    return (name[: found.start()], found[1]) if found and found.start() else (name, "")


def _resample(signal: Array, from_hz: float, to_hz: float) -> Array | None:
    """Resample, as steeply as a file's length allows; None if fewer than two samples are left."""
    with needs_extra("resampling recordings", "evaluate"):
        import soxr

    resampled = np.asarray(soxr.resample(signal, from_hz, to_hz, "HQ"), dtype=np.float64)
    return resampled if len(resampled) > 1 else None


def _read(path: Path, columns: Sequence[str] | None) -> Iterator[Channel]:
    """Yield every channel of a file as it is, gaps as NaN."""
    if ending_of(path.name) in ARRAYS:
        yield from _read_arrays(path)
        return
    with contextlib.closing(open_file(path, _reading(path, columns))) as source:
        chunks = list(source)
        names: Sequence[str] = getattr(source, "column_names", ())
        units: Sequence[str] = getattr(source, "column_units", ())
        rate_hz = source.sample_rate_hz
    if chunks:
        signals = np.concatenate(chunks).T
        blank = [""] * len(signals)
        for name, unit, signal in zip(names or blank, units or blank, signals, strict=True):
            yield Channel(name, signal, rate_hz, unit.strip(" ()[]") or split_unit(name)[1])


def _read_arrays(path: Path) -> Iterator[Channel]:
    try:
        arrays = load_arrays(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path.name} is not an array file: {error}") from error
    rate_hz = next((float(arrays[key]) for key in RATE_KEYS if key in arrays and _is_number(arrays[key])), None)
    unit = next((str(arrays[key]) for key in UNIT_KEYS if key in arrays and arrays[key].shape == ()), "")
    for name, array in arrays.items():
        if array.dtype.kind in "fiu" and array.ndim in (1, 2) and array.size > 1:
            for column in array.reshape(len(array), -1).T:
                yield Channel(name, column.astype(np.float64), rate_hz, unit or split_unit(name)[1])


def _is_number(array: np.ndarray) -> bool:
    return array.shape == () and array.dtype.kind in "fiu" and bool(array > 0)
