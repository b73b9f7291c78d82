"""Compose the stages of a stream, from the caller's rate to the model's and back.

    [resample] -> windows -> normalize -> network -> denormalize -> overlap-add -> [gate] -> [resample, high band]

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
from denoise_stream.engine.windows import (
    Cut,
    Scaling,
    WindowCutter,
    bridge_gaps,
    denormalize,
    minimum_and_range,
    scale,
    smallest,
)
from denoise_stream.model import Model

MOST_RESAMPLING = 256
"""Refuse to resample by more than this factor: no signal at such a rate resembles what the model was trained on."""

LARGEST_SINGLE = float(np.finfo(np.float32).max)


def build_stage(
    model: Model,
    hop: int,
    channels: int,
    sample_rate_hz: float | None,
    lookahead_samples: int,
    gate: SpeechGate | None = None,
) -> Stage:
    """Compose the stage for a signal of this rate; it resamples only for a model of another fixed rate."""
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
        self._batch = max(1, BATCH_WINDOWS // channels)
        self._is_scaled = contract.normalization != "none"
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
        parts = []
        for start in range(0, len(cut.windows), self._batch):
            windows = cut.windows[start : start + self._batch]
            rows = windows.reshape(-1, windows.shape[2])
            question, scaling = self._question(rows, cut.signal, cut.first + start * self._hop)
            if self._memory is None:
                answer = (yield question).clean
            else:
                answer = yield from self._memory.predict(question.rows)
            clean = answer.astype(np.float64) if scaling is None else denormalize(answer, *scaling)
            if not math.isfinite(sum_of_squares(clean)):
                self._pass_failed(clean, rows)
            clean = clean.reshape(windows.shape)
            part = self._overlap_add.process(clean)
            parts.append(part if self._gate is None else self._gate.process(clean, part))
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts, axis=1) if parts else np.empty((self._channels, 0))

    def _question(self, rows: Samples, signal: Samples, first: int) -> tuple[Question, Scaling | None]:
        """Return what the network is asked about windows, and how its answer is scaled; None if it is not.

        Parameters
        ----------
        rows
            Windows ``(count * channels, window)``.
        signal, first
            The signal that surrounds them, and where the first one starts in it.
        """
        if not self._is_scaled:
            return Question(_single_precision(rows)), None
        scaling = minimum_and_range(rows)
        if not smallest(scaling[1]) >= 0:  # NaN: a value is missing
            rows = bridge_gaps(rows)
            scaling = minimum_and_range(rows)
        scaled = scale(rows, *scaling)
        if self._surroundings is None:
            return Question(scaled), scaling
        starts = Starts(first, len(rows) // self._channels, self._hop)
        return Question(scaled, context=self._surroundings.contexts(signal, starts, scaled, *scaling)), scaling

    def _pass_failed(self, clean: Samples, rows: Samples) -> None:
        """Put windows into ``clean`` as they came where the network failed."""
        failed = ~np.isfinite(clean).all(axis=1)
        clean[failed] = bridge_gaps(rows[failed])
        self.failed_windows += int(failed.sum())


def _single_precision(rows: Samples) -> NDArray[np.float32]:
    """Return windows as the network takes them, without gaps; what float32 cannot hold becomes infinite."""
    if sum_of_squares(rows) <= LARGEST_SINGLE**2:
        return rows.astype(np.float32)
    with np.errstate(over="ignore"):  # the network fails on it, and it passes unchanged
        return bridge_gaps(rows).astype(np.float32)


def latency_samples(reach: int, rate_hz: float | None, model_hz: float | None) -> int:
    """Compute the algorithmic latency: how many samples must arrive, a sample itself included, before it is returned.

    At the model's rate that is ``reach``, a window and its look-ahead. A resampler adds the delay of its filter to the
    model's rate, for the last sample of those, and of the filter back, for the first. Between rates whose ratio is not
    a small fraction the result may be one too large.
    """
    if model_hz is None or rate_hz is None or rate_hz == model_hz:
        return reach
    into, out_of = polyphase(rate_hz, model_hz), polyphase(model_hz, rate_hz)
    return (reach - 1 + out_of.reach) * into.step // into.parts + into.reach + 1
