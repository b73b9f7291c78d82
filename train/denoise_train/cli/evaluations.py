"""The evaluations of ``denoise-evaluate``, one class each: what it loads, measures, and reports of its input."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from denoise_stream import Denoiser
from denoise_stream.errors import needs_extra
from denoise_train.cli.evaluate_checks import SYNTHETIC_OR_MIXED
from denoise_train.cli.evaluate_options import Options
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.recordings.pairs import load_pairs
from denoise_train.recordings.recordings import load_folders, load_recordings

if TYPE_CHECKING:
    from denoise_train.dsp.filters import Filter
    from denoise_train.evaluation.run import Finding, Request

SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
SIGNALS, FEW_SIGNALS = 200, 25
LENGTH = 1500
STRETCH_SIGNALS, STRETCH_LENGTH = 40, 15_000
SPEECH_SIGNALS, SPEECH_LENGTH, SPEECH_SNR_DB = 60, 96_000, (0.0, 5.0, 10.0)


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is evaluated: a model in its engine, and the same as a filter of whole signals at the requested rate."""

    denoiser: Denoiser
    method: "Filter"
    rate_hz: float | None


class Evaluation:
    """Mix noise into clean signals, recorded or synthetic."""

    signals = SIGNALS
    length = LENGTH
    short_pieces = True
    """Whether the signals are pieces as short as a model without a memory needs."""

    def request(self, options: Options, subject: Subject) -> "Request":
        """Return how many signals of which length are measured: what was asked for, or what the model needs."""
        from denoise_train.evaluation.lengths import piece_count, piece_samples
        from denoise_train.evaluation.run import Request

        given, signals, length = options.signals, self.signals, self.length
        if self.short_pieces:
            contract = subject.denoiser.contract
            signals, length = piece_count(contract, signals), piece_samples(contract, subject.rate_hz, length)
        return Request(given.seed, given.signals or signals, given.length or length)

    def remark(self, subject: Subject, samples: int) -> str:
        """Say how long the pieces were, if the model has a memory."""
        from denoise_train.evaluation.lengths import describe_pieces

        if not self.short_pieces:
            return ""
        return describe_pieces(subject.denoiser.contract, subject.rate_hz, samples, self.length)

    def rate_hz(self, options: Options) -> float | None:
        """Return the sample rate in Hz that the report names."""
        return options.signals.rate

    def load_packages(self) -> None:
        """Import what this evaluation needs beyond the others; MissingExtra if it is not installed."""

    def run(self, options: Options, subject: Subject, request: "Request", say: Callable[[str], object]) -> "Finding":
        """Load the recordings and measure; ``say`` gets progress messages."""
        from denoise_train.evaluation.run import on_mixtures

        given = options.signals
        return on_mixtures(
            subject.method,
            request,
            given.snr_db or SNR_DB,
            load_recordings(given.clean, subject.rate_hz, given.column_names) if given.clean else None,
            load_recordings(given.noise_files, subject.rate_hz) if given.noise_files else None,
            given.noise_kinds,
            by_family=options.outputs.report is not None and not (given.clean or given.noise),
        )

    def inputs(self, options: Options) -> dict[str, Any]:
        """Return what the report says of the input."""
        return {
            "clean": [str(path) for path in options.signals.clean] or "built-in family",
            "noise": list(options.signals.noise) or "white",
        }


class PairsEvaluation(Evaluation):
    """Compare with recorded clean signals."""

    def run(self, options: Options, subject: Subject, request: "Request", say: Callable[[str], object]) -> "Finding":
        """Load the pairs and measure."""
        from denoise_train.evaluation.run import on_pairs

        given = options.signals
        assert given.pairs is not None
        return on_pairs(subject.method, request, load_pairs(*given.pairs, subject.rate_hz, given.column_names))

    def inputs(self, options: Options) -> dict[str, Any]:
        """Return what the report says of the input."""
        return {"pairs": [str(path) for path in options.signals.pairs or ()]}


class NoisyEvaluation(Evaluation):
    """Estimate from noisy recordings alone."""

    def run(self, options: Options, subject: Subject, request: "Request", say: Callable[[str], object]) -> "Finding":
        """Load the recordings and estimate."""
        from denoise_train.evaluation.run import on_noisy

        given = options.signals
        return on_noisy(subject.method, request, load_recordings(given.noisy, subject.rate_hz, given.column_names))

    def inputs(self, options: Options) -> dict[str, Any]:
        """Return what the report says of the input."""
        return {"noisy": [str(path) for path in options.signals.noisy]}


