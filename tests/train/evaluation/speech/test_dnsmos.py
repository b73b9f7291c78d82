"""DNSMOS: signals cut and repeated, ratings fitted as published, and other files refused."""

from pathlib import Path

import numpy as np
import pytest

import peer_models
from denoise_stream import ContractError
from denoise_train.evaluation.speech.dnsmos import BAK, OVRL, SIG, load_dnsmos

RATE = 16_000
SEGMENT = 144_160


def fitted(raw: tuple[float, float, float]) -> np.ndarray:
    """Apply the published polynomials: to SIG, BAK and OVRL."""
    sig, bak, ovrl = raw
    return np.array(
        [
            -0.08397278 * sig**2 + 1.22083953 * sig + 0.0052439,
            -0.13166888 * bak**2 + 1.60915514 * bak - 0.39604546,
            -0.06766283 * ovrl**2 + 1.11546468 * ovrl + 0.04602535,
        ]
    )


def published(signal: np.ndarray) -> np.ndarray:
    """Rate a signal as the published program does, with its own arithmetic; the network is that of ``peer_models``."""
    while len(signal) < int(9.01 * RATE):
        signal = np.append(signal, signal)
    hops = int(np.floor(len(signal) / RATE) - 9.01) + 1
    segments = [signal[i * RATE : int((i + 9.01) * RATE)].astype(np.float32) for i in range(hops)]
    return np.mean([fitted((one.mean(), one.max(), one.min())) for one in segments], axis=0)


@pytest.mark.parametrize("seconds", [0.3, 4.0, 6.0, 9.0, 9.01, 9.02, 10.0, 10.99, 11.0, 15.5])
def test_signals_are_cut_and_repeated_as_published(seconds: float, tmp_path: Path) -> None:
    rate = load_dnsmos(peer_models.dnsmos(tmp_path / "sig_bak_ovr.onnx"))
    signals = np.random.default_rng(0).normal(0.5, 0.5, (2, round(seconds * RATE))).cumsum(axis=1) / 20_000
    ratings = rate(signals)
    assert list(ratings) == [SIG, BAK, OVRL]
    np.testing.assert_allclose(np.array(list(ratings.values())).T, [published(one) for one in signals], rtol=1e-5)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"cannot read .*none.onnx: no such file; needed: DNSMOS P.835"):
        load_dnsmos(tmp_path / "none.onnx")
    other = peer_models.save(
        tmp_path / "model_v8.onnx",
        {"input_1": ("batch", 900, 120)},
        {"out": ("batch", 900, 120)},
        [peer_models.node("Identity", "input_1", "out")],
    )
    with pytest.raises(ContractError, match=r"model_v8.onnx is not DNSMOS P.835: it has input_1 \['batch', 900, 120\]"):
        load_dnsmos(other)
    wide = peer_models.save(
        tmp_path / "wide.onnx",
        {"input_1": ("batch", SEGMENT)},
        {"out": ("batch", "any")},
        [peer_models.node("Compress", "input_1 kept", "out", axis=1)],
        kept=np.ones(5, bool),
    )
    with pytest.raises(ContractError, match=r"wide.onnx gives \[1, 5\] numbers; needed: DNSMOS P.835"):
        load_dnsmos(wide)(np.zeros((1, RATE)))
