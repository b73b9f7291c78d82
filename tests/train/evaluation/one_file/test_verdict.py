"""The verdict on one recording: right where the noise is known, none where it is unclear, in five lines."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser, SourceError
from denoise_stream.runs.changes import ChangeMeter
from denoise_train.cli import evaluate as cli
from denoise_train.dsp.filters import Filter
from denoise_train.evaluation.compare import NO_PROCESSING, engine_method
from denoise_train.evaluation.one_file.conclusion import RIGHT_OF_100, WITHIN_DB, conclude
from denoise_train.evaluation.one_file.estimates import SHORTEST_SIGNAL, compare_blindly, level_along
from denoise_train.evaluation.one_file.run import judge_file
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.mixing import add_noise

GENERAL = engine_method(Denoiser("general"))
LENGTH = 6000


def beats(kind: str, snr_db: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw heart beats ``(1, 6000)``, clean and with noise."""
    clean = draw_signals(np.random.default_rng(3), 1, LENGTH, ("heart_beats",), overlays=0.0, altered=0.0)
    noisy = add_noise(np.random.default_rng(4), clean, np.full((1, 1), snr_db), {kind: 1.0})
    return clean, noisy


def mean_square(rows: np.ndarray) -> float:
    return float(np.mean(rows**2))


def test_the_better_method_is_found_and_its_lead_too():
    clean, noisy = beats("white", 15.0)
    found = compare_blindly(GENERAL, noisy)
    assert found is not None
    true_db = 10 * np.log10(mean_square(found.filtered - clean) / mean_square(found.denoised - clean))
    assert true_db > 0.3
    assert conclude(found).answer == "better"
    assert found.margin_db == pytest.approx(true_db, abs=1.5)
    assert found.filters[0].gain_db == max(one.gain_db for one in found.filters)


def test_a_model_that_does_nothing_is_no_better_than_a_filter():
    _, noisy = beats("white")
    found = compare_blindly(NO_PROCESSING, noisy)
    assert found is not None
    assert found.model.gain_db == pytest.approx(0, abs=0.05)
    assert conclude(found).answer == "not better"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pink", "not independent from sample to sample"),
        ("hum", "not independent from sample to sample"),
        ("impulsive", "impulses or gusts"),
    ],
)
def test_no_verdict_is_given_on_noise_that_the_estimates_do_not_know(kind: str, reason: str):
    conclusion = conclude(compare_blindly(GENERAL, beats(kind)[1]))
    assert conclusion.answer == "cannot tell"
    assert reason in "; ".join(conclusion.reasons)


def test_methods_that_do_the_same_are_not_told_apart():
    _, noisy = beats("white")
    alike = compare_blindly(GENERAL, noisy)
    assert alike is not None
    best = alike.filters[0].method
    same = compare_blindly(Filter("same", lambda rows, _: best.apply(rows), (None,), ""), noisy)
    assert same is not None
    assert same.margin_db == 0
    assert "smaller than its uncertainty" in conclude(same).reasons[0]


def test_a_signal_without_noise_has_no_verdict():
    assert compare_blindly(GENERAL, np.arange(1000.0)[None]) is None
    assert conclude(None).answer == "cannot tell"


def test_a_bridged_gap_does_not_divide_by_zero():
    _, noisy = beats("white")
    noisy[:, :5000] = np.linspace(0, 1, 5000)
    assert level_along(noisy).min() > 0
    found = compare_blindly(GENERAL, noisy)
    assert found is not None
    assert np.isfinite(found.margin_db)


def test_the_stated_confidence_is_the_measured_one():
    stored = json.loads((Path(__file__).parents[4] / "docs" / "results" / "verdict.json").read_text())
    told = stored["all"]
    assert round(100 * told["right"] / told["verdicts"]) == RIGHT_OF_100
    assert stored["margin_error_db"]["9 of 10"] <= WITHIN_DB


def test_a_short_or_constant_signal_is_refused(tmp_path: Path):
    for name, signal in (("short", np.arange(SHORTEST_SIGNAL - 1.0) % 7), ("constant", np.ones(2000))):
        np.save(tmp_path / f"{name}.npy", signal)
        with pytest.raises(SourceError, match="a verdict needs 1000 or more"):
            judge_file(GENERAL, tmp_path / f"{name}.npy", None, None)


