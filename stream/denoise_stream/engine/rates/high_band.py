"""Run a stage at the model's rate; the band above the model's range follows the gain of its top band.

    x ─┬─▶ to the model's rate ─▶ d ─▶ model ─▶ c       y = up(c) + g · (x − up(d))
       └──────────────────────────────────────────┘

Below half the lower rate the signal goes through the model. The rest, ``x - up(d)``, follows the gain ``g`` that the
model gave to the top of its range. If the model changes nothing, then c = d and g = 1, and y is x.
"""

import numpy as np

from denoise_stream.arrays import Backlog, Samples, detached
from denoise_stream.engine.rates.polyphase import polyphase
from denoise_stream.engine.rates.resampling import Resampler
from denoise_stream.engine.steps import Stage, Steps

DIFFERENCES = 2
"""The gain is that of the second difference, which has half its power above 6.4 kHz for a model of 16 kHz.

Measured with the shipped model `speech` on speech recorded at 48 kHz in everyday noise (ESC-10), 30 mixtures per SNR:
log-spectral distance from the clean speech in dB, then the level over it in fricatives / in pauses in dB:

| 8-16 kHz | 0 dB | 10 dB | 20 dB |
|---|---|---|---|
| as it came | 13.7, +1.4 / +17.3 | 8.5, +0.4 / +10.7 | 4.6, +0.1 / +5.7 |
| sixth difference | 7.3, -14.1 / +1.3 | 5.7, -10.9 / -0.5 | 4.4, -8.0 / -1.3 |
| **second** | **6.9, -12.4 / +1.6** | **5.1, -8.6 / +0.0** | **3.7, -6.2 / -0.7** |
| first | 7.0, -11.0 / +2.6 | 5.0, -7.4 / +1.0 | 3.4, -5.3 / +0.1 |
| what the model makes of 4-8 kHz | 7.9, -12.1 / +2.2 | 6.2, -8.6 / +0.7 | 4.7, -6.3 / +0.1 |

So the band above is dulled as much as the model dulls the band below, and no hiss gets through that the model does not
let through. Powers of the gain move fricatives and hiss together. A noise level tracked in the band above, which raises
the gain where speech stands out of it, restored 2 to 3 dB of fricatives, at the same distance, but also let
crackling and ticks through (SNR of the band above at 0 dB from 2.9 to 1.8 dB). With oracle masks in place of a model,
known to 4 kHz only, the sixth difference was best for speech (8.6 dB SNR of the band above; second 7.4, first 6.4), the
first and the second for cries, barks and crowing known to 8 kHz (10.6 dB; sixth 9.3).
"""


def follows_above_hz(rate_hz: float | None, model_hz: float | None) -> float | None:
    """Return the frequency in Hz above which a signal follows the model's gain; None if the model covers it all.

    >>> follows_above_hz(48_000, 16_000), follows_above_hz(8_000, 16_000), follows_above_hz(48_000, None)
    (8000.0, None, None)
    """
    if rate_hz is None or model_hz is None or rate_hz <= model_hz:
        return None
    return model_hz / 2


