"""Scenes: speech and noise recordings come in, what a microphone hears and what should be left of it go out.

Everything here is drawn anew for each scene, so that a network meets rooms, microphones and levels in more
combinations than there are recordings.
"""

from collections.abc import Sequence

import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft

from denoise_train.arrays import Array, log_uniform
from denoise_train.recordings import Recordings
from denoise_train.speech_level import SILENT, level

EQUALIZER_POINTS = 8
"""Frequencies, evenly apart in octaves, between which a drawn response is a straight line in dB."""

LOWEST_HZ = 60.0


def draw_piece(rng: np.random.Generator, recordings: Recordings, length: int, most_change: float) -> Array:
    """Draw ``length`` samples of one recording, played up to ``most_change`` times as fast or slow."""
    speed = float(log_uniform(rng, 1 / most_change, most_change))
    index, start = recordings.place(rng, int(length * speed))
    piece = recordings.signals[index][start : start + int(length * speed) + 1]
    return np.asarray(soxr.resample(piece, round(100 * speed), 100, "LQ"), dtype=np.float64)[:length]


def draw_noise(rng: np.random.Generator, recordings: Recordings, length: int) -> Array:
    """Draw recorded noise: pieces one after the other, with pauses at times, until the length is full.

    In half of all scenes it is the same piece again and again, as steps and barks are; the pieces are about as loud
    as each other.
    """
    noise = np.zeros(length)
    at = 0
    repeated = rng.random() < 0.5
    piece = np.empty(0)
    while at < length:
        if not (repeated and len(piece)):
            piece = draw_piece(rng, recordings, length, 1.4)
            piece /= max(level(piece), SILENT)
        part = piece[: length - at]
        noise[at : at + len(part)] = part * log_uniform(rng, 0.4, 2.5)
        at += len(part)
        if rng.random() < 0.3:
            at += int(rng.exponential(0.1 * length))
    return noise


def draw_babble(rng: np.random.Generator, speech: Recordings, length: int) -> Array:
    """Draw several other speakers at once."""
    voices = [draw_piece(rng, speech, length, 1.2) for _ in range(int(rng.integers(2, 9)))]
    babble = np.zeros(length)
    for voice in voices:
        loudness = max(level(voice), SILENT)
        babble[: len(voice)] += voice / loudness * log_uniform(rng, 0.5, 1.0)
    return babble


def draw_coloured(rng: np.random.Generator, length: int, rate_hz: float) -> Array:
    """Draw noise of any colour that swells slowly: white noise through a drawn response and level."""
    noise = equalize(rng.normal(size=length), draw_response(rng, 15.0, 20.0), rate_hz)
    points = rng.normal(0.0, rng.uniform(0, 4), 6)
    return np.asarray(noise * 10 ** (np.interp(np.arange(length), np.linspace(0, length, 6), points) / 20))


def draw_hum(rng: np.random.Generator, length: int, rate_hz: float) -> Array:
    """Draw mains hum, or a motor: harmonics of a low tone, over coloured noise."""
    tone_hz = float(rng.choice([50.0, 60.0, rng.uniform(25, 300)]))
    times = np.arange(length) / rate_hz
    harmonics = np.arange(1, int(rng.integers(3, 30)))
    harmonics = harmonics[harmonics * tone_hz < 0.45 * rate_hz]
    levels = rng.exponential(size=len(harmonics)) / harmonics ** rng.uniform(0, 1.5)
    phases = rng.uniform(0, 2 * np.pi, len(harmonics))
    hum = sum(
        amplitude * np.sin(2 * np.pi * number * tone_hz * times + phase)
        for amplitude, number, phase in zip(levels, harmonics, phases, strict=True)
    )
    floor = draw_coloured(rng, length, rate_hz)
    return np.asarray(hum / max(float(np.std(hum)), SILENT) + floor / np.std(floor) * log_uniform(rng, 0.03, 1.0))


