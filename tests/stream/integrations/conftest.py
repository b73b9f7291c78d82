"""What needs the frameworks runs where they are: ``make test-agents``, in an environment of its own."""

import importlib.util

import pytest

collect_ignore = [f"test_{name}.py" for name in ("pipecat", "livekit") if importlib.util.find_spec(name) is None]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A machine that is busy with something else makes no silence here."""
    monkeypatch.setattr("denoise_stream.integrations.frames.PATIENCE_S", 60.0)
