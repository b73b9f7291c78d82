"""Targets: numbers about a row are packed after it and unpacked by name."""

import numpy as np
import pytest
from keras import ops

from denoise_train.targets import SpeechTarget, Target, WindowTarget


@pytest.mark.parametrize("kind", [WindowTarget, SpeechTarget])
def test_what_is_packed_is_unpacked_in_numpy_and_in_the_backend(kind: type[Target]):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(5, 7)), rng.normal(size=5), rng.normal(size=5)]
    packed = kind(*parts).pack()
    assert (packed.dtype, packed.shape) == (np.float32, (5, 7 + kind.columns()))
    for array in (packed, ops.convert_to_tensor(packed)):
        found = vars(kind.unpack(array)).values()
        for one, other in zip(found, parts, strict=True):
            np.testing.assert_allclose(np.asarray(one), other, rtol=1e-6)


def test_parts_of_a_packed_array_are_views_that_can_be_filled():
    packed = np.zeros((3, 6), np.float32)
    target = SpeechTarget.unpack(packed)
    target.clean[1], target.noise[1], target.level[1] = 1.0, 2.0, 3.0
    np.testing.assert_array_equal(packed[1], [1, 1, 1, 1, 2, 3])
