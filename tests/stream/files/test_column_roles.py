"""What the columns of a table are, by their names and values."""

from pathlib import Path

import numpy as np
import pytest

from denoise_stream.files.columns.assign import Facts, Role, assign_roles
from denoise_stream.files.columns.interleaved import find_interleaved
from denoise_stream.files.columns.names import date_part, names_a_time, names_an_identifier
from denoise_stream.files.columns.records import find_record_names
from denoise_stream.files.columns.values import are_states, is_axis, is_driven, is_even, is_sparse

RNG = np.random.default_rng(0)
INDEX = np.arange(300.0)


def noise(scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(3).normal(0, scale, 300)


AXES = {
    "a count": INDEX,
    "a count down": 500 - INDEX,
    "a jittered time": np.cumsum(RNG.uniform(0.5, 1.5, 300)),
    "events far apart": np.cumsum(RNG.exponential(1, 300)),
    "a time that ties": np.repeat(np.arange(100.0), 3),
    "seconds of many rows each": np.floor(INDEX / 40),
    "a time with gaps": INDEX + 50 * (INDEX > 100) + 900 * (INDEX > 200),
    "a count modulo 256": (INDEX + 200) % 256,
    "a count modulo 10": INDEX % 10,
    "a count modulo 64 with lost rows": np.delete(np.arange(320.0), RNG.choice(320, 20, replace=False)) % 64,
    "a time that starts again": np.concatenate((INDEX[:150], INDEX[:150])),
    "hours": np.floor(INDEX / 4) % 24,
    "a geometric frequency": 1.02**INDEX,
    "a falling wavelength": 900 - 0.5 * INDEX,
}


@pytest.mark.parametrize("values", AXES.values(), ids=AXES.keys())
def test_axes_are_no_signals(values):
    assert is_axis(values)


SIGNALS = {
    "noise": noise(),
    "noise of few levels": np.rint(noise(0.8)),
    "noise of many levels": np.rint(noise(30)),
    "a ramp with noise": 0.05 * INDEX + noise(0.5),
    "a slow quantized drift": np.rint(0.03 * INDEX + noise(0.4)),
    "a sine": np.sin(INDEX / 10),
    "steps": np.repeat(RNG.normal(size=30), 10),
    "heart beats": np.where(INDEX % 40 < 3, 1.0, 0.0) + noise(0.02),
    "ramps between changing levels": np.concatenate([20.0 * (n * n % 7) + np.arange(12) for n in range(25)]),
}


@pytest.mark.parametrize("values", SIGNALS.values(), ids=SIGNALS.keys())
def test_signals_are_no_axes(values):
    assert not is_axis(values)


def test_equal_steps_of_few_values_are_equal_to_half_a_digit():
    assert is_even([20.0, 20.1, 20.2, 20.3], 1)
    assert not is_even([20.0, 20.1, 20.3, 20.4], 1)
    assert is_even([20.0, 20.1, 20.3, 20.4, 20.5, 20.7, 20.8, 20.9], 1)


@pytest.mark.parametrize(
    ("values", "states"),
    [
        (RNG.integers(0, 2, 300), True),
        ([0, 1, 1, 0], True),
        ([0, 2, 2, 0], False),
        (np.repeat(RNG.integers(0, 5, 15), 20), True),
        (98 - INDEX // 20, True),
        (np.rint(noise(3)), False),
        (RNG.integers(0, 2, 300) / 2, False),
        (np.tile(np.repeat([18.5, 21.5], 50), 3), True),
        (np.tile(np.repeat([0.0, 3.3], 20), 5), True),
        (np.repeat([20.0, 20.1, 20.2, 20.1, 20.0, 20.1], 50), False),  # a slow sensor of coarse steps
        (np.tile(np.repeat([20.0, 20.5], 50), 3), False),
        (np.repeat([101.32, 101.37, 101.29], 100), False),  # one of a lower rate
        (np.repeat([101.32, 101.37, 101.29, 101.37, 101.4], 200), False),
        (np.repeat([20.0, 50.0, 62.5, 20.0], [90, 200, 500, 110]), True),
    ],
)
def test_states_are_few_values_that_hold(values, states):
    assert bool(are_states(np.asarray(values, dtype=float))) is states


def test_gaps_are_regular_or_an_outage():
    assert is_sparse(INDEX % 2 == 0)
    assert is_sparse(np.random.default_rng(1).random(300) < 0.5)
    assert not is_sparse(INDEX % 4 == 0)  # less than a third
    assert not is_sparse((INDEX > 50) & (INDEX < 200))


def numbers(name: str, values: np.ndarray, **more) -> Facts:
    return Facts(name, "number", np.asarray(values, dtype=float), **more)


def test_parts_of_a_date_count_if_there_are_two():
    dates = [numbers("MO", np.ones(300)), numbers("DY", 1 + INDEX // 24), numbers("T2M", noise())]
    assert [role.kind for role in assign_roles(dates)] == ["axis", "axis", "signal"]
    (role, _) = assign_roles([numbers("HR", 60 + np.rint(noise(5))), numbers("x", noise())])
    assert role.kind == "signal"  # a heart rate


def as_texts(values: np.ndarray, width: int) -> list[str]:
    return [f"{int(value):0{width}d}" for value in values]


MOMENTS = Facts("Date", "moment", np.empty(0), [f"2024-03-01 10:{i // 60:02d}:{i % 60:02d}" for i in range(300)])
MILLIS = np.floor(971.3 + 137.7 * INDEX) % 1000
CLOCK = np.array([100 * (i // 4 % 24) + 15 * (i % 4) for i in range(300)], dtype=float)
DIRECTION = (355 + noise(10)) % 360
CODE = RNG.integers(100, 9000, 300)
SWEEP = np.round(np.interp(np.arange(300), [0, 80, 200, 299], [0, 0.8, -0.4, 0.59]), 4)

BESIDE_A_TIME = {
    "milliseconds": (numbers("Millisecond", MILLIS), "part of a date"),
    "microseconds of a system call": (numbers("tv_usec", 1000 * MILLIS), "part of a date"),
    "a short name": (numbers("ms", MILLIS), "part of a date"),
    "fractions of a second": (numbers("Fractional Seconds", MILLIS / 1000, digits=3), "part of a date"),
    "milliseconds without a name": (numbers("2", MILLIS, named=False), "part of a date"),
    "latencies": (numbers("ms", np.rint(20 + noise(5))), ""),
    "whole numbers that leave a part of the range out": (numbers("2", np.rint(500 + noise(90)), named=False), ""),
    "a clock": (numbers("HHMM", CLOCK), "a time of day"),
    "a clock with zeros in front": (numbers("2", CLOCK, texts=as_texts(CLOCK, 4), named=False), "a time of day"),
    "postcodes": (numbers("place", CODE, texts=as_texts(CODE, 5)), "written with leading zeros"),
    "one zero in front": (numbers("x", 0.5 + noise(0.01), texts=[f"{0.5 + v:.2f}" for v in noise(0.01)]), ""),
    "checksums": (numbers("crc16", CODE), "named a code"),
    "codes, some missing": (
        numbers("x", np.where(INDEX % 9, CODE, np.nan), texts=[*as_texts(CODE, 5)[1:], "NA"]),
        "written with leading zeros",
    ),
    "versions": (numbers("version", RNG.integers(10, 90, 300) / 10, digits=1), "named a code"),
    "customers": (numbers("Kunde", CODE), "named a customer or an order"),
    "codes of a converter": (numbers("adc_code", CODE), ""),
    "a direction over north": (numbers("wind_dir", DIRECTION), "an angle that wraps at 360"),
    "an angle in a row of units": (numbers("phi", DIRECTION - 180, unit="°"), "an angle that wraps at 360"),
    "a direction's short name": (numbers("wd", DIRECTION), "an angle that wraps at 360"),
    "a direction that stays south": (numbers("wind_dir", 180 + noise(10)), ""),
    "events of many codes": (numbers("stim", np.where(INDEX % 9 == 4, CODE, 0)), "always 0 but for single events"),
    "tips of a rain gauge": (
        numbers("rain_mm", np.where(INDEX % 13 == 4, 0.2 + 0.2 * (INDEX % 3), 0), digits=1),
        "always 0 but for single events",
    ),
    "a quality that drops": (
        numbers("x", np.where(INDEX % 11 < 2, 90 - CODE % 50, 100)),
        "always 100 but for single events",
    ),
    "beats on a constant": (numbers("x", np.where(INDEX % 20 < 4, CODE, 0)), ""),
    "a coarse sensor's last digits": (numbers("x", 20.5 + 0.1 * ((INDEX % 7 == 0) + (INDEX % 21 == 0)), digits=1), ""),
    "codes of stimuli that hold": (numbers("Trigger", np.where(INDEX % 4 < 2, CODE, 0)), "named a code"),
    "an odometer of uneven steps": (numbers("odo", np.cumsum(CODE % 31) % 1000), "counts up and starts again"),
    "steps of each day": (
        numbers("x", np.concatenate([np.cumsum(CODE[:170] % 90), np.cumsum(CODE[170:] % 90)])),
        "counts up and starts again",
    ),
    "a setpoint": (numbers("room_setpoint", np.rint(20 + noise(3))), "named a setpoint"),
    "an uncertainty": (numbers("Unc. (K)", np.abs(noise())), "named an uncertainty"),
    "an uncertainty by the name of its value": (numbers("T_err", np.abs(noise())), "named an uncertainty"),
    "a stress named as an uncertainty of a place would be": (numbers("sigma_T", 200 + noise(9)), ""),
    "a common mode in counts": (numbers("common_mode", np.rint(500 + noise(50))), ""),
    "a photodiode in counts": (numbers("trigger", np.rint(noise(50))), ""),
    "a distance from a setpoint": (numbers("setpoint_deviation", noise()), ""),
    "a coarse sensor with an outlier": (
        numbers("x", 20.5 + 0.1 * (INDEX % 7 == 0) + (INDEX == 100), digits=1),
        "",
    ),
    "a coarse sensor at rest with an outlier": (
        numbers("x", 0.1 * (INDEX % 7 == 0) + (INDEX == 100), digits=1),
        "",
    ),
    "a signal that is cut off": (numbers("x", np.maximum(np.round(noise(9), 1), 9), digits=1), ""),
    "counts that are cut off": (numbers("x", np.minimum(np.rint(2030 + noise(9)), 2022)), ""),
    "a rise that drops and holds": (
        numbers("x", np.where(INDEX < 60, 300 + CODE.cumsum() / 1e4, 300.5)),
        "",
    ),
    "an error that changes its sign": (numbers("T_err", noise()), ""),
    "a sweep": (numbers("E/V", SWEEP, digits=4), "goes up and down in equal steps"),
}


@pytest.mark.parametrize("case", BESIDE_A_TIME.values(), ids=BESIDE_A_TIME.keys())
def test_columns_beside_a_time_and_a_signal(case):
    column, reason = case
    roles = assign_roles([MOMENTS, column, numbers("T", noise())])
    assert (roles[1].kind == "signal", roles[1].reason) == (not reason, reason)
    assert roles[2].kind == "signal"


def test_setpoint_and_uncertainty_are_known_by_the_name_of_the_value():
    columns = [numbers(name, np.abs(noise())) for name in ("T.PV", "T.SP", "flux", "flux err", "err", "SP")]
    assert [role.kind for role in assign_roles(columns)] == [
        "signal", "states", "signal", "uncertainty", "signal", "signal"
    ]  # fmt: skip


def test_milliseconds_without_a_name_are_a_signal_where_nothing_else_is():
    assert assign_roles([MOMENTS, numbers("2", MILLIS, named=False)])[1].kind == "signal"


@pytest.mark.parametrize("values", SIGNALS.values(), ids=SIGNALS.keys())
def test_signals_are_not_taken_for_sweeps(values):
    assert not is_driven(np.round(values, 2), 2)


def test_the_only_column_is_a_signal_whatever_it_looks_like():
    assert assign_roles([numbers("time", INDEX)])[0].kind == "signal"


@pytest.mark.parametrize(
    ("name", "time", "identifier"),
    [
        ("timestampMs", True, False),
        ("Uhrzeit", True, False),
        ("Time (s)", True, False),
        ("время", True, False),
        ("時間", True, False),
        ("response_time", False, False),
        ("timeout", False, False),
        ("deviceId", False, True),
        ("Serial No", False, True),
        ("grid", False, False),
        ("humid", False, False),
    ],
)
def test_names_say_what_a_column_is(name, time, identifier):
    assert (names_a_time(name), names_an_identifier(name)) == (time, identifier)


def test_names_of_parts_of_a_date():
    assert [date_part(name) for name in ("YEAR", "DoY", "Monat", "temp")] == [(1600, 2400), (1, 366), (1, 12), None]


ALTERNATING = {
    "three sensors at each moment": (INDEX // 3, ["a", "b", "c"] * 100, noise(), True),
    "two sensors of other levels": (INDEX, ["17", "23"] * 150, noise(0.1) + 5 * (INDEX % 2), True),
    "notes beside a signal": (INDEX, RNG.choice(["ok", "door open"], 300).tolist(), noise(), False),
    "notes of rows that share their second": (INDEX // 10, RNG.choice(["ok", "door"], 300).tolist(), noise(), False),
    "one series after another": (INDEX, ["a"] * 150 + ["b"] * 150, noise(0.1) + 5 * (INDEX > 149), False),
    "whether the signal is above its mean": (INDEX, np.where(noise() > 0, "high", "low").tolist(), noise(), False),
}


@pytest.mark.parametrize("case", ALTERNATING.values(), ids=ALTERNATING.keys())
def test_rows_of_several_series_that_alternate_are_found(case):
    moments, names, values, alternate = case
    columns = [
        Facts("t", "number", moments), Facts("sensor", "text", np.empty(0), names), Facts("v", "number", values)
    ]  # fmt: skip
    roles = [Role("axis", ""), Role("text", ""), Role("signal", "")]
    assert find_interleaved(columns, roles) == (1 if alternate else None)


WORDS = "alpha bravo cello delta echo fox golf hotel india julia kilo lima mike november"
FILES = [f"{word}.wav" for word in WORDS.split()]
MONTHS = [
    f"{month} {year}" for year in (2024, 2025) for month in "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
]


@pytest.mark.parametrize(
    ("names", "others", "listed"),
    [
        (FILES, ["number"], True),
        ([*FILES[:-1], FILES[0]], ["number"], False),
        ([*FILES[:-1], ""], ["number"], False),
        (FILES[:12], ["number"], False),
        ([f"sample {number}" for number in range(11)], ["number"], False),
        (MONTHS[:18], ["number"], False),
        ([f"0x{number * 40503 % 65536:04X}" for number in range(1, 41)], ["number"], False),
        (FILES, ["number", "moment"], False),
    ],
    ids=["a name each", "one name twice", "one without", "few", "counted", "months", "hexadecimal", "with times"],
)
def test_rows_that_list_things_are_found_by_their_names(names, others, listed):
    rng = np.random.default_rng(0)
    columns = [
        Facts("file", "text", np.full(len(names), np.nan), names),
        *(Facts(kind, kind, rng.normal(size=len(names)), digits=3) for kind in others),
    ]
    assert find_record_names(columns, assign_roles(columns)) == (0 if listed else None)


def test_list_of_files_is_refused_and_denoised_where_its_column_is_named(call, folder):
    rows = [f"{name},{number * 37 % 11}.5" for number, name in enumerate(FILES)]
    Path("list.csv").write_text("\n".join(["file,seconds", *rows, ""]))
    status, message = call("list.csv")
    assert status == 1
    assert "every row has a name of its own in column 'file' (alpha.wav, bravo.wav, ...)" in message
    assert "use --columns seconds" in message
    assert not Path("list.denoised.csv").exists()
    status, message = call("list.csv", "--columns", "seconds")
    assert status == 0, message
