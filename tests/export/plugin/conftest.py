from collections.abc import Callable
from pathlib import Path

import pytest

from denoise_export.plugin.building import build
from denoise_export.plugin.plugin import Plugin
from denoise_export.plugin.sources import write_sources
from denoise_stream import bundled_models
from embed import need


@pytest.fixture(scope="session")
def built(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Plugin]:
    """Return the plug-in of a model, hand-made or shipped, for an interface; each is built once."""
    folder = tmp_path_factory.mktemp("plugins")
    made: dict[tuple[str, str], Plugin] = {}

    def built(model: str, interface: str = "ladspa") -> Plugin:
        need("gcc")
        if (model, interface) not in made:
            path = models.get(model) or bundled_models()[model]
            plugin = write_sources(path, folder / interface / model, interface)
            build(plugin, ["gcc"])
            made[model, interface] = plugin
        return made[model, interface]

    return built
