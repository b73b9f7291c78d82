"""Measure denoised images: PSNR, SSIM and what a classifier sees, before and after."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from denoise_stream.errors import needs_extra
from denoise_train.arrays import Windows
from denoise_train.data.image_files import Images
from denoise_train.dsp.metrics import snr_improvement_db

TESTED = (
    *(("white", deviation) for deviation in (0.1, 0.25, 0.5, 1.0)),
    *(("salt_and_pepper", share) for share in (0.2, 0.5)),
)
"""Noise that every network is tested on: kind, and standard deviation or share of the pixels."""

MOST_COMPARED = 500
"""Images that structural similarity and nearest neighbours are computed for."""

MOST_KNOWN = 5000
"""Clean training images that are searched for the nearest neighbour."""

MOUTH = ((0.64, 0.88), (0.2, 0.8))
"""Rows and columns of an aligned face between which the mouth lies, as shares of its height and width."""


def measure_images(
    clean: Images, noisy: Windows, denoised: Windows, known: Images, shape: Sequence[int]
) -> dict[str, Any]:
    """Measure denoised images beside noisy ones.

    Parameters
    ----------
    clean
        The test images.
    noisy, denoised
        float32 arrays ``(n, pixels)``.
    known
        Clean training images: an image is classified by the nearest of them, in Euclidean distance.
    shape
        Height and width.

    Returns
    -------
    ``psnr_db``, ``ssim`` (structural similarity) and ``sharpness`` (root mean square difference of neighbouring pixels
    relative to the clean images'; below 1 is blurred), each as [noisy, denoised]; ``recognised``, the share of images
    whose nearest training image shows the same, as [clean, noisy, denoised]; ``snr_improvement_db``.
    """
    with needs_extra("measuring images", "images"):
        from skimage.metrics import structural_similarity

    few = slice(0, MOST_COMPARED)
    window = min(7, *shape) - (min(7, *shape) + 1) % 2  # odd

    def similarity(rows: Windows) -> float:
        pairs = zip(clean.rows[few].reshape(-1, *shape), rows[few].reshape(-1, *shape), strict=True)
        return float(np.mean([structural_similarity(*pair, data_range=1.0, win_size=window) for pair in pairs]))

    compared = (noisy, denoised)
    edges = _edges(clean.rows, shape)
    gain = snr_improvement_db(*(rows.astype(np.float64) for rows in (clean.rows, noisy, denoised)))
    return {
        "snr_improvement_db": float(gain.mean()),
        "psnr_db": [_psnr_db(clean.rows, rows) for rows in compared],
        "ssim": [similarity(rows) for rows in compared],
        "sharpness": [_edges(rows, shape) / edges for rows in compared],
        "recognised": [_recognised(rows[few], clean.labels[few], known) for rows in (clean.rows, *compared)],
    }


def measure_mouth(
    clean: Images, noisy: Windows, denoised: Windows, known: Images, shape: Sequence[int]
) -> dict[str, list[float]]:
    """Measure how much of what distinguishes a face is lost at the mouth, and in the rest of the face.

    Parameters
    ----------
    clean, noisy, denoised, known, shape
        As in :func:`measure_images`, of faces that are aligned.

    Returns
    -------
    Root mean square error relative to that of the mean training face, as [noisy, denoised], of the ``mouth`` and of
    the ``rest``; 1 is an average face, 0 the face itself.
    """
    mouth = np.zeros(shape, dtype=bool)
    rows, columns = (slice(*(round(side * share) for share in part)) for side, part in zip(shape, MOUTH, strict=True))
    mouth[rows, columns] = True

    def errors(region: Any) -> list[float]:
        faces = clean.rows[:, region].astype(np.float64)
        detail = np.square(faces - known.rows[:, region].mean(axis=0)).mean()
        return [float(np.sqrt(np.square(rows[:, region] - faces).mean() / detail)) for rows in (noisy, denoised)]

    return {"mouth": errors(mouth.ravel()), "rest": errors(~mouth.ravel())}


def describe(figures: dict[str, Any]) -> str:
    """Say the peak signal-to-noise ratio and the similarity before and after."""
    (psnr, psnr_after), (ssim, ssim_after) = figures["psnr_db"], figures["ssim"]
    return f"PSNR {psnr:.1f} -> {psnr_after:.1f} dB, SSIM {ssim:.2f} -> {ssim_after:.2f}"


def _psnr_db(clean: Windows, rows: Windows) -> float:
    """Average the peak signal-to-noise ratio over images, 100 dB at most."""
    error = np.mean((rows.astype(np.float64) - clean) ** 2, axis=1)
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-10))))


def _edges(rows: Windows, shape: Sequence[int]) -> float:
    images = rows.reshape(-1, *shape)
    # Squares: blurring a step into a ramp leaves the sum of its differences as it is.
    return float(np.sqrt(np.square(np.diff(images, axis=1)).mean() + np.square(np.diff(images, axis=2)).mean()))


def _recognised(rows: Windows, labels: Any, known: Images) -> float:
    gallery = known.rows[:MOST_KNOWN]
    distance = (gallery**2).sum(axis=1) - 2 * rows @ gallery.T
    return float(np.mean(known.labels[:MOST_KNOWN][distance.argmin(axis=1)] == labels))
