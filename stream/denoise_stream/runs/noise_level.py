"""Estimate the level of noise, whether it is white, and whether there is mains hum, without a clean signal.

Pure functions over the rows of float64 arrays ``(n, length)``, and a meter that sees a signal chunk by chunk.
"""

import math

import numpy as np

from denoise_stream.files.protocols import Chunk

NORMAL_MAD = 0.6745
"""Median of the absolute value of a standard normal variable."""

ORDERS = (2, 4, 8)
"""Orders of differences that cancel the signal and keep white noise: high for tones, low for many jumps."""

SHORTEST = 2 * ORDERS[-1]
LEAST_OF_THREE = 0.57
"""Relative bias of the smallest of three estimates, times sqrt(samples); measured on white noise."""

MAINS_HZ = (50, 60)
HUM_HARMONICS = 3
HUM_SEGMENT_S = 1.0
HUM_SIDE = 6
"""Bins of 1 Hz on either side of a harmonic that are looked at."""

HUM_LEAKAGE = 3
"""Bins on either side that a tone near the harmonic may reach through the Hann window; those beyond hold noise."""

HUM_CONTRAST = 8.0
"""A steady tone has more than this many times the mean power of the bins that hold noise."""

HUM_RATE_HZ = 400
"""Faster signals are averaged down to this rate or up to twice as much before the search for hum."""

HEAVY_TAILS = 1.25
"""Noise whose root mean square is more than so many times what its median tells comes in impulses or gusts."""


def noise_level(noisy: Chunk) -> Chunk:
    """Estimate the standard deviation of white noise in each row, without a clean signal.

    The median absolute value of differences of the second, fourth and eighth order, the least of the three: smooth
    signals vanish in them, and jumps and peaks are too few to move the median. Structure as fine as the noise counts
    as noise, and noise that hits fewer than half of the samples (impulses) is not seen.

    D. L. Donoho, I. M. Johnstone: Ideal spatial adaptation by wavelet shrinkage, Biometrika 81, 1994, with
    differences in place of the finest wavelet.

    Parameters
    ----------
    noisy
        float64 array ``(n, length)``, 16 samples or longer.

    Returns
    -------
    float64 array ``(n, 1)``.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.5, (1, 100_000))
    >>> noise_level(noise + np.sin(np.arange(100_000) / 20)).round(2)
    array([[0.5]])
    """
    levels = []
    for order in ORDERS:
        spread = np.median(np.abs(np.diff(noisy, order, axis=1)), axis=1, keepdims=True)
        # The squares of the difference's weights, the binomial coefficients, sum to this.
        levels.append(spread / NORMAL_MAD / math.sqrt(math.comb(2 * order, order)))
    return np.asarray(np.min(levels, axis=0)) / (1 - LEAST_OF_THREE / math.sqrt(noisy.shape[1]))


def level_ratio(noisy: Chunk) -> Chunk:
    """Compare the noise level at half the sample rate with that at the full rate.

    White noise has the same level at both, 1 in the mean. Found on ECG at 0 to 12 dB: white noise 1.0 to 1.05 in the
    median of crops, Laplacian to 1.1, pink 1.4, brown 2.1, impulses 2.6, hum of 60 Hz at 360 Hz 8.9. A signal with
    as much fine structure as the noise raises it too.

    Parameters
    ----------
    noisy
        float64 array ``(n, length)``, 32 samples or longer.

    Returns
    -------
    float64 array ``(n, 1)``; 1 where there is no noise.
    """
    level = noise_level(noisy)
    return np.divide(noise_level(at_half_rate(noisy)), level, out=np.ones_like(level), where=level > 0)


def at_half_rate(noisy: Chunk) -> Chunk:
    """Return ``(n, length // 2)``: the sums of neighbours over the square root of 2, which keep white noise's level."""
    whole = noisy.shape[1] // 2 * 2
    return np.asarray(noisy[:, :whole].reshape(len(noisy), -1, 2).mean(axis=2) * np.sqrt(2))


