"""Explain why a training failed and what to change: out of memory, or a loss that is not finite."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras

from denoise_stream import DenoiseError
from denoise_train.recipe import Recipe

BATCHES_BETWEEN_CHECKS = 20


class TrainingFailed(DenoiseError):
    """A training that cannot go on; the sentence says what to change."""


class FailOnNonFiniteLoss(keras.callbacks.Callback):  # type: ignore[misc]
    """Raise TrainingFailed once the loss is not finite, as it never recovers."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._recipe = recipe

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Check the loss now and then."""
        if batch % BATCHES_BETWEEN_CHECKS == 0:
            self._check("loss", logs, f"after {batch + 1} batches of an epoch")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Check the losses of an epoch, before it is kept."""
        for key in ("loss", "val_loss"):
            self._check(key, logs, f"in epoch {epoch + 1}")

    def _check(self, key: str, logs: Any, when: str) -> None:
        found = float((logs or {}).get(key, 0.0))
        if not math.isfinite(found):
            rate = self._recipe.optimizer.learning_rate
            raise TrainingFailed(
                f"{key} became {found} {when}, and nothing can be learnt from that; take smaller steps "
                f"(--set optimizer.learning_rate={rate / 10:.2g} instead of {rate:.2g}), and see that the network "
                "gives finite numbers for every window, constant ones too"
            )


@contextlib.contextmanager
def explaining_lack_of_memory(recipe: Recipe) -> Iterator[None]:
    """Replace an out-of-memory error of Python or a backend by advice on what needs less memory.

    Raises
    ------
    TrainingFailed
        For a MemoryError, or a backend's error of exhausted resources.
    """
    try:
        yield
    except Exception as error:  # the backends' errors share no base class but Exception
        exhausted = "ResourceExhausted" in type(error).__name__ or "RESOURCE_EXHAUSTED" in str(error)
        if not (exhausted or isinstance(error, MemoryError)):
            raise
        size = recipe.schedule.batch_size
        raise TrainingFailed(
            f"there is not enough memory for batches of {size} windows of {recipe.window} samples; take smaller ones "
            f"(--set schedule.batch_size={max(1, size // 4)}), a smaller network, or a machine with more memory"
        ) from error
