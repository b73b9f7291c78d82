"""Speech at other rates than the model's: quality of the band from 8 to 16 kHz at 48 kHz, and the loss at 8 kHz.

    python benchmarks/bench_speech_rates.py 48000 --speech SPEECH... --noise NOISE... [--model speech] [--signals 30]
    python benchmarks/bench_speech_rates.py 8000 --speech SPEECH... --noise NOISE... [--model speech] [--signals 30]

SPEECH and NOISE are folders or files that no training has heard; for 48000 they need content up to 16 kHz. Each folder
of noise counts alike.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pesq
import pystoi
import soxr

from denoise_stream import Denoiser
from denoise_train.arrays import Array
from denoise_train.dsp.metrics import si_sdr_db
from denoise_train.dsp.speech_level import RATE_HZ, active_level, level
from denoise_train.evaluation.speech.mixtures import draw_speech_mixtures
from denoise_train.recordings.recordings import Recordings, load_folders, load_recordings

SECONDS = 6
HIGH_HZ, TELEPHONE_HZ = 48_000, 8_000
FRAME = 1024
"""Samples of a spectrum at 48 kHz, 21 ms; half of it between two."""

FLOOR_DB = -50.0
"""Powers are compared from here on, below the loudest frame of the clean band."""

FRICATIVE_DB, PAUSE_DB = -15.0, -30.0
"""Frames of the clean band this far below its loudest, or less, are fricatives; this far or more, pauses."""

LEVEL = 10 ** (-26 / 20)


def without_zeros(signal: Array, longest: int = 240) -> Array:
    """Cut out runs of zeros of more than 5 ms, by which utterances are joined: no room is that silent."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], signal == 0, [False])).astype(int)))
    kept = np.ones(len(signal), bool)
    for start, end in edges.reshape(-1, 2):
        kept[start:end] = end - start <= longest
    return signal[kept]


def mix_48(
    seed: int, count: int, snr_db: Sequence[float], speech: Recordings, noise: Mapping[str, Recordings]
) -> Iterator[tuple[Array, Array]]:
    """Mix stretches of both at 48 kHz; the SNR is that of active speech in the 8 kHz that the model covers.

    Yields the clean signal and the noisy ones ``(snrs, n)``.
    """
    rng = np.random.default_rng(seed)
    length = SECONDS * HIGH_HZ
    words = [without_zeros(signal) for signal in speech.signals]
    for number in range(count):
        source = list(noise.values())[number % len(noise)].signals
        clean, added = (
            np.resize(np.roll(one, -int(rng.integers(len(one)))), length)
            for one in (words[rng.integers(len(words))], source[rng.integers(len(source))])
        )
        heard = [soxr.resample(one, HIGH_HZ, RATE_HZ, "HQ") for one in (clean, added)]
        clean, added = clean * LEVEL / active_level(heard[0]), added * LEVEL / level(heard[1])
        yield clean, clean + added * 10 ** (-np.array(snr_db)[:, None] / 20)


