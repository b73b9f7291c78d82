"""The pool of streams: each equals a stream of its own, whatever the others do; backpressure and ends."""

import asyncio
import contextlib
import gc
import re
import threading
import time
import tracemalloc

import numpy as np
import pytest

from denoise_stream import DenoiseError, Denoiser, SourceError, StreamFull, StreamPool
from denoise_stream.engine.steps import Question, ask_together
from signals import draw

KINDS = ["identity", "smoother", "leaky_mean", "smoother_raw", "leaky_mean_16k", "smoother_16k"]


def collect(stream) -> np.ndarray:
    return np.concatenate([*stream])


@pytest.mark.parametrize("kind", KINDS)
def test_streams_equal_streams_of_their_own(models, kind):
    rng = np.random.default_rng(3)
    denoiser = Denoiser(models[kind])
    with StreamPool(models[kind]) as pool:
        jobs = []
        for index in range(25):
            signal = draw(index, int(rng.integers(0, 4000)), [None, 1, 2, 3][index % 4])
            rate = float([16_000, 8_000, 44_100][index % 3])
            channels = 1 if signal.ndim == 1 else signal.shape[1]
            jobs.append((signal, rate, pool.open(channels, rate)))
        position = 0
        while position < 4000:
            size = int(rng.choice([1, 17, 75, 160, 480, 1024]))
            for signal, _, stream in jobs:
                stream.push(signal[position : position + size])
            position += size
        for signal, rate, stream in jobs:
            stream.end()
            parts = [*stream]
            expected = denoiser.denoise(signal, rate)
            found = np.concatenate(parts) if parts else signal[:0]
            assert found.shape == expected.shape
            scale = max(np.ptp(signal) if len(signal) else 0, 1e-12)
            assert np.abs(found - expected).max(initial=0) <= 1e-6 * scale
        assert pool.open_streams == 0


