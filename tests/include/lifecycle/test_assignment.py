"""Assignment: of each name one annotator, and shares that come out."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.assignment import assigned
from include.projects.annotators import Annotator

ONE = Annotator(model="models:One")
HALVES = (Annotator(model="models:A", name="words", share=0.5), Annotator(model="models:B", name="words", share=0.5))
QUARTER = (Annotator(model="models:A", name="words", share=0.25), Annotator(model="models:B", name="words", share=0.75))
IMAGES = [f"image {number}" for number in range(4000)]


@given(st.text(), st.integers())
def test_each_name_is_asked_once_in_the_order_of_the_file(image: str, seed: int) -> None:
    annotators = (HALVES[0], ONE, HALVES[1])
    chosen = assigned(image, annotators, seed)
    assert chosen in [(0, 1), (1, 2)]
    assert assigned(image, annotators, seed) == chosen


def test_versions_split_the_images_by_their_shares() -> None:
    counts = Counter(assigned(image, QUARTER, seed=0) for image in IMAGES)
    assert set(counts) == {(0,), (1,)}
    assert abs(counts[0,] / len(IMAGES) - 0.25) < 0.03  # four standard deviations of a fair draw


def test_another_seed_is_another_draw() -> None:
    first, second = ([assigned(image, HALVES, seed) for image in IMAGES] for seed in (0, 1))
    same = sum(one == other for one, other in zip(first, second, strict=True))
    assert abs(same / len(IMAGES) - 0.5) < 0.04


def test_shares_that_fall_short_by_rounding_leave_nobody_out() -> None:
    tenths = tuple(Annotator(model=f"models:A{number}", name="words", share=0.1) for number in range(10))
    assert all(len(assigned(image, tenths, seed=0)) == 1 for image in IMAGES)
