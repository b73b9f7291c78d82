"""The optimum and the harm: theory holds, and a model that does nothing is recognized."""

from pathlib import Path

import numpy as np
import pytest

from denoise_stream import Denoiser
from denoise_train.dsp.filters import FILTERS, Filter
from denoise_train.evaluation.compare import NO_PROCESSING, engine_method
from denoise_train.evaluation.harm import check_aims, measure_harm
from denoise_train.evaluation.optimum import covariance, draw_process, measure_gaps, optimal_error
from denoise_train.synthetic.families import FAMILIES


def test_the_optimal_error_is_what_one_computes_by_hand():
    # White signal of power 1: each sample alone, weight 1 / (1 + s2), error s2 / (1 + s2).
    white = np.array([1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(optimal_error(white, 4, 0.25), 0.25 / 1.25)
    # Two samples with correlation 1/2 in noise of power 1: C = [[1, .5], [.5, 1]], and (C + I)^-1 = [[2, -.5],
    # [-.5, 2]] / 3.75; the first row of C (C + I)^-1 is [1.75, .5] / 3.75, the error 1 - (1.75 + .25) / 3.75.
    np.testing.assert_allclose(optimal_error(np.array([1.0, 0.5]), 2, 1.0), 1 - 2 / 3.75)
    # A constant of variance 1, seen n times: s2 / (n + s2).
    np.testing.assert_allclose(optimal_error(np.ones(150), 150, 0.5), 0.5 / 150.5)


def test_processes_have_the_covariance_that_the_optimum_assumes():
    lagged = covariance(0.05, 4.0)
    assert lagged[0] == 1
    drawn = draw_process(np.random.default_rng(0), lagged, 1000, 40)
    np.testing.assert_allclose(drawn.T @ drawn / 1000, [np.roll(lagged, lag)[:40] for lag in range(40)], atol=0.15)


def test_a_spectrum_falls_by_half_at_the_cut_off_and_then_as_the_roll_off_says():
    spectrum = np.fft.rfft(covariance(0.05, 4.0)).real
    frequency = np.fft.rfftfreq(2 * len(spectrum) - 2)
    power = np.interp([0.05, 0.2, 0.4], frequency, spectrum) / spectrum[0]
    np.testing.assert_allclose(power, [1 / 2, 1 / 257, 1 / 4097], rtol=0.02)


@pytest.mark.parametrize("method", FILTERS, ids=lambda method: method.name)
def test_no_filter_beats_the_optimum_on_average(method: Filter):
    for setting in method.settings[1::4] or method.settings:
        chosen = Filter(method.name, method.apply, (setting,), method.unit)
        gaps = measure_gaps(chosen, 150, signals=4, cut_offs=(0.02, 0.1), roll_offs=(2.0, 6.0), snr_db=(10.0,))
        for gap in gaps:
            assert gap.window_gap_db > -0.2, gap


def test_doing_nothing_is_behind_by_all_that_the_optimum_gains_and_the_centre_is_its_best_sample():
    for gap in measure_gaps(NO_PROCESSING, 150, signals=3, cut_offs=(0.02,), roll_offs=(4.0,)):
        assert gap.model_db == gap.engine_db == 0
        assert gap.window_gap_db == gap.optimum_db < gap.centre_db == gap.engine_gap_db


def test_an_identity_does_no_harm_to_clean_signals_and_leaves_peaks_as_noisy_as_they_are(models: dict[str, Path]):
    families = measure_harm(engine_method(Denoiser(models["identity"])), 0, 3, 600)
    assert list(families) == list(FAMILIES)
    for harm in families.values():
        assert harm.clean_snr_db > 60
        assert harm.improvement_db == pytest.approx(0, abs=0.05)
        assert harm.peak_error == pytest.approx(harm.peak_error_before, abs=1e-3)
    clean, little, _ = check_aims(families)
    assert clean.endswith("met.")
    assert little == "At 30 dB SNR no family loses: met."


def test_harm_of_a_smoother_is_reported_by_family(models: dict[str, Path]):
    families = measure_harm(engine_method(Denoiser(models["smoother"])), 0, 3, 600)
    clean, little, peaks = check_aims(families)
    assert "missed by" in clean
    assert "bursts -" in little
    assert "missed by steps" in peaks


def test_a_window_too_long_for_the_optimum_is_refused():
    with pytest.raises(ValueError, match="window is 2731 samples long; the optimum is known for 2730 at most"):
        measure_gaps(NO_PROCESSING, 2731)


@pytest.mark.slow
def test_the_longest_window_of_the_optimum_is_measured():
    gap = measure_gaps(NO_PROCESSING, 2730, signals=1, cut_offs=(0.02,), roll_offs=(4.0,), snr_db=(10.0,))[0]
    assert gap.model_db == gap.engine_db == 0
