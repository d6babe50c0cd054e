"""The scales bound every 16-bit sum, and waste no more range than that needs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from whatsit.engines.channel_scales import channel_scales

weights = npst.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 7), st.sampled_from([1, 3]), st.just(1)),
    elements=st.floats(-4, 4, width=32, allow_subnormal=False),
)


@settings(max_examples=80, deadline=None)
@given(weights)
def test_no_pair_of_products_leaves_16_bits(weight: np.ndarray) -> None:
    scales = channel_scales(weight)
    steps = np.round(weight / scales[:, None, None, None])
    assert np.abs(steps).max(initial=0) <= 127
    for rows in (steps.transpose(0, 2, 3, 1).reshape(len(weight), -1), steps.reshape(len(weight), -1)):
        padded = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
        first, second = padded[:, 0::2], padded[:, 1::2]
        highest = 255 * (np.maximum(first, 0) + np.maximum(second, 0))
        lowest = 255 * (np.minimum(first, 0) + np.minimum(second, 0))
        assert highest.max() <= 32767
        assert lowest.min() >= -32768


def test_lone_large_weights_keep_the_full_range() -> None:
    weight = np.array([1.0, -1.0, 0.5, 0.4], np.float32).reshape(1, 4, 1, 1)
    np.testing.assert_allclose(channel_scales(weight), [1 / 127], rtol=1e-6)
    np.testing.assert_allclose(channel_scales(np.abs(weight)), [2 / 127], rtol=1e-6)
