"""Overlap-add: combine denoised windows into samples.

    y[n] = sum_k w[n - k H] d_k[n - k H] / sum_k w[n - k H]

This is the weighted mean of all windows that see a sample (overlap-add divided by the overlap-added
taper, Griffin & Lim 1984, eq. 6, with analysis window 1).
"""

import numpy as np

from denoise_stream.arrays import Samples, detached


def taper(window: int) -> Samples:
    """Return the weights of overlap-add, ``w[n] = sin^2(pi (n + 1/2) / W)``.

    A Hann taper shifted by half a sample: never zero, so the ends of a signal need no padding,
    and its copies shifted by W/2, W/3, W/5 ... sum to a constant.

    >>> weights = taper(150)
    >>> float(weights.min()) > 0
    True
    >>> np.ptp(weights[:75] + weights[75:]) < 1e-12
    np.True_
    """
    return np.asarray(np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2)


class OverlapAdd:
    """Add up tapered windows and return every sample once no later window can change it.

    Kept between calls: both sums of the equation over the ``window - hop`` samples that later windows still add to.
    """

    def __init__(self, window: int, hop: int, channels: int) -> None:
        self._window = window
        self._hop = hop
        self._channels = channels
        self._taper = taper(window)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next window starts at sample 0."""
        # One row per channel for the sum above the line, the last row for the one below it.
        self._sums: Samples = np.zeros((self._channels + 1, self._window - self._hop))

    def process(self, windows: Samples) -> Samples:
        """Take the next windows ``(count, channels, window)``; return ``count * hop`` finished samples.

        Returns
        -------
        float64 array ``(channels, count * hop)``.
        """
        done = len(windows) * self._hop
        sums = np.zeros((self._channels + 1, done + self._window - self._hop))
        sums[:, : self._sums.shape[1]] = self._sums
        for start, tapered in zip(range(0, done, self._hop), windows * self._taper, strict=True):
            sums[:-1, start : start + self._window] += tapered
            sums[-1, start : start + self._window] += self._taper
        self._sums = detached(sums[:, done:])
        return sums[:-1, :done] / sums[-1, :done]

    def flush(self, length: int) -> Samples:
        """Return the ``length`` samples after the last hop, at most ``window - hop``, and reset.

        Returns
        -------
        float64 array ``(channels, length)``.
        """
        finished = self._sums[:-1, :length] / self._sums[-1, :length]
        self.reset()
        return finished
