"""A frame processor for LiveKit Agents: ``AudioInputOptions(noise_cancellation=DenoiseProcessor())``."""

from denoise_stream.errors import needs_extra
from denoise_stream.integrations.frames import CallSettings, FrameDenoiser, as_frame

with needs_extra("the processor for LiveKit", "livekit"):
    from livekit import rtc


class DenoiseProcessor(rtc.FrameProcessor[rtc.AudioFrame]):
    """Denoise the frames of a participant; all processors of the same settings share a pool.

    Frames come out as long as they went in, after ``latency_ms``; the first ones are silent for as long. LiveKit calls
    it on its event loop, so a frame is not waited for: it comes out with the next one, when the pool has long
    finished it, and the latency holds one frame more.

    Parameters
    ----------
    model, mix, max_attenuation_db, gate_db
        As for :class:`~denoise_stream.Denoiser`.

    Raises
    ------
    ContractError
        If the model is unknown or its file breaks the contract.
    ValueError
        If a number is out of range.
    MissingExtra
        On import, if livekit is not installed.
    """

    def __init__(
        self,
        model: str = "speech",
        *,
        mix: float = 1.0,
        max_attenuation_db: float | None = None,
        gate_db: float | None = None,
    ) -> None:
        self._pool = CallSettings(model, mix, max_attenuation_db, gate_db).pool()
        self._frames: FrameDenoiser | None = None
        self._enabled = True
        self._publication = ""

    @property
    def latency_ms(self) -> float | None:
        """Delay of the frames in ms; None before the first one."""
        return None if self._frames is None else self._frames.latency_ms

    @property
    def enabled(self) -> bool:
        """Whether LiveKit passes frames through this processor; it restarts when it is enabled again."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if not value:
            self._close()
        self._enabled = value

    def _on_stream_info_updated(self, *, room_name: str, participant_identity: str, publication_sid: str) -> None:
        """Restart with another caller, who must not hear the end of the last one."""
        if publication_sid != self._publication:
            self._close()
            self._publication = publication_sid

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        """Return a frame as long as the one that came."""
        rate, channels, length = frame.sample_rate, frame.num_channels, frame.samples_per_channel
        samples = as_frame(frame.data.cast("B"), channels)[:length]
        frames = self._frames
        if frames is None or (frames.sample_rate_hz, frames.channels) != (rate, channels):
            self._close()
            frames = self._frames = FrameDenoiser(self._pool, rate, channels, length)
        denoised = frames.process(samples).tobytes()
        return rtc.AudioFrame(denoised, rate, channels, length, userdata=frame.userdata)

    def _close(self) -> None:
        """Forget the caller; the next frame begins another."""
        if self._frames is not None:
            self._frames.close()
        self._frames = None
