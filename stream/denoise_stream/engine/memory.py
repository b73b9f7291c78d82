"""Run windows through a network with a memory, in order, and keep its state."""

import math

import numpy as np

from denoise_stream.arrays import sum_of_squares
from denoise_stream.engine.steps import Question, Steps
from denoise_stream.model import Model, Rows

FEWEST_WINDOWS = 8
"""Fewer windows at a time, as live, go one by one; the graph of a block is not even looked for."""


class Memory:
    """The state of a network for each channel, from window to window.

    Many windows at once go through the model's graph of a block, if it has one. A state that is not finite would stay
    so for ever: it is reset to zeros, and the window counts as failed.

    Parameters
    ----------
    model
        A model with a state.
    channels
        Rows of windows that belong together; each has a state of its own.
    """

    def __init__(self, model: Model, channels: int) -> None:
        self._model = model
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._state = self._model.initial_state(self._channels)

    def predict(self, rows: Rows) -> Steps[Rows]:
        """Denoise windows ``(count * channels, window)``, all channels of a window before the next one.

        Returns
        -------
        The windows, denoised; NaN in those whose output or next state was not finite. The next call may overwrite them.
        """
        if len(rows) == self._channels:
            return (yield from self._step(rows))
        clean = np.empty_like(rows)
        block = self._model.block if len(rows) >= FEWEST_WINDOWS * self._channels else None
        if block is None:
            yield from self._one_by_one(rows, clean)
            return clean
        size = block.most_windows * self._channels
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            if not (yield from self._at_once(rows[part], clean[part])):
                yield from self._one_by_one(rows[part], clean[part])
        return clean

    def _step(self, rows: Rows) -> Steps[Rows]:
        """Denoise one window of each channel; the next one may overwrite the result."""
        clean, state = yield Question(rows, self._state)
        assert state is not None
        self._state = state
        if not _is_finite(clean, state):
            failed = ~np.isfinite(np.concatenate((clean, state), axis=1)).all(axis=1)
            clean, self._state = clean.copy(), state.copy()
            clean[failed] = np.nan
            self._state[failed] = 0.0
        return clean

    def _one_by_one(self, rows: Rows, clean: Rows) -> Steps[None]:
        """Denoise windows into ``clean``, each before the next one."""
        for start in range(0, len(rows), self._channels):
            step = slice(start, start + self._channels)
            clean[step] = yield from self._step(rows[step])

    def _at_once(self, rows: Rows, clean: Rows) -> Steps[bool]:
        """Denoise a block of windows into ``clean``; return False if one failed: only one by one they show which."""
        states = np.empty_like(self._state)
        for channel in range(self._channels):
            signal = np.ascontiguousarray(rows[channel :: self._channels])
            before = self._state[channel : channel + 1]
            clean[channel :: self._channels], states[channel] = yield Question(signal, before, is_block=True)
        if not _is_finite(clean, states):
            return False
        self._state = states
        return True


def _is_finite(windows: Rows, states: Rows) -> bool:
    return math.isfinite(sum_of_squares(windows) + sum_of_squares(states))
