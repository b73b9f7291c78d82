"""Plug-ins give the engine's samples, at every rate, in blocks of any lengths, with its settings."""

import re
import subprocess

import numpy as np
import pytest

from denoise_export.plugin.plugin import CHANNELS
from denoise_stream import Denoiser
from embed import need
from ladspa_host import Instance, descriptors, talk

BLOCKS = (1, 2, 64, 1000, 333)
RATES = [8_000, 16_000, 44_100, 48_000, 192_000, 44_101]  # the last one interpolates in a table
TOLERANCE = 1e-5
"""Of full scale."""


def engine(model, signal, rate_hz, **settings):
    """Denoise with the engine; return the clean samples, and how many are out before the signal ends."""
    stream = Denoiser(model, **settings).stream(channels=signal.shape[1], sample_rate_hz=rate_hz)
    clean = np.asarray(stream.process(signal.astype(np.float64))).reshape(-1, signal.shape[1])
    return clean, stream.latency_samples - 1


def check(model, path, plugin, signal, rate_hz, **settings):
    """Assert that a plug-in gives the engine's samples after the latency that both state."""
    kind = list(CHANNELS)[signal.shape[1] - 1]
    instance = Instance(plugin.library, plugin.identifier(kind), rate_hz)
    instance.set(**settings)
    given = instance.denoise(signal, BLOCKS)
    clean, delay = engine(path, signal, rate_hz, **settings)
    assert instance.latency == delay
    assert plugin.latency_ms(rate_hz) == 1000 * delay / rate_hz
    assert len(given) == len(signal) - delay
    np.testing.assert_allclose(given, clean[: len(given)], rtol=0, atol=TOLERANCE * np.abs(signal).max(), err_msg=model)
    instance.close()


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("model", ["recurrent_16k", "smoother_16k", "in_context_16k"])
def test_stereo_is_that_of_the_engine_at_every_rate(built, models, model, rate_hz):
    check(model, models[model], built(model), talk(rate_hz), rate_hz)


@pytest.mark.parametrize("settings", [{"mix": 0.4}, {"max_attenuation_db": 12.0}, {"gate_db": 24.0}], ids=str)
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_controls_mean_what_the_settings_of_the_engine_mean(built, models, rate_hz, settings):
    signal = talk(rate_hz, 2.0, channels=1)
    path = models["recurrent_16k"]
    plain, _ = engine(path, signal, rate_hz)
    assert np.abs(engine(path, signal, rate_hz, **settings)[0] - plain).max() > 0.01 * np.abs(signal).max()
    check("recurrent_16k", path, built("recurrent_16k"), signal, rate_hz, **settings)


@pytest.mark.parametrize("model", ["smoother", "in_context"])
@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_model_for_any_rate_runs_at_the_rate_of_the_host_without_a_gate(built, models, model, rate_hz):
    check(model, models[model], built(model), talk(rate_hz), rate_hz)
    names = [[one.port_names[at] for at in range(one.port_count)] for one in descriptors(built(model).library)]
    assert [b"Gate (dB)" in ports for ports in names] == [False, False]


def test_rate_too_far_from_that_of_the_model_is_refused(built):
    plugin = built("recurrent_16k")
    mono = next(one for one in descriptors(plugin.library) if one.label == plugin.identifier("mono").encode())
    assert mono.instantiate(mono, 60) is None  # 16,000 Hz is 267 times as much


def test_constant_offset_is_kept_to_the_last_bit(built):
    instance = Instance(built("recurrent_16k").library, built("recurrent_16k").identifier("mono"), 48_000)
    instance.set(mix=0.0)
    offset = np.full((3000, 1), 0.7, np.float32)
    np.testing.assert_array_equal(instance.denoise(offset, [256]), offset[instance.latency :])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["general", "general-small", "x2", "speech"])
def test_shipped_model_as_a_plugin_is_that_of_the_engine(built, model):
    for rate_hz in RATES if model == "speech" else [48_000]:
        check(model, model, built(model), talk(rate_hz, 2.0), rate_hz)
    if model == "speech":
        check(model, model, built(model), talk(44_100, 2.0), 44_100, gate_db=20.0, max_attenuation_db=18.0, mix=0.9)


