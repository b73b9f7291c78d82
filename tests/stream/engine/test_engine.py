"""Properties of the engine: chunk-exact, aligned, dtype kept, gaps and constants and offsets survive."""

import sys
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_models
from denoise_stream import ContractError, Denoiser, SourceError
from signals import draw, stream_in_chunks

LENGTHS = [0, 1, 2, 74, 75, 76, 149, 150, 151, 224, 225, 226, 300, 1000]
KINDS = ["identity", "smoother", "leaky_mean", "recurrent"]


def at_hop(model: Path, hop: int) -> Denoiser:
    """Denoise with another hop; a stateful model keeps its own."""
    if Denoiser(model).contract.state_size:
        return Denoiser(onnx_models.with_facts(model, hop=str(hop)))
    return Denoiser(model, hop=hop)


def by_definition(denoiser: Denoiser, signal: np.ndarray) -> np.ndarray:
    """The engine's equation, written down sample by sample for a stateless min-max model."""
    window, hop = denoiser.contract.window, denoiser.hop
    count = max(0, -(-(len(signal) - window) // hop)) + 1
    extended = np.pad(signal, (0, (count - 1) * hop + window - len(signal)), mode="reflect")
    weights = np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2
    above, below = np.zeros(len(extended)), np.zeros(len(extended))
    for k in range(count):
        part = slice(k * hop, k * hop + window)
        frame = extended[part]
        low, span = frame.min(), np.ptp(frame)
        scaled = ((frame - low) / (span or 1)).astype(np.float32)[None]
        above[part] += weights * (denoiser._model.run(scaled)[0].astype(np.float64) * span + low)
        below[part] += weights
    return (above / below)[: len(signal)]


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    normalization=st.sampled_from(["", "_raw"]),
    length=st.integers(0, 1200),
    channels=st.one_of(st.none(), st.integers(1, 3)),
    hop=st.integers(1, 150),
    sizes=st.lists(st.sampled_from([1, 2, 17, 75, 149, 150, 151, 480, 4096]), min_size=1, max_size=6),
    seed=st.integers(0, 2**31),
)
def test_stream_in_chunks_equals_whole_signal(models, kind, normalization, length, channels, hop, sizes, seed):
    denoiser = at_hop(models[kind + normalization], hop)
    signal = draw(seed, length, channels)
    whole = denoiser.denoise(signal, axis=0)
    chunked = stream_in_chunks(denoiser, signal, sizes)
    assert chunked.shape == whole.shape == signal.shape
    assert np.abs(chunked - whole).max(initial=0) <= 1e-6 * max(np.ptp(signal) if length else 0, 1e-12)


@pytest.mark.parametrize("hop", [30, 75, 150])
def test_silence_has_no_sign_however_it_is_cut(models, hop):
    silence = np.full(900, -0.0)
    for model in (models["identity"], models["identity_raw"]):
        whole = Denoiser(model, hop=hop).denoise(silence)
        assert not np.signbit(whole).any()
        assert not np.signbit(stream_in_chunks(Denoiser(model, hop=hop), silence, [hop])).any()


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    length=st.integers(0, 3000),
    rate=st.sampled_from([8000.0, 11025.0, 16000.0, 22050.0, 44100.0, 48000.0]),
    hop=st.sampled_from([30, 75, 150]),
    sizes=st.lists(st.sampled_from([1, 17, 75, 151, 480, 4096]), min_size=1, max_size=4),
)
def test_resampled_stream_in_chunks_equals_whole_signal(models, kind, length, rate, hop, sizes):
    denoiser = at_hop(models[f"{kind}_16k"], hop)
    signal = draw(length, length, 2)
    whole = denoiser.denoise(signal, rate, axis=0)
    chunked = stream_in_chunks(denoiser, signal, sizes, rate)
    assert chunked.shape == whole.shape == signal.shape
    assert np.abs(chunked - whole).max(initial=0) <= 1e-6 * max(np.ptp(signal) if length else 0, 1e-12)


@pytest.mark.parametrize("hop", [1, 7, 50, 75, 100, 149, 150])
@pytest.mark.parametrize("length", LENGTHS[1:])
def test_engine_computes_its_equation(models, hop, length):
    denoiser = Denoiser(models["smoother"], hop=hop)
    signal = draw(length, length)
    expected = by_definition(denoiser, signal)
    np.testing.assert_allclose(denoiser.denoise(signal), expected, rtol=0, atol=1e-6 * (np.ptp(signal) + 1e-9))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("hop", [1, 75, 101, 150])
