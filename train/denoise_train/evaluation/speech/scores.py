"""The scores of speech: how each is measured and formatted."""

from collections.abc import Callable
from dataclasses import dataclass

from denoise_train.arrays import Array
from denoise_train.dsp.high_pass import LOWEST_HZ, high_pass
from denoise_train.dsp.metrics import si_sdr_db
from denoise_train.evaluation.speech.dnsmos import BAK, OVRL, SIG, Rate
from denoise_train.evaluation.speech.metrics import pesq, stoi

MEASURES: dict[str, Callable[[Array, Array], Array]] = {"si_sdr_db": si_sdr_db, "pesq": pesq, "stoi": stoi}
"""Measured on signals as they are and above 50 Hz: ``(clean (n, length), estimate (n, length)) -> (n,)``."""

ABOVE = {"si_sdr_db": "si_sdr_above_50_hz_db", "pesq": "pesq_above_50_hz", "stoi": "stoi_above_50_hz"}
"""For each of ``MEASURES`` the name of the same above 50 Hz."""


@dataclass(frozen=True)
class Score:
    """A score as a table shows it.

    Attributes
    ----------
    key
        Its name among the results.
    word
        Its usual name.
    title
        Above its table.
    decimals
        Decimals that are written.
    harm
        Losses smaller than this count as none.
    raw
        Key of the same score on the unfiltered signals, the part below 50 Hz included; None if there is none.
    improvement
        Whether its table shows the improvement, not the score itself.
    """

    key: str
    word: str
    title: str
    decimals: int
    harm: float
    raw: str | None = None
    improvement: bool = False

    def write(self, value: float) -> str:
        """Write a value, with its decimals and never as -0."""
        return f"{value:z.{self.decimals}f}"


SI_SDR = Score(ABOVE["si_sdr_db"], "SI-SDR", "SI-SDR improvement in dB above 50 Hz", 1, 0.05, "si_sdr_db", True)
SCORES = (
    SI_SDR,
    Score(ABOVE["pesq"], "PESQ", "PESQ above 50 Hz", 2, 0.005, "pesq"),
    Score(ABOVE["stoi"], "STOI", "STOI above 50 Hz", 3, 0.0005, "stoi"),
    Score(SIG, "SIG", "DNSMOS SIG, the speech,", 2, 0.005),
    Score(BAK, "BAK", "DNSMOS BAK, the background,", 2, 0.005),
    Score(OVRL, "OVRL", "DNSMOS OVRL, the whole,", 2, 0.005),
)
"""All scores in the order of a report; those of DNSMOS only if its file is given."""


class Judge:
    """Measures estimates of the same clean signals.

    Parameters
    ----------
    clean
        float64 array ``(n, length)`` at 16 kHz.
    dnsmos
        Of :func:`denoise_train.evaluation.speech.dnsmos.load_dnsmos`, or None.
    """

    def __init__(self, clean: Array, dnsmos: Rate | None = None) -> None:
        self._clean, self._heard_clean = clean, high_pass(clean, LOWEST_HZ)
        self._dnsmos = dnsmos

    def measure(self, estimate: Array) -> dict[str, Array]:
        """Return every score by its name, each ``(n,)``, higher is better, NaN where there is none."""
        heard = high_pass(estimate, LOWEST_HZ)
        scores = {name: measure(self._clean, estimate) for name, measure in MEASURES.items()}
        scores |= {ABOVE[name]: measure(self._heard_clean, heard) for name, measure in MEASURES.items()}
        return scores | (self._dnsmos(estimate) if self._dnsmos else {})
