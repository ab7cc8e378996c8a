"""Fits: they find what the scores were bent by, and every fitted curve is a rising probability."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from include.evaluation.curves import Curve, Kind
from include.evaluation.fits import fit

RNG = np.random.default_rng(7)
GRID = np.linspace(0, 1, 101)

judged = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(1, 20)), min_size=1, max_size=60)


@pytest.mark.parametrize("kind", Kind)
@given(rows=judged)
def test_a_curve_rises_and_is_a_probability(kind: Kind, rows: list[tuple[float, bool, float]]) -> None:
    scores, right, weights = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    answers = fit(kind, scores, right, weights).apply(GRID)
    assert np.all((answers >= 0) & (answers <= 1))
    assert np.all(np.diff(answers) >= -1e-12)


def bent(slope: float, intercept: float, count: int = 20000) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and judgements of which this curve is the truth."""
    scores = RNG.uniform(0.02, 0.98, count)
    right = (RNG.uniform(size=count) < expit(slope * logit(scores) + intercept)).astype(np.float64)
    return scores, right


def test_temperature_finds_how_much_too_sure_a_model_is() -> None:
    scores, right = bent(slope=0.5, intercept=0.0)
    assert fit(Kind.TEMPERATURE, scores, right, np.ones_like(scores)).slope == pytest.approx(0.5, abs=0.03)


def test_platt_is_where_the_softened_log_loss_is_least() -> None:
    scores, right = bent(slope=1.5, intercept=-1.0, count=400)
    weights = RNG.uniform(1, 4, 400)
    rights, wrongs = right.sum(), 400 - right.sum()
    target = np.where(right == 1, (rights + 1) / (rights + 2), 1 / (wrongs + 2))

    def loss(ab: np.ndarray) -> float:
        p = expit(ab[0] * logit(scores) + ab[1])
        return float(-np.sum(weights * (target * np.log(p) + (1 - target) * np.log(1 - p))))

    slope, intercept = minimize(loss, [1.0, 0.0]).x
    found = fit(Kind.PLATT, scores, right, weights)
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept), abs=1e-3)


def test_isotonic_pools_neighbours_that_fall() -> None:
    # by hand: 0.2 is right once in three with weights (1, 3), 0.4 is wrong: pooled 1/5; 0.8 is right
    scores = np.array([0.2, 0.2, 0.4, 0.8])
    right, weights = np.array([1.0, 0.0, 0.0, 1.0]), np.array([1.0, 3.0, 1.0, 1.0])
    found = fit(Kind.ISOTONIC, scores, right, weights).apply(np.array([0.2, 0.4, 0.6, 0.8]))
    assert found == pytest.approx([0.2, 0.2, 0.6, 1.0], abs=1e-5)


def test_a_weight_counts_as_so_many_rows() -> None:
    scores, right = bent(slope=0.7, intercept=0.4, count=300)
    doubled = np.where(np.arange(300) < 100, 2.0, 1.0)
    again = np.concatenate([np.arange(300), np.arange(100)])
    for kind in (Kind.TEMPERATURE, Kind.ISOTONIC):
        one = fit(kind, scores, right, doubled).apply(GRID)
        other = fit(kind, scores[again], right[again], np.ones(400)).apply(GRID)
        assert one == pytest.approx(other, abs=1e-4)


def test_nothing_but_right_ones_teach_nothing() -> None:
    scores = np.array([0.2, 0.9])
    assert fit(Kind.PLATT, scores, np.ones(2), np.ones(2)) == Curve(Kind.IDENTITY)


def test_of_scores_that_say_nothing_only_how_often_the_model_is_right_is_left() -> None:
    scores = np.linspace(0.05, 0.95, 50)
    falling = fit(Kind.PLATT, scores, (scores < 0.41).astype(float), np.ones(50))
    assert falling.apply(GRID) == pytest.approx(np.full(101, (20 * 21 / 22 + 30 / 32) / 50))
    constant = fit(Kind.PLATT, np.full(50, 0.9), (scores < 0.41).astype(float), np.ones(50))
    assert constant.apply(np.array([0.9])) == pytest.approx([0.4], abs=0.01)