def test_identity_model_returns_its_input(models, length, hop):
    signal = draw(1, length)
    denoised = Denoiser(models["identity"], hop=hop).denoise(signal)
    np.testing.assert_allclose(denoised, signal, rtol=0, atol=2e-7 * (np.ptp(signal) if length else 0) + 1e-12)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
@pytest.mark.parametrize("offset", [0.0, 20.0, 101325.0])
def test_offset_survives_resampling_from_the_first_to_the_last_sample(models, rate, offset):
    denoiser = Denoiser(models["identity_16k"])
    assert np.abs(denoiser.denoise(np.full(20000, offset), rate) - offset).max() <= 1e-6
    slow = offset + 0.05 * np.sin(np.arange(20000) / 2000)
    with_gap = slow.copy()
    with_gap[:500] = np.nan
    for signal in (slow, with_gap):
        difference = denoiser.denoise(signal, rate) - signal
        assert np.nanmax(np.abs(difference)) < 0.001
        assert (np.isnan(difference) == np.isnan(signal)).all()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("int64", 2**63 - 1), ("uint64", 2**64 - 1), ("float32", 3.4e38), ("float16", 65000.0)],
)
def test_largest_numbers_do_not_overflow(models, dtype, value):
    signal = np.array([0, value] * 100, dtype=dtype)
    denoised = Denoiser(models["identity"]).denoise(signal)
    assert denoised.dtype == signal.dtype
    assert np.isfinite(denoised.astype(float)).all()
    assert denoised.max() > 0.99 * value
    assert denoised.min() < 0.001 * value


def test_signal_is_denoised_while_another_thread_loads_masked_arrays(models, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy.ma", types.ModuleType("numpy.ma"))
    assert Denoiser(models["identity"]).denoise(np.arange(300.0)) == pytest.approx(np.arange(300.0))


def test_masked_values_are_missing(models):
    signal = np.ma.masked_array(np.arange(300.0), mask=np.arange(300) % 50 == 7)
    assert (np.isnan(Denoiser(models["identity"]).denoise(signal)) == signal.mask).all()


def test_model_that_fails_while_running_is_named(tmp_path):
    from onnx import helper

    broken = onnx_models.save(
        tmp_path / "broken.onnx",
        [
            helper.make_node("Reshape", ["noisy", "triples"], ["flat"]),
            helper.make_node("Reshape", ["flat", "singles"], ["clean"]),
        ],
        [onnx_models.tensor("noisy", 150)],
        [onnx_models.tensor("clean", 150)],
        {"triples": np.array([-1, 450]), "singles": np.array([-1, 150])},
    )
    with pytest.raises(ContractError, match=r"broken\.onnx fails on a batch of 2: "):
        Denoiser(broken).denoise(np.random.default_rng(0).normal(size=225))


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32", "float64", "float16"])
def test_dtype_is_kept(models, dtype):
    signal = (np.sin(np.arange(500) / 9) * 100 + 120).astype(dtype)
    denoised = Denoiser(models["identity"]).denoise(signal)
    assert denoised.dtype == np.dtype(dtype)
    assert np.abs(denoised.astype(float) - signal.astype(float)).max() <= (0.25 if dtype == "float16" else 1e-4)


def test_integers_are_clipped_not_wrapped(tmp_path):
    from onnx import helper

    double = onnx_models.save(
        tmp_path / "double.onnx",
        [helper.make_node("Add", ["noisy", "noisy"], ["clean"])],
        [onnx_models.tensor("noisy", 150)],
        [onnx_models.tensor("clean", 150)],
        normalization="none",
    )
    signal = np.array([20000, -20000] * 100, dtype=np.int16)
    denoised = Denoiser(double).denoise(signal)
    assert set(denoised.tolist()) == {32767, -32768}


def test_small_change_on_a_large_offset_survives(models):
    signal = 101325.02 + 0.05 * np.sin(np.arange(1000) / 30)
    denoised = Denoiser(models["identity"]).denoise(signal)
    assert np.abs(denoised - signal).max() < 1e-7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, -3.5, 101325.02, 1e300])
