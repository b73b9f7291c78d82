"""The C sources compute what the engine does, on every test vector, without a warning or a leak."""

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from denoise_export.to_c.program import Program
from denoise_export.to_c.source import c_source, write_c
from denoise_export.to_c.weights import as_text, pack
from denoise_stream import ContractError, Denoiser, SinkError, bundled_models
from embed import LOOKAHEADS, SANITIZED, STRICT, compile_c, need, worst_error
from onnx_models import fragile, identity, save, tensor


class Library:
    """The C functions, called from here."""

    def __init__(self, folder: Path, compiler: str = "gcc", sample: type = np.float32, *flags: str) -> None:
        flags = (*flags, "-DDENOISE_SAMPLE=double") if sample is np.float64 else flags
        self._sample: Any = sample
        self._functions = ctypes.CDLL(str(compile_c(folder, compiler, "-O2", "-fPIC", "-shared", *flags)))
        for name in ("denoise_process", "denoise_flush"):
            getattr(self._functions, name).restype = ctypes.c_size_t
        size = {name: ctypes.c_size_t.in_dll(self._functions, name).value for name in ("latency", "state_bytes")}
        self._latency = size["latency"]
        self._state = (ctypes.c_char * size["state_bytes"])()
        self._functions.denoise_init(self._state)

    def process(self, chunk: np.ndarray) -> np.ndarray:
        chunk = np.ascontiguousarray(chunk, self._sample)
        clean = np.full(len(chunk) + self._latency, np.nan, self._sample)
        done = self._functions.denoise_process(
            self._state, chunk.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(chunk)), _pointer(clean)
        )
        return clean[:done]

    def flush(self) -> np.ndarray:
        clean = np.full(self._latency, np.nan, self._sample)
        return clean[: self._functions.denoise_flush(self._state, _pointer(clean))]

    def denoise(self, noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        parts = [self.process(noisy[start : start + chunk]) for start in range(0, len(noisy), chunk)]
        return np.concatenate((*parts, self.flush())), sum(map(len, parts))


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


LARGE = (("clang", "general"), ("gcc", "speech"))
"""What takes seconds to compile: every day, each of these models goes through the other compiler alone."""


@pytest.mark.parametrize(
    ("compiler", "kind", "lookahead"),
    [
        pytest.param(compiler, kind, lookahead, marks=[pytest.mark.slow] if (compiler, kind) in LARGE else [])
        for compiler in ("gcc", "clang")
        for kind, lookahead in LOOKAHEADS
    ],
)
def test_c_reproduces_the_test_vectors(vectors, tmp_path, kind, lookahead, compiler):
    write_c(vectors[kind] / "model.onnx", tmp_path)
    library = Library(tmp_path, compiler, np.float32, f"-DDENOISE_LOOKAHEAD={lookahead}")
    assert worst_error(vectors[kind], library.denoise, lookahead) < 1e-4


EVERYDAY = ((1, 120), (49, 0), (75, 1), (150, 120))
"""Each hop and each look-ahead."""


@pytest.mark.parametrize(
    ("hop", "lookahead"),
    [
        pytest.param(hop, lookahead, marks=[] if (hop, lookahead) in EVERYDAY else [pytest.mark.slow])
        for hop in (1, 49, 75, 150)
        for lookahead in (0, 1, 120)
    ],
)
def test_context_in_c_is_that_of_the_engine_at_any_hop_and_look_ahead_with_gaps_and_a_spike(
    models, tmp_path, hop, lookahead
):
    rng = np.random.default_rng(0)
    noisy = 101325 + 0.05 * rng.normal(size=1003).cumsum()
    noisy[[0, 1, 700, 1001, 1002]] = np.nan
    noisy[230:420] = np.nan
    noisy[600] = 3e6
    write_c(models["in_context"], tmp_path)
    library = Library(tmp_path, "gcc", np.float64, f"-DDENOISE_HOP={hop}", f"-DDENOISE_LOOKAHEAD={lookahead}")
    engine = Denoiser(models["in_context"], hop=hop, lookahead_samples=lookahead)
    for length in (1, 60, 149, 150, 400, 1003):
        expected = engine.denoise(noisy[:length])
        found, before_flush = library.denoise(noisy[:length], 90)
        assert before_flush == max(0, (length - 150 - lookahead) // hop + 1) * hop
        scale = np.ptp(noisy[500:550])
        quiet = np.abs(np.arange(length) - 600) >= 150
        np.testing.assert_allclose(found[quiet], expected[quiet], rtol=0, atol=2e-6 * scale)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * 3e6)


def test_look_ahead_that_the_network_does_not_have_does_not_compile(models, tmp_path):
    need("gcc")
    for kind, words in (("in_context", "must be 0 to 120"), ("smoother", "must be 0: the network does not look ahead")):
        write_c(models[kind], tmp_path / kind)
        command = ["gcc", "-fsyntax-only", "-DDENOISE_LOOKAHEAD=121", tmp_path / kind / "denoise.c"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode != 0
        assert f"DENOISE_LOOKAHEAD {words}" in done.stderr


def test_window_that_the_network_fails_on_passes_and_the_network_restarts(tmp_path):
    path = fragile(tmp_path / "fragile.onnx")
    noisy = np.random.default_rng(0).uniform(-0.9, 0.9, 2000).astype(np.float32)
    noisy[700] = 5.0
    write_c(path, tmp_path)
    np.testing.assert_allclose(Library(tmp_path).denoise(noisy, 64)[0], Denoiser(path).denoise(noisy), atol=1e-5)


def test_c_with_double_samples_keeps_a_small_signal_on_a_large_offset(vectors, tmp_path):
    write_c(vectors["in_context"] / "model.onnx", tmp_path)
    noisy = 1e9 + np.sin(np.arange(700) / 9)
    library = Library(tmp_path, "gcc", np.float64)
    clean, _ = library.denoise(noisy, 33)
    plain, _ = library.denoise(noisy - 1e9, 33)
    np.testing.assert_allclose(clean - 1e9, plain, atol=1e-4)


@pytest.mark.parametrize("kind", ["general-small", "recurrent"])
def test_c_bridges_missing_values_and_gives_them_back(vectors, tmp_path, kind):
    write_c(vectors[kind] / "model.onnx", tmp_path)
    noisy = np.cumsum(np.random.default_rng(0).normal(size=1000)).astype(np.float32)
    noisy[[0, 1, 77, 998, 999]] = np.nan
    noisy[300:620] = np.nan
    expected = Denoiser(vectors[kind] / "model.onnx").denoise(noisy)
    np.testing.assert_allclose(Library(tmp_path).denoise(noisy, 64)[0], expected, atol=1e-4 * np.nanmax(np.abs(noisy)))


@pytest.mark.parametrize("kind", ["general-small", pytest.param("speech", marks=pytest.mark.slow)])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_packed_c_is_far_shorter_and_computes_the_same(vectors, tmp_path, compiler, kind):
    sizes = {}
    for packed in (False, True):
        source, _ = write_c(vectors[kind] / "model.onnx", tmp_path / str(packed), packed=packed)
        sizes[packed] = source.stat().st_size
    assert sizes[True] < sizes[False] / (2.5 if kind == "general-small" else 5.5)
    noisy = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    plain, packed = (Library(tmp_path / name, compiler).denoise(noisy, 480)[0] for name in ("False", "True"))
    np.testing.assert_array_equal(plain, packed)


def test_packing_keeps_every_value_and_takes_the_smallest_form(tmp_path):
    rng = np.random.default_rng(0)
    constants = {
        "halves": np.append(rng.normal(size=999), 2.0**-24).astype(np.float16).astype(np.float32),
        "floats": rng.normal(size=1000).astype(np.float32),
        "few": np.cos(np.arange(1000) % 16).astype(np.float32),
        "several": rng.permutation(np.repeat(rng.normal(size=300), 10)).astype(np.float32),
        "infinite": np.array([np.inf, -1.5], np.float32),
    }
    data, steps = pack(constants)
    assert [step.function for step in steps] == ["take_halves", "take", "take_places", "take_places", "take"]
    assert len(data) == 2 * 1000 + 4 * 1000 + (4 * 16 + 1000) + (4 * 300 + 2 * 3000) + 4 * 2
    names = ", ".join(f"memcpy(to, {name}, sizeof {name}), to += sizeof {name}" for name in constants)
    program = f"#include <math.h>\n#include <string.h>\n{as_text(constants).declarations}\n"
    (tmp_path / "a.c").write_text(f"{program}void all(char *to) {{ unpack(); {names}; }}\n")
    need("gcc")
    subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", tmp_path / "a.c", "-lm", "-o", tmp_path / "a.so"], check=True)
    expected = np.concatenate(list(constants.values()))
    found = np.zeros_like(expected)
    ctypes.CDLL(str(tmp_path / "a.so")).all(_pointer(found))
    np.testing.assert_array_equal(found, expected)


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
    assert "DENOISE_HOP must be 75: the network's state advances by that many samples" in done.stderr


@pytest.mark.parametrize(
    ("compiler", "model", "length"),
    [
        *((compiler, "smoother_16k", 40_000) for compiler in ("gcc", "clang")),
        *((compiler, "recurrent_16k", 39_991) for compiler in ("gcc", "clang")),
        ("gcc", "speech", 39_961),
        pytest.param("clang", "speech", 39_961, marks=pytest.mark.slow),
    ],
)
def test_gate_between_words_is_that_of_the_engine(models, tmp_path, compiler, model, length):
    rng = np.random.default_rng(0)
    time_s = np.arange(40_000) / 16_000
    speaking = time_s % 0.9 < 0.4
    noisy = (speaking * np.sin(5000 * time_s) + 0.002 * rng.normal(size=time_s.size)).astype(np.float32)
    noisy[8_000:13_000] = 0  # in which the floor must not fall without end
    path = bundled_models().get(model) or models[model]
    write_c(path, tmp_path)
    library = Library(tmp_path, compiler, np.float32, "-DDENOISE_GATE_DB=20")
    gated = Denoiser(path, gate_db=20).denoise(noisy[:length], 16_000)
    assert np.abs(gated - Denoiser(path).denoise(noisy[:length], 16_000)).max() > 1e-3
    np.testing.assert_allclose(library.denoise(noisy[:length], 480)[0], gated, atol=1e-4)


def test_gate_of_a_model_for_any_rate_does_not_compile(models, tmp_path):
    write_c(models["smoother"], tmp_path)
    need("gcc")
    command = ["gcc", "-fsyntax-only", "-DDENOISE_GATE_DB=20", tmp_path / "denoise.c"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "DENOISE_GATE_DB needs a speech model" in done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    "kind",
    [
        *("general-small", "in_context", "recurrent"),
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("general", "speech")),
    ],
)
def test_c_runs_clean_under_sanitizers(vectors, tmp_path, kind, compiler):
    write_c(vectors[kind] / "model.onnx", tmp_path)
    check_program(vectors[kind], [compile_c(tmp_path, compiler, *SANITIZED)])
    if kind == "in_context":
        check_program(vectors[kind], [compile_c(tmp_path, compiler, *SANITIZED, "-DDENOISE_LOOKAHEAD=61")], "_ahead")


def test_c_runs_clean_under_valgrind(vectors, tmp_path):
    need("valgrind")
    write_c(vectors["recurrent"] / "model.onnx", tmp_path)
    program = compile_c(tmp_path, "gcc", "-g", "-O1")
    check_program(vectors["recurrent"], ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", program])


def check_program(vectors: Path, command: list[str | Path], ahead: str = "") -> None:
    for name in ("odd_end", "one_sample", "shorter_than_window", "constant"):
        noisy = np.fromfile(vectors / f"{name}.noisy.f32", "<f4")
        expected = np.fromfile(vectors / f"{name}{ahead}.expected.f32", "<f4")
        for chunk in ("1", "480"):
            done = subprocess.run(
                [*command, chunk], input=noisy.tobytes(), capture_output=True, check=False, timeout=120
            )
            assert (done.returncode, done.stderr.decode()) == (0, "")
            np.testing.assert_allclose(np.frombuffer(done.stdout, "<f4"), expected, atol=1e-4 * np.abs(noisy).max())


def test_example_program_refuses_a_wrong_chunk_in_one_sentence(models, tmp_path):
    write_c(models["identity"], tmp_path)
    done = subprocess.run([compile_c(tmp_path, "gcc"), "0"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "filter: chunk=0 is out of range; use 1 to 4096\n"


def test_memory_of_the_network_is_shared_between_its_layers(vectors, monkeypatch):
    sizes, make = [], Program.buffer
    monkeypatch.setattr(Program, "buffer", lambda program, size: (sizes.append(size), make(program, size))[1])
    _, header, costs = c_source(onnx.load(vectors["general"] / "model.onnx"), "general.onnx")
    assert costs["work"] < 4 * sum(sizes) / 2
    assert f"work[{costs['work'] // 4}]" in header


def test_file_that_breaks_the_contract_is_refused(tmp_path):
    (tmp_path / "garbage.onnx").write_bytes(b"PK not a model at all")
    with pytest.raises(ContractError, match=r"garbage\.onnx is not an ONNX model"):
        write_c(tmp_path / "garbage.onnx", tmp_path / "c")
    path = save(
        tmp_path / "m.onnx", [helper.make_node("Relu", ["noisy"], ["y"])], [tensor("noisy", 150)], [tensor("y", 150)]
    )
    with pytest.raises(ContractError, match="clean"):
        write_c(path, tmp_path / "c")


def test_words_of_the_metadata_cannot_end_a_comment(tmp_path):
    write_c(identity(tmp_path / "m.onnx", name="a */ b", license="see /* ü"), tmp_path)
    compile_c(tmp_path, "gcc", "-shared", "-fPIC")


def test_network_that_does_not_look_at_its_inputs_compiles(tmp_path):
    nodes = [
        helper.make_node("Mul", ["state", "spread"], ["clean"]),
        helper.make_node("Identity", ["state"], ["state_out"]),
    ]
    sizes = [("noisy", 150), ("state", 1), ("clean", 150), ("state_out", 1)]
    tensors = [tensor(*size) for size in sizes]
    path = save(
        tmp_path / "m.onnx", nodes, tensors[:2], tensors[2:], {"spread": np.ones((1, 150), np.float32)}, state_size="1"
    )
    write_c(path, tmp_path)
    compile_c(tmp_path, "gcc", "-shared", "-fPIC")


def test_existing_c_sources_are_kept_without_force(models, tmp_path):
    (tmp_path / "denoise.h").write_text("mine")
    with pytest.raises(SinkError, match=r"denoise\.h exists; use --force to replace it"):
        write_c(models["identity"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["denoise.h"]
