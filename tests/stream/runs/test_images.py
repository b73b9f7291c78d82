"""Images: files come back in their own format, and unsuitable ones are refused in one sentence."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from PIL import Image

import onnx_models
from denoise_stream import ContractError, Denoiser
from denoise_stream.cli.main import main
from denoise_stream.contract import Contract

SHAPE = (6, 5)
CLAIM = "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,)}"


def image_model(path: Path, operator: str = "Identity", **metadata: str) -> Path:
    nodes = [helper.make_node(operator, ["noisy"], ["clean"])]
    facts = {"window": "30", "hop": "30", "normalization": "none", "kind": "image", "shape": "6x5", **metadata}
    tensors = [onnx_models.tensor("noisy", 30)], [onnx_models.tensor("clean", 30)]
    return onnx_models.save(path, nodes, *tensors, **facts)


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return image_model(tmp_path / "identity.onnx")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, *SHAPE)).astype(np.uint8)


def denoise(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["denoise-stream", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def idx(pixels: np.ndarray) -> bytes:
    return bytes((0, 0, 8, 3)) + struct.pack(">3I", *pixels.shape) + pixels.tobytes()


@pytest.mark.parametrize("normalization", ["none", "minmax", "standard"])
def test_identity_gives_every_kind_of_file_back_byte_by_byte(tmp_path, pixels, monkeypatch, normalization):
    model = image_model(tmp_path / "m.onnx", normalization=normalization)
    pixels[1] = 17  # an image of one grey has no range
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    Image.fromarray(pixels[0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.save(tmp_path / "b.npy", pixels)
    (tmp_path / "c-idx3-ubyte").write_bytes(idx(pixels))
    for name, output in (("a.png", "A.png"), ("deep.png", "D.png"), ("b.npy", "B.npy"), ("c-idx3-ubyte", "C-ubyte")):
        assert denoise(monkeypatch, "--input", tmp_path / name, "--output", tmp_path / output, "--model", model) == 0
    assert (np.asarray(Image.open(tmp_path / "A.png")) == pixels[0]).all()
    assert (np.asarray(Image.open(tmp_path / "D.png")) == pixels[0].astype(np.uint16) * 257).all()
    assert (np.load(tmp_path / "B.npy") == pixels).all()
    assert (tmp_path / "C-ubyte").read_bytes() == idx(pixels)


def test_model_changes_images_by_the_share_that_mix_says(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "a.npy", np.full(SHAPE, 0.5, np.float32))
    model = image_model(tmp_path / "negative.onnx", "Neg")  # clipped to black
    assert denoise(monkeypatch, "--input", tmp_path / "a.npy", "--model", model, "--mix", 0.25) == 0
    clean = np.load(tmp_path / "a.denoised.npy")
    assert clean.dtype == np.float32
    np.testing.assert_allclose(clean, np.full(SHAPE, 0.375))
    assert "a.denoised.npy: 1 image denoised by test" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.npy", np.zeros((7, 5), np.uint8), "holds images of 7 x 5 pixels; test takes 6 x 5"),
        ("a.npy", np.zeros(SHAPE, np.int64), "holds int64; needed: uint8, uint16, or floats from 0 to 1"),
        ("a.npy", np.full(SHAPE, 255.0), "holds values from 255 to 255; needed: 0 to 1, or uint8"),
        ("a.npy", np.full(SHAPE, np.nan), "holds values from nan to nan"),
        ("a.npy", np.zeros((2, *SHAPE, 3), np.uint8), r"has shape (2, 6, 5, 3); needed: (height, width)"),
        ("a.npy", b"nothing", "cannot read images from"),
        ("a.npy", b"", "cannot read images from"),
        ("a.npy", None, "it is an archive of several arrays; needed: one"),
        ("a.npy", b"PK\x03\x04" + bytes(50), "cannot read images from"),
        ("a.npy", b"\x93NUMPY\x01\x00\x08\x00{'descr\n", "cannot read images from"),
        ("a.npy", b"\x93NUMPY\x01\x00\x46\x00" + CLAIM.encode().ljust(70), "cannot read images from"),
        ("a.png", b"nothing", "cannot read images from"),
        ("a.png", np.zeros((*SHAPE, 3), np.uint8), "its mode is RGB; needed: a grey image"),
        ("a-ubyte", b"\0\0\x08\x03" + struct.pack(">3I", 9, *SHAPE), "its header promises 9 images of 6 x 5"),
        ("a.idx", b"\0\0\x08\x01", "it is not an IDX file of byte images"),
    ],
)
def test_files_that_cannot_be_denoised_are_refused_in_one_sentence(
    tmp_path, identity, monkeypatch, capsys, name, content, words
):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is None:
        with path.open("wb") as file:
            np.savez(file, np.zeros(SHAPE), np.zeros(SHAPE))
    elif name.endswith(".png"):
        Image.fromarray(content).save(path)
    else:
        np.save(path, content)
    before = sorted(tmp_path.iterdir())
    assert denoise(monkeypatch, "--input", path, "--model", identity) == 1
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--hop", 3], "--hop cannot be used here; images take --output"),
        (["--jobs", 2], "--jobs cannot be used here"),
        (["--output", "clean.jpg"], "images keep their format; end the name as a.npy ends"),
        (["--output", "null"], "--output null is for signals; images need a file"),
        (["--output", "-"], "--output - is for signals; images need a file"),
        (["--mix", 2], "--mix 2 is out of range"),
    ],
)
def test_options_that_images_do_not_have_are_wrong_usage(tmp_path, identity, monkeypatch, capsys, options, words):
    np.save(tmp_path / "a.npy", np.zeros(SHAPE, np.uint8))
    assert denoise(monkeypatch, "--input", tmp_path / "a.npy", "--model", identity, *options) == 2
    assert words in capsys.readouterr().err


def test_stack_does_not_become_a_picture(tmp_path, identity, monkeypatch, capsys):
    (tmp_path / "a-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 1, *SHAPE) + bytes(30))
    options = ("--model", identity, "--output", tmp_path / "a.png")
    assert denoise(monkeypatch, "--input", tmp_path / "a-idx3-ubyte", *options) == 2
    assert "images keep their format" in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()


def test_models_of_images_and_of_signals_are_not_taken_for_each_other(tmp_path, identity, monkeypatch, capsys):
    with pytest.raises(ContractError, match="is a model of kind 'image'; needed here: 'signal'"):
        Denoiser(identity)
    np.save(tmp_path / "a.npy", np.zeros(SHAPE, np.uint8))
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(tmp_path / "a.png")
    assert denoise(monkeypatch, "--input", tmp_path / "a.png", "--model", "general") == 1
    assert "is a model of kind 'signal'; needed here: 'image'" in capsys.readouterr().err
    assert denoise(monkeypatch, "--input", tmp_path / "a.png") == 2
    assert "none is bundled; name one that you trained with --model" in capsys.readouterr().err


def test_existing_output_is_kept_without_force(tmp_path, identity, monkeypatch, capsys):
    np.save(tmp_path / "a.npy", np.zeros(SHAPE, np.uint8))
    (tmp_path / "a.denoised.npy").write_text("mine")
    assert denoise(monkeypatch, "--input", tmp_path / "a.npy", "--model", identity) == 1
    assert (tmp_path / "a.denoised.npy").read_text() == "mine"
    assert denoise(monkeypatch, "--input", tmp_path / "a.npy", "--model", identity, "--force", "--quiet") == 0


def test_contract_of_images_codes_and_forecasts_survives_being_written():
    for contract in (
        Contract("a", 30, 30, "none", kind="image", shape=SHAPE),
        Contract("a", 30, 30, "standard", kind="code", shape=SHAPE, output_size=4),
        Contract("a", 30, 1, kind="forecast", output_size=1),
    ):
        assert Contract.from_metadata(contract.to_metadata(), "file") == contract
    assert not {"kind", "shape", "output_size"} & set(Contract("a", 150, 75).to_metadata())


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"kind": "film"}, "kind='film'; needed: signal, image, code, forecast"),
        ({"shape": "5x5"}, "shape='5x5'; needed: HEIGHTxWIDTH, 30 pixels in all"),
        ({"shape": ""}, "shape=''; needed"),
        ({"kind": "code", "shape": ""}, "'output_size' is missing"),
        ({"normalization": "zscore"}, "normalization='zscore'; needed: 'minmax', 'standard' or 'none'"),
        ({"kind": "signal", "shape": "", "normalization": "standard"}, "needed: 'minmax' or 'none'"),
    ],
)
def test_wrong_facts_of_images_are_refused_by_key_value_and_need(tmp_path, metadata, words):
    with pytest.raises(ContractError, match=words):
        Denoiser(image_model(tmp_path / "bad.onnx", **metadata))
