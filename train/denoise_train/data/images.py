"""Images to denoise: digits or faces, with noise."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream.errors import needs_extra
from denoise_train.arrays import Windows
from denoise_train.data.image_figures import TESTED, describe, measure_images, measure_mouth
from denoise_train.data.image_files import Images, load_images
from denoise_train.data.image_noise import REPLACING, check_pixel_noise, disturb_pixels
from denoise_train.data.lfw import FACES_PER_PERSON
from denoise_train.data.protocol import Pairs
from denoise_train.recipe import RecipeError, check_number
from denoise_train.recordings.pairs import OwnData
from denoise_train.splits import TEST, TRAINING, VALIDATION, seeded


@dataclass(frozen=True)
class ImageData:
    """Images under noise that is drawn once, as the tutorial does it; the target is the clean image.

    A row is an image, line by line, pixels in [0, 1]. ``training_images`` of 0 means all; ``path``, empty for the
    network's, and ``faces_per_person`` are those of :func:`~denoise_train.data.image_files.load_images`.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    own: OwnData
    source: str
    shape: list[int]
    noise_deviation: float
    replaced: float
    training_images: int = 0
    faces_per_person: int = FACES_PER_PERSON
    path: str = ""

    windows_per_signal = 1
    judges_own = False

    def __post_init__(self) -> None:
        with needs_extra("measuring images", "images"):  # fail before the training, not after it
            import skimage as skimage
        where = "data 'images': "
        check_shape(where, self.shape, self.window, self.own)
        check_number(f"{where}noise_deviation", self.noise_deviation, 0)
        check_number(f"{where}replaced", self.replaced, 0, 1)
        check_number(f"{where}training_images", self.training_images, 0, whole=True)
        check_number(f"{where}faces_per_person", self.faces_per_person, 1, whole=True)
        try:
            check_pixel_noise(self.noise)
        except (TypeError, ValueError) as error:
            raise RecipeError(f"{where}{error}") from error

    @property
    def row_samples(self) -> int:
        """Pixels of an image."""
        return self.window

    @property
    def windows_per_block(self) -> int:
        """All training images: a block is an epoch."""
        return len(self._training.noisy)

    def block(self, number: int) -> Pairs:
        """Return all training images, in an order that is shuffled for each block."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self._training.noisy))
        return Pairs(self._training.noisy[order], self._training.target[order])

    def validation(self) -> Pairs:
        """Return the validation images under the training's noise."""
        return self._disturbed(VALIDATION, self.noise)

    def test(self) -> Pairs:
        """Return the test images under the training's noise."""
        return self._disturbed(TEST, self.noise)

    def examples(self, count: int) -> Pairs:
        """Return the first test images."""
        test = self.test()
        return Pairs(test.noisy[:count], test.target[:count])

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network on test images under the training's noise, lighter, heavier and other noise."""

        def measure(noisy: Windows) -> dict[str, Any]:
            denoised, (test, training) = denoise(noisy), (self.images[split] for split in (TEST, TRAINING))
            found = measure_images(test, noisy, denoised, training, self.shape)
            if self.source == "faces":
                found["detail_error"] = measure_mouth(test, noisy, denoised, training, self.shape)
            return found

        tests = {
            f"{kind} {level:g}": measure(self._disturbed(TEST, {kind: 1.0}, level).noisy)
            for kind, level in dict.fromkeys((*TESTED, ("white", self.noise_deviation), (REPLACING, self.replaced)))
        }
        own = measure(self.test().noisy)
        return own | {
            "tests": tests,
            "summary": f"on noisy test images {describe(own)}",
            "how": f"{len(self.images[TEST].rows)} test images; the 'tests' by kind and level of noise",
        }

    @functools.cached_property
    def images(self) -> dict[int, Images]:
        """The images by split."""
        path = Path(self.path) if self.path else None
        loaded = load_images(self.source, path, self.shape, self.seed, self.faces_per_person)
        if self.training_images:
            loaded[TRAINING] = loaded[TRAINING].take(slice(0, self.training_images))
        return loaded

    @functools.cached_property
    def _training(self) -> Pairs:
        return self._disturbed(TRAINING, self.noise)

    def _disturbed(self, split: int, shares: Mapping[str, float], level: float | None = None) -> Pairs:
        """Return images under noise; a level stands for both the deviation and the share of replaced pixels."""
        clean = self.images[split].rows
        deviation, replaced = (self.noise_deviation, self.replaced) if level is None else (level, level)
        return Pairs(disturb_pixels(seeded(self.seed, split), clean, shares, deviation, replaced), clean)


def check_shape(where: str, shape: Any, window: int, own: OwnData) -> None:
    """Refuse a shape that is not a window's, and recordings, which are not images."""
    if own:
        raise RecipeError(f"{where}images come with --data; they take no --clean, --noise, --pairs or --noisy")
    try:
        height, width = shape
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{where}shape={shape!r}; it must be a height and a width") from error
    check_number(f"{where}height", height, 1, whole=True)
    check_number(f"{where}width", width, 1, whole=True)
    if height * width != window:
        raise RecipeError(f"{where}shape={shape!r} has {height * width} pixels; it must have window={window}")
