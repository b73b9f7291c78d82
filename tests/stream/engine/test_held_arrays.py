"""Arrays as users hold them: channels first, pandas, wrong types, no rate; and copies of denoisers and streams."""

import concurrent.futures
import copy
import inspect
import multiprocessing
import pickle
import shutil
import tracemalloc
import warnings

import joblib
import numpy as np
import pandas
import pytest

import onnx_models
from denoise_stream import ContractError, Denoiser, MissingExtra, StreamPool
from signals import draw


@pytest.mark.parametrize("shape", [(2, 1000), (1, 1000), (6, 7), (1, 2)])
def test_signal_with_more_channels_than_samples_is_refused_with_the_transposition_named(models, shape):
    with pytest.raises(ValueError, match=r"\(channels, samples\).*signal\.T"):
        Denoiser(models["smoother"]).denoise(draw(0, *shape))


@pytest.mark.parametrize("axis", [1, -1])
def test_axis_says_where_the_samples_are(models, axis):
    denoiser = Denoiser(models["smoother"])
    signal = draw(1, 800, 2)
    turned = denoiser.denoise(signal.T, axis=axis)
    np.testing.assert_array_equal(turned, denoiser.denoise(signal).T)
    np.testing.assert_array_equal(denoiser.denoise(signal[:, 0], axis=-1), denoiser.denoise(signal[:, 0]))


def test_few_samples_of_many_channels_pass_with_their_axis(models):
    signal = draw(2, 20, 64)
    denoised = Denoiser(models["smoother"]).denoise(signal, axis=0)
    stream = Denoiser(models["smoother"]).stream(64)
    np.testing.assert_allclose(denoised, np.concatenate([stream.process(signal), stream.flush()]))
    assert Denoiser(models["smoother"]).denoise(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(("axis", "error"), [(2, ValueError), (-3, ValueError), ("time", TypeError), (True, TypeError)])
def test_invalid_axis_is_named(models, axis, error):
    with pytest.raises(error, match="axis="):
        Denoiser(models["smoother"]).denoise(draw(0, 400, 2), axis=axis)


def test_chunk_of_channels_by_samples_is_refused_with_the_transposition_named(models):
    words = (
        r"shape \(2, 160\) has 160 channels, not 2; if it is \(channels, samples\), pass its transposition, chunk\.T"
    )
    with pytest.raises(ValueError, match=words):
        Denoiser(models["smoother"]).stream(2).process(draw(0, 2, 160))
    with StreamPool(models["smoother"]) as pool, pytest.raises(ValueError, match=words):
        pool.open(2).push(draw(0, 2, 160))


def test_a_caller_may_fill_one_buffer_again_and_again(models):
    denoiser, noisy, buffer = Denoiser(models["smoother"], mix=0.5), draw(3, 700), np.empty(7)
    stream, parts = denoiser.stream(), []
    for chunk in noisy.reshape(-1, 7):
        buffer[:] = chunk
        parts.append(stream.process(buffer))
    np.testing.assert_allclose(np.concatenate([*parts, stream.flush()]), denoiser.denoise(noisy), rtol=1e-6)


def test_empty_chunks_are_not_kept(models):
    stream = Denoiser(models["identity"]).stream()
    for _ in range(100):
        stream.process([])
    tracemalloc.start()
    for _ in range(1000):
        stream.process(np.empty(0))
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 16 * 1024


# ------------------------------------------------------------------------------------------------ pandas


def test_series_comes_back_as_one_with_its_index_name_and_dtype(models):
    denoiser = Denoiser(models["smoother"])
    index = pandas.date_range("2026-03-01", periods=400, freq="s")
    for dtype in ("float64", "float32", "int16", "Float64", "Int32"):
        series = pandas.Series((draw(3, 400) * 100).round(), index=index, name="pressure").astype(dtype)
        denoised = denoiser.denoise(series)
        assert isinstance(denoised, pandas.Series)
        assert (denoised.name, denoised.dtype) == ("pressure", series.dtype)
        assert denoised.index.equals(index)
        expected = denoiser.denoise(series.to_numpy(dtype=np.float64))
        assert np.abs(denoised.to_numpy(dtype=np.float64) - expected).max() <= (0.5 if "nt" in dtype else 1e-4)


def test_frame_keeps_index_names_and_a_dtype_for_each_column(models):
    values = draw(4, 500, 3) * 10
    frame = pandas.DataFrame(
        {"a": values[:, 0], "b": values[:, 1].round().astype(np.int32), "c": values[:, 2].astype(np.float32)},
        index=[f"row {at}" for at in range(500)],
    )
    frame.columns = ["a", "a", "c"]  # two of one name
    before = frame.copy()
    denoised = Denoiser(models["smoother"]).denoise(frame)
    assert isinstance(denoised, pandas.DataFrame)
    assert list(denoised.dtypes) == list(frame.dtypes)
    assert denoised.index.equals(frame.index)
    assert denoised.columns.equals(frame.columns)
    expected = Denoiser(models["smoother"]).denoise(frame.to_numpy(dtype=np.float64))
    np.testing.assert_allclose(
        denoised.to_numpy(dtype=np.float64)[:, [0, 2]], expected[:, [0, 2]], rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(denoised.iloc[:, 1], np.rint(expected[:, 1]))
    pandas.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "float64", "double[pyarrow]", "int64[pyarrow]"])