class DrawnEvaluation(Evaluation):
    """Measure on signals that the evaluation draws itself, without recordings."""

    def inputs(self, options: Options) -> dict[str, Any]:
        """Return nothing: the signals are named with their figures."""
        return {}


class OptimumEvaluation(DrawnEvaluation):
    """Measure the gap to the best possible estimator on Gaussian processes."""

    signals = FEW_SIGNALS
    short_pieces = False

    def run(self, options: Options, subject: Subject, request: "Request", say: Callable[[str], object]) -> "Finding":
        """Draw the processes and measure."""
        from denoise_train.evaluation.run import on_optimum

        try:
            return on_optimum(subject.method, subject.denoiser.contract.window, request)
        except ValueError as error:
            raise click.UsageError(f"--optimum: {error}") from error


class HarmEvaluation(DrawnEvaluation):
    """Measure what the model does to signals with little or no noise."""

    signals = FEW_SIGNALS

    def run(self, options: Options, subject: Subject, request: "Request", say: Callable[[str], object]) -> "Finding":
        """Draw the signals and measure."""
        from denoise_train.evaluation.run import on_harm

        return on_harm(subject.method, request)


class StretchEvaluation(DrawnEvaluation):
    """Measure signals that have many more samples than they need."""

    signals = STRETCH_SIGNALS
    length = STRETCH_LENGTH

    def run(self, options: Options, subject: Subject, request: "Request", say: Callable[[str], object]) -> "Finding":
        """Draw the signals and measure."""
        from denoise_train.evaluation.compare import engine_methods
        from denoise_train.evaluation.run import on_stretches

        assert options.model is not None
        methods = engine_methods(options.model)
        return on_stretches(methods, request, options.signals.snr_db or SNR_DB, options.stretch or (1.0,))


class SpeechEvaluation(Evaluation):
    """Mix speech and noise, and compare with other programs."""

    signals = SPEECH_SIGNALS
    length = SPEECH_LENGTH
    short_pieces = False

    def rate_hz(self, options: Options) -> float | None:
        """Return the rate of the mixtures in Hz."""
        return RATE_HZ

    def load_packages(self) -> None:
        """Import the measures of speech and the other programs."""
        with needs_extra("--speech", "speech-metrics"):
            from denoise_train.evaluation.speech import run as run

    def run(self, options: Options, subject: Subject, request: "Request", say: Callable[[str], object]) -> "Finding":
        """Load the recordings, measure, draw and write what can be listened to."""
        from denoise_train.evaluation.speech.dnsmos import load_dnsmos
        from denoise_train.evaluation.speech.peers.registry import load_peers
        from denoise_train.evaluation.speech.run import on_speech

        given, outputs = options.signals, options.outputs
        peers = load_peers(options.speech.peer_files)
        dnsmos = load_dnsmos(options.speech.dnsmos) if options.speech.dnsmos else None
        return on_speech(
            subject.denoiser,
            request,
            given.snr_db or SPEECH_SNR_DB,
            load_recordings(given.clean, RATE_HZ),
            load_folders(given.noise_files, RATE_HZ),
            peers=peers,
            dnsmos=dnsmos,
            plot=outputs.plot,
            panels=outputs.panels,
            listening=outputs.write,
            say=say,
        )

    def inputs(self, options: Options) -> dict[str, Any]:
        """Return what the report says of the input."""
        return {
            **super().inputs(options),
            "peers": {name: str(path) for name, path in options.speech.peer_files.items()},
            "dnsmos": None if options.speech.dnsmos is None else str(options.speech.dnsmos),
        }


EVALUATIONS: dict[str, Evaluation] = {
    SYNTHETIC_OR_MIXED: Evaluation(),
    "--pairs": PairsEvaluation(),
    "--noisy": NoisyEvaluation(),
    "--optimum": OptimumEvaluation(),
    "--harm": HarmEvaluation(),
    "--stretch": StretchEvaluation(),
    "--speech": SpeechEvaluation(),
}
"""The evaluations by the option that asks for each."""
