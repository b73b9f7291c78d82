"""A mask predicted by cells that all bands of the spectrum share: the network of one window, and of whole signals.

The network is a convolutional autoencoder along frequency with a recurrent bottleneck. Groups of neighbouring bands
become positions; at every position the same gated recurrent unit runs over time, and small dense layers mix the
positions. Small speech enhancers share weights over frequency: X. Rong and others, GTCRN:
a speech enhancement model requiring ultralow computational resources, ICASSP 2024.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from denoise_train.arrays import Windows
from denoise_train.networks.frames import continued_mean, cut, overlap_add, running_mean
from denoise_train.networks.recurrence import OverSequences
from denoise_train.networks.spectra import POWER_FLOOR, Analysis, fixed_layers, single_transforms
from denoise_train.recipe import RecipeError

SLOW_FRAMES = 128.0
"""Frames over which the level is averaged: 0.6 s at 16 kHz and a hop of 75."""

FAST_FRAMES = 10.0
"""Frames over which the fast level is averaged, which notices sudden silence."""

MOST_ABOVE = 3.0
"""Most nepers (26 dB) of the slow level above the fast one, so that a loud sound does not deafen for long."""

Recur = Callable[[int, Any], Any]

RunCell = Callable[[keras.layers.GRUCell, Any, Any], Any]
"""Runs a cell over rows ``(steps, rows, units)`` from an output ``(rows, units)`` on; returns its outputs."""


class SharedMask:
    """Predict what to remove from the spectrum of the last samples, by cells that all bands share.

    The spectrum is that of the last ``analysis`` samples, of which only the newest ``window`` are returned, so that its
    bins are narrower than the latency would allow. The analysis window rises slowly and falls as fast as the engine's
    taper does: D. Mauler, R. Martin, A low delay, variable resolution, perfect reconstruction spectral
    analysis-synthesis system for speech enhancement, EUSIPCO 2007. The network sees log powers less their running mean
    and, of the single bins, by how much their phases advanced more than their centre frequencies do. It chooses the
    share of each bin or band to remove and, of the single bins, complex weights of the last ``taps`` spectra, removed
    as well (H. Schröter and others, DeepFilterNet, ICASSP 2022).

    The state holds the samples before the window, the slow and the fast level and the frames they were averaged over,
    the single bins of past spectra, and the recurrent cells' outputs.

    Parameters
    ----------
    window, hop
        Samples per window and from one to the next; the hop divides the window.
    analysis
        Samples per spectrum, a multiple of 4, at least ``window``.
    single_bins
        Bins from the lowest on that are seen and masked each by itself.
    bands
        Bands for the bins above, evenly apart in critical bands; between their centres the shares are interpolated.
    group
        Neighbouring bins or bands that make a position; it divides both numbers.
    channels
        Outputs of the recurrent cells, per position.
    mixing
        Width of the dense layers that mix the positions.
    depth
        Number of recurrent layers.
    taps
        Spectra, the present one included, that single bins are filtered over; 0 for a mask alone.
    """

    def __init__(
        self,
        window: int,
        hop: int,
        analysis: int,
        single_bins: int,
        bands: int,
        group: int,
        channels: int,
        mixing: int,
        depth: int,
        taps: int,
    ) -> None:
        if single_bins % (2 * group) or bands % group:
            raise RecipeError(f"group={group} must divide bands={bands}, and twice it single_bins={single_bins}")
        self._window, self._hop, self._past = window, hop, analysis - window
        self._single, self._group, self._channels, self._depth = single_bins, group, channels, depth
        self._positions = (single_bins + bands) // group
        self._taps, self._frames_back = taps, max(1, taps - 1)
        self._analysis = Analysis(window, analysis, single_bins, bands)
        self._parts = self._layers(single_transforms(window, analysis, single_bins), mixing)
        advance = 2 * np.pi * hop * np.arange(single_bins) / analysis
        width = self._positions * channels
        self._state_sizes = [self._past, 1, 1, 1, self._frames_back * 2 * single_bins, depth * width]
        self._turns = [np.exp(1j * advance * back).astype(np.complex64) for back in range(self._frames_back + 1)]
        self.step = self._build_step()

    def _build_step(self) -> keras.Model:
        """Build the network of one window: ``[noisy (batch, window), state]`` to ``[clean, state_out]``."""
        width, singles = self._positions * self._channels, 2 * self._single
        noisy = keras.Input((self._window,), name="noisy")
        state = keras.Input((sum(self._state_sizes),), name="state")
        past, slow, fast, frames, spectra, outputs = _split(state, self._state_sizes)
        samples = layers.Concatenate(name="samples")([past, noisy])
        log_power, spectrum = self._analysis.log_powers(samples)
        mean = ops.mean(log_power, axis=-1, keepdims=True)
        frames = ops.minimum(frames + 1, SLOW_FRAMES)
        slow = slow + (mean - slow) / frames
        fast = fast + (mean - fast) / ops.minimum(frames, FAST_FRAMES)
        present = self._parts["single"](samples)
        earlier = [spectra[:, back * singles : (back + 1) * singles] for back in range(self._frames_back)]
        later: list[Any] = []

        def recur(number: int, hidden: Any) -> Any:
            before = ops.reshape(outputs[:, number * width : (number + 1) * width], (-1, self._channels))
            cell = self._parts[f"recurrent_{number}"]
            output, _ = cell(ops.reshape(hidden, (-1, self._channels)), [before])
            later.append(ops.reshape(output, (-1, width)))
            return later[-1]

        features = log_power - ops.minimum(slow, fast + MOST_ABOVE)
        clean = noisy - self._taken_away(features, spectrum, [present, *earlier], recur)
        kept = samples[:, self._hop : self._hop + self._past]
        remembered = [present, *earlier][: self._frames_back]
        state_out = layers.Concatenate(name="state_out")([kept, slow, fast, frames, *remembered, *later])
        return keras.Model([noisy, state], [clean, state_out], name="shared_mask")

    def unrolled(self, samples: int) -> keras.Model:
        """Build the network to train: the same layers over whole signals, with the engine's taper and overlap-add.

        Parameters
        ----------
        samples
            Length of the signals, a multiple of the hop.

        Returns
        -------
        Network from ``(batch, samples)`` to ``(batch, samples)`` that shares the weights.
        """
        signal = keras.Input((samples,), name="signal")
        frames = cut(signal, self._hop, self._past, self._window)
        count = frames.shape[0]
        log_power, spectrum = self._analysis.log_powers(frames)
        mean = ops.mean(log_power, axis=-1)
        slow = ops.matmul(running_mean(count, SLOW_FRAMES), mean)
        fast = ops.matmul(running_mean(count, FAST_FRAMES), mean)
        present = self._parts["single"](frames)
        earlier = [
            ops.pad(present, ((back, 0), (0, 0), (0, 0)))[:count, :, :] for back in range(1, self._frames_back + 1)
        ]

        def recur(number: int, hidden: Any) -> Any:
            rows = ops.reshape(hidden, (count, -1, self._channels))
            output = OverSequences(self._parts[f"recurrent_{number}"])(rows)
            return ops.reshape(output, (count, -1, self._positions * self._channels))

        features = log_power - ops.minimum(slow, fast + MOST_ABOVE)[:, :, None]
        clean = frames[:, :, self._past :] - self._taken_away(features, spectrum, [present, *earlier], recur)
        return keras.Model(signal, overlap_add(clean, self._hop), name="shared_mask_unrolled")

    def over_block(self, run_cell: RunCell) -> keras.Model:
        """Build the network of consecutive windows of one signal, of which only the recurrence goes step by step.

        Parameters
        ----------
        run_cell
            Runs a cell over time.

        Returns
        -------
        Network ``[noisy (count, window), state (1, state_size)]`` to ``[clean (count, window), state_out]`` that
        computes what :attr:`step` does window by window, each a hop after the one before.
        """
        width, singles, back = self._positions * self._channels, 2 * self._single, self._frames_back
        noisy = keras.Input((self._window,), name="noisy")
        state = keras.Input((sum(self._state_sizes),), name="state")
        past, slow, fast, frames, spectra, outputs = _split(state, self._state_sizes)
        whole_hops = math.ceil(self._past / self._hop)
        unused = whole_hops * self._hop - self._past
        pieces = ops.reshape(ops.pad(past, ((0, 0), (unused, 0))), (whole_hops, self._hop))
        pieces = ops.concatenate([pieces, noisy[:, : self._hop]], axis=0)
        before = [pieces[first : first - whole_hops, :] for first in range(whole_hops)]
        samples = ops.concatenate([before[0][:, unused:], *before[1:], noisy], axis=1)
        log_power, spectrum = self._analysis.log_powers(samples)
        mean = ops.mean(log_power, axis=-1, keepdims=True)
        fast, _ = continued_mean(mean, fast, frames, FAST_FRAMES)
        slow, frames = continued_mean(mean, slow, frames, SLOW_FRAMES)
        present = self._parts["single"](samples)
        known = [spectra[:, number * singles : (number + 1) * singles] for number in reversed(range(back))]
        spectra = ops.concatenate([*known, present], axis=0)
        earlier = [spectra[back - number : -number, :] for number in range(1, back + 1)]
        later: list[Any] = []

        def recur(number: int, hidden: Any) -> Any:
            last = ops.reshape(outputs[:, number * width : (number + 1) * width], (-1, self._channels))
            rows = ops.reshape(hidden, (-1, self._positions, self._channels))
            output = ops.reshape(run_cell(self._parts[f"recurrent_{number}"], rows, last), (-1, width))
            later.append(output[-1:, :])
            return output

        features = log_power - ops.minimum(slow, fast + MOST_ABOVE)
        clean = noisy - self._taken_away(features, spectrum, [present, *earlier], recur)
        kept = ops.reshape(pieces[-whole_hops:, :], (1, whole_hops * self._hop))[:, unused:]
        levels = [level[-1:, :] for level in (slow, fast, frames)]
        remembered = [spectra[-back:, :][number : number + 1, :] for number in reversed(range(back))]
        state_out = layers.Concatenate(name="state_out")([kept, *levels, *remembered, *later])
        return keras.Model([noisy, state], [clean, state_out], name="shared_mask_block")

    def _layers(self, fixed: dict[str, Windows], mixing: int) -> dict[str, keras.Layer]:
        """Make the layers with trained weights; those of the transforms are fixed."""
        parts = fixed_layers(fixed)
        parts["encode"] = layers.Dense(self._channels, name="encode")
        parts["advances"] = layers.Dense(self._channels, use_bias=False, name="advances")
        for number in range(self._depth + 1):
            parts[f"gather_{number}"] = layers.Dense(mixing, activation="relu", name=f"gather_{number}")
            parts[f"mix_{number}"] = layers.Dense(self._positions * self._channels, name=f"mix_{number}")
        for number in range(self._depth):
            parts[f"recurrent_{number}"] = layers.GRUCell(self._channels, name=f"recurrent_{number}")
        parts["mask"] = layers.Dense(self._group, activation="sigmoid", name="mask")
        for name in (f"{part}_{tap}" for tap in range(self._taps) for part in ("real", "imaginary")):
            parts[name] = layers.Dense(self._group, activation="tanh", kernel_initializer="zeros", name=name)
        return parts

    def _turned(self, singles: Any, back: int) -> tuple[Any, Any]:
        """Rotate the single bins of a past spectrum by the phase that their centre frequencies advance until now."""
        real, imaginary = singles[..., : self._single], singles[..., self._single :]
        if not back:
            return real, imaginary
        turn = self._turns[back]
        return real * turn.real - imaginary * turn.imag, real * turn.imag + imaginary * turn.real

    def _advances(self, singles: list[Any]) -> Any:
        """Compute cosine and sine of how much more each single bin's phase advanced than its centre frequency."""
        real, imaginary = self._turned(singles[0], 0)
        before_real, before_imaginary = self._turned(singles[1], 1)
        along = real * before_real + imaginary * before_imaginary
        across = imaginary * before_real - real * before_imaginary
        scale = ops.rsqrt(ops.square(along) + ops.square(across) + POWER_FLOOR**2)
        shape = (*_leading(along), self._single // self._group, self._group)
        return ops.concatenate([ops.reshape(part * scale, shape) for part in (along, across)], axis=-1)

    def _taken_away(self, features: Any, spectrum: list[Any], singles: list[Any], recur: Recur) -> Any:
        """Run the layers, and transform the removed part of the spectrum back to the newest samples."""
        parts, positions, lead = self._parts, self._positions, _leading(features)
        seen = _with_neighbours(ops.reshape(features, (*lead, positions, self._group)))
        hidden = parts["encode"](seen)
        advances = parts["advances"](_with_neighbours(self._advances(singles)))
        none = ops.zeros_like(hidden[..., self._single // self._group :, :])
        hidden = ops.relu(hidden + ops.concatenate([advances, none], axis=-2))
        hidden = ops.reshape(hidden, (*lead, positions * self._channels))
        for number in range(self._depth + 1):
            hidden = hidden + parts[f"mix_{number}"](parts[f"gather_{number}"](hidden))
            if number < self._depth:
                hidden = hidden + recur(number, hidden)
        hidden = ops.reshape(hidden, (*lead, positions, self._channels))
        shares = ops.reshape(parts["mask"](hidden), (*lead, positions * self._group))
        away = self._analysis.taken_away(shares, spectrum)
        if not self._taps:
            return away
        return away + parts["single_synthesis"](self._filtered(hidden[..., : self._single // self._group, :], singles))

    def _filtered(self, hidden: Any, singles: list[Any]) -> Any:
        """Sum the single bins of the last spectra, each times its complex weight."""
        real = imaginary = 0.0
        for tap in range(self._taps):
            across, along = self._turned(singles[tap], tap)
            one, other = (
                ops.reshape(self._parts[f"{name}_{tap}"](hidden), (*_leading(across), self._single))
                for name in ("real", "imaginary")
            )
            real = real + one * across - other * along
            imaginary = imaginary + one * along + other * across
        return ops.concatenate([real, imaginary], axis=-1)


def _split(rows: Any, sizes: list[int]) -> list[Any]:
    """Split rows ``(batch, sum of sizes)`` into pieces."""
    ends = np.cumsum(sizes).tolist()
    return [rows[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _leading(tensor: Any) -> tuple[int, ...]:
    """Return the axes before the last one, the batch's as -1: ``(-1,)`` or ``(count, -1)``."""
    return (-1,) if len(tensor.shape) == 2 else (tensor.shape[0], -1)


def _with_neighbours(positions: Any) -> Any:
    """Concatenate each position with its neighbours, zero-padded: ``(..., positions, n)`` to ``(..., 3 n)``."""
    ends = ((0, 0),) * (len(positions.shape) - 2)
    padded = ops.pad(positions, (*ends, (1, 1), (0, 0)))
    count = positions.shape[-2]
    return ops.concatenate([padded[..., start : start + count, :] for start in range(3)], axis=-1)
