"""Change the sample rate: chunks at one rate come in, chunks at another go out (soxr)."""

import math
from typing import Any, Protocol

import numpy as np

from denoise_stream.steps import Steps
from denoise_stream.windows import Samples

FILTER_SAMPLES = 200
"""More than soxr's HQ filter reaches to either side, in samples of the lower rate."""


class AskingStage(Protocol):
    """A stage that needs the network (see :mod:`denoise_stream.steps`); samples are float64 ``(channels, n)``."""

    def process(self, samples: Samples) -> Steps[Samples]:
        """Take the next samples; return those that are finished."""
        ...

    def flush(self) -> Steps[Samples]:
        """Give out all that is kept and reset."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


class Resampler:
    """Resample a chunked signal; the output is aligned in time with the input.

    Kept between calls: the filter's history, inside soxr.
    """

    def __init__(self, from_hz: float, to_hz: float, channels: int) -> None:
        import soxr

        # HQ keeps the pass band up to 0.91 of the lower rate's half and rejects 120 dB beyond it.
        self._stream: Any = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float64", quality="HQ")
        self._channels = channels
        self._held = math.ceil(FILTER_SAMPLES * max(1.0, from_hz / to_hz))
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._stream.clear()
        self._last: Samples = np.empty((self._channels, 0))

    def process(self, samples: Samples) -> Samples:
        """Take the next samples ``(channels, n)``; return those ready at the other rate."""
        if samples.shape[1]:
            self._last = samples[:, -1:].copy()
        return self._resample(samples, last=False)

    def flush(self) -> Samples:
        """Give out the tail ``(channels, n)``, some samples longer than the signal, and reset."""
        # soxr takes what follows a signal for 0, which would bend its end; the last value is held instead.
        tail = self._resample(np.repeat(self._last, self._held, axis=1), last=True)
        self.reset()
        return tail

    def _resample(self, samples: Samples, *, last: bool) -> Samples:
        interleaved = np.ascontiguousarray(samples.T)
        resampled = self._stream.resample_chunk(interleaved, last=last)
        return np.ascontiguousarray(np.asarray(resampled).reshape(-1, self._channels).T)


class Baseline:
    """Take each channel's first value away before a resampler, and give it back behind.

    A resampler takes what precedes a signal for 0: a signal on an offset would begin with a step. It cannot
    wait for the value behind a gap either, so the last value is held over missing ones (NaN). Kept between calls:
    two values per channel.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._first: Samples = np.full((self._channels, 1), np.nan)
        self._held: Samples = np.zeros((self._channels, 1))

    def remove(self, samples: Samples) -> Samples:
        """Take the next samples ``(channels, n)``; return as many, without NaN and without the first value."""
        for channel in np.flatnonzero(np.isnan(self._first[:, 0])):
            known = samples[channel][~np.isnan(samples[channel])]
            self._first[channel] = known[0] if len(known) else np.nan
        if samples.shape[1] == 0:
            return samples
        joined = np.concatenate((self._held, samples - self._first), axis=1)
        missing = np.isnan(joined)
        if missing.any():
            source = np.where(missing, 0, np.arange(joined.shape[1]))
            joined = np.take_along_axis(joined, np.maximum.accumulate(source, axis=1), axis=1)
        self._held = joined[:, -1:]
        return joined[:, 1:]

    def restore(self, samples: Samples) -> Samples:
        """Give the first value back; 0 where a channel has had none."""
        return samples + np.nan_to_num(self._first)


class Resampled:
    """A stage that works at another rate than the stages around it; see :class:`Baseline`."""

    def __init__(self, inner: AskingStage, from_hz: float, inner_hz: float, channels: int) -> None:
        self._baseline = Baseline(channels)
        self._into = Resampler(from_hz, inner_hz, channels)
        self._inner = inner
        self._out_of = Resampler(inner_hz, from_hz, channels)

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        for stage in (self._baseline, self._into, self._inner, self._out_of):
            stage.reset()

    def process(self, samples: Samples) -> Steps[Samples]:
        """Take the next samples ``(channels, n)``; return those that are finished, at the same rate."""
        samples = yield from self._inner.process(self._into.process(self._baseline.remove(samples)))
        return self._baseline.restore(self._out_of.process(samples))

    def flush(self) -> Steps[Samples]:
        """Give out the tail, some samples longer than the signal, and reset."""
        finished = yield from self._inner.process(self._into.flush())
        last = yield from self._inner.flush()
        samples = self._out_of.process(np.concatenate((finished, last), axis=1))
        samples = np.concatenate((samples, self._out_of.flush()), axis=1)
        tail = self._baseline.restore(samples)
        self._baseline.reset()
        return tail
