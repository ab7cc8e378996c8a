"""Selection: the formulas by hand, and orders that lose nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.predictions import Prediction
from include.lifecycle.selection import disagreement, interleaved, uncertainty
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.fields import Order


def one(score: float, left: float = 0.0, label: str = "word") -> Prediction:
    box = Shape(label, ShapeType.RECTANGLE, (left, 0.0, left + 10.0, 10.0))
    return Prediction(f"{label} {left} {score}", "image", "model@1", box, score)


@pytest.mark.parametrize(
    ("order", "expected"),
    [("uri", 0.0), ("least_confidence", 0.8), ("margin", 0.8), ("entropy", 0.9709505944546686)],
)
def test_the_formulas_by_hand(order: Order, expected: float) -> None:
    """Scores 0.2, 0.6 and 1: margins |2p - 1| of 0.6, 0.2 and 1; the entropy of 0.6 is 0.970951 bits."""
    answers = [[one(0.2), one(0.6)], [one(1.0)]]
    assert uncertainty(order, "image", answers, 0) == pytest.approx(expected)


@pytest.mark.parametrize("order", ["least_confidence", "margin", "entropy"])
def test_where_nothing_was_found_nothing_is_known(order: Order) -> None:
    assert uncertainty(order, "image", [[], []], 0) == 1.0


def test_random_is_seeded() -> None:
    draws = {seed: [uncertainty("random", f"image {n}", [], seed) for n in range(200)] for seed in (0, 1)}
    assert draws[0] == [uncertainty("random", f"image {n}", [], 0) for n in range(200)]
    assert draws[0] != draws[1]
    assert 0.4 < sum(draws[0]) / 200 < 0.6


def test_disagreement_by_hand() -> None:
    """Two boxes against one that overlaps the first by 8 of 12, which is enough: F1 is 2 * 1 / 3."""
    a, b = [one(0.9), one(0.9, left=50)], [one(0.5, left=2)]
    assert disagreement([a, b]) == pytest.approx(1 - 2 / 3)
    assert disagreement([a, a]) == 0.0
    assert disagreement([a]) == 0.0
    assert disagreement([a, []]) == 1.0
    assert disagreement([[], []]) == 0.0
    assert disagreement([[one(0.9)], [one(0.9, label="number")]]) == 1.0
    assert disagreement([a, a, []]) == pytest.approx(2 / 3)  # of three pairs, two disagree


def of(type_: ShapeType, *points: float) -> Prediction:
    return Prediction("p", "image", "model@1", Shape("word", type_, points), 0.5)


def test_objects_of_all_types_are_compared_by_the_boxes_around_them() -> None:
    """A mask of 2 x 2 pixels from (10, 10) on is the polygon around them; a point is one that is a pixel further."""
    mask, around = of(ShapeType.MASK, 0, 4, 10, 10, 11, 11), of(ShapeType.POLYGON, 10, 10, 12, 10, 12, 12, 10, 12)
    point, near, far = (of(ShapeType.POINTS, left, 50.0) for left in (20.0, 21.0, 40.0))
    tag = of(ShapeType.TAG)
    assert disagreement([[mask, point, tag], [tag, near, around]]) == 0.0
    assert disagreement([[mask], [tag]]) == disagreement([[point], [far]]) == 1.0


@given(st.permutations(range(30)), st.permutations(range(30)), st.integers(0, 30), st.floats(0, 1))
def test_two_orders_become_one_in_which_each_item_is_once(
    first: list[int], second: list[int], cut: int, share: float
) -> None:
    assert sorted(interleaved(first, second[:cut], share)) == list(range(30))


def test_a_share_comes_from_the_second_order() -> None:
    assert list(interleaved([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], 0.5)) == [1, 6, 2, 5, 3, 4]
    assert list(interleaved([1, 2, 3], [3, 2, 1], 0.0)) == [1, 2, 3]
    assert list(interleaved([1, 2, 3], [3, 2, 1], 1.0)) == [3, 2, 1]