class HumMeter:
    """Measure steady tones at 50 and 60 Hz and their second and third harmonics, per channel.

    The power spectrum in bins of 1 Hz around each harmonic, averaged over segments of a second with a Hann window; a
    segment with a missing value is left out of its channel.

    Kept between calls: the sums of the running segment and of the samples that are averaged into one, and the power
    spectra so far.

    Parameters
    ----------
    channels
        Of the signal.
    sample_rate_hz
        Of the signal. Harmonics that it cannot hold are left out: below 113 Hz nothing is found.
    """

    def __init__(self, channels: int, sample_rate_hz: float) -> None:
        self._averaged = max(1, int(sample_rate_hz // HUM_RATE_HZ))
        rate_hz = sample_rate_hz / self._averaged
        self._segment = round(rate_hz * HUM_SEGMENT_S)
        self._tones = [
            (mains, mains * order)
            for mains in MAINS_HZ
            for order in range(1, HUM_HARMONICS + 1)
            if mains * order + HUM_SIDE < rate_hz / 2
        ]
        bins_hz = np.add.outer([tone for _, tone in self._tones], np.arange(-HUM_SIDE, HUM_SIDE + 1)).reshape(-1)
        window = np.hanning(self._segment + 1)[:-1] if self._tones else np.empty(0)
        angles = 2 * np.pi * np.outer(bins_hz, np.arange(len(window))) / rate_hz
        # Scaled so that the squares of the two sums add up to the power of a tone, including what averaging takes away.
        scale = math.sqrt(2) / max(window.sum(), 1.0) * np.sinc(bins_hz / sample_rate_hz) / np.sinc(bins_hz / rate_hz)
        self._waves = np.concatenate((np.cos(angles), np.sin(angles))) * window * np.tile(scale, 2)[:, None]
        self._part: Chunk = np.zeros((1, channels))
        self._in_part = 0
        self._origin: Chunk | None = None
        self._place = 0
        self._sums = np.zeros((len(self._waves), channels))
        self._powers = np.zeros((len(bins_hz), channels))
        self._segments = np.zeros(channels)

    def observe(self, samples: Chunk) -> None:
        """Look at the next samples ``(n, channels)``, missing values as NaN."""
        if not self._tones or not len(samples):
            return
        if self._origin is None:
            self._origin = np.nan_to_num(samples[:1])  # a large offset would leak into the bins
        with np.errstate(over="ignore", invalid="ignore"):
            averaged = self._average(samples - self._origin)
            while len(averaged):
                part, averaged = np.split(averaged, [self._segment - self._place])
                self._sums += self._waves[:, self._place : self._place + len(part)] @ part
                self._place += len(part)
                if self._place == self._segment:
                    self._end_segment()

    def _average(self, samples: Chunk) -> Chunk:
        """Return the means of the groups of samples that these complete."""
        count = len(samples)
        begins = np.arange(min(self._averaged - self._in_part, count), count, min(self._averaged, count))
        sums = np.add.reduceat(samples, np.concatenate(([0], begins)))
        sums[0] += self._part[0]
        self._in_part = (self._in_part + count) % self._averaged
        whole = len(sums) - (self._in_part > 0)
        self._part = sums[whole:].copy() if self._in_part else np.zeros_like(self._part)
        return sums[:whole] / self._averaged

    def strongest(self, channel: int) -> tuple[int, int, float]:
        """Return the mains frequency and that of its strongest steady tone, in Hz, and the power of that tone.

        The power is 0 if none stands out.
        """
        found = (0, 0, 0.0)
        if not self._tones:
            return found
        powers = self._powers[:, channel].reshape(len(self._tones), -1) / max(self._segments[channel], 1)
        for (mains, tone), bins in zip(self._tones, powers, strict=True):
            beside = np.concatenate((bins[: HUM_SIDE - HUM_LEAKAGE], bins[HUM_SIDE + HUM_LEAKAGE + 1 :])).mean()
            power = float(bins[HUM_SIDE])
            if power == bins.max() and power > HUM_CONTRAST * beside and power > found[2]:
                found = (mains, tone, power)
        return found

    def _end_segment(self) -> None:
        power = np.square(self._sums).reshape(2, -1, self._sums.shape[1]).sum(axis=0)
        known = np.isfinite(power).all(axis=0)
        self._powers += np.where(known, power, 0.0)
        self._segments += known
        self._sums[:] = 0.0
        self._place = 0
