"""Plot an evaluation: improvement against SNR, and signals before and after."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from denoise_stream.runs.plots import DENOISED_COLOUR, NOISY_COLOUR

if TYPE_CHECKING:
    from denoise_train.evaluation.compare import Evaluation

CLEAN_COLOUR = "#208020"


def draw_improvements(evaluation: "Evaluation", path: Path, title: str) -> None:
    """Draw each method's mean improvement against the input SNR: the model bold, oracles dashed."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes: Any = figure.subplots()
    colours = {result.name: f"C{index}" for index, result in enumerate(evaluation.filters, start=1)}
    for result in evaluation.results:
        style: dict[str, Any] = {"color": colours.get(result.name, NOISY_COLOUR), "linewidth": 1.5}
        if result is evaluation.model:
            style = {"color": DENOISED_COLOUR, "linewidth": 3.5, "zorder": 3}
        dashes = "--" if result.choice == "oracle" else "-"
        means = result.improvement_db.mean(axis=1)
        axes.plot(evaluation.snr_db, means, dashes, marker="o", markersize=4, label=result.label, **style)
    axes.set(xlabel="SNR of the input in dB", ylabel="mean SNR improvement in dB", title=title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, format="png", dpi=110)


def draw_panels(noisy: Any, denoised: Any, clean: Any, path: Path, title: str) -> None:
    """Draw signals ``(n, length)`` before and after, one row each; ``clean`` may be None."""
    figure = Figure(figsize=(12, 1.7 * len(noisy) + 0.6), layout="constrained")
    grid: Any = figure.subplots(len(noisy), 2, squeeze=False, sharex=True, sharey="row")
    for row, (before, after) in enumerate(zip(noisy, denoised, strict=True)):
        grid[row][0].plot(before, color=NOISY_COLOUR, linewidth=0.8)
        if clean is not None:
            grid[row][1].plot(clean[row], color=CLEAN_COLOUR, linewidth=2.0, alpha=0.6, label="clean")
        grid[row][1].plot(after, color=DENOISED_COLOUR, linewidth=0.8, label="denoised")
        grid[row][0].margins(x=0)
    grid[0][0].set_title("noisy")
    grid[0][1].set_title("denoised" if clean is None else "denoised, and clean below")
    grid[0][1].legend(loc="upper right", fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, format="png", dpi=100)
