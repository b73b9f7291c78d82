"""The default model of a source: speech for sound, if it is bundled, general for the rest."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import onnx_models
from archives import InProcess, rows
from denoise_stream import Denoiser, bundled_models, model
from denoise_stream.archive.archive import Archive, Selection, Summary
from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.worker import Work, Worker
from denoise_stream.cli import live as live_cli
from denoise_stream.engine.settings import Settings
from denoise_stream.model import Models, choose_models


@pytest.fixture
def speech(tmp_path, monkeypatch) -> Path:
    """Bundle a stateful model of 16 kHz under the name ``speech``, for this process."""
    made = onnx_models.recurrent(tmp_path / "speech.onnx", name="speech", normalization="none", sample_rate_hz="16000")
    bundled = {**bundled_models(), "speech": made}
    monkeypatch.setattr(model, "bundled_models", lambda: bundled)
    monkeypatch.setattr("denoise_stream.archive.archive.bundled_models", lambda: bundled)
    return made


@pytest.fixture
def no_speech(monkeypatch) -> None:
    bundled = {name: path for name, path in bundled_models().items() if name != "speech"}
    monkeypatch.setattr(model, "bundled_models", lambda: bundled)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> None:
    """Work in an empty folder."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)


def make_sources(folder: Path) -> None:
    noisy = np.random.default_rng(0).normal(0, 0.1, 4000)
    soundfile.write(folder / "a.wav", noisy, 48_000)
    (folder / "a.csv").write_text("v\n" + "".join(f"{value:.4f}\n" for value in noisy[:500]))


def denoise_archive(folder: Path, model: str | None = None, **settings: object) -> tuple[Summary, dict[str, str]]:
    archive = Archive(
        LocalFolder(folder),
        LocalFolder(folder.with_name("out")),
        Selection(),
        model=model,
        settings=Settings(**settings),
    )
    summary = archive.run(InProcess)
    done = {row["file"]: row["model"] for row in rows(folder.with_name("out")) if row["state"] == "done"}
    return summary, done


def test_sound_goes_through_speech_and_tables_through_general(speech):
    assert choose_models() == Models("speech", "general")
    assert choose_models("x2") == Models("x2", "x2")
    assert Denoiser().contract.name == "general"


def test_without_it_everything_goes_through_general(no_speech):
    assert choose_models() == Models("general", "general")


@pytest.mark.parametrize(
    ("source", "arguments", "name"),
    [("a.wav", [], "speech"), ("a.csv", [], "general"), ("a.wav", ["--model", "general"], "general")],
)
def test_program_chooses_by_source_and_says_so(speech, call, source, arguments, name):
    make_sources(Path.cwd())
    status, message = call("--input", source, *arguments, "--report", "r.json")
    assert status == 0
    assert f"model {name}, hop 75" in message
    assert json.loads(Path("r.json").read_text())["model"] == name


def test_microphone_goes_through_speech(speech, call, monkeypatch):
    chosen = []
    monkeypatch.setattr(live_cli, "go_live", lambda denoiser, *_, **__: chosen.append(denoiser.contract.name))
    assert call("--input", "mic")[0] == 0
    assert chosen == ["speech"]


def test_another_hop_for_sound_asks_for_another_model(speech, call):
    make_sources(Path.cwd())
    status, message = call("--input", "a.wav", "--hop", 50)
    assert status == 2
    assert "--hop 50 does not work with the model speech" in message
    assert call("--input", "a.csv", "--hop", 50)[0] == 0
    assert call("--input", "a.wav", "--model", "general", "--hop", 50)[0] == 0


def test_archive_chooses_file_by_file_and_remembers_which(speech, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    make_sources(folder)
    summary, done = denoise_archive(folder)
    assert (summary.done, summary.models) == (2, {"audio": "speech", "tables": "general"})
    assert done["a.wav"] != done["a.csv"]
    noisy, rate = soundfile.read(folder / "a.wav")
    clean, _ = soundfile.read(tmp_path / "out" / "a.wav")
    assert np.abs(clean - Denoiser(speech).denoise(noisy, rate)).max() < 1e-4
    assert denoise_archive(folder)[0].unchanged == 2
    again, _ = denoise_archive(folder, model="general")
    assert (again.done, again.unchanged, again.models) == (1, 1, {"audio": "general"})


def test_archive_of_tables_needs_no_model_for_sound(speech, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    make_sources(folder)
    with pytest.raises(ValueError, match="hop=50 does not work with the model speech"):
        denoise_archive(folder, hop=50)
    (folder / "a.wav").unlink()
    summary, _ = denoise_archive(folder, hop=50)
    assert (summary.done, summary.models) == (1, {"tables": "general"})


def test_worker_loads_only_the_models_it_needs(tmp_path):
    work = Work(LocalFolder(tmp_path), LocalFolder(tmp_path), tmp_path / "scratch", Models("", "general"))
    assert list(Worker(work)._denoisers) == ["general"]
    assert list(Worker(dataclasses.replace(work, models=choose_models("x2")))._denoisers) == ["x2"]


def test_plan_and_summary_of_an_archive_name_the_model(no_speech, call):
    Path("in").mkdir()
    make_sources(Path("in"))
    assert "to do: 2 files of 0.0 MB through model general;" in call("--input", "in", "--output", "out", "--dry-run")[1]
    assert "2 files denoised, model general, " in call("--input", "in", "--output", "out", "--report", "r.json")[1]
    assert json.loads(Path("r.json").read_text())["models"] == {"audio": "general", "tables": "general"}
