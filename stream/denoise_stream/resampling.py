"""Change the sample rate: chunks at one rate come in, chunks at another go out (soxr)."""

from typing import Any

import numpy as np

from denoise_stream.windows import Samples


class Resampler:
    """Resample a chunked signal; the output is aligned in time with the input.

    Kept between calls: the filter's history, inside soxr.
    """

    def __init__(self, from_hz: float, to_hz: float, channels: int) -> None:
        import soxr

        # HQ keeps the pass band up to 0.91 of the lower rate's half and rejects 120 dB beyond it.
        self._stream: Any = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float64", quality="HQ")
        self._channels = channels

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._stream.clear()

    def process(self, samples: Samples) -> Samples:
        """Take the next samples ``(channels, n)``; return those ready at the other rate."""
        return self._resample(samples, last=False)

    def flush(self) -> Samples:
        """Give out the tail ``(channels, n)`` and reset."""
        tail = self._resample(np.empty((self._channels, 0)), last=True)
        self.reset()
        return tail

    def _resample(self, samples: Samples, *, last: bool) -> Samples:
        interleaved = np.ascontiguousarray(samples.T)
        resampled = self._stream.resample_chunk(interleaved, last=last)
        return np.ascontiguousarray(np.asarray(resampled).reshape(-1, self._channels).T)


class GapHolder:
    """Hold the last value over missing ones (NaN), so that a filter with memory never meets them.

    A resampler cannot wait for the value behind a gap. Before a channel's first value the
    level is 0. Kept between calls: one value per channel.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget everything; the held level is 0."""
        self._held: Samples = np.zeros((self._channels, 1))

    def process(self, samples: Samples) -> Samples:
        """Take the next samples ``(channels, n)``; return as many, without NaN."""
        if samples.shape[1] == 0:
            return samples
        joined = np.concatenate((self._held, samples), axis=1)
        missing = np.isnan(joined)
        if missing.any():
            source = np.where(missing, 0, np.arange(joined.shape[1]))
            joined = np.take_along_axis(joined, np.maximum.accumulate(source, axis=1), axis=1)
        self._held = joined[:, -1:]
        return joined[:, 1:]

    def flush(self) -> Samples:
        """Give out nothing, as nothing is kept back, and reset."""
        self.reset()
        return np.empty((self._channels, 0))
