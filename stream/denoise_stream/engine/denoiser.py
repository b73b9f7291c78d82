"""The engine: denoise a signal chunk by chunk, aligned to the sample.

chunk -> [resample] -> windows -> normalize -> network -> denormalize -> overlap-add -> [resample, high band] -> chunk
"""

from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from denoise_stream.arguments import is_last_axis, rate_or_assumed, real_number, sample_rate, whole_number
from denoise_stream.arrays import Samples, as_dtype, as_signal, check_not_wide, detached
from denoise_stream.contract import Contract
from denoise_stream.engine.frames import Frame, frame_like, frame_values, is_frame
from denoise_stream.engine.mixing import Mixer
from denoise_stream.engine.stages import build_stage, latency_samples
from denoise_stream.engine.steps import Steps, run_one
from denoise_stream.errors import SourceError
from denoise_stream.model import DEFAULT_MODEL, Model

BLOCK_SAMPLES = 16_384
"""Samples that :meth:`Denoiser.denoise` processes at once, to bound its memory."""

LARGEST_SAMPLE = 1e300
"""Beyond this sums over a window could overflow; such samples count as infinite."""


class Denoiser:
    """Denoise signals with one model.

    Parameters
    ----------
    model
        Name of a bundled model (``"general"``, ``"x2"``) or path of an ONNX file.
    hop
        Samples between window starts, 1 to the model's window; None means the model's own, which is
        the only one for a stateful model: its state advances by that many samples a window.
        A smaller hop averages more windows per sample and costs more.
    mix
        Share of the denoised signal in the output, 0 (input unchanged) to 1.
    max_attenuation_db
        The most that the input is lowered by, in dB, 0 (input unchanged) or more: so much of it stays under the
        denoised signal. ``mix`` then blends the input with that. None is no limit.

    Raises
    ------
    ContractError
        If the model is unknown or its file breaks the contract.
    ValueError
        If ``hop``, ``mix`` or ``max_attenuation_db`` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.sin(np.arange(1000) / 20) + np.random.default_rng(0).normal(0, 0.3, 1000)
    >>> clean = Denoiser("general").denoise(noisy)
    >>> clean.shape
    (1000,)
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        hop: int | None = None,
        mix: float = 1.0,
        max_attenuation_db: float | None = None,
    ) -> None:
        self._model = Model(model)
        self.hop = self._model.contract.hop if hop is None else _checked_hop(self._model.contract, hop)
        Mixer(mix, max_attenuation_db)  # which refuses what is out of range
        self.mix = real_number("mix", mix)
        self.max_attenuation_db = None if max_attenuation_db is None else float(max_attenuation_db)

    def __repr__(self) -> str:
        return f"<Denoiser {_facts(self.contract, self.hop, self.contract.sample_rate_hz)}>"

    @property
    def contract(self) -> Contract:
        """The model's facts: ``window``, ``hop``, ``sample_rate_hz``, ``normalization`` ..."""
        return self._model.contract

    @property
    def model(self) -> Model:
        """The loaded network, shared by all streams."""
        return self._model

    @overload
    def denoise(self, signal: Frame, sample_rate_hz: float | None = None, *, axis: int | None = None) -> Frame: ...

    @overload
    def denoise(
        self, signal: ArrayLike, sample_rate_hz: float | None = None, *, axis: int | None = None
    ) -> NDArray[Any]: ...

    def denoise(self, signal: Any, sample_rate_hz: float | None = None, *, axis: int | None = None) -> Any:
        """Denoise a whole signal.

        Parameters
        ----------
        signal
            Array ``(n,)`` or ``(n, channels)`` of real numbers, or a pandas Series or DataFrame; n may be 0. NaN marks
            a missing value.
        sample_rate_hz
            Its rate in Hz. A model with a fixed rate gets the signal resampled; the result comes back at this rate.
            None means the model's own, and is warned about where the model has one.
        axis
            The axis along which the samples of a channel follow each other: 0 for ``(n, channels)``, 1 or -1 for
            ``(channels, n)``, as librosa, torchaudio and pedalboard hold audio. None means 0, but refuses a signal
            with more channels than samples.

        Returns
        -------
        Array of the signal's shape and dtype (integers are rounded and clipped), NaN where it had NaN. A Series or
        DataFrame comes back as one, with its index, names and dtypes.

        Raises
        ------
        TypeError, ValueError
            If the signal is not as above, holds more channels than samples with ``axis=None``, or the rate is not
            positive.
        SourceError
            If the signal holds an infinity; the sentence names its position.

        Warns
        -----
        UserWarning
            If the model has a fixed rate and none was given.
        """
        values = frame_values(signal) if is_frame(signal) else signal
        turned = axis is not None and is_last_axis(axis, np.ndim(values))
        samples = as_signal(np.asanyarray(values).T if turned else values)
        if axis is None:
            check_not_wide(samples)
        denoised = self._denoise(samples, rate_or_assumed(self.contract, sample_rate_hz))
        denoised = denoised.T if turned else denoised
        return frame_like(signal, denoised) if is_frame(signal) else denoised

    def _denoise(self, samples: NDArray[Any], sample_rate_hz: float | None) -> NDArray[Any]:
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        stream = self.stream(channels, sample_rate_hz)
        denoised = np.empty_like(samples)
        done = 0
        for start in range(0, len(samples), BLOCK_SAMPLES):
            part = stream.process(samples[start : start + BLOCK_SAMPLES])
            denoised[done : done + len(part)] = part
            done += len(part)
        if len(samples):
            denoised[done:] = stream.flush()
        return denoised

    def stream(self, channels: int = 1, sample_rate_hz: float | None = None) -> "DenoiseStream":
        """Open a stream for one signal; see :class:`DenoiseStream`.

        Parameters
        ----------
        channels
            Number of channels, 1 or more.
        sample_rate_hz
            Rate of the chunks in Hz. None means the model's own, and is warned about where the model has one.

        Raises
        ------
        TypeError, ValueError
            If a number is of a wrong type or out of range.

        Warns
        -----
        UserWarning
            If the model has a fixed rate and none was given.
        """
        rate = rate_or_assumed(self.contract, sample_rate_hz)
        return DenoiseStream(self._model, self.hop, self.mix, channels, rate, self.max_attenuation_db)


