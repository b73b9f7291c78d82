"""Run the network for one stream or for many in one batch, by the same code.

A stage does not run the network itself. It is a coroutine: it yields the windows that it wants denoised (a
:class:`Question`) and is sent the denoised ones (an :class:`Answer`). Whoever drives it decides how the network runs:
:func:`run_one` at once, for a single stream; :func:`run_batched` collects the questions of many streams, a pool's or
the series of a table, and runs the network once for all of them.
"""

import functools
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from denoise_stream.arrays import Samples
from denoise_stream.model import BoundModel, Model, Rows

Result = TypeVar("Result")

BATCH_WINDOWS = 64
"""Windows per run of the network; larger batches do not fit the processor's cache."""


class Question(NamedTuple):
    """Windows ``(rows, window)`` for the network, and what else it takes.

    That is the state ``(rows, state_size)`` of a stateful network, or the context ``(rows, context_size)`` of one with
    a context. Of a block, the rows are consecutive windows of one signal, and the state is one row.
    """

    rows: Rows
    state: Rows | None = None
    context: Rows | None = None
    is_block: bool = False


class Answer(NamedTuple):
    """Denoised windows ``(rows, window)``, and the next state of a stateful network."""

    clean: Rows
    state: Rows | None = None


Steps = Generator[Question, Answer, Result]


class Stage(Protocol):
    """A stage that needs the network; samples are float64 ``(channels, n)``."""

    @property
    def failed_windows(self) -> int:
        """Windows that the network failed on, and that passed unchanged, since the stage was made."""
        ...

    def process(self, samples: Samples) -> Steps[Samples]:
        """Take the next samples; return those that are finished."""
        ...

    def flush(self) -> Steps[Samples]:
        """Return all that is kept and reset."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


def ask(model: Model | BoundModel, question: Question) -> Answer:
    """Run the network for one question."""
    if question.context is not None:
        return Answer(model.run(question.rows, question.context))
    if question.state is None:
        return Answer(model.run(question.rows))
    if question.is_block:
        return Answer(*model.run_block(question.rows, question.state))
    return Answer(*model.run_stateful(question.rows, question.state))


def run_one(model: Model | BoundModel, steps: Steps[Result]) -> Result:
    """Run one computation to its end, the network once for each question, and return its result."""
    try:
        question = next(steps)
        while True:
            question = steps.send(ask(model, question))
    except StopIteration as end:
        result: Result = end.value
        return result


def ask_together(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Run the network once for several questions, and once for each block among them.

    All of them, or none, carry a state, and likewise a context.
    """
    if len(questions) == 1:
        return [ask(model, questions[0])]
    if any(question.is_block for question in questions):
        others = [question for question in questions if not question.is_block]
        answers = iter(ask_together(model, others) if others else [])
        return [ask(model, question) if question.is_block else next(answers) for question in questions]
    together = Question(
        np.concatenate([question.rows for question in questions]),
        _joined([question.state for question in questions]),
        _joined([question.context for question in questions]),
    )
    clean, state = ask(model, together)
    ends = np.cumsum([len(question.rows) for question in questions])
    starts = [0, *ends[:-1]]
    return [
        # a state is kept for long: a copy does not keep all others alive
        Answer(clean[start:end], None if state is None else state[start:end].copy())
        for start, end in zip(starts, ends, strict=True)
    ]


def _joined(parts: Sequence[Rows | None]) -> Rows | None:
    """Join the rows of several questions; None where they have none."""
    rows = [part for part in parts if part is not None]
    return np.concatenate(rows) if rows else None


class Computation(Generic[Result]):
    """A running computation, and the callbacks for its result or its failure."""

    def __init__(
        self, steps: Steps[Result], on_end: Callable[[Result], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._steps = steps
        self._on_end = on_end
        self._on_error = on_error

    def go_on(self, found: Answer | None = None) -> Question | None:
        """Advance to the next question, at first without an answer; return None at the end or after a failure."""
        try:
            return next(self._steps) if found is None else self._steps.send(found)
        except StopIteration as end:
            self._on_end(end.value)
        except Exception as error:  # a computation that fails must not stop the others
            self._on_error(error)
        return None

    def fail(self, error: Exception) -> None:
        """Stop the computation with this error."""
        self._steps.close()
        self._on_error(error)


def run_batched(model: Model, computations: Iterable[Computation[Any]]) -> None:
    """Run many computations to their ends, with the network in batches of about ``BATCH_WINDOWS`` windows."""
    asking = [(one, question) for one in computations if (question := one.go_on()) is not None]
    while asking:
        batch, rows = 0, 0
        while batch < len(asking) and rows < BATCH_WINDOWS:
            rows += len(asking[batch][1].rows)
            batch += 1
        now, asking = asking[:batch], asking[batch:]
        for (one, _), found in zip(now, _ask_all(model, [question for _, question in now]), strict=True):
            if isinstance(found, Exception):
                one.fail(found)
            elif (question := one.go_on(found)) is not None:
                asking.append((one, question))


def _ask_all(model: Model, questions: Sequence[Question]) -> list[Answer | Exception]:
    """Run the network once for several questions; where it fails, once for each, so that only the cause gets the error.

    The network's failures have no common base class but Exception.
    """
    try:
        return [*ask_together(model, questions)]
    except Exception as error:
        if len(questions) == 1:
            return [error]
    return [answer for question in questions for answer in _ask_all(model, [question])]


def run_many(model: Model, many: Sequence[Steps[Result]]) -> list[Result]:
    """Run many computations in batches as :func:`run_batched` does, and return their results in order."""
    results: dict[int, Result] = {}

    def stop(error: Exception) -> None:
        raise error

    run_batched(
        model, [Computation(steps, functools.partial(results.__setitem__, at), stop) for at, steps in enumerate(many)]
    )
    return [results[at] for at in range(len(many))]
