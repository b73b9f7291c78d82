"""Peers from ONNX files: an identity comes back to the sample, latency as stated, states fed back, others refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import peer_models
from denoise_stream import ContractError
from denoise_train.evaluation.speech.peers.protocol import Enhancer
from denoise_train.evaluation.speech.peers.registry import INSTALLED, LOADERS, load_peers, parse_peers

Maker = Callable[[Path], Path]
MADE: dict[str, Callable[[Path, str], Path]] = {
    "dtln": lambda folder, kind: peer_models.dtln(folder / "dtln", kind),
    "fastenhancer": lambda folder, kind: peer_models.fastenhancer(folder / "fast.onnx"),
    "gtcrn": lambda folder, kind: peer_models.spectral(folder / "gtcrn.onnx", "gtcrn", kind),
    "ul-unas": lambda folder, kind: peer_models.spectral(folder / "ul_unas.onnx", "ul-unas", kind),
}
FRAMES = ("dtln", "gtcrn", "ul-unas")


def noise(length: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, length)


def load(name: str, folder: Path, kind: str = "identity") -> Enhancer:
    return LOADERS[name](MADE[name](folder, kind))


def test_every_loader_is_tested() -> None:
    assert MADE.keys() == LOADERS.keys()


@pytest.mark.parametrize("name", LOADERS)
def test_identity_comes_back_to_the_sample(name: str, tmp_path: Path) -> None:
    peer = load(name, tmp_path)
    assert peer.latency_ms == 32.0
    for length in (1, 255, 256, 1500, 40_001):
        np.testing.assert_allclose(peer.enhance(noise(length)), noise(length), atol=1e-6)


@pytest.mark.parametrize(("hop", "latency_ms"), [(160, 32.0), (100, 32.0), (256, 32.0)])
def test_fastenhancer_says_its_hop_and_its_delay(hop: int, latency_ms: float, tmp_path: Path) -> None:
    peer = LOADERS["fastenhancer"](peer_models.fastenhancer(tmp_path / "fast.onnx", hop))
    assert peer.latency_ms == latency_ms
    np.testing.assert_allclose(peer.enhance(noise(3001)), noise(3001), atol=1e-6)


@pytest.mark.parametrize("name", FRAMES)
def test_an_output_depends_on_no_sample_beyond_the_stated_latency(name: str, tmp_path: Path) -> None:
    peer = load(name, tmp_path, "mean")
    signal = noise(4000)
    plain = peer.enhance(signal)
    reach = []
    for place in range(2000, 2256, 3):
        louder = signal.copy()
        louder[place] += 1e6  # windows end near 0
        changed = np.flatnonzero(peer.enhance(louder) != plain)
        reach.append(place - changed[0] + 1)
    stated = peer.latency_ms * 16
    assert stated - 8 <= max(reach) <= stated


@pytest.mark.parametrize("name", FRAMES)
def test_states_are_fed_back_and_every_signal_starts_from_zero_states(name: str, tmp_path: Path) -> None:
    peer = load(name, tmp_path, "counting")
    signal = np.ones(5000)
    once = peer.enhance(signal)
    np.testing.assert_array_equal(peer.enhance(signal), once)
    rises = np.diff(once[512:4000:256])
    np.testing.assert_allclose(rises, 256 / (128 if name == "dtln" else 256), atol=1e-4)


@pytest.mark.parametrize("name", LOADERS)
def test_a_missing_file_is_named_beside_what_is_needed(name: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="(?s)nowhere.*needed: .*(model_1.onnx|streaming|wave-to-wave)"):
        LOADERS[name](tmp_path / "nowhere")


@pytest.mark.parametrize("name", LOADERS)
def test_another_network_is_refused_with_what_it_has_and_what_is_needed(name: str, tmp_path: Path) -> None:
    other = "gtcrn" if name != "gtcrn" else "ul-unas"
    file = MADE[other](tmp_path, "identity")
    if name == "dtln":
        file.rename(peer_models.dtln(tmp_path / "both") / "model_2.onnx")
        file = tmp_path / "both"
    with pytest.raises(ContractError, match=r"onnx is not \S+: it has .*mix \[1, 257, 1, 2\].* -> .*; needed: "):
        LOADERS[name](file)


def test_no_onnx_file_and_half_a_dtln_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ContractError, match=r"text.onnx is not an ONNX model"):
        LOADERS["gtcrn"](tmp_path / "text.onnx")
    (peer_models.dtln(tmp_path / "half") / "model_2.onnx").unlink()
    with pytest.raises(ContractError, match=r"cannot read .*model_2.onnx: no such file; needed: DTLN: a folder"):
        LOADERS["dtln"](tmp_path / "half")


def test_states_of_other_shapes_than_they_come_back_are_refused(tmp_path: Path) -> None:
    shapes = {"wav_in": (1, 256), "cache_in_0": (1, 256)}, {"wav_out": (1, 256), "cache_out_0": (1, 512)}
    nodes = [
        peer_models.node("Identity", "wav_in", "wav_out"),
        peer_models.node("Concat", "cache_in_0 wav_in", "cache_out_0", axis=1),
    ]
    with pytest.raises(ContractError, match=r"is not FastEnhancer: it has .*cache_out_0 \[1, 512\]"):
        LOADERS["fastenhancer"](peer_models.save(tmp_path / "odd.onnx", *shapes, nodes))


def test_a_hop_that_the_file_leaves_open_is_refused(tmp_path: Path) -> None:
    shapes = {"wav_in": (1, "hop"), "cache_in_0": (1, 256)}, {"wav_out": (1, "hop"), "cache_out_0": (1, 256)}
    nodes = [
        peer_models.node("Identity", "wav_in", "wav_out"),
        peer_models.node("Identity", "cache_in_0", "cache_out_0"),
    ]
    with pytest.raises(ContractError, match=r"is not FastEnhancer: it has wav_in \[1, 'hop'\]"):
        LOADERS["fastenhancer"](peer_models.save(tmp_path / "open.onnx", *shapes, nodes))


def test_a_batch_that_the_file_leaves_open_is_one_signal(tmp_path: Path) -> None:
    path = peer_models.spectral(tmp_path / "gtcrn.onnx", "gtcrn")
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, path)
    np.testing.assert_allclose(LOADERS["gtcrn"](path).enhance(noise(3000)), noise(3000), atol=1e-6)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    peer = load("gtcrn", tmp_path, "mean")
    with pytest.raises(ContractError, match="gtcrn.onnx gives numbers that are not finite"):
        peer.enhance(1e30 * noise(3000))


def test_peers_are_named_with_their_files(tmp_path: Path) -> None:
    paths = parse_peers([f"GTCRN={tmp_path / 'a=b.onnx'}", "dtln=models"])
    assert paths == {"gtcrn": tmp_path / "a=b.onnx", "dtln": Path("models")}
    for wrong in ("gtcrn", "gtcrn=", "=file.onnx", "dccrn=file.onnx"):
        with pytest.raises(ValueError, match="use NAME=PATH, where NAME is dtln, fastenhancer, gtcrn, ul-unas"):
            parse_peers([wrong])
    with pytest.raises(ValueError, match="--peer gtcrn is given twice"):
        parse_peers(["gtcrn=a", "GTCRN=b"])


def test_peers_of_files_come_after_the_installed_ones(tmp_path: Path) -> None:
    peers = load_peers({name: MADE[name](tmp_path, "identity") for name in ("ul-unas", "dtln")})
    assert [peer.name for peer in peers] == [*(peer.name for peer in INSTALLED), "UL-UNAS", "DTLN"]
