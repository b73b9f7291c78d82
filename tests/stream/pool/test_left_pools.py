"""Pools and streams that are never closed: dropped, forked away from, or beside a stream that fails."""

import gc
import multiprocessing
import os
import threading
import time
import weakref

import numpy as np
import pytest

from denoise_stream import DenoiseError, StreamPool
from denoise_stream.model import Model
from signals import draw


def pool_threads() -> int:
    return sum(thread.name == "denoise-pool" for thread in threading.enumerate())


def wait_until(condition) -> bool:
    limit = time.monotonic() + 120
    while not condition() and time.monotonic() < limit:
        time.sleep(0.01)
    return condition()


def test_streams_that_are_dropped_are_not_waited_for(models):
    with StreamPool(models["leaky_mean"], max_wait_ms=10_000) as pool:
        for _ in range(3_000):
            pool.open().push(np.ones(10))
        assert wait_until(lambda: pool.open_streams == 0)
        stream = pool.open()
        for _ in range(20):  # each would wait ten seconds for the others
            stream.push(draw(0, 200))
            assert stream.pull(5) is not None


def test_dropped_stream_is_gone_at_once(models):
    with StreamPool(models["identity"]) as pool:
        stream = pool.open()
        gone = weakref.ref(stream)
        stream.push(draw(0, 200))
        assert stream.pull(5) is not None
        del stream
        assert wait_until(lambda: gone() is None)


def test_pools_that_are_dropped_leave_no_threads(models):
    before = pool_threads()
    for _ in range(30):
        pool = StreamPool(models["identity"])
        stream = pool.open()
        stream.push(draw(0, 400))
        assert stream.pull(5) is not None
        del pool, stream
    gc.collect()
    assert wait_until(lambda: pool_threads() == before)


def test_pool_in_a_circle_of_references_ends_when_it_is_collected_under_its_own_lock(models):
    before = pool_threads()
    pool = StreamPool(models["identity"])
    lock = pool._schedule.lock
    circle = [pool]
    circle.append(circle)
    del pool, circle
    with lock:  # garbage is collected wherever Python happens to be
        gc.collect()
    assert wait_until(lambda: pool_threads() == before)


def test_stream_keeps_its_pool_alive(models):
    before = pool_threads()
    stream = StreamPool(models["identity"]).open()
    gc.collect()
    stream.push(draw(0, 400))
    stream.end()
    assert sum(len(part) for part in stream) == 400
    del stream
    gc.collect()
    assert wait_until(lambda: pool_threads() == before)


@pytest.mark.parametrize("kind", ["identity", "leaky_mean"])
def test_input_on_which_the_network_fails_fails_its_own_stream_only(models, monkeypatch, kind):
    run = Model._run

    def fail_on_large_states_and_windows(self, outputs, inputs):
        if max(np.abs(array).max() for array in inputs.values()) > 1e6:
            raise DenoiseError("too large")
        return run(self, outputs, inputs)

    with StreamPool(models[f"{kind}_raw"], max_wait_ms=1_000) as pool:
        expected = pool._denoiser.denoise(draw(0, 400))
        monkeypatch.setattr(Model, "_run", fail_on_large_states_and_windows)
        streams = [pool.open() for _ in range(5)]
        with pool._schedule.lock:  # so that all go into one batch
            for index, stream in enumerate(streams):
                stream.push(np.full(400, 1e9) if index == 2 else draw(0, 400))
                stream.end()
        for index, stream in enumerate(streams):
            if index == 2:
                with pytest.raises(DenoiseError, match="too large"):
                    stream.pull(10)
            else:
                assert np.abs(np.concatenate([*stream]) - expected).max() < 1e-6 * np.ptp(expected)


def use_in_child(pool: StreamPool, stream, answers) -> None:
    """Try every method; each must return at once, with a sentence."""
    verbs = (lambda: pool.open(), lambda: stream.push(np.ones(10)), lambda: stream.pull(1), lambda: stream.end())
    for verb in verbs:
        try:
            verb()
            answers.put("")
        except DenoiseError as error:
            answers.put(str(error))
    stream.close()
    pool.close()
    with StreamPool(pool._denoiser.model.path) as own, own.open() as another:
        another.push(draw(0, 400))
        another.end()
        answers.put(str(sum(len(part) for part in another)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_process_is_told_to_make_a_pool_of_its_own(models):
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    with StreamPool(models["leaky_mean"]) as pool, pool.open() as stream:
        stream.push(draw(0, 400))
        with pool._schedule.lock:  # as it may be held, by another thread, when the process forks
            pid = os.getpid()
            child = threading.Thread(target=lambda: started.append(start(fork, pool, stream, answers)))
            started: list = []
            child.start()
            child.join()
        said = [answers.get(timeout=30) for _ in range(5)]
        started[0].join(20)
        assert started[0].exitcode == 0
        assert stream.pull(5) is not None
    for sentence in said[:4]:
        assert sentence.startswith(f"the StreamPool was made in process {pid} and its thread does not follow a fork")
        assert sentence.endswith("make a new StreamPool in this process")
    assert said[4] == "400"


def start(fork, pool, stream, answers):
    process = fork.Process(target=use_in_child, args=(pool, stream, answers))
    process.start()
    return process
