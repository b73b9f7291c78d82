import pytest

from archives import InProcess


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Denoise the files of archives in this process, not in workers."""
    monkeypatch.setattr("denoise_stream.archive.processes.LocalDispatcher", InProcess)
