"""Load recordings from files and folders, and draw crops of them."""

import contextlib
import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from denoise_stream import SourceError
from denoise_stream.errors import needs_extra
from denoise_stream.files.array_files import load_arrays
from denoise_stream.files.formats import ending_of, format_of, is_signal_file, open_file
from denoise_train.arrays import Array, standardize
from denoise_train.recordings.manifests import MANIFEST, speakers
from denoise_train.splits import TEST, TRAINING, VALIDATION

ARRAYS = frozenset({".npz", ".npy"})
"""Endings of files whose every array is a signal, or several side by side."""
LEAST_KNOWN = 0.5
"""Share of samples that must be there: a network would learn the straight lines that bridge the others."""

FILES_TO_SPLIT = 10
"""With at least so many files each belongs to one split; fewer are split in time."""


@dataclass(frozen=True)
class Recordings:
    """Real signals, each a float64 array ``(n,)`` without gaps.

    ``files`` holds for each signal the number of its file, and ``paths`` where that is; empty ``files`` mean that each
    signal has its own, empty ``paths`` that nothing is known of where they came from. ``notes`` say, in sentences, what
    was left out or assumed when they were read.
    """

    signals: Sequence[Array]
    files: Sequence[int] = ()
    paths: Sequence[Path] = ()
    notes: Sequence[str] = ()

    def in_folders(self, names: Sequence[str]) -> "tuple[Recordings, Recordings]":
        """Split into the signals of files below folders with these names, and all others."""
        inside = [bool(set(path.parent.parts) & set(names)) for path in self.paths] or [False] * len(self.signals)
        return self._those(inside), self._those([not known for known in inside])

    def every_other(self, first: int) -> "Recordings":
        """Keep every other signal, from the first or the second one on."""
        return self._those([number % 2 == first for number in range(len(self.signals))])

    def and_also(self, others: "Recordings") -> "Recordings":
        """Put recordings together."""
        return Recordings([*self.signals, *others.signals], [*self.files, *others.files], [*self.paths, *others.paths])

    def _those(self, chosen: Sequence[bool]) -> "Recordings":
        """Keep the signals that are marked."""
        return Recordings(
            list(itertools.compress(self.signals, chosen)),
            list(itertools.compress(self.files, chosen)),
            list(itertools.compress(self.paths, chosen)),
        )

    def part(self, split: int) -> "Recordings":
        """Return what belongs to training, validation or test; no two of them share a sample.

        Of 10 or more files every ninth and tenth are for validation and test. Fewer are cut in time: the first
        80 % of each signal for training, then 10 % each.

        Raises
        ------
        SourceError
            If the recordings are too short for that.
        """
        _, places = np.unique(self.files or range(len(self.signals)), return_inverse=True)
        if places.max(initial=-1) + 1 >= FILES_TO_SPLIT:
            split_of = {8: VALIDATION, 9: TEST}
            part = self._those([split_of.get(place % 10, TRAINING) == split for place in places.tolist()])
        else:
            start, stop = {TRAINING: (0, 8), VALIDATION: (8, 9), TEST: (9, 10)}[split]
            cut = [signal[len(signal) * start // 10 : len(signal) * stop // 10] for signal in self.signals]
            part = Recordings(cut, self.files, self.paths)._those([len(signal) > 0 for signal in cut])
        if not part.signals:
            raise SourceError(
                "the recordings are too short to be split into 80 % for training and 10 % each for validation and "
                "test; give one of 10 samples or more"
            )
        return part

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Array:
        """Draw standardized crops ``(count, length)``; longer recordings are drawn more often.

        A recording shorter than a crop is continued by reflection.
        """
        return standardize(self.crops(self.places(rng, count, length), length))

    def places(self, rng: np.random.Generator, count: int, length: int) -> list[tuple[int, int]]:
        """Draw where crops lie: the signal's index and the first sample of each."""
        sizes = np.array([len(signal) for signal in self.signals], dtype=np.float64)
        chosen = rng.choice(len(sizes), size=count, p=sizes / sizes.sum())
        return [(int(index), int(rng.integers(max(1, len(self.signals[index]) - length + 1)))) for index in chosen]

    def one(self, rng: np.random.Generator) -> Array:
        """Draw a speaker or sound, weighted by the square root of its total length, and then one recording of it.

        So neither many short recordings nor a few long ones dominate. Who speaks is known from a
        ``manifest.csv`` (:mod:`denoise_train.recordings.manifests`); without one each file counts by itself.
        """
        return self.signals[int(np.searchsorted(self._up_to, rng.random() * self._up_to[-1], side="right"))]

    @functools.cached_property
    def _up_to(self) -> Array:
        """Sum the chances up to each recording."""
        lengths = np.array([len(signal) for signal in self.signals], dtype=np.float64)
        if not self.paths:
            return np.cumsum(np.sqrt(lengths))
        _, group = np.unique(speakers(self.paths), return_inverse=True)
        return np.cumsum(lengths / np.sqrt(np.bincount(group, lengths)[group]))

    def crops(self, places: Sequence[tuple[int, int]], length: int) -> Array:
        """Cut out ``length`` samples at each place, as they are."""
        crops = np.empty((len(places), length))
        for row, (index, start) in enumerate(places):
            crop = self.signals[index][start : start + length]
            crops[row] = np.pad(crop, (0, length - len(crop)), mode="reflect") if len(crop) < length else crop
        return crops


def load_recordings(paths: Sequence[Path], rate_hz: float | None = None) -> Recordings:
    """Read every recording in the given files and folders.

    Parameters
    ----------
    paths
        Audio files, tables (every signal column of a CSV, TSV or Parquet file), ``.npz``/``.npy`` arrays (every numeric
        array of more than one sample), or folders that are searched for them. Missing values are bridged. A file that
        is named twice is read once: it would be in two of training, validation and test.
    rate_hz
        The rate that is wanted: audio of another one is resampled, and tables whose column of time says another one.
        Other tables and arrays are taken as they are. None means that all are.

    Returns
    -------
    The signals: every channel or column of which most samples, and at least two, are known.

    Raises
    ------
    SourceError
        If a path does not exist or cannot be read, a signal holds an infinity, or there is no signal at all.
    """
    signals: list[Array] = []
    files: list[int] = []
    where: list[Path] = []
    left_out = 0
    for path in {file.resolve(): file for file in find_files(paths)}.values():
        channels = read_channels(path, rate_hz)
        found = [signal for _, signal in channels if signal is not None]
        left_out += len(channels) - len(found)
        files += [files[-1] + 1 if files else 0] * len(found)
        where += [path] * len(found)
        signals += found
    if not signals:
        why = f": of {left_out} columns or channels most values are missing (NaN)" if left_out else ""
        raise SourceError(f"no signal found in {', '.join(str(path) for path in paths)}{why}")
    notes = [f"{left_out} are left out, as most of their values are missing (NaN)"] if left_out else []
    return Recordings(signals, files, where, [*notes, *_rate_notes(paths, rate_hz)])


def load_folders(paths: Sequence[Path], rate_hz: float | None = None) -> dict[str, Recordings]:
    """Read recordings as :func:`load_recordings` does, and keep those of each folder together, under its name."""
    folders: dict[str, list[Path]] = {}
    for path in {file.resolve(): file for file in find_files(paths)}.values():
        folders.setdefault(str(path.parent), []).append(path)
    return {name: load_recordings(files, rate_hz) for name, files in folders.items()}


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Find the recordings in files and folders; SourceError if a path does not exist or a folder holds none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            files = (file for file in path.rglob("*") if is_signal_file(file.name) or ending_of(file.name) in ARRAYS)
            inside = sorted(file for file in files if file.is_file() and file.name != MANIFEST)
            if not inside:
                raise SourceError(f"{path} holds no recording (audio, .csv, .tsv, .parquet, .npz, .npy)")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise SourceError(f"cannot read {path}: no such file or folder")
    return found


def read_channels(path: Path, rate_hz: float | None = None) -> list[tuple[str, Array | None]]:
    """Read every channel or column with its name, gaps bridged; None where most samples, or all but one, are missing.

    Channels of audio and columns of arrays have no name. What says that it has another rate than ``rate_hz`` is
    resampled. A SourceError says why a file cannot be read.
    """
    channels: list[tuple[str, Array | None]] = []
    for name, signal, found_hz in _read(path):
        if np.isinf(signal).any():
            raise SourceError(f"{path.name} holds an infinity; every sample must be finite")
        known = np.flatnonzero(~np.isnan(signal))
        enough = len(known) > max(1, LEAST_KNOWN * len(signal))
        bridged = np.interp(np.arange(len(signal)), known, signal[known]) if enough else None
        if bridged is not None and rate_hz and found_hz and rate_hz != found_hz:
            bridged = _resample(bridged, found_hz, rate_hz)
        channels.append((name, bridged))
    return channels


def all_columns(path: Path) -> set[str]:
    """Return the names of all columns of a table, signals or not; none of another file."""
    if format_of(path.name).kind != "table":
        return set()
    with contextlib.closing(open_file(path)) as source:
        return set(getattr(source, "all_column_names", ()))


def sample_rate_hz(path: Path) -> float | None:
    """Return the rate that a file says it was sampled at; None if it says none."""
    if ending_of(path.name) in ARRAYS:
        return None
    with contextlib.closing(open_file(path)) as source:
        return source.sample_rate_hz


def _rate_notes(paths: Sequence[Path], wanted_hz: float | None) -> Iterator[str]:
    """Say which files of recordings for one rate say no rate, or have a lower one."""
    if wanted_hz is None:
        return
    rates = [sample_rate_hz(path) for path in find_files(paths)]
    if unknown := rates.count(None):
        yield f"{unknown} files say no sample rate and are taken to have {wanted_hz:g} Hz"
    if lower := [rate for rate in rates if rate is not None and rate < wanted_hz]:
        yield (
            f"{len(lower)} files have a lower rate than {wanted_hz:g} Hz (down to {min(lower):g} Hz); a network learns "
            f"that nothing is above {min(lower) / 2:g} Hz"
        )


def _resample(signal: Array, from_hz: float, to_hz: float) -> Array | None:
    """Resample, as steeply as a file's length allows; None if fewer than two samples are left."""
    with needs_extra("resampling recordings", "evaluate"):
        import soxr

    resampled = np.asarray(soxr.resample(signal, from_hz, to_hz, "HQ"), dtype=np.float64)
    return resampled if len(resampled) > 1 else None


def _read(path: Path) -> Iterator[tuple[str, Array, float | None]]:
    """Return every channel of a file: its name, if it has one, an array ``(n,)``, and its rate, if the file says it."""
    if ending_of(path.name) in ARRAYS:
        for signal in _read_arrays(path):
            yield "", signal, None
        return
    with contextlib.closing(open_file(path)) as source:
        chunks = list(source)
        names: list[str] = getattr(source, "column_names", [])
        rate_hz = source.sample_rate_hz
    if chunks:
        signals = np.concatenate(chunks).T
        for name, signal in zip(names or [""] * len(signals), signals, strict=True):
            yield name, signal, rate_hz


def _read_arrays(path: Path) -> Iterator[Array]:
    try:
        arrays = load_arrays(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path.name} is not an array file: {error}") from error
    for array in arrays.values():
        if array.dtype.kind in "fiu" and array.ndim in (1, 2) and array.size > 1:
            yield from array.reshape(len(array), -1).T.astype(np.float64)
