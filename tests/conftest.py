from collections.abc import Callable
from pathlib import Path

import pytest

import onnx_models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Hand-made models that keep the contract, by kind."""
    folder = tmp_path_factory.mktemp("models")
    makers: dict[str, Callable[..., Path]] = {
        "identity": onnx_models.identity,
        "smoother": onnx_models.smoother,
        "leaky_mean": onnx_models.leaky_mean,
    }
    made = {kind: make(folder / f"{kind}.onnx") for kind, make in makers.items()}
    for kind, make in makers.items():
        made[f"{kind}_16k"] = make(folder / f"{kind}_16k.onnx", sample_rate_hz="16000")
        made[f"{kind}_raw"] = make(folder / f"{kind}_raw.onnx", normalization="none")
    return made
