"""What a column of time tells: the rate and the start."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from denoise_stream.files.columns.times import clock_of_moments, clock_of_numbers, clock_of_seconds, rate_of

INDEX = np.arange(300.0)
CLOCK = np.array([100 * (i // 4 % 24) + 15 * (i % 4) for i in range(300)], dtype=float)


@pytest.mark.parametrize(
    ("form", "step_ms", "start"),
    [
        ("%Y-%m-%d %H:%M:%S", 1000, True),
        ("%Y-%m-%dT%H:%M:%S.%fZ", 250, True),
        ("%d.%m.%Y %H:%M", 600_000, True),
        ("%m/%d/%Y %I:%M:%S %p", 1000, True),
        ("%H:%M:%S", 1000, False),
        ("%H:%M:%S,%f", 500, False),
        ("%d-%b-%Y %H:%M:%S.%f", 100, True),
    ],
)
def test_stamps_tell_the_rate(form, step_ms, start):
    first = datetime(2024, 2, 27, 23, 58)
    moments = [first + index * timedelta(milliseconds=step_ms) for index in range(300)]  # past midnight
    clock = clock_of_moments([moment.strftime(form) for moment in moments])
    assert clock is not None
    assert clock.rate_hz == pytest.approx(1000 / step_ms, rel=1e-5)
    assert clock.start == (first if start else None)


def test_numbers_tell_the_rate_by_their_unit_or_size():
    epoch = clock_of_numbers(1_700_000_000_000 + 10 * INDEX, "timestamp", "")
    assert epoch is not None
    assert (epoch.rate_hz, epoch.start) == (100.0, datetime(2023, 11, 14, 22, 13, 20))
    stated = clock_of_numbers(4 * INDEX, "Time", "(ms)")
    assert stated is not None
    assert (stated.rate_hz, stated.unit) == (250.0, "")
    assumed = clock_of_numbers(0.01 * INDEX, "time", "")
    assert assumed is not None
    assert (assumed.rate_hz, assumed.unit) == (100.0, "s")
    assert clock_of_numbers(INDEX, "row", "") is None


@pytest.mark.parametrize(
    ("name", "values", "rate_hz", "start"),
    [
        ("TimeUS", 150_000_000 + 10_000 * INDEX, 100.0, None),
        ("time_ms", 1_709_287_200 + 10 * INDEX, 100.0, None),
        ("timestamp_ns", 1_709_287_200e9 + 1e7 * INDEX, 100.0, datetime(2024, 3, 1, 10)),
        ("timestamp", 150_000_000 + 10_000 * INDEX, None, None),  # 1974
        ("timestamp", 638_450_000_000_000_000 + 1e7 * INDEX, None, None),  # .NET ticks
        ("time", CLOCK, 1 / 900, None),
        ("HHMMSS", 235_900 + INDEX % 60, None, None),
        ("time", 50 * INDEX[:48], 0.02, None),  # seconds that look like times of day
        ("date", 20240301 + INDEX[:30], 1 / 86400, datetime(2024, 3, 1)),
        ("MESS_DATUM", 2024030100 + INDEX % 24 + 100 * (INDEX // 24), 1 / 3600, datetime(2024, 3, 1)),
        ("timestamp", 202403011000 + INDEX[:60], 1 / 60, datetime(2024, 3, 1, 10)),
    ],
)
def test_numbers_are_read_as_their_name_and_their_digits_say(name, values, rate_hz, start):
    clock = clock_of_numbers(values, name, "")
    assert (clock and clock.rate_hz, clock and clock.start) == (rate_hz, start)


def test_times_of_day_as_numbers_are_read_row_by_row():
    clock = clock_of_numbers(CLOCK, "time", "")
    assert clock is not None
    assert [clock.seconds(text) for text in ("0", "0915", "945", "2400")] == [0, 33300, 35100, 0]
    assert clock.seconds("975") is None


def stamps(form: str, step: timedelta, first: datetime = datetime(2024, 3, 1, 10)) -> list[str]:  # noqa: DTZ001
    return [(first + index * step).strftime(form) for index in range(100)]


@pytest.mark.parametrize(
    ("name", "texts", "rate_hz", "start"),
    [
        ("date", stamps("%d/%m/%Y %H:%M", timedelta(hours=1)), 1 / 3600, datetime(2024, 3, 1, 10)),
        ("date", stamps("%m/%d/%Y %H:%M", timedelta(hours=1)), 1 / 3600, datetime(2024, 3, 1, 10)),
        ("date", stamps("%d/%m/%Y %H:%M", timedelta(minutes=1)), 1 / 60, None),  # of one day
        ("date", stamps("%d/%m/%Y", timedelta(days=1))[:12], None, None),
        ("mm:ss", stamps("%M:%S", timedelta(seconds=1)), 1.0, None),
        ("time", stamps("%H:%M", timedelta(minutes=1)), 1 / 60, None),
    ],
)
def test_stamps_that_can_be_read_in_two_ways(name, texts, rate_hz, start):
    clock = clock_of_moments(texts, name)
    assert (clock and clock.rate_hz, clock and clock.start) == (rate_hz, start)


def test_rates_leave_out_gaps_and_round_as_far_as_jitter_allows():
    times = np.concatenate((0.01 * INDEX, 50 + 0.01 * INDEX))
    assert rate_of(times) == 100.0
    assert rate_of(np.round(np.arange(300) / 256, 3)) == 256.0
    assert rate_of(np.floor(np.arange(300) / 7.0)) == 7.0
    assert rate_of(np.floor(np.arange(600) * 0.137)) == 7.3
    assert rate_of(3600.0 * np.arange(300)) == 1 / 3600
    irregular = np.random.default_rng(0).choice([300, 600, 900, 1500, 180], 300, p=[0.65, 0.15, 0.08, 0.1, 0.02])
    assert rate_of(np.cumsum(irregular)) == 1 / 300
    assert rate_of(np.zeros(300)) is None


def test_time_column_without_a_single_time_tells_no_rate():
    assert clock_of_numbers(np.empty(0), "time", "s") is None
    assert clock_of_numbers(np.empty(0), "timestamp", "") is None


@pytest.mark.parametrize("first_s", [1e12, 1e18, -1e15])
def test_moments_that_no_calendar_reaches_tell_a_rate_and_no_start(first_s):
    clock = clock_of_seconds(first_s + 1024.0 * INDEX)
    assert clock is not None
    assert clock.rate_hz == pytest.approx(1 / 1024, rel=1e-5)
    assert clock.start is None
