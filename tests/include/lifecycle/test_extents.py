"""The upright boxes around shapes of any type."""

import pytest

from include.lifecycle.extents import bounds, extent, overlap
from include.lifecycle.shapes import Shape, ShapeType


@pytest.mark.parametrize(
    ("type_", "points", "box"),
    [
        (ShapeType.RECTANGLE, (1, 2, 5, 4), (1, 2, 5, 4)),
        (ShapeType.POLYGON, (1, 2, 5, 4, 3, 8), (1, 2, 5, 8)),
        (ShapeType.POLYLINE, (1, 2, 5, 4), (-4, -3, 10, 9)),
        (ShapeType.POINTS, (20, 30), (15, 25, 25, 35)),
        (ShapeType.ELLIPSE, (10, 20, 14, 17), (6, 17, 14, 23)),
        (ShapeType.MASK, (0, 6, 3, 4, 5, 5), (3, 4, 6, 6)),  # 3 x 2 pixels from (3, 4) on
    ],
    ids=str,
)
def test_the_box_around_a_shape(type_: ShapeType, points: tuple[float, ...], box: tuple[float, ...]) -> None:
    assert extent(Shape("a", type_, points)) == box


def test_a_rectangle_that_is_turned_by_a_right_angle() -> None:
    assert extent(Shape("a", ShapeType.RECTANGLE, (0, 0, 4, 2), rotation=90)) == pytest.approx((1, -1, 3, 3))


def test_the_bounds_of_lines_and_points_are_their_own() -> None:
    assert bounds(Shape("a", ShapeType.POLYLINE, (1, 2, 5, 4))) == (1, 2, 5, 4)
    assert bounds(Shape("a", ShapeType.POINTS, (20, 30))) == (20, 30, 20, 30)


def test_a_tag_is_nowhere() -> None:
    with pytest.raises(ValueError, match="has no extent"):
        extent(Shape("a", ShapeType.TAG, ()))


@pytest.mark.parametrize(
    ("other", "iou"),
    [((0, 0, 2, 2), 1.0), ((1, 0, 3, 2), 1 / 3), ((2, 0, 4, 2), 0.0), ((5, 5, 6, 6), 0.0), ((0, 0, 2, 1), 0.5)],
)
def test_intersection_over_union(other: tuple[float, float, float, float], iou: float) -> None:
    assert overlap((0, 0, 2, 2), other) == pytest.approx(iou)


def test_what_is_empty_overlaps_nothing() -> None:
    assert overlap((1, 1, 1, 1), (1, 1, 1, 1)) == 0
