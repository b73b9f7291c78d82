"""Images to reduce: the network learns to return the standardized pixels that it gets."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_train.arrays import Windows, standardize
from denoise_train.data.code_figures import Map, check_packages, measure_codes
from denoise_train.data.image_files import load_images
from denoise_train.data.images import check_shape
from denoise_train.data.protocol import Pairs
from denoise_train.recipe import check_number
from denoise_train.recordings.pairs import OwnData
from denoise_train.splits import TEST, TRAINING, VALIDATION


@dataclass(frozen=True)
class ImageCodeData:
    """Images, each brought to mean 0 and standard deviation 1, without noise.

    ``path`` is that of :func:`~denoise_train.data.image_files.load_images`, empty for the network's.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    own: OwnData
    source: str
    shape: list[int]
    training_images: int
    path: str = ""

    windows_per_signal = 1
    judges_own = False

    def __post_init__(self) -> None:
        check_packages()
        where = "data 'image_codes': "
        check_shape(where, self.shape, self.window, self.own)
        check_number(f"{where}training_images", self.training_images, 1, whole=True)

    @property
    def row_samples(self) -> int:
        """Pixels of an image."""
        return self.window

    @property
    def windows_per_block(self) -> int:
        """All training images: a block is an epoch."""
        return len(self._rows[TRAINING][0])

    def block(self, number: int) -> Pairs:
        """Return all training images, in an order that is shuffled for each block."""
        rows = self._rows[TRAINING][0]
        shuffled = rows[np.random.default_rng([self.seed, number]).permutation(len(rows))]
        return Pairs(shuffled, shuffled)

    def validation(self) -> Pairs:
        """Return the validation images."""
        return Pairs(self._rows[VALIDATION][0], self._rows[VALIDATION][0])

    def examples(self, count: int) -> Pairs:
        """Return the first test images."""
        rows = self._rows[TEST][0][:count]
        return Pairs(rows, rows)

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Say what was measured on; the figures are those of the code."""
        return {"how": f"{len(self._rows[TEST][0])} test images, each standardized"}

    def code_figures(self, encode: Map, autoencode: Map) -> dict[str, Any]:
        """Measure the codes beside principal components, and by the digits that they tell."""
        return measure_codes(self._rows[TRAINING], self._rows[TEST], encode, autoencode)

    @functools.cached_property
    def _rows(self) -> dict[int, tuple[Windows, NDArray[np.int64]]]:
        images = load_images(self.source, Path(self.path) if self.path else None, self.shape, self.seed)
        images[TRAINING] = images[TRAINING].take(slice(0, self.training_images))
        return {
            split: (standardize(part.rows.astype(np.float64)).astype(np.float32), part.labels)
            for split, part in images.items()
        }
