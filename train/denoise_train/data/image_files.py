"""Load images with labels from Keras, scikit-learn, an ``.npz`` or a folder of faces, by split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream import SourceError
from denoise_stream.errors import first_line, needs_extra
from denoise_stream.files.array_files import load_arrays
from denoise_train.arrays import Windows
from denoise_train.data.lfw import FACES_PER_PERSON, read_lfw
from denoise_train.splits import TEST, TRAINING, VALIDATION

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
"""Shares of a set that comes without a test set of its own."""

FACE_SCALE = 0.4
"""What makes scikit-learn's Labeled Faces in the Wild 50 x 37."""


@dataclass(frozen=True)
class Images:
    """Images as ``rows`` of pixels, float32 ``(n, pixels)`` in [0, 1], and what each shows: a digit, a person."""

    rows: Windows
    labels: NDArray[np.int64]

    def take(self, chosen: NDArray[np.intp] | slice) -> "Images":
        """Return some of them."""
        return Images(self.rows[chosen], self.labels[chosen])


def load_images(
    source: str, path: Path | None, shape: Sequence[int], seed: int, faces_per_person: int = FACES_PER_PERSON
) -> dict[int, Images]:
    """Load a set of images, split into training, validation and test.

    A set with a test set of its own, as MNIST has it, gives every other image of that to validation. Any other is
    split at random by the seed.

    Parameters
    ----------
    source
        ``"mnist"`` or ``"faces"``: what is fetched where no path is given.
    path
        An ``.npz`` in Keras' layout (``x_train``, ``y_train``, ``x_test``, ``y_test``) or with ``images`` and, if it
        is known what they show, ``subject``, ``target`` or ``labels``; for faces also a folder, see
        :func:`~denoise_train.data.lfw.read_lfw`.
    shape
        Height and width to bring the images to: cut to the same proportions round their middle, and resized.
    seed
        Of the split.
    faces_per_person
        Pictures that a person must have in Labeled Faces in the Wild, fetched or in a folder.

    Raises
    ------
    SourceError
        If the images cannot be fetched or read.
    """
    if path is None:
        arrays = _fetch(source, faces_per_person)
    elif source == "faces" and path.is_dir():
        arrays = dict(zip(("images", "target"), read_lfw(path, faces_per_person), strict=True))
    else:
        arrays = _read(path)
    if "x_train" in arrays:
        training, held_out = (
            _images(arrays[f"x_{part}"], arrays.get(f"y_{part}"), shape) for part in ("train", "test")
        )
        return {
            TRAINING: training,
            VALIDATION: held_out.take(slice(0, None, 2)),
            TEST: held_out.take(slice(1, None, 2)),
        }
    labels = next((arrays[key] for key in ("subject", "target", "labels") if key in arrays), None)
    images = _images(arrays["images"], labels, shape)
    order = np.random.default_rng(seed).permutation(len(images.rows))
    first, second = round(len(order) * TEST_SHARE), round(len(order) * (TEST_SHARE + VALIDATION_SHARE))
    parts = {TEST: order[:first], VALIDATION: order[first:second], TRAINING: order[second:]}
    return {split: images.take(chosen) for split, chosen in parts.items()}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        arrays = load_arrays(path)
        if "" in arrays:
            raise ValueError("it is a single array; needed: an .npz")
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read images from {path}: {first_line(error)}") from error
    if not ({"x_train", "x_test"} <= set(arrays) or "images" in arrays):
        raise SourceError(f"{path} holds {', '.join(arrays)}; needed: x_train and x_test as Keras has them, or images")
    return arrays


def _fetch(source: str, faces_per_person: int) -> Mapping[str, Any]:
    try:
        return FETCHED[source](faces_per_person)
    except Exception as error:  # those of Keras, scikit-learn and urllib have no common base class but Exception
        brought = "an .npz or a folder lfw_home" if source == "faces" else "an .npz"
        raise SourceError(
            f"{source} cannot be fetched ({first_line(error)}); bring it as {brought} with --data PATH"
        ) from error


def _fetch_mnist(_: int) -> Mapping[str, Any]:
    import keras

    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _fetch_faces(faces_per_person: int) -> Mapping[str, Any]:
    with needs_extra("fetching faces", "images"):
        from sklearn.datasets import fetch_lfw_people
    faces = fetch_lfw_people(min_faces_per_person=faces_per_person, resize=FACE_SCALE)
    return {"images": faces.images, "target": faces.target}


FETCHED: dict[str, Callable[[int], Mapping[str, Any]]] = {"mnist": _fetch_mnist, "faces": _fetch_faces}
"""Sets that are fetched from the network, by name; faces of people with so many pictures."""


def _images(pixels: NDArray[Any], labels: NDArray[Any] | None, shape: Sequence[int]) -> Images:
    if pixels.ndim != 3 or not len(pixels):
        raise SourceError(f"the images are an array of shape {pixels.shape}; needed: (count, height, width), grey")
    whole = pixels.dtype.kind in "ui"
    scaled = pixels.astype(np.float32) / (np.iinfo(pixels.dtype).max if whole else max(1.0, float(pixels.max())))
    if not np.isfinite(scaled).all() or scaled.min() < 0:
        raise SourceError("the images hold negative or infinite values; needed: pixels from 0 to their largest value")
    if scaled.shape[1:] != tuple(shape):
        scaled = _resize(scaled, shape)
    known = np.zeros(len(scaled)) if labels is None else labels
    return Images(scaled.reshape(len(scaled), -1), np.asarray(known, dtype=np.int64))


def _resize(images: Windows, shape: Sequence[int]) -> Windows:
    with needs_extra("resizing images", "images"):
        from skimage.transform import resize
    (height, width), (wanted_height, wanted_width) = images.shape[1:], shape
    kept_height = min(height, round(width * wanted_height / wanted_width))
    kept_width = min(width, round(height * wanted_width / wanted_height))
    top, left = (height - kept_height) // 2, (width - kept_width) // 2
    cut = images[:, top : top + kept_height, left : left + kept_width]
    resized: Windows = resize(cut, (len(cut), *shape), anti_aliasing=True).astype(np.float32)
    return np.clip(resized, 0.0, 1.0)
