"""Load recordings from files and folders, and draw crops of them."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from denoise_stream import SourceError
from denoise_train.arrays import Array, standardize
from denoise_train.recordings.channels import find_files, is_table, read_channels, sample_rate_hz
from denoise_train.recordings.manifests import speakers
from denoise_train.recordings.origins import Crop, Origin
from denoise_train.splits import TEST, TRAINING, VALIDATION

FILES_TO_SPLIT = 10
"""With this many files or more, each belongs to one split; fewer are split in time."""


@dataclass(frozen=True)
class Recordings:
    """Real signals, each a float64 array ``(n,)`` without gaps.

    ``files`` holds the number of each signal's file, and ``paths`` the file's path; empty ``files`` mean that each
    signal has its own, empty ``paths`` and ``origins`` that these are unknown. ``notes`` say, in sentences, what was
    left out or assumed when they were read.
    """

    signals: Sequence[Array]
    files: Sequence[int] = ()
    paths: Sequence[Path] = ()
    notes: Sequence[str] = ()
    origins: Sequence[Origin] = ()

    @property
    def file_count(self) -> int:
        """Number of files that they come from."""
        return len(set(self.files)) or len(self.signals)

    def in_folders(self, names: Sequence[str]) -> "tuple[Recordings, Recordings]":
        """Split into the signals of files below folders with these names, and all others."""
        inside = [bool(set(path.parent.parts) & set(names)) for path in self.paths] or [False] * len(self.signals)
        return self._those(inside), self._those([not known for known in inside])

    def every_other(self, first: int) -> "Recordings":
        """Keep every other signal, from the first or the second one on."""
        return self._those([number % 2 == first for number in range(len(self.signals))])

    def and_also(self, others: "Recordings") -> "Recordings":
        """Concatenate recordings."""
        return Recordings(
            [*self.signals, *others.signals],
            [*self.files, *others.files],
            [*self.paths, *others.paths],
            origins=[*self.origins, *others.origins],
        )

    def _those(self, chosen: Sequence[bool]) -> "Recordings":
        """Keep the signals where the mask is true."""
        return Recordings(
            list(itertools.compress(self.signals, chosen)),
            list(itertools.compress(self.files, chosen)),
            list(itertools.compress(self.paths, chosen)),
            origins=list(itertools.compress(self.origins, chosen)),
        )

    def part(self, split: int) -> "Recordings":
        """Return the part for training, validation or test; no two parts share a sample.

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
            first = [len(signal) * start // 10 for signal in self.signals]
            cut = [signal[begin : len(signal) * stop // 10] for begin, signal in zip(first, self.signals, strict=True)]
            origins = [origin.after(begin) for begin, origin in zip(first, self.origins, strict=False)]
            part = Recordings(cut, self.files, self.paths, origins=origins)._those([len(signal) > 0 for signal in cut])
        if not part.signals:
            raise SourceError(
                "the recordings are too short to be split into 80 % for training and 10 % each for validation and "
                "test; give one of 10 samples or more"
            )
        return part

    def above(self, cycles: float) -> "Recordings":
        """Take what is slower than this frequency out of every signal, without shifting the rest.

        A Butterworth high-pass of second order, forward and backward, which spares the ST segments of an ECG: P.
        Kligfield and others: Recommendations for the standardization and interpretation of the electrocardiogram,
        Circulation 115, 2007.

        Parameters
        ----------
        cycles
            Where the gain is -6 dB, in cycles per sample, below 0.5.
        """
        from scipy import signal as scipy_signal  # in an extra, which the programs start without

        sections = scipy_signal.butter(2, 2 * cycles, "highpass", output="sos")
        longest = 3 * round(1 / cycles)  # reflected at both ends, so that the filter begins and ends settled
        signals = [scipy_signal.sosfiltfilt(sections, one, padlen=min(longest, len(one) - 1)) for one in self.signals]
        return replace(self, signals=signals)

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Array:
        """Draw standardized crops ``(count, length)``; longer recordings are drawn more often.

        A recording shorter than a crop is continued by reflection.
        """
        return self.draw_crops(rng, count, length)[0]

    def draw_crops(self, rng: np.random.Generator, count: int, length: int) -> tuple[Array, list[Crop]]:
        """Draw as :meth:`draw` does, and tell where each crop comes from."""
        places = self.places(rng, count, length)
        crops = self.crops(places, length)
        scales = zip(self.origins_of(places), crops.mean(axis=1).tolist(), crops.std(axis=1).tolist(), strict=True)
        return standardize(crops), [Crop(*scale) for scale in scales]

    def origins_of(self, places: Sequence[tuple[int, int]]) -> list[Origin]:
        """Return where the crops at these places come from."""
        known = self.origins or [Origin()] * len(self.signals)
        return [known[index].after(start) for index, start in places]

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
        """Return the cumulative probabilities of the recordings."""
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


def load_recordings(
    paths: Sequence[Path], rate_hz: float | None = None, columns: Sequence[str] | None = None
) -> Recordings:
    """Read every recording in the given files and folders.

    Parameters
    ----------
    paths
        Audio files, tables (every signal column of a CSV, TSV or Parquet file), ``.npz``/``.npy`` arrays (every numeric
        array of more than one sample), or folders that are searched for them. Missing values are bridged. A file that
        is named twice is read once, as its copies could land in different splits.
    rate_hz
        The rate that is wanted: audio of another one is resampled, and tables whose column of time says another one.
        Other tables and arrays are taken as they are. None means that all are.
    columns
        Names of the columns to take of tables; None means every column that is a signal.

    Returns
    -------
    The signals: every channel or column of which most samples, and at least two, are known.

    Raises
    ------
    SourceError
        If a path does not exist or cannot be read, a signal holds an infinity, a table has no such column, or there is
        no signal at all.
    """
    signals: list[Array] = []
    files: list[int] = []
    where: list[Path] = []
    origins: list[Origin] = []
    left_out = 0
    found = list({file.resolve(): file for file in find_files(paths)}.values())
    if columns and not any(map(is_table, found)):
        raise SourceError(f"--columns names columns of tables, but {found[0].name} is not one; leave it out")
    for path in found:
        channels = read_channels(path, rate_hz, columns)
        number = files[-1] + 1 if files else 0
        for index, channel in enumerate(channels):
            if channel.samples is None:
                left_out += 1
                continue
            several = f", channel {index + 1}" if len(channels) > 1 else ""
            column = f", {channel.quantity}" if channel.name else several
            signals.append(channel.samples)
            files.append(number)
            where.append(path)
            origins.append(Origin(f"{path.name}{column}", channel.unit, channel.rate_hz))
    if not signals:
        why = f": of {left_out} columns or channels most values are missing (NaN)" if left_out else ""
        raise SourceError(f"no signal found in {', '.join(str(path) for path in paths)}{why}")
    notes = [f"{left_out} are left out, as most of their values are missing (NaN)"] if left_out else []
    return Recordings(signals, files, where, [*notes, *_rate_notes(paths, rate_hz, columns)], origins)


def load_folders(paths: Sequence[Path], rate_hz: float | None = None) -> dict[str, Recordings]:
    """Read recordings as :func:`load_recordings` does, grouped by folder."""
    folders: dict[str, list[Path]] = {}
    for path in {file.resolve(): file for file in find_files(paths)}.values():
        folders.setdefault(str(path.parent), []).append(path)
    return {name: load_recordings(files, rate_hz) for name, files in folders.items()}


def _rate_notes(paths: Sequence[Path], wanted_hz: float | None, columns: Sequence[str] | None) -> Iterator[str]:
    """Describe which files state no rate, or a lower one than wanted."""
    if wanted_hz is None:
        return
    rates = [sample_rate_hz(path, columns) for path in find_files(paths)]
    if unknown := rates.count(None):
        yield f"{unknown} files state no sample rate and are taken to have {wanted_hz:g} Hz"
    if lower := [rate for rate in rates if rate is not None and rate < wanted_hz]:
        yield (
            f"{len(lower)} files have a lower rate than {wanted_hz:g} Hz (down to {min(lower):g} Hz); a network learns "
            f"that nothing is above {min(lower) / 2:g} Hz"
        )
