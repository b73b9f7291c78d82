"""Train a network as a recipe says: fit, measure, draw and report."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from denoise_train.arrays import Windows
from denoise_train.data.code_figures import JudgesCodes
from denoise_train.data.protocol import Data, Inputs, Pairs
from denoise_train.data.registry import build_data, check_rate
from denoise_train.evaluation.verdict import hold_out, judge
from denoise_train.losses.registry import build_loss
from denoise_train.networks.encoders import encoder_of
from denoise_train.networks.registry import build_architecture
from denoise_train.recipe import Recipe, RecipeError, building, check_number, model_name
from denoise_train.recordings.checks import refuse_constant, refuse_short, warnings_about
from denoise_train.recordings.pairs import OwnData
from denoise_train.training.batches import Batches
from denoise_train.training.failures import FailOnNonFiniteLoss, explaining_lack_of_memory
from denoise_train.training.network_engine import network_method
from denoise_train.training.optimizers import build_optimizer
from denoise_train.training.pace import Clock
from denoise_train.training.run_folder import (
    Keeper,
    draw_panels,
    draw_results,
    prepare_folder,
    write_recipe,
    write_report,
)
from denoise_train.training.start import copy_weights, load_start, start_name

EXAMPLES = 12
"""Test signals in the picture: every kind of signal occurs among the first ones."""

SAMPLES_AT_ONCE = 150 * 1024
"""Samples in one batch for the trained network."""

MOST_EPOCHS = 1_000_000
"""For a training that ends by the clock."""


def train(
    recipe: Recipe,
    folder: Path,
    own: OwnData | None = None,
    *,
    resume: bool = False,
    say: Callable[[str], None] = print,
    show: Callable[[str, float], None] = lambda doing, share: None,
) -> dict[str, Any]:
    """Train a network and fill a run folder.

    The folder gets ``recipe.toml``, ``model.keras`` (the best network so far, by ``val_loss``), ``last.weights.h5``
    (with the optimizer's state, for ``resume``), ``history.csv``, ``history.png``, ``samples.png`` and
    ``report.json``; with recordings of one's own also ``own.png``.

    Parameters
    ----------
    recipe
        What to train.
    folder
        The run folder; it is created.
    own
        Recordings to draw from beside the synthetic family.
    resume
        Resume an interrupted run in this folder.
    say
        Gets one line per epoch.
    show
        Gets what is being done and the share done, many times an epoch.

    Returns
    -------
    The report. A KeyboardInterrupt ends the training after the running batch; the best network is kept and
    reported. Before the first epoch is complete there is none: then ``epochs`` is 0, nothing was measured, and
    the folder can be used again.

    Raises
    ------
    RecipeError
        If the recipe holds a wrong key or value.
    SourceError
        If the recordings are constant or too short to be split, or there is nothing in them to judge by, or
        the network to start from or the state to resume from cannot be read.
    SinkError
        If the folder holds a run and ``resume`` is false, or none or one of another recipe and it is true.
    """
    check_rate(recipe.data, recipe.sample_rate_hz)
    keras.utils.set_random_seed(recipe.seed)
    own = own or OwnData()
    _look_at(own, recipe.window, say)
    own = _without_wander(own, recipe)
    with building("data"):
        data = build_data(recipe.data, recipe.noise, recipe.window, recipe.seed, own, recipe.contract)
    with building("architecture"):
        architecture = build_architecture(recipe.window, recipe.hop, recipe.architecture, recipe.contract)
        network, learner = architecture.network, architecture.over_rows(data.row_samples)
    start = load_start(recipe.start) if recipe.start else None
    if start is not None:
        copy_weights(network, start, recipe.start)
    # Refuse before the training, not after it, what cannot be judged.
    held_out = hold_out(recipe, own) if own and not data.judges_own else None
    with building("loss"):
        loss = build_loss(recipe.loss, recipe.window, data.windows_per_signal)
    batches = Batches(data, recipe.schedule)
    optimizer = build_optimizer(recipe.optimizer, recipe.schedule, len(batches))
    # The loops over sequences are faster when they are compiled; the rest is left to Keras.
    learner.compile(optimizer=optimizer, loss=loss, jit_compile="auto" if learner is network else True)
    optimizer.build(learner.trainable_variables)  # in its first step it would have TensorFlow trace the step twice
    prepare_folder(folder, recipe, resume=resume)
    keeper = Keeper(folder, say, show, recipe.schedule, len(batches), network)
    keeper.set_model(learner)
    if resume:
        keeper.restore()
        batches.epoch = len(keeper.rows)
    write_recipe(folder, recipe)
    name = model_name(recipe, folder.resolve().name)
    show("drawing signals to choose the best epoch", 0.0)
    interrupted = _fit(learner, recipe, batches, data.validation(), keeper)
    if not keeper.rows:
        return {"recipe": recipe.name, "epochs": 0, "interrupted": True}
    best = keeper.load_best()
    show("measuring on test signals", 0.0)
    denoise = _predictor(learner, data.row_samples)
    report = {
        "name": name,
        "recipe": recipe.name,
        "seed": recipe.seed,
        "parameters": int(best.count_params()),
        "epochs": len(keeper.rows),
        "training_seconds": round(sum(row["seconds"] for row in keeper.rows), 1),
        "val_loss": keeper.best_val_loss,
        # Measured on test data that neither the training nor the choice of epoch saw.
        **data.figures(denoise, keeper.best_val_loss),
        **_code_figures(data, best, denoise),
        "interrupted": interrupted,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
    }
    examples = data.examples(EXAMPLES)
    write_report(folder, report)
    draw_results(folder, name, keeper.rows, examples, denoise(examples.inputs), recipe.image_shape)
    if held_out is not None:
        methods = [network_method(best, name, recipe.contract)]
        if start is not None:
            methods.append(network_method(start, start_name(recipe.start), recipe.contract))
        found = judge(methods, held_out, lambda share: show("comparing on held-out recordings", share))
        report["own_recordings"] = {"verdict": found.sentence, **found.figures}
        write_report(folder, report)
        if found.panels is not None:
            draw_panels(folder, found.panels, f"{name} on held-out recordings")
    return report


def _look_at(own: OwnData, window: int, say: Callable[[str], None]) -> None:
    """Refuse constant recordings, and warn of faults in the others."""
    for kind, recordings in own.by_kind.items():
        refuse_constant(recordings.signals, f"the {kind} recordings")
        if kind != "noise":  # that of a click is short, and is repeated
            refuse_short(recordings.signals, window, f"the {kind} recordings")
        for sentence in (*recordings.notes, *warnings_about(recordings.signals, window)):
            say(f"warning: of the {kind} recordings, {sentence}")


def _without_wander(own: OwnData, recipe: Recipe) -> OwnData:
    """Take what is slower than the recipe's ``clean_above_hz`` out of the clean recordings; 0 leaves them.

    Raises
    ------
    RecipeError
        If the recipe has no sample rate, or the frequency is not well below half of it.
    """
    above_hz = recipe.data.get("clean_above_hz", 0)
    if own.clean is None or not above_hz:
        return own
    rate_hz = recipe.sample_rate_hz
    if rate_hz is None:
        raise RecipeError("data: clean_above_hz needs the recipe's sample_rate_hz")
    check_number("data: clean_above_hz", above_hz, 0, rate_hz / 4)
    return dataclasses.replace(own, clean=own.clean.above(above_hz / rate_hz))


def _fit(learner: keras.Model, recipe: Recipe, batches: Batches, validation: Pairs, keeper: Keeper) -> bool:
    """Train until the epochs or the minutes are over; return whether Ctrl-C came before."""
    # Report a loss that is not finite before it is saved.
    callbacks: list[keras.callbacks.Callback] = [FailOnNonFiniteLoss(recipe), keeper]
    if recipe.optimizer.averaging:
        callbacks.append(keras.callbacks.SwapEMAWeights())  # for the validation
    epochs = recipe.schedule.epochs
    if recipe.schedule.minutes:
        clock = Clock(recipe, keeper.seconds)
        callbacks.append(clock)
        epochs = len(keeper.rows) if clock.over else MOST_EPOCHS
    try:
        with explaining_lack_of_memory(recipe):
            learner.fit(
                batches,
                initial_epoch=len(keeper.rows),
                epochs=epochs,
                validation_data=(validation.inputs, validation.target),
                validation_batch_size=recipe.schedule.batch_size,
                shuffle=False,
                verbose=0,
                callbacks=callbacks,
            )
    except KeyboardInterrupt:
        return True
    return False


def _predictor(network: keras.Model, row_samples: int) -> Callable[[Inputs], Windows]:
    """Return the function that runs a network over any number of rows, in batches that fit into memory."""
    size = max(1, SAMPLES_AT_ONCE // row_samples)

    def predict(inputs: Inputs) -> Windows:
        count = len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)
        if count <= size:  # a pipeline of batches would take longer to set up than the one batch
            return np.asarray(network.predict_on_batch(inputs))
        return np.asarray(network.predict(inputs, batch_size=size, verbose=0))

    return predict


def _code_figures(data: Data, network: keras.Model, denoise: Callable[[Inputs], Windows]) -> dict[str, Any]:
    """Measure the encoder, where the data judges codes."""
    if not isinstance(data, JudgesCodes):
        return {}
    return data.code_figures(_predictor(encoder_of(network), data.row_samples), denoise)
