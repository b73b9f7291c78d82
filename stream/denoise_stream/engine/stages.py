"""Compose the stages of a stream, from the caller's rate to the model's and back.

    [resample] -> windows -> normalize -> network -> denormalize -> overlap-add -> [resample, high band]

Every stage has the same verbs; samples are float64 ``(channels, n)``. What needs the network asks for it
(:mod:`denoise_stream.engine.steps`).
"""

import math

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import Samples, sum_of_squares
from denoise_stream.engine.context import Starts, Surroundings
from denoise_stream.engine.gate import SpeechGate
from denoise_stream.engine.memory import Memory
from denoise_stream.engine.overlap_add import OverlapAdd
from denoise_stream.engine.rates.high_band import FullBand
from denoise_stream.engine.rates.polyphase import polyphase
from denoise_stream.engine.steps import BATCH_WINDOWS, Question, Stage, Steps
from denoise_stream.engine.windows import Cut, WindowCutter, bridge_gaps, denormalize, normalize, smallest
from denoise_stream.model import Model

MOST_RESAMPLING = 256
"""Refuse to resample by more than this factor: no signal at such a rate resembles what the model was trained on."""


def build_stage(
    model: Model,
    hop: int,
    channels: int,
    sample_rate_hz: float | None,
    lookahead_samples: int,
    gate: SpeechGate | None = None,
) -> Stage:
    """Compose the stage for a signal of this rate; the rate changes only for a model with another fixed one."""
    windows = WindowDenoiser(model, hop, channels, lookahead_samples, gate)
    model_hz = model.contract.sample_rate_hz
    if model_hz is None or sample_rate_hz is None or sample_rate_hz == model_hz:
        return windows
    if not 1 / MOST_RESAMPLING <= sample_rate_hz / model_hz <= MOST_RESAMPLING:
        raise ValueError(
            f"sample_rate_hz={sample_rate_hz:g} is too far from the model's {model_hz:g} Hz; use a model for any rate"
        )
    return FullBand(windows, sample_rate_hz, model_hz, hop, channels)


class WindowDenoiser:
    """The stage at the model's rate: windows through the network, recombined by overlap-add.

    Kept between calls: what its cutter, its overlap-add and its gate keep, and a stateful model's state. Such a model
    sees every window, constant ones too, so that its state advances. A model with a context gets it with each window.

    A window that the network answers with anything but finite numbers passes unchanged, and the state of its channel
    is reset: a number that is not finite would stay in a state for ever.

    Attributes
    ----------
    failed_windows : int
        Windows that passed unchanged, since the stage was made.
    """

    def __init__(
        self, model: Model, hop: int, channels: int, lookahead_samples: int, gate: SpeechGate | None = None
    ) -> None:
        contract = model.contract
        self.failed_windows = 0
        self._model = model
        self._hop = hop
        self._channels = channels
        self._cutter = WindowCutter(contract.window, hop, channels, contract.past_samples, lookahead_samples)
        self._surroundings = Surroundings(contract, lookahead_samples) if contract.context_size else None
        self._overlap_add = OverlapAdd(contract.window, hop, channels)
        self._memory = Memory(model, channels) if contract.state_size else None
        self._gate = gate
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._cutter.reset()
        self._overlap_add.reset()
        if self._gate is not None:
            self._gate.reset()
        if self._memory is not None:
            self._memory.reset()

    def process(self, samples: Samples) -> Steps[Samples]:
        """Take the next samples; return those that no later window can change."""
        return self._run(self._cutter.process(samples))

    def flush(self) -> Steps[Samples]:
        """Run the last window over the reflected end, return the tail and reset."""
        cut, tail = self._cutter.flush()
        finished = yield from self._run(cut)
        rest = self._overlap_add.flush(max(0, tail - finished.shape[1]))
        if self._gate is not None:
            rest *= self._gate.gain[:, None]
        self.reset()
        return np.concatenate((finished[:, :tail], rest), axis=1)

    def _run(self, cut: Cut) -> Steps[Samples]:
        batch = max(1, BATCH_WINDOWS // self._channels)
        parts = []
        for start in range(0, len(cut.windows), batch):
            some = Cut(cut.windows[start : start + batch], cut.signal, cut.first + start * self._hop)
            clean = yield from self._denoise(some)
            part = self._overlap_add.process(clean)
            parts.append(part if self._gate is None else self._gate.process(clean, part))
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts, axis=1) if parts else np.empty((self._channels, 0))

    def _denoise(self, cut: Cut) -> Steps[Samples]:
        """Denoise windows ``(count, channels, window)``, each channel a row of the batch."""
        rows = cut.windows.reshape(-1, cut.windows.shape[2])
        clean = yield from self._denoise_rows(rows, cut)
        if not math.isfinite(sum_of_squares(clean)):
            failed = ~np.isfinite(clean).all(axis=1)
            clean[failed] = bridge_gaps(rows[failed])
            self.failed_windows += int(failed.sum())
        return clean.reshape(cut.windows.shape)

    def _denoise_rows(self, rows: Samples, cut: Cut) -> Steps[Samples]:
        if self._model.contract.normalization == "none":
            with np.errstate(over="ignore"):  # what float32 cannot hold fails in the network, and passes unchanged
                whole = bridge_gaps(rows).astype(np.float32)
            return (yield from self._predict(whole)).astype(np.float64)
        scaled, minimum, span = normalize(rows)
        if not smallest(span) >= 0:  # NaN: a value is missing
            scaled, minimum, span = normalize(bridge_gaps(rows))
        context = None
        if self._surroundings is not None:
            starts = Starts(cut.first, len(cut.windows), self._hop)
            context = self._surroundings.contexts(cut.signal, starts, scaled, minimum, span)
        return denormalize((yield from self._predict(scaled, context)), minimum, span)

    def _predict(
        self, rows: NDArray[np.float32], context: NDArray[np.float32] | None = None
    ) -> Steps[NDArray[np.float32]]:
        if self._memory is not None:
            return (yield from self._memory.predict(rows))
        return (yield Question(rows, context=context)).clean


def latency_samples(window: int, rate_hz: float | None, model_hz: float | None) -> int:
    """Compute the algorithmic latency: how many samples must arrive, a sample itself included, before it is returned.

    That is one window and its look-ahead. A resampler adds the delay of its filter to the model's rate, for the
    window's last sample, and of the filter back, for its first. Between rates whose ratio is not a small fraction the
    result may be one too large.
    """
    if model_hz is None or rate_hz is None or rate_hz == model_hz:
        return window
    into, out_of = polyphase(rate_hz, model_hz), polyphase(model_hz, rate_hz)
    return (window - 1 + out_of.reach) * into.step // into.parts + into.reach + 1
