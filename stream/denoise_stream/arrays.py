"""Arrays that the whole package shares: their types, and what is done to signals of any shape or dtype."""

import sys
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Samples = NDArray[np.float64]

DOUBLE = np.dtype(np.float64)

ROOM = 4
"""Copy a kept part if its base array is more than this many times larger."""

LEAST_ROOM = 512
"""Room for this many samples of all channels, however few are kept, so that most short chunks need no new array."""

ONE_THREAD = 8192
"""Longest product that NumPy's OpenBLAS leaves to one thread. Waking others takes 0.1 to 1 ms beside busy processes."""


def detached(part: NDArray[Any]) -> NDArray[Any]:
    """Copy a part of an array that is kept, if it would keep a much larger array alive, such as a long chunk."""
    whole = part.base
    return part.copy() if whole is not None and whole.size > ROOM * part.size else part


class Backlog:
    """Samples ``(channels, n)`` that are kept for later, one after the other in an array with room for more.

    Attributes
    ----------
    length : int
        How many there are of each channel.
    """

    def __init__(self, channels: int) -> None:
        self._array: Samples = np.empty((channels, 0))
        self._first = 0
        self._least_room = LEAST_ROOM // channels  # a wide table would pay kilobytes for each column
        self.length = 0

    def add(self, samples: Samples) -> None:
        """Add a copy of the next samples."""
        count = samples.shape[1]
        if self._first + self.length + count > self._array.shape[1]:
            self._move(count)
        end = self._first + self.length
        self._array[:, end : end + count] = samples
        self.length += count

    def joined(self) -> Samples:
        """Return all samples in one array, which never changes."""
        return self._array[:, self._first : self._first + self.length]

    def take(self, count: int) -> Samples:
        """Return the oldest samples, and forget them."""
        oldest = self._array[:, self._first : self._first + count]
        self.drop(count)
        return oldest

    def drop(self, count: int) -> None:
        """Forget the oldest samples."""
        self._first += count
        self.length -= count
        if self._first > self._least_room + ROOM * self.length:  # a long chunk is over
            self._move()

    def _move(self, coming: int = 0) -> None:
        """Go on in a new array, with room for what is coming and as much as is kept: what was returned stays as it is.

        Parameters
        ----------
        coming
            Samples of each channel that are added next.
        """
        array = np.empty((len(self._array), 2 * self.length + coming + self._least_room))
        array[:, : self.length] = self.joined()
        self._array, self._first = array, 0

    def __getstate__(self) -> dict[str, Any]:
        """Return the samples without the room round them, which holds past ones and whatever was in memory."""
        return self.__dict__ | {"_array": self.joined(), "_first": 0}


def sum_of_squares(array: NDArray[Any]) -> float:
    """Return the sum of squares of floats. It is not finite if one of them is not, which makes it a fast check."""
    # vdot, unlike dot, does not warn of overflow: to suppress warnings takes longer than to sum a window.
    if array.size <= ONE_THREAD:
        return float(np.vdot(array, array))
    flat = array.reshape(-1)
    pieces = (flat[start : start + ONE_THREAD] for start in range(0, flat.size, ONE_THREAD))
    return sum(float(np.vdot(piece, piece)) for piece in pieces)


def as_dtype(samples: Samples, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round and clip samples to what a dtype holds."""
    if dtype == DOUBLE:
        return samples.copy()
    if dtype.kind == "f":
        real = np.finfo(dtype)
        if sum_of_squares(samples) < float(real.max):
            return samples.astype(dtype)
        return np.clip(samples, float(real.min), float(real.max)).astype(dtype)
    whole = np.iinfo(dtype)
    # The largest 64-bit integers are not float64 numbers; the largest one below them is.
    largest = float(whole.max) if whole.bits < 64 else float(np.nextafter(float(whole.max), 0.0))
    return np.clip(np.rint(samples), float(whole.min), largest).astype(dtype)


def as_signal(signal: ArrayLike) -> NDArray[Any]:
    """Return a signal as an array ``(n,)`` or ``(n, channels)`` of real numbers; masked values become NaN.

    Raises
    ------
    TypeError, ValueError
        If it does not hold real numbers, or has another shape.
    """
    if type(signal) is np.ndarray and signal.ndim == 1 and signal.dtype.kind in "fiu":  # most chunks
        return signal
    masked = sys.modules.get("numpy.ma")  # whoever passes a masked array has loaded it; another thread may be at it
    kind: Any = getattr(masked, "MaskedArray", ())
    if isinstance(signal, kind):
        signal = signal.astype(np.float64).filled(np.nan)
    array = np.asarray(signal)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"signal has dtype {array.dtype}; it must hold real numbers (float or integer)")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(f"signal has shape {array.shape}; it must be (n,) or (n, channels)")
    return array


def check_not_wide(array: NDArray[Any]) -> None:
    """Refuse a whole signal that has more channels than samples: it is most likely ``(channels, samples)``.

    Raises
    ------
    ValueError
        The sentence names the transposition, and how to say that the shape is right.
    """
    if array.ndim == 2 and 0 < array.shape[0] < array.shape[1]:
        samples, channels = array.shape
        raise ValueError(
            f"signal has shape {array.shape}, which is (samples, channels) here: {channels} channels of {samples} "
            f"samples; if it is (channels, samples), as librosa, torchaudio and pedalboard hold audio, pass axis=1 "
            "or signal.T; if it is right, pass axis=0"
        )
