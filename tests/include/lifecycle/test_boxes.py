"""Boxes, against rectangles turned by hand."""

import math

import pytest

from include.lifecycle.boxes import box_of, corners_of
from include.lifecycle.shapes import Shape, ShapeType


def rectangle(*points: float, rotation: float = 0.0) -> Shape:
    return Shape("word", ShapeType.RECTANGLE, points, rotation)


def test_a_rectangle_is_its_own_box() -> None:
    assert box_of(rectangle(10, 20, 30, 25)) == (10, 20, 30, 25)


def test_an_inverted_rectangle_which_cvat_accepts_is_the_same_rectangle() -> None:
    assert box_of(rectangle(30, 25, 10, 20)) == (10, 20, 30, 25)


def test_a_quarter_turn_swaps_the_sides_about_the_centre() -> None:
    assert box_of(rectangle(10, 20, 30, 30, rotation=90)) == pytest.approx((15, 15, 25, 35))


def test_a_rotation_is_clockwise_on_the_screen() -> None:
    top_left, *_ = corners_of(rectangle(-10, -10, 10, 10, rotation=45))
    assert top_left == pytest.approx((0, -10 * math.sqrt(2)))


def test_whole_turns_change_nothing() -> None:
    assert corners_of(rectangle(1, 2, 3, 4, rotation=360)) == ((1, 2), (3, 2), (3, 4), (1, 4))


def test_other_shapes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"a polygon \('word'\) has no corners"):
        box_of(Shape("word", ShapeType.POLYGON, (0, 0, 1, 0, 1, 1)))


@pytest.mark.parametrize("points", [(1, 2, 3), (0, 0, math.nan, 1), (0, 0, math.inf, 1)])
def test_broken_rectangles_are_refused(points: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="four finite numbers"):
        box_of(rectangle(*points))
