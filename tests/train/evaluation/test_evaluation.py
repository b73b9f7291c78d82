"""Evaluation: figures mean what their names say, filters are treated fairly, mistakes are one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import Denoiser, SourceError
from denoise_train.cli import evaluate as evaluate_cli
from denoise_train.dsp.filters import FILTERS, Filter, bayes_shrink, visu_shrink
from denoise_train.dsp.metrics import peak_amplitude_error, rmse, si_sdr_db, snr_improvement_db
from denoise_train.evaluation.compare import engine_method, evaluate, evaluate_families
from denoise_train.evaluation.mixtures import draw_mixtures
from denoise_train.recordings.recordings import Recordings
from denoise_train.synthetic.families import FAMILIES
from denoise_train.synthetic.mixing import mix_at_snr

CLEAN = np.array([[1.0, -1.0, 1.0, -1.0], [2.0, 0.0, -2.0, 0.0]])
SMALL = ("--signals", "4", "--length", "600", "--snr", "0,10")


# ------------------------------------------------------------------------------------------- metrics


def test_an_error_of_half_the_size_is_an_improvement_of_6_db() -> None:
    noise = np.array([[0.4, 0.0, -0.4, 0.2], [1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(snr_improvement_db(CLEAN, CLEAN + noise, CLEAN + noise / 2), 20 * np.log10(2))
    np.testing.assert_allclose(snr_improvement_db(CLEAN, CLEAN + noise, CLEAN - 2 * noise), -20 * np.log10(2))
    np.testing.assert_array_equal(snr_improvement_db(CLEAN, CLEAN + noise, CLEAN + noise), 0.0)


def test_si_sdr_is_the_power_of_the_projection_over_the_rest() -> None:
    # The first estimate is 2 * clean + (1, 1, 1, 1): 16 / 4. The second has (0, 1, 0, -1) beside 0.5 * clean: 2 / 2.
    estimate = np.array([[3.0, -1.0, 3.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
    np.testing.assert_allclose(si_sdr_db(CLEAN, estimate), [10 * np.log10(4), 0.0], atol=1e-12)
    np.testing.assert_allclose(si_sdr_db(CLEAN, -1e-6 * estimate), si_sdr_db(CLEAN, estimate), atol=1e-9)


def test_si_sdr_stays_finite_for_a_perfect_and_for_a_silent_estimate() -> None:
    np.testing.assert_allclose(si_sdr_db(CLEAN, 3 * CLEAN), 100, atol=1e-3)
    np.testing.assert_allclose(si_sdr_db(CLEAN, 0 * CLEAN), -100, atol=1e-3)


def test_an_exact_result_has_a_finite_improvement() -> None:
    assert np.isfinite(snr_improvement_db(CLEAN, CLEAN + 1, CLEAN)).all()


def test_rmse_is_the_root_of_the_mean_square() -> None:
    np.testing.assert_allclose(rmse(CLEAN, CLEAN + [[1, 1, 5, 3], [0, 0, 0, 4]]), [3.0, 2.0])


def test_peak_amplitude_error_counts_high_peaks_and_deep_troughs_at_their_very_sample() -> None:
    clean = np.zeros((3, 9))
    clean[:, 4], clean[:, 7], clean[:, 1] = 2.0, -1.2, 0.5
    estimate = clean.copy()
    estimate[0, 4], estimate[0, 1] = 1.6, 9.0
    estimate[1] = np.roll(clean[1], 1)
    np.testing.assert_allclose(peak_amplitude_error(clean, estimate), [0.1, 1.0, 0.0])


def test_peak_amplitude_error_takes_a_plateau_whole_and_nothing_from_a_constant() -> None:
    steps = np.array([[0.0] * 6 + [1.0] * 4, [3.0] * 10])
    estimate = steps.copy()
    estimate[:, 7] += 0.4
    np.testing.assert_allclose(peak_amplitude_error(steps, estimate), [0.1, 0.0])


# ------------------------------------------------------------------------------------------- filters


def smooth_mixture(length: int, rows: int = 3, snr_db: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    time = np.arange(length)
    clean = np.stack([np.sin(2 * np.pi * time / period) for period in 150 * 1.2 ** np.arange(rows)])
    return clean, mix_at_snr(clean, np.random.default_rng(0).normal(size=clean.shape), snr_db)


@pytest.mark.parametrize("method", FILTERS, ids=lambda method: method.name)
@pytest.mark.parametrize("length", [600, 601])
def test_a_filter_improves_a_smooth_signal_in_white_noise(method: Filter, length: int) -> None:
    clean, noisy = smooth_mixture(length)
    for setting in method.settings[:6]:
        smooth = method.apply(noisy, setting)
        assert smooth.shape == noisy.shape
        # The weakest low-pass keeps 90 % of the band and so of the noise.
        assert (snr_improvement_db(clean, noisy, smooth) > 0.2).all(), setting
    best = np.max([snr_improvement_db(clean, noisy, method.apply(noisy, one)) for one in method.settings], axis=0)
    assert (best > 8).all()


@pytest.mark.parametrize("method", FILTERS, ids=lambda method: method.name)
def test_a_filter_treats_each_row_alone_and_takes_the_shortest_signal(method: Filter) -> None:
    _, noisy = smooth_mixture(150)
    noisy[1] *= 1000
    for setting in method.settings:
        together = method.apply(noisy, setting)
        for row, smooth in zip(noisy, together, strict=True):
            np.testing.assert_allclose(method.apply(row[None], setting)[0], smooth, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shrink", [visu_shrink, bayes_shrink])
def test_shrinking_leaves_a_signal_without_fine_details_alone(shrink: object) -> None:
    line = np.linspace(0, 1, 256)[None]
    np.testing.assert_allclose(shrink(line, "sym8"), line, atol=5e-3)


# ---------------------------------------------------------------------------------------- evaluation


def test_the_same_seed_gives_the_same_mixtures_and_another_seed_others() -> None:
    one, same, other = (draw_mixtures(seed, 3, 300, [0.0]) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.clean, same.clean)
    np.testing.assert_array_equal(one.noisy, same.noisy)
    assert not np.isin(other.clean, one.clean).any()


def test_an_oracle_is_never_behind_the_best_single_setting() -> None:
    mixtures = draw_mixtures(0, 6, 300, [0.0, 15.0])
    evaluation = evaluate(engine_method(Denoiser("general")), mixtures)
    singles = {result.name: result for result in evaluation.filters if result.choice == "best single"}
    assert set(singles) == {"Savitzky-Golay", "Wiener", "Butterworth"}
    for oracle in evaluation.oracles:
        single = singles.pop(oracle.name)
        assert (oracle.improvement_db >= single.improvement_db).all()
        assert len(single.settings) == 1
        assert sum(single.settings.values()) == sum(oracle.settings.values()) == 12
    assert not singles


def test_the_best_single_setting_is_better_on_average_than_every_other() -> None:
    mixtures = draw_mixtures(0, 5, 300, [0.0, 15.0])
    evaluation = evaluate(engine_method(Denoiser("general")), mixtures)
    for result, method in zip(evaluation.filters, FILTERS, strict=True):
        means = [
            np.mean(
                [snr_improvement_db(mixtures.clean, noisy, method.apply(noisy, setting)) for noisy in mixtures.noisy]
            )
            for setting in method.settings
        ]
        assert result.mean_improvement_db == pytest.approx(max(means))
        assert list(result.settings) == [method.settings[int(np.argmax(means))]]


def test_a_model_that_changes_nothing_gains_nothing(models: dict[str, Path]) -> None:
    mixtures = draw_mixtures(0, 3, 301, [0.0, 20.0])
    evaluation = evaluate(engine_method(Denoiser(models["identity"])), mixtures)
    np.testing.assert_array_equal(evaluation.reference.improvement_db, 0.0)
    np.testing.assert_allclose(evaluation.model.improvement_db, 0.0, atol=1e-3)
    np.testing.assert_allclose(evaluation.reference.rmse, np.repeat([[1.0], [0.1]], 3, axis=1), rtol=1e-6)


def test_the_model_is_measured_as_the_engine_runs_it(models: dict[str, Path]) -> None:
    mixtures = draw_mixtures(0, 3, 400, [5.0])
    denoiser = Denoiser(models["leaky_mean"])
    noisy = mixtures.noisy[0]
    alone = np.stack([denoiser.denoise(row) for row in noisy])
    expected = snr_improvement_db(mixtures.clean, noisy, alone)
    measured = evaluate(engine_method(denoiser), mixtures).model.improvement_db[0]
    np.testing.assert_allclose(measured, expected, atol=1e-4)


def test_more_signals_than_samples_are_measured_too(models: dict[str, Path]) -> None:
    noisy = np.random.default_rng(0).normal(size=(300, 150))
    denoised = engine_method(Denoiser(models["smoother"])).apply(noisy, None)
    np.testing.assert_allclose(denoised[7], Denoiser(models["smoother"]).denoise(noisy[7]), atol=1e-6)


def test_every_family_is_measured(models: dict[str, Path]) -> None:
    families = evaluate_families(engine_method(Denoiser(models["identity"])), 0, 1, 300, [10.0])
    assert list(families) == list(FAMILIES)
    assert {(model.name, oracle.label) for model, oracle in families.values()} == {("test", "Savitzky-Golay, oracle")}


def test_silent_stretches_of_recordings_are_not_measured() -> None:
    clicks = np.zeros(2000)
    clicks[1000:1100] = np.random.default_rng(0).normal(size=100)
    mixtures = draw_mixtures(0, 8, 300, [0.0], noise=Recordings([clicks]))
    assert ((mixtures.noisy[0] - mixtures.clean).std(axis=1) > 0).all()
    with pytest.raises(SourceError, match="silent or constant"):
        draw_mixtures(0, 8, 300, [0.0], clean=Recordings([np.ones(2000)]))


def test_each_kind_of_noise_and_recorded_noise_come_up_and_keep_the_snr() -> None:
    recorded = Recordings([np.sin(np.arange(5000) / 9)])
    mixtures = draw_mixtures(0, 200, 600, [3.0, 15.0], noise=recorded, kinds={"white": 1.0, "salt_and_pepper": 1.0})
    noise = mixtures.noisy - mixtures.clean
    power = np.mean(noise**2, axis=2)
    assert (power > 0).all()
    assert np.median(10 * np.log10(mixtures.clean.var(axis=1) / power[0])) == pytest.approx(3.0, abs=0.1)
    sparse = (noise[0] == 0).mean(axis=1) > 0.5
    smooth = np.abs(np.diff(noise[0], axis=1)).max(axis=1) < 0.3
    assert 40 < sparse.sum() < 95
    assert 40 < smooth.sum() < 95


def test_signals_that_the_noise_spares_are_left_out_and_counted() -> None:
    mixtures = draw_mixtures(0, 50, 600, [3.0, 35.0], kinds={"salt_and_pepper": 1.0})
    assert mixtures.left_out > 5
    assert mixtures.noisy.shape == (2, len(mixtures.clean), 600)
    assert len(mixtures.clean) == 50 - mixtures.left_out
    replaced = (mixtures.noisy[1] != mixtures.clean).mean(axis=1)
    assert replaced.min() > 0
    assert replaced.max() < 0.1
    with pytest.raises(SourceError, match="the noise hits no sample of any signal"):
        draw_mixtures(0, 5, 300, [90.0], kinds={"salt_and_pepper": 1.0})


# --------------------------------------------------------------------------------------- the program


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["denoise-evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        evaluate_cli.main()
    return int(ended.value.code or 0)


def test_the_program_prints_a_table_and_a_sentence_and_writes_figures_and_a_picture(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, report = tmp_path / "figures.png", tmp_path / "figures.json"
    assert run(monkeypatch, models["smoother"], *SMALL, "--plot", picture, "--json", report) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "BayesShrink" in printed
    assert "test loses" in " ".join(printed.split())
    assert picture.read_bytes().startswith(b"\x89PNG")
    figures = json.loads(report.read_text())
    assert figures["snr_db"] == [0.0, 10.0]
    assert (figures["signals"], figures["seed"], figures["clean"]) == (4, 0, "built-in family")
    assert list(figures["families"]) == list(FAMILIES)
    labels = [(method["name"], method["choice"]) for method in figures["methods"]]
    assert labels[:3] == [("no processing", None), ("test", None), ("Savitzky-Golay", "best single")]
    assert ("Savitzky-Golay", "oracle") in labels
    for method in figures["methods"]:
        assert len(method["improvement_db"]["by_snr"]) == 2
        assert method["worst_improvement_db"]["all"] <= method["improvement_db"]["all"]
        assert set(method) >= {"si_sdr_improvement_db", "rmse", "settings_used"}
    assert sorted(tmp_path.iterdir()) == [report, picture]


def test_recordings_replace_the_built_in_family(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "clean.npz", signal_mv=np.cumsum(rng.normal(size=3000)), fs_hz=np.array(360))
    np.save(tmp_path / "noise.npy", rng.normal(size=3000))
    recordings = ("--clean", tmp_path / "clean.npz", "--noise", tmp_path / "noise.npy", "--rate", "360")
    report = tmp_path / "figures.json"
    assert run(monkeypatch, models["identity_16k"], *SMALL, *recordings, "--json", report) == 0
    figures = json.loads(report.read_text())
    assert figures["clean"] == [str(tmp_path / "clean.npz")]
    assert figures["sample_rate_hz"] == 360
    assert "families" not in figures


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["nowhere.onnx"], 1, "model 'nowhere.onnx' is neither a file nor a bundled model"),
        (["general", "--snr", "0,loud"], 2, "--snr '0,loud': use numbers from -100 to 100 in dB with commas"),
        (["general", "--snr", "nan"], 2, "--snr 'nan'"),
        (["general", "--clean", "nowhere.wav"], 1, "cannot read nowhere.wav"),
        (["general", "--rate", "inf"], 2, "--rate inf is not a valid sample rate"),
        (["general", "--noise", "pinkish"], 1, "cannot read pinkish: no such file or folder"),
        (["general", "--optimum", "--harm"], 2, "--optimum and --harm are two evaluations; ask for one of them"),
        (
            ["general", "--noisy", "a", "--plot", "b.png"],
            2,
            "--plot draws improvement against SNR; --noisy measures no such",
        ),
        (
            ["general", "--noisy", "a", "--snr", "0"],
            2,
            "--snr cannot be set: --noisy has its own noise levels",
        ),
        (["general", "--harm", "--snr", "0"], 2, "--snr cannot be set: --harm has its own noise levels"),
        (["general", "--optimum", "--length", "600"], 2, "--length cannot be set: --optimum derives it"),
        (["general", "--pairs", "nowhere", "nowhere"], 1, "cannot read nowhere: no such file or folder"),
        (["general", "--json", "here.svg", "--plot", "here.svg"], 2, "here.svg and here.svg name the same file"),
        (["general", "--columns", "a"], 2, "--columns names columns of your tables; give a FILE, --clean, --pairs"),
        (["general", "--model", "x2"], 2, "--model goes with a recording; general is taken for a model"),
        (["nowhere.csv"], 1, "cannot read nowhere.csv: no such file or folder"),
        (["nowhere.csv", "--snr", "0"], 2, "--snr cannot be used here; a recording is judged by itself; name a model"),
        ([], 2, "Missing argument 'FILE|MODEL'"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str],
    status: int,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == status
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_noisy_recordings_without_noise_are_an_error_and_others_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    time = np.arange(9000)
    np.save(tmp_path / "silent.npy", np.sin(time / 40))
    np.save(tmp_path / "noisy.npy", np.sin(time / 40) + np.random.default_rng(0).normal(0, 0.3, 9000))
    panels, report = tmp_path / "panels.png", tmp_path / "figures.json"
    few = ("--signals", "10", "--length", "600", "--panels", panels)
    assert run(monkeypatch, "general", "--noisy", tmp_path / "silent.npy", *few) == 1
    assert "no noise was found: there is none, or it is below about 0.4 steps" in capsys.readouterr().err
    both = ("--noisy", tmp_path / "silent.npy", "--noisy", tmp_path / "noisy.npy")
    assert run(monkeypatch, "general", *both, *few, "--json", report) == 0
    figures = json.loads(report.read_text())
    assert 0 < figures["signals"] == 10 - figures["signals_left_out"] < 10
    assert panels.is_file()


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_an_output_that_exists_is_replaced_only_by_force(
    option: str,
    models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    existing = tmp_path / "existing"
    existing.write_text("precious")
    assert run(monkeypatch, models["identity"], *SMALL, option, existing) == 1
    assert "exists; use --force to replace it" in capsys.readouterr().err
    assert existing.read_text() == "precious"
    assert run(monkeypatch, models["identity"], *SMALL, option, existing, "--force") == 0
    assert existing.read_bytes() != b"precious"


@pytest.mark.parametrize("package", ["pywt", "matplotlib"])
def test_a_missing_package_names_its_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("evaluation.compare", "dsp.filters", "evaluation.plots"):
        monkeypatch.delitem(sys.modules, f"denoise_train.{name}", raising=False)
        monkeypatch.delattr(f"denoise_train.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    assert run(monkeypatch, "general", *SMALL, "--plot", tmp_path / "figures.png") == 1
    assert 'pip install "denoise-stream[evaluate]"' in capsys.readouterr().err


def test_an_evaluation_loads_neither_keras_nor_tensorflow(models: dict[str, Path], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from denoise_train.cli.evaluate import main\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    assert ended.code == 0, ended.code\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch'} & {name.split('.')[0] for name in sys.modules}\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(models["identity"]), *SMALL]
    ended = subprocess.run(
        [*command, "--plot", str(tmp_path / "figures.png")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
