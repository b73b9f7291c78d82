"""Overlap-add: combine denoised windows into samples.

    y[n] = sum_k w[n - k H] d_k[n - k H] / sum_k w[n - k H]

This is the weighted mean of all windows that see a sample (overlap-add divided by the overlap-added
taper, Griffin & Lim 1984, eq. 6, with analysis window 1).
"""

import numpy as np

from denoise_stream.arrays import Samples


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

    Each window is multiplied by its taper over the denominator above, which does not depend on the signal. Kept between
    calls: the sum over the ``window - hop`` samples that later windows still add to.
    """

    def __init__(self, window: int, hop: int, channels: int) -> None:
        self._window = window
        self._hop = hop
        self._channels = channels
        self._taper = taper(window)
        self._steady = -(-window // hop) - 1  # from this window on, the denominators of all windows are the same
        self._denominator = np.zeros(self._steady * hop + 2 * window)
        for start in range(0, self._steady * hop + window, hop):
            self._denominator[start : start + window] += self._taper
        weights = self._taper / self._denominator_of(self._steady)
        # A row for each channel, though all are the same: NumPy multiplies equal shapes in half the time.
        self._steady_weights: Samples = np.tile(weights, (channels, 1))
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next window starts at sample 0."""
        # As long as a window, with zeros in its last hop, to which only the next one adds.
        self._sum: Samples = np.zeros((self._channels, self._window))
        self._next = 0  # number of the next window, at most `_steady`

    def process(self, windows: Samples) -> Samples:
        """Take the next windows ``(count, channels, window)``; return ``count * hop`` finished samples.

        Returns
        -------
        float64 array ``(channels, count * hop)``.
        """
        if len(windows) == 1 and self._next == self._steady:  # live
            only: Samples = windows[0] * self._steady_weights
            only += self._sum  # its zeros too: they turn -0.0 into 0.0, as those of `total` do below
            self._sum[:, : self._window - self._hop] = only[:, self._hop :]
            return only[:, : self._hop]
        weighted = (windows * self._next_weights(len(windows))).transpose(1, 0, 2)
        count, shares = len(windows), -(-self._window // self._hop)
        total = np.zeros((self._channels, count - 1 + shares, self._hop))  # in hops
        flat = total.reshape(self._channels, -1)
        flat[:, : self._window] = self._sum
        for share in reversed(range(shares)):  # of each window, so that earlier windows are added first
            part = weighted[:, :, share * self._hop : (share + 1) * self._hop]
            total[:, share : share + count, : part.shape[2]] += part
        done = count * self._hop
        self._sum[:, : self._window - self._hop] = flat[:, done : done + self._window - self._hop]
        return flat[:, :done]

    def flush(self, length: int) -> Samples:
        """Return the ``length`` samples after the last hop, at most ``window - hop``, and reset.

        Returns
        -------
        float64 array ``(channels, length)``.
        """
        tapers = np.zeros(self._window)  # of the windows that there were, without those that would have followed
        for start in range(self._hop, (self._next + 1) * self._hop, self._hop):
            tapers[: self._window - start] += self._taper[start:]
        finished = self._sum[:, :length] * (self._denominator_of(self._next)[:length] / tapers[:length])
        self.reset()
        return finished

    def _next_weights(self, count: int) -> Samples:
        """Return the weights of the next windows, ``(channels, window)`` if steady, or ``(count, 1, window)``."""
        if self._next == self._steady:
            return self._steady_weights
        numbers = [min(self._next + ahead, self._steady) for ahead in range(count)]
        self._next = min(self._next + count, self._steady)
        return np.stack([self._taper / self._denominator_of(number) for number in numbers])[:, None]

    def _denominator_of(self, number: int) -> Samples:
        """Return the denominator at the samples of a window."""
        return self._denominator[number * self._hop : number * self._hop + self._window]
