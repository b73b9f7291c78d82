"""Models whose words and graphs are hostile: what is made of them holds no code of theirs, compiles, or is refused."""

import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnx_models
from denoise_export.plugin.sources import write_sources
from denoise_export.streaming import write_streaming
from denoise_export.to_c.source import write_c
from denoise_stream import ContractError

WORDS = [
    *("a */ int evil; /* b", '"; int evil; //', "* /*/ int evil;", "*\x0c/ int evil;", "a\\\n", "@CONSTANTS@ %s%n"),
    *('a\n#include "evil.h"\n', "???/", '????/"; int evil; //', "\u202eevil\u2066", "\0int evil;", "\x1b[31m"),
    *("../../evil", "$(touch evil)", "> . <urn:evil> a <urn:x>", "x" * 100_000, ""),
]


def without_words(source: str) -> str:
    """Return C without its comments and strings."""
    spliced = source.replace("??/", "\\").replace("\\\n", "")
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', "", spliced, flags=re.DOTALL)


def check_sources(folder: Path, modules: list[str], definitions: list[str]) -> None:
    command = ["gcc", "-std=c99", "-Wall", "-Werror", "-fsyntax-only", *definitions, *modules]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for path in (*folder.glob("*.c"), *folder.glob("*.h")):
        text = path.read_text(encoding="utf-8")
        assert "evil" not in without_words(text)
        assert all(character.isprintable() or character in "\n\t" for character in text)


@pytest.mark.parametrize("words", WORDS, ids=lambda words: repr(words[:20]))
def test_words_of_a_model_become_no_code(folder, words):
    model = onnx_models.identity(Path("m.onnx"), name=words, license=words, trained_on=words, sample_rate_hz="16000")
    write_c(model, Path("c"))
    check_sources(Path("c"), ["denoise.c"], [])
    plugin = write_sources(model, Path("ladspa"), "ladspa")
    check_sources(Path("ladspa"), ["ladspa.c"], plugin.definitions)
    description = write_sources(model, Path("lv2"), "lv2").bundle / "plugin.ttl"
    assert "evil" not in re.sub(r'"(?:\\.|[^"\\\n])*"|urn:denoise-stream:[A-Za-z0-9:-]*', "", description.read_text())
    assert {path.name for path in folder.iterdir()} == {"m.onnx", "c", "ladspa", "lv2"}


@pytest.mark.parametrize("rate", ["1e300", "1e-50", "3.5e38"])
def test_absurd_rates_compile(folder, rate):
    model = onnx_models.identity(Path("m.onnx"), sample_rate_hz=rate)
    write_c(model, Path("c"))
    check_sources(Path("c"), ["denoise.c"], ["-DDENOISE_GATE_DB=20"])


def with_function(model: onnx.ModelProto) -> None:
    opset = helper.make_opsetid("", 17)
    body = [helper.make_node("Tanh", ["a"], ["b"])]
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], body, [opset]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.graph.node[0].op_type, model.graph.node[0].domain = "F", "own"


def with_sparse_tensor(model: onnx.ModelProto) -> None:
    ones = numpy_helper.from_array(np.ones(150, np.float32), "m")
    places = numpy_helper.from_array(np.arange(150) * 151, "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(ones, places, [150, 150]))
    model.graph.node[0].CopyFrom(helper.make_node("MatMul", ["noisy", "m"], ["clean"]))


@pytest.mark.parametrize(
    ("change", "words"), [(with_function, "functions of its own"), (with_sparse_tensor, "sparse tensors")]
)
def test_graphs_that_need_a_whole_runtime_are_refused_and_leave_nothing(folder, change, words):
    model = onnx.load(onnx_models.identity(Path("m.onnx")))
    change(model)
    onnx.save(model, "m.onnx")
    for write in (
        lambda: write_c(Path("m.onnx"), Path("out")),
        lambda: write_sources(Path("m.onnx"), Path("out"), "lv2"),
        lambda: write_streaming(Path("m.onnx"), Path("out.onnx")),
    ):
        with pytest.raises(ContractError, match=f"m.onnx holds {words}"):
            write()
    assert [path.name for path in folder.iterdir()] == ["m.onnx"]


def test_tensor_that_is_repeated_millions_of_times_is_refused(folder):
    nodes = [
        helper.make_node("Tile", ["noisy", "often"], ["long"]),
        helper.make_node("Slice", ["long", "start", "end", "axis"], ["clean"]),
    ]
    constants = {
        "often": np.array([1, 10_000_000]),
        "start": np.array([0]),
        "end": np.array([150]),
        "axis": np.array([1]),
    }
    tensors = [onnx_models.tensor(name, 150) for name in ("noisy", "clean")]
    model = onnx_models.save(Path("m.onnx"), nodes, tensors[:1], tensors[1:], constants)
    with pytest.raises(ContractError, match="Tile repeats a tensor 10000000 times; C is written for 4096 at most"):
        write_c(model, Path("c"))
    assert not Path("c").exists()
