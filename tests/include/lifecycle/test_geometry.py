"""Geometry: a shape is refused for what cannot lie on the image, and for nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.geometry import fault
from include.lifecycle.shapes import ShapeType

WIDTH, HEIGHT = 64, 48

xs = st.floats(0, WIDTH)
ys = st.floats(0, HEIGHT)


@given(st.lists(xs, min_size=2, max_size=2, unique=True), st.lists(ys, min_size=2, max_size=2, unique=True))
def test_a_box_inside_is_right_and_turned_inside_out_it_is_not(x: list[float], y: list[float]) -> None:
    (left, right), (top, bottom) = sorted(x), sorted(y)
    assert fault(ShapeType.RECTANGLE, (left, top, right, bottom), 0.0, WIDTH, HEIGHT) is None
    assert "inverted" in (fault(ShapeType.RECTANGLE, (right, top, left, bottom), 0.0, WIDTH, HEIGHT) or "")
    assert "inverted" in (fault(ShapeType.RECTANGLE, (left, bottom, right, top), 0.0, WIDTH, HEIGHT) or "")


@given(
    st.sampled_from([ShapeType.RECTANGLE, ShapeType.POLYGON, ShapeType.POLYLINE, ShapeType.POINTS, ShapeType.ELLIPSE]),
    st.integers(0, 3),
    st.sampled_from([math.nan, math.inf, -math.inf, -0.01, WIDTH * 3.0]),
)
def test_one_number_off_is_enough(type_: ShapeType, place: int, wrong: float) -> None:
    points = [8.0, 8.0, 40.0, 4.0] if type_ is ShapeType.ELLIPSE else [8.0, 8.0, 40.0, 40.0]
    points += [8.0, 40.0] if type_ is ShapeType.POLYGON else []
    points[place] = wrong
    assert fault(type_, tuple(points), 0.0, WIDTH, HEIGHT) is not None


@pytest.mark.parametrize(("right", "ok"), [(64.0, True), (64.004, True), (64.01, False), (64.5, False)])
def test_what_two_decimals_cannot_tell_is_tolerated_at_the_border(right: float, ok: bool) -> None:
    assert (fault(ShapeType.RECTANGLE, (0.0, 0.0, right, 48.0), 0.0, WIDTH, HEIGHT) is None) is ok


@pytest.mark.parametrize(
    ("points", "ok"),
    [
        ((0.0, 4.0, 62.0, 46.0, 63.0, 47.0), True),
        ((1.0, 2.0, 1.0, 62.0, 46.0, 63.0, 47.0), True),
        ((4.0, 62.0, 46.0, 63.0, 47.0), False),  # empty
        ((0.0, 3.0, 62.0, 46.0, 63.0, 47.0), False),  # less than its box
        ((0.0, 4.0, 63.0, 46.0, 64.0, 47.0), False),  # outside
        ((62.0, 46.0, 63.0, 47.0), False),  # no runs
        ((0.5, 3.5, 62.0, 46.0, 63.0, 47.0), False),
        ((-1.0, 5.0, 62.0, 46.0, 63.0, 47.0), False),
        ((0.0, math.inf, 62.0, 46.0, 63.0, 47.0), False),
    ],
)
def test_a_mask_has_the_pixels_of_its_box(points: tuple[float, ...], ok: bool) -> None:
    assert (fault(ShapeType.MASK, points, 0.0, WIDTH, HEIGHT) is None) is ok


def test_the_words_say_the_image_and_the_points() -> None:
    said = fault(ShapeType.RECTANGLE, (1.0, 2.0, 70.0, 9.0), 0.0, WIDTH, HEIGHT)
    assert said == "a rectangle that is inverted or not inside 64 x 48 pixels: [1.0, 2.0, 70.0, 9.0]"
