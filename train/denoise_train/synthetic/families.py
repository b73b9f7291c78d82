"""Families of synthetic clean signals.

Every family is one function ``(rng, count, length) -> float64 array (count, length)``; ``count`` is 1 or more.
Time is measured in samples and structure is spread evenly over the whole length, so a crop of a
long signal looks like a short one. Amplitudes are arbitrary: mixing scales the noise, not the signal.
To add a family, write the function and list it in ``FAMILIES``.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import signal as scipy_signal

from denoise_train.arrays import Array, Draw, gaussian_process, log_uniform, standardize

# ------------------------------------------------------------------------------ drawing helpers


def _phase(rng: np.random.Generator, *shape: int) -> Array:
    return rng.uniform(0.0, 2.0 * np.pi, shape)


def _events(
    rng: np.random.Generator, count: int, length: int, spacing: Array, margin: int
) -> tuple[NDArray[np.intp], Array]:
    """Scatter events over each row at about one per ``spacing`` samples.

    Returns the row index and the position in samples of every event; positions reach
    ``margin`` samples beyond both ends so that events half outside occur too.
    """
    numbers = rng.poisson((length + 2 * margin) / spacing)
    numbers = np.clip(numbers, 1, length)
    rows = np.repeat(np.arange(count), numbers)
    positions = rng.uniform(-margin, length + margin, rows.size)
    return rows, positions


def _sum_by_row(rows: NDArray[np.intp], first: NDArray[np.intp], shapes: Array, count: int, length: int) -> Array:
    """Add up the shapes ``(events, reach)`` that belong to the same row, each from its first sample on."""
    reach = shapes.shape[1]
    total = np.zeros((count, length + 2 * reach))  # what lies beyond the ends is cut off
    place = np.clip(first, -reach, length)[:, None] + reach + np.arange(reach)
    np.add.at(total, (rows[:, None], place), shapes)
    return total[:, reach : reach + length]


def _times(first: NDArray[np.intp], reach: Array | float, length: int, zero: Array) -> Array:
    """Return times ``(events, reach)`` from the first samples on, not far beyond the end, with each event's zero."""
    most = min(int(np.ceil(np.max(reach))), length - int(first.min()))
    return first[:, None] + np.arange(most) - zero[:, None]


def _piecewise(rng: np.random.Generator, count: int, length: int, low: float, high: float) -> tuple[Array, Array]:
    """Draw the knots of one piecewise signal per row: positions and values, ``(count, knots)``."""
    spacing = log_uniform(rng, low, high, count, 1)
    knots = int(np.ceil(length / low)) + 3
    steps = spacing * rng.gamma(2.0, 0.5, (count, knots)) + 1.0
    positions = np.cumsum(steps, axis=1) - steps[:, :1] * rng.random((count, 1)) - 1.0
    positions[:, 0] = np.minimum(positions[:, 0], 0.0)
    values = rng.normal(size=(count, knots))
    walks = rng.random((count, 1)) < 0.3
    return positions, np.where(walks, np.cumsum(values, axis=1), values)


FADED, GONE = 25, 7
"""Where exponentials (time constants) and Gaussians (widths) end: what is left is below 2e-11."""


# ------------------------------------------------------------------------------------ families


