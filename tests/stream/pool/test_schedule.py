"""When a pool computes, without threads or a model: a clock that is set, and names for streams."""

import pytest

from denoise_stream.pool.schedule import Schedule


class Clock:
    """A time in s that stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule[str]:
    schedule: Schedule[str] = Schedule(enough_samples=1000, max_wait_s=0.002, clock=clock)
    schedule.lock.acquire()
    for name in ("a", "b", "c"):
        schedule.add(name)
    return schedule


def test_nothing_ready_waits_without_end(schedule):
    assert schedule.wait_s() is None


def test_what_is_ready_waits_for_others_and_no_longer_than_it_may(schedule, clock):
    schedule.announce("b", 10)
    assert schedule.wait_s() == pytest.approx(0.002)
    clock.now += 0.0015
    schedule.announce("a", 10)  # later ones do not prolong the wait
    assert schedule.wait_s() == pytest.approx(0.0005)
    clock.now += 0.1
    assert schedule.wait_s() == 0
    assert schedule.wait_and_take() == ["b", "a"]
    assert schedule.wait_s() is None


def test_all_ready_or_enough_samples_wait_for_nothing(schedule):
    schedule.announce("a", 999)
    assert schedule.wait_s() > 0
    schedule.announce("a", 1)
    assert schedule.wait_s() == 0
    assert schedule.take() == ["a"]
    for name in ("a", "b", "c"):
        assert schedule.wait_s() != 0
        schedule.announce(name, 1)
    assert schedule.wait_s() == 0
    assert schedule.take() == ["a", "b", "c"]


def test_samples_are_counted_anew_for_every_batch(schedule):
    schedule.announce("a", 600)
    schedule.take()
    schedule.announce("a", 600)
    assert schedule.wait_s() > 0


def test_a_stream_that_goes_is_neither_waited_for_nor_taken(schedule):
    schedule.announce("a", 1)
    schedule.announce("b", 1)
    schedule.remove("c")
    assert schedule.wait_s() == 0  # all that are left are ready
    schedule.remove("a")
    assert schedule.take() == ["b"]
    assert schedule.members == ["b"]


def test_a_closed_schedule_gives_nothing(schedule):
    schedule.announce("a", 5000)
    schedule.close()
    assert schedule.wait_and_take() == []
