"""Slips, each by an example, and no finding where nothing is wrong."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from include.evaluation.lint import Slip, lint
from include.evaluation.reviewed import FinalImage
from include.lifecycle.reviews import Annotation
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.objects import box


def image(*shapes: Shape, name: str = "a", size: tuple[int, int] = (1000, 1000)) -> FinalImage:
    return FinalImage(name, size, tuple(Annotation(name, shape, "manual", n) for n, shape in enumerate(shapes)))


def slips(*images: FinalImage) -> list[tuple[Slip, str]]:
    return [(one.slip, one.image_id) for one in lint(images).findings]


def test_each_slip() -> None:
    assert slips(image(box(5, 5, 50, 6))) == [(Slip.TINY, "a")]
    assert slips(image(box(-20, 5, 50, 60))) == [(Slip.OUTSIDE, "a")]
    assert slips(image(box(50, 60, 5, 5))) == [(Slip.INVERTED, "a")]
    assert slips(image(box(5, 5, 50, 60), box(5, 5, 50, 59))) == [(Slip.DUPLICATE, "a")]
    assert slips(image()) == [(Slip.EMPTY, "a")]


def test_twins_of_two_classes_are_no_slip_and_one_of_three_is_told_per_pair() -> None:
    assert slips(image(box(5, 5, 50, 60), box(5, 5, 50, 60, "number"))) == []
    assert len(slips(image(*[box(5, 5, 50, 60)] * 3))) == 3


def test_two_halves_of_a_square_are_no_twins() -> None:
    lower = Shape("word", ShapeType.POLYGON, (0, 0, 40, 40, 0, 40))
    upper = Shape("word", ShapeType.POLYGON, (0, 0, 40, 0, 40, 40))
    assert slips(image(lower, upper)) == []
    assert slips(image(lower, upper, lower)) == [(Slip.DUPLICATE, "a")]


def test_masks_outside_are_told_and_compared() -> None:
    mask = Shape("word", ShapeType.MASK, (0, 25, 998, 998, 1002, 1002))
    assert slips(image(mask, mask)) == [(Slip.OUTSIDE, "a"), (Slip.OUTSIDE, "a"), (Slip.DUPLICATE, "a")]


def test_a_tag_twice_is_a_slip_and_a_tag_alone_is_no_empty_image() -> None:
    tag = Shape("word", ShapeType.TAG, ())
    assert slips(image(tag)) == []
    assert slips(image(tag, tag)) == [(Slip.DUPLICATE, "a")]


def test_an_unlikely_size_is_told_with_the_usual_one() -> None:
    images = [image(box(0, 0, 40 + number, 40), name=f"{number:02d}") for number in range(40)]
    giant = image(box(0, 0, 1000, 900), name="giant")
    report = lint([*images, giant])
    assert [(one.slip, one.image_id, one.label) for one in report.findings] == [(Slip.UNLIKELY_SIZE, "giant", "word")]
    assert report.findings[0].detail == "900000 pixels², usual for 'word' is 2400"
    assert lint([*images[:20], giant]).findings == ()  # of few, nobody knows what is usual


def test_a_line_may_end_at_the_edge_and_lie_flat() -> None:
    assert slips(image(Shape("word", ShapeType.POLYLINE, (0, 40, 1000, 40)))) == []
    assert slips(image(Shape("word", ShapeType.POLYLINE, (-2, 40, 500, 40)))) == [(Slip.OUTSIDE, "a")]
    assert lint([image(Shape("word", ShapeType.POLYLINE, (-2, 40, 5, 40)))]).findings[0].detail == (
        "it reaches 2.0 pixels over the edge"
    )


def test_a_line_of_two_pixels_is_tiny_and_a_point_is_not() -> None:
    assert slips(image(Shape("word", ShapeType.POLYLINE, (40, 40, 42, 41)))) == [(Slip.TINY, "a")]
    assert slips(image(Shape("word", ShapeType.POINTS, (1000, 40)))) == []
    assert slips(image(Shape("word", ShapeType.POINTS, (1002, 40)))) == [(Slip.OUTSIDE, "a")]


def test_a_slim_rectangle_is_tiny_however_it_is_turned() -> None:
    slim = Shape("word", ShapeType.RECTANGLE, (40, 40, 80, 42), rotation=45)
    assert slips(image(slim)) == [(Slip.TINY, "a")]


def test_what_is_everywhere_hides_nothing_else_in_the_list() -> None:
    empty = [image(name=f"{number:04d}") for number in range(600)]
    others = [image(box(50, 60, 5, 5), name="x"), image(box(-20, 5, 50, 60), name="y")]
    found = slips(*empty, *others)
    assert found[:2] == [(Slip.OUTSIDE, "y"), (Slip.INVERTED, "x")]
    assert found[2:] == [(Slip.EMPTY, f"{number:04d}") for number in range(498)]


def test_the_kinds_share_the_list() -> None:
    """Of 300 tiny, 400 inverted and 10 outside: 10, and half of what is left each."""
    shapes = {Slip.TINY: (box(5, 5, 50, 6), 300), Slip.INVERTED: (box(50, 60, 5, 5), 400)}
    shapes[Slip.OUTSIDE] = box(-20, 5, 50, 60), 10
    images = [image(shape, name=f"{slip}{n:03d}") for slip, (shape, count) in shapes.items() for n in range(count)]
    found = Counter(slip for slip, _ in slips(*images))
    assert found == {Slip.TINY: 245, Slip.INVERTED: 245, Slip.OUTSIDE: 10}


def test_counts_are_of_all_and_the_list_has_an_end() -> None:
    report = lint(image(name=f"{number:04d}") for number in range(600))
    assert report.images == report.counts["empty"] == 600
    assert len(report.findings) == 500


@given(st.integers(0, 900), st.integers(0, 900), st.integers(3, 100), st.integers(3, 100))
def test_an_object_inside_is_no_slip(x: int, y: int, wide: int, high: int) -> None:
    assert slips(image(box(x, y, min(x + wide, 1000), min(y + high, 1000)))) == []