def sines(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw sums of one to six sines with unrelated frequencies."""
    time = np.arange(length)
    total = np.zeros((count, length))
    numbers = rng.integers(1, 7, (count, 1))
    for index in range(6):
        frequency = log_uniform(rng, 1 / 400, 0.3, count, 1)
        amplitude = rng.exponential(size=(count, 1)) * (numbers > index)
        amplitude *= (frequency * 400) ** -rng.uniform(0, 0.7, (count, 1))
        total += amplitude * np.sin(2 * np.pi * frequency * time + _phase(rng, count, 1))
    return total


def harmonics(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw voiced sounds and machines: a drifting fundamental whose harmonics follow two resonances."""
    time = np.arange(length)
    fundamental = log_uniform(rng, 1 / 250, 0.08, count, 1)
    drift = 1 + rng.uniform(0, 0.08, (count, 1)) * np.sin(
        2 * np.pi * time / log_uniform(rng, 150, 2000, count, 1) + _phase(rng, count, 1)
    )
    phase = np.cumsum(2 * np.pi * fundamental * drift, axis=1)
    tilt = rng.uniform(0.5, 2.0, (count, 1))
    resonances = log_uniform(rng, 0.01, 0.3, count, 2)
    widths = log_uniform(rng, 0.005, 0.1, count, 2)
    total = np.zeros((count, length))
    for order in range(1, 31):
        frequency = order * fundamental
        gain = order**-tilt + (0.5 / (1 + ((frequency - resonances) / widths) ** 2)).sum(axis=1, keepdims=True)
        gain *= frequency < 0.45
        total += gain * np.sin(order * phase + _phase(rng, count, 1))
    envelope = 1 + rng.uniform(0, 1, (count, 1)) * np.sin(
        2 * np.pi * time / log_uniform(rng, 100, 2000, count, 1) + _phase(rng, count, 1)
    )
    return total * envelope


def chirps(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw sweeps between two frequencies, up and down, linear in log frequency."""
    period = log_uniform(rng, 100, 1500, count, 1)
    sweep = scipy_signal.sawtooth(2 * np.pi * np.arange(length) / period + _phase(rng, count, 1), width=0.5)
    low, high = np.sort(np.log(log_uniform(rng, 1 / 300, 0.35, count, 2)), axis=1).T[..., None]
    frequency = np.exp(low + (high - low) * (sweep + 1) / 2)
    return np.sin(np.cumsum(2 * np.pi * frequency, axis=1) + _phase(rng, count, 1))


def modulated_tones(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw carriers with amplitude and frequency modulation; deep modulation gives beats and bursts."""
    time = np.arange(length)
    rate = log_uniform(rng, 1 / 1000, 1 / 40, count, 1)
    carrier = log_uniform(rng, 1 / 60, 0.3, count, 1)
    index = rng.uniform(0, 3, (count, 1))
    depth = rng.uniform(0, 1.3, (count, 1))
    sharpness = rng.integers(1, 5, (count, 1))
    beat = 2 * np.pi * rate * time + _phase(rng, count, 1)
    tone = np.sin(2 * np.pi * carrier * time + index * np.sin(beat) + _phase(rng, count, 1))
    envelope = np.maximum(1 + depth * np.sin(beat + _phase(rng, count, 1)), 0) ** sharpness
    return tone * envelope


def ring_downs(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw decaying oscillations that start at random times: impacts, damped sensors, plucked strings."""
    rows, start = _events(rng, count, length, log_uniform(rng, 60, 500, count), 150)
    decay = log_uniform(rng, 8, 200, count, 1)[rows]
    first = np.floor(start).astype(np.intp)
    elapsed = _times(first, FADED * decay, length, start)
    frequency = log_uniform(rng, 1 / 120, 0.25, count, 1)[rows]
    frequency = frequency * np.exp(rng.normal(0, 0.1, (rows.size, 1)))
    amplitude = rng.normal(size=(rows.size, 1))
    positive = np.maximum(elapsed, 0)
    attack = 1 - np.exp(-positive / (decay * rng.uniform(0.005, 0.3, (rows.size, 1))))
    shape = np.sin(2 * np.pi * frequency * positive + _phase(rng, rows.size, 1))
    ringing = np.where(elapsed >= 0, amplitude * attack * np.exp(-positive / decay) * shape, 0)
    return _sum_by_row(rows, first, ringing, count, length)


def polynomials(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw smooth trends: polynomials of degree 1 to 6 over about one window, joined smoothly."""
    knots = int(np.ceil(length / 30)) + 8
    scale = log_uniform(rng, 30, 300, count, 1)
    walk = np.cumsum(rng.normal(size=(count, knots)), axis=1)
    stiff = rng.random((count, 1)) < 0.5
    values = np.where(stiff, walk, rng.normal(size=(count, knots)))
    position = np.arange(length) / scale + rng.random((count, 1))
    cell = position.astype(np.intp)
    t = position - cell
    p0, p1, p2, p3 = (np.take_along_axis(values, cell + offset, axis=1) for offset in range(4))
    # Uniform cubic B-spline: pieces of degree 3, two continuous derivatives.
    spline: Array = (
        (1 - t) ** 3 * p0 + (3 * t**3 - 6 * t**2 + 4) * p1 + (-3 * t**3 + 3 * t**2 + 3 * t + 1) * p2 + t**3 * p3
    ) / 6
    return spline


def piecewise_lines(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw straight lines between random knots: ramps, triangles, saw teeth."""
    positions, values = _piecewise(rng, count, length, 12, 400)
    time = np.arange(length)
    signals = np.empty((count, length))
    for row in range(count):
        signals[row] = np.interp(time, positions[row], values[row])
    return signals


def steps(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw levels that change at once: switches, regimes, quantities that are counted."""
    positions, values = _piecewise(rng, count, length, 12, 400)
    two_levels = rng.random((count, 1)) < 0.3
    values = np.where(two_levels, np.sign(values), values)
    time = np.arange(length)
    index = (positions[:, :, None] <= time).sum(axis=1)
    return np.asarray(np.take_along_axis(values, np.minimum(index, values.shape[1] - 1), axis=1))


def periodic_shapes(rng: np.random.Generator, count: int, length: int) -> Array:
    """Square, triangle, saw-tooth and trapezoid waves."""
    period = log_uniform(rng, 12, 500, count, 1)
    cycle = (np.arange(length) / period + rng.random((count, 1))) % 1.0
    duty = rng.uniform(0.05, 0.95, (count, 1))
    triangle = np.minimum(cycle / duty, (1 - cycle) / (1 - duty)) - 0.5
    gain = np.where(rng.random((count, 1)) < 0.4, 1.0, log_uniform(rng, 1, 40, count, 1))
    trapezoid = np.clip(triangle * gain, -0.5, 0.5)
    return np.where(rng.random((count, 1)) < 0.3, np.where(cycle < duty, 0.5, -0.5), trapezoid)


def pulses(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw isolated pulses on a flat line: Gaussian, rectangular, triangular, one-sided exponential."""
    rows, centre = _events(rng, count, length, log_uniform(rng, 30, 400, count), 40)
    width = log_uniform(rng, 1.2, 40, count, 1)[rows]
    width = width * np.exp(rng.normal(0, 0.15, (rows.size, 1)))
    before = int(GONE * width.max())
    first = np.floor(centre).astype(np.intp) - before
    u = _times(first, before + FADED * width, length, centre) / width
    kind = rng.integers(4, size=(count, 1))[rows]
    shape = np.select(
        [kind == 0, kind == 1, kind == 2],
        [np.exp(-0.5 * u**2), (np.abs(u) < 1).astype(float), np.maximum(1 - np.abs(u), 0)],
        np.where(u >= 0, np.exp(-np.maximum(u, 0)), 0.0),
    )
    both_signs = (rng.random((count, 1)) < 0.5)[rows]
    amplitude = log_uniform(rng, 0.3, 1.5, rows.size, 1)
    sign = np.where(both_signs & (rng.random((rows.size, 1)) < 0.5), -1.0, 1.0)
    return _sum_by_row(rows, first, amplitude * sign * shape, count, length)


def heart_beats(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw ECG-like trains: P, QRS and T waves as Gaussians, with varying rhythm and a slow baseline."""
    interval = log_uniform(rng, 60, 450, count, 1)
    beats = int(np.ceil(length / 40)) + 3
    jitter = np.exp(rng.normal(0, 0.08, (count, beats)))
    onset = np.cumsum(interval * jitter, axis=1) - interval * rng.uniform(0, 2, (count, 1))
    # Centre (share of the beat), width (share), amplitude of P, Q, R, S, T; each row varies them.
    waves = np.array(
        [
            [-0.20, 0.025, 0.12],
            [-0.03, 0.009, -0.12],
            [0.0, 0.011, 1.0],
            [0.03, 0.010, -0.22],
            [0.30, 0.050, 0.28],
        ]
    )
    span = np.minimum(interval, 330.0)
    total = np.zeros((count, length))
    rows = np.repeat(np.arange(count), beats)
    for centre, width, height in waves:
        centres = centre * np.exp(rng.normal(0, 0.2, (count, 1))) * span
        widths = np.maximum(width * np.exp(rng.normal(0, 0.35, (count, 1))) * span, 0.8)
        heights = height * rng.normal(1, 0.5, (count, 1))
        middle = (onset + centres).ravel()
        first = np.floor(middle - GONE * widths.max()).astype(np.intp)
        u = _times(first, 2 * GONE * widths.max() + 1, length, middle) / widths[rows]
        total += _sum_by_row(rows, first, heights[rows] * np.exp(-0.5 * u**2), count, length)
    wander = rng.uniform(0, 0.25, (count, 1)) * np.sin(
        2 * np.pi * np.arange(length) / log_uniform(rng, 300, 3000, count, 1) + _phase(rng, count, 1)
    )
    return np.where(rng.random((count, 1)) < 0.2, -total, total) + wander


def relaxations(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw first-order responses to level changes: temperatures, capacitors, tanks."""
    level = steps(rng, count, length)
    pole = np.exp(-1 / log_uniform(rng, 3, 150, count))
    signals = np.empty((count, length))
    for row, p in enumerate(pole):
        signals[row], _ = scipy_signal.lfilter([1 - p], [1, -p], level[row], zi=[p * level[row, 0]])
    return signals


def band_limited_processes(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw gaussian random processes with a random cut-off and roll-off, some with a lower edge too."""
    frequency = np.fft.rfftfreq(2 * length)
    cut_off = log_uniform(rng, 1 / 300, 0.3, count, 1)
    order = log_uniform(rng, 1, 12, count, 1)
    gain = 1 / np.sqrt(1 + (frequency / cut_off) ** (2 * order))
    lower = cut_off * rng.uniform(0.1, 0.9, (count, 1))
    band = rng.random((count, 1)) < 0.3
    edge = 1 - 1 / np.sqrt(1 + (frequency / lower) ** (2 * order))
    return gaussian_process(rng, np.where(band, gain * edge, gain), length)


def power_law_processes(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw rough processes with spectra f^-a, a from 1 to 4: random walks, terrain, turbulence."""
    frequency = np.fft.rfftfreq(2 * length)
    exponent = rng.uniform(1.0, 4.0, (count, 1))
    corner = log_uniform(rng, 1 / 2000, 1 / 40, count, 1)
    return gaussian_process(rng, (corner**2 + frequency**2) ** (-exponent / 4), length)


def resonances(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw noise-driven oscillators (second-order autoregressive): vibration, brain rhythms, waves."""
    frequency = np.fft.rfftfreq(2 * length)
    total = np.zeros((count, frequency.size))
    for _ in range(2):
        centre = log_uniform(rng, 1 / 150, 0.3, count, 1)
        damping = log_uniform(rng, 0.01, 0.3, count, 1)
        ratio = frequency / centre
        weight = rng.random((count, 1))
        total += weight / np.sqrt((1 - ratio**2) ** 2 + (2 * damping * ratio) ** 2)
    return gaussian_process(rng, total, length)


def bursts(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw random processes that come and go: muscle activity, consonants, seismic arrivals."""
    texture = band_limited_processes(rng, count, length)
    frequency = np.fft.rfftfreq(2 * length)
    pace = log_uniform(rng, 1 / 600, 1 / 60, count, 1)
    slow = gaussian_process(rng, np.exp(-0.5 * (frequency / pace) ** 2), length)
    return texture * np.exp(rng.uniform(0.5, 2.0, (count, 1)) * standardize(slow))


FAMILIES: dict[str, Draw] = {
    draw.__name__: draw
    for draw in (
        sines,
        harmonics,
        chirps,
        modulated_tones,
        ring_downs,
        polynomials,
        piecewise_lines,
        steps,
        periodic_shapes,
        pulses,
        heart_beats,
        relaxations,
        band_limited_processes,
        power_law_processes,
        resonances,
        bursts,
    )
}
"""The families by name."""
