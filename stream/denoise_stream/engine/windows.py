"""Cut a signal into windows, and normalize them for the network.

Inside the engine samples are float64 ``(channels, n)`` and windows ``(count, channels, window)``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import Backlog, Samples

Scaling = tuple[Samples, Samples]
"""Minimum and range of windows, ``(rows, 1)``; of a single window without axes, which NumPy broadcasts faster."""


class Cut(NamedTuple):
    """Windows of a signal, and what of the signal surrounds them.

    Attributes
    ----------
    windows
        View ``(count, channels, window)``, not to be written to; ``count`` may be 0.
    signal
        Samples ``(channels, n)`` that hold the windows and what was asked for round them.
    first
        Where the first window starts in it.
    """

    windows: Samples
    signal: Samples
    first: int


class WindowCutter:
    """Cut a chunked signal into windows that start every ``hop`` samples from sample 0.

    Kept between calls: at most ``past_samples + window + lookahead_samples`` past samples and the not yet covered ones.

    Parameters
    ----------
    window, hop, channels
        The windows.
    past_samples
        How many samples before each window are handed out with it, if the signal has as many.
    lookahead_samples
        Samples after a window that must have arrived before it is ready, unless the signal ends.
    """

    def __init__(self, window: int, hop: int, channels: int, past_samples: int = 0, lookahead_samples: int = 0) -> None:
        self._window = window
        self._hop = hop
        self._channels = channels
        self._past_samples = past_samples
        self._reach = window + lookahead_samples
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._kept = Backlog(self._channels)
        self._next = 0  # where the next window starts, counted from the first kept sample
        self._begun = False

    def process(self, samples: Samples) -> Cut:
        """Take the next samples ``(channels, n)``; return the windows that are ready."""
        self._kept.add(samples)
        first, length = self._next, self._kept.length
        count = (length - self._reach - first) // self._hop + 1
        if count <= 0:
            return Cut(np.empty((0, self._channels, self._window)), samples, 0)
        self._begun = True
        signal = self._kept.joined()
        following = first + count * self._hop
        # The last `window` samples stay: flush() may need them to reflect the end.
        passed = min(following - self._past_samples, length - self._window)
        if passed > 0:
            self._kept.drop(passed)
            following -= passed
        self._next = following
        return Cut(self._view(signal, first, count), signal, first)

    def _view(self, samples: Samples, first: int, count: int) -> Samples:
        """Return a view of the overlapping windows."""
        if count == 0:
            return np.empty((0, self._channels, self._window))
        if count == 1:
            return samples[None, :, first : first + self._window]
        beginning = samples[:, first:]
        return np.lib.stride_tricks.as_strided(
            beginning,
            shape=(count, self._channels, self._window),
            strides=(self._hop * beginning.strides[1], *beginning.strides),
            writeable=False,
        )

    def flush(self) -> tuple[Cut, int]:
        """End the signal: reflect its end just far enough for a last window, and reset.

        Returns
        -------
        cut, tail
            The windows that waited for later samples, and the last one, with the signal as it was before the reflection
            (none if all samples are covered already); and the number of samples not yet finished by full hops.
        """
        kept, first, begun = self._kept.joined(), self._next, self._begun
        self.reset()
        total = kept.shape[1]
        count = max(0, (total - self._window - first) // self._hop + 1)
        last = first + count * self._hop
        covered = last - self._hop + self._window if count or begun else 0
        extended = kept
        if covered < total:
            extended = np.pad(kept, ((0, 0), (0, last + self._window - total)), mode="reflect")
            count += 1
        return Cut(self._view(extended, first, count), kept, first), total - first


def bridge_gaps(windows: Samples) -> Samples:
    """Replace missing values (NaN) by a line between their neighbours, held at the window's ends.

    Parameters
    ----------
    windows
        float64 ``(rows, window)``.

    Returns
    -------
    A new array without NaN; a row with no value at all becomes 0.
    """
    bridged = windows.copy()
    missing = np.isnan(windows)
    for row in np.flatnonzero(missing.any(axis=1)):
        gap = missing[row]
        known = np.flatnonzero(~gap)
        if known.size:
            bridged[row, gap] = np.interp(np.flatnonzero(gap), known, windows[row, known])
        else:
            bridged[row] = 0.0
    return bridged


def minimum_and_range(windows: Samples) -> Scaling:
    """Return the minimum and the range of each row, NaN where a value is missing."""
    if len(windows) == 1:  # live: to find where they are takes a third of the time
        row = windows[0]
        lowest: float = row.item(row.argmin())
        return np.array(lowest), np.array(row.item(row.argmax()) - lowest)
    minimum = np.minimum.reduce(windows, axis=1, keepdims=True)
    return minimum, np.maximum.reduce(windows, axis=1, keepdims=True) - minimum


def scale(windows: Samples, minimum: Samples, span: Samples) -> NDArray[np.float32]:
    """Scale windows to [0, 1] by what :func:`minimum_and_range` returned, in float64 until the last step."""
    scaled = windows - minimum
    scaled /= divisor_of(span)
    return scaled.astype(np.float32)


def normalize(windows: Samples) -> tuple[NDArray[np.float32], Samples, Samples]:
    """Scale each window to [0, 1] by its own minimum and range, in float64 until the last step.

    Parameters
    ----------
    windows
        float64 ``(rows, window)`` without NaN.

    Returns
    -------
    scaled, minimum, span
        float32 ``(rows, window)`` and float64 ``(rows, 1)`` twice. A constant window becomes 0 and
        has span 0.
    """
    minimum, span = minimum_and_range(windows)
    return scale(windows, minimum, span), np.reshape(minimum, (-1, 1)), np.reshape(span, (-1, 1))


def denormalize(scaled: NDArray[np.float32], minimum: Samples, span: Samples) -> Samples:
    """Undo :func:`scale`; a window with span 0 comes back as its constant."""
    windows = scaled.astype(np.float64)
    windows *= span
    windows += minimum
    return windows


def divisor_of(span: Samples) -> Samples:
    """Return what windows are divided by: their range, or 1 if it is 0."""
    return span if smallest(span) > 0 else np.where(span > 0, span, 1.0)


def smallest(numbers: Samples) -> float:
    """Return the smallest number, NaN if one is NaN; infinity if there is none."""
    return numbers.item() if numbers.size == 1 else float(np.minimum.reduce(numbers, axis=None, initial=np.inf))
