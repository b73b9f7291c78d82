"""Seed a random generator for each split.

The same seed gives the same data whatever was drawn before, and no seed gives the same data to two splits.
"""

import numpy as np

TRAINING, VALIDATION, TEST, EVALUATION = range(4)
"""Splits; the evaluation command has one of its own."""


def seeded(seed: int, split: int, index: int = 0) -> np.random.Generator:
    """Return the generator for one draw of one split."""
    return np.random.default_rng([seed, split, index])
