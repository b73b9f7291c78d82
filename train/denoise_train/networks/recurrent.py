"""Networks with a memory: what a window is denoised with, and the same layers over whole sequences to train them.

A stateful network takes one window and its state per call, ``[noisy (batch, window), state (batch, state_size)]`` to
``[clean, state_out]``, and begins with a state of zeros. :func:`unrolled` makes of it what is trained, a network from
a signal ``(batch, samples)`` to what the engine makes of it: the same layers over all its windows, under the engine's
taper and overlap-add.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from denoise_stream.engine.overlap_add import taper
from denoise_train.arrays import Windows
from denoise_train.networks.recurrence import OverSequences
from denoise_train.networks.spectra import analysis_window, band_matrices, transforms
from denoise_train.recipe import RecipeError

POWER_FLOOR = 1e-7
"""Added to the power of a bin; that of 16-bit quantization is near 1e-8, in units of full scale."""

LEVEL_FRAMES = 128.0
"""Frames over which the level is averaged: 0.6 s at 16 kHz and a hop of 75."""


def spectral_mask(
    window: int, hop: int, analysis: int, single_bins: int, bands: int, width: int, depth: int
) -> keras.Model:
    """Build a network that takes shares away from the spectrum of the last samples, by what it heard before.

    The spectrum is that of the last ``analysis`` samples, of which only the newest ``window`` are given back, so that
    its bins are narrower than the latency allows otherwise. The analysis window rises slowly and falls as fast as the
    engine's taper does: D. Mauler, R. Martin, A low delay, variable resolution, perfect reconstruction spectral
    analysis-synthesis system for speech enhancement, EUSIPCO 2007. Recurrent layers see log powers, of single bins
    where the harmonics of a voice lie apart and of bands above, less their common running mean; the shares that they
    choose to take away are subtracted from the window.

    The state holds the samples before the window, the level and the frames it was averaged over, and the recurrent
    layers' outputs.

    Parameters
    ----------
    window, hop
        Samples per window and from one to the next.
    analysis
        Samples per spectrum, a multiple of 4, at least ``window``.
    single_bins
        Bins from the lowest on that are seen and masked each by itself.
    bands
        Bands for the bins above, evenly apart in critical bands; between their centres the shares are interpolated.
    width
        Outputs of each recurrent layer.
    depth
        Number of recurrent layers.
    """
    if analysis < window or analysis % 4:
        raise RecipeError(f"analysis={analysis} must be a multiple of 4 and at least window={window}")
    if not 0 < single_bins <= analysis // 2 - 2 or bands < 2:
        raise RecipeError(f"single_bins={single_bins} and bands={bands} do not share out {analysis // 2} bins")
    past = analysis - window
    noisy = keras.Input((window,), name="noisy")
    state = keras.Input((past + 2 + depth * width,), name="state")
    samples = layers.Concatenate(name="samples")([state[:, :past], noisy])
    parts = _layers(window, analysis, single_bins, bands, width, depth)
    log_power, spectrum = _analyse(parts, samples)
    frames = ops.minimum(state[:, past + 1 : past + 2] + 1, LEVEL_FRAMES)
    level = state[:, past : past + 1]
    level = level + (ops.mean(log_power, axis=-1, keepdims=True) - level) / frames
    hidden = parts["dense"](log_power - level)
    outputs = []
    for number in range(depth):
        start = past + 2 + number * width
        recurrent, _ = parts[f"recurrent_{number}"](hidden, [state[:, start : start + width]])
        outputs.append(recurrent)
        hidden = hidden + recurrent
    clean = noisy - _taken_away(parts, hidden, spectrum)
    state_out = layers.Concatenate(name="state_out")([samples[:, hop : hop + past], level, frames, *outputs])
    return keras.Model([noisy, state], [clean, state_out], name="spectral_mask")


def unrolled(network: keras.Model, hop: int, samples: int) -> keras.Model:
    """Run a stateful network's layers over whole signals, from a state of zeros, as the engine runs the network.

    Parameters
    ----------
    network
        What :func:`spectral_mask` built, or was loaded from where it was saved.
    hop
        Samples from one window to the next; it divides the window and ``samples``.
    samples
        Length of the signals.

    Returns
    -------
    Network from ``(batch, samples)`` to ``(batch, samples)`` that shares the weights.
    """
    window = network.input_shape[0][1]
    state_size = network.input_shape[1][1]
    parts = {layer.name: layer for layer in network.layers}
    depth = sum(name.startswith("recurrent_") for name in parts)
    width = parts["dense"].units
    past = state_size - 2 - depth * width
    if window % hop or samples % hop:
        raise RecipeError(f"hop={hop} must divide window={window} and the {samples} samples of a sequence")
    signal = keras.Input((samples,), name="signal")
    count = samples // hop - window // hop + 1
    frames = _cut(signal, hop, past, window, count)
    log_power, spectrum = _analyse(parts, frames)
    level = ops.matmul(_running_mean(count), ops.mean(log_power, axis=-1, keepdims=True))
    hidden = parts["dense"](log_power - level)
    for number in range(depth):
        hidden = hidden + OverSequences(parts[f"recurrent_{number}"])(hidden)
    clean = frames[:, :, past:] - _taken_away(parts, hidden, spectrum)
    return keras.Model(signal, _overlap_add(clean, hop, count), name=f"{network.name}_unrolled")


def over_rows(network: keras.Model, hop: int, samples: int) -> keras.Model:
    """Give what is trained on rows of ``samples``: a network of windows itself, a stateful one unrolled."""
    return unrolled(network, hop, samples) if len(network.inputs) == 2 else network


def _layers(window: int, analysis: int, single_bins: int, bands: int, width: int, depth: int) -> dict[str, keras.Layer]:
    """Make what has weights; those of the transforms and the bands are fixed."""
    fixed = transforms(window, analysis) | band_matrices(analysis, single_bins, bands)
    parts: dict[str, keras.Layer] = {}
    for name, matrix in fixed.items():
        parts[name] = layers.Dense(matrix.shape[1], use_bias=False, trainable=False, name=name)
        parts[name].build((None, matrix.shape[0]))
        parts[name].set_weights([matrix])
    parts["dense"] = layers.Dense(width, activation="relu", name="dense")
    parts["mask"] = layers.Dense(single_bins + bands, activation="sigmoid", name="mask")
    for number in range(depth):
        parts[f"recurrent_{number}"] = layers.GRUCell(width, name=f"recurrent_{number}")
    return parts


def _analyse(parts: dict[str, keras.Layer], samples: Any) -> tuple[Any, list[Any]]:
    """Transform samples ``(..., analysis)``: the bands' log power, and even and odd bins' real and imaginary parts."""
    half = parts["even"].units
    window = parts["synthesis"].units
    windowed = samples * analysis_window(window, 2 * half).astype(np.float32)
    first, second = windowed[..., :half], windowed[..., half:]
    spectrum = []
    for part in (parts["even"](first + second), parts["odd"](first - second)):
        spectrum += [part[..., : half // 2], part[..., half // 2 :]]
    powers = [ops.square(spectrum[place]) + ops.square(spectrum[place + 1]) for place in (0, 2)]
    return 0.5 * ops.log(parts["bands"](ops.concatenate(powers, axis=-1)) + POWER_FLOOR), spectrum


def _taken_away(parts: dict[str, keras.Layer], hidden: Any, spectrum: list[Any]) -> Any:
    """Transform back what the mask takes away from the newest samples."""
    quarter = parts["spread"].units // 2
    share = parts["spread"](parts["mask"](hidden))
    halves = [share[..., :quarter], share[..., quarter:]]
    taken = [halves[number // 2] * part for number, part in enumerate(spectrum)]
    return parts["synthesis"](ops.concatenate(taken, axis=-1))


def _cut(signal: Any, hop: int, past: int, window: int, count: int) -> Any:
    """Cut signals into frames ``(batch, count, past + window)``, zeros before their start."""
    before = math.ceil(past / hop)
    pieces = ops.reshape(ops.pad(signal, ((0, 0), (before * hop, 0))), (-1, before + signal.shape[1] // hop, hop))
    frames = ops.concatenate([pieces[:, first : first + count] for first in range(before + window // hop)], axis=-1)
    return frames[:, :, before * hop - past :]


def _running_mean(count: int) -> Windows:
    """Give the matrix ``(count, count)`` of the level's average over frames, as the state computes it."""
    weights = np.zeros((count, count), np.float32)
    row = np.zeros(count)
    for frame in range(count):
        share = 1 / min(frame + 1, LEVEL_FRAMES)
        row = row * (1 - share)
        row[frame] = share
        weights[frame] = row
    return weights


def _overlap_add(frames: Any, hop: int, count: int) -> Any:
    """Recombine frames ``(batch, count, window)`` by the engine's equation to ``(batch, samples)``."""
    window = frames.shape[2]
    overlap = window // hop
    weights = taper(window).astype(np.float32)
    weighted = frames * weights
    total = np.zeros((count + overlap - 1, hop), np.float32)
    pieces = []
    for part in range(overlap):
        place = slice(part * hop, (part + 1) * hop)
        total[part : part + count] += weights[place]
        pieces.append(ops.pad(weighted[:, :, place], ((0, 0), (part, overlap - 1 - part), (0, 0))))
    return ops.reshape(sum(pieces[1:], pieces[0]) / total, (-1, total.size))
