"""Computations that ask the network on their way: windows go out as questions, denoised windows come in as answers.

A stage does not run the network; it yields a question and goes on with the answer. So one stream can have its
questions answered at once (:func:`answer_all`), and many streams theirs together, in one batch
(:mod:`denoise_stream.pool`), by the same code.
"""

from collections.abc import Generator
from typing import NamedTuple, TypeVar

from denoise_stream.model import Model, Rows

Result = TypeVar("Result")


class Question(NamedTuple):
    """Windows ``(rows, window)`` for the network, and the state ``(rows, state_size)`` of a stateful one."""

    rows: Rows
    state: Rows | None = None


class Answer(NamedTuple):
    """Denoised windows ``(rows, window)``, and the next state of a stateful network."""

    clean: Rows
    state: Rows | None = None


Steps = Generator[Question, Answer, Result]


def answer(model: Model, question: Question) -> Answer:
    """Run the network once."""
    if question.state is None:
        return Answer(model.run(question.rows))
    return Answer(*model.run_stateful(question.rows, question.state))


def answer_all(model: Model, steps: Steps[Result]) -> Result:
    """Run a computation to its end, with every question answered as it comes; return its result."""
    try:
        question = next(steps)
        while True:
            question = steps.send(answer(model, question))
    except StopIteration as end:
        result: Result = end.value
        return result
