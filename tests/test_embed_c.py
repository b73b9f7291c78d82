"""The C sources compute what onnxruntime does: every operator, every test vector, without a warning or a leak."""

import ctypes
import itertools
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from denoise_export.to_c.program import Program
from denoise_export.to_c.source import OPERATORS as TRANSLATIONS
from denoise_export.to_c.source import c_source, write_c
from denoise_stream import ContractError, SinkError
from embed import EMBED, KINDS, need, worst_error
from onnx_models import identity, save, tensor

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
SIZES = """#include "denoise.h"
const size_t window = DENOISE_WINDOW, state_bytes = sizeof(denoise_state);
"""
SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def build(folder: Path, compiler: str, *flags: str) -> Path:
    """Compile a folder's ``denoise.c``: a library, or with the example program if the flags are not ``-shared``."""
    need(compiler)
    made = folder / f"made-{compiler}"
    (folder / "sizes.c").write_text(SIZES)
    sources = [folder / "denoise.c", folder / "sizes.c" if "-shared" in flags else EMBED / "c" / "filter.c"]
    command = [compiler, *STRICT, *flags, f"-I{folder}", *sources, "-lm", "-o", made]
    subprocess.run(command, check=True, timeout=300)
    return made


class Library:
    """The C functions, called from here."""

    def __init__(self, folder: Path, compiler: str = "gcc", sample: type = np.float32, *flags: str) -> None:
        flags = (*flags, "-DDENOISE_SAMPLE=double") if sample is np.float64 else flags
        self._sample: Any = sample
        self._functions = ctypes.CDLL(str(build(folder, compiler, "-O2", "-fPIC", "-shared", *flags)))
        for name in ("denoise_process", "denoise_flush"):
            getattr(self._functions, name).restype = ctypes.c_size_t
        size = {name: ctypes.c_size_t.in_dll(self._functions, name).value for name in ("window", "state_bytes")}
        self._window = size["window"]
        self._state = (ctypes.c_char * size["state_bytes"])()
        self._functions.denoise_init(self._state)

    def process(self, chunk: np.ndarray) -> np.ndarray:
        chunk = np.ascontiguousarray(chunk, self._sample)
        clean = np.full(len(chunk) + self._window, np.nan, self._sample)
        done = self._functions.denoise_process(
            self._state, chunk.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(chunk)), _pointer(clean)
        )
        return clean[:done]

    def flush(self) -> np.ndarray:
        clean = np.full(self._window, np.nan, self._sample)
        return clean[: self._functions.denoise_flush(self._state, _pointer(clean))]

    def denoise(self, noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        parts = [self.process(noisy[start : start + chunk]) for start in range(0, len(noisy), chunk)]
        return np.concatenate((*parts, self.flush())), sum(map(len, parts))


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_c_reproduces_the_test_vectors(vectors, tmp_path, kind, compiler):
    write_c(vectors[kind] / "model.onnx", tmp_path)
    assert worst_error(vectors[kind], Library(tmp_path, compiler).denoise) < 1e-4


def test_c_with_double_samples_keeps_a_small_signal_on_a_large_offset(vectors, tmp_path):
    write_c(vectors["general"] / "model.onnx", tmp_path)
    noisy = 1e9 + np.sin(np.arange(700) / 9)
    library = Library(tmp_path, "gcc", np.float64)
    clean, _ = library.denoise(noisy, 33)
    plain, _ = library.denoise(noisy - 1e9, 33)
    np.testing.assert_allclose(clean - 1e9, plain, atol=1e-4)


@pytest.mark.parametrize("hop", [1, 50, 150])
def test_hop_of_the_c_source_is_chosen_at_compile_time(models, tmp_path, hop):
    write_c(models["identity"], tmp_path)
    noisy = np.random.default_rng(0).normal(size=401).astype(np.float32)
    clean, before_flush = Library(tmp_path, "gcc", np.float32, f"-DDENOISE_HOP={hop}").denoise(noisy, 90)
    assert before_flush == (251 // hop + 1) * hop
    np.testing.assert_allclose(clean, noisy, atol=1e-5)


def test_other_hop_for_a_network_with_a_memory_does_not_compile(models, tmp_path):
    write_c(models["recurrent"], tmp_path)
    need("gcc")
    command = ["gcc", "-fsyntax-only", tmp_path / "denoise.c"]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    done = subprocess.run([*command, "-DDENOISE_HOP=50"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "DENOISE_HOP must be 75: the network's memory goes on by so many samples" in done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("kind", ["general", "recurrent", "speech"])
def test_c_runs_clean_under_sanitizers(vectors, tmp_path, kind, compiler):
    write_c(vectors[kind] / "model.onnx", tmp_path)
    check_program(vectors[kind], [build(tmp_path, compiler, *SANITIZED)])


def test_c_runs_clean_under_valgrind(vectors, tmp_path):
    need("valgrind")
    write_c(vectors["recurrent"] / "model.onnx", tmp_path)
    program = build(tmp_path, "gcc", "-g", "-O1")
    check_program(vectors["recurrent"], ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", program])


def check_program(vectors: Path, command: list[str | Path]) -> None:
    for name in ("odd_end", "one_sample", "shorter_than_window", "constant"):
        noisy, expected = (np.fromfile(vectors / f"{name}.{part}.f32", "<f4") for part in ("noisy", "expected"))
        for chunk in ("1", "480"):
            done = subprocess.run(
                [*command, chunk], input=noisy.tobytes(), capture_output=True, check=False, timeout=120
            )
            assert (done.returncode, done.stderr.decode()) == (0, "")
            np.testing.assert_allclose(np.frombuffer(done.stdout, "<f4"), expected, atol=1e-4 * np.abs(noisy).max())


def test_example_program_refuses_a_wrong_chunk_in_one_sentence(models, tmp_path):
    write_c(models["identity"], tmp_path)
    done = subprocess.run([build(tmp_path, "gcc"), "0"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "filter: chunk=0 is out of range; use 1 to 4096\n"


SEEDS = itertools.count()
"""One for each constant, so that two of the same shape cannot be exchanged unnoticed."""


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(next(SEEDS)).normal(0, 0.3, shape).astype(np.float32)


def node(kind: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), ["y"], **attributes)


LINE, IMAGE, COLUMNS = [-1, 6, 25], [-1, 6, 1, 25], [-1, 25, 6]
"""Shapes that a window of 150 samples is given before the operator under test."""

OPERATORS: dict[str, tuple[list[int], onnx.NodeProto, dict[str, np.ndarray]]] = {
    "conv": (LINE, node("Conv", "x", "w", "b"), {"w": random(9, 6, 3), "b": random(9)}),
    "conv of few outputs": (LINE, node("Conv", "x", "w", pads=[2, 2]), {"w": random(2, 6, 5)}),
    "strided conv": (LINE, node("Conv", "x", "w", strides=[3], pads=[4, 1]), {"w": random(10, 6, 7)}),
    "same upper": (LINE, node("Conv", "x", "w", strides=[2], auto_pad="SAME_UPPER"), {"w": random(8, 6, 4)}),
    "same lower": (LINE, node("Conv", "x", "w", strides=[2], auto_pad="SAME_LOWER"), {"w": random(8, 6, 4)}),
    "dilated conv": (LINE, node("Conv", "x", "w", dilations=[4], pads=[8, 0]), {"w": random(8, 6, 3)}),
    "grouped conv": (LINE, node("Conv", "x", "w", "b", group=3, pads=[1, 1]), {"w": random(9, 2, 3), "b": random(9)}),
    "depthwise conv": (LINE, node("Conv", "x", "w", group=6, dilations=[2]), {"w": random(6, 1, 5)}),
    "conv that ignores its end": (LINE, node("Conv", "x", "w", strides=[4]), {"w": random(8, 6, 2)}),
    "conv of height 1": (
        IMAGE,
        node("Conv", "x", "w", "b", strides=[1, 2], pads=[0, 1, 0, 2]),
        {"w": random(8, 6, 1, 5), "b": random(8)},
    ),
    "transposed conv": (LINE, node("ConvTranspose", "x", "w", "b"), {"w": random(6, 8, 3), "b": random(8)}),
    "strided transposed conv": (
        LINE,
        node("ConvTranspose", "x", "w", "b", strides=[3], pads=[2, 1], output_padding=[1]),
        {"w": random(6, 8, 7), "b": random(8)},
    ),
    "transposed conv with gaps": (
        LINE,
        node("ConvTranspose", "x", "w", "b", strides=[4]),
        {"w": random(6, 9, 2), "b": random(9)},
    ),
    "dilated transposed conv": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], dilations=[3]),
        {"w": random(6, 2, 3)},
    ),
    "grouped transposed conv": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], group=2, pads=[1, 0]),
        {"w": random(6, 8, 4)},
    ),
    "transposed conv of a stated length": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], output_shape=[50], auto_pad="SAME_UPPER"),
        {"w": random(6, 8, 5)},
    ),
    "transposed conv of an odd stated length": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], output_shape=[50]),
        {"w": random(6, 8, 5)},
    ),
    "transposed conv of height 1": (
        IMAGE,
        node("ConvTranspose", "x", "w", strides=[1, 2], pads=[0, 1, 0, 1]),
        {"w": random(6, 8, 1, 4)},
    ),
    "product": (COLUMNS, node("MatMul", "x", "w"), {"w": random(6, 11)}),
    "product from the left": (COLUMNS, node("MatMul", "w", "x"), {"w": random(1, 7, 25)}),
    "general product": (
        [-1, 150],
        node("Gemm", "x", "w", "b", transB=1, alpha=0.5, beta=2.0),
        {"w": random(12, 150), "b": random(12)},
    ),
    "sum of a row": (LINE, node("Add", "x", "w"), {"w": random(6, 1)}),
    "sum of three": (LINE, node("Max", "x", "w", "v"), {"w": random(25), "v": random(6, 1)}),
    "difference": (LINE, node("Sub", "w", "x"), {"w": random(6, 25)}),
    "scaling": (LINE, node("Mul", "x", "w"), {"w": np.array(0.7, np.float32)}),
    "quotient": (LINE, node("Div", "x", "w"), {"w": 2 + random(1, 25)}),
    "power": (LINE, node("Pow", "x", "w"), {"w": np.array(2.0, np.float32)}),
    "relu": (LINE, node("Relu", "x"), {}),
    "sigmoid": (LINE, node("Sigmoid", "x"), {}),
    "tanh": (LINE, node("Tanh", "x"), {}),
    "leaky relu": (LINE, node("LeakyRelu", "x", alpha=0.2), {}),
    "prelu": (LINE, node("PRelu", "x", "w"), {"w": random(6, 1)}),
    "elu": (LINE, node("Elu", "x", alpha=0.7), {}),
    "hard sigmoid": (LINE, node("HardSigmoid", "x"), {}),
    "softplus": (LINE, node("Softplus", "x"), {}),
    "clip": (LINE, node("Clip", "x", "w", "v"), {"w": np.array(-0.2, np.float32), "v": np.array(0.4, np.float32)}),
    "clip from above": (LINE, node("Clip", "x", "", "v"), {"v": np.array(0.1, np.float32)}),
    "flatten": (LINE, node("Flatten", "x"), {}),
    "transpose": (IMAGE, node("Transpose", "x", perm=[0, 3, 2, 1]), {}),
    "concat": (LINE, node("Concat", "x", "x", axis=2), {}),
    "slice": (
        LINE,
        node("Slice", "x", "s", "e", "a", "t"),
        {"s": np.array([-2, 3]), "e": np.array([-99, 20]), "a": np.array([1, 2]), "t": np.array([-2, 3])},
    ),
    "pad": (LINE, node("Pad", "x", "p", "v"), {"p": np.array([0, 1, 2, 0, 0, 3]), "v": np.array(0.5, np.float32)}),
    "pad that cuts off": (LINE, node("Pad", "x", "p"), {"p": np.array([0, -1, -2, 0, 2, -3])}),
    "smallest of two": (LINE, node("Min", "x", "w"), {"w": random(25)}),
    "largest over time": (LINE, node("GlobalMaxPool", "x"), {}),
    "sum along no axis": (LINE, node("ReduceSum", "x", noop_with_empty_axes=1), {}),
    "smallest": (LINE, node("ReduceMin", "x", axes=[2], keepdims=1), {}),
    "largest": (LINE, node("ReduceMax", "x", axes=[1], keepdims=0), {}),
    "mean": (LINE, node("ReduceMean", "x", axes=[1, 2], keepdims=1), {}),
    "sum": (LINE, node("ReduceSum", "x", "a", keepdims=0), {"a": np.array([-1])}),
    "mean over time": (LINE, node("GlobalAveragePool", "x"), {}),
    "layer statistics": (
        COLUMNS,
        node("LayerNormalization", "x", "s", "o", epsilon=1e-3),
        {"s": random(6), "o": random(6)},
    ),
    "error function": (LINE, node("Erf", "x"), {}),
    "hard swish": (LINE, node("HardSwish", "x"), {}),
    "repetition": (LINE, node("Tile", "x", "r"), {"r": np.array([1, 2, 3])}),
    "expansion": (
        [-1, 6, 1, 25],
        node("Expand", "x", "s"),
        {"s": np.array([1, 6, 4, 25])},
    ),
    "softmax": (LINE, node("Softmax", "x", axis=1), {}),
    "channel statistics": (
        LINE,
        node("BatchNormalization", "x", "s", "o", "m", "v"),
        {"s": random(6), "o": random(6), "m": random(6), "v": 1 + random(6)},
    ),
}


