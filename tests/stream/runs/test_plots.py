"""Pictures before and after: their content, and the memory they take."""

import pickle
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoise_stream.files.tables.source import TableSource
from denoise_stream.runs.changes import ChangeMeter
from denoise_stream.runs.drawing import draw
from denoise_stream.runs.envelope import LEAST_BINS, Envelope
from denoise_stream.runs.places import LargestChange, TypicalStretch
from denoise_stream.runs.plots import MOST_CHANNELS, BeforeAfterPlot
from denoise_stream.runs.sample_times import SampleTimes
from denoise_stream.runs.spectrogram import SpectrogramPair

RNG = np.random.default_rng(0)
NOISY = RNG.normal(size=(2000, 2))
DENOISED = NOISY * 0.5


def observed(kind, noisy: np.ndarray, denoised: np.ndarray, ends: list[int]):
    for start, end in zip([0, *ends], [*ends, len(noisy)], strict=True):
        kind.observe(noisy[start:end], denoised[start:end])
    return kind


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 2000), max_size=6).map(sorted), st.integers(1, 2500), st.integers(0, 1999))
def test_place_of_the_largest_change_is_cut_from_the_signal_around_it(ends, length, sample):
    noisy = NOISY.copy()
    noisy[sample, 1] += 50.0
    found = observed(LargestChange(length, 2), noisy, DENOISED, ends)
    place = found.place()
    assert found.sample == sample
    assert len(place) == min(length, 2000)
    assert place.start <= sample < place.start + len(place)
    assert np.array_equal(place.before, noisy[place.start : place.start + len(place)])
    assert np.array_equal(place.after, DENOISED[place.start : place.start + len(place)])


def test_missing_values_are_no_change():
    noisy = NOISY.copy()
    noisy[700:710] = np.nan
    noisy[40, 0] += 9.0
    assert observed(LargestChange(100, 2), noisy, DENOISED, []).sample == 40


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 20_000), max_size=6).map(sorted))
def test_typical_stretch_is_lively_changed_as_most_and_apart_from_the_largest_change(ends):
    noisy = np.where(np.arange(20_000) % 2000 < 1000, 0.01, 1.0) * RNG.normal(size=20_000)
    noisy[15_000:15_100] *= 30
    noisy = noisy[:, None]
    largest = observed(LargestChange(200, 1), noisy, noisy / 2, [])
    found = observed(TypicalStretch(200), noisy, noisy / 2, ends).place(0, largest.place())
    assert found.before.std() == pytest.approx(1.0, abs=0.3)
    assert np.array_equal(found.before, noisy[found.start : found.start + 200])
    assert TypicalStretch(200).place(0, largest.place()) is None


@pytest.mark.parametrize("length", [1, 999, 5000, 100_001])
def test_overview_holds_all_extremes_in_few_bins(length):
    signal = RNG.normal(size=(length, 1, 1))
    envelope = Envelope(1, 1)
    for start in range(0, length, 777):
        envelope.observe(signal[start : start + 777])
    assert np.nanmax(envelope.high) == signal.max()
    assert np.nanmin(envelope.low) == signal.min()
    assert min(length, LEAST_BINS) <= len(envelope.low) < 2 * LEAST_BINS
    assert envelope.centres[-1] <= length


@pytest.mark.parametrize("size", [100, 512, 16_384])
def test_full_scale_sine_has_0_db_where_its_frequency_is(size):
    spectra = SpectrogramPair(16_000, 2)
    sine = np.sin(2 * np.pi * 1000 * np.arange(600_000) / 16_000)
    pair = np.stack([np.column_stack([sine, sine]), np.zeros((len(sine), 2))], axis=1)
    for start in range(0, len(pair), size):
        spectra.observe(pair[start : start + size])
    before, after = spectra.decibels()
    assert before.shape[1] < 800
    assert set(before.argmax(axis=0)) == {round(1000 / 8000 * (before.shape[0] - 1))}
    assert before.max(axis=0) == pytest.approx(0.0, abs=0.01)
    assert after.max() < -150
    assert spectra.extent_s[1] == pytest.approx(len(sine) / 16_000, abs=0.5)


def table(moments: list[datetime]) -> TableSource:
    lines = [f"{moment:%Y-%m-%d %H:%M:%S},{RNG.normal():.3f}\n" for moment in moments]
    return TableSource(iter([("when,level\n" + "".join(lines)).encode()]), "log.csv", preview_rows=1000)


