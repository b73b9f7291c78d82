"""Hostile inputs, drawn at random: each ends well or in one sentence, soon, in little memory, and leaves nothing.

A few of each kind here; ``make fuzz`` tries more, and ``make fuzz FUZZ_SECONDS=3600`` for an hour. Inputs that failed
are kept in ``build/fuzz``.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import example_server
import hostile_clients
import judge
import mutations
import onnx_models
from denoise_stream import DenoiseError, Denoiser
from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.folders.patterns import matcher
from denoise_stream.archive.manifest import Manifest, Outcome
from denoise_stream.files.image_files import read_images
from denoise_stream.onnx_file import read_model

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures time and memory as Linux does")
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
FEW = 12
KEPT = Path(__file__).parents[1] / "build" / "fuzz"
TABLE_OPTIONS = [
    *([], [], [], ["--delimiter", ","], ["--decimal", ","], ["--skip-rows", "3"], ["--header", "2"], ["--no-header"]),
    *(
        ["--on-bad-row", "pass"],
        ["--on-bad-row", "skip"],
        ["--columns", "v"],
        ["--series-column", "id"],
        ["--keep-peaks"],
    ),
    *(["--encoding", "utf-16"], ["--rate", "1e300"], ["--delimiter", "none"], ["--notch", "50", "--rate", "1000"]),
]


def table(case: tuple[bytes, list[str]]) -> str:
    Path("a.csv").write_bytes(case[0])
    return judge.call(["a.csv", "--output", "out.csv", *case[1]])


def table_in_a_pipe(case: tuple[bytes, list[str]]) -> str:
    Path("a").write_bytes(case[0])
    return judge.call(["--input", "-", "--format", "csv", *case[1]], Path("a"))


def sound(case: tuple[bytes, list[str]]) -> str:
    Path("a.wav").write_bytes(case[0])
    return judge.call(["a.wav", "--output", "out.wav", *case[1]])


def sound_in_a_pipe(case: tuple[bytes, list[str]]) -> str:
    Path("a").write_bytes(case[0])
    return judge.call(["--input", "-", "--format", "wav", *case[1]], Path("a"))


def raw_pipe(case: tuple[bytes, list[str]]) -> str:
    Path("a").write_bytes(case[0])
    return judge.call(["--input", "-", *case[1]], Path("a"))


def array(data: bytes) -> str:
    Path("a.npy").write_bytes(data)
    return judge.call(["a.npy", "--output", "out.npy"])


def image(case: tuple[str, bytes]) -> str:
    Path(f"a{case[0]}").write_bytes(case[1])
    read_images(Path(f"a{case[0]}"))
    return ""


def parquet(case: tuple[bytes, list[str]]) -> str:
    Path("a.parquet").write_bytes(case[0])
    return judge.call(["a.parquet", "--output", "out.parquet", *case[1]])


def recipe(data: bytes) -> str:
    from denoise_train.recipe import load_recipe

    Path("a.toml").write_bytes(data)
    load_recipe("a.toml")
    return ""


def manifest(data: bytes) -> str:
    Path("denoise-manifest.jsonl").write_bytes(data)
    for _ in range(2):
        log = Manifest(LocalFolder(Path.cwd()), lambda name: "m", "")
        known = log.read()
        log.open()
        log.record([Outcome("a.csv", "1-2", output_bytes=100)])
        log.close()
    last = log.read()["a.csv"]
    return "" if (last.key, last.output_bytes) == ("1-2 m ", 100) else f"forgotten: {known} {last}"


def pattern(text: str) -> str:
    wanted = matcher([text], [text])
    for name in ("a/b\nc.wav", "a/" * 100 + "b", "ab" * 200):
        wanted(name)
    return ""


def model(case: tuple[dict[str, str], list[list[Any]]]) -> str:
    facts, shapes = case
    made = onnx.load(onnx_models.identity(Path("a.onnx")))
    del made.metadata_props[:]
    onnx.helper.set_model_props(made, facts)
    for value, shape in zip((*made.graph.input, *made.graph.output), shapes, strict=False):
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, shape))
    Path("a.onnx").write_bytes(made.SerializeToString())
    Denoiser("a.onnx").denoise(np.random.default_rng(0).normal(size=700))
    return ""


def model_bytes(data: bytes) -> str:
    Path("a.onnx").write_bytes(data)
    read_model(Path("a.onnx"))
    return ""


def _facts() -> st.SearchStrategy[Any]:
    odd = st.sampled_from(
        [
            "",
            "0",
            "-1",
            "1",
            "2",
            "150",
            "75",
            "65536",
            "16777216",
            "1e400",
            "nan",
            "any",
            "minmax",
            "none",
            "image",
            "code",
        ]
        + ["5x30,25x30", "x", "1x1048576", "28x28", "9" * 5000, "standard", "forecast", "signal", "1" * 20, "１５０"]
    ) | st.text(max_size=6)
    keys = [*onnx_models.METADATA, "state_size", "kind", "shape", "output_size", "context_past", "context_ahead"]
    changed = st.dictionaries(st.sampled_from(keys), odd, max_size=4)
    side = st.sampled_from(["batch", 150, 1, 0, 75, None, "n", 65_536])
    shapes = st.lists(st.just(["batch", 150]) | st.lists(side, max_size=4), max_size=2)
    return st.tuples(changed.map(lambda change: onnx_models.METADATA | change), shapes)


def _with(data: st.SearchStrategy[bytes], options: list[list[str]]) -> st.SearchStrategy[Any]:
    return st.tuples(data, st.sampled_from(options))


RAW = [
    ["--format", kind, "--channels", channels, *rate, *model]
    for kind in ("s16le", "f32le")
    for channels in ("1", "2", "7", "500")
    for rate in ([], ["--rate", "16000"], ["--rate", "1e-300"], ["--rate", "44100.5"], ["--rate", "1e18"])
    for model in ([], ["--model", "general"])
]
X2 = (Path(onnx_models.__file__).parents[2] / "stream/denoise_stream/models/x2.onnx").read_bytes()
PATTERNS = st.text("[]!-*?/ab\\^&~|\n.", max_size=12) | st.lists(
    st.sampled_from(["**/", "*", "**", "a", "b", "/", "?", "[!a]", "."]), max_size=60
).map("".join)
ANY = (DenoiseError, ValueError, TypeError)

TARGETS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], str], Any]] = {
    "tables": (_with(mutations.tables(), TABLE_OPTIONS), table, ()),
    "tables in pipes": (_with(mutations.tables(), TABLE_OPTIONS), table_in_a_pipe, ()),
    "audio headers": (_with(mutations.sounds(), [[], ["--salvage"], ["--model", "general"]]), sound, ()),
    "audio in pipes": (_with(mutations.sounds(), [[], ["--salvage"], ["--model", "general"]]), sound_in_a_pipe, ()),
    "raw pipes": (_with(st.binary(max_size=3000), RAW), raw_pipe, ()),
    "arrays": (mutations.arrays(), array, ()),
    "images": (mutations.images(), image, DenoiseError),
    "parquet": (_with(mutations.parquets(), [[], ["--columns", "v"], ["--series-column", "id"]]), parquet, ()),
    "recipes": (mutations.recipes(), recipe, DenoiseError),
    "manifests": (mutations.logs(), manifest, DenoiseError),
    "patterns": (PATTERNS, pattern, ValueError),
    "models": (_facts(), model, DenoiseError),
    "model bytes": (mutations.damaged(X2), model_bytes, DenoiseError),
}


CLIENTS = "clients of the example server"


def fuzz(target: str, strategy: st.SearchStrategy[Any], run: Callable[[Any], str], expected: Any) -> judge.Verdicts:
    """Try drawn cases, a few or for a share of the time; return what came of them."""
    verdicts = judge.Verdicts(KEPT / target.replace(" ", "-"))
    started, batch = time.monotonic(), 0
    share = SECONDS / len([*TARGETS, CLIENTS])
    while batch == 0 or time.monotonic() - started < share:

        @seed(batch if not SECONDS else time.time_ns())
        @settings(
            max_examples=50 if SECONDS else FEW,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def attack(case: Any) -> None:
            data = case if isinstance(case, bytes) else repr(case).encode()
            verdicts.judge(data, lambda: run(case), expected)

        attack()
        batch += 1
    return verdicts


def check(target: str, verdicts: judge.Verdicts, capfd: pytest.CaptureFixture[str]) -> None:
    """Tell what came of the cases of a long run; fail if any failed."""
    words = (
        f"{target}: {verdicts.tried} tried, {verdicts.refused} refused, failures {dict(verdicts.failures) or 'none'}"
    )
    if SECONDS:
        with capfd.disabled():
            print(f"\n{words}", flush=True)
    assert not verdicts.failures, f"{words}; see {verdicts.kept}"


@pytest.mark.filterwarnings("ignore")
@LINUX
@pytest.mark.parametrize("target", TARGETS)
def test_hostile_inputs_end_in_a_sentence_soon_in_little_memory_and_leave_nothing(folder, target, capfd):
    check(target, fuzz(target, *TARGETS[target]), capfd)


@LINUX
def test_hostile_clients_leave_the_server_serving_in_little_memory_without_a_stack_in_its_log(tmp_path, capfd):
    with example_server.watched(tmp_path / "server") as server:
        verdicts = fuzz(CLIENTS, hostile_clients.visits(), server.visit, ())
        assert server.end() == ""
    check(CLIENTS, verdicts, capfd)
