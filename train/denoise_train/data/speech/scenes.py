"""Mix scenes: what a microphone hears, and the speech in it, from recordings of speech and noise.

Everything here is redrawn for each scene, so that a network meets rooms, microphones and levels in more
combinations than there are recordings.
"""

import math
from collections.abc import Sequence

import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft

from denoise_train.arrays import Array, log_uniform
from denoise_train.dsp.speech_level import FRAME, RATE_HZ, SILENT, active_level, at_level_1
from denoise_train.recordings.pieces import audible_stretch
from denoise_train.recordings.recordings import Recordings

EQUALIZER_POINTS = 8
"""Frequencies, evenly apart in octaves, between which a drawn response is a straight line in dB."""

LOWEST_HZ = 60.0

GATED_DB = -60.0
"""Pauses this far below the words were made silent by a gate."""


def draw_piece(rng: np.random.Generator, recordings: Recordings, length: int, most_change: float) -> Array:
    """Draw ``length`` samples of a recording, or all of a shorter one, up to ``most_change`` times as fast or slow."""
    percent = round(100 * float(log_uniform(rng, 1 / most_change, most_change)))
    stretch = audible_stretch(rng, recordings.one(rng), math.ceil(length * percent / 100))
    return np.asarray(soxr.resample(stretch, percent, 100, "LQ"), dtype=np.float64)[:length]


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
            piece = at_level_1(draw_piece(rng, recordings, length, 1.4))
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
        babble[: len(voice)] += at_level_1(voice) * log_uniform(rng, 0.5, 1.0)
    return babble


def draw_coloured(rng: np.random.Generator, length: int) -> Array:
    """Draw noise of any colour that swells slowly: white noise through a drawn response and level."""
    noise = equalize(rng.normal(size=length), draw_response(rng, 15.0, 20.0))
    points = rng.normal(0.0, rng.uniform(0, 4), 6)
    return np.asarray(noise * 10 ** (np.interp(np.arange(length), np.linspace(0, length, 6), points) / 20))