def test_missing_values_of_pandas_stay_missing(models, dtype):
    series = pandas.Series((draw(5, 400) * 100).round()).astype(dtype)
    series.iloc[[0, 17, 399]] = None
    denoised = Denoiser(models["identity"]).denoise(series)
    assert denoised.dtype == series.dtype
    assert list(np.flatnonzero(denoised.isna())) == [0, 17, 399]
    known = ~series.isna()
    np.testing.assert_allclose(denoised[known].astype(float), series[known].astype(float), atol=1e-4)


def test_frame_with_a_column_that_is_no_signal_is_refused_by_name(models):
    frame = pandas.DataFrame({"time": pandas.date_range("2026-03-01", periods=300), "v": draw(6, 300)})
    with pytest.raises(TypeError, match=r"column 'time' has dtype datetime64.*drop\(columns=\['time'\]\)"):
        Denoiser(models["smoother"]).denoise(frame)
    with pytest.raises(TypeError, match="the Series 'word' has dtype"):
        Denoiser(models["smoother"]).denoise(pandas.Series(["a", "b"], name="word"))


# --------------------------------------------------------------------------- types, and a rate not given


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"hop": "30"}, "hop='30' is of type str; use a whole number from 1 to 150"),
        ({"hop": 30.0}, "hop=30.0 is of type float; use a whole number from 1 to 150"),
        ({"hop": True}, "hop=True is of type bool"),
        ({"mix": "0.5"}, "mix='0.5' is of type str; use a number from 0 to 1"),
        ({"mix": None}, "mix=None is of type NoneType"),
        ({"max_attenuation_db": "12 dB"}, "max_attenuation_db='12 dB' is of type str; use a number"),
        ({"model": 3}, "model=3 is of type int; use the name of a bundled model or the path of an ONNX file"),
        ({"max_wait_ms": "2"}, "max_wait_ms='2' is of type str"),
        ({"queue_samples": 1e4}, "queue_samples=10000.0 is of type float"),
    ],
)
def test_wrong_types_are_named(models, arguments, words):
    settings = {"model": models["identity"]} | arguments
    for make in (Denoiser, StreamPool):
        if set(settings) <= set(inspect.signature(make).parameters):
            with pytest.raises(TypeError, match=words):
                make(**settings)


def test_wrong_types_of_channels_and_rates_are_named(models):
    denoiser = Denoiser(models["identity_16k"])
    with pytest.raises(TypeError, match="channels='2' is of type str; use a whole number"):
        denoiser.stream("2", 16_000)
    with pytest.raises(TypeError, match="sample_rate_hz='48k' is of type str; use a number of Hz"):
        denoiser.denoise(draw(0, 300), "48k")
    with pytest.raises(TypeError, match="sample_rate_hz=array"):
        denoiser.denoise(draw(0, 300), np.zeros(400))
    with pytest.raises(ValueError, match="sample_rate_hz is a number of hundreds of digits"):
        denoiser.stream(1, 10**400)
    with pytest.raises(TypeError, match="samples='10' is of type str"):
        denoiser.stream(1, 16_000).fade_to(0.5, "10")


