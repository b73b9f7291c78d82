"""Recombine: denoised windows come in, finished samples go out.

    y[n] = sum_k w[n - k H] d_k[n - k H] / sum_k w[n - k H]

This is the weighted mean of all windows that see a sample (overlap-add divided by the overlap-added
taper, Griffin & Lim 1984, eq. 6, with analysis window 1).
"""

import numpy as np

from denoise_stream.windows import Samples


def taper(window: int) -> Samples:
    """Give the weights of overlap-add, ``w[n] = sin^2(pi (n + 1/2) / W)``.

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
    """Add up tapered windows and give out every sample once no later window can change it.

    Kept between calls: the ``window - hop`` samples that later windows still add to.
    """

    def __init__(self, window: int, hop: int, channels: int) -> None:
        self._window = window
        self._hop = hop
        self._channels = channels
        self._taper = taper(window)
        self._inverse_weights = 1.0 / _weights_of_hops(self._taper, hop)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next window starts at sample 0."""
        self._sum: Samples = np.zeros((self._channels, self._window - self._hop))
        self._count = 0

    def process(self, windows: Samples) -> Samples:
        """Take the next windows ``(count, channels, window)``; return ``count * hop`` finished samples.

        Returns
        -------
        float64 array ``(channels, count * hop)``.
        """
        count, hop = len(windows), self._hop
        done = count * hop
        total = np.zeros((self._channels, done + self._window - hop))
        total[:, : self._sum.shape[1]] = self._sum
        tapered = windows * self._taper
        for index in range(count):
            start = index * hop
            total[:, start : start + self._window] += tapered[index]
        finished = total[:, :done].reshape(self._channels, count, hop)
        finished *= self._inverse_weights_from(self._count, count)
        self._sum = total[:, done:]
        self._count += count
        return np.asarray(finished.reshape(self._channels, done))

    def _inverse_weights_from(self, first: int, count: int) -> Samples:
        """Give the inverse sums of tapers over hops ``first`` to ``first + count``, or one row for all."""
        settled = len(self._inverse_weights) - 1
        if first >= settled:
            return self._inverse_weights[-1:]
        return self._inverse_weights[np.minimum(np.arange(first, first + count), settled)]

    def flush(self, length: int) -> Samples:
        """Give out the ``length`` samples behind the last hop and reset.

        Returns
        -------
        float64 array ``(channels, length)``, ``length`` at most ``window - hop``.
        """
        weights = np.zeros(self._window - self._hop)
        for back in range(min(self._count, -(-self._window // self._hop))):
            start = (back + 1) * self._hop
            weights[: max(0, self._window - start)] += self._taper[start:]
        finished = self._sum[:, :length] / weights[:length] if length else self._sum[:, :0]
        self.reset()
        return finished


def _weights_of_hops(weights: Samples, hop: int) -> Samples:
    """Sum the shifted tapers over each of the first hops ``(ceil(W / H), hop)``; the last row repeats."""
    window = len(weights)
    overlaps = -(-window // hop)
    padded = np.zeros(overlaps * hop)
    padded[:window] = weights
    # Hop j is seen by window j (its first hop samples), window j - 1 (the next ones), and so on.
    return np.cumsum(padded.reshape(overlaps, hop), axis=0)
