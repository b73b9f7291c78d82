from pathlib import Path

import pytest

from recorded import Unchanged


@pytest.fixture
def unchanged(folder, call, models) -> Unchanged:
    """Run the program without changing the sound; return the output's path and the messages."""

    def unchanged(name: str, *arguments: object, output: str | None = None) -> tuple[Path, str]:
        target = output or f"{Path(name).stem}.denoised{Path(name).suffix}"
        status, said = call(
            "--input", name, "--output", target, "--model", models["identity"], "--mix", 0, "--force", *arguments
        )
        assert status == 0, said
        return Path(target), said

    return unchanged
