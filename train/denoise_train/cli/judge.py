"""Judge a recording: ``denoise-evaluate FILE``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from denoise_stream import DenoiseError, Denoiser
from denoise_stream.cli.command_line import in_options
from denoise_stream.errors import needs_extra
from denoise_stream.files.formats import ending_of, format_of
from denoise_stream.files.paths import whole_file, write_json
from denoise_stream.model import choose_models
from denoise_train.cli.evaluate_options import Options
from denoise_train.recordings.channels import ARRAYS, sample_rate_hz

ALLOWED = frozenset({"subject", "model", "columns", "rate", "plot", "report", "force"})
"""Parameters that go with a recording alone."""


def judge_recording(options: Options, say: Callable[[str], object]) -> str:
    """Judge a recording, draw and write what was found.

    Parameters
    ----------
    options
        Those of the command; the recording is given.
    say
        Gets progress messages.

    Returns
    -------
    What to tell the user.

    Raises
    ------
    click.UsageError
        If the rate does not go with the model.
    SourceError
        If the recording cannot be read or is too short.
    """
    path = options.recording
    assert path is not None
    with needs_extra("evaluating", "evaluate"):
        from denoise_train.evaluation.compare import engine_method
        from denoise_train.evaluation.one_file.plot import draw_verdict
        from denoise_train.evaluation.one_file.run import judge_file
        from denoise_train.evaluation.one_file.text import describe_verdict
    usual = choose_models(options.model)
    is_audio = format_of(path.name).kind == "audio" and ending_of(path.name) not in ARRAYS
    model = usual.audio if is_audio else usual.table
    denoiser = Denoiser(model, lookahead_samples="auto")
    rate_hz = options.signals.rate or (sample_rate_hz(path, options.signals.column_names) if path.is_file() else None)
    rate_hz = rate_hz or denoiser.contract.sample_rate_hz
    try:
        denoiser.stream(1, rate_hz)
    except ValueError as error:
        reason = in_options(str(error), click.get_current_context())
        raise click.UsageError(f"{model} does not go with {path.name}: {reason}") from error
    method, columns = engine_method(denoiser, rate_hz), options.signals.column_names
    judged = judge_file(method, path, rate_hz, columns, say, denoiser.contract)
    name = denoiser.contract.name
    picture = _draw(options, path, lambda partial: draw_verdict(judged, name, partial))
    if options.outputs.report is not None:
        facts: dict[str, Any] = {"model": name, "file": str(model), "recording": str(path), "hop": denoiser.hop}
        write_json(options.outputs.report, facts | {"signals": [one.figures() for one in judged]})
    return describe_verdict(judged, name, str(model), path, picture)


def _draw(options: Options, path: Path, draw: Callable[[Path], None]) -> str:
    """Draw the picture as requested, or beside the recording; return a sentence about it."""
    target = options.outputs.plot or path.with_name(f"{path.stem}.verdict.png")
    if options.outputs.plot is None and target.exists() and not options.outputs.force:
        return f"No picture: {target} exists (--force replaces it)."
    try:
        with whole_file(target) as partial:
            draw(partial)
    except (OSError, DenoiseError) as error:
        if options.outputs.plot is not None:
            raise
        return f"No picture: {error} (--plot FILE.png chooses another place)."
    return f"Picture: {target}."
