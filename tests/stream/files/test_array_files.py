"""Arrays through the product: a .npy file is a signal where the model is for signals, and keeps its dtype and shape."""

from pathlib import Path

import numpy as np
import pytest

from denoise_stream import Denoiser

NOISY = np.sin(np.arange(70_000) / 20) + np.random.default_rng(0).normal(0, 0.2, 70_000)


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "<i2", ">u4"])
@pytest.mark.parametrize("shape", [(70_000,), (35_000, 2), (0,)])
def test_the_file_holds_what_the_denoiser_gives_for_the_array(folder: Path, call, dtype: str, shape: tuple[int, ...]):
    scale = 1.0 if "f" in dtype else 1000.0
    noisy = (NOISY[: int(np.prod(shape))].reshape(shape) * scale + 5 * scale).astype(dtype)
    np.save("a.npy", noisy)
    assert call("--input", "a.npy", "--model", "general")[0] == 0
    clean = np.load("a.denoised.npy")
    assert (clean.dtype, clean.shape) == (np.dtype(dtype), shape)
    expected = Denoiser("general").denoise(noisy)
    np.testing.assert_allclose(clean.astype(float), expected.astype(float), atol=1.01 if "f" not in dtype else 1e-2)
    if dtype == "<f8":
        np.testing.assert_allclose(clean, expected, atol=1e-6)


def test_columns_in_memory_order_of_columns_are_read_right(folder: Path, call):
    np.save("a.npy", np.asfortranarray(NOISY.reshape(-1, 2)))
    assert call("--input", "a.npy", "--mix", "0")[0] == 0
    np.testing.assert_array_equal(np.load("a.denoised.npy"), NOISY.reshape(-1, 2))


def test_table_model_rate_and_null_are_for_arrays_too(folder: Path, call):
    np.save("a.npy", NOISY[:1000])
    status, message = call("--input", "a.npy", "--rate", "100", "--output", "null")
    assert status == 0
    assert "10.00 s at 100 Hz" in message
    assert "model general" in message
    assert [path.name for path in folder.iterdir()] == ["a.npy"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.zeros((4, 28, 28), np.uint8), "a.npy: signal has shape (4, 28, 28); it must be (n,) or (n, channels)"),
        (np.zeros((2, 900)), "a.npy has shape (2, 900): 900 channels of 2 samples each"),
        (np.zeros(100, complex), "a.npy: signal has dtype complex128; it must hold real numbers"),
        (np.array(["a"]), "a.npy: signal has dtype <U1"),
        (np.array([1.0, np.inf]), "a.npy"),
        (b"nothing", "a.npy is not a readable .npy file"),
        (b"", "a.npy is empty"),
        (b"\x93NUMPY\x01\x00\x08\x00{'descr\n", "a.npy is not a readable .npy file"),
    ],
)
def test_what_is_no_signal_is_refused_in_one_sentence(folder: Path, call, content, words: str):
    if isinstance(content, bytes):
        Path("a.npy").write_bytes(content)
    else:
        np.save("a.npy", content)
    status, message = call("--input", "a.npy")
    assert status == 1
    assert words in message
    assert message.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["a.npy"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "-"], "cannot be written to a pipe; name a file"),
        (["--output", "a.wav"], "an array stays an array; end the name in .npy"),
        (["--output", "a.csv"], "an array stays an array"),
        (["--columns", "a"], "--columns applies to a table, but the input is an array"),
        (["--series-column", "a"], "--series-column applies to a table"),
    ],
)
def test_options_that_arrays_do_not_have_are_wrong_usage(folder: Path, call, options: list[str], words: str):
    np.save("a.npy", NOISY[:1000])
    status, message = call("--input", "a.npy", *options)
    assert status == 2
    assert words in message


def test_numbers_beyond_64_bits_are_refused_in_one_sentence(folder, call):
    if np.finfo(np.longdouble).max == np.finfo(float).max:
        pytest.skip("long double has 64 bits here")
    np.save("a.npy", np.full(1000, np.finfo(np.longdouble).max))
    status, said = call("a.npy")
    assert (status, said.count("\n")) == (1, 1)
    assert "sample 0 is inf; every sample must be a finite number" in said