def spectra(signal: Array, band_hz: tuple[float, float]) -> Array:
    """Compute the powers ``(frames, bins)`` of a band at 48 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(signal, FRAME)[:: FRAME // 2] * np.hanning(FRAME)
    hz = np.arange(FRAME // 2 + 1) * HIGH_HZ / FRAME
    return np.abs(np.fft.rfft(frames)[:, (hz >= band_hz[0]) & (hz < band_hz[1])]) ** 2


def judge_band(clean: Array, estimate: Array, band_hz: tuple[float, float]) -> list[float]:
    """Compute the log-spectral distance of all frames and of fricatives, and the level in those and in pauses."""
    wanted, found = (spectra(one, band_hz) for one in (clean, estimate))
    loudness = wanted.mean(axis=1)
    floor = loudness.max() * 10 ** (FLOOR_DB / 10)
    distance = np.sqrt(np.mean((10 * np.log10((found + floor) / (wanted + floor))) ** 2, axis=1))
    over = 10 * np.log10((found.mean(axis=1) + floor) / (loudness + floor))
    fricative, pause = (
        loudness > loudness.max() * 10 ** (FRICATIVE_DB / 10),
        loudness < loudness.max() * 10 ** (PAUSE_DB / 10),
    )
    return [distance.mean(), distance[fricative].mean(), over[fricative].mean(), over[pause].mean()]


def report_48(denoiser: Denoiser, count: int, speech: Recordings, noise: Mapping[str, Recordings]) -> None:
    """Print the scores of the model and of the band above it on mixtures at 48 kHz."""
    snr_db = (0.0, 10.0, 20.0)
    bands = {"4-8 kHz": (4_000.0, 7_500.0), "8-16 kHz": (8_000.0, 16_000.0)}
    found: dict[tuple[str, str], list[list[list[float]]]] = {}
    for clean, noisy in mix_48(0, count, snr_db, speech, noise):
        after = np.stack([denoiser.denoise(one, HIGH_HZ) for one in noisy])
        for band, edges in bands.items():
            for name, signals in (("noisy", noisy), (denoiser.contract.name, after)):
                found.setdefault((band, name), []).append([judge_band(clean, one, edges) for one in signals])
    print(
        f"At 48 kHz, {count} mixtures; by SNR in dB: log-spectral distance of all frames / of fricatives,\n"
        "then the level over the clean speech in fricatives / in pauses, all in dB\n"
    )
    print("| | " + " | ".join(f"{snr:g}" for snr in snr_db) + " |\n" + "|---" * (1 + len(snr_db)) + "|")
    for (band, name), each in found.items():
        rows = np.mean(each, axis=0)
        cells = ("{:.1f} / {:.1f}, {:+.1f} / {:+.1f}".format(*row) for row in rows)
        print(f"| {band}, {name} | {' | '.join(cells)} |")


def judge_telephone(clean: Array, estimate: Array) -> list[float]:
    """Return SI-SDR, narrowband PESQ and STOI at 8 kHz."""
    return [
        float(si_sdr_db(clean[None], estimate[None])[0]),
        pesq.pesq(TELEPHONE_HZ, clean, estimate, "nb"),
        pystoi.stoi(clean, estimate, TELEPHONE_HZ),
    ]


def report_8(denoiser: Denoiser, count: int, speech: Recordings, noise: Mapping[str, Recordings]) -> None:
    """Print the scores of the lower 4 kHz, with and without the band above in the input."""

    def narrow(signal: Array) -> Array:
        return soxr.resample(signal, RATE_HZ, TELEPHONE_HZ, "HQ")

    mixtures = draw_speech_mixtures(0, count, SECONDS * int(RATE_HZ), (0.0, 5.0, 10.0), speech, noise)
    ways = {
        "no processing": narrow,
        "at 16 kHz, then brought to 8 kHz": lambda noisy: narrow(denoiser.denoise(noisy, RATE_HZ)),
        "at 8 kHz": lambda noisy: denoiser.denoise(narrow(noisy), TELEPHONE_HZ),
        "cut to 4 kHz, at 16 kHz": lambda noisy: narrow(
            denoiser.denoise(soxr.resample(narrow(noisy), TELEPHONE_HZ, RATE_HZ, "HQ"), RATE_HZ)
        ),
    }
    print(f"At 8 kHz, {count} mixtures; by SNR in dB: SI-SDR in dB / narrowband PESQ / STOI, all at 8 kHz\n")
    print(
        "| | " + " | ".join(f"{snr:g}" for snr in mixtures.snr_db) + " |\n" + "|---" * (1 + len(mixtures.snr_db)) + "|"
    )
    for name, way in ways.items():
        scores = [
            [judge_telephone(narrow(clean), way(one)) for clean, one in zip(mixtures.clean, noisy, strict=True)]
            for noisy in mixtures.noisy
        ]
        cells = ("{:.1f} / {:.2f} / {:.3f}".format(*row) for row in np.mean(scores, axis=1))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rate", type=int, choices=(HIGH_HZ, TELEPHONE_HZ), metavar="RATE", help="48000 or 8000")
    parser.add_argument("--speech", type=Path, nargs="+", required=True)
    parser.add_argument("--noise", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="speech", help="bundled name or ONNX file")
    parser.add_argument("--signals", type=int, default=30, help="of 6 s")
    given = parser.parse_args()
    loaded_hz = max(given.rate, RATE_HZ)
    recordings = load_recordings(given.speech, loaded_hz), load_folders(given.noise, loaded_hz)
    (report_48 if given.rate == HIGH_HZ else report_8)(Denoiser(given.model), given.signals, *recordings)


if __name__ == "__main__":
    main()
