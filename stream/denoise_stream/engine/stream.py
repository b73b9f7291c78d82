"""One stream: chunks of a noisy signal come in, the denoised signal comes out, aligned to the sample.

chunk -> [resample] -> windows -> normalize -> network -> denormalize -> overlap-add -> [gate] -> [resample, high band]
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from denoise_stream.arguments import sample_rate, whole_number
from denoise_stream.arrays import Backlog, Samples, as_dtype, as_signal, sum_of_squares
from denoise_stream.contract import Contract
from denoise_stream.engine.gate import open_gate
from denoise_stream.engine.mixing import Mixer
from denoise_stream.engine.notch import NotchBank
from denoise_stream.engine.stages import build_stage, latency_samples
from denoise_stream.engine.steps import Steps, run_one
from denoise_stream.errors import SourceError
from denoise_stream.model import BoundModel, Model

LARGEST_SAMPLE = 1e300
"""Beyond this sums over a window could overflow; such samples count as infinite."""


class DenoiseStream:
    """Denoise one signal chunk by chunk. How it is cut into chunks never changes the result.

    Made by :meth:`Denoiser.stream`. Kept between calls: at most ``latency_samples`` of signal, some times that where
    the rate is changed, the past that a model with a context sees, and the state of a stateful model.

    Attributes
    ----------
    channels : int
        Number of channels.
    sample_rate_hz : float or None
        Rate of the chunks; None if neither the caller nor the model gave one.
    latency_samples : int
        A sample is returned at the latest when this many samples, itself included, have arrived: one window and the
        look-ahead, plus the resamplers' delay where the rate is changed.
    lookahead_samples : int
        Samples after the end of a window that the model uses, at the model's rate.
    samples_in, samples_out : int
        Samples per channel taken and given back since the start of the signal.
    missing_samples : int
        Missing values (NaN) among them, over all channels.
    failed_windows : int
        Windows, over all channels, that the network answered with numbers that are not finite. They pass unchanged,
        and a stateful model restarts after them.

    Examples
    --------
    >>> import numpy as np
    >>> from denoise_stream import Denoiser
    >>> stream = Denoiser("general").stream()
    >>> noisy = np.random.default_rng(0).normal(size=400)
    >>> parts = [stream.process(noisy[:17]), stream.process(noisy[17:]), stream.flush()]
    >>> [len(part) for part in parts]
    [0, 300, 100]
    """

    def __init__(
        self,
        model: Model,
        hop: int,
        mix: float,
        channels: int,
        sample_rate_hz: float | None,
        max_attenuation_db: float | None = None,
        lookahead_samples: int = 0,
        notch_hz: float | None = None,
        gate_db: float | None = None,
        *,
        watch_speech: bool = False,
    ) -> None:
        self.channels = whole_number("channels", channels)
        if self.channels < 1:
            raise ValueError(f"channels={channels} is too few; use 1 or more")
        self._model = model
        self._contract = model.contract
        self._hop = hop
        self._mixer = Mixer(mix, max_attenuation_db)
        self.sample_rate_hz = sample_rate(sample_rate_hz) or model.contract.sample_rate_hz
        self.lookahead_samples = lookahead_samples
        self._notches = self._open_notches(notch_hz)
        self._gate = open_gate(model.contract, gate_db, hop, self.channels, watch=watch_speech)
        self._stage = build_stage(model, hop, self.channels, self.sample_rate_hz, lookahead_samples, self._gate)
        self._has_channel_axis = self.channels > 1
        self._dtype: np.dtype[Any] = np.dtype(np.float64)
        self._begin()

    def __repr__(self) -> str:
        model = facts_in_words(self._contract, self._hop, self.sample_rate_hz)
        return f"<DenoiseStream {model}, {self.channels} channel(s)>"

    def _open_notches(self, notch_hz: float | None) -> NotchBank | None:
        if notch_hz is None:
            return None
        if self.sample_rate_hz is None:
            raise ValueError(f"notch_hz={notch_hz:g} needs the sample rate of the signal; state it with sample_rate_hz")
        return NotchBank(notch_hz, self.sample_rate_hz, self.channels)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy starts from: all but the model's buffers, which it makes again."""
        return {name: value for name, value in self.__dict__.items() if name != "_network"}

    @functools.cached_property
    def _network(self) -> Model | BoundModel:
        """The model on buffers of this stream; a pool's streams, which run in batches, need none."""
        return self._model.bound(self.channels)

    def _begin(self) -> None:
        if self._notches is not None:
            self._notches.reset()
        self._pending = Backlog(self.channels)  # input whose output is not out yet
        self.samples_in = 0
        self.samples_out = 0
        self.missing_samples = 0
        self._failed_before = self._stage.failed_windows
        self._ended = False

    @property
    def failed_windows(self) -> int:
        """Windows that the network failed on; see above."""
        return self._stage.failed_windows - self._failed_before

    @property
    def is_speech(self) -> bool | None:
        """Whether there is speech in what was returned last, by the model's output; None if nobody watches for it."""
        return None if self._gate is None else self._gate.is_open

    @property
    def latency_samples(self) -> int:
        """Samples that must arrive before a sample is returned, itself included."""
        reach = self._contract.window + self.lookahead_samples
        return latency_samples(reach, self.sample_rate_hz, self._contract.sample_rate_hz)

    def fade_to(self, mix: float, samples: int) -> None:
        """Change the share of the denoised signal, in a straight line over the next samples given back.

        Parameters
        ----------
        mix
            The new share, 0 (input unchanged) to 1.
        samples
            How many samples the change takes; 0 is at once, with a click.

        Raises
        ------
        ValueError
            If ``mix`` is out of range.
        """
        self._mixer.fade_to(mix, samples)

    def reset(self) -> None:
        """Forget the signal, tail and state included; the next sample is sample 0. A change of the mix continues."""
        self._stage.reset()
        self._begin()

    def process(self, chunk: ArrayLike) -> NDArray[Any]:
        """Take the next samples and return those that are finished.

        Parameters
        ----------
        chunk
            Array ``(n,)`` (one channel) or ``(n, channels)``; n may be 0.

        Returns
        -------
        Array of the chunk's dtype, ``(m,)`` or ``(m, channels)`` like the chunk; m may be 0.

        Raises
        ------
        TypeError, ValueError
            If the chunk is not an array as above.
        SourceError
            If it holds an infinity; the sentence names the position. Nothing of the chunk is taken.
        """
        return run_one(self._network, self.process_steps(chunk))

    def flush(self) -> NDArray[Any]:
        """Return all remaining samples and end the signal; the next chunk starts a new one.

        Returns
        -------
        Array of the last chunk's dtype and number of dimensions; empty when nothing came in.
        """
        return run_one(self._network, self.flush_steps())

    def process_steps(self, chunk: ArrayLike) -> Steps[NDArray[Any]]:
        """Do what :meth:`process` does, with the network run by the caller; see :mod:`denoise_stream.engine.steps`."""
        array = as_signal(chunk)
        if self._ended:
            self._begin()
        samples, missing = self.check(array, self.samples_in)
        self.missing_samples += missing
        self._has_channel_axis = array.ndim == 2
        self._dtype = array.dtype
        self.samples_in += samples.shape[1]
        self._pending.add(samples)
        if self._notches is not None:
            samples = self._notches.process(samples)
        finished = yield from self._stage.process(samples)
        return self._finish(finished[:, : self._pending.length])

    def flush_steps(self) -> Steps[NDArray[Any]]:
        """Do what :meth:`flush` does, with the network run by the caller."""
        self._ended = True
        finished = yield from self._stage.flush()
        return self._finish(finished[:, : self._pending.length])

    def check(self, array: NDArray[Any], first: int) -> tuple[Samples, int]:
        """Check a chunk without taking it.

        Parameters
        ----------
        array
            As :func:`as_signal` gives it.
        first
            Position of its first sample in the signal.

        Returns
        -------
        samples, missing
            float64 ``(channels, n)``, and how many of them are NaN.

        Raises
        ------
        ValueError
            If it has another number of channels.
        SourceError
            If it holds an infinity; the sentence names the position.
        """
        channels = 1 if array.ndim == 1 else array.shape[1]
        if channels != self.channels:
            turned = array.ndim == 2 and array.shape[0] == self.channels
            hint = "; if it is (channels, samples), pass its transposition, chunk.T" if turned else ""
            raise ValueError(f"a chunk of shape {array.shape} has {channels} channels, not {self.channels}{hint}")
        samples = np.asarray(array, dtype=np.float64).reshape(-1, channels)
        if sum_of_squares(samples) <= LARGEST_SAMPLE:
            return samples.T, 0
        too_large = np.argwhere(np.abs(samples) > LARGEST_SAMPLE)
        if len(too_large):
            position, channel = too_large[0]
            where = f" of channel {channel}" if self.channels > 1 else ""
            value = samples[position, channel]
            raise SourceError(
                f"sample {first + position}{where} is {value:g}; every sample must be a finite number "
                + ("(NaN marks a missing one)" if np.isinf(value) else f"up to {LARGEST_SAMPLE:g}")
            )
        return samples.T, int(np.isnan(samples).sum())

    def _finish(self, wet: Samples) -> NDArray[Any]:
        """Mix with the input, put missing values back, and give the caller's shape and dtype."""
        count = wet.shape[1]
        dry = self._pending.take(count)
        self.samples_out += count
        wet = self._mixer.blend(dry, wet)
        if self.missing_samples:
            wet = np.where(np.isnan(dry), np.nan, wet)
        denoised = as_dtype(wet, self._dtype)
        return denoised.T if self._has_channel_axis else denoised[0]


def facts_in_words(contract: Contract, hop: int, rate: float | None) -> str:
    """Describe a running model in a few words."""
    return f"{contract.name}, hop {hop}, {'any rate' if rate is None else f'{rate:g} Hz'}"