def test_constant_signal_passes_unchanged(models, kind, value):
    denoised = Denoiser(models[kind]).denoise(np.full(400, value))
    np.testing.assert_allclose(denoised, value, rtol=1e-15)


def test_gaps_are_bridged_for_the_model_and_given_back(models):
    denoiser = Denoiser(models["smoother"])
    signal = draw(5, 150)
    signal[40:50] = np.linspace(signal[39], signal[50], 12)[1:-1]
    signal[:5] = signal[5]
    with_gaps = signal.copy()
    with_gaps[40:50] = np.nan
    with_gaps[:5] = np.nan
    stream = denoiser.stream()
    result = np.concatenate([stream.process(with_gaps), stream.flush()])
    expected = np.where(np.isnan(with_gaps), np.nan, denoiser.denoise(signal))
    np.testing.assert_allclose(result, expected, atol=1e-6 * np.ptp(signal))
    assert stream.missing_samples == 15


def test_windows_without_any_value_pass_through(models):
    signal = draw(6, 1000)
    signal[200:600] = np.nan
    for kind in ("smoother", "leaky_mean", "smoother_raw", "smoother_16k"):
        denoised = Denoiser(models[kind]).denoise(signal, 8000 if "16k" in kind else None)
        assert (np.isnan(denoised) == np.isnan(signal)).all()
    all_missing = np.full(321, np.nan)
    assert np.isnan(Denoiser(models["smoother"]).denoise(all_missing)).all()


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinity_is_refused_with_its_position_and_nothing_of_the_chunk_is_taken(models, bad):
    stream = Denoiser(models["identity"]).stream(2)
    signal = draw(7, 500, 2)
    first = stream.process(signal[:200])
    spoiled = signal[200:].copy()
    spoiled[23, 1] = bad
    with pytest.raises(SourceError, match="sample 223 of channel 1 is -?inf"):
        stream.process(spoiled)
    rest = [stream.process(signal[200:]), stream.flush()]
    whole = Denoiser(models["identity"]).denoise(signal)
    np.testing.assert_allclose(np.concatenate([first, *rest]), whole, atol=1e-9)


def test_numbers_whose_range_would_overflow_are_refused(models):
    with pytest.raises(SourceError, match="sample 3 is 1e"):
        Denoiser(models["identity"]).denoise([0.0, 0.0, 0.0, 1e308])


def test_channels_are_independent(models):
    for kind in KINDS:
        denoiser = at_hop(models[kind], 60)
        signal = draw(8, 777, 3)
        together = denoiser.denoise(signal)
        for channel in range(3):
            alone = denoiser.denoise(signal[:, channel])
            np.testing.assert_allclose(together[:, channel], alone, atol=1e-6 * np.ptp(signal))


def test_stateful_model_sees_the_past(models):
    denoiser = at_hop(models["leaky_mean_raw"], 150)
    denoised = denoiser.denoise(np.ones(450))
    # state after k windows of ones: 1 - 0.8^k in both numbers; offset = 1.5 of it
    expected = [1 - 1.5 * (1 - 0.8**k) for k in range(3)]
    np.testing.assert_allclose(denoised[[10, 160, 310]], expected, atol=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, "leaky_mean_16k"])
def test_reset_and_flush_restart_the_stream(models, kind):
    rate = 44100.0 if "16k" in kind else None
    denoiser = Denoiser(models[kind])
    signal = draw(9, 1500)
    expected = denoiser.denoise(signal, rate)
    stream = denoiser.stream(1, rate)
    stream.process(draw(10, 333))
    stream.reset()
    for _ in range(2):  # once after reset(), once after flush()
        result = np.concatenate([stream.process(signal), stream.flush()])
        np.testing.assert_allclose(result, expected, atol=1e-6 * np.ptp(signal))
        assert stream.samples_in == stream.samples_out == 1500
    assert stream.flush().shape == (0,)


@pytest.mark.parametrize("hop", [1, 10, 75, 100, 150])
def test_impulse_comes_out_after_latency_samples(models, hop):
    denoiser = Denoiser(models["identity"], hop=hop)
    longest = 0
    for position in range(300, 300 + hop):
        stream = denoiser.stream()
        given: list[float] = []
        for index in range(1000):
            given.extend(stream.process(np.array([float(index == position)])))
            if len(given) > position:
                assert given[position] > 0.99
                longest = max(longest, index - position + 1)
                break
    assert longest == stream.latency_samples == 150