def test_numbers_of_numpy_are_numbers(models):
    denoiser = Denoiser(models["identity"], hop=np.int64(30), mix=np.float32(0.5))
    stream = denoiser.stream(np.uint8(2), np.array(48_000))
    assert (denoiser.hop, stream.channels, stream.sample_rate_hz) == (30, 2, 48_000.0)


def test_missing_rate_for_a_model_of_a_fixed_rate_warns(models):
    denoiser = Denoiser(models["identity_16k"])
    words = "taken for one at 16000 Hz.*pass sample_rate_hz="
    for ask in (lambda: denoiser.denoise(draw(0, 300)), denoiser.stream):
        with pytest.warns(UserWarning, match=words) as caught:
            ask()
        assert [entry.filename for entry in caught] == [__file__]  # the caller's line is named
    with StreamPool(models["identity_16k"]) as pool, pytest.warns(UserWarning, match=words):
        pool.open()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoiser.denoise(draw(0, 300), 16_000)
        Denoiser(models["identity"]).denoise(draw(0, 300))


# ------------------------------------------------------------------------------------ copies and processes


def test_copies_of_a_denoiser_denoise_alike(models):
    denoiser = Denoiser(models["smoother_16k"], hop=50, mix=0.7, max_attenuation_db=20)
    signal = draw(7, 3000)
    for other in (pickle.loads(pickle.dumps(denoiser)), copy.deepcopy(denoiser), copy.copy(denoiser)):
        assert repr(other) == repr(denoiser)
        assert other.contract == denoiser.contract
        assert (other.hop, other.mix, other.max_attenuation_db) == (50, 0.7, 20)
        np.testing.assert_array_equal(other.denoise(signal, 44_100), denoiser.denoise(signal, 44_100))


def test_relative_path_is_found_from_another_folder(folder, models, monkeypatch):
    shutil.copy(models["smoother"], "mine.onnx")
    pickled = pickle.dumps(Denoiser("mine.onnx"))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert pickle.loads(pickled).denoise(draw(0, 300)).shape == (300,)


def test_bundled_model_is_pickled_by_name():
    assert b"models" not in pickle.dumps(Denoiser("x2")).replace(b"bundled_models", b"").replace(b"_stream.model", b"")


def test_unpickling_names_a_model_that_is_gone_or_replaced(folder, models):
    shutil.copy(models["smoother"], "mine.onnx")
    denoiser = Denoiser("mine.onnx")
    pickled = pickle.dumps(denoiser)
    onnx_models.smoother(folder / "mine.onnx", hop="50")
    with pytest.raises(ContractError, match=r"mine\.onnx is another model than when it was pickled"):
        pickle.loads(pickled)
    (folder / "mine.onnx").unlink()
    with pytest.raises(ContractError, match=r"mine\.onnx' is neither a file nor a bundled model"):
        pickle.loads(pickled)
    assert copy.deepcopy(denoiser).denoise(draw(0, 300)).shape == (300,)  # which shares the network


@pytest.mark.parametrize("kind", ["leaky_mean_16k", "smoother", "recurrent"])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
def test_copy_of_a_stream_goes_on_where_the_stream_was(models, kind, again):
    signal = draw(8, 4000)
    stream = Denoiser(models[kind]).stream(1, 44_100)
    first = stream.process(signal[:1777])
    other = again(stream)
    expected = np.concatenate([first, stream.process(signal[1777:]), stream.flush()])
    found = np.concatenate([first, other.process(signal[1777:]), other.flush()])
    np.testing.assert_array_equal(found, expected)


def test_pickled_stream_holds_no_samples_that_it_is_done_with(models):
    stream = Denoiser(models["smoother"]).stream()
    secret = draw(9, 75)
    stream.process(secret)
    assert secret.tobytes() in pickle.dumps(stream)
    stream.process(draw(10, 400))
    assert secret[:10].tobytes() not in pickle.dumps(stream)


