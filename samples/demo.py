"""Denoise the two shipped samples with `denoise-stream` and print how much nearer they come to the clean signals."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

SAMPLES = Path(__file__).parent
OUTPUT = SAMPLES.parent / "demo"


def denoise(noisy: Path) -> Path:
    """Run the program on a sample; return the denoised file."""
    denoised = OUTPUT / noisy.name.replace("noisy", "denoised")
    picture = denoised.with_suffix(".png")
    program = Path(sys.executable).with_name("denoise-stream")
    subprocess.run(
        [program, "--input", noisy, "--output", denoised, "--plot", picture, "--force", "--quiet"], check=True
    )
    return denoised


def read(path: Path) -> np.ndarray:
    """Read the samples of a WAV file, or the second column of a table."""
    if path.suffix == ".wav":
        samples: np.ndarray = soundfile.read(path)[0]
        return samples
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=1)


def snr_db(clean: np.ndarray, signal: np.ndarray) -> float:
    """Compute the ratio of the clean signal's variance to the error's mean square, in dB."""
    return float(10 * np.log10(clean.var() / np.mean((signal - clean) ** 2)))


def main() -> None:
    """Denoise both samples and print a table."""
    OUTPUT.mkdir(exist_ok=True)
    print(f"{'sample':<18} {'SNR before':>12} {'SNR after':>12} {'gain':>9}   picture")
    for noisy in (SAMPLES / "speech_noisy.wav", SAMPLES / "ecg_noisy.csv"):
        denoised = denoise(noisy)
        clean = read(SAMPLES / noisy.name.replace("noisy", "clean"))
        before, after = snr_db(clean, read(noisy)), snr_db(clean, read(denoised))
        picture = denoised.with_suffix(".png").relative_to(SAMPLES.parent)
        print(f"{noisy.name:<18} {before:>9.1f} dB {after:>9.1f} dB {after - before:>+6.1f} dB   {picture}")
    program = os.path.relpath(Path(sys.executable).with_name("denoise-stream"))
    print(
        f"\nThe denoised files and the pictures are in {os.path.relpath(OUTPUT)}/. Try next:\n"
        f"  {program} --input yours.wav     a file of yours; a table (.csv) works the same way\n"
        f"  {program} --input mic           the microphone, live\n"
        f"  {program} --help                all options"
    )


if __name__ == "__main__":
    main()
