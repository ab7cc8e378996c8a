"""Figures over time, and intervals that hold what they promise."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import binomtest

from include.evaluation.bootstrap import DRAWS, Interval, draws, interval
from include.evaluation.columns import sheet
from include.evaluation.detection import Figures, detection_figures
from include.evaluation.overlaps import pairs_of
from include.evaluation.reviewed import ReviewedImage
from include.evaluation.tally import right_pairs, tally
from include.evaluation.timeline import Period, timeline
from tests.include.evaluation.objects import box, reviewed

HIT, FAR = box(0, 0, 10, 10), box(50, 50, 60, 60)
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(moment: datetime | None, name: str, *, right: bool = True) -> ReviewedImage:
    return reviewed([(HIT, 0.9)], [(HIT if right else FAR, 1)], image_id=name, finished_at=moment)


def periods(images: list[ReviewedImage]) -> tuple[Period, ...]:
    seen = sheet(images)
    return timeline(tally(seen, right_pairs(seen, pairs_of(seen), 0.5)), seen.finished_at)


def test_each_day_has_its_own_figures() -> None:
    days = [at(MONDAY, "b"), at(MONDAY + timedelta(days=2), "a", right=False), at(None, "c", right=False)]
    first, second = periods(days)
    assert (first.first, first.days, first.images) == (date(2026, 3, 2), 1, 1)
    assert second.first == date(2026, 3, 4)
    assert (first.figures.micro.rates.f1, second.figures.micro.rates.f1) == (1.0, 0.0)


def test_a_long_time_is_told_in_weeks_from_monday() -> None:
    found = periods([at(MONDAY, "a"), at(MONDAY + timedelta(days=6), "b"), at(MONDAY + timedelta(days=70), "c")])
    assert [(one.first, one.days, one.images) for one in found] == [
        (date(2026, 3, 2), 7, 2),
        (date(2026, 5, 11), 7, 1),
    ]


def test_without_moments_there_is_no_time() -> None:
    assert periods([at(None, "a")]) == ()


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    """Of 2,000 images of which each has an object found with probability 0.3: 0.3 ± 1.96 sqrt(.21 / 2000)."""
    hits = (np.random.default_rng(3).random(2000) < 0.3).astype(np.float64)
    counts = csr_array(np.stack([np.ones(2000), hits], axis=1))
    totals = draws(counts, np.ones(2000), seed=1)
    assert totals.shape == (DRAWS, 2)
    found = interval(totals[:, 1] / totals[:, 0])
    assert found
    error = np.sqrt(hits.mean() * (1 - hits.mean()) / 2000)
    np.testing.assert_allclose(
        [found.low, found.high], hits.mean() + np.array([-1.96, 1.96]) * error, atol=0.15 * error
    )
    assert abs(found.error - error) < 0.1 * error


def test_a_figure_that_hardly_any_draw_has_has_no_interval() -> None:
    assert interval(np.full(DRAWS, np.nan)) is None


def test_the_same_seed_draws_the_same_whatever_the_blocks() -> None:
    counts = csr_array(np.eye(50))
    np.testing.assert_array_equal(draws(counts, np.ones(50), 7), draws(counts, np.ones(50), 7))
    assert not np.array_equal(draws(counts, np.ones(50), 7), draws(counts, np.ones(50), 8))


def test_a_figure_without_any_error_is_as_sure_as_its_images_are_many() -> None:
    """Clopper and Pearson's bound for 10 of 10 is .6915 (their tables), whatever the bootstrap has to say."""
    images = [at(None, f"{number}") for number in range(10)]
    seen = sheet(images)
    figures = detection_figures(tally(seen, right_pairs(seen, pairs_of(seen), 0.5)))
    for found in (figures.micro.intervals.f1, figures.by_class["word"].intervals.recall, figures.macro_intervals.f1):
        assert found
        assert (round(found.low, 4), found.high) == (0.6915, 1.0)
        assert found.error > 0.1
    none = sheet([at(None, f"{number}", right=False) for number in range(10)])
    nothing = detection_figures(tally(none, right_pairs(none, pairs_of(none), 0.5))).micro.intervals.f1
    assert nothing
    assert (nothing.low, round(nothing.high, 4)) == (0.0, 0.3085)