def test_stream_of_many_channels_holds_a_few_windows_of_each(models):
    channels = 1000
    stream = Denoiser(models["smoother"]).stream(channels=channels)
    chunk = np.ones((40, channels))
    tracemalloc.start()
    try:
        for _ in range(30):
            stream.process(chunk)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 * channels * 150 * chunk.itemsize


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_denoiser_goes_into_other_processes(models, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    denoiser = Denoiser(models["smoother"], hop=50)
    signals = [draw(seed, 500) for seed in range(4)]
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, context) as processes:
        for signal, found in zip(signals, processes.map(denoiser.denoise, signals), strict=True):
            np.testing.assert_array_equal(found, denoiser.denoise(signal))


def test_denoiser_goes_through_joblib(models):
    denoiser = Denoiser(models["smoother"], hop=50)
    signals = [draw(seed, 500) for seed in range(4)]
    together = joblib.Parallel(n_jobs=2)(joblib.delayed(denoiser.denoise)(signal) for signal in signals)
    for signal, found in zip(signals, together, strict=True):
        np.testing.assert_array_equal(found, denoiser.denoise(signal))
    assert joblib.hash(denoiser) == joblib.hash(Denoiser(models["smoother"], hop=50))


def test_copy_of_a_pool_is_a_pool_with_its_settings(models):
    with StreamPool(models["smoother"], hop=50, mix=0.5, max_wait_ms=7, queue_samples=999) as pool:
        kept = pool.open()
        for other in (pickle.loads(pickle.dumps(pool)), copy.deepcopy(pool)):
            with other:
                assert repr(other) == repr(pool).replace("1 open", "0 open")
                assert (other._max_wait_ms, other._queue_samples) == (7, 999)
                stream = other.open()
                stream.push(draw(9, 400))
                stream.end()
                expected = Denoiser(models["smoother"], hop=50, mix=0.5).denoise(draw(9, 400))
                np.testing.assert_allclose(np.concatenate([*stream]), expected, atol=1e-6)
        with pytest.raises(TypeError, match="a PooledStream cannot be pickled or copied"):
            pickle.dumps(kept)


def test_errors_go_from_process_to_process():
    error = pickle.loads(pickle.dumps(MissingExtra("drawing a picture", "plot")))
    assert str(error) == str(MissingExtra("drawing a picture", "plot"))


def test_representation_says_model_hop_and_rate(models):
    assert repr(Denoiser("general", hop=30)) == "<Denoiser general, hop 30, any rate>"
    assert repr(Denoiser("speech")) == "<Denoiser speech, hop 75, 16000 Hz>"
    stream = Denoiser("speech").stream(2, 48_000)
    assert repr(stream) == "<DenoiseStream speech, hop 75, 48000 Hz, 2 channel(s)>"
    with StreamPool("general") as pool:
        assert repr(pool) == "<StreamPool general, hop 75, any rate, 0 open stream(s)>"
        assert repr(pool.open(1, 8000)) == "<PooledStream general, hop 75, 8000 Hz, 1 channel(s)>"


@pytest.mark.parametrize("name", ["identity", "recurrent", "recurrent_raw"])
def test_what_a_stream_returned_stays_when_it_goes_on(models, name):
    stream = Denoiser(models[name]).stream()
    signal = draw(3, 1200)
    returned = [stream.process(signal[start : start + 75]) for start in range(0, 1200, 75)]
    kept = [part.copy() for part in returned]
    stream.process(draw(4, 600))
    for part, copied in zip(returned, kept, strict=True):
        np.testing.assert_array_equal(part, copied)


@pytest.mark.parametrize("name", ["identity", "recurrent"])
def test_streams_of_one_model_do_not_share_buffers(models, name):
    denoiser = Denoiser(models[name])
    first, second, alone = denoiser.stream(), denoiser.stream(), denoiser.stream()
    ours, others = draw(5, 1200), draw(6, 1200)
    together = []
    for start in range(0, 1200, 75):
        together.append(first.process(ours[start : start + 75]))
        second.process(others[start : start + 75])
    np.testing.assert_array_equal(np.concatenate(together), alone.process(ours))
