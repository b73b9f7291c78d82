"""Read and write image files: PNG, ``.npy`` and IDX."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.errors import DenoiseError, SourceError, first_line, needs_extra
from denoise_stream.files.array_files import load_arrays

Pixels = NDArray[Any]
"""Grey images ``(height, width)`` or ``(count, height, width)``: uint8, uint16, or floats from 0 to 1."""

STACKS = (".npy", ".idx", "-ubyte")
IDX_MAGIC = bytes((0, 0, 8, 3))
"""How a stack of images of bytes begins, as MNIST is published: type 8, three dimensions."""


def is_image_file(name: str) -> bool:
    """Tell whether a name is that of a file of images."""
    return name.lower().endswith((".png", *STACKS)) and Path(name).is_file()


def read_images(path: Path) -> Pixels:
    """Read the grey images of a file.

    Raises
    ------
    SourceError
        If it cannot be read, or holds something else.
    MissingExtra
        If it is a PNG and Pillow is not installed.
    """
    try:
        ending = path.suffix.lower()
        pixels = _read_png(path) if ending == ".png" else _read_npy(path) if ending == ".npy" else _read_idx(path)
    except DenoiseError:
        raise
    except Exception as error:  # what Pillow raises for broken files is not documented
        raise SourceError(f"cannot read images from {path}: {first_line(error)}") from error
    if pixels.dtype.kind != "f" and pixels.dtype not in (np.uint8, np.uint16):
        raise SourceError(f"{path} holds {pixels.dtype}; needed: uint8, uint16, or floats from 0 to 1")
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise SourceError(f"{path} has shape {pixels.shape}; needed: (height, width) or (count, height, width), grey")
    if pixels.dtype.kind == "f" and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise SourceError(f"{path} holds values from {pixels.min():g} to {pixels.max():g}; needed: 0 to 1, or uint8")
    return pixels


def write_images(path: Path, pixels: Pixels, ending: str) -> None:
    """Write images as a file of the kind that they were read from; ``ending`` is that file's."""
    if ending == ".png":
        from PIL import Image

        Image.fromarray(pixels).save(path, format="PNG")
    elif ending == ".npy":
        with path.open("wb") as file:
            np.save(file, pixels)
    else:
        path.write_bytes(IDX_MAGIC + struct.pack(">3I", *pixels.shape) + pixels.tobytes())


def _read_png(path: Path) -> Pixels:
    with needs_extra("reading PNG images", "images"):
        from PIL import Image
    with Image.open(path) as image:
        if image.mode not in ("1", "L", "I;16"):
            raise ValueError(f"its mode is {image.mode}; needed: a grey image without transparency (L)")
        return np.asarray(image.convert("L") if image.mode == "1" else image)


def _read_npy(path: Path) -> Pixels:
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    if is_archive:  # which could take much more memory than its size tells
        raise ValueError("it is an archive of several arrays; needed: one")
    return load_arrays(path)[""]


def _read_idx(path: Path) -> Pixels:
    data = path.read_bytes()
    if data[:4] != IDX_MAGIC or len(data) < 16:
        raise ValueError("it is not an IDX file of byte images")
    shape = struct.unpack(">3I", data[4:16])
    if len(data) - 16 != shape[0] * shape[1] * shape[2]:
        raise ValueError(
            f"its header promises {shape[0]} images of {shape[1]} x {shape[2]}, which its length does not match"
        )
    return np.frombuffer(data, np.uint8, offset=16).reshape(shape)
