"""Find isolated peaks that denoising would lower, and keep them on request.

A spike of one or a few samples is an impulse to one user and data to another, and nothing in the signal tells which.
"""

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.noise_level import NORMAL_MAD
from denoise_stream.runs.run import Stream

BLOCK = 150
"""Samples that are judged together, counted from the start of the signal."""

LONGEST = 5
"""A change that lasts longer is not an isolated peak."""

DEVIATIONS = 6.0
"""Robust standard deviations of what is removed in a block, beyond which a sample is a peak."""

LOST = 0.3
"""Share of its height above the block's median that a peak must lose."""


def isolated_peaks(noisy: Chunk, denoised: Chunk) -> NDArray[np.bool_]:
    """Find the samples of isolated peaks that were lowered, block by block.

    A peak stands out of what is removed around it, is short, and loses a good part of its height. The signals are cut
    into blocks of ``BLOCK`` samples, the last one may be shorter; blocks know nothing of each other.

    Parameters
    ----------
    noisy, denoised
        Both signals, float64 ``(n, channels)``, missing values as NaN.

    Returns
    -------
    Boolean array ``(n, channels)``.
    """
    whole = len(noisy) // BLOCK * BLOCK
    shape = (whole // BLOCK, BLOCK, noisy.shape[1])
    found = _in_blocks(noisy[:whole].reshape(shape), denoised[:whole].reshape(shape)).reshape(whole, noisy.shape[1])
    if whole == len(noisy):
        return found
    return np.concatenate((found, _in_blocks(noisy[None, whole:], denoised[None, whole:])[0]))


def _in_blocks(noisy: Chunk, denoised: Chunk) -> NDArray[np.bool_]:
    """Find the peaks of blocks ``(blocks, n, channels)``."""
    if not noisy.size:
        return np.zeros(noisy.shape, dtype=bool)
    with np.errstate(invalid="ignore", over="ignore"):
        removed = np.abs(noisy - denoised)
        removed[~np.isfinite(removed)] = 0.0
        known = np.isfinite(denoised)
        levels = np.where(known, denoised, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        heights = np.abs(noisy - levels[:, None])
        largest = np.where(np.isfinite(noisy), np.abs(noisy), 0.0).max(axis=1)
        scale = np.maximum(np.median(removed, axis=1) / NORMAL_MAD, 1e-9 * largest)
        far = (removed > DEVIATIONS * scale[:, None]) & (removed > LOST * heights)
    return _without_long_runs(far) if far.any() else far


def _without_long_runs(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take out runs of more than ``LONGEST`` marks along the middle axis."""
    rows = np.moveaxis(marked, 1, -1)
    edges = np.diff(np.pad(rows, ((0, 0), (0, 0), (1, 1))).astype(np.int8))
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    kept = marked.copy()
    for (block, channel, start), end in zip(starts, ends[:, 2], strict=True):
        if end - start > LONGEST:
            kept[block, start:end, channel] = False
    return kept


class PeakKeeper:
    """A stream that passes isolated peaks unchanged; the methods are those of the stream inside.

    Kept between calls: the input that the stream inside has not answered, and both signals of an unfinished block. A
    sample is given back when its block is complete, up to ``BLOCK`` samples later than without.
    """

    def __init__(self, stream: Stream) -> None:
        self.channels = stream.channels
        self.sample_rate_hz = stream.sample_rate_hz
        self.samples_out = 0
        self.kept_peaks = 0
        self._stream = stream
        self._noisy: Chunk = np.empty((0, stream.channels))
        self._denoised: Chunk = np.empty((0, stream.channels))

    @property
    def samples_in(self) -> int:
        """Samples taken so far."""
        return self._stream.samples_in

    @property
    def missing_samples(self) -> int:
        """Missing values so far."""
        return self._stream.missing_samples

    @property
    def failed_windows(self) -> int:
        """Windows that the network failed on, and that passed unchanged."""
        return self._stream.failed_windows

    @property
    def lookahead_samples(self) -> int:
        """Samples after a window that the model uses."""
        return self._stream.lookahead_samples

    @property
    def latency_samples(self) -> int:
        """Samples that come in until a sample is given back, itself included, at most."""
        return self._stream.latency_samples + BLOCK - 1

    def process(self, chunk: Chunk) -> Chunk:
        """Take the next samples ``(n, channels)``; return those of complete blocks."""
        self._noisy = np.concatenate((self._noisy, chunk.reshape(-1, self.channels)))
        return self._release(self._stream.process(chunk), last=False)

    def flush(self) -> Chunk:
        """Return all that is still inside."""
        return self._release(self._stream.flush(), last=True)

    def _release(self, denoised: Chunk, *, last: bool) -> Chunk:
        self._denoised = np.concatenate((self._denoised, denoised.reshape(-1, self.channels)))
        count = len(self._denoised) if last else len(self._denoised) // BLOCK * BLOCK
        noisy, ready = self._noisy[:count], self._denoised[:count].copy()
        self._noisy, self._denoised = self._noisy[count:].copy(), self._denoised[count:].copy()
        peaks = isolated_peaks(noisy, ready)
        ready[peaks] = noisy[peaks]
        self.kept_peaks += int(np.count_nonzero(peaks))
        self.samples_out += count
        return ready
