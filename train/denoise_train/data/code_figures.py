"""Measure codes: an encoder and principal components of the same size, side by side."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from denoise_stream.errors import needs_extra
from denoise_train.arrays import Windows

Map = Callable[[Windows], Windows]
Labelled = tuple[Windows, NDArray[np.int64]]
MOST_STEPS = 500
"""Iterations of the logistic regression's solver, enough for the accuracy to settle."""


@runtime_checkable
class JudgesCodes(Protocol):
    """Data whose networks are measured by their codes too."""

    def code_figures(self, encode: Map, autoencode: Map) -> dict[str, Any]:
        """Measure the codes of the test rows."""
        ...


def check_packages() -> None:
    """Find out before a training whether its codes can be measured after it; MissingExtra if not."""
    with needs_extra("measuring codes", "images"):
        import sklearn as sklearn


def measure_codes(training: Labelled, test: Labelled, encode: Map, autoencode: Map | None) -> dict[str, Any]:
    """Measure how well a code preserves the rows, and how well a classifier reads from it what they show.

    Parameters
    ----------
    training, test
        Rows ``(n, samples)`` and what each shows ``(n,)``.
    encode, autoencode
        The encoder and the whole network; None for the latter if it does not give the rows back.

    Returns
    -------
    ``code_size``; ``label_accuracy`` (share of test rows that a logistic regression on standardized codes tells right)
    and, with an ``autoencode``, ``reconstruction_mse``, each as [network, principal components of the same size]; and
    a ``summary``.
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
    projected = components.transform(test_rows)

    def accuracy(known: Any, asked: Any) -> float | None:
        if len(set(labels.tolist())) < 2:
            return None
        judge = make_pipeline(StandardScaler(), LogisticRegression(max_iter=MOST_STEPS))
        return float(judge.fit(known, labels).score(asked, test_labels))

    figures = {
        "code_size": size,
        "label_accuracy": [accuracy(codes, test_codes), accuracy(components.transform(rows), projected)],
    }
    if autoencode is None:
        return figures
    rebuilt = (autoencode(test_rows), components.inverse_transform(projected))
    errors = [float(np.mean((test_rows - found) ** 2)) for found in rebuilt]
    summary = f"mean squared error {errors[0]:.4f}, by {size} principal components {errors[1]:.4f}"
    return figures | {"reconstruction_mse": errors, "summary": summary}
