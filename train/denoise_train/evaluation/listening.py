"""Write signals to listen to, as 16-bit WAV files in a folder."""

import re
from collections.abc import Sequence
from pathlib import Path

from denoise_stream import SinkError
from denoise_stream.files.audio.containers import AudioFormat
from denoise_stream.files.audio.sink import AudioSink
from denoise_stream.files.paths import whole_file
from denoise_train.arrays import Array


def check_folder(folder: Path, *, force: bool) -> None:
    """Check before the work begins that a folder may be filled.

    Raises
    ------
    SinkError
        If it is not a folder, or holds something already (without ``force``).
    """
    if folder.exists() and not folder.is_dir():
        raise SinkError(f"{folder} is not a folder; choose another one to write to")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise SinkError(f"{folder} holds files already; use --force to write among them, or choose another one")


def write_signals(folder: Path, method: str, names: Sequence[str], signals: Array, rate_hz: float) -> None:
    """Write signals ``(n, length)``, full scale 1, as ``FOLDER/METHOD/NAME.wav``, each whole or not at all."""
    inside = folder / re.sub(r"[^\w.-]+", "-", method)
    inside.mkdir(parents=True, exist_ok=True)
    for name, signal in zip(names, signals, strict=True):
        with whole_file(inside / f"{name}.wav") as partial:
            sink = AudioSink(partial, AudioFormat(), rate_hz, 1)
            sink.write(signal[:, None])
            sink.close()
