"""The bundled model `speech`: its gains, what it leaves alone, and its recovery from any input."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser
from denoise_stream.engine.stream import DenoiseStream
from denoise_train.dsp.metrics import si_sdr_db
from denoise_train.evaluation.speech.metrics import pesq
from denoise_train.networks.registry import build_network
from denoise_train.recipe import load_recipe
from denoise_train.training.network_engine import NetworkModel
from denoise_train.training.start import copy_weights, load_start

SAMPLES = Path(__file__).parents[2] / "samples"
RATE = 16_000
CLEAN, NOISY = (soundfile.read(SAMPLES / f"speech_{kind}.wav")[0] for kind in ("clean", "noisy"))
SPOKEN = slice(2 * RATE, None)
"""From 2 s on."""


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser("speech")


def gain_db(clean: np.ndarray, noisy: np.ndarray, denoised: np.ndarray) -> float:
    return float((si_sdr_db(clean[None], denoised[None]) - si_sdr_db(clean[None], noisy[None]))[0])


@pytest.fixture(scope="module")
def usual_gain_db(denoiser: Denoiser) -> float:
    """The gain after ten seconds of the same."""
    noisy = CLEAN + hiss(5, 0.02)
    usual = denoiser.denoise(np.concatenate((np.resize(noisy, 10 * RATE), noisy)), RATE)[10 * RATE :]
    return gain_db(CLEAN[SPOKEN], noisy[SPOKEN], usual[SPOKEN])


def hiss(seconds: float, level: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, level, int(seconds * RATE))


def test_network_to_start_from_is_the_model_but_for_the_rounding_of_weights(denoiser):
    recipe = load_recipe("speech")
    network = build_network(recipe.window, recipe.hop, recipe.architecture)
    copy_weights(network, load_start("speech"), "speech")
    stream = DenoiseStream(NetworkModel(network, denoiser.contract), recipe.hop, 1.0, 1, None)
    part = NOISY[: 2 * RATE]
    expected = np.concatenate((stream.process(part), stream.flush()))
    error_db = 20 * np.log10(np.std(denoiser.denoise(part, RATE) - expected) / np.std(expected))
    assert error_db < -50


@pytest.mark.parametrize(("level", "least_db"), [(0.01, 2), (0.03, 5)])
def test_hiss_goes_and_speech_stays(denoiser, level, least_db):
    noisy = CLEAN + hiss(5, level)
    assert gain_db(CLEAN, noisy, denoiser.denoise(noisy, RATE)) > least_db


def test_fan_goes_where_a_model_without_memory_leaves_it(denoiser):
    """Noise below 500 Hz, as of a fan: 9 ms of it look like speech."""
    spectrum = np.fft.rfft(hiss(5, 1.0))
    spectrum[np.fft.rfftfreq(len(CLEAN), 1 / RATE) > 500] = 0
    fan = np.fft.irfft(spectrum)
    noisy = CLEAN + fan * CLEAN.std() / fan.std()
    gains = {name: gain_db(CLEAN, noisy, Denoiser(name).denoise(noisy, RATE)) for name in ("speech", "general")}
    assert gains["speech"] > gains["general"] + 3


def test_clean_speech_stays_good(denoiser):
    assert pesq(CLEAN[None], denoiser.denoise(CLEAN, RATE)[None])[0] > 4.0


def test_noise_alone_becomes_quiet(denoiser):
    noise = hiss(5, 0.03)
    left_db = 20 * np.log10(denoiser.denoise(noise, RATE)[SPOKEN].std() / noise[SPOKEN].std())
    assert left_db < -12


@pytest.mark.parametrize("level_db", [-30.0, -15.0, 6.0])
def test_level_matters_little(denoiser, level_db):
    noisy = CLEAN + hiss(5, 0.02)
    scale = 10 ** (level_db / 20)
    usual, other = denoiser.denoise(noisy, RATE), denoiser.denoise(scale * noisy, RATE) / scale
    assert gain_db(CLEAN, noisy, other) > gain_db(CLEAN, noisy, usual) - 1


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(np.zeros(10 * RATE), id="digital zero"),
        pytest.param(hiss(10, 1e-4), id="silence"),
        pytest.param(np.clip(hiss(10, 3.0), -1, 1), id="clipping"),
        pytest.param(np.full(10 * RATE, 0.8), id="offset"),
        pytest.param(np.full(10 * RATE, np.nan), id="gap"),
        pytest.param(1e-3 * np.resize(NOISY, 10 * RATE), id="60 dB lower"),
        pytest.param(1e3 * np.resize(NOISY, 10 * RATE), id="60 dB higher"),
    ],
)
def test_two_seconds_after_anything_the_quality_is_back(denoiser, usual_gain_db, before):
    noisy = CLEAN + hiss(5, 0.02)
    after = denoiser.denoise(np.concatenate((before, noisy)), RATE)[10 * RATE :]
    assert gain_db(CLEAN[SPOKEN], noisy[SPOKEN], after[SPOKEN]) > usual_gain_db - 1


def test_first_word_after_a_muted_stretch_is_not_swallowed(denoiser):
    """Level of the first 100 ms after it, in the middle of a word, against that without it."""
    noisy = CLEAN + hiss(5, 0.02)
    start = int(np.argmax(np.convolve(CLEAN**2, np.ones(800), "valid")))
    before, word = noisy[:start], noisy[start : start + RATE // 10]
    wanted, found = (
        denoiser.denoise(np.concatenate((before, np.zeros(muted), word)), RATE)[-len(word) :] for muted in (0, 2 * RATE)
    )
    assert 20 * np.log10(found.std() / wanted.std()) > -3


def test_a_click_comes_out_when_its_window_is_complete(denoiser):
    stream = denoiser.stream(1, RATE)
    clicked = np.zeros(1500)
    clicked[700] = 0.5
    for sample in clicked:
        stream.process([sample])
        if stream.samples_out > 700:
            break
    assert stream.samples_in - 700 <= stream.latency_samples == 150


def test_chunks_do_not_matter(denoiser):
    whole = denoiser.denoise(NOISY, RATE)
    stream, rng, parts, start = denoiser.stream(1, RATE), np.random.default_rng(1), [], 0
    while start < len(NOISY):
        size = int(rng.integers(1, 700))
        parts.append(stream.process(NOISY[start : start + size]))
        start += size
    assert np.concatenate([*parts, stream.flush()]) == pytest.approx(whole, abs=1e-6)
