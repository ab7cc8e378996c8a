"""Curves: they are rising probabilities, and their pieces are SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from include.evaluation.curves import Curve, Kind, log_loss, logit, sigmoid

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@given(logits=NUMBERS)
def test_the_sigmoid_is_scipys(logits: list[float]) -> None:
    assert sigmoid(np.array(logits)) == pytest.approx(special.expit(logits), rel=1e-12, abs=1e-300)


@given(probabilities=st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=20))
def test_the_logit_is_scipys(probabilities: list[float]) -> None:
    assert logit(np.array(probabilities)) == pytest.approx(special.logit(probabilities), rel=1e-9, abs=1e-12)


def test_a_score_of_nought_or_one_is_not_certain() -> None:
    assert logit(np.array([0.0, 1.0])) == pytest.approx([-13.8155, 13.8155], abs=1e-4)  # log(1e-6)


@pytest.mark.parametrize("knots", [((0.2, 0.1), (0.6, 0.9))])
def test_a_staircase_is_straight_between_its_knots_and_level_beyond(knots: tuple[tuple[float, float], ...]) -> None:
    found = Curve(Kind.ISOTONIC, knots=knots).apply(np.array([0.0, 0.2, 0.4, 0.6, 1.0]))
    assert found == pytest.approx([0.1, 0.1, 0.5, 0.9, 0.9])


def test_the_log_loss_is_a_weighted_mean_in_nats() -> None:
    found = log_loss(np.array([0.5, 0.25]), np.array([1.0, 0.0]), np.array([1.0, 3.0]))
    assert found == pytest.approx((np.log(2) + 3 * -np.log(0.75)) / 4)
    assert np.isfinite(log_loss(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.ones(2)))
