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

    A window is multiplied by its share of the sum below the line, which does not depend on the signal. Kept between
    calls: the sum over the ``window - hop`` samples that later windows still add to.
    """

    def __init__(self, window: int, hop: int, channels: int) -> None:
        self._window = window
        self._hop = hop
        self._channels = channels
        self._taper = taper(window)
        self._alike = -(-window // hop) - 1  # from this window on, all have the same shares
        self._below = np.zeros(self._alike * hop + 2 * window)
        for start in range(0, self._alike * hop + window, hop):
            self._below[start : start + window] += self._taper
        self._share: Samples = self._taper / self._below_window(self._alike)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next window starts at sample 0."""
        self._sum: Samples = np.zeros((self._channels, self._window - self._hop))
        self._number = 0  # of the next window, at most `_alike`

    def process(self, windows: Samples) -> Samples:
        """Take the next windows ``(count, channels, window)``; return ``count * hop`` finished samples.

        Returns
        -------
        float64 array ``(channels, count * hop)``.
        """
        done = len(windows) * self._hop
        total = np.zeros((self._channels, done + self._window - self._hop))
        total[:, : self._sum.shape[1]] = self._sum
        tapered = windows * self._next_shares(len(windows))
        for start, window in zip(range(0, done, self._hop), tapered, strict=True):
            total[:, start : start + self._window] += window
        self._sum = detached(total[:, done:])
        return total[:, :done]

    def flush(self, length: int) -> Samples:
        """Return the ``length`` samples after the last hop, at most ``window - hop``, and reset.

        Returns
        -------
        float64 array ``(channels, length)``.
        """
        present = np.zeros(self._window)
        for start in range(self._hop, (self._number + 1) * self._hop, self._hop):
            present[: self._window - start] += self._taper[start:]
        finished = self._sum[:, :length] * (self._below_window(self._number)[:length] / present[:length])
        self.reset()
        return finished

    def _next_shares(self, count: int) -> Samples:
        """Return the shares of the next windows, ``(window,)`` if they are alike or ``(count, 1, window)``."""
        if self._number == self._alike:
            return self._share
        numbers = [min(self._number + ahead, self._alike) for ahead in range(count)]
        self._number = min(self._number + count, self._alike)
        return np.stack([self._taper / self._below_window(number) for number in numbers])[:, None]

    def _below_window(self, number: int) -> Samples:
        """Return the sum below the line where a window lies."""
        return self._below[number * self._hop : number * self._hop + self._window]
