"""Contexts: every number is a mean that can be computed by hand, and models that take them are chunk-exact."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_models
from denoise_stream import ContractError, Denoiser, StreamPool
from denoise_stream.contract import Blocks, Contract
from denoise_stream.engine.context import Starts, Surroundings
from denoise_stream.engine.stream import DenoiseStream
from denoise_stream.engine.windows import normalize
from denoise_stream.model import Model, Rows
from signals import draw, stream_in_chunks

PAST, AHEAD = (Blocks(5, 6), Blocks(25, 4)), (Blocks(5, 4), Blocks(40, 3))
MOST = 120


def contract(**changes) -> Contract:
    return Contract(**{"name": "test", "window": 20, "hop": 10, "context_past": PAST, "context_ahead": AHEAD} | changes)


def by_hand(signal: np.ndarray, start: int, window: int, lookahead: int) -> tuple[list[float], list[float]]:
    """Compute the context of one window of one channel as its definition says, block by block."""
    minimum = np.nanmin(signal[start : start + window])
    span = np.nanmax(signal[start : start + window]) - minimum or 1.0
    inside = signal[start : start + window]
    means, shares = [], []
    for scales, before in ((PAST, True), (AHEAD, False)):
        for size, number in scales:
            edge = float(np.mean((inside[:size] if before else inside[-size:]) - minimum) / span)
            row_means, row_shares, last = [], [], edge
            for block in range(number):
                if before:
                    places = range(start - (block + 1) * size, start - block * size)
                else:
                    end = start + window
                    places = [n for n in range(end + block * size, end + (block + 1) * size) if n < end + lookahead]
                known = [signal[n] for n in places if 0 <= n < len(signal) and not np.isnan(signal[n])]
                last = float((np.mean(known) - minimum) / span) if known else last
                row_means.append(last)
                row_shares.append(len(known) / size)
            backward = slice(None, None, -1 if before else 1)
            means += row_means[backward]
            shares += row_shares[backward]
    return means, shares


@given(
    length=st.integers(20, 400),
    first=st.integers(0, 60),
    hop=st.integers(1, 20),
    lookahead=st.integers(0, 150),
    offset=st.sampled_from([0.0, 101325.0]),
    missing=st.floats(0, 0.6),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_every_block_is_the_mean_of_its_known_samples(length, first, hop, lookahead, offset, missing, seed):
    rng = np.random.default_rng(seed)
    signal = offset + 0.05 * rng.normal(size=(2, length))
    first = min(first, length - 20)
    number = (length - 20 - first) // hop + 1
    inside = np.zeros(length, dtype=bool)
    for start in range(first, first + number * hop, hop):
        inside[start : start + 20] = True
    signal[:, (rng.random(length) < missing) & ~inside] = np.nan  # windows themselves are bridged before
    windows = np.stack([signal[:, first + n * hop : first + n * hop + 20] for n in range(number)])
    scaled, minimum, span = normalize(windows.reshape(-1, 20))
    found = Surroundings(contract(), lookahead).contexts(signal, Starts(first, number, hop), scaled, minimum, span)
    assert found.dtype == np.float32
    assert len(found) == 2 * number
    for row in rng.permutation(len(found))[:30]:  # by hand, all of them would take seconds
        means, shares = by_hand(signal[row % 2], first + row // 2 * hop, 20, min(lookahead, MOST))
        np.testing.assert_allclose(found[row], [*means, *shares], atol=2e-6, rtol=2e-6)


def test_a_huge_spike_in_the_past_leaves_the_other_blocks_exact():
    signal = 101325 + 0.05 * np.random.default_rng(0).normal(size=(1, 300))
    scaled, minimum, span = normalize(signal[:, 200:220])
    quiet = Surroundings(contract(), 0).contexts(signal, Starts(200, 1, 10), scaled, minimum, span)
    signal[0, 120] += 1e12
    loud = Surroundings(contract(), 0).contexts(signal, Starts(200, 1, 10), scaled, minimum, span)
    changed = np.flatnonzero(loud != quiet)
    assert changed.tolist() == [6]  # the oldest of four blocks of 25 begins at 100
    assert loud[0, 6] == 1e6


class Recorder(Model):
    """Keep the contexts that the engine asks with, and change nothing."""

    def __init__(self, facts: Contract) -> None:
        self.contract, self.path = facts, Path("recorder")
        self.contexts: list[Rows] = []

    def bound(self, rows: int) -> Model:
        return self

    def run(self, noisy: Rows, context: Rows | None = None) -> Rows:
        self.contexts.append(context)
        return noisy


@given(
    length=st.integers(1, 500),
    hop=st.integers(1, 20),
    lookahead=st.integers(0, MOST),
    channels=st.integers(1, 2),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_the_engine_asks_with_the_contexts_of_the_whole_signal(length, hop, lookahead, channels, data):
    rng = np.random.default_rng(length)
    signal = 1e9 + rng.normal(size=(length, channels))  # the last bits of sums show in the contexts
    signal[rng.random(length) < data.draw(st.sampled_from([0.0, 0.1]))] = np.nan
    model = Recorder(contract(hop=hop))
    stream = DenoiseStream(model, hop, 1.0, channels, None, lookahead_samples=lookahead)
    rest = signal
    parts = []
    while len(rest):
        size = data.draw(st.integers(1, 200))
        parts.append(stream.process(rest[:size]))
        rest = rest[size:]
    parts.append(stream.flush())
    np.testing.assert_allclose(np.concatenate(parts).reshape(signal.shape), signal, atol=1e-6)

    whole = Recorder(model.contract)
    again = DenoiseStream(whole, hop, 1.0, channels, None, lookahead_samples=lookahead)
    again.process(signal)
    again.flush()
    np.testing.assert_array_equal(np.concatenate(model.contexts), np.concatenate(whole.contexts))
    if not np.isnan(signal).any() and length >= 20:
        number = (length - 20) // hop + 1
        windows = np.stack([signal[n * hop : n * hop + 20].T for n in range(number)]).reshape(-1, 20)
        at_once = Surroundings(model.contract, lookahead).contexts(
            signal.T, Starts(0, number, hop), *normalize(windows)
        )
        np.testing.assert_array_equal(np.concatenate(model.contexts)[: len(at_once)], at_once)


def test_the_layout_of_a_signal_changes_no_bit():
    signal = 1e9 + np.random.default_rng(0).normal(size=(2, 2000))
    windows = np.stack([signal[:, n * 10 : n * 10 + 20] for n in range(190)]).reshape(-1, 20)
    turned = np.asfortranarray(signal)
    for starts, rows in ((Starts(0, 190, 10), slice(None)), (Starts(1000, 1, 10), slice(200, 202))):
        found = [
            Surroundings(contract(), MOST).contexts(one, starts, *normalize(windows[rows])) for one in (signal, turned)
        ]
        np.testing.assert_array_equal(*found)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return onnx_models.in_context(tmp_path_factory.mktemp("context") / "in_context.onnx")


@pytest.mark.parametrize("lookahead", [0, 1, 77, MOST])
@pytest.mark.parametrize("sizes", [[1], [17], [75], [151], [4096]])
@pytest.mark.parametrize("length", [1, 149, 151, 400, 2000])
def test_chunks_make_no_difference_at_any_look_ahead(model, lookahead, sizes, length):
    noisy = draw(1, length)
    denoiser = Denoiser(model, lookahead_samples=lookahead)
    whole = denoiser.denoise(noisy)
    scale = max(np.ptp(noisy), 1.0)
    np.testing.assert_allclose(stream_in_chunks(denoiser, noisy, sizes), whole, atol=1e-6 * scale)


def test_files_look_ahead_and_streams_do_not_unless_it_is_stated(model):
    noisy = draw(1, 1500)
    free, short, long = Denoiser(model), Denoiser(model, lookahead_samples=0), Denoiser(model, lookahead_samples="auto")
    np.testing.assert_array_equal(free.denoise(noisy), long.denoise(noisy))
    np.testing.assert_array_equal(stream_in_chunks(free, noisy, [100]), stream_in_chunks(short, noisy, [100]))
    assert np.abs(short.denoise(noisy) - long.denoise(noisy)).max() > 1e-3
    assert free.stream().latency_samples == 150
    assert long.stream().latency_samples == 150 + MOST


@pytest.mark.parametrize("lookahead", [0, 30, MOST])
def test_the_measured_latency_is_window_and_look_ahead(model, lookahead):
    stream = Denoiser(model, hop=1, lookahead_samples=lookahead).stream()
    outputs = [len(stream.process(np.ones(1) * n)) for n in range(400)]
    assert outputs.index(1) + 1 == stream.latency_samples == 150 + lookahead


def test_memory_is_bounded_by_the_look_ahead(model):
    stream = Denoiser(model, lookahead_samples="auto").stream()
    chunk = np.random.default_rng(0).normal(size=1000)
    stream.process(chunk)
    tracemalloc.start()
    for _ in range(5):
        stream.process(chunk)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        stream.process(chunk)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 16 * 1024


def test_a_pool_runs_models_with_a_context(model):
    noisy = draw(1, 2000)
    with StreamPool(model, lookahead_samples=40) as pool:
        streams = [pool.open() for _ in range(5)]
        for number, stream in enumerate(streams):
            stream.push(noisy[number:])
            stream.end()
        pooled = [np.concatenate(list(stream)) for stream in streams]
    for number, found in enumerate(pooled):
        expected = Denoiser(model, lookahead_samples=40).denoise(noisy[number:])
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.ptp(noisy))


def test_constants_gaps_and_offsets_survive(model):
    denoiser = Denoiser(model)
    np.testing.assert_allclose(denoiser.denoise(np.full(700, -3.5)), -3.5, rtol=1e-15)
    noisy = 101325 + 0.05 * draw(1, 1500)
    noisy[400:420] = np.nan
    clean = denoiser.denoise(noisy)
    np.testing.assert_array_equal(np.isnan(clean), np.isnan(noisy))
    np.testing.assert_allclose(denoiser.denoise(noisy - 101325) + 101325, clean, atol=1e-6 * 0.3)


@pytest.mark.parametrize(
    ("lookahead", "words"),
    [
        (-1, "lookahead_samples=-1 is negative"),
        (MOST + 1, f"sees at most {MOST} samples ahead; use 0 to {MOST}"),
        ("far", "lookahead_samples='far' is of type str; use a whole number of samples, or 'auto'"),
        (1.5, "lookahead_samples=1.5 is of type float"),
    ],
)
def test_an_impossible_look_ahead_is_refused(model, lookahead, words):
    with pytest.raises((ValueError, TypeError), match=words):
        Denoiser(model, lookahead_samples=lookahead)


def test_a_model_without_a_context_does_not_look_ahead():
    assert Denoiser("general-small", lookahead_samples="auto").stream().latency_samples == 150
    with pytest.raises(ValueError, match="the model general-small does not look ahead; use 0"):
        Denoiser("general-small", lookahead_samples=75)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"context_past": None, "context_ahead": None}, "context_past=''; needed with a context"),
        ({"context_past": "5x"}, "metadata context_past='5x'; needed: SIZExCOUNT"),
        ({"context_past": "5x0"}, "metadata context_past='5x0'; needed: SIZExCOUNT"),
        ({"context_ahead": "3x4x5"}, "metadata context_ahead='3x4x5'; needed: SIZExCOUNT"),
        ({"normalization": "none"}, "normalization='none'; needed with a context: 'minmax'"),
        ({"state_size": "4"}, "state_size='4'; needed with a context: '0'"),
        ({"context_past": "5x7,25x4"}, r"input 'context' has shape \[batch, 34\]; needed: \[batch, 36\]"),
        ({"contract_version": "1"}, "the graph's inputs are noisy, context; needed: noisy"),
    ],
)
def test_a_context_that_breaks_the_contract_is_refused(tmp_path, metadata, words):
    path = onnx_models.in_context(tmp_path / "bad.onnx", **metadata)
    with pytest.raises(ContractError, match=words):
        Denoiser(path)


def test_the_contract_survives_its_metadata():
    facts = contract()
    assert Contract.from_metadata(facts.to_metadata(), "test") == facts
    assert facts.to_metadata()["context_past"] == "5x6,25x4"
    assert facts.context_size == onnx_models.CONTEXT_SIZE
