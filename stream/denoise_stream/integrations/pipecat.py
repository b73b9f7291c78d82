"""An audio filter for Pipecat: ``TransportParams(audio_in_filter=DenoiseFilter())``."""

import dataclasses

from denoise_stream.errors import needs_extra
from denoise_stream.integrations.frames import CallSettings, FrameDenoiser, as_frame

with needs_extra("the filter for Pipecat", "pipecat"):
    from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
    from pipecat.frames.frames import FilterControlFrame, FilterEnableFrame, FilterUpdateSettingsFrame


class DenoiseFilter(BaseAudioFilter):
    """Denoise what a transport hears, frame by frame; all filters of the same settings share a pool.

    Frames come out as long as they went in, after ``latency_ms``; the first ones are silent for as long. At 16 kHz
    that is 9.3 ms with ``speech``.

    Parameters
    ----------
    model, mix, max_attenuation_db, gate_db
        As for :class:`~denoise_stream.Denoiser`. A ``FilterUpdateSettingsFrame`` changes them, by these names.
    channels
        The transport's ``audio_in_channels``.

    Raises
    ------
    ContractError
        If the model is unknown or its file breaks the contract.
    ValueError
        If a number is out of range.
    MissingExtra
        On import, if pipecat-ai is not installed.
    """

    def __init__(
        self,
        model: str = "speech",
        *,
        mix: float = 1.0,
        max_attenuation_db: float | None = None,
        gate_db: float | None = None,
        channels: int = 1,
    ) -> None:
        self._settings = CallSettings(model, mix, max_attenuation_db, gate_db)
        self._pool = self._settings.pool()
        self._channels = channels
        self._sample_rate_hz = 0  # while no call is on
        self._enabled = True
        self._frames: FrameDenoiser | None = None

    @property
    def latency_ms(self) -> float | None:
        """Delay of the frames in ms; None while the filter is stopped or disabled."""
        return None if self._frames is None else self._frames.latency_ms

    async def start(self, sample_rate: int) -> None:
        """Begin a call, at the transport's rate in Hz."""
        self._sample_rate_hz = sample_rate
        self._restart()

    async def stop(self) -> None:
        """End the call."""
        self._sample_rate_hz = 0
        self._restart()

    async def process_frame(self, frame: FilterControlFrame) -> None:
        """Switch the filter on or off, or change its settings; either restarts it, with the silence of the latency.

        Raises
        ------
        TypeError, ValueError
            If a setting is unknown or out of range; the filter stays as it was.
        """
        if isinstance(frame, FilterUpdateSettingsFrame):
            settings = dataclasses.replace(self._settings, **frame.settings)
            self._pool, self._settings = settings.pool(), settings
            self._restart()
        elif isinstance(frame, FilterEnableFrame) and frame.enable != self._enabled:
            self._enabled = frame.enable
            self._restart()

    async def filter(self, audio: bytes) -> bytes:
        """Return as many 16-bit samples as came in, denoised; unchanged while the filter is stopped or disabled.

        Raises
        ------
        ValueError
            If the frame is not whole samples of all channels.
        DenoiseError
            If the stream has failed.
        """
        if self._frames is None:
            return audio
        return (await self._frames.process_async(as_frame(audio, self._channels))).tobytes()

    def _restart(self) -> None:
        if self._frames is not None:
            self._frames.close()
        self._frames = None
        if self._enabled and self._sample_rate_hz:
            self._frames = FrameDenoiser(self._pool, self._sample_rate_hz, self._channels)
