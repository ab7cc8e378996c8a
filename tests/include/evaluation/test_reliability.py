"""Reliability by hand, and thresholds that hold what they promise."""

import numpy as np
import pytest

from include.evaluation.reliability import Bin, reliability, threshold


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_bins_and_their_error_by_hand() -> None:
    found = reliability(array(0.15, 0.15, 0.95, 1.0), array(0, 1, 1, 1), array(1, 1, 1, 5))
    low, high = found.bins
    assert low == Bin(2, pytest.approx(0.15), 0.5)
    assert high == Bin(2, pytest.approx(5.95 / 6), 1.0)
    assert found.error == pytest.approx(0.35 * 2 / 8 + (1 - 5.95 / 6) * 6 / 8)


def test_the_lowest_score_that_is_right_often_enough() -> None:
    scores, right = array(0.9, 0.8, 0.7, 0.6, 0.5), array(1, 1, 0, 1, 0)
    images = np.array(["a", "b", "c", "d", "e"])
    found = threshold(scores, right, np.ones(5), images, precision=0.75)
    assert found
    assert (found.score, found.precision, found.share) == (0.6, 0.75, 0.8)
    assert found.low < 0.75 < found.high


def test_predictions_of_one_score_come_together() -> None:
    scores, right = array(0.9, 0.9, 0.5), array(1, 0, 0)
    images = np.array(["a", "b", "c"])
    assert threshold(scores, right, np.ones(3), images, precision=0.9) is None
    found = threshold(scores, right, np.ones(3), images, precision=0.5)
    assert found
    assert found.score == 0.9


def test_a_few_that_are_right_by_chance_suggest_nothing() -> None:
    scores, right, images = array(0.9, 0.8, 0.7), array(1, 1, 0), np.array(["a", "b", "c"])
    assert threshold(scores, right, np.ones(3), images, precision=0.9, least=3) is None
    found = threshold(scores, right, np.ones(3), images, precision=0.9, least=2)
    assert found
    assert found.score == 0.8


def test_weights_count() -> None:
    images = np.array(["a", "b"])
    found = threshold(array(0.9, 0.5), array(1, 0), array(9, 1), images, precision=0.9)
    assert found
    assert (found.score, found.precision) == (0.5, 0.9)


@pytest.mark.slow
def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        images = np.repeat(np.arange(100), 4)
        chance = np.repeat(random.beta(8, 2, 100), 4)  # objects of an image are alike: 0.8 in the mean
        right = (random.uniform(size=400) < chance).astype(np.float64)
        found = threshold(np.ones(400), right, np.ones(400), images, precision=0.0)
        assert found
        covered += found.low <= 0.8 <= found.high
    assert covered >= 88  # of 100; a binomial of 0.95 falls below with a probability of 0.1 %