def through(path: Path, shape: list[int], nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> Path:
    """Make a contract model round operators from ``x``, of a given shape, to ``y``, of any."""
    around = [
        helper.make_node("Reshape", ["noisy", "shape"], ["x"]),
        *nodes,
        helper.make_node("ReduceMean", ["y"], ["level"], keepdims=0),
        helper.make_node("Flatten", ["y"], ["flat"]),
        helper.make_node("Pad", ["flat", "behind"], ["long"]),
        helper.make_node("Slice", ["long", "zero", "length", "one"], ["cut"]),
        helper.make_node("Add", ["cut", "level"], ["clean"]),
    ]
    own = {"shape": np.array(shape), "behind": np.array([0, 0, 0, 150])}
    own |= {"zero": np.array([0]), "length": np.array([150]), "one": np.array([1])}
    return save(
        path, around, [tensor("noisy", 150)], [tensor("clean", 150)], constants | own, normalization="none", hop="150"
    )


def check_model(model: Path, folder: Path, *flags: str) -> None:
    """Compare one window through C, under sanitizers, with onnxruntime."""
    write_c(model, folder, force=True)
    noisy = np.random.default_rng(1).normal(size=(1, 150)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(model).run(None, {"noisy": noisy})
    program = build(folder, "gcc", *SANITIZED, *flags)
    done = subprocess.run([program, "150"], input=noisy.tobytes(), capture_output=True, check=True, timeout=60)
    np.testing.assert_allclose(np.frombuffer(done.stdout, "<f4"), expected[0], atol=3e-6)


@pytest.mark.parametrize("kind", OPERATORS)
def test_operator_computes_what_onnxruntime_does(tmp_path, kind):
    shape, operator, constants = OPERATORS[kind]
    check_model(through(tmp_path / "m.onnx", shape, [operator], constants), tmp_path)


FUNCTIONS = ("Abs", "Ceil", "Exp", "Floor", "Identity", "Neg", "Softsign")
POSITIVE = ("Log", "Reciprocal", "Sqrt")


def test_functions_of_single_elements_compute_what_onnxruntime_does(tmp_path):
    nodes = [helper.make_node("Abs", ["x"], ["size"]), helper.make_node("Add", ["size", "half"], ["positive"])]
    constants = {"half": np.array(0.5, np.float32)}
    for kind in FUNCTIONS + POSITIVE:
        nodes.append(helper.make_node(kind, ["positive" if kind in POSITIVE else "x"], [kind]))
        nodes.append(helper.make_node("Mul", [kind, f"{kind} weight"], [f"{kind} part"]))
        constants[f"{kind} weight"] = random(6, 1)
    nodes.append(node("Sum", *(f"{kind} part" for kind in FUNCTIONS + POSITIVE)))
    check_model(through(tmp_path / "m.onnx", LINE, nodes, constants), tmp_path)


def test_every_translation_is_tested():
    elsewhere = {"GRU", "Split", "Reshape", "Squeeze", "Sum", "Unsqueeze", *FUNCTIONS, *POSITIVE}
    assert set(TRANSLATIONS) - elsewhere == {operator.op_type for _, operator, _ in OPERATORS.values()} - elsewhere


@pytest.mark.parametrize("settings", [{}, {"axis": 2}])
def test_softmax_of_old_opsets_adds_up_over_all_axes_behind(tmp_path, settings):
    path = through(tmp_path / "m.onnx", LINE, [node("Softmax", "x", **settings)], {})
    model = onnx.load(path)
    model.opset_import[0].version = 12
    onnx.save(model, path)
    check_model(path, tmp_path)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("reset_behind", [0, 1])
def test_gru_computes_what_onnxruntime_does(tmp_path, direction, reset_behind):
    ways = 2 if direction == "bidirectional" else 1
    constants = {"w": random(ways, 21, 6), "r": random(ways, 21, 7), "b": random(ways, 42), "h": random(ways, 1, 7)}
    settings = {"hidden_size": 7, "direction": direction, "linear_before_reset": reset_behind}
    settings["activations"] = ["Sigmoid", "Tanh"] * ways
    nodes = [
        helper.make_node("Transpose", ["x"], ["sequence"], perm=[1, 0, 2]),
        helper.make_node("GRU", ["sequence", "w", "r", "b", "", "h"], ["all", "last"], **settings),
        helper.make_node("Transpose", ["all"], ["first"], perm=[2, 0, 1, 3]),
        helper.make_node("ReduceMean", ["last"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["first", "mean"], ["y"]),
    ]
    check_model(through(tmp_path / "m.onnx", [-1, 25, 6], nodes, constants), tmp_path)


def test_attention_over_split_features_computes_what_onnxruntime_does(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["features"]),
        helper.make_node("Split", ["features", "parts"], ["q", "k", "v"], axis=2),
        helper.make_node("Transpose", ["k"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "turned"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"]),
        helper.make_node("MatMul", ["shares", "v"], ["mixed"]),
        helper.make_node("Concat", ["mixed", "q"], ["y"], axis=2),
    ]
    constants = {"w": random(6, 15), "parts": np.array([4, 4, 7])}
    check_model(through(tmp_path / "m.onnx", [-1, 25, 6], nodes, constants), tmp_path)


def test_skip_connections_keep_what_is_needed_later(tmp_path):
    """In-place results and shared memory must not touch a tensor that somebody still reads."""
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], pads=[1, 1]),
        helper.make_node("Add", ["c", "b"], ["d"]),
        helper.make_node("Tanh", ["d"], ["e"]),
        helper.make_node("Mul", ["e", "a"], ["f"]),
        helper.make_node("Unsqueeze", ["f", "two"], ["g"]),
        helper.make_node("Squeeze", ["g", "two"], ["h"]),
        helper.make_node("Concat", ["h", "x", "d"], ["y"], axis=1),
    ]
    constants = {"w1": random(8, 6, 3), "w2": random(8, 8, 3), "two": np.array([2])}
    check_model(through(tmp_path / "m.onnx", LINE, nodes, constants), tmp_path)


def test_memory_of_the_network_is_shared_between_its_layers(vectors, monkeypatch):
    sizes, make = [], Program.buffer
    monkeypatch.setattr(Program, "buffer", lambda program, size: (sizes.append(size), make(program, size))[1])
    _, header, costs = c_source(onnx.load(vectors["general"] / "model.onnx"), "general.onnx")
    assert costs["work"] < 4 * sum(sizes) / 2
    assert f"work[{costs['work'] // 4}]" in header


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (node("Sin", "x"), "cannot be turned into C: no translation of Sin; there is one of .*Conv"),
        (node("Conv", "x", "x"), "Conv with computed weights cannot be turned into C; constant ones can"),
        (node("Pad", "x", "p", mode="reflect"), "Pad with mode='reflect' cannot be turned into C; 'constant' can"),
    ],
)
def test_what_has_no_translation_is_refused_by_name(tmp_path, operator, words):
    check_refusal(tmp_path, LINE, operator, {"p": np.array([0, 0, 1, 0, 0, 1])}, words)


