"""The shape of the house: small files, small folders, and imports that go one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"denoise_stream": "stream", "denoise_train": "train", "denoise_export": "export"}

FLOORS = """
denoise_stream.errors
denoise_stream.arrays denoise_stream.contract denoise_stream.native_messages
denoise_stream.arguments denoise_stream.onnx_file
denoise_stream.block
denoise_stream.model
denoise_stream.engine
denoise_stream.pool
denoise_stream.integrations
denoise_stream.files
denoise_stream.sensors
denoise_stream.runs
denoise_stream.live denoise_stream.archive.folders
denoise_stream.archive
denoise_stream.cli
denoise_stream
denoise_train.arrays denoise_train.splits
denoise_train.targets
denoise_train.dsp
denoise_train.recipe
denoise_train.synthetic denoise_train.recordings denoise_train.losses denoise_train.networks
denoise_train.data
denoise_train.evaluation denoise_train.evaluation.speech.peers
denoise_train.evaluation.speech
denoise_train.training
denoise_train.cli
denoise_train
denoise_export.graph
denoise_export.keras_to_onnx denoise_export.smaller denoise_export.to_c denoise_export.streaming denoise_export.vectors
denoise_export.channel
denoise_export.plugin denoise_export.to_wasm
denoise_export.cli
denoise_export
"""
"""Folders and the modules beside them, from the ground up; a floor imports only from the floors below it.

``denoise_stream`` itself, its public names, may be imported by the other two packages.
"""

MOST_MODULES = 14
MOST_LINES = 400

FLOOR = {name: number for number, line in enumerate(FLOORS.split("\n")) for name in line.split()}


def modules() -> dict[str, Path]:
    """Every module of the packages by its dotted name."""
    found = {}
    for package, source in PACKAGES.items():
        for path in (ROOT / source / package).rglob("*.py"):
            parts = path.relative_to(ROOT / source).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """The modules of the packages that a file imports, anywhere in it, for types only or not."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports are not counted here"
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                if whole in MODULES:
                    yield whole
                elif node.module in MODULES:
                    yield node.module


IMPORTS = {name: set(imports(path)) for name, path in MODULES.items()}


def unit(module: str) -> str:
    """The folder or lone module that has a floor of its own."""
    parts = module.split(".")
    return next(name for end in range(len(parts), 0, -1) if (name := ".".join(parts[:end])) in FLOOR)


def test_every_module_stands_on_a_floor() -> None:
    assert {unit(module) for module in MODULES} == set(FLOOR)
    for module in MODULES:
        assert unit(module) != module.split(".")[0] or "." not in module, f"{module} stands on no floor"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    for imported in IMPORTS[module]:
        inside, other = unit(module), unit(imported)
        assert inside == other or FLOOR[other] < FLOOR[inside], f"{module} imports {imported}, which is no floor below"


def test_no_circle_of_modules() -> None:
    left = {module: set(imported) - {module} for module, imported in IMPORTS.items()}
    while free := [module for module, imported in left.items() if not imported & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"these import each other in a circle: {', '.join(left)}"


def test_folders_are_small() -> None:
    folders = {path.parent for path in MODULES.values()}
    for folder in folders:
        count = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        assert count <= MOST_MODULES, f"{folder.relative_to(ROOT)} holds {count} modules"


@pytest.mark.parametrize("folder", [*PACKAGES.values(), "tests", "benchmarks", "tools", "samples", "docs"])
def test_files_are_short(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        if "node_modules" not in path.parts:
            count = len(path.read_text().splitlines())
            assert count <= MOST_LINES, f"{path.relative_to(ROOT)} has {count} lines"


def test_only_commands_use_click() -> None:
    using = {name for name, path in MODULES.items() if "import click" in path.read_text()}
    assert {unit(name) for name in using} <= {"denoise_stream.cli", "denoise_train.cli", "denoise_export.cli"}
    assert using