# --------------------------------------------------------------------------------------- the program


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["denoise-evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def write(path: Path, signal: np.ndarray) -> None:
    """Write a signal in the format of a path; tables get a second, irrelevant column."""
    if path.suffix == ".csv":
        rows = "".join(f"{index},{value:.6f},{value**2:.6f}\n" for index, value in enumerate(signal))
        path.write_text(f"time (s),temp (°C),load [%]\n{rows}", encoding="utf-8")
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table({"temp (°C)": signal}), path)
    elif path.suffix == ".wav":
        soundfile.write(path, signal / np.abs(signal).max() / 2, 16_000, "FLOAT")
    elif path.suffix == ".npz":
        np.savez(path, signal=signal, fs_hz=np.array(360.0), units=np.array("mV"))
    else:
        np.save(path, signal)


@pytest.mark.parametrize("ending", [".csv", ".npz", ".npy", ".wav", ".parquet"])
def test_a_recording_gets_five_lines_and_a_picture(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    recording = tmp_path / f"pump{ending}"
    write(recording, beats("white")[1][0, :3000])
    columns = ("--columns", "temp (°C)") if ending in (".csv", ".parquet") else ()
    assert run(monkeypatch, recording, *columns, "--json", tmp_path / "figures.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Signal", "Verdict", "Estimate", "Confidence", "Picture"]
    assert (tmp_path / "pump.verdict.png").read_bytes().startswith(b"\x89PNG")
    (signal,) = json.loads((tmp_path / "figures.json").read_text())["signals"]
    assert signal["samples"] == signal["samples_judged"] == 3000
    assert signal["answer"] in lines[1] or signal["answer"] in ("better", "not better")
    assert signal["unit"] == {".csv": "°C", ".parquet": "°C", ".npz": "mV"}.get(ending)
    if signal["unit"]:
        assert f"{signal['unit']}, estimated SNR before" in lines[0]


def test_several_columns_get_a_line_each_and_a_picture_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    recording, picture = tmp_path / "pump.csv", tmp_path / "pump.verdict.png"
    write(recording, beats("white")[1][0, :1500])
    picture.write_bytes(b"mine")
    assert run(monkeypatch, recording) == 0
    printed = capsys.readouterr().out
    assert "2 signals of pump.csv" in printed
    assert "  temp: " in printed
    assert "  load: " in printed
    assert f"No picture: {picture} exists (--force replaces it)" in printed
    assert picture.read_bytes() == b"mine"
    assert run(monkeypatch, recording, "--columns", "nothing") == 1
    assert "nothing" in capsys.readouterr().err


def test_no_level_and_no_gain_is_told_of_noise_that_the_estimates_do_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    recording, report = tmp_path / "pump.npy", tmp_path / "figures.json"
    write(recording, beats("pink")[1][0, :3000])
    assert run(monkeypatch, recording, "--json", report) == 0
    signal, _, estimate, _, _ = capsys.readouterr().out.splitlines()
    assert "its noise cannot be measured" in signal
    assert " dB" not in signal + estimate
    assert json.loads(report.read_text())["signals"][0]["estimated_snr_db"] is None
    assert run(monkeypatch, "general", "--noisy", recording, "--signals", 10) == 0
    printed = capsys.readouterr().out
    assert "not independent from sample to sample" in printed
    assert " dB" not in printed


def test_the_estimated_snr_is_the_one_that_denoising_tells(tmp_path: Path):
    _, noisy = beats("white")
    np.save(tmp_path / "pump.npy", noisy[0])
    (judged,) = judge_file(GENERAL, tmp_path / "pump.npy", None, None)
    meter = ChangeMeter(1, peaks=False, noise=True)
    meter.observe(noisy.T, Denoiser("general").denoise(noisy.T))
    (change,) = meter.facts()
    assert change["estimated_snr_db"] == pytest.approx(judged.figures()["estimated_snr_db"], abs=0.5)