@pytest.mark.parametrize("kind", ["smoother", "leaky_mean"])
def test_streams_of_many_threads_at_once_equal_streams_of_their_own(models, kind):
    denoiser = Denoiser(models[kind])
    wrong = []

    def live(pool: StreamPool, seed: int) -> None:
        rng = np.random.default_rng(seed)
        for turn in range(4):
            signal = draw(100 * seed + turn, int(rng.integers(200, 3000)))
            with pool.open() as stream:
                parts, position = [], 0
                while position < len(signal):
                    size = int(rng.integers(1, 400))
                    stream.push(signal[position : position + size])
                    position += size
                    if rng.random() < 0.5:
                        try:
                            parts.append(stream.pull(timeout_s=0.002))
                        except TimeoutError:
                            continue
                stream.end()
                found = np.concatenate([*parts, *stream])
            if not np.abs(found - denoiser.denoise(signal)).max() <= 1e-6 * np.ptp(signal):
                wrong.append((seed, turn))

    with StreamPool(models[kind], max_wait_ms=1) as pool:
        threads = [threading.Thread(target=live, args=(pool, seed)) for seed in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not wrong


def test_windows_of_many_streams_go_through_the_network_together(models, monkeypatch):
    with StreamPool(models["leaky_mean"], max_wait_ms=1000) as pool:
        sizes = []
        run = pool._denoiser.model.run_stateful
        monkeypatch.setattr(
            pool._denoiser.model, "run_stateful", lambda rows, state: (sizes.append(len(rows)), run(rows, state))[1]
        )
        streams = [pool.open() for _ in range(10)]
        for stream in streams:
            stream.push(draw(0, 300))
        for stream in streams:
            assert stream.pull(10) is not None
    assert sizes == [10, 10, 10]


def test_lone_window_waits_for_others_until_the_bound(models):
    with StreamPool(models["identity"], max_wait_ms=50) as pool:
        stream, _other = pool.open(), pool.open()
        started = time.monotonic()
        stream.push(draw(0, 150))
        stream.pull()
        assert time.monotonic() - started > 0.045


def test_stream_alone_is_not_kept_waiting(models):
    with StreamPool(models["identity"], max_wait_ms=10_000) as pool:
        stream = pool.open()
        started = time.monotonic()
        for _ in range(20):
            stream.push(draw(0, 150))
            stream.pull()
        assert time.monotonic() - started < 10  # not one wait


@pytest.mark.parametrize("chunk", [100, 5000])
def test_full_stream_pushes_back_and_takes_more_when_it_is_read(models, chunk):
    with StreamPool(models["identity"], queue_samples=1000) as pool:
        stream = pool.open()
        pushed, refusal = 0, ""
        while not refusal and pushed < 100_000:
            try:
                stream.push(np.ones(chunk), timeout_s=0.2)
                pushed += chunk
            except StreamFull as error:
                refusal = str(error)
        assert re.match(r"the stream holds \d+ samples to denoise and \d+ to pull; pull what is finished", refusal)
        assert 2000 <= pushed <= 4 * 1000 + 3 * chunk + stream.latency_samples
        first = stream.pull()
        assert first is not None
        stream.push(np.ones(100), timeout_s=5)
        stream.end()
        assert len(first) + len(collect(stream)) == pushed + 100


@pytest.mark.parametrize("queue_samples", [1, 200, 1000])
def test_one_thread_that_pushes_and_pulls_in_turn_is_never_stuck(models, queue_samples):
    signal = draw(0, 30_000)
    with StreamPool(models["smoother"], queue_samples=queue_samples) as pool:
        stream = pool.open()
        parts = []
        for start in range(0, len(signal), 160):
            stream.push(signal[start : start + 160], timeout_s=10)
            with contextlib.suppress(TimeoutError):
                parts.append(stream.pull(timeout_s=0))
        stream.end()
        found = np.concatenate([*parts, *stream])
    assert np.abs(found - Denoiser(models["smoother"]).denoise(signal)).max() <= 1e-6 * np.ptp(signal)


def test_waiting_push_goes_on_when_another_thread_reads(models):
    signal = draw(0, 50_000)
    with StreamPool(models["smoother"], queue_samples=500) as pool:
        stream = pool.open()

        def write() -> None:
            for start in range(0, len(signal), 300):
                stream.push(signal[start : start + 300])
            stream.end()

        writer = threading.Thread(target=write)
        writer.start()
        found = collect(stream)
        writer.join(10)
    assert np.abs(found - Denoiser(models["smoother"]).denoise(signal)).max() <= 1e-6 * np.ptp(signal)


def test_asyncio_methods_give_the_same_and_do_not_block(models):
    denoiser = Denoiser(models["leaky_mean"])
    ticks = 0

    async def call(pool: StreamPool, seed: int) -> bool:
        signal = draw(seed, 20_000)
        stream = pool.open()

        async def write() -> None:
            for start in range(0, len(signal), 160):
                await stream.push_async(signal[start : start + 160])
            stream.end()

        async def read() -> np.ndarray:
            return np.concatenate([part async for part in stream])

        _, found = await asyncio.gather(write(), read())
        return bool(np.abs(found - denoiser.denoise(signal)).max() <= 1e-6 * np.ptp(signal))

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def main() -> list[bool]:
        with StreamPool(models["leaky_mean"], queue_samples=2000) as pool:
            ticking = asyncio.create_task(tick())
            results = await asyncio.gather(*(call(pool, seed) for seed in range(20)))
            ticking.cancel()
            return results

    assert asyncio.run(main()) == [True] * 20
    assert ticks > 10


def test_gaps_stay_gaps_and_dtypes_are_kept(models):
    signal = draw(0, 1000).astype(np.float32)
    signal[300:320] = np.nan
    with StreamPool(models["smoother"]) as pool:
        stream = pool.open()
        stream.push(signal)
        stream.end()
        found = collect(stream)
    assert found.dtype == np.float32
    assert (np.isnan(found) == np.isnan(signal)).all()


def test_chunk_that_is_wrong_is_refused_and_the_stream_goes_on(models):
    with StreamPool(models["identity"]) as pool:
        stream = pool.open()
        stream.push(np.ones(10))
        with pytest.raises(SourceError, match="sample 13 is inf"):
            stream.push([1.0, 2.0, 3.0, np.inf])
        with pytest.raises(ValueError, match="2 channels, not 1"):
            stream.push(np.ones((5, 2)))
        with pytest.raises(TypeError, match="must hold real numbers"):
            stream.push(["a"])
        stream.push(np.ones(5))
        stream.end()
        assert len(collect(stream)) == 15


def test_network_failure_reaches_its_streams_and_the_pool_continues(models, monkeypatch):
    with StreamPool(models["identity"]) as pool:
        run = pool._denoiser.model.run

        def fail(rows):
            raise DenoiseError("out of order")

        monkeypatch.setattr(pool._denoiser.model, "run", fail)
        broken = pool.open()
        broken.push(np.ones(200))
        with pytest.raises(DenoiseError, match="out of order"):
            broken.pull(10)
        with pytest.raises(DenoiseError, match="out of order"):
            broken.push(np.ones(200))
        monkeypatch.setattr(pool._denoiser.model, "run", run)
        whole = pool.open()
        whole.push(draw(0, 200))
        assert whole.pull(10) is not None
        assert pool.open_streams == 1


def test_chunks_of_several_kinds_come_back_whole_and_each_in_its_kind(models):
    with StreamPool(models["identity"]) as pool:
        stream = pool.open()
        for chunk in (np.ones(300), np.ones((300, 1)), np.ones(300, np.float32), np.ones(300)):
            stream.push(chunk)
        stream.end()
        while pool.open_streams:
            time.sleep(0.01)
        parts = [*stream]
    assert sum(len(part) for part in parts) == 1200
    assert {(part.dtype.name, part.ndim) for part in parts} == {("float64", 1), ("float64", 2), ("float32", 1)}


def test_pulls_that_are_cancelled_leave_nothing_behind(models):
    async def main(pool: StreamPool) -> int:
        stream = pool.open()
        for _ in range(50):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.pull_async(), 0.001)
        return len(stream._waiting)

    with StreamPool(models["identity"]) as pool:
        assert asyncio.run(main(pool)) <= 1


