"""Collect what a picture of a signal before and after needs, in bounded memory."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.envelope import Envelope
from denoise_stream.runs.places import LargestChange, TypicalStretch
from denoise_stream.runs.sample_times import SampleTimes
from denoise_stream.runs.spectrogram import SpectrogramPair

NOISY_COLOUR = "#a9adb3"
DENOISED_COLOUR = "#0b5cad"

DETAILED_CHANNELS = 4
"""Up to this many channels get a closer look each; more become small panels."""

MOST_CHANNELS = 12
"""Channels that are drawn at most."""

SOUND_S = 1.0
"""Length of a closer look at sound, in s: a few syllables."""

MOST_SOUND_SAMPLES = 96_000

CLOSE_SAMPLES = 300
"""Length of a closer look at other signals."""

PART_SAMPLES = 1 << 14
"""Samples that are looked at together."""


class BeforeAfterPlot:
    """Collect a whole signal's envelope, its largest changes, a typical stretch and, of sound, spectrograms.

    Kept between calls: as much as pictures can show, however long the signal is.

    Parameters
    ----------
    names, units
        Of the channels; a unit may be empty.
    sample_rate_hz
        Samples per second, if known.
    title, subtitle
        What stands above the picture.
    sound
        Whether the signal is sound, with full scale 1.0.
    start, seconds_at
        What is known of the samples' times, as for :class:`~denoise_stream.runs.sample_times.SampleTimes`.
    """

    def __init__(
        self,
        names: Sequence[str],
        sample_rate_hz: float | None,
        title: str,
        *,
        units: Sequence[str] = (),
        subtitle: str = "",
        sound: bool = False,
        start: datetime | None = None,
        seconds_at: Callable[[int], float | None] | None = None,
    ) -> None:
        # Bytes that are not text, and what matplotlib would read as a formula, must not stop a picture.
        self.title, self.subtitle = readable(title), readable(subtitle)
        self.all_channels = len(names)
        self.sound = sound
        most = MOST_CHANNELS if len(names) > DETAILED_CHANNELS and not sound else DETAILED_CHANNELS
        stated = units or [""] * len(names)
        labels = [f"{name} [{unit}]" if unit else name for name, unit in zip(names, stated, strict=True)]
        self.labels = [readable(label) for label in labels[:most]]
        self.detailed = len(self.labels) <= DETAILED_CHANNELS
        channels = len(self.labels)
        length = CLOSE_SAMPLES
        if sound and sample_rate_hz:
            length = min(int(SOUND_S * sample_rate_hz), MOST_SOUND_SAMPLES)
        self.times = SampleTimes(sample_rate_hz, start, seconds_at)
        self.envelope = Envelope(3, channels)
        self.largest = [LargestChange(length, 1) for _ in self.labels]
        self.typical = TypicalStretch(length)
        self.spectrograms = SpectrogramPair(sample_rate_hz, channels) if sound and sample_rate_hz else None
        self.samples = 0

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next samples ``(n, channels)`` of input and output."""
        channels = len(self.labels)
        for start in range(0, len(noisy), PART_SAMPLES):
            before = noisy[start : start + PART_SAMPLES, :channels].astype(np.float64)
            after = denoised[start : start + PART_SAMPLES, :channels].astype(np.float64)
            with np.errstate(invalid="ignore", over="ignore"):
                self.envelope.observe(np.stack([before, after, before - after], axis=1))
            for channel, place in enumerate(self.largest):
                place.observe(before[:, channel, None], after[:, channel, None])
            self.typical.observe(before, after)
            if self.spectrograms is not None:
                self.spectrograms.observe(np.stack([before, after], axis=1))
            self.times.observe(self.samples, len(before))
            self.samples += len(before)


def readable(text: str) -> str:
    """Escape a text so that matplotlib draws it literally: no formulas, no bytes that are not text."""
    return text.encode("utf-8", "replace").decode().replace("$", r"\$")
