"""Measure codes: an encoder and principal components of the same size, side by side."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from denoise_stream.command_line import needs_extra
from denoise_train.data import Windows

Map = Callable[[Windows], Windows]
MOST_STEPS = 500
"""Of the logistic regression's solver; beyond it the share of right answers changes no more."""


@runtime_checkable
class JudgesCodes(Protocol):
    """Data whose networks are measured by their codes too."""

    def code_figures(self, decode: Map, encode: Map) -> dict[str, Any]:
        """Measure the codes of the test rows; ``decode`` is the whole network."""
        ...


def measure_codes(
    training: tuple[Windows, NDArray[np.int64]], test: tuple[Windows, NDArray[np.int64]], autoencode: Map, encode: Map
) -> dict[str, Any]:
    """Measure how much of the rows a code keeps, and how well it tells what they show.

    Parameters
    ----------
    training, test
        Rows ``(n, samples)`` and what each shows ``(n,)``.
    autoencode, encode
        The whole network and its encoder.

    Returns
    -------
    ``summary``, ``code_size``; ``reconstruction_mse`` and ``label_accuracy`` (share of test rows that a logistic
    regression on standardized codes tells right), each as [network, principal components of the same size].
    """
    with needs_extra("measuring codes", "images"):
        from sklearn.decomposition import PCA
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

    (rows, labels), (test_rows, test_labels) = training, test
    codes, test_codes = encode(rows), encode(test_rows)
    size = codes.shape[1]
    components = PCA(min(size, *rows.shape), random_state=0).fit(rows)

    def accuracy(known: Any, asked: Any) -> float | None:
        if len(set(labels.tolist())) < 2:
            return None
        judge = make_pipeline(StandardScaler(), LogisticRegression(max_iter=MOST_STEPS))
        return float(judge.fit(known, labels).score(asked, test_labels))

    def error(rebuilt: Any) -> float:
        return float(np.mean((test_rows - rebuilt) ** 2))

    projected = components.transform(test_rows)
    errors = [error(autoencode(test_rows)), error(components.inverse_transform(projected))]
    return {
        "summary": f"mean squared error {errors[0]:.4f}, by {size} principal components {errors[1]:.4f}",
        "code_size": size,
        "reconstruction_mse": errors,
        "label_accuracy": [accuracy(codes, test_codes), accuracy(components.transform(rows), projected)],
    }
