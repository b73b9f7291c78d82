"""How a signal is denoised, whatever model does it: the settings that travel together through every kind of run."""

from dataclasses import dataclass, replace
from pathlib import Path

from denoise_stream.engine.denoiser import Denoiser


@dataclass(frozen=True)
class Settings:
    """The settings of a :class:`~denoise_stream.Denoiser`, for any model.

    Attributes
    ----------
    hop, mix, max_attenuation_db, lookahead_samples, notch_hz, gate_db
        As for :class:`~denoise_stream.Denoiser`.
    """

    hop: int | None = None
    mix: float = 1.0
    max_attenuation_db: float | None = None
    lookahead_samples: int | str | None = None
    notch_hz: float | None = None
    gate_db: float | None = None

    def for_files(self) -> "Settings":
        """Return the same settings for files, whose models look ahead as far as they can if nothing else is said."""
        return self if self.lookahead_samples is not None else replace(self, lookahead_samples="auto")

    def denoiser(self, model: str | Path) -> Denoiser:
        """Load a model with these settings.

        Raises
        ------
        ContractError, ValueError
            If the model is wrong, or a setting does not go with it.
        """
        return Denoiser(
            model,
            hop=self.hop,
            mix=self.mix,
            max_attenuation_db=self.max_attenuation_db,
            lookahead_samples=self.lookahead_samples,
            notch_hz=self.notch_hz,
            gate_db=self.gate_db,
        )
