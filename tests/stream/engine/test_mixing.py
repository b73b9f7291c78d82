"""The blend of input and denoised signal: the mix, and the attenuation limit."""

import numpy as np
import pytest

from denoise_stream import Denoiser, StreamPool
from denoise_stream.engine.mixing import Mixer
from signals import draw, stream_in_chunks


@pytest.mark.parametrize("limit_db", [0.0, 6.0, 12.0, 100.0])
@pytest.mark.parametrize("mix", [0.0, 0.4, 1.0])
def test_limit_leaves_its_share_of_the_input_and_the_mix_comes_on_top(models, limit_db, mix):
    signal = draw(1, 1000)
    left = 10 ** (-limit_db / 20)
    for kind, rate in (("smoother", None), ("smoother_16k", 48_000.0)):
        wet = Denoiser(models[kind]).denoise(signal, rate)
        limited = left * signal + (1 - left) * wet
        denoiser = Denoiser(models[kind], mix=mix, max_attenuation_db=limit_db)
        np.testing.assert_allclose(denoiser.denoise(signal, rate), mix * limited + (1 - mix) * signal, atol=1e-9)


def test_what_a_model_silences_is_lowered_by_the_limit_and_no_more():
    noisy = draw(2, 500)[None]
    heard = Mixer(max_attenuation_db=12.0).blend(noisy, np.zeros_like(noisy))
    np.testing.assert_allclose(20 * np.log10(heard / noisy), -12.0)


def test_no_limit_and_an_infinite_one_are_the_same(models):
    signal = draw(3, 700)
    whole = Denoiser(models["smoother"]).denoise(signal)
    for limit_db in (None, float("inf")):
        denoiser = Denoiser(models["smoother"], max_attenuation_db=limit_db)
        assert (stream_in_chunks(denoiser, signal, [33, 400]) == whole).all()


def test_limit_holds_while_the_mix_fades():
    noisy = np.ones((1, 400))
    mixer = Mixer(max_attenuation_db=20.0)
    mixer.fade_to(0.0, 200)
    heard = np.concatenate([mixer.blend(part, 0 * part) for part in np.split(noisy, [1, 50, 300], axis=1)], axis=1)
    np.testing.assert_allclose(heard[0], 1 - 0.9 * np.maximum(0, 1 - np.arange(1, 401) / 200))


@pytest.mark.parametrize("mix", [-0.1, 5.0, float("nan")])
def test_mix_out_of_range_is_refused_while_a_stream_runs_too(models, mix):
    stream = Denoiser(models["smoother"]).stream()
    with pytest.raises(ValueError, match=r"mix=.* is out of range; use 0 \(input unchanged\) to 1"):
        stream.fade_to(mix, 10)


def test_streams_of_a_pool_are_limited_likewise(models):
    signal = draw(4, 900)
    with StreamPool(models["smoother"], max_attenuation_db=9.0) as pool:
        stream = pool.open()
        stream.push(signal)
        stream.end()
        found = np.concatenate([*stream])
    expected = Denoiser(models["smoother"], max_attenuation_db=9.0).denoise(signal)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.ptp(signal))


@pytest.mark.parametrize("limit_db", [-1.0, float("nan")])
def test_limit_out_of_range_is_refused_in_words(models, limit_db):
    with pytest.raises(ValueError, match=r"max_attenuation_db=(-1.0|nan) is out of range; use 0 \(input unchanged\)"):
        Denoiser(models["smoother"], max_attenuation_db=limit_db)