def figures(images: list[ReviewedImage]) -> Figures:
    seen = sheet(images)
    return detection_figures(tally(seen, right_pairs(seen, pairs_of(seen), 0.5)))


def seldom_predicted(predictions: int, images: int, *, right: bool) -> Figures:
    """Each image has an object, and some a prediction."""
    place = HIT if right else FAR
    return figures(
        [reviewed([(place, 0.9)][: number < predictions], [(HIT, 1)], image_id=f"{number}") for number in range(images)]
    )


def exact(right: int, of: int) -> object:
    """Clopper and Pearson's interval, by SciPy."""
    found = binomtest(right, of).proportion_ci(0.95, method="exact")
    return pytest.approx((found.low, found.high))


def ends(found: Interval | None) -> tuple[float, float]:
    assert found
    return found.low, found.high


@pytest.mark.parametrize("predictions", [1, 2, 3, 4, 10])
def test_precision_is_as_sure_as_there_are_images_with_predictions(predictions: int) -> None:
    good = seldom_predicted(predictions, 400, right=True)
    bad = seldom_predicted(predictions, 400, right=False)
    for scores in (good.by_class["word"], good.micro):
        assert ends(scores.intervals.precision) == exact(predictions, predictions)
    for scores in (bad.by_class["word"], bad.micro):
        assert ends(scores.intervals.precision) == exact(0, predictions)
        assert ends(scores.intervals.recall) == exact(0, 400)
    # were precision 0.60 and recall 0.009, F1 would be 0.018
    precision, recall = binomtest(0, predictions).proportion_ci().high, binomtest(0, 400).proportion_ci().high
    f1 = 2 * precision * recall / (precision + recall)
    assert ends(bad.by_class["word"].intervals.f1) == pytest.approx((0, f1))


def test_without_predictions_recall_is_surely_low_and_f1_by_what_precision_could_be() -> None:
    intervals = seldom_predicted(0, 20, right=True).by_class["word"].intervals
    assert intervals.precision is None
    high = binomtest(0, 20).proportion_ci().high
    assert ends(intervals.recall) == exact(0, 20)
    assert ends(intervals.f1) == pytest.approx((0, 2 * high / (1 + high)))


def test_images_of_unequal_weight_count_as_fewer() -> None:
    """Nine of weight 1 and one of weight 3 are, by Kish, 12² / 18 = 8."""
    images = [reviewed([(HIT, 0.9)], [(HIT, 1)], image_id=f"{n}", weight=3.0 if n == 0 else 1.0) for n in range(10)]
    intervals = figures(images).by_class["word"].intervals
    assert ends(intervals.precision) == ends(intervals.recall) == exact(8, 8)
    # a thousand reviewed images and five audits of weight 100: 1500² / 51000 = 44.1
    many = [reviewed([(HIT, 0.9)], [(HIT, 1)], image_id=f"{n}", weight=100.0 if n < 5 else 1.0) for n in range(1005)]
    low, _ = ends(figures(many).micro.intervals.recall)
    assert binomtest(44, 44).proportion_ci().low < low < binomtest(45, 45).proportion_ci().low


def test_the_mean_of_classes_that_are_all_right_is_as_sure_as_they_are() -> None:
    """Of ten images with a word one has a number, too: the mean of Clopper and Pearson's 0.6915 and 0.025."""
    number = box(20, 20, 30, 30, "number")
    images = [reviewed([(HIT, 0.9)], [(HIT, 1)], image_id=f"{n}") for n in range(9)]
    images.append(reviewed([(HIT, 0.9), (number, 0.8)], [(HIT, 1), (number, 2)], image_id="9"))
    for found in (figures(images).macro_intervals.precision, figures(images).macro_intervals.f1):
        assert ends(found) == pytest.approx(((0.6915 + 0.025) / 2, 1.0), abs=1e-4)
