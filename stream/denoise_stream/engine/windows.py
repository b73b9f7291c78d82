"""Cut a signal into windows, and normalize them for the network.

Inside the engine samples are float64 ``(channels, n)`` and windows ``(count, channels, window)``.
"""

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import Samples, detached


class WindowCutter:
    """Cut a chunked signal into windows that start every ``hop`` samples from sample 0.

    Kept between calls: at most ``window`` past samples and the not yet covered ones.
    """

    def __init__(self, window: int, hop: int, channels: int) -> None:
        self._window = window
        self._hop = hop
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._kept: Samples = np.empty((self._channels, 0))
        self._next = 0  # where the next window starts, counted from the first kept sample

    def process(self, samples: Samples) -> Samples:
        """Take the next samples ``(channels, n)``; return the windows that are ready.

        Returns
        -------
        View ``(count, channels, window)``, not to be written to; ``count`` may be 0.
        """
        kept = self._kept = np.concatenate((self._kept, samples), axis=1)
        beyond = kept.shape[1] - self._window
        count = (beyond - self._next) // self._hop + 1
        if count <= 0:
            return np.empty((0, self._channels, self._window))
        first = kept[:, self._next : self._next + self._window]
        windows = first[None] if count == 1 else self._view(kept[:, self._next :], count)
        # The last `window` samples stay: flush() may need them to reflect the end.
        self._kept = detached(kept[:, beyond:])
        self._next += count * self._hop - beyond
        return windows

    def _view(self, samples: Samples, count: int) -> Samples:
        """Show overlapping windows without copying them."""
        return np.lib.stride_tricks.as_strided(
            samples,
            shape=(count, self._channels, self._window),
            strides=(self._hop * samples.strides[1], *samples.strides),
            writeable=False,
        )

    def flush(self) -> tuple[Samples, int]:
        """End the signal: reflect its end just far enough for a last window, and reset.

        Returns
        -------
        windows, tail
            The last window ``(1, channels, window)``, or ``(0, channels, window)`` when all is
            covered already, and the number of samples not yet finished by full hops.
        """
        kept, start = self._kept, self._next
        self.reset()
        total = kept.shape[1]
        covered = start - self._hop + self._window if start else 0
        if covered >= total:
            return np.empty((0, self._channels, self._window)), total - start
        missing = start + self._window - total
        extended = np.pad(kept, ((0, 0), (0, missing)), mode="reflect")
        return extended[None, :, start:], total - start


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
    minimum = np.minimum.reduce(windows, axis=1, keepdims=True)
    span = np.maximum.reduce(windows, axis=1, keepdims=True) - minimum
    scaled = windows - minimum
    scaled /= span if span.all() else np.where(span > 0, span, 1.0)
    return scaled.astype(np.float32), minimum, span


def denormalize(scaled: NDArray[np.float32], minimum: Samples, span: Samples) -> Samples:
    """Undo :func:`normalize`; a window with span 0 comes back as its constant."""
    windows = scaled * span
    windows += minimum
    return windows
