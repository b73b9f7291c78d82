"""The learning rate over a training, by steps or by the clock."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from denoise_train.recipe import Recipe, RecipeError, Schedule

FIRST_RATE = 0.01
"""The learning rate at the beginning of a warm-up, as a share of the rate after it."""

LEAST_RATE = 0.001
"""The learning rate at the end of a decay, as a share of the rate at its beginning."""


def rate_share(batches: Any, progress: Any, warm_up_batches: int) -> Any:
    """Return the learning rate as a share of the recipe's: a straight warm-up, then half a cosine wave down.

    Parameters
    ----------
    batches
        Batches before this one, from 0; a number or a tensor, like ``progress``.
    progress
        Share of the decay that is over; below 0 and above 1 the rate stays.
    warm_up_batches
        Batches over which the rate rises; 0 for none.
    """
    progress = ops.convert_to_tensor(progress, "float32")
    share = LEAST_RATE + (1 - LEAST_RATE) * (1 + ops.cos(math.pi * ops.clip(progress, 0.0, 1.0))) / 2
    warm = FIRST_RATE + (1 - FIRST_RATE) * batches / max(1, warm_up_batches)
    return ops.where(batches < warm_up_batches, warm, share)


class CosineByBatches(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate of a training that lasts a number of batches, by the optimizer's count of them."""

    def __init__(self, rate: float, batches: int, warm_up_batches: int) -> None:
        self._rate, self._batches, self._warm_up = rate, batches, warm_up_batches

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of one batch."""
        done = ops.cast(step, "float32")
        progress = (done - self._warm_up) / max(1, self._batches - self._warm_up)
        return self._rate * rate_share(done, progress, self._warm_up)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, as Keras saves it."""
        return {"rate": self._rate, "batches": self._batches, "warm_up_batches": self._warm_up}


def first_rate(rate: float, schedule: Schedule, batches_per_epoch: int) -> Any:
    """Return the learning rate for an optimizer: a number, which :class:`Clock` may change, or a schedule.

    Raises
    ------
    RecipeError
        If the schedule's decay is not known.
    """
    if schedule.decay not in ("none", "cosine"):
        raise RecipeError(f"schedule decay={schedule.decay!r} is not known; use 'none' or 'cosine'")
    if schedule.decay == "none" or schedule.minutes:
        return rate
    return CosineByBatches(rate, schedule.epochs * batches_per_epoch, schedule.warm_up_batches)


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """End a training when its minutes are over, and let the learning rate fall towards that.

    Nothing is kept between calls: the time comes from the epochs' history, and the number of batches, which decides
    about the warm-up, from the optimizer. So a resumed training warms up only once.

    Parameters
    ----------
    recipe
        Its learning rate and schedule.
    seconds
        Returns the seconds trained so far, earlier sessions included.
    """

    def __init__(self, recipe: Recipe, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._rate, self._schedule, self._seconds = recipe.optimizer.learning_rate, recipe.schedule, seconds

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self._progress() >= 1

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the learning rate for the next batch."""
        if self._schedule.decay == "none":
            return
        # With JAX, read and set the optimizer through the callback's model only, which fetches its state.
        optimizer = self.model.optimizer
        share = rate_share(int(optimizer.iterations), self._progress(), self._schedule.warm_up_batches)
        optimizer.learning_rate = self._rate * float(share)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop when the time is up."""
        if self.over:
            self.model.stop_training = True

    def _progress(self) -> float:
        return self._seconds() / (60 * self._schedule.minutes)
