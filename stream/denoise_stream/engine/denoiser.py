"""Denoise signals with one model: a whole array at once, or a stream for chunks."""

import math
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from denoise_stream.arguments import is_last_axis, rate_or_assumed, real_number, whole_number
from denoise_stream.arrays import as_signal, check_not_wide
from denoise_stream.contract import Contract
from denoise_stream.engine.dataframes import Frame, frame_like, frame_values, is_frame
from denoise_stream.engine.gate import checked_gate
from denoise_stream.engine.mixing import Mixer
from denoise_stream.engine.stream import DenoiseStream, facts_in_words
from denoise_stream.model import DEFAULT_MODEL, Model

BLOCK_SAMPLES = 16_384
"""Samples that :meth:`Denoiser.denoise` processes at once, to bound its memory."""


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
        Largest attenuation in dB, 0 (input unchanged) or more: the input, lowered by that much, stays under the
        denoised signal. ``mix`` then blends the input with the sum. None sets no limit.
    lookahead_samples
        Samples after each window that a model with a context uses, at the model's rate; each adds one of latency.
        ``"auto"``: as many as it can use. None means 0 for :meth:`stream` and ``"auto"`` for :meth:`denoise`. A model
        without a context has no look-ahead.
    notch_hz
        Mains frequency in Hz, such as 50 or 60, that is filtered out before the model, with its harmonics up to the
        tenth; the signal's sample rate has to be known. None filters nothing.
    gate_db
        Attenuation of pauses between words in dB, 0 or more, beyond what the model removes; for speech models only. The
        model's own output opens and closes the gate, without clicks or added latency. None leaves the gate out.

    Raises
    ------
    ContractError
        If the model is unknown or its file breaks the contract.
    ValueError
        If ``hop``, ``mix``, ``max_attenuation_db``, ``lookahead_samples``, ``notch_hz`` or ``gate_db`` is out of range,
        or ``gate_db`` is given for a model that is not made for sound.

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
        lookahead_samples: int | str | None = None,
        notch_hz: float | None = None,
        gate_db: float | None = None,
    ) -> None:
        self._model = Model(model)
        self.hop = self._model.contract.hop if hop is None else _checked_hop(self._model.contract, hop)
        Mixer(mix, max_attenuation_db)  # which refuses what is out of range
        self.mix = real_number("mix", mix)
        self.max_attenuation_db = None if max_attenuation_db is None else float(max_attenuation_db)
        self.lookahead_samples = _checked_lookahead(self._model.contract, lookahead_samples)
        self.notch_hz = None if notch_hz is None else real_number("notch_hz", notch_hz, "a frequency in Hz, such as 50")
        if self.notch_hz is not None and not (math.isfinite(self.notch_hz) and self.notch_hz > 0):
            raise ValueError(f"notch_hz={notch_hz} is not a frequency; use a number above 0, such as 50 or 60")
        self.gate_db = checked_gate(self._model.contract, gate_db)

    def __repr__(self) -> str:
        return f"<Denoiser {facts_in_words(self.contract, self.hop, self.contract.sample_rate_hz)}>"

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
        ahead = self.contract.most_lookahead_samples if self.lookahead_samples is None else self.lookahead_samples
        stream = self._open(channels, sample_rate_hz, ahead)
        denoised = np.empty_like(samples)
        done = 0
        for start in range(0, len(samples), BLOCK_SAMPLES):
            part = stream.process(samples[start : start + BLOCK_SAMPLES])
            denoised[done : done + len(part)] = part
            done += len(part)
        if len(samples):
            denoised[done:] = stream.flush()
        return denoised

    def stream(
        self, channels: int = 1, sample_rate_hz: float | None = None, *, watch_speech: bool = False
    ) -> DenoiseStream:
        """Open a stream for one signal; see :class:`DenoiseStream`.

        Parameters
        ----------
        channels
            Number of channels, 1 or more.
        sample_rate_hz
            Rate of the chunks in Hz. None means the model's own, and is warned about where the model has one.
        watch_speech
            Whether the stream's ``is_speech`` tells if there is speech, for models of sound; a gate watches anyway.

        Raises
        ------
        TypeError, ValueError
            If a number is of a wrong type or out of range.

        Warns
        -----
        UserWarning
            If the model has a fixed rate and none was given.
        """
        rate_hz = rate_or_assumed(self.contract, sample_rate_hz)
        return self._open(channels, rate_hz, self.lookahead_samples or 0, watch_speech=watch_speech)

    def _open(
        self, channels: int, sample_rate_hz: float | None, lookahead_samples: int, *, watch_speech: bool = False
    ) -> DenoiseStream:
        return DenoiseStream(
            self._model,
            self.hop,
            self.mix,
            channels,
            sample_rate_hz,
            self.max_attenuation_db,
            lookahead_samples,
            self.notch_hz,
            self.gate_db,
            watch_speech=watch_speech,
        )


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


def _checked_lookahead(contract: Contract, lookahead: Any) -> int | None:
    """Return a look-ahead in samples, None if it is left to the use; refuse one that the model cannot use."""
    most = contract.most_lookahead_samples
    if lookahead is None:
        return None
    if isinstance(lookahead, str) and lookahead == "auto":
        return most
    number = whole_number("lookahead_samples", lookahead, "a whole number of samples, or 'auto'")
    if number < 0:
        raise ValueError(f"lookahead_samples={number} is negative; use 0 or more, or 'auto'")
    if number > most:
        what = f"sees at most {most} samples ahead" if most else "does not look ahead"
        raise ValueError(
            f"lookahead_samples={number}: the model {contract.name} {what}; use {f'0 to {most}' if most else 0}"
        )
    return number
