"""Run an evaluation of speech: draw mixtures, measure, write pictures and files to listen to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from denoise_stream import Denoiser
from denoise_stream.files.paths import whole_file
from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.listening import write_signals
from denoise_train.evaluation.run import Finding, Request
from denoise_train.evaluation.speech.compare import Heard, evaluate_speech
from denoise_train.evaluation.speech.dnsmos import Rate
from denoise_train.evaluation.speech.enhancers import NO_PROCESSING, engine_enhancer
from denoise_train.evaluation.speech.mixtures import SpeechMixtures, draw_speech_mixtures
from denoise_train.evaluation.speech.peers.protocol import Enhancer
from denoise_train.evaluation.speech.peers.registry import INSTALLED
from denoise_train.evaluation.speech.text import describe_speech
from denoise_train.recordings.recordings import Recordings

PANELS = 5


def on_speech(
    denoiser: Denoiser,
    request: Request,
    snr_db: Sequence[float],
    speech: Recordings,
    noise: Mapping[str, Recordings],
    *,
    peers: Sequence[Enhancer] = INSTALLED,
    dnsmos: Rate | None = None,
    plot: Path | None = None,
    panels: Path | None = None,
    listening: Path | None = None,
    say: Callable[[str], object] = lambda text: None,
) -> Finding:
    """Evaluate a model on mixtures of speech and noise, beside its peers.

    Parameters
    ----------
    denoiser
        The model in its engine.
    request
        The number of signals, their samples at 16 kHz, and the seed.
    snr_db, speech, noise
        What to mix, see :func:`denoise_train.evaluation.speech.mixtures.draw_speech_mixtures`.
    peers
        What to compare with.
    dnsmos
        Rates signals without the clean ones, see :func:`denoise_train.evaluation.speech.dnsmos.load_dnsmos`; None
        leaves these ratings out.
    plot, panels
        Files for the gains against SNR, and for spectrograms of the first few mixtures; None draws nothing.
    listening
        A folder for the mixtures and every method's output; None writes nothing.
    say
        Gets progress messages.
    """
    mixtures = draw_speech_mixtures(request.seed, request.signals, request.length, snr_db, speech, noise)
    model = engine_enhancer(denoiser)
    heard = _writer(listening, mixtures) if listening else None
    hop = denoiser.hop * RATE_HZ / (denoiser.contract.sample_rate_hz or RATE_HZ)
    outcome = evaluate_speech(model, peers, mixtures, hop, dnsmos=dnsmos, heard=heard, say=say)
    if plot is not None:
        from denoise_train.evaluation.speech.plots import draw_gains

        with whole_file(plot) as partial:
            draw_gains(outcome, partial, f"{model.name} on speech, beside other programs")
    if panels is not None:
        with whole_file(panels) as partial:
            _draw_panels(model, mixtures, partial)
    return Finding(describe_speech(outcome), outcome.figures())


def _writer(folder: Path, mixtures: SpeechMixtures) -> Heard:
    """Write the clean speech; return a function that writes each output as it is computed."""
    numbers = [f"{number:03d}" for number in range(len(mixtures.clean))]
    write_signals(folder, "clean", numbers, mixtures.clean, RATE_HZ)

    def write(method: str, index: int, signals: Array) -> None:
        name = "noisy" if method == NO_PROCESSING.name else method
        names = [f"{number}_{mixtures.snr_db[index]:g}dB" for number in numbers]
        write_signals(folder, name, names, signals, RATE_HZ)

    return write


def _draw_panels(model: Enhancer, mixtures: SpeechMixtures, path: Path) -> None:
    from denoise_train.evaluation.speech.plots import draw_spectrograms

    middle = len(mixtures.snr_db) // 2
    noisy, clean = mixtures.noisy[middle, :PANELS], mixtures.clean[:PANELS]
    labels = ["/".join(Path(name).parts[-2:]) for name in mixtures.noise[:PANELS]]
    title = f"{model.name} at an SNR of {mixtures.snr_db[middle]:g} dB"
    denoised = np.stack([model.enhance(signal) for signal in noisy])
    draw_spectrograms(noisy, denoised, clean, labels, path, title)
