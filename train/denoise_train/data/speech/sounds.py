"""Synthetic noises of machines, weather, animals and crowds, each redrawn: float64 signals at 16 kHz, any level.

Every function takes a generator and a length in samples. The kinds are those that recordings are short of: a network
that is shown many variants of a kind learns the kind, not the recording.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import signal as scipy_signal

from denoise_train.arrays import Array, log_uniform
from denoise_train.data.speech.scenes import draw_response, equalize, reverberate
from denoise_train.dsp.speech_level import RATE_HZ, at_level_1

HIGHEST_HZ = 0.45 * RATE_HZ

Sound = Callable[[np.random.Generator, int], Array]


def draw_motor(rng: np.random.Generator, length: int) -> Array:
    """Draw an engine or a fan: harmonics of a tone that wanders, beaten by a slower one, over broadband noise."""
    tone_hz = float(log_uniform(rng, 15, 400)) * np.exp(_wander(rng, length, float(log_uniform(rng, 0.01, 0.3))))
    wave = _harmonics(rng, tone_hz, int(rng.integers(4, 25)), float(rng.uniform(0, 1.5)))
    beat = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * np.cumsum(tone_hz) / RATE_HZ / rng.integers(2, 9))
    hiss = equalize(rng.normal(size=length), draw_response(rng, 8.0, 15.0))
    return at_level_1(wave) * beat + at_level_1(hiss) * (1 + (beat - 1) * rng.random()) * log_uniform(rng, 0.05, 2.0)


def draw_water(rng: np.random.Generator, length: int) -> Array:
    """Draw drops, a stream or a tap: many short rising tones, each a bubble, over noise that swells.

    After K. van den Doel, Physically based models for liquid sounds, ACM Transactions on Applied Perception 2, 2005.
    """
    noise = np.zeros(length)
    count = int(log_uniform(rng, 3, 250) * length / RATE_HZ) + 1
    lowest, highest = np.sort(log_uniform(rng, 250, 6000, 2))
    rise = float(log_uniform(rng, 0.5, 15.0))
    for start, tone_hz in zip(rng.integers(length, size=count), log_uniform(rng, lowest, highest, count), strict=True):
        decay = 0.13 * tone_hz + 0.0072 * tone_hz**1.5 / 10
        times = np.arange(min(int(5 * RATE_HZ / decay), length - int(start), 1600)) / RATE_HZ
        bubble = np.sin(2 * np.pi * tone_hz * times * (1 + rise * times)) * np.exp(-decay * times)
        noise[start : start + len(times)] += bubble * log_uniform(rng, 0.05, 1.0)
    flow = equalize(rng.normal(size=length), draw_response(rng, 6.0, 10.0)) * np.exp(_wander(rng, length, 0.5))
    return at_level_1(noise) + at_level_1(flow) * log_uniform(rng, 0.02, 2.0)


def draw_clatter(rng: np.random.Generator, length: int) -> Array:
    """Draw dishes, tools or keys: a few objects, each with tones of its own, struck again and again."""
    noise = np.zeros(length)
    for _ in range(int(rng.integers(1, 4))):
        size = int(log_uniform(rng, 0.03, 0.5) * RATE_HZ)
        times = np.arange(size) / RATE_HZ
        tones_hz = log_uniform(rng, 150, HIGHEST_HZ, int(rng.integers(3, 14)))
        decays = log_uniform(rng, 8, 400, len(tones_hz))
        levels = rng.exponential(size=len(tones_hz))
        ringing = levels @ (np.sin(2 * np.pi * np.outer(tones_hz, times)) * np.exp(-np.outer(decays, times)))
        tick = rng.normal(size=size) * np.exp(-times * float(log_uniform(rng, 100, 3000)))
        struck = np.zeros(length)
        for start in rng.integers(length, size=int(rng.integers(1, 6))):
            steps = np.cumsum(rng.exponential(float(log_uniform(rng, 0.02, 0.4)) * RATE_HZ, int(rng.integers(1, 12))))
            places = (start + steps.astype(np.intp))[start + steps < length]
            struck[places] += log_uniform(rng, 0.1, 1.0, len(places))
        blow = at_level_1(ringing) + at_level_1(tick) * log_uniform(rng, 0.1, 3.0)
        noise += scipy_signal.oaconvolve(struck, blow)[:length] * log_uniform(rng, 0.3, 1.0)
    return noise


def draw_calls(rng: np.random.Generator, length: int) -> Array:
    """Draw what resembles animals and toys: calls whose pitch glides, of one or two voices, with pauses between."""
    noise = np.zeros(length)
    for _ in range(int(rng.integers(1, 3))):
        middle_hz = float(log_uniform(rng, 80, 4000))
        longest, pause = float(log_uniform(rng, 0.05, 1.2)), float(log_uniform(rng, 0.05, 1.5))
        formants = draw_response(rng, 12.0, 10.0)
        harmonics, tilt = int(rng.integers(1, 20)), float(rng.uniform(0.2, 2.0))
        breath = float(log_uniform(rng, 0.01, 1.0))
        at = int(rng.exponential(pause) * RATE_HZ) % length
        while at < length:
            size = min(max(int(longest * rng.uniform(0.3, 1.0) * RATE_HZ), 320), length - at)
            octaves = np.interp(np.linspace(0, 3, size), range(4), rng.normal(0, 0.4, 4))
            trill = rng.choice([0.0, 0.05, 0.3]) * np.sin(2 * np.pi * rng.uniform(5, 40) * np.arange(size) / RATE_HZ)
            call = at_level_1(_harmonics(rng, middle_hz * 2 ** (octaves + trill), harmonics, tilt))
            call += breath * rng.normal(size=size)
            noise[at : at + size] += equalize(call, formants) * _fades(size, float(rng.uniform(0.05, 0.5)))
            at += size + int(rng.exponential(pause) * RATE_HZ)
    return noise


def draw_wind(rng: np.random.Generator, length: int) -> Array:
    """Draw wind in a microphone or in trees: low noise in gusts, at times with leaves."""
    gusts = np.exp(_wander(rng, length, float(rng.uniform(0.5, 2.0))))
    low = scipy_signal.butter(2, float(log_uniform(rng, 60, 900)), fs=RATE_HZ, output="sos")
    rumble = scipy_signal.sosfilt(low, rng.normal(size=length))
    leaves = equalize(rng.normal(size=length), draw_response(rng, 4.0, 4.0))
    return at_level_1(at_level_1(rumble) + log_uniform(rng, 0.005, 0.7) * leaves * gusts) * gusts


def draw_insects(rng: np.random.Generator, length: int) -> Array:
    """Draw crickets, cicadas or an alarm: high tones in regular bursts."""
    times = np.arange(length) / RATE_HZ
    noise = 0.02 * equalize(rng.normal(size=length), draw_response(rng, 6.0, 10.0))
    for _ in range(int(rng.integers(1, 5))):
        tone_hz = float(log_uniform(rng, 1500, HIGHEST_HZ)) * np.exp(_wander(rng, length, 0.01))
        pulses = 0.5 + 0.5 * np.sin(2 * np.pi * float(log_uniform(rng, 8, 250)) * times)
        chirps = np.sin(2 * np.pi * float(log_uniform(rng, 0.3, 6)) * times + rng.uniform(0, 6)) > rng.uniform(-1, 0.5)
        smooth = scipy_signal.oaconvolve(chirps.astype(float), np.hanning(321) / 160)[160 : 160 + length]
        noise += _harmonics(rng, tone_hz, 1, 0.0) * pulses ** rng.integers(1, 6) * smooth * log_uniform(rng, 0.1, 1.0)
    return noise


def crowd_of(rng: np.random.Generator, voices: list[Array], length: int) -> Array:
    """Mix many voices, some of them backwards, far away in one room."""
    crowd = np.zeros(length)
    for voice in voices:
        part = at_level_1(voice[:: rng.choice((-1, 1))])
        at = int(rng.integers(max(1, length - len(part))))
        crowd[at : at + len(part)] += part[: length - at] * log_uniform(rng, 0.3, 1.0)
    return reverberate(rng, (crowd,))[0]


SOUNDS: tuple[Sound, ...] = (draw_motor, draw_water, draw_clatter, draw_calls, draw_wind, draw_insects)
"""All synthetic kinds but crowds, which are made of recorded voices."""


def altered(rng: np.random.Generator, sound: Array) -> Array:
    """Alter a recording beyond colour and speed: backwards, interrupted, trembling or in a room, one at a time."""
    kind = rng.integers(4)
    if kind == 0:
        return sound[::-1]
    if kind == 1:
        places = np.sort(rng.integers(len(sound), size=int(rng.integers(1, 12))))
        gate = np.searchsorted(places, np.arange(len(sound))) % 2 * 1.0
        ramp = np.hanning(int(log_uniform(rng, 0.002, 0.1) * RATE_HZ) + 3)
        return np.asarray(sound * np.clip(scipy_signal.oaconvolve(gate, ramp / ramp.sum(), mode="same"), 0, 1))
    if kind == 2:
        times = np.arange(len(sound)) / RATE_HZ
        return sound * (1 + rng.random() * np.sin(2 * np.pi * float(log_uniform(rng, 0.5, 30)) * times))
    return reverberate(rng, (sound,))[0]


def _harmonics(rng: np.random.Generator, tone_hz: Any, count: int, tilt: float) -> Array:
    """Add harmonics of a moving tone, those below the highest frequency, with amplitudes near ``1 / n ** tilt``."""
    turn = np.exp(2j * np.pi * np.cumsum(tone_hz) / RATE_HZ)
    count = max(1, min(count, int(HIGHEST_HZ / np.max(tone_hz))))
    wave, power = np.zeros(len(turn)), np.full(len(turn), np.exp(1j * rng.uniform(0, 6)))
    for number in range(1, count + 1):
        power = power * turn
        wave += (power * (rng.exponential() * np.exp(1j * rng.uniform(0, 6)) / number**tilt)).real
    return wave


def _wander(rng: np.random.Generator, length: int, deviation: float) -> Array:
    """Draw a slow random curve of that deviation."""
    points = rng.normal(0, deviation, max(4, int(rng.uniform(1, 6) * length / RATE_HZ)))
    return np.asarray(np.interp(np.linspace(0, len(points) - 1, length), np.arange(len(points)), points))


def _fades(length: int, share: float) -> Array:
    """Return an envelope ``(length,)`` that rises and falls over a share of its length."""
    ramp = int(share * length / 2)
    rising = np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / max(1, ramp))
    return np.concatenate((rising, np.ones(length - 2 * ramp), rising[::-1]))
