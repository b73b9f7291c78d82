"""When a pool computes, without threads or a model: a clock that is set, and names for streams."""

import pytest

from denoise_stream.pool.schedule import Schedule


class Name(str):
    """A name that the schedule can hold weakly, as it holds streams."""


A, B, C = Name("a"), Name("b"), Name("c")


class Clock:
    """A time in s that stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule[Name]:
    schedule: Schedule[Name] = Schedule(enough_samples=1000, max_wait_s=0.002, clock=clock)
    schedule.lock.acquire()
    for name in (A, B, C):
        schedule.add(name)
    return schedule


def test_nothing_ready_waits_without_end(schedule):
    assert schedule.wait_s() is None


def test_what_is_ready_waits_for_others_and_no_longer_than_it_may(schedule, clock):
    schedule.announce(B, 10)
    assert schedule.wait_s() == pytest.approx(0.002)
    clock.now += 0.0015
    schedule.announce(A, 10)  # later ones do not prolong the wait
    assert schedule.wait_s() == pytest.approx(0.0005)
    clock.now += 0.1
    assert schedule.wait_s() == 0
    assert schedule.wait_and_take() == [B, A]
    assert schedule.wait_s() is None


def test_all_ready_or_enough_samples_wait_for_nothing(schedule):
    schedule.announce(A, 999)
    assert schedule.wait_s() > 0
    schedule.announce(A, 1)
    assert schedule.wait_s() == 0
    assert schedule.take() == [A]
    for name in (A, B, C):
        assert schedule.wait_s() != 0
        schedule.announce(name, 1)
    assert schedule.wait_s() == 0
    assert schedule.take() == [A, B, C]


def test_samples_are_counted_from_0_for_every_batch(schedule):
    schedule.announce(A, 600)
    schedule.take()
    schedule.announce(A, 600)
    assert schedule.wait_s() > 0


def test_a_stream_that_goes_is_neither_waited_for_nor_taken(schedule):
    schedule.announce(A, 1)
    schedule.announce(B, 1)
    schedule.remove(C)
    assert schedule.wait_s() == 0  # all that are left are ready
    schedule.remove(A)
    assert schedule.take() == [B]
    assert schedule.members == [B]


def test_a_closed_schedule_gives_nothing(schedule):
    schedule.announce(A, 5000)
    schedule.close()
    assert schedule.wait_and_take() == []
