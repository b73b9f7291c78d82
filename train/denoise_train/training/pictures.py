"""Pictures of a training: the history of its loss, and rows before and after."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from denoise_stream.runs.plots import DENOISED_COLOUR, NOISY_COLOUR, readable
from denoise_train.evaluation.plots import CLEAN_COLOUR


def draw_history(rows: Sequence[dict[str, float]], path: Path, title: str) -> None:
    """Draw training and validation loss against epochs."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Any = figure.subplots()
    epochs = [row["epoch"] for row in rows]
    axes.plot(epochs, [row["loss"] for row in rows], color=NOISY_COLOUR, label="training", marker=".")
    axes.plot(epochs, [row["val_loss"] for row in rows], color=DENOISED_COLOUR, label="validation", marker=".")
    axes.set(xlabel="epoch", ylabel="loss (lower is better)", title=readable(title))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, format="png", dpi=110)


def draw_samples(noisy: Any, clean: Any, denoised: Any, path: Path, title: str) -> None:
    """Draw windows ``(n, window)``: noisy, clean and denoised side by side, one row each."""
    figure = _figure(11, 1.3 * len(noisy) + 0.6, title)
    figure.subplots_adjust(wspace=0.14, hspace=0.25)
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
            # An axis beside one that shows the same would take most of the time, for ticks without numbers.
            grid[row][column].xaxis.set_visible(row == len(noisy) - 1)
            grid[row][column].yaxis.set_visible(column == 0)
        grid[-1][column].set_xlabel("sample")
    figure.savefig(path, format="png", dpi=90)


def draw_images(noisy: Any, clean: Any, denoised: Any, path: Path, title: str) -> None:
    """Draw images ``(n, height, width)`` in [0, 1]: noisy, clean and denoised one below the other."""
    figure = _figure(1.2 * len(noisy) + 0.8, 4.2, title)
    figure.subplots_adjust(wspace=0.05, hspace=0.05)
    grid: Any = figure.subplots(3, len(noisy), squeeze=False)
    for row, (images, name) in enumerate(((noisy, "noisy"), (clean, "clean"), (denoised, "denoised"))):
        grid[row][0].set_ylabel(name)
        for axes, image in zip(grid[row], images, strict=True):
            axes.imshow(image, cmap="gray")
            axes.set(xticks=[], yticks=[])
    figure.savefig(path, format="png", dpi=90)


def _figure(width: float, height: float, title: str) -> Figure:
    """Return a figure of this size in inches with a title, and room for labels.

    Finding the margins by the constrained layout would take as long as drawing all panels.
    """
    figure = Figure(figsize=(width, height))
    figure.suptitle(readable(title), y=1 - 0.1 / height, verticalalignment="top")
    figure.subplots_adjust(left=0.6 / width, right=1 - 0.15 / width, bottom=0.5 / height, top=1 - 0.65 / height)
    return figure
