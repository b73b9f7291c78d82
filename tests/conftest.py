import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import onnx_models
from archives import make_archive
from audio_server import AudioServer
from denoise_export.vectors import write_vectors
from denoise_stream import bundled_models
from denoise_stream.cli.main import main
from embed import HAND_MADE

# A shell that starts the tests in the background has them ignore Ctrl-C, and every program they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


FOLDERS = ("train", "documented", "stream/archive", "stream/live", "export")
LONG = tuple(str(Path(__file__).parent / name) for name in FOLDERS)
"""Folders whose files take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: a worker that came to it last would leave the others without work."""
    items.sort(key=lambda item: not str(item.path).startswith(LONG))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Call the program in this process; return exit status and standard error."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["denoise-stream", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return call


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small files, read-only by convention."""
    return make_archive(tmp_path_factory.mktemp("archive") / "in", 60)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Hand-made models that keep the contract, by kind."""
    folder = tmp_path_factory.mktemp("models")
    makers: dict[str, Callable[..., Path]] = {
        "identity": onnx_models.identity,
        "smoother": onnx_models.smoother,
        "leaky_mean": onnx_models.leaky_mean,
        "recurrent": onnx_models.recurrent,
        "in_context": onnx_models.in_context,
    }
    made = {kind: make(folder / f"{kind}.onnx") for kind, make in makers.items()}
    for kind, make in makers.items():
        made[f"{kind}_16k"] = make(folder / f"{kind}_16k.onnx", sample_rate_hz="16000")
        if kind != "in_context":  # which needs scaled windows
            made[f"{kind}_raw"] = make(folder / f"{kind}_raw.onnx", normalization="none")
    return made


@pytest.fixture(scope="module")
def audio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AudioServer]:
    if shutil.which("pulseaudio") is None or shutil.which("parec") is None:
        if os.environ.get("CI"):
            pytest.fail("PulseAudio is not installed")
        pytest.skip("needs pulseaudio, pulseaudio-utils, libasound2-plugins and libportaudio2")
    folder = tmp_path_factory.mktemp("audio")
    folder.chmod(0o700)
    server = AudioServer(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def vectors(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of test vectors, with the model beside them, for every shipped model and some made here."""
    folder = tmp_path_factory.mktemp("vectors")
    for name, model in (bundled_models() | {kind: models[kind] for kind in HAND_MADE}).items():
        write_vectors(model, folder / name)
        shutil.copy(model, folder / name / "model.onnx")
    return {path.name: path for path in sorted(folder.iterdir())}
