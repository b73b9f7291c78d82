from pathlib import Path

import pytest

from denoise_export.to_wasm.module import write_wasm
from denoise_stream import bundled_models
from embed import need


@pytest.fixture(scope="session")
def wasm_modules(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of WebAssembly modules: of two bundled models, and of networks with a state or a context."""
    need("clang", "wasm-ld")
    folder = tmp_path_factory.mktemp("modules")
    bundled = bundled_models()
    made = ("recurrent", "leaky_mean_raw", "in_context", "in_context_16k")
    for model in (bundled["general-small"], bundled["speech"], *(models[kind] for kind in made)):
        write_wasm(model, folder)
    return folder
