"""The pace of a training by the clock: minutes come in, learning rates and the end go out."""

import math
import time
from typing import Any

import keras

from denoise_train.recipe import Recipe

LEAST_RATE = 0.001
"""The learning rate at the end of a decay, as a share of the first one."""


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """End a training when its minutes are over, and let the learning rate fall towards that.

    Kept between calls: when the training would have begun if it had not been interrupted, and the number of batches.
    """

    def __init__(self, recipe: Recipe, seconds_before: float) -> None:
        super().__init__()
        self._rate, self._schedule = recipe.optimizer.learning_rate, recipe.schedule
        self._before = seconds_before
        self._began = time.monotonic()
        self._batches = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        self._began = time.monotonic() - self._before

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the learning rate for the next batch."""
        self._batches += 1
        if self._schedule.decay == "none":
            return
        share = LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * min(1.0, self._progress()))) / 2
        warm = min(1.0, self._batches / max(1, self._schedule.warm_up_batches))
        self.model.optimizer.learning_rate = self._rate * share * warm

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop when the time is up."""
        if self._progress() >= 1:
            self.model.stop_training = True

    def _progress(self) -> float:
        return (time.monotonic() - self._began) / (60 * self._schedule.minutes)
