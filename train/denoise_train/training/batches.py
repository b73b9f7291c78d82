"""Batches for Keras from the blocks of a data set."""

import math
from typing import Any

import keras

from denoise_train.data.protocol import Data, Pairs
from denoise_train.recipe import RecipeError, Schedule


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Cut the data's blocks into batches, one block after the other over all epochs.

    Kept between calls: the running block, and ``epoch``, the number of complete epochs, which Keras does not tell.

    Parameters
    ----------
    data
        The data set.
    schedule
        Sizes; ``batches_per_epoch`` of 0 makes an epoch of every block.

    Raises
    ------
    RecipeError
        If the batch size does not fit the data.
    """

    def __init__(self, data: Data, schedule: Schedule) -> None:
        super().__init__(workers=1, max_queue_size=8)
        if schedule.batch_size % data.windows_per_signal:
            raise RecipeError(
                f"schedule: batch_size={schedule.batch_size} must be "
                f"a multiple of windows_per_signal={data.windows_per_signal}"
            )
        self._data = data
        self._size = schedule.batch_size
        self._per_block = math.ceil(data.windows_per_block / schedule.batch_size)
        self._per_epoch = schedule.batches_per_epoch or self._per_block
        self.epoch = 0
        self._block: tuple[int, Pairs] | None = None

    def __len__(self) -> int:
        return self._per_epoch

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        number, part = divmod(self.epoch * self._per_epoch + index, self._per_block)
        if self._block is None or self._block[0] != number:
            self._block = (number, self._data.block(number))
        pairs = self._block[1].part(slice(part * self._size, (part + 1) * self._size))
        return pairs.inputs, pairs.target

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self.epoch += 1
