"""The registry of data: build the data set of a recipe's ``[data]``.

Every kind of data is one class with the methods of :class:`~denoise_train.data.protocol.Data`. To add one, write the
class and list it in ``DATA_KINDS``; its fields after the common ones are the keys of a recipe's ``[data]``.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from denoise_stream.contract import Contract
from denoise_train.data.codes import ImageCodeData
from denoise_train.data.context_mixtures import ContextMixtureData
from denoise_train.data.images import ImageData
from denoise_train.data.mixtures import MixtureData
from denoise_train.data.protocol import Data
from denoise_train.data.series import ForecastData, SeriesData
from denoise_train.data.speech.data import SpeechData
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


DATA_IN_CONTEXT: dict[str, Callable[..., Data]] = {"mixtures_in_context": ContextMixtureData}
"""Those whose windows have a context: the first field is the model's contract."""


RATES_HZ = {"speech": RATE_HZ}
"""The sample rate in Hz of data that has only one."""


def check_rate(section: Mapping[str, Any], sample_rate_hz: float | None) -> None:
    """Raise a RecipeError if a recipe's sample rate is not that of its data."""
    kind = section["kind"]
    needed = RATES_HZ.get(kind)
    if needed is not None and sample_rate_hz != needed:
        raise RecipeError(f"data kind {kind!r} is at {needed:g} Hz; set sample_rate_hz = {needed:g}")


def build_data(
    section: Mapping[str, Any],
    noise: Mapping[str, float],
    window: int,
    seed: int,
    own: OwnData | None = None,
    contract: Contract | None = None,
) -> Data:
    """Make the data set of a recipe's ``[data]`` and ``[noise]``, with or without the user's own recordings.

    Raises
    ------
    RecipeError
        If its kind, one of its keys or one of its values is wrong.
    """
    contract = contract or Contract("", window, window)
    kinds = {name: functools.partial(make, window) for name, make in DATA_KINDS.items()}
    kinds |= {name: functools.partial(make, contract) for name, make in DATA_IN_CONTEXT.items()}
    return build_section("data", section, kinds, seed, noise, own or OwnData())
