"""Agreement, by hand and by the worked example of Krippendorff's own paper."""

import pytest

from include.evaluation.agreement import Agreement, agreement, alpha
from include.evaluation.doubled import DoubledImage, DrawnBy
from include.lifecycle.reviews import Annotation
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.objects import box

HERE, THERE, FAR = box(0, 0, 10, 10), box(50, 0, 60, 10), box(0, 80, 10, 90)


def image(*people: list[Shape]) -> DoubledImage:
    drawn = (
        DrawnBy(f"person {n}", tuple(Annotation("a", shape, "manual", number) for number, shape in enumerate(shapes)))
        for n, shapes in enumerate(people)
    )
    return DoubledImage("a", (1000, 1000), tuple(drawn))


def number(shape: Shape) -> Shape:
    return box(*shape.points, "number")


def test_nominal_alpha_of_two_observers_is_the_papers() -> None:
    """Computing Krippendorff's Alpha-Reliability (2011), part B: nominal data, two observers, alpha 0.692."""
    first, second = "aabbdcccedda", "babbbccceddd"
    assert alpha(list(zip(first, second, strict=True))) == pytest.approx(0.692, abs=5e-4)


def test_full_agreement() -> None:
    found = agreement([image([HERE, number(THERE)], [HERE, number(THERE)])], 0.5)
    assert found == Agreement(1, 1, 2, kappa=1.0, alpha=1.0, mean_iou=1.0, found=1.0)


def test_two_halves_of_a_square_are_not_the_same_object() -> None:
    """Two triangles in one box, which share no more than their diagonal."""
    lower = Shape("word", ShapeType.POLYGON, (0, 0, 40, 40, 0, 40))
    upper = Shape("word", ShapeType.POLYGON, (0, 0, 40, 0, 40, 40))
    found = agreement([image([lower], [upper])], 0.5)
    assert found
    assert (found.objects, found.found, found.mean_iou) == (2, 0.0, None)


def test_what_one_missed_counts_against_alpha_and_not_against_kappa() -> None:
    found = agreement([image([HERE, number(THERE), FAR], [HERE, number(THERE)])], 0.5)
    assert found
    assert (found.objects, found.kappa, found.found) == (3, 1.0, 2 / 3)
    assert found.alpha == pytest.approx(1 - 5 * 2 / (36 - (9 + 4 + 1)))  # word 3, number 2, missing 1


def test_kappa_of_classes_by_hand() -> None:
    """Of four objects that both drew they call three alike: (3/4 - 1/2) / (1 - 1/2)."""
    places = [box(20 * n, 0, 20 * n + 10, 10) for n in range(4)]
    one = [places[0], places[1], number(places[2]), number(places[3])]
    other = [places[0], number(places[1]), number(places[2]), number(places[3])]
    found = agreement([image(one, other)], 0.5)
    assert found
    observed, chance = 3 / 4, (2 * 1 + 2 * 3) / 16
    assert found.kappa == pytest.approx((observed - chance) / (1 - chance))


def test_where_there_is_one_class_kappa_and_alpha_mean_nothing() -> None:
    """Of 21 objects both drew 20, and yet alpha would be 1 - 41 * 2 / (42 * 42 - 41 * 41 - 1 * 1) = 0.0."""
    places = [box(20 * n, 0, 20 * n + 10, 10) for n in range(21)]
    assert alpha([("word", "word")] * 20 + [("word", "")]) == pytest.approx(0.0)
    for other in (places, places[1:]):
        found = agreement([image(places, other)], 0.5)
        assert found
        assert (found.kappa, found.alpha) == (None, None)
        assert found.found == len(other) / 21


def test_every_two_of_three_are_compared() -> None:
    found = agreement([image([HERE], [HERE], [])], 0.5)
    assert found
    assert (found.pairs, found.objects, found.found) == (3, 3, 1 / 3)


def test_nobody_and_empty_images() -> None:
    assert agreement([], 0.5) is None
    assert agreement([image([], [])], 0.5) == Agreement(1, 1, 0, None, None, None, None)
