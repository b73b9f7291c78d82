"""Write the C of channels and their resampling, with the engine's filter."""

from pathlib import Path

from denoise_export.to_c.templates import filled
from denoise_stream.engine.rates import polyphase
from denoise_stream.engine.stages import MOST_RESAMPLING

TEMPLATES = Path(__file__).parent
VALUES = {
    "REACH": str(polyphase.REACH),
    "KAISER": str(polyphase.KAISER),
    "CUTOFF": str(polyphase.CUTOFF),
    "TABLE": str(polyphase.LARGEST_TABLE),
    "ROWS": str(polyphase.TABLE_ROWS),
    "MOST": str(MOST_RESAMPLING),
}


def channel_sources() -> dict[str, str]:
    """Return the sources by the names of their files; they include the model's ``denoise.h``."""
    names = ("resampler.h", "resampler.c", "channel.h", "channel.c")
    return {name: filled(TEMPLATES / name, VALUES) for name in names}
