"""Denoise a file of images."""

from pathlib import Path

import numpy as np

from denoise_stream.arrays import Samples
from denoise_stream.contract import Contract
from denoise_stream.engine.mixing import check_mix
from denoise_stream.errors import SourceError
from denoise_stream.files.image_files import Pixels, read_images, write_images
from denoise_stream.files.paths import check_outputs, denoised_name, whole_file
from denoise_stream.model import Model

IMAGES_AT_ONCE = 256


def denoise_image_file(
    source: str, sink: str | None, model: str | None, *, mix: float = 1.0, force: bool = False
) -> str:
    """Denoise the images of a file.

    Parameters
    ----------
    source
        PNG, ``.npy`` or IDX file of grey images of the model's shape.
    sink
        Where they go, in the same format and type; None means ``NAME.denoised.EXT`` beside the source.
    model
        Path of a model whose contract says ``kind: image``; none is bundled, so it must be there.
    mix
        Share of the denoised images in the output, 0 to 1.
    force
        Replace a file that exists.

    Returns
    -------
    What was done, in words.

    Raises
    ------
    ValueError
        If ``sink``, ``model`` or ``mix`` cannot be used.
    SourceError, SinkError, ContractError
        If a file or the model cannot be used; the sentence says why.
    """
    if model is None:
        raise ValueError(
            f"{source} is for a model of images, and none is bundled; name one that you trained with --model"
        )
    path = Path(source)
    output = denoised_name(path) if sink is None else Path(sink)
    ending = path.suffix.lower()
    if sink in ("-", "null", "speaker"):
        raise ValueError(f"--output {sink} is for signals; images need a file")
    if output.suffix.lower() != ending and {ending, output.suffix.lower()} & {".png", ".npy"}:
        raise ValueError(f"--output {output}: images keep their format; end the name as {path.name} ends")
    check_mix(mix)
    check_outputs(output, force=force, inputs=(path,))
    network = Model(model, kind="image")
    noisy = read_images(path)
    if noisy.shape[-2:] != network.contract.shape:
        found, needed = (" x ".join(map(str, shape)) for shape in (noisy.shape[-2:], network.contract.shape))
        raise SourceError(f"{path} holds images of {found} pixels; {network.contract.name} takes {needed}")
    clean = denoise_images(network, noisy, mix)
    with whole_file(output, replace=force) as partial:
        write_images(partial, clean, ending)
    count = 1 if noisy.ndim == 2 else len(noisy)
    return f"{output}: {count} image{'s' if count > 1 else ''} denoised by {network.contract.name}"


def denoise_images(network: Model, noisy: Pixels, mix: float = 1.0) -> Pixels:
    """Denoise images ``(height, width)`` or ``(count, height, width)``; shape and type are kept."""
    white = float(np.iinfo(noisy.dtype).max) if noisy.dtype.kind == "u" else 1.0
    rows = noisy.reshape(-1, network.contract.window).astype(np.float64) / white
    clean = np.empty_like(rows)
    for start in range(0, len(rows), IMAGES_AT_ONCE):
        part = rows[start : start + IMAGES_AT_ONCE]
        shift, span = _scaling(network.contract, part)
        scaled = network.run(((part - shift) / span).astype(np.float32))
        clean[start : start + IMAGES_AT_ONCE] = np.clip(scaled * span + shift, 0.0, 1.0)
    mixed = (mix * clean + (1 - mix) * rows).reshape(noisy.shape) * white
    return (np.rint(mixed) if white > 1 else mixed).astype(noisy.dtype)


def _scaling(contract: Contract, rows: Samples) -> tuple[Samples, Samples]:
    """Return what is subtracted from each image, and what it is then divided by, ``(n, 1)`` each."""
    if contract.normalization == "none":
        return np.zeros((len(rows), 1)), np.ones((len(rows), 1))
    if contract.normalization == "minmax":
        shift, span = rows.min(axis=1, keepdims=True), np.ptp(rows, axis=1, keepdims=True)
    else:
        shift, span = rows.mean(axis=1, keepdims=True), rows.std(axis=1, keepdims=True)
    # An image of one grey has no range.
    return shift, np.where(span > 0, span, 1.0)