class DenoiseStream:
    """Denoise one signal chunk by chunk. How it is cut into chunks never changes the result.

    Made by :meth:`Denoiser.stream`. Kept between calls: at most ``latency_samples`` of signal, some times that where
    the rate is changed, and the state of a stateful model.

    Attributes
    ----------
    channels : int
        Number of channels.
    sample_rate_hz : float or None
        Rate of the chunks; None if neither the caller nor the model gave one.
    latency_samples : int
        A sample is returned at the latest when this many samples, itself included, have arrived: one window, plus the
        resamplers' delay where the rate is changed.
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
    ) -> None:
        self.channels = whole_number("channels", channels)
        if self.channels < 1:
            raise ValueError(f"channels={channels} is too few; use 1 or more")
        self._model = model
        self._contract = model.contract
        self._hop = hop
        self._mixer = Mixer(mix, max_attenuation_db)
        self.sample_rate_hz = sample_rate(sample_rate_hz) or model.contract.sample_rate_hz
        self._stage = build_stage(model, hop, self.channels, self.sample_rate_hz)
        self._shape: tuple[int, ...] = (-1,) if channels == 1 else (-1, self.channels)
        self._dtype: np.dtype[Any] = np.dtype(np.float64)
        self._begin()

    def __repr__(self) -> str:
        return f"<DenoiseStream {_facts(self._contract, self._hop, self.sample_rate_hz)}, {self.channels} channel(s)>"

    def _begin(self) -> None:
        self._pending: Samples = np.empty((self.channels, 0))  # input whose output is not out yet
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
    def latency_samples(self) -> int:
        """Samples that must arrive before a sample is returned, itself included."""
        return latency_samples(self._contract.window, self.sample_rate_hz, self._contract.sample_rate_hz)

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
        return run_one(self._model, self.process_steps(chunk))

    def flush(self) -> NDArray[Any]:
        """Return all that is still inside and end the signal; the next chunk starts a new one.

        Returns
        -------
        Array of the last chunk's dtype and number of dimensions; empty when nothing came in.
        """
        return run_one(self._model, self.flush_steps())

    def process_steps(self, chunk: ArrayLike) -> Steps[NDArray[Any]]:
        """Do what :meth:`process` does, with the network run by the caller; see :mod:`denoise_stream.engine.steps`."""
        array = as_signal(chunk)
        if self._ended:
            self._begin()
        samples = self._as_samples(array)
        self._shape = (-1, *array.shape[1:])
        self._dtype = array.dtype
        self.samples_in += samples.shape[1]
        self._pending = np.concatenate((self._pending, samples), axis=1)
        finished = yield from self._stage.process(samples)
        return self._finish(finished[:, : self._pending.shape[1]])

    def flush_steps(self) -> Steps[NDArray[Any]]:
        """Do what :meth:`flush` does, with the network run by the caller."""
        self._ended = True
        finished = yield from self._stage.flush()
        return self._finish(finished[:, : self._pending.shape[1]])

    def check(self, array: NDArray[Any], first: int) -> bool:
        """Check a chunk without taking it; tell whether it is free of missing values.

        Parameters
        ----------
        array
            As :func:`as_signal` gives it.
        first
            Position of its first sample in the signal.

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
        peak = np.abs(array, dtype=np.float64).max(initial=0.0)
        if peak <= LARGEST_SAMPLE:
            return True
        samples = array.astype(np.float64).reshape(-1, channels)
        too_large = np.argwhere(np.abs(samples) > LARGEST_SAMPLE)
        if len(too_large):
            position, channel = too_large[0]
            where = f" of channel {channel}" if self.channels > 1 else ""
            raise SourceError(
                f"sample {first + position}{where} is {samples[position, channel]:g}; "
                "every sample must be a finite number (NaN marks a missing one)"
            )
        return False

    def _as_samples(self, array: NDArray[Any]) -> Samples:
        whole = self.check(array, self.samples_in)
        samples = np.asarray(array, dtype=np.float64).reshape(-1, self.channels).T
        if not whole:
            self.missing_samples += int(np.isnan(samples).sum())
        return samples

    def _finish(self, wet: Samples) -> NDArray[Any]:
        """Mix with the input, put missing values back, and give the caller's shape and dtype."""
        count = wet.shape[1]
        dry, self._pending = self._pending[:, :count], detached(self._pending[:, count:])
        self.samples_out += count
        wet = self._mixer.blend(dry, wet)
        if self.missing_samples:
            wet = np.where(np.isnan(dry), np.nan, wet)
        return as_dtype(wet, self._dtype).T.reshape(self._shape)


def _checked_hop(contract: Contract, hop: Any) -> int:
    """Return a hop; refuse one at which windows cannot start, or which the model's state does not allow."""
    number = whole_number("hop", hop, f"a whole number from 1 to {contract.window}")
    if number < 1:
        raise ValueError(f"hop={hop} is shorter than one sample; use 1 to {contract.window}")
    if number > contract.window:
        raise ValueError(f"hop={hop} is longer than window={contract.window}; use 1 to {contract.window}")
    if contract.state_size and number != contract.hop:
        raise ValueError(
            f"hop={hop} does not work with the model {contract.name}, whose state advances by {contract.hop} samples "
            f"a window; use hop={contract.hop} or a stateless model"
        )
    return number


def _facts(contract: Contract, hop: int, rate: float | None) -> str:
    """Say the facts of a model at work in a few words."""
    return f"{contract.name}, hop {hop}, {'any rate' if rate is None else f'{rate:g} Hz'}"
