"""The gate between words: pauses are lowered, words are not, and nothing clicks."""

import numpy as np
import pytest

from denoise_stream import Denoiser, StreamPool
from denoise_stream.engine.gate import SpeechGate
from signals import stream_in_chunks

RATE_HZ = 16_000
CHUNKS = [[1, 74, 151], [4096], [333]]


def words(seed: int = 0, loudness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Four words of 0.4 s with pauses of 0.8 s between them, and noise 50 dB below; and where the words are."""
    rng = np.random.default_rng(seed)
    speaking = np.tile(np.arange(int(1.2 * RATE_HZ)) < 0.4 * RATE_HZ, 4)
    words = speaking * np.sin(2 * np.pi * 800 * np.arange(speaking.size) / RATE_HZ)
    return loudness * (words + 0.002 * rng.normal(size=speaking.size)), speaking


def level_db(gated: np.ndarray, plain: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(gated**2) / np.mean(plain**2)))


@pytest.mark.parametrize("loudness", [1e-4, 1.0, 3e4])
def test_pauses_are_lowered_and_words_stay_from_their_first_sample(models, loudness):
    signal, speaking = words(loudness=loudness)
    plain = Denoiser(models["identity_16k"]).denoise(signal, RATE_HZ)
    gated = Denoiser(models["identity_16k"], gate_db=20).denoise(signal, RATE_HZ)
    begins = np.flatnonzero(np.diff(speaking.astype(int)) == 1) + 1
    for begin in begins:
        word, before = slice(begin, begin + 6400), slice(begin - 3200, begin - 400)
        np.testing.assert_allclose(gated[word][80:], plain[word][80:], atol=1e-9 * loudness)
        assert level_db(gated[word][:80], plain[word][:80]) > -1
        assert level_db(gated[before], plain[before]) == pytest.approx(-20, abs=1e-6)


def test_noise_after_a_pause_of_zeros_is_lowered_within_two_seconds(models):
    rng = np.random.default_rng(0)
    word, _ = words()
    noise = 0.006 * rng.normal(size=4 * RATE_HZ)  # 28 dB below the words
    signal = np.concatenate([word, np.zeros(10 * RATE_HZ), noise, word])
    plain = Denoiser(models["identity_16k"]).denoise(signal, RATE_HZ)
    gated = Denoiser(models["identity_16k"], gate_db=20).denoise(signal, RATE_HZ)
    start = word.size + 10 * RATE_HZ
    late = slice(start + 2 * RATE_HZ, start + 4 * RATE_HZ - 400)
    assert level_db(gated[late], plain[late]) == pytest.approx(-20, abs=1e-6)
    spoken = slice(start + noise.size + 80, start + noise.size + 6400)
    assert level_db(gated[spoken], plain[spoken]) == pytest.approx(0, abs=0.1)


def test_gain_moves_without_steps(models):
    signal, _ = words()
    offset = 5.0  # known to the gate no more than silence is
    gated = Denoiser(models["identity_16k"], gate_db=40).denoise(signal + offset, RATE_HZ)
    gain = (gated + 1) / (signal + offset + 1)
    assert gain.min() < 0.3
    assert np.abs(np.diff(gain)).max() < 1 / 60


@pytest.mark.parametrize("rate_hz", [RATE_HZ, 48_000])
@pytest.mark.parametrize("sizes", CHUNKS)
def test_chunks_change_nothing_and_the_latency_stays(models, rate_hz, sizes):
    signal = np.stack([words(1)[0], words(2)[0][::-1]], axis=1)
    denoiser = Denoiser(models["smoother_16k"], gate_db=20)
    whole = denoiser.denoise(signal, rate_hz)
    assert np.abs(stream_in_chunks(denoiser, signal, sizes, rate_hz) - whole).max() < 1e-6 * np.ptp(signal)
    plain = Denoiser(models["smoother_16k"]).stream(2, rate_hz)
    assert denoiser.stream(2, rate_hz).latency_samples == plain.latency_samples


def test_every_channel_has_a_gate_of_its_own(models):
    one, other = words(1)[0], words(2)[0][::-1]
    denoiser = Denoiser(models["identity_16k"], gate_db=30)
    together = denoiser.denoise(np.stack([one, other], axis=1), RATE_HZ)
    for channel, signal in enumerate((one, other)):
        np.testing.assert_allclose(together[:, channel], denoiser.denoise(signal, RATE_HZ), atol=1e-9)


def test_gate_of_0_db_changes_nothing(models):
    signal, _ = words()
    plain = Denoiser(models["smoother_16k"]).denoise(signal, RATE_HZ)
    assert (Denoiser(models["smoother_16k"], gate_db=0).denoise(signal, RATE_HZ) == plain).all()


def test_band_above_the_model_closes_too(models):
    signal, _ = words()
    at_48k = np.repeat(signal, 3) + 0.001 * np.random.default_rng(3).normal(size=3 * signal.size)
    plain = Denoiser(models["identity_16k"]).denoise(at_48k, 48_000)
    gated = Denoiser(models["identity_16k"], gate_db=20).denoise(at_48k, 48_000)
    pause = slice(3 * 17_000, 3 * 18_500)
    assert level_db(np.diff(gated[pause], 4), np.diff(plain[pause], 4)) == pytest.approx(-20, abs=1)


def test_attenuation_limit_holds_for_the_gate(models):
    signal, _ = words()
    gated = Denoiser(models["identity_16k"], gate_db=60, max_attenuation_db=12).denoise(signal, RATE_HZ)
    pause = slice(17_000, 18_500)
    assert level_db(gated[pause], signal[pause]) == pytest.approx(-12, abs=0.1)


def test_streams_of_a_pool_are_gated_likewise(models):
    signal, _ = words()
    with StreamPool(models["smoother_16k"], gate_db=20) as pool:
        stream = pool.open(sample_rate_hz=RATE_HZ)
        stream.push(signal)
        stream.end()
        found = np.concatenate([*stream])
    expected = Denoiser(models["smoother_16k"], gate_db=20).denoise(signal, RATE_HZ)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("gate_db", [-1.0, float("nan")])
def test_depth_out_of_range_is_refused(models, gate_db):
    with pytest.raises(ValueError, match=r"gate_db=(-1.0|nan) is out of range; use 0 \(nothing lowered\) or more"):
        Denoiser(models["smoother_16k"], gate_db=gate_db)


def test_model_for_any_signal_is_refused_in_one_sentence():
    sentence = "gate_db=20 needs a speech model, which general is not; use the model speech, or no gate"
    with pytest.raises(ValueError, match=sentence):
        Denoiser("general", gate_db=20)


def play(gate, *pieces):
    """Run a gate over pieces of (level in dB, duration in s); return whether it is open after each hop of 10 ms."""
    is_open = []
    for level_db, duration_s in pieces:
        windows = 10 ** (level_db / 20) * (-1.0) ** np.arange(320)[None, None]
        for _ in range(round(100 * duration_s)):
            gate.process(windows, np.ones((1, 160)))
            is_open.append(gate.is_open)
    return np.array(is_open)


@pytest.fixture
def gate():
    return SpeechGate(20.0, 160, 16_000.0, 1)


def test_gate_stays_open_for_200_ms_after_speech_and_closes_within_100_ms(gate):
    assert play(gate, (0, 1), (-60, 0.19)).all()
    assert gate.gain == 1
    assert not play(gate, (-60, 0.05)).any()
    assert gate.gain == pytest.approx(0.5)
    play(gate, (-60, 0.04))
    assert gate.gain == pytest.approx(0.1)


@pytest.mark.parametrize(("noise_db", "speech_db"), [(-60, -30.0), (-28, -21.0), (-22, -20.0)])
def test_speech_is_30_db_below_the_level_of_speech_at_most_and_6_db_above_the_noise(gate, noise_db, speech_db):
    assert not play(gate, (0, 1), (noise_db, 3), (speech_db - 2, 0.05))[-5:].any()
    assert play(gate, (speech_db, 0.05)).any()


def test_voice_is_remembered_over_a_minute_of_silence(gate):
    assert not play(gate, (0, 1), (-80, 60), (-45, 0.05))[-5:].any()
    assert play(gate, (-40, 0.05)).any()


def test_steady_noise_is_taken_for_speech_until_the_floor_has_risen_to_it(gate):
    is_open = play(gate, (0, 1), (-60, 4), (-25, 2))[500:]
    assert is_open[:110].all()
    assert not is_open[-20:].any()
