"""The programs that a speech model is compared with.

To add one, write a module with a function ``path -> Enhancer`` and name it in ``LOADERS``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from denoise_train.evaluation.speech.peers.dtln import load_dtln
from denoise_train.evaluation.speech.peers.fastenhancer import load_fastenhancer
from denoise_train.evaluation.speech.peers.gtcrn import load_gtcrn
from denoise_train.evaluation.speech.peers.protocol import Enhancer
from denoise_train.evaluation.speech.peers.rnnoise import RNNOISE
from denoise_train.evaluation.speech.peers.spectral_gating import GATES
from denoise_train.evaluation.speech.peers.ul_unas import load_ul_unas

INSTALLED: tuple[Enhancer, ...] = (RNNOISE, *GATES)
"""Peers from installed packages."""

LOADERS: dict[str, Callable[[Path], Enhancer]] = {
    "dtln": load_dtln,
    "fastenhancer": load_fastenhancer,
    "gtcrn": load_gtcrn,
    "ul-unas": load_ul_unas,
}
"""Loaders of peers whose ONNX files the user names, by the peer's name."""


def parse_peers(texts: Sequence[str]) -> dict[str, Path]:
    """Split each ``NAME=PATH``, such as ``gtcrn=gtcrn_simple.onnx``.

    Raises
    ------
    ValueError
        If there is no such name, no path, or a name twice.

    Examples
    --------
    >>> parse_peers(["GTCRN=gtcrn_simple.onnx"])["gtcrn"].name
    'gtcrn_simple.onnx'
    """
    paths: dict[str, Path] = {}
    for text in texts:
        name, _, path = text.partition("=")
        name = name.strip().lower()
        if name not in LOADERS or not path:
            raise ValueError(f"--peer {text!r}: use NAME=PATH, where NAME is {', '.join(LOADERS)}")
        if name in paths:
            raise ValueError(f"--peer {name} is given twice; give one of each")
        paths[name] = Path(path)
    return paths


def load_peers(paths: Mapping[str, Path]) -> tuple[Enhancer, ...]:
    """Load the peers whose files are given by name, and append them to those that are installed.

    Raises
    ------
    ContractError
        If a file cannot be read or is another network than its name says.
    """
    return (*INSTALLED, *(LOADERS[name](path) for name, path in paths.items()))