def test_stream_closed_before_all_was_read_does_not_look_ended(models):
    with StreamPool(models["identity"]) as pool:
        stream = pool.open()
        stream.push(np.ones(300))
        stream.end()
        while pool.open_streams:
            time.sleep(0.01)
        stream.close()
        with pytest.raises(DenoiseError, match="the stream is closed"):
            stream.pull()


def test_state_given_back_does_not_keep_a_batch_alive(models):
    model = Denoiser(models["leaky_mean"]).model
    rows, state = np.ones((1, model.contract.window), np.float32), model.initial_state(1)
    assert all(found.state.base is None for found in ask_together(model, [Question(rows, state)] * 3))


def test_methods_after_the_end_say_so(models):
    with StreamPool(models["identity"]) as pool:
        stream = pool.open()
        stream.end()
        stream.end()
        assert stream.pull() is None
        with pytest.raises(DenoiseError, match="the stream has ended"):
            stream.push(np.ones(5))
        closed = pool.open()
        closed.close()
        closed.close()
        with pytest.raises(DenoiseError, match="the stream is closed"):
            closed.pull()
        with pytest.raises(TimeoutError):
            pool.open().pull(0.01)
        left = pool.open()
    with pytest.raises(DenoiseError, match="the stream is closed"):
        left.pull()
    with pytest.raises(DenoiseError, match="the pool is closed"):
        pool.open()
    pool.close()


def test_reader_that_waits_is_woken_when_the_pool_closes(models):
    pool = StreamPool(models["identity"])
    stream = pool.open()
    said = []

    def read() -> None:
        try:
            stream.pull()
        except DenoiseError as error:
            said.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(0.05)
    pool.close()
    reader.join(10)
    assert said == ["the stream is closed"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_wait_ms": -1}, "max_wait_ms=-1 is out of range; use 0 to 10000"),
        ({"queue_samples": 0}, "queue_samples=0 is too few"),
        ({"hop": 151}, "hop=151 is longer than window=150"),
    ],
)
def test_wrong_settings_of_a_pool_are_refused_in_words(models, settings, words):
    with pytest.raises(ValueError, match=words):
        StreamPool(models["identity"], **settings)


@pytest.mark.slow
def test_ten_thousand_streams_opened_and_closed_leave_nothing_behind(models):
    chunk = draw(0, 200)
    with StreamPool(models["leaky_mean"], max_wait_ms=0) as pool:

        def cycle(count: int) -> None:
            for index in range(count):
                stream = pool.open()
                stream.push(chunk)
                if index % 2:
                    stream.end()
                    assert sum(len(part) for part in stream) == 200
                stream.close()

        cycle(200)
        tracemalloc.start()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        cycle(10_000)
        time.sleep(0.05)
        gc.collect()
        growth = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert pool.open_streams == 0
        assert not pool._schedule._ready
    assert growth < 50_000
    assert threading.active_count() < 10