@pytest.mark.parametrize("rate", [8000.0, 44100.0])
def test_resampled_latency_is_an_upper_bound_that_is_reached(models, rate):
    stream = Denoiser(models["identity_16k"]).stream(1, rate)
    taken = given = longest = 0
    for _ in range(10_000):
        taken += 1
        count = len(stream.process(np.zeros(1)))
        if count:
            longest = max(longest, taken - given)
            given += count
    assert longest == stream.latency_samples >= 150 * rate / 16000


@pytest.mark.parametrize("mix", [0.0, 0.25, 1.0])
def test_mix_blends_input_and_denoised(models, mix):
    signal = draw(11, 900)
    for kind, rate in (("smoother", None), ("smoother_16k", 48000.0)):
        wet = Denoiser(models[kind]).denoise(signal, rate)
        mixed = Denoiser(models[kind], mix=mix).denoise(signal, rate)
        np.testing.assert_allclose(mixed, mix * wet + (1 - mix) * signal, atol=1e-9)
    assert (Denoiser(models["smoother"], mix=0).denoise(signal) == signal).all()


def test_chunk_shapes_are_kept(models):
    stream = Denoiser(models["identity"]).stream()
    assert stream.process(np.zeros((200, 1))).shape == (75, 1)
    assert stream.flush().shape == (125, 1)
    assert stream.process([]).shape == (0,)
    assert Denoiser(models["identity"]).stream(2).process(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("signal", "error", "words"),
    [
        (np.zeros((2, 2, 2)), ValueError, r"shape \(2, 2, 2\)"),
        (np.zeros((5, 0)), ValueError, r"shape \(5, 0\)"),
        (3.0, ValueError, r"shape \(\)"),
        (["a"], TypeError, "dtype <U1"),
        (np.zeros(3, complex), TypeError, "dtype complex128"),
    ],
)
def test_wrong_arrays_are_refused_in_words(models, signal, error, words):
    with pytest.raises(error, match=words):
        Denoiser(models["identity"]).denoise(signal)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"hop": 0}, "hop=0 is shorter than one sample; use 1 to 150"),
        ({"hop": 151}, "hop=151 is longer than window=150; use 1 to 150"),
        ({"mix": 1.5}, "mix=1.5 is out of range"),
        ({"mix": float("nan")}, "mix=nan is out of range"),
    ],
)
def test_wrong_settings_are_refused_in_words(models, arguments, words):
    with pytest.raises(ValueError, match=words):
        Denoiser(models["identity"], **arguments)


@pytest.mark.parametrize("kind", ["leaky_mean", "recurrent_16k"])
def test_stateful_model_takes_its_own_hop_only(models, kind):
    assert Denoiser(models[kind], hop=75).hop == Denoiser(models[kind]).hop == 75
    words = "hop=50 does not work with the model test, whose state advances by 75 samples a window; use hop=75 or"
    with pytest.raises(ValueError, match=words):
        Denoiser(models[kind], hop=50)
    assert Denoiser(onnx_models.with_facts(models[kind], hop="50"), hop=50).hop == 50


def test_wrong_channels_and_rates_are_refused_in_words(models):
    denoiser = Denoiser(models["identity"])
    with pytest.raises(ValueError, match="channels=0"):
        denoiser.stream(0)
    with pytest.raises(ValueError, match="sample_rate_hz=-1"):
        denoiser.stream(1, -1)
    with pytest.raises(ValueError, match="has 3 channels, not 2"):
        denoiser.stream(2).process(np.zeros((10, 3)))


def test_memory_stays_bounded_by_the_chunk(models):
    stream = Denoiser(models["identity"], hop=10).stream()
    for _ in range(200):
        stream.process(np.random.default_rng(0).normal(size=1000))
        held = stream._pending.joined().size + stream._stage._cutter._kept.joined().size
        assert held <= 4 * 150


def test_path_and_string_name_the_same_model(models):
    assert Denoiser(str(models["identity"])).contract == Denoiser(Path(models["identity"])).contract


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_what_is_kept_between_calls_does_not_keep_a_long_chunk_alive(models, rate):
    stream = Denoiser(models["smoother_16k"]).stream(1, rate)
    chunk = np.random.default_rng(0).normal(size=200_000)
    stream.process(chunk[:1000])
    tracemalloc.start()
    try:
        stream.process(chunk)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 0.2 * chunk.nbytes