@pytest.mark.parametrize(
    ("shape", "operator", "constants", "words"),
    [
        (IMAGE, node("Conv", "x", "w", pads=[1, 1, 1, 1]), {"w": random(8, 6, 1, 3)}, "Conv that pads the height"),
        (
            IMAGE,
            node("ConvTranspose", "x", "w", strides=[3, 1], pads=[1, 0, 1, 0], output_padding=[2, 0]),
            {"w": random(6, 8, 1, 3)},
            "ConvTranspose that pads the height",
        ),
    ],
)
def test_layer_that_would_compute_something_else_is_refused(tmp_path, shape, operator, constants, words):
    check_refusal(tmp_path, shape, operator, constants, words)


def test_bias_for_each_row_is_refused(tmp_path):
    around = [
        helper.make_node("Reshape", ["noisy", "rows"], ["x"]),
        helper.make_node("Gemm", ["x", "w", "b"], ["y"]),
        helper.make_node("Reshape", ["y", "window"], ["clean"]),
    ]
    constants = {"rows": np.array([25, -1]), "window": np.array([-1, 150]), "w": random(6, 6), "b": random(25, 1)}
    path = save(tmp_path / "m.onnx", around, [tensor("noisy", 150)], [tensor("clean", 150)], constants)
    with pytest.raises(ContractError, match="Gemm with a bias for each row cannot be turned into C"):
        c_source(onnx.load(path), path.name)


