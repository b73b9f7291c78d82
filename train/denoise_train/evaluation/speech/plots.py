"""Plot an evaluation of speech: gains and spectrograms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from denoise_stream.files.paths import picture_format
from denoise_stream.runs.plots import DENOISED_COLOUR, NOISY_COLOUR
from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.compare import SpeechEvaluation

FRAME = 512
"""Samples per spectrum: 32 ms at 16 kHz, so that the harmonics of most voices are apart."""

RANGE_DB = 70.0
"""Range of the colours in dB below the loudest spot of a row."""


def draw_gains(evaluation: SpeechEvaluation, path: Path, title: str) -> None:
    """Draw each method's gain in each score against the input SNR, one panel per score, the model bold."""
    scores = evaluation.scores
    figure = Figure(figsize=(4.3 * len(scores), 4.2), layout="constrained")
    panels: Any = figure.subplots(1, len(scores))
    for axes, score in zip(panels, scores, strict=True):
        axes.axhline(0, color=NOISY_COLOUR, linewidth=1.0, label="no processing")
        for index, peer in enumerate(evaluation.peers):
            gain = evaluation.gain(peer, score.key)
            axes.plot(evaluation.snr_db, gain, color=f"C{index + 1}", marker="o", markersize=4, label=peer.name)
        bold: dict[str, Any] = {"color": DENOISED_COLOUR, "linewidth": 3.5, "marker": "o", "zorder": 3}
        axes.plot(evaluation.snr_db, evaluation.gain(evaluation.model, score.key), label=evaluation.model.name, **bold)
        label = f"{score.word} in dB" if score.improvement else score.word
        axes.set(xlabel="SNR of the input in dB", title=f"improvement of {label}", xticks=evaluation.snr_db)
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2 + len(evaluation.peers))
    figure.suptitle(title)
    figure.savefig(path, format=picture_format(path), dpi=110)


def draw_spectrograms(
    noisy: Array, denoised: Array, clean: Array, labels: Sequence[str], path: Path, title: str
) -> None:
    """Draw spectrograms of signals ``(n, length)`` at 16 kHz, a row each, in dB below the row's loudest clean spot."""
    figure = Figure(figsize=(15, 2.3 * len(noisy) + 0.8), layout="constrained")
    grid: Any = figure.subplots(len(noisy), 3, squeeze=False, sharex=True, sharey=True)
    transform = ShortTimeFFT(hann(FRAME, sym=False), FRAME // 4, RATE_HZ)
    image: Any = None
    for row, label in enumerate(labels):
        loudest = np.abs(transform.stft(clean[row])).max()
        for column, (name, signals) in enumerate((("noisy", noisy), ("denoised", denoised), ("clean", clean))):
            magnitude = np.abs(transform.stft(signals[row])) / loudest
            axes = grid[row][column]
            image = axes.imshow(
                20 * np.log10(np.maximum(magnitude, 1e-6)),
                origin="lower",
                aspect="auto",
                extent=(0, len(signals[row]) / RATE_HZ, 0, RATE_HZ / 2000),
                vmin=-RANGE_DB,
                vmax=0,
                cmap="magma",
            )
            axes.set_title(f"{name}: {label}" if column == 0 else name, fontsize=9, loc="left")
        grid[row][0].set_ylabel("kHz")
    for axes in grid[-1]:
        axes.set_xlabel("s")
    figure.colorbar(image, ax=grid, label="dB", shrink=0.6, aspect=30)
    figure.suptitle(title)
    figure.savefig(path, format=picture_format(path), dpi=100)