def draw_impacts(rng: np.random.Generator, length: int, rate_hz: float) -> Array:
    """Draw blows: bursts of coloured noise and ringing tones that die away, at random times."""
    noise = np.zeros(length)
    for start in np.flatnonzero(rng.random(length) < log_uniform(rng, 2, 30) / rate_hz):
        decay = float(log_uniform(rng, 0.003, 0.15)) * rate_hz
        times = np.arange(min(int(6 * decay), length - int(start)))
        tones = rng.uniform(200, 0.45 * rate_hz, int(rng.integers(1, 6)))
        ringing = np.sin(2 * np.pi * np.outer(tones, times) / rate_hz + rng.uniform(0, 6, (len(tones), 1))).mean(axis=0)
        burst = rng.uniform(0, 1) * ringing + rng.uniform(0, 1) * rng.normal(size=len(times)) * np.exp(
            -times / (0.3 * decay)
        )
        noise[start : start + len(times)] += log_uniform(rng, 0.2, 1.0) * burst * np.exp(-times / decay)
    return equalize(noise, draw_response(rng, 8.0, 0.0), rate_hz)


def draw_response(rng: np.random.Generator, deviation_db: float, most_tilt_db: float) -> Array:
    """Draw a frequency response: its values in dB at ``EQUALIZER_POINTS`` frequencies."""
    tilt = rng.uniform(-most_tilt_db, most_tilt_db) * np.linspace(-1, 1, EQUALIZER_POINTS)
    return np.asarray(tilt + rng.normal(0.0, deviation_db * rng.random(), EQUALIZER_POINTS))


def equalize(signal: Array, response_db: Array, rate_hz: float) -> Array:
    """Filter a signal by a response of zero phase, given in dB at frequencies evenly apart in octaves."""
    size = next_fast_len(len(signal) + int(0.05 * rate_hz), real=True)
    octaves = np.log2(np.maximum(np.arange(size // 2 + 1) * rate_hz / size, LOWEST_HZ) / LOWEST_HZ)
    at = np.linspace(0, octaves[-1], len(response_db))
    return np.asarray(irfft(rfft(signal, size) * 10 ** (np.interp(octaves, at, response_db) / 20), size)[: len(signal)])


def limit_band(signal: Array, cut_off_hz: float, rate_hz: float) -> Array:
    """Take everything above a frequency away, as a telephone or a codec does."""
    size = next_fast_len(len(signal) + int(0.05 * rate_hz), real=True)
    spectrum = rfft(signal, size)
    spectrum[int(cut_off_hz / rate_hz * size) :] = 0
    return np.asarray(irfft(spectrum, size)[: len(signal)])


def draw_jump(rng: np.random.Generator, length: int) -> Array:
    """Draw a gain that jumps once, down or back up by as much as 60 dB: somebody turns a knob."""
    gain = np.ones(length)
    quiet = slice(int(rng.integers(length)), None) if rng.random() < 0.5 else slice(int(rng.integers(length)))
    gain[quiet] = log_uniform(rng, 0.001, 0.5)
    return gain


def clip(rng: np.random.Generator, signal: Array) -> Array:
    """Clip a signal somewhere below its peak."""
    most = rng.uniform(0.2, 0.9) * float(np.abs(signal).max())
    return np.clip(signal, -most, most)


def reverberate(rng: np.random.Generator, signals: Sequence[Array], rate_hz: float) -> list[Array]:
    """Put signals into one room, each at its own place.

    The room is noise that decays by 60 dB in 0.1 to 0.8 s, behind the direct sound, and high frequencies
    die away first.
    """
    seconds = float(log_uniform(rng, 0.1, 0.8))
    size = int(seconds * rate_hz)
    times = np.arange(size) / rate_hz
    heard = []
    for signal in signals:
        echoes = rng.normal(size=size) * 10 ** (-3 * times / seconds)
        dull = np.linspace(0, -rng.uniform(0, 20), EQUALIZER_POINTS)
        echoes = equalize(echoes, dull, rate_hz)
        echoes[: int(rng.uniform(0.001, 0.01) * rate_hz)] = 0.0
        echoes *= log_uniform(rng, 0.1, 1.2) / max(float(np.sqrt(np.sum(echoes**2))), SILENT)
        echoes[0] = 1.0
        full = next_fast_len(len(signal) + size, real=True)
        heard.append(np.asarray(irfft(rfft(signal, full) * rfft(echoes, full), full)[: len(signal)]))
    return heard