class HighBandGain:
    """Follow the gain of a model's top band, hop by hop, interpolated linearly between hops.

    Kept between calls: a hop of both signals, and the gains between which the next output samples are interpolated.

    Parameters
    ----------
    hop
        Samples at the model's rate per gain.
    channels
        Number of channels.
    model_hz, rate_hz
        Rates of the model and of the output, in Hz.
    """

    def __init__(self, hop: int, channels: int, model_hz: float, rate_hz: float) -> None:
        self._hop = hop
        self._channels = channels
        self._filter = polyphase(model_hz, rate_hz)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._kept: Samples = np.full((2 * self._channels, DIFFERENCES), np.nan)
        self._gains: Samples = np.ones((self._channels, 0))
        self._first = 0  # the hop of the first gain
        self._given = 0

    def process(self, pair: Samples, *, last: bool = False) -> None:
        """Take the next samples ``(2 channels, n)``, noisy above clean; NaN counts for nothing."""
        joined = np.concatenate((self._kept, pair), axis=1)
        whole = (joined.shape[1] - DIFFERENCES) // self._hop * self._hop
        self._append(joined[:, : whole + DIFFERENCES])
        self._kept = detached(joined[:, whole:])
        if last:
            self._append(self._kept)

    def _append(self, samples: Samples) -> None:
        """Append the gains of whole hops; at the end of the signal, of the part of a hop that is left."""
        upper = np.diff(samples, DIFFERENCES, axis=1)
        upper[np.isnan(upper)] = 0.0
        hop = min(self._hop, upper.shape[1])
        if hop == 0:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # the squares of numbers around 1e200 overflow
            energy = np.square(upper).reshape(2, self._channels, -1, hop).sum(axis=3)
            ratio = np.divide(energy[1], energy[0], out=np.ones_like(energy[0]), where=energy[0] > 0)
        self._gains = np.concatenate((self._gains, np.sqrt(np.fmin(ratio, 1.0))), axis=1)

    def take(self, count: int) -> Samples:
        """Return the gains ``(channels, count)`` of the next output samples."""
        if count == 0:
            return np.empty((self._channels, 0))
        whole, beyond, parts = self._filter.places(self._given, count)
        places = beyond + parts / self._filter.parts + (whole - self._first * self._hop)
        # A gain is placed at the end of its hop, less the resampler's delay: there it is known without waiting.
        known = (1 + np.arange(self._gains.shape[1])) * self._hop - self._filter.reach
        gains = np.stack([np.interp(places, known, channel) for channel in self._gains])
        passed = max(0, int(np.searchsorted(known, places[-1])) - 1)
        self._gains = detached(self._gains[:, passed:])
        self._first += passed
        self._given += count
        return gains


class FullBand:
    """A stage at the model's rate for samples at another; the band above follows its gain.

    Kept between calls: the samples not yet returned, at both rates, and the states of resamplers and gain.

    Parameters
    ----------
    inner
        The stage at the model's rate.
    rate_hz, model_hz
        The two rates in Hz.
    hop
        Samples at the model's rate that the stage returns at a time.
    channels
        Number of channels.
    """

    def __init__(self, inner: Stage, rate_hz: float, model_hz: float, hop: int, channels: int) -> None:
        self._inner = inner
        self._into = Resampler(rate_hz, model_hz, channels, keep_gaps=True)
        self._out_of = Resampler(model_hz, rate_hz, 2 * channels)
        self._gain = HighBandGain(hop, channels, model_hz, rate_hz)
        self._channels = channels
        self.reset()

    @property
    def failed_windows(self) -> int:
        """Windows that the network failed on, and that passed unchanged, since the stage was made."""
        return self._inner.failed_windows

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        for stage in (self._inner, self._into, self._out_of, self._gain):
            stage.reset()
        self._waiting = Backlog(self._channels)
        self._heard = Backlog(self._channels)  # input of the model whose output is not out yet

    def process(self, samples: Samples) -> Steps[Samples]:
        """Take the next samples ``(channels, n)``; return those that are finished, at the same rate."""
        self._waiting.add(samples)
        clean = yield from self._listen(self._into.process(samples))
        return self._join(self._out_of.process(self._pair(clean)))

    def flush(self) -> Steps[Samples]:
        """Return the tail and reset."""
        clean = yield from self._listen(self._into.flush())
        rest = yield from self._inner.flush()
        up = self._out_of.process(self._pair(np.concatenate((clean, rest), axis=1), last=True))
        tail = self._join(np.concatenate((up, self._out_of.flush()), axis=1))
        self.reset()
        return tail

    def _listen(self, noisy: Samples) -> Steps[Samples]:
        self._heard.add(noisy)
        return (yield from self._inner.process(noisy))

    def _pair(self, clean: Samples, *, last: bool = False) -> Samples:
        """Stack the model's input on its output; values that were missing are missing in both."""
        noisy = self._heard.take(clean.shape[1])
        pair = np.concatenate((noisy, np.where(np.isnan(noisy), np.nan, clean)))
        self._gain.process(pair, last=last)
        return pair

    def _join(self, up: Samples) -> Samples:
        """Add the band above the model's range to the denoised signal, scaled by the gain."""
        up = up[:, : self._waiting.length]
        count = up.shape[1]
        band = self._waiting.take(count) - up[: self._channels]
        return up[self._channels :] + self._gain.take(count) * band
