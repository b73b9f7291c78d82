"""Write test vectors: signals and the output that every port must reproduce.

The folder holds ``vectors.json`` and bare little-endian float32 files, which every language reads without a library.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream import Contract, Denoiser
from denoise_stream.files.paths import check_outputs, whole_file

CHUNK_SIZES = (1, 75, 128, 480)
FORMAT = "float32, little-endian, one channel, no header"

Signal = NDArray[np.float32]


def probe_signals(window: int, hop: int, surroundings: int = 0) -> dict[str, Signal]:
    """Return signals that expose a port's mistakes: odd ends, short ones, constant windows, a large offset.

    Parameters
    ----------
    window, hop
        The model's.
    surroundings
        Samples before and after a window that its context covers; if any, one more signal is longer than that.

    Returns
    -------
    Name to float32 ``(n,)``; n is at least 1.

    >>> [len(signal) for signal in probe_signals(150, 75).values()]
    [1837, 1, 2, 149, 150, 151, 226, 600, 1050, 700]
    """
    rng = np.random.default_rng(6)

    def noisy(length: int, scale: float = 1.0, offset: float = 0.0) -> NDArray[np.float64]:
        time = np.arange(length)
        clean = np.sin(2 * np.pi * time / 97) + 0.4 * np.sin(2 * np.pi * time / 31 + 1)
        return np.asarray(offset + scale * (clean + rng.normal(0, 0.3, length)))

    gap = noisy(7 * window, 0.5)
    gap[2 * window : 5 * window] = 0.25
    signals = {
        "odd_end": noisy(12 * window + hop // 2, 0.4),
        "one_sample": noisy(1),
        "two_samples": noisy(2),
        "shorter_than_window": noisy(window - 1),
        "one_window": noisy(window),
        "one_window_and_one_sample": noisy(window + 1),
        "two_windows_and_one_sample": noisy(window + hop + 1),
        "constant": np.full(4 * window, -3.5),
        "constant_stretch": gap,
        "large_offset": noisy(4 * window + 100, 40.0, 1000.0),
    }
    if surroundings:
        length = surroundings + 2 * window + 7
        signals["longer_than_context"] = noisy(length, 0.5) + np.linspace(0.0, 3.0, length)
    return {name: signal.astype(np.float32) for name, signal in signals.items()}


def write_vectors(model: Path, folder: Path, *, force: bool = False) -> Path:
    """Write the test vectors of a model.

    Parameters
    ----------
    model
        The ONNX file.
    folder
        Where ``vectors.json`` and the signals go; made if it does not exist.
    force
        Replace files that exist.

    Returns
    -------
    The path of ``vectors.json``.
    """
    engines = {0: Denoiser(model, lookahead_samples=0)}
    contract = engines[0].contract
    if most := contract.most_lookahead_samples:
        ahead = most // 2 + 1  # ends within a block
        engines[ahead] = Denoiser(model, lookahead_samples=ahead)
    signals = probe_signals(contract.window, contract.hop, contract.past_samples + most)
    cases = [_case(name, signal, contract, ahead) for ahead in engines for name, signal in signals.items()]
    index = folder / "vectors.json"
    noisy_files = {folder / f"{name}.noisy.f32": signal for name, signal in signals.items()}
    folder.mkdir(parents=True, exist_ok=True)
    check_outputs(index, *noisy_files, *(folder / case["expected"] for case in cases), force=force)
    for path, signal in noisy_files.items():
        _write_samples(path, signal)
    for case in cases:
        engine, signal = engines[case.get("lookahead_samples", 0)], noisy_files[folder / case["noisy"]]
        _write_samples(folder / case["expected"], engine.denoise(signal, contract.sample_rate_hz))
    facts: dict[str, Any] = {"contract_version": contract.version} | contract.facts()
    facts["sample_rate_hz"] = contract.sample_rate_hz or "any"
    content = {"model": model.name, "contract": facts, "format": FORMAT, "chunk_sizes": CHUNK_SIZES, "cases": cases}
    with whole_file(index) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", newline="\n")
    return index


def _write_samples(path: Path, samples: NDArray[Any]) -> None:
    with whole_file(path) as partial:
        samples.astype("<f4").tofile(partial)


def _case(signal_name: str, signal: Signal, contract: Contract, lookahead: int) -> dict[str, Any]:
    """Describe a signal and its files; a model with a context also gets the look-ahead."""
    name = f"{signal_name}_ahead" if lookahead else signal_name
    windows = max(0, (len(signal) - contract.window - lookahead) // contract.hop + 1)
    return {
        "name": name,
        "samples": len(signal),
        "noisy": f"{signal_name}.noisy.f32",
        "expected": f"{name}.expected.f32",
        "samples_before_flush": windows * contract.hop,
        "full_scale": float(np.abs(signal).max()),
    } | ({"lookahead_samples": lookahead} if contract.context_size else {})
