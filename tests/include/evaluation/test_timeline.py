"""Figures over time, and intervals that hold what they promise."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from scipy.sparse import csr_array

from include.evaluation.bootstrap import DRAWS, draws, interval
from include.evaluation.columns import sheet
from include.evaluation.detection import detection_figures
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
