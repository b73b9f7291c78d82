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

    Where the model has a graph for blocks of windows, as many as fill blocks go through that. A state that is not
    finite would stay so for ever: it is reset to zeros, and the window counts as failed.

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
        The windows, denoised; NaN in those whose output or next state was not finite.
        """
        clean = np.empty_like(rows)
        start = 0
        while start < len(rows):
            windows = yield from self._predict_block(rows, start, clean)
            if not windows:
                windows = 1
                yield from self._predict_window(slice(start, start + self._channels), rows, clean)
            start += windows * self._channels
        return clean

    def _predict_window(self, step: slice, rows: Rows, clean: Rows) -> Steps[None]:
        """Denoise one window of each channel."""
        clean[step], state = yield Question(rows[step], self._state)
        assert state is not None
        self._state = state
        if not _is_finite(clean[step], state):
            failed = ~np.isfinite(np.concatenate((clean[step], state), axis=1)).all(axis=1)
            clean[step][failed] = np.nan
            self._state = state.copy()
            self._state[failed] = 0.0

    def _predict_block(self, rows: Rows, start: int, clean: Rows) -> Steps[int]:
        """Denoise windows at once if there are enough of them; return their number, 0 if they go one by one."""
        left = (len(rows) - start) // self._channels
        block = self._model.block if left >= FEWEST_WINDOWS else None
        if block is None:
            return 0
        windows = min(left, block.most_windows)
        end = start + windows * self._channels
        states = np.empty_like(self._state)
        for channel in range(self._channels):
            places = slice(start + channel, end, self._channels)
            before = self._state[channel : channel + 1]
            clean[places], state = yield Question(np.ascontiguousarray(rows[places]), before, is_block=True)
            assert state is not None
            states[channel] = state
        if not _is_finite(clean[start:end], states):
            return 0  # one by one they show which
        self._state = states
        return windows


def _is_finite(windows: Rows, states: Rows) -> bool:
    return math.isfinite(sum_of_squares(windows) + sum_of_squares(states))