def test_file_that_breaks_the_contract_is_refused(tmp_path):
    (tmp_path / "garbage.onnx").write_bytes(b"PK not a model at all")
    with pytest.raises(ContractError, match=r"garbage\.onnx is not an ONNX model"):
        write_c(tmp_path / "garbage.onnx", tmp_path / "c")
    path = save(tmp_path / "m.onnx", [node("Relu", "noisy")], [tensor("noisy", 150)], [tensor("y", 150)])
    with pytest.raises(ContractError, match="clean"):
        write_c(path, tmp_path / "c")


def test_words_of_the_metadata_cannot_end_a_comment(tmp_path):
    write_c(identity(tmp_path / "m.onnx", name="a */ b", license="see /* ü"), tmp_path)
    build(tmp_path, "gcc", "-shared", "-fPIC")


def test_network_that_does_not_look_at_its_inputs_compiles(tmp_path):
    nodes = [
        helper.make_node("Mul", ["state", "spread"], ["clean"]),
        helper.make_node("Identity", ["state"], ["state_out"]),
    ]
    sizes = [("noisy", 150), ("state", 1), ("clean", 150), ("state_out", 1)]
    tensors = [tensor(*size) for size in sizes]
    path = save(tmp_path / "m.onnx", nodes, tensors[:2], tensors[2:], {"spread": random(1, 150)}, state_size="1")
    write_c(path, tmp_path)
    build(tmp_path, "gcc", "-shared", "-fPIC")


def check_refusal(
    tmp_path: Path, shape: list[int], operator: onnx.NodeProto, constants: dict[str, np.ndarray], words: str
) -> None:
    path = through(tmp_path / "m.onnx", shape, [operator], constants)
    with pytest.raises(ContractError, match=words) as caught:
        write_c(path, tmp_path / "c")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def test_existing_c_sources_are_kept_without_force(models, tmp_path):
    (tmp_path / "denoise.h").write_text("mine")
    with pytest.raises(SinkError, match=r"denoise\.h exists; use --force to replace it"):
        write_c(models["identity"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["denoise.h"]
