"""Pictures of a training and an evaluation: histories, windows and figures come in, PNG files go out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from denoise_stream.runs.plots import DENOISED_COLOUR, NOISY_COLOUR

if TYPE_CHECKING:
    from denoise_train.evaluation.compare import Evaluation

CLEAN_COLOUR = "#208020"


def draw_history(rows: Sequence[dict[str, float]], path: Path, title: str) -> None:
    """Draw training and validation loss against epochs."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Any = figure.subplots()
    epochs = [row["epoch"] for row in rows]
    axes.plot(epochs, [row["loss"] for row in rows], color=NOISY_COLOUR, label="training", marker=".")
    axes.plot(epochs, [row["val_loss"] for row in rows], color=DENOISED_COLOUR, label="validation", marker=".")
    axes.set(xlabel="epoch", ylabel="loss", title=title)
    axes.legend()
    figure.savefig(path, format="png", dpi=110)


def draw_samples(noisy: Any, clean: Any, denoised: Any, path: Path, title: str) -> None:
    """Draw windows ``(n, window)``: noisy, clean and denoised side by side, one row each."""
    figure = Figure(figsize=(11, 1.3 * len(noisy) + 0.6), layout="constrained")
    grid: Any = figure.subplots(len(noisy), 3, squeeze=False, sharex=True, sharey="row")
    columns = (
        (noisy, "noisy", NOISY_COLOUR),
        (clean, "clean", CLEAN_COLOUR),
        (denoised, "denoised", DENOISED_COLOUR),
    )
    for column, (windows, name, colour) in enumerate(columns):
        grid[0][column].set_title(name)
        for row, window in enumerate(windows):
            marker = "." if len(window) == 1 else None  # a forecast
            grid[row][column].plot(window, color=colour, linewidth=1.0, marker=marker)
            grid[row][column].margins(x=0)
    figure.suptitle(title)
    figure.savefig(path, format="png", dpi=90)


def draw_images(noisy: Any, clean: Any, denoised: Any, path: Path, title: str) -> None:
    """Draw images ``(n, height, width)`` in [0, 1]: noisy, clean and denoised one below the other."""
    figure = Figure(figsize=(1.2 * len(noisy) + 0.8, 4.2), layout="constrained")
    grid: Any = figure.subplots(3, len(noisy), squeeze=False)
    for row, (images, name) in enumerate(((noisy, "noisy"), (clean, "clean"), (denoised, "denoised"))):
        grid[row][0].set_ylabel(name)
        for axes, image in zip(grid[row], images, strict=True):
            axes.imshow(image, cmap="gray")
            axes.set(xticks=[], yticks=[])
    figure.suptitle(title)
    figure.savefig(path, format="png", dpi=90)


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
