"""Pins: the least certain objects of a job, each once, with a place that CVAT can show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.pins import MOST, Pin, pins_of
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import Shape, ShapeType


def found(name: str, score: float, points: tuple[float, ...], type_: ShapeType = ShapeType.RECTANGLE) -> Prediction:
    return Prediction(name, "image", "model@1", Shape("car", type_, points), score)


def test_the_words_are_those_of_the_label_and_the_score() -> None:
    objects = [(3, found("a", 0.31, (10.004, 10, 60, 50))), (3, found("b", 0.5, (1, 1, 5, 5)))]
    assert pins_of(objects, 0.5) == [Pin(3, (10.0, 10, 60, 50), "car 0.31, below 0.5: is it right?")]


@pytest.mark.parametrize(
    ("type_", "points", "box"),
    [
        (ShapeType.POLYGON, (4, 1, 9, 8, 2, 6), (2, 1, 9, 8)),
        (ShapeType.POINTS, (14, 11), (9, 6, 19, 16)),  # no more than a point: something to be seen
        (ShapeType.ELLIPSE, (10, 10, 14, 7), (6, 7, 14, 13)),  # centre, rightmost x, topmost y
        (ShapeType.MASK, (0, 6, 3, 4, 5, 5), (3, 4, 6, 6)),  # three columns and two rows, from the pixel (3, 4) on
    ],
)
def test_every_shape_has_its_box(type_: ShapeType, points: tuple[float, ...], box: tuple[float, ...]) -> None:
    assert [pin.box for pin in pins_of([(0, found("a", 0.1, points, type_))], 0.5)] == [box]


def test_a_tag_has_no_place() -> None:
    assert pins_of([(0, found("a", 0.1, (), ShapeType.TAG))], 0.5) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 100)), max_size=60))
def test_the_least_certain_of_each_place_come_first_and_are_few(rows: list[tuple[int, int, int]]) -> None:
    objects = [(f, found(f"{n}", s / 100, (x, 0, x + 1, 1))) for n, (f, x, s) in enumerate(rows)]
    lowest: dict[tuple[int, int], int] = {}
    for frame, x, score in rows:
        if score < 50:
            lowest[frame, x] = min(score, lowest.get((frame, x), 100))
    pinned = pins_of(objects, 0.5)
    assert sorted(lowest.values())[:MOST] == [lowest[pin.frame, int(pin.box[0])] for pin in pinned]
    assert len({(pin.frame, pin.box) for pin in pinned}) == len(pinned)
    assert pins_of(reversed(objects), 0.5) == pinned  # in whatever order they come