def with_room_tone(rng: np.random.Generator, voice: Array) -> Array:
    """Add faint room noise to speech whose pauses were gated, so that room tone is not taken for noise."""
    loud = active_level(voice)
    frames = voice[: len(voice) // FRAME * FRAME].reshape(-1, FRAME)
    floor = float(np.quantile(np.sqrt(np.mean(np.square(frames), axis=1)), 0.05)) if len(frames) else loud
    if floor > loud * 10 ** (GATED_DB / 20) or rng.random() < 0.3:
        return voice
    return voice + at_level_1(draw_coloured(rng, len(voice))) * loud * 10 ** (rng.uniform(-70, -45) / 20)


def draw_hum(rng: np.random.Generator, length: int) -> Array:
    """Draw mains hum, or a motor: harmonics of a low tone, over coloured noise."""
    tone_hz = float(rng.choice([50.0, 60.0, rng.uniform(25, 300)]))
    times = np.arange(length) / RATE_HZ
    harmonics = np.arange(1, int(rng.integers(3, 30)))
    harmonics = harmonics[harmonics * tone_hz < 0.45 * RATE_HZ]
    levels = rng.exponential(size=len(harmonics)) / harmonics ** rng.uniform(0, 1.5)
    phases = rng.uniform(0, 2 * np.pi, len(harmonics))
    hum = sum(
        amplitude * np.sin(2 * np.pi * number * tone_hz * times + phase)
        for amplitude, number, phase in zip(levels, harmonics, phases, strict=True)
    )
    floor = draw_coloured(rng, length)
    return np.asarray(hum / max(float(np.std(hum)), SILENT) + floor / np.std(floor) * log_uniform(rng, 0.03, 1.0))


def draw_impacts(rng: np.random.Generator, length: int) -> Array:
    """Draw blows, one at least: bursts of coloured noise and ringing tones that die away, at random times."""
    noise = np.zeros(length)
    blows = np.flatnonzero(rng.random(length) < log_uniform(rng, 2, 30) / RATE_HZ)
    for start in np.append(blows, rng.integers(length)):
        decay = float(log_uniform(rng, 0.003, 0.15)) * RATE_HZ
        times = np.arange(min(int(6 * decay), length - int(start)))
        tones = rng.uniform(200, 0.45 * RATE_HZ, int(rng.integers(1, 6)))
        ringing = np.sin(2 * np.pi * np.outer(tones, times) / RATE_HZ + rng.uniform(0, 6, (len(tones), 1))).mean(axis=0)
        burst = rng.uniform(0, 1) * ringing + rng.uniform(0, 1) * rng.normal(size=len(times)) * np.exp(
            -times / (0.3 * decay)
        )
        noise[start : start + len(times)] += log_uniform(rng, 0.2, 1.0) * burst * np.exp(-times / decay)
    return equalize(noise, draw_response(rng, 8.0, 0.0))


def draw_response(rng: np.random.Generator, deviation_db: float, most_tilt_db: float) -> Array:
    """Draw a frequency response: its values in dB at ``EQUALIZER_POINTS`` frequencies."""
    tilt = rng.uniform(-most_tilt_db, most_tilt_db) * np.linspace(-1, 1, EQUALIZER_POINTS)
    return np.asarray(tilt + rng.normal(0.0, deviation_db * rng.random(), EQUALIZER_POINTS))


def equalize(signal: Array, response_db: Array) -> Array:
    """Filter a signal by a response of zero phase, given in dB at frequencies evenly apart in octaves."""
    size = _spectrum_size(signal)
    hz = np.arange(size // 2 + 1) * RATE_HZ / size
    octaves = np.log2(np.maximum(hz, LOWEST_HZ) / LOWEST_HZ)
    at = np.linspace(0, octaves[-1], len(response_db))
    gains = 10 ** (np.interp(octaves, at, response_db) / 20)
    return np.asarray(irfft(rfft(signal, size) * gains, size)[: len(signal)])


def limit_band(signal: Array, cut_off_hz: float) -> Array:
    """Remove everything above a frequency, as a telephone or a codec does."""
    size = _spectrum_size(signal)
    passed = rfft(signal, size)[: int(cut_off_hz / RATE_HZ * size)]
    return np.asarray(irfft(passed, size)[: len(signal)])


def _spectrum_size(signal: Array) -> int:
    """Return an FFT length at which a filter does not wrap around."""
    return int(next_fast_len(len(signal) + int(0.05 * RATE_HZ), real=True))


def draw_jump(rng: np.random.Generator, length: int) -> Array:
    """Draw a gain that jumps once, down or back up by as much as 60 dB, as when a knob is turned."""
    gain = np.ones(length)
    quiet = slice(int(rng.integers(length)), None) if rng.random() < 0.5 else slice(int(rng.integers(length)))
    gain[quiet] = log_uniform(rng, 0.001, 0.5)
    return gain


def clip(rng: np.random.Generator, signal: Array) -> Array:
    """Clip a signal somewhere below its peak."""
    most = rng.uniform(0.2, 0.9) * float(np.abs(signal).max())
    return np.clip(signal, -most, most)


def reverberate(rng: np.random.Generator, signals: Sequence[Array]) -> list[Array]:
    """Put signals into one room, each at its own place.

    The room is noise that decays by 60 dB in 0.1 to 0.8 s, after the direct sound, and high frequencies
    die away first.
    """
    seconds = float(log_uniform(rng, 0.1, 0.8))
    size = int(seconds * RATE_HZ)
    times = np.arange(size) / RATE_HZ
    heard = []
    for signal in signals:
        echoes = rng.normal(size=size) * 10 ** (-3 * times / seconds)
        dull = np.linspace(0, -rng.uniform(0, 20), EQUALIZER_POINTS)
        echoes = equalize(echoes, dull)
        echoes[: int(rng.uniform(0.001, 0.01) * RATE_HZ)] = 0.0
        echoes *= log_uniform(rng, 0.1, 1.2) / max(float(np.sqrt(np.sum(echoes**2))), SILENT)
        echoes[0] = 1.0
        full = next_fast_len(len(signal) + size, real=True)
        heard.append(np.asarray(irfft(rfft(signal, full) * rfft(echoes, full), full)[: len(signal)]))
    return heard