def test_times_are_the_tables_own_with_their_gaps():
    start = datetime(2024, 5, 1)
    moments = [start + timedelta(minutes=5 * row, days=3 * (row >= 600)) for row in range(1000)]
    source = table(moments)
    times = SampleTimes(source.sample_rate_hz, source.start, source.seconds_at)
    first = 0
    for chunk in source:
        times.observe(first, len(chunk))
        first += len(chunk)
    assert source.stamp_at(600) == "2024-05-06 02:00:00"
    assert times.moments(np.arange(1000.0)).astype("datetime64[s]").tolist() == moments


def test_times_of_a_log_that_starts_again_go_by_the_rate():
    times = SampleTimes(10.0, None, lambda row: (row % 100) / 10)
    times.observe(0, 300)
    assert times.seconds(np.arange(300.0)) == pytest.approx(np.arange(300) / 10)


def picture(plot: BeforeAfterPlot, noisy: np.ndarray):
    plot.observe(noisy, noisy / 2)
    changes = ChangeMeter(noisy.shape[1], peaks=False)
    changes.observe(noisy, noisy / 2)
    return draw(plot, changes.facts())


def texts(figure) -> str:
    labels = [text for axes in figure.axes for text in (axes.get_title("left"), axes.get_ylabel(), axes.get_xlabel())]
    return "\n".join([*(text.get_text() for text in figure.texts), *labels])


def test_picture_of_a_column_shows_units_dates_what_was_removed_and_both_places():
    start = datetime(2024, 5, 1)
    plot = BeforeAfterPlot(["level"], 1 / 60, "log.csv", units=["mV"], start=start)
    figure = picture(plot, NOISY[:, :1])
    assert len(figure.axes) == 4
    words = texts(figure)
    for expected in ("level [mV]", "removed: RMS 0.5", "the largest change: ", "a typical place"):
        assert expected in words
    figure.draw_without_rendering()
    assert "2024-May" in figure.axes[1].xaxis.get_major_formatter().get_offset()


def test_picture_of_sound_has_spectrograms_in_the_same_colours():
    plot = BeforeAfterPlot(["left", "right"], 8000.0, "a.wav", sound=True)
    figure = picture(plot, np.tile(NOISY, (20, 1)) / 10)
    before, after = [axes.images[0] for axes in figure.axes if axes.images and axes.get_title("left")]
    assert before.get_clim() == after.get_clim()
    assert "dBFS" in texts(figure)
    assert "frequency in kHz" in texts(figure)
    assert "left (full scale 1)" in texts(figure)


def test_picture_of_many_columns_says_how_many_are_not_shown():
    plot = BeforeAfterPlot([f"c{index}" for index in range(30)], None, "wide.csv")
    figure = picture(plot, RNG.normal(size=(400, 30)))
    assert len(figure.axes) == 2 * MOST_CHANNELS
    assert "the first 12 of 30 columns, 18 are not shown" in texts(figure)


@pytest.mark.parametrize(("rows", "sound"), [(1, False), (3, True)])
def test_short_signals_and_those_without_a_change_can_be_drawn(rows, sound, tmp_path):
    plot = BeforeAfterPlot(["v"], 8000.0, "short", sound=sound)
    plot.observe(np.zeros((rows, 1)), np.zeros((rows, 1)))
    changes = ChangeMeter(1, peaks=False)
    changes.observe(np.zeros((rows, 1)), np.zeros((rows, 1)))
    draw(plot, changes.facts()).savefig(tmp_path / "p.png")


def test_what_is_kept_does_not_grow_with_the_signal():
    sizes = []
    noisy = np.tile(NOISY, (8, 1))
    for blocks in (20, 60):
        plot = BeforeAfterPlot(["a", "b"], 8000.0, "long", sound=True)
        for _ in range(blocks):
            plot.observe(noisy, noisy / 2)
        sizes.append(len(pickle.dumps(plot)))
    assert sizes[1] < 1.5 * sizes[0]


def test_huge_samples_are_drawn_without_an_overflow():
    spectra = SpectrogramPair(16_000, 1)
    spectra.observe(np.full((40_000, 2, 1), 1e200) * RNG.normal(size=(40_000, 2, 1)))
    assert all(np.isfinite(levels).all() for levels in spectra.decibels())