def test_instances_do_not_know_each_other(built):
    plugin = built("recurrent_16k")
    signals = [talk(48_000, 0.2, channels=1, seed=seed) for seed in (1, 2)]

    def fresh(mix):
        instance = Instance(plugin.library, plugin.identifier("mono"), 48_000)
        instance.set(mix=mix)
        return instance

    alone = [fresh(mix).denoise(signal, [200]) for mix, signal in zip((1.0, 0.5), signals, strict=True)]
    together = [fresh(mix) for mix in (1.0, 0.5)]
    parts = [
        [instance.process(signal[start : start + 200]) for instance, signal in zip(together, signals, strict=True)]
        for start in range(0, len(signals[0]), 200)
    ]
    for at, expected in enumerate(alone):
        np.testing.assert_array_equal(np.concatenate([part[at] for part in parts])[together[at].latency :], expected)


def test_reset_starts_again(built):
    plugin = built("recurrent_16k")
    instance = Instance(plugin.library, plugin.identifier("stereo"), 44_100)
    signal = talk(44_100, 0.3)
    first = instance.denoise(signal, BLOCKS)
    instance.reset()
    np.testing.assert_array_equal(instance.denoise(signal, BLOCKS), first)


def test_changed_mix_fades_in_a_straight_line_over_20_ms(built):
    plugin = built("recurrent_16k")
    signal = talk(48_000, 0.4, channels=1)
    clean, noisy = (instance_with(plugin, mix).denoise(signal, [480]) for mix in (1.0, 0.0))
    instance = instance_with(plugin, 1.0)
    before = instance.process(signal[:9600])
    instance.set(mix=0.25)
    given = np.concatenate((before, instance.process(signal[9600:])))[instance.latency :]
    changed = 9600 - instance.latency
    share = np.interp(np.arange(len(given)), [changed - 1, changed - 1 + 960], [1.0, 0.25])[:, None]
    np.testing.assert_allclose(given, noisy + share * (clean - noisy), atol=1e-6)


def instance_with(plugin, mix):
    instance = Instance(plugin.library, plugin.identifier("mono"), 48_000)
    instance.set(mix=mix)
    return instance


def test_control_that_is_out_of_range_or_no_number_is_taken_as_the_nearest_or_the_default(built):
    plugin = built("recurrent_16k")
    signal = talk(48_000, 0.1, channels=1)
    for wrong, right in ((-1.0, 0.0), (7.0, 1.0), (np.nan, 1.0), (np.inf, 1.0)):
        given, expected = (instance_with(plugin, mix).denoise(signal, [64]) for mix in (wrong, right))
        np.testing.assert_array_equal(given, expected)


def test_sample_that_is_no_number_or_beyond_sound_counts_as_the_one_before(built):
    plugin = built("recurrent_16k")
    signal = talk(48_000, 0.2, channels=1)
    held, broken = signal.copy(), signal.copy()
    for at, value in ((0, np.nan), (2000, np.nan), (3000, np.inf), (4000, -np.inf), (5000, 3e38)):
        broken[at : at + 50] = value
        held[at : at + 50] = held[at - 1] if at else 0
    given, expected = (instance_with(plugin, 1.0).denoise(samples, BLOCKS) for samples in (broken, held))
    np.testing.assert_array_equal(given, expected)


def test_library_can_only_allocate_compute_and_move_memory(built):
    need("nm")
    allowed = {"malloc", "calloc", "free", "memcpy", "memset", "memmove"}
    computing = {"sin", "pow", "powf", "sqrt", "sqrtf", "fmin", "fmax", "fmaxf", "fminf", "ceil", "lround"} | {
        "tanhf", "expf", "exp", "erff", "logf", "log1pf", "log", "fabs", "fabsf", "floorf", "roundf"
    }  # fmt: skip
    for model in ("recurrent_16k", "smoother"):
        listed = subprocess.run(
            ["nm", "-D", "--undefined-only", built(model).library], capture_output=True, text=True, check=True
        )
        needed = set(re.findall(r" U ([^@\s]+)", listed.stdout))
        assert needed <= allowed | computing


def test_library_shows_only_its_entry(built):
    need("nm")
    for interface in ("ladspa", "lv2"):
        library = built("recurrent_16k", interface).library
        listed = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
        assert re.findall(r" T (\S+)", listed.stdout) == [f"{interface}_descriptor"]
