"""The registry of data: build the data set of a recipe's ``[data]``.

Every kind of data is one class with the methods of :class:`~denoise_train.data.protocol.Data`. To add one, write the
class and list it in ``DATA_KINDS``; its fields after the common ones are the keys of a recipe's ``[data]``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from denoise_train.data.codes import ImageCodeData
from denoise_train.data.images import ImageData
from denoise_train.data.mixtures import MixtureData
from denoise_train.data.protocol import Data
from denoise_train.data.series import ForecastData, SeriesData
from denoise_train.data.speech import SpeechData
from denoise_train.data.x2 import X2Data
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.recipe import RecipeError, build_section
from denoise_train.recordings.pairs import OwnData

DATA_KINDS: dict[str, Callable[..., Data]] = {
    "x2": X2Data,
    "mixtures": MixtureData,
    "speech": SpeechData,
    "images": ImageData,
    "image_codes": ImageCodeData,
    "series": SeriesData,
    "forecasts": ForecastData,
}
"""The kinds of data by name."""


RATES_HZ = {"speech": RATE_HZ}
"""The sample rate in Hz of data that has only one."""


def check_rate(section: Mapping[str, Any], sample_rate_hz: float | None) -> None:
    """Raise a RecipeError if a recipe's sample rate is not that of its data."""
    kind = section["kind"]
    needed = RATES_HZ.get(kind)
    if needed is not None and sample_rate_hz != needed:
        raise RecipeError(f"data kind {kind!r} is at {needed:g} Hz; set sample_rate_hz = {needed:g}")


def build_data(
    section: Mapping[str, Any], noise: Mapping[str, float], window: int, seed: int, own: OwnData | None = None
) -> Data:
    """Make the data set of a recipe's ``[data]`` and ``[noise]``, with recordings of somebody's own or without.

    Raises
    ------
    RecipeError
        If its kind, one of its keys or one of its values is wrong.
    """
    return build_section("data", section, DATA_KINDS, window, seed, noise, own or OwnData())
