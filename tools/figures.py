"""Write the tables of figures in README.md and docs/ from the stored results, so that none can go stale.

python -m tools.figures [--check]

A table stands between ``<!-- figures: NAME -->`` and ``<!-- end -->``; what it holds comes from ``docs/results`` and
from the bundled models themselves. With --check nothing is written, and the exit status says whether a table is stale.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from denoise_stream import Denoiser, bundled_models

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

PURPOSES = {
    "general": "any signal at any rate: sensors, ECG; tables by default",
    "general-small": "the same on small processors",
    "speech": "speech; audio by default",
    "x2": "the parabola of the tutorial this grew from",
}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)) + "\n"


def results(name: str) -> dict[str, Any]:
    """Load stored results."""
    loaded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return loaded


def models() -> str:
    """List what each bundled model is for, its latency and its size."""
    rows = []
    for name, path in bundled_models().items():
        denoiser = Denoiser(path)
        rate_hz = denoiser.contract.sample_rate_hz
        latency = denoiser.stream(1, rate_hz).latency_samples
        in_ms = f"{1000 * latency / (rate_hz or 48_000):.1f} ms" + ("" if rate_hz else " at 48 kHz")
        rows.append(
            (f"`{name}`", PURPOSES[name], f"{latency} samples, {in_ms}", f"{path.stat().st_size / 1024:.0f} KiB")
        )
    return table(("model", "for", "latency", "size"), rows)


def general() -> str:
    """Show the gain of `general` at each SNR beside plain filters."""
    found = results("general")
    rows = []
    for method in found["methods"]:
        if method["name"] == "no processing":
            continue
        name = f"**{method['name']}**" if method["name"] == found["model"] else method["name"]
        choice = {"oracle": ", best setting for each signal (oracle)", "best single": ", best single setting"}
        gains = method["improvement_db"]
        cells = [f"{gain:.1f}" for gain in (*gains["by_snr"], gains["all"])]
        rows.append((name + choice.get(method["choice"] or "", ""), *cells))
    return table(("input SNR in dB", *(f"{snr:g}" for snr in found["snr_db"]), "mean"), rows)


def stretch() -> str:
    """Show the gain of `general` on oversampled signals beside wavelets and an oracle's low-pass."""
    found = results("stretch")
    factors = found["stretches"]
    rows = [
        (
            f"**{name}**" if name.startswith(found["model"]) else name,
            *(f"{factors[each][name]:.1f}" for each in factors),
        )
        for name in next(iter(factors.values()))
    ]
    return table(("times the samples needed", *factors), rows)


def speech() -> str:
    """Show the scores of `speech` beside other programs."""
    found = results("speech")
    rows = [
        (
            f"**{method['name']}**" if method["name"] == "speech" else method["name"],
            *(" / ".join(score(*scores)) for scores in method["scores"]),
            method["latency"],
        )
        for method in found["methods"]
    ]
    return table(("SI-SDR gain in dB / PESQ / STOI", *(f"{snr} dB" for snr in found["snr_db"]), "latency"), rows)


def score(gain_db: float, pesq: float, stoi: float) -> tuple[str, str, str]:
    """Format the three scores of speech."""
    return f"{gain_db:.1f}", f"{pesq:.2f}", f"{stoi:.3f}".removeprefix("0")


def verdict() -> str:
    """Show how often a verdict without a clean signal was given, and how often it was right."""
    found = results("verdict")
    rows = [(row["name"], *_verdicts(row)) for row in found["rows"]]
    own = "any, where the recording's own noise is more than half as strong"
    rows += [(own, *_verdicts(found["own_noise"])), ("**all**", *_verdicts(found["all"]))]
    return table(("noise added", "signals", "verdicts", "right"), rows)


def _verdicts(row: dict[str, Any]) -> tuple[str, str, str]:
    return f"{row['cases']}", f"{row['verdicts']}", f"{row['right']}"


def summary() -> str:
    """Show six results: what was measured, what a model gains, and what the best alternative does."""
    plain, words, ecg = results("general"), results("speech"), results("ecg")
    oversampled = results("stretch")["stretches"]["100"]
    mean = {method["name"]: method["improvement_db"]["all"] for method in plain["methods"] if method["choice"] is None}
    ours = mean.pop(plain["model"])
    best = max(mean, key=lambda name: mean[name])
    scores = {method["name"]: method["scores"] for method in words["methods"]}
    rows = [
        (
            f"{plain['signals']} synthetic signals in white noise, -5 to 25 dB",
            f"+{ours:.1f} dB",
            f"{best} +{mean[best]:.1f} dB",
        ),
        (
            "40 with 100 times the samples they need: files; live",
            f"+{oversampled['general, files']:.1f} dB; +{oversampled['general, live']:.1f} dB",
            f"BayesShrink +{oversampled['BayesShrink']:.1f} dB",
        ),
        *(
            (
                f"speech in recorded noise at {words['snr_db'][index]} dB: SI-SDR gain; PESQ; STOI",
                "+{} dB; {}; {}".format(*score(*scores["speech"][index])),
                "RNNoise +{} dB; {}; {}".format(*score(*scores["RNNoise"][index])),
            )
            for index in (0, 2)
        ),
        *(
            (
                f"ECG (MIT-BIH) in {noise} noise, 0 to 12 dB",
                "+{:g} to +{:g} dB".format(*ecg["gain_db"][noise]),
                "BayesShrink +{:g} to +{:g} dB".format(*ecg["bayes_shrink_gain_db"][noise]),
            )
            for noise in ("white", "pink")
        ),
    ]
    return table(("measured on", "result", "best alternative"), rows)


TABLES: dict[str, Callable[[], str]] = {
    make.__name__: make for make in (models, general, stretch, speech, verdict, summary)
}


def main(words: Sequence[str]) -> int:
    """Write the tables, or check them."""
    stale = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text()
        written = PLACE.sub(lambda place: place[1] + TABLES[place[2]]() + place[3], text)
        if written != text:
            stale.append(path)
            if "--check" not in words:
                path.write_text(written)
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'stale' if '--check' in words else 'written'}")
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
