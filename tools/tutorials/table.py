"""Write the tutorials' table as Markdown.

python -m tools.tutorials.table RUN...

The runs replace those of the same recipe and settings in docs/results/tutorials.json, from which docs/tutorials.md is
written.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from denoise_stream import DenoiseError
from denoise_train.recipe import bundled_recipes, load_recipe
from tools.tutorials.claims import claims
from tools.tutorials.runs import Run, load_runs, read_run, store_runs, with_runs

DOCS = Path(__file__).parents[2] / "docs"
PAGE, RESULTS = DOCS / "tutorials.md", DOCS / "results" / "tutorials.json"

HEAD = """# The tutorials' autoencoders, measured

Written by `python -m tools.tutorials.table RUN...` from the run folders of `denoise-train`; nothing here is typed by
hand. MNIST is validated on every other test image and measured on the others, faces are 400 of 40 people (Olivetti, cut
and resized), series are split by time. Reductions are compared with principal components of the same size, forecasts
with "tomorrow equals today". A row with a setting is a recipe changed by `--set`; those marked "(ours)" are in no
document, and are there because the document's own settings do not win.
"""

OURS = {"optimizer.learning_rate"}
"""Settings that no document has."""

CODE_HEADS = ("recipe", "numbers per row", "code", "mean squared error", "by PCA", "told right", "by PCA")
FORECAST_HEADS = ("recipe", "series", "RMSE in standard deviations", "tomorrow equals today")


def table(runs: Sequence[Run]) -> str:
    """Write all tables, the most important first."""
    images = [run for run in runs if "tests" in run.report]
    codes = [run for run in runs if "code_size" in run.report]
    forecasts = [run for run in runs if "forecast_rmse" in run.report]
    parts = [HEAD, "## What was reported, what was measured\n\n" + _overview(runs)]
    parts += (
        ["## The documents' claims as numbers\n\n" + _rows(("claim", "measured"), claims(images))] if images else []
    )
    for key, title, write in IMAGE_TABLES:
        parts += [f"## {title}\n\n" + _by_noise(images, key, write)] if images else []
    if codes:
        parts.append("## Reductions\n\n" + _rows(CODE_HEADS, [_code(run) for run in codes]))
    if forecasts:
        parts.append("## Forecasts\n\n" + _rows(FORECAST_HEADS, [row for run in forecasts for row in _forecast(run)]))
    return "\n".join(parts)


def _overview(runs: Sequence[Run]) -> str:
    rows = []
    for run in runs:
        report = run.report
        found = report.get("summary") or f"SNR improvement {report['snr_improvement_db']:.2f} dB"
        seconds = round(report["training_seconds"])
        asked = run.recipe.schedule.epochs
        epochs = f"{report['epochs']}" + (f" of {asked}" if report["epochs"] < asked else "")
        rows.append((run.name, _reported(run), epochs, seconds, f"{report['val_loss']:.4f}", found))
    tutorials = (load_recipe(path) for path in bundled_recipes().values())
    there = {run.recipe.name for run in runs}
    missing = [f"`{recipe.name}`" for recipe in tutorials if recipe.reported and recipe.name not in there]
    said = f"\nNot run: {', '.join(missing)}.\n" if missing else ""
    return _rows(("recipe", "the document reports", "epochs", "seconds", "val_loss", "measured"), rows) + said


def _reported(run: Run) -> str:
    if not run.recipe.reported or OURS & set(run.changes):
        return "(ours)"
    return "(a variant)" if run.changes else run.recipe.reported


def _by_noise(images: Sequence[Run], key: str, write: Callable[[Sequence[float]], str]) -> str:
    tested = list(dict.fromkeys(name for run in images for name in run.report["tests"]))
    rows = [
        (
            run.name,
            *(
                write(run.report["tests"][name][key]) if name in run.report["tests"] else "not measured"
                for name in tested
            ),
        )
        for run in images
    ]
    return _rows(("trained", *(f"on {name.replace('_', ' ')}" for name in tested)), rows)


def _code(run: Run) -> tuple[Any, ...]:
    report = run.report
    errors = [f"{error:.4f}" for error in report.get("reconstruction_mse", ())] or 2 * ["no decoder"]
    right = (f"{100 * share:.1f} %" if share is not None else "one kind" for share in report["label_accuracy"])
    return (run.name, run.recipe.window, report["code_size"], *errors, *right)


def _forecast(run: Run) -> list[tuple[Any, ...]]:
    each = run.report["forecast_rmse_by_series"]
    rows = [("all", run.report["forecast_rmse"]), *((str(number + 1), pair) for number, pair in enumerate(each))]
    return [(run.name, series, *(f"{error:.4f}" for error in pair)) for series, pair in rows]


def _arrow(digits: int) -> Callable[[Sequence[float]], str]:
    return lambda values: " → ".join(f"{value:.{digits}f}" for value in values)


IMAGE_TABLES = (
    ("psnr_db", "PSNR in dB: noisy → denoised", _arrow(1)),
    ("ssim", "SSIM: noisy → denoised", _arrow(2)),
    ("sharpness", "Sharpness (clean = 1, blurred below): noisy → denoised", _arrow(2)),
    ("recognised", "Share whose nearest training image shows the same: clean → noisy → denoised", _arrow(2)),
)


def _rows(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("usage: python -m tools.tutorials.table RUN..., run folders", file=sys.stderr)
        raise SystemExit(2)
    try:
        found = with_runs(load_runs(RESULTS), [read_run(Path(folder)) for folder in sys.argv[1:]])
    except DenoiseError as error:
        raise SystemExit(str(error)) from error
    store_runs(found, RESULTS)
    PAGE.write_text(table(found))
